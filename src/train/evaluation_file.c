/* evaluation_file.c - evaluation.json: what the best network so far gets right and wrong; for the report.
 *
 * docs/runs.md describes the fields.  Layer: train.  Depends on io/json.h.  Read next: evaluate.c, report.c. */
#include "io/json.h"
#include "train/evaluate.h"
#include "train/fields.h"
#include "train/folder.h"
#include "train/metrics.h"
#include "train/task.h"

static js_value *number_list(const double *x, int64_t n)
{
    js_value *array = js_new_array();
    for (int64_t i = 0; i < n && !tp_pending(); i++)
        js_append(array, js_new_number(x[i]));
    return array;
}

static js_value *confusion_rows(const tp_eval_result *r)
{
    js_value *rows = js_new_array();
    for (int64_t i = 0; r->confusion && i < r->classes && !tp_pending(); i++) {
        js_value *row = js_new_array();
        for (int64_t k = 0; k < r->classes; k++)
            js_append(row, js_new_integer(r->confusion[i * r->classes + k]));
        js_append(rows, row);
    }
    return rows;
}

static js_value *mistake_list(const evaluation *e)
{
    js_value *array = js_new_array();
    for (int i = 0; i < e->n_mistakes && !tp_pending(); i++) {
        const mistake *m = &e->mistakes[i];
        js_value *one = js_new_object();
        js_set(one, "index", js_new_integer(m->example));
        if (e->result.classes) {
            js_set(one, "truth", js_new_integer((int64_t)m->truth));
            js_set(one, "answer", js_new_integer((int64_t)m->answer));
            js_set(one, "probability", js_new_number(m->probability));
            js_set(one, "truth_probability", js_new_number(m->truth_probability));
        } else {
            js_set(one, "truth", js_new_number(m->truth));
            js_set(one, "answer", js_new_number(m->answer));
        }
        js_append(array, one);
    }
    return array;
}

tp_status evaluation_write(const char *folder, const setup *s, int64_t epoch, const evaluation *e)
{
    char path[PATH_MAX];
    const tp_eval_result *r = &e->result;
    file_bytes text = { 0 };
    if (tp_pending() || folder_path(path, folder, "evaluation.json"))
        return tp_error_pending();
    js_value *top = js_new_object(), *names = js_new_array();
    js_set(top, "epoch", js_new_integer(epoch));
    js_set(top, "examples", js_new_integer(r->examples));
    js_set(top, "loss", js_new_number(r->loss));
    js_set(top, "accuracy", js_new_number(r->accuracy));
    js_set(top, "top5", js_new_number(r->top5));
    js_set(top, "macro_precision", js_new_number(r->macro_precision));
    js_set(top, "macro_recall", js_new_number(r->macro_recall));
    js_set(top, "macro_f1", js_new_number(r->macro_f1));
    js_set(top, "classes", js_new_integer(r->classes));
    const int64_t rows = r->confusion ? r->classes : 0; /* nobody reads a table of a vocabulary */
    for (int64_t i = 0; i < rows; i++)
        js_append(names, json_text(i < s->classes ? s->class_names[i] : NULL));
    js_set(top, "class_names", names);
    js_set(top, "precision", number_list(r->precision, rows));
    js_set(top, "recall", number_list(r->recall, rows));
    js_set(top, "f1", number_list(r->f1, rows));
    js_set(top, "confusion", confusion_rows(r));
    js_set(top, "mistakes", mistake_list(e));
    js_set(top, "best_of", js_new_string(task_of(s)->best_of));
    js_set(top, "figures", figures_json(r->figures, r->n_figures));
    if (!tp_pending() && !js_format(top, false, &text) && !file_bytes_append(&text, "\n", 1))
        file_write(path, text.data, text.size);
    js_free(top);
    file_bytes_free(&text);
    return tp_error_pending();
}
