"""The estimators' contract: parameters that can be changed and stored, messages, errors, inputs."""

import copy
import inspect
import io
import pickle
import re
import sys
import warnings

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from bad_inputs.estimators import LABELS, NUMBERS, TARGETS, X, fitted, new
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.fixes import parse_version, sp_version
from threadpoolctl import threadpool_limits

import cbackprop
from cbackprop import MLPClassifier

sklearn_version = parse_version(sklearn.__version__)
WEIGHTED = sklearn_version >= parse_version("1.7")
KINDS = ["MLPClassifier", "MLPRegressor"]
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """These networks are small: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def outputs(estimator, rows=X):
    method = getattr(estimator, "predict_proba", None) or estimator.predict
    return method(rows)


def parameters(estimator) -> np.ndarray:
    return np.concatenate([a.ravel() for a in estimator.coefs_ + estimator.intercepts_])


# ---------------------------------------------------------------------------------------------
# coefs_ and intercepts_.


def test_coefs_are_views_into_the_networks_vector():
    estimator = fitted("MLPClassifier")
    assert [w.shape for w in estimator.coefs_] == [(4, 5), (5, 3), (3, 1)]
    assert [b.shape for b in estimator.intercepts_] == [(5,), (3,), (1,)]
    for array in estimator.coefs_ + estimator.intercepts_:
        assert np.shares_memory(array, estimator.network_.parameters)


def multiply_in_place(estimator):
    for array in estimator.coefs_ + estimator.intercepts_:
        array *= 0.5


def multiply_an_item(estimator):
    estimator.coefs_[1] *= 2.0
    estimator.intercepts_[0] += 0.25


def write_into_an_item(estimator):
    estimator.coefs_[0][1, 2] = 3.0
    estimator.intercepts_[-1][:] = -1.0


def assign_items(estimator):
    estimator.coefs_[2] = np.full((3, 1), 0.5)
    estimator.intercepts_[1] = np.arange(3.0)


def assign_lists_of_arrays(estimator):
    estimator.coefs_ = [np.full(w.shape, 0.1) for w in estimator.coefs_]
    estimator.intercepts_ = [np.zeros(b.shape) for b in estimator.intercepts_]


def assign_own_arrays(estimator):
    estimator.coefs_ = [w.copy() - 0.1 for w in estimator.coefs_]
    estimator.intercepts_ = list(estimator.intercepts_)


CHANGES = [
    multiply_in_place,
    multiply_an_item,
    write_into_an_item,
    assign_items,
    assign_lists_of_arrays,
    assign_own_arrays,
]


@quiet
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("then", ["predict", "partial_fit", "fit"])
def test_changed_parameters_are_used_by_what_comes_next_as_in_sklearn(then, kind, change):
    pair = [fitted(kind, module, warm_start=True) for module in (cbackprop, neural_network)]
    before = outputs(pair[0])
    for estimator in pair:
        change(estimator)
        if then != "predict":
            getattr(estimator, then)(X, TARGETS[kind])
    ours, theirs = pair
    assert not np.allclose(outputs(ours), before)
    assert_allclose(outputs(ours), outputs(theirs), rtol=1e-9)
    assert_allclose(parameters(ours), parameters(theirs), rtol=1e-9)


def test_nested_lists_are_taken_for_coefs():
    estimator = fitted("MLPClassifier", hidden_layer_sizes=(2,))
    estimator.coefs_ = [[[1, 2]] * 4, [[3], [4]]]
    estimator.intercepts_ = [[5, 6], [7]]
    assert_array_equal(estimator.coefs_[0], [[1.0, 2.0]] * 4)
    assert_array_equal(estimator.network_.parameters[-3:], [3, 4, 7])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("coefs_", []),
        ("coefs_", [np.zeros((4, 5)), np.zeros((5, 3))]),
        ("coefs_", [np.zeros((5, 4)), np.zeros((5, 3)), np.zeros((3, 1))]),
        ("intercepts_", [np.zeros(5), np.zeros(3), np.zeros(())]),
        ("intercepts_", [np.zeros((1, 5)), np.zeros(3), np.zeros(1)]),
    ],
)
def test_parameters_of_other_shapes_are_refused_and_change_nothing(name, values):
    estimator = fitted("MLPRegressor")
    before = parameters(estimator)
    with pytest.raises(ValueError, match=r"must have the shapes \[.*\], got \["):
        setattr(estimator, name, values)
    assert_array_equal(parameters(estimator), before)


def test_an_item_of_another_shape_is_refused_and_changes_nothing():
    estimator = fitted("MLPRegressor")
    before = parameters(estimator)
    with pytest.raises(ValueError, match=r"layer 1 has the shape \(5, 3\), got \(3, 5\)"):
        estimator.coefs_[1] = np.zeros((3, 5))
    with pytest.raises(ValueError, match="layer 0 has the shape"):
        estimator.intercepts_[0] = 1.0
    assert_array_equal(parameters(estimator), before)


@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_parameters_before_fit_are_an_attribute_error(name):
    estimator = new("MLPClassifier")
    assert not hasattr(estimator, name)
    with pytest.raises(AttributeError, match=f"'MLPClassifier' object has no attribute '{name}'"):
        getattr(estimator, name)
    with pytest.raises(AttributeError, match="before it is fitted"):
        setattr(estimator, name, [])


# ---------------------------------------------------------------------------------------------
# Stored and copied.


def through_pickle(estimator, folder):
    return pickle.loads(pickle.dumps(estimator))


def through_old_pickle(estimator, folder):
    return pickle.loads(pickle.dumps(estimator, protocol=2))


def through_deepcopy(estimator, folder):
    return copy.deepcopy(estimator)


def through_joblib(estimator, folder):
    joblib.dump(estimator, folder / "model")
    return joblib.load(folder / "model")


def through_compressed_joblib(estimator, folder):
    joblib.dump(estimator, folder / "model", compress=3)
    return joblib.load(folder / "model")


def through_memory_map(estimator, folder):
    joblib.dump(estimator, folder / "model")
    return joblib.load(folder / "model", mmap_mode="r")


JOURNEYS = [
    through_pickle,
    through_old_pickle,
    through_deepcopy,
    through_joblib,
    through_compressed_joblib,
    through_memory_map,
]


@quiet
@pytest.mark.parametrize("journey", JOURNEYS)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_stored_estimator_is_the_same_and_goes_on_the_same(kind, solver, journey, tmp_path):
    original = fitted(kind, solver=solver, warm_start=True)
    stored = journey(original, tmp_path)
    assert_array_equal(outputs(stored), outputs(original))
    assert_array_equal(parameters(stored), parameters(original))
    assert stored.get_params() == original.get_params()
    steps = ["fit"] if solver == "lbfgs" else ["partial_fit", "fit", "partial_fit"]
    for step in steps:
        for estimator in (original, stored):
            getattr(estimator, step)(X, TARGETS[kind])
        assert_array_equal(parameters(stored), parameters(original))
        assert (stored.n_iter_, stored.t_) == (original.n_iter_, original.t_)


@pytest.mark.parametrize("journey", JOURNEYS)
def test_stored_estimators_coefs_are_its_own_networks(journey, tmp_path):
    original = fitted("MLPClassifier")
    stored = journey(original, tmp_path)
    for array in stored.coefs_ + stored.intercepts_:
        assert np.shares_memory(array, stored.network_.parameters)
        assert not np.shares_memory(array, original.network_.parameters)


@pytest.mark.parametrize("journey", JOURNEYS)
def test_coefs_can_be_assigned_after_storing(journey, tmp_path):
    stored = journey(fitted("MLPRegressor"), tmp_path)
    stored.coefs_ = [np.ones(w.shape) for w in stored.coefs_]
    stored.intercepts_ = [np.zeros(b.shape) for b in stored.intercepts_]
    assert_allclose(stored.predict(np.ones((1, 4))), [4 * 5 * 3])


def test_memory_mapped_estimator_predicts_without_a_copy(tmp_path):
    stored = through_memory_map(fitted("MLPClassifier"), tmp_path)
    assert not stored.network_.parameters.flags.writeable
    stored.predict(X)
    stored.score(X, LABELS)
    assert not stored.network_.parameters.flags.writeable


@quiet
@pytest.mark.parametrize(
    ("settings", "copies"),
    [
        ({"solver": "lbfgs"}, 1),
        ({"solver": "sgd", "momentum": 0.0}, 1),
        ({"solver": "sgd"}, 2),
        ({"solver": "adam"}, 3),
        ({"solver": "adam", "early_stopping": True, "validation_fraction": 0.2}, 3),
    ],
    ids=str,
)
def test_file_holds_the_parameters_once_and_the_optimizers_state(settings, copies, tmp_path):
    estimator = MLPClassifier((300, 50), max_iter=1, **settings).fit(X, LABELS)
    size = estimator.network_.parameters.nbytes
    small = 6000  # everything else
    assert len(pickle.dumps(estimator)) < copies * size + small
    joblib.dump(estimator, tmp_path / "model")
    assert (tmp_path / "model").stat().st_size < copies * size + small
    # Reading the lists must not add them to the file.
    assert len(estimator.coefs_ + estimator.intercepts_) == 6
    assert len(pickle.dumps(estimator)) < copies * size + small


def test_deep_copy_is_independent():
    original = fitted("MLPClassifier")
    other = copy.deepcopy(original)
    before = outputs(original)
    other.coefs_[0][...] = 7.0
    other.partial_fit(X, LABELS)
    assert_array_equal(outputs(original), before)


def test_clone_is_unfitted_with_the_same_parameters():
    original = fitted("MLPRegressor", alpha=0.5)
    other = clone(original)
    assert not hasattr(other, "network_")
    assert other.get_params() == original.get_params()


# ---------------------------------------------------------------------------------------------
# The constructor and what is public.


def of_sklearn(kind: str):
    return getattr(neural_network, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_constructor_has_sklearns_parameters_in_order_with_the_same_defaults(kind):
    ours = dict(inspect.signature(getattr(cbackprop, kind)).parameters)
    theirs = dict(inspect.signature(of_sklearn(kind)).parameters)
    if kind == "MLPRegressor" and not WEIGHTED:
        assert ours.pop("loss").default == "squared_error"  # scikit-learn has it from 1.7 on
    more = [name for name in ours if name not in theirs]
    assert {"clip_value", "clip_norm", "n_jobs"} <= set(more)
    assert all(ours.pop(name).default in (None, False) for name in more)
    assert list(ours.values()) == list(theirs.values())


@pytest.mark.parametrize("kind", KINDS)
def test_get_params_returns_what_was_given(kind):
    given = {name: object() for name in inspect.signature(getattr(cbackprop, kind)).parameters}
    estimator = getattr(cbackprop, kind)(**given)
    assert estimator.get_params() == given
    assert vars(estimator) == given


@pytest.mark.skipif(not WEIGHTED, reason="scikit-learn takes sample_weight from 1.7 on")
@pytest.mark.parametrize("kind", KINDS)
def test_public_methods_have_sklearns_signatures(kind):
    for name, theirs in inspect.getmembers(of_sklearn(kind)(), inspect.ismethod):
        if not name.startswith("_"):
            ours = getattr(getattr(cbackprop, kind)(), name)
            expected = inspect.signature(theirs).parameters
            added = set()
            if name == "fit":
                added = {"X_val", "y_val", "sample_weight_val", "groups", "callbacks"}
                added |= {"comm", "sync_every"}
            if name == "partial_fit":
                added = {"comm", "sync_every"}
            if name == "set_fit_request":
                added = {"X_val", "y_val", "sample_weight_val", "groups"}
            parameters = inspect.signature(ours).parameters
            assert all(parameters[key].kind is inspect.Parameter.KEYWORD_ONLY for key in added)
            kept = {key: value for key, value in parameters.items() if key not in added}
            assert (kept, kept.keys() | added) == (expected, parameters.keys()), name


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_fitted_attributes_are_all_of_sklearns(kind, early_stopping, solver):
    settings = {"solver": solver, "early_stopping": early_stopping}
    theirs, ours = (fitted(kind, m, **settings) for m in (neural_network, cbackprop))
    public = [name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")]
    assert len(public) > 8
    assert [name for name in public if not hasattr(ours, name)] == []
    for name in ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
        assert hasattr(ours, name) == hasattr(theirs, name)


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_sklearns(kind):
    theirs = get_tags(of_sklearn(kind)())
    theirs.input_tags.sparse = True  # scikit-learn 1.6.0 takes sparse rows and does not say so
    ours = get_tags(getattr(cbackprop, kind)())
    # A transformer besides: of rows into hidden features.
    assert ours.transformer_tags.preserves_dtype == ["float64", "float32"]
    ours.transformer_tags = None
    assert ours == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_repr_is_sklearns(kind):
    assert repr(new(kind, alpha=1)) == repr(new(kind, neural_network, alpha=1))


# ---------------------------------------------------------------------------------------------
# partial_fit.


def test_partial_fit_is_one_epoch_from_the_parameters_at_hand():
    estimator = new("MLPClassifier", max_iter=50)
    for epoch in range(1, 4):
        assert estimator.partial_fit(X, LABELS, classes=[0, 1]) is estimator
        assert (estimator.n_iter_, estimator.t_) == (1, epoch * 40)
        assert len(estimator.loss_curve_) == epoch


@quiet
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("kind", KINDS)
def test_partial_fits_of_rows_in_order_are_a_fit(kind, solver):
    settings = {"solver": solver, "shuffle": False, "max_iter": 3}
    whole = fitted(kind, **settings)
    steps = new(kind, **settings)
    first = {"classes": [0, 1]} if kind == "MLPClassifier" else {}
    for _ in range(3):
        steps.partial_fit(X, TARGETS[kind], **first)
    assert_array_equal(parameters(steps), parameters(whole))
    assert steps.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("kind", KINDS)
def test_partial_fit_is_no_attribute_with_lbfgs(kind):
    estimator = new(kind, solver="lbfgs")
    assert not hasattr(estimator, "partial_fit")
    with pytest.raises(
        AttributeError, match=f"^This '{kind}' has no attribute 'partial_fit'$"
    ) as raised:
        estimator.partial_fit(X, LABELS)
    assert str(raised.value.__cause__) == (
        "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
    )


# ---------------------------------------------------------------------------------------------
# What is printed.

VERBOSE = [
    {"solver": "adam"},
    {"solver": "sgd", "max_iter": 60, "tol": 10.0, "n_iter_no_change": 2},
    {"solver": "sgd", "max_iter": 60, "tol": 10.0, "n_iter_no_change": 1, "verbose": 10},
    {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.01,
        "max_iter": 60,
        "tol": 10.0,
        "n_iter_no_change": 1,
    },
    {"solver": "adam", "early_stopping": True, "validation_fraction": 0.3},
    {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "early_stopping": True,
        "max_iter": 60,
        "tol": 10.0,
        "n_iter_no_change": 1,
    },
]


@quiet
@pytest.mark.parametrize("settings", VERBOSE, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_verbose_prints_sklearns_lines(kind, settings, capsys):
    settings = {"verbose": True, **settings}
    fitted(kind, neural_network, **settings)
    expected = capsys.readouterr().out
    estimator = fitted(kind, **settings)
    assert capsys.readouterr().out == expected
    assert "Iteration 1, loss = " in expected
    assert ("Stopping." in expected) == ("tol" in settings)
    if settings.get("learning_rate") == "adaptive":
        assert "Setting learning rate to" in expected
        assert "Learning rate too small. Stopping." in expected
    assert hasattr(estimator, "network_")


def test_verbose_partial_fit_prints_sklearns_lines(capsys):
    printed = []
    for module in (neural_network, cbackprop):
        estimator = new("MLPRegressor", module, verbose=True)
        for _ in range(3):
            estimator.partial_fit(X, NUMBERS)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert printed[0].count("Iteration 1, loss") == 3


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_printed_without_verbose(kind, capfd):
    for solver in ("sgd", "adam", "lbfgs"):
        fitted(kind, solver=solver)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sp_version < parse_version("1.15"), reason="SciPy itself prints")
def test_verbose_lbfgs_prints_nothing_as_in_sklearn(capfd):
    fitted("MLPClassifier", solver="lbfgs", verbose=True)
    assert capfd.readouterr() == ("", "")


# ---------------------------------------------------------------------------------------------
# Warnings.


def warned_by(call) -> list:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [(w.category, str(w.message)) for w in caught]


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_max_iter_reached_warns_as_sklearn_does(kind, solver):
    settings = {"solver": solver, "max_iter": 2}
    expected = warned_by(lambda: new(kind, neural_network, **settings).fit(X, TARGETS[kind]))
    assert [category for category, _ in expected] == [ConvergenceWarning]
    assert warned_by(lambda: new(kind, **settings).fit(X, TARGETS[kind])) == expected


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_filter_for_sklearns_modules_silences_the_convergence_warning(solver):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=ConvergenceWarning, module="sklearn")
        for module in (neural_network, cbackprop):
            new("MLPClassifier", module, solver=solver, max_iter=2).fit(X, LABELS)


@pytest.mark.parametrize("kind", KINDS)
def test_batch_larger_than_the_data_warns_as_sklearn_does(kind):
    settings = {"batch_size": 41, "max_iter": 300, "tol": 1.0}
    expected = warned_by(lambda: new(kind, neural_network, **settings).fit(X, TARGETS[kind]))
    assert [category for category, _ in expected] == [UserWarning]
    assert warned_by(lambda: new(kind, **settings).fit(X, TARGETS[kind])) == expected


def test_column_of_targets_warns_as_sklearn_does():
    settings = {"max_iter": 300, "tol": 1.0}
    column = LABELS.reshape(-1, 1)
    expected = warned_by(lambda: new("MLPClassifier", neural_network, **settings).fit(X, column))
    assert "A column-vector y was passed" in expected[0][1]
    assert warned_by(lambda: new("MLPClassifier", **settings).fit(X, column)) == expected


@pytest.mark.parametrize("schedule", ["invscaling", "adaptive"])
@pytest.mark.parametrize("kind", KINDS)
def test_learning_rate_given_to_adam_warns_once(kind, schedule):
    estimator = new(kind, learning_rate=schedule, max_iter=300, tol=1.0)
    message = (
        f"learning_rate='{schedule}' has no effect with solver='adam': schedules are for "
        "solver='sgd'."
    )
    assert warned_by(lambda: estimator.fit(X, TARGETS[kind])) == [(UserWarning, message)]

    def feed():
        first = {"classes": [0, 1]} if kind == "MLPClassifier" else {}
        part = new(kind, learning_rate=schedule)
        for _ in range(3):
            part.partial_fit(X, TARGETS[kind], **first)

    assert warned_by(feed) == [(UserWarning, message)]


@pytest.mark.parametrize("settings", [{"solver": "sgd"}, {"solver": "lbfgs"}, {}], ids=str)
def test_learning_rate_warns_of_nothing_where_it_counts_or_is_constant(settings):
    schedule = {} if settings == {} else {"learning_rate": "adaptive"}
    estimator = new("MLPRegressor", max_iter=400, tol=1.0, **settings, **schedule)
    assert warned_by(lambda: estimator.fit(X, NUMBERS)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_loss_that_has_blown_up_warns_once_and_names_epoch_loss_and_learning_rate(kind):
    estimator = new(kind, learning_rate_init=1e30, activation="identity", max_iter=6)
    with pytest.warns(ConvergenceWarning) as caught:
        estimator.fit(X, TARGETS[kind])
    blown = [str(w.message) for w in caught if "blown up" in str(w.message)]
    assert len(blown) == 1
    epoch, loss, rate = re.search(
        r"The loss has blown up from \S+\. Epoch (\d+): loss (\S+), learning rate (\S+)\. "
        "Try a smaller learning_rate_init, and scaled inputs.",
        blown[0],
    ).groups()
    assert float(rate) == 1e30
    assert float(loss) == pytest.approx(estimator.loss_curve_[int(epoch) - 1], rel=1e-2)


@quiet
def test_loss_that_only_rises_warns_of_nothing_else():
    estimator = new("MLPRegressor", solver="sgd", learning_rate_init=0.3, max_iter=3)
    caught = warned_by(lambda: estimator.fit(X, NUMBERS))
    assert [text[:20] for _, text in caught] == ["Stochastic Optimizer"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_non_finite_parameters_raise_with_sklearns_words(solver, kind):
    huge = np.finfo(float).max * (np.abs(X) / np.abs(X).max())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(
            ValueError, match=r"^Solver produced non-finite parameter weights\. The"
        ):
            new(kind, solver=solver, activation="identity").fit(huge, TARGETS[kind])


def test_lbfgs_that_cannot_make_a_step_warns_as_sklearn_does_and_says_why_and_keeps_its_start():
    estimators = [
        new("MLPClassifier", module, solver="lbfgs", activation="identity")
        for module in (neural_network, cbackprop)
    ]
    expected = warned_by(lambda: estimators[0].fit(X * 1e160, LABELS))
    more = "The loss is not finite. Iteration 0: loss nan. Try scaled inputs."
    warned = warned_by(lambda: estimators[1].fit(X * 1e160, LABELS))
    assert warned == [*expected, (ConvergenceWarning, more)]
    assert [category for category, _ in expected] == [ConvergenceWarning]
    assert_array_equal(parameters(estimators[1]), parameters(estimators[0]))


def test_non_finite_parameters_name_epoch_loss_and_learning_rate():
    estimator = new("MLPRegressor", solver="sgd", activation="identity", learning_rate_init=1e200)
    with pytest.raises(
        ValueError,
        match=r"need to be preprocessed\. Epoch 1: loss (nan|inf), learning rate 1e\+200\. Try a "
        r"smaller learning_rate_init, and scaled inputs\.$",
    ):
        estimator.fit(X, NUMBERS)


class Interrupting(io.StringIO):
    """An output at whose fourth epoch the user presses Ctrl-C."""

    def write(self, text):
        if text.startswith("Iteration 4"):
            raise KeyboardInterrupt
        return super().write(text)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_fit_warns_and_leaves_sklearns_model(kind, solver, early_stopping, monkeypatch):
    settings = {"solver": solver, "early_stopping": early_stopping, "max_iter": 100}
    models = []
    for module in (neural_network, cbackprop):
        estimator = new(kind, module, verbose=True, validation_fraction=0.3, **settings)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Interrupting())
            with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
                estimator.fit(X, TARGETS[kind])
        models.append(estimator)
    theirs, ours = models
    assert (ours.n_iter_, len(ours.loss_curve_)) == (4, 4)
    assert_allclose(parameters(ours), parameters(theirs), rtol=1e-9)
    assert_allclose(outputs(ours), outputs(theirs), rtol=1e-9)
    ours.set_params(verbose=False, early_stopping=False).partial_fit(X, TARGETS[kind])


# ---------------------------------------------------------------------------------------------
# What the data may be.


@quiet
@pytest.mark.parametrize("dtype", ["float16", "int8", "int64", "uint8", "bool", "object", ">f8"])
def test_rows_of_any_numbers_are_trained_in_float64(dtype):
    rows = np.round(np.abs(X)).astype(dtype)
    estimator = new("MLPClassifier").fit(rows, LABELS)
    expected = new("MLPClassifier").fit(rows.astype("float64"), LABELS)
    assert estimator.coefs_[0].dtype == np.float64
    assert_array_equal(parameters(estimator), parameters(expected))
    assert_array_equal(estimator.predict(rows), expected.predict(rows.astype("float64")))


@quiet
@pytest.mark.parametrize("kind", KINDS)
def test_float32_rows_are_trained_in_float32(kind):
    estimator = new(kind).fit(X.astype("float32"), TARGETS[kind])
    assert {a.dtype for a in estimator.coefs_ + estimator.intercepts_} == {np.dtype("float32")}
    assert outputs(estimator, X.astype("float32")).dtype == np.float32
    assert outputs(estimator, X).dtype == np.float64


@quiet
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda rows: rows.tolist(),
        lambda rows: np.repeat(rows, 2, axis=0)[::2],
        lambda rows: np.repeat(rows, 2, axis=1)[:, ::2],
        lambda rows: rows[::-1][::-1],
        sp.csr_matrix,
        sp.csc_matrix,
        sp.coo_matrix,
        sp.csr_array,
        sp.csc_array,
        sp.lil_array,
    ],
    ids=["F", "list", "rows", "columns", "reversed", "csr", "csc", "coo", "csra", "csca", "lila"],
)
def test_layout_of_the_rows_does_not_matter(layout, kind):
    expected = fitted(kind)
    estimator = new(kind).fit(layout(X), TARGETS[kind])
    assert_allclose(parameters(estimator), parameters(expected), rtol=1e-9)
    assert_allclose(outputs(estimator, layout(X)), outputs(expected), rtol=1e-9)


@quiet
@pytest.mark.parametrize("early_stopping", [False, True])
def test_data_are_left_as_they_were_and_may_be_read_only(early_stopping):
    rows, labels, weight = X.copy(), LABELS.copy(), np.ones(40)
    sparse = sp.csr_array(rows)
    for array in (rows, labels, weight, sparse.data, sparse.indices, sparse.indptr):
        array.flags.writeable = False
    for given in (rows, sparse):
        estimator = new("MLPClassifier", early_stopping=early_stopping)
        estimator.fit(given, labels, sample_weight=weight)
        estimator.predict(given)
    assert_array_equal(rows, X)
    assert_array_equal(sparse.toarray(), X)


@quiet
@pytest.mark.parametrize("kind", KINDS)
def test_pandas_frames_give_feature_names(kind):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    target = pd.Series(TARGETS[kind])
    estimator = new(kind).fit(frame, target)
    assert_array_equal(estimator.feature_names_in_, ["a", "b", "c", "d"])
    assert_array_equal(outputs(estimator, frame), outputs(fitted(kind)))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        estimator.predict(X)
    with pytest.raises(ValueError, match="The feature names should match"):
        estimator.predict(frame[["b", "a", "c", "d"]])
    estimator.partial_fit(frame, target)
    assert not hasattr(new(kind).fit(X, TARGETS[kind]), "feature_names_in_")


@quiet
def test_pandas_frames_of_mixed_numbers_and_float32_keep_sklearns_dtypes():
    pd = pytest.importorskip("pandas")
    single = pd.DataFrame(X.astype("float32"))
    mixed = pd.DataFrame({"a": X[:, 0].astype("float32"), "b": np.arange(40), "c": LABELS > 0})
    assert new("MLPClassifier").fit(single, LABELS).coefs_[0].dtype == np.float32
    assert new("MLPClassifier").fit(mixed, LABELS).coefs_[0].dtype == np.float64


@quiet
@pytest.mark.parametrize("kind", KINDS)
def test_polars_frames_are_taken(kind):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({name: X[:, i] for i, name in enumerate("abcd")})
    theirs, ours = (
        new(kind, module).fit(frame, pl.Series(TARGETS[kind]))
        for module in (neural_network, cbackprop)
    )
    assert_array_equal(outputs(ours, frame), outputs(fitted(kind)))
    # Which versions of scikit-learn read the names depends on that of polars.
    assert hasattr(ours, "feature_names_in_") == hasattr(theirs, "feature_names_in_")
    if hasattr(theirs, "feature_names_in_"):
        assert_array_equal(ours.feature_names_in_, ["a", "b", "c", "d"])
        with pytest.raises(ValueError, match="The feature names should match"):
            ours.predict(frame.rename({"a": "z"}))


@pytest.mark.parametrize("kind", KINDS)
def test_score_counts_the_weights(kind):
    estimator = fitted(kind)
    weight = np.arange(40.0)
    predicted = estimator.predict(X)
    metric = accuracy_score if kind == "MLPClassifier" else r2_score
    expected = metric(TARGETS[kind], predicted, sample_weight=weight)
    assert estimator.score(X, TARGETS[kind], sample_weight=weight) == expected
    assert expected != estimator.score(X, TARGETS[kind])


@quiet
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_whole_weights_are_repeated_rows(kind, solver):
    weight = np.tile([1, 2, 3, 1], 10)
    settings = {"solver": solver, "batch_size": "auto", "shuffle": False}
    weighted = new(kind, **settings).fit(X, TARGETS[kind], sample_weight=weight)
    repeated = new(kind, **settings).fit(
        np.repeat(X, weight, axis=0), np.repeat(TARGETS[kind], weight)
    )
    assert_allclose(parameters(weighted), parameters(repeated), rtol=1e-6)


# ---------------------------------------------------------------------------------------------
# Metadata routing.


@quiet
def test_weights_are_routed_through_a_pipeline():
    weight = np.where(LABELS, 3.0, 0.5)
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, new("MLPClassifier").set_fit_request(sample_weight=True))
        pipeline.fit(X, LABELS, sample_weight=weight)
    expected = new("MLPClassifier")
    expected.fit(StandardScaler().fit_transform(X), LABELS, sample_weight=weight)
    assert_array_equal(parameters(pipeline[-1]), parameters(expected))


@quiet
def test_weights_are_routed_through_a_search():
    weight = np.where(LABELS, 3.0, 0.5)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = new("MLPClassifier").set_fit_request(sample_weight=True)
        search = GridSearchCV(estimator.set_score_request(sample_weight=True), {"alpha": [0.1]})
        search.fit(X, LABELS, sample_weight=weight)
    expected = new("MLPClassifier", alpha=0.1).fit(X, LABELS, sample_weight=weight)
    assert_array_equal(parameters(search.best_estimator_), parameters(expected))


def test_requests_for_metadata_are_those_of_sklearns_classifier():
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = MLPClassifier()
        estimator.set_fit_request(sample_weight=True)
        estimator.set_partial_fit_request(classes=True, sample_weight=False)
        estimator.set_score_request(sample_weight=True)
        requests = estimator.get_metadata_routing()
    ours = dict.fromkeys(["X_val", "y_val", "sample_weight_val", "groups"])
    assert requests.fit.requests == {"sample_weight": True, **ours}
    assert requests.partial_fit.requests == {"classes": True, "sample_weight": False}
    assert requests.score.requests == {"sample_weight": True}


def test_weights_without_a_request_are_refused_by_a_pipeline():
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(ValueError, match=r"\[sample_weight\] are passed but are not explicitly"),
    ):
        make_pipeline(new("MLPClassifier")).fit(X, LABELS, sample_weight=np.ones(40))


# ---------------------------------------------------------------------------------------------
# Threads.


@quiet
@pytest.mark.parametrize("n_jobs", [2, 3, -1, None])
@pytest.mark.parametrize("kind", KINDS)
def test_number_of_threads_does_not_change_the_model(kind, n_jobs):
    with threadpool_limits(2):
        several = fitted(kind, n_jobs=n_jobs)
    assert_allclose(parameters(several), parameters(fitted(kind, n_jobs=1)), rtol=1e-9)


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "2", np.nan])
def test_number_of_threads_must_be_positive_minus_one_or_none(n_jobs):
    with pytest.raises(
        ValueError, match=r"The 'n_jobs' parameter of MLPRegressor must be None, an int in the "
    ):
        new("MLPRegressor", n_jobs=n_jobs).fit(X, NUMBERS)
