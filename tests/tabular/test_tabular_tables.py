"""TabularClassifier and TabularRegressor on tables as they come: odd, wrong, in every container."""

import numpy as np
import pytest
from sklearn.base import clone

from cbackprop.tabular import TabularClassifier, TabularRegressor

pd = pytest.importorskip("pandas")
pytest.importorskip("narwhals")

N = 60
NAN = float("nan")
RNG = np.random.default_rng(0)
TINY = {"n_members": 2, "hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
LABELS = RNG.integers(0, 2, N)
NUMBERS = RNG.normal(size=N)


def table(**more):
    columns = {
        "age": np.where(np.arange(N) % 7 == 0, NAN, np.linspace(0, 1, N)),
        "n": np.arange(N) % 5,
        "port": np.array(["S", "C", "Q"], dtype=object)[np.arange(N) % 3],
        "alone": np.arange(N) % 2 == 0,
    }
    columns["port"][::9] = None
    return pd.DataFrame({**columns, **more})


def models():
    return [(TabularClassifier(**TINY), LABELS), (TabularRegressor(**TINY), NUMBERS)]


def containers():
    frame = table()
    rows = [*zip(*(frame[name].tolist() for name in frame), strict=True)]
    rows = [[None if item != item else item for item in row] for row in rows]
    objects = np.empty((N, 4), dtype=object)
    objects[:] = rows
    yield "categories", frame.astype({"port": "category"})
    yield "nullable", frame.convert_dtypes()
    yield "objects", objects
    yield "list", rows
    columns = dict(zip(frame, zip(*rows, strict=True), strict=True))
    try:
        import polars as pl

        yield "polars", pl.DataFrame({name: list(items) for name, items in columns.items()})
        import pyarrow as pa

        yield "arrow", pa.table({name: list(items) for name, items in columns.items()})
    except ImportError:
        return


@pytest.mark.parametrize("kind", ["categories", "nullable", "objects", "list", "polars", "arrow"])
def test_every_container_gives_the_same_model(kind):
    X = dict(containers()).get(kind)
    if X is None:
        pytest.skip(f"{kind} is not installed")
    for model, y in models():
        expected = clone(model).fit(table(), y)
        other = clone(model).fit(X, y)
        for a, b in zip(expected.networks_, other.networks_, strict=True):
            np.testing.assert_array_equal(a.parameters, b.parameters)
        np.testing.assert_array_equal(other.predict(X), expected.predict(table()))
        assert other.n_features_in_ == 4


@pytest.mark.parametrize("kind", ["list", "series", "frame", "polars", "arrow", "category"])
def test_targets_of_every_container_give_the_same_model(kind):
    y = np.array(["no", "yes"])[LABELS]
    given = {
        "list": y.tolist,
        "series": lambda: pd.Series(y),
        "frame": lambda: pd.DataFrame({"y": y}),
        "polars": lambda: pytest.importorskip("polars").Series(y.tolist()),
        "arrow": lambda: pytest.importorskip("pyarrow").array(y.tolist()),
        "category": lambda: pd.Series(y, dtype="category"),
    }[kind]()
    X, model = table(), TabularClassifier(**TINY)
    expected = clone(model).fit(X, y).predict_proba(X)
    if kind == "frame":
        with pytest.warns(UserWarning, match="column-vector"):
            model.fit(X, given)
    else:
        model.fit(X, given)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.predict(X).tolist()[0] in ("no", "yes")


# Odd, and it works.


ODD = {
    "all missing": {"z": NAN},
    "all missing text": {"z": pd.Series([None] * N, dtype="string")},
    "constant": {"z": 1.0, "text": "k"},
    "two values far apart": {"z": np.where(np.arange(N) % 2, 1e300, -1e300)},
    "categories that are numbers": {"z": pd.Categorical(np.arange(N) % 4)},
    "truth with holes": {"z": pd.array([True, None] * (N // 2), dtype="boolean")},
    "integers with holes": {"z": pd.array([1, None] * (N // 2), dtype="Int64")},
    "a value a row": {"z": [f"row {i}" for i in range(N)]},
}


@pytest.mark.parametrize("columns", ODD.values(), ids=ODD)
def test_odd_columns_work(columns):
    X = table(**columns)
    for model, y in models():
        assert np.isfinite(np.asarray(model.fit(X, y).predict(X), dtype=float)).all()


def test_a_column_that_was_all_missing_may_hold_something_later():
    for empty, later in ((NAN, 5.0), (pd.Series([None] * N, dtype="string"), "new")):
        model = TabularClassifier(**TINY).fit(table(z=empty), LABELS)
        assert model.predict(table(z=later)).shape == (N,)


def test_integers_of_dtype_category_are_categories():
    model = TabularClassifier(**TINY).fit(table(z=pd.Categorical(np.arange(N) % 4)), LABELS)
    assert model.encoder_.is_categorical_.tolist() == [False, False, True, True, True]
    assert model.encoder_.categories_[2].tolist() == [0, 1, 2, 3]


def test_categories_that_are_new_are_as_if_missing():
    for model, y in models():
        model.fit(table(), y)
        missing = model.predict(table(port=None))
        np.testing.assert_array_equal(model.predict(table(port="never seen")), missing)


def test_of_ten_thousand_categories_the_frequent_ones_are_told_apart():
    n = 11_000
    ids = np.array([f"id {i}" for i in range(10_000)], dtype=object)
    city = np.concatenate([ids, np.repeat(["x", "y"], 500)])
    y = np.concatenate([np.arange(10_000) % 2, np.repeat([0, 1], 500)])
    X = pd.DataFrame({"city": city, "z": np.zeros(n)})
    model = TabularClassifier(**{**TINY, "max_epochs": 2, "n_members": 1}).fit(X, y)
    known = model.encoder_.categories_[0].tolist()
    assert len(known) > 7000  # a row of the table for each that was trained on
    assert {"x", "y"} <= set(known)
    few = pd.DataFrame({"city": ["x", "y", "nowhere"], "z": 0.0})
    assert model.predict(few).tolist()[:2] == [0, 1]


def test_more_columns_than_rows_work():
    X = RNG.normal(size=(20, 100))
    for model, y in models():
        assert model.fit(X, y[:20]).predict(X).shape == (20,)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 20])
def test_few_rows_work(n):
    for model, _ in models():
        y = np.arange(n) % 2
        model.fit(table()[:n], y)
        assert model.predict(table()).shape == (N,)
        assert (model.validation_score_ is None) == (n < 5)


def test_few_rows_may_have_given_ones_beside_them():
    for model, y in models():
        model.fit(table()[:3], [0, 1, 0], X_val=table()[3:9], y_val=LABELS[3:9])
        assert model.validation_score_ is not None, y


# Wrong, and it is said where.


WRONG = {
    "infinity": (
        {"z": np.where(np.arange(N) == 3, np.inf, 0.0)},
        ValueError,
        "'z' has infinity in row 3",
    ),
    "text among numbers": ({"z": ["a", 1] * (N // 2)}, TypeError, "'z' must hold numbers or text"),
    "lists": ({"z": [[1, 2]] * N}, TypeError, "'z' must hold numbers or text"),
    "dates": ({"z": pd.date_range("2020", periods=N)}, TypeError, "column 'z': turn dates"),
    "spans": ({"z": pd.to_timedelta(range(N), unit="s")}, TypeError, "column 'z'"),
}


@pytest.mark.parametrize(("columns", "error", "words"), WRONG.values(), ids=WRONG)
def test_wrong_columns_are_named(columns, error, words):
    for model, y in models():
        with pytest.raises(error, match=words):
            model.fit(table(**columns), y)
        assert not hasattr(model, "n_features_in_")
        model.fit(table(z=0.0), y)
        if "spans" not in words:
            with pytest.raises((error, ValueError), match="'z'"):
                model.predict(table(**columns))


def test_two_columns_of_one_name_are_refused():
    X = table()
    X.columns = ["age", "n", "age", "alone"]
    for model, y in models():
        with pytest.raises(ValueError, match="more than one column 'age'"):
            model.fit(X, y)


def test_columns_in_another_order_or_absent_are_refused_by_name():
    for model, y in models():
        model.fit(table(), y)
        with pytest.raises(ValueError, match="same order"):
            model.predict(table()[["n", "age", "port", "alone"]])
        with pytest.raises(ValueError, match="missing:\n- port"):
            model.predict(table().drop(columns="port"))
        with pytest.raises(ValueError, match="unseen at fit time:\n- more"):
            model.predict(table(more=1))


def test_text_where_numbers_were_is_named():
    for model, y in models():
        model.fit(table(), y)
        with pytest.raises(ValueError, match="column 'age' had numbers in fit"):
            model.predict(table(age="old"))


@pytest.mark.parametrize(
    "y",
    [
        np.where(np.arange(N) == 3, None, "a"),
        [*"abc", None, *["a"] * (N - 4)],
        [*"abc", NAN, *["a"] * (N - 4)],
        pd.Series(np.where(np.arange(N) == 3, None, "a"), dtype="string"),
    ],
    ids=["array", "list", "NaN in a list", "strings"],
)
def test_labels_that_are_missing_are_refused_by_row(y):
    with pytest.raises(ValueError, match="no label in row 3"):
        TabularClassifier(**TINY).fit(table(), y)


def test_targets_that_cannot_be_learnt_are_refused():
    classify, regress = TabularClassifier(**TINY), TabularRegressor(**TINY)
    holes = np.where(np.arange(N) == 3, NAN, 1.0)
    for model in (classify, regress):
        with pytest.raises(ValueError, match=r"(Input )?y contains NaN"):
            model.fit(table(), holes)
        with pytest.raises(ValueError, match="requires y to be passed"):
            model.fit(table(), None)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.fit(table(), LABELS[1:])
    with pytest.raises(ValueError, match="NaN, in row 3"):
        regress.fit(table(), holes)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        classify.fit(table(), NUMBERS)
    with pytest.raises(ValueError, match="'a' in row 0"):
        regress.fit(table(), ["a"] * N)
    with pytest.raises(TypeError, match="turn dates into numbers"):
        regress.fit(table(), pd.date_range("2020", periods=N))
    with pytest.raises(ValueError, match="so large"):
        regress.fit(table(), 1e200 * NUMBERS)


def test_one_row_is_too_few():
    for model, y in models():
        with pytest.raises(ValueError, match="n_samples=1"):
            model.fit(table()[:1], y[:1])
