/* test_presets.c - Transformers out of published files: tiny ones of every architecture, with what transformers computes with them
 * (tests/golden/presets/README.md), and files that are wrong.
 *
 * Layer: tests.  Depends on cmocka, taper.  Read next: src/train/pretrained.c. */
#include "support/files.h"
#include "support/golden.h"

#include "train/decode.h"

#include <taper/taper.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PRESETS "tests/golden/presets/"

enum { HEADS = 4, PADDING_OF_MARIAN = 95 };

/* ---- a network and its reference -------------------------------------------------------------------------------------------- */

static tp_module *pretrained(const char *path)
{
    tp_module *net = tp_pretrained(path);
    expect_no_error();
    assert_non_null(net);
    assert_false(tp_is_training(net));
    return net;
}

static tp_params *reference_of(const char *preset)
{
    char family[128];
    snprintf(family, sizeof family, "presets/%s/reference", preset);
    return golden_read(family);
}

static bool is(const char *a, const char *b)
{
    return !strcmp(a, b);
}

static tp_tensor *input_of(const char *preset, const tp_params *reference)
{
    tp_tensor *ids = golden_tensor(reference, "input_ids");
    const char *second = is(preset, "marian") ? "decoder_input_ids" : "token_type_ids";
    if (!is(preset, "marian") && !is(preset, "bert") && !is(preset, "bert_sentence"))
        return ids;
    return tp_stack((tp_tensor *[]){ ids, golden_tensor(reference, "%s", second) }, 2, 1);
}

/* 1 for the tokens whose logits mean something: what fills up the texts is left out. */
static tp_tensor *real_tokens(const char *preset, const tp_params *reference)
{
    if (is(preset, "marian"))
        return tp_to(tp_ge(golden_tensor(reference, "labels"), 0), TP_F32);
    return tp_to(golden_tensor(reference, "attention_mask"), TP_F32);
}

/* The greatest |got - wanted| of the tokens that mask has; NULL: of all. */
static double difference(tp_tensor *got, tp_tensor *wanted, tp_tensor *mask)
{
    tp_tensor *d = tp_abs(tp_sub(got, wanted));
    d = mask ? tp_mul(d, tp_unsqueeze(mask, 2)) : d;
    const double most = tp_item(tp_amax(d, TP_ALL_DIMS, false));
    expect_no_error();
    return most;
}

static void expect_below(const char *what, const char *of, double got, double bound)
{
    if (!(got < bound))
        fail_msg("%s %s: differs by %g, less than %g is wanted", what, of, got, bound);
}

static void expect_logits(const char *path, const char *preset, const char *name)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_params *reference = reference_of(preset);
    tp_tensor *y = tp_forward(pretrained(path), input_of(preset, reference));
    expect_below(path, name,
                 difference(y, golden_tensor(reference, "%s", name), real_tokens(preset, reference)), 1e-4);
}

static const char *const presets[] = { "gpt2", "llama", "llama3", "gemma", "bloom", "bert", "marian" };
enum { PRESETS_WITH_LOSS = 7, FROM_LEFT_TO_RIGHT = 5 };

/* ---- gradients: where those of the file lie in the network -------------------------------------------------------------------- */

typedef enum layout { PLAIN, TURNED, BY_HEADS } layout;

typedef struct gradient {
    const char *presets, *theirs, *ours;
    int64_t first; /* row */
    layout layout;
} gradient;

