/* generate.c - a language model goes on with a text.
 *
 * The network is embedding, rnn and head (models/char_lm.c); the recurrent layers' state is carried from unit to unit, so that
 * each costs the same.  Draw i is a function of (seed, i).
 * Layer: train.  Depends on run.h, units.h.  Read next: units.c. */
#include "base/philox.h"
#include "train/run.h"
#include "train/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct generator {
    units units;
    tp_module *embedding, *rnn, *head;
    tp_rnn_state state;
    tp_generate_options options;
    int64_t outputs;
    double *shares;
    int64_t *order; /* of units, likeliest first, where top_k is less than all */
} generator;

/* ---- the network ------------------------------------------------------------------------------------------------- */

/* The scores of what follows the last of n units, into shares. */
static tp_status read_tokens(generator *g, const int64_t *tokens, int64_t n)
{
    TP_SCOPE;
    tp_tensor *x = tp_tensor_copied(tokens, TP_I64, TP_SHAPE(1, n));
    tp_tensor *y = tp_rnn_forward(g->rnn, tp_forward(g->embedding, x), &g->state);
    tp_detach_state(&g->state);
    tp_tensor *scores = tp_forward(g->head, y ? tp_select(y, 1, n - 1) : NULL);
    if (tp_pending())
        return tp_error_pending();
    const float *score = tp_data(scores);
    for (int64_t i = 0; i < g->outputs; i++)
        g->shares[i] = (double)score[i * tp_stride(scores, 1)];
    return TP_OK;
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

static int64_t likeliest(const generator *g)
{
    int64_t best = 0;
    for (int64_t i = 1; i < g->outputs; i++)
        if (g->shares[i] > g->shares[best])
            best = i;
    return best;
}

static _Thread_local const double *sorted_by;

static int by_share(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    if (sorted_by[x] != sorted_by[y])
        return sorted_by[x] < sorted_by[y] ? 1 : -1;
    return (x > y) - (x < y);
}

/* What is not among the top_k likeliest gets no share. */
static void keep_top(generator *g)
{
    if (!g->options.top_k || g->options.top_k >= g->outputs)
        return;
    for (int64_t i = 0; i < g->outputs; i++)
        g->order[i] = i;
    sorted_by = g->shares;
    qsort(g->order, (size_t)g->outputs, sizeof *g->order, by_share);
    for (int64_t i = g->options.top_k; i < g->outputs; i++)
        g->shares[g->order[i]] = -INFINITY;
}

static int64_t draw(generator *g, int64_t index)
{
    const double temperature = g->options.temperature, top = g->shares[likeliest(g)];
    double sum = 0;
    if (temperature == 0)
        return likeliest(g);
    keep_top(g);
    for (int64_t i = 0; i < g->outputs; i++)
        sum += g->shares[i] = exp((g->shares[i] - top) / temperature);
    const philox_block random = philox(g->options.seed, 0, (uint64_t)index);
    double left = uniform_f64(random.v[0], random.v[1]) * sum;
    int64_t last = 0;
    for (int64_t i = 0; i < g->outputs; i++) {
        if (g->shares[i] > 0 && left < g->shares[i])
            return i;
        left -= g->shares[i];
        last = g->shares[i] > 0 ? i : last;
    }
    return last; /* rounding */
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static tp_status go_on(generator *g, tp_generate_fn *told, void *context)
{
    if (units_read(&g->units, g->options.prompt) || read_tokens(g, g->units.read, g->units.n_read))
        return tp_error_pending();
    for (int64_t i = 0; i < g->options.length; i++) {
        const int64_t token = draw(g, i);
        if (units_end(&g->units, token) || !units_tell(&g->units, token, told, context) ||
            (i + 1 < g->options.length && read_tokens(g, &token, 1)))
            break;
    }
    return tp_error_pending();
}

/* ---- the function ------------------------------------------------------------------------------------------------ */

static tp_status check_options(tp_generate_options *o)
{
    o->length = o->length ? o->length : 200;
    o->temperature = o->temperature == 0 && !signbit(o->temperature) ? 1 : fabs(o->temperature);
    if (o->length < 0 || o->top_k < 0 || !isfinite(o->temperature))
        return tp_fail(TP_ERR_ARGUMENT,
                       "generate: length %lld, top_k %lld, temperature %g: 0 or more each is wanted",
                       (long long)o->length, (long long)o->top_k, o->temperature);
    return TP_OK;
}

tp_status tp_run_generate_opt(tp_run *run, tp_generate_fn *told, void *context,
                              const tp_generate_options *options)
{
    TP_SCOPE;
    TP_NO_GRAD;
    generator g = { 0 };
    if (tp_pending())
        return tp_error_pending();
    if (!run || !told || !options)
        return tp_fail(TP_ERR_ARGUMENT, "generate: the run, the function or the options are NULL");
    const tp_train_config *c = &run->setup->config;
    const tp_model_info *info = tp_model_find(c->model);
    memcpy(&g.options, options,
           options->struct_size < sizeof g.options ? options->struct_size : sizeof g.options);
    if (check_options(&g.options))
        return tp_error_pending();
    if (!info || info->input != TP_INPUT_TEXT)
        return tp_fail(TP_ERR_ARGUMENT,
                       "generate: the run's model is %s; a language model such as char-lm is wanted",
                       c->model);
    g.outputs = c->model_options.classes;
    g.embedding = tp_find_module(run->net, "embedding");
    g.rnn = tp_find_module(run->net, "rnn");
    g.head = tp_find_module(run->net, "head");
    const size_t shares = (size_t)g.outputs * sizeof *g.shares, order = (size_t)g.outputs * sizeof *g.order;
    if (!units_open(&g.units, run->setup) && (g.shares = tp_alloc(shares)) && (g.order = tp_alloc(order)))
        go_on(&g, told, context);
    units_close(&g.units);
    tp_free(g.shares, g.shares ? shares : 0);
    tp_free(g.order, g.order ? order : 0);
    return tp_error_pending();
}
