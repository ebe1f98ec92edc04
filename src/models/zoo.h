/* zoo.h - what a model's file and the table agree on.
 *
 * A model is a row: what it is called, what it reads, its defaults, and the function that builds it.
 * build gets options in which every default has been put in and every size is in [1, 2^24] (features: 0 or more).
 * Layer: models.  Depends on taper/models.h.  Read next: zoo.c, lenet5.c. */
#ifndef MODELS_ZOO_H
#define MODELS_ZOO_H

#include <taper/models.h>

typedef struct model_row {
    tp_model_info info;
    tp_module *(*build)(const tp_model_options *);
} model_row;

enum { MODEL_MAX_HIDDEN = 16 };

/* "128,64" to {128, 64}; how many, or -1 with a pending error.  "" has none. */
int model_widths(const char *model, const char *text, int64_t widths[MODEL_MAX_HIDDEN]);

/* Which of the choices (ended by NULL) the value is; -1 with a pending error that names them. */
int model_choice(const char *model, const char *option, const char *value, const char *const *choices);
bool model_small_stem(const char *model, const tp_model_options *);

/* The recurrent layers that cell, layers, hidden and bidirectional name, batch first, with dropout between them; *width of their output. */
tp_module *model_recurrent(const char *model, const tp_model_options *, int64_t input, int64_t *width);

/* Fills the weights of all convolutions and linear layers anew, NULL: as the layers did; zero_bias: all biases are 0. */
typedef tp_tensor *model_initialiser(tp_tensor *);
void model_initialise(tp_module *net, model_initialiser *conv, model_initialiser *linear, bool zero_bias);
model_initialiser model_kaiming_fan_out, model_kaiming, model_normal; /* normal: standard deviation 0.01 */

/* Appends the module to the sequential: model_add(net, "fc", 2, ...) as fc2; number 0: as the name alone. */
void model_add(tp_module *net, const char *name, int number, tp_module *);

#endif
