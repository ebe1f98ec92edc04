"""_table.py - the library's table of operations, and Python functions made from its rows.

A row says name, inputs, attributes with types and defaults, and what is computed (tp_op in taper/autograd.h).  From it follow here the
function's text, its help and its hints (tools/stubs.py), so that an operation added in C is there in Python with no line written.
The order of arguments is PyTorch's: what must be given first, and inputs before attributes.
"""
import ctypes as c
import itertools
import math
import struct
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from . import _abi
from ._c import Error, check, fail, lib, retain, scope
from ._c import struct as c_struct
from ._c import text
from ._dtype import BY_CODE, as_dtype

CONSTANTS = _abi.CONSTANTS
KINDS = {value: name[8:] for name, value in CONSTANTS.items() if name.startswith("TP_ATTR_")}
NO_DIM = CONSTANTS["TP_NO_DIM"]

# What the table cannot say, because it is Python's or PyTorch's habit: dim stands before the index; tensors come one by one;
# an answer is a bool.
DIM_SECOND = {"gather", "index_select", "scatter", "scatter_add", "scatter_reduce", "index_add", "index_copy", "index_fill"}
ONE_BY_ONE = {"einsum", "meshgrid", "broadcast_tensors", "cartesian_prod", "block_diag"}
GIVES_BOOL = {"equal", "allclose"}
BY_VALUE_AND_INDEX = {"max", "min", "sort", "topk", "kthvalue", "median", "nanmedian", "mode", "cummax", "cummin"}
NO_METHODS = {"Creation", "Convolution and pooling", "Normalisation", "Attention", "Losses", "Recurrent layers",
              "Parts of some of the above", "Gradients of some of the above, operations of their own"}
FUNCTIONS_ONLY = {"where", "embedding", "index", "index_put", "copy", "to", "pad_sequence", "rand", "randn", "uniform", "normal",
                  "exponential", "randint", "randperm", "linear", "linear_relu", "bilinear", "tensordot", "repeat_interleave"}


class Attr(NamedTuple):
    name: str
    kind: str
    offset: int
    default: float  # NaN: it must be given
    words: str
    arg: str  # the Python argument

    @property
    def required(self) -> bool:
        return math.isnan(self.default)


class Param(NamedTuple):
    """One argument of the Python function."""
    name: str
    attr: Optional[Attr]  # None: an input
    required: bool
    many: bool


