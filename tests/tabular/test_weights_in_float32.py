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


def learnt(weights, batch_size):
    network = Network([3, 4, 1], dtype=np.float32, random_state=0)
    network.fit(X, Y, sample_weight=weights, epochs=2, batch_size=batch_size, random_state=0)
    model = MLPRegressor(batch_size=batch_size, max_iter=2, random_state=0)
    model.fit(X, Y, sample_weight=weights)
    table = quick(TabularRegressor).set_params(batch_size=batch_size)
    table.fit(X, Y, sample_weight=weights)
    return [network.parameters, model.network_.parameters, table.predict(X)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("batch_size", [1, 10])
def test_tiny_weights_among_others_are_none(batch_size):
    tiny, none = np.ones(40), np.ones(40)
    tiny[:5], none[:5] = 1e-40, 0.0
    for got, expected in zip(learnt(tiny, batch_size), learnt(none, batch_size), strict=True):
        assert np.isfinite(expected).all()
        np.testing.assert_array_equal(got, expected)


def test_float64_takes_weights_of_any_size():
    expected = Network([3, 4, 1], random_state=0).loss(X, Y)
    for weight in (1e-50, 1e-300, 1e300):
        loss = Network([3, 4, 1], random_state=0).loss(X, Y, np.full(40, weight))
        assert loss == pytest.approx(expected)
