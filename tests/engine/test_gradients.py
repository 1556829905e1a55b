"""Is the gradient the derivative of the loss, and what the plain NumPy reference says?"""

import numpy as np
import pytest
import scipy.sparse

from cbackprop import reference
from cbackprop.engine import run
from cbackprop.network.layout import views
from cbackprop.running import slices, sweeps
from cbackprop.running.slices import BLOCK_ROWS

ACTIVATIONS = list(run.ACTIVATIONS)
PAIRS = list(run.OUTPUTS)
HIDDEN = [(), (3,), (17, 33), (5, 1, 4)]
COLUMNS = [1, 3, 17, 33]
ROWS = [1, 3, BLOCK_ROWS + 3, 700]  # the last two pass the engine's block

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
every_pair = pytest.mark.parametrize(("output_activation", "loss"), PAIRS)
with_and_without_weights = pytest.mark.parametrize(
    "weighted", [False, True], ids=["unweighted", "weighted"]
)
with_and_without_l2 = pytest.mark.parametrize("alpha", [0.0, 0.7], ids=["without_l2", "with_l2"])


def numerical_gradient(loss_at, parameters, step=1e-5):
    """Two-sided differences of loss_at(), which looks at `parameters`."""
    slopes = np.empty_like(parameters)
    for i, here in enumerate(parameters.tolist()):
        parameters[i] = here + step
        above = loss_at()
        parameters[i] = here - step
        slopes[i] = (above - loss_at()) / (2 * step)
        parameters[i] = here
    return slopes


def relative_error(actual, expected):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


def reference_gradients(problem, *, weighted, alpha=0.0):
    return reference.backprop(
        problem.network.weights,
        problem.network.biases,
        problem.X,
        problem.y,
        sample_weight=problem.weight if weighted else None,
        alpha=alpha,
        **problem.options,
    )


def flat(nabla):
    pairs = zip(nabla.weights, nabla.biases, strict=True)
    return np.concatenate([part.ravel() for pair in pairs for part in pair])


@pytest.fixture
def gradient(make_sweep):
    """Loss and gradient of the engine for a problem."""

    def compute(problem, *, l2=0.0, l2_batch=0.0, **sweep):
        vector = np.full_like(problem.network.parameters, np.nan)
        loss = make_sweep(problem, **sweep).loss_and_gradient(vector, l2, l2_batch)
        return loss, vector

    return compute


# --- against the numerical gradient --------------------------------------------------------------


@with_and_without_l2
@with_and_without_weights
@every_pair
@every_activation
def test_gradient_agrees_with_numerical_gradient(
    activation, output_activation, loss, weighted, alpha, make_problem, make_sweep
):
    problem = make_problem(
        (3, 5, 4, 3), 7, activation=activation, output_activation=output_activation, loss=loss
    )
    parameters = problem.network.parameters
    sweep, gradient = make_sweep(problem, weighted=weighted), np.empty_like(parameters)
    sweep.loss_and_gradient(gradient, l2_batch=alpha)
    numerical = numerical_gradient(lambda: sweep.loss(l2_batch=alpha), parameters)
    assert relative_error(gradient, numerical) < 1e-6


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("hidden", HIDDEN)
@every_pair
def test_gradient_agrees_with_numerical_gradient_for_odd_shapes(
    output_activation, loss, hidden, columns, make_problem, make_sweep
):
    outputs = columns if loss != "log_loss" else max(2, columns)  # one softmax output is always 1
    problem = make_problem(
        (columns, *hidden, outputs), 5, output_activation=output_activation, loss=loss
    )
    parameters, rng = problem.network.parameters, np.random.default_rng(1)
    sweep, gradient = make_sweep(problem, weighted=True), np.empty_like(parameters)
    sweep.loss_and_gradient(gradient, l2_batch=0.3)
    # Not every one of the thousands of components: slopes in random directions see them all.
    start = parameters.copy()
    directions = rng.normal(size=(8, start.size))
    along, step = np.zeros(8), 1e-5 / np.sqrt(start.size)

    def loss_at():
        parameters[...] = start + along @ directions
        return sweep.loss(l2_batch=0.3)

    assert relative_error(directions @ gradient, numerical_gradient(loss_at, along, step)) < 1e-6


