/* http.c - the side of `taper serve` that speaks HTTP: addresses, checks, limits, time.
 *
 * What can be refused is refused when the headers are there, before a body is read.  Every answer but the page is JSON; an error is
 * {"error": "one line"}.  A page of another site is kept out three ways: the Host has to name this machine (which defeats DNS
 * rebinding), Origin has to be the Host, and a body's type has to be one that browsers do not send across sites without asking.
 * Layer: cli.  Depends on libmicrohttpd.  Read next: http.h, http_job.c, http_answer.c. */
#include "cli/http.h"
#include "cli/progress.h"
#include "cli/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

const bool http_is_built = true;

extern const unsigned char serve_page[];
extern const size_t serve_page_size;

typedef struct MHD_Connection connection;
typedef enum MHD_Result result;

enum { TOO_LARGE = 413 }; /* which libmicrohttpd has renamed */

/* A connection, from its first byte to its last. */
typedef struct wire {
    int fd;
    double deadline; /* until when its next request has to be whole; 0: that is here */
    struct wire *next, **before;
} wire;

/* A request whose headers were good. */
typedef struct request {
    job *job;      /* NULL: nothing is computed for it */
    size_t wanted; /* bytes of the body */
    bool queued;
} request;

static struct {
    const served *served;
    char *model;     /* what there is to tell of it: JSON */
    bool open;       /* not only for this machine: any Host is right */
    size_t reserved; /* of bodies under way */
    pthread_mutex_t lock;
    wire *wires; /* guarded by lock, as what follows: the clock's thread goes through them */
    struct {
        int fd; /* 0: none */
        double until;
    } leaving[64];
} server = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- answers -------------------------------------------------------------------------------------------- */

/* Of every answer. */
static const struct {
    const char *name, *value;
} always[] = { { "Cache-Control", "no-store" },
               { "X-Content-Type-Options", "nosniff" },
               { "X-Frame-Options", "DENY" },
               { "Referrer-Policy", "no-referrer" },
               { "Cross-Origin-Resource-Policy", "same-origin" } };
enum { N_ALWAYS = sizeof always / sizeof *always };

static const char no_content[] = "default-src 'none'; frame-ancestors 'none'";

static void add_headers(struct MHD_Response *r, const char *type, const char *policy)
{
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, "Content-Security-Policy", policy);
    for (int i = 0; i < N_ALWAYS; i++)
        MHD_add_response_header(r, always[i].name, always[i].value);
}

/* A text of JSON, which is freed; NULL: there was no memory for it. */
static result send_json(connection *c, int status, char *text, const char *header, const char *value)
{
    static char nothing[] = "{\"error\": \"out of memory\"}\n";
    struct MHD_Response *r =
        MHD_create_response_from_buffer(strlen(text ? text : nothing), text ? text : nothing,
                                        text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!r)
        return MHD_NO;
    add_headers(r, "application/json", no_content);
    if (header)
        MHD_add_response_header(r, header, value);
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    const result sent = MHD_queue_response(c, (unsigned)(text ? status : MHD_HTTP_SERVICE_UNAVAILABLE), r);
    MHD_destroy_response(r);
    return sent;
}

/* A second descriptor keeps the socket open for a second; what comes is thrown away. */
static void leave_slowly(int socket)
{
    const int fd = fcntl(socket, F_DUPFD_CLOEXEC, 3);
    size_t i = 0;
    pthread_mutex_lock(&server.lock);
    while (i < sizeof server.leaving / sizeof *server.leaving && server.leaving[i].fd)
        i++;
    if (fd >= 0 && i < sizeof server.leaving / sizeof *server.leaving) {
        server.leaving[i].fd = fd;
        server.leaving[i].until = clock_now() + 1;
    } else if (fd >= 0) {
        close(fd);
    }
    pthread_mutex_unlock(&server.lock);
}

/* A refusal before the body is read.  The library's own way closes the socket for reading, and then the first byte of the body that comes
 * takes the answer away with it; so it is written here, and the connection given up. */
