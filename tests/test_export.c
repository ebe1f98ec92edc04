/* test_export.c - networks as C: what is exported compiles without a warning, and answers as tp_predict does; the same under
 * the address and undefined-behaviour sanitizers.
 *
 * The networks have random weights, or learned for a moment.  Skipped where there is no C compiler.
 * Layer: tests.  Read next: src/train/export_c.c. */
#include "support/mnist.h"
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <taper/taper.h>
#include <unistd.h>

enum { EXAMPLES = 24, ROOM = 1 << 16, MOST_NUMBERS = 1 << 16 };

#define STRICT " -std=c99 -Wall -Wextra -Wshadow -Wconversion -pedantic -Werror -O2 "
#define SANITIZERS "-g -fsanitize=address,undefined -fno-sanitize-recover=all "

/* ---- compiling and running ---------------------------------------------------------------------------------------- */

static bool runs(const char *format, ...) TP_PRINTF(1, 2);
static bool runs(const char *format, ...)
{
    char command[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command) == 0;
}

static void need_compiler(void)
{
    need_json();
    if (access(TEST_COMPILER, X_OK) != 0) {
        print_message("skipped: there is no C compiler at %s\n", TEST_COMPILER);
        skip();
    }
}

static bool has_sanitizers(void)
{
    static int known = -1;
    if (known < 0) {
        put_text(temp_path("empty.c"), "int main(void) { return 0; }\n");
        known = runs("'%s' " SANITIZERS "'%s' -o '%s' 2>/dev/null && '%s'", TEST_COMPILER,
                     temp_path("empty.c"), temp_path("empty"), temp_path("empty"));
        if (!known)
            print_message("the compiler has no sanitizers: that part is left out\n");
    }
    return known;
}

static const char classifier[] = "#include \"net.h\"\n#include <stdio.h>\n"
                                 "int main(void)\n{\n"
                                 "    static float x[NET_INPUTS], y[NET_CLASSES + 1];\n"
                                 "    while (fread(x, sizeof x, 1, stdin) == 1) {\n"
                                 "        y[NET_CLASSES] = (float)net_predict(x, y);\n"
                                 "        fwrite(y, sizeof y, 1, stdout);\n"
                                 "    }\n    return 0;\n}\n";

static const char regressor[] = "#include \"net.h\"\n#include <stdio.h>\n"
                                "int main(void)\n{\n"
                                "    static float x[NET_INPUTS], y[2];\n"
                                "    while (fread(x, sizeof x, 1, stdin) == 1) {\n"
                                "        net_predict(x, y);\n"
                                "        fwrite(y, sizeof y, 1, stdout);\n"
                                "    }\n    return 0;\n}\n";

/* Two texts in turns, of which the second begins again at each token that is 0. */
static const char reader[] = "#include \"net.h\"\n#include <stdio.h>\n#include <string.h>\n"
                             "int main(void)\n{\n"
                             "    static net_state one, two;\n"
                             "    static float token, y[NET_CLASSES + 1], other[NET_CLASSES];\n"
                             "    net_reset(&one);\n"
                             "    if (net_step(&one, -1, y) != -1 || net_step(&one, NET_CLASSES, y) != -1)\n"
                             "        return 3;\n"
                             "    while (fread(&token, sizeof token, 1, stdin) == 1) {\n"
                             "        y[NET_CLASSES] = (float)net_step(&one, (int)token, y);\n"
                             "        if (token <= 0.0f)\n"
                             "            net_reset(&two);\n"
                             "        net_step(&two, (int)token, other);\n"
                             "        fwrite(y, sizeof y, 1, stdout);\n"
                             "    }\n"
                             "#ifdef NAMES\n"
                             "    for (int i = 0; i < NET_CLASSES; i++) {\n"
                             "        const char *text = net_class_names[i];\n"
                             "        if (net_token(&text) != i || *text)\n"
                             "            return 4;\n"
                             "    }\n"
                             "#endif\n"
                             "    const char *unknown = \"\\001\";\n"
                             "    return net_token(&unknown) == NET_CLASSES || *unknown ? 5 : 0;\n}\n";

