/* test_einsum.c - einsum: equations against loops over every index, gradients, integer types, and every way an equation can
 * be malformed.
 *
 * Layer: tests.  Read next: ops/einsum.c. */
#include "support/golden.h"
#include "support/compare.h"
#include "support/examples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- loops over every index ------------------------------------------------------------------------------------------------ */

enum { MOST = 12 };

typedef struct loops {
    int n;
    char subscripts[MOST][16], out[16];
    tp_shape shape[MOST], out_shape;
    int64_t size[128];
} loops;

/* Shapes as "2,3 3,4"; s is a scalar. */
static int read_shapes(const char *at, tp_shape *shape)
{
    int n = 0;
    while (*at) {
        tp_shape s = { 0 };
        for (; *at && *at != ' '; at += *at == ',' || *at == 's')
            if (*at != 's') {
                char *end;
                const int64_t size = strtoll(at, &end, 10);
                if (s.ndim++ < TP_MAX_DIMS) /* more are told by their number */
                    s.dim[s.ndim - 1] = size;
                at = end;
            }
        shape[n++] = s;
        at += *at == ' ';
    }
    return n;
}

static void read_plain(loops *l, const char *equation, const char *shapes)
{
    *l = (loops){ .n = read_shapes(shapes, l->shape) };
    read_shapes(shapes, l->shape);
    char *to = l->subscripts[0];
    int k = 0;
    for (const char *at = equation; *at; at++)
        if (*at == ',')
            to = l->subscripts[++k];
        else if (*at == '-')
            to = l->out, at++;
        else
            *to++ = *at;
    for (int i = 0; i < 128; i++)
        l->size[i] = 1;
    for (int i = 0; i < l->n; i++)
        for (int d = 0; d < l->shape[i].ndim; d++)
            if (l->shape[i].dim[d] != 1)
                l->size[(int)l->subscripts[i][d]] = l->shape[i].dim[d];
    l->out_shape.ndim = (int)strlen(l->out);
    for (int d = 0; d < l->out_shape.ndim; d++)
        l->out_shape.dim[d] = l->size[(int)l->out[d]];
}

static int64_t offset_of(const char *subscripts, const tp_shape *shape, const int64_t *at)
{
    int64_t offset = 0;
    for (int d = 0; d < shape->ndim; d++)
        offset = offset * shape->dim[d] + (shape->dim[d] == 1 ? 0 : at[(int)subscripts[d]]);
    return offset;
}

static tp_tensor *by_loops(const loops *l, tp_tensor *const *in)
{
    double *values[MOST] = { 0 };
    int64_t at[128] = { 0 };
    tp_tensor *y = tp_zeros(l->out_shape, .dtype = TP_F64);
    bool empty = false;
    for (int i = 0; i < l->n; i++) {
        values[i] = malloc(sizeof(double) * (size_t)(tp_numel(in[i]) + 1));
        tp_to_f64(in[i], values[i], tp_numel(in[i]));
    }
    for (int c = 0; c < 128; c++)
        empty |= l->size[c] == 0;
    for (int c = 0; c < 128 && !empty;) {
        double product = 1;
        for (int i = 0; i < l->n; i++)
            product *= values[i][offset_of(l->subscripts[i], &l->shape[i], at)];
        ((double *)tp_data(y))[offset_of(l->out, &l->out_shape, at)] += product;
        for (c = 0; c < 128; c++) {
            if (++at[c] < l->size[c])
                break;
            at[c] = 0;
        }
    }
    for (int i = 0; i < l->n; i++)
        free(values[i]);
    return y;
}

/* ---- equations --------------------------------------------------------------------------------------------------------------- */

typedef struct equation {
    const char *text, *plain, *shapes; /* plain: with an output, without "..." and spaces; NULL: the same */
} equation;