#define BERT_LAYER "bert.encoder.layer."
static const gradient gradients[] = {
    { "gpt2", "transformer.wte.weight", "target.weight", 0, PLAIN },
    { "gpt2", "transformer.wpe.weight", "position.weight", 0, PLAIN },
    { "gpt2", "transformer.h.0.ln_1.weight", "decoder.layers.0.norm1.weight", 0, PLAIN },
    { "gpt2", "transformer.h.0.attn.c_attn.weight", "decoder.layers.0.attention.qkv.weight", 0, TURNED },
    { "gpt2", "transformer.h.0.attn.c_attn.bias", "decoder.layers.0.attention.qkv.bias", 0, PLAIN },
    { "gpt2", "transformer.h.1.attn.c_proj.weight", "decoder.layers.1.attention.out.weight", 0, TURNED },
    { "gpt2", "transformer.h.0.mlp.c_fc.weight", "decoder.layers.0.up.weight", 0, TURNED },
    { "gpt2", "transformer.ln_f.weight", "decoder.norm.weight", 0, PLAIN },
    { "gpt2", "transformer.ln_f.bias", "decoder.norm.bias", 0, PLAIN },
    { "llama llama3 gemma", "model.embed_tokens.weight", "target.weight", 0, PLAIN },
    { "llama llama3 gemma", "model.layers.0.self_attn.q_proj.weight", "decoder.layers.0.attention.qkv.weight",
      0, PLAIN },
    { "llama llama3", "model.layers.0.self_attn.k_proj.weight", "decoder.layers.0.attention.qkv.weight", 32,
      PLAIN },
    { "llama llama3", "model.layers.1.self_attn.v_proj.weight", "decoder.layers.1.attention.qkv.weight", 48,
      PLAIN },
    { "gemma", "model.layers.0.self_attn.k_proj.weight", "decoder.layers.0.attention.qkv.weight", 64, PLAIN },
    { "gemma", "model.layers.1.self_attn.v_proj.weight", "decoder.layers.1.attention.qkv.weight", 80, PLAIN },
    { "llama llama3 gemma", "model.layers.0.post_attention_layernorm.weight", "decoder.layers.0.norm2.weight",
      0, PLAIN },
    { "llama llama3 gemma", "model.layers.0.mlp.gate_proj.weight", "decoder.layers.0.up.weight", 0, PLAIN },
    { "llama llama3 gemma", "model.layers.1.mlp.down_proj.weight", "decoder.layers.1.down.weight", 0, PLAIN },
    { "llama llama3 gemma", "model.norm.weight", "decoder.norm.weight", 0, PLAIN },
    { "llama", "lm_head.weight", "head.weight", 0, PLAIN },
    { "bloom", "transformer.word_embeddings.weight", "target.weight", 0, PLAIN },
    { "bloom", "transformer.word_embeddings_layernorm.weight", "embedding_norm.weight", 0, PLAIN },
    { "bloom", "transformer.h.0.self_attention.query_key_value.weight",
      "decoder.layers.0.attention.qkv.weight", 0, BY_HEADS },
    { "bloom", "transformer.h.0.self_attention.query_key_value.bias", "decoder.layers.0.attention.qkv.bias",
      0, BY_HEADS },
    { "bloom", "transformer.h.1.self_attention.dense.weight", "decoder.layers.1.attention.out.weight", 0,
      PLAIN },
    { "bloom", "transformer.h.0.input_layernorm.weight", "decoder.layers.0.norm1.weight", 0, PLAIN },
    { "bloom", "transformer.h.0.mlp.dense_h_to_4h.weight", "decoder.layers.0.up.weight", 0, PLAIN },
    { "bloom", "transformer.ln_f.weight", "decoder.norm.weight", 0, PLAIN },
    { "bloom", "transformer.ln_f.bias", "decoder.norm.bias", 0, PLAIN },
    { "bert", "bert.embeddings.word_embeddings.weight", "source.weight", 0, PLAIN },
    { "bert", "bert.embeddings.position_embeddings.weight", "source_position.weight", 0, PLAIN },
    { "bert", "bert.embeddings.token_type_embeddings.weight", "types.weight", 0, PLAIN },
    { "bert", "bert.embeddings.LayerNorm.weight", "embedding_norm.weight", 0, PLAIN },
    { "bert", BERT_LAYER "0.attention.self.query.weight", "encoder.layers.0.attention.qkv.weight", 0, PLAIN },
    { "bert", BERT_LAYER "0.attention.self.key.weight", "encoder.layers.0.attention.qkv.weight", 32, PLAIN },
    { "bert", BERT_LAYER "1.attention.self.value.weight", "encoder.layers.1.attention.qkv.weight", 64,
      PLAIN },
    { "bert", BERT_LAYER "0.attention.output.LayerNorm.weight", "encoder.layers.0.norm1.weight", 0, PLAIN },
    { "bert", BERT_LAYER "0.intermediate.dense.weight", "encoder.layers.0.up.weight", 0, PLAIN },
    { "bert", BERT_LAYER "1.output.LayerNorm.weight", "encoder.layers.1.norm2.weight", 0, PLAIN },
    { "bert", "cls.predictions.transform.dense.weight", "transform.weight", 0, PLAIN },
    { "bert", "cls.predictions.transform.LayerNorm.weight", "transform_norm.weight", 0, PLAIN },
    { "bert", "cls.predictions.bias", "bias", 0, PLAIN },
    { "marian", "model.shared.weight", "source.weight", 0, PLAIN },
    { "marian", "model.encoder.layers.0.self_attn.q_proj.weight", "encoder.layers.0.attention.qkv.weight", 0,
      PLAIN },
    { "marian", "model.encoder.layers.1.self_attn_layer_norm.weight", "encoder.layers.1.norm1.weight", 0,
      PLAIN },
    { "marian", "model.encoder.layers.0.fc1.weight", "encoder.layers.0.up.weight", 0, PLAIN },
    { "marian", "model.encoder.layers.1.final_layer_norm.weight", "encoder.layers.1.norm2.weight", 0, PLAIN },
    { "marian", "model.decoder.layers.0.self_attn.v_proj.weight", "decoder.layers.0.attention.qkv.weight", 64,
      PLAIN },
    { "marian", "model.decoder.layers.0.encoder_attn.k_proj.weight", "decoder.layers.0.cross.k.weight", 0,
      PLAIN },
    { "marian", "model.decoder.layers.1.encoder_attn_layer_norm.bias", "decoder.layers.1.norm_cross.bias", 0,
      PLAIN },
    { "marian", "model.decoder.layers.1.fc2.weight", "decoder.layers.1.down.weight", 0, PLAIN },
    { "marian", "model.decoder.layers.1.final_layer_norm.weight", "decoder.layers.1.norm2.weight", 0, PLAIN },
};

static bool has_word(const char *words, const char *word)
{
    const size_t n = strlen(word);
    for (; *words; words += strcspn(words, " "), words += *words == ' ')
        if (strcspn(words, " ") == n && !strncmp(words, word, n))
            return true;
    return false;
}

static void expect_gradient(const char *preset, const gradient *row, tp_module *net,
                            const tp_params *reference)
{
    TP_SCOPE;
    tp_tensor *param = tp_params_find(tp_parameters(net), row->ours),
              *wanted = golden_tensor(reference, "grad:%s", row->theirs);
    if (!param || !tp_grad(param))
        fail_msg("%s: %s has no gradient", preset, row->ours);
    if (row->layout == TURNED)
        wanted = tp_transpose(wanted, 0, 1);
    if (row->layout == BY_HEADS)
        wanted = tp_flatten(tp_transpose(tp_unflatten(wanted, 0, TP_SHAPE(HEADS, 3, -1)), 0, 1), 0, 2);
    tp_tensor *got = tp_narrow(tp_grad(param), 0, row->first, tp_size(wanted, 0));
    if (is(row->theirs, "model.shared.weight")) { /* transformers has no gradient of looking padding up */
        got = tp_narrow(got, 0, 0, PADDING_OF_MARIAN);
        wanted = tp_narrow(wanted, 0, 0, PADDING_OF_MARIAN);
    }
    const double size = tp_item(tp_amax(tp_abs(wanted), TP_ALL_DIMS, false));
    expect_below(preset, row->theirs, difference(got, wanted, NULL) / size, 1e-4);
}

