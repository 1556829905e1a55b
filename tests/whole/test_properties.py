"""What must hold for every network and all data: drawn problems, the same ones every time."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume
from hypothesis import strategies as st
from properties import PROPERTIES, bits, holds, problems, try_examples
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import cbackprop
from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network, reference, training

OPTIMIZERS = {
    "sgd": lambda: SGD(0.01),
    "momentum": lambda: SGD(0.01, 0.9),
    "nesterov": lambda: SGD(0.01, 0.9, nesterov=True),
    "adam": lambda: Adam(0.01),
}
optimizers = st.sampled_from(sorted(OPTIMIZERS))


def trained(p, optimizer, *, n_jobs=1, rows=None, l2=0.0, network=None, epochs=1, X=None):
    """The network after an epoch, in mini-batches of 5, without shuffling."""
    network = p.network.copy() if network is None else network
    y = p.y.astype(np.int32) if p.y.ndim == 1 else p.y
    run = training.epochs(
        network,
        p.X if X is None else X,
        y,
        optimizer,
        batch_size=min(5, p.n),
        max_epochs=epochs,
        rng=None,
        rows=rows,
        l2=l2,
        n_jobs=n_jobs,
    )
    losses = list(run)
    return network, losses


# --- rows and their weights ---


@holds(p=problems())
def permuting_the_rows_of_a_batch_leaves_loss_and_gradient(p):
    order = p.rng.permutation(p.n)
    shuffled = p.X[order], p.y[order], p.weight[order]
    p.close(p.network.loss(*shuffled), p.network.loss(p.X, p.y, p.weight))
    p.close(p.network.gradient(*shuffled), p.network.gradient(p.X, p.y, p.weight))


@holds(p=problems())
def a_row_of_weight_two_is_two_rows(p):
    weight = np.where(np.arange(p.n) % 3 == 0, 2, 1)
    twice = np.repeat(p.X, weight, axis=0), np.repeat(p.y, weight, axis=0)
    p.close(p.network.loss(p.X, p.y, weight), p.network.loss(*twice))
    p.close(p.network.gradient(p.X, p.y, weight), p.network.gradient(*twice))


@holds(p=problems())
def rows_without_weight_are_as_if_absent(p):
    there = p.weight > 0
    some = p.X[there], p.y[there], p.weight[there]
    p.close(p.network.loss(p.X, p.y, p.weight), p.network.loss(*some))
    p.close(p.network.gradient(p.X, p.y, p.weight), p.network.gradient(*some))


@holds(p=problems(), power=st.integers(-8, 8))
def multiplying_all_weights_of_rows_changes_nothing(p, power):
    scaled = p.weight * 2.0**power
    p.close(p.network.loss(p.X, p.y, scaled), p.network.loss(p.X, p.y, p.weight))
    p.close(p.network.gradient(p.X, p.y, scaled), p.network.gradient(p.X, p.y, p.weight))


@holds(p=problems(), cut=st.floats(0, 1))
def predicting_the_parts_is_predicting_the_whole(p, cut):
    at = round(cut * p.n)
    parts = [p.network.predict(part) for part in (p.X[:at], p.X[at:]) if len(part)]
    p.close(np.concatenate(parts), p.network.predict(p.X))


# --- numbers and their representation ---


@holds(p=problems(dtypes=["float32"]))
def float32_is_near_float64(p):
    wide = p.network.copy("float64")
    p.close(p.network.predict(p.X), wide.predict(p.X))
    p.close(p.network.loss(p.X, p.y), wide.loss(p.X, p.y))
    p.close(p.network.gradient(p.X, p.y), wide.gradient(p.X, p.y))


@holds(p=problems(), power=st.integers(-10, 10))
def scaling_the_inputs_and_the_first_weights_inversely_changes_no_bit(p, power):
    """By a power of two: every product is the same."""
    before = bits(p.network.predict(p.X))
    network = p.network.copy()
    network.weights[0] *= 2.0**-power
    assert bits(network.predict(p.X * np.asarray(2.0**power, p.dtype))) == before


@holds(p=problems(), index=st.sampled_from(["i4", "i8"]))
def sparse_rows_are_dense_rows(p, index):
    X = np.where(p.rng.random(p.X.shape) < 0.5, p.X, 0).astype(p.dtype)
    rows = sp.csr_array(X)
    rows.indices, rows.indptr = rows.indices.astype(index), rows.indptr.astype(index)
    p.close(p.network.predict(rows), p.network.predict(X))
    p.close(p.network.loss(rows, p.y, p.weight), p.network.loss(X, p.y, p.weight))


@holds(p=problems())
def the_layout_of_arrays_changes_no_bit(p):
    expected = bits(p.network.gradient(p.X, p.y, p.weight))
    for clothed in (
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a[::-1].copy()[::-1],
        lambda a: a.astype(a.dtype.newbyteorder()),
    ):
        got = p.network.gradient(clothed(p.X), clothed(p.y), clothed(p.weight))
        assert bits(got) == expected


# --- against the reference, and within ---


@holds(p=problems())
def loss_and_gradient_are_the_references(p):
    net = p.network
    weights, biases = net.copy("float64").weights, net.copy("float64").biases
    for weight in (None, p.weight):
        expected = reference.backprop(weights, biases, p.X, p.y, sample_weight=weight, **p.kind)
        p.close(net.loss(p.X, p.y, weight), expected.loss)
        parts = zip(expected.weights, expected.biases, strict=True)
        nabla = np.concatenate([part.ravel() for pair in parts for part in pair])
        p.close(net.gradient(p.X, p.y, weight), nabla)


@holds(p=problems())
def what_backprop_shows_is_what_predict_loss_and_gradient_give(p):
    inside = p.network.backprop(p.X, p.y, p.weight)
    parts = zip(inside.weight_gradients, inside.bias_gradients, strict=True)
    gradient = np.concatenate([part.ravel() for pair in parts for part in pair])
    assert bits(gradient) == bits(p.network.gradient(p.X, p.y, p.weight))
    assert bits(inside.activations[-1]) == bits(p.network.predict(p.X))
    assert inside.loss == p.network.loss(p.X, p.y, p.weight)


@holds(p=problems(sizes=(1, 3), rows=(1, 3), dtypes=["float64"]))
def the_gradient_is_the_numerical_one_for_networks_of_one_unit_and_one_row(p):
    """Two-sided, steps of 1e-6: an error of 1e-12 by curvature, 1e-10 by cancellation."""
    if p.activation == "relu":  # the steps may reach a kink that rounding does not
        p = p.but(activation="tanh")
    assert p.network.check_gradient(p.X, p.y, p.weight) < 1e-6


@holds(p=problems(hidden=(1, 2)))
def permuting_hidden_units_leaves_the_outputs(p):
    network = p.network.copy()
    for layer in range(len(p.sizes) - 2):
        order = p.rng.permutation(p.sizes[layer + 1])
        network.weights[layer] = network.weights[layer][:, order]
        network.biases[layer] = network.biases[layer][order]
        network.weights[layer + 1] = network.weights[layer + 1][order]
    p.close(network.predict(p.X), p.network.predict(p.X))
    p.close(network.loss(p.X, p.y), p.network.loss(p.X, p.y))


@holds(p=problems(outputs=[("softmax", "log_loss"), ("logistic", "binary_log_loss")]))
def outputs_are_probabilities(p):
    out = p.network.predict(10 * p.X)
    assert ((out >= 0) & (out <= 1)).all()
    if p.output[0] == "softmax":
        p.close(out.sum(axis=1), np.ones(p.n))


# --- training ---


@holds(p=problems(), optimizer=optimizers, n_jobs=st.integers(2, 4))
def any_number_of_threads_trains_the_same_network(p, optimizer, n_jobs):
    """After 7 steps: ten times the rounding. Adam's first step is the sign of a gradient, so that
    of one that is all rounding it is anything: there the losses tell. A network that diverges, as
    an exponential output may, multiplies its rounding at every step, and says nothing."""
    alone, losses = trained(p, OPTIMIZERS[optimizer]())
    assume(np.isfinite(losses).all() and np.abs(alone.parameters).max() < 100)
    team, its_losses = trained(p, OPTIMIZERS[optimizer](), n_jobs=n_jobs)
    p.close(its_losses, losses, factor=10)
    if optimizer != "adam":
        p.close(team.parameters, alone.parameters, factor=10)


@holds(p=problems(), optimizer=optimizers, n_jobs=st.integers(1, 3))
def training_again_gives_the_same_bits(p, optimizer, n_jobs):
    one, other = (trained(p, OPTIMIZERS[optimizer](), n_jobs=n_jobs) for _ in range(2))
    assert bits(one[0].parameters) == bits(other[0].parameters)
    assert bits(one[1]) == bits(other[1])


@holds(p=problems(), rate=st.sampled_from([1e-3, 0.1, 2.0]))
def a_step_of_sgd_is_the_learning_rate_times_the_gradient(p, rate):
    network = p.network.copy()
    gradient = network.gradient(p.X, p.y)
    network.fit(p.X, p.y, optimizer=SGD(rate), epochs=1, batch_size=None, shuffle=False)
    p.close(network.parameters, p.network.parameters - rate * gradient)


@holds(p=problems(), bound=st.sampled_from([1e-3, 0.1, 1.0]), by=st.sampled_from(["value", "norm"]))
def a_step_stays_within_the_bounds_of_clipping(p, bound, by):
    """The step of SGD(1) is the gradient; the difference of two vectors has their rounding."""
    network = p.network.copy()
    optimizer = SGD(1.0, **{f"clip_{by}": bound})
    network.fit(p.X, p.y, optimizer=optimizer, epochs=1, batch_size=None, shuffle=False)
    step = network.parameters.astype(float) - p.network.parameters
    length = np.abs(step).max() if by == "value" else np.linalg.norm(step)
    slack = np.finfo(p.dtype).eps * np.linalg.norm(p.network.parameters)
    assert length <= bound * (1 + 10 * np.finfo(p.dtype).eps) + 2 * slack


@holds(p=problems(), optimizer=optimizers)
def stored_networks_and_optimizers_go_on_with_the_same_bits(p, optimizer, folder):
    optimizer = OPTIMIZERS[optimizer]()
    network, _ = trained(p, optimizer)
    stored = []
    for number, thing in enumerate((network, optimizer)):
        thing.save(folder / f"{number}")
        stored.append(cbackprop.load(folder / f"{number}"))
    assert bits(stored[0].predict(p.X)) == bits(network.predict(p.X))
    pickled = pickle.loads(pickle.dumps([network, optimizer]))
    for its_network, its_optimizer in (stored, pickled, (network, optimizer)):
        trained(p, its_optimizer, network=its_network)
    assert bits(stored[0].parameters) == bits(network.parameters) == bits(pickled[0].parameters)


# --- estimators ---


def quietly_fitted(estimator, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*data)


estimator_problems = problems(hidden=(1, 2), rows=(17, 33), outputs=[("identity", "squared_error")])


@holds(
    p=estimator_problems,
    solver=st.sampled_from(["sgd", "adam"]),
    schedule=st.sampled_from(["constant", "invscaling"]),
)
def partial_fit_of_two_parts_is_partial_fit_of_the_whole(p, solver, schedule):
    """Mini-batches are the same ones; the schedule looks at the rate once an epoch."""
    schedule = "constant" if solver == "adam" else schedule
    settings = {
        "hidden_layer_sizes": p.sizes[1:-1],
        "activation": p.activation,
        "solver": solver,
        "learning_rate": schedule,
        "batch_size": 5,
        "shuffle": False,
        "random_state": p.seed % 1000,
        "n_jobs": 1,
    }
    y = p.y[:, 0] if p.y.shape[1] == 1 else p.y
    whole, parts = MLPRegressor(**settings), MLPRegressor(**settings)
    whole.partial_fit(p.X, y)
    parts.partial_fit(p.X[:10], y[:10])
    if schedule == "invscaling":
        parts._optimizer.learning_rate = parts.learning_rate_init  # as within one epoch
    parts.partial_fit(p.X[10:], y[10:])
    assert bits(parts.network_.parameters) == bits(whole.network_.parameters)
    assert parts.t_ == whole.t_ == p.n


@holds(p=estimator_problems, labels=st.integers(2, 5), solver=st.sampled_from(["sgd", "adam"]))
def names_of_labels_do_not_matter(p, labels, solver):
    y = np.arange(p.n) % labels
    settings = {"hidden_layer_sizes": p.sizes[1:-1], "solver": solver, "max_iter": 2}
    settings |= {"random_state": p.seed % 1000, "batch_size": 7, "n_jobs": 1}
    names = np.array(["ant", "bee", "cat", "dog", "emu"])
    expected = quietly_fitted(MLPClassifier(**settings), p.X, y)
    for given in (names, names.astype(object), np.array([-3.0, -1.0, 0.0, 2.0, 1e9])):
        fitted = quietly_fitted(MLPClassifier(**settings), p.X, given[y])
        assert bits(fitted.network_.parameters) == bits(expected.network_.parameters)
        assert fitted.predict(p.X).tolist() == given[expected.predict(p.X)].tolist()


@holds(p=estimator_problems, solver=st.sampled_from(["sgd", "adam", "lbfgs"]))
def a_fit_that_fails_leaves_no_trace(p, solver):
    rng = np.random.RandomState(p.seed % 1000)
    settings = {"hidden_layer_sizes": p.sizes[1:-1], "solver": solver, "max_iter": 2}
    estimator = MLPRegressor(**settings, random_state=rng, warm_start=True, n_jobs=1)
    y = p.y[:, 0] if p.y.shape[1] == 1 else p.y
    quietly_fitted(estimator, p.X, y)
    before = pickle.dumps(estimator)
    spoilt = p.X.copy()
    spoilt[p.rng.integers(p.n), p.rng.integers(p.sizes[0])] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        estimator.fit(spoilt, y)

    def fails(model, history):
        raise ZeroDivisionError

    if solver != "lbfgs":  # it may be where it ends, and make no iteration
        with pytest.raises(ZeroDivisionError):
            estimator.fit(p.X, y, callbacks=[fails])
    assert pickle.dumps(estimator) == before


# --- all of them ---


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """The threads are the properties' own."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("name", PROPERTIES)
def test_property_holds(name, tmp_path, figure):
    tried = try_examples(name, 200, tmp_path)
    assert tried >= 100
    figure("examples of properties", tried)


@pytest.mark.nightly
@pytest.mark.parametrize("name", PROPERTIES)
def test_property_holds_for_many(name, tmp_path, figure):
    tried = try_examples(name, 2000, tmp_path)
    assert tried >= 1000
    figure("examples of properties, many", tried)


def test_a_network_that_is_wrong_is_found():
    """The judge judges: a gradient that is off in one component breaks the property."""
    original = Network.gradient

    def off(self, X, y, sample_weight=None):
        gradient = original(self, X, y, sample_weight)
        gradient[-1] += 1e-3 * len(X)
        return gradient

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Network, "gradient", off)
        with pytest.raises(AssertionError):
            try_examples("loss_and_gradient_are_the_references", 20, None)
