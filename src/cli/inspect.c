/* inspect.c - `taper inspect FILE...`: what a checkpoint, an array, a picture, data or a run folder holds.
 *
 * What a file is, is told by its first bytes, and by its name only where these say nothing (CSV).
 * Layer: cli.  Depends on io.h, data.h, json.h.  Read next: inspect_run.c. */
#include "cli/inspect.h"
#include "cli/json.h"
#include "cli/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- facts ----------------------------------------------------------------------------------------- */

void fact(bool json, const char *name, const char *value)
{
    if (json)
        emit_text(name, value);
    else {
        printf("  %-14s ", name);
        print_wrapped(stdout, value ? value : "-", 17, 17);
    }
}

void fact_count(bool json, const char *name, int64_t value)
{
    char text[TEXT_ROOM];
    if (json)
        emit_integer(name, value);
    else
        printf("  %-14s %s\n", name, text_count(text, value));
}

/* ---- one tensor ------------------------------------------------------------------------------------ */

typedef struct range {
    double low, high, mean;
    int64_t bad; /* NaN or infinite: left out of the other three */
} range;

static int range_of(const tp_tensor *t, range *r)
{
    int64_t n = tp_numel(t), good = 0;
    double *values = malloc((size_t)(n ? n : 1) * sizeof *values), sum = 0;
    *r = (range){ INFINITY, -INFINITY, NAN, 0 };
    if (!values) {
        complain("out of memory for %lld numbers", (long long)n);
        return EXIT_MEMORY;
    }
    if (tp_to_f64(t, values, n)) {
        free(values);
        return library_error();
    }
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            r->bad++;
            continue;
        }
        r->low = fmin(r->low, values[i]);
        r->high = fmax(r->high, values[i]);
        sum += values[i];
        good++;
    }
    if (good)
        r->mean = sum / (double)good;
    free(values);
    return 0;
}

static void print_tensor_head(void)
{
    printf("  %-26s %-5s %-16s %9s %9s %9s\n", "name", "type", "shape", "min", "max", "mean");
}

static int tell_tensor(const char *name, const tp_tensor *t, bool json)
{
    range r;
    char shape[TEXT_ROOM];
    int code = range_of(t, &r);
    if (code)
        return code;
    if (json) {
        emit_object(NULL);
        emit_text("name", name);
        emit_text("dtype", tp_dtype_name(tp_dtype_of(t)));
        emit_shape("shape", tp_shape_of(t));
        emit_real("min", r.low);
        emit_real("max", r.high);
        emit_real("mean", r.mean);
        emit_integer("not_finite", r.bad);
        emit_end();
        return 0;
    }
    printf("  ");
    print_padded(stdout, name, 26);
    printf(" %-5s ", tp_dtype_name(tp_dtype_of(t)));
    print_padded(stdout, text_shape(shape, tp_shape_of(t)), 16);
    if (isfinite(r.mean))
        printf(" %9.3g %9.3g %9.3g", r.low, r.high, r.mean);
    else
        printf(" %9s %9s %9s", "-", "-", "-");
    if (r.bad)
        printf("\n  %26s %lld not finite", "", (long long)r.bad);
    putchar('\n');
    return 0;
}

/* ---- files ----------------------------------------------------------------------------------------- */

static int tell_tensors(const tp_params *tensors, bool json)
{
    int code = 0;
    fact_count(json, "tensors", tp_params_count(tensors));
    fact_count(json, "numbers", tp_params_numel(tensors));
    if (json)
        emit_list("content");
    else if (tp_params_count(tensors))
        print_tensor_head();
    for (int i = 0; i < tp_params_count(tensors) && !code; i++)
        code = tell_tensor(tp_params_name(tensors, i), tp_params_at(tensors, i), json);
    if (json)
        emit_end();
    return code;
}

static int inspect_safetensors(const char *path, bool json)
{
    tp_params *tensors = tp_safetensors_read(path);
    if (!tensors)
        return library_error();
    fact(json, "kind", "safetensors");
    int code = inspect_metadata(path, json);
    return code ? code : tell_tensors(tensors, json);
}

static int inspect_pth(const char *path, bool json)
{
    char left_out[300];
    tp_params *tensors = tp_pth_read(path, .left_out = left_out, .left_out_size = sizeof left_out);
    if (!tensors)
        return library_error();
    fact(json, "kind", "PyTorch state dict");
    if (*left_out)
        fact(json, json ? "left_out" : "left out", left_out);
    return tell_tensors(tensors, json);
}

static int inspect_npz(const char *path, bool json)
{
    tp_params *tensors = tp_npz_read(path);
    if (!tensors)
        return library_error();
    fact(json, "kind", "npz");
    return tell_tensors(tensors, json);
}

static int inspect_array(const char *path, bool json, const char *kind, tp_tensor *t)
{
    const char *slash = strrchr(path, '/');
    if (!t)
        return library_error();
    fact(json, "kind", kind);
    fact_count(json, "numbers", tp_numel(t));
    if (json)
        emit_list("content");
    else
        print_tensor_head();
    int code = tell_tensor(slash ? slash + 1 : path, t, json);
    if (json)
        emit_end();
    return code;
}

static void tell_classes(const tp_dataset *d, bool json)
{
    int64_t n = tp_dataset_classes(d), shown = json || n <= 20 ? n : 20;
    char names[2048] = "";
    if (n == 0) {
        fact(json, "target", "a number");
        return;
    }
    fact_count(json, "classes", n);
    if (json)
        emit_list("class_names");
    for (int64_t i = 0; i < shown; i++) {
        const char *name = tp_dataset_class_name(d, i);
        size_t used = strlen(names);
        if (json)
            emit_text(NULL, name);
        else if (name && used + 2 < sizeof names)
            snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", name);
    }
    if (json)
        emit_end();
    else if (*names)
        fact(json, "", names);
    if (shown < n)
        fact(json, "", "...");
}

