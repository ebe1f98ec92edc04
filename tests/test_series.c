/* test_series.c - tables of values in time: dates, columns, what is missing, parts without a leak, windows; the pinball loss; a run.
 *
 * Layer: tests.  Read next: test_data.c, data/series.c. */
#include "support/files.h"

#include "base/date.h"
#include "base/utf8.h"
#include "core/tensor.h"
#include "data/series.h"
#include "train/forecast.h"
#include "train/run.h"
#include "train/task.h"

#include <taper/train.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- dates ------------------------------------------------------------------------------------------------------------ */

static void dates_are_read_and_written(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int64_t seconds; /* as Python's datetime has them */
        date_unit unit;
        int weekday;
    } dates[] = { { "1970-01-01", 0, DATE_DAY, 3 },
                  { "1949-01", -662688000, DATE_MONTH, 5 },
                  { "2016-02-29 13:05", 1456751100, DATE_MINUTE, 0 },
                  { "1600-03-01 00:00:01", -11670911999, DATE_SECOND, 2 },
                  { "2100-12-31 23:59:59", 4133980799, DATE_SECOND, 4 },
                  { "1749", -6974035200, DATE_YEAR, 2 } };
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        date d;
        date_unit unit;
        char again[40];
        assert_true(date_read(dates[i].text, &d, &unit));
        assert_int_equal(date_seconds(d), dates[i].seconds);
        assert_int_equal(unit, dates[i].unit);
        assert_int_equal(date_weekday(d), dates[i].weekday);
        date_write(date_of_seconds(dates[i].seconds), unit, again, sizeof again);
        assert_string_equal(again, dates[i].text);
    }
    static const char *const none[] = { "",
                                        "12",
                                        "1949-13",
                                        "1949-00",
                                        "2015-02-29",
                                        "1949-01-1",
                                        "1949-1",
                                        "1949_01",
                                        "2016-07/01",
                                        "2016-07-01 24:00",
                                        "2016-07-01 1:00",
                                        "a949-01",
                                        "2016-07-01x",
                                        "19490",
                                        "2016-07-01 10:60",
                                        "2016-07-01 10:20:61" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        date d;
        date_unit unit;
        assert_false(date_read(none[i], &d, &unit));
    }
}

/* ---- tables ------------------------------------------------------------------------------------------------------------ */

static tp_dataset *table_from(const char *text, tp_part part, tp_series_options o)
{
    o.struct_size = sizeof o;
    put_text(temp_path("series.csv"), text);
    return tp_series_opt(temp_path("series.csv"), part, &o);
}

/* Twenty months, two columns of values; b is the target; a cell of each is missing. */
static const char *table(void)
{
    static char text[2000];
    strcpy(text, "\xef\xbb\xbf\"Month\",a,\"b\"\r\n");
    for (int i = 0; i < 20; i++) {
        sprintf(text + strlen(text), "\"%d-%02d\",", 2000 + i / 12, i % 12 + 1);
        sprintf(text + strlen(text), i == 4 ? "," : "%d,", 10 * i);
        sprintf(text + strlen(text), i == 7 || i == 8 ? "NA\r\n" : "%d\r\n", i * i);
    }
    return text;
}

