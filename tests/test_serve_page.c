/* test_serve_page.c - the page of `taper serve` in a real browser: digits drawn with the mouse and the keyboard, a file, a text that streams.
 *
 * Chromium is driven over a pipe (--remote-debugging-pipe: messages of JSON, each ended by a 0); without one all is skipped.  The pointer's
 * events go the way of a person's, and what is looked at is what stands in the page.
 * Layer: tests.  Read next: src/cli/page/page.js, test_serve.c. */
#include "support/serving.h"

#include "io/json.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- the browser ------------------------------------------------------------------------------------------ */

static struct {
    pid_t pid;
    int in, out, id, complaints;
    char session[128], complaint[512];
    char buffer[4 << 20];
    size_t n;
} browser;

static const char *chromium(void)
{
    static const char *const places[] = { "/usr/bin/chromium", "/usr/bin/chromium-browser",
                                          "/usr/bin/google-chrome" };
    const char *said = getenv("CHROMIUM");
    for (size_t i = 0; !said && i < sizeof places / sizeof *places; i++)
        said = access(places[i], X_OK) ? NULL : places[i];
    return said;
}

/* The next message, whose id is the caller's to look at; what the page complains of on the way is counted. */
static js_value *next_message(void)
{
    for (;;) {
        const char *end = memchr(browser.buffer, 0, browser.n);
        if (end) {
            const size_t size = (size_t)(end - browser.buffer);
            js_value *m = js_parse("message", browser.buffer, size, 0);
            browser.n -= size + 1;
            memmove(browser.buffer, end + 1, browser.n);
            const char *method = js_string(js_get(m, "method"));
            if (method && (!strcmp(method, "Runtime.exceptionThrown") || !strcmp(method, "Log.entryAdded"))) {
                browser.complaints++;
                file_bytes text = { 0 };
                js_format(m, false, &text);
                snprintf(browser.complaint, sizeof browser.complaint, "%.*s", (int)text.size,
                         (const char *)text.data);
                file_bytes_free(&text);
            }
            return m;
        }
        struct pollfd p = { browser.out, POLLIN, 0 };
        if (poll(&p, 1, 30000) <= 0)
            fail_msg("the browser says nothing");
        const ssize_t n = read(browser.out, browser.buffer + browser.n, sizeof browser.buffer - browser.n);
        if (n <= 0)
            fail_msg("the browser is gone");
        browser.n += (size_t)n;
    }
}

/* The answer to a method, to js_free; params: JSON. */
static js_value *call(const char *method, const char *params)
{
    static char text[1 << 16];
    const int id = ++browser.id;
    const int n = snprintf(text, sizeof text, "{\"id\":%d,%s\"method\":\"%s\",\"params\":%s}", id,
                           browser.session, method, params);
    assert_true(n > 0 && (size_t)n < sizeof text);
    assert_int_equal(write(browser.in, text, (size_t)n + 1), n + 1);
    for (;;) {
        int64_t got;
        js_value *m = next_message();
        if (js_integer(js_get(m, "id"), &got) && got == id) {
            if (js_get(m, "error"))
                fail_msg("%s: %s", method, js_string(js_get(js_get(m, "error"), "message")));
            return m;
        }
        js_free(m);
    }
}

static void tell(const char *method, const char *params)
{
    js_free(call(method, params));
}

static void close_browser(void)
{
    if (!browser.pid)
        return;
    kill(browser.pid, SIGTERM);
    waitpid(browser.pid, NULL, 0);
    close(browser.in);
    close(browser.out);
    browser.pid = 0;
}

