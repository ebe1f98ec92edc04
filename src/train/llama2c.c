/* llama2c.c - Llama networks in llama2.c's first file format: seven integers and the weights one after the other, in f32.
 *
 *   dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size (negative: a head of its own), seq_len
 *   token_embedding, then of all layers rms_att, wq, wk, wv, wo, rms_ffn, w1, w2, w3; rms_final, cosines and sines, (the head)
 *
 * Integers and numbers are little-endian.  RoPE turns neighbours.
 * Layer: train.  Depends on taper/models.h, io/file.h.  Read next: pretrained.c. */
#include "train/llama2c.h"

#include "base/error.h"
#include "io/file.h"

#include <taper/models.h>

#include <stdio.h>
#include <string.h>

enum { HEADER = 7 };
enum { DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, VOCABULARY, CONTEXT };

typedef struct llama {
    const char *path;
    const file_in *file;
    int64_t n[HEADER];
    bool untied;
    int64_t head_dim, kv, at, count; /* floats: where we are, how many there are */
} llama;

static tp_status check_header(llama *l)
{
    l->untied = l->n[VOCABULARY] < 0;
    l->n[VOCABULARY] = l->untied ? -l->n[VOCABULARY] : l->n[VOCABULARY];
    for (int i = 0; i < HEADER; i++)
        if (l->n[i] < 1 || l->n[i] > 1 << 20)
            return tp_fail(TP_ERR_FORMAT, "%s: number %d of 7 is %lld; it is no llama2.c network", l->path,
                           i + 1, (long long)l->n[i]);
    if (l->n[DIM] % l->n[HEADS] || l->n[HEADS] % l->n[KV_HEADS] || l->n[DIM] / l->n[HEADS] % 2 ||
        l->n[LAYERS] > 256)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: width %lld, %lld heads on %lld of keys, %lld layers: there is no such network",
                       l->path, (long long)l->n[DIM], (long long)l->n[HEADS], (long long)l->n[KV_HEADS],
                       (long long)l->n[LAYERS]);
    l->head_dim = l->n[DIM] / l->n[HEADS];
    l->kv = l->n[KV_HEADS] * l->head_dim;
    const int64_t d = l->n[DIM], f = l->n[HIDDEN], layer = 2 * d + 2 * d * d + 2 * d * l->kv + 3 * d * f,
                  wanted = l->n[VOCABULARY] * d * (l->untied ? 2 : 1) + l->n[LAYERS] * layer + d +
                           l->n[CONTEXT] * l->head_dim;
    if (l->count != wanted)
        return tp_fail(TP_ERR_FORMAT, "%s: has %lld numbers behind its header, %lld are wanted", l->path,
                       (long long)l->count, (long long)wanted);
    return TP_OK;
}

/* The next rows x cols of the file into the tensor of this name, from row `first` on. */
static tp_status take(llama *l, tp_params *state, const char *name, int64_t first, int64_t rows, int64_t cols)
{
    TP_SCOPE;
    tp_tensor *t = tp_params_find(state, name);
    const int64_t n = rows * cols;
    if (!t)
        return tp_fail(TP_ERR_FORMAT, "%s: the network has no '%s'", l->path, name);
    const int64_t offset = (HEADER + l->at) * (int64_t)sizeof(float);
    l->at += n;
    return file_read_at(l->file, offset, (float *)tp_data(t) + first * cols, (size_t)n * sizeof(float));
}

/* The same of every layer. */
static tp_status take_layers(llama *l, tp_params *state, const char *name, int64_t first, int64_t rows,
                             int64_t cols)
{
    char text[96];
    for (int64_t i = 0; i < l->n[LAYERS]; i++) {
        snprintf(text, sizeof text, "decoder.layers.%lld.%s.weight", (long long)i, name);
        if (take(l, state, text, first, rows, cols))
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status fill(llama *l, tp_module *net)
{
    tp_params *state = tp_state_dict(net);
    const int64_t d = l->n[DIM], f = l->n[HIDDEN];
    const struct {
        const char *name;
        int64_t first, rows, cols;
    } parts[] = { { "norm1", 0, 1, d },
                  { "attention.qkv", 0, d, d },
                  { "attention.qkv", d, l->kv, d },
                  { "attention.qkv", d + l->kv, l->kv, d },
                  { "attention.out", 0, d, d },
                  { "norm2", 0, 1, d },
                  { "up", 0, f, d },
                  { "down", 0, d, f },
                  { "up", f, f, d } };
    take(l, state, "target.weight", 0, l->n[VOCABULARY], d);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !tp_pending(); i++)
        take_layers(l, state, parts[i].name, parts[i].first, parts[i].rows, parts[i].cols);
    if (!tp_pending())
        take(l, state, "decoder.norm.weight", 0, 1, d);
    l->at += l->n[CONTEXT] * l->head_dim;
    if (l->untied && !tp_pending())
        take(l, state, "head.weight", 0, l->n[VOCABULARY], d);
    return tp_error_pending();
}

static tp_module *build(const llama *l)
{
    return tp_transformer(.structure = "causal-decoder", .target_tokens = l->n[VOCABULARY], .dim = l->n[DIM],
                          .layers = l->n[LAYERS], .heads = l->n[HEADS], .context = l->n[CONTEXT],
                          .position = "rope", .untied = l->untied,
                          .layer = { .struct_size = sizeof(tp_transformer_options),
                                     .activation = "swiglu",
                                     .norm = "rms",
                                     .kv_heads = l->n[KV_HEADS],
                                     .ff = l->n[HIDDEN],
                                     .no_bias = true,
                                     .adjacent = true });
}

static tp_status read_header(llama *l)
{
    int32_t header[HEADER];
    if (l->file->size < (int64_t)sizeof header || l->file->size % 4)
        return tp_fail(TP_ERR_FORMAT, "%s: is of %lld bytes; it is no llama2.c network", l->path,
                       (long long)l->file->size);
    if (file_read_at(l->file, 0, header, sizeof header))
        return tp_error_pending();
    for (int i = 0; i < HEADER; i++)
        l->n[i] = header[i];
    l->count = l->file->size / 4 - HEADER;
    return check_header(l);
}

tp_module *llama2c_read(const char *path)
{
    TP_SCOPE;
    file_in file;
    if (file_open(&file, path))
        return NULL;
    llama l = { .path = path, .file = &file };
    tp_module *net = read_header(&l) ? NULL : build(&l);
    if (net && fill(&l, net))
        net = NULL;
    file_close(&file);
    return tp_keep(net);
}
