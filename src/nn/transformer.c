/* transformer.c - a stack of Transformer layers over embedded tokens, (B, T, width) -> (B, T, width): encoder or decoder, with RoPE or
 * ALiBi inside attention where positions are not in the input, and a last norm where layers begin with one.
 *
 * DeepNorm's constants (Wang et al. 2022, table 2) come with the options: whose stack it is decides them (tp_transformer_deepnorm).
 * Angles of RoPE are made for as many tokens as come, slopes of ALiBi with the first ones.
 * Layer: nn.  Depends on transformer.h.  Read next: transformer_layer.c, position.c, kv_cache.c. */
#include "nn/transformer.h"

#include <math.h>
#include <string.h>

typedef struct transformer_state {
    tp_transformer_options o;
    int64_t width;
    tp_module *norm; /* the last one; NULL: none */
    tp_module *layers[];
} transformer_state;

/* ---- positions inside of attention ------------------------------------------------------------------------------------- */

/* n: the greatest power of two <= heads; 2^(-8 (h + 1) / n) for h < n, then 2^(-4 (2 j + 1) / n)  (Press et al. 2022) */
static tp_tensor *find_slopes(tp_module *m, tp_dtype dtype)
{
    const int64_t heads = ((const transformer_state *)m->state)->o.heads;
    tp_tensor *t = module_tensor_named(m, "slopes");
    if (t)
        return tp_to(t, dtype);
    TP_NO_GRAD;
    t = tp_zeros(TP_SHAPE(heads));
    float *slope = t ? tp_data(t) : NULL;
    int64_t n = 1;
    while (2 * n <= heads)
        n *= 2;
    for (int64_t h = 0; h < heads && slope; h++)
        slope[h] = (float)exp2(h < n ? -8.0 * (double)(h + 1) / (double)n
                                     : -4.0 * (double)(2 * (h - n) + 1) / (double)n);
    if (slope) /* in a dry run there is nothing to keep */
        tp_passing_buffer(m, "slopes", t);
    return tp_to(t, dtype);
}

/* Llama 3's: long waves are stretched by the factor, short ones stay, between them it goes over. */
static double scaled(const tp_rope_scaling *s, double f)
{
    const double wave = 2 * M_PI / f, longest = s->original_context / s->low_freq_factor,
                 shortest = s->original_context / s->high_freq_factor;
    if (!(s->factor > 0) || wave < shortest)
        return s->factor > 0 && !(s->original_context > 0) ? f / s->factor : f;
    if (wave > longest)
        return f / s->factor;
    const double share =
        (s->original_context / wave - s->low_freq_factor) / (s->high_freq_factor - s->low_freq_factor);
    return (1 - share) * f / s->factor + share * f;
}

/* Rows of cosines and sines for at least so many tokens: passing buffers, which grow. */
static tp_status find_angles(tp_module *m, int64_t tokens, tp_dtype dtype, attending *a)
{
    const transformer_state *s = m->state;
    tp_tensor *old = module_tensor_named(m, "cosines"), *t[2] = { old, module_tensor_named(m, "sines") };
    TP_NO_GRAD;
    if (!old || tp_size(old, 0) < tokens) {
        int64_t rows = old ? tp_size(old, 0) : 64;
        while (rows < tokens)
            rows *= 2;
        const int64_t half = s->o.head_dim / 2;
        t[0] = tp_zeros(TP_SHAPE(rows, half)), t[1] = tp_zeros(TP_SHAPE(rows, half));
        float *cosine = t[0] && t[1] ? tp_data(t[0]) : NULL, *sine = cosine ? tp_data(t[1]) : NULL;
        for (int64_t i = 0; i < half && sine; i++) {
            const double f =
                scaled(&s->o.rope_scaling, pow(s->o.rope_theta, -2.0 * (double)i / (double)s->o.head_dim));
            for (int64_t p = 0; p < rows; p++) {
                cosine[p * half + i] = (float)cos((double)p * f);
                sine[p * half + i] = (float)sin((double)p * f);
            }
        }
        if (sine) {
            tp_passing_buffer(m, "cosines", t[0]);
            tp_passing_buffer(m, "sines", t[1]);
        }
    }
    a->cosines = tp_to(t[0], dtype), a->sines = tp_to(t[1], dtype);
    return tp_error_pending();
}

/* ---- forward ------------------------------------------------------------------------------------------------------------ */

