/* task_forecast.c - to forecast a series: quantiles, measured against what is easy to say.
 *
 *   loss of a value y and its quantile q, answered with f: max(q (y - f), (q - 1) (y - f))     the pinball loss (Koenker and Bassett 1978)
 *
 * What is measured is in the units of the file, the middle quantile being the forecast, over all windows of the test part and the values
 * that the file has there (not those that were filled in), beside three
 * baselines: the last value, the value a season before, and the mean of the last season (of the window, where there is none).
 * Layer: train.  Depends on task.h, forecast.h.  Read next: data/series.c, report_forecast.c. */
#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "train/forecast.h"
#include "train/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- quantiles --------------------------------------------------------------------------------------------------------- */

int forecast_quantiles(const setup *s, double quantiles[MAX_QUANTILES])
{
    const char *text = s->config.quantiles ? s->config.quantiles : "0.1,0.5,0.9";
    int n = 0;
    for (const char *p = text, *end; *p; p = *end ? end + 1 : end) {
        double q = 0;
        const bool fits = n < MAX_QUANTILES && parse_number(p, &q, &end) && (!*end || *end == ',') && q > 0 &&
                          q < 1 && (n == 0 || q > quantiles[n - 1]);
        if (!fits) {
            tp_fail(TP_ERR_ARGUMENT,
                    "train: quantiles '%.60s', up to %d numbers in (0, 1), ascending, such as 0.1,0.5,0.9 "
                    "are wanted",
                    text, MAX_QUANTILES);
            return 0;
        }
        quantiles[n++] = q;
    }
    return n ? n : (tp_fail(TP_ERR_ARGUMENT, "train: no quantiles"), 0);
}

int forecast_middle(const double *quantiles, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (fabs(quantiles[i] - 0.5) < fabs(quantiles[best] - 0.5))
            best = i;
    return best;
}

static double pinball(double quantile, double truth, double answer)
{
    const double d = truth - answer;
    return fmax(quantile * d, (quantile - 1) * d);
}

/* ---- learning ------------------------------------------------------------------------------------------------------------ */

static tp_status check(const setup *s, const tp_tensor *y, int64_t *outputs)
{
    double quantiles[MAX_QUANTILES];
    const int n = forecast_quantiles(s, quantiles);
    *outputs = tp_ndim(y) == 2 && tp_size(y, 0) == 1 ? tp_size(y, 1) : 0;
    if (!n)
        return tp_error_pending();
    return *outputs == n * s->targets
               ? TP_OK
               : tp_fail(TP_ERR_SHAPE,
                         "%s answers with %lld numbers a window, %lld steps and targets of %d quantiles are "
                         "wanted",
                         s->config.model, (long long)tp_numel(y), (long long)s->targets, n);
}

static tp_tensor *loss(const setup *s, tp_tensor *y, tp_tensor *truth, tp_tensor *class_weights)
{
    double quantiles[MAX_QUANTILES];
    const int n = forecast_quantiles(s, quantiles);
    (void)class_weights;
    if (!n)
        return NULL;
    tp_tensor *q = tp_to(tp_tensor_copied(quantiles, TP_F64, TP_SHAPE(n)), tp_dtype_of(y));
    tp_tensor *d =
        tp_sub(tp_reshape(truth, TP_SHAPE(-1, s->targets, 1)), tp_reshape(y, TP_SHAPE(-1, s->targets, n)));
    return tp_mean(tp_maximum(tp_mul(d, q), tp_mul(d, tp_sub(q, 1))), TP_ALL_DIMS, false);
}

static tp_status add(evaluation *e, const setup *s, tp_tensor *y, const tp_batch *b)
{
    double quantiles[MAX_QUANTILES];
    const int n = forecast_quantiles(s, quantiles);
    if (!n || tp_pending())
        return tp_error_pending();
    tp_tensor *answers = tp_contiguous(y),
              *values = tp_contiguous(tp_reshape(b->y, TP_SHAPE(b->n, s->targets)));
    if (!answers || !values)
        return tp_error_pending();
    const float *f = tp_data(answers), *truth = tp_data(values);
    for (int64_t i = 0; i < b->n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < s->targets * n; k++)
            sum += pinball(quantiles[k % n], (double)truth[i * s->targets + k / n],
                           (double)f[i * s->targets * n + k]);
        e->result.loss += sum / (double)(s->targets * n);
        e->result.examples++;
    }
    return TP_OK;
}

