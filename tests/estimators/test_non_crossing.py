"""Several quantiles cover what they say, and do not cross where that is asked for."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import mean_pinball_loss

from cbackprop import MLPRegressor, load
from cbackprop.losses import Quantile
from cbackprop.schedules import Cosine

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]
rng = np.random.RandomState(0)
X = rng.uniform(-1, 1, size=(200, 2))
Y = X[:, 0] + 0.2 * rng.normal(size=200)


def fitted(quantiles=QUANTILES, dtype=np.float64, **options):
    """Hardly trained: so they cross."""
    options = {"max_iter": 8, "random_state": 3, "hidden_layer_sizes": (8,), **options}
    return MLPRegressor("quantile", quantile=quantiles, **options).fit(X.astype(dtype), Y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]], ids=str)
def test_predictions_do_not_cross_in_whatever_order_the_quantiles_are(order, dtype):
    quantiles, rows = np.take(QUANTILES, order).tolist(), X.astype(dtype)
    crossing = fitted(quantiles, dtype).predict(rows)
    assert (np.diff(crossing[:, np.argsort(order)], axis=1) < 0).any()
    found = fitted(quantiles, dtype, non_crossing=True).predict(rows)
    assert found.dtype == dtype
    assert (np.diff(found[:, np.argsort(order)], axis=1) >= 0).all()
    assert_array_equal(np.sort(found, axis=1), np.sort(crossing, axis=1))


def test_no_rows_pinball_loss_is_larger_than_with_crossing():
    before, after = fitted().predict(X), fitted(non_crossing=True).predict(X)
    losses = [
        sum(
            np.maximum(q * (Y - column), (q - 1) * (Y - column))
            for q, column in zip(QUANTILES, found.T, strict=True)
        )
        for found in (before, after)
    ]
    assert (losses[1] <= losses[0] + 1e-12).all()
    assert (losses[1] < losses[0] - 1e-6).any()


def test_the_score_and_early_stopping_go_by_what_is_predicted():
    plain, sorted_ = fitted(), fitted(non_crossing=True)
    assert sorted_.score(X, Y) > plain.score(X, Y)
    stopped = fitted(non_crossing=True, early_stopping=True)
    assert stopped.validation_scores_ != fitted(early_stopping=True).validation_scores_


def test_the_parameters_are_those_of_a_fit_that_lets_them_cross():
    assert_array_equal(fitted().network_.parameters, fitted(non_crossing=True).network_.parameters)


def test_coverage_is_what_the_quantiles_say():
    generator = np.random.RandomState(1)
    rows = generator.uniform(-2, 2, size=(6000, 1))
    spread = 0.2 + 0.3 * np.abs(rows[:, 0])  # the noise is wider to both sides
    y = np.sin(2 * rows[:, 0]) + spread * generator.normal(size=6000)
    model = MLPRegressor(
        "quantile", (32,), quantile=QUANTILES, non_crossing=True, learning_rate_init=0.01,
        learning_rate=Cosine(warmup=0.1), max_iter=30, alpha=0.0, random_state=0,
    ).fit(rows[:4000], y[:4000])  # fmt: skip
    found, true = model.predict(rows[4000:]), y[4000:]
    for q, column in zip(QUANTILES, found.T, strict=True):
        assert abs((true <= column).mean() - q) < 0.03
    inside = (found[:, 0] <= true) & (true <= found[:, -1])
    for some in (np.abs(rows[4000:, 0]) < 1, np.abs(rows[4000:, 0]) >= 1):
        assert abs(inside[some].mean() - 0.9) < 0.04
    constant = np.quantile(y[:4000], 0.05)
    assert mean_pinball_loss(true, found[:, 0], alpha=0.05) < 0.9 * mean_pinball_loss(
        true, np.full(2000, constant), alpha=0.05
    )


def test_one_quantile_has_nothing_to_cross():
    for quantile in (0.3, [0.3]):
        crossing, found = fitted(quantile), fitted(quantile, non_crossing=True)
        assert_array_equal(crossing.predict(X), found.predict(X))


def test_a_loss_with_several_quantiles_is_rearranged_too():
    model = MLPRegressor(Quantile(QUANTILES), (8,), max_iter=8, random_state=3, non_crossing=True)
    assert_array_equal(model.fit(X, Y).predict(X), fitted(non_crossing=True).predict(X))


@pytest.mark.parametrize("loss", ["squared_error", "huber", "absolute_error"])
def test_non_crossing_is_nothing_for_another_loss(loss):
    model = MLPRegressor(loss, (8,), max_iter=2).fit(X, Y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="non_crossing=True goes with loss='quantile', got"):
        model.set_params(non_crossing=True).fit(X, Y)
    assert pickle.dumps(model.set_params(non_crossing=False)) == before


def test_a_file_has_it_where_it_is_on(tmp_path):
    for on in (True, False):
        model = fitted(non_crossing=on)
        model.save(tmp_path / "model")
        assert load(tmp_path / "model").non_crossing is on
        assert (b"non_crossing" in (tmp_path / "model").read_bytes()) is on
        assert_array_equal(load(tmp_path / "model").predict(X), model.predict(X))
