"""Is the reference right?  Against numbers worked by hand, numerical gradients and scikit-learn."""

import ast
import copy
import doctest
import importlib
import itertools
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from drawn import targets
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from sklearn.utils import shuffle

from cbackprop import reference

pytestmark = pytest.mark.filterwarnings("error")

ACTIVATIONS = tuple(reference.DERIVATIVES)
PAIRS = reference.PAIRS
LN3 = math.log(3)  # logistic(ln 3) = 3/4, logistic(-ln 3) = 1/4


def options(activation="tanh", output_activation="identity", loss="squared_error"):
    return {"activation": activation, "output_activation": output_activation, "loss": loss}


def network(rng, sizes):
    weights = [rng.normal(0, m**-0.5, (m, n)) for m, n in itertools.pairwise(sizes)]
    biases = [rng.normal(0, 0.5, n) for n in sizes[1:]]
    return weights, biases


def problem(sizes, n, loss, activation="tanh", seed=0):
    """A network and a mini-batch; all units stay 1e-3 away from their kinks."""
    rng = np.random.default_rng(seed)
    while True:
        weights, biases = network(rng, sizes)
        X = rng.normal(size=(n, sizes[0]))
        y = targets(rng, n, sizes[-1], loss)
        activations = reference.forward(weights, biases, X, activation=activation)
        z = [a @ W + b for a, W, b in zip(activations[:-1], weights, biases, strict=True)]
        kinks = z[:-1] if activation in ("relu", "leaky_relu", "selu") else []
        kinks += [z[-1] - y] if loss in ("absolute_error", "quantile") else []
        if min((abs(z_l).min() for z_l in kinks), default=1.0) > 1e-3:
            break
    return weights, biases, X, y


def assert_lists_close(actual, expected, tolerance):
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert (np.shape(a), np.asarray(a).dtype) == (np.shape(e), np.asarray(e).dtype)
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance)


def relative_error(actual, expected):
    actual, expected = (np.concatenate([a.ravel() for a in both]) for both in (actual, expected))
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


# --- the three ways agree, and are the derivative of the cost ------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.7])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("output_activation", "loss"), PAIRS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_loop_and_matrix_agree(activation, output_activation, loss, weighted, alpha):
    weights, biases, X, y = problem((5, 7, 4, 3), 6, loss)
    extra = {"sample_weight": np.arange(6) if weighted else None, "alpha": alpha}
    chosen = options(activation, output_activation, loss)
    by_loop = reference.backprop_loop(weights, biases, X, y, **chosen, **extra)
    by_matrix = reference.backprop(weights, biases, X, y, **chosen, **extra)
    assert by_loop.loss == pytest.approx(by_matrix.loss, rel=1e-12)
    for part in ("activations", "deltas", "weights", "biases"):
        assert_lists_close(getattr(by_loop, part), getattr(by_matrix, part), 1e-12)