static void windows_and_what_comes_after(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_dataset *d = table_from(table(), TP_TRAIN, (tp_series_options){ .window = 3, .horizon = 2 });
    expect_no_error();
    const series *s = series_of(d);
    assert_int_equal(s->train_rows, 16);
    assert_int_equal(tp_dataset_count(d), 16 - 2 - 2);              /* windows end with rows 2 to 13 */
    assert_string_equal(shape_text(tp_dataset_shape(d)), "(3, 5)"); /* a, b, b from the last, month */
    assert_int_equal(tp_dataset_targets(d), 2);
    assert_true(s->season == 12 && !s->by_season);
    double b[16], mean = 0, squares = 0; /* 7 and 8 lie between 36 and 81 */
    for (int i = 0; i < 16; i++)
        mean += (b[i] = i == 7 ? 51 : i == 8 ? 66 : i * i) / 16;
    for (int i = 0; i < 16; i++)
        squares += pow(b[i] - mean, 2);
    const double std = sqrt(squares / 16);
    assert_true(fabs(s->columns[1].mean - mean) < 1e-9 && fabs(s->columns[1].std - std) < 1e-9);
    float x[15];
    double y[2];
    assert_int_equal(tp_dataset_get(d, 4, x, y), TP_OK);                                    /* rows 4, 5, 6 */
    assert_true(fabs((double)x[0] - (40 - s->columns[0].mean) / s->columns[0].std) < 1e-6); /* filled in */
    assert_true(fabs((double)x[6] - (25 - mean) / std) < 1e-6 && fabs((double)x[7] - (25 - 36) / std) < 1e-6);
    assert_true(fabs((double)x[8] - sin(M_PI / 3 * 5 / 2)) < 1e-6 &&
                fabs((double)x[9] - cos(M_PI / 3 * 5 / 2)) < 1e-6);
    assert_true(fabs(y[0] - (51 - 36) / std) < 1e-9 && fabs(y[1] - (66 - 36) / std) < 1e-9);

    tp_dataset *test = table_from(table(), TP_TEST, (tp_series_options){ .window = 3, .horizon = 2 });
    assert_int_equal(tp_dataset_count(test), 3); /* after rows 15, 16, 17 */
    assert_int_equal(tp_dataset_get(test, 0, x, y), TP_OK);
    assert_true(fabs(y[0] - (256 - 225) / std) < 1e-9);
    char when[40];
    series_date_after(series_of(test), 6, when, sizeof when);
    assert_string_equal(when, "2002-02");
}

/* Other values in the test part: the training part is the same to the bit. */
static void nothing_of_the_test_part_is_learned(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static char text[2000];
    strcpy(text, table());
    memcpy(strstr(text, "150,225"), "150, NA", 7); /* the training part's last row */
    tp_series_options o = { .window = 3, .horizon = 2 };
    tp_dataset *d = table_from(text, TP_TRAIN, o);
    strcpy(strstr(text, "\"2001-05\""),
           "\"2001-05\",9,9\n\"2001-06\",-5000,9999\n\"2001-07\",1,2\n\"2001-08\",3,4\n");
    tp_dataset *other = table_from(text, TP_TRAIN, o);
    expect_no_error();
    assert_int_equal(tp_dataset_count(d), tp_dataset_count(other));
    for (int64_t i = 0; i < tp_dataset_count(d); i++) {
        float x[2][15];
        double y[2][2];
        tp_dataset_get(d, i, x[0], y[0]);
        tp_dataset_get(other, i, x[1], y[1]);
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        assert_memory_equal(y[0], y[1], sizeof y[0]);
    }
}

/* A gap over the border: a line once both of its sides are known, the value before it until then. */
static void what_is_missing_is_filled_in(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char text[400] = "v\n";
    for (int i = 0; i < 20; i++)
        sprintf(text + strlen(text), (i >= 14 && i < 17) || i == 19 || i == 4 || i == 0 ? "NA\n" : "%d\n",
                i * i);
    for (int linear = 0; linear < 2; linear++) {
        const series *s = series_of(
            table_from(text, TP_TEST,
                       (tp_series_options){ .window = 2, .horizon = 2, .missing = linear ? NULL : "last" }));
        expect_no_error();
        assert_int_equal(s->train_rows, 16);
        assert_true(series_value(s, 0, 0, 15) == 1); /* nothing is before it */
        assert_true(series_value(s, 4, 0, 4) == 9 && series_value(s, 4, 0, 5) == (linear ? 17 : 9));
        for (int row = 14; row < 17; row++) {
            assert_true(series_value(s, row, 0, 16) == 169);
            assert_true(series_value(s, row, 0, 17) == (linear ? 169 + 30 * (row - 13) : 169));
        }
        assert_true(series_value(s, 19, 0, 19) == 324);
        for (int i = 0; i < 20; i++)
            assert_int_equal(series_has(s, i, 0), !((i >= 14 && i < 17) || i == 19 || i == 4 || i == 0));
    }
}

