/* taper/models.h - the zoo: networks by name.
 *
 * Each architecture is one file in src/models and one row in models.def.  Programs: docs/models.md.
 * Layer: models.  Read next: data.h. */
#ifndef TAPER_MODELS_H
#define TAPER_MODELS_H

#include <taper/nn.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_model_options {
    size_t struct_size;
    int64_t classes;           /* outputs; the model's own default (10 for lenet5) */
    int64_t channels;          /* of the input image; the model's own default */
    int64_t image_size;        /* height = width of the input; 32 with the stem cifar, else the model's own default */
    int64_t features;          /* mlp: inputs; channels * image_size^2 if 0; sequence-classifier: of a step */
    const char *hidden;        /* mlp: widths, "128,64"; simple_cnn: channels of each block, "32,64"; recurrent ones: width, "256" */
    const char *activation;    /* "tanh", "relu", ...; the model's own default */
    const char *variant;       /* the model's own default */
    double dropout;            /* the model's own default */
    const char *stem;          /* "imagenet" (halves large pictures at once); "cifar": for pictures of about 32x32 */
    bool recompute;            /* blocks keep their input alone for backward: tp_module_recompute */
    const char *cell;          /* recurrent ones: "rnn", "lstm", "gru" */
    int64_t layers;            /* recurrent ones: layers on each other, `hidden` wide */
    int64_t embedding;         /* char-lm: numbers that a character becomes */
    bool bidirectional;        /* sequence-classifier: from the last step to the first as well */
    const char *pooling;       /* sequence-classifier: "last", "mean", "attention" */
    int64_t inputs;            /* of tokens: the vocabulary of what goes in */
    const char *attention;     /* seq2seq: "dot", "additive" */
    const char *structure;     /* transformers: "encoder-decoder", "encoder", "causal-encoder", "decoder", "causal-decoder", "prefix-decoder" */
    const char *position;      /* transformers: "sinusoidal", "learned", "rope", "alibi" */
    const char *norm;          /* transformers: "post", "pre", "deep", "rms" */
    int64_t heads, kv_heads;   /* transformers: kv_heads 0: as many */
    int64_t dim, ff;           /* transformers: width of tokens; of the feed-forward part, 4 dim, or 8/3 dim where it is gated */
    int64_t context;           /* transformers: tokens that learned positions reach, and generation goes */
    int64_t attention_window;  /* transformers: tokens that one sees to a side, itself counted; 0: all */
    bool untied;               /* transformers: a head with weights of its own, not the embedding's */
    double guided;             /* transformer: weight of the penalty on attention far from the diagonal; 0: none */
    bool copy;                 /* transformer: may write tokens of its source */
} tp_model_options;

typedef enum tp_model_input {
    TP_INPUT_PICTURE,  /* (N, C, H, W) */
    TP_INPUT_FLAT,     /* (N, features); pictures are flattened by the model itself as well */
    TP_INPUT_SEQUENCE, /* (N, T, features); of pictures (N, C, H, W) the H rows */
    TP_INPUT_TEXT,     /* (N, T) characters of a vocabulary of `classes` */
    TP_INPUT_SERIES,   /* (N, window, features) of tp_series */
    TP_INPUT_LABELLED, /* (N, T) tokens of a vocabulary of `inputs`, filled up with 0, as tp_labelled has them */
    TP_INPUT_TAGGED,   /* the same, of tp_tagged */
    TP_INPUT_PAIR,     /* (N, 2, L): tokens of a vocabulary of `inputs` over tokens of one of `classes`, as tp_pairs has them */
} tp_model_input;

/* tp_model("lenet5", .classes = 10) */
#define tp_model(name, ...) tp_model_opt(name, &(tp_model_options){ .struct_size = sizeof(tp_model_options), __VA_ARGS__ })
TP_API tp_module *tp_model_opt(const char *name, const tp_model_options *);

typedef struct tp_model_info {
    const char *name, *title, *paper; /* "lenet5", "LeNet-5", "LeCun et al. 1998" */
    const char *options;              /* names of the options it reads: "classes channels activation" */
    tp_model_options defaults;        /* features 0 where it follows from the image */
    tp_model_input input;
    int64_t steps;                    /* T of a typical sequence or text, as summaries have it */
    const char *task;                 /* what it learns, a row of train/tasks.def; NULL: classes or values, as the data have them */
} tp_model_info;
TP_API int tp_model_count(void);
TP_API const tp_model_info *tp_model_at(int i);
TP_API const tp_model_info *tp_model_find(const char *name); /* NULL, without an error, if there is none */
TP_API tp_shape tp_model_input_shape(const tp_model_info *, const tp_model_options *, int64_t batch); /* NULL options: the defaults */
TP_API int64_t tp_model_image_size(const tp_model_info *, const tp_model_options *); /* as said or by default; 0: it has none */

/* ---- Transformers in full: what the rows of models.def and the readers of other systems' files are made of ------------------- */

/* The kind follows from what is embedded: source and target tokens (N, 2, L), target tokens alone (N, T), source tokens or features for
 * classes (N, T), (N, T, features).  Parameters: source, target, types, embedding_norm, source_position, position, encoder, decoder
 * (tp_nn_transformer), transform, transform_norm, head, bias, generate (of copy).
 * With guided or copy an encoder-decoder makes the shares A (N, T, S) of its last cross-attention, the mean over heads:
 *   guided: in training the mean of A[t,s] (1 - exp(-(t / T_n - s / S_n)^2 / 0.08)) is left beside the result (tp_take_aux)
 *   copy:   the scores are log(p softmax(logits) + (1 - p) sum over s of A[t,s] [targets of source s is w]), p = sigmoid(generate(x)) */
typedef struct tp_transformer_config {
    size_t struct_size;
    const char *structure;                 /* tp_model_options */
    int64_t source_tokens, target_tokens;  /* vocabularies; 0: there are none */
    int64_t features, classes;             /* numbers of a step, in place of source tokens; what the head tells apart */
    int64_t dim, layers, heads, context;
    int64_t decoder_layers;                /* layers */
    const char *position;                  /* "none", "sinusoidal", "sinusoidal_halves", "learned", "rope", "alibi" */
    const char *pooling;                   /* of classes: "mean", "last", "first" token, or "each" has one of its own */
    bool scale_embedding;                  /* tokens times sqrt(dim) */
    bool shared_embedding;                 /* target tokens are source tokens */
    bool embedding_norm;                   /* a layer norm of what is embedded */
    int64_t token_types;                   /* BERT's, (N, 2, T) tokens over types */
    int64_t padding;                       /* 0: the token that fills up sources */
    bool untied, tied;                     /* the head is the target's embedding unless untied; the source's where tied */
    bool head_transform, head_bias;        /* linear, the layers' activation, layer norm before it; a bias for each token */
    bool no_head;                          /* the numbers before it come out */
    double guided;                         /* weight of guided attention; 0: none */
    bool copy;                             /* buffer targets, i64 (source_tokens): which target token each is, -1 (all, at first): none */
    tp_transformer_options layer;          /* activation, norm, kv_heads, head_dim, ff, ... */
} tp_transformer_config;
TP_API tp_module *tp_transformer_opt(const tp_transformer_config *);
#define tp_transformer(...) tp_transformer_opt(&(tp_transformer_config){ .struct_size = sizeof(tp_transformer_config), __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