@pytest.mark.parametrize(
    ("hidden", "k", "n"),
    [((), 3, 17), ((17,), 1, 1), ((1, 3), 3, 33), ((33, 3, 1), 3, 3), ((3, 17), 1, 17)],
)
@pytest.mark.parametrize(("output_activation", "loss"), PAIRS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backprop_is_the_numerical_gradient(activation, output_activation, loss, hidden, k, n):
    if loss == "log_loss":
        k = 3  # the softmax of a single output is always 1, its gradient 0
    weights, biases, X, y = problem((3, *hidden, k), n, loss, activation, seed=5)
    extra = {"sample_weight": np.linspace(0.5, 2, n), "alpha": 0.3}
    chosen = options(activation, output_activation, loss)
    nabla = reference.backprop(weights, biases, X, y, **chosen, **extra)
    nabla_W, nabla_b = reference.numerical_gradient(weights, biases, X, y, **chosen, **extra)
    assert relative_error(nabla.weights, nabla_W) < 1e-6
    assert relative_error(nabla.biases, nabla_b) < 1e-6


@pytest.mark.parametrize(("output_activation", "loss"), PAIRS)
def test_loss_of_backprop_is_the_cost(output_activation, loss):
    arguments = problem((4, 5, 3), 7, loss)
    extra = {"sample_weight": np.arange(1, 8), "alpha": 0.3}
    chosen = options("relu", output_activation, loss)
    expected = reference.cost(*arguments, **chosen, **extra)
    assert reference.backprop(*arguments, **chosen, **extra).loss == pytest.approx(expected, 1e-14)


def test_integer_weights_are_the_same_as_repeated_rows():
    weights, biases, X, y = problem((4, 5, 3), 3, "log_loss")
    chosen, repeats = options("tanh", "softmax", "log_loss"), [1, 3, 2]
    weighted = reference.backprop(weights, biases, X, y, sample_weight=repeats, alpha=0.2, **chosen)
    X, y = np.repeat(X, repeats, axis=0), np.repeat(y, repeats)
    repeated = reference.backprop(weights, biases, X, y, alpha=0.2, **chosen)
    assert_lists_close(weighted.weights, repeated.weights, 1e-13)


def test_one_output_takes_a_column_or_a_vector_of_targets():
    weights, biases, X, y = problem((3, 1), 5, "binary_log_loss")
    chosen = options("tanh", "logistic", "binary_log_loss")
    column = reference.backprop_loop(weights, biases, X, y, **chosen)
    vector = reference.backprop_loop(weights, biases, X, y.ravel(), **chosen)
    assert_lists_close(vector.deltas, column.deltas, 0)


def test_two_class_softmax_is_the_logistic_of_the_difference():
    weights, biases, X, y = problem((3, 2), 5, "log_loss")
    softmax = reference.backprop(weights, biases, X, y, **options("tanh", "softmax", "log_loss"))
    difference = [W[:, 1:] - W[:, :1] for W in weights], [b[1:] - b[:1] for b in biases]
    chosen = options("tanh", "logistic", "binary_log_loss")
    assert reference.cost(*difference, X, y, **chosen) == pytest.approx(softmax.loss, rel=1e-14)


def test_float32_stays_float32():
    weights, biases, X, y = problem((3, 4, 2), 5, "log_loss")
    weights, biases = ([p.astype(np.float32) for p in ps] for ps in (weights, biases))
    nabla = reference.backprop(
        weights, biases, X.astype(np.float32), y, sample_weight=np.arange(5.0), alpha=0.1,
        **options("logistic", "softmax", "log_loss"),
    )  # fmt: skip
    arrays = itertools.chain(nabla.activations, nabla.deltas, nabla.weights, nabla.biases)
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_backprop_changes_none_of_its_arguments():
    weights, biases, X, y = problem((3, 4, 2), 5, "squared_error")
    arrays = [*weights, *biases, X, y]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    reference.numerical_gradient(weights, biases, X, y, **options())
    reference.backprop_loop(weights, biases, X, y, **options())
    reference.backprop(weights, biases, X, y, **options())
    assert_lists_close(arrays, before, 0)


# --- numbers worked by hand ----------------------------------------------------------------------

# A 2-2-1 network of logistic units with L = ln 3, at x = (1, 2) and y = 1:
#   z1 = (L/2 + 2 L - 3/2 L, L - 2 * 3/2 L + L) = (L, -L)        a1 = (3/4, 1/4)
#   z2 = 4 L 3/4 - 4 L 1/4 - L = L                               a2 = 3/4
BY_HAND = (
    [LN3 * np.array([[0.5, 1.0], [1.0, -1.5]]), LN3 * np.array([[4.0], [-4.0]])],
    [LN3 * np.array([-1.5, 1.0]), LN3 * np.array([-1.0])],
    np.array([1.0, 2.0]),
    1,
)
QUADRATIC = options("logistic", "logistic", "squared_error")
ENTROPY = options("logistic", "logistic", "binary_log_loss")


def test_forward_by_hand():
    weights, biases, x, _ = BY_HAND
    a = reference.forward(weights, biases, x, activation="logistic", output_activation="logistic")
    assert_lists_close(a, [x, np.array([3 / 4, 1 / 4]), np.array([3 / 4])], 1e-15)


def test_quadratic_cost_by_hand():
    # C = (3/4 - 1)^2 / 2 = 1/32
    assert reference.backprop_example(*BY_HAND, **QUADRATIC).loss == pytest.approx(1 / 32, 1e-14)


def test_deltas_of_the_quadratic_cost_by_hand():
    # (BP1) delta2 = (3/4 - 1) 3/4 1/4 = -3/64
    # (BP2) delta1 = (4 L delta2 3/16, -4 L delta2 3/16) = (-9 L/256, 9 L/256)
    expected = [np.array([-9 * LN3 / 256, 9 * LN3 / 256]), np.array([-3 / 64])]
    assert_lists_close(reference.backprop_example(*BY_HAND, **QUADRATIC).deltas, expected, 1e-15)


def test_gradient_of_the_quadratic_cost_by_hand():
    # (BP3) nabla_b = delta;  (BP4) nabla_W = a delta
    nabla = reference.backprop_example(*BY_HAND, **QUADRATIC)
    g = 9 * LN3 / 256
    nabla_W = [np.array([[-g, g], [-2 * g, 2 * g]]), np.array([[-9 / 256], [-3 / 256]])]
    nabla_b = [np.array([-g, g]), np.array([-3 / 64])]
    assert_lists_close(nabla.weights + nabla.biases, nabla_W + nabla_b, 1e-15)


def test_cross_entropy_by_hand():
    # C = -log 3/4; delta2 = 3/4 - 1 = -1/4; delta1 = (4 L delta2 3/16, ...) = (-3 L/16, 3 L/16)
    nabla = reference.backprop_example(*BY_HAND, **ENTROPY)
    expected = [np.array(math.log(4 / 3)), np.array([-3 * LN3 / 16, 3 * LN3 / 16]), [-1 / 4]]
    actual = [np.array(nabla.loss), *nabla.deltas]
    assert_lists_close(actual, [np.asarray(e) for e in expected], 1e-15)


def test_softmax_by_hand():
    # z = (log 1, log 2, log 5), a = (1, 2, 5) / 8, label 1: C = log 4, delta = (1/8, -3/4, 5/8)
    chosen = options("relu", "softmax", "log_loss")
    nabla = reference.backprop_example(
        [np.log([[1.0, 2.0, 5.0]])], [np.zeros(3)], [1.0], 1, **chosen
    )
    assert_lists_close(
        [np.array(nabla.loss), nabla.deltas[0]],
        [np.array(math.log(4)), np.array([1 / 8, -3 / 4, 5 / 8])],
        1e-15,
    )


def test_poisson_by_hand():
    # a = (2, 2), y = (3, 0): C = 3 log(3/2) - 3 + 2 + 2, delta = (-1, 2)
    nabla = reference.backprop_example(
        [np.log([[2.0, 2.0]])], [np.zeros(2)], [1.0], [3, 0], **options("relu", "exp", "poisson")
    )
    assert_lists_close(
        [np.array(nabla.loss), nabla.deltas[0]],
        [np.array(3 * math.log(3 / 2) + 1), np.array([-1.0, 2.0])],
        1e-15,
    )


@pytest.mark.parametrize("method", [reference.backprop, reference.backprop_loop])
def test_weighted_and_penalised_batch_by_hand(method):
    # z = 2 x + 1 at x = 1, 2 is 3, 5; y = 1, 6: C_x = 2, 1/2; w = 1, 3, alpha = 1/2
    #   C = (2 + 3/2 + 1/4 * 2^2) / 4 = 9/8          D = (1 * 2, 3 * -1)
    #   nabla_W = (1 * 2 + 2 * -3 + 1/2 * 2) / 4 = -3/4        nabla_b = (2 - 3) / 4 = -1/4
    nabla = method(
        [[[2.0]]], [[1.0]], [[1.0], [2.0]], [1, 6], sample_weight=[1, 3], alpha=0.5, **options()
    )
    actual = [nabla.loss, *nabla.deltas[0].flat, nabla.weights[0].item(), nabla.biases[0].item()]
    assert actual == [9 / 8, 2.0, -3.0, -3 / 4, -1 / 4]


def test_relu_passes_nothing_back_at_its_kink():
    nabla = reference.backprop_example(
        [[[1.0]], [[1.0]]], [[0.0], [0.0]], [0.0], 1.0, **options("relu")
    )
    assert nabla.deltas[0].tolist() == [0.0]


# --- large numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logistic_does_not_overflow(dtype):
    z = np.array([-1000, -1, 0, 1, 1000], dtype)
    small = 1 / (1 + math.e)
    np.testing.assert_allclose(
        reference.logistic(z), [0, small, 0.5, 1 - small, 1], rtol=2 * np.finfo(dtype).eps
    )


def test_logistic_keeps_its_relative_accuracy_in_the_tail():
    assert reference.logistic(np.array([-700.0])).item() == pytest.approx(math.exp(-700), rel=1e-14)


def test_softmax_does_not_overflow():
    a = reference.softmax(np.array([[1000.0, 999.0], [-1000.0, -1000.0]]))
    expected = [[math.e / (math.e + 1), 1 / (math.e + 1)], [0.5, 0.5]]
    np.testing.assert_allclose(a, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("z", "y", "expected"),
    [([[1000.0, -1000.0]], [[1, 0]], 0.0), ([[1000.0, -1000.0]], [[0, 1]], 2000.0)],
)
def test_binary_log_loss_is_not_clipped(z, y, expected):
    chosen = options("relu", "logistic", "binary_log_loss")
    assert reference.cost([np.eye(2)], [np.zeros(2)], z, y, **chosen) == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss_is_not_clipped(dtype):
    actual = reference.cost(
        [np.eye(2, dtype=dtype)], [np.zeros(2, dtype)], np.array([[1000, -1000]], dtype), [1],
        **options("relu", "softmax", "log_loss"),
    )  # fmt: skip
    assert actual == 2000.0


@pytest.mark.parametrize(
    ("output_activation", "loss", "y"),
    [("softmax", "log_loss", [1]), ("logistic", "binary_log_loss", [[0, 1]])],
)
def test_deltas_are_not_clipped(output_activation, loss, y):
    nabla = reference.backprop(
        [np.eye(2)], [np.zeros(2)], [[1000.0, -1000.0]], y,
        **options("relu", output_activation, loss),
    )  # fmt: skip
    assert nabla.deltas[0].tolist() == [[1.0, -1.0]]


def test_poisson_of_zero_counts_is_the_prediction():
    chosen = options("relu", "exp", "poisson")
    assert reference.cost([[[1.0]]], [[0.0]], [[-1000.0]], [0], **chosen) == 0.0


# --- optimizers ----------------------------------------------------------------------------------


def steps(optimizer, start, gradients):
    w = np.array([float(start)])
    path = []
    for g in gradients:
        optimizer.step([w], [np.array([float(g)])])
        path.append(w.item())
    return path


def test_sgd_by_hand():
    assert steps(reference.SGD(0.5), 1, [1, 2]) == [0.5, -0.5]


def test_momentum_by_hand():
    # v = -1/2, -1/4 - 1, -5/8 + 1/2
    assert steps(reference.SGD(0.5, momentum=0.5), 1, [1, 2, -1]) == [0.5, -0.75, -0.875]


def test_nesterov_by_hand():
    # v = -1/2, -5/4; steps are v/2 - g/2 = -1/4 - 1/2 and -5/8 - 1
    assert steps(reference.SGD(0.5, momentum=0.5, nesterov=True), 1, [1, 2]) == [0.25, -1.375]


def test_adam_by_hand():
    # beta_1 = 1/2, beta_2 = 3/4, epsilon = 1, learning rate 1.
    #   t = 1, g = 2: m = 1, v = 1;        rate = sqrt(1/4) / (1/2) = 1;          step -1/2
    #   t = 2, g = 0: m = 1/2, v = 3/4;    rate = sqrt(7/16) / (3/4) = sqrt(7)/3
    adam = reference.Adam(1.0, beta_1=0.5, beta_2=0.75, epsilon=1.0)
    second = math.sqrt(7) / 3 * 0.5 / (math.sqrt(0.75) + 1)
    assert steps(adam, 0, [2, 0]) == pytest.approx([-0.5, -0.5 - second], rel=1e-14)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            reference.SGD(0.03, momentum, nesterov),
            lambda p, m=momentum, n=nesterov: SGDOptimizer(p, 0.03, momentum=m, nesterov=n),
        )
        for momentum in (0.0, 0.9)
        for nesterov in (False, True)
    ]
    + [
        (reference.Adam(), AdamOptimizer),
        (
            reference.Adam(0.1, 0.8, 0.99, 1e-3),
            lambda p: AdamOptimizer(p, 0.1, beta_1=0.8, beta_2=0.99, epsilon=1e-3),
        ),
    ],
)
def test_optimizers_step_as_sklearns(ours, theirs):
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (4, 1), (4,), (1,)]
    ours_at = [rng.normal(size=s) for s in shapes]
    theirs_at = [p.copy() for p in ours_at]
    ours, optimizer = copy.deepcopy(ours), theirs(theirs_at)
    for _ in range(5):
        gradients = [rng.normal(size=s) for s in shapes]
        ours.step(ours_at, gradients)
        optimizer.update_params(theirs_at, gradients)
    assert_lists_close(ours_at, theirs_at, 1e-14)


