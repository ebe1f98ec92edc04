/* npz.c - NumPy's archives of arrays: a zip file with an npy file for each.
 *
 * A name in the archive is the array's key and never a path.  Layer: io.  Depends on npy.h, zip.h.  Read next: npy.c,
 * zip.c. */
#include "io/npz.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/npy.h"
#include "io/zip.h"

#include <string.h>

static const char kind[] = "npz";

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static tp_tensor *read_member(zip_archive *a, int64_t i)
{
    zip_member m;
    tp_tensor *t = zip_member_open(a, i, &m) ? NULL : npy_from(&m.in);
    if (t && zip_member_ends(&m))
        t = NULL;
    zip_member_close(&m);
    return t;
}

static const char suffix[] = ".npy";

/* Length of the key: the name without its .npy. */
static size_t key_length(const char *name)
{
    size_t n = strlen(name), s = sizeof suffix - 1;
    return n >= s && !memcmp(name + n - s, suffix, s) ? n - s : n;
}

static tp_status add_member(const file_in *in, zip_archive *a, int64_t i, tp_params *into)
{
    TP_SCOPE;
    const char *name = zip_name(a, i);
    if (!name)
        return tp_error_pending();
    tp_tensor *t = read_member(a, i);
    if (!t)
        return tp_error_pending();
    size_t n = key_length(name);
    char *key = tp_memdup(name, n + 1);
    if (!key)
        return TP_ERR_MEMORY;
    key[n] = 0;
    tp_status status =
        tp_params_find(into, key)
            ? tp_fail(TP_ERR_FORMAT, "%s: byte 0: two members are named '%.200s'", in->path, key)
            : tp_params_add(into, key, t);
    tp_free(key, n + 1);
    return status;
}

tp_params *npz_from(const file_in *in)
{
    TP_SCOPE;
    zip_archive *a = zip_archive_open(in, kind);
    if (!a)
        return NULL;
    tp_params *params = tp_params_new();
    int64_t n = zip_count(a);
    for (int64_t i = 0; i < n && !tp_pending(); i++)
        add_member(in, a, i, params);
    zip_archive_close(a);
    return tp_pending() ? NULL : tp_keep(params);
}

/* The one member of that key; -1 with an error that says which keys there are. */
static int64_t find_member(const file_in *in, const zip_archive *a, const char *key)
{
    char known[300] = "";
    size_t used = 0;
    int64_t n = zip_count(a), found = -1;
    for (int64_t i = 0; i < n; i++) {
        const char *name = zip_name(a, i);
        if (!name)
            return -1;
        size_t length = key_length(name);
        if (length == strlen(key) && !memcmp(name, key, length)) {
            if (found >= 0)
                return tp_fail(TP_ERR_FORMAT, "%s: byte 0: two members are named '%.200s'", in->path, key),
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
        tp_fail(TP_ERR_ARGUMENT, "%s: no array '%.200s'; there %s: %s", in->path, key, n == 1 ? "is" : "are",
                n ? known : "none");
    return found;
}

tp_tensor *npz_from_one(const file_in *in, const char *name)
{
    TP_SCOPE;
    zip_archive *a = zip_archive_open(in, kind);
    int64_t i = a ? find_member(in, a, name) : -1;
    tp_tensor *t = i < 0 ? NULL : read_member(a, i);
    zip_archive_close(a);
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

/* ---- writing ------------------------------------------------------------------------------------------------------- */

typedef struct npy_part { /* what stands before the elements */
    char *name;
    size_t room;
    char head[NPY_HEAD];
} npy_part;

static tp_status prepare_part(const char *key, const tp_tensor *t, npy_part *own, zip_part *part)
{
    char op[300];
    snprintf(op, sizeof op, "npz_write: '%.200s'", key);
    size_t head_size = npy_format_head(op, t, own->head);
    if (!head_size)
        return tp_error_pending();
    own->room = strlen(key) + sizeof suffix;
    own->name = tp_alloc(own->room);
    if (!own->name)
        return TP_ERR_MEMORY;
    snprintf(own->name, own->room, "%s%s", key, suffix);
    *part = (zip_part){ own->name, own->head, head_size, t };
    return TP_OK;
}

tp_status tp_npz_write_opt(const char *path, const tp_params *params, const tp_npz_options *o)
{
    if (tp_pending())
        return tp_error_pending();
    if (!params)
        return tp_fail(TP_ERR_ARGUMENT, "npz_write: the list of tensors is NULL");
    int n = tp_params_count(params);
    npy_part *own = tp_calloc((size_t)n * sizeof *own);
    zip_part *parts = tp_calloc((size_t)n * sizeof *parts);
    for (int i = 0; i < n && !tp_pending();
         i++) /* what is wrong with the tensors is said before a file is touched */
        prepare_part(tp_params_name(params, i), tp_params_at(params, i), &own[i], &parts[i]);
    tp_status status = tp_error_pending();
    if (!status)
        status = zip_write(path, kind, parts, n, o && o->compressed);
    for (int i = 0; own && i < n; i++)
        tp_free(own[i].name, own[i].room);
    tp_free(parts, (size_t)n * sizeof *parts);
    tp_free(own, (size_t)n * sizeof *own);
    return status;
}
