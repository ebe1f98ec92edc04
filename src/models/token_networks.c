/* token_networks.c - networks over sequences of tokens: the class of a text, and a label for each token.
 *
 *   tokens (N, T), filled up with 0 -> embedding (N, T, E) -> recurrent layers that stop at a sequence's end
 *   text-classifier   the last states of both directions, or the mean of all steps (N, 2H) -> classes
 *   tagger            every step (N, T, 2H) -> classes                                    Huang, Xu and Yu 2015, without the CRF
 * Layer: models.  Depends on taper/nn.h.  Read next: recurrent.c. */
#include "models/zoo.h"

#include <math.h>
#include <string.h>

typedef enum pooling { LAST, MEAN, NONE } pooling;

typedef struct token_network {
    tp_module *embedding, *rnn, *dropout, *head;
    pooling pooling;
    bool bidirectional;
} token_network;

/* The last layer's state after a sequence's own last step, of both directions side by side. */
static tp_tensor *last_states(const token_network *m, const tp_rnn_state *state)
{
    const int64_t strands = state->h ? tp_size(state->h, 0) : 1;
    tp_tensor *last = tp_select(state->h, 0, strands - 1);
    return m->bidirectional ? tp_cat((tp_tensor *[]){ tp_select(state->h, 0, strands - 2), last }, 2, 1)
                            : last;
}

static tp_tensor *forward(tp_module *module, tp_tensor *x)
{
    const token_network *m = tp_module_state(module);
    tp_tensor *tokens = tp_long(x),
              *lengths = tp_clamp(tp_sum(tp_ne(tokens, 0), TP_SHAPE(1), false), 1, INFINITY);
    tp_rnn_state state = { 0 };
    tp_tensor *e = tp_forward(m->dropout, tp_forward(m->embedding, tokens));
    tp_tensor *y = tp_rnn_forward(m->rnn, e, &state, .lengths = lengths);
    if (m->pooling == LAST && !tp_error_pending())
        y = last_states(m, &state);
    else if (m->pooling == MEAN)
        y = tp_div(tp_sum(y, TP_SHAPE(1), false), tp_unsqueeze(tp_to(lengths, TP_F32), 1));
    return tp_forward(m->head, tp_forward(m->dropout, y));
}

static tp_module *build(const char *name, const tp_model_options *o, pooling how, bool bidirectional)
{
    int64_t width;
    tp_model_options all = *o;
    all.bidirectional = bidirectional;
    tp_module *rnn = model_recurrent(name, &all, o->embedding, &width);
    tp_module *net =
        tp_module_new(how == NONE ? "tagger" : "text_classifier", sizeof(token_network), forward);
    token_network *m = tp_module_state(net);
    if (!rnn || !m)
        return NULL;
    m->pooling = how;
    m->bidirectional = bidirectional;
    m->embedding = tp_child(net, "embedding", tp_nn_embedding(o->inputs, o->embedding));
    m->rnn = tp_child(net, "rnn", rnn);
    m->dropout = tp_child(net, "dropout", o->dropout > 0 ? tp_nn_dropout(o->dropout) : tp_nn_identity());
    m->head = tp_child(net, "head", tp_nn_linear(width, o->classes));
    return net;
}

static tp_module *build_classifier(const tp_model_options *o)
{
    static const char *const poolings[] = { "last", "mean", NULL };
    const int how = model_choice("text-classifier", "pooling", o->pooling, poolings);
    return how < 0 ? NULL : build("text-classifier", o, (pooling)how, o->bidirectional);
}

static tp_module *build_tagger(const tp_model_options *o)
{
    return build("tagger", o, NONE, true);
}

extern const model_row model_text_classifier, model_tagger;
const model_row model_text_classifier = {
    .info = { .name = "text-classifier",
              .title = "Text classifier",
              .paper = "Schuster and Paliwal 1997",
              .options = "classes inputs cell layers hidden embedding bidirectional pooling dropout",
              .input = TP_INPUT_LABELLED,
              .task = "text classes",
              .steps = 20,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 10,
                            .inputs = 60,
                            .cell = "gru",
                            .layers = 1,
                            .hidden = "128",
                            .embedding = 64,
                            .pooling = "last" } },
    .build = build_classifier,
};
const model_row model_tagger = {
    .info = { .name = "tagger",
              .title = "Tagger",
              .paper = "Huang et al. 2015",
              .options = "classes inputs cell layers hidden embedding dropout",
              .input = TP_INPUT_TAGGED,
              .task = "tags",
              .steps = 20,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 10,
                            .inputs = 1000,
                            .cell = "lstm",
                            .layers = 1,
                            .hidden = "128",
                            .embedding = 64 } },
    .build = build_tagger,
};
