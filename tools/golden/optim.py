#!/usr/bin/env python3
"""optim.py - golden trajectories of optimizers, learning-rate schedules and gradient clipping: tests/golden/optim.safetensors.

    python3 tools/golden/optim.py        needs Python 3 with torch 2.15

Two parameters, w (3, 4) and b (5), ten fixed gradients each (a zero, a large and a tiny one among them):
<dtype>/w, <dtype>/b, <dtype>/gw (10, 3, 4), <dtype>/gb (10, 5).  A line of "cases" is one variant:

    <case> <optimizer> [lr=...] [<option>=...] [second.<option>=...] [skip=K]      b in a group of its own; no gradient of b at step K
        <case>/<dtype>/w (10, 3, 4), <case>/<dtype>/b: the parameters after each step
    <case> schedule kind=<kind> [<option>=...]       <case>/lr: rates for steps 0, 1, ...; <case>/metrics for plateau
    <case> clip_norm max_norm=M, <case> clip_value value=V       <case>/<dtype>/gw, gb afterwards, norm before

Options are those of tp_optim_options and tp_schedule_options; -0.0 is TP_ZERO.
"""
import math
import torch
from lib.golden import text_of, write_safetensors

STEPS, BASE = 10, 0.1
g = torch.Generator().manual_seed(3)
tensors, lines = {}, []
w0, b0 = torch.randn(3, 4, generator=g, dtype=torch.float64), torch.randn(5, generator=g, dtype=torch.float64)
gw, gb = torch.randn(STEPS, 3, 4, generator=g, dtype=torch.float64), torch.randn(STEPS, 5, generator=g, dtype=torch.float64)
gw[2, 0, 0] = gw[3, 1] = 0
gw[4, 2, 1], gw[5, 0, 2], gb[6, 1] = 50, 1e-5, -1e-6
gb[:, 4] = 0
DTYPES = {"f32": torch.float32, "f64": torch.float64}
for name, d in DTYPES.items():
    for key, t in (("w", w0), ("b", b0), ("gw", gw), ("gb", gb)):
        tensors[f"{name}/{key}"] = t.to(d)

