/* transformer.h - what a stack of Transformer layers hands down to each of them, and each to its attention.
 *
 * Layer: nn.  Depends on module.h.  Read next: attention.c, transformer_layer.c, transformer.c. */
#ifndef NN_TRANSFORMER_H
#define NN_TRANSFORMER_H

#include "nn/module.h"

typedef struct attending {
    tp_tensor *lengths, *prefix, *attn_mask; /* of keys; see tp_attention_options */
    tp_tensor *cosines, *sines, *places;     /* RoPE's; NULL: none */
    tp_tensor *slopes;                       /* ALiBi's; NULL: none */
    tp_tensor *memory, *memory_lengths;      /* cross-attention: what is looked at, (B, S, D) ... */
    tp_tensor *memory_keys, *memory_values;  /* ... or what was made of it before, (B, S, G d) */
    tp_tensor **shares; /* gets cross-attention's mean over heads, (B, T, S); NULL: not wanted */
    tp_kv_cache *cache; /* of the stack; NULL: none */
    int64_t layer;      /* of the cache */
} attending;

/* The attention layer's own functions: x (B, T, width) -> (B, T, width). */
typedef struct attention_shape {
    int64_t width, heads, kv_heads, head_dim, window;
    double dropout;
    bool causal, no_bias, no_out_bias, adjacent;
} attention_shape;
tp_module *attention_self_new(const attention_shape *);
tp_module *attention_cross_new(const attention_shape *, int64_t memory_width);
tp_tensor *attention_forward(tp_module *, tp_tensor *x, const attending *);

/* tp_module_call of one input; *shares, made inside of the call, is a second result, so that it outlives the call's scope. */
tp_tensor *call_with_shares(tp_module *, tp_tensor *x, tp_module_body *, const void *context,
                            tp_tensor **shares /* NULL: none */);

/* Keys and values that a cross-attention makes of the memory. */
tp_status attention_memory(tp_module *, tp_tensor *memory, tp_tensor **keys, tp_tensor **values);

/* Appends (B, G, T, d) to layer `layer` of the cache, of each sequence at its own length; what it holds then, as views. */
tp_status cache_append(tp_kv_cache *, int64_t layer, tp_tensor *k, tp_tensor *v, tp_tensor **keys,
                       tp_tensor **values);

/* For tp_record_attention: of queries (B, H, T, d) and keys (B, G, S, d), positions in them; nothing where nobody looks. */
void note_attention_of(const tp_module *, tp_tensor *q, tp_tensor *k, const tp_attention_options *);

int64_t cache_longest(tp_tensor *lengths); /* the largest of its lengths or places; 0 of NULL */

tp_module *transformer_layer_new(int64_t width, const tp_transformer_options *, int64_t layer);
tp_tensor *transformer_layer_forward(tp_module *, tp_tensor *x, const attending *);
tp_module *transformer_norm_new(const tp_transformer_options *, int64_t width);
tp_module *transformer_layer_cross(const tp_module *); /* its cross-attention, or NULL */

#endif
