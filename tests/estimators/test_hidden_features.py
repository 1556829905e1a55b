"""Estimators are transformers, too: into a hidden layer's activations."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cbackprop import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.RandomState(0).normal(size=(80, 4))
KINDS = {
    MLPClassifier: np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])],
    MLPRegressor: X @ [1.0, -1.0, 0.5, 0.0],
}
SIZES = (7, 5)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def model(request):
    options = {"activation": ["tanh", "gelu"], "max_iter": 5, "random_state": 0}
    return request.param(hidden_layer_sizes=SIZES, **options)


@pytest.fixture
def y(model):
    return KINDS[type(model)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", [-2, -1, 0, 1])
def test_transform_gives_a_hidden_layers_activations(model, y, layer, dtype):
    rows = X.astype(dtype)
    found = model.fit(rows, y).transform(rows, layer=layer)
    assert found.dtype == dtype
    assert found.shape == (80, SIZES[layer])
    expected = model.network_.activations(rows)[1:-1][layer]
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert_allclose(
        model.transform(sparse.csr_array(rows), layer),
        expected,
        rtol=10 * tolerance,
        atol=tolerance,
    )


def test_transform_takes_the_last_hidden_layer_if_none_is_named(model, y):
    model.fit(X, y)
    assert_array_equal(model.transform(X), model.transform(X, layer=1))
    assert_array_equal(clone(model).fit_transform(X, y), model.transform(X))


def test_hidden_features_go_through_a_pipeline(model, y):
    last = LogisticRegression() if isinstance(model, MLPClassifier) else Ridge()
    pipe = Pipeline([("scale", StandardScaler()), ("mlp", model), ("last", last)]).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    by_hand = clone(last).fit(clone(model).fit_transform(scaled, y), y)
    assert pipe.score(X, y) == by_hand.score(pipe[:-1].transform(X), y)
    assert len(pipe[:-1].get_feature_names_out()) == 5
    search = GridSearchCV(pipe, {"mlp__hidden_layer_sizes": [(3, 2), (4, 4)]}, cv=2).fit(X, y)
    assert np.isfinite(search.best_score_)


def test_hidden_features_stand_beside_others_in_a_union(model, y):
    union = FeatureUnion([("as they are", "passthrough"), ("learnt", model)]).fit(X, y)
    assert union.transform(X).shape == (80, 4 + 5)


def test_columns_are_named_after_the_class_and_numbered(model, y):
    name = type(model).__name__.lower()
    model.fit(X, y)
    assert model.get_feature_names_out().tolist() == [f"{name}{i}" for i in range(5)]
    assert len(model.get_feature_names_out(layer=0)) == 7


@pytest.mark.parametrize("way", ["pandas", "polars"])
@pytest.mark.parametrize("layer", [0, -1])
def test_set_output_makes_frames_of_any_layer(model, y, layer, way):
    pytest.importorskip(way)
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(80) + 100)
    model.set_output(transform=way).fit(frame, y)
    found = model.transform(frame, layer=layer)
    assert list(found.columns) == model.get_feature_names_out(layer=layer).tolist()
    plain = model.set_output(transform="default").transform(frame, layer=layer)
    assert_array_equal(found.to_numpy(), plain)
    if way == "pandas":
        assert_array_equal(found.index, frame.index)
        assert_array_equal(
            model.set_output(transform=way).fit_transform(frame, y).index, frame.index
        )


def test_transform_goes_by_sklearns_configuration(model, y):
    model.fit(X, y)
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(model.transform(X), pd.DataFrame)
        assert isinstance(model.predict(X), np.ndarray)
    pipe = make_pipeline(clone(model), "passthrough").set_output(transform="pandas").fit(X, y)
    assert isinstance(pipe.transform(X), pd.DataFrame)


def test_a_layer_is_routed_as_metadata(model, y):
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipeline(StandardScaler(), model.set_transform_request(layer=True)).fit(X, y)
        assert pipe.transform(X, layer=0).shape == (80, 7)
        assert pipe.transform(X).shape == (80, 5)


@pytest.mark.parametrize(
    ("layer", "error", "match"),
    [
        (2, ValueError, r"2 hidden layers, of \[7, 5\] units; got 2"),
        (-3, ValueError, "must lie between 0 and 1, or -1 and -2 from the end.*got -3"),
        (1.0, TypeError, "layer must be an integer, got 1.0"),
        (True, TypeError, "layer must be an integer"),
        ("last", TypeError, "layer must be an integer, got 'last'"),
    ],
)
def test_a_layer_that_is_not_there_is_refused(model, y, layer, error, match):
    model.fit(X, y)
    for method in (
        lambda: model.transform(X, layer),
        lambda: model.get_feature_names_out(None, layer),
    ):
        with pytest.raises(error, match=match):
            method()


def test_without_hidden_layers_there_is_nothing_to_transform(model, y):
    model.set_params(hidden_layer_sizes=(), activation="relu").fit(X, y)
    with pytest.raises(ValueError, match="has no hidden layer"):
        model.transform(X)


def test_hidden_features_are_those_of_the_weights_at_hand(model, y):
    model.fit(X, y)
    model.coefs_[0][...] = 0.0
    model.intercepts_[0][...] = 0.5
    assert_allclose(model.transform(X, layer=0), np.tanh(0.5))
