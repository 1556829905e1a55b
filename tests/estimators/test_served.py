"""Does an estimator's predictor say what its methods say, of one row and of several?"""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

from cbackprop import MLPClassifier, MLPRegressor

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 4))
LABELS = {
    "three classes": rng.integers(0, 3, 60),
    "names": np.array(["no", "yes", "so so"])[rng.integers(0, 3, 60)],
    "two classes": rng.integers(0, 2, 60) * 5,
    "two names": np.array(["no", "yes"], dtype=object)[rng.integers(0, 2, 60)],
    "one class": np.full(60, 4),
    "several": rng.integers(0, 2, (60, 3)),
    "several, sparse": sparse.csr_array(rng.integers(0, 2, (60, 3))),
    "one of several": rng.integers(0, 2, (60, 1)).repeat(2, axis=1),
}
NUMBERS = {
    "one": ({}, X[:, 0]),
    "two": ({}, X[:, :2]),
    "counts": ({"loss": "poisson"}, rng.poisson(3.0, 60)),
    "quantiles": ({"loss": "quantile", "quantile": [0.9, 0.1, 0.5]}, X[:, 0]),
    "in order": (
        {"loss": "quantile", "quantile": [0.9, 0.1, 0.5], "non_crossing": True},
        X[:, 0],
    ),
    "one quantile": ({"loss": "quantile", "quantile": 0.3, "non_crossing": True}, X[:, 0]),
}


