/* test_augment.c - transforms that draw: what they may draw, how often, and the fixed function that a draw must come to.
 *
 * Layer: tests.  Read next: data/transform_draw.c, test_transforms.c for the fixed functions. */
#include "support/files.h"
#include "support/golden.h"

#include "core/tensor.h"
#include "data/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <taper/data.h>
#include <taper/ops.h>

static double largest_difference(const float *a, const float *b, int64_t n)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
    return largest;
}

/* A text of one step is a chain of one. */
static tp_transform *only_step(const char *text)
{
    tp_transform *t = tp_transform_parse(text);
    assert_non_null(t);
    assert_int_equal(t->chain.n, 1);
    return t->chain.steps[0];
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

static void draws_are_uniform_normal_and_beta(void **state)
{
    (void)state;
    enum { N = 20000 };
    draws d = draws_of((transform_draw){ 1, 2, 3 });
    double sum[3] = { 0 }, square[3] = { 0 };
    int64_t counts[7] = { 0 }, chances = 0;
    static const double alphas[] = { 0.2, 1, 8 };
    for (int i = 0; i < N; i++) {
        double u = draw_uniform(&d, -2, 6), z = draw_normal(&d);
        assert_true(u >= -2 && u < 6);
        sum[0] += u, square[0] += u * u, sum[1] += z, square[1] += z * z;
        int64_t k = draw_integer(&d, 7);
        assert_true(k >= 0 && k < 7);
        counts[k]++;
        chances += draw_chance(&d, 0.3);
    }
    assert_true(fabs(sum[0] / N - 2) < 0.06 && fabs(square[0] / N - 4 - 64.0 / 12) < 0.3);
    assert_true(fabs(sum[1] / N) < 0.03 && fabs(square[1] / N - 1) < 0.05);
    for (int k = 0; k < 7; k++)
        assert_true(llabs(counts[k] - N / 7) < 250);
    assert_true(fabs((double)chances / N - 0.3) < 0.02);
    for (int a = 0; a < 3; a++) { /* Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)) */
        sum[2] = square[2] = 0;
        for (int i = 0; i < N; i++) {
            double b = draw_beta(&d, alphas[a]);
            assert_true(b >= 0 && b <= 1);
            sum[2] += b, square[2] += (b - 0.5) * (b - 0.5);
        }
        assert_true(fabs(sum[2] / N - 0.5) < 0.01);
        assert_true(fabs(square[2] / N * 4 * (2 * alphas[a] + 1) - 1) < 0.05);
    }
    assert_false(draw_chance(&d, 0));
    assert_true(draw_chance(&d, 1));
    /* a draw depends on seed, example and place, and on nothing else */
    draws same = draws_of((transform_draw){ 1, 2, 3 }), again = draws_of((transform_draw){ 1, 2, 3 });
    assert_true(draw_uniform(&same, 0, 1) == draw_uniform(&again, 0, 1));
    static const transform_draw others[] = { { 2, 2, 3 }, { 1, 3, 3 }, { 1, 2, 4 } };
    for (int i = 0; i < 3; i++) {
        draws one = draws_of((transform_draw){ 1, 2, 3 }), other = draws_of(others[i]);
        assert_true(draw_uniform(&one, 0, 1) != draw_uniform(&other, 0, 1));
    }
}

static void boxes_have_their_area_and_shape(void **state)
{
    (void)state;
    enum { N = 4000 };
    double mean_area = 0, wide = 0;
    int found = 0;
    for (int i = 0; i < N; i++) {
        draws d = draws_of((transform_draw){ 5, (uint64_t)i, 0 });
        window w;
        if (!draw_box(&d, 200, 100, (range){ 0.1, 0.3 }, (range){ 0.5, 2 }, 200, 100, &w))
            continue;
        found++;
        double area = (double)(w.height * w.width) / 20000, shape = (double)w.width / (double)w.height;
        assert_true(w.top >= 0 && w.left >= 0 && w.top + w.height <= 200 && w.left + w.width <= 100);
        assert_true(area > 0.095 && area < 0.31 && shape > 0.47 && shape < 2.13);
        mean_area += area;
        wide += shape > 1;
    }
    assert_true(found > N * 99 / 100);
    assert_true(fabs(mean_area / found - 0.2) < 0.005);
    assert_true(fabs(wide / found - 0.5) < 0.05); /* the shape is log-uniform: as often wide as tall */
    draws d = draws_of((transform_draw){ 5, 0, 0 });
    window w;
    assert_false(draw_box(&d, 10, 1000, (range){ 1, 1 }, (range){ 1, 1 }, 10, 1000, &w));
}

/* ---- pictures whose pixels tell where they come from -------------------------------------------------------------- */

enum { SIDE = 16 };
static float coded[3 * SIDE * SIDE]; /* (row * SIDE + column + 1) / 1000 + channel */

static void make_coded(void)
{
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < SIDE * SIDE; i++)
            coded[c * SIDE * SIDE + i] = (float)(i + 1) / 1000 + (float)c;
}

