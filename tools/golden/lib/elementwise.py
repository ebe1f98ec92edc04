"""elementwise.py - cases of creation, casts, functions of one and of two operands, comparisons, where.

Read next: golden.py for the format, reductions.py.
"""
import itertools, math
import torch
import torch.nn.functional as F
from .golden import DTYPES, Family, In

f32, f64, f16, bf16 = torch.float32, torch.float64, torch.float16, torch.bfloat16
i64, i32, i16, i8, u8 = torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8
INF, NAN = math.inf, math.nan
SPECIAL = [0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-40, 1e30, -1e30]
MILD = [0.0, -0.0, NAN, 1.0, -1.0, 0.5, -0.5, 1e-40, 30.0, -30.0]  # where PyTorch itself has inf 0 or differs between f32 and f64

# ---- creation ----------------------------------------------------------------------------------------------------------


def create(script):
    def dtyped(f):
        return lambda dtype="f32", **a: f(dtype=DTYPES[dtype], **a)
    c = Family("create", {
        "arange": dtyped(lambda start, end, step, dtype: torch.arange(start, end, step, dtype=dtype)),
        "linspace": dtyped(lambda start, end, steps, dtype: torch.linspace(start, end, steps, dtype=dtype)),
        "logspace": dtyped(lambda start, end, steps, base, dtype: torch.logspace(start, end, steps, base=base, dtype=dtype)),
        "eye": dtyped(lambda n, m, dtype: torch.eye(n, m, dtype=dtype)),
        "full": dtyped(lambda shape, value, dtype: torch.full(shape, value, dtype=dtype)),
        "zeros": dtyped(lambda shape, dtype: torch.zeros(shape, dtype=dtype)),
        "ones": dtyped(lambda shape, dtype: torch.ones(shape, dtype=dtype)),
    }, script)
    for d in ("f32", "f64"):
        c.case(d, "arange", start=0, end=10, step=1, dtype=d)
        c.case(d + "_tenths", "arange", start=0, end=1, step=0.1, dtype=d)
        c.case(d + "_down", "arange", start=1, end=-1, step=-0.3, dtype=d)
        c.case(d, "linspace", start=-1, end=2, steps=7, dtype=d)
        c.case(d + "_down", "linspace", start=3, end=-5, steps=10, dtype=d)
        c.case(d, "logspace", start=-2, end=2, steps=5, base=10, dtype=d)
        c.case(d + "_base2", "logspace", start=0, end=8, steps=9, base=2, dtype=d)
        c.case(d, "eye", n=3, m=3, dtype=d)
    c.case("empty", "arange", start=2, end=2, step=1)
    c.case("just_over", "arange", start=0, end=3.0000001, step=1)
    for d in ("i64", "i32", "i16", "i8", "u8", "f16", "bf16"):
        c.case(d, "arange", start=1, end=12, step=3, dtype=d)
        c.case(d, "linspace", start=0, end=10, steps=5, dtype=d)
    c.case("i64_negative", "arange", start=5, end=-5, step=-3, dtype="i64")
    c.case("one", "linspace", start=4, end=9, steps=1)
    c.case("none", "linspace", start=4, end=9, steps=0)
    c.case("one", "logspace", start=2, end=9, steps=1, base=10)
    c.case("none", "logspace", start=2, end=9, steps=0, base=10)
    c.case("wide", "eye", n=2, m=5)
    c.case("tall", "eye", n=5, m=2, dtype="i64")
    c.case("empty", "eye", n=0, m=3)
    c.case("bool", "eye", n=3, m=2, dtype="bool")
    for d in DTYPES:
        c.case(d, "full", shape=[2, 3], value=1 if d == "bool" else 3, dtype=d)
        c.case(d, "zeros", shape=[3], dtype=d)
        c.case(d, "ones", shape=[1, 2], dtype=d)
    c.case("scalar", "full", shape=[], value=-0.5)
    c.case("empty", "full", shape=[0, 3], value=2.5)
    c.case("nan", "full", shape=[2], value=NAN)
    c.case("inf_f64", "full", shape=[2], value=-INF, dtype="f64")
    return c


# ---- casts ---------------------------------------------------------------------------------------------------------------


