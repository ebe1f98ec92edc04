/* test_presets.c - Transformers out of published files: tiny ones of every architecture, with what transformers computes with them
 * (tests/golden/presets/README.md), and files that are wrong.
 *
 * Layer: tests.  Depends on cmocka, taper.  Read next: src/train/pretrained.c. */
#include "support/files.h"
#include "support/golden.h"

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
        int in_file = 0, compared = 0;
        snprintf(folder, sizeof folder, PRESETS "%s", preset);
        tp_params *reference = reference_of(preset);
        tp_module *net = pretrained(folder);
        tp_tensor *y = tp_forward(net, input_of(preset, reference)), *loss = loss_of(preset, y, reference);
        tp_backward(loss);
        TP_NO_GRAD;
        expect_below(preset, "logits",
                     difference(y, golden_tensor(reference, "logits"), real_tokens(preset, reference)), 1e-4);
        expect_below(preset, "loss", fabs(tp_item(loss) - tp_item(golden_tensor(reference, "loss"))), 1e-5);
        for (int g = 0; g < tp_params_count(reference); g++)
            in_file += !strncmp(tp_params_name(reference, g), "grad:", 5);
        for (size_t g = 0; g < sizeof gradients / sizeof *gradients; g++)
            if (has_word(gradients[g].presets, preset)) {
                expect_gradient(preset, &gradients[g], net, reference);
                compared++;
            }
        assert_int_equal(compared, in_file);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_loss_and_gradients_are_those_of_transformers),
        cmocka_unit_test(older_configurations_give_the_same),
        cmocka_unit_test(narrow_weights_are_computed_in_f32),
        cmocka_unit_test(greedy_continuations_are_the_same),
        cmocka_unit_test(marian_translates_greedily),
        cmocka_unit_test(a_body_gives_vectors_of_sentences_or_of_tokens),
    };
    return golden_isa_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : GOLDEN_SKIP;
}
