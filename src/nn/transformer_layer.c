/* transformer_layer.c - one layer of a Transformer: attention to itself, attention to a memory where it has one, a feed-forward part,
 * each with a residual and a normalisation.
 *
 *   post:      x = norm(x + f(x))            Vaswani et al. 2017
 *   pre, rms:  x = x + f(norm(x))            Xiong et al. 2020; RMS norm, Zhang and Sennrich 2019
 *   deep:      x = norm(alpha x + f(x))      DeepNorm, Wang et al. 2022; f's weights begin smaller, by beta
 *
 *   f of the feed-forward part: down(act(up(x))), or down(act(u) v) with (u, v) = up(x)   Shazeer 2020
 *
 * Layer: nn.  Depends on transformer.h.  Read next: transformer.c. */
#include "nn/transformer.h"

#include <math.h>
#include <string.h>

typedef struct activation {
    const char *name;
    tp_tensor *(*f)(tp_tensor *);
    bool gated; /* of two halves */
} activation;

static const activation activations[] = {
    { "relu", tp_relu, false },
    { "gelu", tp_gelu, false },
    { "gelu_tanh", tp_gelu_tanh, false },
    { "silu", tp_silu, false },
    { "swiglu", tp_swiglu, true },
    { "geglu", tp_geglu, true },
    { "geglu_tanh", tp_geglu_tanh, true },
    { "reglu", tp_reglu, true },
};

static const activation *activation_named(const char *name)
{
    const int n = (int)(sizeof activations / sizeof *activations);
    char text[160] = "";
    for (int i = 0; i < n; i++) {
        if (!strcmp(activations[i].name, name))
            return &activations[i];
        text_add(text, sizeof text, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", activations[i].name);
    }
    return tp_fail_null(TP_ERR_ARGUMENT, "transformer: activation '%.60s', %s is wanted", name, text);
}

bool tp_transformer_gated(const char *name)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (!strcmp(activations[i].name, name))
            return activations[i].gated;
    return false;
}

typedef struct layer_state {
    tp_module *attention, *cross, *norm1, *norm_cross, *norm2, *up, *down;
    const activation *activation;
    bool first; /* norm before f */
    double alpha, dropout, drop_path;
} layer_state;

/* ---- forward ------------------------------------------------------------------------------------------------------------ */

/* Of an example the whole of it, with probability p (stochastic depth, Huang et al. 2016). */
static tp_tensor *drop_paths(tp_tensor *y, double p, bool training)
{
    if (!y || !training || !(p > 0))
        return y;
    tp_tensor *kept = tp_dropout(tp_ones(TP_SHAPE(tp_size(y, 0), 1, 1), .dtype = tp_dtype_of(y)), p, true);
    return tp_mul(y, kept);
}

static tp_tensor *add_residual(const tp_module *m, tp_tensor *x, tp_tensor *f)
{
    const layer_state *s = m->state;
    f = drop_paths(s->dropout > 0 ? tp_dropout(f, s->dropout, m->training) : f, s->drop_path, m->training);
    return s->alpha != 1 ? tp_add_alpha(f, x, s->alpha) : tp_add(x, f);
}

typedef tp_tensor *part(tp_module *, tp_tensor *x, const attending *);

static tp_tensor *attention_part(tp_module *m, tp_tensor *x, const attending *a)
{
    return attention_forward(((const layer_state *)m->state)->attention, x, a);
}

static tp_tensor *cross_part(tp_module *m, tp_tensor *x, const attending *a)
{
    return attention_forward(((const layer_state *)m->state)->cross, x, a);
}

static tp_tensor *feed_forward_part(tp_module *m, tp_tensor *x, const attending *a)
{
    const layer_state *s = m->state;
    (void)a;
    if (s->activation->f == tp_relu && module_fuses(s->up, NULL))
        return tp_forward(s->down, module_forward_relu(s->up, x));
    return tp_forward(s->down, s->activation->f(tp_forward(s->up, x)));
}

