/* export_layers.c - a line of C for each layer of a network: one row a kind of layer.
 *
 * What a layer is comes from its summary: type, what its constructor got ("kernel 3, padding 1"), shapes of one example; its numbers
 * from the network's tensors by name.
 * Layer: train.  Depends on export.h, data/transform.h.  Read next: export_functions.c, export_c.c. */
#include "base/number.h"
#include "data/transform.h"
#include "train/export.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024, TERM = 300, NUMBERS_A_LINE = 8, NUMBER = 40 };

/* ---- texts ------------------------------------------------------------------------------------------------------- */

void export_put(file_bytes *to, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (!tp_pending() && n >= 0 && to->size + (size_t)n + 1 > to->room)
        file_bytes_reserve(to, 2 * (to->size + (size_t)n + 1));
    if (!tp_pending() && n >= 0) {
        vsnprintf((char *)to->data + to->size, (size_t)n + 1, format, again);
        to->size += (size_t)n;
    }
    va_end(again);
}

/* 9 digits tell every float from its neighbours. */
static const char *number_in_c(char text[NUMBER], float x)
{
    const int length = print_number(text, NUMBER, 'g', 9, (double)x);
    snprintf(text + length, NUMBER - (size_t)length, "%s", strpbrk(text, ".e") ? "f" : ".0f");
    return text;
}

static void export_numbers(file_bytes *to, const float *x, int64_t n)
{
    char text[NUMBER];
    for (int64_t i = 0; i < n && !tp_pending(); i++) {
        if (!isfinite(x[i])) {
            tp_fail(TP_ERR_UNSUPPORTED, "export: a weight is %g, finite ones are wanted", (double)x[i]);
            return;
        }
        print_number(text, sizeof text, 'g', 9, (double)x[i]);
        export_put(to, "%s%s%sf,",
                   i % NUMBERS_A_LINE ? " "
                   : i                ? "\n    "
                                      : "    ",
                   text, strpbrk(text, ".e") ? "" : ".0");
    }
}

void export_use(exporter *e, export_function_id f)
{
    e->used |= UINT32_C(1) << f | export_functions[f].needs;
}

static void fits_int(int64_t n)
{
    if (n > INT32_MAX)
        tp_fail(TP_ERR_UNSUPPORTED, "export: an array of %lld numbers, at most %d are possible", (long long)n,
                INT32_MAX);
}

const char *export_x(const exporter *e)
{
    return e->at < 0 ? "input" : e->at ? "b" : "a";
}

const char *export_y(exporter *e, int64_t n, bool in_place)
{
    if (e->at < 0 || !in_place)
        e->at = e->at == 0;
    fits_int(n);
    if (n > e->room[e->at])
        e->room[e->at] = n;
    return e->at ? "b" : "a";
}

/* "(6, 28, 28)": of one example */
static const char *shape_of_one(char text[TERM], tp_shape shape)
{
    int used = snprintf(text, TERM, "(");
    for (int i = 1; i < shape.ndim; i++)
        used +=
            snprintf(text + used, TERM - (size_t)used, "%s%lld", i > 1 ? ", " : "", (long long)shape.dim[i]);
    snprintf(text + used, TERM - (size_t)used, ")");
    return text;
}

static int64_t numel(tp_shape shape)
{
    int64_t n = 1;
    for (int i = 0; i < shape.ndim; i++)
        n *= shape.dim[i];
    return n;
}

/* ---- a layer: what it was made of -------------------------------------------------------------------------------- */

typedef struct layer {
    exporter *e;
    const tp_summary_row *row;
    export_function_id function;
} layer;

static tp_status unsupported(const layer *l, const char *why)
{
    return tp_fail(TP_ERR_UNSUPPORTED, "export: %s is a %s%s%s, for which there is no C", l->row->name,
                   l->row->type, why ? " " : "", why ? why : "");
}

/* What stands behind a word of its constructor's text; NULL: nothing was said. */
static const char *said(const layer *l, const char *word)
{
    const size_t length = strlen(word);
    for (const char *part = l->row->info; part;) {
        if (!strncmp(part, word, length) && strchr(" ,", part[length]))
            return part + length;
        part = strstr(part, ", ");
        part = part ? part + 2 : NULL;
    }
    return NULL;
}

