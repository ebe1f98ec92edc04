/* bench.c - `taper bench MODEL`: how long inference or a training step of a model takes on this machine.
 *
 * Random numbers of the model's input shape; one step to warm up, then steps are timed one by one.
 * Layer: cli.  Depends on models.h, train.h, json.h.  Read next: summary.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

enum { FEWEST_STEPS = 5, MOST_STEPS = 100000 }; /* without --steps */
static const double enough_seconds = 3;

typedef struct subject {
    tp_module *net;
    tp_optim *optim; /* NULL: inference */
    tp_tensor *x, *y;
    tp_shape input;
    tp_summary sum;
    bool bf16; /* products round their operands */
} subject;

typedef struct timing {
    int64_t steps;
    double median, low, high; /* seconds; 5% and 95% of the steps are faster */
    int64_t peak_bytes;
} timing;

static void step(const subject *s)
{
    TP_SCOPE;
    if (!s->optim) {
        TP_NO_GRAD;
        tp_forward(s->net, s->x);
        return;
    }
    tp_zero_grad(s->optim); /* first: the old gradients' memory is the activations' */
    tp_tensor *y = tp_forward(s->net, s->x);
    if (s->input.ndim == 2 && tp_ndim(y) == 3) /* a score for each character of each place */
        y = tp_flatten(y, 0, 1);
    tp_tensor *loss = tp_cross_entropy(y, s->y);
    tp_backward(loss);
    tp_step(s->optim);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* steps 0: as many as fit into the time.  False when a step failed or there is no memory for the times. */
static bool measure(const subject *s, int64_t steps, timing *t)
{
    int64_t most = steps ? steps : MOST_STEPS, n = 0;
    double *took = malloc((size_t)most * sizeof *took);
    if (!took)
        tp_error_set(TP_ERR_MEMORY, "bench: no memory for the times of %lld steps", (long long)most);
    step(s);
    tp_memory_reset_peak();
    double begin = clock_now();
    while (!tp_error_pending() && n < most &&
           (steps || n < FEWEST_STEPS || clock_now() - begin < enough_seconds)) {
        double before = clock_now();
        step(s);
        took[n++] = clock_now() - before;
    }
    bool fine = !tp_error_pending();
    if (fine) {
        qsort(took, (size_t)n, sizeof *took, ascending);
        *t = (timing){ n, took[n / 2], took[n / 20], took[n - 1 - n / 20], tp_memory_stats().peak_bytes };
    }
    free(took);
    return fine;
}

/* ---- telling it -------------------------------------------------------------------------------------- */

/* A training step counts as three forward passes: the gradients of inputs and of weights cost one each. */
static double flops_of(const subject *s)
{
    return s->sum.flops * (s->optim ? 3 : 1);
}

static void print_bench(const char *model, const subject *s, const timing *t)
{
    char a[TEXT_ROOM];
    double examples = (double)s->input.dim[0] / t->median;
    printf("%s%s%s, input %s, %s%s, %s%s, %d threads\n\n", bold(stdout), model, no_style(stdout),
           text_shape(a, s->input), s->optim ? "training with " : "inference",
           s->optim ? tp_optim_name(s->optim) : "", tp_isa(), s->bf16 ? ", bf16" : "", tp_num_threads());
    int digits = t->median < 1e-3 ? 4 : t->median < 0.1 ? 2 : 1;
    printf("%-16s%12.*f   the median of %s; nine of ten took %.*f to %.*f\n", "ms a step", digits,
           1e3 * t->median, text_count(a, t->steps), digits, 1e3 * t->low, digits, 1e3 * t->high);
    const char *what = s->input.ndim == 4 ? "images/s" : "examples/s";
    if (examples < 100)
        printf("%-16s%12.1f\n", what, examples);
    else
        printf("%-16s%12s\n", what, text_count(a, (int64_t)examples));
    printf("%-16s%12.1f   %s\n", "GFLOP/s", 1e-9 * flops_of(s) / t->median,
           s->optim ? "a step counts as three forward passes" : "as summary counts them");
    printf("%-16s%12s\n", "parameters", text_count(a, s->sum.params));
    printf("%-16s%12s   of tensors, at most\n", "memory", text_bytes(a, (double)t->peak_bytes));
}

static void json_bench(const char *model, const subject *s, const timing *t)
{
    emit_object(NULL);
    emit_text("model", model);
    emit_shape("input", s->input);
    emit_text("optim", s->optim ? tp_optim_name(s->optim) : NULL);
    emit_text("isa", tp_isa());
    emit_text("dtype", s->bf16 ? "bf16" : "f32");
    emit_integer("threads", tp_num_threads());
    emit_integer("steps", t->steps);
    emit_real("seconds_median", t->median);
    emit_real("seconds_low", t->low);
    emit_real("seconds_high", t->high);
    emit_real("examples_per_second", (double)s->input.dim[0] / t->median);
    emit_real("flops_per_second", flops_of(s) / t->median);
    emit_integer("parameters", s->sum.params);
    emit_integer("peak_bytes", t->peak_bytes);
    emit_end();
}

/* False where bf16 is asked for and this processor has none. */
static bool take_dtype(const char *dtype)
{
    const bool asked = dtype && !strcmp(dtype, "bf16");
    if (asked && !tp_has_bf16())
        complain("--dtype bf16: this processor has no products of bf16 (%s); they stay in f32", tp_isa());
    return asked && tp_has_bf16() && !tp_set_float32_matmul_precision("medium");
}

int verb_bench(cli *c)
{
    TP_SCOPE;
    const char *model = c->words[0];
    const tp_model_info *info = tp_model_find(model);
    const tp_model_options *o = &c->train.model_options;
    if (!info)
        return no_model(model);
    if (!c->train_steps && option_given(c, "optim"))
        return usage_error("--optim: inference has no optimizer; it goes with --train");
    subject s = { .net = tp_model_opt(model, o), .bf16 = take_dtype(c->train.dtype) };
    int64_t batch = c->train.batch_size ? c->train.batch_size : 1;
    const bool pair = info->input == TP_INPUT_PAIR, one = info->input == TP_INPUT_LABELLED,
               text = info->input == TP_INPUT_TEXT || info->input == TP_INPUT_TAGGED || pair;
    const int64_t classes = o->classes ? o->classes : info->defaults.classes;
    s.input = tp_model_input_shape(info, o, batch);
    const int64_t inputs = pair && info->defaults.inputs < classes ? info->defaults.inputs : classes;
    s.x = text || one ? tp_randint(pair || one ? 1 : 0, inputs, s.input) : tp_randn(s.input);
    s.y = tp_randint(0, classes, text ? TP_SHAPE(tp_numel(s.x) / (pair ? 2 : 1)) : TP_SHAPE(batch));
    if (s.net && c->train_steps)
        s.optim = tp_optim_new(c->train.optim ? c->train.optim : "adam", tp_parameters(s.net),
                               &c->train.optim_options);
    if (tp_error_pending() || tp_summarize(s.net, s.input, &s.sum))
        return library_error();
    tp_train(s.net, c->train_steps);
    timing t;
    if (!c->train_steps && tp_fuse(s.net)) /* as taper predict does */
        return library_error();
    if (measure(&s, c->steps, &t))
        (c->json ? json_bench : print_bench)(model, &s, &t);
    tp_summary_free(&s.sum);
    return library_error();
}
