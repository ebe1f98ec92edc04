/* image_folder.c - a folder of class folders of pictures, as torchvision's ImageFolder.
 *
 * Only names are kept in memory; a picture is read and decoded when its example is asked for, as large as it is.  One
 * size for all comes from a transform: shorter side resized, centre cropped.
 * Layer: data.  Depends on io/image.h.  Read next: folder.c, transformed.c. */
#include "data/image_folder.h"

#include "base/log.h"
#include "data/dataset.h"
#include "data/folder.h"
#include "data/transform.h"
#include "io/image.h"

#include <stdatomic.h>
#include <string.h>

typedef struct image_folder {
    char *top;
    name_list classes, files; /* file paths are relative to top */
    int64_t *ends;            /* files of class k end before ends[k] */
    int64_t channels;
    bool skip_bad;
    atomic_uchar *bad; /* with skip_bad: files that could not be read, and were told of */
} image_folder;

/* ---- one picture ------------------------------------------------------------------------------------------------- */

static tp_status read_sample(const image_folder *f, const char *path, tp_sample *out)
{
    picture p = { 0 };
    tp_status status = picture_read(path, (int)f->channels, &p);
    float *x = status ? NULL : tp_sample_room(out, TP_SHAPE(f->channels, p.height, p.width));
    if (x)
        picture_to_planes(&p, x);
    picture_free(&p);
    return tp_error_pending();
}

/* A picture that cannot be read, told by the pending error, is left out; other errors stay. */
static tp_status skip(image_folder *f, int64_t i, tp_sample *out)
{
    tp_status status = tp_error_pending();
    char text[1024];
    if (!f->skip_bad || (status != TP_ERR_FORMAT && status != TP_ERR_UNSUPPORTED && status != TP_ERR_IO))
        return status;
    tp_error_take(text, sizeof text);
    if (!atomic_exchange(&f->bad[i], 1) && log_wants(LOG_DATA))
        log_line(LOG_DATA, "left out: %s", text);
    out->skipped = true;
    return TP_OK;
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

static tp_status image_folder_load(void *context, int64_t i, tp_sample *out)
{
    image_folder *f = context;
    image_folder_label(context, i, &out->y);
    if (f->skip_bad && atomic_load(&f->bad[i])) {
        out->skipped = true;
        return TP_OK;
    }
    size_t room;
    char *path = join_path(f->top, names_at(&f->files, i), &room);
    tp_status status = path ? read_sample(f, path, out) : TP_ERR_MEMORY;
    tp_free(path, room);
    return status ? skip(f, i, out) : TP_OK;
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
    tp_free(f->bad, (size_t)f->files.count * sizeof *f->bad);
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
            status = folder_pictures(f->top, class_name, !f->skip_bad, &f->files);
        if (!status && own_classes && f->files.count == before)
            status = tp_fail(TP_ERR_FORMAT, "%s: a class folder without PNG or JPEG files", path);
        f->ends[k] = f->files.count;
        tp_free(path, room);
    }
    if (!status && f->files.count == 0)
        status = tp_fail(TP_ERR_FORMAT, "%s: no PNG or JPEG files", f->top);
    if (!status && f->skip_bad && !(f->bad = tp_calloc((size_t)f->files.count * sizeof *f->bad)))
        status = TP_ERR_MEMORY;
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

static tp_dataset *whole_pictures(const char *folder, const char *classes_from, int64_t channels,
                                  bool skip_bad)
{
    image_folder *f = tp_calloc(sizeof *f);
    if (!f)
        return NULL;
    f->channels = channels;
    f->skip_bad = skip_bad;
    if (load(f, folder, classes_from)) {
        image_folder_destroy(f);
        return NULL;
    }
    return dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                               .kind = "image_folder",
                                               .load = image_folder_load,
                                               .class_name = image_folder_class_name,
                                               .destroy = image_folder_destroy,
                                               .example_name = image_folder_example_name,
                                               .label = image_folder_label },
                      f, f->files.count, TP_SHAPE(channels, -1, -1), f->classes.count);
}

tp_dataset *image_folder_of(const char *folder, const char *classes_from, int64_t channels, int64_t size,
                            bool skip_bad)
{
    if (tp_pending())
        return NULL;
    if (!folder || (channels != 1 && channels != 3) ||
        ((size < 1 || size > 8192) && size != TP_WHOLE_PICTURES))
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "image_folder: %lld channels, size %lld; 1 or 3, and 1 to 8192 are wanted",
                            (long long)channels, (long long)size);
    tp_dataset *whole = whole_pictures(folder, classes_from, channels, skip_bad);
    if (!whole || size == TP_WHOLE_PICTURES)
        return whole;
    tp_transform *steps[] = { transform_resize(size, 0), transform_crop(&centercrop_kind, size, size) };
    return tp_transformed(whole, tp_transform_chain(steps, 2), 0);
}

tp_dataset *tp_image_folder(const char *folder, int64_t channels, int64_t size)
{
    return image_folder_of(folder, folder, channels, size, false);
}
