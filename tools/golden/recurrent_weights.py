#!/usr/bin/env python3
"""recurrent_weights.py - what the weights in data/charlstm and data/g2p-gru give, in NumPy's f64: tests/golden/recurrent_weights.safetensors.

    python3 tools/golden/recurrent_weights.py     needs Python 3 with numpy and torch (to write the file)

The formulas are those of TensorFlow's BasicLSTMCell and of g2p_en's predict; weights stay as they are in their files.

    losses (1500)         -ln p of each character of data/charlstm/shakespeare.txt but the first, in nats; forget gates + 1
    losses_without        the same without that 1
    __metadata__ "words"  a line a word, "hello HH EH1 L OW0"; at each phoneme the best is 0.01 or more before the second best
"""
import json
import numpy as np
import torch
from lib.golden import write_safetensors

LSTM, GRU = "data/charlstm", "data/g2p-gru/checkpoint20.npz"
SOUNDS = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
WORDS = """activationist hello transformer a i taper gradient backpropagation candle perceptron recurrent tensor wax wick kernel zephyr
    queue xylophone through rhythm mnist torch jabberwocky antidisestablishmentarianism supercalifragilisticexpialidocious bfloat quixotic
    eighth knight gnu pneumonia aardvark onomatopoeia shakespeare""".split()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ---- charlstm: gates i, j, f, o; rows of a weight: what comes in, then h -------------------------------------------------


def vocabulary():
    places = json.load(open(f"{LSTM}/vocab.json"))
    return {{"  ": "u", "": "U"}.get(key, key): place for key, place in places.items()}  # two keys are damaged


def losses(text, forget_bias):
    shapes = {v["filename"]: v["shape"] for v in json.load(open(f"{LSTM}/manifest.json")).values()}
    w = {name: np.fromfile(f"{LSTM}/{name}", "<f4").reshape(shape).astype(float) for name, shape in shapes.items()}
    places = vocabulary()
    tokens = [places[c] for c in text]
    state, out = [(np.zeros(128), np.zeros(128)) for _ in range(2)], []
    for this, following in zip(tokens, tokens[1:]):
        x = w["embedding"][this]
        for k, (h, c) in enumerate(state):
            name = f"rnnlm_multi_rnn_cell_cell_{k}_basic_lstm_cell_"
            i, j, f, o = np.split(np.concatenate([x, h]) @ w[name + "weights"] + w[name + "biases"], 4)
            c = c * sigmoid(f + forget_bias) + sigmoid(i) * np.tanh(j)
            x = sigmoid(o) * np.tanh(c)
            state[k] = x, c
        scores = x @ w["rnnlm_softmax_w"] + w["rnnlm_softmax_b"]
        out.append(np.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[following])
    return torch.tensor(np.array(out))


# ---- g2p-gru: gates r, z, n ------------------------------------------------------------------------------------------------


def phonemes():
    vowels = {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"}
    names = [p + stress for p in SOUNDS for stress in (["0", "1", "2"] if p in vowels else [""])]
    names.insert(names.index("UW0"), "UW")
    return ["<pad>", "<unk>", "<s>", "</s>"] + names


def gru(w, side, x, h):
    a = np.split(x @ w[side + "_w_ih"].T + w[side + "_b_ih"], 3)
    b = np.split(h @ w[side + "_w_hh"].T + w[side + "_b_hh"], 3)
    r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
    return (1 - z) * np.tanh(a[2] + r * b[2]) + z * h


def pronounce(w, word):
    h, token, said, names = np.zeros(256), 2, [], phonemes()
    for letter in [3 + ord(c) - ord("a") for c in word] + [2]:
        h = gru(w, "enc", w["enc_emb"][letter], h)
    while len(said) < 20:
        h = gru(w, "dec", w["dec_emb"][token], h)
        scores = w["fc_w"] @ h + w["fc_b"]
        token, second = np.argsort(-scores)[:2]
        assert scores[token] - scores[second] >= 0.01, (word, said)
        if token == 3:
            break
        said.append(names[token])
    return " ".join([word] + said)


text = open(f"{LSTM}/shakespeare.txt").read()
weights = {name: array.astype(float) for name, array in np.load(GRU).items()}
tensors = {"losses": losses(text, 1), "losses_without": losses(text, 0)}
words = "\n".join(pronounce(weights, word) for word in WORDS)
write_safetensors("tests/golden/recurrent_weights.safetensors", tensors,
                  {"numpy": np.__version__, "script": "tools/golden/recurrent_weights.py", "words": words})
