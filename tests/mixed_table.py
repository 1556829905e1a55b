"""A mixed table for the tests of exports in `export`, and models of it run by onnxruntime."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import cbackprop.onnx
from cbackprop.tabular import TabularClassifier, TabularRegressor

pd = pytest.importorskip("pandas")
pytest.importorskip("narwhals")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

QUICK = {"n_members": 3, "hidden_layer_sizes": (12, 8), "max_epochs": 4, "random_state": 0}
CITIES = [f"city {i}" for i in range(20)]


def table(n, seed):
    """Numbers near and far from 0, mostly the same or with wild values; text, truth values."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40.0, 10.0, n),
            "year of birth": rng.integers(1900, 2020, n),
            "id": 1e9 + rng.normal(0.0, 100.0, n),
            "wild": rng.standard_cauchy(n),
            "mostly 0": np.where(rng.random(n) < 0.7, 0.0, rng.lognormal(size=n)),
            "three": rng.integers(3, size=n).astype(float),
            "constant": np.full(n, 5.0),
            "color": rng.choice(["red", "grün", "blue"], n).astype(object),
            "label": rng.choice(["y", "n"], n).astype(object),
            "only": np.full(n, "it", dtype=object),
            "city": rng.choice(CITIES, n).astype(object),
            "is": rng.choice([True, False], n),
        }
    )


def with_holes(frame, seed, share=0.15):
    rng = np.random.default_rng(seed)
    frame = frame.copy()
    for name in frame:
        if frame[name].dtype.kind in "fO" and name != "mostly 0":
            hole = np.nan if frame[name].dtype.kind == "f" else None
            frame.loc[rng.random(len(frame)) < share, name] = hole
    return frame


def rows_as_they_come():
    """With holes in every column that can have them, unknown values, and some far outside."""
    frame = with_holes(table(150, 1), 2)
    frame.loc[:20, "color"] = "violet"
    frame.loc[10:30, "city"] = "nowhere"
    frame.loc[::7, "age"], frame.loc[::9, "wild"] = 1e6, -1e200
    frame.loc[::11, "year of birth"], frame.loc[::8, "mostly 0"] = -(10**15), 1e4
    frame.loc[::5, "mostly 0"] = np.nan  # of which `fit` saw no hole
    return frame


TRAIN = with_holes(table(240, 0), 0)
ROWS = rows_as_they_come()
NUMBERS = (
    np.nan_to_num(TRAIN["age"].to_numpy())
    + 10.0 * (TRAIN["color"] == "red").to_numpy()
    + TRAIN["year of birth"].to_numpy() / 10.0
)
LABELS = np.array(["low", "mid", "high"])[np.digitize(NUMBERS, np.quantile(NUMBERS, [0.3, 0.7]))]
INDICATOR = np.c_[LABELS == "low", TRAIN["is"], NUMBERS > 220].astype(int)
NUMERIC = TRAIN[["age", "year of birth", "id"]].to_numpy()


def session_of(model, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages themselves
        cbackprop.onnx.register()
        if not options.keys() & {"X", "initial_types"}:
            options["initial_types"] = cbackprop.onnx.initial_types(model)
        exported = skl2onnx.to_onnx(model, **options)
        onnx.checker.check_model(exported, full_check=True)
    return onnxruntime.InferenceSession(
        exported.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def columns_for(session, frame):
    """A frame's columns as the inputs of a model, which may have changed names with blanks."""
    columns = {}
    for given, name in zip(session.get_inputs(), frame, strict=True):
        column = frame[[name]]
        if given.type == "tensor(string)":
            columns[given.name] = column.astype(object).fillna("").to_numpy()
        else:
            columns[given.name] = column.to_numpy(dtype="float64")
    return columns


def said(model, frame, **options):
    session = session_of(model, **options)
    return session.run(None, columns_for(session, frame))


def classifier(**params):
    return TabularClassifier(**{**QUICK, **params})


def regressor(**params):
    return TabularRegressor(**{**QUICK, **params})


def assert_same_numbers(found, model, rows, targets=NUMBERS):
    expected = model.predict(rows).reshape(len(rows), -1)
    assert found.shape == expected.shape
    assert_allclose((found - expected) / np.std(targets, axis=0), 0.0, atol=1e-5)


def assert_same_classes(found, model, rows):
    labels, probabilities = found
    assert_allclose(probabilities, model.predict_proba(rows), atol=1e-5)
    assert_array_equal(labels, model.predict(rows))
