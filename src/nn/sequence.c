/* sequence.c - layers that make one vector of a sequence, or sequences of pictures.
 *
 * Layer: nn.  Depends on module.h.  Read next: recurrent.c. */
#include "nn/module.h"

#include <math.h>
#include <string.h>

/* ---- pooling over the steps: (N, T, D) -> (N, D) ------------------------------------------------------------------- */

typedef struct pooling_state {
    tp_tensor *weight; /* attention: (D), the score of a step; else NULL */
    bool last;
    int64_t forward; /* of D: what a direction that begins at the first step has */
} pooling_state;

/* Of two directions' outputs the first one's last step and the second one's, which is the first: what each has read all for. */
static tp_tensor *last_steps(tp_tensor *x, int64_t forward)
{
    const int64_t steps = tp_size(x, 1), width = tp_size(x, 2);
    tp_tensor *last = tp_select(x, 1, steps - 1);
    if (forward == width)
        return last;
    tp_tensor *both[] = { tp_narrow(last, 1, 0, forward),
                          tp_narrow(tp_select(x, 1, 0), 1, forward, width - forward) };
    return tp_cat(both, 2, 1);
}

static tp_tensor *pooling_forward(tp_module *m, tp_tensor *x)
{
    const pooling_state *s = tp_module_state(m);
    if (!x || tp_pending())
        return NULL;
    if (tp_ndim(x) != 3)
        return tp_fail_null(TP_ERR_SHAPE, "sequence_pooling: input of %d dims, (N, T, D) is wanted",
                            tp_ndim(x));
    if (s->weight) {
        tp_tensor *share = tp_softmax(tp_matmul(x, s->weight), 1); /* (N, T) */
        return tp_squeeze(tp_matmul(tp_unsqueeze(share, 1), x), 1);
    }
    return s->last ? last_steps(x, s->forward) : tp_mean(x, TP_SHAPE(1), false);
}

tp_module *tp_nn_sequence_pooling(const char *kind, int64_t width, bool bidirectional)
{
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    const bool attention = kind && !strcmp(kind, "attention"), last = kind && !strcmp(kind, "last");
    if (!attention && !last && !(kind && !strcmp(kind, "mean")))
        return tp_fail_null(TP_ERR_ARGUMENT, "sequence_pooling: '%.60s', last, mean or attention is wanted",
                            kind ? kind : "");
    if (width < 1 || (bidirectional && width % 2))
        return tp_fail_null(
            TP_ERR_ARGUMENT,
            "sequence_pooling: width %lld, at least 1, of two directions an even one, is wanted",
            (long long)width);
    tp_module *m = tp_module_new("sequence_pooling", sizeof(pooling_state), pooling_forward);
    pooling_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    const double bound = 1 / sqrt((double)width);
    s->last = last;
    s->forward = bidirectional ? width / 2 : width;
    if (attention)
        s->weight = tp_parameter(m, "weight", tp_uniform(-bound, bound, TP_SHAPE(width)));
    tp_module_set_info(m, "%s%s", kind, bidirectional ? ", both directions" : "");
    return tp_keep(tp_module_built(m));
}

/* ---- pictures by rows: (N, C, H, W) -> (N, H, C W) ------------------------------------------------------------------- */

static tp_tensor *rows_forward(tp_module *m, tp_tensor *x)
{
    (void)m;
    if (!x || tp_pending())
        return NULL;
    if (tp_ndim(x) == 2) /* numbers one after the other */
        return tp_unsqueeze(x, 2);
    return tp_ndim(x) == 4 ? tp_flatten(tp_permute(x, TP_SHAPE(0, 2, 1, 3)), 2, 3) : x;
}

tp_module *tp_nn_rows(void)
{
    TP_SCOPE;
    return tp_pending() ? NULL : tp_keep(tp_module_built(tp_module_new("rows", 0, rows_forward)));
}
