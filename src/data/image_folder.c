/* image_folder.c - a folder of class folders of pictures, as torchvision's ImageFolder.
 *
 * Only names are kept in memory; a picture is read and decoded when its example is asked for: shorter side resized to
 * size (bilinear with antialiasing), centre cropped.  Layer: data.  Depends on io/image.h.  Read next: folder.c. */
#include "data/image_folder.h"

#include "data/dataset.h"
#include "data/folder.h"
#include "data/transform.h"
#include "io/image.h"

#include <math.h>
#include <string.h>

typedef struct image_folder {
    char *top;
    name_list classes, files; /* file paths are relative to top */
    int64_t *ends;            /* files of class k end before ends[k] */
    int64_t channels, size;
} image_folder;

/* ---- one picture ------------------------------------------------------------------------------------------------- */

/* The middle size x size of planes of height x width. */
static void crop(const float *planes, int64_t channels, int64_t height, int64_t width, int64_t size, float *x)
{
    int64_t top = (int64_t)rint((double)(height - size) / 2),
            left = (int64_t)rint((double)(width - size) / 2);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < size; i++, x += size)
            memcpy(x, planes + (c * height + top + i) * width + left, (size_t)size * sizeof *x);
}

static tp_status bring_to_size(const char *name, const picture *p, int64_t size, float *x)
{
    int64_t shorter = p->height < p->width ? p->height : p->width,
            longer = p->height < p->width ? p->width : p->height;
    int64_t long_size =
        (int64_t)((double)size * (double)longer / (double)shorter); /* torchvision's rounding */
    int64_t height = p->height < p->width ? size : long_size, width = p->height < p->width ? long_size : size;
    size_t bytes = (size_t)(p->height * p->width * p->channels) * sizeof(float), resized_bytes = 0;
    if (long_size > MAX_PIXELS / size)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: a picture of %lld x %lld is too narrow to be resized", name,
                       (long long)p->width, (long long)p->height);
    resized_bytes = (size_t)(height * width * p->channels) * sizeof(float);
    float *planes = tp_alloc(bytes), *resized = planes ? tp_alloc(resized_bytes) : NULL;
    tp_status status = resized ? TP_OK : TP_ERR_MEMORY;
    if (!status) {
        picture_to_planes(p, planes);
        status = resize_planes(p->channels, p->height, p->width, planes, height, width, resized);
    }
    if (!status)
        crop(resized, p->channels, height, width, size, x);
    tp_free(planes, bytes);
    tp_free(resized, resized_bytes);
    return status;
}

static tp_status image_folder_label(void *context, int64_t i, double *y)
{
    const image_folder *f = context;
    int64_t label = 0;
    while (i >= f->ends[label])
        label++;
    *y = (double)label;
    return TP_OK;
}

static tp_status image_folder_get(void *context, int64_t i, float *x, double *y)
{
    const image_folder *f = context;
    picture p = { 0 };
    size_t room;
    char *path = join_path(f->top, names_at(&f->files, i), &room);
    tp_status status = path ? picture_read(path, (int)f->channels, &p) : TP_ERR_MEMORY;
    if (!status)
        status = bring_to_size(path, &p, f->size, x);
    picture_free(&p);
    tp_free(path, room);
    image_folder_label(context, i, y);
    return status;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static const char *image_folder_class_name(void *context, int64_t label)
{
    return names_at(&((image_folder *)context)->classes, label);
}

static char *image_folder_example_name(void *context, int64_t i, char *text, size_t size)
{
    const image_folder *f = context;
    snprintf(text, size, "%s/%s", f->top, names_at(&f->files, i));
    return text;
}

static void image_folder_destroy(void *context)
{
    image_folder *f = context;
    tp_free(f->ends, (size_t)f->classes.count * sizeof *f->ends);
    if (f->top)
        tp_free(f->top, strlen(f->top) + 1);
    names_free(&f->classes);
    names_free(&f->files);
    tp_free(f, sizeof *f);
}

/* Every folder there is a class that is known. */
static tp_status check_classes(const char *folder, const char *classes_from, const name_list *classes)
{
    name_list here;
    tp_status status = folder_list(folder, FOLDER_FOLDERS, &here);
    for (int64_t i = 0, k = 0; i < here.count && !status; i++) {
        while (k < classes->count && strcmp(names_at(classes, k), names_at(&here, i)) < 0)
            k++;
        if (k == classes->count || strcmp(names_at(classes, k), names_at(&here, i)) != 0)
            status = tp_fail(TP_ERR_FORMAT, "%s/%s: a class that %s does not have", folder,
                             names_at(&here, i), classes_from);
    }
    names_free(&here);
    return status;
}

static tp_status find_files(image_folder *f, bool own_classes)
{
    tp_status status = TP_OK;
    for (int64_t k = 0; k < f->classes.count && !status; k++) {
        size_t room;
        const char *class_name = names_at(&f->classes, k);
        int64_t before = f->files.count;
        char *path = join_path(f->top, class_name, &room);
        if (!path)
            status = TP_ERR_MEMORY;
        else if (own_classes || is_folder(path))
            status = folder_pictures(f->top, class_name, true, &f->files);
        if (!status && own_classes && f->files.count == before)
            status = tp_fail(TP_ERR_FORMAT, "%s: a class folder without PNG or JPEG files", path);
        f->ends[k] = f->files.count;
        tp_free(path, room);
    }
    if (!status && f->files.count == 0)
        status = tp_fail(TP_ERR_FORMAT, "%s: no PNG or JPEG files", f->top);
    return status;
}

static tp_status load(image_folder *f, const char *folder, const char *classes_from)
{
    f->top = tp_memdup(folder, strlen(folder) + 1);
    if (!f->top)
        return TP_ERR_MEMORY;
    tp_status status = folder_list(classes_from, FOLDER_FOLDERS, &f->classes);
    if (!status && f->classes.count == 0)
        status = tp_fail(TP_ERR_FORMAT, "%s: no folders in it, one a class is wanted", classes_from);
    if (!status && folder != classes_from)
        status = check_classes(folder, classes_from, &f->classes);
    if (!status && !(f->ends = tp_calloc((size_t)f->classes.count * sizeof *f->ends)))
        status = TP_ERR_MEMORY;
    return status ? status : find_files(f, folder == classes_from);
}

tp_dataset *image_folder_of(const char *folder, const char *classes_from, int64_t channels, int64_t size)
{
    if (tp_pending())
        return NULL;
    if (!folder || (channels != 1 && channels != 3) || size < 1 || size > 8192)
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "image_folder: %lld channels, size %lld; 1 or 3, and 1 to 8192 are wanted",
                            (long long)channels, (long long)size);
    image_folder *f = tp_calloc(sizeof *f);
    if (!f)
        return NULL;
    f->channels = channels;
    f->size = size;
    if (load(f, folder, classes_from)) {
        image_folder_destroy(f);
        return NULL;
    }
    return dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                               .kind = "image_folder",
                                               .get = image_folder_get,
                                               .class_name = image_folder_class_name,
                                               .destroy = image_folder_destroy,
                                               .example_name = image_folder_example_name,
                                               .label = image_folder_label },
                      f, f->files.count, TP_SHAPE(channels, size, size), f->classes.count);
}

tp_dataset *tp_image_folder(const char *folder, int64_t channels, int64_t size)
{
    return image_folder_of(folder, folder, channels, size);
}
