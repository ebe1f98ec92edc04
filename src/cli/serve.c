/* serve.c - `taper serve DIR`: try a network in the browser, or ask it by HTTP.
 *
 * Which of its answers there are follows from what it has learned.  Layer: cli.  Depends on train.h.  Read next: http.h, http.c. */
#include "cli/http.h"
#include "cli/text.h"

#include <string.h>

/* The last part of a path, without the slashes behind it. */
static const char *name_of(const char *path, char *text, size_t room)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t begin = length;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    snprintf(text, room, "%.*s", (int)(length - begin), path + begin);
    return text;
}

/* What there is to ask; false: nothing that can be asked by HTTP. */
static bool find_task(served *s)
{
    const tp_model_info *info = tp_model_find(tp_run_config(s->run)->model);
    const tp_shape shape = tp_run_shape(s->run);
    s->title = info ? info->title : tp_run_config(s->run)->model;
    if (tp_run_forecasts(s->run))
        return false;
    if (info && info->input == TP_INPUT_TEXT)
        s->task = SERVE_LANGUAGE;
    else if (tp_module_decoding(s->net))
        s->task = SERVE_PAIRS;
    else if (tp_run_labels_texts(s->run))
        s->task = info && info->input == TP_INPUT_TAGGED ? SERVE_TAGS : SERVE_TEXT;
    else if (shape.ndim == 3 && (shape.dim[0] == 1 || shape.dim[0] == 3))
        s->task = SERVE_IMAGE;
    else if (shape.ndim == 1)
        s->task = SERVE_TABLE;
    else
        return false;
    return true;
}

static int open_run(served *s, const char *folder)
{
    s->run = tp_run_open(folder);
    s->net = tp_run_model(s->run);
    if (!s->run)
        return library_error();
    if (!find_task(s))
        return usage_error(
            "%s: pictures, tables and texts can be served, and this run learned from other data", folder);
    return s->task != SERVE_LANGUAGE && tp_fuse(s->net) ? library_error() : 0;
}

static int open_pretrained(served *s, const char *path, const char *tokenizer)
{
    s->net = tp_pretrained(path);
    s->tokenizer = s->net ? tp_pretrained_tokenizer(path, tokenizer) : NULL;
    s->task = SERVE_LANGUAGE;
    s->title = "a published network";
    if (!s->tokenizer)
        return library_error();
    if (!tp_module_decoding(s->net))
        return usage_error("%s: the network does not write texts", path);
    tp_eval(s->net);
    return 0;
}

int verb_serve(cli *c)
{
    TP_SCOPE;
    char name[256];
    serve_options *o = &c->serve;
    const char *path = c->words[0];
    served s = { .name = name_of(path, name, sizeof name), .options = o };
    o->host = o->host ? o->host : "127.0.0.1";
    o->port = option_given(c, "port") ? o->port : 8080;
    o->max_body = o->max_body ? o->max_body : 8 << 20;
    o->queue = o->queue ? o->queue : 16;
    o->connections = o->connections ? o->connections : 1000;
    o->timeout = o->timeout > 0 ? o->timeout : 30;
    o->request_timeout = o->request_timeout > 0 ? o->request_timeout : 10;
    const int code =
        tp_is_pretrained(path) ? open_pretrained(&s, path, c->words_tokenizer) : open_run(&s, path);
    return code ? code : http_serve(&s);
}