def cast(script):
    c = Family("cast", {"to": lambda x, dtype: x.to(DTYPES[dtype]), "clone": lambda x: x.clone(), "contiguous": lambda x: x.contiguous()}, script)
    small = torch.tensor([0, 1, 2, 5, 100, 127], dtype=f64)
    for a, b in itertools.product(DTYPES, DTYPES):
        x = small.clone()
        if DTYPES[a].is_floating_point:
            x[1:4] = torch.tensor([0.4, 1.5, 2.7])
            if DTYPES[b] not in (u8, torch.bool):
                x[2] = -1.5
        c.case(f"{a}_to_{b}", "to", x.to(DTYPES[a]), dtype=b, **({} if b == "f64" else {"rough": 1}))
    wide = torch.tensor([300, -1, 65535, 65536 + 7, -32769, 2**31, 2**40 + 3, -2**63, 2**63 - 1], dtype=i64)
    for b in DTYPES:
        if b != "i64":
            c.case(f"wide_i64_to_{b}", "to", wide if b not in ("f16",) else wide[:3], dtype=b)
    odd = torch.tensor([0.0, -0.0, INF, -INF, NAN, 65504.0, 65519.0, 65520.0, 2.0**-24, 2.0**-25, 1.5 * 2.0**-25, 2.0**-14, 1 + 2.0**-11,
                        1 + 3 * 2.0**-11, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 1 + 2.0**-9, 3.4e38, 1e-40, 1 / 3], dtype=f64)
    for a, b in itertools.product(("f32", "f64", "f16", "bf16"), ("f32", "f64", "f16", "bf16")):
        c.case(f"special_{a}_to_{b}", "to", odd.to(DTYPES[a]), dtype=b, grad=False, zeros=1)
    c.case("special_f32_to_bool", "to", odd.float(), dtype="bool")
    c.case("strided_f64_to_f32", "to", In(c.randn(3, 5), "t"), dtype="f32", rough=1)
    c.case("stepped_i32_to_f64", "to", In(c.ints(-9, 9, 3, 4, dtype=i32), "step"), dtype="f64")
    c.case("empty", "to", c.randn(0, 3), dtype="f16")
    c.case("scalar", "to", c.randn(), dtype="f32", rough=1)
    for layout in ("", "t", "step", "e4,3"):
        c.case("plain" + layout.replace(",", "x"), "clone", In(c.randn(3) if layout[:1] == "e" else c.randn(4, 3), layout))
        c.case("plain" + layout.replace(",", "x"), "contiguous", In(c.randn(3) if layout[:1] == "e" else c.randn(4, 3), layout))
    return c


# ---- one operand -----------------------------------------------------------------------------------------------------------

ANY, POS = "any", "pos"
UNARY = {  # oracle, domain, takes integers, takes bools, span of the wide f32 case
    "neg": (torch.neg, ANY, True, False, None), "abs": (torch.abs, ANY, True, False, None),
    "sign": (torch.sign, ANY, True, True, None), "exp": (torch.exp, ANY, True, True, (-104, 88)),
    "expm1": (torch.expm1, ANY, True, True, (-30, 88)), "log": (torch.log, POS, True, True, "log"),
    "log1p": (torch.log1p, POS, True, True, "log"), "sqrt": (torch.sqrt, POS, True, True, "log"),
    "rsqrt": (torch.rsqrt, POS, True, True, "log"), "square": (torch.square, ANY, True, False, None),
    "reciprocal": (torch.reciprocal, POS, True, True, "log18"), "sin": (torch.sin, ANY, True, True, (-100, 100)),
    "cos": (torch.cos, ANY, True, True, (-100, 100)), "erf": (torch.erf, ANY, True, True, (-6, 6)),
    "floor": (torch.floor, ANY, True, False, (-9, 9)), "ceil": (torch.ceil, ANY, True, False, (-9, 9)),
    "round": (torch.round, ANY, True, False, (-9, 9)), "logical_not": (torch.logical_not, ANY, True, True, None),
}
ACTIVATION = {
    "sigmoid": (torch.sigmoid, ANY, True, True, (-110, 110)), "tanh": (torch.tanh, ANY, True, True, (-20, 20)),
    "relu": (torch.relu, ANY, True, False, (-3, 3)), "gelu": (F.gelu, ANY, False, False, (-12, 12)),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), ANY, False, False, (-12, 12)),
    "silu": (F.silu, ANY, False, False, (-90, 90)), "softplus": (F.softplus, ANY, False, False, (-90, 90)),
}