class Op:
    """One row."""

    def __init__(self, address: int, family: str) -> None:
        row = c.cast(address, c.POINTER(c_struct("tp_op"))).contents
        self.address, self.family = address, family
        self.name, self.formula, self.note = text(row.name), text(row.formula), text(row.note)
        self.inputs = [w.rstrip("?.") for w in text(row.inputs).split()]
        self.optional = [w.endswith("?") for w in text(row.inputs).split()]
        self.many = text(row.inputs).endswith("...")
        self.n_out, self.is_view, self.differentiable = row.n_out, row.is_view, not row.not_differentiable
        self.attrs = self.read_attrs(row.attrs, self.inputs)
        self.defaults = self.read_defaults(row.attrs_size, bool(row.compose))
        self.is_seeded = {"seed", "stream"} <= {a.arg for a in self.attrs}
        self.cache: Dict[Any, bytes] = {}

    @staticmethod
    def read_attrs(at: Optional[int], inputs: List[str]) -> List[Attr]:
        kind, result = c_struct("tp_attr"), []
        while at:
            a = c.cast(at, c.POINTER(kind)).contents
            if not a.name:
                break
            name = text(a.name)
            result.append(Attr(name, KINDS[a.type], a.offset, a.otherwise, text(a.words), name.rpartition(".")[2] + "_" * (name in inputs)))
            at += c.sizeof(kind)
        return result

    def read_defaults(self, size: int, composed: bool) -> Optional[bytes]:
        if not size and not composed:  # what is made of others may look at a struct that the table is silent about
            return None
        room = c.create_string_buffer(max(size, 256))
        lib.tp_op_defaults(self.address, room)
        return room.raw

    @property
    def given(self) -> List[Attr]:
        """Attributes that are arguments: of a seed and its stream the seed alone."""
        return [a for a in self.attrs if not (self.is_seeded and a.arg == "stream")]

    def params(self) -> List[Param]:
        inputs = [Param(n, None, not o, self.many and i == len(self.inputs) - 1)
                  for i, (n, o) in enumerate(zip(self.inputs, self.optional))]
        attrs = [Param(a.arg, a, a.required, False) for a in self.given]
        must, may = [p for p in attrs if p.required], [p for p in attrs if not p.required]
        first = [p for p in inputs if p.required]
        if self.name in DIM_SECOND or (must and must[0].attr and must[0].attr.kind == "TEXT"):
            first.insert(self.name in DIM_SECOND, must.pop(0))
        return first + must + [p for p in inputs if not p.required] + may

    def takes_sizes(self) -> bool:
        """x.reshape(2, 3): its only attribute is a list."""
        return len(self.attrs) == 1 and self.attrs[0].kind == "DIMS" and self.attrs[0].name != "dim"

    def is_method(self) -> bool:
        return bool(self.inputs) and not self.optional[0] and not self.many and self.family not in NO_METHODS \
            and self.name not in FUNCTIONS_ONLY

    def gives(self) -> str:
        """Of the result: "one" tensor, a "bool", a "tuple", a "pair" (values, indices), or one tensor or a tuple ("some")."""
        if self.name in GIVES_BOOL:
            return "bool"
        if self.n_out in (0, 1):
            return "one"
        if self.name in BY_VALUE_AND_INDEX:
            return "some pair" if self.n_out < 0 else "pair"
        return "some" if self.n_out < 0 and any(a.name.startswith(("keepdim", "return_")) for a in self.attrs) else "tuple"


def default_of(a: Attr) -> str:
    """An attribute's default as Python writes it; None where only the library knows."""
    x = a.default
    if a.arg in ("seed", "precise"):
        return "None"
    if a.kind == "BOOL":
        return str(x != 0)
    if a.kind == "WORD":
        return '"' + a.words.split(" ")[int(x)] + '"'
    if a.kind == "DTYPE":
        return "None" if x < 0 else f'"{BY_CODE[int(x)].name}"'
    if a.kind == "TEXT":
        return f'"{a.words}"'
    if a.kind == "DIMS" and x == 0 or x == NO_DIM or x >= 2**62 or math.isinf(x):
        return "None"
    return f"{x:.10g}" if a.kind == "F64" else str(int(x))


def read() -> List[Op]:
    return [Op(lib.tp_op_at(i), text(lib.tp_op_family(i))) for i in range(lib.tp_op_count())]


# ---- Attributes ----------------------------------------------------------------------------------------------------

_FORMATS = {"I64": "q", "U64": "Q", "F64": "d", "BOOL": "?", "DTYPE": "i", "WORD": "i", "PAIR": "qq"}
_texts: Dict[str, Any] = {}  # alive for ever, as an operation may keep them


def _is_list(value: Any) -> bool:
    return isinstance(value, (tuple, list))


def _values(a: Attr, value: Any) -> Tuple[Any, ...]:
    """What struct.pack takes of a value; raises for what does not fit."""
    if a.kind == "DTYPE":
        return (as_dtype(value).code,)
    if a.kind == "WORD":
        return (a.words.split(" ").index(value),)
    if a.kind == "PAIR":
        pair = tuple(value) if _is_list(value) else (value, value)
        return pair * 2 if len(pair) == 1 else pair
    if a.kind == "F64":
        return (float(value),)
    return (value,)


