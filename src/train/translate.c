/* translate.c - what a run that learned pairs of sequences makes of texts.
 *
 * Layer: train.  Depends on run.h, decode.h, data/vocabulary.h.  Read next: decode.c, task_seq2seq.c. */
#include "data/pairs.h"
#include "io/file.h"
#include "train/decode.h"
#include "train/run.h"

#include <math.h>
#include <string.h>

enum { AT_ONCE = 64 };

typedef struct translator {
    tp_run *run;
    vocabulary sources;
    token_unit source_unit, target_unit;
    tp_decode_options options;
    tp_translation_fn *told;
    void *context;
    bool stopped;
} translator;

/* ---- texts to tokens, and back ------------------------------------------------------------------------------------------ */

typedef struct token_list {
    int64_t *tokens, count, room;
} token_list;

/* With <end>. */
static tp_status read_source(const translator *t, const char *text, token_list *out)
{
    const char *at = text ? text : "", *end = at + strlen(at);
    int64_t n;
    out->count = 0;
    while ((n = token_next(t->source_unit, &at, end)) > 0 && !tp_pending()) {
        const int64_t token = vocabulary_find(&t->sources, at, (size_t)n);
        if (!tp_grow((void **)&out->tokens, &out->room, out->count + 2, sizeof *out->tokens))
            out->tokens[out->count++] = token < 0 ? TOKEN_UNKNOWN : token;
        at += n;
    }
    if (n < 0)
        return tp_fail(TP_ERR_FORMAT, "translate: '%.80s' is not UTF-8", text);
    if (!out->count && !tp_pending())
        return tp_fail(TP_ERR_ARGUMENT, "translate: an empty source");
    if (!tp_pending())
        out->tokens[out->count++] = TOKEN_END;
    return tp_error_pending();
}

static tp_status write_target(const translator *t, const hypothesis *h, file_bytes *out)
{
    const setup *s = t->run->setup;
    for (int64_t i = 0; i < h->n; i++) {
        const char *name = h->tokens[i] < s->classes ? s->class_names[h->tokens[i]] : NULL;
        if ((i && t->target_unit == UNIT_WORDS && file_bytes_append(out, " ", 1)) ||
            file_bytes_append(out, name ? name : "", name ? strlen(name) : 0))
            return tp_error_pending();
    }
    return file_bytes_append(out, "", 1);
}

/* ---- some sources together ------------------------------------------------------------------------------------------------ */

typedef struct group {
    const char *const *texts;
    int64_t n;
    token_list tokens[AT_ONCE];
    tp_error_record errors[AT_ONCE];
    int64_t row[AT_ONCE]; /* of decoded; -1: it cannot be read */
    int64_t rows;
    decoded answers[AT_ONCE];
} group;

static tp_tensor *pack(group *g)
{
    int64_t length = 1;
    g->rows = 0;
    for (int64_t i = 0; i < g->n; i++) {
        g->row[i] = g->errors[i].status ? -1 : g->rows++;
        length = g->row[i] >= 0 && g->tokens[i].count > length ? g->tokens[i].count : length;
    }
    if (!g->rows)
        return NULL;
    tp_tensor *packed = tp_zeros(TP_SHAPE(g->rows, length), .dtype = TP_I64);
    int64_t *to = tp_data(packed);
    for (int64_t i = 0; i < g->n && to; i++)
        if (g->row[i] >= 0)
            memcpy(to + g->row[i] * length, g->tokens[i].tokens, (size_t)g->tokens[i].count * sizeof *to);
    return packed;
}

/* Tells of one source. */
static tp_status tell(translator *t, const group *g, int64_t i)
{
    const decoded *d = g->row[i] >= 0 ? &g->answers[g->row[i]] : NULL;
    const int64_t n = !d ? 0 : d->n < t->options.n_best ? d->n : t->options.n_best;
    const char *texts[n + 1];
    double sums[n + 1], scores[n + 1];
    size_t at[n + 1];
    file_bytes all = { 0 };
    for (int64_t k = 0; k < n && !tp_pending(); k++) {
        at[k] = all.size;
        sums[k] = d->best[k].log_probability, scores[k] = d->best[k].score;
        write_target(t, &d->best[k], &all);
    }
    for (int64_t k = 0; k < n && !tp_pending(); k++)
        texts[k] = (const char *)all.data + at[k];
    if (!tp_pending())
        t->stopped = !t->told(t->context, &(tp_translation){ .source = g->texts[i],
                                                             .status = g->errors[i].status,
                                                             .error = d ? NULL : g->errors[i].text,
                                                             .n = n,
                                                             .texts = texts,
                                                             .log_probabilities = sums,
                                                             .scores = scores });
    file_bytes_free(&all);
    return tp_error_pending();
}

