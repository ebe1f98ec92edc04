/* generate.c - a language model goes on with a text: drawing, or by beam search.
 *
 * Any network that says how it reads a text token by token will do (tp_module_decodes), and each token costs the same.  Several texts of one
 * prompt are rows of one batch.  A network that sees no more than its context begins again with the last half of it when that is full;
 * of a longer prompt the end is read.  Draw i of text r is a function of (seed, r, i).
 * Layer: train.  Depends on run.h, units.h, sample.h, decode.h.  Read next: units.c, sample.c. */
#include "base/error.h"
#include "base/memory.h"
#include "train/decode.h"
#include "train/run.h"
#include "train/sample.h"
#include "train/stop.h"
#include "train/units.h"

#include <math.h>
#include <string.h>

typedef struct text { /* one of several */
    units units;
    stop stop;
    int64_t *tokens; /* the prompt's, and then its own */
    int64_t n, room;
    double log_probability;
    bool done;
} text;

typedef struct generator {
    tp_module *net;
    const tp_decoding_functions *functions;
    tp_decoding state; /* held */
    tp_generate_options options;
    sampling sampling;
    int64_t context, read; /* most that the network sees, 0: no limit; tokens in its state */
    int64_t rows, outputs, prompt;
    text *texts;
    double *scores; /* rows x outputs */
    int64_t *order;
} generator;

/* ---- the network ------------------------------------------------------------------------------------------------- */

static void hold(tp_decoding *now, const tp_decoding *next)
{
    for (int i = 0; i < next->n_carried; i++)
        tp_retain(next->carried[i]);
    for (int i = 0; i < now->n_carried; i++)
        tp_release(now->carried[i]);
    *now = *next;
}

/* The last n tokens of each text, or all where it has fewer; scores of what follows. */
static tp_status read_on(generator *g, int64_t n)
{
    TP_SCOPE;
    bool ragged = false;
    for (int64_t r = 0; r < g->rows; r++)
        ragged = ragged || g->texts[r].n < n;
    tp_tensor *x = tp_zeros(TP_SHAPE(g->rows, n), .dtype = TP_I64),
              *lengths = ragged ? tp_zeros(TP_SHAPE(g->rows), .dtype = TP_I64) : NULL;
    int64_t *to = x ? tp_data(x) : NULL, *length = lengths ? tp_data(lengths) : NULL;
    for (int64_t r = 0; r < g->rows && to; r++) {
        const text *t = &g->texts[r];
        const int64_t known = t->n < n ? t->n : n;
        memcpy(to + r * n, t->tokens + t->n - known, (size_t)known * sizeof *to);
        if (length)
            length[r] = known;
    }
    tp_decoding next = g->state;
    next.lengths = lengths;
    tp_tensor *scores = tp_contiguous(tp_double(g->functions->step(g->net, x, &next)));
    if (tp_pending())
        return tp_error_pending();
    hold(&g->state, &next);
    g->read += n;
    if (!g->scores) {
        g->outputs = tp_size(scores, 1);
        g->scores = tp_alloc((size_t)(g->rows * g->outputs) * sizeof *g->scores);
        g->order = tp_alloc((size_t)g->outputs * sizeof *g->order);
    }
    if (tp_pending())
        return tp_error_pending();
    memcpy(g->scores, tp_data(scores), (size_t)(g->rows * g->outputs) * sizeof *g->scores);
    return TP_OK;
}