def span(c, how):
    if how in ("log", "log18"):
        low, high = (-37, 38) if how == "log" else (-18, 18)
        return torch.logspace(low, high, 120, dtype=f64).float()
    low, high = how or (-50, 50)
    return torch.cat([torch.linspace(low, high, 120, dtype=f64), c.randn(27)]).float()


def one_operand(c, op, domain, ints, bools, how):
    x = c.pos if domain == POS else c.randn
    plain = {"rough": 1} if op in ("sign", "floor", "ceil", "round") else {}
    c.case("plain", op, x(3, 4), **plain)
    c.case("transposed", op, In(x(4, 3), "t"), **plain)
    c.case("stepped", op, In(x(2, 3), "step"), **plain)
    c.case("expanded", op, In(x(3), "e2,3"), **plain)
    c.case("scalar", op, x(), **plain)
    c.case("odd", op, x(19), **plain)
    c.case("empty", op, x(0, 4))
    special, known = (MILD, True) if op in ("gelu", "gelu_tanh", "silu") else (SPECIAL, op != "relu")
    c.case("special", op, torch.tensor(special, dtype=f64), rough=1, zeros=1, grad=known)
    c.case("special_f32", op, torch.tensor(special, dtype=f32), rough=1, zeros=1, grad=known)
    c.case("zeros", op, torch.tensor([0.0, -0.0], dtype=f64), rough=1)
    c.case("wide_f32", op, span(c, how), wide=True)
    c.case("transposed_f32", op, In(x(5, 7, dtype=f32), "t"), wide=True)
    c.case("rows_f32", op, In(x(2, 21, dtype=f32), "wide"), wide=True)
    c.case("f16", op, x(9, dtype=f16))
    c.case("bf16", op, x(9, dtype=bf16))
    if ints:
        c.case("i64", op, torch.arange(0, 6) if domain == POS else torch.arange(-3, 4))
        c.case("i32", op, torch.arange(1, 6, dtype=i32))
        c.case("i8", op, torch.arange(-3, 4, dtype=i8) if domain == ANY else torch.arange(1, 5, dtype=i8))
        c.case("u8", op, torch.tensor([0, 1, 2, 3], dtype=u8))
    if bools:
        c.case("bool", op, torch.tensor([False, True, True]))


def unary(script):
    oracles = {k: v[0] for k, v in UNARY.items()}
    oracles["clamp"] = lambda x, low, high: torch.clamp(x, None if low == -INF else low, None if high == INF else high)
    c = Family("unary", oracles, script)
    for op, (_, *rest) in UNARY.items():
        one_operand(c, op, *rest)
    tiny = torch.tensor([10.0**-k * s for k in range(1, 31, 3) for s in (1, -1)], dtype=f64)
    for op in ("expm1", "log1p", "sin", "erf"):
        c.case("tiny", op, tiny, atol=0, rtol=1e-12, rough=1)
        c.case("tiny_f32", op, tiny.float(), wide=True, atol=1e-44, rtol=2e-6)
    for name, low, high in (("both", -0.5, 0.7), ("low", 0.1, INF), ("high", -INF, 0.2), ("crossed", 1.0, -1.0)):
        c.case(name, "clamp", c.randn(3, 5), low=low, high=high)
        c.case(name + "_special", "clamp", torch.tensor(SPECIAL, dtype=f64), low=low, high=high, rough=1)
        c.case(name + "_f32", "clamp", with_nan(c.randn(37, dtype=f32), 5, 36), low=low, high=high, grad=False)
    c.case("at_bounds", "clamp", torch.tensor([-1.0, 0.0, 1.0, 2.0], dtype=f64), low=-1.0, high=1.0, rough=1)
    c.case("transposed", "clamp", In(c.randn(4, 3), "t"), low=-0.5, high=0.5)
    c.case("i64", "clamp", torch.arange(-3, 4), low=-1, high=2)
    c.case("empty", "clamp", c.randn(0, 2), low=-1, high=1)
    return c


