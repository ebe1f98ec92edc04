/* tokenizer.h - what the files of a tokenizer share: the object, its steps, an encoding under way.
 *
 * A text goes through five kinds of steps: added tokens are cut out; the rest is normalised, cut into pieces, and each piece
 * is given to the model; then special tokens are put around.  Decoding is a list of steps, too.  tokenizer.json names them
 * all, and the other formats are put together from the same ones.
 *
 * Invariants:
 *  1. After loading nothing changes but the cache of words, behind its lock.
 *  2. Texts inside are UTF-8: what comes in is checked once, and no step makes anything else.
 *  3. Ids that a step or the model can give are ids of the vocabulary or of an added token.
 * Layer: text.  Depends on base, io/json.h.  Read next: encode.c, load_json.c. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include "base/arena.h"
#include "base/object.h"
#include "io/json.h"
#include "text/mapped.h"
#include "text/regex.h"
#include "text/pieces.h"

#include <taper/text.h>

/* What stands for a space in SentencePiece's pieces: U+2581. */
#define METASPACE "\xe2\x96\x81"
enum { METASPACE_BYTES = 3 };

/* ---- An encoding under way ---------------------------------------------------------------------------------------- */

typedef struct token_list {
    int32_t *ids;
    text_span *spans; /* parallel to ids when follow */
    int64_t count, id_room, span_room;
    bool follow;
} token_list;

typedef struct symbol {    /* bpe.c */
    int64_t begin, end;    /* in e->text; equal: joined to the one before */
    int64_t before, after; /* -1: none */
    int32_t id;            /* -1: no piece */
    bool alone;            /* a user's symbol, which joins nothing */
} symbol;

typedef struct candidate { /* two symbols that may be joined */
    double rank;           /* lower first */
    int64_t left, size;    /* of both symbols: while it is so, they are the same */
    int32_t id;
} candidate;

typedef struct viterbi { /* unigram.c: a place in the text */
    double score;
    int64_t from,
        next; /* where the last piece of the best way to here begins, -1: no way yet; where the next one ends */
    int32_t id, next_id; /* of both; -1: an unknown character */
} viterbi;

typedef struct encoder {
    const tp_tokenizer *t;
    mapped_text text, other; /* the text of a segment, and where the next step puts it */
    span_list pieces, cut;   /* of text; and of what the next step makes */
    bool first;              /* the segment begins the caller's text */
    void *regex_room;
    token_list *out;
    token_list word; /* of one word, in places of text: what the model gives */
    symbol *symbols;
    candidate *heap;
    viterbi *best;
    int64_t symbol_room, heap_room, n_heap, best_room;
    struct word_cache *cache; /* NULL: somebody else has it */
} encoder;

tp_status tokens_add(token_list *, int64_t id, text_span);
static inline tp_status emit(encoder *e, int64_t id, int64_t begin, int64_t end)
{
    return tokens_add(&e->word, id, (text_span){ begin, end });
}

/* ---- Steps: normalise.c, split.c, decode.c -------------------------------------------------------------------------- */

typedef enum cut_behaviour {
    CUT_REMOVED,
    CUT_ISOLATED,
    CUT_WITH_PREVIOUS,
    CUT_WITH_NEXT,
    CUT_CONTIGUOUS
} cut_behaviour;

typedef struct step {
    const struct step_type *type;
    const char *text, *content; /* what is looked for, and what it becomes */
    int64_t text_size, content_size;
    regex *pattern; /* in place of text */
    const struct charsmap *map;
    cut_behaviour behaviour;
    int64_t start, stop;
    bool flags[4]; /* what they say stands beside each type */
} step;

typedef struct loader loader;

typedef struct step_type {
    const char *name; /* as tokenizer.json spells it */
    tp_status (*read)(loader *, const js_value *, step *);
    tp_status (*normalise)(const step *, encoder *); /* e->text to e->other */
    tp_status (*split)(const step *, encoder *,
                       text_span); /* a piece of e->text to e->cut, and to e->other if it rewrites */
    tp_status (*decode)(const step *, const mapped_text *, const span_list *, mapped_text *, span_list *);
    bool rewrites;
} step_type;

typedef struct step_list {
    step *items;
    int64_t count, room;
} step_list;

extern const step_type normaliser_types[], splitter_types[], decoder_types[]; /* each ends with a NULL name */
extern const step_type sentencepiece_normaliser, sentencepiece_decoder;

tp_status normalise(const tp_tokenizer *, encoder *); /* e->text, by all steps */
tp_status split(const tp_tokenizer *, encoder *);     /* e->text into e->pieces */
tp_status replace_all(const step *, void *regex_room, const mapped_text *, mapped_text *out);
tp_status next_match(const step *, void *regex_room, const mapped_text *, int64_t at, int64_t limit,
                     int64_t *begin, int64_t *end); /* of step.text or step.pattern; *end < 0: none */

/* ---- Byte-level alphabet: each byte as a visible character (byte_level.c) ------------------------------------------------ */

uint32_t byte_character(unsigned char);
int byte_of_character(uint32_t code); /* -1: stands for none */

/* ---- Models ------------------------------------------------------------------------------------------------------- */

typedef struct model_type {
    const char *name;
    tp_status (*encode)(const tp_tokenizer *, encoder *, int64_t begin,
                        int64_t end); /* a piece of e->text to e->word */
} model_type;

extern const model_type bpe_model, wordpiece_model, wordlevel_model, unigram_model;

