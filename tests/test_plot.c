/* test_plot.c - charts as SVG and as text: places of numbers, well-formed markup, widths, bad input, no memory.
 *
 * Places are read back from the markup and compared with formulas.
 * Layer: tests.  Depends on taper/plot.h, support/files.h.  Read next: ../src/plot/svg.c, ../src/plot/terminal.c. */
#include "support/files.h"

#include <taper/plot.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 101, ROOM = 1 << 18 };

static double xs[N], ys[N], cells[12];
static char text[ROOM];

static const char *written(const tp_plot *p, int columns, bool colours, bool ascii)
{
    char *memory = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&memory, &size);
    assert_non_null(f);
    const tp_status status = columns
                                 ? tp_plot_text(p, f, .columns = columns, .colours = colours, .ascii = ascii)
                                 : tp_plot_svg(p, f);
    fclose(f);
    assert_int_equal(status, TP_OK);
    assert_true(size < ROOM);
    memcpy(text, memory, size + 1);
    free(memory);
    return text;
}

static void fill_parabola(void)
{
    for (int i = 0; i < N; i++)
        xs[i] = -1 + 0.02 * i, ys[i] = xs[i] * xs[i];
    for (int i = 0; i < 12; i++)
        cells[i] = i / 11.0;
}

static tp_plot_series line(void)
{
    fill_parabola();
    return (tp_plot_series){ .name = "<a & b>", .x = xs, .y = ys, .n = N };
}

static bool begins(const char *all, const char *with)
{
    return strncmp(all, with, strlen(with)) == 0;
}

/* Every element is closed by its own name, every attribute has two quotes, & begins an entity. */
static void is_well_formed(const char *xml)
{
    char open[32][16];
    int depth = 0;
    for (const char *p = xml; *p; p++) {
        if (*p == '&' && !begins(p, "&lt;") && !begins(p, "&gt;") && !begins(p, "&amp;") &&
            !begins(p, "&quot;") && !begins(p, "&#39;"))
            fail_msg("a bare & at \"%.20s\"", p);
        if (*p != '<')
            continue;
        const char *end = strchr(p, '>');
        assert_non_null(end);
        int quotes = 0;
        for (const char *q = p; q < end; q++)
            quotes += *q == '"';
        assert_int_equal(quotes % 2, 0);
        if (p[1] == '/') {
            assert_true(depth > 0);
            depth--;
            const size_t n = strlen(open[depth]);
            if (!begins(p + 2, open[depth]) || p[2 + n] != '>')
                fail_msg("%s is closed by %.12s", open[depth], p);
        } else if (end[-1] != '/') {
            assert_true(depth < 32);
            snprintf(open[depth], sizeof open[depth], "%.*s", (int)strcspn(p + 1, " >"), p + 1);
            depth++;
        }
        p = end;
    }
    assert_int_equal(depth, 0);
}

static void says(const char *piece)
{
    if (!strstr(text, piece))
        fail_msg("\"%s\" is not in it", piece);
}

/* The places of a path whose class begins so: M x y l dx dy ..; how many. */
static int path_places(const char *class, double places[][2], int room)
{
    const char *p = strstr(text, class);
    assert_non_null(p);
    p = strstr(p, "d=\"M") + 4;
    int n = 0;
    double at[2];
    char *end;
    at[0] = strtod(p, &end), at[1] = strtod(end, &end);
    memcpy(places[n++], at, sizeof at);
    assert_int_equal(*end, 'l');
    p = end + 1;
    while (*p != '"' && n < room) {
        at[0] += strtod(p, &end), at[1] += strtod(end, &end);
        assert_true(end > p);
        p = end;
        memcpy(places[n++], at, sizeof at);
    }
    return n;
}

static void lines_go_where_their_numbers_are(void **state)
{
    (void)state;
    const tp_plot_series s = line();
    const tp_plot_panel panel = { .title = "Square", .series = &s, .n_series = 1 };
    written(&(tp_plot){ .panels = &panel, .n_panels = 1 }, 0, false, false);
    is_well_formed(text);
    says("role=\"img\"");
    says("<title>Square</title>");
    says("prefers-color-scheme:dark");
    says("&lt;a &amp; b&gt;");
    double places[N][2];
    const int n = path_places("class=\"l k1\" d=\"M4", places, N); /* the legend's begins at 0 */
    assert_true(n > 90);
    const double left = places[0][0], right = places[n - 1][0], top = places[0][1], middle = places[n / 2][1];
    for (int i = 0; i < n; i++) {
        const double x = -1 + 2 * (places[i][0] - left) / (right - left);
        assert_true(fabs((middle - places[i][1]) / (middle - top) - x * x) < 0.006);
    }
}

