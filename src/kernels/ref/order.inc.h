/* order.inc.h - sorting and selecting pairs (key, place) held in one unsigned number PAIR, the key above.
 *
 * order.c includes this twice: 32-bit keys in 64 bits, 64-bit keys in 128.  No two pairs are equal, so every way of
 * sorting them is stable and gives the same.  Sorting is by digits of the key from the lowest on; each pass is shared
 * out in fixed chunks, which count first, and then know where their pairs go.
 * Layer: kernels.  Depends on base/parallel.h.  Read next: order.c. */
#define PLACE_BITS (sizeof(KEY) * 8)
#define PAIR_OF(key, place) ((PAIR)(key) << PLACE_BITS | (PAIR)(uint64_t)(place))
#define KEY_OF(pair) ((KEY)((pair) >> PLACE_BITS))
#define PLACE_OF(pair) ((int64_t)(KEY)(pair))

typedef void NAME(keys_fn)(KEY *to, const void *x, int64_t first, int64_t n, KEY flip);
typedef void NAME(values_fn)(void *y, const PAIR *, const void *x, int64_t first, int64_t n, KEY flip);

typedef struct NAME(elements) {
    NAME(keys_fn) * keys; /* flip: all ones turn the order around */
    NAME(values_fn) * values;
} NAME(elements);

/* ---- few ------------------------------------------------------------------------------------------------------------- */

static void NAME(insertion)(PAIR *a, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        PAIR p = a[i];
        int64_t k = i;
        for (; k > 0 && p < a[k - 1]; k--)
            a[k] = a[k - 1];
        a[k] = p;
    }
}

/* a[0 .. k) become the k smallest, a[k - 1] the largest of them.  Hoare's selection; pivots are drawn from a fixed
 * sequence, which no input that is not made for it meets badly. */