@with_and_without_weights
@every_pair
def test_network_gradient_agrees_with_numerical_gradient(
    output_activation, loss, weighted, make_problem
):
    problem = make_problem((3, 4, 2), 5, output_activation=output_activation, loss=loss)
    arguments = (problem.X, problem.y, problem.weight if weighted else None)
    network = problem.network
    numerical = numerical_gradient(lambda: network.loss(*arguments), network.parameters)
    assert relative_error(network.gradient(*arguments), numerical) < 1e-6


# --- against the reference -----------------------------------------------------------------------


@pytest.mark.parametrize("hidden", HIDDEN)
@with_and_without_l2
@with_and_without_weights
@every_pair
@every_activation
def test_loss_and_gradient_agree_with_the_reference(
    activation,
    output_activation,
    loss,
    weighted,
    alpha,
    hidden,
    make_problem,
    gradient,
    assert_close,
):
    problem = make_problem(
        (3, *hidden, 3), 17, activation=activation, output_activation=output_activation, loss=loss
    )
    expected = reference_gradients(problem, weighted=weighted, alpha=alpha)
    cost, nabla = gradient(problem, weighted=weighted, l2_batch=alpha)
    assert_close(cost, expected.loss)
    assert_close(nabla, flat(expected))


@with_and_without_weights
@every_pair
@every_activation
def test_backprop_agrees_with_the_reference(
    activation, output_activation, loss, weighted, make_problem, assert_close
):
    problem = make_problem(
        (3, 5, 1, 4, 3), 17, activation=activation, output_activation=output_activation, loss=loss
    )
    expected = reference_gradients(problem, weighted=weighted)
    inside = problem.network.backprop(problem.X, problem.y, problem.weight if weighted else None)
    assert_close(inside.loss, expected.loss)
    assert_close(inside.activations, expected.activations)
    assert_close(inside.deltas, expected.deltas)
    assert_close(inside.weight_gradients, expected.weights)
    assert_close(inside.bias_gradients, expected.biases)


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("columns", COLUMNS)
@every_pair
def test_odd_shapes_agree_with_the_reference(
    output_activation, loss, columns, n, dtype, make_problem, gradient, assert_close
):
    problem = make_problem(
        (columns, 17, columns), n, output_activation=output_activation, loss=loss, dtype=dtype
    )
    expected = reference_gradients(problem, weighted=True, alpha=0.3)
    cost, nabla = gradient(problem, weighted=True, l2_batch=0.3)
    assert cost == pytest.approx(expected.loss, rel=2e-5 if dtype == np.float32 else 1e-12)
    assert_close(nabla, flat(expected))


@pytest.mark.parametrize("n", [1, 17, 300])
@pytest.mark.parametrize("columns", [1, 3, 17, 33, 70])
@every_pair
def test_outputs_agree_with_the_reference(
    output_activation, loss, columns, n, dtype, make_problem, assert_close
):
    problem = make_problem(
        (3, columns), n, output_activation=output_activation, loss=loss, dtype=dtype
    )
    expected = reference.forward(
        problem.network.weights,
        problem.network.biases,
        problem.X,
        output_activation=output_activation,
    )
    assert_close(problem.network.predict(problem.X), expected[-1])


@every_pair
@every_activation
def test_float32_agrees_with_float64(
    activation, output_activation, loss, make_problem, gradient, assert_close
):
    narrow = make_problem(
        (3, 17, 33, 3),
        17,
        activation=activation,
        output_activation=output_activation,
        loss=loss,
        dtype=np.float32,
    )
    cost, nabla = gradient(narrow, weighted=True, l2_batch=0.3)
    wide = narrow
    wide.network = narrow.network.astype(np.float64)
    wide.X, wide.weight = narrow.X.astype(np.float64), narrow.weight.astype(np.float64)
    wide.y = narrow.y if loss == "log_loss" else narrow.y.astype(np.float64)
    expected_cost, expected = gradient(wide, weighted=True, l2_batch=0.3)
    assert nabla.dtype == np.float32
    assert cost == pytest.approx(expected_cost, rel=2e-5)
    assert_close(nabla, expected)


# --- the same sum, cut another way ---------------------------------------------------------------


@with_and_without_weights
@pytest.mark.parametrize("block_rows", [1, 7, 64, 258, 259, 1000])
def test_block_size_changes_nothing_but_rounding(
    block_rows, weighted, dtype, make_problem, gradient, assert_close
):
    problem = make_problem(
        (3, 5, 4), 259, output_activation="softmax", loss="log_loss", dtype=dtype
    )
    whole = gradient(problem, weighted=weighted, l2=0.1, l2_batch=0.2)
    parts = gradient(problem, weighted=weighted, l2=0.1, l2_batch=0.2, block_rows=block_rows)
    assert parts[0] == pytest.approx(whole[0], rel=1e-6 if dtype == np.float32 else 1e-13)
    assert_close(parts[1], whole[1])


