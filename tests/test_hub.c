/* test_hub.c - downloads from a hub that answers over the loopback address, and misbehaves in every way a test asks for.
 *
 * Hashes are git's and sha256sum's; the layout of the cache is what huggingface_hub 2.4.0 made of the same repository (expected_cache).
 * Started as "test_hub child URL CACHE" it is a second process that downloads.  Layer: tests.  Read next: support/server.h. */
#include "support/files.h"
#include "support/server.h"

#include "hub/digest.h"
#include "hub/http.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <taper/hub.h>
#include <time.h>
#include <unistd.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define CONFIG_SHA1 "3914be8a017af6f2a58402c37134858a1cce9b22"
#define NOTES_SHA1 "f1888f901fc9fdb516652f61bfcd2dca76e01341"
#define WEIGHTS_SHA256 "5a67e7e545f6c42a3662c41aa6e0ede53d2a9011915681169310b402a518bf24"
#define OTHER_SHA256 "6a67e7e545f6c42a3662c41aa6e0ede53d2a9011915681169310b402a518bf24"
#define SECRET "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345"

enum { WEIGHTS = 300000 };
static unsigned char weights[WEIGHTS];

/* ---- the hub ----------------------------------------------------------------------------------------------------------------------- */

typedef struct hub {
    server *server, *elsewhere;   /* elsewhere: where the weights lie, another origin */
    const char *listed;           /* one more name in the list */
    const char *status, *headers; /* of answers, while refusals > 0, to paths with refuse_at in them */
    const char *refuse_at;
    int refusals;
    const char *redirect; /* every file's address */
    size_t cut;           /* bytes after which a body of the weights ends; 0: whole */
    int stall_ms;         /* and how long it then hangs */
    int slow_ms;          /* before each tenth of the weights */
    bool no_ranges, wrong_range, wrong_hash, longer, shorter, range_416, no_etag, moved;
} hub;

static void send_weights(server_request *r, const hub *h)
{
    const size_t from = r->range > 0 && !h->no_ranges ? (size_t)r->range : 0;
    const size_t all = WEIGHTS - from, claimed = h->longer ? all + 10 : h->shorter ? all - 10 : all;
    const size_t n = h->cut && h->cut < claimed ? h->cut : claimed;
    if (h->range_416 && r->range > 0) {
        server_answer(r, "416 Range Not Satisfiable", "", "", 0);
        return;
    }
    server_say(r, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
               from ? "206 Partial Content" : "200 OK", claimed);
    if (from)
        server_say(r, "Content-Range: bytes %zu-%d/%d\r\n", from + (h->wrong_range ? 7 : 0), WEIGHTS - 1,
                   WEIGHTS);
    server_say(r, "\r\n");
    static const char more[10] = "0123456789";
    for (size_t at = 0; at < n; at += WEIGHTS / 10) {
        usleep((unsigned)h->slow_ms * 1000);
        const size_t part = n - at < WEIGHTS / 10 ? n - at : WEIGHTS / 10,
                     real = from + at + part > WEIGHTS ? WEIGHTS - from - at : part;
        server_send(r, weights + from + at, real);
        server_send(r, more, part - real);
    }
    usleep((unsigned)h->stall_ms * 1000);
}

static void answer_elsewhere(server_request *r, void *context)
{
    send_weights(r, context);
}

static void answer_file(server_request *r, const hub *h, const char *text, const char *sha1)
{
    char headers[256];
    snprintf(headers, sizeof headers, "ETag: \"%s\"\r\nX-Repo-Commit: " COMMIT "\r\n", sha1);
    server_answer(r, "200 OK", h->no_etag ? "" : headers, text, strlen(text));
}

static void answer_weights(server_request *r, const hub *h)
{
    char headers[512];
    snprintf(headers, sizeof headers,
             "X-Repo-Commit: " COMMIT "\r\nX-Linked-Size: %d\r\nX-Linked-ETag: \"%s\"\r\nETag: "
             "\"of-the-redirect\"\r\nLocation: %s/blob?signature=s3cr3t\r\n",
             WEIGHTS, h->wrong_hash ? OTHER_SHA256 : WEIGHTS_SHA256, server_url(h->elsewhere));
    server_answer(r, "302 Found", headers, "elsewhere", 9);
}

static bool refuses(server_request *r, hub *h)
{
    if (!h->refusals || !strstr(r->path, h->refuse_at ? h->refuse_at : "/"))
        return false;
    h->refusals--;
    server_answer(r, h->status, h->headers ? h->headers : "", "no", 2);
    return true;
}

