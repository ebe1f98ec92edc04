/* bits.h - a body (plain.h): bits of int64_t; after elementwise.h.
 *
 * A shift by 64 or more, or by a negative number, gives what is left when every bit has gone.
 * Layer: kernels.  Read next: ../ref/i64.c. */
UNARY(bitwise_not, p ? x == 0 : ~x) /* p: of truths */

#define RESULT int64_t
BINARY(bitwise_and, a &b)
BINARY(bitwise_or, a | b)
BINARY(bitwise_xor, a ^ b)
BINARY(shift_left, (uint64_t)b < 64 ? (uint64_t)a << (b & 63) : 0)
BINARY(shift_right, a >> ((uint64_t)b < 63 ? b : 63))
#undef RESULT

static void fill_bits(kernel_table *t)
{
    t->unary[KERNEL_BITWISE_NOT][KT_I64] = bitwise_not;
    t->binary[KERNEL_BITWISE_AND][KT_I64] = bitwise_and;
    t->binary[KERNEL_BITWISE_OR][KT_I64] = bitwise_or;
    t->binary[KERNEL_BITWISE_XOR][KT_I64] = bitwise_xor;
    t->binary[KERNEL_SHIFT_LEFT][KT_I64] = shift_left;
    t->binary[KERNEL_SHIFT_RIGHT][KT_I64] = shift_right;
}
