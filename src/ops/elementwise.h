/* elementwise.h - what the families of element-wise operations share: their rules for dtypes, and the rows they are
 * written in.
 *
 * Layer: ops.  Depends on map.h.  Read next: elementwise.c, unary.c. */
#ifndef OPS_ELEMENTWISE_H
#define OPS_ELEMENTWISE_H

#include "ops/map.h"

#include <taper/ops.h>

/* Rules: what comes in, what comes out.  "same" is the one input's dtype, or what all inputs promote to. */
tp_status infer_same(tp_call *);         /* any -> same */
tp_status infer_float(tp_call *);        /* integers and bool -> f32 */
tp_status infer_number(tp_call *);       /* any but bool -> same */
tp_status infer_only_float(tp_call *);   /* floats -> same */
tp_status infer_only_integer(tp_call *); /* integers and bool -> same */
tp_status infer_only_shifted(tp_call *); /* integers -> same */
tp_status infer_truth(tp_call *);        /* any -> bool */
tp_status infer_divisor(tp_call *);      /* any but bool -> same; an integer divisor has no zero */

/* For an op of several inputs that PyTorch does not promote: numbers aside they have one dtype. */
tp_status check_one_dtype(const tp_call *);

/* Forwards; the kernel's number in op->tag. */
void unary_forward(const tp_call *); /* unary_kernel, with the attributes as its parameters */
void truth_forward(const tp_call *); /* compare_kernel of x and x */
void ternary_forward_with(const tp_call *, ternary_kernel, const tp_tensor *third, const double *parameters);

/* Backwards. */
void zero_backward(const tp_saved *, tp_tensor *dy, tp_tensor **dx); /* for what is constant in pieces */
tp_tensor *dy_inside(tp_tensor *dy, tp_tensor *x, double low, double high, double inside, double outside);

/* Examples. */
extern const tp_example any_number[], positive_number[], unit_number[], above_one[], any_pair[],
    positive_pair[], integer_pair[];

/* name, kernel, formula, dtype rule, what backward reads (0 or 1: x, y), backward, examples; and y = f(x), in place too */
#define UNARY(op, KERNEL, text, rule, reads_x, reads_y, backward_of, samples) \
    const tp_op tp_op_##op = { .name = #op,                                   \
                               .formula = text,                               \
                               .inputs = "x",                                 \
                               .n_in = 1,                                     \
                               .saves_in = reads_x,                           \
                               .saves_out = reads_y,                          \
                               .infer = rule,                                 \
                               .forward = unary_forward,                      \
                               .tag = KERNEL_##KERNEL,                        \
                               .backward = backward_of,                       \
                               .examples = samples };                         \
    ONE_INPUT(op)

/* The same for an op that is made of others: static void op_compose(tp_call *) */
#define COMPOSED(op, text, samples)                                                                          \
    const tp_op tp_op_##op = {                                                                               \
        .name = #op, .formula = text, .inputs = "x", .n_in = 1, .compose = op##_compose, .examples = samples \
    };                                                                                                       \
    ONE_INPUT(op)

#define ONE_INPUT(op)                               \
    tp_tensor *tp_##op(tp_tensor *x)                \
    {                                               \
        return tp_apply(&tp_op_##op, &x, 1, NULL);  \
    }                                               \
    tp_tensor *tp_##op##_(tp_tensor *x)             \
    {                                               \
        return tp_apply_(&tp_op_##op, &x, 1, NULL); \
    }

/* saves: own, others, y as in tp_op */
#define BINARY(op, KERNEL, text, names, rule, own, others, reads_y, backward_of, samples) \
    const tp_op tp_op_##op = { .name = #op,                                               \
                               .formula = text,                                           \
                               .inputs = names,                                           \
                               .n_in = 2,                                                 \
                               .saves_in = own,                                           \
                               .saves_for_others = others,                                \
                               .saves_out = reads_y,                                      \
                               .infer = rule,                                             \
                               .forward = binary_forward,                                 \
                               .tag = KERNEL_##KERNEL,                                    \
                               .backward = backward_of,                                   \
                               .examples = samples };

#define TWO_INPUTS(op)                                                  \
    tp_tensor *(tp_##op)(tp_tensor * x, tp_tensor * y)                  \
    {                                                                   \
        return tp_apply(&tp_op_##op, (tp_tensor *[]){ x, y }, 2, NULL); \
    }

#define IN_PLACE(op)                                                     \
    tp_tensor *(tp_##op##_)(tp_tensor * x, tp_tensor * y)                \
    {                                                                    \
        return tp_apply_(&tp_op_##op, (tp_tensor *[]){ x, y }, 2, NULL); \
    }

#endif
