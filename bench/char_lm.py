#!/usr/bin/env python3
"""char_lm.py - trains the character language model here and in PyTorch: one recipe, both losses on the text's last tenth.

    bench/char_lm.py --data TEXT [--cell lstm] [--seeds 1] [--only taper | pytorch] [--device cuda] --out DIR

Both sides draw their own weights from the same distributions and their own order of the windows; batches, rule, rate, schedule and
clipping are those of the run's config.json, which --only pytorch finds in DIR.  Device is PyTorch's alone.  Read next: zoo.py; ../docs/rnn.md.
"""
import argparse, json, math, os, shlex, subprocess, time

from zoo import TOP, rate

RECIPE = ("--layers 2 --hidden 256 --epochs 6 --batch 16 --optim adam --lr 3e-3 --clip-norm 1 --schedule cosine --warmup 0.1")


def ours(a, run, seed):
    if a.only == "pytorch":
        return json.load(open(os.path.join(run, "config.json"))), [math.nan], 0
    command = [os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build")), "taper"), "train", "char-lm", "--data", a.data,
               "--cell", a.cell, *shlex.split(RECIPE), "--seed", str(seed), "--threads", str(a.threads), "--out", run]
    if not os.path.exists(run):  # a run that is there already is not done again
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
    return json.load(open(os.path.join(run, "config.json"))), [l["test_loss"] for l in lines], sum(l["seconds"] for l in lines)


def theirs(a, config, seed):
    if a.only == "taper":
        return [math.nan], 0
    import torch
    import torch.nn.functional as F
    torch.set_num_threads(a.threads)
    torch.backends.cudnn.allow_tf32 = False  # f32 sums on both sides
    torch.manual_seed(seed)
    text = open(a.data if os.path.isfile(a.data) else os.path.join(a.data, "input.txt"), encoding="utf-8", newline="").read()
    place = {c: i for i, c in enumerate(sorted(set(text)))}
    tokens = torch.tensor([place[c] for c in text], device=a.device)
    held, window, o = len(tokens) // 10, 128, config["model_options"]

    def windows(part):
        n = (len(part) - 1) // window
        return part[:n * window].view(n, window), part[1:n * window + 1].view(n, window)

    (x, y), (tx, ty) = windows(tokens[:len(tokens) - held]), windows(tokens[len(tokens) - held:])
    cell = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[a.cell]
    embedding = torch.nn.Embedding(len(place), o["embedding"] or 64)
    rnn = cell(o["embedding"] or 64, int(o["hidden"]), o["layers"], batch_first=True)
    head = torch.nn.Linear(int(o["hidden"]), len(place))
    parameters = [p for m in (embedding, rnn, head) for p in m.to(a.device).parameters()]
    optim = torch.optim.Adam(parameters, config["optim_options"]["lr"])
    loss_of = lambda x, y: F.cross_entropy(head(rnn(embedding(x))[0]).flatten(0, 1), y.flatten())
    step, curve, begun = 0, [], time.time()
    for epoch in range(config["epochs"]):
        for batch in torch.randperm(len(x)).to(a.device).split(config["batch_size"]):
            optim.param_groups[0]["lr"] = rate(config, step)
            loss, step = loss_of(x[batch], y[batch]), step + 1
            optim.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, config["clip_norm"])
            optim.step()
        with torch.no_grad():
            parts = [(loss_of(tx[i:i + 64], ty[i:i + 64]).item(), len(tx[i:i + 64])) for i in range(0, len(tx), 64)]
        curve.append(sum(l * n for l, n in parts) / len(tx))
        print(f"  {a.cell} PyTorch  epoch {epoch + 1}: {curve[-1]:.4f}  {time.time() - begun:.0f} s", flush=True)
    return curve, time.time() - begun


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--cell", choices=("rnn", "lstm", "gru"), default="lstm")
    p.add_argument("--seeds", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--only", choices=("taper", "pytorch"))
    p.add_argument("--device", default="cpu")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    for seed in range(a.seeds):
        config, curve, spent = ours(a, os.path.join(a.out, f"{a.cell}-{seed}"), seed)
        there, seconds = theirs(a, config, seed)
        print(f"{a.cell}  seed {seed}  Taper {curve[-1]:.4f} ({spent:.0f} s)  PyTorch {there[-1]:.4f} ({seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
