/* embed.c - `taper embed DIR [TEXT...]`: texts to vectors, and how alike they are.
 *
 * Texts are words of the command line, - for the lines of standard input.
 * Layer: cli.  Depends on train.h, json.h.  Read next: translate.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <taper/io.h>

enum { TABLE = 7, TEXT_COLUMNS = 37 };

typedef struct text_list {
    char **texts;
    int64_t n, room;
} text_list;

static bool add_text(text_list *l, const char *text)
{
    if (l->n == l->room) {
        char **more = realloc(l->texts, (size_t)(l->room = 2 * l->room + 64) * sizeof *more);
        if (!more)
            return false;
        l->texts = more;
    }
    return (l->texts[l->n] = strdup(text)) && ++l->n;
}

/* Empty lines are left out. */
static bool add_lines(text_list *l, FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    bool fine = true;
    for (ssize_t length; fine && (length = getline(&line, &room, in)) >= 0;) {
        line[strcspn(line, "\r\n")] = 0;
        fine = !*line || add_text(l, line);
    }
    free(line);
    return fine;
}

/* ---- what is printed -------------------------------------------------------------------------------------------------- */

static double alike(const tp_tensor *vectors, int64_t i, int64_t j)
{
    const int64_t d = tp_size(vectors, 1);
    const float *a = (const float *)tp_data(vectors) + i * d, *b = (const float *)tp_data(vectors) + j * d;
    double product = 0;
    for (int64_t k = 0; k < d; k++)
        product += (double)a[k] * (double)b[k];
    return product;
}

static void print_table(const text_list *l, const tp_tensor *vectors)
{
    for (int64_t i = 0; i < l->n; i++) {
        print_padded(stdout, l->texts[i], TEXT_COLUMNS);
        for (int64_t j = 0; j <= i; j++)
            printf(" %5.2f", alike(vectors, i, j));
        putchar('\n');
    }
}

static void print_vectors(const text_list *l, const tp_tensor *vectors, bool json)
{
    const int64_t d = tp_size(vectors, 1);
    const float *v = tp_data(vectors);
    for (int64_t i = 0; i < l->n; i++, v += d) {
        if (json) {
            emit_object(NULL);
            emit_text("text", l->texts[i]);
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

static bool print_nearest(const text_list *l, const tp_tensor *vectors, int64_t most, bool json)
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
            emit_text("text", l->texts[all[i].text]);
            emit_real("score", all[i].score);
            emit_end();
        } else
            printf("%6.3f  %s\n", all[i].score, l->texts[all[i].text]);
    free(all);
    return true;
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------ */

static int embed(const cli *c, const text_list *l)
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
    tp_tensor *vectors = tp_embed(e, (const char *const *)l->texts, l->n);
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
    text_list l = { 0 };
    bool fine = true;
    for (int i = 1; i < c->n_words && fine; i++)
        fine = strcmp(c->words[i], "-") ? add_text(&l, c->words[i]) : add_lines(&l, stdin);
    if (c->n_words == 1)
        fine = add_lines(&l, stdin);
    const int code = fine ? embed(c, &l) : out_of_memory();
    for (int64_t i = 0; i < l.n; i++)
        free(l.texts[i]);
    free(l.texts);
    return code;
}
