/* forecast.c - what a run says of the rows after the end of a file.
 *
 * Layer: train.  Depends on forecast.h, run.h.  Read next: task_forecast.c. */
#include "train/forecast.h"

#include "train/run.h"

#include <string.h>

static tp_status tell_all(const series *v, const double *values, const double *quantiles, int n,
                          tp_forecast_fn *told, void *context)
{
    for (int64_t h = 1; h <= v->horizon; h++)
        for (int64_t k = 0; k < v->n_targets; k++, values += n) {
            char when[40];
            series_date_after(v, h, when, sizeof when);
            const tp_forecast f = { .step = h,
                                    .date = when,
                                    .target = v->columns[series_target(v, k)].name,
                                    .n = n,
                                    .quantiles = quantiles,
                                    .values = values };
            if (!told(context, &f))
                return TP_OK;
        }
    return TP_OK;
}

bool tp_run_forecasts(const tp_run *run)
{
    return run && run->setup->data_kind && !strcmp(run->setup->data_kind, "series");
}

tp_status tp_run_forecast(tp_run *run, const char *path, tp_forecast_fn *told, void *context)
{
    TP_SCOPE;
    double quantiles[MAX_QUANTILES];
    if (tp_pending())
        return tp_error_pending();
    if (!run || !told)
        return tp_fail(TP_ERR_ARGUMENT, "run_forecast: the run or the function is NULL");
    const setup *s = run->setup;
    if (!tp_run_forecasts(run))
        return tp_fail(TP_ERR_ARGUMENT,
                       "run_forecast: the run's model is %s; one of a series, such as forecaster, is wanted",
                       s->config.model);
    const tp_series_options o = data_series_options(&s->config.data_options);
    const int n = forecast_quantiles(s, quantiles);
    series *v = n ? series_open(path ? path : s->config.data, &o) : NULL;
    if (!v)
        return tp_error_pending();
    const int64_t back = v->by_season && v->season > v->window ? v->season : v->window;
    const size_t bytes = (size_t)(v->horizon * v->n_targets * n) * sizeof(double);
    double *values = tp_alloc(bytes);
    if (values && v->rows < back)
        tp_fail(TP_ERR_FORMAT, "%s: %lld rows, %lld are looked back on", v->name, (long long)v->rows,
                (long long)back);
    if (values && !tp_pending() && !forecast_after(s, run->net, v, v->rows - 1, values))
        tell_all(v, values, quantiles, n, told, context);
    tp_free(values, values ? bytes : 0);
    series_free(v);
    return tp_error_pending();
}
