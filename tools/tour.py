"""A short walk through everything compiled: what the leak check and valgrind look at.

Every solver, dense and sparse rows, both dtypes, teams, the elementwise loops of every instruction
set, files, and inputs that the door refuses. It imports no more than it needs.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse

from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network, load
from cbackprop.engine import kernels, run, trial
from cbackprop.network import PiecewiseLinear

rng = np.random.default_rng(0)


def estimators() -> None:
    X, labels, numbers = rng.normal(size=(37, 6)), rng.integers(0, 3, 37), rng.normal(size=(37, 2))
    sparse = scipy.sparse.random(37, 6, 0.3, "csr", random_state=0)
    common = {"hidden_layer_sizes": (9, 4), "max_iter": 3, "random_state": 0, "batch_size": 10}
    for solver in ("sgd", "adam", "lbfgs"):
        for rows in (X, X.astype(np.float32), sparse):
            for n_jobs in (1, 2):
                more = {**common, "solver": solver, "n_jobs": n_jobs}
                MLPClassifier(**more).fit(rows, labels).predict_proba(rows)
                MLPRegressor(**more).fit(rows, numbers).predict(rows)
    weights = rng.integers(0, 3, 37) / 2.0
    model = MLPRegressor(**common, loss="poisson", clip_norm=0.1)
    model.fit(X, np.abs(numbers[:, 0]), weights).partial_fit(X, np.abs(numbers[:, 0]))
    MLPClassifier(**common, early_stopping=True).fit(X, labels)
    for activation in ("relu", "tanh", "mish"):
        for rows in (X, X.astype(np.float32)):
            regularized = {"dropout": [0.5, 0.1], "l1": 0.1, "max_norm": 0.5, "n_jobs": 2}
            model = MLPClassifier(**common, activation=activation, **regularized)
            model.fit(rows, labels).partial_fit(rows, labels)


def networks() -> None:
    X, y = rng.normal(size=(23, 5)), rng.normal(size=(23, 3))
    network = Network([5, 7, 3], activation="tanh", random_state=0)
    for optimizer in (SGD(0.1), SGD(0.1, 0.9), SGD(0.1, 0.9, True, clip_value=0.1), Adam()):
        network.fit(X, y, optimizer=optimizer, epochs=2, n_jobs=3, l2=0.1, random_state=0)
    network.check_gradient(X, y)
    network.backprop(X, y)
    with tempfile.TemporaryDirectory() as folder:
        network.save(Path(folder) / "network.safetensors")
        load(Path(folder) / "network.safetensors").predict(X)


def loops() -> None:
    before = kernels.in_use()
    for instructions in kernels.available():
        kernels.use(instructions)
        for size in (1, 7, 8, 17, 65):
            for dtype in (np.float32, np.float64):
                x = rng.normal(size=size).astype(dtype)
                for name in ("exp", "log", "logistic", "tanh", "relu", "identity"):
                    trial.apply_kernel(name, np.abs(x))
                run.all_finite(x)
    kernels.use(before)


def predictors() -> None:
    before = kernels.in_use()
    for instructions in kernels.available():
        kernels.use(instructions)
        for size in (1, 7, 8, 17, 65):
            for dtype in (np.float32, np.float64):
                front = [PiecewiseLinear([0.0, 1.0]), *[None] * (size - 1)]
                network = Network([size, 9, size], embeddings=front, dtype=dtype, random_state=0)
                row, ask = rng.normal(size=size), network.predictor()
                network.predict(row[np.newaxis].astype(dtype))
                for rows in (row, row.tolist(), np.ones((3, size), dtype)):
                    ask(rows)
                function, model = ask.ctypes
                rows, outputs = np.ones((2, size), dtype), np.empty((2, size), dtype)
                function(model, rows.ctypes.data, 2, outputs.ctypes.data)
    kernels.use(before)
    Network([3000, 2000, 1], random_state=0).predictor()(np.ones(3000))  # more than a stack has


def refusals() -> None:
    network = Network([5, 3], random_state=0)
    X = rng.normal(size=(4, 5))
    for rows in ([4], [-1]):
        task = run.Task(
            network.plan, network.output, network.parameters, X, rows=np.array(rows, dtype=np.intp)
        )
        try:
            task.predict(np.empty((1, 3)))
        except IndexError:
            continue
        raise SystemExit("the door let a row through that is not there")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for part in (estimators, networks, loops, predictors, refusals):
        part()
    print("tour ended")