/* "stride 2" or "stride 2x1" */
static void said_pair(const layer *l, const char *word, const int64_t otherwise[2], int64_t pair[2])
{
    const char *text = said(l, word);
    char *end;
    pair[0] = otherwise[0], pair[1] = otherwise[1];
    if (!text)
        return;
    pair[0] = strtoll(text, &end, 10);
    pair[1] = *end == 'x' ? strtoll(end + 1, &end, 10) : pair[0];
}

/* The layer's call, and what comes out. */
static void put_line(const layer *l, const char *format, ...) TP_PRINTF(2, 3);
static void put_line(const layer *l, const char *format, ...)
{
    char call[LINE], shape[TERM];
    va_list args;
    va_start(args, format);
    if (vsnprintf(call, sizeof call, format, args) >= LINE)
        unsupported(l, "of too long a name");
    va_end(args);
    export_put(&l->e->network, "    %s /* %s: %s */\n", call, l->row->name,
               shape_of_one(shape, l->row->output));
}

/* ---- its numbers ------------------------------------------------------------------------------------------------- */

static void put_array(exporter *e, const char *name, const char *shape, const float *x, int64_t n)
{
    fits_int(n);
    export_put(&e->weights, "\nstatic const float %s[%lld] = { /* %s */\n", name, (long long)n, shape);
    export_numbers(&e->weights, x, n);
    export_put(&e->weights, "\n};\n");
    e->n_weights += n;
}

/* The name in C of the layer's tensor, which is put out; zeros of that size, unless it is 0, where the layer has no such one. */
static const char *array(const layer *l, const char *tensor, int64_t size, char name[TERM])
{
    TP_SCOPE;
    exporter *e = l->e;
    char dotted[TERM - 8], shape[TERM];
    snprintf(dotted, sizeof dotted, "%s.%s", l->row->name, tensor);
    snprintf(name, TERM, "%s%s", dotted[0] >= '0' && dotted[0] <= '9' ? "layer_" : "", dotted);
    for (char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *c))
            *c = '_';
    tp_tensor *x = tp_params_find(e->tensors, dotted);
    if (!x && !size)
        tp_fail(TP_ERR_UNSUPPORTED, "export: there is no %s", dotted);
    x = x ? tp_contiguous(tp_float(tp_detach(x))) : tp_zeros(TP_SHAPE(size));
    if (!x || tp_pending())
        return name;
    tp_shape whole = tp_shape_of(x), shifted = { .ndim = whole.ndim + 1 };
    memcpy(shifted.dim + 1, whole.dim, (size_t)whole.ndim * sizeof *whole.dim);
    put_array(e, name, shape_of_one(shape, shifted), tp_data(x), tp_numel(x));
    return name;
}

static tp_shape tensor_shape(const layer *l, const char *tensor)
{
    char dotted[TERM];
    snprintf(dotted, sizeof dotted, "%s.%s", l->row->name, tensor);
    const tp_tensor *x = tp_params_find(l->e->tensors, dotted);
    return x ? tp_shape_of(x) : (tp_shape){ 0 };
}

/* ---- layers with weights ----------------------------------------------------------------------------------------- */

static tp_status put_linear(const layer *l)
{
    char weight[TERM], bias[TERM];
    exporter *e = l->e;
    const tp_shape w = tensor_shape(l, "weight");
    if (numel(l->row->input) != w.dim[1])
        return unsupported(l, "over several places");
    const char *x = export_x(e), *y = export_y(e, w.dim[0], false);
    array(l, "weight", 0, weight);
    array(l, "bias", w.dim[0], bias);
    put_line(l, "linear(%s, %s, %lld, %lld, %s, %s);", y, x, (long long)w.dim[1], (long long)w.dim[0], weight,
             bias);
    return TP_OK;
}

static tp_status put_embedding(const layer *l)
{
    char weight[TERM];
    exporter *e = l->e;
    const tp_shape w = tensor_shape(l, "weight");
    if (!e->is_text || e->at >= 0)
        return unsupported(l, "in a place of its own");
    put_line(l, "embedding(%s, %s, token, %lld);", export_y(e, w.dim[1], false),
             array(l, "weight", 0, weight), (long long)w.dim[1]);
    return TP_OK;
}

