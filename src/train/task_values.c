/* task_values.c - to learn a value, or a row of them: the mean squared error.
 *
 *   answers (N, T) to values (N, T); T is 1 of a table's rows
 * Layer: train.  Depends on task.h.  Read next: task_classes.c, evaluate.c. */
#include "train/task.h"

#include <math.h>

static tp_status check(const setup *s, const tp_tensor *y, int64_t *outputs)
{
    *outputs = tp_ndim(y) == 2 && tp_size(y, 0) == 1 ? tp_size(y, 1) : 0;
    return *outputs == s->targets
               ? TP_OK
               : tp_fail(TP_ERR_SHAPE, "%s answers with %lld numbers an example, %s wants %lld",
                         s->config.model, (long long)tp_numel(y), s->config.data, (long long)s->targets);
}

static tp_tensor *loss(const setup *s, tp_tensor *y, tp_tensor *truth, tp_tensor *class_weights)
{
    (void)s;
    (void)class_weights;
    as_rows(&y, &truth, false);
    return tp_mse_loss(y, truth);
}

static tp_status add(evaluation *e, const setup *s, tp_tensor *y, const tp_batch *b)
{
    (void)s;
    tp_tensor *values = b->y;
    as_rows(&y, &values, false);
    if (tp_pending())
        return tp_error_pending();
    const int64_t rows = tp_size(values, 0), each = rows / b->n;
    if (!answers_fit(y, values) || rows != tp_numel(values) || tp_size(y, 1) != 1)
        return tp_fail(TP_ERR_SHAPE, "evaluate: the network does not answer with f32 numbers (%lld, 1)",
                       (long long)tp_numel(values));
    const float *x = tp_data(y), *truth = tp_data(values);
    for (int64_t i = 0; i < rows; i++) {
        const double value = (double)x[i * tp_stride(y, 0)], error = value - (double)truth[i];
        if (!e->result.examples)
            e->values.first = (double)truth[i];
        const double t = (double)truth[i] - e->values.first;
        e->values.sum += t, e->values.squares += t * t, e->values.absolute += fabs(error);
        e->result.loss += error * error;
        evaluation_mistake(e, (mistake){ b->examples[i / each], (double)truth[i], value, fabs(error), NAN });
        e->result.examples++;
    }
    return TP_OK;
}

/* R2 = 1 - squared errors / squared distances from the mean (scikit-learn's r2_score). */
static tp_status measure(evaluation *e, const setup *s, tp_module *net, tp_dataset *d,
                         tp_transform *transform)
{
    (void)s, (void)net, (void)d, (void)transform;
    const double n = (double)e->result.examples,
                 spread = e->values.squares / n - e->values.sum / n * (e->values.sum / n);
    evaluation_figure(e, "RMSE", sqrt(e->result.loss));
    evaluation_figure(e, "MAE", e->values.absolute / n);
    if (spread > 0)
        evaluation_figure(e, "R2", 1 - e->result.loss / spread);
    return TP_OK;
}

extern const task task_values;
const task task_values = {
    .name = "values", .check = check, .loss = loss, .add = add, .measure = measure, .best_of = "loss"
};
