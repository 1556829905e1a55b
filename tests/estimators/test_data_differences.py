"""Where the estimators read data otherwise than scikit-learn's by design: one test each."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn import neural_network
from sklearn.utils.fixes import parse_version
from threadpoolctl import threadpool_limits

import cbackprop

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::RuntimeWarning"
)
from_1_7_on = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.7"),
    reason="scikit-learn takes sample_weight from 1.7 on",
)

X = np.random.default_rng(4).standard_normal((60, 4))
LABELS = np.arange(60) % 3
ONE_HOT = np.eye(3, dtype=int)[LABELS]
NUMBERS = X @ np.array([1.0, -0.5, 0.2, 0.0])
SETTINGS = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0, "batch_size": 10}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with threadpool_limits(1):
        yield


def new(kind, module=cbackprop, **settings):
    return getattr(module, kind)(**{**SETTINGS, **settings})


def both(kind, **settings):
    return (new(kind, module, **settings) for module in (neural_network, cbackprop))


def test_dates_in_a_frame_are_refused_where_sklearn_takes_them_for_numbers():
    pandas = pytest.importorskip("pandas")
    when = pandas.Series(np.datetime64("1970-01-01", "ns") + np.arange(60), name="when")
    theirs, ours = both("MLPRegressor")
    with pytest.raises(TypeError, match=r"y must be numbers, got datetime64.* in column 'when'"):
        ours.fit(X, when)
    rows = when.to_frame()
    theirs.fit(rows, NUMBERS)
    with pytest.raises(TypeError, match=r"X must be numbers, got datetime64.* in column 'when'"):
        ours.fit(rows, NUMBERS)


@pytest.mark.parametrize("indicator", [2 * ONE_HOT - 1, ONE_HOT + 1])
def test_an_indicator_without_zeros_is_refused_where_sklearn_learns_all_ones(indicator):
    theirs, ours = both("MLPClassifier", max_iter=400)
    assert theirs.fit(X, indicator).predict(X).mean() > 0.95
    with pytest.raises(ValueError, match="y must be 0 where a row does not have a class"):
        ours.fit(X, indicator)


def test_an_indicator_of_objects_is_taken_where_sklearn_refuses_it():
    theirs, ours = both("MLPClassifier")
    with pytest.raises(ValueError, match="Unknown label type"):
        theirs.fit(X, ONE_HOT.astype(object))
    ours.fit(X, ONE_HOT.astype(object))
    assert_array_equal(ours.coefs_[0], new("MLPClassifier").fit(X, ONE_HOT).coefs_[0])


def test_score_reads_an_indicator_as_fit_does():
    theirs, ours = (m.fit(X, 255 * ONE_HOT) for m in both("MLPClassifier", solver="lbfgs"))
    assert ours.score(X, 255 * ONE_HOT) == ours.score(X, ONE_HOT) == theirs.score(X, ONE_HOT)
    assert theirs.score(X, 255 * ONE_HOT) == 0.0


@pytest.mark.parametrize("way", ["partial_fit", "warm start"])
def test_one_hot_rows_are_refused_by_name_where_labels_are_known(way):
    def go_on(model):
        if way == "warm start":
            return model.set_params(warm_start=True).fit(X, LABELS).fit(X, ONE_HOT)
        return model.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(X, ONE_HOT)

    _, ours = both("MLPClassifier")
    with pytest.raises(ValueError, match=r"y must be labels .* got an indicator"):
        go_on(ours)


def test_targets_that_float32_cannot_hold_are_refused():
    """scikit-learn computes with them in float64; here float32 rows are trained in float32."""
    rows, y = X.astype(np.float32), np.full(60, 1e39)
    theirs, ours = both("MLPRegressor")
    theirs.fit(rows, y)
    with pytest.raises(ValueError, match="y must be finite in float32, got a larger number"):
        ours.fit(rows, y)


@from_1_7_on
@pytest.mark.parametrize(("kind", "y"), [("MLPClassifier", LABELS), ("MLPRegressor", NUMBERS)])
def test_early_stopping_refuses_a_part_without_weight(kind, y):
    weight = (np.arange(60) == 7).astype(float)
    with pytest.raises(ValueError, match=r"zero for all .* (held out|left to train on)"):
        new(kind, early_stopping=True).fit(X, y, sample_weight=weight)


def test_an_error_about_text_names_its_column_below_sklearns_words():
    rows = X.astype(object)
    rows[5, 2] = "n/a"
    theirs, ours = both("MLPRegressor")
    with pytest.raises(ValueError, match="could not convert") as expected:
        theirs.fit(rows, NUMBERS)
    with pytest.raises(ValueError, match="X has text in column 2, 'n/a' in row 5") as raised:
        ours.fit(rows, NUMBERS)
    assert str(raised.value).startswith(str(expected.value))


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="scikit-learn's callbacks begin with 1.9",
)
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_callbacks_can_be_set(kind):
    """Its own MLPs have no callbacks in 1.9; a later release may give them some."""
    assert hasattr(new(kind), "set_callbacks")
    if parse_version(sklearn.__version__) < parse_version("1.10"):
        assert not hasattr(new(kind, neural_network), "set_callbacks")
