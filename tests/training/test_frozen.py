"""Frozen layers keep their bits, and the others are trained as if those were data."""

import numpy as np
import pytest
from methods import METHODS
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from cbackprop import SGD, Adam, AdamW, Checkpoint, MLPClassifier, MLPRegressor, Network, load
from cbackprop.optimizers import Group

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.RandomState(0)
X = rng.normal(size=(60, 5))
Y = np.sin(X[:, :2])
LABELS = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])]
SIZES = [5, 7, 6, 2]
FROZEN = {
    "first": (False, True, True),
    "last": (True, True, False),
    "middle": (True, False, True),
    "all but the last": (False, False, True),
    "all but the first": (True, False, False),
}


def network(dtype=np.float64, **options):
    net = Network(SIZES, activation="tanh", dtype=dtype, random_state=0, **options)
    for weights in net.weights:
        weights[0, 0] = -0.0  # which is not 0.0 to the bit
    return net


def bits(arrays):
    return [np.asarray(array).tobytes() for array in arrays]


def assert_frozen(net, before, trainable):
    """The layers' bits are as before where they are frozen, and others where not."""
    for ours, theirs in ((net.weights, before.weights), (net.biases, before.biases)):
        same = [a == b for a, b in zip(bits(ours), bits(theirs), strict=True)]
        assert same == [not trained for trained in trainable]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("where", FROZEN)
@pytest.mark.parametrize("method", METHODS)
def test_frozen_layers_keep_their_bits_in_every_optimizer(method, where, dtype):
    net, trainable = network(dtype), FROZEN[where]
    before = net.copy()
    optimizer = METHODS[method][0](0.01)
    net.fit(
        X, Y, optimizer=optimizer, epochs=3, batch_size=7, l2=1.0, random_state=0,
        trainable=trainable,
    )  # fmt: skip
    assert_frozen(net, before, trainable)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", [{"clip_norm": 0.1}, {"clip_value": 0.01}], ids=str)
@pytest.mark.parametrize("where", FROZEN)
def test_frozen_layers_keep_their_bits_where_gradients_are_clipped(where, options, method):
    net, trainable = network(), FROZEN[where]
    before = net.copy()
    optimizer = METHODS[method][0](0.01, **options)
    net.fit(X, Y, optimizer=optimizer, epochs=2, l2=1.0, trainable=list(trainable))
    assert_frozen(net, before, trainable)


@pytest.mark.parametrize("batch_size", [1, 10, 60, None])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_frozen_layers_keep_their_bits_in_any_team_and_mini_batch(n_jobs, batch_size):
    net, trainable = network(), (False, True, False)
    before = net.copy()
    net.fit(X, Y, optimizer=Adam(), batch_size=batch_size, n_jobs=n_jobs, trainable=trainable)
    assert_frozen(net, before, trainable)


def test_frozen_layers_keep_their_bits_where_a_mini_batch_is_divided():
    rows, n = rng.normal(size=(3000, 40)), 3000
    net = Network([40, 300, 300, 1], random_state=0)
    before = net.copy()
    net.fit(rows, np.zeros(n), batch_size=None, epochs=2, l2=1.0, trainable=[False, True, False])
    assert_frozen(net, before, (False, True, False))


def test_frozen_layers_keep_their_bits_with_momentum_from_before_and_decay():
    for optimizer in (SGD(0.1, 0.9), Adam(0.1), AdamW(0.1, weight_decay=1.0)):
        net, trainable = network(), (False, True, True)
        net.fit(X, Y, optimizer=optimizer, epochs=1)
        before, state = net.copy(), optimizer.state.copy()
        net.fit(X, Y, optimizer=optimizer, epochs=2, trainable=trainable)
        assert_frozen(net, before, trainable)
        first = net.weights[0].size + net.biases[0].size
        assert_array_equal(optimizer.state[:, :first], state[:, :first])
        assert (optimizer.state[:, first:] != state[:, first:]).any()


def test_frozen_sparse_input_layer_keeps_its_bits():
    net, trainable = network(), (False, True, True)
    before = net.copy()
    net.fit(sparse.csr_array(X), Y, epochs=2, trainable=trainable)
    assert_frozen(net, before, trainable)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.05}], ids=["plain", "clip_norm"])
def test_behind_frozen_layers_the_others_are_trained_as_on_their_activations(method, options):
    """Also by the same lengths: what is frozen has no part in clip_norm."""
    net = network()
    last = Network([6, 2], random_state=0)
    last.weights, last.biases = net.weights[2:], net.biases[2:]
    features = net.activations(X)[-2]
    make = METHODS[method][0]
    given = {"epochs": 4, "l2": 1.0, "random_state": 0}
    net.fit(X, Y, optimizer=make(0.01, **options), trainable=FROZEN["all but the last"], **given)
    last.fit(features, Y, optimizer=make(0.01, **options), **given)
    assert_allclose(net.weights[2], last.weights[0], rtol=1e-9, atol=1e-12)
    assert_allclose(net.biases[2], last.biases[0], rtol=1e-9, atol=1e-12)


def test_groups_hold_for_the_layers_that_are_trained():
    both, alone = network(), network()
    groups = [Group(), Group(rate=0.5), (Group(rate=2.0), Group(rate=0.0))]
    both.fit(
        X,
        Y,
        optimizer=AdamW(groups=groups),
        epochs=2,
        random_state=0,
        trainable=(False, True, True),
    )
    frozen = [Group(rate=0.0), *groups[1:]]
    alone.fit(X, Y, optimizer=AdamW(groups=frozen), epochs=2, random_state=0)
    assert_array_equal(both.parameters, alone.parameters)


