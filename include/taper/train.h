/* taper/train.h - the training loop, evaluation, checkpoints and the run folder.
 *
 * A run folder holds config.json (everything resolved), metrics.jsonl, last/ and best/ (model.safetensors, optimizer.safetensors,
 * state.json, SUMS; last/ of a run with ema: ema.safetensors), report.html.  A run killed at any moment goes on with the same bits as if it had never stopped.
 * Programs: docs/loop.md, runs.md.
 * Layer: train.  Depends on everything above.  Read next: examples/train_mlp.c. */
#ifndef TAPER_TRAIN_H
#define TAPER_TRAIN_H

#include <taper/data.h>
#include <taper/io.h>
#include <taper/models.h>
#include <taper/optim.h>
#include <taper/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Everything a run is made of; strings and numbers only, so that config.json says it all. */
typedef struct tp_train_config {
    size_t struct_size;
    const char *model;           /* "lenet5" */
    tp_model_options model_options;
    const char *data;            /* path; for tp_data_open */
    tp_data_options data_options;
    const char *out;             /* run folder */
    const char *optim;           /* "adam" */
    tp_optim_options optim_options;
    const char *schedule;        /* "constant" */
    tp_schedule_options schedule_options; /* in steps; total and warmup follow from epochs when 0 */
    double warmup_epochs;
    int64_t epochs;              /* 10 */
    int64_t batch_size;          /* 64 */
    int64_t accumulate;          /* batches a step: the gradient is that of one batch so many times as large; 1 a process (dist.h) */
    uint64_t seed;
    const char *transform;       /* both splits; NULL: what the model and data need (pad to size, normalise) */
    const char *augment;         /* training only, before transform */
    const char *init;            /* weights to begin with, a safetensors file; NULL: random ones */
    const char *init_except;     /* names that are not loaded and stay random: "fc", as for tp_load_state_except */
    const char *freeze;          /* what does not learn: "features", as for tp_freeze */
    const char *lr_of;           /* "features=0.1,*.bias=2": factors on the rate by names (tp_name_matches); the last that matches counts */
    const char *no_decay;        /* what is not decayed: "norms" (all of normalisations), "biases", or names, with commas between them */
    double clip_norm;            /* 0: none */
    double label_smoothing;
    bool balance;                /* weighs the loss of class k by n / (classes n_k), so that each class counts alike */
    double ema;                  /* decay of a running mean of the weights (tp_ema), which is what is evaluated and kept in best/; 0: none */
    int64_t early_stop;          /* epochs without a better result before it stops; 0: never */
    int64_t checkpoint_steps;    /* also save every so many steps; 0: at each epoch's end */
    int64_t limit_examples;      /* use only so many training examples; 0: all */
    int workers;
    bool carry;                  /* of a text: the recurrent layers begin a window with the state in which the one before it ended,
                                  * without its history (truncated back-propagation through time); windows are then learned in order */
    const char *quantiles;       /* of a forecast, ascending: "0.1,0.5,0.9", of which the one nearest to a half is the forecast itself */
    int64_t beam;                /* hypotheses that are followed where a sequence is written; 1 */
    const char *dtype;           /* "f32"; "bf16": products as tp_set_float32_matmul_precision("medium") has them, while the run trains or is evaluated */
    double scheduled_sampling;   /* of pairs: the share of the target's tokens that are the network's own at the last step, rising from 0 at the first; 0: none */
    double adversarial;          /* each batch once more with embeddings moved so far along their gradient; 0: not */
    double reward;               /* of pairs, with init: weight of self-critical reinforcement learning by the edit distance, that of the cross-entropy is 1 - reward; 0: none */
    const char *tensorboard;     /* a folder for TensorBoard's event files, one each time the run begins or goes on; NULL: none */
    const char *command;         /* how the run was begun: what TensorBoard's text page says of it; not kept in config.json */
} tp_train_config;

enum { TP_MAX_FIGURES = 24 };
typedef struct tp_figure { /* something that is measured of a network by its task: "phoneme error" */
    char name[48];
    double value;
} tp_figure;

