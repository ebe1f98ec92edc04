/* zip.c - zip archives, by libzip.
 *
 * libzip sees our open file, and when it writes our file beside (file.h), through functions of its kind "source".
 * Layer: io.  Depends on zip.h, libzip.  Read next: npz.c, pth.c. */
#include "io/zip.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/elements.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

enum { BEST_RATIO = 1032, SMALLEST = 22 /* the end record alone: no members */ };

/* ---- libzip's failures as ours ------------------------------------------------------------------------------------- */

static tp_status fail_zip(const char *path, const char *kind, int64_t at, zip_error_t *error)
{
    int code = zip_error_code_zip(error);
    if (tp_pending()) /* our own source or file said why */
        return tp_error_pending();
    const char *what = code == ZIP_ER_EXISTS ? "two members have one name" : zip_error_strerror(error);
    return tp_fail(code == ZIP_ER_MEMORY ? TP_ERR_MEMORY : TP_ERR_FORMAT, "%s: byte %lld: %s: %s", path,
                   (long long)at, kind, what);
}

/* ---- reading: the archive ------------------------------------------------------------------------------------------ */

struct zip_archive {
    const file_in *in;
    const char *kind;
    zip_t *zip;
    zip_error_t error; /* of the source */
    int64_t at;
    int64_t stored; /* by the members that were opened */
};

/* The file as libzip wants to see it. */
static zip_int64_t archive_source(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
    zip_archive *a = context;
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

static tp_status open_archive(zip_archive *a)
{
    const file_in *in = a->in;
    zip_error_t error;
    if (in->size < SMALLEST)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: %s: %lld bytes, at least %d are wanted", in->path, a->kind,
                       (long long)in->size, SMALLEST);
    zip_error_init(&error);
    zip_source_t *source = zip_source_function_create(archive_source, a, &error);
    a->zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
    tp_status status = TP_OK;
    if (!a->zip) {
        if (source)
            zip_source_free(source);
        status = fail_zip(in->path, a->kind, 0, &error);
    }
    zip_error_fini(&error);
    return status;
}

zip_archive *zip_archive_open(const file_in *in, const char *kind)
{
    zip_archive *a = tp_pending() ? NULL : tp_alloc(sizeof *a);
    if (!a)
        return NULL;
    *a = (zip_archive){ .in = in, .kind = kind };
    zip_error_init(&a->error);
    if (!open_archive(a))
        return a;
    zip_archive_close(a);
    return NULL;
}

void zip_archive_close(zip_archive *a)
{
    if (!a)
        return;
    if (a->zip)
        zip_discard(a->zip);
    zip_error_fini(&a->error);
    tp_free(a, sizeof *a);
}

int64_t zip_count(const zip_archive *a)
{
    return zip_get_num_entries(a->zip, 0);
}

const char *zip_name(const zip_archive *a, int64_t i)
{
    const char *name = zip_get_name(a->zip, (zip_uint64_t)i, 0);
    if (!name)
        fail_zip(a->in->path, a->kind, 0, zip_get_error(a->zip));
    return name;
}

int64_t zip_find(const zip_archive *a, const char *name)
{
    return zip_name_locate(a->zip, name, 0);
}

/* ---- reading: a member --------------------------------------------------------------------------------------------- */

/* Long names are cut between characters, and what would break the line is shown as ?. */
static void label_member(zip_member *m, const char *path, const char *name)
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

static tp_status check_member(zip_archive *a, const zip_member *m, const zip_stat_t *st)
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
    zip_member *m = context;
    if (offset != m->at)
        return tp_fail(TP_ERR_STATE, "%s: byte %lld: read out of order", m->label, (long long)offset);
    for (size_t done = 0; done < bytes;) {
        zip_int64_t got = zip_fread(m->file, (char *)dst + done, bytes - done);
        if (got < 0)
            return fail_zip(m->label, m->archive->kind, m->at, zip_file_get_error(m->file));
        if (got == 0)
            return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: ends here, %lld bytes were declared", m->label,
                           (long long)m->at, (long long)m->in.size);
        done += (size_t)got;
        m->at += got;
    }
    return TP_OK;
}

tp_status zip_member_open(zip_archive *a, int64_t i, zip_member *m)
{
    zip_stat_t st;
    *m = (zip_member){ 0 };
    const char *name = zip_name(a, i);
    if (!name)
        return tp_error_pending();
    label_member(m, a->in->path, name);
    if (zip_stat_index(a->zip, (zip_uint64_t)i, 0, &st))
        return fail_zip(m->label, a->kind, 0, zip_get_error(a->zip));
    if (check_member(a, m, &st))
        return tp_error_pending();
    m->deflated = st.comp_method != ZIP_CM_STORE;
    m->archive = a;
    m->file = zip_fopen_index(a->zip, (zip_uint64_t)i, 0);
    if (!m->file)
        return fail_zip(m->label, a->kind, 0, zip_get_error(a->zip));
    m->in =
        (file_in){ .path = m->label, .fd = -1, .size = (int64_t)st.size, .read = member_read, .context = m };
    return TP_OK;
}

/* libzip compares the checksum when it sees the end. */
tp_status zip_member_ends(zip_member *m)
{
    char more;
    zip_int64_t got = zip_fread(m->file, &more, 1);
    if (got < 0)
        return fail_zip(m->label, m->archive->kind, m->at, zip_file_get_error(m->file));
    return got == 0 ? TP_OK
                    : tp_fail(TP_ERR_FORMAT, "%s: byte %lld: goes on, %lld bytes were declared", m->label,
                              (long long)m->at, (long long)m->in.size);
}

