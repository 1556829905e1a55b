"""What a callback may do with the model that is fitted: all but fit it."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris

import cbackprop
from cbackprop import MLPClassifier, Network
from cbackprop.callbacks import Callback

X, y = load_iris(return_X_y=True)
X /= 10
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SOLVERS = ["adam", "sgd", "lbfgs"]


def new(solver="adam", **options):
    return MLPClassifier((4,), solver=solver, max_iter=5, random_state=0, **options)


def at_epoch_2(action):
    def callback(model, history):
        if history.epochs == 2:
            action(model)

    return callback


FITS = {
    "fit": lambda model: model.fit(X, y),
    "partial_fit": lambda model: model.partial_fit(X, y),
    "its network's fit": lambda model: model.network_.fit(X, y),
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", FITS)
def test_fit_within_itself_is_an_error_that_leaves_the_model_as_it_was(name, solver):
    if (name, solver) == ("partial_fit", "lbfgs"):
        pytest.skip("has no partial_fit")
    model = new(solver)
    with pytest.raises(
        RuntimeError, match=r"is being fitted: a callback of its fit.*after epoch 2"
    ):
        model.fit(X, y, callbacks=[at_epoch_2(FITS[name])])
    assert not hasattr(model, "network_")
    fitted = new(solver).fit(X, y)
    before = vars(copy.deepcopy(fitted))
    with pytest.raises(RuntimeError, match="is being fitted"):
        fitted.fit(X[:99], y[:99], callbacks=[at_epoch_2(FITS[name])])
    assert vars(fitted).keys() == before.keys()
    assert_array_equal(fitted.network_.parameters, before["network_"].parameters)
    fitted.fit(X, y)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", FITS)
def test_fit_within_itself_that_is_caught_changes_nothing(name, solver):
    if (name, solver) == ("partial_fit", "lbfgs"):
        pytest.skip("has no partial_fit")
    said = []

    def tries(model):
        try:
            FITS[name](model)
        except RuntimeError as error:
            said.append(str(error))

    whole = new(solver).fit(X, y)
    model = new(solver).fit(X, y, callbacks=[at_epoch_2(tries)])
    assert len(said) == 1
    assert_array_equal(model.network_.parameters, whole.network_.parameters)
    assert vars(model).keys() == vars(whole).keys()


def test_networks_fit_within_itself_is_an_error():
    network = Network([4, 1], random_state=0)
    before = network.parameters.copy()
    with pytest.raises(RuntimeError, match=r"this Network is being fitted.*network\.copy\(\)"):
        network.fit(X, y, callbacks=[at_epoch_2(lambda network: network.fit(X, y))])
    assert_array_equal(network.parameters, before)
    network.fit(X, y)


class Fits(Callback):
    """Fits the model again, from any of the hooks."""

    def __init__(self, where):
        self.where, self.torn_down = where, 0

    def _at(self, hook, estimator):
        if hook == self.where:
            estimator.fit(X, y)

    def setup(self, estimator, context):
        self._at("setup", estimator)

    def on_fit_task_begin(self, estimator, context):
        self._at("begin", estimator)

    def on_fit_task_end(self, estimator, context):
        self._at("end", estimator)

    def teardown(self, estimator, context):
        self.torn_down += 1
        self._at("teardown", estimator)


@pytest.mark.parametrize("where", ["setup", "begin", "end", "teardown"])
@pytest.mark.parametrize("set_on_it", [False, True])
def test_fit_within_any_hook_is_an_error_and_teardown_follows_once(where, set_on_it):
    callback, model = Fits(where), new()
    if set_on_it and not hasattr(model, "set_callbacks"):
        pytest.skip("needs scikit-learn 1.9")
    if set_on_it and where == "teardown":
        pytest.skip("scikit-learn calls it when the fit is over")
    if set_on_it:
        model.set_callbacks(callback)
    with pytest.raises(RuntimeError, match="is being fitted"):
        model.fit(X, y, callbacks=[] if set_on_it else [callback])
    assert callback.torn_down == 1
    assert not hasattr(model, "network_")


def roundtrip(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("solver", SOLVERS)
def test_predicting_saving_and_copying_within_a_callback(solver, tmp_path):
    shorter = new(solver).set_params(max_iter=2).fit(X, y)
    others = []

    def uses(model):
        assert_array_equal(model.predict_proba(X), shorter.predict_proba(X))
        assert model.score(X, y) == shorter.score(X, y)
        model.save(tmp_path / "model")
        others.extend([copy.deepcopy(model), roundtrip(model), copy.copy(model)])
        others.extend([cbackprop.load(tmp_path / "model"), clone(model)])
        for other in others:
            assert "_fit_state" not in vars(other)
        for other in (others[0], others[1], others[3]):
            assert_array_equal(other.predict_proba(X), shorter.predict_proba(X))

    model = new(solver).fit(X, y, callbacks=[at_epoch_2(uses)])
    whole = new(solver).fit(X, y)
    assert_array_equal(model.network_.parameters, whole.network_.parameters)
    for other in (others[0], others[1], others[3], others[4]):
        assert_array_equal(other.fit(X, y).network_.parameters, whole.network_.parameters)


def test_network_copied_within_a_callback_can_be_fitted_there():
    others = []

    def uses(network):
        for other in (network.copy(), copy.deepcopy(network), roundtrip(network)):
            assert_array_equal(other.predict(X), network.predict(X))
            other.fit(X, y, epochs=1)
            others.append(other)

    network, whole = Network([4, 1], random_state=0), Network([4, 1], random_state=0)
    network.fit(X, y, epochs=4, random_state=0, callbacks=[at_epoch_2(uses)])
    whole.fit(X, y, epochs=4, random_state=0)
    assert_array_equal(network.parameters, whole.parameters)
    assert len(others) == 3


def test_another_model_is_fitted_within_a_callback():
    scores = []

    def fits_another(model, history):
        scores.append(new().fit(X, y).score(X, y))

    model = new().fit(X, y, callbacks=[fits_another])
    assert len(scores) == 5
    assert np.ptp(scores) == 0
    assert_array_equal(model.network_.parameters, new().fit(X, y).network_.parameters)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_an_interrupted_fit_has_left_does_not_stop_the_next_one(solver):
    model = MLPClassifier((3,), solver=solver, max_iter=2, random_state=0)
    left = []
    rows, labels = np.eye(4), np.array([0, 1, 0, 1])
    model.fit(rows, labels, callbacks=[lambda m, _: left.append(vars(m)["_fit_state"])])
    model._fit_state = left[0]  # as if an interrupt had come just before it was taken away
    expected = model.network_.parameters.copy()
    np.testing.assert_array_equal(model.fit(rows, labels).network_.parameters, expected)
    assert "_fit_state" not in vars(model)
