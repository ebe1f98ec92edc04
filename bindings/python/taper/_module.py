"""_module.py - modules: the library's, and classes of yours that are the library's modules too.

Every Python module owns a C module; parameters and children that are set as attributes are registered there.  So whatever C does with
modules (state, freezing, saving, optimizers, summaries) it does with those written in Python; their forward is called back from C
where a C module (a sequential, say) has them as children.
"""
import ctypes as c
import itertools
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple, Type, TypeVar
from weakref import WeakValueDictionary

from . import _abi
from ._c import ArgumentError, Object, StateError, callback, carry, check, done, lib, made, retain, scope, text
from ._dtype import as_dtype
from ._tensor import Tensor, _wrap, borrowed, operand

M = TypeVar("M", bound="Module")
_live: "WeakValueDictionary[int, Module]" = WeakValueDictionary()
_types: Dict[str, Any] = {}  # names of classes, which C keeps
_layers: Dict[str, type] = {}  # by the library's name of the type


class Parameter(Tensor):
    """A tensor that learns: set as a module's attribute, it is one of its parameters."""
    __slots__ = ()

    def __new__(cls, data: Tensor, requires_grad: bool = True) -> "Parameter":
        plain, p = data.detach(), object.__new__(cls)
        p._p = retain(plain._p)
        return p

    def __init__(self, data: Tensor, requires_grad: bool = True) -> None:
        self.requires_grad_(requires_grad)


class Parameters(List[Tensor]):
    """A list of tensors that knows their names."""

    def __init__(self, named: "List[Tuple[str, Tensor]]") -> None:
        super().__init__(t for _, t in named)
        self.names = [n for n, _ in named]


class Params(Object):
    """The library's list of named tensors."""

    def __init__(self, named: "Mapping[str, Tensor]") -> None:
        self._p = made(lib.tp_params_new)
        for name, t in named.items():
            check(lib.tp_params_add(self, name.encode(), t))


def named_tensors(params: Optional[int]) -> "List[Tuple[str, Tensor]]":
    return [(text(lib.tp_params_name(params, i)), borrowed(lib.tp_params_at(params, i))) for i in range(lib.tp_params_count(params))]


def take_params(function: Callable[..., Any], *arguments: Any) -> "List[Tuple[str, Tensor]]":
    """Calls what returns such a list."""
    with scope():
        p = function(*arguments)
        check(not p)
        return named_tensors(p)


