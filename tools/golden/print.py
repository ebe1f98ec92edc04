#!/usr/bin/env python3
"""print.py - tensors and how PyTorch prints them, and as lists: tests/data/print.safetensors, tests/data/print.txt.

print.txt holds a block a case: "#case NAME KEY=VALUE..." (print options; t=1: the tensor transposed; step=2: every
second element of the last dim; grad=1: requires_grad), then str(x); "#list NAME", then json.dumps(x.tolist()).

Made with torch 2.15.0.  One thing is changed on the way: types have Taper's names (dtype=f64, not torch.float64).
"""
import json, math, os
import torch
from torch import _tensor_str
from safetensors.torch import save_file

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "data")
names = {"torch.float32": "f32", "torch.float64": "f64", "torch.float16": "f16", "torch.bfloat16": "bf16", "torch.int64": "i64",
         "torch.int32": "i32", "torch.int16": "i16", "torch.int8": "i8", "torch.uint8": "u8", "torch.bool": "bool"}
with_torch_s_names = _tensor_str._add_suffixes


def with_our_names(text, suffixes, indent, force_newline):
    return with_torch_s_names(text, ["dtype=" + names[s[6:]] if s.startswith("dtype=") else s for s in suffixes], indent,
                              force_newline)


_tensor_str._add_suffixes = with_our_names
g = torch.Generator().manual_seed(1)
tensors, lines = {}, []


def add(name, x, lists=None, **options):
    """Prints x with each set of options."""
    x = x.detach()
    tensors[name] = x.contiguous().clone()
    show(name, x, **options)
    if lists is None:
        lists = x.numel() <= 400
    if lists:
        lines.extend([f"#list {name}", json.dumps(x.tolist())])


def show(name, x, t=0, step=0, grad=0, **options):
    x = tensors[name]
    x = x.transpose(0, -1) if t else x
    x = x[..., ::step] if step else x
    if grad:
        x = x.clone().requires_grad_()
    torch.set_printoptions(profile="default", sci_mode=None)
    torch.set_printoptions(**options)
    all_options = {**({"t": t} if t else {}), **({"step": step} if step else {}), **({"grad": grad} if grad else {}), **options}
    words = " ".join(f"{k}={'inf' if v == math.inf else int(v)}" for k, v in all_options.items())
    lines.extend([f"#case {name} {words}".rstrip(), str(x)])
    torch.set_printoptions(profile="default", sci_mode=None)


def randn(*dims, dtype=torch.float32):
    return torch.randn(*dims, generator=g, dtype=torch.float64).to(dtype)


nan, inf = math.nan, math.inf
floats = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
integers = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]
for d in floats:
    n = names[str(d)]
    add(f"{n}.row", randn(5, dtype=d))
    add(f"{n}.matrix", randn(3, 4, dtype=d) * 10)
    add(f"{n}.whole", torch.arange(12).reshape(3, 4).to(d) - 6)
    add(f"{n}.scalar", torch.tensor(3.25, dtype=d))
    add(f"{n}.zero", torch.tensor(-0.0, dtype=d))
    add(f"{n}.nan", torch.tensor(nan, dtype=d))
    add(f"{n}.mixed", torch.tensor([[1.5, nan, inf], [-inf, 0.0, -2.25]], dtype=d))
    add(f"{n}.special", torch.tensor([nan, inf, -inf, 0.0], dtype=d))
    add(f"{n}.special_whole", torch.tensor([nan, inf, -inf, 0.0, 25.0], dtype=d))
    add(f"{n}.empty", torch.empty(0, dtype=d))
    add(f"{n}.empty3", torch.empty(2, 0, 3, dtype=d))
    add(f"{n}.small", torch.tensor([1e-5, 2e-5], dtype=d))
    add(f"{n}.third", torch.tensor([1 / 3, 0.1, 2 / 3], dtype=d))
    show(f"{n}.row", None, grad=1)
    show(f"{n}.matrix", None, t=1)
for d in integers:
    n = names[str(d)]
    info = torch.iinfo(d)
    add(f"{n}.row", torch.tensor([0, 1, info.max, info.min], dtype=d))
    add(f"{n}.cube", torch.arange(24).reshape(2, 3, 4).to(d))
    add(f"{n}.scalar", torch.tensor(info.max, dtype=d))
    add(f"{n}.empty", torch.empty(0, 4, dtype=d))
    add(f"{n}.empty1", torch.empty(0, dtype=d))
