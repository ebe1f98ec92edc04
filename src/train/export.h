/* export.h - a network on its way to C: the texts of its files as they grow.
 *
 * Invariants:
 *  1. Before a layer's line its numbers lie in the array that export_x names; a layer writes into the other one of two, or in place.
 *  2. A function's text is put out only where a layer used it, with the functions that it calls, in the order of export_functions.
 *  3. Files are written when all texts are there: what cannot be exported leaves nothing behind.
 * Layer: train.  Depends on run.h, io/file.h.  Read next: export_c.c, export_layers.c, export_functions.c. */
#ifndef TRAIN_EXPORT_H
#define TRAIN_EXPORT_H

#include "io/file.h"
#include "train/run.h"

enum { EXPORT_NAME = 64 };

typedef enum export_function_id { /* those that are called stand before their callers */
                                  F_SIZES,
                                  F_DOT,
                                  F_SIGMOID_OF,
                                  F_PAD,
                                  F_NORMALIZE,
                                  F_CONV2D,
                                  F_MAX_POOL2D,
                                  F_AVG_POOL2D,
                                  F_LINEAR,
                                  F_RELU,
                                  F_LEAKY_RELU,
                                  F_SIGMOID,
                                  F_TANH,
                                  F_GELU,
                                  F_GELU_TANH,
                                  F_SILU,
                                  F_SOFTPLUS,
                                  F_EMBEDDING,
                                  F_ROWS,
                                  F_RNN,
                                  F_LSTM,
                                  F_GRU,
                                  F_LAST_STEP,
                                  F_MEAN_STEP,
                                  F_ATTENTION,
                                  F_SOFTMAX,
                                  N_EXPORT_FUNCTIONS
} export_function_id;

typedef struct export_function {
    const char *text; /* of the C function, with its comment */
    uint32_t needs;   /* bits of the functions that it calls */
} export_function;
extern const export_function export_functions[N_EXPORT_FUNCTIONS];

typedef struct exporter {
    const setup *setup;
    tp_module *net;
    tp_params *tensors; /* the network's, by dotted name */
    bool is_text;       /* a language model: one character a call, with a state of the caller's */
    tp_shape input;     /* of one example as the caller has it */
    char name[EXPORT_NAME], upper[EXPORT_NAME];
    char before[1024];           /* steps of the transform that the caller has to do; "" */
    file_bytes weights, network; /* arrays; a line a layer */
    uint32_t used;               /* bits of functions */
    int at;                      /* where the numbers lie: -1 input, 0 a, 1 b */
    int64_t room[2];             /* numbers in a, b */
    int64_t patch;               /* the most numbers in a window of a convolution */
    int64_t gates, carried;      /* of recurrent layers: the most gates of one, h of all */
    bool has_cell;               /* an LSTM's c beside h */
    int64_t n_weights, n_outputs;
} exporter;

void export_put(file_bytes *, const char *format, ...) TP_PRINTF(2, 3);
void export_use(exporter *, export_function_id);

/* "input", "a", "b": the array that holds the numbers; and where the next layer writes n of them, which becomes that array. */
const char *export_x(const exporter *);
const char *export_y(exporter *, int64_t n, bool in_place);

/* The steps of the transform that can be done here, and the layers; an error names the module that cannot be exported. */
tp_status export_transform(exporter *, const tp_transform *);
tp_status export_layers(exporter *);

#endif
