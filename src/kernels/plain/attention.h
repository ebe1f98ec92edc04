/* attention.h - a body (plain.h): softmax over blocks of scores, the way back through it, and the turns of RoPE.
 *
 * In vectors of any width: who includes this has, besides what lanes.h wants, all_of(number), larger(a, b), decay_of(x) = e^x for
 * x <= 0, count(k): lanes k, k + 1, ..., chosen(x, low, high, yes, no): yes where low <= x < high, and of the lanes sum_of and top_of.
 * Formulas: kernels.h.
 * Layer: kernels.  Read next: ops/attention.c. */
#include "kernels/plain/lanes.h"

/* The least number: beside it that of no score, LOWEST, is LOWEST, whose e^ is 0, and itself 0. */
#define LEAST ((REAL)(sizeof(REAL) == 4 ? -0x1.fffffep127 : -0x1.fffffffffffffp1023))

static inline vec distance(vec a, vec b)
{
    return larger(a - b, b - a);
}

/* Of lanes k, k + 1, .. those in [from, to); otherwise in the others. */
static inline vec only(vec v, int64_t k, int64_t from, int64_t to, REAL otherwise)
{
    return k >= from && k + WIDTH <= to
               ? v
               : chosen(count((REAL)k), all_of((REAL)from), all_of((REAL)to), v, all_of(otherwise));
}

static void share(const share_args *a)
{
    const REAL *bias = a->bias;
    REAL *s = a->s;
    vec top = all_of(LOWEST), total = all_of(0);
    for (int64_t k = 0; k < a->n; k += WIDTH) {
        const int m = lanes_left(a->n - k);
        vec z = get(s + k, m) * (REAL)a->scale;
        if (bias)
            z += get(bias + k, m);
        if (a->slope != 0)
            z -= (REAL)a->slope * distance(count((REAL)k), all_of((REAL)a->at));
        z = only(z, k, a->from, a->to, LOWEST);
        top = larger(top, z);
        put(s + k, m, z);
    }
    const REAL most = top_of(top), base = most > LEAST ? most : LEAST;
    for (int64_t k = 0; k < a->n; k += WIDTH) {
        const int m = lanes_left(a->n - k);
        const vec e = only(decay_of(get(s + k, m) - base), k, a->from, a->to, 0);
        total += e;
        put(s + k, m, e);
    }
    *(REAL *)a->m = most;
    *(REAL *)a->sum = sum_of(total);
}

/* Of the queries k, k + 1, .., a lane each: the keys that any of them sees, and that all of them see. */
typedef struct sight {
    int64_t from, to, all_from, all_to;
    vec low, high; /* what each sees */
    int lanes;
} sight;

static inline sight sight_of(const weigh_args *a, int64_t k)
{
    const int m = lanes_left(a->n - k);
    REAL low[WIDTH], high[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
        low[i] = (REAL)a->from[i < m ? k + i : k];
        high[i] = (REAL)a->to[i < m ? k + i : k];
    }
    return (sight){ .from = a->from[k],
                    .to = a->to[k + m - 1],
                    .all_from = a->from[k + m - 1],
                    .all_to = a->to[k],
                    .low = get(low, WIDTH),
                    .high = get(high, WIDTH),
                    .lanes = m };
}

static inline vec seen_of(const sight *w, int64_t r, vec v, REAL otherwise)
{
    return r >= w->all_from && r < w->all_to ? v
                                             : chosen(all_of((REAL)r), w->low, w->high, v, all_of(otherwise));
}

static inline vec score_of(const weigh_args *a, int64_t r, int64_t k, int m)
{
    vec z = get((const REAL *)a->s + r * a->row + k, m) * (REAL)a->scale;
    if (a->bias)
        z += get((const REAL *)a->bias + r * a->row + k, m);
    if (a->slope)
        z -= get((const REAL *)a->slope + k, m) * distance(all_of((REAL)r), get((const REAL *)a->at + k, m));
    return z;
}

/* Rows that none of them sees. */
static inline void blank(const weigh_args *a, void *x, int64_t k, const sight *w)
{
    for (int64_t r = 0; r < w->from; r++)
        put((REAL *)x + r * a->row + k, w->lanes, all_of(0));
    for (int64_t r = w->to; r < a->rows; r++)
        put((REAL *)x + r * a->row + k, w->lanes, all_of(0));
}

