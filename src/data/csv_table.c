/* csv_table.c - splitting CSV text into cells, in place.
 *
 * A cell is plain (spaces around it are dropped) or quoted; in a quoted one "" is a quote, and delimiters and newlines
 * are text.  Lines end in LF or CR LF; empty ones are skipped.  A cell's 0 goes where its delimiter or its closing
 * quote was, so that no cell is copied.  Layer: data.  Depends on io/file.h.  Read next: csv_table.h, csv.c. */
#include "data/csv_table.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"

#include <string.h>

enum { MAX_COLUMNS = 1 << 20 };

typedef struct splitter {
    const char *name;
    csv_table *table;
    char *p, *end; /* *end is 0 */
    int64_t line;
    int64_t row_cells; /* of the row under way */
} splitter;

void csv_free(csv_table *t)
{
    file_bytes_free(&t->text);
    tp_free(t->cells, (size_t)t->cell_room * sizeof *t->cells);
    tp_free(t->lines, (size_t)t->line_room * sizeof *t->lines);
    *t = (csv_table){ 0 };
}

bool csv_is_missing(const char *cell)
{
    static const char *const missing[] = { "",    "?",   "NA",  "N/A",  "na",  "n/a",
                                           "nan", "NaN", "NAN", "null", "NULL" };
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (cell[0] == missing[i][0] && !strcmp(cell, missing[i]))
            return true;
    return false;
}

const char *csv_cell(const csv_table *t, int64_t row, int64_t column)
{
    int64_t i = row ? t->first_columns + (row - 1) * t->columns + column : column;
    return (const char *)t->text.data + t->cells[i];
}

static tp_status push(uint32_t **items, int64_t *room, int64_t count, uint32_t value)
{
    void *grown = *items;
    tp_status status = tp_grow(&grown, room, count + 1, sizeof value);
    *items = grown;
    if (!status)
        (*items)[count] = value;
    return status;
}

static tp_status add_cell(splitter *s, const char *begin)
{
    csv_table *t = s->table;
    if (++s->row_cells > MAX_COLUMNS)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: line %lld: more than %d cells", s->name, (long long)s->line,
                       MAX_COLUMNS);
    return push(&t->cells, &t->cell_room, t->n_cells++, (uint32_t)(begin - (const char *)t->text.data));
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

static bool ends_line(const splitter *s, const char *p)
{
    return p == s->end || *p == '\n' || (*p == '\r' && (p + 1 == s->end || p[1] == '\n'));
}

static bool is_blank(const splitter *s, char c)
{
    return c == ' ' || (c == '\t' && s->table->delimiter != '\t');
}

/* p stands behind a cell that begins at begin and whose text ends at stop: moves behind the delimiter or the line's
 * end; *last says which of them it was. */
static tp_status finish_cell(splitter *s, char *begin, char *stop, bool *last)
{
    *last = ends_line(s, s->p);
    if (*last) {
        s->p += s->p < s->end && *s->p == '\r';
        s->p += s->p < s->end && *s->p == '\n';
    } else {
        s->p++;
    }
    *stop = 0;
    return add_cell(s, begin);
}

static tp_status plain_cell(splitter *s, bool *last)
{
    char *begin = s->p;
    while (!ends_line(s, s->p) && *s->p != s->table->delimiter)
        s->p++;
    char *stop = s->p;
    while (stop > begin && is_blank(s, stop[-1]))
        stop--;
    return finish_cell(s, begin, stop, last);
}

