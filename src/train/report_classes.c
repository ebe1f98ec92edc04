/* report_classes.c - what the network confuses: the matrix as a heat map, the worst pairs, figures of every class.
 *
 * Shades go with the logarithm of the count, so that a single error shows beside a thousand right answers.
 * Layer: train.  Depends on report.h.  Read next: report_pictures.c. */
#include "base/error.h"
#include "base/memory.h"
#include "train/report.h"

#include <math.h>

enum { MATRIX_CLASSES = 20, CELL = 40, MAX_PAIRS = 15 };

static int64_t count_at(const js_value *rows, int64_t truth, int64_t answer)
{
    int64_t n;
    return js_integer(js_at(js_at(rows, truth), answer), &n) && n > 0 ? n : 0;
}

static int64_t row_sum(const js_value *rows, int64_t truth, int64_t classes)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < classes; k++)
        sum += count_at(rows, truth, k);
    return sum;
}

static void put_matrix(report_page *p, const report_run *r, const js_value *rows, int64_t classes)
{
    const size_t size = (size_t)(classes * classes) * sizeof(double);
    double *counts = tp_alloc(size);
    const char *names[MATRIX_CLASSES];
    char numbers[MATRIX_CLASSES][24];
    const int width = 150 + (int)classes * CELL;
    for (int64_t i = 0; i < classes; i++)
        names[i] = report_class(r, i, numbers[i]);
    for (int64_t i = 0; i < classes * classes && counts; i++)
        counts[i] = (double)count_at(rows, i / classes, i % classes);
    const tp_plot_panel panel = { .title = "Confusion matrix",
                                  .x = { .name = "answer" },
                                  .y = { .name = "truth" },
                                  .tells = true,
                                  .cells = { .values = counts,
                                             .rows = classes,
                                             .columns = classes,
                                             .row_names = names,
                                             .column_names = names,
                                             .written = true,
                                             .confusion = true } };
    page_put(p,
             "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Confusion matrix\"><div "
             "style=\"min-width:%dpx;max-width:%dpx\">",
             60 + (int)classes * 24, width);
    if (counts)
        page_plot(p, &(tp_plot){ .panels = &panel, .n_panels = 1, .width = width });
    page_put(p, "</div></div>\n");
    tp_free(counts, counts ? size : 0);
}

typedef struct pair {
    int64_t truth, answer, n;
} pair;

static int worst_pairs(const js_value *rows, int64_t classes, pair *worst, int most)
{
    int n = 0;
    for (int64_t t = 0; t < classes; t++)
        for (int64_t a = 0; a < classes; a++) {
            pair x = { t, a, t == a ? 0 : count_at(rows, t, a) };
            if (!x.n || (n == most && x.n <= worst[n - 1].n))
                continue;
            int i = n < most ? n++ : n - 1;
            for (; i > 0 && worst[i - 1].n < x.n; i--)
                worst[i] = worst[i - 1];
            worst[i] = x;
        }
    return n;
}

static void put_pairs(report_page *p, const report_run *r, const js_value *rows, int64_t classes)
{
    pair worst[MAX_PAIRS];
    int n = worst_pairs(rows, classes, worst, classes > MATRIX_CLASSES ? MAX_PAIRS : 5);
    if (!n) {
        page_put(p, "<p>Not one mistake.</p>\n");
        return;
    }
    page_put(p, "<div class=\"narrow\">\n");
    page_table(p, "The most frequent mistakes", "Truth|Taken for|#Times|#Of its class");
    for (int i = 0; i < n; i++) {
        char name[24];
        page_put(p, "<tr><th scope=\"row\">");
        page_text(p, report_class(r, worst[i].truth, name));
        page_put(p, "</th><td>");
        page_text(p, report_class(r, worst[i].answer, name));
        page_put(p, "</td><td class=\"n\">%lld</td><td class=\"n\">", (long long)worst[i].n);
        page_percent(p, (double)worst[i].n / (double)row_sum(rows, worst[i].truth, classes), 1);
        page_put(p, "</td></tr>\n");
    }
    page_table_end(p);
    page_put(p, "</div>\n");
}

