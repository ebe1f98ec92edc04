/* npz.c - NumPy's archives of arrays: a zip file with an npy file for each, by libzip.
 *
 * A name in the archive is the array's key and never a path.  What a member claims is held against what is stored
 * before memory is asked for: all members together cannot be more than the file, and deflate makes at most 1032
 * bytes of one.  Layer: io.  Depends on npy.h, file.h, libzip.  Read next: npy.c. */
#include "io/npz.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/elements.h"
#include "io/npy.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

enum { BEST_RATIO = 1032, SMALLEST = 22 /* the end record alone: no members */ };

/* ---- libzip's failures as ours ------------------------------------------------------------------------------------- */

static tp_status fail_zip(const char *path, int64_t at, zip_error_t *error)
{
    int code = zip_error_code_zip(error);
    if (tp_pending()) /* our own source or file said why */
        return tp_error_pending();
    const char *what = code == ZIP_ER_EXISTS ? "two members have one name" : zip_error_strerror(error);
    return tp_fail(code == ZIP_ER_MEMORY ? TP_ERR_MEMORY : TP_ERR_FORMAT, "%s: byte %lld: npz: %s", path,
                   (long long)at, what);
}

/* ---- reading: the archive ------------------------------------------------------------------------------------------ */

typedef struct archive {
    const file_in *in;
    zip_t *zip;
    zip_error_t error; /* of the source */
    int64_t at;
    int64_t stored; /* by the members that were looked at */
} archive;

/* The file as libzip wants to see it. */
static zip_int64_t archive_source(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
    archive *a = context;
    switch (command) {
    case ZIP_SOURCE_OPEN: a->at = 0; return 0;
    case ZIP_SOURCE_READ: {
        int64_t left = a->in->size - a->at, n = (int64_t)length < left ? (int64_t)length : left;
        if (n <= 0)
            return 0;
        if (file_read_at(a->in, a->at, data, (size_t)n))
            return zip_error_set(&a->error, ZIP_ER_READ, 0), -1;
        a->at += n;
        return n;
    }
    case ZIP_SOURCE_SEEK: {
        zip_int64_t to = zip_source_seek_compute_offset((zip_uint64_t)a->at, (zip_uint64_t)a->in->size, data,
                                                        length, &a->error);
        if (to >= 0)
            a->at = to;
        return to < 0 ? -1 : 0;
    }
    case ZIP_SOURCE_TELL: return a->at;
    case ZIP_SOURCE_STAT: {
        zip_stat_t *st = data;
        zip_stat_init(st);
        st->size = (zip_uint64_t)a->in->size;
        st->valid = ZIP_STAT_SIZE;
        return sizeof *st;
    }
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&a->error, data, length);
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE: return 0;
    default: return zip_error_set(&a->error, ZIP_ER_OPNOTSUPP, 0), -1;
    }
}

static tp_status archive_open(archive *a, const file_in *in)
{
    *a = (archive){ .in = in };
    zip_error_t error;
    if (in->size < SMALLEST)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: not an npz file: %lld bytes, at least %d are wanted",
                       in->path, (long long)in->size, SMALLEST);
    zip_error_init(&error);
    zip_error_init(&a->error);
    zip_source_t *source = zip_source_function_create(archive_source, a, &error);
    a->zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
    tp_status status = TP_OK;
    if (!a->zip) {
        if (source)
            zip_source_free(source);
        status = fail_zip(in->path, 0, &error);
    }
    zip_error_fini(&error);
    return status;
}

static void archive_close(archive *a)
{
    if (a->zip)
        zip_discard(a->zip);
    zip_error_fini(&a->error);
}

/* ---- reading: a member --------------------------------------------------------------------------------------------- */

typedef struct member {
    zip_file_t *file;
    int64_t at, size;
    char label[512]; /* "weights.npz: conv1.npy", for error texts */
} member;

