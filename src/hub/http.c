/* http.c - requests to a hub, by libcurl's multi interface: one thread, several transfers.
 *
 * Redirects are followed here and not by libcurl, so that each hop decides anew about the token.  A request in the pool runs (it is
 * in the multi handle, due is 0) or waits for its next try (due > 0); one that is done is in the pool no more.
 * Layer: hub.  Depends on libcurl, opened when first wanted (late.h).  Read next: http.h for the rules. */
#include "hub/http.h"

#include "base/error.h"
#include "base/memory.h"
#include "hub/late.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MOST_HOPS = 10, MOST_REQUESTS = 40, MOST_BODY = 64 << 20, MOST_WAIT = 300 };

struct http_pool {
    const hub_settings *settings;
    CURLM *multi;
    struct curl_slist *plain, *with_token; /* headers */
    http_request *requests[MOST_REQUESTS];
};

/* ---- libcurl ------------------------------------------------------------------------------------------------------------------------ */

#define CURL_FUNCTIONS(F)  \
    F(easy_cleanup)        \
    F(easy_getinfo)        \
    F(easy_init)           \
    F(easy_reset)          \
    F(easy_setopt)         \
    F(easy_strerror)       \
    F(global_init)         \
    F(multi_add_handle)    \
    F(multi_cleanup)       \
    F(multi_info_read)     \
    F(multi_init)          \
    F(multi_perform)       \
    F(multi_poll)          \
    F(multi_remove_handle) \
    F(slist_append)        \
    F(slist_free_all)      \
    F(version_info)

#define FIELD(name) __typeof__(curl_##name) *name;
static struct {
    CURL_FUNCTIONS(FIELD)
} curl;

static bool open_curl(const char *what)
{
    static const char *const files[] = { "libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.4.dylib", NULL };
#define ROW(name) { "curl_" #name, &curl.name },
    static const late_function functions[] = { CURL_FUNCTIONS(ROW) };
    static late_library library = { files, functions, sizeof functions / sizeof *functions };
    return late_open(&library, what);
}

static void start_curl(void)
{
    curl.global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- the pool ------------------------------------------------------------------------------------------------------------------------ */

http_pool *http_open(const hub_settings *settings)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!open_curl("hub: downloading"))
        return NULL;
    pthread_once(&once, start_curl);
    http_pool *p = tp_calloc(sizeof *p);
    if (!p)
        return NULL;
    p->settings = settings;
    p->multi = curl.multi_init();
    p->plain =
        curl.slist_append(NULL, "Accept-Encoding: identity"); /* sizes and hashes are of the file itself */
    p->with_token = curl.slist_append(NULL, "Accept-Encoding: identity");
    if (p->with_token && *settings->token) {
        char line[TOKEN_ROOM + 32];
        snprintf(line, sizeof line, "Authorization: Bearer %s", settings->token);
        struct curl_slist *longer = curl.slist_append(p->with_token, line);
        if (!longer)
            curl.slist_free_all(p->with_token);
        p->with_token = longer;
    }
    if (p->multi && p->plain && p->with_token)
        return p;
    http_close(p);
    return tp_fail_null(TP_ERR_MEMORY, "hub: libcurl has no memory");
}

void http_end(http_pool *p, http_request *r)
{
    for (int i = 0; p && i < MOST_REQUESTS; i++)
        if (p->requests[i] == r)
            p->requests[i] = NULL;
    if (r->handle) {
        curl.multi_remove_handle(p->multi, r->handle);
        curl.easy_cleanup(r->handle);
    }
    r->handle = NULL;
}

void http_close(http_pool *p)
{
    if (!p)
        return;
    for (int i = 0; i < MOST_REQUESTS; i++)
        if (p->requests[i])
            http_end(p, p->requests[i]);
    curl.multi_cleanup(p->multi);
    curl.slist_free_all(p->plain);
    curl.slist_free_all(p->with_token);
    tp_free(p, sizeof *p);
}

/* ---- what comes ---------------------------------------------------------------------------------------------------------------------- */

/* The value of the header `name` in a line, into text. */
static bool header_is(const char *line, const char *name, char *text, size_t room)
{
    const size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return false;
    const char *value = line + length + 1 + strspn(line + length + 1, " \t");
    snprintf(text, room, "%.*s", (int)strcspn(value, "\r\n"), value);
    return true;
}

/* W/"abc" and "abc" are abc. */
static void bare_etag(char *etag)
{
    char *from = etag;
    if (!strncmp(from, "W/", 2))
        from += 2;
    from += *from == '"';
    const size_t length = strcspn(from, "\"");
    memmove(etag, from, length);
    etag[length] = 0;
}