def fitted(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.set_params(max_iter=4, random_state=0).fit(X, y)


def dense(said):
    return said.toarray() if hasattr(said, "toarray") else np.asarray(said)


def assert_same(said, expected):
    assert type(said) is type(expected)
    assert (said.shape, said.dtype) == (expected.shape, expected.dtype)
    said, expected = dense(said), dense(expected)
    if expected.dtype.kind != "f":
        assert_array_equal(said, expected)
    else:
        assert_allclose(said, expected, rtol=1e-5 if said.dtype == np.float32 else 1e-12)


def assert_says(model, method, rows):
    ask, expected = model.predictor(method), getattr(model, method)(rows)
    assert_same(ask(rows), expected)
    assert_same(pickle.loads(pickle.dumps(ask))(rows), expected)
    for i, row in enumerate(rows[:5]):
        assert_same(np.asarray(dense(ask(row))), np.asarray(dense(ask(rows)[i])))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("kind", LABELS)
def test_classifiers(kind, method, dtype):
    rows = X.astype(dtype)
    assert_says(fitted(MLPClassifier((5,)), rows, LABELS[kind]), method, rows)


@pytest.mark.parametrize("kind", NUMBERS)
def test_regressors(kind, dtype):
    options, y = NUMBERS[kind]
    rows = X.astype(dtype)
    model = fitted(MLPRegressor(hidden_layer_sizes=(5,), **options), rows, y)
    assert_says(model, "predict", rows)
    if kind == "one":
        assert type(model.predictor()(rows[0])) is dtype.type


def test_a_class_is_said_as_it_was_given():
    for kind in ("names", "two names", "two classes"):
        model = fitted(MLPClassifier((5,)), X, LABELS[kind])
        assert type(model.predictor()(X[0])) is type(model.classes_[0])
        assert model.predictor()(X[0].tolist()) in model.classes_.tolist()


@pytest.mark.parametrize("kind", ["three classes", "two classes", "several"])
def test_no_probability_is_zero(kind, dtype):
    model = fitted(MLPClassifier((5,)), X.astype(dtype), LABELS[kind])
    for scale in (1e2, 1e4, 1e6):
        rows = (scale * X).astype(dtype)
        ask = model.predictor("predict_proba")
        assert ask(rows).min() > 0
        assert_allclose(ask(rows), model.predict_proba(rows), rtol=1e-4, atol=1e-37)
        for row, expected in zip(rows[:9], ask(rows), strict=False):
            assert_array_equal(ask(row), expected)
            assert_array_equal(ask(row.tolist()), expected)


def test_numbers_are_those_of_the_networks_dtype():
    model = fitted(MLPClassifier((5,)), X.astype(np.float32), LABELS["names"])
    said = model.predictor("predict_proba")(X)
    assert said.dtype == np.float32
    assert_allclose(said, model.predict_proba(X), rtol=1e-5)


def test_it_is_a_snapshot():
    model = fitted(MLPClassifier((5,), warm_start=True), X, LABELS["names"])
    ask = model.predictor("predict_proba")
    before = ask(X)
    fitted(model, X[::-1], LABELS["names"])
    model.classes_[...] = "other"
    assert_array_equal(ask(X), before)
    assert not np.array_equal(model.predict_proba(X), before)


def test_names_of_columns_must_be_those_of_fit():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = fitted(MLPClassifier((5,)), frame, LABELS["names"])
    ask = model.predictor()
    expected = model.predict(frame)
    assert_array_equal(ask(frame), expected)
    assert_array_equal(ask(X), expected)  # no names, no warning
    assert ask.feature_names_in_.tolist() == list("abcd")
    for again in (ask, pickle.loads(pickle.dumps(ask))):
        with pytest.raises(ValueError, match="feature names should match"):
            again(frame[list("abdc")])
    unnamed = fitted(MLPClassifier((5,)), X, LABELS["names"]).predictor()
    assert not hasattr(unnamed, "feature_names_in_")
    assert_array_equal(unnamed(frame), unnamed(X))


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(NotFittedError):
        MLPClassifier().predictor()
    clf = fitted(MLPClassifier((5,)), X, LABELS["names"])
    with pytest.raises(ValueError, match=r"one of \['decision_function', 'predict', 'predict_pr"):
        clf.predictor("predict_log_proba")
    reg = fitted(MLPRegressor(hidden_layer_sizes=(5,)), X, X[:, 0])
    with pytest.raises(ValueError, match=r"one of \['predict'\], got 'predict_proba'"):
        reg.predictor("predict_proba")
    with pytest.raises(ValueError, match="4 features, got 3"):
        reg.predictor()(X[0, :3])


@pytest.mark.parametrize("n_rows", [1, 2])
def test_predict_of_one_row_checks_all_that_it_checks_of_more(n_rows):
    model = fitted(MLPClassifier((5,)), X, LABELS["names"])
    bad = {
        "3 features|got 3": X[:n_rows, :3],
        "NaN": np.full((n_rows, 4), np.nan),
        "infinity": np.full((n_rows, 4), np.inf),
        "masked": np.ma.masked_array(X[:n_rows], mask=np.ones((n_rows, 4))),
        "2D": X[0],
    }
    for what, rows in bad.items():
        for method in (model.predict, model.predict_proba, model.network_.predict):
            with pytest.raises(ValueError, match=f"(?i){what}"):
                method(rows)
    with pytest.raises(ValueError, match="n_jobs"):
        model.set_params(n_jobs=0).predict(X[:n_rows])


def test_one_row_of_another_dtype_is_predicted_as_more_rows_are(dtype):
    model = fitted(MLPRegressor(hidden_layer_sizes=(5,)), X.astype(dtype), X[:, 0])
    for rows in (X, X.astype(np.float32), X.astype(int), np.asfortranarray(X), X.tolist()):
        several, one = model.predict(rows), model.predict(rows[:1])
        assert one.dtype == several.dtype
        assert_allclose(one, several[:1], rtol=1e-5 if one.dtype == np.float32 else 1e-12)


def test_a_row_of_a_frame_has_the_names_of_its_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    ask = fitted(MLPClassifier((5,)), frame, LABELS["names"]).predictor("predict_proba")
    assert_array_equal(ask(frame.iloc[3]), ask(frame)[3])
    assert_array_equal(ask(pandas.Series(X[3])), ask(frame)[3])  # whose index is no names
    for row in (frame[list("abdc")].iloc[3], frame.rename(columns={"a": "e"}).iloc[3]):
        with pytest.raises(ValueError, match="feature names should match"):
            ask(row)
    unnamed = fitted(MLPClassifier((5,)), X, LABELS["names"]).predictor("predict_proba")
    assert_array_equal(unnamed(frame.iloc[3]), unnamed(X)[3])