def _put(op: Op, room: bytearray, a: Attr, value: Any) -> None:
    if a.kind == "TEXT":
        kept = _texts.setdefault(value, c.create_string_buffer(value.encode()))
        struct.pack_into("P", room, a.offset, c.addressof(kept))
        return
    try:
        if a.kind == "DIMS":
            dims = tuple(value) if _is_list(value) else (value,)
            struct.pack_into(f"i4x{CONSTANTS['TP_MAX_DIMS']}q", room, a.offset, len(dims), *dims,
                             *(0,) * (CONSTANTS["TP_MAX_DIMS"] - len(dims)))
        else:
            struct.pack_into(_FORMATS[a.kind], room, a.offset, *_values(a, value))
    except Error:
        raise
    except (struct.error, ValueError, TypeError):  # the library has the words for it
        spelled = ",".join(map(str, value)) if _is_list(value) else str(value)
        into = (c.c_char * len(room)).from_buffer(room)
        check(lib.tp_op_set(op.address, into, a.name.encode(), spelled.encode()))


def attributes(op: Op, key: Tuple[Any, ...]) -> bytes:
    """The op's struct for these values, in the order of op.given.  None is the default."""
    room = bytearray(op.defaults or b"")
    for a, value in zip(op.given, key):
        if value is not None and a.arg != "seed":
            _put(op, room, a, value)
        elif a.required:
            raise TypeError(f"{op.name}: {a.name} must be given, not None")
        elif a.name == "precise":  # as set_precise says
            _put(op, room, a, lib.tp_precise())
    if op.is_seeded:
        _draw(op, room, key)
    elif len(op.cache) < 1024 and not any(a.name == "precise" or a.kind == "F64" and v == 0 for a, v in zip(op.given, key)):
        try:
            op.cache[key] = bytes(room)
        except TypeError:  # a list
            pass
    return bytes(room)


def _draw(op: Op, room: bytearray, key: Tuple[Any, ...]) -> None:
    """The thread's next stream, as a C call would take it; or the first of the seed that is given."""
    state = lib.tp_rng_state()
    seed, stream = next((v for a, v in zip(op.given, key) if a.arg == "seed"), None), 0
    if seed is None:
        seed, stream = state.seed, state.stream
        state.stream += 1
        lib.tp_set_rng_state(state)
    for a in op.attrs:
        if a.arg in ("seed", "stream"):
            _put(op, room, a, seed if a.arg == "seed" else stream)


# ---- Functions -----------------------------------------------------------------------------------------------------


_Parts = c.c_void_p * CONSTANTS["TP_MAX_PARTS"]


class ValuesIndices(NamedTuple):
    values: Any
    indices: Any


class Running:
    """What the made functions call; the tensor class is put in when there is one."""

    def __init__(self) -> None:
        self.names: Dict[str, Any] = {"fail": fail, "attributes": attributes, "several": self.several, "flat": self.flat,
                                      "pack": struct.pack}
        for n in range(1, CONSTANTS["TP_MAX_INPUTS"] + 1):
            self.names[f"pack{n}"] = struct.Struct("P" * n).pack
        for name in ("tp_apply_retained", "tp_apply_"):
            function = getattr(lib, name)
            function.argtypes = [c.c_void_p, c.c_char_p, c.c_int, c.c_char_p]
            self.names[name] = function
        lib.tp_apply_n.argtypes = [c.c_void_p, c.c_char_p, c.c_int, c.c_char_p, c.c_void_p]

    def use(self, tensor: Any, operand: Callable[[Any], Any], is_operand: Callable[[Any], bool]) -> None:
        self.names.update(T=tensor, new=tensor.__new__, operand=operand, is_operand=is_operand)

    def several(self, address: int, inputs: bytes, n: int, attrs: Optional[bytes], kind: str) -> Any:
        out = _Parts()
        with scope():
            if lib.tp_apply_n(address, inputs, n, attrs, out):
                fail()
            made = [self.wrap(retain(p)) for p in itertools.takewhile(bool, out)]
        if len(made) == 1 and kind.startswith("some"):
            return made[0]
        return ValuesIndices(*made) if kind.endswith("pair") else tuple(made)

    def wrap(self, p: int) -> Any:
        t = self.names["new"](self.names["T"])
        t._p = p
        return t

    def flat(self, tensors: Any) -> List[Any]:
        """The tensors of f(x, y), f([x, y]) or f((x, y))."""
        if len(tensors) == 1 and _is_list(tensors[0]):
            tensors = tensors[0]
        operand = self.names["operand"]
        return [operand(x) for x in tensors]


