/* reinforce.c - self-critical sequence training (Rennie et al. 2017): a sequence that the network draws is made likelier if it is
 * better than the one that the network takes for the likeliest, and less likely if it is worse.
 *
 *   loss = mean over examples of (r(likeliest) - r(drawn)) log p(drawn)      r = 1 - edits / tokens of the target
 *
 * Both are written without dropout, at most as long as the batch, and without <pad> and <begin>: p is the softmax over the other
 * tokens, in drawing and in the loss.
 * Layer: train.  Depends on robust.h, decode.h.  Read next: robust.c, decode.c. */
#include "train/robust.h"

#include "data/vocabulary.h"
#include "train/decode.h"

#include <math.h>
#include <string.h>

/* ---- drawing ------------------------------------------------------------------------------------------------------- */

/* Scores (.., V) in which what is never written is infinitely unlikely. */
static tp_tensor *written_only(tp_tensor *scores)
{
    if (!scores)
        return NULL;
    tp_tensor *token = tp_arange(0, (double)tp_size(scores, -1), 1, .dtype = TP_I64);
    return tp_masked_fill(scores, tp_lt(token, tp_integer(TOKEN_END)), -INFINITY);
}

typedef struct drawing {
    tp_module *net;
    const tp_decoding_functions *functions;
    tp_decoding state; /* each tensor held */
    int64_t n, most;   /* sequences, places of each */
    int64_t *tokens;   /* n x most, TP_IGNORED after <end> */
    int64_t *last;     /* of each sequence */
    int64_t drawn;     /* places so far */
    bool all_done;
} drawing;

static void retain_all(tp_tensor **parts, int n)
{
    for (int i = 0; i < n; i++)
        tp_retain(parts[i]);
}

static void release_all(tp_tensor **parts, int n)
{
    for (int i = 0; i < n; i++)
        tp_release(parts[i]);
}

static tp_status begin(drawing *d, tp_tensor *sources)
{
    TP_SCOPE;
    tp_decoding state = { .n_read = 0 };
    if (d->functions->begin(d->net, sources, &state))
        return tp_error_pending();
    d->state = state;
    retain_all(d->state.read, d->state.n_read);
    retain_all(d->state.carried, d->state.n_carried);
    return TP_OK;
}

/* The next token of every sequence; those that have ended draw, too, and it does not count. */
static tp_status draw_token(drawing *d)
{
    TP_SCOPE;
    tp_decoding after = d->state;
    tp_tensor *scores = d->functions->step(d->net, tp_tensor_copied(d->last, TP_I64, TP_SHAPE(d->n)), &after);
    if (tp_pending())
        return tp_error_pending();
    retain_all(after.carried, after.n_carried);
    release_all(d->state.carried, d->state.n_carried);
    d->state = after;
    tp_tensor *shares = tp_softmax(written_only(tp_double(scores)), 1);
    tp_tensor *chosen = tp_contiguous(tp_multinomial(shares, 1, true));
    if (tp_pending())
        return tp_error_pending();
    const int64_t *token = tp_data(chosen);
    d->all_done = true;
    for (int64_t i = 0; i < d->n; i++) {
        int64_t *row = d->tokens + i * d->most;
        const bool ended = d->last[i] == TOKEN_END;
        row[d->drawn] = ended ? TP_IGNORED : token[i];
        d->last[i] = ended ? TOKEN_END : token[i];
        d->all_done = d->all_done && d->last[i] == TOKEN_END;
    }
    d->drawn++;
    return TP_OK;
}

/* Into tokens (N, T), all TP_IGNORED, what the network draws after the sources. */
static tp_status draw(tp_module *net, tp_tensor *sources, tp_tensor *tokens)
{
    drawing d = { .net = net, .functions = tp_module_decoding(net), .tokens = tp_data(tokens) };
    if (!d.functions)
        return tp_fail(TP_ERR_ARGUMENT, "train: reward: the network does not write sequences");
    d.n = tp_size(tokens, 0);
    d.most = tp_size(tokens, 1);
    const size_t bytes = (size_t)d.n * sizeof *d.last;
    d.last = tp_alloc(bytes);
    for (int64_t i = 0; i < d.n && d.last; i++)
        d.last[i] = TOKEN_BEGIN;
    if (d.last && !begin(&d, sources))
        while (d.drawn < d.most && !d.all_done && !draw_token(&d)) {}
    release_all(d.state.read, d.state.n_read);
    release_all(d.state.carried, d.state.n_carried);
    tp_free(d.last, d.last ? bytes : 0);
    return tp_error_pending();
}

/* ---- rewards ------------------------------------------------------------------------------------------------------- */

/* How many of a row count: those before <end>. */
static int64_t length_of(const int64_t *row, int64_t most)
{
    int64_t n = 0;
    while (n < most && row[n] != TP_IGNORED && row[n] != TOKEN_END)
        n++;
    return n;
}

