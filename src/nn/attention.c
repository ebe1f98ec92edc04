/* attention.c - multi-head attention (Vaswani et al. 2017) as a layer: of a sequence to itself, and to another one.
 *
 *   self:   qkv (B, T, (H + 2 G) d) = x W' + b in one product, RoPE in place, attention, out (B, T, width)
 *   cross:  q of x, k and v of the memory, attention without positions, out
 *
 * With a cache, keys and values of what came before are kept, and only the new tokens go through.
 * Shares of the memory are made only where someone asks for them: fused attention never has them in one place.
 * Layer: nn.  Depends on transformer.h.  Read next: attention_record.c, kv_cache.c, transformer_layer.c. */
#include "nn/transformer.h"

#include <math.h>

typedef struct attention_state {
    attention_shape s;
    tp_module *qkv, *q, *k, *v, *out; /* self: qkv and out */
} attention_state;

/* (B, T, n d) to (B, n, T, d), from head `first` of x on. */
static tp_tensor *split(tp_tensor *x, int64_t first, int64_t n, int64_t d)
{
    tp_tensor *part = x && tp_size(x, 2) != n * d ? tp_narrow(x, 2, first * d, n * d) : x;
    return part ? tp_transpose(tp_unflatten(part, 2, TP_SHAPE(n, d)), 1, 2) : NULL;
}

static tp_tensor *join(tp_tensor *y)
{
    return y ? tp_flatten(tp_transpose(y, 1, 2), 2, 3) : NULL;
}

static tp_attention_options options_of(const tp_module *m, const attention_shape *s, const attending *a)
{
    return (tp_attention_options){ .struct_size = sizeof(tp_attention_options),
                                   .attn_mask = a->attn_mask,
                                   .dropout_p = m->training ? s->dropout : 0,
                                   .is_causal = s->causal,
                                   .lengths = a->lengths,
                                   .prefix = a->prefix,
                                   .slopes = a->slopes,
                                   .window = s->window };
}

static tp_tensor *attend_from_cache(const tp_module *m, tp_tensor *qkv, const attending *a,
                                    tp_attention_options *o)
{
    const attention_shape *s = &((const attention_state *)m->state)->s;
    tp_tensor *keys, *values, *k = split(qkv, s->heads, s->kv_heads, s->head_dim),
                              *v = split(qkv, s->heads + s->kv_heads, s->kv_heads, s->head_dim);
    if (!k || !v || cache_append(a->cache, a->layer, k, v, &keys, &values))
        return NULL;
    o->at_end = true;
    tp_tensor *q = split(qkv, 0, s->heads, s->head_dim);
    note_attention_of(m, q, keys, o);
    return join(tp_scaled_dot_product_attention_opt(q, keys, values, o));
}

static tp_tensor *attend_self(tp_module *m, tp_tensor *x, const attending *a)
{
    const attention_state *state = m->state;
    const attention_shape *s = &state->s;
    tp_tensor *qkv = tp_forward(state->qkv, x);
    if (a->cosines)
        qkv = tp_rope_(qkv, a->cosines, a->sines, s->head_dim, .heads = s->heads + s->kv_heads,
                       .adjacent = s->adjacent, .places = a->places);
    tp_attention_options o = options_of(m, s, a);
    if (a->cache)
        return tp_forward(state->out, attend_from_cache(m, qkv, a, &o));
    if (tp_is_recording_attention())
        note_attention_of(m, split(qkv, 0, s->heads, s->head_dim),
                          split(qkv, s->heads, s->kv_heads, s->head_dim), &o);
    return tp_forward(state->out, tp_packed_attention_opt(qkv, s->heads, s->kv_heads, &o));
}

/* Step by step, for the shares: softmax(q k' / sqrt(d)) over the first lengths keys; what training drops counts in them. */
static tp_tensor *attend_with_shares(const tp_module *m, tp_tensor *q, tp_tensor *k, tp_tensor *v,
                                     const attending *a)
{
    const attention_shape *s = &((const attention_state *)m->state)->s;
    const int64_t together = s->heads / s->kv_heads;
    if (together > 1)
        k = tp_repeat_interleave(k, together, 1), v = tp_repeat_interleave(v, together, 1);
    tp_tensor *scores = tp_mul(tp_matmul(q, tp_transpose(k, 2, 3)), tp_number(1 / sqrt((double)s->head_dim)));
    if (a->memory_lengths && scores) {
        tp_tensor *place = tp_arange(0, (double)tp_size(scores, 3), 1, .dtype = TP_I64);
        scores =
            tp_masked_fill(scores, tp_ge(place, tp_unflatten(a->memory_lengths, 0, TP_SHAPE(-1, 1, 1, 1))),
                           -INFINITY);
    }
    tp_tensor *shares = tp_softmax(scores, 3);
    *a->shares = tp_mean(shares, TP_SHAPE(1), false);
    return tp_matmul(tp_dropout(shares, s->dropout, m->training), v);
}

