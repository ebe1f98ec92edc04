/* test_watch.c - `taper watch` in a terminal: a training that goes on beside it, another size of the window, Ctrl-C.
 *
 * Layer: tests.  Read next: src/cli/watch.c, cli/watch.sh for what it prints elsewhere. */
#include "support/serving.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SECOND_SCREEN "\033[?1049h"
#define FIRST_SCREEN "\033[?1049l"
#define NO_CURSOR "\033[?25l"
#define CURSOR "\033[?25h"

typedef struct terminal {
    int fd;
    pid_t pid;
    char text[1 << 20]; /* all that was written to it */
    size_t n;
} terminal;

static terminal it;

static void resize(int columns, int lines)
{
    struct winsize size = { .ws_col = (unsigned short)columns, .ws_row = (unsigned short)lines };
    assert_int_equal(ioctl(it.fd, TIOCSWINSZ, &size), 0);
}

static void watch_in_terminal(const char *folder, int columns, int lines)
{
    it.n = 0;
    it.fd = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(it.fd >= 0 && !grantpt(it.fd) && !unlockpt(it.fd));
    resize(columns, lines);
    const char *name = ptsname(it.fd);
    it.pid = fork();
    if (!it.pid) {
        setsid();
        const int fd = open(name, O_RDWR); /* the first that is opened is the session's */
        for (int i = 0; i < 3; i++)
            dup2(fd, i);
        setenv("TERM", "xterm", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        execl(TEST_PROGRAM, TEST_PROGRAM, "watch", folder, (char *)NULL);
        _exit(127);
    }
}

/* Reads on until the text holds this behind `from`; false: the end came first. */
static bool comes(const char *piece, size_t from, int seconds)
{
    for (int i = 0; i < 10 * seconds; i++) {
        struct pollfd p = { it.fd, POLLIN, 0 };
        it.text[it.n] = 0;
        if (it.n > from && strstr(it.text + from, piece))
            return true;
        if (poll(&p, 1, 100) <= 0)
            continue;
        const ssize_t n = read(it.fd, it.text + it.n, sizeof it.text - 1 - it.n);
        if (n <= 0)
            return false;
        it.n += (size_t)n;
    }
    return false;
}

static int end_of_watch(void)
{
    int status;
    comes("nothing that is ever written", it.n, 20);
    assert_int_equal(waitpid(it.pid, &status, 0), it.pid);
    close(it.fd);
    it.text[it.n] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* The longest line of the frames behind `from`, in columns; escape sequences have none. */
static int widest(size_t from)
{
    int column = 0, most = 0;
    for (const char *p = it.text + from; *p; p++) {
        if (*p == '\033') {
            p += 1 + strcspn(p + 1, "HJKmhl");
            continue;
        }
        column = *p == '\n' || *p == '\r' ? 0 : column + ((*p & 0xc0) != 0x80);
        most = column > most ? column : most;
    }
    return most;
}

static program train(const char *folder, const char *epochs)
{
    program p = run_program(TEST_PROGRAM, WORDS("train", "lenet5", "--data", "data/mnist", "--limit", "2000",
                                                "--epochs", epochs, "--out", folder));
    if (strstr(p.line, "unsupported")) {
        end_program(&p, 0);
        skip();
    }
    char config[600];
    snprintf(config, sizeof config, "%s/config.json", folder);
    for (int i = 0; i < 200 && access(config, F_OK); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    return p;
}

static void a_training_is_watched_to_its_end(void **state)
{
    (void)state;
    char folder[512];
    snprintf(folder, sizeof folder, "%s", temp_path("end"));
    program p = train(folder, "3");
    watch_in_terminal(folder, 80, 30);
    assert_true(comes(SECOND_SCREEN, 0, 10));
    assert_true(comes(NO_CURSOR, 0, 10));
    assert_true(comes("training", 0, 10));
    assert_true(comes("epoch 3/3", 0, 60));
    assert_int_equal(end_of_watch(), 0);
    assert_int_equal(end_program(&p, 0), 0);
    const char *last = strstr(it.text, FIRST_SCREEN);
    assert_non_null(last);
    assert_non_null(strstr(it.text, CURSOR));
    assert_non_null(strstr(last, "done")); /* the last frame stays */
    assert_null(strstr(last, " left"));
    assert_true(widest(0) <= 80);
}

static void a_window_of_twenty_columns_is_enough_and_ctrl_c_gives_the_terminal_back(void **state)
{
    (void)state;
    char folder[512];
    snprintf(folder, sizeof folder, "%s", temp_path("narrow"));
    program p = train(folder, "500");
    watch_in_terminal(folder, 80, 40);
    assert_true(comes("epoch 2/500", 0, 60));
    resize(20, 40);
    assert_true(comes("nothing that is ever written", it.n, 2) == false);
    const size_t narrow = it.n; /* frames of the new size only */
    assert_true(comes("an epoch", narrow, 20));
    assert_true(comes("\033[J", it.n - 1, 20));
    assert_true(widest(narrow) <= 20);
    assert_int_equal(write(it.fd, "\003", 1), 1);
    assert_int_equal(end_of_watch(), 130);
    const char *last = strstr(it.text, FIRST_SCREEN);
    assert_non_null(last);
    assert_null(strstr(last, NO_CURSOR));
    assert_int_equal(end_program(&p, SIGTERM), 143); /* the training was not touched */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_is_watched_to_its_end),
        cmocka_unit_test(a_window_of_twenty_columns_is_enough_and_ctrl_c_gives_the_terminal_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
