"""Are losses and their deltas right wherever z is, whatever their parameters?"""

import mpmath
import numpy as np
import pytest

from cbackprop import MLPClassifier, MLPRegressor, Network, load, reference
from cbackprop.engine import kernels, run
from cbackprop.functions.losses import (
    LOSSES,
    BinaryLogLoss,
    Gamma,
    Huber,
    LogLoss,
    Quantile,
    as_loss,
)

# All pairs with the standard parameters, and others of those that have some.
CASES = [(output, LOSSES[name]()) for output, name in run.OUTPUTS] + [
    ("identity", Huber(0.3)),
    ("identity", Quantile(0.9)),
    ("identity", Quantile([0.05, 0.5, 0.95])),
    ("logistic", BinaryLogLoss(0.2)),
    ("softmax", LogLoss(0.1)),
]
every_case = pytest.mark.parametrize(
    ("output_activation", "loss"), CASES, ids=[f"{output}-{loss}" for output, loss in CASES]
)
with_and_without_weights = pytest.mark.parametrize("weighted", [False, True])


def one_layer(z, loss, output_activation, dtype=np.float64):
    """A network whose weighted inputs are its X."""
    z = np.atleast_2d(np.asarray(z, dtype))
    network = Network([z.shape[1]] * 2, output_activation=output_activation, loss=loss, dtype=dtype)
    network.weights, network.biases = [np.eye(z.shape[1])], [np.zeros(z.shape[1])]
    return network, z


def loss_of(z, y, loss, output_activation, dtype=np.float64):
    network, X = one_layer(z, loss, output_activation, dtype)
    return network.loss(X, y)


# --- against the numerical gradient, and the reference -------------------------------------------


@with_and_without_weights
@pytest.mark.parametrize("hidden", [(), (5,), (17, 33)])
@every_case
def test_gradient_agrees_with_numerical_gradient(
    output_activation, loss, hidden, weighted, make_problem
):
    problem = make_problem(
        (3, *hidden, 3), 9, output_activation=output_activation, loss=loss, seed=3
    )
    weight = problem.weight if weighted else None
    assert problem.network.check_gradient(problem.X, problem.y, weight) < 1e-6


@pytest.mark.usefixtures("instructions")
@with_and_without_weights
@pytest.mark.parametrize("n", [1, 17, 300])
@every_case
def test_loss_and_deltas_agree_with_the_reference(
    output_activation, loss, n, weighted, dtype, make_problem, assert_close
):
    problem = make_problem(
        (3, 7, 3), n, output_activation=output_activation, loss=loss, dtype=dtype
    )
    weight = problem.weight if weighted else None
    expected = reference.backprop(
        problem.network.weights, problem.network.biases, problem.X, problem.y,
        sample_weight=weight, **problem.options,
    )  # fmt: skip
    inside = problem.network.backprop(problem.X, problem.y, weight)
    assert inside.loss == pytest.approx(expected.loss, rel=2e-5 if dtype == "f4" else 1e-12)
    assert_close(inside.deltas, expected.deltas)
    assert_close(inside.weight_gradients, expected.weights)


@pytest.mark.parametrize("columns", [1, 3, 17, 33, 70])
@every_case
def test_odd_columns_agree_with_the_reference(
    output_activation, loss, columns, make_problem, assert_close
):
    if len(loss.parameters) > 1:
        pytest.skip("a quantile for each of three outputs")
    problem = make_problem((3, columns), 21, output_activation=output_activation, loss=loss)
    expected = reference.backprop(
        problem.network.weights, problem.network.biases, problem.X, problem.y, **problem.options
    )
    inside = problem.network.backprop(problem.X, problem.y)
    assert inside.loss == pytest.approx(expected.loss, rel=1e-12)
    assert_close(inside.deltas, expected.deltas)


@pytest.mark.usefixtures("restored_instructions")
@every_case
def test_all_instructions_give_the_same_bits(output_activation, loss, dtype, make_problem):
    problem = make_problem((3, 3), 50, output_activation=output_activation, loss=loss, dtype=dtype)
    kernels.use_products(False)
    results = set()
    for name in kernels.available():
        kernels.use(name)
        inside = problem.network.backprop(problem.X, problem.y, problem.weight)
        results.add((inside.loss, inside.deltas[0].tobytes()))
    assert len(results) == 1


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@every_case
def test_fit_makes_the_steps_of_the_reference(
    output_activation, loss, n_jobs, make_problem, assert_close
):
    problem = make_problem((3, 5, 3), 25, output_activation=output_activation, loss=loss)
    network = problem.network
    weights = [W.copy() for W in network.weights]
    biases = [b.copy() for b in network.biases]
    expected = reference.train(
        weights, biases, problem.X, problem.y, optimizer=reference.SGD(0.1), epochs=2,
        batch_size=10, permutations=[np.arange(25)] * 2, sample_weight=problem.weight,
        **problem.options,
    )  # fmt: skip
    history = network.fit(
        problem.X, problem.y, sample_weight=problem.weight, epochs=2, batch_size=10,
        shuffle=False, metrics=None, n_jobs=n_jobs,
    )  # fmt: skip
    assert_close(network.weights, weights, 1e-11)
    assert history["cost"] == pytest.approx(expected, rel=1e-11)