static const equation equations[] = {
    { "ij,jk->ik", NULL, "2,3 3,4" },
    { "ij,jk->ki", NULL, "2,3 3,4" },
    { "ij,jk", "ij,jk->ik", "2,3 3,4" },
    { "ji,jk", "ji,jk->ik", "3,2 3,4" },
    { "bA,Ac", "bA,Ac->bc", "2,3 3,4" },
    { "ba", "ba->ab", "2,3" },
    { "Ba", "Ba->Ba", "2,3" },
    { "aB", "aB->Ba", "2,3" },
    { " i j , j k -> i k ", "ij,jk->ik", "2,3 3,4" },
    { "bij,bjk->bik", NULL, "2,3,4 2,4,5" },
    { "bij,bkj->bik", NULL, "2,3,4 2,5,4" },
    { "bij,jk->bik", NULL, "2,3,4 4,5" },
    { "ij,bjk->bik", NULL, "3,4 2,4,5" },
    { "bqhd,bkhd->bhqk", NULL, "2,3,4,5 2,6,4,5" },
    { "bhqk,bkhd->bqhd", NULL, "2,4,3,6 2,6,4,5" },
    { "abcd,cdef->abef", NULL, "2,3,2,3 2,3,2,2" },
    { "abcd,dcef->feab", NULL, "2,3,2,3 3,2,2,2" },
    { "ii->", NULL, "3,3" },
    { "ii", "ii->", "3,3" },
    { "ii->i", NULL, "3,3" },
    { "iii->i", NULL, "3,3,3" },
    { "iji->ji", NULL, "3,2,3" },
    { "ijij->ij", NULL, "2,3,2,3" },
    { "aabb->", NULL, "2,2,3,3" },
    { "ii,ij->ij", NULL, "3,3 3,2" },
    { "i,j->ij", NULL, "3 4" },
    { "i,j->ji", NULL, "3 4" },
    { "i,i->", NULL, "5 5" },
    { "i,i->i", NULL, "5 5" },
    { "ij->", NULL, "2,3" },
    { "ij->j", NULL, "2,3" },
    { "ij->ji", NULL, "2,3" },
    { "ij,kl->il", NULL, "2,3 4,5" },
    { "ij,ij->i", NULL, "2,3 2,3" },
    { "ij,ij->ij", NULL, "2,3 2,3" },
    { "ij,ji->ij", NULL, "2,3 3,2" },
    { "bi,bij,bj->b", NULL, "2,3 2,3,4 2,4" },
    { "bn,anm,bm->ba", NULL, "2,3 4,3,5 2,5" },
    { "ab,bc,cd,de->ae", NULL, "2,3 3,4 4,2 2,3" },
    { "a,b,c,d->dbca", NULL, "2 3 2 2" },
    { "ab,ab,ab->", NULL, "2,3 2,3 2,3" },
    { "ab,b,bc,c,ca,a,ab,bc,ca->ac", NULL, "2,3 3 3,2 2 2,2 2 2,3 3,2 2,2" },
    { "ab,bc,cd,de,ef,fg,gh,hi,ij,jk->ak", NULL, "2,2 2,3 3,2 2,2 2,1 1,2 2,3 3,2 2,2 2,3" },
    { "", "->", "s" },
    { "->", "->", "s" },
    { ",", ",->", "s s" },
    { ",ab->ba", NULL, "s 2,3" },
    { "ij,->ij", NULL, "2,3 s" },
    { "ij,jk->ik", NULL, "2,1 3,4" },
    { "ij,jk->ik", NULL, "1,3 3,1" },
    { "bij,bjk->bik", NULL, "1,2,3 4,3,2" },
    { "i,i->i", NULL, "1 4" },
    { "ij,jk->ik", NULL, "0,3 3,4" },
    { "ij,jk->ik", NULL, "2,0 0,4" },
    { "ij->", NULL, "0,3" },
    { "...ij,...jk->...ik", "abij,abjk->abik", "2,3,2,3 2,3,3,2" },
    { "...ij,...jk", "abij,abjk->abik", "2,1,2,3 1,3,3,2" },
    { "...ij,jk->...ik", "abij,jk->abik", "2,2,2,3 3,2" },
    { "i...,i...", "iab,iab->ab", "4,2,3 4,2,3" },
    { "i...j,j->...i", "iabj,j->abi", "2,3,2,4 4" },
    { "...->...", "ab->ab", "2,3" },
    { "...", "ab->ab", "2,3" },
    { "...->", "ab->", "2,3" },
    { "...a,...a->a", "bca,bca->a", "2,3,4 2,3,4" },
    { "...ii->...i", "aii->ai", "2,3,3" },
    { "i...->...", "i->", "3" },
    { "... i, ... i", "abi,bi->ab", "2,3,4 3,4" },
    { "abcdefgh->hgfedcba", NULL, "1,2,1,2,1,2,1,2" },
    { "abcdefgh,h->abcdefg", NULL, "2,1,2,1,2,1,2,3 3" },
    { "abcdefgh,abcdefgh->abcdefg", NULL, "2,1,2,2,2,2,2,3 2,2,2,1,2,2,2,3" },
};
enum { EQUATIONS = sizeof equations / sizeof *equations };

