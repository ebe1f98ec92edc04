/* load_json.c - tokenizer.json: model, added tokens, post-processors.
 *
 * Nothing is taken on trust: ids, pairs and names are checked before they are used, and what is not known is an error.
 * Layer: text.  Depends on io/json.h.  Read next: load_steps.c for the steps, tokenizer.c for what follows from it all. */
#include "base/error.h"
#include "base/memory.h"
#include "text/load_steps.h"

#include <string.h>

enum { MAX_MERGES = 1 << 22, MAX_AFFIX = 100 };

/* ---- vocabularies ---------------------------------------------------------------------------------------------------------- */

/* Ids may have gaps, but a short file asks for no endless table. */
static tp_status check_id(loader *l, const char *piece, int64_t id, int64_t count)
{
    const int64_t most = (1 << 20) + 4 * count;
    return id < most
               ? TP_OK
               : tp_fail(TP_ERR_FORMAT, "%s: the piece '%.40s' has the id %lld, one from 0 to %lld is wanted",
                         l->path, piece, (long long)id, (long long)most - 1);
}

tp_status read_vocabulary(loader *l, const js_value *v)
{
    if (js_kind_of(v) != JS_OBJECT)
        return tp_fail(TP_ERR_FORMAT, "%s: \"vocab\" is %s, an object of pieces and their ids is wanted",
                       l->path, js_kind_name(js_kind_of(v)));
    if (!js_count(v))
        return tp_fail(TP_ERR_FORMAT, "%s: the vocabulary is empty", l->path);
    for (js_member m = js_first(v); m.name; js_next(v, &m)) {
        int64_t id;
        if (!js_integer(m.value, &id))
            return tp_fail(TP_ERR_FORMAT, "%s: the id of '%.40s' is %s, a whole number is wanted", l->path,
                           m.name, js_kind_name(js_kind_of(m.value)));
        if (check_id(l, m.name, id, js_count(v)) ||
            pieces_add(&l->t->pieces, l->path, id, m.name, (int64_t)strlen(m.name)))
            return tp_error_pending();
    }
    return TP_OK;
}

/* The id of a piece that the model names, or -1 for null. */
static tp_status read_unknown(loader *l, const js_value *model)
{
    const js_value *v = js_get(model, "unk_token");
    if (js_kind_of(v) == JS_NULL)
        return TP_OK;
    if (!js_string(v))
        return tp_fail(TP_ERR_FORMAT, "%s: \"unk_token\" is %s, a string is wanted", l->path,
                       js_kind_name(js_kind_of(v)));
    l->t->unknown = pieces_find(&l->t->pieces, js_string(v), (int64_t)strlen(js_string(v)));
    return l->t->unknown >= 0
               ? TP_OK
               : tp_fail(TP_ERR_FORMAT, "%s: the unknown token '%.40s' is no piece of the vocabulary",
                         l->path, js_string(v));
}

/* ---- BPE ------------------------------------------------------------------------------------------------------------------- */

/* "left right" or ["left", "right"] */
static tp_status merge_sides(loader *l, const js_value *v, int64_t i, const char **left, int64_t *left_size,
                             const char **right)
{
    const char *line = js_string(v), *space = line ? strchr(line, ' ') : NULL;
    *left = line ? line : js_string(js_at(v, 0));
    *right = space ? space + 1 : js_string(js_at(v, 1));
    if (line ? !space || strchr(*right, ' ') : js_count(v) != 2 || !*left || !*right)
        return tp_fail(TP_ERR_FORMAT, "%s: merge %lld is not of two pieces", l->path, (long long)i);
    *left_size = space ? space - line : (int64_t)strlen(*left);
    return TP_OK;
}