/* What the loop tells its caller: after each step and each epoch.  Returning false stops the run after a checkpoint. */
typedef struct tp_progress {
    int64_t epoch, epochs, step, steps; /* epoch from 1; step within the epoch from 1 */
    int64_t global_step;
    double loss, lr, examples_per_second, seconds; /* loss: running mean of the epoch */
    bool epoch_done;
    double train_loss, train_accuracy, test_loss, test_accuracy, best; /* when epoch_done; accuracy in [0, 1], NaN for regressions */
    bool is_best;
    const char *best_of;      /* what best is: "accuracy", "loss", or a figure's name */
    const tp_figure *figures; /* of the test part, when epoch_done; they live until the call returns */
    int n_figures;
} tp_progress;
typedef bool tp_progress_fn(void *context, const tp_progress *);

typedef struct tp_train_result {
    int64_t epochs, global_step;
    double test_loss, test_accuracy, best;
    const char *best_of; /* as in tp_progress */
    const char *verb, *words; /* the command that uses such a run: taper VERB RUN WORDS; NULL: none */
    int64_t best_epoch;
    double seconds;
    bool stopped;        /* by the caller */
    bool stopped_early;
    tp_figure figures[TP_MAX_FIGURES]; /* of the best epoch, if it was one of this call */
    int n_figures;
} tp_train_result;

/* Fills the fields that are zero with their defaults and checks all of them. */
TP_API tp_status tp_train_config_resolve(tp_train_config *);

/* Begins a run in config->out (which must not hold one), or goes on with the one that is there. */
TP_API tp_status tp_train_run(const tp_train_config *, tp_progress_fn *, void *context, tp_train_result *);
TP_API tp_status tp_train_resume(const char *run_folder, int64_t epochs /* 0: as configured */, tp_progress_fn *, void *context, tp_train_result *);

/* ---- TensorBoard: what a training tells, in the event files that `tensorboard --logdir FOLDER` shows --------------
 *
 * tp_train_config.tensorboard has a run write one; this is for loops of your own.  A board is an object, for one thread at a time;
 * what is written is in the file when the function returns.  Tags are UTF-8, and what stands before a '/' groups the page. */
typedef struct tp_board tp_board;
TP_API tp_board *tp_board_open(const char *folder); /* made if it is not there; each call begins a new file */
TP_API tp_status tp_board_scalar(tp_board *, const char *tag, double value, int64_t step);
TP_API tp_status tp_board_histogram(tp_board *, const char *tag, tp_tensor *values, int64_t step); /* of those that are finite */
TP_API tp_status tp_board_images(tp_board *, const char *tag, tp_tensor *images, int64_t step);    /* (N, 1 or 3, H, W) in [0, 1], as one sheet */
TP_API tp_status tp_board_text(tp_board *, const char *tag, const char *markdown, int64_t step);
TP_API tp_status tp_board_graph(tp_board *, tp_module *net, tp_shape input); /* its operations by modules, from a dry run */

/* The row of a run on the page HParams: numbers, "true" and "false" are told from texts, and metrics are tags of scalars. */
TP_API tp_status tp_board_hparams(tp_board *, const tp_metadata *options, int n_options, const char *const *metrics, int n_metrics);
TP_API tp_status tp_board_hparams_end(tp_board *, bool succeeded);

/* What files of this folder hold of the step and later ones is forgotten: for a run that goes on from before it. */
TP_API tp_status tp_board_restart(tp_board *, int64_t step);

/* ---- Weights of a module to and from files ------------------------------------------------------------------------ */

TP_API tp_status tp_save(tp_module *, const char *path);     /* safetensors */
TP_API tp_status tp_save_pth(tp_module *, const char *path); /* for torch.load and load_state_dict; tp_pth_write */
TP_API tp_status tp_load(tp_module *, const char *path);     /* either kind, told by the content: tp_weights_read */
TP_API tp_status tp_load_except(tp_module *, const char *path, const char *except); /* tp_load_state_except; NULL: all */

/* A Transformer from the files of Hugging Face's transformers: GPT-2, LLaMA, Gemma, BLOOM, BERT, Marian.  A folder with config.json, or the
 * path of another configuration in it, or one .bin file of llama2.c; the weights beside the configuration: model.safetensors, the shards of model.safetensors.index.json, or
 * pytorch_model.bin.  In evaluation (tp_train to tune it), f32 whatever the files have.  docs/weights.md says what goes in and comes out. */