static result refuse(connection *c, int status, char *text, const char *header, const char *value)
{
    char head[1024];
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!text || !info ||
        (!MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length") &&
         !MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding")))
        return send_json(c, status, text, header, value);
    int n = snprintf(
        head, sizeof head,
        "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
        "Content-Security-Policy: %s\r\n",
        status, MHD_get_reason_phrase_for((unsigned)status), strlen(text), no_content);
    for (int i = 0; i < N_ALWAYS; i++)
        n += snprintf(head + n, sizeof head - (size_t)n, "%s: %s\r\n", always[i].name, always[i].value);
    if (header)
        n += snprintf(head + n, sizeof head - (size_t)n, "%s: %s\r\n", header, value);
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        n += snprintf(head + n, sizeof head - (size_t)n, "Retry-After: 1\r\n");
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
    if (send(info->connect_fd, head, (size_t)n, MSG_NOSIGNAL) == n &&
        send(info->connect_fd, text, strlen(text), MSG_NOSIGNAL) > 0)
        leave_slowly(info->connect_fd);
    free(text);
    return MHD_NO;
}

static void read_leaving(void)
{
    static char rest[1 << 16];
    pthread_mutex_lock(&server.lock);
    for (size_t i = 0; i < sizeof server.leaving / sizeof *server.leaving; i++) {
        const int fd = server.leaving[i].fd;
        ssize_t n = 1;
        for (int k = 0; k < 16 && n > 0 && fd; k++)
            n = recv(fd, rest, sizeof rest, MSG_DONTWAIT);
        if (fd && (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) ||
                   clock_now() > server.leaving[i].until)) {
            close(fd);
            server.leaving[i].fd = 0;
        }
    }
    pthread_mutex_unlock(&server.lock);
}

/* Scripts and styles are those of the page alone: they carry a word that nobody can guess, another one each time. */
static result send_page(connection *c)
{
    static const char mark[] = "@THE_NONCE_OF_THIS_ANSWER@";
    enum { LENGTH = sizeof mark - 1 };
    unsigned char bytes[LENGTH];
    char word[LENGTH + 1], policy[512];
    unsigned char *page = malloc(serve_page_size);
    if (!page || getentropy(bytes, sizeof bytes)) {
        free(page);
        return send_json(c, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, NULL, NULL);
    }
    for (size_t i = 0; i < LENGTH; i++)
        word[i] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[bytes[i] % 64];
    word[LENGTH] = 0;
    memcpy(page, serve_page, serve_page_size);
    for (size_t i = 0; i + LENGTH <= serve_page_size; i++)
        if (page[i] == '@' && !memcmp(page + i, mark, LENGTH))
            memcpy(page + i, word, LENGTH);
    snprintf(policy, sizeof policy,
             "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; connect-src 'self'; img-src "
             "blob: data:; "
             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             word, word);
    struct MHD_Response *r = MHD_create_response_from_buffer(serve_page_size, page, MHD_RESPMEM_MUST_FREE);
    if (!r)
        return MHD_NO;
    add_headers(r, "text/html; charset=utf-8", policy);
    const result sent = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return sent;
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t room)
{
    (void)position;
    const long n = job_read(context, to, room);
    return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)n;
}

static void close_stream(void *context)
{
    job_release(context);
}

static result send_stream(connection *c, job *j)
{
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, j, close_stream);
    if (!r)
        return MHD_NO;
    job_hold(j);
    add_headers(r, "text/event-stream; charset=utf-8", no_content);
    MHD_add_response_header(r, "X-Accel-Buffering", "no");
    const result sent = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return sent;
}

/* ---- who may ask -------------------------------------------------------------------------------------------- */

