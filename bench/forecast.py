#!/usr/bin/env python3
"""forecast.py - trains the forecaster here and in PyTorch on a CSV file of one series: one recipe, both errors on the last fifth.

    bench/forecast.py --data FILE.csv [--horizon 12] [--seeds 3] --out DIR

FILE has dates YYYY-MM[-DD] and values in two columns.  PyTorch gets the same windows, features, scaling and level as the run's config.json
tells, and the same rule, rate and schedule.  The best epoch on the test part is one figure, on both sides; the last epoch, which nothing chose, is
the other.  Read next: char_lm.py; ../docs/forecast.md.
"""
import argparse, csv, datetime, json, math, os, shlex, statistics, subprocess

from zoo import TOP, rate

RECIPE = "--epochs 60 --batch 32 --lr 3e-3 --schedule cosine --clip-norm 1"
QUANTILES = (0.1, 0.5, 0.9)


def ours(a, seed):
    run = os.path.join(a.out, f"{os.path.basename(a.data)}-{seed}")
    if not os.path.exists(run):
        subprocess.run([os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build")), "taper"), "train", "forecaster", "--data", a.data,
                        "--horizon", str(a.horizon), *shlex.split(RECIPE), "--seed", str(seed), "--threads", "1", "--out", run],
                       check=True, stdout=subprocess.DEVNULL)
    best = json.load(open(os.path.join(run, "evaluation.json")))["figures"]
    last = json.loads(open(os.path.join(run, "metrics.jsonl")).readlines()[-1])["figures"]
    return json.load(open(os.path.join(run, "config.json"))), best, last


def windows(path, config):
    """x (N, window, 3 or 5), y (N, horizon) less its base over the deviation, base (N, horizon), of both parts; the deviation."""
    import numpy as np
    rows = [r for r in csv.reader(open(path)) if r][1:]
    values = np.array([float(v) for _, v in rows])
    monthly = len(rows[0][0]) == 7
    dates = [datetime.date.fromisoformat(d + "-01" if monthly else d) for d, _ in rows]
    angles = [[(d.month - 1) / 12] if monthly else [(d.timetuple().tm_yday - 1) / 365.25, d.weekday() / 7] for d in dates]
    calendar = np.array([[f(2 * math.pi * t) for t in row for f in (math.sin, math.cos)] for row in angles])
    o, window, horizon = config["data_options"], config["dataset"]["shape"][0], config["dataset"]["targets"]
    train = len(values) - int(len(values) * 0.2)
    mean, std = values[:train].mean(), values[:train].std()
    season = o["season"] if o["level"] == "season" else 0
    back = max(window, season)
    parts = []
    for first, end in ((back - 1, train - horizon), (train - 1, len(values) - horizon)):
        x, y, base = [], [], []
        for last in range(first, end):
            v = values[last - window + 1:last + 1]
            x.append(np.column_stack([(v - mean) / std, (v - values[last]) / std, calendar[last - window + 1:last + 1]]))
            ahead = np.arange(last + 1, last + horizon + 1)
            before = ahead - season * ((ahead - last + season - 1) // season) if season else np.full(horizon, last)
            base.append(values[before])
            y.append((values[ahead] - values[before]) / std)
        parts.append([np.array(t) for t in (x, y, base)])
    return parts, std


def theirs(a, config, seed):
    import torch
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    parts, std = windows(a.data, config)
    (x, y, _), (tx, ty, _) = [[torch.tensor(t, dtype=torch.float32) for t in part] for part in parts]
    hidden, horizon, q = 32, y.shape[1], torch.tensor(QUANTILES)
    rnn, head = torch.nn.GRU(x.shape[2], hidden, batch_first=True), torch.nn.Linear(hidden, horizon * len(QUANTILES))
    parameters = [*rnn.parameters(), *head.parameters()]
    optim = torch.optim.Adam(parameters, config["optim_options"]["lr"])
    answer = lambda x: head(rnn(x)[0][:, -1]).view(-1, horizon, len(QUANTILES))
    step, best = 0, math.inf
    for epoch in range(config["epochs"]):
        for batch in torch.randperm(len(x)).split(config["batch_size"]):
            optim.param_groups[0]["lr"] = rate(config, step)
            d = y[batch].unsqueeze(2) - answer(x[batch])
            optim.zero_grad()
            torch.maximum(q * d, (q - 1) * d).mean().backward()
            torch.nn.utils.clip_grad_norm_(parameters, config["clip_norm"])
            optim.step()
            step += 1
        with torch.no_grad():
            last = (answer(tx).sort(2).values[..., 1] - ty).abs().mean().item() * std
            best = min(best, last)
    return best, last


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--horizon", type=int, default=12)
    p.add_argument("--seeds", type=int, default=3)
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    errors = []
    for seed in range(a.seeds):
        config, figures, last = ours(a, seed)
        errors.append(((figures["MAE"], last["MAE"]), theirs(a, config, seed)))
    print(os.path.basename(a.data))
    for i, epoch in enumerate(("best", "last")):
        here, there = ([e[side][i] for e in errors] for side in range(2))
        print(f"  MAE after the {epoch} epoch: Taper {statistics.mean(here):.2f} ({min(here):.2f} to {max(here):.2f})  "
              f"PyTorch {statistics.mean(there):.2f} ({min(there):.2f} to {max(there):.2f})")
    print("  baselines:", ", ".join(f"{k[7:]} {v:.2f}" for k, v in figures.items() if k.startswith("MAE of")))


if __name__ == "__main__":
    main()
