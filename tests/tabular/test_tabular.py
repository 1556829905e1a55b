"""TabularClassifier and TabularRegressor: what they learn, by what weights, and what stays."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.utils import compute_sample_weight
from tiny_tables import (
    INDICATOR,
    LABELS,
    MANY,
    NUMBERS,
    RNG,
    X,
    assert_same_model,
    both,
    classifier,
    held_out,
    regressor,
    vectors,
)

from cbackprop.tabular import members

# The same bits.


@pytest.mark.parametrize("n_folds", [None, 3])
@pytest.mark.parametrize("kind", [0, 1])
def test_any_number_of_jobs_gives_the_same_bits(kind, n_folds):
    model, y = both(n_folds=n_folds, n_members=3)[kind]
    expected = clone(model).set_params(n_jobs=1).fit(X, y)
    for n_jobs in (2, 3, None):
        other = clone(model).set_params(n_jobs=n_jobs).fit(X, y)
        assert_same_model(other, expected)
        np.testing.assert_array_equal(other.predict(X), expected.predict(X))
        if n_folds:
            np.testing.assert_array_equal(other.oof_prediction_, expected.oof_prediction_)


def test_seeds_give_other_models():
    one, other = (classifier(random_state=seed).fit(X, LABELS) for seed in (0, 1))
    assert (vectors(one)[0] != vectors(other)[0]).any()
    assert (vectors(one)[0] != vectors(one)[1]).any()


# What is learnt.


@pytest.mark.parametrize("names", [["no", "yes"], [False, True], [-3, 7], ["b", "a"]])
def test_labels_of_any_kind_come_back(names):
    y = np.array(names)[LABELS]
    model = classifier(max_epochs=20).fit(X, y)
    assert model.classes_.tolist() == sorted(names)
    assert model.predict(X).dtype == y.dtype
    assert model.score(X, y) > 0.85
    plain = classifier(max_epochs=20).fit(X, np.searchsorted(sorted(names), y))
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_several_classes_have_probabilities_that_sum_to_one():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    model = classifier(max_epochs=20).fit(X, np.array(["low", "mid", "top"])[y])
    p = model.predict_proba(X)
    assert p.shape == (120, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-6)
    assert model.score(X, np.array(["low", "mid", "top"])[y]) > 0.7


def test_one_class_is_certain():
    model = classifier().fit(X, ["only"] * 120)
    assert model.classes_.tolist() == ["only"]
    assert set(model.predict(X)) == {"only"}
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((120, 1)))


def test_several_labels_a_row_dense_sparse_and_listed_are_one_model():
    dense = classifier(max_epochs=20).fit(X, INDICATOR)
    assert dense.predict(X).shape == dense.predict_proba(X).shape == (120, 3)
    assert (dense.predict(X) == INDICATOR).mean() > 0.85
    for other in (sp.csr_matrix(INDICATOR), sp.csc_array(INDICATOR), INDICATOR.tolist()):
        assert_same_model(classifier(max_epochs=20).fit(X, other), dense)


def test_several_targets_have_a_column_each():
    y = np.c_[NUMBERS, 1000.0 - 500.0 * X[:, 1]]
    model = regressor(max_epochs=30).fit(X, y)
    assert model.predict(X).shape == (120, 2)
    assert model.score(X, y) > 0.7


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "log_cosh"])
def test_losses_of_any_numbers_are_learnt(loss):
    model = regressor(loss=loss, max_epochs=30).fit(X, NUMBERS)
    assert model.predict(X).shape == (120,)
    assert model.score(X, NUMBERS) > 0.6


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_losses_of_positive_numbers_are_learnt(loss):
    y = np.exp(X[:, 0])
    model = regressor(loss=loss, max_epochs=30).fit(X, y)
    assert model.predict(X).min() > 0
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.7
    with pytest.raises(ValueError, match="y must"):
        regressor(loss=loss).fit(X, -y)


def test_no_event_at_all_is_predicted_so():
    np.testing.assert_array_equal(regressor(loss="poisson").fit(X, 0 * LABELS).predict(X), 0.0)


def test_quantiles_have_a_column_each_and_leave_their_shares_below():
    model = regressor(loss="quantile", quantile=[0.1, 0.5, 0.9], max_epochs=30)
    predicted = model.fit(X, NUMBERS).predict(X)
    assert predicted.shape == (120, 3)
    below = (NUMBERS[:, None] < predicted).mean(axis=0)
    assert below[0] < 0.3 < below[1] < 0.7 < below[2]
    assert model.score(X, NUMBERS) > 0.3
    one = regressor(loss="quantile", quantile=0.9, max_epochs=30).fit(X, NUMBERS).predict(X)
    assert (one > NUMBERS).mean() > 0.7
    folds = regressor(loss="quantile", quantile=[0.1, 0.9], n_folds=2).fit(X, NUMBERS)
    assert folds.oof_prediction_.shape == (120, 2)


def test_predictions_stay_in_the_range_that_was_seen():
    model = regressor(max_epochs=30, n_members=1).fit(X, NUMBERS)
    train = np.delete(NUMBERS, held_out(model))
    predicted = model.predict(1000.0 * X)
    assert predicted.min() >= train.min()
    assert predicted.max() <= train.max()


def test_a_constant_target_is_predicted_so():
    np.testing.assert_array_equal(regressor().fit(X, np.full(120, 3.5)).predict(X), 3.5)


def test_predictions_are_the_mean_of_the_networks():
    model = classifier(n_members=3).fit(X, LABELS)
    encoded = model.encoder_.transform(MANY)
    mean = np.mean([network.predict(encoded) for network in model.networks_], axis=0)
    np.testing.assert_allclose(model.predict_proba(MANY), mean, rtol=1e-6)
    model = regressor(n_members=3).fit(X, NUMBERS)
    mean = np.mean([network.predict(encoded) for network in model.networks_], axis=0)
    train = NUMBERS  # what one holds out another is trained on
    expected = np.clip(mean[:, 0] * train.std() + train.mean(), train.min(), train.max())
    np.testing.assert_allclose(model.predict(MANY), expected, rtol=1e-5)


# Weights.


@pytest.mark.parametrize("n_folds", [None, 3])
@pytest.mark.parametrize("kind", [0, 1])
def test_rows_of_weight_0_change_nothing(kind, n_folds):
    model, y = both(n_folds=n_folds)[kind]
    weight = RNG.uniform(0.5, 2.0, 120)
    expected = clone(model).fit(X, y, weight)
    more = np.concatenate([X, 1e6 * X[:10]])
    wild = np.concatenate([y, y[:10] if kind == 0 else np.full(10, 1e9)])
    other = clone(model).fit(more, wild, np.concatenate([weight, np.zeros(10)]))
    np.testing.assert_array_equal(other.predict(X), expected.predict(X))
    # Sums of other lengths are rounded otherwise.
    assert other.validation_score_ == pytest.approx(expected.validation_score_, rel=1e-14)
    if n_folds:
        assert np.isfinite(other.oof_prediction_).all()


def test_only_rows_that_weigh_something_are_scored():
    weight = np.zeros(120)
    weight[:20] = 1.0
    for model, y in both():
        same = clone(model).fit(X[:20], y[:20])
        assert clone(model).fit(X, y, weight).validation_score_ == same.validation_score_


def test_class_weights_are_sample_weights():
    weight = compute_sample_weight("balanced", LABELS)
    expected = classifier().fit(X, LABELS, weight)
    assert_same_model(classifier(class_weight="balanced").fit(X, LABELS), expected)
    given = {0: 1.0, 1: 4.0}
    weight = compute_sample_weight(given, LABELS)
    expected = classifier().fit(X, LABELS, weight)
    assert_same_model(classifier(class_weight=given).fit(X, LABELS), expected)
    assert_same_model(
        classifier(class_weight=given).fit(X, LABELS, np.full(120, 1.0)),
        expected,
    )


@pytest.mark.parametrize(
    "weight", [np.zeros(120), -np.ones(120), np.ones(119), np.full(120, np.nan)]
)
def test_weights_that_make_no_sense_are_refused(weight):
    for model, y in both():
        with pytest.raises(ValueError, match="weight"):
            model.fit(X, y, weight)
    with pytest.raises(ValueError, match="class_weight"):
        classifier(class_weight={0: 0.0, 1: 0.0}).fit(X, LABELS)


# What goes wrong on the way.


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("was_fitted", [False, True])
def test_an_error_in_a_member_leaves_the_estimator_as_it_was(n_jobs, was_fitted, monkeypatch):
    model = classifier(n_jobs=n_jobs)
    if was_fitted:
        model.fit(X, LABELS)
    before = dict(vars(model))
    train, calls = members.Member.train, []

    def failing(member):
        calls.append(0)
        if len(calls) == 4:
            raise MemoryError("no memory")
        return train(member)

    monkeypatch.setattr(members.Member, "train", failing)
    with pytest.raises(MemoryError, match="no memory"):
        model.fit(X[:, :2], 1 - LABELS)
    assert vars(model) == before


def test_parameters_that_are_no_numbers_any_more_are_an_error():
    with pytest.raises(ValueError, match="smaller learning_rate"):
        regressor(learning_rate=1e30).fit(X, NUMBERS)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_keeps_the_best_epoch_so_far(n_jobs, monkeypatch):
    expected = classifier(max_epochs=9).fit(X, LABELS)
    train, calls = members.Member.train, []

    def interrupted(member):
        calls.append(0)
        if len(calls) > 2 * 5:
            raise KeyboardInterrupt
        return train(member)

    monkeypatch.setattr(members.Member, "train", interrupted)
    model = classifier(max_epochs=9, n_jobs=n_jobs)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, LABELS)
    scores = expected.history_["evaluation_score"][:5]
    assert model.history_["evaluation_score"] == scores
    assert model.best_epoch_ == max(i for i, s in enumerate(scores, 1) if s == max(scores))
    assert model.predict(X).shape == (120,)
    calls.extend([0] * 20)
    with pytest.raises(KeyboardInterrupt):
        classifier().fit(X, LABELS)


def test_every_epoch_is_told_if_asked(capsys):
    classifier(verbose=True).fit(X, LABELS)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert said[0].startswith("epoch 1/4: validation score 0.")
