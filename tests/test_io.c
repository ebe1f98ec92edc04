/* test_io.c - files, JSON, gzip, safetensors, npy and pictures that are well formed.
 *
 * Fixtures in tests/data come from other programs (tools/golden/io.py).  Layer: tests.
 * Read next: test_bad_safetensors.c and its kin for files that are not. */
#include "support/files.h"

#include "core/tensor.h"
#include "io/file.h"
#include "io/gzip.h"
#include "io/image.h"
#include "io/json.h"

#include <errno.h>
#include <math.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <taper/io.h>
#include <unistd.h>

/* ---- files --------------------------------------------------------------------------------------------------------- */

static void a_file_is_written_and_read(void **state)
{
    (void)state;
    file_bytes bytes;
    const char *path = temp_path("plain");
    assert_int_equal(file_write(path, "hello", 5), TP_OK);
    assert_int_equal(file_read(path, 5, &bytes), TP_OK);
    assert_int_equal(bytes.size, 5);
    assert_memory_equal(bytes.data, "hello", 5);
    file_bytes_free(&bytes);
    assert_int_equal(file_read(path, 4, &bytes), TP_ERR_UNSUPPORTED);
    expect_error(TP_ERR_UNSUPPORTED, "has 5 bytes, at most 4 are read");
    assert_int_equal(file_write(path, "", 0), TP_OK);
    assert_int_equal(file_read(path, 5, &bytes), TP_OK);
    assert_int_equal(bytes.size, 0);
    file_bytes_free(&bytes);
}

static void only_regular_files_are_read_and_nothing_blocks(void **state)
{
    (void)state;
    file_bytes bytes;
    const char *fifo = temp_path("fifo"), *folder = temp_path("folder"), *name = temp_path("socket");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof address), 0);

    file_read(fifo, 100, &bytes);
    expect_error(TP_ERR_IO, "is a FIFO, a regular file is wanted");
    file_read(folder, 100, &bytes);
    expect_error(TP_ERR_IO, "is a folder, a regular file is wanted");
    file_read(name, 100, &bytes);
    expect_error(TP_ERR_IO, "is a socket, a regular file is wanted");
    file_read("/dev/zero", 100, &bytes);
    expect_error(TP_ERR_IO, "/dev/zero: is a character device");
    file_read(temp_path("nowhere"), 100, &bytes);
    expect_error(TP_ERR_IO, "nowhere: cannot open: No such file or directory");
    file_read("", 100, &bytes);
    expect_error(TP_ERR_ARGUMENT, "path is empty");

    file_write(fifo, "x", 1);
    expect_error(TP_ERR_IO, "is a FIFO");
    file_write("/dev/null", "x", 1);
    expect_error(TP_ERR_IO, "/dev/null: is a character device");
    close(s);
}

static void a_file_that_shrinks_while_it_is_read_is_an_error(void **state)
{
    (void)state;
    file_in in;
    char text[8];
    put_text(temp_path("shrinks"), "12345678");
    assert_int_equal(file_open(&in, temp_path("shrinks")), TP_OK);
    assert_int_equal(truncate(temp_path("shrinks"), 3), 0);
    file_read_at(&in, 0, text, 8);
    expect_error(TP_ERR_IO, "shrank while it was read: ends at byte 3, had 8");
    file_read_at(&in, 4, text, 8);
    expect_error(TP_ERR_FORMAT, "byte 4: 8 bytes wanted, the file ends at 8");
    file_close(&in);
}