/* Of what the hub says about a file the first is kept: where it redirects to, others speak. */
static size_t on_header(char *bytes, size_t size, size_t n, void *context)
{
    http_request *r = context;
    char text[256];
    n *= size;
    r->heard = hub_now();
    snprintf(r->line, sizeof r->line, "%.*s", (int)(n < sizeof r->line ? n : sizeof r->line - 1), bytes);
    if (!strncmp(r->line, "HTTP/", 5)) {
        r->range_from = -1;
        if (!r->linked)
            r->etag[0] = 0; /* it was that of a redirect itself */
    } else if (header_is(r->line, "x-linked-etag", text, sizeof text) && !r->linked) {
        snprintf(r->etag, sizeof r->etag, "%.159s", text);
        bare_etag(r->etag);
        r->linked = true;
    } else if (header_is(r->line, "etag", text, sizeof text) && !*r->etag) {
        snprintf(r->etag, sizeof r->etag, "%.159s", text);
        bare_etag(r->etag);
    } else if (header_is(r->line, "x-linked-size", text, sizeof text) && r->length < 0)
        r->length = strtoll(text, NULL, 10);
    else if (header_is(r->line, "x-error-code", text, sizeof text))
        snprintf(r->error_code, sizeof r->error_code, "%.63s", text);
    else if (header_is(r->line, "x-error-message", text, sizeof text))
        snprintf(r->error_message, sizeof r->error_message, "%.255s", text);
    else if (header_is(r->line, "content-range", text, sizeof text) && !strncasecmp(text, "bytes ", 6))
        r->range_from = strtoll(text + 6, NULL, 10);
    return n;
}

static size_t refuse(http_request *r, const char *format, ...) TP_PRINTF(2, 3);
static size_t refuse(http_request *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->error, sizeof r->error, format, args);
    va_end(args);
    return 0; /* libcurl then gives up */
}

/* The answer is the whole file though a part was asked for, or the part, or another one. */
static bool find_place(http_request *r, long status)
{
    if (status == 206 && r->range_from != r->from)
        return refuse(r, "the hub sends bytes from %lld on, from %lld were asked for",
                      (long long)r->range_from, (long long)r->from) != 0;
    if (status != 206 && r->from > 0) {
        r->from = 0;
        if (ftruncate(r->fd, 0))
            return refuse(r, "%s", strerror(errno)) != 0;
    }
    r->range_from = INT64_MIN; /* settled */
    return true;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    http_request *r = context;
    long status = 0;
    n *= size;
    r->heard = hub_now();
    curl.easy_getinfo(r->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 != 2) /* a page of words; the headers say what counts */
        return n;
    if (r->fd < 0)
        return r->body.size + n > MOST_BODY ? refuse(r, "the answer is longer than %d MB", MOST_BODY >> 20)
               : file_bytes_append(&r->body, bytes, n) ? refuse(r, "out of memory")
                                                       : n;
    if (r->range_from != INT64_MIN && !find_place(r, status))
        return 0;
    r->wrong = r->size >= 0 && (int64_t)n > r->size - r->from;
    if (r->wrong)
        return refuse(r, "is longer than the %lld bytes that the hub says", (long long)r->size);
    for (size_t done = 0; done < n;) {
        const ssize_t put = pwrite(r->fd, bytes + done, n - done, (off_t)r->from);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return refuse(r, "cannot write: %s", strerror(put ? errno : ENOSPC));
        done += (size_t)put;
        r->from += put;
    }
    return n;
}

/* ---- a hop ---------------------------------------------------------------------------------------------------------------------------- */

