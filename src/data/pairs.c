/* pairs.c - a file of pairs of sequences, a line a pair: words and their pronunciations, sentences and their translations.
 *
 * Either "source TAB target", or, where the first line has no tab, a dictionary: the source is what stands before the first blank, and
 * further pronunciations of one word are "word(2) ...".  All pairs of a source are in one part, chosen by the source's text and the
 * seed, so that no source is learned from and tested.  Vocabularies are those of the training part.
 *
 *   example x (2, L): source END PAD.. over BEGIN target PAD..       y (L): target END TP_IGNORED..
 *
 * Layer: data.  Depends on vocabulary.h, io/file.h.  Read next: dataset.c, train/prepare.c. */
#include "data/pairs.h"

#include "base/error.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "io/gzip.h"

#include <string.h>

enum { HELD_OUT = 10 /* one source in so many */, MAX_TOKENS = 4096 /* of a side */ };
static const int64_t max_file = (int64_t)1 << 30;

typedef struct span {
    const char *begin, *end;
} span;

typedef struct pair_line {
    span side[2]; /* source, target */
    int64_t line;
    bool test;
} pair_line;

typedef struct sequence { /* of tokens */
    int64_t at, n;
} sequence;

typedef struct pairs {
    char *name; /* of the file */
    vocabulary words[2];
    int32_t *tokens;
    int64_t n_tokens, token_room;
    sequence (*rows)[2];
    int64_t *lines;  /* in the file, of each row */
    int64_t *groups; /* rows of one source have the number of the first of them */
    int64_t count, length;
} pairs;

static void pairs_destroy(void *context)
{
    pairs *p = context;
    tp_free(p->name, p->name ? strlen(p->name) + 1 : 0);
    vocabulary_free(&p->words[0]);
    vocabulary_free(&p->words[1]);
    tp_free(p->tokens, (size_t)p->token_room * sizeof *p->tokens);
    tp_free(p->rows, (size_t)p->count * sizeof *p->rows);
    tp_free(p->lines, (size_t)p->count * sizeof *p->lines);
    tp_free(p->groups, (size_t)p->count * sizeof *p->groups);
    tp_free(p, sizeof *p);
}

/* ---- an example -------------------------------------------------------------------------------------------------- */

static tp_status pairs_get(void *context, int64_t i, float *x, double *y)
{
    const pairs *p = context;
    const int64_t length = p->length;
    const sequence source = p->rows[i][0], target = p->rows[i][1];
    float *inputs = x + length;
    for (int64_t k = 0; k < length; k++) {
        x[k] = k < source.n ? (float)p->tokens[source.at + k] : k == source.n ? TOKEN_END : TOKEN_PAD;
        inputs[k] = !k ? TOKEN_BEGIN : k <= target.n ? (float)p->tokens[target.at + k - 1] : TOKEN_PAD;
        y[k] = k < target.n ? p->tokens[target.at + k] : k == target.n ? TOKEN_END : TP_IGNORED;
    }
    return TP_OK;
}

static int64_t pairs_length(void *context, int64_t i)
{
    const pairs *p = context;
    const int64_t source = p->rows[i][0].n, target = p->rows[i][1].n;
    return 1 + (source > target ? source : target);
}

static int64_t pairs_group(void *context, int64_t i)
{
    return ((pairs *)context)->groups[i];
}

static const char *pairs_class_name(void *context, int64_t token)
{
    return vocabulary_name(&((pairs *)context)->words[1], token);
}

static const char *pairs_input_name(void *context, int64_t token)
{
    return vocabulary_name(&((pairs *)context)->words[0], token);
}

static char *pairs_example_name(void *context, int64_t i, char *text, size_t size)
{
    const pairs *p = context;
    snprintf(text, size, "%s:%lld", p->name, (long long)p->lines[i]);
    return text;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const char *path;
    token_unit unit[2];
    bool tabs, form_known;
    uint64_t seed;
    pair_line *lines;
    int64_t count, room;
} reader;

