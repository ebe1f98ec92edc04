/* stop.h - a text on its way to the reader, which ends where it comes to a certain string.
 *
 * Layer: train.  Depends on taper/train.h.  Read next: stop.c. */
#ifndef TRAIN_STOP_H
#define TRAIN_STOP_H

#include <taper/train.h>

typedef struct stop {
    const char *at;       /* "": nothing */
    tp_generate_fn *told; /* NULL: the text is only kept */
    void *context;
    char *text; /* all of it; what comes after `passed` may be the beginning of the string */
    int64_t n, room, passed;
} stop;

tp_status stop_open(stop *, const char *at, tp_generate_fn *told, void *context);
bool stop_tell(void *stop, const char *text, size_t bytes); /* a tp_generate_fn */
void stop_end(stop *);                                      /* what was held back goes on */
void stop_close(stop *);

#endif
