/* forecaster.c - what comes next in a series of values, with how sure that is.
 *
 * (N, window, features) -> recurrent layers -> the state after the last row (N, H) -> for each step ahead, target and quantile a number
 * (N, classes), quantiles innermost.  Salinas et al. 2020 (DeepAR) and Wen et al. 2017 (quantiles of all steps at once).
 * Layer: models.  Depends on taper/nn.h.  Read next: recurrent.c, train/task_forecast.c. */
#include "models/zoo.h"

static tp_module *build(const tp_model_options *o)
{
    int64_t width;
    tp_module *rnn = model_recurrent("forecaster", o, o->features, &width);
    if (!rnn)
        return NULL;
    tp_module *net = tp_nn_sequential("rnn", rnn, "last", tp_nn_sequence_pooling("last", width, false));
    if (o->dropout > 0)
        model_add(net, "dropout", 0, tp_nn_dropout(o->dropout));
    model_add(net, "head", 0, tp_nn_linear(width, o->classes));
    return net;
}

extern const model_row model_forecaster;
const model_row model_forecaster = {
    .info = { .name = "forecaster",
              .title = "Forecaster",
              .paper = "Wen et al. 2017",
              .options = "classes features cell layers hidden dropout",
              .input = TP_INPUT_SERIES,
              .task = "forecast",
              .steps = 24,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 36,
                            .features = 4,
                            .cell = "gru",
                            .layers = 1,
                            .hidden = "32" } },
    .build = build,
};
