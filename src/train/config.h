/* config.h - a run's configuration with what it owns: its strings, and what the data say.
 *
 * Invariants:
 *  1. Every string of a setup's config belongs to the setup; none is the caller's.
 *  2. After setup_resolve_data transform is not NULL, and model_options are what the network is built from.
 *  3. config.json holds exactly these fields: setup_write and setup_read are each other's inverse.
 * Layer: train.  Depends on data, models, optim.  Read next: config.c, prepare.c, config_file.c. */
#ifndef TRAIN_CONFIG_H
#define TRAIN_CONFIG_H

#include "base/error.h"
#include "base/memory.h"
#include "base/object.h"

#include <taper/train.h>

typedef struct setup {
    tp_object object;
    tp_train_config config;
    const char *
        tokenizer; /* of a text's tokens: where it is read, which is the run's own copy when the run is there */
    char **texts; /* all strings */
    int64_t n_texts, texts_room;
    int64_t *milestones; /* n_milestones of the schedule's options */
    /* What the data were at the beginning, so that a checkpoint can be used without them. */
    const char *data_kind;
    tp_shape data_shape; /* of one example, before the transform */
    int64_t classes;     /* 0: regression */
    int64_t targets;     /* of one example: 1, or the places of a sequence */
    const char **class_names;
    const char **input_names; /* of pairs: the source's vocabulary */
    int64_t inputs;
    const char **column_names; /* of a table: its features */
    int64_t columns;
    const char *target_name;
    int64_t train_examples, test_examples; /* after limit_examples */
    int64_t *class_counts; /* training examples of each class, where the run is to be balanced; NULL */
    bool pictures_cropped; /* pictures come from a folder: shorter side resized, centre cropped */
} setup;

setup *setup_new(void);
setup *setup_of(
    const tp_train_config *); /* a copy, resolved and checked as far as that goes without the data */
const char *setup_text(setup *, const char *text); /* a copy that belongs to the setup; NULL stays NULL */
tp_status setup_room_for_classes(setup *, int64_t classes);
tp_status setup_room_for_names(const char ***names, int64_t *has, int64_t n); /* of inputs, of columns */

/* What model, transform and class names follow from the whole training part. */
tp_status setup_resolve_data(setup *, tp_dataset *train, tp_dataset *test);
tp_shape setup_input(const setup *, tp_status *); /* (1, ...): what the network takes */

/* Counts the training examples of each class; before setup_write, for a run that is to be balanced. */
tp_status setup_count_classes(setup *, tp_dataset *train);

/* The data of a part: as the run uses it (the training part limited to limit_examples), and whole. */
tp_dataset *setup_data(const setup *, tp_part);
tp_dataset *setup_whole_data(const setup *, tp_part);
tp_known_names setup_known_names(const setup *);
tp_dataset *setup_other_data(const setup *, const char *data,
                             tp_part); /* by the run's tokens, classes and columns */

int64_t setup_batches_per_epoch(const setup *);
int64_t setup_steps_per_epoch(const setup *);      /* of accumulate batches each */
tp_schedule_options setup_schedule(const setup *); /* total and warmup filled in */

/* The network, checked against the data by a dry run; the thread's generator is seeded from the run's seed. */
tp_module *setup_model(const setup *);

tp_status setup_outputs(const setup *, tp_module *, int64_t *outputs); /* how many numbers it answers with */

/* Products as the run's dtype has them, for the whole process; what was before, for setup_precision_restore. */
const char *setup_precision(const setup *);
void setup_precision_restore(const char *const *before);
#define SETUP_PRECISION(s)                                                                   \
    __attribute__((cleanup(setup_precision_restore), unused)) const char *precision_before = \
        setup_precision(s)

tp_status setup_write(const setup *, const char *folder); /* folder/config.json */
setup *setup_read(const char *folder);

#endif