static void answer(server_request *r, void *context)
{
    hub *h = context;
    char list[1024], location[256];
    if (refuses(r, h))
        return;
    static const char somebody[] = "{\"name\": \"somebody\", \"orgs\": []}";
    if (strstr(r->path, "/api/whoami-v2"))
        server_answer(r, strcmp(r->token, SECRET) ? "401 Unauthorized" : "200 OK",
                      "X-Error-Message: Invalid\r\n", somebody, strlen(somebody));
    else if (strstr(r->path, "/api/models/org/name/revision/")) {
        snprintf(list, sizeof list,
                 "{\"id\": \"org/name\", \"sha\": \"" COMMIT
                 "\", \"siblings\": [{\"rfilename\": \"config.json\", \"size\": 23},"
                 "{\"rfilename\": \"model.safetensors\", \"size\": %d}, {\"rfilename\": "
                 "\"sub/deep/notes.txt\"}%s%s%s]}",
                 WEIGHTS, h->listed ? ", {\"rfilename\": \"" : "", h->listed ? h->listed : "",
                 h->listed ? "\"}" : "");
        server_answer(r, "200 OK", "", list, strlen(list));
    } else if (h->redirect && strstr(r->path, "/resolve/")) {
        snprintf(location, sizeof location, "Location: %s\r\n", h->redirect);
        server_answer(r, "302 Found", location, "", 0);
    } else if (h->moved && strstr(r->path, "/resolve/" COMMIT "/config.json"))
        server_answer(r, "307 Temporary Redirect", "ETag: \"of-the-redirect\"\r\nLocation: /moved?config\r\n",
                      "", 0);
    else if (strstr(r->path, "/moved?config") || strstr(r->path, "/copy.json"))
        answer_file(r, h, "{\"model_type\": \"gpt2\"}\n", CONFIG_SHA1);
    else if (strstr(r->path, "/org/name/resolve/" COMMIT "/config.json"))
        answer_file(r, h, "{\"model_type\": \"gpt2\"}\n", CONFIG_SHA1);
    else if (strstr(r->path, "/org/name/resolve/" COMMIT "/sub/deep/notes.txt"))
        answer_file(r, h, "hello, hub\n", NOTES_SHA1);
    else if (strstr(r->path, "/org/name/resolve/" COMMIT "/model.safetensors"))
        answer_weights(r, h);
    else
        server_answer(r, "404 Not Found",
                      strstr(r->path, "/resolve/") ? "X-Error-Code: EntryNotFound\r\n"
                                                   : "X-Error-Code: RepoNotFound\r\n",
                      "", 0);
}

static hub the_hub;
static char place[512]; /* a fresh cache for each test */

