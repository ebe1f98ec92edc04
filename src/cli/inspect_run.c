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
#include <unistd.h>

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

static void tell_epoch(const tp_epoch *e, bool json)
{
    if (json) {
        emit_object(NULL);
        emit_real("epoch", e->epoch);
        emit_real("train_loss", e->train_loss);
        emit_real("train_accuracy", e->train_accuracy);
        emit_real("test_loss", e->test_loss);
        emit_real("test_accuracy", e->test_accuracy);
        emit_end();
        return;
    }
    printf("  %5.0f", e->epoch);
    print_number(e->train_loss, " %11.4f");
    print_number(100 * e->train_accuracy, " %9.2f %%");
    print_number(e->test_loss, " %11.4f");
    print_number(100 * e->test_accuracy, " %9.2f %%");
    putchar('\n');
}

/* A run whose first epoch has not ended has none. */
static int tell_metrics(const char *folder, bool json)
{
    char path[4096];
    tp_history history = { 0 };
    const bool there = path_of(path, sizeof path, folder, "metrics.jsonl") && !access(path, F_OK);
    const tp_status status = there ? tp_history_read(folder, &history) : TP_OK;
    if (json)
        emit_list("metrics");
    else if (there)
        printf("\n  %5s %11s %11s %11s %11s\n", "epoch", "train loss", "train right", "test loss",
               "test right");
    for (int64_t i = 0; i < history.n; i++)
        tell_epoch(&history.epochs[i], json);
    if (json)
        emit_end();
    tp_history_free(&history);
    return status ? library_error() : EXIT_FINE;
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
    return tell_metrics(folder, json);
}