TORCH = {"sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad, "rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def torch_options(o):
    o = {k: (0.0 if v == 0 and not isinstance(v, bool) else v) for k, v in o.items()}
    if "beta1" in o or "beta2" in o:
        o["betas"] = (o.pop("beta1", 0.9), o.pop("beta2", 0.999))
    if "initial_accumulator" in o:
        o["initial_accumulator_value"] = o.pop("initial_accumulator")
    return o


class Averaging:
    """m = beta m + (1 - beta) (g + decay p);  p -= lr m;  m = 0 at first."""

    def __init__(self, params, lr, momentum, weight_decay=0.0, averaging=True):
        self.params, self.lr, self.beta, self.decay = params, lr, momentum, weight_decay
        self.m = [torch.zeros_like(p) for p in params]

    @torch.no_grad()
    def step(self):
        for p, m in zip(self.params, self.m):
            m.copy_(self.beta * m + (1 - self.beta) * (p.grad + self.decay * p))
            p -= self.lr * m


def trajectory(name, kind, second=None, skip=None, **o):
    for dname, d in DTYPES.items():
        w, b = (t.to(d).clone().requires_grad_() for t in (w0, b0))
        if o.get("averaging"):
            optim = Averaging([w, b], **o)
        elif second is None:
            optim = TORCH[kind]([w, b], foreach=False, **torch_options(o))
        else:
            optim = TORCH[kind]([{"params": [w], **torch_options(o)}, {"params": [b], **torch_options(second)}], foreach=False)
        ws, bs = [], []
        for k in range(STEPS):
            w.grad = gw[k].to(d)
            b.grad = None if k == skip else gb[k].to(d)
            optim.step()
            ws.append(w.detach().clone())
            bs.append(b.detach().clone())
        tensors[f"{name}/{dname}/w"], tensors[f"{name}/{dname}/b"] = torch.stack(ws), torch.stack(bs)
    words = [f"{k}={text_of(v)}" for k, v in o.items()] + [f"second.{k}={text_of(v)}" for k, v in (second or {}).items()]
    lines.append(" ".join([name, kind, *words] + ([f"skip={skip}"] if skip is not None else [])))


for kind in TORCH:
    trajectory(kind + "_defaults", kind)
    trajectory(kind + "_decay", kind, lr=0.05, weight_decay=0.1)
    trajectory(kind + "_skip", kind, lr=0.05, skip=3)
    trajectory(kind + "_groups", kind, second={"lr": 0.2, "weight_decay": 0.01}, lr=0.03)
trajectory("momentum", "sgd", lr=0.05, momentum=0.9)
trajectory("momentum_skip", "sgd", lr=0.05, momentum=0.9, skip=0)
trajectory("dampening", "sgd", lr=0.05, momentum=0.9, dampening=0.4)
trajectory("nesterov", "sgd", lr=0.05, momentum=0.8, nesterov=True)
trajectory("nesterov_decay", "sgd", lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1)
trajectory("dampening_decay", "sgd", lr=0.05, momentum=0.8, dampening=0.1, weight_decay=0.1)
trajectory("momentum_groups", "sgd", second={"lr": 0.02, "momentum": 0.5}, lr=0.05, momentum=0.9)
trajectory("averaging", "sgd", lr=0.05, momentum=0.9, averaging=True)
trajectory("averaging_decay", "sgd", lr=0.05, momentum=0.7, averaging=True, weight_decay=0.1)
trajectory("adagrad_lr_decay", "adagrad", lr=0.1, lr_decay=0.2)
trajectory("adagrad_accumulator", "adagrad", lr=0.1, initial_accumulator=0.5)
trajectory("adagrad_everything", "adagrad", lr=0.1, lr_decay=0.1, initial_accumulator=0.3, weight_decay=0.05, eps=1e-3)
trajectory("rmsprop_alpha", "rmsprop", lr=0.02, alpha=0.9, eps=1e-4)
trajectory("rmsprop_centered", "rmsprop", lr=0.02, centered=True)
trajectory("rmsprop_momentum", "rmsprop", lr=0.02, momentum=0.9)
trajectory("rmsprop_everything", "rmsprop", lr=0.02, alpha=0.8, centered=True, momentum=0.5, weight_decay=0.1, eps=1e-3)
for kind in ("adam", "adamw"):
    trajectory(kind + "_betas", kind, lr=0.02, beta1=0.8, beta2=0.95, eps=1e-3)
    trajectory(kind + "_amsgrad", kind, lr=0.02, beta2=0.5, amsgrad=True)
    trajectory(kind + "_everything", kind, lr=0.02, beta1=0.7, beta2=0.9, eps=1e-5, weight_decay=0.1, amsgrad=True)
trajectory("adam_no_beta1", "adam", lr=0.02, beta1=-0.0)
trajectory("adamw_no_decay", "adamw", lr=0.02, weight_decay=-0.0)

# ---- schedules -------------------------------------------------------------------------------------------------------------

L = torch.optim.lr_scheduler


def schedule(name, kind, steps, make, warmup=0, warmup_start=0.0, **o):
    """make(optim) gives the scheduler after the warm-up, or a function of the step is the factor itself."""
    optim = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)
    rates = []
    if isinstance(make(0), float):
        rates = [BASE * make(k) for k in range(steps)]
    else:
        main = make(optim)
        if warmup:  # PyTorch's LinearLR takes no start of 0
            after = schedule.rates(optim, main, steps - warmup)
            rates = [BASE * (warmup_start + (1 - warmup_start) * k / warmup) for k in range(warmup)] + after
        else:
            rates = schedule.rates(optim, main, steps)
    tensors[f"{name}/lr"] = torch.tensor(rates, dtype=torch.float64)
    options = dict(warmup=warmup, warmup_start=warmup_start) if warmup else {}
    lines.append(" ".join([name, "schedule", f"kind={kind}"] + [f"{k}={text_of(v)}" for k, v in (options | o).items()]))


def rates_of(optim, scheduler, steps):
    rates = []
    for _ in range(steps):
        rates.append(optim.param_groups[0]["lr"])
        optim.step()
        scheduler.step()
    return rates


def at(f):
    """A scheduler when it is given an optimizer; an object that is no float when it is only asked what it is."""
    return lambda x: f(x) if isinstance(x, torch.optim.Optimizer) else None


schedule.rates = rates_of
schedule("constant", "constant", 5, at(lambda o: L.ConstantLR(o, 1.0)))
schedule("constant_warmup", "constant", 8, at(lambda o: L.ConstantLR(o, 1.0)), warmup=4, warmup_start=0.25)
schedule("step", "step", 12, at(lambda o: L.StepLR(o, 3, 0.5)), step_size=3, gamma=0.5)
schedule("step_default", "step", 9, at(lambda o: L.StepLR(o, 4)), step_size=4)
schedule("step_warmup", "step", 12, at(lambda o: L.StepLR(o, 3, 0.5)), warmup=3, step_size=3, gamma=0.5)
schedule("multi_step", "multi_step", 12, at(lambda o: L.MultiStepLR(o, [2, 5, 9], 0.3)), milestones=[2, 5, 9], gamma=0.3)
schedule("exponential", "exponential", 10, at(lambda o: L.ExponentialLR(o, 0.8)), gamma=0.8)
schedule("exponential_default", "exponential", 5, at(lambda o: L.ExponentialLR(o, 0.95)))
schedule("cosine", "cosine", 11, at(lambda o: L.CosineAnnealingLR(o, 10)), total=10)
schedule("cosine_floor", "cosine", 11, at(lambda o: L.CosineAnnealingLR(o, 10, eta_min=0.02)), total=10, min_factor=0.2)
schedule("cosine_warmup", "cosine", 13, at(lambda o: L.CosineAnnealingLR(o, 9)), warmup=4, total=13)
schedule("linear", "linear", 13, at(lambda o: L.LinearLR(o, 1.0, 0.0, 10)), total=10)
schedule("linear_floor", "linear", 13, at(lambda o: L.LinearLR(o, 1.0, 0.1, 10)), total=10, min_factor=0.1)
schedule("linear_warmup", "linear", 12, at(lambda o: L.LinearLR(o, 1.0, 0.0, 8)), warmup=4, total=12)