typedef struct tp_pretrained_options {
    size_t struct_size;
    const char *pooling; /* of BERT's body, whose head is left out if this is given: "mean" (of a body's files), "first", "last", "each" */
} tp_pretrained_options;
#define tp_pretrained(folder_or_config, ...) \
    tp_pretrained_opt(folder_or_config, &(tp_pretrained_options){ .struct_size = sizeof(tp_pretrained_options), __VA_ARGS__ })
TP_API tp_module *tp_pretrained_opt(const char *folder_or_config, const tp_pretrained_options *);

/* Whether a path is such a network, or one of llama2.c's (a .bin), and no run; and its tokenizer: the given one, or (NULL) what lies in
 * the folder. */
TP_API bool tp_is_pretrained(const char *path);
TP_API tp_tokenizer *tp_pretrained_tokenizer(const char *path, const char *tokenizer);

/* Texts to vectors (n, D) by such an encoder and its tokenizer (BERT, MiniLM), as sentence-transformers: the pooling, the longest text (what is
 * beyond is cut) and whether vectors have length 1 come from 1_Pooling/config.json, sentence_bert_config.json and modules.json in the folder; without
 * them the mean, the network's places, and length 1.  The product of two such vectors says how alike the texts are.  Reimers and Gurevych 2019. */
typedef struct tp_embedder tp_embedder; /* an object */
TP_API tp_embedder *tp_embedder_open(const char *folder);
TP_API tp_tensor *tp_embed(tp_embedder *, const char *const *texts, int64_t n); /* UTF-8 */

/* ---- Using a run ------------------------------------------------------------------------------------------------- */

typedef struct tp_run tp_run; /* an object: network, labels and transform of a finished or unfinished run */
TP_API tp_run *tp_run_open(const char *run_folder); /* best/ if it is there, else last/ */
TP_API tp_module *tp_run_model(tp_run *);
TP_API const tp_train_config *tp_run_config(const tp_run *);
TP_API int64_t tp_run_classes(const tp_run *);
TP_API const char *tp_run_class_name(const tp_run *, int64_t label);
TP_API tp_shape tp_run_shape(const tp_run *); /* of one example as the data have it; -1: a dimension in which they differ */
TP_API tp_tensor *tp_run_input(tp_run *, const char *image_path); /* (1, C, H, W): read, brought to size, transformed */
TP_API tp_tensor *tp_run_input_of(tp_run *, tp_tensor *example);  /* the same of a picture (C, H, W) in [0, 1], or of a table's row (features) */
TP_API tp_tensor *tp_run_rows(tp_run *, const char *csv);         /* (N, features): of a CSV text with a header; the run's columns are found by name */
TP_API const char *tp_run_column_name(const tp_run *, int64_t feature); /* "column", of texts "column=text"; NULL: it has none */
TP_API tp_tensor *tp_run_picture(tp_run *, const char *image_path); /* the same before it is normalised: what a person sees, in [0, 1] */
TP_API tp_tensor *tp_predict(tp_run *, tp_tensor *x);             /* probabilities (N, classes), or values (N, 1) */

/* Answers for many pictures, or for the rows of tables.  Each path is a picture, a folder (all PNG and JPEG files in it, then those of
 * the folders in it, by name), or, where nothing is called so, a glob such as "photos/2*.jpg".  Pictures are read in parallel, batch_size (0: 16) at a
 * time; told hears of each in order, and of what cannot be read as an answer with status and error, which stops nothing else.
 * It returns false to stop.  Of a run that learned from a table each path is a table: with a header its columns are found by the names
 * that the run learned from, in any order, others are not read; the target need not be there. */
typedef struct tp_prediction {
    const char *path;     /* of a row "table.csv:12", with its line */
    tp_status status;     /* of the picture; error: what is wrong with it, NULL if nothing is */
    const char *error;
    const double *values; /* n probabilities by class, or one value; they live until told returns */
    int64_t n;
} tp_prediction;
typedef bool tp_prediction_fn(void *context, const tp_prediction *);
TP_API tp_status tp_run_predict(tp_run *, const char *const *paths, int n, int64_t batch_size, tp_prediction_fn *told, void *context);

/* Goes on with a text, unit by unit: softmax(scores / temperature) over the top_k likeliest, by the seed's draws.  told gets what each
 * adds to the text; it returns false to stop.  The run's model must be a language model.
 *
 * Of characters, a prompt's must be in the run's vocabulary; of bytes, told gets each.  A run over tokens encodes the prompt by its tokenizer;
 * told gets whole characters, U+FFFD for bytes that become none, and the tokenizer's end of a text ends the text.  Without a prompt a newline
 * stands before the text; a run over documents begins a new one, with the prompt if there is one. */
