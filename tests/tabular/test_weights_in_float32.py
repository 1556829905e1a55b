"""Weights that float64 holds and float32 does not compute with: an error, not NaN in training."""

import numpy as np
import pytest

from cbackprop import MLPRegressor, Network
from cbackprop.tabular import TabularClassifier, TabularRegressor

X = np.random.RandomState(0).normal(size=(40, 3)).astype(np.float32)
Y = X[:, 0] - X[:, 1]
LABELS = (Y > 0).astype(int)
OUT_OF_RANGE = [(1e-50, "got 0 to 0 in float32"), (1e-40, "largest between"), (1e38, "largest bet")]


def quick(kind):
    return kind(n_members=1, hidden_layer_sizes=(4,), max_epochs=2, random_state=0)


@pytest.mark.parametrize(("weight", "words"), OUT_OF_RANGE)
def test_weights_that_float32_cannot_compute_with_are_an_error(weight, words):
    weights = np.full(40, weight)
    network = Network([3, 4, 1], dtype=np.float32, random_state=0)
    fits = [
        lambda: network.fit(X, Y, sample_weight=weights, epochs=1),
        lambda: network.loss(X, Y, weights),
        lambda: MLPRegressor(max_iter=2).fit(X, Y, sample_weight=weights),
        lambda: quick(TabularRegressor).fit(X, Y, sample_weight=weights),
        lambda: quick(TabularClassifier).fit(X, LABELS, sample_weight=weights),
    ]
    for fit in fits:
        with pytest.raises(ValueError, match=f"^sample_weight.*{words}"):
            fit()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_tiny_weight_among_others_is_taken():
    weights = np.ones(40)
    weights[0] = 1e-40
    for model in (quick(TabularRegressor), MLPRegressor(max_iter=2, early_stopping=False)):
        assert np.isfinite(model.fit(X, Y, sample_weight=weights).predict(X)).all()


def test_float64_takes_weights_of_any_size():
    expected = Network([3, 4, 1], random_state=0).loss(X, Y)
    for weight in (1e-50, 1e-300, 1e300):
        loss = Network([3, 4, 1], random_state=0).loss(X, Y, np.full(40, weight))
        assert loss == pytest.approx(expected)
