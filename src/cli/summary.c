/* summary.c - `taper summary MODEL|DIR`: torchinfo's table, FLOPs, memory.
 *
 * The library measures by a dry run, so a pass larger than the machine can be summed up.  Eighty columns are enough: shapes
 * are those of one example, and the tree of layers gives way first.
 * Layer: cli.  Depends on train.h, json.h.  Read next: models.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <string.h>

/* ---- which network, which input -------------------------------------------------------------------- */

static int options_of_run(const cli *c)
{
    for (int i = 0; i < n_options; i++)
        if (c->given[i] && options[i].verbs & IN_summary && !strcmp(options[i].group, "Model"))
            return usage_error("--%s: the run in '%s' has its own; it can only be given with a model's name",
                               options[i].name, c->words[0]);
    return 0;
}

/* ---- as a table ------------------------------------------------------------------------------------ */

enum { TREE, INPUT, OUTPUT, PARAMS, KERNEL, WORK, TRAINED, N_COLUMNS };
enum { LEAST_TREE = 20, USUAL_TREE = 28 };

static const char *const titles[2][N_COLUMNS] = {
    { "layer", "input", "output", "param #", "kernel", "mult-", "train-" },
    { "(type:depth-index)", "shape", "shape", "", "shape", "adds", "able" },
};

/* 64x112x112: of one example, the batch is said above. */
static void write_shape(char *text, tp_shape s, int from)
{
    size_t used = 0;
    strcpy(text, s.ndim ? "" : "-");
    for (int i = from; i < s.ndim && used < TEXT_ROOM - 24; i++)
        used +=
            (size_t)snprintf(text + used, TEXT_ROOM - used, "%s%lld", used ? "x" : "", (long long)s.dim[i]);
}

static void write_columns(const tp_summary_row *r, bool deepest, char cells[N_COLUMNS][TEXT_ROOM])
{
    int64_t params = deepest ? r->all_params : r->params;
    bool counts = r->mult_adds > 0 && (deepest || r->params);
    write_shape(cells[INPUT], r->input, 1);
    write_shape(cells[OUTPUT], r->output, 1);
    write_shape(cells[KERNEL], r->kernel, 0);
    strcpy(cells[PARAMS], "-");
    strcpy(cells[WORK], "-");
    if (params)
        text_count(cells[PARAMS], params);
    if (counts)
        text_quantity(cells[WORK], (double)r->mult_adds);
    strcpy(cells[TRAINED], !r->all_params                  ? "-"
                           : r->trainable == r->all_params ? "yes"
                           : r->trainable                  ? "part"
                                                           : "no");
}

/* Is there a later child of the row's parent at this depth? */
static bool goes_on(const tp_summary *s, int row, int depth)
{
    for (int i = row + 1; i < s->n_rows && s->rows[i].depth >= depth; i++)
        if (s->rows[i].depth == depth)
            return true;
    return false;
}

/* The row's last name, type and number; of a type that does not fit as much as does. */
static void print_layer(const char *what, const tp_summary *s, int row, int width)
{
    const tp_summary_row *r = &s->rows[row];
    char name[256], number[64] = "";
    const char *last = strrchr(r->name, '.');
    for (int d = 1; d <= r->depth; d++, width -= 2)
        fputs(d < r->depth ? (goes_on(s, row, d) ? "│ " : "  ") : goes_on(s, row, d) ? "├─" : "└─", stdout);
    if (r->depth)
        snprintf(number, sizeof number, ":%d-%d", r->depth, r->index);
    snprintf(name, sizeof name, "%s", r->depth ? (last ? last + 1 : r->name) : what);
    int room = width - text_columns(name) - 3 - (int)strlen(number), length = (int)strlen(r->type);
    if (room > 1 || room >= length)
        snprintf(name + strlen(name), sizeof name - strlen(name), " (%.*s%s%s)",
                 length > room ? room - 1 : length, r->type, length > room ? "…" : "", number);
    print_padded(stdout, name, width);
}

static void print_rule(int width)
{
    for (int i = 0; i < width; i++)
        putchar('-');
    putchar('\n');
}

static void print_cells(char cells[N_COLUMNS][TEXT_ROOM], const int width[N_COLUMNS])
{
    for (int k = INPUT; k < N_COLUMNS; k++)
        printf(" %*s", width[k], cells[k]);
    putchar('\n');
}

/* How wide each column is; the tree gets what is left of the terminal. */
static int measure_columns(const tp_summary *s, int64_t levels, int width[N_COLUMNS])
{
    char cells[N_COLUMNS][TEXT_ROOM] = { "" };
    int rest = 0, longest = 0;
    for (int k = INPUT; k < N_COLUMNS; k++)
        width[k] = (int)strlen(titles[0][k]);
    for (int i = 0; i < s->n_rows; i++) {
        const tp_summary_row *r = &s->rows[i];
        if (r->depth > levels)
            continue;
        const char *last = strrchr(r->name, '.');
        int wide = 2 * r->depth + text_columns(last ? last : r->name) + (int)strlen(r->type) + 12;
        longest = wide > longest ? wide : longest;
        write_columns(r, r->depth == levels, cells);
        for (int k = INPUT; k < N_COLUMNS; k++)
            width[k] = (int)strlen(cells[k]) > width[k] ? (int)strlen(cells[k]) : width[k];
    }
    for (int k = INPUT; k < N_COLUMNS; k++)
        rest += width[k] + 1;
    int left = terminal_width() - rest;
    longest = longest < USUAL_TREE ? USUAL_TREE : longest;
    width[TREE] = left < LEAST_TREE ? LEAST_TREE : left < longest ? left : longest;
    return width[TREE] + rest;
}

