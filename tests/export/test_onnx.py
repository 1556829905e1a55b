"""Models exported to ONNX predict what the estimators predict."""

import importlib.util
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import cbackprop.onnx
from cbackprop import MLPClassifier, MLPRegressor
from cbackprop.engine import run
from cbackprop.functions.activations import Activation

X, y = load_iris(return_X_y=True)
X32 = X.astype(np.float32)
NAMES = np.array(["setosa", "versicolor", "virginica"])
MULTILABEL = np.stack([y == 0, y > 0, X[:, 0] > 5.8], axis=1).astype(int)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("skl2onnx", "onnxruntime")),
    reason="needs skl2onnx and onnxruntime",
)


def exported(model, X, **options):
    """A function that runs the exported model: its outputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages themselves
        import onnxruntime
        from skl2onnx import to_onnx

        cbackprop.onnx.register()
        data = to_onnx(model, X[:1], **options).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda rows: session.run(None, {name: rows})


CLASSIFIERS = {
    "integers": y,
    "negative, large": np.array([-5, 2**40, 2**40 + 1])[y],
    "whole floats": y.astype(float),
    "booleans": y == 1,
    "strings": NAMES[y],
    "objects": NAMES[y].astype(object),
    "two strings": NAMES[y // 2],
    "one class": np.full(len(y), 7),
}


@needs_onnx
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_in_a_pipeline_predicts_the_same(name):
    model = make_pipeline(StandardScaler(), MLPClassifier((5,), max_iter=50, random_state=0))
    model.fit(X32, CLASSIFIERS[name])
    labels, probabilities = exported(model, X32, options={"zipmap": False})(X32)
    assert_array_equal(labels, model.predict(X32))
    assert_allclose(probabilities, model.predict_proba(X32), atol=1e-5)


@needs_onnx
@pytest.mark.parametrize("columns", [2, 3])
def test_multilabel_predicts_the_same(columns):
    model = MLPClassifier((5,), max_iter=50, random_state=0).fit(X32, MULTILABEL[:, :columns])
    labels, probabilities = exported(model, X32, options={"zipmap": False})(X32)
    assert_array_equal(labels, model.predict(X32))
    assert_allclose(probabilities, model.predict_proba(X32), atol=1e-5)


@needs_onnx
@pytest.mark.parametrize("activation", [*run.ACTIVATIONS, [Activation("leaky_relu", 0.3)] * 2])
def test_float64_stays_float64(activation):
    model = MLPClassifier((6, 5), activation, max_iter=20, random_state=0).fit(X, y)
    _, probabilities = exported(model, X, options={"zipmap": False})(X)
    assert probabilities.dtype == np.float64
    # erf is float32's in onnxruntime
    assert_allclose(
        probabilities, model.predict_proba(X), rtol=1e-5 if activation == "gelu" else 1e-9
    )


@needs_onnx
def test_probabilities_come_by_name_unless_told_otherwise():
    model = MLPClassifier((5,), max_iter=20, random_state=0).fit(X32, NAMES[y])
    _, by_name = exported(model, X32)(X32[:1])
    assert list(by_name[0]) == NAMES.tolist()


@needs_onnx
@pytest.mark.parametrize("labels", [y, NAMES[y], y == 1], ids=["integers", "strings", "booleans"])
@pytest.mark.parametrize("alone", [True, False])
def test_probabilities_of_float64_come_by_name_too(labels, alone):
    model = MLPClassifier((5,), max_iter=20, random_state=0)
    model = (model if alone else make_pipeline(StandardScaler(), model)).fit(X, labels)
    predicted, by_name = exported(model, X)(X)
    assert_array_equal(predicted, model.predict(X))
    rows = np.array([list(row.values()) for row in by_name])
    assert_allclose(rows, model.predict_proba(X), atol=1e-6)


@needs_onnx
@pytest.mark.parametrize("labels", [y, y > 0], ids=["three", "two"])
def test_a_calibrated_classifier_of_float64_stays_float64(labels):
    model = CalibratedClassifierCV(MLPClassifier((5,), max_iter=20, random_state=0), cv=2)
    model.fit(X, labels)
    _, probabilities = exported(model, X, options={"zipmap": False})(X)
    assert_allclose(probabilities, model.predict_proba(X), rtol=1e-9)


@needs_onnx
@pytest.mark.parametrize("name", ["integers", "two strings", "multilabel"])
def test_raw_scores_are_the_logits(name):
    labels = MULTILABEL if name == "multilabel" else CLASSIFIERS[name]
    model = MLPClassifier((5,), max_iter=20, random_state=0).fit(X, labels)
    options = {"zipmap": False, "raw_scores": True}
    found, scores = exported(model, X, options=options)(X)
    logits = model.decision_function(X)
    if logits.ndim == 1:
        logits = np.stack([-logits, logits], axis=1)
    assert_allclose(scores, logits, rtol=1e-9, atol=1e-12)
    assert_array_equal(found, model.predict(X))


@needs_onnx
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_hidden_features_in_mid_pipeline_are_refused(kind):
    first = kind(hidden_layer_sizes=(5,), max_iter=3)
    model = make_pipeline(first, StandardScaler(), LogisticRegression()).fit(X, y)
    with pytest.raises(NotImplementedError, match="must be a pipeline's last step"):
        exported(model, X, **({"options": {"zipmap": False}} if kind is MLPClassifier else {}))


@needs_onnx
def test_probabilities_come_in_columns_if_asked_for():
    model = MLPClassifier((5,), max_iter=20, random_state=0).fit(X32, NAMES[y])
    columns = exported(model, X32, options={"zipmap": "columns"})(X32)[1:]
    assert_allclose(np.stack(columns, axis=1), model.predict_proba(X32), atol=1e-5)


@needs_onnx
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_regressor_predicts_the_same(loss, outputs):
    targets = X32[:, :outputs] if outputs > 1 else X32[:, 0]
    model = make_pipeline(StandardScaler(), MLPRegressor(loss, (5,), max_iter=50, random_state=0))
    model.fit(X32, targets)
    (predicted,) = exported(model, X32)(X32)
    assert predicted.shape == (len(X32), outputs)
    assert_allclose(predicted, model.predict(X32).reshape(-1, outputs), rtol=1e-4)


@needs_onnx
def test_no_hidden_layer_predicts_the_same():
    model = MLPClassifier((), max_iter=20, random_state=0).fit(X32, y)
    labels, _ = exported(model, X32, options={"zipmap": False})(X32)
    assert_array_equal(labels, model.predict(X32))


@needs_onnx
def test_classes_that_onnx_cannot_hold_are_an_error():
    model = MLPClassifier((5,), max_iter=2, random_state=0).fit(X32, y)
    model.classes_ = np.array([0.5, 1.5, 2.5])
    with pytest.raises(TypeError, match="integers or strings"):
        exported(model, X32, options={"zipmap": False})


@pytest.mark.skipif(importlib.util.find_spec("skl2onnx") is not None, reason="skl2onnx is there")
def test_missing_skl2onnx_is_an_error_that_says_what_to_install():
    with pytest.raises(ImportError, match=r"cbackprop\[onnx\]"):
        cbackprop.onnx.register()


@needs_onnx
@pytest.mark.parametrize(
    ("params", "columns"),
    [
        ({"loss": "gamma"}, 1),
        ({"loss": "huber"}, 1),
        ({"loss": "quantile", "quantile": [0.1, 0.9]}, 2),
    ],
)
def test_regressors_of_other_losses_predict_the_same(params, columns):
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, random_state=0, **params)
    model.fit(X32[:, 1:], X32[:, 0])
    (predicted,) = exported(model, X32[:, 1:])(X32[:, 1:])
    assert predicted.shape == (len(X), columns)
    assert_allclose(predicted, model.predict(X32[:, 1:]).reshape(-1, columns), rtol=1e-4)


@needs_onnx
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_quantiles_that_do_not_cross_do_not_cross_there(dtype):
    model = MLPRegressor(
        "quantile", (5,), quantile=[0.9, 0.1, 0.5], max_iter=3, random_state=0, non_crossing=True
    ).fit(X.astype(dtype), y)
    rows = X.astype(dtype)
    (found,) = exported(model, rows)(rows)
    assert found.dtype == dtype
    assert_allclose(found, model.predict(rows), rtol=1e-5, atol=1e-6)
    assert (found[:, 1] <= found[:, 2]).all()
    assert (found[:, 2] <= found[:, 0]).all()
