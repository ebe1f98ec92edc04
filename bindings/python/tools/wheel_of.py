"""wheel_of.py - what pip asks for: the package as a wheel (PEP 517, PEP 660).

A wheel is a zip file of the package's files and three texts about them, so nothing has to be installed, or fetched, to make one.  The C
library that the checkout has built goes along, so that the package works at once; TAPER_LIBRARY names another one.  Without any, the
package goes alone and looks for the library when it is imported.
"""
import base64
import hashlib
import io
import os
import re
import sys
import sysconfig
import tarfile
import zipfile

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
LIBRARY = {"darwin": "libtaper.dylib", "win32": "taper.dll"}.get(sys.platform, "libtaper.so")


def _read(*path):
    with open(os.path.join(TOP, *path), "rb") as f:
        return f.read()


VERSION = re.search(r'VERSION = "([^"]*)"', _read("taper", "_abi.py").decode()).group(1)


def _library():
    """The file that goes along, or None."""
    path = os.environ.get("TAPER_LIBRARY") or os.path.join(TOP, "..", "..", "build", LIBRARY)
    return path if os.path.isfile(path) else None


def _metadata():
    lines = ["Metadata-Version: 2.1", "Name: taper", f"Version: {VERSION}",
             "Summary: Deep learning in C, from Python: a thin layer over libtaper", "Requires-Python: >=3.8",
             "Description-Content-Type: text/markdown", ""]
    return "\n".join(lines).encode() + b"\n" + _read("README.md")


def _write(folder, files, tag):
    """The wheel of these files, {name in it: bytes}; its name."""
    info = f"taper-{VERSION}.dist-info"
    files = {**files, f"{info}/METADATA": _metadata(),
             f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: taper\nRoot-Is-Purelib: {str(tag.endswith('any')).lower()}\nTag: {tag}\n".encode()}
    record = []
    name = f"taper-{VERSION}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w", zipfile.ZIP_DEFLATED) as z:
        for path, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(data)}\n")
            z.writestr(path, data)
        z.writestr(f"{info}/RECORD", "".join(record) + f"{info}/RECORD,,\n")
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    files = {f"taper/{name}": _read("taper", name) for name in sorted(os.listdir(os.path.join(TOP, "taper")))
             if name.endswith((".py", ".pyi")) or name == "py.typed"}
    library, tag = _library(), "py3-none-any"
    if library:
        files[f"taper/{LIBRARY}"] = _read(os.path.abspath(library))
        tag = "py3-none-" + re.sub(r"[-.]", "_", sysconfig.get_platform())
    return _write(wheel_directory, files, tag)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _write(wheel_directory, {"taper.pth": TOP.encode() + b"\n"}, "py3-none-any")


def build_sdist(sdist_directory, config_settings=None):
    name = f"taper-{VERSION}"
    with tarfile.open(os.path.join(sdist_directory, name + ".tar.gz"), "w:gz") as t:
        about = tarfile.TarInfo(f"{name}/PKG-INFO")
        about.size = len(_metadata())
        t.addfile(about, io.BytesIO(_metadata()))
        for part in ("pyproject.toml", "README.md", "taper", "tools", "examples"):
            t.add(os.path.join(TOP, part), f"{name}/{part}", filter=lambda i: None if "__pycache__" in i.name or i.name.endswith(".so") else i)
    return name + ".tar.gz"
