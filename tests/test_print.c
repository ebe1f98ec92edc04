/* test_print.c - tensors as text: as PyTorch prints them, as nested lists, and read back from those.
 *
 * Layer: tests.  Golden texts: tools/golden/print.py.  Read next: core/format.c, core/list.c. */
#include "support/files.h"

#include "core/tensor.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <taper/autograd.h>
#include <taper/io.h>
#include <taper/ops.h>

enum { ROOM = 1 << 16 };

static char *read_whole(const char *path)
{
    static char text[1 << 20];
    text[get_file(path, (unsigned char *)text, sizeof text - 1)] = 0;
    return text;
}

static const char *value_of(const char *line, const char *key)
{
    char word[32];
    snprintf(word, sizeof word, " %s=", key);
    const char *at = strstr(line, word);
    return at ? at + strlen(word) : NULL;
}

/* 0 when the case does not say; a 0 that it says is -1 (tensor.h). */
static int64_t option_of(const char *line, const char *key)
{
    const char *value = value_of(line, key);
    if (!value)
        return 0;
    if (!strncmp(value, "inf", 3))
        return INT64_MAX;
    int64_t x = atoll(value);
    return x ? x : -1;
}

/* line: "#case NAME KEY=VALUE ..." */
static void format_case(const char *line, const tp_params *tensors, char *text)
{
    TP_SCOPE;
    char name[64] = "";
    sscanf(line, "%*s %63s", name);
    tp_tensor *x = tp_params_find(tensors, name);
    if (!strncmp(line, "#list", 5)) {
        assert_true(tp_tolist(x, text, ROOM) < ROOM);
        return;
    }
    if (option_of(line, "t") == 1)
        x = tp_transpose(x, 0, -1);
    if (option_of(line, "step") > 0)
        x = tp_slice(x, -1, 0, tp_size(x, -1), option_of(line, "step"));
    if (option_of(line, "grad") == 1)
        tp_requires_grad_(x = tp_clone(x), true);
    tp_format_options o = { .struct_size = sizeof o };
    o.precision = (int)option_of(line, "precision");
    o.edgeitems = (int)option_of(line, "edgeitems");
    o.linewidth = (int)option_of(line, "linewidth");
    o.threshold = option_of(line, "threshold");
    const char *sci = value_of(line, "sci_mode");
    o.sci_mode = !sci ? TP_SCI_AUTO : *sci == '1' ? TP_SCI_ON : TP_SCI_OFF;
    assert_true(tp_format_opt(x, text, ROOM, &o) < ROOM);
}

static void tensors_are_printed_as_pytorch_prints_them(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    static char got[ROOM];
    tp_params *tensors = tp_safetensors_read("tests/data/print.safetensors");
    int wrong = 0, n = 0;
    for (char *block = read_whole("tests/data/print.txt"); *block; n++) {
        char *end = strstr(block, "\n#"), *wanted = strchr(block, '\n');
        *wanted++ = 0;
        if (end)
            *end = 0;
        else
            wanted[strlen(wanted) - 1] = 0;
        format_case(block, tensors, got);
        expect_no_error();
        if (strcmp(got, wanted) != 0 && ++wrong < 10)
            print_error("%s\n%s\nwanted\n%s\n", block, got, wanted);
        block = end ? end + 1 : "";
    }
    assert_int_equal(wrong, 0);
    assert_true(n > 500);
}

static void history_is_printed(void **state)
{
    (void)state;
    TP_SCOPE;
    char text[200];
    tp_tensor *x = tp_requires_grad_(tp_tensor_of(1, 2), true);
    tp_format(tp_mul(x, 2), text, sizeof text);
    assert_string_equal(text, "tensor([2., 4.], grad_fn=<MulBackward0>)");
    tp_format(tp_masked_fill(x, tp_gt(x, 1), 0), text, sizeof text);
    assert_non_null(strstr(text, ", grad_fn=<"));
    tp_format(x, text, sizeof text);
    assert_string_equal(text, "tensor([1., 2.], requires_grad=True)");
    tp_format(tp_detach(x), text, sizeof text);
    assert_string_equal(text, "tensor([1., 2.])");
    tp_format(NULL, text, sizeof text);
    assert_string_equal(text, "NULL");
}

