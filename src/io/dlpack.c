/* dlpack.c - DLPack both ways: the versioned structs of 1.x and the older ones.
 *
 * Layer: io.  Depends on core, elements.h.  Read next: taper/dlpack.h for the rules. */
#include <taper/dlpack.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/elements.h"

#include <string.h>

static const struct {
    uint8_t code, bits;
} types[TP_N_DTYPES] = {
    [TP_F32] = { kDLFloat, 32 },   [TP_F64] = { kDLFloat, 64 }, [TP_F16] = { kDLFloat, 16 },
    [TP_BF16] = { kDLBfloat, 16 }, [TP_I64] = { kDLInt, 64 },   [TP_I32] = { kDLInt, 32 },
    [TP_I16] = { kDLInt, 16 },     [TP_I8] = { kDLInt, 8 },     [TP_U8] = { kDLUInt, 8 },
    [TP_BOOL] = { kDLBool, 8 },
};

/* ---- out ----------------------------------------------------------------------------------------------------------- */

typedef struct handed_out { /* one block; the deleter frees it */
    union {
        DLManagedTensorVersioned versioned;
        DLManagedTensor legacy;
    } as;
    int64_t shape[TP_MAX_DIMS], strides[TP_MAX_DIMS];
    tp_storage *storage;
} handed_out;

static void let_go(handed_out *h)
{
    if (h->storage)
        storage_release(h->storage);
    tp_free(h, sizeof *h);
}

static void delete_versioned(DLManagedTensorVersioned *m)
{
    if (m)
        let_go(m->manager_ctx);
}

static void delete_legacy(DLManagedTensor *m)
{
    if (m)
        let_go(m->manager_ctx);
}

static handed_out *hand_out(const tp_tensor *t, DLTensor *d)
{
    if (tp_pending())
        return NULL;
    if (!t || !t->storage || (t->numel && !tensor_data(t)))
        return tp_fail_null(TP_ERR_ARGUMENT, "to_dlpack: the tensor is NULL or has no data");
    if (t->requires_grad)
        return tp_fail_null(TP_ERR_GRAD,
                            "to_dlpack: the tensor requires a gradient, hand out tp_detach of it");
    handed_out *h = tp_calloc(sizeof *h);
    if (!h)
        return NULL;
    h->storage = t->storage; /* not the tensor: a storage may be let go of in any thread, at any time */
    storage_retain(h->storage);
    memcpy(h->shape, t->shape, sizeof(int64_t) * t->ndim);
    memcpy(h->strides, t->stride, sizeof(int64_t) * t->ndim);
    *d = (DLTensor){ .data = t->numel ? tensor_data(t) : NULL,
                     .device = { kDLCPU, 0 },
                     .ndim = t->ndim,
                     .dtype = { types[t->dtype].code, types[t->dtype].bits, 1 },
                     .shape = h->shape,
                     .strides = h->strides };
    return h;
}

DLManagedTensorVersioned *tp_to_dlpack(const tp_tensor *t)
{
    DLTensor d;
    handed_out *h = hand_out(t, &d);
    if (!h)
        return NULL;
    h->as.versioned = (DLManagedTensorVersioned){ .version = { DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION },
                                                  .manager_ctx = h,
                                                  .deleter = delete_versioned,
                                                  .dl_tensor = d };
    return &h->as.versioned;
}

DLManagedTensor *tp_to_dlpack_legacy(const tp_tensor *t)
{
    DLTensor d;
    handed_out *h = hand_out(t, &d);
    if (!h)
        return NULL;
    h->as.legacy = (DLManagedTensor){ .dl_tensor = d, .manager_ctx = h, .deleter = delete_legacy };
    return &h->as.legacy;
}

/* ---- in ------------------------------------------------------------------------------------------------------------ */

typedef struct taken_in { /* a DLTensor in Taper's words */
    tp_dtype dtype;
    tp_shape shape, strides;
    int64_t numel;
    size_t bytes; /* from the first element to the end of the last one */
    char *data;
} taken_in;