static tp_tensor *with_norm(tp_module *m, tp_tensor *x, tp_module *norm, part *f, const attending *a)
{
    const layer_state *s = m->state;
    if (s->first)
        return add_residual(m, x, f(m, tp_forward(norm, x), a));
    return tp_forward(norm, add_residual(m, x, f(m, x, a)));
}

static tp_tensor *run(tp_module *m, tp_tensor *x, const attending *a)
{
    const layer_state *s = m->state;
    x = with_norm(m, x, s->norm1, attention_part, a);
    if (s->cross)
        x = with_norm(m, x, s->norm_cross, cross_part, a);
    return with_norm(m, x, s->norm2, feed_forward_part, a);
}

/* ---- recomputing: what attention looks at goes into the checkpoint beside x, in this order where it is there -------------------- */

typedef struct again {
    tp_object object;
    tp_module *m; /* held */
    attending a;
} again;

static void again_destroy(void *object)
{
    tp_release(((again *)object)->m);
    tp_free(object, sizeof(again));
}

static const tp_class again_class = { "transformer_layer_again", again_destroy };

enum { LOOKED_AT = 8 };

static void looked_at(attending *a, tp_tensor **slots[LOOKED_AT])
{
    tp_tensor **all[LOOKED_AT] = { &a->memory,    &a->memory_lengths, &a->lengths, &a->prefix,
                                   &a->attn_mask, &a->cosines,        &a->sines,   &a->slopes };
    memcpy(slots, all, sizeof all);
}

static tp_tensor *run_again(tp_tensor *const *in, int n, void *context)
{
    const again *g = context;
    attending a = g->a;
    tp_tensor **slots[LOOKED_AT];
    looked_at(&a, slots);
    for (int i = 0, k = 1; i < LOOKED_AT && k < n; i++)
        if (*slots[i])
            *slots[i] = in[k++];
    return run(g->m, in[0], &a);
}

static tp_tensor *run_checkpointed(tp_module *m, tp_tensor *x, const attending *a)
{
    again *g = tp_object_new(&again_class, sizeof *g);
    tp_tensor *in[1 + LOOKED_AT] = { x }, **slots[LOOKED_AT];
    int n = 1;
    if (!g)
        return NULL;
    g->m = tp_retain(m);
    g->a = *a;
    looked_at(&g->a, slots);
    for (int i = 0; i < LOOKED_AT; i++)
        if (*slots[i])
            in[n++] = *slots[i];
    return tp_checkpoint(run_again, in, n, g, .keep = g);
}

static tp_status layer_body(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                            void *context)
{
    const attending *a = context;
    const bool recomputes = m->recomputes && m->training && !a->cache && !a->memory_keys && n_out == 1;
    (void)n_in;
    out[0] = recomputes ? run_checkpointed(m, in[0], a) : run(m, in[0], a);
    if (n_out > 1)
        out[1] = *a->shares;
    return tp_error_pending();
}

tp_tensor *transformer_layer_forward(tp_module *m, tp_tensor *x, const attending *a)
{
    return call_with_shares(m, x, layer_body, a, a->shares);
}

/* tp_forward(m, x): nothing but x, which is its own memory. */
static tp_tensor *layer_alone(tp_module *m, tp_tensor *x)
{
    return run(m, x, &(attending){ .memory = x });
}

tp_module *transformer_layer_cross(const tp_module *m)
{
    return ((const layer_state *)m->state)->cross;
}

/* ---- making one ------------------------------------------------------------------------------------------------------------ */

tp_module *transformer_norm_new(const tp_transformer_options *o, int64_t width)
{
    if (!strcmp(o->norm, "rms"))
        return tp_nn_rms_norm(TP_SHAPE(width), .eps = o->eps);
    return tp_nn_layer_norm(TP_SHAPE(width), .eps = o->eps);
}

/* Weights at the start.  pre: N(0, 0.02), what is added to the stream by 1 / sqrt of how much is added (Radford et al. 2019); post:
 * Xavier; deep: Xavier, what the paper names times beta. */
