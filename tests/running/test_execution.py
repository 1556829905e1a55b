"""What works on how many threads comes down from the top of a call: nothing below chooses."""

from importlib import import_module

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_limits

from cbackprop import MLPClassifier, MLPRegressor, Network
from cbackprop.running import sweeps, threads
from cbackprop.running.execution import Execution
from cbackprop.training import epochs

pytestmark = pytest.mark.thread_unsafe(reason="counts teams, which are the process's")

rng = np.random.default_rng(0)
# So many rows that two threads pay off by default for a sweep over a tenth of them.
X = rng.normal(size=(30_000, 30))
NUMBERS = X[:, :2] @ [1.0, -1.0]
LABELS = (NUMBERS > 0).astype(int)


@pytest.fixture
def sizes(monkeypatch):
    """The sizes of the teams that were made."""
    made = []

    class Counted(threads.Team):
        def __init__(self, size, squad_size=1):
            made.append(size)

    for module in (sweeps, import_module("cbackprop.training.epochs")):
        monkeypatch.setattr(module, "Team", Counted)
    return made


def fit(kind, y, **settings):
    return lambda n_jobs: kind(
        hidden_layer_sizes=(80, 80), max_iter=2, random_state=0, n_jobs=n_jobs, **settings
    ).fit(X, y)


def predictions(n_jobs):
    model = fit(MLPRegressor, NUMBERS)(n_jobs)
    return model.predict(X)


def network_fit(n_jobs):
    network = Network([30, 80, 80, 2], output_activation="softmax", loss="log_loss", random_state=0)
    return network.fit(
        X, LABELS, epochs=2, batch_size=500, evaluation_data=(X, LABELS), training_metrics=True,
        gradient_norms=True, random_state=0, n_jobs=n_jobs,
    )  # fmt: skip


def network_fit_of_divided_batches(n_jobs):
    network = Network([30, 200, 200, 1], random_state=0)
    return network.fit(X, NUMBERS, epochs=1, batch_size=None, random_state=0, n_jobs=n_jobs)


CALLS = {
    "fit": fit(MLPClassifier, LABELS),
    "early stopping": fit(MLPClassifier, LABELS, early_stopping=True, validation_fraction=0.5),
    "early stopping of numbers": fit(
        MLPRegressor, NUMBERS, early_stopping=True, validation_fraction=0.5
    ),
    "lbfgs": fit(MLPRegressor, NUMBERS, solver="lbfgs"),
    "lbfgs of several outputs": fit(MLPRegressor, X[:, :2], solver="lbfgs"),
    "batch descent": fit(MLPRegressor, NUMBERS, batch_size=30_000),
    "predict": predictions,
    "Network.fit": network_fit,
    "Network.fit of divided batches": network_fit_of_divided_batches,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", CALLS)
def test_one_job_is_one_thread_in_every_part_of_a_call(name, sizes):
    with threadpool_limits(2, user_api="blas"):
        CALLS[name](1)
    assert set(sizes) == {1}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", CALLS)
def test_two_jobs_are_two_threads_where_blas_is_allowed_one(name, sizes):
    with threadpool_limits(1, user_api="blas"):
        CALLS[name](2)
    # A sweep over no more than a block of rows, the first ones for one, has one thread.
    assert max(sizes) == 2


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_threads_allowed_change_no_bit_of_what_is_reported(n_jobs):
    histories = []
    for allowed in (1, 2):
        with threadpool_limits(allowed, user_api="blas"):
            histories.append(network_fit(n_jobs))
    for name in set(histories[0]) - {"seconds"}:
        assert_array_equal(histories[0][name], histories[1][name], err_msg=name)


@pytest.mark.parametrize("name", ["Sweep", "passes", "_predict", "lbfgs"])
def test_nothing_below_the_top_of_a_call_can_do_without_being_told(name):
    network = Network([30, 1])
    below = {
        "Sweep": lambda: sweeps.Sweep(network, X),
        "passes": lambda: import_module("cbackprop.training.epochs").passes(
            network, X, NUMBERS, None, batch_size=1, max_epochs=1, rng=None
        ),
        "_predict": lambda: network._predict(X),
        "lbfgs": lambda: import_module("cbackprop.training.lbfgs").lbfgs(network, X, NUMBERS),
    }
    with pytest.raises(TypeError, match="execution"):
        below[name]()


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "2", True, 257])
def test_a_wrong_number_of_jobs_is_refused_before_anything_works(n_jobs):
    with pytest.raises((TypeError, ValueError), match="n_jobs"):
        Execution(n_jobs)
    with pytest.raises((TypeError, ValueError), match="n_jobs"):
        epochs(
            Network([30, 1]), X, NUMBERS, None, batch_size=1, max_epochs=1, rng=None, n_jobs=n_jobs
        )