/* Whether pairs of this source are held out. */
static bool is_held_out(const reader *r, span source)
{
    uint64_t h = 0xcbf29ce484222325u ^ r->seed * 0x9e3779b97f4a7c15u;
    for (const char *p = source.begin; p < source.end; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
    return (h ^ h >> 32) % HELD_OUT == 0;
}

/* "word(2)" is "word". */
static span without_number(span source)
{
    const char *end = source.end;
    if (end - source.begin > 3 && end[-1] == ')') {
        const char *p = end - 2;
        while (p > source.begin && *p >= '0' && *p <= '9')
            p--;
        if (*p == '(' && p < end - 2 && p > source.begin)
            source.end = p;
    }
    return source;
}

static tp_status cut(const reader *r, pair_line *l, span text)
{
    static const char *const sides[] = { "source", "target" };
    const char separator = r->tabs ? '\t' : ' ',
               *at = memchr(text.begin, separator, (size_t)(text.end - text.begin));
    if (!at)
        return tp_fail(TP_ERR_FORMAT, "%s: line %lld: no %s, that source and target have between them",
                       r->path, (long long)l->line, r->tabs ? "tab" : "blank");
    l->side[0] = (span){ text.begin, at };
    l->side[1] = (span){ at + 1, text.end };
    if (r->tabs && memchr(at + 1, '\t', (size_t)(text.end - at - 1)))
        return tp_fail(TP_ERR_FORMAT, "%s: line %lld: more than one tab, source and target are wanted",
                       r->path, (long long)l->line);
    if (!r->tabs)
        l->side[0] = without_number(l->side[0]);
    for (int side = 0; side < 2; side++) {
        const char *p = l->side[side].begin;
        int64_t n = 0, length;
        while ((length = token_next(r->unit[side], &p, l->side[side].end)) > 0)
            p += length, n++;
        if (length < 0)
            return tp_fail(TP_ERR_FORMAT, "%s: line %lld: the %s is not UTF-8 (0x%02x)", r->path,
                           (long long)l->line, sides[side], (unsigned char)*p);
        if (!n || n > MAX_TOKENS)
            return tp_fail(TP_ERR_FORMAT, "%s: line %lld: the %s has %lld tokens, 1 to %d are wanted",
                           r->path, (long long)l->line, sides[side], (long long)n, MAX_TOKENS);
    }
    l->test = is_held_out(r, l->side[0]);
    return TP_OK;
}

static tp_status read_lines(reader *r, const file_bytes *file)
{
    static const char mark[] = "\xef\xbb\xbf";
    const char *p = (const char *)file->data, *end = p + file->size;
    if (file->size >= 3 && !memcmp(p, mark, 3))
        p += 3;
    for (int64_t line = 1; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
        span text = { p, stop > p && stop[-1] == '\r' ? stop - 1 : stop };
        const bool comment = text.end - text.begin >= 3 && !memcmp(text.begin, ";;;", 3);
        p = newline ? newline + 1 : end;
        if (text.begin == text.end || comment)
            continue;
        if (!r->form_known) {
            r->tabs = memchr(text.begin, '\t', (size_t)(text.end - text.begin)) != NULL;
            r->form_known = true;
        }
        pair_line l = { .line = line };
        if (cut(r, &l, text) || tp_grow((void **)&r->lines, &r->room, r->count + 1, sizeof *r->lines))
            return tp_error_pending();
        r->lines[r->count++] = l;
    }
    return TP_OK;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

static tp_status make_vocabularies(pairs *p, const reader *r, const tp_known_names *known)
{
    const char *const *const names[] = { known->inputs, known->classes };
    const int64_t counts[] = { known->n_inputs, known->n_classes };
    for (int side = 0; side < 2; side++) {
        if (counts[side] ? vocabulary_of(&p->words[side], names[side], counts[side])
                         : vocabulary_add_special(&p->words[side]))
            return tp_error_pending();
        if (counts[side])
            continue;
        for (int64_t i = 0; i < r->count && !tp_pending(); i++) {
            const char *at = r->lines[i].side[side].begin, *end = r->lines[i].side[side].end;
            for (int64_t n; !r->lines[i].test && (n = token_next(r->unit[side], &at, end)) > 0; at += n)
                vocabulary_add(&p->words[side], at, (size_t)n);
        }
        if (tp_pending() || vocabulary_sort(&p->words[side], TOKENS_SPECIAL))
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status add_sequence(pairs *p, token_unit unit, int side, span text, sequence *out)
{
    out->at = p->n_tokens;
    for (int64_t n; (n = token_next(unit, &text.begin, text.end)) > 0; text.begin += n) {
        const int64_t token = vocabulary_find(&p->words[side], text.begin, (size_t)n);
        if (tp_grow((void **)&p->tokens, &p->token_room, p->n_tokens + 1, sizeof *p->tokens))
            return tp_error_pending();
        p->tokens[p->n_tokens++] = (int32_t)(token < 0 ? TOKEN_UNKNOWN : token);
    }
    out->n = p->n_tokens - out->at;
    return TP_OK;
}

static int64_t tokens_in(token_unit unit, span text)
{
    int64_t count = 0;
    for (int64_t n; (n = token_next(unit, &text.begin, text.end)) > 0; text.begin += n)
        count++;
    return count;
}

static bool same_text(span a, span b)
{
    return a.end - a.begin == b.end - b.begin && !memcmp(a.begin, b.begin, (size_t)(a.end - a.begin));
}

static tp_status make_rows(pairs *p, int64_t count)
{
    const size_t n = (size_t)count;
    int64_t *lines = tp_calloc(n * sizeof *p->lines),
            *groups = lines ? tp_calloc(n * sizeof *p->groups) : NULL;
    p->rows = groups ? tp_calloc(n * sizeof *p->rows) : NULL;
    if (!p->rows) {
        tp_free(lines, lines ? n * sizeof *p->lines : 0);
        tp_free(groups, groups ? n * sizeof *p->groups : 0);
        return tp_error_pending();
    }
    p->lines = lines, p->groups = groups;
    p->count = count;
    return TP_OK;
}

/* The rows of a part; the length is that of both. */
static tp_status take_rows(pairs *p, const reader *r, tp_part part)
{
    int64_t count = 0, row = 0;
    const pair_line *before = NULL;
    for (int64_t i = 0; i < r->count; i++)
        count += part_takes(part, r->lines[i].test);
    if (!count)
        return tp_fail(TP_ERR_FORMAT, "%s: %lld pairs, of which the %s has none", r->path,
                       (long long)r->count, part_name(part));
    if (make_rows(p, count))
        return tp_error_pending();
    for (int64_t i = 0; i < r->count; i++) {
        const pair_line *l = &r->lines[i];
        const bool wanted = part_takes(part, l->test);
        for (int side = 0; side < 2; side++) {
            const int64_t n = 1 + tokens_in(r->unit[side], l->side[side]);
            p->length = n > p->length ? n : p->length;
            if (wanted && add_sequence(p, r->unit[side], side, l->side[side], &p->rows[row][side]))
                return tp_error_pending();
        }
        if (!wanted)
            continue;
        p->lines[row] = l->line;
        p->groups[row] = before && same_text(before->side[0], l->side[0]) ? p->groups[row - 1] : row;
        before = l;
        row++;
    }
    return TP_OK;
}

/* ---- the dataset ------------------------------------------------------------------------------------------------- */

int pairs_unit(const char *option, const char *word, token_unit otherwise)
{
    if (!word)
        return (int)otherwise;
    if (!strcmp(word, "chars") || !strcmp(word, "words"))
        return *word == 'c' ? UNIT_CHARS : UNIT_WORDS;
    tp_fail(TP_ERR_ARGUMENT, "pairs: %s '%.60s', chars or words is wanted", option, word);
    return -1;
}

static tp_status read_pairs(pairs *p, const char *path, tp_part part, const tp_pairs_options *o)
{
    file_bytes file = { 0 };
    reader r = { .path = path, .seed = o->seed };
    const int source = pairs_unit("source_unit", o->source_unit, UNIT_CHARS),
              target = pairs_unit("target_unit", o->target_unit, UNIT_WORDS);
    if (source < 0 || target < 0)
        return tp_error_pending();
    r.unit[0] = (token_unit)source, r.unit[1] = (token_unit)target;
    const char *slash = strrchr(path, '/');
    p->name = tp_memdup(slash ? slash + 1 : path, strlen(slash ? slash + 1 : path) + 1);
    if (p->name && !file_read(path, max_file, &file) && !gzip_unpack(path, max_file, &file) &&
        !read_lines(&r, &file) && !make_vocabularies(p, &r, &o->known))
        take_rows(p, &r, part);
    file_bytes_free(&file);
    tp_free(r.lines, (size_t)r.room * sizeof *r.lines);
    return tp_error_pending();
}

tp_dataset *tp_pairs_opt(const char *path, tp_part part, const tp_pairs_options *options)
{
    TP_SCOPE;
    tp_pairs_options o = { 0 };
    if (tp_pending())
        return NULL;
    if (!path || !*path)
        return tp_fail_null(TP_ERR_ARGUMENT, "pairs: the path is empty");
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    pairs *p = tp_calloc(sizeof *p);
    if (!p)
        return NULL;
    if (read_pairs(p, path, part, &o)) {
        pairs_destroy(p);
        return NULL;
    }
    const int64_t unknown = count_unknown(p->tokens, p->n_tokens);
    tp_dataset *d = dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                                        .kind = "pairs",
                                                        .get = pairs_get,
                                                        .class_name = pairs_class_name,
                                                        .destroy = pairs_destroy,
                                                        .example_name = pairs_example_name,
                                                        .targets = p->length,
                                                        .inputs = vocabulary_count(&p->words[0]),
                                                        .input_name = pairs_input_name,
                                                        .group = pairs_group,
                                                        .length = pairs_length },
                               p, p->count, TP_SHAPE(2, p->length), vocabulary_count(&p->words[1]));
    if (d)
        d->unknown = unknown;
    return tp_keep(d);
}
