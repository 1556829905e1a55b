"""L1 and max_norm of estimators and networks: as scikit-learn's alpha, and as the book's lambda."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris, make_regression

import cbackprop
from cbackprop import SGD, Adam, Checkpoint, MLPClassifier, MLPRegressor, Network, reference
from cbackprop.callbacks.checkpoint import OtherFitError

X, y = load_iris(return_X_y=True)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**settings):
    given = {"hidden_layer_sizes": (12, 7), "max_iter": 3, "random_state": 0, "shuffle": False}
    return MLPClassifier(**{**given, "batch_size": 32, "epsilon": 1e-4, **settings})


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("way", [{"l1": 0.2}, {"max_norm": 0.8}, {"l1": 0.1, "max_norm": 0.8}])
def test_a_fit_is_the_references(solver, way):
    model = classifier(solver=solver, learning_rate_init=0.01, **way).fit(X, y)
    start = Network([4, 12, 7, 3], output_activation="softmax", loss="log_loss", random_state=0)
    twin = {
        "adam": reference.Adam(0.01, epsilon=1e-4),
        "sgd": reference.SGD(0.01, 0.9, nesterov=True),
    }
    losses = reference.train(
        start.weights, start.biases, X, y, optimizer=twin[solver], epochs=3, batch_size=32,
        permutations=[np.arange(150)] * 3, activation="relu", output_activation="softmax",
        loss="log_loss", alpha=1e-4, **way,
    )  # fmt: skip
    assert_allclose(model.network_.parameters, start.parameters, rtol=0, atol=1e-10)
    assert_allclose(model.loss_curve_, losses, rtol=1e-9)


@pytest.mark.parametrize(
    "off", [{"l1": 0}, {"l1": 0.0, "max_norm": None}, {"l1": None, "max_norm": 1e6}]
)
def test_off_every_bit_is_as_before(off):
    assert_array_equal(
        classifier(**off).fit(X, y).network_.parameters, classifier().fit(X, y).network_.parameters
    )


def test_partial_fits_are_the_epochs_of_a_fit():
    way = {"l1": 0.1, "max_norm": 0.8}
    whole, model = classifier(**way).fit(X, y), classifier(**way)
    for _ in range(3):
        model.partial_fit(X, y, classes=np.arange(3))
    assert_array_equal(model.network_.parameters, whole.network_.parameters)


def test_l1_finds_the_inputs_that_matter():
    rows, target = make_regression(300, 20, n_informative=3, random_state=0)
    target /= target.std()
    model = MLPRegressor(
        hidden_layer_sizes=(), l1=10.0, alpha=0.0, max_iter=300, learning_rate_init=0.01,
        tol=0, random_state=0,
    )  # fmt: skip
    weights = np.abs(model.fit(rows, target).coefs_[0].ravel())
    assert (weights > 0.05).sum() == 3


def test_max_norm_holds_for_every_layer():
    model = classifier(max_norm=0.5, max_iter=20).fit(X, y)
    for W in model.coefs_:
        assert (np.linalg.norm(W, axis=0) <= 0.5 * (1 + 1e-12)).all()


@pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, 0.9), Adam(0.01)])
def test_a_networks_penalties_are_divided_by_all_rows(optimizer):
    network = Network([4, 6, 1], activation="tanh", random_state=0)
    start, target = network.copy(), X[:, :1]
    history = network.fit(
        X, target, optimizer=optimizer, epochs=1, batch_size=None, l1=3.0, l2=2.0, shuffle=False
    )
    nabla = reference.backprop(
        start.weights, start.biases, X, target, alpha=2.0, l1=3.0, activation="tanh",
        output_activation="identity", loss="squared_error",
    )  # fmt: skip
    assert_allclose(history["cost"][0], nabla.loss, rtol=1e-12)
    if isinstance(optimizer, SGD):
        for W, before, gradient in zip(network.weights, start.weights, nabla.weights, strict=True):
            assert_allclose(W, before - 0.1 * gradient, rtol=1e-10, atol=1e-14)


def test_gradient_norms_have_the_penalties():
    network = Network([4, 6, 1], activation="tanh", random_state=0)
    history = network.fit(
        X, X[:, 0], optimizer=SGD(1e-12), epochs=1, l1=3.0, l2=2.0, gradient_norms=True
    )
    nabla = reference.backprop(
        network.weights, network.biases, X, X[:, 0], alpha=2.0, l1=3.0, activation="tanh",
        output_activation="identity", loss="squared_error",
    )  # fmt: skip
    expected = [
        np.sqrt((W**2).sum() + (b**2).sum())
        for W, b in zip(nabla.weights, nabla.biases, strict=True)
    ]
    assert_allclose(history["gradient_norms"][0], expected, rtol=1e-9)


def test_files_and_sklearn_are_told_what_is_on(tmp_path):
    path = tmp_path / "model"
    classifier().fit(X, y).save(path)
    assert b'"l1"' not in path.read_bytes()
    assert b"max_norm" not in path.read_bytes()
    model = classifier(l1=0.1, max_norm=2.0).fit(X, y)
    model.save(path)
    loaded = cbackprop.load(path)
    assert (loaded.l1, loaded.max_norm) == (0.1, 2.0)
    with pytest.raises(ValueError, match=r"has no parameter '(l1|max_norm)'"):
        model.to_sklearn()


@pytest.mark.parametrize("other", [{"l1": 0.2}, {"max_norm": 2.0}, {"l1": 0.0}])
def test_a_fit_with_others_is_another_fit(other, tmp_path):
    way = {"l1": 0.1, "max_norm": 1.0}
    path, network = tmp_path / "checkpoint", Network([4, 5, 1], random_state=0)
    classifier(**way).fit(X, y, callbacks=[Checkpoint(path)])
    with pytest.raises(OtherFitError, match=next(iter(other))):
        classifier(**{**way, **other}).fit(X, y, callbacks=[Checkpoint(path, resume=True)])
    given = {"random_state": 0, "epochs": 2}
    network.copy().fit(X, X[:, 0], callbacks=[Checkpoint(path)], **way, **given)
    with pytest.raises(OtherFitError, match=next(iter(other))):
        network.fit(
            X, X[:, 0], callbacks=[Checkpoint(path, resume=True)], **{**way, **other}, **given
        )


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_frozen_layers_keep_every_bit(solver):
    way = {"l1": 0.5, "max_norm": 0.3, "dropout": 0.2, "solver": solver}
    start = classifier(max_iter=1, learning_rate_init=1e-300, solver="sgd").fit(X, y)
    model = classifier(**way, trainable=[True, False, True]).fit(X, y)
    assert_array_equal(model.coefs_[1], start.coefs_[1])
    assert_array_equal(model.intercepts_[1], start.intercepts_[1])
    for layer in (0, 2):
        assert (np.linalg.norm(model.coefs_[layer], axis=0) <= 0.3 * (1 + 1e-12)).all()


def test_an_average_of_bounded_weights_is_bounded():
    model = classifier(max_norm=0.5, ema_decay=0.9, max_iter=5).fit(X, y)
    for W in model.coefs_:
        assert (np.linalg.norm(W, axis=0) <= 0.5 * (1 + 1e-12)).all()
