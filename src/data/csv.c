/* csv.c - tables as datasets.
 *
 * One column is the target, the others are features: a column of numbers is one feature, a column of texts one feature
 * a distinct value (1 where the row has it).  A missing cell is an error: what it should be, only a person knows.
 * Everything is turned into numbers once, when the file is opened.  A feature has its column's name, or number from 0 where there is no
 * header, and of a text "name=value"; with such names known from another table, columns are taken by them, in any order.
 * Layer: data.  Depends on csv_table.h, number.h.  Read next: csv_table.c, dataset.c. */
#include "data/csv.h"

#include "data/csv_table.h"
#include "data/dataset.h"
#include "data/folder.h"
#include "base/number.h"
#include "io/gzip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXTS = 1000 }; /* distinct ones of a column: more is a column of names or of broken numbers */
static const int64_t max_file = (int64_t)1 << 30;

typedef struct csv {
    char *name;                        /* of the file, without its folder */
    csv_table table;                   /* class names lie in it */
    float *x;                          /* (rows, features) */
    double *y;                         /* (rows) */
    int64_t rows, first_row;           /* first_row: 1 after a header */
    int64_t target, features, classes; /* target: -1: none */
    int64_t left_out;                  /* a column that is counted and not there; -1: none */
    const char **class_names;
    name_list names;       /* of the features */
    char target_name[256]; /* "": there is no target */
    bool regression, has_header;
} csv;

typedef struct column {
    int64_t index, first; /* first: of its features */
    bool is_read, is_number;
    int64_t bad_row;    /* of the first cell that is no number */
    const char **texts; /* distinct, sorted; of a text column */
    int64_t n_texts, room;
} column;

static const char *cell(const csv *c, int64_t row, int64_t col)
{
    return csv_cell(&c->table, row + c->first_row, col);
}

static long long line_of(const csv *c, int64_t row)
{
    return c->table.lines[row + c->first_row];
}

static bool is_number(const char *text, double *value)
{
    const char *end;
    return parse_number(text, value, &end) && !*end;
}

/* ---- header and target ------------------------------------------------------------------------------------------- */

/* A header is a first row without numbers above a column with numbers, or above texts that never repeat its own. */
static bool looks_like_header(const csv_table *t)
{
    double value;
    bool repeats = false;
    if (t->rows < 2)
        return false;
    for (int64_t col = 0; col < t->columns; col++)
        if (!*csv_cell(t, 0, col) || is_number(csv_cell(t, 0, col), &value))
            return false;
    for (int64_t col = 0; col < t->columns; col++) {
        if (is_number(csv_cell(t, 1, col), &value))
            return true;
        for (int64_t row = 1; row < t->rows && !repeats; row++)
            repeats = !strcmp(csv_cell(t, 0, col), csv_cell(t, row, col));
    }
    return !repeats;
}

/* -1: the text is no number of a column. */
static int64_t column_number(const char *text)
{
    double number;
    return text && is_number(text, &number) && number >= 0 && number < 1e9 && number == floor(number)
               ? (int64_t)number
               : -1;
}

static tp_status find_target(const char *path, csv *c, const tp_csv_options *o)
{
    const csv_table *t = &c->table;
    c->target =
        o->no_target || o->known.n_columns ? -1 : t->columns - 1; /* with known features: what they leave */
    if (!o->target || o->no_target)
        return TP_OK;
    for (int64_t col = 0; col < t->columns && c->has_header; col++)
        if (!strcmp(csv_cell(t, 0, col), o->target)) {
            c->target = col;
            return TP_OK;
        }
    c->target = column_number(o->target);
    if (c->target < 0 || c->target >= t->columns)
        return tp_fail(TP_ERR_ARGUMENT, "%s: no column '%s'; %sa number from 0 to %lld is wanted%s", path,
                       o->target, c->has_header ? "a name in the first row or " : "",
                       (long long)t->columns - 1, c->has_header ? "" : " (there is no header)");
    return TP_OK;
}

