"""Do estimators take schedules by step, over the whole of a fit, and say where they cannot?"""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from cbackprop import SGD, Adam, Checkpoint, MLPClassifier, MLPRegressor, Network, load
from cbackprop.schedules import Constant, Cosine, Exponential, InverseScaling, OneCycle, Steps
from cbackprop.training import epochs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 3))
y = X[:, 0] - X[:, 1]
ROWS, EPOCHS = 20, 6  # five steps an epoch, the last of ten rows
STEPS = 5 * EPOCHS
FIT = {"batch_size": ROWS, "max_iter": EPOCHS, "tol": 0.0, "n_iter_no_change": 100}
FIT |= {"random_state": 0, "alpha": 0.0, "hidden_layer_sizes": (4,)}


def line(t):
    return 1.0 - 0.5 * t


def warm_cosine(step):
    t = step / STEPS
    return np.cos(np.pi * t / 2) ** 2 * min(1.0, t / 0.1)


# Each with the factor of a step, written anew.
SCHEDULES = {
    "constant, warm": (Constant(warmup=0.5), lambda step: min(1.0, 2 * step / STEPS)),
    "inverse": (InverseScaling(0.7), lambda step: 1.0 / (step + 1) ** 0.7),
    "exponential": (Exponential(0.01), lambda step: 10.0 ** (-2.0 * step / STEPS)),
    "steps": (Steps([0.5], 0.1), lambda step: 1.0 if 2 * step < STEPS else 0.1),
    "cosine": (Cosine(warmup=0.1), warm_cosine),
    "one cycle": (
        OneCycle(0.5, start=0.2, end=0.0),
        lambda step: (
            0.6 - 0.4 * np.cos(2 * np.pi * step / STEPS)
            if 2 * step < STEPS
            else np.sin(np.pi * step / STEPS) ** 2
        ),
    ),
    "a function": (line, lambda step: 1.0 - 0.5 * step / STEPS),
}
SOLVERS = {"sgd": lambda rate: SGD(rate, 0.9, nesterov=True), "adam": Adam}
every_solver = pytest.mark.parametrize("solver", SOLVERS)


class Rates:
    """A callback: the rate that the fit shows after every epoch."""

    def __init__(self):
        self.seen = []

    def __call__(self, model, history):
        self.seen.append(model._fit_state.record.learning_rate)


@every_solver
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_epoch_shows_the_rate_of_its_last_step(name, solver):
    schedule, factor = SCHEDULES[name]
    rates = Rates()
    model = MLPRegressor(solver=solver, learning_rate=schedule, learning_rate_init=0.02, **FIT)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, callbacks=[rates])
    expected = [0.02 * factor(5 * epoch + 4) for epoch in range(EPOCHS)]
    assert rates.seen == pytest.approx(expected, rel=1e-12)


@every_solver
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_step_has_the_rate_of_its_formula(name, solver):
    """A step an epoch, by an optimizer whose rate is set by hand before each."""
    schedule, factor = SCHEDULES[name]
    model = MLPRegressor(
        solver=solver, learning_rate=schedule, learning_rate_init=0.02, shuffle=False,
        **{**FIT, "batch_size": 90, "max_iter": STEPS},
    ).fit(X, y)  # fmt: skip
    net, optimizer = Network([3, 4, 1], random_state=0), SOLVERS[solver](0.02)
    run = epochs(
        net, X, y[:, np.newaxis], optimizer, batch_size=90, max_epochs=STEPS, rng=None,
    )  # fmt: skip
    for step in range(STEPS):
        optimizer.learning_rate = 0.02 * factor(step)
        next(run)
    np.testing.assert_allclose(model.network_.parameters, net.parameters, rtol=1e-9, atol=1e-12)


@every_solver
def test_a_constant_schedule_is_no_schedule_bit_for_bit(solver):
    one, other = (
        MLPRegressor(solver=solver, learning_rate=rate, **FIT).fit(X, y)
        for rate in ("constant", Constant())
    )
    np.testing.assert_array_equal(one.network_.parameters, other.network_.parameters)


def test_adam_warns_of_words_and_not_of_schedules():
    with pytest.warns(UserWarning, match="learning_rate='invscaling' has no effect"):
        MLPRegressor(learning_rate="invscaling", **FIT).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPRegressor(learning_rate=Cosine(), **FIT).fit(X, y)


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_a_schedule_of_the_whole_fit_means_all_epochs_to_be_made():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLPRegressor(learning_rate=Cosine(), **FIT).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="hasn't converged yet"):
        MLPRegressor(learning_rate=InverseScaling(), **FIT).fit(X, y)


def test_learning_rates_that_are_none_are_refused():
    with pytest.raises(ValueError, match="The 'learning_rate' parameter of MLPRegressor must be a"):
        MLPRegressor(learning_rate="cosine").fit(X, y)
    with pytest.raises(TypeError, match="learning_rate must be a Schedule"):
        MLPRegressor(learning_rate=Cosine).fit(X, y)


def test_functions_that_fail_leave_everything_as_it_was():
    model = MLPRegressor(learning_rate=lambda t: np.where(t < 0.5, 1.0, np.nan), **FIT)
    with pytest.raises(ValueError, match="must return finite factors"):
        model.fit(X, y)
    assert not hasattr(model, "network_")


