/* attention_forms.c - attention as everybody calls it: scaled_dot_product_attention, the same of packed queries, keys and values,
 * and the turns of RoPE.
 *
 * Gradients by a mask or slopes, and gradients of gradients, go by attention_steps, which is made of other operations.
 * Layer: ops.  Kernels: attention.turn (kernels.h).  Read next: attention.c. */
#include "ops/attention.h"

#include "base/parallel.h"
#include "base/random.h"

#include <math.h>

/* ---- made of other operations ------------------------------------------------------------------------------------------------- */

/* (B, T, n D) from number `first` of heads on, as (B, n, T, D). */
static tp_tensor *unpacked(tp_tensor *x, int64_t first, int64_t n, int64_t d)
{
    tp_tensor *part = tp_narrow(x, 2, first * d, n * d);
    return part ? tp_transpose(tp_reshape(part, TP_SHAPE(x->shape[0], x->shape[1], n, d)), 1, 2) : NULL;
}

static tp_tensor *repeated(tp_tensor *x, int64_t heads)
{
    return x && x->shape[1] != heads ? tp_repeat_interleave(x, heads / x->shape[1], 1) : x;
}

/* What each query sees, as 0 or -infinity (B, 1, T, S); and minus how far each key is from it, (B, 1, T, S). */
static tp_tensor *places(const attention *a, tp_dtype dtype, bool distances)
{
    tp_tensor *x = tp_zeros(TP_SHAPE(a->b, 1, a->t, a->s), .dtype = dtype);
    char *data = x ? tensor_data(x) : NULL;
    for (int64_t row = 0; row < a->b * a->t && data; row++) {
        const range k = keys_of(a, row / a->t, row % a->t);
        for (int64_t s = 0; s < a->s; s++)
            set_number(a, data, row * a->s + s,
                       distances                 ? -fabs((double)(s - k.at))
                       : s >= k.from && s < k.to ? 0
                                                 : -INFINITY);
    }
    return x;
}

tp_tensor *attention_steps(const attention_attrs *o, tp_tensor *const *in)
{
    attention a = attention_of(o, in, NULL);
    tp_tensor *q = in[A_Q], *k = in[A_K], *v = in[A_V];
    tp_tensor *lengths = in[A_LENGTHS] ? tp_contiguous(in[A_LENGTHS]) : NULL,
              *prefix = in[A_PREFIX] ? tp_contiguous(in[A_PREFIX]) : NULL;
    if (tp_pending())
        return NULL;
    a.lengths = lengths ? tp_data(lengths) : NULL;
    a.prefix = prefix ? tp_data(prefix) : NULL;
    const tp_dtype dtype = (tp_dtype)q->dtype;
    if (o->heads) {
        q = unpacked(in[A_Q], 0, a.h, a.d);
        k = unpacked(in[A_Q], a.h, a.g, a.d);
        v = unpacked(in[A_Q], a.h + a.g, a.g, a.d);
    }
    k = repeated(k, a.h), v = repeated(v, a.h);
    tp_tensor *scores = tp_mul(tp_matmul(q, tp_transpose(k, 2, 3)), tp_number(o->scale));
    scores = tp_add(scores, places(&a, dtype, false));
    if (in[A_MASK])
        scores = tp_add(scores, in[A_MASK]);
    if (in[A_SLOPES])
        scores =
            tp_add(scores, tp_mul(tp_reshape(in[A_SLOPES], TP_SHAPE(a.h, 1, 1)), places(&a, dtype, true)));
    /* a query that sees nothing: all shares 0 */
    tp_tensor *blind = tp_eq(tp_amax(tp_detach(scores), TP_SHAPE(3), true), tp_number(-INFINITY));
    tp_tensor *shares = tp_masked_fill(tp_softmax(tp_masked_fill(scores, blind, 0), 3), blind, 0);
    if (o->dropout > 0)
        shares = dropout_by(shares, o->dropout, o->rng);
    tp_tensor *y = tp_matmul(shares, v);
    return o->heads && y ? tp_reshape(tp_transpose(y, 1, 2), TP_SHAPE(a.b, a.t, a.h * a.v)) : y;
}

/* ---- scaled_dot_product_attention ------------------------------------------------------------------------------------------------ */

