/* series.c - windows of a series, each with what comes after it, as a dataset.
 *
 * Example i of a part is the window that ends with row first + i.  Windows of the training part end so early that all of their
 * targets are rows of the training part; those of the test part look ahead into the test part alone, and back into both.
 * Layer: data.  Depends on series.h.  Read next: series_table.c, train/task_forecast.c. */
#include "data/series.h"

#include "base/number.h"
#include "data/dataset.h"
#include "io/gzip.h"

#include <math.h>
#include <string.h>

/* ---- a window -------------------------------------------------------------------------------------------------------- */

int64_t series_target(const series *s, int64_t k)
{
    for (int64_t column = 0; column < s->n_columns; column++)
        if (s->columns[column].is_target && k-- == 0)
            return column;
    return 0;
}

bool series_has(const series *s, int64_t row, int64_t column)
{
    return s->before[row * s->n_columns + column] == row;
}

double series_value(const series *s, int64_t row, int64_t column, int64_t last)
{
    const int64_t cell = row * s->n_columns + column, before = s->before[cell], after = s->after[cell];
    const double value = s->values[before * s->n_columns + column];
    if (before >= row || !s->linear || after > last)
        return value;
    const double share = (double)(row - before) / (double)(after - before);
    return value + share * (s->values[after * s->n_columns + column] - value);
}

static float *put_angle(float *x, double turns)
{
    const double angle = 2 * 3.14159265358979323846 * turns;
    *x++ = (float)sin(angle);
    *x++ = (float)cos(angle);
    return x;
}

static float *put_calendar(const series *s, int64_t row, float *x)
{
    const date d = date_of_seconds(s->times[row]), begin = { .year = d.year, .month = 1, .day = 1 };
    const double day = (double)(s->times[row] - date_seconds(begin)) / 86400;
    x = put_angle(x, s->months ? (d.month - 1) / 12.0 : day / 365.25);
    if (s->calendar >= 4)
        x = put_angle(x, date_weekday(d) / 7.0);
    if (s->calendar >= 6)
        x = put_angle(x, (d.hour * 3600 + d.minute * 60 + d.second) / 86400.0);
    return x;
}

void series_window(const series *s, int64_t last, float *x)
{
    for (int64_t row = last - s->window + 1; row <= last; row++) {
        for (int64_t k = 0; k < s->n_columns; k++)
            *x++ = (float)((series_value(s, row, k, last) - s->columns[k].mean) / s->columns[k].std);
        for (int64_t k = 0; k < s->n_columns; k++)
            if (s->columns[k].is_target)
                *x++ = (float)((series_value(s, row, k, last) - series_value(s, last, k, last)) /
                               s->columns[k].std);
        if (s->calendar)
            x = put_calendar(s, row, x);
    }
}

double series_base(const series *s, int64_t last, int64_t h, int64_t k)
{
    const int64_t back = s->by_season ? s->season * ((h + s->season - 1) / s->season) : h;
    return series_value(s, last + h - back, series_target(s, k), last);
}

/* ---- dates ------------------------------------------------------------------------------------------------------------ */

void series_date(const series *s, int64_t row, char *text, size_t size)
{
    *text = 0;
    if (s->times)
        date_write(date_of_seconds(s->times[row]), s->unit, text, size);
}

void series_date_after(const series *s, int64_t h, char *text, size_t size)
{
    *text = 0;
    if (!s->times)
        return;
    date d = date_of_seconds(s->times[s->rows - 1]);
    if (s->months) {
        const int64_t month = d.year * 12 + d.month - 1 + h * s->months;
        d.year = month / 12;
        d.month = (int)(month % 12) + 1;
        const int days = date_days_in_month(d.year, d.month);
        d.day = s->month_ends || d.day > days ? days : d.day;
    } else {
        d = date_of_seconds(s->times[s->rows - 1] + h * s->seconds);
    }
    date_write(d, s->unit, text, size);
}

tp_status series_scaling(const series *s, char *text, size_t size)
{
    size_t used = 0;
    for (int64_t k = 0; k < s->n_columns; k++) {
        char mean[32], std[32];
        print_number_shortest(mean, s->columns[k].mean);
        print_number_shortest(std, s->columns[k].std);
        const int n =
            snprintf(text + used, size - used, "%s%s=%s/%s", k ? "," : "", s->columns[k].name, mean, std);
        if (n < 0 || (size_t)n >= size - used)
            return tp_fail(TP_ERR_UNSUPPORTED, "%s: names of columns that are too long", s->name);
        used += (size_t)n;
    }
    return TP_OK;
}

/* ---- the dataset ------------------------------------------------------------------------------------------------------- */

