"""A fitted estimator of given weights: it predicts, trains on, is saved and copied as any other."""

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from cbackprop import MLPClassifier, MLPRegressor, Network, load

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.RandomState(0)
X = rng.normal(size=(90, 4))
NAMES = np.array(["a", "b", "c"])
TARGETS = {
    "binary": (X[:, 0] > 0).astype(int),
    "two names": np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)],
    "multiclass": NAMES[np.digitize(X[:, 0], [-0.5, 0.5])],
    "multilabel": (X[:, :3] > 0).astype(int),
    "numbers": X @ [1.0, -2.0, 0.5, 0.0],
    "several numbers": X[:, :2] ** 2,
    "poisson": np.exp(X[:, 0]),
}
OPTIONS = {"activation": ["tanh", "gelu"], "random_state": 0, "max_iter": 6}
KINDS = [*TARGETS]


def kind_of(name):
    regression = name in ("numbers", "several numbers", "poisson")
    return MLPRegressor if regression else MLPClassifier


def more_of(name, **options):
    return {**OPTIONS, **({"loss": "poisson"} if name == "poisson" else {}), **options}


def fitted(name, dtype=np.float64, **options):
    model = kind_of(name)(hidden_layer_sizes=(6, 5), **more_of(name, **options))
    return model.fit(X.astype(dtype), TARGETS[name])


def of_weights(name, model, **options):
    given = [model.coefs_, model.intercepts_]
    if name == "multilabel":
        options["multilabel"] = True
    elif kind_of(name) is MLPClassifier:
        given.append(model.classes_)
    return kind_of(name).from_weights(*given, **more_of(name, **options))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", KINDS)
def test_a_model_of_given_weights_predicts_as_the_one_they_are_of(name, dtype):
    model = fitted(name, dtype)
    made, rows = of_weights(name, model), X.astype(dtype)
    check_is_fitted(made)
    assert made.coefs_[0].dtype == dtype
    assert_array_equal(made.predict(rows), model.predict(rows))
    if kind_of(name) is MLPClassifier:
        assert_array_equal(made.predict_proba(rows), model.predict_proba(rows))
        assert_array_equal(made.classes_, model.classes_)
    assert made.score(rows, TARGETS[name]) == model.score(rows, TARGETS[name])
    for attribute in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(made, attribute) == getattr(model, attribute)
    assert made.hidden_layer_sizes == (6, 5)
    assert not np.shares_memory(made.coefs_[0], model.coefs_[0])


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("name", KINDS)
def test_fit_begins_from_given_weights_in_a_warm_start(name, solver):
    """As scikit-learn's whose weights are assigned, and as a fit that is taken up again."""
    model = fitted(name, solver=solver, warm_start=True)
    made = of_weights(name, model, solver=solver, warm_start=True)
    made.fit(X, TARGETS[name])
    model.fit(X, TARGETS[name])
    for a, b in zip(made.coefs_ + made.intercepts_, model.coefs_ + model.intercepts_, strict=True):
        assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_without_a_warm_start_fit_begins_anew(name):
    made = of_weights(name, fitted(name)).fit(X, TARGETS[name])
    assert_array_equal(made.coefs_[0], fitted(name).coefs_[0])