@pytest.fixture
def any_size_in_threads(monkeypatch):
    """Threads and slices even where they do not pay."""
    monkeypatch.setattr(sweeps, "SMALL_FLOPS", 0.0)
    monkeypatch.setattr(slices, "SECONDS", 0.0)  # every block a slice


@pytest.mark.usefixtures("any_size_in_threads", "ends_if_it_hangs")
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@every_pair
def test_any_number_of_threads_gives_the_same_gradient(
    output_activation, loss, n_jobs, make_problem, gradient, assert_close
):
    problem = make_problem((3, 5, 4), 259, output_activation=output_activation, loss=loss)
    expected = reference_gradients(problem, weighted=True, alpha=0.3)
    cost, nabla = gradient(problem, weighted=True, l2_batch=0.3, block_rows=16, n_jobs=n_jobs)
    assert cost == pytest.approx(expected.loss, rel=1e-12)
    assert_close(nabla, flat(expected))


@pytest.mark.usefixtures("any_size_in_threads", "ends_if_it_hangs")
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_outputs(n_jobs, make_problem, make_sweep):
    problem = make_problem((3, 5, 4), 259, output_activation="softmax", loss="log_loss")
    expected = reference.forward(
        problem.network.weights,
        problem.network.biases,
        problem.X,
        activation="tanh",
        output_activation="softmax",
    )[-1]
    sweep = make_sweep(problem, block_rows=16, n_jobs=n_jobs)
    np.testing.assert_allclose(sweep.predict(), expected, rtol=0, atol=1e-13)


@pytest.mark.usefixtures("any_size_in_threads", "ends_if_it_hangs")
def test_the_same_sweep_gives_the_same_bits(dtype, make_problem, make_sweep):
    problem = make_problem((33, 17, 4), 259, dtype=dtype)
    sweep, results = make_sweep(problem, block_rows=16, n_jobs=3, weighted=True), set()
    for _ in range(5):
        gradient = np.empty_like(problem.network.parameters)
        loss = sweep.loss_and_gradient(gradient)
        results.add((loss, gradient.tobytes()))
    assert len(results) == 1


def test_losses_and_gradients_of_ranges_add_up(
    dtype, make_problem, make_task, gradient, assert_close
):
    problem = make_problem((3, 5, 4), 40, dtype=dtype)
    whole, nabla = gradient(problem, weighted=True)
    task, parts = make_task(problem, weighted=True, capacity=7), np.zeros_like(nabla)
    weight = float(problem.weight.sum())
    losses = [task.loss(first, last, weight, parts) for first, last in ((0, 11), (11, 40))]
    assert sum(losses) == pytest.approx(whole, rel=1e-6 if dtype == np.float32 else 1e-13)
    assert_close(parts, nabla)


@pytest.mark.parametrize("n", [1, 17, 300])
def test_picked_rows_are_those_rows(n, dtype, make_problem, make_task, gradient, assert_close):
    problem = make_problem((3, 5, 2), 100, dtype=dtype)
    rows = np.random.default_rng(0).integers(0, 100, n)  # some of them twice
    problem.weight += 0.5  # not all of them weigh nothing
    _, picked = gradient(problem, rows=rows, weighted=True, block_rows=64)
    out = np.empty((n, 2), dtype=dtype)
    make_task(problem, rows=rows, capacity=64).predict(out)
    problem.X, problem.y, problem.weight = (
        problem.X[rows],
        problem.y[rows],
        problem.weight[rows],
    )
    assert_close(picked, gradient(problem, weighted=True, block_rows=64)[1])
    assert_close(out, problem.network.predict(problem.X))


def test_rows_may_be_refilled_between_calls(make_problem, make_task, assert_close):
    problem = make_problem((3, 5, 2), 20)
    rows = np.zeros(4, dtype=np.intp)
    task = make_task(problem, rows=rows)
    out = np.empty((4, 2))
    for order in ([3, 1, 4, 1], [19, 0, 7, 7]):
        rows[...] = order
        task.predict(out)
        assert_close(out, problem.network.predict(problem.X[order]))


