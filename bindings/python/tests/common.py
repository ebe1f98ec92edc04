"""common.py - what the tests share.  A file run alone ends with 77, which ctest counts as skipped, where nothing in it could run."""
import os
import sys
import unittest

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
PROGRAM = sys.argv.pop(1) if sys.argv[1:] and os.path.isabs(sys.argv[1]) else os.path.join(TOP, "build", "taper")

if sys.version_info < (3, 8):
    print("skipped: Python 3.8 or later is wanted")
    sys.exit(77)
if not os.environ.get("TAPER_TEST_INSTALLED"):
    sys.path.insert(0, os.path.join(TOP, "bindings", "python"))
import taper as tp  # noqa: E402

try:
    import numpy as np
except ImportError:
    np = None
try:
    import torch
except ImportError:
    torch = None

TOLERANCES = {"float64": (1e-9, 1e-11), "float32": (2e-5, 1e-5), "float16": (2e-3, 1e-3), "bfloat16": (1.6e-2, 1e-2)}


def flat(x):
    """Numbers of nested lists."""
    return [v for y in x for v in flat(y)] if isinstance(x, list) else [x]


def difference(got, wanted, rtol=None, atol=None):
    """What differs, as text, or None; of two tensors."""
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return f"{got.dtype} {got.shape}, wanted {wanted.dtype} {wanted.shape}"
    r, a = TOLERANCES.get(wanted.dtype.name, (0, 0))
    r, a = r if rtol is None else rtol, a if atol is None else atol
    for x, y in zip(flat(got.tolist()), flat(wanted.tolist())):
        if not (x == y or x != x and y != y or abs(x - y) <= a + r * abs(y)):
            return f"{x}, wanted {y}"
    return None


class Case(unittest.TestCase):
    def close(self, got, wanted, rtol=1e-5, atol=1e-6):
        """Tensors, arrays or lists of numbers."""
        as_lists = [flat(x.tolist()) if hasattr(x, "tolist") else flat(x) for x in (got, wanted)]
        if hasattr(got, "shape") and hasattr(wanted, "shape"):
            self.assertEqual(tuple(got.shape), tuple(wanted.shape))
        self.assertEqual(len(as_lists[0]), len(as_lists[1]))
        for x, y in zip(*as_lists):
            self.assertTrue(x == y or x != x and y != y or abs(x - y) <= atol + rtol * abs(y), f"{x}, wanted {y}")

    def fails(self, kind, words, function, *args, **keywords):
        with self.assertRaises(kind) as caught:
            function(*args, **keywords)
        self.assertIn(words, str(caught.exception))


def main():
    done = unittest.main(exit=False).result
    skipped = len(done.skipped) == done.testsRun and not done.failures and not done.errors
    sys.exit(77 if skipped else not done.wasSuccessful())