static void NAME(nth)(PAIR *a, int64_t n, int64_t k)
{
    uint64_t draw = 0x9e3779b97f4a7c15u;
    int64_t low = 0, high = n - 1;
    while (high - low > 16) {
        draw = draw * 6364136223846793005u + 1442695040888963407u;
        PAIR pivot = a[low + (int64_t)((draw >> 33) % (uint64_t)(high - low + 1))];
        int64_t i = low, j = high;
        while (i <= j) {
            while (a[i] < pivot)
                i++;
            while (pivot < a[j])
                j--;
            if (i <= j) {
                PAIR t = a[i];
                a[i++] = a[j];
                a[j--] = t;
            }
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            return;
    }
    NAME(insertion)(a + low, high - low + 1);
}

/* ---- many ------------------------------------------------------------------------------------------------------------- */

typedef struct NAME(pass) {
    const PAIR *from;
    PAIR *to;
    int64_t n, chunk;
    int shift, bits;
    int64_t *count; /* [chunk][digit]; then where each goes */
} NAME(pass);

static void NAME(count_chunk)(void *context, int64_t begin, int64_t end)
{
    const NAME(pass) *p = context;
    const PAIR mask = ((PAIR)1 << p->bits) - 1;
    for (int64_t c = begin; c < end; c++) {
        int64_t *count = p->count + (c << p->bits),
                last = (c + 1) * p->chunk < p->n ? (c + 1) * p->chunk : p->n;
        memset(count, 0, sizeof *count << p->bits);
        for (int64_t i = c * p->chunk; i < last; i++)
            count[(int64_t)(p->from[i] >> p->shift & mask)]++;
    }
}

static void NAME(move_chunk)(void *context, int64_t begin, int64_t end)
{
    const NAME(pass) *p = context;
    const PAIR mask = ((PAIR)1 << p->bits) - 1;
    for (int64_t c = begin; c < end; c++) {
        int64_t *count = p->count + (c << p->bits),
                last = (c + 1) * p->chunk < p->n ? (c + 1) * p->chunk : p->n;
        for (int64_t i = c * p->chunk; i < last; i++)
            p->to[count[(int64_t)(p->from[i] >> p->shift & mask)]++] = p->from[i];
    }
}

/* Returns which of the two holds the result.  differing: bits in which some pairs differ; those of the places may be
 * left out when a stands in their order. */
static PAIR *NAME(sort)(PAIR *a, PAIR *b, int64_t n, PAIR differing, int64_t *count)
{
    if (n <= INSERTION) {
        NAME(insertion)(a, n);
        return a;
    }
    int64_t chunks = chunks_of(n);
    NAME(pass)
    p = { .n = n, .chunk = (n + chunks - 1) / chunks, .bits = n < WIDE_DIGITS ? 8 : 11, .count = count };
    p.shift = (KEY)differing ? 0 : (int)PLACE_BITS;
    for (; p.shift < 2 * (int)PLACE_BITS; p.shift += p.bits) {
        if (!(differing >> p.shift & (((PAIR)1 << p.bits) - 1)))
            continue;
        p.from = a;
        p.to = b;
        parallel_for(chunks, 1, NAME(count_chunk), &p);
        int64_t at = 0;
        for (int64_t digit = 0; digit < (int64_t)1 << p.bits; digit++)
            for (int64_t c = 0; c < chunks; c++) {
                int64_t m = count[(c << p.bits) + digit];
                count[(c << p.bits) + digit] = at;
                at += m;
            }
        parallel_for(chunks, 1, NAME(move_chunk), &p);
        PAIR *t = a;
        a = b;
        b = t;
    }
    return a;
}

typedef struct NAME(run) {
    const NAME(elements) * e;
    const void *x;
    void *y;
    int64_t *index;
    int64_t n, chunk, k;
    KEY flip;
    PAIR *pairs;
    KEY ones[MOST_CHUNKS], zeros[MOST_CHUNKS]; /* bits that some key of a chunk has, lacks */
    int64_t found[MOST_CHUNKS];
} NAME(run);

static void NAME(pair_chunk)(void *context, int64_t begin, int64_t end)
{
    NAME(run) *r = context;
    KEY keys[BLOCK];
    for (int64_t c = begin; c < end; c++) {
        int64_t last = (c + 1) * r->chunk < r->n ? (c + 1) * r->chunk : r->n;
        KEY ones = 0, zeros = 0;
        for (int64_t i = c * r->chunk; i < last; i += BLOCK) {
            int64_t m = last - i < BLOCK ? last - i : BLOCK;
            r->e->keys(keys, r->x, i, m, r->flip);
            for (int64_t k = 0; k < m; k++) {
                ones |= keys[k];
                zeros |= (KEY)~keys[k];
                r->pairs[i + k] = PAIR_OF(keys[k], i + k);
            }
        }
        r->ones[c] = ones;
        r->zeros[c] = zeros;
    }
}

static void NAME(emit_chunk)(void *context, int64_t begin, int64_t end)
{
    const NAME(run) *r = context;
    for (int64_t c = begin; c < end; c++) {
        int64_t first = c * r->chunk, last = (c + 1) * r->chunk < r->n ? (c + 1) * r->chunk : r->n;
        for (int64_t i = first; i < last; i++)
            r->index[i] = PLACE_OF(r->pairs[i]);
        if (r->y && first < last)
            r->e->values(r->y, r->pairs, r->x, first, last - first, r->flip);
    }
}

static void NAME(emit)(NAME(run) * r, PAIR *pairs, int64_t n)
{
    int64_t chunks = chunks_of(n);
    r->pairs = pairs;
    r->n = n;
    r->chunk = (n + chunks - 1) / chunks;
    parallel_for(chunks, 1, NAME(emit_chunk), r);
}

static void NAME(order)(const NAME(elements) * e, void *y, int64_t *index, const void *x, int64_t n,
                        bool descending, void *scratch)
{
    NAME(run)
    r = { .e = e,
          .x = x,
          .y = y,
          .index = index,
          .n = n,
          .flip = descending ? (KEY) ~(KEY)0 : 0,
          .pairs = scratch };
    int64_t chunks = chunks_of(n);
    KEY ones = 0, zeros = 0;
    r.chunk = (n + chunks - 1) / chunks;
    parallel_for(chunks, 1, NAME(pair_chunk), &r);
    for (int64_t c = 0; c < chunks; c++) {
        ones |= r.ones[c];
        zeros |= r.zeros[c];
    }
    PAIR *sorted = NAME(sort)(r.pairs, r.pairs + n, n, (PAIR)(ones & zeros) << PLACE_BITS,
                              (int64_t *)(void *)(r.pairs + 2 * n));
    NAME(emit)(&r, sorted, n);
}

/* ---- the first k ------------------------------------------------------------------------------------------------------- */

/* The k smallest pairs of [first, last) into to, which has room for room > k + BLOCK; returns how many. */
static int64_t NAME(smallest)(const NAME(run) * r, int64_t first, int64_t last, PAIR *to, int64_t room)
{
    KEY keys[BLOCK];
    PAIR limit = ~(PAIR)0;
    int64_t n = 0;
    for (int64_t i = first; i < last; i += BLOCK) {
        int64_t m = last - i < BLOCK ? last - i : BLOCK;
        KEY top = KEY_OF(limit), some = 0;
        r->e->keys(keys, r->x, i, m, r->flip);
        for (int64_t k = 0; k < m; k++)
            some |= (KEY)(keys[k] <= top);
        for (int64_t k = 0; some && k < m; k++) { /* written always, kept if below: no branch to guess */
            PAIR p = PAIR_OF(keys[k], i + k);
            to[n] = p;
            n += p < limit;
        }
        if (n > 2 * r->k + 32 || n + BLOCK >= room) {
            NAME(nth)(to, n, r->k);
            limit = to[r->k - 1];
            n = r->k;
        }
    }
    if (n > r->k) {
        NAME(nth)(to, n, r->k);
        n = r->k;
    }
    return n;
}

static void NAME(smallest_chunk)(void *context, int64_t begin, int64_t end)
{
    NAME(run) *r = context;
    for (int64_t c = begin; c < end; c++) {
        int64_t room = select_room(r->k), last = (c + 1) * r->chunk < r->n ? (c + 1) * r->chunk : r->n;
        r->found[c] = NAME(smallest)(r, c * r->chunk, last, r->pairs + c * room, room);
    }
}

static void NAME(select)(const NAME(elements) * e, void *y, int64_t *index, const void *x, int64_t n,
                         int64_t k, bool descending, void *scratch)
{
    NAME(run)
    r = { .e = e,
          .x = x,
          .y = y,
          .index = index,
          .n = n,
          .k = k,
          .flip = descending ? (KEY) ~(KEY)0 : 0,
          .pairs = scratch };
    int64_t chunks = select_chunks(n, k), found = 0;
    r.chunk = (n + chunks - 1) / chunks;
    parallel_for(chunks, 1, NAME(smallest_chunk), &r);
    for (int64_t c = 0; c < chunks; c++) {
        memmove(r.pairs + found, r.pairs + c * select_room(k), (size_t)r.found[c] * sizeof(PAIR));
        found += r.found[c];
    }
    if (found > k)
        NAME(nth)(r.pairs, found, k);
    PAIR differing = 0; /* the places of what was selected are in no order */
    for (int64_t i = 1; i < k; i++)
        differing |= r.pairs[i] ^ r.pairs[0];
    PAIR *sorted = NAME(sort)(r.pairs, r.pairs + k, k, differing, (int64_t *)(void *)(r.pairs + 2 * k));
    NAME(emit)(&r, sorted, k);
}

/* ---- the k-th ------------------------------------------------------------------------------------------------------------ */

enum { NAME(TOP_BITS) = 11 };

static int64_t NAME(kth)(const NAME(elements) * e, const void *x, int64_t n, int64_t k, void *scratch)
{
    PAIR *pairs = scratch;
    KEY keys[BLOCK], low = 0, high = (KEY) ~(KEY)0; /* of the keys among which it is */
    if (n > 4 * BLOCK) {
        int64_t count[1 << NAME(TOP_BITS)] = { 0 };
        const int shift = (int)PLACE_BITS - NAME(TOP_BITS);
        for (int64_t i = 0; i < n; i += BLOCK) {
            int64_t m = n - i < BLOCK ? n - i : BLOCK;
            e->keys(keys, x, i, m, 0);
            for (int64_t j = 0; j < m; j++)
                count[keys[j] >> shift]++;
        }
        int64_t digit = 0;
        for (; count[digit] < k; digit++)
            k -= count[digit];
        low = (KEY)((KEY)digit << shift);
        high = (KEY)(low | (KEY)(((KEY)1 << shift) - 1));
    }
    int64_t found = 0;
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t m = n - i < BLOCK ? n - i : BLOCK;
        e->keys(keys, x, i, m, 0);
        for (int64_t j = 0; j < m; j++) {
            pairs[found] = PAIR_OF(keys[j], i + j);
            found += keys[j] >= low && keys[j] <= high;
        }
    }
    NAME(nth)(pairs, found, k);
    return PLACE_OF(pairs[k - 1]);
}

#undef PLACE_BITS
#undef PAIR_OF
#undef KEY_OF
#undef PLACE_OF
