#!/usr/bin/env python3
"""rosenbrock.py - where PyTorch's optimizers get to on Rosenbrock's function in 200 steps: tests/golden/rosenbrock.txt.

    python3 tools/golden/rosenbrock.py        needs Python 3 with torch 2.x

From (-1.2, 1), f64, with the rates of src/cli/plot_optimizers.c; a line each: name, x, y.  tests/cli/charts.sh finds the same
places in the picture that `taper plot optimizers` draws.
"""
import pathlib
import torch

T = torch.optim
MAKE = {
    "sgd": lambda p: T.SGD(p, lr=1e-3),
    "momentum": lambda p: T.SGD(p, lr=2e-4, momentum=0.9),
    "adagrad": lambda p: T.Adagrad(p, lr=0.5),
    "rmsprop": lambda p: T.RMSprop(p, lr=0.02),
    "adam": lambda p: T.Adam(p, lr=0.1),
    "adamw": lambda p: T.AdamW(p, lr=0.1),
}
lines = []
for name, make in MAKE.items():
    p = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    optim = make([p])
    for _ in range(200):
        optim.zero_grad()
        ((1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2).backward()
        optim.step()
    lines.append(f"{name} {p[0].item():.6f} {p[1].item():.6f}\n")
(pathlib.Path(__file__).parents[2] / "tests/golden/rosenbrock.txt").write_text("".join(lines))
