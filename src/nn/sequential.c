/* sequential.c - modules one after another.
 *
 * The container that most of the zoo is made of; its children are ordinary ones, so names come out as PyTorch's.
 * Its state is empty: the order of the children is the order of work.
 * Layer: nn.  Depends on module.h.  Read next: join.c, models/lenet5.c. */
#include "nn/module.h"

/* Child i of x, or in one pass i and the relu behind it and perhaps a convolution behind that, or i and an activation and pooling;
 * *i becomes the last of them. */
static tp_tensor *next_children(tp_module *m, int64_t *i, int64_t end, tp_tensor *x)
{
    tp_module *child = m->children[*i].module;
    const int pooled =
        *i + 2 < end ? module_pools(child, m->children[*i + 1].module, m->children[*i + 2].module) : -1;
    if (pooled >= 0) {
        *i += 2;
        return module_forward_pooled(child, x, pooled);
    }
    if (*i + 1 == end || !module_fuses(child, m->children[*i + 1].module))
        return tp_forward(child, x);
    ++*i;
    tp_tensor *weight = *i + 1 < end ? module_fuses_into(child, m->children[*i + 1].module) : NULL;
    if (!weight)
        return module_forward_relu(child, x);
    ++*i;
    return module_forward_into(child, x, weight);
}

tp_module *module_of_children(const char *type, size_t state_bytes, tp_forward_fn *forward,
                              const void *const *names_and_modules)
{
    TP_SCOPE;
    tp_module *m = tp_module_new(type, state_bytes, forward);
    for (const void *const *p = names_and_modules; m && p && !tp_pending() && *p; p += 2)
        tp_child(m, p[0], (tp_module *)p[1]);
    return tp_keep(tp_module_built(m));
}

/* Lets go of each child's output as soon as the next one has it, so that only what backward needs stays in memory. */
tp_tensor *tp_forward_children(tp_module *m, int first, int end, tp_tensor *x)
{
    const tp_tensor *input = x;
    tp_retain(x);
    for (int64_t i = first; i < end && x; i++) {
        TP_SCOPE;
        tp_tensor *y = tp_retain(next_children(m, &i, end, x));
        tp_release(x);
        x = y;
    }
    if (x != input)
        return x ? tp_scope_own(x) : NULL;
    tp_release(x);
    return x;
}

static tp_tensor *sequential_forward(tp_module *m, tp_tensor *x)
{
    return tp_forward_children(m, 0, (int)m->n_children, x);
}

tp_module *tp_nn_sequential_of(const void *const *names_and_modules)
{
    tp_module *m = module_of_children("sequential", 0, sequential_forward, names_and_modules);
    if (m)
        m->chain = true;
    return m;
}

tp_status tp_nn_append(tp_module *sequential, const char *name, tp_module *module)
{
    if (tp_pending())
        return tp_error_pending();
    if (!sequential || sequential->forward != sequential_forward)
        return tp_fail(TP_ERR_ARGUMENT, "nn_append: a sequential is wanted, not %s",
                       sequential ? sequential->type : "NULL");
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)sequential->n_children);
    tp_child(sequential, name ? name : number, module);
    return tp_error_pending();
}
