"""Does a table's predictor say what its methods say, of one row and of several?"""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from tiny_tables import INDICATOR, LABELS, NUMBERS, X, classifier, regressor

from cbackprop.tabular import TablePredictor

NAMES = np.array(["no", "yes"])[LABELS]
HOLES = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
MIXED = np.array([[a, "red" if b > 0 else None, c] for a, b, c in X], dtype=object)
MODELS = {
    "labels": (classifier(), X, NAMES),
    "one label": (classifier(), X, np.full(120, 3)),
    "several": (classifier(), X, INDICATOR),
    "holes": (classifier(), HOLES, NAMES),
    "categories": (classifier(), MIXED, NAMES),
    "no embedding": (classifier(embedding=None), HOLES, NAMES),
    "number": (regressor(), HOLES, NUMBERS),
    "numbers": (regressor(), MIXED, X[:, :2]),
    "quantiles": (regressor(loss="quantile", quantile=[0.1, 0.9]), X, NUMBERS),
}


def methods(model):
    return ["predict", "predict_proba"] if hasattr(model, "predict_proba") else ["predict"]


@pytest.mark.parametrize("name", MODELS)
def test_it_says_what_the_methods_say(name):
    model, table, y = MODELS[name]
    model.fit(table, y)
    for method in methods(model):
        ask = model.predictor(method)
        for rows in (table[:9], table[:9].tolist()):
            said, expected = ask(rows), getattr(model, method)(rows)
            assert (said.shape, said.dtype) == (expected.shape, expected.dtype)
            if expected.dtype.kind == "f":
                assert_allclose(said, expected, rtol=1e-5)
            else:
                assert_array_equal(said, expected)
            for i in range(3):
                assert_array_equal(ask(rows[i]), said[i])
                assert_array_equal(ask(tuple(rows[i])), said[i])
        for again in (pickle.loads(pickle.dumps(ask)), copy.deepcopy(ask)):
            assert_array_equal(again(table[:5]), ask(table[:5]))


def test_it_is_a_snapshot():
    model = classifier().fit(HOLES, NAMES)
    ask = model.predictor("predict_proba")
    before = ask(HOLES)
    for network in model.networks_:
        network.biases[-1][0] += 1.0
    model.encoder_.medians_ += 3.0
    assert_array_equal(ask(HOLES), before)
    assert not np.allclose(model.predict_proba(HOLES), before)
    model.fit(X, 1 - LABELS)
    assert_array_equal(ask(HOLES), before)


def test_rows_without_names_are_in_the_order_of_fit():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, "x", "y"), "c": X[:, 2]})
    model = classifier().fit(frame, NAMES)
    ask, expected = model.predictor("predict_proba"), model.predict_proba(frame)
    assert_allclose(ask(frame), expected, rtol=1e-5)
    assert_array_equal(ask(frame.to_numpy(dtype=object)), ask(frame))
    assert_allclose(ask(list(frame.iloc[3])), expected[3], rtol=1e-5)
    assert ask.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        ask(frame.rename(columns={"a": "d"}))


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(NotFittedError):
        classifier().predictor()
    model = classifier().fit(X, NAMES)
    with pytest.raises(ValueError, match=r"one of \['predict', 'predict_proba'\]"):
        model.predictor("decision_function")
    with pytest.raises(ValueError, match=r"one of \['predict'\]"):
        regressor().fit(X, NUMBERS).predictor("predict_proba")
    ask = model.predictor()
    for rows, what in [
        (X[0, :2], "2 features"),
        (X[:, :2], "2 features"),
        ([1.0, np.inf, 0.0], "infinite|infinity|Infinity"),
        (np.array([[1.0, np.inf, 0.0]]), "infinite|infinity|Infinity"),
        ([1.0, "text", 0.0], "text"),
    ]:
        with pytest.raises((ValueError, TypeError), match=what):
            ask(rows)


def test_what_it_shows():
    ask = classifier().fit(X, NAMES).predictor()
    assert isinstance(ask, TablePredictor)
    assert (ask.n_features_in_, ask.method) == (3, "predict")
    assert repr(ask) == "<TablePredictor of a TabularClassifier of 2 members: predict>"


def test_threads_do_not_share_a_row():
    model = regressor().fit(HOLES, NUMBERS)
    ask = model.predictor()
    expected = [ask(row) for row in HOLES]
    with ThreadPoolExecutor(4) as pool:
        again = [*pool.map(lambda i: ask(HOLES[i % 120]), range(1200))]
    assert_array_equal(again, np.tile(expected, 10))


def test_a_row_of_a_frame_has_the_names_of_its_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, "x", "y"), "c": X[:, 2]})
    ask = classifier().fit(frame, NAMES).predictor("predict_proba")
    assert_array_equal(ask(frame.iloc[3]), ask(frame)[3])
    assert_array_equal(ask(pandas.Series(list(frame.iloc[3]))), ask(frame)[3])
    for row in (frame[["c", "b", "a"]].iloc[3], frame.rename(columns={"a": "d"}).iloc[3]):
        with pytest.raises(ValueError, match="feature names should match"):
            ask(row)
