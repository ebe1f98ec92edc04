#!/usr/bin/env python3
"""presets.py - tiny Transformers of Hugging Face's shapes with random weights, and what transformers computes with them: tests/golden/presets/.

    python3 tools/golden/presets.py     needs Python 3 with torch 2.15 and transformers 5.24; no network
Why: a preset must read config.json and weight files as they are and give the same logits, loss and gradients; no weights worth testing with fit in a repository.
Depends on lib/golden.py.  Read next: tests/golden/presets/README.md (every tensor's name, shape and meaning; what reference.safetensors holds).
"""
import json, os, shutil

os.environ["HF_HUB_OFFLINE"] = "1"
import torch, transformers
from torch import nn
from transformers import (BertConfig, BertForMaskedLM, BertModel, BloomConfig, BloomForCausalLM, GemmaConfig, GemmaForCausalLM, GPT2Config,
                          GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MarianConfig, MarianMTModel)
from transformers.models.bloom.modeling_bloom import _get_alibi_slopes
from lib.golden import TOP, write_safetensors

VOCAB, WIDTH, LAYERS, HEADS, CONTEXT, EPS = 96, 32, 2, 4, 64, 1e-3  # EPS: large enough that a wrong one shows
B, T, PROMPT, NEW, BEAMS = 2, 12, 5, 16, 4
DIFFERENT, GAP = 6, 0.05  # a greedy text has at least so many different tokens, and the best is at least so far before the second
SPECIAL = 5                                                          # smaller ids, and the last one, never stand in a random text
METADATA = {"torch": torch.__version__, "transformers": transformers.__version__, "script": "tools/golden/presets.py"}
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

LLAMA = dict(vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=56, num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=2,
             max_position_embeddings=CONTEXT, rms_norm_eps=EPS)
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 192}  # of 4 frequencies: kept, between, divided, divided
BERT = BertConfig(vocab_size=VOCAB, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=96,
                  max_position_embeddings=CONTEXT, layer_norm_eps=EPS)
GROUPED = [f"model.{name}.weight" for name in ("embed_tokens", "layers.0.self_attn.q_proj", "layers.0.self_attn.k_proj", "layers.1.self_attn.v_proj",
                                              "layers.0.post_attention_layernorm", "layers.0.mlp.gate_proj", "layers.1.mlp.down_proj", "norm")]