static int set_up(void **state)
{
    static int serial;
    char name[32];
    static const char *const names[] = { "HF_TOKEN",
                                         "HUGGING_FACE_HUB_TOKEN",
                                         "HUGGINGFACE_TOKEN",
                                         "HF_TOKEN_PATH",
                                         "HF_HUB_CACHE",
                                         "HF_HUB_OFFLINE",
                                         "HF_ENDPOINT",
                                         "HUGGINGFACE_HUB_CACHE",
                                         "TRANSFORMERS_OFFLINE",
                                         "http_proxy",
                                         "HTTP_PROXY",
                                         "https_proxy",
                                         "all_proxy",
                                         "ALL_PROXY",
                                         "no_proxy",
                                         "NO_PROXY",
                                         "XDG_CACHE_HOME" };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    for (int i = 0; i < WEIGHTS; i++)
        weights[i] = (unsigned char)(i * 7 + i / 251);
    snprintf(name, sizeof name, "home%d", serial++);
    snprintf(place, sizeof place, "%s", temp_path(name));
    assert_int_equal(mkdir(place, 0700), 0);
    setenv("HF_HOME", place, 1);
    memset(&the_hub, 0, sizeof the_hub);
    the_hub.server = server_start(answer, &the_hub);
    the_hub.elsewhere = server_start(answer_elsewhere, &the_hub);
    setenv("HF_ENDPOINT", server_url(the_hub.server), 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    server_stop(the_hub.server);
    server_stop(the_hub.elsewhere);
    tp_error_take(NULL, 0);
    return 0;
}

static void need_hub(void)
{
    need_json();
    if (!http_library(false) || !digest_library(false))
        skip();
}

static void settle(void)
{
    server_settle(the_hub.server);
    server_settle(the_hub.elsewhere);
}

/* Threads that talk over sockets alone have no order that a checker of threads could see. */
#define SETTLED(call)            \
    ({                           \
        settle();                \
        tp_status done = (call); \
        settle();                \
        done;                    \
    })
#define tp_hub_download_opt(...) SETTLED((tp_hub_download_opt)(__VA_ARGS__))
#define tp_hub_whoami_opt(...) SETTLED((tp_hub_whoami_opt)(__VA_ARGS__))
#define tp_hub_login_opt(...) SETTLED((tp_hub_login_opt)(__VA_ARGS__))
#define tp_hub_reach_opt(...) SETTLED((tp_hub_reach_opt)(__VA_ARGS__))

static char folder[PATH_MAX];
#define download(...) tp_hub_download("org/name", folder, sizeof folder, .retry_wait = 0.01, __VA_ARGS__)

static const char *in_cache(const char *name)
{
    static char ring[4][700];
    static unsigned turn;
    char *path = ring[turn++ % 4];
    snprintf(path, sizeof *ring, "%s/hub/models--org--name/%s", place, name);
    return path;
}

static void expect_weights(const char *path)
{
    static unsigned char got[WEIGHTS + 1];
    assert_int_equal(get_file(path, got, sizeof got - 1), WEIGHTS);
    assert_memory_equal(got, weights, WEIGHTS);
}

static bool exists(const char *path)
{
    struct stat info;
    return !lstat(path, &info);
}

/* ---- the cache ----------------------------------------------------------------------------------------------------------------------- */

static char listing[4096];

static int list_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    char target[300];
    (void)kind, (void)where;
    if (S_ISDIR(info->st_mode))
        return 0;
    const ssize_t n = S_ISLNK(info->st_mode) ? readlink(path, target, sizeof target - 1) : 0;
    target[n] = 0;
    const size_t used = strlen(listing);
    snprintf(listing + used, sizeof listing - used, "%s%s%s\n", path + strlen(in_cache("")), n ? " -> " : "",
             target);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *sorted_listing(void)
{
    static char text[4096];
    char *lines[64], copy[4096];
    int n = 0;
    listing[0] = text[0] = 0;
    nftw(in_cache(""), list_one, 16, FTW_PHYS);
    strcpy(copy, listing);
    for (char *line = strtok(copy, "\n"); line && n < 64; line = strtok(NULL, "\n"))
        lines[n++] = line;
    qsort(lines, (size_t)n, sizeof *lines, by_text);
    for (int i = 0; i < n; i++)
        strcat(strcat(text, lines[i]), "\n");
    return text;
}

/* snapshot_download("org/name") of huggingface_hub 2.4.0 against a hub with these files, without its trees/ (a list it keeps). */
static const char expected_cache[] =
    "blobs/" CONFIG_SHA1 "\n"
    "blobs/" WEIGHTS_SHA256 "\n"
    "blobs/" NOTES_SHA1 "\n"
    "refs/main\n"
    "snapshots/" COMMIT "/config.json -> ../../blobs/" CONFIG_SHA1 "\n"
    "snapshots/" COMMIT "/model.safetensors -> ../../blobs/" WEIGHTS_SHA256 "\n"
    "snapshots/" COMMIT "/sub/deep/notes.txt -> ../../../../blobs/" NOTES_SHA1 "\n";

static void a_repository_comes_into_the_cache(void **state)
{
    (void)state;
    need_hub();
    unsigned char ref[64];
    char expected[PATH_MAX];
    assert_int_equal(download(), TP_OK);
    snprintf(expected, sizeof expected, "%s", in_cache("snapshots/" COMMIT));
    assert_string_equal(folder, expected);
    expect_weights(in_cache("snapshots/" COMMIT "/model.safetensors"));
    assert_string_equal(sorted_listing(), expected_cache);
    assert_int_equal(get_file(in_cache("refs/main"), ref, sizeof ref - 1), 40);
    assert_memory_equal(ref, COMMIT, 40);
    const int files = server_count(the_hub.server, "GET", "/resolve/"),
              heads = server_count(the_hub.server, "HEAD", "");
    assert_int_equal(files, 3);
    assert_int_equal(heads, 3);

    assert_int_equal(download(), TP_OK); /* what is there is not asked for again */
    assert_int_equal(server_count(the_hub.server, "GET", "/resolve/"), files);
    assert_int_equal(server_count(the_hub.server, "HEAD", ""), heads);
    expect_no_error();
}

static void one_file_of_a_pinned_commit_needs_no_list(void **state)
{
    (void)state;
    need_hub();
    static const char *const names[] = { "sub/deep/notes.txt" };
    assert_int_equal(download(.files = names, .n_files = 1, .revision = COMMIT), TP_OK);
    assert_int_equal(server_count(the_hub.server, "GET", "/api/"), 0);
    assert_true(exists(in_cache("snapshots/" COMMIT "/sub/deep/notes.txt")));
    assert_false(exists(in_cache("refs")));
}

static void some_files_are_chosen(void **state)
{
    (void)state;
    need_hub();
    static const char *const unknown[] = { "config.json", "nothing.txt" };
    assert_int_equal(download(.include = "*.txt,con*"), TP_OK);
    assert_int_equal(count_files(folder), 2);
    assert_int_equal(download(.pretrained = true), TP_OK); /* not those in folders */
    assert_true(exists(in_cache("snapshots/" COMMIT "/model.safetensors")));
    download(.files = unknown, .n_files = 2);
    expect_error(TP_ERR_IO, "org/name: there is no file 'nothing.txt' at revision 'main'");
    download(.include = "*.onnx");
    expect_error(TP_ERR_IO, "no file of its 3 is taken by the globs");
}

static void two_files_of_one_content_are_one_blob(void **state)
{
    (void)state;
    need_hub();
    the_hub.listed = "other/copy.json";
    assert_int_equal(download(.include = "*.json"), TP_OK);
    assert_int_equal(count_files(in_cache("blobs")), 1);
    assert_true(exists(in_cache("snapshots/" COMMIT "/other/copy.json")));
    assert_int_equal(server_count(the_hub.server, "GET", "/resolve/"), 1);
}

static void of_several_formats_one_is_taken(void **state)
{
    (void)state;
    need_hub();
    the_hub.listed = "pytorch_model.bin"; /* it is not there: asking for it would fail */
    assert_int_equal(download(.pretrained = true), TP_OK);
}

static void a_plain_folder_is_filled_and_kept(void **state)
{
    (void)state;
    need_hub();
    char dir[600], path[700];
    snprintf(dir, sizeof dir, "%s/local", place);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    assert_int_equal(download(.local_dir = dir), TP_OK);
    assert_string_equal(folder, dir);
    expect_weights(path);
    assert_false(exists(in_cache("")));
    const int bodies = server_count(the_hub.elsewhere, "GET", "");
    assert_int_equal(download(.local_dir = dir), TP_OK);
    assert_int_equal(server_count(the_hub.elsewhere, "GET", ""), bodies);
    const struct timespec later[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = time(NULL) + 100 } };
    assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0); /* written to since, but the same */
    assert_int_equal(download(.local_dir = dir), TP_OK);
    assert_int_equal(server_count(the_hub.elsewhere, "GET", ""), bodies);
    put_text(path, "changed");
    assert_int_equal(download(.local_dir = dir), TP_OK);
    expect_weights(path);
}

