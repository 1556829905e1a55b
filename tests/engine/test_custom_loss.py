"""Is a loss of one's own, in Python or in C, as good as the engine's, and does its error harm?"""

import ctypes
import pickle

import numpy as np
import pytest
from scipy import LowLevelCallable
from sklearn.base import clone

from cbackprop import SGD, Adam, Checkpoint, MLPClassifier, MLPRegressor, Network
from cbackprop.engine.shuffle import shuffle
from cbackprop.losses import Custom

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
Y = np.column_stack([X[:, 0], X[:, 1] - X[:, 2]])
WEIGHT = rng.uniform(0.0, 2.0, 60)
SHAPE = [3, 4, 2]


def squares(z, y, weight):
    """The engine's squared error, told anew."""
    return 0.5 * ((z - y) ** 2).sum(axis=1), z - y


def pseudo_huber(z, y, weight):
    root = np.sqrt(1.0 + (z - y) ** 2)
    return (root - 1.0).sum(axis=1), (z - y) / root


DOUBLES = ctypes.POINTER(ctypes.c_double)
IN_C = ctypes.CFUNCTYPE(
    ctypes.c_double, DOUBLES, DOUBLES, ctypes.c_double, DOUBLES, ctypes.c_int, ctypes.c_void_p
)


@IN_C
def squares_of_a_row(z, y, weight, derivative, k, data):
    total = 0.0
    for i in range(k):
        derivative[i] = z[i] - y[i]
        total += 0.5 * (z[i] - y[i]) ** 2
    return total


@IN_C
def scaled_squares(z, y, weight, derivative, k, data):
    factor = ctypes.cast(data, DOUBLES)[0]
    total = 0.0
    for i in range(k):
        derivative[i] = factor * (z[i] - y[i])
        total += 0.5 * factor * (z[i] - y[i]) ** 2
    return total


KINDS = {"python": squares, "c": LowLevelCallable(squares_of_a_row)}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def network(loss, dtype=np.float64, shape=SHAPE):
    return Network(shape, activation="tanh", loss=loss, dtype=dtype, random_state=0)


@every_kind
@every_dtype
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_loss_and_gradient_are_those_of_the_engines_own(kind, dtype, weight):
    mine, own = network(KINDS[kind], dtype), network("squared_error", dtype)
    close = {"rtol": 1e-5, "atol": 1e-6} if dtype is np.float32 else {"rtol": 1e-12}
    np.testing.assert_allclose(mine.loss(X, Y, weight), own.loss(X, Y, weight), **close)
    np.testing.assert_allclose(mine.gradient(X, Y, weight), own.gradient(X, Y, weight), **close)
    np.testing.assert_array_equal(mine.predict(X), own.predict(X))
    inside, within = mine.backprop(X, Y, weight), own.backprop(X, Y, weight)
    for name in ("activations", "deltas"):
        for a, b in zip(getattr(inside, name), getattr(within, name), strict=True):
            np.testing.assert_allclose(a, b, **{**close, "atol": 1e-6})


@every_kind
@every_dtype
@pytest.mark.parametrize("optimizer", [lambda: SGD(0.1), lambda: SGD(0.1, 0.9), Adam])
def test_training_is_that_by_the_engines_own(kind, dtype, optimizer):
    nets = network(KINDS[kind], dtype), network("squared_error", dtype)
    costs = [
        net.fit(
            X, Y, optimizer=optimizer(), epochs=3, sample_weight=WEIGHT, l2=0.1, random_state=0
        )["cost"]
        for net in nets
    ]
    tolerance = 1e-4 if dtype is np.float32 else 1e-10
    np.testing.assert_allclose(*costs, rtol=tolerance)
    np.testing.assert_allclose(
        nets[0].parameters, nets[1].parameters, rtol=tolerance, atol=tolerance
    )


def test_gradient_is_the_numerical_one():
    assert network(pseudo_huber).check_gradient(X, Y, WEIGHT) < 1e-6
    assert network(pseudo_huber, np.float32).check_gradient(X, Y) < 1e-3