static void print_layers(const char *what, const tp_summary *s, int64_t levels)
{
    char cells[N_COLUMNS][TEXT_ROOM] = { "" };
    int width[N_COLUMNS], all = measure_columns(s, levels, width);
    for (int line = 0; line < 2; line++) {
        for (int k = INPUT; k < N_COLUMNS; k++)
            strcpy(cells[k], titles[line][k]);
        print_padded(stdout, titles[line][TREE], width[TREE]);
        print_cells(cells, width);
    }
    print_rule(all);
    for (int i = 0; i < s->n_rows; i++) {
        if (s->rows[i].depth > levels)
            continue;
        write_columns(&s->rows[i], s->rows[i].depth == levels, cells);
        print_layer(what, s, i, width[TREE]);
        print_cells(cells, width);
    }
    print_rule(all);
}

static void print_total(const char *what, const char *number, const char *meaning)
{
    printf("%-31s%16s%s%s\n", what, number, *meaning ? "   " : "", meaning);
}

static void print_megabytes(const char *what, int64_t bytes, const char *meaning)
{
    char text[TEXT_ROOM];
    snprintf(text, sizeof text, "%.2f", (double)bytes / 1e6);
    print_total(what, text, meaning);
}

static void print_summary(const char *what, tp_shape input, const tp_summary *s, int64_t levels)
{
    char a[TEXT_ROOM];
    write_shape(a, input, 1);
    printf("%s%s%s, a batch of %lld, %s each\n\n", bold(stdout), what, no_style(stdout),
           (long long)input.dim[0], a);
    print_layers(what, s, levels);
    print_total("total params", text_count(a, s->params), "");
    print_total("trainable params", text_count(a, s->trainable), "");
    print_total("non-trainable params", text_count(a, s->params - s->trainable), "");
    print_total("total mult-adds", text_count(a, s->mult_adds), "weights times places, as torchinfo");
    print_total("FLOPs", text_count(a, (int64_t)s->flops), "of all operations, forward");
    print_megabytes("input size (MB)", s->input_bytes, "");
    print_megabytes("forward/backward pass size (MB)", s->pass_bytes, "");
    print_megabytes("params size (MB)", s->param_bytes, "of what runs in evaluation");
    print_megabytes("estimated total size (MB)", s->input_bytes + s->pass_bytes + s->param_bytes, "");
    if (s->training_bytes)
        print_megabytes("peak of a training step (MB)", s->training_bytes, "computed, for plain SGD");
    else
        print_total("peak of a training step (MB)", "-", "this batch cannot be trained on");
}

/* ---- as JSON --------------------------------------------------------------------------------------- */

static void json_row(const tp_summary_row *r)
{
    emit_object(NULL);
    emit_text("name", r->name);
    emit_text("type", r->type);
    emit_text("info", r->info);
    emit_integer("depth", r->depth);
    emit_integer("index", r->index);
    emit_shape("input", r->input);
    emit_shape("output", r->output);
    emit_shape("kernel", r->kernel);
    emit_integer("parameters", r->params);
    emit_integer("all_parameters", r->all_params);
    emit_integer("trainable", r->trainable);
    emit_integer("multiply_adds", r->mult_adds);
    emit_integer("flops", (int64_t)r->flops);
    emit_end();
}

static void json_summary(const char *what, tp_shape input, const tp_summary *s, int64_t levels)
{
    emit_object(NULL);
    emit_text("model", what);
    emit_shape("input", input);
    emit_list("modules");
    for (int i = 0; i < s->n_rows; i++)
        if (s->rows[i].depth <= levels)
            json_row(&s->rows[i]);
    emit_end();
    emit_integer("parameters", s->params);
    emit_integer("trainable", s->trainable);
    emit_integer("multiply_adds", s->mult_adds);
    emit_integer("flops", (int64_t)s->flops);
    emit_integer("input_bytes", s->input_bytes);
    emit_integer("pass_bytes", s->pass_bytes);
    emit_integer("parameter_bytes", s->param_bytes);
    emit_integer("activation_bytes", s->activation_bytes);
    emit_integer("training_bytes", s->training_bytes);
    emit_end();
}

int verb_summary(cli *c)
{
    TP_SCOPE;
    const char *what = c->words[0];
    const tp_model_info *info = tp_model_find(what);
    const tp_model_options *o = &c->train.model_options;
    int64_t batch = c->train.batch_size ? c->train.batch_size : 1;
    tp_module *net = NULL;
    tp_summary s = { 0 };
    tp_dry_run_total total = { 0 };
    if (info) {
        tp_dry_run(&total); /* weights of no memory */
        net = tp_model_opt(what, o);
        tp_dry_run(NULL);
    } else if (is_directory(what)) {
        int code = options_of_run(c);
        if (code)
            return code;
        tp_run *run = tp_run_open(what);
        if (!run)
            return library_error();
        const tp_train_config *config = tp_run_config(run);
        net = tp_run_model(run);
        o = &config->model_options;
        info = tp_model_find(config->model);
    } else if (strchr(what, '/')) {
        complain("%s: no run folder there, and no model by that name", what);
        return EXIT_INPUT;
    }
    if (!info && !tp_error_pending())
        return no_model(what);
    tp_shape input = { 0 };
    if (net)
        input = tp_model_input_shape(info, o, batch);
    if (!net || tp_summarize(net, input, &s))
        return library_error();
    (c->json ? json_summary : print_summary)(what, input, &s, c->depth ? c->depth : INT64_MAX);
    tp_summary_free(&s);
    return EXIT_FINE;
}
