/* man.c - `taper help --man`: the manual page taper(1), as troff, from the same tables as the help.
 *
 * The build writes it to build/share/man/man1/taper.1.
 * Layer: cli.  Depends on cli.h.  Read next: help.c. */
#include "cli/cli.h"

#include <string.h>

/* A dash that is typed is \-, a backslash is \e, and a line must not begin with a dot or a quote. */
static void roff(FILE *to, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        switch (text[i]) {
        case '-': fputs("\\-", to); break;
        case '\\': fputs("\\e", to); break;
        case '.':
        case '\'': fprintf(to, "%s%c", i == 0 ? "\\&" : "", text[i]); break;
        default: fputc(text[i], to);
        }
}

static void roff_line(FILE *to, const char *text)
{
    roff(to, text, strlen(text));
    fputc('\n', to);
}

/* Each line by itself, not filled. */
static void roff_lines(FILE *to, const char *lines)
{
    fputs(".nf\n", to);
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        roff(to, lines, length);
        fputc('\n', to);
        lines += length + (lines[length] == '\n');
    }
    fputs(".fi\n", to);
}

static void man_option(FILE *to, const option *o)
{
    fputs(".TP\n", to);
    if (o->letter)
        fprintf(to, "\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", to);
    roff(to, o->name, strlen(o->name));
    fputs("\\fR", to);
    if (o->place) {
        fputs(" \\fI", to);
        roff(to, o->place, strlen(o->place));
        fputs("\\fR", to);
    }
    fputc('\n', to);
    roff(to, o->help, strlen(o->help));
    for (int i = 0; o->choice && o->choice(i); i++) {
        fputs(i ? ", " : ": ", to);
        roff(to, o->choice(i), strlen(o->choice(i)));
    }
    fputc('\n', to);
}

static void man_verb(FILE *to, const verb *v)
{
    fprintf(to, ".SS \"taper %s\"\n", v->name);
    roff_lines(to, v->usage);
    fputs(".PP\n", to);
    roff_line(to, v->text);
    for (int i = 0; i < n_options; i++)
        if (options[i].verbs >> (v - verbs) & 1 && options[i].verbs != IN_ALL)
            man_option(to, &options[i]);
    fputs(".PP\nExamples:\n.PP\n", to);
    roff_lines(to, v->examples);
}

void print_man(FILE *to)
{
    fprintf(to, ".TH TAPER 1 \"\" \"taper %s\" \"User Commands\"\n", tp_version());
    fputs(".SH NAME\ntaper \\- train neural networks, and use them\n"
          ".SH SYNOPSIS\n\\fBtaper\\fR \\fIVERB\\fR [words and options]\n"
          ".SH DESCRIPTION\n"
          "Taper trains neural networks on files of yours and answers with what they learned.\n"
          "Options may stand anywhere behind the verb, as \\fB\\-\\-name value\\fR or "
          "\\fB\\-\\-name=value\\fR;\n"
          "\\fB\\-\\-\\fR ends them. Each verb knows \\fB\\-\\-help\\fR.\n"
          ".SH VERBS\n",
          to);
    for (int i = 0; i < N_VERBS; i++)
        man_verb(to, &verbs[i]);
    fputs(".SH EXIT STATUS\n", to);
    for (const exit_meaning *e = exit_meanings; e->code; e++) {
        fprintf(to, ".TP\n\\fB%s\\fR\n", e->code);
        roff_line(to, e->meaning);
    }
    fputs(".SH ENVIRONMENT\n"
          ".TP\n\\fBNO_COLOR\\fR\nAny value: no colours.\n"
          ".TP\n\\fBOMP_NUM_THREADS\\fR\nThreads to use where \\-\\-threads is not given.\n"
          ".TP\n\\fBTAPER_ISA\\fR\navx512, avx2 or generic: no more than that instruction set.\n"
          ".TP\n\\fBHF_ENDPOINT\\fR, \\fBHF_TOKEN\\fR, \\fBHF_HOME\\fR, \\fBHF_HUB_OFFLINE\\fR, "
          "\\fBhttp_proxy\\fR\n"
          "Of the model hub, as Hugging Face's libraries read them.\n",
          to);
}
