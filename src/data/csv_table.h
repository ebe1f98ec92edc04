/* csv_table.h - the cells of a CSV text (RFC 4180): rows of equally many, by line.
 *
 * Layer: data.  Depends on io/file.h.  Read next: csv_table.c, csv.c. */
#ifndef DATA_CSV_TABLE_H
#define DATA_CSV_TABLE_H

#include "io/file.h"

typedef struct csv_table {
    file_bytes text; /* cells lie in it, each ended by a 0 */
    uint32_t *cells; /* where they begin, row after row; row 0 has first_columns, the others columns */
    uint32_t *lines; /* where each row stands in the file, from 1 */
    int64_t n_cells, cell_room, line_room;
    int64_t rows, columns, first_columns;
    char delimiter;
} csv_table;

/* Takes over the text.  delimiter 0: found in the text.  name is for error texts. */
tp_status csv_split(const char *name, file_bytes *text, char delimiter, csv_table *out);
void csv_free(csv_table *);

const char *csv_cell(const csv_table *, int64_t row, int64_t column);

/* What a cell that says nothing looks like: empty, ?, NA, nan, null. */
bool csv_is_missing(const char *cell);

/* Row 0 is of another kind: scikit-learn's files begin with "rows,features,class name,class name...". */
bool csv_is_counts_row(const csv_table *);

#endif