/* room: for T + 1 numbers. */
static double reward_of(const int64_t *written, int64_t n, const int64_t *target, int64_t most, int64_t *room)
{
    const int64_t length = length_of(target, most);
    const int64_t edits = token_edits(written, n, target, length, room);
    return 1 - (double)edits / (double)(length ? length : 1);
}

/* What was drawn against the likeliest, of each example, into f32 (N, 1). */
static tp_status weigh(const decoded *likeliest, tp_tensor *tokens, tp_tensor *truth, tp_tensor *advantage)
{
    const int64_t n = tp_size(tokens, 0), most = tp_size(tokens, 1);
    const size_t bytes = (size_t)(most + 1) * sizeof(int64_t);
    int64_t *room = tp_alloc(bytes);
    for (int64_t i = 0; i < n && room; i++) {
        const int64_t *drawn = (const int64_t *)tp_data(tokens) + i * most,
                      *target = (const int64_t *)tp_data(truth) + i * most;
        const hypothesis *h = likeliest[i].n ? likeliest[i].best : NULL;
        ((float *)tp_data(advantage))[i] =
            (float)(reward_of(drawn, length_of(drawn, most), target, most, room) -
                    reward_of(h ? h->tokens : NULL, h ? h->n : 0, target, most, room));
    }
    tp_free(room, room ? bytes : 0);
    return tp_error_pending();
}

static tp_status weigh_drawn(tp_module *net, tp_tensor *sources, tp_tensor *truth, robust_batch *r)
{
    const int64_t n = tp_size(sources, 0), never[] = { TOKEN_PAD, TOKEN_BEGIN };
    const decoding_options o = { .beam = 1,
                                 .max_length = tp_size(r->tokens, 1),
                                 .begin = TOKEN_BEGIN,
                                 .end = TOKEN_END,
                                 .never = never,
                                 .n_never = 2 };
    const size_t bytes = (size_t)n * sizeof(decoded);
    decoded *likeliest = tp_alloc(bytes);
    if (likeliest && !decode(net, sources, &o, likeliest)) {
        weigh(likeliest, r->tokens, truth, r->advantage);
        decoded_free(likeliest, n);
    }
    tp_free(likeliest, likeliest ? bytes : 0);
    return tp_error_pending();
}

/* ---- a batch ------------------------------------------------------------------------------------------------------- */

/* (N, 2, T): the sources over <begin> and what was drawn, so that place k is asked for token k. */
static tp_tensor *forced(tp_tensor *x, tp_tensor *tokens)
{
    const int64_t n = tp_size(x, 0), length = tp_size(x, 2);
    tp_tensor *both = tp_zeros(TP_SHAPE(n, 2, length));
    if (!both || !tp_copy_(tp_narrow(both, 1, 0, 1), tp_narrow(x, 1, 0, 1)))
        return NULL;
    const int64_t *token = tp_data(tokens);
    for (int64_t i = 0; i < n; i++) {
        float *target = (float *)tp_data(both) + (2 * i + 1) * length;
        target[0] = TOKEN_BEGIN;
        for (int64_t k = 1; k < length && token[i * length + k] != TP_IGNORED; k++)
            target[k] = (float)token[i * length + k - 1];
    }
    return both;
}

tp_status self_critical_draw(tp_module *net, tp_tensor *x, tp_tensor *truth, robust_batch *r)
{
    TP_NO_GRAD;
    const bool training = tp_is_training(net);
    const int64_t n = tp_size(x, 0), length = tp_size(x, 2);
    tp_tensor *sources = tp_contiguous(tp_long(tp_select(x, 1, 0)));
    r->tokens = tp_full(TP_SHAPE(n, length), (double)TP_IGNORED, .dtype = TP_I64);
    r->advantage = tp_zeros(TP_SHAPE(n, 1));
    truth = tp_contiguous(truth); /* a trimmed batch's is not */
    if (tp_pending())
        return tp_error_pending();
    tp_eval(net);
    if (!draw(net, sources, r->tokens))
        weigh_drawn(net, sources, truth, r);
    tp_train(net, training);
    r->drawn = tp_pending() ? NULL : forced(x, r->tokens);
    return tp_error_pending();
}

tp_tensor *self_critical_loss(tp_module *net, const robust_batch *r)
{
    TP_SCOPE;
    tp_tensor *y = written_only(tp_forward(net, r->drawn));
    if (!y)
        return NULL;
    tp_tensor *surprise = tp_cross_entropy(tp_flatten(y, 0, 1), tp_flatten(r->tokens, 0, 1),
                                           .reduction = TP_NONE); /* -log p, 0 where there is nothing */
    tp_tensor *of_places = tp_reshape(surprise, TP_SHAPE(tp_size(y, 0), tp_size(y, 1)));
    tp_tensor *sum = tp_sum(tp_mul(of_places, r->advantage), TP_SHAPE(0, 1), false);
    return tp_keep(tp_div(sum, (double)tp_size(y, 0)));
}
