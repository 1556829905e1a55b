"""One's own validation rows, splitters and scorers: what early stopping looks at, and goes by."""

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.datasets import load_diabetes, load_digits
from sklearn.metrics import get_scorer, log_loss, make_scorer, mean_absolute_error
from sklearn.model_selection import (
    GroupShuffleSplit,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cbackprop import Checkpoint, MLPClassifier, MLPRegressor

DIGITS, LABELS = (array[:600] for array in load_digits(return_X_y=True))
DIGITS = DIGITS / 16
NUMBERS, TARGETS = load_diabetes(return_X_y=True)
NUMBERS, TARGETS = NUMBERS * 20, TARGETS / 100
TRAIN, HELD_OUT = np.arange(450), np.arange(450, 600)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**options):
    settings = {"max_iter": 12, "early_stopping": True, "random_state": 0, "n_iter_no_change": 3}
    return MLPClassifier((12,), **{**settings, "learning_rate_init": 0.01, **options})


def regressor(**options):
    settings = {"max_iter": 12, "early_stopping": True, "random_state": 0}
    return MLPRegressor("squared_error", (12,), **{**settings, **options})


class Split:
    """A splitter with one split: these rows."""

    def __init__(self, train, held_out):
        self.parts = train, held_out

    def split(self, X, y=None, groups=None):
        yield self.parts

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


def same(one, other):
    np.testing.assert_array_equal(one.network_.parameters, other.network_.parameters)
    assert one.loss_curve_ == other.loss_curve_
    assert one.validation_scores_ == other.validation_scores_
    assert one.best_iter_ == other.best_iter_