/* A table of three columns, a third of whose cells are missing; from the row on that is named, all of them are others. */
static void put_table(char *text, int from)
{
    unsigned state = 11, other = 5;
    strcpy(text, "date,a,b,c\n");
    for (int i = 0; i < 60; i++) {
        sprintf(text + strlen(text), "2000-%02d-%02d", 1 + i / 20, 1 + i % 20);
        for (int k = 0; k < 3; k++) {
            state = state * 1664525u + 1013904223u;
            other = other * 22695477u + 1u;
            const unsigned cell = i >= from ? other >> 16 : state >> 16;
            sprintf(text + strlen(text), cell % 3 || i == 0 ? ",%u" : ",", cell % 1000);
        }
        strcat(text, "\n");
    }
}

/* Window by window: whatever comes after it, present or missing, neither it nor what its targets are compared with is another. */
static void no_window_knows_what_comes_after_it(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static char text[8000];
    for (int level = 0; level < 2; level++) {
        const tp_series_options o = { .window = 6,
                                      .horizon = 4,
                                      .target = "a,c",
                                      .season = 3,
                                      .level = level ? "season" : "last",
                                      .scaling = "a=500/300,b=500/300,c=500/300" };
        put_table(text, 60);
        const series *s = series_of(table_from(text, TP_TEST, o));
        expect_no_error();
        assert_int_equal(s->features, 9);
        for (int last = 5; last < 59; last++) {
            TP_SCOPE;
            float x[2][6 * 9];
            put_table(text, last + 1);
            const series *other = series_of(table_from(text, TP_TEST, o));
            expect_no_error();
            series_window(s, last, x[0]);
            series_window(other, last, x[1]);
            assert_memory_equal(x[0], x[1], sizeof x[0]);
            for (int64_t h = 1; h <= 4; h++)
                for (int64_t k = 0; k < 2; k++)
                    assert_true(series_base(s, last, h, k) == series_base(other, last, h, k));
        }
    }
}

/* Dates of a row and of the rows that come after the last one; pandas.date_range has the same. */
static void rows_go_on_as_the_dates_do(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static const struct {
        const char *dates[4], *next[2];
        int64_t season, calendar;
    } cases[] = {
        { { "2000-01", "2000-02", "2000-03", "2000-04" }, { "2000-05", "2000-06" }, 12, 2 },
        { { "2000-01", "2000-04", "2000-07", "2000-10" }, { "2001-01", "2001-04" }, 4, 2 },
        { { "2000-01-01", "2000-04-01", "2000-07-01", "2000-10-01" }, { "2001-01-01", "2001-04-01" }, 4, 2 },
        { { "1999-10-31", "1999-11-30", "1999-12-31", "2000-01-31" }, { "2000-02-29", "2000-03-31" }, 12, 2 },
        { { "1999-11-30", "1999-12-31", "2000-01-31", "2000-02-29" }, { "2000-03-31", "2000-04-30" }, 12, 2 },
        { { "1990", "1991", "1992", "1993" }, { "1994", "1995" }, 1, 0 },
        { { "2000-02-07", "2000-02-14", "2000-02-21", "2000-02-28" }, { "2000-03-06", "2000-03-13" }, 1, 4 },
        { { "2000-02-25", "2000-02-26", "2000-02-27", "2000-02-28" }, { "2000-02-29", "2000-03-01" }, 7, 4 },
        { { "2000-02-28 00:00", "2000-02-28 08:00", "2000-02-28 16:00", "2000-02-29 00:00" },
          { "2000-02-29 08:00", "2000-02-29 16:00" },
          3,
          6 },
        { { "2000-02-26T00:00:00", "2000-02-27T00:00:00", "2000-02-28T00:00:00", "2000-02-29T00:00:00" },
          { "2000-03-01 00:00:00", "2000-03-02 00:00:00" },
          7,
          4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400] = "t,v\n", when[40];
        for (int row = 0; row < 4; row++)
            sprintf(text + strlen(text), "%s,%d\n", cases[i].dates[row], row);
        const series *s =
            series_of(table_from(text, TP_TRAIN, (tp_series_options){ .window = 2, .horizon = 1 }));
        expect_no_error();
        assert_int_equal(s->season, cases[i].season);
        assert_int_equal(s->calendar, cases[i].calendar);
        for (int h = 1; h <= 2; h++) {
            series_date_after(s, h, when, sizeof when);
            assert_string_equal(when, cases[i].next[h - 1]);
        }
    }
    const series *s = series_of(table_from("bar,v\n1013,1\n1012,2\n1013,3\n1015,4\n", TP_TRAIN,
                                           (tp_series_options){ .window = 2, .horizon = 1 }));
    expect_no_error();
    assert_true(!s->times && s->n_columns == 2);
}