def activation(script):
    oracles = {k: v[0] for k, v in ACTIVATION.items()}
    oracles["leaky_relu"] = lambda x, negative_slope: F.leaky_relu(x, negative_slope)
    c = Family("activation", oracles, script)
    for op, (_, *rest) in ACTIVATION.items():
        one_operand(c, op, *rest)
    tiny = torch.tensor([10.0**-k * s for k in range(1, 31, 3) for s in (1, -1)], dtype=f64)
    for op in ("tanh", "gelu", "silu"):
        c.case("tiny", op, tiny, atol=0, rtol=1e-12, rough=1)
        c.case("tiny_f32", op, tiny.float(), wide=True, atol=1e-44, rtol=2e-6)
    c.case("twenty", "softplus", torch.tensor([19.9, 20.0, 20.1, -40.0, 800.0], dtype=f64), rough=1)
    for slope in (0.01, 0.2, 0.0, -0.5, 1.0):
        c.case(f"{slope}", "leaky_relu", c.randn(3, 4), negative_slope=slope)
    c.case("transposed", "leaky_relu", In(c.randn(4, 3), "t"), negative_slope=0.01)
    c.case("special", "leaky_relu", torch.tensor(SPECIAL, dtype=f64), negative_slope=0.1, rough=1, zeros=1)
    c.case("wide_f32", "leaky_relu", c.randn(67, dtype=f32), wide=True, negative_slope=0.01)
    c.case("empty", "leaky_relu", c.randn(0, 4), negative_slope=0.01)
    return c


# ---- two operands ---------------------------------------------------------------------------------------------------------

IN_PLACE = {"add_": lambda x, y: x.add_(y), "sub_": lambda x, y: x.sub_(y), "mul_": lambda x, y: x.mul_(y), "div_": lambda x, y: x.div_(y),
            "copy_": lambda x, y: x.copy_(y)}
BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
          "maximum": torch.maximum, "minimum": torch.minimum}
COMPARE = {k: getattr(torch, k) for k in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor")}


def as_tensors(f):
    """Functions that do not take Python numbers get 0-dimensional tensors that promote like them."""
    def g(x, y):
        if isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor):
            return f(x, y)
        wrap = lambda v: v if isinstance(v, torch.Tensor) else torch.scalar_tensor(v, dtype=f32 if isinstance(v, float) else i64)
        return f(wrap(x), wrap(y))
    return g


def with_nan(x, *places):
    x[list(places)] = NAN
    return x


def shapes_of_pairs(c, op, x, **attrs):
    c.case("plain", op, x(3, 4), x(3, 4), **attrs)
    c.case("row", op, x(3, 4), x(4), **attrs)
    c.case("column", op, x(3, 4), x(3, 1), **attrs)
    c.case("both", op, x(2, 1, 4), x(3, 1), **attrs)
    c.case("leading", op, x(4), x(2, 3, 4), **attrs)
    c.case("scalar", op, x(3, 4), x(), **attrs)
    c.case("scalars", op, x(), x(), **attrs)
    c.case("transposed", op, In(x(4, 3), "t"), x(4, 3), **attrs)
    c.case("transposed_row", op, x(3), In(x(4, 3), "t"), **attrs)
    c.case("stepped", op, In(x(3, 3), "step"), In(x(3, 3), "t"), **attrs)
    c.case("expanded", op, In(x(3), "e4,3"), In(x(4, 1), "e4,3"), **attrs)
    c.case("images", op, In(x(2, 3, 2, 3), "cl"), x(3, 1, 1), **attrs)
    c.case("empty", op, x(0, 3), x(1, 3))
    c.case("empty_made", op, x(1, 3), x(0, 1))


