/* transformer.c - Transformers: training steps (forward, cross-entropy, backward, AdamW), inference, and text token by token.
 *
 * Layer: bench.  Read next: rnn.c. */
#include "support/bench.h"

#include <string.h>

typedef enum what { TRAIN, INFER, GENERATE } what;

typedef struct spec {
    const char *name;
    int layers, heads, dim, vocabulary, batch, tokens;
    what what;
    bool pair;
} spec;

static const spec specs[] = {
    { "gpt.4x64.train", 4, 4, 64, 65, 12, 64, TRAIN, false },
    { "gpt.4x64.infer", 4, 4, 64, 65, 12, 64, INFER, false },
    { "gpt.6x384.train", 6, 6, 384, 65, 8, 256, TRAIN, false },
    { "gpt.6x384.infer", 6, 6, 384, 65, 8, 256, INFER, false },
    { "gpt2.train", 12, 12, 768, 50257, 1, 256, TRAIN, false },
    { "gpt2.infer", 12, 12, 768, 50257, 1, 256, INFER, false },
    { "gpt2.generate", 12, 12, 768, 50257, 1, 1, GENERATE, false },
    { "translate.6x512.train", 6, 8, 512, 8000, 8, 32, TRAIN, true },
    { "translate.6x512.infer", 6, 8, 512, 8000, 8, 32, INFER, true },
};
enum { READ = 64 }; /* tokens before those that are generated */

static const spec *now;
static tp_module *net;
static tp_optim *optim;
static tp_tensor *x, *truth, *token, *head;
static tp_decoding after;

static void infer(void)
{
    TP_NO_GRAD;
    tp_forward(net, x);
}

/* The head's product and the loss in one: the network ends before it. */
static tp_tensor *loss_of_batch(void)
{
    return tp_linear_cross_entropy(tp_flatten(tp_forward(net, x), 0, 1), head, truth, NULL, -100);
}

static void evaluate(void)
{
    TP_NO_GRAD;
    loss_of_batch();
}

static void train(void)
{
    tp_zero_grad(optim); /* first, as training does: gradients and activations are not there at once */
    tp_backward(loss_of_batch());
    tp_step(optim);
}

/* One token more than those that were read; the cache is not kept. */
static void generate(void)
{
    TP_NO_GRAD;
    tp_decoding d = after;
    tp_module_decoding(net)->step(net, token, &d);
}

static bench_work open(const bench_case *c)
{
    const spec *s = now = c->spec;
    tp_transformer_config o = { .struct_size = sizeof o,
                                .structure = s->pair ? "encoder-decoder" : "causal-decoder",
                                .target_tokens = s->vocabulary,
                                .source_tokens = s->pair ? s->vocabulary : 0,
                                .dim = s->dim,
                                .layers = s->layers,
                                .heads = s->heads,
                                .context = 1024,
                                .position = "learned",
                                .no_head = s->what == TRAIN,
                                .layer = { .struct_size = sizeof o.layer,
                                           .activation = s->pair ? "relu" : "gelu",
                                           .norm = s->pair ? "post" : "pre" } };
    net = tp_transformer_opt(&o);
    const int64_t most = s->vocabulary;
    token = tp_randint(1, most, TP_SHAPE(s->batch));
    x = s->pair ? tp_randint(1, most, TP_SHAPE(s->batch, 2, s->tokens))
                : tp_randint(1, most, TP_SHAPE(s->batch, s->what == GENERATE ? READ : s->tokens));
    truth = tp_randint(1, most, TP_SHAPE(s->batch * s->tokens));
    if (s->what == TRAIN) {
        head = tp_params_find(tp_parameters(net), "target.weight");
        optim = tp_adamw(tp_parameters(net));
        const bench_work forward = bench_work_of(evaluate, 4 * (double)tp_params_numel(tp_parameters(net)));
        return (bench_work){ 3 * forward.flops, 3 * forward.bytes };
    }
    tp_eval(net);
    if (s->what == GENERATE) {
        TP_NO_GRAD;
        after = (tp_decoding){ .n_read = 0 };
        tp_module_decoding(net)->step(net, x, &after);
        return (bench_work){ 2 * (double)tp_params_numel(tp_parameters(net)),
                             4 * (double)tp_params_numel(tp_parameters(net)) };
    }
    return bench_work_of(infer, 4 * (double)tp_params_numel(tp_parameters(net)));
}

BENCH_CASES
{
    static const char *const whats[] = { "train", "infer", "generate" };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        const spec *s = &specs[i];
        bench_add(&(bench_case){ .kind = "transformer",
                                 .spec = s,
                                 .grad = s->what == TRAIN,
                                 .open = open,
                                 .run = s->what == TRAIN   ? train
                                        : s->what == INFER ? infer
                                                           : generate },
                  s->name,
                  bench_text("\"what\":\"%s\",\"pair\":%s,\"layers\":%d,\"heads\":%d,\"dim\":%d,"
                             "\"vocabulary\":%d,\"batch\":%d,\"tokens\":%d,\"read\":%d,\"train\":%s",
                             whats[s->what], s->pair ? "true" : "false", s->layers, s->heads, s->dim,
                             s->vocabulary, s->batch, s->tokens, READ, s->what == TRAIN ? "true" : "false"));
    }
}