/* What net.c in the folder answers to n numbers, by way of that program. */
static size_t answers(const char *folder, const char *program, const char *flags, const float *x, size_t n,
                      float *y)
{
    char path[600];
    snprintf(path, sizeof path, "%s/driver.c", folder);
    put_text(path, program);
    snprintf(path, sizeof path, "%s/x", folder);
    put_file(path, x, n * sizeof *x);
    if (!runs("cd '%s' && '%s'" STRICT "%s net.c driver.c -lm -o driver && '%s'" STRICT
              "%s net.c net_main.c -lm -o program",
              folder, TEST_COMPILER, flags, TEST_COMPILER, flags))
        fail_msg("%s does not compile", folder);
    if (!runs("cd '%s' && ./driver <x >y", folder))
        fail_msg("%s: the driver fails", folder);
    snprintf(path, sizeof path, "%s/y", folder);
    return get_file(path, (unsigned char *)y, MOST_NUMBERS * sizeof *y) / sizeof *y;
}

/* want (examples, outputs); in got a number follows each row: the class. */
static void compare(const char *folder, const float *got, const double *want, int examples, int outputs,
                    bool classes)
{
    for (int i = 0; i < examples; i++, got += outputs + 1, want += outputs) {
        int best = 0;
        for (int k = 0; k < outputs; k++) {
            if (!(fabs((double)got[k] - want[k]) <= 1e-5 * fmax(1, fabs(want[k]))))
                fail_msg("%s: example %d: %g at %d, taper has %g", folder, i, (double)got[k], k, want[k]);
            best = want[k] > want[best] ? k : best;
        }
        const int said = (int)got[outputs];
        if (classes && said != best && want[best] - want[said] > 1e-6)
            fail_msg("%s: example %d: class %d, taper has %d", folder, i, said, best);
    }
}

static void check(const char *folder, const char *program, const char *flags, const float *x, size_t n,
                  const double *want, int examples, int outputs)
{
    static float got[MOST_NUMBERS];
    for (int sanitized = 0; sanitized <= has_sanitizers(); sanitized++) {
        char all[200];
        snprintf(all, sizeof all, "%s%s", flags, sanitized ? SANITIZERS : "");
        assert_int_equal(answers(folder, program, all, x, n, got), examples * (outputs + 1));
        compare(folder, got, want, examples, outputs, program != regressor);
    }
}

/* ---- runs ----------------------------------------------------------------------------------------------------------- */

static const char *folder_of(const char *kind, int number)
{
    static char path[4][600];
    static int turn;
    char name[64];
    snprintf(name, sizeof name, "%s%d", kind, number);
    return strcpy(path[turn++ % 4], temp_path(name));
}

static tp_run *run_of(const tp_train_config *config, int number)
{
    tp_train_config c = *config;
    c.struct_size = sizeof c;
    c.out = folder_of("run", number);
    c.epochs = 1;
    c.limit_examples = 64;
    c.seed = (uint64_t)number;
    tp_train_run(&c, NULL, NULL, NULL);
    tp_run *run = tp_run_open(c.out);
    expect_no_error();
    return run;
}

/* Weights twice as large: probabilities that are far from each other tell a wrong layer. */
static void sharpen(tp_run *run)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_params *all = tp_parameters(run->net);
    for (int i = 0; i < tp_params_count(all); i++)
        tp_mul_(tp_params_at(all, i), 2);
}

