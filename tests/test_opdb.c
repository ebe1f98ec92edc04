/* test_opdb.c - every operation on the sample inputs of PyTorch's own test database, values and gradients.
 *
 * tools/golden/opdb.py makes the files, one a family of the table.  Layer: tests.  Read next: support/golden.h. */
#include "support/golden.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "Functions of one tensor, element by element": "opdb/functions_of_one_tensor_element_by_element" */
static void file_of(const char *family, char *name, size_t size)
{
    size_t n = (size_t)snprintf(name, size, "opdb/");
    for (; *family && n + 1 < size; family++)
        if (isalpha((unsigned char)*family))
            name[n++] = (char)tolower((unsigned char)*family);
        else if (name[n - 1] != '_' && name[n - 1] != '/')
            name[n++] = '_';
    name[n] = 0;
}

static bool has_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s.safetensors", name);
    return access(path, R_OK) == 0;
}

enum { MOST_FAMILIES = 64 };
static char files[MOST_FAMILIES][128];
static int n_files;

static void find_files(void)
{
    for (int i = 0; i < tp_op_count() && n_files < MOST_FAMILIES; i++) {
        if (i && !strcmp(tp_op_family(i), tp_op_family(i - 1)))
            continue;
        file_of(tp_op_family(i), files[n_files], sizeof *files);
        n_files += has_file(files[n_files]);
    }
}

static void values_and_gradients_are_those_of_pytorch(void **state)
{
    golden_check(*state);
}

/* ---- coverage: no operation without PyTorch's values ------------------------------------------------------------------ */

static bool covered[1024];

static bool mark(golden_case *c, char *text, size_t size)
{
    (void)text;
    (void)size;
    for (int i = 0; i < tp_op_count() && i < 1024; i++)
        if (!strcmp(tp_op_at(i)->name, c->op))
            covered[i] = true;
    return true;
}

/* Random numbers have none. */
static bool is_elsewhere(const char *name)
{
    static const char *const names[] = { "rand",    "randn",     "uniform",   "normal",  "exponential",
                                         "randint", "randperm",  "bernoulli", "poisson", "multinomial",
                                         "dropout", "dropout2d", /* test_random.c, test_nn.c */
                                         "copy" /* in_place.safetensors */ };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static void every_operation_has_values_of_pytorch(void **state)
{
    (void)state;
    static const char *const by_hand[] = { "create",  "cast",   "unary",   "activation", "binary", "in_place",
                                           "compare", "reduce", "product", "shape",      "join",   "index",
                                           "conv",    "pool",   "softmax", "loss" };
    for (int i = 0; i < n_files; i++)
        golden_for_cases(files[i], mark);
    for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++)
        golden_for_cases(by_hand[i], mark);
    int without = 0;
    for (int i = 0; i < tp_op_count(); i++)
        if (!covered[i] && !is_elsewhere(tp_op_at(i)->name) &&
            !strstr(tp_op_family(i), "of some of the above"))
            print_error("%s has no values of PyTorch\n", tp_op_at(i)->name), without++;
    assert_int_equal(without, 0); /* parts and gradients of other operations are checked through these */
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    struct CMUnitTest tests[MOST_FAMILIES + 1] = { cmocka_unit_test(every_operation_has_values_of_pytorch) };
    find_files();
    for (int i = 0; i < n_files; i++) /* a test a file, named after it */
        tests[i + 1] =
            (struct CMUnitTest){ files[i], values_and_gradients_are_those_of_pytorch, NULL, NULL, files[i] };
    return _cmocka_run_group_tests("operations", tests, (size_t)n_files + 1, NULL, NULL);
}
