/* series.h - a table of values in time, from the inside.
 *
 * Layer: data.  Depends on dataset.h, base/date.h.  Read next: series.c, series_table.c. */
#ifndef DATA_SERIES_H
#define DATA_SERIES_H

#include "base/date.h"

#include <taper/data.h>

enum { SERIES_COLUMNS = 256 };

typedef struct series_column {
    char name[64];
    double mean, std; /* of the training part, or as they were given */
    bool is_target;
} series_column;

typedef struct series {
    char *name; /* of the file */
    series_column *columns;
    int64_t n_columns, n_targets, rows, train_rows;
    double *values; /* rows x columns, as in the file, what is missing filled in */
    bool *filled;   /* which ones were */
    int64_t *times; /* seconds; NULL: without dates */
    int64_t *lines;
    date_unit unit;  /* of the dates as they are written */
    int64_t months;  /* from row to row, the middle one; 0: rows do not follow the calendar's months, but */
    int64_t seconds; /* so many seconds, the middle one */
    bool month_ends; /* each date is the last day of its month */
    int64_t window, horizon, season;
    bool by_season; /* targets are what they change since a season before, not since the last value */
    int64_t calendar, features; /* numbers of the calendar, and all, at each row of a window */
    int64_t first, count;       /* of a dataset: the last row of its first window, and how many there are */
} series;

/* Reads the file, whole.  NULL with an error.  series_open fills in the options' defaults, series_read has them filled in. */
series *series_open(const char *path, const tp_series_options *);
series *series_read(const char *path, const tp_series_options *);
void series_free(series *);

/* What data options say of a series. */
tp_series_options data_series_options(const tp_data_options *);

/* The series of a dataset of this kind, NULL of others. */
const series *series_of(const tp_dataset *);

/* The window that ends with row last: (window, features) floats. */
void series_window(const series *, int64_t last, float *x);

/* What target k is compared with, step h (from 1) after row last: what the network's 0 means. */
double series_base(const series *, int64_t last, int64_t h, int64_t k);
int64_t series_target(const series *, int64_t k); /* its column */

/* The date of h steps after the last row, "" without dates. */
void series_date_after(const series *, int64_t h, char *text, size_t size);
void series_date(const series *, int64_t row, char *text, size_t size);

/* "name=mean/std,..." of all columns, to be given as tp_series_options.scaling; into text. */
tp_status series_scaling(const series *, char *text, size_t size);

#endif
