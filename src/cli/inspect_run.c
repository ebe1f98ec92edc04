/* inspect_run.c - run folders and the header of safetensors files, for `taper inspect`.
 *
 * Layer: cli.  Depends on train.h, scan.h.  Read next: inspect.c. */
#include "cli/inspect.h"
#include "cli/json.h"
#include "cli/scan.h"
#include "cli/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- safetensors: string pairs of __metadata__ ----------------------------------------------------- */

static void tell_pairs(const char *p, bool json)
{
    char key[128], value[1024], name[160];
    p = scan_blanks(p);
    if (*p++ != '{')
        return;
    for (p = scan_blanks(p); *p == '"'; p = scan_blanks(p + (*p == ','))) {
        if (!(p = scan_string(p, key, sizeof key)))
            return;
        p = scan_blanks(p);
        p = scan_blanks(p + (*p == ':'));
        if (*p != '"' || !(p = scan_string(p, value, sizeof value)))
            return;
        snprintf(name, sizeof name, json ? "metadata.%s" : "%s", key);
        fact(json, name, value);
        p = scan_blanks(p);
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
        if (p && *(p = scan_blanks(p + sizeof word - 1)) == ':')
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
            emit_real(keys[i], scan_number(line, keys[i]));
        emit_end();
        return;
    }
    printf("  %5.0f", scan_number(line, keys[0]));
    print_number(scan_number(line, keys[1]), " %11.4f");
    print_number(100 * scan_number(line, keys[2]), " %9.2f %%");
    print_number(scan_number(line, keys[3]), " %11.4f");
    print_number(100 * scan_number(line, keys[4]), " %9.2f %%");
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
        if (isfinite(scan_number(line, "epoch")))
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
