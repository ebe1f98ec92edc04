/* test_checkpoint.c - a run that was stopped, killed or damaged: the same bits as never stopping, or an error that
 * names the file; nothing lost.
 *
 * On the first examples of MNIST, written anew as IDX files so that a run takes a moment.
 * Layer: tests.  Read next: src/train/checkpoint.c, folder.c, test_train.c. */
#include "support/mnist.h"

#include "io/json.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <taper/train.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 22 };
static unsigned char bytes_a[ROOM], bytes_b[ROOM];

/* ---- data and runs ----------------------------------------------------------------------------------------------- */

/* Everything that could go astray on resume: momentum, dropout, augmentation, clipping, a schedule, groups,
 * batches of a step, means of weights. */
static tp_train_config config_in(const char *out)
{
    return (tp_train_config){
        .struct_size = sizeof(tp_train_config),
        .model = "mlp",
        .model_options = { .hidden = "24", .dropout = 0.2 },
        .data = small_mnist(250, 120),
        .out = out,
        .epochs = 3,
        .batch_size = 16,
        .accumulate = 2,
        .ema = 0.9,
        .balance = true,
        .seed = 7,
        .schedule = "cosine",
        .warmup_epochs = 0.5,
        .clip_norm = 2,
        .label_smoothing = 0.05,
        .lr_of = "fc1=0.5",
        .no_decay = "biases",
        .optim_options = { .weight_decay = 1e-2 },
        .augment = "affine=8:0.1",
        .workers = 2,
    };
}

typedef struct stop {
    int64_t at_step;
    bool kill;
} stop;

static bool stop_at(void *context, const tp_progress *p)
{
    const stop *s = context;
    if (p->epoch_done || p->global_step != s->at_step)
        return true;
    if (s->kill)
        kill(getpid(), SIGKILL);
    return false;
}

static void train(const tp_train_config *c, int64_t stop_step)
{
    stop s = { stop_step, false };
    tp_train_result result;
    tp_train_run(c, stop_at, &s, &result);
    expect_no_error();
    assert_int_equal(result.stopped, stop_step > 0);
}

static void resume(const char *folder, int64_t epochs)
{
    tp_train_result result;
    tp_train_resume(folder, epochs, NULL, NULL, &result);
    expect_no_error();
    assert_false(result.stopped);
}

static const char *in(const char *folder, const char *name)
{
    static char ring[4][700];
    static int turn;
    char *path = ring[turn++ % 4];
    snprintf(path, sizeof *ring, "%s/%s", folder, name);
    return path;
}

/* ---- the same bits ----------------------------------------------------------------------------------------------- */

static void assert_same_file(const char *a, const char *b, const char *name)
{
    size_t na = get_file(in(a, name), bytes_a, ROOM), nb = get_file(in(b, name), bytes_b, ROOM);
    if (na != nb || memcmp(bytes_a, bytes_b, na) != 0)
        fail_msg("%s differs between %s and %s", name, a, b);
}

/* metrics.jsonl but for the seconds, which stand last in their line. */
static size_t read_metrics(const char *folder, unsigned char *text)
{
    size_t n = get_file(in(folder, "metrics.jsonl"), text, ROOM - 1);
    text[n] = 0;
    char *to = (char *)text;
    for (char *line = strtok((char *)text, "\n"); line; line = strtok(NULL, "\n")) {
        char *seconds = strstr(line, "\"seconds\"");
        assert_non_null(seconds);
        memmove(to, line, (size_t)(seconds - line));
        to += seconds - line;
    }
    return (size_t)(to - (char *)text);
}

