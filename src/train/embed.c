/* embed.c - texts to vectors: an encoder, its tokenizer, and what sentence-transformers' files beside them ask for.
 *
 * sentence_bert_config.json says after how many tokens a text is cut (config.json: the places of the network), 1_Pooling/config.json how
 * the vectors of tokens become one (their mean), modules.json whether it has length 1 (it has, where the file is missing).
 * Reimers and Gurevych 2019.  Layer: train.  Depends on pretrained.c, language.c, io/json.h.  Read next: language.c. */
#include "base/error.h"
#include "base/memory.h"
#include "base/object.h"
#include "io/json.h"
#include "train/folder.h"

#include <taper/train.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { TOGETHER = 16 }; /* texts of about the same length that go through the network at once */

struct tp_embedder {
    tp_object head;
    tp_module *net;
    tp_tokenizer *tokenizer;
    int64_t longest; /* tokens of a text */
    int64_t padding;
    bool not_unit; /* vectors keep their length */
};

static void embedder_destroy(void *object)
{
    tp_embedder *e = object;
    tp_release(e->net);
    tp_release(e->tokenizer);
    tp_free(e, sizeof *e);
}

static const tp_class embedder_class = { "embedder", embedder_destroy };

/* ---- what the folder says ------------------------------------------------------------------------------------------------ */

/* The values of a file that may be missing: *top is then NULL. */
static tp_status read_if_there(const char *folder, const char *name, js_value **top)
{
    char path[PATH_MAX];
    *top = NULL;
    if (folder_path(path, folder, name))
        return tp_error_pending();
    if (!file_exists(path))
        return TP_OK;
    *top = js_read(path);
    return *top ? TP_OK : tp_error_pending();
}

static int64_t integer_or(const js_value *object, const char *name, int64_t other)
{
    int64_t value;
    return js_integer(js_get(object, name), &value) && value >= 0 ? value : other;
}

static tp_status read_lengths(tp_embedder *e, const char *folder)
{
    js_value *config, *sentence = NULL;
    if (!read_if_there(folder, "config.json", &config) &&
        !read_if_there(folder, "sentence_bert_config.json", &sentence)) {
        const int64_t places = integer_or(config, "max_position_embeddings", 512);
        e->padding = integer_or(config, "pad_token_id", 0);
        e->longest = integer_or(sentence, "max_seq_length", places);
        e->longest = e->longest > places || e->longest < 1 ? places : e->longest;
    }
    js_free(config);
    js_free(sentence);
    return tp_error_pending();
}

static tp_status read_pooling(const char *folder, const char **pooling)
{
    static const struct {
        const char *flag, *pooling;
    } kinds[] = { { "pooling_mode_mean_tokens", "mean" },
                  { "pooling_mode_cls_token", "first" },
                  { "pooling_mode_lasttoken", "last" } };
    js_value *top;
    *pooling = "mean";
    if (read_if_there(folder, "1_Pooling/config.json", &top) || !top)
        return tp_error_pending();
    *pooling = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !*pooling; i++)
        if (js_true(js_get(top, kinds[i].flag)))
            *pooling = kinds[i].pooling;
    js_free(top);
    return *pooling ? TP_OK
                    : tp_fail(TP_ERR_FORMAT,
                              "%s/1_Pooling/config.json: none of the ways to make one vector is known: "
                              "mean_tokens, cls_token, lasttoken",
                              folder);
}

static tp_status read_modules(tp_embedder *e, const char *folder)
{
    static const char end[] = ".Normalize";
    js_value *top;
    if (read_if_there(folder, "modules.json", &top) || !top)
        return tp_error_pending();
    e->not_unit = true;
    for (int64_t i = 0; i < js_count(top); i++) {
        const char *type = js_string(js_get(js_at(top, i), "type"));
        const size_t size = type ? strlen(type) : 0;
        if (size >= sizeof end && !strcmp(type + size - (sizeof end - 1), end))
            e->not_unit = false;
    }
    js_free(top);
    return TP_OK;
}