add("bool.row", torch.tensor([True, False, True]))
add("bool.matrix", torch.tensor([[True, False], [False, False]]))
add("bool.scalar", torch.tensor(False))
add("bool.empty", torch.empty(0, dtype=torch.bool))

# ---- when numbers become scientific
for name, values in {
    "ratio_1000": [0.5, 500.0], "ratio_more": [0.5, 501.0], "whole_ratio": [1.0, 1001.0], "whole_1000": [1.0, 1000.0],
    "large": [1e8, 1.5e8], "larger": [1e8, 2e8 + 16], "whole_large": [100000008.0], "small": [1e-4, 5e-4], "smaller": [9e-5, 5e-4],
    "tiny": [1e-45, 1e-38], "huge": [3e38, -1e38], "negative": [-1e-5, 1.0], "zeros": [0.0, 0.0], "width": [1.5, -1000.25, 7.0],
    "hundred": [1e10, 1e-10], "nines": [0.99999, 9.99999], "half": [0.5, 1.5, 2.5], "rounds": [0.00005, 0.00015, 0.12345],
}.items():
    for d in (torch.float32, torch.float64):
        add(f"sci.{names[str(d)]}.{name}", torch.tensor(values, dtype=d))
add("sci.f64.hundreds", torch.tensor([1e100, 1e-100, nan], dtype=torch.float64))
add("sci.f16.large", torch.tensor([65504.0, 1.0], dtype=torch.float16))
add("sci.f16.tiny", torch.tensor([6e-8, 6e-5], dtype=torch.float16))

# ---- wide, long, many dims
add("wide", randn(2, 40))
add("wide_whole", torch.arange(60).reshape(2, 30).float())
add("long_line", torch.arange(100))
add("four", randn(2, 2, 2, 3))
add("five", torch.arange(16).reshape(2, 2, 1, 2, 2))
add("deep", torch.zeros(1, 1, 1, 1, 1, 1, 1, 2))
add("thousand", torch.arange(1000))
add("more", torch.arange(1001), lists=False)
add("many", randn(40, 50), lists=False)
add("many4", torch.arange(7 * 8 * 5 * 9).reshape(7, 8, 5, 9).float(), lists=False)
add("tall", randn(600, 2), lists=False)
add("flat", randn(2, 600), lists=False)
add("hidden", torch.cat([randn(500), torch.tensor([1e10]), randn(500)]), lists=False)  # what is not shown does not count
show("many", None, t=1)
show("many", None, step=2)
show("many", None, grad=1)
show("more", None, step=2)
for length in range(50, 62):  # the suffix moves to a line of its own
    add(f"suffix.{length}", torch.tensor([10 ** (length // 10)] * 5, dtype=torch.int16 if length < 40 else torch.int32))
for n in range(4, 14):
    add(f"edge.{n}", torch.full((n,), 0.5, dtype=torch.float64))
    show(f"edge.{n}", None, grad=1)

# ---- options
for options in ({"precision": 2}, {"precision": 8}, {"precision": 0}, {"precision": 1, "sci_mode": True}, {"sci_mode": True},
                {"sci_mode": False}, {"linewidth": 40}, {"linewidth": 120}, {"linewidth": 10}, {"threshold": 10},
                {"threshold": 0}, {"threshold": 5, "edgeitems": 1}, {"threshold": 5, "edgeitems": 2}, {"threshold": 5, "edgeitems": 0},
                {"edgeitems": 0}, {"threshold": math.inf}, {"precision": 20, "linewidth": 60}):
    for name in ("f32.matrix", "f64.matrix", "f32.whole", "f32.mixed", "f32.scalar", "four", "i64.cube", "sci.f32.ratio_more", "wide",
                 "bool.matrix", "f32.special", "f32.empty3"):
        show(name, None, **options)
show("more", None, threshold=math.inf)
show("many", None, threshold=math.inf, linewidth=200)
show("many", None, edgeitems=5, precision=1)

save_file(tensors, os.path.join(top, "print.safetensors"))
with open(os.path.join(top, "print.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
print(sum(line.startswith("#case") for line in lines), "printed,", sum(line.startswith("#list") for line in lines), "lists")
