/* real.inc.h - the reference for REAL: included by f32.c and f64.c, which say what REAL, M, TYPE and FILL are.
 *
 * Products and convolutions are the formulas, summed in double.
 * Layer: kernels.  Depends on plain/.  Read next: i64.c. */
#include "base/philox.h"
#include "kernels/plain/plain.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/special.h"

#include <math.h>
#include <string.h>

#define LOWEST (-(REAL)INFINITY)
#define HIGHEST ((REAL)INFINITY)
#define ACC double
#include "kernels/plain/elementwise.h"
#include "kernels/plain/pool.h"
#include "kernels/plain/real.h"
#include "kernels/plain/compare.h"
#include "kernels/plain/seldom.h"
#include "kernels/plain/reduce.h"
#include "kernels/plain/scan.h"
#include "kernels/plain/step.h"

#include "kernels/plain/norm.h"

#include "kernels/plain/constant_power.h"
#include "kernels/plain/rest.h"

/* ---- element-wise functions of the C library ------------------------------------------------------------------ */

static const REAL root_half = (REAL)0.70710678118654752, root_2_over_pi = (REAL)0.79788456080286536;

static REAL logistic(REAL x)
{
    REAL e = M(exp)(-M(fabs)(x));
    return (x < 0 ? e : 1) / (1 + e);
}

static REAL normal_cdf(REAL x)
{
    return (REAL)0.5 * M(erfc)(-x * root_half);
}

static REAL gelu_slope(REAL x)
{
    const REAL density = (REAL)0.3989422804014327 * M(exp)((REAL)-0.5 * x * x);
    return normal_cdf(x) + x * density;
}

static REAL tanh_argument(REAL x)
{
    return root_2_over_pi * (x + (REAL)0.044715 * x * x * x);
}

static REAL gelu_tanh_slope(REAL x)
{
    REAL s = logistic(2 * tanh_argument(x)), du = root_2_over_pi * (1 + 3 * (REAL)0.044715 * x * x);
    return s + x * 2 * s * (1 - s) * du;
}

static REAL silu_slope(REAL x)
{
    REAL s = logistic(x);
    return s * (1 + x * (1 - s));
}

static REAL mish_slope(REAL x) /* t + x s (1 - t^2), t = tanh(ln(1 + e^x)), s = sigmoid x */
{
    REAL t = M(tanh)(x > 20 ? x : M(log1p)(M(exp)(x)));
    return t + x * logistic(x) * (1 - t * t);
}

UNARY(exponential, M(exp)(x))
UNARY(exponential_m1, M(expm1)(x))
UNARY(logarithm, M(log)(x))
UNARY(logarithm_1p, M(log1p)(x))
UNARY(sine, M(sin)(x))
UNARY(cosine, M(cos)(x))
UNARY(error_function, M(erf)(x))
UNARY(sigmoid, logistic(x))
UNARY(hyperbolic_tangent, M(tanh)(x))
UNARY(gelu, x *normal_cdf(x))
UNARY(gelu_tanh, x *logistic(2 * tanh_argument(x)))
UNARY(silu, x *logistic(x))
UNARY(softplus, x *(REAL)p[0] > (REAL)p[1] ? x : M(log1p)(M(exp)(x * (REAL)p[0])) / (REAL)p[0])
UNARY(logsigmoid, (x < 0 ? x : 0) - M(log1p)(M(exp)(-M(fabs)(x))))
UNARY(mish, x *M(tanh)(x > 20 ? x : M(log1p)(M(exp)(x))))
UNARY(elu, x > 0 ? x : (REAL)p[0] * M(expm1)(x))
UNARY(selu, (REAL)1.0507009873554805 * (x > 0 ? x : (REAL)1.6732632423543772 * M(expm1)(x)))
UNARY(celu, x > 0 ? x : (REAL)p[0] * M(expm1)(x / (REAL)p[0]))
UNARY(exponential_2, M(exp2)(x))
UNARY(logarithm_2, M(log2)(x))
UNARY(logarithm_10, M(log10)(x))
UNARY(tangent, M(tan)(x))
UNARY(arc_sine, M(asin)(x))
UNARY(arc_cosine, M(acos)(x))
UNARY(arc_tangent, M(atan)(x))
UNARY(hyperbolic_sine, M(sinh)(x))
UNARY(hyperbolic_cosine, M(cosh)(x))
UNARY(area_sine, M(asinh)(x))
UNARY(area_cosine, M(acosh)(x))
UNARY(area_tangent, M(atanh)(x))
UNARY(erf_complement, M(erfc)(x))
UNARY(erf_inverse, special_erfinv((double)x))
UNARY(log_gamma, special_lgamma((double)x))
UNARY(digamma, special_digamma((double)x))
UNARY(polygamma, special_polygamma((int64_t)p[0], (double)x))
UNARY(sinc, x == 0 ? 1 : M(sin)((REAL)M_PI * x) / ((REAL)M_PI * x))

