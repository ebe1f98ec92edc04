/* cifar.c - CIFAR-10's binary version: data_batch_1.bin to data_batch_5.bin for training, test_batch.bin.
 *
 *   offset  size  of a record of 3073 bytes
 *   0       1     label, 0 to 9
 *   1       3072  pixels: red, green, blue, each 32 rows of 32
 *
 * A file is any whole number of records.
 * Layer: data.  Depends on io/file.h.  Read next: idx.c, open.c. */
#include "data/cifar.h"

#include "data/dataset.h"
#include "io/file.h"

#include <string.h>
#include <unistd.h>

enum { PIXELS = 3 * 32 * 32, RECORD = 1 + PIXELS, CLASSES = 10, FILES = 5 };

static const int64_t max_file = (int64_t)1 << 30;

typedef struct cifar {
    file_bytes files[FILES];
    int64_t ends[FILES]; /* records of file k end before ends[k] */
    const char *names[FILES];
} cifar;

static const char *const train_names[FILES] = { "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                                "data_batch_4.bin", "data_batch_5.bin" };
static const char *const test_names[FILES] = { "test_batch.bin" };

static int file_of(const cifar *c, int64_t i)
{
    int k = 0;
    while (i >= c->ends[k])
        k++;
    return k;
}

static tp_status cifar_get(void *context, int64_t i, float *x, double *y)
{
    const cifar *c = context;
    int k = file_of(c, i);
    const unsigned char *record = c->files[k].data + (i - (k ? c->ends[k - 1] : 0)) * RECORD;
    bytes_to_unit(x, record + 1, PIXELS);
    *y = record[0];
    return TP_OK;
}

static const char *cifar_class_name(void *context, int64_t label)
{
    static const char *const names[CLASSES] = { "airplane", "automobile", "bird",  "cat",  "deer",
                                                "dog",      "frog",       "horse", "ship", "truck" };
    (void)context;
    return names[label];
}

static char *cifar_example_name(void *context, int64_t i, char *text, size_t size)
{
    const cifar *c = context;
    int k = file_of(c, i);
    snprintf(text, size, "%s[%lld]", c->names[k], (long long)(i - (k ? c->ends[k - 1] : 0)));
    return text;
}

static void cifar_destroy(void *context)
{
    cifar *c = context;
    for (int k = 0; k < FILES; k++)
        file_bytes_free(&c->files[k]);
    tp_free(c, sizeof *c);
}

static tp_status check_records(const char *path, const file_bytes *file)
{
    if (!file->size || file->size % RECORD)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte %zu: %zu bytes, a multiple of %d is wanted (a label and 3 x 32 x 32)", path,
                       file->size - file->size % RECORD, file->size, RECORD);
    for (size_t at = 0; at < file->size; at += RECORD)
        if (file->data[at] >= CLASSES)
            return tp_fail(TP_ERR_FORMAT, "%s: byte %zu: label %d, 0 to %d is wanted", path, at,
                           file->data[at], CLASSES - 1);
    return TP_OK;
}

/* The last ones may be missing: a file that is not there has no records. */
static tp_status read_file(cifar *c, const char *folder, int k)
{
    size_t room;
    char *path = join_path(folder, c->names[k], &room);
    tp_status status = path ? TP_OK : TP_ERR_MEMORY;
    if (path && access(path, F_OK) == 0) {
        status = file_read(path, max_file, &c->files[k]);
        if (!status)
            status = check_records(path, &c->files[k]);
        if (!status && k && !c->files[k - 1].size)
            status = tp_fail(TP_ERR_IO, "%s: %s is there, but not %s", folder, c->names[k], c->names[k - 1]);
    }
    tp_free(path, room);
    c->ends[k] = (k ? c->ends[k - 1] : 0) + (int64_t)(c->files[k].size / RECORD);
    return status;
}

bool cifar10_is_there(const char *folder)
{
    bool found = false;
    for (int k = 0; k < FILES && !found; k++) {
        size_t room;
        char *path = join_path(folder, train_names[k], &room);
        found = path && access(path, F_OK) == 0;
        tp_free(path, room);
    }
    return found;
}

tp_dataset *tp_cifar10(const char *folder, tp_part part)
{
    if (tp_pending())
        return NULL;
    if (!folder)
        return tp_fail_null(TP_ERR_ARGUMENT, "cifar10: the folder is NULL");
    cifar *c = tp_calloc(sizeof *c);
    if (!c)
        return NULL;
    tp_status status = TP_OK;
    for (int k = 0; k < FILES && !status; k++) {
        c->names[k] = part == TP_TRAIN ? train_names[k] : test_names[k];
        c->ends[k] = k ? c->ends[k - 1] : 0;
        if (c->names[k])
            status = read_file(c, folder, k);
    }
    if (!status && !c->ends[FILES - 1])
        status =
            tp_fail(TP_ERR_IO, "%s: no %s", folder, part == TP_TRAIN ? "data_batch_1.bin" : "test_batch.bin");
    if (status) {
        cifar_destroy(c);
        return NULL;
    }
    return dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                               .kind = "cifar10",
                                               .get = cifar_get,
                                               .class_name = cifar_class_name,
                                               .destroy = cifar_destroy,
                                               .example_name = cifar_example_name },
                      c, c->ends[FILES - 1], TP_SHAPE(3, 32, 32), CLASSES);
}
