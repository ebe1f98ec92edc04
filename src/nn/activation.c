/* activation.c - the activations as layers: one table from a name to its function.
 *
 * The table serves both the constructors and the choice by name, so an activation is one row and one constructor.
 * State: the row and its number (a slope, a dim) where it has one.
 * Layer: nn.  Depends on module.h.  Read next: init.c, ops/unary.c. */
#include "nn/module.h"

#include <string.h>

typedef struct activation {
    const char *name;
    tp_tensor *(*plain)(tp_tensor *);
    tp_tensor *(*with)(tp_tensor *, double number); /* instead of plain */
    double number;                                  /* its default */
} activation;

typedef struct activation_state {
    const activation *row;
    double number;
} activation_state;

static tp_tensor *softmax_along(tp_tensor *x, double dim)
{
    return tp_softmax(x, (int)dim);
}

static tp_tensor *log_softmax_along(tp_tensor *x, double dim)
{
    return tp_log_softmax(x, (int)dim);
}

static const activation activations[] = {
    { "sigmoid", tp_sigmoid, NULL, 0 },     { "tanh", tp_tanh, NULL, 0 },
    { "relu", tp_relu, NULL, 0 },           { "leaky_relu", NULL, tp_leaky_relu, 0.01 },
    { "gelu", tp_gelu, NULL, 0 },           { "gelu_tanh", tp_gelu_tanh, NULL, 0 },
    { "silu", tp_silu, NULL, 0 },           { "softplus", tp_softplus, NULL, 0 },
    { "softmax", NULL, softmax_along, -1 }, { "log_softmax", NULL, log_softmax_along, -1 },
    { "identity", tp_itself, NULL, 0 },
};
enum { N_ACTIVATIONS = sizeof activations / sizeof *activations };

static const activation *row_of(const char *name)
{
    for (int i = 0; i < N_ACTIVATIONS; i++)
        if (strcmp(activations[i].name, name) == 0)
            return &activations[i];
    return NULL;
}

static tp_tensor *activation_forward(tp_module *m, tp_tensor *x)
{
    const activation_state *s = tp_module_state(m);
    return s->row->with ? s->row->with(x, s->number) : s->row->plain(x);
}

static tp_module *activation_new(const activation *row, double number)
{
    TP_SCOPE;
    tp_module *m = tp_module_new(row->name, sizeof(activation_state), activation_forward);
    activation_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    *s = (activation_state){ row, number };
    if (row->with)
        tp_module_set_info(m, "%g", number);
    return tp_keep(tp_module_built(m));
}

/* ---- by name ---------------------------------------------------------------------------------------------------- */

static const char *name_at(int i)
{
    return i < N_ACTIVATIONS ? activations[i].name : NULL;
}

tp_module *tp_nn_activation(const char *name)
{
    if (tp_pending())
        return NULL;
    const activation *row = row_of(name ? name : "");
    if (row)
        return activation_new(row, row->number);
    tp_error_unknown("activation", name ? name : "", name_at);
    return NULL;
}

/* ---- one by one -------------------------------------------------------------------------------------------------- */

tp_module *tp_nn_leaky_relu(double negative_slope)
{
    return activation_new(row_of("leaky_relu"), negative_slope);
}

tp_module *tp_nn_softmax(int dim)
{
    return activation_new(row_of("softmax"), dim);
}

tp_module *tp_nn_log_softmax(int dim)
{
    return activation_new(row_of("log_softmax"), dim);
}

#define PLAIN(name)                     \
    tp_module *tp_nn_##name(void)       \
    {                                   \
        return tp_nn_activation(#name); \
    }
PLAIN(sigmoid)
PLAIN(tanh)
PLAIN(relu)
PLAIN(gelu)
PLAIN(gelu_tanh)
PLAIN(silu)
PLAIN(softplus)
PLAIN(identity)
