"""_tensor.py - the tensor: PyTorch's, over the library's.

Operations come from the table (_methods.py); here stands what is Python's: operators, indices, numbers and lists, NumPy, DLPack.
"""
import array
import ctypes as c
import itertools
import struct
import weakref
from functools import lru_cache
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from . import _table
from ._c import IndexOutOfRange, Object, ShapeError, carry, check, done, fail, lib, made, retain, scope, shape
from ._c import callback as c_callback
from ._c import struct as c_struct
from ._c import text
from ._dtype import BY_CODE, as_dtype, bool_, device, dtype, float32, float64, int64
from ._methods import OpMethods

Size = Tuple[int, ...]
_copied = lib.tp_tensor_copied
_BackwardOptions = c_struct("tp_backward_options")
_FormatOptions = c_struct("tp_format_options")
_format = _FormatOptions(c.sizeof(_FormatOptions))


def set_printoptions(precision: Optional[int] = None, threshold: Optional[int] = None, edgeitems: Optional[int] = None,
                     linewidth: Optional[int] = None, sci_mode: Optional[bool] = None) -> None:
    """How tensors are printed, as torch.set_printoptions; None: as it is."""
    for name, value in (("precision", precision), ("threshold", threshold), ("edgeitems", edgeitems), ("linewidth", linewidth)):
        if value is not None:
            setattr(_format, name, value or -1)
    if sci_mode is not None:
        _format.sci_mode = 1 if sci_mode else 2