/* (size){ 1, 28, 28 } */
static const char *size_in_c(char text[TERM], tp_shape s)
{
    snprintf(text, TERM, "(size){ %lld, %lld, %lld }", (long long)s.dim[1], (long long)s.dim[2],
             (long long)s.dim[3]);
    return text;
}

/* Both sizes and the window, as all functions with a window take them. */
static const char *window_in_c(const layer *l, const int64_t stride_otherwise[2], char text[LINE])
{
    char in[TERM], out[TERM];
    int64_t stride[2], pad[2];
    said_pair(l, "stride", stride_otherwise, stride);
    said_pair(l, "padding", (int64_t[2]){ 0, 0 }, pad);
    snprintf(text, LINE, "%s, %s, (window){ %lld, %lld, %lld, %lld, %lld, %lld }",
             size_in_c(in, l->row->input), size_in_c(out, l->row->output), (long long)l->row->kernel.dim[0],
             (long long)l->row->kernel.dim[1], (long long)stride[0], (long long)stride[1], (long long)pad[0],
             (long long)pad[1]);
    return text;
}

static tp_status put_conv2d(const layer *l)
{
    char weight[TERM], bias[TERM], sizes[LINE];
    exporter *e = l->e;
    if (said(l, "groups") || said(l, "dilation"))
        return unsupported(l, "with groups or dilation");
    const char *x = export_x(e), *y = export_y(e, numel(l->row->output), false);
    const int64_t n = l->row->input.dim[1] * numel(l->row->kernel);
    e->patch = n > e->patch ? n : e->patch;
    array(l, "weight", 0, weight);
    array(l, "bias", l->row->output.dim[1], bias);
    put_line(l, "conv2d(%s, %s, %s, %s, %s);", y, x, window_in_c(l, (int64_t[2]){ 1, 1 }, sizes), weight,
             bias);
    return TP_OK;
}

static tp_status put_pool(const layer *l)
{
    char sizes[LINE];
    exporter *e = l->e;
    const bool is_max = l->function == F_MAX_POOL2D;
    if (said(l, "dilation") || (!is_max && (said(l, "padding") || said(l, "ceil"))))
        return unsupported(l, is_max ? "with dilation" : "with padding or ceil");
    const char *x = export_x(e), *y = export_y(e, numel(l->row->output), false);
    put_line(l, "%s(%s, %s, %s);", l->row->type, y, x, window_in_c(l, l->row->kernel.dim, sizes));
    return TP_OK;
}

/* ---- recurrent layers -------------------------------------------------------------------------------------------- */

typedef struct strand { /* a layer in a direction */
    int number, direction, directions;
    int64_t hidden, steps, in;
} strand;

static void put_strand(const layer *l, const strand *s, const char *x, const char *y)
{
    static const char *const tensors[] = { "weight_ih", "weight_hh", "bias_ih", "bias_hh" };
    exporter *e = l->e;
    char names[4][TERM], name[TERM], cell[TERM] = "";
    const char *state = e->is_text ? "state->" : "state.";
    const int64_t gates = l->function == F_LSTM ? 4 : l->function == F_GRU ? 3 : 1;
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s_l%d%s", tensors[i], s->number, s->direction ? "_reverse" : "");
        array(l, name, i < 2 ? 0 : gates * s->hidden, names[i]);
    }
    if (l->function == F_LSTM)
        snprintf(cell, sizeof cell, " %sc + %lld,", state, (long long)e->carried);
    put_line(l, "%s(%s + %lld, %lld, %s, %lld, %lld, %lld, %d, %sh + %lld,%s %s, %s, %s, %s);", l->row->type,
             y, (long long)(s->direction * s->hidden), (long long)(s->directions * s->hidden), x,
             (long long)s->steps, (long long)s->in, (long long)s->hidden, s->direction, state,
             (long long)e->carried, cell, names[0], names[1], names[2], names[3]);
    e->carried += s->hidden;
    if (gates * s->hidden > e->gates)
        e->gates = gates * s->hidden;
}