/* ---- bodies that break off ------------------------------------------------------------------------------------------------------------ */

static void half_a_file_goes_on_where_it_ended(void **state)
{
    (void)state;
    need_hub();
    the_hub.cut = 70000;
    assert_int_equal(download(), TP_OK);
    expect_weights(in_cache("snapshots/" COMMIT "/model.safetensors"));
    assert_int_equal(server_count(the_hub.elsewhere, "GET", ""), 5);
    assert_int_equal(server_last(the_hub.elsewhere, "GET", "").range, 4 * 70000);
}

static void what_an_earlier_process_left_is_used(void **state)
{
    (void)state;
    need_hub();
    the_hub.cut = 50000;
    download(.retries = -1);
    expect_error(TP_ERR_IO, "org/name: model.safetensors: ");
    assert_true(exists(in_cache("blobs/" WEIGHTS_SHA256 ".incomplete")));
    assert_false(exists(in_cache("refs/main"))); /* it does not count yet */
    the_hub.cut = 0;
    assert_int_equal(download(), TP_OK);
    assert_int_equal(server_last(the_hub.elsewhere, "GET", "").range, 50000);
    assert_string_equal(sorted_listing(), expected_cache);
}

static void a_part_of_other_content_is_thrown_away(void **state)
{
    (void)state;
    need_hub();
    static unsigned char junk[WEIGHTS + 1];
    assert_int_equal(download(.include = "config.json"), TP_OK);
    put_file(in_cache("blobs/" WEIGHTS_SHA256 ".incomplete"), junk, 1000);
    assert_int_equal(download(), TP_OK);
    expect_weights(in_cache("snapshots/" COMMIT "/model.safetensors"));
    assert_int_equal(server_count(the_hub.elsewhere, "GET", ""), 2); /* the rest, and then all of it */

    unlink(in_cache("blobs/" WEIGHTS_SHA256));
    put_file(in_cache("blobs/" WEIGHTS_SHA256 ".incomplete"), junk, sizeof junk); /* longer than the file */
    assert_int_equal(download(), TP_OK);
    expect_weights(in_cache("snapshots/" COMMIT "/model.safetensors"));

    unlink(in_cache("blobs/" WEIGHTS_SHA256));
    put_file(in_cache("blobs/" WEIGHTS_SHA256 ".incomplete"), weights, WEIGHTS); /* whole, but for its name */
    const int bodies = server_count(the_hub.elsewhere, "GET", "");
    assert_int_equal(download(), TP_OK);
    assert_int_equal(server_count(the_hub.elsewhere, "GET", ""), bodies);
}

static void servers_without_ranges_send_it_all_again(void **state)
{
    (void)state;
    need_hub();
    the_hub.no_ranges = true;
    assert_int_equal(download(.include = "config.json"), TP_OK);
    put_file(in_cache("blobs/" WEIGHTS_SHA256 ".incomplete"), weights, 1000);
    assert_int_equal(download(), TP_OK);
    assert_int_equal(server_last(the_hub.elsewhere, "GET", "").range, 1000);
    expect_weights(in_cache("snapshots/" COMMIT "/model.safetensors"));
}

static void a_refused_range_begins_anew(void **state)
{
    (void)state;
    need_hub();
    the_hub.range_416 = true;
    assert_int_equal(download(.include = "config.json"), TP_OK);
    put_file(in_cache("blobs/" WEIGHTS_SHA256 ".incomplete"), weights, 1000);
    assert_int_equal(download(), TP_OK);
    assert_int_equal(server_last(the_hub.elsewhere, "GET", "").range, -1);
}

static void another_range_than_asked_for_is_an_error(void **state)
{
    (void)state;
    need_hub();
    the_hub.cut = 50000;
    the_hub.wrong_range = true;
    download();
    expect_error(TP_ERR_IO,
                 "model.safetensors: the hub sends bytes from 50007 on, from 50000 were asked for");
}

static void a_body_that_stalls_is_asked_for_again(void **state)
{
    (void)state;
    need_hub();
    the_hub.cut = 200000;
    the_hub.stall_ms = 1500;
    assert_int_equal(download(.timeout = 1), TP_OK);
    expect_weights(in_cache("snapshots/" COMMIT "/model.safetensors"));
    assert_int_equal(server_last(the_hub.elsewhere, "GET", "").range, 200000);
}

static void a_slow_body_is_waited_for(void **state)
{
    (void)state;
    need_hub();
    the_hub.slow_ms = 350; /* longer in all than the time without a byte */
    assert_int_equal(download(.timeout = 3), TP_OK);
    assert_int_equal(server_count(the_hub.elsewhere, "GET", ""), 1);
}

