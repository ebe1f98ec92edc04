/* report_model.c - the model's table: a row a module with its output, parameters and cost, from a dry run.
 *
 * The input's shape is that of one example as the run's configuration says it.
 * Layer: train.  Depends on report.h, taper/models.h.  Read next: report.c. */
#include "base/error.h"
#include "train/folder.h"
#include "train/report.h"

#include <sys/stat.h>

static void put_shape(report_page *p, const tp_shape *s)
{
    for (int i = 0; i < s->ndim; i++)
        page_put(p, "%s%lld", i ? "\u202f×\u202f" : "", (long long)s->dim[i]);
}

static void put_row(report_page *p, const tp_summary_row *row)
{
    page_put(p, "<tr><th scope=\"row\" style=\"padding-left:%dpx\">", row->depth * 14);
    page_text(p, row->name && *row->name ? row->name : "(all)");
    page_put(p, "</th><td>");
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
        page_amount(p, row->flops);
    page_put(p, "</td></tr>\n");
}

/* Optimizers keep a number or two a parameter besides; what they have is in their file. */
static void put_memory(report_page *p, const report_run *r, const tp_train_config *c)
{
    char path[PATH_MAX];
    struct stat file;
    page_put(p, "<p class=\"soft\">A training step on a batch of %lld holds up to ",
             (long long)c->batch_size);
    page_amount(p, (double)r->step_bytes);
    page_put(p, "B: weights, what backward keeps, gradients; computed, before the allocator rounds up.");
    if (!folder_path(path, r->folder, "last/optimizer.safetensors") && !stat(path, &file)) {
        page_put(p, " The optimizer's own state is ");
        page_amount(p, (double)file.st_size);
        page_put(p, "B more.");
    }
    page_put(p, "</p>\n");
}

void report_measure(report_run *r)
{
    TP_SCOPE;
    tp_summary s = { 0 };
    const tp_train_config *c = tp_run_config(r->run);
    const tp_model_info *info = tp_model_find(c->model);
    r->params = tp_params_numel(tp_parameters(tp_run_model(r->run)));
    if (info && !tp_summarize(tp_run_model(r->run),
                              tp_model_input_shape(info, &c->model_options, c->batch_size), &s)) {
        r->step_bytes = s.training_bytes;
        tp_summary_free(&s);
    }
    r->no_memory |= tp_pending() && tp_error_take(NULL, 0) == TP_ERR_MEMORY;
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
        page_table(p, "Modules of the network", "Module|Type|Details|#Output|#Parameters|#Operations");
        for (int i = 0; i < s.n_rows; i++)
            put_row(p, &s.rows[i]);
        page_table_end(p);
        page_put(p, "<p class=\"soft\">");
        page_count(p, s.params);
        page_put(p, " parameters, ");
        page_count(p, s.trainable);
        page_put(p, " of them trained; ");
        page_amount(p, s.flops);
        page_put(p, " operations an example.</p>\n");
        if (r->step_bytes)
            put_memory(p, r, c);
        tp_summary_free(&s);
    } else {
        page_missing(p, "No network");
    }
    page_put(p, "</section>\n");
}