class Tensor(Object, OpMethods):
    """Numbers of one type in a shape, with history for gradients.  tensor(), zeros(), rand() ... make one."""
    __slots__ = ()
    __array_priority__ = 1000  # array + tensor is ours
    __hash__ = object.__hash__

    # ---- what it is

    @property
    def shape(self) -> Size:
        s = lib.tp_shape_of(self._p)
        return tuple(s.dim[:s.ndim])

    def size(self, dim: Optional[int] = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    @property
    def ndim(self) -> int:
        return int(lib.tp_ndim(self._p))

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> int:
        return int(lib.tp_numel(self._p))

    @property
    def dtype(self) -> dtype:
        return BY_CODE[int(lib.tp_dtype_of(self._p))]

    @property
    def device(self) -> device:
        return device(text(lib.tp_device_of(self._p)))

    def stride(self, dim: Optional[int] = None) -> Any:
        """In elements."""
        return tuple(lib.tp_stride(self._p, i) for i in range(self.ndim)) if dim is None else lib.tp_stride(self._p, dim)

    def storage_offset(self) -> int:
        return int(lib.tp_storage_offset(self._p))

    def data_ptr(self) -> int:
        return int(lib.tp_data(self._p) or 0)

    def element_size(self) -> int:
        return self.dtype.itemsize

    def is_contiguous(self) -> bool:
        return bool(lib.tp_is_contiguous(self._p))

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a tensor without dims has no length")
        return self.shape[0]

    def __iter__(self) -> "Iterator[Tensor]":
        return iter(self.unbind(0))

    def __repr__(self) -> str:
        with scope():
            plain = lib.tp_detach(self._p) if self.requires_grad else self._p
            room = lib.tp_format_opt(plain, None, 0, c.byref(_format))
            written = c.create_string_buffer(room + 1)
            lib.tp_format_opt(plain, written, room + 1, c.byref(_format))
            check()
        words = text(written.value)
        if self.requires_grad and words.endswith(")"):
            words = words[:-1] + (f", grad_fn=<{self.grad_fn}>)" if self.grad_fn else ", requires_grad=True)")
        return words

    # ---- its numbers

    def item(self) -> Any:
        kind = self.dtype
        value = lib.tp_item(self._p) if kind.is_floating_point else lib.tp_item_i64(self._p)
        check(lib.tp_error_pending())
        return bool(value) if kind is bool_ else value

    def tolist(self) -> Any:
        n, kind = self.numel(), self.dtype
        flat = ((c.c_double if kind.is_floating_point else c.c_int64) * n)()
        done(lib.tp_to_f64 if kind.is_floating_point else lib.tp_to_i64, self._p, flat, n)
        values: List[Any] = [bool(v) for v in flat] if kind is bool_ else list(flat)
        return _nested(values, self.shape)

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise ShapeError(f"whether a tensor of shape {self.shape} is true is not clear: any() or all()")
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.is_floating_point:
            raise TypeError(f"an index is an integer, not {self.dtype.name}")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and not self.ndim else repr(self)

    # ---- NumPy and DLPack: the same memory

    def numpy(self) -> Any:
        """A NumPy array over the same memory, which lives as long as either."""
        import numpy
        if self.requires_grad:
            raise ShapeError("a tensor that requires a gradient does not become an array: x.detach().numpy()")
        return numpy.asarray(_Memory(self))

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Any:
        a = self.numpy()
        return a.copy() if copy and (dtype is None or a.dtype == dtype) else a if dtype is None else a.astype(dtype, copy=bool(copy))

    def __dlpack_device__(self) -> Tuple[int, int]:
        return (1, 0)

    def __dlpack__(self, *, stream: Any = None, max_version: Optional[Tuple[int, int]] = None, dl_device: Any = None,
                   copy: Optional[bool] = None) -> Any:
        t = self.clone() if copy else self
        if max_version is not None and max_version[0] >= 1:
            return _capsule_new(made_raw(lib.tp_to_dlpack, t), b"dltensor_versioned", _undo_versioned)
        return _capsule_new(made_raw(lib.tp_to_dlpack_legacy, t), b"dltensor", _undo_legacy)

    # ---- gradients

    @property
    def requires_grad(self) -> bool:
        return bool(lib.tp_requires_grad(self._p))

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        self.requires_grad_(on)

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        done(lib.tp_requires_grad_, self._p, requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        return bool(lib.tp_is_leaf(self._p))

    @property
    def grad_fn(self) -> Optional[str]:
        """The name of the operation that made it."""
        return text(lib.tp_grad_fn(self._p)) or None

    @property
    def grad(self) -> "Optional[Tensor]":
        p = lib.tp_grad(self._p)
        return _wrap(retain(p)) if p else None

    @grad.setter
    def grad(self, value: "Optional[Tensor]") -> None:
        done(lib.tp_set_grad, self._p, value._p if value is not None else None)

    def retain_grad(self) -> None:
        done(lib.tp_retain_grad, self._p)

    def backward(self, gradient: "Optional[Tensor]" = None, retain_graph: bool = False, create_graph: bool = False) -> None:
        """d self / d leaf is added to every leaf's grad."""
        o = _BackwardOptions(c.sizeof(_BackwardOptions), retain_graph, create_graph, gradient._p if gradient is not None else None)
        with scope():
            if lib.tp_backward_opt(self._p, c.byref(o)):
                fail()

    def detach(self) -> "Tensor":
        return _wrap(made(lib.tp_detach, self._p))

    def detach_(self) -> "Tensor":
        done(lib.tp_detach_, self._p)
        return self

    @property
    def data(self) -> "Tensor":
        return self.detach()

    def register_hook(self, hook: "Callable[[Tensor], Optional[Tensor]]") -> "Hook":
        """hook(grad) is called in backward; what it returns takes the gradient's place."""
        return Hook(self, hook)

    # ---- types and places

    def to(self, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False) -> "Tensor":
        """In another type, on another device, or both: x.to(tp.float64), x.to("cpu"), x.to(other)."""
        for a in args:
            if isinstance(a, Tensor):
                dtype, device = a.dtype, a.device
            elif isinstance(a, _device_class) or isinstance(a, str) and a.partition(":")[0] in ("cpu", "cuda"):
                device = a
            else:
                dtype = a
        t = self
        if dtype is not None and as_dtype(dtype) is not t.dtype:
            t = _wrap(made(lib.tp_to, t._p, as_dtype(dtype).code))
        if device is not None and str(device) != "cpu":
            t = _wrap(made(lib.tp_to_device, t._p, str(device).encode()))
        return t.clone() if copy and t is self else t

    def type(self, dtype: Any) -> "Tensor":
        return self.to(dtype)

    def cpu(self) -> "Tensor":
        return self.to(device="cpu")

    def cuda(self) -> "Tensor":
        return self.to(device="cuda")

    # ---- filled in place

    def copy_(self, src: "TensorLike") -> "Tensor":
        done(lib.tp_copy_, self._p, operand(src))
        return self

    def fill_(self, value: "Number") -> "Tensor":
        done(lib.tp_fill_, self._p, value)
        return self

    def zero_(self) -> "Tensor":
        done(lib.tp_zero_, self._p)
        return self

    def uniform_(self, low: "Number" = 0, high: "Number" = 1) -> "Tensor":
        done(lib.tp_uniform_, self._p, low, high)
        return self

    def normal_(self, mean: "Number" = 0, std: "Number" = 1) -> "Tensor":
        done(lib.tp_normal_, self._p, mean, std)
        return self

    def exponential_(self, lambd: "Number" = 1) -> "Tensor":
        done(lib.tp_exponential_, self._p, lambd)
        return self

    def bernoulli_(self, p: "Number" = 0.5) -> "Tensor":
        done(lib.tp_bernoulli_, self._p, p)
        return self

    def random_(self, low: "Number" = 0, high: "Number" = 0) -> "Tensor":
        """Integers from low on and below high; without them from 0 to the largest that the type holds exactly."""
        done(lib.tp_random_, self._p, low, high)
        return self

    def where(self, condition: "TensorLike", other: "TensorLike") -> "Tensor":
        """self where the condition is true, else other."""
        return _wrap(made(lib.tp_where, operand(condition), self, operand(other)))

    # ---- operators

    @property
    def T(self) -> "Tensor":
        return self.t()

    @property
    def mT(self) -> "Tensor":
        return self.transpose(-2, -1)

    def __neg__(self) -> "Tensor":
        return self.neg()

    def __pos__(self) -> "Tensor":
        return self

    def __abs__(self) -> "Tensor":
        return self.abs()

    def __invert__(self) -> "Tensor":
        return self.bitwise_not()

    def __matmul__(self, other: "TensorLike") -> "Tensor":
        return self.matmul(other)

    def __rmatmul__(self, other: "TensorLike") -> "Tensor":
        return operand(other).matmul(self)

    def __contains__(self, value: "TensorLike") -> bool:
        return bool((self == value).any())

    # ---- indices

    def __getitem__(self, index: Any) -> "Tensor":
        if type(index) is int:
            return self.select(0, index)
        view, indices = _select(self, index)
        return view if indices is None else _indexed(view, indices)

    def __setitem__(self, index: Any, value: "TensorLike") -> None:
        view, indices = _select(self, index)
        if indices is None:
            view.copy_(value)
        else:
            places = (c.c_void_p * len(indices))(*[None if i is None else i._p for i in indices])
            v = operand(value)
            done(lib.tp_index_put_, view._p, places, len(indices), v.to(self.dtype), False)

    def __deepcopy__(self, _: Any) -> "Tensor":
        return self.detach().clone().requires_grad_(self.requires_grad)

    def __getstate__(self) -> Any:
        raise TypeError("tensors are not pickled; taper.save writes them to a file")

    # last, as they are named like Python's types

    def float(self) -> "Tensor":
        return self.to(float32)

    def double(self) -> "Tensor":
        return self.to(float64)

    def half(self) -> "Tensor":
        return self.to("float16")

    def bfloat16(self) -> "Tensor":
        return self.to("bfloat16")

    def long(self) -> "Tensor":
        return self.to(int64)

    def int(self) -> "Tensor":
        return self.to("int32")

    def bool(self) -> "Tensor":
        return self.to(bool_)


Number = Union[int, float, bool]
TensorLike = Union[Tensor, Number, Sequence[Any], Any]
_device_class = device
_new = Tensor.__new__


def _wrap(p: int) -> Tensor:
    """A Tensor that takes over one reference."""
    t = _new(Tensor)
    t._p = p
    return t


def borrowed(p: Optional[int]) -> Tensor:
    """A Tensor beside other owners."""
    return _wrap(retain(p))


def made_raw(function: Any, t: Tensor) -> int:
    result = function(t)
    if not result:
        fail()
    return int(result)


def _nested(values: List[Any], dims: Size) -> Any:
    if len(dims) < 2:
        return values if dims else values[0]
    step = len(values) // dims[0] if dims[0] else 0
    return [_nested(values[i * step:(i + 1) * step], dims[1:]) for i in range(dims[0])]


# ---- Operators from the table --------------------------------------------------------------------------------------


_OPERATORS = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", "mod": "remainder", "pow": "pow",
              "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "bitwise_left_shift",
              "rshift": "bitwise_right_shift"}


def fill_operators(ops: "Dict[str, _table.Op]") -> None:
    """a + b is a function made from the table: one call of Python's, one of C's."""
    for word, name in {**_OPERATORS, **{w: w for w in ("eq", "ne", "lt", "le", "gt", "ge")}}.items():
        setattr(Tensor, f"__{word}__", _table.function(ops[name], __name__, operator=True))
        if name != word or word in _OPERATORS:
            setattr(Tensor, f"__r{word}__", _turned(getattr(Tensor, f"__{word}__")))
            if _table.has_in_place(ops[name]):
                setattr(Tensor, f"__i{word}__", _table.function(ops[name], __name__, in_place=True, operator=True))


def _turned(function: Callable[[Any, Any], Any]) -> Callable[[Tensor, Any], Any]:
    def operator(self: Tensor, other: Any) -> Any:
        return function(operand(other), self) if is_operand(other) else NotImplemented
    return operator


def is_operand(x: Any) -> bool:
    return isinstance(x, (Tensor, int, float)) or hasattr(x, "__dlpack__") or hasattr(x, "__array_interface__")


# ---- Numbers, lists, arrays ----------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _number(value: Any, kind: str, sign: str) -> Tensor:
    if kind == "bool":
        return _copy(struct.pack("?", value), bool_, ())
    if kind == "int":
        if not -2**63 <= value < 2**63:
            raise OverflowError(f"{value} does not fit into int64")
        return _wrap(made(lib.tp_integer, value))
    return _wrap(made(lib.tp_number, value))


def operand(x: Any) -> Tensor:
    """What an operation takes as a tensor: one, a number (which yields to the other's type), an array, a list."""
    if isinstance(x, Tensor):
        return x
    kind = type(x)
    if kind is int or kind is float or kind is bool:
        return _number(x, kind.__name__, "-" if x == 0 and str(x)[0] == "-" else "")  # 0.0 and -0.0 are equal as keys
    if hasattr(x, "__dlpack__") or hasattr(x, "__array_interface__"):
        return _of_array(x, False)
    if isinstance(x, (list, tuple)):
        return tensor(x)
    if isinstance(x, (int, float)):
        return operand(float(x) if isinstance(x, float) else int(x))
    raise TypeError(f"a tensor, a number, a list or an array is wanted, not {type(x).__name__}")


def _copy(data: bytes, kind: dtype, dims: Sequence[int]) -> Tensor:
    return _wrap(made(_copied, data, kind.code, shape(dims)))


_copied.argtypes = [c.c_char_p, c.c_int, c_struct("tp_shape")]


def _flatten(data: Any, into: List[Any], depth: int = 0) -> Size:
    """Appends the numbers of nested lists, and gives their shape."""
    if isinstance(data, (list, tuple)):
        dims: Optional[Size] = None
        for x in data:
            size = _flatten(x, into, depth + 1)
            if dims is not None and size != dims:
                raise ShapeError(f"lists of different lengths at depth {depth + 1}: {len(data)} of shape {dims} were begun, then {size}")
            dims = size
        return (len(data),) + (dims or ())
    if isinstance(data, (Tensor,)) or hasattr(data, "tolist"):
        return _flatten(data.tolist(), into, depth) if not isinstance(data, (int, float)) else _append(float(data), into)
    return _append(data, into)


def _append(value: Any, into: List[Any]) -> Size:
    into.append(value)
    return ()


def tensor(data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A copy of numbers: of a number, nested lists, an array, another tensor.  Whole numbers give int64, others float32."""
    if isinstance(data, Tensor):
        t = data.detach().clone()
    elif hasattr(data, "__array_interface__") or hasattr(data, "__dlpack__"):
        t = _of_array(data, True)
    elif isinstance(data, (bytes, bytearray, memoryview, array.array)):
        view = memoryview(data)
        kind = next((d for d in BY_CODE if d.format == {"l": "q", "L": "Q"}.get(view.format, view.format) and d.format), None)
        if kind is None:
            raise TypeError(f"memory of format {view.format!r} is no tensor")
        t = _copy(view.tobytes(), kind, view.shape or ())
    else:
        t = _of_lists(data, None if dtype is None else as_dtype(dtype))
    return t.to(dtype=dtype, device=device).requires_grad_(requires_grad) if requires_grad else t.to(dtype=dtype, device=device)


def _of_lists(data: Any, kind: Optional[dtype]) -> Tensor:
    flat: List[Any] = []
    dims = _flatten(data, flat)
    kinds = {type(x) for x in flat}
    guessed = bool_ if kinds == {bool} else int64 if kinds <= {int, bool} and kinds else float32
    if kind is None or not kind.format:  # bf16 goes through f32
        kind = guessed if kind is None else float32
    try:
        return _copy(struct.pack(f"{len(flat)}{kind.format}", *flat), kind, dims)
    except struct.error:
        raise TypeError(f"{kind.name} does not hold all of {data!r}"[:200]) from None


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The tensor itself, an array's memory shared, or a copy of a list."""
    t = data if isinstance(data, Tensor) else _of_array(data, False) if hasattr(data, "__dlpack__") else tensor(data)
    return t.to(dtype=dtype, device=device)


# ---- Memory of others ----------------------------------------------------------------------------------------------

_python = c.pythonapi
_capsule_new = c.PYFUNCTYPE(c.py_object, c.c_void_p, c.c_char_p, c.c_void_p)(("PyCapsule_New", _python))
_capsule_pointer = c.PYFUNCTYPE(c.c_void_p, c.py_object, c.c_char_p)(("PyCapsule_GetPointer", _python))
_capsule_is = c.PYFUNCTYPE(c.c_int, c.py_object, c.c_char_p)(("PyCapsule_IsValid", _python))
_capsule_rename = c.PYFUNCTYPE(c.c_int, c.py_object, c.c_char_p)(("PyCapsule_SetName", _python))
_USED = (b"used_dltensor_versioned", b"used_dltensor")


# A capsule that nobody took gives its tensor back when it dies.  Called with the GIL held and the capsule half dead: plain addresses.
_valid_at = c.PYFUNCTYPE(c.c_int, c.c_void_p, c.c_char_p)(("PyCapsule_IsValid", _python))
_pointer_at = c.PYFUNCTYPE(c.c_void_p, c.c_void_p, c.c_char_p)(("PyCapsule_GetPointer", _python))
_deleter = c.CFUNCTYPE(None, c.c_void_p)


def _undo(name: bytes, offset: int) -> Any:
    def destroy(capsule: int) -> None:
        if _valid_at(capsule, name):
            managed = _pointer_at(capsule, name)
            _deleter(c.c_void_p.from_address(managed + offset).value or 0)(managed)
    return c.PYFUNCTYPE(None, c.c_void_p)(destroy)


_keep = (_undo(b"dltensor_versioned", 16), _undo(b"dltensor", 56))  # where the deleter stands in the two structs
_undo_versioned, _undo_legacy = (c.cast(f, c.c_void_p) for f in _keep)


def from_dlpack(x: Any) -> Tensor:
    """A tensor over the memory of what has __dlpack__ (NumPy, PyTorch, JAX ...), or of a capsule; read-only memory is copied."""
    if isinstance(x, Tensor):
        return x
    capsule = x
    if hasattr(x, "__dlpack__"):
        try:
            capsule = x.__dlpack__(max_version=(1, 0))
        except TypeError:  # from before there were versions
            capsule = x.__dlpack__()
    versioned = bool(_capsule_is(capsule, b"dltensor_versioned"))
    name = b"dltensor_versioned" if versioned else b"dltensor"
    take = lib.tp_from_dlpack if versioned else lib.tp_from_dlpack_legacy
    t = _wrap(made(take, _capsule_pointer(capsule, name)))
    _capsule_rename(capsule, _USED[not versioned])
    return t


def _of_array(x: Any, copy: bool) -> Tensor:
    """Of NumPy's or another library's array; what cannot be shared (another byte order, read-only scalars) is copied by NumPy."""
    try:
        t = from_dlpack(x)
        return t.clone() if copy else t
    except (BufferError, TypeError, ValueError, RuntimeError, AttributeError):
        if not hasattr(x, "__array_interface__"):
            raise
    import numpy
    a = numpy.array(x, order="C")
    a = a.astype(a.dtype.newbyteorder("="), copy=False)
    return _copy(a.tobytes(), as_dtype(a.dtype.name), a.shape)


def from_numpy(x: Any) -> Tensor:
    """A tensor over the array's memory: no copy, and writes are seen by both."""
    t = from_dlpack(x)
    if x.size and t.data_ptr() != x.__array_interface__["data"][0]:
        raise ShapeError("from_numpy: a read-only array cannot be shared; tensor(x) copies it")
    return t


class _Memory:
    """What NumPy makes an array of, without a copy: it keeps this object, and this object the tensor."""

    def __init__(self, t: Tensor) -> None:
        kind = t.dtype
        if not kind.format:
            raise TypeError("NumPy has no bfloat16: x.float().numpy()")
        letter = "b" if kind is bool_ else "f" if kind.is_floating_point else "u" if kind.name == "uint8" else "i"
        order = "|" if kind.itemsize == 1 else "<" if struct.pack("=H", 1)[0] else ">"
        self.t = t
        self.__array_interface__ = {
            "version": 3, "shape": t.shape, "typestr": f"{order}{letter}{kind.itemsize}", "data": (t.data_ptr() or id(self), False),
            "strides": tuple(s * kind.itemsize for s in t.stride())}


# ---- Indices -------------------------------------------------------------------------------------------------------


def _is_mask(i: Any) -> bool:
    return isinstance(i, Tensor) and i.dtype is bool_


def _as_index(i: Any) -> Any:
    if isinstance(i, (Tensor, slice, bool, int)) or i is None or i is Ellipsis:
        return i
    if isinstance(i, (list, tuple)) or hasattr(i, "__array_interface__") or hasattr(i, "__dlpack__"):
        if getattr(i, "shape", None) == () and hasattr(i, "__index__"):
            return i.__index__()
        t = tensor(i) if isinstance(i, (list, tuple)) and len(i) else tensor([], dtype=int64) if isinstance(i, (list, tuple)) else operand(i)
        return t
    if hasattr(i, "__index__"):
        return i.__index__()
    raise TypeError(f"an index is an integer, a slice, None, ..., a tensor or a list, not {type(i).__name__}")


def _slice(t: Tensor, dim: int, s: slice) -> Tensor:
    start, stop, step = s.start, s.stop, s.step
    if start is None and stop is None and step is None:
        return t
    if step is not None and step.__index__() < 1:
        raise ShapeError(f"a slice's step is at least 1, not {step}; flip() turns a tensor round")
    return t.slice(dim, None if start is None else start.__index__(), None if stop is None else stop.__index__(), step)


def _select(t: Tensor, index: Any) -> "Tuple[Tensor, Optional[List[Optional[Tensor]]]]":
    """The view that integers, slices and None choose, and what is left: indices by dim, or None."""
    if type(index) is slice:
        view = _slice(t, 0, index) if t.ndim else t
        if view is not t:
            return view, None
    items = [_as_index(i) for i in (index if isinstance(index, tuple) else (index,))]
    consumed = sum(i.ndim if _is_mask(i) else 0 if isinstance(i, bool) else 1 for i in items if i is not None and i is not Ellipsis)
    if consumed > t.ndim:
        raise IndexOutOfRange(f"{consumed} indices for a tensor of shape {t.shape}, which has {t.ndim} dims")
    if sum(i is Ellipsis for i in items) > 1:
        raise TypeError("an index has one ... at most")
    has_rest = False
    view, dim, tensors = t, 0, {}
    n = t.ndim - consumed
    for i in items:
        if i is None:
            view, dim = view.unsqueeze(dim), dim + 1
        elif i is Ellipsis:
            dim, has_rest = dim + n, True
        elif isinstance(i, bool):
            view = view.unsqueeze(dim)
            tensors[dim] = tensor([i])
            dim += 1
        elif isinstance(i, int):
            view = view.select(dim, i)
        elif isinstance(i, slice):
            view, dim = _slice(view, dim, i), dim + 1
        else:
            tensors[dim] = i
            dim += i.ndim if _is_mask(i) else 1
    if view is t and not tensors and not has_rest or view is t and has_rest and not tensors:
        view = t.view(*t.shape) if t.is_contiguous() else t.as_strided(t.shape, t.stride(), t.storage_offset())
    if not tensors:
        return view, None
    places: List[Optional[Tensor]] = []
    for d in sorted(tensors):
        places += [None] * (d - sum(p.ndim if p is not None and _is_mask(p) else 1 for p in places))
        places.append(tensors[d])
    return view, places


def _indexed(t: Tensor, indices: "List[Optional[Tensor]]") -> Tensor:
    places = (c.c_void_p * len(indices))(*[None if i is None else i._p for i in indices])
    return _wrap(made(lib.tp_index, t._p, places, len(indices)))


# ---- Hooks ---------------------------------------------------------------------------------------------------------

_hooks: "Dict[int, Callable[[Tensor], Optional[Tensor]]]" = {}  # those that C has, by number; C says when it has them no more
_numbers = itertools.count(1)


def _hook_called(grad: int, number: int) -> Optional[int]:
    try:
        hook = _hooks.get(number)
        result = hook(borrowed(grad)) if hook is not None else None
        return None if result is None else int(lib.tp_autorelease(retain(result._p)))
    except BaseException as e:
        carry(e)
        return None


def _hook_gone(number: int) -> None:
    _hooks.pop(number, None)


_call_hook = c_callback("tp_hook")(_hook_called)
_release_hook = c.CFUNCTYPE(None, c.c_void_p)(_hook_gone)


class Hook:
    """What register_hook gives; remove() takes the function away.  It lives as long as the tensor, or the history that it is in."""

    def __init__(self, t: Tensor, hook: Callable[[Tensor], Optional[Tensor]]) -> None:
        number = next(_numbers)
        _hooks[number] = hook
        try:
            self.number = done(lib.tp_register_hook_shared, t, _call_hook, number, _release_hook)
        except BaseException:
            _hook_gone(number)
            raise
        self.t, self.key = weakref.ref(t), number

    def remove(self) -> None:
        _hook_gone(self.key)  # enough to end it, where nothing in Python has the tensor any more
        t = self.t()
        if t is not None:
            lib.tp_remove_hook(t, self.number)


__all__ = ["Tensor", "TensorLike", "Number", "Hook", "tensor", "as_tensor", "from_dlpack", "from_numpy", "operand", "set_printoptions"]
