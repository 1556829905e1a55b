"""What every rank hears when one is wrong, case after case."""

import os
import signal
import sys
import traceback
import warnings

import numpy as np
from mpi4py import MPI

from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network

comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()
odd = rank == size - 1  # the rank that is another one
rng = np.random.RandomState(rank)
X, y = rng.randn(40, 3), np.arange(40) % 3


def fit(X=X, y=y, model=MLPClassifier, weight=None, callbacks=None, **parameters):
    given = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0, **parameters}
    return model(**given).fit(X, y, weight, callbacks=callbacks, comm=comm)


def network(X=X, y=y, seed=0, **options):
    made = Network([3, 4, 3], output_activation="softmax", loss="log_loss", random_state=seed)
    return made.fit(X, y, **{"epochs": 2, "random_state": 0, "comm": comm, **options})


def fail(*_):
    if odd:
        raise ArithmeticError("of a callback")


def interrupt(*_):
    if odd:
        os.kill(os.getpid(), signal.SIGINT)


def with_nan():
    bad = X.copy()
    bad[3, 1] = np.nan
    return bad


def own_loss(z, y, weight):
    if odd:
        raise ArithmeticError("of a loss")
    return ((z - y) ** 2 / 2).sum(axis=1), z - y


CASES = {
    "nan": lambda: fit(with_nan() if odd else X),
    "callback": lambda: fit(callbacks=[fail]),
    "callback of lbfgs": lambda: fit(callbacks=[fail], solver="lbfgs"),
    "loss": lambda: fit(X, X[:, 0], MLPRegressor, loss=own_loss),
    "loss of lbfgs": lambda: fit(X, X[:, 0], MLPRegressor, loss=own_loss, solver="lbfgs"),
    "exit": lambda: fit(callbacks=[lambda *_: sys.exit(3) if odd else None]),
    "no rows": lambda: fit(X[:0] if odd else X, y[:0] if odd else y),
    "every rank": lambda: fit(y=y[:-1]),
    "bad parameter": lambda: fit(alpha=-1.0 if odd else 0.1),
    "alpha": lambda: fit(alpha=0.5 if odd else 0.1),
    "seed": lambda: fit(random_state=1 if odd else 0),
    "no seed": lambda: fit(random_state=None if odd else 0),
    "generator": lambda: fit(random_state=np.random.RandomState(int(odd))),
    "solver": lambda: fit(solver="sgd" if odd else "adam"),
    "estimator": lambda: fit(X, X[:, 0], MLPRegressor) if odd else fit(),
    "dtype": lambda: fit(X.astype(np.float32) if odd else X),
    "columns": lambda: fit(X[:, :2] if odd else X),
    "weights": lambda: fit(weight=np.ones(40) if odd else None),
    "labels": lambda: fit(y=y.astype(str) if odd else y),
    "outputs": lambda: fit(X, X[:, :2] if odd else X, MLPRegressor),
    "network's seed": lambda: network(seed=int(odd)),
    "network's optimizer": lambda: network(optimizer=Adam() if odd else SGD()),
    "network's batch": lambda: network(batch_size=5 if odd else 7),
    "network's nan": lambda: network(with_nan() if odd else X),
    "network's callback": lambda: network(callbacks=[fail]),
    "network's interrupt": lambda: network(callbacks=[interrupt]),
    "other method": lambda: (
        fit() if odd else MLPClassifier().partial_fit(X, y, classes=[0, 1, 2], comm=comm)
    ),
    "no communicator": lambda: MLPClassifier(max_iter=1).fit(X, y, comm=3),
}
for name, case in CASES.items():
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case()
        said = "no error"
    except BaseException as error:
        said = f"{type(error).__name__}: {error}".replace("\n", " ")
        if "-v" in sys.argv and odd:
            traceback.print_exc()
    heard = comm.gather(said)
    if rank == 0:
        for at, one in enumerate(heard):
            print(f"{name} | {at} | {one}", flush=True)
# A fit that is interrupted on one rank ends on all, with the same model.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    ended = fit(max_iter=50, callbacks=[interrupt])
for at, one in enumerate(
    comm.allgather(f"{ended.n_iter_} {ended.coefs_[0].sum()!r} {caught[-1].message}")
):
    if rank == 0:
        print(f"interrupted | {at} | {one}", flush=True)
