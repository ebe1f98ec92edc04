/* pretrained.c - Transformers out of the files that Hugging Face's transformers writes: config.json says what the network is, the
 * weights lie beside it.
 *
 * An architecture is a row of the table at the end: its configuration's words, and names of tensors (pretrained_names.c).  A word that
 * changes what is computed and that tp_transformer cannot say is an error; all others (of training, of generation) are not looked at.
 * Layer: train.  Depends on pretrained.h, fields.h.  Read next: pretrained_weights.c, models/transformer.c. */
#include "train/pretrained.h"

#include "core/tensor.h"
#include "train/folder.h"
#include "train/llama2c.h"

#include <math.h>
#include <string.h>

/* ---- words of a configuration: several names for one, with blanks between them, the first that is there ------------------------- */

/* The name that is there and not null; where none is, the first of them, and false. */
static bool find_word(const fields *f, const char *names, char name[64])
{
    for (const char *at = names; *at; at += strcspn(at, " "), at += *at == ' ') {
        snprintf(name, 64, "%.*s", (int)strcspn(at, " "), at);
        if (js_kind_of(js_get(f->object, name)) != JS_NULL)
            return true;
    }
    snprintf(name, 64, "%.*s", (int)strcspn(names, " "), names);
    return false;
}

/* A size from 1; otherwise 0: it must be there.  The most leaves room for products of three. */
static int64_t size_of(const fields *f, const char *names, int64_t otherwise)
{
    char name[64];
    int64_t size = otherwise;
    if (find_word(f, names, name) || !otherwise)
        fields_integer(f, name, 1, 1 << 24, &size);
    return size;
}

static double number_of(const fields *f, const char *names, double otherwise)
{
    char name[64];
    double x = otherwise;
    if ((find_word(f, names, name) || otherwise == 0) && !fields_number(f, name, &x) &&
        !(x > 0 && isfinite(x)))
        fields_wrong(f, name, "a number above 0");
    return x;
}

/* Of dropout. */
static double share_of(const fields *f, const char *names)
{
    char name[64];
    double x = 0;
    if (find_word(f, names, name) && !fields_number(f, name, &x) && !(x >= 0 && x < 1))
        fields_wrong(f, name, "a number from 0 to less than 1");
    return x;
}

static bool flag_of(const fields *f, const char *name, bool otherwise)
{
    char found[64];
    if (find_word(f, name, found))
        fields_bool(f, name, &otherwise);
    return otherwise;
}

static const char *text_of(const fields *f, const char *names, const char *otherwise)
{
    char name[64];
    if (!find_word(f, names, name))
        return otherwise;
    const char *text = js_string(fields_get(f, name, JS_STRING));
    return text ? text : otherwise;
}

static void want_flag(const fields *f, const char *name, bool wanted)
{
    if (flag_of(f, name, wanted) != wanted)
        tp_fail(TP_ERR_UNSUPPORTED, "%s: field '%s' is %s, which Taper does not have", f->path, name,
                wanted ? "false" : "true");
}

static void want_text(const fields *f, const char *name, const char *wanted)
{
    const char *text = text_of(f, name, wanted);
    if (strcmp(text, wanted) != 0)
        tp_fail(TP_ERR_UNSUPPORTED, "%s: field '%s' is '%.60s', %s is wanted", f->path, name, text, wanted);
}

/* ---- what architectures share ------------------------------------------------------------------------------------------------------- */

static const char *activation_of(const fields *f, const char *name, const char *word, bool gated)
{
    static const struct {
        const char *theirs, *plain, *gated;
    } rows[] = {
        { "gelu", "gelu", "geglu" },
        { "gelu_new", "gelu_tanh", "geglu_tanh" },
        { "gelu_fast", "gelu_tanh", "geglu_tanh" },
        { "gelu_pytorch_tanh", "gelu_tanh", "geglu_tanh" },
        { "silu", "silu", "swiglu" },
        { "swish", "silu", "swiglu" },
        { "relu", "relu", "reglu" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].theirs, word))
            return gated ? rows[i].gated : rows[i].plain;
    return tp_fail_null(TP_ERR_UNSUPPORTED,
                        "%s: field '%s' is '%.60s'; gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, silu, "
                        "swish and relu are known",
                        f->path, name, word);
}