/* Test examples: as the caller of C has them, which is after the steps in before; and what taper says. */
static void check_run(tp_run *run, tp_part part, const char *before, int number)
{
    static float x[MOST_NUMBERS], y[ROOM];
    static double want[MOST_NUMBERS];
    TP_SCOPE;
    const char *folder = folder_of("c", number);
    const int classes = (int)tp_run_classes(run), outputs = classes ? classes : 1;
    tp_dataset *d = setup_whole_data(run->setup, part);
    tp_dataset *given = tp_transformed(d, tp_transform_parse(before), 0);
    tp_dataset *whole = tp_transformed(d, run->transform, 0);
    tp_shape shape = tp_dataset_shape(given), input = { .ndim = 1, .dim = { 1 } };
    tp_status status;
    size_t each = 1, n = 0;
    double truth;
    for (int i = 0; i < shape.ndim; i++)
        each *= (size_t)shape.dim[i];
    input = setup_input(run->setup, &status);
    sharpen(run);
    tp_export_result result;
    assert_int_equal(tp_run_export_c(run, folder, &result, .name = "net"), TP_OK);
    assert_string_equal(result.name, "net");
    int64_t examples = tp_dataset_count(d) < EXAMPLES ? tp_dataset_count(d) : EXAMPLES;
    for (int64_t i = 0; i < examples; i++, n += each) {
        TP_SCOPE;
        tp_dataset_get(given, i, x + n, &truth);
        tp_dataset_get(whole, i, y, &truth);
        tp_to_f64(tp_predict(run, tp_tensor_copied(y, TP_F32, input)), want + i * outputs, outputs);
    }
    expect_no_error();
    check(folder, classes ? classifier : regressor, "", x, n, want, (int)examples, outputs);
}

/* ---- the cases -------------------------------------------------------------------------------------------------------- */

/* The header of the network of that number. */
static void says(const char *number, const char *text)
{
    unsigned char header[4096];
    char path[600];
    snprintf(path, sizeof path, "%s%s/net.h", temp_path("c"), number);
    header[get_file(path, header, sizeof header - 1)] = 0;
    if (!strstr((char *)header, text))
        fail_msg("%s: wanted %s", path, text);
}

static void perceptrons_of_tables(void **state)
{
    (void)state;
    need_compiler();
    TP_SCOPE;
    static char text[8192];
    const char *path = temp_path("table.csv");
    int used = snprintf(text, sizeof text, "a,\"b\n*/ #error\",c,town,kind\n");
    for (int i = 0; i < 120; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%g,%g,%g,%s,%s\n", i * 0.37,
                         5 - i % 7 * 1.5, 1e-3 * (i % 11), i % 5 ? "Oslo" : "\"*/ %s \\\"",
                         i % 3 == 0   ? "\"x \\ ?\""
                         : i % 3 == 1 ? "y"
                                      : "z\xc3\xbc");
    put_text(path, text);
    tp_run *run = run_of(&(tp_train_config){ .model = "mlp",
                                             .data = path,
                                             .model_options = { .hidden = "13,7", .dropout = 0.5 } },
                         1);
    check_run(run, TP_TEST, "", 1);
    used = snprintf(text, sizeof text, "a,b,value\n");
    for (int i = 0; i < 120; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%g,%g,%g\n", i * 0.37, 5 - i % 7 * 1.5,
                         i * 0.1);
    put_text(path, text);
    run = run_of(&(tp_train_config){ .model = "mlp",
                                     .data = path,
                                     .data_options = { .csv.regression = true },
                                     .model_options = { .hidden = "9", .activation = "tanh" } },
                 2);
    check_run(run, TP_TEST, "", 2);
    says("1", "others are 0.\n *   input[0]: a\n *   input[1]: b *  #error\n *   input[2]: c\n *   input[3]: "
              "town=*  %s \\\n"
              " *   input[4]: town=Oslo\n * Fills");
}

