/* folder.c - what lies in a folder, sorted by name.
 *
 * Links are followed; a link to a folder above itself is an error, not a loop.  A picture's name on something that is
 * no regular file (a FIFO, a dangling link) is an error too: leaving it out would hide that data is missing.
 * Layer: data.  Depends on base.  Read next: image_folder.c. */
#include "data/folder.h"

#include "base/error.h"
#include "base/memory.h"
#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 32 };

/* ---- lists of names ---------------------------------------------------------------------------------------------- */

tp_status names_add(name_list *n, const char *name)
{
    int64_t size = (int64_t)strlen(name) + 1;
    void *text = n->text, *offsets = n->offsets;
    tp_status status = tp_grow(&text, &n->text_room, n->used + size, 1);
    n->text = text;
    if (!status)
        status = tp_grow(&offsets, &n->offset_room, n->count + 1, sizeof *n->offsets);
    n->offsets = offsets;
    if (status)
        return status;
    memcpy(n->text + n->used, name, (size_t)size);
    n->offsets[n->count++] = n->used;
    n->used += size;
    return TP_OK;
}

void names_free(name_list *n)
{
    tp_free(n->text, (size_t)n->text_room);
    tp_free(n->offsets, (size_t)n->offset_room * sizeof *n->offsets);
    *n = (name_list){ 0 };
}

static int by_name(const void *a, const void *b, void *text)
{
    return strcmp((const char *)text + *(const int64_t *)a, (const char *)text + *(const int64_t *)b);
}

/* ---- one folder -------------------------------------------------------------------------------------------------- */

static bool stat_in(const char *folder, const char *name, struct stat *info)
{
    size_t room;
    char *path = join_path(folder, name, &room);
    bool found = path && stat(path, info) == 0;
    tp_free(path, room);
    return found;
}

bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

tp_status folder_list(const char *folder, folder_kind kind, name_list *out)
{
    *out = (name_list){ 0 };
    DIR *dir = opendir(folder);
    if (!dir)
        return tp_fail_errno(folder, "cannot open the folder");
    tp_status status = TP_OK;
    for (errno = 0; !status; errno = 0) {
        struct dirent *entry = readdir(dir);
        struct stat info;
        if (!entry) {
            status = errno ? tp_fail_errno(folder, "cannot read the folder") : TP_OK;
            break;
        }
        if (entry->d_name[0] == '.')
            continue;
        bool folders = stat_in(folder, entry->d_name, &info) && S_ISDIR(info.st_mode);
        if (tp_pending())
            status = tp_error_pending();
        else if (folders == (kind == FOLDER_FOLDERS))
            status = names_add(out, entry->d_name);
    }
    closedir(dir);
    if (status)
        names_free(out);
    else if (out->count)
        qsort_r(out->offsets, (size_t)out->count, sizeof *out->offsets, by_name, out->text);
    return status;
}

/* ---- pictures in a tree of folders ------------------------------------------------------------------------------- */

static bool has_picture_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (!strcasecmp(dot, ".png") || !strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
}

typedef struct walk {
    const char *top;
    bool check;
    name_list *out;
    struct {
        dev_t device;
        ino_t inode;
    } above[MAX_DEPTH]; /* the folders that the walk is inside of */
} walk;

static tp_status enter(walk *w, const char *folder, int depth)
{
    struct stat info;
    if (stat(folder, &info))
        return tp_fail_errno(folder, "cannot open the folder");
    if (depth == MAX_DEPTH)
        return tp_fail(TP_ERR_IO, "%s: more than %d folders deep", folder, MAX_DEPTH);
    for (int i = 0; i < depth; i++)
        if (w->above[i].device == info.st_dev && w->above[i].inode == info.st_ino)
            return tp_fail(TP_ERR_IO, "%s: a link to a folder above it", folder);
    w->above[depth].device = info.st_dev;
    w->above[depth].inode = info.st_ino;
    return TP_OK;
}

static tp_status check_picture(const char *folder, const char *name)
{
    struct stat info;
    size_t room;
    char *path = join_path(folder, name, &room);
    tp_status status = path ? TP_OK : TP_ERR_MEMORY;
    if (!status && stat(path, &info))
        status = tp_fail_errno(path, "cannot open");
    else if (!status && !S_ISREG(info.st_mode))
        status = tp_fail(TP_ERR_IO, "%s: not a regular file, a picture is wanted", path);
    tp_free(path, room);
    return status;
}

static tp_status add_picture(walk *w, const char *folder, const char *sub, const char *name)
{
    size_t room;
    tp_status status = w->check ? check_picture(folder, name) : TP_OK;
    char *path = status ? NULL : join_path(sub, name, &room);
    if (path) {
        status = names_add(w->out, path);
        tp_free(path, room);
    }
    return status ? status : tp_error_pending();
}

static tp_status visit(walk *w, const char *sub, int depth)
{
    size_t folder_room, path_room;
    name_list names = { 0 };
    char *folder = join_path(w->top, sub, &folder_room);
    tp_status status = folder ? enter(w, folder, depth) : TP_ERR_MEMORY;
    if (!status)
        status = folder_list(folder, FOLDER_FILES, &names);
    for (int64_t i = 0; i < names.count && !status; i++)
        if (has_picture_name(names_at(&names, i)))
            status = add_picture(w, folder, sub, names_at(&names, i));
    names_free(&names);
    if (!status)
        status = folder_list(folder, FOLDER_FOLDERS, &names);
    for (int64_t i = 0; i < names.count && !status; i++) {
        char *path = join_path(sub, names_at(&names, i), &path_room);
        status = path ? visit(w, path, depth + 1) : TP_ERR_MEMORY;
        tp_free(path, path_room);
    }
    names_free(&names);
    tp_free(folder, folder_room);
    return status;
}

tp_status folder_pictures(const char *top, const char *sub, bool check, name_list *out)
{
    walk w = { .top = top, .check = check, .out = out };
    return visit(&w, sub, 0);
}
