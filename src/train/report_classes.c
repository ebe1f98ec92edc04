/* report_classes.c - what the network confuses: the matrix as a heat map, the worst pairs, figures of every class.
 *
 * Shades go with the logarithm of the count, so that a single error shows beside a thousand right answers.
 * Layer: train.  Depends on report.h.  Read next: report_pictures.c. */
#include "base/error.h"
#include "train/report.h"

#include <math.h>

enum { MATRIX_CLASSES = 20, CELL = 44, MAX_PAIRS = 15 };

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

static int name_width(const report_run *r,
                      int64_t classes) /* letters of the longest class name, at most 12 */
{
    int most = 1;
    for (int64_t k = 0; k < classes; k++) {
        char number[24];
        const char *name = report_class(r, k, number);
        int n = 0;
        for (; *name; name++)
            n += (*name & 0xC0) != 0x80;
        most = n > most ? n : most;
    }
    return most > 12 ? 12 : most;
}

static void put_label(report_page *p, const report_run *r, int64_t k, int x, int y, const char *style)
{
    char number[24];
    page_put(p, "<text x=\"%d\" y=\"%d\" %s>", x, y, style);
    page_cut(p, report_class(r, k, number), 12);
    page_put(p, "</text>\n");
}

static void put_cell(report_page *p, const report_run *r, const js_value *rows, int64_t t, int64_t a,
                     const int xy[2], double top)
{
    char names[2][24];
    int64_t n = count_at(rows, t, a);
    page_put(p, "<g><title>");
    page_text(p, report_class(r, t, names[0]));
    page_put(p, t == a ? " seen as it is" : " taken for ");
    if (t != a)
        page_text(p, report_class(r, a, names[1]));
    page_put(p, ": %lld</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\" ", (long long)n,
             xy[0] + 1, xy[1] + 1, CELL - 2, CELL - 2);
    if (n)
        page_put(p, "class=\"%s\" fill-opacity=\"%.2f\"/>", t == a ? "right" : "wrong",
                 0.12 + 0.5 * log1p((double)n) / log1p(top));
    else
        page_put(p, "fill=\"var(--panel)\"/>");
    if (n)
        page_put(p, "<text class=\"cell\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%lld</text>",
                 xy[0] + CELL / 2, xy[1] + CELL / 2 + 4, (long long)n);
    page_put(p, "</g>\n");
}

static void put_matrix(report_page *p, const report_run *r, const js_value *rows, int64_t classes)
{
    double right = 1, wrong = 1;
    for (int64_t i = 0; i < classes * classes; i++) {
        double n = (double)count_at(rows, i / classes, i % classes);
        *(i / classes == i % classes ? &right : &wrong) = fmax(n, i / classes == i % classes ? right : wrong);
    }
    int letters = name_width(r, classes), left = 30 + letters * 8, top = letters <= 4 ? 44 : 30 + letters * 6;
    int width = left + (int)classes * CELL + (letters > 4 ? 40 : 2), height = top + (int)classes * CELL + 2;
    page_put(p,
             "<div class=\"wide\"><svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
             "style=\"max-width:%s\" role=\"img\" ",
             width, height, width, height, classes > 12 ? "none" : "100%;height:auto");
    page_put(p, "aria-label=\"Confusion matrix\">\n<text x=\"%d\" y=\"14\">answer →</text>\n", left);
    page_put(p,
             "<text x=\"14\" y=\"%d\" transform=\"rotate(-90 14 %d)\" text-anchor=\"end\">← truth</text>\n",
             top, top);
    for (int64_t a = 0; a < classes; a++) {
        char style[96];
        int x = left + (int)a * CELL + CELL / 2;
        snprintf(style, sizeof style,
                 letters <= 4 ? "text-anchor=\"middle\"" : "transform=\"rotate(-40 %d %d)\"", x, top - 8);
        put_label(p, r, a, x, top - 8, style);
    }
    for (int64_t t = 0; t < classes; t++) {
        put_label(p, r, t, left - 8, top + (int)t * CELL + CELL / 2 + 4, "text-anchor=\"end\"");
        for (int64_t a = 0; a < classes; a++)
            put_cell(p, r, rows, t, a, (int[]){ left + (int)a * CELL, top + (int)t * CELL },
                     t == a ? right : wrong);
    }
    page_put(p, "</svg></div>\n");
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
    page_put(p, "<div class=\"wide\"><table "
                "style=\"margin-top:16px;max-width:560px\">\n<tr><th>Truth</th><th>Taken for</th>"
                "<th class=\"n\">Times</th><th class=\"n\">Of its class</th></tr>\n");
    for (int i = 0; i < n; i++) {
        char name[24];
        page_put(p, "<tr><td>");
        page_text(p, report_class(r, worst[i].truth, name));
        page_put(p, "</td><td>");
        page_text(p, report_class(r, worst[i].answer, name));
        page_put(p, "</td><td class=\"n\">%lld</td><td class=\"n\">", (long long)worst[i].n);
        page_percent(p, (double)worst[i].n / (double)row_sum(rows, worst[i].truth, classes), 1);
        page_put(p, "</td></tr>\n");
    }
    page_put(p, "</table></div>\n");
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
    page_put(p, "<tr><td>mean</td><td class=\"n\">");
    page_count(p, isfinite(examples) ? (int64_t)examples : 0);
    for (int i = 0; i < 3; i++) {
        page_put(p, "</td><td class=\"n\">");
        page_percent(p, report_number(r->evaluation, means[i]), 1);
    }
    page_put(p, "</td><td class=\"bar\"></td></tr>\n");
    if (!(report_number(r->evaluation, "classes") > 5) || !isfinite(top5))
        return;
    page_put(p, "<tr><td colspan=\"4\">right class among the five likeliest</td><td class=\"n\">");
    page_percent(p, top5, 1);
    page_put(p, "</td><td class=\"bar\"></td></tr>\n");
}

void report_by_class(report_page *p, const report_run *r)
{
    int64_t classes = js_count(js_get(r->evaluation, "f1"));
    const js_value *rows = js_get(r->evaluation, "confusion");
    if (r->regression || !classes)
        return; /* the section before says why */
    page_put(p, "<section>\n<h2>By class</h2>\n<div class=\"wide\"><table>\n<tr><th>Class</th><th "
                "class=\"n\">Examples</th>"
                "<th class=\"n\">Precision</th><th class=\"n\">Recall</th><th class=\"n\">F1</th><th "
                "class=\"bar\"></th></tr>\n");
    double lowest = 1;
    for (int64_t k = 0; k < classes; k++)
        lowest = fmin(lowest, isfinite(share_at(r, "f1", k)) ? share_at(r, "f1", k) : 1);
    double from = lowest > 0.9 ? 0.9 : lowest > 0.5 ? 0.5 : 0;
    for (int64_t k = 0; k < classes; k++) {
        char name[24];
        page_put(p, "<tr><td>");
        page_text(p, report_class(r, k, name));
        page_put(p, "</td><td class=\"n\">");
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
    page_put(p, "</table></div>\n<p class=\"soft bar\">Bars: F1 from %g to 100\u202f%%.</p>\n</section>\n",
             100 * from);
}
