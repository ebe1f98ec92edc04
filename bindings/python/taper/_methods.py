"""_methods.py - methods of a tensor made from the table of operations; _methods.pyi lists them."""
from . import _table

OPS = _table.read()


class OpMethods:
    __slots__ = ()


def fill(functions: "dict[str, object]") -> None:
    """Puts the operations into the class: x.exp() is ops.exp(x), x.exp_() works in x's memory."""
    for op in OPS:
        if op.is_method():
            own = op.takes_sizes()
            setattr(OpMethods, op.name, _table.function(op, __name__, method=True) if own else functions[op.name])
            if _table.has_in_place(op):
                setattr(OpMethods, op.name + "_", _table.function(op, __name__, in_place=True))
