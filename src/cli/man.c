/* man.c - `taper help --man`: the manual page taper(1), and taper-VERB(1) of each verb, as troff, from the same tables as the help.
 *
 * The build writes them to build/share/man/man1/.
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

/* Words in lines of at most 80 bytes, which troff fills anew. */
static void roff_words(FILE *to, const char *text)
{
    size_t column = 0;
    while (*text) {
        const size_t length = strcspn(text, " ");
        size_t wide = length;
        for (size_t i = 0; i < length; i++)
            wide += text[i] == '-' || text[i] == '\\' || i == 0;
        if (column && column + 1 + wide > 78) {
            fputc('\n', to);
            column = 0;
        }
        column += wide + (column > 0);
        if (column > wide)
            fputc(' ', to);
        roff(to, text, length);
        text += length;
        text += strspn(text, " ");
    }
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
    char text[1024];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", o->help);
    for (int i = 0; o->choice && o->choice(i); i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : ": ", o->choice(i));
    roff_words(to, text);
}

static void man_exits(FILE *to)
{
    fputs(".SH EXIT STATUS\n", to);
    for (const exit_meaning *e = exit_meanings; e->code; e++) {
        fprintf(to, ".TP\n\\fB%s\\fR\n", e->code);
        roff_words(to, e->meaning);
    }
}

void print_man_verb(FILE *to, const verb *v)
{
    const char *group = "";
    fprintf(to, ".TH TAPER\\-");
    for (const char *p = v->name; *p; p++)
        fputc(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, to);
    fprintf(to, " 1 \"\" \"taper %s\" \"User Commands\"\n.SH NAME\ntaper\\-%s \\- ", tp_version(), v->name);
    roff(to, v->title, strlen(v->title)); /* in one line: whatis reads it */
    fputs("\n.SH SYNOPSIS\n", to);
    roff_lines(to, v->usage);
    fputs(".SH DESCRIPTION\n", to);
    roff_words(to, v->text);
    fputs(".SH OPTIONS\n", to);
    for (int i = 0; i < n_options; i++)
        if (options[i].verbs >> (v - verbs) & 1) {
            if (strcmp(group, options[i].group) != 0 && strcmp(options[i].group, "Options") != 0)
                fprintf(to, ".SS %s\n", options[i].group);
            group = options[i].group;
            man_option(to, &options[i]);
        }
    fputs(".SH EXAMPLES\n", to);
    roff_lines(to, v->examples);
    man_exits(to);
    fputs(".SH SEE ALSO\n\\fBtaper\\fR(1)\n", to);
}

void print_man(FILE *to)
{
    fprintf(to, ".TH TAPER 1 \"\" \"taper %s\" \"User Commands\"\n", tp_version());
    fputs(".SH NAME\ntaper \\- train neural networks, and use them\n"
          ".SH SYNOPSIS\n\\fBtaper\\fR \\fIVERB\\fR [words and options]\n"
          ".SH DESCRIPTION\n"
          "Taper trains neural networks on files of yours and answers with what they\nlearned.\n"
          "Options may stand anywhere behind the verb, as \\fB\\-\\-name value\\fR or\n"
          "\\fB\\-\\-name=value\\fR; \\fB\\-\\-\\fR ends them.\n"
          "Each verb knows \\fB\\-\\-help\\fR and has a manual page of its own.\n"
          ".SH VERBS\n",
          to);
    for (int i = 0; i < N_VERBS; i++) {
        fprintf(to, ".TP\n\\fBtaper\\-%s\\fR(1)\n", verbs[i].name);
        roff_words(to, verbs[i].title);
    }
    fputs(".SH EXAMPLES\n", to);
    roff_lines(to, "taper train lenet5 --data data/mnist --epochs 5\ntaper eval runs/lenet5\n"
                   "taper predict runs/lenet5 digit.png\n");
    man_exits(to);
    fputs(".SH ENVIRONMENT\n"
          ".TP\n\\fBNO_COLOR\\fR\nAny value: no colours.\n"
          ".TP\n\\fBOMP_NUM_THREADS\\fR\nThreads to use where \\-\\-threads is not given.\n"
          ".TP\n\\fBTAPER_ISA\\fR\navx512, avx2 or generic: no more than that instruction set.\n"
          ".TP\n\\fBHF_ENDPOINT\\fR, \\fBHF_TOKEN\\fR, \\fBHF_HOME\\fR, \\fBHF_HUB_OFFLINE\\fR, "
          "\\fBhttp_proxy\\fR\n"
          "Of the model hub, as Hugging Face's libraries read them.\n",
          to);
}
