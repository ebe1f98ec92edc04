/* fill.c - `taper predict DIR "The [MASK] sat"`: what a masked language model, a run's or a pretrained BERT, puts for each mask.
 *
 * A text that cannot be read is told of on stderr (and in the JSON), and the others go on.
 * Layer: cli.  Depends on train.h, json.h.  Read next: label.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <stdio.h>

typedef struct telling {
    const char *text;
    bool json, begun; /* begun: the line, or list, of a mask */
} telling;

static void tell_json(telling *t, const tp_filling *f)
{
    if (!f->rank && t->begun)
        emit_end();
    if (!f->rank)
        emit_list(NULL);
    t->begun = true;
    emit_object(NULL);
    emit_text("token", f->token);
    emit_real("probability", f->probability);
    emit_end();
}

static bool tell(void *context, const tp_filling *f)
{
    telling *t = context;
    if (t->json) {
        tell_json(t, f);
        return true;
    }
    if (!f->rank)
        printf("%s\n", t->begun ? "" : t->text);
    printf("  %s%s%s %6.2f %%", f->rank ? "" : bold(stdout), f->token, f->rank ? "" : no_style(stdout),
           100 * f->probability);
    t->begun = true;
    return !ferror(stdout);
}

typedef struct source { /* one of them is there */
    tp_run *run;
    tp_module *net;
    tp_tokenizer *tokenizer;
} source;

static int fill_words(cli *c, const source *s)
{
    int code = EXIT_FINE;
    emit_lines(c->json);
    for (int i = 1; i < c->n_words; i++) {
        const char *text = c->words[i];
        telling t = { .text = text, .json = c->json };
        if (c->json) {
            emit_object(NULL);
            emit_text("text", text);
            emit_list("masks");
        }
        const tp_status status = s->run ? tp_run_fill(s->run, text, c->top, tell, &t)
                                        : tp_fill(s->net, s->tokenizer, text, c->top, tell, &t);
        if (c->json && t.begun)
            emit_end();
        if (c->json) {
            emit_end();
            if (status)
                emit_text("error", tp_error_message());
            emit_end();
        } else if (t.begun) {
            putchar('\n');
        }
        if (status) {
            const int failed = library_error();
            code = code ? code : failed;
        }
    }
    return code;
}

int fill_masks_of_run(cli *c, tp_run *run)
{
    return fill_words(c, &(source){ .run = run });
}

int fill_masks_of_pretrained(cli *c)
{
    source s = { .net = tp_pretrained(c->words[0]) };
    s.tokenizer = s.net ? tp_pretrained_tokenizer(c->words[0], NULL) : NULL;
    return s.tokenizer ? fill_words(c, &s) : library_error();
}
