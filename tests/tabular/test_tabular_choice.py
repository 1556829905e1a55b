"""TabularClassifier and TabularRegressor: by which rows, and which score, is the epoch chosen?"""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import StratifiedKFold
from tiny_tables import (
    INDICATOR,
    LABELS,
    NUMBERS,
    X,
    assert_same_model,
    both,
    classifier,
    held_out,
    regressor,
)

# Rows that choose the epoch.


@pytest.mark.parametrize("scoring", [None, "loss"])
def test_the_epoch_kept_is_the_last_of_the_best(scoring):
    for model, y in both(scoring=scoring, max_epochs=12):
        scores = model.fit(X, y).history_["evaluation_score"]
        best = max(epoch for epoch, score in enumerate(scores, 1) if score == max(scores))
        assert model.best_epoch_ == best
        assert model.validation_score_ == max(scores)
        assert model.n_epochs_ == len(scores) == len(model.history_["cost"]) == 12


def test_the_score_is_that_of_the_networks_that_are_kept():
    model = classifier(max_epochs=10, n_members=1).fit(X, LABELS)
    rows = held_out(model)
    assert len(rows) == 24
    assert model.score(X[rows], LABELS[rows]) == model.validation_score_
    model = classifier(max_epochs=10, n_members=1, scoring="loss").fit(X, LABELS)
    said = model.predict_proba(X[rows]).astype(np.float64)
    said /= said.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(-log_loss(LABELS[rows], said), model.validation_score_, rtol=1e-5)


@pytest.mark.parametrize(("n_members", "n_held_out"), [(2, 48), (5, 120), (7, 168)])
def test_each_member_holds_out_other_rows_as_long_as_there_are_some(n_members, n_held_out):
    """Each by its own network: the score is over all of them."""
    seen = []

    def score(estimator, X, y):
        seen.append(y)
        return (estimator.predict(X) == y).mean()

    model = classifier(max_epochs=3, n_members=n_members, scoring=score).fit(X, LABELS)
    assert len(seen[0]) == n_held_out
    assert len(model.networks_) == n_members
    if n_members == 5:  # each row once
        assert sorted(seen[0]) == sorted(LABELS)
        said = [network.predict(model.encoder_.transform(X)) for network in model.networks_]
        assert len({tuple(one.ravel()) for one in said}) == 5


def test_given_rows_choose_the_epoch_and_all_others_are_trained_on():
    for model, y in both(max_epochs=10):
        model.fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:])
        if y is LABELS:
            assert model.validation_score_ == model.score(X[100:], y[100:])
        other = clone(model).fit(X[:100], y[:100], X_val=X[:30], y_val=y[:30])
        assert model.history_["cost"] == other.history_["cost"]
        assert model.history_["evaluation_score"] != other.history_["evaluation_score"]


def test_given_rows_have_the_weights_of_their_classes():
    model = classifier(class_weight={0: 1.0, 1: 9.0})
    model.fit(X[:100], LABELS[:100], X_val=X[100:], y_val=LABELS[100:])
    weight = np.where(LABELS[100:] == 1, 9.0, 1.0)
    expected = model.score(X[100:], LABELS[100:], weight)
    assert model.validation_score_ == pytest.approx(expected)


def test_given_rows_may_have_several_labels_or_targets():
    for y in (INDICATOR, sp.csr_matrix(INDICATOR)):
        model = classifier().fit(X, y, X_val=X[:20], y_val=y[:20])
        assert model.validation_score_ == model.score(X[:20], INDICATOR[:20])
    two = np.c_[NUMBERS, NUMBERS]
    assert regressor().fit(X, two, X_val=X[:20], y_val=two[:20]).validation_score_ < 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"X_val": X}, "y_val was not passed"),
        ({"y_val": LABELS}, "X_val was not passed"),
        ({"X_val": X, "y_val": LABELS + 5}, r"y_val has labels that y has not: \[5, 6\]"),
        ({"X_val": X, "y_val": INDICATOR}, "as many columns as y"),
        ({"X_val": X, "y_val": LABELS[1:]}, "inconsistent numbers of samples"),
        ({"X_val": X[:, :2], "y_val": LABELS}, "2 features"),
        ({"X_val": X[:0], "y_val": LABELS[:0]}, "minimum of 1"),
    ],
)
def test_rows_that_cannot_choose_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        classifier().fit(X, LABELS, **given)


def test_given_rows_and_folds_exclude_each_other():
    with pytest.raises(ValueError, match="not both"):
        classifier(n_folds=2).fit(X, LABELS, X_val=X, y_val=LABELS)


