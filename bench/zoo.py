#!/usr/bin/env python3
"""zoo.py - trains each of the five networks on small pictures, here and in PyTorch: one recipe, one start, both accuracies.

    bench/zoo.py --data PHOTOS --out DIR [MODEL...]     PHOTOS has train/ and test/, class folders of pictures in each

torchvision makes the initial weights, Taper reads its .pth file (`--init`), and what the run's config.json says of batch, rule, rate,
schedule and transform is what PyTorch then does.  The order of examples, dropout and random transforms differ, each side draws its own;
so a figure has a deviation of about 1.5 points between seeds on a thousand test pictures.  --seeds N repeats all.
Read next: ../docs/zoo.md.
"""
import argparse, json, math, os, statistics, subprocess, sys, time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

RECIPES = {  # what is given to `taper train MODEL`
    "alexnet": "--image-size 64 --batch 64 --epochs 14 --optim adamw --lr 2e-4 --weight-decay 0.01 --schedule cosine --warmup 1",
    "vgg16": "--stem cifar --batch 32 --epochs 20 --optim adamw --lr 1e-4 --weight-decay 0.01 --schedule cosine --warmup 1 "
             "--augment 'randomcrop=32:4 hflip'",
    "googlenet": "--image-size 64 --batch 32 --epochs 14 --optim momentum --lr 0.02 --weight-decay 5e-4 --schedule cosine --warmup 1",
    "resnet18": "--stem cifar --batch 32 --epochs 16 --optim momentum --lr 0.05 --weight-decay 5e-4 --schedule cosine "
                "--warmup 1 --augment 'randomcrop=32:4 hflip'",
    "densenet121": "--image-size 64 --batch 32 --epochs 12 --optim momentum --lr 0.05 --weight-decay 5e-4 --schedule cosine --warmup 1",
}


def network(name):
    """torchvision's, changed as --stem cifar changes it."""
    import torch, torchvision
    more = {"aux_logits": True, "init_weights": True} if name == "googlenet" else {}
    net = getattr(torchvision.models, name)(num_classes=10, **more)
    if name == "resnet18":
        net.conv1, net.maxpool = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False), torch.nn.Identity()
        torch.nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
    if name == "vgg16":
        net.avgpool = torch.nn.Identity()
        for at, outputs in ((0, 512), (3, 512), (6, 10)):
            net.classifier[at] = torch.nn.Linear(512, outputs)
            torch.nn.init.zeros_(net.classifier[at].bias)
    return net


def pictures(folder, size):
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.transforms.v2 import functional as F
    found = ImageFolder(folder)
    x = torch.stack([F.resize(F.pil_to_tensor(p), [size, size], antialias=True) for p, _ in found])
    return x, torch.tensor(found.targets)


def rate(config, step):
    base, steps = config["optim_options"]["lr"], config["steps"]
    warm, total = steps["schedule_warmup"], steps["schedule_total"]
    if step < warm:
        return base * step / warm
    return base * 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))


def theirs(name, config, weights, data, seed):
    import torch
    import torch.nn.functional as F
    from torchvision.transforms import v2
    torch.manual_seed(1000 + seed)
    net = network(name).to(memory_format=torch.channels_last)
    net.load_state_dict(torch.load(weights))
    mean, std = (torch.tensor([float(v) for v in part.split(",")]).view(1, 3, 1, 1)
                 for part in config["transform"].split("normalize=")[1].split()[0].split("/"))
    size = config["model_options"]["image_size"]
    x, y = pictures(os.path.join(data, "train"), size)
    tx, ty = pictures(os.path.join(data, "test"), size)
    ready = lambda x: ((x / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
    augment = v2.Compose([v2.RandomCrop(size, padding=4), v2.RandomHorizontalFlip()]) if config["augment"] else None
    o = config["optim_options"]
    if config["optim"] == "momentum":
        optim = torch.optim.SGD(net.parameters(), o["lr"], momentum=0.9, weight_decay=o["weight_decay"])
    else:
        optim = torch.optim.AdamW(net.parameters(), o["lr"], weight_decay=o["weight_decay"])
    step, curve, begun = 0, [], time.time()
    for epoch in range(config["epochs"]):
        net.train()
        for batch in torch.randperm(len(x)).split(config["batch_size"]):
            part = torch.stack([augment(p) for p in x[batch]]) if augment else x[batch]
            optim.param_groups[0]["lr"] = rate(config, step)
            out, step = net(ready(part)), step + 1
            loss = F.cross_entropy(out[0] if name == "googlenet" else out, y[batch])
            if name == "googlenet":
                loss = loss + sum(0.3 * F.cross_entropy(a, y[batch]) for a in out[1:])
            optim.zero_grad()
            loss.backward()
            optim.step()
        net.eval()
        with torch.no_grad():
            right = sum((net(ready(tx[i:i + 100])).argmax(1) == ty[i:i + 100]).sum().item() for i in range(0, len(tx), 100))
        curve.append(round(100 * right / len(tx), 2))
        print(f"  {name} PyTorch  epoch {epoch + 1}: {curve[-1]:.1f} %  {time.time() - begun:.0f} s", flush=True)
    return curve, time.time() - begun


def ours(name, weights, data, run, seed, threads):
    import shlex
    command = [os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build")), "taper"), "train", name, "--data", data, *shlex.split(RECIPES[name]),
               "--init", weights, "--seed", str(seed), "--threads", str(threads), "--out", run]
    if not os.path.exists(run):  # a run that is there already is not done again
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
    config = json.load(open(os.path.join(run, "config.json")))
    return config, [round(100 * l["test_accuracy"], 2) for l in lines], sum(l["seconds"] for l in lines)


def main():
    import torch
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--seeds", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--taper-only", action="store_true")
    p.add_argument("models", nargs="*", metavar="MODEL")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    os.makedirs(a.out, exist_ok=True)
    for name in a.models or RECIPES:
        rows = []
        for seed in range(a.seeds):
            weights, run = (os.path.join(a.out, f"{name}-{seed}{end}") for end in (".pth", ""))
            torch.manual_seed(seed)
            torch.save(network(name).state_dict(), weights)
            config, curve, spent = ours(name, weights, a.data, run, seed, a.threads)
            row = {"model": name, "seed": seed, "taper": curve, "taper_seconds": round(spent, 1)}
            if not a.taper_only:
                row["pytorch"], seconds = theirs(name, config, weights, a.data, seed)
                row["pytorch_seconds"] = round(seconds, 1)
            rows.append(row)
            with open(os.path.join(a.out, "accuracy.jsonl"), "a") as f:
                f.write(json.dumps(row) + "\n")
        for side in ("taper", "pytorch"):
            last = [r[side][-1] for r in rows if side in r]
            if last:
                print(f"{name}  {side}  {statistics.mean(last):.1f} %  of {last}  {statistics.mean(r[side + '_seconds'] for r in rows):.0f} s", flush=True)


if __name__ == "__main__":
    main()
