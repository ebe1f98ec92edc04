"""_c.py - the C library: found, its functions with their types, its errors as exceptions, its scopes.

The rules are those of the C interface (docs/design.md).  What a function returns belongs to the innermost scope; what Python keeps,
it retains, and gives back when its last reference goes.  The first error of a thread stays pending; here each call takes its own at
once, so none is ever left over.  ctypes gives up the GIL while C runs; scopes and pending errors are each thread's own.
"""
import ctypes as c
import ctypes.util
import os
import sys
import threading
from typing import Any, Callable, Dict, Optional

from . import _abi

# ---- The library ---------------------------------------------------------------------------------------------------

LETTERS: Dict[str, Any] = {
    "b": c.c_bool, "i": c.c_int, "q": c.c_int64, "Q": c.c_uint64, "d": c.c_double, "f": c.c_float, "s": c.c_char_p, "p": c.c_void_p,
    "c": c.c_char, "h": c.c_int32, "I": c.c_uint32, "B": c.c_uint8, "H": c.c_uint16, "e": c.c_int16, "v": None}
FILES = {"darwin": "libtaper.dylib", "win32": "taper.dll"}


def _places() -> "list[str]":
    """Where the library may lie, the first place first."""
    name, here = FILES.get(sys.platform, "libtaper.so"), os.path.dirname(os.path.abspath(__file__))
    checkout = os.path.join(here, "..", "..", "..")
    places = [os.path.join(here, name), os.path.join(checkout, "build", name)]
    places += [os.path.join(sys.prefix, "lib", name), name]
    found = ctypes.util.find_library("taper")
    return [os.path.normpath(p) if os.sep in p else p for p in places] + ([found] if found else [])


def _load() -> c.CDLL:
    given = os.environ.get("TAPER_LIBRARY")
    tried = []
    for path in [given] if given else _places():
        if os.sep in path and not os.path.exists(path):
            tried.append(f"  {path}: not there")
            continue
        try:
            return c.CDLL(path)
        except OSError as e:
            tried.append(f"  {path}: {e}")
    raise ImportError(
        "taper: the C library was not found" + (" where TAPER_LIBRARY says" if given else "") + ". Tried:\n" + "\n".join(tried)
        + "\nBuild it (`make` in Taper's folder) and say where it is: export TAPER_LIBRARY=.../build/libtaper.so\n"
        "or install it: sudo make install && sudo ldconfig")


class Library:
    """lib.tp_add: the function with its types, looked up when it is first used."""

    def __init__(self, loaded: c.CDLL) -> None:
        self.loaded = loaded

    def __getattr__(self, name: str) -> Any:
        spec = _abi.FUNCTIONS.get(name)
        if spec is None:
            raise AttributeError(f"taper: {name} is not in the headers")
        function = getattr(self.loaded, name)
        function.restype, *function.argtypes = (c_type(word) for word in spec.split())
        setattr(self, name, function)
        return function

    def has(self, name: str) -> bool:
        return hasattr(self.loaded, name)


_structs: Dict[str, Any] = {}


def c_type(word: str) -> Any:
    """The ctypes type of a word of _abi.py: "q:dim", "*tp_shape:size", "q[2]:stride"."""
    word = word.partition(":")[0]
    if word.endswith("]"):
        base, _, count = word[:-1].partition("[")
        return c_type(base) * int(count)
    return struct(word[1:]) if word[0] == "*" else LETTERS[word]


def struct(name: str) -> Any:
    made = _structs.get(name)
    if made is None:
        fields = [(word.partition(":")[2], c_type(word)) for word in _abi.STRUCTS[name].split()]
        made = _structs[name] = type(name, (c.Structure,), {"_fields_": fields})
    return made


def callback(name: str) -> Any:
    result, *arguments = (c_type(word) for word in _abi.CALLBACKS[name].split())
    return c.CFUNCTYPE(result, *arguments)


lib = Library(_load())
_version = lib.tp_version().decode()
if _version.split(".")[:2] != _abi.VERSION.split(".")[:2]:
    raise ImportError(f"taper: this package is for version {_abi.VERSION} of the C library, but {lib.loaded._name} is {_version}; "
                      "install the package that lies beside that library's sources (pip install ./bindings/python)")

# ---- Errors --------------------------------------------------------------------------------------------------------


class Error(Exception):
    """An error of the library; its text says what was got and what was wanted.  details: further lines, or ""."""
    details: str = ""


class ArgumentError(Error, ValueError):
    """A value that cannot be."""


class ShapeError(Error, ValueError):
    """Shapes that do not go together."""


class DtypeError(Error, TypeError):
    """A type that the operation does not take."""


class IndexOutOfRange(Error, IndexError):
    """An index or a label out of range."""


class GradError(Error, RuntimeError):
    """A misuse of automatic differentiation."""


class OutOfMemory(Error, MemoryError):
    """Out of memory, or a size that does not fit the machine."""


class DeviceError(Error, RuntimeError):
    """A device that is not there."""


class FileError(Error, OSError):
    """The operating system said no: missing file, full disk, no permission."""


class FormatError(Error, ValueError):
    """A file whose content is malformed."""


class UnsupportedError(Error, NotImplementedError):
    """Well formed, but this build or version does not do it."""


class StateError(Error, RuntimeError):
    """Right call, wrong moment."""


ERRORS = {"ARGUMENT": ArgumentError, "SHAPE": ShapeError, "DTYPE": DtypeError, "INDEX": IndexOutOfRange, "GRAD": GradError,
          "MEMORY": OutOfMemory, "DEVICE": DeviceError, "IO": FileError, "FORMAT": FormatError, "UNSUPPORTED": UnsupportedError,
          "STATE": StateError}
