/* fuse.c - tp_fuse: batch norm taken into the layer before it, for inference.
 *
 * In evaluation a batch norm is scale x + shift by channel, and so may be the last thing that a convolution or a linear layer does
 * (Jacob et al. 2018, section 3.2).  Which modules are what is theirs to say: scaling and absorb in module.h.
 * Layer: nn.  Depends on module.h.  Read next: norm.c, conv.c. */
#include "core/tensor.h"
#include "nn/module.h"

#include <string.h>

/* In how many places the module stands, below root. */
static int places(const tp_module *root, const tp_module *m)
{
    int n = root == m;
    for (int64_t i = 0; i < root->n_children; i++)
        n += places(root->children[i].module, m);
    return n;
}

static bool in_training(const tp_module *m)
{
    bool any = m->scaling && m->training;
    for (int64_t i = 0; i < m->n_children && !any; i++)
        any = in_training(m->children[i].module);
    return any;
}

/* "..., no bias" no longer holds. */
static void say_bias(tp_module *m)
{
    static const char end[] = ", no bias";
    const size_t length = strlen(tp_module_info(m)), cut = sizeof end - 1;
    if (length >= cut && !strcmp(m->info + length - cut, end))
        tp_module_set_info(m, "%.*s", (int)(length - cut), m->info);
}

tp_status module_absorb_into(tp_module *m, tp_tensor **weight, tp_tensor **bias, tp_tensor *scale,
                             tp_tensor *shift)
{
    TP_SCOPE;
    TP_NO_GRAD;
    const tp_dtype dtype = tp_dtype_of(*weight);
    tp_shape rows = { .ndim = tp_ndim(*weight), .dim = { tp_size(scale, 0) } };
    for (int i = 1; i < rows.ndim; i++)
        rows.dim[i] = 1;
    tp_tensor *each = tp_to(tp_reshape(scale, rows), dtype); /* not in f64: this is most of tp_fuse's time */
    tp_tensor *b =
        module_put_parameter(m, "bias", tp_to(*bias ? tp_add(tp_mul(*bias, scale), shift) : shift, dtype));
    const bool is_alone =
        (*weight)->object.refs == 1 && (*weight)->storage->refs == 1; /* nobody else sees it */
    tp_tensor *w =
        is_alone ? tp_mul_(*weight, each) : module_put_parameter(m, "weight", tp_mul(*weight, each));
    if (tp_pending())
        return tp_error_pending();
    *weight = w;
    *bias = b;
    say_bias(m);
    return TP_OK;
}

/* Whether child i took the one behind it in. */
static bool fold(const tp_module *root, tp_module *m, int64_t i)
{
    tp_module *layer = m->children[i].module, *norm = m->children[i + 1].module;
    tp_tensor *scale, *shift;
    if (!layer->absorb || !norm->scaling || layer->hooks || norm->hooks || places(root, layer) > 1 ||
        !norm->scaling(norm, &scale, &shift))
        return false;
    if (layer->absorb(layer, scale, shift))
        return false;
    module_drop_child(m, i + 1);
    return true;
}

static void fuse(const tp_module *root, tp_module *m)
{
    TP_SCOPE;
    TP_NO_GRAD;
    for (int64_t i = 0; m->chain && i + 1 < m->n_children - m->beside; i++)
        while (i + 1 < m->n_children - m->beside && fold(root, m, i))
            continue;
    for (int64_t i = 0; i < m->n_children && !tp_pending(); i++)
        fuse(root, m->children[i].module);
}

tp_status tp_fuse(tp_module *m)
{
    if (tp_pending())
        return tp_error_pending();
    if (!m)
        return tp_fail(TP_ERR_ARGUMENT, "fuse: the module is NULL");
    if (in_training(m))
        return tp_fail(TP_ERR_STATE, "fuse: the module is in training; call tp_eval first");
    fuse(m, m);
    return tp_error_pending();
}