static REAL logit_of(REAL x, REAL eps)
{
    x = eps < 0 ? x : x < eps ? eps : x > 1 - eps ? 1 - eps : x;
    return M(log)(x / (1 - x));
}

UNARY(logit, logit_of(x, (REAL)p[0]))

#define RESULT REAL
BINARY(any_power, M(pow)(a, b))
BINARY(angle, M(atan2)(a, b))
BINARY(hypotenuse, M(hypot)(a, b))
BINARY(fmod_of, M(fmod)(a, b))
BINARY(remainder_of, remainder_from(M(fmod)(a, b), b))
BINARY(div_floor, floor_divide_from(M(fmod)(a, b), a, b))
BINARY(x_log_y, a == 0 && b == b ? 0 : a * M(log)(b))
BINARY(next_after, M(nextafter)(a, b))
BINARY(log_add_exp, a == b ? a + (REAL)M_LN2 : (a > b ? a : b) + M(log1p)(M(exp)(-M(fabs)(a - b))))
BINARY(log_add_exp2,
       a == b ? a + 1 : (a > b ? a : b) + M(log1p)(M(exp2)(-M(fabs)(a - b))) * (REAL)1.4426950408889634)
BINARY(gelu_backward, a *gelu_slope(b))
BINARY(gelu_tanh_backward, a *gelu_tanh_slope(b))
BINARY(silu_backward, a *silu_slope(b))
BINARY(mish_backward, a *mish_slope(b))
#undef RESULT

static void power(void *y, const void *a, int64_t sa, const void *b, int64_t sb, int64_t n)
{
    if (!(sa && !sb && constant_power(y, a, *(const REAL *)b, n)))
        any_power(y, a, sa, b, sb, n);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static REAL largest(const REAL *x, int64_t n)
{
    REAL top = LOWEST;
    amax_rows(&top, x, n);
    return top == LOWEST ? 0 : top;
}

static void softmax(void *y_, const void *x_, int64_t n)
{
    REAL *y = y_;
    const REAL *x = x_, top = largest(x, n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)(y[i] = M(exp)(x[i] - top));
    for (int64_t i = 0; i < n; i++)
        y[i] /= (REAL)sum;
}

static void log_softmax(void *y_, const void *x_, int64_t n)
{
    REAL *y = y_;
    const REAL *x = x_, top = largest(x, n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)M(exp)(x[i] - top);
    REAL log_sum = (REAL)log(sum);
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] - top - log_sum;
}

/* ln of the running sum of e^x: the larger of the two + ln(1 + e^-distance). */
static void logcumsumexp(void *y_, const void *x_, int64_t n)
{
    REAL *y = y_;
    const REAL *x = x_;
    REAL a = LOWEST;
    for (int64_t i = 0; i < n; i++) {
        REAL low = x[i] < a ? x[i] : a, high = x[i] < a ? a : x[i];
        if (IS_NAN(a))
            high = a;
        a = low == high && (high == LOWEST || high == HIGHEST) ? high : high + M(log1p)(M(exp)(low - high));
        y[i] = a;
    }
}

