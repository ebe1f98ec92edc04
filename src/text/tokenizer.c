/* tokenizer.c - the object: made, put together, looked at, freed.
 *
 * Layer: text.  Depends on tokenizer.h.  Read next: load.c, encode.c. */
#include "text/tokenizer.h"

#include "base/error.h"
#include "base/memory.h"

#include <float.h>
#include <string.h>

/* SentencePiece's sums in single precision are rounded by all that stands before: a text stays whole while that matters. */
enum { MAX_AROUND = 256, WHOLE = 1 << 16 };

static void steps_free(step_list *list)
{
    for (int64_t i = 0; i < list->count; i++)
        regex_free(list->items[i].pattern);
    tp_free(list->items, (size_t)list->room * sizeof *list->items);
}

static void tokenizer_destroy(void *object)
{
    tp_tokenizer *t = object;
    steps_free(&t->normalisers);
    steps_free(&t->splitters);
    steps_free(&t->decoders);
    pieces_free(&t->pieces);
    pieces_free(&t->added_texts);
    pieces_free(&t->raw_added);
    pieces_free(&t->normal_added);
    tp_free(t->scores, (size_t)t->score_room * sizeof *t->scores);
    tp_free(t->kinds, (size_t)t->kind_room);
    tp_free(t->merges, (size_t)t->merge_slots * sizeof *t->merges);
    tp_free(t->before, (size_t)t->before_room * sizeof *t->before);
    tp_free(t->after, (size_t)t->after_room * sizeof *t->after);
    tp_free(t->added, (size_t)t->added_room * sizeof *t->added);
    tp_free(t->added_index, t->added_index ? (size_t)t->count * sizeof *t->added_index : 0);
    cache_free(t->cache);
    arena_free(&t->memory);
    tp_free(t, sizeof *t);
}

static const tp_class tokenizer_class = { "tokenizer", tokenizer_destroy };

tp_tokenizer *tokenizer_new(void)
{
    tp_tokenizer *t = tp_pending() ? NULL : tp_object_new(&tokenizer_class, sizeof *t);
    if (!t)
        return NULL;
    t->unknown = -1;
    for (int i = 0; i < TP_N_SPECIALS; i++)
        t->specials[i] = -1;
    for (int i = 0; i < 256; i++)
        t->byte_ids[i] = -1;
    t->prefix = t->suffix = "";
    return t;
}

char *keep_text(tp_tokenizer *t, const char *text, int64_t size)
{
    char *copy = arena_alloc(&t->memory, (size_t)size + 1);
    return copy ? memcpy(copy, text, (size_t)size) : NULL;
}

/* ---- put together ---------------------------------------------------------------------------------------------------------------- */

tp_status add_token(loader *l, const added_token *a)
{
    tp_tokenizer *t = l->t;
    const char *piece = piece_at(&t->pieces, a->id);
    const int32_t same = pieces_find(&t->pieces, a->content, (int64_t)strlen(a->content));
    if ((piece && strcmp(piece, a->content) != 0) || (same >= 0 && same != a->id))
        return tp_fail(TP_ERR_FORMAT,
                       "%s: the added token '%.40s' has the id %d, but in the vocabulary %s%.40s%s", l->path,
                       a->content, a->id, piece ? "that is '" : "it has another", piece ? piece : "",
                       piece ? "'" : "");
    if (pieces_find(&t->added_texts, a->content, (int64_t)strlen(a->content)) >= 0)
        return tp_fail(TP_ERR_FORMAT, "%s: the added token '%.40s' is there twice", l->path, a->content);
    if (pieces_add(&t->added_texts, l->path, t->n_added, a->content, (int64_t)strlen(a->content)) ||
        tp_grow((void **)&t->added, &t->added_room, t->n_added + 1, sizeof *t->added))
        return tp_error_pending();
    t->added[t->n_added++] = *a;
    return TP_OK;
}

tp_status add_around(loader *l, int32_t **list, int64_t *count, int64_t *room, int64_t id)
{
    bool known = piece_at(&l->t->pieces, id) != NULL;
    for (int64_t i = 0; i < l->t->n_added; i++)
        known = known || l->t->added[i].id == id;
    if (*count == MAX_AROUND)
        return tp_fail(TP_ERR_FORMAT, "%s: more than %d special tokens around a text", l->path, MAX_AROUND);
    if (!known)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: a post-processor's special token has the id %lld, which is no piece", l->path,
                       (long long)id);
    if (tp_grow((void **)list, room, *count + 1, sizeof **list))
        return tp_error_pending();
    (*list)[(*count)++] = (int32_t)id;
    return TP_OK;
}

/* What added tokens look like in the text that they are looked for in. */
static tp_status index_added(loader *l)
{
    tp_tokenizer *t = l->t;
    encoder e;
    token_list nothing = { 0 };
    tp_status status = encoder_open(&e, t, &nothing, false);
    for (int64_t i = 0; i < t->n_added && !status; i++) {
        const added_token *a = &t->added[i];
        const bool normalised = a->normalised && t->normalisers.count;
        piece_table *v = normalised ? &t->normal_added : &t->raw_added;
        status = mapped_begin(&e.text, a->content, (int64_t)strlen(a->content), 0);
        if (!status && normalised)
            status = normalise(t, &e);
        if (status || !e.text.size || pieces_find(v, e.text.bytes, e.text.size) >= 0)
            continue; /* nothing to look for, or the same as another: the first counts */
        (normalised ? t->normal_first : t->raw_first)[e.text.bytes[0]] = true;
        status = pieces_add(v, l->path, i, e.text.bytes, e.text.size);
    }
    encoder_close(&e);
    if (status)
        return status;
    return (t->raw_added.used && pieces_sort(&t->raw_added)) ||
                   (t->normal_added.used && pieces_sort(&t->normal_added))
               ? tp_error_pending()
               : TP_OK;
}

