/* pretrained_weights.c - weight files of published Transformers, and the way of each tensor into the network.
 *
 * Files are mapped: a tensor is read once, when it is copied.  Nothing that a file or the index says is believed: every name and
 * shape is compared with the network that the configuration describes before memory is taken for it.
 * Layer: train.  Depends on pretrained.h, taper/io.h.  Read next: pretrained_names.c. */
#include "train/pretrained.h"

#include "core/tensor.h"
#include "train/folder.h"

#include <string.h>

enum { NAME = 512, CAPTURES = 2 }; /* a layer's number; weight or bias */

/* ---- files ---------------------------------------------------------------------------------------------------------------- */

static tp_status add_shard(weight_files *w, const char *path, tp_params *tensors)
{
    if (!tensors)
        return tp_error_pending();
    const size_t room = strlen(path) + 1;
    char *copy = arena_alloc(&w->memory, room);
    bool *used = arena_alloc(&w->memory, (size_t)tp_params_count(tensors) + 1);
    if (!copy || !used)
        return tp_error_pending();
    memcpy(copy, path, room);
    w->shards[w->n_shards++] = (weight_shard){ copy, tensors, used };
    return TP_OK;
}

static const char *file_of(const weight_shard *s)
{
    return strrchr(s->path, '/') + 1;
}

static weight_shard *shard_of(weight_files *w, const char *folder, const char *file)
{
    char path[PATH_MAX];
    for (int i = 0; i < w->n_shards; i++)
        if (!strcmp(file_of(&w->shards[i]), file))
            return &w->shards[i];
    if (folder_path(path, folder, file) || add_shard(w, path, tp_safetensors_map(path)))
        return NULL;
    return &w->shards[w->n_shards - 1];
}

static tp_status open_place(weight_files *w, const char *folder, const fields *map, const js_member *m)
{
    const char *file = js_string(m->value);
    if (!file || strchr(file, '/') || !*file)
        return tp_fail(
            TP_ERR_FORMAT,
            "%s: tensor '%.200s' lies in '%.200s', the name of a file in the same folder is wanted",
            map->path, m->name, file ? file : js_kind_name(js_kind_of(m->value)));
    const weight_shard *s = shard_of(w, folder, file);
    if (s && !tp_params_find(s->tensors, m->name))
        return tp_fail(TP_ERR_FORMAT, "%s: tensor '%.200s' is not in %.200s", map->path, m->name, s->path);
    return tp_error_pending();
}

/* { "weight_map": { tensor: file } }.  What its "metadata" counts is not looked at: writers count tied tensors in different ways. */
static tp_status open_index(weight_files *w, const char *folder)
{
    js_value *index = js_read(w->path);
    fields map;
    if (!index || fields_section(&(fields){ w->path, "", index }, "weight_map", &map)) {
        js_free(index);
        return tp_error_pending();
    }
    w->shards = arena_alloc(&w->memory, ((size_t)js_count(map.object) + 1) * sizeof *w->shards);
    for (js_member m = js_first(map.object); m.name && w->shards && !tp_pending(); js_next(map.object, &m))
        open_place(w, folder, &map, &m);
    for (int i = 0; i < w->n_shards && !tp_pending(); i++)
        for (int t = 0; t < tp_params_count(w->shards[i].tensors); t++) {
            const char *name = tp_params_name(w->shards[i].tensors, t),
                       *file = js_string(js_get(map.object, name));
            if (!file || strcmp(file, file_of(&w->shards[i])) != 0)
                tp_fail(TP_ERR_FORMAT, "%s: tensor '%.200s' is in %.200s, %s is wanted", w->path, name,
                        w->shards[i].path, file ? "in another file" : "in no file");
        }
    js_free(index);
    return tp_error_pending();
}

tp_status weights_open(weight_files *w, const char *folder)
{
    static const char *const names[] = { "model.safetensors", "model.safetensors.index.json",
                                         "pytorch_model.bin" };
    *w = (weight_files){ 0 };
    char *path = arena_alloc(&w->memory, PATH_MAX);
    int i = 0;
    for (; path && i < 3 && !tp_pending(); i++)
        if (!folder_path(path, folder, names[i]) && file_exists(path))
            break;
    w->path = path;
    if (!path || tp_pending())
        return tp_error_pending();
    if (i == 3)
        return tp_fail(TP_ERR_IO, "%s: neither %s nor %s nor %s is in this folder", folder, names[0],
                       names[1], names[2]);
    if (i == 1)
        return open_index(w, folder);
    w->shards = arena_alloc(&w->memory, sizeof *w->shards);
    if (!w->shards)
        return tp_error_pending();
    return add_shard(w, path, i == 0 ? tp_safetensors_map(path) : tp_pth_read(path));
}

