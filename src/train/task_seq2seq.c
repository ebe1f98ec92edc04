/* task_seq2seq.c - to write a sequence after reading another: cross-entropy of each token after the true ones before it, and how wrong
 * what the network writes by itself is.
 *
 * token error: edits (tokens put in, left out, or changed; Levenshtein) from the nearest of a source's targets, over those targets' tokens;
 * sequence error: sources whose answer is none of their targets.  Speech calls them phoneme or word error rates.  BLEU, chrF2: of the
 * answers as texts, a source's targets being its references (text_metrics.h).
 * Layer: train.  Depends on task.h, decode.h.  Read next: decode.c, translate.c. */
#include "base/error.h"
#include "base/memory.h"
#include "data/pairs.h"
#include "data/vocabulary.h"
#include "io/file.h"
#include "train/decode.h"
#include "train/task.h"
#include "train/text_metrics.h"

#include <string.h>

enum { MOST_SOURCES = 20000, AT_ONCE = 64 };

/* ---- a batch without what only fills it up -------------------------------------------------------------------------- */

static void trim(tp_tensor **x, tp_tensor **y)
{
    const int64_t length = tokens_longest(*x);
    *x = tp_narrow(*x, 2, 0, length);
    *y = tp_narrow(*y, 1, 0, length);
}

/* ---- what is written against what is true ------------------------------------------------------------------------------- */

typedef struct example {
    int64_t *source, *target; /* each of length, filled up */
    int64_t n_source, n_target, group;
} example;

typedef struct test_part {
    int64_t *tokens; /* all examples', 2 length each */
    example *examples;
    int64_t count, length;
} test_part;

static void read_example(const float *x, const double *y, int64_t length, example *e)
{
    e->n_source = e->n_target = 0;
    for (int64_t k = 0; k < length; k++) {
        e->source[k] = (int64_t)x[k];
        e->target[k] = (int64_t)y[k];
        e->n_source += x[k] != TOKEN_PAD;
        e->n_target += y[k] != TP_IGNORED && y[k] != TOKEN_END;
    }
}

static tp_status read_part(test_part *t, tp_dataset *d)
{
    t->length = tp_dataset_targets(d);
    t->count = tp_dataset_count(d) < MOST_SOURCES ? tp_dataset_count(d) : MOST_SOURCES;
    const size_t length = (size_t)t->length, count = (size_t)t->count;
    float *x = tp_alloc(2 * length * sizeof *x);
    double *y = tp_alloc(length * sizeof *y);
    t->tokens = tp_alloc(2 * count * length * sizeof *t->tokens);
    t->examples = tp_alloc(count * sizeof *t->examples);
    for (int64_t i = 0; i < t->count && !tp_pending(); i++) {
        example *e = &t->examples[i];
        e->source = t->tokens + 2 * i * t->length;
        e->target = e->source + t->length;
        e->group = tp_dataset_group(d, i);
        if (!tp_dataset_get(d, i, x, y))
            read_example(x, y, t->length, e);
    }
    tp_free(x, x ? 2 * length * sizeof *x : 0);
    tp_free(y, y ? length * sizeof *y : 0);
    return tp_error_pending();
}

static void free_part(test_part *t)
{
    const size_t length = (size_t)t->length, count = (size_t)t->count;
    tp_free(t->tokens, t->tokens ? 2 * count * length * sizeof *t->tokens : 0);
    tp_free(t->examples, t->examples ? count * sizeof *t->examples : 0);
}

/* Targets of one source stand one after the other; where the next source begins. */
static int64_t group_end(const test_part *t, int64_t i)
{
    int64_t end = i + 1;
    while (end < t->count && t->examples[end].group == t->examples[i].group)
        end++;
    return end;
}

typedef struct tally {
    int64_t edits, tokens, wrong, sources;
    bleu_sums bleu;
    chrf_sums chrf;
} tally;

static tp_status count_edits(const test_part *t, int64_t first, const hypothesis *h, tally *sum)
{
    const size_t bytes = (size_t)(t->length + 1) * sizeof(int64_t);
    int64_t *row = tp_alloc(bytes), best = -1, tokens = 0;
    if (!row)
        return tp_error_pending();
    for (int64_t i = first; i < group_end(t, first); i++) {
        const example *e = &t->examples[i];
        const int64_t n = token_edits(h ? h->tokens : NULL, h ? h->n : 0, e->target, e->n_target, row);
        if (best < 0 || n < best)
            best = n, tokens = e->n_target;
    }
    tp_free(row, bytes);
    sum->edits += best, sum->tokens += tokens, sum->wrong += best > 0, sum->sources++;
    return TP_OK;
}

