/* labelled.c - sequences of tokens with labels: a text and its class, or tokens and a label for each.
 *
 *   tp_labelled   "text TAB label", a line each                                     x (L) tokens, y the class
 *   tp_tagged     "token TAB label" lines (CoNLL), an empty line after a sequence   x (L) tokens, y (L) classes, then TP_IGNORED
 *
 * One sequence in ten is the test part, by a shuffle of the seed.  Tokens and labels are those of the training part; a label that is only in the
 * test part is an error that names its line.  Or both are what is known, and so for a label that is not.
 * Layer: data.  Depends on labelled.h, vocabulary.h, io/file.h.  Read next: pairs.c. */
#include "data/labelled.h"

#include "base/error.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "data/permutation.h"
#include "data/vocabulary.h"
#include "io/gzip.h"

#include <string.h>

enum { HELD_OUT = 10 /* one sequence in so many */, MAX_TOKENS = 65536 };
static const int64_t max_file = (int64_t)1 << 30;

typedef struct token_line {
    const char *text, *label; /* in the file; each of its length */
    int64_t n_text, n_label, line;
} token_line;

typedef struct row {
    int64_t at, n; /* of tokens, and where they begin */
    int64_t line;
    int32_t label; /* of the whole; tags stand beside the tokens */
} row;

typedef struct labelled {
    char *name;       /* of the file */
    bool tags, known; /* known: tokens and labels were before the file */
    token_unit unit;
    vocabulary tokens, labels;
    int32_t *x, *y; /* of all rows; y: tags */
    int64_t n_x, x_room, y_room;
    row *rows;
    int64_t count, room, length;
} labelled;

static void labelled_destroy(void *context)
{
    labelled *d = context;
    tp_free(d->name, d->name ? strlen(d->name) + 1 : 0);
    vocabulary_free(&d->tokens);
    vocabulary_free(&d->labels);
    tp_free(d->x, (size_t)d->x_room * sizeof *d->x);
    tp_free(d->y, (size_t)d->y_room * sizeof *d->y);
    tp_free(d->rows, (size_t)d->room * sizeof *d->rows);
    tp_free(d, sizeof *d);
}

/* ---- an example -------------------------------------------------------------------------------------------------- */

static tp_status labelled_get(void *context, int64_t i, float *x, double *y)
{
    const labelled *d = context;
    const row *r = &d->rows[i];
    for (int64_t k = 0; k < d->length; k++)
        x[k] = k < r->n ? (float)d->x[r->at + k] : TOKEN_PAD;
    for (int64_t k = 0; k < d->length && d->tags; k++)
        y[k] = k < r->n ? d->y[r->at + k] : TP_IGNORED;
    if (!d->tags)
        *y = r->label;
    return TP_OK;
}

static int64_t labelled_length(void *context, int64_t i)
{
    return ((labelled *)context)->rows[i].n;
}

static const char *labelled_class_name(void *context, int64_t label)
{
    return vocabulary_name(&((labelled *)context)->labels, label);
}

static const char *labelled_input_name(void *context, int64_t token)
{
    return vocabulary_name(&((labelled *)context)->tokens, token);
}

