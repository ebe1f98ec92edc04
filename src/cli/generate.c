/* generate.c - `taper generate DIR`: a language model goes on with a text.
 *
 * The text goes to stdout as it is made; the prompt comes first, so that it reads as one.
 * Layer: cli.  Depends on train.h.  Read next: predict.c. */
#include "cli/cli.h"
#include "cli/progress.h"

#include <string.h>
#include <unistd.h>

typedef struct output {
    const char *prompt; /* not yet written: an error comes without it */
    bool terminal;
} output;

static bool put(void *context, const char *text, size_t bytes)
{
    output *o = context;
    fputs(o->prompt, stdout);
    o->prompt = "";
    fwrite(text, 1, bytes, stdout);
    if (o->terminal)
        fflush(stdout);
    return !ferror(stdout) && !caught_signal();
}

int verb_generate(cli *c)
{
    TP_SCOPE;
    output o = { c->generate.prompt ? c->generate.prompt : "", isatty(STDOUT_FILENO) };
    tp_run *run = tp_run_open(c->words[0]);
    if (!run)
        return library_error();
    c->generate.struct_size = sizeof c->generate;
    if (option_given(c, "temperature") && c->generate.temperature == 0)
        c->generate.temperature = TP_ZERO;
    catch_signals();
    if (tp_run_generate_opt(run, put, &o, &c->generate))
        return library_error();
    puts(o.prompt); /* if the text ended at once */
    return caught_signal() ? EXIT_SIGNAL + caught_signal() : EXIT_FINE;
}
