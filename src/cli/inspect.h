/* inspect.h - what inspect.c tells and inspect_run.c finds out.
 *
 * Layer: cli.  Depends on libc only.  Read next: inspect.c. */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "cli/cli.h"

/* Each tells about one thing, as text or, inside an open object, as JSON; 0, or the exit code after a message. */
int inspect_run(const char *folder, bool json);
int inspect_metadata(const char *path, bool json); /* the string pairs in the header of a safetensors file */

/* One fact: "  name          value" or "name": value. */
void fact(bool json, const char *name, const char *value);
void fact_count(bool json, const char *name, int64_t value);

#endif
