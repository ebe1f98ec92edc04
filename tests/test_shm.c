/* test_shm.c - tensors in shared memory: two processes, and what is no tensor.
 *
 * Started as "test_shm child NAME" it is the second process.  Layer: tests.  Read next: io/shm.c. */
#include "support/files.h"

#include "core/tensor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <taper/io.h>
#include <taper/ops.h>
#include <unistd.h>

/* A name of this process's own; the last 4 stay valid. */
static const char *name_of(const char *what)
{
    static char ring[4][100];
    static unsigned turn;
    char *name = ring[turn++ % 4];
    snprintf(name, sizeof *ring, "/taper-test-%ld-%s", (long)getpid(), what);
    return name;
}

static int child(const char *name)
{
    TP_SCOPE;
    tp_tensor *x = tp_shm_open(name);
    if (x && tp_dtype_of(x) == TP_F32 && tp_ndim(x) == 2 && tp_size(x, 1) == 3)
        tp_add_(x, 10);
    return tp_report_error(stderr);
}

static int run_child(const char *name)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "test_shm", "child", name, (char *)NULL);
        _exit(99);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void two_processes_see_one_tensor(void **state)
{
    (void)state;
    const char *name = name_of("two");
    TP_SCOPE;
    tp_tensor *x = tp_shm_create(name, TP_F32, TP_SHAPE(2, 3));
    expect_no_error();
    float *data = tp_data(x);
    for (int i = 0; i < 6; i++) {
        assert_true(data[i] == 0);
        data[i] = (float)i;
    }
    assert_int_equal(run_child(name), 0);
    for (int i = 0; i < 6; i++)
        assert_true(data[i] == (float)(i + 10));

    tp_tensor *y = tp_shm_open(name), *view;
    assert_false(tp_shares_storage(x, y));
    {
        TP_SCOPE;
        view = tp_retain(tp_select(tp_shm_open(name), 0, 1));
    }
    assert_int_equal(tp_shm_unlink(name), TP_OK);
    data[4] = 99; /* all three mappings live on without a name */
    assert_true(((float *)tp_data(y))[4] == 99);
    assert_true(((float *)tp_data(view))[1] == 99);
    tp_release(view);
    tp_shm_open(name);
    expect_error(TP_ERR_IO, "cannot open shared memory: No such file");
    tp_shm_unlink(name);
    expect_error(TP_ERR_IO, "cannot remove shared memory: No such file");
}

static void every_type_and_shape_is_opened_as_it_was_made(void **state)
{
    (void)state;
    const tp_shape shapes[] = { TP_SHAPE(), TP_SHAPE(0), TP_SHAPE(3, 0, 2), TP_SHAPE(5),
                                TP_SHAPE(1, 2, 1, 2, 1, 2, 1, 2) };
    const char *name = name_of("types");
    for (int dtype = 0; dtype < TP_N_DTYPES; dtype++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            TP_SCOPE;
            tp_tensor *x = tp_shm_create(name, (tp_dtype)dtype, shapes[i]), *y = tp_shm_open(name);
            expect_no_error();
            assert_int_equal(tp_dtype_of(y), dtype);
            assert_true(tensor_same_shape(x, y) && tp_is_contiguous(y));
            assert_int_equal((uintptr_t)tensor_data(y) % 64, 0);
            assert_int_equal(tp_shm_unlink(name), TP_OK);
        }
}

static void names_have_rules(void **state)
{
    (void)state;
    static char longest[300];
    memset(longest, 'x', 256);
    longest[0] = '/';
    const char *const names[] = { NULL, "", "/", "x", "x/y", "/x/y", "//x", "/.", "/..", "/../x", longest };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_null(tp_shm_create(names[i], TP_F32, TP_SHAPE(1)));
        expect_error(TP_ERR_ARGUMENT, "shm_create: name '");
        assert_null(tp_shm_open(names[i]));
        expect_error(TP_ERR_ARGUMENT, "shm_open: name '");
        tp_shm_unlink(names[i]);
        expect_error(TP_ERR_ARGUMENT, "shm_unlink: name '");
    }
}

static void what_cannot_be_made_leaves_no_name(void **state)
{
    (void)state;
    TP_SCOPE;
    const char *name = name_of("failing");
    assert_null(tp_shm_create(name, TP_F64, TP_SHAPE(INT64_MAX / 8)));
    tp_error_take(NULL, 0);
    assert_null(tp_shm_create(name, TP_F64, TP_SHAPE((int64_t)1 << 50))); /* no machine has it */
    expect_error(TP_ERR_IO, "cannot make shared memory");
    assert_null(tp_shm_create(name, TP_F64, TP_SHAPE(-1)));
    expect_error(TP_ERR_SHAPE, "negative");
    assert_null(tp_shm_create(name, (tp_dtype)77, TP_SHAPE(1)));
    expect_error(TP_ERR_DTYPE, "77");
    tp_shm_unlink(name);
    expect_error(TP_ERR_IO, "No such file");

    assert_non_null(tp_shm_create(name, TP_F32, TP_SHAPE(1)));
    assert_null(tp_shm_create(name, TP_F32, TP_SHAPE(1)));
    expect_error(TP_ERR_IO, "is there already");
    assert_int_equal(tp_shm_unlink(name), TP_OK);
}

