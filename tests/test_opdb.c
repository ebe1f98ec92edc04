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

typedef void visit_family(const char *file);

static void for_families(visit_family *visit)
{
    for (int i = 0; i < tp_op_count(); i++) {
        char file[128];
        if (i && !strcmp(tp_op_family(i), tp_op_family(i - 1)))
            continue;
        file_of(tp_op_family(i), file, sizeof file);
        if (has_file(file))
            visit(file);
    }
}

static void values_and_gradients_are_those_of_pytorch(void **state)
{
    (void)state;
    for_families(golden_check);
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

static void mark_family(const char *file)
{
    golden_for_cases(file, mark);
}

static void every_operation_has_values_of_pytorch(void **state)
{
    (void)state;
    static const char *const by_hand[] = { "create",  "cast",   "unary",   "activation", "binary", "in_place",
                                           "compare", "reduce", "product", "shape",      "join",   "index",
                                           "conv",    "pool",   "softmax", "loss" };
    for_families(mark_family);
    for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++)
        golden_for_cases(by_hand[i], mark);
    int without = 0;
    for (int i = 0; i < tp_op_count(); i++)
        if (!covered[i] &&
            !strstr(tp_op_family(i), "Gradients")) /* these are checked through what they belong to */
            print_message("%s%s", without++ ? " " : "without values of PyTorch: ", tp_op_at(i)->name);
    print_message(without ? "\n" : "");
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_gradients_are_those_of_pytorch),
        cmocka_unit_test(every_operation_has_values_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
