"""The same machine, libraries and number of threads: the same bits, twenty times, under load."""

import hashlib
import subprocess
import sys
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network

RUNS = 20
RNG = np.random.default_rng(2)
X = RNG.normal(size=(300, 33)) * (RNG.random((300, 33)) < 0.5)
LABELS = (X[:, 0] > 0) + (X[:, 1] > 0) * 1
NUMBERS = X[:, :2] - 0.5 * X[:, 2:4]
SOLVERS = {
    "sgd": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd"},
    "adam": {"solver": "adam"},
    "clipped": {"solver": "adam", "clip_norm": 0.5},
    "dropout": {"solver": "adam", "dropout": 0.3, "max_norm": 1.0, "l1": 0.01},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"solver": "adam", "early_stopping": True},
}
OPTIMIZERS = {
    "sgd": lambda: SGD(0.05, clip_value=0.1),
    "momentum": lambda: SGD(0.01, 0.9),
    "nesterov": lambda: SGD(0.01, 0.9, nesterov=True),
    "adam": lambda: Adam(0.01),
}
every_kind = pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
every_number = pytest.mark.parametrize("n_jobs", [1, 2])


def digest(*arrays) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def rows(dtype, sparse):
    dense = X.astype(dtype)
    return sp.csr_array(dense) if sparse else dense


def fitted(solver, dtype, n_jobs, sparse, cls=MLPClassifier) -> str:
    """A fit, a partial fit and predictions, as one number."""
    y, data = (LABELS if cls is MLPClassifier else NUMBERS), rows(dtype, sparse)
    settings = {**SOLVERS[solver], "hidden_layer_sizes": (33, 17), "batch_size": 64}
    estimator = cls(**settings, max_iter=4, random_state=3, n_jobs=n_jobs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(data, y)
        if solver not in ("lbfgs", "early stopping"):
            estimator.partial_fit(data, y)
    results = [estimator.network_.parameters, estimator.predict(data), estimator.loss_]
    if cls is MLPClassifier:
        results.append(estimator.predict_proba(data))
    return digest(*results)


def trained(optimizer, dtype, n_jobs, sparse) -> str:
    data = rows(dtype, sparse)
    network = Network(
        [33, 33, 4], output_activation="softmax", loss="log_loss", dtype=dtype, random_state=0
    )
    history = network.fit(
        data,
        LABELS,
        optimizer=OPTIMIZERS[optimizer](),
        epochs=2,
        batch_size=64,
        evaluation_data=(data, LABELS),
        random_state=3,
        n_jobs=n_jobs,
    )
    curves = [history["cost"], history["evaluation_cost"]]
    return digest(network.parameters, network.predict(data), network.gradient(data, LABELS), curves)


def different(run, *arguments, runs=RUNS) -> set[str]:
    """The results of so many runs; memory is laid out a little differently for each."""
    litter, results = [], set()
    for number in range(runs):
        litter.append(bytearray(64 * number + 8))
        results.add(run(*arguments))
    return results


@contextmanager
def load(processes):
    """Other work on the machine: processes that compute, until the body of the statement ends."""
    code = "import numpy as np\na = np.ones((300, 300))\nwhile True: a = a @ a / 300"
    others = [subprocess.Popen([sys.executable, "-P", "-c", code]) for _ in range(processes)]
    try:
        yield
        assert all(process.poll() is None for process in others)
    finally:
        for process in others:
            process.kill()
            process.wait()


@every_kind
@every_number
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_twenty_fits_of_an_estimator_give_the_same_bits(cls, solver, n_jobs, sparse, dtype, figure):
    assert len(different(fitted, solver, dtype, n_jobs, sparse, cls)) == 1
    figure("fits repeated bit for bit", RUNS)


@every_kind
@every_number
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_twenty_fits_of_a_network_give_the_same_bits(optimizer, n_jobs, sparse, dtype, figure):
    assert len(different(trained, optimizer, dtype, n_jobs, sparse)) == 1
    figure("fits repeated bit for bit", RUNS)


def test_other_data_give_other_bits():
    """The judge judges."""
    one, kept = fitted("adam", "float64", 1, False), X.copy()
    X[...] *= 1 + 1e-15
    try:
        assert fitted("adam", "float64", 1, False) != one
    finally:
        X[...] = kept


PROCESS = """
import sys
sys.path.insert(0, {folder!r})
import test_repetition as t
for solver in t.SOLVERS:
    for dtype in ("float32", "float64"):
        for n_jobs in (1, 2):
            print(t.fitted(solver, dtype, n_jobs, n_jobs == 2))
"""


def test_another_process_gives_the_same_bits(tmp_path, request):
    code = PROCESS.format(folder=str(request.path.parent))
    outputs = {
        subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        ).stdout
        for _ in range(2)
    }
    here = [
        fitted(solver, dtype, n_jobs, n_jobs == 2)
        for solver in SOLVERS
        for dtype in ("float32", "float64")
        for n_jobs in (1, 2)
    ]
    assert outputs == {"\n".join(here) + "\n"}


@pytest.mark.nightly
@every_kind
@every_number
def test_fits_among_other_work_give_the_bits_of_quiet_ones(n_jobs, sparse, dtype, figure):
    solvers = ["nesterov", "adam", "lbfgs", "early stopping"]
    arguments = [*((fitted, solver) for solver in solvers), (trained, "momentum")]
    quiet = [run(name, dtype, n_jobs, sparse) for run, name in arguments]
    with load(2):
        busy = [different(run, name, dtype, n_jobs, sparse) for run, name in arguments]
    assert busy == [{one} for one in quiet]
    figure("fits among other work, repeated bit for bit", RUNS * len(arguments))
