"""A fit by more ranks than there are cores, beside that of one process."""

import numpy as np
from mpi4py import MPI

from cbackprop import MLPClassifier
from cbackprop.training.shares import order_of_rows

comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()
rng = np.random.RandomState(0)
sizes = rng.randint(1, 12, size)
X = rng.randn(sizes.sum(), 4)
y = rng.choice(["a", "b", "c"], len(X))
start = sizes[:rank].sum()
mine, order = slice(start, start + sizes[rank]), order_of_rows(sizes, 30)
models = [
    MLPClassifier((5,), batch_size=30, max_iter=3, shuffle=False, random_state=0).fit(*given)
    if comm is None
    else MLPClassifier((5,), batch_size=30, max_iter=3, shuffle=False, random_state=0).fit(
        *given, comm=comm
    )
    for given, comm in (((X[mine], y[mine]), comm), ((X[order], y[order]), None))
]
distance = np.abs(models[0].network_.parameters - models[1].network_.parameters).max()
assert distance < 1e-12, distance
assert len(set(comm.allgather(models[0].network_.parameters.tobytes()))) == 1