void weights_close(weight_files *w)
{
    arena_free(&w->memory);
}

/* ---- names ---------------------------------------------------------------------------------------------------------------- */

typedef struct capture {
    const char *text; /* the part of a name that a * stands for */
    int length;
} capture;

static bool matches(const char *pattern, const char *name, capture captured[CAPTURES])
{
    int n = 0;
    while (*pattern && *name) {
        if (*pattern == '*' && n < CAPTURES) {
            captured[n] = (capture){ name, (int)strcspn(name, ".") };
            name += captured[n++].length;
            pattern++;
        } else if (*pattern++ != *name++)
            return false;
    }
    return !*pattern && !*name;
}

static void expand(const char *pattern, size_t length, const capture captured[CAPTURES], char name[NAME])
{
    size_t used = 0;
    int n = 0;
    for (size_t i = 0; i < length && used < NAME - 1; i++)
        if (pattern[i] == '*' && n < CAPTURES) {
            const int written =
                snprintf(name + used, NAME - used, "%.*s", captured[n].length, captured[n].text);
            used += (size_t)written < NAME - used ? (size_t)written : NAME - 1 - used;
            n++;
        } else
            name[used++] = pattern[i];
    name[used] = 0;
}

static const char *without(const char *prefix, const char *name)
{
    const size_t length = strlen(prefix);
    return strncmp(name, prefix, length) ? name : name + length;
}

typedef struct place {
    weight_shard *shard;
    int at;
} place;

static bool find_exactly(const weight_files *w, const weight_names *names, const char *name, place *p)
{
    for (int s = 0; s < w->n_shards; s++)
        for (int i = 0; i < tp_params_count(w->shards[s].tensors); i++) {
            const char *there = tp_params_name(w->shards[s].tensors, i);
            if (!strcmp(there, name) || !strcmp(without(names->prefix, there), name)) {
                *p = (place){ &w->shards[s], i };
                return true;
            }
        }
    return false;
}

/* Files that TensorFlow's were made into call a layer norm's weight gamma and its bias beta. */
static bool find_tensor(const weight_files *w, const weight_names *names, const char *name, place *p)
{
    static const char *const norms[2][2] = { { "LayerNorm.weight", "LayerNorm.gamma" },
                                             { "LayerNorm.bias", "LayerNorm.beta" } };
    if (find_exactly(w, names, name, p))
        return true;
    for (int i = 0; i < 2; i++) {
        const size_t length = strlen(name), end = strlen(norms[i][0]);
        char other[NAME];
        if (length < end || strcmp(name + length - end, norms[i][0]) != 0)
            continue;
        snprintf(other, sizeof other, "%.*s%s", (int)(length - end), name, norms[i][1]);
        return find_exactly(w, names, other, p);
    }
    return false;
}

/* The first of the names with | between them that is there; the first of all where none is. */
static bool find_part(const weight_files *w, const weight_names *names, const char *part, size_t length,
                      const capture *captured, char name[NAME], place *p)
{
    for (size_t at = 0, n; at < length; at += n + 1) {
        n = strcspn(part + at, "| ");
        expand(part + at, n, captured, name);
        if (find_tensor(w, names, name, p))
            return true;
    }
    expand(part, strcspn(part, "| "), captured, name);
    return false;
}

/* ---- a parameter and its tensors ------------------------------------------------------------------------------------------- */

/* Rows of part i of n: all of them, or half, or those of queries, keys and values. */
static int64_t rows_of(const tp_transformer_config *c, int i, int n, int64_t all)
{
    const int64_t head_dim = c->layer.head_dim ? c->layer.head_dim : c->dim / c->heads,
                  kv_heads = c->layer.kv_heads ? c->layer.kv_heads : c->heads;
    return n < 3 ? all / n : (i ? kv_heads : c->heads) * head_dim;
}

static tp_shape shape_in_file(tp_tensor *param, weight_change change, int64_t rows)
{
    tp_shape s = tp_shape_of(param);
    s.dim[0] = rows;
    if (change == ONE_ROW)
        return TP_SHAPE(1, rows);
    return change == TRANSPOSED && s.ndim == 2 ? TP_SHAPE(s.dim[1], rows) : s;
}

