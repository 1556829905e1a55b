"""Classes that appear later in a stream get outputs of their own; those known stay as they were."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from cbackprop import MLPClassifier, load

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NAMES = np.array(["b", "d", "f"])
TWO = NAMES[(X[:, 0] > 0).astype(int)]
THREE = NAMES[np.digitize(X[:, 0], [-0.5, 0.5])]
LABELS = (X[:, :3] > 0).astype(int)


def begun(y=THREE, classes=NAMES, dtype=np.float64, **options):
    """After some steps, with moments."""
    options = {"hidden_layer_sizes": (6,), "random_state": 0, "new_classes": "add", **options}
    model = MLPClassifier(**options)
    for _ in range(3):
        model.partial_fit(X.astype(dtype), y, classes=classes)
    return model


def last_columns(model):
    return np.vstack([model.coefs_[-1], model.intercepts_[-1]])


def last_state(model, i):
    size = model.coefs_[-1].size + model.intercepts_[-1].size
    return model._optimizer.state[i][-size:].reshape(-1, model.n_outputs_)


def grown(model, y):
    """A copy that has been told of y, and has made no step yet."""
    model = pickle.loads(pickle.dumps(model))
    model._targets.check(model, X, y, True, False)
    return model


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_classes_known_keep_weights_and_moments_and_new_ones_are_drawn(solver, dtype):
    model = begun(dtype=dtype, solver=solver)
    y = np.where(X[:, 1] > 0.5, "c", THREE)
    y[0] = "a"
    after = grown(model, y)
    assert after.classes_.tolist() == ["a", "b", "c", "d", "f"]
    assert after.coefs_[-1].dtype == dtype
    places, news = [1, 3, 4], [0, 2]
    assert_array_equal(last_columns(after)[:, places], last_columns(model))
    bound = np.sqrt(6 / (6 + 5))
    assert (np.abs(last_columns(after)[:, news]) <= bound).all()
    assert len(np.unique(last_columns(after)[:, news])) == 14
    for i in range(len(model._optimizer.state)):
        assert_array_equal(last_state(after, i)[:, places], last_state(model, i))
        assert (last_state(after, i)[:, news] == 0).all()
    for ours, theirs in zip(after.coefs_[:-1], model.coefs_[:-1], strict=True):
        assert_array_equal(ours, theirs)
    assert after._optimizer.n_steps == model._optimizer.n_steps


def test_new_columns_are_drawn_by_random_state():
    y = np.where(X[:, 1] > 0.5, "c", THREE)
    one, same, other = begun(), begun(), begun().set_params(random_state=1)
    for model in (one, same, other):
        model.partial_fit(X, y)
    assert_array_equal(one.coefs_[-1], same.coefs_[-1])
    assert not np.array_equal(one.coefs_[-1], other.coefs_[-1])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_old_classes_odds_are_as_before_the_next_step(solver):
    for known, y in ((NAMES, THREE), (NAMES[:2], TWO)):
        model = begun(y, known, solver=solver)
        before = model.predict_proba(X)
        after = grown(model, np.where(X[:, 1] > 0.5, "c", y))
        odds = after.predict_proba(X)[:, np.searchsorted(after.classes_, known)]
        assert_allclose(odds / odds.sum(axis=1, keepdims=True), before, rtol=1e-12)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_one_logit_becomes_two_of_opposite_sign_and_moments_go_along(solver):
    model = begun(TWO, NAMES[:2], solver=solver)
    after = grown(model, np.where(X[:, 1] > 0.5, "c", TWO))
    assert after.classes_.tolist() == ["b", "c", "d"]
    assert after.out_activation_ == "softmax"
    assert after.network_.loss_name == "log_loss"
    z = last_columns(model)[:, 0]
    assert_array_equal(last_columns(after)[:, [0, 2]], np.stack([-z / 2, z / 2], axis=1))
    first = last_state(model, 0)[:, 0]
    assert_array_equal(last_state(after, 0)[:, [0, 2]], np.stack([-first, first], axis=1))
    if solver == "adam":
        second = last_state(model, 1)[:, 0]
        assert (second > 0).any()
        assert_array_equal(last_state(after, 1)[:, [0, 2]], np.stack([second, second], axis=1))


@pytest.mark.parametrize(("first", "second"), [("b", "d"), ("d", "b")])
def test_a_second_class_makes_one_logit_of_two(first, second):
    model = begun(np.full(60, first), [first])
    z = model.decision_function(X)
    after = grown(model, np.where(X[:, 0] > 0, first, second))
    assert after.classes_.tolist() == ["b", "d"]
    assert after.n_outputs_ == 1
    assert_array_equal(after.decision_function(X), z if first == "b" else -z)
    assert_array_equal(after.predict_proba(X)[:, ["b", "d"].index(first)] > 0.5, z < 0)


def test_two_classes_after_one_make_a_softmax():
    model = begun(np.full(60, "d"), ["d"])
    z = model.decision_function(X)
    after = grown(model, NAMES[np.arange(60) % 3])
    assert after.classes_.tolist() == ["b", "d", "f"]
    assert_allclose(after.decision_function(X)[:, 1], -z / 2, rtol=1e-12)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_more_columns_of_a_multilabel_target_are_more_labels(kind):
    model = begun(kind(LABELS), [0, 1, 2])
    wider = np.hstack([LABELS, (X[:, :2] > 0.5).astype(int)])
    after = grown(model, kind(wider))
    assert after.classes_.tolist() == [0, 1, 2, 3, 4]
    assert_allclose(after.predict_proba(X)[:, :3], model.predict_proba(X), rtol=1e-12)
    assert_array_equal(last_columns(after)[:, :3], last_columns(model))
    for _ in range(50):
        model.partial_fit(X, kind(wider))
    assert model.predict(X).shape == (60, 5)
    assert sparse.issparse(model.predict(X)) == (kind is not np.asarray)
    with pytest.raises(ValueError, match=r"shape \(n, 5\)"):
        model.partial_fit(X, kind(LABELS))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_grown_model_learns_the_new_classes(dtype):
    rows = X.astype(dtype)
    model = MLPClassifier((20,), random_state=0, learning_rate_init=0.02, new_classes="add")
    model.partial_fit(rows[:20], TWO[:20], classes=["b", "d"])
    everything = np.where(X[:, 1] > 0.5, "c", TWO)
    for _ in range(150):
        model.partial_fit(rows, everything)
    assert model.score(rows, everything) > 0.95
    assert model.coefs_[0].dtype == dtype


def test_classes_may_be_named_ahead_and_in_the_first_call_be_too_few():
    model = MLPClassifier((5,), random_state=0, new_classes="add")
    model.partial_fit(X, THREE, classes=["b"])
    assert model.classes_.tolist() == ["b", "d", "f"]
    model.partial_fit(X, THREE, classes=["z", "b"])
    assert model.classes_.tolist() == ["b", "d", "f", "z"]
    assert model.coefs_[-1].shape == (5, 4)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier(new_classes="add").partial_fit(X, THREE)


def test_a_first_multilabel_target_may_be_wider_than_the_classes_named():
    model = MLPClassifier((5,), random_state=0, new_classes="add")
    model.partial_fit(X, LABELS, classes=[0, 1])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(X).shape == (60, 3)


def test_first_classes_found_in_y_give_the_model_that_knows_them_from_the_start():
    found = MLPClassifier((5,), random_state=0, new_classes="add")
    known = MLPClassifier((5,), random_state=0)
    found.partial_fit(X, THREE, classes=["b", "d"])
    known.partial_fit(X, THREE, classes=NAMES)
    assert_array_equal(found.network_.parameters, known.network_.parameters)


def test_without_new_classes_add_grows_nothing():
    model, plain = begun(), begun(new_classes=None)
    some = THREE != "f"
    for one in (model, plain):
        one.partial_fit(X[some], THREE[some])
    assert_array_equal(model.network_.parameters, plain.network_.parameters)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("warm_start", [True, False])
def test_a_fitted_model_grows_in_partial_fit_and_not_in_fit(warm_start):
    model = MLPClassifier((5,), max_iter=3, new_classes="add", warm_start=warm_start)
    model.fit(X, TWO).partial_fit(X, THREE)
    assert model.classes_.tolist() == ["b", "d", "f"]
    if warm_start:
        with pytest.raises(ValueError, match="warm_start can only be used"):
            model.fit(X, TWO)


def test_classes_of_numbers_widen():
    model = MLPClassifier((5,), random_state=0, new_classes="add")
    model.partial_fit(X, np.arange(60, dtype=np.int8) % 3, classes=np.arange(3, dtype=np.int8))
    model.partial_fit(X, np.arange(60) % 2 * 1000)
    assert model.classes_.tolist() == [0, 1, 2, 1000]


def test_longer_names_are_not_cut_off():
    model = begun()
    model.partial_fit(X, np.where(X[:, 1] > 0, "a longer name", "b"))
    assert model.classes_.tolist() == ["a longer name", "b", "d", "f"]


def test_class_weight_may_name_classes_that_are_yet_to_come():
    model = begun(class_weight={"b": 2.0, "z": 3.0})
    model.partial_fit(X, np.where(X[:, 1] > 0, "z", THREE))
    assert "z" in model.classes_


BAD = {
    "rows": (np.full((60, 4), np.nan), np.full(60, "z"), {}, "NaN"),
    "features": (X[:, :2], np.full(60, "z"), {}, "features"),
    "weights": (X, np.full(60, "z"), {"sample_weight": -np.ones(60)}, "sample_weight"),
    "numbers": (X, np.arange(60) % 2, {}, "new classes must be of the type of those known"),
    "fractions": (X, np.linspace(0, 1, 60), {}, "Unknown label type|label"),
    "indicator": (X, LABELS, {}, "y must be labels of shape"),
    "classes": (X, THREE, {"classes": [1, 2]}, "new classes must be of the type"),
    "lost": (X * 1e10, np.where(X[:, 0] > 0, "z", "b"), {}, "non-finite"),
}


@pytest.mark.parametrize(("rows", "y", "more", "match"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("units", [6, 3000])
@pytest.mark.filterwarnings("ignore")
def test_a_call_that_fails_leaves_the_model_as_it_was(rows, y, more, match, units):
    options = {"hidden_layer_sizes": (units,), "random_state": np.random.RandomState(0)}
    model = begun(**options, solver="sgd" if match == "non-finite" else "adam")
    if match == "non-finite":
        model._optimizer.learning_rate = 1e308
    network, optimizer = model.network_, model._optimizer
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=match):
        model.partial_fit(rows, y, **more)
    assert model.network_ is network
    assert model._optimizer is optimizer
    assert pickle.dumps(model) == before
    model.partial_fit(X, THREE)


def test_labels_of_which_a_multilabel_model_knows_nothing_are_an_error():
    model = begun(LABELS, [0, 1, 2])
    with pytest.raises(ValueError, match="classes not in"):
        model.partial_fit(X, np.arange(60) % 5)


def test_a_grown_model_is_saved_and_goes_to_scikit_learn(tmp_path):
    model = begun()
    model.partial_fit(X, np.where(X[:, 1] > 0.5, "c", THREE)).save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.new_classes == "add"
    y = np.where(X[:, 1] > 1, "z", THREE)
    assert_array_equal(
        again.partial_fit(X, y).network_.parameters, model.partial_fit(X, y).network_.parameters
    )
    theirs = model.set_params(new_classes=None).to_sklearn()
    assert_allclose(theirs.predict_proba(X), model.predict_proba(X), rtol=1e-9)
    theirs.partial_fit(X, y)
    model.partial_fit(X, y)
    for a, b in zip(model.coefs_, theirs.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-6, atol=1e-9)
