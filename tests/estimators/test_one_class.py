"""Where all rows are of one class, that class is right, as it is for scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import neural_network

import cbackprop

X = np.random.RandomState(0).normal(size=(40, 3))


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize(
    "y",
    [np.zeros(40, int), np.ones(40, int), np.array(["a"] * 40), np.ones((40, 2), int)],
    ids=["zeros", "ones", "strings", "both labels"],
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_on_one_class_is_judged_and_stops_as_scikit_learns(y, early_stopping, weighted):
    fitted = [
        module.MLPClassifier(
            random_state=0, learning_rate_init=0.05, n_iter_no_change=2,
            early_stopping=early_stopping,
        ).fit(X, y, sample_weight=np.linspace(1, 2, 40) if weighted else None)
        for module in (cbackprop, neural_network)
    ]  # fmt: skip
    ours, theirs = fitted
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.score(X, y) == theirs.score(X, y) == 1.0
    assert ours.best_validation_score_ == theirs.best_validation_score_
    assert_allclose(ours.loss_curve_, theirs.loss_curve_)
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)
