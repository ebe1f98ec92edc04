/* options.c - words of the command line into fields of struct cli, by the table options.def.
 *
 * Values are checked hard: a whole number is all digits, NaN is not a rate, nothing may be given twice.
 * Layer: cli.  Depends on cli.h, text.h.  Read next: help.c, which prints the same table. */
#include "cli/cli.h"
#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const option options[] = {
#define OPTION(name, letter, kind, place, in, group, field, range, choice, help) \
    { name, letter, ARG_##kind, place, in, group, offsetof(cli, field), #field, range, choice, help },
#include "cli/options.def"
#undef OPTION
};
const int n_options = (int)(sizeof options / sizeof *options);
_Static_assert(sizeof options / sizeof *options <= MAX_OPTIONS, "raise MAX_OPTIONS");

/* ---- lists of names -------------------------------------------------------------------------------- */

#define CHOICES(name, ...)                                                \
    const char *name(int i)                                               \
    {                                                                     \
        static const char *const names[] = { __VA_ARGS__ };               \
        return i < (int)(sizeof names / sizeof *names) ? names[i] : NULL; \
    }
CHOICES(header_choice, "auto", "yes", "no")
CHOICES(part_choice, "train", "test", "whole")
CHOICES(bad_image_choice, "error", "skip")
CHOICES(bad_text_choice, "error", "replace")
CHOICES(unit_choice, "chars", "bytes")
CHOICES(token_choice, "chars", "words")
CHOICES(missing_choice, "linear", "last", "error")
CHOICES(level_choice, "last", "season")
CHOICES(dtype_choice, "f32", "bf16")
CHOICES(backward_choice, "sum", "mean")
CHOICES(tokenizer_choice, "bpe", "wordpiece", "unigram", "chars", "bytes")
CHOICES(shell_choice, "bash", "zsh", "fish")

const char *model_choice(int i)
{
    return i < tp_model_count() ? tp_model_at(i)->name : NULL;
}

static const verb *names_of; /* the verb whose options option_choice lists */

static const char *option_choice(int i)
{
    for (int k = 0; k < n_options; k++)
        if (options[k].verbs >> (names_of - verbs) & 1 && i-- == 0)
            return options[k].name;
    return NULL;
}

int no_model(const char *name)
{
    const char *meant = nearest_name(name, model_choice);
    if (meant)
        return usage_error("no model '%s'; did you mean '%s'?", name, meant);
    return usage_error("no model '%s'; 'taper models' lists them", name);
}

bool option_given(const cli *c, const char *name)
{
    for (int i = 0; i < n_options; i++)
        if (c->given[i] && !strcmp(options[i].name, name))
            return true;
    return false;
}

/* ---- ranges: "[1,inf)" ----------------------------------------------------------------------------- */

typedef struct interval {
    double low, high;
    bool low_open, high_open;
} interval;

static interval interval_of(const char *range)
{
    interval r = { -INFINITY, INFINITY, true, true };
    if (range) {
        char *end;
        r.low_open = range[0] == '(';
        r.low = strtod(range + 1, &end);
        r.high = strtod(end + 1, &end);
        r.high_open = *end == ')';
    }
    return r;
}

static bool inside(interval r, double x)
{
    return (r.low_open ? x > r.low : x >= r.low) && (r.high_open ? x < r.high : x <= r.high);
}

/* "a number above 0", "a whole number from 1 to 1024", "one of auto, yes, no" */
static const char *wanted(const option *o, char *text, size_t room)
{
    static const char *const kinds[] = {
        [ARG_COUNT] = "a whole number",
        [ARG_INT] = "a whole number",
        [ARG_SEED] = "a whole number from 0 to 2^64 - 1",
        [ARG_REAL] = "a number",
        [ARG_TEXT] = "a text",
        [ARG_NAME] = "one of ",
        [ARG_PATH] = "a file or folder",
        [ARG_FOLDER] = "a folder",
        [ARG_CHAR] = "one character, or tab",
        [ARG_LIST] = "rising whole numbers with commas between them, each",
        [ARG_FLAG] = "true or false",
    };
    interval r = interval_of(o->range);
    int n = snprintf(text, room, "%s", kinds[o->kind]);
    char *end = text + n;
    size_t left = room - (size_t)n;
    if (o->choice)
        for (int i = 0; o->choice(i) && left > 40; i++) {
            n = snprintf(end, left, "%s%s", i ? ", " : "", o->choice(i));
            end += n;
            left -= (size_t)n;
        }
    else if (o->range && isinf(r.high))
        snprintf(end, left, r.low_open ? " above %g" : " of %g or more", r.low);
    else if (o->range)
        snprintf(end, left, " %s %g %s %g", r.low_open ? "above" : "from", r.low,
                 r.low_open ? (r.high_open ? "and below" : "and at most") : (r.high_open ? "to below" : "to"),
                 r.high);
    return text;
}

