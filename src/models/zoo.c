/* zoo.c - networks by name: the table, and the checks that all models share.
 *
 * Here a zero option becomes the model's default and a wrong one an error of one line, so that a model's own file
 * is only its architecture.  Models are built from public functions, as a user's program would.
 * Layer: models.  Depends on taper/models.h.  Read next: lenet5.c, mlp.c. */
#include "models/zoo.h"

#include <math.h>
#include <string.h>

#define MODEL(name) extern const model_row model_##name;
#include "models/models.def"
#undef MODEL

static const model_row *const rows[] = {
#define MODEL(name) &model_##name,
#include "models/models.def"
#undef MODEL
};
enum { N_MODELS = sizeof rows / sizeof *rows };

static const model_row *row_of(const char *name)
{
    for (int i = 0; i < N_MODELS; i++)
        if (name && strcmp(rows[i]->info.name, name) == 0)
            return rows[i];
    return NULL;
}

int tp_model_count(void)
{
    return N_MODELS;
}

const tp_model_info *tp_model_at(int i)
{
    return i >= 0 && i < N_MODELS ? &rows[i]->info : NULL;
}

static const char *name_at(int i)
{
    return i < N_MODELS ? rows[i]->info.name : NULL;
}

const tp_model_info *tp_model_find(const char *name)
{
    const model_row *row = row_of(name);
    return row ? &row->info : NULL;
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

static bool reads(const tp_model_info *info, const char *option)
{
    size_t length = strlen(option);
    for (const char *p = info->options; *p; p += strspn(p, " ")) {
        size_t word = strcspn(p, " ");
        if (word == length && memcmp(p, option, length) == 0)
            return true;
        p += word;
    }
    return false;
}

/* Is an option that was given one that the model reads? */
static void check_read(const tp_model_info *info, const char *option, bool given)
{
    if (given && !reads(info, option))
        tp_error_set(TP_ERR_ARGUMENT, "%s: has no option '%s' (it has: %s)", info->name, option,
                     info->options);
}

static int64_t size_of(const tp_model_info *info, const char *option, int64_t value, int64_t otherwise)
{
    check_read(info, option, value != 0);
    if (value < 0 || value > 1 << 24)
        tp_error_set(TP_ERR_ARGUMENT, "%s: %s is %lld, 1 to %d is wanted", info->name, option,
                     (long long)value, 1 << 24);
    return value ? value : otherwise;
}

static const char *text_of(const tp_model_info *info, const char *option, const char *value,
                           const char *otherwise)
{
    check_read(info, option, value != NULL);
    return value ? value : otherwise;
}

/* -0.0 (TP_ZERO) is a zero that was meant. */
static double dropout_of(const tp_model_info *info, double value, double otherwise)
{
    bool given = value != 0 || signbit(value);
    check_read(info, "dropout", given && value != 0);
    if (given && !(value >= 0 && value < 1))
        tp_error_set(TP_ERR_ARGUMENT, "%s: dropout is %g, [0, 1) is wanted", info->name, value);
    return given ? fabs(value) : otherwise;
}

static int64_t either(int64_t a, int64_t b)
{
    return a ? a : b;
}

tp_shape tp_model_input_shape(const tp_model_info *m, const tp_model_options *o, int64_t batch)
{
    static const tp_model_options none = { .struct_size = sizeof none };
    o = o ? o : &none;
    const int64_t channels = either(o->channels, m->defaults.channels), size = tp_model_image_size(m, o),
                  features = either(o->features, m->defaults.features);
    switch (m->input) {
    case TP_INPUT_LABELLED:
    case TP_INPUT_TAGGED:
    case TP_INPUT_TEXT: return TP_SHAPE(batch, m->steps);
    case TP_INPUT_PAIR: return TP_SHAPE(batch, 2, m->steps);
    case TP_INPUT_SERIES:
    case TP_INPUT_SEQUENCE: return TP_SHAPE(batch, m->steps, features);
    case TP_INPUT_FLAT:
        if (o->features || !channels || !size)
            return TP_SHAPE(batch, features);
        break;
    case TP_INPUT_PICTURE: break;
    }
    return TP_SHAPE(batch, channels, size, size);
}

int64_t tp_model_image_size(const tp_model_info *info, const tp_model_options *o)
{
    const bool small = o && o->stem && !strcmp(o->stem, "cifar");
    if (o && o->image_size)
        return o->image_size;
    return small ? 32 : info ? info->defaults.image_size : 0;
}

tp_module *tp_model_opt(const char *name, const tp_model_options *given)
{
    static const tp_model_options none = { .struct_size = sizeof none };
    if (tp_error_pending())
        return NULL;
    const model_row *row = row_of(name);
    if (!row) {
        tp_error_unknown("model", name ? name : "", name_at);
        return NULL;
    }
    const tp_model_info *info = &row->info;
    const tp_model_options *o = given ? given : &none, *d = &info->defaults;
    tp_model_options all = { .struct_size = sizeof all };
    all.classes = size_of(info, "classes", o->classes, d->classes);
    all.channels = size_of(info, "channels", o->channels, d->channels);
    all.image_size = size_of(info, "image_size", o->image_size, tp_model_image_size(info, o));
    all.features = size_of(info, "features", o->features, d->features);
    all.hidden = text_of(info, "hidden", o->hidden, d->hidden);
    all.activation = text_of(info, "activation", o->activation, d->activation);
    all.variant = text_of(info, "variant", o->variant, d->variant);
    all.stem = text_of(info, "stem", o->stem, d->stem);
    all.dropout = dropout_of(info, o->dropout, d->dropout);
    check_read(info, "recompute", o->recompute);
    all.recompute = o->recompute;
    all.cell = text_of(info, "cell", o->cell, d->cell);
    all.layers = size_of(info, "layers", o->layers, d->layers);
    all.embedding = size_of(info, "embedding", o->embedding, d->embedding);
    check_read(info, "bidirectional", o->bidirectional);
    all.bidirectional = o->bidirectional;
    all.pooling = text_of(info, "pooling", o->pooling, d->pooling);
    all.inputs = size_of(info, "inputs", o->inputs, d->inputs);
    all.attention = text_of(info, "attention", o->attention, d->attention);
    all.structure = text_of(info, "structure", o->structure, d->structure);
    all.position = text_of(info, "position", o->position, d->position);
    all.norm = text_of(info, "norm", o->norm, d->norm);
    all.heads = size_of(info, "heads", o->heads, d->heads);
    all.kv_heads = size_of(info, "kv_heads", o->kv_heads, d->kv_heads);
    all.dim = size_of(info, "dim", o->dim, d->dim);
    all.ff = size_of(info, "ff", o->ff, d->ff);
    all.context = size_of(info, "context", o->context, d->context);
    all.attention_window = size_of(info, "attention_window", o->attention_window, d->attention_window);
    check_read(info, "untied", o->untied);
    all.untied = o->untied;
    check_read(info, "guided", o->guided != 0);
    all.guided = o->guided;
    check_read(info, "copy", o->copy);
    all.copy = o->copy;
    if (tp_error_pending())
        return NULL;
    TP_SCOPE;
    tp_module *net = row->build(&all);
    return tp_keep(tp_module_built(net));
}

/* ---- for the models ---------------------------------------------------------------------------------------------- */

int model_widths(const char *model, const char *text, int64_t widths[MODEL_MAX_HIDDEN])
{
    int n = 0;
    for (const char *p = text; *p; n++) {
        int64_t width = 0;
        size_t digits = strspn(p, "0123456789");
        for (size_t i = 0; i < digits && width <= 1 << 24; i++)
            width = 10 * width + (p[i] - '0');
        p += digits;
        bool end = !*p || (*p == ',' && p[1]);
        if (!digits || !end || width < 1 || width > 1 << 24 || n == MODEL_MAX_HIDDEN) {
            tp_error_set(TP_ERR_ARGUMENT, "%s: hidden is '%.60s', up to %d numbers as in 128,64 are wanted",
                         model, text, MODEL_MAX_HIDDEN);
            return -1;
        }
        widths[n] = width;
        p += *p == ',';
    }
    return n;
}

int model_choice(const char *model, const char *option, const char *value, const char *const *choices)
{
    char known[160] = "";
    size_t used = 0;
    for (int i = 0; choices[i]; i++) {
        if (!strcmp(choices[i], value))
            return i;
        used += (size_t)snprintf(known + used, used < sizeof known ? sizeof known - used : 0, "%s%s",
                                 i ? ", " : "", choices[i]);
    }
    tp_error_set(TP_ERR_ARGUMENT, "%s: unknown %s '%.60s' (known: %s)", model, option, value, known);
    return -1;
}

bool model_small_stem(const char *model, const tp_model_options *o)
{
    return model_choice(model, "stem", o->stem, (const char *const[]){ "imagenet", "cifar", NULL }) == 1;
}

void model_initialise(tp_module *net, model_initialiser *conv, model_initialiser *linear, bool zero_bias)
{
    tp_params *all = tp_parameters(net);
    for (int i = 0; i < tp_params_count(all); i++) {
        tp_tensor *t = tp_params_at(all, i);
        const char *name = tp_params_name(all, i), *last = strrchr(name, '.');
        TP_NO_GRAD;
        if (tp_ndim(t) == 4 && conv)
            conv(t);
        else if (tp_ndim(t) == 2 && linear)
            linear(t);
        else if (zero_bias && last && !strcmp(last, ".bias"))
            tp_fill_(t, 0);
    }
}

tp_tensor *model_kaiming_fan_out(tp_tensor *t)
{
    return tp_init_kaiming_normal_fan_out_(t, 0);
}

tp_tensor *model_kaiming(tp_tensor *t)
{
    return tp_init_kaiming_normal_(t, 0);
}

tp_tensor *model_normal(tp_tensor *t)
{
    return tp_normal_(t, 0, 0.01);
}

void model_add(tp_module *net, const char *name, int number, tp_module *module)
{
    char text[64];
    if (number)
        snprintf(text, sizeof text, "%.48s%d", name, number);
    tp_nn_append(net, number ? text : name, module);
}