static void wrong_content_never_gets_its_name(void **state)
{
    (void)state;
    need_hub();
    the_hub.wrong_hash = true;
    download();
    expect_error(
        TP_ERR_FORMAT,
        "org/name: model.safetensors: is damaged: its SHA-256 is 5a67e7e545f6..., the hub says 6a67e7e545f6");
}

static void wrong_sizes_are_errors(void **state)
{
    (void)state;
    need_hub();
    the_hub.longer = true;
    download();
    expect_error(TP_ERR_FORMAT, "model.safetensors: is longer than the 300000 bytes that the hub says");
    unlink(in_cache("blobs/" WEIGHTS_SHA256 ".incomplete"));
    the_hub.longer = false;
    the_hub.shorter = true;
    the_hub.no_ranges = true;
    download();
    expect_error(TP_ERR_FORMAT, "model.safetensors: ends at byte 299990, the hub says that it has 300000");
    assert_false(exists(in_cache("blobs/" WEIGHTS_SHA256)));
}

static void without_an_etag_it_is_no_hub(void **state)
{
    (void)state;
    need_hub();
    the_hub.no_etag = true;
    download();
    expect_error(TP_ERR_FORMAT, "came without an ETag");
}

/* ---- a hub that says no --------------------------------------------------------------------------------------------------------------- */

#define refuse_once(status_line, more_headers) \
    (the_hub.refusals = 1, the_hub.status = (status_line), the_hub.headers = (more_headers))

static void refusals_are_told_in_words(void **state)
{
    (void)state;
    need_hub();
    refuse_once("401 Unauthorized", "X-Error-Code: RepoNotFound\r\n");
    download();
    expect_error(TP_ERR_IO, "org/name: there is none at http://127.0.0.1");
    refuse_once("403 Forbidden", "X-Error-Code: GatedRepo\r\n");
    download();
    expect_error(TP_ERR_IO, "/org/name, and log in");
    refuse_once("403 Forbidden", "");
    download();
    expect_error(TP_ERR_IO, "refuses access, there is no token");
    refuse_once("404 Not Found", "X-Error-Code: RevisionNotFound\r\n");
    download(.revision = "v9");
    expect_error(TP_ERR_IO, "org/name: v9: there is no such revision at ");
    refuse_once("404 Not Found", "X-Error-Code: EntryNotFound\r\n");
    the_hub.refuse_at = "/resolve/";
    download(.at_once = 1);
    expect_error(TP_ERR_IO, "org/name: config.json: there is no such file at ");
    the_hub.refuse_at = NULL;
    refuse_once("418 Teapot", "X-Error-Message: short and stout\r\n");
    download();
    expect_error(TP_ERR_IO, "answers with status 418: short and stout");
    tp_hub_download("org/none", folder, sizeof folder);
    expect_error(TP_ERR_IO, "org/none: there is no such repository at ");
}

static void what_passes_is_tried_again(void **state)
{
    (void)state;
    need_hub();
    refuse_once("429 Too Many Requests", "Retry-After: 1\r\n");
    const time_t begun = time(NULL);
    assert_int_equal(download(), TP_OK);
    assert_true(time(NULL) - begun >= 1);
    refuse_once("503 Service Unavailable", "");
    assert_int_equal(download(), TP_OK);

    the_hub.status = "500 Internal Server Error";
    the_hub.refusals = 100;
    download(.retries = 3);
    expect_error(TP_ERR_IO, "answers with status 500");
    assert_int_equal(100 - the_hub.refusals, 4);
    refuse_once("429 Too Many Requests", "Retry-After: 86400\r\n");
    download();
    expect_error(TP_ERR_IO, "org/name: the hub asks to wait 86400 seconds");
}

static void redirects_have_an_end(void **state)
{
    (void)state;
    need_hub();
    the_hub.redirect = "/org/name/resolve/again";
    download(.at_once = 1);
    expect_error(TP_ERR_IO, "config.json: more than 10 redirects");
    the_hub.redirect = "file:///etc/passwd";
    download(.at_once = 1);
    expect_error(TP_ERR_IO, "is not followed");
}

static void a_file_that_moved_has_the_etag_of_its_new_place(void **state)
{
    (void)state;
    need_hub();
    the_hub.moved = true;
    setenv("HF_TOKEN", SECRET, 1);
    assert_int_equal(download(.include = "config.json"), TP_OK);
    assert_true(exists(in_cache("blobs/" CONFIG_SHA1)));
    assert_int_equal(count_files(in_cache("blobs")), 1);
    assert_string_equal(server_last(the_hub.server, "GET", "/moved").token, SECRET); /* the same origin */
}

static void an_answer_that_is_none_of_a_hub_is_an_error(void **state)
{
    (void)state;
    need_hub();
    refuse_once("200 OK", ""); /* with a body of "no" */
    download();
    expect_error(TP_ERR_FORMAT, "/api/models/org/name/revision/main");
}

/* ---- names ------------------------------------------------------------------------------------------------------------------------------ */

