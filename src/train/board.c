/* board.c - TensorBoard's event files: scalars, histograms, images, text and hparams.
 *
 * A file is records, a record is an event (event.proto):
 *
 *   bytes   what
 *   8       n, little-endian
 *   4       checksum of these 8: CRC-32C, turned right by 15 bits, plus 0xa282ead8
 *   n       the event
 *   4       checksum of the event, alike
 *
 * The first event holds the version.  A file is only ever appended to, so TensorBoard may read while it is written.
 * Layer: train.  Depends on io/protobuf.h, io/image.h, crc32.h.  Read next: board_graph.c, board_run.c. */
#include "train/board.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/image.h"
#include "train/crc32.h"
#include "train/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void board_destroy(void *object)
{
    tp_board *b = object;
    if (b->fd >= 0)
        close(b->fd);
    tp_free(b->path, b->path_room);
    file_bytes_free(&b->event);
    tp_free(b, sizeof *b);
}

static const tp_class board_class = { "board", board_destroy };

static void put_little(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

static uint32_t masked(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* All of them, or none. */
static tp_status append(const tp_board *b, const void *data, size_t size)
{
    struct stat before;
    ssize_t n = -1;
    if (!fstat(b->fd, &before))
        do
            n = write(b->fd, data, size);
        while (n < 0 && errno == EINTR);
    if (n == (ssize_t)size)
        return TP_OK;
    if (n >= 0)
        errno = ENOSPC;
    tp_fail_errno(b->path, "cannot write");
    if (n > 0)
        (void)!ftruncate(b->fd, before.st_size);
    return tp_error_pending();
}

enum { HEAD = 12, FOOT = 4 };

static void begin_event(tp_board *b, int64_t step)
{
    static const unsigned char head[HEAD];
    b->event.size = 0;
    file_bytes_append(&b->event, head, HEAD); /* filled in by board_write */
    proto_put_double(&b->event, 1, wall_seconds());
    if (step)
        proto_put_number(&b->event, 2, (uint64_t)step);
}

tp_status board_begin(tp_board *b, const char *function, const char *tag, int64_t step)
{
    if (tp_pending())
        return tp_error_pending();
    if (!b || !tag || !*tag)
        return tp_fail(TP_ERR_ARGUMENT, "%s: a board and a tag that is not empty are wanted", function);
    begin_event(b, step);
    return tp_error_pending();
}

tp_status board_write(tp_board *b)
{
    unsigned char foot[FOOT];
    const size_t n = b->event.size - HEAD;
    if (tp_pending())
        return tp_error_pending();
    put_little(b->event.data, n, 8);
    put_little(b->event.data + 8, masked(crc32c(b->event.data, 8)), 4);
    put_little(foot, masked(crc32c(b->event.data + HEAD, n)), FOOT);
    if (file_bytes_append(&b->event, foot, FOOT))
        return tp_error_pending();
    return append(b, b->event.data, b->event.size);
}

tp_status board_folder(const char *folder)
{
    char path[PATH_MAX];
    if (folder_path(path, folder, ""))
        return tp_error_pending();
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0777) && errno != EEXIST && errno != EISDIR)
            return tp_fail_errno(path, "cannot make this folder");
        *slash = '/';
    }
    return TP_OK;
}

