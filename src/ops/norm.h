/* norm.h - the normalisations of rows and of channels, and what they share: the gradient of their gradient.
 *
 * h = (x - mean) r, r = (var + eps)^(-1/2), g = dy w.  <.>: the mean over what one statistic covers.
 *   dx = r P(g),  P(g) = g - <g> - h <g h>;   dweight = sum of dy h;   dbias = sum of dy
 * Layer: ops.  Depends on ops.h.  Read next: norm.c, row_norm.c, channel_norm.c. */
#ifndef OPS_NORM_H
#define OPS_NORM_H

#include "autograd/node.h"
#include "ops/map.h"
#include "ops/ops.h"

/* Outputs: y, mean, var.  Inputs: x weight? bias?; of channels also mean? var? */
extern const tp_op tp_op__row_norm, tp_op__channel_norm, tp_op__norm_conv;

/* conv2d(batch_norm(x), conv) of one tap, stride 1, no bias, for options with relu: one operation where it computes what two would. */
tp_tensor *batch_norm_conv(tp_tensor *x, const tp_batch_norm_options *, tp_tensor *conv);

typedef struct row_attrs {
    int64_t dims; /* how many of the last ones make a row */
    double eps;
    bool centered; /* false: RMS norm */
} row_attrs;

typedef struct channel_attrs {
    int64_t groups; /* of channels, one statistic each; 0: a channel is a group */
    bool each;      /* image has its own statistics */
    bool fixed;     /* mean and var are given */
    double eps;
    bool relu; /* max(.., 0) in the same pass */
} channel_attrs;

typedef struct norm_view {
    tp_shape shape;   /* four dims that x is seen in */
    tp_shape weight;  /* of weight and bias there */
    tp_shape average; /* the dims that one statistic covers */
    tp_shape moment;  /* of mean and var there */
    double eps;
    bool centered; /* without: P(g) = g - h <g h>, mean 0 */
    bool fixed;    /* mean and var do not come from x: P(g) = g */
    bool relu;     /* dy counts where h w + b > 0 */
} norm_view;

/* Inputs and outputs of both backward operations. */
enum { NORM_DY, NORM_X, NORM_WEIGHT, NORM_MEAN, NORM_VAR, NORM_BIAS };
enum { NORM_DX, NORM_DWEIGHT, NORM_DBIAS };

/* The backward of such an operation, made of operations that everybody uses, so that it has all further gradients.  Mean and var
 * are inputs like the others: what flows into them goes on through the operation that made them. */
void norm_second_backward(const norm_view *, const tp_saved *, tp_tensor **dx);

/* There: dx, and what flows into its outputs mean and var (s->dy[1], [2]), which come from x. */
tp_tensor *norm_moments_backward(const norm_view *, const tp_saved *, tp_tensor *dx);

/* Both f32 or f64 like x, n numbers; fails naming op.  t may be NULL. */
tp_status norm_check_vector(const char *op, const char *what, const tp_tensor *x, const tp_tensor *t,
                            int64_t n);

/* n numbers of x's type, contiguous: t's own or a copy at *scratch, which moves on; value where t is NULL. */
size_t norm_vector_bytes(const tp_tensor *x, int64_t n);
const void *norm_vector(const tp_call *, const tp_tensor *t, int64_t n, double value, char **scratch);

#endif
