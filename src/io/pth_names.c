/* pth_names.c - the names that a pickle of tensors may say, and what they make.
 *
 * The list is closed: a name that is not in it is an error before anything could be done with it, so a file can make
 * storages, tensors, dicts and lists, and nothing else.  Functions are in the order and with the arguments of
 * torch/_utils.py.  Layer: io.  Depends on pickle.h, pth.h.  Read next: pth_state.c. */
#include "io/pth.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

typedef pickle_value *call_fn(pickle *, const pickle_value *arguments);

enum { NAME_FUNCTION, NAME_STORAGE, NAME_OTHER };   /* what a row is */
enum { MADE_STORAGE = 1, MADE_TENSOR, MADE_OTHER }; /* tag of what is made */

typedef struct known_name {
    const char *module, *name;
    int what;
    tp_dtype dtype; /* of a storage */
    call_fn *call;  /* of a function */
} known_name;

static pickle_value *wrong_arguments(pickle *p, const char *function, const char *wanted)
{
    pickle_fail(p, TP_ERR_FORMAT, "pickle: %s: its arguments are not %s", function, wanted);
    return NULL;
}

static pickle_value *make(pickle *p, int tag, const void *made)
{
    pickle_value *v = made ? pickle_make(p, PICKLE_MADE) : NULL;
    if (v) {
        v->tag = tag;
        v->made = made;
    }
    return v;
}

/* Something that no tensor hangs on: a device, an encoded text. */
static pickle_value *make_other(pickle *p, const pickle_value *arguments)
{
    return make(p, MADE_OTHER, arguments);
}

/* ---- tensors ------------------------------------------------------------------------------------------------------ */

const pth_tensor *pth_tensor_of(const pickle_value *v)
{
    return v->kind == PICKLE_MADE && v->tag == MADE_TENSOR ? v->made : NULL;
}

/* A tuple of integers from 0. */
static tp_status read_sizes(pickle *p, const char *what, const pickle_value *v, tp_shape *out)
{
    if (v->kind != PICKLE_TUPLE)
        return pickle_fail(p, TP_ERR_FORMAT, "tensor: its %s is %s, a tuple is wanted", what,
                           pickle_kind_name(v));
    if (v->count > TP_MAX_DIMS)
        return pickle_fail(p, TP_ERR_UNSUPPORTED, "tensor: %lld dims, at most %d are possible",
                           (long long)v->count, TP_MAX_DIMS);
    out->ndim = (int)v->count;
    for (int i = 0; i < out->ndim; i++) {
        if (v->items[i]->kind != PICKLE_INT || v->items[i]->integer < 0)
            return pickle_fail(p, TP_ERR_FORMAT, "tensor: %s[%d] is not an integer from 0", what, i);
        out->dim[i] = v->items[i]->integer;
    }
    return TP_OK;
}

/* Every element must lie in the storage. */
static tp_status check_bounds(pickle *p, pth_tensor *t)
{
    int64_t last = t->offset, bytes = (int64_t)tp_dtype_size(t->storage->dtype), step;
    bool fits = true, empty = false;
    t->numel = 1;
    for (int i = 0; i < t->shape.ndim; i++) {
        empty |= t->shape.dim[i] == 0;
        fits &= tp_mul_fits(bytes, t->shape.dim[i] ? t->shape.dim[i] : 1, &bytes);
    }
    if (!fits)
        return pickle_fail(p, TP_ERR_FORMAT, "tensor: shape %s is larger than any memory",
                           shape_text(t->shape));
    for (int i = 0; i < t->shape.ndim; i++) {
        t->numel *= t->shape.dim[i];
        if (!empty)
            fits &=
                tp_mul_fits(t->shape.dim[i] - 1, t->stride.dim[i], &step) && tp_add_fits(last, step, &last);
    }
    if (!empty && (!fits || last >= t->storage->numel))
        return pickle_fail(
            p, TP_ERR_FORMAT,
            "tensor: shape %s with strides %s from element %lld on, its storage has %lld elements",
            shape_text(t->shape), shape_text(t->stride), (long long)t->offset, (long long)t->storage->numel);
    return TP_OK;
}

/* _rebuild_tensor(storage, storage_offset, size, stride) */
static pickle_value *rebuild_tensor(pickle *p, const pickle_value *a)
{
    if (a->count < 4 || a->items[0]->kind != PICKLE_MADE || a->items[0]->tag != MADE_STORAGE ||
        a->items[1]->kind != PICKLE_INT || a->items[1]->integer < 0)
        return wrong_arguments(p, "_rebuild_tensor", "storage, offset, size, stride");
    pth_tensor *t = pickle_alloc(p, sizeof *t);
    if (!t)
        return NULL;
    *t = (pth_tensor){ .storage = (pth_storage *)a->items[0]->made, .offset = a->items[1]->integer };
    if (read_sizes(p, "size", a->items[2], &t->shape) || read_sizes(p, "stride", a->items[3], &t->stride))
        return NULL;
    if (t->shape.ndim != t->stride.ndim)
        return wrong_arguments(p, "_rebuild_tensor", "a size and a stride of as many dims");
    return check_bounds(p, t) ? NULL : make(p, MADE_TENSOR, t);
}

