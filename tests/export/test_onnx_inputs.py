"""What goes into tables' ONNX models: a column each, blocks, matrices, or an error says why not."""

import numpy as np
import pytest
from mixed_table import (
    LABELS,
    NUMBERS,
    NUMERIC,
    ROWS,
    TRAIN,
    assert_same_classes,
    assert_same_numbers,
    classifier,
    columns_for,
    pd,
    regressor,
    said,
    session_of,
    table,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

import cbackprop.onnx
from cbackprop import MLPRegressor
from cbackprop.tabular import TableEncoder, TabularClassifier, TabularRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_rows_guessed_from_a_frame_are_inputs_too():
    model = classifier().fit(TRAIN, LABELS)
    session = session_of(model, X=table(1, 5), options={"zipmap": False})
    inputs = session.get_inputs()
    given = {name: each.type for each, name in zip(inputs, ROWS, strict=True)}
    assert given["is"] == "tensor(bool)"
    assert given["year of birth"] == "tensor(int64)"
    rows = ROWS.astype({"age": "float64"})
    # Holes among text may also be None or NaN: to onnxruntime they are 'None' and 'nan'.
    columns = {each.name: rows[[n]].to_numpy() for each, n in zip(inputs, rows, strict=True)}
    assert_same_classes(session.run(None, columns), model, rows)


def test_float32_columns_give_float32():
    numbers = dict.fromkeys(TRAIN.select_dtypes("number"), "float32")
    model = regressor().fit(TRAIN, NUMBERS)
    session = session_of(model, X=table(1, 5).astype(numbers))
    rows = ROWS.drop(columns="wild").assign(wild=0.5)[list(ROWS)].astype(numbers)
    inputs = zip(session.get_inputs(), rows, strict=True)
    (found,) = session.run(None, {each.name: rows[[name]].to_numpy() for each, name in inputs})
    assert found.dtype == np.float32
    assert_same_numbers(found, model, rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int32])
def test_a_matrix_of_numbers_is_one_input(dtype):
    X = np.nan_to_num(NUMERIC).astype(dtype)
    model = regressor().fit(NUMERIC, NUMBERS)
    (found,) = session_of(model, X=X[:1]).run(None, {"X": X})
    assert found.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert_same_numbers(found, model, X)


def test_a_matrix_without_names_is_one_input_by_its_types():
    model = regressor().fit(NUMERIC, NUMBERS)
    assert_same_numbers(session_of(model).run(None, {"X": NUMERIC})[0], model, NUMERIC)


def test_holes_of_a_matrix_are_nan():
    X = NUMERIC.astype(np.float32)
    X[::3, 1] = np.nan
    model = classifier().fit(NUMERIC, LABELS)
    session = session_of(model, X=X[:1], options={"zipmap": False})
    assert_same_classes(session.run(None, {"X": X}), model, X)


@pytest.mark.parametrize("many", [5, 40])
def test_categories_may_be_numbers(many):
    rng = np.random.default_rng(0)
    codes = rng.integers(many, size=240) * 0.5 + 2.0**40
    X = np.c_[NUMERIC[:, 0], codes, rng.choice([1.0, 2.0, np.nan], 240)]
    model = regressor(categorical_features=[1, 2]).fit(X, NUMBERS)
    rows = X.copy()
    rows[:10, 1], rows[10:20, 1] = np.nan, 2.0**40 + 0.25
    (found,) = session_of(model, X=X[:1]).run(None, {"X": rows})
    assert_same_numbers(found, model, rows)


def test_truth_values_with_holes_are_numbers_or_text():
    X = pd.DataFrame({"age": TRAIN["age"], "is": TRAIN["is"].astype(object)})
    X.loc[::5, "is"] = None
    model = regressor().fit(X, NUMBERS)
    assert_same_numbers(said(model, X.assign(**{"is": X["is"].astype(float)}))[0], model, X)
    session = session_of(model, X=X[1:2])
    assert_same_numbers(session.run(None, {n: X[[n]].to_numpy() for n in X})[0], model, X)


def test_a_matrix_of_text_is_one_input():
    X = TRAIN[["color", "city"]].to_numpy()
    model = regressor().fit(X, NUMBERS)
    (found,) = session_of(model, X=X[-1:]).run(None, {"X": X})
    assert_same_numbers(found, model, X)


