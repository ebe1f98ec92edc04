/* statistics.c - mean and standard deviation of a dataset's channels, and the axes of its colours.
 *
 * Layer: data.  Depends on dataset.h.  Read next: transform.c for normalize. */
#include "data/dataset.h"

#include "core/tensor.h"

#include <math.h>

tp_dataset *dataset_some(tp_dataset *d)
{
    enum { ENOUGH = 100000000, PIXELS = 224 * 224 }; /* of pictures of unknown size */
    int64_t numel = d && d->numel ? d->numel : PIXELS, limit = ENOUGH / numel;
    limit = limit < 100 ? 100 : limit;
    return limit < tp_dataset_count(d) ? tp_subset(tp_shuffled(d, 0), 0, limit) : d;
}

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

/* Adds the products of every two channels of every pixel, and the sums. */
static void add_products(const float *x, int channels, int64_t block, double *sums, double *products)
{
    for (int a = 0; a < channels; a++)
        for (int64_t i = 0; i < block; i++)
            sums[a] += (double)x[a * block + i];
    for (int a = 0; a < channels; a++)
        for (int b = 0; b <= a; b++) {
            double sum = 0;
            for (int64_t i = 0; i < block; i++)
                sum += (double)x[a * block + i] * (double)x[b * block + i];
            products[a * channels + b] += sum;
        }
}

typedef void add_fn(const float *x, int channels, int64_t block, double *sums, double *more);

/* Goes through the examples; *pixels is how many there were, of all of them that can be read. */
static tp_status add_all(const tp_dataset *d, int64_t limit, int channels, add_fn *add, double *sums,
                         double *more, double *pixels)
{
    int64_t count = limit > 0 && limit < d->count ? limit : d->count;
    tp_status status = TP_OK;
    tp_sample s = { 0 };
    *pixels = 0;
    for (int64_t i = 0; i < count && !status; i++) {
        status = dataset_load(d, i, &s);
        if (status || s.skipped)
            continue;
        int64_t numel = 1;
        for (int k = 0; k < s.shape.ndim; k++)
            numel *= s.shape.dim[k];
        add(s.x, channels, numel / channels, sums, more);
        *pixels += (double)(numel / channels);
    }
    tp_sample_free(&s);
    if (!status && *pixels == 0)
        status = tp_fail(TP_ERR_ARGUMENT, "dataset_statistics: the dataset has no examples");
    return status;
}

tp_status tp_dataset_statistics(const tp_dataset *d, int64_t limit, float *mean, float *std, int channels)
{
    if (tp_pending())
        return tp_error_pending();
    if (!d || !mean || !std || channels < 1 || (channels != 1 && channels != d->shape.dim[0]))
        return tp_fail(TP_ERR_ARGUMENT, "dataset_statistics: %d channels, 1 or the dataset's %lld are wanted",
                       channels, d ? (long long)d->shape.dim[0] : 0);
    size_t bytes = 2 * (size_t)channels * sizeof(double);
    double *sums = tp_calloc(bytes), n;
    if (!sums)
        return TP_ERR_MEMORY;
    tp_status status = add_all(d, limit, channels, add_example, sums, sums + channels, &n);
    for (int c = 0; c < channels && !status; c++) {
        double average = sums[c] / n;
        mean[c] = (float)average;
        std[c] = (float)sqrt(fmax(0, sums[channels + c] / n - average * average));
    }
    tp_free(sums, bytes);
    return status;
}

/* ---- principal components ---------------------------------------------------------------------------------------- */

enum { MAX_COLOURS = 4 };

/* Turns a symmetric matrix by angles that make it diagonal (Jacobi); v collects the turns, its columns are the axes. */
static void diagonalise(double a[MAX_COLOURS][MAX_COLOURS], double v[MAX_COLOURS][MAX_COLOURS], int n)
{
    for (int sweep = 0; sweep < 30; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                double angle = 0.5 * atan2(2 * a[p][q], a[q][q] - a[p][p]), c = cos(angle), s = sin(angle);
                for (int k = 0; k < n; k++) {
                    double x = a[k][p], y = a[k][q], u = v[k][p], w = v[k][q];
                    a[k][p] = c * x - s * y, a[k][q] = s * x + c * y;
                    v[k][p] = c * u - s * w, v[k][q] = s * u + c * w;
                }
                for (int k = 0; k < n; k++) {
                    double x = a[p][k], y = a[q][k];
                    a[p][k] = c * x - s * y, a[q][k] = s * x + c * y;
                }
            }
}

tp_status tp_dataset_pca(const tp_dataset *d, int64_t limit, float *values, float *vectors, int channels)
{
    if (tp_pending())
        return tp_error_pending();
    if (!d || !values || !vectors || d->shape.ndim != 3 || channels != d->shape.dim[0] ||
        channels > MAX_COLOURS)
        return tp_fail(TP_ERR_ARGUMENT,
                       "dataset_pca: %d channels of examples %s, pictures of 1 to %d are wanted", channels,
                       d ? shape_text(d->shape) : "NULL", MAX_COLOURS);
    double sums[MAX_COLOURS] = { 0 }, products[MAX_COLOURS * MAX_COLOURS] = { 0 }, n;
    double a[MAX_COLOURS][MAX_COLOURS], v[MAX_COLOURS][MAX_COLOURS] = { { 0 } };
    tp_status status = add_all(d, limit, channels, add_products, sums, products, &n);
    if (status)
        return status;
    for (int i = 0; i < channels; i++) {
        v[i][i] = 1;
        for (int k = 0; k <= i; k++)
            a[i][k] = a[k][i] = products[i * channels + k] / n - sums[i] / n * (sums[k] / n);
    }
    diagonalise(a, v, channels);
    for (int k = 0; k < channels; k++) { /* the largest that is left, its largest component positive */
        int best = 0, most = 0;
        for (int i = 1; i < channels; i++)
            best = a[i][i] > a[best][best] ? i : best;
        for (int c = 1; c < channels; c++)
            most = fabs(v[c][best]) > fabs(v[most][best]) ? c : most;
        values[k] = (float)fmax(0, a[best][best]);
        for (int c = 0; c < channels; c++)
            vectors[c * channels + k] = (float)(v[most][best] < 0 ? -v[c][best] : v[c][best]);
        a[best][best] = -1;
    }
    return TP_OK;
}
