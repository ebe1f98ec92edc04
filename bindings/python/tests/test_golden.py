"""test_golden.py - every operation, called from Python by its name and keywords, gives PyTorch's values and gradients.

The cases are those of tests/golden/opdb, PyTorch's own samples (tools/golden/opdb.py); no NumPy is needed."""
import json
import os
import struct

import common
from common import TOP, Case, difference, tp

OPS = {op.name: op for op in tp._methods.OPS}
OWN = {"inputs", "rtol", "atol", "rough", "zeros"}
FOLDER = os.path.join(TOP, "tests", "golden", "opdb")


def cases(file):
    with open(os.path.join(FOLDER, file), "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        return json.loads(f.read(size))["__metadata__"]["cases"].split("\n")


def number(word):
    return tp._table.NO_DIM if word == "none" else int(word)


def value(attr, word):
    """An attribute from the text of a case."""
    if attr.kind in ("DIMS", "PAIR"):
        return tuple(number(w) for w in word.strip("()[]").split(",") if w)
    if attr.kind in ("I64", "U64"):
        return number(word)
    return {"F64": float, "BOOL": lambda w: w in ("1", "true", "True"), "DTYPE": lambda w: None if w == "none" else w}.get(
        attr.kind, str)(word)


class Golden(Case):
    def run_case(self, line, tensors):
        name, op, *words = line.split(" ")
        given = dict(w.split("=", 1) for w in words)
        row = OPS[op]
        attrs = {a.arg: value(a, given[a.name]) for a in row.given if a.name in given}
        inputs = []
        for i in range(int(given["inputs"])):
            x, layout = tensors.get(f"{name}/in{i}"), given.get(f"in{i}", "")
            inputs.append(None if layout == "none" or x is None else x.item() if layout == "number" else x.detach())
        dys = sorted(k for k in tensors if k.startswith(name + "/dy"))
        dxs = [int(k.rpartition("dx")[2]) for k in tensors if k.startswith(name + "/dx")]
        for i in dxs:
            inputs[i].requires_grad_()
        function = tp._table.function(row, "test") if op.startswith("_") or op in ("repeat_interleave", "tensordot") or not row.inputs \
            else getattr(tp.ops, op)
        keywords = dict(zip(row.inputs, inputs)) if not row.many else {}
        if op == "einsum":
            y = function(attrs["equation"], *inputs)
        elif row.many:
            y = function(*inputs, **attrs) if op in tp._table.ONE_BY_ONE else function(inputs, **attrs)
        else:
            y = function(**keywords, **attrs)
        y = tp.tensor(y) if isinstance(y, bool) else y
        outs = list(y) if isinstance(y, tuple) else [y]
        rtol, atol = (float(given[k]) if k in given and k not in {a.name for a in row.attrs} else None for k in ("rtol", "atol"))
        for i, out in enumerate(outs):
            if f"{name}/out{i}" in tensors:
                wrong = difference(out.detach(), tensors[f"{name}/out{i}"], rtol, atol)
                self.assertIsNone(wrong, f"{line}: output {i}: {wrong}")
        self.run_in_place(line, row, inputs, attrs, tensors.get(f"{name}/out0"), rtol, atol)
        if dys:
            seeds = {int(k.rpartition("dy")[2]): tensors[k] for k in dys}
            seeds = {i: dy for i, dy in seeds.items() if outs[i].requires_grad}  # of a count there is none, and PyTorch's is 0
            grads = tp.autograd.grad([outs[i] for i in seeds], [inputs[i] for i in dxs], list(seeds.values()), allow_unused=True) \
                if seeds else [None] * len(dxs)
            for i, dx in zip(dxs, grads):
                wanted = tensors[f"{name}/dx{i}"]
                wrong = difference(dx if dx is not None else tp.zeros_like(wanted), wanted, rtol and 10 * rtol, atol and 10 * atol)
                self.assertIsNone(wrong, f"{line}: gradient {i}: {wrong}")

    def run_in_place(self, line, row, inputs, attrs, wanted, rtol, atol):
        """x.exp_() has the same values, in x's memory."""
        x = inputs[0].detach().clone() if inputs and isinstance(inputs[0], tp.Tensor) else None
        if x is None or wanted is None or not tp._table.has_in_place(row) or (x.shape, x.dtype) != (wanted.shape, wanted.dtype):
            return
        y = getattr(x, row.name + "_")(**dict(zip(row.inputs[1:], (t.detach() if isinstance(t, tp.Tensor) else t for t in inputs[1:]))), **attrs)
        self.assertIs(y, x)
        wrong = difference(x, wanted, rtol, atol)
        self.assertIsNone(wrong, f"{line}: in place: {wrong}")
        self.in_place.add(row.name)

    def test_every_case(self):
        self.in_place = set()
        n, wrong = 0, []
        for file in sorted(os.listdir(FOLDER)):
            tensors = tp.load(os.path.join(FOLDER, file))
            lines = cases(file)
            groups = {}
            for key, t in tensors.items():
                groups.setdefault(key.partition("/")[0], {})[key] = t
            for line in lines:
                n += 1
                try:
                    self.run_case(line, groups.get(line.partition(" ")[0], {}))
                except AssertionError as e:
                    wrong.append(str(e).splitlines()[0])
                except Exception as e:
                    wrong.append(f"{line}: {type(e).__name__}: {e}")
        print(f"{n} cases, {len(wrong)} wrong")
        self.assertFalse(wrong, "\n".join(wrong[:40]))
        self.assertGreater(n, 5000)
        self.assertGreater(len(self.in_place), 80)


if __name__ == "__main__":
    common.main()