void zip_member_close(zip_member *m)
{
    if (m->file)
        zip_fclose(m->file);
    m->file = NULL;
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

typedef struct part_bytes { /* a part as bytes, piece by piece */
    const zip_part *part;
    zip_error_t error;
    size_t head_left;
    int64_t next;      /* element that comes after the piece */
    size_t used, full; /* of the piece */
    char *piece;       /* PIECE bytes, shared: libzip takes one member after the other */
} part_bytes;

static size_t tensor_bytes(const tp_tensor *t)
{
    return t ? (size_t)t->numel * tensor_element_size(t) : 0;
}

static void next_piece(part_bytes *b)
{
    const tp_tensor *t = b->part->tensor;
    b->used = b->full = 0;
    if (!t || b->next == t->numel)
        return;
    int64_t size = (int64_t)tensor_element_size(t), left = t->numel - b->next,
            n = left < PIECE / size ? left : PIECE / size;
    elements_copy(b->piece, t, b->next, n);
    b->next += n;
    b->full = (size_t)(n * size);
}

static zip_int64_t take_bytes(part_bytes *b, char *dst, size_t length)
{
    size_t done = b->head_left < length ? b->head_left : length;
    if (done)
        memcpy(dst, (const char *)b->part->head + b->part->head_size - b->head_left, done);
    b->head_left -= done;
    while (done < length) {
        if (b->used == b->full)
            next_piece(b);
        if (b->full == 0)
            break;
        size_t n = b->full - b->used < length - done ? b->full - b->used : length - done;
        memcpy(dst + done, b->piece + b->used, n);
        b->used += n;
        done += n;
    }
    return (zip_int64_t)done;
}

static zip_int64_t part_source(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
    part_bytes *b = context;
    switch (command) {
    case ZIP_SOURCE_OPEN:
        b->head_left = b->part->head_size;
        b->used = b->full = 0;
        b->next = 0;
        return 0;
    case ZIP_SOURCE_READ: return take_bytes(b, data, (size_t)length);
    case ZIP_SOURCE_STAT: {
        zip_stat_t *st = data;
        zip_stat_init(st);
        st->size = b->part->head_size + tensor_bytes(b->part->tensor);
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

/* The oldest date that zip knows, as NumPy writes it. */
enum { FIRST_OF_JANUARY_1980 = 1 << 5 | 1, LEVEL = 6 };

static tp_status put_part(zip_t *zip, const char *path, const char *kind, part_bytes *b, bool compressed)
{
    const char *name = b->part->name;
    zip_source_t *source = zip_source_function(zip, part_source, b);
    zip_int64_t i = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (i < 0) {
        if (source)
            zip_source_free(source);
        if (zip_error_code_zip(zip_get_error(zip)) == ZIP_ER_INVAL)
            return tp_fail(TP_ERR_ARGUMENT, "%s_write: the name '%.200s' is not UTF-8 or too long", kind,
                           name);
        return fail_zip(path, kind, 0, zip_get_error(zip));
    }
    zip_int32_t method = compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE;
    if (zip_set_file_compression(zip, (zip_uint64_t)i, method, compressed ? LEVEL : 0) ||
        zip_file_set_dostime(zip, (zip_uint64_t)i, 0, FIRST_OF_JANUARY_1980, 0))
        return fail_zip(path, kind, 0, zip_get_error(zip));
    return TP_OK;
}

static tp_status put_parts(target *out, const char *path, const char *kind, part_bytes *all, int n,
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
        status = fail_zip(path, kind, 0, &error);
    }
    zip_error_fini(&error);
    for (int i = 0; i < n && !status; i++)
        status = put_part(zip, path, kind, &all[i], compressed);
    if (!status && zip_close(zip)) /* all the work is done here */
        status = fail_zip(path, kind, out->at, zip_get_error(zip));
    else if (!status)
        return TP_OK;
    if (zip)
        zip_discard(zip);
    return status;
}

/* libzip removes an archive without members; NumPy writes and reads one. */
static tp_status put_nothing(target *out)
{
    static const char end_record[SMALLEST] = "PK\5\6";
    return file_put(&out->file, end_record, sizeof end_record);
}

tp_status zip_write(const char *path, const char *kind, const zip_part *parts, int n, bool compressed)
{
    size_t bytes = (size_t)n * sizeof(part_bytes);
    part_bytes *all = tp_alloc(bytes);
    char *piece = all ? tp_alloc(PIECE) : NULL;
    target out = { .file.fd = -1 };
    zip_error_init(&out.error);
    tp_status status = piece ? file_create(&out.file, path) : TP_ERR_MEMORY;
    for (int i = 0; i < n && !status; i++) {
        all[i] = (part_bytes){ .part = &parts[i], .piece = piece };
        zip_error_init(&all[i].error);
    }
    if (!status)
        status = n ? put_parts(&out, path, kind, all, n, compressed) : put_nothing(&out);
    if (!status)
        status = file_commit(&out.file);
    file_abandon(&out.file);
    zip_error_fini(&out.error);
    tp_free(piece, PIECE);
    tp_free(all, bytes);
    return status;
}

const char *zip_library(bool running)
{
    return running ? zip_libzip_version() : LIBZIP_VERSION;
}