/* The first n bytes of a tensor's memory (2, 3) f32, changed at one place. */
static void put_shm(const char *name, size_t n, size_t at, const void *bytes, size_t size)
{
    static char memory[280];
    {
        TP_SCOPE;
        assert_non_null(tp_shm_create(name, TP_F32, TP_SHAPE(2, 3)));
    }
    int fd = shm_open(name, O_RDWR, 0);
    assert_int_equal(read(fd, memory, sizeof memory), sizeof memory);
    memcpy(memory + at, bytes, size);
    assert_int_equal(pwrite(fd, memory, sizeof memory, 0), sizeof memory);
    assert_int_equal(ftruncate(fd, (off_t)n), 0);
    close(fd);
}

static void what_is_no_tensor_is_an_error(void **state)
{
    (void)state;
    static const struct {
        size_t length, at;
        const char *bytes;
        size_t size;
        tp_status status;
        const char *piece;
    } cases[] = {
        { 280, 0, "", 0, TP_OK, "" },
        { 281, 0, "", 0, TP_OK, "" }, /* pages are larger anyway */
        { 279, 0, "", 0, TP_ERR_FORMAT, "byte 279: ends here, 24 bytes of data are declared" },
        { 255, 0, "", 0, TP_ERR_FORMAT, "byte 255: ends here, a tensor has at least 256 bytes" },
        { 0, 0, "", 0, TP_ERR_FORMAT, "byte 0: ends here" },
        { 280, 0, "\0\0\0\0\0\0\0\0", 8, TP_ERR_STATE, "still being made, or no tensor" },
        { 280, 0, "#!", 2, TP_ERR_FORMAT, "byte 0: no tensor of Taper's: begins with 0x2321" },
        { 280, 8, "\2", 1, TP_ERR_UNSUPPORTED,
          "byte 8: version 2 with data at 256, version 1 at 256 is read" },
        { 280, 12, "\1\2", 2, TP_ERR_UNSUPPORTED, "data at 513" },
        { 280, 16, "f31", 3, TP_ERR_FORMAT, "byte 16: dtype 'f31' is unknown" },
        { 280, 16, "f32xxxxxxxxxxxxxxxx", 16, TP_ERR_FORMAT, "byte 16: dtype 'f32xxxxxxxxxxxxx'" },
        { 280, 32, "\11", 1, TP_ERR_FORMAT, "byte 32: 9 dims" },
        { 280, 32, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, TP_ERR_FORMAT, "byte 32: -1 dims" },
        { 280, 40, "\3", 1, TP_ERR_FORMAT,
          "byte 40: shape (3, 3) of f32 does not give the 24 bytes declared" },
        { 280, 40, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, TP_ERR_FORMAT, "byte 40: shape (-1, 3)" },
        { 280, 47, "\x7f", 1, TP_ERR_FORMAT, "byte 40: shape (" },
        { 280, 104, "\x19", 1, TP_ERR_FORMAT, "byte 40: shape (2, 3) of f32 does not give the 25 bytes" },
    };
    const char *name = name_of("bad");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        put_shm(name, cases[i].length, cases[i].at, cases[i].bytes, cases[i].size);
        tp_tensor *x = tp_shm_open(name);
        shm_unlink(name);
        assert_true((x != NULL) == (cases[i].status == TP_OK));
        expect_error(cases[i].status, cases[i].piece);
    }
}

static void a_bool_is_0_or_1(void **state)
{
    (void)state;
    TP_SCOPE;
    const char *name = name_of("bool");
    tp_tensor *x = tp_shm_create(name, TP_BOOL, TP_SHAPE(4));
    ((unsigned char *)tp_data(x))[2] = 7;
    assert_null(tp_shm_open(name));
    expect_error(TP_ERR_FORMAT, "byte 258: a bool is 7");
    tp_shm_unlink(name);
}

static void make_and_open(void)
{
    const char *name = name_of("memory");
    tp_shm_create(name, TP_F32, TP_SHAPE(3));
    tp_shm_open(name);
    shm_unlink(name);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    with_failing_allocations(make_and_open);
}

int main(int n, char **words)
{
    if (n == 3 && !strcmp(words[1], "child"))
        return child(words[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_processes_see_one_tensor),
        cmocka_unit_test(every_type_and_shape_is_opened_as_it_was_made),
        cmocka_unit_test(names_have_rules),
        cmocka_unit_test(what_cannot_be_made_leaves_no_name),
        cmocka_unit_test(what_is_no_tensor_is_an_error),
        cmocka_unit_test(a_bool_is_0_or_1),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
