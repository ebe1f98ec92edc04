/* generate.c - `taper generate DIR`: a language model goes on with a text.
 *
 * The text goes to stdout as it is made; the prompt comes first, so that it reads as one.
 * Layer: cli.  Depends on train.h.  Read next: predict.c. */
#include "cli/cli.h"
#include "cli/progress.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROMPTS = 1024 };

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

static tp_status from_pretrained(cli *c, output *o)
{
    tp_module *net = tp_pretrained(c->words[0]);
    tp_tokenizer *tokenizer = net ? tp_pretrained_tokenizer(c->words[0], c->words_tokenizer) : NULL;
    if (!tokenizer)
        return tp_error_pending();
    tp_eval(net);
    return tp_generate_opt(net, tokenizer, put, o, &c->generate);
}

static tp_status from_run(cli *c, output *o)
{
    tp_run *run = tp_run_open(c->words[0]);
    return run ? tp_run_generate_opt(run, put, o, &c->generate) : tp_error_pending();
}

/* The lines of a file; false with a message. */
static bool read_prompts(const char *path, line_list *l)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        complain("%s: %s", path, strerror(errno));
        return false;
    }
    const bool fine = lines_read(l, f, PROMPTS + 1), fits = l->n && l->n <= PROMPTS;
    fclose(f);
    if (!fine)
        out_of_memory();
    else if (!fits)
        complain("%s: %s, 1 to %d lines, a prompt each, are wanted", path, l->n ? "more" : "no lines",
                 PROMPTS);
    return fine && fits;
}

/* A line for each text; of one alone, how much a token costs as well: of several the lengths are not told of. */
static void tell_likelihood(const cli *c, const double *log_probability, int64_t tokens)
{
    const int64_t n = c->generate.n_prompts ? c->generate.n_prompts : c->generate.samples;
    for (int64_t i = 0; i < n; i++)
        fprintf(stderr, "log-probability %.4f%s", log_probability[i], n > 1 ? "\n" : "");
    if (n == 1)
        fprintf(stderr, " of %lld tokens, perplexity %.4f\n", (long long)tokens,
                exp(-log_probability[0] / (double)(tokens ? tokens : 1)));
}

static int generate(cli *c, output *o)
{
    double log_probability[PROMPTS] = { 0 };
    int64_t tokens = 0;
    if (c->log_probability)
        c->generate.log_probability = log_probability, c->generate.tokens = &tokens;
    catch_signals();
    const char *path = c->words[0];
    const int code = fetch_from_hub(&path, false);
    if (code)
        return code;
    c->words[0] = (char *)path;
    if (tp_is_pretrained(c->words[0]) ? from_pretrained(c, o) : from_run(c, o))
        return library_error();
    puts(o->prompt); /* if the text ended at once */
    if (c->log_probability)
        tell_likelihood(c, log_probability, tokens);
    return caught_signal() ? EXIT_SIGNAL + caught_signal() : EXIT_FINE;
}

int verb_generate(cli *c)
{
    TP_SCOPE;
    output o = { c->generate.prompt ? c->generate.prompt : "", isatty(STDOUT_FILENO) };
    line_list prompts = { 0 };
    tp_generate_options *g = &c->generate;
    g->struct_size = sizeof *g;
    g->samples = g->samples ? g->samples : 1;
    if (option_given(c, "temperature") && g->temperature == 0)
        g->temperature = TP_ZERO;
    if (option_given(c, "length-penalty") && g->length_penalty == 0)
        g->length_penalty = TP_ZERO;
    const bool fine = !c->prompts || read_prompts(c->prompts, &prompts);
    g->prompts = (const char *const *)prompts.lines, g->n_prompts = fine ? prompts.n : 0;
    const int code = fine ? generate(c, &o) : EXIT_INPUT;
    lines_free(&prompts);
    return code;
}
