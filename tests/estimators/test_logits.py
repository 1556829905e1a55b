"""decision_function gives the logits, and predict_log_proba what they know of the probabilities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import log_expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from sklearn.preprocessing import scale

from cbackprop import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.RandomState(0).normal(size=(90, 4))
TARGETS = {
    "binary": (X[:, 0] > 0).astype(int),
    "strings": np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])],
    "multilabel": (X[:, :3] > 0).astype(int),
    "one class": np.zeros(90, int),
}


def fitted(kind, dtype=np.float64, **options):
    model = MLPClassifier((6,), max_iter=30, random_state=0, **options)
    return model.fit(X.astype(dtype), TARGETS[kind])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [None, 0.1])
@pytest.mark.parametrize("kind", TARGETS)
def test_decision_function_is_the_last_layers_z(kind, smoothing, dtype):
    model, rows = fitted(kind, dtype, label_smoothing=smoothing), X.astype(dtype)
    hidden = np.maximum(rows @ model.coefs_[0] + model.intercepts_[0], 0)
    z = hidden @ model.coefs_[1] + model.intercepts_[1]
    logits = model.decision_function(rows)
    assert logits.dtype == dtype
    assert logits.shape == ((90,) if z.shape[1] == 1 else z.shape)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose(logits, z[:, 0] if z.shape[1] == 1 else z, rtol=tolerance, atol=tolerance)
    assert_array_equal(model.decision_function(sparse.csr_array(rows)).shape, logits.shape)


@pytest.mark.parametrize("kind", ["binary", "strings", "multilabel"])
def test_decision_function_decides_as_predict(kind):
    model = fitted(kind)
    logits = model.decision_function(X)
    if kind == "strings":
        assert_array_equal(model.classes_[logits.argmax(axis=1)], model.predict(X))
    else:
        assert_array_equal((logits > 0).astype(int), model.predict(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", TARGETS)
def test_predict_log_proba_is_the_logarithm_of_predict_proba(kind, dtype):
    model, rows = fitted(kind, dtype), X.astype(dtype)
    found = model.predict_log_proba(rows)
    assert found.dtype == dtype
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    assert_allclose(found, np.log(model.predict_proba(rows)), rtol=tolerance, atol=tolerance)
    theirs = model.to_sklearn().predict_log_proba(rows)
    assert found.shape == theirs.shape
    assert_allclose(found, theirs, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["binary", "strings", "multilabel"])
def test_predict_log_proba_is_finite_where_the_probability_is_too_small(kind, dtype):
    model, rows = fitted(kind, dtype), (4000 * X).astype(dtype)
    logits, found = model.decision_function(rows), model.predict_log_proba(rows)
    if kind == "strings":
        expected = logits - logits.max(axis=1, keepdims=True)  # to rounding, so far apart
    else:
        expected = np.minimum(logits, 0)
    if kind == "binary":
        expected = np.stack([np.minimum(-logits, 0), expected], axis=1)
    assert np.isfinite(found).all()
    far = expected < 2 * np.log(np.finfo(dtype).tiny)
    assert far.any()
    assert_allclose(found[far], expected[far], rtol=1e-5 if dtype == np.float32 else 1e-12)
    theirs = model.to_sklearn()
    with np.errstate(divide="ignore"):
        other = theirs.predict_log_proba(rows)
    assert np.isneginf(other[far]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predict_log_proba_of_two_classes_is_right_where_one_is_almost_sure(dtype):
    model = MLPClassifier.from_weights([np.ones((1, 1), dtype)], [np.zeros(1, dtype)])
    z = np.linspace(-60, 60, 2001, dtype=dtype)
    found, exact = model.predict_log_proba(z[:, None]), z.astype(float)
    assert found.dtype == dtype
    expected = np.stack([log_expit(-exact), log_expit(exact)], axis=1)
    assert_allclose(found, expected, rtol=0, atol=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["binary", "strings", "multilabel"])
def test_no_probability_is_zero_where_the_logits_know_better(kind, dtype):
    model, rows = fitted(kind, dtype), (4000 * X).astype(dtype)
    for some in (rows, (100 * X).astype(dtype)):
        probabilities, theirs = model.predict_proba(some), model.to_sklearn().predict_proba(some)
        assert probabilities.dtype == dtype
        assert (probabilities > 0).all()
        assert (theirs == 0).any() or some is not rows
        assert_allclose(probabilities, theirs, rtol=1e-4, atol=10 * np.finfo(dtype).eps)
        log = model.predict_log_proba(some)
        small = (theirs == 0) & (log > np.log(np.finfo(dtype).tiny))
        assert_allclose(probabilities[small], np.exp(log[small]), rtol=1e-4)


@pytest.mark.parametrize("name", ["decision_function", "predict_log_proba", "transform"])
def test_before_fit_it_is_said_that_the_model_is_not_fitted(name):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(MLPClassifier(), name)(X)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("load_data", [load_breast_cancer, load_iris])
def test_calibration_takes_the_logits_and_makes_good_probabilities(load_data, method):
    rows, y = load_data(return_X_y=True)
    rows = scale(rows)
    options = {"hidden_layer_sizes": (10,), "max_iter": 60, "random_state": 0}
    ours, theirs = (
        CalibratedClassifierCV(kind(**options), method=method, cv=3).fit(rows, y)
        for kind in (MLPClassifier, SklearnMLPClassifier)
    )
    assert log_loss(y, ours.predict_proba(rows)) < log_loss(y, theirs.predict_proba(rows)) + 0.1
    assert_allclose(ours.predict_proba(rows).sum(axis=1), 1.0)


def test_stacking_and_scores_are_what_they_were_with_probabilities():
    rows, y = load_breast_cancer(return_X_y=True)
    rows = scale(rows)[::2]
    y = y[::2]
    answers = []
    for kind in (MLPClassifier, SklearnMLPClassifier):
        model = kind((5,), max_iter=20, random_state=0)
        stack = StackingClassifier([("mlp", model)], LogisticRegression(), cv=3).fit(rows, y)
        assert stack.stack_method_ == ["predict_proba"]
        auc = cross_val_score(model, rows, y, cv=3, scoring="roc_auc")
        answers.append((stack.predict_proba(rows), auc))
        fit = model.fit(rows, y)
        answers[-1] += (get_scorer("average_precision")(fit, rows, y),)
    for a, b in zip(*answers, strict=True):
        assert_allclose(a, b, rtol=1e-9)
