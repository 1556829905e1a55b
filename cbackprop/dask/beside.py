"""What runs on a worker: its rows go to a file, and the launcher's processes are started."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from cbackprop.dask.data import NAMES, stacked

FOLDER, WORKER = "CBACKPROP_DASK_FOLDER", "CBACKPROP_DASK_WORKER"
MODEL, ERROR, JOB = "model", "error", "job"
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


def start(name: str, n: int, address: str) -> list[str]:
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
    launcher = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    wanted, said = [], []
    assert launcher.stdout is not None
    for line in launcher.stdout:
        said.append(line)
        if line.startswith(LAST_LINE):
            break
        if line.startswith(LINE):
            wanted.append(line.removeprefix(LINE).strip())
    if len(wanted) != n:
        launcher.kill()
        raise RuntimeError(
            f"{mpiexec} starts no ranks beside workers, as MPICH's does (pip install mpich): "
            f"{''.join(said)[-500:]}"
        )
    _launchers[name] = launcher
    return wanted


def run(command: str, folder: str) -> tuple[str, str] | None:
    """Run a rank beside this worker until it ends; its error, by its type's name and text."""
    program, *arguments = command.split()
    own = _program(Path(program).name) or program
    environment = {**os.environ, FOLDER: folder, WORKER: str(os.getpid())}
    log = Path(folder) / "log"
    with log.open("w") as file:
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
    said, _ = launcher.communicate()
    model = Path(folder) / MODEL
    log = (Path(folder) / "log").read_text(errors="replace")
    return launcher.returncode, model.read_bytes() if model.exists() else None, f"{log}{said}"


def give_up(name: str) -> None:
    """End a launcher, and with it its ranks."""
    launcher = _launchers.pop(name, None)
    if launcher is not None:
        launcher.terminate()