static void any_room_is_enough_for_a_part(void **state)
{
    (void)state;
    TP_SCOPE;
    char text[100], whole[100];
    tp_tensor *x = tp_tensor_of(1, 2.5f);
    size_t n = tp_format(x, whole, sizeof whole), m = tp_tolist(x, NULL, 0);
    for (size_t room = 1; room <= n + 1; room++) {
        memset(text, '#', sizeof text);
        assert_int_equal(tp_format(x, text, room), n);
        assert_int_equal(strlen(text), room - 1);
        assert_memory_equal(text, whole, room - 1);
        assert_int_equal(text[room], '#');
    }
    assert_int_equal(tp_tolist(x, whole, sizeof whole), m);
    assert_string_equal(whole, "[1.0, 2.5]");
    assert_int_equal(tp_tolist(x, text, 4), m);
    assert_string_equal(text, "[1.");
}

static void the_locale_changes_nothing(void **state)
{
    (void)state;
    static const char *const commas[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8",
                                          "nl_NL.UTF-8" };
    TP_SCOPE;
    char text[100];
    bool found = false;
    for (size_t i = 0; i < sizeof commas / sizeof *commas && !found; i++)
        found = setlocale(LC_NUMERIC, commas[i]) != NULL;
    tp_format(tp_tensor_of(1, 2.5f), text, sizeof text);
    assert_string_equal(text, "tensor([1.0000, 2.5000])");
    tp_tolist(tp_from_list("[0.1, 1e300]"), text, sizeof text);
    assert_string_equal(text, "[0.10000000149011612, Infinity]");
    setlocale(LC_NUMERIC, "C");
}

static void lists_come_back_bit_for_bit(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    static char text[ROOM];
    tp_params *tensors = tp_safetensors_read("tests/data/print.safetensors");
    for (int i = 0; i < tp_params_count(tensors); i++) {
        TP_SCOPE;
        tp_tensor *x = tp_params_at(tensors, i);
        assert_true(tp_tolist(x, text, sizeof text) < sizeof text);
        tp_tensor *y = tp_from_list_as(text, (tp_dtype)x->dtype);
        expect_no_error();
        assert_int_equal(y->numel, x->numel);
        if (x->numel)
            assert_true(tensor_same_shape(x, y));
        size_t size = tensor_element_size(x);
        for (int64_t k = 0; k < x->numel; k++)
            if (!(tp_dtype_is_float((tp_dtype)x->dtype) &&
                  isnan(tp_item(tp_select(tp_flatten(x, 0, -1), 0, k)))))
                assert_memory_equal(tensor_data(x) + (size_t)k * size, tensor_data(y) + (size_t)k * size,
                                    size);
    }
}

static void random_doubles_come_back_bit_for_bit(void **state)
{
    (void)state;
    TP_SCOPE;
    enum { N = 2000 };
    static double x[N];
    static char text[40 * N];
    tp_manual_seed(5);
    tp_tensor *bits = tp_randint(INT64_MIN / 2, INT64_MAX / 2, TP_SHAPE(N));
    memcpy(x, tp_data(bits), sizeof x);
    for (int i = 0; i < N; i++) { /* every exponent; no NaN, which have many patterns */
        if (i % 2)
            x[i] = -x[i];
        if (i % 7 == 0)
            x[i] = ldexp(1, i - 1000);
        if (!isfinite(x[i]))
            x[i] = i;
    }
    assert_true(tp_tolist(tp_tensor_copied(x, TP_F64, TP_SHAPE(N)), text, sizeof text) < sizeof text);
    tp_tensor *y = tp_from_list_as(text, TP_F64);
    expect_no_error();
    assert_memory_equal(tp_data(y), x, sizeof x);
}