static tp_tensor *attend_cross(tp_module *m, tp_tensor *x, const attending *a)
{
    const attention_state *state = m->state;
    const attention_shape *s = &state->s;
    tp_tensor *k = a->memory_keys, *v = a->memory_values;
    if (!k && attention_memory(m, a->memory, &k, &v))
        return NULL;
    tp_tensor *q = split(tp_forward(state->q, x), 0, s->heads, s->head_dim);
    k = split(k, 0, s->kv_heads, s->head_dim), v = split(v, 0, s->kv_heads, s->head_dim);
    const tp_attention_options o = { .struct_size = sizeof o,
                                     .lengths = a->memory_lengths,
                                     .dropout_p = m->training ? s->dropout : 0 };
    note_attention_of(m, q, k, &o);
    tp_tensor *y =
        a->shares ? attend_with_shares(m, q, k, v, a) : tp_scaled_dot_product_attention_opt(q, k, v, &o);
    return tp_forward(state->out, join(y));
}

tp_status attention_memory(tp_module *m, tp_tensor *memory, tp_tensor **keys, tp_tensor **values)
{
    const attention_state *state = m->state;
    if (!memory && !tp_pending())
        return tp_fail(TP_ERR_ARGUMENT, "%s: there is no memory to look at", m->type);
    *keys = tp_forward(state->k, memory);
    *values = tp_forward(state->v, memory);
    return tp_error_pending();
}

static tp_status attention_body(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                                void *context)
{
    const attention_state *state = m->state;
    const attending *a = context;
    (void)n_in;
    out[0] = state->qkv ? attend_self(m, in[0], a) : attend_cross(m, in[0], a);
    if (n_out > 1)
        out[1] = *a->shares;
    return tp_error_pending();
}

tp_tensor *call_with_shares(tp_module *m, tp_tensor *x, tp_module_body *body, const void *context,
                            tp_tensor **shares)
{
    tp_tensor *y[2];
    if (tp_module_call(m, &x, 1, y, shares ? 2 : 1, body, (void *)(uintptr_t)context))
        return NULL;
    if (shares)
        *shares = y[1];
    return y[0];
}

tp_tensor *attention_forward(tp_module *m, tp_tensor *x, const attending *a)
{
    const bool cross = ((const attention_state *)m->state)->q;
    return call_with_shares(m, x, attention_body, a, cross ? a->shares : NULL);
}

/* tp_forward(m, x): nothing but x. */
static tp_tensor *attention_alone(tp_module *m, tp_tensor *x)
{
    const attention_state *state = m->state;
    if (state->qkv)
        return attend_self(m, x, &(attending){ 0 });
    return attend_cross(m, x, &(attending){ .memory = x });
}

static tp_module *attention_new(const char *type, const attention_shape *s)
{
    tp_module *m = tp_module_new(type, sizeof(attention_state), attention_alone);
    attention_state *state = tp_module_state(m);
    if (!state)
        return NULL;
    state->s = *s;
    tp_module_set_info(m, "%lld heads of %lld%s", (long long)s->heads, (long long)s->head_dim,
                       s->causal ? ", causal" : "");
    return m;
}

tp_module *attention_self_new(const attention_shape *s)
{
    TP_SCOPE;
    tp_module *m = tp_pending() ? NULL : attention_new("self_attention", s);
    if (!m)
        return NULL;
    attention_state *state = m->state;
    const int64_t all = (s->heads + 2 * s->kv_heads) * s->head_dim;
    state->qkv = tp_child(m, "qkv", tp_nn_linear(s->width, all, .no_bias = s->no_bias));
    state->out =
        tp_child(m, "out", tp_nn_linear(s->heads * s->head_dim, s->width, .no_bias = s->no_out_bias));
    return tp_keep(tp_module_built(m));
}

tp_module *attention_cross_new(const attention_shape *s, int64_t memory_width)
{
    TP_SCOPE;
    tp_module *m = tp_pending() ? NULL : attention_new("cross_attention", s);
    if (!m)
        return NULL;
    attention_state *state = m->state;
    const int64_t kv = s->kv_heads * s->head_dim;
    state->q = tp_child(m, "q", tp_nn_linear(s->width, s->heads * s->head_dim, .no_bias = s->no_bias));
    state->k = tp_child(m, "k", tp_nn_linear(memory_width, kv, .no_bias = s->no_bias));
    state->v = tp_child(m, "v", tp_nn_linear(memory_width, kv, .no_bias = s->no_bias));
    state->out =
        tp_child(m, "out", tp_nn_linear(s->heads * s->head_dim, s->width, .no_bias = s->no_out_bias));
    return tp_keep(tp_module_built(m));
}
