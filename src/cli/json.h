/* json.h - a small writer of JSON to standard output.
 *
 * Commas and indentation come by themselves.  Numbers have dots in every locale; NaN and infinity become null.
 * Layer: cli.  Depends on libc only.  Read next: json.c. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "cli/cli.h"

void emit_lines(bool); /* each document on a line of its own (JSON lines) */

/* key is NULL inside a list and at the top. */
void emit_object(const char *key);
void emit_list(const char *key);
void emit_end(void); /* of the innermost object or list; the outermost ends the line */
void emit_text(const char *key, const char *value); /* NULL becomes null */
void emit_integer(const char *key, int64_t value);
void emit_real(const char *key, double value);
void emit_bool(const char *key, bool value);
void emit_shape(const char *key, tp_shape);

#endif
