/* test_bad_csv.c - malformed tables: each is an error that names line and column.
 *
 * Layer: tests.  Read next: data/csv_table.c, data/csv.c. */
#include "support/files.h"

#include "data/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tp_dataset *parse(const char *text, size_t size, tp_csv_options o)
{
    file_bytes bytes = { 0 };
    o.struct_size = sizeof o;
    file_bytes_append(&bytes, text, size);
    tp_dataset *d = csv_from("f.csv", &bytes, &o);
    assert_null(bytes.data);
    return d;
}

static const struct {
    const char *text;
    tp_csv_options options;
    tp_status status; /* TP_OK: it is read */
    const char *piece;
} cases[] = {
    { "a,b\n1,2\n", { 0 }, TP_OK, "" },
    { "1,2", { 0 }, TP_OK, "" },
    { "\"a\",\"b,\"\"\n\"\n1,2\r\n", { 0 }, TP_OK, "" },
    { "", { 0 }, TP_ERR_FORMAT, "f.csv: line 1: no rows" },
    { "\n\r\n  \n", { 0 }, TP_ERR_FORMAT, "line 1: no rows" },
    { "a,b\n", { .header = 1 }, TP_ERR_FORMAT, "line 1: no rows after the header" },
    { "1\n2\n", { 0 }, TP_ERR_FORMAT, "one column, a target and features are wanted (delimiter ',')" },
    { "1|2\n3|4\n", { 0 }, TP_ERR_FORMAT, "one column" },
    { "1|2\n3|4\n", { .delimiter = '|' }, TP_OK, "" },
    { "1,2\n3,4,5\n", { 0 }, TP_ERR_FORMAT, "line 2: 3 cells, 2 are wanted as in line 1" },
    { "1,2\n3,4\n5\n", { 0 }, TP_ERR_FORMAT, "line 3: 1 cells, 2 are wanted as in the lines before" },
    { "1,2\n\n\n3,4\n5,6,\n", { 0 }, TP_ERR_FORMAT, "line 5: 3 cells, 2 are wanted" },
    { "1,2\n\"a\nb\",4\n5\n", { 0 }, TP_ERR_FORMAT, "line 4: 1 cells" },
    { "1,2\n\"3,4\n5,6\n", { 0 }, TP_ERR_FORMAT, "line 2: a quote that is never closed" },
    { "1,2\n\"3\"x,4\n", { 0 }, TP_ERR_FORMAT, "line 2: text after a closing quote in cell 1" },
    { "1,2\n3,\n", { 0 }, TP_ERR_FORMAT, "line 2: the cell in column 1 is missing" },
    { "1,2\n?,4\n", { 0 }, TP_ERR_FORMAT, "line 2: the cell in column 0 is missing ('?')" },
    { "a,b\n1,2\nNA,4\n", { 0 }, TP_ERR_FORMAT, "line 3: the cell in column 0 is missing ('NA')" },
    { "1,2\nnan,4\n", { 0 }, TP_ERR_FORMAT, "missing ('nan')" },
    { "1,2\n1e999,4\n", { .target = "1" }, TP_OK, "" }, /* a text, like any other that is no number */
    { "1,2\n1e39,4\n", { 0 }, TP_ERR_FORMAT, "line 2: '1e39' in column 0 does not fit into a float" },
    { "1,2.5\n3,4\n",
      { 0 },
      TP_ERR_FORMAT,
      "line 1: class 2.5 in column 1 is no whole number: a regression's target?" },
    { "1,2\n3,x\n", { .regression = true }, TP_ERR_FORMAT, "line 2: 'x' in column 1, a number is wanted" },
    { "1,2\n3,1e300\n", { .regression = true }, TP_ERR_FORMAT, "line 2: target 1e+300 does not fit" },
    { "a,b\n1,2\n",
      { .target = "c" },
      TP_ERR_ARGUMENT,
      "no column 'c'; a name in the first row or a number from 0 to 1" },
    { "1,2\n3,4\n",
      { .target = "2" },
      TP_ERR_ARGUMENT,
      "no column '2'; a number from 0 to 1 is wanted (there is no header)" },
    { "1,2\n3,4\n", { .target = "-1" }, TP_ERR_ARGUMENT, "no column '-1'" },
    { "1,2\n3,4\n", { .target = "0.5" }, TP_ERR_ARGUMENT, "no column '0.5'" },
    { "\xff\xfe"
      "1",
      { 0 },
      TP_ERR_UNSUPPORTED,
      "UTF-16 text, save it as UTF-8" },
    { "\x1f\x8b"
      "1",
      { 0 },
      TP_ERR_FORMAT,
      "f.csv: byte " },
};

