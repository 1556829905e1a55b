"""Ctrl-C at any moment: answered at once, nothing hangs or is lost, and the model is whole."""

import itertools
import os
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cbackprop import MLPClassifier
from cbackprop.running import threads

pytestmark = [
    pytest.mark.usefixtures("ends_if_it_hangs"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def test_a_dozen_interrupts_at_random_moments(figure, run_script):
    print("slowest answer:", run_script("interrupts.py", 12, os.getpid(), "once"))
    figure("interrupts at random moments", 12)


def test_interrupts_that_do_not_cease_hang_nothing(figure, run_script):
    run_script("interrupts.py", 10, os.getpid(), "storm")
    figure("storms of interrupts", 10)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(3))
def test_hundreds_of_interrupts_at_random_moments(seed, figure, run_script):
    figure("slowest answer", run_script("interrupts.py", 100, seed, "once").strip())
    figure("interrupts at random moments", 100)
    run_script("interrupts.py", 50, seed, "storm")
    figure("storms of interrupts", 50)


# At every step of the package's own code, one after the other.

X = np.random.default_rng(0).normal(size=(40, 3))
LABELS, OTHER = (X[:, 0] > 0).astype(int), np.array(["a", "b", "c"])[np.arange(40) % 3]


def fitted():
    return MLPClassifier(
        (4,), max_iter=2, random_state=0, early_stopping=True, batch_size=9, n_jobs=2
    ).fit(X, OTHER)


def assert_old_or_new(estimator, before, where):
    """Everything is as it was, or of the fit with two classes, of which this much is done."""
    if len(estimator.classes_) == 3:
        assert vars(estimator).keys() == before.keys(), where
        for name in ("network_", "n_iter_", "t_", "_optimizer", "best_validation_score_"):
            assert getattr(estimator, name) is before[name], (name, where)
        return
    n, scores = estimator.n_iter_, estimator.validation_scores_
    assert len(estimator.loss_curve_) == n, where
    assert len(scores) in (n - 1, n), where
    assert estimator.best_validation_score_ == max(scores, default=-np.inf), where
    assert estimator.t_ == 36 * n, where
    assert "_fit_state" not in vars(estimator), where
    assert set(estimator.predict(X)) <= {0, 1}, where


def assert_interruptions_leave_old_or_new(interrupted_at, stride):
    """A fit is interrupted at every `stride`-th look. How often that was."""
    blas, outcomes = [lib.get_num_threads() for lib in threads._libraries()], []
    new, old = fitted().fit(X, LABELS), pickle.dumps(fitted())
    for n in itertools.count(1, stride):
        estimator = pickle.loads(old)
        before, outcome = dict(vars(estimator)), "run to its end"
        with warnings.catch_warnings(record=True) as warned, interrupted_at(n) as interrupted:
            warnings.simplefilter("always")
            try:
                estimator.fit(X, LABELS)
            except KeyboardInterrupt:
                outcome = "interrupted"
        if any("interrupted" in str(warning.message) for warning in warned):
            outcome = "warned of"
        where = interrupted.where
        assert [lib.get_num_threads() for lib in threads._libraries()] == blas, where
        if where is None:
            break
        outcomes.append(outcome)
        assert_old_or_new(estimator, before, where)
        again = estimator.fit(X, LABELS)
        assert_array_equal(again.network_.parameters, new.network_.parameters, where)
    assert set(outcomes) >= {"interrupted", "warned of"}
    return len(outcomes)


def test_a_fit_interrupted_anywhere_leaves_the_old_model_or_the_new(figure, interrupted_at):
    figure(
        "steps at which a fit was interrupted",
        assert_interruptions_leave_old_or_new(interrupted_at, 13),
    )


@pytest.mark.nightly
def test_a_fit_interrupted_at_every_step_leaves_the_old_model_or_the_new(figure, interrupted_at):
    figure(
        "steps at which a fit was interrupted",
        assert_interruptions_leave_old_or_new(interrupted_at, 1),
    )
