/* char_lm.c - a character language model: which character comes next.
 *
 * (N, T) characters -> embedding (N, T, E) -> recurrent layers (N, T, H) -> a score for each character (N, T, classes).
 * `taper generate` goes on with a text character by character, with the state of the recurrent layers.
 * Layer: models.  Depends on taper/nn.h.  Read next: recurrent.c. */
#include "models/zoo.h"

/* ---- character by character: carried are h and c, with the texts in front -------------------------------------------------- */

static tp_tensor *turned(tp_tensor *state)
{
    return state ? tp_transpose(state, 0, 1) : NULL;
}

static tp_tensor *step(tp_module *net, tp_tensor *tokens, tp_decoding *d)
{
    tp_rnn_state state = { .h = turned(d->n_carried > 0 ? d->carried[0] : NULL),
                           .c = turned(d->n_carried > 1 ? d->carried[1] : NULL) };
    tokens = tokens && tp_ndim(tokens) == 1 ? tp_unsqueeze(tokens, 1) : tokens;
    tp_tensor *x = tp_forward(tp_find_module(net, "embedding"), tokens);
    tp_tensor *lengths = d->lengths,
              *y = tp_rnn_forward(tp_find_module(net, "rnn"), x, &state, .lengths = lengths);
    d->lengths = NULL;
    if (!y)
        return NULL;
    d->carried[0] = turned(state.h);
    d->carried[1] = turned(state.c);
    d->n_carried = state.c ? 2 : 1;
    const int64_t texts = tp_size(y, 0), steps = tp_size(y, 1);
    if (lengths) {
        tp_tensor *first = tp_arange(0, (double)(texts * steps), (double)steps, .dtype = TP_I64);
        y = tp_index_select(tp_flatten(y, 0, 1), 0, tp_add(first, tp_sub(lengths, tp_integer(1))));
    } else
        y = tp_select(y, 1, steps - 1);
    return tp_forward(tp_find_module(net, "head"), y);
}

static tp_status begin(tp_module *net, tp_tensor *before, tp_decoding *d)
{
    if (before && tp_numel(before))
        step(net, before, d);
    return tp_error_pending();
}

static tp_module *build(const tp_model_options *o)
{
    static const tp_decoding_functions functions = { begin, step, NULL };
    int64_t width;
    tp_module *rnn = model_recurrent("char-lm", o, o->embedding, &width);
    if (!rnn)
        return NULL;
    tp_module *net = tp_nn_sequential("embedding", tp_nn_embedding(o->classes, o->embedding));
    model_add(net, "rnn", 0, rnn);
    if (o->dropout > 0)
        model_add(net, "dropout", 0, tp_nn_dropout(o->dropout));
    model_add(net, "head", 0, tp_nn_linear(width, o->classes));
    tp_module_decodes(net, &functions);
    return net;
}

extern const model_row model_char_lm;
const model_row model_char_lm = {
    .info = { .name = "char-lm",
              .title = "Character language model",
              .paper = "Graves 2013",
              .options = "classes cell layers hidden embedding dropout",
              .input = TP_INPUT_TEXT,
              .task = "language",
              .steps = 128,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 65,
                            .cell = "lstm",
                            .layers = 2,
                            .hidden = "256",
                            .embedding = 64 } },
    .build = build,
};