/* ---- values ---------------------------------------------------------------------------------------- */

static bool too_far; /* the last number read is one, but of a size that does not fit */

static bool read_integer(const char *text, int64_t *value)
{
    char *end;
    if (!(*text >= '0' && *text <= '9') && !(*text == '-' && text[1] >= '0' && text[1] <= '9'))
        return false; /* strtoll takes blanks and signs of its own */
    errno = 0;
    *value = strtoll(text, &end, 10);
    too_far = errno && !*end;
    return !errno && !*end;
}

static bool read_unsigned(const char *text, uint64_t *value)
{
    char *end;
    if (!(*text >= '0' && *text <= '9'))
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    too_far = errno && !*end;
    return !errno && !*end;
}

static bool read_real(const char *text, double *value)
{
    char *end;
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text)) /* no nan, inf, hexadecimal, blanks */
        return false;
    errno = 0;
    *value = strtod(text, &end);
    too_far = errno && !*end;
    if (*value == 0)
        *value = TP_ZERO; /* plain 0 in an option means "default" */
    return end != text && !*end && !errno && isfinite(*value);
}

static bool read_list(const char *text, interval r, cli *c)
{
    int64_t *numbers = c->milestones, before = INT64_MIN;
    int n = 0;
    for (const char *p = text;; p++) {
        char item[24];
        size_t length = strcspn(p, ",");
        if (length >= sizeof item || n == 256)
            return false;
        memcpy(item, p, length);
        item[length] = 0;
        if (!read_integer(item, &numbers[n]) || !inside(r, (double)numbers[n]) || numbers[n] <= before)
            return false;
        before = numbers[n++];
        p += length;
        if (!*p)
            break;
    }
    c->train.schedule_options.milestones = numbers;
    c->train.schedule_options.n_milestones = n;
    return true;
}

static bool read_choice(const option *o, const char *text, void *field)
{
    for (int i = 0; o->choice(i); i++)
        if (!strcmp(o->choice(i), text)) {
            *(const char **)field = o->choice(i);
            return true;
        }
    return false;
}

static bool read_value(const option *o, const char *text, cli *c)
{
    void *field = (char *)c + o->field;
    interval r = interval_of(o->range);
    int64_t whole = 0;
    switch (o->kind) {
    case ARG_FLAG:
        *(bool *)field = !*text || !strcmp(text, "true");
        return !*text || *(bool *)field || !strcmp(text, "false");
    case ARG_COUNT: return read_integer(text, field) && inside(r, (double)*(int64_t *)field);
    case ARG_INT:
        if (!read_integer(text, &whole) || !inside(r, (double)whole))
            return false;
        *(int *)field = (int)whole;
        return true;
    case ARG_SEED: return read_unsigned(text, field);
    case ARG_REAL: return read_real(text, field) && inside(r, *(double *)field);
    case ARG_NAME: return read_choice(o, text, field);
    case ARG_CHAR:
        *(char *)field = !strcmp(text, "tab") ? '\t' : *text;
        return !strcmp(text, "tab") || (strlen(text) == 1 && *text != '"' && *text != '\n' && *text > 0);
    case ARG_LIST: return read_list(text, r, c);
    default: *(const char **)field = text; return *text != 0;
    }
}

