/* pth.c - the files of torch.save: two containers around pickles and raw elements.
 *
 * zip form (PyTorch 1.6 and later), members that are stored without compression:
 *   NAME/data.pkl      the object; a tensor's storage is ('storage', type, key, location, number of elements)
 *   NAME/data/KEY      the elements of a storage
 *   NAME/byteorder     "little" or "big"; NAME/version and others say nothing about tensors
 *
 * older form, one after the other:
 *   pickles            magic number, protocol version 1001, system's facts, the object, list of the storages' keys
 *   each storage       number of elements, 8 bytes; the elements; little-endian on every machine
 *
 * Storages that no chosen tensor needs are not read, and none is given memory before its bytes are known to be there.
 * Layer: io.  Depends on pickle.h, zip.h.  Read next: pth_names.c, pth_state.c, pth_write.c. */
#include "io/pth.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/elements.h"
#include "io/safetensors.h"
#include "io/zip.h"

#include <string.h>

enum { MAX_MEMBER = 300, PROTOCOL_VERSION = 1001 };

static const char magic_number[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/* ---- from storages to tensors ----------------------------------------------------------------------------------------- */

/* Elements from `in`, whose bytes are there. */
static tp_status load_storage(pth_storage *s, const file_in *in, int64_t at, bool big_endian)
{
    tp_tensor *t = tensor_new(s->dtype, TP_SHAPE(s->numel));
    if (!t || file_read_at(in, at, tensor_data(t), (size_t)t->numel * tensor_element_size(t)))
        return tp_error_pending();
    if (big_endian)
        elements_swap(t);
    elements_check_bool(t);
    s->data = t;
    return TP_OK;
}

static int64_t storage_bytes(const pth_storage *s) /* -1: more than any file has */
{
    int64_t bytes;
    return tp_mul_fits(s->numel, (int64_t)tp_dtype_size(s->dtype), &bytes) ? bytes : -1;
}

static tp_tensor *tensor_over(const pth_tensor *from)
{
    const pth_storage *s = from->storage->twin;
    if (from->numel == 0)
        return tensor_new(s->dtype, from->shape);
    tp_tensor *t = tensor_alias(s->data);
    if (!t)
        return NULL;
    t->ndim = (uint8_t)from->shape.ndim;
    for (int i = 0; i < from->shape.ndim; i++) {
        t->shape[i] = from->shape.dim[i];
        t->stride[i] = from->stride.dim[i];
    }
    t->numel = from->numel;
    t->offset = from->offset;
    return t;
}

static tp_params *tensors_of(const file_in *in, const pth_state *state)
{
    tp_params *params = tp_params_new();
    for (int64_t i = 0; i < state->count && !tp_pending(); i++) {
        TP_SCOPE;
        const pth_entry *e = &state->entries[i];
        if (tp_params_find(params, e->name))
            return tp_fail_null(TP_ERR_FORMAT, "%s: two tensors are named '%.200s'", in->path, e->name);
        tp_params_add(params, e->name, tensor_over(e->tensor));
    }
    return tp_pending() ? NULL : params;
}

/* ---- the zip form -------------------------------------------------------------------------------------------------- */

typedef struct zip_form {
    const file_in *in;
    zip_archive *zip;
    int folder; /* letters of the name of the folder that holds all */
    const char *first;
    bool big_endian;
} zip_form;

/* Opens FOLDER/NAME; *found false: there is none. */
static tp_status open_member(zip_form *z, const char *directory, const char *name, zip_member *m, bool *found)
{
    char path[MAX_MEMBER];
    *m = (zip_member){ 0 };
    int n = snprintf(path, sizeof path, "%.*s/%s%s", z->folder, z->first, directory, name);
    int64_t i = n < (int)sizeof path ? zip_find(z->zip, path) : -1;
    *found = i >= 0;
    if (!*found || zip_member_open(z->zip, i, m))
        return tp_error_pending();
    if (!m->deflated)
        return TP_OK;
    return tp_fail(TP_ERR_UNSUPPORTED, "%s: is compressed, which torch.save never does and is not read",
                   m->in.path);
}

static tp_status find_folder(zip_form *z)
{
    z->first = zip_count(z->zip) ? zip_name(z->zip, 0) : "";
    if (!z->first)
        return tp_error_pending();
    z->folder = (int)strcspn(z->first, "/");
    return TP_OK;
}

static tp_status read_byte_order(zip_form *z)
{
    zip_member m;
    bool found;
    char text[7] = "little";
    tp_status status = open_member(z, "", "byteorder", &m, &found);
    if (!status && found) {
        size_t n = m.in.size < 6 ? (size_t)m.in.size : 6;
        memset(text, 0, sizeof text);
        status = file_read_at(&m.in, 0, text, n);
        if (!status && strcmp(text, "little") != 0 && strcmp(text, "big") != 0)
            status = tp_fail(TP_ERR_FORMAT, "%s: byte 0: '%.6s', little or big is wanted", m.in.path, text);
    }
    z->big_endian = *text == 'b';
    zip_member_close(&m);
    return status;
}

static tp_status load_from_zip(zip_form *z, pth_storage *s)
{
    zip_member m;
    bool found;
    tp_status status = open_member(z, "data/", s->key, &m, &found);
    if (!status && !found)
        status = tp_fail(TP_ERR_FORMAT, "%s: storage '%s' is missing", z->in->path, s->key);
    else if (!status && m.in.size != storage_bytes(s))
        status = tp_fail(TP_ERR_FORMAT, "%s: has %lld bytes, %lld elements of %s are wanted", m.in.path,
                         (long long)m.in.size, (long long)s->numel, tp_dtype_name(s->dtype));
    if (!status)
        status = load_storage(s, &m.in, 0, z->big_endian);
    if (!status)
        status = zip_member_ends(&m);
    zip_member_close(&m);
    return status;
}

/* All but the storages. */
static pickle *unpickle_zip(zip_form *z, const tp_pth_options *o, pth_storages *all, pth_state *state)
{
    zip_member m;
    bool found;
    pickle *p = NULL;
    if (open_member(z, "", "constants.pkl", &m, &found) || found) {
        zip_member_close(&m);
        return tp_fail_null(TP_ERR_UNSUPPORTED,
                            "%s: is a TorchScript program; save its state_dict() with torch.save",
                            z->in->path);
    }
    if (!open_member(z, "", "data.pkl", &m, &found) && !found)
        tp_fail(TP_ERR_FORMAT, "%s: byte 0: no file of torch.save: has no %.*s/data.pkl", z->in->path,
                z->folder < 100 ? z->folder : 100, z->first);
    if (found)
        p = pickle_open(&m.in, 0, &pth_world, all);
    const pickle_value *root = p ? pickle_load(p) : NULL;
    if (root && pickle_at(p) != m.in.size)
        tp_fail(TP_ERR_FORMAT, "%s: byte %lld: %lld bytes after the pickle", m.in.path,
                (long long)pickle_at(p), (long long)(m.in.size - pickle_at(p)));
    if (root && !tp_pending() && !zip_member_ends(&m) && !pth_sort_storages(p, all))
        pth_state_of(p, z->in, root, o, state);
    zip_member_close(&m);
    return p;
}

static tp_params *read_zip(const file_in *in, const tp_pth_options *o)
{
    TP_SCOPE;
    zip_form z = { .in = in, .zip = zip_archive_open(in, "pth") };
    pth_storages all = { 0 };
    pth_state state = { 0 };
    tp_params *params = NULL;
    pickle *p = NULL;
    if (z.zip && !find_folder(&z) && !read_byte_order(&z))
        p = unpickle_zip(&z, o, &all, &state);
    for (int64_t i = 0; i < all.distinct && !tp_pending(); i++)
        if (all.sorted[i]->wanted)
            load_from_zip(&z, all.sorted[i]);
    if (!tp_pending())
        params = tensors_of(in, &state);
    pickle_close(p);
    zip_archive_close(z.zip);
    return tp_keep(params);
}

/* ---- the older form ------------------------------------------------------------------------------------------------- */

/* The three pickles before the object. */
static tp_status read_front(pickle *p, const file_in *in)
{
    const pickle_value *v = pickle_load(p);
    if (!v)
        return tp_error_pending();
    if (v->kind != PICKLE_LONG || v->length != sizeof magic_number - 1 ||
        memcmp(v->text, magic_number, sizeof magic_number - 1) != 0)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte 0: no file of torch.save: a pickle, but without its magic number", in->path);
    if (!(v = pickle_load(p)))
        return tp_error_pending();
    if (v->kind != PICKLE_INT || v->integer != PROTOCOL_VERSION)
        return pickle_fail(p, TP_ERR_UNSUPPORTED, "torch.save: another protocol version than %d",
                           PROTOCOL_VERSION);
    return pickle_load(p) ? TP_OK : tp_error_pending();
}

/* A storage at `at`; *end is behind it. */
static tp_status load_in_turn(const file_in *in, int64_t at, pth_storage *s, int64_t *end)
{
    unsigned char bytes[8];
    uint64_t n = 0;
    if (file_read_at(in, at, bytes, 8))
        return tp_error_pending();
    for (int i = 0; i < 8; i++)
        n = n << 8 | bytes[7 - i];
    if (n != (uint64_t)s->numel)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: storage '%s' has %llu elements, the pickle says %lld",
                       in->path, (long long)at, s->key, (unsigned long long)n, (long long)s->numel);
    int64_t size = storage_bytes(s), left = in->size - at - 8;
    if (size < 0 || size > left)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte %lld: storage '%s' of %lld elements of %s, the file has %lld bytes for it",
                       in->path, (long long)at + 8, s->key, (long long)s->numel, tp_dtype_name(s->dtype),
                       (long long)left);
    *end = at + 8 + size;
    return s->wanted ? load_storage(s, in, at + 8, false) : TP_OK;
}

