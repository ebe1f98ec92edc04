/* history.c - metrics.jsonl read back: what was measured after each epoch.
 *
 * A last line that was cut off while it was written is left out; any other that is no epoch is an error that names it.
 * Layer: train.  Depends on io/file.h, io/json.h.  Read next: report.c. */
#include "base/error.h"
#include "base/memory.h"
#include "io/json.h"
#include "train/folder.h"

#include <taper/train.h>

#include <limits.h>
#include <math.h>
#include <string.h>

static const int64_t most_bytes = 256 << 20;

static double number(const js_value *object, const char *name)
{
    double x;
    return js_number(js_get(object, name), &x) ? x : NAN;
}

static tp_status add_epoch(tp_history *h, const char *path, int64_t line, const js_value *v)
{
    if (!isfinite(number(v, "epoch")))
        return tp_fail(TP_ERR_FORMAT, "%s: line %lld has no number 'epoch', which an epoch's has", path,
                       (long long)line);
    if (tp_grow((void **)&h->epochs, &h->room, h->n + 1, sizeof *h->epochs))
        return tp_error_pending();
    tp_epoch *e = &h->epochs[h->n++];
    *e = (tp_epoch){
        number(v, "epoch"),           number(v, "global_step"),    number(v, "lr"),
        number(v, "train_loss"),      number(v, "train_accuracy"), number(v, "test_loss"),
        number(v, "test_accuracy"),   number(v, "seconds"),        number(v, "examples_per_second"),
        js_true(js_get(v, "is_best"))
    };
    return TP_OK;
}

static void read_lines(tp_history *h, const char *path, const file_bytes *all)
{
    int64_t number_of_line = 1;
    for (size_t at = 0; at < all->size && !tp_pending(); number_of_line++) {
        const unsigned char *line = all->data + at, *end = memchr(line, '\n', all->size - at);
        size_t size = end ? (size_t)(end - line) : all->size - at;
        if (size > 1) {
            js_value *v = js_parse(path, line, size, (int64_t)at);
            if (v)
                add_epoch(h, path, number_of_line, v);
            else if (!end && tp_error_pending() == TP_ERR_FORMAT)
                tp_error_take(NULL, 0);
            js_free(v);
        }
        at += size + 1;
    }
}

tp_status tp_history_read(const char *run_folder, tp_history *h)
{
    char path[PATH_MAX];
    file_bytes all = { 0 };
    *h = (tp_history){ 0 };
    if (tp_pending() || folder_path(path, run_folder, "metrics.jsonl"))
        return tp_error_pending();
    if (!file_read(path, most_bytes, &all))
        read_lines(h, path, &all);
    file_bytes_free(&all);
    return tp_error_pending();
}

void tp_history_free(tp_history *h)
{
    tp_free(h->epochs, (size_t)h->room * sizeof *h->epochs);
    *h = (tp_history){ 0 };
}
