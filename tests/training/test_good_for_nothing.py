"""A fit that has shot up and ended with a network good for nothing says so; others do not."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from cbackprop import Adam, MLPClassifier, MLPRegressor, Network

GOOD_FOR_NOTHING = "Training has ended with"
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_at_a_rate_of_a_thousand_says_what_has_become_of_it(cls, activation, dtype):
    rows, labels = load_iris(return_X_y=True)
    model = cls(
        hidden_layer_sizes=(20,), activation=activation, learning_rate_init=1e3, random_state=0
    )
    with pytest.warns(
        ConvergenceWarning, match=f"({GOOD_FOR_NOTHING}|has blown up).*Try a smaller"
    ):
        model.fit(rows.astype(dtype), labels)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_relus_that_died_are_said(early_stopping):
    rows, labels = load_iris(return_X_y=True)
    model = MLPClassifier(
        (20,),
        learning_rate_init=1e3,
        batch_size=10,
        max_iter=4,
        early_stopping=early_stopping,
        random_state=0,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(rows, labels)
    said = [warning for warning in caught if GOOD_FOR_NOTHING in str(warning.message)]
    assert len(said) == (not early_stopping or model.score(rows, labels) < 0.4)


def test_network_that_ends_good_for_nothing_says_so():
    rows, labels = load_iris(return_X_y=True)
    network = Network([4, 9, 3], output_activation="softmax", loss="log_loss", random_state=0)
    with pytest.warns(ConvergenceWarning, match=GOOD_FOR_NOTHING):
        network.fit(rows, labels, optimizer=Adam(1e3), epochs=9, random_state=0)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2, 1e-1])
@pytest.mark.parametrize("epochs", [1, 3, 30])
def test_fit_that_goes_as_fits_go_ends_without_a_word(solver, rate, epochs):
    rows, labels = load_iris(return_X_y=True)
    for scale in (1.0, 0.1):
        for weight in (None, np.arange(150) % 2.0):
            model = MLPClassifier(
                (20,), solver=solver, learning_rate_init=rate, max_iter=epochs, random_state=0
            )
            with warnings.catch_warnings():
                warnings.filterwarnings("error", GOOD_FOR_NOTHING)
                model.fit(scale * rows, labels, sample_weight=weight)


def test_classes_rows_and_numbers_that_are_all_the_same_have_the_same_answer():
    same, rows = np.ones((30, 2)), np.random.default_rng(0).normal(size=(30, 2))
    for X, y in ((rows, np.zeros(30)), (same, np.arange(30) % 2)):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", GOOD_FOR_NOTHING)
            MLPClassifier((3,), max_iter=20, random_state=0).fit(X, y)
            MLPRegressor(hidden_layer_sizes=(3,), max_iter=20, random_state=0).fit(X, y)
