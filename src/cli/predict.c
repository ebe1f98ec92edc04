/* predict.c - `taper predict DIR PATH...`: class and probability of each picture, or of each row of a table.
 *
 * A picture that cannot be read is told on stderr (and in the JSON), and the others go on.
 * Layer: cli.  Depends on train.h, json.h.  Read next: eval.c. */
#include "cli/answer.h"
#include "cli/json.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- one picture ----------------------------------------------------------------------------------- */

typedef struct telling {
    const tp_run *run;
    answer *answers; /* room for all classes */
    int64_t top;
    int width, code; /* code: of the first picture that failed */
    bool json;
} telling;

static void print_answers(const telling *t, const char *path)
{
    char label[256];
    printf("%s%*s", path, text_columns(path) < t->width ? t->width - text_columns(path) : 0, "");
    if (tp_run_classes(t->run) == 0)
        printf("  %.6g", t->answers[0].p);
    else
        for (int64_t i = 0; i < t->top; i++)
            printf("  %s%s%s %6.2f %%", i ? "" : bold(stdout),
                   answer_label(t->run, t->answers[i].label, label, sizeof label), i ? "" : no_style(stdout),
                   100 * t->answers[i].p);
    putchar('\n');
}

static void json_answers(const telling *t)
{
    char label[256];
    if (tp_run_classes(t->run) == 0) {
        emit_real("value", t->answers[0].p);
        return;
    }
    emit_text("class", answer_label(t->run, t->answers[0].label, label, sizeof label));
    emit_real("probability", t->answers[0].p);
    if (t->top == 1)
        return;
    emit_list("top");
    for (int64_t i = 0; i < t->top; i++) {
        emit_object(NULL);
        emit_text("class", answer_label(t->run, t->answers[i].label, label, sizeof label));
        emit_real("probability", t->answers[i].p);
        emit_end();
    }
    emit_end();
}

/* ---- all of them ----------------------------------------------------------------------------------- */

static bool tell(void *context, const tp_prediction *p)
{
    telling *t = context;
    rank_answers(t->answers, p->values, p->n);
    if (t->json) {
        emit_object(NULL);
        emit_text("file", p->path);
        if (p->error)
            emit_text("error", p->error);
        else
            json_answers(t);
        emit_end();
    } else if (!p->error) {
        print_answers(t, p->path);
    }
    if (p->error) {
        complain("%s", p->error);
        t->code = t->code ? t->code : error_exit_code(p->status, p->error);
    }
    return !ferror(stdout);
}

/* The longest path that is written out, for a column of its own. */
static int width_of(char *const *paths, int n)
{
    int width = 1;
    for (int i = 0; i < n; i++)
        if (!is_directory(paths[i]) && text_columns(paths[i]) > width)
            width = text_columns(paths[i]);
    return width < 48 ? width : 48;
}

int verb_predict(cli *c)
{
    TP_SCOPE;
    char *const *paths = c->words + 1;
    int n_paths = c->n_words - 1;
    if (tp_is_pretrained(c->words[0]) && n_paths)
        return fill_masks_of_pretrained(c);
    tp_run *run = tp_run_open(c->words[0]);
    if (!run || tp_fuse(tp_run_model(run)))
        return library_error();
    if (tp_module_decoding(tp_run_model(run)) && n_paths)
        return translate_words(c, run);
    if (tp_run_labels_texts(run) && n_paths)
        return label_words(c, run);
    if (tp_run_fills(run) && n_paths)
        return fill_masks_of_run(c, run);
    if (option_given(c, "beam") || option_given(c, "length-penalty"))
        return usage_error("--beam and --length-penalty are for runs that write sequences, such as seq2seq");
    if (tp_run_forecasts(run))
        return forecast_files(c, run);
    if (!n_paths)
        return usage_error("predict wants what to look at beside the run: taper predict %s PATH...",
                           c->words[0]);
    int64_t n = tp_run_classes(run) > 0 ? tp_run_classes(run) : 1;
    telling t = { .run = run,
                  .answers = malloc((size_t)n * sizeof *t.answers),
                  .top = !c->top      ? 1
                         : c->top < n ? c->top
                                      : n,
                  .width = width_of(paths, n_paths),
                  .json = c->json };
    if (!t.answers) {
        complain("out of memory for %lld classes", (long long)n);
        return EXIT_MEMORY;
    }
    emit_lines(c->json);
    tp_status status =
        tp_run_predict(run, (const char *const *)paths, n_paths, c->train.batch_size, tell, &t);
    free(t.answers);
    int code = status ? library_error() : EXIT_FINE;
    return t.code ? t.code : code;
}
