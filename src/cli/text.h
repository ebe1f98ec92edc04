/* text.h - words and numbers for people: spelling, sizes, durations, columns, colours.
 *
 * Layer: cli.  Depends on libc only.  Read next: text.c.  The small writers return their argument, to stand inside a
 * printf; TEXT_ROOM is enough for each of them. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "cli/cli.h"

enum { TEXT_ROOM = 128 };

/* The name in the list that a person who typed `word` may have meant; NULL if none is near. */
const char *nearest_name(const char *word, choice_fn *names);
int name_distance(const char *a, const char *b);

char *text_count(char *text, int64_t n);         /* 61,706 */
char *text_quantity(char *text, double n);       /* 416.5 k, 1.82 G */
char *text_bytes(char *text, double bytes);      /* 241 KiB */
char *text_duration(char *text, double seconds); /* 0.8 s, 12.3 s, 2:05, 1:02:05 */
char *text_shape(char *text, tp_shape);          /* (1, 6, 28, 28) */

int text_columns(const char *);                           /* characters, not bytes */
void print_padded(FILE *, const char *text, int columns); /* left-aligned; cut with ... if it is longer */
int print_wrapped(FILE *, const char *text, int column, int indent); /* to 80 columns; ends with a newline */
#define HARD_SPACE "\x1f" /* in print_wrapped: a space at which no line ends */

void print_figures(const tp_figure *, int n); /* a line each */

int terminal_columns(void); /* COLUMNS, what the terminal says, or 80 */
int terminal_width(void);   /* the same, at least 40 */
bool speaks_utf8(void);     /* by the locale's variables */
void print_bar(FILE *, double part, int columns);
bool colour_on(FILE *); /* a terminal, and neither NO_COLOR nor TERM=dumb */
const char *bold(FILE *);
const char *dimmed(FILE *);
const char *green(FILE *);
const char *red(FILE *);
const char *no_style(FILE *); /* ends one of these; all are "" where there is no colour */

double clock_now(void); /* seconds of a clock that only goes forward */
char *path_of(char *text, size_t room, const char *folder, const char *name); /* NULL if it does not fit */
bool is_directory(const char *path);
bool is_run_folder(const char *path); /* holds a config.json */

#endif
