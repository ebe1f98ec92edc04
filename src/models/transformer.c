/* transformer.c - Transformers (Vaswani et al. 2017): six structures, four positions, plain and gated activations, four norms, in every
 * combination.
 *
 *   encoder-decoder   source -> encoder -> memory;  target -> decoder that looks at the memory -> head
 *   prefix-decoder    source and target in one sequence, which sees its source both ways (Liu et al. 2018; Raffel et al. 2020)
 *   causal-decoder    the same, or a text alone, from left to right (Radford et al. 2018); "decoder" is another name for it
 *   encoder           both ways, for classes (Devlin et al. 2018);  causal-encoder: the same from left to right
 *
 * Positions: sinusoidal and learned ones are added to tokens, RoPE and ALiBi act inside of self-attention.
 * Layer: models.  Depends on taper/nn.h.  Read next: transformer_rows.c, copying.c. */
#include "models/copying.h"
#include "models/zoo.h"

#include <math.h>
#include <string.h>

typedef enum network_kind { OF_PAIRS, OF_TEXT, OF_CLASSES } network_kind;
typedef enum pooling_kind { MEAN, LAST, FIRST, EACH } pooling_kind;

typedef struct transformer {
    tp_module *source, *target;            /* embeddings; a text has a target alone, classes a source */
    tp_module *types, *norm;               /* of tokens, BERT's; of what is embedded.  NULL: none */
    tp_module *source_position, *position; /* NULL: inside of attention */
    tp_module *encoder, *decoder, *dropout;
    tp_module *rows; /* pictures to sequences of their rows; of features */
    tp_module *transform, *transform_activation, *transform_norm; /* before the head: BERT's */
    tp_module *head;
    tp_tensor *tied, *bias; /* the head's weight, where it is an embedding's, and its bias or NULL */
    tp_module *generate;    /* copying: whether a token is made or copied; NULL: there is no copying */
    tp_tensor *targets;     /* copying: which target token each source token is, -1: none */
    double scale;           /* of embedded tokens */
    double guided;          /* weight of guided attention's penalty; 0: none */
    int64_t padding;        /* the token that fills up sources */
    network_kind kind;
    pooling_kind pooling;
    bool features, prefix, no_head;
    int64_t context;
} transformer;

/* ---- tokens in, scores out ---------------------------------------------------------------------------------------------- */

/* Scaled, with positions and types, normalised. */
static tp_tensor *finish_embedding(const transformer *m, tp_tensor *x, tp_module *position, tp_tensor *places,
                                   tp_tensor *types)
{
    if (m->scale != 1)
        x = tp_mul(x, tp_number(m->scale));
    if (position)
        x = tp_position_forward(position, x, places);
    if (types)
        x = tp_add(x, tp_forward(m->types, types));
    if (m->norm)
        x = tp_forward(m->norm, x);
    return tp_forward(m->dropout, x);
}

static tp_tensor *embed(const transformer *m, tp_module *table, tp_module *position, tp_tensor *tokens,
                        tp_tensor *places)
{
    return finish_embedding(m, tp_forward(table, tokens), position, places, NULL);
}

/* What the head reads. */
static tp_tensor *before_head(const transformer *m, tp_tensor *x)
{
    return m->transform ? tp_forward(m->transform_norm,
                                     tp_forward(m->transform_activation, tp_forward(m->transform, x)))
                        : x;
}

static tp_tensor *scores_of(const transformer *m, tp_tensor *x)
{
    x = before_head(m, x);
    return m->no_head ? x : m->tied ? tp_linear(x, m->tied, m->bias) : tp_forward(m->head, x);
}

/* Scores of what the decoder made, x (N, T, dim); shares (N, T, S) and the source's target tokens (N, S) are for copying. */
static tp_tensor *answer(const transformer *m, tp_tensor *x, tp_tensor *shares, tp_tensor *targets)
{
    tp_tensor *scores = scores_of(m, x);
    return m->generate ? copying_scores(scores, tp_forward(m->generate, x), shares, targets) : scores;
}

