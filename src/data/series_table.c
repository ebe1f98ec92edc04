/* series_table.c - from a CSV file to values in time: columns, dates, what is missing, scaling, season.
 *
 * Layer: data.  Depends on csv_table.h, base/date.h.  Read next: series.c. */
#include "base/number.h"
#include "base/utf8.h"
#include "data/csv_table.h"
#include "data/dataset.h"
#include "data/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t no_row = UINT32_MAX;

enum {
    SEASON_ROWS = 1 << 14,
    SEASON_MOST = 1 << 11
}; /* a season is looked for in so many rows; the longest one */

typedef struct reading {
    const char *path;
    csv_table table;
    int64_t first_row;             /* 1 after a header */
    int64_t date;                  /* column, -1: none */
    int64_t index[SERIES_COLUMNS]; /* in the table, of each column */
    const tp_series_options *o;
} reading;

static const char *cell(const reading *r, int64_t row, int64_t column)
{
    return csv_cell(&r->table, row + r->first_row, column);
}

static long long line_of(const reading *r, int64_t row)
{
    return r->table.lines[row + r->first_row];
}

static bool is_number(const char *text, double *value)
{
    const char *end;
    return parse_number(text, value, &end) && !*end && isfinite((float)*value);
}

/* ---- columns ------------------------------------------------------------------------------------------------------- */

/* A header is a first row with a cell that is neither number nor date nor missing. */
static bool has_header(const csv_table *t, int header)
{
    if (header)
        return header > 0;
    for (int64_t col = 0; col < t->columns; col++) {
        double value;
        date d;
        date_unit unit;
        const char *text = csv_cell(t, 0, col);
        if (!is_number(text, &value) && !date_read(text, &d, &unit) && !csv_is_missing(text))
            return true;
    }
    return false;
}

/* As UTF-8, whatever the file has, and as much as there is room for: a run's config.json keeps it. */
static void name_of(const reading *r, int64_t column, char *text, size_t size)
{
    const char *p = r->first_row ? csv_cell(&r->table, 0, column) : "", *end = p + strlen(p);
    char one[UTF8_MOST + 1];
    size_t used = 0;
    for (uint32_t code; p < end;) {
        const size_t n = utf8_read((const unsigned char *)p, (size_t)(end - p), &code);
        const size_t written = utf8_write(one, n ? code : UTF8_REPLACEMENT);
        if (used + written >= size)
            break;
        memcpy(text + used, one, written);
        used += written;
        p += n ? n : 1;
    }
    text[used] = 0;
    if (!used)
        snprintf(text, size, "%lld", (long long)column);
}

/* The column that a word names, or numbers from 0; -1: none. */
static int64_t column_named(const reading *r, const char *word, size_t length)
{
    for (int64_t col = 0; col < r->table.columns && r->first_row; col++) {
        const char *name = csv_cell(&r->table, 0, col);
        if (strlen(name) == length && !memcmp(name, word, length))
            return col;
    }
    char number[24];
    double value;
    snprintf(number, sizeof number, "%.*s", (int)(length < 23 ? length : 23), word);
    return is_number(number, &value) && value >= 0 && value < (double)r->table.columns &&
                   value == floor(value)
               ? (int64_t)value
               : -1;
}

/* The next word of "a,b": all that is left where a column is called so, else up to a comma; its length, 0 at the end. */
static size_t next_word(const reading *r, const char **list)
{
    *list += strspn(*list, ", ");
    const size_t all = strlen(*list);
    return column_named(r, *list, all) >= 0 ? all : strcspn(*list, ",");
}

static tp_status no_column(const reading *r, const char *word, size_t length)
{
    return tp_fail(TP_ERR_ARGUMENT, "%s: no column '%.*s'", r->path, (int)(length < 60 ? length : 60), word);
}

/* The column of dates: the one that is named, or the first, where it looks so.  Four digits can be any number: they are years where
 * the second follows on the first. */
static tp_status find_date(reading *r)
{
    date d, next;
    date_unit unit;
    r->date = -1;
    if (r->o->date) {
        r->date = column_named(r, r->o->date, strlen(r->o->date));
        return r->date < 0 ? no_column(r, r->o->date, strlen(r->o->date)) : TP_OK;
    }
    if (r->table.columns > 1 && date_read(cell(r, 0, 0), &d, &unit) &&
        (unit > DATE_YEAR || (date_read(cell(r, 1, 0), &next, &unit) && next.year == d.year + 1)))
        r->date = 0;
    return TP_OK;
}

static tp_status add_column(reading *r, series *s, int64_t column)
{
    if (s->n_columns == SERIES_COLUMNS)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: more than %d columns", r->path, SERIES_COLUMNS);
    r->index[s->n_columns] = column;
    name_of(r, column, s->columns[s->n_columns].name, sizeof s->columns->name);
    s->n_columns++;
    return TP_OK;
}

