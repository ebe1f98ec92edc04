/* predict_table.c - answers for the rows of tables, whose columns are found by the names that the run learned from.
 *
 * Layer: train.  Depends on run.h, data.  Read next: predict.c, data/csv.c. */
#include "train/run.h"

#include "data/dataset.h"

/* With or without the target, which is not looked at. */
static tp_dataset *open_table(const setup *s, const char *path)
{
    const tp_csv_options *o = &s->config.data_options.csv;
    return tp_csv(path, .target = s->target_name, .delimiter = o->delimiter, .header = o->header,
                  .no_target = true, .known = setup_known_names(s));
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
    tp_dataset *d = open_table(run->setup, path);
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
