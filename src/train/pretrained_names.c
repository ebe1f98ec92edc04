/* pretrained_names.c - names of tensors in published weight files, beside those of tp_transformer.
 *
 * A layer's query, key and value are one matrix in the network, and so are the two halves of a gated feed-forward part.
 * Layer: train.  Depends on pretrained.h.  Read next: pretrained_weights.c. */
#include "train/pretrained.h"

#include <stddef.h>

/* Radford et al. 2019.  Its layers are Conv1D, whose weights are (in, out); attn.bias is a mask. */
const weight_names gpt2_names = { .prefix = "transformer.",
                                  .unused = "h.*.attn.bias,h.*.attn.masked_bias,lm_head.weight",
                                  .rows = {
                                      { "target.weight", "wte.weight", AS_IS },
                                      { "position.weight", "wpe.weight", AS_IS },
                                      { "decoder.layers.*.norm1.*", "h.*.ln_1.*", AS_IS },
                                      { "decoder.layers.*.attention.qkv.*", "h.*.attn.c_attn.*", TRANSPOSED },
                                      { "decoder.layers.*.attention.out.*", "h.*.attn.c_proj.*", TRANSPOSED },
                                      { "decoder.layers.*.norm2.*", "h.*.ln_2.*", AS_IS },
                                      { "decoder.layers.*.up.*", "h.*.mlp.c_fc.*", TRANSPOSED },
                                      { "decoder.layers.*.down.*", "h.*.mlp.c_proj.*", TRANSPOSED },
                                      { "decoder.norm.*", "ln_f.*", AS_IS },
                                      { "head.weight", "lm_head.weight", AS_IS },
                                      { NULL, NULL, AS_IS } } };

/* post_attention_layernorm stands before the feed-forward part, in spite of its name.  Gemma's norms multiply by 1 + weight. */
#define LLAMA_NAMES(norm)                                                                              \
    .prefix = "model.", .unused = "rotary_emb.inv_freq,layers.*.rotary_emb.inv_freq,lm_head.weight",   \
    .rows = { { "target.weight", "embed_tokens.weight", AS_IS },                                       \
              { "decoder.layers.*.norm1.*", "layers.*.input_layernorm.*", norm },                      \
              { "decoder.layers.*.attention.qkv.*",                                                    \
                "layers.*.self_attn.q_proj.* layers.*.self_attn.k_proj.* layers.*.self_attn.v_proj.*", \
                AS_IS },                                                                               \
              { "decoder.layers.*.attention.out.*", "layers.*.self_attn.o_proj.*", AS_IS },            \
              { "decoder.layers.*.norm2.*", "layers.*.post_attention_layernorm.*", norm },             \
              { "decoder.layers.*.up.*", "layers.*.mlp.gate_proj.* layers.*.mlp.up_proj.*", AS_IS },   \
              { "decoder.layers.*.down.*", "layers.*.mlp.down_proj.*", AS_IS },                        \
              { "decoder.norm.*", "norm.*", norm },                                                    \
              { "head.weight", "lm_head.weight", AS_IS },                                              \
              { NULL, NULL, AS_IS } }
const weight_names llama_names = { LLAMA_NAMES(AS_IS) };   /* Touvron et al. 2023 */
const weight_names gemma_names = { LLAMA_NAMES(ADD_ONE) }; /* Gemma Team 2024 */

/* BigScience Workshop 2022 */
const weight_names bloom_names = {
    .prefix = "transformer.",
    .unused = "lm_head.weight",
    .rows = { { "target.weight", "word_embeddings.weight", AS_IS },
              { "embedding_norm.*", "word_embeddings_layernorm.*", AS_IS },
              { "decoder.layers.*.norm1.*", "h.*.input_layernorm.*", AS_IS },
              { "decoder.layers.*.attention.qkv.*", "h.*.self_attention.query_key_value.*", INTERLEAVED },
              { "decoder.layers.*.attention.out.*", "h.*.self_attention.dense.*", AS_IS },
              { "decoder.layers.*.norm2.*", "h.*.post_attention_layernorm.*", AS_IS },
              { "decoder.layers.*.up.*", "h.*.mlp.dense_h_to_4h.*", AS_IS },
              { "decoder.layers.*.down.*", "h.*.mlp.dense_4h_to_h.*", AS_IS },
              { "decoder.norm.*", "ln_f.*", AS_IS },
              { "head.weight", "lm_head.weight", AS_IS },
              { NULL, NULL, AS_IS } }
};