/* _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata = None) */
static pickle_value *rebuild_tensor_v2(pickle *p, const pickle_value *a)
{
    const pickle_value *metadata = a->count > 6 ? a->items[6] : NULL;
    if (a->count < 6 || a->count > 7)
        return wrong_arguments(p, "_rebuild_tensor_v2", "six or seven");
    if (metadata && metadata->kind != PICKLE_NONE && metadata->count) {
        pickle_fail(p, TP_ERR_UNSUPPORTED, "tensor: marked as conjugate or negative, which is not read");
        return NULL;
    }
    return rebuild_tensor(p, a);
}

/* _rebuild_parameter(data, requires_grad, backward_hooks), Parameter(data, requires_grad): the tensor alone counts. */
static pickle_value *rebuild_parameter(pickle *p, const pickle_value *a)
{
    return a->count && pth_tensor_of(a->items[0])
               ? a->items[0]
               : wrong_arguments(p, "_rebuild_parameter", "a tensor first");
}

/* ---- containers --------------------------------------------------------------------------------------------------- */

/* OrderedDict(), or OrderedDict([[key, value], ...]) as Python 2 wrote it; Counter({...}). */
static pickle_value *make_dict(pickle *p, const pickle_value *a)
{
    pickle_value *dict = pickle_make(p, PICKLE_DICT);
    const pickle_value *from = a->count ? a->items[0] : NULL;
    if (!dict || !from)
        return dict;
    if (a->count == 1 && from->kind == PICKLE_DICT) {
        for (int64_t i = 0; i < from->count; i++)
            if (pickle_append(p, dict, from->items[i]))
                return NULL;
        return dict;
    }
    if (a->count != 1 || from->kind != PICKLE_LIST)
        return wrong_arguments(p, "OrderedDict", "one list or dict");
    for (int64_t i = 0; i < from->count; i++) {
        const pickle_value *pair = from->items[i];
        if ((pair->kind != PICKLE_LIST && pair->kind != PICKLE_TUPLE) || pair->count != 2)
            return wrong_arguments(p, "OrderedDict", "pairs");
        if (pickle_append(p, dict, pair->items[0]) || pickle_append(p, dict, pair->items[1]))
            return NULL;
    }
    return dict;
}

/* torch.Size((2, 3)), set([...]): what they are made of. */
static pickle_value *make_sequence(pickle *p, const pickle_value *a)
{
    if (a->count == 0)
        return pickle_make(p, PICKLE_TUPLE);
    if (a->count == 1 && (a->items[0]->kind == PICKLE_TUPLE || a->items[0]->kind == PICKLE_LIST))
        return a->items[0];
    return wrong_arguments(p, "torch.Size", "one tuple or list");
}

/* ---- the list ----------------------------------------------------------------------------------------------------- */

#define FUNCTION(module, name, call)              \
    {                                             \
        module, name, NAME_FUNCTION, TP_F32, call \
    }
#define STORAGE(name, dtype)                               \
    {                                                      \
        "torch", name "Storage", NAME_STORAGE, dtype, NULL \
    }
#define OTHER(name)                             \
    {                                           \
        "torch", name, NAME_OTHER, TP_F32, NULL \
    }

static const known_name known[] = {
    FUNCTION("collections", "OrderedDict", make_dict),
    FUNCTION("collections", "Counter", make_dict),
    FUNCTION("builtins", "set", make_sequence),
    FUNCTION("__builtin__", "set", make_sequence),
    FUNCTION("_codecs", "encode", make_other),
    FUNCTION("torch", "Size", make_sequence),
    FUNCTION("torch", "device", make_other),
    FUNCTION("torch._utils", "_rebuild_tensor", rebuild_tensor),
    FUNCTION("torch._utils", "_rebuild_tensor_v2", rebuild_tensor_v2),
    FUNCTION("torch._utils", "_rebuild_parameter", rebuild_parameter),
    FUNCTION("torch._utils", "_rebuild_parameter_with_state", rebuild_parameter),
    FUNCTION("torch.nn.parameter", "Parameter", rebuild_parameter),
    STORAGE("Double", TP_F64),
    STORAGE("Float", TP_F32),
    STORAGE("Half", TP_F16),
    STORAGE("BFloat16", TP_BF16),
    STORAGE("Long", TP_I64),
    STORAGE("Int", TP_I32),
    STORAGE("Short", TP_I16),
    STORAGE("Char", TP_I8),
    STORAGE("Byte", TP_U8),
    STORAGE("Bool", TP_BOOL),
    OTHER("float64"),
    OTHER("float32"),
    OTHER("float16"),
    OTHER("bfloat16"),
    OTHER("int64"),
    OTHER("int32"),
    OTHER("int16"),
    OTHER("int8"),
    OTHER("uint8"),
    OTHER("bool"),
};