static void expect_gradients(const char *preset, tp_module *net, const tp_params *reference)
{
    int in_file = 0, compared = 0;
    for (int g = 0; g < tp_params_count(reference); g++)
        in_file += !strncmp(tp_params_name(reference, g), "grad:", 5);
    for (size_t g = 0; g < sizeof gradients / sizeof *gradients; g++)
        if (has_word(gradients[g].presets, preset)) {
            expect_gradient(preset, &gradients[g], net, reference);
            compared++;
        }
    assert_int_equal(compared, in_file);
}

static tp_tensor *loss_of(const char *preset, tp_tensor *logits, const tp_params *reference)
{
    tp_tensor *labels = golden_tensor(reference, "labels");
    const bool next = !is(preset, "bert") && !is(preset, "marian"); /* those of a text are one to the left */
    const int64_t t = tp_size(labels, 1) - next;
    return tp_cross_entropy(tp_flatten(tp_narrow(logits, 1, 0, t), 0, 1),
                            tp_flatten(tp_narrow(labels, 1, next, t), 0, 1));
}

static void logits_loss_and_gradients_are_those_of_transformers(void **unused)
{
    (void)unused;
    for (int i = 0; i < PRESETS_WITH_LOSS; i++) {
        TP_SCOPE;
        const char *preset = presets[i];
        char folder[128];
        snprintf(folder, sizeof folder, PRESETS "%s", preset);
        tp_params *reference = reference_of(preset);
        tp_module *net = pretrained(folder);
        tp_tensor *y = tp_forward(net, input_of(preset, reference)), *loss = loss_of(preset, y, reference);
        tp_backward(loss);
        TP_NO_GRAD;
        expect_below(preset, "logits",
                     difference(y, golden_tensor(reference, "logits"), real_tokens(preset, reference)), 1e-4);
        expect_below(preset, "loss", fabs(tp_item(loss) - tp_item(golden_tensor(reference, "loss"))), 1e-5);
        expect_gradients(preset, net, reference);
    }
}

/* BERT's and Marian's heads have a bias. */
static void a_loss_without_logits_is_that_of_transformers(void **unused)
{
    (void)unused;
    static const char *const biased[] = { "bert", "marian" };
    for (int i = 0; i < 2; i++) {
        TP_SCOPE;
        char folder[128];
        snprintf(folder, sizeof folder, PRESETS "%s", biased[i]);
        tp_params *reference = reference_of(biased[i]);
        tp_module *net = pretrained(folder);
        tp_tensor *correct, *loss = tp_forward_loss(net, input_of(biased[i], reference),
                                                    golden_tensor(reference, "labels"), -100, &correct);
        expect_no_error();
        tp_backward(loss);
        TP_NO_GRAD;
        expect_below(biased[i], "loss", fabs(tp_item(loss) - tp_item(golden_tensor(reference, "loss"))),
                     1e-5);
        expect_gradients(biased[i], net, reference);
    }
}

static void older_configurations_give_the_same(void **unused)
{
    (void)unused;
    for (int i = 0; i < FROM_LEFT_TO_RIGHT; i++) {
        char path[128];
        snprintf(path, sizeof path, PRESETS "%s/config-older.json", presets[i]);
        expect_logits(path, presets[i], "logits");
    }
}

static void narrow_weights_are_computed_in_f32(void **unused)
{
    (void)unused;
    expect_logits(PRESETS "gpt2/f16", "gpt2", "logits:f16");
    expect_logits(PRESETS "llama3/bf16", "llama3", "logits:bf16");
}

/* ---- token by token ------------------------------------------------------------------------------------------------------------- */

static void greedy_continuations_are_the_same(void **unused)
{
    (void)unused;
    for (int i = 0; i < FROM_LEFT_TO_RIGHT; i++) {
        TP_SCOPE;
        TP_NO_GRAD;
        char folder[128];
        snprintf(folder, sizeof folder, PRESETS "%s", presets[i]);
        tp_params *reference = reference_of(presets[i]);
        tp_module *net = pretrained(folder);
        const tp_decoding_functions *f = tp_module_decoding(net);
        tp_decoding d = { .n_read = 0 };
        tp_tensor *tokens = golden_tensor(reference, "prompt"), *greedy = golden_tensor(reference, "greedy");
        assert_int_equal(f->begin(net, NULL, &d), TP_OK);
        for (int64_t t = 0; t < tp_size(greedy, 1); t++) {
            tokens = tp_argmax(f->step(net, tokens, &d), 1, false);
            expect_no_error();
            assert_int_equal(tp_item_i64(tokens), ((int64_t *)tp_data(greedy))[t]);
        }
    }
}

/* At most 14 tokens, the last one <eos>, which is 0; the start token, 95, is never written, and fills up. */
static void marian_translates_greedily(void **unused)
{
    (void)unused;
    enum { EOS = 0, LONGEST = 14, TEXTS = 2 };
    TP_SCOPE;
    TP_NO_GRAD;
    tp_params *reference = reference_of("marian");
    tp_module *net = pretrained(PRESETS "marian");
    const tp_decoding_functions *f = tp_module_decoding(net);
    const int64_t *wanted = tp_data(golden_tensor(reference, "greedy"));
    bool ended[TEXTS] = { false };
    tp_decoding d = { .n_read = 0 };
    tp_tensor *tokens = tp_full(TP_SHAPE(TEXTS), PADDING_OF_MARIAN, .dtype = TP_I64);
    assert_int_equal(f->begin(net, golden_tensor(reference, "input_ids"), &d), TP_OK);
    for (int64_t t = 1; t < LONGEST; t++) {
        tp_tensor *scores = f->step(net, tokens, &d);
        tokens = tp_argmax(tp_narrow(scores, 1, 0, PADDING_OF_MARIAN), 1, false);
        expect_no_error();
        for (int b = 0; b < TEXTS; b++) {
            int64_t *token = (int64_t *)tp_data(tokens) + b;
            *token = ended[b] ? PADDING_OF_MARIAN : t == LONGEST - 1 ? EOS : *token;
            ended[b] |= *token == EOS;
            assert_int_equal(*token, wanted[b * LONGEST + t]);
        }
    }
}