# name: (class, configuration, standard deviation of embeddings, parameters whose gradients are kept, what an older config.json says instead)
CAUSAL = {
    "gpt2": (GPT2LMHeadModel, GPT2Config(vocab_size=VOCAB, n_positions=CONTEXT, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, layer_norm_epsilon=EPS,
                                         bos_token_id=95, eos_token_id=95), 0.5,
             [f"transformer.{name}" for name in ("wte.weight", "wpe.weight", "h.0.ln_1.weight", "h.0.attn.c_attn.weight", "h.0.attn.c_attn.bias",
                                                 "h.1.attn.c_proj.weight", "h.0.mlp.c_fc.weight", "ln_f.weight", "ln_f.bias")],
             {"n_ctx": CONTEXT}),
    "llama": (LlamaForCausalLM, LlamaConfig(**LLAMA, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), 0.5, GROUPED + ["lm_head.weight"],
              {"rope_parameters": None, "head_dim": None, "rope_theta": 10000.0, "rope_scaling": None}),
    "llama3": (LlamaForCausalLM, LlamaConfig(**LLAMA | {"max_position_embeddings": 1536}, tie_word_embeddings=True,
                                             rope_parameters={"rope_type": "llama3", "rope_theta": 50000.0} | LLAMA3), 0.5, GROUPED,
               {"rope_parameters": None, "head_dim": None, "rope_theta": 50000.0, "rope_scaling": LLAMA3 | {"rope_type": "llama3"}}),
    "gemma": (GemmaForCausalLM, GemmaConfig(**LLAMA | {"num_key_value_heads": 1}, head_dim=16, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
              0.3, GROUPED,
              {"rope_parameters": None, "rope_theta": 10000.0, "rope_scaling": None, "hidden_act": "gelu", "hidden_activation": "gelu_pytorch_tanh"}),
    "bloom": (BloomForCausalLM, BloomConfig(vocab_size=VOCAB, hidden_size=WIDTH, n_layer=LAYERS, n_head=HEADS, layer_norm_epsilon=EPS, pad_token_id=3), 0.5,
              [f"transformer.{name}" for name in ("word_embeddings.weight", "word_embeddings_layernorm.weight", "h.0.self_attention.query_key_value.weight",
                                                  "h.0.self_attention.query_key_value.bias", "h.1.self_attention.dense.weight", "h.0.input_layernorm.weight",
                                                  "h.0.mlp.dense_h_to_4h.weight", "ln_f.weight", "ln_f.bias")],
              {"hidden_size": None, "n_head": None, "n_embed": WIDTH, "num_attention_heads": HEADS, "n_inner": None, "attention_softmax_in_fp32": True,
               "masked_softmax_fusion": True, "bias_dropout_fusion": True, "offset_alibi": 100, "skip_bias_add": True, "seq_length": CONTEXT, "unk_token_id": 0}),
}


def make(cls, config, seed, embedding):
    """Far from the usual initialisation, where much would cancel: norms away from 1 and 0, biases that count, attention that prefers."""
    net = cls._from_config(config, attn_implementation="eager").eval().float()
    g = torch.Generator().manual_seed(seed)
    random = lambda t, std, mean=0.0: t.copy_(torch.randn(t.shape, generator=g) * std + mean)
    done = set()
    with torch.no_grad():
        for place, module in sorted(net.named_modules(), key=lambda m: (not isinstance(m[1], nn.Embedding), m[0])):  # before the head that is tied to one
            kind = type(module).__name__
            for name, p in module.named_parameters(recurse=False):
                if id(p) in done or not p.requires_grad:  # tied; Marian's sines
                    continue
                done.add(id(p))
                if name == "bias":
                    random(p, 0.3)
                elif "Norm" in kind:
                    # weights of one sign before a tied head would make each token its own best successor
                    last = place in ("transformer.ln_f", "model.norm", f"model.decoder.layers.{LAYERS - 1}.final_layer_norm")
                    random(p, 1.0 if last else 0.3, (0.0 if last else 1.0) - (kind == "GemmaRMSNorm"))
                elif isinstance(module, nn.Embedding):
                    random(p, embedding)
                else:
                    random(p, 1.3 / p.shape[0 if kind == "Conv1D" else 1] ** 0.5)
    return net


def folder(name):
    return os.path.join(TOP, "tests/golden/presets", name)


def save(net, name, **options):
    """What save_pretrained writes, and a check that it reads as the same network."""
    shutil.rmtree(folder(name), ignore_errors=True)
    net.save_pretrained(folder(name), **options)
    for file in os.listdir(folder(name)):
        os.chmod(os.path.join(folder(name), file), 0o644)
    again = type(net).from_pretrained(folder(name), attn_implementation="eager", dtype=net.dtype).state_dict()
    assert all(torch.equal(again[k], v) for k, v in net.state_dict().items()), name
    return {k: v.float() for k, v in again.items()}


def save_older(net, name, changes):
    """config-older.json: what files written before transformers 5 say; None takes a key away, unless it was always there."""
    config = json.load(open(os.path.join(folder(name), "config.json")))
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.40.0"
    for key, value in changes.items():
        config.pop(key, None)
        if value is not None or key in ("rope_scaling", "n_inner"):
            config[key] = value
    with open(os.path.join(folder(name), "config-older.json"), "w") as f:
        json.dump(config, f, indent=2, sort_keys=True)
        f.write("\n")
    older = type(net)._from_config(type(net.config).from_pretrained(folder(name), _configuration_file="config-older.json"), attn_implementation="eager").eval()
    older.load_state_dict(net.state_dict())
    return older


def texts(seed, lengths, pad):
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(SPECIAL, VOCAB - 1, (len(lengths), T), generator=g)
    mask = (torch.arange(T) < torch.tensor(lengths)[:, None]).long()
    return torch.where(mask.bool(), ids, pad), mask


def gradients(net, loss, names):
    net.zero_grad()
    loss.backward()
    named = dict(net.named_parameters())
    return {"loss": loss.detach()} | {f"grad:{name}": named[name].grad.clone() for name in names}


def continuation(net, seed):
    """A prompt whose greedy continuation has many different tokens, none of them nearly as likely as another."""
    for at in range(200):
        prompt = torch.randint(SPECIAL, VOCAB - 1, (1, PROMPT), generator=torch.Generator().manual_seed(1000 * seed + at))
        with torch.no_grad():
            whole = net.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=NEW, do_sample=False, eos_token_id=None, pad_token_id=0)
            best = net(whole).logits[0, PROMPT - 1:-1].topk(2)
        if len(set(whole[0, PROMPT:].tolist())) >= DIFFERENT and (best.values[:, 0] - best.values[:, 1]).min() > GAP:
            assert torch.equal(best.indices[:, 0], whole[0, PROMPT:])
            return {"prompt": prompt, "greedy": whole[:, PROMPT:]}
    raise AssertionError("no prompt")


