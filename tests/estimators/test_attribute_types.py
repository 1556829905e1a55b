"""Scalars and curves that a fit leaves have scikit-learn's types: `.item()`, `.round()` work."""

import pytest
from numpy.testing import assert_array_equal
from sklearn import neural_network
from sklearn.datasets import load_iris

import cbackprop

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
SCALARS = (
    "loss_",
    "best_loss_",
    "best_validation_score_",
    "n_iter_",
    "t_",
    "n_layers_",
    "n_outputs_",
    "n_features_in_",
    "_no_improvement_count",
)
CURVES = ("loss_curve_", "validation_scores_")
SOLVERS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive"},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"early_stopping": True},
}


def fitted(module, kind, solver, dtype, how):
    model = getattr(module, kind)(hidden_layer_sizes=(3,), max_iter=4, random_state=0)
    model.set_params(**SOLVERS[solver])
    first = {"classes": [0, 1, 2]} if kind == "MLPClassifier" else {}
    if how == "fit":
        return model.fit(X.astype(dtype), y)
    if how == "warm start":
        return model.set_params(warm_start=True).fit(X.astype(dtype), y).fit(X.astype(dtype), y)
    return model.partial_fit(X.astype(dtype), y, **first).partial_fit(X.astype(dtype), y)


def types(model):
    found = {name: type(getattr(model, name)) for name in SCALARS if hasattr(model, name)}
    for name in CURVES:
        curve = getattr(model, name, None)
        found[name] = type(curve), {type(entry) for entry in curve or ()}
    return found


CASES = [
    (solver, how)
    for solver in SOLVERS
    for how in ("fit", "warm start", "partial_fit")
    if (how == "fit" or solver != "lbfgs") and (how, solver) != ("partial_fit", "early stopping")
]


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("solver", "how"), CASES)
def test_what_a_fit_leaves_is_of_sklearns_types(kind, solver, dtype, how):
    ours, theirs = (types(fitted(m, kind, solver, dtype, how)) for m in (cbackprop, neural_network))
    assert ours == theirs


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_loss_can_be_rounded_and_taken_as_an_item(solver):
    model = fitted(cbackprop, "MLPClassifier", solver, "f8", "fit")
    assert model.loss_.round(3) == round(model.loss_.item(), 3)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_what_a_file_holds_is_loaded_with_sklearns_types(kind, solver, tmp_path):
    model = fitted(cbackprop, kind, solver, "f8", "fit")
    model.save(tmp_path / "model")
    loaded = cbackprop.load(tmp_path / "model")
    assert types(loaded) == types(fitted(neural_network, kind, solver, "f8", "fit"))
    assert loaded.loss_ == model.loss_
    for name in CURVES:
        if getattr(model, name, None) is not None:
            assert_array_equal(getattr(loaded, name), getattr(model, name))