/* bool: true where a query may look; or numbers that are added to scores.  To shape, of dtype. */
static tp_tensor *as_mask(tp_tensor *mask, tp_dtype dtype, tp_shape shape)
{
    if (mask->dtype == TP_BOOL)
        mask = tp_where(mask, tp_full(TP_SHAPE(), 0, .dtype = dtype),
                        tp_full(TP_SHAPE(), -INFINITY, .dtype = dtype));
    return tp_expand(tp_to(mask, dtype), shape);
}

/* in: queries, keys, values of 4 dims, or packed; the mask of any shape that broadcasts, a whole one of more dims first (scores). */
static tp_tensor *attend(const attention_attrs *o, tp_tensor **in, tp_shape scores, tp_shape four)
{
    const tp_dtype dtype = (tp_dtype)in[A_Q]->dtype, type = is_half(in[A_Q]) ? TP_F32 : dtype;
    for (int i = A_Q; i <= A_V; i++)
        in[i] = is_half(in[i]) ? tp_to(in[i], TP_F32) : in[i];
    if (in[A_MASK])
        in[A_MASK] = as_mask(in[A_MASK], type, scores);
    if (in[A_MASK] && scores.ndim > 4)
        in[A_MASK] = tp_reshape(in[A_MASK], four);
    else if (in[A_MASK])
        in[A_MASK] = tp_expand(in[A_MASK], four);
    in[A_SLOPES] = in[A_SLOPES] ? tp_to(in[A_SLOPES], type) : NULL;
    tp_tensor *out[2],
        *y = tp_pending() || tp_apply_n(&tp_op__attention, in, A_INPUTS, o, out) ? NULL : out[0];
    return y && type != dtype ? tp_to(y, dtype) : y;
}

typedef struct dot_product_attrs {
    double dropout_p, scale;
    bool is_causal, enable_gqa, at_end;
    int64_t window;
    int64_t heads, kv_heads; /* packed */
} dot_product_attrs;

static attention_attrs attrs_of(const dot_product_attrs *o, int64_t d)
{
    attention_attrs a = { .scale = o->scale != 0 ? o->scale : 1 / sqrt((double)(d ? d : 1)),
                          .dropout = o->dropout_p,
                          .causal = o->is_causal,
                          .at_end = o->at_end,
                          .window = o->window,
                          .heads = o->heads,
                          .kv_heads = o->kv_heads };
    if (a.dropout > 0)
        a.rng = random_take_stream();
    return a;
}

/* (.., H, T, D) with 4 dims: leading ones joined, or put before. */
static tp_tensor *four_dims(tp_tensor *x)
{
    const tp_shape s = tp_shape_of(x);
    tp_shape to = TP_SHAPE(1, 1, 1, 1);
    for (int i = 0; i < s.ndim; i++) {
        const int place = i + 4 - s.ndim;
        if (place < 0)
            to.dim[0] *= s.dim[i];
        else
            to.dim[place] = place == 0 ? to.dim[0] * s.dim[i] : s.dim[i];
    }
    return s.ndim == 4 ? x : tp_reshape(x, to);
}

static void scaled_dot_product_attention_compose(tp_call *c)
{
    tp_tensor *in[A_INPUTS];
    for (int i = 0; i < A_INPUTS; i++)
        in[i] = c->in[i];
    const tp_tensor *q = in[A_Q], *k = in[A_K], *v = in[A_V];
    if (!k || !v || q->ndim < 2 || k->ndim != q->ndim || v->ndim != q->ndim) {
        tp_fail(TP_ERR_SHAPE,
                "%s: query %s, key %s, value %s: (.., H, T, D), (.., G, S, D), (.., G, S, V) are wanted",
                c->op->name, tensor_shape_text(q), k ? tensor_shape_text(k) : "none",
                v ? tensor_shape_text(v) : "none");
        return;
    }
    const attention_attrs o = attrs_of(c->attrs, q->shape[q->ndim - 1]);
    tp_shape scores = tp_shape_of(q), y = scores;
    scores.dim[q->ndim - 1] = k->shape[k->ndim - 2];
    y.dim[q->ndim - 1] = v->shape[v->ndim - 1];
    for (int i = A_Q; i <= A_V; i++)
        in[i] = four_dims(in[i]);
    if (tp_pending())
        return;
    const tp_shape four =
        TP_SHAPE(in[A_Q]->shape[0], in[A_Q]->shape[1], in[A_Q]->shape[2], in[A_K]->shape[2]);
    tp_tensor *out = attend(&o, in, scores, four);
    c->out[0] = out && y.ndim != 4 ? tp_reshape(out, y) : out;
}

