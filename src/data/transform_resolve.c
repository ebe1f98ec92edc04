/* transform_resolve.c - what a transform's text leaves to the data: the axes of colours.
 *
 * "pcajitter=0.1:data" becomes "pcajitter=0.1:VALUES:VECTORS" by the pictures of a dataset, so that the text alone is enough
 * from then on.  Layer: data.  Depends on statistics.c.  Read next: transform_parse.c. */
#include "base/number.h"
#include "data/dataset.h"
#include "data/transform.h"

#include <math.h>
#include <string.h>

enum { MAX_COLOURS = 4, AXES_ROOM = 32 * (MAX_COLOURS + MAX_COLOURS * MAX_COLOURS) };

static size_t print_list(char *text, size_t room, const float *x, int n)
{
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        used += (size_t)snprintf(text + used, room - used, i ? "," : "");
        used += (size_t)print_number(text + used, room - used, 'g', 6, (double)x[i]);
    }
    return used;
}

static tp_status print_axes(char text[AXES_ROOM], tp_dataset *d)
{
    TP_SCOPE;
    int channels = (int)tp_dataset_shape(d).dim[0];
    float values[MAX_COLOURS], vectors[MAX_COLOURS * MAX_COLOURS];
    if (tp_dataset_pca(dataset_some(d), 0, values, vectors, channels))
        return tp_error_pending();
    for (int k = 0; k < channels; k++)
        values[k] = sqrtf(values[k]);
    size_t used = print_list(text, AXES_ROOM, values, channels);
    text[used++] = ':';
    print_list(text + used, AXES_ROOM - used, vectors, channels * channels);
    return TP_OK;
}

static bool ends_in(const char *step, size_t length, const char *tail)
{
    size_t n = strlen(tail);
    return length >= n && !memcmp(step + length - n, tail, n);
}

tp_status tp_transform_resolve(const char *steps, tp_dataset *d, char *text, size_t room)
{
    static const char step[] = "pcajitter=", data[] = "data";
    char axes[AXES_ROOM] = "";
    size_t used = 0, length;
    if (tp_pending())
        return tp_error_pending();
    if (!steps || !d || !text || !room)
        return tp_fail(TP_ERR_ARGUMENT, "transform_resolve: the text, the dataset or the room is NULL");
    *text = 0;
    for (const char *p; (p = transform_next_step(&steps, &length));) {
        bool open = !strncmp(p, step, sizeof step - 1) && ends_in(p, length, ":data");
        if (open && !*axes && print_axes(axes, d))
            return tp_error_pending();
        int kept = (int)(open ? length - (sizeof data - 1) : length);
        int n = snprintf(text + used, room - used, "%s%.*s%s", used ? " " : "", kept, p, open ? axes : "");
        if (n < 0 || (size_t)n >= room - used)
            return tp_fail(TP_ERR_ARGUMENT, "transform: a text of more than %zu bytes", room - 1);
        used += (size_t)n;
    }
    return TP_OK;
}
