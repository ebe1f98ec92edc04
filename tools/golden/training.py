#!/usr/bin/env python3
"""training.py - golden runs of a whole training loop: tests/golden/training.safetensors.

    python3 tools/golden/training.py        needs Python 3 with torch 2.15, scikit-learn 1.9

An mlp 784-4-10 on the first 60 examples of data/mnist (pixels / 255), all of them in each of 5 steps, so that their order
does not matter: <case>/<name> are the weights afterwards, ema/<case>/<name> their means (AveragedModel), init/<name> those
that each case begins with.  What the cases are: tests/test_training_golden.c says the same in Taper's words.
"""
import gzip, math, os
import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from lib.golden import TOP, write_safetensors

N, STEPS = 60, 5


def mnist(kind, offset):
    with gzip.open(os.path.join(TOP, f"data/mnist/train-{kind}-ubyte.gz")) as f:
        return np.frombuffer(f.read(), np.uint8, offset=offset)


x = torch.from_numpy(mnist("images-idx3", 16)[: N * 784].reshape(N, 784).copy()).float() / 255
y = torch.from_numpy(mnist("labels-idx1", 8)[:N].copy()).long()
counts = torch.bincount(y, minlength=10).float()
balanced = N / ((counts > 0).sum() * counts)
balanced[counts == 0] = 0
torch.manual_seed(11)
NAMES = {"0": "fc1", "2": "fc2"}
first = torch.nn.Sequential(torch.nn.Linear(784, 4), torch.nn.ReLU(), torch.nn.Linear(4, 10))
taper = lambda name: name.replace(name[0], NAMES[name[0]], 1)
tensors = {f"init/{taper(k)}": v.clone() for k, v in first.state_dict().items()}


def run(case, optimizer, factors, no_decay=(), frozen=(), smoothing=0.0, weight=None, ema=None, factor=lambda step: 1.0, clip=None, **o):
    net = torch.nn.Sequential(torch.nn.Linear(784, 4), torch.nn.ReLU(), torch.nn.Linear(4, 10))
    net.load_state_dict(first.state_dict())
    groups = []
    for name, p in net.named_parameters():
        if taper(name) in frozen:
            p.requires_grad_(False)
            continue
        group = {"params": [p], "lr": o["lr"] * factors.get(taper(name), 1.0)}
        if taper(name) in no_decay:
            group["weight_decay"] = 0.0
        groups.append(group)
    optim = optimizer(groups, **o)
    schedule = torch.optim.lr_scheduler.LambdaLR(optim, factor)
    mean = ema and AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(ema), use_buffers=True)
    for _ in range(STEPS):
        optim.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y, weight=weight, label_smoothing=smoothing).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
        optim.step()
        schedule.step()
        if mean:
            mean.update_parameters(net)
    for name, p in net.named_parameters():
        tensors[f"{case}/{taper(name)}"] = p.detach().clone()
    if mean:
        for name, p in mean.module.named_parameters():
            tensors[f"ema/{case}/{taper(name)}"] = p.detach().clone()


def warm_cosine(step, warmup=2, total=STEPS):
    if step < warmup:
        return step / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


run("sgd", torch.optim.SGD, {"fc1.weight": 0.5, "fc1.bias": 0.5, "fc2.bias": 2.0}, no_decay=("fc1.bias", "fc2.bias"),
    smoothing=0.1, weight=balanced, ema=0.8, lr=0.2, momentum=0.9, weight_decay=0.05)
run("adamw", torch.optim.AdamW, {"fc1.weight": 0.1}, frozen=("fc1.bias",), smoothing=0.2, factor=warm_cosine, clip=0.5, lr=0.02, weight_decay=0.1)

# Metrics, by scikit-learn, of logits for eight classes: one that no example has, one that is never answered.
import sklearn.metrics as metrics
g = torch.Generator().manual_seed(5)
logits, labels = torch.randn(80, 8, generator=g), torch.randint(0, 7, (80,), generator=g)
logits[torch.arange(80), labels] += 1
logits[:, 5] -= 20
answers = logits.argmax(1)
tensors["logits"], tensors["labels"] = logits, labels
tensors["confusion"] = torch.from_numpy(metrics.confusion_matrix(labels, answers, labels=range(8)))
tensors["by_class"] = torch.tensor(np.stack(metrics.precision_recall_fscore_support(labels, answers, labels=range(8), zero_division=np.nan)[:3]))
tensors["macro"] = torch.tensor(metrics.precision_recall_fscore_support(labels, answers, average="macro", zero_division=0)[:3], dtype=torch.float64)
tensors["shares"] = torch.tensor([metrics.top_k_accuracy_score(labels, logits, k=k, labels=range(8)) for k in (1, 5)]
                                 + [metrics.log_loss(labels, logits.double().softmax(1), labels=range(8))], dtype=torch.float64)
write_safetensors("tests/golden/training.safetensors", tensors, {"torch": torch.__version__.split("+")[0], "script": "tools/golden/training.py"})