running = Running()


def _default_here(p: Param) -> str:
    """0.0 and -0.0 are one key of the cache, so a number that is 0 by default is not written out."""
    word = default_of(p.attr) if p.attr else "None"
    return "None" if word == "0" and p.attr and p.attr.kind == "F64" else word


def _signature(params: List[Param], op: Op, sizes: bool) -> str:
    words = []
    for p in params:
        if p.many and op.name in ONE_BY_ONE or sizes and p.attr is not None:
            words.append("*" + p.name)
        else:
            words.append(p.name if p.required else f"{p.name}={_default_here(p)}")
    return ", ".join(words)


def help_of(op: Op) -> str:
    lines = [op.formula + "."]
    lines += ["No gradient."] if not op.differentiable else []
    lines += [f"Not as in PyTorch: {op.note}."] if op.note else []
    return "  ".join(lines)


def source(op: Op, in_place: bool = False, method: bool = False, operator: bool = False) -> str:
    """The text of an operation's function.  An operator's says NotImplemented of what is no operand, as Python wants it."""
    # its own names begin with _: an attribute may be called n
    params, name = op.params(), op.name + ("_" if in_place else "")
    sizes = method and op.takes_sizes()
    lines = [f"def {name}({_signature(params, op, sizes)}):", f"    {help_of(op)!r}"]
    if op.many:
        variadic = op.name in ONE_BY_ONE
        lines += [f"    _xs = flat({op.inputs[-1] if variadic else '(list(' + op.inputs[-1] + '),)'})",
                  "    _n, _in = len(_xs), pack(f'{len(_xs)}P', *[_x._p for _x in _xs])"]
    else:
        for n, optional in zip(op.inputs, op.optional):
            lines.append(f"    if type({n}) is not T{f' and {n} is not None' if optional else ''}: {n} = operand({n})")
            if operator:
                lines[-1] = f"    if type({n}) is not T:\n        if not is_operand({n}): return NotImplemented\n        {n} = operand({n})"
        words = [f"(0 if {n} is None else {n}._p)" if o else f"{n}._p" for n, o in zip(op.inputs, op.optional)]
        lines.append(f"    _n, _in = {len(words)}, " + (f"pack{len(words)}({', '.join(words)})" if words else "b''"))
    names = [a.arg for a in op.given]
    if not op.attrs:
        lines.append("    _attrs = DEFAULTS")
    else:
        if sizes:
            lines.append(f"    if len({names[0]}) == 1 and not isinstance({names[0]}[0], int): {names[0]} = tuple({names[0]}[0])")
        key = "(" + ", ".join(names) + ",)"
        lines += [f"    _key = {key}", "    try: _attrs = cache[_key]", "    except (KeyError, TypeError): _attrs = attributes(OP, _key)"]
    gives = op.gives()
    if in_place:
        lines += ["    if not tp_apply_(ADDRESS, _in, _n, _attrs): fail()", f"    return {op.inputs[0]}"]
    elif gives in ("one", "bool"):
        lines += ["    _p = tp_apply_retained(ADDRESS, _in, _n, _attrs)", "    if not _p: fail()",
                  "    _t = new(T)", "    _t._p = _p", "    return _t" if gives == "one" else "    return _t.item()"]
    else:
        lines.append(f"    return several(ADDRESS, _in, _n, _attrs, {gives!r})")
    return "\n".join(lines).replace("ADDRESS", str(op.address)) + "\n"


def function(op: Op, module: str, in_place: bool = False, method: bool = False, operator: bool = False) -> Callable[..., Any]:
    space = dict(running.names, OP=op, DEFAULTS=op.defaults, cache=op.cache, __name__=module)
    exec(compile(source(op, in_place, method, operator), f"<taper op {op.name}>", "exec"), space)
    made = space[op.name + ("_" if in_place else "")]
    return made  # type: ignore[no-any-return]


def has_in_place(op: Op) -> bool:
    return op.is_method() and op.n_out in (0, 1) and not op.is_view and not op.is_seeded and lib.has(f"tp_{op.name}_")