def test_optimizers_leave_gradients_alone():
    g = np.array([1.0, 2.0])
    reference.SGD(momentum=0.9, nesterov=True).step([np.zeros(2)], [g])
    reference.Adam().step([np.zeros(2)], [g])
    assert g.tolist() == [1.0, 2.0]


# --- training ------------------------------------------------------------------------------------


def sklearns_draws(sizes, n, epochs, seed):
    """Initial weights, biases and orders of the rows, drawn as scikit-learn's MLPs draw them."""
    rng = np.random.RandomState(seed)
    weights, biases = [], []
    for m, k in itertools.pairwise(sizes):
        bound = np.sqrt(6 / (m + k))
        weights.append(rng.uniform(-bound, bound, (m, k)))
        biases.append(rng.uniform(-bound, bound, k))
    orders, order = [], np.arange(n)
    for _ in range(epochs):
        order = shuffle(order, random_state=rng)
        orders.append(order)
    return weights, biases, orders


def train_beside_sklearn(estimator, y, k, chosen, optimizer, method="matrix"):
    """Train 4-5-3-k for 8 epochs here and there: (their model, our weights, biases, losses)."""
    X = np.random.default_rng(1).normal(size=(45, 4))
    model = estimator(
        hidden_layer_sizes=(5, 3), activation="tanh", alpha=0.1, batch_size=10, max_iter=8,
        solver="adam" if isinstance(optimizer, reference.Adam) else "sgd",
        learning_rate_init=0.05, tol=0, n_iter_no_change=100, random_state=3,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    weights, biases, orders = sklearns_draws((4, 5, 3, k), 45, 8, seed=3)
    losses = reference.train(
        weights, biases, X, y, optimizer=optimizer, epochs=8, batch_size=10, permutations=orders,
        alpha=0.1, method=method, **chosen,
    )  # fmt: skip
    return model, weights, biases, losses


SGD_AS_SKLEARN = {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}


@pytest.mark.parametrize("method", ["matrix", "examples"])
def test_train_gives_sklearns_classifier(method):
    y, chosen = np.arange(45) % 3, options("tanh", "softmax", "log_loss")
    sgd = reference.SGD(**SGD_AS_SKLEARN)
    model, weights, biases, _ = train_beside_sklearn(MLPClassifier, y, 3, chosen, sgd, method)
    assert_lists_close(weights + biases, model.coefs_ + model.intercepts_, 1e-9)


def test_train_gives_sklearns_binary_classifier():
    y, chosen = np.arange(45) % 2, options("tanh", "logistic", "binary_log_loss")
    adam = reference.Adam(0.05)
    model, weights, biases, _ = train_beside_sklearn(MLPClassifier, y, 1, chosen, adam)
    assert_lists_close(weights + biases, model.coefs_ + model.intercepts_, 1e-9)


def test_train_gives_sklearns_regressor():
    y, chosen = np.random.default_rng(2).normal(size=(45, 2)), options("tanh")
    adam = reference.Adam(0.05)
    model, weights, biases, _ = train_beside_sklearn(MLPRegressor, y, 2, chosen, adam)
    assert_lists_close(weights + biases, model.coefs_ + model.intercepts_, 1e-9)


def test_train_returns_sklearns_loss_curve():
    y, chosen = np.arange(45) % 3, options("tanh", "softmax", "log_loss")
    sgd = reference.SGD(**SGD_AS_SKLEARN)
    model, _, _, losses = train_beside_sklearn(MLPClassifier, y, 3, chosen, sgd)
    assert losses == pytest.approx(model.loss_curve_, rel=1e-9)


def run(**changes):
    """Train a small network; what is named in changes is changed."""
    weights, biases, X, y = problem((3, 4, 2), 7, "squared_error")
    arguments = {
        **{"weights": weights, "biases": biases, "X": X, "y": y},
        **{"optimizer": reference.SGD(), "epochs": 3, "batch_size": 3},
        **options(),
    }
    arguments.update(changes)
    losses = reference.train(**arguments)
    return weights, biases, losses


def test_same_random_state_gives_the_same_network():
    assert_lists_close(run(random_state=1)[0], run(random_state=1)[0], 0)


def test_random_state_draws_the_permutations():
    rng = np.random.default_rng(1)
    drawn = [rng.permutation(7) for _ in range(3)]
    assert_lists_close(run(random_state=1)[0], run(permutations=drawn)[0], 0)


def test_train_weights_examples():
    # An example of weight 0 may say anything at all.
    w = np.array([0, 1, 1, 1, 1, 1, 1])
    y = problem((3, 4, 2), 7, "squared_error")[3]
    other = np.concatenate([y[:1] + 100, y[1:]])
    _, _, losses = run(random_state=0, sample_weight=w, y=other)
    assert losses == run(random_state=0, sample_weight=w, y=y)[2]


@pytest.mark.parametrize(
    ("method", "other"), [("matrix", "backprop_loop"), ("examples", "backprop")]
)
def test_train_uses_the_method_asked_for(monkeypatch, method, other):
    monkeypatch.setattr(reference, other, None)
    assert len(run(method=method)[2]) == 3


def test_batch_larger_than_the_data_is_the_data():
    assert run(random_state=0, batch_size=100)[2] == run(random_state=0, batch_size=7)[2]


# --- mistakes ------------------------------------------------------------------------------------

GOOD = {
    **{"weights": [np.ones((3, 4)), np.ones((4, 2))], "biases": [np.ones(4), np.ones(2)]},
    **{"X": np.ones((5, 3)), "y": np.ones((5, 2))},
    **options(),
}


@pytest.mark.parametrize(
    "function",
    [reference.cost, reference.backprop, reference.backprop_loop, reference.numerical_gradient],
)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "softmax"}, "activation must be one of .*'relu'.*got 'softmax'"),
        ({"loss": "hinge"}, r"\('exp', 'poisson'\).*got \('identity', 'hinge'\)"),
        ({"output_activation": "softmax"}, r"got \('softmax', 'squared_error'\)"),
        ({"weights": [], "biases": []}, "expected as many weights as biases"),
        ({"biases": [np.ones(4)]}, "got 2 and 1"),
        ({"weights": [np.ones((4, 3)), np.ones((4, 2))]}, r"weights\[0\].*\(3, fan_out\)"),
        ({"weights": [np.ones((3, 5)), np.ones((4, 2))]}, r"biases\[0\].*\(5,\), got \(4,\)"),
        ({"biases": [np.ones(4), np.ones((1, 2))]}, r"biases\[1\].*\(2,\), got \(1, 2\)"),
        ({"X": np.ones(3)}, r"X must have shape \(n, n_features\).*got shape \(3,\)"),
        ({"X": np.ones((0, 3)), "y": np.ones((0, 2))}, r"not be empty, got shape \(0, 3\)"),
        ({"y": np.ones((4, 2))}, r"5 rows as X has, got shape \(4, 2\)"),
        ({"y": np.ones(5)}, r"y must have shape"),
        ({"y": np.ones((5, 3))}, r"y must have shape"),
        ({"sample_weight": np.ones(4)}, r"sample_weight must have shape \(5,\), got \(4,\)"),
        ({"sample_weight": np.zeros(5)}, "positive sum, got 0"),
        ({"y": [0.0] * 5, **options("relu", "softmax", "log_loss")}, "integer labels.*float64"),
        ({"y": [[0]] * 5, **options("relu", "softmax", "log_loss")}, "integer labels"),
        ({"y": [0, 1, 2, 1, 0], **options("relu", "softmax", "log_loss")}, "labels y must be"),
        ({"y": [-1] * 5, **options("relu", "softmax", "log_loss")}, "labels y must be"),
        ({"y": -np.ones((5, 2)), **options("relu", "logistic", "binary_log_loss")}, "got -1"),
        ({"y": np.full((5, 2), 2), **options("relu", "logistic", "binary_log_loss")}, "to 2"),
        ({"y": -np.ones((5, 2)), **options("relu", "exp", "poisson")}, r"\[0, inf\].*got -1"),
    ],
)  # fmt: skip
def test_mistakes_are_named(function, changes, message):
    with pytest.raises(ValueError, match=message):
        function(**{**GOOD, **changes})