static void a_line_stops_where_there_is_no_number(void **state)
{
    (void)state;
    const double y[] = { 1, 2, NAN, INFINITY, 3, 4 };
    const tp_plot_series s = { .y = y, .n = 6 };
    const tp_plot_panel panel = { .series = &s, .n_series = 1, .tells = true };
    written(&(tp_plot){ .panels = &panel, .n_panels = 1 }, 0, false, false);
    is_well_formed(text);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    const char *path = strstr(text, "<path class=\"l k1\" d=\"");
    assert_non_null(path);
    int moves = 0;
    for (path += 22; *path != '"'; path++)
        moves += *path == 'M';
    assert_int_equal(moves, 2);
    says("x 4\nvalue: 3</title>");
}

static void logarithms_have_powers_of_ten(void **state)
{
    (void)state;
    const double y[] = { 0, 0.01, 100, 1 };
    const tp_plot_series s = { .y = y, .n = 4 };
    const tp_plot_panel panel = { .y = { .log = true }, .series = &s, .n_series = 1 };
    written(&(tp_plot){ .panels = &panel, .n_panels = 1 }, 0, false, false);
    const char *const ticks[] = { ">0.01<", ">0.1<", ">1<", ">10<", ">100<" };
    for (int i = 0; i < 5; i++)
        says(ticks[i]);
    double places[3][2];
    assert_int_equal(path_places("class=\"l k1\"", places, 3), 3); /* 0 has no place */
    assert_true(fabs((places[0][1] - places[2][1]) - (places[2][1] - places[1][1])) < 0.11); /* 1: half way */
}

static void the_largest_and_the_same_numbers_have_axes(void **state)
{
    (void)state;
    const double large[] = { -1e308, 1e308 }, same[] = { 7, 7 }, one[] = { 0 };
    const tp_plot_series series[] = { { .y = large, .n = 2 }, { .y = same, .n = 2 }, { .y = one, .n = 1 } };
    for (int i = 0; i < 3; i++) {
        const tp_plot_panel panel = { .series = &series[i], .n_series = 1, .tells = true };
        for (int columns = 0; columns <= 80; columns += 80) {
            written(&(tp_plot){ .panels = &panel, .n_panels = 1 }, columns, false, true);
            assert_null(strstr(text, "nan"));
            assert_null(strstr(text, "inf"));
            assert_null(strstr(text, "no numbers"));
        }
    }
}

static void cells_have_shades(void **state)
{
    (void)state;
    fill_parabola();
    cells[5] = NAN;
    const tp_plot_panel panel = { .title = "Heat", .cells = { .values = cells, .rows = 3, .columns = 4 } };
    written(&(tp_plot){ .panels = &panel, .n_panels = 1 }, 0, false, false);
    is_well_formed(text);
    says("stroke-opacity=\"1\" d=\"M3 2.5h1\"");
    assert_null(strstr(text, "M1 1.5")); /* the empty cell */
    written(&(tp_plot){ .panels = &panel, .n_panels = 1 }, 80, false, true);
    assert_string_equal(text, "Heat\n0   ..::::\n1 --  ++**\n2 ####%%@@\n  0 1 2 3\n  0  :+#@ 1\n");
    const double both[] = { -2, 0, 1 };
    const tp_plot_panel two = { .cells = { .values = both, .rows = 1, .columns = 3, .from = -2, .to = 1 } };
    written(&(tp_plot){ .panels = &two, .n_panels = 1 }, 0, false, false);
    says("<path class=\"k4\" stroke-opacity=\"1\" d=\"M0 0.5h1\"/>");
    says("<path class=\"k1\" stroke-opacity=\"0.5\" d=\"M2 0.5h1\"/>");
}

static void numbers_stand_in_their_cells(void **state)
{
    (void)state;
    const double counts[] = { 40, 2, 1, 1234 };
    static const char *const names[] = { "cat", "dog" };
    const tp_plot_panel panel = { .cells = { .values = counts,
                                             .rows = 2,
                                             .columns = 2,
                                             .row_names = names,
                                             .column_names = names,
                                             .written = true } };
    written(&(tp_plot){ .panels = &panel, .n_panels = 1 }, 40, false, false);
    assert_string_equal(text, "cat    40    2\ndog     1 1234\n      cat  dog\n");
    tp_plot_panel confusion = panel;
    confusion.cells.confusion = confusion.tells = true;
    written(&(tp_plot){ .panels = &confusion, .n_panels = 1 }, 0, false, false);
    is_well_formed(text);
    says(
        "<path class=\"k3\" stroke-opacity=\"0.58\" d=\"M1 1.5h1\"/>"); /* the most right answers, the most wrong ones */
    says("<path class=\"k4\" stroke-opacity=\"0.58\" d=\"M1 0.5h1\"/>");
    says("<title>cat, dog: 2</title>");
    says(">1234</text>");
}

