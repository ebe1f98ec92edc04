"""dlpack.py - DLPack capsules between Taper and NumPy, and PyTorch where it is there: both ABIs, both directions."""
import gc
from taper import *

try:
    import torch
except ImportError:
    torch = None

python = c.pythonapi
python.PyCapsule_New.restype, python.PyCapsule_New.argtypes = c.py_object, [c.c_void_p, c.c_char_p, c.c_void_p]
python.PyCapsule_GetPointer.restype, python.PyCapsule_GetPointer.argtypes = c.c_void_p, [c.py_object, c.c_char_p]
python.PyCapsule_GetName.restype, python.PyCapsule_GetName.argtypes = c.c_char_p, [c.py_object]
python.PyCapsule_SetName.restype, python.PyCapsule_SetName.argtypes = c.c_int, [c.py_object, c.c_char_p]
VERSIONED, LEGACY, USED_VERSIONED, USED_LEGACY = b"dltensor_versioned", b"dltensor", b"used_dltensor_versioned", b"used_dltensor"
left_out = set()


class Exporter:
    """What NumPy's and PyTorch's from_dlpack take: a Taper tensor that offers a capsule."""
    def __init__(self, t):
        self.t = t
        self.asked_for = None

    def __dlpack_device__(self):
        return (1, 0)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        self.asked_for = max_version
        if max_version is not None and max_version[0] >= 1:
            return python.PyCapsule_New(check(tp_to_dlpack(self.t)), VERSIONED, None)
        return python.PyCapsule_New(check(tp_to_dlpack_legacy(self.t)), LEGACY, None)


def taken(x, **options):
    """A Taper tensor over the memory of an array or a PyTorch tensor."""
    capsule = x.__dlpack__(**options)
    if python.PyCapsule_GetName(capsule) == VERSIONED:
        t = check(tp_from_dlpack(python.PyCapsule_GetPointer(capsule, VERSIONED)))
        python.PyCapsule_SetName(capsule, USED_VERSIONED)
    else:
        t = check(tp_from_dlpack_legacy(python.PyCapsule_GetPointer(capsule, LEGACY)))
        python.PyCapsule_SetName(capsule, USED_LEGACY)
    return t


def abis(x):
    """The ways in which x hands itself out: the old one, and the new one where it knows it."""
    x.__dlpack__()  # an older NumPy does not have every type
    yield {}
    try:
        x.__dlpack__(max_version=(1, 0))
    except TypeError:
        return
    yield {"max_version": (1, 0)}


def numpy_hands_out():
    done = set()
    for dtype in NUMPY_DTYPES:
        for dims in [(), (5,), (3, 4), (2, 3, 4), (0, 2)]:
            x = example(dtype, dims)
            for y in [x] + ([x.T, x[::2], np.broadcast_to(x, (2, *dims)).copy()[0]] if dims else []):
                try:
                    ways = list(abis(y))
                except (BufferError, TypeError, RuntimeError) as e:
                    left_out.add(f"{dtype} from numpy: {e}")
                    continue
                for options in ways:
                    done.add(bool(options))
                    with scope():
                        t = taken(y, **options)
                        same(array(t), np.array(y, order="C"))
                        if y.size:
                            assert tp_data(t) == y.__array_interface__["data"][0], "a copy was made"
    print("numpy hands out:", "legacy, versioned" if True in done else "legacy")


def numpy_memory_lives_as_long_as_taper_needs_it():
    x = np.arange(1000.0)
    before = sys.getrefcount(x)
    with scope():
        t = tp_retain(taken(x))
    gc.collect()
    assert sys.getrefcount(x) > before
    tp_release(t)
    gc.collect()
    assert sys.getrefcount(x) == before, "the deleter was not called"


def numpy_read_only_is_copied():
    x = np.arange(6.0)
    x.flags.writeable = False
    try:
        ways = list(abis(x))
    except BufferError as e:  # NumPy hands out what is read-only only by the versioned ABI
        ways = [{"max_version": (1, 0)}] if "max_version" in str(e) or np.lib.NumpyVersion(np.__version__) >= "2.1.0" else []
    for options in ways:
        with scope():
            try:
                t = taken(x, **options)
            except (BufferError, TypeError):
                continue
            assert tp_data(t) != x.__array_interface__["data"][0]
            same(array(t), x)


def numpy_negative_strides_are_refused():
    x = np.arange(6.0)[::-1]
    with scope():
        fails(lambda: taken(x), "stride -1 of dim 0")
    fails(lambda: taken(np.arange(4, dtype="u4")), "type code 1 of 32 bits")


def numpy_takes():
    for dtype in NUMPY_DTYPES:
        for dims in [(), (5,), (3, 4), (2, 3, 4), (0, 2)]:
            x = example(dtype, dims)
            live = tp_memory_stats().live_bytes
            with scope():
                t = tensor(x)
                turned = tp_transpose(t, 0, -1) if len(dims) > 1 else t
                try:
                    y = np.from_dlpack(Exporter(turned))
                except (BufferError, TypeError, RuntimeError) as e:
                    left_out.add(f"{dtype} to numpy: {e}")
                    continue
                where = tp_data(turned)
            same(np.array(y, order="C"), np.array(x.swapaxes(0, -1) if len(dims) > 1 else x, order="C"))
            if x.size:
                assert y.__array_interface__["data"][0] == where, "a copy was made"
            del y
            assert tp_memory_stats().live_bytes == live, "the memory was not given back"


def torch_both_ways():
    types = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
             torch.uint8, torch.bool]
    for i, dtype in enumerate(types):
        for dims in [(), (5,), (3, 4), (2, 3, 4), (0, 2)]:
            x = (torch.arange(max(1, int(np.prod(dims)))) % 2 if dtype == torch.bool else torch.arange(max(1, int(np.prod(dims)))))
            x = x[:int(np.prod(dims))].reshape(dims).to(dtype)
            for y in [x] + ([x.transpose(0, -1), x[1:]] if dims else []):
                for options in abis(y):
                    live = tp_memory_stats().live_bytes
                    with scope():
                        t = taken(y, **options)
                        assert tp_dtype_of(t) == i and [tp_size(t, k) for k in range(tp_ndim(t))] == list(y.shape)
                        assert not y.numel() or tp_data(t) == y.data_ptr(), "a copy was made"
                        exporter = Exporter(t)
                        z = torch.from_dlpack(exporter)
                    assert z.dtype == dtype and z.shape == y.shape and torch.equal(z, y)
                    assert not y.numel() or z.data_ptr() == y.data_ptr()
                    del z
                    assert tp_memory_stats().live_bytes == live, "the memory was not given back"
    print("torch takes:", "versioned" if exporter.asked_for else "legacy")
    x = torch.zeros(3)
    with scope():  # one memory, two libraries
        t = taken(x)
        (c.c_float * 3).from_address(tp_data(t))[1] = 5
        assert x[1] == 5
        z = torch.from_dlpack(Exporter(t))
        z += 1
        assert x[1] == 6


numpy_hands_out()
numpy_memory_lives_as_long_as_taper_needs_it()
numpy_read_only_is_copied()
numpy_negative_strides_are_refused()
if hasattr(np, "from_dlpack"):
    numpy_takes()
if torch:
    torch_both_ways()
else:
    print("torch: left out, it is not there")
for line in sorted(left_out):
    print("left out:", line)
print("dlpack: all well")
