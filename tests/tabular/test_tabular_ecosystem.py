"""TabularClassifier and TabularRegressor within scikit-learn, and in files."""

import pickle
from functools import partial
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import cbackprop
from cbackprop.tabular import TabularClassifier, TabularRegressor

N = 90
RNG = np.random.default_rng(0)
TINY = {"n_members": 2, "hidden_layer_sizes": (8,), "max_epochs": 4, "random_state": 0}
X = RNG.normal(size=(N, 3))
LABELS = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
NUMBERS = 2.0 * X[:, 0] - X[:, 1]


def mixed():
    """The same with text and holes, as an array of objects."""
    made = X.astype(object)
    made[:, 2] = np.where(X[:, 2] > 0, "up", "down")
    made[::8, 1:] = None
    return made


def fitted():
    t = np.exp(X[:, 0])
    indicator = np.c_[X[:, 0] > 0, X[:, 1] > 0].astype(int)
    return {
        "classifier": TabularClassifier(**TINY).fit(mixed(), LABELS),
        "one class": TabularClassifier(**TINY).fit(mixed(), ["only"] * N),
        "labels": TabularClassifier(**TINY).fit(mixed(), indicator),
        "folds": TabularClassifier(**{**TINY, "n_folds": 2}).fit(mixed(), X[:, 0] > 0),
        "regressor": TabularRegressor(**TINY).fit(mixed(), NUMBERS),
        "two targets": TabularRegressor(**TINY).fit(mixed(), np.c_[NUMBERS, t]),
        "gamma": TabularRegressor("gamma", **TINY).fit(mixed(), t),
        "quantiles": TabularRegressor("quantile", quantile=[0.1, 0.9], **TINY).fit(
            mixed(), NUMBERS
        ),
    }


@pytest.mark.parametrize("name", fitted())
def test_files_and_pickles_bring_the_same_back(name, tmp_path):
    model = fitted()[name]
    path = tmp_path / "model.safetensors"
    model.save(path)
    for other in (cbackprop.load(path), pickle.loads(pickle.dumps(model))):
        assert type(other) is type(model)
        assert other.get_params() == model.get_params()
        np.testing.assert_array_equal(other.predict(mixed()), model.predict(mixed()))
        if hasattr(model, "predict_proba"):
            expected = model.predict_proba(mixed())
            np.testing.assert_array_equal(other.predict_proba(mixed()), expected)
            np.testing.assert_array_equal(other.classes_, model.classes_)
        assert other.best_epoch_ == model.best_epoch_
        assert other.validation_score_ == model.validation_score_
        assert other.history_["cost"] == model.history_["cost"]


def test_names_of_columns_come_back_from_a_file(tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("narwhals")
    frame = pd.DataFrame(mixed(), columns=["a", "b", "c"]).infer_objects()
    model = TabularRegressor(**TINY).fit(frame, NUMBERS)
    model.save(tmp_path / "model")
    other = cbackprop.load(tmp_path / "model")
    assert other.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(other.predict(frame), model.predict(frame))


def test_what_is_not_fitted_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        TabularClassifier().save(tmp_path / "model")


def test_a_clone_has_the_parameters_and_no_fit():
    model = TabularClassifier(**TINY).fit(mixed(), LABELS)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "networks_")
    np.testing.assert_array_equal(
        copy.fit(mixed(), LABELS).predict_proba(mixed()), model.predict_proba(mixed())
    )


def test_grids_and_cross_validation_search():
    model = TabularClassifier(**TINY)
    search = GridSearchCV(model, {"dropout": [0.0, 0.3], "embedding": [None, "piecewise"]}, cv=2)
    search.fit(mixed(), LABELS)
    assert search.best_estimator_.dropout == search.best_params_["dropout"]
    assert cross_val_score(TabularRegressor(**TINY), mixed(), NUMBERS, cv=3).shape == (3,)


def test_pipelines_end_in_it():
    pipe = make_pipeline(StandardScaler(), TabularRegressor(**TINY)).fit(X, NUMBERS)
    assert pipe.predict(X).shape == (N,)
    pipe = make_pipeline(FunctionTransformer(), TabularClassifier(**TINY)).fit(mixed(), LABELS)
    assert pipe[-1].n_features_in_ == 3


def test_columns_that_matter_are_found_by_permutation():
    model = TabularRegressor(**{**TINY, "max_epochs": 30}).fit(X, NUMBERS)
    found = permutation_importance(model, X, NUMBERS, n_repeats=3, random_state=0)
    assert found.importances_mean.argmax() == 0
    assert found.importances_mean[2] < 0.1


def test_probabilities_are_calibrated():
    model = CalibratedClassifierCV(TabularClassifier(**TINY), cv=2).fit(mixed(), LABELS)
    assert model.predict_proba(mixed()).shape == (N, 2)


@pytest.mark.parametrize("n_columns", [1, 2])
def test_partial_dependence_is_drawn(n_columns):
    model = TabularRegressor(**{**TINY, "max_epochs": 30}).fit(X, NUMBERS)
    found = partial_dependence(model, X, [*range(n_columns)], grid_resolution=5)
    assert found["average"].shape == (1, *[5] * n_columns)
    if n_columns == 1:
        assert found["average"][0, -1] > found["average"][0, 0]


def test_it_is_shown_as_scikit_learn_shows_estimators():
    model = TabularClassifier(n_members=2)
    assert repr(model) == "TabularClassifier(n_members=2)"
    assert "TabularClassifier" in model._repr_html_()


# scikit-learn's checks.

QUICK = {"n_members": 2, "hidden_layer_sizes": (32,), "max_epochs": 20}
ESTIMATORS = [
    TabularClassifier(**QUICK),
    TabularRegressor(**QUICK),
    TabularClassifier(n_folds=2, embedding=None, **QUICK),
    TabularRegressor("absolute_error", n_folds=2, **QUICK),
]
DIVIDED = "rows are divided into mini-batches, and held out, as they stand"


def checks():
    for i, estimator in enumerate(ESTIMATORS):
        for _, check in estimator_checks_generator(estimator):
            name = (check.func if isinstance(check, partial) else check).__name__
            weighs = "sample_weight_equivalence" in name
            marks = [pytest.mark.xfail(reason=DIVIDED)] if weighs else []
            where = f"{i}-{type(estimator).__name__}-{name}"
            yield pytest.param(estimator, check, id=where, marks=marks)


@pytest.mark.parametrize(("estimator", "check"), [*checks()])
@pytest.mark.filterwarnings("ignore")
def test_estimator_passes_the_check(estimator, check):
    try:
        check(estimator)
    except SkipTest as skipped:
        pytest.skip(str(skipped))