/* Under rope_parameters; before transformers 5 under rope_scaling, with rope_theta outside. */
static void read_rope(const fields *f, tp_transformer_options *o)
{
    const char *section = js_get(f->object, "rope_parameters") ? "rope_parameters" : "rope_scaling";
    fields r = { f->path, section, js_get(f->object, section) };
    o->rope_theta = number_of(f, "rope_theta", 10000);
    if (js_kind_of(r.object) == JS_NULL || fields_section(f, section, &r))
        return;
    o->rope_theta = number_of(&r, "rope_theta", o->rope_theta);
    const char *type = text_of(&r, "rope_type type", "default");
    tp_rope_scaling *s = &o->rope_scaling;
    if (!strcmp(type, "linear"))
        s->factor = number_of(&r, "factor", 0);
    else if (!strcmp(type, "llama3")) {
        s->factor = number_of(&r, "factor", 0);
        s->low_freq_factor = number_of(&r, "low_freq_factor", 0);
        s->high_freq_factor = number_of(&r, "high_freq_factor", 0);
        s->original_context = number_of(&r, "original_max_position_embeddings", 0);
        if (!(s->high_freq_factor > s->low_freq_factor))
            fields_wrong(&r, "high_freq_factor", "one above low_freq_factor");
    } else if (strcmp(type, "default") != 0)
        tp_fail(TP_ERR_UNSUPPORTED, "%s: rope_type '%.60s'; default, linear and llama3 are known", f->path,
                type);
}

/* ---- the architectures ---------------------------------------------------------------------------------------------------------------- */

typedef void configure(const fields *, tp_transformer_config *);

static void configure_gpt2(const fields *f, tp_transformer_config *c)
{
    c->structure = "causal-decoder";
    c->position = "learned";
    c->target_tokens = size_of(f, "vocab_size", 0);
    c->dim = size_of(f, "n_embd hidden_size", 0);
    c->layers = size_of(f, "n_layer num_hidden_layers", 0);
    c->heads = size_of(f, "n_head num_attention_heads", 0);
    c->context = size_of(f, "n_positions n_ctx max_position_embeddings", 0);
    c->untied = !flag_of(f, "tie_word_embeddings", true);
    c->layer.norm = "pre";
    c->layer.ff = size_of(f, "n_inner", 4 * c->dim);
    c->layer.eps = number_of(f, "layer_norm_epsilon", 1e-5);
    c->layer.activation =
        activation_of(f, "activation_function", text_of(f, "activation_function", "gelu_new"), false);
    c->layer.dropout = share_of(f, "resid_pdrop");
    c->layer.attention_dropout = share_of(f, "attn_pdrop");
    want_flag(f, "scale_attn_weights", true);
    want_flag(f, "scale_attn_by_inverse_layer_idx", false);
    want_flag(f, "add_cross_attention", false);
}

/* What LLaMA and Gemma have in common. */
static void configure_rope_decoder(const fields *f, tp_transformer_config *c)
{
    const bool bias = flag_of(f, "attention_bias", false);
    c->structure = "causal-decoder";
    c->position = "rope";
    c->target_tokens = size_of(f, "vocab_size", 0);
    c->dim = size_of(f, "hidden_size", 0);
    c->layers = size_of(f, "num_hidden_layers", 0);
    c->heads = size_of(f, "num_attention_heads", 0);
    c->context = size_of(f, "max_position_embeddings", 2048);
    c->layer.norm = "rms";
    c->layer.kv_heads = size_of(f, "num_key_value_heads", c->heads);
    c->layer.ff = size_of(f, "intermediate_size", 0);
    c->layer.eps = number_of(f, "rms_norm_eps", 1e-6);
    c->layer.attention_dropout = share_of(f, "attention_dropout");
    c->layer.no_bias = !bias;
    want_flag(f, "mlp_bias", bias);
    read_rope(f, &c->layer);
}

static void configure_llama(const fields *f, tp_transformer_config *c)
{
    char name[64];
    configure_rope_decoder(f, c);
    c->untied = !flag_of(f, "tie_word_embeddings", false);
    c->layer.head_dim = find_word(f, "head_dim", name) ? size_of(f, name, 0) : 0;
    c->layer.activation = activation_of(f, "hidden_act", text_of(f, "hidden_act", "silu"), true);
}

/* Its "gelu" is the form with tanh. */
static void configure_gemma(const fields *f, tp_transformer_config *c)
{
    configure_rope_decoder(f, c);
    const char *word = text_of(f, "hidden_activation hidden_act", "gelu");
    c->untied = !flag_of(f, "tie_word_embeddings", true);
    c->scale_embedding = true;
    c->layer.head_dim = size_of(f, "head_dim", 0);
    c->layer.activation =
        activation_of(f, "hidden_act", strcmp(word, "gelu") ? word : "gelu_pytorch_tanh", true);
    want_flag(f, "use_bidirectional_attention", false);
}

