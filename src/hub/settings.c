/* settings.c - where the hub is, where its cache is, whose token: by options and environment; and which names may become paths.
 *
 * Names of repositories, revisions and files come from the command line and from the network.  None of them may lead out of the
 * folder that it is to lie in.
 * Layer: hub.  Depends on hub.h.  Read next: account.c, download.c. */
#include "hub/hub.h"

#include "base/error.h"
#include "io/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the environment ------------------------------------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool is_true(const char *name)
{
    static const char *const words[] = { "1", "on", "yes", "true" };
    const char *value = environment(name);
    for (size_t i = 0; value && i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(value, words[i]))
            return true;
    return false;
}

static double seconds_of(const char *name, double otherwise)
{
    const char *value = environment(name);
    const double seconds = value ? strtod(value, NULL) : 0;
    return seconds > 0 && seconds < 1e6 ? seconds : otherwise;
}

tp_status hub_path(char path[PATH_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(path, PATH_MAX, format, args);
    va_end(args);
    return length >= 0 && length < PATH_MAX
               ? TP_OK
               : tp_fail(TP_ERR_ARGUMENT, "hub: %.200s...: the path is too long", path);
}

/* As a shell takes it: a ~ at its begin is the home folder. */
static tp_status place_of(char path[PATH_MAX], const char *value, const char *otherwise_in, const char *name)
{
    const char *home = environment("HOME");
    if (!value)
        return hub_path(path, "%s/%s", otherwise_in, name);
    if (value[0] == '~' && (!value[1] || value[1] == '/'))
        return hub_path(path, "%s%s", home ? home : "", value + 1);
    return hub_path(path, "%s", value);
}

static tp_status find_places(tp_hub_place *p, const tp_hub_options *o)
{
    char home[PATH_MAX], xdg[PATH_MAX];
    const char *cache = o->cache ? o->cache : environment("HF_HUB_CACHE"), *user = environment("HOME");
    const char *endpoint = o->endpoint ? o->endpoint : environment("HF_ENDPOINT");
    endpoint = endpoint ? endpoint : "https://huggingface.co";
    if (strncmp(endpoint, "https://", 8) != 0 && strncmp(endpoint, "http://", 7) != 0)
        return tp_fail(TP_ERR_ARGUMENT, "hub: the end point '%.100s': an address with https:// is wanted",
                       endpoint);
    size_t length = strlen(endpoint);
    while (length && endpoint[length - 1] == '/')
        length--;
    if (length >= sizeof p->endpoint)
        return tp_fail(TP_ERR_ARGUMENT, "hub: the end point '%.60s...' is too long", endpoint);
    snprintf(p->endpoint, sizeof p->endpoint, "%.*s", (int)length, endpoint);
    p->offline = o->offline || is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE");
    if (!user && !environment("HF_HOME") && !environment("XDG_CACHE_HOME"))
        return tp_fail(TP_ERR_ARGUMENT, "hub: neither HOME nor HF_HOME says where its cache is");
    if (hub_path(xdg, "%s/.cache", user ? user : "") ||
        place_of(home, environment("HF_HOME"),
                 environment("XDG_CACHE_HOME") ? environment("XDG_CACHE_HOME") : xdg, "huggingface") ||
        place_of(p->cache, cache ? cache : environment("HUGGINGFACE_HUB_CACHE"), home, "hub") ||
        place_of(p->token_file, environment("HF_TOKEN_PATH"), home, "token"))
        return tp_error_pending();
    return TP_OK;
}

/* ---- the token -------------------------------------------------------------------------------------------------------------------- */

/* Whether it can stand in a header. */
static tp_status check_token(const char *from, const char *token)
{
    for (const char *p = token; *p; p++)
        if (*p <= ' ' || *p >= 0x7f)
            return tp_fail(TP_ERR_ARGUMENT, "hub: the token (%s) has a character at %d that no token has",
                           from, (int)(p - token) + 1);
    return TP_OK;
}

static tp_status keep_token(hub_settings *s, const char *from, const char *text)
{
    const size_t before = strspn(text, " \t\r\n");
    size_t length = strlen(text + before);
    while (length && strchr(" \t\r\n", text[before + length - 1]))
        length--;
    if (length >= sizeof s->token)
        return tp_fail(TP_ERR_ARGUMENT, "hub: the token (%s) has %zu characters, more than any has", from,
                       length);
    snprintf(s->token, sizeof s->token, "%.*s", (int)length, text + before);
    snprintf(s->place.token_from, sizeof s->place.token_from, "%s", length ? from : "");
    return check_token(from, s->token);
}

static tp_status find_token(hub_settings *s)
{
    static const char *const names[] = { "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN" };
    file_bytes bytes;
    if (s->o.token)
        return keep_token(s, "given", s->o.token);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (environment(names[i]) && (keep_token(s, names[i], environment(names[i])) || *s->token))
            return tp_error_pending();
    if (access(s->place.token_file, F_OK))
        return TP_OK;
    if (file_read(s->place.token_file, 1 << 16, &bytes))
        return tp_error_pending();
    char text[TOKEN_ROOM + 64] = "";
    memcpy(text, bytes.data, bytes.size < sizeof text ? bytes.size : sizeof text - 1);
    file_bytes_free(&bytes);
    return keep_token(s, "file", text);
}

tp_status hub_settings_read(hub_settings *s, const tp_hub_options *options)
{
    memset(s, 0, sizeof *s);
    if (tp_pending())
        return tp_error_pending();
    tp_hub_options *o = &s->o;
    if (options)
        memcpy(o, options, options->struct_size < sizeof *o ? options->struct_size : sizeof *o);
    o->revision = o->revision ? o->revision : "main";
    o->at_once = o->at_once < 1 ? 8 : o->at_once > 32 ? 32 : o->at_once;
    o->retries = o->retries < 0 ? 0 : o->retries ? o->retries : 5;
    o->retry_wait = o->retry_wait > 0 ? o->retry_wait : 1;
    o->timeout = o->timeout > 0 ? o->timeout : seconds_of("HF_HUB_DOWNLOAD_TIMEOUT", 10);
    return find_places(&s->place, o) || find_token(s) ? tp_error_pending() : TP_OK;
}

tp_status tp_hub_where(tp_hub_place *place)
{
    hub_settings s;
    const tp_status status = hub_settings_read(&s, NULL);
    *place = s.place;
    return status;
}

/* ---- names ------------------------------------------------------------------------------------------------------------------------ */

bool hub_is_hex(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdefABCDEF") == digits && !text[digits];
}

/* By the hub's rules: letters, digits, - _ . ; neither -- nor .. in it, none of - . at its ends. */
static bool is_name(const char *name, size_t length)
{
    bool fine = length > 0 && length <= 96 && !strchr("-.", name[0]) && !strchr("-.", name[length - 1]);
    for (size_t i = 0; fine && i < length; i++) {
        const char c = name[i];
        fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               ((c == '-' || c == '.') && name[i + 1] != c);
    }
    return fine;
}

tp_status hub_repo_read(hub_repo *r, const char *name)
{
    static const char *const kinds[] = { "models", "datasets", "spaces" };
    size_t kind = 0, skip = 0;
    for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++) {
        const size_t length = strlen(kinds[i]);
        if (!strncmp(name, kinds[i], length) && name[length] == '/' && strchr(name + length + 1, '/'))
            kind = i, skip = length + 1;
    }
    const char *id = name ? name + skip : "", *slash = strchr(id, '/'), *last = slash ? slash + 1 : id;
    if ((slash && !is_name(id, (size_t)(slash - id))) || !is_name(last, strlen(last)) || strlen(id) > 96)
        return tp_fail(TP_ERR_ARGUMENT, "hub: '%.120s' is no repository: ORG/NAME is wanted",
                       name ? name : "");
    const int org = slash ? (int)(slash - id) : 0;
    snprintf(r->id, sizeof r->id, "%s", id);
    snprintf(r->folder, sizeof r->folder, "%s--%.*s%s%s", kinds[kind], org, id, slash ? "--" : "", last);
    snprintf(r->api, sizeof r->api, "api/%s/%s", kinds[kind], id);
    snprintf(r->files, sizeof r->files, "%s%s%s", kind ? kinds[kind] : "", kind ? "/" : "", id);
    return TP_OK;
}

