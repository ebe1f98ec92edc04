"""golden.py - writes golden files: cases of operations with inputs, outputs and gradients, in one safetensors file a family.

Tensors: <case>/in0 .. inputs, out0 .. outputs, dy0 .. gradient given for each float output, dx0 .. gradient of each float
input.  __metadata__: torch, script, seed, and "cases", one line a case:

    <case> <operation> [inputs=N] [in0=<layout>] [<attribute>=<value>] ...

Layouts, by which the reader rebuilds an input in memory (its content is stored in row-major order):
    t        the last two dims stored transposed
    cl       (N, C, H, W) with C innermost
    step     every second element of a larger tensor in every dim, beginning at the second
    wide     every row beginning at the third element of a longer one
    e4,3     stored small, expanded to (4, 3); its gradient has the expanded shape
    number   a C number: tp_number for f64, tp_integer for i64
    none     an optional input that is left out
Attributes: numbers, lists "0,-1", dtype names, words.  Some belong to the test and not to the operation: rtol, atol,
rough=1 (not smooth here: no gradient check by differences), zeros=1 (the sign of a zero counts).

Read next: ../ops.py, tests/support/golden.c.
"""
import json, math, os, struct, zlib
import numpy as np
import torch

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
DTYPES = {"f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
          "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool}
NAMES = {v: k for k, v in DTYPES.items()}
STORED = {"f32": "F32", "f64": "F64", "f16": "F16", "bf16": "BF16", "i64": "I64", "i32": "I32", "i16": "I16", "i8": "I8",
          "u8": "U8", "bool": "BOOL"}
torch.use_deterministic_algorithms(True)
torch.set_num_threads(1)


def write_safetensors(path, tensors, metadata):
    """The same bytes every time: safetensors' own writer shuffles the metadata.  Wide elements first, so that all are aligned."""
    order = sorted(tensors, key=lambda k: -tensors[k].element_size())
    header, data, at = {"__metadata__": metadata}, [], 0
    for name in order:
        t = tensors[name].detach()
        raw = t.contiguous().reshape(-1).clone(memory_format=torch.contiguous_format).view(torch.uint8).numpy().tobytes() if t.numel() else b""
        header[name] = {"dtype": STORED[NAMES[t.dtype]], "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = os.path.join(TOP, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data))
    from safetensors.torch import load_file
    for name, t in load_file(path).items():
        assert t.dtype == tensors[name].dtype and t.shape == tensors[name].shape, name
    print(f"{os.path.relpath(path, TOP)}: {len(tensors)} tensors, {os.path.getsize(path)} bytes")


class In:
    """An input with its layout in memory; a Python number is an input too.  grad=False: PyTorch has no gradient for it."""

    def __init__(self, value, layout="", grad=True):
        self.grad = grad
        if isinstance(value, (bool, int)):
            value, layout, self.number = torch.tensor(value, dtype=torch.int64), "number", value
        elif isinstance(value, float):
            value, layout, self.number = torch.tensor(value, dtype=torch.float64), "number", value
        elif value is None:
            layout, self.number = "none", None
        self.value, self.layout = value, layout

    def argument(self, grad):
        """What the oracle gets: a leaf of the right strides, a number or None."""
        if self.layout in ("number", "none"):
            return self.number
        x = self.value
        if self.layout == "t":
            x = x.transpose(-2, -1).contiguous().transpose(-2, -1)
        elif self.layout == "cl":
            x = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        elif self.layout == "step":
            large = torch.zeros([2 * n + 1 for n in x.shape], dtype=x.dtype)
            view = large[tuple(slice(1, 2 * n + 1, 2) for n in x.shape)]
            view.copy_(x)
            x = view
        elif self.layout == "wide":
            x = torch.nn.functional.pad(x, (2, 3)).narrow(-1, 2, x.shape[-1])
        elif self.layout[:1] == "e":
            x = x.expand([int(n) for n in self.layout[1:].split(",")])
        x = x.detach()
        if grad and self.grad and x.is_floating_point():
            x = x.requires_grad_()
        return x


def text_of(value):
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, torch.dtype):
        return NAMES[value]
    if isinstance(value, (list, tuple)):
        return ",".join(text_of(v) for v in value)
    return str(value) if isinstance(value, (int, str)) else repr(float(value))


class Family:
    """One golden file.  case() runs the oracle of an operation and keeps what went in and what came out."""

    def __init__(self, name, oracles, script, seed=1):
        self.name, self.oracles, self.script, self.seed = name, oracles, script, seed
        self.g = torch.Generator().manual_seed(seed * 1000003 + zlib.crc32(name.encode()) % 1000003)
        self.tensors, self.lines, self.seen = {}, [], set()

    # ---- random inputs: f64 unless said otherwise --------------------------------------------------------------------

    def randn(self, *shape, dtype=torch.float64):
        return torch.randn(shape, generator=self.g, dtype=torch.float64).to(dtype)

    def pos(self, *shape, dtype=torch.float64):
        return (torch.rand(shape, generator=self.g, dtype=torch.float64) * 3 + 0.1).to(dtype)

    def ints(self, low, high, *shape, dtype=torch.int64):
        return torch.randint(low, high, shape, generator=self.g).to(dtype)

    def bools(self, *shape):
        return torch.randint(0, 2, shape, generator=self.g).bool()

    def distinct(self, *shape, dtype=torch.float64):
        """No two elements closer than 0.1: maxima stay where they are when an element moves a little."""
        n = math.prod(shape)
        return (torch.randperm(n, generator=self.g).double().reshape(shape) / 5 - n / 10).to(dtype)

    # ---- a case --------------------------------------------------------------------------------------------------------

    def case(self, name, op, *inputs, grad=True, wide=False, **attrs):
        """wide: an f32 case whose oracle computes in f64.  attrs go to the oracle, except those of the test."""
        name = f"{op}_{name}"
        assert name not in self.seen, name
        self.seen.add(name)
        inputs = [x if isinstance(x, In) else In(x) for x in inputs]
        mine = {k: attrs[k] for k in ("rtol", "atol", "rough", "zeros") if k in attrs}
        given = {k: v for k, v in attrs.items() if k not in mine}
        args = [x.argument(grad) for x in inputs]
        if wide:
            args = [a.detach().double().requires_grad_(a.requires_grad) if isinstance(a, torch.Tensor) and a.dtype == torch.float32 else a for a in args]
        with torch.set_grad_enabled(grad):
            outs = self.oracles[op](*args, **given)
        outs = list(outs) if isinstance(outs, (tuple, list)) else [outs]
        leaves = [(i, a) for i, a in enumerate(args) if isinstance(a, torch.Tensor) and a.requires_grad]
        back = lambda t: t.float() if wide and t.dtype == torch.float64 else t
        for i, x in enumerate(inputs):
            if x.layout != "none":
                self.tensors[f"{name}/in{i}"] = x.value
        for i, y in enumerate(outs):
            self.tensors[f"{name}/out{i}"] = back(y.detach().clone())
        flows = [y for y in outs if y.requires_grad]
        if flows and leaves:
            dys = [torch.randn(y.shape, generator=self.g, dtype=torch.float64).to(torch.float32 if wide else y.dtype) for y in flows]
            grads = torch.autograd.grad(flows, [a for _, a in leaves], [dy.to(y.dtype) for dy, y in zip(dys, flows)],
                                        allow_unused=True)
            for y, dy in zip(flows, dys):
                self.tensors[f"{name}/dy{[y is o for o in outs].index(True)}"] = dy
            for (i, _), g in zip(leaves, grads):
                if g is not None:
                    self.tensors[f"{name}/dx{i}"] = back(g.detach().clone())
        words = [name, op, f"inputs={len(inputs)}"]
        words += [f"in{i}={x.layout}" for i, x in enumerate(inputs) if x.layout]
        words += [f"{k}={text_of(v)}" for k, v in (given | mine).items() if v is not None]
        self.lines.append(" ".join(words))

    def write(self):
        write_safetensors(f"tests/golden/{self.name}.safetensors", self.tensors,
                          {"torch": torch.__version__, "script": self.script, "seed": str(self.seed), "cases": "\n".join(self.lines)})
        print(f"  {len(self.lines)} cases")
