/* sample.c - drawing the next unit of a text: temperature, the k likeliest, those that hold a share, those near the likeliest, noise.
 *
 * In the order of Hugging Face's: repetition, temperature, top-k, top-p, min-p, and then the draw.  Scores that are left out become
 * -infinity.  The likeliest come off a heap, so that of a large vocabulary only as many are sorted as are wanted.
 * Layer: train.  Depends on base/philox.h.  Read next: generate.c. */
#include "train/sample.h"

#include "base/philox.h"

#include <math.h>

static int64_t likeliest(const double *scores, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

/* ---- the likeliest first: a heap of indices; of equals the first one ---------------------------------------------------------- */

static bool is_before(const double *scores, int64_t a, int64_t b)
{
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
}

static void sift(int64_t *heap, int64_t n, int64_t at, const double *scores)
{
    for (;;) {
        int64_t best = at;
        for (int64_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
            if (is_before(scores, heap[child], heap[best]))
                best = child;
        if (best == at)
            return;
        const int64_t moved = heap[at];
        heap[at] = heap[best], heap[best] = moved;
        at = best;
    }
}

static void make_heap(int64_t *heap, int64_t n, const double *scores)
{
    for (int64_t i = 0; i < n; i++)
        heap[i] = i;
    for (int64_t i = n / 2 - 1; i >= 0; i--)
        sift(heap, n, i, scores);
}

/* The next one goes behind the heap, which is one smaller then. */
static int64_t pop(int64_t *heap, int64_t *n, const double *scores)
{
    const int64_t first = heap[0];
    heap[0] = heap[--*n];
    heap[*n] = first;
    sift(heap, *n, 0, scores);
    return first;
}

/* ---- what may be drawn ------------------------------------------------------------------------------------------------------------- */

/* In order behind the heap lie those that stay. */
static void keep_likeliest(const sampling *s, double *scores, int64_t *order, int64_t n)
{
    const bool some = s->top_k > 0 && s->top_k<n, held = s->top_p> 0 && s->top_p < 1;
    if (!some && !held)
        return;
    int64_t left = n;
    const int64_t most = some ? s->top_k : n;
    double total = 0, sum = 0;
    make_heap(order, n, scores);
    const double top = scores[order[0]];
    for (int64_t i = 0; i < n && !some; i++)
        total += exp(scores[i] - top);
    while (left > n - most && (some || sum < s->top_p * total))
        sum += exp(scores[pop(order, &left, scores)] - top);
    for (int64_t i = 0; i < left; i++)
        scores[order[i]] = -INFINITY;
    if (!some || !held)
        return;
    double kept = 0;
    for (int64_t i = n - 1; i >= left; i--) { /* of the k, likeliest first */
        const double share = exp(scores[order[i]] - top);
        if (kept >= s->top_p * sum)
            scores[order[i]] = -INFINITY;
        kept += share;
    }
}

static void keep_near(const sampling *s, double *scores, int64_t n)
{
    const double least = s->min_p > 0 ? scores[likeliest(scores, n)] + log(s->min_p) : -INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (scores[i] < least)
            scores[i] = -INFINITY;
}

static void penalise(const sampling *s, double *scores, int64_t n, const int64_t *before, int64_t n_before,
                     int64_t *seen)
{
    if (s->repetition_penalty == 1 || !(s->repetition_penalty > 0))
        return;
    for (int64_t i = 0; i < n; i++)
        seen[i] = 0;
    for (int64_t i = 0; i < n_before; i++) /* each once */
        seen[before[i]] = 1;
    for (int64_t i = 0; i < n; i++)
        if (seen[i])
            scores[i] = scores[i] > 0 ? scores[i] / s->repetition_penalty : scores[i] * s->repetition_penalty;
}

/* ---- the draw ------------------------------------------------------------------------------------------------------------------------ */

static double uniform_at(const sampling *s, uint64_t stream, uint64_t index)
{
    const philox_block random = philox(s->seed, stream, index);
    return uniform_f64(random.v[0], random.v[1]);
}

/* Noise of a text's stream lies behind its draws. */
static int64_t with_noise(const sampling *s, double *scores, int64_t n, uint64_t stream, uint64_t index)
{
    for (int64_t i = 0; i < n; i++)
        scores[i] -= s->gumbel * log(-log(uniform_at(s, stream, (index + 1) << 32 | (uint64_t)i) + 0x1p-60));
    return likeliest(scores, n);
}

static int64_t by_share(const sampling *s, double *scores, int64_t n, uint64_t stream, uint64_t index)
{
    const double top = scores[likeliest(scores, n)];
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += scores[i] = exp(scores[i] - top);
    double left = uniform_at(s, stream, index) * sum;
    int64_t last = 0;
    for (int64_t i = 0; i < n; i++) {
        if (scores[i] > 0 && left < scores[i])
            return i;
        left -= scores[i];
        last = scores[i] > 0 ? i : last;
    }
    return last; /* rounding */
}

int64_t sample(const sampling *s, double *scores, int64_t *order, int64_t n, const int64_t *before,
               int64_t n_before, uint64_t stream, uint64_t index)
{
    penalise(s, scores, n, before, n_before, order);
    if (s->temperature == 0)
        return likeliest(scores, n);
    for (int64_t i = 0; i < n && s->temperature != 1; i++)
        scores[i] /= s->temperature;
    keep_likeliest(s, scores, order, n);
    keep_near(s, scores, n);
    return s->gumbel > 0 ? with_noise(s, scores, n, stream, index) : by_share(s, scores, n, stream, index);
}

double log_share(const double *scores, int64_t n, int64_t which)
{
    const double top = scores[likeliest(scores, n)];
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp(scores[i] - top);
    return scores[which] - top - log(sum);
}