@pytest.mark.parametrize("scoring", [None, "loss", "f1_macro"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_given_rows_are_as_good_as_the_same_rows_split_off(solver, dtype, weighted, scoring):
    X, w = DIGITS.astype(dtype), np.linspace(0.5, 2, 600) if weighted else None
    weights = {"sample_weight": w[TRAIN], "sample_weight_val": w[HELD_OUT]} if weighted else {}
    given = classifier(solver=solver, scoring=scoring).fit(
        X[TRAIN], LABELS[TRAIN], X_val=X[HELD_OUT], y_val=LABELS[HELD_OUT], **weights
    )
    split = classifier(solver=solver, scoring=scoring, validation_fraction=Split(TRAIN, HELD_OUT))
    same(given, split.fit(X, LABELS, sample_weight=w))


@pytest.mark.parametrize(
    "kind", [np.asarray, sparse.csr_array, sparse.bsr_array, sparse.csc_matrix]
)
@pytest.mark.parametrize("scoring", [None, "loss", "r2"])
def test_a_regressor_takes_them_in_any_container(kind, scoring):
    train, held_out = np.arange(300), np.arange(300, 442)
    given = regressor(scoring=scoring).fit(
        kind(NUMBERS[train]), TARGETS[train], X_val=kind(NUMBERS[held_out]), y_val=TARGETS[held_out]
    )
    split = regressor(scoring=scoring, validation_fraction=Split(train, held_out))
    same(given, split.fit(kind(NUMBERS), TARGETS))


def test_multilabel_rows_and_frames_are_taken():
    pd = pytest.importorskip("pandas")
    Y = np.stack([LABELS % 2, LABELS > 4], axis=1)
    frame = pd.DataFrame(DIGITS)
    given = classifier().fit(
        frame.iloc[TRAIN], Y[TRAIN], X_val=frame.iloc[HELD_OUT], y_val=pd.DataFrame(Y[HELD_OUT])
    )
    same(given, classifier(validation_fraction=Split(TRAIN, HELD_OUT)).fit(frame, Y))


def test_the_best_parameters_are_restored_and_best_iter_says_which():
    kept = []
    model = classifier(max_iter=40, n_iter_no_change=5, tol=0.0)
    given = {"X_val": DIGITS[HELD_OUT], "y_val": LABELS[HELD_OUT]}
    model.fit(
        DIGITS[TRAIN],
        LABELS[TRAIN],
        **given,
        callbacks=[lambda m, _: kept.append(m.network_.parameters.copy())],
    )
    scores = model.validation_scores_
    assert model.best_iter_ == 1 + int(np.argmax(scores)) < model.n_iter_
    np.testing.assert_array_equal(model.network_.parameters, kept[model.best_iter_ - 1])
    assert model.score(DIGITS[HELD_OUT], LABELS[HELD_OUT]) == model.best_validation_score_


def test_best_iter_is_none_without_early_stopping():
    assert classifier(early_stopping=False).fit(DIGITS, LABELS).best_iter_ is None
    lbfgs = classifier(early_stopping=False, solver="lbfgs", max_iter=3).fit(DIGITS, LABELS)
    assert lbfgs.best_iter_ is None


def test_a_warm_start_says_which_of_its_own_epochs_was_the_best():
    model = classifier(warm_start=True, max_iter=3).fit(DIGITS, LABELS, **VALID)
    assert 1 <= model.best_iter_ <= 3
    model.set_params(learning_rate_init=1e-12).fit(DIGITS, LABELS, **VALID)  # no epoch is better
    assert model.best_iter_ is None


SCORINGS = {
    "loss": lambda model, X, y: -log_loss(y, model.predict_proba(X)),
    "neg_log_loss": lambda model, X, y: get_scorer("neg_log_loss")(model, X, y),
    "balanced_accuracy": lambda model, X, y: get_scorer("balanced_accuracy")(model, X, y),
}


@pytest.mark.parametrize("scoring", SCORINGS)
def test_the_score_is_what_the_scorer_says_of_the_kept_model(scoring):
    model = classifier(scoring=scoring).fit(
        DIGITS[TRAIN], LABELS[TRAIN], X_val=DIGITS[HELD_OUT], y_val=LABELS[HELD_OUT]
    )
    expected = SCORINGS[scoring](model, DIGITS[HELD_OUT], LABELS[HELD_OUT])
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-12)
    assert model.best_validation_score_ == max(model.validation_scores_)
    if scoring == "loss":
        assert model.history_["evaluation_cost"] == [-s for s in model.validation_scores_]


def test_a_scorer_gets_rows_as_fit_was_given_them_and_string_labels():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(DIGITS, columns=[f"pixel {i}" for i in range(64)])
    names = np.array(["even", "odd"])[LABELS % 2]
    seen = []

    def scorer(model, X, y):
        seen.append((type(X), tuple(X.columns[:1]), sorted(set(y.tolist()))))
        return (model.predict(X) == y).mean()

    model = classifier(scoring=scorer).fit(frame, names)
    assert set(map(str, seen)) == {str((pd.DataFrame, ("pixel 0",), ["even", "odd"]))}
    plain = classifier().fit(frame, names)
    assert model.validation_scores_ == plain.validation_scores_


def test_a_scorer_is_told_the_weights():
    w = np.linspace(0.1, 3, 442)
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    model = regressor(
        scoring=scorer, validation_fraction=Split(np.arange(300), np.arange(300, 442))
    )
    model.fit(NUMBERS, TARGETS, sample_weight=w)
    error = mean_absolute_error(TARGETS[300:], model.predict(NUMBERS[300:]), sample_weight=w[300:])
    assert model.best_validation_score_ == pytest.approx(-error, rel=1e-12)


def fails(model, X, y):
    raise RuntimeError("no such column")


BAD_SCORINGS = [
    (fails, "fails on the validation rows: no such column"),
    (lambda model, X, y: float("nan"), "must give a number .* got nan"),
    (lambda model, X, y: "good", "must give a number .* got 'good'"),
    ("acuracy", "acuracy"),
    ("roc_auc", "fails on the validation rows"),
]


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("scoring", "words"), BAD_SCORINGS)
def test_a_scorer_that_fails_does_so_before_training_and_leaves_the_model(scoring, words, warm):
    model = classifier(scoring=None, warm_start=warm).fit(DIGITS, LABELS)
    before, curve = model.network_.parameters.copy(), list(model.loss_curve_)
    shown = []
    with pytest.raises(ValueError, match=words):
        model.set_params(scoring=scoring).fit(
            DIGITS, LABELS, callbacks=[lambda *_: shown.append(1)]
        )
    assert not shown
    np.testing.assert_array_equal(model.network_.parameters, before)
    assert model.loss_curve_ == curve


