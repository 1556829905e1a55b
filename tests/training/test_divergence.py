"""Training that goes wrong is noticed in its epoch, said with what to try, and undone."""

import copy
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sameness import same
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted

from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network
from cbackprop.callbacks import state_of
from cbackprop.training.divergence import blown_up

RNG = np.random.default_rng(7)
X = RNG.normal(size=(60, 4))
LABELS = (X[:, 0] > 0).astype(int)
NUMBERS = X @ np.array([1.0, -0.5, 0.2, 0.1])
SETTINGS = {"hidden_layer_sizes": (5,), "batch_size": 10, "activation": "identity"}
METHODS = {
    "sgd": ({"solver": "sgd", "momentum": 0.0}, lambda rate: SGD(rate)),
    "momentum": (
        {"solver": "sgd", "nesterovs_momentum": False},
        lambda rate: SGD(rate, 0.9),
    ),
    "nesterov": ({"solver": "sgd"}, lambda rate: SGD(rate, 0.9, nesterov=True)),
    "adam": ({"solver": "adam"}, lambda rate: Adam(rate)),
    "clipped": (
        {"solver": "adam", "clip_norm": 1.0},
        lambda rate: Adam(rate, clip_norm=1.0),
    ),
}
# A step of this length leaves the numbers of its dtype within an epoch or two.
ABSURD = {np.dtype(np.float32): 1e38, np.dtype(np.float64): 1e307}
WORDS = r"Epoch (\d+): (?:loss|cost) (\S+), learning rate (\S+)\. Try a smaller learning.rate"

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
every_method = pytest.mark.parametrize("method", METHODS)
threads = pytest.mark.parametrize("n_jobs", [1, 2])


def kind_and_target(name):
    return (MLPRegressor, NUMBERS) if name == "MLPRegressor" else (MLPClassifier, LABELS)


def parameters(model):
    return getattr(model, "network_", model).parameters.copy()


def lost(call) -> tuple[int, float, float]:
    """The epoch, loss and learning rate that the error names."""
    with pytest.raises(ValueError, match=WORDS) as raised:
        call()
    epoch, loss, rate = re.search(WORDS, str(raised.value)).groups()
    return int(epoch), float(loss), float(rate)


class Watch:
    """A callback that keeps the parameters of every epoch that has ended."""

    def __init__(self):
        self.seen = []

    def __call__(self, model, history):
        self.seen.append(parameters(model))

    def saw_finite_ones_of(self, epochs):
        return len(self.seen) == epochs and all(np.isfinite(p).all() for p in self.seen)


@quiet
@threads
@every_method
@pytest.mark.parametrize("batch_size", [10, 60])  # 60: a step an epoch, after the loss is known
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_first_fit_that_is_lost_says_when_and_leaves_an_unfitted_estimator(
    kind, batch_size, method, n_jobs, dtype
):
    cls, y = kind_and_target(kind)
    settings, _ = METHODS[method]
    random_state = np.random.RandomState(3)
    rate = ABSURD[dtype]
    estimator = cls(
        **{**SETTINGS, "batch_size": batch_size},
        **settings,
        learning_rate_init=rate,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    before, watch = copy.deepcopy(estimator), Watch()
    epoch, _, its_rate = lost(lambda: estimator.fit(X.astype(dtype), y, callbacks=[watch]))
    assert its_rate == pytest.approx(rate, rel=0.01)
    assert watch.saw_finite_ones_of(epoch - 1)
    assert same(vars(before), vars(estimator))
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)


