/* test_kernels_random.c - products, convolutions, pools and softmax of random shapes, strides and places in memory, on every
 * instruction set, against the reference in f64.
 *
 * Every buffer lies between pages that may not be touched, most of them right before one; what is around it are NaNs.  A
 * case follows from its number: TAPER_RANDOM_SEED=n TAPER_RANDOM_CASES=1 runs the n-th alone, more cases run longer. */
#include "kernels/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* Of the sum of the products' magnitudes.  3x3 and 5x5 convolutions of f32 may take Winograd's way. */
static const double tolerance[2] = { 1e-5, 1e-13 };
static const double bf16_tolerance = 0x1p-7 + 0x1p-16 + 1e-5; /* operands have 8 bits: 2^-8 of each */

/* ---- random cases ----------------------------------------------------------------------------------------------- */

static uint64_t state;
static char label[256]; /* of the case at hand, for the handler of signals too */

static int64_t draw(int64_t below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (int64_t)((z ^ z >> 31) >> 1) % below;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void touched(int number)
{
    static const char words[] = "\nmemory beyond a buffer was touched: ";
    ssize_t written = write(2, words, sizeof words - 1);
    written += write(2, label, strlen(label));
    _exit(written > 0 ? 128 + number : 1);
}

static void run_cases(void (*one)(int type), uint64_t usual)
{
    signal(SIGSEGV, touched);
    signal(SIGBUS, touched);
    uint64_t seed = setting("TAPER_RANDOM_SEED", 1), cases = setting("TAPER_RANDOM_CASES", usual);
    for (uint64_t i = seed; i < seed + cases; i++) {
        state = i;
        snprintf(label, sizeof label, "TAPER_RANDOM_SEED=%llu", (unsigned long long)i);
        one((int)draw(4) == 0);
    }
}

/* ---- buffers ------------------------------------------------------------------------------------------------------ */

enum { BUFFERS = 6, ROOM = 8 << 20, MARGIN = 256 };

typedef struct buffer {
    char *data;
    double *wide, *size; /* the same in f64; its magnitudes */
    int64_t n;
} buffer;

static char *rooms[BUFFERS];
static buffer buffers[BUFFERS];

static size_t size_of(int type)
{
    return type ? sizeof(double) : sizeof(float);
}

static double element(const void *data, int type, int64_t i)
{
    return type ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static void fill(char *from, const char *end, const char *low, const char *high)
{
    from = from < low ? (char *)low : from;
    end = end > high ? high : end;
    if (from < end)
        memset(from, 0xff, (size_t)(end - from));
}

/* At the end of its room, at the beginning, or somewhere; aligned to align bytes, NaN inside and around */
static char *place(int b, size_t bytes, size_t align)
{
    if (!rooms[b]) {
        long page = sysconf(_SC_PAGESIZE);
        char *all = mmap(NULL, (size_t)(ROOM + 2 * page), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(all != MAP_FAILED && !mprotect(all + page, ROOM, PROT_READ | PROT_WRITE));
        rooms[b] = all + page;
    }
    size_t whole = (bytes + align - 1) / align * align;
    assert_true(whole + 64 * align <= ROOM);
    int64_t where = draw(6);
    char *p = where < 4    ? rooms[b] + ROOM - whole
              : where == 4 ? rooms[b]
                           : rooms[b] + align * (size_t)draw(64);
    fill(p - MARGIN, p + bytes + MARGIN, rooms[b], rooms[b] + ROOM);
    return p;
}

static bool margins_hold(int b, size_t bytes)
{
    for (const char *p = buffers[b].data - MARGIN; p < buffers[b].data + bytes + MARGIN; p++)
        if (p >= rooms[b] && p < rooms[b] + ROOM && (p < buffers[b].data || p >= buffers[b].data + bytes) &&
            *p != (char)0xff)
            return false;
    return true;
}

static void release(void)
{
    for (int b = 0; b < BUFFERS; b++) {
        free(buffers[b].wide), free(buffers[b].size);
        buffers[b] = (buffer){ 0 };
    }
}

/* n random numbers in [-1, 1] */
static const buffer *numbers(int b, int type, int64_t n)
{
    buffer *u = &buffers[b];
    *u = (buffer){ place(b, (size_t)n * size_of(type), size_of(type)), malloc((size_t)(n + 1) * 8),
                   malloc((size_t)(n + 1) * 8), n };
    for (int64_t i = 0; i < n; i++) {
        double v = (double)draw(200001) / 100000 - 1;
        if (type)
            ((double *)(void *)u->data)[i] = v;
        else
            ((float *)(void *)u->data)[i] = (float)v;
        u->wide[i] = element(u->data, type, i), u->size[i] = fabs(u->wide[i]);
    }
    return u;
}

static void *scratch(int b, size_t bytes)
{
    buffers[b].data = place(b, bytes, 64);
    return buffers[b].data;
}

/* got within bound[i] (of 1 where NULL) times factor of want, and nothing written around it */
static void check(const char *isa, const char *what, int b, int type, const double *want, const double *bound,
                  double factor, int64_t n)
{
    const void *got = buffers[b].data;
    for (int64_t i = 0; i < n; i++)
        if (element(got, type, i) != want[i] && !(fabs(element(got, type, i) - want[i]) <=
                                                  factor * (bound ? bound[i] : 1 + fabs(want[i])) + 1e-30))
            fail_msg("%s %s %s: element %lld is %.9g, wanted %.9g (%s)", isa, type ? "f64" : "f32", what,
                     (long long)i, element(got, type, i), want[i], label);
    if (!margins_hold(b, (size_t)n * size_of(type)))
        fail_msg("%s %s %s wrote beside its result (%s)", isa, type ? "f64" : "f32", what, label);
}

static void describe(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void describe(const char *format, ...)
{
    size_t at = strcspn(label, ":");
    va_list list;
    va_start(list, format);
    label[at] = ':', label[at + 1] = ' ';
    vsnprintf(label + at + 2, sizeof label - at - 2, format, list);
    va_end(list);
}

/* Every instruction set, and the best one once more with products of bf16; NULL: this machine has no such table. */
static int tables(void)
{
    int n = 1;
    while (kernels_isa_at(n))
        n++;
    return n;
}

static const kernel_table *table_at(int i)
{
    return kernels_isa_at(i) ? kernels_for(kernels_isa_at(i)) : kernels_bf16();
}

static double tolerance_of(const kernel_table *k, int type)
{
    return !type && k == kernels_bf16() ? bf16_tolerance : tolerance[type];
}

#define FOR_EACH_TABLE(k)                  \
    for (int i_ = 1; i_ <= tables(); i_++) \
        for (const kernel_table *k = table_at(i_); k; k = NULL)

/* ---- products ------------------------------------------------------------------------------------------------------- */

static int64_t side(void)
{
    return 1 + draw(draw(3) ? 40 : draw(3) ? 150 : 1200);
}

static void one_product(int type)
{
    gemm_args g = { .m = side(), .n = side(), .k = draw(30) ? side() : 0, .accumulate = draw(3) == 0 };
    while ((double)g.m * (double)g.n * (double)(g.k + 1) > 3e5)
        *(g.m > g.n ? (g.m > g.k ? &g.m : &g.k) : g.n > g.k ? &g.n : &g.k) /= 2;
    bool at = draw(2), bt = draw(2), biased = draw(2);
    int64_t a_gap = draw(3) ? 0 : draw(9), b_gap = draw(3) ? 0 : draw(9), c_gap = draw(3) ? 0 : draw(9);
    int64_t a_row = (at ? g.m : g.k) + a_gap, b_row = (bt ? g.k : g.n) + b_gap;
    int64_t a_size = ((at ? g.k : g.m) - 1) * a_row + a_row - a_gap,
            b_size = ((bt ? g.n : g.k) - 1) * b_row + b_row - b_gap;
    g.c_row = g.n + c_gap;
    g.a_row = at ? 1 : a_row, g.a_col = at ? a_row : 1;
    g.b_row = bt ? 1 : b_row, g.b_col = bt ? b_row : 1;
    int64_t c_size = (g.m - 1) * g.c_row + g.n;
    describe("(%lld, %lld) of %lld, a %lld %lld b %lld %lld c %lld%s%s", (long long)g.m, (long long)g.n,
             (long long)g.k, (long long)g.a_row, (long long)g.a_col, (long long)g.b_row, (long long)g.b_col,
             (long long)g.c_row, g.accumulate ? " accumulate" : "", biased ? " bias" : "");
    const buffer *a = numbers(0, type, g.k ? a_size : 0), *b = numbers(1, type, g.k ? b_size : 0),
                 *bias = numbers(2, type, g.n), *c = numbers(3, type, c_size);
    const size_t c_bytes = (size_t)c_size * size_of(type);
    char *before = malloc(c_bytes);
    memcpy(before, c->data, c_bytes);
    const kernel_table *ref = kernels_for("ref");
    gemm_args w = g;
    w.a = a->wide, w.b = b->wide, w.bias = biased ? bias->wide : NULL, w.c = c->wide;
    ref->gemm[KT_F64](&w);
    w.a = a->size, w.b = b->size, w.bias = biased ? bias->size : NULL, w.c = c->size;
    ref->gemm[KT_F64](&w);
    g.a = a->data, g.b = b->data, g.bias = biased ? bias->data : NULL, g.c = c->data;
    FOR_EACH_TABLE(k)
    {
        memcpy(c->data, before, c_bytes);
        g.scratch_bytes = k->gemm_scratch[type](&g);
        g.scratch = scratch(4, g.scratch_bytes);
        k->gemm[type](&g);
        check(k->isa, "product", 3, type, c->wide, c->size, tolerance_of(k, type), c_size);
    }
    free(before);
    release();
}

static void products_of_any_shape_agree(void **unused)
{
    (void)unused;
    run_cases(one_product, 1200);
}

/* ---- convolutions ------------------------------------------------------------------------------------------------------- */

static bool draw_convolution(conv_args *g)
{
    *g = (conv_args){
        .n = 1 + draw(3), .h = 1 + draw(15), .w = 1 + draw(15), .groups = draw(4) ? 1 : 1 + draw(5)
    };
    g->c = draw(5) ? g->groups * (1 + draw(40 / g->groups)) : g->groups;
    g->k = draw(5) ? g->groups * (1 + draw(40 / g->groups)) : g->groups;
    const int64_t everyday = draw(3) ? 0 : draw(4) ? 3 : 5; /* 3x3 or 5x5, stride 1 */
    for (int i = 0; i < 2; i++) {
        g->kernel[i] = everyday ? everyday : 1 + draw(7);
        g->stride[i] = everyday ? 1 : 1 + draw(3);
        g->padding[i] = everyday ? draw(2) : draw(4);
        g->dilation[i] = everyday || draw(3) ? 1 : 1 + draw(3);
        int64_t room = (i ? g->w : g->h) + 2 * g->padding[i] - g->dilation[i] * (g->kernel[i] - 1) - 1;
        if (room < 0)
            return false;
        *(i ? &g->ow : &g->oh) = room / g->stride[i] + 1;
    }
    return (double)(g->n * g->oh * g->ow * g->k) * (double)(g->c / g->groups * g->kernel[0] * g->kernel[1]) <=
           2e5;
}

static void one_direction(int type, conv_args g, conv_direction direction, int64_t n, const buffer *x,
                          const buffer *dy, const buffer *weight, const buffer *bias)
{
    static const char *const names[] = { "convolution", "data gradient", "weight gradient" };
    const kernel_table *ref = kernels_for("ref");
    const conv_kernel *exact = &ref->conv[1][CONV_DIRECT][direction];
    conv_args w = g;
    double *want = calloc((size_t)n, sizeof *want), *size = calloc((size_t)n, sizeof *size);
    w.x = x->wide, w.dy = dy->wide, w.weight = weight->wide, w.bias = bias ? bias->wide : NULL, w.out = want;
    exact->run(&w);
    w.x = x->size, w.dy = dy->size, w.weight = weight->size, w.bias = bias ? bias->size : NULL, w.out = size;
    exact->run(&w);
    g.x = x->data, g.dy = dy->data, g.weight = weight->data, g.bias = bias ? bias->data : NULL;
    FOR_EACH_TABLE(k)
    for (int precise = 0; precise < 2; precise++) { /* the way of its shape, and plain sums */
        g.precise = precise;
        const conv_kernel *way = &k->conv[type][conv_choose(k, type, direction, &g)][direction];
        g.out = buffers[4].data = place(4, (size_t)n * size_of(type), size_of(type));
        g.scratch_bytes = way->scratch(&g);
        g.scratch = scratch(5, g.scratch_bytes);
        way->run(&g);
        check(k->isa, names[direction], 4, type, want, size, tolerance_of(k, type), n);
    }
    free(want), free(size);
}

static void one_convolution(int type)
{
    conv_args g;
    while (!draw_convolution(&g))
        continue;
    const bool biased = draw(2);
    g.relu = draw(2);
    describe("(%lld, %lld, %lld, %lld) k %lld kernel %lldx%lld stride %lld,%lld padding %lld,%lld dilation "
             "%lld,%lld groups %lld%s%s",
             (long long)g.n, (long long)g.h, (long long)g.w, (long long)g.c, (long long)g.k,
             (long long)g.kernel[0], (long long)g.kernel[1], (long long)g.stride[0], (long long)g.stride[1],
             (long long)g.padding[0], (long long)g.padding[1], (long long)g.dilation[0],
             (long long)g.dilation[1], (long long)g.groups, biased ? " bias" : "", g.relu ? " relu" : "");
    int64_t nx = g.n * g.h * g.w * g.c, ny = g.n * g.oh * g.ow * g.k,
            nw = g.k * (g.c / g.groups) * g.kernel[0] * g.kernel[1];
    const buffer *x = numbers(0, type, nx), *dy = numbers(1, type, ny), *weight = numbers(2, type, nw),
                 *bias = numbers(3, type, g.k);
    one_direction(type, g, 0, ny, x, dy, weight, biased ? bias : NULL);
    one_direction(type, g, 1, nx, x, dy, weight, NULL);
    one_direction(type, g, 2, nw, x, dy, weight, NULL);
    release();
}

static void convolutions_of_any_shape_agree(void **unused)
{
    (void)unused;
    run_cases(one_convolution, 700);
}

/* ---- pools ------------------------------------------------------------------------------------------------------------------ */

static bool draw_pool(pool_args *g)
{
    *g = (pool_args){ .h = 1 + draw(15), .w = 1 + draw(15), .c = 1 + draw(40), .exclude_pad = draw(2) };
    for (int i = 0; i < 2; i++) {
        g->kernel[i] = 1 + draw(5), g->stride[i] = 1 + draw(4), g->padding[i] = draw(g->kernel[i] / 2 + 1);
        g->dilation[i] = draw(3) ? 1 : 1 + draw(3);
        int64_t room = (i ? g->w : g->h) + 2 * g->padding[i] - g->dilation[i] * (g->kernel[i] - 1) - 1;
        if (room < 0)
            return false;
        *(i ? &g->ow : &g->oh) = room / g->stride[i] + 1;
    }
    g->end_row = g->oh, g->end_channel = g->c;
    return true;
}

/* Where in its window each maximum stands, beside where in the picture; want: the gradient by those places. */
static void pool_with_taps(const kernel_table *k, pool_args g, int type, const void *x, const void *dy,
                           const int64_t *index, const double *want)
{
    const int64_t nx = g.h * g.w * g.c, ny = g.oh * g.ow * g.c;
    const uint8_t *tap = (void *)(buffers[3].data = place(3, (size_t)ny, 1));
    g.taps = true;
    k->max_pool[type](&g, buffers[2].data = place(2, (size_t)ny * size_of(type), size_of(type)),
                      buffers[3].data, x);
    for (int64_t i = 0; i < ny; i++) {
        const int64_t window = i / g.c, p = tap[i] / g.kernel[1], q = tap[i] % g.kernel[1];
        const int64_t h = window / g.ow * g.stride[0] - g.padding[0] + p * g.dilation[0],
                      w = window % g.ow * g.stride[1] - g.padding[1] + q * g.dilation[1];
        if (tap[i] == 255 ? index[i] != -1 : index[i] != h * g.w + w)
            fail_msg("%s max pool finds tap %d (%s)", k->isa, tap[i], label);
    }
    if (!margins_hold(3, (size_t)ny))
        fail_msg("%s max pool writes beside its taps (%s)", k->isa, label);
    g.begin_channel = g.c / 3; /* in two parts */
    k->max_pool_backward[type](&g, buffers[2].data = place(2, (size_t)nx * size_of(type), size_of(type)), dy,
                               tap);
    g.end_channel = g.begin_channel, g.begin_channel = 0;
    k->max_pool_backward[type](&g, buffers[2].data, dy, tap);
    check(k->isa, "max pool backward by taps", 2, type, want, NULL, tolerance[type], nx);
}

static void one_pool(int type)
{
    pool_args g;
    while (!draw_pool(&g))
        continue;
    describe("pool (%lld, %lld, %lld) kernel %lldx%lld stride %lld,%lld padding %lld,%lld dilation %lld,%lld",
             (long long)g.h, (long long)g.w, (long long)g.c, (long long)g.kernel[0], (long long)g.kernel[1],
             (long long)g.stride[0], (long long)g.stride[1], (long long)g.padding[0], (long long)g.padding[1],
             (long long)g.dilation[0], (long long)g.dilation[1]);
    const kernel_table *ref = kernels_for("ref");
    const bool average = g.dilation[0] == 1 && g.dilation[1] == 1;
    const int64_t nx = g.h * g.w * g.c, ny = g.oh * g.ow * g.c, most = nx > ny ? nx : ny;
    const buffer *x = numbers(0, type, nx), *dy = numbers(1, type, ny);
    int64_t *index = malloc((size_t)ny * sizeof *index);
    double *want = malloc((size_t)most * sizeof *want);
    FOR_EACH_TABLE(k)
    {
        char *found = place(3, (size_t)ny * sizeof *index, sizeof *index);
        buffers[3].data = found;
        ref->max_pool[1](&g, want, index, x->wide);
        k->max_pool[type](&g, buffers[2].data = place(2, (size_t)ny * size_of(type), size_of(type)),
                          (int64_t *)(void *)found, x->data);
        check(k->isa, "max pool", 2, type, want, NULL, 0, ny);
        if (memcmp(found, index, (size_t)ny * sizeof *index) || !margins_hold(3, (size_t)ny * sizeof *index))
            fail_msg("%s max pool finds others (%s)", k->isa, label);
        k->max_pool[type](&g, buffers[2].data = place(2, (size_t)ny * size_of(type), size_of(type)), NULL,
                          x->data);
        check(k->isa, "max pool without places", 2, type, want, NULL, 0, ny);
        ref->max_pool_backward[1](&g, want, dy->wide, index);
        k->max_pool_backward[type](&g, buffers[2].data = place(2, (size_t)nx * size_of(type), size_of(type)),
                                   dy->data, index);
        check(k->isa, "max pool backward", 2, type, want, NULL, tolerance[type], nx);
        if (g.kernel[0] < 16 && g.kernel[1] < 16)
            pool_with_taps(k, g, type, x->data, dy->data, index, want);
        if (!average)
            continue;
        ref->avg_pool[1](&g, want, x->wide);
        k->avg_pool[type](&g, buffers[2].data = place(2, (size_t)ny * size_of(type), size_of(type)), x->data);
        check(k->isa, "average pool", 2, type, want, NULL, tolerance[type], ny);
        ref->avg_pool_backward[1](&g, want, dy->wide);
        k->avg_pool_backward[type](&g, buffers[2].data = place(2, (size_t)nx * size_of(type), size_of(type)),
                                   dy->data);
        check(k->isa, "average pool backward", 2, type, want, NULL, tolerance[type], nx);
    }
    free(index), free(want);
    release();
}

static void pools_of_any_shape_agree(void **unused)
{
    (void)unused;
    run_cases(one_pool, 800);
}

/* ---- softmax ---------------------------------------------------------------------------------------------------------------- */

static void one_softmax(int type)
{
    const int64_t n = 1 + draw(draw(2) ? 40 : 1500), cols = 1 + draw(20), ld = cols + draw(5),
                  whole = (n - 1) * ld + cols;
    const int which = (int)draw(2);
    describe("softmax of %lld, columns %lld of %lld, kind %d", (long long)n, (long long)cols, (long long)ld,
             which);
    const kernel_table *ref = kernels_for("ref");
    const softmax_kernels *exact = &ref->softmax[1];
    const buffer *x = numbers(0, type, whole), *dy = numbers(1, type, whole), *y = numbers(3, type, whole);
    double *want = calloc((size_t)whole, sizeof *want);
    FOR_EACH_TABLE(k)
    {
        const softmax_kernels *s = &k->softmax[type];
        exact->rows[which](want, x->wide, n);
        s->rows[which](buffers[2].data = place(2, (size_t)n * size_of(type), size_of(type)), x->data, n);
        check(k->isa, "softmax of a row", 2, type, want, NULL, tolerance[type], n);
        exact->rows_backward[which](want, dy->wide, y->wide, n);
        s->rows_backward[which](buffers[2].data = place(2, (size_t)n * size_of(type), size_of(type)),
                                dy->data, y->data, n);
        check(k->isa, "softmax backward of a row", 2, type, want, NULL, tolerance[type] * (double)n, n);
        exact->cols[which](want, x->wide, n, cols, ld);
        char *got = buffers[2].data = place(2, (size_t)whole * size_of(type), size_of(type));
        s->cols[which](got, x->data, n, cols, ld);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = cols; j < ld && i < n - 1; j++) /* between the columns nothing is written */
                if (!isnan(element(got, type, i * ld + j)))
                    fail_msg("%s softmax of columns writes between them (%s)", k->isa, label);
                else
                    memset(got + (size_t)(i * ld + j) * size_of(type), 0, size_of(type)),
                        want[i * ld + j] = 0;
        check(k->isa, "softmax of columns", 2, type, want, NULL, tolerance[type], whole);
    }
    free(want);
    release();
}

static void softmax_of_any_shape_agrees(void **unused)
{
    (void)unused;
    run_cases(one_softmax, 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_any_shape_agree),
        cmocka_unit_test(convolutions_of_any_shape_agree),
        cmocka_unit_test(pools_of_any_shape_agree),
        cmocka_unit_test(softmax_of_any_shape_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
