/* lines.c - texts a line each: of standard input, or of a file.
 *
 * Layer: cli.  Depends on cli.h.  Read next: embed.c, translate.c, generate.c. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool take_line(line_list *l, char *line)
{
    if (line && l->n == l->room) {
        char **more = realloc(l->lines, (size_t)(2 * l->room + 64) * sizeof *more);
        if (!more) {
            free(line);
            return false;
        }
        l->lines = more;
        l->room = 2 * l->room + 64;
    }
    if (line)
        l->lines[l->n++] = line;
    return line != NULL;
}

bool lines_add(line_list *l, const char *text)
{
    return take_line(l, strdup(text));
}

bool lines_read(line_list *l, FILE *in, int64_t most)
{
    for (int64_t i = 0; i < most; i++) {
        char *line = NULL;
        size_t room = 0;
        ssize_t length = getline(&line, &room, in);
        if (length < 0) {
            free(line);
            return feof(in) || ferror(in);
        }
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = 0;
        if (!take_line(l, line))
            return false;
    }
    return true;
}

void lines_free(line_list *l)
{
    for (int64_t i = 0; i < l->n; i++)
        free(l->lines[i]);
    free(l->lines);
    *l = (line_list){ 0 };
}
