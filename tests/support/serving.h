/* serving.h - for tests of `taper serve`: the program itself in a process, and requests written by hand.
 *
 * The other side is a socket and nothing else, so that a request can be wrong, slow or without end.
 * Layer: tests.  Depends on cmocka, files.h.  Read next: serving.c, test_serve.c. */
#ifndef SUPPORT_SERVING_H
#define SUPPORT_SERVING_H

#include "support/files.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct program {
    pid_t pid;
    int port;       /* of a server */
    int out;        /* its standard output and error */
    char line[512]; /* the first that it wrote */
} program;

/* Runs the program with these words, a NULL behind them. */
program run_program(const char *path, const char *const *words);
int end_program(program *,
                int signal); /* 0: it ends by itself; its exit code, or 1000 + a signal that killed it */

/* Trains the run once for all tests of a program; skips the test where the build has no server. */
const char *need_run(const char *path, const char *name, const char *const *words);

/* One of a table of two columns, a number and a text ("rooms, all", town), whose class follows from both. */
const char *need_houses(const char *path);
program start_server(const char *path, const char *run, const char *const *options);

/* ---- HTTP --------------------------------------------------------------------------------------------- */

typedef struct reply {
    int status;  /* 0: the connection was closed without one */
    bool closed; /* and is closed behind it */
    char head[4096], body[65536];
    size_t size;
} reply;

int connect_to(int port);
bool send_all(int fd, const void *data, size_t size); /* false: the other side is gone */
bool send_text(int fd, const char *text);
reply *read_reply(int fd, double seconds); /* static; fails the test when none comes in so long */

/* One request on a connection of its own: "GET /api/model", headers with \r\n behind each, a body (NULL: none). */
reply *request(int port, const char *line, const char *headers, const void *body, size_t size);
reply *post_json(int port, const char *path, const char *json);
const char *header_of(const reply *, const char *name); /* static; "" if there is none */
double number_in(const char *json, const char *name);   /* behind the first "name": */

#endif
