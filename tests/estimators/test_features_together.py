"""Do features hold where they meet: averages and frozen layers, warm starts and scorers..."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.class_weight import compute_class_weight

from cbackprop import Checkpoint, MLPClassifier, load

rng = np.random.default_rng(0)
X = rng.normal(size=(160, 5))
y = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.8])
LABELS = np.c_[X[:, 0] > 0, X[:, 1] > 1, X[:, 2] > -1].astype(int)
TRAIN, HELD_OUT = slice(0, 120), slice(120, 160)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**options):
    settings = {"hidden_layer_sizes": (6, 4), "max_iter": 9, "random_state": 0, "tol": 0.0}
    return MLPClassifier(**{**settings, "n_iter_no_change": 100, "batch_size": 20, **options})


class Split:
    def split(self, X, y=None, groups=None):
        yield np.arange(120), np.arange(120, 160)


class Killed(Exception):
    pass


def killed_in(epoch):
    def look(_, history):
        if history.epochs == epoch:
            raise Killed

    return look


# Frozen layers.


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("average", [{"ema_decay": d} for d in (0.3, 0.8)] + [{"swa_epochs": 7}])
def test_averages_keep_the_bits_of_frozen_layers(average, dtype, early_stopping):
    start = classifier(max_iter=1).fit(X.astype(dtype), y)
    model = MLPClassifier.from_weights(
        start.coefs_, start.intercepts_, trainable=[True, False, True], warm_start=True,
        max_iter=9, random_state=0, early_stopping=early_stopping, **average,
    ).fit(X.astype(dtype), y)  # fmt: skip
    assert_array_equal(model.coefs_[1], start.coefs_[1])
    assert_array_equal(model.intercepts_[1], start.intercepts_[1])
    assert not np.array_equal(model.coefs_[0], start.coefs_[0])


def test_a_fit_by_lbfgs_with_frozen_layers_is_resumed_to_the_same_bits(tmp_path):
    options = {"solver": "lbfgs", "trainable": [True, False, True]}
    whole, path = classifier(**options).fit(X, y), tmp_path / "fit"
    with pytest.raises(Killed):
        classifier(**options).fit(X, y, callbacks=[Checkpoint(path), killed_in(4)])
    assert load(path).n_iter_ == 4
    resumed = classifier(**options).fit(X, y, callbacks=[Checkpoint(path, resume=True)])
    assert_array_equal(resumed.network_.parameters, whole.network_.parameters)
    assert (resumed.n_iter_, resumed.loss_) == (whole.n_iter_, whole.loss_)


# Fits that are lost.


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("average", [{"ema_decay": 0.5}, {"swa_epochs": 3}])
def test_a_fit_that_averages_and_is_lost_leaves_no_average_of_lost_parameters(
    average, early_stopping, warm
):
    options = {"solver": "sgd", "activation": "identity", "early_stopping": early_stopping}
    model = classifier(warm_start=True, **options, **average)
    if warm:
        model.fit(X, y)
        before = model.network_.parameters.copy()
    model.set_params(learning_rate_init=1e200)
    if early_stopping and not warm:  # where the start is a best one
        with pytest.warns(ConvergenceWarning, match="No epoch was better than the start"):
            model.fit(X, y)
        assert np.isfinite(model.network_.parameters).all()
        return
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.fit(X, y)
    if warm:
        assert_array_equal(model.network_.parameters, before)
    else:
        assert not hasattr(model, "network_")


# Warm starts with other parameters.


def test_scores_of_another_fit_do_not_stand_beside_the_iterations_of_lbfgs():
    model = classifier(early_stopping=True, warm_start=True, max_iter=5).fit(X, y)
    history = model.set_params(solver="lbfgs").fit(X, y).history_
    assert (history.keys(), history.epochs) == ({"cost", "seconds"}, model.n_iter_)


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("scorings", [(None, "loss"), ("loss", None), ("loss", "f1_macro")])
def test_a_warm_start_by_another_score_begins_a_best_one_of_its_own(scorings, saved, tmp_path):
    before, now = scorings
    model = classifier(early_stopping=True, warm_start=True, scoring=before).fit(X, y)
    if saved:
        model.save(tmp_path / "model")
        model = load(tmp_path / "model")
    model.set_params(scoring=now).fit(X, y)
    scores = model.validation_scores_[-model.n_iter_ :]
    assert model.best_validation_score_ == max(scores) == scores[model.best_iter_ - 1]


@pytest.mark.parametrize("scoring", [None, "loss", "f1_macro"])
def test_a_warm_start_by_the_same_score_goes_on_with_the_best_one(scoring):
    model = classifier(early_stopping=True, warm_start=True, scoring=scoring).fit(X, y)
    model.fit(X, y)
    assert model.best_validation_score_ == max(model.validation_scores_)


def test_a_model_that_was_saved_after_its_scorer_was_taken_away_loads(tmp_path):
    model = classifier(early_stopping=True, scoring=lambda model, X, y: model.score(X, y))
    model.fit(X, y).set_params(scoring=None).save(tmp_path / "model")
    assert load(tmp_path / "model").best_iter_ == model.best_iter_


# The best epoch, where no fit of ours has found it.


def test_a_model_of_given_weights_has_no_best_epoch():
    fitted = classifier().fit(X, y)
    assert MLPClassifier.from_weights(fitted.coefs_, fitted.intercepts_).best_iter_ is None


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_best_epoch_of_a_model_of_sklearns_is_that_of_its_scores(early_stopping):
    options = {"max_iter": 20, "early_stopping": early_stopping, "random_state": 0}
    theirs = neural_network.MLPClassifier((5,), **options).fit(X, y)
    ours = MLPClassifier((5,), **options).fit(X, y)
    assert MLPClassifier.from_sklearn(theirs).best_iter_ == ours.best_iter_


# Rows held out.


@pytest.mark.parametrize("scoring", [None, "loss"])
@pytest.mark.parametrize("targets", [y, LABELS], ids=["classes", "labels"])
def test_balanced_classes_weigh_in_given_validation_rows_what_they_weigh_in_the_fit(
    targets, scoring
):
    def weights(column):
        classes = np.unique(column)
        return dict(
            zip(classes, compute_class_weight("balanced", classes=classes, y=column), strict=True)
        )

    of_fit = targets[TRAIN]
    given = weights(of_fit) if of_fit.ndim == 1 else [weights(column) for column in of_fit.T]
    validation = {"X_val": X[HELD_OUT], "y_val": targets[HELD_OUT]}
    one, other = (
        classifier(early_stopping=True, scoring=scoring, class_weight=class_weight).fit(
            X[TRAIN], targets[TRAIN], **validation
        )
        for class_weight in ("balanced", given)
    )
    assert one.validation_scores_ == other.validation_scores_
    assert_array_equal(one.network_.parameters, other.network_.parameters)


def test_a_label_that_only_validation_rows_have_weighs_1_in_balanced_ones():
    labels = LABELS.copy()
    labels[TRAIN, 1] = 0
    model = classifier(early_stopping=True, class_weight="balanced", scoring="loss")
    model.fit(X[TRAIN], labels[TRAIN], X_val=X[HELD_OUT], y_val=labels[HELD_OUT])
    assert np.isfinite(model.validation_scores_).all()


def test_lengths_of_gradients_are_those_of_the_rows_trained_on():
    options = {"early_stopping": True, "gradient_norms": True, "shuffle": True}
    split_off = classifier(validation_fraction=Split(), **options).fit(X, y)
    given = classifier(**options)
    given.fit(X[TRAIN], y[TRAIN], X_val=X[HELD_OUT], y_val=y[HELD_OUT])
    assert split_off.history_["gradient_norms"] == given.history_["gradient_norms"]


@pytest.mark.parametrize("text", ["a third", b"0.1"])
def test_a_text_is_no_splitter(text):
    with pytest.raises(ValueError, match="'validation_fraction' parameter of MLPClassifier must"):
        classifier(validation_fraction=text).fit(X, y)
