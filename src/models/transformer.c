/* transformer.c - Transformers (Vaswani et al. 2017): six structures, four positions, plain and gated activations, four norms, in every
 * combination.
 *
 *   encoder-decoder   source -> encoder -> memory;  target -> decoder that looks at the memory -> head
 *   prefix-decoder    source and target in one sequence, which sees its source both ways (Liu et al. 2018; Raffel et al. 2020)
 *   causal-decoder    the same, or a text alone, from left to right (Radford et al. 2018); "decoder" is another name for it
 *   encoder           both ways, for classes (Devlin et al. 2018);  causal-encoder: the same from left to right
 *
 * Positions: sinusoidal and learned ones are added to tokens, RoPE and ALiBi act inside of self-attention.
 * Layer: models.  Depends on taper/nn.h.  Read next: transformer_rows.c. */
#include "models/transformer.h"

#include <math.h>
#include <string.h>

typedef struct transformer {
    tp_module *source, *target;            /* embeddings; a text has a target alone, classes a source */
    tp_module *source_position, *position; /* NULL: inside of attention */
    tp_module *encoder, *decoder, *dropout, *head;
    tp_tensor *tied; /* the head's weight, where it is the target embedding's */
    double scale;    /* of embedded tokens */
    transformer_kind kind;
    bool prefix, last; /* last: the class is read at the last token, else from the mean */
} transformer;

/* ---- tokens in, scores out ---------------------------------------------------------------------------------------------- */

static tp_tensor *embed(const transformer *m, tp_module *table, tp_module *position, tp_tensor *tokens,
                        tp_tensor *places)
{
    tp_tensor *x = tp_forward(table, tokens);
    if (m->scale != 1)
        x = tp_mul(x, tp_number(m->scale));
    if (position)
        x = tp_position_forward(position, x, places);
    return tp_forward(m->dropout, x);
}

static tp_tensor *scores_of(const transformer *m, tp_tensor *x)
{
    return m->tied ? tp_linear(x, m->tied, NULL) : tp_forward(m->head, x);
}

/* (N, S) filled up with 0 to (N), at least 1. */
static tp_tensor *lengths_of(tp_tensor *tokens)
{
    return tp_clamp(tp_sum(tp_ne(tokens, 0), TP_SHAPE(1), false), 1, INFINITY);
}

/* ---- source and target in one sequence, without what fills up the source: row b is source[0 .. n), target --------------------- */

/* Of rows (N, S + T, ..), the source's and then the target's, those of the joined sequences; back: the target's places in those. */
static tp_tensor *joined_rows(tp_tensor *lengths, int64_t s, int64_t t, bool back)
{
    const int64_t batch = tp_size(lengths, 0), count = back ? t : s + t;
    tp_tensor *rows = tp_zeros(TP_SHAPE(batch * count), .dtype = TP_I64);
    int64_t *row = rows ? tp_data(rows) : NULL, *length = row ? tp_data(lengths) : NULL;
    for (int64_t b = 0; length && b < batch; b++)
        for (int64_t i = 0; i < count; i++) {
            const int64_t n = length[b],
                          in_target = i - n; /* what is left over at the end repeats the last token */
            row[b * count + i] = b * (s + t) + (back            ? n + i
                                                : i < n         ? i
                                                : in_target < t ? s + in_target
                                                                : s + t - 1);
        }
    return rows;
}

static tp_tensor *forward_joined(const transformer *m, tp_tensor *source, tp_tensor *target)
{
    tp_tensor *lengths = lengths_of(source);
    if (!lengths)
        return NULL;
    const int64_t batch = tp_size(source, 0), s = tp_size(source, 1), t = tp_size(target, 1);
    tp_tensor *both[] = { tp_forward(m->source, source), tp_forward(m->target, target) };
    tp_tensor *x = tp_flatten(tp_cat(both, 2, 1), 0, 1);
    x = tp_unflatten(tp_index_select(x, 0, joined_rows(lengths, s, t, false)), 0, TP_SHAPE(batch, s + t));
    if (m->scale != 1)
        x = tp_mul(x, tp_number(m->scale));
    if (m->position)
        x = tp_position_forward(m->position, x, NULL);
    x = tp_transformer_forward(m->decoder, tp_forward(m->dropout, x), .prefix = m->prefix ? lengths : NULL);
    tp_tensor *y = tp_index_select(tp_flatten(x, 0, 1), 0, joined_rows(lengths, s, t, true));
    return scores_of(m, tp_unflatten(y, 0, TP_SHAPE(batch, t)));
}

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

