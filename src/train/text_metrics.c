/* text_metrics.c - BLEU (Papineni et al. 2002) over the tokens of mteval-v13a, and chrF (Popovic 2015) over characters, in the
 * definitions of sacreBLEU (Post 2018), whose figures they reproduce.
 *
 * Both count n-grams that a text has in common with a reference, no more often than that has them.  A text is a row of numbers: its
 * characters, or for each token the number of its first occurrence among the tokens of the text and all references.
 * Layer: train.  Depends on base/utf8.h.  Read next: text_metrics.h. */
#include "train/text_metrics.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- n-grams ----------------------------------------------------------------------------------------------------- */

typedef struct row {
    int64_t *at, n, room;
} row;

typedef struct gram {
    const int64_t *at;
    int64_t order;
} gram;

static int by_numbers(const void *a, const void *b)
{
    const gram *x = a, *y = b;
    for (int64_t i = 0; i < x->order; i++)
        if (x->at[i] != y->at[i])
            return x->at[i] < y->at[i] ? -1 : 1;
    return 0;
}

static int64_t grams_of(int64_t n, int64_t order)
{
    return n >= order ? n - order + 1 : 0;
}

static gram *sorted_grams(const row *r, int64_t order)
{
    const int64_t n = grams_of(r->n, order);
    gram *all = tp_alloc((size_t)(n + 1) * sizeof *all);
    for (int64_t i = 0; i < n && all; i++)
        all[i] = (gram){ r->at + i, order };
    if (all)
        qsort(all, (size_t)n, sizeof *all, by_numbers);
    return all;
}

/* How many of the sorted grams from *i on are like g; *i goes behind them and what is less. */
static int64_t count_like(const gram *all, int64_t n, const gram *g, int64_t *i)
{
    int64_t count = 0;
    while (*i < n && by_numbers(&all[*i], g) < 0)
        (*i)++;
    for (; *i < n && !by_numbers(&all[*i], g); (*i)++)
        count++;
    return count;
}

/* Of the text's n-grams those that a reference has as often; of several references each by the one that has most. */
static int64_t in_common(const row *text, const row *references, int n, int64_t order)
{
    gram *all[MOST_REFERENCES] = { NULL }, *own = sorted_grams(text, order);
    int64_t at[MOST_REFERENCES] = { 0 }, both = 0;
    for (int r = 0; r < n; r++)
        all[r] = sorted_grams(&references[r], order);
    for (int64_t i = 0; i < grams_of(text->n, order) && !tp_pending();) {
        const gram g = own[i];
        int64_t most = 0;
        const int64_t count = count_like(own, grams_of(text->n, order), &g, &i);
        for (int r = 0; r < n; r++) {
            const int64_t has = count_like(all[r], grams_of(references[r].n, order), &g, &at[r]);
            most = has > most ? has : most;
        }
        both += count < most ? count : most;
    }
    for (int r = 0; r < n; r++)
        tp_free(all[r], all[r] ? (size_t)(grams_of(references[r].n, order) + 1) * sizeof(gram) : 0);
    tp_free(own, own ? (size_t)(grams_of(text->n, order) + 1) * sizeof(gram) : 0);
    return both;
}

static tp_status add_number(row *r, int64_t number)
{
    if (tp_grow((void **)&r->at, &r->room, r->n + 1, sizeof *r->at))
        return tp_error_pending();
    r->at[r->n++] = number;
    return TP_OK;
}

static void free_rows(row *rows, int n)
{
    for (int i = 0; i < n; i++)
        tp_free(rows[i].at, (size_t)rows[i].room * sizeof(int64_t));
}

/* ---- what a text is made of ---------------------------------------------------------------------------------------- */

/* The next character; a byte that is none stands for itself. */
static size_t next_character(const char *at, uint32_t *code)
{
    const size_t n = utf8_read((const unsigned char *)at, strlen(at), code);
    if (!n)
        *code = 0x110000 + (unsigned char)*at;
    return n ? n : 1;
}

/* What Python's str.split splits at. */
static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