typedef struct tp_generate_options {
    size_t struct_size;
    const char *prompt;
    int64_t length;       /* characters or tokens: 200 */
    double temperature;   /* 1; TP_ZERO: always the likeliest */
    int64_t top_k;        /* the k likeliest; 0: all */
    uint64_t seed;
    double top_p;         /* the likeliest that together have this share (Holtzman et al. 2019); 0: all */
    double min_p;         /* those with this part of the likeliest's share; 0: all */
    double gumbel;        /* noise of so much on the scores, the largest of which is taken; 0: a draw by shares */
    double repetition_penalty; /* 1; what stood before has its score divided by this, a negative one multiplied (Keskar et al. 2019) */
    const char *stop;     /* the text ends before this string */
    int64_t samples;      /* 1; several texts, or of a beam so many of the best, each told of when all have ended */
    int64_t beam;         /* hypotheses of a beam search, in place of drawing; 0: none */
    double length_penalty; /* 1; of a beam: log-probability / ((5 + length) / 6)^penalty, TP_ZERO: none (Wu et al. 2016) */
    double *log_probability; /* gets that of each text's tokens under the network; NULL: not wanted */
    int64_t *tokens;      /* gets how many the first text has */
    const char *const *prompts; /* in place of prompt and samples: texts of any lengths that are gone on with together, in one batch, each told of */
    int64_t n_prompts;          /* with its prompt when all have ended, the same as alone.  Each with its length must fit the context; of a beam the best one's text */
} tp_generate_options;
typedef bool tp_generate_fn(void *context, const char *text, size_t bytes);
#define tp_run_generate(run, told, context, ...) \
    tp_run_generate_opt(run, told, context, &(tp_generate_options){ .struct_size = sizeof(tp_generate_options), __VA_ARGS__ })
TP_API tp_status tp_run_generate_opt(tp_run *, tp_generate_fn *told, void *context, const tp_generate_options *);

/* The same of any network that writes texts (tp_module_decodes), a pretrained one say, with its tokenizer. */
#define tp_generate(net, tokenizer, told, context, ...) \
    tp_generate_opt(net, tokenizer, told, context, &(tp_generate_options){ .struct_size = sizeof(tp_generate_options), __VA_ARGS__ })
TP_API tp_status tp_generate_opt(tp_module *net, tp_tokenizer *, tp_generate_fn *told, void *context, const tp_generate_options *);

/* What a masked language model puts where a text has [MASK]: a run of transformer-mlm, or a pretrained BERT with its tokenizer.  Of each
 * mask, in order, the n_best (0: 1) likeliest tokens, best first.  A text without a mask, or one longer than the context, is an error. */
typedef struct tp_filling {
    int64_t mask, rank;  /* both from 0 */
    const char *token;   /* it lives until the call returns */
    double probability;
} tp_filling;
typedef bool tp_filling_fn(void *context, const tp_filling *);
TP_API tp_status tp_run_fill(tp_run *, const char *text, int64_t n_best, tp_filling_fn *told, void *context);
TP_API tp_status tp_fill(tp_module *, tp_tokenizer *, const char *text, int64_t n_best, tp_filling_fn *told, void *context);
TP_API bool tp_run_fills(const tp_run *); /* whether it learned to */

/* Of a run that learned texts with classes: one call a text; of tokens with labels: one a token.  A text that is no UTF-8 or empty is
 * told of with an error, which stops nothing else. */
typedef struct tp_label {
    const char *text, *token; /* token: NULL of a text's class */
    int64_t index, tokens;    /* which token, and of how many */
    tp_status status;
    const char *error;        /* NULL: nothing is wrong */
    int64_t n;
    const double *values;     /* n probabilities by class; they live until the call returns */
} tp_label;
typedef bool tp_label_fn(void *context, const tp_label *);
TP_API tp_status tp_run_label(tp_run *, const char *const *texts, int64_t n, tp_label_fn *told, void *context);
TP_API bool tp_run_labels_texts(const tp_run *);