/* Without dates: a season of 30 rows in noise over a slope is found; noise, a slope and a constant have none. */
static void a_season_is_found_in_the_values(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static char text[1 << 14];
    for (int kind = 0; kind < 4; kind++) {
        unsigned state = 7;
        strcpy(text, "v\n");
        for (int i = 0; i < 600; i++) {
            const double noise = ((state = state * 1664525u + 1013904223u) >> 20) / 4096.0 - 0.5,
                         season = sin(2 * M_PI * i / 30);
            sprintf(text + strlen(text), "%.4f\n",
                    kind == 0   ? 5 + 0.02 * i + 2 * season + 2 * noise
                    : kind == 1 ? noise
                    : kind == 2 ? 7.1 + 0.3 * i
                                : 7.1);
        }
        const series *s = series_of(table_from(text, TP_TRAIN, (tp_series_options){ .window = 2 }));
        expect_no_error();
        assert_int_equal(s->season, kind ? 1 : 30);
    }
}

/* Names with commas, of several bytes a character and too long, of no UTF-8: a run keeps them, and knows its own file again. */
static void any_name_of_a_column_is_kept(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static const char *const names[] = {
        "\"Temperature in Melbourne, Australia\"", "a=1/2", "Temp in \xb0",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xa9x"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[400], scaling[2][400];
        snprintf(text, sizeof text, "a,%s\n1,2\n2,3\n3,5\n4,6\n5,6\n", names[i]);
        tp_series_options o = { .window = 2, .horizon = 1 };
        const series *s = series_of(table_from(text, TP_TRAIN, o));
        expect_no_error();
        assert_int_equal(series_scaling(s, scaling[0], sizeof scaling[0]), TP_OK);
        for (const char *p = s->columns[1].name, *end = p + strlen(p); p < end;) {
            uint32_t code;
            const size_t n = utf8_read((const unsigned char *)p, (size_t)(end - p), &code);
            assert_true(n > 0);
            p += n;
        }
        o.scaling = scaling[0];
        o.target = i ? "1" : "Temperature in Melbourne, Australia";
        s = series_of(table_from(text, TP_TRAIN, o));
        expect_no_error();
        series_scaling(s, scaling[1], sizeof scaling[1]);
        assert_string_equal(scaling[0], scaling[1]);
        assert_true(s->columns[1].is_target);
    }
}

static void options_say_what_is_read(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const series *s = series_of(
        table_from(table(), TP_TRAIN,
                   (tp_series_options){
                       .window = 2, .horizon = 1, .missing = "last", .columns = "b", .no_calendar = true }));
    expect_no_error();
    assert_true(s->features == 2 && series_value(s, 7, 0, 15) == 36 && series_value(s, 8, 0, 15) == 36);
    tp_dataset *both =
        table_from(table(), TP_TRAIN, (tp_series_options){ .window = 2, .horizon = 3, .target = "b, a" });
    assert_int_equal(tp_dataset_targets(both), 6);
    s = series_of(
        table_from(table(), TP_TRAIN,
                   (tp_series_options){ .window = 2, .horizon = 1, .level = "season", .season = 4 }));
    assert_true(s->by_season && s->first == 3);
    assert_true(series_base(s, 5, 1, 0) == 4); /* row 6, and 4 before it is row 2 */
    char scaling[200];
    assert_int_equal(series_scaling(s, scaling, sizeof scaling), TP_OK);
    s = series_of(
        table_from(table(), TP_TEST,
                   (tp_series_options){ .window = 2, .horizon = 1, .scaling = "a=1/2,b=-3.5/4e-1" }));
    assert_true(s->columns[0].mean == 1 && s->columns[1].mean == -3.5 && s->columns[1].std == 0.4);
    s = series_of(
        table_from("7\n7\n7\n7\n7\n7\n7\n7\n", TP_TRAIN, (tp_series_options){ .window = 2, .horizon = 1 }));
    expect_no_error();
    assert_true(s->columns[0].std == 1 && !s->times && s->features == 2);
    static char hours[4000];
    strcpy(hours, "t,v\n");
    for (int i = 0; i < 100; i++)
        sprintf(hours + strlen(hours), "2020-01-%02dT%02d:00,%d\n", 1 + i / 24, i % 24, i % 24 * (i % 24));
    s = series_of(table_from(hours, TP_TRAIN, (tp_series_options){ .window = 2, .horizon = 1 }));
    expect_no_error();
    assert_true(s->seconds == 3600 && s->season == 24 && s->by_season && s->calendar == 6);
}

