/* predict.c - `taper predict DIR FILE...`: class and probability of each picture.
 *
 * A file that cannot be read is told on stderr (and in the JSON), and the others go on.
 * Layer: cli.  Depends on train.h, json.h.  Read next: eval.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct answer {
    int64_t label;
    double p;
} answer;

static int by_probability(const void *a, const void *b)
{
    const answer *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? 1 : -1;
    return x->label < y->label ? -1 : x->label > y->label;
}

static const char *label_of(const tp_run *run, int64_t i, char *text, size_t room)
{
    const char *name = tp_run_class_name(run, i);
    snprintf(text, room, "%s", name ? name : "");
    if (!name)
        snprintf(text, room, "%lld", (long long)i);
    return text;
}

/* ---- one file -------------------------------------------------------------------------------------- */

/* The answers for a file, likeliest first, or its one value; false with an error pending. */
static bool ask(tp_run *run, const char *path, answer *answers, double *values, int64_t n)
{
    TP_SCOPE;
    tp_tensor *x = tp_run_input(run, path), *y = tp_predict(run, x);
    if (!y)
        return false;
    if (tp_numel(y) != n) {
        tp_error_set(TP_ERR_SHAPE, "%s: the network answers with %lld numbers, %lld are wanted", path,
                     (long long)tp_numel(y), (long long)n);
        return false;
    }
    if (tp_to_f64(y, values, n))
        return false;
    for (int64_t i = 0; i < n; i++)
        answers[i] = (answer){ i, values[i] };
    qsort(answers, (size_t)n, sizeof *answers, by_probability);
    return true;
}

static void print_answers(const tp_run *run, const char *path, int width, const answer *answers, int64_t top)
{
    char label[256];
    print_padded(stdout, path, width);
    if (tp_run_classes(run) == 0)
        printf("  %.6g", answers[0].p);
    else
        for (int64_t i = 0; i < top; i++)
            printf("  %s%s%s %6.2f %%", i ? "" : bold(stdout),
                   label_of(run, answers[i].label, label, sizeof label), i ? "" : no_style(stdout),
                   100 * answers[i].p);
    putchar('\n');
}

static void json_answers(const tp_run *run, const answer *answers, int64_t top)
{
    char label[256];
    if (tp_run_classes(run) == 0) {
        emit_real("value", answers[0].p);
        return;
    }
    emit_text("class", label_of(run, answers[0].label, label, sizeof label));
    emit_real("probability", answers[0].p);
    if (top == 1)
        return;
    emit_list("top");
    for (int64_t i = 0; i < top; i++) {
        emit_object(NULL);
        emit_text("class", label_of(run, answers[i].label, label, sizeof label));
        emit_real("probability", answers[i].p);
        emit_end();
    }
    emit_end();
}

/* ---- all of them ----------------------------------------------------------------------------------- */

static int json_failure(void)
{
    char text[2048];
    int code = error_exit_code(tp_error_pending(), tp_error_message());
    snprintf(text, sizeof text, "%s", tp_error_message());
    emit_text("error", text);
    library_error();
    return code;
}

static int predict_all(cli *c, tp_run *run, answer *answers, double *values, int64_t n)
{
    int64_t top = c->top ? c->top : 1;
    int code = EXIT_FINE, width = 1;
    if (top > n)
        top = n;
    for (int i = 1; i < c->n_words; i++)
        width = text_columns(c->words[i]) > width ? text_columns(c->words[i]) : width;
    width = width > 48 ? 48 : width;
    for (int i = 1; i < c->n_words; i++) {
        bool fine = ask(run, c->words[i], answers, values, n);
        int failed = 0;
        if (c->json) {
            emit_object(NULL);
            emit_text("file", c->words[i]);
            if (fine)
                json_answers(run, answers, top);
            else
                failed = json_failure();
            emit_end();
        } else if (fine) {
            print_answers(run, c->words[i], width, answers, top);
        } else {
            failed = library_error();
        }
        code = code ? code : failed;
    }
    return code;
}

int verb_predict(cli *c)
{
    TP_SCOPE;
    tp_run *run = tp_run_open(c->words[0]);
    if (!run)
        return library_error();
    int64_t n = tp_run_classes(run) > 0 ? tp_run_classes(run) : 1;
    answer *answers = malloc((size_t)n * sizeof *answers);
    double *values = malloc((size_t)n * sizeof *values);
    int code = EXIT_MEMORY;
    if (answers && values) {
        if (c->json) {
            emit_object(NULL);
            emit_text("run", c->words[0]);
            emit_list("files");
        }
        code = predict_all(c, run, answers, values, n);
        if (c->json) {
            emit_end();
            emit_end();
        }
    } else {
        complain("out of memory for %lld classes", (long long)n);
    }
    free(answers);
    free(values);
    return code;
}