static void a_body_gives_vectors_of_sentences_or_of_tokens(void **unused)
{
    (void)unused;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_params *reference = reference_of("bert_sentence");
    tp_tensor *x = input_of("bert_sentence", reference);
    tp_tensor *mean = tp_forward(pretrained(PRESETS "bert_sentence"), x),
              *each = tp_forward(tp_pretrained(PRESETS "bert_sentence", .pooling = "each"), x),
              *other = tp_forward(tp_pretrained(PRESETS "bert", .pooling = "mean"), x);
    expect_no_error();
    expect_below("bert_sentence", "mean", difference(mean, golden_tensor(reference, "mean"), NULL), 1e-5);
    expect_below("bert_sentence", "each",
                 difference(each, golden_tensor(reference, "last_hidden_state"),
                            real_tokens("bert_sentence", reference)),
                 1e-5);
    expect_below("bert", "mean", difference(other, mean, NULL), 1e-6);
}

/* Of numbers of heads that are no power of two as well. */
static void slopes_of_alibi_are_those_of_bloom(void **unused)
{
    (void)unused;
    static const int64_t heads[] = { 4, 6, 8, 12, 112 };
    tp_params *reference = reference_of("bloom");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        TP_SCOPE;
        TP_NO_GRAD;
        tp_module *stack = tp_nn_transformer(2 * heads[i], 1, heads[i], .position = "alibi", .causal = true);
        tp_transformer_forward(stack, tp_zeros(TP_SHAPE(1, 1, 2 * heads[i])));
        tp_tensor *slopes = tp_params_find(tp_passing_buffers(stack), "slopes");
        assert_non_null(slopes);
        expect_below("bloom", "slopes",
                     difference(slopes, golden_tensor(reference, "slopes:%lld", (long long)heads[i]), NULL),
                     1e-7);
    }
}

/* ---- files that say the same in other words ---------------------------------------------------------------------------------------- */

static const char *const copied[] = { "config.json", "model.safetensors", "model.safetensors.index.json",
                                      "model-00001-of-00002.safetensors",
                                      "model-00002-of-00002.safetensors" };

/* A new folder with a preset's files; in the one named file the first `from` is `to`.  NULL: all as they are. */
static const char *folder_like(const char *preset, const char *file, const char *from, const char *to)
{
    enum { ROOM = 1 << 18 };
    static int made;
    static char folder[256];
    char name[32], path[512];
    unsigned char *data = malloc(ROOM);
    snprintf(name, sizeof name, "preset%d", made++);
    snprintf(folder, sizeof folder, "%s", temp_path(name));
    assert_int_equal(mkdir(folder, 0777), 0);
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
        struct stat info;
        snprintf(path, sizeof path, PRESETS "%s/%s", preset, copied[i]);
        if (stat(path, &info))
            continue;
        const size_t size = get_file(path, data, ROOM - 1);
        snprintf(path, sizeof path, "%s/%s", folder, copied[i]);
        data[size] = 0;
        char *at = file && is(file, copied[i]) ? strstr((char *)data, from) : NULL;
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(data, 1, at ? (size_t)(at - (char *)data) : size, f);
        if (at)
            fprintf(f, "%s%s", to, at + strlen(from));
        assert_int_equal(fclose(f), 0);
        if (file && is(file, copied[i]))
            assert_non_null(at);
    }
    free(data);
    return folder;
}