static tp_status check_cells(const char *path, const csv *c, const column *columns)
{
    for (int64_t row = 0; row < c->rows; row++)
        for (int64_t col = 0; col < c->table.columns; col++) {
            const char *text = cell(c, row, col);
            if (columns[col].is_read && csv_is_missing(text))
                return tp_fail(TP_ERR_FORMAT, "%s: line %lld: the cell in column %lld is missing%s%s%s", path,
                               line_of(c, row), (long long)col, *text ? " ('" : "", text, *text ? "')" : "");
        }
    return TP_OK;
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_value(const void *a, const void *b)
{
    double x, y;
    is_number(*(const char *const *)a, &x);
    is_number(*(const char *const *)b, &y);
    return x < y ? -1 : x > y;
}

static void look_at(const csv *c, column *out)
{
    double value;
    out->is_number = true;
    for (int64_t row = 0; row < c->rows && out->is_number; row++)
        if (!is_number(cell(c, row, out->index), &value)) {
            out->is_number = false;
            out->bad_row = row;
        }
}

/* The distinct cells, sorted: numbers by value ("9" before "10", "1" and "1.0" are one), texts by their bytes. */
static tp_status find_texts(const csv *c, column *col)
{
    int (*order)(const void *, const void *) = col->is_number ? by_value : by_text;
    col->room = c->rows;
    col->texts = tp_alloc((size_t)c->rows * sizeof *col->texts);
    if (!col->texts)
        return TP_ERR_MEMORY;
    for (int64_t row = 0; row < c->rows; row++)
        col->texts[row] = cell(c, row, col->index);
    qsort(col->texts, (size_t)c->rows, sizeof *col->texts, order);
    for (int64_t i = 0; i < c->rows; i++)
        if (i == 0 || order(&col->texts[i], &col->texts[col->n_texts - 1]) != 0)
            col->texts[col->n_texts++] = col->texts[i];
    return TP_OK;
}

/* -1: the text is none of them. */
static int64_t place_of(const column *col, const char *text)
{
    const char **found = bsearch(&text, col->texts, (size_t)col->n_texts, sizeof *col->texts,
                                 col->is_number ? by_value : by_text);
    return found ? found - col->texts : -1;
}

static void free_columns(column *columns, int64_t n)
{
    for (int64_t i = 0; i < n && columns; i++)
        tp_free(columns[i].texts, (size_t)columns[i].room * sizeof *columns[i].texts);
    tp_free(columns, (size_t)n * sizeof *columns);
}

static tp_status too_many_texts(const char *path, const csv *c, const column *col)
{
    if (col->is_number)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: column %lld has %lld distinct numbers as classes, at most %d are taken: a "
                       "regression's target?",
                       path, (long long)col->index, (long long)col->n_texts, MAX_TEXTS);
    return tp_fail(TP_ERR_FORMAT,
                   "%s: line %lld: '%.40s' in column %lld is no number, and %lld distinct texts are too many "
                   "(at most %d)",
                   path, line_of(c, col->bad_row), cell(c, col->bad_row, col->index), (long long)col->index,
                   (long long)col->n_texts, MAX_TEXTS);
}

static const char *column_name(const csv *c, int64_t col, char number[24])
{
    if (c->has_header)
        return csv_cell(&c->table, 0, col);
    snprintf(number, 24, "%lld", (long long)(col + (c->left_out >= 0 && col >= c->left_out)));
    return number;
}

static tp_status name_features(csv *c, const column *col)
{
    char number[24];
    const char *name = column_name(c, col->index, number);
    if (col->is_number)
        return names_add(&c->names, name);
    for (int64_t i = 0; i < col->n_texts && !tp_pending(); i++) {
        const size_t room = strlen(name) + strlen(col->texts[i]) + 2;
        char *text = tp_alloc(room);
        if (text) {
            snprintf(text, room, "%s=%s", name, col->texts[i]);
            names_add(&c->names, text);
        }
        tp_free(text, room);
    }
    return tp_error_pending();
}

static void name_target(csv *c)
{
    char number[24];
    snprintf(c->target_name, sizeof c->target_name, "%s", column_name(c, c->target, number));
}

/* The kind of a column that is a feature as the table itself has it. */
static tp_status plan_column(const char *path, csv *c, column *col)
{
    if (!col->is_number && find_texts(c, col))
        return TP_ERR_MEMORY;
    if (col->n_texts > MAX_TEXTS)
        return too_many_texts(path, c, col);
    col->first = c->features;
    c->features += col->is_number ? 1 : col->n_texts;
    return name_features(c, col);
}

