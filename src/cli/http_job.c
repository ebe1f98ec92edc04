/* http_job.c - the queue between the thread that speaks and the one that computes.
 *
 * Layer: cli.  Depends on libmicrohttpd, pthreads.  Read next: http.h for the invariants, http.c. */
#include "cli/http.h"
#include "cli/text.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const served *served;
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t thread;
    job *first, *last; /* that wait */
    job *now;          /* that is computed */
    int64_t n;         /* how many wait */
    bool ends;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER };

/* ---- under the lock ----------------------------------------------------------------------------------- */

static void job_wake(job *j)
{
    if (j->suspended && j->connection) {
        j->suspended = false;
        MHD_resume_connection(j->connection);
    }
}

static void drop(job *j)
{
    if (--j->references)
        return;
    free(j->body);
    free(j->text);
    free(j);
}

/* The first answer counts: one that comes after the time was up is thrown away. */
static void finish(job *j, int status, char *text)
{
    if (!j->over) {
        if (!j->streams) {
            j->status = status;
            j->text = text;
            j->length = text ? strlen(text) : 0;
            text = NULL;
        }
        j->over = true;
        job_wake(j);
    }
    free(text);
}

static void end_late(job *j, double time)
{
    if (time > j->deadline && !j->streams && !j->over)
        finish(j, MHD_HTTP_GATEWAY_TIMEOUT,
               answer_error("no answer within %g s", queue.served->options->timeout));
}

static void suspend(job *j)
{
    j->suspended = true;
    MHD_suspend_connection(j->connection);
}

/* ---- jobs --------------------------------------------------------------------------------------------- */

job *job_new(void (*answer)(const served *, job *))
{
    job *j = calloc(1, sizeof *j);
    if (j)
        j->answer = answer, j->references = 1;
    return j;
}

void job_hold(job *j)
{
    pthread_mutex_lock(&queue.lock);
    j->references++;
    pthread_mutex_unlock(&queue.lock);
}

void job_release(job *j)
{
    pthread_mutex_lock(&queue.lock);
    drop(j);
    pthread_mutex_unlock(&queue.lock);
}

bool job_add(job *j)
{
    pthread_mutex_lock(&queue.lock);
    const bool fits = queue.n < queue.served->options->queue && !queue.ends;
    if (fits) {
        j->deadline = clock_now() + queue.served->options->timeout;
        j->references++;
        *(queue.last ? &queue.last->next : &queue.first) = j;
        queue.last = j;
        queue.n++;
        suspend(j);
        pthread_cond_signal(&queue.work);
    }
    pthread_mutex_unlock(&queue.lock);
    return fits;
}

bool job_wanted(job *j)
{
    pthread_mutex_lock(&queue.lock);
    end_late(j, clock_now());
    const bool wanted = j->connection && !j->over;
    pthread_mutex_unlock(&queue.lock);
    return wanted;
}

void job_put(job *j, const char *text, size_t n)
{
    pthread_mutex_lock(&queue.lock);
    n = j->over ? 0 : n;
    if (j->length + n > j->room) {
        const size_t room = 2 * (j->length + n) + 256;
        char *more = realloc(j->text, room);
        if (!more)
            n = 0, j->over = true; /* the text ends here */
        else
            j->text = more, j->room = room;
    }
    if (n)
        memcpy(j->text + j->length, text, n);
    j->length += n;
    if (!j->over || j->streams) {
        j->streams = true;
        j->status = MHD_HTTP_OK;
        job_wake(j);
    }
    pthread_mutex_unlock(&queue.lock);
}

void job_end(job *j, int status, char *text)
{
    pthread_mutex_lock(&queue.lock);
    finish(j, status, text);
    pthread_mutex_unlock(&queue.lock);
}

job_state job_ready(job *j, int *status, char **text)
{
    pthread_mutex_lock(&queue.lock);
    const job_state state = !j->status ? JOB_WAITS : j->streams ? JOB_STREAMS : JOB_ANSWERED;
    *status = j->status;
    *text = NULL;
    if (state == JOB_ANSWERED) {
        *text = j->text;
        j->text = NULL;
    } else if (state == JOB_WAITS && !j->suspended) {
        suspend(j);
    }
    pthread_mutex_unlock(&queue.lock);
    return state;
}

long job_read(job *j, char *to, size_t room)
{
    pthread_mutex_lock(&queue.lock);
    size_t n = j->length - j->sent < room ? j->length - j->sent : room;
    if (n)
        memcpy(to, j->text + j->sent, n);
    else if (!j->over)
        suspend(j);
    const bool end = !n && j->over;
    j->sent += n;
    pthread_mutex_unlock(&queue.lock);
    return end ? -1 : (long)n;
}

void job_leave(job *j)
{
    pthread_mutex_lock(&queue.lock);
    j->connection = NULL;
    drop(j);
    pthread_mutex_unlock(&queue.lock);
}

/* ---- what is late, and what nobody waits for ------------------------------------------------------------ */

static void look_at(job *j, double time, bool (*gone)(struct MHD_Connection *))
{
    if (!j || j->over || !j->connection)
        return;
    if (j->suspended && gone(j->connection))
        finish(j, MHD_HTTP_SERVICE_UNAVAILABLE, NULL); /* nobody reads it */
    end_late(j, time);
}

void jobs_look(bool (*gone)(struct MHD_Connection *))
{
    const double time = clock_now();
    pthread_mutex_lock(&queue.lock);
    look_at(queue.now, time, gone);
    for (job *j = queue.first; j; j = j->next)
        look_at(j, time, gone);
    pthread_mutex_unlock(&queue.lock);
}

/* ---- the thread that computes ---------------------------------------------------------------------------- */

static job *take(void)
{
    pthread_mutex_lock(&queue.lock);
    while (!queue.first && !queue.ends)
        pthread_cond_wait(&queue.work, &queue.lock);
    job *j = queue.first;
    if (j) {
        queue.first = j->next;
        queue.last = queue.first ? queue.last : NULL;
        queue.n--;
    }
    queue.now = j;
    pthread_mutex_unlock(&queue.lock);
    return j;
}

static void *compute(void *unused)
{
    for (job *j; (j = take());) {
        if (job_wanted(j)) {
            TP_SCOPE;
            j->answer(queue.served, j);
        }
        pthread_mutex_lock(&queue.lock);
        queue.now = NULL;
        drop(j);
        pthread_mutex_unlock(&queue.lock);
    }
    return unused;
}

bool jobs_open(const served *s)
{
    queue.served = s;
    return !pthread_create(&queue.thread, NULL, compute, NULL);
}

void jobs_end(void)
{
    pthread_mutex_lock(&queue.lock);
    queue.ends = true;
    for (job *j = queue.now ? queue.now : queue.first; j; j = j == queue.now ? queue.first : j->next)
        finish(j, MHD_HTTP_SERVICE_UNAVAILABLE, answer_error("the server is being stopped"));
    pthread_cond_signal(&queue.work);
    pthread_mutex_unlock(&queue.lock);
}

void jobs_close(void)
{
    pthread_join(queue.thread, NULL);
}