static tp_status check_input(const transformer_state *s, const tp_tensor *x)
{
    if (!x || (tp_ndim(x) == 3 && tp_size(x, 2) == s->width))
        return tp_error_pending();
    return tp_fail(TP_ERR_SHAPE, "transformer: input of %d dims, (B, T, %lld) is wanted", tp_ndim(x),
                   (long long)s->width);
}

static tp_tensor *run_layers(tp_module *m, tp_tensor *x, const tp_transformer_forward_options *o)
{
    const transformer_state *s = m->state;
    attending a = { .lengths = o->lengths,
                    .prefix = o->prefix,
                    .attn_mask = o->attn_mask,
                    .memory = o->memory,
                    .memory_lengths = o->memory_lengths };
    if (check_input(s, x))
        return NULL;
    if (o->cache) {
        a.cache = o->cache;
        a.places = o->cache->places;
        a.lengths = tp_add(o->cache->lengths, tp_integer(tp_size(x, 1)));
    }
    if (!strcmp(s->o.position, "alibi") && x)
        a.slopes = find_slopes(m, tp_dtype_of(x));
    if (!strcmp(s->o.position, "rope") &&
        find_angles(m, tp_size(x, 1) + cache_longest(a.places), tp_dtype_of(x), &a))
        return NULL;
    for (int64_t l = 0; l < s->o.layers && x; l++) {
        a.layer = l;
        a.shares = l + 1 == s->o.layers ? o->shares : NULL;
        a.memory_keys = o->memory_keys ? tp_select(o->memory_keys, 1, l) : NULL;
        a.memory_values = o->memory_values ? tp_select(o->memory_values, 1, l) : NULL;
        x = transformer_layer_forward(s->layers[l], x, &a);
    }
    return s->norm ? tp_forward(s->norm, x) : x;
}

static tp_status transformer_body(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                                  void *context)
{
    const tp_transformer_forward_options *o = context;
    (void)n_in;
    out[0] = run_layers(m, in[0], o);
    if (n_out > 1)
        out[1] = *o->shares;
    return tp_error_pending();
}

/* tp_forward(m, x), as surveys of a network call its parts: nothing but x, which is then the memory as well. */
static tp_tensor *transformer_alone(tp_module *m, tp_tensor *x)
{
    return x ? run_layers(m, x, &(tp_transformer_forward_options){ .memory = x }) : NULL;
}

tp_tensor *tp_transformer_forward_opt(tp_module *m, tp_tensor *x, const tp_transformer_forward_options *o)
{
    if (tp_pending())
        return NULL;
    if (!m || m->forward != transformer_alone)
        return tp_fail_null(TP_ERR_ARGUMENT, "transformer_forward: %s, a transformer is wanted",
                            m ? m->type : "the module is NULL");
    const transformer_state *s = m->state;
    if (o->shares && !s->o.cross)
        return tp_fail_null(TP_ERR_ARGUMENT, "transformer_forward: shares, but the layers look at no memory");
    if (o->cache && x && /* here, outside of the scope that the call opens */
        (check_input(s, x) || tp_kv_cache_reserve(o->cache, tp_size(x, 0), s->o.layers, s->o.kv_heads,
                                                  tp_size(x, 1), s->o.head_dim, s->o.window, tp_dtype_of(x))))
        return NULL;
    return call_with_shares(m, x, transformer_body, o, o->shares);
}

tp_status tp_transformer_memory(tp_module *m, tp_tensor *memory, tp_tensor **keys, tp_tensor **values)
{
    tp_tensor *all_keys[256], *all_values[256];
    if (tp_pending())
        return tp_error_pending();
    if (!m || m->forward != transformer_alone)
        return tp_fail(TP_ERR_ARGUMENT, "transformer_memory: a transformer is wanted");
    const transformer_state *s = m->state;
    for (int64_t l = 0; l < s->o.layers; l++) {
        tp_module *cross = transformer_layer_cross(s->layers[l]);
        if (!cross)
            return tp_fail(TP_ERR_ARGUMENT, "transformer_memory: the layers look at no memory");
        if (attention_memory(cross, memory, &all_keys[l], &all_values[l]))
            return tp_error_pending();
    }
    *keys = tp_stack(all_keys, (int)s->o.layers, 1);
    *values = tp_stack(all_values, (int)s->o.layers, 1);
    return tp_error_pending();
}

/* ---- making one ------------------------------------------------------------------------------------------------------------ */