static tp_status quoted_cell(splitter *s, bool *last)
{
    int64_t opened = s->line;
    char *begin = ++s->p, *to = begin;
    for (;; *to++ = *s->p++) {
        if (s->p == s->end)
            return tp_fail(TP_ERR_FORMAT, "%s: line %lld: a quote that is never closed", s->name,
                           (long long)opened);
        if (*s->p == '"' && *++s->p != '"')
            break;
        s->line += *s->p == '\n';
    }
    while (is_blank(s, *s->p))
        s->p++;
    if (!ends_line(s, s->p) && *s->p != s->table->delimiter)
        return tp_fail(TP_ERR_FORMAT, "%s: line %lld: text after a closing quote in cell %lld", s->name,
                       (long long)s->line, (long long)s->row_cells + 1);
    return finish_cell(s, begin, to, last);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static tp_status split_row(splitter *s)
{
    csv_table *t = s->table;
    int64_t line = s->line;
    bool last = false;
    tp_status status = push(&t->lines, &t->line_room, t->rows, (uint32_t)line);
    for (s->row_cells = 0; !last && !status;) {
        while (is_blank(s, *s->p))
            s->p++;
        status = *s->p == '"' ? quoted_cell(s, &last) : plain_cell(s, &last);
    }
    if (status)
        return status;
    s->line++;
    if (t->rows == 0)
        t->first_columns = s->row_cells;
    else if (t->rows == 1)
        t->columns = s->row_cells;
    else if (s->row_cells != t->columns)
        return tp_fail(TP_ERR_FORMAT, "%s: line %lld: %lld cells, %lld are wanted as in the lines before",
                       s->name, (long long)line, (long long)s->row_cells, (long long)t->columns);
    t->rows++;
    return TP_OK;
}

static tp_status split_rows(splitter *s)
{
    csv_table *t = s->table;
    tp_status status = TP_OK;
    while (s->p < s->end && !status) {
        char *p = s->p;
        while (*p == ' ' || *p == '\r')
            p++;
        if (*p == '\n' || p == s->end) { /* an empty line */
            s->p = p == s->end ? p : p + 1;
            s->line++;
        } else {
            status = split_row(s);
        }
    }
    if (!status && t->rows == 0)
        return tp_fail(TP_ERR_FORMAT, "%s: line 1: no rows", s->name);
    t->columns = t->rows > 1 ? t->columns : t->first_columns;
    return status;
}

bool csv_is_counts_row(const csv_table *t)
{
    double rows, features;
    const char *end;
    return t->rows > 1 && t->first_columns > 2 && parse_number(csv_cell(t, 0, 0), &rows, &end) && !*end &&
           parse_number(csv_cell(t, 0, 1), &features, &end) && !*end && rows == (double)(t->rows - 1) &&
           features == (double)(t->columns - 1);
}

/* ---- the text ---------------------------------------------------------------------------------------------------- */

/* The one of comma, semicolon and tab that the first line has most of, outside quotes. */
static char find_delimiter(const char *p)
{
    static const char candidates[] = ",;\t";
    int counts[3] = { 0 }, best = 0;
    bool quoted = false;
    for (; *p && (quoted || *p != '\n'); p++) {
        quoted ^= *p == '"';
        const char *found = quoted ? NULL : strchr(candidates, *p);
        if (found)
            counts[found - candidates]++;
    }
    for (int i = 1; i < 3; i++)
        best = counts[i] > counts[best] ? i : best;
    return candidates[best];
}

static tp_status check_text(const char *name, const file_bytes *text)
{
    const unsigned char *p = text->data;
    if (text->size >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff)))
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: byte 0: UTF-16 text, save it as UTF-8", name);
    const unsigned char *zero = text->size ? memchr(p, 0, text->size) : NULL;
    if (zero)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: a zero byte, not a CSV text", name,
                       (long long)(zero - p));
    if (text->size >= UINT32_MAX)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: %zu bytes of CSV, less than 4 GB are read", name, text->size);
    return TP_OK;
}

tp_status csv_split(const char *name, file_bytes *text, char delimiter, csv_table *out)
{
    *out = (csv_table){ .text = *text };
    *text = (file_bytes){ 0 };
    tp_status status = tp_error_pending();
    if (!status)
        status = check_text(name, &out->text);
    if (!status)
        status = file_bytes_append(&out->text, "", 1);
    if (status) {
        csv_free(out);
        return status;
    }
    char *p = (char *)out->text.data, *end = p + out->text.size - 1;
    p += end - p >= 3 && !memcmp(p, "\xef\xbb\xbf", 3) ? 3 : 0; /* a byte order mark */
    out->delimiter = delimiter ? delimiter : find_delimiter(p);
    splitter s = { .name = name, .table = out, .p = p, .end = end, .line = 1 };
    status = split_rows(&s);
    if (!status && out->first_columns != out->columns && !csv_is_counts_row(out))
        status =
            tp_fail(TP_ERR_FORMAT, "%s: line %u: %lld cells, %lld are wanted as in line %u", name,
                    out->lines[1], (long long)out->columns, (long long)out->first_columns, out->lines[0]);
    if (status)
        csv_free(out);
    return status;
}