static void an_abandoned_or_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    unsigned char text[16];
    file_out out;
    const char *folder = temp_path("atomic");
    mkdir(folder, 0700);
    const char *path = temp_path("atomic/file");
    put_text(path, "old");
    assert_int_equal(file_create(&out, path), TP_OK);
    assert_int_equal(file_put(&out, "new", 3), TP_OK);
    assert_int_equal(count_files(folder), 2);
    file_abandon(&out);
    file_abandon(&out);
    assert_int_equal(count_files(folder), 1);

    struct rlimit before, small = { 1000, 1000 }; /* the disk is full after 1000 bytes */
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    char *large = test_calloc(1, 5000);
    setrlimit(RLIMIT_FSIZE, &small);
    file_write(path, large, 5000);
    setrlimit(RLIMIT_FSIZE, &before);
    test_free(large);
    expect_error(TP_ERR_IO, "atomic/file: cannot write: File too large");
    assert_int_equal(count_files(folder), 1);
    assert_int_equal(get_file(path, text, sizeof text), 3);
    assert_memory_equal(text, "old", 3);

    file_write(temp_path("nowhere/file"), "x", 1);
    expect_error(TP_ERR_IO, "nowhere/file: cannot write: No such file or directory");
    file_write(folder, "x", 1);
    expect_error(TP_ERR_IO, "is a folder");
}

static void a_folder_without_write_permission_is_an_error(void **state)
{
    (void)state;
    const char *folder = temp_path("locked");
    mkdir(folder, 0555);
    uid_t me = geteuid();
    struct passwd *nobody = me == 0 ? getpwnam("nobody") : NULL;
    if (me == 0 && (!nobody || chmod(temp_path(""), 0755) || seteuid(nobody->pw_uid)))
        skip();
    file_write(temp_path("locked/file"), "x", 1);
    assert_int_equal(seteuid(me), 0);
    expect_error(TP_ERR_IO, "locked/file: cannot write: Permission denied");
}