def test_a_score_that_becomes_nan_is_no_improvement():
    scores = iter([0.1, 0.2, *[float("nan")] * 50])
    model = classifier(scoring=lambda *_: next(scores), max_iter=50).fit(DIGITS, LABELS)
    assert (model.best_iter_, model.n_iter_) == (1, 5)


# Splitters.


def test_groups_are_not_torn_apart():
    groups, seen = np.arange(600) // 7, []

    class Seen(GroupShuffleSplit):
        def split(self, X, y=None, groups=None):
            for parts in super().split(X, y, groups):
                seen.append(parts)
                yield parts

    splitter = Seen(1, test_size=0.2, random_state=3)
    model = classifier(validation_fraction=splitter).fit(DIGITS, LABELS, groups=groups)
    (train, held_out) = seen[-1]
    assert not set(groups[train]) & set(groups[held_out])
    same(model, classifier(validation_fraction=Split(train, held_out)).fit(DIGITS, LABELS))


def test_in_time_the_last_split_is_taken():
    model = classifier(validation_fraction=TimeSeriesSplit(3)).fit(DIGITS, LABELS)
    same(model, classifier(validation_fraction=Split(TRAIN, HELD_OUT)).fit(DIGITS, LABELS))


@pytest.mark.parametrize(
    "splitter", [KFold(4), PredefinedSplit([-1] * 450 + [0] * 150)], ids=["kfold", "predefined"]
)
def test_splitters_of_sklearn_are_taken(splitter):
    model = classifier(validation_fraction=splitter).fit(DIGITS, LABELS)
    same(model, classifier(validation_fraction=Split(TRAIN, HELD_OUT)).fit(DIGITS, LABELS))


BAD_SPLITS = [
    (Split([0, 1, 2], [2, 3]), "1 rows both to train on and to validate"),
    (Split([0, 1], []), "at least one"),
    (Split([0, 600], [1]), "of 0 to 599"),
    (Split([-1, 0], [1]), "of 0 to 599"),
    (Split([0, 0], [1]), "different rows to train on"),
    (Split([0.5, 1.5], [1]), "different rows to train on"),
    (GroupShuffleSplit(1), "cannot split the rows: .*groups"),
    (PredefinedSplit([-1] * 600), "has no split"),
]


@pytest.mark.parametrize(("splitter", "words"), BAD_SPLITS)
def test_a_bad_split_is_named_and_the_model_stays(splitter, words):
    model = classifier().fit(DIGITS, LABELS)
    before = model.network_.parameters.copy()
    with pytest.raises(ValueError, match=words):
        model.set_params(validation_fraction=splitter).fit(DIGITS, LABELS)
    np.testing.assert_array_equal(model.network_.parameters, before)


# What is given wrongly.

