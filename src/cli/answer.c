/* answer.c - the classes of one example, the likeliest first, and what they are called.
 *
 * Layer: cli.  Depends on train.h.  Read next: predict.c, http_answer.c. */
#include "cli/answer.h"

#include <stdio.h>
#include <stdlib.h>

static int by_probability(const void *a, const void *b)
{
    const answer *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? 1 : -1;
    return x->label < y->label ? -1 : x->label > y->label;
}

void rank_answers(answer *to, const double *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (answer){ i, values[i] };
    if (n)
        qsort(to, (size_t)n, sizeof *to, by_probability);
}

const char *answer_label(const tp_run *run, int64_t label, char *text, size_t room)
{
    const char *name = tp_run_class_name(run, label);
    snprintf(text, room, "%s", name ? name : "");
    if (!name)
        snprintf(text, room, "%lld", (long long)label);
    return text;
}