static void convolutions_of_pictures(void **state)
{
    (void)state;
    need_compiler();
    TP_SCOPE;
    const char *data = small_mnist(200, 60);
    check_run(run_of(&(tp_train_config){ .model = "lenet5", .data = data }, 10), TP_TEST, "", 10);
    check_run(run_of(&(tp_train_config){ .model = "simple_cnn",
                                         .data = data,
                                         .model_options = { .hidden = "3,5", .activation = "leaky_relu" } },
                     11),
              TP_TEST, "", 11);
    check_run(run_of(&(tp_train_config){ .model = "lenet5",
                                         .data = data,
                                         .model_options = { .image_size = 18 },
                                         .transform = "resize=16x16 pad=1:0.5 normalize=0.1/0.3" },
                     12),
              TP_TEST, "resize=16x16", 12);
    says("12", "wants them done: resize=16x16.\n");
    says("12", "#define NET_HEIGHT 16\n");
}

static void sequences(void **state)
{
    (void)state;
    need_compiler();
    static const struct {
        const char *cell, *pooling;
        int64_t layers;
        bool both;
    } rows[] = {
        { "rnn", "last", 1, false },  { "gru", "last", 2, true },       { "lstm", "last", 1, true },
        { "gru", "mean", 1, false },  { "lstm", "attention", 3, true }, { "rnn", "attention", 2, false },
        { "lstm", "mean", 2, false },
    };
    const char *data = small_mnist(200, 60);
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        TP_SCOPE;
        tp_run *run = run_of(&(tp_train_config){ .model = "sequence-classifier",
                                                 .data = data,
                                                 .model_options = { .cell = rows[i].cell,
                                                                    .pooling = rows[i].pooling,
                                                                    .layers = rows[i].layers,
                                                                    .bidirectional = rows[i].both,
                                                                    .dropout = 0.1,
                                                                    .hidden = "9" } },
                             20 + i);
        check_run(run, TP_TEST, "", 20 + i);
    }
    says("20", "#define NET_STEPS 28\n#define NET_FEATURES 28\n#define NET_INPUTS 784\n");
}

/* Every token's probabilities, from the first one on. */
static void check_text(const char *unit, const char *cell, int number)
{
    static float x[64];
    static double want[MOST_NUMBERS];
    TP_SCOPE;
    const char *path = temp_path("text.txt");
    char text[1200] = "";
    for (int i = 0; i < 40; i++)
        strcat(text, i % 3 ? "die K\xc3\xbc"
                             "he? \""
                           : "m\xc3\xbcssen \\n\n");
    put_text(path, text);
    tp_run *run = run_of(
        &(tp_train_config){ .model = "char-lm",
                            .data = path,
                            .data_options = { .window = 12, .unit = unit },
                            .model_options = { .cell = cell, .layers = 2, .hidden = "11", .embedding = 6 } },
        number);
    sharpen(run);
    const int tokens = 40, classes = (int)tp_run_classes(run);
    tp_export_result result;
    const char *folder = folder_of("c", number);
    assert_int_equal(tp_run_export_c(run, folder, &result, .name = "net"), TP_OK);
    assert_int_equal(result.state_bytes, 4 * 2 * 11 * (strcmp(cell, "lstm") ? 1 : 2));
    for (int i = 0; i < tokens; i++)
        x[i] = (float)(i * 7 % 13 % classes);
    tp_to_f64(tp_predict(run, tp_tensor_copied(x, TP_F32, TP_SHAPE(1, tokens))), want,
              (int64_t)tokens * classes);
    expect_no_error();
    check(folder, reader, strcmp(unit, "bytes") ? "-DNAMES " : "", x, (size_t)tokens, want, tokens, classes);
    assert_true(runs("cd '%s' && ./program 'die K' >said && ./program 2>said; test $? = 2", folder));
}

static void texts_with_a_carried_state(void **state)
{
    (void)state;
    need_compiler();
    check_text("chars", "lstm", 40);
    check_text("chars", "gru", 41);
    check_text("bytes", "rnn", 42);
}

