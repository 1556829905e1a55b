"""Does dropout leave out what the reference leaves out, whoever computes it, and at random?"""

import numpy as np
import pytest
import scipy.sparse
from methods import LAYERS, METHODS, falls, trained
from scipy import stats

from cbackprop import Network, reference, training
from cbackprop.engine import run
from cbackprop.reference import dropout_masks
from cbackprop.running import slices, sweeps

SEED = 2**63 + 5
RATES = [0.3, 0.0, 0.6, 0.1]


@pytest.fixture(params=["whole", "in blocks"])
def batches(request, monkeypatch):
    """A mini-batch goes through as a whole, or, where it is large, in blocks of its rows."""
    if request.param == "in blocks":
        for name, value in (("STEP_SECONDS", 0.0), ("BLOCK_ROWS", 3), ("FEWEST_ROWS", 1)):
            monkeypatch.setattr(slices, name, value)
        monkeypatch.setattr(sweeps, "SMALL_FLOPS", 0.0)


@pytest.fixture
def make_deep(make_problem, dtype):
    """Layers of odd sizes; rows that no mini-batch of 8 divides."""

    def make(activation="relu"):
        options = {"output_activation": "softmax", "loss": "log_loss", "dtype": dtype}
        return make_problem((5, 33, 17, 3, 1, 3), 21, activation=activation, **options)

    return make


def trained_by_reference(problem, method="adam", *, rate=0.01, batch_size=8, weighted=False):
    network, epochs = problem.network.copy(), 3
    losses = reference.train(
        network.weights, network.biases, problem.X, problem.y,
        optimizer=METHODS[method][1](rate), epochs=epochs, batch_size=batch_size,
        permutations=[np.arange(len(problem.X))] * epochs,
        sample_weight=problem.weight if weighted else None,
        dropout=RATES, mask_seed=SEED, **problem.options,
    )  # fmt: skip
    return network.parameters, losses


def trained_here(problem, method="adam", *, rate=0.01, batch_size=8, weighted=False, **more):
    network, X = problem.network.copy(), more.pop("X", problem.X)
    losses = training.epochs(
        network, X, problem.y, METHODS[method][0](rate), batch_size=batch_size,
        max_epochs=3, rng=None, sample_weight=problem.weight if weighted else None,
        dropout=RATES, mask_seed=SEED, **more,
    )  # fmt: skip
    return network.parameters, list(losses)


@pytest.mark.parametrize("activation", run.ACTIVATIONS)
def test_steps_are_the_references_with_every_activation(
    activation, make_deep, batches, instructions, assert_close
):
    problem = make_deep(activation)
    actual, expected = trained_here(problem), trained_by_reference(problem)
    assert_close(actual[0], expected[0], 2e-4 if problem.X.dtype == np.float32 else 1e-9)
    assert_close(actual[1], expected[1], 1e-5)


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_steps_are_the_references_with_every_optimizer(
    method, n_jobs, make_problem, batches, assert_close
):
    problem = make_problem((5, 7, 4, 6, 3, 2), 21, activation="tanh")
    for weighted in (False, True):
        given = {"rate": 0.001, "weighted": weighted}
        actual = trained_here(problem, method, n_jobs=n_jobs, **given)
        assert_close(actual[0], trained_by_reference(problem, method, **given)[0], 1e-8)


@pytest.mark.parametrize("batch_size", [1, 5, 21])
def test_steps_are_the_references_for_any_size_of_mini_batch(batch_size, make_deep, assert_close):
    problem = make_deep("logistic")
    actual = trained_here(problem, batch_size=batch_size)
    expected = trained_by_reference(problem, batch_size=batch_size)
    assert_close(actual[0], expected[0], 2e-4 if problem.X.dtype == np.float32 else 1e-9)


