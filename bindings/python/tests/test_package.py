"""test_package.py - what is generated is current, hints are right, and an installed package works from another folder."""
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile

import common
from common import TOP, Case, tp

PACKAGE = os.path.join(TOP, "bindings", "python")
LIBRARY = os.environ.get("TAPER_LIBRARY") or os.path.join(TOP, "build", "libtaper.so")


def run(*words, **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TAPER_LIBRARY")}
    return subprocess.run(words, capture_output=True, text=True, env={**env, **environment})


class Package(Case):
    def test_what_is_generated_is_current(self):
        for tool in ("abi.py", "stubs.py"):
            ran = run(sys.executable, "-B", os.path.join(PACKAGE, "tools", tool), "--check", TAPER_LIBRARY=LIBRARY)
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_every_function_of_the_headers_is_in_the_library(self):
        self.assertGreater(len(tp._c._abi.FUNCTIONS), 700)
        for name in tp._c._abi.FUNCTIONS:
            self.assertTrue(callable(getattr(tp._c.lib, name)), name)

    def test_a_library_that_is_not_there(self):
        ran = run(sys.executable, "-B", "-c", "import taper", PYTHONPATH=PACKAGE, TAPER_LIBRARY="/there/is/no/libtaper.so")
        self.assertIn("/there/is/no/libtaper.so: not there", ran.stderr)
        self.assertIn("export TAPER_LIBRARY=", ran.stderr)

    def test_hints(self):
        if shutil.which("mypy") is None:
            self.skipTest("mypy is not here")
        ran = run("mypy", "--strict", "--cache-dir", os.devnull, os.path.join(PACKAGE, "taper"), os.path.join(PACKAGE, "examples", "mlp.py"))
        self.assertEqual(ran.returncode, 0, ran.stdout)

    def test_example(self):
        digits = os.path.join(TOP, "data", "mnist")
        if not os.path.exists(os.path.join(digits, "t10k-images-idx3-ubyte.gz")):
            self.skipTest("MNIST's files are not here")
        ran = run(sys.executable, "-B", os.path.join(PACKAGE, "examples", "mlp.py"), digits, "1", "4000", PYTHONPATH=PACKAGE, TAPER_LIBRARY=LIBRARY)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("test accuracy", ran.stdout)

    def test_the_manual_s_programs_run(self):
        if not os.path.exists(os.path.join(TOP, "data", "mnist", "train-images-idx3-ubyte.gz")):
            self.skipTest("MNIST's files are not here")
        with open(os.path.join(TOP, "docs", "python.md"), encoding="utf-8") as f:
            blocks = re.findall(r"```python\n(.*?)```", f.read(), re.S)
        self.assertGreater(len(blocks), 7)
        here, space = os.getcwd(), {}
        os.chdir(TOP)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                for block in blocks:
                    if not ("import numpy" in block and not common.np or "import torch" in block and not common.torch):
                        exec(compile(block, "docs/python.md", "exec"), space)
        finally:
            os.chdir(here)
        lines = said.getvalue().splitlines()
        self.assertEqual(lines[0], "(8, 4)")
        self.assertGreater(float(lines[1]), 0.94)
        self.assertIn("has 3 channels", lines[-1])

    def test_installed_into_a_fresh_environment(self):
        if os.environ.get("TAPER_TEST_INSTALLED"):
            self.skipTest("this is the installed one")
        with tempfile.TemporaryDirectory() as folder:
            python = os.path.join(folder, "env", "bin", "python")
            if run(sys.executable, "-m", "venv", os.path.join(folder, "env")).returncode:
                self.skipTest("venv is not here")
            ran = run(python, "-m", "pip", "install", "--no-index", PACKAGE, TAPER_LIBRARY=LIBRARY)  # without a network
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
            tests = os.path.join(folder, "tests")
            shutil.copytree(os.path.join(PACKAGE, "tests"), tests, ignore=shutil.ignore_patterns("__pycache__"))
            where = run(python, "-c", "import taper; print(taper.__file__, taper.__version__)")
            self.assertIn(os.path.join(folder, "env"), where.stdout, where.stderr)
            for name in ("test_tensor.py", "test_threads.py"):
                ran = run(python, os.path.join(tests, name), TAPER_TEST_INSTALLED="1")
                self.assertEqual(ran.returncode, 0, ran.stderr)


if __name__ == "__main__":
    common.main()
