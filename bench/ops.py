#!/usr/bin/env python3
"""ops.py - every operation of the table beside PyTorch, in one run: build/bench/ops and torch take turns on the same shapes.

    python3 bench/ops.py [--threads N] [--markdown] [OPERATION...]

Ratios are PyTorch's time over Taper's: above 1 Taper is faster.  Both give their best of five windows.  small: the operation's first
example (about 10 elements), medium: 10^4 elements, large: 10^6.  Needs torch.
"""
import argparse, json, math, os, subprocess, sys, warnings
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(TOP, "tools", "golden")]
from timing import seconds, wait_passively_if_busy
wait_passively_if_busy()
import torch
from lib.golden import DTYPES
from lib.oracle import caller

warnings.filterwarnings("ignore")
SIZES = ("small", "medium", "large")


def tensor(word, spec):
    """Numbers of the kind that the example asks for: flags after @ as in taper/autograd.h."""
    shape, dtype, flags = spec["shape"], DTYPES[spec["dtype"]], word.partition("@")[2]
    if dtype == torch.int64:
        below = int("".join(c for c in flags.partition("i")[2] if c.isdigit()) or 10)
        return torch.randint(0, max(below, 1), shape)
    if dtype == torch.bool:
        return torch.rand(shape) < 0.5
    x = torch.rand(shape) * 3 - 1.5
    if "p" in flags or "g" in flags or "u" in flags:
        x = x.abs() * 0.5 + 0.1 if "u" in flags else x.abs() * 1.5 + (1.06 if "g" in flags else 0.12)
    if "t" in flags and x.dim() > 1:
        x = x.transpose(-2, -1).contiguous().transpose(-2, -1)
    return x.to(dtype)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--markdown", action="store_true")
    p.add_argument("ops", nargs="*")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_grad_enabled(False)
    build = os.environ.get("BUILD", os.path.join(TOP, "build"))
    env = dict(os.environ, OMP_NUM_THREADS=str(a.threads))
    table = json.loads(subprocess.check_output([os.path.join(build, "taper"), "op", "--list", "--json"]))["operations"]
    ours = subprocess.Popen([os.path.join(build, "bench", "ops"), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    ratios = {s: [] for s in SIZES}
    slow, without = [], []
    row = "| {:<26} | {:>8} | {:>8} | {:>8} |" if a.markdown else "{:<28} {:>8} {:>8} {:>8}"
    print(row.format("operation", *SIZES), flush=True)
    if a.markdown:
        print("|---|---|---|---|")
    for op in table:
        if (a.ops and op["name"] not in a.ops) or (not a.ops and "Gradients" in op["family"]):
            continue
        cells = []
        for size in SIZES:
            ours.stdin.write(f"{op['name']} {size}\n")
            ours.stdin.flush()
            answer = json.loads(ours.stdout.readline())
            try:
                words = answer["words"].split()
                inputs = [None if s is None else tensor(w, s) for w, s in zip(words, answer["inputs"])]
                run = caller(op, inputs, answer["attrs"])
                run()
            except Exception as e:
                without.append(f"{op['name']}: {type(e).__name__} {str(e).splitlines()[0][:90] if str(e) else ''}")
                break
            if answer["ns"] < 0:
                without.append(f"{op['name']}: {answer['error']}")
                break
            ratio = 1e9 * seconds(run, 0.01, 5) / answer["ns"]
            ratios[size].append(ratio)
            cells.append(f"{ratio:.2f}")
            if ratio < 0.5 or (size == "small" and ratio < 1):
                slow.append(f"{op['name']} {size} {ratio:.2f}")
        if cells:
            print(row.format(op["name"], *(cells + [""] * 3)[:3]), flush=True)
    mean = lambda r: math.exp(sum(map(math.log, r)) / len(r)) if r else float("nan")
    print(row.format("geometric mean", *[f"{mean(ratios[s]):.2f}" for s in SIZES]))
    print(f"\n{len(ratios['large'])} operations, {a.threads} threads, torch {torch.__version__}")
    print("below 0.5:", "; ".join(slow) or "none")
    if without:
        print("not compared:\n  " + "\n  ".join(without))


main()
