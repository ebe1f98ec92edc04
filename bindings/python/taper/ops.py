"""ops - every operation of the library as a function: taper.ops.softmax(x, dim=1).

Made from the library's own table when the package is imported; `help(taper.ops.softmax)` and `taper op softmax --help` say what each
does, ops.pyi lists them with their types.  taper.functional is another name of this module.
"""
from . import _methods, _table
from ._tensor import Tensor, fill_operators, is_operand, operand

_table.running.use(Tensor, operand, is_operand)
_made = {op.name: _table.function(op, __name__) for op in _methods.OPS}
_methods.fill(_made)
fill_operators({op.name: op for op in _methods.OPS})
from . import _create  # noqa: E402  new tensors are written by hand, and are here too

globals().update({name: getattr(_create, name, f) for name, f in _made.items() if not name.startswith("_")})
__all__ = [name for name in _made if not name.startswith("_")] + ["empty", "empty_like", "rand_like", "randn_like"]
globals().update({name: getattr(_create, name) for name in __all__[-4:]})


def repeat_interleave(x, repeats, dim=None):  # type: ignore[no-untyped-def]
    """y = each slice of x along dim repeated: one number for all, or one for each."""
    each, n = (None, repeats) if isinstance(repeats, int) else (repeats, None)
    return _made["repeat_interleave"](x, each, n, dim)


def tensordot(x, y, dims=2):  # type: ignore[no-untyped-def]
    """z = sum over the last dims of x and the first of y, or over two lists of dims."""
    if isinstance(dims, int):
        return _made["tensordot"](x, y, dims)
    of_x, of_y = ([d] if isinstance(d, int) else list(d) for d in dims)
    return _made["tensordot"](x, y, _table.NO_DIM, of_x, of_y)


setattr(Tensor, "repeat_interleave", repeat_interleave)