static void configure_bloom(const fields *f, tp_transformer_config *c)
{
    c->structure = "causal-decoder";
    c->position = "alibi";
    c->embedding_norm = true;
    c->target_tokens = size_of(f, "vocab_size", 0);
    c->dim = size_of(f, "hidden_size n_embed", 0);
    c->layers = size_of(f, "n_layer num_hidden_layers", 0);
    c->heads = size_of(f, "n_head num_attention_heads", 0);
    c->context = size_of(f, "seq_length", 2048);
    c->untied = !flag_of(f, "tie_word_embeddings", true);
    c->layer.norm = "pre";
    c->layer.activation = "gelu_tanh";
    c->layer.eps = number_of(f, "layer_norm_epsilon", 1e-5);
    c->layer.dropout = share_of(f, "hidden_dropout");
    c->layer.attention_dropout = share_of(f, "attention_dropout");
    want_flag(f, "apply_residual_connection_post_layernorm", false);
}

static void configure_bert_body(const fields *f, tp_transformer_config *c)
{
    char name[64];
    c->structure = "encoder";
    c->position = "learned";
    c->embedding_norm = true;
    c->no_head = true;
    c->source_tokens = size_of(f, "vocab_size", 0);
    c->token_types = size_of(f, "type_vocab_size", 2);
    c->dim = size_of(f, "hidden_size", 0);
    c->layers = size_of(f, "num_hidden_layers", 0);
    c->heads = size_of(f, "num_attention_heads", 0);
    c->context = size_of(f, "max_position_embeddings", 0);
    if (find_word(f, "pad_token_id", name))
        fields_integer(f, name, 0, c->source_tokens - 1, &c->padding);
    c->layer.norm = "post";
    c->layer.ff = size_of(f, "intermediate_size", 0);
    c->layer.eps = number_of(f, "layer_norm_eps", 1e-12);
    c->layer.activation = activation_of(f, "hidden_act", text_of(f, "hidden_act", "gelu"), false);
    c->layer.dropout = share_of(f, "hidden_dropout_prob");
    c->layer.attention_dropout = share_of(f, "attention_probs_dropout_prob");
    want_flag(f, "is_decoder", false);
    want_text(f, "position_embedding_type", "absolute");
}

/* Where a pooling is asked for, the body alone. */
static void configure_bert(const fields *f, tp_transformer_config *c)
{
    configure_bert_body(f, c);
    if (c->pooling)
        return;
    c->pooling = "each";
    c->no_head = false;
    c->head_transform = c->head_bias = true;
    c->tied = flag_of(f, "tie_word_embeddings", true);
    c->untied = !c->tied;
    c->classes = c->source_tokens;
}

static void configure_marian(const fields *f, tp_transformer_config *c)
{
    c->structure = "encoder-decoder";
    c->position = "sinusoidal_halves";
    c->source_tokens = size_of(f, "vocab_size", 0);
    c->target_tokens = size_of(f, "decoder_vocab_size", c->source_tokens);
    c->shared_embedding = flag_of(f, "share_encoder_decoder_embeddings", true);
    c->scale_embedding = flag_of(f, "scale_embedding", false);
    c->untied = !flag_of(f, "tie_word_embeddings", true);
    c->head_bias = true;
    c->dim = size_of(f, "d_model", 0);
    c->layers = size_of(f, "encoder_layers", 0);
    c->decoder_layers = size_of(f, "decoder_layers", 0);
    c->heads = size_of(f, "encoder_attention_heads", 0);
    c->context = size_of(f, "max_position_embeddings", 0);
    fields_integer(f, "pad_token_id", 0, c->source_tokens - 1, &c->padding);
    c->layer.norm = "post";
    c->layer.ff = size_of(f, "encoder_ffn_dim", 0);
    c->layer.activation =
        activation_of(f, "activation_function", text_of(f, "activation_function", "gelu"), false);
    c->layer.dropout = share_of(f, "dropout");
    c->layer.attention_dropout = share_of(f, "attention_dropout");
    if (size_of(f, "decoder_attention_heads", c->heads) != c->heads ||
        size_of(f, "decoder_ffn_dim", c->layer.ff) != c->layer.ff)
        tp_fail(TP_ERR_UNSUPPORTED,
                "%s: encoder and decoder of different heads or ffn_dim, which Taper does not have", f->path);
}

typedef struct architecture {
    const char *type,
        *classes; /* model_type; names under architectures, the first row of a type also without */
    configure *configure;
    const weight_names *names;
} architecture;

