/* idx.c - the IDX files of MNIST and its kin, plain or gzip.
 *
 * offset  size  meaning
 *      0     2  zero
 *      2     1  element type: 0x08 u8, 0x09 i8 (the two that are taken), 0x0b i16, 0x0c i32, 0x0d f32, 0x0e f64
 *      3     1  n, the number of dims
 *      4    4n  the dims, u32 big-endian
 *  4 + 4n       the elements, row-major
 *
 * Images stay bytes in memory; an example becomes floats when it is asked for, in [0, 1], those of signed bytes in [-1, 1).
 * Layer: data.  Depends on io/file.h, io/gzip.h.  Read next: dataset.c. */
#include "data/idx.h"

#include "core/tensor.h"
#include "data/dataset.h"
#include "data/folder.h"
#include "io/gzip.h"

#include <string.h>
#include <unistd.h>

static const int64_t max_file = (int64_t)8 << 30;

/* ---- one file ---------------------------------------------------------------------------------------------------- */

static tp_status check_type(const char *name, const unsigned char *head, size_t size)
{
    static const char *const types[] = {
        [8] = "u8", [9] = "i8", [11] = "i16", [12] = "i32", [13] = "f32", [14] = "f64"
    };
    if (size < 4)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: not an IDX file: %zu bytes, at least 8 are wanted", name,
                       size);
    if (head[0] || head[1])
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: not an IDX file: begins with 0x%02x%02x, 0x0000 is wanted",
                       name, head[0], head[1]);
    if (head[2] >= sizeof types / sizeof *types || !types[head[2]])
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte 2: IDX element type 0x%02x does not exist, 0x08 (u8) is wanted", name,
                       head[2]);
    if (head[2] != 8 && head[2] != 9)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: byte 2: IDX elements are %s, u8 or i8 is wanted", name,
                       types[head[2]]);
    if (head[3] < 1 || head[3] > TP_MAX_DIMS)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 3: %d dims, 1 to %d are wanted", name, head[3], TP_MAX_DIMS);
    if (size < 4 + 4 * (size_t)head[3])
        return tp_fail(TP_ERR_FORMAT, "%s: byte %zu: cut off inside the %d dims", name, size, head[3]);
    return TP_OK;
}

/* Fills shape and start from the first size bytes of the content; *bytes is what the whole content should have. */
static tp_status read_head(const char *name, const unsigned char *head, size_t size, idx_array *out,
                           int64_t *bytes)
{
    tp_status status = check_type(name, head, size);
    if (status)
        return status;
    out->is_signed = head[2] == 9;
    out->shape.ndim = head[3];
    out->start = 4 + 4 * (int64_t)head[3];
    *bytes = 1;
    for (int i = 0; i < out->shape.ndim; i++) {
        const unsigned char *d = head + 4 + 4 * i;
        int64_t dim = (int64_t)d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
        if (dim == 0)
            return tp_fail(TP_ERR_FORMAT, "%s: byte %d: dim %d is 0", name, 4 + 4 * i, i);
        out->shape.dim[i] = dim;
        if (!tp_mul_fits(*bytes, dim, bytes))
            return tp_fail(TP_ERR_FORMAT, "%s: byte 4: the dims multiply to more than any file holds", name);
    }
    if (!tp_add_fits(*bytes, out->start, bytes))
        return tp_fail(TP_ERR_FORMAT, "%s: byte 4: the dims multiply to more than any file holds", name);
    return TP_OK;
}

static tp_status wrong_length(const char *name, tp_shape shape, int64_t got, int64_t wanted)
{
    return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: too %s: %lld bytes, shape %s wants %lld", name,
                   (long long)(got < wanted ? got : wanted), got < wanted ? "short" : "long", (long long)got,
                   shape_text(shape), (long long)wanted);
}

/* The head is inflated first and tells how long the content is: a bomb is never blown up. */
static tp_status inflate(const char *name, const void *data, size_t size, idx_array *out)
{
    unsigned char head[4 + 4 * TP_MAX_DIMS];
    size_t got;
    int64_t bytes = 0;
    tp_status status = gzip_peek(name, data, size, head, sizeof head, &got);
    if (!status)
        status = read_head(name, head, got, out, &bytes);
    if (status)
        return status;
    if (bytes / 1032 > (int64_t)size) /* deflate cannot expand more */
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte 4: shape %s wants %lld bytes, %zu bytes of gzip cannot hold them", name,
                       shape_text(out->shape), (long long)bytes, size);
    status = gzip_inflate(name, data, size, bytes, &out->bytes);
    if (!status && (int64_t)out->bytes.size != bytes)
        status = wrong_length(name, out->shape, (int64_t)out->bytes.size, bytes);
    return status;
}

