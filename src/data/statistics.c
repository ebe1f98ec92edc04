/* statistics.c - mean and standard deviation of a dataset's channels.
 *
 * Layer: data.  Depends on dataset.h.  Read next: transform.c for normalize. */
#include "data/dataset.h"

#include <math.h>
#include <string.h>

/* Adds sums and sums of squares, by channel, of one example. */
static void add_example(const float *x, int channels, int64_t block, double *sums, double *squares)
{
    for (int c = 0; c < channels; c++, x += block) {
        double sum = 0, square = 0;
        for (int64_t i = 0; i < block; i++) {
            sum += (double)x[i];
            square += (double)x[i] * (double)x[i];
        }
        sums[c] += sum;
        squares[c] += square;
    }
}

tp_status tp_dataset_statistics(const tp_dataset *d, int64_t limit, float *mean, float *std, int channels)
{
    if (tp_pending())
        return tp_error_pending();
    if (!d || !mean || !std || channels < 1 || (channels != 1 && channels != d->shape.dim[0]))
        return tp_fail(TP_ERR_ARGUMENT, "dataset_statistics: %d channels, 1 or the dataset's %lld are wanted",
                       channels, d ? (long long)d->shape.dim[0] : 0);
    int64_t count = limit > 0 && limit < d->count ? limit : d->count, block = d->numel / channels;
    if (!count)
        return tp_fail(TP_ERR_ARGUMENT, "dataset_statistics: the dataset has no examples");
    size_t bytes = (size_t)d->numel * sizeof(float), sum_bytes = 2 * (size_t)channels * sizeof(double);
    float *x = tp_alloc(bytes);
    double *sums = x ? tp_calloc(sum_bytes) : NULL, y;
    tp_status status = sums ? TP_OK : TP_ERR_MEMORY;
    for (int64_t i = 0; i < count && !status; i++) {
        status = dataset_get(d, i, x, &y);
        if (!status)
            add_example(x, channels, block, sums, sums + channels);
    }
    for (int c = 0; c < channels && !status; c++) {
        double n = (double)count * (double)block, average = sums[c] / n;
        mean[c] = (float)average;
        std[c] = (float)sqrt(fmax(0, sums[channels + c] / n - average * average));
    }
    tp_free(sums, sum_bytes);
    tp_free(x, bytes);
    return status;
}
