"""taper.py - the little of Taper's C interface that the scripts beside it need, by ctypes.

TAPER_LIBRARY names the shared library (build/libtaper.so); without NumPy a script ends with 77, which ctest counts as
skipped.
"""
import ctypes as c, os, sys

try:
    import numpy as np
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

MAX_DIMS = 8
here = os.path.dirname(os.path.abspath(__file__))
lib = c.CDLL(os.environ.get("TAPER_LIBRARY", os.path.join(here, "..", "..", "build", "libtaper.so")))


class Shape(c.Structure):
    _fields_ = [("ndim", c.c_int), ("dim", c.c_int64 * MAX_DIMS)]


class Scope(c.Structure):
    _fields_ = [("mark", c.c_size_t), ("outer", c.c_void_p)]


class NpzOptions(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("compressed", c.c_bool)]


class MemoryInfo(c.Structure):
    _fields_ = [(name, c.c_int64) for name in ("live_bytes", "peak_bytes", "cached_bytes", "live_blocks", "system_calls")]


def declare(result, name, *arguments):
    function = getattr(lib, name)
    function.restype, function.argtypes = result, arguments
    globals()[name] = function


declare(c.c_int, "tp_error_take", c.c_char_p, c.c_size_t)
declare(None, "tp_scope_open", c.POINTER(Scope))
declare(None, "tp_scope_close", c.POINTER(Scope))
declare(MemoryInfo, "tp_memory_stats")
declare(c.c_void_p, "tp_retain", c.c_void_p)
declare(None, "tp_release", c.c_void_p)
declare(c.c_void_p, "tp_to", c.c_void_p, c.c_int)
declare(c.c_void_p, "tp_to_dlpack", c.c_void_p)
declare(c.c_void_p, "tp_to_dlpack_legacy", c.c_void_p)
declare(c.c_void_p, "tp_from_dlpack", c.c_void_p)
declare(c.c_void_p, "tp_from_dlpack_legacy", c.c_void_p)
declare(c.c_void_p, "tp_npy_map", c.c_char_p)
declare(c.c_void_p, "tp_tensor_copied", c.c_void_p, c.c_int, Shape)
declare(c.c_void_p, "tp_data", c.c_void_p)
declare(c.c_int, "tp_dtype_of", c.c_void_p)
declare(c.c_int, "tp_ndim", c.c_void_p)
declare(c.c_int64, "tp_size", c.c_void_p, c.c_int)
declare(c.c_int64, "tp_stride", c.c_void_p, c.c_int)
declare(c.c_void_p, "tp_transpose", c.c_void_p, c.c_int, c.c_int)
declare(c.c_int, "tp_npy_write", c.c_char_p, c.c_void_p)
declare(c.c_void_p, "tp_npy_read", c.c_char_p)
declare(c.c_void_p, "tp_params_new")
declare(c.c_int, "tp_params_add", c.c_void_p, c.c_char_p, c.c_void_p)
declare(c.c_int, "tp_params_count", c.c_void_p)
declare(c.c_char_p, "tp_params_name", c.c_void_p, c.c_int)
declare(c.c_void_p, "tp_params_at", c.c_void_p, c.c_int)
declare(c.c_int, "tp_npz_write_opt", c.c_char_p, c.c_void_p, c.POINTER(NpzOptions))
declare(c.c_void_p, "tp_npz_read", c.c_char_p)
declare(c.c_void_p, "tp_npz_read_one", c.c_char_p, c.c_char_p)

# tp_dtype's order; NumPy has no bf16
DTYPES = ["float32", "float64", "float16", None, "int64", "int32", "int16", "int8", "uint8", "bool"]
NUMPY_DTYPES = [np.dtype(d) for d in DTYPES if d]


class scope:
    """with scope(): what Taper makes inside goes away at its end."""
    def __enter__(self):
        self.c = Scope()
        tp_scope_open(self.c)

    def __exit__(self, *_):
        tp_scope_close(self.c)


def check(value):
    """The value of a call, or its error as an exception."""
    text = c.create_string_buffer(1024)
    if tp_error_take(text, len(text)):
        raise RuntimeError(text.value.decode(errors="replace"))
    return value


def fails(call, piece):
    try:
        call()
    except RuntimeError as e:
        assert piece in str(e), f"{e}, wanted: {piece}"
    else:
        raise AssertionError(f"no error, wanted: {piece}")


def shape(dims):
    return Shape(len(dims), (c.c_int64 * MAX_DIMS)(*dims))


def tensor(array):
    """A Taper tensor with a copy of a NumPy array."""
    array = np.array(array, order="C", copy=True)
    return check(tp_tensor_copied(array.ctypes.data, DTYPES.index(array.dtype.name), shape(array.shape)))


def array(t):
    """A NumPy array with a copy of a Taper tensor's elements, whatever its strides."""
    dtype = np.dtype(DTYPES[tp_dtype_of(t)])
    dims = [tp_size(t, i) for i in range(tp_ndim(t))]
    strides = [tp_stride(t, i) * dtype.itemsize for i in range(tp_ndim(t))]
    if 0 in dims:
        return np.zeros(dims, dtype)
    room = 1 + sum((n - 1) * s // dtype.itemsize for n, s in zip(dims, strides))
    memory = (c.c_char * (room * dtype.itemsize)).from_address(tp_data(t))
    return np.ndarray(dims, dtype, memory, 0, strides).copy()


def same(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape, f"{a.dtype} {a.shape}, wanted {b.dtype} {b.shape}"
    assert a.tobytes() == b.tobytes(), f"{a}\nwanted\n{b}"


def example(dtype, dims, seed=0):
    """Numbers of every size that the type has, special ones too."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, dims).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, dims, dtype, endpoint=True)
    x = np.asarray((rng.standard_normal(dims) * 10.0 ** rng.integers(-3, 4, dims)).astype(dtype))
    for i, special in enumerate([np.nan, np.inf, -np.inf, -0.0]):
        if x.size > 4 + i:
            x.reshape(-1)[i] = special
    return x