static const char *header(connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* "localhost:8080" names this machine; a number does, for no name server can change what it means. */
static bool names_this_machine(const char *host)
{
    char name[128];
    unsigned char number[16];
    const size_t length = *host == '[' ? strcspn(host, "]") : strcspn(host, ":");
    const char *rest = host + length + (*host == '[' && host[length] == ']');
    if (length >= sizeof name ||
        (*rest == ':' ? strspn(rest + 1, "0123456789") != strlen(rest + 1) : *rest != 0))
        return false;
    snprintf(name, sizeof name, "%.*s", (int)length, host);
    return !strcasecmp(name, "localhost") || inet_pton(AF_INET, name, number) == 1 ||
           (*name == '[' && inet_pton(AF_INET6, name + 1, number) == 1);
}

/* A line against the request; NULL: it may go on. */
static char *refusal(connection *c, int *status)
{
    const char *host = header(c, "Host"), *origin = header(c, "Origin"), *site = header(c, "Sec-Fetch-Site");
    *status = MHD_HTTP_BAD_REQUEST;
    if (!host || !*host)
        return answer_error("the request has no Host");
    *status = MHD_HTTP_FORBIDDEN;
    if (!server.open && !names_this_machine(host))
        return answer_error("Host '%.100s' is not this machine; serve with --host for other names", host);
    if (origin && (strncasecmp(origin, "http://", 7) != 0 || strcasecmp(origin + 7, host) != 0))
        return answer_error("a page of %.100s may not ask this server", origin);
    if (site && !strcmp(site, "cross-site") &&
        strcmp(header(c, "Sec-Fetch-Mode") ? header(c, "Sec-Fetch-Mode") : "", "navigate") != 0)
        return answer_error("a page of another site may not ask this server");
    return NULL;
}

/* ---- what there is ------------------------------------------------------------------------------------------- */

static char *health(void)
{
    return strdup("{\"status\": \"ok\"}\n");
}

static char *model(void)
{
    return strdup(server.model);
}

static const struct address {
    const char *path, *method;
    char *(*tell)(void); /* NULL: the page, or */
    void (*answer)(const served *, job *);
} addresses[] = {
    { "/", "GET", NULL, NULL },
    { "/api/health", "GET", health, NULL },
    { "/api/model", "GET", model, NULL },
    { "/api/predict", "POST", NULL, answer_predict },
    { "/api/generate", "POST", NULL, answer_generate },
};

static const struct address *find(const char *path)
{
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (!strcmp(addresses[i].path, path))
            return &addresses[i];
    return NULL;
}

/* ---- a body -------------------------------------------------------------------------------------------------- */

static const char *body_type(const char *said, bool images)
{
    static const char *const types[] = { "application/json", "image/png", "image/jpeg" };
    const size_t length = said ? strcspn(said, "; \t") : 0;
    for (size_t i = 0; i < (images ? sizeof types / sizeof *types : 1); i++)
        if (strlen(types[i]) == length && !strncasecmp(types[i], said, length))
            return types[i];
    return NULL;
}

/* "12" of Content-Length and of top; -1: it is none. */
static int64_t number_of(const char *text)
{
    const size_t digits = text ? strspn(text, "0123456789") : 0;
    return digits && !text[digits] ? digits > 15 ? (int64_t)1 << 50 : strtoll(text, NULL, 10) : -1;
}

static result begin_body(connection *c, const struct address *a, request **out)
{
    const serve_options *o = server.served->options;
    const serve_task task = server.served->task;
    const char *said = header(c, "Content-Type"), *length = header(c, "Content-Length"),
               *top = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "top");
    const char *type = body_type(said, task == SERVE_IMAGE);
    const int64_t size = number_of(length);
    if ((a->answer == answer_generate) != (task == SERVE_LANGUAGE))
        return refuse(c, MHD_HTTP_NOT_FOUND,
                      answer_error(task == SERVE_LANGUAGE
                                       ? "this network goes on with a text: POST /api/generate"
                                       : "this network writes no texts: POST /api/predict"),
                      NULL, NULL);
    if (!length)
        return refuse(c, MHD_HTTP_LENGTH_REQUIRED, answer_error("a Content-Length is wanted"), NULL, NULL);
    if (size < 0)
        return refuse(c, MHD_HTTP_BAD_REQUEST, answer_error("Content-Length '%.40s' is no number", length),
                      NULL, NULL);
    if (size > o->max_body)
        return refuse(c, TOO_LARGE,
                      answer_error("a body of %lld bytes; at most %lld are read", (long long)size,
                                   (long long)o->max_body),
                      NULL, NULL);
    if (!type)
        return refuse(c, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                      answer_error("Content-Type %.100s; %s is wanted", said ? said : "is missing",
                                   task == SERVE_IMAGE ? "application/json, image/png or image/jpeg"
                                                       : "application/json"),
                      NULL, NULL);
    if (top && number_of(top) < 1)
        return refuse(c, MHD_HTTP_BAD_REQUEST,
                      answer_error("top=%.40s; a whole number above 0 is wanted", top), NULL, NULL);
    if (server.reserved + (size_t)size > (size_t)(o->queue + 1) * (size_t)o->max_body)
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, answer_error("too many requests at once; try again"),
                      NULL, NULL);
    request *r = calloc(1, sizeof *r);
    if (!r || !(r->job = job_new(a->answer)) || !(r->job->body = malloc((size_t)size + 1))) {
        if (r && r->job)
            job_release(r->job);
        free(r);
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, NULL, NULL);
    }
    r->wanted = (size_t)size;
    r->job->connection = c;
    r->job->type = type;
    r->job->top = top ? number_of(top) : 0;
    server.reserved += r->wanted;
    *out = r;
    return MHD_YES;
}

