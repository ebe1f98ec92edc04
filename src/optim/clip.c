/* clip.c - gradient clipping: g *= min(1, max / (norm of all + 1e-6)) (Pascanu et al. 2013), or into [-value, value].
 *
 * Both write into the gradients themselves and take no memory.  The norm is summed in double over pieces that follow
 * from the sizes alone, added up in order, so that it has the same bits on any number of threads.
 * Layer: optim.  Depends on optim.h, base/parallel.h.  Read next: taper/train.h. */
#include "base/parallel.h"
#include "optim/optim.h"

#include <math.h>

enum { LANES = 16, BATCH = 256 }; /* sums side by side; pieces whose sums wait to be added */

typedef struct clip_run {
    char *data;
    int type; /* 0 f32, 1 f64 */
    double value;
    double *sums;
} clip_run;

#define SQUARES(name, real)                                     \
    static double name(const real *x, int64_t n)                \
    {                                                           \
        double lane[LANES] = { 0 }, sum = 0;                    \
        int64_t i = 0;                                          \
        for (; i + LANES <= n; i += LANES)                      \
            for (int k = 0; k < LANES; k++)                     \
                lane[k] += (double)x[i + k] * (double)x[i + k]; \
        for (int k = 0; i < n; i++, k++)                        \
            lane[k] += (double)x[i] * (double)x[i];             \
        for (int k = 0; k < LANES; k++)                         \
            sum += lane[k];                                     \
        return sum;                                             \
    }
SQUARES(squares_f32, float)
SQUARES(squares_f64, double)

static void sum_piece(void *context, int64_t begin, int64_t end)
{
    const clip_run *r = context;
    const void *data = r->data;
    r->sums[begin / OPTIM_PIECE] = r->type ? squares_f64((const double *)data + begin, end - begin)
                                           : squares_f32((const float *)data + begin, end - begin);
}

static void scale_piece(void *context, int64_t begin, int64_t end)
{
    const clip_run *r = context;
    void *data = r->data;
    float *f = data, by = (float)r->value;
    double *d = data;
    if (r->type)
        for (int64_t i = begin; i < end; i++)
            d[i] *= r->value;
    else
        for (int64_t i = begin; i < end; i++)
            f[i] *= by;
}

static void clamp_piece(void *context, int64_t begin, int64_t end) /* a NaN stays one */
{
    const clip_run *r = context;
    void *data = r->data;
    float *f = data, most = (float)r->value;
    double *d = data;
    if (r->type)
        for (int64_t i = begin; i < end; i++)
            d[i] = d[i] > r->value ? r->value : d[i] < -r->value ? -r->value : d[i];
    else
        for (int64_t i = begin; i < end; i++)
            f[i] = f[i] > most ? most : f[i] < -most ? -most : f[i];
}

/* Every gradient f32 or f64 and without gaps in memory; one with gaps or repeats is replaced by a copy. */
static tp_status make_ready(const char *op, tp_params *params)
{
    if (tp_pending())
        return tp_error_pending();
    if (!params)
        return tp_fail(TP_ERR_ARGUMENT, "%s: the list of parameters is NULL", op);
    for (int i = 0; i < tp_params_count(params); i++) {
        tp_tensor *t = tp_params_at(params, i), *g = tp_grad(t);
        if (g && g->dtype != TP_F32 && g->dtype != TP_F64)
            return tp_fail(TP_ERR_DTYPE, "%s: the gradient of '%s' is %s, f32 or f64 is wanted", op,
                           tp_params_name(params, i), tp_dtype_name((tp_dtype)g->dtype));
        if (!g || tensor_is_dense(g))
            continue;
        TP_SCOPE;
        TP_NO_GRAD;
        tp_tensor *copy = tp_contiguous(g);
        if (!copy)
            return tp_error_pending();
        tp_set_grad(t, copy);
    }
    return TP_OK;
}

static void write_all(tp_params *params, parallel_body *body, double value)
{
    for (int i = 0; i < tp_params_count(params); i++) {
        tp_tensor *g = tp_grad(tp_params_at(params, i));
        if (!g || !g->numel || !tensor_data(g))
            continue;
        clip_run r = { .data = tensor_data(g), .type = g->dtype == TP_F64, .value = value };
        parallel_for(g->numel, OPTIM_PIECE, body, &r);
        g->storage->version++;
    }
}

static double sum_of_squares(const tp_tensor *g)
{
    double sums[BATCH], sum = 0;
    clip_run r = { .data = tensor_data(g), .type = g->dtype == TP_F64, .sums = sums };
    const int64_t most = (int64_t)BATCH * OPTIM_PIECE, size = (int64_t)tensor_element_size(g);
    for (int64_t at = 0; r.data && at < g->numel; at += most, r.data += most * size) {
        int64_t n = g->numel - at < most ? g->numel - at : most;
        parallel_for(n, OPTIM_PIECE, sum_piece, &r);
        for (int64_t k = 0; k * OPTIM_PIECE < n; k++)
            sum += sums[k];
    }
    return sum;
}

double tp_clip_grad_norm(tp_params *params, double max_norm)
{
    if (make_ready("clip_grad_norm", params))
        return NAN;
    if (!(max_norm >= 0)) {
        tp_fail(TP_ERR_ARGUMENT, "clip_grad_norm: max_norm is %g, a number >= 0 is wanted", max_norm);
        return NAN;
    }
    double sum = 0;
    for (int i = 0; i < tp_params_count(params); i++) {
        const tp_tensor *g = tp_grad(tp_params_at(params, i));
        sum += g ? sum_of_squares(g) : 0;
    }
    double norm = sqrt(sum), factor = isinf(max_norm) ? 1 : max_norm / (norm + 1e-6);
    if (!(factor >= 1)) /* a norm that is NaN makes all gradients NaN, as in PyTorch */
        write_all(params, scale_piece, factor);
    return norm;
}

tp_status tp_clip_grad_value(tp_params *params, double value)
{
    if (make_ready("clip_grad_value", params))
        return tp_error_pending();
    if (!(value >= 0))
        return tp_fail(TP_ERR_ARGUMENT, "clip_grad_value: value is %g, a number >= 0 is wanted", value);
    write_all(params, clamp_piece, value);
    return TP_OK;
}
