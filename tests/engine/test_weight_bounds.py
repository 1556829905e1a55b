"""Are L1 terms and max_norm what the reference has them for, whoever computes them?"""

import numpy as np
import pytest
import scipy.sparse
from methods import METHODS, trained

from cbackprop import SGD, Adam, AdamW, reference, training
from cbackprop.engine import run
from cbackprop.optimizers import Group
from cbackprop.running import slices, sweeps

RATES = {"sgd": 0.05, "momentum": 0.02, "nesterov": 0.02}
WAYS = {
    "l1": {"l1": 0.3},
    "l1 and l2": {"l1": 0.3, "alpha": 0.5},
    "max_norm": {"max_norm": 0.4},
    "max_norm and l2": {"max_norm": 0.4, "alpha": 0.5},
    "all": {"l1": 0.1, "alpha": 0.1, "max_norm": 0.5, "dropout": [0.3, 0.1], "mask_seed": 7},
}


@pytest.fixture(params=["whole", "in blocks"])
def batches(request, monkeypatch):
    """A mini-batch goes through as a whole, or, where it is large, in blocks of its rows."""
    if request.param == "in blocks":
        for name, value in (("STEP_SECONDS", 0.0), ("BLOCK_ROWS", 3), ("FEWEST_ROWS", 1)):
            monkeypatch.setattr(slices, name, value)
        monkeypatch.setattr(sweeps, "SMALL_FLOPS", 0.0)


@pytest.fixture
def problem(make_problem, dtype):
    """Rows that no mini-batch of 8 divides."""
    options = {"output_activation": "softmax", "loss": "log_loss", "dtype": dtype}
    return make_problem((5, 33, 7, 3), 53, activation="tanh", **options)


def by_reference(problem, method, *, weighted=False, batch_size=8, **way):
    network = problem.network.copy()
    losses = reference.train(
        network.weights, network.biases, problem.X, problem.y,
        optimizer=METHODS[method][1](RATES.get(method, 0.003)), epochs=4, batch_size=batch_size,
        permutations=[np.arange(len(problem.X))] * 4,
        sample_weight=problem.weight if weighted else None, **way, **problem.options,
    )  # fmt: skip
    return network, losses


def here(problem, method, *, weighted=False, batch_size=8, X=None, optimizer=None, **way):
    network = problem.network.copy()
    batch = {"alpha": "l2_batch", "l1": "l1_batch"}
    losses = training.epochs(
        network, problem.X if X is None else X, problem.y,
        optimizer or METHODS[method][0](RATES.get(method, 0.003)), batch_size=batch_size,
        max_epochs=4, rng=None, sample_weight=problem.weight if weighted else None,
        **{batch.get(name, name): value for name, value in way.items()},
    )  # fmt: skip
    return network, list(losses)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_steps_are_the_references(method, way, n_jobs, problem, batches, assert_close):
    tolerance = 2e-4 if problem.X.dtype == np.float32 else 1e-9
    actual = here(problem, method, n_jobs=n_jobs, **WAYS[way])
    expected = by_reference(problem, method, **WAYS[way])
    assert_close(actual[0].parameters, expected[0].parameters, tolerance)
    assert_close(actual[1], expected[1], 2e-5)


@pytest.mark.parametrize("way", ["l1", "all"])
def test_steps_are_the_references_with_weights_and_sparse_rows(way, problem, batches, assert_close):
    tolerance = 2e-4 if problem.X.dtype == np.float32 else 1e-9
    problem.X[np.abs(problem.X) < 0.5] = 0.0
    for method in ("sgd", "momentum", "adam"):
        expected = by_reference(problem, method, weighted=True, **WAYS[way])
        for X in (None, scipy.sparse.csr_matrix(problem.X)):
            actual = here(problem, method, weighted=True, X=X, **WAYS[way])
            assert_close(actual[0].parameters, expected[0].parameters, tolerance)


@pytest.mark.parametrize("way", WAYS)
def test_any_instructions_take_the_same_steps(way, problem, instructions, assert_close):
    tolerance = 2e-4 if problem.X.dtype == np.float32 else 1e-9
    actual, expected = here(problem, "sgd", **WAYS[way]), by_reference(problem, "sgd", **WAYS[way])
    assert_close(actual[0].parameters, expected[0].parameters, tolerance)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["sgd", "momentum", "adam"])