static void the_type_follows_from_the_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        tp_dtype dtype;
        int ndim;
        const char *again;
    } cases[] = {
        { "[1, 2]", TP_I64, 1, "[1, 2]" },
        { "[1, 2.0]", TP_F32, 1, "[1.0, 2.0]" },
        { "[true, false]", TP_BOOL, 1, "[true, false]" },
        { "[true, 2]", TP_I64, 1, "[1, 2]" },
        { "[True, 2.5]", TP_F32, 1, "[1.0, 2.5]" },
        { " [ [ ] , [ ] ] ", TP_F32, 2, "[[], []]" },
        { "[]", TP_F32, 1, "[]" },
        { "7", TP_I64, 0, "7" },
        { "-0.0", TP_F32, 0, "-0.0" },
        { "[nan, inf, -inf, NaN, Infinity, -Infinity]", TP_F32, 1,
          "[NaN, Infinity, -Infinity, NaN, Infinity, -Infinity]" },
        { "[[1e2],\n\t[2E-1]]", TP_F32, 2, "[[100.0], [0.20000000298023224]]" },
        { "[9223372036854775807, -9223372036854775808]", TP_I64, 1,
          "[9223372036854775807, -9223372036854775808]" },
        { "[[[[[[[[1]]]]]]]]", TP_I64, 8, "[[[[[[[[1]]]]]]]]" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        char text[200];
        tp_tensor *x = tp_from_list(cases[i].text);
        expect_no_error();
        assert_int_equal(tp_dtype_of(x), cases[i].dtype);
        assert_int_equal(tp_ndim(x), cases[i].ndim);
        tp_tolist(x, text, sizeof text);
        assert_string_equal(text, cases[i].again);
    }
}

static void what_is_no_list_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        tp_status status;
        const char *piece;
    } cases[] = {
        { "", TP_ERR_FORMAT, "from_list: byte 0: the end, a number or a list is wanted" },
        { "[", TP_ERR_FORMAT, "byte 1: the end, a number or a list is wanted" },
        { "[1", TP_ERR_FORMAT, "byte 2: the end, a comma or ] is wanted" },
        { "[1,]", TP_ERR_FORMAT, "byte 3: ']', a number or a list is wanted" },
        { "[,1]", TP_ERR_FORMAT, "byte 1: ','" },
        { "[1 2]", TP_ERR_FORMAT, "byte 3: '2', a comma or ] is wanted" },
        { "[1] x", TP_ERR_FORMAT, "byte 4: 'x', the end is wanted" },
        { "[1]]", TP_ERR_FORMAT, "byte 3: ']', the end is wanted" },
        { "(1, 2)", TP_ERR_FORMAT, "byte 0: '('" },
        { "{}", TP_ERR_FORMAT, "byte 0: '{'" },
        { "[\"1\"]", TP_ERR_FORMAT, "byte 1: '\"'" },
        { "[null]", TP_ERR_FORMAT, "byte 1: 'n'" },
        { "[+1]", TP_ERR_FORMAT, "byte 1: '+'" },
        { "[01]", TP_ERR_FORMAT, "byte 2: '1', a decimal number without leading zeros is wanted" },
        { "[0x10]", TP_ERR_FORMAT, "byte 2: 'x'" },
        { "[.5]", TP_ERR_FORMAT, "byte 1: '.'" },
        { "[1.]", TP_ERR_FORMAT, "byte 3: ']', a digit is wanted" },
        { "[1e]", TP_ERR_FORMAT, "byte 3: ']', a digit is wanted" },
        { "[--1]", TP_ERR_FORMAT, "byte 1: '-'" },
        { "[1e999]", TP_ERR_FORMAT, "byte 1: a number that no f64 holds" },
        { "[1, 9223372036854775808]", TP_ERR_FORMAT, "byte 4: an integer that no i64 holds" },
        { "[\xef\xbb\xbf]", TP_ERR_FORMAT, "byte 1: 0xef" },
        { "[trueish]", TP_ERR_FORMAT, "byte 5: 'i'" },
        { "[[1, 2], [3]]", TP_ERR_SHAPE, "byte 9: a list of 1, the ones before have 2 (ragged)" },
        { "[[1], [2, 3]]", TP_ERR_SHAPE, "byte 6: a list of 2, the ones before have 1" },
        { "[[1], 2]", TP_ERR_SHAPE, "byte 6: a number, where the lists before have lists" },
        { "[1, [2]]", TP_ERR_SHAPE, "byte 4: a list, where the lists before have numbers" },
        { "[[], 1]", TP_ERR_SHAPE, "byte 5: a number" },
        { "[[], [1]]", TP_ERR_SHAPE, "byte 5: a list of 1, the ones before have 0" },
        { "[[], [[]]]", TP_ERR_SHAPE, "byte 6: a list" },
        { "[[[]], []]", TP_ERR_SHAPE, "byte 7: a list of 0, the ones before have 1" },
        { "[[[[[[[[[1]]]]]]]]]", TP_ERR_UNSUPPORTED, "byte 8: lists nest deeper than 8" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        if (tp_from_list(cases[i].text))
            fail_msg("'%s' is taken", cases[i].text);
        expect_error(cases[i].status, cases[i].piece);
    }
    char *deep = test_malloc(100001);
    memset(deep, '[', 100000);
    deep[100000] = 0;
    assert_null(tp_from_list(deep));
    expect_error(TP_ERR_UNSUPPORTED, "nest deeper");
    test_free(deep);
    assert_null(tp_from_list(NULL));
    expect_error(TP_ERR_ARGUMENT, "NULL");
}