static tp_status take_plain(const char *name, file_bytes *file, idx_array *out)
{
    int64_t bytes;
    tp_status status = read_head(name, file->data, file->size, out, &bytes);
    if (status)
        return status;
    if ((int64_t)file->size != bytes)
        return wrong_length(name, out->shape, (int64_t)file->size, bytes);
    out->bytes = *file;
    *file = (file_bytes){ 0 };
    return TP_OK;
}

tp_status idx_parse(const char *name, file_bytes *file, idx_array *out)
{
    *out = (idx_array){ 0 };
    tp_status status = tp_error_pending();
    if (!status && gzip_is(file->data, file->size))
        status = inflate(name, file->data, file->size, out);
    else if (!status)
        status = take_plain(name, file, out);
    file_bytes_free(file);
    if (status)
        file_bytes_free(&out->bytes);
    return status;
}

static tp_status idx_read(const char *path, idx_array *out)
{
    file_bytes file;
    *out = (idx_array){ 0 };
    tp_status status = file_read(path, max_file, &file);
    return status ? status : idx_parse(path, &file, out);
}

/* ---- a pair of them is a dataset --------------------------------------------------------------------------------- */

typedef struct pair {
    idx_array images, labels;
    int64_t pixels; /* of one image */
    char *name;     /* of the image file, without its folder */
} pair;

static tp_status pair_get(void *context, int64_t i, float *x, double *y)
{
    const pair *p = context;
    const unsigned char *from = p->images.bytes.data + p->images.start + i * p->pixels;
    if (!p->images.is_signed)
        bytes_to_unit(x, from, p->pixels);
    for (int64_t k = 0; k < p->pixels && p->images.is_signed; k++)
        x[k] = (float)(int8_t)from[k] / 128;
    *y = p->labels.bytes.data[p->labels.start + i];
    return TP_OK;
}

static char *pair_example_name(void *context, int64_t i, char *text, size_t size)
{
    snprintf(text, size, "%s[%lld]", ((pair *)context)->name, (long long)i);
    return text;
}

static void pair_destroy(void *context)
{
    pair *p = context;
    file_bytes_free(&p->images.bytes);
    file_bytes_free(&p->labels.bytes);
    if (p->name)
        tp_free(p->name, strlen(p->name) + 1);
    tp_free(p, sizeof *p);
}

/* Labels count from 0; classes 0: as many as there are.  The largest one is returned through classes. */
static tp_status check_labels(const char *path, const idx_array *labels, int64_t *classes)
{
    const unsigned char *values = labels->bytes.data + labels->start;
    int64_t largest = 0;
    for (int64_t i = 0; i < labels->shape.dim[0]; i++) {
        if (*classes && values[i] >= *classes)
            return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: label %d, 0 to %lld is wanted", path,
                           (long long)(labels->start + i), values[i], (long long)*classes - 1);
        largest = values[i] > largest ? values[i] : largest;
    }
    *classes = *classes ? *classes : largest + 1;
    return TP_OK;
}

static tp_status check_pair(const char *images, const char *labels, const pair *p)
{
    const tp_shape *x = &p->images.shape, *y = &p->labels.shape;
    if (x->ndim != 3 && x->ndim != 4)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 3: shape %s, (N, H, W) or (N, C, H, W) is wanted of images",
                       images, shape_text(*x));
    if (y->ndim != 1 || p->labels.is_signed)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 3: shape %s%s, u8 (N,) is wanted of labels", labels,
                       p->labels.is_signed ? "i8 " : "", shape_text(*y));
    if (x->dim[0] != y->dim[0])
        return tp_fail(TP_ERR_FORMAT, "%s: byte 4: %lld labels, %s has %lld images", labels,
                       (long long)y->dim[0], images, (long long)x->dim[0]);
    return TP_OK;
}

static tp_status load_pair(const char *images, const char *labels, pair *p, int64_t *classes)
{
    tp_status status = idx_read(images, &p->images);
    if (!status)
        status = idx_read(labels, &p->labels);
    if (!status)
        status = check_pair(images, labels, p);
    if (!status)
        status = check_labels(labels, &p->labels, classes);
    if (status)
        return status;
    const char *slash = strrchr(images, '/'), *name = slash ? slash + 1 : images;
    p->name = tp_memdup(name, strlen(name) + 1);
    return p->name ? TP_OK : TP_ERR_MEMORY;
}