# --- far from the target -------------------------------------------------------------------------


@pytest.mark.parametrize("far", [30.0, 100.0, 5000.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_losses_go_on_growing(far, dtype):
    near = pytest.approx(far, rel=1e-14)
    assert loss_of([[-far]], [[1.0]], "binary_log_loss", "logistic", dtype) == near
    assert loss_of([[far]], [[0.0]], "binary_log_loss", "logistic", dtype) == near
    assert loss_of([[far, 0.0]], [1], "log_loss", "softmax", dtype) == near


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_poisson_is_right_where_its_output_is_zero(dtype):
    assert loss_of([[-800.0]], [[1.0]], "poisson", "exp", dtype) == 799.0


def test_small_log_losses_are_not_rounded_to_eps():
    assert loss_of([[50.0]], [[1.0]], "binary_log_loss", "logistic") == pytest.approx(
        np.exp(-50.0), rel=1e-14
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("output_activation", "loss", "y"),
    [
        ("softmax", "log_loss", [1, 0, 0]),
        ("logistic", "binary_log_loss", [[0.0, 1.0]] * 3),
        ("exp", "poisson", [[1.0, 2.0]] * 3),
        ("exp", "gamma", [[1.0, 2.0]] * 3),
    ],
)
def test_the_gradient_of_a_saturated_network_is_right(output_activation, loss, y, dtype):
    z = [[40.0, -40.0], [-300.0, 0.0], [39.0, 60.0]]
    if output_activation == "exp":
        z = -np.abs(z) / (10.0 if loss == "gamma" else 1.0)
    network, X = one_layer(z, loss, output_activation, dtype)
    assert network.check_gradient(X, y) < 1e-5


def test_the_reference_agrees_far_out(assert_close):
    for output_activation, loss in CASES:
        if len(loss.parameters) > 1:
            continue
        z = np.array([[-300.0, 2.0], [40.0, -40.0], [0.0, 700.0]])
        y = np.array([0, 1, 1]) if loss.takes_labels else np.array([[1.0, 0.5]] * 3)
        network, X = one_layer(z, loss, output_activation)
        options = {"activation": "relu", "output_activation": output_activation, "loss": loss.name}
        nabla = reference.backprop(
            network.weights, network.biases, X, y, loss_parameters=loss.parameters, **options
        )
        inside = network.backprop(X, y)
        assert inside.loss == pytest.approx(nabla.loss, rel=1e-12)
        assert_close(inside.deltas, nabla.deltas)


def truth(z, y, loss):
    z, y = mpmath.mpf(z), mpmath.mpf(y)
    d = abs(z - y)
    return {
        "absolute_error": lambda: d,
        "huber": lambda: d**2 / 2 if d <= 1 else d - mpmath.mpf(1) / 2,
        "log_cosh": lambda: mpmath.log(mpmath.cosh(d)),
        "quantile": lambda: d / 2,
        "gamma": lambda: z - mpmath.log(y) + y * mpmath.exp(-z) - 1,
        "poisson": lambda: y * mpmath.log(y) - y * z - y + mpmath.exp(z),
        "binary_log_loss": lambda: mpmath.log1p(mpmath.exp(z)) - y * z,
    }[loss]()


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("z", [-300.0, -5.0, -0.7, -1e-3, 0.0, 1e-9, 0.3, 1.0, 4.0, 200.0])
@pytest.mark.parametrize(
    "loss",
    ["absolute_error", "huber", "log_cosh", "quantile", "gamma", "poisson", "binary_log_loss"],
)
def test_values_agree_with_mpmath(loss, z):
    output, y = as_loss(loss).outputs[0], 0.25
    with mpmath.workdps(200):
        expected = float(truth(z, y, loss))
    assert loss_of([[z]], [[y]], loss, output) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_losses_with_a_kink_have_no_slope_on_it():
    for loss in ("absolute_error", Quantile(0.9)):
        network, X = one_layer([[2.0]], loss, "identity")
        assert network.backprop(X, [[2.0]]).deltas[0] == 0.0


# --- scikit-learn's number -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solver", "dtype"), [("sgd", np.float32), ("sgd", np.float64), ("lbfgs", np.float64)]
)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.filterwarnings("ignore")
def test_estimators_report_scikit_learns_clipped_loss(solver, classes, dtype):
    from sklearn.neural_network import MLPClassifier as Theirs

    rng = np.random.default_rng(0)
    X = (rng.normal(size=(40, 2)) * 300).astype(dtype)
    y = rng.integers(0, classes, 40)
    options = dict(
        hidden_layer_sizes=(), solver=solver, max_iter=2, random_state=0, batch_size=40,
        learning_rate_init=1e-6,
    )  # fmt: skip
    ours, theirs = MLPClassifier(**options).fit(X, y), Theirs(**options).fit(X, y)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-5 if dtype == np.float32 else 1e-10)
    if solver == "sgd":
        assert theirs.loss_curve_[0] > 5
        network = ours.network_
        labels = y if classes == 3 else y.reshape(-1, 1)
        assert network.loss(X.astype(network.dtype), labels) > 2 * theirs.loss_