static tp_status read_merges(loader *l, const js_value *v)
{
    const piece_table *pieces = &l->t->pieces;
    const int64_t count = js_count(v);
    if (js_kind_of(v) != JS_ARRAY || count > MAX_MERGES)
        return tp_fail(TP_ERR_FORMAT, "%s: \"merges\" is %s of %lld, an array of at most %d is wanted",
                       l->path, js_kind_name(js_kind_of(v)), (long long)count, MAX_MERGES);
    for (int64_t i = 0; i < count; i++) {
        const char *left, *right;
        int64_t left_size = 0;
        if (merge_sides(l, js_at(v, i), i, &left, &left_size, &right))
            return tp_error_pending();
        int32_t a = pieces_find(pieces, left, left_size),
                b = pieces_find(pieces, right, (int64_t)strlen(right));
        if ((a < 0 || b < 0) && l->t->ignore_merges)
            continue; /* it can never be reached */
        if (a < 0 || b < 0)
            return tp_fail(TP_ERR_FORMAT, "%s: merge %lld of '%.*s' and '%.40s': not in the vocabulary",
                           l->path, (long long)i, (int)(left_size < 40 ? left_size : 40), left, right);
        if (bpe_add_merge(l->t, l->path, i, a, b))
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status read_affixes(loader *l, const js_value *v)
{
    tp_tokenizer *t = l->t;
    if (get_text(l, v, "continuing_subword_prefix", "", &t->prefix, &t->prefix_size) ||
        get_text(l, v, "end_of_word_suffix", "", &t->suffix, &t->suffix_size))
        return tp_error_pending();
    return t->prefix_size > MAX_AFFIX || t->suffix_size > MAX_AFFIX
               ? tp_fail(TP_ERR_FORMAT, "%s: a prefix or suffix of more than %d bytes", l->path, MAX_AFFIX)
               : TP_OK;
}

static tp_status read_bpe(loader *l, const js_value *v)
{
    tp_tokenizer *t = l->t;
    double dropout = 0;
    js_number(js_get(v, "dropout"), &dropout);
    if (dropout != 0)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: \"dropout\" %g is unsupported: ids would be random", l->path,
                       dropout);
    if (read_vocabulary(l, js_get(v, "vocab")) || read_unknown(l, v) || read_affixes(l, v) ||
        get_bool(l, v, "fuse_unk", false, &t->fuse_unknown) ||
        get_bool(l, v, "byte_fallback", false, &t->byte_fallback) ||
        get_bool(l, v, "ignore_merges", false, &t->ignore_merges) || read_merges(l, js_get(v, "merges")))
        return tp_error_pending();
    return t->byte_fallback ? bpe_byte_pieces(t, l->path) : TP_OK;
}

/* ---- WordPiece, WordLevel, Unigram ---------------------------------------------------------------------------------------------- */

static tp_status read_wordpiece(loader *l, const js_value *v)
{
    tp_tokenizer *t = l->t;
    if (read_vocabulary(l, js_get(v, "vocab")) || read_unknown(l, v) ||
        get_text(l, v, "continuing_subword_prefix", "##", &t->prefix, &t->prefix_size) ||
        get_count(l, v, "max_input_chars_per_word", 100, &t->longest_word))
        return tp_error_pending();
    return pieces_sort(&t->pieces);
}

static tp_status read_wordlevel(loader *l, const js_value *v)
{
    return read_vocabulary(l, js_get(v, "vocab")) ? tp_error_pending() : read_unknown(l, v);
}

static tp_status read_unigram(loader *l, const js_value *v)
{
    tp_tokenizer *t = l->t;
    const js_value *pieces = js_get(v, "vocab");
    const int64_t count = js_kind_of(pieces) == JS_ARRAY ? js_count(pieces) : 0;
    if (!count || count > MAX_IDS)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: \"vocab\" is empty or no array of at most %d pieces and their scores", l->path,
                       MAX_IDS);
    if (tp_grow((void **)&t->scores, &t->score_room, count, sizeof *t->scores))
        return tp_error_pending();
    t->n_scores = count;
    for (int64_t i = 0; i < t->n_scores; i++) {
        const js_value *row = js_at(pieces, i);
        const char *piece = js_string(js_at(row, 0));
        double score = 0;
        if (!piece || js_count(row) != 2 || !js_number(js_at(row, 1), &score) ||
            !(score >= -1e30 && score <= 1e30))
            return tp_fail(TP_ERR_FORMAT, "%s: piece %lld is no [text, score]", l->path, (long long)i);
        t->scores[i] = score;
        if (pieces_add(&t->pieces, l->path, i, piece, (int64_t)strlen(piece)))
            return tp_error_pending();
    }
    int64_t unknown;
    if (get_count(l, v, "unk_id", -1, &unknown) || get_bool(l, v, "byte_fallback", false, &t->byte_fallback))
        return tp_error_pending();
    if (unknown >= count)
        return tp_fail(TP_ERR_FORMAT, "%s: \"unk_id\" %lld, but there are %lld pieces", l->path,
                       (long long)unknown, (long long)count);
    t->unknown = (int32_t)unknown;
    if (t->byte_fallback && bpe_byte_pieces(t, l->path))
        return tp_error_pending();
    return tp_pending() ? tp_error_pending() : pieces_sort(&t->pieces);
}