void report_confusion(report_page *p, const report_run *r)
{
    const js_value *rows = js_get(r->evaluation, "confusion");
    int64_t classes = js_count(rows);
    if (r->regression)
        return;
    page_put(p, "<section>\n<h2>What is taken for what</h2>\n");
    if (!classes) {
        if (*r->no_evaluation)
            tp_error_set(TP_ERR_IO, "%s", r->no_evaluation);
        page_missing(p, "No confusion matrix");
    } else {
        if (classes <= MATRIX_CLASSES)
            put_matrix(p, r, rows, classes);
        else
            page_put(p, "<p class=\"soft\">%lld classes: the most frequent mistakes.</p>\n",
                     (long long)classes);
        put_pairs(p, r, rows, classes);
    }
    page_put(p, "</section>\n");
}

static double share_at(const report_run *r, const char *name, int64_t k)
{
    double x;
    return js_number(js_at(js_get(r->evaluation, name), k), &x) ? x : NAN;
}

/* The means over classes; where five answers are a choice, how often the right one is among them. */
static void put_means(report_page *p, const report_run *r)
{
    const char *const means[] = { "macro_precision", "macro_recall", "macro_f1" };
    double examples = report_number(r->evaluation, "examples"), top5 = report_number(r->evaluation, "top5");
    page_put(p, "<tr><th scope=\"row\">mean</th><td class=\"n\">");
    page_count(p, isfinite(examples) ? (int64_t)examples : 0);
    for (int i = 0; i < 3; i++) {
        page_put(p, "</td><td class=\"n\">");
        page_percent(p, report_number(r->evaluation, means[i]), 1);
    }
    page_put(p, "</td><td class=\"bar\"></td></tr>\n");
    if (!(report_number(r->evaluation, "classes") > 5) || !isfinite(top5))
        return;
    page_put(p,
             "<tr><th scope=\"row\" colspan=\"4\">right class among the five likeliest</th><td class=\"n\">");
    page_percent(p, top5, 1);
    page_put(p, "</td><td class=\"bar\"></td></tr>\n");
}

void report_by_class(report_page *p, const report_run *r)
{
    int64_t classes = js_count(js_get(r->evaluation, "f1"));
    const js_value *rows = js_get(r->evaluation, "confusion");
    if (r->regression || !classes)
        return; /* the section before says why */
    page_put(p, "<section>\n<h2>By class</h2>\n");
    page_table(p, "By class", "Class|#Examples|#Precision|#Recall|#F1|-");
    double lowest = 1;
    for (int64_t k = 0; k < classes; k++)
        lowest = fmin(lowest, isfinite(share_at(r, "f1", k)) ? share_at(r, "f1", k) : 1);
    double from = lowest > 0.9 ? 0.9 : lowest > 0.5 ? 0.5 : 0;
    for (int64_t k = 0; k < classes; k++) {
        char name[24];
        page_put(p, "<tr><th scope=\"row\">");
        page_text(p, report_class(r, k, name));
        page_put(p, "</th><td class=\"n\">");
        page_count(p, row_sum(rows, k, js_count(rows)));
        const char *const figures[] = { "precision", "recall", "f1" };
        for (int i = 0; i < 3; i++) {
            page_put(p, "</td><td class=\"n\">");
            page_percent(p, share_at(r, figures[i], k), 1);
        }
        double f1 = share_at(r, "f1", k);
        page_put(p, "</td><td class=\"bar\"><i style=\"width:%.1f%%\"></i></td></tr>\n",
                 isfinite(f1) ? 100 * fmax(0, fmin(1, (f1 - from) / (1 - from))) : 0);
    }
    put_means(p, r);
    page_table_end(p);
    page_put(p, "<p class=\"soft bar\">Bars: F1 from %g to 100\u202f%%.</p>\n</section>\n", 100 * from);
}
