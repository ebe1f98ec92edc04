#!/usr/bin/env python3
"""stubs.py - type hints of what Python makes at run time: taper/ops.pyi, _methods.pyi, _layers.pyi.

    python3 bindings/python/tools/stubs.py            writes them again
    python3 bindings/python/tools/stubs.py --check    says whether they are current (exit status 1: they are not)

They come from the library that is found (TAPER_LIBRARY, build/): its table of operations, and the headers' layers.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.join(HERE, "..", "taper")
sys.path.insert(0, os.path.dirname(PACKAGE))

from taper import _create, _layers, _methods, _table, ops as ops_module  # noqa: E402

HEAD = '"""Made by tools/stubs.py from the tables that are in the library.  Do not edit."""\n'
HINTS = {"I64": "int", "U64": "int", "F64": "float", "BOOL": "bool", "DIMS": "Ints", "PAIR": "Ints", "DTYPE": "DType", "TEXT": "str"}
RESULTS = {"one": "Tensor", "bool": "bool", "pair": "ValuesIndices", "tuple": "Tuple[Tensor, ...]", "some": "Any", "some pair": "Any"}
TYPES = """from typing import Any, Literal, Optional, Sequence, Tuple, Union

from ._dtype import dtype
from ._table import ValuesIndices
from ._tensor import Tensor, TensorLike

Ints = Union[int, Sequence[int]]
DType = Union[dtype, str, type]
"""
OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift")
WRITTEN_OUT = {"repeat_interleave": ["x: TensorLike", "repeats: Union[int, TensorLike]", "dim: Optional[int] = None"],
               "tensordot": ["x: TensorLike", "y: TensorLike", "dims: Union[int, Sequence[Ints]] = 2"]}


def quoted(word):
    return f'"{word}"'


def argument(op, p, sizes):
    if p.attr is None:
        if p.many:
            return f"*{p.name}: Any" if op.name in _table.ONE_BY_ONE else f"{p.name}: Sequence[TensorLike]"
        return f"{p.name}: TensorLike" if p.required else f"{p.name}: Optional[TensorLike] = None"
    hint = "Literal[" + ", ".join(quoted(w) for w in p.attr.words.split(" ")) + "]" if p.attr.kind == "WORD" else HINTS[p.attr.kind]
    if sizes:
        return f"*{p.name}: Ints"
    return f"{p.name}: {hint}" if p.required else f"{p.name}: Optional[{hint}] = {_table.default_of(p.attr)}"


def signature(op, method=False, in_place=False):
    sizes = method and op.takes_sizes()
    words = WRITTEN_OUT.get(op.name) or [argument(op, p, sizes) for p in op.params()]
    if method:
        words[0] = "self"
    result = "Tensor" if in_place else RESULTS[op.gives()]
    return f"def {op.name}{'_' * in_place}({', '.join(words)}) -> {result}: ..."


def ops():
    public = [op for op in _methods.OPS if op.name in ops_module.__all__ and op.name not in _create.__all__]
    created = [name for name in ops_module.__all__ if name in _create.__all__]
    lines = [HEAD + TYPES + "".join(f"from ._create import {name} as {name}\n" for name in created)]
    for op in public:
        lines.append(signature(op))
        lines.append(f"#   {_table.help_of(op)}")
    lines.append("\n__all__ = [")
    return "\n".join(lines + [f'    "{name}",' for name in ops_module.__all__] + ["]", ""])


def methods():
    lines = [HEAD + TYPES.replace("from ._table import ValuesIndices", "from ._table import Op, ValuesIndices"),
             "OPS: list[Op]\n", "class OpMethods:"]
    for word in OPERATORS:
        lines.append(f"    def __{word}__(self, other: TensorLike) -> Tensor: ...")
        lines.append(f"    def __r{word}__(self, other: TensorLike) -> Tensor: ...")
        lines.append(f"    def __i{word}__(self, other: TensorLike) -> Tensor: ...")
    for word in ("eq", "ne"):
        lines.append(f"    def __{word}__(self, other: TensorLike) -> Tensor: ...  # type: ignore[override]")
    for word in ("lt", "le", "gt", "ge"):
        lines.append(f"    def __{word}__(self, other: TensorLike) -> Tensor: ...")
    for op in _methods.OPS:
        if op.is_method() or op.name == "repeat_interleave":
            lines.append("    " + signature(op, method=True))
            if _table.has_in_place(op):
                lines.append("    " + signature(op, method=True, in_place=True))
    lines += ["", "def fill(function: Any) -> None: ...", ""]
    return "\n".join(lines)


def layers():
    kinds = {"q": "int", "i": "int", "d": "float", "b": "bool", "s": "str", "*tp_shape": "Ints"}
    lines = [HEAD + "from typing import Any, Dict, List, Optional, Sequence, Tuple, Union\n\n"
             "from ._module import Layer\nfrom ._tensor import Tensor\n\n"
             "Ints = Union[int, Sequence[int]]\nCLASSES: Dict[str, type]\n"]
    for spec in _layers.SPECS:
        words = []
        for name, kind in spec.arguments:
            hint = "Ints" if name == "kernel_size" else kinds.get(kind, "Any")
            words.append(f"{name}: {hint}" + (f" = {_layers.POSITIONAL_DEFAULTS[name]}" if name in _layers.POSITIONAL_DEFAULTS else ""))
        for o in spec.options:
            words.append(f"{o.name}: Optional[{'Ints' if o.pair else kinds.get(o.kind, 'Any')}] = None")
        lines.append(f"class {spec.name}(Layer):\n    def __init__(self{''.join(', ' + w for w in words)}) -> None: ...")
        if spec.name[:3] in ("RNN", "LST", "GRU"):
            lines.append("    def forward(self, x: Tensor, hx: Any = None, lengths: Optional[Tensor] = None) -> Any: ...")
    lines.append("\n__all__ = [")
    return "\n".join(lines + [f'    "{name}",' for name in _layers.CLASSES] + ["]", ""])


def main():
    stale = []
    for name, text in (("ops.pyi", ops()), ("_methods.pyi", methods()), ("_layers.pyi", layers())):
        path = os.path.join(PACKAGE, name)
        if "--check" in sys.argv[1:]:
            with open(path, encoding="utf-8") as f:
                stale += [name] if f.read() != text else []
        else:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
    if stale:
        print(f"bindings/python/taper: {', '.join(stale)} differ from the library; `make python` makes them again")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