static const char *in_folder(const char *folder, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* `from` in a name becomes `to`; "": at its beginning. */
static void rename_all(tp_params **params, const char *from, const char *to)
{
    tp_params *renamed = tp_params_new();
    for (int i = 0; i < tp_params_count(*params); i++) {
        const char *name = tp_params_name(*params, i), *at = strstr(name, from);
        char other[256];
        snprintf(other, sizeof other, "%.*s%s%s", at ? (int)(at - name) : 0, name, at ? to : "",
                 at ? at + strlen(from) : name);
        tp_params_add(renamed, other, tp_params_at(*params, i));
    }
    *params = renamed;
}

static void expect_same_as(const char *folder, const char *preset)
{
    TP_NO_GRAD;
    char path[128];
    snprintf(path, sizeof path, PRESETS "%s", preset);
    tp_tensor *x = input_of(preset, reference_of(preset));
    expect_below(folder, preset,
                 difference(tp_forward(pretrained(folder), x), tp_forward(pretrained(path), x), NULL), 1e-30);
}

static void write_weights(const char *folder, const tp_params *params)
{
    assert_int_equal(tp_safetensors_write(in_folder(folder, "model.safetensors"), params, NULL, 0), TP_OK);
}

static void names_may_lack_the_prefix_and_unused_tensors_may_be_there(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const char *folder = folder_like("gpt2", NULL, NULL, NULL);
    tp_params *p = tp_safetensors_read(in_folder(folder, "model.safetensors"));
    tp_params_add(p, "transformer.h.0.attn.bias", tp_ones(TP_SHAPE(1, 1, 64, 64)));
    tp_params_add(p, "transformer.h.0.attn.masked_bias", tp_full(TP_SHAPE(), -1e4));
    tp_params_add(p, "lm_head.weight", tp_params_find(p, "transformer.wte.weight"));
    write_weights(folder, p);
    expect_same_as(folder, "gpt2");
    rename_all(&p, "transformer.", "");
    write_weights(folder, p);
    expect_same_as(folder, "gpt2");

    folder = folder_like("llama3", NULL, NULL, NULL);
    p = tp_safetensors_read(in_folder(folder, "model.safetensors"));
    tp_params_add(p, "model.layers.0.self_attn.rotary_emb.inv_freq", tp_ones(TP_SHAPE(4)));
    rename_all(&p, "model.", "");
    write_weights(folder, p);
    expect_same_as(folder, "llama3");

    folder = folder_like("bert", NULL, NULL, NULL);
    p = tp_safetensors_read(in_folder(folder, "model.safetensors"));
    tp_params_add(p, "bert.embeddings.position_ids", tp_zeros(TP_SHAPE(1, 64), .dtype = TP_I64));
    tp_params_add(p, "bert.pooler.dense.weight", tp_ones(TP_SHAPE(32, 32)));
    tp_params_add(p, "cls.seq_relationship.bias", tp_ones(TP_SHAPE(2)));
    tp_params_add(p, "cls.predictions.decoder.weight",
                  tp_params_find(p, "bert.embeddings.word_embeddings.weight"));
    rename_all(&p, "LayerNorm.weight", "LayerNorm.gamma");
    rename_all(&p, "LayerNorm.bias", "LayerNorm.beta");
    write_weights(folder, p);
    expect_same_as(folder, "bert");

    folder = folder_like("bert_sentence", NULL, NULL, NULL);
    p = tp_safetensors_read(in_folder(folder, "model.safetensors"));
    rename_all(&p, "", "bert.");
    write_weights(folder, p);
    expect_same_as(folder, "bert_sentence");
    expect_no_error();
}

/* Two embeddings of their own, of equal numbers; a head of its own, of the embedding's numbers. */
static void what_is_tied_may_be_untied(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const char *folder = folder_like("marian", "config.json", "\"share_encoder_decoder_embeddings\": true",
                                     "\"share_encoder_decoder_embeddings\": false");
    tp_params *p = tp_safetensors_read(in_folder(folder, "model.safetensors"));
    tp_params_add(p, "model.decoder.embed_tokens.weight", tp_params_find(p, "model.shared.weight"));
    tp_params_add(p, "model.encoder.embed_positions.weight", tp_ones(TP_SHAPE(64, 32)));
    rename_all(&p, "shared", "encoder.embed_tokens");
    write_weights(folder, p);
    expect_same_as(folder, "marian");

    static const struct {
        const char *preset, *embedding, *head;
    } heads[] = { { "gpt2", "transformer.wte.weight", "lm_head.weight" },
                  { "llama3", "model.embed_tokens.weight", "lm_head.weight" },
                  { "gemma", "model.embed_tokens.weight", "lm_head.weight" },
                  { "bloom", "transformer.word_embeddings.weight", "lm_head.weight" },
                  { "bert", "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight" },
                  { "marian", "model.shared.weight", "lm_head.weight" } };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        folder = folder_like(heads[i].preset, "config.json", "\"tie_word_embeddings\": true",
                             "\"tie_word_embeddings\": false");
        p = tp_safetensors_read(in_folder(folder, "model.safetensors"));
        assert_null(tp_pretrained(folder));
        expect_error(TP_ERR_FORMAT, "is missing, (96, 32) is wanted");
        tp_params_add(p, heads[i].head, tp_params_find(p, heads[i].embedding));
        write_weights(folder, p);
        expect_same_as(folder, heads[i].preset);
    }
    expect_no_error();
}

static void weights_may_be_pytorch_s(void **unused)
{
    (void)unused;
    need_npz(); /* of zip files */
    TP_SCOPE;
    const char *folder = folder_like("marian", NULL, NULL, NULL);
    tp_params *p = tp_safetensors_read(in_folder(folder, "model.safetensors"));
    assert_int_equal(tp_pth_write(in_folder(folder, "pytorch_model.bin"), p), TP_OK);
    assert_int_equal(remove(in_folder(folder, "model.safetensors")), 0);
    expect_same_as(folder, "marian");
    expect_no_error();
}

static void loading_draws_no_random_numbers(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const tp_rng before = tp_rng_state();
    pretrained(PRESETS "gpt2");
    assert_true(tp_rng_state().seed == before.seed && tp_rng_state().stream == before.stream);
}

/* ---- files that are wrong ----------------------------------------------------------------------------------------------------------- */

static void expect_refused(const char *folder, tp_status status, const char *says)
{
    const int64_t live = tp_memory_stats().live_bytes;
    {
        TP_SCOPE;
        if (tp_pretrained(folder))
            fail_msg("%s is loaded, wanted is '%s'", folder, says);
    }
    expect_error(status, says);
    assert_int_equal(tp_memory_stats().live_bytes, live);
}