static void softmax_backward(void *dx_, const void *dy_, const void *y_, int64_t n)
{
    REAL *dx = dx_;
    const REAL *dy = dy_, *y = y_;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)dy[i] * (double)y[i];
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] * (dy[i] - (REAL)sum);
}

static void log_softmax_backward(void *dx_, const void *dy_, const void *y_, int64_t n)
{
    REAL *dx = dx_;
    const REAL *dy = dy_, *y = y_;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)dy[i];
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] - M(exp)(y[i]) * (REAL)sum;
}

/* Down columns: STRIP of them side by side, so that memory is read row by row. */
enum { STRIP = 64 };

static void column_tops(REAL *top, const REAL *x, int64_t n, int64_t cols, int64_t ld)
{
    for (int64_t c = 0; c < cols; c++)
        top[c] = LOWEST;
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < cols; c++)
            top[c] = x[i * ld + c] > top[c] ? x[i * ld + c] : top[c];
    for (int64_t c = 0; c < cols; c++)
        top[c] = top[c] == LOWEST ? 0 : top[c];
}

static void softmax_strip(REAL *y, const REAL *x, int64_t n, int64_t cols, int64_t ld, bool is_log)
{
    REAL top[STRIP], total[STRIP];
    double sum[STRIP] = { 0 };
    column_tops(top, x, n, cols, ld);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < cols; c++) {
            REAL e = M(exp)(x[i * ld + c] - top[c]);
            sum[c] += (double)e;
            if (!is_log)
                y[i * ld + c] = e;
        }
    for (int64_t c = 0; c < cols; c++)
        total[c] = (REAL)(is_log ? log(sum[c]) : sum[c]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < cols; c++)
            y[i * ld + c] = is_log ? x[i * ld + c] - top[c] - total[c] : y[i * ld + c] / total[c];
}

static void softmax_strip_backward(REAL *dx, const REAL *dy, const REAL *y, int64_t n, int64_t cols,
                                   int64_t ld, bool is_log)
{
    double sum[STRIP] = { 0 };
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < cols; c++)
            sum[c] += (double)dy[i * ld + c] * (is_log ? 1 : (double)y[i * ld + c]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < cols; c++) {
            REAL g = dy[i * ld + c], total = (REAL)sum[c], out = y[i * ld + c];
            dx[i * ld + c] = is_log ? g - M(exp)(out) * total : out * (g - total);
        }
}

#define DOWN_COLUMNS(name, is_log)                                                                        \
    static void name##_cols(void *y, const void *x, int64_t n, int64_t cols, int64_t ld)                  \
    {                                                                                                     \
        for (int64_t c = 0; c < cols; c += STRIP)                                                         \
            softmax_strip((REAL *)y + c, (const REAL *)x + c, n, cols - c < STRIP ? cols - c : STRIP, ld, \
                          is_log);                                                                        \
    }                                                                                                     \
    static void name##_cols_backward(void *dx, const void *dy, const void *y, int64_t n, int64_t cols,    \
                                     int64_t ld)                                                          \
    {                                                                                                     \
        for (int64_t c = 0; c < cols; c += STRIP)                                                         \
            softmax_strip_backward((REAL *)dx + c, (const REAL *)dy + c, (const REAL *)y + c, n,          \
                                   cols - c < STRIP ? cols - c : STRIP, ld, is_log);                      \
    }
DOWN_COLUMNS(softmax, false)
DOWN_COLUMNS(log_softmax, true)

/* ---- products ------------------------------------------------------------------------------------------------------ */

