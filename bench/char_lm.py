#!/usr/bin/env python3
"""char_lm.py - trains the character language model here and in PyTorch: one recipe, both losses on the text's last tenth.

    bench/char_lm.py --data TEXT [--net lstm | transformer] [--seeds 1] [--only taper | pytorch] [--device cuda] --out DIR

Both sides draw their own weights from the same distributions and their own order of the windows; batches, rule, rate, schedule and
clipping are those of the run's config.json, which --only pytorch finds in DIR.  Device is PyTorch's alone.  Read next: zoo.py; ../docs/rnn.md.
"""
import argparse, json, math, os, shlex, subprocess, time

from zoo import TOP, rate

RECURRENT = ("char-lm --cell {} --layers 2 --hidden 256 --epochs 6 --batch 16 --optim adam --lr 3e-3 --clip-norm 1 --schedule cosine "
             "--warmup 0.1")
# nanoGPT's small form: 4 layers, 4 heads, width 128, context 64, 2,000 steps of 12.
RECIPES = {"transformer": "transformer-lm --layers 4 --heads 4 --dim 128 --window 64 --epochs 2 --limit 12000 --batch 12 "
                          "--optim adamw --lr 1e-3 --beta2 0.99 --weight-decay 0.1 "
                          "--no-decay norms,biases --clip-norm 1 --schedule cosine --warmup 0.05",
           **{cell: RECURRENT.format(cell) for cell in ("rnn", "lstm", "gru")}}


def ours(a, run, seed):
    if a.only == "pytorch":
        return json.load(open(os.path.join(run, "config.json"))), [math.nan], 0
    command = [os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build")), "taper"), "train",
               *shlex.split(RECIPES[a.net]), "--data", a.data, "--seed", str(seed), "--threads", str(a.threads), "--out", run]
    if not os.path.exists(run):  # a run that is there already is not done again
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
    return json.load(open(os.path.join(run, "config.json"))), [l["test_loss"] for l in lines], sum(l["seconds"] for l in lines)


def recurrent(kind, options, classes):
    import torch
    cell = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind]
    width = options["embedding"] or 64
    parts = torch.nn.ModuleList([torch.nn.Embedding(classes, width), cell(width, int(options["hidden"]), options["layers"], batch_first=True),
                                 torch.nn.Linear(int(options["hidden"]), classes)])
    return parts, lambda x: parts[2](parts[1](parts[0](x))[0])


def transformer(options, classes, window):
    """GPT-2's network: learned places, norms before, GELU, the embedding as head, its initial numbers."""
    import torch
    from torch import nn
    width = options["dim"]
    layers = nn.ModuleList([nn.TransformerEncoderLayer(width, options["heads"], 4 * width, 0.0, "gelu", norm_first=True, batch_first=True)
                            for _ in range(options["layers"])])
    parts = nn.ModuleList([nn.Embedding(classes, width), nn.Embedding(window, width), layers, nn.LayerNorm(width)])
    for name, weight in parts.named_parameters():
        if weight.ndim == 2:
            last = name.endswith(("out_proj.weight", "linear2.weight"))
            nn.init.normal_(weight, std=0.02 / (math.sqrt(2 * len(layers)) if last else 1))
        elif name.endswith("bias"):
            nn.init.zeros_(weight)

    def forward(x):
        t = x.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(t, device=x.device)
        y = parts[0](x) + parts[1].weight[:t]
        for layer in layers:
            y = layer(y, mask, is_causal=True)
        return parts[3](y) @ parts[0].weight.T
    return parts, forward


def optimizer_of(config, parts):
    import torch
    o = config["optim_options"]
    if config["optim"] == "adam":
        return torch.optim.Adam(parts.parameters(), o["lr"])
    decays = lambda w: w.ndim > 1
    groups = [{"params": [w for w in parts.parameters() if decays(w) == kind], "weight_decay": o["weight_decay"] if kind else 0.0}
              for kind in (True, False)]
    return torch.optim.AdamW(groups, o["lr"], betas=(o["beta1"] or 0.9, o["beta2"] or 0.999))


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
    held, window, o = len(tokens) // 10, config["data_options"]["window"] or 128, config["model_options"]

    def windows(part):
        n = (len(part) - 1) // window
        return part[:n * window].view(n, window), part[1:n * window + 1].view(n, window)

    (x, y), (tx, ty) = windows(tokens[:len(tokens) - held]), windows(tokens[len(tokens) - held:])
    if config["limit_examples"]:
        x, y = x[:config["limit_examples"]], y[:config["limit_examples"]]
    net_parts, net = transformer(o, len(place), window) if a.net == "transformer" else recurrent(a.net, o, len(place))
    net_parts.to(a.device)
    optim = optimizer_of(config, net_parts)
    loss_of = lambda x, y: F.cross_entropy(net(x).flatten(0, 1), y.flatten())
    step, curve, begun = 0, [], time.time()
    for epoch in range(config["epochs"]):
        for batch in torch.randperm(len(x)).to(a.device).split(config["batch_size"]):
            for group in optim.param_groups:
                group["lr"] = rate(config, step)
            loss, step = loss_of(x[batch], y[batch]), step + 1
            optim.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net_parts.parameters(), config["clip_norm"])
            optim.step()
        with torch.no_grad():
            parts = [(loss_of(tx[i:i + 64], ty[i:i + 64]).item(), len(tx[i:i + 64])) for i in range(0, len(tx), 64)]
        curve.append(sum(l * n for l, n in parts) / len(tx))
        print(f"  {a.net} PyTorch  epoch {epoch + 1}: {curve[-1]:.4f}  {time.time() - begun:.0f} s", flush=True)
    return curve, time.time() - begun


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--net", choices=RECIPES, default="lstm")
    p.add_argument("--seeds", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--only", choices=("taper", "pytorch"))
    p.add_argument("--device", default="cpu")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    for seed in range(a.seeds):
        config, curve, spent = ours(a, os.path.join(a.out, f"{a.net}-{seed}"), seed)
        there, seconds = theirs(a, config, seed)
        print(f"{a.net}  seed {seed}  Taper {curve[-1]:.4f} ({spent:.0f} s)  PyTorch {there[-1]:.4f} ({seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
