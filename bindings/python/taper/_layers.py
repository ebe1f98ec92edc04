"""_layers.py - the library's layers as classes, made from the headers (tp_nn_... in taper/nn.h); _layers.pyi lists them.

Arguments have PyTorch's names.  An option that C says as no_bias is bias=True here; one with a form for height and width
(stride, stride_hw) takes a number or two.
"""
import ctypes as c
from typing import Any, Dict, List, NamedTuple, Tuple

from . import _abi
from ._c import fill, lib, made, shape, struct
from ._module import LAYER_FUNCTIONS, Layer, _layers

WORDS = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "rnn": "RNN", "lstm": "LSTM", "gru": "GRU", "rms": "RMS"}
# the C headers' short names of arguments, in the layers' words
ARGUMENTS: Dict[str, Dict[str, str]] = {
    "linear": {"in": "in_features", "out": "out_features"},
    "conv": {"in": "in_channels", "out": "out_channels", "kernel": "kernel_size"},
    "max_pool": {"kernel": "kernel_size"}, "avg_pool": {"kernel": "kernel_size"},
    "batch_norm": {"channels": "num_features"}, "instance_norm": {"channels": "num_features"}, "group_norm": {"channels": "num_channels"},
    "rnn": {"input": "input_size", "hidden": "hidden_size"}, "lstm": {"input": "input_size", "hidden": "hidden_size"},
    "gru": {"input": "input_size", "hidden": "hidden_size"}, "embedding": {"count": "num_embeddings", "width": "embedding_dim"}}
# options of the functions that share a struct with the layers; and defaults of positional arguments
NOT_OF_LAYERS = {"relu", "training", "use_running", "struct_size"}
POSITIONAL_DEFAULTS = {"negative_slope": 0.01, "p": 0.5, "bidirectional": False}
SKIPPED = {"sequential_of", "append", "concat_of", "residual_of", "dense_block_of", "adaptive_avg_pool2d"}


class Option(NamedTuple):
    name: str       # the keyword
    field: str      # of the C struct
    kind: str       # letter of _abi.py
    negated: bool
    pair: bool


class Spec(NamedTuple):
    """A constructor: what it is called in C and here, its arguments in order, its options."""
    function: str
    name: str
    arguments: List[Tuple[str, str]]  # name, letter
    options_struct: str
    options: List[Option]


def _class_name(word: str) -> str:
    return "".join(WORDS.get(w) or w.capitalize() for w in word.split("_"))


def _options(name: str) -> List[Option]:
    fields = dict(reversed(word.split(":")) for word in _abi.STRUCTS[name].split())  # type: ignore[misc]
    result = []
    for field, kind in fields.items():
        if field in NOT_OF_LAYERS or kind == "p" or field.endswith("_hw"):
            continue
        negated = field.startswith("no_")
        result.append(Option({"no_running": "track_running_stats", "running": "track_running_stats"}.get(field, field[3 * negated:]),
                             field, kind, negated, field + "_hw" in fields))
    return result


def read() -> List[Spec]:
    specs = []
    for function, spec in LAYER_FUNCTIONS.items():
        word = function[6:].replace("_opt", "")
        words = spec.split()
        if word in SKIPPED or words[0] != "p":
            continue
        renamed = next((names for start, names in ARGUMENTS.items() if word.startswith(start)), {})
        arguments, options = [], ""
        for w in words[1:]:
            kind, _, name = w.partition(":")
            if name.startswith("tp_") and name.endswith("_options"):
                options = name
            else:
                arguments.append((renamed.get(name, name), kind))
        every = _options(options) if options else []
        taken = {name for name, _ in arguments}
        if "norm" in word:  # affine, running: for the one that has neither by itself
            every = [o for o in every if o.field not in (("no_affine", "no_running") if word.startswith("instance") else ("affine", "running"))]
        specs.append(Spec(function, _class_name(word), arguments, options, [o for o in every if o.name not in taken]))
    return specs


def _positional(spec: Spec, given: Dict[str, Any]) -> List[Any]:
    values = []
    for name, kind in spec.arguments:
        if name not in given and name not in POSITIONAL_DEFAULTS:
            raise TypeError(f"{spec.name}: {name} is missing")
        value = given.pop(name, POSITIONAL_DEFAULTS.get(name))
        if kind == "*tp_shape":
            value = shape((value,) if isinstance(value, int) else value)
        elif kind == "s":
            value = value.encode()
        elif name == "kernel_size" and isinstance(value, (tuple, list)):
            given["kernel_hw"], value = tuple(value), value[0]
        values.append(value)
    return values


def build(spec: Spec, args: Tuple[Any, ...], given: Dict[str, Any]) -> int:
    """Calls the constructor."""
    names = [name for name, _ in spec.arguments] + [o.name for o in spec.options]
    if len(args) > len(names):
        raise TypeError(f"{spec.name} takes {len(names)} arguments, {len(args)} were given")
    given = {**dict(zip(names, args)), **given}
    values = _positional(spec, given)
    if not spec.options_struct:
        if given:
            raise TypeError(f"{spec.name} has no option '{next(iter(given))}'")
        return made(getattr(lib, spec.function), *values)
    fields: Dict[str, Any] = {"kernel_hw": given.pop("kernel_hw")} if "kernel_hw" in given else {}
    if given.get("momentum", 0) is None:  # PyTorch's word for the mean over all batches
        given["cumulative"] = True
    for o in spec.options:
        if o.name in given:
            value = given.pop(o.name)
            pair = o.pair and isinstance(value, (tuple, list))
            fields[o.field + "_hw" if pair else o.field] = not value if o.negated and value is not None else value
    if given:
        raise TypeError(f"{spec.name} has no option '{next(iter(given))}'; it has {', '.join(names)}")
    return made(getattr(lib, spec.function), *values, c.byref(fill(struct(spec.options_struct)(), fields, spec.name)))


def _layer(spec: Spec) -> type:
    def __init__(self: Any, *args: Any, **options: Any) -> None:
        self._take(build(spec, args, options))
    words = [n for n, _ in spec.arguments] + [f"{o.name}=" for o in spec.options]
    return type(spec.name, (Layer,), {"__init__": __init__, "__doc__": f"{spec.name}({', '.join(words)}): {spec.function} in nn.h.",
                                      "__module__": "taper.nn"})


SPECS = read()
CLASSES: Dict[str, type] = {spec.name: _layer(spec) for spec in SPECS}
_layers.update({spec.function[6:].replace("_opt", ""): CLASSES[spec.name] for spec in SPECS})
globals().update(CLASSES)
__all__ = list(CLASSES)
