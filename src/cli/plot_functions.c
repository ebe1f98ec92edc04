/* plot_functions.c - `taper plot activation` and `taper plot loss`: curves of functions with their derivatives.
 *
 * Derivatives are what the library's own backward gives, not formulas of their own.
 * Layer: cli.  Depends on plot.h.  Read next: plot_optimizers.c. */
#include "cli/plot.h"

#include <math.h>
#include <string.h>

enum { POINTS = 201 };

typedef tp_tensor *curve_fn(tp_tensor *x);

typedef struct curve {
    const char *name;
    curve_fn *f;
    double from, to; /* of x; 0, 0: the usual span */
    const char *title;
} curve;

/* ---- activations ------------------------------------------------------------------------------------- */

static tp_tensor *leaky_relu(tp_tensor *x)
{
    return tp_leaky_relu(x, 0.1); /* 0.01, the usual slope, could not be seen */
}
static tp_tensor *elu(tp_tensor *x)
{
    return tp_elu(x, 1);
}
static tp_tensor *celu(tp_tensor *x)
{
    return tp_celu(x, 1);
}
static tp_tensor *hardtanh(tp_tensor *x)
{
    return tp_hardtanh(x, -1, 1);
}
static tp_tensor *softshrink(tp_tensor *x)
{
    return tp_softshrink(x, 0.5);
}
static tp_tensor *hardshrink(tp_tensor *x)
{
    return tp_hardshrink(x, 0.5);
}
/* Of the numbers x and 0: what softmax makes of two scores. */
static tp_tensor *softmax(tp_tensor *x)
{
    return tp_select(tp_softmax(tp_stack((tp_tensor *[]){ x, tp_zeros_like(x) }, 2, 0), 0), 0, 0);
}

static const curve activations[] = {
    { "sigmoid", tp_sigmoid },
    { "tanh", tp_tanh },
    { "relu", tp_relu },
    { "leaky_relu", leaky_relu, .title = "leaky_relu, slope 0.1" },
    { "gelu", tp_gelu },
    { "gelu_tanh", tp_gelu_tanh },
    { "silu", tp_silu },
    { "softmax", softmax },
    { "elu", elu },
    { "celu", celu },
    { "selu", tp_selu },
    { "relu6", tp_relu6 },
    { "softplus", tp_softplus },
    { "mish", tp_mish },
    { "logsigmoid", tp_logsigmoid },
    { "softsign", tp_softsign },
    { "hardtanh", hardtanh },
    { "hardsigmoid", tp_hardsigmoid },
    { "hardswish", tp_hardswish },
    { "softshrink", softshrink },
    { "hardshrink", hardshrink },
    { "tanhshrink", tp_tanhshrink },
};

/* ---- losses: of one example -------------------------------------------------------------------------- */

static tp_tensor *mse(tp_tensor *x)
{
    return tp_mse_loss(x, tp_zeros_like(x), .reduction = TP_NONE);
}
static tp_tensor *half_mse(tp_tensor *x)
{
    return tp_mse_loss(x, tp_zeros_like(x), .reduction = TP_NONE, .half = true);
}
static tp_tensor *l1(tp_tensor *x)
{
    return tp_l1_loss(x, tp_zeros_like(x), TP_NONE);
}
static tp_tensor *smooth_l1(tp_tensor *x)
{
    return tp_smooth_l1_loss(x, tp_zeros_like(x), 1, TP_NONE);
}
static tp_tensor *huber(tp_tensor *x)
{
    return tp_huber_loss(x, tp_zeros_like(x), 2, TP_NONE);
}
static tp_tensor *bce(tp_tensor *x)
{
    return tp_binary_cross_entropy(x, tp_ones_like(x), .reduction = TP_NONE);
}
static tp_tensor *bce_logits(tp_tensor *x)
{
    return tp_binary_cross_entropy_with_logits(x, tp_ones_like(x), .reduction = TP_NONE);
}
static tp_tensor *nll(tp_tensor *x) /* cross entropy by the probability of the true class */
{
    tp_tensor *log_p = tp_unsqueeze(tp_log(x), 1);
    return tp_nll_loss(log_p, tp_zeros(TP_SHAPE(tp_size(x, 0)), .dtype = TP_I64), .reduction = TP_NONE);
}
static tp_tensor *cross_entropy(tp_tensor *x) /* by the true class's score, those of two others being 0 */
{
    tp_tensor *zero = tp_zeros_like(x), *scores = tp_stack((tp_tensor *[]){ x, zero, zero }, 3, 1);
    return tp_cross_entropy(scores, tp_zeros(TP_SHAPE(tp_size(x, 0)), .dtype = TP_I64), .reduction = TP_NONE);
}
static tp_tensor *smoothed(tp_tensor *x)
{
    tp_tensor *zero = tp_zeros_like(x), *scores = tp_stack((tp_tensor *[]){ x, zero, zero }, 3, 1);
    return tp_cross_entropy(scores, tp_zeros(TP_SHAPE(tp_size(x, 0)), .dtype = TP_I64), .reduction = TP_NONE,
                            .label_smoothing = 0.1);
}