static const struct {
    const char *name;
    const model_type *model;
    tp_status (*read)(loader *, const js_value *);
} models[] = {
    { "BPE", &bpe_model, read_bpe },
    { "WordPiece", &wordpiece_model, read_wordpiece },
    { "WordLevel", &wordlevel_model, read_wordlevel },
    { "Unigram", &unigram_model, read_unigram },
};

/* Files from before models had a "type" are told apart by what they hold. */
static const char *type_of(const js_value *model)
{
    const js_value *type = js_get(model, "type");
    if (js_kind_of(type) != JS_NULL)
        return js_string(type) ? js_string(type) : "?";
    return js_get(model, "merges")                          ? "BPE"
           : js_kind_of(js_get(model, "vocab")) == JS_ARRAY ? "Unigram"
           : js_get(model, "continuing_subword_prefix")     ? "WordPiece"
                                                            : "WordLevel";
}

static tp_status read_model(loader *l, const js_value *v)
{
    if (js_kind_of(v) != JS_OBJECT)
        return tp_fail(TP_ERR_FORMAT, "%s: \"model\" is %s, an object is wanted", l->path,
                       v ? js_kind_name(js_kind_of(v)) : "not there");
    const char *type = type_of(v);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (!strcmp(models[i].name, type)) {
            l->t->model = models[i].model;
            return models[i].read(l, v);
        }
    return tp_fail(TP_ERR_UNSUPPORTED,
                   "%s: the model '%.60s' is unsupported; BPE, WordPiece, WordLevel and Unigram are known",
                   l->path, type);
}

/* ---- added tokens ------------------------------------------------------------------------------------------------------------ */

static tp_status read_added(loader *l, const js_value *list)
{
    if (js_kind_of(list) != JS_NULL && js_kind_of(list) != JS_ARRAY)
        return tp_fail(TP_ERR_FORMAT, "%s: \"added_tokens\" is %s, an array is wanted", l->path,
                       js_kind_name(js_kind_of(list)));
    for (int64_t i = 0; i < js_count(list); i++) {
        const js_value *v = js_at(list, i);
        added_token a = { 0 };
        int64_t id = -1;
        if (!js_integer(js_get(v, "id"), &id) || id < 0)
            return tp_fail(TP_ERR_FORMAT, "%s: the id of added token %lld is no whole number of 0 or more",
                           l->path, (long long)i);
        a.id = (int32_t)id;
        if (get_text(l, v, "content", NULL, &a.content, NULL) ||
            check_id(l, a.content, id, l->t->pieces.count + js_count(list)) ||
            get_bool(l, v, "special", false, &a.special) ||
            get_bool(l, v, "single_word", false, &a.single_word) ||
            get_bool(l, v, "lstrip", false, &a.strip_left) ||
            get_bool(l, v, "rstrip", false, &a.strip_right) ||
            get_bool(l, v, "normalized", !a.special, &a.normalised) || add_token(l, &a))
            return tp_error_pending();
    }
    return TP_OK;
}

/* ---- post-processors ------------------------------------------------------------------------------------------------------------ */

