/* test_transforms.c - transforms of pictures that draw nothing, beside torchvision; texts; pictures of many sizes.
 *
 * tests/golden/images.safetensors is torchvision's v2 on float tensors (tools/golden/images.py names the cases).
 * Layer: tests.  Read next: test_augment.c for those that draw, test_data.c for chains. */
#include "support/files.h"
#include "support/golden.h"

#include "core/tensor.h"
#include "data/transform.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taper/data.h>
#include <taper/io.h>

enum { ROOM = 3 * 64 * 64 };

static double largest_difference(const float *a, const float *b, int64_t n)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
    return largest;
}

/* ---- beside torchvision ------------------------------------------------------------------------------------------ */

typedef struct made {
    tp_shape shape;
    float x[ROOM];
} made;

static void run_text(const char *text, tp_tensor *image, made *out)
{
    tp_transform *t = tp_transform_parse(text);
    assert_int_equal(tp_transform_shape(t, tp_shape_of(image), &out->shape), TP_OK);
    assert_int_equal(tp_transform_run(t, tp_shape_of(image), tp_data(image), out->x, 3, 4), TP_OK);
}

/* The functions below the text form, by torchvision's names. */
static void run_function(const char *name, const char *arguments, tp_tensor *image, made *out)
{
    static const struct {
        const char *name;
        void (*adjust)(float *, int64_t, int64_t, double);
    } adjusts[] = { { "adjust_brightness", adjust_brightness },
                    { "adjust_contrast", adjust_contrast },
                    { "adjust_saturation", adjust_saturation },
                    { "adjust_hue", adjust_hue } };
    tp_shape in = tp_shape_of(image);
    const float *x = tp_data(image);
    int64_t planes = in.dim[0], n = in.dim[1] * in.dim[2];
    double v[6] = { 0 };
    char op[32] = "";
    sscanf(arguments, "%lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]);
    window w = { (int64_t)v[0], (int64_t)v[1], (int64_t)v[2], (int64_t)v[3] };
    out->shape = in;
    memcpy(out->x, x, (size_t)(planes * n) * sizeof *x);
    for (size_t i = 0; i < sizeof adjusts / sizeof *adjusts; i++)
        if (!strcmp(name, adjusts[i].name)) {
            adjusts[i].adjust(out->x, planes, n, v[0]);
            return;
        }
    if (!strcmp(name, "rotate")) {
        double matrix[6];
        affine_inverse_matrix(-v[0], 0, 0, 1, 0, matrix);
        affine_planes(planes, in.dim[1], in.dim[2], x, matrix, 0.25f, out->x);
    } else if (!strcmp(name, "crop")) {
        out->shape = TP_SHAPE(planes, w.height, w.width);
        window_planes(planes, in.dim[1], in.dim[2], x, w, 0, out->x);
    } else if (!strcmp(name, "resized_crop")) {
        static float part[ROOM];
        out->shape = TP_SHAPE(planes, (int64_t)v[4], (int64_t)v[5]);
        window_planes(planes, in.dim[1], in.dim[2], x, w, 0, part);
        resize_planes(planes, w.height, w.width, part, out->shape.dim[1], out->shape.dim[2], out->x);
    } else {
        assert_string_equal(name, "op");
        sscanf(arguments, "%31s %lf", op, &v[0]);
        assert_int_equal(policy_apply(op, v[0], in, out->x), TP_OK);
    }
}

/* Copies of pixels are the same bits, sums of a few products differ in their last ones, PIL rounds to bytes twice. */
static double tolerance_of(const char *text)
{
    static const struct {
        const char *start;
        double tolerance;
    } known[] = { { "pil", 1.01 / 255 }, { "centercrop", 0 },   { "hflip", 0 },
                  { "vflip", 0 },        { "crop", 0 },         { "op invert", 0 },
                  { "op solarize", 0 },  { "op posterize", 0 }, { "op translate", 1e-5 },
                  { "op shear", 1e-5 },  { "op rotate", 1e-5 }, { "rotate", 1e-5 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(text, known[i].start, strlen(known[i].start)))
            return known[i].tolerance;
    return 2e-6;
}

static void fixed_transforms_are_torchvision_s(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = golden_read("images");
    int wrong = 0, cases = 0;
    for (int i = 0; i < tp_params_count(p); i++) {
        static made got;
        char text[256], word[64] = "";
        const char *name = tp_params_name(p, i), *bar = strstr(name, " | ");
        tp_tensor *want = tp_params_at(p, i);
        if (!bar)
            continue;
        cases++;
        snprintf(text, sizeof text, "%.*s", (int)(bar - name), name);
        tp_tensor *image = golden_tensor(p, "%s", bar + 3);
        sscanf(text, "%63s", word);
        const char *rest = text + strlen(word) + (text[strlen(word)] == ' ');
        if (!strcmp(word, "pil"))
            run_text(rest, image, &got);
        else if (strchr(word, '='))
            run_text(text, image, &got);
        else
            run_function(word, rest, image, &got);
        expect_no_error();
        assert_string_equal(shape_text(got.shape), tensor_shape_text(want));
        double difference = largest_difference(got.x, tp_data(want), want->numel);
        if (difference > tolerance_of(text)) {
            print_error("%s: off by %g\n", name, difference);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    assert_true(cases > 150);
}

static void the_named_policies_are_torchvision_s(void **state)
{
    (void)state;
    need_json();
    static const char *const names[] = { "imagenet", "cifar10", "svhn" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        TP_SCOPE;
        char text[4096];
        char *policy = golden_metadata("images", names[i]);
        tp_transform *want = transform_new(&policy_kind), *got = transform_new(&policy_kind);
        assert_true(policy_parse(want, policy));
        snprintf(text, sizeof text, "policy=%s", policy); /* as a person may write it */
        assert_non_null(tp_transform_parse(text));
        assert_true(policy_parse(got, names[i]));
        assert_int_equal(got->policy.n_policies, 25);
        assert_int_equal(got->policy.n_ops, 50);
        assert_int_equal(want->policy.n_policies, 25);
        for (int k = 0; k < 50; k++) {
            const policy_op *a = &got->policy.ops[k], *b = &want->policy.ops[k];
            assert_true(a->what == b->what && a->probability == b->probability &&
                        a->magnitude == b->magnitude);
        }
        free(policy);
    }
}

static void the_axes_of_one_s_own_pictures_are_numpy_s(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = golden_read("images");
    tp_tensor *x = tp_unsqueeze(golden_tensor(p, "image"), 0);
    tp_dataset *d = tp_tensor_dataset(x, tp_zeros(TP_SHAPE(1), .dtype = TP_I64), 1);
    float values[3], vectors[9];
    assert_int_equal(tp_dataset_pca(d, 0, values, vectors, 3), TP_OK);
    assert_true(largest_difference(values, tp_data(golden_tensor(p, "pca values")), 3) < 1e-7);
    assert_true(largest_difference(vectors, tp_data(golden_tensor(p, "pca vectors")), 9) < 1e-5);
    tp_dataset_pca(d, 0, values, vectors, 1);
    expect_error(TP_ERR_ARGUMENT, "dataset_pca: 1 channels");
}

static void mixing_is_torchvision_s_for_the_same_draw(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = golden_read("images");
    static float x[4 * 3 * 6 * 10], y[4 * 3];
    const double *cut = tp_data(golden_tensor(p, "cutmix parameters")),
                 *up = tp_data(golden_tensor(p, "mixup parameters"));
    window box = { (int64_t)cut[2], (int64_t)cut[1], (int64_t)(cut[4] - cut[2]), (int64_t)(cut[3] - cut[1]) };
    const struct {
        const char *name;
        double keep;
        const window *box;
    } kinds[] = { { "mixup", up[0], NULL }, { "cutmix", cut[0], &box } };
    for (int i = 0; i < 2; i++) {
        memcpy(x, tp_data(golden_tensor(p, "mix x")), sizeof x);
        memcpy(y, tp_data(golden_tensor(p, "mix y")), sizeof y);
        mix_batch b = { x, y, 4, 180, 3, 6, 10, 3 };
        assert_int_equal(mix_neighbours(&b, kinds[i].keep, kinds[i].box), TP_OK);
        assert_true(largest_difference(x, tp_data(golden_tensor(p, "%s x", kinds[i].name)), 720) < 1e-6);
        assert_true(largest_difference(y, tp_data(golden_tensor(p, "%s y", kinds[i].name)), 12) < 1e-6);
        tp_tensor *logits = golden_tensor(p, "%s logits", kinds[i].name);
        tp_tensor *shares = tp_zeros(TP_SHAPE(4, 3));
        memcpy(tensor_data(shares), y, sizeof y);
        tp_tensor *loss = tp_cross_entropy(logits, shares);
        assert_true(fabs(tp_item(loss) - tp_item(golden_tensor(p, "%s loss", kinds[i].name))) < 1e-6);
    }
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static void steps_with_wrong_values_say_what_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *piece;
    } cases[] = {
        { "centercrop", "centercrop=SIZE" },
        { "centercrop=0", "centercrop=SIZE" },
        { "randomcrop=8:-1", "randomcrop=SIZE:PADDING:VALUE" },
        { "randomcrop=8:1:", "randomcrop=SIZE:PADDING:VALUE" },
        { "randomresizedcrop=8:0-1", "SCALE-SCALE" },
        { "randomresizedcrop=8:0.5-1.5", "SCALE-SCALE" },
        { "randomresizedcrop=8:0.9-0.5", "SCALE-SCALE" },
        { "randomresizedcrop=8:0.5-1:0-1", "RATIO-RATIO" },
        { "hflip=2", "hflip=PROBABILITY" },
        { "hflip=nan", "hflip=PROBABILITY" },
        { "vflip=-0.1", "vflip=PROBABILITY" },
        { "rotation", "rotation=DEGREES" },
        { "rotation=400", "degrees 400" },
        { "colorjitter=0.1:0.1:0.1:0.6", "hue at most 0.5" },
        { "colorjitter=-1", "colorjitter=BRIGHTNESS" },
        { "pcajitter=-1", "pcajitter=SIGMA" },
        { "pcajitter=0.1:1,1,1:1,0,0", "pcajitter=SIGMA" },
        { "randomerasing=1.1", "randomerasing=PROBABILITY" },
        { "randomerasing=0.5:0-0.1", "randomerasing=PROBABILITY" },
        { "randomerasing=0.5:0.1-0.2:1-2:red", "or noise, or mean" },
        { "cutout=0", "cutout=SIZE" },
        { "cutout=4:grey", "cutout=SIZE" },
        { "policy=", "policy=imagenet, cifar10, svhn" },
        { "policy=nothing", "policy=imagenet, cifar10, svhn" },
        { "policy=blur:0.5:3", "OP:PROBABILITY:MAGNITUDE" },
        { "policy=rotate:0.5", "magnitude 0 to 9" },
        { "policy=rotate:0.5:10", "magnitude 0 to 9" },
        { "policy=rotate:1.5:3", "magnitude 0 to 9" },
        { "policy=invert:0.5:3", "OP:PROBABILITY:MAGNITUDE" },
        { "policy=invert:0.5+", "OP:PROBABILITY:MAGNITUDE" },
        { "policy=invert:0.5//invert:0.5", "OP:PROBABILITY:MAGNITUDE" },
        { "policy=/", "OP:PROBABILITY:MAGNITUDE" },
        { "policy=rotate:1e+1:3", "OP:PROBABILITY:MAGNITUDE" },
        { "randaugment=2:31", "MAGNITUDE (0 to 30)" },
        { "randaugment=101", "randaugment=OPERATIONS" },
        { "trivialaugment=1", "trivialaugment is wanted" },
        { "mixup=0", "mixup=ALPHA" },
        { "cutmix=-1", "cutmix=ALPHA" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(tp_transform_parse(cases[i].text));
        expect_error(TP_ERR_ARGUMENT, cases[i].piece);
    }
    TP_SCOPE;
    tp_shape out;
    static const char *const of_colours[] = { "colorjitter=0.1", "policy=imagenet", "randaugment=1",
                                              "pcajitter=0.1" };
    for (size_t i = 0; i < sizeof of_colours / sizeof *of_colours; i++) {
        tp_transform_shape(tp_transform_parse(of_colours[i]), TP_SHAPE(4, 8, 8), &out);
        expect_error(TP_ERR_SHAPE, "an example of shape (4, 8, 8)");
    }
}

/* ---- datasets whose sizes differ ----------------------------------------------------------------------------------- */

static tp_status any_size(void *context, int64_t i, tp_sample *s)
{
    (void)context;
    float *x = i == 3 ? NULL : tp_sample_room(s, TP_SHAPE(i == 5 ? 2 : 3, 4 + i, 9 - i));
    s->skipped = i == 3;
    for (int64_t k = 0; x && k < (i == 5 ? 2 : 3) * (4 + i) * (9 - i); k++)
        x[k] = (float)i;
    s->y = 0;
    return tp_error_pending();
}

static void examples_of_any_size_come_to_one(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_dataset_functions f = { .struct_size = sizeof f, .kind = "sizes", .load = any_size };
    tp_dataset *d = tp_dataset_new(&f, NULL, 6, TP_SHAPE(3, -1, -1), 1);
    expect_no_error();
    tp_loader_new(d, 2);
    expect_error(TP_ERR_SHAPE, "loader: examples of shape (3, -1, -1), the sizes differ");
    tp_loader_new(d, 2, .transform = tp_transform_parse("resize=5"));
    expect_error(TP_ERR_SHAPE, "the sizes differ");
    tp_transform *fit = tp_transform_parse("resize=5 centercrop=4");
    tp_loader *l = tp_loader_new(tp_subset(d, 0, 5), 2, .transform = fit);
    int64_t counts[3] = { 0 }, n = 0;
    for (tp_batch b; tp_loader_next(l, &b); n++) {
        counts[n] = b.n;
        assert_true(fabs((double)((const float *)tp_data(b.x))[0] - (double)b.examples[0]) < 1e-6);
    }
    expect_no_error();
    assert_true(n == 3 && counts[0] == 2 && counts[1] == 1 && counts[2] == 1); /* example 3 is left out */
    l = tp_loader_new(tp_subset(d, 2, 3), 1, .transform = fit);
    for (n = 0; n < 3 && tp_loader_next(l, &(tp_batch){ 0 });)
        n++;
    expect_no_error();
    assert_int_equal(n, 2); /* a batch of nothing is no batch */
    tp_batch b;
    assert_false(tp_loader_next(tp_loader_new(tp_subset(d, 3, 1), 1, .transform = fit), &b));
    expect_error(TP_ERR_FORMAT, "loader: none of the 1 examples can be read");
    assert_false(tp_loader_next(tp_loader_new(tp_subset(d, 5, 1), 1, .transform = fit), &b));
    expect_error(TP_ERR_SHAPE, "example 5 of 'sizes' has shape (2, 9, 4), the dataset says (3, -1, -1)");
    float x[3];
    double y;
    tp_dataset_get(d, 0, x, &y);
    expect_error(TP_ERR_SHAPE, "differ in size");
    tp_sample s = { 0 };
    tp_transform *large = tp_transform_parse("resize=1000000 centercrop=2"); /* 4 x 9: 10^6 x 2.25 10^6 */
    tp_loader_next(tp_loader_new(d, 1, .transform = large), &b);
    expect_error(TP_ERR_UNSUPPORTED, "sizes[0]: resize: a picture of 9 x 4 is too narrow to be resized");
    tp_dataset_load(tp_transformed(d, large, 0), 1, &s);
    expect_error(TP_ERR_UNSUPPORTED, "sizes[1]: resize: a picture of 8 x 5 is too narrow");
    assert_int_equal(tp_dataset_load(tp_transformed(d, fit, 0), 2, &s), TP_OK);
    assert_string_equal(shape_text(s.shape), "(3, 4, 4)");
    tp_sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_transforms_are_torchvision_s),
        cmocka_unit_test(the_named_policies_are_torchvision_s),
        cmocka_unit_test(the_axes_of_one_s_own_pictures_are_numpy_s),
        cmocka_unit_test(steps_with_wrong_values_say_what_is_wanted),
        cmocka_unit_test(mixing_is_torchvision_s_for_the_same_draw),
        cmocka_unit_test(examples_of_any_size_come_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
