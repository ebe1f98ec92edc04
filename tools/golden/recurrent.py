#!/usr/bin/env python3
"""recurrent.py - PyTorch's RNN, LSTM and GRU with every combination of their options: tests/golden/recurrent.safetensors.

    python3 tools/golden/recurrent.py     needs Python 3 with torch 2.15

Parameters, inputs and gradients given are half the numbers of their names (lib/filled.py): weight_ih_l0, x, h0, c0, dy, dh_n, dc_n.
__metadata__ "cases": a line a case, "<n> <kind> layers=2 both=1 bias=1 batch_first=0 proj=0 relu=0 lengths=1 states=1"; sizes below.

    <n> (k, 2)          of y, h_n, c_n (LSTM), dx, dh0, dc0 (with states), and each parameter's gradient in the order of the state dict: the
                        sums of its numbers times those named "a" and "b"
    sgd/<kind> (10)     losses, mean of (y - target)^2, before each step of SGD (lr 0.5) of two layers in both directions (LSTM: proj 2), with biases
    sgd/<kind>/after    as above, of the parameters after the last one
"""
import itertools
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from lib.filled import numbers
from lib.golden import write_safetensors

T, B, INPUT, HIDDEN, LENGTHS = 4, 3, 2, 3, [2, 4, 1]
KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def half(name, *shape):
    return numbers(name, shape) / 2


def digest(t):
    return torch.stack([(t * numbers(n, t.shape)).sum() for n in "ab"])


def layer(kind, layers, both, bias, batch_first, proj, relu):
    more = {"nonlinearity": "relu"} if relu else {"proj_size": proj} if proj else {}
    net = KINDS[kind](INPUT, HIDDEN, layers, bias=bool(bias), batch_first=bool(batch_first), bidirectional=bool(both), **more).double()
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(half(name, *p.shape))
    return net


def run(kind, layers, both, bias, batch_first, proj, relu, lengths, states):
    net, out = layer(kind, layers, both, bias, batch_first, proj, relu), proj or HIDDEN
    strands = layers * (1 + both)
    x = half("x", *((B, T, INPUT) if batch_first else (T, B, INPUT))).requires_grad_()
    h0, c0 = half("h0", strands, B, out).requires_grad_(), half("c0", strands, B, HIDDEN).requires_grad_()
    given = None if not states else (h0, c0) if kind == "lstm" else h0
    fed = pack_padded_sequence(x, LENGTHS, bool(batch_first), enforce_sorted=False) if lengths else x
    y, last = net(fed, given)
    y = pad_packed_sequence(y, bool(batch_first))[0] if lengths else y
    last = last if kind == "lstm" else (last,)
    outs = [y, *last]
    loss = sum((t * half(n, *t.shape)).sum() for t, n in zip(outs, ("dy", "dh_n", "dc_n")))
    leaves = [x] + ([h0, c0] if kind == "lstm" else [h0]) * states + list(net.parameters())
    return torch.stack([digest(t) for t in outs + list(torch.autograd.grad(loss, leaves))]).detach()


tensors, lines = {}, []
for kind in KINDS:
    for layers, both, bias, batch_first, special, lengths, states in itertools.product((1, 2), *[(0, 1)] * 6):
        if kind == "gru" and special:
            continue
        proj, relu = 2 * special * (kind == "lstm"), special * (kind == "rnn")
        n = len(lines)
        lines.append(f"{n} {kind} layers={layers} both={both} bias={bias} batch_first={batch_first} proj={proj} relu={relu} lengths={lengths} states={states}")
        tensors[str(n)] = run(kind, layers, both, bias, batch_first, proj, relu, lengths, states)

for kind in KINDS:
    net, losses = layer(kind, 2, 1, 1, 0, 2 * (kind == "lstm"), 0), []
    sgd, x = torch.optim.SGD(net.parameters(), lr=0.5), half("x", T, B, INPUT)
    for _ in range(10):
        sgd.zero_grad()
        y = net(x)[0]
        loss = nn.functional.mse_loss(y, half("target", *y.shape))
        loss.backward()
        losses.append(loss.detach())
        sgd.step()
    tensors |= {f"sgd/{kind}": torch.stack(losses), f"sgd/{kind}/after": torch.stack([digest(p) for p in net.parameters()]).detach()}
write_safetensors("tests/golden/recurrent.safetensors", tensors, {"torch": torch.__version__, "script": "tools/golden/recurrent.py", "cases": "\n".join(lines)})
