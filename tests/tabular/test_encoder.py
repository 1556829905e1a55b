"""A table becomes numbers: scaled, holes filled, categories as 0 and 1, what is wrong named."""

import pickle
from datetime import datetime

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

import cbackprop
from cbackprop import MLPClassifier
from cbackprop.tabular import TableEncoder
from cbackprop.tabular.numbers import edges_of, pieces, scaled

NAN = float("nan")


def table(**columns):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("narwhals")
    return pd.DataFrame(columns)


MIXED = {
    "age": [22.0, NAN, 38.0, 26.0, 35.0, 54.0],
    "n": [1, 1, 0, 0, 2, 1],
    "port": ["S", "C", None, "S", "Q", "C"],
    "alone": [True, False, False, True, True, False],
}


# Numbers: the published formulas' own numbers.


def test_numbers_are_scaled_as_published():
    x = np.array([1.0, 2, 2, 3, 10, 4, 0, 5])
    encoder = TableEncoder().fit(x[:, None])
    given = np.array([1.0, 10.0, -3.0])
    expected = [-0.5883484, 2.1213203, -1.774091]
    np.testing.assert_allclose(encoder.transform(given[:, None])[:, 0], expected, rtol=1e-6)


def test_far_numbers_are_drawn_in():
    z = np.array([0.5, 1, 2, 3, 10, -5, 1e6, 1e300, -1e300])
    known = [0.493196962, 0.948683298, 1.664100589, 2.121320344, 2.873478856, -2.572478777, 3.0]
    np.testing.assert_allclose(scaled(z, 0.0, 1.0), [*known, 3.0, -3.0], rtol=1e-8)


def test_a_piece_rises_between_two_edges():
    edges = np.array([0, 1.75, 6, 20, 64])
    expected = {
        3: [1, 0.294117647, 0, 0],
        -1: [-0.571428571, 0, 0, 0],
        100: [1, 1, 1, 1.818181818],
        0.75: [0.428571429, 0, 0, 0],
    }
    encoded = pieces(np.array([*expected], dtype=float), edges)
    np.testing.assert_allclose(encoded, [*expected.values()], rtol=1e-8)


def test_edges_are_all_distinct_values_if_there_are_few():
    np.testing.assert_array_equal(edges_of(np.array([3.0, 1, 1, 2])), [1, 2, 3])


def test_edges_lie_where_values_differ_although_most_are_the_same():
    rng = np.random.default_rng(0)
    amounts = np.where(rng.random(5000) < 0.9, 0.0, rng.exponential(size=5000))
    edges = edges_of(amounts)
    assert 30 < (edges > 0).sum() < edges.size <= 65
    assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([5.0] * 6, [0.0] * 6),  # constant
        ([NAN] * 6, [0.0] * 6),  # all missing
        ([0.0] * 5 + [4.0], [0.0] * 5 + [scaled(np.array([2.0]), 0, 1)[0]]),  # quartiles the same
        (
            [-1e308, 1e308, 0, 0, 0, 0],
            [scaled(np.array([z]), 0, 1)[0] for z in (-1, 1, 0, 0, 0, 0)],
        ),
    ],
)
def test_columns_without_a_scale_stay_finite(column, expected):
    encoder = TableEncoder(numbers="piecewise").fit(np.array(column)[:, None])
    out = encoder.transform(np.array([*column, NAN, 1e300])[:, None])
    assert np.isfinite(out).all()
    if column != [-1e308, 1e308, 0, 0, 0, 0]:
        np.testing.assert_allclose(out[:6, 0], expected, rtol=1e-6)


# Holes and categories.


def test_holes_become_the_median_and_say_so():
    X = np.array([[1.0, 1], [NAN, 2], [3, 3], [4, 4]])
    encoder = TableEncoder().fit(X)
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1", "x0_missing"]
    out = encoder.transform(np.array([[NAN, NAN], [3.0, 2.5]]))
    np.testing.assert_array_equal(out, [[0, 0, 1], [0, 0, 0]])


