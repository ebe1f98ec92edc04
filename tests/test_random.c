/* test_random.c - random numbers: the published ones of Philox, the same bits everywhere, and the right distributions.
 *
 * The expected bits were computed by a separate program from the definitions at the top of ops/random.c.  ctest runs this for
 * every instruction set and for 1 and 3 threads.
 * Layer: tests.  Depends on cmocka.  Read next: base/philox.h, ops/random.c. */
#include "base/philox.h"
#include "kernels/kernels.h"
#include "support/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <taper/nn.h>

static int after_each(void **state)
{
    (void)state;
    return tp_error_take(NULL, 0) ? -1 : 0;
}

static void assert_error(tp_status want)
{
    char text[512];
    tp_status got = tp_error_take(text, sizeof text);
    if (got != want)
        fail_msg("status %s instead of %s: %s", tp_status_name(got), tp_status_name(want), text);
}

/* ---- bits -------------------------------------------------------------------------------------------------------------- */

/* Random123's kat_vectors, philox4x32 10 */
static void philox_gives_the_published_numbers(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, stream, index;
        uint32_t want[4];
    } cases[] = {
        { 0, 0, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { UINT64_MAX, UINT64_MAX, UINT64_MAX, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { 0x299f31d0a4093822,
          0x0370734413198a2e,
          0x85a308d3243f6a88,
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (int i = 0; i < 3; i++) {
        philox_block p = philox(cases[i].seed, cases[i].stream, cases[i].index);
        uint32_t words[4];
        kernels_best()->random_words(words, cases[i].seed, cases[i].stream, cases[i].index, 1);
        assert_memory_equal(p.v, cases[i].want, sizeof words);
        assert_memory_equal(words, cases[i].want, sizeof words);
    }
}

static void every_table_gives_the_same_words_and_normals(void **state)
{
    (void)state;
    enum { BLOCKS = 77 };
    static uint32_t want[4 * BLOCKS], got[4 * BLOCKS];
    static double want_y[4 * BLOCKS], got_y[4 * BLOCKS];
    const kernel_table *ref = kernels_for("ref");
    for (int i = 0; kernels_isa_at(i); i++) {
        const kernel_table *k = kernels_for(kernels_isa_at(i));
        for (int64_t n = 0; n <= BLOCKS && k; n++) {
            uint64_t first = n % 2 ? 0xfffffffe : UINT64_MAX - 5; /* carries, and around */
            ref->random_words(want, 5, 1ull << 40, first, n);
            k->random_words(got, 5, 1ull << 40, first, n);
            assert_memory_equal(got, want, (size_t)n * 4 * sizeof *got);
            ref->random_normals(want_y, want, 2 * n);
            k->random_normals(got_y, want, 2 * n);
            assert_memory_equal(got_y, want_y, (size_t)n * 4 * sizeof *got_y);
        }
    }
}

static void normals_are_those_of_the_formula(void **state)
{
    (void)state;
    uint32_t words[4096];
    double y[4096];
    kernels_best()->random_words(words, 1, 2, 3, 1024);
    memcpy(words,
           (uint32_t[]){ 0, 0, UINT32_MAX, UINT32_MAX, 1, 0x40000000, UINT32_MAX, 0x80000000, 0x7fffffff,
                         0x20000000 },
           40);
    kernels_best()->random_normals(y, words, 2048);
    for (int i = 0; i < 2048; i++) {
        double r = sqrt(-2 * log(((double)words[2 * i] + 1) * 0x1p-32)),
               a = 2 * M_PI * (double)words[2 * i + 1] * 0x1p-32;
        assert_true(fabs(y[2 * i] - r * cos(a)) < 4e-15 * (1 + r) &&
                    fabs(y[2 * i + 1] - r * sin(a)) < 4e-15 * (1 + r));
    }
}

enum { N = 100000, PLACES = 9 };
static const int64_t places[PLACES] = { 0, 1, 2, 3, 510, 511, 512, 99997, 99998 };

static void bits_at_places_are_those_expected(void **state)
{
    (void)state;
    static const uint32_t uniform[] = { 0xbe34dc60, 0x403dbf93, 0x4039a364, 0xbc9c8f80, 0xbf1aed9c,
                                        0xbee675c8, 0x4018b309, 0x4027ba3e, 0xbf67c5b0 };
    static const uint64_t wide[] = { 0xbfc69b8b10e27790, 0x4007b7f260b4d805, 0x4007346c88a3dc2e,
                                     0xbf9391e923a6b700, 0xbfe35db361d88948, 0xbfdcceb80262c180,
                                     0x4003166122a09c6f, 0x4004f747c238fd7a, 0xbfecf8b5faac51a4 };
    static const uint32_t normal[] = { 0xbfd4ccac, 0xbf216060, 0xbd9e1c67, 0xbddd9b7a, 0xbf85296b,
                                       0x4001349f, 0x3d63203a, 0xbf913250, 0x3fe42d9e };
    static const int64_t small[] = { 203, 991, 975, 242, 95, 134, 846, 904, 20 },
                         large[] = { -5426210315857281755, 9061122627774459121,  8764959547826729618,
                                     -4699821299532001217, -7402623403188979851, -6687484817078057279,
                                     6391462282049845596,  7474354777664246618,  -8786923049474803268 };
    static const float coin[] = { 1, 0, 0, 1, 1, 1, 0, 0, 1 };
    TP_SCOPE;
    const tp_rng start = { 0x123456789abcdef, 7 };
    tp_shape shape = TP_SHAPE(N);
#define FROM_THE_START(call) (tp_set_rng_state(start), (call))
    tp_tensor *u = FROM_THE_START(tp_uniform(-1, 3, shape)),
              *d = FROM_THE_START(tp_uniform(-1, 3, shape, .dtype = TP_F64)),
              *n = FROM_THE_START(tp_randn(shape)), *s = FROM_THE_START(tp_randint(-3, 1000, shape)),
              *l = FROM_THE_START(tp_randint(INT64_MIN, INT64_MAX, shape)),
              *b = FROM_THE_START(tp_bernoulli(tp_full(shape, 0.25))), *c = tp_zeros(shape);
    FROM_THE_START(tp_bernoulli_(c, 0.25));
    assert_error(TP_OK);
    for (int i = 0; i < PLACES; i++) {
        int64_t p = places[i];
        assert_memory_equal((float *)tp_data(u) + p, uniform + i, 4);
        assert_memory_equal((double *)tp_data(d) + p, wide + i, 8);
        assert_memory_equal((float *)tp_data(n) + p, normal + i, 4);
        assert_true(((int64_t *)tp_data(s))[p] == small[i] && ((int64_t *)tp_data(l))[p] == large[i]);
        assert_true(((float *)tp_data(b))[p] == coin[i] && ((float *)tp_data(c))[p] == coin[i]);
    }
}

/* ---- state --------------------------------------------------------------------------------------------------------------- */

static void the_state_can_be_saved_and_restored(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(0xfedcba9876543210);
    tp_rand(TP_SHAPE(3));
    tp_tensor *saved = tp_rng_state_tensor(), *a = tp_randn(TP_SHAPE(5)), *b;
    assert_true(tp_numel(saved) == 16 && tp_dtype_of(saved) == TP_U8);
    tp_manual_seed(1);
    assert_int_equal(tp_set_rng_state_tensor(saved), TP_OK);
    assert_true(tp_rng_state().seed == 0xfedcba9876543210 && tp_rng_state().stream == 1);
    b = tp_randn(TP_SHAPE(5));
    assert_memory_equal(tp_data(a), tp_data(b), 20);
    tp_set_rng_state_tensor(tp_ones(TP_SHAPE(16)));
    assert_error(TP_ERR_ARGUMENT);
    tp_set_rng_state_tensor(NULL);
    assert_error(TP_ERR_ARGUMENT);
}

/* ---- distributions: with a fixed seed, so that they hold once and for all ------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: the largest distance of the sample's distribution from cdf, times sqrt(n); above 1.95 once in a thousand */
static double distance(const tp_tensor *x, double cdf(double))
{
    int64_t n = tp_numel(x);
    double *v = malloc((size_t)n * sizeof *v), most = 0;
    assert_int_equal(tp_to_f64(x, v, n), TP_OK);
    qsort(v, (size_t)n, sizeof *v, ascending);
    for (int64_t i = 0; i < n; i++) {
        double f = cdf(v[i]);
        most = fmax(most, fmax(fabs(f - (double)i / (double)n), fabs(f - (double)(i + 1) / (double)n)));
    }
    free(v);
    return most * sqrt((double)n);
}

static double cdf_uniform(double x)
{
    return (x + 1) / 4;
}
static double cdf_normal(double x)
{
    return 0.5 * erfc((2 - x) / 3 / sqrt(2));
}
static double cdf_exponential(double x)
{
    return -expm1(-2.5 * x);
}

static void continuous_distributions_are_right(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(2);
    assert_true(distance(tp_uniform(-1, 3, TP_SHAPE(N)), cdf_uniform) < 1.95);
    assert_true(distance(tp_uniform(-1, 3, TP_SHAPE(N), .dtype = TP_F64), cdf_uniform) < 1.95);
    assert_true(distance(tp_normal(2, 3, TP_SHAPE(N)), cdf_normal) < 1.95);
    assert_true(distance(tp_normal(2, 3, TP_SHAPE(N), .dtype = TP_F64), cdf_normal) < 1.95);
    assert_true(distance(tp_exponential(2.5, TP_SHAPE(N)), cdf_exponential) < 1.95);
    tp_tensor *x = tp_empty(TP_SHAPE(300, 300));
    assert_true(distance(tp_normal_(x, 2, 3), cdf_normal) < 1.95);
    assert_true(distance(tp_uniform_(tp_transpose(x, 0, 1), -1, 3), cdf_uniform) < 1.95);
    assert_true(distance(tp_exponential_(x, 2.5), cdf_exponential) < 1.95);
    assert_true(distance(tp_normal_around(tp_full(TP_SHAPE(1000, 1), 2), tp_full(TP_SHAPE(100), 3)),
                         cdf_normal) < 1.95);
    assert_error(TP_OK);
}

/* (observed - expected)^2 / expected, summed: about its degrees of freedom k, with standard deviation sqrt(2 k) */
static double chi_square(const tp_tensor *x, int64_t first, const double *p, int k)
{
    int64_t n = tp_numel(x), *v = malloc((size_t)n * sizeof *v), count[64] = { 0 };
    double sum = 0;
    assert_int_equal(tp_to_i64(x, v, n), TP_OK);
    for (int64_t i = 0; i < n; i++) {
        assert_true(v[i] >= first && v[i] < first + k);
        count[v[i] - first]++;
    }
    for (int j = 0; j < k; j++) {
        double expected = p[j] * (double)n;
        assert_true(p[j] > 0 || count[j] == 0);
        sum += expected > 0 ? ((double)count[j] - expected) * ((double)count[j] - expected) / expected : 0;
    }
    free(v);
    return sum;
}

static void discrete_distributions_are_right(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(5);
    double even[64];
    for (int i = 0; i < 64; i++)
        even[i] = 1.0 / 37;
    const double limit = 36 + 3.3 * sqrt(72);
    assert_true(chi_square(tp_randint(-5, 32, TP_SHAPE(N)), -5, even, 37) < limit);
    assert_true(chi_square(tp_random_(tp_empty(TP_SHAPE(N), .dtype = TP_I32), -5, 32), -5, even, 37) < limit);
    assert_true(chi_square(tp_random_(tp_empty(TP_SHAPE(N)), 0, 37), 0, even, 37) < limit);
    /* three ranges in 2^64 that a remainder would favour: [0, 2^63 + 2^62) has words 0 .. 2^62 - 1 twice */
    tp_tensor *wide = tp_randint(INT64_MIN, INT64_MIN + (1ll << 62) + (1ll << 62) + (1ll << 62), TP_SHAPE(N));
    tp_tensor *thirds = tp_floor(tp_div(tp_sub(tp_double(wide), (double)INT64_MIN), 0x1p62));
    assert_true(chi_square(thirds, 0, (double[]){ 1 / 3.0, 1 / 3.0, 1 / 3.0 }, 3) < 14);
    double coin[] = { 0.7, 0.3 };
    assert_true(chi_square(tp_bernoulli(tp_full(TP_SHAPE(N), 0.3)), 0, coin, 2) < 11);
    assert_true(chi_square(tp_bernoulli_(tp_empty(TP_SHAPE(N), .dtype = TP_BOOL), 0.3), 0, coin, 2) < 11);
    double weights[] = { 0.1, 0, 0.4, 0.5 };
    tp_tensor *w = tp_mul(tp_tensor_copied(weights, TP_F64, TP_SHAPE(4)), 7);
    assert_true(chi_square(tp_multinomial(w, N, true), 0, weights, 4) < 3 + 4 * sqrt(6));
    for (int large = 0; large < 2; large++) { /* both ways of drawing */
        double rate = large ? 20 : 3.5, p[64] = { 0 }, term = exp(-rate);
        for (int i = 0; i < 63; i++, term *= rate / i)
            p[i] = term;
        tp_tensor *x = tp_clamp(tp_poisson(tp_full(TP_SHAPE(N), rate)), 0, 63),
                  *mean = tp_mean(x, TP_ALL_DIMS, false);
        assert_true(fabs(tp_item(mean) - rate) < 4 * sqrt(rate / N));
        double sum = 0;
        int64_t *v = malloc(N * sizeof *v), count[64] = { 0 }, k = 0;
        tp_to_i64(x, v, N);
        for (int i = 0; i < N; i++)
            count[v[i]]++;
        for (int i = 0; i < 63; i++)
            if (p[i] * N > 5) {
                sum += ((double)count[i] - p[i] * N) * ((double)count[i] - p[i] * N) / (p[i] * N);
                k++;
            }
        free(v);
        assert_true(sum < (double)k + 4 * sqrt(2 * (double)k));
    }
    assert_error(TP_OK);
}

static void draws_without_replacement_differ_and_follow_the_weights(void **state)
{
    (void)state;
    TP_SCOPE;
    enum { ROWS = 20000 };
    double weights[] = { 1, 2, 0, 3 };
    tp_tensor *w = tp_expand(tp_tensor_copied(weights, TP_F64, TP_SHAPE(4)), TP_SHAPE(ROWS, 4));
    tp_manual_seed(8);
    tp_tensor *x = tp_multinomial(w, 3, false);
    int64_t *v = tp_data(x), first[4] = { 0 };
    for (int i = 0; i < ROWS; i++, v += 3) {
        assert_true(v[0] != v[1] && v[1] != v[2] && v[0] != v[2] && v[0] != 2 && v[1] != 2 && v[2] != 2);
        first[v[0]]++;
    }
    for (int j = 0; j < 4; j++)
        assert_true(fabs((double)first[j] / ROWS - weights[j] / 6) < 0.015);
    tp_multinomial(tp_tensor_copied(weights, TP_F64, TP_SHAPE(4)), 4, false);
    assert_error(TP_ERR_ARGUMENT);
    tp_multinomial(tp_tensor_copied((double[]){ 1, -1 }, TP_F64, TP_SHAPE(2)), 1, true);
    assert_error(TP_ERR_ARGUMENT);
    tp_multinomial(tp_zeros(TP_SHAPE(3)), 1, true);
    assert_error(TP_ERR_ARGUMENT);
    tp_multinomial(tp_ones(TP_SHAPE(3)), 0, true);
    assert_error(TP_ERR_SHAPE);
    tp_tensor *p = tp_randperm(1000);
    bool seen[1000] = { 0 };
    for (int i = 0; i < 1000; i++)
        seen[((int64_t *)tp_data(p))[i]] = true;
    for (int i = 0; i < 1000; i++)
        assert_true(seen[i]);
}

static void what_cannot_be_drawn_is_an_error(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_randint(3, 3, TP_SHAPE(2));
    assert_error(TP_ERR_ARGUMENT);
    tp_uniform(2, 1, TP_SHAPE(2));
    assert_error(TP_ERR_ARGUMENT);
    tp_uniform(0, INFINITY, TP_SHAPE(2));
    assert_error(TP_ERR_ARGUMENT);
    tp_normal(0, -1, TP_SHAPE(2));
    assert_error(TP_ERR_ARGUMENT);
    tp_exponential(0, TP_SHAPE(2));
    assert_error(TP_ERR_ARGUMENT);
    tp_bernoulli(tp_full(TP_SHAPE(2), 1.5));
    assert_error(TP_ERR_ARGUMENT);
    tp_bernoulli(tp_full(TP_SHAPE(2), NAN));
    assert_error(TP_ERR_ARGUMENT);
    tp_bernoulli_(tp_ones(TP_SHAPE(2)), -0.5);
    assert_error(TP_ERR_ARGUMENT);
    tp_poisson(tp_full(TP_SHAPE(2), -1));
    assert_error(TP_ERR_ARGUMENT);
    tp_rand(TP_SHAPE(2), .dtype = TP_I64);
    assert_error(TP_ERR_DTYPE);
    tp_randn_like(tp_ones(TP_SHAPE(2), .dtype = TP_BOOL));
    assert_error(TP_ERR_DTYPE);
    tp_rand_like(NULL);
    assert_error(TP_ERR_ARGUMENT);
    tp_tensor *leaf = tp_ones(TP_SHAPE(2), .requires_grad = true);
    tp_normal_(leaf, 0, 1);
    assert_error(TP_ERR_GRAD);
    tp_tensor *y = tp_mul(leaf, 2);
    tp_uniform_(y, 0, 1); /* what was there before has no part in it */
    assert_int_equal(tp_backward(tp_sum(y, TP_ALL_DIMS, false)), TP_OK);
    assert_true(((float *)tp_data(tp_grad(leaf)))[0] == 0);
    assert_true(tp_numel(tp_rand(TP_SHAPE(0, 3))) == 0 && tp_ndim(tp_randn(TP_SHAPE())) == 0);
    assert_true(tp_item(tp_bernoulli(tp_ones(TP_SHAPE()))) == 1 &&
                tp_item(tp_bernoulli(tp_zeros(TP_SHAPE()))) == 0);
    assert_error(TP_OK);
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(philox_gives_the_published_numbers, after_each),
        cmocka_unit_test_teardown(every_table_gives_the_same_words_and_normals, after_each),
        cmocka_unit_test_teardown(normals_are_those_of_the_formula, after_each),
        cmocka_unit_test_teardown(bits_at_places_are_those_expected, after_each),
        cmocka_unit_test_teardown(the_state_can_be_saved_and_restored, after_each),
        cmocka_unit_test_teardown(continuous_distributions_are_right, after_each),
        cmocka_unit_test_teardown(discrete_distributions_are_right, after_each),
        cmocka_unit_test_teardown(draws_without_replacement_differ_and_follow_the_weights, after_each),
        cmocka_unit_test_teardown(what_cannot_be_drawn_is_an_error, after_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