def test_a_fit_again_and_a_warm_start_begin_the_schedule_anew():
    rates = Rates()
    model = MLPRegressor(learning_rate=Cosine(), warm_start=True, **FIT)
    model.fit(X, y, callbacks=[rates]).fit(X, y, callbacks=[rates])
    assert rates.seen[:EPOCHS] == rates.seen[EPOCHS:]


# --- partial_fit ---------------------------------------------------------------------------------


@every_solver
@pytest.mark.parametrize("schedule", [Cosine(), line, Constant(warmup=0.1)])
def test_partial_fit_refuses_schedules_of_the_share_that_is_done(schedule, solver):
    model = MLPRegressor(solver=solver, learning_rate=schedule, **FIT)
    with pytest.raises(ValueError, match="partial_fit has no end"):
        model.partial_fit(X, y)
    assert not hasattr(model, "network_")
    model.set_params(max_iter=2).fit(X, y)
    before = model.network_.parameters.copy()
    with pytest.raises(ValueError, match="partial_fit has no end"):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(model.network_.parameters, before)


def test_partial_fit_goes_on_by_the_rate_that_is_set_instead():
    model = MLPRegressor(learning_rate=Cosine(), solver="sgd", **FIT).fit(X, y)
    model.set_params(learning_rate="constant", learning_rate_init=0.001).partial_fit(X, y)
    assert model._optimizer.last_rate == 0.001


def test_partial_fit_counts_the_steps_of_inverse_scaling():
    model = MLPRegressor(learning_rate=InverseScaling(1.0), learning_rate_init=0.5, **FIT)
    for calls in (1, 2, 3):
        model.partial_fit(X, y)
        assert model._optimizer.last_rate == pytest.approx(0.5 / (5 * calls))


# --- files and checkpoints -----------------------------------------------------------------------


@pytest.mark.parametrize("schedule", [s for s, _ in SCHEDULES.values() if s is not line], ids=str)
def test_schedules_go_through_clone_and_files(schedule, tmp_path):
    model = clone(MLPClassifier(learning_rate=schedule, **FIT)).fit(X, y > 0)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(
        loaded.fit(X, y > 0).network_.parameters, clone(model).fit(X, y > 0).network_.parameters
    )


class Killed(Exception):
    pass


def killed(epoch):
    def callback(model, history):
        if history.epochs == epoch:
            raise Killed

    return callback


@every_solver
@pytest.mark.parametrize("schedule", [Cosine(warmup=0.1), InverseScaling()], ids=str)
def test_resumed_fit_has_the_rates_of_one_that_was_not_interrupted(schedule, solver, tmp_path):
    path = tmp_path / "fit"
    model = MLPRegressor(solver=solver, learning_rate=schedule, **FIT)
    with pytest.raises(Killed):
        clone(model).fit(X, y, callbacks=[Checkpoint(path), killed(3)])
    resumed = clone(model).fit(X, y, callbacks=[Checkpoint(path, resume=True)])
    np.testing.assert_array_equal(
        resumed.network_.parameters, clone(model).fit(X, y).network_.parameters
    )


def test_resuming_asks_for_the_same_length_where_the_schedule_depends_on_it(tmp_path):
    path, model = tmp_path / "fit", MLPRegressor(learning_rate=Cosine(), **FIT)
    model.fit(X, y, callbacks=[Checkpoint(path)])
    with pytest.raises(ValueError, match="max_iter = 6, not 8"):
        model.set_params(max_iter=8).fit(X, y, callbacks=[Checkpoint(path, resume=True)])


def test_checkpoints_refuse_functions_before_the_first_epoch(tmp_path):
    model = MLPRegressor(learning_rate=line, **FIT)
    with pytest.raises(TypeError, match="cannot be saved"):
        model.fit(X, y, callbacks=[Checkpoint(tmp_path / "fit")])
    assert not list(tmp_path.iterdir())


def test_resuming_may_be_longer_where_the_schedule_counts_steps(tmp_path):
    path, model = tmp_path / "fit", MLPRegressor(learning_rate=InverseScaling(), **FIT)
    model.fit(X, y, callbacks=[Checkpoint(path)])
    model.set_params(max_iter=8).fit(X, y, callbacks=[Checkpoint(path, resume=True)])
    np.testing.assert_array_equal(
        model.network_.parameters, clone(model).fit(X, y).network_.parameters
    )


@pytest.mark.parametrize("schedule", [Cosine(), InverseScaling(), None], ids=str)
def test_networks_resume_by_the_same_rule(schedule, tmp_path):
    path = tmp_path / "fit"

    def fit(epochs, **options):
        net = Network([3, 4, 1], random_state=0)
        net.fit(
            X, y, optimizer=SGD(0.01, schedule=schedule), epochs=epochs, random_state=0,
            callbacks=[Checkpoint(path, **options)],
        )  # fmt: skip
        return net

    fit(3)
    if isinstance(schedule, Cosine):
        with pytest.raises(ValueError, match="epochs = 3, not 5"):
            fit(5, resume=True)
    else:
        resumed = fit(5, resume=True)
        np.testing.assert_array_equal(resumed.parameters, fit(5).parameters)


def test_an_interrupted_fit_keeps_the_rate_that_factors_are_of():
    def stop(model, history):
        if history.epochs == 3:
            raise KeyboardInterrupt

    model = MLPRegressor(learning_rate=Cosine(), learning_rate_init=0.5, solver="sgd", **FIT)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, y, callbacks=[stop])
    assert model._optimizer.learning_rate == 0.5
