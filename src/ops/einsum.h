/* einsum.h - what the two halves of einsum share: a tensor whose dims have labels.
 *
 * Layer: ops.  Depends on core.  Read next: einsum.c (the equation), contract.c (the products). */
#ifndef OPS_EINSUM_H
#define OPS_EINSUM_H

#include "ops/ops.h"

/* A..Z are 0..25, a..z 26..51: their order is the one of an output that is not written.  The dims of "..." are the last ones,
 * counted from the right, so that they broadcast. */
enum { EINSUM_LABELS = 52 + TP_MAX_DIMS, EINSUM_OPERANDS = 64 };

typedef struct term {
    tp_tensor *tensor; /* NULL after an error */
    int ndim;
    uint8_t label[TP_MAX_DIMS]; /* of each dim; no label stands twice, no dim has size 1 */
    uint64_t labels;            /* the same as a set */
} term;

/* The product of all terms, summed over the labels that out lacks.  Sizes by label.  order: the out labels as they are wanted
 * (the result may have them in another one).  equation: for error texts. */
term einsum_contract(term *terms, int n, uint64_t out, const uint8_t *order, int n_order, const int64_t *size,
                     const char *equation);

#endif