static void run_coded(const char *text, uint64_t seed, uint64_t example, float *y)
{
    TP_SCOPE;
    assert_int_equal(tp_transform_run(tp_transform_parse(text), TP_SHAPE(3, SIDE, SIDE), coded, y, seed,
                                      example),
                     TP_OK);
}

static void random_crops_are_windows_with_padding(void **state)
{
    (void)state;
    enum { SIZE = 16, PADDING = 4 };
    int seen[2 * PADDING + 1][2 * PADDING + 1] = { { 0 } }, all = 0;
    static float y[3 * SIZE * SIZE], want[3 * SIZE * SIZE], large[3 * 20 * 20];
    make_coded();
    for (int e = 0; e < 1500; e++) {
        bool matched = false;
        run_coded("randomcrop=16:4:0.5", 7, (uint64_t)e, y);
        for (int top = -PADDING; top <= PADDING && !matched; top++)
            for (int left = -PADDING; left <= PADDING && !matched; left++) {
                window_planes(3, SIDE, SIDE, coded, (window){ top, left, SIZE, SIZE }, 0.5f, want);
                matched = !memcmp(y, want, sizeof y);
                seen[top + PADDING][left + PADDING] += matched;
            }
        assert_true(matched);
    }
    for (int i = 0; i < 2 * PADDING + 1; i++)
        for (int j = 0; j < 2 * PADDING + 1; j++)
            all += seen[i][j] > 0;
    assert_int_equal(all, (2 * PADDING + 1) * (2 * PADDING + 1)); /* each is drawn, 1500 / 81 times or so */
    run_coded("randomcrop=20", 7, 1, large); /* smaller than the crop: it lies in it whole */
    int inside = 0;
    for (int i = 0; i < 20 * 20; i++)
        inside += large[i] > 0;
    assert_int_equal(inside, SIDE * SIDE);
}

static void flips_come_as_often_as_they_should(void **state)
{
    (void)state;
    static float y[3 * SIDE * SIDE];
    int across = 0, down = 0;
    make_coded();
    for (int e = 0; e < 1000; e++) {
        run_coded("hflip=0.3 vflip", 1, (uint64_t)e, y);
        bool h = fmodf(y[0] * 1000 - 1 + 0.5f, SIDE) >= SIDE - 1, v = y[0] * 1000 > SIDE + 1;
        across += h;
        down += v;
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++)
                assert_true(y[i * SIDE + j] == coded[(v ? SIDE - 1 - i : i) * SIDE + (h ? SIDE - 1 - j : j)]);
    }
    assert_true(abs(across - 300) < 50 && abs(down - 500) < 55);
}