/* "https://host:port", by length: as far as the first / ? or # after the scheme. */
static size_t origin_length(const char *url)
{
    const char *host = strstr(url, "://");
    return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

/* A user's name in an address (https://hub@other/) makes it another origin. */
static bool is_home(const http_pool *p, const char *url)
{
    const char *home = p->settings->place.endpoint;
    const size_t length = origin_length(home);
    return origin_length(url) == length && !strncasecmp(url, home, length);
}

/* libcurl reads http_proxy in small letters alone, as a web server sets HTTP_PROXY from a header of whoever asks (CGI). */
static const char *proxy_of(const char *url)
{
    const char *proxy = getenv("HTTP_PROXY");
    return !strncasecmp(url, "http://", 7) && !getenv("http_proxy") && !getenv("REQUEST_METHOD") && proxy &&
                   *proxy
               ? proxy
               : NULL;
}

static const char *certificates(void)
{
    static const char *const names[] = { "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]) && *getenv(names[i]))
            return getenv(names[i]);
    return NULL;
}

static void hop(http_pool *p, http_request *r)
{
    char range[32];
    CURL *c = r->handle;
    curl.easy_reset(c); /* connections stay */
    curl.easy_setopt(c, CURLOPT_URL, r->at);
    curl.easy_setopt(c, CURLOPT_PRIVATE, r);
    curl.easy_setopt(c, CURLOPT_HTTPHEADER, is_home(p, r->at) ? p->with_token : p->plain);
    curl.easy_setopt(c, CURLOPT_USERAGENT, "taper/" TP_VERSION);
    curl.easy_setopt(c, CURLOPT_NOBODY, r->head ? 1L : 0L);
    curl.easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl.easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl.easy_setopt(c, CURLOPT_HEADERDATA, r);
    curl.easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl.easy_setopt(c, CURLOPT_WRITEDATA, r);
    if (proxy_of(r->at))
        curl.easy_setopt(c, CURLOPT_PROXY, proxy_of(r->at));
    if (certificates())
        curl.easy_setopt(c, CURLOPT_CAINFO, certificates());
    if (r->from > 0) {
        snprintf(range, sizeof range, "%lld-", (long long)r->from);
        curl.easy_setopt(c, CURLOPT_RANGE, range);
    }
    r->due = 0;
    r->heard = hub_now();
    r->body.size = 0;
    r->error[0] = r->error_code[0] = r->error_message[0] = 0;
    r->unreachable = r->wrong = false;
    r->stillborn = curl.multi_add_handle(p->multi, c) != CURLM_OK;
}

static void first_hop(http_pool *p, http_request *r)
{
    snprintf(r->at, sizeof r->at, "%s", r->url);
    r->hops = 0;
    r->etag[0] = 0;
    r->length = -1;
    r->linked = false;
    hop(p, r);
}

void http_start(http_pool *p, http_request *r)
{
    int slot = 0;
    while (slot < MOST_REQUESTS - 1 && p->requests[slot])
        slot++;
    p->requests[slot] = r;
    r->status = r->tries = 0;
    r->furthest = r->from;
    r->handle = r->handle ? r->handle : curl.easy_init();
    r->stillborn = !r->handle;
    if (r->handle)
        first_hop(p, r);
}

/* ---- after a hop ---------------------------------------------------------------------------------------------------------------------- */

/* True: it goes on. */
static bool redirect(http_pool *p, http_request *r)
{
    char *to = NULL;
    curl.easy_getinfo(r->handle, CURLINFO_REDIRECT_URL, &to);
    if (!to || strlen(to) >= sizeof r->at)
        refuse(r, "a redirect that leads nowhere");
    else if (++r->hops > MOST_HOPS)
        refuse(r, "more than %d redirects", MOST_HOPS);
    else if (strncasecmp(to, "https://", 8) != 0 &&
             (strncasecmp(to, "http://", 7) != 0 || !strncasecmp(r->at, "https://", 8)))
        refuse(r, "a redirect from %s to %s is not followed", hub_shown(r->at), hub_shown(to));
    else {
        snprintf(r->at, sizeof r->at, "%s", to);
        hop(p, r);
        return true;
    }
    return false;
}

static bool may_pass(const http_request *r, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return r->status == 408 || r->status == 429 || (r->status >= 500 && r->status != 501) ||
               (r->status == 416 && r->from > 0) ||
               (r->status / 100 == 2 && r->fd >= 0 && r->size >= 0 && r->from < r->size);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: return r->fd >= 0; /* it was there a moment ago */
    case CURLE_OPERATION_TIMEDOUT: return r->fd >= 0 || r->head;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return true;
    default: return false;
    }
}

/* True: it is tried again, later. */
static bool again(http_pool *p, http_request *r, CURLcode code)
{
    const tp_hub_options *o = &p->settings->o;
    curl_off_t asked = 0;
    if (!may_pass(r, code))
        return false;
    if (code == CURLE_OK && r->status == 416) { /* what we have is not the begin of that file */
        r->from = 0;
        if (ftruncate(r->fd, 0))
            return false;
    }
    if (r->from > r->furthest)
        r->furthest = r->from, r->tries = 0;
    if (++r->tries > o->retries)
        return false;
    curl.easy_getinfo(r->handle, CURLINFO_RETRY_AFTER, &asked);
    if (asked > MOST_WAIT)
        return refuse(r, "the hub asks to wait %lld seconds", (long long)asked) != 0;
    double wait = o->retry_wait;
    for (int i = 1; i < r->tries && wait < 60; i++)
        wait *= 2;
    r->due = hub_now() + (asked > 0 ? (double)asked : wait);
    return true;
}

/* libcurl's own words change from version to version. */
static const char *in_words(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return "there is no such host";
    case CURLE_COULDNT_RESOLVE_PROXY: return "there is no such proxy";
    case CURLE_COULDNT_CONNECT: return "cannot connect";
    case CURLE_OPERATION_TIMEDOUT: return "no answer in time";
    case CURLE_PEER_FAILED_VERIFICATION: return "its certificate is not one that is trusted here";
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR: return "the connection broke off";
    default: return curl.easy_strerror(code);
    }
}