def binary(script):
    oracles = {k: as_tensors(v) if k in ("maximum", "minimum") else v for k, v in BINARY.items()}
    c = Family("binary", oracles, script)
    special = torch.tensor([0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 0.5, 2.0, 3.0], dtype=f64)
    for op in BINARY:
        x = c.pos if op in ("div", "pow") else c.randn
        shapes_of_pairs(c, op, x)
        c.case("number", op, x(2, 3), 2.5)
        c.case("number_left", op, 2.5, x(2, 3))
        c.case("integer", op, x(2, 3), 3)
        c.case("integer_left", op, 3, x(5))
        c.case("f32_number", op, x(11, dtype=f32), 0.1)
        c.case("f32", op, x(37, dtype=f32), x(37, dtype=f32), wide=True)
        c.case("f32_row", op, x(3, 19, dtype=f32), x(19, dtype=f32), wide=True)
        c.case("f32_column", op, x(3, 19, dtype=f32), x(3, 1, dtype=f32), wide=True)
        c.case("f32_transposed", op, In(x(7, 5, dtype=f32), "t"), x(7, 5, dtype=f32), wide=True)
        c.case("f32_rows", op, In(x(2, 21, dtype=f32), "wide"), In(x(2, 21, dtype=f32), "wide"), wide=True)
        c.case("f32_nan", op, with_nan(x(37, dtype=f32), 3, 17, 36), with_nan(x(37, dtype=f32), 0, 17, 20), grad=False)
        c.case("special", op, special.reshape(-1, 1), special, rough=1, zeros=0 if op in ("maximum", "minimum") else 1)
        c.case("special_f32", op, special.float().reshape(-1, 1), special.float(), rough=1, grad=False)
        c.case("f16", op, x(5, dtype=f16), x(5, dtype=f16))
        c.case("bf16", op, x(5, dtype=bf16), x(5, dtype=bf16))
        c.case("i64", op, torch.arange(-3, 4), torch.tensor([1, 2, 3, 2, 1, 2, 3]))
        c.case("i32_i64", op, torch.arange(1, 5, dtype=i32), torch.tensor([1, 2, 3, 2]))
        c.case("u8_i8", op, torch.tensor([3, 100], dtype=u8), torch.tensor([2, 1], dtype=i8))
        c.case("i64_f32", op, torch.arange(1, 4), x(3, dtype=f32))
        c.case("f32_f64", op, x(3, dtype=f32), x(3), rtol=1e-6)
        c.case("f16_bf16", op, x(3, dtype=f16), x(3, dtype=bf16))
        c.case("f16_number", op, x(3, dtype=f16), 2.5)
        c.case("i64_number", op, torch.arange(1, 4), 2.5)
        c.case("u8_integer", op, torch.tensor([1, 2, 3], dtype=u8), 2)
        c.case("f32_scalar_f64", op, x(3, dtype=f32), x(), rtol=1e-6)
        c.case("i64_scalar_f32", op, torch.arange(1, 4), x(dtype=f32))
        c.case("u8_scalar_i64", op, torch.tensor([1, 2, 3], dtype=u8), torch.tensor(2))
        if op in ("add", "mul", "div", "maximum", "minimum"):
            c.case("bools", op, torch.tensor([False, False, True, True]), torch.tensor([False, True, False, True]))
            c.case("bool_f32", op, torch.tensor([False, True, True]), x(3, dtype=f32))
            c.case("bool_u8", op, torch.tensor([False, True, True]), torch.tensor([1, 2, 3], dtype=u8))
            c.case("bool_integer", op, torch.tensor([False, True, True]), 2)
            c.case("bool_number", op, torch.tensor([False, True, True]), 0.5)
    for a, b in itertools.product(DTYPES, DTYPES):
        c.case(f"pair_{a}_{b}", "add", torch.tensor([0, 1, 2]).to(DTYPES[a]), torch.tensor([3, 0, 4]).to(DTYPES[b]), grad=False)
    c.case("wraps_i8", "add", torch.tensor([100, -100, 127], dtype=i8), torch.tensor([100, -100, 1], dtype=i8))
    c.case("wraps_u8", "sub", torch.tensor([3, 0, 255], dtype=u8), torch.tensor([5, 1, 254], dtype=u8))
    c.case("wraps_i32", "mul", torch.tensor([2**30, -2**31], dtype=i32), torch.tensor([5, 3], dtype=i32))
    c.case("by_zero", "div", torch.tensor([1, -1, 0]), torch.tensor([0, 0, 0]))
    ties = torch.tensor([1.0, 2.0, 2.0, -1.0], dtype=f64)
    c.case("ties", "maximum", ties, torch.tensor([1.0, 2.0, 3.0, -1.0], dtype=f64), rough=1)
    c.case("ties", "minimum", ties, torch.tensor([1.0, 2.0, 3.0, -1.0], dtype=f64), rough=1)
    for p in (0.0, 1.0, 2.0, 3.0, 0.5, -1.0, -2.0, 1.7):
        c.case(f"to_{p}", "pow", c.pos(2, 3), p)
    c.case("to_2", "pow", c.randn(2, 3), 2)
    c.case("negative_base", "pow", torch.tensor([-2.0, -0.5, -1.0], dtype=f64), torch.tensor([2.0, 3.0, 0.0], dtype=f64), rough=1)
    c.case("zero_base", "pow", torch.tensor([0.0, 0.0, 0.0, 0.0], dtype=f64), torch.tensor([0.0, 1.0, 2.0, 0.5], dtype=f64), rough=1)
    c.case("ints_large", "pow", torch.tensor([3, -3, 2, 7]), torch.tensor([20, 21, 62, 0]))
    c.case("ints_to_half", "pow", torch.tensor([1, 4, 9]), 0.5)
    return c


