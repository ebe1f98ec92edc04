"""io - weights and arrays to and from files: safetensors, PyTorch's .pth, NumPy's .npy and .npz."""
import ctypes as c
import os
from typing import Any, Dict, Mapping, Optional, Union

from ._c import ArgumentError, done, lib, made, struct
from ._c import path as c_path
from ._c import text
from ._module import Module, Params, take_params
from ._tensor import Tensor, _wrap

Tensors = Union[Module, Tensor, Mapping[str, Tensor]]


def _ending(path: Any) -> str:
    return str(os.path.splitext(os.fspath(path))[1]).lower()


def save(tensors: Tensors, path: Any, metadata: Optional[Mapping[str, str]] = None, compressed: bool = False) -> None:
    """A module's weights, or tensors by name.  The ending says how: .safetensors, .npz (compressed or not), .pth or .pt for
    torch.load; one tensor alone is .npy."""
    ending = _ending(path)
    if isinstance(tensors, Tensor):
        if ending != ".npy":
            raise ArgumentError(f"{os.fspath(path)}: a tensor without a name is written to an .npy file")
        done(lib.tp_npy_write, c_path(path), tensors.detach())
        return
    params = Params(tensors.state_dict() if isinstance(tensors, Module) else {n: t.detach() for n, t in tensors.items()})
    if ending == ".npz":
        o = struct("tp_npz_options")()
        o.struct_size, o.compressed = c.sizeof(o), compressed
        done(lib.tp_npz_write_opt, c_path(path), params, c.byref(o))
    elif ending in (".pth", ".pt", ".bin"):
        done(lib.tp_pth_write, c_path(path), params)
    elif ending == ".safetensors":
        kind = struct("tp_metadata")
        pairs = [(k.encode(), v.encode()) for k, v in (metadata or {}).items()]
        done(lib.tp_safetensors_write, c_path(path), params, (kind * len(pairs))(*pairs), len(pairs))
    else:
        raise ArgumentError(f"{os.fspath(path)}: tensors are written to .safetensors, .npz, .pth, .pt or .npy, as the name ends")


def load(path: Any, key: Optional[str] = None, mapped: bool = False) -> Any:
    """What a file holds: of an .npy file a tensor, of others tensors by name.  safetensors and PyTorch's files are told by their
    content.  key: the entry of a checkpoint.  mapped: pages are read when they are touched (.npy, .safetensors)."""
    ending = _ending(path)
    if ending == ".npy":
        return _wrap(made(lib.tp_npy_map if mapped else lib.tp_npy_read, c_path(path)))
    return load_tensors(path, key, mapped, ending == ".npz")


def load_tensors(path: Any, key: Optional[str], mapped: bool, is_npz: bool) -> Dict[str, Tensor]:
    if is_npz:
        return dict(take_params(lib.tp_npz_read, c_path(path)))
    if mapped:
        return dict(take_params(lib.tp_safetensors_map, c_path(path)))
    o = struct("tp_pth_options")()
    o.struct_size, o.key = c.sizeof(o), key.encode() if key else None
    return dict(take_params(lib.tp_weights_read_opt, c_path(path), c.byref(o)))


def metadata(path: Any, key: str) -> str:
    """A text that stands beside the weights in a safetensors file; "" if there is none."""
    room = c.create_string_buffer(65536)
    done(lib.tp_safetensors_metadata, c_path(path), key.encode(), room, len(room))
    return text(room.value)


def read_image(path: Any, channels: int = 0) -> Tensor:
    """A PNG or JPEG as (channels, height, width) in [0, 1]; channels 0: as many as it has."""
    return _wrap(made(lib.tp_image_read, c_path(path), channels))


def write_png(path: Any, image: Tensor) -> None:
    done(lib.tp_image_write_png, c_path(path), image)


__all__ = ["save", "load", "metadata", "read_image", "write_png"]
