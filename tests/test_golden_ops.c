/* test_golden_ops.c - every operation gives what PyTorch gives: values, dtypes, shapes, gradients; and its gradients
 * are those of the values, to the second order.
 *
 * The cases: tools/golden/ops.py.  ctest runs this for every instruction set and for 1 and 3 threads.
 * Layer: tests.  Read next: support/golden.h. */
#include "support/golden.h"

#define FAMILY(name)                                                       \
    static void name##_agrees_with_pytorch(void **state)                   \
    {                                                                      \
        (void)state;                                                       \
        golden_check(#name);                                               \
    }                                                                      \
    static void gradients_of_##name##_agree_with_differences(void **state) \
    {                                                                      \
        (void)state;                                                       \
        golden_check_grads(#name);                                         \
    }

FAMILY(create)
FAMILY(cast)
FAMILY(unary)
FAMILY(activation)
FAMILY(binary)
FAMILY(in_place)
FAMILY(compare)
FAMILY(reduce)
FAMILY(product)
FAMILY(shape)
FAMILY(join)
FAMILY(index)
FAMILY(conv)
FAMILY(pool)
FAMILY(softmax)
FAMILY(loss)

#define TESTS(name)                               \
    cmocka_unit_test(name##_agrees_with_pytorch), \
        cmocka_unit_test(gradients_of_##name##_agree_with_differences)

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        TESTS(create),  TESTS(cast),   TESTS(unary),   TESTS(activation), TESTS(binary), TESTS(in_place),
        TESTS(compare), TESTS(reduce), TESTS(product), TESTS(shape),      TESTS(join),   TESTS(index),
        TESTS(conv),    TESTS(pool),   TESTS(softmax), TESTS(loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
