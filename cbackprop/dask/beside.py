"""What runs on a worker: its rows go to a file, and the launcher's processes are started."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from cbackprop.dask.data import NAMES, stacked

FOLDER, WORKER = "CBACKPROP_DASK_FOLDER", "CBACKPROP_DASK_WORKER"
YIELD = "MPIR_CVAR_POLLS_BEFORE_YIELD"  # while a rank waits, others may have its core
MODEL, ERROR, JOB, LOG, LAUNCHER = "model", "error", "job", "log", "launcher"
LINE, LAST_LINE = "HYDRA_LAUNCH:", "HYDRA_LAUNCH_END"
PAUSE = 0.2  # seconds between two looks at a process

_launchers: dict[str, subprocess.Popen] = {}  # of this process, by their fit's name


def prepare(parts: list[tuple[Any, ...]], job: bytes) -> str:
    """A folder with this worker's rows, and what is to be done with them, pickled."""
    from distributed import get_worker

    folder = Path(tempfile.mkdtemp(prefix="cbackprop-", dir=get_worker().local_directory))
    for name, column in zip(NAMES, zip(*parts, strict=True), strict=True):
        if column[0] is not None:
            _put(folder / name, stacked(column))
    (folder / JOB).write_bytes(job)
    return str(folder)


def _put(path: Path, rows: Any) -> None:
    if isinstance(rows, np.ndarray) and not rows.dtype.hasobject:
        np.save(path.with_suffix(".npy"), rows)
    else:
        path.write_bytes(pickle.dumps(rows, protocol=5))


def taken(path: Path) -> Any:
    """What `_put` has put there: arrays are mapped, and not read."""
    if path.with_suffix(".npy").exists():
        return np.load(path.with_suffix(".npy"), mmap_mode="r")
    return pickle.loads(path.read_bytes()) if path.exists() else None


def remove(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str | None:
    """A program of MPICH, beside this Python or on the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def start(name: str, n: int, address: str, folder: str) -> list[str]:
    """Start the launcher of n ranks here; what it wants to be run beside each worker.

    Raises
    ------
    RuntimeError
        If there is none here, or it is not MPICH's.
    """
    mpiexec = _program("mpiexec.hydra") or _program("mpiexec")
    if mpiexec is None:
        raise RuntimeError("there is no mpiexec beside this worker: pip install cbackprop[dask]")
    hosts = ",".join(f"worker{rank}:1" for rank in range(n))  # names: nobody looks for them
    own = urlsplit(address).hostname or "127.0.0.1"
    command = [mpiexec, "-launcher", "manual", "-localhost", own, "-hosts", hosts]
    command += ["-n", str(n), sys.executable, "-P", "-m", "cbackprop.dask.rank"]
    # A file: nobody reads a pipe while the ranks run.
    said = Path(folder) / LAUNCHER
    with said.open("w") as file:
        launcher = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    while LAST_LINE not in said.read_text() and launcher.poll() is None:
        time.sleep(PAUSE / 10)
    lines = said.read_text().splitlines()
    wanted = [line.removeprefix(LINE).strip() for line in lines if line.startswith(LINE)]
    if len(wanted) != n:
        launcher.kill()
        raise RuntimeError(
            f"{mpiexec} starts no ranks beside workers, as MPICH's does (pip install mpich): "
            f"{' '.join(lines)[-500:]}"
        )
    _launchers[name] = launcher
    return wanted


def run(command: str, folder: str) -> tuple[str, str] | None:
    """Run a rank beside this worker until it ends; its error, by its type's name and text."""
    program, *arguments = command.split()
    own = _program(Path(program).name) or program
    environment = {YIELD: "1", **os.environ, FOLDER: folder, WORKER: str(os.getpid())}
    with (Path(folder) / LOG).open("w") as file:
        proxy = subprocess.Popen(
            [own, *arguments],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        proxy.wait()
    error = Path(folder) / ERROR
    return pickle.loads(error.read_bytes()) if error.exists() else None


def finish(name: str, folder: str) -> tuple[int, bytes | None, str]:
    """How the launcher ended here, rank 0's model, and what was said."""
    launcher = _launchers.pop(name)
    code, model = launcher.wait(), Path(folder) / MODEL
    said = "".join((Path(folder) / log).read_text(errors="replace") for log in (LOG, LAUNCHER))
    return code, model.read_bytes() if model.exists() else None, said


def give_up(name: str) -> None:
    """End a launcher, and with it its ranks."""
    launcher = _launchers.pop(name, None)
    if launcher is not None:
        launcher.terminate()
