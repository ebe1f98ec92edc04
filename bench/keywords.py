#!/usr/bin/env python3
"""keywords.py - trains the classifier of spoken words here and in PyTorch: one recipe, both accuracies on the same held-out words.

    bench/keywords.py --data DIR [--seeds 3] --out DIR

DIR has features-idx3-byte.gz (i8) and labels-idx1-ubyte.gz; 800 examples are learned from and 200 held out, drawn by Python's generator.
Both sides draw their own weights, dropout masks and order; batches, rule, rate, schedule and clipping are those of the run's
config.json.  Read next: char_lm.py; ../docs/rnn.md.
"""
import argparse, gzip, json, os, shlex, statistics, struct, subprocess

from zoo import TOP, rate

RECIPE = ("--cell gru --bidirectional --pooling attention --layers 2 --hidden 64 --dropout 0.3 --epochs 30 --batch 32 --lr 3e-3 "
          "--schedule cosine --clip-norm 1")
HELD = 200


def write(path, type, dims, data):
    with gzip.open(path, "wb") as f:
        f.write(bytes([0, 0, type, len(dims)]) + struct.pack(f">{len(dims)}I", *dims) + data)


def split(a):
    """train/ and test/ with a pair each, of the training and the held-out part; what PyTorch learns from as well."""
    import numpy as np
    raw = gzip.open(os.path.join(a.data, "features-idx3-byte.gz")).read()
    n, steps, width = struct.unpack(">3I", raw[4:16])
    x = np.frombuffer(raw, np.int8, offset=16).reshape(n, steps, width)
    y = np.frombuffer(gzip.open(os.path.join(a.data, "labels-idx1-ubyte.gz")).read(), np.uint8, offset=8)
    order = np.random.default_rng(0).permutation(n)
    parts = {"train": order[HELD:], "test": order[:HELD]}
    folder = os.path.join(a.out, "words")
    os.makedirs(folder, exist_ok=True)
    for name, part in parts.items():
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        write(os.path.join(folder, name, "features-idx3-byte.gz"), 9, (len(part), steps, width), x[part].tobytes())
        write(os.path.join(folder, name, "labels-idx1-ubyte.gz"), 8, (len(part),), y[part].tobytes())
    return folder, [(x[p], y[p]) for p in parts.values()]


def ours(a, folder, seed):
    run = os.path.join(a.out, f"words-{seed}")
    if not os.path.exists(run):
        subprocess.run([os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build")), "taper"), "train", "sequence-classifier", "--data",
                        folder, *shlex.split(RECIPE), "--seed", str(seed), "--threads", str(a.threads), "--out", run],
                       check=True, stdout=subprocess.DEVNULL)
    lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
    return json.load(open(os.path.join(run, "config.json"))), [l["test_accuracy"] for l in lines]


def theirs(a, config, parts, seed):
    import torch
    import torch.nn.functional as F
    torch.manual_seed(seed)
    torch.set_num_threads(a.threads)
    (x, y), (tx, ty) = [(torch.from_numpy(x.copy()).float() / 128, torch.from_numpy(y.copy()).long()) for x, y in parts]
    mean, std = x.mean(), x.std()
    x, tx = (x - mean) / std, (tx - mean) / std
    o = config["model_options"]
    hidden = int(o["hidden"])
    rnn = torch.nn.GRU(x.shape[2], hidden, o["layers"], batch_first=True, bidirectional=True, dropout=o["dropout"])
    score, head = torch.nn.Parameter(torch.zeros(2 * hidden)), torch.nn.Linear(2 * hidden, o["classes"])
    bound = (2 * hidden) ** -0.5
    torch.nn.init.uniform_(score, -bound, bound)
    parameters = [*rnn.parameters(), score, *head.parameters()]
    optim = torch.optim.Adam(parameters, config["optim_options"]["lr"])

    def scores(x):
        z = rnn(x)[0]
        pooled = ((z @ score).softmax(1).unsqueeze(2) * z).sum(1)
        return head(F.dropout(pooled, o["dropout"], rnn.training))

    step, curve = 0, []
    for epoch in range(config["epochs"]):
        rnn.train()
        for batch in torch.randperm(len(x)).split(config["batch_size"]):
            optim.param_groups[0]["lr"] = rate(config, step)
            optim.zero_grad()
            F.cross_entropy(scores(x[batch]), y[batch]).backward()
            torch.nn.utils.clip_grad_norm_(parameters, config["clip_norm"])
            optim.step()
            step += 1
        rnn.eval()
        with torch.no_grad():
            curve.append((scores(tx).argmax(1) == ty).float().mean().item())
    return curve


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    folder, parts = split(a)
    ends = []
    for seed in range(a.seeds):
        config, here = ours(a, folder, seed)
        there = theirs(a, config, parts, seed)
        ends.append((here[-1], there[-1], max(here), max(there)))
        print(f"seed {seed}  Taper {here[-1]:.3f} (best epoch {max(here):.3f})  PyTorch {there[-1]:.3f} (best epoch {max(there):.3f})",
              flush=True)
    for name, at in (("last epoch", 0), ("best epoch", 2)):
        mean = [statistics.mean(e[at + k] for e in ends) for k in range(2)]
        print(f"{name}: mean of {a.seeds} seeds  Taper {mean[0]:.3f}  PyTorch {mean[1]:.3f}")


if __name__ == "__main__":
    main()
