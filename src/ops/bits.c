/* bits.c - bits of integers and bool; greatest common divisor and least common multiple.
 *
 * Layer: ops.  Kernels: BITWISE_*, SHIFT_*, GCD, LCM (kernels.h), in i64 only.  Read next: compare.c. */
#include "ops/elementwise.h"

#define INTEGERS(op, KERNEL, text, rule)                   \
    const tp_op tp_op_##op = { .name = #op,                \
                               .formula = text,            \
                               .inputs = "x y",            \
                               .n_in = 2,                  \
                               .not_differentiable = true, \
                               .infer = rule,              \
                               .forward = binary_forward,  \
                               .tag = KERNEL_##KERNEL,     \
                               .examples = integer_pair }; \
    TWO_INPUTS(op)                                         \
    IN_PLACE(op)

INTEGERS(bitwise_and, BITWISE_AND, "z = bits set in x and in y", infer_only_integer)
INTEGERS(bitwise_or, BITWISE_OR, "z = bits set in x or in y", infer_only_integer)
INTEGERS(bitwise_xor, BITWISE_XOR, "z = bits set in one of x and y", infer_only_integer)
INTEGERS(bitwise_left_shift, SHIFT_LEFT, "z = x 2^y", infer_only_shifted)
INTEGERS(bitwise_right_shift, SHIFT_RIGHT, "z = floor(x / 2^y)", infer_only_shifted)
INTEGERS(gcd, GCD, "z = largest number that divides x and y", infer_only_shifted)
INTEGERS(lcm, LCM, "z = smallest number that x and y divide", infer_only_shifted)

static void bitwise_not_forward(const tp_call *c)
{
    static const double of_truths[] = { 1 };
    unary_forward_with(c, KERNEL_BITWISE_NOT, c->out[0]->dtype == TP_BOOL ? of_truths : NULL);
}

const tp_op tp_op_bitwise_not = {
    .name = "bitwise_not",
    .formula = "y = every bit of x turned; of bool: y = not x",
    .inputs = "x",
    .n_in = 1,
    .not_differentiable = true,
    .infer = infer_only_integer,
    .forward = bitwise_not_forward,
    .examples =
        (const tp_example[]){
            { "2,3@i9", NULL }, { "3,5@tb", NULL }, { "0,4@i9", NULL }, { "s@i9", NULL }, { NULL, NULL } },
};
ONE_INPUT(bitwise_not)
