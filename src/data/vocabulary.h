/* vocabulary.h - tokens by name, and names by token.
 *
 * Tokens are numbered as they were added; vocabulary_sort orders those after the first few by their bytes, so that a vocabulary is a
 * function of what is in a text, not of where.
 * Layer: data.  Depends on text/pieces.h.  Read next: vocabulary.c, pairs.c. */
#ifndef DATA_VOCABULARY_H
#define DATA_VOCABULARY_H

#include "text/pieces.h"

typedef struct vocabulary {
    piece_table pieces; /* without holes */
} vocabulary;

/* What every vocabulary of sequences begins with. */
enum { TOKEN_PAD, TOKEN_BEGIN, TOKEN_END, TOKEN_UNKNOWN, TOKENS_SPECIAL };

tp_status vocabulary_add(vocabulary *, const char *name, size_t length); /* what is there already stays */
tp_status vocabulary_add_special(vocabulary *); /* <pad> <begin> <end> <unknown>, first of all */
tp_status vocabulary_sort(vocabulary *, int64_t first);
tp_status vocabulary_of(vocabulary *, const char *const *names, int64_t count); /* of a list; NULL is "" */
int64_t vocabulary_find(const vocabulary *, const char *name, size_t length);   /* -1: none */
void vocabulary_free(vocabulary *);

static inline int64_t vocabulary_count(const vocabulary *v)
{
    return v->pieces.count;
}
static inline const char *vocabulary_name(const vocabulary *v, int64_t token)
{
    return piece_at(&v->pieces, token);
}

int64_t count_unknown(const int32_t *tokens, int64_t n);

/* How a text is cut into tokens: characters, or words with blanks between them. */
typedef enum token_unit { UNIT_CHARS, UNIT_WORDS } token_unit;

/* The next token of text, which ends at end; its length, 0 at the end, or -1 where the text is not UTF-8.  *text is where it begins. */
int64_t token_next(token_unit, const char **text, const char *end);

#endif