static tp_dataset *pair_dataset(const char *kind, const char *images, const char *labels, int64_t classes)
{
    pair *p = tp_pending() ? NULL : tp_calloc(sizeof *p);
    if (!p)
        return NULL;
    if (load_pair(images, labels, p, &classes)) {
        pair_destroy(p);
        return NULL;
    }
    const tp_shape *x = &p->images.shape;
    tp_shape shape = { .ndim = 3,
                       .dim = { x->ndim == 4 ? x->dim[1] : 1, x->dim[x->ndim - 2], x->dim[x->ndim - 1] } };
    p->pixels = shape.dim[0] * shape.dim[1] * shape.dim[2];
    return dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                               .kind = kind,
                                               .get = pair_get,
                                               .destroy = pair_destroy,
                                               .example_name = pair_example_name },
                      p, x->dim[0], shape, classes);
}

tp_dataset *tp_idx(const char *images, const char *labels)
{
    if (tp_pending())
        return NULL;
    if (!images || !labels)
        return tp_fail_null(TP_ERR_ARGUMENT, "idx: a path is NULL");
    return pair_dataset("idx", images, labels, 0);
}

/* ---- a folder with a pair ------------------------------------------------------------------------------------------ */

/* The only file of the folder with that in its name; NULL where there is none or another, without an error. */
static char *only_file(const char *folder, const char *piece, size_t *room)
{
    name_list files;
    const char *found = NULL;
    int count = 0;
    if (folder_list(folder, FOLDER_FILES, &files))
        return NULL;
    for (int64_t i = 0; i < files.count; i++)
        if (strstr(names_at(&files, i), piece) && !count++)
            found = names_at(&files, i);
    char *path = count == 1 ? join_path(folder, found, room) : NULL;
    names_free(&files);
    return path;
}

tp_dataset *idx_folder(const char *folder, int64_t classes)
{
    size_t images_room, labels_room;
    char *images = only_file(folder, "idx3-", &images_room),
         *labels = only_file(folder, "idx1-", &labels_room);
    tp_dataset *d = images && labels ? pair_dataset("idx", images, labels, classes) : NULL;
    tp_free(images, images ? images_room : 0);
    tp_free(labels, labels ? labels_room : 0);
    return d;
}

/* ---- MNIST's folder ---------------------------------------------------------------------------------------------- */

/* The file as it is unpacked or as it is downloaded, with a dash or a dot in its name: all four are around.
 * NULL when there is none, without an error unless memory ran out. */
static char *find_file(const char *folder, const char *stem, const char *kind, size_t *room)
{
    for (int form = 0; form < 4; form++) {
        char name[64];
        snprintf(name, sizeof name, "%s%c%s%s", stem, form < 2 ? '-' : '.', kind, form % 2 ? ".gz" : "");
        char *path = join_path(folder, name, room);
        if (!path || access(path, F_OK) == 0)
            return path;
        tp_free(path, *room);
    }
    return NULL;
}

static char *find_images(const char *folder, tp_part part, size_t *room)
{
    return find_file(folder, part == TP_TRAIN ? "train-images" : "t10k-images", "idx3-ubyte", room);
}

static char *find_labels(const char *folder, tp_part part, size_t *room)
{
    return find_file(folder, part == TP_TRAIN ? "train-labels" : "t10k-labels", "idx1-ubyte", room);
}

bool mnist_is_there(const char *folder, tp_part part)
{
    size_t room;
    char *path = find_images(folder, part, &room);
    bool found = path != NULL;
    tp_free(path, room);
    return found;
}

tp_dataset *tp_mnist(const char *folder, tp_part part)
{
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    if (!folder)
        return tp_fail_null(TP_ERR_ARGUMENT, "mnist: the folder is NULL");
    size_t images_room, labels_room;
    char *images = find_images(folder, part, &images_room), *labels = find_labels(folder, part, &labels_room);
    if (!images || !labels)
        tp_fail(TP_ERR_IO, "%s: no %s-%s, with or without .gz", folder, part == TP_TRAIN ? "train" : "t10k",
                images ? "labels-idx1-ubyte" : "images-idx3-ubyte");
    tp_dataset *d = images && labels ? pair_dataset("mnist", images, labels, 10) : NULL;
    if (d && (d->shape.dim[0] != 1 || d->shape.dim[1] != 28 || d->shape.dim[2] != 28))
        tp_fail(TP_ERR_FORMAT, "%s: byte 4: images of %s, MNIST's are (1, 28, 28)", images,
                shape_text(d->shape));
    tp_free(images, images_room);
    tp_free(labels, labels_room);
    return tp_pending() ? NULL : tp_keep(d);
}
