/* test_train_pictures.c - runs on a folder of pictures of many sizes: mixed labels, pictures that cannot be read, augment.
 *
 * The pictures are made here: class "dark" and class "light", with noise.  Layer: tests.
 * Read next: train/loop.c, test_train.c for runs in general. */
#include "support/files.h"

#include "core/tensor.h"
#include "train/loop.h"
#include "train/run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <taper/io.h>
#include <taper/train.h>

enum { PICTURES = 10, TRAIN = 16, ROOM = 1 << 20 };

static void folder(const char *name)
{
    assert_true(mkdir(temp_path(name), 0700) == 0 || errno == EEXIST);
}

/* 10 pictures a class, of 10 sizes: 16 to learn from, 4 for the test. */
static const char *pictures(void)
{
    static char path[512];
    if (*path)
        return path;
    folder("light");
    folder("light/dark");
    folder("light/light");
    strcpy(path, temp_path("light"));
    for (int i = 0; i < 2 * PICTURES; i++) {
        TP_SCOPE;
        char name[64];
        bool light = i >= PICTURES;
        tp_tensor *x = tp_uniform(light ? 0.4 : 0, light ? 1 : 0.6, TP_SHAPE(3, 14 + i, 30 - i));
        snprintf(name, sizeof name, "light/%s/%d.png", light ? "light" : "dark", i);
        assert_int_equal(tp_image_write_png(temp_path(name), x), TP_OK);
    }
    return path;
}

static tp_train_config config_in(const char *out)
{
    return (tp_train_config){
        .struct_size = sizeof(tp_train_config),
        .model = "mlp",
        .model_options = { .hidden = "16", .channels = 3 },
        .data = pictures(),
        .transform = "resize=12 centercrop=12 normalize=0.5/0.25",
        .out = out,
        .epochs = 1,
        .batch_size = 4,
        .seed = 3,
    };
}

static tp_train_result trained(const tp_train_config *c)
{
    tp_train_result result;
    tp_train_run(c, NULL, NULL, &result);
    expect_no_error();
    return result;
}

/* ---- mixed labels ------------------------------------------------------------------------------------------------ */

static bool first_loss(void *context, const tp_progress *p)
{
    double *loss = context;
    *loss = isnan(*loss) ? p->loss : *loss;
    return true;
}

/* - sum_k p_k log softmax(logits)_k, the mean over the batch; outputs that no class uses have p = 0 */
static double mixed_loss(const float *logits, const float *p, int64_t n, int64_t outputs, int64_t classes)
{
    double loss = 0;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < outputs; k++)
            sum += exp((double)logits[i * outputs + k]);
        for (int64_t k = 0; k < classes; k++)
            loss -= (double)p[i * classes + k] * ((double)logits[i * outputs + k] - log(sum));
    }
    return loss / (double)n;
}

static void the_loss_of_a_mixed_batch_is_its_formula(void **state)
{
    (void)state;
    need_json();
    need_png();
    static const char *const augments[] = { "hflip mixup=1", "randomresizedcrop=20 cutmix=1",
                                            "mixup=0.4 cutmix=1" };
    for (int i = 0; i < 3; i++) {
        TP_SCOPE;
        char out[600], text[200];
        double loss = NAN;
        tp_batch b;
        snprintf(out, sizeof out, "%s-%d", temp_path("formula"), i);
        tp_train_config c = config_in(out);
        c.model_options.classes = 3; /* one more than there are */
        c.augment = augments[i];
        c.batch_size = TRAIN;
        c.optim_options.lr = 1e-12; /* the weights stay what they were */
        assert_int_equal(tp_train_run(&c, first_loss, &loss, NULL), TP_OK);
        tp_run *run = tp_run_open(out);
        snprintf(text, sizeof text, "%s %s", c.augment, c.transform);
        tp_loader *l = tp_loader_new(setup_data(run->setup, TP_TRAIN), TRAIN, .shuffle = true,
                                     .seed = loop_epoch_seed(3, 0), .transform = tp_transform_parse(text));
        assert_true(tp_loader_next(l, &b));
        assert_string_equal(shape_text(tp_shape_of(b.y)), "(16, 2)");
        tp_tensor *logits = tp_forward(tp_run_model(run), b.x);
        assert_true(fabs(loss - mixed_loss(tp_data(logits), tp_data(b.y), TRAIN, 3, 2)) < 1e-5);
    }
}

