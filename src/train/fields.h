/* fields.h - members of a JSON object, read strictly: what is missing or of another kind is an error that names
 * file and field.
 *
 * Numbers are written so that they come back exactly: 17 digits, and NaN and infinities as strings.
 * Layer: train.  Depends on io/json.h.  Read next: config_file.c, state.c. */
#ifndef TRAIN_FIELDS_H
#define TRAIN_FIELDS_H

#include "io/json.h"

/* Where members come from: the file and the object's own name in it ("" at the top). */
typedef struct fields {
    const char *path, *section;
    const js_value *object;
} fields;

/* The member of that name, which must be of the kind. */
const js_value *fields_get(const fields *, const char *name, js_kind);
tp_status fields_section(const fields *, const char *name, fields *out);

tp_status fields_integer(const fields *, const char *name, int64_t min, int64_t max, int64_t *out);
tp_status fields_count(const fields *, const char *name, int64_t *out); /* an integer, 0 or more */
tp_status fields_seed(const fields *, const char *name,
                      uint64_t *out); /* an integer, or a string of digits */
tp_status fields_number(const fields *, const char *name, double *out);
tp_status fields_bool(const fields *, const char *name, bool *out);
/* A string, or NULL where the file has null; it belongs to the JSON value. */
tp_status fields_text(const fields *, const char *name, const char **out);

tp_status fields_wrong(const fields *, const char *name, const char *wanted);

js_value *json_exact(double);      /* what fields_number reads */
js_value *json_seed(uint64_t);     /* what fields_seed reads */
js_value *json_text(const char *); /* null for NULL */

#endif
