/* fill.c - what a masked language model puts where a text has [MASK].
 *
 * A run's text goes in as its training's windows did, without the tokens that other systems put around one; a network of another system, with
 * them.  A tokenizer that has a mask's piece finds it in the text by itself; otherwise the text is cut at [MASK].
 * Layer: train.  Depends on run.h, units.h, task.h.  Read next: task_language.c, units.c, cli/fill.c. */
#include "base/error.h"
#include "base/memory.h"
#include "train/run.h"
#include "train/task.h"
#include "train/units.h"

#include <string.h>

static const char mark[] = "[MASK]";

typedef struct filler {
    tp_module *net;
    const setup *setup; /* NULL: of no run */
    tp_tokenizer *tokenizer;
    int64_t mask, *tokens, n, room, context;
    tp_filling_fn *told;
    void *to;
    int64_t n_best;
} filler;

static tp_status add_token(filler *f, int64_t token)
{
    if (tp_grow((void **)&f->tokens, &f->room, f->n + 1, sizeof *f->tokens))
        return tp_error_pending();
    f->tokens[f->n++] = token;
    return TP_OK;
}

/* A piece of the text between masks. */
static tp_status add_piece(filler *f, const char *text, size_t size)
{
    units u;
    char *copy = size ? tp_memdup(text, size + 1) : NULL;
    if (!copy)
        return tp_error_pending();
    copy[size] = 0;
    if (f->tokenizer) {
        TP_SCOPE;
        const tp_tokens *ids =
            tp_tokenizer_encode(f->tokenizer, copy, (int64_t)size, .no_special = f->setup != NULL);
        for (int64_t i = 0; ids && i < tp_tokens_count(ids) && !tp_pending(); i++)
            add_token(f, tp_tokens_ids(ids)[i]);
    } else if (!units_open(&u, f->setup)) {
        units_read(&u, "fill", copy);
        for (int64_t i = 0; i < u.n_read && !tp_pending(); i++)
            add_token(f, u.read[i]);
        units_close(&u);
    }
    tp_free(copy, size + 1);
    return tp_error_pending();
}

static tp_status read_text(filler *f, const char *text)
{
    const bool cuts = f->setup && f->mask == f->setup->classes;
    for (const char *at = text, *next; *at && !tp_pending(); at = next) {
        next = cuts ? strstr(at, mark) : NULL;
        add_piece(f, at, next ? (size_t)(next - at) : strlen(at));
        if (!next)
            break;
        add_token(f, f->mask);
        next += sizeof mark - 1;
    }
    if (tp_pending())
        return tp_error_pending();
    bool any = false;
    for (int64_t i = 0; i < f->n; i++)
        any = any || f->tokens[i] == f->mask;
    if (!any)
        return tp_fail(TP_ERR_ARGUMENT, "fill: '%.60s' has no %s to fill", text, mark);
    if (f->context && f->n > f->context)
        return tp_fail(TP_ERR_ARGUMENT, "fill: '%.40s...' has %lld tokens, the network sees %lld", text,
                       (long long)f->n, (long long)f->context);
    return TP_OK;
}

/* The n_best likeliest of the shares at a mask, best first; each that was told of gets a share below all. */
static bool tell_mask(filler *f, double *shares, int64_t outputs, int64_t mask)
{
    for (int64_t rank = 0; rank < f->n_best; rank++) {
        int64_t best = 0;
        for (int64_t k = 1; k < outputs; k++)
            best = shares[k] > shares[best] ? k : best;
        const char *name = f->setup ? f->setup->class_names[best] : tp_tokenizer_piece(f->tokenizer, best);
        char byte[] = { (char)best, 0 };
        if (!f->told(f->to, &(tp_filling){ .mask = mask,
                                           .rank = rank,
                                           .token = name ? name : byte,
                                           .probability = shares[best] }))
            return false;
        shares[best] = -1;
    }
    return true;
}

static tp_status tell(filler *f)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_tensor *y = tp_forward(f->net, tp_tensor_copied(f->tokens, TP_I64, TP_SHAPE(1, f->n)));
    if (!y)
        return tp_error_pending();
    const int64_t known = f->setup ? f->setup->classes : tp_tokenizer_count(f->tokenizer);
    if (tp_ndim(y) != 3 || tp_size(y, 1) != f->n || tp_size(y, 2) < known)
        return tp_fail(TP_ERR_ARGUMENT, "fill: the network is no masked language model of the %lld tokens",
                       (long long)known);
    y = tp_contiguous(
        tp_softmax(tp_double(tp_narrow(y, 2, 0, known)), 2)); /* the mask itself fills nothing */
    f->n_best = f->n_best < known ? f->n_best : known;
    for (int64_t i = 0, masks = 0; i < f->n && y; i++)
        if (f->tokens[i] == f->mask && !tell_mask(f, (double *)tp_data(y) + i * known, known, masks++))
            break;
    return tp_error_pending();
}

static tp_status fill(filler *f, const char *text)
{
    if (!read_text(f, text))
        tell(f);
    tp_free(f->tokens, (size_t)f->room * sizeof *f->tokens);
    return tp_error_pending();
}

bool tp_run_fills(const tp_run *run)
{
    return run && !strcmp(task_of(run->setup)->name, "masked");
}

tp_status tp_run_fill(tp_run *run, const char *text, int64_t n_best, tp_filling_fn *told, void *context)
{
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    if (!tp_run_fills(run) || !text || !told || n_best < 0)
        return tp_fail(TP_ERR_ARGUMENT,
                       "run_fill: a run of a masked language model, a text and a function are wanted");
    const setup *s = run->setup;
    filler f = { .net = run->net,
                 .setup = s,
                 .tokenizer = s->tokenizer ? tp_tokenizer_load(s->tokenizer) : NULL,
                 .mask = mask_token(s),
                 .context = s->config.model_options.context,
                 .told = told,
                 .to = context,
                 .n_best = n_best ? n_best : 1 };
    return fill(&f, text);
}

tp_status tp_fill(tp_module *net, tp_tokenizer *tokenizer, const char *text, int64_t n_best,
                  tp_filling_fn *told, void *context)
{
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    if (!net || !tokenizer || !text || !told || n_best < 0)
        return tp_fail(TP_ERR_ARGUMENT, "fill: a network, its tokenizer, a text and a function are wanted");
    const int64_t bert = tp_tokenizer_id(tokenizer, mark), other = tp_tokenizer_id(tokenizer, "<mask>");
    filler f = { .net = net,
                 .tokenizer = tokenizer,
                 .mask = bert >= 0 ? bert : other,
                 .told = told,
                 .to = context,
                 .n_best = n_best ? n_best : 1 };
    return f.mask < 0 ? tp_fail(TP_ERR_ARGUMENT, "fill: the tokenizer has no %s", mark) : fill(&f, text);
}