static void assert_same_run(const char *a, const char *b)
{
    static const char *const names[] = {
        "last/model.safetensors",
        "last/optimizer.safetensors",
        "last/state.json",
        "last/ema.safetensors",
        "last/SUMS",
        "best/model.safetensors",
        "best/optimizer.safetensors",
        "best/state.json",
        "best/SUMS",
        "config.json",
        "evaluation.json",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_same_file(a, b, names[i]);
    size_t na = read_metrics(a, bytes_a), nb = read_metrics(b, bytes_b);
    assert_int_equal(na, nb);
    assert_memory_equal(bytes_a, bytes_b, na);
}

static const char *whole_run(void)
{
    static char path[512];
    if (!*path) {
        strcpy(path, temp_path("whole"));
        tp_train_config c = config_in(path);
        train(&c, 0);
    }
    return path;
}

static void a_run_that_was_stopped_anywhere_ends_with_the_same_bits(void **state)
{
    (void)state;
    need_json();
    static const int64_t steps[] = { 1, 5, 8, 11, 16, 23 }; /* 8 steps an epoch */
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char out[512];
        snprintf(out, sizeof out, "%s%d", temp_path("stopped"), (int)i);
        tp_train_config c = config_in(out);
        tp_set_num_threads(1 + (int)i % 3);
        train(&c, steps[i]);
        tp_set_num_threads(3 - (int)i % 3);
        resume(out, 0);
        assert_same_run(whole_run(), out);
    }
}

static void more_epochs_than_at_first_end_with_the_same_bits(void **state)
{
    (void)state;
    need_json();
    char a[512], b[512];
    strcpy(a, temp_path("three")), strcpy(b, temp_path("one"));
    tp_train_config c = config_in(a);
    c.schedule = "constant";
    c.model = "lenet5";
    c.model_options = (tp_model_options){ 0 };
    train(&c, 0);
    c.out = b;
    c.epochs = 1;
    train(&c, 0);
    resume(b, 3);
    assert_same_run(a, b);
    resume(b, 0); /* nothing to do */
    assert_same_run(a, b);
    tp_train_resume(b, 2, NULL, NULL, NULL);
    expect_error(TP_ERR_ARGUMENT, "3");
    assert_same_run(a, b);
}