/* ---- a request ------------------------------------------------------------------------------------------------ */

static void set_deadline(connection *c, double deadline)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    wire *w = info ? info->socket_context : NULL;
    pthread_mutex_lock(&server.lock);
    if (w)
        w->deadline = deadline;
    pthread_mutex_unlock(&server.lock);
}

static result begin_request(connection *c, const char *path, const char *method, request **out)
{
    const struct address *a = find(path);
    const bool head = !strcmp(method, "HEAD");
    int status;
    char *no = refusal(c, &status);
    if (no)
        return refuse(c, status, no, NULL, NULL);
    if (!a)
        return refuse(c, MHD_HTTP_NOT_FOUND, answer_error("there is nothing at %.100s", path), NULL, NULL);
    if (strcmp(head ? "GET" : method, a->method) != 0)
        return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED,
                      answer_error("%.20s of %s; %s is wanted", method, path, a->method), "Allow",
                      strcmp(a->method, "GET") ? a->method : "GET, HEAD");
    if (a->answer)
        return begin_body(c, a, out);
    set_deadline(c, 0);
    return a->tell ? send_json(c, MHD_HTTP_OK, a->tell(), NULL, NULL) : send_page(c);
}

/* What has come of the body, and, when it is whole, the answer. */
static result go_on(connection *c, request *r, const char *data, size_t *size)
{
    job *j = r->job;
    if (*size) {
        if (*size > r->wanted - j->size)
            return MHD_NO;
        memcpy(j->body + j->size, data, *size);
        j->size += *size;
        *size = 0;
        return MHD_YES;
    }
    if (!r->queued) {
        set_deadline(c, 0);
        r->queued = true;
        j->body[j->size] = 0;
        return job_add(j) ? MHD_YES
                          : send_json(c, MHD_HTTP_SERVICE_UNAVAILABLE,
                                      answer_error("%lld requests wait already; try again",
                                                   (long long)server.served->options->queue),
                                      NULL, NULL);
    }
    int status;
    char *text;
    const job_state state = job_ready(j, &status, &text);
    return state == JOB_WAITS     ? MHD_YES
           : state == JOB_STREAMS ? send_stream(c, j)
                                  : send_json(c, status, text, NULL, NULL);
}

static result on_request(void *context, connection *c, const char *path, const char *method,
                         const char *version, const char *data, size_t *size, void **own)
{
    (void)context;
    (void)version;
    request *r = *own;
    return r ? go_on(c, r, data, size) : begin_request(c, path, method, (request **)own);
}

static void on_completed(void *context, connection *c, void **own, enum MHD_RequestTerminationCode code)
{
    request *r = *own;
    (void)context;
    (void)code;
    set_deadline(c, clock_now() + server.served->options->request_timeout);
    if (!r)
        return;
    server.reserved -= r->wanted;
    job_leave(r->job);
    free(r);
    *own = NULL;
}

/* ---- connections ----------------------------------------------------------------------------------------------- */

static void on_connection(void *context, connection *c, void **own, enum MHD_ConnectionNotificationCode code)
{
    wire *w = *own;
    (void)context;
    pthread_mutex_lock(&server.lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        w = info ? calloc(1, sizeof *w) : NULL;
        if (w) {
            *w = (wire){ info->connect_fd, clock_now() + server.served->options->request_timeout,
                         server.wires, &server.wires };
            if (w->next)
                w->next->before = &w->next;
            server.wires = w;
        }
        *own = w;
    } else if (w) {
        *w->before = w->next;
        if (w->next)
            w->next->before = w->before;
        free(w);
        *own = NULL;
    }
    pthread_mutex_unlock(&server.lock);
}