static const architecture architectures[] = {
    { "bert", "BertForMaskedLM BertForPreTraining", configure_bert, &bert_names },
    { "bert", "BertModel", configure_bert_body, &bert_names },
    { "bloom", "BloomForCausalLM BloomModel", configure_bloom, &bloom_names },
    { "gemma", "GemmaForCausalLM GemmaModel", configure_gemma, &gemma_names },
    { "gpt2", "GPT2LMHeadModel GPT2Model", configure_gpt2, &gpt2_names },
    { "llama", "LlamaForCausalLM", configure_llama, &llama_names },
    { "marian", "MarianMTModel", configure_marian, &marian_names },
};
enum { ARCHITECTURES = sizeof architectures / sizeof *architectures };

static bool is_among(const char *words, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at++)
        if ((at == words || at[-1] == ' ') && (!at[length] || at[length] == ' '))
            return length > 0;
    return false;
}

static const architecture *find_architecture(const fields *f)
{
    const char *type = js_string(fields_get(f, "model_type", JS_STRING)),
               *class = js_string(js_at(js_get(f->object, "architectures"), 0));
    char known[256] = "";
    size_t used = 0;
    for (int i = 0; i < ARCHITECTURES && !tp_pending(); i++) {
        const architecture *a = &architectures[i];
        if (!strcmp(a->type, type) && (!class || is_among(a->classes, class)))
            return a;
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", a->classes);
    }
    return tp_fail_null(TP_ERR_UNSUPPORTED, "%s: model_type '%.60s' with architecture '%.60s'; known are %s",
                        f->path, type, class ? class : "", known);
}

/* ---- from a folder to a network ----------------------------------------------------------------------------------------------------- */

/* Shapes alone: in a dry run nothing has memory. */
static tp_module *build(const char *config_path, const tp_transformer_config *c)
{
    tp_dry_run_total total = { 0 };
    tp_dry_run(&total);
    tp_module *net = tp_transformer_opt(c);
    tp_dry_run(NULL);
    if (!net)
        tp_error_in(config_path);
    return net;
}

static tp_status give_memory(tp_module *net)
{
    TP_SCOPE;
    tp_params *params = tp_parameters(net);
    for (int i = 0; params && i < tp_params_count(params); i++)
        if (tensor_allocate(tp_params_at(params, i)))
            break;
    return tp_error_pending();
}

/* What a file says is checked before memory of that size is taken, and no numbers are drawn for weights that the file has. */
static tp_module *load(const char *folder, const char *config_path, const weight_names *names,
                       const tp_transformer_config *c)
{
    weight_files w;
    tp_module *net = NULL;
    const tp_rng rng = tp_rng_state();
    if (!weights_open(&w, folder))
        net = build(config_path, c);
    if (net && !weights_fill(&w, net, names, c, false) && !give_memory(net) &&
        !weights_fill(&w, net, names, c, true))
        tp_eval(net);
    weights_close(&w);
    tp_set_rng_state(rng);
    return tp_pending() ? NULL : net;
}

/* A folder, or a configuration in it. */
static tp_status find_paths(const char *path, char folder[PATH_MAX], char config[PATH_MAX])
{
    const bool is_folder = folder_exists(path);
    const char *slash = strrchr(path, '/');
    if (is_folder || !slash)
        snprintf(folder, PATH_MAX, "%s", is_folder ? path : ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return folder_path(config, folder, is_folder ? "config.json" : slash ? slash + 1 : path);
}

tp_module *tp_pretrained_opt(const char *folder_or_config, const tp_pretrained_options *options)
{
    char folder[PATH_MAX], config_path[PATH_MAX];
    tp_pretrained_options o = { 0 };
    if (tp_pending())
        return NULL;
    if (!folder_or_config)
        return tp_fail_null(TP_ERR_ARGUMENT, "pretrained: the path is NULL");
    memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    const size_t length = strlen(folder_or_config);
    if (length > 4 && !strcmp(folder_or_config + length - 4, ".bin") && !folder_exists(folder_or_config))
        return llama2c_read(folder_or_config);
    js_value *config = find_paths(folder_or_config, folder, config_path) ? NULL : js_read(config_path);
    if (!config)
        return NULL;
    TP_SCOPE;
    tp_module *net = NULL;
    const fields f = { config_path, "", config };
    const architecture *a = find_architecture(&f);
    tp_transformer_config c = { .struct_size = sizeof c, .pooling = o.pooling };
    c.layer.struct_size = sizeof c.layer;
    if (a && o.pooling && strcmp(a->type, "bert") != 0)
        tp_fail(TP_ERR_ARGUMENT, "%s: pooling '%.60s' of a %s, which has none", config_path, o.pooling,
                a->type);
    else if (a)
        a->configure(&f, &c);
    if (!tp_pending())
        net = load(folder, config_path, a->names, &c);
    js_free(config);
    return tp_keep(net);
}