static tp_tensor *operand(tp_shape shape, int which, tp_dtype dtype)
{
    tp_tensor *x = tp_zeros(shape, .dtype = TP_F64);
    for (int64_t i = 0; i < tp_numel(x); i++)
        ((double *)tp_data(x))[i] =
            tp_dtype_is_float(dtype) ? example_number((uint64_t)which + 1, i) : (double)((i * 7 + which) % 5);
    return tp_to(x, dtype);
}

static int check_equations(tp_dtype dtype, const char *layout, double tolerance_of)
{
    int wrong = 0;
    for (int k = 0; k < EQUATIONS; k++) {
        TP_SCOPE;
        const equation *e = &equations[k];
        loops l;
        tp_tensor *in[MOST], *other[MOST];
        char text[1024] = "";
        read_plain(&l, e->plain ? e->plain : e->text, e->shapes);
        for (int i = 0; i < l.n; i++) {
            in[i] = operand(l.shape[i], i, dtype);
            other[i] = l.shape[i].ndim > (*layout == 't') ? laid_out(in[i], layout) : in[i];
        }
        tp_tensor *y = tp_einsum(e->text, *layout ? other : in, l.n), *wanted = by_loops(&l, in);
        tolerance t = { tolerance_of, tolerance_of * 8, false };
        if (tp_error_pending())
            tp_error_take(text, sizeof text);
        else
            same_tensor(e->text, tp_double(y), wanted, t, text, sizeof text);
        if (*text)
            print_error("'%s' of %s: %s\n", e->text, e->shapes, text), wrong++;
    }
    return wrong;
}

static void equations_agree_with_loops(void **state)
{
    (void)state;
    assert_int_equal(check_equations(TP_F64, "", 1e-12), 0);
    assert_int_equal(check_equations(TP_F32, "", 2e-6), 0);
}

static void equations_agree_in_any_layout(void **state)
{
    (void)state;
    assert_int_equal(check_equations(TP_F64, "t", 1e-12), 0);
    assert_int_equal(check_equations(TP_F64, "step", 1e-12), 0);
    assert_int_equal(check_equations(TP_F64, "wide", 1e-12), 0);
}

static void integers_are_exact(void **state)
{
    (void)state;
    assert_int_equal(check_equations(TP_I64, "", 0), 0);
    assert_int_equal(check_equations(TP_I32, "t", 0), 0);
}

static void half_types_are_summed_in_f32(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_full(TP_SHAPE(1, 4096), 1, .dtype = TP_F16); /* 2048 + 1 is no f16 */
    tp_tensor *y = tp_einsum("ij,kj->ik", (tp_tensor *[]){ x, x }, 2);
    assert_int_equal(tp_dtype_of(y), TP_F16);
    assert_true(tp_item(y) == 4096);
    assert_true(tp_item(tp_einsum("ij,kj->ik", (tp_tensor *[]){ tp_bfloat16(x), tp_bfloat16(x) }, 2)) ==
                4096);
}