def test_early_stopping_ends_where_none_was_better_for_long():
    def worse(estimator, X, y, calls=[]):  # noqa: B006
        calls.append(0)
        return -float(len(calls))

    model = classifier(max_epochs=60, label_smoothing=0.0)
    whole = clone(model).fit(X, LABELS)
    assert whole.n_epochs_ == 60
    model.set_params(scoring=worse, early_stopping=True).fit(X, LABELS)
    assert model.best_epoch_ == 1
    assert model.n_epochs_ == 23  # the first epoch after 2 + 20
    assert whole.history_["cost"][:23] == model.history_["cost"]


# Folds.


def test_out_of_fold_predictions_are_of_members_that_have_not_seen_the_row():
    model = classifier(n_folds=3).fit(X, LABELS)
    assert len(model.networks_) == 6
    encoded = model.encoder_.transform(X)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed).split(X, LABELS)
    for i, (_, rows) in enumerate(folds):
        pair = model.networks_[2 * i : 2 * i + 2]
        mean = np.mean([network.predict(encoded[rows]) for network in pair], axis=0)
        np.testing.assert_allclose(model.oof_prediction_[rows], mean, rtol=1e-6)
    right = model.oof_prediction_.argmax(axis=1) == LABELS
    assert right.mean() == pytest.approx(model.validation_score_)


def test_noise_is_not_learnt_out_of_fold():
    def seen(estimator, X, y):
        return 0.0  # the last epoch is kept

    rng = np.random.default_rng(1)
    noise, y = rng.normal(size=(200, 6)), rng.integers(0, 2, 200)
    model = classifier(
        n_folds=4, max_epochs=150, hidden_layer_sizes=(64,), scoring=seen, dropout=0.0
    )
    model.fit(noise, y)
    assert model.score(noise, y) > 0.75  # which they remember
    assert 0.35 < (model.oof_prediction_.argmax(axis=1) == y).mean() < 0.65
    t = rng.normal(size=200)
    model = regressor(n_folds=4, max_epochs=20, hidden_layer_sizes=(32,)).fit(noise, t)
    assert abs(np.corrcoef(model.oof_prediction_[:, 0], t)[0, 1]) < 0.25


@pytest.mark.parametrize(("n", "n_folds"), [(3, 3), (4, 2), (6, 2)])
def test_few_rows_have_folds_too(n, n_folds):
    for model, y in both(n_folds=n_folds):
        model.fit(X[:n], y[:n])
        assert len(model.networks_) == 2 * n_folds
        assert len(model.oof_prediction_) == n


def test_more_folds_than_rows_are_refused():
    with pytest.raises(ValueError, match=r"n_folds must be at most .* 6, got 7"):
        classifier(n_folds=7).fit(X[:6], LABELS[:6])


def test_a_fit_without_folds_forgets_those_of_before():
    model = classifier(n_folds=2).fit(X, LABELS).set_params(n_folds=None).fit(X, LABELS)
    assert not hasattr(model, "oof_prediction_")


# What chooses.


@pytest.mark.parametrize("name", ["roc_auc", "neg_log_loss", "balanced_accuracy"])
def test_scorers_choose_classifiers(name):
    model = classifier(scoring=name, max_epochs=8, n_members=1).fit(X, LABELS)
    rows = held_out(model)
    expected = get_scorer(name)(model, X[rows], LABELS[rows])
    assert model.validation_score_ == pytest.approx(expected, rel=1e-5)


def test_scorers_choose_regressors():
    for name in ("r2", "neg_mean_absolute_error"):
        model = regressor(scoring=name, max_epochs=8, n_members=1).fit(X, NUMBERS)
        rows = held_out(model)
        expected = get_scorer(name)(model, X[rows], NUMBERS[rows])
        assert model.validation_score_ == pytest.approx(expected, rel=1e-5)


def test_functions_choose():
    def share(estimator, X, y):
        assert estimator.classes_.tolist() == ["a", "b"]
        return np.float64((estimator.predict(X) == y).mean())

    y = np.array(["a", "b"])[LABELS]
    assert_same_model(
        classifier(scoring=share, label_smoothing=0.1).fit(X, y),
        classifier().fit(X, y),
    )


@pytest.mark.parametrize(
    ("scoring", "words"),
    [
        ("nonsense", "nonsense"),
        (lambda e, X, y: 1 / 0, "fails on the rows held out: division by zero"),
        (lambda e, X, y: "good", "must give a number for the rows held out, got 'good'"),
        (lambda e, X, y: np.nan, "NaN"),
    ],
)
def test_scorers_that_fail_leave_the_estimator_as_it_was(scoring, words):
    model = classifier()
    with pytest.raises(ValueError, match=words):
        model.set_params(scoring=scoring).fit(X, LABELS)
    assert not hasattr(model, "networks_")
    model.set_params(scoring=None).fit(X, LABELS)
    before, said = dict(vars(model)), model.predict(X)
    with pytest.raises(ValueError, match=words):
        model.set_params(scoring=scoring).fit(2 * X[:, :2], 1 - LABELS)
    assert vars(model) == {**before, "scoring": scoring}
    np.testing.assert_array_equal(model.predict(X), said)
