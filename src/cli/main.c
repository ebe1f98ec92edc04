/* main.c - from the command line to a verb, and from its result to an exit code.
 *
 * The library never prints or exits; this folder does.  Every line on stderr begins with "taper:"; a message is one line, and
 * the details of an error, where there are any, follow.
 * Layer: cli.  Depends on <taper/...> only.  Read next: verbs.def, options.def, then the file of a verb. */
#include "cli/cli.h"
#include "cli/text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

const verb verbs[N_VERBS] = {
#define VERB(name, usage, min, max, words, title, text, examples) \
    { #name, usage, min, max, words, title, text, examples, verb_##name },
#include "cli/verbs.def"
#undef VERB
};

const char *verb_name_at(int i)
{
    return i < N_VERBS ? verbs[i].name : NULL;
}

const verb *verb_find(const char *name)
{
    for (int i = 0; i < N_VERBS; i++)
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

/* ---- messages -------------------------------------------------------------------------------------- */

/* One line whatever the text holds: names of files may contain anything. */
static void write_line(FILE *to, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p == '\n')
            fputs(p[1] ? "; " : "", to);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(to, "\\x%02x", *p);
        else
            fputc(*p, to);
    fputc('\n', to);
}

static void complain_v(const char *format, va_list args)
{
    char text[4096];
    vsnprintf(text, sizeof text, format, args);
    close_progress_line();
    fflush(stdout);
    fprintf(stderr, "%staper:%s ", red(stderr), no_style(stderr));
    write_line(stderr, text);
}

void complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain_v(format, args);
    va_end(args);
}

int usage_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain_v(format, args);
    va_end(args);
    return EXIT_USAGE;
}

int out_of_memory(void)
{
    complain("out of memory");
    return EXIT_MEMORY;
}

int check_png(const cli *c, const char *who)
{
    const size_t length = c->out ? strlen(c->out) : 0;
    if (!c->out)
        return usage_error("%s wants -o FILE.png: where to write the picture", who);
    if (length < 5 || strcmp(c->out + length - 4, ".png") != 0)
        return usage_error("-o '%s': a name that ends in .png is wanted", c->out);
    return 0;
}

int error_exit_code(tp_status status, const char *text)
{
    static const int full[] = { ENOSPC, EDQUOT, EFBIG };
    switch (status) {
    case TP_OK: return EXIT_FINE;
    case TP_ERR_ARGUMENT: return EXIT_USAGE; /* what the library was told came from the command line */
    case TP_ERR_MEMORY: return EXIT_MEMORY;
    case TP_ERR_FORMAT: return EXIT_INPUT;
    case TP_ERR_IO:
        for (size_t i = 0; i < sizeof full / sizeof *full; i++)
            if (strstr(text, strerror(full[i])))
                return EXIT_OUTPUT;
        return EXIT_INPUT;
    default: return EXIT_WORK;
    }
}

int library_error(void)
{
    char text[4096];
    if (!tp_error_pending())
        return EXIT_FINE;
    complain("%s", tp_error_message());
    for (const char *line = tp_error_details(); *line;) {
        size_t length = strcspn(line, "\n");
        complain("  %.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
    tp_status status = tp_error_take(text, sizeof text);
    return error_exit_code(status, text);
}

/* ---- the way through ------------------------------------------------------------------------------- */

static int no_verb(const char *word)
{
    const char *meant = nearest_name(word, verb_name_at);
    if (tp_model_find(word))
        return usage_error(
            "no verb '%s'; it is a model: did you mean 'taper train %s' or 'taper summary %s'?", word, word,
            word);
    if (meant)
        return usage_error("no verb '%s'; did you mean '%s'?", word, meant);
    return usage_error("no verb '%s'; 'taper help' lists them", word);
}

/* As a shell would take it again: words with anything special stand in quotes. */
static const char *command_line(int argc, char **argv)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    static char text[8192];
    size_t used = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = i ? argv[i] : "taper";
        const bool quoted = !*word || word[strspn(word, plain)];
        if (used + 4 * strlen(word) + 4 > sizeof text)
            break;
        used += (size_t)sprintf(text + used, "%s%s", i ? " " : "", quoted ? "'" : "");
        for (; *word; word++)
            used += (size_t)sprintf(text + used, *word == '\'' ? "'\\''" : "%c", *word);
        used += (size_t)sprintf(text + used, "%s", quoted ? "'" : "");
    }
    return text;
}

static int run(int argc, char **argv)
{
    static cli c;
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h"))
        word = "help";
    else if (!strcmp(word, "--version") || !strcmp(word, "-V"))
        word = "version";
    else if (*word == '-')
        return usage_error("a verb comes first, not '%s'; 'taper help' lists them", word);
    const verb *v = verb_find(word);
    if (!v)
        return no_verb(word);
    c.train.command = command_line(argc, argv);
    int code = parse_command(&c, v, argc - 2, argv + 2);
    if (code)
        return code;
    if (c.help && !(v == &verbs[VERB_op] && c.n_words)) { /* an operation has a page of its own */
        print_help(stdout, v);
        return EXIT_FINE;
    }
    if (c.threads)
        tp_set_num_threads(c.threads);
    TP_SCOPE;
    take_notes();
    code = v->run(&c);
    int rest = library_error(); /* nothing that failed goes unsaid */
    return code ? code : rest;
}

int main(int argc, char **argv)
{
    int code = run(argc, argv);
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    int reason = errno;
    if (close(STDOUT_FILENO) && errno != EBADF && !failed) { /* NFS and quotas tell only now */
        failed = true;
        reason = errno;
    }
    if (failed && code < EXIT_SIGNAL) {
        complain("cannot write to standard output%s%s", reason ? ": " : "", reason ? strerror(reason) : "");
        code = EXIT_OUTPUT;
    }
    return code;
}