/* What a run that learned a series says of the rows after the end of a file (NULL: of its own data): a call for each step and target. */
typedef struct tp_forecast {
    int64_t step;       /* from 1 */
    const char *date;   /* "" of a series without dates */
    const char *target; /* the column's name */
    int n;
    const double *quantiles, *values; /* n, ascending; they live until the call returns */
} tp_forecast;
typedef bool tp_forecast_fn(void *context, const tp_forecast *);
TP_API tp_status tp_run_forecast(tp_run *, const char *path, tp_forecast_fn *told, void *context);
TP_API bool tp_run_forecasts(const tp_run *); /* whether it learned a series */

/* What a run that learned pairs of sequences makes of other sources: of each the n_best likeliest targets that a beam search finds.
 * Several sources go through the network together, and told hears of each in order; of one that is no UTF-8 or empty with an error,
 * which stops nothing else.  A source's tokens that the run never saw are <unknown>.  It returns false to stop. */
typedef struct tp_decode_options {
    size_t struct_size;
    int64_t beam;          /* hypotheses that are followed: the run's own (tp_train_config.beam); 1: the likeliest token each time */
    double length_penalty; /* 0.6; TP_ZERO: none.  Hypotheses are compared by log p / ((5 + length) / 6)^length_penalty (Wu et al. 2016) */
    int64_t max_length;    /* of a target in tokens: 2 * the longest that was learned from */
    int64_t n_best;        /* 1, at most beam */
} tp_decode_options;
typedef struct tp_translation {
    const char *source;
    tp_status status; /* error: what is wrong with the source, NULL if nothing is */
    const char *error;
    int64_t n;
    const char *const *texts;                 /* n, best first; they live until told returns */
    const double *log_probabilities, *scores; /* of all tokens with <end>; what they are compared by */
} tp_translation;
typedef bool tp_translation_fn(void *context, const tp_translation *);
#define tp_run_translate(run, sources, n, told, context, ...) \
    tp_run_translate_opt(run, sources, n, told, context, &(tp_decode_options){ .struct_size = sizeof(tp_decode_options), __VA_ARGS__ })
TP_API tp_status tp_run_translate_opt(tp_run *, const char *const *sources, int64_t n, tp_translation_fn *told, void *context,
                                      const tp_decode_options *);
TP_API tp_status tp_run_set_beam(tp_run *, int64_t beam); /* in place of the configuration's, in evaluations too */

/* What a run's network looks at (tp_record_attention): told hears of each of its attentions.  Of a run of pairs text is a source and
 * target what it should become (NULL: what the network makes of it); of labelled texts and language models there is text alone.  Of
 * other language models, with their tokenizer, tp_attention. */
typedef struct tp_attention_map {
    const char *name;          /* of the module: "decoder.layers.0.cross" */
    int64_t heads, rows, columns;
    const double *shares;      /* heads x rows x columns; a row sums to 1.  They live until told returns */
    const char *const *row_names, *const *column_names; /* tokens, of a decoder's rows those that were written; NULL: no tokens */
} tp_attention_map;
typedef bool tp_attention_fn(void *context, const tp_attention_map *); /* false: enough */
TP_API tp_status tp_run_attention(tp_run *, const char *text, const char *target, tp_attention_fn *told, void *context);
TP_API tp_status tp_attention(tp_module *net, tp_tokenizer *, const char *text, tp_attention_fn *told, void *context);

/* Writes the run's network as plain C99 into folder (made if it is not there): NAME.h, NAME.c, NAME_weights.h, and NAME_main.c, a program
 * that calls it.  It allocates nothing and needs libm alone; docs/export.md tells.  A layer for which there is no C is an error that names
 * it, and then nothing is written.  Batch norms of the run's model are folded (tp_fuse). */
typedef struct tp_export_options {
    size_t struct_size;
    const char *name;      /* of files and functions: a C identifier; the model's, with _ for - */
} tp_export_options;
typedef struct tp_export_result {
    char name[64];
    int64_t weights;       /* constants, 4 bytes each */
    int64_t buffer_bytes;  /* static */
    int64_t state_bytes;   /* of a language model, the caller's; else 0 */
    int64_t text_bytes;    /* of the files but the weights' */
} tp_export_result;
#define tp_run_export_c(run, folder, result, ...) \
    tp_run_export_c_opt(run, folder, result, &(tp_export_options){ .struct_size = sizeof(tp_export_options), __VA_ARGS__ })