static void packed_attention_compose(tp_call *c)
{
    const dot_product_attrs *p = c->attrs;
    const tp_tensor *x = c->in[0];
    const int64_t all = p->heads + 2 * p->kv_heads;
    if (x->ndim != 3 || p->heads < 1 || p->kv_heads < 1 || x->shape[2] % all) {
        tp_fail(TP_ERR_SHAPE, "%s: %s, (B, T, (%lld + 2 x %lld) D) is wanted", c->op->name,
                tensor_shape_text(x), (long long)p->heads, (long long)p->kv_heads);
        return;
    }
    tp_tensor *in[A_INPUTS] = { c->in[0], c->in[0], c->in[0], c->in[1], c->in[2], c->in[3], c->in[4] };
    const attention_attrs o = attrs_of(p, x->shape[2] / all);
    const tp_shape four = TP_SHAPE(x->shape[0], p->heads, x->shape[1], x->shape[1]);
    c->out[0] = attend(&o, in, four, four);
}

#define DOT_PRODUCT_ATTRS                                                                          \
    OP_ATTR(dot_product_attrs, F64, dropout_p, 0), OP_ATTR(dot_product_attrs, BOOL, is_causal, 0), \
        OP_ATTR(dot_product_attrs, F64, scale, 0), OP_ATTR(dot_product_attrs, BOOL, at_end, 0),    \
        OP_ATTR(dot_product_attrs, I64, window, 0)

COMPOSED_OP(scaled_dot_product_attention, "query key value attn_mask? lengths? prefix? slopes?", A_INPUTS,
            "softmax(scale q k' + mask) v; key heads may be fewer, each for as many query heads",
            OP_ATTRS(dot_product_attrs, DOT_PRODUCT_ATTRS, OP_ATTR(dot_product_attrs, BOOL, enable_gqa, 0)),
            OP_EXAMPLES({ "2,4,5,3 2,2,7,3 2,2,7,6 5,7 - - -", NULL },
                        { "3,5,4 3,7,4 3,7,4 3,1,7@b - - -", &(dot_product_attrs){ .is_causal = true } },
                        { "2,2,1,3,4 2,2,1,3,4 2,2,1,3,4 - 4@i3 - 1", &(dot_product_attrs){ .scale = 0.5 } },
                        { "1,2,70,4@t 1,1,70,4 1,1,70,3 1,1,1,70 1@i70 - -", NULL }));

COMPOSED_OP(
    packed_attention, "x mask? lengths? prefix? slopes?", 5,
    "the same of queries, keys and values side by side, (B, T, (heads + 2 kv_heads) D)",
    OP_ATTRS(dot_product_attrs, DOT_PRODUCT_ATTRS, OP_ATTR(dot_product_attrs, I64, heads, TP_REQUIRED),
             OP_ATTR(dot_product_attrs, I64, kv_heads, TP_REQUIRED)),
    OP_EXAMPLES({ "2,5,12 - - - 2", &(dot_product_attrs){ .heads = 2, .kv_heads = 1, .is_causal = true } },
                { "2,5,12 5,5 2@i5 - -", &(dot_product_attrs){ .heads = 1, .kv_heads = 1 } }));

static dot_product_attrs options_of(const tp_attention_options *o)
{
    return (dot_product_attrs){ .dropout_p = o->dropout_p,
                                .scale = o->scale,
                                .is_causal = o->is_causal,
                                .at_end = o->at_end,
                                .window = o->window };
}

tp_tensor *tp_scaled_dot_product_attention_opt(tp_tensor *query, tp_tensor *key, tp_tensor *value,
                                               const tp_attention_options *o)
{
    const dot_product_attrs a = options_of(o);
    return tp_apply(&tp_op_scaled_dot_product_attention,
                    (tp_tensor *[]){ query, key, value, o->attn_mask, o->lengths, o->prefix, o->slopes },
                    A_INPUTS, &a);
}

tp_tensor *tp_packed_attention_opt(tp_tensor *x, int64_t heads, int64_t kv_heads,
                                   const tp_attention_options *o)
{
    dot_product_attrs a = options_of(o);
    a.heads = heads, a.kv_heads = kv_heads;
    return tp_apply(&tp_op_packed_attention,
                    (tp_tensor *[]){ x, o->attn_mask, o->lengths, o->prefix, o->slopes }, 5, &a);
}