def test_forward_names_an_unknown_output_activation():
    with pytest.raises(ValueError, match=r"output_activation must be one of .*got 'tanh'"):
        reference.forward(GOOD["weights"], GOOD["biases"], GOOD["X"], output_activation="tanh")


def test_backprop_example_refuses_a_batch():
    with pytest.raises(ValueError, match=r"X must have shape \(n_features,\).*got shape \(1, 3\)"):
        reference.backprop_example(
            GOOD["weights"], GOOD["biases"], np.ones((1, 3)), [1, 1], **options()
        )


def test_numerical_gradient_needs_a_positive_step():
    with pytest.raises(ValueError, match="step must be positive, got 0"):
        reference.numerical_gradient(**GOOD, step=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "loop"}, r"method must be one of \('matrix', 'examples'\), got 'loop'"),
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be an integer of at least 1, got 2.5"),
        ({"weights": [np.ones((3, 2), int)], "biases": [np.ones(2)]}, "must be float arrays"),
        ({"X": np.ones((6, 3))}, "y must have 6 rows"),
        ({"permutations": [np.arange(7)] * 2}, "permutations must have one of 7 rows for epoch 2"),
        ({"permutations": [np.arange(6)] * 3}, "permutations must have one of 7 rows for epoch 0"),
        ({"permutations": [np.zeros(7, int)] * 3}, "permutations must have one of 7 rows"),
    ],
)
def test_mistakes_in_training_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        run(**changes)


