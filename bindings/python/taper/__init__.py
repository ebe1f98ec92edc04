"""Taper: deep learning in C, from Python.

    import taper as tp

    x = tp.randn(8, 4, requires_grad=True)
    (x.sin() ** 2).sum().backward()
    print(x.grad)

A thin layer over libtaper by ctypes: names, defaults and results are PyTorch's; NumPy and PyTorch are not needed, and exchange
tensors without a copy where they are there.  docs/python.md begins at the beginning.
"""
from . import _dtype, ops
from ._c import (ArgumentError, DeviceError, DtypeError, Error, FileError, FormatError, GradError, IndexOutOfRange, OutOfMemory,
                 ShapeError, StateError, UnsupportedError)
from ._c import _version as __version__
from ._create import (arange, empty, empty_like, exponential, eye, full, full_like, get_rng_state, linspace, logspace, manual_seed,
                      normal, ones, ones_like, rand, rand_like, randint, randn, randn_like, randperm, set_rng_state, uniform, zeros,
                      zeros_like)
from ._dtype import bfloat16, device, dtype, float16, float32, float64, int8, int16, int32, int64, uint8
from ._tensor import Tensor, as_tensor, from_dlpack, from_numpy, tensor
from .ops import *  # noqa: F401,F403  what was imported above is named again below
from ._create import *  # noqa: E402,F401,F403
from . import autograd, data, functional, models, nn, optim, text, train  # noqa: E402
from .autograd import enable_grad, is_grad_enabled, no_grad  # noqa: E402
from .io import load, save  # noqa: E402
from .system import (MemoryStats, get_num_threads, isa, memory_stats, memory_trim, set_float32_matmul_precision, set_num_threads,  # noqa: E402
                     set_precise)
from .text import Tokenizer  # noqa: E402
from .train import Run, generate  # noqa: E402

float, double, half, long, int, short = float32, float64, float16, int64, int32, _dtype.int16
bool = _dtype.bool_
