"""reductions.py - cases of reductions and of products.

Read next: golden.py for the format, shapes.py.
"""
import functools, math
import torch
import torch.nn.functional as F
from .golden import Family, In

f32, f64, f16, bf16 = torch.float32, torch.float64, torch.float16, torch.bfloat16
INF, NAN = math.inf, math.nan


def over(f):
    """f with dims as a list; none of them means all."""
    return lambda x, dims=(), keepdim=False, **a: f(x, tuple(dims) or tuple(range(x.dim())), keepdim, **a)


def one_by_one(f):
    """Reductions that take one dim at a time in PyTorch."""
    def g(x, dims, keepdim):
        dims = sorted({d % max(x.dim(), 1) for d in dims}, reverse=True)
        if not dims and x.dim() == 0:
            return f(x, 0, keepdim)
        for d in dims:
            x = f(x, d, keepdim)
        return x
    return over(g)


REDUCTIONS = {
    "sum": over(lambda x, d, k: torch.sum(x, d, k)),
    "mean": over(lambda x, d, k: torch.mean(x, d, k)),
    "prod": one_by_one(torch.prod),
    "amax": over(lambda x, d, k: torch.amax(x, d, k)),
    "amin": over(lambda x, d, k: torch.amin(x, d, k)),
    "var": over(lambda x, d, k, correction: torch.var(x, d, correction=correction, keepdim=k)),
    "std": over(lambda x, d, k, correction: torch.std(x, d, correction=correction, keepdim=k)),
    "norm": over(lambda x, d, k, p: torch.linalg.vector_norm(x, p, d, k)),
    "logsumexp": over(lambda x, d, k: torch.logsumexp(x, d, k)),
}
BOOLS = {"any": one_by_one(torch.any), "all": one_by_one(torch.all)}
PICKS = {
    "max": lambda x, dim, keepdim=False: tuple(torch.max(x, dim, keepdim)),
    "min": lambda x, dim, keepdim=False: tuple(torch.min(x, dim, keepdim)),
    "argmax": lambda x, dim, keepdim=False: torch.argmax(x, dim, keepdim),
    "argmin": lambda x, dim, keepdim=False: torch.argmin(x, dim, keepdim),
}


def dims_and_layouts(c, op, x, tag="", **a):
    c.case(tag + "all", op, x(2, 3, 4), **a)
    c.case(tag + "all_kept", op, x(2, 3, 4), keepdim=True, **a)
    for d in (0, 1, 2, -1, -3):
        c.case(f"{tag}dim{d}", op, x(2, 3, 4), dims=[d], **a)
    c.case(tag + "outer_inner", op, x(2, 3, 4), dims=[0, -1], keepdim=True, **a)
    c.case(tag + "middle", op, x(2, 2, 2, 3), dims=[1, 2], **a)
    c.case(tag + "alternate", op, x(2, 2, 2, 3), dims=[2, 0], **a)
    c.case(tag + "vector", op, x(7), dims=[0], **a)
    c.case(tag + "one", op, x(1, 3), dims=[0], **({"rough": 1} if op in ("var", "std") else {}), **a)
    c.case(tag + "transposed", op, In(x(4, 3), "t"), dims=[0], **a)
    c.case(tag + "transposed_last", op, In(x(4, 3), "t"), dims=[1], **a)
    c.case(tag + "stepped", op, In(x(3, 4), "step"), dims=[1], keepdim=True, **a)
    c.case(tag + "images", op, In(x(2, 3, 2, 2), "cl"), dims=[0, 2, 3], **a)
    c.case(tag + "images_rows", op, In(x(2, 3, 2, 2), "cl"), dims=[1], **a)