def test_python_is_called_once_a_mini_batch_with_copies_in_double():
    calls = []

    def look(z, y, weight):
        calls.append((z.shape, y.shape, None if weight is None else weight.shape))
        assert z.dtype == y.dtype == np.float64
        values, derivatives = squares(z, y, weight)
        z[...] = y[...] = np.nan  # which harms nobody
        return values, derivatives

    net = network(look, np.float32)
    before = len(calls)
    net.fit(X, Y, epochs=2, batch_size=25, sample_weight=WEIGHT, random_state=0)
    shapes = [shape for shape in calls[before:] if shape[2] is not None]
    expected = [((m, 2), (m, 2), (m,)) for m in (25, 25, 10)] * 2
    assert shapes[-6:] == expected
    assert len(shapes) <= 8  # the loss before the first step, and after the last


def test_c_gets_the_users_data():
    factor = ctypes.c_double(3.0)
    data = ctypes.cast(ctypes.pointer(factor), ctypes.c_void_p)
    mine = network(LowLevelCallable(scaled_squares, data))
    assert mine.loss(X, Y) == pytest.approx(3.0 * network("squared_error").loss(X, Y))


def test_c_is_called_by_several_threads():
    shape = [3, 600, 2]
    nets = network(KINDS["c"], shape=shape), network("squared_error", shape=shape)
    for net in nets:
        net.fit(X, Y, optimizer=Adam(), epochs=2, batch_size=30, random_state=0, n_jobs=2)
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_jobs", [None, 1, -1])
def test_python_is_called_by_one_thread(n_jobs):
    net = network(squares, shape=[3, 600, 2])
    net.fit(X, Y, epochs=1, batch_size=30, random_state=0, n_jobs=n_jobs)


def test_python_cannot_be_called_by_several_threads():
    with pytest.raises(ValueError, match="n_jobs must be 1 or None, got 2"):
        network(squares).fit(X, Y, n_jobs=2)
    for solver in ("adam", "lbfgs"):
        with pytest.raises(ValueError, match="n_jobs must be 1 or None, got 2"):
            MLPRegressor(squares, solver=solver, n_jobs=2).fit(X, Y)
    model = MLPRegressor(squares, max_iter=2).fit(X, Y)
    assert model.set_params(n_jobs=2).predict(X).shape == Y.shape


def test_a_y_of_one_column_stands_for_every_output():
    """Mean and log variance of a normal distribution, of one y."""

    def normal(z, y, weight):
        d, precision = z[:, 0] - y[:, 0], np.exp(-z[:, 1])
        derivatives = np.column_stack([d * precision, 0.5 - 0.5 * d**2 * precision])
        return 0.5 * (z[:, 1] + d**2 * precision), derivatives

    true = X[:, 0] + 0.3 * np.random.default_rng(1).normal(size=60)
    net = Network([3, 2], loss=normal, random_state=0)
    assert net.check_gradient(X, true) < 1e-6
    net.fit(X, true, optimizer=Adam(0.02), epochs=300, random_state=0)
    assert np.exp(0.5 * net.predict(X)[:, 1]).mean() == pytest.approx(0.3, abs=0.1)


# --- what goes wrong -----------------------------------------------------------------------------


def fails_at(call, error=None):
    calls = 0

    def function(z, y, weight):
        nonlocal calls
        calls += 1
        if calls >= call:
            raise error or RuntimeError("mine")
        return squares(z, y, weight)

    return function


@pytest.mark.parametrize("call", [1, 2, 7])
@pytest.mark.parametrize("optimizer", [lambda: SGD(0.1), Adam])
def test_an_error_ends_the_fit_and_leaves_everything_as_it_was(call, optimizer):
    net, optimizer, rng = network(fails_at(call)), optimizer(), np.random.RandomState(0)
    before, drawn = net.parameters.copy(), rng.get_state()[1].copy()
    with pytest.raises(RuntimeError, match="mine"):
        net.fit(X, Y, optimizer=optimizer, epochs=5, random_state=rng)
    np.testing.assert_array_equal(net.parameters, before)
    np.testing.assert_array_equal(rng.get_state()[1], drawn)
    assert (optimizer.n_steps, optimizer.state) == (0, None)


def test_an_error_is_raised_by_every_pass():
    for go in (Network.loss, Network.gradient, Network.backprop):
        with pytest.raises(RuntimeError, match="mine"):
            go(network(fails_at(1)), X, Y)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_an_error_leaves_an_estimator_unfitted(solver):
    model = MLPRegressor(fails_at(4), (4,), solver=solver, random_state=0)
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(X, Y)
    assert not hasattr(model, "network_")