static void names_never_lead_out_of_their_folder(void **state)
{
    (void)state;
    need_hub();
    static const char *const bad[] = { "../evil", "a/../../evil", "/etc/evil", "a//b",         "a/./b",
                                       "..",      "a/",           "a\\\\evil", ".git/hooks/x", "a\\u0001b" };
    static const char *const repos[] = { "",           "..",         "a/b/c",         "org/..", "-org/name",
                                         "org/na--me", "org/na..me", "org/name ",     "org/",   "/name",
                                         "a b",        "org/.x",     "datasets/a/b/c" };
    static const char *const files[] = { "../../evil" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        the_hub.listed = bad[i]; /* as JSON */
        download();
        expect_error(TP_ERR_ARGUMENT, "is refused: it is no plain path below a folder");
    }
    the_hub.listed = NULL;
    assert_int_equal(server_count(the_hub.server, "HEAD", ""), 0);
    download(.files = files, .n_files = 1);
    expect_error(TP_ERR_ARGUMENT, "the file '../../evil' is refused");
    download(.files = files, .n_files = 1, .offline = true, .revision = COMMIT);
    expect_error(TP_ERR_ARGUMENT, "the file '../../evil' is refused");
    download(.revision = "../../x");
    expect_error(TP_ERR_ARGUMENT, "the revision '../../x' is refused");
    for (size_t i = 0; i < sizeof repos / sizeof *repos; i++) {
        tp_hub_download(repos[i], folder, sizeof folder);
        expect_error(TP_ERR_ARGUMENT, "is no repository: ORG/NAME is wanted");
    }
    assert_false(exists(in_cache("")));
}

static void addresses_are_quoted(void **state)
{
    (void)state;
    need_hub();
    download(.revision = "feature/a b");
    assert_int_equal(server_count(the_hub.server, "GET", "/api/models/org/name/revision/feature%2Fa%20b"), 1);
    assert_true(exists(in_cache("refs/feature/a b")));
    tp_hub_download("datasets/org/data", folder, sizeof folder);
    expect_error(TP_ERR_IO, "org/data");
    assert_int_equal(server_count(the_hub.server, "GET", "/api/datasets/org/data/revision/main"), 1);
}

/* ---- without a network ------------------------------------------------------------------------------------------------------------------ */

static void offline_is_what_the_cache_has(void **state)
{
    (void)state;
    need_hub();
    static const char *const config[] = { "config.json" }, *const weights_name[] = { "model.safetensors" };
    assert_int_equal(download(.include = "*.json"), TP_OK);
    const int asked = server_count(the_hub.server, "GET", "");
    setenv("HF_HUB_OFFLINE", "1", 1);
    folder[0] = 0;
    assert_int_equal(download(), TP_OK);
    assert_non_null(strstr(folder, "models--org--name/snapshots/" COMMIT));
    assert_int_equal(download(.files = config, .n_files = 1), TP_OK);
    download(.files = weights_name, .n_files = 1);
    expect_error(TP_ERR_IO, "offline; 'model.safetensors' of revision 'main' is not in ");
    download(.revision = "v2");
    expect_error(TP_ERR_IO, "offline; revision 'v2' is not in ");
    tp_hub_download("gpt2", folder, sizeof folder);
    expect_error(TP_ERR_IO, "gpt2: offline");
    unsetenv("HF_HUB_OFFLINE");
    assert_int_equal(download(.offline = true), TP_OK);
    assert_int_equal(server_count(the_hub.server, "GET", ""), asked);
}

static char noted[300];

static void note(const char *subject, const char *text, void *context)
{
    (void)subject, (void)context;
    snprintf(noted, sizeof noted, "%s", text);
}

static void an_unreachable_hub_leaves_the_cache(void **state)
{
    (void)state;
    need_hub();
    assert_int_equal(tp_hub_reach(), TP_OK);
    tp_hub_reach(.endpoint = "http://127.0.0.1:1");
    expect_error(TP_ERR_IO, "http://127.0.0.1:1/api/whoami-v2: cannot connect");
    assert_int_equal(download(), TP_OK);
    tp_set_log("run", note, NULL);
    assert_int_equal(download(.endpoint = "http://127.0.0.1:1"), TP_OK);
    tp_set_log(NULL, NULL, NULL);
    assert_non_null(strstr(noted, "http://127.0.0.1:1/api/models/org/name/revision/main: cannot connect"));
    tp_hub_download("org/other", folder, sizeof folder, .endpoint = "http://127.0.0.1:1");
    expect_error(TP_ERR_IO, "cannot connect: Connection refused; revision 'main' is not in ");
}

/* What huggingface_hub has put there, with a link of its own making and no file of ours. */
static void what_others_have_downloaded_is_used(void **state)
{
    (void)state;
    need_hub();
    assert_int_equal(hub_make_folders(in_cache("blobs/x"), 0777), TP_OK);
    put_file(in_cache("blobs/" WEIGHTS_SHA256), weights, WEIGHTS);
    assert_int_equal(download(), TP_OK);
    assert_int_equal(server_count(the_hub.elsewhere, "GET", ""), 0);
    assert_string_equal(sorted_listing(), expected_cache);
}

/* ---- the token -------------------------------------------------------------------------------------------------------------------------- */

