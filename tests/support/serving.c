/* serving.c - a server in a process, and requests by hand.
 *
 * Layer: tests.  Depends on cmocka, sockets.  Read next: test_serve.c. */
#include "support/serving.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the program --------------------------------------------------------------------------------------- */

static void read_line(program *p)
{
    size_t n = 0;
    for (char c; n + 1 < sizeof p->line && read(p->out, &c, 1) == 1 && c != '\n';)
        p->line[n++] = c;
    p->line[n] = 0;
}

/* Programs that a test which failed has left behind end with the tests. */
static pid_t running[64];

static void end_all(void)
{
    for (size_t i = 0; i < sizeof running / sizeof *running; i++)
        if (running[i])
            kill(running[i], SIGKILL);
}

static void note(pid_t old, pid_t new)
{
    static bool known;
    if (!known)
        atexit(end_all);
    known = true;
    for (size_t i = 0; i < sizeof running / sizeof *running; i++)
        if (running[i] == old) {
            running[i] = new;
            return;
        }
}

program run_program(const char *path, const char *const *words)
{
    program p = { 0 };
    const char *argv[32] = { path };
    int pipes[2];
    for (int i = 0; words[i] && i < 30; i++)
        argv[i + 1] = words[i];
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(pipes), 0);
    p.pid = fork();
    if (!p.pid) {
        dup2(pipes[1], 1);
        dup2(pipes[1], 2);
        close(pipes[0]);
        close(pipes[1]);
        signal(SIGINT, SIG_DFL);
        execv(path, (char *const *)argv);
        _exit(127);
    }
    note(0, p.pid);
    close(pipes[1]);
    p.out = pipes[0];
    read_line(&p);
    return p;
}