static tp_status load_all(pickle *p, const file_in *in, const pth_storages *all)
{
    const pickle_value *keys = pickle_load(p);
    int64_t at = pickle_at(p);
    if (!keys)
        return tp_error_pending();
    if (keys->kind != PICKLE_LIST)
        return pickle_fail(p, TP_ERR_FORMAT, "torch.save: the keys of the storages are %s, a list is wanted",
                           pickle_kind_name(keys));
    for (int64_t i = 0; i < keys->count; i++) {
        const pickle_value *key = keys->items[i];
        pth_storage *s = key->kind == PICKLE_TEXT ? pth_find_storage(all, key->text) : NULL;
        if (!s || s->data)
            return pickle_fail(p, TP_ERR_FORMAT, "torch.save: key %lld of the storages is %s", (long long)i,
                               s ? "there already" : "of no tensor");
        if (load_in_turn(in, at, s, &at))
            return tp_error_pending();
    }
    for (int64_t i = 0; i < all->distinct; i++)
        if (all->sorted[i]->wanted && !all->sorted[i]->data)
            return tp_fail(TP_ERR_FORMAT, "%s: storage '%s' is missing", in->path, all->sorted[i]->key);
    if (at != in->size)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: %lld bytes after the last storage", in->path,
                       (long long)at, (long long)(in->size - at));
    return TP_OK;
}

