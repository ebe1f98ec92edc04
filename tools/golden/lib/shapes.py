"""shapes.py - cases of views, joining, and indexing.

Read next: golden.py for the format, images.py.
"""
import math
import torch
import torch.nn.functional as F
from .golden import Family, In

f32, f64, f16 = torch.float32, torch.float64, torch.float16


def along(x, dim, what):
    at = [slice(None)] * x.dim()
    at[dim] = what
    return x[tuple(at)]


def shape(script):
    c = Family("shape", {
        "view": lambda x, shape: x.view(shape), "reshape": lambda x, shape: x.reshape(shape),
        "flatten": lambda x, start, end: x.flatten(start, end), "permute": lambda x, dims: x.permute(dims),
        "transpose": lambda x, dim0, dim1: x.transpose(dim0, dim1), "squeeze": lambda x, dim: x.squeeze(dim),
        "unsqueeze": lambda x, dim: x.unsqueeze(dim), "expand": lambda x, shape: x.expand(shape),
        "slice": lambda x, dim, start, end, step: along(x, dim, slice(start, end, step)),
        "select": lambda x, dim, index: x.select(dim, index), "narrow": lambda x, dim, start, length: x.narrow(dim, start, length),
        "split": lambda x, size, dim, parts: x.split(size, dim), "chunk": lambda x, chunks, dim: x.chunk(chunks, dim),
    }, script)
    n = c.randn
    for op in ("view", "reshape"):
        for name, x, to in (("join", (2, 3, 4), [6, 4]), ("cut", (6, 4), [2, 3, 2, 2]), ("unknown", (2, 3, 4), [3, -1]), ("ones", (2, 3), [1, 2, 1, 3, 1]),
                            ("to_scalar", (1, 1), []), ("from_scalar", (), [1, 1]), ("empty", (0, 3), [3, 0, 2]), ("same", (2, 3), [2, 3]), ("regroup", (4, 6), [3, 8])):
            c.case(name, op, n(*x), shape=to)
        c.case("transposed_ones", op, In(n(3, 2), "t"), shape=[3, 1, 2])
        c.case("batch_of_transposed", op, In(n(2, 2, 3), "t"), shape=[2, 1, 2, 3])
        c.case("stepped_cut", op, In(n(4, 6), "step"), shape=[2, 2, 3, 2])
        c.case("expanded_cut", op, In(n(3), "e4,3"), shape=[2, 2, 3])
    c.case("transposed", "reshape", In(n(4, 3), "t"), shape=[2, 6])
    c.case("stepped", "reshape", In(n(2, 3, 2), "step"), shape=[-1])
    c.case("channels_last", "reshape", In(n(2, 3, 2, 2), "cl"), shape=[2, 12])
    c.case("expanded", "reshape", In(n(3), "e4,3"), shape=[12])
    c.case("i64", "reshape", In(c.ints(0, 9, 4, 3), "t"), shape=[12])
    for s, e in ((0, -1), (1, -1), (0, 1), (1, 2), (2, 2), (-2, -1)):
        c.case(f"{s}_{e}", "flatten", n(2, 3, 2, 2), start=s, end=e)
    c.case("scalar", "flatten", n(), start=0, end=-1)
    c.case("channels_last", "flatten", In(n(2, 3, 2, 2), "cl"), start=1, end=-1)
    c.case("empty", "flatten", n(0, 3, 2), start=1, end=-1)
    for dims in ([2, 0, 1], [0, 2, 1], [-1, 1, 0], [0, 1, 2]):
        c.case("_".join(map(str, dims)), "permute", n(2, 3, 4), dims=dims)
    c.case("transposed", "permute", In(n(4, 3), "t"), dims=[1, 0])
    c.case("scalar", "permute", n(), dims=[])
    for a, b in ((0, 1), (0, 2), (-1, -2), (1, 1)):
        c.case(f"{a}_{b}", "transpose", n(2, 3, 4), dim0=a, dim1=b)
    for d in (0, 1, 2, -1, -3):
        c.case(f"dim{d}", "squeeze", n(1, 3, 1), dim=d)
    c.case("transposed", "squeeze", In(n(2, 1, 3), "t"), dim=1)
    for d in (0, 1, 2, -1, -3):
        c.case(f"dim{d}", "unsqueeze", n(2, 3), dim=d)
    c.case("scalar", "unsqueeze", n(), dim=0)
    c.case("transposed", "unsqueeze", In(n(4, 3), "t"), dim=1)
    c.case("ones", "expand", n(2, 1, 4), shape=[2, 3, 4])
    c.case("leading", "expand", n(3, 1), shape=[2, 3, 4])
    c.case("kept", "expand", n(2, 1, 4), shape=[5, -1, 3, -1])
    c.case("scalar", "expand", n(), shape=[2, 2])
    c.case("to_empty", "expand", n(1, 3), shape=[0, 3])
    c.case("transposed", "expand", In(n(4, 1), "t"), shape=[2, 4, 3])
    for name, a in (("plain", (0, 1, 4, 1)), ("step", (0, 0, 5, 2)), ("step3", (1, 1, 6, 3)), ("negative", (-1, -4, -1, 1)), ("negative_step", (0, -5, 100, 2)),
                    ("beyond", (0, 2, 100, 1)), ("none", (0, 4, 2, 1)), ("past", (0, 7, 9, 1)), ("all", (1, 0, 6, 1)), ("before", (1, -100, 2, 1))):
        c.case(name, "slice", n(5, 6), dim=a[0], start=a[1], end=a[2], step=a[3])
    c.case("transposed", "slice", In(n(5, 4), "t"), dim=0, start=1, end=5, step=2)
    c.case("stepped", "slice", In(n(5, 4), "step"), dim=1, start=1, end=4, step=2)
    for d, i in ((0, 0), (0, -1), (1, 2), (-1, 3), (2, -4)):
        c.case(f"dim{d}_{i}", "select", n(2, 3, 4), dim=d, index=i)
    c.case("vector", "select", n(5), dim=0, index=2)
    for d, s, length in ((0, 1, 2), (1, 0, 5), (-1, 2, 3), (0, 4, 0)):
        c.case(f"dim{d}_{s}_{length}", "narrow", n(4, 5), dim=d, start=s, length=length)
    c.case("even", "split", n(6, 2), size=2, dim=0, parts=3)
    c.case("uneven", "split", n(2, 7), size=3, dim=1, parts=3)
    c.case("one", "split", n(2, 3), size=5, dim=-1, parts=1)
    c.case("transposed", "split", In(n(5, 4), "t"), size=2, dim=0, parts=3)
    c.case("even", "chunk", n(6, 2), chunks=3, dim=0)
    c.case("uneven", "chunk", n(2, 7), chunks=3, dim=-1)
    c.case("fewer", "chunk", n(5), chunks=4, dim=0)
    c.case("more", "chunk", n(2, 2), chunks=4, dim=0)
    return c