/* ---- features that are known from another table --------------------------------------------------------------------- */

/* The column of a feature's name, and of a text column the value; -1: there is none.  Of "a=b=c" column "a=b" has it before "a". */
static int64_t column_of(const csv *c, const char *name, const char **value)
{
    int64_t found = -1;
    size_t longest = 0;
    char number[24];
    *value = NULL;
    for (int64_t i = 0; i < c->table.columns; i++) {
        const char *own = column_name(c, i, number);
        const size_t length = strlen(own);
        if (strncmp(name, own, length) != 0 || (found >= 0 && length <= longest) ||
            (name[length] && name[length] != '='))
            continue;
        found = i, longest = length;
        *value = name[length] ? name + length + 1 : NULL;
    }
    return found;
}

static bool has_known_columns(const csv *c, const tp_known_names *known)
{
    const char *value;
    bool all = true;
    for (int64_t i = 0; i < known->n_columns && all; i++)
        all = column_of(c, known->columns[i], &value) >= 0;
    return all;
}

/* Each column's features and values, of those that are known; the others are not read. */
static tp_status take_known(const char *path, csv *c, column *columns, const tp_known_names *known)
{
    for (int64_t i = 0; i < known->n_columns && !tp_pending(); i++) {
        const char *value;
        const int64_t at = column_of(c, known->columns[i], &value);
        if (at < 0)
            return tp_fail(TP_ERR_FORMAT, "%s: no column '%.*s'", path, (int)strcspn(known->columns[i], "="),
                           known->columns[i]);
        column *col = &columns[at];
        if (at == c->target)
            return tp_fail(TP_ERR_ARGUMENT, "%s: column '%.60s' is a feature, it cannot be the target", path,
                           known->columns[i]);
        if (!col->is_read)
            *col = (column){ .index = at, .first = i, .is_read = true, .room = value ? known->n_columns : 0 };
        if (value && !col->texts && !(col->texts = tp_alloc((size_t)col->room * sizeof *col->texts)))
            return TP_ERR_MEMORY;
        if (value ? i != col->first + col->n_texts ||
                        (col->n_texts && strcmp(col->texts[col->n_texts - 1], value) >= 0)
                  : i != col->first)
            return tp_fail(TP_ERR_ARGUMENT, "csv: the known column '%.60s' is out of order",
                           known->columns[i]);
        if (value)
            col->texts[col->n_texts++] = value;
        names_add(&c->names, known->columns[i]);
    }
    c->features = known->n_columns;
    return tp_error_pending();
}

static tp_status check_known(const char *path, const csv *c, column *col)
{
    const bool wants_number = !col->n_texts;
    look_at(c, col);
    if (wants_number && !col->is_number)
        return tp_fail(TP_ERR_FORMAT, "%s: line %lld: '%.40s' in column %lld is no number", path,
                       line_of(c, col->bad_row), cell(c, col->bad_row, col->index), (long long)col->index);
    col->is_number = wants_number;
    return TP_OK;
}

/* ---- numbers of all cells ---------------------------------------------------------------------------------------------- */

static tp_status plan_target(const char *path, csv *c, column *col)
{
    if (!c->regression && find_texts(c, col))
        return TP_ERR_MEMORY;
    return col->n_texts > MAX_TEXTS ? too_many_texts(path, c, col) : TP_OK;
}

static tp_status choose_columns(const char *path, csv *c, column *columns, const tp_csv_options *o)
{
    const bool is_known = o->known.n_columns > 0;
    for (int64_t i = 0; i < c->table.columns; i++)
        columns[i] = (column){ .index = i, .is_read = !is_known };
    if (!is_known)
        return TP_OK;
    if (take_known(path, c, columns, &o->known))
        return tp_error_pending();
    for (int64_t i = 0; i < c->table.columns && !o->target && !o->no_target; i++)
        c->target = columns[i].is_read ? c->target : i;
    if (c->target < 0 && !o->no_target)
        return tp_fail(TP_ERR_FORMAT, "%s: features alone, no column with a target", path);
    if (c->target >= 0)
        columns[c->target].is_read = true;
    return TP_OK;
}