static void initialise(tp_module *m, const tp_transformer_options *o, bool is_added, bool is_scaled)
{
    TP_NO_GRAD;
    tp_tensor *weight = module_tensor_named(m, "weight"), *bias = module_tensor_named(m, "bias");
    if (bias)
        tp_zero_(bias);
    if (!strcmp(o->norm, "post"))
        tp_init_xavier_uniform_(weight, 1);
    else if (!strcmp(o->norm, "deep"))
        tp_init_xavier_normal_(weight, is_scaled ? o->beta : 1);
    else
        tp_normal_(weight, 0, is_added ? 0.02 / sqrt((o->cross ? 3.0 : 2.0) * (double)o->layers) : 0.02);
}

static void initialise_attention(tp_module *attention, const tp_transformer_options *o,
                                 const attention_shape *s)
{
    tp_module *qkv = tp_find_module(attention, "qkv");
    static const char *const apart[] = { "q", "k", "v" };
    if (qkv && !strcmp(o->norm, "deep")) { /* each part as a matrix of its own, values times beta */
        TP_NO_GRAD;
        tp_tensor *w = module_tensor_named(qkv, "weight");
        const int64_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
        initialise(qkv, o, false, false);
        tp_init_xavier_normal_(tp_narrow(w, 0, 0, q), 1);
        tp_init_xavier_normal_(tp_narrow(w, 0, q, kv), 1);
        tp_init_xavier_normal_(tp_narrow(w, 0, q + kv, kv), o->beta);
    } else if (qkv)
        initialise(qkv, o, false, false);
    for (int i = 0; i < 3 && !qkv; i++)
        initialise(tp_find_module(attention, apart[i]), o, false, i == 2);
    initialise(tp_find_module(attention, "out"), o, true, true);
}

tp_module *transformer_layer_new(int64_t width, const tp_transformer_options *o, int64_t layer)
{
    TP_SCOPE;
    const activation *act = tp_pending() ? NULL : activation_named(o->activation);
    tp_module *m = act ? tp_module_new("transformer_layer", sizeof(layer_state), layer_alone) : NULL;
    layer_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    const attention_shape shape = { .width = width,
                                    .heads = o->heads,
                                    .kv_heads = o->kv_heads,
                                    .head_dim = o->head_dim,
                                    .window = o->window,
                                    .dropout = o->attention_dropout,
                                    .causal = o->causal,
                                    .no_bias = o->no_bias || o->no_qkv_bias,
                                    .no_out_bias = o->no_bias,
                                    .adjacent = o->adjacent };
    s->activation = act;
    s->first = !strcmp(o->norm, "pre") || !strcmp(o->norm, "rms");
    s->alpha = !strcmp(o->norm, "deep") ? o->alpha : 1;
    s->dropout = o->dropout;
    s->drop_path = o->layers > 1 ? o->drop_path * (double)layer / (double)(o->layers - 1) : 0;
    s->attention = tp_child(m, "attention", attention_self_new(&shape));
    s->norm1 = tp_child(m, "norm1", transformer_norm_new(o, width));
    if (o->cross) {
        s->cross =
            tp_child(m, "cross", attention_cross_new(&shape, o->memory_width ? o->memory_width : width));
        s->norm_cross = tp_child(m, "norm_cross", transformer_norm_new(o, width));
    }
    s->up = tp_child(m, "up", tp_nn_linear(width, act->gated ? 2 * o->ff : o->ff, .no_bias = o->no_bias));
    s->down = tp_child(m, "down", tp_nn_linear(o->ff, width, .no_bias = o->no_bias));
    s->norm2 = tp_child(m, "norm2", transformer_norm_new(o, width));
    if (tp_pending())
        return NULL;
    initialise_attention(s->attention, o, &shape);
    if (s->cross)
        initialise_attention(s->cross, o, &shape);
    initialise(s->up, o, false, true);
    initialise(s->down, o, true, true);
    return tp_keep(tp_module_built(m));
}
