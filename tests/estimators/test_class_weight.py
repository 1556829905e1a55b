"""class_weight is the sample_weight that scikit-learn makes of it, for every way to train."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils.class_weight import compute_sample_weight

from cbackprop import MLPClassifier, load

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.RandomState(0)
X = rng.normal(size=(120, 4))
POSITIONS = {
    "binary": (X[:, 0] + rng.normal(size=120) > 1.0).astype(int),
    "multiclass": np.digitize(X[:, 0] + 0.3 * rng.normal(size=120), [-1.0, 0.8]),
}
NAMES = np.array(["a", "b", "c"])
LABELS = (X[:, :3] + 0.3 * rng.normal(size=(120, 3)) > [0.0, 0.5, 1.0]).astype(int)
GIVEN = rng.uniform(0.5, 2.0, size=120)
TARGETS = {
    "binary": (POSITIONS["binary"], {0: 0.5, 1: 4.0}),
    "strings": (NAMES[POSITIONS["multiclass"]], {"a": 3.0, "c": 0.25}),
    "objects": (NAMES[POSITIONS["binary"]].astype(object), {"b": 2.5}),
    "multiclass": (POSITIONS["multiclass"], {0: 2.0, 1: 0.0, 2: 1.5}),
    "multilabel": (LABELS, [{0: 1.0, 1: 2.0}, {0: 0.5, 1: 3.0}, {0: 1.0, 1: 5.0}]),
    "one class": (np.zeros(120, int), {0: 2.0}),
}


def fitted(y, weight=None, dtype=np.float64, **options):
    options = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0, **options}
    return MLPClassifier(**options).fit(X.astype(dtype), y, sample_weight=weight)


def assert_same(ours, theirs):
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert a.dtype == b.dtype
        assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("given", [None, GIVEN], ids=["alone", "with sample_weight"])
@pytest.mark.parametrize("kind", TARGETS)
def test_class_weight_is_the_sample_weight_of_its_classes(kind, given, balanced, solver, dtype):
    y, class_weight = TARGETS[kind]
    if balanced:
        class_weight = "balanced"
    weight = compute_sample_weight(class_weight, y)
    weight = weight if given is None else weight * given
    ours = fitted(y, given, dtype, solver=solver, class_weight=class_weight)
    assert_same(ours, fitted(y, weight, dtype, solver=solver))
    assert kind == "one class" or not np.array_equal(
        ours.coefs_[0], fitted(y, given, dtype, solver=solver).coefs_[0]
    )


@pytest.mark.parametrize("kind", ["strings", "multilabel"])
def test_class_weight_holds_in_early_stoppings_score_and_in_a_warm_start(kind):
    y, class_weight = TARGETS[kind]
    weight = compute_sample_weight(class_weight, y)
    options = {"early_stopping": True, "warm_start": True, "max_iter": 20}
    ours, theirs = fitted(y, class_weight=class_weight, **options), fitted(y, weight, **options)
    assert ours.validation_scores_ == theirs.validation_scores_
    assert_same(ours.fit(X, y), theirs.fit(X, y, sample_weight=weight))


@pytest.mark.parametrize("kind", ["binary", "strings", "multilabel"])
def test_class_weight_as_a_dict_holds_in_partial_fit(kind):
    y, class_weight = TARGETS[kind]
    classes = np.arange(3) if kind == "multilabel" else np.unique(y)
    weight = compute_sample_weight(class_weight, y)
    ours = MLPClassifier((5,), random_state=0, class_weight=class_weight)
    theirs = MLPClassifier((5,), random_state=0)
    for rows in (slice(0, 50), slice(50, 120)):
        ours.partial_fit(X[rows], y[rows], classes=classes)
        theirs.partial_fit(X[rows], y[rows], sample_weight=weight[rows], classes=classes)
    assert_same(ours, theirs)


def test_partial_fit_refuses_balanced_and_says_what_to_do():
    model = MLPClassifier(class_weight="balanced")
    with pytest.raises(ValueError, match=r"compute_class_weight\('balanced'"):
        model.partial_fit(X, POSITIONS["binary"], classes=[0, 1])
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize(
    ("kind", "class_weight", "error", "match"),
    [
        ("strings", {"a": 1.0, "d": 2.0}, ValueError, r"'a', 'b', 'c'.* got one for 'd'"),
        ("binary", {0: 1.0, 2: 2.0}, ValueError, "got one for 2"),
        ("binary", {0: -1.0}, ValueError, r"class_weight\[0\] must be finite and at least 0"),
        ("binary", {1: np.nan}, ValueError, r"class_weight\[1\] must be finite"),
        ("binary", {1: np.inf}, ValueError, r"class_weight\[1\] must be finite"),
        ("binary", {1: "2"}, TypeError, r"class_weight\[1\] must be a number, got '2'"),
        ("binary", {0: 0, 1: 0}, ValueError, "zero for every row"),
        ("binary", [{0: 1.0}], TypeError, "got a list, which is for multilabel"),
        ("binary", "balance", ValueError, "class_weight"),
        ("binary", 3.0, ValueError, "class_weight"),
        ("multilabel", {0: 1.0, 1: 2.0}, TypeError, "list of dicts for multilabel"),
        ("multilabel", [{1: 2.0}], ValueError, "each of the 3 labels, got 1"),
        ("multilabel", [{1: 2.0}, {}, 3], TypeError, r"class_weight\[2\] must be a dict, got int"),
        ("multilabel", [{1: 2.0}, {}, {2: 1.0}], ValueError, r"class_weight\[2\].*got one for 2"),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_a_class_weight_that_is_none_is_refused_before_training(
    kind, class_weight, error, match, warm
):
    y = TARGETS[kind][0]
    model = fitted(y, warm_start=warm)
    before, network = model.network_.parameters.copy(), model.network_
    with pytest.raises(error, match=match):
        model.set_params(class_weight=class_weight).fit(X, y)
    assert model.network_ is network
    assert np.array_equal(network.parameters, before)


def test_class_weight_stands_in_a_file_and_scikit_learns_estimator_has_none(tmp_path):
    y, class_weight = TARGETS["strings"]
    model = fitted(y, class_weight=class_weight)
    model.save(tmp_path / "model")
    assert load(tmp_path / "model").class_weight == class_weight
    with pytest.raises(ValueError, match="no parameter 'class_weight'"):
        model.to_sklearn()