TP_API tp_status tp_run_export_c_opt(tp_run *, const char *folder, tp_export_result * /* may be NULL */, const tp_export_options *);

typedef struct tp_eval_result {
    int64_t examples;
    double loss, accuracy;
    double top5;                     /* share of examples whose class is among the five likeliest; NaN for regressions */
    double macro_precision, macro_recall, macro_f1; /* means over the classes that are or were answered, undefined ones as 0 (scikit-learn's "macro") */
    int64_t classes;
    int64_t *confusion; /* classes x classes, row: truth, column: answer; NULL of more than 1024; belongs to the caller's tp_eval_free */
    double *precision, *recall, *f1; /* by class */
    tp_figure figures[TP_MAX_FIGURES]; /* what the run's task measures besides */
    int n_figures;
} tp_eval_result;
TP_API tp_status tp_run_evaluate(tp_run *, const char *data /* NULL: the run's own */, tp_part, int64_t batch_size, tp_eval_result *);
TP_API void tp_eval_free(tp_eval_result *);

/* A run's metrics.jsonl, a line each epoch; NaN where it has null or nothing.  A last line that is cut off is one that is being written and
 * does not count; another that is no epoch is an error. */
typedef struct tp_epoch {
    double epoch, step, lr, train_loss, train_accuracy, test_loss, test_accuracy, seconds, examples_per_second;
    bool is_best;
} tp_epoch;
typedef struct tp_history {
    tp_epoch *epochs;
    int64_t n, room;
} tp_history;
TP_API tp_status tp_history_read(const char *run_folder, tp_history *); /* what could be read is there after an error, too */
TP_API void tp_history_free(tp_history *);

/* Writes report.html from the run folder's files; also of a run that is under way. */
TP_API tp_status tp_report_write(const char *run_folder);

/* Writes one page that compares 2 to 64 runs: curves, figures, the options in which they differ. */
TP_API tp_status tp_report_compare(const char *const *run_folders, int n, const char *path);

/* ---- Summary: one row a module, measured by a dry run in evaluation mode ------------------------------------------- */

typedef struct tp_summary_row {
    const char *name, *type, *info; /* dotted name; "" is the whole network */
    int depth, index;          /* of the modules at this depth, counted from 1; the whole network is 0, 1 */
    int64_t calls;             /* in the forward pass; 0: its shapes are empty (classifiers that stand beside in training) */
    tp_shape input, output, kernel; /* kernel: of tp_module_kernel */
    int64_t params;            /* its own, without its children's */
    int64_t all_params, trainable; /* with its children's; of those the ones that require a gradient */
    int64_t mult_adds;         /* with its children's; counted as in tp_summary */
    double flops;              /* of its forward: 2 per multiply-add */
} tp_summary_row;

/* The figures of torchinfo, which people compare: mult_adds is every weight and bias times the places where it is applied (for a
 * convolution N OH OW, else N); pass_bytes is what modules with parameters put out, twice, for the gradients; param_bytes is of the
 * modules that ran.  flops counts all operations instead, as they are done. */
typedef struct tp_summary {
    tp_summary_row *rows;
    int n_rows;
    int64_t params, trainable, mult_adds;
    int64_t input_bytes, pass_bytes, param_bytes;
    double flops;
    int64_t activation_bytes; /* outputs of all operations in the forward pass */
    int64_t training_bytes;   /* most at a time in a step of plain SGD: weights, buffers, what backward keeps, gradients, scratch; computed,
                                 by a dry run of the step, before the allocator rounds sizes up (a fifth at most); 0: such a batch cannot be
                                 trained on */
} tp_summary;
TP_API tp_status tp_summarize(tp_module *, tp_shape input, tp_summary *);
TP_API void tp_summary_free(tp_summary *);

/* ---- Optional libraries: what this build has, in which versions ------------------------------------------------------ */

typedef struct tp_library {
    const char *name, *library, *what_for; /* "png", "libpng", "reading and writing PNG" */
    char compiled[32], running[32]; /* versions: of the header, "": not in this build; of what runs, "": not installed */
    bool fits;                             /* the same major version, and not an older one */
} tp_library;
TP_API bool tp_library_at(int i, tp_library *); /* false past the last */

#ifdef __cplusplus
}
#endif
#endif
