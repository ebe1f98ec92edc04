/* train.h - what the trainers of tokenizers share: words with their counts go in, pieces come out.
 *
 * Layer: text.  Depends on tokenizer.h.  Read next: train.c, train_bpe.c, train_unigram.c. */
#ifndef TEXT_TRAIN_H
#define TEXT_TRAIN_H

#include "text/tokenizer.h"

typedef struct piece_pair {
    int32_t left, right;
} piece_pair;

typedef struct trainer {
    const char *path;      /* of the text, for errors */
    int64_t wanted;        /* pieces, special ones included */
    int64_t min_frequency; /* of a pair */
    const char *prefix;    /* of pieces within a word */
    piece_table
        words;       /* what pre-tokenisers make of the text, in the order in which they first stand there */
    int64_t *counts; /* of each word */
    int64_t count_room;

    piece_table pieces; /* begins with the special ones and the alphabet */
    piece_pair *merges;
    double *scores; /* unigram: of each piece */
    int64_t n_merges, merge_room, score_room;
} trainer;

static inline tp_status add_piece(trainer *r, const void *piece, int64_t size)
{
    return pieces_add(&r->pieces, r->path, r->pieces.count, piece, size);
}

/* Fails when characters and special tokens, so many, leave no room in the vocabulary that is wanted. */
tp_status check_room(const trainer *, int64_t taken);

tp_status train_bpe(trainer *);
tp_status train_unigram(trainer *);

#endif
