/* embed.c - `taper embed DIR [TEXT...]`: texts to vectors, and how alike they are.
 *
 * Texts are words of the command line, - for the lines of standard input.
 * Layer: cli.  Depends on train.h, json.h.  Read next: translate.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <taper/io.h>

enum { TABLE = 7, TEXT_COLUMNS = 37 };

/* Those of standard input; empty ones are left out. */
static bool add_input(line_list *l)
{
    int64_t first = l->n;
    const bool fine = lines_read(l, stdin, INT64_MAX);
    for (int64_t i = first; i < l->n; i++)
        if (*l->lines[i])
            l->lines[first++] = l->lines[i];
        else
            free(l->lines[i]);
    l->n = first;
    return fine;
}

/* ---- what is printed -------------------------------------------------------------------------------------------------- */

/* Their cosine; the lengths are 1 but for f32's rounding, and what is compared with itself is 1 to the last digit. */
static double alike(const tp_tensor *vectors, int64_t i, int64_t j)
{
    const int64_t d = tp_size(vectors, 1);
    const float *a = (const float *)tp_data(vectors) + i * d, *b = (const float *)tp_data(vectors) + j * d;
    double product = 0, of_a = 0, of_b = 0;
    for (int64_t k = 0; k < d; k++) {
        product += (double)a[k] * (double)b[k];
        of_a += (double)a[k] * (double)a[k];
        of_b += (double)b[k] * (double)b[k];
    }
    return of_a > 0 && of_b > 0 ? product / sqrt(of_a * of_b) : 0;
}

static void print_table(const line_list *l, const tp_tensor *vectors)
{
    for (int64_t i = 0; i < l->n; i++) {
        print_padded(stdout, l->lines[i], TEXT_COLUMNS);
        for (int64_t j = 0; j <= i; j++)
            printf(" %5.2f", alike(vectors, i, j));
        putchar('\n');
    }
}

static void print_vectors(const line_list *l, const tp_tensor *vectors, bool json)
{
    const int64_t d = tp_size(vectors, 1);
    const float *v = tp_data(vectors);
    for (int64_t i = 0; i < l->n; i++, v += d) {
        if (json) {
            emit_object(NULL);
            emit_text("text", l->lines[i]);
            emit_list("vector");
        }
        for (int64_t k = 0; k < d; k++)
            if (json)
                emit_real(NULL, (double)v[k]);
            else
                printf("%s%.6g", k ? " " : "", (double)v[k]);
        if (json) {
            emit_end();
            emit_end();
        } else
            putchar('\n');
    }
}

typedef struct found {
    double score;
    int64_t text;
} found;

static int by_score(const void *a, const void *b)
{
    const found *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score ? 1 : -1) : (x->text > y->text) - (x->text < y->text);
}

static bool print_nearest(const line_list *l, const tp_tensor *vectors, int64_t most, bool json)
{
    found *all = malloc((size_t)l->n * sizeof *all);
    if (!all)
        return false;
    for (int64_t i = 1; i < l->n; i++)
        all[i - 1] = (found){ alike(vectors, 0, i), i };
    qsort(all, (size_t)l->n - 1, sizeof *all, by_score);
    for (int64_t i = 0; i < l->n - 1 && i < most; i++)
        if (json) {
            emit_object(NULL);
            emit_text("text", l->lines[all[i].text]);
            emit_real("score", all[i].score);
            emit_end();
        } else
            printf("%6.3f  %s\n", all[i].score, l->lines[all[i].text]);
    free(all);
    return true;
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------ */

static int embed(const cli *c, const line_list *l)
{
    TP_SCOPE;
    if (!l->n)
        return usage_error("no text: standard input is empty");
    if (c->top && l->n < 2)
        return usage_error("--topk: the first text is looked for among the others; there is none");
    if (!c->top && !c->json && !c->out && l->n > TABLE)
        return usage_error("%lld texts: -o FILE.npy, --json or --topk K says what becomes of more than %d",
                           (long long)l->n, TABLE);
    const char *folder = c->words[0];
    const int code = fetch_from_hub(&folder, false);
    if (code)
        return code;
    tp_embedder *e = tp_embedder_open(folder);
    tp_tensor *vectors = tp_embed(e, (const char *const *)l->lines, l->n);
    if (!vectors || (c->out && tp_npy_write(c->out, vectors)))
        return library_error();
    emit_lines(c->json);
    if (c->top)
        return print_nearest(l, vectors, c->top, c->json) ? EXIT_FINE : out_of_memory();
    if (c->json || (l->n == 1 && !c->out))
        print_vectors(l, vectors, c->json);
    else if (!c->out)
        print_table(l, vectors);
    return EXIT_FINE;
}

int verb_embed(cli *c)
{
    line_list l = { 0 };
    bool fine = true;
    for (int i = 1; i < c->n_words && fine; i++)
        fine = strcmp(c->words[i], "-") ? lines_add(&l, c->words[i]) : add_input(&l);
    if (c->n_words == 1)
        fine = add_input(&l);
    const int code = fine ? embed(c, &l) : out_of_memory();
    lines_free(&l);
    return code;
}
