/* cache.c - words that were seen before, with their tokens: most of a text is a few thousand words.
 *
 * Open addressing over words of at most LONGEST bytes; when it is full it begins anew.  Results never depend on it.
 * Layer: text.  Depends on base/memory.h.  Read next: encode.c. */
#include "base/error.h"
#include "base/memory.h"
#include "text/tokenizer.h"

#include <pthread.h>
#include <string.h>

enum { SLOTS = 1 << 15, MOST_WORDS = SLOTS / 2, LONGEST = 64, MOST_TOKENS = 32 };

typedef struct cached_token {
    int32_t id;
    int16_t begin, end; /* in the word */
} cached_token;

typedef struct cached_word {
    uint64_t hash; /* 0: empty */
    int32_t bytes, tokens;
    int16_t size, count;
} cached_word;

struct word_cache {
    pthread_mutex_t lock;
    cached_word words[SLOTS];
    unsigned char *bytes;
    cached_token *tokens;
    int64_t n_words, n_bytes, n_tokens, byte_room, token_room;
};

struct word_cache *cache_new(void)
{
    struct word_cache *c = tp_calloc(sizeof *c);
    if (c)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

void cache_free(struct word_cache *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    tp_free(c->bytes, (size_t)c->byte_room);
    tp_free(c->tokens, (size_t)c->token_room * sizeof *c->tokens);
    tp_free(c, sizeof *c);
}

bool cache_take(struct word_cache *c)
{
    return !pthread_mutex_trylock(&c->lock);
}

void cache_give(struct word_cache *c)
{
    pthread_mutex_unlock(&c->lock);
}

static cached_word *slot_of(struct word_cache *c, const unsigned char *word, int64_t size, uint64_t hash)
{
    cached_word *w = &c->words[hash % SLOTS];
    for (; w->hash; w = w + 1 == c->words + SLOTS ? c->words : w + 1)
        if (w->hash == hash && w->size == size && !memcmp(c->bytes + w->bytes, word, (size_t)size))
            break;
    return w;
}

static uint64_t hash_of(const unsigned char *word, int64_t size)
{
    return hash_bytes(word, size) | 1;
}

bool cache_find(struct word_cache *c, const unsigned char *word, int64_t size, int64_t begin, token_list *out,
                tp_status *status)
{
    *status = TP_OK;
    if (!c || size > LONGEST)
        return false;
    const cached_word *w = slot_of(c, word, size, hash_of(word, size));
    for (int i = 0; w->hash && i < w->count && !*status; i++) {
        const cached_token *token = &c->tokens[w->tokens + i];
        *status = tokens_add(out, token->id, (text_span){ begin + token->begin, begin + token->end });
    }
    return w->hash != 0;
}

void cache_add(struct word_cache *c, const unsigned char *word, int64_t size, int64_t begin,
               const token_list *tokens)
{
    const int64_t count = tokens->count;
    if (!c || size > LONGEST || count > MOST_TOKENS)
        return;
    if (c->n_words == MOST_WORDS) {
        memset(c->words, 0, sizeof c->words);
        c->n_words = c->n_bytes = c->n_tokens = 0;
    }
    if (tp_grow((void **)&c->bytes, &c->byte_room, c->n_bytes + size, 1) ||
        tp_grow((void **)&c->tokens, &c->token_room, c->n_tokens + count, sizeof *c->tokens))
        return; /* pending: the encoding fails */
    const uint64_t hash = hash_of(word, size);
    cached_word *w = slot_of(c, word, size, hash);
    *w = (cached_word){ hash, (int32_t)c->n_bytes, (int32_t)c->n_tokens, (int16_t)size, (int16_t)count };
    memcpy(c->bytes + c->n_bytes, word, (size_t)size);
    for (int64_t i = 0; i < count; i++) {
        const text_span span = tokens->spans[i];
        c->tokens[c->n_tokens + i] =
            (cached_token){ tokens->ids[i], (int16_t)(span.begin - begin), (int16_t)(span.end - begin) };
    }
    c->n_words++;
    c->n_bytes += size;
    c->n_tokens += count;
}