static int tell_data(tp_dataset *train, tp_dataset *test, bool json)
{
    tp_dataset *d = train ? train : test;
    char shape[TEXT_ROOM];
    float mean[16], deviation[16];
    tp_shape one = tp_dataset_shape(d);
    fact(json, "kind", tp_dataset_kind(d));
    if (train)
        fact_count(json, test ? "training" : "examples", tp_dataset_count(train));
    if (test)
        fact_count(json, "test", tp_dataset_count(test));
    if (json)
        emit_shape("example", one);
    else
        fact(json, "example", text_shape(shape, one));
    tell_classes(d, json);
    int64_t channels = one.ndim == 3 ? one.dim[0] : 0;
    if (channels < 1 || channels > 16)
        return 0;
    if (tp_dataset_statistics(d, 2000, mean, deviation, (int)channels))
        return library_error();
    for (int64_t i = 0; i < channels; i++) {
        char name[40], text[TEXT_ROOM];
        snprintf(name, sizeof name, "channel %lld", (long long)i);
        snprintf(text, sizeof text, "mean %.4f, deviation %.4f%s", mean[i], deviation[i],
                 tp_dataset_count(d) > 2000 ? " (first 2,000 examples)" : "");
        fact(json, name, text);
    }
    return 0;
}

static int inspect_data(const char *path, bool json)
{
    tp_dataset *train = tp_data_open(path, TP_TRAIN), *test = train ? tp_data_open(path, TP_TEST) : NULL;
    if (!train || !test)
        return library_error();
    return tell_data(train, test, json);
}

/* The other file of an IDX pair: train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz. */
static int inspect_idx(const char *path, bool json)
{
    static const char *const pair[2][2] = { { "images", "labels" }, { "idx3", "idx1" } };
    char other[2][4096];
    const char *slash = strrchr(path, '/'), *at = strstr(slash ? slash : path, "labels");
    int from = at != NULL;
    at = at ? at : strstr(slash ? slash : path, "images");
    if (!at || strlen(path) >= sizeof *other - 8) {
        complain("%s: IDX; its pair cannot be told: 'images' or 'labels' in the name is wanted", path);
        return EXIT_INPUT;
    }
    snprintf(other[0], sizeof *other, "%s", path);
    snprintf(other[1], sizeof *other, "%s", path);
    memcpy(other[1] + (at - path), pair[0][!from], strlen(pair[0][!from]));
    char *digits = strstr(other[1] + (at - path), pair[1][from]);
    if (digits)
        memcpy(digits, pair[1][!from], 4);
    tp_dataset *d = tp_idx(other[from], other[!from]);
    return d ? tell_data(d, NULL, json) : library_error();
}

/* ---- what is it? ----------------------------------------------------------------------------------- */

static bool name_has(const char *path, const char *part)
{
    const char *slash = strrchr(path, '/');
    return strstr(slash ? slash : path, part) != NULL;
}

static int inspect_file(const char *path, bool json)
{
    unsigned char b[16] = { 0 };
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(b, 1, sizeof b, f) : 0;
    if (!f || ferror(f)) {
        complain("%s: cannot %s: %s", path, f ? "read" : "open", strerror(errno));
        if (f)
            fclose(f);
        return EXIT_INPUT;
    }
    fclose(f);
    if (n == 0) {
        complain("%s: the file is empty", path);
        return EXIT_INPUT;
    }
    bool gzip = b[0] == 0x1f && b[1] == 0x8b;
    if (!memcmp(b, "\x93NUMPY", 6) || name_has(path, ".npy"))
        return inspect_array(path, json, "npy", tp_npy_read(path));
    if (!memcmp(b, "\x89PNG", 4) || name_has(path, ".png"))
        return inspect_array(path, json, "PNG picture (channels, height, width)", tp_image_read(path, 0));
    if (!memcmp(b, "\xff\xd8\xff", 3) || name_has(path, ".jpg") || name_has(path, ".jpeg"))
        return inspect_array(path, json, "JPEG picture (channels, height, width)", tp_image_read(path, 0));
    if ((n > 8 && b[8] == '{') || name_has(path, ".safetensors"))
        return inspect_safetensors(path, json);
    if (name_has(path, ".npz"))
        return inspect_npz(path, json);
    if (!memcmp(b, "PK", 2) || (b[0] == 0x80 && b[1] && b[1] <= 5) || name_has(path, ".pth"))
        return inspect_pth(path, json);
    if ((b[0] == 0 && b[1] == 0 && b[2] >= 8 && b[2] <= 14) || (gzip && name_has(path, "-idx")) ||
        name_has(path, "-idx"))
        return inspect_idx(path, json);
    return inspect_data(path, json);
}

static int inspect(const char *path, bool json)
{
    TP_SCOPE;
    if (is_run_folder(path))
        return inspect_run(path, json);
    return is_directory(path) ? inspect_data(path, json) : inspect_file(path, json);
}

int verb_inspect(cli *c)
{
    int code = 0;
    if (c->json)
        emit_list(NULL);
    for (int i = 0; i < c->n_words; i++) {
        if (c->json) {
            emit_object(NULL);
            emit_text("path", c->words[i]);
        } else {
            printf("%s%s", i ? "\n" : "", bold(stdout));
            print_padded(stdout, c->words[i], text_columns(c->words[i]));
            printf("%s\n", no_style(stdout));
        }
        int failed = inspect(c->words[i], c->json);
        if (c->json) {
            if (failed)
                emit_bool("failed", true);
            emit_end();
        }
        code = code ? code : failed;
    }
    if (c->json)
        emit_end();
    return code;
}
