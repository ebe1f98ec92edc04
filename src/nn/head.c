/* head.c - the loss of a network whose answer is a linear layer over what its body makes, as that of a language model is: made from the body, block
 * by block, so that the answer, (.., classes), never exists.
 *
 * Places whose target is ignored have no part in the last product: of a masked language model's they are most.
 * Layer: nn.  Depends on module.h.  Read next: ops/linear_cross_entropy.c, train/loop.c. */
#include "nn/module.h"

#include <string.h>

void tp_module_heads(tp_module *m, tp_body_fn *body)
{
    if (m)
        m->body = body;
}

bool tp_module_has_head(const tp_module *m)
{
    return m && m->body && !m->hooks && !m->recomputes;
}

/* The rows of x (N, D) whose target counts, and their targets; all if none does not, or none does: the mean of nothing is NaN. */
static void choose_rows(tp_tensor **x, tp_tensor **target, int64_t ignore_index)
{
    const int64_t n = tp_numel(*target), *from = tp_data(*target);
    int64_t count = 0;
    for (int64_t i = 0; i < n && from; i++)
        count += from[i] != ignore_index;
    if (!count || count == n)
        return;
    tp_tensor *rows = tp_zeros(TP_SHAPE(count), .dtype = TP_I64);
    int64_t *row = rows ? tp_data(rows) : NULL;
    for (int64_t i = 0; i < n && row; i++)
        if (from[i] != ignore_index)
            *row++ = i;
    *x = tp_index_select(*x, 0, rows);
    *target = tp_index_select(*target, 0, rows);
}

static tp_status loss_body(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                           void *context)
{
    const int64_t *ignore_index = context;
    tp_head head = { 0 };
    (void)n_in, (void)n_out;
    tp_tensor *x = m->body(m, in[0], &head), *target = in[1];
    if (!x)
        return tp_error_pending();
    x = tp_reshape(x, TP_SHAPE(-1, tp_size(x, tp_ndim(x) - 1)));
    target = tp_contiguous(tp_reshape(target, TP_SHAPE(-1)));
    if (x && target && tp_size(x, 0) != tp_numel(target))
        return tp_fail(TP_ERR_SHAPE, "forward_loss: %s answers at %lld places, the target has %lld", m->type,
                       (long long)tp_size(x, 0), (long long)tp_numel(target));
    if (x && target)
        choose_rows(&x, &target, *ignore_index);
    out[0] = tp_linear_cross_entropy_correct(x, head.weight, target, head.bias, *ignore_index, &out[1]);
    return tp_error_pending();
}

static bool lacks_head(const tp_module *m, const char *function)
{
    if (!tp_module_has_head(m))
        tp_fail(TP_ERR_UNSUPPORTED, "%s: the answer of %s is no linear layer over its body, or has hooks",
                function, tp_module_type(m));
    return tp_pending();
}

tp_tensor *tp_forward_loss(tp_module *m, tp_tensor *x, tp_tensor *target, int64_t ignore_index,
                           tp_tensor **correct)
{
    tp_tensor *out[2];
    *correct = NULL;
    if (tp_pending())
        return NULL;
    if (lacks_head(m, "forward_loss"))
        return NULL;
    if (!target || tp_dtype_of(target) != TP_I64)
        return tp_fail_null(TP_ERR_DTYPE, "forward_loss: targets of i64 are wanted");
    if (tp_module_call(m, (tp_tensor *[]){ x, target }, 2, out, 2, loss_body, &ignore_index))
        return NULL;
    *correct = out[1];
    return out[0];
}

static tp_status body_alone(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                            void *context)
{
    (void)n_in, (void)n_out;
    out[0] = m->body(m, in[0], context);
    return tp_error_pending();
}

tp_tensor *tp_forward_body(tp_module *m, tp_tensor *x, tp_head *head)
{
    tp_tensor *y;
    *head = (tp_head){ 0 };
    if (tp_pending() || lacks_head(m, "forward_body"))
        return NULL;
    return tp_module_call(m, &x, 1, &y, 1, body_alone, head) ? NULL : y;
}