/* Long names are cut between characters, and what would break the line is shown as ?. */
static void label_member(member *m, const char *path, const char *name)
{
    size_t n = (size_t)snprintf(m->label, 300, "%s", path);
    n = n < 300 ? n : 299;
    n += (size_t)snprintf(m->label + n, sizeof m->label - n, ": %.200s", name);
    if (strlen(name) > 200)
        while (n &&
               (m->label[n - 1] & 0x80)) /* may have cut a character: show it up to the last plain letter */
            m->label[--n] = 0;
    for (char *c = m->label; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
}

static tp_status check_member(archive *a, const member *m, const zip_stat_t *st)
{
    const zip_uint64_t needed =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((st->valid & needed) != needed)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: sizes or method are missing in the archive", m->label);
    if (st->encryption_method != ZIP_EM_NONE)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: byte 0: is encrypted", m->label);
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
        return tp_fail(TP_ERR_UNSUPPORTED,
                       "%s: byte 0: compression method %d, stored (0) and deflated (8) are read", m->label,
                       st->comp_method);
    uint64_t room = (uint64_t)(a->in->size - a->stored);
    if (st->comp_size > room)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: stored in %llu bytes, the archive has %llu for it",
                       m->label, (unsigned long long)st->comp_size, (unsigned long long)room);
    if (st->comp_method == ZIP_CM_STORE ? st->size != st->comp_size : st->size / BEST_RATIO > st->comp_size)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: claims %llu bytes, but %llu are stored", m->label,
                       (unsigned long long)st->size, (unsigned long long)st->comp_size);
    a->stored += (int64_t)st->comp_size;
    return TP_OK;
}

static tp_status member_read(void *context, int64_t offset, void *dst, size_t bytes)
{
    member *m = context;
    if (offset != m->at)
        return tp_fail(TP_ERR_STATE, "%s: byte %lld: read out of order", m->label, (long long)offset);
    for (size_t done = 0; done < bytes;) {
        zip_int64_t got = zip_fread(m->file, (char *)dst + done, bytes - done);
        if (got < 0)
            return fail_zip(m->label, m->at, zip_file_get_error(m->file));
        if (got == 0)
            return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: ends here, %lld bytes were declared", m->label,
                           (long long)m->at, (long long)m->size);
        done += (size_t)got;
        m->at += got;
    }
    return TP_OK;
}

/* libzip compares the checksum when it sees the end. */
static tp_status member_ends(member *m)
{
    char more;
    zip_int64_t got = zip_fread(m->file, &more, 1);
    if (got < 0)
        return fail_zip(m->label, m->at, zip_file_get_error(m->file));
    return got == 0 ? TP_OK
                    : tp_fail(TP_ERR_FORMAT, "%s: byte %lld: goes on, %lld bytes were declared", m->label,
                              (long long)m->at, (long long)m->size);
}

static tp_tensor *read_member(archive *a, zip_uint64_t i, const char *name)
{
    member m = { 0 };
    zip_stat_t st;
    label_member(&m, a->in->path, name);
    if (zip_stat_index(a->zip, i, 0, &st)) {
        fail_zip(m.label, 0, zip_get_error(a->zip));
        return NULL;
    }
    if (check_member(a, &m, &st))
        return NULL;
    m.size = (int64_t)st.size;
    m.file = zip_fopen_index(a->zip, i, 0);
    if (!m.file) {
        fail_zip(m.label, 0, zip_get_error(a->zip));
        return NULL;
    }
    file_in in = { .path = m.label, .fd = -1, .size = m.size, .read = member_read, .context = &m };
    tp_tensor *t = npy_from(&in);
    if (t && member_ends(&m))
        t = NULL;
    zip_fclose(m.file);
    return t;
}

/* ---- reading: keys ------------------------------------------------------------------------------------------------- */

static const char suffix[] = ".npy";

/* Length of the key: the name without its .npy. */
static size_t key_length(const char *name)
{
    size_t n = strlen(name), s = sizeof suffix - 1;
    return n >= s && !memcmp(name + n - s, suffix, s) ? n - s : n;
}

