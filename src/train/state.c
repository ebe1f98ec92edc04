/* state.c - state.json: where a run stands.
 *
 * Every double comes back exactly, so that a resumed run adds to the same sums.
 * Layer: train.  Depends on fields.h.  Read next: checkpoint.c. */
#include "base/error.h"
#include "train/checkpoint.h"
#include "train/fields.h"

#include <string.h>

static js_value *schedule_value(tp_schedule_state s)
{
    js_value *object = js_new_object();
    js_set(object, "step", js_new_integer(s.step));
    js_set(object, "best", json_exact(s.best));
    js_set(object, "factor", json_exact(s.factor));
    js_set(object, "bad", js_new_integer(s.bad));
    return object;
}

tp_status state_write(const char *path, const char *model, const train_state *s)
{
    if (tp_pending())
        return tp_error_pending();
    js_value *top = js_new_object();
    js_set(top, "format", js_new_integer(1));
    js_set(top, "model", js_new_string(model));
    js_set(top, "epoch", js_new_integer(s->epoch));
    js_set(top, "step", js_new_integer(s->step));
    js_set(top, "global_step", js_new_integer(s->global_step));
    js_set(top, "loss_sum", json_exact(s->loss_sum));
    js_set(top, "seen", js_new_integer(s->seen));
    js_set(top, "right", js_new_integer(s->right));
    js_set(top, "optim_steps", js_new_integer(s->optim_steps));
    js_set(top, "schedule", schedule_value(s->schedule));
    js_set(top, "test_loss", json_exact(s->test_loss));
    js_set(top, "test_accuracy", json_exact(s->test_accuracy));
    js_set(top, "best", json_exact(s->best));
    js_set(top, "best_epoch", js_new_integer(s->best_epoch));
    js_set(top, "without_gain", js_new_integer(s->without_gain));
    tp_status status = tp_pending() ? tp_error_pending() : js_write(path, top);
    js_free(top);
    return status;
}

static tp_status read_schedule(const fields *top, tp_schedule_state *s)
{
    fields f;
    tp_status status = fields_section(top, "schedule", &f);
    if (!status)
        status = fields_count(&f, "step", &s->step);
    if (!status)
        status = fields_number(&f, "best", &s->best);
    if (!status)
        status = fields_number(&f, "factor", &s->factor);
    return status ? status : fields_count(&f, "bad", &s->bad);
}

static tp_status read_members(const fields *f, train_state *s)
{
    const struct {
        const char *name;
        int64_t *out;
    } counts[] = {
        { "epoch", &s->epoch },
        { "step", &s->step },
        { "global_step", &s->global_step },
        { "seen", &s->seen },
        { "right", &s->right },
        { "optim_steps", &s->optim_steps },
        { "best_epoch", &s->best_epoch },
        { "without_gain", &s->without_gain },
    };
    const struct {
        const char *name;
        double *out;
    } numbers[] = {
        { "loss_sum", &s->loss_sum },
        { "test_loss", &s->test_loss },
        { "test_accuracy", &s->test_accuracy },
        { "best", &s->best },
    };
    tp_status status = TP_OK;
    for (size_t i = 0; i < sizeof counts / sizeof *counts && !status; i++)
        status = fields_count(f, counts[i].name, counts[i].out);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++)
        status = fields_number(f, numbers[i].name, numbers[i].out);
    return status ? status : read_schedule(f, &s->schedule);
}

static tp_status check_model(const fields *f, const char *model)
{
    const js_value *value = fields_get(f, "model", JS_STRING);
    if (value && strcmp(js_string(value), model) != 0)
        return tp_fail(TP_ERR_FORMAT, "%s: is a checkpoint of model '%s', the run's config.json says '%s'",
                       f->path, js_string(value), model);
    return tp_error_pending();
}

tp_status state_read(const char *path, const char *model, train_state *s)
{
    *s = (train_state){ 0 };
    int64_t format;
    js_value *json = js_read(path);
    fields top = { path, "", json };
    if (!json)
        return tp_error_pending();
    tp_status status = fields_integer(&top, "format", 1, 1, &format);
    if (!status)
        status = check_model(&top, model);
    if (!status)
        status = read_members(&top, s);
    js_free(json);
    return status;
}