static void resized_crops_are_resized_boxes(void **state)
{
    (void)state;
    static float y[3 * 8 * 8], part[3 * SIDE * SIDE], want[3 * 8 * 8];
    make_coded();
    for (int e = 0; e < 200; e++) { /* the same draws lead to the same box */
        draws d = draws_of((transform_draw){ 9, (uint64_t)e, 0 });
        window w;
        assert_true(draw_box(&d, SIDE, SIDE, (range){ 0.2, 0.9 }, (range){ 0.5, 2 }, SIDE, SIDE, &w));
        run_coded("randomresizedcrop=8:0.2-0.9:0.5-2", 9, (uint64_t)e, y);
        window_planes(3, SIDE, SIDE, coded, w, 0, part);
        assert_int_equal(resize_planes(3, w.height, w.width, part, 8, 8, want), TP_OK);
        assert_memory_equal(y, want, sizeof y);
    }
    /* no box of that shape fits: the largest in the middle, as torchvision falls back */
    TP_SCOPE;
    static float wide[4 * 40], narrow[4 * 4];
    for (int i = 0; i < 4 * 40; i++)
        wide[i] = (float)(i % 40);
    assert_int_equal(tp_transform_run(tp_transform_parse("randomresizedcrop=4:1-1:1-1"), TP_SHAPE(1, 4, 40),
                                      wide, narrow, 1, 1),
                     TP_OK);
    assert_true(narrow[0] == 18 && narrow[3] == 21);
}

static void rotations_stay_within_their_angle(void **state)
{
    (void)state;
    static float y[3 * 31 * 31], x[31 * 31];
    double largest = 0, smallest = 0;
    TP_SCOPE;
    memset(x, 0, sizeof x);
    x[15 * 31 + 27] = 1; /* 12 pixels to the right of the middle */
    tp_transform *t = tp_transform_parse("rotation=20");
    for (int e = 0; e < 300; e++) {
        assert_int_equal(tp_transform_run(t, TP_SHAPE(1, 31, 31), x, y, 3, (uint64_t)e), TP_OK);
        double row = 0, column = 0, weight = 0;
        for (int i = 0; i < 31 * 31; i++) {
            row += (double)y[i] * (i / 31 - 15);
            column += (double)y[i] * (i % 31 - 15);
            weight += (double)y[i];
        }
        double angle = atan2(row, column) * 180 / 3.14159265358979;
        assert_true(weight > 0.5 && fabs(angle) < 22);
        largest = fmax(largest, angle);
        smallest = fmin(smallest, angle);
    }
    assert_true(largest > 17 && smallest < -17);
}

/* ---- colours ------------------------------------------------------------------------------------------------------- */