def test_sparse_rows_lose_the_units_that_dense_ones_lose(make_deep, batches, assert_close):
    problem = make_deep("gelu")
    problem.X[np.abs(problem.X) < 0.5] = 0.0
    sparse = trained_here(problem, X=scipy.sparse.csr_matrix(problem.X))
    expected = trained_by_reference(problem)
    assert_close(sparse[0], expected[0], 2e-4 if problem.X.dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("activation", ["relu", "tanh", "mish"])
def test_every_number_of_threads_gives_the_same_bits(activation, dtype, make_problem):
    # Products this small are made by loops whose sums no division of the work changes.
    problem = make_problem((8, 24, 24, 16, 8, 8), 70, activation=activation, dtype=dtype)
    first, *others = [
        trained_here(problem, batch_size=35, n_jobs=n_jobs)[0] for n_jobs in (1, 2, 3)
    ]
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_schedules_groups_and_clipping_change_nothing_about_what_is_left_out(
    make_problem, assert_close
):
    # A rate of nearly nothing: the weights of the last step's gradient are the first ones.
    problem = make_problem((5, 7, 4, 2), 53)
    given = {"dropout": 0.5, "mask_seed": SEED, "epochs": 1}
    plain = trained(problem, METHODS["sgd"][0](1e-3), **given)
    scheduled = trained(
        problem, METHODS["sgd"][0](1e-3, schedule=lambda t: np.ones_like(t)), **given
    )
    clipped = trained(problem, METHODS["sgd"][0](1e-3, clip_norm=1e9), **given)
    assert_close(scheduled.parameters, plain.parameters)
    assert_close(clipped.parameters, plain.parameters)
    grouped = trained(
        problem, METHODS["adam"][0](0.01, schedule=falls, groups=LAYERS), dropout=0.5, mask_seed=1
    )
    assert np.isfinite(grouped.parameters).all()


# --- the gradient, with what is left out held ----------------------------------------------------


def held(problem, step=3):
    layers = problem.network.plan["n_out"][:-1].tolist()
    return [
        dropout_masks(n, len(problem.X), rate, seed=SEED, step=step, layer=layer)
        for layer, (n, rate) in enumerate(zip(layers, RATES, strict=False))
    ]


@pytest.mark.parametrize("activation", run.ACTIVATIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_the_numerical_one_of_the_thinned_network(
    activation, weighted, make_problem, make_task
):
    problem = make_problem((4, 9, 5, 2), 6, activation=activation)
    task = make_task(problem, weighted=weighted, capacity=6, dropout=RATES[:2], seed=SEED)
    weight = problem.weight.sum() if weighted else 6.0
    vector = problem.network.parameters
    gradient = np.zeros_like(vector)
    loss = task.loss(0, 6, weight, gradient, (3, 0, 1.0))
    assert abs(loss - task.loss(0, 6, weight)) > 1e-3
    numerical = np.empty_like(vector)
    for i, value in enumerate(vector.tolist()):
        costs = []
        for there in (value + 1e-5, value - 1e-5):
            vector[i] = there
            costs.append(task.loss(0, 6, weight, None, (3, 0, 1.0)))
        vector[i] = value
        numerical[i] = (costs[0] - costs[1]) / 2e-5
    np.testing.assert_allclose(gradient, numerical, rtol=0, atol=1e-6)


@pytest.mark.parametrize("function", [reference.backprop, reference.backprop_loop])
def test_references_gradient_is_the_numerical_one(function, make_problem):
    problem = make_problem((4, 9, 5, 2), 6, activation="tanh")
    weights, biases, masks = problem.network.weights, problem.network.biases, held(problem)
    nabla = function(weights, biases, problem.X, problem.y, masks=masks, **problem.options)
    numerical = reference.numerical_gradient(
        weights, biases, problem.X, problem.y, masks=masks, **problem.options
    )
    actuals, expecteds = [*nabla.weights, *nabla.biases], [*numerical[0], *numerical[1]]
    for actual, expected in zip(actuals, expecteds, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-7)


def test_blocks_of_a_mini_batch_lose_what_they_lose_together(make_problem, make_task, assert_close):
    problem = make_problem((4, 9, 5, 2), 20, activation="tanh")
    whole = make_task(problem, capacity=20, dropout=RATES[:2], seed=SEED)
    parts = make_task(problem, capacity=3, dropout=RATES[:2], seed=SEED)
    expected = whole.loss(4, 20, 16.0, None, (7, 4, 1.0))
    got = parts.loss(4, 11, 16.0, None, (7, 4, 1.0)) + parts.loss(11, 20, 16.0, None, (7, 4, 1.0))
    assert_close(got, expected)
    assert abs(whole.loss(4, 20, 16.0) - expected) > 1e-3


@pytest.mark.parametrize("activation", ["logistic", "relu", "selu"])
def test_what_is_left_of_layers_of_any_width_is_what_the_reference_leaves(
    activation, dtype, instructions, make_problem, make_task, assert_close
):
    widths, rates = (1, 255, 256, 257, 600, 2), [0.5, 0.25, 0.75, 0.5, 0.9, 0.01]
    problem = make_problem((3, *widths, 1), 5, activation=activation, dtype=dtype)
    task = make_task(problem, capacity=5, dropout=rates, seed=SEED)
    for step in (0, 2**40):
        task.loss(0, 5, 5.0, None, (step, 0, 1.0))
        masks = [
            dropout_masks(n, 5, rate, seed=SEED, step=step, layer=layer)
            for layer, (n, rate) in enumerate(zip(widths, rates, strict=True))
        ]
        weights, biases = problem.network.weights, problem.network.biases
        expected = reference.backprop(
            weights, biases, problem.X, problem.y, masks=masks, **problem.options
        )
        for a, mask in zip(task.views(5)[0], masks, strict=False):
            assert (a[mask == 0] == 0).all()
            if activation == "logistic":  # never 0 of itself
                assert (a[mask != 0] != 0).all()
        assert_close(task.views(5)[0], expected.activations[1:], 1e-4)


def test_factor_of_a_step_is_one_of_the_rates(make_problem, make_task):
    problem = make_problem((4, 9, 5, 2), 6, activation="tanh")
    double = make_task(problem, capacity=6, dropout=[0.6, 0.2], seed=SEED)
    single = make_task(problem, capacity=6, dropout=[0.3, 0.1], seed=SEED)
    assert double.loss(0, 6, 6.0, None, (1, 0, 0.5)) == single.loss(0, 6, 6.0, None, (1, 0, 1.0))
    assert double.loss(0, 6, 6.0, None, (1, 0, 0.0)) == double.loss(0, 6, 6.0)


def test_loss_and_predictions_are_of_the_whole_network(make_problem, make_task):
    problem = make_problem((4, 9, 5, 2), 6)
    with_dropout = make_task(problem, capacity=6, dropout=[0.5, 0.5])
    plain = make_task(problem, capacity=6)
    assert with_dropout.loss(0, 6, 6.0) == plain.loss(0, 6, 6.0)
    outs = [np.empty((6, 2)) for _ in range(2)]
    for task, out in zip((with_dropout, plain), outs, strict=True):
        task.predict(out)
    np.testing.assert_array_equal(*outs)


def test_off_is_off(make_problem):
    problem = make_problem((5, 7, 4, 2), 53)
    plain = trained(problem, METHODS["adam"][0](0.01))
    for nothing in (0.0, [0.0, 0.0], None):
        off = trained(problem, METHODS["adam"][0](0.01), dropout=nothing, mask_seed=3)
        np.testing.assert_array_equal(off.parameters, plain.parameters)


# --- what is left out is random ------------------------------------------------------------------

N = 250
KEEP = 0.7
# Bounds that a right generator passes, all of them, but for one seed in thousands.
RARE = 1e-5


def masks(**where):
    where = {"seed": SEED, "step": 0, "layer": 0, **where}
    return dropout_masks(N, N, 1 - KEEP, **where) > 0


@pytest.mark.parametrize("seed", [0, 1, 2**32, SEED, 2**64 - 1])
def test_share_kept_is_what_was_asked_for(seed):
    kept = masks(seed=seed)
    assert stats.binomtest(int(kept.sum()), N * N, KEEP).pvalue > RARE
    for axis in (0, 1):  # and in every row, and of every unit
        counts = kept.sum(axis=axis)
        chi_square = ((counts - N * KEEP) ** 2 / (N * KEEP * (1 - KEEP))).sum()
        assert RARE < stats.chi2.sf(chi_square, N) < 1 - RARE


PAIRS = {
    "seeds": lambda: (masks(seed=0), masks(seed=1)),
    "steps": lambda: (masks(step=0), masks(step=1)),
    "far steps": lambda: (masks(step=0), masks(step=2**32)),
    "layers": lambda: (masks(layer=0), masks(layer=1)),
    "step and layer": lambda: (masks(step=1, layer=0), masks(step=0, layer=1)),
    "rows": lambda: (masks()[1:], masks()[:-1]),
    "units": lambda: (masks()[:, 1:], masks()[:, :-1]),
    "units next but one": lambda: (masks()[:, 2:], masks()[:, :-2]),
    "rows and units": lambda: (masks()[1:, 1:], masks()[:-1, :-1]),
    "crosswise": lambda: (masks(), masks().T),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_kept_of_one_says_nothing_of_another(name):
    one, other = (kept.ravel() for kept in PAIRS[name]())
    if name == "crosswise":  # but for the diagonal
        apart = ~np.eye(N, dtype=bool).ravel() & np.tri(N, dtype=bool).ravel()
        one, other = one[apart], other[apart]
    table = [
        [(one & other).sum(), (one & ~other).sum()],
        [(~one & other).sum(), (~one & ~other).sum()],
    ]
    assert stats.chi2_contingency(table, correction=False).pvalue > RARE


def test_rows_of_a_mini_batch_are_numbered_from_its_first():
    whole = dropout_masks(7, 10, 0.5, seed=1, step=2, layer=3)
    np.testing.assert_array_equal(
        dropout_masks(7, 4, 0.5, seed=1, step=2, layer=3, first_row=6), whole[6:]
    )


def test_no_unit_is_kept_by_all_rows_of_a_wide_layer():
    kept = dropout_masks(5000, 60, 0.5, seed=1, step=0, layer=0) > 0
    assert kept.any(axis=0).all()
    assert not kept.all(axis=0).any()
    assert len(np.unique(np.packbits(kept, axis=1), axis=0)) == 60


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dropout", "words"),
    [
        ([0.5], r"dropout must have 2 elements, got 1"),
        ([0.5, 1.0], r"dropout must lie in \[0, 1\), got 1.0 for hidden layer 1"),
        ([-0.5, 0.0], r"dropout must lie in \[0, 1\), got -0.5 for hidden layer 0"),
        ([np.nan, 0.0], r"dropout must lie in \[0, 1\), got nan for hidden layer 0"),
    ],
)
def test_engine_refuses_shares_that_leave_nothing(dropout, words, make_problem, make_task):
    with pytest.raises(ValueError, match=words):
        make_task(make_problem((4, 9, 5, 2), 6), dropout=dropout)


@pytest.mark.parametrize("seed", [-1, 2**64, "1", None])
def test_engine_refuses_other_seeds(seed, make_problem, make_task):
    with pytest.raises((TypeError, OverflowError)):
        make_task(make_problem((4, 9, 5, 2), 6), dropout=[0.5, 0.5], seed=seed)


@pytest.mark.parametrize(
    ("held", "error"),
    [
        ((-1, 0, 1.0), ValueError),
        ((0, 3, 1.0), ValueError),
        ((0, 0, 2.0), ValueError),
        ((0, 0, np.nan), ValueError),
        ((0, 0), ValueError),
        (3, TypeError),
        (("a", 0, 1.0), TypeError),
    ],
)
def test_engine_refuses_masks_of_no_step(held, error, make_problem, make_task):
    task = make_task(make_problem((4, 9, 5, 2), 6), capacity=6, dropout=[0.5, 0.5])
    with pytest.raises(error):
        task.loss(2, 6, 4.0, None, held)


def test_a_mini_batch_may_begin_with_rows_that_are_elsewhere(make_problem, make_task):
    problem = make_problem((4, 9, 5, 2), 6)
    given = {"capacity": 6, "dropout": [0.5, 0.5]}
    expected = make_task(problem, **given).loss(2, 6, 4.0, None, (3, 0, 1.0))
    problem.X, problem.y = problem.X[2:].copy(), problem.y[2:].copy()
    problem.weight = problem.weight[2:].copy()
    task = make_task(problem, **given)
    assert task.loss(0, 4, 4.0, None, (3, -2, 1.0)) == expected
    assert task.loss(0, 4, 4.0, None, (3, 0, 1.0)) != expected


def test_factor_that_leaves_nothing_is_refused(make_problem, make_task):
    problem = make_problem((4, 9, 5, 2), 6)
    task = make_task(problem, capacity=6, dropout=[0.5, 0.2])
    state, numbers = np.empty((0, problem.network.parameters.size)), np.array([[0.1, 0.0, 2.0]])
    rule = METHODS["sgd"][0](0.1)._rule(0.0, 0.0)
    with pytest.raises(ValueError, match=r"\[0, 1\), got 0.5 times 2.0 for hidden layer 0"):
        task.train(rule, np.empty(0), state, 0, 6, 6, numbers=numbers)


def test_network_without_hidden_layers_has_nothing_to_drop():
    X, y = np.eye(3), np.ones((3, 1))
    a, b = (Network([3, 1], random_state=0) for _ in range(2))
    a.fit(X, y, dropout=0.5, epochs=2, random_state=0)
    b.fit(X, y, epochs=2, random_state=0)
    np.testing.assert_array_equal(a.parameters, b.parameters)
