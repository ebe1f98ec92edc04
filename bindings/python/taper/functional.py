"""functional - taper.ops under PyTorch's name: import taper.functional as F."""
from typing import TYPE_CHECKING, Any

from . import ops
from .ops import __all__ as __all__

if TYPE_CHECKING:
    from .ops import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(ops, name)
