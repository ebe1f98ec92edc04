/* series.h - a table of values in time, from the inside.
 *
 * Layer: data.  Depends on base/date.h, io/file.h.  Read next: series.c, series_table.c. */
#ifndef DATA_SERIES_H
#define DATA_SERIES_H

#include "base/date.h"
#include "io/file.h"

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
    double *values; /* rows x columns, as in the file; 0 where it has none */
    uint32_t *before,
        *after;     /* of each, the nearest rows with a value (its own, where it has one): series_value */
    bool linear;    /* how what is missing is filled in */
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

/* Reads a file, or its text, which is taken.  NULL with an error.  The first two fill in the options' defaults, series_read has them. */
series *series_open(const char *path, const tp_series_options *);
series *series_from(const char *path, file_bytes *text, const tp_series_options *);
series *series_read(const char *path, file_bytes *text, const tp_series_options *);
void series_free(series *);

/* What data options say of a series. */
tp_series_options data_series_options(const tp_data_options *);

/* The series of a dataset of this kind, NULL of others. */
const series *series_of(const tp_dataset *);

/* A value as it is known when row last is the newest one: what is missing lies on the line between its neighbours if both are
 * there by then, else it is as the one before.  So a window does not know what comes after it. */
double series_value(const series *, int64_t row, int64_t column, int64_t last);
bool series_has(const series *, int64_t row, int64_t column); /* it stands in the file */

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
