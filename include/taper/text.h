/* taper/text.h - tokenizers: text to the numbers of its pieces, and back.
 *
 * A file decides what a tokenizer does.  Read are Hugging Face's tokenizer.json, GPT-2's vocab.bpe with encoder.json (or
 * merges.txt with vocab.json), BERT's vocab.txt, SentencePiece's .model and llama2.c's tokenizer.bin; what such a file asks for and
 * is not done here is TP_ERR_UNSUPPORTED naming it, never other ids than the file's own program gives.
 *
 *     tp_tokenizer *t = tp_tokenizer_load("data/stories260K/tok512.bin");
 *     tp_tokens *tokens = tp_tokenizer_encode(t, "Once upon a time", -1);
 *     for (int64_t i = 0; i < tp_tokens_count(tokens); i++)
 *         printf("%d %s\n", tp_tokens_ids(tokens)[i], tp_tokenizer_piece(t, tp_tokens_ids(tokens)[i]));
 *
 * Unicode's tables are those of utf8proc, regular expressions are run by PCRE2; docs/tokenizers.md says where that can be seen.
 * Layer: text.  Depends on base.h.  Read next: data.h. */
#ifndef TAPER_TEXT_H
#define TAPER_TEXT_H

#include <taper/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_tokenizer tp_tokenizer;
typedef struct tp_tokens tp_tokens;

/* A file, or a folder that holds one of the kinds above; a tokenizer_config.json or special_tokens_map.json beside names special tokens.
 * Truncation and padding in a file are the caller's matter and not applied. */
TP_API tp_tokenizer *tp_tokenizer_load(const char *path);

TP_API const char *tp_tokenizer_kind(const tp_tokenizer *);   /* "bpe", "wordpiece", "unigram" or "wordlevel" */
TP_API int64_t tp_tokenizer_count(const tp_tokenizer *);      /* ids are below it; added tokens included */
TP_API int64_t tp_tokenizer_id(const tp_tokenizer *, const char *piece);       /* -1: there is no such piece */
TP_API const char *tp_tokenizer_piece(const tp_tokenizer *, int64_t id);       /* as the file spells it; NULL: no such id */

typedef enum tp_special { TP_SPECIAL_BEGIN, TP_SPECIAL_END, TP_SPECIAL_UNKNOWN, TP_SPECIAL_PAD, TP_SPECIAL_MASK, TP_N_SPECIALS } tp_special;
TP_API int64_t tp_tokenizer_special(const tp_tokenizer *, tp_special);         /* its id; -1: the file has none */

/* ---- Text to ids ----------------------------------------------------------------------------------------------- */

typedef struct tp_tokenizer_encode_options {
    size_t struct_size;
    bool no_special; /* leave out what the file's post-processor puts around the text ([CLS], [SEP], <s>) */
    bool plain_text; /* special tokens that stand in the text are text like any other */
    bool offsets;    /* also where each token comes from */
    bool begin, end; /* put the special token there, where nothing else has */
} tp_tokenizer_encode_options;

/* size bytes of UTF-8, -1: up to the 0; other bytes are TP_ERR_FORMAT that names the first.  May be called from several threads. */
#define tp_tokenizer_encode(t, text, size, ...) \
    tp_tokenizer_encode_opt(t, text, size, &(tp_tokenizer_encode_options){ .struct_size = sizeof(tp_tokenizer_encode_options), __VA_ARGS__ })
TP_API tp_tokens *tp_tokenizer_encode_opt(const tp_tokenizer *, const char *text, int64_t size, const tp_tokenizer_encode_options *);

TP_API int64_t tp_tokens_count(const tp_tokens *);
TP_API const int32_t *tp_tokens_ids(const tp_tokens *);
/* Bytes [begin, end) of the text that token i comes from; equal for one that was put around it.  Without .offsets both are 0. */
TP_API void tp_tokens_span(const tp_tokens *, int64_t i, int64_t *begin, int64_t *end);

/* ---- Ids to text ----------------------------------------------------------------------------------------------- */

typedef struct tp_tokenizer_decode_options {
    size_t struct_size;
    bool keep_special; /* special tokens are written, too */
} tp_tokenizer_decode_options;

/* As snprintf: writes at most room bytes, the last a 0, and returns how many the whole text has; -1 with an error pending.  A byte-level
 * tokenizer gives the bytes of its pieces as they are, so that the text of a part may end within a character. */
#define tp_tokenizer_decode(t, ids, count, text, room, ...) \
    tp_tokenizer_decode_opt(t, ids, count, text, room, &(tp_tokenizer_decode_options){ .struct_size = sizeof(tp_tokenizer_decode_options), __VA_ARGS__ })
TP_API int64_t tp_tokenizer_decode_opt(const tp_tokenizer *, const int32_t *ids, int64_t count, char *text, int64_t room,
                                       const tp_tokenizer_decode_options *);

/* ---- Training ------------------------------------------------------------------------------------------------- */

typedef struct tp_tokenizer_train_options {
    size_t struct_size;
    const char *kind;       /* "bpe" (NULL): byte-level; "wordpiece", "unigram", "chars", "bytes" */
    int64_t vocabulary;     /* pieces, special ones included (8000); chars, bytes: what there is */
    int64_t min_frequency;  /* bpe, wordpiece: pairs that are rarer are not joined (0) */
    bool lowercase;         /* wordpiece: BERT's uncased form */
    const char *special;    /* special tokens with commas between them (bpe <|endoftext|>; wordpiece [PAD],[UNK],[CLS],[SEP],[MASK]; unigram, chars <unk>) */
} tp_tokenizer_train_options;

/* Learns from a text file and writes a tokenizer.json.  The same text gives the same file. */
#define tp_tokenizer_train(text_path, out_path, ...) \
    tp_tokenizer_train_opt(text_path, out_path, &(tp_tokenizer_train_options){ .struct_size = sizeof(tp_tokenizer_train_options), __VA_ARGS__ })
TP_API tp_status tp_tokenizer_train_opt(const char *text_path, const char *out_path, const tp_tokenizer_train_options *);

#ifdef __cplusplus
}
#endif
#endif