/* events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER: TensorBoard reads those of a folder in the order of their names. */
static tp_status open_file(tp_board *b, const char *folder)
{
    static const char version[] = "brain.Event:2";
    char host[65] = "", name[160];
    if (gethostname(host, sizeof host - 1) || !*host)
        strcpy(host, "localhost");
    for (int number = 0; b->fd < 0; number++) {
        snprintf(name, sizeof name, "events.out.tfevents.%010lld.%s.%lld.%d", (long long)wall_seconds(), host,
                 (long long)getpid(), number);
        if (folder_path(b->path, folder, name))
            return tp_error_pending();
        b->fd = open(b->path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
        if (b->fd < 0 && errno != EEXIST)
            return tp_fail_errno(b->path, "cannot write");
    }
    begin_event(b, 0);
    proto_put_text(&b->event, 3, version);
    return board_write(b);
}

tp_board *tp_board_open(const char *folder)
{
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    if (!folder || !*folder)
        return tp_fail_null(TP_ERR_ARGUMENT, "board_open: the path is empty");
    tp_board *b = board_folder(folder) ? NULL : tp_object_new(&board_class, sizeof *b);
    if (!b)
        return NULL;
    b->fd = -1;
    b->path = tp_alloc(PATH_MAX);
    b->path_room = b->path ? PATH_MAX : 0;
    return !b->path || open_file(b, folder) ? NULL : tp_keep(b);
}

tp_status tp_board_restart(tp_board *b, int64_t step)
{
    if (board_begin(b, "board_restart", "step", step))
        return tp_error_pending();
    size_t log = proto_begin(&b->event, 7);
    proto_put_number(&b->event, 1,
                     1); /* SessionLog.START: what other files hold from this step on is purged */
    proto_end(&b->event, log);
    return board_write(b);
}

/* ---- values: Event.summary (5) . value (1) . tag (1) ---------------------------------------------------------------- */

typedef struct value_begun {
    size_t summary, value;
} value_begun;

static value_begun begin_value(tp_board *b, const char *tag)
{
    value_begun v = { .summary = proto_begin(&b->event, 5) };
    v.value = proto_begin(&b->event, 1);
    proto_put_text(&b->event, 1, tag);
    return v;
}

static tp_status end_value(tp_board *b, value_begun v)
{
    proto_end(&b->event, v.value);
    proto_end(&b->event, v.summary);
    return board_write(b);
}

/* SummaryMetadata (9) . plugin_data (1): which page shows it, and what that page wants to know. */
static void put_plugin(tp_board *b, const char *name, const file_bytes *content)
{
    size_t metadata = proto_begin(&b->event, 9), plugin = proto_begin(&b->event, 1);
    proto_put_text(&b->event, 1, name);
    if (content)
        proto_put_bytes(&b->event, 2, content->data, content->size);
    proto_end(&b->event, plugin);
    proto_end(&b->event, metadata);
}

tp_status tp_board_scalar(tp_board *b, const char *tag, double value, int64_t step)
{
    if (board_begin(b, "board_scalar", tag, step))
        return tp_error_pending();
    value_begun v = begin_value(b, tag);
    proto_put_float(&b->event, 2, (float)value);
    return end_value(b, v);
}

tp_status tp_board_text(tp_board *b, const char *tag, const char *markdown, int64_t step)
{
    if (board_begin(b, "board_text", tag, step))
        return tp_error_pending();
    if (!markdown)
        return tp_fail(TP_ERR_ARGUMENT, "board_text: '%s': the text is NULL", tag);
    value_begun v = begin_value(b, tag);
    size_t tensor = proto_begin(&b->event, 8);
    proto_put_number(&b->event, 1, 7); /* DT_STRING, of shape (1) */
    size_t shape = proto_begin(&b->event, 2), dim = proto_begin(&b->event, 2);
    proto_put_number(&b->event, 1, 1);
    proto_end(&b->event, dim);
    proto_end(&b->event, shape);
    proto_put_text(&b->event, 8, markdown);
    proto_end(&b->event, tensor);
    put_plugin(b, "text", NULL);
    return end_value(b, v);
}

/* ---- histograms -------------------------------------------------------------------------------------------------------- */

/* TensorFlow's limits: 0, and 1e-12 1.1^k below 1e20 to either side. */
enum { POWERS = 774, LIMITS = 2 * POWERS + 1 };

typedef struct histogram {
    double limits[LIMITS], counts[LIMITS]; /* counts[i]: values in [limits[i - 1], limits[i]) */
    double min, max, n, sum, squares;
} histogram;

static void make_limits(histogram *h)
{
    double v = 1e-12;
    h->limits[POWERS] = 0;
    for (int k = 1; k <= POWERS; k++, v *= 1.1) {
        h->limits[POWERS + k] = v;
        h->limits[POWERS - k] = -v;
    }
}

/* The first limit above x, by halves. */
static int place_of(const histogram *h, double x)
{
    int low = 1, high = LIMITS - 1; /* what lies outside of all counts at the end */
    while (low < high) {
        int middle = (low + high) / 2;
        if (h->limits[middle] > x)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void count_values(histogram *h, const float *x, int64_t n)
{
    h->min = INFINITY;
    h->max = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double v = (double)x[i];
        if (!isfinite(v))
            continue;
        h->n++;
        h->sum += v;
        h->squares += v * v;
        h->min = fmin(h->min, v);
        h->max = fmax(h->max, v);
        h->counts[place_of(h, v)]++;
    }
}

/* The places from the first that is not empty to the last, with an empty one before them; empty ones side by side become one. */
static size_t close_up(histogram *h)
{
    int first = 1, last = LIMITS - 1;
    size_t n = 0;
    while (h->counts[first] == 0)
        first++;
    while (h->counts[last] == 0)
        last--;
    for (int i = first - 1; i <= last; i++)
        if (h->counts[i] > 0 || h->counts[i + 1] > 0) {
            h->limits[n] = h->limits[i];
            h->counts[n++] = h->counts[i];
        }
    return n;
}

static tp_status write_histogram(tp_board *b, const char *tag, histogram *h)
{
    const double figures[] = { h->min, h->max, h->n, h->sum, h->squares };
    const size_t n = close_up(h);
    value_begun v = begin_value(b, tag);
    size_t histo = proto_begin(&b->event, 5);
    for (uint32_t i = 0; i < 5; i++)
        proto_put_double(&b->event, i + 1, figures[i]);
    proto_put_doubles(&b->event, 6, h->limits, n);
    proto_put_doubles(&b->event, 7, h->counts, n);
    proto_end(&b->event, histo);
    return end_value(b, v);
}

tp_status tp_board_histogram(tp_board *b, const char *tag, tp_tensor *values, int64_t step)
{
    if (board_begin(b, "board_histogram", tag, step))
        return tp_error_pending();
    const int64_t n = values ? tp_numel(values) : 0;
    if (!values)
        return tp_fail(TP_ERR_ARGUMENT, "board_histogram: '%s': the tensor is NULL", tag);
    float *x = tp_alloc((size_t)n * sizeof *x + 1);
    histogram *h = tp_calloc(sizeof *h);
    if (x && h && !tp_to_f32(values, x, n)) {
        make_limits(h);
        count_values(h, x, n);
        if (h->n > 0)
            write_histogram(b, tag, h);
    }
    tp_free(x, (size_t)n * sizeof *x + 1);
    tp_free(h, sizeof *h);
    return tp_error_pending();
}

/* ---- images ------------------------------------------------------------------------------------------------------------- */

enum { GAP = 2, SMALLEST = 48 }; /* pixels between two images; small ones are drawn larger, about so wide */

/* Image i of x into the sheet, each of its pixels scale wide and high. */
static void draw(const picture *sheet, const float *x, tp_shape s, int64_t top, int64_t left, int64_t scale)
{
    const int64_t channels = s.dim[1], height = s.dim[2], width = s.dim[3], plane = height * width;
    for (int64_t y = 0; y < height * scale; y++)
        for (int64_t k = 0; k < width * scale; k++)
            for (int64_t c = 0; c < channels; c++) {
                float v = x[c * plane + y / scale * width + k / scale];
                v = v > 0 ? v < 1 ? v : 1 : 0;
                sheet->pixels[((top + y) * sheet->width + left + k) * channels + c] =
                    (unsigned char)(v * 255.0f + 0.5f);
            }
}

static tp_status make_sheet(const char *tag, const float *x, tp_shape s, picture *sheet)
{
    const int64_t n = s.dim[0], columns = (int64_t)ceil(sqrt((double)n)), rows = (n + columns - 1) / columns;
    const int64_t larger = s.dim[2] > s.dim[3] ? s.dim[2] : s.dim[3],
                  scale = larger < SMALLEST ? SMALLEST / larger : 1;
    const int64_t height = s.dim[2] * scale + GAP, width = s.dim[3] * scale + GAP;
    if (picture_new(tag, rows * height - GAP, columns * width - GAP, (int)s.dim[1], sheet))
        return tp_error_pending();
    memset(sheet->pixels, 255, sheet->room);
    for (int64_t i = 0; i < n; i++)
        draw(sheet, x + i * s.dim[1] * s.dim[2] * s.dim[3], s, i / columns * height, i % columns * width,
             scale);
    return TP_OK;
}

static tp_status write_image(tp_board *b, const char *tag, const picture *sheet)
{
    file_bytes png = { 0 };
    if (!encode_png(tag, sheet, &png)) {
        value_begun v = begin_value(b, tag);
        size_t image = proto_begin(&b->event, 4);
        proto_put_number(&b->event, 1, (uint64_t)sheet->height);
        proto_put_number(&b->event, 2, (uint64_t)sheet->width);
        proto_put_number(&b->event, 3, (uint64_t)sheet->channels);
        proto_put_bytes(&b->event, 4, png.data, png.size);
        proto_end(&b->event, image);
        end_value(b, v);
    }
    file_bytes_free(&png);
    return tp_error_pending();
}

tp_status tp_board_images(tp_board *b, const char *tag, tp_tensor *images, int64_t step)
{
    picture sheet = { 0 };
    if (board_begin(b, "board_images", tag, step))
        return tp_error_pending();
    tp_shape s = images ? tp_shape_of(images) : (tp_shape){ 0 };
    if (s.ndim != 4 || (s.dim[1] != 1 && s.dim[1] != 3) || !tp_numel(images))
        return tp_fail(TP_ERR_SHAPE, "board_images: '%s': %d dims; images (N, 1 or 3, H, W) are wanted", tag,
                       s.ndim);
    const size_t room = (size_t)tp_numel(images) * sizeof(float);
    float *x = tp_alloc(room);
    if (x && !tp_to_f32(images, x, tp_numel(images)) && !make_sheet(tag, x, s, &sheet))
        write_image(b, tag, &sheet);
    picture_free(&sheet);
    tp_free(x, room);
    return tp_error_pending();
}

/* ---- hparams: HParamsPluginData in the metadata of three tags ------------------------------------------------------ */

typedef enum hparam_kind { HPARAM_TEXT = 1, HPARAM_BOOL = 2, HPARAM_NUMBER = 3 } hparam_kind; /* DataType */

static hparam_kind kind_of(const char *text, double *number)
{
    char *end;
    if (!strcmp(text, "true") || !strcmp(text, "false"))
        return HPARAM_BOOL;
    *number = strtod(text, &end);
    return *text && !*end && isfinite(*number) ? HPARAM_NUMBER : HPARAM_TEXT;
}

/* Version 0, and a message in the field; the value's tag says which. */
static tp_status write_hparams(tp_board *b, const char *tag, uint32_t field, const file_bytes *message)
{
    file_bytes content = { 0 };
    proto_put_bytes(&content, field, message->data, message->size);
    if (!board_begin(b, "board_hparams", tag, 0)) {
        value_begun v = begin_value(b, tag);
        put_plugin(b, "hparams", &content);
        end_value(b, v);
    }
    file_bytes_free(&content);
    return tp_error_pending();
}

/* Experiment: which columns there are. */
static void put_columns(file_bytes *out, const tp_metadata *options, int n_options,
                        const char *const *metrics, int n_metrics)
{
    double number;
    for (int i = 0; i < n_options; i++) {
        size_t info = proto_begin(out, 4);
        proto_put_text(out, 1, options[i].key);
        proto_put_number(out, 4, kind_of(options[i].value, &number));
        proto_end(out, info);
    }
    for (int i = 0; i < n_metrics; i++) {
        size_t info = proto_begin(out, 5), name = proto_begin(out, 1);
        proto_put_text(out, 2, metrics[i]);
        proto_end(out, name);
        proto_end(out, info);
    }
}

/* SessionStartInfo: the row's values, a map of texts to google.protobuf.Value. */
static void put_row(file_bytes *out, const tp_metadata *options, int n_options)
{
    double number;
    for (int i = 0; i < n_options; i++) {
        const char *text = options[i].value;
        hparam_kind kind = kind_of(text, &number);
        size_t entry = proto_begin(out, 1);
        proto_put_text(out, 1, options[i].key);
        size_t value = proto_begin(out, 2);
        if (kind == HPARAM_BOOL)
            proto_put_number(out, 4, *text == 't');
        else if (kind == HPARAM_NUMBER)
            proto_put_double(out, 2, number);
        else
            proto_put_text(out, 3, text);
        proto_end(out, value);
        proto_end(out, entry);
    }
    proto_put_double(out, 5, wall_seconds());
}

tp_status tp_board_hparams(tp_board *b, const tp_metadata *options, int n_options, const char *const *metrics,
                           int n_metrics)
{
    file_bytes experiment = { 0 }, start = { 0 };
    if (tp_pending())
        return tp_error_pending();
    put_columns(&experiment, options, n_options, metrics, n_metrics);
    put_row(&start, options, n_options);
    if (!tp_pending() && !write_hparams(b, "_hparams_/experiment", 2, &experiment))
        write_hparams(b, "_hparams_/session_start_info", 3, &start);
    file_bytes_free(&experiment);
    file_bytes_free(&start);
    return tp_error_pending();
}

tp_status tp_board_hparams_end(tp_board *b, bool succeeded)
{
    file_bytes end = { 0 };
    if (tp_pending())
        return tp_error_pending();
    proto_put_number(&end, 1, succeeded ? 1 : 2);
    proto_put_double(&end, 2, wall_seconds());
    write_hparams(b, "_hparams_/session_end_info", 4, &end);
    file_bytes_free(&end);
    return tp_error_pending();
}