static tp_status read_characters(const char *text, row *to)
{
    uint32_t code;
    for (; *text && !tp_pending(); text += next_character(text, &code)) {
        next_character(text, &code);
        if (!is_space(code))
            add_number(to, code);
    }
    return tp_error_pending();
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_point(char c)
{
    return c == '.' || c == ',';
}

/* Signs that are tokens wherever they stand: all of ASCII's but ' , - . */
static bool is_sign(char c)
{
    return (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || c == '/' || (c >= ':' && c <= '@') ||
           (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/* First some spellings give way to others, one after the other; none is shorter than what comes in its place. */
static void replace_markup(char *text)
{
    static const char *const pairs[][2] = { { "<skipped>", "" }, { "-\n", "" },    { "\n", " " },
                                            { "&quot;", "\"" },  { "&amp;", "&" }, { "&lt;", "<" },
                                            { "&gt;", ">" } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const size_t from = strlen(pairs[i][0]), to = strlen(pairs[i][1]);
        for (char *p = text; (p = strstr(p, pairs[i][0])); p += to) {
            memcpy(p, pairs[i][1], to);
            memmove(p + to, p + from, strlen(p + from) + 1);
        }
    }
}

/* Then the steps of mteval-v13a put blanks in, each from left to right over what the one before made, as regular expressions go. */
typedef enum step { SIGNS, POINT_AFTER, POINT_BEFORE, DASH, STEPS } step;

/* Writes what becomes of the text's first byte or two to `to`, at most 4 bytes, *n; how many it was. */
static size_t step_at(step s, const char *p, char *to, size_t *n)
{
    const bool pair = (s == POINT_AFTER && p[1] && !is_digit(*p) && is_point(p[1])) ||
                      (s == POINT_BEFORE && p[1] && is_point(*p) && !is_digit(p[1])) ||
                      (s == DASH && is_digit(*p) && p[1] == '-');
    if (pair)
        memcpy(to, s == POINT_BEFORE ? (char[]){ ' ', p[0], ' ', p[1] } : (char[]){ p[0], ' ', p[1], ' ' },
               *n = 4);
    else if (s == SIGNS && is_sign(*p))
        memcpy(to, (char[]){ ' ', *p, ' ' }, *n = 3);
    else
        *to = *p, *n = 1;
    return pair ? 2 : 1;
}

typedef struct tokens { /* of a text and its references */
    char *texts[MOST_REFERENCES + 1];
    size_t rooms[MOST_REFERENCES + 1];
    const char **names;
    int64_t *lengths, n, room, lengths_room;
} tokens;

/* The text as the last step leaves it, in memory of its own. */
static char *separated(const char *text, size_t *room)
{
    const size_t most = 6 * strlen(text) + 64;
    char *now = tp_alloc(most), *next = tp_alloc(most);
    if (now && next) {
        snprintf(now, most, " %s ", text);
        replace_markup(now);
        for (step s = SIGNS; s < STEPS; s++) {
            size_t used = 0, n;
            for (const char *p = now; *p; used += n)
                p += step_at(s, p, next + used, &n);
            next[used] = 0;
            char *other = now;
            now = next, next = other;
        }
    }
    tp_free(next, next ? most : 0);
    *room = now ? most : 0;
    return now;
}

static int64_t token_number(tokens *t, const char *name, int64_t length)
{
    for (int64_t i = 0; i < t->n; i++)
        if (t->lengths[i] == length && !memcmp(t->names[i], name, (size_t)length))
            return i;
    if (tp_grow((void **)&t->names, &t->room, t->n + 1, sizeof *t->names) ||
        tp_grow((void **)&t->lengths, &t->lengths_room, t->n + 1, sizeof *t->lengths))
        return -1;
    t->names[t->n] = name;
    t->lengths[t->n] = length;
    return t->n++;
}

static tp_status read_tokens(tokens *t, int which, const char *text, row *to)
{
    uint32_t code;
    const char *p = t->texts[which] = separated(text, &t->rooms[which]);
    while (p && *p && !tp_pending()) {
        const char *begin = p;
        size_t n = next_character(p, &code);
        for (; *p && !is_space(code); n = next_character(p, &code))
            p += n;
        if (p > begin)
            add_number(to, token_number(t, begin, p - begin));
        else
            p += n;
    }
    return tp_error_pending();
}

static void free_tokens(tokens *t)
{
    for (int i = 0; i <= MOST_REFERENCES; i++)
        tp_free(t->texts[i], t->rooms[i]);
    tp_free(t->names, (size_t)t->room * sizeof *t->names);
    tp_free(t->lengths, (size_t)t->lengths_room * sizeof *t->lengths);
}

/* ---- BLEU ---------------------------------------------------------------------------------------------------------- */

/* Of the references' lengths the one nearest to n; of two as near the shorter. */
static int64_t nearest_length(const row *references, int count, int64_t n)
{
    int64_t best = references[0].n;
    for (int i = 1; i < count; i++) {
        const int64_t length = references[i].n, away = llabs(length - n), least = llabs(best - n);
        if (away < least || (away == least && length < best))
            best = length;
    }
    return best;
}

tp_status bleu_add(bleu_sums *sums, const char *text, const char *const *references, int n)
{
    row rows[MOST_REFERENCES + 1] = { { 0 } };
    tokens t = { .n = 0 };
    if (tp_pending() || n < 1 || n > MOST_REFERENCES)
        return tp_error_pending();
    for (int i = 0; i <= n && !tp_pending(); i++)
        read_tokens(&t, i, i ? references[i - 1] : text, &rows[i]);
    for (int order = 1; order <= BLEU_ORDERS && !tp_pending(); order++) {
        sums->correct[order - 1] += in_common(&rows[0], rows + 1, n, order);
        sums->total[order - 1] += grams_of(rows[0].n, order);
    }
    sums->written += rows[0].n;
    sums->reference += nearest_length(rows + 1, n, rows[0].n);
    free_rows(rows, n + 1);
    free_tokens(&t);
    return tp_error_pending();
}

/* An order without a match counts half, a quarter, .. of one (smooth:exp). */
double bleu_of(const bleu_sums *s)
{
    double sum = 0, smooth = 1;
    bool any = false;
    for (int i = 0; i < BLEU_ORDERS; i++) {
        any = any || s->correct[i];
        if (!s->total[i])
            return 0; /* no text is that long */
        smooth *= s->correct[i] ? 1 : 2;
        sum += log((s->correct[i] ? (double)s->correct[i] : 1 / smooth) / (double)s->total[i]);
    }
    const double longer = (double)s->reference / (double)s->written,
                 brevity = s->written < s->reference ? exp(1 - longer) : 1;
    return any ? 100 * brevity * exp(sum / BLEU_ORDERS) : 0;
}

/* ---- chrF ---------------------------------------------------------------------------------------------------------- */

double chrf_of(const chrf_sums *s)
{
    enum { BETA2 = 4 };
    double precision = 0, recall = 0;
    int orders = 0;
    for (int i = 0; i < CHRF_ORDERS; i++)
        if (s->written[i] && s->reference[i]) {
            precision += (double)s->both[i] / (double)s->written[i];
            recall += (double)s->both[i] / (double)s->reference[i];
            orders++;
        }
    if (!(precision + recall > 0))
        return 0;
    precision /= orders, recall /= orders;
    return 100 * (1 + BETA2) * precision * recall / (BETA2 * precision + recall);
}

tp_status chrf_add(chrf_sums *sums, const char *text, const char *const *references, int n)
{
    row own = { 0 };
    chrf_sums best = { .both = { 0 } };
    double best_score = -1;
    if (tp_pending() || read_characters(text, &own))
        return tp_error_pending();
    for (int r = 0; r < n && !tp_pending(); r++) {
        row reference = { 0 };
        chrf_sums one = { .both = { 0 } };
        read_characters(references[r], &reference);
        for (int order = 1; order <= CHRF_ORDERS && !tp_pending(); order++) {
            one.reference[order - 1] = grams_of(reference.n, order);
            one.written[order - 1] = one.reference[order - 1] ? grams_of(own.n, order) : 0;
            one.both[order - 1] = in_common(&own, &reference, 1, order);
        }
        free_rows(&reference, 1);
        if (chrf_of(&one) > best_score)
            best = one, best_score = chrf_of(&one);
    }
    for (int i = 0; i < CHRF_ORDERS; i++) {
        sums->written[i] += best.written[i];
        sums->reference[i] += best.reference[i];
        sums->both[i] += best.both[i];
    }
    free_rows(&own, 1);
    return tp_error_pending();
}
