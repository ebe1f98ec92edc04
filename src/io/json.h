/* json.h - JSON values: parse, look, build, write.
 *
 * A small interface of our own over jansson (json.c), so that the rest of the code knows one way to read JSON and a
 * build without jansson (no_json.c) fails with words.  Parsing rejects duplicate names, junk after the value, bad
 * UTF-8 and deep nesting; errors name file and byte.  Objects keep the order of their names.
 * Layer: io.  Depends on base.  Read next: json.c, safetensors.c. */
#ifndef IO_JSON_H
#define IO_JSON_H

#include "io/file.h"

typedef struct js_value js_value;

typedef enum js_kind { JS_NULL, JS_BOOL, JS_INTEGER, JS_REAL, JS_STRING, JS_ARRAY, JS_OBJECT } js_kind;

/* ---- Reading: what is looked at belongs to the root that js_parse returned --------------------------------------- */

/* NULL with an error pending: "name: byte 17: ...", where the text's first byte counts as number base. */
js_value *js_parse(const char *name, const void *text, size_t size, int64_t base);
js_value *js_read(const char *path); /* a whole file, at most 256 MB */
void js_free(js_value *);            /* a root; NULL is fine */

js_kind js_kind_of(const js_value *);               /* JS_NULL for NULL */
const char *js_kind_name(js_kind);                  /* "a string" */
int64_t js_count(const js_value *);                 /* of an array's items or an object's members; else 0 */
const js_value *js_at(const js_value *, int64_t i); /* array item; NULL if there is none */
const js_value *js_get(const js_value *object, const char *name); /* member; NULL if there is none */
const char *js_string(const js_value *);                          /* NULL if it is none */
bool js_integer(const js_value *,
                int64_t *out); /* false unless it was written as an integer: 1.0 and 1e3 are none */
bool js_number(const js_value *, double *out); /* integer or real */
bool js_true(const js_value *);

/* for (js_member m = js_first(object); m.name; js_next(object, &m)) ... m.name, m.value */
typedef struct js_member {
    const char *name;
    const js_value *value;
    void *position;
} js_member;
js_member js_first(const js_value *object);
void js_next(const js_value *object, js_member *);

/* ---- Building: a container takes over the value that is put in, also when it fails ------------------------------- */

js_value *js_new_object(void); /* these return NULL with an error pending */
js_value *js_new_array(void);
js_value *js_new_string(const char *);
js_value *js_new_integer(int64_t);
js_value *js_new_number(double); /* NaN and infinities become null: JSON has none */
js_value *js_new_bool(bool);
tp_status js_set(js_value *object, const char *name, js_value *);
tp_status js_append(js_value *array, js_value *);

/* Text of the value at the end of out: one line, or indented. */
tp_status js_format(const js_value *, bool indented, file_bytes *out);
tp_status js_write(const char *path, const js_value *); /* indented, with a final newline; atomic (file.h) */

/* The library's version, of the header or of what runs; NULL: this build has none. */
const char *json_library(bool running);

#endif
