/* summary.c - one row a module: output shape, parameters, cost; measured by a dry run, which allocates no activations.
 *
 * The observer hears of each module after its forward.  A dry run of shapes costs nothing, so the module is then run
 * once more by itself, and what that adds up to is its cost, with its children's.
 * Layer: train.  Depends on nn, autograd's dry run.  Read next: autograd/apply.c, nn/module.c. */
#include "base/error.h"
#include "base/memory.h"

#include <taper/train.h>

#include <string.h>

typedef struct survey {
    tp_summary *summary;
    tp_module **modules;      /* of each row */
    bool *training;           /* mode of each before */
    int64_t room;             /* of both, and of the rows */
    tp_dry_run_total ignored; /* where a dry run that nobody asked about adds up */
} survey;

/* ---- rows in the order of definition ----------------------------------------------------------------------------- */

static int64_t count_modules(tp_module *m)
{
    int64_t n = 1;
    for (int i = 0; i < tp_n_children(m); i++)
        n += count_modules(tp_child_at(m, i));
    return n;
}

/* Fills in the parameters: those whose names have no dot are the module's own. */
static void count_row(tp_summary_row *row, tp_module *m)
{
    TP_SCOPE;
    tp_params *all = tp_parameters(m);
    for (int i = 0; all && i < tp_params_count(all); i++) {
        int64_t n = tp_numel(tp_params_at(all, i));
        row->params += strchr(tp_params_name(all, i), '.') ? 0 : n;
        row->all_params += n;
        row->trainable += tp_requires_grad(tp_params_at(all, i)) ? n : 0;
    }
}

static char *copy_of(const char *text)
{
    return tp_memdup(text ? text : "", text ? strlen(text) + 1 : 1);
}

static tp_status add_rows(survey *s, tp_module *m, const char *name, int depth)
{
    char child[512];
    int at = s->summary->n_rows++;
    s->modules[at] = m;
    s->training[at] = tp_is_training(m);
    tp_summary_row *row = &s->summary->rows[at];
    *row = (tp_summary_row){ .name = copy_of(name),
                             .info = copy_of(tp_module_info(m)),
                             .type = tp_module_type(m),
                             .depth = depth,
                             .kernel = tp_module_kernel(m) };
    count_row(row, m);
    for (int i = 0; i <= at; i++)
        row->index += s->summary->rows[i].depth == depth;
    for (int i = 0; i < tp_n_children(m) && !tp_pending(); i++) {
        snprintf(child, sizeof child, "%s%s%s", name, *name ? "." : "", tp_child_name(m, i));
        add_rows(s, tp_child_at(m, i), child, depth + 1);
    }
    return tp_error_pending();
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

static double cost_alone(tp_module *m, const tp_tensor *input)
{
    TP_SCOPE;
    tp_dry_run_total total = { 0 };
    tp_dry_run(&total);
    tp_forward(m, (tp_tensor *)input);
    return total.flops;
}

static bool is_recurrent(const char *type)
{
    return !strcmp(type, "rnn") || !strcmp(type, "lstm") || !strcmp(type, "gru");
}

/* torchinfo counts what only layers do, recurrent ones at every step: containers have the sum of theirs, which add_up gives them. */
static void count_call(tp_summary *sum, tp_summary_row *row, bool is_leaf)
{
    int64_t places = row->output.ndim ? row->output.dim[0] : 1, numel = places;
    for (int i = 1; i < row->output.ndim; i++) {
        numel *= row->output.dim[i];
        if ((i > 1 && !strncmp(row->type, "conv", 4)) || (i == 1 && is_recurrent(row->type)))
            places *= row->output.dim[i];
    }
    if (!is_leaf || !row->params)
        return;
    row->mult_adds += row->params * places;
    sum->mult_adds += row->params * places;
    sum->pass_bytes += 2 * numel * (int64_t)sizeof(float);
    sum->param_bytes += row->calls == 1 ? row->params * (int64_t)sizeof(float) : 0;
}

static void observe(void *context, tp_module *m, const tp_tensor *input, const tp_tensor *output,
                    double seconds)
{
    survey *s = context;
    (void)seconds;
    if (tp_pending() || !output)
        return;
    tp_set_observer(NULL, NULL);
    double flops = cost_alone(m, input);
    tp_dry_run(&s->ignored);
    tp_set_observer(observe, s);
    for (int i = 0; i < s->summary->n_rows; i++)
        if (s->modules[i] == m) {
            tp_summary_row *row = &s->summary->rows[i];
            row->calls++;
            row->input = tp_shape_of(input);
            row->output = tp_shape_of(output);
            row->flops += flops;
            count_call(s->summary, row, tp_n_children(m) == 0);
        }
}

static void add_up(tp_summary *s)
{
    for (int i = s->n_rows - 1; i >= 0; i--)
        for (int k = i + 1; k < s->n_rows && s->rows[k].depth > s->rows[i].depth; k++)
            if (s->rows[k].depth == s->rows[i].depth + 1)
                s->rows[i].mult_adds += s->rows[k].mult_adds;
}

/* One forward for the total, one that is observed. */
static tp_status measure(survey *s, tp_module *net, tp_shape input)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_dry_run_total total = { 0 };
    tp_dry_run(&s->ignored);
    tp_tensor *x = tp_zeros(input);
    tp_set_observer(NULL, NULL);
    tp_dry_run(&total);
    tp_forward(net, x);
    tp_dry_run(&s->ignored);
    if (!tp_pending()) {
        tp_set_observer(observe, s);
        tp_forward(net, x);
        tp_set_observer(NULL, NULL);
    }
    tp_dry_run(NULL);
    add_up(s->summary);
    s->summary->flops = total.flops;
    s->summary->input_bytes = tp_numel(x) * (int64_t)sizeof(float);
    s->summary->activation_bytes = total.output_bytes;
    return tp_error_pending();
}

