#!/usr/bin/env python3
"""ops.py - golden files of the operations: tests/golden/<family>.safetensors, from PyTorch.

    python3 tools/golden/ops.py [FAMILY...]        all of them without a name; needs Python 3 with torch 2.15

The cases stand in lib/, one file a chapter of taper/ops.h and functional.h; lib/golden.py has the format.  The same seed gives the
same files on the same machine; another processor may change a last bit, which the tests' tolerances allow for.
"""
import sys
from lib import elementwise, images, losses, reductions, shapes

FAMILIES = {**elementwise.FAMILIES, **reductions.FAMILIES, **shapes.FAMILIES, **images.FAMILIES, **losses.FAMILIES}

for name in sys.argv[1:] or FAMILIES:
    FAMILIES[name]("tools/golden/ops.py").write()