static tp_tensor *of_equation(tp_tensor *const *in, int n, void *context)
{
    return tp_einsum(context, in, n);
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    int wrong = 0;
    for (int k = 0; k < EQUATIONS; k++) {
        TP_SCOPE;
        tp_shape shape[MOST];
        tp_tensor *in[MOST];
        char text[1024] = "";
        int n = read_shapes(equations[k].shapes, shape);
        int64_t elements = 0;
        for (int i = 0; i < n; i++) {
            in[i] = tp_requires_grad_(operand(shape[i], i, TP_F64), true);
            elements += tp_numel(in[i]);
        }
        if (elements > 70)
            continue;
        if (tp_gradcheck(of_equation, (void *)(uintptr_t)equations[k].text, in, n, .second = n < 4)) {
            tp_error_take(text, sizeof text);
            print_error("'%s': %s\n", equations[k].text, text);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void a_diagonal_and_a_permutation_are_views(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_rand(TP_SHAPE(3, 3));
    assert_true(tp_shares_storage(tp_einsum("ii->i", &x, 1), x));
    assert_true(tp_shares_storage(tp_einsum("ij->ji", &x, 1), x));
    assert_int_equal(tp_stride(tp_einsum("ii->i", &x, 1), 0), 4);
}

static void the_cheapest_order_is_taken(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *a = tp_rand(TP_SHAPE(400, 400)), *v = tp_rand(TP_SHAPE(400));
    tp_dry_run_total total = { 0 };
    tp_dry_run(&total);
    tp_einsum("ab,bc,cd,d->a", (tp_tensor *[]){ a, a, a, v }, 4); /* three times a matrix by a vector */
    tp_dry_run(NULL);
    assert_int_equal(tp_error_pending(), TP_OK);
    assert_true(total.flops <= 3 * 2 * 400 * 400);
}

/* ---- malformed --------------------------------------------------------------------------------------------------------------- */

typedef struct malformed {
    const char *text, *shapes;
    tp_status status;
    const char *piece;
} malformed;

static const malformed bad[] = {
    { "i?->i", "3,3", TP_ERR_ARGUMENT, "position 1: a letter, ',', '...' or '->' is wanted, not '?'" },
    { "i1->i", "3,3", TP_ERR_ARGUMENT, "position 1: a letter" },
    { "i\xc3\xa9", "3,3", TP_ERR_ARGUMENT,
      "position 1: a letter, ',', '...' or '->' is wanted, not a character outside of ASCII" },
    { "i\tj", "3,3", TP_ERR_ARGUMENT, "outside of ASCII" },
    { "i>j", "3,3", TP_ERR_ARGUMENT, "not '>'" },
    { "ij,jk->ik", "2,3", TP_ERR_ARGUMENT, "subscripts for 2 operands, got 1; operands (2, 3)" },
    { "ij->ij", "2,3 3,4", TP_ERR_ARGUMENT, "subscripts for 1 operands, got 2; operands (2, 3), (3, 4)" },
    { "", "s s", TP_ERR_ARGUMENT, "subscripts for 1 operands, got 2" },
    { ",", "s", TP_ERR_ARGUMENT, "subscripts for 2 operands, got 1" },
    { "ijk,jk->ik", "2,3 3,4", TP_ERR_SHAPE, "position 0: 3 letters for operand 0, which has 2 dims" },
    { "ij,j->ik", "2,3 3,4", TP_ERR_SHAPE, "position 3: 1 letters for operand 1, which has 2 dims" },
    { "...ijk", "2,3", TP_ERR_SHAPE, "3 letters beside '...' for operand 0, which has 2 dims" },
    { "", "2", TP_ERR_SHAPE, "0 letters for operand 0, which has 1 dims" },
    { "ij,jk->ik", "2,3 4,5", TP_ERR_SHAPE, "position 3: 'j' has size 4 in operand 1, 3 before" },
    { "ii->i", "2,3", TP_ERR_SHAPE, "position 1: 'i' stands twice in operand 0, with sizes 2 and 3" },
    { "ii->i", "1,3", TP_ERR_SHAPE, "'i' stands twice in operand 0, with sizes 1 and 3" },
    { "...i,...i", "2,3 4,3", TP_ERR_SHAPE, "has size 4 in operand 1, 2 before" },
    { "ij->ik", "2,3", TP_ERR_ARGUMENT, "position 5: 'k' stands in the output and in no operand" },
    { "ij->ii", "2,3", TP_ERR_ARGUMENT, "position 5: 'i' stands twice in the output" },
    { "i.j->ij", "2,3", TP_ERR_ARGUMENT, "position 1: a '.' that is not a part of '...'" },
    { "i..", "2,3", TP_ERR_ARGUMENT, "position 1: a '.'" },
    { "i....", "2,3", TP_ERR_ARGUMENT, "position 4: a '.'" },
    { ". ..", "2,3", TP_ERR_ARGUMENT, "position 0: a '.'" },
    { "...i...", "2,3", TP_ERR_ARGUMENT, "position 4: a second '...'" },
    { "...i->...i...", "2,3", TP_ERR_ARGUMENT, "position 10: a second '...'" },
    { "ij-", "2,3", TP_ERR_ARGUMENT, "position 2: a '-' without '>'" },
    { "ij- >i", "2,3", TP_ERR_ARGUMENT, "position 2: a '-' without '>'" },
    { "ij->i->j", "2,3", TP_ERR_ARGUMENT, "position 5: a second '->'" },
    { "ij->i,j", "2,3", TP_ERR_ARGUMENT, "position 5: a ',' after '->'" },
    { "abcdefghi", "2,3", TP_ERR_SHAPE, "position 8: more than 8 letters" },
    { "abcdefgh,i", "1,1,1,1,1,1,1,1 2", TP_ERR_SHAPE, "the output has more than 8 dims" },
    { "abcdefg...->abcdefg...", "1,1,1,1,1,1,1,1,1", TP_ERR_SHAPE, "" },
    { "a...,bcdefg...->abcdefg...", "1,1,1 1,1,1,1,1,1,1,1", TP_ERR_SHAPE,
      "the output has more than 8 dims" },
};

static void malformed_equations_are_shown(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        TP_SCOPE;
        tp_shape shape[MOST];
        tp_tensor *in[MOST];
        char text[1024] = "", start[64];
        int n = read_shapes(bad[k].shapes, shape);
        bool fits = true;
        for (int i = 0; i < n; i++)
            fits &= shape[i].ndim <= TP_MAX_DIMS;
        if (!fits)
            continue;
        for (int i = 0; i < n; i++)
            in[i] = tp_ones(shape[i]);
        snprintf(start, sizeof start, "einsum: '%s', position ", bad[k].text);
        tp_tensor *y = tp_einsum(bad[k].text, in, n);
        tp_status status = tp_error_take(text, sizeof text);
        if (y || status != bad[k].status || !strstr(text, bad[k].piece) ||
            strncmp(text, start, strlen(start)) != 0) {
            print_error("'%s' of %s: %s '%s'\n", bad[k].text, bad[k].shapes, tp_status_name(status), text);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void fails(tp_tensor *y, tp_status status, const char *piece)
{
    char text[1024];
    assert_null(y);
    assert_int_equal(tp_error_take(text, sizeof text), status);
    assert_non_null(strstr(text, piece));
}

static void other_misuse_is_an_error(void **state)
{
    (void)state;
    TP_SCOPE;
    char commas[101] = "";
    tp_tensor *x = tp_ones(TP_SHAPE(2, 2)), *i = tp_ones(TP_SHAPE(2, 2), .dtype = TP_I64), *many[101],
              *wide[3];
    fails(tp_einsum(NULL, &x, 1), TP_ERR_ARGUMENT, "einsum: the equation is NULL");
    fails(tp_einsum("ij", (tp_tensor *[]){ NULL }, 1), TP_ERR_ARGUMENT, "einsum: input 0");
    fails(tp_einsum("ij", NULL, 0), TP_ERR_ARGUMENT, "einsum: got 0 inputs");
    fails(tp_einsum("ij,jk->ik", (tp_tensor *[]){ x, i }, 2), TP_ERR_DTYPE, "f32 and i64");
    memset(commas, ',', 100);
    for (int k = 0; k < 101; k++)
        many[k] = tp_ones(TP_SHAPE());
    fails(tp_einsum(commas, many, 101), TP_ERR_ARGUMENT, "more than 64 operands");
    for (int k = 0; k < 3; k++)
        wide[k] = tp_ones(TP_SHAPE(2, 2, 2, 2, 2, 2, 2, 2));
    assert_true(tp_item(tp_einsum("abcdefgh,ijklmnop,qrstuvwx->", wide, 3)) ==
                0x1p24); /* each is summed first */
    assert_true(tp_item(tp_einsum("abcdefgh,abcdijkl,efghijkl->", wide, 3)) == 0x1p12);
    assert_int_equal(tp_ndim(tp_einsum("abcdefgh,ijklefgh->abcdijkl", wide, 2)), 8);
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equations_agree_with_loops),
        cmocka_unit_test(equations_agree_in_any_layout),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(half_types_are_summed_in_f32),
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(a_diagonal_and_a_permutation_are_views),
        cmocka_unit_test(the_cheapest_order_is_taken),
        cmocka_unit_test(malformed_equations_are_shown),
        cmocka_unit_test(other_misuse_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
