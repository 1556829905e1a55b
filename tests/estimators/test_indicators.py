"""Multilabel indicators: what is not zero is a label, in every container, by every solver."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from threadpoolctl import threadpool_limits

from cbackprop import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(8)
X = RNG.normal(size=(40, 3))
Y = (X @ RNG.normal(size=(3, 3)) > 0).astype(int)
ROWS = np.array([[0.0], [1.0], [2.0], [3.0]])
TWO = np.array([[0, 1], [1, 0], [0, 1], [1, 0]])
SETTINGS = {"hidden_layer_sizes": (5,), "max_iter": 6, "random_state": 0, "batch_size": 10}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with threadpool_limits(1):
        yield


def frame(y):
    return pytest.importorskip("pandas").DataFrame(y)


def stored_twice(y):
    """CSR that stores every 1 as two entries, each of them 1."""
    rows, columns = np.nonzero(y)
    twice = np.repeat(columns, 2)
    indptr = 2 * np.append(0, np.bincount(rows, minlength=len(y)).cumsum())
    return sp.csr_array((np.ones(twice.size, y.dtype), twice, indptr), shape=y.shape)


def with_zeros(y):
    """CSR that stores every 0, too."""
    n, k = y.shape
    return sp.csr_array((y.ravel(), np.tile(np.arange(k), n), np.arange(n + 1) * k), shape=y.shape)


INDICATORS = {
    "0 and 255": lambda y: y * 255,
    "0 and 255, bytes": lambda y: (y * 255).astype(np.uint8),
    "0 and 2.0": lambda y: y * 2.0,
    "booleans": lambda y: y.astype(bool),
    "objects": lambda y: y.astype(object),
    "objects, 0 and 255": lambda y: (y * 255).astype(object),
    "objects, booleans": lambda y: y.astype(bool).astype(object),
    "lists": lambda y: (y * 3).tolist(),
    "lists of booleans": lambda y: y.astype(bool).tolist(),
    "Fortran order": lambda y: np.asfortranarray(y * 255),
    "CSR": lambda y: sp.csr_array(y * 255),
    "CSR, stored twice": stored_twice,
    "0 and -1": lambda y: -y,
    "CSR of -1": lambda y: sp.csr_array(-y),
    "CSR of booleans, stored twice": lambda y: stored_twice(y.astype(bool)),
    "CSR of bytes, whose two halves are 256": lambda y: stored_twice(y.astype(np.uint8)) * 128,
    "CSR with zeros": lambda y: with_zeros(y * 7),
    "CSC": lambda y: sp.csc_matrix(y * 2),
    "COO": lambda y: sp.coo_matrix(y * 2),
    "LIL": lambda y: sp.lil_matrix(y * 2),
    "DOK": lambda y: sp.dok_array(y * 2),
    "frame": lambda y: frame(y * 2),
    "frame of booleans": lambda y: frame(y.astype(bool)),
    "frame of objects": lambda y: frame((y * 2).astype(object)),
    "frame of Int64": lambda y: frame(y * 2).astype("Int64"),
    "frame of boolean": lambda y: frame(y.astype(bool)).astype("boolean"),
    "Polars": lambda y: pytest.importorskip("polars").DataFrame(y * 2),
}
indicators = pytest.mark.parametrize("given", INDICATORS.values(), ids=INDICATORS.keys())


def parameters(estimator):
    return estimator.network_.parameters


def test_the_loss_of_0_and_255_is_sklearns():
    settings = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 300}
    ours = MLPClassifier(**settings).fit(ROWS, TWO * 255)
    theirs = neural_network.MLPClassifier(**settings).fit(ROWS, TWO * 255)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-9)
    assert ours.loss_ == pytest.approx(1.324, abs=1e-3)


@indicators
@pytest.mark.parametrize(
    "more",
    [
        {"solver": "sgd"},
        {"solver": "adam"},
        {"solver": "lbfgs"},
        {"early_stopping": True, "validation_fraction": 0.2},
    ],
    ids=["sgd", "adam", "lbfgs", "early_stopping"],
)
def test_what_is_not_zero_is_one(more, given):
    ours, same = (MLPClassifier(**SETTINGS, **more) for _ in range(2))
    same.fit(X, Y)
    ours.fit(X, given(Y))
    assert_array_equal(parameters(ours), parameters(same))
    assert ours.loss_ == same.loss_
    assert ours.score(X, given(Y)) == same.score(X, Y)
    if more.get("early_stopping"):
        assert ours.validation_scores_ == same.validation_scores_


@indicators
def test_what_is_not_zero_is_one_in_a_partial_fit(given):
    ours, same = (MLPClassifier(**SETTINGS) for _ in range(2))
    for rows in (slice(0, 20), slice(20, 40)):
        same.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
        ours.partial_fit(X[rows], given(Y[rows]), classes=[0, 1, 2])
    assert_array_equal(parameters(ours), parameters(same))


@indicators
def test_what_is_not_zero_is_one_in_a_warm_start(given):
    ours, same = (MLPClassifier(**SETTINGS, warm_start=True).fit(X, Y) for _ in range(2))
    same.fit(X, Y)
    ours.fit(X, given(Y))
    assert_array_equal(parameters(ours), parameters(same))


@pytest.mark.parametrize("name", ["0 and 255", "booleans", "CSR, stored twice", "frame", "COO"])
def test_the_model_is_the_one_that_sklearn_learns(name):
    given = INDICATORS[name]
    ours = MLPClassifier(**SETTINGS).fit(X, given(Y))
    theirs = neural_network.MLPClassifier(**SETTINGS).fit(X, given(Y))
    for mine, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert_allclose(mine, other, rtol=1e-9)
    assert_array_equal(ours.predict_proba(X) > 0.5, theirs.predict_proba(X) > 0.5)


# --- what cannot be an indicator ---

NONE = {
    "-1 and 1": (lambda y: 2 * y - 1, "got -1 and 1: pass y == 1"),
    "-1.0 and 1.0": (lambda y: 2.0 * y - 1, r"got -1\.0 and 1\.0: pass y == 1\.0"),
    "1 and 2": (lambda y: y + 1, "got 1 and 2: pass y == 2"),
    "objects": (lambda y: (2 * y - 1).astype(object), "got -1 and 1: pass y == 1"),
    "lists": (lambda y: (2 * y - 1).tolist(), "got -1 and 1: pass y == 1"),
    "frame": (lambda y: frame(2 * y - 1), "got -1 and 1: pass y == 1"),
}
WAYS = {
    "fit": lambda y: MLPClassifier(**SETTINGS).fit(X, y),
    "fit by lbfgs": lambda y: MLPClassifier(**SETTINGS, solver="lbfgs").fit(X, y),
    "fit, early stopping": lambda y: MLPClassifier(**SETTINGS, early_stopping=True).fit(X, y),
    "partial fit": lambda y: MLPClassifier(**SETTINGS).partial_fit(X, y, classes=[0, 1, 2]),
    "warm start": lambda y: MLPClassifier(**SETTINGS, warm_start=True).fit(X, Y).fit(X, y),
    "score": lambda y: MLPClassifier(**SETTINGS).fit(X, Y).score(X, y),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize(("given", "words"), NONE.values(), ids=NONE.keys())
def test_two_values_of_which_none_is_zero_are_refused(given, words, way):
    with pytest.raises(ValueError, match=f"y must be 0 where a row does not have .*{words}"):
        way(given(Y))


# --- one-hot rows and labels where the model knows the other ---

THREE = np.arange(40) % 3
ONE_HOT = np.eye(3)[THREE]
WRONG = {
    "floats": ONE_HOT,
    "integers": ONE_HOT.astype(int),
    "lists": ONE_HOT.tolist(),
    "CSR": sp.csr_matrix(ONE_HOT),
    "fewer columns": ONE_HOT[:, :2],
    "probabilities": ONE_HOT / 2,
}
GOING_ON = {
    "partial fit": lambda y, other: (
        MLPClassifier(**SETTINGS).partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, other)
    ),
    "warm start": lambda y, other: (
        MLPClassifier(**SETTINGS, warm_start=True).fit(X, y).fit(X, other)
    ),
}
going_on = pytest.mark.parametrize("going_on", GOING_ON.values(), ids=GOING_ON.keys())


@going_on
@pytest.mark.parametrize("other", WRONG.values(), ids=WRONG.keys())
def test_one_hot_rows_are_refused_where_labels_are_known(other, going_on):
    words = r"y must be labels of shape \(n,\).*got an indicator of shape \(40, .*argmax\(axis=1\)"
    with pytest.raises(ValueError, match=words):
        going_on(THREE, other)


def test_one_hot_rows_are_refused_where_two_labels_are_known():
    model = MLPClassifier(**SETTINGS).partial_fit(X, THREE % 2, classes=[0, 1])
    with pytest.raises(ValueError, match=r"y must be labels .* of shape \(40, 2\)"):
        model.partial_fit(X, np.eye(2)[THREE % 2])


@going_on
def test_labels_are_one_hot_where_an_indicator_is_known(going_on):
    """As in scikit-learn, where there are more than two of them."""
    assert_array_equal(parameters(going_on(ONE_HOT, THREE)), parameters(going_on(ONE_HOT, ONE_HOT)))


def test_two_labels_are_one_hot_where_an_indicator_is_known():
    two = np.eye(2)[THREE % 2]
    ours, same = (MLPClassifier(**SETTINGS).partial_fit(X, two, classes=[0, 1]) for _ in range(2))
    assert_array_equal(
        parameters(ours.partial_fit(X, THREE % 2)), parameters(same.partial_fit(X, two))
    )


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array], ids=["array", "CSR"])
def test_an_indicator_of_other_width_is_refused(kind):
    model = MLPClassifier(**SETTINGS).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"indicator of shape \(n, 3\).*got shape \(40, 2\)"):
        model.partial_fit(X, kind(Y[:, :2]))
    with pytest.raises(ValueError, match=r"indicator of shape \(n, 3\).*got shape \(40, 4\)"):
        model.score(X, kind(np.eye(4)[THREE]))
    with pytest.raises(ValueError, match="has classes not in"):
        model.partial_fit(X, kind(np.eye(4)[THREE]))


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2, 3]])
def test_an_indicator_has_a_column_for_each_of_the_classes(classes):
    words = rf"indicator of shape \(n, {len(classes)}\).*got shape \(40, 3\)|has classes not in"
    with pytest.raises(ValueError, match=words):
        MLPClassifier(**SETTINGS).partial_fit(X, Y, classes=classes)
