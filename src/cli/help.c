/* help.c - `taper help`, `taper VERB --help`: the two tables as pages of 80 columns.
 *
 * Nothing here knows a verb or an option by name, so a new row shows up by itself.
 * Layer: cli.  Depends on cli.h, text.h.  Read next: man.c, completion.c, which print the same tables. */
#include "cli/cli.h"
#include "cli/text.h"

#include <string.h>

const exit_meaning exit_meanings[] = {
    { "0", "fine" },
    { "1", "the work failed" },
    { "2", "the command line is wrong: an unknown option, a bad value, a missing argument" },
    { "3", "a file or data is missing or malformed" },
    { "4", "out of memory" },
    { "5", "standard output or the disk cannot be written" },
    { "130", "interrupted by Ctrl-C, after saving (143: by SIGTERM, 129: by SIGHUP)" },
    { NULL, NULL },
};

static void print_lines(FILE *to, const char *lines, int indent)
{
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        fprintf(to, "%*s%.*s\n", indent, "", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void print_overview(FILE *to)
{
    fprintf(to, "%staper%s %s - train neural networks, and use them\n\n", bold(to), no_style(to),
            tp_version());
    fputs("  taper VERB [words and options]\n\n", to);
    for (int i = 0; i < N_VERBS; i++)
        fprintf(to, "  %-11s %s\n", verbs[i].name, verbs[i].title);
    fputs("\n'taper help VERB' tells the rest.  Begin with:\n\n"
          "  taper train lenet5 --data data/mnist --epochs 5\n"
          "  taper init table -o table.conf && taper train --config table.conf data=my.csv\n\nExit codes:\n",
          to);
    for (const exit_meaning *e = exit_meanings; e->code; e++) {
        fprintf(to, "  %-4s ", e->code);
        print_wrapped(to, e->meaning, 7, 7);
    }
    fputs("\nEnvironment: NO_COLOR (any value: no colours), OMP_NUM_THREADS, TAPER_ISA\n"
          "(avx512, avx2 or generic: no more than that instruction set).\n",
          to);
}

/* "  -b, --batch N       examples a step (64)" */
static void print_option(FILE *to, const option *o)
{
    enum { COLUMN = 26 };
    char left[80];
    int n =
        snprintf(left, sizeof left, "  %c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                 o->letter ? "," : " ", o->name, o->place ? " " : "", o->place ? o->place : "");
    char text[1024];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", o->help);
    for (int i = 0; o->choice && o->choice(i); i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : ": ", o->choice(i));
    fputs(left, to);
    if (n > COLUMN - 2)
        fprintf(to, "\n%*s", COLUMN, "");
    else
        fprintf(to, "%*s", COLUMN - n, "");
    print_wrapped(to, text, COLUMN, COLUMN);
}

void print_help(FILE *to, const verb *v)
{
    const char *group = "";
    fprintf(to, "%staper %s%s - %s\n\n", bold(to), v->name, no_style(to), v->title);
    print_lines(to, v->usage, 2);
    fputc('\n', to);
    print_wrapped(to, v->text, 0, 0);
    for (int i = 0; i < n_options; i++)
        if (options[i].verbs >> (v - verbs) & 1) {
            if (strcmp(group, options[i].group) != 0)
                fprintf(to, "\n%s%s:%s\n", bold(to), options[i].group, no_style(to));
            group = options[i].group;
            print_option(to, &options[i]);
        }
    fprintf(to, "\n%sExamples:%s\n", bold(to), no_style(to));
    print_lines(to, v->examples, 2);
}

int verb_help(cli *c)
{
    if (!c->n_words) {
        (c->man ? print_man : print_overview)(stdout);
        return EXIT_FINE;
    }
    const verb *v = verb_find(c->words[0]);
    if (!v) {
        const char *meant = nearest_name(c->words[0], verb_name_at);
        return meant ? usage_error("no verb '%s'; did you mean '%s'?", c->words[0], meant)
                     : usage_error("no verb '%s'; 'taper help' lists them", c->words[0]);
    }
    (c->man ? print_man_verb : print_help)(stdout, v);
    return EXIT_FINE;
}
