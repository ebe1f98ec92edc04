/* eval.c - `taper eval DIR`: loss, accuracy, precision, recall and F1 by class, confusion matrix.
 *
 * The matrix is printed while it fits 80 columns; with more classes the most frequent mistakes are listed.
 * Layer: cli.  Depends on train.h, json.h.  Read next: predict.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 14, WIDTH = 80, MANY = 100 };

static const char *label_of(const tp_run *run, int64_t i, char *text, size_t room)
{
    const char *name = tp_run_class_name(run, i);
    snprintf(text, room, "%s", name ? name : "");
    if (!name)
        snprintf(text, room, "%lld", (long long)i);
    return text;
}

static int64_t cell(const tp_eval_result *r, int64_t truth, int64_t answer)
{
    return r->confusion[truth * r->classes + answer];
}

static int64_t examples_of(const tp_eval_result *r, int64_t truth)
{
    int64_t n = 0;
    for (int64_t k = 0; k < r->classes; k++)
        n += cell(r, truth, k);
    return n;
}

/* ---- as text --------------------------------------------------------------------------------------- */

static void print_share(double x)
{
    if (isfinite(x))
        printf(" %8.2f %%", 100 * x);
    else
        printf(" %10s", "-");
}

static void print_classes(const tp_run *run, const tp_eval_result *r)
{
    char label[256], count[TEXT_ROOM];
    printf("\n%-*s %10s %10s %10s %10s\n", LABEL, "class", "precision", "recall", "F1", "examples");
    for (int64_t i = 0; i < r->classes; i++) {
        const bool unseen = isnan(r->precision[i]) && isnan(r->recall[i]);
        if (unseen && r->classes > MANY) /* most pieces of a tokenizer */
            continue;
        print_padded(stdout, label_of(run, i, label, sizeof label), LABEL);
        print_share(r->precision[i]);
        print_share(r->recall[i]);
        print_share(r->f1[i]);
        printf(" %10s\n", text_count(count, examples_of(r, i)));
    }
    print_padded(stdout, "mean", LABEL);
    print_share(r->macro_precision);
    print_share(r->macro_recall);
    print_share(r->macro_f1);
    printf(" %10s\n", text_count(count, r->examples));
}

static void print_matrix(const tp_run *run, const tp_eval_result *r, int column)
{
    char label[256];
    printf("\n%-*s answer\n%-*s", LABEL, "", LABEL, "truth");
    for (int64_t k = 0; k < r->classes; k++) {
        label_of(run, k, label, sizeof label);
        putchar(' ');
        if (text_columns(label) < column)
            printf("%*s", column - 1 - text_columns(label), "");
        print_padded(stdout, label, text_columns(label) < column ? text_columns(label) : column - 1);
    }
    putchar('\n');
    for (int64_t i = 0; i < r->classes; i++) {
        print_padded(stdout, label_of(run, i, label, sizeof label), LABEL);
        for (int64_t k = 0; k < r->classes; k++)
            if (cell(r, i, k))
                printf("%s%*lld%s", i == k ? bold(stdout) : "", column, (long long)cell(r, i, k),
                       i == k ? no_style(stdout) : "");
            else
                printf("%*s", column, ".");
        putchar('\n');
    }
}

/* The twenty most frequent mistakes, most frequent first. */
static void print_mistakes(const tp_run *run, const tp_eval_result *r)
{
    char truth[256], answer[256];
    int64_t n = r->classes * r->classes, before = -1, bound = INT64_MAX;
    printf("\n%-30s %-30s %8s\n", "truth", "answered as", "times");
    for (int printed = 0; printed < 20; printed++) {
        int64_t best = -1; /* the largest that comes after the last one printed */
        for (int64_t i = 0; i < n; i++) {
            bool later = r->confusion[i] < bound || (r->confusion[i] == bound && i > before);
            if (i / r->classes != i % r->classes && later && r->confusion[i] > 0 &&
                (best < 0 || r->confusion[i] > r->confusion[best]))
                best = i;
        }
        if (best < 0)
            break;
        print_padded(stdout, label_of(run, best / r->classes, truth, sizeof truth), 31);
        print_padded(stdout, label_of(run, best % r->classes, answer, sizeof answer), 31);
        printf("%8lld\n", (long long)r->confusion[best]);
        before = best;
        bound = r->confusion[best];
    }
}

static void print_result(const tp_run *run, const tp_eval_result *r)
{
    char count[TEXT_ROOM];
    printf("examples  %s\nloss      %.6f\n", text_count(count, r->examples), r->loss);
    print_figures(r->figures, r->n_figures);
    if (r->classes == 0)
        return;
    printf("accuracy  %.2f %%\n", 100 * r->accuracy);
    if (r->classes > 5)
        printf("top 5     %.2f %%\n", 100 * r->top5);
    if (!r->confusion) /* classes that are too many for a table: the pieces of a tokenizer */
        return;
    print_classes(run, r);
    int64_t most = 0;
    for (int64_t i = 0; i < r->classes * r->classes; i++)
        most = r->confusion[i] > most ? r->confusion[i] : most;
    int column = snprintf(NULL, 0, "%lld", (long long)most) + 1;
    if (column < 5)
        column = 5;
    if (LABEL + r->classes * column <= WIDTH)
        print_matrix(run, r, column);
    else
        print_mistakes(run, r);
}

/* ---- as JSON --------------------------------------------------------------------------------------- */

static void json_result(const tp_run *run, const tp_eval_result *r, const char *part)
{
    char label[256];
    emit_object(NULL);
    emit_text("part", part);
    emit_integer("examples", r->examples);
    emit_real("loss", r->loss);
    for (int i = 0; i < r->n_figures; i++)
        emit_real(r->figures[i].name, r->figures[i].value);
    if (r->classes) {
        emit_real("accuracy", r->accuracy);
        emit_real("top5", r->top5);
        emit_real("macro_precision", r->macro_precision);
        emit_real("macro_recall", r->macro_recall);
        emit_real("macro_f1", r->macro_f1);
    }
    if (r->confusion) {
        emit_list("classes");
        for (int64_t i = 0; i < r->classes; i++) {
            emit_object(NULL);
            emit_text("class", label_of(run, i, label, sizeof label));
            emit_integer("examples", examples_of(r, i));
            emit_real("precision", r->precision[i]);
            emit_real("recall", r->recall[i]);
            emit_real("f1", r->f1[i]);
            emit_end();
        }
        emit_end();
        emit_list("confusion");
        for (int64_t i = 0; i < r->classes; i++) {
            emit_list(NULL);
            for (int64_t k = 0; k < r->classes; k++)
                emit_integer(NULL, cell(r, i, k));
            emit_end();
        }
        emit_end();
    }
    emit_end();
}

int verb_eval(cli *c)
{
    TP_SCOPE;
    tp_eval_result result = { 0 };
    const char *part = c->part ? c->part : c->train.data ? "whole" : "test";
    const tp_part which = !strcmp(part, "train") ? TP_TRAIN : !strcmp(part, "test") ? TP_TEST : TP_WHOLE;
    tp_run *run = tp_run_open(c->words[0]);
    if (!run || (c->decode.beam && tp_run_set_beam(run, c->decode.beam)) ||
        tp_run_evaluate(run, c->train.data, which, c->train.batch_size ? c->train.batch_size : 256, &result))
        return library_error();
    print_notes();
    if (c->json)
        json_result(run, &result, part);
    else
        print_result(run, &result);
    tp_eval_free(&result);
    return EXIT_FINE;
}
