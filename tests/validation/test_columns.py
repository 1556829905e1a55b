"""An error about the data says in which column and row they are wrong, and what to do."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from cbackprop import MLPClassifier, MLPRegressor, Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

AGES = [23.0, 41.0, 35.0, 58.0] * 5
CITIES = ["Rome", "Oslo", "Rome", "Bern"] * 5
LABELS = [0, 1, 0, 1] * 5
NUMBERS = np.c_[AGES, LABELS]
SETTINGS = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with threadpool_limits(1):
        yield


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def polars(**columns):
    return pytest.importorskip("polars").DataFrame(columns)


def arrow(**columns):
    return pytest.importorskip("pyarrow").table(columns)


def objects():
    return np.array([[age, city] for age, city in zip(AGES, CITIES, strict=True)], object)


def fit_classifier(rows):
    MLPClassifier(**SETTINGS).fit(rows, LABELS)


def fit_regressor(rows):
    MLPRegressor(**SETTINGS, solver="lbfgs").fit(rows, LABELS)


def partial_fit(rows):
    MLPRegressor(**SETTINGS).partial_fit(rows, LABELS)


@pytest.mark.filterwarnings("ignore:X has feature names")
def predict(rows):
    MLPClassifier(**SETTINGS).fit(NUMBERS, LABELS).predict(rows)


def predict_numbers(rows):
    MLPRegressor(**SETTINGS).fit(NUMBERS, LABELS).predict(rows)


def fit_network(rows):
    Network([2, 1]).fit(rows, LABELS)


def predict_by_network(rows):
    Network([2, 1]).predict(rows)


WAYS = [fit_classifier, fit_regressor, partial_fit, predict, predict_numbers]
WAYS += [fit_network, predict_by_network]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
feature_names = pytest.mark.filterwarnings("ignore:X has feature names")

TEXT = {
    "frame": (lambda: frame(age=AGES, city=CITIES), "'city', 'Rome' in row 0"),
    "frame of categories": (
        lambda: frame(age=AGES, city=CITIES).astype({"city": "category"}),
        "'city', 'Rome' in row 0",
    ),
    "frame of strings": (
        lambda: frame(age=AGES, city=CITIES).astype({"city": "string"}),
        "'city', 'Rome' in row 0",
    ),
    "frame of text alone": (
        lambda: frame(from_=CITIES, to=CITIES),
        "'from_', 'Rome' in row 0",
    ),
    "frame whose text begins late": (
        lambda: frame(age=AGES, city=["1"] * 19 + ["Bern"]),
        "'city', 'Bern' in row 19",
    ),
    "Polars": (lambda: polars(age=AGES, city=CITIES), "'city', 'Rome' in row 0"),
    "Arrow": (lambda: arrow(age=AGES, city=CITIES), "'city', 'Rome' in row 0"),
    "array of objects": (objects, "1, 'Rome' in row 0"),
    "array of strings": (lambda: objects().astype(str), "1, 'Rome' in row 0"),
    "array of text alone": (lambda: np.c_[CITIES, CITIES], "0, 'Rome' in row 0"),
    "lists": (lambda: objects().tolist(), "1, 'Rome' in row 0"),
}


@feature_names
@ways
@pytest.mark.parametrize(("make", "where"), TEXT.values(), ids=TEXT.keys())
def test_text_is_refused_with_its_column_and_how_to_encode_it(make, where, way):
    words = rf"X has text in column {where}: encode it .* ColumnTransformer"
    with pytest.raises(ValueError, match=words):
        way(make())


def test_the_column_of_text_stands_in_the_error_itself():
    """And not only in a note, which programs that print errors may leave out."""
    with pytest.raises(ValueError, match="could not convert string to float") as raised:
        fit_classifier(frame(age=AGES, city=CITIES))
    assert "X has text in column 'city'" in str(raised.value)


def test_what_the_error_advises_works():
    rows = frame(age=AGES, city=CITIES)
    encoded = make_column_transformer((OneHotEncoder(), ["city"]), remainder=StandardScaler())
    model = make_pipeline(encoded, MLPClassifier((5,), solver="lbfgs", random_state=0))
    assert model.fit(rows, LABELS).score(rows, LABELS) == 1.0


def test_text_that_spells_numbers_is_taken_as_before():
    spelled = np.array(NUMBERS.astype(str).tolist(), object)
    ours, same = (MLPRegressor(**SETTINGS).fit(rows, LABELS) for rows in (spelled, NUMBERS))
    assert ours.loss_ == same.loss_


@pytest.mark.parametrize(
    ("y", "where"),
    [
        (CITIES, ", 'Rome' in row 0"),
        (np.array(CITIES), ", 'Rome' in row 0"),
        (np.array([1.0] * 19 + ["x"], object), ", 'x' in row 19"),
        (np.array([[1.0, 2.0]] * 19 + [[1.0, "x"]], object), " in column 1, 'x' in row 19"),
    ],
    ids=["list", "strings", "objects", "two columns"],
)
def test_targets_that_are_text_are_refused_with_where_they_stand(y, where):
    words = f"y has text{where}: turn it into numbers, or take a classifier"
    with pytest.raises(ValueError, match=words):
        MLPRegressor(**SETTINGS).fit(NUMBERS, y)
    with pytest.raises(ValueError, match=words):
        Network([2, np.ndim(y)]).fit(NUMBERS, y)


# --- NaN, infinity, nothing ---


HOLES = {
    "frame": (lambda: frame(age=[*AGES[:19], np.nan], size=AGES), "NaN in column 'age', in row 19"),
    "frame, infinity": (
        lambda: frame(age=AGES, size=[-np.inf, *AGES[1:]]),
        "infinity in column 'size', in row 0",
    ),
    "frame of Int64": (
        lambda: frame(age=AGES, size=[1, 2, None, 4] * 5).astype({"size": "Int64"}),
        "NaN in column 'size', in row 2",
    ),
    "frame of objects": (
        lambda: frame(age=AGES, size=[1, 2, None, 4] * 5).astype(object),
        "NaN in column 'size', in row 2",
    ),
    "Polars": (lambda: polars(age=AGES, size=[1.0, None] * 10), "NaN in column 'size', in row 1"),
    "Arrow": (lambda: arrow(age=AGES, size=[1.0, None] * 10), "NaN in column 'size', in row 1"),
    "array": (lambda: np.c_[AGES, [*AGES[:3], np.nan, *AGES[4:]]], "NaN in column 1, in row 3"),
    "float32": (lambda: np.float32(np.c_[AGES, [np.inf] * 20]), "infinity in column 1, in row 0"),
    "lists": (lambda: [[1.0, 2.0]] * 19 + [[np.nan, 1.0]], "NaN in column 0, in row 19"),
    "CSR": (lambda: sp.csr_array(np.c_[AGES, [0.0] * 19 + [np.nan]]), "NaN in column 1, in row 19"),
    "CSC": (lambda: sp.csc_array(np.c_[AGES, [0.0] * 19 + [np.inf]]), "infinity in column 1, in"),
}


@feature_names
@ways
@pytest.mark.parametrize(("make", "where"), HOLES.values(), ids=HOLES.keys())
def test_what_is_not_finite_is_refused_with_its_column_and_row(make, where, way):
    with pytest.raises(ValueError, match=f"X has {where}") as raised:
        way(make())
    assert str(raised.value).startswith("Input X contains ")


@feature_names
@ways
def test_what_is_missing_in_a_column_of_objects_is_refused_with_its_row(way):
    pandas = pytest.importorskip("pandas")
    rows = frame(age=AGES, size=[1, 2, pandas.NA, 4] * 5)
    with pytest.raises(TypeError, match="X has no number in column 'size', <NA> in row 2: fill it"):
        way(rows)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_images_are_refused_with_how_to_reshape_them(kind):
    words = r"X has the shape \(20, 2, 2\): X.reshape\(20, -1\) makes every image a row"
    with pytest.raises(ValueError, match=words):
        kind(**SETTINGS).fit(np.ones((20, 2, 2)), LABELS)


# --- numbers too large, and rows without weight ---


@pytest.mark.parametrize("y", [np.full(20, 1e39), np.c_[AGES, [-1e300] * 20]])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_targets_too_large_for_float32_are_refused_by_name(loss, y):
    rows = NUMBERS.astype(np.float32)
    words = "y must be finite in float32, got a larger number: scale y, or train in float64"
    with pytest.raises(ValueError, match=words):
        MLPRegressor(**SETTINGS, loss=loss).fit(rows, abs(y))
    words = r"y contains infinity or .*float32(.|\n)*y has no infinity, .*: scale it, or train in"
    with pytest.raises(ValueError, match=words):
        Network([2, y.ndim], dtype=np.float32).fit(rows, y)


def test_targets_too_large_for_float32_are_learned_in_float64():
    y = np.full(20, 1e39)
    assert np.isfinite(MLPRegressor(**SETTINGS).fit(NUMBERS, y).loss_)
    lbfgs = MLPRegressor(**SETTINGS, solver="lbfgs")
    assert np.isfinite(lbfgs.fit(NUMBERS.astype(np.float32), y).loss_)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(
    ("kind", "y"),
    [
        (MLPClassifier, LABELS),
        (MLPClassifier, np.arange(20) % 3),
        (MLPClassifier, np.eye(2, dtype=int)[LABELS]),
        (MLPRegressor, AGES),
        (MLPRegressor, NUMBERS),
    ],
    ids=["two classes", "three", "indicator", "numbers", "several"],
)
def test_neither_part_of_early_stopping_may_weigh_nothing(kind, y, solver):
    """One row weighs something: it is held out or trained on, and the other part is empty."""
    said = set()
    for row in range(20):
        weight = np.zeros(20)
        weight[row] = 1.0
        model = kind(**SETTINGS, solver=solver, early_stopping=True, validation_fraction=0.3)
        with pytest.raises(ValueError, match="sample_weight must not be zero for every") as raised:
            model.fit(NUMBERS, y, sample_weight=weight)
        said.add("held out" in str(raised.value))
        assert not hasattr(model, "network_")
    assert said == {True, False}


# --- sparse numbers ---


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array, sp.coo_array])
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_numbers_may_come_as_a_sparse_matrix(width, kind):
    y = NUMBERS[:, :width] * (np.arange(20) % 2)[:, np.newaxis]
    ours, same = (MLPRegressor(**SETTINGS).fit(NUMBERS, given) for given in (kind(y), y))
    assert ours.loss_ == same.loss_