static tp_tensor *forward_pair(const transformer *m, tp_tensor *x)
{
    if (tp_ndim(x) != 3 || tp_size(x, 1) != 2) {
        tp_error_set(TP_ERR_SHAPE,
                     "transformer: input of %d dims, (N, 2, L), sources over targets, is wanted", tp_ndim(x));
        return NULL;
    }
    tp_tensor *tokens = tp_long(x), *source = tp_select(tokens, 1, 0), *target = tp_select(tokens, 1, 1);
    if (!m->encoder)
        return forward_joined(m, source, target);
    tp_tensor *lengths = lengths_of(source);
    tp_tensor *memory =
        tp_transformer_forward(m->encoder, embed(m, m->source, m->source_position, source, NULL),
                               .lengths = lengths);
    tp_tensor *y = tp_transformer_forward(m->decoder, embed(m, m->target, m->position, target, NULL),
                                          .memory = memory, .memory_lengths = lengths);
    return scores_of(m, y);
}

/* The mean over a sequence's own tokens, or its last one. */
static tp_tensor *pooled(const transformer *m, tp_tensor *y, tp_tensor *lengths)
{
    const int64_t steps = tp_size(y, 1);
    if (!lengths)
        return m->last ? tp_select(y, 1, steps - 1) : tp_mean(y, TP_SHAPE(1), false);
    tp_tensor *at = tp_unsqueeze(lengths, 1), *step = tp_arange(0, (double)steps, 1, .dtype = TP_I64);
    tp_tensor *counts = m->last ? tp_eq(step, tp_sub(at, tp_integer(1))) : tp_lt(step, at);
    tp_tensor *share = tp_to(counts, tp_dtype_of(y));
    if (!m->last)
        share = tp_div(share, tp_to(at, tp_dtype_of(y)));
    return tp_squeeze(tp_matmul(tp_unsqueeze(share, 1), y), 1);
}

static tp_tensor *forward_classes(const transformer *m, tp_tensor *x)
{
    const bool features = m->kind == OF_FEATURES;
    tp_tensor *tokens = features ? x : tp_long(x), *lengths = features ? NULL : lengths_of(tokens);
    tp_tensor *e = embed(m, m->source, m->source_position, tokens, NULL);
    tp_tensor *y = tp_transformer_forward(m->encoder, e, .lengths = lengths);
    if (m->kind != OF_TAGS && y)
        y = pooled(m, y, lengths);
    return tp_forward(m->head, y);
}

static tp_tensor *forward(tp_module *module, tp_tensor *x)
{
    const transformer *m = tp_module_state(module);
    if (!x)
        return NULL;
    if (m->kind == OF_PAIRS)
        return forward_pair(m, x);
    if (m->kind == OF_TEXT)
        return scores_of(m, tp_transformer_forward(m->decoder,
                                                   embed(m, m->target, m->position, tp_long(x), NULL)));
    return forward_classes(m, x);
}

/* ---- token by token: carried is the cache; read what was made of the memory ------------------------------------------------------ */

static tp_kv_cache cache_of(const tp_decoding *d)
{
    return d->n_carried == 4 ? (tp_kv_cache){ d->carried[0], d->carried[1], d->carried[2], d->carried[3] }
                             : (tp_kv_cache){ 0 };
}

static void carry(tp_decoding *d, const tp_kv_cache *c)
{
    d->carried[0] = c->keys, d->carried[1] = c->values, d->carried[2] = c->lengths, d->carried[3] = c->places;
    d->n_carried = 4;
}

