/* no_http.c - http.h in a build without libcurl: what lies in the cache is all there is.
 *
 * Layer: hub.  Read next: http.h. */
#include "hub/http.h"

#include "base/error.h"

http_pool *http_open(const hub_settings *settings)
{
    (void)settings;
    return tp_fail_null(TP_ERR_UNSUPPORTED, "hub: downloading is unsupported: built without libcurl");
}

void http_close(http_pool *pool)
{
    (void)pool;
}
void http_start(http_pool *pool, http_request *request)
{
    (void)pool, (void)request;
}
http_request *http_next(http_pool *pool)
{
    (void)pool;
    return NULL;
}
void http_end(http_pool *pool, http_request *request)
{
    (void)pool, (void)request;
}

tp_status http_get(http_pool *pool, http_request *request, bool (*go_on)(void *), void *context)
{
    (void)request, (void)go_on, (void)context;
    return pool ? TP_OK : tp_error_pending();
}

const char *http_library(bool running)
{
    (void)running;
    return NULL;
}