/* Kinds of all columns and the number of features. */
static tp_status plan(const char *path, csv *c, column *columns, const tp_csv_options *o)
{
    if (choose_columns(path, c, columns, o) || check_cells(path, c, columns))
        return tp_error_pending();
    for (int64_t i = 0; i < c->table.columns; i++) {
        column *col = &columns[i];
        const bool is_target = i == c->target, is_known = o->known.n_columns && !is_target;
        if (!col->is_read)
            continue;
        if (!is_known)
            look_at(c, col);
        if (is_known    ? check_known(path, c, col)
            : is_target ? plan_target(path, c, col)
                        : plan_column(path, c, col))
            return tp_error_pending();
    }
    if (c->features == 0)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: line 1: one column, a target and features are wanted (delimiter '%c')", path,
                       c->table.delimiter);
    return TP_OK;
}

static tp_status fill_row(const char *path, const csv *c, const column *columns, int64_t row, float *x)
{
    for (int64_t i = 0; i < c->table.columns; i++) {
        const column *col = &columns[i];
        const char *text = cell(c, row, i);
        double value = 0;
        if (i == c->target || !col->is_read)
            continue;
        if (col->n_texts) {
            const int64_t place = place_of(col, text);
            if (place < 0)
                return tp_fail(TP_ERR_FORMAT,
                               "%s: line %lld: '%.40s' in column %lld is none of the %lld that are known",
                               path, line_of(c, row), text, (long long)i, (long long)col->n_texts);
            x[col->first + place] = 1;
            continue;
        }
        is_number(text, &value);
        if (!isfinite((float)value))
            return tp_fail(TP_ERR_FORMAT, "%s: line %lld: '%.40s' in column %lld does not fit into a float",
                           path, line_of(c, row), text, (long long)i);
        x[col->first] = (float)value;
    }
    return TP_OK;
}

static tp_status fill_features(const char *path, csv *c, const column *columns)
{
    int64_t values, bytes;
    if (!tp_mul_fits(c->rows, c->features, &values) || !tp_mul_fits(values, sizeof(float), &bytes))
        return tp_fail(TP_ERR_MEMORY, "%s: %lld rows of %lld features do not fit into memory", path,
                       (long long)c->rows, (long long)c->features);
    c->x = tp_calloc((size_t)bytes);
    if (!c->x)
        return TP_ERR_MEMORY;
    for (int64_t row = 0; row < c->rows; row++)
        if (fill_row(path, c, columns, row, c->x + row * c->features))
            return tp_error_pending();
    return TP_OK;
}

static tp_status fill_target(const char *path, csv *c, column *col)
{
    c->y = tp_alloc((size_t)c->rows * sizeof *c->y);
    if (!c->y)
        return TP_ERR_MEMORY;
    if (c->regression && !col->is_number)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: line %lld: '%.40s' in column %lld, a number is wanted of a regression's target",
                       path, line_of(c, col->bad_row), cell(c, col->bad_row, col->index),
                       (long long)col->index);
    for (int64_t row = 0; row < c->rows; row++) {
        double value = 0;
        bool number = is_number(cell(c, row, col->index), &value);
        if (!c->regression && col->is_number && value != floor(value))
            return tp_fail(TP_ERR_FORMAT,
                           "%s: line %lld: class %g in column %lld is no whole number: a regression's "
                           "target?",
                           path, line_of(c, row), value, (long long)col->index);
        if (c->regression && number && !isfinite((float)value))
            return tp_fail(TP_ERR_FORMAT, "%s: line %lld: target %g does not fit into a float", path,
                           line_of(c, row), value);
        c->y[row] = c->regression ? value : (double)place_of(col, cell(c, row, col->index));
    }
    if (!c->regression) { /* their names go with the dataset */
        c->classes = col->n_texts;
        c->class_names = tp_memdup(col->texts, (size_t)col->n_texts * sizeof *col->texts);
    }
    return c->regression || c->class_names ? TP_OK : TP_ERR_MEMORY;
}

/* ---- the dataset ------------------------------------------------------------------------------------------------- */

static tp_status csv_get(void *context, int64_t i, float *x, double *y)
{
    const csv *c = context;
    memcpy(x, c->x + i * c->features, (size_t)c->features * sizeof *x);
    *y = c->y ? c->y[i] : 0;
    return TP_OK;
}

