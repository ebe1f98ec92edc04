/* test_report.c - report.html from run folders made by hand: what it says, what it escapes, that it asks nobody.
 *
 * The folders hold JSON only; what needs weights must leave a line that says why.
 * Layer: tests.  Depends on train.h, support/files.h.  Read next: ../src/train/report.c. */
#include "support/files.h"
#include "support/mnist.h"

#include <taper/train.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ROOM = 1 << 20 };

static const char config[] = "{\"dataset\": {\"shape\": [1, 28, 28]}, \"model\":\"lenet5\",\"data\":\"data/a "
                             "& b\",\"epochs\":3,\"seed\":null,"
                             "\"optim_options\":{\"lr\":0.001,\"nested\":{\"deep\":true}},\"list\":[7,8]}";
static const char metrics[] =
    "{\"epoch\":1,\"global_step\":10,\"lr\":0.001,\"train_loss\":0.9,\"train_"
    "accuracy\":0.7,\"test_loss\":0.5,"
    "\"test_accuracy\":0.85,\"seconds\":30,\"examples_per_second\":5120.5,\"is_best\":true}\n"
    "{\"epoch\":2,\"global_step\":20,\"lr\":0.001,\"train_loss\":0.4,\"train_"
    "accuracy\":0.9,\"test_loss\":0.3,"
    "\"test_accuracy\":0.9125,\"seconds\":40,\"is_best\":true}\n"
    "{\"epoch\":3,\"global_st"; /* killed while it was written */
static const char evaluation[] =
    "{\"classes\":3,\"class_names\":[\"cat\",\"<script>alert('x')</"
    "script>\",\"\"],\"loss\":0.3,\"accuracy\":0.9125,"
    "\"confusion\":[[40,2,0],[1,1234,4],[0,0,30]],\"precision\":[0.5,0.987,null],\"recall\":[0.9,0.8,1],"
    "\"f1\":[0.6,0.7,0.8],\"mistakes\":[{\"index\":17,\"truth\":1,\"answer\":0,\"probability\":0.997}]}";

static const char times[] =
    "{\"step\":3,\"batch\":64,\"layers\":[{\"name\":\"\",\"type\":\"sequential\",\"forward\":0,\"backward\":"
    "0},"
    "{\"name\":\"a.conv\",\"type\":\"conv2d\",\"forward\":0.0025,\"backward\":0.0035},"
    "{\"name\":\"b.conv\",\"type\":\"conv2d\",\"forward\":0.0005,\"backward\":0.0005},"
    "{\"name\":\"<relu>\",\"type\":\"relu\",\"forward\":0.001,\"backward\":0.002},7,{\"forward\":-1}]}";

static const char *new_folder(const char *name)
{
    const char *folder = temp_path(name);
    assert_int_equal(mkdir(folder, 0777), 0);
    return folder;
}

static void put_in(const char *folder, const char *name, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    put_text(path, text);
}

static char *page_of(const char *folder)
{
    char path[4096];
    char *page = malloc(ROOM);
    assert_non_null(page);
    assert_int_equal(tp_report_write(folder), TP_OK);
    expect_no_error();
    snprintf(path, sizeof path, "%s/report.html", folder);
    page[get_file(path, (unsigned char *)page, ROOM - 1)] = 0;
    return page;
}

static void says(const char *page, const char *text)
{
    if (!strstr(page, text))
        fail_msg("the report does not say \"%s\"", text);
}

static void says_all(const char *page, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        says(page, texts[i]);
}

static void says_not(const char *page, const char *text)
{
    const char *at = strstr(page, text);
    if (at)
        fail_msg("the report says \"%.60s\"", at);
}

/* ---- For everybody: what can be told without a browser ----------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* Whether the tag that begins at text has the words in it. */
static bool tag_has(const char *text, const char *words)
{
    const char *end = strchr(text, '>'), *at = strstr(text, words);
    return at && end && at < end;
}

