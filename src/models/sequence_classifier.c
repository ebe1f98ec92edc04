/* sequence_classifier.c - the class of a sequence: words that were spoken, what sensors saw, a digit row by row.
 *
 * (N, T, features), or pictures by rows -> recurrent layers (N, T, H) -> the last step, the mean, or what attention weighs (N, H)
 * -> classes.
 * Layer: models.  Depends on taper/nn.h.  Read next: recurrent.c. */
#include "models/zoo.h"

static tp_module *build(const tp_model_options *o)
{
    int64_t width;
    tp_module *net = tp_nn_sequential("rows", tp_nn_rows());
    tp_module *rnn = model_recurrent("sequence-classifier", o, o->features, &width);
    if (!rnn)
        return NULL;
    model_add(net, "rnn", 0, rnn);
    model_add(net, "pooling", 0, tp_nn_sequence_pooling(o->pooling, width, o->bidirectional));
    if (o->dropout > 0)
        model_add(net, "dropout", 0, tp_nn_dropout(o->dropout));
    model_add(net, "head", 0, tp_nn_linear(width, o->classes));
    return net;
}

extern const model_row model_sequence_classifier;
const model_row model_sequence_classifier = {
    .info = { .name = "sequence-classifier",
              .title = "Sequence classifier",
              .paper = "Schuster and Paliwal 1997",
              .options = "classes features cell layers hidden bidirectional pooling dropout",
              .input = TP_INPUT_SEQUENCE,
              .steps = 28,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 10,
                            .features = 28,
                            .cell = "gru",
                            .layers = 1,
                            .hidden = "64",
                            .pooling = "mean" } },
    .build = build,
};
