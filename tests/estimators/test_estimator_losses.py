"""Do quantiles cover what they say, is smoothing the formula's, and do files and copies know it?"""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import d2_pinball_score, mean_pinball_loss
from sklearn.model_selection import GridSearchCV

from cbackprop import MLPClassifier, MLPRegressor, load
from cbackprop.losses import Gamma, Huber, LogLoss, Quantile, SquaredError
from cbackprop.optimizers import Adam
from cbackprop.training import epochs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 3))
y = X[:, 0] + (0.2 + 0.5 * (X[:, 1] > 0)) * rng.normal(size=400)
QUANTILES = [0.05, 0.5, 0.95]
FAST = {"learning_rate_init": 0.01, "random_state": 0}


def between(low=0.05, high=0.95, **options):
    options = {"max_iter": 300, **FAST, **options}
    return MLPRegressor("quantile", (10,), quantile=[low, 0.5, high], **options).fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_quantiles_lie_above_their_shares_of_new_rows(solver):
    model = between(solver=solver, **({"tol": 0.0} if solver == "sgd" else {}))
    more = np.random.default_rng(1)
    new = more.normal(size=(20000, 3))
    true = new[:, 0] + (0.2 + 0.5 * (new[:, 1] > 0)) * more.normal(size=20000)
    shares = (true[:, np.newaxis] <= model.predict(new)).mean(axis=0)
    assert shares == pytest.approx(QUANTILES, abs=0.05)


def test_quantile_is_the_median_where_none_is_given():
    fits = [
        MLPRegressor(loss, (4,), quantile=quantile, max_iter=5, **FAST).fit(X, y)
        for loss, quantile in (("quantile", None), ("quantile", 0.5), (Quantile(), None))
    ]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.predict(X), fits[0].predict(X))
    assert fits[0].predict(X).shape == (400,)


def test_quantiles_by_name_are_those_of_the_loss_object():
    named = MLPRegressor("quantile", (4,), quantile=QUANTILES, max_iter=5, **FAST).fit(X, y)
    made = MLPRegressor(Quantile(QUANTILES), (4,), max_iter=5, **FAST).fit(X, y)
    np.testing.assert_array_equal(named.predict(X), made.predict(X))
    assert (named.n_outputs_, named.out_activation_) == (3, "identity")


@pytest.mark.parametrize("quantile", [np.array(QUANTILES), tuple(QUANTILES)])
def test_quantiles_may_be_any_sequence(quantile, tmp_path):
    model = MLPRegressor("quantile", (4,), quantile=quantile, max_iter=5, **FAST).fit(X, y)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict(X), model.predict(X))
    with pytest.raises(ValueError, match="no parameter 'quantile'"):
        model.to_sklearn()


def test_score_of_several_quantiles_is_the_mean_d2():
    model, weight = between(), rng.uniform(0.5, 2.0, 400)
    predicted = model.predict(X)
    expected = [
        d2_pinball_score(y, predicted[:, i], alpha=q, sample_weight=weight)
        for i, q in enumerate(QUANTILES)
    ]
    assert model.score(X, y, weight) == pytest.approx(np.mean(expected))
    assert 0.2 < model.score(X, y[:, np.newaxis]) < 1.0


def test_early_stopping_goes_by_the_score_of_several_quantiles():
    model = between(early_stopping=True, validation_fraction=0.25)
    assert 0.2 < model.best_validation_score_ < 1.0


def test_losses_curve_is_the_pinball_loss_summed_over_the_quantiles():
    model = between(solver="lbfgs", alpha=0.0)
    predicted = model.predict(X)
    losses = [mean_pinball_loss(y, predicted[:, i], alpha=q) for i, q in enumerate(QUANTILES)]
    assert model.loss_ == pytest.approx(sum(losses), rel=1e-6)


def test_partial_fit_and_warm_starts_go_on_with_several_quantiles():
    model = MLPRegressor("quantile", (4,), quantile=QUANTILES, **FAST)
    assert model.partial_fit(X, y).partial_fit(X, y).predict(X).shape == (400, 3)
    model.set_params(warm_start=True, max_iter=2).fit(X, y)
    assert model.predict(X).shape == (400, 3)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"loss": "nope"}, "The 'loss' parameter of MLPRegressor must be a str among"),
        ({"loss": Huber}, "must be an object, as Huber()"),
        ({"loss": LogLoss()}, "one of labels: MLPClassifier takes label_smoothing"),
        ({"quantile": 0.3}, "quantile=0.3 goes with loss='quantile', got loss='squared_error'"),
        ({"loss": Quantile(0.2), "quantile": 0.3}, "goes with loss='quantile'"),
        ({"loss": "quantile", "quantile": 1.0}, "The 'quantile' parameter of MLPRegressor"),
        ({"loss": "quantile", "quantile": [0.1, 1.0]}, "quantiles must lie in"),
        ({"loss": "quantile", "quantile": []}, "one number or several, got none"),
    ],
)
def test_losses_that_cannot_be_are_refused(params, said):
    model = MLPRegressor(**params)
    with pytest.raises((ValueError, TypeError), match=said.replace("(", r"\(").replace(")", r"\)")):
        model.fit(X, y)
    assert not hasattr(model, "network_")