/* Of source tokens (N, S) those that they are in the target's vocabulary; NULL where nothing is copied. */
static tp_tensor *targets_of(const transformer *m, tp_tensor *source)
{
    return m->generate
               ? tp_reshape(tp_index_select(m->targets, 0, tp_flatten(source, 0, 1)), tp_shape_of(source))
               : NULL;
}

/* (N, S) filled up with padding to (N), at least 1. */
static tp_tensor *lengths_of(const transformer *m, tp_tensor *tokens)
{
    return tp_clamp(tp_sum(tp_ne(tokens, m->padding), TP_SHAPE(1), false), 1, INFINITY);
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

static tp_tensor *decode_joined(const transformer *m, tp_tensor *source, tp_tensor *target)
{
    tp_tensor *lengths = lengths_of(m, source);
    if (!lengths)
        return NULL;
    const int64_t batch = tp_size(source, 0), s = tp_size(source, 1), t = tp_size(target, 1);
    tp_tensor *both[] = { tp_forward(m->source, source), tp_forward(m->target, target) };
    tp_tensor *x = tp_flatten(tp_cat(both, 2, 1), 0, 1);
    x = tp_unflatten(tp_index_select(x, 0, joined_rows(lengths, s, t, false)), 0, TP_SHAPE(batch, s + t));
    x = tp_transformer_forward(m->decoder, finish_embedding(m, x, m->position, NULL, NULL),
                               .prefix = m->prefix ? lengths : NULL);
    tp_tensor *y = tp_index_select(tp_flatten(x, 0, 1), 0, joined_rows(lengths, s, t, true));
    return tp_unflatten(y, 0, TP_SHAPE(batch, t));
}

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

/* What the decoder makes of a target; the shares of its last layer into *shares, where something is copied. */
static tp_tensor *decode_pair(tp_module *module, tp_tensor *x, tp_tensor **shares, tp_tensor **targets)
{
    const transformer *m = tp_module_state(module);
    if (tp_ndim(x) != 3 || tp_size(x, 1) != 2) {
        tp_error_set(TP_ERR_SHAPE,
                     "transformer: input of %d dims, (N, 2, L), sources over targets, is wanted", tp_ndim(x));
        return NULL;
    }
    *shares = *targets = NULL;
    tp_tensor *tokens = tp_long(x), *source = tp_select(tokens, 1, 0), *target = tp_select(tokens, 1, 1);
    if (!m->encoder)
        return decode_joined(m, source, target);
    tp_tensor *lengths = lengths_of(m, source);
    tp_tensor *memory =
        tp_transformer_forward(m->encoder, embed(m, m->source, m->source_position, source, NULL),
                               .lengths = lengths);
    const bool guides = m->guided > 0 && tp_is_training(module);
    tp_tensor *y =
        tp_transformer_forward(m->decoder, embed(m, m->target, m->position, target, NULL), .memory = memory,
                               .memory_lengths = lengths, .shares = m->generate || guides ? shares : NULL);
    if (guides && *shares)
        tp_leave_aux(module, guided_penalty(*shares, lengths_of(m, target), lengths), m->guided);
    *targets = targets_of(m, source);
    return y;
}

/* The mean over a sequence's own tokens, or its last one, or the first. */
static tp_tensor *pooled(const transformer *m, tp_tensor *y, tp_tensor *lengths)
{
    const int64_t steps = tp_size(y, 1);
    if (m->pooling == FIRST)
        return tp_select(y, 1, 0);
    if (!lengths)
        return m->pooling == LAST ? tp_select(y, 1, steps - 1) : tp_mean(y, TP_SHAPE(1), false);
    tp_tensor *at = tp_unsqueeze(lengths, 1), *step = tp_arange(0, (double)steps, 1, .dtype = TP_I64);
    tp_tensor *counts = m->pooling == LAST ? tp_eq(step, tp_sub(at, tp_integer(1))) : tp_lt(step, at);
    tp_tensor *share = tp_to(counts, tp_dtype_of(y));
    if (m->pooling == MEAN)
        share = tp_div(share, tp_to(at, tp_dtype_of(y)));
    return tp_squeeze(tp_matmul(tp_unsqueeze(share, 1), y), 1);
}

/* (N, T), or with the types of tokens below them (N, 2, T). */
static tp_tensor *read_classes(const transformer *m, tp_tensor *x)
{
    const bool has_types = !m->features && tp_ndim(x) == 3;
    tp_tensor *all = m->features ? tp_forward(m->rows, x) : tp_long(x),
              *tokens = has_types ? tp_select(all, 1, 0) : all,
              *lengths = m->features ? NULL : lengths_of(m, tokens);
    tp_tensor *types = !m->types ? NULL : has_types ? tp_select(all, 1, 1) : tp_zeros_like(tokens);
    tp_tensor *e = finish_embedding(m, tp_forward(m->source, tokens), m->source_position, NULL, types);
    tp_tensor *y = tp_transformer_forward(m->encoder, e, .lengths = lengths);
    return m->pooling == EACH || !y ? y : pooled(m, y, lengths);
}

/* A text (N, T); a prefix decoder's (N, 2, T) is the text over 1 where it is seen both ways, at its beginning, and 0. */
static tp_tensor *read_text(const transformer *m, tp_tensor *x)
{
    tp_tensor *tokens = tp_long(x), *prefix = NULL;
    const bool cut = m->prefix && tp_ndim(x) == 3 && tp_size(x, 1) == 2;
    if (tp_ndim(x) != 2 && !cut) {
        tp_error_set(TP_ERR_SHAPE, "transformer: input of %d dims, tokens (N, T)%s are wanted", tp_ndim(x),
                     m->prefix ? " or (N, 2, T) over their prefix" : "");
        return NULL;
    }
    if (cut) {
        prefix = tp_sum(tp_select(tokens, 1, 1), TP_SHAPE(1), false);
        tokens = tp_select(tokens, 1, 0);
    }
    return tp_transformer_forward(m->encoder ? m->encoder : m->decoder,
                                  embed(m, m->target, m->position, tokens, NULL), .prefix = prefix);
}

static tp_tensor *forward(tp_module *module, tp_tensor *x)
{
    const transformer *m = tp_module_state(module);
    tp_tensor *shares = NULL, *targets = NULL;
    if (!x)
        return NULL;
    if (m->kind != OF_PAIRS)
        return scores_of(m, m->kind == OF_CLASSES ? read_classes(m, x) : read_text(m, x));
    tp_tensor *y = decode_pair(module, x, &shares, &targets);
    return answer(m, y, shares, targets);
}

/* The same without the head. */
static tp_tensor *body(tp_module *module, tp_tensor *x, tp_head *head)
{
    const transformer *m = tp_module_state(module);
    tp_tensor *shares = NULL, *targets = NULL,
              *y = m->kind == OF_CLASSES ? read_classes(m, x)
                   : m->kind == OF_TEXT  ? read_text(m, x)
                                         : decode_pair(module, x, &shares, &targets);
    tp_params *own = m->head ? tp_parameters(m->head) : NULL;
    *head = own ? (tp_head){ tp_params_at(own, 0), tp_params_count(own) > 1 ? tp_params_at(own, 1) : NULL }
                : (tp_head){ m->tied, m->bias };
    return y ? before_head(m, y) : NULL;
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

/* The next tokens (M, T) through the decoder; counts: how many of each row are tokens; shares or NULL. */
static tp_tensor *go_on(const transformer *m, tp_module *table, tp_tensor *tokens, tp_tensor *prefix,
                        tp_tensor *counts, tp_tensor **shares, tp_decoding *d)
{
    tp_kv_cache cache = cache_of(d);
    tp_tensor *x = embed(m, table, m->position, tokens, cache.places);
    x = tp_transformer_forward(m->decoder, x, .cache = &cache, .prefix = prefix,
                               .memory_keys = d->n_read ? d->read[0] : NULL,
                               .memory_values = d->n_read ? d->read[1] : NULL,
                               .memory_lengths = d->n_read ? d->read[2] : NULL, .shares = shares);
    if (!x || tp_kv_cache_advance(&cache, counts))
        return NULL;
    carry(d, &cache);
    return x;
}

static tp_status begin(tp_module *module, tp_tensor *source, tp_decoding *d)
{
    const transformer *m = tp_module_state(module);
    if (!source || !tp_numel(source))
        return tp_error_pending(); /* a text begins with nothing */
    tp_tensor *given = d->lengths;
    d->lengths = NULL;
    tp_tensor *lengths = given                 ? given
                         : m->kind == OF_PAIRS ? lengths_of(m, source)
                                               : tp_full(TP_SHAPE(tp_size(source, 0)),
                                                         (double)tp_size(source, 1), .dtype = TP_I64);
    if (!m->encoder) {
        go_on(m, m->kind == OF_PAIRS ? m->source : m->target, source, m->prefix ? lengths : NULL, lengths,
              NULL, d);
        return tp_error_pending();
    }
    tp_tensor *memory =
        tp_transformer_forward(m->encoder, embed(m, m->source, m->source_position, source, NULL),
                               .lengths = lengths);
    d->read[2] = lengths;
    d->read[3] = targets_of(m, source);
    d->n_read = m->generate ? 4 : 3;
    return tp_transformer_memory(m->decoder, memory, &d->read[0], &d->read[1]);
}

static int64_t context_of(const tp_module *module)
{
    return ((const transformer *)tp_module_state((tp_module *)(uintptr_t)module))->context;
}

/* Of (M, T, D) the last row of each that counts, (M, 1, D). */
static tp_tensor *last_of(tp_tensor *x, tp_tensor *lengths)
{
    const int64_t steps = tp_size(x, 1), *length = tp_data(lengths);
    for (int64_t i = 0; i < tp_numel(lengths); i++)
        if (length[i] < 1 || length[i] > steps) {
            tp_error_set(TP_ERR_ARGUMENT, "transformer: a step over %lld of %lld tokens",
                         (long long)length[i], (long long)steps);
            return NULL;
        }
    tp_tensor *first = tp_arange(0, (double)(tp_size(x, 0) * steps), (double)steps, .dtype = TP_I64),
              *at = tp_add(first, tp_sub(lengths, tp_integer(1)));
    return tp_unsqueeze(tp_index_select(tp_flatten(x, 0, 1), 0, at), 1);
}

static tp_tensor *step(tp_module *module, tp_tensor *tokens, tp_decoding *d)
{
    const transformer *m = tp_module_state(module);
    tokens = tokens && tp_ndim(tokens) == 1 ? tp_unsqueeze(tokens, 1) : tokens;
    if (!tokens)
        return NULL;
    const int64_t n = tp_size(tokens, 1);
    const bool begins = m->prefix && m->kind == OF_TEXT && !d->n_carried; /* a prompt is seen both ways */
    tp_tensor *shares = NULL, *lengths = d->lengths,
              *counts = lengths ? lengths : tp_full(TP_SHAPE(tp_size(tokens, 0)), (double)n, .dtype = TP_I64);
    d->lengths = NULL;
    tp_tensor *x =
        go_on(m, m->target, tokens, begins ? counts : NULL, counts, m->generate ? &shares : NULL, d);
    if (!x)
        return NULL;
    x = lengths ? last_of(x, lengths) : tp_narrow(x, 1, n - 1, 1);
    shares = !shares ? NULL : lengths ? last_of(shares, lengths) : tp_narrow(shares, 1, n - 1, 1);
    return tp_select(answer(m, x, shares, m->generate ? d->read[3] : NULL), 1, 0);
}

/* ---- the network --------------------------------------------------------------------------------------------------------------- */

static tp_module *stack_of(const tp_transformer_config *c, bool decoder, bool causal, bool both)
{
    tp_transformer_options o = c->layer;
    const int64_t layers = decoder && c->decoder_layers ? c->decoder_layers : c->layers;
    const bool inside = !strcmp(c->position, "rope") || !strcmp(c->position, "alibi");
    o.position = inside ? c->position : "none";
    o.causal = causal;
    o.cross = decoder && both;
    if (o.alpha == 0)
        tp_transformer_deepnorm(decoder ? "decoder" : "encoder", both || !decoder ? c->layers : 0,
                                both || decoder ? layers : 0, &o.alpha, &o.beta);
    return tp_nn_transformer_opt(c->dim, layers, c->heads, &o);
}

/* N(0, 0.02), or where tokens are multiplied by sqrt(dim) N(0, 1 / sqrt(dim)) (Vaswani et al. 2017, 3.4). */
static tp_module *table_of(const tp_transformer_config *c, int64_t count)
{
    tp_module *table = tp_nn_embedding(count, c->dim);
    TP_NO_GRAD;
    if (table)
        tp_normal_(tp_params_at(tp_parameters(table), 0), 0,
                   c->scale_embedding ? 1 / sqrt((double)c->dim) : 0.02);
    return table;
}

static tp_module *positions_of(tp_module *net, const char *name, const tp_transformer_config *c)
{
    const bool added = !strncmp(c->position, "sinusoidal", 10) || !strcmp(c->position, "learned");
    return added ? tp_child(net, name, tp_nn_position(c->position, c->context, c->dim)) : NULL;
}

static void build_head(tp_module *net, transformer *m, const tp_transformer_config *c)
{
    tp_module *table = m->target ? m->target : c->tied ? m->source : NULL;
    m->no_head = c->no_head;
    if (c->head_transform) {
        const char *activation = c->layer.activation;
        m->transform = tp_child(net, "transform", tp_nn_linear(c->dim, c->dim));
        m->transform_activation =
            tp_child(net, "transform_activation",
                     tp_nn_activation(activation && !tp_transformer_gated(activation) ? activation : "gelu"));
        m->transform_norm =
            tp_child(net, "transform_norm", tp_nn_layer_norm(TP_SHAPE(c->dim), .eps = c->layer.eps));
    }
    if (c->no_head)
        return;
    if (table && !c->untied) {
        m->tied = tp_params_at(tp_parameters(table), 0);
        m->bias = c->head_bias ? tp_parameter(net, "bias", tp_zeros(TP_SHAPE(tp_size(m->tied, 0)))) : NULL;
        return;
    }
    m->head = tp_child(net, "head",
                       tp_nn_linear(c->dim, m->target ? c->target_tokens : c->classes,
                                    .no_bias = m->target && !c->head_bias));
    TP_NO_GRAD;
    if (m->head)
        tp_normal_(tp_params_at(tp_parameters(m->head), 0), 0, 0.02);
}

static const char *const structures[] = {
    "encoder-decoder", "encoder", "causal-encoder", "decoder", "causal-decoder", "prefix-decoder", NULL
};
enum { ENCODER_DECODER, ENCODER, CAUSAL_ENCODER, DECODER, CAUSAL_DECODER, PREFIX_DECODER };

/* Which of the structures it is; those that a kind cannot be are an error. */
static int structure_of(const tp_transformer_config *c, network_kind kind)
{
    const bool fits[3][6] = { { true, false, false, true, true, true },
                              { false, true, false, true, true, true },
                              { false, true, true, false, false, false } };
    const int which = model_choice("transformer", "structure", c->structure, structures);
    static const char *const wanted[] = { "encoder-decoder, causal-decoder or prefix-decoder",
                                          "causal-decoder, prefix-decoder or encoder",
                                          "encoder or causal-encoder" };
    if (which < 0 || fits[kind][which])
        return which;
    tp_error_set(TP_ERR_ARGUMENT, "transformer: structure %s, of this model %s is wanted", c->structure,
                 wanted[kind]);
    return -1;
}

/* What the shares of the last cross-attention are for. */
static void build_uses_of_shares(tp_module *net, transformer *m, const tp_transformer_config *c,
                                 int structure)
{
    if (structure != ENCODER_DECODER || m->kind != OF_PAIRS || (c->copy && c->no_head)) {
        tp_error_set(TP_ERR_ARGUMENT,
                     "transformer: %s is for the shares of a source, structure encoder-decoder%s is wanted",
                     c->copy ? "copy" : "guided", c->copy ? " with a head" : "");
        return;
    }
    if (!(c->guided >= 0 && isfinite(c->guided))) {
        tp_error_set(TP_ERR_ARGUMENT, "transformer: guided is %g, 0 or more is wanted", c->guided);
        return;
    }
    m->guided = c->guided;
    if (!c->copy)
        return;
    m->generate = tp_child(net, "generate", tp_nn_linear(c->dim, 1));
    m->targets = tp_buffer(net, "targets", tp_full(TP_SHAPE(c->source_tokens), -1, .dtype = TP_I64));
}

static void build_embeddings(tp_module *net, transformer *m, const tp_transformer_config *c)
{
    m->scale = c->scale_embedding ? sqrt((double)c->dim) : 1;
    m->dropout =
        tp_child(net, "dropout", c->layer.dropout > 0 ? tp_nn_dropout(c->layer.dropout) : tp_nn_identity());
    if (m->features)
        m->rows = tp_child(net, "rows", tp_nn_rows());
    if (m->features)
        m->source = tp_child(net, "source", tp_nn_linear(c->features, c->dim));
    else if (c->source_tokens)
        m->source = tp_child(net, "source", table_of(c, c->source_tokens));
    if (c->shared_embedding)
        m->target = tp_child(net, "target", m->source);
    else if (c->target_tokens)
        m->target = tp_child(net, "target", table_of(c, c->target_tokens));
    if (c->token_types)
        m->types = tp_child(net, "types", table_of(c, c->token_types));
    if (c->embedding_norm)
        m->norm = tp_child(net, "embedding_norm", tp_nn_layer_norm(TP_SHAPE(c->dim), .eps = c->layer.eps));
}

tp_module *tp_transformer_opt(const tp_transformer_config *config)
{
    static const tp_decoding_functions functions = { begin, step, context_of };
    static const char *const positions[] = { "none",  "sinusoidal", "sinusoidal_halves", "learned", "rope",
                                             "alibi", NULL },
                             *const poolings[] = { "mean", "last", "first", "each", NULL };
    tp_transformer_config c = { .struct_size = sizeof c };
    if (tp_error_pending() || !config)
        return NULL;
    memcpy(&c, config, config->struct_size < sizeof c ? config->struct_size : sizeof c);
    c.pooling = c.pooling ? c.pooling : "mean";
    c.position = c.position ? c.position : "none";
    const network_kind kind = !c.target_tokens && !c.shared_embedding ? OF_CLASSES
                              : c.source_tokens                       ? OF_PAIRS
                                                                      : OF_TEXT;
    const int structure = structure_of(&c, kind),
              pooling = model_choice("transformer", "pooling", c.pooling, poolings);
    if (structure < 0 || pooling < 0 || model_choice("transformer", "position", c.position, positions) < 0)
        return NULL;
    TP_SCOPE;
    tp_module *net = tp_module_new("transformer_network", sizeof(transformer), forward);
    transformer *m = tp_module_state(net);
    if (!m)
        return NULL;
    m->kind = kind;
    m->features = c.features > 0;
    m->context = c.context;
    m->prefix = structure == PREFIX_DECODER;
    m->pooling = (pooling_kind)pooling;
    m->padding = c.padding;
    build_embeddings(net, m, &c);
    if (kind == OF_TEXT && structure == ENCODER) {
        m->position = positions_of(net, "position", &c);
        m->encoder = tp_child(net, "encoder", stack_of(&c, false, false, false));
    } else if (structure <= CAUSAL_ENCODER) {
        m->source_position = positions_of(net, "source_position", &c);
        m->encoder = tp_child(net, "encoder",
                              stack_of(&c, false, structure == CAUSAL_ENCODER, structure == ENCODER_DECODER));
    }
    if (structure == ENCODER_DECODER || structure >= DECODER) {
        m->position = positions_of(net, "position", &c);
        m->decoder = tp_child(net, "decoder", stack_of(&c, true, true, structure == ENCODER_DECODER));
        tp_module_decodes(net, &functions);
    }
    if (!tp_error_pending())
        build_head(net, m, &c);
    if (!tp_error_pending() && (c.copy || c.guided != 0))
        build_uses_of_shares(net, m, &c, structure);
    if ((kind != OF_CLASSES || c.tied) && !c.no_head && !c.copy)
        tp_module_heads(net, body);
    return tp_keep(tp_module_built(net));
}
