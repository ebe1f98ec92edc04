/* decode.c - beam search over a network that writes a sequence token by token.
 *
 * Row s beam + k is hypothesis k of source s.  In each step the likeliest 2 beam continuations of a source's hypotheses are
 * looked at, best first: those that end are finished, if they are among the first beam, and the others go on until there are beam.
 * A source is done when it has beam finished ones and none that goes on is better than the worst of them as it stands.
 * Sums are in double and ties go to what comes first, so that a text does not depend on threads.
 * Layer: train.  Depends on taper/nn.h.  Read next: decode.h, task_seq2seq.c. */
#include "train/decode.h"

#include "base/error.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

typedef struct candidate {
    double log_probability;
    int64_t row, token;
} candidate;

typedef struct search {
    const decoding_options *o;
    tp_module *net;
    const tp_decoding_functions *functions;
    tp_decoding state; /* each tensor held */
    int64_t sources, rows, step;
    int64_t *tokens, *next_tokens; /* rows x max_length: what each row has written */
    double *alive, *next_alive;    /* log-probability of each row; -inf: none; both in alive_room */
    double *alive_room;
    int64_t *last, *from;  /* of each row: the token that it goes on with, and the row it came from */
    bool *done;            /* of each source */
    candidate *candidates; /* 2 beam */
    decoded *out;
} search;

/* ---- the network's state -------------------------------------------------------------------------------------------- */

typedef tp_tensor *change(tp_tensor *, void *);

static tp_status change_all(tp_tensor **parts, int n, change *f, void *context)
{
    for (int i = 0; i < n && !tp_pending(); i++) {
        TP_SCOPE;
        tp_tensor *t = f(parts[i], context);
        if (!t)
            break;
        tp_retain(t);
        tp_release(parts[i]);
        parts[i] = t;
    }
    return tp_error_pending();
}

static void hold(tp_tensor **parts, int n)
{
    for (int i = 0; i < n; i++)
        tp_retain(parts[i]);
}

static void let_go(tp_tensor **parts, int n)
{
    for (int i = 0; i < n; i++)
        tp_release(parts[i]);
}

static tp_tensor *repeat(tp_tensor *t, void *times)
{
    return tp_contiguous(tp_repeat_interleave(t, *(int64_t *)times,
                                              0)); /* one row's copies are a view of it: each needs its own */
}

static tp_tensor *choose(tp_tensor *t, void *rows)
{
    return tp_index_select(t, 0, rows);
}

static tp_status begin(search *s, tp_tensor *sources)
{
    TP_SCOPE;
    int64_t beam = s->o->beam;
    tp_decoding state = { .n_read = 0 };
    if (s->functions->begin(s->net, sources, &state))
        return tp_error_pending();
    s->state = state;
    hold(s->state.read, s->state.n_read);
    hold(s->state.carried, s->state.n_carried);
    if (beam == 1 || change_all(s->state.read, s->state.n_read, repeat, &beam))
        return tp_error_pending();
    return change_all(s->state.carried, s->state.n_carried, repeat, &beam);
}

/* The log-probabilities of what follows each row, f64 (rows, V). */
static tp_tensor *step(search *s)
{
    TP_SCOPE;
    tp_tensor *tokens = tp_tensor_copied(s->last, TP_I64, TP_SHAPE(s->rows));
    tp_decoding after = s->state;
    tp_tensor *scores = s->functions->step(s->net, tokens, &after);
    if (!scores || tp_pending())
        return NULL;
    hold(after.carried, after.n_carried);
    let_go(s->state.carried, s->state.n_carried);
    s->state = after;
    return tp_keep(tp_contiguous(tp_log_softmax(tp_double(scores), 1)));
}

static tp_status reorder(search *s)
{
    TP_SCOPE;
    bool moved = false;
    for (int64_t i = 0; i < s->rows; i++)
        moved |= s->from[i] != i;
    return moved ? change_all(s->state.carried, s->state.n_carried, choose,
                              tp_tensor_copied(s->from, TP_I64, TP_SHAPE(s->rows)))
                 : TP_OK;
}

/* ---- hypotheses ------------------------------------------------------------------------------------------------------ */

static double score_of(const search *s, double log_probability, int64_t length)
{
    const double n = s->o->by_length ? (double)length : (5 + (double)length) / 6;
    return log_probability / pow(n, s->o->length_penalty);
}