static tp_status translate_group(translator *t, group *g)
{
    TP_SCOPE;
    const int64_t never[] = { TOKEN_PAD, TOKEN_BEGIN, TOKEN_UNKNOWN };
    const decoding_options o = { .beam = t->options.beam,
                                 .max_length = t->options.max_length,
                                 .length_penalty = t->options.length_penalty,
                                 .begin = TOKEN_BEGIN,
                                 .end = TOKEN_END,
                                 .never = never,
                                 .n_never = 3 };
    for (int64_t i = 0; i < g->n; i++) {
        read_source(t, g->texts[i], &g->tokens[i]);
        tp_error_export(&g->errors[i]);
    }
    tp_tensor *packed = pack(g);
    if (tp_pending() || (packed && decode(t->run->net, packed, &o, g->answers)))
        return tp_error_pending();
    for (int64_t i = 0; i < g->n && !t->stopped && !tp_pending(); i++)
        tell(t, g, i);
    decoded_free(g->answers, packed ? g->rows : 0);
    return tp_error_pending();
}

static tp_status translate_all(translator *t, const char *const *sources, int64_t n)
{
    group *g = tp_calloc(sizeof *g);
    for (int64_t at = 0; at < n && g && !t->stopped && !tp_pending(); at += AT_ONCE) {
        g->texts = sources + at;
        g->n = n - at < AT_ONCE ? n - at : AT_ONCE;
        translate_group(t, g);
    }
    for (int64_t i = 0; i < AT_ONCE && g; i++)
        tp_free(g->tokens[i].tokens, (size_t)g->tokens[i].room * sizeof(int64_t));
    tp_free(g, g ? sizeof *g : 0);
    return tp_error_pending();
}

/* ---- the function ----------------------------------------------------------------------------------------------------------- */

static tp_status check_options(translator *t)
{
    const setup *s = t->run->setup;
    tp_decode_options *o = &t->options;
    o->beam = o->beam ? o->beam : s->config.beam;
    o->n_best = o->n_best ? o->n_best : 1;
    o->max_length = o->max_length ? o->max_length : 2 * s->targets;
    o->length_penalty = o->length_penalty == 0 && !signbit(o->length_penalty) ? 0.6 : fabs(o->length_penalty);
    if (o->beam < 1 || o->beam > 1024 || o->n_best < 1 || o->n_best > o->beam || o->max_length < 1 ||
        o->max_length > 1 << 20 || !isfinite(o->length_penalty))
        return tp_fail(
            TP_ERR_ARGUMENT,
            "translate: beam %lld (1 to 1024), n_best %lld (1 to beam), max_length %lld, length_penalty %g",
            (long long)o->beam, (long long)o->n_best, (long long)o->max_length, o->length_penalty);
    return TP_OK;
}

tp_status tp_run_translate_opt(tp_run *run, const char *const *sources, int64_t n, tp_translation_fn *told,
                               void *context, const tp_decode_options *options)
{
    TP_SCOPE;
    translator t = { .run = run, .told = told, .context = context };
    if (tp_pending())
        return tp_error_pending();
    if (!run || !told || n < 0 || (n && !sources) || !options)
        return tp_fail(TP_ERR_ARGUMENT, "translate: a run, sources and a function are wanted");
    const setup *s = run->setup;
    if (!tp_module_decoding(run->net) || !s->inputs)
        return tp_fail(
            TP_ERR_ARGUMENT,
            "translate: the run's model is %s; one of pairs of sequences, such as seq2seq, is wanted",
            s->config.model);
    memcpy(&t.options, options,
           options->struct_size < sizeof t.options ? options->struct_size : sizeof t.options);
    const int source = pairs_unit("source_unit", s->config.data_options.source_unit, UNIT_CHARS),
              target = pairs_unit("target_unit", s->config.data_options.target_unit, UNIT_WORDS);
    if (source < 0 || target < 0 || check_options(&t))
        return tp_error_pending();
    t.source_unit = (token_unit)source, t.target_unit = (token_unit)target;
    if (!vocabulary_of(&t.sources, s->input_names, s->inputs))
        translate_all(&t, sources, n);
    vocabulary_free(&t.sources);
    return tp_error_pending();
}
