"""How long does compiled work go on without a look for Ctrl-C, and is it the same work cut?"""

import signal
import time

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from cbackprop import SGD, Adam, Network, reference, training
from cbackprop.engine import run
from cbackprop.running import slices, threads
from cbackprop.running.execution import Execution
from cbackprop.running.sweeps import Sweep

LONGEST = 0.5  # seconds until Ctrl-C is answered

# Work of whose time matrix products tell little, or much: sizes, rows, mini-batch, optimizer, and
# the share of X that is stored.
SHAPES = {
    "tiny": ([1, 1, 1], 200_000, 1, SGD(1e-6), None),
    "tiny, many rows": ([1, 1], 1_000_000, 200, SGD(1e-6), None),
    "small": ([20, 64, 2], 100_000, 32, Adam(), None),
    "one row at a time, large": ([500, 800, 1], 300, 1, Adam(), None),
    "sparse rows, large": ([100_000, 30, 1], 300, 10, SGD(1e-6), 50 / 100_000),
    "sparse rows, larger, Adam": ([100_000, 10, 1], 300, 10, Adam(), 5 / 100_000),
    "large": ([400, 500, 500, 10], 2000, 200, Adam(), None),
}


def longest_slice(monkeypatch, sizes, n, batch_size, optimizer, stored):
    rng, taken = np.random.default_rng(0), []
    if stored is None:
        X = rng.standard_normal((n, sizes[0]), dtype=np.float32)
    else:
        X = sp.random(n, sizes[0], stored, "csr", dtype=np.float32, random_state=0)
    together = threads.Team.together

    def timed(team, call):
        began = time.perf_counter()
        result = together(team, call)
        taken.append(time.perf_counter() - began)
        return result

    monkeypatch.setattr(threads.Team, "together", timed)
    y = np.ones((n, sizes[-1]), dtype=np.float32)
    network = Network(sizes, dtype=np.float32, random_state=0)
    epochs = training.epochs(
        network, X, y, optimizer, batch_size=batch_size, max_epochs=1, rng=None, n_jobs=1
    )
    next(epochs)
    assert len(taken) > 1, "one slice only: its end tells nothing"
    return max(taken)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_slice_of_mini_batches_takes_long(shape, monkeypatch):
    # Other work on the machine may stop one of them; three times the same one is ours.
    for _ in range(3):
        with monkeypatch.context() as patch:
            longest = longest_slice(patch, *SHAPES[shape])
        if longest < LONGEST:
            break
    assert longest < LONGEST


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer's signal")
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    ("sizes", "n", "divided"), [([784, 1024, 10], 20_000, True), ([600] * 7, 8000, False)]
)
def test_an_interrupt_within_a_mini_batch_of_all_rows_is_answered_and_nothing_moves(
    sizes, n, divided, n_jobs
):
    after = 0.2
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, sizes[0]), dtype=np.float32)
    y = np.ones((n, sizes[-1]), dtype=np.float32)
    network, optimizer = Network(sizes, dtype=np.float32, random_state=0), Adam()
    before = network.parameters.copy()
    assert slices.is_divided(network.plan, X, 4, n, n_jobs) == divided
    late = []
    for _ in range(3):  # other work on the machine may be in the way
        epochs = training.epochs(
            network, X, y, optimizer, batch_size=n, max_epochs=1, rng=None, n_jobs=n_jobs
        )
        handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            began = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, after)
            with pytest.raises(KeyboardInterrupt):
                next(epochs)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
        late.append(time.perf_counter() - began - after)
        assert_array_equal(network.parameters, before)
        assert optimizer.n_steps == 0
        if late[-1] < LONGEST:
            break
    assert min(late) < LONGEST


@pytest.mark.parametrize("passes", [1.0, 3.0])
@pytest.mark.parametrize("sizes", [(1, 1), (30, 200, 200, 3), (3000, 3000, 10)])
def test_slices_of_a_sweep_are_whole_blocks(sizes, passes):
    network, X = Network(sizes), np.empty((1, sizes[0]))
    block = slices.rows_of_a_block(network.plan, X)
    rows = slices.rows_of_a_sweep(network.plan, X, 8, block, passes)
    assert slices.FEWEST_ROWS <= block <= slices.BLOCK_ROWS
    assert rows % block == 0 < rows


@pytest.mark.parametrize(
    ("widths", "whole"),
    [((50, 50, 1), True), ((4000, 4000, 4000), True), ((4000, 40_000, 1), False)],
)
def test_blocks_for_a_layer_that_takes_long_are_smaller(widths, whole):
    plan = np.zeros(2, dtype=Network([1, 1]).plan.dtype)
    plan["n_in"], plan["n_out"] = widths[:-1], widths[1:]
    rows = slices.rows_of_a_block(plan, np.empty((1, 1)))
    assert rows == slices.BLOCK_ROWS if whole else slices.FEWEST_ROWS <= rows < slices.BLOCK_ROWS


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer's signal")
def test_an_interrupt_within_a_layer_s_rows_ends_predictions():
    network = Network([3000, 6000, 3000, 1], dtype=np.float32, random_state=0)
    X = np.ones((4000, 3000), dtype=np.float32)
    handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            network.predict(X)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def test_outputs_do_not_depend_on_where_a_sweep_is_cut(monkeypatch):
    rng = np.random.default_rng(0)
    network, X = Network([9, 30, 2], random_state=0), rng.normal(size=(5000, 9))
    whole = Sweep(network, X, execution=Execution(1)).predict()
    monkeypatch.setattr(slices, "SECONDS", 0.0)
    assert_array_equal(Sweep(network, X, execution=Execution(1)).predict(), whole)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_backprop_of_rows_in_many_slices_has_all_activations_and_deltas(n_jobs, monkeypatch):
    rng = np.random.default_rng(0)
    network = Network([7, 20, 3], activation="tanh", random_state=0)
    X, y = rng.normal(size=(3000, 7)), rng.normal(size=(3000, 3))
    monkeypatch.setattr(slices, "SECONDS", 0.0)
    gradient = np.empty_like(network.parameters)
    _, activations, deltas = Sweep(network, X, y=y, execution=Execution(n_jobs)).backprop(gradient)
    expected = reference.forward(network.weights, network.biases, X, activation="tanh")
    for mine, theirs in zip(activations, expected[1:], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(deltas[-1], expected[-1] - y, rtol=0, atol=1e-12)
    assert_array_equal(network.backprop(X, y).activations[-1], network.predict(X))


def test_steps_are_counted_with_the_steps_and_not_where_the_team_is_broken():
    network, optimizer = Network([2, 1], random_state=0), Adam()
    X, y = np.ones((6, 2)), np.ones((6, 1))
    task = run.Task(network.plan, network.output, network.parameters, X, y=y, capacity=2)
    state, gradient = optimizer._ready(network.parameters), np.empty(3)
    before = network.parameters.copy()
    broken = run.Barrier(2)
    broken.abort()
    task.train(optimizer._rule(0, 0), gradient, state, 0, 6, 2, broken, 0, optimizer)
    assert optimizer.n_steps == 0
    assert_array_equal(network.parameters, before)
    task.train(optimizer._rule(0, 0), gradient, state, 0, 6, 2, None, 0, optimizer)
    assert optimizer.n_steps == 3
