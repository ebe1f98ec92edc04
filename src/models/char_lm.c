/* char_lm.c - a character language model: which character comes next.
 *
 * (N, T) characters -> embedding (N, T, E) -> recurrent layers (N, T, H) -> a score for each character (N, T, classes).
 * `taper generate` goes on with a text character by character, with the state of the recurrent layers.
 * Layer: models.  Depends on taper/nn.h.  Read next: recurrent.c. */
#include "models/zoo.h"

static tp_module *build(const tp_model_options *o)
{
    int64_t width;
    tp_module *rnn = model_recurrent("char-lm", o, o->embedding, &width);
    if (!rnn)
        return NULL;
    tp_module *net = tp_nn_sequential("embedding", tp_nn_embedding(o->classes, o->embedding));
    model_add(net, "rnn", 0, rnn);
    if (o->dropout > 0)
        model_add(net, "dropout", 0, tp_nn_dropout(o->dropout));
    model_add(net, "head", 0, tp_nn_linear(width, o->classes));
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
