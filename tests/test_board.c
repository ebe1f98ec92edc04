/* test_board.c - TensorBoard's event files: ours read back, beside one of PyTorch's SummaryWriter; what a run writes; going on.
 *
 * The reader here is the test's own: frames with checksums by the definition, bit by bit, then fields by io/protobuf.h.
 * tests/golden/board.tfevents is made by tools/golden/board.py; TensorBoard itself reads ours in tests/python/board.py.
 * Layer: tests.  Depends on train/board.h.  Read next: ../src/train/board.c, board_run.c. */
#include "support/mnist.h"

#include "io/image.h"
#include "io/protobuf.h"

#include <taper/train.h>

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <taper/ops.h>

/* ---- reading ----------------------------------------------------------------------------------------------------- */

enum { ROOM = 1 << 22, MAX_VALUES = 4096 };

typedef struct value {
    int64_t step;
    char tag[96];
    proto_in fields; /* of Summary.Value */
} value;

typedef struct events {
    unsigned char *bytes;
    value values[MAX_VALUES];
    int n_values, n_events;
    int64_t restarted; /* at this step; -1: not */
    proto_in graph;
    char version[32];
} events;

/* RFC 3720, B.4: bit by bit. */
static uint32_t castagnoli(const unsigned char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

static uint64_t little(const unsigned char *p, int n)
{
    uint64_t x = 0;
    for (int i = 0; i < n; i++)
        x |= (uint64_t)p[i] << 8 * i;
    return x;
}

static void check_crc(const unsigned char *data, size_t n)
{
    uint32_t crc = castagnoli(data, n);
    assert_int_equal(little(data + n, 4), (uint32_t)((crc >> 15 | crc << 17) + 0xa282ead8u));
}

static bool find(proto_in in, uint32_t number, proto_field *f)
{
    while (proto_next(&in, f))
        if (f->number == number)
            return true;
    return false;
}

static double as_double(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double as_float(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float x;
    memcpy(&x, &low, sizeof x);
    return (double)x;
}

static void copy_text(char *to, size_t room, const proto_field *f)
{
    assert_true((size_t)f->size < room);
    memcpy(to, f->data, (size_t)f->size);
    to[f->size] = 0;
}

static void read_summary(events *e, const proto_in *event, const proto_field *summary, int64_t step)
{
    proto_in in = proto_message(event, summary);
    for (proto_field f, tag; proto_next(&in, &f);) {
        value *v = &e->values[e->n_values++];
        assert_true(e->n_values < MAX_VALUES);
        v->step = step;
        v->fields = proto_message(&in, &f);
        assert_true(find(v->fields, 1, &tag));
        copy_text(v->tag, sizeof v->tag, &tag);
    }
}

static void read_event(events *e, proto_in event)
{
    proto_field f;
    int64_t step = find(event, 2, &f) ? (int64_t)f.value : 0;
    assert_true(find(event, 1, &f)); /* wall time: after 2020, before 2100 */
    assert_true(as_double(f.value) > 1.5e9 && as_double(f.value) < 4.2e9);
    if (find(event, 3, &f))
        copy_text(e->version, sizeof e->version, &f);
    if (find(event, 4, &f))
        e->graph = (proto_in){ "graph", f.data, f.size, 0, 0 };
    if (find(event, 7, &f))
        e->restarted = step;
    if (find(event, 5, &f))
        read_summary(e, &event, &f, step);
    e->n_events++;
}

static events *read_events(const char *path)
{
    events *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->bytes = malloc(ROOM);
    e->restarted = -1;
    size_t size = get_file(path, e->bytes, ROOM), at = 0;
    while (at < size) {
        assert_true(size - at > 16);
        uint64_t n = little(e->bytes + at, 8);
        check_crc(e->bytes + at, 8);
        assert_true(n + 16 <= size - at);
        check_crc(e->bytes + at + 12, n);
        read_event(e, (proto_in){ path, e->bytes + at + 12, (int64_t)n, 0, (int64_t)at + 12 });
        at += n + 16;
    }
    expect_no_error();
    assert_string_equal(e->version, "brain.Event:2");
    return e;
}

static void free_events(events *e)
{
    free(e->bytes);
    free(e);
}

/* Number i, in the order of their names, of a folder's files. */
static events *read_folder(const char *folder, int i, int of)
{
    struct dirent **names;
    char path[4096];
    int n = scandir(folder, &names, NULL, alphasort);
    assert_int_equal(n, of + 2); /* . and .. */
    snprintf(path, sizeof path, "%s/%s", folder, names[i + 2]->d_name);
    assert_non_null(strstr(path, "events.out.tfevents."));
    for (int k = 0; k < n; k++)
        free(names[k]);
    free(names);
    return read_events(path);
}

static const value *value_at(const events *e, const char *tag, int64_t step)
{
    for (int i = 0; i < e->n_values; i++)
        if (!strcmp(e->values[i].tag, tag) && (step < 0 || e->values[i].step == step))
            return &e->values[i];
    return NULL;
}

static double scalar_at(const events *e, const char *tag, int64_t step)
{
    proto_field f;
    const value *v = value_at(e, tag, step);
    if (!v)
        fail_msg("no '%s' at step %lld", tag, (long long)step);
    assert_true(find(v->fields, 2, &f));
    return as_float(f.value);
}

/* ---- as PyTorch writes it -------------------------------------------------------------------------------------------- */

static const char golden[] = "tests/golden/board.tfevents";

static const char *write_same(void)
{
    TP_SCOPE;
    const char *folder = temp_path("board/deep");
    float ramp[46], image[36];
    for (int i = 0; i < 41; i++)
        ramp[i] = (float)(i - 20) / 8;
    static const float rest[] = { 0, 0, 1e-13f, -1e-3f, 100 };
    memcpy(ramp + 41, rest, sizeof rest);
    for (int i = 0; i < 36; i++)
        image[i] = (float)i / 35;
    static const tp_metadata options[] = { { "lr", "0.001" }, { "optim", "adam" } };
    static const char *const metrics[] = { "loss/test", "accuracy/test" };
    tp_board *b = tp_board_open(folder);
    tp_board_scalar(b, "loss/test", 0.5, 1);
    tp_board_scalar(b, "loss/test", -1.25e-3, 2);
    tp_board_scalar(b, "loss/test", 3e30, 1000000000000);
    tp_board_histogram(b, "weights/x", tp_tensor_copied(ramp, TP_F32, TP_SHAPE(46)), 7);
    if (tp_board_images(b, "pictures/x", tp_tensor_copied(image, TP_F32, TP_SHAPE(1, 3, 3, 4)), 7))
        expect_error(TP_ERR_UNSUPPORTED, "PNG"); /* a build without */
    tp_board_text(b, "notes/text_summary", "a *text*\n", 3);
    tp_board_hparams(b, options, 2, metrics, 2);
    tp_board_hparams_end(b, true);
    expect_no_error();
    return folder;
}

/* Field of a field of ... of a value: the numbers end with 0. */
static proto_field inside(const value *v, const uint32_t *numbers)
{
    proto_field f = { 0 };
    proto_in in = v->fields;
    for (; *numbers; numbers++) {
        if (!find(in, *numbers, &f))
            fail_msg("%s has no field %u", v->tag, *numbers);
        if (numbers[1])
            in = proto_message(&in, &f);
    }
    return f;
}

#define INSIDE(v, ...) inside(v, (const uint32_t[]){ __VA_ARGS__, 0 })

static void same_bytes(const value *a, const value *b, const uint32_t *numbers)
{
    proto_field x = inside(a, numbers), y = inside(b, numbers);
    assert_int_equal(x.wire, y.wire);
    assert_int_equal(x.value, y.value);
    if (x.wire == PROTO_BYTES && x.size)
        assert_memory_equal(x.data, y.data, (size_t)x.size);
}

#define SAME(a, b, ...) same_bytes(a, b, (const uint32_t[]){ __VA_ARGS__, 0 })

static void scalars_and_texts_are_those_of_pytorch(void **unused)
{
    (void)unused;
    events *ours = read_folder(write_same(), 0, 1), *theirs = read_events(golden);
    static const int64_t steps[] = { 1, 2, 1000000000000 };
    for (int i = 0; i < 3; i++)
        SAME(value_at(ours, "loss/test", steps[i]), value_at(theirs, "loss/test", steps[i]), 2);
    assert_true(fabs(scalar_at(ours, "loss/test", 2) + 1.25e-3) < 1e-9);
    const value *a = value_at(ours, "notes/text_summary", 3), *b = value_at(theirs, "notes/text_summary", 3);
    SAME(a, b, 8, 8); /* the text, */
    SAME(a, b, 8, 1); /* its type, shape */
    SAME(a, b, 8, 2, 2);
    SAME(a, b, 9, 1, 1); /* and page */
    free_events(ours);
    free_events(theirs);
}

/* Counts of a histogram that are not 0, each with its limit. */
static int pairs_of(const value *v, double (*pairs)[2])
{
    int n = 0;
    proto_field limits = INSIDE(v, 5, 6), counts = INSIDE(v, 5, 7);
    assert_int_equal(limits.size, counts.size);
    for (int64_t at = 0; at < limits.size; at += 8) {
        double limit = as_double(little(limits.data + at, 8)), count = as_double(little(counts.data + at, 8));
        if (count == 0)
            continue;
        pairs[n][0] = limit;
        pairs[n++][1] = count;
    }
    return n;
}

static void histograms_are_those_of_pytorch(void **unused)
{
    (void)unused;
    events *ours = read_folder(temp_path("board/deep"), 0, 1), *theirs = read_events(golden);
    const value *a = value_at(ours, "weights/x", 7), *b = value_at(theirs, "weights/x", 7);
    double mine[64][2], its[64][2];
    SAME(a, b, 5, 1); /* min, max, n */
    SAME(a, b, 5, 2);
    SAME(a, b, 5, 3);
    for (uint32_t k = 4; k <= 5; k++) /* sum, sum of squares: theirs was summed in f32 */
        assert_true(fabs(as_double(INSIDE(a, 5, k).value) - as_double(INSIDE(b, 5, k).value)) < 1e-3);
    int n = pairs_of(a, mine), m = pairs_of(b, its);
    assert_int_equal(n, m);
    for (int i = 0; i < n; i++) {
        assert_true(fabs(mine[i][0] - its[i][0]) <= 1e-12 * fabs(its[i][0]));
        assert_true(mine[i][1] == its[i][1]);
    }
    free_events(ours);
    free_events(theirs);
}

/* Ours is enlarged: every pixel 48 / 4 = 12 wide and high. */
static void images_are_those_of_pytorch(void **unused)
{
    (void)unused;
    need_png();
    events *ours = read_folder(temp_path("board/deep"), 0, 1), *theirs = read_events(golden);
    picture a, b;
    proto_field x = INSIDE(value_at(ours, "pictures/x", 7), 4, 4),
                y = INSIDE(value_at(theirs, "pictures/x", 7), 4, 4);
    assert_int_equal(picture_decode("ours", x.data, (size_t)x.size, 3, &a), TP_OK);
    assert_int_equal(picture_decode("theirs", y.data, (size_t)y.size, 3, &b), TP_OK);
    assert_int_equal(INSIDE(value_at(ours, "pictures/x", 7), 4, 1).value, 36);
    assert_int_equal(INSIDE(value_at(ours, "pictures/x", 7), 4, 2).value, 48);
    assert_int_equal(a.width, 12 * b.width);
    assert_int_equal(a.height, 12 * b.height);
    for (int64_t i = 0; i < b.height; i++)
        for (int64_t k = 0; k < b.width * 3; k++) /* theirs cuts fractions off, ours rounds */
            assert_in_range(a.pixels[i * 12 * a.width * 3 + k / 3 * 36 + k % 3] -
                                b.pixels[i * b.width * 3 + k],
                            0, 1);
    picture_free(&a);
    picture_free(&b);
    free_events(ours);
    free_events(theirs);
}

static bool has_bytes(const proto_field *in, const void *data, size_t size)
{
    return memmem(in->data, (size_t)in->size, data, size) != NULL;
}

static void hparams_are_those_of_pytorch(void **unused)
{
    (void)unused;
    events *ours = read_folder(temp_path("board/deep"), 0, 1), *theirs = read_events(golden);
    static const char *const tags[] = { "_hparams_/experiment", "_hparams_/session_start_info",
                                        "_hparams_/session_end_info" };
    for (int i = 0; i < 3; i++) {
        const value *a = value_at(ours, tags[i], -1), *b = value_at(theirs, tags[i], -1);
        SAME(a, b, 9, 1, 1);
        proto_field x = INSIDE(a, 9, 1, 2), y = INSIDE(b, 9, 1, 2);
        proto_in in = { "theirs", y.data, y.size, 0, 0 };
        proto_field message, part;
        assert_true(proto_next(&in, &message));
        proto_in parts = proto_message(&in, &message);
        while (proto_next(&parts, &part)) /* in any order: it is a map */
            if (part.wire == PROTO_BYTES)
                assert_true(has_bytes(&x, part.data, (size_t)part.size));
    }
    proto_field end = INSIDE(value_at(ours, tags[2], -1), 9, 1, 2, 4, 1);
    assert_int_equal(end.value, 1);
    free_events(ours);
    free_events(theirs);
}

/* ---- what a run writes ------------------------------------------------------------------------------------------------ */

static tp_train_config config_in(const char *out, const char *board)
{
    return (tp_train_config){
        .struct_size = sizeof(tp_train_config),
        .model = "lenet5",
        .data = small_mnist(96, 32),
        .out = out,
        .epochs = 2,
        .batch_size = 16,
        .seed = 3,
        .optim_options = { .lr = 2e-3 },
        .tensorboard = board,
        .command = "taper train lenet5",
    };
}

typedef struct heard {
    double test_loss[4], accuracy[4], lr;
    int64_t stop_at;
} heard;

static bool hear(void *context, const tp_progress *p)
{
    heard *h = context;
    if (p->epoch_done) {
        h->test_loss[p->epoch - 1] = p->test_loss;
        h->accuracy[p->epoch - 1] = p->test_accuracy;
        h->lr = p->lr;
    }
    return p->epoch_done || p->global_step != h->stop_at;
}

static bool graph_has(proto_in graph, const char *name, const char *op, const char *input)
{
    for (proto_field f, g; proto_next(&graph, &f);) {
        proto_in node = proto_message(&graph, &f);
        if (f.number != 1 || !find(node, 1, &g) || (size_t)g.size != strlen(name) ||
            memcmp(g.data, name, strlen(name)) != 0)
            continue;
        return find(node, 2, &g) && (size_t)g.size == strlen(op) && !memcmp(g.data, op, strlen(op)) &&
               (!input || (find(node, 3, &g) && has_bytes(&g, input, strlen(input))));
    }
    return false;
}

static void a_run_tells_its_curves_weights_pictures_graph_options_and_command(void **unused)
{
    (void)unused;
    need_json();
    need_png();
    const char *board = temp_path("run-board");
    tp_train_config c = config_in(temp_path("run"), board);
    heard h = { .stop_at = -1 };
    assert_int_equal(tp_train_run(&c, hear, &h, NULL), TP_OK);
    expect_no_error();
    events *e = read_folder(board, 0, 1);
    assert_true(fabs(scalar_at(e, "loss/test", 6) - h.test_loss[0]) < 1e-6);
    assert_true(fabs(scalar_at(e, "loss/test", 12) - h.test_loss[1]) < 1e-6);
    assert_true(fabs(scalar_at(e, "accuracy/test", 12) - h.accuracy[1]) < 1e-6);
    assert_true(fabs(scalar_at(e, "epoch/learning_rate", 12) - 2e-3) < 1e-9);
    assert_true(scalar_at(e, "step/gradient_norm", 12) > 0);
    double sum = 0;
    for (int64_t step = 7; step <= 12; step++)
        sum += scalar_at(e, "step/loss", step);
    assert_true(fabs(sum / 6 - scalar_at(e, "loss/train", 12)) < 1e-5);
    assert_int_equal(as_double(INSIDE(value_at(e, "weights/conv1.weight", 6), 5, 3).value), 150);
    assert_int_equal(as_double(INSIDE(value_at(e, "gradients/fc3.bias", 12), 5, 3).value), 10);
    assert_non_null(value_at(e, "pictures/training", 0));
    assert_non_null(value_at(e, "pictures/filters", 12));
    assert_true(graph_has(e->graph, "conv1/_conv2d", "_conv2d", "input"));
    assert_true(graph_has(e->graph, "tanh1/tanh", "tanh", "conv1/_conv2d"));
    assert_true(graph_has(e->graph, "fc3/weight", "parameter", NULL));
    proto_field row = INSIDE(value_at(e, "_hparams_/session_start_info", -1), 9, 1, 2), text;
    assert_true(has_bytes(&row, "optim.lr", 8) && has_bytes(&row, "lenet5", 6));
    text = INSIDE(value_at(e, "command", 0), 8, 8);
    assert_true(has_bytes(&text, "    taper train lenet5", 22));
    assert_non_null(value_at(e, "_hparams_/session_end_info", -1));
    free_events(e);
}

/* And the run's bits are those of one that tells nothing. */
static void a_run_that_goes_on_appends_a_file_with_the_right_steps(void **unused)
{
    (void)unused;
    need_json();
    const char *board = temp_path("resumed-board"), *run = temp_path("resumed");
    char path[4096];
    static unsigned char a[1 << 20], b[1 << 20];
    tp_train_config c = config_in(run, board);
    heard h = { .stop_at = 8 };
    assert_int_equal(tp_train_run(&c, hear, &h, NULL), TP_OK);
    h.stop_at = -1;
    assert_int_equal(tp_train_resume(run, 0, hear, &h, NULL), TP_OK);
    expect_no_error();
    events *first = read_folder(board, 0, 2), *second = read_folder(board, 1, 2);
    if (first->restarted >=
        0) { /* two in one second, or the clock went back: the names' order is not that of time */
        events *other = first;
        first = second;
        second = other;
    }
    assert_non_null(value_at(first, "step/loss", 8));
    assert_null(value_at(first, "step/loss", 9));
    assert_null(value_at(first, "_hparams_/session_end_info", -1));
    assert_int_equal(second->restarted, 9);
    assert_null(value_at(second, "step/loss", 8));
    assert_non_null(value_at(second, "step/loss", 9));
    assert_true(fabs(scalar_at(second, "loss/test", 12) - h.test_loss[1]) < 1e-6);
    assert_non_null(value_at(second, "_hparams_/session_end_info", -1));
    free_events(first);
    free_events(second);
    c = config_in(temp_path("silent"), NULL);
    assert_int_equal(tp_train_run(&c, NULL, NULL, NULL), TP_OK);
    snprintf(path, sizeof path, "%s/last/model.safetensors", run);
    size_t n = get_file(path, a, sizeof a);
    snprintf(path, sizeof path, "%s/last/model.safetensors", temp_path("silent"));
    assert_int_equal(get_file(path, b, sizeof b), n);
    assert_memory_equal(a, b, n);
}

/* ---- graphs of networks with more than one way ----------------------------------------------------------------------- */

static void residual_branches_meet_in_the_graph(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const char *folder = temp_path("resnet-board");
    tp_board *b = tp_board_open(folder);
    tp_module *net = tp_model("resnet18", .classes = 10);
    tp_board_graph(b, net, TP_SHAPE(1, 3, 64, 64));
    expect_no_error();
    events *e = read_folder(folder, 0, 1);
    assert_true(e->graph.size > 1000);
    assert_true(graph_has(e->graph, "layer2/0/downsample/0/weight", "parameter", NULL));
    int nodes = 0, adds = 0;
    proto_in graph = e->graph;
    for (proto_field f, g; proto_next(&graph, &f);) {
        if (f.number != 1)
            continue;
        nodes++;
        assert_true(find(proto_message(&graph, &f), 2, &g));
        adds += has_bytes(&g, "add", 3);
    }
    assert_in_range(nodes, 100, 300);
    assert_in_range(adds, 8, 16);
    free_events(e);
}

/* ---- what is wrong ------------------------------------------------------------------------------------------------------ */

static void wrong_calls_are_errors(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_board *b = tp_board_open(temp_path("wrong-board"));
    tp_board_scalar(NULL, "a", 1, 1);
    expect_error(TP_ERR_ARGUMENT, "board_scalar: a board and a tag");
    tp_board_scalar(b, "", 1, 1);
    expect_error(TP_ERR_ARGUMENT, "a tag that is not empty");
    tp_board_images(b, "x", tp_zeros(TP_SHAPE(2, 2, 4, 4)), 1);
    expect_error(TP_ERR_SHAPE, "images (N, 1 or 3, H, W) are wanted");
    tp_board_histogram(b, "x", NULL, 1);
    expect_error(TP_ERR_ARGUMENT, "the tensor is NULL");
    tp_board_text(b, "x", NULL, 1);
    expect_error(TP_ERR_ARGUMENT, "the text is NULL");
    put_text(temp_path("a-file"), "x");
    assert_null(tp_board_open(temp_path("a-file")));
    expect_error(TP_ERR_IO, "a-file");
    tp_board_histogram(b, "nothing", tp_full(TP_SHAPE(3), (double)NAN),
                       1); /* nothing finite: no event, no error */
    expect_no_error();
    events *e = read_folder(temp_path("wrong-board"), 0, 1);
    assert_int_equal(e->n_events, 1);
    free_events(e);
}

static void a_full_disk_is_an_error_and_the_file_stays_whole(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static char text[4096];
    struct rlimit before, small;
    memset(text, 'x', sizeof text - 1);
    tp_board *b = tp_board_open(temp_path("full-board"));
    tp_board_scalar(b, "a", 1, 1);
    expect_no_error();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    tp_status status = tp_board_text(b, "long", text, 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, TP_ERR_IO);
    expect_error(TP_ERR_IO, "events.out.tfevents.");
    tp_board_scalar(b, "a", 2, 2);
    expect_no_error();
    events *e = read_folder(temp_path("full-board"), 0, 1);
    assert_int_equal(e->n_events, 3);
    assert_true(scalar_at(e, "a", 2) == 2);
    free_events(e);
}

static void write_some(void)
{
    TP_SCOPE;
    tp_board *b = tp_board_open(temp_path("memory-board"));
    tp_board_scalar(b, "a", 1, 1);
    tp_board_histogram(b, "h", tp_ones(TP_SHAPE(40)), 1);
    tp_board_hparams(b, &(tp_metadata){ "lr", "1" }, 1, NULL, 0);
    tp_board_graph(b, tp_nn_linear(2, 3), TP_SHAPE(1, 2));
}

static void no_memory_is_an_error(void **unused)
{
    (void)unused;
    with_failing_allocations(write_some);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_and_texts_are_those_of_pytorch),
        cmocka_unit_test(histograms_are_those_of_pytorch),
        cmocka_unit_test(images_are_those_of_pytorch),
        cmocka_unit_test(hparams_are_those_of_pytorch),
        cmocka_unit_test(a_run_tells_its_curves_weights_pictures_graph_options_and_command),
        cmocka_unit_test(a_run_that_goes_on_appends_a_file_with_the_right_steps),
        cmocka_unit_test(residual_branches_meet_in_the_graph),
        cmocka_unit_test(wrong_calls_are_errors),
        cmocka_unit_test(a_full_disk_is_an_error_and_the_file_stays_whole),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