@pytest.mark.parametrize("name", KINDS)
def test_partial_fit_goes_on_from_given_weights(name):
    model = fitted(name, learning_rate_init=1e-6)
    made = of_weights(name, model, learning_rate_init=1e-6).partial_fit(X, TARGETS[name])
    assert made.t_ == 90
    assert not np.array_equal(made.coefs_[0], model.coefs_[0])
    assert_allclose(made.coefs_[0], model.coefs_[0], atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_a_model_of_given_weights_is_saved_pickled_and_cloned(name, tmp_path):
    made = of_weights(name, fitted(name))
    made.save(tmp_path / "model")
    for again in (load(tmp_path / "model"), pickle.loads(pickle.dumps(made))):
        assert_array_equal(again.predict(X), made.predict(X))
        again.partial_fit(X, TARGETS[name])
    assert not hasattr(clone(made), "coefs_")
    assert clone(made).fit(X, TARGETS[name]).n_layers_ == 4


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel", "numbers"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_a_model_of_given_weights_goes_to_scikit_learn_and_trains_there(name, solver):
    model = fitted(name, activation="tanh", solver=solver)
    made = of_weights(name, model, activation="tanh", solver=solver, warm_start=True)
    theirs = made.to_sklearn()
    assert_allclose(theirs.predict(X), made.predict(X), rtol=1e-9) if name == "numbers" else None
    theirs.fit(X, TARGETS[name])
    made.fit(X, TARGETS[name])
    for a, b in zip(made.coefs_, theirs.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_weights_of_a_network_make_an_estimator():
    net = Network([4, 5, 1], activation="mish", random_state=0)
    made = MLPRegressor.from_weights(net.weights, net.biases, activation=net.activation)
    assert_array_equal(made.predict(X), net.predict(X)[:, 0])


def test_weights_of_another_task_are_fine_tuned_with_a_last_layer_of_ones_own():
    first = fitted("multiclass", activation="relu")
    coefs = [*first.coefs_[:-1], 0.1 * rng.normal(size=(5, 1))]
    intercepts = [*first.intercepts_[:-1], np.zeros(1)]
    model = MLPRegressor.from_weights(
        coefs, intercepts, warm_start=True, trainable=[False, False, True], max_iter=5
    ).fit(X, TARGETS["numbers"])
    assert_array_equal(model.coefs_[0], first.coefs_[0])
    assert not np.array_equal(model.coefs_[2], coefs[2])


def test_classes_in_another_order_take_their_columns_along():
    model = fitted("multiclass")
    order = [2, 0, 1]
    coefs, intercepts = list(model.coefs_), list(model.intercepts_)
    coefs[-1], intercepts[-1] = coefs[-1][:, order], intercepts[-1][order]
    made = MLPClassifier.from_weights(coefs, intercepts, NAMES[order], **OPTIONS)
    assert_array_equal(made.classes_, NAMES)
    assert_array_equal(made.predict_proba(X), model.predict_proba(X))


def test_two_classes_in_another_order_turn_the_logit():
    made = MLPClassifier.from_weights([np.ones((4, 1))], [[0.5]], ["yes", "no"])
    logits = X.sum(axis=1) + 0.5
    assert made.classes_.tolist() == ["no", "yes"]
    assert_array_equal(made.predict(X), np.where(logits > 0, "no", "yes"))
    assert_allclose(made.decision_function(X), -logits)


def test_without_classes_they_are_numbered():
    one = MLPClassifier.from_weights([np.ones((4, 1))], [[0.0]])
    three = MLPClassifier.from_weights([np.ones((4, 3))], [np.arange(3.0)])
    assert one.classes_.tolist() == [0, 1]
    assert three.classes_.tolist() == [0, 1, 2]
    assert_array_equal(three.predict(X), 2)
    assert three.hidden_layer_sizes == ()


def test_lists_are_float64_and_float32_arrays_stay():
    single = MLPRegressor.from_weights([np.ones((4, 1), np.float32)], [np.ones(1, np.float32)])
    mixed = MLPRegressor.from_weights([np.ones((4, 1), np.float32)], [[1.0]])
    assert single.coefs_[0].dtype == np.float32
    assert single.predict(X.astype(np.float32)).dtype == np.float32
    assert mixed.coefs_[0].dtype == np.float64


def test_several_quantiles_have_an_output_each():
    given = [np.ones((4, 3))], [np.arange(3.0)]
    made = MLPRegressor.from_weights(*given, loss="quantile", quantile=[0.1, 0.5, 0.9])
    assert made.predict(X).shape == (90, 3)
    with pytest.raises(ValueError, match="2 quantiles need as many outputs, got 3"):
        MLPRegressor.from_weights(*given, loss="quantile", quantile=[0.1, 0.9])


W, b = [np.ones((4, 5)), np.ones((5, 3))], [np.ones(5), np.ones(3)]
BAD = {
    "not as many": (lambda k: k(W, b[:1]), ValueError, "at least one, got 2 and 1"),
    "none": (lambda k: k([], []), ValueError, "at least one, got 0 and 0"),
    "no list": (lambda k: k(3, b), TypeError, "coefs must be a list with an array for each layer"),
    "chain": (
        lambda k: k([np.ones((4, 6)), W[1]], [np.ones(6), b[1]]),
        ValueError,
        r"coefs\[1\] must have 6 rows, one for each column of coefs\[0\], got shape \(5, 3\)",
    ),
    "biases": (
        lambda k: k(W, [np.ones(4), b[1]]),
        ValueError,
        r"intercepts\[0\] must have shape \(5,\), a bias for each column of coefs\[0\], got \(4,\)",
    ),
    "one dimension": (
        lambda k: k([np.ones(4), W[1]], b), ValueError, r"coefs\[0\] must have shape \(fan_in"
    ),
    "two dimensions": (
        lambda k: k(W, [np.ones((1, 5)), b[1]]), ValueError, r"intercepts\[0\] must have shape"
    ),
    "empty": (lambda k: k([np.ones((0, 3))], [np.ones(3)]), ValueError, "none of it 0"),
    "NaN": (lambda k: k([W[0], W[1] * np.nan], b), ValueError, r"coefs\[1\] must be finite"),
    "infinity": (lambda k: k(W, [b[0], b[1] + np.inf]), ValueError, r"intercepts\[1\] must be fin"),
    "words": (lambda k: k([[["a"]]], [[1.0]]), TypeError, r"coefs\[0\] must be numbers"),
    "ragged": (lambda k: k([[[1.0], [1.0, 2.0]]], [[1.0]]), ValueError, r"coefs\[0\]"),
    "sizes": (
        lambda k: k(W, b, hidden_layer_sizes=(7,)),
        ValueError,
        r"hidden_layer_sizes must be \(5,\), as the weights have it, or be left out; got \(7,\)",
    ),
    "parameter": (lambda k: k(W, b, alpha=-1.0), ValueError, "'alpha' parameter"),
    "unknown": (lambda k: k(W, b, alfa=1.0), TypeError, "alfa"),
    "activations": (lambda k: k(W, b, activation=["relu"] * 2), ValueError, "activation"),
}  # fmt: skip


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(("call", "error", "match"), BAD.values(), ids=BAD)
def test_weights_that_do_not_go_together_are_refused(kind, call, error, match):
    with pytest.raises(error, match=match):
        call(kind.from_weights)


OF_CLASSES = {
    "too few": ((W, b, ["a", "b"]), {}, r"3 outputs, which needs 3 classes, got 2: \['a', 'b'\]"),
    "too many": (([np.ones((4, 1))], [[0.0]], [1, 2, 3]), {}, "2 classes for 1 output, got 3"),
    "twice": ((W, b, ["a", "b", "a"]), {}, "classes must differ"),
    "table": ((W, b, np.eye(3)), {}, r"classes must have shape \(n_classes,\), got \(3, 3\)"),
    "two outputs": (([np.ones((4, 2))], [np.ones(2)], [0, 1]), {}, "two classes have one output"),
    "names of labels": ((W, b, ["a", "b", "c"]), {"multilabel": True}, "None, or 0 to 2"),
    "one label": (([np.ones((4, 1))], [[0.0]]), {"multilabel": True}, "at least 2 outputs"),
    "fractions": ((W, b, [0.5, 1.5, 2.5]), {}, "label type"),
}


@pytest.mark.parametrize(("given", "more", "match"), OF_CLASSES.values(), ids=OF_CLASSES)
def test_classes_that_do_not_go_with_the_outputs_are_refused(given, more, match):
    with pytest.raises(ValueError, match=match):
        MLPClassifier.from_weights(*given, **more)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_weights_assigned_before_a_fit_are_told_of_from_weights(kind, name):
    expected = re.escape(f"{kind.__name__}.from_weights(coefs, intercepts, ...)")
    with pytest.raises(NotFittedError, match=expected):
        setattr(kind(), name, W)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_pickle_of_an_earlier_version_has_what_is_new_at_its_default(kind):
    y = TARGETS["binary"]
    model = kind(hidden_layer_sizes=(5,), max_iter=3, random_state=0).fit(X, y)
    state = model.__getstate__()
    for name in ("class_weight", "new_classes", "trainable", "non_crossing"):
        state.pop(name, None)
    again = object.__new__(kind)
    again.__setstate__(state)
    assert again.get_params() == model.get_params()
    assert_array_equal(again.predict(X), model.predict(X))
    again.fit(X, y)


def test_scikit_learns_weights_make_its_model():
    theirs = neural_network.MLPClassifier((5,), max_iter=5, random_state=0).fit(
        X, TARGETS["multiclass"]
    )
    made = MLPClassifier.from_weights(theirs.coefs_, theirs.intercepts_, theirs.classes_)
    assert_allclose(made.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)
