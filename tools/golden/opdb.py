#!/usr/bin/env python3
"""opdb.py - golden files from PyTorch's own test database of operators: tests/golden/opdb/<family>.safetensors.

    python3 tools/golden/opdb.py [--report] [OPERATION...]

For every operation in Taper's table (`taper op --list --json`; build/taper, or TAPER) that the database knows
(torch.testing._internal.common_methods_invocations.op_db), its sample inputs become cases: values in all dtypes that PyTorch takes,
gradients in f64.  What a sample says with arguments that the operation has no attribute for is left out; --report says how often and why.
Needs Python 3 with torch 2.15, expecttest, numpy, safetensors.  Format: lib/golden.py.  Read next: lib/oracle.py, tests/test_opdb.c.
"""
import collections, json, math, os, random, re, subprocess, sys, warnings
import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from lib.golden import DTYPES, NAMES, TOP, text_of, write_safetensors
from lib import extra
from lib.oracle import DATABASE, LOOSE, ONLY, Unsupported, attribute_text, bind

warnings.filterwarnings("ignore")
SAMPLES, OTHERS, ELEMENTS, SEED = 12, 2, 360, 1  # f64 cases an operation, cases of each other dtype, elements a case
FLOATS = ("f64", "f32", "f16", "bf16")


def table():
    program = os.environ.get("TAPER", os.path.join(TOP, "build", "taper"))
    return json.loads(subprocess.check_output([program, "op", "--list", "--json"]))["operations"]


def infos_of(name):
    wanted = DATABASE.get(name, [name, "nn.functional." + name, "linalg." + name, "special." + name])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    for w in wanted:
        found = [o for o in op_db if o.name == w.split("/")[0] and (("/" not in w) or o.variant_test_name == w.split("/")[1])]
        if found:
            return found
    return []


def size_of(values):
    return sum(v.numel() for v in values if isinstance(v, torch.Tensor))


def small(sample):
    """The 20 x 20 matrices of the element-wise operators say no more than a corner of them."""
    x = sample.input
    if not isinstance(x, torch.Tensor) or x.shape != (20, 20) or any(isinstance(a, torch.Tensor) for a in [*sample.args, *sample.kwargs.values()]):
        return sample
    cut = x.detach()[:7, :11].clone().requires_grad_(x.requires_grad)
    return type(sample)(cut, args=sample.args, kwargs=sample.kwargs, output_process_fn_grad=sample.output_process_fn_grad)


class Case:
    """One sample, bound to the operation's inputs and attributes, with what PyTorch makes of it."""

    @classmethod
    def of_call(cls, op, inputs, attrs, function):
        c = cls.__new__(cls)
        c.inputs, c.attrs = list(inputs), {k: attribute_text(v) for k, v in attrs.items()}
        out = function(*inputs)
        c.outs = list(out) if isinstance(out, (tuple, list)) else [out]
        c.dys, c.dxs = {}, {}
        if op["differentiable"]:
            c.differentiate()
        names = op["inputs"].split()
        if names and "..." not in op["inputs"]:
            c.inputs += [None] * (len(names) - len(c.inputs))
        return c

    def __init__(self, op, info, sample, dtype):
        sample = small(sample)
        self.inputs, self.attrs = bind(op, info, sample)
        self.inputs = [x.clone() if isinstance(x, torch.Tensor) and not x.requires_grad else x for x in self.inputs]  # as before the call
        if size_of(self.inputs) > ELEMENTS:
            raise Unsupported("large")
        if any(isinstance(x, torch.Tensor) and (x.dtype not in NAMES or x.dim() > 8 or x.layout != torch.strided) for x in self.inputs):
            raise Unsupported("a tensor of a kind that Taper has not")
        out = info.op(sample.input, *sample.args, **sample.kwargs)
        if sample.output_process_fn_grad and op["differentiable"] and sample.output_process_fn_grad.__name__ == "<lambda>":
            out = sample.output_process_fn_grad(out)
        self.outs = list(out) if isinstance(out, (tuple, list)) else [torch.tensor(out) if isinstance(out, bool) else out]
        if not self.outs or not all(isinstance(y, torch.Tensor) for y in self.outs):
            raise Unsupported("no tensor comes out")
        if any(y.dtype not in NAMES for y in self.outs) or len(self.outs) > 32:
            raise Unsupported("an output of a kind that Taper has not")
        if size_of(self.outs) > 3 * ELEMENTS:
            raise Unsupported("large")
        self.dys, self.dxs = {}, {}
        if dtype == "f64" and op["differentiable"]:
            self.differentiate()

    def key(self):
        return (tuple(tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__ for x in self.inputs), tuple(sorted(self.attrs)))

    def kind(self):
        return (len(self.inputs), tuple(x.dim() if isinstance(x, torch.Tensor) else -1 for x in self.inputs), tuple(sorted(self.attrs.items())))

    def differentiate(self):
        leaves = [(i, x) for i, x in enumerate(self.inputs) if isinstance(x, torch.Tensor) and x.requires_grad]
        flows = [(i, y) for i, y in enumerate(self.outs) if y.requires_grad]
        if not leaves or not flows:
            return
        dys = [torch.randn(y.shape, dtype=torch.float64).to(y.dtype) for _, y in flows]
        grads = torch.autograd.grad([y for _, y in flows], [x for _, x in leaves], dys, allow_unused=True)
        self.dys = {i: dy for (i, _), dy in zip(flows, dys)}
        self.dxs = {i: g for (i, _), g in zip(leaves, grads) if g is not None}

    def store(self, name, op, tensors):
        words = [name, op["name"], f"inputs={len(self.inputs)}"]
        for i, x in enumerate(self.inputs):
            if x is None:
                words.append(f"in{i}=none")
            elif isinstance(x, torch.Tensor):
                tensors[f"{name}/in{i}"] = x.detach().contiguous().clone()
            else:
                whole = isinstance(x, int)  # bool too
                tensors[f"{name}/in{i}"] = torch.tensor(x, dtype=torch.int64 if whole else torch.float64)
                words.append(f"in{i}=number")
        for i, y in enumerate(self.outs):
            tensors[f"{name}/out{i}"] = y.detach().resolve_neg().contiguous().clone()
        for i, dy in self.dys.items():
            tensors[f"{name}/dy{i}"] = dy
        for i, dx in self.dxs.items():
            tensors[f"{name}/dx{i}"] = dx.detach().contiguous().clone()
        return " ".join(words + [f"{k}={v}" for k, v in self.attrs.items()])