static tp_status check_tensor(const place *p, tp_shape wanted)
{
    const tp_tensor *t = tp_params_at(p->shard->tensors, p->at);
    const char *name = tp_params_name(p->shard->tensors, p->at);
    bool same = t->ndim == wanted.ndim;
    for (int i = 0; i < wanted.ndim && same; i++)
        same = t->shape[i] == wanted.dim[i];
    if (!same)
        return tp_fail(TP_ERR_SHAPE, "%s: tensor '%.200s' is %s, by the configuration %s is wanted",
                       p->shard->path, name, tensor_shape_text(t), shape_text(wanted));
    if (!tp_dtype_is_float(tp_dtype_of(t)))
        return tp_fail(TP_ERR_DTYPE, "%s: tensor '%.200s' is %s, f32, f16 or bf16 is wanted", p->shard->path,
                       name, tp_dtype_name(tp_dtype_of(t)));
    if (p->shard->used[p->at])
        return tp_fail(TP_ERR_FORMAT, "%s: tensor '%.200s' is wanted twice", p->shard->path, name);
    p->shard->used[p->at] = true;
    return TP_OK;
}

static tp_status copy_tensor(tp_tensor *into, tp_tensor *t, weight_change change, int64_t heads)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (change == TRANSPOSED && tp_ndim(t) == 2)
        t = tp_transpose(t, 0, 1);
    if (change == ONE_ROW)
        t = tp_squeeze(t, 0);
    if (change == INTERLEAVED) {
        t = tp_transpose(tp_unflatten(t, 0, TP_SHAPE(heads, 3, -1)), 0, 1);
        into = tp_unflatten(into, 0, TP_SHAPE(3, heads, -1));
    }
    tp_copy_(into, t);
    if (change == ADD_ONE)
        tp_add_(into, 1);
    return tp_error_pending();
}

static tp_status fill_parameter(weight_files *w, const weight_names *names, const tp_transformer_config *c,
                                const char *ours, tp_tensor *param, bool copy)
{
    capture captured[CAPTURES] = { { "", 0 }, { "", 0 } };
    const weight_name *row = names->rows;
    while (row->ours && !matches(row->ours, ours, captured))
        row++;
    if (!row->ours)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: no name is known for the network's %s", w->path, ours);
    int n = 1;
    for (const char *blank = row->theirs; (blank = strchr(blank, ' ')); blank++)
        n++;
    const char *part = row->theirs;
    int64_t first = 0;
    for (int i = 0; i < n; i++, part += strcspn(part, " ") + 1) {
        const int64_t rows = rows_of(c, i, n, tp_size(param, 0));
        const tp_shape wanted = shape_in_file(param, row->change, rows);
        char name[NAME];
        place p;
        if (!find_part(w, names, part, strcspn(part, " "), captured, name, &p))
            return tp_fail(TP_ERR_FORMAT, "%s: tensor '%s' is missing, %s is wanted", w->path, name,
                           shape_text(wanted));
        if (check_tensor(&p, wanted))
            return tp_error_pending();
        TP_SCOPE;
        TP_NO_GRAD;
        if (copy && copy_tensor(n == 1 ? param : tp_narrow(param, 0, first, rows),
                                tp_params_at(p.shard->tensors, p.at), row->change, c->heads))
            return tp_error_pending();
        first += rows;
    }
    return TP_OK;
}

static tp_status check_all_used(const weight_files *w, const weight_names *names)
{
    for (int s = 0; s < w->n_shards; s++)
        for (int i = 0; i < tp_params_count(w->shards[s].tensors); i++) {
            const weight_shard *shard = &w->shards[s];
            const char *name = tp_params_name(shard->tensors, i);
            if (!shard->used[i] && !tp_name_matches(names->unused, without(names->prefix, name)))
                return tp_fail(TP_ERR_FORMAT,
                               "%s: tensor '%.200s' %s, by the configuration there is none of this name",
                               shard->path, name, tensor_shape_text(tp_params_at(shard->tensors, i)));
        }
    return TP_OK;
}

tp_status weights_fill(weight_files *w, tp_module *net, const weight_names *names,
                       const tp_transformer_config *c, bool copy)
{
    TP_SCOPE;
    tp_params *params = tp_parameters(net);
    for (int s = 0; s < w->n_shards; s++)
        memset(w->shards[s].used, 0, (size_t)tp_params_count(w->shards[s].tensors));
    for (int i = 0; params && i < tp_params_count(params); i++)
        if (fill_parameter(w, names, c, tp_params_name(params, i), tp_params_at(params, i), copy))
            break;
    return tp_pending() ? tp_error_pending() : check_all_used(w, names);
}
