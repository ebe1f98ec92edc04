"""Taper: deep learning in C, from Python.

    import taper as tp

    x = tp.randn(8, 4, requires_grad=True)
    (x.sin() ** 2).sum().backward()
    print(x.grad)

A thin layer over libtaper by ctypes: names, defaults and results are PyTorch's; NumPy and PyTorch are not needed, and exchange
tensors without a copy where they are there.  docs/python.md begins at the beginning.
"""
from typing import TYPE_CHECKING, Any

from . import _dtype, autograd, data, functional, models, nn, ops, optim, text, train
from ._c import (ArgumentError, DeviceError, DtypeError, Error, FileError, FormatError, GradError, IndexOutOfRange, OutOfMemory,
                 ShapeError, StateError, UnsupportedError)
from ._c import _version as __version__
from ._create import get_rng_state, manual_seed, set_rng_state
from ._dtype import bfloat16, device, dtype, float16, float32, float64, int8, int16, int32, int64, uint8
from ._tensor import Tensor, as_tensor, from_dlpack, from_numpy, set_printoptions, tensor
from .autograd import enable_grad, is_grad_enabled, no_grad
from .io import load, metadata, read_image, save, write_png
from .system import (MemoryStats, get_num_threads, isa, memory_stats, memory_trim, set_float32_matmul_precision, set_num_threads,
                     set_precise)
from .text import Tokenizer
from .train import Run, generate

if TYPE_CHECKING:
    from .ops import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """tp.softmax is tp.ops.softmax."""
    if name not in ops.__all__:
        raise AttributeError(f"taper has no '{name}'")
    made = globals()[name] = getattr(ops, name)
    return made


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})


float, double, half, long, int, short, bool = float32, float64, float16, int64, int32, int16, _dtype.bool_

__all__ = [
    "ArgumentError", "DeviceError", "DtypeError", "Error", "FileError", "FormatError", "GradError", "IndexOutOfRange", "OutOfMemory",
    "ShapeError", "StateError", "UnsupportedError", "MemoryStats", "Run", "Tensor", "Tokenizer", "__version__", "as_tensor", "autograd",
    "bfloat16", "bool", "data", "device", "double", "dtype", "enable_grad", "float", "float16", "float32", "float64", "from_dlpack",
    "from_numpy", "functional", "generate", "get_num_threads", "get_rng_state", "half", "int", "int16", "int32", "int64", "int8",
    "is_grad_enabled", "isa", "load", "long", "manual_seed", "memory_stats", "memory_trim", "metadata", "models", "nn", "no_grad", "ops",
    "optim", "read_image", "save", "set_float32_matmul_precision", "set_num_threads", "set_precise", "set_printoptions", "set_rng_state", "short", "tensor",
    "text", "train", "uint8", "write_png"]
__all__ += ops.__all__