static tp_status find_dtype(const DLTensor *d, tp_dtype *out)
{
    if (d->dtype.lanes != 1)
        return tp_fail(TP_ERR_DTYPE, "from_dlpack: elements of %d lanes, 1 is wanted", d->dtype.lanes);
    for (int i = 0; i < TP_N_DTYPES; i++)
        if (types[i].code == d->dtype.code && types[i].bits == d->dtype.bits) {
            *out = (tp_dtype)i;
            return TP_OK;
        }
    return tp_fail(TP_ERR_DTYPE, "from_dlpack: type code %d of %d bits, Taper has none such", d->dtype.code,
                   d->dtype.bits);
}

static tp_status read_shape(const DLTensor *d, taken_in *in)
{
    if (d->ndim < 0 || d->ndim > TP_MAX_DIMS)
        return tp_fail(TP_ERR_SHAPE, "from_dlpack: %d dims, 0 to %d are possible", d->ndim, TP_MAX_DIMS);
    if (d->ndim && !d->shape)
        return tp_fail(TP_ERR_ARGUMENT, "from_dlpack: the shape is NULL");
    in->shape.ndim = in->strides.ndim = d->ndim;
    in->numel = 1;
    bool fits = true, empty = false;
    int64_t row_major = 1, bytes;
    for (int i = d->ndim; i-- > 0;) {
        int64_t size = d->shape[i];
        in->shape.dim[i] = size;
        in->strides.dim[i] = d->strides ? d->strides[i] : row_major;
        if (size < 0)
            return tp_fail(TP_ERR_SHAPE, "from_dlpack: dim %d has size %lld", i, (long long)size);
        empty |= size == 0;
        fits &= tp_mul_fits(row_major, size ? size : 1, &row_major);
    }
    if (!fits || !tp_mul_fits(row_major, (int64_t)tp_dtype_size(in->dtype), &bytes))
        return tp_fail(TP_ERR_SHAPE, "from_dlpack: shape %s is larger than any memory",
                       shape_text(in->shape));
    in->numel = empty ? 0 : row_major;
    return TP_OK;
}

static tp_status read_strides(taken_in *in)
{
    int64_t last = 0, step, bytes;
    bool fits = true;
    for (int i = 0; i < in->shape.ndim; i++) {
        if (in->shape.dim[i] == 1)
            in->strides.dim[i] = 1; /* never used: others leave anything there */
        if (in->strides.dim[i] < 0)
            return tp_fail(TP_ERR_SHAPE,
                           "from_dlpack: stride %lld of dim %d, strides from 0 are wanted (copy it first)",
                           (long long)in->strides.dim[i], i);
        fits &=
            tp_mul_fits(in->shape.dim[i] - 1, in->strides.dim[i], &step) && tp_add_fits(last, step, &last);
    }
    if (!fits || !tp_add_fits(last, 1, &last) ||
        !tp_mul_fits(last, (int64_t)tp_dtype_size(in->dtype), &bytes))
        return tp_fail(TP_ERR_SHAPE, "from_dlpack: shape %s with strides %s is larger than any memory",
                       shape_text(in->shape), shape_text(in->strides));
    in->bytes = (size_t)bytes;
    return TP_OK;
}

static tp_status read_address(const DLTensor *d, taken_in *in)
{
    uintptr_t at;
    if (!d->data)
        return tp_fail(TP_ERR_ARGUMENT, "from_dlpack: data is NULL, shape %s has elements",
                       shape_text(in->shape));
    if (__builtin_add_overflow((uintptr_t)d->data, d->byte_offset, &at))
        return tp_fail(TP_ERR_ARGUMENT, "from_dlpack: byte_offset %llu is larger than any memory",
                       (unsigned long long)d->byte_offset);
    if (at % tp_dtype_size(in->dtype))
        return tp_fail(TP_ERR_ARGUMENT,
                       "from_dlpack: data + byte_offset %llu is not aligned to the %zu bytes of %s",
                       (unsigned long long)d->byte_offset, tp_dtype_size(in->dtype),
                       tp_dtype_name(in->dtype));
    in->data = (char *)d->data + d->byte_offset;
    return TP_OK;
}