/* In the place of a run's network another one, of layers that the zoo's small ones have not. */
static tp_run *run_with(tp_module *net, int number)
{
    tp_run *run = run_of(&(tp_train_config){ .model = "simple_cnn",
                                             .data = small_mnist(200, 60),
                                             .model_options = { .hidden = "2" } },
                         number);
    tp_eval(net);
    tp_release(run->net);
    run->net = tp_retain(net);
    return run;
}

static void layers_that_the_small_models_have_not(void **state)
{
    (void)state;
    need_compiler();
    TP_SCOPE;
    tp_manual_seed(5);
    tp_module *stem = tp_nn_sequential("0",
                                       tp_nn_conv2d(1, 5, 0, .kernel_hw = { 3, 5 }, .stride_hw = { 2, 3 },
                                                    .padding_hw = { 1, 2 }, .no_bias = true),
                                       "1", tp_nn_batch_norm2d(5), "2", tp_nn_gelu(), "3",
                                       tp_nn_max_pool2d(3, .stride = 2, .padding = 1, .ceil_mode = true));
    tp_module *net =
        tp_nn_sequential("silu", tp_nn_silu(), "stem", stem, "gelu", tp_nn_gelu_tanh(), "conv",
                         tp_nn_conv2d(5, 4, 2), "bn", tp_nn_batch_norm2d(4), "softplus", tp_nn_softplus(),
                         "flatten", tp_nn_flatten(), "fc", tp_nn_linear(4 * 7 * 5, 20, .no_bias = true),
                         "norm", tp_nn_batch_norm1d(20), "sigmoid", tp_nn_sigmoid(), "leaky",
                         tp_nn_leaky_relu(0.2), "head", tp_nn_linear(20, 12));
    tp_params *all = tp_state_dict(net);
    for (int i = 0; i < tp_params_count(all); i++) {
        TP_SCOPE;
        TP_NO_GRAD;
        tp_tensor *x = tp_params_at(all, i);
        if (strstr(tp_params_name(all, i), "running"))
            tp_copy_(x, tp_uniform(0.5, 1.5, tp_shape_of(x)));
    }
    expect_no_error();
    check_run(run_with(net, 50), TP_TEST, "", 50);
    net = tp_nn_sequential("conv", tp_nn_conv2d(1, 3, 0, .kernel_hw = { 4, 9 }, .stride_hw = { 1, 2 }),
                           "rows", tp_nn_rows(), "rnn",
                           tp_nn_lstm(30, 7, .num_layers = 2, .bidirectional = true, .batch_first = true,
                                      .no_bias = true),
                           "pooling", tp_nn_sequence_pooling("last", 14, true), "dropout", tp_nn_dropout(0.5),
                           "head", tp_nn_linear(14, 10));
    check_run(run_with(net, 51), TP_TEST, "", 51);
}

static void weights_come_back_bit_for_bit(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    const float odd[] = { 1e-45f, -0.0f, 3.4028235e38f, 1.0f / 3, 16777216.0f, -1.17549435e-38f, 1, 0.1f };
    tp_module *net = tp_nn_sequential("flatten", tp_nn_flatten(), "fc", tp_nn_linear(784, 10));
    tp_tensor *weight = tp_params_find(tp_state_dict(net), "fc.weight");
    memcpy(tp_data(weight), odd, sizeof odd);
    tp_run *run = run_with(net, 60);
    assert_int_equal(tp_run_export_c(run, folder_of("c", 60), NULL), TP_OK);
    static unsigned char text[1 << 18];
    char path[600];
    snprintf(path, sizeof path, "%s/simple_cnn_weights.h", folder_of("c", 60));
    text[get_file(path, text, sizeof text - 1)] = 0;
    const char *at = strstr((char *)text, "fc_weight[7840]");
    assert_non_null(at);
    at = strstr(at, "*/") + 2;
    const float *want = tp_data(weight);
    for (int i = 0; i < 7840; i++) {
        char *end;
        const float x = strtof(at, &end);
        if (memcmp(&x, &want[i], sizeof x) != 0 || end[0] != 'f' || end[1] != ',')
            fail_msg("weight %d is %.9g, wanted %.9g", i, (double)x, (double)want[i]);
        at = end + 2;
    }
}