static void weigh(const weigh_args *a)
{
    const REAL *keep = a->keep;
    for (int64_t k = 0; k < a->n; k += WIDTH) {
        const sight w = sight_of(a, k);
        REAL *s = (REAL *)a->s + k, *m = (REAL *)a->m + k, *sum = (REAL *)a->sum + k;
        const vec before = get(m, w.lanes);
        vec top = before, total = all_of(0);
        blank(a, a->s, k, &w);
        for (int64_t r = w.from; r < w.to; r++) {
            const vec z = seen_of(&w, r, score_of(a, r, k, w.lanes), LOWEST);
            top = larger(z, top);
            put(s + r * a->row, w.lanes, z);
        }
        const vec base = larger(top, all_of(LEAST));
        for (int64_t r = w.from; r < w.to; r++) {
            const vec e = decay_of(get(s + r * a->row, w.lanes) - base);
            total += e;
            put(s + r * a->row, w.lanes, keep ? e * get(keep + r * a->row + k, w.lanes) : e);
        }
        const vec less = decay_of(before - base);
        put((REAL *)a->less + k, w.lanes, less);
        put(sum, w.lanes, get(sum, w.lanes) * less + total);
        put(m, w.lanes, top);
    }
}

static void blame(const weigh_args *a)
{
    const REAL *keep = a->keep;
    for (int64_t k = 0; k < a->n; k += WIDTH) {
        const sight w = sight_of(a, k);
        REAL *s = (REAL *)a->s + k, *d = (REAL *)a->d + k;
        const vec lse = get((const REAL *)a->lse + k, w.lanes),
                  delta = get((const REAL *)a->delta + k, w.lanes);
        blank(a, a->s, k, &w);
        blank(a, a->d, k, &w);
        for (int64_t r = w.from; r < w.to; r++) {
            const vec p = decay_of(score_of(a, r, k, w.lanes) - lse),
                      kept = keep ? get(keep + r * a->row + k, w.lanes) : all_of(1),
                      blamed = p * (kept * get(d + r * a->row, w.lanes) - delta) * (REAL)a->scale;
            put(s + r * a->row, w.lanes, seen_of(&w, r, p * kept, 0));
            put(d + r * a->row, w.lanes, seen_of(&w, r, blamed, 0));
        }
    }
}

static void scale_rows(void *const *rows, const void *factors, int64_t n, int64_t width)
{
    for (int64_t r = 0; r < n; r++) {
        REAL *row = rows[r], factor = ((const REAL *)factors)[r];
        for (int64_t k = 0; k < width; k += WIDTH)
            put(row + k, lanes_left(width - k), get(row + k, lanes_left(width - k)) * factor);
    }
}

static void dots(void *y, const void *const *a, const void *const *b, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++) {
        vec sum = all_of(0);
        for (int64_t k = 0; k < n; k += WIDTH)
            sum += get((const REAL *)a[r] + k, lanes_left(n - k)) *
                   get((const REAL *)b[r] + k, lanes_left(n - k));
        ((REAL *)y)[r] = sum_of(sum);
    }
}

static void turn(void *y_, const void *x_, const void *cosines, const void *sines, int64_t half,
                 bool adjacent, bool back)
{
    REAL *y = y_;
    const REAL *x = x_, *cosine = cosines, *sine = sines;
    if (adjacent) {
        for (int64_t i = 0; i < half; i++) {
            const REAL s = back ? -sine[i] : sine[i], u = x[2 * i], v = x[2 * i + 1];
            y[2 * i] = u * cosine[i] - v * s;
            y[2 * i + 1] = v * cosine[i] + u * s;
        }
        return;
    }
    for (int64_t k = 0; k < half; k += WIDTH) {
        const int m = lanes_left(half - k);
        const vec c = get(cosine + k, m), s = back ? -get(sine + k, m) : get(sine + k, m), u = get(x + k, m),
                  v = get(x + half + k, m);
        put(y + k, m, u * c - v * s);
        put(y + half + k, m, v * c + u * s);
    }
}

static void fill_attention(kernel_table *t, kernel_type type)
{
    t->attention[type] = (attention_kernels){ weigh, blame, share, scale_rows, dots, turn };
}