/* ---- in the units of the file ------------------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

tp_status forecast_after(const setup *s, tp_module *net, const series *v, int64_t last, double *out)
{
    TP_SCOPE;
    TP_NO_GRAD;
    double quantiles[MAX_QUANTILES];
    const int n = forecast_quantiles(s, quantiles);
    tp_tensor *x = n ? tp_empty(TP_SHAPE(1, v->window, v->features)) : NULL;
    if (!x)
        return tp_error_pending();
    series_window(v, last, tp_data(x));
    tp_tensor *y = tp_contiguous(tp_forward(net, x));
    if (!y || tp_numel(y) != v->horizon * v->n_targets * n)
        return tp_pending() ? tp_error_pending()
                            : tp_fail(TP_ERR_SHAPE, "forecast: the network answers with %lld numbers",
                                      (long long)tp_numel(y));
    const float *f = tp_data(y);
    for (int64_t h = 1; h <= v->horizon; h++)
        for (int64_t k = 0; k < v->n_targets; k++, out += n, f += n) {
            const double base = series_base(v, last, h, k), std = v->columns[series_target(v, k)].std;
            for (int i = 0; i < n; i++)
                out[i] = base + (double)f[i] * std;
            qsort(out, (size_t)n, sizeof *out, by_value); /* quantiles that crossed */
        }
    return TP_OK;
}

typedef struct sums {
    double error, square, pinball, last, season, mean;
    int64_t inside, n;
} sums;

static double mean_before(const series *v, int64_t last, int64_t column)
{
    int64_t n = v->season > 1 ? v->season : v->window;
    double sum = 0;
    n = n < last + 1 ? n : last + 1;
    for (int64_t row = last - n + 1; row <= last; row++)
        sum += series_value(v, row, column, last);
    return sum / (double)n;
}

/* The value a season, or as many as it takes, before; the first ones have none and take the last value. */
static double season_before(const series *v, int64_t last, int64_t h, int64_t column)
{
    const int64_t row = last + h - v->season * ((h + v->season - 1) / v->season);
    return series_value(v, row < 0 ? last : row, column, last);
}

static void add_window(sums *s, const series *v, int64_t last, const double *answers, const double *quantiles,
                       int n)
{
    const int middle = forecast_middle(quantiles, n);
    for (int64_t h = 1; h <= v->horizon; h++)
        for (int64_t k = 0; k < v->n_targets; k++, answers += n) {
            const int64_t column = series_target(v, k);
            if (!series_has(v, last + h, column))
                continue;
            const double truth = series_value(v, last + h, column, last + h), error = answers[middle] - truth;
            s->error += fabs(error);
            s->square += error * error;
            for (int i = 0; i < n; i++)
                s->pinball += pinball(quantiles[i], truth, answers[i]) / n;
            s->inside += truth >= answers[0] && truth <= answers[n - 1];
            s->last += fabs(series_value(v, last, column, last) - truth);
            s->season += fabs(season_before(v, last, h, column) - truth);
            s->mean += fabs(mean_before(v, last, column) - truth);
            s->n++;
        }
}

static void note_figures(evaluation *e, const series *v, const sums *s, const double *quantiles, int n)
{
    char name[48];
    const double count = (double)s->n;
    evaluation_figure(e, "MAE", s->error / count);
    evaluation_figure(e, "RMSE", sqrt(s->square / count));
    evaluation_figure(e, "pinball", s->pinball / count);
    if (n > 1) {
        snprintf(name, sizeof name, "inside the %g %% interval", 100 * (quantiles[n - 1] - quantiles[0]));
        evaluation_figure(e, name, (double)s->inside / count);
    }
    evaluation_figure(e, "MAE of the last value", s->last / count);
    if (v->season > 1) {
        snprintf(name, sizeof name, "MAE of a season before (%lld)", (long long)v->season);
        evaluation_figure(e, name, s->season / count);
    }
    evaluation_figure(e, "MAE of the moving mean", s->mean / count);
}

static tp_status measure(evaluation *e, const setup *s, tp_module *net, tp_dataset *d, tp_transform *unused)
{
    const series *v = series_of(d);
    double quantiles[MAX_QUANTILES];
    const int n = forecast_quantiles(s, quantiles);
    sums all = { .n = 0 };
    (void)unused;
    if (!v || !n)
        return tp_pending() ? tp_error_pending()
                            : tp_fail(TP_ERR_ARGUMENT, "forecast: the data are no series");
    const size_t bytes = (size_t)(v->horizon * v->n_targets * n) * sizeof(double);
    double *answers = tp_alloc(bytes);
    for (int64_t i = 0; i < v->count && answers; i++) {
        if (forecast_after(s, net, v, v->first + i, answers))
            break;
        add_window(&all, v, v->first + i, answers, quantiles, n);
    }
    tp_free(answers, answers ? bytes : 0);
    if (!tp_pending() && !all.n)
        return tp_fail(TP_ERR_FORMAT, "%s: the test part has no values of a target", v->name);
    if (!tp_pending())
        note_figures(e, v, &all, quantiles, n);
    return tp_error_pending();
}

extern const task task_forecast;
const task task_forecast = { .name = "forecast",
                             .check = check,
                             .loss = loss,
                             .add = add,
                             .measure = measure,
                             .best_of = "MAE",
                             .report = report_forecast,
                             .verb = "predict",
                             .words = "" };
