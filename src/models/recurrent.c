/* recurrent.c - what the models made of recurrent layers share: the cell by its name.
 *
 * Layer: models.  Depends on taper/nn.h.  Read next: char_lm.c, sequence_classifier.c. */
#include "models/zoo.h"

tp_module *model_recurrent(const char *model, const tp_model_options *o, int64_t input, int64_t *width)
{
    static const char *const cells[] = { "rnn", "lstm", "gru", NULL };
    int64_t hidden[MODEL_MAX_HIDDEN];
    const int cell = model_choice(model, "cell", o->cell, cells), n = model_widths(model, o->hidden, hidden);
    if (cell < 0 || n < 0)
        return NULL;
    if (n != 1) {
        tp_error_set(TP_ERR_ARGUMENT, "%s: hidden is '%.60s', one width for all layers is wanted", model,
                     o->hidden);
        return NULL;
    }
    const tp_rnn_options options = { .struct_size = sizeof options,
                                     .num_layers = o->layers,
                                     .bidirectional = o->bidirectional,
                                     .batch_first = true,
                                     .dropout = o->layers > 1 ? o->dropout : 0 };
    *width = *hidden * (o->bidirectional ? 2 : 1);
    return cell == 0   ? tp_nn_rnn_opt(input, *hidden, &options)
           : cell == 1 ? tp_nn_lstm_opt(input, *hidden, &options)
                       : tp_nn_gru_opt(input, *hidden, &options);
}
