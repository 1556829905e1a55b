"""Do estimators fit by every loss that they take, and smooth the labels that they are given?"""

import numpy as np
import pytest
from sklearn.base import clone

from cbackprop import MLPClassifier, MLPRegressor, load
from cbackprop.functions.activations import Activation
from cbackprop.functions.losses import OF_NUMBERS, Huber, LogLoss, Quantile

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
y = np.exp(0.5 * X[:, 0] + 0.1 * rng.normal(size=200))
FAST = {"random_state": 0, "learning_rate_init": 0.01}


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("loss", OF_NUMBERS)
def test_regressors_learn_by_every_loss(loss, solver):
    slow = {"learning_rate_init": 0.002, "max_iter": 300} if solver == "sgd" else {}
    options = {"max_iter": 100, **FAST, **slow}
    model = MLPRegressor(loss, (10,), solver=solver, **options).fit(X, y)
    assert model.score(X, y) > 0.5
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize("early_stopping", [False, True])
def test_several_quantiles_have_a_column_each(early_stopping):
    quantiles = [0.1, 0.5, 0.9]
    model = MLPRegressor(
        Quantile(quantiles), (), max_iter=300, early_stopping=early_stopping, **FAST
    ).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == (200, 3)
    if not early_stopping:
        shares = (y[:, np.newaxis] < predicted).mean(axis=0)
        assert shares == pytest.approx(quantiles, abs=0.06)


def test_several_quantiles_take_a_y_of_one_column():
    with pytest.raises(ValueError, match="y must have one column for 2 quantiles, got 3"):
        MLPRegressor(Quantile([0.1, 0.9])).fit(X, X)


def test_one_quantile_goes_with_several_columns():
    assert MLPRegressor(Quantile(0.9), max_iter=2).fit(X, X).predict(X).shape == X.shape


@pytest.mark.parametrize("y_bad", [0.0, -1.0])
def test_gamma_regressors_need_positive_targets(y_bad):
    with pytest.raises(ValueError, match="y must be positive for the gamma loss"):
        MLPRegressor("gamma").fit(X, np.where(X[:, 0] > 0, y, y_bad))


def test_a_loss_of_labels_is_refused():
    with pytest.raises(ValueError, match=r"loss must be one of .* for numbers, got LogLoss"):
        MLPRegressor(LogLoss()).fit(X, y)


@pytest.mark.parametrize("labels", [X[:, 0] > 0, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_smoothed_labels_keep_probabilities_from_the_ends(labels, solver):
    options = {"solver": solver, "max_iter": 500, **FAST}
    plain = MLPClassifier((20,), **options).fit(X, labels)
    smooth = MLPClassifier((20,), label_smoothing=0.2, **options).fit(X, labels)
    assert smooth.predict_proba(X).max() < plain.predict_proba(X).max()
    assert smooth.network_.loss_function.parameters == (0.2,)
    assert smooth.score(X, labels) > 0.8


def test_no_smoothing_and_zero_are_the_same():
    labels = X[:, 0] > 0
    one, other = (
        MLPClassifier((5,), label_smoothing=value, max_iter=5, **FAST).fit(X, labels)
        for value in (None, 0.0)
    )
    np.testing.assert_array_equal(one.network_.parameters, other.network_.parameters)


@pytest.mark.parametrize("value", [1.0, -0.1, "much"])
def test_smoothing_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="label_smoothing"):
        MLPClassifier(label_smoothing=value).fit(X, X[:, 0] > 0)


def test_losses_and_activations_go_through_clone_and_files(tmp_path):
    model = MLPRegressor(
        Huber(0.3), (4, 3), [Activation("leaky_relu", 0.2), "mish"], max_iter=3, random_state=0
    )
    again = clone(model).fit(X, y)
    again.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.get_params() == again.get_params()
    np.testing.assert_array_equal(loaded.predict(X), again.predict(X))
    np.testing.assert_array_equal(
        loaded.partial_fit(X, y).network_.parameters, again.partial_fit(X, y).network_.parameters
    )