tp_status hub_check_path(const hub_repo *r, const char *what, const char *path)
{
    bool fine = path && *path && strlen(path) < 1024;
    for (const char *part = path; fine; part++) {
        const size_t length = strcspn(part, "/");
        fine = length > 0 && length < 256 && !(length == 1 && part[0] == '.') &&
               !(length == 2 && part[0] == '.' && part[1] == '.') &&
               !(length == 4 && !strncasecmp(part, ".git", 4));
        for (size_t i = 0; fine && i < length; i++)
            fine = (unsigned char)part[i] >= ' ' && part[i] != 0x7f && part[i] != '\\';
        part += length;
        if (!*part)
            break;
    }
    return fine ? TP_OK
                : tp_fail(TP_ERR_ARGUMENT,
                          "hub: %s: %s '%.200s' is refused: it is no plain path below a folder", r->id, what,
                          path ? path : "");
}

/* ---- addresses and folders ----------------------------------------------------------------------------------------------------------- */

void hub_quote(char url[URL_ROOM], const char *text, bool slashes_stay)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    size_t at = strlen(url);
    for (const char *p = text; *p && at + 4 <= URL_ROOM; p++)
        if (strchr(plain, *p) || (*p == '/' && slashes_stay))
            url[at++] = *p;
        else
            at += (size_t)snprintf(url + at, 4, "%%%02X", (unsigned char)*p);
    url[at] = 0;
}

const char *hub_shown(const char *url)
{
    char *text = error_piece();
    const char *host = strstr(url, "://"), *name = host ? host + 3 + strcspn(host + 3, "/@") : url;
    host = host && *name == '@' ? name + 1 : host ? host + 3 : url; /* no user's name, no password */
    snprintf(text, ERROR_PIECE, "%.*s%.*s", strstr(url, "://") ? (int)(strstr(url, "://") + 3 - url) : 0, url,
             (int)strcspn(host, "?"), host);
    return text;
}

double hub_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

tp_status hub_make_folders(const char *path, unsigned mode)
{
    char folder[PATH_MAX];
    struct stat info;
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        if (slash == path)
            continue;
        if (hub_path(folder, "%.*s", (int)(slash - path), path))
            return tp_error_pending();
        if (mkdir(folder, mode) && (stat(folder, &info) || !S_ISDIR(info.st_mode))) {
            errno = errno == ENOENT ? ENOTDIR : errno;
            return tp_fail_errno(folder, "cannot make this folder");
        }
    }
    return TP_OK;
}