static const char *csv_column_name(void *context, int64_t i)
{
    const csv *c = context;
    return i < c->features ? names_at(&c->names, i) : c->target_name;
}

static const char *csv_class_name(void *context, int64_t label)
{
    return ((csv *)context)->class_names[label];
}

static char *csv_example_name(void *context, int64_t i, char *text, size_t size)
{
    snprintf(text, size, "%s:%lld", ((csv *)context)->name, line_of(context, i));
    return text;
}

static void csv_destroy(void *context)
{
    csv *c = context;
    csv_free(&c->table);
    tp_free(c->x, (size_t)c->rows * (size_t)c->features * sizeof *c->x);
    tp_free(c->y, c->y ? (size_t)c->rows * sizeof *c->y : 0);
    names_free(&c->names);
    tp_free(c->class_names, (size_t)c->classes * sizeof *c->class_names);
    if (c->name)
        tp_free(c->name, strlen(c->name) + 1);
    tp_free(c, sizeof *c);
}

static bool finds_header(csv *c, const tp_known_names *known)
{
    c->has_header = true; /* the names that are looked for are its cells */
    return known->n_columns ? has_known_columns(c, known) : looks_like_header(&c->table);
}

static void look_at_first_row(csv *c, const tp_csv_options *o)
{
    const bool counts = o->header <= 0 && csv_is_counts_row(&c->table);
    c->left_out = -1;
    c->has_header = !counts && (o->header > 0 || (o->header == 0 && finds_header(c, &o->known)));
    c->first_row = counts || c->has_header;
    if (!c->has_header && o->no_target && !has_known_columns(c, &o->known))
        c->left_out = column_number(o->target);
}

static tp_status read_table(const char *path, csv *c, file_bytes *text, const tp_csv_options *o)
{
    tp_status status = csv_split(path, text, o->delimiter, &c->table);
    if (status)
        return status;
    look_at_first_row(c, o);
    const bool counts = c->first_row && !c->has_header;
    c->rows = c->table.rows - c->first_row;
    c->regression = o->regression;
    if (c->rows < 1)
        return tp_fail(TP_ERR_FORMAT, "%s: line %u: no rows after the header", path, c->table.lines[0]);
    status = find_target(path, c, o);
    if (status)
        return status;
    size_t bytes = (size_t)c->table.columns * sizeof(column);
    column *columns = tp_calloc(bytes);
    status = columns ? plan(path, c, columns, o) : TP_ERR_MEMORY;
    if (!status)
        status = fill_features(path, c, columns);
    if (!status && c->target >= 0)
        status = fill_target(path, c, &columns[c->target]);
    if (!status && c->target >= 0)
        name_target(c);
    free_columns(columns, c->table.columns);
    if (!status && counts && c->classes == c->table.first_columns - 2) /* the counts row names the classes */
        for (int64_t k = 0; k < c->classes; k++)
            c->class_names[k] = csv_cell(&c->table, 0, k + 2);
    return status;
}

tp_dataset *csv_from(const char *path, file_bytes *text, const tp_csv_options *o)
{
    csv *c = tp_pending() ? NULL : tp_calloc(sizeof *c);
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!c || !(c->name = tp_memdup(name, strlen(name) + 1)) || gzip_unpack(path, max_file, text) ||
        read_table(path, c, text, o)) {
        file_bytes_free(text);
        if (c)
            csv_destroy(c);
        return NULL;
    }
    return dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                               .kind = "csv",
                                               .get = csv_get,
                                               .class_name = csv_class_name,
                                               .destroy = csv_destroy,
                                               .example_name = csv_example_name,
                                               .column_name = csv_column_name },
                      c, c->rows, TP_SHAPE(c->features), c->classes);
}

tp_dataset *tp_csv_opt(const char *path, const tp_csv_options *options)
{
    tp_csv_options o = { 0 };
    file_bytes text;
    if (tp_pending())
        return NULL;
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (o.delimiter && strchr("\"\r\n", o.delimiter))
        return tp_fail_null(TP_ERR_ARGUMENT, "csv: a quote or a newline cannot be the delimiter");
    return file_read(path, max_file, &text) ? NULL : csv_from(path, &text, &o);
}