/* A child that trains and is killed; returns whether it was. */
static bool train_and_kill(const tp_train_config *c, bool begin, int64_t at_step, unsigned after_us)
{
    pid_t child = fork();
    if (child == 0) {
        stop s = { at_step, true };
        tp_train_result result;
        tp_status status =
            begin ? tp_train_run(c, stop_at, &s, &result) : tp_train_resume(c->out, 0, stop_at, &s, &result);
        if (status)
            fprintf(stderr, "child: %s\n", tp_error_message());
        _exit(status != TP_OK);
    }
    assert_true(child > 0);
    if (after_us) {
        usleep(after_us);
        kill(child, SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void a_run_that_was_killed_ends_with_the_same_bits(void **state)
{
    (void)state;
    need_json();
    char whole[512], out[512];
    strcpy(whole, temp_path("kill-whole")), strcpy(out, temp_path("kill"));
    tp_train_config c = config_in(whole);
    c.checkpoint_steps = 3;
    train(&c, 0);
    c.out = out;
    assert_true(train_and_kill(&c, true, 5, 0)); /* goes back to step 3 */
    assert_true(train_and_kill(&c, false, 13, 0));
    assert_true(train_and_kill(&c, false, 20, 0));
    resume(out, 0);
    assert_same_run(whole, out);
}

static void killed_at_any_moment_a_whole_checkpoint_is_there(void **state)
{
    (void)state;
    need_json();
    char whole[512], out[512];
    strcpy(whole, temp_path("any-whole")), strcpy(out, temp_path("any"));
    tp_train_config c = config_in(whole);
    c.checkpoint_steps = 1; /* most of the time is spent in checkpoints */
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    train(&c, 0);
    clock_gettime(CLOCK_MONOTONIC, &to);
    unsigned whole_us = (unsigned)((to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
    c.out = out;
    bool killed = true;
    for (unsigned i = 0; i < 24 && killed; i++) {
        bool begin = access(in(out, "config.json"), F_OK) != 0;
        killed = train_and_kill(&c, begin, -1, whole_us / 12 + i * 7919 % 24 * (whole_us / 200));
    }
    if (killed)
        resume(out, 0);
    assert_same_run(whole, out);
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

static void copy_run(const char *from, const char *to)
{
    static const char *const names[] = {
        "config.json",
        "metrics.jsonl",
        "last/model.safetensors",
        "last/optimizer.safetensors",
        "last/state.json",
        "last/ema.safetensors",
        "last/SUMS",
    };
    assert_int_equal(mkdir(to, 0777), 0);
    assert_int_equal(mkdir(in(to, "last"), 0777), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put_file(in(to, names[i]), bytes_a, get_file(in(from, names[i]), bytes_a, ROOM));
}

static const char *const checkpoint_files[] = { "last/model.safetensors", "last/optimizer.safetensors",
                                                "last/state.json", "last/ema.safetensors", "last/SUMS" };
enum { N_FILES = sizeof checkpoint_files / sizeof *checkpoint_files, SUMS = N_FILES - 1 };

static void a_flipped_byte_is_an_error_that_names_the_file(void **state)
{
    (void)state;
    need_json();
    char out[512];
    strcpy(out, temp_path("flipped"));
    copy_run(whole_run(), out);
    for (size_t i = 0; i < SUMS; i++) {
        const char *path = in(out, checkpoint_files[i]);
        size_t n = get_file(path, bytes_a, ROOM);
        for (size_t at = 3; at < n; at += n / 7) {
            bytes_a[at] ^= 4;
            put_file(path, bytes_a, n);
            tp_train_resume(out, 0, NULL, NULL, NULL);
            expect_error(TP_ERR_FORMAT, checkpoint_files[i]);
            bytes_a[at] ^= 4;
        }
        put_file(path, bytes_a, n - 1);
        tp_train_resume(out, 0, NULL, NULL, NULL);
        expect_error(TP_ERR_FORMAT, checkpoint_files[i]);
        put_file(path, bytes_a, n);
    }
    const char *sums = in(out, "last/SUMS");
    size_t n = get_file(sums, bytes_a, ROOM);
    for (size_t at = 0; at < n; at += 3) {
        bytes_a[at] ^= 1;
        put_file(sums, bytes_a, n);
        tp_train_resume(out, 0, NULL, NULL, NULL);
        expect_error(TP_ERR_FORMAT, "last/");
        bytes_a[at] ^= 1;
    }
    put_file(sums, bytes_a, n);
    resume(out, 0);
}

static void a_missing_file_is_an_error_that_names_it(void **state)
{
    (void)state;
    need_json();
    char out[512], aside[600];
    strcpy(out, temp_path("missing"));
    copy_run(whole_run(), out);
    snprintf(aside, sizeof aside, "%s", in(out, "aside"));
    for (size_t i = 0; i < N_FILES; i++) {
        assert_int_equal(rename(in(out, checkpoint_files[i]), aside), 0);
        tp_train_resume(out, 0, NULL, NULL, NULL);
        expect_error(TP_ERR_IO, checkpoint_files[i]);
        assert_int_equal(rename(aside, in(out, checkpoint_files[i])), 0);
    }
    assert_int_equal(rename(in(out, "last"), aside), 0);
    tp_train_resume(out, 0, NULL, NULL, NULL);
    expect_error(TP_ERR_IO, "last");
    assert_null(tp_run_open(out));
    expect_error(TP_ERR_IO, "last");
    assert_int_equal(rename(aside, in(out, "last")), 0);
    assert_int_equal(rename(in(out, "metrics.jsonl"), aside), 0);
    tp_train_resume(out, 0, NULL, NULL, NULL);
    expect_error(TP_ERR_IO, "metrics.jsonl");
    put_text(in(out, "metrics.jsonl"), "{\"epoch\": 1}\n{\"epoch\": 3}\n");
    tp_train_resume(out, 0, NULL, NULL, NULL);
    expect_error(TP_ERR_FORMAT, "metrics.jsonl: line 2");
    tp_train_resume(temp_path("nowhere"), 0, NULL, NULL, NULL);
    expect_error(TP_ERR_IO, "nowhere/config.json");
}

static void a_checkpoint_of_another_model_is_an_error_that_names_both(void **state)
{
    (void)state;
    need_json();
    char out[512], other[512];
    strcpy(out, temp_path("foreign")), strcpy(other, temp_path("lenet"));
    copy_run(whole_run(), out);
    tp_train_config c = config_in(other);
    c.model = "lenet5";
    c.model_options = (tp_model_options){ 0 };
    train(&c, 1);
    for (size_t i = 0; i < N_FILES; i++)
        put_file(in(out, checkpoint_files[i]), bytes_a,
                 get_file(in(other, checkpoint_files[i]), bytes_a, ROOM));
    tp_train_resume(out, 0, NULL, NULL, NULL);
    assert_non_null(strstr(tp_error_message(), "lenet5"));
    expect_error(TP_ERR_FORMAT, "mlp");
    strcpy(other, temp_path("wider")); /* the same model by name, of another width */
    c = config_in(other);
    c.model_options.hidden = "25";
    train(&c, 1);
    for (size_t i = 0; i < N_FILES; i++)
        put_file(in(out, checkpoint_files[i]), bytes_a,
                 get_file(in(other, checkpoint_files[i]), bytes_a, ROOM));
    assert_int_not_equal(tp_train_resume(out, 0, NULL, NULL, NULL), TP_OK);
    expect_error(tp_error_pending(), "model.safetensors");
}

static void a_config_that_was_spoilt_is_an_error_that_names_the_field(void **state)
{
    (void)state;
    need_json();
    static const char *const changes[][3] = {
        /* what, by what, expected in the error */
        { "\"epochs\"", "\"epoch\"", "'epochs' is missing" },
        { "\"batch_size\": 16", "\"batch_size\": \"16\"", "'batch_size' is a string" },
        { "\"batch_size\": 16", "\"batch_size\": -2", "'batch_size' is -2" },
        { "\"batch_size\": 16", "\"batch_size\": 0", "batch_size" },
        { "\"model\": \"mlp\"", "\"model\": \"mlq\"", "mlq" },
        { "\"optim\": \"adam\"", "\"optim\": \"madam\"", "madam" },
        { "\"lr\"", "\"rl\"", "'optim_options.lr' is missing" },
        { "\"milestones\": []", "\"milestones\": {}", "'schedule_options.milestones' is an object" },
        { "\"classes\": 10,\n    \"class_names\"", "\"classes\": 9,\n    \"class_names\"", "class_names" },
        { "\"format\": 1", "\"format\": 2", "format 2" },
        { "\"transform\"", "\"transfrom\"", "'transform' is missing" },
    };
    char out[512], text[8192], changed[8192];
    strcpy(out, temp_path("spoilt"));
    copy_run(whole_run(), out);
    size_t n = get_file(in(out, "config.json"), (unsigned char *)text, sizeof text - 1);
    text[n] = 0;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *at = strstr(text, changes[i][0]);
        if (!at)
            fail_msg("config.json has no %s:\n%s", changes[i][0], text);
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, changes[i][1],
                 at + strlen(changes[i][0]));
        put_text(in(out, "config.json"), changed);
        assert_null(tp_run_open(out));
        assert_non_null(strstr(tp_error_message(), "config.json"));
        expect_error(tp_error_pending(), changes[i][2]);
    }
    for (size_t cut = 0; cut < n - 2; cut += 97) {
        put_file(in(out, "config.json"), text, cut);
        assert_null(tp_run_open(out));
        expect_error(TP_ERR_FORMAT, "config.json");
    }
}

/* ---- a disk that is full, leftovers ------------------------------------------------------------------------------ */

/* Files of more than so many bytes cannot be written: the same as a full disk in the middle of one. */
static void resume_with_little_room(const char *out, rlim_t room, tp_status want, const char *piece)
{
    pid_t child = fork();
    if (child == 0) {
        tp_set_num_threads(1);
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){ room, room });
        tp_status status = tp_train_resume(out, 5, NULL, NULL, NULL);
        bool right = status == want && strstr(tp_error_message(), piece);
        if (!right)
            fprintf(stderr, "got %s: %s\n", tp_status_name(status), tp_error_message());
        _exit(!right);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_full_disk_leaves_the_old_checkpoint_whole(void **state)
{
    (void)state;
    need_json();
    char out[512];
    strcpy(out, temp_path("full"));
    copy_run(whole_run(), out);
    static const rlim_t rooms[] = { 100, 6000, 90000 };
    static const char *const named[] = { "config.json", "last.new/model.safetensors",
                                         "last.new/optimizer.safetensors" };
    for (int i = 0; i < 3; i++) {
        resume_with_little_room(out, rooms[i], TP_ERR_IO,
                                i == 1   ? "/model.safetensors"
                                : i == 2 ? "/optimizer"
                                         : named[0]);
        assert_int_equal(access(in(out, "last.new"), F_OK), -1);
        tp_run *run;
        {
            TP_SCOPE;
            run = tp_run_open(out);
            expect_no_error();
            assert_non_null(run);
        }
        for (size_t k = 0; k < N_FILES; k++)
            assert_same_file(out, whole_run(), checkpoint_files[k]);
    }
    resume(out, 5);
}

static void a_folder_without_write_permission_is_an_error(void **state)
{
    (void)state;
    need_json();
    if (geteuid() == 0)
        skip();
    char closed[512], out[600];
    strcpy(closed, temp_path("closed"));
    assert_int_equal(mkdir(closed, 0555), 0);
    snprintf(out, sizeof out, "%s/run", closed);
    tp_train_config c = config_in(out);
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_IO, "closed/run");
    chmod(closed, 0777);
}

static void what_a_killed_process_left_is_cleared_away(void **state)
{
    (void)state;
    need_json();
    char out[512];
    strcpy(out, temp_path("leftovers"));
    tp_train_config c = config_in(out);
    train(&c, 10);
    assert_int_equal(mkdir(in(out, "last.new"), 0777), 0);
    put_text(in(out, "last.new/model.safetensors"), "half");
    put_text(in(out, "last.new/state.json.tmp-77-1"), "half");
    assert_int_equal(rename(in(out, "last"), in(out, "last.old")), 0); /* between two renames */
    FILE *f = fopen(in(out, "metrics.jsonl"), "ab");
    fputs("{\"epoch\":2,\"gl", f); /* in the middle of a line */
    fclose(f);
    resume(out, 0);
    assert_same_run(whole_run(), out);
    assert_int_equal(access(in(out, "last.old"), F_OK), -1);
    assert_int_equal(access(in(out, "last.new"), F_OK), -1);
}

static void two_processes_cannot_train_in_one_folder(void **state)
{
    (void)state;
    need_json();
    int lock = open(whole_run(), O_RDONLY | O_DIRECTORY); /* as the other one would hold it */
    assert_int_equal(flock(lock, LOCK_EX), 0);
    tp_train_resume(whole_run(), 0, NULL, NULL, NULL);
    expect_error(TP_ERR_STATE, "another process");
    close(lock);
    resume(whole_run(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_was_stopped_anywhere_ends_with_the_same_bits),
        cmocka_unit_test(more_epochs_than_at_first_end_with_the_same_bits),
        cmocka_unit_test(a_run_that_was_killed_ends_with_the_same_bits),
        cmocka_unit_test(killed_at_any_moment_a_whole_checkpoint_is_there),
        cmocka_unit_test(a_flipped_byte_is_an_error_that_names_the_file),
        cmocka_unit_test(a_missing_file_is_an_error_that_names_it),
        cmocka_unit_test(a_checkpoint_of_another_model_is_an_error_that_names_both),
        cmocka_unit_test(a_config_that_was_spoilt_is_an_error_that_names_the_field),
        cmocka_unit_test(a_full_disk_leaves_the_old_checkpoint_whole),
        cmocka_unit_test(a_folder_without_write_permission_is_an_error),
        cmocka_unit_test(what_a_killed_process_left_is_cleared_away),
        cmocka_unit_test(two_processes_cannot_train_in_one_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