static int bad_value(const option *o, const char *text, const char *as)
{
    char want[512];
    wanted(o, want, sizeof want);
    const char *meant = o->choice ? nearest_name(text, o->choice) : NULL;
    if (meant)
        return usage_error("%s '%s': did you mean '%s'? Wanted: %s", as, text, meant, want);
    return usage_error("%s '%s': %s%s is wanted", as, text,
                       too_far ? "its size does not fit the machine; " : "", want);
}

int set_option(cli *c, const option *o, const char *text, const char *as, option_source source)
{
    static cli overruled; /* where values go that another source overrules: they must be right, too */
    const int i = (int)(o - options);
    const bool given = c->given[i] != NULL;
    too_far = false;
    if (given && c->source[i] < source)
        return (!*text && o->kind == ARG_FLAG) || !read_value(o, text, &overruled) ? bad_value(o, text, as)
                                                                                   : 0;
    if (given && o->kind == ARG_FLAG && source == FROM_OPTION)
        return o->field == offsetof(cli, help) ? 0 : usage_error("%s is given twice", as);
    if (given)
        return usage_error("%s is given twice: '%s', then '%s'", as, c->given[i], text);
    c->given[i] = text;
    c->source[i] = (unsigned char)source;
    if ((source != FROM_OPTION && !*text && o->kind == ARG_FLAG) || !read_value(o, text, c))
        return bad_value(o, text, as);
    return 0;
}

/* ---- one option of the command line ---------------------------------------------------------------- */

static const option *find(const verb *v, const char *name, size_t length)
{
    for (int i = 0; i < n_options; i++)
        if ((!v || options[i].verbs >> (v - verbs) & 1) && strlen(options[i].name) == length &&
            !memcmp(options[i].name, name, length))
            return &options[i];
    return NULL;
}

const option *option_of_verb(const verb *v, const char *name)
{
    return find(v, name, strlen(name));
}

static int unknown_option(const verb *v, const char *name, size_t length)
{
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < 60 ? length : 60), name);
    const option *o = find(NULL, name, length);
    if (o) {
        char owners[160] = "";
        for (int i = 0; i < N_VERBS; i++)
            for (int k = 0; k < n_options; k++)
                if (options[k].verbs >> i & 1 && !strcmp(options[k].name, o->name)) {
                    size_t used = strlen(owners);
                    snprintf(owners + used, sizeof owners - used, "%s%s", used ? ", " : "", verbs[i].name);
                }
        return usage_error("%s has no option '--%s'; it belongs to: %s", v->name, word, owners);
    }
    names_of = v;
    const char *meant = nearest_name(word, option_choice);
    if (meant)
        return usage_error("%s has no option '--%s'; did you mean '--%s'?", v->name, word, meant);
    return usage_error("%s has no option '--%s'; 'taper help %s' lists them", v->name, word, v->name);
}

static int missing_value(const option *o, const char *as, const char *next)
{
    char want[512];
    wanted(o, want, sizeof want);
    if (next)
        return usage_error("%s wants %s, %s; '%s' looks like an option (write --%s=%s if it is meant)", as,
                           o->place, want, next, o->name, next);
    return usage_error("%s wants %s: %s", as, o->place, want);
}

/* "--lr 1e-3", "--lr=1e-3" at argv[0]; *used is how many words it took. */
static int long_option(cli *c, char **argv, int argc, int *used)
{
    char as[80];
    const char *name = argv[0] + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const option *o = find(c->verb, name, length);
    *used = 1;
    if (!o && c->verb == &verbs[VERB_op])
        return op_option(c, name, length, equals ? equals + 1 : NULL, argc > 1 ? argv[1] : NULL, used);
    if (!o)
        return unknown_option(c->verb, name, length);
    snprintf(as, sizeof as, "--%s", o->name);
    if (o->kind == ARG_FLAG)
        return equals ? usage_error("%s takes no value, but '%s' is given", as, equals + 1)
                      : set_option(c, o, "", as, FROM_OPTION);
    if (equals)
        return set_option(c, o, equals + 1, as, FROM_OPTION);
    if (argc < 2 || !strncmp(argv[1], "--", 2))
        return missing_value(o, as, argc < 2 ? NULL : argv[1]);
    *used = 2;
    return set_option(c, o, argv[1], as, FROM_OPTION);
}

