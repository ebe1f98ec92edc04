/* predict_table.c - answers for the rows of tables, whose columns are found by the names that the run learned from.
 *
 * Layer: train.  Depends on run.h, data.  Read next: predict.c, data/csv.c. */
#include "train/run.h"

#include "data/csv.h"
#include "data/dataset.h"

#include <string.h>

/* With or without the target, which is not looked at. */
static tp_csv_options options_of(const setup *s)
{
    const tp_csv_options *o = &s->config.data_options.csv;
    return (tp_csv_options){ .struct_size = sizeof(tp_csv_options),
                             .target = s->target_name,
                             .delimiter = o->delimiter,
                             .header = o->header,
                             .no_target = true,
                             .known = setup_known_names(s) };
}

static tp_status tell_batch(tp_run *run, const tp_dataset *d, const tp_batch *b, tp_prediction_fn *told,
                            void *context, bool *go_on)
{
    TP_SCOPE;
    char name[512];
    tp_tensor *y = tp_contiguous(tp_double(tp_predict(run, b->x)));
    const double *values = y ? tp_data(y) : NULL;
    const int64_t outputs = y ? tp_numel(y) / b->n : 0;
    for (int64_t i = 0; i < b->n && *go_on && y; i++)
        *go_on = told(context,
                      &(tp_prediction){ .path = tp_dataset_example_name(d, b->examples[i], name, sizeof name),
                                        .values = values + i * outputs,
                                        .n = outputs });
    return tp_error_pending();
}

tp_status predict_table(tp_run *run, const char *path, int64_t batch_size, tp_prediction_fn *told,
                        void *context, bool *go_on)
{
    TP_SCOPE;
    TP_NO_GRAD;
    char error[1024];
    const tp_csv_options options = options_of(run->setup);
    tp_dataset *d = tp_csv_opt(path, &options);
    tp_loader *loader = d ? tp_loader_new(d, batch_size, .transform = run->transform) : NULL;
    for (tp_batch b; loader && *go_on && tp_loader_next(loader, &b);)
        if (tell_batch(run, d, &b, told, context, go_on))
            break;
    const tp_status status = tp_error_pending();
    if (d || !status || status == TP_ERR_MEMORY)
        return status;
    tp_error_take(error, sizeof error); /* of the file: it stops no other */
    *go_on = told(context, &(tp_prediction){ .path = path, .status = status, .error = error });
    return TP_OK;
}

const char *tp_run_column_name(const tp_run *run, int64_t i)
{
    return run && i >= 0 && i < run->setup->columns ? run->setup->column_names[i] : NULL;
}

tp_tensor *tp_run_rows(tp_run *run, const char *csv)
{
    TP_SCOPE;
    TP_NO_GRAD;
    file_bytes text = { 0 };
    if (tp_pending())
        return NULL;
    if (!run || !csv || !run->setup->columns)
        return tp_fail_null(TP_ERR_ARGUMENT, "run_rows: %s",
                            run && csv ? "the run knows no columns' names" : "the run or the text is NULL");
    tp_csv_options options = options_of(run->setup);
    options.delimiter = ',', options.header = 1;
    tp_dataset *d = file_bytes_append(&text, csv, strlen(csv)) ? NULL : csv_from("rows", &text, &options);
    tp_loader *loader = d ? tp_loader_new(d, tp_dataset_count(d), .transform = run->transform) : NULL;
    tp_batch b;
    return loader && tp_loader_next(loader, &b) ? tp_keep(tp_clone(b.x)) : NULL;
}