static tp_status add_member(archive *a, zip_uint64_t i, tp_params *into)
{
    TP_SCOPE;
    const char *name = zip_get_name(a->zip, i, 0);
    if (!name)
        return fail_zip(a->in->path, 0, zip_get_error(a->zip));
    tp_tensor *t = read_member(a, i, name);
    if (!t)
        return tp_error_pending();
    size_t n = key_length(name);
    char *key = tp_memdup(name, n + 1);
    if (!key)
        return TP_ERR_MEMORY;
    key[n] = 0;
    tp_status status =
        tp_params_find(into, key)
            ? tp_fail(TP_ERR_FORMAT, "%s: byte 0: two members are named '%.200s'", a->in->path, key)
            : tp_params_add(into, key, t);
    tp_free(key, n + 1);
    return status;
}

tp_params *npz_from(const file_in *in)
{
    TP_SCOPE;
    archive a;
    if (tp_pending() || archive_open(&a, in))
        return NULL;
    tp_params *params = tp_params_new();
    zip_int64_t n = zip_get_num_entries(a.zip, 0);
    for (zip_int64_t i = 0; i < n && !tp_pending(); i++)
        add_member(&a, (zip_uint64_t)i, params);
    archive_close(&a);
    return tp_pending() ? NULL : tp_keep(params);
}

/* The one member of that key; -1 with an error that says which keys there are. */
static zip_int64_t find_member(const archive *a, const char *key)
{
    char known[300] = "";
    size_t used = 0;
    zip_int64_t n = zip_get_num_entries(a->zip, 0), found = -1;
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(a->zip, (zip_uint64_t)i, 0);
        if (!name)
            return fail_zip(a->in->path, 0, zip_get_error(a->zip)), -1;
        size_t length = key_length(name);
        if (length == strlen(key) && !memcmp(name, key, length)) {
            if (found >= 0)
                return tp_fail(TP_ERR_FORMAT, "%s: byte 0: two members are named '%.200s'", a->in->path, key),
                       -1;
            found = i;
        }
        if (used + length + 8 < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%.*s", i ? ", " : "", (int)length,
                                     name);
        else if (!used || known[used - 1] != '.')
            used += (size_t)snprintf(known + used, sizeof known - used, " ...");
    }
    for (char *c = known; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = '?';
    if (found < 0)
        tp_fail(TP_ERR_ARGUMENT, "%s: no array '%.200s'; there %s: %s", a->in->path, key,
                n == 1 ? "is" : "are", n ? known : "none");
    return found;
}

tp_tensor *npz_from_one(const file_in *in, const char *name)
{
    TP_SCOPE;
    archive a;
    if (tp_pending() || archive_open(&a, in))
        return NULL;
    zip_int64_t i = find_member(&a, name);
    tp_tensor *t = i < 0 ? NULL : read_member(&a, (zip_uint64_t)i, zip_get_name(a.zip, (zip_uint64_t)i, 0));
    archive_close(&a);
    return tp_keep(t);
}

tp_params *tp_npz_read(const char *path)
{
    file_in in;
    tp_params *params = file_open(&in, path) ? NULL : npz_from(&in);
    file_close(&in);
    return params;
}

tp_tensor *tp_npz_read_one(const char *path, const char *name)
{
    file_in in;
    if (!name && !tp_pending())
        return tp_fail_null(TP_ERR_ARGUMENT, "npz_read_one: the name is NULL");
    tp_tensor *t = file_open(&in, path) ? NULL : npz_from_one(&in, name);
    file_close(&in);
    return t;
}

/* ---- writing: the archive ------------------------------------------------------------------------------------------ */

typedef struct target { /* the file beside (file.h) as libzip wants to write it */
    file_out file;
    zip_error_t error;
    int64_t at, size;
} target;