def test_searches_clones_and_pickles_know_the_losses():
    search = GridSearchCV(
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=5, **FAST),
        {"loss": ["squared_error", "huber", Huber(0.3), Quantile(0.4)]},
        cv=2,
    ).fit(X, y)
    best = clone(search.best_estimator_).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), best.predict(X))


def test_a_warm_start_takes_the_loss_that_is_set_by_then():
    model = MLPRegressor(Huber(0.1), (4,), warm_start=True, max_iter=2, **FAST).fit(X, y)
    before = model.network_.copy()
    model.set_params(loss="squared_error").fit(X, y)
    assert (before.loss_name, model.network_.loss_name) == ("huber", "squared_error")
    before.fit(X, y, epochs=1)
    assert before.loss_function == Huber(0.1)


def test_a_loss_of_other_outputs_needs_a_new_fit():
    model = MLPRegressor(warm_start=True, max_iter=2, **FAST).fit(X, np.exp(y))
    for go_on in (model.fit, model.partial_fit):
        model.set_params(loss=Gamma())
        with pytest.raises(ValueError, match=r"'gamma' has exp outputs, .* has identity outputs"):
            go_on(X, np.exp(y))
        assert model.network_.loss_name == "squared_error"


def test_a_standard_loss_object_becomes_sklearns_name():
    theirs = MLPRegressor(SquaredError(), (3,), max_iter=2, **FAST).fit(X, y).to_sklearn()
    assert theirs.get_params().get("loss", "squared_error") == "squared_error"
    with pytest.raises(ValueError, match="cannot be this"):
        MLPRegressor("huber").to_sklearn()
    with pytest.raises(ValueError, match="no parameter 'label_smoothing'"):
        MLPClassifier(label_smoothing=0.1).to_sklearn()
    MLPClassifier(label_smoothing=0.0).to_sklearn()


# --- label smoothing -----------------------------------------------------------------------------

NOISY = X + rng.normal(size=X.shape)
LABELS = {
    "two": (NOISY[:, 0] > 0).astype(int),
    "three": np.digitize(NOISY[:, 0], [-0.5, 0.5]),
    "several": np.column_stack([NOISY[:, 0] > 0, NOISY[:, 1] > 0, NOISY[:, 2] > 1]),
}


def smoothed_loss(proba, labels, smoothing):
    """The mean cross-entropy of smoothed labels, written anew."""
    if labels.ndim == 2 or proba.shape[1] == 2:
        p = proba if labels.ndim == 2 else proba[:, 1:]
        t = labels.reshape(len(p), -1) * (1 - smoothing) + smoothing / 2
        return -(t * np.log(p) + (1 - t) * np.log1p(-p)).sum(axis=1).mean()
    t = np.eye(proba.shape[1])[labels] * (1 - smoothing) + smoothing / proba.shape[1]
    return -(t * np.log(proba)).sum(axis=1).mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("kind", LABELS)
def test_loss_is_the_cross_entropy_of_smoothed_labels(kind, smoothing):
    labels = LABELS[kind]
    options = {"solver": "lbfgs", "alpha": 0.0, "max_iter": 5, "random_state": 0}
    model = MLPClassifier((5,), label_smoothing=smoothing, **options).fit(X, labels)
    expected = smoothed_loss(model.predict_proba(X), labels, smoothing)
    assert model.loss_ == pytest.approx(expected, rel=1e-9)
    assert model.network_.check_gradient(X[:20], labels[:20].astype(int)) < 1e-6


@pytest.mark.parametrize("kind", LABELS)
def test_smoothed_labels_are_trained_on(kind):
    labels, options = LABELS[kind], {"alpha": 0.0, "batch_size": 400, "shuffle": False, **FAST}
    model = MLPClassifier((5,), label_smoothing=0.3, max_iter=1, **options)
    plain = MLPClassifier((5,), max_iter=1, **options)
    model.fit(X, labels), plain.fit(X, labels)
    assert not np.array_equal(model.coefs_[1], plain.coefs_[1])
    assert model.loss_curve_[0] > plain.loss_curve_[0] or kind != "two"


def test_smoothing_is_off_by_default_bit_for_bit():
    fits = [
        MLPClassifier((5,), max_iter=5, random_state=0, **more).fit(X, LABELS["three"])
        for more in ({}, {"label_smoothing": 0.0})
    ]
    np.testing.assert_array_equal(*(model.network_.parameters for model in fits))


def test_networks_learn_the_same_with_the_smoothed_loss_as_the_classifier():
    model = MLPClassifier(
        (5,), label_smoothing=0.2, alpha=0.0, shuffle=False, max_iter=3, random_state=0
    ).fit(X, LABELS["three"])
    net = MLPClassifier((5,), max_iter=1, random_state=0, tol=1.0)
    net = net.fit(X, LABELS["three"]).network_.copy()
    assert net.layer_sizes == model.network_.layer_sizes
    net = type(net)(net.layer_sizes, output_activation="softmax", loss=LogLoss(0.2), random_state=0)
    run = epochs(
        net, X, LABELS["three"].astype(np.int32), Adam(), batch_size=200, max_epochs=3, rng=None
    )
    assert list(run) == pytest.approx(model.loss_curve_, rel=1e-9)
    np.testing.assert_array_equal(net.parameters, model.network_.parameters)
