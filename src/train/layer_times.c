/* layer_times.c - how long each layer takes, forward and backward, in one step of a training.
 *
 * The observer tells a module's forward with its children's; its own time is what is left without theirs.  A tensor hook on the
 * output tells when its gradient has come: from then until the next one comes the time is the module's.  Nothing of the
 * step changes but that activations are not fused into what comes before them, which gives the same bits.
 * Layer: train.  Depends on nn, io/json.h.  Read next: loop.c, report_times.c. */
#include "train/layer_times.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/object.h"
#include "io/json.h"
#include "train/folder.h"
#include "train/loop.h"

#include <string.h>

typedef struct timed {
    tp_module *module;
    struct layer_times *times;
    char name[256];
    int64_t parent; /* index; -1: the network itself */
    double forward, backward;
} timed;

struct layer_times {
    tp_object object;
    timed *rows;
    int64_t n, room;
    const tp_tensor *last; /* output of the module before: that of a sequence is its last child's */
    timed *now;            /* whose gradient has come */
    double since;
};

static void times_destroy(void *object)
{
    layer_times *t = object;
    tp_set_observer(NULL, NULL);
    tp_free(t->rows, (size_t)t->room * sizeof *t->rows);
    tp_free(t, sizeof *t);
}

static const tp_class times_class = { "layer_times", times_destroy };

static int64_t count(tp_module *m)
{
    int64_t n = 1;
    for (int i = 0; i < tp_n_children(m); i++)
        n += count(tp_child_at(m, i));
    return n;
}

static void add_rows(layer_times *t, tp_module *m, int64_t parent, const char *name)
{
    int64_t at = t->n++;
    timed *row = &t->rows[at];
    *row = (timed){ .module = m, .times = t, .parent = parent };
    const char *before = parent < 0 ? "" : t->rows[parent].name;
    int length = snprintf(row->name, sizeof row->name, "%s%s%s", before, *before ? "." : "", name);
    if (length >= (int)sizeof row->name)
        tp_fail(TP_ERR_ARGUMENT, "layer_times: the name '%.60s...' is longer than %zu bytes", row->name,
                sizeof row->name - 1);
    for (int i = 0; i < tp_n_children(m); i++)
        add_rows(t, tp_child_at(m, i), at, tp_child_name(m, i));
}

/* ---- watching ------------------------------------------------------------------------------------------------------ */

static void end_interval(layer_times *t)
{
    double now = clock_seconds();
    if (t->now)
        t->now->backward += now - t->since;
    t->since = now;
}

static tp_tensor *gradient_came(tp_tensor *grad, void *context)
{
    timed *row = context;
    (void)grad;
    end_interval(row->times);
    row->times->now = row;
    return NULL;
}

static void forward_was(void *context, tp_module *m, const tp_tensor *input, const tp_tensor *output,
                        double seconds)
{
    layer_times *t = context;
    (void)input;
    for (int64_t i = 0; i < t->n; i++) {
        timed *row = &t->rows[i];
        if (row->module != m)
            continue;
        row->forward += seconds;
        if (row->parent >= 0)
            t->rows[row->parent].forward -= seconds;
        if (output != t->last && tp_requires_grad(output))
            tp_register_hook((tp_tensor *)output, gradient_came, row);
        t->last = output;
        break;
    }
}

layer_times *layer_times_begin(tp_module *net)
{
    layer_times *t = tp_object_new(&times_class, sizeof *t);
    if (!t)
        return NULL;
    t->room = count(net);
    t->rows = tp_alloc((size_t)t->room * sizeof *t->rows);
    if (!t->rows) {
        t->room = 0;
        return NULL;
    }
    add_rows(t, net, -1, "");
    if (!tp_pending())
        tp_set_observer(forward_was, t);
    return tp_pending() ? NULL : t;
}

void layer_times_forward_done(layer_times *t)
{
    if (t)
        tp_set_observer(NULL, NULL);
}

void layer_times_backward(layer_times *t)
{
    if (t)
        t->since = clock_seconds();
}

/* ---- telling ------------------------------------------------------------------------------------------------------- */

static js_value *rows_of(const layer_times *t)
{
    js_value *all = js_new_array();
    for (int64_t i = 0; i < t->n && !tp_pending(); i++) {
        const timed *row = &t->rows[i];
        js_value *one = js_new_object();
        js_set(one, "name", js_new_string(row->name));
        js_set(one, "type", js_new_string(tp_module_type(row->module)));
        js_set(one, "forward", js_new_number(row->forward > 0 ? row->forward : 0));
        js_set(one, "backward", js_new_number(row->backward));
        js_append(all, one);
    }
    return all;
}

tp_status layer_times_write(layer_times *t, const char *folder, int64_t step, int64_t batch)
{
    char path[PATH_MAX];
    if (!t || tp_pending())
        return tp_error_pending();
    end_interval(t);
    t->now = NULL;
    if (folder_path(path, folder, "layer_times.json"))
        return tp_error_pending();
    js_value *top = js_new_object();
    js_set(top, "step", js_new_integer(step));
    js_set(top, "batch", js_new_integer(batch));
    js_set(top, "layers", rows_of(t));
    if (!tp_pending())
        js_write(path, top);
    js_free(top);
    return tp_error_pending();
}
