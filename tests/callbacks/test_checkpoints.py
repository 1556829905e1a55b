"""Checkpoints: a resumed fit ends as one that was not interrupted; a kill leaves a whole file."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris

import cbackprop
from cbackprop import SGD, Adam, Checkpoint, MLPClassifier, MLPRegressor, Network
from cbackprop.files import atomic
from cbackprop.files.container import ModelFileError
from cbackprop.running.sweeps import Sweep

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Killed(Exception):
    pass


def killed_in(epoch):
    """A callback that ends the fit as an accident would."""

    def callback(model, history):
        if history.epochs == epoch:
            raise Killed

    return callback


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint"


def assert_same_fit(a, b):
    assert_array_equal(a.network_.parameters, b.network_.parameters)
    assert_array_equal(a._optimizer.state, b._optimizer.state)
    for name in ("n_iter_", "t_", "loss_", "best_loss_", "loss_curve_", "validation_scores_"):
        assert getattr(a, name) == getattr(b, name), name
    assert a._optimizer.n_steps == b._optimizer.n_steps
    assert a._optimizer.learning_rate == b._optimizer.learning_rate
    assert a._no_improvement_count == b._no_improvement_count


ESTIMATORS = {
    "adam": MLPClassifier((6,), max_iter=20, random_state=0),
    "float32": MLPClassifier((6,), max_iter=20, random_state=0),
    "sgd": MLPClassifier((6,), solver="sgd", max_iter=20, random_state=0),
    "adaptive": MLPClassifier(
        (6,), solver="sgd", learning_rate="adaptive", tol=1.0, n_iter_no_change=3, random_state=0
    ),
    "invscaling": MLPClassifier(
        (6,), solver="sgd", learning_rate="invscaling", max_iter=20, random_state=0
    ),
    "early stopping": MLPClassifier(
        (6,), early_stopping=True, n_iter_no_change=9, max_iter=20, random_state=0
    ),
    "in order": MLPClassifier((6,), shuffle=False, max_iter=20, random_state=0),
    "held out, in order": MLPClassifier(
        (6,), shuffle=False, early_stopping=True, n_iter_no_change=9, max_iter=20, random_state=0
    ),
    "regressor": MLPRegressor("squared_error", (6,), max_iter=20, random_state=0),
}


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_resumed_fit_is_the_fit_that_was_not_interrupted(name, every, path):
    rows = X.astype(np.float32) if name == "float32" else X
    targets = X[:, 0] if name == "regressor" else NAMES[y]
    whole = clone(ESTIMATORS[name]).fit(rows, targets)
    for epoch in (4, 8, 9):
        with pytest.raises(Killed):
            clone(ESTIMATORS[name]).fit(
                rows,
                targets,
                callbacks=[Checkpoint(path, every, resume=True), killed_in(epoch)],
            )
    assert cbackprop.load(path).n_iter_ == 9
    resumed = clone(ESTIMATORS[name])
    resumed.fit(rows, targets, callbacks=[Checkpoint(path, every, resume=True)])
    assert_same_fit(whole, resumed)
    assert_same_fit(whole, cbackprop.load(path))


def test_random_state_of_the_users_own_ends_where_it_would_have(path):
    def estimator():
        return MLPClassifier((6,), max_iter=9, random_state=np.random.RandomState(5))

    whole = estimator().fit(X, y)
    with pytest.raises(Killed):
        estimator().fit(X, y, callbacks=[Checkpoint(path, 2), killed_in(5)])
    resumed = estimator()
    resumed.random_state.uniform(size=7)  # it has gone on in the meantime
    resumed.fit(X, y, callbacks=[Checkpoint(path, resume=True)])
    assert_same_fit(whole, resumed)
    assert str(whole.random_state.get_state()) == str(resumed.random_state.get_state())


@pytest.mark.parametrize("name", ["adam", "float32", "adaptive", "early stopping", "in order"])
def test_resumed_warm_start_is_the_warm_start_that_was_not_interrupted(name, path, tmp_path):
    rows = X.astype(np.float32) if name == "float32" else X
    rng = np.random.RandomState(11)
    first = clone(ESTIMATORS[name]).set_params(warm_start=True, max_iter=7, random_state=rng)
    first.fit(rows, y).save(tmp_path / "first")

    def second(*callbacks):
        """The second fit, as a script would do it that is run again."""
        return cbackprop.load(tmp_path / "first").fit(rows, y, callbacks=list(callbacks))

    whole = second()
    for epoch in (2, 3):
        with pytest.raises(Killed):
            second(Checkpoint(path, resume=True), lambda model, _, n=epoch: killed(model, n))
    resumed = second(Checkpoint(path, resume=True))
    assert_same_fit(whole, resumed)
    assert str(whole.random_state.get_state()) == str(resumed.random_state.get_state())


def killed(model, epoch):
    if model.n_iter_ == epoch:
        raise Killed


NETWORKS = {
    "sgd": lambda: SGD(0.5),
    "nesterov": lambda: SGD(0.1, 0.9, nesterov=True),
    "adam": lambda: Adam(0.01, clip_norm=1.0),
}


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_resumed_network_is_the_network_that_was_not_interrupted(name, shuffle, path):
    def fit(callbacks):
        network, optimizer = Network([4, 5, 1], activation="tanh", random_state=0), NETWORKS[name]()
        history = network.fit(
            X,
            y,
            optimizer=optimizer,
            epochs=9,
            l2=0.1,
            evaluation_data=(X[:50], y[:50]),
            gradient_norms=True,
            shuffle=shuffle,
            random_state=7,
            callbacks=callbacks,
        )
        return network, optimizer, {**history, "seconds": None}

    network, optimizer, history = fit([])
    with pytest.raises(Killed):
        fit([Checkpoint(path, 2), killed_in(5)])
    resumed, its_optimizer, its_history = fit([Checkpoint(path, resume=True)])
    assert_array_equal(network.parameters, resumed.parameters)
    assert history == its_history
    assert optimizer.n_steps == its_optimizer.n_steps
    assert_array_equal(optimizer._ready(network.parameters), its_optimizer.state)
    assert_array_equal(cbackprop.load(path).parameters, network.parameters)


def test_more_epochs_go_on_from_a_fit_that_ran_out_of_them(path):
    whole = MLPClassifier((6,), max_iter=12, random_state=0).fit(X, y)
    for epochs in (5, 12):
        longer = MLPClassifier((6,), max_iter=epochs, random_state=0)
        longer.fit(X, y, callbacks=[Checkpoint(path, 4, resume=True)])
    assert_same_fit(whole, longer)


def test_fit_that_had_stopped_by_itself_is_not_trained_further(path):
    def estimator(max_iter):
        return MLPClassifier((6,), tol=10.0, n_iter_no_change=3, max_iter=max_iter, random_state=0)

    stopped = estimator(50).fit(X, y, callbacks=[Checkpoint(path, 10)])
    again = estimator(99).fit(X, y, callbacks=[Checkpoint(path, 10, resume=True)])
    assert stopped.n_iter_ < 50
    assert_same_fit(stopped, again)


@pytest.mark.parametrize("order", [1, -1])
def test_fit_that_a_callback_stopped_is_not_trained_further(order, path):
    def fit(**options):
        callbacks = [Checkpoint(path, 10, **options), lambda model, history: history.epochs == 4]
        return MLPClassifier((6,), random_state=0).fit(X, y, callbacks=callbacks[::order])

    assert_same_fit(fit(), fit(resume=True))


def test_checkpoint_is_written_every_few_epochs_and_at_the_end(path):
    kept = []

    def look(model, history):
        kept.append(cbackprop.load(path).n_iter_ if path.exists() else 0)

    estimator = MLPClassifier((3,), max_iter=8, random_state=0)
    estimator.fit(X, y, callbacks=[Checkpoint(path, 3), look])
    assert kept == [0, 0, 3, 3, 3, 6, 6, 6]
    assert cbackprop.load(path).n_iter_ == 8


def test_without_resume_an_old_file_is_replaced(path):
    for seed in (0, 1):
        estimator = MLPClassifier((3,), max_iter=3, random_state=seed)
        estimator.fit(X, y, callbacks=[Checkpoint(path)])
    assert_array_equal(cbackprop.load(path).network_.parameters, estimator.network_.parameters)


def test_checkpoint_of_early_stopping_loads_with_its_best_parameters(path):
    estimator = MLPClassifier(
        (3,), early_stopping=True, solver="sgd", learning_rate_init=0.5, max_iter=12, random_state=0
    )
    estimator.fit(X, y, callbacks=[Checkpoint(path)])
    loaded = cbackprop.load(path)
    assert loaded.best_validation_score_ == estimator.best_validation_score_
    assert_array_equal(loaded.network_.parameters, estimator.network_.parameters)


def test_interrupted_epoch_is_not_kept(path):
    def interrupt(model, history):
        if history.epochs == 5:
            raise KeyboardInterrupt

    estimator = MLPClassifier((3,), max_iter=9, random_state=0)
    with pytest.warns(UserWarning, match="interrupted"):
        estimator.fit(X, y, callbacks=[Checkpoint(path, 2), interrupt])
    assert cbackprop.load(path).n_iter_ == 4


OTHERS = {
    "hidden_layer_sizes": (MLPClassifier((4,), max_iter=3, random_state=0), X, y),
    "alpha": (MLPClassifier((3,), alpha=1.0, max_iter=3, random_state=0), X, y),
    "kind": (MLPRegressor("squared_error", (3,), max_iter=3, random_state=0), X, y),
    "n_rows": (MLPClassifier((3,), max_iter=3, random_state=0), X[1:], y[1:]),
    "layer_sizes": (MLPClassifier((3,), max_iter=3, random_state=0), X[:, 1:], y),
    "dtype": (MLPClassifier((3,), max_iter=3, random_state=0), X.astype(np.float32), y),
    "classes": (MLPClassifier((3,), max_iter=3, random_state=0), X, NAMES[y]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_checkpoint_of_another_fit_is_an_error_that_names_what_differs(name, path):
    MLPClassifier((3,), max_iter=3, random_state=0).fit(X, y, callbacks=[Checkpoint(path)])
    before = path.read_bytes()
    estimator, rows, targets = OTHERS[name]
    with pytest.raises(ModelFileError, match=f"checkpoint is of a fit with (other )?{name}"):
        clone(estimator).fit(rows, targets, callbacks=[Checkpoint(path, resume=True)])
    assert path.read_bytes() == before


def test_other_settings_of_a_networks_fit_are_an_error(path):
    Network([4, 1]).fit(X, y, epochs=2, callbacks=[Checkpoint(path)])
    for name, options in {
        "batch_size": {"batch_size": 20},
        "optimizer": {"optimizer": SGD(1)},
    }.items():
        with pytest.raises(ModelFileError, match=f"with {name} = "):
            Network([4, 1]).fit(X, y, callbacks=[Checkpoint(path, resume=True)], **options)


def test_model_that_is_no_checkpoint_cannot_be_resumed(path):
    Network([4, 1]).save(path)
    with pytest.raises(ModelFileError, match="nothing to resume"):
        Network([4, 1]).fit(X, y, callbacks=[Checkpoint(path, resume=True)])


LBFGS = {
    "classifier": (MLPClassifier((6,), solver="lbfgs", max_iter=40, random_state=0), X, NAMES[y]),
    "float32": (
        MLPClassifier((6,), solver="lbfgs", max_iter=40, random_state=0),
        X.astype(np.float32),
        y,
    ),
    "several outputs": (
        MLPRegressor("squared_error", (6,), solver="lbfgs", max_iter=40, random_state=0),
        X,
        X[:, :2],
    ),
    "that converges": (
        MLPClassifier((6,), solver="lbfgs", tol=0.1, max_iter=400, random_state=0),
        X,
        y,
    ),
}


def assert_same_lbfgs(a, b):
    assert_array_equal(a.network_.parameters, b.network_.parameters)
    assert (a.n_iter_, a.loss_) == (b.n_iter_, b.loss_)


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", LBFGS)
def test_resumed_lbfgs_is_the_fit_that_was_not_interrupted(name, every, path):
    estimator, rows, targets = LBFGS[name]
    curve, its_curve = [], []
    whole = clone(estimator)
    whole.fit(rows, targets, callbacks=[lambda _, history: curve.append(history["cost"][-1])])
    for epoch in (4, 8, 9):
        with pytest.raises(Killed):
            clone(estimator).fit(
                rows, targets, callbacks=[Checkpoint(path, every, resume=True), killed_in(epoch)]
            )
    assert cbackprop.load(path).n_iter_ == 9

    def look(_, history):
        its_curve[:] = history["cost"]

    resumed = clone(estimator)
    resumed.fit(rows, targets, callbacks=[Checkpoint(path, every, resume=True), look])
    assert_same_lbfgs(whole, resumed)
    assert curve == its_curve
    finished = clone(estimator).fit(rows, targets, callbacks=[Checkpoint(path, resume=True)])
    assert_same_lbfgs(whole, finished)


def test_resumed_lbfgs_computes_nothing_anew(path, monkeypatch):
    def fit(*callbacks):
        estimator = MLPClassifier((6,), solver="lbfgs", max_iter=20, random_state=0)
        return estimator.fit(X, y, callbacks=list(callbacks))

    whole, computed = fit(Checkpoint(path)), []
    evaluate = Sweep.loss_and_gradient

    def counted(self, *arguments, **options):
        computed.append(1)
        return evaluate(self, *arguments, **options)

    monkeypatch.setattr(Sweep, "loss_and_gradient", counted)
    assert_same_lbfgs(whole, fit(Checkpoint(path, resume=True)))
    assert computed == []


def test_lbfgs_that_a_callback_stopped_is_not_trained_further(path):
    def fit(*callbacks, **options):
        estimator = MLPClassifier((6,), solver="lbfgs", max_iter=20, random_state=0)
        return estimator.fit(X, y, callbacks=[Checkpoint(path, **options), *callbacks])

    stopped = fit(lambda model, history: history.epochs == 5)
    assert_same_lbfgs(stopped, fit(resume=True))


def test_lbfgs_of_more_iterations_goes_on_from_one_that_ran_out_of_them(path):
    whole = MLPClassifier((6,), solver="lbfgs", max_iter=20, random_state=0).fit(X, y)
    for iterations in (5, 20):
        longer = MLPClassifier((6,), solver="lbfgs", max_iter=iterations, random_state=0)
        longer.fit(X, y, callbacks=[Checkpoint(path, 4, resume=True)])
    assert_same_lbfgs(whole, longer)


def test_path_that_cannot_be_written_is_an_error_before_the_first_epoch(tmp_path):
    estimator, epochs = MLPClassifier((3,)), []
    with pytest.raises(FileNotFoundError, match="no folder"):
        estimator.fit(
            X, y, callbacks=[Checkpoint(tmp_path / "missing" / "a"), lambda *_: epochs.append(1)]
        )
    assert epochs == []


# Killed while writing. Parent and children are forks of a process that has imported all it needs.

KILLS = """
import json, os, random, signal, sys, time
import numpy as np
import safetensors
import cbackprop
from cbackprop import Adam, Checkpoint, Network
from cbackprop.files import atomic

