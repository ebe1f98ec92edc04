#!/usr/bin/env python3
"""seq2seq.py - the network of bench/g2p.py on a batch of pairs, in f64: tests/golden/seq2seq.safetensors.

    python3 tools/golden/seq2seq.py     needs Python 3 with torch 2.15

For net in "gru/dot", "gru/additive", "lstm/dot" (two layers of 5, embeddings of 4, 9 source tokens, 7 target tokens):
    <net>/state/<name>     f32
    <net>/loss             f64: mean cross-entropy of the tokens that count
    <net>/grad/<name>      f64
    <net>/greedy (3, 6)    i64: what is written token by token, -1 from <end> on
x (3, 2, 6) f32 and y (3, 6) i64, as tp_pairs has them.
"""
import os, sys

import torch
import torch.nn.functional as F
from lib.golden import TOP, write_safetensors

sys.path.insert(0, os.path.join(TOP, "bench"))
from g2p import BEGIN, END, Seq2Seq, tensors

torch.manual_seed(5)
pairs = [([4, 7, 5, 8], [6, 4]), ([6], [5, 5, 4, 6, 6]), ([8, 8, 4, 5, 7], [4])]
source, target, labels = tensors(pairs, "cpu")
found = {"x": torch.stack([source, target], 1).float(), "y": labels}
for cell, attention in (("gru", "dot"), ("gru", "additive"), ("lstm", "dot")):
    net, name = Seq2Seq(9, 7, cell, 2, 5, 4, attention), f"{cell}/{attention}"
    for p in net.parameters():
        torch.nn.init.uniform_(p, -0.8, 0.8)
    found |= {f"{name}/state/{k}": v.detach().clone() for k, v in net.state_dict().items()}
    net = net.double()
    loss = F.cross_entropy(net(source, target).flatten(0, 1), labels.flatten())
    loss.backward()
    found[f"{name}/loss"] = loss.detach()
    found |= {f"{name}/grad/{k}": p.grad for k, p in net.named_parameters()}
    with torch.no_grad():
        memory, state = net.encode(source)
        token, written = torch.full((3, 1), BEGIN), torch.full((3, 6), -1)
        going = torch.ones(3, dtype=torch.bool)
        for i in range(6):
            scores, state = net.decode(token, memory, state)
            scores[..., :2] = -torch.inf
            token = scores[:, -1].argmax(1, keepdim=True)
            going &= token[:, 0] != END
            written[going, i] = token[going, 0]
    found[f"{name}/greedy"] = written
write_safetensors("tests/golden/seq2seq.safetensors", found, {"torch": torch.__version__, "script": "tools/golden/seq2seq.py", "seed": "5"})
