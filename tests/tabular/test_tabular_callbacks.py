"""Who is told of a fit to a table, what they see of it, and what they may do."""

import io
import pickle
import re
import signal
import sys

import numpy as np
import pytest
from sklearn.base import clone
from tiny_tables import LABELS, NUMBERS, X, assert_same_model, both, classifier, regressor

import cbackprop
from cbackprop import Progress
from cbackprop.callbacks import Callback, state_of


class Note(Callback):
    """What was told, in order."""

    def __init__(self):
        self.told = []

    def setup(self, estimator, context):
        self.told.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(f"{context.task_name} begins")

    def on_fit_task_end(self, estimator, context):
        self.told.append(f"{context.task_name} ends")

    def teardown(self, estimator, context):
        self.told.append("teardown")


@pytest.mark.parametrize("kind", [0, 1])
def test_a_fit_and_its_epochs_are_told_in_order(kind):
    model, y = both(max_epochs=2)[kind]
    note = Note()
    model.fit(X, y, callbacks=[note])
    epoch = ["epoch begins", "epoch ends"]
    assert note.told == ["setup", "fit begins", *epoch, *epoch, "fit ends", "teardown"]
    assert "_fit_state" not in vars(model)


@pytest.mark.parametrize("kind", [0, 1])
def test_listening_changes_no_bit(kind):
    model, y = both()[kind]
    alone = clone(model).fit(X, y)
    assert_same_model(model.fit(X, y, callbacks=[Note()]), alone)
    assert model.history_["evaluation_score"] == alone.history_["evaluation_score"]


@pytest.mark.parametrize("n_folds", [None, 2])
@pytest.mark.parametrize("kind", [0, 1])
def test_functions_see_loss_and_score_of_every_epoch_and_stop(kind, n_folds):
    seen = []

    def stop_in_epoch_3(model, history):
        seen.append((history.epochs, history["cost"][-1], history["evaluation_score"][-1]))
        return history.epochs == 3

    model, y = both(max_epochs=9, n_folds=n_folds)[kind]
    whole = clone(model).fit(X, y).history_
    model.fit(X, y, callbacks=[stop_in_epoch_3])
    expected = [whole["cost"][:3], whole["evaluation_score"][:3]]
    assert seen == [*zip([1, 2, 3], *expected, strict=True)]
    assert model.n_epochs_ == model.history_.epochs == 3
    best = max(i for i, s in enumerate(expected[1], 1) if s == max(expected[1]))
    assert model.best_epoch_ == best
    assert model.validation_score_ == expected[1][best - 1]
    assert hasattr(model, "oof_prediction_") == (n_folds is not None)


def test_rows_that_are_too_few_to_hold_some_out_have_a_loss_alone():
    seen = []
    regressor().fit(X[:4], NUMBERS[:4], callbacks=[lambda _, history: seen.append(sorted(history))])
    assert seen == [["cost", "seconds"]] * 4


def test_the_estimator_is_as_the_last_epoch_left_it():
    said = []
    model = classifier(max_epochs=3, validation_fraction=0.25)

    def look(model, history):
        assert model.n_epochs_ == history.epochs
        assert model.best_epoch_ == state_of(model).record.best_epoch
        assert model.validation_score_ == max(history["evaluation_score"])
        assert model.settings_["max_epochs"] == 3
        said.append(model.predict_proba(X))

    model.fit(X, LABELS, callbacks=[look])
    assert len({p.tobytes() for p in said}) == 3
    np.testing.assert_array_equal(said[model.best_epoch_ - 1], model.predict_proba(X))


def test_a_copy_made_by_a_callback_goes_its_own_way():
    kept = []

    def keep(model, history):
        kept.append((pickle.loads(pickle.dumps(model)), model.predict_proba(X)))

    classifier().fit(X, LABELS, callbacks=[keep])
    for copy, expected in kept:
        np.testing.assert_array_equal(copy.predict_proba(X), expected)
        assert "_fit_state" not in vars(copy)