static tp_status put_recurrent(const layer *l)
{
    static const char *const others[] = { "projection", "peephole", "reset before", "layer norm", "relu" };
    exporter *e = l->e;
    for (int i = 0; i < (int)(sizeof others / sizeof *others); i++)
        if (said(l, others[i]))
            return unsupported(l, "with a projection, peepholes, another reset gate, norms or relu");
    if (l->row->input.ndim != 3 || !said(l, "batch first"))
        return unsupported(l, "that does not take (N, T, D)");
    strand s = { .directions = said(l, "both directions") ? 2 : 1,
                 .steps = l->row->input.dim[1],
                 .in = l->row->input.dim[2] };
    int64_t layers[2];
    said_pair(l, "layers", (int64_t[2]){ 1, 1 }, layers);
    s.hidden = l->row->output.dim[2] / s.directions;
    e->has_cell |= l->function == F_LSTM;
    for (s.number = 0; s.number < layers[0]; s.number++) {
        const char *x = export_x(e), *y = export_y(e, s.steps * s.directions * s.hidden, false);
        for (s.direction = 0; s.direction < s.directions; s.direction++)
            put_strand(l, &s, x, y);
        s.in = s.directions * s.hidden;
    }
    return TP_OK;
}

static tp_status put_pooling(const layer *l)
{
    char weight[TERM];
    exporter *e = l->e;
    const int64_t steps = l->row->input.dim[1], width = l->row->input.dim[2];
    const char *x = export_x(e), *y = export_y(e, width, false);
    if (said(l, "last")) {
        export_use(e, F_LAST_STEP);
        put_line(l, "last_step(%s, %s, %lld, %lld, %lld);", y, x, (long long)steps, (long long)width,
                 (long long)(said(l, "both directions") ? width / 2 : width));
    } else if (said(l, "mean")) {
        export_use(e, F_MEAN_STEP);
        put_line(l, "mean_step(%s, %s, %lld, %lld);", y, x, (long long)steps, (long long)width);
    } else {
        export_use(e, F_ATTENTION);
        put_line(l, "attention(%s, %s, %lld, %lld, %s);", y, x, (long long)steps, (long long)width,
                 array(l, "weight", 0, weight));
    }
    return TP_OK;
}

/* ---- layers without -------------------------------------------------------------------------------------------------- */

static tp_status put_nothing(const layer *l)
{
    char shape[TERM];
    export_put(&l->e->network, "    /* %s: %s, the same numbers */\n", l->row->name,
               shape_of_one(shape, l->row->output));
    return TP_OK;
}

static tp_status put_map(const layer *l)
{
    exporter *e = l->e;
    const int64_t n = numel(l->row->output);
    const char *x = export_x(e), *y = export_y(e, n, true);
    if (l->function == F_LEAKY_RELU) {
        char slope[NUMBER];
        double number = 0;
        const char *end;
        parse_number(l->row->info, &number, &end);
        put_line(l, "leaky_relu_all(%s, %s, %lld, %s);", y, x, (long long)n,
                 number_in_c(slope, (float)number));
    } else
        put_line(l, "%s_all(%s, %s, %lld);", l->row->type, y, x, (long long)n);
    return TP_OK;
}

/* Of one channel the numbers lie as they shall. */
static tp_status put_rows(const layer *l)
{
    char in[TERM];
    exporter *e = l->e;
    if (l->row->input.ndim != 4 || l->row->input.dim[1] == 1)
        return put_nothing(l);
    export_use(e, F_ROWS);
    const char *x = export_x(e), *y = export_y(e, numel(l->row->output), false);
    put_line(l, "rows(%s, %s, %s);", y, x, size_in_c(in, l->row->input));
    return TP_OK;
}

/* ---- all of them ----------------------------------------------------------------------------------------------------- */

enum { OWN = N_EXPORT_FUNCTIONS }; /* it uses what it needs by itself */

static const struct layer_kind {
    const char *type;
    tp_status (*put)(const layer *);
    int function;
} kinds[] = {
    { "linear", put_linear, F_LINEAR },
    { "conv2d", put_conv2d, F_CONV2D },
    { "max_pool2d", put_pool, F_MAX_POOL2D },
    { "avg_pool2d", put_pool, F_AVG_POOL2D },
    { "embedding", put_embedding, F_EMBEDDING },
    { "rows", put_rows, OWN },
    { "rnn", put_recurrent, F_RNN },
    { "lstm", put_recurrent, F_LSTM },
    { "gru", put_recurrent, F_GRU },
    { "sequence_pooling", put_pooling, OWN },
    { "relu", put_map, F_RELU },
    { "leaky_relu", put_map, F_LEAKY_RELU },
    { "sigmoid", put_map, F_SIGMOID },
    { "tanh", put_map, F_TANH },
    { "gelu", put_map, F_GELU },
    { "gelu_tanh", put_map, F_GELU_TANH },
    { "silu", put_map, F_SILU },
    { "softplus", put_map, F_SOFTPLUS },
    { "flatten", put_nothing, OWN },
    { "dropout", put_nothing, OWN },
    { "dropout2d", put_nothing, OWN },
    { "identity", put_nothing, OWN },
};

