"""Columns that say little of themselves: holes alone, ids beyond 2**53, text that was numbers."""

import numpy as np
import pytest
from tiny_tables import LABELS, NUMBERS, both, classifier, regressor

import cbackprop
from cbackprop.tabular import TableEncoder

pd = pytest.importorskip("pandas")
pytest.importorskip("narwhals")

N = len(NUMBERS)
TABLE = pd.DataFrame({"a": np.arange(N) % 7.0, "b": np.arange(N) % 11.0})
IDS = 2**53 + np.arange(N) % 2  # two numbers that are one float


@pytest.mark.parametrize("dtype", [object, "boolean", "string", "category", "Int64", "float64"])
def test_a_column_of_holes_is_one_of_numbers_whatever_its_dtype(dtype):
    holes = TABLE.assign(b=pd.Series([None] * N, dtype=dtype))
    model = regressor().fit(TABLE, NUMBERS)
    expected = model.predict(TABLE.assign(b=np.nan))
    np.testing.assert_array_equal(model.predict(holes), expected)
    one = pd.DataFrame([{"a": 1.0, "b": None}])  # pandas makes objects of it
    assert np.isfinite(model.predict(one)).all()


def test_holes_in_the_rows_to_choose_the_epoch_by_leave_numbers_numbers_in_refit():
    holes = TABLE.assign(b=pd.Series([None] * N, dtype=object))
    model = regressor(refit=True).fit(TABLE, NUMBERS, X_val=holes, y_val=NUMBERS)
    assert not model.encoder_.is_categorical_.any()
    assert model.encoder_.has_holes_.tolist() == [False, True]
    model.fit(holes, NUMBERS, X_val=TABLE.assign(b=None), y_val=NUMBERS)


def test_a_table_of_holes_alone_says_that_there_is_nothing_to_learn():
    for model, y in both():
        with pytest.raises(ValueError, match="X has nothing to learn from: all its values are mis"):
            model.fit(pd.DataFrame({"a": [None] * N}), y)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "Int64", object, "int64[pyarrow]"])
@pytest.mark.parametrize("as_category", [False, True])
def test_large_integers_stay_apart_as_categories(dtype, as_category):
    if "pyarrow" in str(dtype):
        pytest.importorskip("pyarrow")
    column = pd.Series(IDS).astype(dtype)
    table = pd.DataFrame({"id": column.astype("category") if as_category else column})
    encoder = TableEncoder(categorical_features=["id"]).fit(table)
    assert encoder.categories_[0].tolist() == [2**53, 2**53 + 1]
    assert len(np.unique(encoder.transform(table))) == 2


def test_large_integers_of_arrays_stay_apart_also_after_refit_and_in_files(tmp_path):
    table = np.column_stack([IDS, np.arange(N)])
    model = classifier(categorical_features=[0], refit=True, max_epochs=2)
    model.fit(table, LABELS, X_val=table, y_val=LABELS)
    assert model.encoder_.categories_[0].tolist() == [2**53, 2**53 + 1]
    model.save(tmp_path / "ids.model")
    again = cbackprop.load(tmp_path / "ids.model")
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))


def test_an_integer_beyond_floats_is_an_error_that_names_the_column():
    table = np.array([[1, 10**400], [2, 3]], dtype=object)
    with pytest.raises(ValueError, match="column 1 has an integer too large for a float"):
        TableEncoder().fit(table)


OTHERS = [
    (["1", "2", "3"], [1, 2, 3], "text, as '1'"),
    ([1, 2, 3], ["1", "2", "3"], "numbers, as 1"),
    ([True, False], ["True"], "numbers, as False"),
]


@pytest.mark.parametrize(("fitted", "now", "words"), OTHERS)
def test_categories_that_were_text_and_now_are_numbers_are_an_error(fitted, now, words):
    encoder = TableEncoder().fit(pd.DataFrame({"a": pd.Categorical(fitted)}))
    with pytest.raises(ValueError, match=f"column 'a' had categories in fit that are {words}"):
        encoder.transform(pd.DataFrame({"a": pd.Categorical(now)}))


def test_categories_never_seen_are_still_taken():
    encoder = TableEncoder().fit(pd.DataFrame({"a": ["x", "y", "z"]}))
    assert not encoder.transform(pd.DataFrame({"a": ["new", None]})).any()