static tp_params *read_older(const file_in *in, const tp_pth_options *o)
{
    TP_SCOPE;
    pth_storages all = { 0 };
    pth_state state = { 0 };
    tp_params *params = NULL;
    pickle *p = pickle_open(in, 0, &pth_world, &all);
    const pickle_value *root = p && !read_front(p, in) ? pickle_load(p) : NULL;
    if (root && !pth_sort_storages(p, &all) && !pth_state_of(p, in, root, o, &state) &&
        !load_all(p, in, &all))
        params = tensors_of(in, &state);
    pickle_close(p);
    return tp_keep(params);
}

/* ---- any ------------------------------------------------------------------------------------------------------------ */

/* PyTorch before 0.1.10 wrote a tar file. */
static bool is_tar(const file_in *in)
{
    char ustar[5];
    return in->size >= 512 && !file_read_at(in, 257, ustar, 5) && !memcmp(ustar, "ustar", 5);
}

tp_params *pth_from(const file_in *in, const tp_pth_options *o)
{
    unsigned char first[4] = { 0 };
    if (tp_pending() || file_read_at(in, 0, first, in->size < 4 ? (size_t)in->size : 4))
        return NULL;
    if (!memcmp(first, "PK\3\4", 4) || !memcmp(first, "PK\5\6", 4))
        return read_zip(in, o);
    if (first[0] == 0x80)
        return read_older(in, o);
    if (is_tar(in))
        return tp_fail_null(TP_ERR_UNSUPPORTED,
                            "%s: byte 257: the tar form of PyTorch before 0.1.10 is not read", in->path);
    return tp_pending()
               ? NULL
               : tp_fail_null(
                     TP_ERR_FORMAT,
                     "%s: byte 0: no file of torch.save: begins with 0x%02x%02x, a zip file or a pickle "
                     "is wanted",
                     in->path, first[0], first[1]);
}

static const tp_pth_options plain;

tp_params *tp_pth_read_opt(const char *path, const tp_pth_options *o)
{
    file_in in;
    tp_params *params = file_open(&in, path) ? NULL : pth_from(&in, o ? o : &plain);
    file_close(&in);
    return params;
}

/* The length of a safetensors header may begin like a pickle or a zip file, but a brace follows it. */
static tp_params *weights_from(const file_in *in, const tp_pth_options *o)
{
    unsigned char first[9] = { 0 };
    if (file_read_at(in, 0, first, in->size < 9 ? (size_t)in->size : 9))
        return NULL;
    if (first[8] != '{') {
        if (!memcmp(first, "PK", 2) || (first[0] == 0x80 && first[1] && first[1] <= 5) || is_tar(in))
            return pth_from(in, o);
        return tp_fail_null(TP_ERR_FORMAT,
                            "%s: byte 0: neither a safetensors file (a length, then a brace) nor one of "
                            "torch.save (a zip file or a pickle)",
                            in->path);
    }
    if (o->left_out && o->left_out_size)
        *o->left_out = 0;
    return o->key ? tp_fail_null(TP_ERR_ARGUMENT,
                                 "%s: is a safetensors file, which has no entry '%.100s' to choose", in->path,
                                 o->key)
                  : safetensors_from(in);
}

tp_params *tp_weights_read_opt(const char *path, const tp_pth_options *o)
{
    file_in in;
    tp_params *params = file_open(&in, path) ? NULL : weights_from(&in, o ? o : &plain);
    file_close(&in);
    return params;
}
