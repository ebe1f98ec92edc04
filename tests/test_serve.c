/* test_serve.c - `taper serve`: the program in a process, asked by sockets: answers, every refusal, slow and rude ones, its end.
 *
 * What it answers is compared with what `taper predict` prints of the same picture.
 * Layer: tests.  Read next: src/cli/http.c, support/serving.h. */
#include "support/serving.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define JSON "Content-Type: application/json\r\n"

static const char *pictures(void)
{
    return need_run(TEST_PROGRAM, "pictures",
                    WORDS("lenet5", "--data", "data/mnist", "--limit", "512", "--epochs", "1", "--seed",
                          "7"));
}

static const char *language(void)
{
    if (access(temp_path("tales.txt"), F_OK) != 0) {
        FILE *f = fopen(temp_path("tales.txt"), "w");
        for (int i = 0; i < 400; i++)
            fprintf(f, "The cat sat on mat %d. Caf\xc3\xa9 \xe2\x82\xac%d.\n", i % 10, i % 7);
        fclose(f);
    }
    return need_run(TEST_PROGRAM, "language",
                    WORDS("char-lm", "--data", temp_path("tales.txt"), "--hidden", "32", "--embedding", "16",
                          "--layers", "1", "--epochs", "1", "--window", "32"));
}

static void pause_for(double seconds)
{
    nanosleep(&(struct timespec){ (time_t)seconds, (long)(1e9 * (seconds - floor(seconds))) }, NULL);
}

/* The reply has this status, is JSON with one line, and says piece. */
#define expect_refusal(r, wanted, piece) expect_refusal_at(r, wanted, piece, __LINE__)
static void expect_refusal_at(const reply *r, int wanted, const char *piece, int line)
{
    if (r->status != wanted || strncmp(r->body, "{\"error\": \"", 11) != 0 || !strstr(r->body, piece) ||
        strcmp(header_of(r, "Content-Type"), "application/json") != 0 ||
        strchr(r->body, '\n') != r->body + r->size - 1)
        fail_msg("line %d: %d with '%s' is wanted; got %d: %s", line, wanted, piece, r->status, r->body);
}

/* ---- answers ------------------------------------------------------------------------------------------ */

static void a_picture_is_answered_as_predict_answers_it(void **state)
{
    (void)state;
    unsigned char png[8192];
    const char *run = pictures();
    program said =
        run_program(TEST_PROGRAM, WORDS("predict", run, "examples/digits/3.png", "--json", "--topk", "2"));
    char line[512], label[40];
    snprintf(line, sizeof line, "%s", said.line);
    assert_int_equal(end_program(&said, 0), 0);
    program p = start_server(TEST_PROGRAM, run, NULL);
    const size_t size = get_file("examples/digits/3.png", png, sizeof png);
    reply *r = request(p.port, "POST /api/predict?top=2", "Content-Type: image/png\r\n", png, size);
    assert_int_equal(r->status, 200);
    assert_true(fabs(number_in(r->body, "probability") - number_in(line, "probability")) < 1e-6);
    snprintf(label, sizeof label, "\"label\": \"%c\"", strstr(line, "\"class\": \"")[10]);
    assert_true(strstr(r->body, label) && strstr(strstr(r->body, "label") + 1, "label"));
    assert_null(strstr(strstr(strstr(r->body, "label") + 1, "label") + 1, "label"));
    assert_int_equal(end_program(&p, SIGTERM), 128 + SIGTERM);
}

static void pixels_health_and_model_are_answered(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, pictures(), NULL);
    reply *r = post_json(p.port, "/api/predict", "{\"pixels\": [[0, 1, 0.5], [0, 0.25, 1]], \"top\": 1}");
    assert_int_equal(r->status, 200);
    assert_true(number_in(r->body, "probability") > 0.05);
    r = request(p.port, "GET /api/health", "", NULL, 0);
    assert_int_equal(r->status, 200);
    assert_non_null(strstr(r->body, "\"ok\""));
    r = request(p.port, "GET /api/model", "", NULL, 0);
    assert_non_null(strstr(r->body, "\"shape\": [1, 28, 28]"));
    assert_non_null(strstr(r->body, "\"task\": \"image\""));
    assert_null(strstr(r->body, "/tmp")); /* no path leaves */
    r = request(p.port, "HEAD /api/health", "Connection: close\r\n", NULL, 0);
    assert_int_equal(r->status, 200);
    assert_int_equal(end_program(&p, SIGINT), 128 + SIGINT);
}