static void runs_that_mix_learn(void **state)
{
    (void)state;
    need_json();
    need_png();
    tp_train_config c = config_in(temp_path("mixes"));
    c.augment =
        "hflip randomresizedcrop=16:0.5-1 colorjitter=0.1 pcajitter=0.1:data cutout=4 mixup=0.2 cutmix=1";
    c.epochs = 15;
    c.optim_options.lr = 1e-2;
    c.balance = true;
    c.accumulate = 3;
    tp_train_result result = trained(&c);
    assert_true(result.best == 1);
    TP_SCOPE;
    const char *resolved = tp_run_config(tp_run_open(c.out))->augment;
    assert_null(strstr(resolved, "data")); /* the axes stand there as numbers: a resumed run has the same */
    assert_non_null(strstr(resolved, "pcajitter=0.1:0."));
    c.out = temp_path("mixes-in-the-test");
    c.transform = "resize=12 centercrop=12 mixup=1";
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_ARGUMENT, "mixes examples, and test examples go through it; that belongs to augment");
    c.transform = NULL;
    c.augment = "pcajitter=0.1:1,1:1,0,0,1";
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_SHAPE, "pcajitter: an example of shape (3, -1, -1), its axes have 2 channels");
}

/* ---- pictures that cannot be read -------------------------------------------------------------------------------- */

static bool stop_at(void *context, const tp_progress *p)
{
    return p->global_step != *(const int64_t *)context;
}

static void check_same(const char *a, const char *b)
{
    static unsigned char bytes[2][ROOM];
    char path[700];
    snprintf(path, sizeof path, "%s/last/model.safetensors", a);
    size_t n = get_file(path, bytes[0], ROOM);
    snprintf(path, sizeof path, "%s/last/model.safetensors", b);
    assert_int_equal(get_file(path, bytes[1], ROOM), n);
    assert_memory_equal(bytes[0], bytes[1], n);
}

/* With one picture a batch, batches are missing where pictures are: steps, and going on in the middle, are as ever. */
static void batches_of_bad_pictures_are_missing_and_nothing_else(void **state)
{
    (void)state;
    need_json();
    need_png();
    for (int accumulate = 1; accumulate < 4; accumulate += 2) {
        char out[2][600];
        tp_train_config c = config_in(out[0]);
        snprintf(out[0], sizeof out[0], "%s-%d", temp_path("whole"), accumulate);
        snprintf(out[1], sizeof out[1], "%s-%d", temp_path("halves"), accumulate);
        for (int i = 0; i < 5; i++) {
            char name[64];
            snprintf(name, sizeof name, "light/dark/bad%d.png", i);
            put_text(temp_path(name), "no picture");
        }
        c.batch_size = 1;
        c.accumulate = accumulate;
        c.epochs = 2;
        c.augment = "hflip mixup=1";
        c.out = temp_path("stops");
        tp_train_run(&c, NULL, NULL, NULL);
        expect_error(accumulate == 1 ? TP_ERR_FORMAT : TP_ERR_STATE,
                     accumulate == 1 ? "not a PNG or JPEG" : "holds a run");
        c.out = out[0];
        c.data_options.on_bad_image = "skip";
        trained(&c);
        int64_t seen = 0;
        for (int64_t stop = 3; stop < 40; stop += 5) { /* again and again, until it is through */
            tp_train_result result;
            c.out = out[1];
            tp_status status = seen++ ? tp_train_resume(out[1], 0, stop_at, &stop, &result)
                                      : tp_train_run(&c, stop_at, &stop, &result);
            expect_no_error();
            assert_int_equal(status, TP_OK);
            if (!result.stopped)
                break;
        }
        check_same(out[0], out[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_of_a_mixed_batch_is_its_formula),
        cmocka_unit_test(runs_that_mix_learn),
        cmocka_unit_test(batches_of_bad_pictures_are_missing_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