int end_program(program *p, int number)
{
    int status = 0;
    char rest[4096];
    if (number)
        kill(p->pid, number);
    while (read(p->out, rest, sizeof rest) > 0)
        ;
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    note(p->pid, 0);
    close(p->out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

const char *need_run(const char *path, const char *name, const char *const *words)
{
    static char folders[6][512]; /* of temp_path */
    char config[540];
    int k = 0, i = 1;
    const char *all[32] = { "train" };
    for (const char *wanted = temp_path(name); k < 6 && *folders[k] && strcmp(folders[k], wanted) != 0; k++)
        ;
    assert_true(k < 6);
    snprintf(folders[k], sizeof folders[k], "%s", temp_path(name));
    snprintf(config, sizeof config, "%.511s/config.json", folders[k]);
    if (!access(config, F_OK))
        return folders[k];
    for (; words[i - 1] && i < 28; i++)
        all[i] = words[i - 1];
    all[i++] = "--out";
    all[i] = folders[k];
    program p = run_program(path, all);
    const int code = end_program(&p, 0);
    if (strstr(p.line, "unsupported"))
        skip();
    assert_int_equal(code, 0);
    return folders[k];
}

const char *need_houses(const char *path)
{
    FILE *f = fopen(temp_path("houses.csv"), "w");
    assert_non_null(f);
    fputs("\"rooms, all\",town,class\n", f);
    for (int i = 0; i < 400; i++)
        fprintf(f, "%d,%s,%s\n", i % 2 ? 5 : -5, i / 2 % 2 ? "\"New \"\"Y\"\"\"" : "Oslo",
                (i % 2) ^ (i / 2 % 2) ? "dear" : "cheap");
    fclose(f);
    const char *const words[] = {
        "mlp", "--data", temp_path("houses.csv"), "--hidden", "16", "--epochs", "40", "--lr", "1e-2", NULL
    };
    return need_run(path, "houses", words);
}

program start_server(const char *path, const char *run, const char *const *options)
{
    const char *words[32] = { "serve", run, "--port", "0" };
    for (int i = 0; options && options[i] && i < 24; i++)
        words[i + 4] = options[i];
    program p = run_program(path, words);
    if (strstr(p.line, "unsupported")) {
        end_program(&p, 0);
        skip();
    }
    const char *port = strrchr(p.line, ':');
    p.port = port ? atoi(port + 1) : 0;
    if (p.port <= 0)
        fail_msg("the server says: %s", p.line);
    return p;
}

/* ---- HTTP ------------------------------------------------------------------------------------------------ */

int connect_to(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        fail_msg("cannot connect: %s", strerror(errno));
    return fd;
}

bool send_all(int fd, const void *data, size_t size)
{
    const char *p = data;
    for (ssize_t n; size; p += n, size -= (size_t)n) {
        n = send(fd, p, size, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
    }
    return true;
}

bool send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

/* A byte; -1: the end, or the time is over. */
static int next_byte(int fd, double until, bool *late)
{
    unsigned char c;
    struct pollfd p = { fd, POLLIN, 0 };
    const double left = until - now();
    if (left <= 0 || poll(&p, 1, (int)(1000 * left) + 1) <= 0) {
        *late = true;
        return -1;
    }
    return recv(fd, &c, 1, 0) == 1 ? c : -1;
}

const char *header_of(const reply *r, const char *name)
{
    static char value[1024];
    const size_t length = strlen(name);
    value[0] = 0;
    for (const char *line = r->head; line; line = strstr(line, "\r\n") ? strstr(line, "\r\n") + 2 : NULL)
        if (!strncasecmp(line, name, length) && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r"), line);
            break;
        }
    return value;
}

/* A reply that was longer than there is room for ends within a chunk. */
static void unchunk(reply *r)
{
    char *to = r->body, *from = r->body, *end = r->body + r->size;
    while (from < end) {
        char *text;
        const long n = strtol(from, &text, 16), left = (long)(end - text) - 2;
        const long taken = n < left ? n : left;
        if (taken <= 0)
            break;
        memmove(to, text + 2, (size_t)taken);
        to += taken;
        from = text + 2 + n + 2;
        if (n > left)
            break;
    }
    *to = 0;
    r->size = (size_t)(to - r->body);
}

reply *read_reply(int fd, double seconds)
{
    static reply r;
    const double until = now() + seconds;
    bool late = false;
    size_t n = 0;
    int c;
    memset(&r, 0, sizeof r);
    while (n + 1 < sizeof r.head && (n < 4 || memcmp(r.head + n - 4, "\r\n\r\n", 4) != 0) &&
           (c = next_byte(fd, until, &late)) >= 0)
        r.head[n++] = (char)c;
    if (late)
        fail_msg("no reply in %g s", seconds);
    if (n > 9)
        r.status = atoi(r.head + 9);
    const char *length = header_of(&r, "Content-Length");
    const bool sized = *length, chunked = !strcmp(header_of(&r, "Transfer-Encoding"), "chunked");
    const size_t wanted = sized ? (size_t)atol(header_of(&r, "Content-Length")) : sizeof r.body - 1;
    while (r.status && r.size < wanted && r.size + 1 < sizeof r.body &&
           (c = next_byte(fd, until, &late)) >= 0) {
        r.body[r.size++] = (char)c;
        if (chunked && r.size >= 5 && !memcmp(r.body + r.size - 5, "0\r\n\r\n", 5))
            break;
    }
    if (late)
        fail_msg("half a reply in %g s", seconds);
    r.closed = !r.status || !strcasecmp(header_of(&r, "Connection"), "close");
    if (chunked)
        unchunk(&r);
    return &r;
}

reply *request(int port, const char *line, const char *headers, const void *body, size_t size)
{
    char head[2048], length[64] = "";
    const int fd = connect_to(port);
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", size);
    snprintf(head, sizeof head, "%s HTTP/1.1\r\n%s%s%s\r\n", line,
             strcasestr(headers, "Host:") ? "" : "Host: localhost\r\n", headers, length);
    send_text(fd, head);
    if (body)
        send_all(fd, body, size);
    reply *r = read_reply(fd, 20);
    close(fd);
    return r;
}

reply *post_json(int port, const char *path, const char *json)
{
    char line[256];
    snprintf(line, sizeof line, "POST %s", path);
    return request(port, line, "Content-Type: application/json\r\n", json, strlen(json));
}

double number_in(const char *json, const char *name)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\": ", name);
    const char *p = strstr(json, quoted);
    return p ? atof(p + strlen(quoted)) : NAN;
}
