/* server.h - a web server on the loopback address, in a thread of the test: answers are what the test's function writes.
 *
 * It closes each connection after one answer, and can misbehave as the test likes.  What was asked is kept.
 * Layer: tests.  Read next: server.c, test_hub.c. */
#ifndef SUPPORT_SERVER_H
#define SUPPORT_SERVER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct server_request {
    char method[16], path[1024]; /* path: with what follows a ? */
    char host[128], token[128];  /* of "Authorization: Bearer ..."; "" if there is none */
    long range;                  /* of "Range: bytes=N-"; -1: none */
    int fd;                      /* where the answer goes */
} server_request;

typedef void server_fn(server_request *, void *context);
typedef struct server server;

server *server_start(server_fn *, void *context); /* fails the test when it cannot */
void server_stop(server *);
const char *server_url(const server *); /* "http://127.0.0.1:40123" */

/* Waits until no answer is being made: what the test wrote before is seen by later answers, and what they wrote by the test. */
void server_settle(server *);

/* What was asked so far: how often by this method of paths with this piece in it; the last such. */
int server_count(server *, const char *method, const char *piece);
server_request server_last(server *, const char *method, const char *piece);

void server_send(const server_request *, const void *bytes, size_t n);
void server_say(const server_request *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A whole answer: "200 OK", further headers ("A: b\r\n"), the body (not of HEAD). */
void server_answer(const server_request *, const char *status, const char *headers, const void *body,
                   size_t n);

#endif