class Module(Object):
    """A network or a part of one.  Your own: a class with forward(), whose attributes are its parameters and children."""
    _is_layer = False

    def __new__(cls: Type[M], *_: Any, **__: Any) -> M:
        self = object.__new__(cls)
        if not cls._is_layer:
            name = _types.setdefault(cls.__name__, c.create_string_buffer(cls.__name__.encode()))
            self._take(made(lib.tp_module_new, name, 8, _forward))
        return self

    def _take(self, p: int) -> None:
        object.__setattr__(self, "_p", p)
        _live[p] = self

    def forward(self, *args: Any, **keywords: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward()")

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if "_hooked" in self.__dict__ and len(args) == 1 and not keywords and not self._is_layer:
            return _wrap(made(lib.tp_forward, self, operand(args[0])))  # C runs the hooks
        return self.forward(*args, **keywords)

    def register_forward_hook(self, hook: "Callable[[Module, Tuple[Tensor, ...], Any], Any]") -> "ForwardHook":
        """hook(module, inputs, output) after each forward; what it returns, if anything, takes the output's place.  Until remove()."""
        object.__setattr__(self, "_hooked", True)
        return ForwardHook(self, hook)

    # ---- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module) and not name.startswith("_"):
            if text_child(self, name) is not value:
                done(lib.tp_child, self, name.encode(), value)
        elif isinstance(value, Parameter):
            learns = value.requires_grad
            done(lib.tp_parameter, self, name.encode(), value)
            value.requires_grad_(learns)
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_p":
            raise AttributeError(name)
        child = text_child(self, name)
        if child is not None:
            return child
        with scope():
            found = lib.tp_params_find(lib.tp_state_dict(self), name.encode())
            check(lib.tp_error_pending())
            if found:
                return borrowed(found)
        raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")

    def register_parameter(self, name: str, value: Tensor) -> None:
        setattr(self, name, value if isinstance(value, Parameter) else Parameter(value))

    def register_buffer(self, name: str, value: Tensor, persistent: bool = True) -> None:
        """Saved with the parameters, not trained; persistent=False: not saved either."""
        done(lib.tp_buffer if persistent else lib.tp_passing_buffer, self, name.encode(), value)
        object.__setattr__(self, name, value)

    def add_module(self, name: str, module: "Module") -> None:
        setattr(self, name, module)

    # ---- what is in it

    def named_parameters(self) -> "List[Tuple[str, Tensor]]":
        return take_params(lib.tp_parameters, self)

    def parameters(self) -> Parameters:
        return Parameters(self.named_parameters())

    def named_buffers(self) -> "List[Tuple[str, Tensor]]":
        return take_params(lib.tp_buffers, self)

    def buffers(self) -> List[Tensor]:
        return [t for _, t in self.named_buffers()]

    def named_children(self) -> "List[Tuple[str, Module]]":
        return [(text(lib.tp_child_name(self, i)), wrap_module(lib.tp_child_at(self, i))) for i in range(lib.tp_n_children(self))]

    def children(self) -> "List[Module]":
        return [m for _, m in self.named_children()]

    def named_modules(self, prefix: str = "") -> "Iterator[Tuple[str, Module]]":
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(prefix + "." + name if prefix else name)

    def modules(self) -> "Iterator[Module]":
        return (m for _, m in self.named_modules())

    def get_submodule(self, name: str) -> "Module":
        p = lib.tp_find_module(self, name.encode())
        if not p:
            raise AttributeError(f"there is no module '{name}'")
        return wrap_module(p)

    def numel(self) -> int:
        """Numbers that are parameters."""
        return sum(t.numel() for t in self.parameters())

    def apply(self: M, function: "Callable[[Module], Any]") -> M:
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # ---- state

    def state_dict(self) -> Dict[str, Tensor]:
        return {n: t.detach() for n, t in take_params(lib.tp_state_dict, self)}

    def load_state_dict(self, state: Mapping[str, Tensor], except_for: Optional[str] = None) -> None:
        """Copies values in by name; what is missing, unexpected or misshapen is an error that names it.  except_for: patterns of names
        that stay as they are, "fc" or "*.bias,head"."""
        params = Params(state)
        if except_for is None:
            done(lib.tp_load_state, self, params)
        else:
            done(lib.tp_load_state_except, self, params, except_for.encode())

    def save(self, path: Any) -> None:
        """Weights as safetensors, or for PyTorch where the name ends in .pth or .pt."""
        from .io import save
        save(self, path)

    def load(self: M, path: Any, except_for: Optional[str] = None) -> M:
        """Weights from a safetensors or PyTorch file."""
        from ._c import path as c_path
        done(lib.tp_load_except, self, c_path(path), except_for.encode() if except_for else None)
        return self

    # ---- modes

    @property
    def training(self) -> bool:
        return bool(lib.tp_is_training(self))

    def train(self: M, mode: bool = True) -> M:
        lib.tp_train(self, mode)
        return self

    def eval(self: M) -> M:
        return self.train(False)

    def zero_grad(self) -> None:
        lib.tp_zero_grads(self)

    def freeze(self: M, names: str = "*") -> M:
        """Parameters whose names match learn no more: "features,*.bias"."""
        done(lib.tp_freeze, self, names.encode())
        return self

    def unfreeze(self: M, names: str = "*") -> M:
        done(lib.tp_unfreeze, self, names.encode())
        return self

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        return self.unfreeze() if requires_grad else self.freeze()

    def to(self: M, dtype: Any) -> M:
        """In another float type; "cpu" is where it is."""
        if str(dtype) != "cpu":
            done(lib.tp_module_to, self, as_dtype(dtype).code)
        return self

    def float(self: M) -> M:
        return self.to("float32")

    def double(self: M) -> M:
        return self.to("float64")

    def bfloat16(self: M) -> M:
        return self.to("bfloat16")

    def recompute(self: M, on: bool = True) -> M:
        """In training forward keeps its input alone, and runs again in backward: less memory, more work."""
        lib.tp_module_recompute(self, on)
        return self

    def fuse(self: M) -> M:
        """Folds batch norms into what stands before them, for inference."""
        done(lib.tp_fuse, self)
        return self

    # ---- as text

    def extra_repr(self) -> str:
        return text(lib.tp_module_info(self))

    def __repr__(self) -> str:
        lines = [f"({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        kind = type(self).__name__ if type(self) is not Layer else text(lib.tp_module_type(self))
        if not lines:
            return f"{kind}({self.extra_repr()})"
        return f"{kind}(\n  " + "\n  ".join(lines) + "\n)"


class Layer(Module):
    """A module of the library."""
    _is_layer = True

    def forward(self, x: Tensor) -> Tensor:
        return _wrap(made(lib.tp_forward, self, operand(x)))


def wrap_module(p: int) -> Module:
    """The Python module of a C module: the one there is, or a new one."""
    there = _live.get(p)
    if there is not None:
        return there
    made_of = _layers.get(text(lib.tp_module_type(p)), Layer)
    module: Any = object.__new__(made_of)
    module._take(retain(p))
    return module  # type: ignore[no-any-return]


def new_layer(kind: type, p: int) -> Any:
    """A Python object of a C module that was just made."""
    module: Any = object.__new__(kind)
    module._take(p)
    return module


def text_child(m: Module, name: str) -> Optional[Module]:
    encoded = name.encode()
    for i in range(lib.tp_n_children(m)):
        if lib.tp_child_name(m, i) == encoded:
            return wrap_module(lib.tp_child_at(m, i))
    return None


def _forward_called(m: int, x: int) -> Optional[int]:
    """A C module calls the forward of one written in Python."""
    try:
        module = _live.get(m)
        if module is None or module._is_layer:
            raise StateError("a module written in Python is called, but its Python object is gone; keep it, in its parent's attributes say")
        y = module.forward(borrowed(x))
        if not isinstance(y, Tensor):
            raise TypeError(f"{type(module).__name__}.forward gave {type(y).__name__}; inside of a sequential one tensor is wanted")
        return int(lib.tp_autorelease(retain(y._p)))
    except BaseException as e:
        carry(e)
        return None


_forward = callback("tp_forward_fn")(_forward_called)

_forward_hooks: "Dict[int, Callable[..., Any]]" = {}
_numbers = itertools.count(1)


def _tensors(at: int, n: int) -> "Tuple[Any, ...]":
    return tuple(borrowed(p) if p else None for p in (c.c_void_p * n).from_address(at))


def _hook_called(m: int, inputs: int, n_in: int, outputs: int, n_out: int, number: int) -> int:
    try:
        hook = _forward_hooks.get(number)
        out = _tensors(outputs, n_out)
        result = hook(wrap_module(m), _tensors(inputs, n_in), out[0] if n_out == 1 else out) if hook is not None else None
        if result is not None:
            for i, t in enumerate([result] if isinstance(result, Tensor) else result):
                (c.c_void_p * n_out).from_address(outputs)[i] = lib.tp_autorelease(retain(t._p))
        return 0
    except BaseException as e:
        carry(e)
        return _abi.CONSTANTS["TP_ERR_STATE"]


_call_hook = callback("tp_forward_hook")(_hook_called)


class ForwardHook:
    """What register_forward_hook gives; remove() takes the function away."""

    def __init__(self, module: Module, hook: Callable[..., Any]) -> None:
        self.module, self.key = module, next(_numbers)
        _forward_hooks[self.key] = hook
        self.number = done(lib.tp_register_forward_hook, module, _call_hook, self.key)

    def remove(self) -> None:
        if _forward_hooks.pop(self.key, None) is not None:
            lib.tp_remove_module_hook(self.module, self.number)


# ---- Containers ----------------------------------------------------------------------------------------------------------


class _Children(Module):
    """A module that is a sequence of its children."""

    def __len__(self) -> int:
        return int(lib.tp_n_children(self))

    def __getitem__(self, i: int) -> Module:
        if not -len(self) <= i < len(self):
            raise IndexError(f"there are {len(self)} modules, none at {i}")
        return wrap_module(lib.tp_child_at(self, i % len(self)))

    def __iter__(self) -> Iterator[Module]:
        return iter(self.children())


class _Container(Layer, _Children):
    """Children in order: positional ones, a dict, or by keywords."""

    def __init__(self, *modules: Any, **named: Module) -> None:
        only: Any = modules[0] if len(modules) == 1 else None
        if isinstance(only, Mapping):
            modules, named = (), dict(only.items())
        self._take(self._new())
        for m in modules:
            self.append(m)
        for name, m in named.items():
            self.append(m, name)

    def _new(self) -> int:
        return made(lib.tp_nn_sequential_of, (c.c_void_p * 1)())

    def append(self: M, module: Module, name: Optional[str] = None) -> M:
        if not isinstance(module, Module):
            raise TypeError(f"a module is wanted, not {type(module).__name__}")
        done(lib.tp_nn_append, self, name.encode() if name else None, module)
        self.__dict__.setdefault("_kept", []).append(module)  # one written in Python must stay
        return self


class Sequential(_Container):
    """One module after another."""


class ModuleList(_Children):
    """Modules in a list, for a forward of yours."""

    def __init__(self, modules: Any = ()) -> None:
        for m in modules:
            self.append(m)

    def append(self, module: Module) -> "ModuleList":
        setattr(self, str(len(self)), module)
        return self


def branches(function: str, modules: Mapping[str, Module], downsample: Optional[Module] = None) -> int:
    """concat, residual, dense_block: names and modules in one array."""
    if not modules:
        raise ArgumentError("no module is given")
    names = [c.create_string_buffer(n.encode()) for n in modules]
    flat: List[Any] = []
    for name, m in zip(names, modules.values()):
        flat += [c.addressof(name), m._p]
    array = (c.c_void_p * (len(flat) + 1))(*flat)
    return made(getattr(lib, function), *([downsample] if function == "tp_nn_residual_of" else []), array)


_layers.update(sequential=Sequential)
LAYER_FUNCTIONS = {name: spec for name, spec in _abi.FUNCTIONS.items() if name.startswith("tp_nn_")}
