/* pretrained.h - what a published Transformer is: its configuration's words, its tensors' names.
 *
 * Layer: train.  Depends on taper/models.h, fields.h.  Read next: pretrained.c, pretrained_names.c, pretrained_weights.c. */
#ifndef TRAIN_PRETRAINED_H
#define TRAIN_PRETRAINED_H

#include "base/arena.h"
#include "train/fields.h"

#include <taper/train.h>

/* What is done to a tensor of the file on its way into the network. */
typedef enum weight_change {
    AS_IS,
    TRANSPOSED,  /* a matrix is (in, out) in the file */
    INTERLEAVED, /* rows are (heads, 3, head_dim) in the file, (3, heads, head_dim) in the network */
    ONE_ROW,     /* (1, n) in the file, (n) in the network */
    ADD_ONE      /* the file's is what is added to 1 */
} weight_change;

/* A * stands for one part of a dotted name, the same one on both sides.  theirs: tensors that are put one under another, with blanks
 * between them; of names with | between them the first that is there. */
typedef struct weight_name {
    const char *ours, *theirs;
    weight_change change;
} weight_name;

typedef struct weight_names {
    const char *prefix; /* of the body's names: each may stand with it or without */
    const char *
        unused; /* names, without the prefix, that files may have and the network needs not (tp_name_matches) */
    weight_name rows[]; /* ends with NULL */
} weight_names;

extern const weight_names gpt2_names, llama_names, gemma_names, bloom_names, bert_names, marian_names;

/* The weight files of a folder: model.safetensors, or its shards, or pytorch_model.bin. */
typedef struct weight_shard {
    const char *path;
    tp_params *tensors;
    bool *used; /* by tensor */
} weight_shard;

typedef struct weight_files {
    const char *path; /* of the file, or of the index of its shards */
    weight_shard *shards;
    int n_shards;
    arena memory;
} weight_files;

tp_status weights_open(weight_files *, const char *folder); /* its tensors belong to the innermost scope */
void weights_close(weight_files *);

/* Each parameter of net must have its tensor of the right shape, and each tensor must be used or known to be unused.  copy false:
 * that is checked alone, of a net that may have no memory. */
tp_status weights_fill(weight_files *, tp_module *net, const weight_names *, const tp_transformer_config *,
                       bool copy);

#endif
