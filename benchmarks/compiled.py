"""Builds the .pyx files beside this one when they are needed, into the user's cache folder."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent


def _folder(name: str) -> Path:
    """A folder of its own for every source, interpreter, Cython and SciPy."""
    import Cython
    import scipy

    what = (HERE / f"{name}.pyx").read_text() + sys.version + Cython.__version__ + scipy.__version__
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(what.encode()).hexdigest()[:16]
    return cache / "cbackprop-benchmarks" / f"{name}-{digest}"


def load(name: str) -> ModuleType:
    """The compiled module `name`, built first if it is not there yet."""
    folder = _folder(name)
    path = folder / f"{name}{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    if not path.exists():
        _build(name, folder, path)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _build(name: str, folder: Path, path: Path) -> None:
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    print(f"compiling {name}.pyx", file=sys.stderr)
    work = folder.with_name(f"{folder.name}.{os.getpid()}")
    work.mkdir(parents=True)
    # Cython wants to write beside the source, so the source is copied.
    source = Path(shutil.copy(HERE / f"{name}.pyx", work))
    flags = [] if os.name == "nt" else ["-O3"]
    extension = Extension(name, [str(source)], extra_compile_args=flags)
    command = build_ext(Distribution({"ext_modules": cythonize([extension], quiet=True)}))
    command.build_lib = command.build_temp = str(work)
    command.ensure_finalized()
    command.run()
    folder.mkdir(parents=True, exist_ok=True)
    os.replace(work / path.name, path)
    shutil.rmtree(work)