@pytest.mark.parametrize("options", [{}, {"clip_value": 10.0}], ids=["plain", "clipped"])
def test_the_l2_term_of_frozen_weights_is_in_the_loss(options):
    given = {"epochs": 3, "l2": 5.0, "random_state": 0}
    frozen = network().fit(X, Y, optimizer=Adam(**options), trainable=[True, False, True], **given)
    groups = [Group(), Group(rate=0.0), Group()]
    still = network().fit(X, Y, optimizer=Adam(groups=groups, **options), **given)
    assert_allclose(frozen["cost"], still["cost"], rtol=1e-12)


def test_all_true_is_as_none():
    some, all_of_them = network(), network()
    some.fit(X, Y, epochs=2, random_state=0)
    all_of_them.fit(X, Y, epochs=2, random_state=0, trainable=[True, np.True_, True])
    assert_array_equal(some.parameters, all_of_them.parameters)


BAD = {
    "too few": ([True], ValueError, "each of the 3 layers of weights.*got 1"),
    "too many": ([True] * 4, ValueError, "each of the 3 layers.*got 4"),
    "none": ([False] * 3, ValueError, "must leave a layer to train"),
    "numbers": ([1, 0, 1], TypeError, "got 1 of type int"),
    "a word": ("yes", TypeError, "got 'yes'"),
    "one": (True, TypeError, "got True"),
}


@pytest.mark.parametrize(("trainable", "error", "match"), BAD.values(), ids=BAD)
def test_a_trainable_that_does_not_fit_is_refused_before_training(trainable, error, match):
    net = network()
    before = net.copy()
    with pytest.raises(error, match=match):
        net.fit(X, Y, trainable=trainable)
    assert_array_equal(net.parameters, before.parameters)


def test_a_resumed_fit_has_the_same_layers_frozen(tmp_path):
    def fit(net, epochs, resume=False, trainable=(False, True, True)):
        checkpoint = Checkpoint(tmp_path / "fit", resume=resume)
        options = {"epochs": epochs, "random_state": 0, "trainable": trainable}
        net.fit(X, Y, callbacks=[checkpoint], **options)
        return net

    whole = fit(network(), 4)
    fit(network(), 2)
    again = fit(network(), 4, True)
    assert_array_equal(again.parameters, whole.parameters)
    with pytest.raises(ValueError, match="trainable"):
        fit(network(), 6, True, (True, True, False))


# The estimators.


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("where", FROZEN)
def test_frozen_layers_keep_their_bits_in_a_warm_start(kind, solver, where):
    y = LABELS if kind is MLPClassifier else Y
    model = kind(
        hidden_layer_sizes=(7, 6), solver=solver, max_iter=4, random_state=0, warm_start=True,
        alpha=1.0,
    ).fit(X, y)  # fmt: skip
    for weights in model.coefs_:
        weights[0, 0] = -0.0
    before, trainable = model.network_.copy(), FROZEN[where]
    model.set_params(trainable=list(trainable)).fit(X, y)
    assert_frozen(model.network_, before, trainable)
    if solver != "lbfgs":
        before = model.network_.copy()
        model.set_params(trainable=[not trained for trained in trainable]).partial_fit(X, y)
        assert_frozen(model.network_, before, model.trainable)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_layers_frozen_from_the_start_keep_what_was_drawn(solver):
    options = {"hidden_layer_sizes": (7,), "random_state": 0, "max_iter": 3, "solver": solver}
    drawn = MLPRegressor(**options, trainable=[True, False]).fit(X, Y)
    other = MLPRegressor(**options, trainable=[False, True]).fit(X, Y)
    limit = np.sqrt(6 / (5 + 7) / 3)  # glorot_uniform of relu, three times as narrow at most
    assert (np.abs(other.coefs_[0]) <= limit * np.sqrt(3)).all()
    net = Network([5, 7, 2], random_state=0)
    assert_array_equal(other.coefs_[0], net.weights[0])
    assert_array_equal(drawn.coefs_[1], net.weights[1])


def test_early_stopping_and_frozen_layers_go_together():
    options = {"hidden_layer_sizes": (7,), "random_state": 0, "early_stopping": True}
    model = MLPClassifier(**options, trainable=(False, True)).fit(X, LABELS)
    net = Network([5, 7, 3], random_state=0)
    assert_array_equal(model.coefs_[0], net.weights[0])
    assert not np.array_equal(model.coefs_[1], net.weights[1])


@pytest.mark.parametrize(("trainable", "error", "match"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_estimator_refuses_a_trainable_that_does_not_fit(trainable, error, match, solver):
    model = MLPRegressor(hidden_layer_sizes=(7, 6), solver=solver, max_iter=2).fit(X, Y)
    network = model.network_
    model.set_params(trainable=trainable)
    with pytest.raises((error, ValueError), match=f"{match}|Got"):
        model.fit(X, Y)
    assert model.network_ is network


def test_scikit_learns_estimator_has_no_frozen_layers():
    for kind in (MLPClassifier, MLPRegressor):
        model = kind(hidden_layer_sizes=(7,), trainable=[True, False])
        with pytest.raises(ValueError, match="no parameter 'trainable'"):
            model.to_sklearn()


def test_frozen_layers_stand_in_a_file_and_training_goes_on_with_them(tmp_path):
    model = MLPRegressor(hidden_layer_sizes=(7,), trainable=[False, True], random_state=0)
    model.partial_fit(X, Y).save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.trainable == [False, True]
    assert_array_equal(
        again.partial_fit(X, Y).network_.parameters, model.partial_fit(X, Y).network_.parameters
    )
