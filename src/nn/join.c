/* join.c - containers whose branches meet again: concatenation, residual, dense block.
 *
 * Szegedy et al. 2015, He et al. 2016, Huang et al. 2017.  The children are ordinary ones, so names come out as torchvision's.
 * Layer: nn.  Depends on module.h.  Read next: models/resnet.c, models/densenet.c. */
#include "nn/module.h"

enum { CHANNELS = 1, MOST_BRANCHES = 16 };

/* ---- concat: (N, C1 + C2 + ..., H, W) of children that all read the same input ------------------------------------------- */

static tp_tensor *concat_forward(tp_module *m, tp_tensor *x)
{
    tp_tensor *y[MOST_BRANCHES];
    for (int64_t i = 0; i < m->n_children; i++)
        y[i] = tp_forward(m->children[i].module, x);
    return tp_cat(y, (int)m->n_children, CHANNELS);
}

tp_module *tp_nn_concat_of(const void *const *names_and_modules)
{
    tp_module *m = module_of_children("concat", 0, concat_forward, names_and_modules);
    if (m && (m->n_children < 1 || m->n_children > MOST_BRANCHES))
        return tp_fail_null(TP_ERR_ARGUMENT, "concat: %lld branches, 1 to %d are wanted",
                            (long long)m->n_children, MOST_BRANCHES);
    return m;
}

/* ---- residual: relu(body(x) + shortcut(x)) ----------------------------------------------------------------------------------- */

static tp_tensor *residual_forward(tp_module *m, tp_tensor *x)
{
    const int body = (int)(m->n_children - m->beside);
    tp_tensor *y = tp_forward_children(m, 0, body, x);
    return tp_add_relu(y, m->beside ? tp_forward(m->children[body].module, x) : x);
}

tp_module *tp_nn_residual_of(tp_module *downsample, const void *const *names_and_modules)
{
    TP_SCOPE;
    tp_module *m = module_of_children("residual", 0, residual_forward, names_and_modules);
    if (!m)
        return NULL;
    m->chain = true;
    m->beside = downsample != NULL;
    if (downsample)
        tp_child(m, "downsample", downsample);
    return tp_keep(tp_module_built(m));
}

/* ---- dense block: each child reads all that came before, and adds its channels --------------------------------------------- */

/* Channels-last memory for a whole block's result, as convolutions give it. */
static tp_tensor *room_for(tp_tensor *x, int64_t channels)
{
    const tp_shape pixels = TP_SHAPE(tp_size(x, 0), tp_size(x, 2), tp_size(x, 3), channels);
    return tp_permute(tp_empty(pixels, .dtype = tp_dtype_of(x)), TP_SHAPE(0, 3, 1, 2));
}

/* Without a graph each child's channels are put behind those that it read, where nobody copies them again. */
static tp_tensor *dense_block_in_place(tp_module *m, tp_tensor *x)
{
    int64_t channels = tp_size(x, CHANNELS), room = channels;
    tp_tensor *all = x;
    for (int64_t i = 0; i < m->n_children; i++) {
        TP_SCOPE;
        tp_tensor *y = tp_forward(m->children[i].module, tp_narrow(all, CHANNELS, 0, channels));
        if (!y || tp_ndim(y) != 4)
            return tp_error_pending()
                       ? NULL
                       : tp_fail_null(TP_ERR_SHAPE, "dense_block: child %s gives %d dims, 4 are wanted",
                                      m->children[i].name, tp_ndim(y));
        const int64_t more = tp_size(y, CHANNELS);
        if (channels + more > room) {
            room = channels + more * (m->n_children - i);
            tp_tensor *larger = tp_keep(room_for(x, room));
            tp_copy_(tp_narrow(larger, CHANNELS, 0, channels), tp_narrow(all, CHANNELS, 0, channels));
            all = larger;
        }
        tp_copy_(tp_narrow(all, CHANNELS, channels, more), y);
        channels += more;
    }
    return tp_narrow(all, CHANNELS, 0, channels);
}

static tp_tensor *dense_block_forward(tp_module *m, tp_tensor *x)
{
    if (x && !tp_grad_mode() && tp_ndim(x) == 4)
        return dense_block_in_place(m, x);
    tp_retain(x);
    for (int64_t i = 0; i < m->n_children && x; i++) {
        TP_SCOPE;
        tp_tensor *both[] = { x, tp_forward(m->children[i].module, x) },
                  *joined = tp_retain(tp_cat(both, 2, CHANNELS));
        tp_release(x);
        x = joined;
    }
    return x ? tp_scope_own(x) : NULL;
}

tp_module *tp_nn_dense_block_of(const void *const *names_and_modules)
{
    return module_of_children("dense_block", 0, dense_block_forward, names_and_modules);
}
