/* pth_state.c - which tensors of an unpickled file are the state dict, and what they are called.
 *
 * A file is a state dict itself (name: tensor, ...), or a training script's checkpoint that has one beside an epoch and
 * an optimizer; that one stands under a usual key, or under the key that the caller names.  Dicts within dicts, and
 * lists, are joined with dots; a wrapper's prefix that all names begin with is taken off.
 * Limits: 32 levels; 16 looks at each value on average (a dict may stand in many); the tensors together hold at most 64
 * times the bytes of the file, or 64 MB (a stride of 0 repeats an element, and many tensors may share a storage).  Layer: io.  Depends on pth.h.  Read next: pth.c. */
#include "io/pth.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

enum { MAX_DEPTH = 32, MAX_NAME = 500, LOOKS = 16, REPEAT = 64, SMALL = 1 << 26 };

/* Where training scripts put a state dict; the first of these that holds tensors is it. */
static const char *const usual_keys[] = { "state_dict", "model_state_dict", "model",  "net",
                                          "network",    "params",           "weights" };

/* What DataParallel and torch.compile put in front of every name. */
static const char *const wrappers[] = { "module.", "_orig_mod." };

typedef struct collecting {
    pickle *p;
    const file_in *in;
    pth_state *state;
    int64_t room, budget; /* budget: values that may still be looked at */
    int64_t bytes;        /* of all tensors */
    char name[MAX_NAME + 1];
} collecting;

static bool is_container(const pickle_value *v)
{
    return v->kind == PICKLE_DICT || v->kind == PICKLE_LIST || v->kind == PICKLE_TUPLE;
}

/* ---- which dict ---------------------------------------------------------------------------------------------------- */

static bool holds_tensors(const pickle_value *v, int depth, int64_t *budget)
{
    if (--*budget < 0 || depth > MAX_DEPTH)
        return false;
    if (pth_tensor_of(v))
        return true;
    for (int64_t i = 0; is_container(v) && i < v->count; i++)
        if (holds_tensors(v->items[i], depth + 1, budget))
            return true;
    return false;
}

static bool has_tensor_inside(const pickle_value *dict)
{
    for (int64_t i = 1; i < dict->count; i += 2)
        if (pth_tensor_of(dict->items[i]))
            return true;
    return false;
}

/* The state dict in v, which is none itself; NULL: under none of the usual keys. */
static const pickle_value *find_usual(const pickle_value *v, int64_t *budget)
{
    if (v->kind == PICKLE_DICT && !has_tensor_inside(v))
        for (size_t i = 0; i < sizeof usual_keys / sizeof *usual_keys; i++) {
            const pickle_value *inner = pickle_get(v, usual_keys[i]);
            if (inner && inner->kind == PICKLE_DICT && holds_tensors(inner, 0, budget))
                return inner;
        }
    return NULL;
}

/* "epoch, model, optimizer" */
static const char *keys_of(pickle *p, const pickle_value *dict, const pickle_value *but)
{
    enum { ROOM = 300 };
    char *text = pickle_alloc(p, ROOM);
    size_t used = 0;
    for (int64_t i = 0; text && i + 1 < dict->count; i += 2) {
        const pickle_value *key = dict->items[i];
        if (dict->items[i + 1] == but || key->kind != PICKLE_TEXT)
            continue;
        if (used + (size_t)key->length + 8 > ROOM) {
            snprintf(text + used, ROOM - used, "%s...", used ? ", " : "");
            break;
        }
        used += (size_t)snprintf(text + used, ROOM - used, "%s%.*s", used ? ", " : "", (int)key->length,
                                 key->text);
    }
    return text;
}

static const pickle_value *choose_named(pickle *p, const file_in *in, const pickle_value *root,
                                        const char *key)
{
    const pickle_value *inner = pickle_get(root, key);
    if (!inner) {
        const char *keys = keys_of(p, root, NULL);
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: has no entry '%.100s'; there are: %s", in->path, key,
                            keys ? keys : "");
    }
    if (inner->kind != PICKLE_DICT)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: '%.100s' is %s, a dict of tensors is wanted", in->path, key,
                            pickle_kind_name(inner));
    return inner;
}

