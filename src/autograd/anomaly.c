/* anomaly.c - which operation's gradient became NaN.
 *
 * While detection is on, every gradient is looked at as soon as it is made; the error names the operation by its place
 * among this thread's recorded operations and by what its inputs came from.
 * Layer: autograd.  Depends on node.h.  Read next: backward.c. */
#include "autograd/node.h"

#include <stdio.h>

extern const tp_op tp_op_ne;

_Thread_local bool anomaly_detection;

bool tp_set_detect_anomaly(bool on)
{
    bool before = anomaly_detection;
    anomaly_detection = on;
    return before;
}

void tp_detect_anomaly_restore(const bool *before)
{
    anomaly_detection = *before;
}

static bool holds_nan(tp_tensor *x)
{
    TP_SCOPE;
    bool before = tp_grad_mode_set(false), found = false;
    if (x->numel) {
        tp_tensor *differs = tp_apply(&tp_op_ne, (tp_tensor *[]){ x, x }, 2, NULL);
        differs = differs ? engine_to(differs, TP_F32) : NULL;
        tp_tensor *all = differs ? engine_sum_to(differs, &TP_SHAPE()) : NULL;
        found = all && tp_item(all) > 0;
    }
    tp_grad_mode_set(before);
    return found;
}

/* "exp (number 12), a leaf" */
static void describe_inputs(const tp_node *n, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < n->n_in && i < 4 && used < size; i++) {
        const edge *e = &n->in[i];
        int length =
            e->node ? snprintf(text + used, size - used, "%s%s %s from %s (number %u)", i ? ", " : "",
                               tp_dtype_name(e->dtype), shape_text(n->shape[i]), e->node->op->name,
                               e->node->sequence)
                    : snprintf(text + used, size - used, "%s%s %s%s", i ? ", " : "", tp_dtype_name(e->dtype),
                               shape_text(n->shape[i]), e->leaf ? ", a leaf" : "");
        used += length > 0 ? (size_t)length : 0;
    }
}

tp_status anomaly_check(const tp_node *n, int input, tp_tensor *dx)
{
    const char *name;
    char inputs[512];
    if (!holds_nan(dx))
        return tp_error_pending();
    int length = op_input_name(n->op, input, &name);
    describe_inputs(n, inputs, sizeof inputs);
    return tp_fail(TP_ERR_GRAD,
                   "backward: the gradient of %s by its input %d (%.*s) holds NaN; it is recorded operation "
                   "number %u of "
                   "its thread, its inputs: %s",
                   n->op->name, input, length, name, n->sequence, inputs);
}
