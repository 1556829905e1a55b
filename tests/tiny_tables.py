"""Small tables and quick tabular estimators for the tests in `tabular`."""

import numpy as np

from cbackprop.tabular import TabularClassifier, TabularRegressor

TINY = {"n_members": 2, "hidden_layer_sizes": (8,), "max_epochs": 4, "random_state": 0}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
LABELS = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)
NUMBERS = 2.0 * X[:, 0] - X[:, 1] ** 2
INDICATOR = np.c_[LABELS, 1 - LABELS, X[:, 1] > 0].astype(int)
MANY = RNG.normal(size=(7, 3))


def classifier(**params):
    return TabularClassifier(**{**TINY, **params})


def regressor(**params):
    return TabularRegressor(**{**TINY, **params})


def both(**params):
    return [(classifier(**params), LABELS), (regressor(**params), NUMBERS)]


def vectors(model):
    return [network.parameters for network in model.networks_]


def assert_same_model(one, other):
    assert len(one.networks_) == len(other.networks_)
    for a, b in zip(vectors(one), vectors(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.best_epoch_ == other.best_epoch_


def held_out(model, n=120):
    """Rows held out of one fit, as it draws them."""
    order = np.random.RandomState(model.random_state).permutation(n)
    return np.sort(order[int(np.ceil((1 - model.validation_fraction) * n)) :])