/* Names of tensors whose elements Taper has no type for. */
static const struct {
    const char *module, *name;
} foreign[] = {
    { "torch", "ComplexFloatStorage" },
    { "torch", "ComplexDoubleStorage" },
    { "torch", "QInt8Storage" },
    { "torch", "QUInt8Storage" },
    { "torch", "QInt32Storage" },
    { "torch._utils", "_rebuild_tensor_v3" },
    { "torch._utils", "_rebuild_qtensor" },
};

static pickle_value *find_name(pickle *p, void *context, const char *module, const char *name)
{
    (void)context;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(module, known[i].module) && !strcmp(name, known[i].name)) {
            pickle_value *v = pickle_make(p, PICKLE_NAME);
            if (v)
                v->made = &known[i];
            return v;
        }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (!strcmp(module, foreign[i].module) && !strcmp(name, foreign[i].name)) {
            pickle_fail(p, TP_ERR_UNSUPPORTED,
                        "pickle: %s.%s makes a tensor of a type that Taper does not have", module, name);
            return NULL;
        }
    pickle_fail(p, TP_ERR_UNSUPPORTED,
                "pickle: refuses %.200s.%.200s: only tensors, and dicts of them, are read", module, name);
    return NULL;
}

static pickle_value *call_name(pickle *p, void *context, const pickle_value *function,
                               const pickle_value *arguments)
{
    (void)context;
    const known_name *row = function->made;
    if (row->call)
        return row->call(p, arguments);
    pickle_fail(p, TP_ERR_UNSUPPORTED, "pickle: refuses to call %s.%s", row->module, row->name);
    return NULL;
}

/* ---- storages ----------------------------------------------------------------------------------------------------- */

/* ('storage', type, key, location, numel), with a view of another storage behind it in the older form */
static pickle_value *find_storage(pickle *p, void *context, const pickle_value *id)
{
    pth_storages *all = context;
    if (id->kind != PICKLE_TUPLE || id->count < 5 || id->count > 6 ||
        !pickle_is_text(id->items[0], "storage") || id->items[1]->kind != PICKLE_NAME ||
        id->items[2]->kind != PICKLE_TEXT || id->items[4]->kind != PICKLE_INT || id->items[4]->integer < 0)
        return wrong_arguments(p, "storage", "('storage', type, key, location, number of elements)");
    if (id->count == 6 && id->items[5]->kind != PICKLE_NONE) {
        pickle_fail(p, TP_ERR_UNSUPPORTED, "storage: a view of another one, which is not read");
        return NULL;
    }
    const known_name *type = id->items[1]->made;
    if (type->what != NAME_STORAGE)
        return wrong_arguments(p, "storage", "of a known type");
    if (strlen(id->items[2]->text) != (size_t)id->items[2]->length || id->items[2]->length > 100)
        return wrong_arguments(p, "storage", "of a key of at most 100 letters");
    pth_storage *s = pickle_alloc(p, sizeof *s);
    if (!s)
        return NULL;
    *s = (pth_storage){ .key = id->items[2]->text,
                        .dtype = type->dtype,
                        .numel = id->items[4]->integer,
                        .twin = s,
                        .before = all->last };
    all->last = s;
    all->count++;
    return make(p, MADE_STORAGE, s);
}

const pickle_world pth_world = { .name = find_name, .call = call_name, .persistent = find_storage };

static int by_key(const void *a, const void *b)
{
    return strcmp((*(pth_storage *const *)a)->key, (*(pth_storage *const *)b)->key);
}

tp_status pth_sort_storages(pickle *p, pth_storages *all)
{
    all->sorted = pickle_alloc(p, (size_t)all->count * sizeof *all->sorted);
    if (!all->sorted)
        return TP_ERR_MEMORY;
    int64_t n = 0;
    for (pth_storage *s = all->last; s; s = s->before)
        all->sorted[n++] = s;
    qsort(all->sorted, (size_t)n, sizeof *all->sorted, by_key);
    for (int64_t i = 0; i < n; i++) {
        pth_storage *s = all->sorted[i], *first = all->distinct ? all->sorted[all->distinct - 1] : NULL;
        if (!first || strcmp(first->key, s->key) != 0) {
            all->sorted[all->distinct++] = s;
            continue;
        }
        if (first->dtype != s->dtype || first->numel != s->numel)
            return pickle_fail(p, TP_ERR_FORMAT,
                               "storage '%s': %lld elements of %s, and elsewhere %lld of %s", s->key,
                               (long long)s->numel, tp_dtype_name(s->dtype), (long long)first->numel,
                               tp_dtype_name(first->dtype));
        s->twin = first;
    }
    return TP_OK;
}

pth_storage *pth_find_storage(const pth_storages *all, const char *key)
{
    pth_storage wanted = { .key = key }, *w = &wanted;
    pth_storage **found = bsearch(&w, all->sorted, (size_t)all->distinct, sizeof w, by_key);
    return found ? *found : NULL;
}