static char *labelled_example_name(void *context, int64_t i, char *text, size_t size)
{
    const labelled *d = context;
    snprintf(text, size, "%s:%lld", d->name, (long long)d->rows[i].line);
    return text;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

typedef struct line_list {
    token_line *lines; /* n_text 0: a sequence ends */
    int64_t count, room;
} line_list;

static tp_status add_line(line_list *l, token_line line)
{
    if (!tp_grow((void **)&l->lines, &l->room, l->count + 1, sizeof *l->lines))
        l->lines[l->count++] = line;
    return tp_error_pending();
}

/* The last tab parts text and label. */
static tp_status read_lines(const labelled *d, const char *path, const file_bytes *file, line_list *out)
{
    static const char mark[] = "\xef\xbb\xbf";
    const char *p = (const char *)file->data, *end = p + file->size;
    if (file->size >= 3 && !memcmp(p, mark, 3))
        p += 3;
    for (int64_t line = 1; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end,
                   *next = newline ? stop + 1 : end;
        stop -= stop > p && stop[-1] == '\r';
        const char *tab = stop;
        while (tab > p && *tab != '\t')
            tab--;
        token_line l = {
            .text = p, .n_text = tab - p, .label = tab + 1, .n_label = stop - tab - 1, .line = line
        };
        if (p == stop)
            l = (token_line){ .line = line };
        else if (tab == p || l.n_label < 1)
            return tp_fail(TP_ERR_FORMAT, "%s: line %lld: a %s, a tab and a label are wanted", path,
                           (long long)line, d->tags ? "token" : "text");
        if (add_line(out, l))
            return tp_error_pending();
        p = next;
    }
    return add_line(out, (token_line){ .n_text = 0 });
}

/* ---- sequences --------------------------------------------------------------------------------------------------- */

/* Where the sequence that begins at line i ends; of texts it is the line. */
static int64_t end_of(const labelled *d, const line_list *l, int64_t i)
{
    int64_t end = i + 1;
    while (d->tags && l->lines[end].n_text)
        end++;
    return end;
}

typedef tp_status on_token(labelled *, const char *token, int64_t n);

static tp_status each_token(labelled *d, const char *path, const token_line *l, on_token *f)
{
    const char *at = l->text, *end = at + l->n_text;
    int64_t n = l->n_text;
    if (d->tags)
        return f(d, at, n);
    for (; (n = token_next(d->unit, &at, end)) > 0; at += n)
        if (f(d, at, n))
            return tp_error_pending();
    return n < 0 ? tp_fail(TP_ERR_FORMAT, "%s: line %lld: the text is not UTF-8", path, (long long)l->line)
                 : TP_OK;
}

static tp_status learn_token(labelled *d, const char *token, int64_t n)
{
    return vocabulary_add(&d->tokens, token, (size_t)n);
}

static tp_status put_token(labelled *d, const char *token, int64_t n)
{
    const int64_t found = vocabulary_find(&d->tokens, token, (size_t)n);
    if (tp_grow((void **)&d->x, &d->x_room, d->n_x + 1, sizeof *d->x) ||
        (d->tags && tp_grow((void **)&d->y, &d->y_room, d->n_x + 1, sizeof *d->y)))
        return tp_error_pending();
    d->x[d->n_x++] = (int32_t)(found < 0 ? TOKEN_UNKNOWN : found);
    return TP_OK;
}

static tp_status label_of(const labelled *d, const char *path, const token_line *l, int32_t *label)
{
    const int64_t found = vocabulary_find(&d->labels, l->label, (size_t)l->n_label);
    *label = (int32_t)found;
    if (found < 0 && d->known)
        return tp_fail(TP_ERR_FORMAT, "%s: line %lld: the label '%.*s' is none of the %lld that are known",
                       path, (long long)l->line, (int)(l->n_label < 60 ? l->n_label : 60), l->label,
                       (long long)vocabulary_count(&d->labels));
    return found >= 0 ? TP_OK
                      : tp_fail(TP_ERR_FORMAT,
                                "%s: line %lld: no sequence to learn from has the label '%.*s' of this one, "
                                "which is held out; "
                                "more of them, or another --split-seed, are wanted",
                                path, (long long)l->line, (int)(l->n_label < 60 ? l->n_label : 60), l->label);
}

static tp_status put_row(labelled *d, const char *path, const line_list *l, int64_t begin, int64_t end)
{
    row r = { .at = d->n_x, .line = l->lines[begin].line };
    for (int64_t i = begin; i < end; i++) {
        int32_t label;
        if (label_of(d, path, &l->lines[i], &label) || each_token(d, path, &l->lines[i], put_token))
            return tp_error_pending();
        r.label = label;
        if (d->tags)
            d->y[d->n_x - 1] = label;
    }
    r.n = d->n_x - r.at;
    if (r.n < 1 || r.n > MAX_TOKENS)
        return tp_fail(TP_ERR_FORMAT, "%s: line %lld: %lld tokens, 1 to %d are wanted", path,
                       (long long)r.line, (long long)r.n, MAX_TOKENS);
    if (!tp_grow((void **)&d->rows, &d->room, d->count + 1, sizeof *d->rows))
        d->rows[d->count++] = r;
    return tp_error_pending();
}

static int64_t count_sequences(const labelled *d, const line_list *l)
{
    int64_t n = 0;
    for (int64_t i = 0; i < l->count;)
        if (l->lines[i].n_text) {
            n++;
            i = end_of(d, l, i);
        } else
            i++;
    return n;
}

/* In the first pass the training part's tokens and labels are learned, in the second the part's rows are taken; the length is that of both parts. */
static tp_status pass(labelled *d, const char *path, const line_list *l, tp_part part, uint64_t seed,
                      bool learn)
{
    const int64_t all = count_sequences(d, l), held = all / HELD_OUT ? all / HELD_OUT : all > 1;
    const permutation order = permutation_of(all ? all : 1, seed);
    for (int64_t i = 0, k = 0; i < l->count && !tp_pending();) {
        if (!l->lines[i].n_text) {
            i++;
            continue;
        }
        const int64_t end = end_of(d, l, i);
        const bool test = permutation_at(&order, k++) < held;
        for (int64_t j = i; j < end && learn && !test && !tp_pending(); j++) {
            vocabulary_add(&d->labels, l->lines[j].label, (size_t)l->lines[j].n_label);
            each_token(d, path, &l->lines[j], learn_token);
        }
        if (!learn && !put_row(d, path, l, i, end)) {
            const row *r = &d->rows[d->count - 1];
            d->length = r->n > d->length ? r->n : d->length;
            if (!part_takes(part, test)) /* only its length counts */
                d->n_x = r->at, d->count--;
        }
        i = end;
    }
    return tp_error_pending();
}

static tp_status make_vocabularies(labelled *d, const char *path, const line_list *l, tp_part part,
                                   uint64_t seed, const tp_known_names *known)
{
    d->known = known->n_inputs > 0;
    if (d->known)
        return vocabulary_of(&d->tokens, known->inputs, known->n_inputs) ||
                       vocabulary_of(&d->labels, known->classes, known->n_classes)
                   ? tp_error_pending()
                   : TP_OK;
    return vocabulary_add_special(&d->tokens) || pass(d, path, l, part, seed, true) ||
                   vocabulary_sort(&d->tokens, TOKENS_SPECIAL) || vocabulary_sort(&d->labels, 0)
               ? tp_error_pending()
               : TP_OK;
}

static tp_status read_labelled(labelled *d, const char *path, tp_part part, uint64_t seed,
                               const tp_known_names *known)
{
    file_bytes file = { 0 };
    line_list lines = { 0 };
    const char *slash = strrchr(path, '/');
    d->name = tp_memdup(slash ? slash + 1 : path, strlen(slash ? slash + 1 : path) + 1);
    if (d->name && !file_read(path, max_file, &file) && !gzip_unpack(path, max_file, &file) &&
        !read_lines(d, path, &file, &lines) && !make_vocabularies(d, path, &lines, part, seed, known) &&
        !pass(d, path, &lines, part, seed, false) && !d->count)
        tp_fail(TP_ERR_FORMAT, "%s: no sequences for the %s", path, part_name(part));
    file_bytes_free(&file);
    tp_free(lines.lines, (size_t)lines.room * sizeof *lines.lines);
    return tp_error_pending();
}

tp_dataset *labelled_open(const char *path, tp_part part, token_unit unit, bool tags, uint64_t seed,
                          const tp_known_names *known)
{
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    if (!path || !*path)
        return tp_fail_null(TP_ERR_ARGUMENT, "labelled: the path is empty");
    labelled *d = tp_calloc(sizeof *d);
    if (!d)
        return NULL;
    d->tags = tags;
    d->unit = unit;
    if (read_labelled(d, path, part, seed, known)) {
        labelled_destroy(d);
        return NULL;
    }
    const int64_t unknown = count_unknown(d->x, d->n_x);
    tp_dataset *made = dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                                           .kind = tags ? "tagged" : "labelled",
                                                           .get = labelled_get,
                                                           .class_name = labelled_class_name,
                                                           .destroy = labelled_destroy,
                                                           .example_name = labelled_example_name,
                                                           .targets = tags ? d->length : 1,
                                                           .inputs = vocabulary_count(&d->tokens),
                                                           .input_name = labelled_input_name,
                                                           .length = labelled_length },
                                  d, d->count, TP_SHAPE(d->length), vocabulary_count(&d->labels));
    if (made)
        made->unknown = unknown;
    return tp_keep(made);
}

tp_dataset *tp_labelled(const char *path, tp_part part, bool words, uint64_t seed)
{
    return labelled_open(path, part, words ? UNIT_WORDS : UNIT_CHARS, false, seed, &(tp_known_names){ 0 });
}

tp_dataset *tp_tagged(const char *path, tp_part part, uint64_t seed)
{
    return labelled_open(path, part, UNIT_WORDS, true, seed, &(tp_known_names){ 0 });
}