@quiet
@threads
@every_method
@pytest.mark.parametrize("way", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_fit_that_goes_on_and_is_lost_leaves_the_model_that_was_there(
    kind, way, method, n_jobs, dtype
):
    cls, y = kind_and_target(kind)
    settings, _ = METHODS[method]
    rows = X.astype(dtype)
    estimator = cls(
        **SETTINGS, **settings, max_iter=2, warm_start=True, random_state=0, n_jobs=n_jobs
    ).fit(rows, y)
    view = estimator.coefs_[0]
    estimator.learning_rate_init = estimator._optimizer.learning_rate = ABSURD[dtype]
    before = copy.deepcopy(estimator)
    epoch, _, _ = lost(lambda: [getattr(estimator, way)(rows, y) for _ in range(4)])
    assert epoch >= 3  # the epochs of the first fit count: the number is an entry of loss_curve_
    if way == "fit":
        assert same(vars(before), vars(estimator))
    assert np.isfinite(estimator.predict(rows)).all()
    assert len(estimator.loss_curve_) == epoch - 1 if way == "partial_fit" else 2
    assert np.shares_memory(view, estimator.network_.parameters)
    assert_array_equal(view, estimator.coefs_[0])


@quiet
@threads
@every_method
@pytest.mark.parametrize("batch_size", [10, 60])
def test_networks_fit_that_is_lost_leaves_network_optimizer_and_random_state(
    batch_size, method, n_jobs, dtype
):
    rows, y = X.astype(dtype), NUMBERS.astype(dtype)
    network = Network([4, 5, 1], activation="identity", dtype=dtype, random_state=0)
    optimizer, random_state = METHODS[method][1](0.01), np.random.RandomState(3)
    network.fit(rows, y, optimizer=optimizer, epochs=2, random_state=0)
    optimizer.learning_rate = ABSURD[dtype]
    before, watch = copy.deepcopy([network, optimizer, random_state]), Watch()
    epoch, _, rate = lost(
        lambda: network.fit(
            rows,
            y,
            optimizer=optimizer,
            batch_size=batch_size,
            random_state=random_state,
            callbacks=[watch],
            n_jobs=n_jobs,
        )
    )
    assert rate == pytest.approx(ABSURD[dtype], rel=0.01)
    assert watch.saw_finite_ones_of(epoch - 1)
    assert same(before, [network, optimizer, random_state])


def test_parameters_that_the_only_step_of_an_epoch_loses_are_noticed_before_their_loss_is_known():
    network = Network([4, 5, 1], activation="identity", random_state=0)
    epoch, cost, _ = lost(
        lambda: network.fit(X, 1e3 * NUMBERS, optimizer=SGD(1e307), batch_size=None)
    )
    assert epoch == 1
    assert np.isfinite(cost)


def test_fit_after_one_that_was_lost_is_a_fit_from_the_start():
    settings = {**SETTINGS, "solver": "sgd", "max_iter": 3}
    random_states = [np.random.RandomState(5) for _ in range(2)]
    once, twice = (MLPRegressor(**settings, random_state=r) for r in random_states)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        lost(lambda: twice.set_params(learning_rate_init=1e300).fit(X, NUMBERS))
        twice.set_params(learning_rate_init=0.001)
        assert_array_equal(parameters(once.fit(X, NUMBERS)), parameters(twice.fit(X, NUMBERS)))


@quiet
@threads
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_early_stopping_keeps_the_best_parameters_of_a_fit_that_is_lost_later(
    solver, kind, n_jobs, dtype
):
    cls, y = kind_and_target(kind)
    rows, watch = X.astype(dtype), Watch()

    def loses_control(model, history):
        if len(history["cost"]) == 5:
            state_of(model).optimizer.learning_rate = ABSURD[dtype]

    estimator = cls(
        **SETTINGS,
        solver=solver,
        early_stopping=True,
        n_iter_no_change=100,
        validation_fraction=0.3,
        learning_rate_init=0.01,
        random_state=0,
        n_jobs=n_jobs,
    )
    with pytest.warns(ConvergenceWarning, match=WORDS + ".*The best parameters so far are kept"):
        estimator.fit(rows, y, callbacks=[watch, loses_control])
    scores = np.array(estimator.validation_scores_)
    assert 5 <= len(scores) <= len(estimator.loss_curve_) <= 8
    assert_array_equal(parameters(estimator), watch.seen[int(np.argmax(scores))])
    assert estimator.best_validation_score_ == scores.max()


def test_early_stopping_says_where_no_epoch_was_better_than_the_start():
    estimator = MLPRegressor(
        **SETTINGS, solver="sgd", early_stopping=True, learning_rate_init=1e300, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="No epoch was better than the start"):
        estimator.fit(X, NUMBERS)
    assert_array_equal(
        parameters(estimator), Network([4, 5, 1], activation="identity", random_state=0).parameters
    )


@quiet
def test_warm_start_with_early_stopping_that_is_lost_at_once_keeps_the_model():
    estimator = MLPRegressor(
        **SETTINGS, early_stopping=True, warm_start=True, max_iter=3, random_state=0
    ).fit(X, NUMBERS)
    before = copy.deepcopy(estimator)
    estimator.set_params(learning_rate_init=1e307)
    lost(lambda: estimator.fit(X, NUMBERS))
    assert same(before.set_params(learning_rate_init=1e307), estimator)


@threads
@pytest.mark.parametrize("method", ["sgd", "adam"])
def test_cost_of_a_network_that_blows_up_warns_once_and_names_epoch_cost_and_rate(
    method, n_jobs, dtype
):
    # Three steps over all rows: large enough for 1e8, small enough for float32.
    rate = {"sgd": 30.0, "adam": 1e5}[method]
    network = Network([4, 5, 1], activation="identity", dtype=dtype, random_state=0)
    with pytest.warns(ConvergenceWarning) as caught:
        history = network.fit(
            X,
            NUMBERS,
            optimizer=METHODS[method][1](rate),
            batch_size=60,
            epochs=3,
            random_state=0,
            n_jobs=n_jobs,
        )
    assert len(caught) == 1
    said = str(caught[0].message)
    assert said.startswith("The cost has blown up from ")
    epoch, cost, its_rate = re.search(WORDS, said).groups()
    assert float(its_rate) == rate
    assert float(cost) == pytest.approx(history["cost"][int(epoch) - 1], rel=0.01)
    assert all(cost < 1e8 for cost in history["cost"][: int(epoch) - 1])
    assert caught[0].filename == __file__


def test_network_that_trains_well_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Network([4, 5, 1], random_state=0).fit(X, NUMBERS, optimizer=SGD(0.01), epochs=3)


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_loss_of_lbfgs_that_is_not_finite_is_said(cls):
    _, y = kind_and_target(cls.__name__)
    huge = X * 1e200
    with pytest.warns(ConvergenceWarning) as caught:
        cls(hidden_layer_sizes=(5,), activation="identity", solver="lbfgs").fit(huge, y)
    said = [str(w.message) for w in caught if "not finite" in str(w.message)]
    assert len(said) == 1
    assert re.fullmatch(r"The loss is not finite\. Iteration 0: loss \S+\. Try scaled.*", said[0])


class Stops(Exception):
    """What a callback raises."""


def fails(model, history):
    if state_of(model).epoch == 2:
        raise Stops


def interrupts(model, history):
    if state_of(model).epoch == 2:
        raise KeyboardInterrupt


@quiet
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_callback_that_fails_leaves_the_estimator_as_it_was(kind, warm, solver, dtype):
    cls, y = kind_and_target(kind)
    rows = X.astype(dtype)
    estimator = cls(
        hidden_layer_sizes=(5,),
        solver=solver,
        warm_start=warm,
        max_iter=3,
        random_state=np.random.RandomState(1),
    ).fit(rows, y)
    before = copy.deepcopy(estimator)
    with pytest.raises(Stops):
        estimator.fit(rows, y, callbacks=[fails])
    assert same(before, estimator)


@quiet
def test_ctrl_c_in_lbfgs_leaves_the_model_of_its_last_iteration():
    estimator = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", random_state=0)
    watch = Watch()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, NUMBERS, callbacks=[watch, interrupts])
    assert estimator.n_iter_ == 2
    assert_array_equal(estimator.network_.parameters, watch.seen[-1])
    assert np.isfinite(estimator.predict(X)).all()