/* The next tokens (M, T) through the decoder; counts: how many of each row are tokens. */
static tp_tensor *go_on(const transformer *m, tp_module *table, tp_tensor *tokens, tp_tensor *prefix,
                        tp_tensor *counts, tp_decoding *d)
{
    tp_kv_cache cache = cache_of(d);
    tp_tensor *x = embed(m, table, m->position, tokens, cache.places);
    x = tp_transformer_forward(m->decoder, x, .cache = &cache, .prefix = prefix,
                               .memory_keys = d->n_read ? d->read[0] : NULL,
                               .memory_values = d->n_read ? d->read[1] : NULL,
                               .memory_lengths = d->n_read ? d->read[2] : NULL);
    if (!x || tp_kv_cache_advance(&cache, counts))
        return NULL;
    carry(d, &cache);
    return x;
}

static tp_status begin(tp_module *module, tp_tensor *source, tp_decoding *d)
{
    const transformer *m = tp_module_state(module);
    if (!source || m->kind != OF_PAIRS)
        return tp_error_pending(); /* a text begins with nothing */
    tp_tensor *lengths = lengths_of(source);
    if (!m->encoder) {
        go_on(m, m->source, source, m->prefix ? lengths : NULL, lengths, d);
        return tp_error_pending();
    }
    tp_tensor *memory =
        tp_transformer_forward(m->encoder, embed(m, m->source, m->source_position, source, NULL),
                               .lengths = lengths);
    d->read[2] = lengths;
    d->n_read = 3;
    return tp_transformer_memory(m->decoder, memory, &d->read[0], &d->read[1]);
}

static tp_tensor *step(tp_module *module, tp_tensor *tokens, tp_decoding *d)
{
    const transformer *m = tp_module_state(module);
    tokens = tokens && tp_ndim(tokens) == 1 ? tp_unsqueeze(tokens, 1) : tokens;
    if (!tokens)
        return NULL;
    tp_tensor *x = go_on(m, m->target, tokens, NULL, tp_integer(tp_size(tokens, 1)), d);
    return x ? scores_of(m, tp_select(x, 1, tp_size(x, 1) - 1)) : NULL;
}

/* ---- the network --------------------------------------------------------------------------------------------------------------- */

static bool is_gated(const char *activation)
{
    const size_t n = strlen(activation);
    return (n > 3 && !strcmp(activation + n - 3, "glu")) || !strcmp(activation, "geglu_tanh");
}

static tp_transformer_options stack_options(const tp_model_options *o)
{
    const bool inside = !strcmp(o->position, "rope") || !strcmp(o->position, "alibi");
    return (tp_transformer_options){ .struct_size = sizeof(tp_transformer_options),
                                     .activation = o->activation,
                                     .norm = o->norm,
                                     .position = inside ? o->position : "none",
                                     .kv_heads = o->kv_heads,
                                     .ff = o->ff                     ? o->ff
                                           : is_gated(o->activation) ? (o->dim * 8 / 3 + 7) / 8 * 8
                                                                     : 4 * o->dim,
                                     .window = o->attention_window,
                                     .dropout = o->dropout,
                                     .attention_dropout = o->dropout };
}

static tp_module *stack_of(const tp_model_options *o, const char *which, bool causal, bool both)
{
    tp_transformer_options s = stack_options(o);
    const bool decoder = !strcmp(which, "decoder");
    s.causal = causal;
    s.cross = decoder && both;
    tp_transformer_deepnorm(which, both || !decoder ? o->layers : 0, both || decoder ? o->layers : 0,
                            &s.alpha, &s.beta);
    return tp_nn_transformer_opt(o->dim, o->layers, o->heads, &s);
}

/* N(0, 0.02), or where tokens are multiplied by sqrt(dim) N(0, 1 / sqrt(dim)) (Vaswani et al. 2017, 3.4). */
static tp_module *table_of(const tp_model_options *o, int64_t count, double scale)
{
    tp_module *table = tp_nn_embedding(count, o->dim);
    TP_NO_GRAD;
    if (table)
        tp_normal_(tp_params_at(tp_parameters(table), 0), 0, scale != 1 ? 1 / scale : 0.02);
    return table;
}

