"""setup.py - nothing is compiled; the C library that the checkout has built goes along, so that the package works at once.

TAPER_LIBRARY names another one.  Without any the package is installed alone, and looks for the library when it is imported.
"""
import os
import re
import shutil
import sys

from setuptools import setup
from setuptools.command.build_py import build_py

here = os.path.dirname(os.path.abspath(__file__))
name = {"darwin": "libtaper.dylib", "win32": "taper.dll"}.get(sys.platform, "libtaper.so")
with open(os.path.join(here, "taper", "_abi.py"), encoding="utf-8") as f:
    version = re.search(r'VERSION = "([^"]*)"', f.read()).group(1)


class with_library(build_py):
    def run(self):
        super().run()
        library = os.environ.get("TAPER_LIBRARY") or os.path.join(here, "..", "..", "build", name)
        if os.path.exists(library) and not self.editable_mode:
            shutil.copyfile(library, os.path.join(self.build_lib, "taper", name))


setup(version=version, cmdclass={"build_py": with_library})
