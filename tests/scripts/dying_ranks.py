"""A fit of which a process goes, or that goes on from there, and one without a checkpoint.

argv: what happens, and the checkpoint.
"""

import hashlib
import os
import signal
import sys

import numpy as np
from mpi4py import MPI

from cbackprop import Checkpoint, MLPClassifier

happens, path = sys.argv[1:]
comm = MPI.COMM_WORLD
rank = comm.Get_rank()
X = np.random.RandomState(rank).randn(50, 4)
y = (X[:, 0] > 0).astype(int)
pid = comm.bcast(os.getpid())


def happen(model, history):
    if happens == "killed" and rank == 1 and history.epochs == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if happens == "inside" and rank == 1 and history.epochs == 3:
        os.kill(pid, signal.SIGUSR1)  # rank 0 waits for this one meanwhile


def handler(number, frame):
    raise OverflowError("of a signal's handler")


signal.signal(signal.SIGUSR1, handler)
for callbacks in ([Checkpoint(path, resume=True), happen], []):
    model = MLPClassifier((8,), max_iter=8, tol=0, early_stopping=True, random_state=0)
    model.fit(X, y, callbacks=callbacks, comm=comm)
    digest = hashlib.sha256(model.network_.parameters.tobytes()).hexdigest()
    said = comm.allgather(f"{model.n_iter_} epochs, {digest}")
    if rank == 0:
        print(*said, sep="\n", flush=True)
