/* test_ops.c - what holds for every operation, checked on its own examples: gradients, f32 against f64, the same bits on
 * any number of threads, any layout of the inputs.
 *
 * ctest runs this for every instruction set.  Layer: tests.  Read next: support/examples.h, test_op_errors.c. */
#include "support/golden.h"
#include "support/compare.h"
#include "support/examples.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef bool check_example(const tp_op *, const tp_example *, char *text, size_t size);

static void for_examples(check_example *check)
{
    int wrong = 0;
    for (int i = 0; i < tp_op_count(); i++)
        for (const tp_example *e = tp_op_at(i)->examples; e && e->inputs; e++) {
            TP_SCOPE;
            char text[512] = "";
            if (!check(tp_op_at(i), e, text, sizeof text)) {
                print_error("%s(%s), example %d: %s\n", tp_op_at(i)->name, e->inputs,
                            (int)(e - tp_op_at(i)->examples), text);
                wrong++;
            }
            tp_error_take(NULL, 0);
        }
    if (wrong)
        fail_msg("%d examples are wrong", wrong);
}

static bool ran(example_run *r, char *text, size_t size)
{
    if (!example_apply(r) && !example_gradient(r))
        return true;
    tp_error_take(text, size);
    return false;
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

static void every_operation_says_what_it_is(void **state)
{
    (void)state;
    assert_true(tp_op_count() > 80);
    assert_null(tp_op_at(-1));
    assert_null(tp_op_at(tp_op_count()));
    assert_null(tp_op_find("nosuch"));
    for (int i = 0; i < tp_op_count(); i++) {
        const tp_op *op = tp_op_at(i);
        print_message("%s%s", op->name, i % 12 == 11 || i == tp_op_count() - 1 ? "\n" : " ");
        assert_ptr_equal(tp_op_find(op->name), op);
        assert_true(op->formula && *op->formula && op->inputs && tp_op_family(i));
        assert_true(!op->compose == !!op->infer);
        assert_true(op->is_view || op->forward || op->compose);
        assert_true(op->compose || op->not_differentiable == !op->backward);
        assert_true(op->attrs_size == 0 || op->attrs);
        assert_true(op->attrs_size <= sizeof((example_run *)0)->attrs);
        assert_true(op->examples && op->examples->inputs);
    }
}

/* ---- gradients -------------------------------------------------------------------------------------------------------- */

static tp_tensor *apply_to_leaves(tp_tensor *const *leaves, int n, void *context)
{
    example_run *r = context;
    tp_tensor *in[TP_MAX_INPUTS];
    for (int i = 0, k = 0; i < r->n_in; i++)
        in[i] = r->in[i] && tp_requires_grad(r->in[i]) && k < n ? leaves[k++] : r->in[i];
    return tp_apply_n(r->op, in, r->n_in, r->attrs, r->out) ? NULL : r->out[0];
}

static bool gradient_agrees(const tp_op *op, const tp_example *e, char *text, size_t size)
{
    example_run r;
    tp_tensor *leaves[TP_MAX_INPUTS];
    int n = 0;
    example_build(&r, op, e, TP_F64, 1, "");
    for (int i = 0; i < r.n_in; i++)
        if (r.in[i] && tp_requires_grad(r.in[i]))
            leaves[n++] = r.in[i];
    if (n == 0 || !tp_gradcheck(apply_to_leaves, &r, leaves, n, .second = true))
        return true;
    tp_error_take(text, size);
    return false;
}

static void gradients_agree_with_differences_to_the_second_order(void **state)
{
    (void)state;
    for_examples(gradient_agrees);
}

/* ---- f32 against f64: each instruction set's f32 kernels -------------------------------------------------------------- */

/* Elements beyond f32's range are left out. */
static tp_tensor *in_range(tp_tensor *got, tp_tensor *wanted)
{
    TP_NO_GRAD;
    tp_tensor *size = tp_abs(wanted);
    return tp_where(tp_logical_and(tp_lt(size, 1e30), tp_gt(size, 1e-30)), got, 0.0);
}

static bool same_in_f64(const char *what, tp_tensor *got, tp_tensor *wanted, double atol, char *text,
                        size_t size)
{
    TP_NO_GRAD;
    if (!got || !wanted || tp_error_pending())
        return (!got && !wanted && !tp_error_pending()) ||
               same_tensor(what, got, wanted, (tolerance){ 0 }, text, size);
    if (!tp_dtype_is_float(tp_dtype_of(wanted)))
        return same_tensor(what, got, wanted, (tolerance){ 0 }, text, size);
    tp_tensor *g = in_range(tp_double(got), tp_double(wanted)),
              *w = in_range(tp_double(wanted), tp_double(wanted));
    return same_tensor(what, g, w, (tolerance){ 2e-5, atol, false }, text, size);
}

static double largest_numel(const example_run *r)
{
    double n = 0;
    for (int i = 0; i < r->n_in; i++)
        n = fmax(n, r->in[i] ? (double)tp_numel(r->in[i]) : 0);
    return n;
}

static bool f32_agrees_at(const tp_op *op, const tp_example *e, int64_t scale, char *text, size_t size)
{
    TP_SCOPE;
    example_run narrow, wide;
    example_build(&narrow, op, e, TP_F32, scale, NULL);
    example_build(&wide, op, e, TP_F64, scale, NULL);
    if (!ran(&narrow, text, size) || !ran(&wide, text, size))
        return false;
    double atol = 4e-6 * sqrt(1 + largest_numel(&wide)); /* a sum over all of an input may cancel */
    for (int i = 0; i < narrow.n_out; i++)
        if (!same_in_f64("output", narrow.out[i], wide.out[i], atol, text, size))
            return false;
    for (int i = 0; i < narrow.n_in; i++)
        if (!same_in_f64("gradient", narrow.dx[i], wide.dx[i], atol, text, size))
            return false;
    return true;
}

static bool f32_agrees(const tp_op *op, const tp_example *e, char *text, size_t size)
{
    int64_t scale = example_large_scale(op, e, 2e6);
    return f32_agrees_at(op, e, 1, text, size) && (scale < 3 || f32_agrees_at(op, e, 3, text, size)) &&
           f32_agrees_at(op, e, scale, text, size);
}

static void f32_results_agree_with_f64_ones(void **state)
{
    (void)state;
    for_examples(f32_agrees);
}

/* ---- threads ------------------------------------------------------------------------------------------------------------ */

static bool bits_agree(const example_run *a, const example_run *b, char *text, size_t size)
{
    for (int i = 0; i < a->n_out; i++)
        if (!same_bits("output", a->out[i], b->out[i], text, size))
            return false;
    for (int i = 0; i < a->n_in; i++)
        if ((a->dx[i] || b->dx[i]) && !same_bits("gradient", a->dx[i], b->dx[i], text, size))
            return false;
    return true;
}

static bool threads_agree(const tp_op *op, const tp_example *e, char *text, size_t size)
{
    static const int counts[] = { 2, 3, 8 };
    int64_t scale = example_large_scale(op, e, 3e7);
    int before = tp_num_threads();
    example_run one, many;
    example_build(&one, op, e, TP_F32, scale, NULL);
    tp_set_num_threads(1);
    bool same = ran(&one, text, size);
    for (size_t i = 0; i < sizeof counts / sizeof *counts && same; i++) {
        TP_SCOPE;
        example_build(&many, op, e, TP_F32, scale, NULL);
        tp_set_num_threads(counts[i]);
        same = ran(&many, text, size) && bits_agree(&many, &one, text, size);
        if (!same) {
            size_t used = strlen(text);
            snprintf(text + used, size - used, " (%d threads, sizes x %lld)", counts[i], (long long)scale);
        }
    }
    tp_set_num_threads(before);
    return same;
}

static void results_are_the_same_bits_on_1_2_3_and_8_threads(void **state)
{
    (void)state;
    for_examples(threads_agree);
}

/* ---- layouts -------------------------------------------------------------------------------------------------------------- */

static bool layouts_agree_in(const tp_op *op, const tp_example *e, tp_dtype dtype, int64_t scale, char *text,
                             size_t size)
{
    static const char *const layouts[] = { "t", "step", "wide" };
    tolerance t = dtype == TP_F32 ? (tolerance){ 1e-5, 1e-5, false } : (tolerance){ 1e-12, 1e-13, false };
    example_run plain, other;
    example_build(&plain, op, e, dtype, scale, "");
    if (!ran(&plain, text, size))
        return false;
    for (int k = 0; k < 3; k++) {
        char what[64];
        example_build(&other, op, e, dtype, scale, layouts[k]);
        if (example_apply(&other) == TP_ERR_SHAPE &&
            !strncmp(op->name, "view", 4)) { /* view, view_as: those that never copy */
            tp_error_take(text, size);
            if (!strstr(text, "needs a copy"))
                return false;
            continue;
        }
        if (!other.out[0] || example_gradient(&other)) {
            size_t used = (size_t)snprintf(text, size, "inputs laid out as %s: ", layouts[k]);
            tp_error_take(text + used, size - used);
            return false;
        }
        snprintf(what, sizeof what, "%s, inputs laid out as %s", tp_dtype_name(dtype), layouts[k]);
        for (int i = 0; i < plain.n_out; i++)
            if (!same_tensor(what, other.out[i], plain.out[i], t, text, size))
                return false;
        for (int i = 0; i < plain.n_in; i++)
            if (plain.dx[i] && !same_tensor(what, other.dx[i], plain.dx[i], t, text, size))
                return false;
    }
    return true;
}

static bool layouts_agree(const tp_op *op, const tp_example *e, char *text, size_t size)
{
    if (!strcmp(op->name, "as_strided")) /* sees the layout itself */
        return true;
    return layouts_agree_in(op, e, TP_F64, 1, text, size) && layouts_agree_in(op, e, TP_F32, 1, text, size) &&
           (example_large_scale(op, e, 1e6) < 4 || layouts_agree_in(op, e, TP_F64, 4, text, size));
}

static void inputs_of_any_layout_give_the_same_values(void **state)
{
    (void)state;
    for_examples(layouts_agree);
}

/* ---- dry runs ------------------------------------------------------------------------------------------------------------- */

static bool dry_run_agrees(const tp_op *op, const tp_example *e, char *text, size_t size)
{
    example_run r, dry;
    tp_dry_run_total total = { 0 };
    if (op->shape_needs_values)
        return true;
    example_build(&r, op, e, TP_F32, 1, NULL);
    example_build(&dry, op, e, TP_F32, 1, NULL);
    if (!ran(&r, text, size))
        return false;
    tp_dry_run(&total);
    tp_status status = example_apply(&dry);
    tp_dry_run(NULL);
    if (status) {
        tp_error_take(text, size);
        return false;
    }
    int64_t bytes = 0;
    for (int i = 0; i < r.n_out; i++) {
        tp_tensor *a = r.out[i], *b = dry.out[i];
        bool same = tp_ndim(a) == tp_ndim(b) && tp_dtype_of(a) == tp_dtype_of(b);
        for (int d = 0; d < tp_ndim(a) && same; d++)
            same = tp_size(a, d) == tp_size(b, d) && tp_stride(a, d) == tp_stride(b, d);
        if (!same) {
            snprintf(text, size, "output %d has other sizes, strides or another dtype in a dry run", i);
            return false;
        }
        bytes += op->is_view ? 0 : tp_numel(a) * (int64_t)tp_dtype_size(tp_dtype_of(a));
    }
    if ((total.output_bytes == bytes || op->compose) && total.flops >= 0)
        return true;
    snprintf(text, size, "a dry run counts %lld bytes and %g operations, the outputs have %lld bytes",
             (long long)total.output_bytes, total.flops, (long long)bytes);
    return false;
}

static void a_dry_run_gives_the_same_shapes(void **state)
{
    (void)state;
    for_examples(dry_run_agrees);
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_says_what_it_is),
        cmocka_unit_test(gradients_agree_with_differences_to_the_second_order),
        cmocka_unit_test(f32_results_agree_with_f64_ones),
        cmocka_unit_test(results_are_the_same_bits_on_1_2_3_and_8_threads),
        cmocka_unit_test(inputs_of_any_layout_give_the_same_values),
        cmocka_unit_test(a_dry_run_gives_the_same_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
