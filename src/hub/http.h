/* http.h - requests to a hub, several at once: redirects, trying again, going on where a body ended, and who sees the token.
 *
 * 1. The token is sent to the origin (scheme, host, port) of the end point alone, at every hop.
 * 2. At most 10 redirects; none from https to http; nothing but http and https.
 * 3. 408, 429 and 5xx, and bodies that break off, are tried again, after what Retry-After says or ever longer; a new byte makes
 *    the count begin again.
 * 4. A body goes to the file from its byte `from` on; `from` moves with it, and a further try asks for the rest alone.
 * Layer: hub.  Depends on libcurl (no_http.c: none).  Read next: http.c. */
#ifndef HUB_HTTP_H
#define HUB_HTTP_H

#include "hub/hub.h"
#include "io/file.h"

typedef struct http_request {
    /* what is wanted */
    char url[URL_ROOM];
    bool head;
    int fd;             /* where the body goes; -1: into body */
    int64_t from, size; /* size: that the whole file must have; -1: not known */

    /* what came */
    bool unreachable; /* no answer at all */
    bool wrong;       /* an answer, but not of the length that the hub said */
    int status;       /* of HTTP; 0: see error */
    char error[512];  /* what went wrong below HTTP, or with what was sent; "" else */
    file_bytes body;  /* whoever made the request frees it */
    char etag[160], error_code[64], error_message[256];
    int64_t length; /* of the whole file, by the headers; -1: not said */

    /* http.c's own */
    void *handle;
    char at[URL_ROOM], line[256];
    int hops, tries;
    double due, heard; /* due: when it is to begin; 0: it runs.  heard: when something came last */
    int64_t furthest, range_from;
    bool linked, stillborn;
} http_request;

typedef struct http_pool http_pool;

http_pool *http_open(const hub_settings *); /* NULL: in this build there is none */
void http_close(http_pool *);               /* requests that run are given up */

void http_start(http_pool *, http_request *);
http_request *http_next(http_pool *);       /* one that is done; NULL: none within 100 ms */
void http_end(http_pool *, http_request *); /* gives back what a request holds, done or not */

/* One request whose answer is kept in its body; go_on (or NULL) is asked some times a second: false ends it. */
tp_status http_get(http_pool *, http_request *, bool (*go_on)(void *), void *context);

/* Fails with what a request that went wrong says; what: "ORG/NAME: config.json". */
tp_status http_fail(const http_request *, const hub_settings *, const char *what);

/* The library's version, of the header or of what runs; NULL: this build has none. */
const char *http_library(bool running);

#endif