tp_embedder *tp_embedder_open(const char *folder)
{
    TP_SCOPE;
    const char *pooling;
    if (tp_pending())
        return NULL;
    if (!folder)
        return tp_fail_null(TP_ERR_ARGUMENT, "embedder_open: the path is NULL");
    if (!folder_exists(folder))
        return tp_fail_null(TP_ERR_IO, "%s: a folder with config.json, weights and tokenizer is wanted",
                            folder);
    tp_embedder *e = tp_object_new(&embedder_class, sizeof *e);
    if (!e || read_lengths(e, folder) || read_pooling(folder, &pooling) || read_modules(e, folder))
        return NULL;
    e->net = tp_retain(tp_pretrained(folder, .pooling = pooling));
    e->tokenizer = tp_retain(tp_pretrained_tokenizer(folder, NULL));
    return tp_pending() ? NULL : tp_keep(e);
}

/* ---- texts ------------------------------------------------------------------------------------------------------------- */

typedef struct text_tokens {
    const int32_t *ids;
    int64_t n, place; /* place: among the texts */
} text_tokens;

static int by_length(const void *a, const void *b)
{
    const text_tokens *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? -1 : 1) : (x->place > y->place) - (x->place < y->place);
}

/* (n, T) filled up with padding.  Of a text that is too long the last token is kept, which ends it ([SEP]). */
static tp_tensor *batch_of(const tp_embedder *e, const text_tokens *texts, int64_t n)
{
    int64_t longest = texts[n - 1].n < e->longest ? texts[n - 1].n : e->longest;
    tp_tensor *x = tp_full(TP_SHAPE(n, longest), (double)e->padding, .dtype = TP_I64);
    int64_t *to = x ? tp_data(x) : NULL;
    for (int64_t i = 0; i < n && to; i++, to += longest)
        for (int64_t t = 0; t < longest && t < texts[i].n; t++)
            to[t] = texts[i].ids[t == longest - 1 ? texts[i].n - 1 : t];
    return x;
}

static tp_tensor *vectors_of(const tp_embedder *e, const text_tokens *texts, int64_t n)
{
    TP_SCOPE;
    tp_tensor *y = tp_forward(e->net, batch_of(e, texts, n));
    if (y && !e->not_unit)
        y = tp_normalize(y, 2, 1, 1e-12);
    return tp_keep(y);
}

/* In the order of their lengths, so that little is filled up; each to its own place. */
static tp_tensor *vectors(const tp_embedder *e, const text_tokens *texts, int64_t n)
{
    tp_tensor *all = NULL;
    for (int64_t begin = 0; begin < n; begin += TOGETHER) {
        TP_SCOPE;
        const int64_t some = n - begin < TOGETHER ? n - begin : TOGETHER;
        tp_tensor *y = vectors_of(e, texts + begin, some);
        if (!y)
            return NULL;
        const size_t size = (size_t)tp_size(y, 1) * sizeof(float);
        if (!all && !(all = tp_keep(tp_empty(TP_SHAPE(n, tp_size(y, 1))))))
            return NULL;
        for (int64_t i = 0; i < some; i++)
            memcpy((char *)tp_data(all) + (size_t)texts[begin + i].place * size,
                   (const char *)tp_data(y) + (size_t)i * size, size);
    }
    return all;
}

tp_tensor *tp_embed(tp_embedder *e, const char *const *texts, int64_t n)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (tp_pending())
        return NULL;
    if (!e || !texts || n < 1)
        return tp_fail_null(TP_ERR_ARGUMENT, "embed: an embedder and at least one text are wanted");
    text_tokens *list = tp_alloc((size_t)n * sizeof *list);
    for (int64_t i = 0; i < n && list && !tp_pending(); i++) {
        const tp_tokens *tokens = tp_tokenizer_encode(e->tokenizer, texts[i], -1);
        if (tokens && tp_tokens_count(tokens) == 0)
            tp_fail(TP_ERR_ARGUMENT, "embed: text %lld of %lld is empty", (long long)i + 1, (long long)n);
        if (tokens)
            list[i] = (text_tokens){ tp_tokens_ids(tokens), tp_tokens_count(tokens), i };
    }
    tp_tensor *y = NULL;
    if (list && !tp_pending()) {
        qsort(list, (size_t)n, sizeof *list, by_length);
        y = vectors(e, list, n);
    }
    tp_free(list, (size_t)n * sizeof *list);
    return tp_keep(y);
}