# --- parameters, and what does not fit -----------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Huber(0.0), "delta must"),
        (lambda: Huber(np.inf), "delta must"),
        (lambda: Quantile(1.0), "quantiles must"),
        (lambda: Quantile([]), "quantiles must be one number or several, got none"),
        (lambda: Quantile([0.5, 0.0]), "quantiles must"),
        (lambda: LogLoss(1.0), "label_smoothing must"),
        (lambda: BinaryLogLoss(-0.1), "label_smoothing must"),
        (lambda: Network([2, 2], loss=Quantile([0.1, 0.5, 0.9])), "3 quantiles need as many out"),
        (lambda: Network([2, 2], loss="hinge"), "loss must be one of .*got 'hinge'"),
        (lambda: Network([2, 2], loss=Gamma()), "'identity' does not go with the loss 'gamma'"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(make, expected):
    with pytest.raises(ValueError, match=expected):
        make()


@pytest.mark.parametrize(
    ("loss", "y", "expected"),
    [
        ("gamma", [[0.0, 1.0]], "y must be positive for the gamma loss, got 0.0"),
        ("gamma", [[-2.0, 1.0]], "y must be positive for the gamma loss, got -2.0"),
        ("poisson", [[-2.0, 1.0]], "y must not be negative for the Poisson loss, got -2.0"),
        ("binary_log_loss", [[-2.0, 1.0]], "between 0 and 1 for the binary log loss, got -2.0"),
    ],
)
def test_targets_outside_the_domain_are_refused(loss, y, expected):
    network = Network([2, 2], output_activation=as_loss(loss).outputs[0], loss=loss)
    with pytest.raises(ValueError, match=expected):
        network.loss([[1.0, 2.0]], y)


def test_several_quantiles_share_a_target():
    loss = Quantile([0.05, 0.5, 0.95])
    network = Network([1, 3], loss=loss, random_state=0)
    X, y = np.zeros((1000, 1)), np.random.default_rng(0).normal(size=1000)
    for rate in (0.5, 0.1, 0.02):
        from cbackprop import SGD

        network.fit(X, y, optimizer=SGD(rate), epochs=20, batch_size=100, random_state=0)
    predicted = network.predict(X[:1])[0]
    assert predicted == pytest.approx(np.quantile(y, loss.quantiles), abs=0.1)


@pytest.mark.parametrize(
    ("output_activation", "loss"),
    [("identity", Huber(0.3)), ("identity", Quantile([0.2, 0.7])), ("softmax", LogLoss(0.1))],
)
def test_networks_are_saved_with_the_parameters_of_their_loss(output_activation, loss, tmp_path):
    network = Network([3, 2], output_activation=output_activation, loss=loss, random_state=0)
    network.save(tmp_path / "net")
    again = load(tmp_path / "net")
    assert again.loss_function == loss
    y = [0, 1, 0] if loss.takes_labels else [0.0, 1.0, 2.0]
    if loss.name == "huber":
        y = np.ones((3, 2))
    assert again.loss(np.eye(3), y) == network.loss(np.eye(3), y)


def test_repr_shows_the_parameters_of_the_loss():
    assert "loss=Huber(delta=0.3)" in repr(Network([2, 1], loss=Huber(0.3)))
    assert "loss='huber'" in repr(Network([2, 1], loss="huber"))


def test_smoothing_keeps_two_classes_the_same_both_ways():
    z = np.array([[0.3], [-2.0], [5.0]])
    both = np.hstack([np.zeros_like(z), z])
    one = loss_of(z, [[1.0], [0.0], [1.0]], BinaryLogLoss(0.2), "logistic")
    network, X = one_layer(both, LogLoss(0.2), "softmax")
    assert network.loss(X, [1, 0, 1]) == pytest.approx(one, rel=1e-14)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_poisson_regressors_check_y_as_before():
    with pytest.raises(ValueError, match=r"y must not be negative for the Poisson loss, got -1"):
        MLPRegressor("poisson").fit(np.eye(2), [-1.0, 2.0])
