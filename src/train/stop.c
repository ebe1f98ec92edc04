/* stop.c - holds back as much of a text as may be the beginning of the string that ends it.
 *
 * Layer: train.  Depends on stop.h.  Read next: generate.c. */
#include "train/stop.h"

#include "base/memory.h"

#include <string.h>

tp_status stop_open(stop *s, const char *at, tp_generate_fn *told, void *context)
{
    *s = (stop){ .at = at ? at : "", .told = told, .context = context };
    return TP_OK;
}

static bool pass(stop *s, int64_t to)
{
    const int64_t from = s->passed;
    s->passed = to;
    return from == to || !s->told || s->told(s->context, s->text + from, (size_t)(to - from));
}

bool stop_tell(void *context, const char *text, size_t bytes)
{
    stop *s = context;
    const int64_t length = (int64_t)strlen(s->at);
    if (tp_grow((void **)&s->text, &s->room, s->n + (int64_t)bytes + 1, 1))
        return false;
    memcpy(s->text + s->n, text, bytes);
    s->n += (int64_t)bytes;
    for (int64_t i = s->passed; length && i + length <= s->n; i++)
        if (!memcmp(s->text + i, s->at, (size_t)length)) {
            s->n = i;
            pass(s, i);
            return false;
        }
    int64_t held = length ? length - 1 : 0; /* the longest end that is a beginning of it */
    held = held < s->n - s->passed ? held : s->n - s->passed;
    while (held > 0 && memcmp(s->text + s->n - held, s->at, (size_t)held) != 0)
        held--;
    return pass(s, s->n - held);
}

void stop_end(stop *s)
{
    pass(s, s->n);
}

void stop_close(stop *s)
{
    tp_free(s->text, (size_t)s->room);
    *s = (stop){ 0 };
}