static tp_status series_get(void *context, int64_t i, float *x, double *y)
{
    const series *s = context;
    const int64_t last = s->first + i, end = last < s->train_rows - 1 ? s->train_rows - 1 : s->rows - 1;
    series_window(s, last, x);
    for (int64_t h = 1; h <= s->horizon; h++)
        for (int64_t k = 0; k < s->n_targets; k++) {
            const int64_t column = series_target(s, k);
            *y++ = (series_value(s, last + h, column, end) - series_base(s, last, h, k)) /
                   s->columns[column].std;
        }
    return TP_OK;
}

static char *series_example_name(void *context, int64_t i, char *text, size_t size)
{
    const series *s = context;
    snprintf(text, size, "%s:%lld", s->name, (long long)s->lines[s->first + i]);
    return text;
}

static void series_destroy(void *context)
{
    series_free(context);
}

const series *series_of(const tp_dataset *d)
{
    return d && d->functions.get == series_get ? d->context : NULL;
}

static tp_status choose_part(series *s, tp_part part)
{
    const int64_t look_back = s->by_season && s->season > s->window ? s->season : s->window,
                  end = (part == TP_TRAIN ? s->train_rows : s->rows) - s->horizon;
    s->first = part == TP_TEST && s->train_rows > look_back ? s->train_rows - 1 : look_back - 1;
    s->count = end > s->first ? end - s->first : 0;
    if (!s->count)
        return tp_fail(
            TP_ERR_FORMAT,
            "%s: %lld rows, of which the %s has %lld: too few for a window of %lld%s and %lld ahead", s->name,
            (long long)s->rows, part_name(part),
            (long long)(part == TP_TRAIN  ? s->train_rows
                        : part == TP_TEST ? s->rows - s->train_rows
                                          : s->rows),
            (long long)look_back, look_back > s->window ? " (a season)" : "", (long long)s->horizon);
    return TP_OK;
}

static tp_status check_word(const char *option, const char *value, const char *const *words)
{
    for (int i = 0; value && words[i]; i++)
        if (!strcmp(words[i], value))
            return TP_OK;
    return !value
               ? TP_OK
               : tp_fail(TP_ERR_ARGUMENT, "series: %s '%.40s', %s, %s%s%s is wanted", option, value, words[0],
                         words[2] ? words[1] : "or", words[2] ? " or " : " ", words[2] ? words[2] : words[1]);
}

static tp_status check_options(tp_series_options *o)
{
    static const char *const missing[] = { "linear", "last", "error", NULL }, *const level[] = { "last",
                                                                                                 "season",
                                                                                                 NULL };
    o->window = o->window ? o->window : 24;
    o->horizon = o->horizon ? o->horizon : 12;
    o->test_share = o->test_share != 0 ? o->test_share : 0.2;
    if (o->window < 1 || o->window > 1 << 20 || o->horizon < 1 || o->horizon > 1 << 20 || o->season < 0 ||
        o->season > 1 << 20 || !(o->test_share > 0 && o->test_share < 1))
        return tp_fail(TP_ERR_ARGUMENT,
                       "series: window %lld, horizon %lld, season %lld, test_share %g: 1 or more, and a "
                       "share in (0, 1) are wanted",
                       (long long)o->window, (long long)o->horizon, (long long)o->season, o->test_share);
    return check_word("missing", o->missing, missing) || check_word("level", o->level, level);
}

/* Options with their defaults filled in. */
static tp_status options_of(const tp_series_options *given, tp_series_options *o)
{
    *o = (tp_series_options){ 0 };
    if (given)
        memcpy(o, given, given->struct_size < sizeof *o ? given->struct_size : sizeof *o);
    return check_options(o);
}

series *series_from(const char *path, file_bytes *text, const tp_series_options *given)
{
    tp_series_options o;
    return tp_pending() || options_of(given, &o) ? NULL : series_read(path, text, &o);
}

series *series_open(const char *path, const tp_series_options *given)
{
    static const int64_t max_file = (int64_t)1 << 30;
    file_bytes text = { 0 };
    series *s = NULL;
    if (tp_pending())
        return NULL;
    if (!path || !*path)
        return tp_fail_null(TP_ERR_ARGUMENT, "series: the path is empty");
    if (!file_read(path, max_file, &text) && !gzip_unpack(path, max_file, &text))
        s = series_from(path, &text, given);
    file_bytes_free(&text);
    return s;
}

tp_dataset *tp_series_opt(const char *path, tp_part part, const tp_series_options *options)
{
    TP_SCOPE;
    series *s = series_open(path, options);
    if (!s)
        return NULL;
    if (choose_part(s, part)) {
        series_free(s);
        return NULL;
    }
    return tp_keep(dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                                       .kind = "series",
                                                       .get = series_get,
                                                       .destroy = series_destroy,
                                                       .example_name = series_example_name,
                                                       .targets = s->horizon * s->n_targets },
                              s, s->count, TP_SHAPE(s->window, s->features), 0));
}
