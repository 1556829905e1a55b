"""What people keep fitted models in: skops, jsonpickle, pickle, mlflow; the pages' snippets run."""

import copy
import inspect
import pickle
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import sklearn.utils
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, OneHotEncoder, StandardScaler

import cbackprop
import cbackprop.mlflow
import cbackprop.onnx
from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
SOLVERS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive"},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"early_stopping": True},
    "a random state": {"random_state": np.random.RandomState(0)},
}
PAGE = Path(__file__).parents[2] / "docs" / "saving.md"
needs_page = pytest.mark.skipif(not PAGE.exists(), reason="only in a checkout")


def fitted(kind, name, rows=X):
    labels = NAMES if kind is MLPClassifier else y
    options = {"random_state": 0, "max_iter": 5, **SOLVERS[name]}
    return kind(hidden_layer_sizes=(4,), **options).fit(rows, labels)


def goes_on(one, other):
    """Both predict the same, now and after more training."""
    assert_array_equal(other.predict(X), one.predict(X))
    if one.solver != "lbfgs" and not one.early_stopping:
        labels = NAMES if isinstance(one, MLPClassifier) else y
        for model in (one, other):
            model.partial_fit(X, labels)
        assert_array_equal(other.network_.parameters, one.network_.parameters)
        assert other.loss_curve_ == one.loss_curve_
        assert {type(loss) for loss in other.loss_curve_} == {np.float64}


# Plain state.


def types_of(value, found):
    """The types that a state is made of; objects of scikit-learn's are not looked into."""
    found.add(type(value))
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            types_of(item, found)
    return found


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_the_state_of_a_fit_is_made_of_plain_things(kind, name):
    found = types_of(fitted(kind, name).__getstate__(), set())
    plain = {bool, int, float, str, list, tuple, dict, type(None), np.ndarray, np.float64}
    assert found - plain <= {LabelBinarizer, np.random.RandomState}


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_pickled_and_copied_estimators_go_on(kind, name):
    for again in (lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy):
        one = fitted(kind, name)
        goes_on(one, again(one))


def test_a_long_curve_is_pickled_as_one_array():
    model = fitted(MLPClassifier, "adam")
    short = len(pickle.dumps(model))
    model.loss_curve_ *= 100
    assert len(pickle.dumps(model)) < short + 9 * len(model.loss_curve_)
    again = pickle.loads(pickle.dumps(model))
    assert again.loss_curve_ == model.loss_curve_
    assert {type(loss) for loss in again.loss_curve_} == {np.float64}


def test_a_copy_shares_no_memory_only_if_it_is_deep():
    model = fitted(MLPClassifier, "adam")
    assert not np.shares_memory(copy.deepcopy(model).coefs_[0], model.coefs_[0])
    assert np.shares_memory(copy.copy(model).coefs_[0], model.coefs_[0])


def test_attributes_of_ones_own_are_pickled_with_the_estimator():
    model = fitted(MLPClassifier, "adam")
    model.note, model.settings_ = "mine", {"class": "mine", "n": 1}
    again = pickle.loads(pickle.dumps(model))
    assert (again.note, again.settings_) == ("mine", {"class": "mine", "n": 1})


@pytest.mark.parametrize("made", [Network([2, 3, 1], random_state=0), SGD(0.5), Adam()])
def test_networks_and_optimizers_are_pickled(made):
    assert repr(pickle.loads(pickle.dumps(made))) == repr(made)


def test_a_pickled_network_keeps_what_draws_its_parameters():
    net = Network([2, 3, 1], init="scaled_normal", activation="tanh", random_state=0)
    again = pickle.loads(pickle.dumps(net))
    assert_array_equal(again.plan, net.plan)
    assert again.output == net.output
    assert_array_equal(again.initialize(5).parameters, net.initialize(5).parameters)
    assert np.shares_memory(again.weights[0], again.parameters)
    assert not again.plan.flags.writeable


# jsonpickle.


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_estimators_go_through_jsonpickle(kind, name):
    jsonpickle = pytest.importorskip("jsonpickle")
    one = fitted(kind, name)
    goes_on(one, jsonpickle.decode(jsonpickle.encode(one, keys=True), keys=True))


# skops.

OURS = ["cbackprop.estimators.MLPClassifier", "cbackprop.estimators.MLPRegressor"]


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_skops_need_trust_nothing_but_the_estimators_class(kind, name):
    io = pytest.importorskip("skops.io")
    one = fitted(kind, name)
    data = io.dumps(one)
    (needed,) = io.get_untrusted_types(data=data)
    assert needed in OURS
    goes_on(one, io.loads(data, trusted=[needed]))