static void the_token_stays_with_its_hub(void **state)
{
    (void)state;
    need_hub();
    setenv("HF_TOKEN", SECRET, 1);
    assert_int_equal(download(), TP_OK);
    assert_string_equal(server_last(the_hub.server, "GET", "/api/").token, SECRET);
    assert_string_equal(server_last(the_hub.server, "HEAD", "model").token, SECRET);
    assert_string_equal(server_last(the_hub.server, "GET", "/resolve/").token, SECRET);
    assert_int_equal(server_count(the_hub.elsewhere, "GET", "/blob"), 1);
    assert_string_equal(server_last(the_hub.elsewhere, "GET", "/blob").token, "");
}

static void the_token_is_found_where_others_put_it(void **state)
{
    (void)state;
    static const char *const names[] = { "HUGGINGFACE_TOKEN", "HUGGING_FACE_HUB_TOKEN",
                                         "HF_TOKEN" }; /* later ones win */
    hub_settings s;
    char path[600], text[32];
    snprintf(path, sizeof path, "%s/token", place);
    assert_int_equal(hub_settings_read(&s, NULL), TP_OK);
    assert_string_equal(s.place.token_from, "");
    put_text(path, " file-token\r\n");
    assert_int_equal(hub_settings_read(&s, NULL), TP_OK);
    assert_string_equal(s.token, "file-token");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(text, sizeof text, "token-%zu", i);
        setenv(names[i], text, 1);
        assert_int_equal(hub_settings_read(&s, NULL), TP_OK);
        assert_string_equal(s.token, text);
        assert_string_equal(s.place.token_from, names[i]);
    }
    setenv("HF_TOKEN", "two\r\nHeaders: 1", 1);
    hub_settings_read(&s, NULL);
    expect_error(TP_ERR_ARGUMENT, "the token (HF_TOKEN) has a character at 4 that no token has");
}

