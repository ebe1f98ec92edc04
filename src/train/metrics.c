/* metrics.c - metrics.jsonl: one line of JSON an epoch, appended and synced.
 *
 * A line comes before the checkpoint of its epoch, so a run that is killed between the two has one line too many:
 * resume cuts it off, and the file becomes what it would have been.
 * Layer: train.  Depends on io.  Read next: loop.c, report.c. */
#include "train/metrics.h"

#include "base/error.h"
#include "train/fields.h"
#include "train/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

js_value *figures_json(const tp_figure *figures, int n)
{
    js_value *object = js_new_object();
    for (int i = 0; i < n; i++)
        js_set(object, figures[i].name, js_new_number(figures[i].value));
    return object;
}

static js_value *line_of(const tp_progress *p)
{
    js_value *line = js_new_object();
    js_set(line, "epoch", js_new_integer(p->epoch));
    js_set(line, "global_step", js_new_integer(p->global_step));
    js_set(line, "lr", js_new_number(p->lr));
    js_set(line, "train_loss", js_new_number(p->train_loss));
    js_set(line, "train_accuracy", js_new_number(p->train_accuracy)); /* null for regressions */
    js_set(line, "test_loss", js_new_number(p->test_loss));
    js_set(line, "test_accuracy", js_new_number(p->test_accuracy));
    js_set(line, "is_best", js_new_bool(p->is_best));
    js_set(line, "seconds", js_new_number(p->seconds));
    js_set(line, "examples_per_second", js_new_number(p->examples_per_second)); /* of training alone */
    if (p->n_figures)
        js_set(line, "figures", figures_json(p->figures, p->n_figures));
    return line;
}

static tp_status put(const char *path, int fd, const file_bytes *text)
{
    struct stat before;
    if (fstat(fd, &before))
        return tp_fail_errno(path, "cannot write");
    ssize_t n;
    do
        n = write(fd, text->data, text->size);
    while (n < 0 && errno == EINTR);
    if (n >= 0 && (size_t)n < text->size)
        errno = ENOSPC;
    if (n == (ssize_t)text->size && (!fsync(fd) || errno == EINVAL || errno == ENOTSUP))
        return TP_OK;
    tp_fail_errno(path, "cannot write");
    (void)!ftruncate(fd, before.st_size);
    return tp_error_pending();
}

tp_status metrics_append(const char *folder, const tp_progress *p)
{
    char path[PATH_MAX];
    file_bytes text = { 0 };
    if (tp_pending() || folder_path(path, folder, "metrics.jsonl"))
        return tp_error_pending();
    js_value *line = line_of(p);
    if (!tp_pending() && !js_format(line, false, &text))
        file_bytes_append(&text, "\n", 1);
    js_free(line);
    if (!tp_pending()) {
        int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
        if (fd < 0)
            tp_fail_errno(path, "cannot write");
        else
            put(path, fd, &text);
        if (fd >= 0)
            close(fd);
    }
    file_bytes_free(&text);
    return tp_error_pending();
}

/* Where the lines of epochs 1 ... epochs end. */
static tp_status find_end(const char *path, const file_bytes *text, int64_t epochs, int64_t *end)
{
    *end = 0;
    for (int64_t i = 1; i <= epochs; i++) {
        const unsigned char *line = text->data + *end;
        const unsigned char *newline = memchr(line, '\n', text->size - (size_t)*end);
        int64_t epoch = 0;
        if (!newline)
            return tp_fail(TP_ERR_FORMAT,
                           "%s: line %lld is missing or cut short, the checkpoint knows %lld epochs", path,
                           (long long)i, (long long)epochs);
        js_value *json = js_parse(path, line, (size_t)(newline - line), *end);
        if (json && (!js_integer(js_get(json, "epoch"), &epoch) || epoch != i))
            tp_fail(TP_ERR_FORMAT, "%s: line %lld: field 'epoch' is not %lld", path, (long long)i,
                    (long long)i);
        js_free(json);
        if (tp_pending())
            return tp_error_pending();
        *end = newline + 1 - text->data;
    }
    return TP_OK;
}

tp_status metrics_cut(const char *folder, int64_t epochs)
{
    char path[PATH_MAX];
    file_bytes text = { 0 };
    int64_t end = 0;
    if (tp_pending() || folder_path(path, folder, "metrics.jsonl"))
        return tp_error_pending();
    if (!file_exists(path) && epochs == 0)
        return file_write(path, "", 0);
    tp_status status = file_read(path, (int64_t)1 << 30, &text);
    if (!status)
        status = find_end(path, &text, epochs, &end);
    if (!status && (size_t)end < text.size)
        status = file_write(path, text.data, (size_t)end);
    file_bytes_free(&text);
    return status;
}