def test_a_list_of_rows_has_inputs_by_number():
    X = TRAIN[["age", "color"]].to_numpy()
    model = regressor().fit(X.tolist(), NUMBERS)
    assert [name for name, _ in cbackprop.onnx.initial_types(model)] == ["x0", "x1"]
    frame = TRAIN[["age", "color"]].set_axis(["x0", "x1"], axis=1)
    assert_same_numbers(said(model, frame)[0], model, X.tolist())


def test_polars_frames_have_inputs_too():
    pl = pytest.importorskip("polars")
    some = TRAIN[["age", "color", "city"]]
    frame = pl.DataFrame(some.astype(object).where(some.notna(), None).to_dict("list"))
    model = regressor().fit(frame, NUMBERS)
    (found,) = said(model, some)
    assert_same_numbers(found, model, frame)


def test_inputs_go_by_name():
    model = regressor().fit(TRAIN, NUMBERS)
    types = cbackprop.onnx.initial_types(model)[::-1]
    session = session_of(model, initial_types=types)
    found = session.run(None, columns_for(session, ROWS[list(ROWS)[::-1]]))
    assert_same_numbers(found[0], model, ROWS)


def test_blocks_of_columns_are_inputs_in_their_order():
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    frame = TRAIN[["age", "three", "color", "city"]]
    model = regressor().fit(frame, NUMBERS)
    types = [("numbers", FloatTensorType([None, 2])), ("text", StringTensorType([None, 2]))]
    rows = ROWS[list(frame)].astype({"age": "float32", "three": "float32"})
    found = session_of(model, initial_types=types).run(
        None,
        {
            "numbers": rows[["age", "three"]].to_numpy(),
            "text": rows[["color", "city"]].fillna("").to_numpy(),
        },
    )
    assert_same_numbers(found[0], model, rows)


# Errors.


def test_text_for_a_column_of_numbers_is_refused_by_its_name():
    X = TRAIN[["age", "color"]].to_numpy()
    model = regressor().fit(X, NUMBERS)
    with pytest.raises(TypeError, match=r"column 'x0' is of numbers.*initial_types\(model\)"):
        session_of(model, X=X[:1])


def test_numbers_for_a_column_of_text_are_refused_by_its_name():
    model = regressor().fit(TRAIN[["age", "city"]], NUMBERS)
    with pytest.raises(TypeError, match=r"column 'city' is of text.*DoubleTensorType"):
        session_of(model, X=TRAIN[["age", "id"]].rename(columns={"id": "city"})[:1])


def test_text_for_categories_that_are_numbers_is_refused_by_its_name():
    frame = TRAIN[["age", "three"]]
    model = regressor(categorical_features=["three"]).fit(frame, NUMBERS)
    with pytest.raises(TypeError, match="column 'three' has categories that are numbers"):
        session_of(model, X=frame.assign(three="2")[:1])


def test_categories_that_float64_does_not_tell_apart_are_refused_by_the_name_of_their_column():
    frame = TRAIN[["age"]].assign(id=2**53 + np.arange(len(TRAIN)) % 2)
    model = regressor(categorical_features=["id"]).fit(frame, NUMBERS)
    with pytest.raises(ValueError, match=r"column 'id' has categories.*as text"):
        session_of(model, X=frame[:1])


def test_another_number_of_columns_is_refused():
    model = regressor().fit(NUMERIC, NUMBERS)
    with pytest.raises(ValueError, match="the table has 3 columns, and the inputs have 2"):
        session_of(model, X=NUMERIC[:1, :2])


def test_types_of_other_models_are_an_error_that_says_what_to_do():
    with pytest.raises(TypeError, match=r"got LinearRegression: give to_onnx some rows"):
        cbackprop.onnx.initial_types(LinearRegression().fit(np.ones((240, 1)), NUMBERS))


@pytest.mark.parametrize("model", [TableEncoder(), TabularRegressor(), TabularClassifier()])
def test_types_before_fit_are_an_error(model):
    with pytest.raises(NotFittedError):
        cbackprop.onnx.initial_types(model)


def test_a_frame_of_numbers_for_another_network_is_an_input_a_column():
    frame = TRAIN[["three", "constant"]].fillna(0.0)
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=5, random_state=0).fit(frame, NUMBERS)
    assert_same_numbers(said(model, frame, X=frame[:1])[0], model, frame)
