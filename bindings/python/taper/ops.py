"""ops - every operation of the library as a function: taper.ops.softmax(x, dim=1).

Made from the library's own table, each when it is first asked for; `help(taper.ops.softmax)` and `taper op softmax --help` say what
each does, ops.pyi lists them with their types.  taper.functional is another name of this module.
"""
from . import _methods, _table
from ._tensor import Tensor, fill_operators, is_operand, operand

_ops = {op.name: op for op in _methods.OPS}
_table.running.use(Tensor, operand, is_operand)
fill_operators(_ops)
from . import _create  # noqa: E402  new tensors are written by hand, and are here too

globals().update({name: getattr(_create, name) for name in _create.__all__ if "rng" not in name and name != "manual_seed"})
__all__ = [name for name in _ops if not name.startswith("_")] + ["empty", "empty_like", "rand_like", "randn_like"]


def __getattr__(name):  # type: ignore[no-untyped-def]
    if name not in _ops:
        raise AttributeError(f"there is no operation '{name}'")
    made = globals()[name] = _table.function(_ops[name], __name__)
    return made


def __dir__():  # type: ignore[no-untyped-def]
    return sorted({*globals(), *_ops})


_methods.fill(__getattr__)
_raw = {name: _table.function(_ops[name], __name__) for name in ("repeat_interleave", "tensordot")}


def repeat_interleave(x, repeats, dim=None):  # type: ignore[no-untyped-def]
    """y = each slice of x along dim repeated: one number for all, or one for each."""
    each, n = (None, repeats) if isinstance(repeats, int) else (repeats, None)
    return _raw["repeat_interleave"](x, each, n, dim)


def tensordot(x, y, dims=2):  # type: ignore[no-untyped-def]
    """z = sum over the last dims of x and the first of y, or over two lists of dims."""
    if isinstance(dims, int):
        return _raw["tensordot"](x, y, dims)
    of_x, of_y = ([d] if isinstance(d, int) else list(d) for d in dims)
    return _raw["tensordot"](x, y, _table.NO_DIM, of_x, of_y)


setattr(Tensor, "repeat_interleave", repeat_interleave)
