"""Tables' models exported to ONNX predict what the estimators predict: encoder, members, outputs.

They compute the same in another order, in float32: what is left between them is its rounding.
"""

from pathlib import Path

import numpy as np
import pytest
from mixed_table import (
    INDICATOR,
    LABELS,
    NUMBERS,
    NUMERIC,
    ROWS,
    TRAIN,
    assert_same_classes,
    assert_same_numbers,
    classifier,
    regressor,
    said,
    session_of,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

import cbackprop
import cbackprop.onnx
from cbackprop import MLPClassifier, presets
from cbackprop.tabular import TableEncoder, TabularRegressor

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ENCODERS = {
    "default": {},
    "piecewise": {"numbers": "piecewise"},
    "every value a column": {"max_one_hot": None},
    "codes alone": {"max_one_hot": 0},
    "two values a column": {"max_one_hot": 2},
    "sparse here, dense there": {"sparse_output": True},
}


@pytest.mark.parametrize("name", ENCODERS)
def test_encoder_gives_the_bits_of_transform(name):
    encoder = TableEncoder(**ENCODERS[name]).fit(TRAIN)
    expected = encoder.transform(ROWS)
    if encoder.sparse_output:
        expected = expected.toarray()
    (found,) = said(encoder, ROWS)
    assert found.dtype == np.float32
    assert_array_equal(found, expected)


@pytest.mark.parametrize("embedding", ["piecewise", "periodic", None])
@pytest.mark.parametrize("recipe", ["default", "realmlp_td", "realmlp_td_s"])
def test_recipes_and_embeddings_predict_the_same(recipe, embedding):
    model = regressor(recipe=recipe, embedding=embedding).fit(TRAIN, NUMBERS)
    assert_same_numbers(said(model, ROWS)[0], model, ROWS)
    model = classifier(recipe=recipe, embedding=embedding).fit(TRAIN, LABELS)
    assert_same_classes(said(model, ROWS, options={"zipmap": False}), model, ROWS)


@pytest.mark.parametrize("preset", ["realmlp_td", "realmlp_td_s"])
def test_presets_predict_the_same(preset):
    params = {**getattr(presets, preset), "max_epochs": 2, "random_state": 0}
    model = TabularRegressor(**params).fit(TRAIN, NUMBERS)
    assert_same_numbers(said(model, ROWS)[0], model, ROWS)


TARGETS = {
    "booleans": LABELS == "low",
    "integers": np.array([-5, 2**40, 7])[np.unique(LABELS, return_inverse=True)[1]],
    "objects": LABELS.astype(object),
    "two strings": np.where(LABELS == "low", "a", "b"),
    "one class": np.full(len(LABELS), "all"),
    "one number": np.full(len(LABELS), 3),
    "multilabel": INDICATOR,
    "two labels": INDICATOR[:, :2],
}


@pytest.mark.parametrize("name", TARGETS)
def test_classes_of_all_kinds_come_out(name):
    model = classifier().fit(TRAIN, TARGETS[name])
    assert_same_classes(said(model, ROWS, options={"zipmap": False}), model, ROWS)


@pytest.mark.parametrize(
    ("params", "targets"),
    [
        ({"loss": "poisson"}, np.abs(NUMBERS)),
        ({"loss": "gamma"}, np.abs(NUMBERS) + 1.0),
        ({"loss": "quantile", "quantile": [0.9, 0.1, 0.5]}, NUMBERS),
        ({"loss": "absolute_error"}, NUMBERS),
        ({}, np.c_[NUMBERS, -1e6 * NUMBERS]),
        ({}, 1e9 + NUMBERS),
        ({}, np.full(len(NUMBERS), 2.0)),
        ({"hidden_layer_sizes": ()}, NUMBERS),
        ({"n_members": 1}, NUMBERS),
        ({"n_folds": 2}, NUMBERS),
        ({"refit": True}, NUMBERS),
    ],
)
def test_regressors_of_all_kinds_predict_the_same(params, targets):
    model = regressor(**params).fit(TRAIN, targets)
    (found,) = said(model, ROWS)
    expected = model.predict(ROWS).reshape(len(ROWS), -1)
    assert found.shape == expected.shape
    scale = np.maximum(np.std(targets, axis=0), 1e-3)
    assert_allclose((found - expected) / scale, 0.0, atol=1e-5)


def test_predictions_stay_in_the_range_that_was_seen():
    model = regressor().fit(TRAIN, NUMBERS)
    low, high = np.quantile(model.predict(ROWS), [0.2, 0.8])
    model._outputs.low, model._outputs.high = np.array([low]), np.array([high])
    (found,) = said(model, ROWS)
    assert found.min() == low
    assert found.max() == high


def test_a_value_far_beyond_two_edges_that_nearly_meet_is_drawn_out_the_same():
    x = np.repeat([0.0, 1.0, 2.0, 2.0 + 1e-5], 30)
    model = regressor(max_epochs=8, learning_rate=0.2).fit(x[:, np.newaxis], np.sin(x * 3.0))
    rows = np.linspace(-3.0, 4.0, 50)[:, np.newaxis]
    (found,) = session_of(model).run(None, {"X": rows})
    assert_allclose(found[:, 0], model.predict(rows), atol=1e-5)


def test_one_row_predicts_the_same():
    model = classifier(embedding="periodic").fit(TRAIN, LABELS)
    one = ROWS[:1]
    assert_same_classes(said(model, one, options={"zipmap": False}), model, one)


def test_a_loaded_model_is_exported_as_the_one_that_was_saved(tmp_path):
    model = regressor().fit(TRAIN, NUMBERS)
    model.save(tmp_path / "model")
    loaded = cbackprop.load(tmp_path / "model")
    assert_array_equal(said(loaded, ROWS)[0], said(model, ROWS)[0])


@pytest.mark.parametrize("numbers", ["scaled", "piecewise"])
def test_an_encoder_stands_in_a_pipeline_before_another_network(numbers):
    network = MLPClassifier((8,), max_iter=20, random_state=0)
    model = make_pipeline(TableEncoder(numbers=numbers), network).fit(TRAIN, LABELS)
    assert_same_classes(said(model, ROWS, options={"zipmap": False}), model, ROWS)


def test_what_stands_behind_an_encoder_gets_float32():
    model = make_pipeline(TableEncoder(), StandardScaler()).fit(TRAIN)
    (found,) = said(model, ROWS)
    assert found.dtype == np.float32
    assert_allclose(found, model.transform(ROWS), atol=1e-5)


def test_encoders_stand_side_by_side():
    model = make_union(TableEncoder(), TableEncoder(numbers="piecewise")).fit(TRAIN)
    types = cbackprop.onnx.initial_types(model.transformer_list[0][1])
    assert_array_equal(said(model, ROWS, initial_types=types)[0], model.transform(ROWS))


def test_an_encoder_of_text_stands_beside_one_of_numbers():
    numbers, text = ["age", "id"], ["color", "city"]
    model = make_column_transformer((TableEncoder(), numbers), (TableEncoder(), text))
    model.fit(TRAIN[numbers + text])
    types = cbackprop.onnx.initial_types(TableEncoder().fit(TRAIN[numbers + text]))
    (found,) = said(model, ROWS[numbers + text], initial_types=types)
    assert_array_equal(found, model.transform(ROWS[numbers + text]))


@pytest.mark.parametrize("columns", [["age", "color"], ["color", "age"]])
def test_columns_that_skl2onnx_merges_are_refused_with_what_to_do(columns):
    model = make_column_transformer((TableEncoder(), columns)).fit(TRAIN[columns])
    types = cbackprop.onnx.initial_types(TableEncoder().fit(TRAIN[columns]))
    with pytest.raises(TypeError, match=r"column '.*give numbers and text a TableEncoder each"):
        session_of(model, initial_types=types)


def test_pipelines_and_searches_of_tables_are_exported():
    model = make_pipeline(regressor()).fit(TRAIN, NUMBERS)
    assert_same_numbers(said(model, ROWS)[0], model, ROWS)
    search = GridSearchCV(classifier(), {"dropout": [0.1]}, cv=2).fit(TRAIN, LABELS)
    assert_same_classes(said(search, ROWS, options={"zipmap": False}), search, ROWS)


def test_calibrated_probabilities_of_a_matrix_are_the_same():
    X = NUMERIC.astype(np.float32)
    model = CalibratedClassifierCV(classifier(), cv=2).fit(X, LABELS)
    session = session_of(model, X=X[:1], options={"zipmap": False})
    assert_same_classes(session.run(None, {"X": X}), model, X)


def test_probabilities_come_by_name_unless_told_otherwise():
    model = classifier().fit(TRAIN, LABELS)
    _, by_name = said(model, ROWS)
    assert list(by_name[0]) == ["high", "low", "mid"]
    rows = np.array([list(row.values()) for row in by_name])
    assert_allclose(rows, model.predict_proba(ROWS), atol=1e-5)


def test_the_graph_is_no_larger_for_more_members():
    def n_nodes(n_members):
        from skl2onnx import to_onnx

        model = regressor(n_members=n_members).fit(TRAIN, NUMBERS)
        types = cbackprop.onnx.initial_types(model)
        cbackprop.onnx.register()
        return len(to_onnx(model, initial_types=types).graph.node)

    assert n_nodes(4) == n_nodes(1) <= 100


def test_older_opsets_predict_the_same_down_to_13():
    model = regressor().fit(TRAIN, NUMBERS)
    assert_same_numbers(said(model, ROWS, target_opset=13)[0], model, ROWS)
    with pytest.raises(ValueError, match="opset 13, got target_opset=12"):
        said(model, ROWS, target_opset=12)


def test_infinity_is_very_far():
    model = regressor().fit(NUMERIC, NUMBERS)
    far, infinite = np.full((1, 3), 1e200), np.full((1, 3), np.inf)
    session = session_of(model)
    assert_array_equal(session.run(None, {"X": infinite})[0], session.run(None, {"X": far})[0])


@pytest.mark.skipif(not PAGE.exists(), reason="only in a checkout")
def test_the_pages_code_exports_its_table():
    section = PAGE.read_text(encoding="utf-8").split("## As ONNX")[1].split("\n## ")[0]
    code = section.split("```python\n")[1].split("```")[0]
    names = {"model": regressor().fit(TRAIN, NUMBERS), "X_test": ROWS}
    exec(code, names)
    assert_same_numbers(names["predicted"], names["model"], ROWS)
