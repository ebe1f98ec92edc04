/* account.c - whose token, and the file that keeps it.
 *
 * The token is written to a new file of mode 0600, which takes the old one's name: at no moment can others read it.
 * Layer: hub.  Depends on http.h, io/json.h.  Read next: settings.c. */
#include "hub/http.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tp_status read_name(const http_request *r, char *name, size_t room)
{
    js_value *answer = js_parse(hub_shown(r->url), r->body.data, r->body.size, 0);
    const char *text = answer ? js_string(js_get(answer, "name")) : NULL;
    if (text)
        snprintf(name, room, "%s", text);
    else if (answer)
        tp_fail(TP_ERR_FORMAT, "hub: %s: is no answer of a hub: \"name\" is wanted", hub_shown(r->url));
    js_free(answer);
    return tp_error_pending();
}

/* name NULL: any answer will do. */
static tp_status ask_name(const hub_settings *s, char *name, size_t room)
{
    if (s->place.offline)
        return tp_fail(TP_ERR_STATE, "hub: offline, by HF_HUB_OFFLINE or an option");
    http_request *r = tp_calloc(sizeof *r);
    http_pool *pool = r ? http_open(s) : NULL;
    if (pool) {
        snprintf(r->url, sizeof r->url, "%s/api/whoami-v2", s->place.endpoint);
        if (!http_get(pool, r, NULL, NULL)) {
            if (name && r->status == 200 && !*r->error)
                read_name(r, name, room);
            else if (name || *r->error)
                http_fail(r, s, "whoami");
        }
        file_bytes_free(&r->body);
    }
    http_close(pool);
    tp_free(r, sizeof *r);
    return tp_error_pending();
}

tp_status tp_hub_reach_opt(const tp_hub_options *options)
{
    hub_settings s;
    return hub_settings_read(&s, options) ? tp_error_pending() : ask_name(&s, NULL, 0);
}

tp_status tp_hub_whoami_opt(char *name, size_t room, const tp_hub_options *options)
{
    hub_settings s;
    if (hub_settings_read(&s, options))
        return tp_error_pending();
    if (!*s.token)
        return tp_fail(TP_ERR_STATE, "hub: not logged in: no token in HF_TOKEN, none in %s",
                       s.place.token_file);
    return ask_name(&s, name, room);
}

static tp_status write_token(const char *path, const char *token)
{
    char beside[PATH_MAX];
    if (hub_make_folders(path, 0700) || hub_path(beside, "%s.tmp-%ld", path, (long)getpid()))
        return tp_error_pending();
    unlink(beside);
    const int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tp_fail_errno(path, "cannot write");
    const size_t length = strlen(token);
    const bool written = write(fd, token, length) == (ssize_t)length && !fchmod(fd, 0600) && !fsync(fd);
    if ((close(fd) && errno != EINTR) || !written || rename(beside, path)) {
        tp_fail_errno(path, "cannot write");
        unlink(beside);
    }
    return tp_error_pending();
}

tp_status tp_hub_login_opt(const char *token, char *name, size_t room, const tp_hub_options *options)
{
    hub_settings s;
    tp_hub_options o = { .struct_size = sizeof o };
    if (tp_pending())
        return tp_error_pending();
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    o.token = token ? token : "";
    if (hub_settings_read(&s, &o))
        return tp_error_pending();
    if (!*s.token)
        return tp_fail(TP_ERR_ARGUMENT, "hub: the token is empty");
    return ask_name(&s, name, room) ? tp_error_pending() : write_token(s.place.token_file, s.token);
}

tp_status tp_hub_logout(void)
{
    hub_settings s;
    tp_hub_options o = { .struct_size = sizeof o, .token = "" }; /* whatever the file holds */
    if (hub_settings_read(&s, &o))
        return tp_error_pending();
    return unlink(s.place.token_file) && errno != ENOENT ? tp_fail_errno(s.place.token_file, "cannot remove")
                                                         : TP_OK;
}
