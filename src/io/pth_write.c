/* pth_write.c - a state dict as torch.save writes it, the zip form.
 *
 *   archive/data.pkl      OrderedDict of name: _rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())
 *   archive/byteorder     "little"
 *   archive/data/KEY      the elements of tensor KEY, row-major; tensors over the same memory share one
 *   archive/version       "3\n", the oldest that has this form
 *
 * Layer: io.  Depends on pickle's opcodes (pickle.c reads them), zip.h.  Read next: pth.c. */
#include "base/error.h"
#include "base/memory.h"
#include "io/pickle.h"
#include "io/zip.h"

#include <string.h>
#include <taper/io.h>

enum { N_FRONT = 2, N_END = 1, NAME_ROOM = 32 };

static const char *const storages[TP_N_DTYPES] = {
    [TP_F32] = "FloatStorage",     [TP_F64] = "DoubleStorage", [TP_F16] = "HalfStorage",
    [TP_BF16] = "BFloat16Storage", [TP_I64] = "LongStorage",   [TP_I32] = "IntStorage",
    [TP_I16] = "ShortStorage",     [TP_I8] = "CharStorage",    [TP_U8] = "ByteStorage",
    [TP_BOOL] = "BoolStorage",
};

static const char rebuild[] = "ctorch._utils\n_rebuild_tensor_v2\n";
static const char ordered_dict[] = "ccollections\nOrderedDict\n)R";

/* ---- the pickle, protocol 2; a failed append stays pending until the end ------------------------------------------------ */

static void put(file_bytes *to, const char *text)
{
    file_bytes_append(to, text, strlen(text));
}

static void put_text(file_bytes *to, const char *text)
{
    uint32_t n = (uint32_t)strlen(text);
    put(to, "X");
    file_bytes_append(to, &n, 4);
    put(to, text);
}

static void put_integer(file_bytes *to, int64_t n)
{
    bool small = n <= INT32_MAX;
    put(to, small ? "J" : "\x8a\x08");
    file_bytes_append(to, &n, small ? 4 : 8);
}

static void put_sizes(file_bytes *to, const int64_t *sizes, int n)
{
    put(to, "(");
    for (int i = 0; i < n; i++)
        put_integer(to, sizes[i]);
    put(to, "t");
}

static void put_tensor(file_bytes *to, const char *name, const tp_tensor *t, int key)
{
    char text[64];
    int64_t strides[TP_MAX_DIMS], step = 1;
    for (int i = t->ndim - 1; i >= 0; i--) {
        strides[i] = step;
        step *= t->shape[i] > 1 ? t->shape[i] : 1;
    }
    put_text(to, name);
    put(to, rebuild);
    put(to, "((");
    put_text(to, "storage");
    snprintf(text, sizeof text, "ctorch\n%s\n", storages[t->dtype]);
    put(to, text);
    snprintf(text, sizeof text, "%d", key);
    put_text(to, text);
    put_text(to, "cpu");
    put_integer(to, t->numel);
    put(to, "tQ");
    put_integer(to, 0);
    put_sizes(to, t->shape, t->ndim);
    put_sizes(to, strides, t->ndim);
    put(to, "\x89");
    put(to, ordered_dict);
    put(to, "tR");
}

static tp_status put_state(file_bytes *to, const tp_params *params, const int *keys)
{
    put(to, "\x80\x02");
    put(to, ordered_dict);
    put(to, "(");
    for (int i = 0; i < tp_params_count(params) && !tp_pending(); i++)
        put_tensor(to, tp_params_name(params, i), tp_params_at(params, i), keys[i]);
    put(to, "u.");
    return tp_error_pending();
}

/* ---- the file ------------------------------------------------------------------------------------------------------- */

/* The first tensor with the same elements in the same memory: tied weights. */
static int key_of(const tp_params *params, int i)
{
    const tp_tensor *t = tp_params_at(params, i);
    for (int k = 0; k < i; k++) {
        const tp_tensor *u = tp_params_at(params, k);
        if (u->storage == t->storage && u->offset == t->offset && u->dtype == t->dtype && t->numel &&
            tensor_same_shape(u, t) && !memcmp(u->stride, t->stride, (size_t)t->ndim * sizeof *t->stride))
            return k;
    }
    return i;
}

static tp_status check_params(const tp_params *params)
{
    if (tp_pending())
        return tp_error_pending();
    if (!params)
        return tp_fail(TP_ERR_ARGUMENT, "pth_write: the list of tensors is NULL");
    for (int i = 0; i < tp_params_count(params); i++) {
        const char *name = tp_params_name(params, i);
        const pickle_value text = { .kind = PICKLE_TEXT, .text = name, .length = (int64_t)strlen(name) };
        if (!pickle_utf8(&text))
            return tp_fail(TP_ERR_ARGUMENT, "pth_write: the name '%.200s' is not UTF-8", name);
        if (tp_params_at(params, i)->numel && !tensor_data(tp_params_at(params, i)))
            return tp_fail(TP_ERR_ARGUMENT, "pth_write: tensor '%.200s' has no data", name);
    }
    return TP_OK;
}

typedef struct pth_file {
    int n;                    /* tensors */
    int *keys;                /* the member that holds each */
    char (*names)[NAME_ROOM]; /* of the members */
    zip_part *parts;
    file_bytes pickle;
} pth_file;

static int lay_out(pth_file *f, const tp_params *params)
{
    int n = 0;
    f->parts[n++] = (zip_part){ "archive/data.pkl", f->pickle.data, f->pickle.size };
    f->parts[n++] = (zip_part){ "archive/byteorder", "little", 6 };
    for (int i = 0; i < f->n; i++) {
        if (f->keys[i] != i)
            continue;
        snprintf(f->names[i], NAME_ROOM, "archive/data/%d", i);
        f->parts[n++] = (zip_part){ .name = f->names[i], .tensor = tp_params_at(params, i) };
    }
    f->parts[n++] = (zip_part){ "archive/version", "3\n", 2 };
    return n;
}

tp_status tp_pth_write(const char *path, const tp_params *params)
{
    if (check_params(params))
        return tp_error_pending();
    pth_file f = { .n = tp_params_count(params) };
    size_t n = (size_t)f.n;
    f.keys = tp_alloc(n * sizeof *f.keys);
    f.names = tp_alloc(n * sizeof *f.names);
    f.parts = tp_alloc((N_FRONT + n + N_END) * sizeof *f.parts);
    for (int i = 0; i < f.n && !tp_pending(); i++)
        f.keys[i] = key_of(params, i);
    tp_status status = tp_error_pending();
    if (!status)
        status = put_state(&f.pickle, params, f.keys);
    if (!status)
        status = zip_write(path, "pth", f.parts, lay_out(&f, params), false);
    file_bytes_free(&f.pickle);
    tp_free(f.parts, (N_FRONT + n + N_END) * sizeof *f.parts);
    tp_free(f.names, n * sizeof *f.names);
    tp_free(f.keys, n * sizeof *f.keys);
    return status;
}
