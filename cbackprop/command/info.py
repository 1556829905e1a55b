"""Where does cbackprop run?  The answer for a bug report: `cbackprop info`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from cbackprop._version import __version__

PACKAGES = ("numpy", "scipy", "scikit-learn", "threadpoolctl", "joblib")
OPTIONAL = ("pandas", "polars", "skl2onnx", "skorch", "torch", "tensorflow", "jax", "mkl")
VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "GOTO_NUM_THREADS",
    "MKL_NUM_THREADS",
    "MKL_THREADING_LAYER",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "PYTHON_GIL",
)


def processor() -> str:
    """The processor's name, or failing that its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n"):
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown processor"


def version(package: str) -> str | None:
    """A package's version, None if it is not installed; the package is not imported."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _python() -> str:
    is_gil_enabled: Any = getattr(sys, "_is_gil_enabled", None)
    gil = "" if is_gil_enabled is None or is_gil_enabled() else ", without GIL"
    return f"{platform.python_version()} ({platform.python_implementation()}{gil})"


def _folder() -> str:
    """Where the package lies, without the user's name."""
    folder = Path(__file__).parent.parent
    with suppress(ValueError, RuntimeError):
        return f"~/{folder.relative_to(Path.home()).as_posix()}"
    return str(folder)


def _described(library: dict[str, Any]) -> str:
    """An entry of threadpoolctl's, without the file."""
    words = [
        f"{library['internal_api']} {library['version'] or ''}".strip(),
        library.get("architecture"),
        library.get("threading_layer"),
        f"threads: {library['num_threads']}",
    ]
    return ", ".join(filter(None, words))


def blas_of_engine() -> str:
    """The BLAS library that the compiled code calls, in words."""
    from cbackprop.running.threads import _blas_of_scipy

    library = _blas_of_scipy()
    return "unknown" if library is None else _described(library.info())


def _libraries() -> Iterator[tuple[str, str]]:
    """BLAS and OpenMP libraries that are loaded, each with its last folder and its file name."""
    from threadpoolctl import threadpool_info

    from cbackprop.running.threads import _blas_of_scipy

    of_engine = _blas_of_scipy()
    for library in threadpool_info():
        path = library["filepath"] or ""
        kind = {"blas": "BLAS", "openmp": "OpenMP"}.get(library["user_api"], library["user_api"])
        mine = of_engine is not None and path == of_engine.filepath
        file = "/".join(Path(path).parts[-2:])
        yield kind, f"{_described(library)}, {file}{', used by the engine' if mine else ''}"


def _threads() -> str:
    from cbackprop.running.cost import SOME_FLOPS
    from cbackprop.running.threads import allowed_threads

    allowed = allowed_threads()
    if allowed == 1:
        return "1"
    enough = SOME_FLOPS / 1e6
    return f"up to {allowed}; 1 where a step has fewer than {enough:.0f} million operations"


def facts() -> Iterator[tuple[str, str]]:
    """Names and values, in the order they are printed."""
    from cbackprop.engine import kernels, run

    yield "cbackprop", f"{__version__} in {_folder()}"
    yield "Python", _python()
    yield "platform", platform.platform()
    yield "processor", f"{processor()}, cores for this process: {len(run.cores())}"
    for package in PACKAGES:
        yield package, version(package) or "not installed"
    for package in OPTIONAL:
        if number := version(package):
            yield package, number
    yield from _libraries()
    yield "instructions", f"{kernels.in_use()} in use, of {', '.join(kernels.available())}"
    yield "threads", _threads()
    values = [f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ]
    yield "environment", ", ".join(values) or "nothing set for threads or BLAS"


def info() -> int:
    """Print the facts, a line each."""
    for name, value in facts():
        print(f"{name:<14}{value}")
    return 0
