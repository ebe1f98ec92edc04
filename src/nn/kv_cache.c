/* kv_cache.c - keys and values of the tokens that went by, so that the next one costs one step.
 *
 * Both are (B, layers, G, room, d), in memory that doubles when it is full.  With a window, what no later token sees is dropped when the
 * memory is full, so that it stays at twice the window.
 * Invariants: 1. sequence b holds lengths[b] tokens, and has seen places[b]; they differ by what was dropped;
 *             2. what lies past a sequence's length is no number that anybody reads.
 * Layer: nn.  Depends on transformer.h.  Read next: transformer.c. */
#include "nn/transformer.h"

enum { FIRST_ROOM = 64 };

static const int64_t *numbers(tp_tensor *t)
{
    return tp_data(t);
}

int64_t cache_longest(tp_tensor *lengths)
{
    const int64_t *n = lengths ? numbers(lengths) : NULL;
    int64_t most = 0;
    for (int64_t i = 0; n && i < tp_numel(lengths); i++)
        most = n[i] > most ? n[i] : most;
    return most;
}

static tp_tensor *with_room(tp_tensor *old, tp_shape shape, tp_dtype dtype)
{
    tp_tensor *t = tp_zeros(shape, .dtype = dtype);
    if (old && t)
        tp_copy_(tp_narrow(t, 3, 0, tp_size(old, 3)), old);
    return t;
}

/* Of each sequence the last `window` tokens at the beginning. */
static tp_status drop_old(tp_kv_cache *c, int64_t window)
{
    const int64_t batch = tp_numel(c->lengths), *n = numbers(c->lengths);
    tp_tensor *left = tp_clone(c->lengths);
    int64_t *now = left ? tp_data(left) : NULL;
    for (int64_t b = 0; b < batch && now; b++) {
        if (n[b] <= window)
            continue;
        tp_tensor *both[] = { c->keys, c->values };
        for (int i = 0; i < 2; i++) {
            tp_tensor *own = tp_select(both[i], 0, b);
            tp_copy_(tp_narrow(own, 2, 0, window), tp_clone(tp_narrow(own, 2, n[b] - window, window)));
        }
        now[b] = window;
    }
    c->lengths = left;
    return tp_error_pending();
}

/* Room for `tokens` more in each sequence, for a stack of so many layers. */
tp_status tp_kv_cache_reserve(tp_kv_cache *c, int64_t batch, int64_t layers, int64_t heads, int64_t tokens,
                              int64_t width, int64_t window, tp_dtype dtype)
{
    if (tp_pending())
        return tp_error_pending();
    if (!c->lengths) {
        c->lengths = tp_zeros(TP_SHAPE(batch), .dtype = TP_I64);
        c->places = tp_zeros(TP_SHAPE(batch), .dtype = TP_I64);
    }
    if (tp_pending())
        return tp_error_pending();
    if (tp_numel(c->lengths) != batch)
        return tp_fail(TP_ERR_SHAPE, "kv_cache: %lld sequences, it holds %lld", (long long)batch,
                       (long long)tp_numel(c->lengths));
    int64_t room = c->keys ? tp_size(c->keys, 3) : 0;
    if (window && c->keys && cache_longest(c->lengths) + tokens > room &&
        cache_longest(c->lengths) > window && drop_old(c, window))
        return tp_error_pending();
    const int64_t wanted = cache_longest(c->lengths) + tokens;
    if (wanted <= room)
        return TP_OK;
    room = 2 * room > wanted ? 2 * room : wanted > FIRST_ROOM ? wanted : FIRST_ROOM;
    const tp_shape shape = TP_SHAPE(batch, layers, heads, room, width);
    c->keys = with_room(c->keys, shape, dtype);
    c->values = with_room(c->values, shape, dtype);
    return tp_error_pending();
}

/* Of each layer, of all sequences at once where they are of one length. */
static tp_status put(tp_tensor *all, tp_tensor *x, const int64_t *length)
{
    const int64_t batch = tp_size(x, 0), tokens = tp_size(x, 2);
    bool same = true;
    for (int64_t b = 1; b < batch; b++)
        same &= length[b] == length[0];
    if (same)
        tp_copy_(tp_narrow(all, 2, length[0], tokens), x);
    else
        for (int64_t b = 0; b < batch; b++)
            tp_copy_(tp_narrow(tp_select(all, 0, b), 1, length[b], tokens), tp_select(x, 0, b));
    return tp_error_pending();
}

tp_status cache_append(tp_kv_cache *c, int64_t layer, tp_tensor *k, tp_tensor *v, tp_tensor **keys,
                       tp_tensor **values)
{
    TP_NO_GRAD;
    const int64_t *length = numbers(c->lengths), used = cache_longest(c->lengths) + tp_size(k, 2);
    tp_tensor *all_keys = tp_select(c->keys, 1, layer), *all_values = tp_select(c->values, 1, layer);
    if (put(all_keys, k, length) || put(all_values, v, length))
        return tp_error_pending();
    *keys = tp_narrow(all_keys, 2, 0, used);
    *values = tp_narrow(all_values, 2, 0, used);
    return tp_error_pending();
}

tp_status tp_kv_cache_advance(tp_kv_cache *c, tp_tensor *tokens)
{
    if (tp_pending() || !c || !c->lengths)
        return tp_error_pending();
    TP_NO_GRAD;
    c->lengths = tp_add(c->lengths, tokens);
    c->places = tp_add(c->places, tokens);
    return tp_error_pending();
}