/* Is the mark of a space a piece, and does it stand in front of pieces only? */
static bool words_part(const tp_tokenizer *t)
{
    if (t->ignore_merges || t->prefix_size || t->suffix_size ||
        (t->model != &bpe_model && t->model != &unigram_model) ||
        pieces_find(&t->pieces, METASPACE, METASPACE_BYTES) < 0)
        return false;
    for (int64_t id = 0; id < t->pieces.count; id++) {
        const char *p = piece_at(&t->pieces, id);
        for (; p && !strncmp(p, METASPACE, METASPACE_BYTES); p += METASPACE_BYTES) {}
        if (p && strstr(p, METASPACE))
            return false;
    }
    return true;
}

/* Which of the special tokens are what, where the file does not say: by what is put around, then by the usual names. */
static void find_specials(tp_tokenizer *t)
{
    static const char *const names[TP_N_SPECIALS][8] = {
        [TP_SPECIAL_BEGIN] = { "<s>", "[CLS]", "<bos>", "<|begin_of_text|>", "<|startoftext|>",
                               "<|endoftext|>" },
        [TP_SPECIAL_END] = { "</s>", "[SEP]", "<eos>", "<|end_of_text|>", "<|endoftext|>" },
        [TP_SPECIAL_UNKNOWN] = { "<unk>", "[UNK]" },
        [TP_SPECIAL_PAD] = { "<pad>", "[PAD]", "<|pad|>" },
        [TP_SPECIAL_MASK] = { "<mask>", "[MASK]" },
    };
    int32_t *s = t->specials;
    if (s[TP_SPECIAL_UNKNOWN] < 0)
        s[TP_SPECIAL_UNKNOWN] = t->unknown;
    if (s[TP_SPECIAL_BEGIN] < 0 && t->n_before)
        s[TP_SPECIAL_BEGIN] = t->before[0];
    if (s[TP_SPECIAL_END] < 0 && t->n_after)
        s[TP_SPECIAL_END] = t->after[t->n_after - 1];
    for (int i = 0; i < TP_N_SPECIALS; i++)
        for (int k = 0; s[i] < 0 && names[i][k]; k++)
            s[i] = (int32_t)tp_tokenizer_id(t, names[i][k]);
}

/* An unknown character costs 10 more than the worst piece. */
static void find_score_range(tp_tokenizer *t)
{
    double worst = 1e30, top = (double)FLT_MIN; /* where SentencePiece begins: its scores are below 0 */
    for (int64_t i = 0; i < t->n_scores; i++)
        if (!t->kinds || t->kinds[i] == PIECE_NORMAL) {
            worst = t->scores[i] < worst ? t->scores[i] : worst;
            top = t->scores[i] > top ? t->scores[i] : top;
        }
    t->unknown_score = t->sentencepiece ? (double)(float)(worst - 10) : worst - 10;
    t->top_score = top;
}

tp_status tokenizer_ready(loader *l)
{
    tp_tokenizer *t = l->t;
    t->count = t->pieces.count;
    for (int64_t i = 0; i < t->n_added; i++)
        t->count = t->added[i].id >= t->count ? t->added[i].id + 1 : t->count;
    t->added_index = tp_alloc((size_t)t->count * sizeof *t->added_index);
    if (!t->added_index)
        return tp_error_pending();
    memset(t->added_index, 0xff, (size_t)t->count * sizeof *t->added_index);
    for (int64_t i = 0; i < t->n_added; i++) {
        int32_t *index = &t->added_index[t->added[i].id];
        if (*index >= 0)
            return tp_fail(TP_ERR_FORMAT, "%s: the added tokens '%.40s' and '%.40s' have the same id",
                           l->path, t->added[*index].content, t->added[i].content);
        *index = (int32_t)i;
    }
    find_score_range(t);
    t->words_part = words_part(t);
    t->least_part = t->sentencepiece && t->model == &unigram_model ? WHOLE : 0;
    if (index_added(l))
        return tp_error_pending();
    find_specials(t);
    t->cache = cache_new();
    return tp_error_pending();
}

/* ---- looked at --------------------------------------------------------------------------------------------------------------------- */

const char *tp_tokenizer_kind(const tp_tokenizer *t)
{
    return t ? t->model->name : "";
}

int64_t tp_tokenizer_count(const tp_tokenizer *t)
{
    return t ? t->count : 0;
}

int64_t tp_tokenizer_id(const tp_tokenizer *t, const char *piece)
{
    if (!t || !piece)
        return -1;
    const int64_t size = (int64_t)strlen(piece);
    const int32_t added = pieces_find(&t->added_texts, piece, size);
    return added >= 0 ? t->added[added].id : pieces_find(&t->pieces, piece, size);
}

int64_t tp_tokenizer_special(const tp_tokenizer *t, tp_special which)
{
    return t && which >= 0 && which < TP_N_SPECIALS ? t->specials[which] : -1;
}