static zip_int64_t target_seek(target *t, void *data, zip_uint64_t length)
{
    zip_int64_t to =
        zip_source_seek_compute_offset((zip_uint64_t)t->at, (zip_uint64_t)t->size, data, length, &t->error);
    if (to < 0)
        return -1;
    if (lseek(t->file.fd, to, SEEK_SET) != to) {
        tp_fail_errno(t->file.target, "cannot write");
        return zip_error_set(&t->error, ZIP_ER_SEEK, 0), -1;
    }
    t->at = to;
    return 0;
}

static zip_int64_t target_source(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
    target *t = context;
    switch (command) {
    case ZIP_SOURCE_STAT: /* nothing is there yet */ return zip_error_set(&t->error, ZIP_ER_READ, ENOENT), -1;
    case ZIP_SOURCE_WRITE:
        if (file_put(&t->file, data, (size_t)length))
            return zip_error_set(&t->error, ZIP_ER_WRITE, 0), -1;
        t->at += (int64_t)length;
        t->size = t->at > t->size ? t->at : t->size;
        return (zip_int64_t)length;
    case ZIP_SOURCE_SEEK_WRITE: return target_seek(t, data, length);
    case ZIP_SOURCE_TELL_WRITE: return t->at;
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&t->error, data, length);
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS,
                                              ZIP_SOURCE_BEGIN_WRITE, ZIP_SOURCE_COMMIT_WRITE,
                                              ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_WRITE,
                                              ZIP_SOURCE_SEEK_WRITE, ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_REMOVE,
                                              -1);
    case ZIP_SOURCE_BEGIN_WRITE:
    case ZIP_SOURCE_COMMIT_WRITE:
    case ZIP_SOURCE_ROLLBACK_WRITE:
    case ZIP_SOURCE_REMOVE:
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE: return 0;
    default: return zip_error_set(&t->error, ZIP_ER_OPNOTSUPP, 0), -1;
    }
}

/* ---- writing: a member --------------------------------------------------------------------------------------------- */

enum { PIECE = 1 << 16 };

typedef struct npy_bytes { /* a tensor as the bytes of its npy file, piece by piece */
    const tp_tensor *t;
    zip_error_t error;
    char head[NPY_HEAD];
    size_t head_size;
    int64_t next;      /* element that comes after the piece */
    size_t used, full; /* of the piece */
    char *piece;       /* PIECE bytes, shared: libzip takes one member after the other */
} npy_bytes;

static zip_int64_t take_bytes(npy_bytes *b, char *dst, size_t length)
{
    size_t done = 0, size = tensor_element_size(b->t);
    while (done < length) {
        if (b->used == b->full) {
            int64_t left = b->t->numel - b->next,
                    n = left < PIECE / (int64_t)size ? left : PIECE / (int64_t)size;
            if (n == 0)
                break;
            elements_copy(b->piece, b->t, b->next, n);
            b->next += n;
            b->used = 0;
            b->full = (size_t)n * size;
        }
        size_t n = b->full - b->used < length - done ? b->full - b->used : length - done;
        memcpy(dst + done, b->piece + b->used, n);
        b->used += n;
        done += n;
    }
    return (zip_int64_t)done;
}

static zip_int64_t member_source(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
    npy_bytes *b = context;
    switch (command) {
    case ZIP_SOURCE_OPEN:
        memcpy(b->piece, b->head, b->head_size);
        b->used = 0;
        b->full = b->head_size;
        b->next = 0;
        return 0;
    case ZIP_SOURCE_READ: return take_bytes(b, data, (size_t)length);
    case ZIP_SOURCE_STAT: {
        zip_stat_t *st = data;
        zip_stat_init(st);
        st->size = b->head_size + (zip_uint64_t)b->t->numel * tensor_element_size(b->t);
        st->valid = ZIP_STAT_SIZE;
        return sizeof *st;
    }
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&b->error, data, length);
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              ZIP_SOURCE_SUPPORTS, -1);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE: return 0;
    default: return zip_error_set(&b->error, ZIP_ER_OPNOTSUPP, 0), -1;
    }
}

/* The oldest date that zip knows, as NumPy writes it: the same tensors are the same bytes. */
enum { FIRST_OF_JANUARY_1980 = 1 << 5 | 1, LEVEL = 6 };

