/* seq2seq.c - a sequence becomes another one: encoder, attention, decoder, all recurrent.
 *
 *   source (N, S)  -> embedding -> recurrent layers in both directions        e (N, S, 2H)
 *   target (N, T)  -> embedding -> recurrent layers, begun with tanh(bridge of the encoder's last state)   d (N, T, H)
 *   shares over the source: softmax of a score of each place, padding left out
 *       dot       d . keys(e)                       Luong et al. 2015, "general"
 *       additive  score . tanh(query(d) + keys(e))  Bahdanau et al. 2014, the decoder's state after the token in place of that before
 *   tanh(combine(d, sum of shares e)) (N, T, H) -> head, a score for each token (N, T, classes)
 *
 * The input is (N, 2, L): the source's tokens over the target's, which begin with <begin> (tp_pairs).  In decoding the source is
 * read once, and each step costs the same.
 * Layer: models.  Depends on taper/nn.h.  Read next: recurrent.c, train/decode.c. */
#include "models/zoo.h"

#include <math.h>
#include <string.h>

typedef struct seq2seq {
    tp_module *source, *target, *encoder, *decoder, *bridge, *keys, *query, *score, *combine, *head, *dropout;
    int64_t layers;
    bool is_lstm;
} seq2seq;

typedef struct memory {                  /* what the decoder sees of the source */
    tp_tensor *encoded, *keys, *padding; /* padding (N, 1, S), bool */
} memory;

/* ---- encoder ------------------------------------------------------------------------------------------------------- */

/* The last states of both directions side by side, layer by layer: (layers 2, N, H) -> (layers, N, 2H) -> tanh(bridge). */
static tp_tensor *bridged(const seq2seq *m, tp_tensor *state)
{
    tp_tensor *layers[64];
    for (int64_t l = 0; l < m->layers && state; l++)
        layers[l] =
            tp_cat((tp_tensor *[]){ tp_select(state, 0, 2 * l), tp_select(state, 0, 2 * l + 1) }, 2, 1);
    return state ? tp_tanh(tp_forward(m->bridge, tp_stack(layers, (int)m->layers, 0))) : NULL;
}

static memory encode(const seq2seq *m, tp_tensor *tokens, tp_rnn_state *state)
{
    tp_tensor *is_token = tp_ne(tokens, 0),
              *lengths = tp_clamp(tp_sum(is_token, TP_SHAPE(1), false), 1, INFINITY);
    tp_tensor *x = tp_forward(m->dropout, tp_forward(m->source, tokens));
    tp_tensor *e = tp_rnn_forward(m->encoder, x, state, .lengths = lengths);
    state->h = bridged(m, state->h);
    state->c = bridged(m, state->c);
    return (memory){ e, tp_forward(m->keys, e), tp_unsqueeze(tp_logical_not(is_token), 1) };
}

/* ---- decoder ------------------------------------------------------------------------------------------------------- */

static tp_tensor *scores_of_places(const seq2seq *m, tp_tensor *d, const memory *from)
{
    if (!m->score)
        return tp_matmul(d, tp_transpose(from->keys, 1, 2));
    tp_tensor *sum = tp_add(tp_unsqueeze(tp_forward(m->query, d), 2), tp_unsqueeze(from->keys, 1));
    return tp_squeeze(tp_forward(m->score, tp_tanh(sum)), 3);
}

/* tokens (N, T) after the state: scores (N, T, classes), and the state after the last one. */
static tp_tensor *decode(const tp_module *module, tp_tensor *tokens, const memory *from, tp_rnn_state *state)
{
    const seq2seq *m = tp_module_state((tp_module *)(uintptr_t)module);
    tp_tensor *x = tp_forward(m->dropout, tp_forward(m->target, tokens));
    tp_tensor *d = tp_rnn_forward(m->decoder, x, state);
    tp_tensor *shares = tp_softmax(tp_masked_fill(scores_of_places(m, d, from), from->padding, -INFINITY), 2);
    tp_note_attention(module, shares);
    tp_tensor *both = tp_cat((tp_tensor *[]){ d, tp_matmul(shares, from->encoded) }, 2, 2);
    return tp_forward(m->head, tp_forward(m->dropout, tp_tanh(tp_forward(m->combine, both))));
}