static void what_is_no_series(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const tp_series_options o = { .window = 2, .horizon = 1 };
    table_from("t,v\n2000-01,1\n2000-02,2\n2000-02,3\n", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "series.csv: line 4: 2000-02 does not come after 2000-02");
    table_from("t,v\n2000-01,1\n1999-12,2\n2000-02,3\n", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "line 3: 1999-12 does not come after 2000-01");
    table_from("t,v\n2000-01,1\n2000-02,two\n", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "line 3: 'two' in column 'v' is no number");
    table_from("t,v\n2000-01,1\n2000-02,1e999\n", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "line 3: '1e999' in column 'v' is no number");
    table_from("t,v\n2000-01,1\nsoon,2\n", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "line 3: 'soon' is no date");
    table_from("t,v\n2000-01,1\n2000-02\n2000-03,1\n", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "line 3");
    table_from("t,v\n2000-01,\n2000-02,NA\n2000-03,\n", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "column 'v' has no values");
    table_from(table(), TP_TRAIN, (tp_series_options){ .window = 2, .horizon = 1, .missing = "error" });
    expect_error(TP_ERR_FORMAT, "line 6: '' in column 'a' is missing");
    table_from(table(), TP_TRAIN, (tp_series_options){ .window = 15, .horizon = 2 });
    expect_error(TP_ERR_FORMAT,
                 "20 rows, of which the training part has 16: too few for a window of 15 and 2 ahead");
    table_from(table(), TP_TEST, (tp_series_options){ .window = 3, .horizon = 5 });
    expect_error(TP_ERR_FORMAT, "the test part has 4");
    table_from(table(), TP_TRAIN, (tp_series_options){ .target = "c" });
    expect_error(TP_ERR_ARGUMENT, "no column 'c'");
    table_from(table(), TP_TRAIN, (tp_series_options){ .columns = "a,c" });
    expect_error(TP_ERR_ARGUMENT, "no column 'c'");
    table_from(table(), TP_TRAIN, (tp_series_options){ .missing = "zero" });
    expect_error(TP_ERR_ARGUMENT, "series: missing 'zero', linear, last or error is wanted");
    table_from(table(), TP_TRAIN, (tp_series_options){ .scaling = "a=1/2" });
    expect_error(TP_ERR_FORMAT, "the columns are not those of the scaling 'a=1/2'");
    table_from(table(), TP_TRAIN, (tp_series_options){ .scaling = "a=1/2,b=1/2,c=1/2" });
    expect_error(TP_ERR_FORMAT, "the columns are not those of the scaling");
    table_from(table(), TP_TRAIN, (tp_series_options){ .scaling = "a=1/0,b=1/1" });
    expect_error(TP_ERR_FORMAT, "the columns are not those of the scaling");
    table_from(table(), TP_TRAIN, (tp_series_options){ .test_share = -0.1 });
    expect_error(TP_ERR_ARGUMENT, "test_share -0.1: 1 or more, and a share in (0, 1) are wanted");
    table_from(table(), TP_TRAIN, (tp_series_options){ .season = INT64_MAX });
    expect_error(TP_ERR_ARGUMENT, "season 9223372036854775807");
    table_from("v\n\n\n?\n?\n?\n?\n5\n", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "column 'v' has no values in the training part");
    table_from("", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "series.csv");
    table_from("v\n", TP_TRAIN, o);
    expect_error(TP_ERR_FORMAT, "0 rows of values");
}

/* ---- learning ------------------------------------------------------------------------------------------------------------ */

