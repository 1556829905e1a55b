"""Models go to scikit-learn's estimators and come back, and go on there as they would have here."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

import cbackprop
from cbackprop.estimators.exchange import SAME

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, LABELS = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[LABELS]
SEVERAL = np.stack([LABELS == 0, LABELS > 0, X[:, 0] > 0], axis=1).astype(int)
TARGETS = {
    "several classes": ("MLPClassifier", NAMES, {}),
    "two classes": ("MLPClassifier", LABELS > 0, {}),
    "several labels a row": ("MLPClassifier", SEVERAL, {}),
    "numbers": ("MLPRegressor", X[:, 0] + LABELS, {}),
    "several numbers a row": ("MLPRegressor", X[:, :2], {}),
    "counts": ("MLPRegressor", LABELS, {"loss": "poisson"}),
}
SOLVERS = {
    "adam": {},
    "adam with early stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "sgd without momentum": {"solver": "sgd", "momentum": 0.0},
    "sgd with momentum of the plain kind": {"solver": "sgd", "nesterovs_momentum": False},
    "sgd, invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "sgd, adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 1.0,
        "n_iter_no_change": 2,
    },
    "lbfgs": {"solver": "lbfgs", "activation": "tanh"},
}
EVERY = [(solver, targets) for solver in SOLVERS for targets in TARGETS]
INCREMENTAL = [pair for pair in EVERY if pair[0] not in ("lbfgs", "adam with early stopping")]


def made(module, solver, targets, **more):
    name, _, options = TARGETS[targets]
    settings = {"hidden_layer_sizes": (5, 4), "max_iter": 8, "random_state": 0, "batch_size": 40}
    return getattr(module, name)(**settings, **options, **SOLVERS[solver], **more)


def pairs(solver, targets, rows=X, **more):
    """A fitted estimator of either kind, each with what it becomes on the other side."""
    y = TARGETS[targets][1]
    ours = made(cbackprop, solver, targets, **more).fit(rows, y)
    theirs = made(neural_network, solver, targets, **more).fit(rows, y)
    return (ours, ours.to_sklearn()), (theirs, type(ours).from_sklearn(theirs))


def predictions(model, rows):
    return getattr(model, "predict_proba", model.predict)(rows)


def assert_same(one, other):
    """Parameters that both have, attributes of a fit, weights and biases."""
    params, others = one.get_params(), other.get_params()
    both = set(params) & set(others)
    assert len(both) > 20
    assert {name: params[name] for name in both} == {name: others[name] for name in both}
    there = [name for name in SAME if hasattr(one, name)]
    assert there == [name for name in SAME if hasattr(other, name)]
    for name in there:
        if name != "_label_binarizer":
            assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    mine, its = one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_
    for one_layer, other_layer in zip(mine, its, strict=True):
        assert one_layer.dtype == other_layer.dtype
        assert_array_equal(one_layer, other_layer)


@pytest.mark.parametrize(("solver", "targets"), EVERY)
def test_a_fitted_model_is_the_same_on_the_other_side(solver, targets):
    y = TARGETS[targets][1]
    for one, other in pairs(solver, targets):
        assert type(one).__name__ == type(other).__name__
        assert type(one) is not type(other)
        check_is_fitted(other)
        assert_same(one, other)
        assert_allclose(predictions(other, X), predictions(one, X), rtol=1e-9)
        assert other.score(X, y) == pytest.approx(one.score(X, y))


@pytest.mark.parametrize(("solver", "targets"), INCREMENTAL)
def test_partial_fit_goes_on_as_on_its_own_side(solver, targets):
    y = TARGETS[targets][1]
    for one, other in pairs(solver, targets):
        for model in (one, other):
            for _ in range(3):
                model.partial_fit(X, y)
        assert_allclose(predictions(other, X), predictions(one, X), rtol=1e-6)
        assert_allclose(other.loss_curve_, one.loss_curve_, rtol=1e-6)
        assert other.t_ == one.t_


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "lbfgs"])
def test_a_warm_start_goes_on_as_on_its_own_side(solver, targets):
    y = TARGETS[targets][1]
    for one, other in pairs(solver, targets, warm_start=True):
        for model in (one, other):
            model.fit(X, y)
        assert_allclose(predictions(other, X), predictions(one, X), rtol=1e-6)
        assert other.n_iter_ == one.n_iter_


@pytest.mark.parametrize("targets", TARGETS)
def test_there_and_back_is_the_model_it_was(targets):
    y = TARGETS[targets][1]
    (ours, theirs), _ = pairs("adam", targets, rows=X)
    again = type(ours).from_sklearn(theirs)
    assert_array_equal(again.network_.parameters, ours.network_.parameters)
    assert_array_equal(again._optimizer.state, ours._optimizer.state)
    for model in (ours, again):
        model.partial_fit(X, y)
    assert_array_equal(again.network_.parameters, ours.network_.parameters)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("targets", ["several classes", "several numbers a row"])
def test_float32_stays_float32(solver, targets):
    rows = X.astype(np.float32)
    for one, other in pairs(solver, targets, rows=rows):
        assert_same(one, other)
        expected = predictions(one, rows)
        assert predictions(other, rows).dtype == expected.dtype
        assert_allclose(predictions(other, rows), expected, rtol=1e-4, atol=1e-6)
        if solver not in ("lbfgs", "adam with early stopping"):
            for model in (one, other):
                model.partial_fit(rows, TARGETS[targets][1])
            assert {a.dtype for a in other.coefs_} == {np.dtype("f4")}
            expected = predictions(one, rows)
            assert_allclose(predictions(other, rows), expected, rtol=1e-3, atol=1e-5)


def test_feature_names_come_along():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    for one, other in pairs("adam", "several classes", rows=frame):
        assert other.feature_names_in_.tolist() == ["a", "b", "c", "d"]
        assert_allclose(other.predict_proba(frame), one.predict_proba(frame), rtol=1e-9)
        with pytest.raises(ValueError, match="feature names"):
            other.predict(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize("rows", [sp.csr_array(X), sp.csr_matrix(X)])
def test_models_of_sparse_rows_change_sides(rows):
    for one, other in pairs("adam", "two classes", rows=rows):
        assert_allclose(other.predict_proba(rows), one.predict_proba(rows), rtol=1e-9)


def test_one_class_is_predicted_on_the_other_side():
    for module in (cbackprop, neural_network):
        one = module.MLPClassifier((3,), max_iter=2).fit(X, np.full(len(X), 7))
        ours = module is cbackprop
        other = one.to_sklearn() if ours else cbackprop.MLPClassifier.from_sklearn(one)
        assert set(cbackprop.MLPClassifier.predict(one if ours else other, X)) == {7}


def test_no_hidden_layer_changes_sides():
    one = cbackprop.MLPRegressor(hidden_layer_sizes=(), max_iter=5, random_state=0).fit(X, LABELS)
    assert_allclose(one.to_sklearn().predict(X), one.predict(X), rtol=1e-9)
    again = cbackprop.MLPRegressor.from_sklearn(one.to_sklearn())
    assert_array_equal(again.predict(X), one.predict(X))


@pytest.mark.parametrize(("solver", "targets"), EVERY)
def test_unfitted_models_change_sides_and_fit_the_same(solver, targets):
    y = TARGETS[targets][1]
    ours, theirs = (made(m, solver, targets) for m in (cbackprop, neural_network))
    for one, other in ((ours, ours.to_sklearn()), (theirs, type(ours).from_sklearn(theirs))):
        with pytest.raises(NotFittedError):
            check_is_fitted(other)
        expected = predictions(one.fit(X, y), X)
        assert_allclose(predictions(other.fit(X, y), X), expected, rtol=1e-4)


def test_nothing_is_shared_with_the_other_side():
    rng = np.random.RandomState(3)
    ours = cbackprop.MLPClassifier((3,), random_state=rng, max_iter=3).fit(X, LABELS)
    theirs = ours.to_sklearn()
    back = cbackprop.MLPClassifier.from_sklearn(theirs)
    before = pickle.dumps(ours)
    for other in (theirs, back):
        other.partial_fit(X, LABELS)
        other.coefs_[0][...] = 0.0
        other.classes_[0] = 5
        other.loss_curve_.clear()
    assert pickle.dumps(ours) == before


@pytest.mark.parametrize("name", ["clip_value", "clip_norm"])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_a_parameter_that_sklearn_lacks_is_named(kind, name):
    model = getattr(cbackprop, kind)(**{name: 0.5})
    with pytest.raises(ValueError, match=rf"{kind} has no parameter '{name}'.*0\.5.*set_params"):
        model.to_sklearn()
    assert type(model.set_params(**{name: None}).to_sklearn()).__name__ == kind


def test_a_value_that_sklearn_does_not_know_is_named():
    with pytest.raises(ValueError, match=r"scikit-learn's MLPClassifier cannot be this.*silu"):
        cbackprop.MLPClassifier(activation="silu").to_sklearn()


def test_the_number_of_threads_is_dropped():
    model = cbackprop.MLPClassifier((3,), n_jobs=1, max_iter=2).fit(X, LABELS)
    assert "n_jobs" not in model.to_sklearn().get_params()


def test_activation_and_hidden_layers_are_those_of_the_fit():
    model = cbackprop.MLPClassifier((3,), "tanh", max_iter=5, random_state=0).fit(X, LABELS)
    expected = model.predict_proba(X)
    theirs = model.set_params(activation="relu", hidden_layer_sizes=(7, 7)).to_sklearn()
    assert_allclose(theirs.predict_proba(X), expected, rtol=1e-9)
    for one in (theirs, model):
        one.partial_fit(X, LABELS)
    assert_allclose(theirs.predict_proba(X), model.predict_proba(X), rtol=1e-6)


def test_what_is_not_sklearns_estimator_is_refused():
    theirs = neural_network.MLPClassifier((3,), max_iter=2)
    pipeline = make_pipeline(StandardScaler(), theirs).fit(X, LABELS)
    search = GridSearchCV(theirs, {"alpha": [0.1]}, cv=2).fit(X, LABELS)
    for wrong in (pipeline, search, neural_network.MLPRegressor(), cbackprop.MLPClassifier(), None):
        with pytest.raises(
            TypeError, match=rf"neural_network.MLPClassifier, got {type(wrong).__name__}"
        ):
            cbackprop.MLPClassifier.from_sklearn(wrong)
    ours = cbackprop.MLPClassifier.from_sklearn(pipeline[-1])
    assert_allclose(ours.predict_proba(pipeline[:-1].transform(X)), pipeline.predict_proba(X))


def test_subclasses_change_sides():
    class Mine(cbackprop.MLPRegressor):
        pass

    model = Mine(max_iter=3, random_state=0).fit(X, LABELS)
    theirs = model.to_sklearn()
    assert type(theirs) is neural_network.MLPRegressor
    assert type(Mine.from_sklearn(theirs)) is Mine


def test_sklearns_clone_of_the_other_side_is_unfitted():
    model = cbackprop.MLPClassifier((3,), max_iter=2).fit(X, LABELS).to_sklearn()
    assert not hasattr(clone(model), "coefs_")


def test_weights_of_other_shapes_are_refused():
    theirs = neural_network.MLPRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(X, LABELS)
    theirs.coefs_[1] = np.ones((5, 1))
    with pytest.raises(ValueError, match="weights must have the shapes"):
        cbackprop.MLPRegressor.from_sklearn(theirs)
