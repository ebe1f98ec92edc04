#!/usr/bin/env python3
"""op.py - `taper op` on .npy files gives what PyTorch gives: values and gradients of every operation in the golden files.

    python3 tests/python/op.py TAPER

Inputs are written by NumPy, results are read by NumPy and compared with PyTorch's in tests/golden/opdb (tools/golden/opdb.py made
them; the files say with which version).  Exit status 77 without NumPy.
"""
import json, os, re, struct, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
try:
    import numpy as np
except ImportError:
    print("op.py: skipped, NumPy is not here")
    sys.exit(77)

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"}
CLOSE = {"<f8": (1e-9, 1e-11), "<f4": (2e-5, 1e-5), "<f2": (2e-3, 1e-3)}
OWN = {"inputs", "rtol", "atol", "rough", "zeros"}


def read(path):
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(size)), f.read()
    meta, tensors = header.pop("__metadata__"), {}
    for name, t in header.items():
        if t["dtype"] in KINDS:  # NumPy has no bf16
            begin, end = t["data_offsets"]
            tensors[name] = np.frombuffer(data[begin:end], KINDS[t["dtype"]]).reshape(t["shape"])
        else:
            tensors[name] = None
    return meta["cases"].split("\n"), tensors


def words_of(line):
    name, op, *rest = line.split(" ")
    return name, op, dict(w.split("=", 1) for w in rest)


def choose(lines, tensors):
    """For each operation its f64 case with most gradients, and one case of another dtype."""
    best = {}
    for line in lines:
        name, op, attrs = words_of(line)
        parts = [k for k in tensors if k.startswith(name + "/")]
        if any(tensors[k] is None for k in parts) or any(tensors[k].size == 0 for k in parts if "/in" in k):
            continue
        grads = sum("/dx" in k for k in parts)
        wide = any(tensors[k].dtype == np.float64 for k in parts if "/in" in k)
        key = (op, wide)
        if key not in best or (grads, len(attrs)) > best[key][0]:
            best[key] = ((grads, len(attrs)), line)
    return [line for _, line in best.values()]


def same(got, wanted, what):
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return f"{what} is {got.dtype} {got.shape}, wanted {wanted.dtype} {wanted.shape}"
    rtol, atol = CLOSE.get(wanted.dtype.str, (0, 0))
    if not np.allclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True):
        return f"{what} differs"
    return None


def number(key):
    return int(re.sub(".*[a-z]", "", key))


def check(taper, attributes, line, tensors, place):
    name, op, attrs = words_of(line)
    os.mkdir(place)
    text_first = attrs.pop("equation", None)
    command = [taper, "op", op] + ([text_first] if text_first else [])
    for i in range(int(attrs["inputs"])):
        layout, x = attrs.pop(f"in{i}", ""), tensors.get(f"{name}/in{i}")
        if layout == "none":
            command.append("none")
        elif layout == "number":
            command.append(repr(x.item()))
        else:
            np.save(f"{place}/in{i}.npy", x if i % 2 or x.ndim < 2 else np.asfortranarray(x))
            command.append(f"{place}/in{i}.npy")
    command += [f"--{k}={v}" for k, v in attrs.items() if k not in OWN or k in attributes[op]] + ["-o", f"{place}/y.npy"]
    dys = [k for k in tensors if k.startswith(name + "/dy")]
    if len(dys) == 1 and dys[0].endswith("dy0"):
        np.save(f"{place}/dy.npy", tensors[dys[0]])
        command += ["--grad", f"{place}/dy.npy", "--grad-out", f"{place}/dx.npy"]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        return f"{line}: exit {ran.returncode}: {ran.stderr.strip()}"
    outs = sorted((k for k in tensors if k.startswith(name + "/out")), key=number)
    for i, k in enumerate(outs):
        path = f"{place}/y.npy" if os.path.exists(f"{place}/y.npy") else f"{place}/y{i}.npy"
        wrong = same(np.load(path), tensors[k], f"output {i}")
        if wrong:
            return f"{line}: {wrong}"
    if len(dys) == 1 and dys[0].endswith("dy0"):
        for k in tensors:
            if k.startswith(name + "/dx"):
                wrong = same(np.load(f"{place}/dx{number(k)}.npy"), tensors[k], "gradient " + str(number(k)))
                if wrong:
                    return f"{line}: {wrong}"
    return None


def main():
    taper, folder = os.path.abspath(sys.argv[1]), os.path.join(TOP, "tests", "golden", "opdb")
    table = json.loads(subprocess.check_output([taper, "op", "--list", "--json"]))["operations"]
    attributes = {op["name"]: {a["name"] for a in op["attributes"]} for op in table}
    jobs, ops = [], set()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        for file in sorted(os.listdir(folder)):
            lines, tensors = read(os.path.join(folder, file))
            for line in choose(lines, tensors):
                ops.add(line.split(" ")[1])
                jobs.append(pool.submit(check, taper, attributes, line, tensors, f"{place}/{len(jobs)}"))
        wrong = [text for text in (j.result() for j in jobs) if text]
    print("\n".join(wrong))
    print(f"{len(ops)} operations, {len(jobs)} commands, {len(wrong)} wrong")
    return 1 if wrong else 0


sys.exit(main())