static void colour_jitter_draws_its_factors(void **state)
{
    (void)state;
    float x[3] = { 0.2f, 0.3f, 0.4f }, y[3];
    double low = 9, high = 0, sum = 0;
    TP_SCOPE;
    tp_transform *bright = only_step("colorjitter=0.4"),
                 *all = tp_transform_parse("colorjitter=0.4:0.4:0.4:0.1");
    for (int e = 0; e < 2000; e++) {
        assert_int_equal(tp_transform_run(bright, TP_SHAPE(3, 1, 1), x, y, 1, (uint64_t)e), TP_OK);
        double factor = (double)y[0] / (double)x[0];
        assert_true(fabs((double)(y[2] / x[2]) - factor) < 1e-5);
        low = fmin(low, factor), high = fmax(high, factor), sum += factor;
    }
    assert_true(low >= 0.6 - 1e-6 && low < 0.61 && high <= 1.4 + 1e-6 && high > 1.39 &&
                fabs(sum / 2000 - 1) < 0.02);
    assert_true(bright->jitter.factor[1].low == 1 && bright->jitter.factor[1].high == 1 &&
                bright->jitter.hue == 0);
    tp_transform *strong = only_step("colorjitter=2"); /* torchvision: from max(0, 1 - b) to 1 + b */
    assert_true(strong->jitter.factor[0].low == 0 && strong->jitter.factor[0].high == 3);

    /* one of the 24 orders of the four, each with one factor of its own */
    static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    static void (*const adjusts[4])(float *, int64_t, int64_t, double) = { adjust_brightness, adjust_contrast,
                                                                           adjust_saturation, adjust_hue };
    int first[4] = { 0 };
    float picture[12] = { 0.1f, 0.5f, 0.3f, 0.7f, 0.6f, 0.2f, 0.4f, 0.35f, 0.25f, 0.45f, 0.15f, 0.65f },
          z[12], got[12];
    for (int e = 0; e < 400; e++) {
        transform_draw from = { 2, (uint64_t)e, 0 };
        draws d = draws_of(from);
        double factors[4];
        for (int i = 0; i < 3; i++)
            draw_integer(&d, 4 - i); /* the order takes the first three */
        for (int i = 0; i < 3; i++)
            factors[i] = draw_uniform(&d, 0.6, 1.4);
        factors[3] = draw_uniform(&d, -0.1, 0.1);
        assert_int_equal(tp_transform_run(all, TP_SHAPE(3, 2, 2), picture, got, 2, (uint64_t)e), TP_OK);
        bool found = false;
        for (int place = 0; place < 4 && !found; place++) /* where the hue stands among the others */
            for (int o = 0; o < 6 && !found; o++) {
                memcpy(z, picture, sizeof z);
                for (int i = 0, k = 0; i < 4; i++) {
                    int which = i == place ? 3 : orders[o][k++];
                    adjusts[which](z, 3, 4, factors[which]);
                }
                found = !memcmp(z, got, sizeof z);
                if (found)
                    first[place == 0 ? 3 : orders[o][0]]++;
            }
        assert_true(found);
    }
    for (int i = 0; i < 4; i++)
        assert_true(abs(first[i] - 100) < 40);
}

/* AlexNet: to every pixel sum_k alpha_k value_k vector_k, alpha ~ N(0, sigma), one draw a picture. */
static void pca_jitter_moves_all_pixels_along_the_axes(void **state)
{
    (void)state;
    enum { N = 4000 };
    static const double values[3] = { 0.2175, 0.0188, 0.0045 };
    static const double vectors[9] = { -0.5675, 0.7192,  0.4009,  -0.5808, -0.0045,
                                       -0.8140, -0.5836, -0.6948, 0.4203 };
    float x[6] = { 0.5f, 0.1f, 0.5f, 0.2f, 0.5f, 0.9f }, y[6];
    double square[3] = { 0 };
    TP_SCOPE;
    tp_transform *t = tp_transform_parse("pcajitter=0.1");
    for (int e = 0; e < N; e++) {
        double along[3] = { 0 };
        assert_int_equal(tp_transform_run(t, TP_SHAPE(3, 1, 2), x, y, 1, (uint64_t)e), TP_OK);
        for (int c = 0; c < 3; c++) {
            double shift = (double)y[2 * c] - (double)x[2 * c];
            assert_true(fabs((double)y[2 * c + 1] - (double)x[2 * c + 1] - shift) < 1e-6);
            for (int k = 0; k < 3; k++)
                along[k] += shift * vectors[3 * c + k]; /* the axes are orthonormal */
        }
        for (int k = 0; k < 3; k++)
            square[k] += along[k] * along[k];
    }
    for (int k = 0; k < 3; k++)
        assert_true(fabs(sqrt(square[k] / N) / (0.1 * values[k]) - 1) < 0.05);
    tp_transform *own = only_step("pcajitter=1:0.5,0.25:1,0,0,1");
    assert_int_equal(own->pca.n, 2);
    tp_shape out;
    tp_transform_shape(own, TP_SHAPE(3, 4, 4), &out);
    expect_error(TP_ERR_SHAPE, "pcajitter: an example of shape (3, 4, 4), its axes have 2 channels");
}

