"""nn - layers, containers, losses: torch.nn's names over the library's modules."""
import ctypes as c
from typing import Any, Optional, Tuple, Union

from . import _layers as _made
from . import _methods, functional, ops, optim
from ._c import check, done, lib, made, scope, shape, struct
from ._layers import *  # noqa: F401,F403
from ._module import Layer, Module, ModuleList, Parameter, Parameters, Sequential, branches
from ._tensor import Tensor, _wrap, borrowed

_State, _ForwardOptions = struct("tp_rnn_state"), struct("tp_rnn_forward_options")


class AdaptiveAvgPool2d(Layer):
    """The mean over as many windows as there are pixels wanted."""

    def __init__(self, output_size: Union[int, Tuple[int, int]]) -> None:
        height, width = (output_size, output_size) if isinstance(output_size, int) else output_size
        self._take(made(lib.tp_nn_adaptive_avg_pool2d, height, width))


class Concat(Layer):
    """Modules that see the same input, their outputs joined along dim 1: Concat(left=..., right=...)."""

    def __init__(self, **modules: Module) -> None:
        self._take(branches("tp_nn_concat_of", modules))
        self._kept = list(modules.values())


class Residual(Layer):
    """relu(body(x) + downsample(x)), the body one module after another; downsample None: x itself."""

    def __init__(self, downsample: Optional[Module] = None, **modules: Module) -> None:
        self._take(branches("tp_nn_residual_of", modules, downsample))
        self._kept = [*modules.values(), downsample]


class DenseBlock(Layer):
    """x = cat(x, module(x)) for each."""

    def __init__(self, **modules: Module) -> None:
        self._take(branches("tp_nn_dense_block_of", modules))
        self._kept = list(modules.values())


# ---- Recurrent layers give their state too, as PyTorch's ----------------------------------------------------------------------


def _recurrent(self: Layer, x: Tensor, hx: Any = None, lengths: Optional[Tensor] = None) -> Any:
    """y and the state after the last step: h, or (h, c) of an LSTM.  In a Sequential y alone goes on."""
    is_lstm = "LSTM" in type(self).__name__
    h, cell = hx if isinstance(hx, tuple) else (hx, None)
    state = _State(h=h._p if h is not None else None, c=cell._p if cell is not None else None)
    o = _ForwardOptions(struct_size=c.sizeof(_ForwardOptions), lengths=lengths._p if lengths is not None else None)
    with scope():
        p = lib.tp_rnn_forward_opt(self, x, c.byref(state), c.byref(o))
        check(not p)
        y, h_n = borrowed(p), borrowed(state.h)
        after = (h_n, borrowed(state.c)) if is_lstm else h_n
    if type(self).__name__.endswith("Cell"):
        return after
    return y, after


for _name, _kind in _made.CLASSES.items():
    if _name in ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"):
        setattr(_kind, "forward", _recurrent)


# ---- Losses: each of the library's as a class that keeps its options ---------------------------------------------------------


class Loss:
    """loss(input, target) is the operation of that name with these options."""
    _op: str = ""

    def __init__(self, **options: Any) -> None:
        known = {p.name for op in _methods.OPS if op.name == self._op for p in op.params()}
        for name in options:
            if name not in known:
                raise TypeError(f"{type(self).__name__} has no option '{name}'; it has {', '.join(sorted(known))}")
        self.options = options

    def forward(self, *tensors: Tensor) -> Tensor:
        return getattr(ops, self._op)(*tensors, **self.options)  # type: ignore[no-any-return]

    def __call__(self, *tensors: Tensor) -> Tensor:
        return self.forward(*tensors)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})"


class MSELoss(Loss):
    _op = "mse_loss"


class L1Loss(Loss):
    _op = "l1_loss"


class SmoothL1Loss(Loss):
    _op = "smooth_l1_loss"


class HuberLoss(Loss):
    _op = "huber_loss"


class CrossEntropyLoss(Loss):
    _op = "cross_entropy"


class NLLLoss(Loss):
    _op = "nll_loss"


class BCELoss(Loss):
    _op = "binary_cross_entropy"


class BCEWithLogitsLoss(Loss):
    _op = "binary_cross_entropy_with_logits"


class KLDivLoss(Loss):
    _op = "kl_div"


