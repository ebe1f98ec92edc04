#!/usr/bin/env python3
"""g2p.py - the network and recipe of `taper train seq2seq` in PyTorch: words to phonemes, token error by greedy decoding.

    bench/g2p.py --data DICT --config RUN/config.json [--seed 0] [--device cuda] [--epochs N]

The same pairs are held out (the same hash), batches are of like lengths, and rule, rate, schedule, clipping and sizes are those of the
run's config.json.  Weights and order are drawn anew.  Read next: char_lm.py; ../docs/rnn.md.
"""
import argparse, json, re, time

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from zoo import rate

PAD, BEGIN, END, UNKNOWN = range(4)


class Seq2Seq(nn.Module):
    """Names of parameters as in src/models/seq2seq.c."""

    def __init__(self, inputs, classes, cell="gru", layers=1, hidden=256, embedding=128, attention="dot", dropout=0.0):
        super().__init__()
        kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
        between = dropout if layers > 1 else 0
        self.source, self.target = nn.Embedding(inputs, embedding), nn.Embedding(classes, embedding)
        self.encoder = kind(embedding, hidden, layers, batch_first=True, bidirectional=True, dropout=between)
        self.bridge, self.keys = nn.Linear(2 * hidden, hidden), nn.Linear(2 * hidden, hidden, bias=False)
        self.decoder = kind(embedding, hidden, layers, batch_first=True, dropout=between)
        if attention == "additive":
            self.query, self.score = nn.Linear(hidden, hidden), nn.Linear(hidden, 1, bias=False)
        self.combine, self.head = nn.Linear(3 * hidden, hidden), nn.Linear(hidden, classes)
        self.drop, self.layers, self.additive = nn.Dropout(dropout), layers, attention == "additive"

    def bridged(self, state):  # (layers 2, N, H) -> (layers, N, H)
        two = state.view(self.layers, 2, *state.shape[1:])
        return torch.tanh(self.bridge(torch.cat([two[:, 0], two[:, 1]], 2)))

    def encode(self, tokens):
        lengths = (tokens != PAD).sum(1).clamp(min=1).cpu()
        packed = pack_padded_sequence(self.drop(self.source(tokens)), lengths, batch_first=True, enforce_sorted=False)
        y, state = self.encoder(packed)
        e = pad_packed_sequence(y, batch_first=True, total_length=tokens.shape[1])[0]
        state = tuple(map(self.bridged, state)) if isinstance(state, tuple) else self.bridged(state)
        return (e, self.keys(e), (tokens == PAD).unsqueeze(1)), state

    def decode(self, tokens, memory, state):
        e, keys, padding = memory
        d, state = self.decoder(self.drop(self.target(tokens)), state)
        if self.additive:
            scores = self.score(torch.tanh(self.query(d).unsqueeze(2) + keys.unsqueeze(1))).squeeze(3)
        else:
            scores = d @ keys.transpose(1, 2)
        shares = scores.masked_fill(padding, -torch.inf).softmax(2)
        return self.head(self.drop(torch.tanh(self.combine(torch.cat([d, shares @ e], 2))))), state

    def forward(self, source, target):
        memory, state = self.encode(source)
        return self.decode(target, memory, state)[0]


def is_held_out(word, seed=0):
    mask = (1 << 64) - 1
    h = 0xcbf29ce484222325 ^ (seed * 0x9e3779b97f4a7c15 & mask)
    for byte in word.encode():
        h = (h ^ byte) * 0x100000001b3 & mask
    h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9 & mask
    return (h ^ h >> 32) % 10 == 0


def read(path):
    parts = {False: [], True: []}
    for line in open(path, encoding="utf-8"):
        word, _, sounds = line.rstrip("\n").partition(" ")
        word = re.sub(r"(?<=.)\(\d+\)$", "", word)
        parts[is_held_out(word)].append((list(word), sounds.split()))
    return parts[False], parts[True]


def vocabulary(sequences):
    return {t: i + 4 for i, t in enumerate(sorted({t for s in sequences for t in s}, key=str.encode))}


def tensors(batch, device):
    def filled(rows):
        most = max(map(len, rows))
        return torch.tensor([r + [PAD] * (most - len(r)) for r in rows], device=device)
    labels = filled([t + [END] for _, t in batch])
    return filled([s + [END] for s, _ in batch]), filled([[BEGIN] + t for _, t in batch]), labels.masked_fill(labels == PAD, -100)


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(diagonal + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


@torch.no_grad()
def token_error(net, test, device):
    references = {}
    for source, target in test:
        references.setdefault(tuple(source), []).append(target)
    sources, wrong, total = sorted(references, key=len), 0, 0
    for i in range(0, len(sources), 512):
        some = sources[i:i + 512]
        memory, state = net.encode(tensors([(list(s), []) for s in some], device)[0])
        token = torch.full((len(some), 1), BEGIN, device=device)
        written = []
        for _ in range(72):
            scores, state = net.decode(token, memory, state)
            scores[..., :2] = -torch.inf
            token = scores[:, -1].argmax(1, keepdim=True)
            written.append(token)
            if (torch.cat(written, 1) == END).any(1).all():
                break
        for source, row in zip(some, torch.cat(written, 1).tolist()):
            answer = row[:row.index(END)] if END in row else row
            distance, length = min(((edits(answer, r), len(r)) for r in references[source]), key=lambda x: x[0])
            wrong, total = wrong + distance, total + length
    return wrong / total


def batches(train, size):
    """Pieces of 64 batches of a random order, sorted by length; the batches in a random order."""
    order = [train[i] for i in torch.randperm(len(train)).tolist()]
    for i in range(0, len(order), 64 * size):
        order[i:i + 64 * size] = sorted(order[i:i + 64 * size], key=lambda p: max(len(p[0]), len(p[1])))
    all = [order[i:i + size] for i in range(0, len(order), size)]
    return [all[i] for i in torch.randperm(len(all)).tolist()]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--config", required=True)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="cpu")
    p.add_argument("--epochs", type=int)
    p.add_argument("--limit", type=int)
    a = p.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(a.seed)
    config = json.load(open(a.config))
    o, (train, test) = config["model_options"], read(a.data)
    words = [vocabulary(s for s, _ in train), vocabulary(t for _, t in train)]
    train, test = [[([words[0].get(c, UNKNOWN) for c in s], [words[1].get(c, UNKNOWN) for c in t]) for s, t in part] for part in (train, test)]
    train = train[:a.limit]
    net = Seq2Seq(len(words[0]) + 4, len(words[1]) + 4, o["cell"] or "gru", o["layers"] or 1, int(o["hidden"] or 256), o["embedding"] or 128,
                  o["attention"] or "dot", o["dropout"]).to(a.device)
    optim = torch.optim.Adam(net.parameters(), config["optim_options"]["lr"])
    step, begun = 0, time.time()
    for epoch in range(a.epochs or config["epochs"]):
        net.train()
        for batch in batches(train, config["batch_size"]):
            source, target, labels = tensors(batch, a.device)
            optim.param_groups[0]["lr"] = rate(config, step)
            optim.zero_grad()
            F.cross_entropy(net(source, target).flatten(0, 1), labels.flatten()).backward()
            if config["clip_norm"]:
                torch.nn.utils.clip_grad_norm_(net.parameters(), config["clip_norm"])
            optim.step()
            step += 1
        net.eval()
        error = token_error(net, test, a.device)
        print(f"seed {a.seed}  epoch {epoch + 1}  token error {error:.4f}  {time.time() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
