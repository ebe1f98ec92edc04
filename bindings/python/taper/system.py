"""system - memory, threads, instruction sets."""
from typing import NamedTuple

from ._c import done, lib, text


class MemoryStats(NamedTuple):
    live_bytes: int    # handed out and not given back
    peak_bytes: int
    cached_bytes: int  # free, kept for what is asked for next
    live_blocks: int
    system_calls: int  # how often malloc was asked


def memory_stats() -> MemoryStats:
    s = lib.tp_memory_stats()
    return MemoryStats(*(getattr(s, name) for name in MemoryStats._fields))


def memory_trim() -> None:
    """Gives free blocks back to the system."""
    lib.tp_memory_trim()


def get_num_threads() -> int:
    return int(lib.tp_num_threads())


def set_num_threads(n: int) -> None:
    """Of the whole process; results never depend on it."""
    done(lib.tp_set_num_threads, n)


def isa() -> str:
    """The instruction set in use."""
    return text(lib.tp_isa())


def set_precise(on: bool) -> None:
    """Sums in the order of the definition: no algorithm that trades digits for speed."""
    lib.tp_set_precise(on)


def set_float32_matmul_precision(precision: str) -> None:
    """ "highest", or "medium": products may round their operands to bf16."""
    done(lib.tp_set_float32_matmul_precision, precision.encode())
