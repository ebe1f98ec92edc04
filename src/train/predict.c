/* predict.c - answers for many pictures: files, folders and globs, read in parallel, in batches.  Of a table its rows are answered.
 *
 * What cannot be read becomes an answer with an error, so that it stops nothing else.  A folder's pictures come in the order
 * in which image_folder has them: its own by name, then those of each folder in it.
 * Layer: train.  Depends on run.h, data/folder.h.  Read next: predict_table.c, input.c, run.c. */
#include "base/parallel.h"
#include "data/dataset.h"
#include "data/folder.h"
#include "train/run.h"

#include <glob.h>
#include <string.h>
#include <sys/stat.h>

enum { BATCH = 16 };

/* ---- which pictures ---------------------------------------------------------------------------------------------- */

/* Paths, and beside each why it cannot be one ("" if nobody knows yet). */
typedef struct pictures {
    name_list paths, errors;
} pictures;

static tp_status add(pictures *p, const char *path, const char *error)
{
    return names_add(&p->paths, path) ? tp_error_pending() : names_add(&p->errors, error);
}

/* What was found before an error comes before it. */
static tp_status add_folder(pictures *p, const char *folder)
{
    char error[1024] = "";
    name_list names = { 0 };
    if (!folder_pictures(folder, "", false, &names) && !names.count)
        snprintf(error, sizeof error, "%s: no PNG or JPEG files", folder);
    if (tp_pending() && tp_error_pending() != TP_ERR_MEMORY)
        tp_error_take(error, sizeof error);
    for (int64_t i = 0; i < names.count && !tp_pending(); i++) {
        size_t room;
        char *path = join_path(folder, names_at(&names, i), &room);
        if (path)
            add(p, path, "");
        tp_free(path, room);
    }
    names_free(&names);
    return *error && !tp_pending() ? add(p, folder, error) : tp_error_pending();
}

static tp_status add_path(pictures *p, const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? add_folder(p, path) : add(p, path, "");
}

static tp_status add_glob(pictures *p, const char *pattern)
{
    glob_t found = { 0 };
    int failure = glob(pattern, 0, NULL, &found);
    if (failure == GLOB_NOSPACE)
        tp_fail(TP_ERR_MEMORY, "%s: out of memory", pattern);
    for (size_t i = 0; i < found.gl_pathc && !failure && !tp_pending(); i++)
        add_path(p, found.gl_pathv[i]);
    globfree(&found);
    if (failure && !tp_pending()) {
        char error[1024];
        snprintf(error, sizeof error, "%s: no file of such a name", pattern);
        return add(p, pattern, error);
    }
    return tp_error_pending();
}