/* A sine of twelve months that grows, and noise. */
static const char *sine_path(void)
{
    static char text[20000];
    unsigned state = 3;
    strcpy(text, "month,value\n");
    for (int i = 0; i < 240; i++)
        sprintf(text + strlen(text), "%d-%02d,%.3f\n", 1990 + i / 12, i % 12 + 1,
                100 + 0.5 * i + 20 * sin(i * M_PI / 6) +
                    ((state = state * 1664525u + 1013904223u) >> 20) / 1024.0);
    put_text(temp_path("sine.csv"), text);
    return temp_path("sine.csv");
}

static double figure(const tp_eval_result *e, const char *name)
{
    for (int i = 0; i < e->n_figures; i++)
        if (!strcmp(e->figures[i].name, name))
            return e->figures[i].value;
    return NAN;
}

typedef struct told {
    int n;
    char first[40], last[40];
    bool ascending;
} told;

static bool take(void *context, const tp_forecast *f)
{
    told *t = context;
    snprintf(t->n++ ? t->last : t->first, sizeof t->last, "%s", f->date);
    for (int i = 1; i < f->n; i++)
        t->ascending = t->ascending && f->values[i] >= f->values[i - 1];
    return true;
}

static void a_run_forecasts(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    char out[512];
    strcpy(out, temp_path("run"));
    tp_train_config c = { .struct_size = sizeof c,
                          .model = "forecaster",
                          .model_options = { .hidden = "16" },
                          .data = sine_path(),
                          .optim_options = { .lr = 3e-3 },
                          .out = out,
                          .epochs = 30,
                          .batch_size = 16 };
    tp_train_result r;
    tp_train_run(&c, NULL, NULL, &r);
    expect_no_error();
    assert_string_equal(r.best_of, "MAE");
    tp_run *run = tp_run_open(out);
    tp_eval_result e;
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 0, &e), TP_OK);
    assert_true(figure(&e, "MAE") == r.best);
    assert_true(r.best < 0.6 * figure(&e, "MAE of a season before (12)") &&
                r.best < 0.3 * figure(&e, "MAE of the last value"));
    assert_true(figure(&e, "inside the 80 % interval") > 0.4);
    tp_eval_free(&e);
    told t = { .ascending = true };
    assert_int_equal(tp_run_forecast(run, NULL, take, &t), TP_OK);
    assert_int_equal(t.n, 12);
    assert_true(t.ascending);
    assert_string_equal(t.first, "2010-01");
    assert_string_equal(t.last, "2010-12");
    put_text(temp_path("other.csv"), "month,other\n2000-01,1\n2000-02,2\n");
    tp_run_forecast(run, temp_path("other.csv"), take, &t);
    expect_error(TP_ERR_FORMAT, "the columns are not those of the scaling");
    c.quantiles = "0.9,0.5";
    c.out = temp_path("bad");
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_ARGUMENT, "train: quantiles '0.9,0.5', up to 16 numbers in (0, 1), ascending");
}