@pytest.mark.parametrize(
    ("optimizer", "hyperparameters"),
    [
        (reference.SGD, {"learning_rate": 0.0}),
        (reference.SGD, {"momentum": 1.5}),
        (reference.Adam, {"learning_rate": -1.0}),
        (reference.Adam, {"beta_1": 1.0}),
        (reference.Adam, {"beta_2": 1.0}),
        (reference.Adam, {"epsilon": 0.0}),
    ],
)
def test_optimizers_refuse_hyperparameters_out_of_range(optimizer, hyperparameters):
    with pytest.raises(ValueError, match=r"learning_rate.*got"):
        optimizer(**hyperparameters)


@pytest.mark.parametrize("optimizer", [reference.SGD(), reference.Adam()])
def test_optimizers_do_not_broadcast_gradients(optimizer):
    with pytest.raises(ValueError, match=r"shapes \[\(2, 3\)\], got \[\(3,\)\]"):
        optimizer.step([np.ones((2, 3))], [np.ones(3)])


# --- its pages -----------------------------------------------------------------------------------

PAGES = sorted(Path(reference.__file__).parent.glob("*.py"))


def _page(path):
    name = "" if path.stem == "__init__" else f".{path.stem}"
    return importlib.import_module(f"{reference.__name__}{name}")


@pytest.mark.thread_unsafe(reason="doctest is not for several threads")
def test_examples_in_the_docstrings_run():
    results = {path.stem: doctest.testmod(_page(path)) for path in PAGES}
    assert [name for name, result in results.items() if result.failed] == []
    with_functions_to_call = set(results) - {"__init__", "checks"}
    assert [name for name in sorted(with_functions_to_call) if not results[name].attempted] == []


@pytest.mark.thread_unsafe(reason="CPython's parser counts one depth for all threads")
def test_reference_imports_nothing_but_numpy():
    outside = set()
    for path in PAGES:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = [a.name for node in nodes if isinstance(node, ast.Import) for a in node.names]
        names += ["." * n.level + (n.module or "") for n in nodes if isinstance(n, ast.ImportFrom)]
        outside |= {name for name in names if not name.startswith("cbackprop.reference.")}
    assert {name.split(".")[0] for name in outside} - sys.stdlib_module_names == {"numpy"}