def left_padded(net, ids, mask, logits):
    """Padding on the left, positions counted from the first real token, as in generation: nothing changes for the real ones."""
    shift = int(T - mask[1].sum())
    ids, mask = torch.roll(ids[1:], shift, 1), torch.roll(mask[1:], shift, 1)
    positions = {} if isinstance(net, BloomForCausalLM) else {"position_ids": (mask.cumsum(1) - 1).clamp(min=0)}
    torch.testing.assert_close(net(ids, attention_mask=mask, **positions).logits[0, shift:], logits[1, :T - shift], rtol=1e-4, atol=1e-4)


def widened(net, dtype, name):
    """The same network saved in a narrow type: what its rounded weights give in f32.  Only weights are rounded, rope's frequencies are not."""
    narrow, wide = (type(net)._from_config(net.config, attn_implementation="eager").eval() for _ in range(2))
    narrow.load_state_dict(net.state_dict())
    wide.load_state_dict(save(narrow.to(dtype), name))
    return wide


def hidden(prefix, states):
    return {f"{prefix}:{i}": x.detach() for i, x in enumerate(states)}


# ---- left to right -----------------------------------------------------------------------------------------------------------

for seed, (name, (cls, config, embedding, names, older)) in enumerate(CAUSAL.items(), 1):
    net = make(cls, config, seed, embedding)
    save(net, name, **({"max_shard_size": "48KB"} if name == "llama" else {}))
    ids, mask = texts(seed, (T, 9), config.pad_token_id or 0)
    labels = torch.where(mask.bool(), ids, -100)
    out = net(ids, attention_mask=mask, labels=labels, output_hidden_states=True)
    found = {"input_ids": ids, "attention_mask": mask, "labels": labels, "logits": out.logits.detach()} | hidden("hidden", out.hidden_states)
    found |= gradients(net, out.loss, names) | continuation(net, seed)
    with torch.no_grad():
        left_padded(net, ids, mask, out.logits)
        assert torch.equal(save_older(net, name, older)(ids, attention_mask=mask).logits, out.logits), name
        if name == "gpt2":
            found["logits:f16"] = widened(net, torch.float16, "gpt2/f16")(ids, attention_mask=mask).logits
        elif name == "llama3":
            found["logits:bf16"] = widened(net, torch.bfloat16, "llama3/bf16")(ids, attention_mask=mask).logits
    if hasattr(config, "rope_parameters"):
        found["inv_freq"] = net.model.rotary_emb.inv_freq
    if name == "bloom":
        found |= {f"slopes:{n}": _get_alibi_slopes(n, "cpu") for n in (4, 6, 8, 12, 112)}
    write_safetensors(f"tests/golden/presets/{name}/reference.safetensors", found, METADATA | {"seed": str(seed)})

# ---- BERT --------------------------------------------------------------------------------------------------------------------

MASK = 4
net = make(BertForMaskedLM, BERT, 6, 0.5)
save(net, "bert")
ids, mask = texts(6, (T, 8), 0)
labels = torch.full((B, T), -100)
for row, column in ((0, 2), (0, 7), (0, 11), (1, 1), (1, 6)):
    labels[row, column], ids[row, column] = ids[row, column].item(), MASK
types = torch.stack([(torch.arange(T) >= 5), (torch.arange(T) >= 3)]).long() * mask
inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
out = net(**inputs, labels=labels, output_hidden_states=True)
found = inputs | {"labels": labels, "logits": out.logits.detach()} | hidden("hidden", out.hidden_states)
found |= gradients(net, out.loss, [
    *(f"bert.embeddings.{k}.weight" for k in ("word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm")),
    *(f"bert.encoder.layer.{k}" for k in ("0.attention.self.query.weight", "0.attention.self.key.weight", "1.attention.self.value.weight",
                                         "0.attention.output.LayerNorm.weight", "0.intermediate.dense.weight", "1.output.LayerNorm.weight")),
    "cls.predictions.transform.dense.weight", "cls.predictions.transform.LayerNorm.weight", "cls.predictions.bias"])
write_safetensors("tests/golden/presets/bert/reference.safetensors", found, METADATA | {"seed": "6"})

sentence = make(BertModel, BERT, 7, 0.5)
sentence.load_state_dict(net.bert.state_dict(), strict=False)  # the same but for the pooler
save(sentence, "bert_sentence")
with torch.no_grad():
    out = sentence(**inputs)
