"""Callbacks hear of every epoch, on networks and estimators, scikit-learn's among them."""

import io
import pickle
import re
import sys
import types

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cbackprop import MLPClassifier, MLPRegressor, Network, Progress
from cbackprop.callbacks import Callback, Context, FitState, check_callbacks, progress
from cbackprop.history import History
from cbackprop.training.record import Record

X, y = load_iris(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

try:
    import sklearn.callback as protocol
except ImportError:
    protocol = None
needs_protocol = pytest.mark.skipif(protocol is None, reason="needs scikit-learn 1.9")


class Log(Callback):
    """Writes down what it is told."""

    def __init__(self, stop_at=None):
        self.events, self.stop_at = [], stop_at

    def _note(self, hook, context):
        self.events.append((hook, context.task_name, context.task_id))

    def setup(self, estimator, context):
        self._note("setup", context)

    def on_fit_task_begin(self, estimator, context):
        self._note("begin", context)

    def on_fit_task_end(self, estimator, context):
        self._note("end", context)
        return context.task_name == "epoch" and context.task_id == self.stop_at

    def teardown(self, estimator, context):
        self._note("teardown", context)


def epochs(n):
    hooks = [("setup", "fit", 0), ("begin", "fit", 0)]
    for i in range(n):
        hooks += [("begin", "epoch", i), ("end", "epoch", i)]
    return [*hooks, ("end", "fit", 0), ("teardown", "fit", 0)]


def network_fit(callbacks, max_epochs=4):
    return Network([4, 3, 1]).fit(X, y, epochs=max_epochs, callbacks=callbacks)


def estimator_fit(callbacks, max_epochs=4):
    return MLPClassifier((3,), max_iter=max_epochs).fit(X, y, callbacks=callbacks)


def set_on_estimator_fit(callbacks, max_epochs=4):
    return MLPClassifier((3,), max_iter=max_epochs).set_callbacks(*callbacks).fit(X, y)


FITS = [network_fit, estimator_fit, pytest.param(set_on_estimator_fit, marks=needs_protocol)]


@pytest.mark.parametrize("fit", FITS)
def test_callback_hears_of_the_fit_and_of_every_epoch(fit):
    log = Log()
    fit([log])
    assert log.events == epochs(4)


@pytest.mark.parametrize("fit", FITS)
def test_callback_that_returns_true_stops_and_others_are_still_told(fit):
    first, second = Log(stop_at=1), Log()
    fit([first, second])
    assert first.events == second.events == epochs(2)


@pytest.mark.parametrize("fit", FITS)
def test_teardown_follows_an_error(fit):
    class Fails(Log):
        def on_fit_task_begin(self, estimator, context):
            if context.task_id == 1:
                raise RuntimeError("it fails")

    log, fails = Log(), Fails()
    with pytest.raises(RuntimeError, match="it fails"):
        fit([log, fails])
    assert log.events[-1] == fails.events[-1] == ("teardown", "fit", 0)
    assert ("end", "fit", 0) not in log.events


@pytest.mark.parametrize("fit", FITS)
def test_teardown_that_fails_keeps_no_other_from_its_own(fit):
    class Fails(Log):
        def teardown(self, estimator, context):
            raise RuntimeError("it fails")

    before, after = Log(), Log()
    with pytest.raises(RuntimeError, match="it fails"):
        fit([before, Fails(), after])
    assert before.events[-1] == after.events[-1] == ("teardown", "fit", 0)


def test_callback_sees_the_model_as_it_is_after_each_epoch():
    seen = []
    estimator = MLPClassifier((3,), max_iter=3, random_state=0)
    estimator.fit(X, y, callbacks=[lambda model, history: seen.append(model.coefs_[0].copy())])
    for n, weights in enumerate(seen, start=1):
        shorter = MLPClassifier((3,), max_iter=n, random_state=0).fit(X, y)
        assert_array_equal(weights, shorter.coefs_[0])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_function_gets_the_curves(early_stopping):
    histories = []

    def look(model, history):
        histories.append((len(history["cost"]), len(history.get("evaluation_score", ()))))

    estimator = MLPClassifier((3,), max_iter=3, early_stopping=early_stopping, random_state=0)
    estimator.fit(X, y, callbacks=[look])
    assert histories == [(n, n * early_stopping) for n in (1, 2, 3)]


def test_fitted_estimator_is_made_for_a_callback_that_asks():
    class Scores(Log):
        def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
            assert fitted_estimator is not estimator
            self.events.append((fitted_estimator.score(X, y), metadata))

    scores, weights = Scores(), np.ones(len(X))
    estimator = MLPClassifier((3,), max_iter=3, early_stopping=True, random_state=0)
    estimator.fit(X, y, weights, callbacks=[scores])
    (score, metadata) = scores.events[-2]  # of the fit; then teardown
    assert score == estimator.score(X, y)
    assert metadata == {"sample_weight": weights}


def test_lbfgs_tells_of_its_iterations_and_stops():
    log, curve = Log(), []

    def stop(model, history):
        curve.append(history["cost"][-1])
        return len(curve) == 5

    estimator = MLPClassifier((3,), solver="lbfgs", random_state=0)
    estimator.fit(X, y, callbacks=[log, stop])
    assert log.events == epochs(5)
    assert curve == sorted(curve, reverse=True)
    assert (estimator.n_iter_, estimator.loss_) == (5, curve[-1])


def test_callbacks_change_nothing():
    for solver in ("sgd", "adam", "lbfgs"):
        plain = MLPClassifier((3,), solver=solver, max_iter=9, random_state=0).fit(X, y)
        heard = clone(plain).fit(X, y, callbacks=[Log()])
        assert_array_equal(plain.network_.parameters, heard.network_.parameters)
        assert vars(plain).keys() == vars(heard).keys()


@pytest.mark.parametrize(
    "callbacks", [Log(), "log", 3, [3], [None], [Log], ["log"]], ids=lambda value: str(value)[:9]
)
@pytest.mark.parametrize("fit", [network_fit, estimator_fit])
def test_what_is_no_callback_is_an_error(fit, callbacks):
    with pytest.raises(TypeError, match="callback"):
        fit(callbacks)


def test_no_callbacks_may_be_none():
    assert check_callbacks(None) == []


def test_partial_fit_tells_nobody():
    estimator = MLPClassifier((3,))
    if protocol is not None:
        log = Log()
        estimator.set_callbacks(log)
    estimator.partial_fit(X, y, classes=[0, 1, 2])
    assert protocol is None or log.events == []


# scikit-learn's own.


@needs_protocol
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sklearns_scoring_monitor_scores_every_epoch(solver):
    monitor = protocol.ScoringMonitor(scoring="accuracy")
    estimator = MLPClassifier((3,), solver=solver, max_iter=5, random_state=0)
    estimator.set_callbacks(monitor).fit(X, y)
    logs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(logs) == 5
    assert logs[-1]["accuracy"] == estimator.score(X, y)


@needs_protocol
def test_sklearns_scoring_monitor_takes_data_frames():
    pandas = pytest.importorskip("pandas")
    monitor = protocol.ScoringMonitor(scoring="r2")
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    MLPRegressor(hidden_layer_sizes=(3,), max_iter=3).set_callbacks(monitor).fit(frame, y)
    assert len(monitor.get_logs().data) == 4


@needs_protocol
def test_sklearns_scoring_monitor_may_be_given_to_fit():
    monitor = protocol.ScoringMonitor(scoring="accuracy")
    MLPClassifier((3,), max_iter=3).fit(X, y, callbacks=[monitor])
    assert [row["task_name"] for row in monitor.get_logs().data] == ["fit", *["epoch"] * 3]


@needs_protocol
def test_sklearns_progress_bar_shows_the_epochs(capsys):
    pytest.importorskip("rich")
    bar = protocol.ProgressBar()
    MLPClassifier((3,), max_iter=3).set_callbacks(bar).fit(X, y)
    assert "MLPClassifier - fit" in capsys.readouterr().out


@needs_protocol
def test_callbacks_reach_estimators_in_pipelines_and_searches():
    monitor = protocol.ScoringMonitor(scoring="accuracy")
    mlp = MLPClassifier(max_iter=3).set_callbacks(monitor)
    make_pipeline(StandardScaler(), mlp).fit(X, y)
    assert sum(row["task_name"] == "epoch" for row in monitor.get_logs().data) == 3
    search = GridSearchCV(mlp, {"hidden_layer_sizes": [(2,), (3,)]}, cv=2).fit(X, y)
    assert search.best_score_ > 0


# Our progress bar.


class Terminal(io.StringIO):
    def isatty(self):
        return True


def state(epoch, total=10):
    return FitState(History(cost=[0.5]), total, record=Record(epochs=epoch))


@pytest.mark.parametrize("fit", FITS)
def test_progress_draws_one_line_and_ends_it(fit, monkeypatch):
    monkeypatch.setattr(progress, "REDRAWN", 0.0)
    out = Terminal()
    fit([Progress(file=out)])
    lines = out.getvalue().split(progress.CLEAR)
    assert lines[0] == ""
    assert all(line.startswith(f"epoch {n}/4 [") for n, line in enumerate(lines[1:5], start=1))
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().endswith("\n")


def test_progress_shows_loss_score_rate_and_time():
    out = io.StringIO()
    estimator = MLPClassifier((3,), max_iter=2, early_stopping=True, random_state=0)
    estimator.fit(X, y, callbacks=[Progress(True, out)])
    last = out.getvalue().splitlines()[-1]
    score = estimator.validation_scores_[-1]
    assert last.startswith(
        f"epoch 2/2 [====================]  loss {estimator.loss_:.4g}  score {score:.4f}  "
        "rate 0.001  0:0"
    )


def test_progress_tells_the_time_that_is_left():
    assert progress.describe(state(4), 8.0, 4).endswith("loss 0.5  0:12 left")
    assert progress.describe(state(4), 8.0, 2).endswith("loss 0.5  0:24 left")
    assert progress.describe(state(10), 75.0, 4).endswith("loss 0.5  1:15")


def test_progress_of_a_fit_that_stops_by_itself_ends_with_the_time_it_took():
    out = io.StringIO()
    estimator = MLPClassifier((3,), tol=10.0, n_iter_no_change=3, random_state=0)
    estimator.fit(X, y, callbacks=[Progress(True, out)])
    assert re.search(r"^epoch 5/200 .* rate 0.001  0:00\n\Z", out.getvalue(), re.MULTILINE)


def test_progress_is_silent_where_nobody_looks(capsys):
    estimator_fit([Progress()])
    estimator_fit([Progress(False, Terminal())])
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""


def test_progress_does_not_wrap(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    out = Terminal()
    network_fit([Progress(file=out)])
    assert max(map(len, out.getvalue().replace("\n", "").split(progress.CLEAR))) == 19


def test_progress_in_a_narrow_terminal_keeps_the_numbers(monkeypatch):
    monkeypatch.setenv("COLUMNS", "52")
    out = Terminal()
    estimator_fit([Progress(file=out)])
    assert re.search(r"\x1b\[Kepoch 4/4  loss \S+  rate 0.001  0:00\n$", out.getvalue())


@pytest.mark.parametrize("fit", [network_fit, estimator_fit])
def test_interrupt_leaves_a_line_that_is_ended(fit):
    out = Terminal()

    def interrupt(model, history):
        raise KeyboardInterrupt

    if fit is network_fit:
        with pytest.raises(KeyboardInterrupt):
            fit([Progress(file=out), interrupt])
    else:
        with pytest.warns(UserWarning, match="interrupted"):
            fit([Progress(file=out), interrupt])
    assert out.getvalue().endswith("\n")
    assert out.getvalue().count("\n") == 1


def test_progress_updates_one_output_in_a_notebook(monkeypatch):
    shown = []

    class DisplayHandle:
        def display(self, data, raw):
            shown.append(("display", data["text/plain"]))

        def update(self, data, raw):
            shown.append(("update", data["text/plain"]))

    kernel = types.SimpleNamespace(kernel=object())
    ipython = types.SimpleNamespace(get_ipython=lambda: kernel)
    display = types.SimpleNamespace(DisplayHandle=DisplayHandle)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    network_fit([Progress()])
    assert [what for what, _ in shown] == ["display", *["update"] * (len(shown) - 1)]
    assert shown[-1][1].startswith("epoch 4/4 [====================]")


def test_progress_goes_to_other_processes():
    estimator = MLPClassifier((3,), max_iter=2)
    search = GridSearchCV(estimator, {"alpha": [0.1, 1.0]}, cv=2)
    search.fit(X, y, callbacks=[pickle.loads(pickle.dumps(Progress()))])
    assert isinstance(pickle.loads(pickle.dumps(Progress(file=Terminal()))), Progress)


def test_option_of_another_type_is_an_error():
    with pytest.raises(TypeError, match="show must be"):
        Progress("yes")


def test_context_has_what_sklearns_has():
    root = Context("MLPClassifier", [], max_subtasks=3)
    epoch = root.subcontext("epoch")
    assert epoch.parent is root
    assert epoch.root_uuid == root.root_uuid
    assert (root.task_id, epoch.task_id, root.subcontext("epoch").task_id) == (0, 0, 1)
