/* taper/train.h - the training loop, evaluation, checkpoints and the run folder.
 *
 * A run folder holds config.json (everything resolved), metrics.jsonl, last/ and best/ (model.safetensors, optimizer.safetensors,
 * state.json, SUMS), report.html.  A run killed at any moment goes on with the same bits as if it had never stopped.
 * Layer: train.  Depends on everything above.  Read next: examples/train_mlp.c. */
#ifndef TAPER_TRAIN_H
#define TAPER_TRAIN_H

#include <taper/data.h>
#include <taper/io.h>
#include <taper/models.h>
#include <taper/optim.h>

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
    uint64_t seed;
    const char *transform;       /* both splits; NULL: what the model and data need (pad to size, normalise) */
    const char *augment;         /* training only, before transform */
    double clip_norm;            /* 0: none */
    double label_smoothing;
    int64_t early_stop;          /* epochs without a better result before it stops; 0: never */
    int64_t checkpoint_steps;    /* also save every so many steps; 0: at each epoch's end */
    int64_t limit_examples;      /* use only so many training examples; 0: all */
    int workers;
} tp_train_config;

/* What the loop tells its caller: after each step and each epoch.  Returning false stops the run after a checkpoint. */
typedef struct tp_progress {
    int64_t epoch, epochs, step, steps; /* epoch from 1; step within the epoch from 1 */
    int64_t global_step;
    double loss, lr, examples_per_second, seconds; /* loss: running mean of the epoch */
    bool epoch_done;
    double train_loss, train_accuracy, test_loss, test_accuracy, best; /* when epoch_done; accuracy in [0, 1], NaN for regressions */
    bool is_best;
} tp_progress;
typedef bool tp_progress_fn(void *context, const tp_progress *);

typedef struct tp_train_result {
    int64_t epochs, global_step;
    double test_loss, test_accuracy, best; /* best: accuracy, or loss for regressions */
    int64_t best_epoch;
    double seconds;
    bool stopped;        /* by the caller */
    bool stopped_early;
} tp_train_result;

/* Fills the fields that are zero with their defaults and checks all of them. */
TP_API tp_status tp_train_config_resolve(tp_train_config *);

/* Begins a run in config->out (which must not hold one), or goes on with the one that is there. */
TP_API tp_status tp_train_run(const tp_train_config *, tp_progress_fn *, void *context, tp_train_result *);
TP_API tp_status tp_train_resume(const char *run_folder, int64_t epochs /* 0: as configured */, tp_progress_fn *, void *context, tp_train_result *);

/* ---- Weights of a module to and from files ------------------------------------------------------------------------ */

TP_API tp_status tp_save(tp_module *, const char *path);     /* safetensors */
TP_API tp_status tp_save_pth(tp_module *, const char *path); /* for torch.load and load_state_dict; tp_pth_write */
TP_API tp_status tp_load(tp_module *, const char *path);     /* either kind, told by the content: tp_weights_read */

/* ---- Using a run ------------------------------------------------------------------------------------------------- */

typedef struct tp_run tp_run; /* an object: network, labels and transform of a finished or unfinished run */
TP_API tp_run *tp_run_open(const char *run_folder); /* best/ if it is there, else last/ */
TP_API tp_module *tp_run_model(tp_run *);
TP_API const tp_train_config *tp_run_config(const tp_run *);
TP_API int64_t tp_run_classes(const tp_run *);
TP_API const char *tp_run_class_name(const tp_run *, int64_t label);
TP_API tp_tensor *tp_run_input(tp_run *, const char *image_path); /* (1, C, H, W): read, brought to size, transformed */
TP_API tp_tensor *tp_predict(tp_run *, tp_tensor *x);             /* probabilities (N, classes), or values (N, 1) */

typedef struct tp_eval_result {
    int64_t examples;
    double loss, accuracy;
    int64_t classes;
    int64_t *confusion; /* classes x classes, row: truth, column: answer; belongs to the caller's tp_eval_free */
    double *precision, *recall, *f1; /* by class */
} tp_eval_result;
TP_API tp_status tp_run_evaluate(tp_run *, const char *data /* NULL: the run's own */, tp_part, int64_t batch_size, tp_eval_result *);
TP_API void tp_eval_free(tp_eval_result *);

/* Writes report.html from the run folder's files. */
TP_API tp_status tp_report_write(const char *run_folder);

/* ---- Summary: one row a module, measured by a dry run ------------------------------------------------------------- */

typedef struct tp_summary_row {
    const char *name, *type, *info;
    int depth;
    tp_shape output;
    int64_t params;       /* its own, without its children's */
    double flops;         /* of its forward: 2 per multiply-add */
} tp_summary_row;
typedef struct tp_summary {
    tp_summary_row *rows;
    int n_rows;
    int64_t params, trainable;
    double flops;
    int64_t activation_bytes; /* outputs that stay for backward */
} tp_summary;
TP_API tp_status tp_summarize(tp_module *, tp_shape input, tp_summary *);
TP_API void tp_summary_free(tp_summary *);

#ifdef __cplusplus
}
#endif
#endif