static tp_status find_pictures(pictures *p, const char *const *paths, int n)
{
    for (int i = 0; i < n && !tp_pending(); i++) {
        struct stat info;
        if (!paths[i])
            return tp_fail(TP_ERR_ARGUMENT, "run_predict: path %d is NULL", i);
        if (strpbrk(paths[i], "*?[") && stat(paths[i], &info))
            add_glob(p, paths[i]);
        else
            add_path(p, paths[i]);
    }
    return tp_error_pending();
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

typedef struct batch {
    tp_run *run;
    const pictures *all;
    int64_t first, numel; /* numel: of one example */
    float *x;             /* a row a picture */
    tp_error_record *errors;
} batch;

static void read_pictures(void *context, int64_t begin, int64_t end)
{
    const batch *b = context;
    for (int64_t i = begin; i < end; i++) {
        TP_SCOPE;
        const char *path = names_at(&b->all->paths, b->first + i),
                   *error = names_at(&b->all->errors, b->first + i);
        tp_tensor *x = *error ? NULL : tp_run_input(b->run, path);
        if (*error)
            tp_fail(TP_ERR_IO, "%s", error);
        if (x)
            memcpy(b->x + i * b->numel, tp_data(x), (size_t)b->numel * sizeof *b->x);
        tp_error_export(&b->errors[i]);
    }
}

/* Moves the rows that could be read to the front; how many they are, or an error of memory pending. */
static int64_t gather(const batch *b, int64_t n)
{
    int64_t good = 0;
    for (int64_t i = 0; i < n && !tp_pending(); i++) {
        if (b->errors[i].status == TP_ERR_MEMORY)
            tp_error_import(&b->errors[i]);
        if (b->errors[i].status)
            continue;
        if (good != i)
            memcpy(b->x + good * b->numel, b->x + i * b->numel, (size_t)b->numel * sizeof *b->x);
        good++;
    }
    return good;
}

/* The answers (good, outputs) as doubles; NULL with an error, and where there is no picture. */
static tp_tensor *answer(const batch *b, tp_tensor *x, int64_t good)
{
    if (!good || tp_pending())
        return NULL;
    tp_tensor *y = tp_contiguous(tp_double(tp_predict(b->run, tp_narrow(x, 0, 0, good))));
    int64_t classes = tp_run_classes(b->run), wanted = classes ? classes : 1;
    if (y && tp_numel(y) != good * wanted)
        return tp_fail_null(TP_ERR_SHAPE,
                            "run_predict: the network answers with %lld numbers, %lld are wanted",
                            (long long)(tp_numel(y) / good), (long long)wanted);
    return y;
}

static tp_status predict_batch(const batch *b, int64_t n, tp_prediction_fn *told, void *context, bool *go_on)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_status status;
    batch own = *b;
    tp_shape shape = setup_input(own.run->setup, &status);
    shape.dim[0] = n;
    tp_tensor *x = status ? NULL : tp_empty(shape);
    if (!x)
        return tp_error_pending();
    own.x = tp_data(x);
    own.numel = tp_numel(x) / n;
    parallel_for(n, 1, read_pictures, &own);
    int64_t good = gather(&own, n), row = 0;
    tp_tensor *y = answer(&own, x, good);
    const double *values = y ? tp_data(y) : NULL;
    for (int64_t i = 0; i < n && *go_on && !tp_pending(); i++) {
        const tp_error_record *e = &own.errors[i];
        int64_t outputs = y ? tp_numel(y) / good : 0;
        *go_on = told(context, &(tp_prediction){ .path = names_at(&own.all->paths, own.first + i),
                                                 .status = e->status,
                                                 .error = e->status ? e->text : NULL,
                                                 .values = e->status ? NULL : values + outputs * row,
                                                 .n = e->status ? 0 : outputs });
        row += !e->status;
    }
    return tp_error_pending();
}

tp_status tp_run_predict(tp_run *run, const char *const *paths, int n, int64_t batch_size,
                         tp_prediction_fn *told, void *context)
{
    TP_SCOPE;
    pictures all = { 0 };
    bool go_on = true;
    if (tp_pending())
        return tp_error_pending();
    if (!run || !paths || !told || n < 0 || batch_size < 0 || batch_size > 1 << 20)
        return tp_fail(TP_ERR_ARGUMENT,
                       "run_predict: a run, paths, a function and a batch size of 0 (%d) to %d "
                       "are wanted",
                       BATCH, 1 << 20);
    batch_size = batch_size ? batch_size : BATCH;
    if (run->setup->columns) {
        for (int i = 0; i < n && go_on && !tp_pending(); i++)
            predict_table(run, paths[i] ? paths[i] : "", batch_size, told, context, &go_on);
        return tp_error_pending();
    }
    size_t bytes = (size_t)batch_size * sizeof(tp_error_record);
    batch b = { .run = run, .all = &all, .errors = tp_alloc(bytes) };
    if (b.errors)
        find_pictures(&all, paths, n);
    for (; b.first < all.paths.count && go_on && !tp_pending(); b.first += batch_size) {
        int64_t left = all.paths.count - b.first;
        predict_batch(&b, left < batch_size ? left : batch_size, told, context, &go_on);
    }
    names_free(&all.paths);
    names_free(&all.errors);
    tp_free(b.errors, bytes);
    return tp_error_pending();
}