static void the_page_needs_nothing_from_elsewhere(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, pictures(), NULL);
    char first[64];
    reply *r = request(p.port, "GET /", "", NULL, 0);
    const char *policy = header_of(r, "Content-Security-Policy"),
               *nonce = strstr(policy, "script-src 'nonce-");
    assert_int_equal(r->status, 200);
    assert_non_null(strstr(policy, "default-src 'none'"));
    assert_null(strstr(policy, "unsafe"));
    assert_non_null(nonce);
    snprintf(first, sizeof first, "%.26s", nonce + strlen("script-src 'nonce-"));
    assert_non_null(strstr(r->body, first));
    assert_null(strstr(r->body, "@THE_NONCE"));
    assert_null(strstr(r->body, "://")); /* no address but its own */
    assert_null(strstr(r->body, " style=\""));
    assert_null(strstr(r->body, "onclick"));
    r = request(p.port, "GET /", "", NULL, 0);
    assert_null(strstr(r->body, first)); /* each answer has another word */
    assert_string_equal(header_of(r, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(header_of(r, "Access-Control-Allow-Origin"), "");
    end_program(&p, SIGTERM);
}

static void a_text_streams_and_a_seed_gives_it_again(void **state)
{
    (void)state;
    static char first[65536];
    program p = start_server(TEST_PROGRAM, language(), NULL);
    for (int i = 0; i < 2; i++) {
        reply *r =
            post_json(p.port, "/api/generate",
                      "{\"prompt\": \"The caf\\u00e9 \", \"length\": 40, \"temperature\": 0.9, \"seed\": 3}");
        assert_int_equal(r->status, 200);
        assert_non_null(strstr(header_of(r, "Content-Type"), "text/event-stream"));
        assert_non_null(
            strstr(r->body, "data: {\"done\": true, \"tokens\": 40, \"reason\": \"length\"}\n\n"));
        if (i)
            assert_string_equal(r->body, first);
        strcpy(first, r->body);
    }
    expect_refusal(post_json(p.port, "/api/generate", "{\"prompt\": \"\\u4e2d\"}"), 422, "");
    expect_refusal(post_json(p.port, "/api/generate", "{\"temperature\": -1}"), 422, "temperature");
    expect_refusal(post_json(p.port, "/api/generate", "{\"length\": 2.5}"), 422, "whole number");
    expect_refusal(post_json(p.port, "/api/predict", "{\"text\": \"x\"}"), 404, "/api/generate");
    end_program(&p, SIGTERM);
}

static void a_reader_that_leaves_stops_the_writing(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, language(), NULL);
    const char *body = "{\"length\": 10000, \"seed\": 1}";
    for (int i = 0; i < 20; i++) {
        char head[256];
        const int fd = connect_to(p.port);
        snprintf(head, sizeof head,
                 "POST /api/generate HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
        send_text(fd, head);
        if (i % 2)
            assert_true(read(fd, head, 100) > 0);
        close(fd);
    }
    reply *r = post_json(p.port, "/api/generate", "{\"length\": 5}");
    assert_int_equal(r->status, 200);
    assert_int_equal(end_program(&p, SIGTERM), 128 + SIGTERM);
}

static void a_text_is_cut_when_its_time_is_up(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, language(), WORDS("--timeout", "0.01"));
    reply *r = post_json(p.port, "/api/generate", "{\"length\": 10000, \"seed\": 1}");
    if (r->status == 200)
        assert_non_null(strstr(r->body, "\"reason\": \"time\""));
    else
        assert_int_equal(r->status, 504);
    end_program(&p, SIGTERM);
}

/* Two clouds of points; the class of a point far inside one is known without a network. */
static void a_row_of_a_table_is_answered(void **state)
{
    (void)state;
    FILE *f = fopen(temp_path("points.csv"), "w");
    fputs("x,y,class\n", f);
    for (int i = 0; i < 400; i++)
        fprintf(f, "%d.%d,%d,%s\n", i % 2 ? 5 : -5, i % 7, i % 5, i % 2 ? "right" : "left");
    fclose(f);
    program p = start_server(TEST_PROGRAM,
                             need_run(TEST_PROGRAM, "points",
                                      WORDS("mlp", "--data", temp_path("points.csv"), "--hidden", "8",
                                            "--epochs", "20", "--lr", "1e-2")),
                             NULL);
    assert_non_null(strstr(request(p.port, "GET /api/model", "", NULL, 0)->body, "\"shape\": [2]"));
    assert_non_null(
        strstr(post_json(p.port, "/api/predict", "{\"values\": [6, 2]}")->body, "[{\"label\": \"right\""));
    assert_non_null(
        strstr(post_json(p.port, "/api/predict", "{\"values\": [-6.5, 2]}")->body, "[{\"label\": \"left\""));
    expect_refusal(post_json(p.port, "/api/predict", "{\"values\": [1, 2, 3]}"), 422,
                   "3 numbers, the network reads 2");
    expect_refusal(post_json(p.port, "/api/predict", "{\"values\": [1, null]}"), 422, "number 1");
    expect_refusal(post_json(p.port, "/api/predict", "{\"values\": 1}"), 422,
                   "values: a list, or an object with the columns' names, is wanted");
    end_program(&p, SIGTERM);
}