def test_an_interrupt_in_it_ends_the_fit_after_the_last_whole_mini_batch():
    net, optimizer = network(fails_at(5, KeyboardInterrupt())), Adam()
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y, optimizer=optimizer, batch_size=10, random_state=0)
    assert optimizer.n_steps == 3  # the first call is that of the loss before
    order, twin = np.arange(60), network(squares)
    shuffle(np.random.RandomState(0), order)
    some = order[:30]
    twin.fit(X[some], Y[some], optimizer=Adam(), epochs=1, batch_size=10, shuffle=False)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (lambda z: z.sum(), "must return two arrays, values and derivatives"),
        (lambda z: (z.sum(axis=1),), "must return two arrays"),
        (lambda z: (z.sum(), z), r"values of shape \(10,\), numbers, for z of shape \(10, 2\)"),
        (lambda z: (z, z), r"values of shape \(10,\)"),
        (lambda z: (z[:, 0], z[:, 0]), r"derivatives of shape \(10, 2\)"),
        (lambda z: (z[:, 0], z.astype(str)), "derivatives of shape .* dtype"),
        (lambda z: (np.full(10, np.nan), z), r"finite values, got nan at \(0,\)"),
        (lambda z: (z[:, 0], np.full_like(z, np.inf)), r"finite derivatives, got inf at \(0, 0\)"),
    ],
)
def test_what_it_returns_is_looked_at(returned, said):
    net = network(lambda z, y, weight: returned(z))
    with pytest.raises((ValueError, TypeError), match=said):
        net.fit(X, Y, batch_size=10)


def test_training_that_diverges_is_not_called_the_functions_fault():
    with pytest.raises(ValueError, match="no longer finite"), np.errstate(all="ignore"):
        network(squares, shape=[3, 2]).fit(X, Y, optimizer=SGD(1e200), epochs=5)


@pytest.mark.parametrize("output", ["logistic", "exp", "softmax"])
def test_outputs_are_identities(output):
    with pytest.raises(ValueError, match="goes with the output activation 'identity'"):
        Network([3, 2], output_activation=output, loss=squares)


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="must be a function of"):
        Custom(3)
    with pytest.raises(TypeError, match="must have the signature"):
        Network([3, 2], loss=LowLevelCallable(ctypes.CFUNCTYPE(ctypes.c_double)(lambda: 0.0)))
    with pytest.raises((TypeError, ValueError), match="loss"):
        MLPClassifier(loss=squares)


# --- estimators, copies, files -------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@every_kind
def test_regressors_take_it(kind, solver):
    options = {"solver": solver, "max_iter": 20, "random_state": 0}
    model = MLPRegressor(KINDS[kind], (4,), **options).fit(X, Y, sample_weight=WEIGHT)
    own = MLPRegressor("squared_error", (4,), **options).fit(X, Y, sample_weight=WEIGHT)
    assert (model.out_activation_, model.network_.loss_name) == ("identity", "custom")
    np.testing.assert_allclose(model.predict(X), own.predict(X), rtol=1e-6)


def test_it_goes_with_early_stopping_partial_fit_and_warm_starts():
    model = MLPRegressor(squares, (4,), early_stopping=True, max_iter=20, random_state=0)
    assert len(model.fit(X, Y).validation_scores_) > 1
    model.set_params(early_stopping=False, warm_start=True).fit(X, Y).partial_fit(X, Y)


def test_clones_and_pickles_keep_the_function():
    for loss in (squares, Custom(squares), Custom(KINDS["c"])):
        assert clone(MLPRegressor(loss, max_iter=2)).fit(X, Y).loss == loss
    model = MLPRegressor(squares, max_iter=2, random_state=0).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        again.partial_fit(X, Y).predict(X), model.partial_fit(X, Y).predict(X)
    )
    assert network(squares).copy().loss(X, Y) == network(squares).loss(X, Y)


def test_files_and_checkpoints_refuse_code_before_they_begin(tmp_path):
    with pytest.raises(TypeError, match="made of code"):
        network(squares).save(tmp_path / "net")
    for model, fit in ((network(squares), Network.fit), (MLPRegressor(squares), MLPRegressor.fit)):
        with pytest.raises(TypeError, match="cannot be saved"):
            fit(model, X, Y, callbacks=[Checkpoint(tmp_path / "fit")])
    assert not list(tmp_path.iterdir())