static tp_status find_columns(reading *r, series *s)
{
    const char *list = r->o->columns;
    for (size_t n; list && (n = next_word(r, &list)); list += n) {
        const int64_t column = column_named(r, list, n);
        if (column < 0)
            return no_column(r, list, n);
        if (add_column(r, s, column))
            return tp_error_pending();
    }
    for (int64_t col = 0; col < r->table.columns && !r->o->columns; col++)
        if (col != r->date && add_column(r, s, col))
            return tp_error_pending();
    if (!s->n_columns)
        return tp_fail(TP_ERR_FORMAT, "%s: no column of values", r->path);
    const char *targets = r->o->target;
    for (size_t n; targets && (n = next_word(r, &targets)); targets += n) {
        const int64_t column = column_named(r, targets, n);
        int64_t k = 0;
        while (k < s->n_columns && r->index[k] != column)
            k++;
        if (column < 0 || k == s->n_columns)
            return no_column(r, targets, n);
        s->n_targets += !s->columns[k].is_target;
        s->columns[k].is_target = true;
    }
    if (!s->n_targets)
        s->columns[s->n_columns - 1].is_target = true, s->n_targets = 1;
    return TP_OK;
}

/* ---- cells --------------------------------------------------------------------------------------------------------- */

/* Notes the nearest rows with a value on both sides of every row of a column; before the first one, that one is on both. */
static tp_status find_neighbours(const reading *r, series *s, int64_t column)
{
    const int64_t n = s->n_columns;
    uint32_t *before = s->before + column, *after = s->after + column;
    int64_t first = 0;
    while (first < s->train_rows && before[first * n] == no_row)
        first++;
    if (first == s->train_rows)
        return tp_fail(TP_ERR_FORMAT, "%s: column '%s' has no values in the training part", r->path,
                       s->columns[column].name);
    for (int64_t row = 0; row < s->rows; row++)
        if (before[row * n] == no_row)
            before[row * n] = row < first ? (uint32_t)first : before[(row - 1) * n];
    for (int64_t row = s->rows; row-- > 0;)
        after[row * n] = before[row * n] == row ? (uint32_t)row
                         : row + 1 < s->rows    ? after[(row + 1) * n]
                                                : no_row;
    return TP_OK;
}