/* All texts are of one length, or none comes to the context's end (check_prompts). */
static tp_status read_next(generator *g)
{
    if (!g->context || g->read < g->context)
        return read_on(g, 1);
    hold(&g->state, &(tp_decoding){ 0 });
    g->read = 0;
    return read_on(g, g->context / 2 > 0 ? g->context / 2 : 1);
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static tp_status add_token(text *t, int64_t token)
{
    if (tp_grow((void **)&t->tokens, &t->room, t->n + 1, sizeof *t->tokens))
        return tp_error_pending();
    t->tokens[t->n++] = token;
    return TP_OK;
}

/* One more unit; false: the text has ended. */
static bool write_unit(text *t, int64_t unit)
{
    return !units_end(&t->units, unit) && units_tell(&t->units, unit, stop_tell, &t->stop);
}

static tp_status advance(generator *g, int64_t index, bool *all_done)
{
    *all_done = true;
    for (int64_t r = 0; r < g->rows && !tp_pending(); r++) {
        text *t = &g->texts[r];
        double *scores = g->scores + r * g->outputs;
        int64_t token = t->tokens[t->n - 1];
        if (!t->done) {
            double *kept = NULL;
            const size_t bytes = (size_t)g->outputs * sizeof *kept;
            if (g->options.log_probability && (kept = tp_memdup(scores, bytes)) == NULL)
                break;
            token = sample(&g->sampling, scores, g->order, g->outputs, t->tokens, t->n,
                           g->options.n_prompts ? 0 : (uint64_t)r, (uint64_t)index);
            t->log_probability += kept ? log_share(kept, g->outputs, token) : 0;
            tp_free(kept, kept ? bytes : 0);
            t->done = !write_unit(t, token);
        }
        add_token(t, token);
        *all_done = *all_done && t->done;
    }
    return tp_error_pending();
}

static tp_status draw_texts(generator *g)
{
    bool all_done = false;
    const int64_t most = g->context;
    int64_t prompt = 0;
    for (int64_t r = 0; r < g->rows; r++)
        prompt = g->texts[r].n > prompt ? g->texts[r].n : prompt;
    if (read_on(g, most && prompt > most ? most : prompt))
        return tp_error_pending();
    for (int64_t i = 0; i < g->options.length && !all_done; i++)
        if (advance(g, i, &all_done) || (!all_done && i + 1 < g->options.length && read_next(g)))
            break;
    return tp_error_pending();
}

/* ---- beam search --------------------------------------------------------------------------------------------------- */

/* Goes on with the prompt of t, and the n - 1 texts after it, by the n best hypotheses. */
static tp_status search(generator *g, text *t, int64_t n)
{
    TP_SCOPE;
    decoded best;
    const int64_t first =
        g->context && t->n > g->context - g->options.length ? t->n - (g->context - g->options.length) : 0;
    if (first >= t->n || first < 0)
        return tp_fail(TP_ERR_ARGUMENT,
                       "generate: a beam of %lld tokens does not fit into the context of %lld",
                       (long long)g->options.length, (long long)g->context);
    const decoding_options o = { .beam = g->options.beam,
                                 .max_length = g->options.length,
                                 .length_penalty = g->options.length_penalty,
                                 .begin = t->tokens[t->n - 1],
                                 .end = units_end_unit(&t->units) };
    if (decode(g->net, tp_tensor_copied(t->tokens + first, TP_I64, TP_SHAPE(1, t->n - 1 - first)), &o, &best))
        return tp_error_pending();
    for (int64_t k = 0; k < n && k < best.n; k++) {
        const hypothesis *h = &best.best[k];
        t[k].log_probability = h->log_probability;
        for (int64_t i = 0; i < h->n; i++) {
            add_token(&t[k], h->tokens[i]);
            if (!write_unit(&t[k], h->tokens[i]))
                break;
        }
    }
    decoded_free(&best, 1);
    return tp_error_pending();
}

/* Prompts one after the other: each one's hypotheses are a batch. */
static tp_status search_texts(generator *g)
{
    const int64_t each = g->options.n_prompts ? 1 : g->rows;
    for (int64_t r = 0; r < g->rows && !tp_pending(); r += each)
        search(g, &g->texts[r], each);
    return tp_error_pending();
}

/* ---- the function ------------------------------------------------------------------------------------------------ */

static tp_status check_options(tp_generate_options *o)
{
    o->length = o->length ? o->length : 200;
    o->samples = o->samples ? o->samples : 1;
    o->length_penalty = o->length_penalty == 0 && !signbit(o->length_penalty) ? 1 : fabs(o->length_penalty);
    o->temperature = o->temperature == 0 && !signbit(o->temperature) ? 1 : fabs(o->temperature);
    o->repetition_penalty = o->repetition_penalty != 0 ? o->repetition_penalty : 1;
    if (o->length < 0 || o->top_k < 0 || !isfinite(o->temperature))
        return tp_fail(TP_ERR_ARGUMENT,
                       "generate: length %lld, top_k %lld, temperature %g: 0 or more each is wanted",
                       (long long)o->length, (long long)o->top_k, o->temperature);
    if (!(o->top_p >= 0 && o->top_p <= 1) || !(o->min_p >= 0 && o->min_p <= 1) || !(o->gumbel >= 0) ||
        !(o->repetition_penalty > 0))
        return tp_fail(TP_ERR_ARGUMENT,
                       "generate: top_p %g, min_p %g, gumbel %g, repetition_penalty %g: 0 to 1, 0 to 1, 0 or "
                       "more and more "
                       "than 0 are wanted",
                       o->top_p, o->min_p, o->gumbel, o->repetition_penalty);
    if (o->n_prompts < 0 || o->n_prompts > 1024 ||
        (o->n_prompts && (!o->prompts || o->prompt || o->samples > 1)))
        return tp_fail(TP_ERR_ARGUMENT,
                       "generate: %lld prompts: up to 1024 are wanted, without a prompt or samples",
                       (long long)o->n_prompts);
    if (o->beam < 0 || o->beam > 64 || o->samples < 1 || o->samples > 1024 ||
        (o->beam && o->samples > o->beam))
        return tp_fail(TP_ERR_ARGUMENT,
                       "generate: beam %lld, %lld texts: up to 64, and of a beam no more texts than that",
                       (long long)o->beam, (long long)o->samples);
    return TP_OK;
}

static tp_status open_texts(generator *g, const setup *s, tp_tokenizer *tokenizer, tp_generate_fn *told,
                            void *context)
{
    const tp_generate_options *o = &g->options;
    g->rows = o->n_prompts ? o->n_prompts : o->samples;
    if (!(g->texts = tp_calloc((size_t)g->rows * sizeof *g->texts)))
        return tp_error_pending();
    for (int64_t r = 0; r < g->rows && !tp_pending(); r++) {
        text *t = &g->texts[r];
        if ((s ? units_open(&t->units, s) : units_open_tokenizer(&t->units, tokenizer)) ||
            units_read(&t->units, "generate", o->n_prompts ? o->prompts[r] : o->prompt) ||
            stop_open(&t->stop, o->stop, g->rows == 1 && !o->n_prompts ? told : NULL, context))
            break;
        for (int64_t i = 0; i < t->units.n_read; i++)
            add_token(t, t->units.read[i]);
    }
    g->prompt = g->texts[0].n;
    return tp_error_pending();
}

/* A network that begins again when its context is full would do so for all texts at once, at another place than each by itself. */
static tp_status check_prompts(const generator *g)
{
    for (int64_t r = 0; r < g->options.n_prompts && g->context; r++)
        if (g->texts[r].n + g->options.length > g->context)
            return tp_fail(TP_ERR_ARGUMENT,
                           "generate: prompt %lld has %lld tokens, with %lld more it does not fit into the "
                           "context of %lld",
                           (long long)r + 1, (long long)g->texts[r].n, (long long)g->options.length,
                           (long long)g->context);
    return TP_OK;
}

/* Several texts: each with the prompt before it and a line that counts them, where they are told of. */
static void tell_all(generator *g, tp_generate_fn *told, void *context)
{
    for (int64_t r = 0; r < g->rows && !tp_pending(); r++) {
        text *t = &g->texts[r];
        stop_end(&t->stop);
        if (g->rows == 1 && !g->options.n_prompts)
            continue;
        char line[64];
        const char *prompt = g->options.n_prompts     ? g->options.prompts[r]
                             : g->options.prompt && r ? g->options.prompt
                                                      : "";
        const int n = snprintf(line, sizeof line, "%s--- %lld ---\n", r ? "\n" : "", (long long)r + 1);
        if ((r && !told(context, line, (size_t)n)) || !told(context, prompt, strlen(prompt)) ||
            !told(context, t->stop.text ? t->stop.text : "", (size_t)t->stop.n))
            return;
    }
}

static void close_texts(generator *g)
{
    for (int64_t r = 0; r < g->rows && g->texts; r++) {
        text *t = &g->texts[r];
        units_close(&t->units);
        stop_close(&t->stop);
        tp_free(t->tokens, (size_t)t->room * sizeof *t->tokens);
    }
    hold(&g->state, &(tp_decoding){ 0 });
    tp_free(g->texts, g->texts ? (size_t)g->rows * sizeof *g->texts : 0);
    tp_free(g->scores, g->scores ? (size_t)(g->rows * g->outputs) * sizeof *g->scores : 0);
    tp_free(g->order, g->order ? (size_t)g->outputs * sizeof *g->order : 0);
}

static tp_status generate(tp_module *net, const setup *s, tp_tokenizer *tokenizer, tp_generate_fn *told,
                          void *context, const tp_generate_options *options)
{
    TP_SCOPE;
    TP_NO_GRAD;
    generator g = { .net = net, .functions = tp_module_decoding(net) };
    memcpy(&g.options, options,
           options->struct_size < sizeof g.options ? options->struct_size : sizeof g.options);
    if (check_options(&g.options))
        return tp_error_pending();
    if (!g.functions)
        return tp_fail(TP_ERR_ARGUMENT, "generate: the network does not write texts");
    const tp_generate_options *o = &g.options;
    g.context = g.functions->context ? g.functions->context(net) : 0;
    g.sampling =
        (sampling){ o->temperature, o->top_p, o->min_p, o->gumbel, o->repetition_penalty, o->top_k, o->seed };
    if (!open_texts(&g, s, tokenizer, told, context) && !check_prompts(&g) &&
        !(o->beam > 1 ? search_texts(&g) : draw_texts(&g)))
        tell_all(&g, told, context);
    for (int64_t r = 0; r < g.rows && o->log_probability && g.texts; r++)
        o->log_probability[r] = g.texts[r].log_probability;
    if (o->tokens && g.texts)
        *o->tokens = g.texts[0].n - g.prompt;
    close_texts(&g);
    return tp_error_pending();
}

tp_status tp_generate_opt(tp_module *net, tp_tokenizer *tokenizer, tp_generate_fn *told, void *context,
                          const tp_generate_options *options)
{
    if (tp_pending())
        return tp_error_pending();
    if (!net || !tokenizer || !told || !options)
        return tp_fail(TP_ERR_ARGUMENT,
                       "generate: the network, the tokenizer, the function or the options are NULL");
    return generate(net, NULL, tokenizer, told, context, options);
}

tp_status tp_run_generate_opt(tp_run *run, tp_generate_fn *told, void *context,
                              const tp_generate_options *options)
{
    if (tp_pending())
        return tp_error_pending();
    if (!run || !told || !options)
        return tp_fail(TP_ERR_ARGUMENT, "generate: the run, the function or the options are NULL");
    const tp_train_config *c = &run->setup->config;
    const tp_model_info *info = tp_model_find(c->model);
    if (!info || info->input != TP_INPUT_TEXT)
        return tp_fail(
            TP_ERR_ARGUMENT,
            "generate: the run's model is %s; a language model such as char-lm or transformer-lm is wanted",
            c->model);
    return generate(run->net, run->setup, NULL, told, context, options);
}
