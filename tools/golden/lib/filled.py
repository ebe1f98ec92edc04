"""filled.py - numbers that follow from names alone, so that no weights are stored: the same as tests/support/filled.c.

Read next: ../zoo.py, ../seeing.py.
"""
import numpy as np
import torch

M64 = (1 << 64) - 1


def fnv(name):
    h = 0xcbf29ce484222325
    for c in name.encode():
        h = (h ^ c) * 0x100000001b3 & M64
    return h


def mixed(x):
    """The finaliser of splitmix64."""
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xbf58476d1ce4e5b9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94d049bb133111eb)
    return x ^ x >> np.uint64(31)


def raw(name, n):
    with np.errstate(over="ignore"):
        return mixed(np.uint64(fnv(name)) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15))


def numbers(name, shape):
    """n numbers in [-1, 1) that f32 holds exactly."""
    n = int(np.prod(shape))
    return torch.from_numpy((raw(name, n) >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1).reshape(shape)


def fill(net):
    with torch.no_grad():
        for name, t in net.state_dict().items():
            v = numbers(name, t.shape)
            if name.endswith("num_batches_tracked"):
                t.zero_()
            elif t.dim() > 1:
                t.copy_((np.sqrt(6 / (t.numel() / t.shape[0])) * v).float())
            elif name.endswith("running_mean") or name.endswith("bias"):
                t.copy_((0.1 * v).float())
            else:
                t.copy_((1 + 0.25 * v).float())