def test_a_callback_that_fails_leaves_the_estimator_as_it_was():
    def fail(model, history):
        raise RuntimeError("no")

    model = classifier().fit(X, LABELS)
    before = dict(vars(model))
    with pytest.raises(RuntimeError, match="no"):
        model.fit(X, 1 - LABELS, callbacks=[fail])
    assert vars(model) == before
    note = Note()
    with pytest.raises(RuntimeError, match="no"):
        classifier().fit(X, LABELS, callbacks=[note, fail])
    assert note.told[-1] == "teardown"


def test_a_fit_within_itself_is_refused():
    def again(model, history):
        model.fit(X, LABELS)

    with pytest.raises(RuntimeError, match="is being fitted"):
        classifier().fit(X, LABELS, callbacks=[again])


@pytest.mark.parametrize("wrong", [[3], "no", [Callback], 5])
def test_what_is_no_callback_is_refused(wrong):
    with pytest.raises(TypeError, match="callback"):
        classifier().fit(X, LABELS, callbacks=wrong)


@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupt_keeps_the_best_epoch_so_far(epoch):
    def interrupt(model, history):
        if history.epochs == epoch:
            signal.raise_signal(signal.SIGINT)

    model = classifier(max_epochs=9, n_jobs=1)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, LABELS, callbacks=[interrupt])
    expected = clone(model).fit(X, LABELS, callbacks=[lambda _, h: h.epochs == epoch])
    assert_same_model(model, expected)
    assert model.n_epochs_ == epoch


def test_callbacks_that_are_set_are_told_too():
    note = Note()
    model = classifier()
    if not hasattr(model, "set_callbacks"):
        pytest.skip("scikit-learn has no callbacks")
    model.set_callbacks(note).fit(X, LABELS)
    assert note.told.count("epoch ends") == 4


# What is shown.


def test_a_bar_has_members_epochs_the_best_score_and_the_time_left():
    out = io.StringIO()
    model = classifier(max_epochs=3).fit(X, LABELS, callbacks=[Progress(show=True, file=out)])
    first, *_, last = out.getvalue().splitlines()
    assert re.match(r"2 members  epoch 1/3 \[=+ +\]  loss [\d.]+  score [\d.]+  best ", first)
    assert first.endswith(" left")
    best = f"best {model.validation_score_:.4f} in epoch {model.best_epoch_}"
    assert last.startswith("2 members  epoch 3/3 [====================]")
    assert best in last


def test_a_bar_says_why_a_fit_has_stopped():
    def worse(estimator, X, y, calls=[]):  # noqa: B006
        calls.append(0)
        return -float(len(calls))

    out = io.StringIO()
    model = classifier(max_epochs=60, scoring=worse, early_stopping=True)
    model.fit(X, LABELS, callbacks=[Progress(show=True, file=out)])
    assert "stopped: score no better for long, best epoch 1 " in out.getvalue().splitlines()[-1]


def test_verbose_draws_one_line_in_a_terminal_and_prints_many_elsewhere(capsys, monkeypatch):
    classifier(verbose=True).fit(X, LABELS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"epoch {i}/4" for i in range(1, 5)]
    assert re.search(r", best [\d.]+ in epoch \d, 2 members, 0:00 left$", lines[-1])
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)
    classifier(verbose=True).fit(X, LABELS)
    assert terminal.getvalue().count("\n") == 1
    assert "members" in terminal.getvalue().splitlines()[-1]


def test_verbose_without_rows_held_out_tells_the_loss(capsys):
    regressor(verbose=1).fit(X[:4], NUMBERS[:4])
    assert re.match(r"epoch 1/4: loss [\d.]+, 2 members", capsys.readouterr().out)


def test_scikit_learns_callbacks_score_every_epoch_and_the_fit():
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = classifier(max_epochs=3).set_callbacks(monitor).fit(X, LABELS)
    scores = [entry["accuracy"] for entry in monitor.get_logs().data]
    assert len(scores) == 4
    assert scores[0] == model.score(X, LABELS)


def test_a_callback_may_save_the_model(tmp_path):
    said = []

    def save(model, history):
        model.save(tmp_path / str(history.epochs))
        said.append(model.predict(X))

    regressor(n_folds=2).fit(X, NUMBERS, callbacks=[save])
    for epoch, expected in enumerate(said, 1):
        loaded = cbackprop.load(tmp_path / str(epoch))
        np.testing.assert_array_equal(loaded.predict(X), expected)
