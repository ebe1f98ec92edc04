"""optim - optimizers, schedules, clipping; rules and defaults are PyTorch's."""
import ctypes as c
import sys
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from ._c import ArgumentError, Object, check, done, fill, lib, made, struct, text
from ._module import Module, Parameters, Params, named_tensors, take_params
from ._tensor import Tensor

_Options = struct("tp_optim_options")
_ScheduleOptions = struct("tp_schedule_options")
ParamsLike = Union[Module, Iterable[Tensor], Iterable[Tuple[str, Tensor]], Iterable[Dict[str, Any]]]


def _named(params: Any, first: int = 0) -> Dict[str, Tensor]:
    """Tensors with names: a module's own, or numbers from first on."""
    if isinstance(params, Module):
        return dict(params.named_parameters())
    if isinstance(params, Tensor):
        params = [params]
    if isinstance(params, Parameters):
        return dict(zip(params.names, params))
    items = list(params)
    return dict(i if isinstance(i, tuple) else (str(first + n), i) for n, i in enumerate(items))


def _options(given: Dict[str, Any], what: str) -> Any:
    given = dict(given)
    if "betas" in given:
        given["beta1"], given["beta2"] = given.pop("betas")
    if "initial_accumulator_value" in given:
        given["initial_accumulator"] = given.pop("initial_accumulator_value")
    return fill(_Options(), given, what)


class Group(Mapping[str, Any]):
    """A group of parameters, with its learning rate: group["lr"] = 0.1."""

    def __init__(self, optimizer: "Optimizer", index: int) -> None:
        self.optimizer, self.index = optimizer, index

    def __getitem__(self, name: str) -> Any:
        if name != "lr":
            raise KeyError(name)
        return lib.tp_lr(self.optimizer, self.index)

    def __setitem__(self, name: str, value: float) -> None:
        if name != "lr":
            raise KeyError(f"{name}: of a group the rate alone changes once it is there")
        lib.tp_set_lr(self.optimizer, self.index, value)
        check()

    def __iter__(self) -> Iterator[str]:
        return iter(("lr",))

    def __len__(self) -> int:
        return 1