static void a_text_takes_the_axes_of_a_dataset(void **state)
{
    (void)state;
    TP_SCOPE;
    char text[400];
    tp_tensor *x = tp_uniform(0, 1, TP_SHAPE(4, 3, 5, 5));
    tp_dataset *d = tp_tensor_dataset(x, tp_zeros(TP_SHAPE(4), .dtype = TP_I64), 1);
    float values[3], vectors[9];
    assert_int_equal(tp_dataset_pca(d, 0, values, vectors, 3), TP_OK);
    assert_int_equal(tp_transform_resolve(" hflip  pcajitter=0.5:data pcajitter=0.1", d, text, sizeof text),
                     TP_OK);
    assert_memory_equal(text, "hflip pcajitter=0.5:", 20);
    assert_string_equal(text + strlen(text) - 14, " pcajitter=0.1");
    tp_transform *t = tp_transform_parse(text);
    assert_non_null(t);
    for (int k = 0; k < 3; k++) /* deviations along the axes */
        assert_true(fabs((double)t->chain.steps[1]->pca.values[k] - sqrt((double)values[k])) < 1e-5);
    for (int k = 0; k < 9; k++)
        assert_true(fabs((double)t->chain.steps[1]->pca.vectors[k] - (double)vectors[k]) < 1e-5);
    tp_transform_resolve("pcajitter=1:data", d, text, 40);
    expect_error(TP_ERR_ARGUMENT, "a text of more than 39 bytes");
    tp_shape out;
    tp_transform_shape(tp_transform_parse("pcajitter=1:data"), TP_SHAPE(3, 5, 5), &out);
    expect_error(TP_ERR_ARGUMENT, "'data' is no axes yet");
}

/* ---- what vanishes ------------------------------------------------------------------------------------------------- */

static void cutout_takes_a_square_about_any_pixel(void **state)
{
    (void)state;
    static float y[3 * SIDE * SIDE];
    int whole = 0, corners = 0;
    make_coded();
    for (int e = 0; e < 2000; e++) {
        run_coded("cutout=6:-1", 4, (uint64_t)e, y);
        int top = SIDE, left = SIDE, bottom = -1, right = -1, n = 0;
        for (int i = 0; i < SIDE * SIDE; i++)
            if (y[i] == -1) {
                int row = i / SIDE, column = i % SIDE;
                top = row < top ? row : top, bottom = row > bottom ? row : bottom;
                left = column < left ? column : left, right = column > right ? column : right;
                n++;
            } else
                assert_true(y[i] == coded[i]);
        assert_int_equal(n, (bottom - top + 1) *
                                (right - left + 1)); /* one box, at most 6 x 6, cut at the border */
        assert_true(bottom - top < 6 && right - left < 6 && n >= 9);
        assert_true(y[top * SIDE + left + 2 * SIDE * SIDE] == -1); /* of every channel */
        whole += n == 36;
        corners += n == 9;
    }
    assert_true(abs(whole - 2000 * 11 * 11 / 256) < 110); /* 11 of 16 centres an axis leave it whole */
    assert_true(corners > 2);
    run_coded("cutout=6", 4, 1, y); /* the picture's mean */
    double mean = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        mean += (double)coded[i] / (SIDE * SIDE);
    int filled = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        filled += fabs((double)y[i] - mean) < 1e-6;
    assert_true(filled >= 9);
}

static void random_erasing_keeps_its_share(void **state)
{
    (void)state;
    static float y[3 * SIDE * SIDE];
    int erased = 0;
    make_coded();
    for (int e = 0; e < 1000; e++) {
        int n = 0;
        run_coded("randomerasing=0.25:0.1-0.3:0.5-2:7", 4, (uint64_t)e, y);
        for (int i = 0; i < SIDE * SIDE; i++)
            n += y[i] == 7;
        erased += n > 0;
        assert_true(!n || (n >= 18 && n <= 90)); /* 25.6 to 76.8 pixels, sides rounded */
    }
    assert_true(abs(erased - 250) < 45);
    run_coded("randomerasing=1:0.3-0.3:1-1:noise", 4, 1, y);
    int different = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        different += y[i] != coded[i];
    assert_int_equal(different, 81);
}

/* ---- policies ------------------------------------------------------------------------------------------------------ */