def test_ctrl_c_keeps_what_a_network_has_learnt():
    network, watch = Network([4, 5, 1], random_state=0), Watch()
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, NUMBERS, optimizer=SGD(0.01), callbacks=[watch, interrupts])
    assert_array_equal(network.parameters, watch.seen[1])


@quiet
def test_teardown_that_fails_leaves_no_fit_in_progress():
    class Fails:
        def setup(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context): ...
        def teardown(self, estimator, context):
            raise Stops

    network = Network([4, 5, 1], random_state=0)
    before = copy.deepcopy(network)
    with pytest.raises(Stops):
        network.fit(X, NUMBERS, epochs=1, callbacks=[Fails()])
    assert same(before, network)
    assert "_fit_state" not in vars(network)


@pytest.mark.parametrize("before", [0.0, 1e-3, 0.5, 1.0])
def test_a_loss_that_began_at_1_or_below_has_blown_up_when_it_is_above_1e8(before):
    assert blown_up("loss", 1e8, before) == ""
    assert blown_up("loss", 1.001e8, before) == f"The loss has blown up from {before:.3g}."


def test_a_loss_that_began_above_1_has_blown_up_when_it_is_1e8_times_that():
    assert blown_up("loss", 3e8, 3.0) == ""
    assert "blown up from 3." in blown_up("loss", 3.001e8, 3.0)
