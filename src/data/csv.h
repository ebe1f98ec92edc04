/* csv.h - a dataset from CSV text in memory.
 *
 * Layer: data.  Depends on io/file.h.  Read next: csv.c. */
#ifndef DATA_CSV_H
#define DATA_CSV_H

#include "io/file.h"

#include <taper/data.h>

/* Takes over the text, gzip or not.  path is for error texts. */
tp_dataset *csv_from(const char *path, file_bytes *text, const tp_csv_options *);

#endif
