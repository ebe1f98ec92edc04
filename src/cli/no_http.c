/* no_http.c - stands for http.c, http_job.c and http_answer.c in a build without libmicrohttpd or jansson.
 *
 * Layer: cli.  Depends on http.h.  Read next: http.c. */
#include "cli/http.h"

const bool http_is_built = false;

int http_serve(const served *s)
{
    (void)s;
    complain("serve is unsupported: built without libmicrohttpd or jansson; install them and build again");
    return EXIT_WORK;
}