_classes = {value: ERRORS.get(name[7:], Error) for name, value in _abi.CONSTANTS.items() if name.startswith("TP_ERR_")}
_thread = threading.local()


def pending_error() -> Optional[BaseException]:
    """The thread's error, taken; None when none is pending."""
    details = lib.tp_error_details()
    text = c.create_string_buffer(4096)
    status = lib.tp_error_take(text, len(text))
    raised: Optional[BaseException] = getattr(_thread, "raised", None)
    _thread.raised = None
    if not status:
        return None
    if raised is not None:  # a callback of Python's raised it, and the library carried it here
        return raised
    error = _classes.get(status, Error)(text.value.decode(errors="replace"))
    error.details = details.decode(errors="replace") if details else ""
    return error


def fail() -> Any:
    """Raises the pending error."""
    raise pending_error() or Error("the library failed without saying why")


def check(status: Any = 1) -> None:
    """Raises if an error is pending; of a call's status 0 it need not even look."""
    if status:
        error = pending_error()
        if error is not None:
            raise error


def carry(error: BaseException) -> None:
    """Out of a callback: the exception travels through the library as its pending error and is raised where that is taken."""
    if getattr(_thread, "raised", None) is None:
        _thread.raised = error
    _set_error(f"{type(error).__name__}: {error}")


def _set_error(text: str) -> None:
    set_error = lib.loaded.tp_error_set
    set_error.restype, set_error.argtypes = c.c_int, [c.c_int, c.c_char_p, c.c_char_p]
    set_error(_abi.CONSTANTS["TP_ERR_STATE"], b"%s", text.encode())


# ---- Scopes and owners ---------------------------------------------------------------------------------------------

_Scope = struct("tp_scope")
_open, _close = lib.tp_scope_open, lib.tp_scope_close
retain, release = lib.tp_retain, lib.tp_release
_open.argtypes = _close.argtypes = [c.POINTER(_Scope)]


class scope:
    """What the library makes inside goes away at the end, but for what is retained."""
    __slots__ = ("c",)

    def __enter__(self) -> None:
        self.c = _Scope()
        _open(self.c)

    def __exit__(self, *_: Any) -> None:
        _close(self.c)


def made(function: Callable[..., Any], *arguments: Any) -> int:
    """Calls what returns an object; it is ours: somebody has to release it."""
    opened = _Scope()
    _open(opened)
    try:
        p = function(*arguments)
        if not p:
            fail()
        return int(retain(p))
    finally:
        _close(opened)


def done(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls what returns a status or a value, and raises its error."""
    opened = _Scope()
    _open(opened)
    try:
        result = function(*arguments)
        if lib.tp_error_pending():
            fail()
        return result
    finally:
        _close(opened)


class Object:
    """A Python object that owns one of the library's.  As an argument of a C function it stands for its pointer, and lives until the call
    returns; f(make()._p) would let go of it before."""
    __slots__ = ("_p", "__weakref__")
    _p: int

    @property
    def _as_parameter_(self) -> int:
        return self._p

    def __del__(self, _release: Any = release) -> None:
        try:
            p = self._p
        except AttributeError:  # its constructor failed
            return
        _release(p)


def text(value: Optional[bytes]) -> str:
    return value.decode(errors="replace") if value else ""


def path(value: Any) -> bytes:
    return os.fsencode(value)


# ---- Options -------------------------------------------------------------------------------------------------------

Shape = struct("tp_shape")
_Dims = c.c_int64 * _abi.CONSTANTS["TP_MAX_DIMS"]


def shape(dims: Any) -> Any:
    dims = tuple(dims)
    if len(dims) > len(_Dims()):
        raise ShapeError(f"a tensor has at most {_abi.CONSTANTS['TP_MAX_DIMS']} dims, not {len(dims)}")
    try:
        return Shape(len(dims), _Dims(*dims))
    except TypeError:
        raise DtypeError(f"a size is an integer; got {dims}") from None


def fill(options: Any, given: Dict[str, Any], what: str) -> Any:
    """Fields of an options struct from keywords.  None is a field's default; 0.0 means 0 (the C interface's TP_ZERO), the integer 0
    of a count what it means in C: mostly the default."""
    fields = dict(options._fields_)
    if "struct_size" in fields:
        options.struct_size = c.sizeof(options)
    for name, value in given.items():
        kind = fields.get(name)
        if kind is None or name == "struct_size":
            names = ", ".join(n for n in fields if n != "struct_size")
            raise TypeError(f"{what} has no option '{name}'; it has {names}")
        if value is None:
            continue
        try:
            _set_field(options, name, kind, value)
        except (TypeError, OverflowError) as e:
            if isinstance(e, Error):
                raise
            raise DtypeError(f"{what}: {name} is {value!r}: {e}") from None
    return options


def _set_field(options: Any, name: str, kind: Any, value: Any) -> None:
    if kind is c.c_char_p:
        value = value if isinstance(value, bytes) else os.fsencode(value)
    elif kind is c.c_double:
        value = float(value) or -0.0
    elif kind is c.c_bool:
        value = bool(value)
    elif kind is c.c_void_p:
        keep = options.__dict__.setdefault("kept", [])  # alive as long as the struct
        keep.append(value)
        value = getattr(value, "_p", value)
    elif issubclass(kind, c.Structure):
        fill(getattr(options, name), value, name)
        return
    elif issubclass(kind, c.Array):
        value = kind(*(value if isinstance(value, (tuple, list)) else [value] * kind._length_))
    setattr(options, name, value)