def in_place(script):
    """The first input is written; the result is that tensor."""
    c = Family("in_place", {op: lambda x, y, f=f: f(x.clone(), y) for op, f in IN_PLACE.items()}, script)
    for op in IN_PLACE:
        x = lambda *s, dtype=f64: c.pos(*s, dtype=dtype)
        c.case("plain", op, x(3, 4), x(3, 4), grad=False)
        c.case("row", op, x(3, 4), x(4), grad=False)
        c.case("column", op, In(x(3, 4), "t"), x(3, 1), grad=False)
        c.case("stepped", op, In(x(3, 4), "step"), In(x(3, 4), "t"), grad=False)
        c.case("rows", op, In(x(3, 4), "wide"), In(x(3, 4), "step"), grad=False)
        c.case("f32", op, x(37, dtype=f32), x(37, dtype=f32), grad=False)
        c.case("f32_expanded", op, x(3, 19, dtype=f32), In(x(19, dtype=f32), "e3,19"), grad=False)
        c.case("scalar", op, x(5), x(), grad=False)
        c.case("f32_f64", op, x(5, dtype=f32), x(5), grad=False, rtol=1e-6) if op in ("copy_",) else None
        c.case("f32_i64", op, x(3, dtype=f32), torch.arange(1, 4), grad=False)
        c.case("empty", op, x(0, 3), x(3), grad=False)
        if op != "div_":
            c.case("i64", op, torch.arange(5), torch.arange(5), grad=False)
            c.case("u8_i64", op, torch.arange(5, dtype=u8), torch.tensor(2), grad=False)
        if op != "copy_":
            c.case("number", op, x(2, 3), 0.3, grad=False)
            c.case("f32_number", op, x(5, dtype=f32), 0.3, grad=False)
            c.case("f16_number", op, x(5, dtype=f16), 3, grad=False)
    return c