def test_every_number_of_threads_gives_the_same_bits(way, method, dtype, make_problem):
    # Products this small are made by loops whose sums no division of the work changes.
    problem = make_problem((8, 24, 16, 8), 64, dtype=dtype)
    first, *others = [
        here(problem, method, batch_size=32, n_jobs=n, **WAYS[way])[0].parameters for n in (1, 2, 3)
    ]
    for other in others:
        np.testing.assert_array_equal(other, first)


# --- L1 ------------------------------------------------------------------------------------------


def test_a_weight_of_zero_is_not_drawn_anywhere(make_problem):
    problem = make_problem((3, 2), 4)
    network, y = problem.network.copy(), np.zeros((4, 2))
    network.weights = [[[0.0, 1.0], [-2.0, 0.0], [-0.0, 3.0]]]
    network.biases = [[0.0, 5.0]]
    X = np.zeros((4, 3))
    list(training.epochs(network, X, y, SGD(0.5), batch_size=4, max_epochs=1, rng=None, l1=0.5))
    assert network.weights[0].tolist() == [[0.0, 0.75], [-1.75, 0.0], [0.0, 2.75]]
    assert network.biases[0].tolist() == [0.0, 2.5]  # spared: moved by the loss alone


@pytest.mark.parametrize("method", ["sgd", "momentum", "adam"])
def test_the_books_l1_is_one_of_all_rows(method, problem, assert_close):
    of_all = trained(problem, METHODS[method][0](0.01), l1=0.05, epochs=2, batch_size=53)
    of_batch = trained(
        problem, METHODS[method][0](0.01), l1_batch=0.05 * 53, epochs=2, batch_size=53
    )
    assert_close(of_all.parameters, of_batch.parameters)


@pytest.mark.parametrize("clip", [{"clip_value": 0.02}, {"clip_norm": 0.1}])
def test_what_is_clipped_is_the_gradient_with_its_penalties(clip, make_problem, assert_close):
    problem = make_problem((5, 7, 3), 24, activation="tanh")
    network = problem.network.copy()
    nabla = reference.backprop(
        network.weights, network.biases, problem.X, problem.y, alpha=5.0, l1=10.0, **problem.options
    )
    gradients = [*nabla.weights, *nabla.biases]
    length = np.sqrt(sum((g**2).sum() for g in gradients))
    for parameters, g in zip([*network.weights, *network.biases], gradients, strict=True):
        if "clip_value" in clip:
            parameters -= 0.5 * np.clip(g, -0.02, 0.02)
        else:
            parameters -= 0.5 * g * min(1.0, 0.1 / length)
    actual = problem.network.copy()
    given = {"batch_size": 24, "max_epochs": 1, "rng": None, "l2_batch": 5.0, "l1_batch": 10.0}
    list(training.epochs(actual, problem.X, problem.y, SGD(0.5, **clip), **given))
    assert_close(actual.parameters, network.parameters)


@pytest.mark.parametrize("weighted", [False, True])
def test_sweeps_loss_and_gradient_have_it(weighted, problem, make_sweep, assert_close):
    sweep, gradient = (
        make_sweep(problem, weighted=weighted),
        np.empty_like(problem.network.parameters),
    )
    loss = sweep.loss_and_gradient(gradient, 0.0, 0.5, 0.01, 0.3)
    total = problem.weight.sum() if weighted else len(problem.X)
    expected = reference.backprop(
        problem.network.weights, problem.network.biases, problem.X, problem.y, alpha=0.5,
        l1=0.3 + 0.01 * float(total), sample_weight=problem.weight if weighted else None,
        **problem.options,
    )  # fmt: skip
    layers = zip(expected.weights, expected.biases, strict=True)
    assert_close(gradient, np.concatenate([p.ravel() for layer in layers for p in layer]))
    assert_close(np.array([loss, sweep.loss(0.0, 0.5, 0.01, 0.3)]), np.full(2, expected.loss), 1e-5)