/* Keeps the beam best that are finished; of equals those that came first. */
static void finish(search *s, int64_t source, int64_t row, double log_probability, int64_t n, int64_t length)
{
    decoded *d = &s->out[source];
    const double score = score_of(s, log_probability, length);
    int64_t at = d->n;
    while (at > 0 && score > d->best[at - 1].score)
        at--;
    if (at == s->o->beam)
        return;
    const int64_t last = d->n < s->o->beam ? d->n++ : d->n - 1;
    hypothesis free_place = d->best[last];
    memmove(d->best + at + 1, d->best + at, (size_t)(last - at) * sizeof *d->best);
    free_place.n = n;
    free_place.log_probability = log_probability;
    free_place.score = score;
    memcpy(free_place.tokens, s->tokens + row * s->o->max_length, (size_t)n * sizeof *free_place.tokens);
    d->best[at] = free_place;
}

static bool is_never(const search *s, int64_t token)
{
    for (int i = 0; i < s->o->n_never; i++)
        if (s->o->never[i] == token)
            return true;
    return false;
}

/* The likeliest continuations of a source's hypotheses, best first; how many. */
static int64_t find_candidates(search *s, int64_t source, const double *scores, int64_t vocabulary)
{
    const int64_t beam = s->o->beam, most = 2 * beam;
    int64_t n = 0;
    for (int64_t row = source * beam; row < (source + 1) * beam; row++)
        for (int64_t token = 0; token < vocabulary && s->alive[row] > -INFINITY; token++) {
            const double p = s->alive[row] + scores[row * vocabulary + token];
            if ((n == most && !(p > s->candidates[n - 1].log_probability)) || is_never(s, token) || isnan(p))
                continue;
            int64_t at = n < most ? n++ : n - 1;
            for (; at > 0 && p > s->candidates[at - 1].log_probability; at--)
                s->candidates[at] = s->candidates[at - 1];
            s->candidates[at] = (candidate){ p, row, token };
        }
    return n;
}

static void go_on(search *s, int64_t row, const candidate *c)
{
    const int64_t most = s->o->max_length;
    memcpy(s->next_tokens + row * most, s->tokens + c->row * most, (size_t)s->step * sizeof *s->tokens);
    s->next_tokens[row * most + s->step] = c->token;
    s->next_alive[row] = c->log_probability;
    s->last[row] = c->token;
    s->from[row] = c->row;
}

static void advance_source(search *s, int64_t source, const double *scores, int64_t vocabulary)
{
    const int64_t beam = s->o->beam, n = find_candidates(s, source, scores, vocabulary);
    int64_t row = source * beam;
    const int64_t end = row + beam;
    double best = -INFINITY;
    for (int64_t i = 0; i < n && row < end; i++) {
        const candidate *c = &s->candidates[i];
        if (c->token != s->o->end) {
            best = fmax(best, c->log_probability);
            go_on(s, row++, c);
        } else if (i < beam) {
            finish(s, source, c->row, c->log_probability, s->step, s->step + 1);
        }
    }
    const decoded *d = &s->out[source];
    const double bound = score_of(s, best, s->step + 1);
    s->done[source] = row == source * beam || (d->n == beam && !(bound > d->best[beam - 1].score));
    for (; row < end; row++)
        s->next_alive[row] = -INFINITY, s->from[row] = row, s->last[row] = s->o->begin;
}

/* What is not finished after the last step counts as it is. */
static void close(search *s)
{
    for (int64_t row = 0; row < s->rows; row++)
        if (!s->done[row / s->o->beam] && s->alive[row] > -INFINITY)
            finish(s, row / s->o->beam, row, s->alive[row], s->step, s->step + s->o->ends_forced);
}

/* ---- the search -------------------------------------------------------------------------------------------------------- */

static tp_status advance(search *s, bool *all_done)
{
    TP_SCOPE;
    tp_tensor *scores = step(s);
    if (!scores)
        return tp_error_pending();
    *all_done = true;
    for (int64_t i = 0; i < s->sources; i++) {
        if (!s->done[i]) {
            advance_source(s, i, tp_data(scores), tp_size(scores, 1));
        } else
            for (int64_t row = i * s->o->beam; row < (i + 1) * s->o->beam; row++)
                s->from[row] = row;
        *all_done = *all_done && s->done[i];
    }
    int64_t *tokens = s->tokens;
    double *alive = s->alive;
    s->tokens = s->next_tokens, s->next_tokens = tokens;
    s->alive = s->next_alive, s->next_alive = alive;
    s->step++;
    return *all_done ? TP_OK : reorder(s);
}