def reduce(script):
    c = Family("reduce", {**REDUCTIONS, **BOOLS, **PICKS}, script)
    for op in REDUCTIONS:
        a = {"var": {"correction": 1}, "std": {"correction": 1}, "norm": {"p": 2}}.get(op, {})
        x = {"amax": c.distinct, "amin": c.distinct, "prod": c.pos}.get(op, c.randn)
        dims_and_layouts(c, op, x, **a)
        c.case("expanded", op, In(c.randn(3), "e4,3"), dims=[1], **({"rough": 1} if op in ("amax", "amin") else {}), **a)
        c.case("f32_rows", op, x(3, 67, dtype=f32), dims=[1], wide=True, **a)
        c.case("f32_columns", op, x(11, 19, dtype=f32), dims=[0], wide=True, **a)
        c.case("f32_all", op, x(5, 33, dtype=f32), wide=True, **({"rtol": 1e-4} if op == "prod" else {}), **a)
        if op not in ("var", "std"):
            c.case("scalar", op, x(), **a)
        c.case("empty_kept", op, x(0, 3), dims=[1], **a)
        if op not in ("amax", "amin"):
            c.case("empty", op, x(0, 3), dims=[0], **a)
            c.case("empty_all", op, x(2, 0), **a)
        c.case("f16", op, x(3, 4, dtype=f16), dims=[0], **a)
        if op not in ("var", "std", "norm", "prod"):
            c.case("bf16", op, x(3, 4, dtype=bf16), dims=[1], **a)
        odd = torch.tensor([[1.0, NAN, 2.0], [INF, 1.0, 3.0], [-INF, 1.0, 2.0], [INF, -INF, 0.0]], dtype=f64)
        c.case("special", op, odd, dims=[1], rough=1, grad=op in ("sum", "mean"), **a)
        c.case("special_f32", op, odd.float(), dims=[1], grad=False, **a)
        for place in (0, 20, 66):
            hole = x(2, 67, dtype=f32)
            hole[1, place] = NAN
            c.case(f"nan{place}_f32", op, hole, dims=[1], grad=False, rtol=1e-4, **a)
            if place == 20:
                c.case("nan_columns_f32", op, In(hole, "t"), dims=[1], grad=False, rtol=1e-4, **a)
        c.case("wide_rows_f32", op, In(x(3, 35, dtype=f32), "wide"), dims=[1], wide=True, **({"rtol": 1e-4} if op == "prod" else {}), **a)
        c.case("wide_columns_f32", op, In(x(9, 21, dtype=f32), "wide"), dims=[0], wide=True, **a)
    for op in ("sum", "prod"):
        for d in (torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool):
            c.case(str(d)[6:], op, c.ints(0, 5, 3, 4).to(d), dims=[1])
        c.case("i32_all", op, c.ints(-3, 4, 2, 3, dtype=torch.int32))
    c.case("uint8_large", "sum", torch.full((40,), 200, dtype=torch.uint8))
    for op in ("amax", "amin"):
        for d in (torch.int64, torch.int16, torch.uint8, torch.bool):
            c.case(str(d)[6:], op, c.ints(0, 5, 3, 4).to(d), dims=[1])
        c.case("ties", op, torch.tensor([[1.0, 2, 2, 1], [3, 3, 3, 3]], dtype=f64), dims=[1], rough=1)
        c.case("ties_all", op, torch.tensor([[1.0, 2, 2, 1], [2, 1, 0, 0]], dtype=f64), rough=1)
    c.case("one_zero", "prod", torch.tensor([[1.0, 0.0, 3.0], [2.0, 4.0, 5.0]], dtype=f64), dims=[1])
    c.case("two_zeros", "prod", torch.tensor([[0.0, 0.0, 3.0], [2.0, 0.0, 5.0]], dtype=f64), dims=[1])
    c.case("zeros_all", "prod", torch.tensor([[1.0, 0.0, 3.0], [2.0, 4.0, -5.0]], dtype=f64))
    for op in ("var", "std"):
        for k in (0, 2, 4):
            c.case(f"correction{k}", op, c.randn(3, 4), dims=[1], correction=k, rough=int(k == 4), grad=k != 4)
        c.case("single", op, c.randn(3, 1), dims=[1], correction=0, rough=1)
        c.case("single_sample", op, c.randn(3, 1), dims=[1], correction=1, rough=1, grad=False)
        c.case("constant", op, torch.full((2, 3), 2.0, dtype=f64), dims=[1], correction=1, rough=1)
        c.case("far_from_zero_f32", op, (c.randn(2, 64) + 3000).float(), dims=[1], correction=1, wide=True, rtol=1e-4)
    for p in (1, 3, 0.5, INF, 4.5):
        x = c.distinct if p == INF else c.randn
        c.case(f"p{p}", "norm", x(3, 4) + 0.03, dims=[1], p=p)
        c.case(f"p{p}_all", "norm", x(3, 4) + 0.03, p=p)
    for p in (1, 2, 3, INF):
        c.case(f"p{p}_zeros", "norm", torch.zeros(2, 3, dtype=f64), dims=[1], p=p, rough=1)
    c.case("p0", "norm", torch.tensor([[0.0, 1.0], [2.0, 3.0]], dtype=f64), dims=[1], p=0, rough=1)
    c.case("large", "logsumexp", torch.tensor([[1000.0, 1001.0], [-1000.0, -1003.0]], dtype=f64), dims=[1])
    c.case("large_f32", "logsumexp", torch.tensor([[300.0, 301.0], [-300.0, -303.0]]), dims=[1], wide=True)
    c.case("some_minus_inf", "logsumexp", torch.tensor([[-INF, 1.0], [2.0, -INF]], dtype=f64), dims=[1], rough=1)
    for op in BOOLS:
        for name, x in (("bools", c.bools(3, 2)), ("i64", c.ints(0, 2, 3, 2)), ("f64", c.ints(0, 2, 3, 2).double())):
            c.case(name, op, x)
            c.case(name + "_dim0", op, x, dims=[0])
            c.case(name + "_dim1_kept", op, x, dims=[-1], keepdim=True)
        c.case("nan", op, torch.tensor([[NAN, 0.0], [NAN, 1.0]], dtype=f64), dims=[1])
        c.case("empty", op, torch.zeros(2, 0), dims=[1])
        c.case("empty_all", op, torch.zeros(2, 0))
        c.case("scalar", op, torch.tensor(True))
        c.case("transposed", op, In(c.bools(4, 3), "t"), dims=[0])
        c.case("two_dims", op, c.bools(2, 3, 2), dims=[0, 2])
    for op in PICKS:
        for d in (0, 1, -1):
            c.case(f"dim{d}", op, c.distinct(2, 3, 4), dim=d)
        c.case("kept", op, c.distinct(2, 3, 4), dim=1, keepdim=True)
        c.case("transposed", op, In(c.distinct(4, 3), "t"), dim=0)
        c.case("stepped", op, In(c.distinct(3, 4), "step"), dim=1)
        c.case("ties", op, torch.tensor([[1.0, 2, 2, 1], [3, 3, 3, 3]], dtype=f64), dim=1, rough=1)
        c.case("ties_f32", op, torch.tensor([[1.0, 2, 2, 1] * 9, [3, 3, 3, 3] * 9]), dim=1)
        c.case("nan", op, torch.tensor([[1.0, NAN, 2.0, NAN], [INF, -INF, 3.0, 0.0]], dtype=f64), dim=1, rough=1)
        c.case("nan_f32", op, torch.tensor([[1.0, NAN, 2.0, NAN], [INF, -INF, 3.0, 0.0]]), dim=1, grad=False)
        c.case("f32", op, c.distinct(3, 41, dtype=f32), dim=1)
        for place in (0, 20, 66):
            hole = c.distinct(2, 67, dtype=f32)
            hole[1, place:place + 2] = NAN
            c.case(f"nan{place}_f32", op, hole, dim=1, grad=False)
            if place == 20:
                c.case("nan_columns_f32", op, hole.t().contiguous(), dim=0, grad=False)
        c.case("f32_columns", op, c.distinct(9, 7, dtype=f32), dim=0)
        c.case("i64", op, c.ints(-9, 9, 3, 5), dim=1)
        c.case("u8", op, c.ints(0, 9, 3, 5, dtype=torch.uint8), dim=0)
        c.case("scalar", op, c.randn(), dim=0)
        c.case("empty_kept", op, c.randn(0, 3), dim=1)
    return c