/* Where nothing that a hub sent says it already. */
static void explain(http_request *r, CURLcode code)
{
    long reason = 0;
    if (*r->error)
        return;
    if (code) {
        curl.easy_getinfo(r->handle, CURLINFO_OS_ERRNO, &reason);
        r->unreachable = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
                         code == CURLE_COULDNT_CONNECT || (code == CURLE_OPERATION_TIMEDOUT && !r->status);
        refuse(r, "%s: %s%s%s", hub_shown(r->at), in_words(code), reason ? ": " : "",
               reason ? strerror((int)reason) : "");
    } else if (r->status / 100 == 2 && r->fd >= 0 && r->size >= 0 && r->from < r->size) {
        r->wrong = true;
        refuse(r, "ends at byte %lld, the hub says that it has %lld", (long long)r->from, (long long)r->size);
    }
}

/* True: done. */
static bool settle(http_pool *p, http_request *r, CURLcode code)
{
    long status = 0;
    curl_off_t length = -1;
    curl.easy_getinfo(r->handle, CURLINFO_RESPONSE_CODE, &status);
    curl.easy_getinfo(r->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl.multi_remove_handle(p->multi, r->handle);
    r->status = (int)status;
    const bool moved = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    const bool enough = r->head && r->linked; /* the rest is told by those who have the bytes */
    if (code == CURLE_OK && moved && !enough && redirect(p, r))
        return false;
    if (!*r->error && !(moved && enough) && again(p, r, code))
        return false;
    if (code == CURLE_OK && status == 200 && r->length < 0)
        r->length = length;
    if (moved && enough)
        r->status = 200;
    else
        explain(r, code);
    if (*r->error)
        r->status = code == CURLE_OK && status / 100 != 2 && !moved ? r->status : 0;
    return true;
}

static http_request *finished(http_pool *p)
{
    int left;
    for (CURLMsg *m; (m = curl.multi_info_read(p->multi, &left));) {
        char *owner = NULL;
        const CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &owner);
        http_request *r = (http_request *)(void *)owner;
        if (settle(p, r, code))
            return r;
    }
    const double time = hub_now();
    for (int i = 0; i < MOST_REQUESTS; i++) {
        http_request *r = p->requests[i];
        if (r && r->due == 0 && time - r->heard > p->settings->o.timeout &&
            settle(p, r, CURLE_OPERATION_TIMEDOUT))
            return r;
    }
    return NULL;
}

/* Begins what has waited long enough; returns milliseconds until the next does. */
static int begin_due(http_pool *p)
{
    const double time = hub_now();
    int wait = 100;
    for (int i = 0; i < MOST_REQUESTS; i++) {
        http_request *r = p->requests[i];
        if (r && r->due > 0 && r->due <= time)
            first_hop(p, r);
        else if (r && r->due > 0 && r->due - time < 1e-3 * wait)
            wait = 1 + (int)(1000 * (r->due - time));
    }
    return wait;
}

http_request *http_next(http_pool *p)
{
    int running;
    const int wait = begin_due(p);
    http_request *r = NULL;
    for (int i = 0; i < MOST_REQUESTS && !r; i++)
        if (p->requests[i] && p->requests[i]->stillborn) {
            r = p->requests[i];
            refuse(r, "libcurl cannot begin");
        }
    for (int turn = 0; turn < 2 && !r; turn++) {
        if (turn)
            curl.multi_poll(p->multi, NULL, 0, wait, NULL);
        curl.multi_perform(p->multi, &running);
        r = finished(p);
    }
    if (r)
        http_end(p, r);
    return r;
}

tp_status http_get(http_pool *p, http_request *r, bool (*go_on)(void *), void *context)
{
    r->fd = -1;
    r->size = -1;
    http_start(p, r);
    while (!http_next(p))
        if (go_on && !go_on(context)) {
            http_end(p, r);
            return tp_fail(TP_ERR_STATE, "hub: stopped");
        }
    return TP_OK;
}

const char *http_library(bool running)
{
    if (!running)
        return LIBCURL_VERSION;
    return open_curl(NULL) ? curl.version_info(CURLVERSION_NOW)->version : NULL;
}