def join(script):
    c = Family("join", {
        "cat": lambda *x, dim: torch.cat(x, dim), "stack": lambda *x, dim: torch.stack(x, dim),
        "repeat": lambda x, times: x.repeat(times), "flip": lambda x, dims: x.flip(dims),
        "pad": lambda x, before, after, value: F.pad(x, [w for pair in reversed(list(zip(before, after))) for w in pair], value=value),
    }, script)
    n = c.randn
    c.case("rows", "cat", n(2, 3), n(1, 3), n(4, 3), dim=0)
    c.case("columns", "cat", n(2, 3), n(2, 1), dim=1)
    c.case("last", "cat", n(2, 2, 3), n(2, 2, 2), dim=-1)
    c.case("middle", "cat", n(2, 1, 3), n(2, 2, 3), dim=1)
    c.case("one", "cat", n(2, 3), dim=0)
    c.case("vectors", "cat", n(3), n(1), n(2), dim=0)
    c.case("with_empty", "cat", n(2, 3), n(0, 3), n(1, 3), dim=0)
    c.case("all_empty", "cat", n(0, 3), n(0, 3), dim=0)
    c.case("transposed", "cat", In(n(4, 3), "t"), In(n(2, 3), "step"), n(1, 3), dim=0)
    c.case("channels_last", "cat", In(n(2, 3, 2, 2), "cl"), In(n(2, 1, 2, 2), "cl"), dim=1)
    c.case("f32_f64", "cat", n(2, dtype=f32), n(3), dim=0)
    c.case("i64_f32", "cat", torch.arange(2), n(3, dtype=f32), dim=0)
    c.case("bool_u8", "cat", c.bools(2), c.ints(0, 9, 2, dtype=torch.uint8), dim=0)
    for d in (0, 1, 2, -1):
        c.case(f"dim{d}", "stack", n(2, 3), n(2, 3), n(2, 3), dim=d)
    c.case("one", "stack", n(2, 3), dim=0)
    c.case("scalars", "stack", n(), n(), n(), dim=0)
    c.case("transposed", "stack", In(n(4, 3), "t"), n(4, 3), dim=1)
    c.case("empty", "stack", n(0, 3), n(0, 3), dim=1)
    for name, x, t in (("rows", (2, 3), [2, 1]), ("both", (2, 3), [3, 2]), ("leading", (3,), [2, 4]), ("none", (2, 3), [2, 0]), ("same", (2, 3), [1, 1]),
                       ("three", (2, 1, 2), [1, 3, 2]), ("scalar", (), [4]), ("empty", (0, 2), [2, 3]), ("scalar_kept", (), [])):
        c.case(name, "repeat", n(*x), times=t)
    c.case("transposed", "repeat", In(n(4, 3), "t"), times=[2, 2])
    for name, x, d in (("rows", (3, 2), [0]), ("columns", (3, 2), [-1]), ("both", (3, 2), [0, 1]), ("middle", (2, 3, 2), [1]), ("none", (2, 3), []), ("empty", (0, 3), [0, 1])):
        c.case(name, "flip", n(*x), dims=d)
    c.case("transposed", "flip", In(n(4, 3), "t"), dims=[0])
    c.case("stepped", "flip", In(n(4, 3), "step"), dims=[1, 0])
    c.case("i64", "flip", c.ints(0, 9, 5), dims=[0])
    for name, x, b, a, v in (("vector", (3,), [1], [2], 0), ("value", (2, 3), [1, 0], [0, 2], 0.5), ("crop", (4, 5), [-1, 1], [-1, -2], 0), ("images", (1, 2, 2, 3), [0, 0, 1, 2], [0, 0, 1, 0], 0),
                             ("nothing", (2, 3), [0, 0], [0, 0], 7), ("to_empty", (2, 3), [-2, 0], [0, 0], 0), ("from_empty", (0, 2), [1, 1], [2, 0], -1.5), ("infinite", (2, 2), [1, 1], [1, 1], -math.inf)):
        c.case(name, "pad", n(*x), before=b, after=a, value=v, **({"rough": 1} if name == "infinite" else {}))
    c.case("transposed", "pad", In(n(4, 3), "t"), before=[1, 1], after=[1, 0], value=1)
    c.case("channels_last", "pad", In(n(1, 2, 2, 3), "cl"), before=[0, 0, 1, 1], after=[0, 0, 1, 1], value=0)
    c.case("i64", "pad", c.ints(0, 9, 3), before=[1], after=[1], value=-4)
    c.case("bool", "pad", c.bools(3), before=[1], after=[1], value=1)
    return c