static void login_stores_the_token_for_its_owner_alone(void **state)
{
    (void)state;
    need_hub();
    char name[100] = "", path[700];
    unsigned char text[100] = "";
    struct stat info;
    char deep[600];
    snprintf(deep, sizeof deep, "%s/new/home", place);
    setenv("HF_HOME", deep, 1);
    snprintf(path, sizeof path, "%s/token", deep);
    tp_hub_whoami(name, sizeof name);
    expect_error(TP_ERR_STATE, "not logged in");

    tp_hub_login("hf_wrong", name, sizeof name);
    assert_null(strstr(tp_error_message(), "hf_wrong"));
    expect_error(TP_ERR_IO, "does not take the token");
    assert_false(exists(path));

    const mode_t mask = umask(0);
    assert_int_equal(tp_hub_login("  " SECRET "\n", name, sizeof name), TP_OK);
    umask(mask);
    assert_string_equal(name, "somebody");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(stat(deep, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(get_file(path, text, sizeof text), strlen(SECRET));
    assert_string_equal((char *)text, SECRET);
    assert_int_equal(count_files(deep), 1); /* nothing stays beside */

    put_text(path, "hf_older"); /* and it was readable for all */
    chmod(path, 0644);
    assert_int_equal(tp_hub_login(SECRET, name, sizeof name), TP_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    name[0] = 0;
    assert_int_equal(tp_hub_whoami(name, sizeof name), TP_OK);
    assert_string_equal(name, "somebody");

    /* a hub that repeats what it was sent */
    refuse_once("400 Bad Request", "X-Error-Message: bad token " SECRET "\r\n");
    tp_hub_whoami(name, sizeof name);
    assert_null(strstr(tp_error_message(), "AbCdEf"));
    expect_error(TP_ERR_IO, "answers with status 400");
    assert_int_equal(tp_hub_logout(), TP_OK);
    assert_false(exists(path));
    assert_int_equal(tp_hub_logout(), TP_OK);
    tp_hub_login(" ", name, sizeof name);
    expect_error(TP_ERR_ARGUMENT, "the token is empty");
}

/* ---- mirrors, proxies ------------------------------------------------------------------------------------------------------------------- */

static void mirrors_may_lie_in_a_folder(void **state)
{
    (void)state;
    need_hub();
    char mirror[128];
    snprintf(mirror, sizeof mirror, "%s/mirror/hf/", server_url(the_hub.server));
    setenv("HF_ENDPOINT", mirror, 1);
    assert_int_equal(download(), TP_OK);
    assert_int_equal(server_count(the_hub.server, "GET", "/mirror/hf/api/models/org/name/"), 1);
    assert_int_equal(server_count(the_hub.server, "HEAD", "/mirror/hf/org/name/resolve/" COMMIT "/"), 3);
    setenv("HF_ENDPOINT", "ftp://mirror", 1);
    download();
    expect_error(TP_ERR_ARGUMENT, "the end point 'ftp://mirror'");
}

static void proxies_are_used_in_both_cases(void **state)
{
    (void)state;
    need_hub();
    static const char *const names[] = { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" };
    static const char *const config[] = { "config.json" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char cache[600];
        snprintf(cache, sizeof cache, "%s/cache%zu", place, i);
        setenv(names[i], server_url(the_hub.server), 1);
        assert_int_equal(download(.files = config, .n_files = 1, .endpoint = "http://hub.invalid",
                                  .cache = cache),
                         TP_OK);
        unsetenv(names[i]);
    }
    assert_int_equal(server_count(the_hub.server, "GET", "http://hub.invalid/api/models/org/name/"), 4);
    setenv("HTTP_PROXY", server_url(the_hub.server), 1);
    setenv("no_proxy", "hub.invalid", 1);
    tp_hub_download("org/name", folder, sizeof folder, .endpoint = "http://hub.invalid");
    expect_error(TP_ERR_IO, "; revision 'main' is not in ");
    setenv("https_proxy", server_url(the_hub.server),
           1); /* it is asked for a tunnel, and knows no such thing */
    unsetenv("no_proxy");
    setenv("HF_TOKEN", SECRET, 1);
    tp_hub_download("org/name", folder, sizeof folder, .endpoint = "https://hub.invalid", .retries = -1);
    tp_error_take(NULL, 0);
    assert_int_equal(server_count(the_hub.server, "CONNECT", "hub.invalid:443"), 1);
    assert_string_equal(server_last(the_hub.server, "CONNECT", "hub.invalid:443").token, "");
}

/* ---- side by side ------------------------------------------------------------------------------------------------------------------------ */

static int child(const char *url, const char *cache)
{
    const tp_hub_options o = { .struct_size = sizeof o, .endpoint = url, .cache = cache };
    (tp_hub_download_opt)("org/name", folder, sizeof folder, &o);
    return tp_report_error(stderr);
}

static void two_processes_download_a_file_once(void **state)
{
    (void)state;
    need_hub();
    char cache[600];
    snprintf(cache, sizeof cache, "%s/hub", place);
    the_hub.slow_ms = 60;
    settle();
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            execl("/proc/self/exe", "test_hub", "child", server_url(the_hub.server), cache, (char *)NULL);
            _exit(99);
        }
    }
    for (int i = 0; i < 3; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(server_count(the_hub.elsewhere, "GET", ""), 1);
    expect_weights(in_cache("snapshots/" COMMIT "/model.safetensors"));
    assert_string_equal(sorted_listing(), expected_cache);
}

static tp_hub_progress seen;
static int64_t stop_at;

static bool watch(void *context, const tp_hub_progress *p)
{
    (void)context;
    assert_true(p->bytes >= seen.bytes && p->bytes <= p->total_bytes);
    seen = *p;
    return p->bytes < stop_at;
}

static void progress_is_told_and_can_stop(void **state)
{
    (void)state;
    need_hub();
    memset(&seen, 0, sizeof seen);
    the_hub.slow_ms = 30;
    stop_at = 100000;
    download(.progress = watch);
    expect_error(TP_ERR_STATE, "hub: stopped");
    assert_true(exists(in_cache("blobs/" WEIGHTS_SHA256 ".incomplete")));
    memset(&seen, 0, sizeof seen);
    stop_at = INT64_MAX;
    assert_int_equal(download(.progress = watch), TP_OK);
    assert_true(server_last(the_hub.elsewhere, "GET", "").range >= 100000);
    assert_int_equal(seen.total_bytes, seen.bytes);
    assert_int_equal(seen.n_files, 3);
}

static void cached(void)
{
    download(.offline = true);
}

static void fresh(void)
{
    static int serial;
    char cache[600];
    snprintf(cache, sizeof cache, "%s/fresh%d", place, serial++);
    download(.cache = cache, .include = "*.json,*.txt");
}

static void failing_allocations_are_errors(void **state)
{
    (void)state;
    need_hub();
    with_failing_allocations(fresh);
    assert_int_equal(download(), TP_OK);
    with_failing_allocations(cached);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "child"))
        return child(argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        TEST(a_repository_comes_into_the_cache),
        TEST(one_file_of_a_pinned_commit_needs_no_list),
        TEST(some_files_are_chosen),
        TEST(two_files_of_one_content_are_one_blob),
        TEST(of_several_formats_one_is_taken),
        TEST(a_plain_folder_is_filled_and_kept),
        TEST(half_a_file_goes_on_where_it_ended),
        TEST(what_an_earlier_process_left_is_used),
        TEST(a_part_of_other_content_is_thrown_away),
        TEST(servers_without_ranges_send_it_all_again),
        TEST(a_refused_range_begins_anew),
        TEST(another_range_than_asked_for_is_an_error),
        TEST(a_body_that_stalls_is_asked_for_again),
        TEST(a_slow_body_is_waited_for),
        TEST(wrong_content_never_gets_its_name),
        TEST(wrong_sizes_are_errors),
        TEST(without_an_etag_it_is_no_hub),
        TEST(refusals_are_told_in_words),
        TEST(what_passes_is_tried_again),
        TEST(redirects_have_an_end),
        TEST(a_file_that_moved_has_the_etag_of_its_new_place),
        TEST(an_answer_that_is_none_of_a_hub_is_an_error),
        TEST(names_never_lead_out_of_their_folder),
        TEST(addresses_are_quoted),
        TEST(offline_is_what_the_cache_has),
        TEST(an_unreachable_hub_leaves_the_cache),
        TEST(what_others_have_downloaded_is_used),
        TEST(the_token_stays_with_its_hub),
        TEST(the_token_is_found_where_others_put_it),
        TEST(login_stores_the_token_for_its_owner_alone),
        TEST(mirrors_may_lie_in_a_folder),
        TEST(proxies_are_used_in_both_cases),
        TEST(two_processes_download_a_file_once),
        TEST(progress_is_told_and_can_stop),
        TEST(failing_allocations_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
