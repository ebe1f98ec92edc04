/* tensor.c - making tensors, their storage, and looking at them.
 *
 * Layer: core.  Depends on device.  Read next: tensor.h for the invariants, params.c, format.c. */
#include "core/tensor.h"

#include "base/memory.h"
#include "device/device.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- storage --------------------------------------------------------------------------------------- */

void storage_retain(tp_storage *s)
{
    __atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
}

/* HEAD: a storage, and its data aligned to 64 bytes */
enum { HEAD = 64, MOST_INSIDE = 1024 };
_Static_assert(sizeof(tp_storage) <= HEAD, "data behind a storage would overlap it");

void storage_release(tp_storage *s)
{
    if (__atomic_load_n(&s->refs, __ATOMIC_ACQUIRE) != 1 &&
        __atomic_fetch_sub(&s->refs, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    if (s->release)
        s->release(s->context);
    else if (s->owned)
        s->device->free(s->data, s->bytes);
    tp_free(s, s->inside ? HEAD + s->bytes : sizeof *s);
}

static tp_storage *storage_new(const tp_device *device, void *data, size_t bytes)
{
    tp_storage *s = tp_alloc(sizeof *s);
    if (!s)
        return NULL;
    *s = (tp_storage){ .refs = 1, .data = data, .bytes = bytes, .device = device };
    return s;
}

/* Small data in one block with its storage. */
static tp_storage *storage_inside(size_t bytes)
{
    char *block = tp_alloc(HEAD + bytes);
    if (!block)
        return NULL;
    tp_storage *s = (tp_storage *)(void *)block;
    *s = (tp_storage){
        .refs = 1, .data = block + HEAD, .bytes = bytes, .inside = true, .device = &device_cpu
    };
    return s;
}

tp_status tensor_allocate(tp_tensor *t)
{
    const tp_device *device = &device_cpu;
    size_t bytes = (size_t)t->numel * tensor_element_size(t);
    if (bytes <= MOST_INSIDE)
        return (t->storage = storage_inside(bytes)) ? TP_OK : TP_ERR_MEMORY;
    tp_storage *s = storage_new(device, NULL, bytes);
    if (!s)
        return TP_ERR_MEMORY;
    s->data = device->alloc(bytes);
    if (!s->data) {
        tp_free(s, sizeof *s);
        return TP_ERR_MEMORY;
    }
    s->owned = true;
    t->storage = s;
    return TP_OK;
}

tp_status tensor_promise(tp_tensor *t, void (*release)(void *), void *context)
{
    tp_storage *s = storage_new(&device_cpu, NULL, (size_t)t->numel * tensor_element_size(t));
    if (!s)
        return TP_ERR_MEMORY;
    s->release = release;
    s->context = context;
    t->storage = s;
    return TP_OK;
}

/* ---- tensors --------------------------------------------------------------------------------------- */

static void tensor_destroy(void *object)
{
    tp_tensor *t = object;
    if (t->storage)
        storage_release(t->storage);
    if (t->grad_fn)
        tp_release(t->grad_fn);
    if (t->grad)
        tp_release(t->grad);
    if (t->base)
        tp_release(t->base);
    if (t->hooks)
        tp_release(t->hooks);
    tp_free(t, sizeof *t);
}

const tp_class tensor_class = { "tensor", tensor_destroy };

tp_tensor *tensor_blank(void)
{
    tp_tensor *t = tp_pending() ? NULL : tp_alloc(sizeof *t);
    if (!t)
        return NULL;
    /* shape and stride are left as they are beyond ndim: clearing 128 bytes would be a tenth of a small operation */
    t->object = (tp_object){ &tensor_class, 1 };
    t->dtype = TP_F32;
    t->ndim = 0;
    t->output = 0;
    t->requires_grad = t->retains_grad = t->is_number = false;
    t->view_kind = VIEW_PLAIN;
    t->numel = 1;
    t->offset = 0;
    t->storage = NULL;
    t->grad_fn = NULL;
    t->grad = NULL;
    t->base = NULL;
    t->hooks = NULL;
    return tp_scope_own(t);
}

tp_status tensor_set_shape(tp_tensor *t, const char *op, tp_dtype dtype, tp_shape shape)
{
    int64_t numel = 1, bytes;
    if (shape.ndim < 0 || shape.ndim > TP_MAX_DIMS)
        return tp_fail(TP_ERR_SHAPE, "%s: %d dims, at most %d are possible", op, shape.ndim, TP_MAX_DIMS);
    t->dtype = (uint8_t)dtype;
    t->ndim = (uint8_t)shape.ndim;
    bool empty = false, fits = true;
    for (int i = shape.ndim; i-- > 0;) {
        if (shape.dim[i] < 0)
            return tp_fail(TP_ERR_SHAPE, "%s: shape %s has a negative size", op, shape_text(shape));
        t->shape[i] = shape.dim[i];
        t->stride[i] = numel;
        empty |= shape.dim[i] == 0;
        fits &= tp_mul_fits(numel, shape.dim[i] ? shape.dim[i] : 1, &numel);
    }
    if (!fits || !tp_mul_fits(numel, (int64_t)tp_dtype_size(dtype), &bytes))
        return tp_fail(TP_ERR_MEMORY, "%s: shape %s of %s does not fit into memory", op, shape_text(shape),
                       tp_dtype_name(dtype));
    t->numel = empty ? 0 : numel;
    return TP_OK;
}

tp_tensor *tensor_new(tp_dtype dtype, tp_shape shape)
{
    tp_tensor *t = tensor_blank();
    if (!t || tensor_set_shape(t, "tensor", dtype, shape) || tensor_allocate(t))
        return NULL;
    return t;
}

tp_tensor *tensor_alias(const tp_tensor *of)
{
    tp_tensor *t = tensor_blank();
    if (!t)
        return NULL;
    t->dtype = of->dtype;
    t->ndim = of->ndim;
    t->numel = of->numel;
    t->offset = of->offset;
    memcpy(t->shape, of->shape, sizeof(int64_t) * of->ndim);
    memcpy(t->stride, of->stride, sizeof(int64_t) * of->ndim);
    if ((t->storage = of->storage))
        storage_retain(t->storage);
    return t;
}

tp_tensor *tp_tensor_copied(const void *data, tp_dtype dtype, tp_shape shape)
{
    tp_tensor *t = tensor_new(dtype, shape);
    if (t && t->numel)
        memcpy(t->storage->data, data, t->storage->bytes);
    return t;
}

static tp_tensor *share(tp_tensor *t, void *data, size_t bytes, void (*release)(void *), void *context)
{
    size_t size = tensor_element_size(t);
    if (t->numel && !data)
        return tp_fail_null(TP_ERR_ARGUMENT, "tensor_shared: the memory is NULL, shape %s has elements",
                            tensor_shape_text(t));
    if (t->numel && (uintptr_t)data % size)
        return tp_fail_null(TP_ERR_ARGUMENT, "tensor_shared: the memory at %p is not aligned to %zu bytes",
                            data, size);
    t->storage = storage_new(&device_cpu, data, bytes);
    if (!t->storage)
        return NULL;
    t->storage->release = release;
    t->storage->context = context;
    return t;
}

tp_tensor *tp_tensor_shared(void *data, tp_dtype dtype, tp_shape shape, void (*release)(void *),
                            void *context)
{
    tp_tensor *t = tensor_blank();
    if (!t || tensor_set_shape(t, "tensor_shared", dtype, shape))
        return NULL;
    return share(t, data, (size_t)t->numel * tensor_element_size(t), release, context);
}

/* Index of the last element in memory; fails where it lies outside. */
static tp_status check_strides(const tp_tensor *t, tp_shape strides, size_t bytes)
{
    int64_t last = 0, room = (int64_t)(bytes / tensor_element_size(t));
    bool fits = true;
    for (int i = 0; i < t->ndim; i++) {
        int64_t step;
        if (strides.dim[i] < 0)
            return tp_fail(TP_ERR_SHAPE, "tensor_shared: stride %lld of dim %d, strides from 0 are wanted",
                           (long long)strides.dim[i], i);
        fits &= t->numel == 0 ||
                (tp_mul_fits(t->shape[i] - 1, strides.dim[i], &step) && tp_add_fits(last, step, &last));
    }
    if (t->numel && (!fits || last >= room))
        return tp_fail(TP_ERR_SHAPE,
                       "tensor_shared: shape %s of %s with strides %s is larger than the %zu bytes",
                       tensor_shape_text(t), tp_dtype_name((tp_dtype)t->dtype), shape_text(strides), bytes);
    return TP_OK;
}

tp_tensor *tp_tensor_shared_strided(void *data, size_t bytes, tp_dtype dtype, tp_shape shape,
                                    tp_shape strides, void (*release)(void *), void *context)
{
    tp_tensor *t = tensor_blank();
    if (!t || tensor_set_shape(t, "tensor_shared", dtype, shape))
        return NULL;
    if (strides.ndim != shape.ndim)
        return tp_fail_null(TP_ERR_SHAPE, "tensor_shared: %d strides for %d dims", strides.ndim, shape.ndim);
    if (check_strides(t, strides, bytes))
        return NULL;
    memcpy(t->stride, strides.dim, sizeof(int64_t) * t->ndim);
    return share(t, data, bytes, release, context);
}

tp_tensor *tp_tensor_of_doubles(const double *values, int64_t n)
{
    tp_tensor *t = tensor_new(TP_F32, TP_SHAPE(n));
    if (t)
        t->storage->device->kernels()->convert[TP_F32][TP_F64](tensor_data(t), 1, values, 1, n);
    return t;
}

static tp_tensor *number(tp_dtype dtype, const void *value)
{
    tp_tensor *t = tp_tensor_copied(value, dtype, TP_SHAPE());
    if (t)
        t->is_number = true;
    return t;
}

tp_tensor *tp_number(double value)
{
    return number(TP_F64, &value);
}

tp_tensor *tp_integer(int64_t value)
{
    return number(TP_I64, &value);
}

/* ---- shapes ---------------------------------------------------------------------------------------- */

bool tensor_is_row_major(const tp_tensor *t)
{
    int64_t expected = 1;
    for (int i = t->ndim; i-- > 0;) {
        if (t->shape[i] != 1 && t->stride[i] != expected)
            return t->numel == 0;
        expected *= t->shape[i];
    }
    return true;
}

bool tensor_is_dense(const tp_tensor *t)
{
    int64_t expected = 1;
    unsigned done = 0;
    for (int k = 0; k < t->ndim; k++) { /* each round finds the dim that comes next from the inside */
        int next = -1;
        for (int i = t->ndim; i-- > 0;)
            if (!(done >> i & 1) && (t->shape[i] == 1 || t->stride[i] == expected)) {
                next = i;
                break;
            }
        if (next < 0)
            return t->numel == 0;
        done |= 1u << next;
        expected *= t->shape[next];
    }
    return true;
}

const char *shape_text(tp_shape shape)
{
    char *text = error_piece();
    size_t used = (size_t)snprintf(text, ERROR_PIECE, "(");
    for (int i = 0; i < shape.ndim && i < TP_MAX_DIMS; i++)
        used +=
            (size_t)snprintf(text + used, ERROR_PIECE - used, i ? ", %lld" : "%lld", (long long)shape.dim[i]);
    snprintf(text + used, ERROR_PIECE - used, shape.ndim == 1 ? ",)" : ")");
    return text;
}

const char *tensor_shape_text(const tp_tensor *t)
{
    return shape_text(tp_shape_of(t));
}

tp_status normalize_dim(const char *op, int ndim, int *dim)
{
    int n = ndim ? ndim : 1; /* a scalar has dim 0 and -1, as in PyTorch */
    if (*dim < -n || *dim >= n)
        return tp_fail(TP_ERR_INDEX, "%s: dim %d is out of range, [%d, %d] is wanted", op, *dim, -n, n - 1);
    *dim += *dim < 0 ? n : 0;
    return TP_OK;
}

/* ---- looking --------------------------------------------------------------------------------------- */

tp_dtype tp_dtype_of(const tp_tensor *t)
{
    return t ? (tp_dtype)t->dtype : TP_F32;
}

int tp_ndim(const tp_tensor *t)
{
    return t ? t->ndim : 0;
}

static int64_t at_dim(const tp_tensor *t, const int64_t *values, int dim)
{
    if (!t || dim < -t->ndim || dim >= t->ndim)
        return -1;
    return values[dim < 0 ? dim + t->ndim : dim];
}

int64_t tp_size(const tp_tensor *t, int dim)
{
    return at_dim(t, t ? t->shape : NULL, dim);
}

int64_t tp_stride(const tp_tensor *t, int dim)
{
    return at_dim(t, t ? t->stride : NULL, dim);
}

tp_shape tp_shape_of(const tp_tensor *t)
{
    tp_shape shape = { .ndim = t ? t->ndim : 0 };
    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = t->shape[i];
    return shape;
}

int64_t tp_numel(const tp_tensor *t)
{
    return t ? t->numel : 0;
}

bool tp_is_contiguous(const tp_tensor *t)
{
    return t && tensor_is_contiguous(t);
}

bool tp_shares_storage(const tp_tensor *a, const tp_tensor *b)
{
    return a && b && a->storage == b->storage;
}

tp_storage *tp_storage_of(const tp_tensor *t)
{
    return t ? t->storage : NULL;
}

int64_t tp_storage_offset(const tp_tensor *t)
{
    return t ? t->offset : 0;
}

void *tp_storage_data(const tp_storage *s)
{
    return s ? s->data : NULL;
}

size_t tp_storage_bytes(const tp_storage *s)
{
    return s ? s->bytes : 0;
}

const char *tp_device_of(const tp_tensor *t)
{
    return t && t->storage ? t->storage->device->name : device_cpu.name;
}

void *tp_data(const tp_tensor *t)
{
    return t ? tensor_data(t) : NULL;
}

/* All elements in row-major order into out, converted; the last dim goes through the kernel in one piece. */
static tp_status read_all(const tp_tensor *t, tp_dtype dtype, void *out, int64_t n)
{
    if (tp_pending())
        return tp_error_pending();
    if (!t || !t->storage || (t->numel && !t->storage->data) || n != t->numel)
        return tp_fail(TP_ERR_ARGUMENT, "to_%s: room for %lld elements, the tensor %s has %lld",
                       tp_dtype_name(dtype), (long long)n, tensor_shape_text(t), (long long)tp_numel(t));
    convert_fn *convert = t->storage->device->kernels()->convert[dtype][t->dtype];
    int64_t row = t->ndim ? t->shape[t->ndim - 1] : 1, step = t->ndim ? t->stride[t->ndim - 1] : 1;
    int64_t index[TP_MAX_DIMS] = { 0 };
    for (int64_t done = 0; done < n; done += row) {
        int64_t offset = 0;
        for (int i = 0; i < t->ndim - 1; i++)
            offset += index[i] * t->stride[i];
        convert((char *)out + done * (int64_t)tp_dtype_size(dtype), 1,
                tensor_data(t) + offset * (int64_t)tensor_element_size(t), step, row);
        for (int i = t->ndim - 2; i >= 0 && ++index[i] == t->shape[i]; i--)
            index[i] = 0;
    }
    return TP_OK;
}

tp_status tp_to_f32(const tp_tensor *t, float *out, int64_t n)
{
    return read_all(t, TP_F32, out, n);
}

tp_status tp_to_f64(const tp_tensor *t, double *out, int64_t n)
{
    return read_all(t, TP_F64, out, n);
}

tp_status tp_to_i64(const tp_tensor *t, int64_t *out, int64_t n)
{
    return read_all(t, TP_I64, out, n);
}

static tp_status read_one(const tp_tensor *t, tp_dtype dtype, void *out)
{
    if (!tp_pending() && tp_numel(t) != 1)
        return tp_fail(TP_ERR_ARGUMENT, "item: the tensor %s has %lld elements, 1 is wanted",
                       t ? tensor_shape_text(t) : "NULL", (long long)tp_numel(t));
    return read_all(t, dtype, out, 1);
}

double tp_item(const tp_tensor *t)
{
    double value;
    return read_one(t, TP_F64, &value) ? NAN : value;
}

int64_t tp_item_i64(const tp_tensor *t)
{
    int64_t value;
    return read_one(t, TP_I64, &value) ? 0 : value;
}

/* ---- devices --------------------------------------------------------------------------------------- */

/* "cpu" and "cpu:0" are the processor. */
static const tp_device *find_device(const char *name)
{
    return device_find(!strcmp(name, "cpu:0") ? "cpu" : name);
}

tp_tensor *tp_to_device(tp_tensor *x, const char *name)
{
    if (tp_pending())
        return NULL;
    if (!x || !name)
        return tp_fail_null(TP_ERR_ARGUMENT, "to_device: the %s is NULL", x ? "name" : "tensor");
    const tp_device *device = find_device(name);
    if (!device)
        return NULL;
    if (!x->storage || x->storage->device == device)
        return x;
    return tp_fail_null(TP_ERR_UNSUPPORTED, "to_device: from %s to %s is not done", tp_device_of(x),
                        device->name);
}

tp_tensor *tp_cpu(tp_tensor *x)
{
    return tp_to_device(x, "cpu");
}

tp_tensor *tp_cuda(tp_tensor *x)
{
    return tp_to_device(x, "cuda:0");
}

int tp_device_count(const char *kind)
{
    return kind && device_is_there(kind);
}