static void nothing_is_cut_to_fit_a_type(void **state)
{
    (void)state;
    TP_SCOPE;
    char text[100];
    assert_null(tp_from_list_as("[1, 1.5]", TP_I32));
    expect_error(TP_ERR_DTYPE, "byte 4: a real number, i32 is wanted");
    assert_null(tp_from_list_as("[255, 256]", TP_U8));
    expect_error(TP_ERR_DTYPE, "byte 6: 256 does not fit u8");
    assert_null(tp_from_list_as("-1", TP_U8));
    expect_error(TP_ERR_DTYPE, "byte 0: -1 does not fit u8");
    assert_null(tp_from_list_as("[NaN]", TP_I64));
    expect_error(TP_ERR_DTYPE, "a real number");
    assert_null(tp_from_list_as("[2]", TP_BOOL));
    expect_error(TP_ERR_DTYPE, "2 does not fit bool");
    assert_null(tp_from_list_as("[2]", (tp_dtype)99));
    expect_error(TP_ERR_DTYPE, "dtype 99");
    tp_tolist(tp_from_list_as("[0, 1, 70000]", TP_F16), text, sizeof text);
    assert_string_equal(text, "[0.0, 1.0, Infinity]");
}

static void make_lists(void)
{
    tp_tensor *x = tp_from_list("[[1, 2.5], [true, -Infinity]]");
    char text[100];
    tp_tolist(x, text, sizeof text);
    tp_format(x, text, sizeof text);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    with_failing_allocations(make_lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_printed_as_pytorch_prints_them),
        cmocka_unit_test(history_is_printed),
        cmocka_unit_test(any_room_is_enough_for_a_part),
        cmocka_unit_test(the_locale_changes_nothing),
        cmocka_unit_test(lists_come_back_bit_for_bit),
        cmocka_unit_test(random_doubles_come_back_bit_for_bit),
        cmocka_unit_test(the_type_follows_from_the_numbers),
        cmocka_unit_test(what_is_no_list_is_an_error),
        cmocka_unit_test(nothing_is_cut_to_fit_a_type),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
