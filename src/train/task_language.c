/* task_language.c - to learn a language from texts: the next token, the next one after a beginning that is seen both ways, or tokens that are hidden.
 *
 *   causal   each place's target is the token after it
 *   prefix   the same after a cut, which is drawn for each example; tokens before it are seen both ways (Raffel et al. 2020)
 *   masked   15 % of an example's places are to be told, at least one; of those 80 % are hidden by the mask's token, 10 % are another
 *            token and 10 % stay as they are (Devlin et al. 2018, 3.1)
 *
 * What is cut or hidden is a function of (seed, epoch, example, place) alone: other places in each epoch, the same for any threads,
 * batches and resumed runs.  The test part's is that of epoch 0, which no training has.
 * Layer: train.  Depends on task.h, data/text.h, base/philox.h.  Read next: task_classes.c, fill.c. */
#include "base/philox.h"
#include "data/text.h"
#include "train/loop.h"
#include "train/task.h"

#include <math.h>
#include <string.h>

static uint64_t seed_of(const setup *s, int64_t epoch)
{
    return loop_epoch_seed(~s->config.seed, epoch);
}

/* ---- a prefix ---------------------------------------------------------------------------------------------------- */

static bool has_prefix(const setup *s)
{
    const char *structure = s->config.model_options.structure;
    return structure && !strcmp(structure, "prefix-decoder");
}

/* x becomes (N, 2, T), tokens over 1 where the example's prefix is; y counts from the prefix's last place on. */
static tp_status cut(const setup *s, int64_t epoch, tp_batch *b)
{
    if (!has_prefix(s))
        return TP_OK;
    const int64_t n = tp_size(b->x, 0), length = tp_size(b->x, 1);
    tp_tensor *x = tp_zeros(TP_SHAPE(n, 2, length)), *y = tp_clone(b->y);
    if (!x || !y)
        return tp_error_pending();
    const float *from = tp_data(b->x);
    float *to = tp_data(x);
    int64_t *truth = tp_data(y);
    for (int64_t i = 0; i < n; i++, from += length, to += 2 * length, truth += length) {
        const uint32_t word = philox_word(seed_of(s, epoch), (uint64_t)b->examples[i], 0);
        const int64_t prefix = length > 1 ? 1 + (int64_t)word % (length - 1) : 1;
        memcpy(to, from, (size_t)length * sizeof *to);
        for (int64_t k = 0; k < prefix; k++) {
            to[length + k] = 1;
            if (k + 1 < prefix)
                truth[k] = TP_IGNORED;
        }
    }
    b->x = x, b->y = y;
    return TP_OK;
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

int64_t mask_token(const setup *s)
{
    for (int64_t i = 0; s->tokenizer && i < s->classes; i++)
        if (s->class_names[i] &&
            (!strcmp(s->class_names[i], "[MASK]") || !strcmp(s->class_names[i], "<mask>")))
            return i;
    return s->classes;
}

static int64_t masked_outputs(const setup *s)
{
    return mask_token(s) < s->classes ? s->classes : s->classes + 1;
}

typedef struct masking {
    const setup *setup;
    uint64_t seed, stream; /* stream: the example */
    int64_t mask, length;
} masking;

/* x and y of an example, f32 and i64 (T). */
static void mask_example(const masking *m, const float *from, float *to, int64_t *truth)
{
    const uint32_t share = (uint32_t)(0.15 * 0x1p32), hidden = (uint32_t)(0.8 * 0x1p32),
                   other = (uint32_t)(0.9 * 0x1p32);
    int64_t least = 0;
    uint32_t least_word = UINT32_MAX;
    for (int64_t k = 0; k < m->length; k++) {
        const uint32_t word = philox(m->seed, m->stream, (uint64_t)k).v[0];
        if (word < least_word)
            least = k, least_word = word;
    }
    for (int64_t k = 0; k < m->length; k++) {
        const philox_block draw = philox(m->seed, m->stream, (uint64_t)k);
        to[k] = from[k];
        truth[k] = TP_IGNORED;
        if (draw.v[0] >= share && k != least)
            continue;
        truth[k] = (int64_t)from[k];
        if (draw.v[1] < hidden)
            to[k] = (float)m->mask;
        else if (draw.v[1] < other)
            to[k] = (float)(((uint64_t)draw.v[2] * (uint64_t)m->setup->classes) >> 32);
    }
}

static tp_status hide(const setup *s, int64_t epoch, tp_batch *b)
{
    const int64_t n = tp_size(b->x, 0), length = tp_size(b->x, 1);
    tp_tensor *x = tp_zeros(TP_SHAPE(n, length)), *y = tp_zeros(TP_SHAPE(n, length), .dtype = TP_I64);
    if (!x || !y)
        return tp_error_pending();
    masking m = { s, seed_of(s, epoch), 0, mask_token(s), length };
    const float *from = tp_data(b->x);
    for (int64_t i = 0; i < n; i++) {
        m.stream = (uint64_t)b->examples[i];
        mask_example(&m, from + i * length, (float *)tp_data(x) + i * length,
                     (int64_t *)tp_data(y) + i * length);
    }
    b->x = x, b->y = y;
    return TP_OK;
}

/* ---- what is measured -------------------------------------------------------------------------------------------- */

/* The loss of each next token in a measure that does not depend on what the units are: bits of a byte of the text. */
static tp_status measure_bits(evaluation *e, const setup *s, tp_module *net, tp_dataset *d,
                              tp_transform *transform)
{
    (void)net, (void)transform;
    const int64_t bytes = text_bytes(d);
    if (has_prefix(s))
        evaluation_figure(e, "perplexity", exp(e->result.loss));
    else if (bytes)
        evaluation_figure(e, "bits per byte",
                          e->result.loss * (double)e->result.examples / (double)bytes / M_LN2);
    return TP_OK;
}

static tp_status measure_masked(evaluation *e, const setup *s, tp_module *net, tp_dataset *d,
                                tp_transform *transform)
{
    (void)s, (void)net, (void)d, (void)transform;
    evaluation_figure(e, "masked accuracy", e->result.accuracy);
    evaluation_figure(e, "masked perplexity", exp(e->result.loss));
    return TP_OK;
}

extern const task task_language, task_masked;
const task task_language = { .name = "language",
                             .check = classes_check,
                             .loss = classes_loss,
                             .add = classes_add,
                             .prepare = cut,
                             .measure = measure_bits,
                             .best_of = "loss",
                             .report = report_text,
                             .verb = "generate",
                             .words = "--length 500" };
const task task_masked = { .name = "masked",
                           .check = classes_check,
                           .outputs = masked_outputs,
                           .loss = classes_loss,
                           .add = classes_add,
                           .prepare = hide,
                           .measure = measure_masked,
                           .best_of = "loss",
                           .report = report_masked,
                           .verb = "predict",
                           .words = "'a text with a [MASK]'" };
