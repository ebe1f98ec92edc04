"""_create.py - new tensors, as PyTorch's functions of these names make them."""
import ctypes as c
from typing import Any, Optional, Sequence, Union

from . import _methods, _table
from ._c import done, fail, lib, made, shape
from ._c import struct as c_struct
from ._dtype import as_dtype, float32, int64
from ._tensor import Number, Tensor, TensorLike, _wrap, operand

Dims = Union[int, Sequence[int]]
_Options = c_struct("tp_tensor_options")
_OPS = {op.name: op for op in _methods.OPS}


def _finish(t: Tensor, device: Any, requires_grad: bool) -> Tensor:
    if device is not None:
        t = t.to(device=device)
    return t.requires_grad_(True) if requires_grad else t


def _by(name: str, dtype: Any, device: Any, requires_grad: bool, *arguments: Any) -> Tensor:
    """The library's function of options, called with the type."""
    o = _Options(c.sizeof(_Options), as_dtype(dtype or float32).code)
    return _finish(_wrap(made(getattr(lib, name), *arguments, c.byref(o))), device, requires_grad)


def _dims(size: Any) -> Any:
    return shape(size[0] if len(size) == 1 and not isinstance(size[0], int) else size)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Memory as it comes."""
    return _by("tp_empty_opt", dtype, device, requires_grad, _dims(size))


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    return _by("tp_full_opt", dtype, device, requires_grad, _dims(size), 0)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    return _by("tp_full_opt", dtype, device, requires_grad, _dims(size), 1)


def full(size: Dims, fill_value: Number, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The type is the value's unless said."""
    dtype = dtype or as_dtype(type(fill_value))
    return _by("tp_full_opt", dtype, device, requires_grad, _dims((size,) if isinstance(size, int) else size), fill_value)


def eye(n: int, m: Optional[int] = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    return _by("tp_eye_opt", dtype, device, requires_grad, n, n if m is None else m)


def arange(start: Number, end: Optional[Number] = None, step: Number = 1, *, dtype: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:
    """start, start + step, ... below end; arange(n) begins at 0.  Integers give int64."""
    if end is None:
        start, end = 0, start
    whole = all(isinstance(x, int) for x in (start, end, step))
    return _by("tp_arange_opt", dtype or (int64 if whole else float32), device, requires_grad, start, end, step)


def linspace(start: Number, end: Number, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    return _by("tp_linspace_opt", dtype, device, requires_grad, start, end, steps)


def logspace(start: Number, end: Number, steps: int, base: Number = 10, *, dtype: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:
    return _by("tp_logspace_opt", dtype, device, requires_grad, start, end, steps, base)


# ---- Random ones: of the thread's seed (manual_seed), or of a seed given ----------------------------------------------


def _drawn(name: str, seed: Optional[int], given: "dict[str, Any]", device: Any = None, requires_grad: bool = False) -> Tensor:
    op = _OPS[name]
    attrs = _table.attributes(op, tuple(seed if a.arg == "seed" else given.get(a.name) for a in op.given))
    p = lib.tp_apply_retained(op.address, b"", 0, attrs)
    return _finish(_wrap(p or fail()), device, requires_grad)


def _list(size: Any) -> Any:
    return tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)


def rand(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, seed: Optional[int] = None) -> Tensor:
    """U[0, 1)."""
    return _drawn("rand", seed, {"size": _list(size), "dtype": dtype}, device, requires_grad)


def randn(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, seed: Optional[int] = None) -> Tensor:
    """N(0, 1)."""
    return _drawn("randn", seed, {"size": _list(size), "dtype": dtype}, device, requires_grad)


def uniform(low: Number, high: Number, size: Dims, *, dtype: Any = None, seed: Optional[int] = None) -> Tensor:
    return _drawn("uniform", seed, {"low": low, "high": high, "size": size, "dtype": dtype})


def normal(mean: TensorLike, std: TensorLike = 1.0, size: Optional[Dims] = None, *, dtype: Any = None, seed: Optional[int] = None) -> Tensor:
    """N(mean, std^2), of a size, or around tensors."""
    if size is None:
        return _wrap(made(lib.tp_normal_around, operand(mean), operand(std)))
    return _drawn("normal", seed, {"mean": mean, "std": std, "size": size, "dtype": dtype})


def exponential(size: Dims, lambd: Number = 1.0, *, dtype: Any = None, seed: Optional[int] = None) -> Tensor:
    return _drawn("exponential", seed, {"lambd": lambd, "size": size, "dtype": dtype})


def randint(low: int, high: Any, size: Any = None, *, dtype: Any = None, seed: Optional[int] = None) -> Tensor:
    """Integers from low on and below high; randint(high, size) begins at 0."""
    if size is None:
        low, high, size = 0, low, high
    return _drawn("randint", seed, {"low": low, "high": high, "size": size, "dtype": dtype})


def randperm(n: int, *, seed: Optional[int] = None) -> Tensor:
    return _drawn("randperm", seed, {"n": n})


# ---- As another one -----------------------------------------------------------------------------------------------------


def empty_like(x: Tensor, *, dtype: Any = None) -> Tensor:
    return empty(x.shape, dtype=dtype or x.dtype)


def zeros_like(x: Tensor, *, dtype: Any = None) -> Tensor:
    return zeros(x.shape, dtype=dtype or x.dtype)


def ones_like(x: Tensor, *, dtype: Any = None) -> Tensor:
    return ones(x.shape, dtype=dtype or x.dtype)


def full_like(x: Tensor, fill_value: Number, *, dtype: Any = None) -> Tensor:
    return full(x.shape, fill_value, dtype=dtype or x.dtype)


def rand_like(x: Tensor, *, dtype: Any = None, seed: Optional[int] = None) -> Tensor:
    return rand(x.shape, dtype=dtype or x.dtype, seed=seed)


def randn_like(x: Tensor, *, dtype: Any = None, seed: Optional[int] = None) -> Tensor:
    return randn(x.shape, dtype=dtype or x.dtype, seed=seed)


# ---- Seeds ---------------------------------------------------------------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Of this thread; each thread begins with seed 0."""
    lib.tp_manual_seed(seed)


def get_rng_state() -> Tensor:
    return _wrap(made(lib.tp_rng_state_tensor))


def set_rng_state(state: Tensor) -> None:
    done(lib.tp_set_rng_state_tensor, state)


__all__ = ["arange", "empty", "empty_like", "exponential", "eye", "full", "full_like", "get_rng_state", "linspace", "logspace", "manual_seed",
           "normal", "ones", "ones_like", "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "set_rng_state", "uniform",
           "zeros", "zeros_like"]