#define INDEX "model.safetensors.index.json"
#define LM_HEAD "\"lm_head.weight\": \"model-00002-of-00002.safetensors\""
static void wrong_configurations_and_indices_are_told(void **unused)
{
    (void)unused;
    static const struct {
        const char *preset, *file, *from, *to;
        tp_status status;
        const char *says;
    } cases[] = {
        { "gpt2", "config.json", "\"n_head\": 4", "\"n_head\": 5", TP_ERR_ARGUMENT,
          "5 heads: a width that the heads divide" },
        { "gpt2", "config.json", "\"gpt2\"", "\"mamba\"", TP_ERR_UNSUPPORTED,
          "model_type 'mamba' with architecture 'GPT2LMHeadModel'; known are BertForMaskedLM" },
        { "gpt2", "config.json", "GPT2LMHeadModel", "GPT2ForTokenClassification", TP_ERR_UNSUPPORTED,
          "GPT2Model" },
        { "gpt2", "config.json", "model_type", "type", TP_ERR_FORMAT, "field 'model_type' is missing" },
        { "gpt2", "config.json", "\"vocab_size\": 96", "\"vocab_size\": 100", TP_ERR_SHAPE,
          "model.safetensors: tensor 'transformer.wte.weight' is (96, 32), by the configuration (100, 32) is "
          "wanted" },
        { "gpt2", "config.json", "\"n_embd\": 32", "\"n_embd\": 16777216", TP_ERR_SHAPE, "is (96, 32)" },
        { "gpt2", "config.json", "\"n_embd\": 32", "\"n_embd\": 16777217", TP_ERR_FORMAT,
          "field 'n_embd' is 16777217, 1 to 16777216" },
        { "gpt2", "config.json", "\"n_inner\": null", "\"n_inner\": 100", TP_ERR_SHAPE,
          "h.0.mlp.c_fc.weight' is (32, 128), by the configuration (32, 100)" },
        { "gpt2", "config.json", "\"n_layer\": 2", "\"n_layer\": 3", TP_ERR_FORMAT,
          "model.safetensors: tensor 'h.2.attn.c_attn.weight' is missing, (32, 96) is wanted" },
        { "gpt2", "config.json", "\"n_layer\": 2", "\"n_layer\": 1", TP_ERR_FORMAT,
          "by the configuration there is none of this name" },
        { "gpt2", "config.json", "\"n_layer\": 2", "\"n_layer\": 300", TP_ERR_ARGUMENT, "1 to 256 layers" },
        { "gpt2", "config.json", "\"n_layer\": 2", "\"n_layer\": \"2\"", TP_ERR_FORMAT,
          "field 'n_layer' is a string, an integer is wanted" },
        { "gpt2", "config.json", "\"n_layer\": 2", "\"n_layer\": 0", TP_ERR_FORMAT, "field 'n_layer' is 0" },
        { "gpt2", "config.json", "\"n_layer\": 2", "\"n_layer\": 9223372036854775808", TP_ERR_FORMAT,
          "integer" },
        { "gpt2", "config.json", "\"vocab_size\"", "\"words\"", TP_ERR_FORMAT,
          "field 'vocab_size' is missing" },
        { "gpt2", "config.json", "\"layer_norm_epsilon\": 0.001", "\"layer_norm_epsilon\": -1", TP_ERR_FORMAT,
          "a number above 0" },
        { "gpt2", "config.json", "\"resid_pdrop\": 0.1", "\"resid_pdrop\": 1", TP_ERR_FORMAT,
          "from 0 to less than 1" },
        { "gpt2", "config.json", "gelu_new", "snake", TP_ERR_UNSUPPORTED, "'snake'; gelu" },
        { "gpt2", "config.json", "\"scale_attn_by_inverse_layer_idx\": false",
          "\"scale_attn_by_inverse_layer_idx\": true", TP_ERR_UNSUPPORTED,
          "'scale_attn_by_inverse_layer_idx' is true" },
        { "gpt2", "config.json", "\"model_type\"", "model_type", TP_ERR_FORMAT, "not valid JSON" },
        { "llama", "config.json", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", TP_ERR_ARGUMENT,
          "a divisor" },
        { "llama", "config.json", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4", TP_ERR_SHAPE,
          "model-00001-of-00002.safetensors: tensor 'model.layers.0.self_attn.k_proj.weight' is (16, 32)" },
        { "llama", "config.json", "\"head_dim\": 8", "\"head_dim\": 7", TP_ERR_ARGUMENT, "rope turns pairs" },
        { "llama", "config.json", "\"attention_bias\": false", "\"attention_bias\": true", TP_ERR_UNSUPPORTED,
          "mlp_bias" },
        { "llama", "config.json", "\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"", TP_ERR_UNSUPPORTED,
          "rope_type 'yarn'; default, linear and llama3" },
        { "llama", "config.json", "\"rope_parameters\": {", "\"rope_parameters\": 1, \"other\": {",
          TP_ERR_FORMAT, "rope_parameters" },
        { "llama3", "config.json", "\"high_freq_factor\": 4.0", "\"high_freq_factor\": 1.0", TP_ERR_FORMAT,
          "high_freq_factor" },
        { "llama3", "config.json", "\"factor\"", "\"factors\"", TP_ERR_FORMAT,
          "field 'rope_parameters.factor' is missing" },
        { "bloom", "config.json", "\"apply_residual_connection_post_layernorm\": false",
          "\"apply_residual_connection_post_layernorm\": true", TP_ERR_UNSUPPORTED, "is true" },
        { "bert", "config.json", "\"is_decoder\": false", "\"is_decoder\": true", TP_ERR_UNSUPPORTED,
          "is_decoder" },
        { "bert", "config.json", "\"use_cache\": true", "\"position_embedding_type\": \"relative_key\"",
          TP_ERR_UNSUPPORTED, "absolute is wanted" },
        { "bert", "config.json", "\"type_vocab_size\": 2", "\"type_vocab_size\": 3", TP_ERR_SHAPE,
          "token_type_embeddings" },
        { "marian", "config.json", "\"decoder_attention_heads\": 4", "\"decoder_attention_heads\": 2",
          TP_ERR_UNSUPPORTED, "different heads" },
        { "marian", "config.json", "\"pad_token_id\": 95", "\"pad_token_id\": 96", TP_ERR_FORMAT,
          "field 'pad_token_id' is 96, 0 to 95" },
        { "llama", INDEX, LM_HEAD, "\"lm_head.weight\": \"model-3.safetensors\"", TP_ERR_IO,
          "model-3.safetensors" },
        { "llama", INDEX, LM_HEAD, "\"lm_head.weight\": \"../model-00002-of-00002.safetensors\"",
          TP_ERR_FORMAT,
          "tensor 'lm_head.weight' lies in '../model-00002-of-00002.safetensors', the name of a file in the "
          "same folder is wanted" },
        { "llama", INDEX, LM_HEAD, "\"lm_head.weight\": \"/dev/zero\"", TP_ERR_FORMAT, "same folder" },
        { "llama", INDEX, LM_HEAD, "\"lm_head.weight\": \"..\"", TP_ERR_IO, "/..: " },
        { "llama", INDEX, LM_HEAD, "\"lm_head.weight\": \"\"", TP_ERR_FORMAT, "same folder" },
        { "llama", INDEX, LM_HEAD, "\"lm_head.weight\": 2", TP_ERR_FORMAT, "lies in 'an integer'" },
        { "llama", INDEX, LM_HEAD, "\"lm_head.weight\": \"config.json\"", TP_ERR_FORMAT,
          "not a safetensors file" },
        { "llama", INDEX, LM_HEAD, "\"lm_head.weight\": \"model-00001-of-00002.safetensors\"", TP_ERR_FORMAT,
          "tensor 'lm_head.weight' is not in " },
        { "llama", INDEX, LM_HEAD, LM_HEAD ", \"lm_head.bias\": \"model-00002-of-00002.safetensors\"",
          TP_ERR_FORMAT, "tensor 'lm_head.bias' is not in " },
        { "llama", INDEX, LM_HEAD ",", "", TP_ERR_FORMAT, "tensor 'lm_head.weight' is in " },
        { "llama", INDEX, LM_HEAD, LM_HEAD "," LM_HEAD, TP_ERR_FORMAT, "duplicate" },
        { "llama", INDEX, "weight_map", "weights", TP_ERR_FORMAT, "field 'weight_map' is missing" },
        { "llama", INDEX, "{", "[", TP_ERR_FORMAT, "not valid JSON" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(folder_like(cases[i].preset, cases[i].file, cases[i].from, cases[i].to),
                       cases[i].status, cases[i].says);
}

static void wrong_weights_are_told(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static const char *const q = "model.layers.0.self_attn.q_proj.weight",
                             *k = "model.layers.0.self_attn.k_proj.weight";
    const char *folder = folder_like("llama3", NULL, NULL, NULL);
    tp_params *all = tp_safetensors_read(in_folder(folder, "model.safetensors"));
    for (int kind = 0; kind < 5; kind++) {
        TP_SCOPE;
        tp_params *p = tp_params_new();
        for (int i = 0; i < tp_params_count(all); i++) {
            const char *name = tp_params_name(all, i);
            tp_tensor *t = tp_params_at(all, i);
            if (kind == 0 && is(name, k))
                continue;
            if (kind == 1 && is(name, k))
                t = tp_to(t, TP_I32);
            if (kind == 2 && (is(name, k) || is(name, q))) /* together they have the right rows */
                t = tp_ones(TP_SHAPE(is(name, q) ? 16 : 32, 32));
            tp_params_add(p, name, t);
        }
        if (kind == 3)
            tp_params_add(p, "model.layers.0.self_attn.q_norm.weight", tp_ones(TP_SHAPE(8)));
        if (kind == 4)
            tp_params_add(p, "norm.weight", tp_ones(TP_SHAPE(32)));
        write_weights(folder, p);
        static const struct {
            tp_status status;
            const char *says;
        } wanted[] = {
            { TP_ERR_FORMAT, "model.safetensors: tensor 'layers.0.self_attn.k_proj.weight' is missing, "
                             "(16, 32) is wanted" },
            { TP_ERR_DTYPE, "k_proj.weight' is i32, f32, f16 or bf16 is wanted" },
            { TP_ERR_SHAPE, "q_proj.weight' is (16, 32), by the configuration (32, 32) is wanted" },
            { TP_ERR_FORMAT, "q_norm.weight' (8,), by the configuration there is none" },
            { TP_ERR_FORMAT, "norm.weight' (32,), by the configuration there is none" }
        };
        expect_refused(folder, wanted[kind].status, wanted[kind].says);
    }
    remove(in_folder(folder, "model.safetensors"));
    expect_refused(folder, TP_ERR_IO, "neither model.safetensors nor model.safetensors.index.json nor");
    put_text(in_folder(folder, "model.safetensors"), "abc");
    expect_refused(folder, TP_ERR_FORMAT, "not a safetensors file");
    expect_refused(temp_path("nothing"), TP_ERR_IO, "nothing");
    assert_null(tp_pretrained(PRESETS "gpt2", .pooling = "mean"));
    expect_error(TP_ERR_ARGUMENT, "pooling 'mean' of a gpt2");
    assert_null(tp_pretrained(PRESETS "bert", .pooling = "sum"));
    expect_error(TP_ERR_ARGUMENT, "config.json: ");
    assert_null(tp_pretrained(NULL));
    expect_error(TP_ERR_ARGUMENT, "NULL");
}

/* Each byte in turn is another one: a network or an error, and nothing is lost. */
static void spoil_each_byte(const char *preset, const char *file)
{
    enum { ROOM = 4096 };
    unsigned char data[ROOM];
    char folder[256], path[512];
    snprintf(folder, sizeof folder, "%s", folder_like(preset, NULL, NULL, NULL));
    snprintf(path, sizeof path, "%s/%s", folder, file);
    const size_t size = get_file(path, data, ROOM);
    const int64_t live = tp_memory_stats().live_bytes;
    for (size_t i = 0; i < size; i++) {
        TP_SCOPE;
        const unsigned char was = data[i];
        data[i] = (unsigned char)(i % 3 == 0 ? '9' : i % 3 == 1 ? ' ' : was ^ 1);
        put_file(path, data, size);
        data[i] = was;
        if (!tp_pretrained(folder))
            assert_true(tp_error_take(NULL, 0) != TP_OK);
        else
            expect_no_error();
    }
    assert_int_equal(tp_memory_stats().live_bytes, live);
}

static void any_byte_of_a_configuration_or_an_index_may_be_wrong(void **unused)
{
    (void)unused;
    spoil_each_byte("llama3", "config.json");
    spoil_each_byte("llama", INDEX);
}

static void load_gpt2(void)
{
    tp_pretrained(PRESETS "gpt2");
}

static void every_allocation_may_fail(void **unused)
{
    (void)unused;
    with_failing_allocations(load_gpt2);
}

/* transformers' generate with num_beams 4, length_penalty 1 and early_stopping False: all four hypotheses, token for token. */
static void marians_beams_are_those_of_transformers(void **unused)
{
    (void)unused;
    enum { EOS = 0, LONGEST = 14, TEXTS = 2, BEAMS = 4 };
    TP_SCOPE;
    const int64_t never[] = { PADDING_OF_MARIAN };
    const decoding_options o = { .beam = BEAMS,
                                 .max_length =
                                     LONGEST - 2, /* of those 14 the first begins and the last ends */
                                 .length_penalty = 1,
                                 .begin = PADDING_OF_MARIAN,
                                 .end = EOS,
                                 .never = never,
                                 .n_never = 1,
                                 .by_length = true,
                                 .ends_forced = true };
    tp_params *reference = reference_of("marian");
    tp_tensor *beams = golden_tensor(reference, "beams"), *scores = golden_tensor(reference, "beam_scores");
    const int64_t *wanted = tp_data(beams), length = tp_size(beams, 2);
    decoded got[TEXTS];
    assert_int_equal(decode(pretrained(PRESETS "marian"), golden_tensor(reference, "input_ids"), &o, got),
                     TP_OK);
    for (int i = 0; i < TEXTS * BEAMS; i++, wanted += length) {
        const hypothesis *h = &got[i / BEAMS].best[i % BEAMS];
        assert_int_equal(got[i / BEAMS].n, BEAMS);
        for (int64_t k = 1; k < length; k++)
            assert_int_equal(wanted[k], k <= h->n       ? h->tokens[k - 1]
                                        : k == h->n + 1 ? EOS
                                                        : PADDING_OF_MARIAN);
        assert_true(fabs(h->score - (double)((const float *)tp_data(scores))[i]) < 1e-4);
    }
    decoded_free(got, TEXTS);
}

typedef struct filled {
    char text[128];
    double first;
} filled;

static bool take_filling(void *context, const tp_filling *f)
{
    filled *to = context;
    snprintf(to->text + strlen(to->text), sizeof to->text - strlen(to->text), "%d%s ", (int)f->mask,
             f->token);
    to->first = f->mask + f->rank ? to->first : f->probability;
    return true;
}

/* What transformers 5.24 gives for "[CLS] a [MASK] b [MASK] [SEP]" by the small BERT, of whose 96 tokens these are the names. */
static void bert_fills_masks(void **unused)
{
    (void)unused;
    TP_SCOPE;
    need_unicode();
    char names[2048] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", name[16];
    filled f = { .first = 0 };
    for (int i = 5; i < 96; i++) {
        snprintf(name, sizeof name,
                 i < 31   ? "%c\n"
                 : i < 57 ? "##%c\n"
                          : "w%d\n",
                 i < 31   ? 'a' + i - 5
                 : i < 57 ? 'a' + i - 31
                          : i - 57);
        strcat(names, name);
    }
    put_text(temp_path("vocab.txt"), names);
    tp_tokenizer *tokenizer = tp_tokenizer_load(temp_path("vocab.txt"));
    tp_module *net = pretrained(PRESETS "bert");
    tp_fill(net, tokenizer, "a [MASK] b [MASK]", 3, take_filling, &f);
    expect_no_error();
    assert_string_equal(f.text, "0w15 0y 0w21 1w21 1w15 1w8 ");
    assert_true(fabs(f.first - 0.4289) < 1e-4);
    expect_error(tp_fill(net, tokenizer, "a b", 1, take_filling, &f), "has no [MASK] to fill");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_loss_and_gradients_are_those_of_transformers),
        cmocka_unit_test(a_loss_without_logits_is_that_of_transformers),
        cmocka_unit_test(older_configurations_give_the_same),
        cmocka_unit_test(narrow_weights_are_computed_in_f32),
        cmocka_unit_test(greedy_continuations_are_the_same),
        cmocka_unit_test(marian_translates_greedily),
        cmocka_unit_test(bert_fills_masks),
        cmocka_unit_test(marians_beams_are_those_of_transformers),
        cmocka_unit_test(a_body_gives_vectors_of_sentences_or_of_tokens),
        cmocka_unit_test(slopes_of_alibi_are_those_of_bloom),
        cmocka_unit_test(names_may_lack_the_prefix_and_unused_tensors_may_be_there),
        cmocka_unit_test(what_is_tied_may_be_untied),
        cmocka_unit_test(weights_may_be_pytorch_s),
        cmocka_unit_test(loading_draws_no_random_numbers),
        cmocka_unit_test(wrong_configurations_and_indices_are_told),
        cmocka_unit_test(wrong_weights_are_told),
        cmocka_unit_test(any_byte_of_a_configuration_or_an_index_may_be_wrong),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return golden_isa_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : GOLDEN_SKIP;
}