static void lines_fit_into_the_terminal(void **state)
{
    (void)state;
    tp_plot_series two[] = { line(), line() };
    two[1].name = "ein langer Name für eine Linie";
    two[1].kind = TP_PLOT_BAND, two[1].to = xs;
    static double wide[100 * 300];
    const tp_plot_panel panels[] = {
        { .title = "A title that is rather long for so few columns",
          .x = { .name = "probability of something" },
          .series = two,
          .n_series = 2 },
        { .cells = { .values = wide, .rows = 100, .columns = 300 } },
    };
    const tp_plot p = { .panels = panels, .n_panels = 2 };
    for (int columns = 20; columns < 130; columns += 7)
        for (int ascii = 0; ascii < 2; ascii++) {
            written(&p, columns, false, ascii);
            int wide_now = 0;
            for (const char *c = text; *c; c++) {
                assert_true(!ascii || (unsigned char)*c < 127);
                wide_now = *c == '\n' ? 0 : wide_now + ((*c & 0xC0) != 0x80);
                assert_true(wide_now <= columns);
            }
        }
    written(&p, 80, true, false);
    says("\033[94m");
    says("\xe2\xa0"); /* Braille */
    assert_int_equal(strncmp(strrchr(text, '\033'), "\033[0m", 4), 0);
}

static void what_is_no_plot_is_refused(void **state)
{
    (void)state;
    const tp_plot_series without = { .n = 3 };
    const tp_plot_panel series = { .series = &without, .n_series = 1 }, few = { .cells = { .rows = 3 } },
                        axis = { .x = { .from = 2, .to = 1 } };
    assert_int_equal(tp_plot_svg(NULL, stdout), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "1 to 1024 panels");
    tp_plot_svg(&(tp_plot){ .panels = &series, .n_panels = 1 }, stdout);
    expect_error(TP_ERR_ARGUMENT, "series 0: its numbers are missing");
    tp_plot_svg(&(tp_plot){ .panels = &few, .n_panels = 1 }, stdout);
    expect_error(TP_ERR_ARGUMENT, "3 x 0 cells");
    tp_plot_text((&(tp_plot){ .panels = &axis, .n_panels = 1 }), stdout);
    expect_error(TP_ERR_ARGUMENT, "from 2 to 1");
    tp_plot_svg(&(tp_plot){ .panels = &few, .n_panels = 1, .across = -1 }, stdout);
    expect_error(TP_ERR_ARGUMENT, "-1 panels across");
    tp_plot_svg(&(tp_plot){ .panels = &few, .n_panels = 1, .width = 99 }, stdout);
    expect_error(TP_ERR_ARGUMENT, "99 x 0");
    FILE *full = fopen("/dev/full", "w");
    const tp_plot_panel empty = { .title = "nothing" };
    if (full) {
        tp_plot_text((&(tp_plot){ .panels = &empty, .n_panels = 1 }), full);
        expect_error(TP_ERR_IO, "cannot write");
        fclose(full);
    }
    written(&(tp_plot){ .panels = &empty, .n_panels = 1 }, 0, false, false);
    says("no numbers");
}

static FILE *nowhere;
static void draw_both(void)
{
    const tp_plot_series s = line();
    const tp_plot_panel panel = { .title = "Square", .series = &s, .n_series = 1 };
    const tp_plot p = { .panels = &panel, .n_panels = 1 };
    tp_plot_svg(&p, nowhere);
    tp_plot_text(&p, nowhere);
}

static void without_memory_there_is_an_error(void **state)
{
    (void)state;
    nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    with_failing_allocations(draw_both);
    fclose(nowhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_go_where_their_numbers_are),
        cmocka_unit_test(a_line_stops_where_there_is_no_number),
        cmocka_unit_test(logarithms_have_powers_of_ten),
        cmocka_unit_test(the_largest_and_the_same_numbers_have_axes),
        cmocka_unit_test(cells_have_shades),
        cmocka_unit_test(numbers_stand_in_their_cells),
        cmocka_unit_test(lines_fit_into_the_terminal),
        cmocka_unit_test(what_is_no_plot_is_refused),
        cmocka_unit_test(without_memory_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