# ---- products -------------------------------------------------------------------------------------------------------------


def product(script):
    c = Family("product", {"matmul": torch.matmul, "linear": lambda x, w, b=None: F.linear(x, w, b)}, script)
    n, h = c.randn, functools.partial(c.randn, dtype=f32)
    for name, a, b in (("matrices", (3, 4), (4, 5)), ("vectors", (5,), (5,)), ("vector_matrix", (3,), (3, 4)), ("matrix_vector", (3, 4), (4,)),
                       ("batch", (2, 3, 4), (2, 4, 5)), ("batch_broadcast", (2, 1, 3, 4), (5, 4, 2)), ("batch_vector", (2, 3, 4), (4,)),
                       ("vector_batch", (4,), (2, 4, 3)), ("batch_matrix", (2, 3, 4), (4, 2)), ("matrix_batch", (3, 4), (2, 4, 2)),
                       ("batch_ones", (1, 2, 3), (4, 3, 2)), ("many_dims", (2, 1, 2, 1, 3), (1, 2, 1, 3, 2)), ("outer", (4, 1), (1, 3)),
                       ("inner", (1, 7), (7, 1)), ("one", (1, 1), (1, 1)), ("no_rows", (0, 3), (3, 2)), ("no_columns", (2, 3), (3, 0)),
                       ("no_inner", (2, 0), (0, 3)), ("no_batch", (0, 2, 3), (3, 2)), ("no_inner_vectors", (0,), (0,))):
        c.case(name, "matmul", n(*a), n(*b))
    c.case("transposed_left", "matmul", In(n(3, 4), "t"), n(4, 2))
    c.case("transposed_right", "matmul", n(3, 4), In(n(4, 2), "t"))
    c.case("transposed_both", "matmul", In(n(2, 3, 4), "t"), In(n(2, 4, 3), "t"))
    c.case("stepped", "matmul", In(n(3, 4), "step"), In(n(4, 2), "step"))
    c.case("stepped_batch", "matmul", In(n(2, 3, 2), "step"), In(n(2, 2, 3), "step"))
    c.case("expanded", "matmul", In(n(1, 3, 4), "e2,3,4"), In(n(4, 1), "e2,4,3"))
    c.case("expanded_vector", "matmul", n(3, 4), In(n(1), "e4"))
    for m, k, p in ((1, 1, 1), (13, 9, 33), (25, 1, 50), (7, 40, 17), (12, 5, 32), (6, 3, 16), (1, 37, 65), (50, 19, 1), (33, 8, 7)):
        c.case(f"f32_{m}x{k}x{p}", "matmul", h(m, k), h(k, p), wide=True)
    c.case("wide_rows", "matmul", In(n(3, 4), "wide"), In(n(4, 2), "wide"))
    c.case("f32_wide", "matmul", In(h(13, 9), "wide"), In(h(9, 33), "wide"), wide=True)
    c.case("f32_wide_transposed", "matmul", In(h(13, 9), "t"), In(h(9, 33), "wide"), wide=True)
    c.case("f32_transposed", "matmul", In(h(13, 9), "t"), In(h(9, 33), "t"), wide=True)
    c.case("f32_batch", "matmul", h(3, 5, 4), h(3, 4, 6), wide=True)
    c.case("f32_vectors", "matmul", h(67), h(67), wide=True)
    c.case("special", "matmul", torch.tensor([[1.0, INF], [NAN, 0.0]], dtype=f64), torch.tensor([[1.0, 0.0], [2.0, 1.0]], dtype=f64), grad=False)
    for name, x, w, b in (("plain", (4, 3), (5, 3), (5,)), ("batch", (2, 3, 4), (2, 4), (2,)), ("vector", (3,), (2, 3), (2,)), ("wide", (1, 17), (9, 17), (9,)),
                          ("deep", (2, 1, 2, 3), (2, 3), (2,)), ("no_rows", (0, 3), (2, 3), (2,)), ("no_inputs", (2, 0), (3, 0), (3,)), ("no_outputs", (2, 3), (0, 3), (0,))):
        c.case(name, "linear", n(*x), n(*w), n(*b))
        c.case(name + "_no_bias", "linear", n(*x), n(*w), None)
    c.case("transposed", "linear", In(n(4, 3), "t"), In(n(5, 3), "t"), n(5))
    c.case("stepped", "linear", In(n(4, 3), "step"), In(n(2, 3), "step"), In(n(2), "step"))
    c.case("transposed_batch", "linear", In(n(2, 3, 4), "t"), n(2, 4), n(2))
    c.case("wide_rows", "linear", In(n(4, 3), "wide"), In(n(2, 3), "wide"), In(n(2), "wide"))
    c.case("wide_rows_batch", "linear", In(n(2, 4, 3), "wide"), n(2, 3), n(2))
    c.case("f32_wide_rows", "linear", In(h(13, 9), "wide"), In(h(33, 9), "wide"), In(h(33), "wide"), wide=True)
    c.case("expanded_bias", "linear", n(3, 4), n(2, 4), In(n(1), "e2"))
    c.case("f32", "linear", h(7, 33), h(19, 33), h(19), wide=True)
    c.case("f32_one", "linear", h(1, 40), h(35, 40), h(35), wide=True)
    c.case("f32_no_bias", "linear", h(13, 8), h(33, 8), None, wide=True)
    return c


FAMILIES = {"reduce": reduce, "product": product}