static void a_row_is_answered_by_its_columns_names(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, need_houses(TEST_PROGRAM), NULL);
    assert_non_null(strstr(request(p.port, "GET /api/model", "", NULL, 0)->body,
                           "\"columns\": [\"rooms, all\", \"town=New \\\"Y\\\"\", \"town=Oslo\"]"));
    static const char *const asked[][2] = {
        { "{\"town\": \"Oslo\", \"rooms, all\": 5}", "dear" },
        { "{\"town\": \"New \\\"Y\\\"\", \"rooms, all\": 5, \"more\": \"not read\"}", "cheap" },
        { "{\"rooms, all\": -5, \"town\": \"Oslo\"}", "cheap" },
    };
    for (int i = 0; i < 3; i++) {
        char body[200], answer[64];
        snprintf(body, sizeof body, "{\"values\": %s}", asked[i][0]);
        snprintf(answer, sizeof answer, "[{\"label\": \"%s\"", asked[i][1]);
        assert_non_null(strstr(post_json(p.port, "/api/predict", body)->body, answer));
    }
    static const char *const wrong[][2] = {
        { "{}", "rows" },
        { "{\"town\": \"Oslo\"}", "rows: no column 'rooms, all'" },
        { "{\"town\": \"Rome\", \"rooms, all\": 1}", "'Rome'" },
        { "{\"town\": \"Oslo\", \"rooms, all\": \"many\"}", "'many' in column 1 is no number" },
        { "{\"town\": \"Oslo\", \"rooms, all\": null}", "'rooms, all': a number or a text" },
        { "{\"town\": \"Oslo\", \"rooms, all\": \"\"}", "missing" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"values\": %s}", wrong[i][0]);
        expect_refusal(post_json(p.port, "/api/predict", body), 422, wrong[i][1]);
    }
    end_program(&p, SIGTERM);
}