/* Devlin et al. 2018.  The head's names never have the prefix; a body alone may lie in the file of a network with a head. */
const weight_names bert_names = {
    .prefix = "bert.",
    .unused = "embeddings.position_ids,pooler.*,cls.*",
    .rows = { { "source.weight", "embeddings.word_embeddings.weight", AS_IS },
              { "source_position.weight", "embeddings.position_embeddings.weight", AS_IS },
              { "types.weight", "embeddings.token_type_embeddings.weight", AS_IS },
              { "embedding_norm.*", "embeddings.LayerNorm.*", AS_IS },
              { "encoder.layers.*.attention.qkv.*",
                "encoder.layer.*.attention.self.query.* encoder.layer.*.attention.self.key.* "
                "encoder.layer.*.attention.self.value.*",
                AS_IS },
              { "encoder.layers.*.attention.out.*", "encoder.layer.*.attention.output.dense.*", AS_IS },
              { "encoder.layers.*.norm1.*", "encoder.layer.*.attention.output.LayerNorm.*", AS_IS },
              { "encoder.layers.*.up.*", "encoder.layer.*.intermediate.dense.*", AS_IS },
              { "encoder.layers.*.down.*", "encoder.layer.*.output.dense.*", AS_IS },
              { "encoder.layers.*.norm2.*", "encoder.layer.*.output.LayerNorm.*", AS_IS },
              { "transform.*", "cls.predictions.transform.dense.*", AS_IS },
              { "transform_norm.*", "cls.predictions.transform.LayerNorm.*", AS_IS },
              { "bias", "cls.predictions.bias", AS_IS },
              { "head.weight", "cls.predictions.decoder.weight", AS_IS },
              { "head.bias", "cls.predictions.bias", AS_IS },
              { NULL, NULL, AS_IS } }
};

/* Junczys-Dowmunt et al. 2018.  Positions are computed; files that have them have the same ones. */
#define MARIAN_LAYERS(stack)                                                                  \
    { stack ".layers.*.attention.qkv.*",                                                      \
      stack ".layers.*.self_attn.q_proj.* " stack ".layers.*.self_attn.k_proj.* " stack       \
            ".layers.*.self_attn.v_proj.*",                                                   \
      AS_IS },                                                                                \
        { stack ".layers.*.attention.out.*", stack ".layers.*.self_attn.out_proj.*", AS_IS }, \
        { stack ".layers.*.norm1.*", stack ".layers.*.self_attn_layer_norm.*", AS_IS },       \
        { stack ".layers.*.up.*", stack ".layers.*.fc1.*", AS_IS },                           \
        { stack ".layers.*.down.*", stack ".layers.*.fc2.*", AS_IS },                         \
    {                                                                                         \
        stack ".layers.*.norm2.*", stack ".layers.*.final_layer_norm.*", AS_IS                \
    }
const weight_names marian_names = {
    .prefix = "model.",
    .unused = "encoder.embed_tokens.weight,decoder.embed_tokens.weight,encoder.embed_positions.weight,"
              "decoder.embed_positions.weight,lm_head.weight",
    .rows = { { "source.weight", "shared.weight|encoder.embed_tokens.weight", AS_IS },
              { "target.weight", "decoder.embed_tokens.weight", AS_IS },
              MARIAN_LAYERS("encoder"),
              MARIAN_LAYERS("decoder"),
              { "decoder.layers.*.cross.q.*", "decoder.layers.*.encoder_attn.q_proj.*", AS_IS },
              { "decoder.layers.*.cross.k.*", "decoder.layers.*.encoder_attn.k_proj.*", AS_IS },
              { "decoder.layers.*.cross.v.*", "decoder.layers.*.encoder_attn.v_proj.*", AS_IS },
              { "decoder.layers.*.cross.out.*", "decoder.layers.*.encoder_attn.out_proj.*", AS_IS },
              { "decoder.layers.*.norm_cross.*", "decoder.layers.*.encoder_attn_layer_norm.*", AS_IS },
              { "bias", "final_logits_bias", ONE_ROW },
              { "head.weight", "lm_head.weight", AS_IS },
              { "head.bias", "final_logits_bias", ONE_ROW },
              { NULL, NULL, AS_IS } }
};