static void gemm(const gemm_args *g)
{
    const REAL *a = g->a, *b = g->b, *bias = g->bias;
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            REAL *c = (REAL *)g->c + i * g->c_row + j;
            double sum = (g->accumulate ? (double)*c : 0) + (bias ? (double)bias[j] : 0);
            for (int64_t k = 0; k < g->k; k++)
                sum += (double)a[i * g->a_row + k * g->a_col] * (double)b[k * g->b_row + j * g->b_col];
            *c = (REAL)(g->relu && sum < 0 ? 0 : sum);
        }
}

static size_t no_gemm_scratch(const gemm_args *g)
{
    (void)g;
    return 0;
}

/* Calls what for every product x[i] w[j] that goes into y[k]: all three directions of a convolution run over the same. */
typedef void visit_fn(const conv_args *, int64_t x, int64_t w, int64_t y);

static void for_each_product(const conv_args *g, visit_fn *visit)
{
    const int64_t cg = g->c / g->groups, kg = g->k / g->groups, kh = g->kernel[0], kw = g->kernel[1];
    for (int64_t pixel = 0; pixel < g->n * g->oh * g->ow; pixel++)
        for (int64_t k = 0; k < g->k; k++)
            for (int64_t c = 0; c < cg; c++)
                for (int64_t p = 0; p < kh; p++)
                    for (int64_t q = 0; q < kw; q++) {
                        int64_t n = pixel / (g->oh * g->ow), i = pixel / g->ow % g->oh, j = pixel % g->ow;
                        int64_t h = i * g->stride[0] + p * g->dilation[0] - g->padding[0];
                        int64_t w = j * g->stride[1] + q * g->dilation[1] - g->padding[1];
                        if (h >= 0 && w >= 0 && h < g->h && w < g->w)
                            visit(g, ((n * g->h + h) * g->w + w) * g->c + k / kg * cg + c,
                                  ((k * cg + c) * kh + p) * kw + q, pixel * g->k + k);
                    }
}

static void add_to_y(const conv_args *g, int64_t x, int64_t w, int64_t y)
{
    ((REAL *)g->out)[y] += ((const REAL *)g->x)[x] * ((const REAL *)g->weight)[w];
}

static void add_to_dx(const conv_args *g, int64_t x, int64_t w, int64_t y)
{
    ((REAL *)g->out)[x] += ((const REAL *)g->dy)[y] * ((const REAL *)g->weight)[w];
}

static void add_to_dw(const conv_args *g, int64_t x, int64_t w, int64_t y)
{
    ((REAL *)g->out)[w] += ((const REAL *)g->dy)[y] * ((const REAL *)g->x)[x];
}

static void conv_forward(const conv_args *g)
{
    REAL *y = g->out;
    for (int64_t i = 0; i < g->n * g->oh * g->ow * g->k; i++)
        y[i] = g->bias ? ((const REAL *)g->bias)[i % g->k] : 0;
    for_each_product(g, add_to_y);
    for (int64_t i = 0; i < g->n * g->oh * g->ow * g->k && g->relu; i++)
        y[i] = y[i] < 0 ? 0 : y[i];
}

static void conv_data_gradient(const conv_args *g)
{
    memset(g->out, 0, (size_t)(g->n * g->h * g->w * g->c) * sizeof(REAL));
    for_each_product(g, add_to_dx);
}

static void conv_weight_gradient(const conv_args *g)
{
    memset(g->out, 0, (size_t)(g->k * (g->c / g->groups) * g->kernel[0] * g->kernel[1]) * sizeof(REAL));
    for_each_product(g, add_to_dw);
}

