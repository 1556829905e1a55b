"""A fit by one rank on each of two hosts, beside fits by one process with the rows in their order.

Prints on each rank: its host, the largest difference, the steps of all, and the model's bits.
"""

import hashlib
import os

import numpy as np
from mpi4py import MPI

from cbackprop import MLPClassifier, MLPRegressor
from cbackprop.training.shares import order_of_rows

comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()
sizes, batch_size = [150, 130], 40
X = np.random.RandomState(0).randn(sum(sizes), 20)
labels, numbers = (X[:, 0] > 0) + (X[:, 1] > 0) * 1, X[:, :2] ** 2
start = sum(sizes[:rank])
mine, order = slice(start, start + sizes[rank]), order_of_rows(sizes, batch_size)
given = {"hidden_layer_sizes": (64,), "batch_size": batch_size, "shuffle": False, "max_iter": 5}

worst, steps, digest = 0.0, 0, hashlib.sha256()
for kind, y, options in (
    (MLPClassifier, labels, {"dropout": 0.2}),
    (MLPRegressor, numbers, {"solver": "sgd", "clip_norm": 1.0}),
):
    model = kind(**given, **options, random_state=0).fit(X[mine], y[mine], comm=comm)
    one = kind(**given, **options, random_state=0).fit(X[order], y[order])
    worst = max(worst, np.abs(model.network_.parameters - one.network_.parameters).max())
    steps += model.n_iter_ * -(-sum(sizes) // batch_size)
    digest.update(model.network_.parameters.tobytes())
lines = comm.gather((os.readlink("/proc/self/ns/net"), float(worst), steps, digest.hexdigest()))
for line in lines or []:
    print(*line)