static void what_cannot_be_exported_is_named_and_leaves_nothing(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    tp_module *norm = tp_nn_sequential("flatten", tp_nn_flatten(), "norm", tp_nn_batch_norm1d(784), "fc",
                                       tp_nn_linear(784, 10));
    tp_module *two = tp_nn_sequential("both", tp_nn_concat("a", tp_nn_flatten(), "b", tp_nn_flatten()), "fc",
                                      tp_nn_linear(1568, 10));
    tp_module *wide =
        tp_nn_sequential("rows", tp_nn_rows(), "rnn", tp_nn_lstm(28, 8, .proj_size = 4, .batch_first = true),
                         "pooling", tp_nn_sequence_pooling("mean", 4, false), "fc", tp_nn_linear(4, 10));
    tp_module *holes = tp_nn_sequential("conv", tp_nn_conv2d(1, 2, 3, .dilation = 2), "flatten",
                                        tp_nn_flatten(), "fc", tp_nn_linear(2 * 24 * 24, 10));
    tp_module *broken = tp_nn_sequential("flatten", tp_nn_flatten(), "fc", tp_nn_linear(784, 10));
    ((float *)tp_data(tp_params_find(tp_state_dict(broken), "fc.bias")))[3] = NAN;
    const struct {
        tp_module *net;
        const char *why;
    } rows[] = { { norm, "export: norm is a batch_norm1d, for which there is no C" },
                 { two, "export: both is a concat, for which there is no C" },
                 { wide, "export: rnn is a lstm with a projection" },
                 { holes, "export: conv is a conv2d with groups or dilation, for which there is no C" },
                 { broken, "export: a weight is nan, finite ones are wanted" } };
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        TP_SCOPE;
        tp_run *run = run_with(rows[i].net, 70 + i);
        assert_int_equal(tp_run_export_c(run, folder_of("c", 70 + i), NULL), TP_ERR_UNSUPPORTED);
        expect_error(TP_ERR_UNSUPPORTED, rows[i].why);
        assert_int_not_equal(access(folder_of("c", 70 + i), F_OK), 0);
    }
    tp_run *run = run_with(broken, 80);
    static const char *const names[] = { "", "9x", "x-y", "Net", "a b", "../x" };
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        tp_run_export_c(run, folder_of("c", 80), NULL, .name = names[i]);
        expect_error(TP_ERR_ARGUMENT, "letters a to z, digits and _, a letter first, are wanted");
    }
    tp_run_export_c(run, NULL, NULL);
    expect_error(TP_ERR_ARGUMENT, "export: the run, the folder or the options are NULL");
}

static tp_run *opened;

static void export_it(void)
{
    TP_SCOPE;
    tp_run_export_c(opened, temp_path("again"), NULL);
}

static void failing_allocations_come_back_as_errors(void **state)
{
    (void)state;
    need_json();
    tp_set_num_threads(1);
    tp_module *net =
        tp_nn_sequential("rows", tp_nn_rows(), "rnn", tp_nn_gru(28, 3, .batch_first = true), "pooling",
                         tp_nn_sequence_pooling("attention", 3, false), "fc", tp_nn_linear(3, 10));
    opened = tp_retain(run_with(net, 90));
    export_it();
    with_failing_allocations(export_it);
    tp_release(opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perceptrons_of_tables),
        cmocka_unit_test(convolutions_of_pictures),
        cmocka_unit_test(sequences),
        cmocka_unit_test(texts_with_a_carried_state),
        cmocka_unit_test(layers_that_the_small_models_have_not),
        cmocka_unit_test(weights_come_back_bit_for_bit),
        cmocka_unit_test(what_cannot_be_exported_is_named_and_leaves_nothing),
        cmocka_unit_test(failing_allocations_come_back_as_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