static tp_status read_special(loader *l, const js_value *processor, const char *name, bool *seen_text)
{
    tp_tokenizer *t = l->t;
    const js_value *ids = js_get(js_get(js_get(processor, "special_tokens"), name), "ids");
    if (!name || js_kind_of(ids) != JS_ARRAY)
        return tp_fail(TP_ERR_FORMAT, "%s: the template's special token '%.40s' has no \"ids\"", l->path,
                       name ? name : "?");
    for (int64_t i = 0; i < js_count(ids); i++) {
        int64_t id = -1;
        js_integer(js_at(ids, i), &id);
        if (*seen_text ? add_around(l, &t->after, &t->n_after, &t->after_room, id)
                       : add_around(l, &t->before, &t->n_before, &t->before_room, id))
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status read_template(loader *l, const js_value *v)
{
    const js_value *items = js_get(v, "single");
    bool seen_text = false;
    for (int64_t i = 0; i < js_count(items); i++) {
        const js_value *item = js_at(items, i), *special = js_get(item, "SpecialToken"),
                       *text = js_get(item, "Sequence");
        if (special ? read_special(l, v, js_string(js_get(special, "id")), &seen_text) : TP_OK)
            return tp_error_pending();
        if (!special &&
            (!text || seen_text || !js_string(js_get(text, "id")) || *js_string(js_get(text, "id")) != 'A'))
            return tp_fail(TP_ERR_UNSUPPORTED, "%s: item %lld of the template \"single\" is unsupported",
                           l->path, (long long)i);
        seen_text = seen_text || !special;
    }
    return seen_text
               ? TP_OK
               : tp_fail(TP_ERR_FORMAT, "%s: the template \"single\" has no place for the text", l->path);
}

/* BertProcessing, RobertaProcessing: "cls" in front, "sep" behind, each ["name", id] */
static tp_status read_pair(loader *l, const js_value *v)
{
    tp_tokenizer *t = l->t;
    int64_t first = -1, last = -1;
    js_integer(js_at(js_get(v, "cls"), 1), &first);
    js_integer(js_at(js_get(v, "sep"), 1), &last);
    return add_around(l, &t->before, &t->n_before, &t->before_room, first) ||
                   add_around(l, &t->after, &t->n_after, &t->after_room, last)
               ? tp_error_pending()
               : TP_OK;
}

static tp_status read_processor(loader *l, const js_value *v)
{
    const char *type = js_string(js_get(v, "type"));
    const js_value *items = js_get(v, "processors");
    bool trim = false;
    tp_status status = TP_OK;
    if (js_kind_of(v) == JS_NULL)
        return TP_OK;
    if (!type)
        return tp_fail(TP_ERR_FORMAT, "%s: a post-processor without a \"type\"", l->path);
    if (!strcmp(type, "Sequence"))
        for (int64_t i = 0; i < js_count(items) && !status; i++)
            status = read_processor(l, js_at(items, i));
    else if (!strcmp(type, "TemplateProcessing"))
        status = read_template(l, v);
    else if (!strcmp(type, "BertProcessing"))
        status = read_pair(l, v);
    else if (!strcmp(type, "RobertaProcessing"))
        status = read_pair(l, v) ? tp_error_pending() : get_bool(l, v, "trim_offsets", true, &trim);
    else if (!strcmp(type, "ByteLevel"))
        status = get_bool(l, v, "trim_offsets", true, &trim);
    else
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: the post-processor '%.60s' is unsupported", l->path, type);
    l->t->trim_offsets = l->t->trim_offsets || trim;
    return status;
}

/* ---- the file -------------------------------------------------------------------------------------------------------------------- */

tp_status read_parts(loader *l, const js_value *root)
{
    tp_tokenizer *t = l->t;
    if (read_steps(l, js_get(root, "normalizer"), normaliser_types, "normalizers", "normalizer",
                   &t->normalisers) ||
        read_steps(l, js_get(root, "pre_tokenizer"), splitter_types, "pretokenizers", "pre-tokenizer",
                   &t->splitters) ||
        read_steps(l, js_get(root, "decoder"), decoder_types, "decoders", "decoder", &t->decoders))
        return tp_error_pending();
    t->join_with_spaces = js_kind_of(js_get(root, "decoder")) == JS_NULL;
    return read_processor(l, js_get(root, "post_processor"));
}

tp_status read_json(loader *l, const js_value *root)
{
    if (js_kind_of(root) != JS_OBJECT)
        return tp_fail(TP_ERR_FORMAT, "%s: %s, a tokenizer's object is wanted", l->path,
                       js_kind_name(js_kind_of(root)));
    int64_t pad;
    if (read_model(l, js_get(root, "model")) || read_added(l, js_get(root, "added_tokens")) ||
        read_parts(l, root) || get_count(l, js_get(root, "padding"), "pad_id", -1, &pad))
        return tp_error_pending();
    if (pad >= 0 && pad < INT32_MAX)
        l->t->specials[TP_SPECIAL_PAD] = (int32_t)pad;
    return TP_OK;
}