def one_cycle(total, div=25.0, final=1e4, rise=0.3):
    return at(lambda o: L.OneCycleLR(o, BASE * div, total_steps=total, pct_start=rise, div_factor=div, final_div_factor=final, cycle_momentum=False))


schedule("one_cycle", "one_cycle", 20, one_cycle(20), total=20)
schedule("one_cycle_odd", "one_cycle", 17, one_cycle(17), total=17)
schedule("one_cycle_everything", "one_cycle", 20, one_cycle(20, 4.0, 50.0, 0.45), total=20, max_factor=4.0, final_factor=0.02, rise=0.45)
schedule("inverse_sqrt", "inverse_sqrt", 12, lambda k: 1 / math.sqrt(max(k, 1)))
schedule("inverse_sqrt_warmup", "inverse_sqrt", 16, lambda k: k / 4 if k < 4 else math.sqrt(4 / k), warmup=4)


def plateau(name, metrics, maximize=False, **o):
    optim = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)
    s = L.ReduceLROnPlateau(optim, "max" if maximize else "min", o.get("gamma", 0.1), o.get("patience", 10), o.get("threshold", 1e-4), min_lr=BASE * o.get("min_factor", 0.0))
    rates = []
    for m in metrics:
        s.step(m)
        rates.append(optim.param_groups[0]["lr"])
    tensors[f"{name}/lr"], tensors[f"{name}/metrics"] = (torch.tensor(t, dtype=torch.float64) for t in (rates, metrics))
    lines.append(" ".join([name, "schedule", "kind=plateau", f"maximize={int(maximize)}"] + [f"{k}={text_of(v)}" for k, v in o.items()]))


plateau("plateau", [1.0, 0.9, 0.91, 0.92, 0.9, 0.95, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8], patience=2, gamma=0.5)
plateau("plateau_default", [1.0] * 25)
plateau("plateau_maximize", [0.5, 0.6, 0.6, 0.6, 0.59, 0.7, 0.7, 0.7, 0.7], True, patience=1, gamma=0.5)
plateau("plateau_threshold", [1.0, 0.95, 0.9, 0.85, 0.8, 0.79, 0.78, 0.77, 0.76], patience=1, gamma=0.5, threshold=0.1)
plateau("plateau_floor", [1.0] * 12, patience=1, gamma=0.1, min_factor=0.05)

# ---- clipping ----------------------------------------------------------------------------------------------------------------


def clip(name, kind, scale, **o):
    for dname, d in DTYPES.items():
        w, b, c = torch.zeros(3, 4, dtype=d), torch.zeros(5, dtype=d), torch.zeros(2, dtype=d)
        w.grad, b.grad = (gw[0] * scale).to(d), (gb[0] * scale).to(d)
        if kind == "clip_norm":
            norm = torch.nn.utils.clip_grad_norm_([w, b, c], o["max_norm"], foreach=False)
            tensors[f"{name}/{dname}/norm"] = norm.reshape(1)
        else:
            torch.nn.utils.clip_grad_value_([w, b, c], o["value"], foreach=False)
        tensors[f"{name}/{dname}/gw"], tensors[f"{name}/{dname}/gb"] = w.grad, b.grad
    lines.append(" ".join([name, kind, f"scale={text_of(scale)}"] + [f"{k}={text_of(v)}" for k, v in o.items()]))


clip("clip_norm", "clip_norm", 1.0, max_norm=1.5)
clip("clip_norm_tiny", "clip_norm", 1e-5, max_norm=1e-6)
clip("clip_norm_inside", "clip_norm", 1.0, max_norm=100.0)
clip("clip_norm_zero", "clip_norm", 0.0, max_norm=1.0)
clip("clip_value", "clip_value", 1.0, value=0.5)
clip("clip_value_inside", "clip_value", 1.0, value=50.0)

write_safetensors("tests/golden/optim.safetensors", tensors,
                  {"torch": torch.__version__, "script": "tools/golden/optim.py", "seed": "3", "cases": "\n".join(lines)})