/* ---- a training step ----------------------------------------------------------------------------------------------- */

static int64_t bytes_of(tp_params *all)
{
    int64_t bytes = 0;
    for (int i = 0; all && i < tp_params_count(all); i++)
        bytes += tp_numel(tp_params_at(all, i)) * (int64_t)tp_dtype_size(tp_dtype_of(tp_params_at(all, i)));
    return bytes;
}

/* Forward, with classifiers that stand beside, and the gradients of all parameters; what it makes dies here. */
static tp_status dry_step(tp_module *net, tp_shape input, tp_params *all, tp_tensor **trained,
                          tp_tensor **grads)
{
    TP_SCOPE;
    TP_ENABLE_GRAD;
    double weight;
    int n = 0;
    tp_tensor *loss = tp_sum(tp_forward(net, tp_zeros(input)), TP_ALL_DIMS, false);
    for (tp_tensor *y; (y = tp_take_aux(net, &weight));)
        loss = tp_add(loss, tp_sum(y, TP_ALL_DIMS, false));
    for (int i = 0; i < tp_params_count(all); i++)
        if (tp_requires_grad(tp_params_at(all, i)))
            trained[n++] = tp_params_at(all, i);
    return n ? tp_gradients(loss, trained, n, grads) : tp_error_pending();
}

/* The most bytes at a time, of weights, buffers and what a step makes: by a dry run of it. */
static tp_status measure_training(tp_module *net, tp_shape input, tp_summary *s)
{
    TP_SCOPE;
    tp_params *all = tp_parameters(net);
    size_t room = (size_t)tp_params_count(all) * sizeof(tp_tensor *);
    tp_tensor **trained = tp_alloc(room), **grads = tp_alloc(room);
    tp_dry_run_total total = { .records = true };
    if (trained && grads) {
        tp_train(net, true);
        tp_dry_run(&total);
        dry_step(net, input, all, trained, grads);
        tp_dry_run(NULL);
        s->training_bytes = total.peak_bytes + bytes_of(all) + bytes_of(tp_buffers(net));
    }
    if (tp_pending() && tp_error_pending() != TP_ERR_MEMORY) { /* a batch norm of one value, say */
        tp_error_take(NULL, 0);
        s->training_bytes = 0;
    }
    tp_free(trained, room);
    tp_free(grads, room);
    return tp_error_pending();
}

static tp_status survey_modules(survey *s, tp_module *net, tp_shape input)
{
    s->room = count_modules(net);
    s->modules = tp_calloc((size_t)s->room * sizeof *s->modules);
    s->training = tp_calloc((size_t)s->room * sizeof *s->training);
    s->summary->rows = tp_calloc((size_t)s->room * sizeof *s->summary->rows);
    if (tp_pending() || add_rows(s, net, "", 0))
        return tp_error_pending();
    s->summary->params = s->summary->rows[0].all_params;
    s->summary->trainable = s->summary->rows[0].trainable;
    tp_eval(net);
    tp_status status = measure(s, net, input);
    if (!status)
        status = measure_training(net, input, s->summary);
    for (int i = 0; i < s->summary->n_rows; i++) /* parents first: each then has its own mode again */
        tp_train(s->modules[i], s->training[i]);
    return status;
}

tp_status tp_summarize(tp_module *net, tp_shape input, tp_summary *summary)
{
    if (tp_pending())
        return tp_error_pending();
    if (!net || !summary)
        return tp_fail(TP_ERR_ARGUMENT, "summarize: the module or the summary is NULL");
    *summary = (tp_summary){ 0 };
    survey s = { .summary = summary };
    tp_status status = survey_modules(&s, net, input);
    tp_free(s.modules, (size_t)s.room * sizeof *s.modules);
    tp_free(s.training, (size_t)s.room * sizeof *s.training);
    if (status) {
        summary->n_rows = summary->rows ? (int)s.room : 0; /* those that were not filled are cleared */
        tp_summary_free(summary);
    }
    return status;
}

void tp_summary_free(tp_summary *s)
{
    for (int i = 0; i < s->n_rows; i++) {
        tp_free((void *)s->rows[i].name, s->rows[i].name ? strlen(s->rows[i].name) + 1 : 0);
        tp_free((void *)s->rows[i].info, s->rows[i].info ? strlen(s->rows[i].info) + 1 : 0);
    }
    tp_free(s->rows, (size_t)s->n_rows * sizeof *s->rows);
    *s = (tp_summary){ 0 };
}
