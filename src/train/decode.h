/* decode.h - writing sequences token by token: greedy, and beam search.
 *
 * Layer: train.  Depends on taper/nn.h.  Read next: decode.c. */
#ifndef TRAIN_DECODE_H
#define TRAIN_DECODE_H

#include <taper/train.h>

typedef struct hypothesis {
    int64_t *tokens; /* without <begin> and <end> */
    int64_t n;
    double log_probability; /* of the tokens and <end> */
    double
        score; /* log_probability / ((5 + length) / 6)^length_penalty, Wu et al. 2016; length counts <end> */
} hypothesis;

typedef struct decoded { /* of one source, best first */
    hypothesis *best;
    int64_t n, places, room; /* places: all that there is memory for; room: of tokens in each */
} decoded;

typedef struct decoding_options {
    int64_t beam, max_length; /* max_length: of tokens, without <end> */
    double length_penalty;
    int64_t begin, end;   /* tokens */
    const int64_t *never; /* tokens that are not written */
    int n_never;
    /* As transformers' generate has it, with max_length one less than its: */
    bool by_length;   /* hypotheses are compared by log_probability / length^length_penalty */
    bool ends_forced; /* after max_length tokens <end> is certain, and counts */
} decoding_options;

/* For each of the sources i64 (N, S) up to beam hypotheses into out (N), which are the caller's: decoded_free.  The module must decode
 * (tp_module_decoding).  Beam 1 takes the likeliest token each time. */
tp_status decode(tp_module *, tp_tensor *sources, const decoding_options *, decoded *out);
void decoded_free(decoded *, int64_t n);

/* Tokens to put in, leave out or change, so that a's n become b's m (Levenshtein).  row: room for m + 1 numbers. */
int64_t token_edits(const int64_t *a, int64_t n, const int64_t *b, int64_t m, int64_t *row);

#endif
