/* config.c - `--config FILE` and `key=value`: options by lines of a file, and by words.
 *
 * A key is the name of an option (warmup, or warm-up's place in config.json: warmup_epochs), and a value is what the option takes;
 * flags are true or false.  A line is "key = value"; # begins a comment; a value with # or blanks at its ends stands in quotes.
 * An option goes before a word, a word before the file; what is overruled is checked all the same.
 * Layer: cli.  Depends on cli.h, text.h.  Read next: options.c, init.c. */
#include "cli/cli.h"
#include "cli/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 20 };

/* ---- keys ------------------------------------------------------------------------------------------ */

/* "train.optim_options.lr" is optim_options.lr, as in config.json; tables' and series' parts lie flat there.  "": it has none. */
static const char *key_path(const option *o)
{
    static char paths[MAX_OPTIONS][80];
    char *path = paths[o - options];
    if (*path || strncmp(o->member, "train.", 6) != 0)
        return path;
    const char *member = o->member + 6, *csv = strstr(member, ".csv."), *series = strstr(member, ".series.");
    if (csv)
        snprintf(path, sizeof *paths, "%.*s.csv_%s", (int)(csv - member), member, csv + 5);
    else if (series)
        snprintf(path, sizeof *paths, "%.*s.%s", (int)(series - member), member, series + 8);
    else
        snprintf(path, sizeof *paths, "%s", member);
    return path;
}

/* warmup_start is warmup-start. */
static bool same_key(const char *a, const char *b)
{
    for (; *a || *b; a++, b++)
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
            return false;
    return true;
}

static bool is_key(const option *o, const verb *v)
{
    static const char *const never[] = { "config", "resume", "help" };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (!strcmp(o->name, never[i]))
            return false;
    return o->verbs >> (v - verbs) & 1;
}

static const option *option_of_key(const verb *v, const char *key)
{
    for (int i = 0; i < n_options; i++)
        if (is_key(&options[i], v) && (same_key(key, options[i].name) ||
                                       (*key_path(&options[i]) && same_key(key, key_path(&options[i])))))
            return &options[i];
    return NULL;
}

static const verb *keys_of; /* the verb whose keys key_choice lists: names, then paths */

static const char *key_choice(int n)
{
    for (int paths = 0; paths < 2; paths++)
        for (int i = 0; i < n_options; i++)
            if (is_key(&options[i], keys_of) && (!paths || *key_path(&options[i])) && n-- == 0)
                return paths ? key_path(&options[i]) : options[i].name;
    return NULL;
}

/* where: "lenet.conf:3: ", or "". */
static int unknown_key(const verb *v, const char *where, const char *key)
{
    keys_of = v;
    const char *meant = nearest_name(key, key_choice);
    if (meant)
        return usage_error("%sno key '%s'; did you mean '%s'?", where, key, meant);
    return usage_error("%sno key '%s'; keys are the options that 'taper help %s' lists", where, key, v->name);
}

/* ---- key=value words ------------------------------------------------------------------------------- */

bool is_setting(const cli *c, const char *word)
{
    static const char in_keys[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const size_t n = strspn(word, in_keys);
    return n && word[0] != '.' && word[0] != '-' && word[n] == '=' && option_of_verb(c->verb, "config");
}

int take_setting(cli *c, char *word)
{
    char key[64];
    const size_t n = strcspn(word, "=");
    snprintf(key, sizeof key, "%.*s", (int)(n < 60 ? n : 60), word);
    const option *o = option_of_key(c->verb, key);
    if (!o)
        return unknown_key(c->verb, "", key);
    return set_option(c, o, word + n + 1, key, FROM_WORD);
}

/* ---- files ----------------------------------------------------------------------------------------- */

static char *trimmed(char *text)
{
    text += strspn(text, " \t\r");
    size_t n = strlen(text);
    while (n && strchr(" \t\r", text[n - 1]))
        text[--n] = 0;
    return text;
}

/* "a \"b\" # c" without its quotes, in place; the rest may only be a comment.  NULL: it is not closed, or more follows. */
static char *unquoted(char *text)
{
    char *to = text, *from = text + 1;
    for (; *from && *from != '"'; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from;
    }
    const char *rest = from + (*from == '"');
    rest += strspn(rest, " \t\r");
    if (*from != '"' || (*rest && *rest != '#'))
        return NULL;
    *to = 0;
    return text;
}

/* A comment begins with # at the line's start or behind a blank. */
static void cut_comment(char *line)
{
    for (char *p = line; *p; p++)
        if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
            *p = 0;
            return;
        }
}

/* Only its model, where the verb does not train. */
static int take_key(cli *c, const char *where, const char *key, const char *value)
{
    char as[4400];
    const verb *train = &verbs[VERB_train];
    const option *o = option_of_key(c->verb, key);
    if (c->verb != train && (!o || strcmp(o->group, "Model") != 0))
        return (o = option_of_key(train, key)) ? 0 : unknown_key(train, where, key);
    if (!o)
        return unknown_key(c->verb, where, key);
    snprintf(as, sizeof as, "%s%s", where, key);
    if (!strcmp(o->name, "model") && !tp_model_find(value)) {
        const char *meant = nearest_name(value, model_choice);
        return meant ? usage_error("%s '%s': did you mean '%s'?", as, value, meant)
                     : usage_error("%s '%s': a name of those that 'taper models' lists is wanted", as, value);
    }
    return set_option(c, o, value, as, FROM_FILE);
}

static int take_line(cli *c, const char *file, int number, char *line)
{
    char where[4200];
    snprintf(where, sizeof where, "%s:%d: ", file, number);
    line = trimmed(line);
    if (!*line || *line == '#')
        return 0;
    char *equals = strchr(line, '=');
    if (!equals || equals == line)
        return usage_error("%s'%.40s': a line 'key = value' is wanted%s", where, line,
                           *line == '{' || *line == '[' ? "; JSON and sections are not read" : "");
    *equals = 0;
    char *key = trimmed(line), *value = trimmed(equals + 1);
    if (*value == '"') {
        value = unquoted(value);
        if (!value)
            return usage_error("%s%s: a closing quote is wanted, and nothing but a comment behind it", where,
                               key);
    } else {
        cut_comment(value);
        value = trimmed(value);
    }
    return take_key(c, where, key, value);
}

static int cannot_read(const char *path, const char *why)
{
    complain("%s: cannot read this configuration: %s", path, why);
    return EXIT_INPUT;
}

/* All of it, with a 0 behind; values stay in it until the program ends. */
static int read_text(const char *path, char **text)
{
    static char *kept;
    FILE *f = fopen(path, "r");
    if (!f)
        return cannot_read(path, strerror(errno));
    kept = malloc(MOST_BYTES + 1);
    size_t n = kept ? fread(kept, 1, MOST_BYTES + 1, f) : 0;
    const int reason = ferror(f) ? errno : 0;
    fclose(f);
    if (!kept)
        return EXIT_MEMORY;
    if (reason)
        return cannot_read(path, strerror(reason));
    if (n > MOST_BYTES)
        return cannot_read(path, "it is larger than 1 MiB");
    kept[n] = 0;
    if (strlen(kept) != n)
        return cannot_read(path, "it is no text");
    *text = kept;
    return 0;
}

int take_config(cli *c)
{
    char *text = NULL;
    if (!c->config)
        return 0;
    int code = read_text(c->config, &text);
    for (int number = 1; text && !code; number++) {
        char *end = strchr(text, '\n');
        if (end)
            *end = 0;
        code = take_line(c, c->config, number, text) ? EXIT_INPUT : 0;
        text = end ? end + 1 : NULL;
    }
    return code;
}