def compare(script):
    oracles = {k: as_tensors(v) for k, v in COMPARE.items()}
    oracles["where"] = lambda cond, x, y: torch.where(cond, x, y)
    oracles["masked_fill"] = lambda x, mask, value: x.masked_fill(mask, value)
    c = Family("compare", oracles, script)
    special = torch.tensor([0.0, -0.0, INF, -INF, NAN, 1.0, -1.0], dtype=f64)
    for op in COMPARE:
        x = lambda *s, dtype=f64: c.ints(-1, 2, *s).to(dtype)
        c.case("plain", op, x(3, 4), x(3, 4))
        c.case("both", op, x(2, 1, 4), x(3, 1))
        c.case("transposed", op, In(x(4, 3), "t"), x(4, 3))
        c.case("stepped", op, In(x(3, 3), "step"), x(3))
        c.case("number", op, x(2, 3), 1.0)
        c.case("integer_left", op, 0, x(2, 3))
        c.case("f32", op, x(37, dtype=f32), x(37, dtype=f32))
        c.case("f32_row", op, x(3, 19, dtype=f32), x(19, dtype=f32))
        c.case("special", op, special.reshape(-1, 1), special)
        c.case("i64", op, x(7, dtype=i64), x(7, dtype=i64))
        c.case("u8_i64", op, torch.tensor([0, 1, 2], dtype=u8), torch.tensor([1, 1, 1]))
        c.case("i64_half", op, torch.tensor([0, 1, 2]), 0.5)
        c.case("i64_f32", op, torch.tensor([0, 1, 2]), torch.tensor([0.5, 1.0, -1.0]))
        c.case("bools", op, torch.tensor([False, False, True, True]), torch.tensor([False, True, False, True]))
        c.case("f16_f64", op, x(5, dtype=f16), x(5))
        c.case("empty", op, x(0, 3), x(3))
    large = torch.tensor([2**62 + 1, 2**53 + 1])
    for op in COMPARE:
        c.case("f32_nan", op, with_nan(c.randn(37, dtype=f32), 3, 17, 36), with_nan(c.randn(37, dtype=f32), 0, 17, 20))
        c.case("f32_rows", op, In(c.randn(2, 21, dtype=f32), "wide"), In(c.randn(2, 21, dtype=f32), "wide"))
    c.case("i64_large", "eq", large, torch.tensor([2**62, 2**53]))
    c.case("i64_large", "gt", large, torch.tensor([2**62, 2**53]))
    b = c.bools
    c.case("plain", "where", b(3, 4), c.randn(3, 4), c.randn(3, 4))
    c.case("broadcast", "where", b(3, 1), c.randn(4), c.randn(2, 1, 1))
    c.case("transposed", "where", In(b(4, 3), "t"), c.randn(4, 3), In(c.randn(4, 3), "t"))
    c.case("stepped", "where", In(b(3, 2), "step"), In(c.randn(3, 2), "step"), c.randn())
    c.case("number", "where", b(5), c.randn(5), 0.5)
    c.case("integer_left", "where", b(5), 1, c.randn(5))
    c.case("numbers", "where", b(5), 1.5, 0.5)
    c.case("integers", "where", b(5), 1, 0)
    c.case("mixed_numbers", "where", b(5), 1, 0.5)
    c.case("i64_number", "where", b(3), torch.tensor([1, 2, 3]), 0.5)
    c.case("f32", "where", b(37), c.randn(37, dtype=f32), c.randn(37, dtype=f32))
    c.case("f32_f64", "where", b(5), c.randn(5, dtype=f32), c.randn(5))
    c.case("i64_f32", "where", b(5), torch.arange(5), c.randn(5, dtype=f32))
    c.case("f16", "where", b(5), c.randn(5, dtype=f16), c.randn(5, dtype=f16))
    c.case("bools", "where", b(5), b(5), b(5))
    c.case("empty", "where", b(0, 3), c.randn(3), c.randn())
    c.case("nan_unchosen", "where", torch.tensor([True, False]), torch.tensor([1.0, NAN], dtype=f64), torch.tensor([NAN, 2.0], dtype=f64), rough=1)
    for d, value in (("f64", -INF), ("f64", 0.5), ("f32", 0), ("i64", 7), ("u8", 3), ("f16", 0.5), ("bool", 1)):
        x = c.ints(0, 2, 3, 4).to(DTYPES[d]) if not DTYPES[d].is_floating_point else c.randn(3, 4, dtype=DTYPES[d])
        c.case(f"{d}_{value}", "masked_fill", x, b(3, 4), value=value, **({"rough": 1} if value == -INF else {}))
    c.case("row", "masked_fill", c.randn(3, 4), b(4), value=1.0)
    c.case("transposed", "masked_fill", In(c.randn(4, 3), "t"), b(4, 1), value=1.0)
    c.case("empty", "masked_fill", c.randn(0, 4), b(4), value=1.0)
    return c


FAMILIES = {"create": create, "cast": cast, "unary": unary, "activation": activation, "binary": binary, "in_place": in_place, "compare": compare}