static void words_are_translated(void **state)
{
    (void)state;
    FILE *f = fopen(temp_path("pairs.tsv"), "w");
    for (int i = 0; i < 600; i++)
        fprintf(f, "%c%c\t%c %c\n", 'a' + i % 5, 'a' + i % 3, 'A' + i % 5, 'A' + i % 3);
    fclose(f);
    program p = start_server(TEST_PROGRAM,
                             need_run(TEST_PROGRAM, "pairs",
                                      WORDS("seq2seq", "--data", temp_path("pairs.tsv"), "--hidden", "32",
                                            "--embedding", "16", "--layers", "1", "--epochs", "20", "--batch",
                                            "16", "--lr", "5e-3")),
                             NULL);
    reply *r = post_json(p.port, "/api/predict", "{\"text\": \"db\", \"n_best\": 2}");
    assert_int_equal(r->status, 200);
    assert_non_null(strstr(r->body, "{\"targets\": [{\"text\": \"D B\""));
    assert_true(number_in(r->body, "log_probability") <= 0);
    expect_refusal(post_json(p.port, "/api/predict", "{\"text\": \"\"}"), 422, "empty");
    expect_refusal(post_json(p.port, "/api/predict", "{\"text\": 1}"), 422, "text");
    end_program(&p, SIGTERM);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

static void wrong_requests_are_refused_with_a_line(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, pictures(), WORDS("--max-body", "20000"));
    const int port = p.port;
    expect_refusal(request(port, "GET /nowhere", "", NULL, 0), 404, "/nowhere");
    expect_refusal(request(port, "GET /api/../etc/passwd", "", NULL, 0), 404, "nothing");
    expect_refusal(post_json(port, "/api/generate", "{}"), 404, "/api/predict");
    expect_refusal(request(port, "DELETE /api/model", "", NULL, 0), 405, "GET");
    reply *r = request(port, "GET /api/predict", "", NULL, 0);
    expect_refusal(r, 405, "POST");
    assert_string_equal(header_of(r, "Allow"), "POST");
    expect_refusal(request(port, "OPTIONS /api/predict", "", NULL, 0), 405, "POST");
    expect_refusal(request(port, "POST /api/predict", JSON "Transfer-Encoding: chunked\r\n", NULL, 0), 411,
                   "Content-Length");
    expect_refusal(request(port, "POST /api/predict", "Content-Type: text/plain\r\n", "{}", 2), 415,
                   "text/plain");
    expect_refusal(request(port, "POST /api/predict", "", "{}", 2), 415, "missing");
    expect_refusal(request(port, "POST /api/predict?top=0", JSON, "{}", 2), 400, "top=0");
    expect_refusal(post_json(port, "/api/predict", ""), 400, "not JSON");
    expect_refusal(post_json(port, "/api/predict", "{\"pixels\": [[0]}"), 400, "not JSON");
    expect_refusal(post_json(port, "/api/predict", "{\"pixels\": 1, \"pixels\": 2}"), 400, "duplicate");
    expect_refusal(post_json(port, "/api/predict", "[1]"), 422, "object");
    expect_refusal(post_json(port, "/api/predict", "{}"), 422, "pixels");
    expect_refusal(post_json(port, "/api/predict", "{\"pixels\": [[0]], \"x\": 1}"), 422, "'x'");
    expect_refusal(post_json(port, "/api/predict", "{\"pixels\": []}"), 422, "rows");
    expect_refusal(post_json(port, "/api/predict", "{\"pixels\": [[0, 1], [0]]}"), 422, "row 1");
    expect_refusal(post_json(port, "/api/predict", "{\"pixels\": [[0, 2]]}"), 422, "column 1");
    expect_refusal(post_json(port, "/api/predict", "{\"pixels\": [[0, \"1\"]]}"), 422, "column 1");
    expect_refusal(request(port, "POST /api/predict", "Content-Type: image/png\r\n", "GIF89a", 6), 422,
                   "GIF");
    expect_refusal(request(port, "POST /api/predict", "Content-Type: image/jpeg\r\n", "\xff\xd8\xff", 3), 422,
                   "");
    assert_int_equal(request(port, "GET /api/health", "", NULL, 0)->status, 200);
    end_program(&p, SIGTERM);
}

static void deep_and_long_json_is_refused(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, pictures(), NULL);
    enum { DEEP = 1000000 };
    char *text = malloc(DEEP + 1);
    memset(text, '[', DEEP);
    text[DEEP] = 0;
    expect_refusal(post_json(p.port, "/api/predict", text), 400, "not JSON");
    free(text);
    end_program(&p, SIGTERM);
}

static void only_this_machine_is_answered(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, pictures(), NULL);
    static const char *const good[] = { "localhost",   "localhost:8080", "LOCALHOST",
                                        "127.0.0.1:1", "[::1]:8080",     "[::1]" };
    static const char *const bad[] = { "evil.example",  "localhost.evil.example", "127.0.0.1.evil.example",
                                       "localhost:80x", "[::1].example",          "localhost@evil.example",
                                       "127.0.0.1\xff" };
    char headers[256];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(headers, sizeof headers, "Host: %s\r\n", good[i]);
        assert_int_equal(request(p.port, "GET /api/health", headers, NULL, 0)->status, 200);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(headers, sizeof headers, "Host: %s\r\n", bad[i]);
        expect_refusal(request(p.port, "GET /api/model", headers, NULL, 0), 403, "Host");
    }
    const int fd = connect_to(p.port);
    send_text(fd, "GET /api/health HTTP/1.0\r\n\r\n");
    assert_int_equal(read_reply(fd, 5)->status, 400);
    close(fd);
    expect_refusal(request(p.port, "POST /api/predict", JSON "Origin: http://evil.example\r\n", "{}", 2), 403,
                   "evil");
    expect_refusal(request(p.port, "POST /api/predict", JSON "Origin: null\r\n", "{}", 2), 403, "null");
    expect_refusal(request(p.port, "GET /api/model",
                           "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", NULL, 0),
                   403, "another site");
    snprintf(headers, sizeof headers, JSON "Host: localhost:%d\r\nOrigin: http://localhost:%d\r\n", p.port,
             p.port);
    assert_int_equal(request(p.port, "POST /api/predict", headers, "{\"pixels\": [[0]]}", 17)->status, 200);
    end_program(&p, SIGTERM);
}