def test_few_values_have_a_column_each_and_many_a_code():
    X = np.array([[c, str(i)] for i, c in enumerate("abcabcabcabc")], dtype=object)
    encoder = TableEncoder().fit(X)
    assert encoder.get_feature_names_out().tolist() == ["x0_a", "x0_b", "x0_c", "x1"]
    out = encoder.transform(np.array([["a", "0"], ["z", "new"], [None, None], ["c", "11"]], object))
    on, off = out[0, 0], out[1, 0]
    assert on > off
    np.testing.assert_array_equal(out[:, :3] == on, [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(out[:, 3], [1, 0, 0, 4])  # sorted as text: 0, 1, 10, 11
    assert TableEncoder(max_one_hot=None).fit(X).transform(X).shape == (12, 15)
    assert TableEncoder(max_one_hot=0).fit(X).transform(X).shape == (12, 2)


def test_two_values_have_one_column():
    X = np.array([["no"], ["yes"], ["no"], ["no"]], dtype=object)
    encoder = TableEncoder().fit(X)
    assert encoder.get_feature_names_out().tolist() == ["x0_no"]
    no, yes, hole = encoder.transform(np.array([["no"], ["yes"], [None]], dtype=object))[:, 0]
    assert no > hole > yes


def test_one_value_and_no_value_at_all_work():
    X = np.array([["a", None], ["a", None]], dtype=object)
    encoder = TableEncoder(categorical_features=[0, 1]).fit(X)
    assert encoder.transform(X).shape == (2, 1)
    assert encoder.transform(np.array([["b", "c"]], dtype=object)).shape == (1, 1)


@pytest.mark.parametrize("given", [["n", "port"], [1, 2], [False, True, True, False]])
def test_categories_can_be_named(given):
    X = table(**MIXED).drop(columns="alone").assign(more=1.5)
    encoder = TableEncoder(categorical_features=given).fit(X)
    assert encoder.is_categorical_.tolist() == [False, True, True, False]
    assert [known.tolist() for known in encoder.categories_] == [[0, 1, 2], ["C", "Q", "S"]]


# Containers.


def frames():
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    polars = {**MIXED, "age": [None if x != x else x for x in MIXED["age"]]}
    frame = pd.DataFrame(MIXED)
    return {
        "pandas": frame,
        "nullable": frame.convert_dtypes(),
        "categories": frame.astype({"port": "category", "alone": "category"}),
        "pyarrow-backed": frame.convert_dtypes(dtype_backend="pyarrow"),
        "polars": pl.DataFrame(polars),
        "polars categories": pl.DataFrame(polars).with_columns(pl.col("port").cast(pl.Categorical)),
        "arrow": pa.table(polars),
        "objects": np.array([*zip(*MIXED.values(), strict=True)], dtype=object),
    }


KINDS = ["nullable", "categories", "pyarrow-backed", "polars", "polars categories", "arrow"]


@pytest.mark.parametrize("kind", [*KINDS, "objects"])
@pytest.mark.parametrize("numbers", ["scaled", "piecewise"])
def test_every_container_gives_the_same_numbers(kind, numbers):
    every = frames()
    expected = TableEncoder(numbers=numbers).fit_transform(every["pandas"])
    encoder = TableEncoder(numbers=numbers)
    np.testing.assert_array_equal(encoder.fit_transform(every[kind]), expected)
    if kind in ("polars", "nullable"):
        np.testing.assert_array_equal(encoder.transform(every["pandas"]), expected)


def test_rows_of_fit_alone_decide():
    X = table(**MIXED)
    encoder = TableEncoder().fit(X[:4])
    before = encoder.transform(X[:4])
    other = X[4:].assign(port="never seen", age=NAN, n=1000)
    assert encoder.transform(other).shape == (2, before.shape[1])
    np.testing.assert_array_equal(encoder.transform(X[:4]), before)


# What is wrong, by the column's name.


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ({"a": [1.0, np.inf]}, ValueError, "column 'a' has infinity in row 1"),
        ({"a": ["x", 1.5]}, TypeError, "column 'a' must hold numbers or text, got 1.5 and 'x'"),
        ({"a": [[1], [2]]}, TypeError, "column 'a' must hold numbers or text"),
        ({"a": [datetime(2020, 1, 1)] * 2}, TypeError, "column 'a'"),
    ],
)
def test_what_is_no_number_and_no_category_is_refused(columns, error, words):
    with pytest.raises(error, match=words):
        TableEncoder().fit(table(b=[1, 2], **columns))