/* "-b 64", "-b64", "-h" */
static int short_option(cli *c, char **argv, int argc, int *used)
{
    const option *o = NULL;
    char letter = argv[0][1], as[8] = { '-', letter };
    for (int i = 0; i < n_options && !o; i++)
        if (options[i].letter == letter && options[i].verbs >> (c->verb - verbs) & 1)
            o = &options[i];
    *used = 1;
    if (!o)
        return usage_error("%s has no option '%s'; 'taper help %s' lists them", c->verb->name, argv[0],
                           c->verb->name);
    if (o->kind == ARG_FLAG)
        return argv[0][2] ? usage_error("%s takes no value, but '%s' is given", as, argv[0] + 2)
                          : set_option(c, o, "", as, FROM_OPTION);
    if (argv[0][2])
        return set_option(c, o, argv[0] + 2, as, FROM_OPTION);
    if (argc < 2 || !strncmp(argv[1], "--", 2))
        return missing_value(o, as, argc < 2 ? NULL : argv[1]);
    *used = 2;
    return set_option(c, o, argv[1], as, FROM_OPTION);
}

static int count_words(const cli *c)
{
    const verb *v = c->verb;
    if (c->n_words < v->min_words) {
        const char *operands = strchr(v->usage + strlen("taper "), ' ');
        size_t length = operands ? strcspn(++operands, "\n[") : 0;
        while (length && operands[length - 1] == ' ')
            length--;
        return usage_error("%s wants %.*s; 'taper help %s' says more", v->name, (int)length, operands,
                           v->name);
    }
    bool unlimited = v->min_words > 0 && v->max_words == 0;
    if (!unlimited && c->n_words > v->max_words)
        return usage_error("%s: '%s' is one word too many; 'taper help %s' says more", v->name,
                           c->words[v->max_words], v->name);
    return 0;
}

/* A negative number is a word where numbers can be operands. */
static bool is_operand(const cli *c, const char *word)
{
    return c->verb == &verbs[VERB_op] && (strchr(".0123456789", word[1]) || !strcmp(word, "-inf"));
}

/* The model that a word, an option or the file names; the word first. */
static void take_model(cli *c)
{
    if (c->n_words || !c->model)
        return;
    c->words = (char **)&c->model;
    c->n_words = 1;
}

int parse_command(cli *c, const verb *v, int argc, char **argv)
{
    static char *settings[MAX_OPTIONS];
    int n_settings = 0;
    bool only_words = false;
    c->verb = v;
    c->words = argv; /* words move to the front; argv is ours */
    c->train.struct_size = sizeof c->train;
    c->train.model_options.struct_size = sizeof c->train.model_options;
    c->train.data_options.struct_size = sizeof c->train.data_options;
    c->train.data_options.csv.struct_size = sizeof c->train.data_options.csv;
    c->tokenizer.struct_size = sizeof c->tokenizer;
    c->train.optim_options.struct_size = sizeof c->train.optim_options;
    c->train.schedule_options.struct_size = sizeof c->train.schedule_options;
    for (int i = 0, used = 1, code; i < argc; i += used) {
        used = 1;
        code = 0;
        if (!only_words && is_setting(c, argv[i]) && n_settings < MAX_OPTIONS)
            settings[n_settings++] = argv[i];
        else if (only_words || argv[i][0] != '-' || !argv[i][1] || is_operand(c, argv[i]))
            c->words[c->n_words++] = argv[i];
        else if (!strcmp(argv[i], "--"))
            only_words = true;
        else if (argv[i][1] == '-')
            code = long_option(c, argv + i, argc - i, &used);
        else
            code = short_option(c, argv + i, argc - i, &used);
        if (code)
            return code;
    }
    if (c->help)
        return 0;
    for (int i = 0, code; i < n_settings; i++)
        if ((code = take_setting(c, settings[i])))
            return code;
    int code = take_config(c);
    if (code)
        return code;
    take_model(c);
    if (c->header)
        c->train.data_options.csv.header = !strcmp(c->header, "yes") ? 1 : !strcmp(c->header, "no") ? -1 : 0;
    return c->list ? 0 : count_words(c);
}