static tp_module *positions_of(tp_module *net, const char *name, const tp_model_options *o)
{
    if (strcmp(o->position, "sinusoidal") && strcmp(o->position, "learned"))
        return NULL;
    return tp_child(net, name, tp_nn_position(o->position, o->context, o->dim));
}

static void build_head(tp_module *net, transformer *m, const tp_model_options *o)
{
    if (m->target && !o->untied)
        m->tied = tp_params_at(tp_parameters(m->target), 0);
    else
        m->head = tp_child(net, "head", tp_nn_linear(o->dim, o->classes, .no_bias = m->target));
    if (m->head) {
        TP_NO_GRAD;
        tp_normal_(tp_params_at(tp_parameters(m->head), 0), 0, 0.02);
    }
}

static const char *const structures[] = {
    "encoder-decoder", "encoder", "causal-encoder", "decoder", "causal-decoder", "prefix-decoder", NULL
};
enum { ENCODER_DECODER, ENCODER, CAUSAL_ENCODER, DECODER, CAUSAL_DECODER, PREFIX_DECODER };

/* Which of the structures it is; those that a kind cannot be are an error. */
static int structure_of(const tp_model_options *o, transformer_kind kind)
{
    const bool fits[3][6] = { { true, false, false, true, true, true },
                              { false, false, false, true, true, false },
                              { false, true, true, false, false, false } };
    const int which = model_choice("transformer", "structure", o->structure, structures),
              row = kind > OF_TEXT ? 2 : (int)kind;
    static const char *const wanted[] = { "encoder-decoder, causal-decoder or prefix-decoder",
                                          "causal-decoder", "encoder or causal-encoder" };
    if (which < 0 || fits[row][which])
        return which;
    tp_error_set(TP_ERR_ARGUMENT, "transformer: structure %s, of this model %s is wanted", o->structure,
                 wanted[row]);
    return -1;
}

tp_module *transformer_build(const tp_model_options *o, transformer_kind kind)
{
    static const tp_decoding_functions functions = { begin, step };
    static const char *const positions[] = { "sinusoidal", "learned", "rope", "alibi", NULL },
                             *const poolings[] = { "mean", "last", NULL };
    const int structure = structure_of(o, kind),
              pooling = model_choice("transformer", "pooling", o->pooling ? o->pooling : "mean", poolings);
    if (structure < 0 || pooling < 0 || model_choice("transformer", "position", o->position, positions) < 0)
        return NULL;
    tp_module *net = tp_module_new("transformer_network", sizeof(transformer), forward);
    transformer *m = tp_module_state(net);
    if (!m)
        return NULL;
    m->kind = kind;
    m->prefix = structure == PREFIX_DECODER;
    m->last = pooling == 1;
    m->scale = strcmp(o->position, "sinusoidal") || kind == OF_FEATURES ? 1 : sqrt((double)o->dim);
    m->dropout = tp_child(net, "dropout", o->dropout > 0 ? tp_nn_dropout(o->dropout) : tp_nn_identity());
    if (kind == OF_FEATURES)
        m->source = tp_child(net, "source", tp_nn_linear(o->features, o->dim));
    else if (kind != OF_TEXT)
        m->source = tp_child(net, "source", table_of(o, o->inputs, m->scale));
    if (kind == OF_TEXT || kind == OF_PAIRS)
        m->target = tp_child(net, "target", table_of(o, o->classes, m->scale));
    if (structure <= CAUSAL_ENCODER) {
        m->source_position = positions_of(net, "source_position", o);
        m->encoder =
            tp_child(net, "encoder",
                     stack_of(o, "encoder", structure == CAUSAL_ENCODER, structure == ENCODER_DECODER));
    }
    if (structure == ENCODER_DECODER || structure >= DECODER) {
        m->position = positions_of(net, "position", o);
        m->decoder = tp_child(net, "decoder", stack_of(o, "decoder", true, structure == ENCODER_DECODER));
        tp_module_decodes(net, &functions);
    }
    if (!tp_error_pending())
        build_head(net, m, o);
    return net;
}