/* ---- large, slow, many ---------------------------------------------------------------------------------- */

static void a_gigabyte_is_refused_before_it_is_read(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, pictures(), NULL);
    int fd = connect_to(p.port);
    send_text(fd,
              "POST /api/predict HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: 1073741824\r\n\r\n");
    expect_refusal(read_reply(fd, 5), 413, "1073741824"); /* not a byte of it is here */
    close(fd);
    fd = connect_to(p.port);
    send_text(fd, "POST /api/predict HTTP/1.1\r\nHost: localhost\r\n" JSON
                  "Content-Length: 99999999999999999999999\r\n\r\n");
    const int status = read_reply(fd, 5)->status;
    assert_true(status == 413 || status == 400);
    close(fd);
    end_program(&p, SIGTERM);
    p = start_server(TEST_PROGRAM, pictures(), WORDS("--max-body", "1000"));
    enum { MUCH = 4 << 20 };
    char *much = calloc(1, MUCH); /* who sends it all the same hears it, too */
    for (int i = 0; i < 5; i++)
        expect_refusal(request(p.port, "POST /api/predict", JSON, much, MUCH), 413, "4194304");
    free(much);
    assert_int_equal(request(p.port, "GET /api/health", "", NULL, 0)->status, 200);
    end_program(&p, SIGTERM);
}

static void long_headers_are_refused(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, pictures(), NULL);
    const int fd = connect_to(p.port);
    send_text(fd, "GET / HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 4000 && send_text(fd, "X-Long: 0123456789012345678901234567890123456789\r\n"); i++)
        ;
    const int status = read_reply(fd, 5)->status;
    assert_true(status == 431 || status == 413 || status == 0);
    close(fd);
    assert_int_equal(request(p.port, "GET /api/health", "", NULL, 0)->status, 200);
    end_program(&p, SIGTERM);
}

static void slow_requests_are_cut_off(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, pictures(), WORDS("--request-timeout", "1"));
    static const char *const begins[] = { "", "GET / HTTP/1.1\r\n",
                                          "POST /api/predict HTTP/1.1\r\nHost: localhost\r\n" JSON
                                          "Content-Length: 1000\r\n\r\n" };
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        const int fd = connect_to(p.port);
        bool open = send_text(fd, begins[i]);
        int times = 0;
        for (; open && times < 40; times++) { /* a byte now and then keeps no one waiting for ever */
            pause_for(0.1);
            open = send_text(fd, "X");
        }
        assert_in_range(times, 5, 35);
        close(fd);
    }
    assert_int_equal(request(p.port, "GET /api/health", "", NULL, 0)->status, 200);
    end_program(&p, SIGTERM);
}

static void a_thousand_connections_at_once_are_survived(void **state)
{
    (void)state;
    enum { N = 1000 };
    static int fds[N];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < N + 100 ? files.rlim_max : N + 100;
    setrlimit(RLIMIT_NOFILE, &files);
    const int n = files.rlim_cur >= N + 100 ? N : (int)files.rlim_cur - 100;
    program p = start_server(TEST_PROGRAM, pictures(), WORDS("--request-timeout", "2"));
    for (int i = 0; i < n; i++)
        fds[i] = connect_to(p.port);
    for (int i = 0; i < n; i += 10)
        send_text(fds[i], "GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < n; i += 10)
        assert_int_equal(read_reply(fds[i], 20)->status, 200);
    for (int i = 0; i < n; i++)
        close(fds[i]);
    assert_int_equal(request(p.port, "GET /api/health", "", NULL, 0)->status, 200);
    end_program(&p, SIGTERM);
}

static void more_connections_than_allowed_wait(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, pictures(), WORDS("--connections", "3", "--request-timeout", "1"));
    int fds[8];
    for (int i = 0; i < 8; i++)
        fds[i] = connect_to(p.port);
    assert_int_equal(request(p.port, "GET /api/health", "", NULL, 0)->status,
                     200); /* when the idle ones are cut off */
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    end_program(&p, SIGTERM);
}

/* Asks n times for a long text; the first is being written when this returns. */
static void ask_for_long_texts(int port, int *fds, int n)
{
    const char *body = "{\"length\": 10000, \"seed\": 1}";
    char text[512];
    snprintf(text, sizeof text,
             "POST /api/generate HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    for (int i = 0; i < n; i++) {
        fds[i] = connect_to(port);
        assert_true(send_text(fds[i], text));
        if (i == 0)
            assert_true(read(fds[0], (char[64]){ 0 }, 64) > 0);
    }
}

