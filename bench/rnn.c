/* rnn.c - recurrent layers: training steps (forward, mean of squares, backward, Adam) and inference over sequences, and one step with
 * a state that goes on, as in sampling from a language model.
 *
 * Layer: bench.  Read next: nets.c. */
#include "support/bench.h"

#include <string.h>

typedef struct spec {
    const char *name; /* after the kind's */
    int layers, hidden, batch, steps;
    bool training;
} spec;

static const spec specs[] = {
    { "train.32", 2, 256, 32, 128, true },
    { "infer.32", 2, 256, 32, 128 },
    { "step.1", 2, 256, 1, 1 },
    { "small.train.1", 1, 32, 1, 128, true },
    { "small.infer.1", 1, 32, 1, 128 },
    { "small.step.1", 1, 32, 1, 1 },
};
static const char *const kinds[] = { "rnn", "lstm", "gru" };

static tp_module *module;
static tp_optim *optim;
static tp_tensor *x;
static tp_rnn_state state;

static void infer(void)
{
    TP_NO_GRAD;
    tp_forward(module, x);
}

static void step(void)
{
    TP_NO_GRAD;
    tp_rnn_state now = state;
    tp_rnn_forward(module, x, &now);
}

static void train(void)
{
    tp_zero_grad(optim); /* first, as training does: gradients and activations are not there at once */
    tp_tensor *loss = tp_mean(tp_square(tp_forward(module, x)), TP_ALL_DIMS, false);
    tp_backward(loss);
    tp_step(optim);
}

static tp_module *layer_of(const char *kind, const spec *s)
{
    return !strcmp(kind, "lstm")  ? tp_nn_lstm(s->hidden, s->hidden, .num_layers = s->layers)
           : !strcmp(kind, "gru") ? tp_nn_gru(s->hidden, s->hidden, .num_layers = s->layers)
                                  : tp_nn_rnn(s->hidden, s->hidden, .num_layers = s->layers);
}

static bench_work open(const bench_case *c)
{
    const spec *s = c->spec;
    const char *kind = kinds[c->which];
    module = layer_of(kind, s);
    x = tp_randn(TP_SHAPE(s->steps, s->batch, s->hidden));
    const tp_shape shape = TP_SHAPE(s->layers, s->batch, s->hidden);
    state = (tp_rnn_state){ tp_zeros(shape), strcmp(kind, "lstm") ? NULL : tp_zeros(shape), NULL, NULL };
    bench_work forward =
        bench_work_of(infer, 4 * (double)tp_params_numel(tp_parameters(module)) + bench_bytes(x));
    if (!s->training)
        return forward;
    optim = tp_adam(tp_parameters(module));
    return (bench_work){ 3 * forward.flops, 3 * forward.bytes };
}

BENCH_CASES
{
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
            const spec *s = &specs[i];
            bench_add(
                &(bench_case){ .kind = "recurrent",
                               .spec = s,
                               .which = k,
                               .grad = s->training,
                               .open = open,
                               .run = s->training     ? train
                                      : s->steps == 1 ? step
                                                      : infer },
                bench_text("%s.%s", kinds[k], s->name),
                bench_text(
                    "\"model\":\"%s\",\"layers\":%d,\"hidden\":%d,\"batch\":%d,\"steps\":%d,\"train\":%s",
                    kinds[k], s->layers, s->hidden, s->batch, s->steps, s->training ? "true" : "false"));
        }
}
