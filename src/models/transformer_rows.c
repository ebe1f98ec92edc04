/* transformer_rows.c - Transformers by what they read: pairs of sequences, a text, one with hidden tokens, sequences of numbers, tokens for a class or for one each.
 *
 * Layer: models.  Depends on zoo.h.  Read next: transformer.c. */
#include "models/zoo.h"

#include <string.h>

static tp_transformer_config config_of(const tp_model_options *o)
{
    return (tp_transformer_config){ .struct_size = sizeof(tp_transformer_config),
                                    .structure = o->structure,
                                    .dim = o->dim,
                                    .layers = o->layers,
                                    .heads = o->heads,
                                    .context = o->context,
                                    .position = o->position,
                                    .pooling = o->pooling,
                                    .untied = o->untied,
                                    .scale_embedding = !strcmp(o->position, "sinusoidal"),
                                    .layer = { .struct_size = sizeof(tp_transformer_options),
                                               .activation = o->activation,
                                               .norm = o->norm,
                                               .kv_heads = o->kv_heads,
                                               .ff = o->ff,
                                               .window = o->attention_window,
                                               .dropout = o->dropout,
                                               .attention_dropout = o->dropout } };
}

/* The network; where it recomputes, each layer keeps its input alone for backward. */
static tp_module *built(const tp_transformer_config *c, const tp_model_options *o)
{
    static const char *const stacks[] = { "encoder.layers", "decoder.layers" };
    tp_module *net = tp_transformer_opt(c);
    for (int i = 0; i < 2 && net; i++) {
        tp_module *layers = tp_find_module(net, stacks[i]);
        for (int k = 0; layers && k < tp_n_children(layers); k++)
            tp_module_recompute(tp_child_at(layers, k), o->recompute);
    }
    return net;
}

extern const model_row model_transformer, model_transformer_lm, model_transformer_mlm,
    model_transformer_classifier, model_transformer_text_classifier, model_transformer_tagger;

/* What all of them can be told; how those for classes begin. */
#define SHAPE_OPTIONS                                                                                   \
    "structure position activation norm layers heads kv_heads dim ff attention_window context dropout " \
    "recompute"
#define ENCODER_DEFAULTS                                                                             \
    .structure = "encoder", .position = "learned", .activation = "gelu", .norm = "pre", .layers = 2, \
    .heads = 4, .dim = 128, .context = 256

#define LANGUAGE_DEFAULTS                                                                            \
    .position = "learned", .activation = "gelu", .norm = "pre", .layers = 4, .heads = 4, .dim = 128, \
    .context = 1024

static tp_module *build_transformer(const tp_model_options *o)
{
    tp_transformer_config c = config_of(o);
    c.source_tokens = o->inputs, c.target_tokens = o->classes;
    c.guided = o->guided, c.copy = o->copy;
    return built(&c, o);
}
const model_row model_transformer = {
    .info = { .name = "transformer",
              .title = "Transformer, sequence to sequence",
              .paper = "Vaswani et al. 2017",
              .options = "classes inputs " SHAPE_OPTIONS " untied guided copy",
              .input = TP_INPUT_PAIR,
              .task = "seq2seq",
              .steps = 20,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 43,
                            .inputs = 31,
                            .structure = "encoder-decoder",
                            .position = "sinusoidal",
                            .activation = "relu",
                            .norm = "pre",
                            .layers = 2,
                            .heads = 4,
                            .dim = 128,
                            .context = 256 } },
    .build = build_transformer,
};

static tp_module *build_transformer_lm(const tp_model_options *o)
{
    tp_transformer_config c = config_of(o);
    c.target_tokens = o->classes;
    if (!strcmp(o->structure, "encoder"))
        tp_error_set(TP_ERR_ARGUMENT,
                     "transformer-lm: an encoder sees what it has to tell; causal-decoder or "
                     "prefix-decoder is wanted, or the model transformer-mlm");
    return built(&c, o);
}
const model_row model_transformer_lm = {
    .info = { .name = "transformer-lm",
              .title = "Transformer language model",
              .paper = "Radford et al. 2019",
              .options = "classes " SHAPE_OPTIONS " untied",
              .input = TP_INPUT_TEXT,
              .task = "language",
              .steps = 64,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 65,
                            .structure = "causal-decoder",
                            LANGUAGE_DEFAULTS } },
    .build = build_transformer_lm,
};

/* BERT's head: linear, activation and norm before the embedding's table, and a bias of each token. */
static tp_module *build_transformer_mlm(const tp_model_options *o)
{
    tp_transformer_config c = config_of(o);
    c.target_tokens = o->classes;
    c.head_transform = c.head_bias = true;
    if (strcmp(o->structure, "encoder") != 0)
        tp_error_set(TP_ERR_ARGUMENT, "transformer-mlm: structure '%.60s', encoder is wanted", o->structure);
    return built(&c, o);
}
const model_row model_transformer_mlm = {
    .info = { .name = "transformer-mlm",
              .title = "Transformer, masked language model",
              .paper = "Devlin et al. 2018",
              .options = "classes " SHAPE_OPTIONS " untied",
              .input = TP_INPUT_TEXT,
              .task = "masked",
              .steps = 64,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 66,
                            .structure = "encoder",
                            LANGUAGE_DEFAULTS } },
    .build = build_transformer_mlm,
};

static tp_module *build_transformer_classifier(const tp_model_options *o)
{
    tp_transformer_config c = config_of(o);
    c.features = o->features, c.classes = o->classes;
    c.scale_embedding = false;
    return built(&c, o);
}
const model_row model_transformer_classifier = {
    .info = { .name = "transformer-classifier",
              .title = "Transformer over sequences",
              .paper = "Vaswani et al. 2017",
              .options = "classes features " SHAPE_OPTIONS " pooling",
              .input = TP_INPUT_SEQUENCE,
              .steps = 28,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 10,
                            .features = 28,
                            .pooling = "mean",
                            ENCODER_DEFAULTS } },
    .build = build_transformer_classifier,
};

static tp_module *build_transformer_text_classifier(const tp_model_options *o)
{
    tp_transformer_config c = config_of(o);
    c.source_tokens = o->inputs, c.classes = o->classes;
    return built(&c, o);
}
const model_row model_transformer_text_classifier = {
    .info = { .name = "transformer-text-classifier",
              .title = "Transformer, text to class",
              .paper = "Devlin et al. 2018",
              .options = "classes inputs " SHAPE_OPTIONS " pooling",
              .input = TP_INPUT_LABELLED,
              .task = "text classes",
              .steps = 20,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 10,
                            .inputs = 60,
                            .pooling = "mean",
                            ENCODER_DEFAULTS } },
    .build = build_transformer_text_classifier,
};

static tp_module *build_transformer_tagger(const tp_model_options *o)
{
    tp_transformer_config c = config_of(o);
    c.source_tokens = o->inputs, c.classes = o->classes;
    c.pooling = "each";
    return built(&c, o);
}
const model_row model_transformer_tagger = {
    .info = { .name = "transformer-tagger",
              .title = "Transformer, a label a token",
              .paper = "Devlin et al. 2018",
              .options = "classes inputs " SHAPE_OPTIONS,
              .input = TP_INPUT_TAGGED,
              .task = "tags",
              .steps = 20,
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 10,
                            .inputs = 1000,
                            ENCODER_DEFAULTS } },
    .build = build_transformer_tagger,
};