def test_skops_need_trust_nothing_but_the_networks_class():
    io = pytest.importorskip("skops.io")
    net = Network([4, 3, 1], init="normal", random_state=0)
    data = io.dumps(net)
    assert io.get_untrusted_types(data=data) == ["cbackprop.network.Network"]
    again = io.loads(data, trusted=["cbackprop.network.Network"])
    assert_array_equal(again.predict(X), net.predict(X))


# The pages.


def snippets(heading):
    """The page's code under a heading, but for what is run as a doctest."""
    (section,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.S | re.M
    )
    blocks = re.findall(r"```python\n(.*?)```", section, re.S)
    assert blocks
    return "\n".join(block for block in blocks if not block.startswith(">>>"))


def run(code, **names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages themselves
        exec(code, names)
    return names


@pytest.fixture
def table():
    """Numbers with holes, whole numbers and categories, with labels."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "size": np.where(rng.random(200) < 0.1, np.nan, rng.normal(size=200)),
            "age": rng.integers(0, 60, 200),
            "city": rng.choice(["Rome", "Oslo", "Lima"], 200),
        }
    )
    return frame, np.where(frame["age"] > 25, "old", "young")


def mixed_pipeline():
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["size", "age"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    )
    return make_pipeline(columns, MLPClassifier((5,), max_iter=50, random_state=0))


@needs_page
def test_the_pages_onnx_code_exports_a_pipeline_of_numbers_and_categories(
    table, tmp_path, monkeypatch
):
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    frame, labels = table
    pipeline = mixed_pipeline().fit(frame, labels)
    made = run(snippets("ONNX"), pipeline=pipeline, X=frame)
    assert_array_equal(made["labels"], pipeline.predict(frame))
    assert_allclose(made["probabilities"], pipeline.predict_proba(frame), atol=1e-5)


@pytest.mark.parametrize("rows", [X, X.astype("f4"), X.astype("i8")])
def test_register_as_its_docstring_has_it_makes_a_model_that_runs(rows):
    pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    code = inspect.getdoc(cbackprop.onnx.register).partition("::\n")[2]
    assert "to_onnx(" in code
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((5,), max_iter=50, random_state=0))
    pipeline.fit(rows, y)
    made = run(inspect.cleandoc(code), pipeline=pipeline, X=rows)["model"]
    session = runtime.InferenceSession(made.SerializeToString())
    labels, probabilities = session.run(None, {"X": rows.astype("f4")})
    assert_array_equal(labels, pipeline.predict(rows))
    assert_allclose(probabilities, pipeline.predict_proba(rows), atol=1e-5)


@needs_page
def test_the_pages_skops_code_keeps_a_pipeline_of_numbers_and_categories(
    table, tmp_path, monkeypatch
):
    pytest.importorskip("skops")
    monkeypatch.chdir(tmp_path)
    frame, labels = table
    pipeline = mixed_pipeline().fit(frame, labels)
    again = run(snippets("skops"), pipeline=pipeline)["pipeline"]
    assert again is not pipeline
    assert_array_equal(again.predict_proba(frame), pipeline.predict_proba(frame))


@needs_page
def test_the_page_trusts_no_type_that_is_not_needed(table):
    io = pytest.importorskip("skops.io")
    (listed,) = re.findall(r"TRUSTED = \[(.*?)\]", snippets("skops"), re.S)
    needed = io.get_untrusted_types(data=io.dumps(mixed_pipeline().fit(*table)))
    assert set(re.findall(r'"(.*?)"', listed)) == {*needed, *OURS}


# mlflow.


def test_mlflow_is_shown_our_estimators_and_scikit_learn_is_left_as_it_was(monkeypatch):
    seen, before = [], sklearn.utils.all_estimators

    def autolog(**options):
        seen.append((dict(sklearn.utils.all_estimators()), options))

    fake, part = ModuleType("mlflow"), ModuleType("mlflow.sklearn")
    fake.sklearn, part.autolog = part, autolog
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.setitem(sys.modules, "mlflow.sklearn", part)
    cbackprop.mlflow.autolog(log_models=False)
    ((listed, options),) = seen
    assert listed["MLPClassifier"] is MLPClassifier
    assert options == {"log_models": False}
    assert sklearn.utils.all_estimators is before


@pytest.mark.filterwarnings("ignore")  # of the packages themselves
def test_mlflow_records_a_bare_fit(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/runs.db")
    cbackprop.mlflow.autolog(log_models=False)
    with mlflow.start_run() as started:
        MLPClassifier((4,), max_iter=5).fit(X, y)
    data = mlflow.get_run(started.info.run_id).data
    mlflow.sklearn.autolog(disable=True)
    assert len(data.metrics) >= 7
    assert data.params["hidden_layer_sizes"] == "(4,)"


def test_without_mlflow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError, match="pip install mlflow"):
        cbackprop.mlflow.autolog()
