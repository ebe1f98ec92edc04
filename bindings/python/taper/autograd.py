"""autograd - gradients: modes, and gradients as values (torch.autograd)."""
import ctypes as c
from functools import wraps
from typing import Any, Callable, Optional, Sequence, Tuple, TypeVar, Union, cast

from ._c import check, done, lib, retain, scope
from ._c import struct as c_struct
from ._tensor import Tensor, _wrap

F = TypeVar("F", bound=Callable[..., Any])
_Options = c_struct("tp_backward_options")


class _Mode:
    """A context manager and a decorator; of this thread."""
    _on = True

    def __enter__(self) -> None:
        self.before = lib.tp_grad_mode_set(self._on)

    def __exit__(self, *_: Any) -> None:
        lib.tp_grad_mode_set(self.before)

    def __call__(self, function: F) -> F:
        kind = type(self)

        @wraps(function)
        def run(*args: Any, **keywords: Any) -> Any:
            with kind():
                return function(*args, **keywords)
        return cast(F, run)


class no_grad(_Mode):
    """No history is recorded inside."""
    _on = False


class enable_grad(_Mode):
    """History is recorded again, inside of no_grad."""


def is_grad_enabled() -> bool:
    return bool(lib.tp_grad_mode())


def _list(x: Any) -> "Sequence[Any]":
    return list(x) if isinstance(x, (list, tuple)) else [x]


def grad(outputs: Union[Tensor, Sequence[Tensor]], inputs: Union[Tensor, Sequence[Tensor]], grad_outputs: Any = None,
         retain_graph: bool = False, create_graph: bool = False, allow_unused: bool = False,
         materialize_grads: bool = False) -> Tuple[Optional[Tensor], ...]:
    """d outputs / d inputs, without touching any .grad."""
    ys, xs = _list(outputs), _list(inputs)
    seeds = _list(grad_outputs) if grad_outputs is not None else [None] * len(ys)
    pointers = c.c_void_p * len(ys)
    grads = (c.c_void_p * len(xs))()
    o = _Options(c.sizeof(_Options), retain_graph, create_graph, None, not allow_unused and not materialize_grads, materialize_grads)
    with scope():
        status = lib.tp_gradients_of_opt(pointers(*[y._p for y in ys]), len(ys),
                                         pointers(*[s._p if s is not None else None for s in seeds]),
                                         (c.c_void_p * len(xs))(*[x._p for x in xs]), len(xs), grads, c.byref(o))
        check(status)
        return tuple(_wrap(retain(p)) if p else None for p in grads)


def backward(tensors: Union[Tensor, Sequence[Tensor]], grad_tensors: Any = None, retain_graph: bool = False,
             create_graph: bool = False) -> None:
    """The sum of several results' gradients, into every leaf's grad."""
    ys = _list(tensors)
    seeds = _list(grad_tensors) if grad_tensors is not None else [None] * len(ys)
    pointers = c.c_void_p * len(ys)
    o = _Options(c.sizeof(_Options), retain_graph, create_graph)
    done(lib.tp_backward_of_opt, pointers(*[y._p for y in ys]), len(ys), pointers(*[s._p if s is not None else None for s in seeds]),
         c.byref(o))


class detect_anomaly:
    """A gradient that becomes NaN inside is an error that names the operation.  Slow."""

    def __enter__(self) -> None:
        self.before = lib.tp_set_detect_anomaly(True)

    def __exit__(self, *_: Any) -> None:
        lib.tp_set_detect_anomaly(self.before)
