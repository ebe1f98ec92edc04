/* attention.h - a body (plain.h): softmax over blocks of scores, the way back through it, and the turns of RoPE.
 *
 * In vectors of any width: who includes this has, besides what lanes.h wants, all_of(number), larger(a, b), decay_of(x) = e^x for
 * x <= 0, count(k): lanes k, k + 1, ..., chosen(x, low, high, yes, no): yes where low <= x < high, and of the lanes sum_of and top_of.
 * Formulas: kernels.h.
 * Layer: kernels.  Read next: ops/attention.c. */
#include "kernels/plain/lanes.h"

static inline vec distance(vec a, vec b)
{
    return larger(a - b, b - a);
}

static inline vec score_of(const weigh_args *a, int64_t r, int64_t k, int m)
{
    vec z = get((const REAL *)a->s + r * a->row + k, m) * (REAL)a->scale;
    if (a->bias)
        z += get((const REAL *)a->bias[r] + k, m);
    if (a->slope)
        z -= ((const REAL *)a->slope)[r] * distance(count((REAL)k), all_of(((const REAL *)a->at)[r]));
    return z;
}

/* Of lanes k, k + 1, .. those in [from, to); otherwise in the others. */
static inline vec only(vec v, int64_t k, int64_t from, int64_t to, REAL otherwise)
{
    return k >= from && k + WIDTH <= to
               ? v
               : chosen(count((REAL)k), all_of((REAL)from), all_of((REAL)to), v, all_of(otherwise));
}

/* The scores of [from, to) into the row; the largest of them. */
static REAL score_row(const weigh_args *a, int64_t r, int64_t from, int64_t to)
{
    REAL *row = (REAL *)a->s + r * a->row;
    vec top = all_of(LOWEST);
    int64_t k = from / WIDTH * WIDTH;
    for (; k < to; k += WIDTH) {
        const int m = lanes_left(a->n - k);
        const vec seen = only(score_of(a, r, k, m), k, from, to, LOWEST);
        top = larger(top, seen);
        put(row + k, m, seen);
    }
    return top_of(top);
}

static void weigh(const weigh_args *a)
{
    REAL *m = a->m, *sum = a->sum;
    for (int64_t r = 0; r < a->rows; r++) {
        const int64_t from = a->from[r], to = a->to[r] > from ? a->to[r] : from;
        REAL *row = (REAL *)a->s + r * a->row, *out = a->out[r];
        const REAL before = m[r], here = score_row(a, r, from, to), top = here > before ? here : before;
        const int64_t first = from / WIDTH * WIDTH;
        vec total = all_of(0);
        int64_t k = 0;
        for (; k < first; k += WIDTH)
            put(row + k, WIDTH, all_of(0));
        for (; k < to; k += WIDTH) { /* LOWEST - top is no number to take e^ of, and e^ of it is 0 */
            const int lanes = lanes_left(a->n - k);
            const vec e =
                top > LOWEST ? only(decay_of(get(row + k, lanes) - top), k, from, to, 0) : all_of(0);
            total += e;
            put(row + k, lanes, e);
        }
        for (; k < a->n; k += WIDTH)
            put(row + k, lanes_left(a->n - k), all_of(0));
        if (top > before && before > LOWEST) {
            const vec less = decay_of(all_of(before - top));
            for (int64_t c = 0; c < a->width; c += WIDTH)
                put(out + c, lanes_left(a->width - c), get(out + c, lanes_left(a->width - c)) * less);
            sum[r] *= top_of(less);
        }
        m[r] = top;
        sum[r] += sum_of(total);
    }
}

static void blame(const blame_args *a)
{
    const REAL *bias = a->bias, *keep = a->keep, *slope = a->slope, *at = a->at, *lse = a->lse,
               *delta = a->delta, *from = a->from, *to = a->to;
    for (int64_t r = 0; r < a->rows; r++) {
        REAL *s = (REAL *)a->s + r * a->row, *d = (REAL *)a->d + r * a->row;
        for (int64_t k = 0; k < a->n; k += WIDTH) {
            const int m = lanes_left(a->n - k);
            vec z = get(s + k, m) * (REAL)a->scale;
            if (bias)
                z += get(bias + r * a->row + k, m);
            if (slope)
                z -= get(slope + k, m) * distance(all_of((REAL)r), get(at + k, m));
            const vec p = chosen(all_of((REAL)r), get(from + k, m), get(to + k, m),
                                 decay_of(z - get(lse + k, m)), all_of(0)),
                      kept = keep ? get(keep + r * a->row + k, m) : all_of(1);
            put(s + k, m, p * kept);
            put(d + k, m, p * (kept * get(d + k, m) - get(delta + k, m)) * (REAL)a->scale);
        }
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
    t->attention[type] = (attention_kernels){ weigh, blame, dots, turn };
}
