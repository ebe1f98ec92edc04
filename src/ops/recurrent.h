/* recurrent.h - one recurrent layer in one direction over a whole sequence, and what its files share.
 *
 *   T steps, B sequences, I inputs, H hidden units, P outputs (H, or fewer by a projection), G gates (1, LSTM 4, GRU 3)
 *   x (T, B, I), y (T, B, P), h (B, P), c (B, H), weight_ih (G H, I), weight_hh (G H, P), biases (G H), weight_hr (P, H),
 *   peephole (3 H), lengths (B); with batch_first x and y are (B, T, ..)
 * Layer: ops.  Depends on map.h.  Read next: recurrent.c, recurrent_walk.c, recurrent_steps.c. */
#ifndef OPS_RECURRENT_H
#define OPS_RECURRENT_H

#include "ops/map.h"
#include "ops/ops.h"

enum { RNN_TANH, RNN_RELU, LSTM, GRU }; /* words of the attribute kind, in this order */

/* Inputs of the operation _recurrent; then those that only recurrent_steps takes; of its gradient, after the first ten. */
enum {
    R_X,
    R_WEIGHT_IH,
    R_WEIGHT_HH,
    R_BIAS_IH,
    R_BIAS_HH,
    R_H0,
    R_C0,
    R_LENGTHS,
    R_WEIGHT_HR,
    R_PEEPHOLE,
    R_INPUTS,
    R_NORM_IH = R_INPUTS,
    R_NORM_HH,
    R_NORM_CELL,
    R_NORM_CELL_BIAS,
    R_ALL_INPUTS,
    R_DY = R_INPUTS,
    R_DH_N,
    R_DC_N,
    R_Y,
    R_KEPT,
    R_GRADIENT_INPUTS,
};
enum { R_OUT_Y, R_OUT_H_N, R_OUT_C_N, R_OUT_KEPT, R_OUTPUTS, R_RESULTS = R_OUT_KEPT };

typedef struct recurrent_attrs {
    int kind;
    bool reverse; /* from the last step, of each sequence its own, to the first */
    bool batch_first;
    bool keep; /* what backward needs is wanted */
    bool
        reset_before; /* GRU: n = tanh(x_n + W_n (r h)) in place of tanh(x_n + r (W_n h)); only recurrent_steps */
} recurrent_attrs;

typedef struct gradient_attrs {
    recurrent_attrs of;
    int64_t needs; /* bit i: the gradient of input i is wanted */
} gradient_attrs;

extern const tp_op tp_op__recurrent, recurrent_gradient;

/* Outputs of recurrent_gradient, and which input's gradient each is. */
enum { D_X, D_WEIGHT_IH, D_WEIGHT_HH, D_BIAS_IH, D_BIAS_HH, D_H0, D_C0, D_WEIGHT_HR, D_PEEPHOLE, D_OUTPUTS };
extern const int recurrent_gradient_of[D_OUTPUTS];

enum { GATES_AT_ONCE = 1 << 14 }; /* numbers of gates that are worth a thread */

/* The sizes of a call, and where its rows lie: matrices of T B rows have that of (t, b) at t row_t + b row_b. */
typedef struct recurrence {
    int kind;
    bool reverse, uneven; /* uneven: there are lengths */
    int64_t t, b, i, h, p, gates;
    int64_t kept; /* numbers a unit that backward needs: LSTM i f g o c, GRU r z n s_n, else none */
    int64_t row_t, row_b;
    int64_t size; /* bytes of a number */
    kernel_type type;
    const kernel_table *kernels;
    const int64_t *lengths; /* B; NULL: all T */
} recurrence;

/* Sizes, dtypes and lengths of all inputs; names op. */
tp_status recurrent_check(const char *op, const recurrent_attrs *, tp_tensor *const *in);
recurrence recurrence_of(const recurrent_attrs *, tp_tensor *const *in,
                         const kernel_table *); /* the call's; NULL where sizes alone are looked at */

static inline int64_t gates_of_kind(int kind)
{
    return kind == LSTM ? 4 : kind == GRU ? 3 : 1;
}

/* A sequence at a step: its row there, and at the step before (-1: there is none). */
typedef struct place {
    int64_t b, row, before;
} place;
enum { PLACE_BYTES = sizeof(place) + 4 * sizeof(void *) }; /* with the pointers of rows of two products */

/* The sequences of [begin, end) that have a step s, counted in the order of computing. */
int64_t places_at(const recurrence *, int64_t s, int64_t begin, int64_t end, place *);
int64_t longest(const recurrence *);

/* How the products with a recurrent weight are done: packed once, each block of sequences for itself through all its steps;
 * packed, one step after the other, its units shared out; for a few steps, not packed; or, of few sequences, as dot products with
 * the weight's rows, a step's units shared out (forward only). */
typedef enum { BY_SEQUENCES, BY_PANELS, UNPACKED, BY_ROWS } recurrent_way;
recurrent_way forward_way(const recurrence *);
recurrent_way backward_way(const recurrence *);
void for_sequences(const recurrence *, recurrent_way, void (*body)(void *context, int64_t begin, int64_t end),
                   void *context);

/* A weight that is the right side of a product at every step, or of all steps at once: B (k, parts n), a part for each gate. */
typedef struct recurrent_weight {
    int64_t parts, n, k, b_row, b_col;
    bool all_rows; /* for weight_all_rows */
    const void *b;
    char *panels;  /* NULL: not packed */
    char *scratch; /* of the product that is not packed */
    size_t scratch_bytes;
} recurrent_weight;

size_t weight_bytes(const recurrence *, recurrent_way, const recurrent_weight *); /* of scratch memory */
void weight_prepare(const recurrence *, recurrent_way, recurrent_weight *, char **scratch);

/* c[i] = a[i] B [+ c[i]] [+ bias] for m rows */
typedef struct rows_product {
    int64_t m;
    void *const *a, *const *c;
    bool accumulate;
    const void *bias;
} rows_product;
void weight_product(const recurrence *, recurrent_way, const recurrent_weight *, const rows_product *);

/* Its columns [first, last) of each part, on this thread; not UNPACKED.  A thread takes as many as units_at_once says: of which
 * each has so many numbers in the weights that are read. */
void weight_columns(const recurrence *, recurrent_way, const recurrent_weight *, const rows_product *,
                    int64_t first, int64_t last);
int64_t units_at_once(const recurrence *, recurrent_way, int64_t units, int64_t numbers, int64_t m);

/* The same for all rows of adjacent matrices at once: c (rows, parts n) = a (rows, k) B [+ bias] */
void weight_all_rows(const recurrence *, recurrent_way, const recurrent_weight *, const void *a, void *c,
                     const void *bias);

static inline size_t cache_lines(int64_t bytes)
{
    return ((size_t)bytes + 63) / 64 * 64;
}

static inline void *taken(char **scratch, int64_t bytes) /* which moves on */
{
    void *mine = *scratch;
    *scratch += cache_lines(bytes);
    return mine;
}

/* recurrent_steps.c: the same made of operations that everybody uses, with all options, any derivative and no haste.
 * in: R_ALL_INPUTS; out: y, h_n, c_n (LSTM, else NULL). */
void recurrent_steps(const recurrent_attrs *, tp_tensor *const *in, tp_tensor **out);

#endif
