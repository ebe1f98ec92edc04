/* region.c - the region of a tensor that a view covers: reading it, and writing into it.
 *
 * What views become in the history once something was changed in place (autograd/inplace.c).  The region is given by strides
 * and an offset in the base's memory; a tensor that lies otherwise is first laid out like the base.
 * Layer: ops.  Depends on map.h.  Read next: autograd/inplace.c. */
#include "base/error.h"
#include "ops/map.h"

#include <string.h>
#include <taper/ops.h>

/* Elements from the first to the last place of a layout. */
static int64_t extent(const tp_shape *size, const tp_shape *stride)
{
    int64_t last = 0;
    for (int i = 0; i < size->ndim; i++) {
        if (!size->dim[i])
            return 0;
        last += (size->dim[i] - 1) * stride->dim[i];
    }
    return last + 1;
}

static bool lies_so(const tp_tensor *x, const tp_shape *stride)
{
    return !memcmp(x->stride, stride->dim, sizeof *x->stride * x->ndim);
}

static tp_status check_region(const tp_op *op, const region *r, const tp_tensor *x)
{
    int64_t n = extent(&r->size, &r->stride);
    bool fits = r->base_stride.ndim == r->base_size.ndim && r->stride.ndim == r->size.ndim &&
                r->offset >= 0 && (!n || r->offset + n <= extent(&r->base_size, &r->base_stride));
    for (int i = 0; i < r->stride.ndim && fits; i++)
        fits = r->stride.dim[i] >= 0;
    for (int i = 0; i < r->base_stride.ndim && fits; i++)
        fits = r->base_stride.dim[i] >= 0;
    if (!fits)
        return tp_fail(TP_ERR_ARGUMENT, "%s: size %s, stride %s, storage_offset %lld do not lie inside of %s",
                       op->name, shape_text(r->size), shape_text(r->stride), (long long)r->offset,
                       shape_text(r->base_size));
    tp_shape base = r->base_size;
    for (int i = 0; x && i < base.ndim; i++)
        if (x->ndim != base.ndim || x->shape[i] != base.dim[i])
            return tp_fail(TP_ERR_SHAPE, "%s: x %s, %s is wanted", op->name, tensor_shape_text(x),
                           shape_text(base));
    return TP_OK;
}

/* Two places of the region may be one place in memory: strides that do not clear what lies below them. */
static bool overlaps(const region *r)
{
    int64_t reach = 0;
    unsigned done = 0;
    for (int k = 0; k < r->size.ndim; k++) {
        int next = -1;
        for (int i = 0; i < r->size.ndim; i++)
            if (!(done >> i & 1) && (next < 0 || r->stride.dim[i] < r->stride.dim[next]))
                next = i;
        done |= 1u << next;
        if (r->size.dim[next] < 2)
            continue;
        if (r->stride.dim[next] <= reach)
            return true;
        reach += (r->size.dim[next] - 1) * r->stride.dim[next];
    }
    return false;
}

/* ---- region:  y = the region of x ------------------------------------------------------------------------------------- */

static tp_status region_infer(tp_call *c)
{
    const region *r = c->attrs;
    const tp_tensor *x = c->in[0];
    if (check_region(c->op, r, x))
        return tp_error_pending();
    if (!lies_so(x, &r->base_stride))
        c->scratch_bytes = (size_t)extent(&r->base_size, &r->base_stride) * tensor_element_size(x);
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, r->size);
}

static void region_forward(const tp_call *c)
{
    const region *r = c->attrs;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    tp_dtype type = (tp_dtype)x->dtype;
    const char *base = tensor_data(x);
    if (!lies_so(x, &r->base_stride)) {
        copy_strided(c->kernels, x->ndim, x->shape, c->scratch, type, r->base_stride.dim, base, type,
                     x->stride);
        base = c->scratch;
    }
    if (y->numel)
        copy_strided(c->kernels, y->ndim, y->shape, tensor_data(y), type, y->stride,
                     base + r->offset * (int64_t)tensor_element_size(x), type, r->stride.dim);
}

static void region_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    region r = *(const region *)s->attrs;
    r.accumulate = overlaps(&r);
    dx[0] = tp_apply(&tp_op_region_put, (tp_tensor *[]){ NULL, dy }, 2, &r);
}

#define REGION_ATTRS                                                                 \
    { "base_size", TP_ATTR_DIMS, offsetof(region, base_size), TP_REQUIRED },         \
        { "base_stride", TP_ATTR_DIMS, offsetof(region, base_stride), TP_REQUIRED }, \
        { "size", TP_ATTR_DIMS, offsetof(region, size), TP_REQUIRED },               \
        { "stride", TP_ATTR_DIMS, offsetof(region, stride), TP_REQUIRED },           \
    {                                                                                \
        "storage_offset", TP_ATTR_I64, offsetof(region, offset), 0                   \
    }

#define COLUMN                                                                 \
    {                                                                          \
        { 2, { 4, 3 } }, { 2, { 3, 1 } }, { 1, { 4 } }, { 1, { 3 } }, 1, false \
    }
#define TRANSPOSED_BASE                                                              \
    {                                                                                \
        { 2, { 4, 3 } }, { 2, { 1, 4 } }, { 2, { 2, 3 } }, { 2, { 2, 4 } }, 1, false \
    }
#define EXPANDED                                                              \
    {                                                                         \
        { 1, { 3 } }, { 1, { 1 } }, { 2, { 2, 3 } }, { 2, { 0, 1 } }, 0, true \
    }
