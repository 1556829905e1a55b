"""Frames of numbers, text and holes go through scikit-learn's tools, with the estimator in them."""

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.inspection import PartialDependenceDisplay, partial_dependence, permutation_importance
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.pipeline import make_pipeline, make_union
from tiny_tables import LABELS, NUMBERS, X, classifier, regressor

from cbackprop.tabular import TableEncoder

pd = pytest.importorskip("pandas")
pytest.importorskip("narwhals")


def frame(kind="pandas"):
    rng = np.random.default_rng(2)
    made = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "n": rng.integers(3, size=120)})
    made["color"] = pd.Categorical(rng.choice(["red", "green", "blue"], 120))
    made["is"] = rng.choice([True, False], 120)
    made.loc[::9, "b"] = np.nan
    made.loc[::7, "color"] = np.nan
    if kind == "polars":
        pl = pytest.importorskip("polars")
        made = made.astype({"color": object}).replace({np.nan: None})
        return pl.DataFrame(made.to_dict("list")).with_columns(pl.col("b").cast(pl.Float64))
    return made


def names():
    return np.array(["no", "yes"])[LABELS]


KINDS = ["pandas", "polars"]


@pytest.mark.parametrize("kind", KINDS)
def test_cross_validation_and_searches(kind):
    table = frame(kind)
    assert cross_val_score(regressor(), table, NUMBERS, cv=3).shape == (3,)
    assert cross_val_predict(classifier(), table, names(), cv=2, method="predict_proba").shape == (
        120,
        2,
    )
    grid = {"embedding": [None, "piecewise"], "refit": [True]}
    search = GridSearchCV(classifier(), grid, cv=2, scoring="roc_auc").fit(table, names())
    assert search.best_estimator_.refit is True
    assert search.predict_proba(table).shape == (120, 2)
    search = RandomizedSearchCV(regressor(), {"dropout": [0.0, 0.2]}, n_iter=2, cv=2, n_jobs=2)
    assert search.fit(table, NUMBERS).predict(table).shape == (120,)
    groups = StratifiedGroupKFold(2)
    some = cross_val_score(classifier(), table, LABELS, cv=groups, groups=np.arange(120) // 4)
    assert np.isfinite(some).all()
    assert learning_curve(regressor(), table, NUMBERS, cv=2, train_sizes=[0.5, 1.0])[1].size == 4


@pytest.mark.parametrize("kind", KINDS)
def test_ensembles_take_it(kind):
    table = frame(kind)
    pair = [("one", classifier()), ("two", classifier(random_state=1))]
    voted = VotingClassifier(pair, voting="soft").fit(table, names())
    expected = np.mean([one.predict_proba(table) for one in voted.estimators_], axis=0)
    np.testing.assert_allclose(voted.predict_proba(table), expected)
    assert set(VotingClassifier(pair).fit(table, names()).predict(table)) <= {"no", "yes"}
    pair = [("one", regressor()), ("two", regressor(random_state=1))]
    assert VotingRegressor(pair).fit(table, NUMBERS).predict(table).shape == (120,)
    stacked = StackingRegressor(pair, Ridge(), cv=2).fit(table, NUMBERS)
    assert stacked.predict(table).shape == (120,)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_probabilities_are_calibrated(method):
    model = CalibratedClassifierCV(classifier(), method=method, cv=2, ensemble=False)
    p = model.fit(frame(), names()).predict_proba(frame())
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


def test_columns_that_matter_are_found_by_permutation():
    table = frame()
    model = regressor(max_epochs=30).fit(table, NUMBERS)
    found = permutation_importance(model, table, NUMBERS, n_repeats=2, random_state=0)
    assert set(np.argsort(found.importances_mean)[-2:]) == {0, 1}


def test_partial_dependence_of_numbers_and_of_categories():
    model = regressor(max_epochs=30).fit(frame(), NUMBERS)
    found = partial_dependence(model, frame().dropna(), ["a"], grid_resolution=4)
    assert found["average"][0, -1] > found["average"][0, 0]
    found = partial_dependence(model, frame().dropna(), ["color"], categorical_features=["color"])
    assert sorted(found["grid_values"][0]) == ["blue", "green", "red"]
    found = partial_dependence(model, frame(), ["is"], categorical_features=["is"])
    assert found["average"].shape == (1, 2)
    pair = partial_dependence(model, frame().dropna(), ["a", "b"], grid_resolution=3)
    assert pair["average"].shape == (1, 3, 3)


@pytest.mark.parametrize("how", ["average", "individual", "both"])
def test_partial_dependence_is_drawn(how):
    plt = pytest.importorskip("matplotlib.pyplot")
    table = frame().dropna()
    model = classifier().fit(table, names()[frame().notna().all(axis=1)])
    features = ["a", "color"] if how == "average" else ["a", "b"]
    drawn = PartialDependenceDisplay.from_estimator(
        model, table, features, kind=how, grid_resolution=3,
        categorical_features=["color"] if how == "average" else None,
    )  # fmt: skip
    assert len(drawn.pd_results) == 2
    plt.close("all")


def test_columns_are_left_out_one_by_one():
    table = frame()[["a", "b", "n"]]
    kept = RFE(regressor(), n_features_to_select=2).fit(table.fillna(0.0), NUMBERS)
    assert kept.get_support().sum() == 2
    chosen = SequentialFeatureSelector(regressor(), n_features_to_select=1, cv=2)
    assert chosen.fit(table.fillna(0.0), NUMBERS).get_support().sum() == 1


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_gives_frames_that_are_asked_for(kind, container):
    pytest.importorskip(container)
    table = frame(kind)
    encoder = TableEncoder().set_output(transform=container)
    out = encoder.fit_transform(table)
    assert type(out).__module__.startswith(container)
    assert list(out.columns) == TableEncoder().fit(table).get_feature_names_out().tolist()
    np.testing.assert_array_equal(out.to_numpy(), TableEncoder().fit_transform(table))
    if kind == container == "pandas":
        assert out.index.equals(table.index)


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("many", [False, True])
def test_a_configuration_that_asks_for_frames_changes_no_bit(many, refit):
    table = frame()
    if many:  # so many that only what is not 0 is kept
        table["who"] = [f"{i % 60}" for i in range(120)]
        table = table[["a", "who"]]
    model = classifier(refit=refit, embedding=None)
    expected = clone(model).fit(table, names()).predict_proba(table)
    with sklearn.config_context(transform_output="pandas"):
        model.fit(table, names())
        np.testing.assert_array_equal(model.predict_proba(table), expected)
    model.encoder_.set_output(transform="pandas")
    np.testing.assert_array_equal(model.predict_proba(table), expected)


def test_pipelines_unions_and_column_transformers():
    table = frame()
    steps = make_column_transformer((TableEncoder(), ["a", "color"]), remainder="drop")
    assert make_pipeline(steps, Ridge()).fit(table, NUMBERS).predict(table).shape == (120,)
    both = make_union(TableEncoder(), TableEncoder(numbers="piecewise"))
    assert make_pipeline(both, Ridge()).fit(table, NUMBERS).predict(table).shape == (120,)
    pipe = make_pipeline("passthrough", classifier()).fit(table, names())
    again = pickle.loads(pickle.dumps(pipe))
    np.testing.assert_array_equal(again.predict_proba(table), pipe.predict_proba(table))
    assert clone(pipe)[-1].get_params() == pipe[-1].get_params()
    logs = TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp)
    assert (logs.fit(table, np.exp(NUMBERS)).predict(table) > 0).all()


def test_callbacks_go_through_a_pipeline():
    told = []
    pipe = make_pipeline("passthrough", regressor())
    pipe.fit(frame(), NUMBERS, tabularregressor__callbacks=[lambda *_: told.append(1)])
    assert len(told) == 4


@pytest.mark.parametrize("is_fitted", [False, True])
def test_it_is_shown_in_notebooks(is_fitted):
    model = make_pipeline(TableEncoder(), classifier())
    alone = classifier()
    if is_fitted:
        model.fit(frame(), names())
        alone.fit(frame(), names())
    for one in (model, alone):
        assert "TabularClassifier" in one._repr_html_()
        assert "TabularClassifier" in repr(one)