static tp_status put_layer(exporter *e, const tp_summary_row *row)
{
    layer l = { .e = e, .row = row };
    for (int i = 0; i < (int)(sizeof kinds / sizeof *kinds); i++) {
        if (strcmp(kinds[i].type, row->type) != 0)
            continue;
        if (row->calls != 1)
            return unsupported(&l, "that does not run exactly once");
        if (kinds[i].function != OWN)
            export_use(e, l.function = (export_function_id)kinds[i].function);
        kinds[i].put(&l);
        return tp_error_pending();
    }
    return unsupported(&l, NULL);
}

tp_status export_layers(exporter *e)
{
    tp_summary s;
    tp_status status;
    tp_shape input = setup_input(e->setup, &status);
    if (e->is_text)
        input = TP_SHAPE(1, 1);
    if (status || tp_summarize(e->net, input, &s))
        return tp_error_pending();
    for (int i = 0; i < s.n_rows && !tp_pending(); i++)
        if (strcmp(s.rows[i].type, "sequential") != 0)
            put_layer(e, &s.rows[i]);
    const tp_shape output = s.rows[0].output;
    e->n_outputs = output.dim[output.ndim - 1];
    tp_summary_free(&s);
    return tp_error_pending();
}

/* ---- the transform --------------------------------------------------------------------------------------------------- */

static bool is_step(const tp_transform *t, const char *name)
{
    return !strcmp(t->kind->name, name);
}

static void put_step(exporter *e, const tp_transform *t, tp_shape in, tp_shape out)
{
    const int64_t n = numel(out);
    const bool is_pad = is_step(t, "pad");
    const char *x = export_x(e), *y = export_y(e, n, !is_pad);
    export_use(e, is_pad ? F_PAD : F_NORMALIZE);
    if (is_pad) {
        char value[NUMBER];
        export_put(&e->network, "    pad(%s, %s, (size){ %lld, %lld, %lld }, %lld, %s);\n", y, x,
                   (long long)in.dim[0], (long long)in.dim[1], (long long)in.dim[2], (long long)t->pad.pixels,
                   number_in_c(value, t->pad.value));
        return;
    }
    char shape[24];
    snprintf(shape, sizeof shape, "(%d)", t->normalize.n);
    put_array(e, "normalize_mean", shape, t->normalize.mean, t->normalize.n);
    put_array(e, "normalize_deviation", shape, t->normalize.std, t->normalize.n);
    export_put(&e->network, "    normalize(%s, %s, %d, %lld, normalize_mean, normalize_deviation);\n", y, x,
               t->normalize.n, (long long)(n / t->normalize.n));
}

/* The last steps, as far as they are pad and one normalize, are done in C; those before them are the caller's. */
tp_status export_transform(exporter *e, const tp_transform *t)
{
    const bool is_chain = is_step(t, "chain");
    const tp_transform *const *steps = is_chain ? (const tp_transform *const *)t->chain.steps : &t;
    const int n = is_chain ? t->chain.n : 1;
    int first = n, normalizes = 0;
    while (first > 0 &&
           (is_step(steps[first - 1], "pad") || (is_step(steps[first - 1], "normalize") && !normalizes++)))
        first--;
    const char *text = e->setup->config.transform;
    size_t length, used = 0;
    tp_shape in = e->setup->data_shape, out;
    for (int i = 0; i < n; i++, in = out) {
        if (tp_transform_shape(steps[i], in, &out))
            return tp_error_pending();
        const char *step = transform_next_step(&text, &length);
        if (i >= first) {
            e->input = i == first ? in : e->input;
            put_step(e, steps[i], in, out);
        } else if (step && used + length + 2 < sizeof e->before)
            used += (size_t)snprintf(e->before + used, sizeof e->before - used, "%s%.*s", used ? " " : "",
                                     (int)length, step);
    }
    e->input = first == n ? in : e->input;
    return tp_error_pending();
}