def samples_of(info, dtype, grad):
    if DTYPES[dtype] not in info.supported_dtypes("cpu"):
        return []
    grad = grad and info.supports_autograd
    return info.sample_inputs("cpu", DTYPES[dtype], requires_grad=grad)


def chosen(op, infos, dtype, most, skipped):
    """Different kinds first, then different shapes, small ones first."""
    cases, seen = [], set()
    for info in infos:
        torch.manual_seed(SEED), random.seed(SEED), np.random.seed(SEED)
        try:
            for sample in samples_of(info, dtype, dtype == "f64" and op["differentiable"]):
                try:
                    c = Case(op, info, sample, dtype)
                except Unsupported as e:
                    skipped[str(e)] += 1
                    continue
                except (RuntimeError, TypeError, ValueError, NotImplementedError, IndexError) as e:
                    skipped["PyTorch: " + str(e).split("\n")[0][:60]] += 1
                    continue
                if (c.key(), tuple(c.attrs.items())) not in seen:
                    seen.add((c.key(), tuple(c.attrs.items())))
                    cases.append(c)
        except Exception as e:  # the generator of samples itself
            skipped["samples: " + str(e).split("\n")[0][:60]] += 1
    cases.sort(key=lambda c: size_of(c.inputs))
    first, rest, kinds = [], [], set()
    for c in cases:
        (rest if c.kind() in kinds else first).append(c)
        kinds.add(c.kind())
    if len(first) > most:  # keep the spread of sizes
        first = [first[i * len(first) // most] for i in range(most)]
    return (first + rest)[:most]


def slug(family):
    return re.sub(r"[^a-z]+", "_", family.lower()).strip("_")


def main():
    report = "--report" in sys.argv
    only = [a for a in sys.argv[1:] if a[:2] != "--"]
    families, without = collections.OrderedDict(), []
    torch.manual_seed(SEED)
    more = extra.rows()
    for op in table():
        if only and op["name"] not in only:
            continue
        infos = infos_of(op["name"])
        if not infos and op["name"] not in more:
            without.append(op["name"])
            continue
        skipped = collections.Counter()
        tensors, lines = families.setdefault(slug(op["family"]), ({}, []))
        count = 0
        for c in [Case.of_call(op, *row) for row in more.get(op["name"], [])]:
            lines.append(c.store(f"{op['name']}_extra_{count}", op, tensors))
            count += 1
        for dtype in ONLY.get(op["name"], DTYPES):
            for c in chosen(op, infos, dtype, SAMPLES if dtype == "f64" else OTHERS, skipped):
                name = f"{op['name']}_{dtype}_{count}"
                lines.append(" ".join([c.store(name, op, tensors)] + [LOOSE[key] for key in [(op["name"], dtype)] if key in LOOSE]))
                count += 1
        if report or not count:
            print(f"{op['name']}: {count} cases" + "".join(f"; {n} x {why}" for why, n in skipped.most_common(6)))
    for family, (tensors, lines) in families.items():
        if lines:
            write_safetensors(f"tests/golden/opdb/{family}.safetensors" if not only else f"build/opdb/{family}.safetensors", tensors,
                              {"torch": torch.__version__, "script": "tools/golden/opdb.py", "seed": str(SEED), "cases": "\n".join(lines)})
            print(f"  {len(lines)} cases")
    print("not in the database:", " ".join(without))


if __name__ == "__main__":
    main()
