/* models.c - `taper models`: the zoo with the options that each model reads and their defaults.
 *
 * An option of a model is a row of options.def whose field lies in tp_model_options, so no list of them is kept here.
 * Layer: cli.  Depends on models.h, json.h.  Read next: summary.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <math.h>
#include <string.h>

/* The row for a field of tp_model_options by the name it has in tp_model_info.options; NULL if there is none. */
static const option *find_option(const char *name, size_t length)
{
    for (int i = 0; i < n_options; i++) {
        const option *o = &options[i];
        size_t k = 0;
        if (o->field < offsetof(cli, train.model_options) ||
            o->field >= offsetof(cli, train.model_options) + sizeof(tp_model_options) ||
            strlen(o->name) != length)
            continue;
        while (k < length && (o->name[k] == name[k] || (o->name[k] == '-' && name[k] == '_')))
            k++;
        if (k == length)
            return o;
    }
    return NULL;
}

static const void *default_of(const tp_model_info *m, const option *o)
{
    return (const char *)&m->defaults + (o->field - offsetof(cli, train.model_options));
}

static void json_default(const tp_model_info *m, const option *o)
{
    const void *field = default_of(m, o);
    if (o->kind == ARG_COUNT)
        emit_integer(o->name, *(const int64_t *)field);
    else if (o->kind == ARG_REAL)
        emit_real(o->name, fabs(*(const double *)field));
    else
        emit_text(o->name, *(const char *const *)field);
}

static void text_default(const tp_model_info *m, const option *o, char *text, size_t room)
{
    const void *field = default_of(m, o);
    const char *name = *(const char *const *)field;
    if (o->kind == ARG_COUNT && *(const int64_t *)field == 0)
        snprintf(text, room, "--%s", o->name);
    else if (o->kind == ARG_COUNT)
        snprintf(text, room, "--%s" HARD_SPACE "%lld", o->name, (long long)*(const int64_t *)field);
    else if (o->kind == ARG_REAL)
        snprintf(text, room, "--%s" HARD_SPACE "%g", o->name, fabs(*(const double *)field));
    else
        snprintf(text, room, "--%s%s%s", o->name, name ? HARD_SPACE : "", name ? name : "");
}

/* Calls back for each option of the model; text, if given, collects "--classes 10, --channels 1". */
static void list_options(const tp_model_info *m, char *text, size_t room)
{
    size_t used = 0;
    for (const char *p = m->options ? m->options : ""; *p; p += strspn(p, " ")) {
        size_t length = strcspn(p, " ");
        const option *o = find_option(p, length);
        p += length;
        if (!o)
            continue;
        if (!text) {
            json_default(m, o);
            continue;
        }
        if (used && used + 2 < room)
            used += (size_t)snprintf(text + used, room - used, ", ");
        text_default(m, o, text + used, room - used);
        used += strlen(text + used);
    }
}

static void print_model(const tp_model_info *m)
{
    enum { COLUMN = 14 };
    char line[1024] = "";
    const char *gap = strlen(m->name) < COLUMN ? "" : "  ";
    printf("%s%-*s%s%s%s%s%s\n", bold(stdout), COLUMN, m->name, no_style(stdout), gap, m->title,
           *m->paper ? ", " : "", m->paper);
    list_options(m, line, sizeof line);
    if (!*line)
        return;
    printf("%*s", COLUMN, "");
    print_wrapped(stdout, line, COLUMN, COLUMN);
}

int verb_models(cli *c)
{
    if (c->json) {
        emit_object(NULL);
        emit_list("models");
    }
    for (int i = 0; i < tp_model_count(); i++) {
        const tp_model_info *m = tp_model_at(i);
        if (!c->json) {
            print_model(m);
            continue;
        }
        emit_object(NULL);
        emit_text("name", m->name);
        emit_text("title", m->title);
        emit_text("paper", m->paper);
        emit_object("options");
        list_options(m, NULL, 0);
        emit_end();
        emit_end();
    }
    if (c->json) {
        emit_end();
        emit_end();
    }
    return EXIT_FINE;
}