def test_two_columns_of_one_name_are_refused():
    X = table(a=[1, 2], b=[3, 4]).set_axis(["a", "a"], axis=1)
    with pytest.raises(ValueError, match="more than one column 'a'"):
        TableEncoder().fit(X)


def test_text_where_numbers_were_is_refused():
    encoder = TableEncoder().fit(table(**MIXED))
    with pytest.raises(ValueError, match="column 'n' had numbers in fit, and now holds 'many'"):
        encoder.transform(table(**{**MIXED, "n": ["many"] * 6}))


@pytest.mark.parametrize("columns", [["n", "age", "port", "alone"], ["age", "n", "port"]])
def test_columns_in_another_order_or_absent_are_refused(columns):
    encoder = TableEncoder().fit(table(**MIXED))
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(table(**MIXED)[columns])


@pytest.mark.parametrize("given", [["nobody"], [9], [True], [[0]], [1.5]])
def test_categorical_features_that_are_not_there_are_named(given):
    with pytest.raises(ValueError, match="categorical_features"):
        TableEncoder(categorical_features=given).fit(table(**MIXED))


def test_text_that_is_not_among_categorical_features_is_named():
    with pytest.raises(ValueError, match="column 'port' holds categories"):
        TableEncoder(categorical_features=["alone"]).fit(table(**MIXED))


# Around it.


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_it_works_in_pipelines_and_gives_frames():
    X, y = table(**MIXED), [0, 1, 0, 1, 0, 1]
    pipeline = make_pipeline(TableEncoder(numbers="piecewise"), LogisticRegression())
    assert pipeline.fit(X, y).predict(X).shape == (6,)
    mlp = make_pipeline(TableEncoder(), MLPClassifier((3,), max_iter=2, tol=1e9, random_state=0))
    assert mlp.fit(X, y).predict_proba(X).shape == (6, 2)
    out = clone(pipeline[0]).set_output(transform="pandas").fit_transform(X)
    assert out.columns.tolist()[:2] == ["age", "n"]
    assert "age_missing" in out


@pytest.mark.parametrize("numbers", ["scaled", "piecewise"])
def test_it_is_pickled_and_saved(tmp_path, numbers):
    X = table(**MIXED)
    encoder = TableEncoder(numbers=numbers, max_one_hot=2).fit(X)
    encoder.save(tmp_path / "encoder")
    for again in (cbackprop.load(tmp_path / "encoder"), pickle.loads(pickle.dumps(encoder))):
        np.testing.assert_array_equal(again.transform(X), encoder.transform(X))
        assert again.get_params() == encoder.get_params()
        assert vars(again).keys() == vars(encoder).keys()


def checks():
    for _, check in estimator_checks_generator(TableEncoder(numbers="piecewise", max_one_hot=3)):
        inner = check.func if hasattr(check, "func") else check
        yield pytest.param(check, id=inner.__name__)


@pytest.mark.parametrize("check", [*checks()])
@pytest.mark.filterwarnings("ignore")
def test_it_passes_sklearns_check(check):
    with sklearn.config_context(assume_finite=False):
        try:
            check(TableEncoder(numbers="piecewise", max_one_hot=3))
        except Exception as error:
            if type(error).__name__ != "SkipTest":
                raise
            pytest.skip(str(error))