assert torch.equal(out.last_hidden_state, found[f"hidden:{LAYERS}"])
mean = (out.last_hidden_state * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
write_safetensors("tests/golden/presets/bert_sentence/reference.safetensors", inputs | {
    "last_hidden_state": out.last_hidden_state, "pooler_output": out.pooler_output, "mean": mean, "mean_normalised": nn.functional.normalize(mean)}, METADATA | {"seed": "7"})

# ---- Marian ------------------------------------------------------------------------------------------------------------------

PAD, EOS, LONGEST = VOCAB - 1, 0, 14
config = MarianConfig(vocab_size=VOCAB, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=LAYERS, encoder_attention_heads=HEADS, decoder_attention_heads=HEADS,
                      encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=CONTEXT, activation_function="swish", scale_embedding=True,
                      pad_token_id=PAD, decoder_start_token_id=PAD, eos_token_id=EOS, forced_eos_token_id=EOS)
net = make(MarianMTModel, config, 14, 0.6)
with torch.no_grad():
    net.final_logits_bias.copy_(torch.randn(1, VOCAB, generator=torch.Generator().manual_seed(140)) * 0.3)
    net.final_logits_bias[0, EOS] = 3.5
    net.final_logits_bias[0, PAD] = 9.0  # would win, were it not forbidden
net.generation_config.update(num_beams=BEAMS, bad_words_ids=[[PAD]], forced_eos_token_id=EOS, max_length=LONGEST)
save(net, "marian")
many, masks = texts(8, (T, 8) * 500, PAD)
many[0::2, T - 1] = many[1::2, 7] = EOS
with torch.no_grad():
    greedy = net.generate(many, attention_mask=masks, num_beams=1, do_sample=False)
    logp = net(many, attention_mask=masks, decoder_input_ids=greedy[:, :-1]).logits.log_softmax(2)
    logp[:, :, PAD] = -torch.inf
    best = logp[:, :-1].topk(2).values
gap = (best[..., 0] - best[..., 1]).masked_fill(greedy[:, 1:-1] == PAD, torch.inf).amin(1)
length = (greedy[:, 1:] != PAD).sum(1)
different = torch.tensor([len(set(text)) for text in greedy.tolist()])
good = (gap > GAP) & (different >= 5)  # <eos> and the first one among them
with torch.no_grad():
    found = net.generate(many[good], attention_mask=masks[good], num_return_sequences=BEAMS, return_dict_in_generate=True, output_scores=True)
good[good.clone()] = (-found.sequences_scores.reshape(-1, BEAMS).diff()).amin(1) > 2e-3
rows = [(good & (length < 11))[0::2].nonzero()[0, 0].item() * 2,                         # ends by itself
        (good & (length == LONGEST - 1))[1::2].nonzero()[0, 0].item() * 2 + 1]           # is made to end
ids, mask, greedy, logp = many[rows], masks[rows], greedy[rows], logp[rows]
labels = texts(9, (T, 7), -100)[0]
labels[0, T - 1] = labels[1, 6] = EOS
out = net(ids, attention_mask=mask, labels=labels, output_hidden_states=True)
found = {"input_ids": ids, "attention_mask": mask, "labels": labels, "decoder_input_ids": net.prepare_decoder_input_ids_from_labels(labels),
         "logits": out.logits.detach(), "encoder": out.encoder_last_hidden_state.detach(), "positions": net.model.encoder.embed_positions.weight[:T].clone()}
found |= hidden("encoder_hidden", out.encoder_hidden_states) | hidden("decoder_hidden", out.decoder_hidden_states)
found |= gradients(net, out.loss, ["model.shared.weight", *(f"model.{k}" for k in (
    "encoder.layers.0.self_attn.q_proj.weight", "encoder.layers.1.self_attn_layer_norm.weight", "encoder.layers.0.fc1.weight", "encoder.layers.1.final_layer_norm.weight",
    "decoder.layers.0.self_attn.v_proj.weight", "decoder.layers.0.encoder_attn.k_proj.weight", "decoder.layers.1.encoder_attn_layer_norm.bias",
    "decoder.layers.1.fc2.weight", "decoder.layers.1.final_layer_norm.weight"))])
with torch.no_grad():
    scores = logp.gather(2, greedy[:, 1:, None])[:, :, 0].masked_fill(greedy[:, 1:] == PAD, 0)
    beams = net.generate(ids, attention_mask=mask, num_return_sequences=BEAMS, return_dict_in_generate=True, output_scores=True)
    scores[:, LONGEST - 2] = 0  # <eos> that is forced is certain
    wide = net.double().generate(ids, attention_mask=mask, num_return_sequences=BEAMS)
assert torch.equal(beams.sequences, wide), "a choice that rounding decides"
print("marian", greedy.tolist(), beams.sequences.tolist(), beams.sequences_scores.tolist(), sep="\n")
found |= {"greedy": greedy, "greedy_scores": scores, "beams": beams.sequences.reshape(B, BEAMS, -1), "beam_scores": beams.sequences_scores.reshape(B, BEAMS)}
write_safetensors("tests/golden/presets/marian/reference.safetensors", found, METADATA | {"seed": "14"})
