/* test_report.c - report.html from run folders made by hand: what it says, what it escapes, that it asks nobody.
 *
 * The folders hold JSON only; what needs weights must leave a line that says why.
 * Layer: tests.  Depends on train.h, support/files.h.  Read next: ../src/train/report.c. */
#include "support/files.h"

#include <taper/train.h>

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

static void is_whole_and_alone(const char *page) /* nothing is fetched, nothing runs */
{
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
        "<tr><th scope=\"row\">conv2d</th><td class=\"n\">2</td><td class=\"n\">3.00</td><td "
        "class=\"n\">4.00</td>",
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

static const char *failing_folder;
static void write_it(void)
{
    tp_report_write(failing_folder);
}

static void without_memory_there_is_an_error_or_a_report(void **state)
{
    (void)state;
    need_json();
    failing_folder = new_folder("failing");
    put_in(failing_folder, "config.json", config);
    put_in(failing_folder, "metrics.jsonl", metrics);
    put_in(failing_folder, "evaluation.json", evaluation);
    put_in(failing_folder, "layer_times.json", times);
    with_failing_allocations(write_it);
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
        cmocka_unit_test(without_memory_there_is_an_error_or_a_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