/* Tokens as a text, with a 0 at its end, behind what is in `to`. */
static tp_status write_text(const setup *s, bool words, const int64_t *tokens, int64_t n, file_bytes *to)
{
    for (int64_t i = 0; i < n; i++) {
        const char *name = tokens[i] < s->classes ? s->class_names[tokens[i]] : NULL;
        if ((i && words && file_bytes_append(to, " ", 1)) ||
            file_bytes_append(to, name ? name : "", name ? strlen(name) : 0))
            return tp_error_pending();
    }
    return file_bytes_append(to, "", 1);
}

static tp_status count_grams(const setup *s, const test_part *t, int64_t first, const hypothesis *h,
                             tally *sum)
{
    const int unit = pairs_unit("target_unit", s->config.data_options.target_unit, UNIT_WORDS);
    const char *references[MOST_REFERENCES];
    file_bytes texts = { 0 };
    const int64_t end = group_end(t, first);
    const int n = end - first < MOST_REFERENCES ? (int)(end - first) : MOST_REFERENCES;
    write_text(s, unit == UNIT_WORDS, h ? h->tokens : NULL, h ? h->n : 0, &texts);
    for (int i = 0; i < n; i++)
        write_text(s, unit == UNIT_WORDS, t->examples[first + i].target, t->examples[first + i].n_target,
                   &texts);
    const char *text = (const char *)texts.data, *at = text;
    for (int i = 0; i < n && !tp_pending(); i++)
        references[i] = at += strlen(at) + 1;
    if (!tp_pending())
        (void)(bleu_add(&sum->bleu, text, references, n) || chrf_add(&sum->chrf, text, references, n));
    file_bytes_free(&texts);
    return tp_error_pending();
}

/* Writes what becomes of n sources (the first examples of their groups), and counts. */
static tp_status measure_some(const setup *s, tp_module *net, const test_part *t, const int64_t *firsts,
                              int64_t n, tally *sum)
{
    TP_SCOPE;
    const int64_t never[] = { TOKEN_PAD, TOKEN_BEGIN };
    const decoding_options o = { .beam = s->config.beam,
                                 .max_length = 2 * t->length,
                                 .length_penalty = 0.6,
                                 .begin = TOKEN_BEGIN,
                                 .end = TOKEN_END,
                                 .never = never,
                                 .n_never = 2 };
    decoded answers[AT_ONCE];
    int64_t length = 1;
    for (int64_t i = 0; i < n; i++)
        length = t->examples[firsts[i]].n_source > length ? t->examples[firsts[i]].n_source : length;
    tp_tensor *sources = tp_zeros(TP_SHAPE(n, length), .dtype = TP_I64);
    int64_t *to = tp_data(sources);
    for (int64_t i = 0; i < n && to; i++)
        for (int64_t k = 0; k < t->examples[firsts[i]].n_source; k++)
            to[i * length + k] = t->examples[firsts[i]].source[k];
    if (!to || decode(net, sources, &o, answers))
        return tp_error_pending();
    for (int64_t i = 0; i < n && !tp_pending(); i++)
        (void)(count_edits(t, firsts[i], answers[i].n ? answers[i].best : NULL, sum) ||
               count_grams(s, t, firsts[i], answers[i].n ? answers[i].best : NULL, sum));
    decoded_free(answers, n);
    return tp_error_pending();
}

/* Sources of like length go together: those of one length after those of the one before it. */
static tp_status measure_all(const setup *s, tp_module *net, const test_part *t, tally *sum)
{
    int64_t firsts[AT_ONCE], n = 0;
    for (int64_t length = 1; length <= t->length && !tp_pending(); length++)
        for (int64_t i = 0; i < t->count && !tp_pending(); i = group_end(t, i)) {
            if (t->examples[i].n_source != length)
                continue;
            firsts[n++] = i;
            if (n == AT_ONCE)
                n = 0, measure_some(s, net, t, firsts, AT_ONCE, sum);
        }
    return n && !tp_pending() ? measure_some(s, net, t, firsts, n, sum) : tp_error_pending();
}

static tp_status measure(evaluation *e, const setup *s, tp_module *net, tp_dataset *d, tp_transform *unused)
{
    test_part t = { 0 };
    tally sum = { 0 };
    (void)unused;
    if (!read_part(&t, d) && !measure_all(s, net, &t, &sum)) {
        evaluation_figure(e, "token error", (double)sum.edits / (double)(sum.tokens ? sum.tokens : 1));
        evaluation_figure(e, "sequence error", (double)sum.wrong / (double)(sum.sources ? sum.sources : 1));
        evaluation_figure(e, "BLEU", bleu_of(&sum.bleu));
        evaluation_figure(e, "chrF2", chrf_of(&sum.chrf));
    }
    free_part(&t);
    return tp_error_pending();
}

extern const task task_seq2seq;
const task task_seq2seq = { .name = "seq2seq",
                            .check = classes_check,
                            .loss = classes_loss,
                            .add = classes_add,
                            .trim = trim,
                            .measure = measure,
                            .best_of = "token error",
                            .report = report_translations,
                            .verb = "predict",
                            .words = "WORD" };
