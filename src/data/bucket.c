/* bucket.c - batches of examples of like length.
 *
 * Layer: data.  Depends on dataset.h, permutation.h.  Read next: loader.c. */
#include "data/bucket.h"

#include "data/dataset.h"
#include "data/permutation.h"

#include <stdlib.h>
#include <string.h>

enum { BATCHES_IN_PIECE = 64 };

typedef struct place {
    int64_t length, at, example; /* at: in the order before */
} place;

static int by_length(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->length != y->length)
        return x->length < y->length ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void sort_piece(const tp_dataset *d, place *places, int64_t n, int64_t *examples)
{
    for (int64_t i = 0; i < n; i++)
        places[i] = (place){ d->functions.length(d->context, examples[i]), i, examples[i] };
    qsort(places, (size_t)n, sizeof *places, by_length);
    for (int64_t i = 0; i < n; i++)
        examples[i] = places[i].example;
}

/* A last batch that is not full stays the last one. */
static void shuffle_batches(int64_t count, int64_t batch, uint64_t seed, int64_t *from, int64_t *to)
{
    const int64_t full = count / batch;
    const permutation order = permutation_of(full, seed);
    for (int64_t i = 0; i < full; i++)
        memcpy(to + i * batch, from + permutation_at(&order, i) * batch, (size_t)batch * sizeof *to);
    memcpy(to + full * batch, from + full * batch, (size_t)(count - full * batch) * sizeof *to);
}

tp_status bucket_order(const tp_dataset *d, int64_t batch_size, bool shuffle, uint64_t seed, int64_t *order)
{
    const int64_t count = d->count, piece = shuffle && batch_size < count / BATCHES_IN_PIECE
                                                ? batch_size * BATCHES_IN_PIECE
                                                : count;
    const size_t places_bytes = (size_t)(piece ? piece : 1) * sizeof(place),
                 sorted_bytes = (size_t)(count ? count : 1) * sizeof *order;
    place *places = tp_alloc(places_bytes);
    int64_t *sorted = places ? tp_alloc(sorted_bytes) : NULL;
    if (sorted) {
        const permutation random = permutation_of(count, seed);
        for (int64_t i = 0; i < count; i++)
            sorted[i] = shuffle ? permutation_at(&random, i) : i;
        for (int64_t at = 0; at < count; at += piece)
            sort_piece(d, places, count - at < piece ? count - at : piece, sorted + at);
        if (shuffle)
            shuffle_batches(count, batch_size, seed + 1, sorted, order);
        else
            memcpy(order, sorted, (size_t)count * sizeof *order);
    }
    tp_free(places, places ? places_bytes : 0);
    tp_free(sorted, sorted ? sorted_bytes : 0);
    return tp_error_pending();
}