static void every_case_is_the_error_it_should_be(void **state)
{
    (void)state;
    need_gzip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        tp_dataset *d = parse(cases[i].text, strlen(cases[i].text), cases[i].options);
        if ((d != NULL) != (cases[i].status == TP_OK))
            fail_msg("%s: %s", d ? "this is taken" : tp_error_message(), cases[i].text);
        expect_error(cases[i].status, cases[i].piece);
    }
    assert_null(parse("1,\0002\n", 5, (tp_csv_options){ 0 }));
    expect_error(TP_ERR_FORMAT, "f.csv: byte 2: a zero byte, not a CSV text");
    assert_null(tp_csv("tests", .delimiter = ';'));
    expect_error(TP_ERR_IO, "tests: is a folder");
    assert_null(tp_csv("tests", .delimiter = '"'));
    expect_error(TP_ERR_ARGUMENT, "a quote or a newline cannot be the delimiter");
}

/* One broken number in a column must not become a thousand features without a word. */
static void a_column_of_too_many_texts_is_an_error(void **state)
{
    (void)state;
    char *text = malloc(100000), *p = text;
    for (int i = 0; i < 2000; i++)
        p += sprintf(p, i == 700 ? "inf,%d\n" : "%d.5,%d\n", i, i % 2);
    assert_null(parse(text, (size_t)(p - text), (tp_csv_options){ 0 }));
    expect_error(TP_ERR_FORMAT,
                 "line 701: 'inf' in column 0 is no number, and 2000 distinct texts are too many");
    free(text);
}

static void too_many_classes_are_an_error(void **state)
{
    (void)state;
    char *text = malloc(100000), *p = text;
    for (int i = 0; i < 2000; i++)
        p += sprintf(p, "%d,%d\n", i % 2, i);
    assert_null(parse(text, (size_t)(p - text), (tp_csv_options){ 0 }));
    expect_error(TP_ERR_FORMAT, "column 1 has 2000 distinct numbers as classes");
    free(text);
}

static void cut_and_changed_tables_do_no_harm(void **state)
{
    (void)state;
    char text[] = "size,\"co\"\"l\",kind\r\n1.5,red,dog\r\n-2e1,\"dark, blue\",cat\n\n.5,red,dog\n";
    for (size_t cut = 0; cut < sizeof text; cut++)
        for (int delimiter = 0; delimiter < 2; delimiter++) {
            TP_SCOPE;
            parse(text, cut, (tp_csv_options){ .delimiter = delimiter ? ' ' : 0 });
            tp_error_take(NULL, 0);
        }
    static const char bytes[] = "\",\n\r \t;0\\";
    for (size_t i = 0; i + 1 < sizeof text; i++)
        for (size_t k = 0; k + 1 < sizeof bytes; k++) {
            TP_SCOPE;
            char before = text[i];
            text[i] = bytes[k];
            parse(text, sizeof text - 1, (tp_csv_options){ 0 });
            tp_error_take(NULL, 0);
            text[i] = before;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_the_error_it_should_be),
        cmocka_unit_test(a_column_of_too_many_texts_is_an_error),
        cmocka_unit_test(too_many_classes_are_an_error),
        cmocka_unit_test(cut_and_changed_tables_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
