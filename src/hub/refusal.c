/* refusal.c - what it means when a hub says no, in words a person can act on.
 *
 * Layer: hub.  Depends on http.h.  Read next: download.c, account.c. */
#include "hub/http.h"

#include "base/error.h"

#include <string.h>

static tp_status without_access(const http_request *r, const hub_settings *s, const char *what)
{
    const char *from = s->place.token_from;
    if (!strcmp(r->error_code, "GatedRepo"))
        return tp_fail(TP_ERR_IO, "hub: %s: is gated: accept its conditions at %s/%.*s%s", what,
                       hub_shown(s->place.endpoint), (int)strcspn(what, ":"), what,
                       *from ? ", with the account of your token" : ", and log in");
    if (r->status == 401 && *from)
        return tp_fail(TP_ERR_IO, "hub: %s: %s does not take the token (%s)", what,
                       hub_shown(s->place.endpoint), from);
    if (r->status == 401)
        return tp_fail(TP_ERR_IO, "hub: %s: there is none at %s, or it is private: then log in", what,
                       hub_shown(s->place.endpoint));
    return tp_fail(TP_ERR_IO, "hub: %s: %s refuses access%s", what, hub_shown(s->place.endpoint),
                   *from ? " with this token" : ", there is no token");
}

tp_status http_fail(const http_request *r, const hub_settings *s, const char *what)
{
    /* A hub may repeat what it was sent. */
    const bool tells = *r->error_message && !(*s->token && strstr(r->error_message, s->token));
    if (*r->error)
        return tp_fail(r->wrong ? TP_ERR_FORMAT : TP_ERR_IO, "hub: %s: %s", what, r->error);
    if (r->status == 401 || r->status == 403)
        return without_access(r, s, what);
    if (r->status == 404)
        return tp_fail(TP_ERR_IO, "hub: %s: there is no such %s at %s", what,
                       !strcmp(r->error_code, "RevisionNotFound") ? "revision"
                       : !strcmp(r->error_code, "EntryNotFound")  ? "file"
                       : !strcmp(r->error_code, "RepoNotFound")   ? "repository"
                                                                  : "thing",
                       hub_shown(s->place.endpoint));
    if (r->status == 429)
        return tp_fail(TP_ERR_IO, "hub: %s: %s wants fewer requests (status 429); try again later", what,
                       hub_shown(s->place.endpoint));
    return tp_fail(TP_ERR_IO, "hub: %s: %s answers with status %d%s%s", what, hub_shown(s->place.endpoint),
                   r->status, tells ? ": " : "", tells ? r->error_message : "");
}