static void policies_draw_one_of_their_parts(void **state)
{
    (void)state;
    static float y[3 * SIDE * SIDE], inverted[3 * SIDE * SIDE], solarized[3 * SIDE * SIDE];
    int counts[4] = { 0 };
    for (int i = 0; i < 3 * SIDE * SIDE; i++)
        coded[i] = (float)(i % 97) / 97;
    memcpy(inverted, coded, sizeof coded);
    memcpy(solarized, coded, sizeof coded);
    policy_apply("invert", 0, TP_SHAPE(3, SIDE, SIDE), inverted);
    policy_apply("solarize", 1 - 6.0 / 9, TP_SHAPE(3, SIDE, SIDE), solarized);
    for (int e = 0; e < 2000; e++) {
        run_coded("policy=invert:0.8/solarize:0.5:6", 2, (uint64_t)e, y);
        counts[!memcmp(y, coded, sizeof y)                                ? 0
               : !memcmp(y, inverted, sizeof y)                           ? 1
               : largest_difference(y, solarized, 3 * SIDE * SIDE) < 1e-6 ? 2
                                                                          : 3]++;
    }
    assert_int_equal(counts[3], 0);
    assert_true(abs(counts[1] - 800) < 90 && abs(counts[2] - 500) < 80);

    static const char *const random[] = { "randaugment=2",   "randaugment=3:30", "trivialaugment",
                                          "policy=imagenet", "policy=svhn",      "policy=cifar10" };
    for (size_t i = 0; i < sizeof random / sizeof *random; i++) {
        int changed = 0;
        for (int e = 0; e < 300; e++) {
            run_coded(random[i], 2, (uint64_t)e, y);
            changed += memcmp(y, coded, sizeof y) != 0;
            for (int k = 0; k < 3 * SIDE * SIDE; k++)
                assert_true(y[k] >= 0 && y[k] <= 1);
        }
        assert_true(changed > 200);
    }
}

/* ---- mixing -------------------------------------------------------------------------------------------------------- */

/* Example i is all i, and its class is i. */
static tp_dataset *numbered(int64_t n)
{
    tp_tensor *x = tp_zeros(TP_SHAPE(n, 1, 8, 8)), *y = tp_zeros(TP_SHAPE(n), .dtype = TP_I64);
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < 64; k++)
            ((float *)tensor_data(x))[i * 64 + k] = (float)i;
        ((int64_t *)tensor_data(y))[i] = i;
    }
    return tp_tensor_dataset(x, y, n);
}

static void mixed_labels_are_the_shares_of_the_pixels(void **state)
{
    (void)state;
    static const char *const steps[] = { "mixup=1", "cutmix=1", "mixup=0.3 cutmix=2" };
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        TP_SCOPE;
        tp_loader *l = tp_loader_new(numbered(12), 4, .transform = tp_transform_parse(steps[k]), .seed = k);
        int batches = 0, mixed = 0;
        for (tp_batch b; tp_loader_next(l, &b); batches++) {
            assert_string_equal(shape_text(tp_shape_of(b.y)), "(4, 12)");
            const float *x = tp_data(b.x), *y = tp_data(b.y);
            for (int64_t i = 0; i < b.n; i++) {
                int64_t own = b.examples[i], other = b.examples[(i + b.n - 1) % b.n];
                double mean = 0, sum = 0, expected = 0;
                for (int j = 0; j < 64; j++)
                    mean += (double)x[i * 64 + j] / 64;
                for (int c = 0; c < 12; c++) {
                    sum += (double)y[i * 12 + c];
                    expected += c * (double)y[i * 12 + c];
                    assert_true(y[i * 12 + c] == 0 || c == own || c == other);
                }
                assert_true(fabs(sum - 1) < 1e-6 && fabs(mean - expected) < 1e-4);
                mixed += y[i * 12 + own] < 1;
            }
        }
        expect_no_error();
        assert_int_equal(batches, 3);
        assert_true(mixed > 0);
    }
    TP_SCOPE; /* an example by itself goes through unchanged */
    tp_loader *one = tp_loader_new(numbered(2), 1, .transform = tp_transform_parse("mixup=1"));
    tp_batch b;
    assert_true(tp_loader_next(one, &b));
    assert_true(((const float *)tp_data(b.y))[0] == 1 && ((const float *)tp_data(b.x))[5] == 0);
}