folder, kills = sys.argv[1], int(sys.argv[2])
path = os.path.join(folder, "checkpoint")
rng, rows = random.Random(0), np.random.RandomState(0)
X, y = rows.rand(8, 100), rows.rand(8, 1)

def fit(callbacks, epochs):
    network = Network([100, 300, 1], random_state=0)
    network.fit(X, y, optimizer=Adam(), epochs=epochs, random_state=0, callbacks=callbacks)
    return network

def child():
    pid = os.fork()
    if pid == 0:
        try:
            fit([Checkpoint(path, resume=True)], 10**6)
        finally:
            os._exit(1)
    return pid

fit([Checkpoint(path)], 1)  # all that is loaded late is loaded now
struck = 0
for _ in range(kills):
    pid = child()
    time.sleep(rng.uniform(0.005, 0.05))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    struck += any(name.endswith(atomic.SUFFIX) for name in os.listdir(folder))
    cbackprop.load(path)
with safetensors.safe_open(path, "np") as file:
    epochs = json.loads(file.metadata()["cbackprop"])["fit"]["epoch"] + 1
resumed, whole = fit([Checkpoint(path, resume=True)], epochs), fit([], epochs)
assert (resumed.parameters == whole.parameters).all(), "not the uninterrupted fit"
assert os.listdir(folder) == ["checkpoint"], os.listdir(folder)
print(f"{kills} kills, {struck} of them with a file half written, {epochs} epochs")
"""

TWO = """
import os, sys
from cbackprop import Network
path = sys.argv[1]
pids = []
for seed in range(2):
    pids.append(os.fork())
    if pids[-1] == 0:
        network = Network([100, 300, 1], random_state=seed)
        try:
            for _ in range(50):
                network.save(path)
            os._exit(0)
        finally:
            os._exit(1)
assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
"""


def run(script, *arguments) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(cbackprop.__file__).parents[1])}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    result = subprocess.run(
        [sys.executable, "-P", "-c", script, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@forks
def test_kills_leave_a_whole_file_and_no_litter_after_the_next_start(tmp_path, figure):
    run(KILLS, tmp_path, 10)
    figure("kills while checkpoints are written", 10)


@forks
@pytest.mark.nightly
def test_two_hundred_kills(tmp_path, figure):
    figure("of those", run(KILLS, tmp_path, 200).strip())
    figure("kills while checkpoints are written", 200)


@forks
def test_two_processes_that_write_one_path_leave_one_whole_file(tmp_path):
    run(TWO, tmp_path / "model")
    assert os.listdir(tmp_path) == ["model"]
    network = cbackprop.load(tmp_path / "model")
    seeds = [Network([100, 300, 1], random_state=seed).parameters for seed in range(2)]
    assert any((network.parameters == parameters).all() for parameters in seeds)


def test_litter_is_removed_at_the_next_start(path):
    litter = path.with_name(f".{path.name}.0123456789abcdef{atomic.SUFFIX}")
    litter.write_bytes(b"half")
    with pytest.raises(Killed), warnings.catch_warnings():
        Network([4, 1]).fit(X, y, callbacks=[Checkpoint(path, 99), killed_in(1)])
    assert not litter.exists()