class PoissonNLLLoss(Loss):
    _op = "poisson_nll_loss"


class GaussianNLLLoss(Loss):
    _op = "gaussian_nll_loss"


class HingeEmbeddingLoss(Loss):
    _op = "hinge_embedding_loss"


class MarginRankingLoss(Loss):
    _op = "margin_ranking_loss"


class SoftMarginLoss(Loss):
    _op = "soft_margin_loss"


class CosineEmbeddingLoss(Loss):
    _op = "cosine_embedding_loss"


class TripletMarginLoss(Loss):
    _op = "triplet_margin_loss"


# ---- Initialisation, in place ---------------------------------------------------------------------------------------------------


class init:
    """torch.nn.init."""

    @staticmethod
    def xavier_uniform_(t: Tensor, gain: float = 1.0) -> Tensor:
        done(lib.tp_init_xavier_uniform_, t, gain)
        return t

    @staticmethod
    def xavier_normal_(t: Tensor, gain: float = 1.0) -> Tensor:
        done(lib.tp_init_xavier_normal_, t, gain)
        return t

    @staticmethod
    def kaiming_uniform_(t: Tensor, a: float = 0.0) -> Tensor:
        done(lib.tp_init_kaiming_uniform_, t, a)
        return t

    @staticmethod
    def kaiming_normal_(t: Tensor, a: float = 0.0, mode: str = "fan_in") -> Tensor:
        done(lib.tp_init_kaiming_normal_ if mode == "fan_in" else lib.tp_init_kaiming_normal_fan_out_, t, a)
        return t

    @staticmethod
    def orthogonal_(t: Tensor, gain: float = 1.0) -> Tensor:
        done(lib.tp_init_orthogonal_, t, gain)
        return t


# ---- Summary -------------------------------------------------------------------------------------------------------------------


def summary(module: Module, input_size: Tuple[int, ...]) -> str:
    """A line for each module: name, type, output, parameters; measured by a dry run, without computing anything."""
    kind, row = struct("tp_summary"), struct("tp_summary_row")
    s = kind()
    done(lib.tp_summarize, module, shape(input_size), c.byref(s))
    try:
        rows = c.cast(s.rows, c.POINTER(row))
        lines = [f"{'module':36}{'output':24}{'parameters':>16}"]
        for r in (rows[i] for i in range(s.n_rows)):
            name = "  " * r.depth + ((r.name or b"").decode().rpartition(".")[2] or (r.type or b"").decode())
            out = str(tuple(r.output.dim[:r.output.ndim])) if r.calls else "-"
            lines.append(f"{name:36}{out:24}{r.params:>16,}")
        lines.append(f"{s.params:,} parameters, {s.trainable:,} of them learn; {s.mult_adds:,} multiply-adds")
        return "\n".join(lines)
    finally:
        lib.tp_summary_free(c.byref(s))


class utils:
    """torch.nn.utils."""
    clip_grad_norm_ = staticmethod(optim.clip_grad_norm_)
    clip_grad_value_ = staticmethod(optim.clip_grad_value_)


# ---- What a network looks at ---------------------------------------------------------------------------------------------------


def output_of(net: Module, layer: Module, x: Tensor) -> Tensor:
    """What a layer somewhere in the network gives when the network is run on x."""
    return _wrap(made(lib.tp_output_of, net, layer, x))


def saliency(net: Module, x: Tensor, label: int = -1) -> Tensor:
    """(N, H, W): how much each pixel of x moves the score of the label, or of each picture's likeliest."""
    return _wrap(made(lib.tp_saliency, net, x, label))


def grad_cam(net: Module, x: Tensor, layer: Optional[Module] = None, label: int = -1) -> Tensor:
    """(N, h, w): where the layer, or the last one with maps, finds what speaks for the label."""
    return _wrap(made(lib.tp_grad_cam, net, layer, x, label))


__all__ = ["Module", "Layer", "Sequential", "ModuleList", "Parameter", "Parameters", "AdaptiveAvgPool2d", "Concat", "Residual",
           "DenseBlock", "Loss", "init", "utils", "functional", "summary", "output_of", "saliency", "grad_cam", *_made.CLASSES,
           *(kind.__name__ for kind in Loss.__subclasses__())]