/* One h1, no level left out; each table's heads say what they head; pictures have names or are hidden; what scrolls can have the focus. */
static void tags_are_told(const char *page)
{
    int level = 0, first = 0;
    for (const char *at = strstr(page, "<body"); at; at = strchr(at + 1, '<')) {
        if (at[1] == 'h' && at[2] >= '1' && at[2] <= '6' && at[3] == '>') {
            if (at[2] - '0' > level + 1)
                fail_msg("after a heading of level %d comes %.40s", level, at);
            level = at[2] - '0';
            first += level == 1;
        }
        if (begins(at, "<th ") || begins(at, "<th>"))
            assert_true(tag_has(at, "scope=\"col\"") || tag_has(at, "scope=\"row\""));
        if (tag_has(at, "role=\"img\"") || tag_has(at, "role=\"region\""))
            assert_true(tag_has(at, "aria-label=\"") && !tag_has(at, "aria-label=\"\""));
        if (begins(at, "<svg") && !begins(at, "<svg x=") && !tag_has(at, "role=\"img\"") &&
            !tag_has(at, "aria-hidden=\"true\""))
            fail_msg("no name: %.60s", at);
        if (begins(at, "<div class=\"wide\"") &&
            !(tag_has(at, "tabindex=\"0\"") && tag_has(at, "role=\"region\"")))
            fail_msg("out of the keyboard's reach: %.60s", at);
        assert_false(begins(at, "<img"));
    }
    assert_int_equal(first, 1);
}

/* Tags that have to be closed are, in the order in which they were opened. */
static void tags_are_closed(const char *page)
{
    static const char *const alone[] = { "meta", "br", "image" };
    char open[64][16];
    int depth = 0;
    for (const char *at = strchr(page + 2, '<'); at; at = strchr(at + 1, '<')) {
        const bool closes = at[1] == '/';
        char name[16];
        snprintf(name, sizeof name, "%.*s", (int)strspn(at + 1 + closes, "abcdefghijklmnopqrstuvwxyz123456"),
                 at + 1 + closes);
        bool is_alone = false;
        for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
            is_alone |= !strcmp(name, alone[i]);
        const char *end = strchr(at, '>');
        assert_non_null(end);
        if (is_alone || end[-1] == '/')
            continue;
        if (!closes) {
            assert_true(depth < 64);
            strcpy(open[depth++], name);
        } else if (!depth || strcmp(open[--depth], name) != 0) {
            fail_msg("</%s> closes <%s>", name, depth >= 0 ? open[depth] : "nothing");
        }
        if (!closes && (!strcmp(name, "style") || !strcmp(name, "script")))
            at = strstr(at, "</") - 1;
    }
    assert_int_equal(depth, 0);
}

/* Contrast by WCAG 2.2: 4.5 for text, 3 for lines. */
static double luminance(unsigned colour)
{
    static const double weights[] = { 0.0722, 0.7152, 0.2126 };
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        const double x = (double)(colour >> 8 * i & 255) / 255;
        sum += weights[i] * (x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4));
    }
    return sum;
}

static unsigned colour_of(const char *rule, const char *name)
{
    char text[16];
    snprintf(text, sizeof text, "--%s:#", name);
    const char *at = strstr(rule, text);
    assert_non_null(at);
    at += strlen(text);
    const unsigned x = (unsigned)strtoul(at, NULL, 16);
    return strspn(at, "0123456789abcdef") == 3
               ? (x >> 8 & 15) * 0x110000 + (x >> 4 & 15) * 0x1100 + (x & 15) * 0x11
               : x;
}

static void stands_out(const char *rule, const char *name, unsigned ground, double least)
{
    const double a = luminance(colour_of(rule, name)), b = luminance(ground),
                 contrast = (fmax(a, b) + 0.05) / (fmin(a, b) + 0.05);
    if (contrast < least)
        fail_msg("--%s on #%06x: a contrast of %.2f, %g is wanted", name, ground, contrast, least);
}

static void colours_stand_out(const char *page)
{
    static const char *const rules[] = { ":root{color-scheme", "@media(prefers-color-scheme:dark){:root{",
                                         ".tp{font", "@media(prefers-color-scheme:dark){.tp{" };
    static const char *const texts[] = { "fg", "soft" }, *const grounds[] = { "bg", "panel", "best" };
    for (int i = 0; i < 4; i++) {
        const char *rule = strstr(page, rules[i]);
        assert_non_null(rule);
        for (int k = 0; k < 2; k++)
            for (int g = 0; g < (i < 2 ? 3 : 1); g++)
                stands_out(rule, texts[k], colour_of(rule, grounds[g]), 4.5);
        if (i < 2)
            stands_out(rule, "a", colour_of(rule, "bg"), 4.5);
        for (char name[] = "k1"; i >= 2 && name[1] <= '8'; name[1]++)
            stands_out(rule, name, colour_of(rule, "bg"), 3);
    }
}

