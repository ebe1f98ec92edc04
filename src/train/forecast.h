/* forecast.h - quantiles of what comes next, in the units of the file.
 *
 * Layer: train.  Depends on data/series.h, config.h.  Read next: task_forecast.c. */
#ifndef TRAIN_FORECAST_H
#define TRAIN_FORECAST_H

#include "data/series.h"
#include "train/config.h"

enum { MAX_QUANTILES = 16 };

/* Those of the run's words "0.1,0.5,0.9", ascending; how many, or 0 with an error. */
int forecast_quantiles(const setup *, double quantiles[MAX_QUANTILES]);

/* Which of them is the forecast: the one nearest to a half. */
int forecast_middle(const double *quantiles, int n);

/* After row last of the series, into out (horizon, targets, quantiles), ascending in the last. */
tp_status forecast_after(const setup *, tp_module *, const series *, int64_t last, double *out);

#endif