static void links_and_permissions_survive_a_write(void **state)
{
    (void)state;
    struct stat info;
    put_text(temp_path("target"), "old");
    chmod(temp_path("target"), 0640);
    assert_int_equal(symlink("target", temp_path("link")), 0);
    assert_int_equal(file_write(temp_path("link"), "new!", 4), TP_OK);
    assert_int_equal(lstat(temp_path("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat(temp_path("target"), &info), 0);
    assert_int_equal(info.st_size, 4);
    assert_int_equal(info.st_mode & 0777, 0640);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */

static void json_is_built_written_and_read(void **state)
{
    (void)state;
    need_json();
    file_bytes text = { 0 };
    js_value *object = js_new_object(), *array = js_new_array();
    js_set(object, "z", js_new_integer(-7));
    js_append(array, js_new_number(0.1));
    js_append(array, js_new_number((double)NAN));
    js_append(array, js_new_bool(true));
    js_set(object, "a", array);
    js_set(object, "s", js_new_string("\"\n\xff"));
    expect_no_error();
    assert_int_equal(js_format(object, false, &text), TP_OK);
    assert_int_equal(file_bytes_append(&text, "", 1), TP_OK);
    assert_string_equal((char *)text.data,
                        "{\"z\":-7,\"a\":[0.10000000000000001,null,true],\"s\":\"\\\"\\n?\"}");
    file_bytes_free(&text);
    assert_int_equal(js_write(temp_path("a.json"), object), TP_OK);
    js_free(object);

    js_value *back = js_read(temp_path("a.json"));
    int64_t n;
    double x;
    assert_true(js_integer(js_get(back, "z"), &n) && n == -7);
    assert_false(js_integer(js_at(js_get(back, "a"), 0), &n));
    assert_true(js_number(js_at(js_get(back, "a"), 0), &x) && x == 0.1);
    assert_true(js_true(js_at(js_get(back, "a"), 2)));
    assert_int_equal(js_count(js_get(back, "a")), 3);
    assert_null(js_get(back, "nothing"));
    assert_null(js_at(js_get(back, "a"), -1));
    char names[8] = "";
    for (js_member m = js_first(back); m.name; js_next(back, &m))
        strcat(names, m.name);
    assert_string_equal(names, "zas");
    js_free(back);
    expect_no_error();
}

static void bad_json_is_named_with_its_byte(void **state)
{
    (void)state;
    need_json();
    static const struct {
        const char *text, *piece;
    } cases[] = {
        { "", "byte 8: not valid JSON" },
        { "{\"a\":1,}", "not valid JSON" },
        { "{\"a\":1,\"a\":2}", "duplicate" },
        { "{\"a\":1,\"\\u0061\":2}", "duplicate" },
        { "{} x", "end of file expected" },
        { "[1e999]", "real number overflow" },
        { "[\"\xff\"]", "unable to decode byte 0xff" },
        { "[NaN]", "not valid JSON" },
        { "\xef\xbb\xbf{}", "not valid JSON" },
        { "// a comment\n{}", "not valid JSON" },
        { "[99999999999999999999]", "too big" },
        { "[\"\\ud800\"]", "not valid JSON" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(js_parse("f.json", cases[i].text, strlen(cases[i].text), 8));
        expect_error(TP_ERR_FORMAT, cases[i].piece);
    }
    size_t deep = 100000;
    char *nested = test_malloc(deep);
    memset(nested, '[', deep);
    assert_null(js_parse("f.json", nested, deep, 0));
    expect_error(TP_ERR_FORMAT, "depth");
    test_free(nested);
}

/* ---- gzip -------------------------------------------------------------------------------------------------------------- */

/* One member with a stored block: no compressor is needed to make it. */
static size_t make_gzip(unsigned char *out, const char *text)
{
    size_t n = strlen(text);
    uint32_t crc = gzip_crc32(text, n), size = (uint32_t)n;
    memcpy(out, "\x1f\x8b\x08\0\0\0\0\0\0\x03\x01", 11);
    out[11] = (unsigned char)n, out[12] = (unsigned char)(n >> 8), out[13] = (unsigned char)~out[11];
    out[14] = (unsigned char)~out[12];
    memcpy(out + 15, text, n);
    memcpy(out + 15 + n, &crc, 4);
    memcpy(out + 19 + n, &size, 4);
    return n + 23;
}

static void gzip_is_inflated_checked_and_capped(void **state)
{
    (void)state;
    need_gzip();
    unsigned char data[200];
    size_t size = make_gzip(data, "hello"), two = size + make_gzip(data + size, " world"), got;
    char head[4];
    file_bytes out;
    assert_int_equal(gzip_inflate("f.gz", data, two, 11, &out), TP_OK);
    assert_int_equal(out.size, 11);
    assert_memory_equal(out.data, "hello world", 11);
    file_bytes_free(&out);
    gzip_inflate("f.gz", data, two, 10, &out);
    expect_error(TP_ERR_FORMAT, "f.gz: inflates to more than 10 bytes");
    assert_int_equal(gzip_peek("f.gz", data, two, head, 4, &got), TP_OK);
    assert_int_equal(got, 4);
    assert_memory_equal(head, "hell", 4);
    for (size_t cut = 2; cut < size; cut++) {
        gzip_inflate("f.gz", data, cut, 100, &out);
        expect_error(TP_ERR_FORMAT, "cut off");
    }
    data[size] = 'x';
    gzip_inflate("f.gz", data, size + 1, 100, &out);
    expect_error(TP_ERR_FORMAT, "bytes after the end of the gzip data");
    data[16] ^= 1;
    gzip_inflate("f.gz", data, size, 100, &out);
    expect_error(TP_ERR_FORMAT, "incorrect data check");
    assert_int_equal(gzip_crc32("123456789", 9), 0xcbf43926);
}

/* ---- safetensors --------------------------------------------------------------------------------------------------------- */

static void same_tensor(const tp_tensor *a, const tp_tensor *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->dtype, b->dtype);
    assert_true(tensor_same_shape(a, b));
    assert_memory_equal(tensor_data(a), tensor_data(b), (size_t)a->numel * tensor_element_size(a));
}

static void every_type_comes_back_from_safetensors(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    tp_params *params = tp_params_new();
    unsigned char bytes[48];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37);
    for (int dtype = 0; dtype < TP_N_DTYPES; dtype++) {
        tp_tensor *t = tensor_new((tp_dtype)dtype, TP_SHAPE(2, 3));
        if (dtype == TP_BOOL)
            memcpy(tensor_data(t), "\1\0\0\1\1\0", 6);
        else
            memcpy(tensor_data(t), bytes, t->storage->bytes);
        tp_params_add(params, tp_dtype_name((tp_dtype)dtype), t);
    }
    tp_params_add(params, "scalar", tp_tensor_copied((float[]){ 2.5f }, TP_F32, TP_SHAPE()));
    tp_params_add(params, "empty", tensor_new(TP_F32, TP_SHAPE(0, 3)));
    tp_metadata metadata[] = { { "model", "lenet5" }, { "note", "a \"quote\"\n" } };
    const char *path = temp_path("all.safetensors");
    assert_int_equal(tp_safetensors_write(path, params, metadata, 2), TP_OK);

    tp_params *back = tp_safetensors_read(path);
    expect_no_error();
    assert_int_equal(tp_params_count(back), tp_params_count(params));
    for (int i = 0; i < tp_params_count(back); i++) {
        assert_string_equal(tp_params_name(back, i), tp_params_name(params, i));
        same_tensor(tp_params_at(back, i), tp_params_at(params, i));
    }
    char text[32];
    assert_int_equal(tp_safetensors_metadata(path, "note", text, sizeof text), TP_OK);
    assert_string_equal(text, "a \"quote\"\n");
    assert_int_equal(tp_safetensors_metadata(path, "nothing", text, sizeof text), TP_OK);
    assert_string_equal(text, "");
    tp_safetensors_metadata(path, "model", text, 6);
    expect_error(TP_ERR_ARGUMENT, "has 6 bytes, there is room for 6");
    uint64_t header;
    unsigned char file[4096];
    get_file(path, file, sizeof file);
    memcpy(&header, file, 8);
    assert_int_equal(header % 8, 0);
}

static void strided_tensors_are_written_in_row_major_order(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    enum { H = 300, W = 500 }; /* more than one piece of elements.c */
    tp_tensor *t = tensor_new(TP_F32, TP_SHAPE(W, H));
    float *data = (float *)tensor_data(t);
    for (int i = 0; i < H * W; i++)
        data[i] = (float)i;
    tp_tensor *transposed = tensor_alias(t); /* (H, W): element (i, j) is data[j H + i] */
    transposed->shape[0] = H, transposed->shape[1] = W;
    transposed->stride[0] = 1, transposed->stride[1] = H;
    tp_params *params = tp_params_new();
    tp_params_add(params, "t", transposed);
    assert_int_equal(tp_safetensors_write(temp_path("t.safetensors"), params, NULL, 0), TP_OK);
    const float *back = tp_data(tp_params_at(tp_safetensors_read(temp_path("t.safetensors")), 0));
    assert_int_equal(tp_npy_write(temp_path("t.npy"), transposed), TP_OK);
    const float *npy = tp_data(tp_npy_read(temp_path("t.npy")));
    for (int i = 0; i < H; i++)
        for (int j = 0; j < W; j++) {
            assert_true(back[i * W + j] == (float)(j * H + i));
            assert_true(npy[i * W + j] == (float)(j * H + i));
        }
}

static void python_s_safetensors_is_read(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    tp_params *p = tp_safetensors_read("tests/data/python.safetensors");
    expect_no_error();
    assert_int_equal(tp_params_count(p), 14);
    const float *f = tp_data(tp_params_find(p, "f32"));
    const double *d = tp_data(tp_params_find(p, "f64"));
    const int64_t *i64 = tp_data(tp_params_find(p, "i64"));
    const int8_t *i8 = tp_data(tp_params_find(p, "i8"));
    const bool *b = tp_data(tp_params_find(p, "bool"));
    for (int i = 0; i < 24; i++) {
        assert_true(f[i] == (float)d[i]);
        assert_true(i64[i] == (int64_t)(1000 * d[i]));
        assert_true(i8[i] == (int8_t)(20 * d[i]));
        assert_true(b[i] == (d[i] > 0));
    }
    assert_int_equal(tp_dtype_of(tp_params_find(p, "bf16")), TP_BF16);
    assert_int_equal(tp_ndim(tp_params_find(p, "scalar")), 0);
    assert_int_equal(tp_size(tp_params_find(p, "empty"), 1), 3);
    assert_non_null(tp_params_find(p, "na\xc3\xafve \"name\""));
    char text[32];
    tp_safetensors_metadata("tests/data/python.safetensors", "quoted", text, sizeof text);
    assert_string_equal(text, "a \"b\" \\ \xc3\xbc");
}

static void read_python_file(void)
{
    tp_safetensors_read("tests/data/python.safetensors");
}

static void write_small_file(void)
{
    tp_params *p = tp_params_new();
    tp_params_add(p, "t", tensor_new(TP_F32, TP_SHAPE(2, 3)));
    tp_safetensors_write(temp_path("small.safetensors"), p, NULL, 0);
}

static void every_failing_allocation_of_safetensors_is_an_error(void **state)
{
    (void)state;
    need_json();
    with_failing_allocations(read_python_file);
    with_failing_allocations(write_small_file);
}

/* ---- npy and pictures, against what NumPy and Pillow say ---------------------------------------------------------------------- */

static tp_params *expected(void)
{
    tp_params *p = tp_safetensors_read("tests/data/expected.safetensors");
    expect_no_error();
    return p;
}

static void numpy_s_arrays_are_read(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    tp_params *p = expected();
    int found = 0;
    for (int i = 0; i < tp_params_count(p); i++) {
        char path[256];
        const char *name = tp_params_name(p, i), *dot = strstr(name, ".npy");
        if (!dot)
            continue;
        snprintf(path, sizeof path, "tests/data/npy/%s", name);
        same_tensor(tp_npy_read(path), tp_params_at(p, i));
        expect_no_error();
        found++;
    }
    assert_int_equal(found, 15);
}

static void npy_is_written_as_numpy_writes_it(void **state)
{
    (void)state;
    TP_SCOPE;
    static const char *const names[] = { "f32.npy",    "i64.npy", "u8.npy",   "bool.npy",
                                         "scalar.npy", "one.npy", "empty.npy" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        unsigned char theirs[1024], ours[1024];
        snprintf(path, sizeof path, "tests/data/npy/%s", names[i]);
        assert_int_equal(tp_npy_write(temp_path(names[i]), tp_npy_read(path)), TP_OK);
        size_t n = get_file(path, theirs, sizeof theirs);
        assert_int_equal(get_file(temp_path(names[i]), ours, sizeof ours), n);
        assert_memory_equal(ours, theirs, n);
    }
    tp_npy_write(temp_path("bf16.npy"), tensor_new(TP_BF16, TP_SHAPE(1)));
    expect_error(TP_ERR_DTYPE, "NumPy has no bf16");
}

/* Decoders may differ by rounding: at most one step in 255, two where colour was subsampled. */
static void same_pixels(const char *name, const tp_tensor *want, int channels, int tolerance)
{
    picture p;
    char path[256];
    snprintf(path, sizeof path, "tests/data/pictures/%s", name);
    picture_read(path, channels, &p);
    expect_no_error();
    assert_int_equal(p.channels, channels);
    assert_int_equal(p.height, want->shape[0]);
    assert_int_equal(p.width, want->shape[1]);
    const unsigned char *w = (const unsigned char *)tensor_data(want);
    for (int64_t i = 0; i < want->numel; i++)
        if (abs(p.pixels[i] - w[i]) > tolerance)
            fail_msg("%s: value %lld is %d, %d is wanted", name, (long long)i, p.pixels[i], w[i]);
    picture_free(&p);
}

static int compare_pictures(const char *extension, int tolerance)
{
    TP_SCOPE;
    tp_params *p = expected();
    int found = 0;
    for (int i = 0; i < tp_params_count(p); i++) {
        char name[128];
        const char *key = tp_params_name(p, i), *colon = strchr(key, ':');
        if (!colon || strncmp(colon - 4, extension, 4) != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(colon - key), key);
        same_pixels(name, tp_params_at(p, i), strcmp(colon, ":L") ? 3 : 1, tolerance);
        found++;
    }
    return found;
}

static void png_gives_pillow_s_pixels(void **state)
{
    (void)state;
    need_json();
    need_png();
    assert_int_equal(compare_pictures(".png", 0), 2 * 16);
}

static void jpeg_gives_pillow_s_pixels(void **state)
{
    (void)state;
    need_json();
    need_jpeg();
    assert_int_equal(compare_pictures(".jpg", 1), 2 * 15);
}

static void channels_0_is_as_in_the_file(void **state)
{
    (void)state;
    need_png();
    TP_SCOPE;
    assert_int_equal(tp_size(tp_image_read("tests/data/pictures/grey8.png", 0), 0), 1);
    assert_int_equal(tp_size(tp_image_read("tests/data/pictures/rgba8.png", 0), 0), 3);
    assert_int_equal(tp_size(tp_image_read("tests/data/pictures/palette1.png", 0), 0), 3);
    tp_image_read("tests/data/pictures/grey8.png", 2);
    expect_error(TP_ERR_ARGUMENT, "2 channels");
}

static void a_written_png_is_read_again(void **state)
{
    (void)state;
    need_png();
    TP_SCOPE;
    float x[3 * 5 * 7];
    for (int i = 0; i < 105; i++)
        x[i] = (float)(i * 2) / 255.0f;
    tp_tensor *t = tp_tensor_copied(x, TP_F32, TP_SHAPE(3, 5, 7));
    const char *path = temp_path("w.png");
    if (tp_image_write_png(path, t))
        expect_no_error();
    same_tensor(tp_image_read(path, 0), t);
    x[0] = -1, x[1] = 2, x[2] = (float)NAN;
    assert_int_equal(tp_image_write_png(path, tp_tensor_copied(x, TP_F32, TP_SHAPE(15, 7))), TP_OK);
    const float *y = tp_data(tp_image_read(path, 1));
    assert_true(y[0] == 0 && y[1] == 1 && y[2] == 0);
    tp_image_write_png(path, tensor_new(TP_F32, TP_SHAPE(2, 5, 7)));
    expect_error(TP_ERR_SHAPE, "shape (2, 5, 7), (1 or 3, H, W) is wanted");
}

static void read_pictures(void)
{
    tp_image_read("tests/data/pictures/palette4.png", 1);
    tp_image_read("tests/data/pictures/cmyk.jpg", 3);
    tp_image_read("tests/data/pictures/turned6.jpg", 1);
    tp_npy_read("tests/data/npy/i32_big_fortran.npy");
}

static void every_failing_allocation_of_pictures_is_an_error(void **state)
{
    (void)state;
    need_png();
    need_jpeg();
    with_failing_allocations(read_pictures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_written_and_read),
        cmocka_unit_test(only_regular_files_are_read_and_nothing_blocks),
        cmocka_unit_test(a_file_that_shrinks_while_it_is_read_is_an_error),
        cmocka_unit_test(an_abandoned_or_failed_write_leaves_the_old_file),
        cmocka_unit_test(a_folder_without_write_permission_is_an_error),
        cmocka_unit_test(links_and_permissions_survive_a_write),
        cmocka_unit_test(json_is_built_written_and_read),
        cmocka_unit_test(bad_json_is_named_with_its_byte),
        cmocka_unit_test(gzip_is_inflated_checked_and_capped),
        cmocka_unit_test(every_type_comes_back_from_safetensors),
        cmocka_unit_test(strided_tensors_are_written_in_row_major_order),
        cmocka_unit_test(python_s_safetensors_is_read),
        cmocka_unit_test(every_failing_allocation_of_safetensors_is_an_error),
        cmocka_unit_test(numpy_s_arrays_are_read),
        cmocka_unit_test(npy_is_written_as_numpy_writes_it),
        cmocka_unit_test(png_gives_pillow_s_pixels),
        cmocka_unit_test(jpeg_gives_pillow_s_pixels),
        cmocka_unit_test(channels_0_is_as_in_the_file),
        cmocka_unit_test(a_written_png_is_read_again),
        cmocka_unit_test(every_failing_allocation_of_pictures_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
