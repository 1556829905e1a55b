"""What a fit copies to be able to undo itself: in its own memory, kept for the next short fit."""

import copy
import gc
import pickle
import threading
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cbackprop import SGD, Adam, MLPClassifier, Network
from cbackprop.training.undo import all_or_nothing

# Vectors of 200 KB in float32: large enough that their memory is worth keeping.
SIZES = [100, 400, 25]
N_BYTES = 4 * (101 * 400 + 401 * 25)
X = np.random.default_rng(0).normal(size=(30, 100)).astype(np.float32)
LABELS = np.arange(30) % 25

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def partial_fits():
    model = MLPClassifier((400,), random_state=0, n_jobs=1)
    return model, lambda: model.partial_fit(X, LABELS, classes=np.arange(25))


def warm_starts():
    model = MLPClassifier((400,), random_state=0, n_jobs=1, max_iter=1, warm_start=True)
    return model, lambda: model.fit(X, LABELS)


def epochs_of_a_network():
    model = Network(SIZES, output_activation="softmax", loss="log_loss", dtype=np.float32)
    optimizer = Adam()
    return model, lambda: model.fit(X, LABELS, optimizer=optimizer, epochs=1, n_jobs=1)


short_fits = pytest.mark.parametrize("make", [partial_fits, warm_starts, epochs_of_a_network])


@pytest.fixture
def traced():
    """The memory in use, in the bytes of a vector of parameters; its peak after `reset_peak`."""
    tracemalloc.start()
    yield lambda: np.array(tracemalloc.get_traced_memory()) / N_BYTES
    tracemalloc.stop()


@pytest.mark.thread_unsafe(reason="traces the memory of the whole process")
@short_fits
def test_short_fits_of_a_large_network_copy_into_the_memory_of_the_one_before(make, traced):
    _, fit = make()
    fit()
    fit()  # the first that has an optimizer's state to copy
    before, _ = traced()
    tracemalloc.reset_peak()
    fit()
    after, peak = traced()
    # The gradient and a mini-batch, and a warm start's own moments; the copies of parameters and
    # two moments would be three vectors more.
    assert peak - before < (2.5 if make is not warm_starts else 3.8)
    assert after - before < 0.1


@pytest.mark.thread_unsafe(reason="traces the memory of the whole process")
@short_fits
def test_memory_of_the_copies_goes_with_the_model(make, traced):
    model, fit = make()
    fit()
    fit()
    del model, fit
    gc.collect()
    assert traced()[0] < 0.5


@pytest.mark.thread_unsafe(reason="traces the memory of the whole process")
def test_long_fit_keeps_no_memory_of_its_copies(traced):
    network, _ = epochs_of_a_network()
    before, _ = traced()
    network.fit(X, LABELS, epochs=2, n_jobs=1)
    assert traced()[0] - before < 0.5


@pytest.mark.parametrize("other", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_and_pickles_are_without_that_memory(other):
    model, fit = partial_fits()
    fit()
    fit()
    # The parameters and the two moments.
    assert len(pickle.dumps(model)) < 3.5 * N_BYTES
    twin = other(model)
    fit()
    twin.partial_fit(X, LABELS)
    assert_array_equal(twin.network_.parameters, model.network_.parameters)


def test_fit_that_fails_within_another_takes_nothing_of_what_the_other_keeps():
    """As two fits of one network do in two threads: the second must not write into the first's."""
    network = Network(SIZES, dtype=np.float32, random_state=0)
    first = network.parameters.copy()
    with all_or_nothing(network, short=True):
        pass

    @all_or_nothing(network, short=True)
    def inner():
        network.parameters[...] = 2.0
        raise KeyError

    @all_or_nothing(network, short=True)
    def outer():
        network.parameters[...] = 1.0
        with pytest.raises(KeyError):
            inner()
        assert_array_equal(network.parameters, 1.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outer()
    assert_array_equal(network.parameters, first)


def test_fits_of_one_model_in_two_threads_end():
    model, fit = partial_fits()
    fit()
    ends = []

    def several():
        for _ in range(20):
            fit()
        ends.append(True)

    workers = [threading.Thread(target=several) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert ends == [True, True]
    assert np.isfinite(model.network_.parameters).all()


@pytest.mark.parametrize("change", ["velocity", "dtype"])
def test_copies_of_another_shape_get_memory_of_their_own(change):
    network = Network(SIZES, dtype=np.float32, random_state=0)
    optimizer = Adam()
    rows, numbers = X, np.zeros((30, 25))
    for _ in range(2):
        network.fit(rows, numbers, optimizer=optimizer, epochs=1)
    if change == "velocity":
        optimizer.state = optimizer.state[:1].copy()
    else:
        optimizer.state = optimizer.state.astype(float)
    before, parameters = optimizer.state.copy(), network.parameters.copy()
    with pytest.raises(ValueError, match="this optimizer's state"):
        network.fit(rows, numbers, optimizer=optimizer, epochs=1)
    assert_array_equal(optimizer.state, before)
    assert optimizer.state.dtype == before.dtype
    assert_array_equal(network.parameters, parameters)


def test_short_fits_that_fail_and_succeed_by_turns_are_those_that_succeed():
    network, twin = (Network(SIZES, dtype=np.float32, random_state=0) for _ in range(2))
    optimizer, other = SGD(1e-4, 0.9), SGD(1e-4, 0.9)

    def spoils(network, history):
        network.parameters[...] = 7.0
        raise ZeroDivisionError

    numbers = np.ones((30, 25))
    for _ in range(3):
        network.fit(X, numbers, optimizer=optimizer, epochs=1, random_state=0)
        with pytest.raises(ZeroDivisionError):
            network.fit(X, numbers, optimizer=optimizer, epochs=1, callbacks=[spoils])
        twin.fit(X, numbers, optimizer=other, epochs=1, random_state=0)
    assert_array_equal(network.parameters, twin.parameters)
    assert_array_equal(optimizer.state, other.state)