/* The numbers in a confusion matrix, on their cells' shades. */
static void cells_can_be_read(const char *page)
{
    for (int dark = 0; dark < 2; dark++) {
        const char *rule = strstr(page, dark ? "@media(prefers-color-scheme:dark){.tp{" : ".tp{font");
        const unsigned ground = colour_of(rule, "bg");
        for (const char *at = page; (at = strstr(at, "\" stroke-opacity=\"")) != NULL; at++) {
            const char name[] = { 'k', at[-1], 0 };
            const double share = strtod(at + strlen("\" stroke-opacity=\""), NULL);
            const unsigned ink = colour_of(rule, name);
            unsigned mixed = 0;
            for (int i = 0; i < 24; i += 8)
                mixed |= (unsigned)lround(share * (ink >> i & 255) + (1 - share) * (ground >> i & 255)) << i;
            stands_out(rule, "fg", mixed, 4.5);
        }
    }
}

static void is_for_everybody(const char *page)
{
    const char *const texts[] = {
        "<html lang=\"en\">",     "<title>",      "name=\"viewport\"", "<header>", "<main>", "<footer>",
        ":focus-visible{outline", "@media print{"
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        says(page, texts[i]);
    tags_are_told(page);
    tags_are_closed(page);
    colours_stand_out(page);
    cells_can_be_read(page);
}

static void is_whole_and_alone(const char *page) /* nothing is fetched, nothing runs */
{
    is_for_everybody(page);
    says(page, "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
               "form-action "
               "'none'\">");
    says(page, "<!doctype html>");
    says(page, "</html>");
    says(page, "prefers-color-scheme:dark");
    const char *const never[] = { "<script", "<link", "@import", "url(", "http:",
                                  "https:",  "src=",  "<iframe", "nan",  "inf," };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        says_not(page, never[i]);
}

static void a_run_is_told_and_escaped(void **state)
{
    (void)state;
    need_json();
    const char *folder = new_folder("run one");
    put_in(folder, "config.json", config);
    put_in(folder, "metrics.jsonl", metrics);
    put_in(folder, "evaluation.json", evaluation);
    char *page = page_of(folder);
    is_whole_and_alone(page);
    const char *const texts[] = {
        "data/a &amp; b",
        "91.25\u202f%",
        "1 min 10 s",
        "2 of 3",
        "best test accuracy, epoch 2",
        "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;",
        "optim_options.nested.deep</th><td class=\"v\">true",
        "optim_options.lr</th><td class=\"v\">0.001",
        "list</th><td class=\"v\">7, 8",
        ">1234</text>",
        "98.7\u202f%",
        "99.7\u202f%",
        "no. 17",
        "No network: ",
        "Without their pictures: ",
        "Learning rate",
        "train: 0.9",
        "taper train --resume &#39;",
        "taper predict ",
    };
    says_all(page, texts, sizeof texts / sizeof *texts);
    free(page);
    page = page_of(folder); /* over the old one */
    says(page, "</html>");
    free(page);
}

static void layers_have_their_times(void **state)
{
    (void)state;
    need_json();
    const char *folder = new_folder("times");
    put_in(folder, "config.json", config);
    put_in(folder, "metrics.jsonl", metrics);
    put_in(folder, "layer_times.json", times);
    char *page = page_of(folder);
    is_whole_and_alone(page);
    const char *const texts[] = {
        "Step 3 of the training, a batch of 64: 4 ms forward, 6 ms backward",
        "<tr><th scope=\"row\">conv2d</th><td class=\"n\">2</td>",
        "<td class=\"n\">3.00</td><td class=\"n\">4.00</td>",
        "70.0\u202f%",
        "<tr><th scope=\"row\">a.conv</th><td>conv2d</td><td class=\"n\">2.50</td><td class=\"n\">3.50</td>",
        "&lt;relu&gt;",
        "Training examples a second",
        "value: 5120.5",
    };
    says_all(page, texts, sizeof texts / sizeof *texts);
    free(page);
    put_in(folder, "layer_times.json", "{\"layers\":{}}");
    page = page_of(folder);
    says(page, "No times of layers: layer_times.json has no layers.");
    free(page);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    need_json();
    const char *folder = new_folder("config_only");
    put_in(folder, "config.json", config);
    char *page = page_of(folder);
    is_whole_and_alone(page);
    says(page, "No curves: ");
    says(page, "No confusion matrix: ");
    says(page, "metrics.jsonl");
    free(page);

    folder = new_folder("metrics_only");
    put_in(folder, "metrics.jsonl", metrics);
    put_in(folder, "config.json", "[1, 2]");
    put_in(folder, "evaluation.json",
           "{\"confusion\": [1, {}, \"x\"], \"f1\": [[], null, {}], \"mistakes\": [3]}");
    page = page_of(folder);
    is_whole_and_alone(page);
    says(page, "No configuration: ");
    says(page, "an object is wanted");
    free(page);
}

static void a_regression_has_no_confusion(void **state)
{
    (void)state;
    need_json();
    const char *folder = new_folder("regression");
    put_in(folder, "config.json", "{\"model\":\"mlp\",\"data\":\"x.csv\"}");
    put_in(folder, "metrics.jsonl",
           "{\"epoch\":1,\"lr\":0,\"train_loss\":3,\"train_accuracy\":null,\"test_loss\":2.5,"
           "\"test_accuracy\":null,\"seconds\":0.5,\"is_best\":true}\n");
    put_in(folder, "evaluation.json", "{\"classes\":0,\"loss\":2.5,\"accuracy\":null}");
    char *page = page_of(folder);
    is_whole_and_alone(page);
    says(page, "best test loss");
    says(page, ">2.5</div>");
    says_not(page, "onfusion");
    says_not(page, "Accuracy");
    free(page);
}

static void many_classes_show_their_worst_pairs(void **state)
{
    (void)state;
    need_json();
    const char *folder = new_folder("many");
    char *text = malloc(ROOM);
    assert_non_null(text);
    int at = snprintf(text, ROOM, "{\"accuracy\":0.5,\"confusion\":[");
    for (int t = 0; t < 30; t++)
        for (int a = 0; a < 30; a++)
            at += snprintf(text + at, (size_t)(ROOM - at), "%s%d%s",
                           a   ? ","
                           : t ? ",["
                               : "[",
                           t == 3 && a == 29 ? 77 : 1, a == 29 ? "]" : "");
    snprintf(text + at, (size_t)(ROOM - at), "]}");
    put_in(folder, "evaluation.json", text);
    free(text);
    char *page = page_of(folder);
    is_whole_and_alone(page);
    says(page, "<tr><th scope=\"row\">3</th><td>29</td><td class=\"n\">77</td>");
    says_not(page, "aria-label=\"Confusion matrix\"");
    free(page);
}

static void what_is_no_run_fails(void **state)
{
    (void)state;
    assert_int_equal(tp_report_write(NULL), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "run folder");
    tp_report_write(temp_path("nosuch"));
    expect_error(TP_ERR_IO, "holds no run");
    tp_report_write(new_folder("empty"));
    expect_error(TP_ERR_IO, "holds no run");
}

/* ---- A run that learned ------------------------------------------------------------------------------------------ */

static void a_run_that_learned_is_told_whole(void **state)
{
    (void)state;
    need_json();
    const char *folder = temp_path("learned");
    tp_train_config c = {
        .model = "lenet5", .data = small_mnist(48, 32), .out = folder, .epochs = 2, .batch_size = 16
    };
    c.augment = "affine=10:0.1";
    assert_int_equal(tp_train_run(&c, NULL, NULL, NULL), TP_OK);
    char *page = page_of(folder);
    for (char *at = page; (at = strstr(at, "base64,")) != NULL;) { /* any letters may stand there */
        at += strlen("base64,");
        const size_t n = strcspn(at, "\"");
        memmove(at, at + n, strlen(at + n) + 1);
    }
    is_whole_and_alone(page);
    const char *const texts[] = {
        "<dt>Memory of a step</dt>",
        "A training step on a batch of 16 holds up to ",
        "<th scope=\"row\" class=\"k\">Compiler</th>",
        tp_processor(),
        "<h2>As the training saw them</h2>",
        "aria-label=\"Test example ",
        "<summary>The same in numbers</summary>",
        "taper train lenet5 \\\n  data=",
        "augment=affine=10:0.1 \\\n",
        "out=",
    };
    says_all(page, texts, sizeof texts / sizeof *texts);
    says_not(page, "Not known: ");
    free(page);
}

/* ---- Several runs ------------------------------------------------------------------------------------------------- */

static const char *run_of(const char *name, const char *config_text, const char *metrics_text)
{
    const char *folder = new_folder(name);
    put_in(folder, "config.json", config_text);
    put_in(folder, "metrics.jsonl", metrics_text);
    return folder;
}

static void says_once(const char *page, const char *text)
{
    says(page, text);
    assert_null(strstr(strstr(page, text) + 1, text));
}

static void runs_stand_side_by_side(void **state)
{
    (void)state;
    need_json();
    const char *path = temp_path("compared.html");
    const char *folders[] = {
        run_of("first", config, metrics),
        run_of("<second>",
               "{\"model\":\"lenet5\",\"data\":\"data/a & b\",\"epochs\":5,\"optim_options\":{\"lr\":0.01}}",
               "{\"epoch\":1,\"test_loss\":0.2,\"test_accuracy\":0.95,\"seconds\":3900,\"is_best\":true}\n{"
               "\"epo"),
        run_of(
            "text", "{\"model\":\"char-lm\",\"data\":\"book.txt\"}",
            "{\"epoch\":1,\"train_loss\":1.5,\"test_loss\":0.1,\"test_accuracy\":0.99,\"is_best\":true}\n"),
        run_of("begun", "{\"model\":\"lenet5\",\"data\":\"data/a & b\"}", ""),
    };
    char *page = malloc(ROOM);
    assert_non_null(page);
    assert_int_equal(tp_report_compare(folders, 4, path), TP_OK);
    expect_no_error();
    page[get_file(path, (unsigned char *)page, ROOM - 1)] = 0;
    is_for_everybody(page);
    says(page, "<h1>4 runs compared</h1>");
    says(page, "<p class=\"missing\">begun: metrics.jsonl is empty</p>");
    says_once(page, "<script>");
    says(page, "script-src 'sha256-");
    says(page, "<th scope=\"row\">&lt;second&gt;</th><td>lenet5</td><td class=\"n best\" "
               "data-v=\"0.94999999999999996\">");
    says(page, "<td class=\"n\" data-v=\"0.91249999999999998\">91.25\u202f%</td>");
    says(page, "data-v=\"3900\">1 h 05 min");
    says(
        page,
        "<td class=\"n\" data-v=\"0.98999999999999999\">"); /* the language's figure stands beside nobody's */
    says(page, "<h3>Task: classes</h3>");
    says(page, "<h3>Task: language</h3>");
    says(page,
         "optim_options.lr</th><td class=\"v\">0.001</td><td class=\"v\">0.01</td><td class=\"v\">–</td>");
    const char *const never[] = { "http:", "https:", "<link", "@import", "url(", "src=\"", "nan" };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        says_not(page, never[i]);
    free(page);
}

static void what_cannot_be_compared_fails(void **state)
{
    (void)state;
    need_json();
    const char *one = run_of("one", config, metrics), *folders[] = { one, temp_path("nosuch") };
    const char *path = temp_path("never.html");
    tp_report_compare(folders, 1, path);
    expect_error(TP_ERR_ARGUMENT, "1 runs, 2 to 64");
    tp_report_compare(NULL, 2, path);
    expect_error(TP_ERR_ARGUMENT, "2 to 64");
    tp_report_compare(folders, 2, path);
    expect_error(TP_ERR_IO, "nosuch holds no run");
    folders[1] = one; /* the same twice: by their paths, and nothing differs */
    assert_int_equal(tp_report_compare(folders, 2, path), TP_OK);
    tp_report_compare(folders, 2, temp_path("nowhere/x.html"));
    expect_error(TP_ERR_IO, "nowhere/x.html");
}

static const char *failing_folder, *failing_page;
static void write_it(void)
{
    tp_report_write(failing_folder);
}

static void compare_it(void)
{
    const char *folders[] = { failing_folder, failing_folder };
    tp_report_compare(folders, 2, failing_page);
}

static void without_memory_there_is_an_error_or_a_report(void **state)
{
    (void)state;
    need_json();
    failing_folder = new_folder("failing");
    failing_page = temp_path("failing.html");
    put_in(failing_folder, "config.json", config);
    put_in(failing_folder, "metrics.jsonl", metrics);
    put_in(failing_folder, "evaluation.json", evaluation);
    put_in(failing_folder, "layer_times.json", times);
    with_failing_allocations(write_it);
    with_failing_allocations(compare_it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_told_and_escaped),
        cmocka_unit_test(layers_have_their_times),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(a_regression_has_no_confusion),
        cmocka_unit_test(many_classes_show_their_worst_pairs),
        cmocka_unit_test(what_is_no_run_fails),
        cmocka_unit_test(a_run_that_learned_is_told_whole),
        cmocka_unit_test(runs_stand_side_by_side),
        cmocka_unit_test(what_cannot_be_compared_fails),
        cmocka_unit_test(without_memory_there_is_an_error_or_a_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
