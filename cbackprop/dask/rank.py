"""What does a rank beside a worker do: take the worker's rows, fit with the others, tell how."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
import traceback
from pathlib import Path

import cloudpickle

from cbackprop.dask.beside import ERROR, FOLDER, JOB, MODEL, NAMES, PAUSE, WORKER, taken


def main() -> None:
    from mpi4py import MPI

    comm, folder = MPI.COMM_WORLD, Path(os.environ[FOLDER])
    threading.Thread(target=_go_with, args=(int(os.environ[WORKER]),), daemon=True).start()
    try:
        job = cloudpickle.loads((folder / JOB).read_bytes())
        X, y, weight = (taken(folder / name) for name in NAMES)
    except BaseException as error:
        _leave(error, folder)
        comm.Abort(1)
        raise
    estimator = job["estimator"]
    try:
        estimator.fit(X, y, weight, comm=comm, **job["options"])
        if comm.Get_rank() == 0:
            (folder / MODEL).write_bytes(cloudpickle.dumps(estimator))
    except BaseException as error:  # which all ranks hear of
        _leave(error, folder)
        comm.Barrier()
        sys.exit(1)


def _leave(error: BaseException, folder: Path) -> None:
    """Where the worker finds it."""
    traceback.print_exception(error)
    (folder / ERROR).write_bytes(pickle.dumps((type(error).__name__, str(error))))


def _go_with(worker: int) -> None:
    """End with the worker: without it nobody waits for this rank."""
    while True:
        time.sleep(PAUSE)
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            print(f"The worker of process {worker} is gone.", file=sys.stderr, flush=True)
            os._exit(1)


if __name__ == "__main__":
    main()