/* The sums of all figures, here from all forecasts at once, over the cells that the file has. */
static void figures_are_those_of_their_formulas(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    static char text[20000];
    char out[512];
    strcpy(out, temp_path("gaps"));
    strcpy(text, "month,value\n");
    for (int i = 0; i < 100; i++)
        sprintf(text + strlen(text), i == 85 || i == 92 || i == 99 ? "%d-%02d,NA\n" : "%d-%02d,%d\n",
                1990 + i / 12, i % 12 + 1, i * 37 % 41 + 10 * (i % 12));
    put_text(temp_path("gaps.csv"), text);
    tp_train_config c = { .struct_size = sizeof c,
                          .model = "forecaster",
                          .model_options = { .hidden = "8" },
                          .data = temp_path("gaps.csv"),
                          .data_options = { .window = 5, .series = { .horizon = 4, .season = 3 } },
                          .quantiles = "0.2,0.6,0.7,0.95",
                          .out = out,
                          .epochs = 2 };
    tp_train_result r;
    tp_train_run(&c, NULL, NULL, &r);
    expect_no_error();
    tp_run *run = tp_run_open(out);
    const series *v = series_of(setup_data(run->setup, TP_TEST));
    static const double quantiles[] = { 0.2, 0.6, 0.7, 0.95 };
    double sums[7] = { 0 }, answers[16];
    int n = 0;
    for (int64_t last = 79; last + 4 < 100; last++) {
        assert_int_equal(forecast_after(run->setup, tp_run_model(run), v, last, answers), TP_OK);
        for (int64_t h = 1; h <= 4; h++) {
            const int64_t row = last + h;
            if (row == 85 || row == 92 || row == 99)
                continue;
            double mean = 0;
            const double y = (double)(row * 37 % 41 + 10 * (row % 12)), *q = answers + 4 * (h - 1);
            n++;
            sums[0] += fabs(y - q[1]);
            sums[1] += (y - q[1]) * (y - q[1]);
            for (int i = 0; i < 4; i++)
                sums[2] += (y > q[i] ? quantiles[i] * (y - q[i]) : (1 - quantiles[i]) * (q[i] - y)) / 4;
            sums[3] += y >= q[0] && y <= q[3];
            sums[4] += fabs(y - series_value(v, last, 0, last));
            sums[5] += fabs(y - series_value(v, last + (h < 4 ? h - 3 : -2), 0, last));
            for (int back = 0; back < 3; back++)
                mean += series_value(v, last - back, 0, last) / 3;
            sums[6] += fabs(y - mean);
        }
    }
    static const char *const names[] = { "MAE",
                                         "RMSE",
                                         "pinball",
                                         "inside the 75 % interval",
                                         "MAE of the last value",
                                         "MAE of a season before (3)",
                                         "MAE of the moving mean" };
    tp_eval_result e;
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 0, &e), TP_OK);
    assert_int_equal(e.n_figures, 7);
    assert_int_equal(r.n_figures, 7);
    for (int i = 0; i < 7; i++) {
        const double wanted = i == 1 ? sqrt(sums[i] / n) : sums[i] / n;
        assert_string_equal(e.figures[i].name, names[i]);
        assert_true(fabs(e.figures[i].value - wanted) < 1e-9 * fmax(1, wanted));
        assert_true(r.figures[i].value == e.figures[i].value);
    }
    tp_eval_free(&e);
}

/* The loss by its formula, and its gradient: -q under the truth, 1 - q over it, over all numbers. */
static void the_loss_is_the_pinball(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    setup *s = setup_new();
    s->config.model = "forecaster", s->config.quantiles = "0.1,0.75", s->targets = 2;
    const float answers[] = { 1, 2, -3, 0, 5, -1, 0.5f, 4 }, truth[] = { 1.5f, -1, 4, 1 };
    tp_tensor *y = tp_tensor_copied(answers, TP_F32, TP_SHAPE(2, 4)),
              *t = tp_tensor_copied(truth, TP_F32, TP_SHAPE(2, 2));
    tp_requires_grad_(y, true);
    tp_tensor *loss = task_of(s)->loss(s, y, t, NULL);
    assert_int_equal(tp_backward(loss), TP_OK);
    const float *gradient = tp_data(tp_grad(y));
    double sum = 0;
    for (int i = 0; i < 8; i++) {
        const double q = i % 2 ? 0.75 : 0.1, d = (double)truth[i / 2] - (double)answers[i];
        sum += fmax(q * d, (q - 1) * d) / 8;
        assert_true(fabs((double)gradient[i] - (d > 0 ? -q : 1 - q) / 8) < 1e-7);
    }
    assert_true(fabs(tp_item(loss) - sum) < 1e-6);
    expect_no_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read_and_written),
        cmocka_unit_test(windows_and_what_comes_after),
        cmocka_unit_test(nothing_of_the_test_part_is_learned),
        cmocka_unit_test(what_is_missing_is_filled_in),
        cmocka_unit_test(no_window_knows_what_comes_after_it),
        cmocka_unit_test(rows_go_on_as_the_dates_do),
        cmocka_unit_test(a_season_is_found_in_the_values),
        cmocka_unit_test(any_name_of_a_column_is_kept),
        cmocka_unit_test(options_say_what_is_read),
        cmocka_unit_test(what_is_no_series),
        cmocka_unit_test(the_loss_is_the_pinball),
        cmocka_unit_test(a_run_forecasts),
        cmocka_unit_test(figures_are_those_of_their_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
