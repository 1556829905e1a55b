"""Tables that cannot be taken: the error names the column, and says what to do about it."""

import numpy as np
import pytest
from tiny_tables import LABELS, NUMBERS, X, both, classifier, regressor

from cbackprop.tabular import TableEncoder

pd = pytest.importorskip("pandas")
pytest.importorskip("narwhals")


def frame(**columns):
    made = pd.DataFrame(X, columns=["a", "b", "c"])
    made["text"] = np.where(X[:, 1] > 0, "up", "down")
    return made.assign(**columns)


ORDER = ["b", "a", "c", "text"]
AT_PREDICT = {
    "another order": (frame()[ORDER], "column 0 is 'b' and was 'a': put them in order"),
    "absent": (frame().drop(columns="c"), "add the column 'c', of missing values"),
    "one more": (frame(z=1.0), "leave out the column 'z'"),
    "renamed": (frame().rename(columns={"b": "B"}), "add the column 'b'"),
    "infinity": (frame(b=np.inf), "'b' has infinity in row 0: replace it, by NaN"),
    "text for numbers": (frame(b="x"), "'b' had numbers in fit, and now holds 'x': fit anew"),
    "mixed": (frame(b=["x", 1.0] * 60), "'b' must hold numbers or text.*pd.to_numeric"),
    "twice": (frame().set_axis(["a", "a", "c", "text"], axis=1), "'a': give each a name"),
    "dates": (frame(b=pd.Timestamp("2020")), "column 'b': turn dates into numbers"),
}


@pytest.mark.parametrize("name", AT_PREDICT)
def test_other_tables_than_that_of_fit_say_what_to_do(name):
    table, words = AT_PREDICT[name]
    for model, y in both():
        model.fit(frame(), y)
        with pytest.raises((ValueError, TypeError), match=words):
            model.predict(table)
    with pytest.raises((ValueError, TypeError), match=words):
        TableEncoder().fit(frame()).transform(table)


def test_the_remedies_help():
    model = classifier().fit(frame(), LABELS)
    expected = model.predict_proba(frame())
    for table in (frame()[ORDER], frame(z=1.0)):
        in_order = table[model.feature_names_in_]
        np.testing.assert_array_equal(model.predict_proba(in_order), expected)
    assert model.predict(frame().drop(columns="c").assign(c=np.nan)[frame().columns]).shape == (
        120,
    )


@pytest.mark.parametrize("name", ["infinity", "mixed", "twice", "dates"])
def test_tables_that_nothing_can_be_learnt_from_say_what_to_do(name):
    table, words = AT_PREDICT[name]
    for model, y in both():
        with pytest.raises((ValueError, TypeError), match=words):
            model.fit(table, y)


def test_a_target_that_is_none_is_asked_for():
    for model, _ in both():
        with pytest.raises(ValueError, match="requires y to be passed"):
            model.fit(frame(), None)


def test_infinities_of_an_array_are_named_by_number_in_fit_and_later():
    bad = X.copy()
    bad[3, 1] = -np.inf
    for model, y in both():
        with pytest.raises(ValueError, match="column 1 has infinity in row 3"):
            model.fit(bad, y)
        model.fit(X, y)
        with pytest.raises(ValueError, match="column 1 has infinity in row 3"):
            model.predict(bad)
        with pytest.raises(ValueError, match="X has 2 features, but TableEncoder is expecting 3"):
            model.predict(X[:, :2])


# Odd, and it works.


@pytest.mark.parametrize("n_columns", [30, 300])
def test_more_columns_of_all_kinds_than_rows_work(n_columns):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(20, n_columns))).rename(columns=str)
    table["text"] = [f"t{i}" for i in range(20)]
    table.iloc[::3, ::2] = np.nan
    for model, y in both(refit=True):
        model.fit(table, y[:20])
        assert np.isfinite(np.asarray(model.predict(table), dtype=float)).all()
        assert np.isfinite(model.feature_importances_).all()


def test_one_class_of_one_column_of_holes_works():
    table = pd.DataFrame({"z": [np.nan] * 20})
    model = classifier(refit=True, n_folds=2).fit(table, ["only"] * 20)
    assert set(model.predict(table)) == {"only"}
    assert model.feature_importances_.tolist() == [0.0]


def test_a_number_far_from_a_constant_column_is_a_number_still():
    column = np.full((20, 1), -1.7e308)
    encoder = TableEncoder(numbers="piecewise").fit(np.hstack([column, X[:20, :1]]))
    assert np.isfinite(encoder.transform(np.array([[1.7e308, 0.0], [0.0, 1e308]]))).all()


# Encoded at once.


@pytest.mark.parametrize("numbers", ["scaled", "piecewise"])
def test_arrays_of_numbers_are_encoded_as_frames_are_whatever_their_dtype_and_order(numbers):
    rng = np.random.default_rng(0)
    table = np.round(rng.normal(scale=9.0, size=(5000, 6)))
    table[:, 1] = 2.0
    holed = table.copy()
    holed[::5, 0] = np.nan
    for given in (table, holed):
        encoder = TableEncoder(numbers=numbers).fit(given)
        as_frame = TableEncoder(numbers=numbers).fit(pd.DataFrame(given).rename(columns=str))
        expected = as_frame.transform(pd.DataFrame(given).rename(columns=str))
        for same in (given, np.asfortranarray(given), given.astype(np.float32), given.tolist()):
            np.testing.assert_array_equal(encoder.transform(same), expected)
        np.testing.assert_array_equal(encoder.transform(given[7:8]), expected[7:8])
        if given is table:
            np.testing.assert_array_equal(encoder.transform(given.astype(int)), expected)


def test_an_encoder_that_is_fitted_anew_forgets_what_it_was():
    encoder = TableEncoder(numbers="piecewise").fit(X)
    encoder.transform(X)
    other = 10.0 * X[:50]
    np.testing.assert_array_equal(
        encoder.fit(other).transform(other),
        TableEncoder(numbers="piecewise").fit(other).transform(other),
    )


def test_a_row_alone_is_predicted_as_among_others():
    for model, y in both(max_epochs=8):
        model.fit(X, y)
        alone = np.concatenate([model.predict(row[np.newaxis]) for row in X])
        np.testing.assert_allclose(alone, model.predict(X), rtol=1e-5, atol=1e-5)
    some = regressor(n_members=1, hidden_layer_sizes=(200, 200)).fit(X, NUMBERS)
    np.testing.assert_allclose(some.predict(X[:1]), some.predict(X)[:1], rtol=1e-5)
