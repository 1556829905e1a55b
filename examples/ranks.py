"""
Train on several processes
==========================

``mpiexec -n 4 python examples/ranks.py`` divides the digits among four processes, each of which
brings rows of its own, and ends in each with the model of all the rows. With ``python
examples/ranks.py`` one process does it alone: the script is the same.
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from cbackprop import MLPClassifier

try:
    from mpi4py import MPI
except ImportError:  # one process needs none
    comm, rank, size = None, 0, 1
else:
    comm = MPI.COMM_WORLD
    rank, size = comm.Get_rank(), comm.Get_size()

# %%
# Here every process could read all; on a cluster it reads its own file, ``np.load(f"X{rank}.npy",
# mmap_mode="r")`` for example.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
mine = slice(rank, None, size)

# %%
# The mini-batches are of all processes together, and so is what early stopping goes by.

model = MLPClassifier((64,), batch_size=120, early_stopping=True, random_state=0)
model.fit(X_train[mine], y_train[mine], comm=comm)

if rank == 0:
    accuracy = model.score(X_test, y_test)
    print(f"{size} processes, {model.n_iter_} epochs, test accuracy {accuracy:.3f}")