#define GAPS                                                                   \
    {                                                                          \
        { 2, { 3, 2 } }, { 2, { 5, 2 } }, { 1, { 3 } }, { 1, { 5 } }, 2, false \
    }

const tp_op tp_op_region = {
    .name = "region",
    .formula = "y = the elements of x at offset + sum of i stride in x's memory",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(region),
    .attrs = (const tp_attr[]){ REGION_ATTRS, { 0 } },
    .infer = region_infer,
    .forward = region_forward,
    .backward = region_backward,
    .examples = (const tp_example[]){ { "4,3", &(region)COLUMN },
                                      { "4,3@t", &(region)TRANSPOSED_BASE },
                                      { "3", &(region)EXPANDED },
                                      { "3,2", &(region)GAPS },
                                      { NULL, NULL } },
};

/* ---- region_put:  y = x with the region set to part, or with part added to it; x left out is zeros ------------------------ */

static tp_status put_infer(tp_call *c)
{
    const region *r = c->attrs;
    const tp_tensor *x = c->in[0], *part = c->in[1];
    tp_tensor *y = c->out[0];
    if (check_region(c->op, r, x))
        return tp_error_pending();
    bool fits = part->ndim == r->size.ndim && (!x || x->dtype == part->dtype);
    for (int i = 0; i < part->ndim && fits; i++)
        fits = part->shape[i] == r->size.dim[i];
    if (!fits)
        return tp_fail(TP_ERR_SHAPE, "%s: part %s of %s, %s of x's type is wanted", c->op->name,
                       tensor_shape_text(part), tp_dtype_name((tp_dtype)part->dtype), shape_text(r->size));
    if (tp_infer_shape(c, 0, (tp_dtype)part->dtype, r->base_size))
        return tp_error_pending();
    tp_tensor like_base = *y; /* shape and strides only */
    memcpy(like_base.stride, r->base_stride.dim, sizeof *y->stride * y->ndim);
    if (tensor_is_dense(&like_base))
        memcpy(y->stride, like_base.stride, sizeof *y->stride * y->ndim);
    else
        c->scratch_bytes = (size_t)extent(&r->base_size, &r->base_stride) * tensor_element_size(y);
    return TP_OK;
}

/* One element after the other: places that are the same add up in this order. */
static void add_part(const kernel_table *k, const region *r, char *to, const tp_tensor *part)
{
    int64_t at[TP_MAX_DIMS] = { 0 }, size = (int64_t)tensor_element_size(part);
    for (int64_t n = 0; n < part->numel; n++) {
        int64_t there = 0, here = 0;
        double a, b;
        for (int i = 0; i < part->ndim; i++) {
            there += at[i] * r->stride.dim[i];
            here += at[i] * part->stride[i];
        }
        k->convert[TP_F64][part->dtype](&a, 1, to + there * size, 1, 1);
        k->convert[TP_F64][part->dtype](&b, 1, tensor_data(part) + here * size, 1, 1);
        k->convert[part->dtype][TP_F64](to + there * size, 1, &(double){ a + b }, 1, 1);
        for (int i = part->ndim; i-- > 0 && ++at[i] == part->shape[i];)
            at[i] = 0;
    }
}

static void put_forward(const tp_call *c)
{
    const region *r = c->attrs;
    const tp_tensor *x = c->in[0], *part = c->in[1], *y = c->out[0];
    tp_dtype type = (tp_dtype)y->dtype;
    int64_t size = (int64_t)tensor_element_size(y);
    bool direct = lies_so(y, &r->base_stride);
    char *base = direct ? tensor_data(y) : c->scratch;
    if (!y->numel)
        return;
    if (x)
        copy_strided(c->kernels, y->ndim, y->shape, base, type, r->base_stride.dim, tensor_data(x), type,
                     x->stride);
    else
        memset(base, 0, (size_t)(extent(&r->base_size, &r->base_stride) * size));
    char *to = base + r->offset * size;
    if (r->accumulate)
        add_part(c->kernels, r, to, part);
    else if (part->numel)
        copy_strided(c->kernels, part->ndim, part->shape, to, type, r->stride.dim, tensor_data(part), type,
                     part->stride);
    if (!direct)
        copy_strided(c->kernels, y->ndim, y->shape, tensor_data(y), type, y->stride, base, type,
                     r->base_stride.dim);
}

static void put_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    const region *r = s->attrs;
    if (s->needs[0])
        dx[0] =
            r->accumulate
                ? dz
                : tp_apply(s->op, (tp_tensor *[]){ dz, tp_zeros(r->size, .dtype = tp_dtype_of(dz)) }, 2, r);
    if (s->needs[1])
        dx[1] = tp_apply(&tp_op_region, &dz, 1, r);
}

const tp_op tp_op_region_put = {
    .name = "region_put",
    .formula = "y = x, and at offset + sum of i stride in its memory part; x left out: zeros",
    .inputs = "x? part",
    .n_in = 2,
    .attrs_size = sizeof(region),
    .attrs = (const tp_attr[]){ REGION_ATTRS,
                                { "accumulate", TP_ATTR_BOOL, offsetof(region, accumulate), 0 },
                                { 0 } },
    .infer = put_infer,
    .forward = put_forward,
    .backward = put_backward,
    .examples = (const tp_example[]){ { "4,3 4", &(region)COLUMN },
                                      { "4,3@t 2,3", &(region)TRANSPOSED_BASE },
                                      { "- 2,3@t", &(region)EXPANDED },
                                      { "3,2 3", &(region)GAPS },
                                      { NULL, NULL } },
};