def index(script):
    c = Family("index", {
        "gather": lambda x, i, dim: torch.gather(x, dim, i), "scatter_add": lambda x, i, src, dim: x.scatter_add(dim, i, src[tuple(slice(n) for n in i.shape)]),
        "index_select": lambda x, i, dim: torch.index_select(x, dim, i), "one_hot": lambda i, classes: F.one_hot(i, classes),
    }, script)
    n, i = c.randn, c.ints
    c.case("dim0", "gather", n(4, 3), i(0, 4, 2, 3), dim=0)
    c.case("dim1", "gather", n(3, 5), i(0, 5, 3, 7), dim=1)
    c.case("last", "gather", n(2, 3, 4), i(0, 4, 2, 3, 2), dim=-1)
    c.case("smaller", "gather", n(4, 5), i(0, 4, 6, 2), dim=0)
    c.case("vector", "gather", n(6), i(0, 6, 4), dim=0)
    c.case("repeated", "gather", n(3, 2), torch.tensor([[1, 1], [1, 1], [1, 0]]), dim=0)
    c.case("empty", "gather", n(4, 3), i(0, 4, 0, 3), dim=0)
    c.case("transposed", "gather", In(n(4, 3), "t"), In(i(0, 3, 4, 2), "t"), dim=1)
    c.case("stepped", "gather", In(n(4, 3), "step"), In(i(0, 4, 2, 3), "step"), dim=0)
    c.case("f32", "gather", n(9, 11, dtype=f32), i(0, 11, 9, 5), dim=1)
    c.case("i64", "gather", i(0, 9, 5), i(0, 5, 3), dim=0)
    c.case("scalar", "gather", n(), torch.tensor(0), dim=0)
    c.case("dim0", "scatter_add", n(4, 3), i(0, 4, 2, 3), n(2, 3), dim=0)
    c.case("dim1", "scatter_add", n(3, 5), i(0, 5, 3, 7), n(3, 7), dim=1)
    c.case("middle", "scatter_add", n(2, 3, 2), i(0, 3, 2, 4, 2), n(2, 4, 2), dim=1)
    c.case("repeated", "scatter_add", n(3), torch.tensor([1, 1, 1, 2, 1]), n(5), dim=0)
    c.case("larger_src", "scatter_add", n(4, 3), i(0, 4, 2, 2), n(3, 4), dim=0)
    c.case("empty", "scatter_add", n(4, 3), i(0, 4, 0, 3), n(0, 3), dim=0)
    c.case("transposed", "scatter_add", In(n(4, 3), "t"), In(i(0, 3, 4, 2), "t"), In(n(4, 2), "step"), dim=-1)
    c.case("i64", "scatter_add", i(0, 9, 4), i(0, 4, 6), i(0, 9, 6), dim=0)
    c.case("f32", "scatter_add", n(5, 9, dtype=f32), i(0, 9, 5, 20), n(5, 20, dtype=f32), dim=1, wide=True)
    for d in (0, 1, -1):
        c.case(f"dim{d}", "index_select", n(3, 2, 4), i(0, 2, 5), dim=d)
    c.case("repeated", "index_select", n(3, 2), torch.tensor([2, 2, 0, 2]), dim=0)
    c.case("i32", "index_select", n(5), i(0, 5, 3, dtype=torch.int32), dim=0)
    c.case("empty", "index_select", n(3, 2), i(0, 3, 0), dim=0)
    c.case("transposed", "index_select", In(n(4, 3), "t"), In(i(0, 4, 3), "step"), dim=0)
    c.case("u8", "index_select", i(0, 9, 5, 2, dtype=torch.uint8), i(0, 5, 3), dim=0)
    c.case("scalar_index", "index_select", n(4, 2), torch.tensor(2), dim=0)
    c.case("labels", "one_hot", i(0, 5, 7), classes=5)
    c.case("matrix", "one_hot", i(0, 3, 2, 3), classes=4)
    c.case("scalar", "one_hot", torch.tensor(2), classes=3)
    c.case("empty", "one_hot", i(0, 3, 0), classes=3)
    c.case("transposed", "one_hot", In(i(0, 3, 2, 3), "t"), classes=3)
    return c


FAMILIES = {"shape": shape, "join": join, "index": index}