def test_prediction_of_a_range_is_that_range(dtype, make_problem, make_task, assert_close):
    problem = make_problem((3, 5, 2), 50, dtype=dtype)
    out = np.empty((23, 2), dtype=dtype)
    make_task(problem, capacity=10).predict(out, 11, 34)
    assert_close(out, problem.network.predict(problem.X[11:34]))


def test_a_task_without_targets_predicts_the_same(dtype, make_problem, assert_close):
    problem = make_problem((3, 5, 2), 20, dtype=dtype)
    network, rows = problem.network, np.arange(20)[::-1].copy()
    out = np.empty((20, 2), dtype=dtype)
    run.Task(
        network.plan, network.output, network.parameters, problem.X, rows=rows, capacity=7
    ).predict(out)
    assert_close(out, network.predict(problem.X)[::-1])


def test_l2_is_not_divided_by_the_rows_and_l2_batch_is(make_problem, gradient, assert_close):
    problem = make_problem((3, 4, 2), 6)
    total = float(problem.weight.sum())
    expected = reference_gradients(problem, weighted=True, alpha=0.2 * total + 0.3)
    cost, nabla = gradient(problem, weighted=True, l2=0.2, l2_batch=0.3)
    assert_close(cost, expected.loss)
    assert_close(nabla, flat(expected))


def test_biases_are_not_decayed(make_problem, gradient):
    problem = make_problem((3, 4, 2), 6)
    plain = views(problem.network.plan, gradient(problem)[1])[1]
    decayed = views(problem.network.plan, gradient(problem, l2=0.5, l2_batch=0.5)[1])[1]
    for one, other in zip(plain, decayed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_loss_scale_scales_the_loss_and_leaves_the_gradient(make_problem, gradient, assert_close):
    problem = make_problem((3, 4, 2), 6)
    cost, nabla = gradient(problem)
    scaled, same = gradient(problem, loss_scale=0.25)
    assert_close(scaled, 0.25 * cost)
    np.testing.assert_array_equal(same, nabla)


def test_loss_scale_leaves_the_l2_term(make_problem, gradient, assert_close):
    problem = make_problem((3, 4, 2), 6)
    squares = sum(float((W**2).sum()) for W in problem.network.weights)
    assert_close(gradient(problem, loss_scale=0.0, l2=0.4)[0], 0.2 * squares)


def test_scaling_all_weights_changes_nothing(make_problem, gradient, assert_close):
    problem = make_problem((3, 4, 2), 6)
    cost, nabla = gradient(problem, weighted=True)
    problem.weight = 16.0 * problem.weight
    heavier = gradient(problem, weighted=True)
    assert_close(heavier[0], cost)
    assert_close(heavier[1], nabla)


def test_labels_of_one_logistic_output_are_zeros_and_ones(make_problem, gradient, assert_close):
    problem = make_problem((3, 4, 1), 9, output_activation="logistic", loss="binary_log_loss")
    column = gradient(problem, weighted=True)
    problem.y = problem.y.ravel().astype(np.int32)
    labels = gradient(problem, weighted=True)
    assert labels[0] == column[0]
    np.testing.assert_array_equal(labels[1], column[1])


# --- at the limits -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output_activation", "loss"), [p for p in PAIRS if p[0] in ("logistic", "softmax")]
)
def test_saturated_outputs_agree_with_the_reference(
    output_activation, loss, dtype, make_problem, gradient, assert_close
):
    problem = make_problem((3, 3), 40, output_activation=output_activation, loss=loss, dtype=dtype)
    problem.network.parameters *= 1000.0
    expected = reference_gradients(problem, weighted=False)
    cost, nabla = gradient(problem)
    assert np.isfinite(cost)
    assert_close(cost, expected.loss, 1e-6 if dtype == np.float32 else 1e-12)
    assert_close(nabla, flat(expected))


def test_poisson_targets_of_zero_have_the_loss_of_their_output(make_problem, gradient):
    problem = make_problem((3, 2), 5, output_activation="exp", loss="poisson")
    problem.y[...] = 0.0
    outputs = problem.network.predict(problem.X)
    assert gradient(problem)[0] == pytest.approx(outputs.sum(axis=1).mean(), rel=1e-14)


def test_a_diverged_network_has_a_loss_that_is_not_finite(make_problem, gradient):
    problem = make_problem((3, 4, 2), 5)
    problem.network.parameters[0] = np.nan
    assert np.isnan(gradient(problem)[0])


# --- sparse rows ---------------------------------------------------------------------------------