static size_t no_conv_scratch(const conv_args *g)
{
    (void)g;
    return 0;
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

static void fill_functions(kernel_table *t)
{
    t->unary[KERNEL_EXP][TYPE] = exponential;
    t->unary[KERNEL_EXPM1][TYPE] = exponential_m1;
    t->unary[KERNEL_LOG][TYPE] = logarithm;
    t->unary[KERNEL_LOG1P][TYPE] = logarithm_1p;
    t->unary[KERNEL_SIN][TYPE] = sine;
    t->unary[KERNEL_COS][TYPE] = cosine;
    t->unary[KERNEL_ERF][TYPE] = error_function;
    t->unary[KERNEL_SIGMOID][TYPE] = sigmoid;
    t->unary[KERNEL_TANH][TYPE] = hyperbolic_tangent;
    t->unary[KERNEL_GELU][TYPE] = gelu;
    t->unary[KERNEL_GELU_TANH][TYPE] = gelu_tanh;
    t->unary[KERNEL_SILU][TYPE] = silu;
    t->unary[KERNEL_SOFTPLUS][TYPE] = softplus;
    t->unary[KERNEL_LOGSIGMOID][TYPE] = logsigmoid;
    t->unary[KERNEL_MISH][TYPE] = mish;
    t->unary[KERNEL_ELU][TYPE] = elu;
    t->unary[KERNEL_SELU][TYPE] = selu;
    t->unary[KERNEL_CELU][TYPE] = celu;
    t->unary[KERNEL_EXP2][TYPE] = exponential_2;
    t->unary[KERNEL_LOG2][TYPE] = logarithm_2;
    t->unary[KERNEL_LOG10][TYPE] = logarithm_10;
    t->unary[KERNEL_TAN][TYPE] = tangent;
    t->unary[KERNEL_ASIN][TYPE] = arc_sine;
    t->unary[KERNEL_ACOS][TYPE] = arc_cosine;
    t->unary[KERNEL_ATAN][TYPE] = arc_tangent;
    t->unary[KERNEL_SINH][TYPE] = hyperbolic_sine;
    t->unary[KERNEL_COSH][TYPE] = hyperbolic_cosine;
    t->unary[KERNEL_ASINH][TYPE] = area_sine;
    t->unary[KERNEL_ACOSH][TYPE] = area_cosine;
    t->unary[KERNEL_ATANH][TYPE] = area_tangent;
    t->unary[KERNEL_ERFC][TYPE] = erf_complement;
    t->unary[KERNEL_ERFINV][TYPE] = erf_inverse;
    t->unary[KERNEL_LGAMMA][TYPE] = log_gamma;
    t->unary[KERNEL_DIGAMMA][TYPE] = digamma;
    t->unary[KERNEL_POLYGAMMA][TYPE] = polygamma;
    t->unary[KERNEL_SINC][TYPE] = sinc;
    t->unary[KERNEL_LOGIT][TYPE] = logit;
    t->binary[KERNEL_POW][TYPE] = power;
    t->binary[KERNEL_ATAN2][TYPE] = angle;
    t->binary[KERNEL_HYPOT][TYPE] = hypotenuse;
    t->binary[KERNEL_FMOD][TYPE] = fmod_of;
    t->binary[KERNEL_REMAINDER][TYPE] = remainder_of;
    t->binary[KERNEL_DIV_FLOOR][TYPE] = div_floor;
    t->binary[KERNEL_XLOGY][TYPE] = x_log_y;
    t->binary[KERNEL_NEXTAFTER][TYPE] = next_after;
    t->binary[KERNEL_LOGADDEXP][TYPE] = log_add_exp;
    t->binary[KERNEL_LOGADDEXP2][TYPE] = log_add_exp2;
    t->binary[KERNEL_GELU_BACKWARD][TYPE] = gelu_backward;
    t->binary[KERNEL_GELU_TANH_BACKWARD][TYPE] = gelu_tanh_backward;
    t->binary[KERNEL_SILU_BACKWARD][TYPE] = silu_backward;
    t->binary[KERNEL_MISH_BACKWARD][TYPE] = mish_backward;
}

/* ---- recurrent layers and attention ---------------------------------------------------------------------------------------------- */

static void pack_panels(void *to, const void *b_, int64_t b_row, int64_t b_col, int64_t n, int64_t k,
                        int64_t first, int64_t last)
{
    const REAL *b = b_;
    (void)n;
    for (int64_t j = first; j < last; j++) /* a column each */
        for (int64_t t = 0; t < k; t++)
            ((REAL *)to)[j * k + t] = b[j * b_col + t * b_row];
}

static void panels_product(const panels_args *p)
{
    const int64_t parts = p->parts ? p->parts : 1, a_step = p->a ? 1 : p->columns_step;
    for (int64_t panel = p->first * parts; panel < p->last * parts; panel++)
        for (int64_t i = 0; i < p->m; i++) {
            const int64_t j = panel % parts * p->n + panel / parts;
            const REAL *a = p->a ? p->a[i] : (const REAL *)p->columns + i,
                       *b = (const REAL *)p->panels + j * p->k;
            REAL *c = (REAL *)p->c[i] + j;
            ACC sum = (p->accumulate ? *c : 0) + (p->bias ? ((const REAL *)p->bias)[j] : 0);
            const bool of_terms = p->from && p->inner;
            if (p->from && !of_terms && (panel / parts < p->from[i] || panel / parts >= p->to[i]))
                continue;
            for (int64_t t = of_terms ? p->from[i] : 0; t < (of_terms ? p->to[i] : p->k); t++)
                sum += (ACC)a[t * a_step] * b[t];
            *c = (REAL)sum;
        }
}

enum { WIDTH = 1 };
typedef REAL vec;

static inline vec get(const REAL *p, int n)
{
    (void)n;
    return *p;
}

static inline void put(REAL *p, int n, vec v)
{
    (void)n;
    *p = v;
}

static inline vec gate_of(vec x)
{
    return logistic(x);
}

static inline vec tanh_of(vec x)
{
    return M(tanh)(x);
}

#include "kernels/plain/recurrent.h"

static inline vec all_of(REAL x)
{
    return x;
}

static inline vec count(REAL first)
{
    return first;
}

static inline vec larger(vec a, vec b)
{
    return a > b ? a : b;
}

static inline vec chosen(vec x, vec low, vec high, vec yes, vec no)
{
    return x >= low && x < high ? yes : no;
}

static inline vec decay_of(vec x)
{
    return M(exp)(x);
}

static inline REAL sum_of(vec x)
{
    return x;
}

static inline REAL top_of(vec x)
{
    return x;
}

#include "kernels/plain/attention.h"

void FILL(kernel_table *t)
{
    fill_elementwise(t, TYPE);
    fill_real(t, TYPE);
    fill_compare(t, TYPE);
    fill_seldom(t, TYPE);
    fill_functions(t);
    fill_reduce(t, TYPE);
    fill_scan(t, TYPE);
    fill_step(t, TYPE);
    fill_pool(t, TYPE);
    fill_norm(t, TYPE);
    fill_recurrent(t, TYPE);
    fill_attention(t, TYPE);
    t->panels[TYPE] = (panel_kernels){ 1, pack_panels, panels_product };
    t->gemm[TYPE] = gemm;
    t->gemm_scratch[TYPE] = no_gemm_scratch;
    conv_kernel *conv = t->conv[TYPE][CONV_DIRECT];
    conv[CONV_FORWARD] = (conv_kernel){ conv_forward, no_conv_scratch };
    conv[CONV_DATA_GRADIENT] = (conv_kernel){ conv_data_gradient, no_conv_scratch };
    conv[CONV_WEIGHT_GRADIENT] = (conv_kernel){ conv_weight_gradient, no_conv_scratch };
    t->logcumsumexp[TYPE] = logcumsumexp;
    t->softmax[TYPE] =
        (softmax_kernels){ .rows = { softmax, log_softmax },
                           .rows_backward = { softmax_backward, log_softmax_backward },
                           .cols = { softmax_cols, log_softmax_cols },
                           .cols_backward = { softmax_cols_backward, log_softmax_cols_backward } };
}