static void open_browser(int width, int height)
{
    int to[2], from[2];
    char profile[600], params[256];
    const char *path = chromium();
    close_browser(); /* of a test that failed */
    if (!path)
        skip();
    need_json();
    snprintf(profile, sizeof profile, "--user-data-dir=%.500s", temp_path("profile"));
    assert_true(!pipe(to) && !pipe(from));
    memset(&browser, 0, sizeof browser);
    browser.pid = fork();
    if (!browser.pid) {
        const int in = dup2(to[0], 20), out = dup2(from[1], 21); /* not in each other's way */
        dup2(in, 3);
        dup2(out, 4);
        for (int fd = 5; fd < 64; fd++)
            close(fd);
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(127);
        execl(path, path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
              "--remote-debugging-pipe", profile, "about:blank", (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    browser.in = to[1];
    browser.out = from[0];
    js_value *target = call("Target.createTarget", "{\"url\":\"about:blank\"}");
    snprintf(params, sizeof params, "{\"flatten\":true,\"targetId\":\"%.100s\"}",
             js_string(js_get(js_get(target, "result"), "targetId")));
    js_value *session = call("Target.attachToTarget", params);
    snprintf(browser.session, sizeof browser.session, "\"sessionId\":\"%.100s\",",
             js_string(js_get(js_get(session, "result"), "sessionId")));
    js_free(target);
    js_free(session);
    snprintf(params, sizeof params, "{\"width\":%d,\"height\":%d,\"deviceScaleFactor\":1,\"mobile\":false}",
             width, height);
    tell("Emulation.setDeviceMetricsOverride", params);
    tell("Runtime.enable", "{}");
    tell("Log.enable", "{}");
}

/* A text that the page's script gives; static. */
static const char *value_of(const char *expression)
{
    static char text[1 << 16];
    char params[4096];
    snprintf(params, sizeof params,
             "{\"returnByValue\":true,\"awaitPromise\":true,\"expression\":\"String(%s)\"}", expression);
    js_value *m = call("Runtime.evaluate", params);
    const char *value = js_string(js_get(js_get(js_get(m, "result"), "result"), "value"));
    snprintf(text, sizeof text, "%s", value ? value : "");
    js_free(m);
    return text;
}

static void expect_text(const char *expression, const char *piece)
{
    for (int i = 0; i < 100; i++) {
        if (strstr(value_of(expression), piece))
            return;
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    }
    fail_msg("%s: '%s' is wanted, it is '%s'; the page says '%s'", expression, piece, value_of(expression),
             value_of("document.getElementById('error').textContent"));
}

static void open_page(int port)
{
    char params[128];
    snprintf(params, sizeof params, "{\"url\":\"http://127.0.0.1:%d/\"}", port);
    tell("Page.navigate", params);
    expect_text("document.getElementById('about') && document.getElementById('about').textContent",
                "parameters");
}

static void expect_no_complaint(void)
{
    value_of("1"); /* what came before is read */
    if (browser.complaints)
        fail_msg("the page complains: %s", browser.complaint);
}

/* ---- hands ---------------------------------------------------------------------------------------------------- */

typedef struct point {
    double x, y; /* of the pad, 0 to 1 */
} point;

static struct {
    double x, y, size;
} pad;

static void find_pad(void)
{
    const char *box =
        "(()=>{const b=document.getElementById('pad').getBoundingClientRect();return [b.x,b.y,b.width]})()";
    assert_int_equal(sscanf(value_of(box), "%lf,%lf,%lf", &pad.x, &pad.y, &pad.size), 3);
}

static void mouse(const char *type, point p)
{
    char params[256];
    snprintf(params, sizeof params,
             "{\"type\":\"%s\",\"x\":%.1f,\"y\":%.1f,\"button\":\"left\",\"buttons\":%d,\"clickCount\":1}",
             type, pad.x + pad.size * p.x, pad.y + pad.size * p.y, strcmp(type, "mouseReleased") != 0);
    tell("Input.dispatchMouseEvent", params);
}

static void draw(const point *points, int n)
{
    mouse("mousePressed", points[0]);
    for (int i = 1; i < n; i++)
        for (int k = 1; k <= 4; k++)
            mouse("mouseMoved", (point){ points[i - 1].x + (points[i].x - points[i - 1].x) * k / 4,
                                         points[i - 1].y + (points[i].y - points[i - 1].y) * k / 4 });
    mouse("mouseReleased", points[n - 1]);
}

static void press(const char *key, const char *text)
{
    char params[256];
    snprintf(params, sizeof params, "{\"type\":\"keyDown\",\"key\":\"%s\",\"text\":\"%s\"}", key, text);
    tell("Input.dispatchKeyEvent", params);
    snprintf(params, sizeof params, "{\"type\":\"keyUp\",\"key\":\"%s\"}", key);
    tell("Input.dispatchKeyEvent", params);
}

static void click(const char *id)
{
    char script[128];
    snprintf(script, sizeof script, "document.getElementById('%s').click()", id);
    value_of(script);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static const char *digits(void)
{
    return need_run(TEST_PROGRAM, "digits",
                    WORDS("lenet5", "--data", "data/mnist", "--limit", "20000", "--epochs", "1", "--lr",
                          "2e-3", "--seed", "1"));
}

#define BEST "document.getElementById('best').textContent"

static void digits_that_are_drawn_are_recognised(void **state)
{
    (void)state;
    if (!chromium())
        skip();
    program p = start_server(TEST_PROGRAM, digits(), NULL);
    open_browser(1200, 900);
    open_page(p.port);
    find_pad();
    /* In a corner and small: the page brings it to MNIST's size and place. */
    static const point one[] = { { 0.9, 0.6 }, { 0.9, 0.95 } },
                       seven[] = { { 0.05, 0.1 }, { 0.3, 0.1 }, { 0.15, 0.45 } },
                       four_a[] = { { 0.4, 0.2 }, { 0.3, 0.55 }, { 0.7, 0.55 } },
                       four_b[] = { { 0.62, 0.2 }, { 0.6, 0.85 } };
    point zero[25];
    for (int i = 0; i < 25; i++)
        zero[i] = (point){ 0.5 + 0.18 * sin(i * M_PI / 12), 0.5 - 0.3 * cos(i * M_PI / 12) };
    draw(one, 2);
    expect_text(BEST, "1,");
    click("clear");
    expect_text(BEST, "Draw");
    draw(seven, 3);
    expect_text(BEST, "7,");
    click("clear");
    draw(zero, 25);
    expect_text(BEST, "0,");
    expect_text("document.querySelectorAll('#bars li').length", "10");
    expect_text("document.querySelector('#bars .first .label').textContent", "0");
    click("clear");
    draw(four_a, 3);
    draw(four_b, 2);
    expect_text(BEST, "4,");
    click("undo");
    click("undo");
    expect_text(BEST, "Draw");
    expect_no_complaint();
    close_browser();
    end_program(&p, SIGTERM);
}

static void the_keyboard_draws_too(void **state)
{
    (void)state;
    if (!chromium())
        skip();
    program p = start_server(TEST_PROGRAM, digits(), NULL);
    open_browser(390, 844);
    open_page(p.port);
    value_of("document.getElementById('pad').focus()");
    press(" ", " ");
    for (int i = 0; i < 8; i++)
        press("ArrowDown", "");
    press(" ", " ");
    expect_text(BEST, "1,");
    press("Escape", "");
    expect_text(BEST, "Draw");
    /* A phone's width holds the page. */
    expect_text("document.documentElement.scrollWidth <= innerWidth", "true");
    expect_no_complaint();
    close_browser();
    end_program(&p, SIGTERM);
}

static void a_chosen_file_is_answered_and_a_wrong_one_named(void **state)
{
    (void)state;
    if (!chromium())
        skip();
    char params[1024], here[512];
    program p = start_server(TEST_PROGRAM, digits(), NULL);
    assert_non_null(getcwd(here, sizeof here));
    open_browser(1200, 900);
    open_page(p.port);
    js_value *object = call("Runtime.evaluate", "{\"expression\":\"document.getElementById('file')\"}");
    const char *id = js_string(js_get(js_get(js_get(object, "result"), "result"), "objectId"));
    snprintf(params, sizeof params, "{\"objectId\":\"%.60s\",\"files\":[\"%s/examples/digits/7.png\"]}", id,
             here);
    tell("DOM.setFileInputFiles", params);
    expect_text(BEST, "7,");
    put_text(temp_path("broken.png"), "\x89PNG\r\n\x1a\nno more");
    snprintf(params, sizeof params, "{\"objectId\":\"%.60s\",\"files\":[\"%.500s\"]}", id,
             temp_path("broken.png"));
    tell("DOM.setFileInputFiles", params);
    expect_text("document.getElementById('error').textContent", "the body:");
    js_free(object);
    close_browser();
    end_program(&p, SIGTERM);
}

static void a_text_is_written_and_stopped(void **state)
{
    (void)state;
    if (!chromium())
        skip();
    FILE *f = fopen(temp_path("tales.txt"), "w");
    for (int i = 0; i < 400; i++)
        fprintf(f, "The cat sat on mat %d. Caf\xc3\xa9.\n", i % 10);
    fclose(f);
    program p = start_server(TEST_PROGRAM,
                             need_run(TEST_PROGRAM, "tales",
                                      WORDS("char-lm", "--data", temp_path("tales.txt"), "--hidden", "64",
                                            "--layers", "2", "--epochs", "1", "--window", "32")),
                             NULL);
    open_browser(1200, 900);
    open_page(p.port);
    value_of("(document.getElementById('prompt').value = 'The caf\\u00e9', "
             "document.getElementById('length').value = 50)");
    click("go");
    expect_text(BEST, "Done.");
    expect_text("document.getElementById('written').textContent.startsWith('The caf\\u00e9')", "true");
    expect_text("document.getElementById('written').textContent.length >= 58", "true");
    value_of("document.getElementById('length').value = 10000");
    click("go");
    expect_text("document.getElementById('written').textContent.length > 60", "true");
    click("stop");
    expect_text("/Stopped|Done/.test(" BEST ")", "true");
    value_of("document.getElementById('prompt').value = '\\u4e2d'");
    click("go");
    expect_text("document.getElementById('error').hidden", "false");
    close_browser();
    end_program(&p, SIGTERM);
}

static void a_row_is_filled_in_by_columns(void **state)
{
    (void)state;
    if (!chromium())
        skip();
    program p = start_server(TEST_PROGRAM, need_houses(TEST_PROGRAM), NULL);
    open_browser(1200, 900);
    open_page(p.port);
    expect_text("[...document.querySelectorAll('#columns label')].map(l => l.firstChild.data).join('|')",
                "rooms, all|town");
    value_of("document.querySelector('#columns input').focus()");
    press("5", "5");
    expect_text(BEST, "cheap,");
    value_of("(t => (t.value = 'Oslo', t.dispatchEvent(new Event('input', { bubbles: true })))) "
             "(document.querySelector('#columns select'))");
    expect_text(BEST, "dear,");
    expect_text("document.getElementById('curl').textContent",
                "{\"rooms, all\":0,\"town\":\"New \\\"Y\\\"\"}");
    close_browser();
    end_program(&p, SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_that_are_drawn_are_recognised),
        cmocka_unit_test(the_keyboard_draws_too),
        cmocka_unit_test(a_chosen_file_is_answered_and_a_wrong_one_named),
        cmocka_unit_test(a_text_is_written_and_stopped),
        cmocka_unit_test(a_row_is_filled_in_by_columns),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_browser();
    return failed;
}
