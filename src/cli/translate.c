/* translate.c - `taper predict DIR WORD...` of a run that learned pairs of sequences: what it makes of each source.
 *
 * - is standard input, a source a line.  A source that cannot be read is told on stderr (and in the JSON), and the others go on.
 * Layer: cli.  Depends on train.h, json.h.  Read next: predict.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 256 };

typedef struct telling {
    int width, code; /* code: of the first source that failed */
    bool json;
} telling;

static void tell_json(const tp_translation *t)
{
    emit_object(NULL);
    emit_text("source", t->source);
    if (t->error)
        emit_text("error", t->error);
    else {
        emit_text("target", t->n ? t->texts[0] : "");
        emit_list("best");
        for (int64_t i = 0; i < t->n; i++) {
            emit_object(NULL);
            emit_text("target", t->texts[i]);
            emit_real("log_probability", t->log_probabilities[i]);
            emit_real("score", t->scores[i]);
            emit_end();
        }
        emit_end();
    }
    emit_end();
}

static void tell_text(const telling *l, const tp_translation *t)
{
    for (int64_t i = 0; i < t->n; i++) {
        const char *source = i ? "" : t->source;
        const int columns = text_columns(source);
        printf("%s%*s  %s", source, columns < l->width ? l->width - columns : 0, "", t->texts[i]);
        if (t->n > 1)
            printf("  (%.3f)", t->scores[i]);
        putchar('\n');
    }
}

static bool tell(void *context, const tp_translation *t)
{
    telling *l = context;
    if (l->json)
        tell_json(t);
    else if (!t->error)
        tell_text(l, t);
    if (t->error) {
        complain("%s", t->error);
        l->code = l->code ? l->code : error_exit_code(t->status, t->error);
    }
    return !ferror(stdout);
}

/* So many lines of standard input at a time, so that what comes early is answered early. */
static tp_status translate_input(cli *c, tp_run *run, telling *l, bool *no_memory)
{
    tp_status status = TP_OK;
    for (bool more = true; more && !status;) {
        line_list lines = { 0 };
        *no_memory = !lines_read(&lines, stdin, LINES);
        more = lines.n == LINES && !*no_memory;
        if (!*no_memory)
            status =
                tp_run_translate_opt(run, (const char *const *)lines.lines, lines.n, tell, l, &c->decode);
        lines_free(&lines);
    }
    return status;
}

int translate_words(cli *c, tp_run *run)
{
    telling l = { .width = 1, .json = c->json };
    char *const *words = c->words + 1;
    const int n = c->n_words - 1;
    c->decode.struct_size = sizeof c->decode;
    c->decode.n_best = c->top;
    if (c->top > 1 && !c->decode.beam)
        c->decode.beam = c->top;
    if (option_given(c, "length-penalty") && c->decode.length_penalty == 0)
        c->decode.length_penalty = TP_ZERO;
    for (int i = 0; i < n; i++)
        l.width = text_columns(words[i]) > l.width ? text_columns(words[i]) : l.width;
    l.width = l.width < 24 ? l.width : 24;
    emit_lines(c->json);
    tp_status status = TP_OK;
    bool no_memory = false;
    for (int i = 0, first = 0; i <= n && !status && !no_memory; i++) {
        const bool input = i < n && !strcmp(words[i], "-");
        if (i < n && !input)
            continue;
        status =
            tp_run_translate_opt(run, (const char *const *)words + first, i - first, tell, &l, &c->decode);
        if (input && !status)
            status = translate_input(c, run, &l, &no_memory);
        first = i + 1;
    }
    const int code = status ? library_error() : no_memory ? out_of_memory() : EXIT_FINE;
    return l.code ? l.code : code;
}
