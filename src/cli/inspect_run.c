/* inspect_run.c - run folders and the header of safetensors files, for `taper inspect`.
 *
 * The library reads JSON for itself; what is wanted here (numbers of flat lines, one object of strings) needs no more
 * than the scanner below, which runs on text that the library has found well formed or else finds nothing.
 * Layer: cli.  Depends on train.h.  Read next: inspect.c. */
#include "cli/inspect.h"
#include "cli/json.h"
#include "cli/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a little JSON --------------------------------------------------------------------------------- */

/* The string that begins at the quote p, into text with its simple escapes undone; returns what follows, NULL if it
 * does not end. */
static const char *read_string(const char *p, char *text, size_t room)
{
    size_t n = 0;
    for (p++; *p && *p != '"'; p++) {
        char c = *p;
        if (c == '\\' && p[1]) {
            c = *++p;
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'u' ? '?' : c;
            if (*p == 'u')
                p += strnlen(p + 1, 4);
        }
        if (n + 1 < room)
            text[n++] = c;
    }
    text[n] = 0;
    return *p == '"' ? p + 1 : NULL;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* The number behind "key": in a line; NaN if there is none. */
static double number_of(const char *line, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const char *p = strstr(line, quoted);
    if (!p)
        return NAN;
    p = skip_blanks(p + strlen(quoted));
    if (*p != ':')
        return NAN;
    p = skip_blanks(p + 1);
    char *end;
    double value = strchr("-0123456789", *p) && *p ? strtod(p, &end) : NAN;
    return value;
}

/* ---- safetensors: string pairs of __metadata__ ----------------------------------------------------- */

static void tell_pairs(const char *p, bool json)
{
    char key[128], value[1024], name[160];
    p = skip_blanks(p);
    if (*p++ != '{')
        return;
    for (p = skip_blanks(p); *p == '"'; p = skip_blanks(p + (*p == ','))) {
        if (!(p = read_string(p, key, sizeof key)))
            return;
        p = skip_blanks(p);
        p = skip_blanks(p + (*p == ':'));
        if (*p != '"' || !(p = read_string(p, value, sizeof value)))
            return;
        snprintf(name, sizeof name, json ? "metadata.%s" : "%s", key);
        fact(json, name, value);
        p = skip_blanks(p);
    }
}

int inspect_metadata(const char *path, bool json)
{
    static const char word[] = "\"__metadata__\"";
    unsigned char size[8];
    uint64_t length = 0;
    FILE *f = fopen(path, "rb");
    if (!f || fread(size, 1, sizeof size, f) != sizeof size) {
        if (f)
            fclose(f);
        return 0; /* the library has read the file: it changed under our hands */
    }
    for (int i = 7; i >= 0; i--)
        length = length << 8 | size[i];
    char *text = length < 100000000 ? malloc((size_t)length + 1) : NULL;
    if (text) {
        text[fread(text, 1, (size_t)length, f)] = 0;
        const char *p = strstr(text, word);
        if (p && *(p = skip_blanks(p + sizeof word - 1)) == ':')
            tell_pairs(p + 1, json);
        free(text);
    }
    fclose(f);
    return 0;
}

/* ---- run folders ----------------------------------------------------------------------------------- */

static void tell_config(const tp_train_config *t, bool json)
{
    char text[TEXT_ROOM];
    fact(json, "model", t->model);
    fact(json, "data", t->data);
    fact(json, "optim", t->optim);
    snprintf(text, sizeof text, "%g", t->optim_options.lr);
    fact(json, "lr", text);
    fact(json, "schedule", t->schedule);
    fact_count(json, "epochs wanted", t->epochs);
    fact_count(json, "batch", t->batch_size);
    fact_count(json, "seed", (int64_t)t->seed);
    if (t->transform && *t->transform)
        fact(json, "transform", t->transform);
    if (t->augment && *t->augment)
        fact(json, "augment", t->augment);
}

static void print_number(double value, const char *format)
{
    if (isfinite(value))
        printf(format, value);
    else
        printf(" %11s", "-");
}

/* One line of metrics.jsonl an epoch. */
static void tell_epoch(const char *line, bool json)
{
    static const char *const keys[] = { "epoch", "train_loss", "train_accuracy", "test_loss",
                                        "test_accuracy" };
    if (json) {
        emit_object(NULL);
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            emit_real(keys[i], number_of(line, keys[i]));
        emit_end();
        return;
    }
    printf("  %5.0f", number_of(line, keys[0]));
    print_number(number_of(line, keys[1]), " %11.4f");
    print_number(100 * number_of(line, keys[2]), " %9.2f %%");
    print_number(number_of(line, keys[3]), " %11.4f");
    print_number(100 * number_of(line, keys[4]), " %9.2f %%");
    putchar('\n');
}

static void tell_metrics(const char *folder, bool json)
{
    char path[4096], *line = NULL;
    size_t room = 0;
    FILE *f = path_of(path, sizeof path, folder, "metrics.jsonl") ? fopen(path, "r") : NULL;
    if (json)
        emit_list("metrics");
    else if (f)
        printf("\n  %5s %11s %11s %11s %11s\n", "epoch", "train loss", "train right", "test loss",
               "test right");
    while (f && getline(&line, &room, f) > 0)
        if (isfinite(number_of(line, "epoch")))
            tell_epoch(line, json);
    if (json)
        emit_end();
    free(line);
    if (f)
        fclose(f);
}

int inspect_run(const char *folder, bool json)
{
    tp_run *run = tp_run_open(folder);
    if (!run)
        return library_error();
    fact(json, "kind", "run folder");
    tell_config(tp_run_config(run), json);
    fact_count(json, "classes", tp_run_classes(run));
    fact_count(json, "parameters", tp_params_numel(tp_parameters(tp_run_model(run))));
    tell_metrics(folder, json);
    return 0;
}
