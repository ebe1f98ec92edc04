"""_dtype.py - types of elements and devices, under PyTorch's names."""
from typing import Any, Dict, List

from ._c import DtypeError, lib, text


class dtype:
    """float32, int64 ...; compares with texts too: x.dtype == "float32"."""
    __slots__ = ("name", "code", "itemsize", "is_floating_point", "format")

    def __init__(self, name: str, code: int, format: str) -> None:
        self.name, self.code, self.format = name, code, format
        self.itemsize = int(lib.tp_dtype_size(code))
        self.is_floating_point = bool(lib.tp_dtype_is_float(code))

    def __repr__(self) -> str:
        return f"taper.{self.name}"

    def __eq__(self, other: Any) -> bool:
        return self is other or (isinstance(other, str) and _named.get(other) is self)

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> str:
        return self.name


# in the order of tp_dtype; the letters are those of struct and array, f16 and bf16 go through f32
BY_CODE: List[dtype] = [dtype(name, code, format) for code, (name, format) in enumerate([
    ("float32", "f"), ("float64", "d"), ("float16", "e"), ("bfloat16", ""), ("int64", "q"), ("int32", "i"), ("int16", "h"),
    ("int8", "b"), ("uint8", "B"), ("bool", "?")])]
float32, float64, float16, bfloat16, int64, int32, int16, int8, uint8, bool_ = BY_CODE
ALIASES: Dict[str, dtype] = {"float": float32, "double": float64, "half": float16, "long": int64, "int": int32, "short": int16}
_named: Dict[str, dtype] = {**{d.name: d for d in BY_CODE}, **ALIASES, **{text(lib.tp_dtype_name(d.code)): d for d in BY_CODE}}


def as_dtype(value: Any) -> dtype:
    """Ours, its name, Python's float, int and bool, NumPy's or PyTorch's."""
    if isinstance(value, dtype):
        return value
    if value in (float, int, bool):
        return {float: float32, int: int64, bool: bool_}[value]
    name = value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", None) or str(value)
    found = _named.get(name.rpartition(".")[2])
    if found is None:
        raise DtypeError(f"there is no dtype {value!r}; there are {', '.join(d.name for d in BY_CODE)}")
    return found


class device:
    """Where a tensor lies; compares with texts: x.device == "cpu"."""
    __slots__ = ("type", "index")

    def __init__(self, name: Any) -> None:
        self.type, _, index = str(name).partition(":")
        self.index = int(index) if index else None

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (")" if self.index is None else f", index={self.index})")

    def __eq__(self, other: Any) -> bool:
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))