def test_references_gradient_of_it_is_the_numerical_one(make_problem):
    problem = make_problem((4, 6, 2), 6, activation="tanh")
    weights, biases = problem.network.weights, problem.network.biases
    given = {"alpha": 0.2, "l1": 0.7, **problem.options}
    numerical = reference.numerical_gradient(weights, biases, problem.X, problem.y, **given)
    for function in (reference.backprop, reference.backprop_loop):
        nabla = function(weights, biases, problem.X, problem.y, **given)
        for actual, expected in zip(
            nabla.weights + nabla.biases, numerical[0] + numerical[1], strict=True
        ):
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-7)


# --- max_norm ------------------------------------------------------------------------------------


def lengths(network):
    return [np.linalg.norm(W.astype(np.float64), axis=0) for W in network.weights]


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_no_unit_has_longer_weights_after_a_step(method, n_jobs, problem, batches):
    assert all((of_layer > 0.25).any() for of_layer in lengths(problem.network))
    network = here(problem, method, n_jobs=n_jobs, max_norm=0.25)[0]
    eps = np.finfo(problem.X.dtype).eps
    for of_layer in lengths(network):
        assert (of_layer <= 0.25 * (1 + 4 * eps)).all()


def test_columns_that_are_short_enough_keep_every_bit(problem):
    wide = here(problem, "adam", max_norm=1e3)[0]
    np.testing.assert_array_equal(wide.parameters, here(problem, "adam")[0].parameters)


def test_layers_that_do_not_learn_keep_every_bit(problem, batches):
    still, learns = Group(rate=0.0, decay=0.0), Group()
    network = problem.network.copy()
    given = {"batch_size": 8, "max_epochs": 2, "rng": None, "max_norm": 0.1, "l1": 0.1, "l2": 0.1}
    optimizer = AdamW(0.01, groups=[learns, (still, learns), still])
    list(training.epochs(network, problem.X, problem.y, optimizer, **given))
    for layer in (1, 2):
        np.testing.assert_array_equal(network.weights[layer], problem.network.weights[layer])
    assert lengths(network)[0].max() < 0.1001


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_of_any_size_are_shortened(dtype, make_problem):
    problem = make_problem((3, 2), 4, dtype=dtype)
    network, X = problem.network.copy(), np.zeros((4, 3), dtype)
    large = 1e30 if dtype == "float32" else 1e150
    network.weights = [[[3.0 * large, 0.0], [-4.0 * large, 0.0], [0.0, 0.0]]]
    y = np.zeros((4, 2), dtype)
    list(training.epochs(network, X, y, SGD(0.1), batch_size=4, max_epochs=1, rng=None, max_norm=5))
    np.testing.assert_allclose(network.weights[0], [[3.0, 0.0], [-4.0, 0.0], [0.0, 0.0]], rtol=1e-6)


def test_what_is_not_finite_stays_to_be_seen(make_problem):
    problem = make_problem((3, 2), 4)
    network, X, y = problem.network.copy(), np.zeros((4, 3)), np.zeros((4, 2))
    network.weights[0][:, 0] = [np.nan, 1.0, 2.0]
    list(training.epochs(network, X, y, SGD(0.1), batch_size=4, max_epochs=1, rng=None, max_norm=1))
    assert np.isnan(network.weights[0][0, 0])


# --- the door ------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{"l1": 0.1}, {"l1_batch": 0.1}, {"max_norm": 1.0}])
def test_a_step_with_them_is_not_rehearsed(more, make_problem, make_task):
    problem = make_problem((4, 5, 2), 6)
    size = problem.network.parameters.size
    optimizer = Adam()
    task = make_task(problem, capacity=6)
    with pytest.raises(ValueError, match="cannot be rehearsed"):
        task.rehearse(optimizer._rule(0.0, 0.0, **more), np.empty(size), np.zeros((2, size)), 0, 6)


@pytest.mark.parametrize("more", [{"l1": 0.1}, {"l1_batch": 0.1}])
def test_the_gradient_of_an_l1_term_needs_room(more, make_problem, make_task):
    problem = make_problem((4, 5, 2), 6)
    rule, state = SGD(0.1)._rule(0.0, 0.0, **more), np.empty((0, problem.network.parameters.size))
    with pytest.raises(ValueError, match="gradient must have 37 elements, got 0"):
        make_task(problem, capacity=6).train(rule, np.empty(0), state, 0, 6, 6)


def test_rules_are_laid_out_as_the_engine_has_them():
    assert {"l1", "l1_batch", "max_norm"} <= set(run.RULE.names)