static tp_status check_word(const char *what, const char *value, const char *const *words)
{
    char text[160] = "";
    for (int i = 0; words[i]; i++) {
        if (!strcmp(words[i], value))
            return TP_OK;
        text_add(text, sizeof text, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
    }
    return tp_fail(TP_ERR_ARGUMENT, "transformer: %s '%.60s', %s is wanted", what, value, text);
}

static tp_status complete(tp_transformer_options *o, int64_t width, int64_t layers, int64_t heads)
{
    static const char *const norms[] = { "post", "pre", "deep", "rms", NULL }, *const positions[] = {
        "none", "sinusoidal", "learned", "rope", "alibi", NULL
    };
    o->layers = layers, o->heads = heads;
    if (width < 1 || layers < 1 || layers > 256 || heads < 1 || (!o->head_dim && width % heads))
        return tp_fail(TP_ERR_ARGUMENT,
                       "transformer: width %lld, %lld layers, %lld heads: a width that the heads divide and "
                       "1 to 256 layers "
                       "are wanted",
                       (long long)width, (long long)layers, (long long)heads);
    o->kv_heads = o->kv_heads ? o->kv_heads : heads;
    o->head_dim = o->head_dim ? o->head_dim : width / heads;
    o->activation = o->activation ? o->activation : "gelu";
    o->ff = o->ff ? o->ff : tp_transformer_gated(o->activation) ? (width * 8 / 3 + 7) / 8 * 8 : 4 * width;
    o->norm = o->norm ? o->norm : "pre";
    o->position = o->position ? o->position : "none";
    o->alpha = o->alpha != 0 ? o->alpha : 1;
    o->beta = o->beta != 0 ? o->beta : 1;
    o->rope_theta = o->rope_theta != 0 ? o->rope_theta : 10000;
    if (o->kv_heads < 1 || heads % o->kv_heads || o->head_dim < 1 || o->ff < 1 || o->window < 0)
        return tp_fail(TP_ERR_ARGUMENT,
                       "transformer: %lld heads on %lld key heads of %lld, ff %lld, window %lld: a divisor "
                       "of the heads, and "
                       "positive numbers are wanted",
                       (long long)heads, (long long)o->kv_heads, (long long)o->head_dim, (long long)o->ff,
                       (long long)o->window);
    if (!strcmp(o->position, "rope") && o->head_dim % 2)
        return tp_fail(TP_ERR_ARGUMENT, "transformer: rope turns pairs, heads of %lld are odd",
                       (long long)o->head_dim);
    return check_word("norm", o->norm, norms) || check_word("position", o->position, positions)
               ? tp_error_pending()
               : TP_OK;
}

tp_module *tp_nn_transformer_opt(int64_t width, int64_t layers, int64_t heads,
                                 const tp_transformer_options *options)
{
    if (tp_pending())
        return NULL;
    tp_transformer_options o = { 0 };
    memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (complete(&o, width, layers, heads))
        return NULL;
    TP_SCOPE;
    tp_module *m =
        tp_module_new("transformer", sizeof(transformer_state) + (size_t)layers * sizeof(tp_module *),
                      transformer_alone);
    transformer_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    s->o = o;
    s->width = width;
    tp_module *list = tp_nn_sequential_of((const void *const[]){ NULL });
    for (int64_t l = 0; l < layers && !tp_pending(); l++) {
        s->layers[l] = transformer_layer_new(width, &o, l);
        tp_nn_append(list, NULL, s->layers[l]);
    }
    tp_child(m, "layers", list);
    if (!strcmp(o.norm, "pre") || !strcmp(o.norm, "rms"))
        s->norm = tp_child(m, "norm", transformer_norm_new(&o, width));
    tp_module_set_info(m, "%lld heads%s, %s, %s", (long long)heads, o.causal ? ", causal" : "", o.norm,
                       o.position);
    return tp_keep(tp_module_built(m));
}

void tp_transformer_deepnorm(const char *stack, int64_t encoder_layers, int64_t decoder_layers, double *alpha,
                             double *beta)
{
    const double n = (double)encoder_layers, m = (double)decoder_layers;
    const bool both = encoder_layers > 0 && decoder_layers > 0, decoder = !strcmp(stack, "decoder");
    *alpha = !both     ? pow(2 * (decoder ? m : n), 0.25)
             : decoder ? pow(3 * m, 0.25)
                       : 0.81 * pow(n * n * n * n * m, 1.0 / 16);
    *beta = !both     ? pow(8 * (decoder ? m : n), -0.25)
            : decoder ? pow(12 * m, -0.25)
                      : 0.87 * pow(n * n * n * n * m, -1.0 / 16);
}
