/* server.c - a web server on the loopback address, for tests.
 *
 * Layer: tests.  Depends on sockets, pthreads, cmocka.  Read next: server.h. */
#include "support/server.h"

#include "support/files.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEPT = 512 };

struct server {
    server_fn *answer;
    void *context;
    int fd;
    char url[64];
    pthread_t thread;
    pthread_mutex_t busy; /* held while an answer is made */
    pthread_mutex_t lock; /* of the next two */
    server_request asked[KEPT];
    int n_asked;
};

void server_send(const server_request *r, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        const ssize_t sent = send(r->fd, (const char *)bytes + done, n - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the other side has heard enough */
        done += (size_t)sent;
    }
}

void server_say(const server_request *r, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    server_send(r, text, (size_t)n);
}

void server_answer(const server_request *r, const char *status, const char *headers, const void *body,
                   size_t n)
{
    server_say(r, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", status, n, headers);
    if (strcmp(r->method, "HEAD") != 0)
        server_send(r, body, n);
}

static void value_of(const char *head, const char *name, char *text, size_t room)
{
    const char *at = strcasestr(head, name);
    if (at)
        snprintf(text, room, "%.*s", (int)strcspn(at + strlen(name), "\r\n"), at + strlen(name));
}

/* The head of a request; what follows it is not read. */
static bool read_request(server_request *r)
{
    char head[16384], range[64] = "";
    size_t n = 0;
    head[0] = 0;
    while (!strstr(head, "\r\n\r\n")) {
        const ssize_t got = n + 1 < sizeof head ? recv(r->fd, head + n, sizeof head - 1 - n, 0) : 0;
        if (got <= 0)
            return false;
        n += (size_t)got;
        head[n] = 0;
    }
    if (sscanf(head, "%15s %1023s", r->method, r->path) != 2)
        return false;
    value_of(head, "\r\nHost: ", r->host, sizeof r->host);
    value_of(head, "\r\nAuthorization: Bearer ", r->token, sizeof r->token);
    value_of(head, "\r\nRange: bytes=", range, sizeof range);
    r->range = *range ? strtol(range, NULL, 10) : -1;
    return true;
}

static void *serve(void *context)
{
    server *s = context;
    for (int fd; (fd = accept(s->fd, NULL, NULL)) >= 0;) {
        server_request r = { .fd = fd };
        const struct timeval patience = { .tv_sec = 5 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (read_request(&r)) {
            pthread_mutex_lock(&s->lock);
            if (s->n_asked < KEPT)
                s->asked[s->n_asked++] = r;
            pthread_mutex_unlock(&s->lock);
            pthread_mutex_lock(&s->busy);
            s->answer(&r, s->context);
            pthread_mutex_unlock(&s->busy);
        }
        shutdown(fd, SHUT_WR);
        char rest[256];
        while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) >
               0) { /* a close with unread bytes would cut the answer */
        }
        close(fd);
    }
    return NULL;
}

server *server_start(server_fn *answer, void *context)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    server *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->answer = answer;
    s->context = context;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &length), 0);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    pthread_mutex_init(&s->busy, NULL);
    pthread_mutex_init(&s->lock, NULL);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    return s;
}

void server_stop(server *s)
{
    shutdown(s->fd, SHUT_RDWR); /* accept returns */
    pthread_join(s->thread, NULL);
    close(s->fd);
    pthread_mutex_destroy(&s->busy);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void server_settle(server *s)
{
    pthread_mutex_lock(&s->busy);
    pthread_mutex_unlock(&s->busy);
}

const char *server_url(const server *s)
{
    return s->url;
}

static int look(server *s, const char *method, const char *piece, server_request *last)
{
    int n = 0;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->n_asked; i++)
        if (!strcmp(s->asked[i].method, method) && strstr(s->asked[i].path, piece)) {
            n++;
            if (last)
                *last = s->asked[i];
        }
    pthread_mutex_unlock(&s->lock);
    return n;
}

int server_count(server *s, const char *method, const char *piece)
{
    return look(s, method, piece, NULL);
}

server_request server_last(server *s, const char *method, const char *piece)
{
    server_request r = { .range = -2 };
    look(s, method, piece, &r);
    return r;
}