/* Who sends a byte now and then does not hold a connection for ever. */
static void close_slow(void)
{
    const double time = clock_now();
    pthread_mutex_lock(&server.lock);
    for (wire *w = server.wires; w; w = w->next)
        if (w->deadline > 0 && time > w->deadline) {
            shutdown(w->fd, SHUT_RDWR);
            w->deadline = 0;
        }
    pthread_mutex_unlock(&server.lock);
}

static bool gone(connection *c)
{
    char byte;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* ---- the server ------------------------------------------------------------------------------------------------- */

static bool is_loopback(const struct sockaddr *a)
{
    return a->sa_family == AF_INET
               ? ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127
               : a->sa_family == AF_INET6 &&
                     IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static int bind_to(const struct addrinfo *a)
{
    const int on = 1;
    const int fd = socket(a->ai_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (!bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, 1024))
        return fd;
    const int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

/* A listening socket; after a message, an exit code below 0.  url: where it can be reached. */
static int listen_at(const serve_options *o, char *url, size_t room)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found = NULL;
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char port[16], host[128];
    snprintf(port, sizeof port, "%d", o->port);
    const int failure = getaddrinfo(o->host, port, &hints, &found);
    if (failure)
        return -usage_error("--host '%s': %s", o->host, gai_strerror(failure));
    const int fd = bind_to(found);
    if (fd < 0)
        complain("cannot serve at %s, port %d: %s%s", o->host, o->port, strerror(errno),
                 errno == EADDRINUSE ? "; --port 0 takes a free one" : "");
    server.open = !is_loopback(found->ai_addr);
    freeaddrinfo(found);
    if (fd < 0)
        return -EXIT_WORK;
    if (getsockname(fd, (struct sockaddr *)&address, &length) ||
        getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return fd;
    snprintf(url, room, address.ss_family == AF_INET6 ? "http://[%s]:%s/" : "http://%s:%s/", host, port);
    return fd;
}

/* Connections are open files, of which a process has 1,024 unless it asks for more. */
static unsigned connections_for(int64_t wanted)
{
    struct rlimit files;
    const rlim_t others = 64, want = (rlim_t)wanted + others;
    if (getrlimit(RLIMIT_NOFILE, &files))
        return (unsigned)wanted;
    if (files.rlim_cur < want) {
        files.rlim_cur = files.rlim_max < want ? files.rlim_max : want;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return (unsigned)(files.rlim_cur < want && files.rlim_cur > 2 * others ? files.rlim_cur - others
                                                                           : (rlim_t)wanted);
}

static struct MHD_Daemon *start(int fd, const serve_options *o)
{
    return MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
                            NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_CONNECTION_LIMIT, connections_for(o->connections),
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(o->request_timeout + 1),
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
                            MHD_OPTION_END);
}

static void nap(long milliseconds)
{
    nanosleep(&(struct timespec){ .tv_nsec = milliseconds * 1000000 }, NULL);
}

int http_serve(const served *s)
{
    char url[256] = "";
    server.served = s;
    server.model = answer_model(s);
    if (!server.model) {
        complain("out of memory for %s", s->name);
        return EXIT_MEMORY;
    }
    const int fd = listen_at(s->options, url, sizeof url);
    if (fd < 0)
        return -fd;
    catch_signals();
    struct MHD_Daemon *daemon = jobs_open(s) ? start(fd, s->options) : NULL;
    if (!daemon) {
        complain("the server cannot be started: %s", strerror(errno));
        return EXIT_WORK;
    }
    printf("%s (%s) is served at %s\nCtrl-C ends it.\n", s->name, s->title, url);
    fflush(stdout);
    if (server.open)
        complain("with --host %s, whoever can reach this machine can use it", s->options->host);
    while (!caught_signal()) {
        nap(50);
        close_slow();
        read_leaving();
        jobs_look(gone);
    }
    MHD_quiesce_daemon(daemon);
    jobs_end();
    nap(100); /* for the last answers to leave */
    MHD_stop_daemon(daemon);
    jobs_close();
    close(fd);
    free(server.model);
    return EXIT_SIGNAL + caught_signal();
}