/* ---- all of them, whatever the number of workers ------------------------------------------------------------------- */

static void batches_do_not_depend_on_workers(void **state)
{
    (void)state;
    static const char everything[] = "randomcrop=20:2 hflip vflip=0.2 rotation=15 affine=5:0.1:0.9-1.1:5 "
                                     "colorjitter=0.3:0.3:0.3:0.1 pcajitter=0.1 "
                                     "randaugment=2 trivialaugment policy=cifar10 randomresizedcrop=16 "
                                     "randomerasing=0.5:0.1-0.2:1-2:noise cutout=4 "
                                     "mixup=1 cutmix=1";
    TP_SCOPE;
    tp_params *p = golden_read("images");
    tp_tensor *image = golden_tensor(p, "image"),
              *x = tp_stack((tp_tensor *[]){ image, image, image, image, image }, 5, 0);
    tp_dataset *d = tp_tensor_dataset(x, tp_zeros(TP_SHAPE(5), .dtype = TP_I64), 2);
    static float seen[3][5 * 3 * 16 * 16];
    static const int workers[3] = { -1, 1, 4 };
    for (int k = 0; k < 3; k++) {
        TP_SCOPE;
        int64_t at = 0;
        tp_loader *l = tp_loader_new(d, 2, .shuffle = true, .seed = 6, .workers = workers[k],
                                     .transform = tp_transform_parse(everything));
        for (tp_batch b; tp_loader_next(l, &b); at += b.x->numel)
            memcpy(seen[k] + at, tp_data(b.x), (size_t)b.x->numel * sizeof(float));
        expect_no_error();
        assert_int_equal(at, 5 * 3 * 16 * 16);
    }
    assert_memory_equal(seen[0], seen[1], sizeof seen[0]);
    assert_memory_equal(seen[0], seen[2], sizeof seen[0]);
}

static tp_dataset *four;

static void run_everything(void)
{
    static float y[3 * 16 * 16];
    tp_transform *t =
        tp_transform_parse("randomresizedcrop=12 colorjitter=0.1 policy=svhn randaugment=1 pcajitter=0.1 "
                           "cutout=3 resize=16 centercrop=16");
    tp_transform_run(t, TP_SHAPE(3, SIDE, SIDE), coded, y, 1, 2);
    tp_loader *l = tp_loader_new(four, 2, .workers = -1, .transform = tp_transform_parse("hflip mixup=1"));
    tp_batch b;
    tp_loader_next(l, &b);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    TP_SCOPE;
    make_coded();
    four = numbered(4);
    with_failing_allocations(run_everything);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_uniform_normal_and_beta),
        cmocka_unit_test(boxes_have_their_area_and_shape),
        cmocka_unit_test(random_crops_are_windows_with_padding),
        cmocka_unit_test(flips_come_as_often_as_they_should),
        cmocka_unit_test(resized_crops_are_resized_boxes),
        cmocka_unit_test(rotations_stay_within_their_angle),
        cmocka_unit_test(colour_jitter_draws_its_factors),
        cmocka_unit_test(pca_jitter_moves_all_pixels_along_the_axes),
        cmocka_unit_test(a_text_takes_the_axes_of_a_dataset),
        cmocka_unit_test(cutout_takes_a_square_about_any_pixel),
        cmocka_unit_test(random_erasing_keeps_its_share),
        cmocka_unit_test(policies_draw_one_of_their_parts),
        cmocka_unit_test(mixed_labels_are_the_shares_of_the_pixels),
        cmocka_unit_test(batches_do_not_depend_on_workers),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