static void who_finds_the_queue_full_is_told_so(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, language(), WORDS("--queue", "1", "--timeout", "20"));
    enum { N = 24 };
    int fds[N], busy = 0;
    ask_for_long_texts(p.port, fds, N);
    for (int i = N - 1; i > 0; i--) {
        reply *r = read_reply(fds[i], 20);
        if (r->status == 503) {
            busy++;
            expect_refusal(r, 503, "wait already");
            assert_string_equal(header_of(r, "Retry-After"), "1");
        }
    }
    assert_true(busy >= 1);
    for (int i = 0; i < N; i++)
        close(fds[i]);
    assert_int_equal(end_program(&p, SIGTERM), 128 + SIGTERM);
}

/* A request that is next when the first is cut off has some time left and is begun: so now and then no one is late. */
static void who_waits_too_long_is_told_so(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, language(), WORDS("--timeout", "0.02"));
    enum { N = 12, ROUNDS = 20 };
    int fds[N], late = 0;
    for (int round = 0; round < ROUNDS && !late; round++) {
        ask_for_long_texts(p.port, fds, N);
        for (int i = N - 1; i > 0; i--) {
            reply *r = read_reply(fds[i], 20);
            if (r->status == 504) {
                late++;
                expect_refusal(r, 504, "no answer within 0.02 s");
            }
        }
        for (int i = 0; i < N; i++)
            close(fds[i]);
    }
    assert_true(late >= 1);
    end_program(&p, SIGTERM);
}

/* ---- its beginning and its end ---------------------------------------------------------------------------- */

static void a_port_in_use_is_one_line(void **state)
{
    (void)state;
    char port[16];
    const char *run = pictures();
    program p = start_server(TEST_PROGRAM, run, NULL);
    snprintf(port, sizeof port, "%d", p.port);
    program other = run_program(TEST_PROGRAM, WORDS("serve", run, "--port", port));
    assert_non_null(strstr(other.line, "Address already in use"));
    assert_non_null(strstr(other.line, port));
    assert_int_equal(end_program(&other, 0), 1);
    other = run_program(TEST_PROGRAM, WORDS("serve", run, "--host", "no.such.host.invalid"));
    assert_non_null(strstr(other.line, "no.such.host.invalid"));
    assert_int_equal(end_program(&other, 0), 2);
    other = run_program(TEST_PROGRAM, WORDS("serve", "nowhere"));
    assert_int_equal(end_program(&other, 0), 3);
    end_program(&p, SIGTERM);
}

static void a_signal_ends_it_while_it_computes(void **state)
{
    (void)state;
    program p = start_server(TEST_PROGRAM, language(), NULL);
    int fds[3];
    ask_for_long_texts(p.port, fds, 3);
    const int idle = connect_to(p.port);
    assert_int_equal(end_program(&p, SIGINT), 128 + SIGINT);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_answered_as_predict_answers_it),
        cmocka_unit_test(pixels_health_and_model_are_answered),
        cmocka_unit_test(the_page_needs_nothing_from_elsewhere),
        cmocka_unit_test(a_text_streams_and_a_seed_gives_it_again),
        cmocka_unit_test(a_reader_that_leaves_stops_the_writing),
        cmocka_unit_test(a_text_is_cut_when_its_time_is_up),
        cmocka_unit_test(a_row_of_a_table_is_answered),
        cmocka_unit_test(a_row_is_answered_by_its_columns_names),
        cmocka_unit_test(words_are_translated),
        cmocka_unit_test(wrong_requests_are_refused_with_a_line),
        cmocka_unit_test(deep_and_long_json_is_refused),
        cmocka_unit_test(only_this_machine_is_answered),
        cmocka_unit_test(a_gigabyte_is_refused_before_it_is_read),
        cmocka_unit_test(long_headers_are_refused),
        cmocka_unit_test(slow_requests_are_cut_off),
        cmocka_unit_test(a_thousand_connections_at_once_are_survived),
        cmocka_unit_test(more_connections_than_allowed_wait),
        cmocka_unit_test(who_finds_the_queue_full_is_told_so),
        cmocka_unit_test(who_waits_too_long_is_told_so),
        cmocka_unit_test(a_port_in_use_is_one_line),
        cmocka_unit_test(a_signal_ends_it_while_it_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