class Optimizer(Object):
    """An optimizer by its name in the library.  params: a module, tensors, or groups {"params": ..., "lr": ...}."""
    name = ""

    def __init__(self, params: ParamsLike, lr: Optional[float] = None, *, name: Optional[str] = None, **options: Any) -> None:
        name = name or self.name
        options = {"lr": lr, **options} if lr is not None else options
        groups: List[Any] = [params]
        if not isinstance(params, (Module, Tensor)):
            items = params if isinstance(params, Parameters) else list(params)
            groups = list(items) if items and isinstance(items[0], Mapping) else [items]
        self._count = 0
        for i, group in enumerate(groups):
            own = dict(group) if isinstance(group, Mapping) else {"params": group}
            named = _named(own.pop("params"), self._count)
            if not named:
                raise ArgumentError(f"{name}: there are no parameters")
            self._count += len(named)
            o = _options({**options, **own}, name)
            if i == 0:
                self._p = made(lib.tp_optim_new, name.encode(), Params(named), c.byref(o))
            else:
                done(lib.tp_add_group_opt, self, Params(named), c.byref(o))

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        own = dict(group)
        named = _named(own.pop("params"), self._count)
        self._count += len(named)
        done(lib.tp_add_group_opt, self, Params(named), c.byref(_options(own, self.name)))

    def step(self) -> None:
        """One update from the gradients."""
        done(lib.tp_step, self)

    def zero_grad(self) -> None:
        lib.tp_zero_grad(self)

    @property
    def param_groups(self) -> List[Group]:
        return [Group(self, i) for i in range(lib.tp_n_groups(self))]

    @property
    def lr(self) -> float:
        return float(lib.tp_lr(self, 0))

    @lr.setter
    def lr(self, value: float) -> None:
        """Of all groups."""
        lib.tp_set_lr(self, -1, value)
        check()

    def state_dict(self) -> Dict[str, Any]:
        return {"steps": int(lib.tp_optim_steps(self)), "state": dict(take_params(lib.tp_optim_state, self))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        done(lib.tp_optim_load_state, self, Params(state["state"]), state["steps"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lr={self.lr:g})"


class SGD(Optimizer):
    """momentum=0, dampening=0, weight_decay=0, nesterov=False, averaging=False; lr 1e-3."""
    name = "sgd"


class Adagrad(Optimizer):
    """lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10; lr 1e-2."""
    name = "adagrad"


class RMSprop(Optimizer):
    """alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False; lr 1e-2."""
    name = "rmsprop"


class Adam(Optimizer):
    """betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False; lr 1e-3."""
    name = "adam"


class AdamW(Optimizer):
    """betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False; lr 1e-3."""
    name = "adamw"


def names() -> List[str]:
    """What Optimizer(params, name=...) knows: an optimizer added in C needs no class."""
    return _listed(lib.tp_optim_name_at)


def _listed(at: Any) -> List[str]:
    found: List[str] = []
    while at(len(found)):
        found.append(text(at(len(found))))
    return found


# ---- Schedules -----------------------------------------------------------------------------------------------------------


class Schedule(Object):
    """A rule for the learning rate: schedules() lists the kinds, the options are those of tp_schedule_options (optim.h):
    warmup, total, step_size, milestones, gamma, min_factor, patience ..."""

    def __init__(self, optimizer: Optimizer, kind: str, **options: Any) -> None:
        milestones = options.pop("milestones", None)
        o = fill(_ScheduleOptions(), options, kind)
        if milestones is not None:
            self._milestones = (c.c_int64 * len(milestones))(*milestones)
            o.milestones, o.n_milestones = c.addressof(self._milestones), len(milestones)
        self.optimizer = optimizer
        self._p = made(lib.tp_schedule_new_opt, optimizer, kind.encode(), c.byref(o))

    def step(self, metric: Optional[float] = None) -> None:
        """After each step of the optimizer, or each epoch; of a plateau with what is measured."""
        if metric is not None:
            lib.tp_schedule_metric(self, metric)
        lib.tp_schedule_step(self)
        check()

    def get_last_lr(self) -> List[float]:
        return [g["lr"] for g in self.optimizer.param_groups]


def schedules() -> List[str]:
    return _listed(lib.tp_schedule_name_at)


def StepLR(optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> Schedule:
    return Schedule(optimizer, "step", step_size=step_size, gamma=gamma)


def MultiStepLR(optimizer: Optimizer, milestones: List[int], gamma: float = 0.1) -> Schedule:
    return Schedule(optimizer, "multi_step", milestones=milestones, gamma=gamma)


def ExponentialLR(optimizer: Optimizer, gamma: float) -> Schedule:
    return Schedule(optimizer, "exponential", gamma=gamma)


def CosineAnnealingLR(optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> Schedule:
    return Schedule(optimizer, "cosine", total=T_max, min_factor=eta_min / optimizer.lr)


def ReduceLROnPlateau(optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4) -> Schedule:
    if patience < 1:
        raise ArgumentError(f"patience is {patience}, at least 1 is wanted (a 0 is the default in the library)")
    return Schedule(optimizer, "plateau", gamma=factor, patience=patience, threshold=threshold, maximize=mode == "max")


lr_scheduler = sys.modules[__name__]  # optim.lr_scheduler.StepLR, as in PyTorch

# ---- Clipping, a mean of weights ------------------------------------------------------------------------------------------


def clip_grad_norm_(params: ParamsLike, max_norm: float) -> float:
    """Of all gradients together; the norm before."""
    return float(done(lib.tp_clip_grad_norm, Params(_named(params)), max_norm))


def clip_grad_value_(params: ParamsLike, clip_value: float) -> None:
    done(lib.tp_clip_grad_value, Params(_named(params)), clip_value)


class EMA(Object):
    """A running mean of a module's weights: update() after each step, swap() to evaluate with it and again to go on."""

    def __init__(self, module: Module, decay: float = 0.999) -> None:
        self._p = made(lambda: lib.tp_ema_new(lib.tp_state_dict(module), decay))

    def update(self) -> None:
        done(lib.tp_ema_update, self)

    def swap(self) -> None:
        lib.tp_ema_swap(self)

    def state_dict(self) -> Dict[str, Tensor]:
        return dict(named_tensors(lib.tp_ema_state(self)))
