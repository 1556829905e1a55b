"""Are as many threads taken as pay, and divided as is quickest, by the model of a step's cost?"""

import numpy as np
import pytest

from cbackprop import Adam, Network, training
from cbackprop.running import cost, threads
from cbackprop.running.cost import Shape, Split, seconds, split_among, threads_that_pay

# Name, widths, rows of a mini-batch, and what 1, 2, 4, 8, 16 threads took of a 16-core Xeon with
# squads of one, in microseconds (float32, Adam).
MEASURED = [
    ("C", (50, 100, 10), 200, (90, 76, 62, 59, 73)),
    ("D", (100, 256, 256, 256, 10), 256, (2887, 1719, 1145, 849, 920)),
    ("E", (784, 1024, 1024, 10), 512, (55008, 32269, 18473, 13036, 9201)),
]
SMALL = Shape((20, 64, 2), 32, 4, 2, 0.0)


@pytest.mark.parametrize(("name", "widths", "rows", "times"), MEASURED)
def test_the_model_is_near_what_was_measured(name, widths, rows, times):
    shape = Shape(widths, rows, 4, 2, 0.0)
    modelled = [1e6 * seconds(shape, Split(p, 1)) for p in (1, 2, 4, 8, 16)]
    np.testing.assert_allclose(modelled, times, rtol=0.25)


@pytest.mark.parametrize("most", [1, 2, 3, 16, 256])
def test_a_step_of_microseconds_stays_on_one_thread(most):
    assert threads_that_pay(SMALL, most) == 1


def test_doubles_pay_earlier_than_floats():
    # Measured with two threads on two idle cores: 0.69 of one thread's time, and 0.80.
    widths, rows = MEASURED[0][1:3]
    assert threads_that_pay(Shape(widths, rows, 8, 2, 0.0), 2) == 2
    assert threads_that_pay(Shape(widths, rows, 4, 2, 0.0), 2) == 2
    smaller = (64, 50, 10)
    assert threads_that_pay(Shape(smaller, rows, 8, 2, 0.0), 2) == 2
    assert threads_that_pay(Shape(smaller, rows, 4, 2, 0.0), 2) == 1


@pytest.mark.parametrize("most", [1, 2, 5, 16, 96])
@pytest.mark.parametrize(("name", "widths", "rows", "times"), MEASURED)
def test_more_threads_are_never_taken_than_help(name, widths, rows, times, most):
    shape = Shape(widths, rows, 4, 2, 0.0)
    taken = threads_that_pay(shape, most)
    assert 1 <= taken <= most
    own = seconds(shape, split_among(shape, taken))
    assert all(own < seconds(shape, split_among(shape, p)) for p in range(1, taken, 3))


def test_large_layers_are_divided_by_columns_where_many_threads_would_read_all_of_them():
    large, rows = MEASURED[2][1:3]
    shape = Shape(large, rows, 4, 2, 0.0)
    assert split_among(shape, 1) == Split(1, 1)
    squads = split_among(shape, 16).squad_size
    assert squads > 1
    assert 16 % squads == 0
    assert seconds(shape, split_among(shape, 16)) < seconds(shape, Split(16, 1))


def test_a_sparse_rows_zeros_cost_nothing():
    dense, sparse = (Shape((20_000, 64, 10), 256, 4, 2, n) for n in (0.0, 40.0))
    assert seconds(sparse, Split(1, 1)) < 0.2 * seconds(dense, Split(1, 1))


def test_a_fit_takes_the_threads_and_squads_of_the_model(monkeypatch):
    made = []
    original = threads.Team

    class Noted(original):
        def __new__(cls, *given):
            made.append(given)
            return original.__new__(cls, *given)

    monkeypatch.setitem(training.epochs.__globals__, "Team", Noted)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 700)), rng.normal(size=(64, 3))
    for n_jobs in (1, 4, 6):
        network = Network([700, 900, 900, 3], random_state=0)
        list(
            training.epochs(
                network, X, y, Adam(), batch_size=64, max_epochs=1, rng=None, n_jobs=n_jobs
            )
        )
        shape = cost.shape_of(network.plan, X, 8, 64, 2)
        assert made.pop() == tuple(split_among(shape, n_jobs))
