/* http.h - `taper serve`: a network behind a few addresses of HTTP, for this machine.
 *
 * Three parts: http.c speaks to the other side (libmicrohttpd, one thread), http_job.c is the queue between it and the one thread that
 * computes, http_answer.c makes an answer of a request's body (jansson).  no_http.c stands for all three where a library is missing.
 *
 * Invariants:
 *  1. Only the computing thread calls the library: answers are made one after the other.
 *  2. A job belongs to whoever holds a reference: its connection, and the queue until it is answered.  Its fields below the line are
 *     guarded by the queue's lock.
 *  3. A connection that waits for its job is suspended; whoever changes the job wakes it (job_wake), under the lock.
 * Layer: cli.  Depends on train.h.  Read next: serve.c, http.c. */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include "cli/cli.h"

typedef enum serve_task {
    SERVE_IMAGE,
    SERVE_TABLE,
    SERVE_TEXT, /* a class for a text */
    SERVE_TAGS, /* a class for each token of one */
    SERVE_PAIRS,
    SERVE_LANGUAGE,
} serve_task;

typedef struct served {
    const char *name; /* the last part of the folder's path */
    tp_run *run;      /* NULL of a published network */
    tp_module *net;
    tp_tokenizer *tokenizer;
    const char *title; /* of the model */
    serve_task task;
    const serve_options *options;
} served;

/* Answers until a signal comes; the exit code. */
int http_serve(const served *);
extern const bool http_is_built; /* false: no_http.c stands here */

/* ---- a request's body and its answer (http_answer.c) ------------------------------------------------- */

typedef struct job job;

enum { MOST_CLASSES = 10 }; /* that are told of unless top says otherwise */

char *answer_model(const served *);                          /* JSON, to free; NULL: out of memory */
char *answer_error(const char *format, ...) TP_PRINTF(1, 2); /* {"error": "..."} */

/* In the computing thread.  They end with job_end. */
void answer_predict(const served *, job *);
void answer_generate(const served *, job *);

/* ---- jobs (http_job.c) -------------------------------------------------------------------------------- */

struct MHD_Connection;

struct job {
    struct MHD_Connection *connection; /* NULL: nobody waits any more */
    void (*answer)(const served *, job *);
    const char *type; /* of the body: "application/json", "image/png", ... */
    char *body;
    size_t size;
    int64_t top; /* classes that are wanted; 0: MOST_CLASSES */
    double deadline;
    job *next;
    /* ---- guarded by the lock ---- */
    int references;
    bool suspended, streams, over; /* streams: the text comes in parts; over: it will not grow */
    int status;                    /* of HTTP; 0: not known yet */
    char *text;
    size_t length, room, sent;
};

job *job_new(void (*answer)(const served *, job *)); /* NULL: out of memory */
void job_hold(job *);
void job_release(job *);

bool job_add(job *);                       /* to the queue; false: it is full */
bool job_wanted(job *);                    /* false: nobody waits for it, or its time is over */
void job_put(job *, const char *, size_t); /* more of a text that streams */
void job_end(job *, int status, char *text /* taken over; NULL of a stream: nothing more to say */);

typedef enum job_state { JOB_WAITS, JOB_STREAMS, JOB_ANSWERED } job_state;
/* Of one that waits the connection is suspended until it does not; of one that is answered the text goes to the caller. */
job_state job_ready(job *, int *status, char **text);
long job_read(job *, char *to, size_t room);           /* bytes; 0: suspended; -1: the end */
void job_leave(job *);                                 /* its connection is gone */
void jobs_look(bool (*gone)(struct MHD_Connection *)); /* ends what is late or left */

bool jobs_open(const served *); /* starts the computing thread */
void jobs_end(void);            /* every job is answered: the server stops */
void jobs_close(void);

#endif
