"""Are activations and their derivatives what they say they are, wherever z is?"""

import mpmath
import numpy as np
import pytest
import scipy.sparse
from activations import BOUNDS, EXACT, OTHERS, STEEP, errors_in_ulp, formula, points

from cbackprop import MLPClassifier, MLPRegressor, Network, load, reference
from cbackprop.engine import kernels, run, trial
from cbackprop.functions.activations import Activation

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
every_activation = pytest.mark.parametrize("name", run.ACTIVATIONS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def allowed(name, z, bound):
    """The bound, and for gelu by tanh 2.5 ulp more for each unit of its gate's exponent."""
    if name != "gelu_tanh":
        return np.full(z.shape, bound)
    z = np.clip(z.astype(np.float64), -24.0, 24.0)
    return bound + 2.5 * 1.6 * np.abs(z + 0.044715 * z**3)


@every_activation
def test_formulas_are_the_truth(name):
    for z in np.linspace(-6.0, 6.0, 61).tolist():
        assert formula(name, mpmath.mpf(z)) == pytest.approx(float(EXACT[name][0](z)), abs=1e-14)


@pytest.mark.usefixtures("instructions")
@every_dtype
@every_activation
def test_error_is_within_the_stated_ulp(name, dtype):
    z = points(dtype)
    errors = errors_in_ulp(trial.apply_kernel(name, z), name, 0, dtype)
    excess = errors - allowed(name, z, BOUNDS[name])
    worst = int(np.argmax(excess))
    assert excess[worst] <= 0, f"{name}({z[worst]!r}) is {errors[worst]:.3f} ulp off"


@pytest.mark.usefixtures("instructions")
@every_dtype
@every_activation
def test_derivative_is_off_by_two_eps_at_most(name, dtype):
    z = points(dtype)
    got = trial.apply_derivative(name, z).astype(np.float64)
    for at, slope in zip(z.tolist(), got.tolist(), strict=True):
        truth = float(EXACT[name][1](mpmath.mpf(at)))
        assert abs(slope - truth) <= 2.5 * np.finfo(dtype).eps, (at, slope, truth)


@pytest.mark.usefixtures("instructions")
@every_dtype
@pytest.mark.parametrize("name", trial.KEPT)
def test_derivative_is_right_where_it_is_small(name, dtype):
    z = points(dtype)
    errors = errors_in_ulp(trial.apply_derivative(name, z), name, 1, dtype)
    left = z < -3.0
    assert np.all(errors[left] <= allowed(name, z, STEEP.get(name, OTHERS))[left])


@pytest.mark.usefixtures("instructions")
@every_activation
def test_derivative_ends_as_its_limits_say(name, dtype):
    got = trial.apply_derivative(name, np.array([-np.inf, -1e30, 1e30, np.inf, np.nan], dtype))
    left, right = (float(EXACT[name][1](mpmath.mpf(z))) for z in (-1e30, 1e30))
    np.testing.assert_allclose(got[:4], [left, left, right, right], rtol=2e-7, atol=1e-50)
    if name not in ("identity", "relu", "leaky_relu"):  # which look at the sign alone
        assert np.isnan(got[4])


@pytest.mark.parametrize(
    ("name", "values", "slopes"),
    [
        (
            "mish",
            [-0.033576238, -0.303401461, -0.220743775, 0, 0.375245211, 0.865098388, 2.986535005],
            [-0.026747498, 0.059216756, 0.289510678, 0.6, 0.886424375, 1.049036220, 1.021106911],
        ),
        (
            "selu",
            [-1.746253361, -1.111330738, -0.691758188, 0, 0.525350494, 1.050700987, 3.152102962],
            [0.011845980, 0.646768603, 1.066341153, 1.758099341] + [1.050700987] * 3,
        ),
    ],
)
def test_known_values(name, values, slopes):
    z = np.array([-5.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    np.testing.assert_allclose(trial.apply_kernel(name, z), values, atol=1e-9)
    np.testing.assert_allclose(trial.apply_derivative(name, z), slopes, atol=1e-9)


@pytest.mark.usefixtures("restored_instructions")
@every_activation
def test_derivatives_are_the_same_with_all_instructions(name, dtype):
    z, results = points(dtype), set()
    for instructions in kernels.available():
        kernels.use(instructions)
        results.add(trial.apply_derivative(name, z).tobytes())
    assert len(results) == 1


# --- in passes -----------------------------------------------------------------------------------


def test_there_is_an_activation_whose_derivative_no_product_can_finish():
    assert "leaky_relu" in [
        name for name, (_, back) in trial.FINISHES_OF.items() if back == "nothing"
    ]


@pytest.mark.parametrize("products", [True, False], ids=["small", "blas"])
@pytest.mark.usefixtures("instructions")
@every_activation
def test_small_products_leave_no_derivative_out(name, products, dtype, make_problem, assert_close):
    problem = make_problem((3, 17, 9, 3), 20, activation=name, dtype=dtype)
    expected = reference.backprop(
        problem.network.weights, problem.network.biases, problem.X, problem.y, **problem.options
    )
    before = kernels.use_products(products)
    try:
        inside = problem.network.backprop(problem.X, problem.y)
    finally:
        kernels.use_products(before)
    assert_close(inside.deltas, expected.deltas)
    assert_close(inside.weight_gradients, expected.weights)


MIXED = ["silu", Activation("leaky_relu", 0.3), "tanh"]
MIXED_IN_REFERENCE = ["silu", ("leaky_relu", 0.3), "tanh"]


def test_every_hidden_layer_may_have_its_own(dtype, make_problem, assert_close):
    problem = make_problem((3, 17, 9, 5, 3), 20, dtype=dtype)
    network = Network((3, 17, 9, 5, 3), activation=MIXED, dtype=dtype)
    network.parameters = problem.network.parameters
    problem.options["activation"] = MIXED_IN_REFERENCE
    expected = reference.backprop(
        network.weights, network.biases, problem.X, problem.y, sample_weight=problem.weight,
        **problem.options,
    )  # fmt: skip
    inside = network.backprop(problem.X, problem.y, problem.weight)
    assert_close(inside.activations, expected.activations)
    assert_close(inside.deltas, expected.deltas)
    assert_close(network.predict(problem.X), expected.activations[-1])


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_threads_keep_derivatives_apart(n_jobs, make_problem, assert_close):
    problem = make_problem((3, 33, 17, 2), 50, activation=["mish", "elu"])
    results = []
    for jobs in (1, n_jobs):
        network = problem.network.copy()
        network.fit(problem.X, problem.y, epochs=2, batch_size=17, random_state=0, n_jobs=jobs)
        results.append(network.parameters.copy())
    assert_close(results[1], results[0])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (["relu"], r"list of one for each of the 2, got 1: \['relu'\]"),
        (["relu", "tanh", "tanh"], "of the 2, got 3"),
        ([], "of the 2, got 0"),
        (["relu", "cube"], "activation must be one of .*got 'cube'"),
        ("cube", "activation must be one of .*got 'cube'"),
        (None, "activation must be one of .*got None"),
        (["relu", 3], "activation must be one of .*got 3"),
    ],
)
def test_activations_that_do_not_fit_are_refused(activation, expected):
    with pytest.raises(ValueError, match=expected):
        Network([3, 4, 4, 2], activation=activation)


@pytest.mark.parametrize("slope", [0.0, -0.1, np.inf, np.nan])
def test_a_slope_must_be_positive(slope):
    with pytest.raises(ValueError, match="slope must"):
        Activation("leaky_relu", slope)


def test_what_has_no_slope_takes_none():
    with pytest.raises(ValueError, match="'tanh' has no slope"):
        Activation("tanh", 0.1)


def test_networks_are_saved_with_their_activations(tmp_path):
    network = Network([3, 4, 4, 4, 2], activation=MIXED, random_state=0)
    network.save(tmp_path / "net")
    again = load(tmp_path / "net")
    assert again.activation == network.activation == tuple(MIXED)
    np.testing.assert_array_equal(again.predict(np.eye(3)), network.predict(np.eye(3)))


def test_summary_names_them_layer_by_layer():
    rows = Network([3, 4, 4, 4, 2], activation=MIXED).summary().rows
    assert [row[3] for row in rows] == ["silu", "leaky_relu", "tanh", "identity", ""]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_estimators_take_a_list(solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    options = dict(hidden_layer_sizes=(5, 4), activation=["silu", "tanh"], random_state=0)
    regressor = MLPRegressor(solver=solver, max_iter=5, **options).fit(X, X[:, 0])
    assert regressor.network_.summary().rows[0][3] == "silu"
    classifier = MLPClassifier(solver=solver, max_iter=5, **options).fit(X, X[:, 0] > 0)
    assert classifier.predict(X).shape == (60,)


def test_estimators_refuse_a_list_of_another_length():
    with pytest.raises(ValueError, match="one for each of the 2, got 1"):
        MLPRegressor(hidden_layer_sizes=(5, 4), activation=["silu"]).fit(np.eye(3), np.ones(3))


@every_activation
def test_sparse_rows_and_picked_rows_give_the_same(name, make_problem, make_sweep, assert_close):
    problem = make_problem((9, 5, 3), 40, activation=name)
    rows, gradients = np.arange(40)[::-2].copy(), []
    for X in (problem.X, scipy.sparse.csr_matrix(problem.X)):
        for block_rows in (7, 40):
            gradient = np.empty_like(problem.network.parameters)
            make_sweep(problem, X=X, rows=rows, block_rows=block_rows).loss_and_gradient(gradient)
            gradients.append(gradient)
    for gradient in gradients[1:]:
        assert_close(gradient, gradients[0])