VALID = {"X_val": DIGITS[HELD_OUT], "y_val": LABELS[HELD_OUT]}
BAD_ROWS = [
    ({"X_val": DIGITS[HELD_OUT]}, "X_val need y_val"),
    ({"y_val": LABELS[HELD_OUT]}, "y_val need X_val"),
    ({"sample_weight_val": np.ones(150)}, "sample_weight_val need X_val"),
    ({**VALID, "X_val": DIGITS[HELD_OUT, :60]}, "60 features"),
    ({**VALID, "X_val": np.full((150, 64), np.nan)}, "NaN"),
    ({**VALID, "y_val": LABELS[:10]}, "inconsistent numbers of samples"),
    ({**VALID, "y_val": LABELS[HELD_OUT] + 5}, r"y_val has labels that y has not: \[10, 11"),
    ({**VALID, "sample_weight_val": np.zeros(150)}, "must not be zero|at least one non-zero"),
    ({**VALID, "sample_weight_val": -np.ones(150)}, "negative|Negative"),
    ({**VALID, "sample_weight_val": np.ones(3)}, "sample_weight"),
    ({**VALID, "groups": np.ones(600)}, "groups are for a splitter"),
]


@pytest.mark.parametrize(("given", "words"), BAD_ROWS)
def test_bad_validation_rows_are_named_before_training_and_the_model_stays(given, words):
    model = classifier(warm_start=True).fit(DIGITS, LABELS)
    before = dict(vars(model)), model.network_.parameters.copy()
    with pytest.raises(ValueError, match=words):
        model.fit(DIGITS, LABELS, **given)
    assert vars(model).keys() == before[0].keys()
    np.testing.assert_array_equal(model.network_.parameters, before[1])


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"early_stopping": False}, "set early_stopping=True"), ({"solver": "lbfgs"}, "lbfgs")],
)
def test_validation_rows_that_nobody_would_look_at_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        classifier(**settings).fit(DIGITS, LABELS, **VALID)


@pytest.mark.parametrize("y_val", [TARGETS[:, None].repeat(2, axis=1), np.full(442, np.inf)])
def test_targets_of_another_width_or_not_finite_are_refused(y_val):
    with pytest.raises(ValueError, match=r"y_val|infinity"):
        regressor().fit(NUMBERS, TARGETS, X_val=NUMBERS, y_val=y_val)


# Around it.


def test_a_pipeline_transforms_validation_rows_as_it_does_x():
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = classifier().set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), mlp, transform_input=["X_val"])
        pipeline.fit(DIGITS[TRAIN], LABELS[TRAIN], **VALID)
    scaler = StandardScaler().fit(DIGITS[TRAIN])
    by_hand = classifier().fit(
        scaler.transform(DIGITS[TRAIN]),
        LABELS[TRAIN],
        X_val=scaler.transform(DIGITS[HELD_OUT]),
        y_val=LABELS[HELD_OUT],
    )
    same(pipeline[-1], by_hand)


@pytest.mark.parametrize("scoring", [None, "loss", "f1_macro"])
def test_a_fit_with_validation_rows_is_resumed_to_the_same_bits(tmp_path, scoring):
    class Cut(Exception):
        pass

    def cut(model, history):
        if history.epochs == 5:
            raise Cut

    whole = classifier(scoring=scoring).fit(DIGITS[TRAIN], LABELS[TRAIN], **VALID)
    checkpoint = Checkpoint(tmp_path / "fit", resume=True)
    with pytest.raises(Cut):
        classifier(scoring=scoring).fit(
            DIGITS[TRAIN], LABELS[TRAIN], **VALID, callbacks=[checkpoint, cut]
        )
    resumed = classifier(scoring=scoring).fit(
        DIGITS[TRAIN], LABELS[TRAIN], **VALID, callbacks=[checkpoint]
    )
    same(resumed, whole)
    other = {**VALID, "y_val": LABELS[HELD_OUT][::-1]}
    with pytest.raises(ValueError, match="other evaluation_data"):
        classifier(scoring=scoring).fit(
            DIGITS[TRAIN], LABELS[TRAIN], **other, callbacks=[checkpoint]
        )


def test_a_model_with_a_splitter_says_what_cannot_be_saved(tmp_path):
    model = classifier(validation_fraction=ShuffleSplit(1, random_state=0)).fit(DIGITS, LABELS)
    with pytest.raises(TypeError, match="validation_fraction"):
        model.save(tmp_path / "model")
