"""train - whole runs, as `taper train` makes them; using them; generating text."""
import ctypes as c
import math
from typing import Any, Callable, Dict, Optional

from ._c import Object, callback, carry, done, fill, lib, made, path, struct, text
from ._module import Module, wrap_module
from ._tensor import Tensor, _wrap
from .models import _MODELS
from .text import Tokenizer

_Told, _Progress = callback("tp_generate_fn"), struct("tp_progress")
_ProgressFn = callback("tp_progress_fn")


def _callbacks(told: Optional[Callable[[str], Any]], pieces: "list[bytes]") -> Any:
    def call(_: Any, piece: bytes, size: int) -> bool:
        try:
            data = c.string_at(piece, size) if isinstance(piece, int) else piece[:size]
            pieces.append(data)
            return told is None or told(data.decode(errors="replace")) is not False
        except BaseException as e:
            carry(e)
            return False
    return _Told(call)


def generate(model: Module, tokenizer: Tokenizer, prompt: str = "", told: Optional[Callable[[str], Any]] = None, **options: Any) -> str:
    """Goes on with a text: length=, temperature=, top_k=, top_p=, seed=, stop= ... (tp_generate_options in taper/train.h).  told hears
    of each piece as it comes, and may return False to stop."""
    pieces: "list[bytes]" = []
    called = _callbacks(told, pieces)
    o = fill(struct("tp_generate_options")(), {"prompt": prompt, **options}, "generate")
    done(lib.tp_generate_opt, model, tokenizer, called, None, c.byref(o))
    return b"".join(pieces).decode(errors="replace")


class Run(Object):
    """A run folder, opened: its network and what goes with it."""

    def __init__(self, folder: Any) -> None:
        self._p = made(lib.tp_run_open, path(folder))

    @property
    def model(self) -> Module:
        return wrap_module(lib.tp_run_model(self))

    @property
    def classes(self) -> "list[str]":
        return [text(lib.tp_run_class_name(self, i)) for i in range(lib.tp_run_classes(self))]

    def input(self, image: Any) -> Tensor:
        """(1, C, H, W): a picture's file, as the network takes it."""
        return _wrap(made(lib.tp_run_input, self, path(image)))

    def predict(self, x: Tensor) -> Tensor:
        """Probabilities (N, classes), or values (N, 1)."""
        return _wrap(made(lib.tp_predict, self, x))

    def evaluate(self, data: Any = None, train: bool = False, batch_size: int = 256) -> Dict[str, Any]:
        """Of the test part of the run's own data; of other data, of all, unless its test part has files of its own."""
        result, (TRAIN, TEST, WHOLE) = struct("tp_eval_result")(), range(3)
        part = TRAIN if train else TEST if data is None else WHOLE
        done(lib.tp_run_evaluate, self, path(data) if data is not None else None, part, batch_size, c.byref(result))
        try:
            names = ("examples", "loss", "accuracy", "top5", "macro_precision", "macro_recall", "macro_f1")
            answer = {n: getattr(result, n) for n in names}
            figures = (struct("tp_figure") * result.n_figures).from_buffer_copy(bytes(result.figures)) if result.n_figures else ()
            answer.update({text(f.name): f.value for f in figures})
            return {n: v for n, v in answer.items() if not (isinstance(v, float) and math.isnan(v))}
        finally:
            lib.tp_eval_free(c.byref(result))

    def generate(self, prompt: str = "", told: Optional[Callable[[str], Any]] = None, **options: Any) -> str:
        pieces: "list[bytes]" = []
        called = _callbacks(told, pieces)
        o = fill(struct("tp_generate_options")(), {"prompt": prompt, **options}, "generate")
        done(lib.tp_run_generate_opt, self, called, None, c.byref(o))
        return b"".join(pieces).decode(errors="replace")


def run(model: str, data: Any, out: Any, progress: Optional[Callable[[Dict[str, Any]], Any]] = None, **config: Any) -> Run:
    """Trains as `taper train` does, and gives the run.  config: epochs=, batch_size=, seed=, optim=, schedule=, init= ...
    (tp_train_config in taper/train.h), and dicts model_options=, optim_options=, data_options=, schedule_options=.  progress hears of
    each epoch, and may return False to stop."""
    def call(_: Any, at: int) -> bool:
        try:
            p = c.cast(at, c.POINTER(_Progress)).contents
            if progress is None or not p.epoch_done:
                return True
            names = ("epoch", "epochs", "global_step", "lr", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "best", "is_best")
            return progress({n: getattr(p, n) for n in names}) is not False
        except BaseException as e:
            carry(e)
            return False
    called, info = _ProgressFn(call), _MODELS.get(model.replace("-", "_"))
    o = fill(struct("tp_train_config")(), {"model": info.name if info else model, "data": path(data), "out": path(out), **config}, "train.run")
    result = struct("tp_train_result")()
    done(lib.tp_train_run, c.byref(o), called, None, c.byref(result))
    return Run(out)