static tp_status make_room(search *s)
{
    const size_t rows = (size_t)s->rows, length = (size_t)s->o->max_length;
    s->tokens = tp_calloc(rows * length * sizeof *s->tokens);
    s->next_tokens = tp_calloc(rows * length * sizeof *s->tokens);
    s->alive = s->alive_room = tp_calloc(2 * rows * sizeof *s->alive);
    s->last = tp_calloc(2 * rows * sizeof *s->last);
    s->done = tp_calloc((size_t)s->sources * sizeof *s->done);
    s->candidates = tp_calloc(2 * (size_t)s->o->beam * sizeof *s->candidates);
    for (int64_t i = 0; i < s->sources && !tp_pending(); i++) {
        decoded *d = &s->out[i];
        d->best = tp_calloc((size_t)s->o->beam * sizeof *d->best);
        d->places = s->o->beam;
        d->room = s->o->max_length;
        for (int64_t k = 0; k < s->o->beam && d->best; k++)
            d->best[k].tokens = tp_calloc(length * sizeof(int64_t));
    }
    return tp_error_pending();
}

static void free_room(search *s)
{
    const size_t rows = (size_t)s->rows, length = (size_t)s->o->max_length;
    tp_free(s->tokens, rows * length * sizeof *s->tokens);
    tp_free(s->next_tokens, rows * length * sizeof *s->tokens);
    tp_free(s->alive_room, 2 * rows * sizeof *s->alive);
    tp_free(s->last, 2 * rows * sizeof *s->last);
    tp_free(s->done, (size_t)s->sources * sizeof *s->done);
    tp_free(s->candidates, 2 * (size_t)s->o->beam * sizeof *s->candidates);
    let_go(s->state.read, s->state.n_read);
    let_go(s->state.carried, s->state.n_carried);
}

static tp_status run(search *s, tp_tensor *sources)
{
    bool all_done = false;
    if (make_room(s))
        return tp_error_pending();
    s->next_alive = s->alive + s->rows;
    s->from = s->last + s->rows;
    for (int64_t row = 0; row < s->rows; row++) {
        s->alive[row] = row % s->o->beam ? -INFINITY : 0; /* all begin alike: one of them is enough */
        s->last[row] = s->o->begin;
    }
    if (begin(s, sources))
        return tp_error_pending();
    while (!all_done && s->step < s->o->max_length)
        if (advance(s, &all_done))
            return tp_error_pending();
    close(s);
    return TP_OK;
}

tp_status decode(tp_module *net, tp_tensor *sources, const decoding_options *o, decoded *out)
{
    TP_SCOPE;
    TP_NO_GRAD;
    search s = { .o = o, .net = net, .functions = tp_module_decoding(net), .out = out };
    if (tp_pending())
        return tp_error_pending();
    if (!s.functions || tp_ndim(sources) != 2 || o->beam < 1 || o->max_length < 1)
        return tp_fail(TP_ERR_ARGUMENT, "decode: %s",
                       s.functions ? "sources (N, S), a beam and a length of 1 or more are wanted"
                                   : "the network does not write sequences");
    int64_t cells;
    s.sources = tp_size(sources, 0);
    s.rows = s.sources * o->beam;
    if (!tp_mul_fits(s.rows, o->max_length, &cells) || cells > (int64_t)1 << 32)
        return tp_fail(TP_ERR_ARGUMENT, "decode: %lld sources, a beam of %lld and %lld tokens are too many",
                       (long long)s.sources, (long long)o->beam, (long long)o->max_length);
    memset(out, 0, (size_t)s.sources * sizeof *out);
    run(&s, sources);
    free_room(&s);
    if (tp_pending())
        decoded_free(out, s.sources);
    return tp_error_pending();
}

void decoded_free(decoded *all, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        decoded *d = &all[i];
        for (int64_t k = 0; k < d->places && d->best; k++)
            tp_free(d->best[k].tokens, d->best[k].tokens ? (size_t)d->room * sizeof(int64_t) : 0);
        tp_free(d->best, d->best ? (size_t)d->places * sizeof *d->best : 0);
        *d = (decoded){ 0 };
    }
}

/* ---- distance ---------------------------------------------------------------------------------------------------------- */

int64_t token_edits(const int64_t *a, int64_t n, const int64_t *b, int64_t m, int64_t *row)
{
    for (int64_t j = 0; j <= m; j++)
        row[j] = j;
    for (int64_t i = 1; i <= n; i++) {
        int64_t diagonal = row[0];
        row[0] = i;
        for (int64_t j = 1; j <= m; j++) {
            const int64_t changed = diagonal + (a[i - 1] != b[j - 1]),
                          other = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = changed < other ? changed : other;
        }
    }
    return row[m];
}
