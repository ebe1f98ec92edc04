"""_methods.py - methods of a tensor made from the table of operations; _methods.pyi lists them."""
from . import _table

OPS = _table.read()


class OpMethods:
    __slots__ = ()


class _Later:
    """Makes the method when it is first asked for, and puts it in its own place: hundreds at once would cost a tenth of a second."""

    def __init__(self, name, make):
        self.name, self.make = name, make

    def __get__(self, tensor, owner):
        made = self.make()
        setattr(OpMethods, self.name, made)
        return made if tensor is None else made.__get__(tensor, owner)


def fill(function):
    """Puts the operations into the class: x.exp() is ops.exp(x), x.exp_() works in x's memory."""
    for op in OPS:
        if op.is_method():
            make = (lambda op=op: _table.function(op, __name__, method=True)) if op.takes_sizes() else lambda op=op: function(op.name)
            setattr(OpMethods, op.name, _Later(op.name, make))
            if _table.has_in_place(op):
                in_place = lambda op=op: _table.function(op, __name__, in_place=True)  # noqa: E731
                setattr(OpMethods, op.name + "_", _Later(op.name + "_", in_place))