static tp_status put_member(zip_t *zip, const char *path, npy_bytes *b, const char *key, bool compressed)
{
    size_t room = strlen(key) + sizeof suffix;
    char *name = tp_alloc(room);
    if (!name)
        return TP_ERR_MEMORY;
    snprintf(name, room, "%s%s", key, suffix);
    zip_source_t *source = zip_source_function(zip, member_source, b);
    zip_int64_t i = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
    tp_free(name, room);
    if (i < 0) {
        if (source)
            zip_source_free(source);
        if (zip_error_code_zip(zip_get_error(zip)) == ZIP_ER_INVAL)
            return tp_fail(TP_ERR_ARGUMENT, "npz_write: the name '%.200s' is not UTF-8 or too long", key);
        return fail_zip(path, 0, zip_get_error(zip));
    }
    zip_int32_t method = compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE;
    if (zip_set_file_compression(zip, (zip_uint64_t)i, method, compressed ? LEVEL : 0) ||
        zip_file_set_dostime(zip, (zip_uint64_t)i, 0, FIRST_OF_JANUARY_1980, 0))
        return fail_zip(path, 0, zip_get_error(zip));
    return TP_OK;
}

/* Everything that can be wrong with the tensors is said before a file is touched. */
static tp_status prepare(const tp_params *params, npy_bytes *all, char *piece)
{
    for (int i = 0; i < tp_params_count(params); i++) {
        npy_bytes *b = &all[i];
        char op[300];
        snprintf(op, sizeof op, "npz_write: '%.200s'", tp_params_name(params, i));
        *b = (npy_bytes){ .t = tp_params_at(params, i), .piece = piece };
        b->head_size = npy_format_head(op, b->t, b->head);
        if (!b->head_size)
            return tp_error_pending();
        zip_error_init(&b->error);
    }
    return TP_OK;
}

static tp_status write_members(target *out, const char *path, const tp_params *params, npy_bytes *all,
                               bool compressed)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_function_create(target_source, out, &error);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &error) : NULL;
    tp_status status = TP_OK;
    if (!zip) {
        if (source)
            zip_source_free(source);
        status = fail_zip(path, 0, &error);
    }
    zip_error_fini(&error);
    for (int i = 0; i < tp_params_count(params) && !status; i++)
        status = put_member(zip, path, &all[i], tp_params_name(params, i), compressed);
    if (!status && zip_close(zip)) /* all the work is done here */
        status = fail_zip(path, out->at, zip_get_error(zip));
    else if (!status)
        return TP_OK;
    if (zip)
        zip_discard(zip);
    return status;
}

/* libzip removes an archive without members; NumPy writes and reads one. */
static tp_status write_empty(target *out)
{
    static const char end_record[SMALLEST] = "PK\5\6";
    return file_put(&out->file, end_record, sizeof end_record);
}

tp_status tp_npz_write_opt(const char *path, const tp_params *params, const tp_npz_options *o)
{
    if (tp_pending())
        return tp_error_pending();
    if (!params)
        return tp_fail(TP_ERR_ARGUMENT, "npz_write: the list of tensors is NULL");
    int n = tp_params_count(params);
    size_t bytes = (size_t)n * sizeof(npy_bytes);
    npy_bytes *all = tp_alloc(bytes);
    char *piece = all ? tp_alloc(PIECE) : NULL;
    target out = { .file.fd = -1 };
    zip_error_init(&out.error);
    tp_status status = piece ? prepare(params, all, piece) : TP_ERR_MEMORY;
    if (!status)
        status = file_create(&out.file, path);
    if (!status)
        status = n ? write_members(&out, path, params, all, o && o->compressed) : write_empty(&out);
    if (!status)
        status = file_commit(&out.file);
    file_abandon(&out.file);
    zip_error_fini(&out.error);
    tp_free(piece, PIECE);
    tp_free(all, bytes);
    return status;
}
