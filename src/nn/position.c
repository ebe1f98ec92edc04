/* position.c - positions that are added to embedded tokens: learned ones, and sines and cosines.
 *
 *   sinusoidal: column 2 j (halves: j) is sin(p / 10000^(2j/width)), column 2 j + 1 (halves: width/2 + j) cos of the same   Vaswani et al. 2017
 *
 * Layer: nn.  Depends on module.h.  Read next: transformer.c. */
#include "nn/module.h"

#include <math.h>
#include <string.h>

typedef struct position_state {
    tp_tensor *weight; /* learned: (count, width) */
    int64_t count, width;
    bool learned, halves;
} position_state;

/* At least so many rows; those made so far are a passing buffer. */
static tp_tensor *find_rows(tp_module *m, int64_t count)
{
    const position_state *s = m->state;
    tp_tensor *old = module_tensor_named(m, "rows");
    if (old && tp_size(old, 0) >= count)
        return old;
    TP_NO_GRAD;
    int64_t rows = old ? tp_size(old, 0) : 64;
    while (rows < count)
        rows *= 2;
    tp_tensor *t = tp_zeros(TP_SHAPE(rows, s->width));
    float *x = t ? tp_data(t) : NULL;
    const int64_t half = (s->width + 1) / 2;
    for (int64_t p = 0; p < rows && x; p++)
        for (int64_t c = 0; c < s->width; c++) {
            const int64_t j = s->halves ? c % half : c / 2;
            const bool is_cosine = s->halves ? c >= half : c % 2;
            const double angle = (double)p / pow(10000, 2.0 * (double)j / (double)s->width);
            x[p * s->width + c] = (float)(is_cosine ? cos(angle) : sin(angle));
        }
    return x ? tp_passing_buffer(m, "rows", t) : t; /* in a dry run there is nothing to keep */
}

/* x (B, T, width), tokens at 0, 1, .. or from places[b] on. */
tp_tensor *tp_position_forward(tp_module *m, tp_tensor *x, tp_tensor *places)
{
    if (!m || !x || tp_pending())
        return NULL;
    const position_state *s = m->state;
    const int64_t tokens = tp_size(x, 1), batch = tp_size(x, 0), *first = places ? tp_data(places) : NULL;
    bool same = true;
    int64_t most = 0;
    for (int64_t b = 0; first && b < batch; b++) {
        most = first[b] > most ? first[b] : most;
        same &= first[b] == first[0];
    }
    if (s->learned && most + tokens > s->count)
        return tp_fail_null(TP_ERR_ARGUMENT, "position: token %lld, the network knows %lld places",
                            (long long)(most + tokens), (long long)s->count);
    tp_tensor *rows = s->learned ? s->weight : find_rows(m, most + tokens);
    if (same)
        return tp_add(x, tp_narrow(rows, 0, first ? first[0] : 0, tokens));
    tp_tensor *at = tp_add(tp_unsqueeze(places, 1), tp_arange(0, (double)tokens, 1, .dtype = TP_I64));
    return tp_add(x, tp_embedding(at, rows, TP_NO_DIM));
}

static tp_tensor *position_alone(tp_module *m, tp_tensor *x)
{
    return tp_position_forward(m, x, NULL);
}

tp_module *tp_nn_position(const char *kind, int64_t count, int64_t width)
{
    if (tp_pending())
        return NULL;
    const bool learned = kind && !strcmp(kind, "learned"),
               halves = kind && !strcmp(kind, "sinusoidal_halves");
    if ((!learned && !halves && !(kind && !strcmp(kind, "sinusoidal"))) || count < 1 || width < 1)
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "position: '%.60s' of %lld places and width %lld; learned, sinusoidal or "
                            "sinusoidal_halves and positive "
                            "sizes are wanted",
                            kind ? kind : "", (long long)count, (long long)width);
    TP_SCOPE;
    tp_module *m = tp_module_new("position", sizeof(position_state), position_alone);
    position_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    *s = (position_state){ .count = count, .width = width, .learned = learned, .halves = halves };
    if (learned)
        s->weight = tp_parameter(m, "weight", tp_mul(tp_randn(TP_SHAPE(count, width)), tp_number(0.02)));
    tp_module_set_info(m, "%s, %lld, %lld", kind, (long long)count, (long long)width);
    return tp_keep(tp_module_built(m));
}