/* x: the difference from the target; a probability of the truth; a logit of it. */
static const curve losses[] = {
    { "mse", mse, -3, 3 },
    { "half_mse", half_mse, -3, 3 },
    { "l1", l1, -3, 3 },
    { "smooth_l1", smooth_l1, -3, 3 },
    { "huber", huber, -3, 3 },
    { "bce", bce, 0.02, 1 },
    { "nll", nll, 0.02, 1 },
    { "bce_with_logits", bce_logits, -6, 6 },
    { "cross_entropy", cross_entropy, -6, 6 },
    { "cross_entropy_smoothed", smoothed, -6, 6 },
};

/* ---- both -------------------------------------------------------------------------------------------- */

static const char *activation_choice(int i)
{
    return i < (int)(sizeof activations / sizeof *activations) ? activations[i].name : NULL;
}

static const char *loss_choice(int i)
{
    return i < (int)(sizeof losses / sizeof *losses) ? losses[i].name : NULL;
}

static const curve *find_curve(const curve *table, const char *name)
{
    while (strcmp(table->name, name) != 0)
        table++;
    return table;
}

/* x, f(x) and f'(x), POINTS of each. */
static tp_status compute(const curve *c, double from, double to, const double *values[3])
{
    tp_tensor *x = tp_linspace(from, to, POINTS, .dtype = TP_F64), *y = c->f(tp_requires_grad_(x, true));
    if (tp_backward(tp_sum(y, TP_ALL_DIMS, false)))
        return tp_error_pending();
    values[0] = tp_data(x), values[1] = tp_data(tp_contiguous(tp_detach(y))), values[2] = tp_data(tp_grad(x));
    return tp_error_pending();
}

/* Few: a panel each, the curve with its derivative.  Many: one of curves, one of derivatives. */
static int draw_apart(const cli *c, tp_plot p, const char *const *names, const double *const values[][3],
                      int n, const char *const *axes)
{
    tp_plot_panel panels[MOST_NAMES] = { 0 };
    tp_plot_series series[MOST_NAMES][2] = { 0 };
    for (int i = 0; i < n; i++) {
        series[i][0] = (tp_plot_series){ .name = "value", .x = values[i][0], .y = values[i][1], .n = POINTS };
        series[i][1] = (tp_plot_series){
            .name = "derivative", .x = values[i][0], .y = values[i][2], .n = POINTS, .dashed = true
        };
        panels[i] = (tp_plot_panel){
            .title = names[i], .x = { .name = axes[i] }, .series = series[i], .n_series = 2
        };
    }
    p.panels = panels, p.n_panels = n;
    if (n == 1)
        p.title = NULL;
    return show_plot(c, &p);
}

static int draw_together(const cli *c, tp_plot p, const char *const *names, const double *const values[][3],
                         int n, const char *axis)
{
    tp_plot_series series[2][MOST_NAMES] = { 0 };
    tp_plot_panel panels[2];
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < n; i++)
            series[k][i] =
                (tp_plot_series){ .name = names[i], .x = values[i][0], .y = values[i][1 + k], .n = POINTS };
        panels[k] = (tp_plot_panel){
            .title = k ? "derivative" : "value", .x = { .name = axis }, .series = series[k], .n_series = n
        };
    }
    p.panels = panels, p.n_panels = 2;
    return show_plot(c, &p);
}

static int draw(const cli *c, const curve *table, const char **names, int n, bool together, const char *title)
{
    const double *values[MOST_NAMES][3];
    const char *axes[MOST_NAMES];
    tp_plot p = { .title = title,
                  .description = "Curves of functions and of their derivatives.",
                  .height = 240 };
    for (int i = 0; i < n; i++) {
        const curve *f = find_curve(table, names[i]);
        const bool span = f->from < f->to;
        if (compute(f, span ? f->from : -5, span ? f->to : 5, values[i]))
            return library_error();
        names[i] = f->title ? f->title : names[i];
        axes[i] = !span         ? "x"
                  : f->from > 0 ? "probability of the truth"
                  : f->to == 3  ? "error"
                                : "logit of the truth";
    }
    return together ? draw_together(c, p, names, values, n, axes[0])
                    : draw_apart(c, p, names, values, n, axes);
}

int chart_activation(const cli *c)
{
    static const char *const usual[] = { "sigmoid", "tanh", "relu", "leaky_relu", NULL };
    const char *names[MOST_NAMES];
    int n, code = chart_names(c, "activation", activation_choice, usual, names, &n);
    return code ? code : draw(c, activations, names, n, n > 8, "Activations");
}

int chart_loss(const cli *c)
{
    static const char *const usual[] = { "mse", "half_mse", "bce", "cross_entropy", NULL };
    const char *names[MOST_NAMES];
    int n, code = chart_names(c, "loss", loss_choice, usual, names, &n);
    return code ? code : draw(c, losses, names, n, false, "Losses");
}
