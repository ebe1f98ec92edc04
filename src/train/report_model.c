/* report_model.c - the model's table: a row a module with its output, parameters and cost, from a dry run.
 *
 * The input's shape is that of one example as the run's configuration says it.
 * Layer: train.  Depends on report.h, taper/models.h.  Read next: report.c. */
#include "base/error.h"
#include "train/report.h"

static void put_shape(report_page *p, const tp_shape *s)
{
    for (int i = 0; i < s->ndim; i++)
        page_put(p, "%s%lld", i ? "\u202f×\u202f" : "", (long long)s->dim[i]);
}

static void put_amount(report_page *p, double x)
{
    static const char *const units[] = { "", "\u202fK", "\u202fM", "\u202fG", "\u202fT" };
    int unit = 0;
    for (; x >= 1000 && unit < 4; unit++)
        x /= 1000;
    page_put(p, unit ? "%.3g%s" : "%.0f%s", x, units[unit]);
}

static void put_row(report_page *p, const tp_summary_row *row)
{
    page_put(p, "<tr><td style=\"padding-left:%dpx\">", row->depth * 14);
    page_text(p, row->name && *row->name ? row->name : "(all)");
    page_put(p, "</td><td>");
    page_text(p, row->type);
    page_put(p, "</td><td class=\"soft\">");
    page_text(p, row->info);
    page_put(p, "</td><td class=\"n\">");
    put_shape(p, &row->output);
    page_put(p, "</td><td class=\"n\">");
    if (row->params)
        page_count(p, row->params);
    page_put(p, "</td><td class=\"n\">");
    if (row->flops > 0)
        put_amount(p, row->flops);
    page_put(p, "</td></tr>\n");
}

void report_model(report_page *p, const report_run *r)
{
    TP_SCOPE;
    tp_summary s = { 0 };
    page_put(p, "<section>\n<h2>Model</h2>\n");
    if (!r->run)
        tp_error_set(TP_ERR_IO, "%s", r->no_run);
    const tp_train_config *c = tp_run_config(r->run);
    const tp_model_info *info = c ? tp_model_find(c->model) : NULL;
    if (info && !tp_summarize(tp_run_model(r->run), tp_model_input_shape(info, &c->model_options, 1), &s)) {
        page_put(p, "<div class=\"wide\"><table>\n<tr><th>Module</th><th>Type</th><th></th><th "
                    "class=\"n\">Output</th>"
                    "<th class=\"n\">Parameters</th><th class=\"n\">Operations</th></tr>\n");
        for (int i = 0; i < s.n_rows; i++)
            put_row(p, &s.rows[i]);
        page_put(p, "</table></div>\n<p class=\"soft\">");
        page_count(p, s.params);
        page_put(p, " parameters, ");
        page_count(p, s.trainable);
        page_put(p, " of them trained; ");
        put_amount(p, s.flops);
        page_put(p, " operations an example.</p>\n");
        tp_summary_free(&s);
    } else {
        page_missing(p, "No network");
    }
    page_put(p, "</section>\n");
}