static tp_tensor *forward(tp_module *module, tp_tensor *x)
{
    const seq2seq *m = tp_module_state(module);
    tp_rnn_state state = { 0 };
    if (!x || tp_ndim(x) != 3 || tp_size(x, 1) != 2) {
        tp_error_set(TP_ERR_SHAPE, "seq2seq: input of %d dims, (N, 2, L), sources over targets, is wanted",
                     x ? tp_ndim(x) : 0);
        return NULL;
    }
    tp_tensor *tokens = tp_long(x);
    const memory from = encode(m, tp_select(tokens, 1, 0), &state);
    return decode(module, tp_select(tokens, 1, 1), &from, &state);
}

/* ---- token by token: carried are h and c, with the hypotheses in front --------------------------------------------------- */

static void carry(const seq2seq *m, tp_decoding *d, const tp_rnn_state *state)
{
    d->carried[0] = tp_transpose(state->h, 0, 1);
    d->carried[1] = m->is_lstm ? tp_transpose(state->c, 0, 1) : NULL;
    d->n_carried = m->is_lstm ? 2 : 1;
}

static tp_status begin(tp_module *module, tp_tensor *source, tp_decoding *d)
{
    const seq2seq *m = tp_module_state(module);
    tp_rnn_state state = { 0 };
    const memory from = encode(m, source, &state);
    d->read[0] = from.encoded, d->read[1] = from.keys, d->read[2] = from.padding;
    d->n_read = 3;
    if (!tp_error_pending())
        carry(m, d, &state);
    return tp_error_pending();
}

static tp_tensor *step(tp_module *module, tp_tensor *tokens, tp_decoding *d)
{
    const seq2seq *m = tp_module_state(module);
    const memory from = { d->read[0], d->read[1], d->read[2] };
    tp_rnn_state state = { .h = tp_transpose(d->carried[0], 0, 1) };
    if (m->is_lstm)
        state.c = tp_transpose(d->carried[1], 0, 1);
    tp_tensor *y = decode(module, tp_unsqueeze(tokens, 1), &from, &state);
    if (!y)
        return NULL;
    carry(m, d, &state);
    return tp_select(y, 1, 0);
}

/* ---- the network --------------------------------------------------------------------------------------------------- */

static tp_module *build(const tp_model_options *o)
{
    static const char *const attentions[] = { "dot", "additive", NULL };
    static const tp_decoding_functions functions = { begin, step, NULL };
    const int attention = model_choice("seq2seq", "attention", o->attention, attentions);
    int64_t wide, width;
    if (o->layers > 32)
        tp_error_set(TP_ERR_ARGUMENT, "seq2seq: %lld layers, 32 are possible", (long long)o->layers);
    tp_model_options both = *o;
    both.bidirectional = true;
    tp_module *encoder = model_recurrent("seq2seq", &both, o->embedding, &wide),
              *decoder = model_recurrent("seq2seq", o, o->embedding, &width);
    tp_module *net = tp_module_new("seq2seq", sizeof(seq2seq), forward);
    seq2seq *m = tp_module_state(net);
    if (attention < 0 || !encoder || !decoder || !m)
        return NULL;
    m->layers = o->layers;
    m->is_lstm = !strcmp(o->cell, "lstm");
    m->source = tp_child(net, "source", tp_nn_embedding(o->inputs, o->embedding));
    m->encoder = tp_child(net, "encoder", encoder);
    m->bridge = tp_child(net, "bridge", tp_nn_linear(wide, width));
    m->keys = tp_child(net, "keys", tp_nn_linear(wide, width, .no_bias = true));
    m->target = tp_child(net, "target", tp_nn_embedding(o->classes, o->embedding));
    m->decoder = tp_child(net, "decoder", decoder);
    if (attention == 1) {
        m->query = tp_child(net, "query", tp_nn_linear(width, width));
        m->score = tp_child(net, "score", tp_nn_linear(width, 1, .no_bias = true));
    }
    m->combine = tp_child(net, "combine", tp_nn_linear(width + wide, width));
    m->dropout = tp_child(net, "dropout", o->dropout > 0 ? tp_nn_dropout(o->dropout) : tp_nn_identity());
    m->head = tp_child(net, "head", tp_nn_linear(width, o->classes));
    tp_module_decodes(net, &functions);
    return net;
}

extern const model_row model_seq2seq;
const model_row model_seq2seq = {
    .info = { .name = "seq2seq",
              .title = "Sequence to sequence with attention",
              .paper = "Bahdanau et al. 2014",
              .options = "classes inputs cell layers hidden embedding attention dropout",
              .input = TP_INPUT_PAIR,
              .task = "seq2seq",
              .steps = 20,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 43,
                            .inputs = 31,
                            .cell = "gru",
                            .layers = 1,
                            .hidden = "256",
                            .embedding = 128,
                            .attention = "dot" } },
    .build = build,
};