static tp_status take_in(const DLTensor *d, taken_in *in)
{
    *in = (taken_in){ 0 };
    if (d->device.device_type != kDLCPU)
        return tp_fail(TP_ERR_DEVICE, "from_dlpack: memory of device type %d, the CPU's (1) is wanted",
                       (int)d->device.device_type);
    tp_status status = find_dtype(d, &in->dtype);
    if (!status)
        status = read_shape(d, in);
    if (!status && in->numel)
        status = read_strides(in);
    if (!status && in->numel)
        status = read_address(d, in);
    return status;
}

/* A bool that is neither 0 nor 1 would be an index out of range somewhere. */
static tp_status check_bools(const tp_tensor *t)
{
    char row[256];
    for (int64_t done = 0; t->dtype == TP_BOOL && done < t->numel; done += (int64_t)sizeof row) {
        int64_t n = t->numel - done < (int64_t)sizeof row ? t->numel - done : (int64_t)sizeof row;
        elements_copy(row, t, done, n);
        for (int64_t i = 0; i < n; i++)
            if (row[i] & ~1)
                return tp_fail(TP_ERR_ARGUMENT, "from_dlpack: a bool is %d, 0 or 1 is wanted", row[i]);
    }
    return TP_OK;
}

/* *shared: the tensor lies over the other side's memory, and release(context) will be called at its end.  Else it is
 * a copy. */
static tp_tensor *import(const DLTensor *d, bool read_only, void (*release)(void *), void *context,
                         bool *shared)
{
    TP_SCOPE;
    taken_in in;
    *shared = false;
    if (take_in(d, &in))
        return NULL;
    if (in.numel == 0)
        return tp_keep(tensor_new(in.dtype, in.shape));
    tp_tensor *seen = tp_tensor_shared_strided(in.data, in.bytes, in.dtype, in.shape, in.strides, NULL, NULL);
    if (!seen || check_bools(seen))
        return NULL;
    if (read_only) {
        tp_tensor *copy = tensor_new(in.dtype, in.shape);
        if (copy)
            elements_copy(tensor_data(copy), seen, 0, in.numel);
        return tp_keep(copy);
    }
    seen->storage->release = release;
    seen->storage->context = context;
    *shared = true;
    return tp_keep(seen);
}

static void release_versioned(void *context)
{
    DLManagedTensorVersioned *m = context;
    if (m->deleter)
        m->deleter(m);
}

static void release_legacy(void *context)
{
    DLManagedTensor *m = context;
    if (m->deleter)
        m->deleter(m);
}

tp_tensor *tp_from_dlpack(DLManagedTensorVersioned *m)
{
    bool shared;
    if (tp_pending())
        return NULL;
    if (!m)
        return tp_fail_null(TP_ERR_ARGUMENT, "from_dlpack: the managed tensor is NULL");
    if (m->version.major != DLPACK_MAJOR_VERSION)
        return tp_fail_null(TP_ERR_UNSUPPORTED, "from_dlpack: DLPack version %u.%u, %d.x is read",
                            m->version.major, m->version.minor, DLPACK_MAJOR_VERSION);
    tp_tensor *t =
        import(&m->dl_tensor, m->flags & DLPACK_FLAG_BITMASK_READ_ONLY, release_versioned, m, &shared);
    if (t && !shared)
        release_versioned(m);
    return t;
}

tp_tensor *tp_from_dlpack_legacy(DLManagedTensor *m)
{
    bool shared;
    if (tp_pending())
        return NULL;
    if (!m)
        return tp_fail_null(TP_ERR_ARGUMENT, "from_dlpack: the managed tensor is NULL");
    tp_tensor *t = import(&m->dl_tensor, false, release_legacy, m, &shared);
    if (t && !shared)
        release_legacy(m);
    return t;
}