/* *entry: what of root it stands in, or is. */
static const pickle_value *choose(pickle *p, const file_in *in, const pickle_value *root, const char *key,
                                  const pickle_value **entry)
{
    int64_t budget = LOOKS * pickle_pushed(p);
    if (root->kind != PICKLE_DICT)
        return tp_fail_null(TP_ERR_UNSUPPORTED, "%s: holds %s, a dict of tensors is wanted", in->path,
                            pth_tensor_of(root) ? "one tensor without a name" : pickle_kind_name(root));
    const pickle_value *dict = key ? choose_named(p, in, root, key) : find_usual(root, &budget);
    *entry = dict;
    for (int depth = 0; dict && !key && depth < MAX_DEPTH; depth++) {
        const pickle_value *inner = find_usual(dict, &budget);
        if (!inner)
            break;
        dict = inner;
    }
    return dict || key ? dict : root;
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

static tp_status add_entry(collecting *c, const pth_tensor *t)
{
    int64_t bytes = t->numel * (int64_t)tp_dtype_size(t->storage->dtype);
    int64_t most = c->in->size > SMALL / REPEAT ? c->in->size * REPEAT : SMALL;
    if (!tp_add_fits(c->bytes, bytes, &c->bytes) || c->bytes > most)
        return tp_fail(
            TP_ERR_UNSUPPORTED,
            "%s: tensor '%.200s': with it the tensors hold more than %lld bytes, in a file of %lld",
            c->in->path, c->name, (long long)most, (long long)c->in->size);
    if (c->state->count == c->room) {
        int64_t room = c->room ? 2 * c->room : 64;
        pth_entry *entries = pickle_alloc(c->p, (size_t)room * sizeof *entries);
        if (!entries)
            return TP_ERR_MEMORY;
        if (c->room)
            memcpy(entries, c->state->entries, (size_t)c->room * sizeof *entries);
        c->state->entries = entries;
        c->room = room;
    }
    size_t length = strlen(c->name) + 1;
    char *name = pickle_alloc(c->p, length);
    if (!name)
        return TP_ERR_MEMORY;
    c->state->entries[c->state->count++] = (pth_entry){ memcpy(name, c->name, length), t };
    t->storage->twin->wanted = true;
    return TP_OK;
}

/* Writes ".key" behind the name so far. */
static tp_status add_key(collecting *c, const pickle_value *key)
{
    size_t used = strlen(c->name);
    char digits[24];
    const char *text = key->text;
    if (key->kind == PICKLE_INT) {
        snprintf(digits, sizeof digits, "%lld", (long long)key->integer);
        text = digits;
    } else if (key->kind != PICKLE_TEXT) {
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: in '%.200s': a key is %s, a text or an integer is wanted",
                       c->in->path, c->name, pickle_kind_name(key));
    } else if (strlen(text) != (size_t)key->length) {
        return tp_fail(TP_ERR_FORMAT, "%s: in '%.200s': a name has a zero byte in it", c->in->path, c->name);
    }
    if (used + strlen(text) + 1 > MAX_NAME)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: '%.100s...': a name is longer than %d bytes", c->in->path,
                       *c->name ? c->name : text, MAX_NAME);
    snprintf(c->name + used, sizeof c->name - used, "%s%s", used ? "." : "", text);
    return TP_OK;
}

static tp_status collect(collecting *c, const pickle_value *v, int depth)
{
    const pth_tensor *t = pth_tensor_of(v);
    if (--c->budget < 0)
        return tp_fail(TP_ERR_UNSUPPORTED,
                       "%s: its dicts stand in each other too often: more than %d looks at a value",
                       c->in->path, LOOKS);
    if (t)
        return add_entry(c, t);
    if (!is_container(v))
        return TP_OK; /* a number, a text: no weights */
    if (depth > MAX_DEPTH)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: '%.200s...': dicts in dicts, more than %d deep", c->in->path,
                       c->name, MAX_DEPTH);
    size_t used = strlen(c->name);
    int64_t step = v->kind == PICKLE_DICT ? 2 : 1;
    for (int64_t i = 0; i + step <= v->count; i += step) {
        const pickle_value index = { .kind = PICKLE_INT, .integer = i }, *item = v->items[i + step - 1];
        if (!pth_tensor_of(item) && !is_container(item))
            continue;
        if (add_key(c, step == 2 ? v->items[i] : &index) || collect(c, item, depth + 1))
            return tp_error_pending();
        c->name[used] = 0;
    }
    return TP_OK;
}

static bool all_begin_with(const pth_state *state, const char *prefix)
{
    for (int64_t i = 0; i < state->count; i++)
        if (strncmp(state->entries[i].name, prefix, strlen(prefix)) != 0)
            return false;
    return state->count > 0;
}

static void unwrap(pth_state *state)
{
    for (size_t k = 0; k < sizeof wrappers / sizeof *wrappers; k++)
        if (all_begin_with(state, wrappers[k])) {
            for (int64_t i = 0; i < state->count; i++)
                state->entries[i].name += strlen(wrappers[k]);
            unwrap(state); /* a wrapper in a wrapper */
            return;
        }
}

tp_status pth_state_of(pickle *p, const file_in *in, const pickle_value *root, const tp_pth_options *o,
                       pth_state *state)
{
    const pickle_value *entry = NULL, *dict = choose(p, in, root, o->key, &entry);
    collecting c = { .p = p, .in = in, .state = state, .budget = LOOKS * pickle_pushed(p) };
    *state = (pth_state){ 0 };
    if (!dict || collect(&c, dict, 0))
        return tp_error_pending();
    if (!state->count && dict->count)
        return tp_fail(TP_ERR_FORMAT, "%s: holds no tensor", in->path);
    unwrap(state);
    if (o->left_out && o->left_out_size) {
        const char *keys = entry ? keys_of(p, root, entry) : "";
        if (!keys)
            return TP_ERR_MEMORY;
        snprintf(o->left_out, o->left_out_size, "%s", keys);
    }
    return TP_OK;
}