static tp_status read_values(const reading *r, series *s)
{
    const bool strict = r->o->missing && !strcmp(r->o->missing, "error");
    s->linear = !r->o->missing || strcmp(r->o->missing, "last") != 0;
    const size_t cells = (size_t)(s->rows * s->n_columns);
    s->values = tp_alloc(cells * sizeof *s->values);
    s->before = tp_alloc(cells * sizeof *s->before);
    s->after = tp_alloc(cells * sizeof *s->after);
    for (int64_t row = 0; row < s->rows && !tp_pending(); row++)
        for (int64_t k = 0; k < s->n_columns; k++) {
            const char *text = cell(r, row, r->index[k]);
            double value = 0;
            const bool missing = csv_is_missing(text);
            if (missing ? strict : !is_number(text, &value))
                return tp_fail(TP_ERR_FORMAT, "%s: line %lld: '%.40s' in column '%s' %s", r->path,
                               line_of(r, row), text, s->columns[k].name,
                               missing ? "is missing" : "is no number");
            s->values[row * s->n_columns + k] = value;
            s->before[row * s->n_columns + k] = missing ? no_row : (uint32_t)row;
        }
    for (int64_t k = 0; k < s->n_columns && !tp_pending(); k++)
        find_neighbours(r, s, k);
    return tp_error_pending();
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Months where all dates are the same day of their months, or the last one; in any case the middle of all steps. */
static tp_status find_step(series *s)
{
    const int64_t n = s->rows - 1;
    const size_t bytes = (size_t)n * sizeof(int64_t);
    int64_t *steps = tp_alloc(bytes);
    if (!steps)
        return tp_error_pending();
    bool same = s->unit < DATE_DAY || (s->unit == DATE_DAY && n > 1);
    s->month_ends = s->unit == DATE_DAY && n > 1;
    const date first = date_of_seconds(s->times[0]);
    for (int64_t row = 0; row <= n; row++) {
        const date d = date_of_seconds(s->times[row]);
        same = same && d.day == first.day;
        s->month_ends = s->month_ends && d.day == date_days_in_month(d.year, d.month);
        if (row)
            steps[row - 1] = s->times[row] - s->times[row - 1];
    }
    qsort(steps, (size_t)n, sizeof *steps, by_size);
    s->seconds = steps[n / 2];
    tp_free(steps, bytes);
    if (same || s->month_ends) /* no month is so long or short that rounding misses it, nor are many */
        s->months = (int64_t)llround((double)s->seconds / (86400 * 365.2425 / 12));
    return TP_OK;
}

static tp_status read_dates(const reading *r, series *s)
{
    if (r->date < 0)
        return TP_OK;
    s->times = tp_alloc((size_t)s->rows * sizeof *s->times);
    for (int64_t row = 0; row < s->rows && s->times; row++) {
        date d;
        date_unit unit;
        const char *text = cell(r, row, r->date);
        if (!date_read(text, &d, &unit))
            return tp_fail(TP_ERR_FORMAT,
                           "%s: line %lld: '%.40s' is no date such as 2016-07-01 or 2016-07-01 13:00",
                           r->path, line_of(r, row), text);
        s->unit = unit > s->unit ? unit : s->unit;
        s->times[row] = date_seconds(d);
        if (row && s->times[row] <= s->times[row - 1])
            return tp_fail(TP_ERR_FORMAT, "%s: line %lld: %s does not come after %s, the date before it",
                           r->path, line_of(r, row), text, cell(r, row - 1, r->date));
    }
    return s->times ? find_step(s) : tp_error_pending();
}

/* ---- what follows from the values ------------------------------------------------------------------------------------ */

/* A value as it is known at the end of the training part. */
static double in_training(const series *s, int64_t row, int64_t column)
{
    return series_value(s, row, column, s->train_rows - 1);
}

static void measure_columns(series *s)
{
    for (int64_t k = 0; k < s->n_columns; k++) {
        double sum = 0, squares = 0;
        for (int64_t row = 0; row < s->train_rows; row++)
            sum += in_training(s, row, k);
        const double mean = sum / (double)s->train_rows;
        for (int64_t row = 0; row < s->train_rows; row++)
            squares += pow(in_training(s, row, k) - mean, 2);
        const double std = sqrt(squares / (double)s->train_rows);
        s->columns[k].mean = mean;
        s->columns[k].std = std > 1e-9 * (fabs(mean) + 1e-300) ? std : 1; /* a constant column */
    }
}

/* "name=MEAN/STD,..." of every column. */
static tp_status take_scaling(const reading *r, series *s)
{
    const char *p = r->o->scaling;
    bool fits = true;
    for (int64_t k = 0; k < s->n_columns && fits; k++) { /* any character may be part of a name */
        series_column *c = &s->columns[k];
        const size_t name = strlen(c->name);
        p += k && *p == ',';
        fits = !strncmp(p, c->name, name) && p[name] == '=' && parse_number(p + name + 1, &c->mean, &p) &&
               *p == '/' && parse_number(p + 1, &c->std, &p) && c->std > 0 &&
               *p == (k + 1 < s->n_columns ? ',' : 0);
    }
    return fits ? TP_OK
                : tp_fail(TP_ERR_FORMAT, "%s: the columns are not those of the scaling '%.80s'", r->path,
                          r->o->scaling);
}

/* How alike the first target's changes from row to row are a season apart, in the training part: a correlation. */
static double repeats(const series *s, int64_t season)
{
    const int64_t column = series_target(s, 0);
    double products = 0, squares = 0;
    if (s->train_rows < 2 * season + 2)
        return 0;
    for (int64_t row = 1; row < s->train_rows; row++) {
        const double change = in_training(s, row, column) - in_training(s, row - 1, column);
        squares += change * change;
        if (row > season)
            products +=
                change * (in_training(s, row - season, column) - in_training(s, row - season - 1, column));
    }
    return squares > 0 ? products / squares : 0;
}

/* A year of months; a day of hours, a week of days, or what is above it: what repeats better.  1: the dates say nothing. */
static int64_t season_of_dates(const series *s)
{
    int64_t near = 1, far = 1;
    if (!s->times)
        return 1;
    if (s->months)
        return s->months < 12 ? 12 / s->months : 1;
    if (s->seconds == 86400)
        near = 7, far = 365;
    else if (s->seconds < 86400)
        near = 86400 / s->seconds, far = 7 * near;
    return far > 1 && repeats(s, far) > repeats(s, near) ? far : near;
}

/* The first target in the training part, its last rows if there are many, less their line (least squares); how many. */
static int64_t take_line_off(const series *s, double v[SEASON_ROWS])
{
    const int64_t n = s->train_rows < SEASON_ROWS ? s->train_rows : SEASON_ROWS, column = series_target(s, 0);
    const double middle = (double)(n - 1) / 2;
    double mean = 0, slope = 0, squares = 0;
    for (int64_t t = 0; t < n; t++) {
        v[t] = in_training(s, s->train_rows - n + t, column);
        mean += v[t] / (double)n;
        slope += ((double)t - middle) * v[t];
        squares += ((double)t - middle) * ((double)t - middle);
    }
    for (int64_t t = 0; t < n; t++) {
        const double line = mean + ((double)t - middle) * (squares > 0 ? slope / squares : 0);
        v[t] =
            fabs(v[t] - line) > 1e-9 * fabs(line) ? v[t] - line : 0; /* what is left of a line is rounding */
    }
    return n;
}

/* The lag of the highest autocorrelation behind the first one below 0, where that is more than chance; else 1. */
static int64_t season_of_values(const series *s)
{
    double *v = tp_alloc(SEASON_ROWS * sizeof *v), best = 0, all = 0;
    int64_t season = 1;
    bool below = false;
    const int64_t n = v ? take_line_off(s, v) : 0, most = n / 3 < SEASON_MOST ? n / 3 : SEASON_MOST;
    for (int64_t t = 0; t < n; t++)
        all += v[t] * v[t];
    for (int64_t lag = 1; lag <= most; lag++) {
        double sum = 0;
        for (int64_t t = lag; t < n; t++)
            sum += v[t] * v[t - lag];
        below = below || sum < 0;
        if (below && sum > best && sum > all * fmax(0.3, 4 / sqrt((double)n)))
            best = sum, season = lag;
    }
    tp_free(v, v ? SEASON_ROWS * sizeof *v : 0);
    return season < most ? season : 1;
}

static void find_season(series *s, const tp_series_options *o)
{
    s->season = o->season ? o->season : season_of_dates(s);
    if (s->season == 1 && !o->season)
        s->season = season_of_values(s);
    s->by_season = o->level ? !strcmp(o->level, "season") : s->season > 1 && repeats(s, s->season) > 0.5;
}

static void count_features(series *s, const tp_series_options *o)
{
    if (s->times && !o->no_calendar)
        s->calendar = s->months >= 12 ? 0 : s->months ? 2 : s->seconds >= 86400 ? 4 : 6;
    s->features = s->n_columns + s->n_targets + s->calendar;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------- */

static tp_status take_lines(const reading *r, series *s)
{
    s->lines = tp_alloc((size_t)s->rows * sizeof *s->lines);
    for (int64_t row = 0; row < s->rows && s->lines; row++)
        s->lines[row] = line_of(r, row);
    return tp_error_pending();
}

static tp_status read_table(reading *r, series *s)
{
    r->first_row = has_header(&r->table, r->o->header);
    s->rows = r->table.rows - r->first_row;
    if (s->rows < 2)
        return tp_fail(TP_ERR_FORMAT, "%s: %lld rows of values, 2 or more are wanted", r->path,
                       (long long)s->rows);
    s->train_rows = s->rows - (int64_t)((double)s->rows * r->o->test_share);
    s->columns = tp_calloc(SERIES_COLUMNS * sizeof *s->columns);
    if (!s->columns || find_date(r) || find_columns(r, s) || read_values(r, s) || read_dates(r, s) ||
        take_lines(r, s))
        return tp_error_pending();
    measure_columns(s);
    if (r->o->scaling && take_scaling(r, s))
        return tp_error_pending();
    find_season(s, r->o);
    count_features(s, r->o);
    return tp_error_pending();
}

series *series_read(const char *path, file_bytes *text, const tp_series_options *o)
{
    reading r = { .path = path, .o = o };
    series *s = tp_pending() ? NULL : tp_calloc(sizeof *s);
    const char *slash = strrchr(path, '/');
    if (!s)
        return NULL;
    s->window = o->window, s->horizon = o->horizon;
    s->name = tp_memdup(slash ? slash + 1 : path, strlen(slash ? slash + 1 : path) + 1);
    if (s->name && !csv_split(path, text, o->delimiter, &r.table)) {
        if (r.table.first_columns != r.table.columns)
            tp_fail(TP_ERR_FORMAT, "%s: line %u: %lld cells, the others have %lld", path, r.table.lines[0],
                    (long long)r.table.first_columns, (long long)r.table.columns);
        else
            read_table(&r, s);
    }
    csv_free(&r.table);
    if (tp_pending()) {
        series_free(s);
        return NULL;
    }
    return s;
}

void series_free(series *s)
{
    const size_t rows = (size_t)s->rows;
    tp_free(s->name, s->name ? strlen(s->name) + 1 : 0);
    tp_free(s->values, s->values ? rows * (size_t)s->n_columns * sizeof *s->values : 0);
    tp_free(s->before, s->before ? rows * (size_t)s->n_columns * sizeof *s->before : 0);
    tp_free(s->after, s->after ? rows * (size_t)s->n_columns * sizeof *s->after : 0);
    tp_free(s->times, s->times ? rows * sizeof *s->times : 0);
    tp_free(s->lines, s->lines ? rows * sizeof *s->lines : 0);
    tp_free(s->columns, s->columns ? SERIES_COLUMNS * sizeof *s->columns : 0);
    tp_free(s, sizeof *s);
}