tp_status bpe_add_merge(tp_tokenizer *, const char *where, int64_t rank, int32_t left, int32_t right);
tp_status bpe_byte_pieces(tp_tokenizer *, const char *where); /* finds <0x00> to <0xFF> */

/* A piece of the user's that s begins with: bytes of the longest, 0: none. */
int64_t user_symbol(const tp_tokenizer *, const unsigned char *s, int64_t size, int32_t *id);
int byte_named(const unsigned char *s, int64_t size); /* of <0x41> the byte; -1: it is no such piece */

typedef enum piece_kind {
    PIECE_NORMAL,
    PIECE_UNKNOWN,
    PIECE_CONTROL,
    PIECE_USER,
    PIECE_UNUSED,
    PIECE_BYTE
} piece_kind;

typedef struct added_token {
    const char *content;
    int32_t id;
    bool special, single_word, strip_left, strip_right, normalised;
} added_token;

typedef struct merge { /* pieces left and right become id */
    uint64_t pair;     /* left << 32 | right; id 0 with pair 0 is an empty slot */
    int32_t rank, id;
} merge;

struct tp_tokenizer {
    tp_object object;
    const model_type *model;
    piece_table pieces;
    int32_t unknown; /* -1: none */

    double *scores;                          /* unigram, sentencepiece; parallel to pieces */
    unsigned char *kinds;                    /* sentencepiece: piece_kind; NULL: all normal */
    int64_t n_scores, score_room, kind_room; /* of both */
    double unknown_score, top_score;
    bool
        sentencepiece; /* sums in float, unknown characters are joined across pieces, spaces as its own library has them */
    bool fuse_unknown, byte_fallback, ignore_merges;
    const char *unknown_text; /* what the unknown piece reads as; NULL: itself */
    bool words_part;          /* no piece reaches over the beginning of a word: they can be done one by one */
    int64_t least_part;       /* bytes: they are taken together up to so many */
    const char *prefix, *suffix; /* of pieces within and at the end of a word */
    int64_t prefix_size, suffix_size;
    int64_t longest_word; /* wordpiece: characters */
    merge *merges;
    int64_t n_merges, merge_slots;
    int32_t byte_ids[256]; /* with byte_fallback */

    step_list normalisers, splitters, decoders;
    bool join_with_spaces;   /* no decoder */
    int32_t *before, *after; /* special tokens around a text */
    int64_t n_before, n_after, before_room, after_room;
    bool trim_offsets; /* spaces are no part of a token's span */

    added_token *added;
    int64_t n_added, added_room;
    int32_t *added_index;                /* of each id below count, in added; -1: it is a piece */
    piece_table added_texts;             /* as they are written; ids are indices into added */
    piece_table raw_added, normal_added; /* their texts as looked for; ids are indices into added */
    bool raw_first[256], normal_first[256];
    int64_t count; /* ids are below it */
    int32_t specials[TP_N_SPECIALS];
    struct charsmap *map;
    arena memory; /* strings and steps' things */
    struct word_cache *cache;
};

/* The added token of that id, or NULL. */
const added_token *added_of(const tp_tokenizer *, int64_t id);
tp_status encoder_open(encoder *, const tp_tokenizer *, token_list *, bool follow);
void encoder_close(encoder *);

/* ---- Words that were seen before (cache.c) ---------------------------------------------------------------------------- */

struct word_cache *cache_new(void);
void cache_free(struct word_cache *);
bool cache_take(struct word_cache *); /* false: another thread has it */
void cache_give(struct word_cache *);
/* Puts the tokens of the word at begin to out, or says false. */
bool cache_find(struct word_cache *, const unsigned char *word, int64_t size, int64_t begin, token_list *out,
                tp_status *);
void cache_add(struct word_cache *, const unsigned char *word, int64_t size, int64_t begin,
               const token_list *);

/* ---- Loading ------------------------------------------------------------------------------------------------------- */

struct loader {
    tp_tokenizer *t;
    const char *path; /* begins every error */
};

tp_tokenizer *tokenizer_new(void);
tp_status tokenizer_ready(loader *); /* after everything was read: what follows from it */
char *keep_text(tp_tokenizer *, const char *, int64_t size); /* a copy that lives as long as the tokenizer */
step *steps_add(step_list *, const step_type *);
tp_status add_token(loader *, const added_token *);
tp_status add_around(loader *, int32_t **list, int64_t *count, int64_t *room, int64_t id);
tp_status read_json(loader *, const js_value *root);
tp_status read_parts(loader *, const js_value *root);  /* all but model and added tokens */
tp_status read_vocabulary(loader *, const js_value *); /* {"piece": id, ...} */
tp_status read_charsmap(loader *, const unsigned char *blob, int64_t size);
tp_status add_sentencepiece_steps(tp_tokenizer *, const bool flags[4]); /* sentencepiece.c says which */

/* What tp_tokenizer_load reads at path, as files into a folder that is there: loading that gives the same tokenizer. */
tp_status tokenizer_copy(const char *path, const char *folder);

tp_tokenizer *sentencepiece_from(const char *path, const unsigned char *data, size_t size);
tp_tokenizer *llama2c_from(const char *path, const unsigned char *data, size_t size);
tp_tokenizer *tokenizer_from_json(const char *path, const unsigned char *data, size_t size);
tp_tokenizer *gpt2_from(const char *path, const unsigned char *words, size_t words_size,
                        const unsigned char *merges, size_t merges_size);
tp_tokenizer *bert_from(const char *path, const unsigned char *data, size_t size, bool lowercase);

#endif
