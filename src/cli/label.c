/* label.c - `taper predict DIR TEXT...` of a run that learned labelled texts: the class of each, or a label for each of its tokens.
 *
 * Layer: cli.  Depends on train.h, json.h.  Read next: predict.c, translate.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct telling {
    const tp_run *run;
    int64_t top;
    int code; /* of the first text that failed */
    bool json;
} telling;

/* The k-th likeliest; of equals the first. */
static int64_t rank(const tp_label *l, int64_t k)
{
    int64_t best = -1, before = -1;
    for (int64_t i = 0; i <= k; i++, before = best) {
        best = -1;
        for (int64_t c = 0; c < l->n; c++) {
            const bool later = before < 0 || l->values[c] < l->values[before] ||
                               (l->values[c] == l->values[before] && c > before);
            if (later && (best < 0 || l->values[c] > l->values[best]))
                best = c;
        }
    }
    return best;
}

static void tell_json(const telling *t, const tp_label *l)
{
    if (!l->token || l->index == 0) {
        emit_object(NULL);
        emit_text("text", l->text);
        if (l->error)
            emit_text("error", l->error);
        if (l->token)
            emit_list("tokens");
    }
    if (l->token) {
        emit_object(NULL);
        emit_text("token", l->token);
    }
    if (l->n) {
        emit_text("class", tp_run_class_name(t->run, rank(l, 0)));
        emit_real("probability", l->values[rank(l, 0)]);
    }
    if (l->token)
        emit_end();
    if (l->index + 1 >= l->tokens) {
        if (l->token)
            emit_end();
        emit_end();
    }
}

static void tell_text(const telling *t, const tp_label *l)
{
    if (l->token) {
        printf("%s\t%s\n%s", l->token, tp_run_class_name(t->run, rank(l, 0)),
               l->index + 1 == l->tokens ? "\n" : "");
        return;
    }
    fputs(l->text, stdout);
    for (int64_t k = 0; k < t->top && k < l->n; k++)
        printf("  %s %6.2f %%", tp_run_class_name(t->run, rank(l, k)), 100 * l->values[rank(l, k)]);
    putchar('\n');
}

static bool tell(void *context, const tp_label *l)
{
    telling *t = context;
    if (t->json)
        tell_json(t, l);
    else if (!l->error)
        tell_text(t, l);
    if (l->error) {
        complain("%s", l->error);
        t->code = t->code ? t->code : error_exit_code(l->status, l->error);
    }
    return !ferror(stdout);
}

int label_words(cli *c, tp_run *run)
{
    telling t = { .run = run, .top = c->top ? c->top : 1, .json = c->json };
    emit_lines(c->json);
    const tp_status status = tp_run_label(run, (const char *const *)c->words + 1, c->n_words - 1, tell, &t);
    const int code = status ? library_error() : EXIT_FINE;
    return t.code ? t.code : code;
}
