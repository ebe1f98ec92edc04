"""models - the zoo: taper.models.resnet18(classes=10), one function for each network that the library knows.

Options are those of tp_model_options (taper/models.h) that the network reads; `taper models` and names() list the networks.  A
network's file of weights, Taper's, torchvision's or Hugging Face's, is loaded with weights="path".
"""
import ctypes as c
from typing import Any, Callable, Dict, List, Optional, Tuple

from ._c import ArgumentError, fill, lib, made, path, struct, text
from ._module import Layer, Module, new_layer

_Options, _Info = struct("tp_model_options"), struct("tp_model_info")


def _infos() -> "Dict[str, Any]":
    every = (c.cast(lib.tp_model_at(i), c.POINTER(_Info)).contents for i in range(lib.tp_model_count()))
    return {text(info.name).replace("-", "_"): info for info in every}


_MODELS = _infos()


def names() -> List[str]:
    return list(_MODELS)


def _known(name: str) -> Any:
    info = _MODELS.get(name.replace("-", "_"))
    if info is None:
        raise ArgumentError(f"there is no model '{name}'; there are {', '.join(_MODELS)}")
    return info


def options_of(name: str) -> Dict[str, Any]:
    """The options that a network reads, with their defaults."""
    info = _known(name)
    values = {}
    for option in text(info.options).split():
        value = getattr(info.defaults, option.replace("-", "_"), None)
        values[option.replace("-", "_")] = value.decode() if isinstance(value, bytes) else value
    return values


def create(name: str, weights: Optional[Any] = None, except_for: Optional[str] = None, **options: Any) -> Module:
    """A network by its name; except_for: patterns of names whose weights stay random ("fc")."""
    info = _known(name)
    known = options_of(name)
    for option in options:
        if option not in known and not hasattr(_Options, option):
            raise TypeError(f"{name} has no option '{option}'; it has {', '.join(known)}")
    p = made(lib.tp_model_opt, info.name, c.byref(fill(_Options(), options, name)))
    module = _wrapped(p)
    if weights is not None:
        module.load(weights, except_for)
    return module


def _wrapped(p: int) -> Module:
    """The class follows from what the network is made of."""
    from ._module import _layers
    return new_layer(_layers.get(text(lib.tp_module_type(p)), Layer), p)  # type: ignore[no-any-return]


def input_shape(name: str, batch: int = 1, **options: Any) -> Tuple[int, ...]:
    info = _known(name)
    s = lib.tp_model_input_shape(c.byref(info), c.byref(fill(_Options(), options, name)) if options else None, batch)
    return tuple(s.dim[:s.ndim])


def pretrained(folder: Any, pooling: Optional[str] = None) -> Module:
    """A Transformer from Hugging Face's files: GPT-2, LLaMA, Gemma, BLOOM, BERT, Marian; or one of llama2.c's."""
    kind = struct("tp_pretrained_options")
    return _wrapped(made(lib.tp_pretrained_opt, path(folder), c.byref(fill(kind(), {"pooling": pooling}, "pretrained"))))


def __getattr__(name: str) -> Callable[..., Module]:
    if name not in _MODELS:
        raise AttributeError(f"there is no model '{name}'; there are {', '.join(_MODELS)}")

    def model(weights: Optional[Any] = None, **options: Any) -> Module:
        return create(name, weights, **options)
    model.__name__ = name
    info = _MODELS[name]
    words = ", ".join(f"{k}={v!r}" for k, v in options_of(name).items())
    model.__doc__ = f"{text(info.title)} ({text(info.paper)}).  Options: {words}."
    globals()[name] = model
    return model


def __dir__() -> List[str]:
    return sorted([*globals(), *_MODELS])