def csr(dense, index_dtype, rng):
    """CSR of the same rows: columns unsorted, some values in two parts, maybe stored zeros."""
    data, indices, indptr = [], [], [0]
    for row in dense:
        columns = rng.permutation(np.flatnonzero(row))
        values = row[columns]
        again = columns[: columns.size // 2]
        columns = np.concatenate([columns, again])
        values = np.concatenate([values, -2.0 * row[again]])
        values[: again.size] *= 3.0  # 3 - 2 = 1
        order = rng.permutation(columns.size)
        data.append(values[order])
        indices.append(columns[order])
        indptr.append(indptr[-1] + columns.size)
    matrix = scipy.sparse.csr_matrix(dense.shape, dtype=dense.dtype)
    matrix.data = np.concatenate(data).astype(dense.dtype)
    matrix.indices = np.concatenate(indices).astype(index_dtype)
    matrix.indptr = np.array(indptr, dtype=index_dtype)
    matrix.has_sorted_indices = matrix.has_canonical_format = False
    return matrix


@pytest.fixture
def make_sparse_problem(make_problem):
    """A problem two thirds of whose X is 0, some rows and columns all of it, and X as CSR."""

    def make(columns, n, index_dtype, **options):
        problem = make_problem((columns, 5, 3), n, **options)
        rng = np.random.default_rng(2)
        problem.X[rng.random(problem.X.shape) < 2 / 3] = 0.0
        problem.X[rng.random(n) < 0.2] = 0.0
        problem.X[0] = 1.0
        return problem, csr(problem.X, index_dtype, rng)

    return make


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("n", [1, 17, BLOCK_ROWS + 3])
@pytest.mark.parametrize("columns", COLUMNS)
def test_sparse_gradient_equals_dense(
    columns, n, index_dtype, dtype, make_sparse_problem, gradient, assert_close
):
    problem, sparse = make_sparse_problem(columns, n, index_dtype, dtype=dtype)
    assert sparse.indices.dtype == sparse.indptr.dtype == index_dtype
    dense = gradient(problem, weighted=True, l2_batch=0.3)
    cost, nabla = gradient(problem, X=sparse, weighted=True, l2_batch=0.3)
    assert cost == pytest.approx(dense[0], rel=2e-5 if dtype == np.float32 else 1e-12)
    assert_close(nabla, dense[1])


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_picked_sparse_rows_equal_dense(
    index_dtype, dtype, make_sparse_problem, gradient, assert_close
):
    problem, sparse = make_sparse_problem(9, 60, index_dtype, dtype=dtype)
    rows = np.random.default_rng(3).integers(0, 60, 47)
    dense = gradient(problem, rows=rows, weighted=True, block_rows=16)
    picked = gradient(problem, X=sparse, rows=rows, weighted=True, block_rows=16)
    assert_close(picked[1], dense[1])


def test_sparse_prediction_equals_dense(dtype, make_sparse_problem, make_task, assert_close):
    problem, sparse = make_sparse_problem(9, 30, np.int32, dtype=dtype)
    out = np.empty((30, 3), dtype=dtype)
    make_task(problem, X=sparse, capacity=8).predict(out)
    assert_close(out, problem.network.predict(problem.X))


def test_all_rows_of_a_sparse_matrix_may_be_empty(make_problem, gradient, assert_close):
    problem = make_problem((4, 5, 3), 6)
    problem.X[...] = 0.0
    cost, nabla = gradient(problem, X=scipy.sparse.csr_matrix(problem.X))
    dense = gradient(problem)
    assert cost == dense[0]
    assert_close(nabla, dense[1])


@pytest.mark.parametrize("kind", ["csr_array", "csr_matrix", "csc_array", "coo_array", "lil_array"])
def test_network_takes_every_kind_of_sparse_matrix(kind, make_sparse_problem, assert_close):
    problem, _ = make_sparse_problem(9, 30, np.int32)
    X = getattr(scipy.sparse, kind)(problem.X)
    network = problem.network
    assert_close(network.predict(X), network.predict(problem.X))
    assert_close(network.gradient(X, problem.y), network.gradient(problem.X, problem.y))


def test_backprop_of_sparse_rows_equals_dense(make_sparse_problem, assert_close):
    problem, sparse = make_sparse_problem(9, 30, np.int64)
    dense = problem.network.backprop(problem.X, problem.y)
    inside = problem.network.backprop(sparse, problem.y)
    assert_close(inside.activations[1:], dense.activations[1:])
    assert_close(inside.deltas, dense.deltas)
    assert_close(inside.weight_gradients, dense.weight_gradients)
