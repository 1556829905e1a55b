"""An integer too large for a float is refused as any other number that none can be made of."""

import numpy as np
import pytest

from cbackprop import MLPClassifier, MLPRegressor, Network
from cbackprop.functions.losses import Huber
from cbackprop.tabular import TabularClassifier, TabularRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LARGE = 10**400
ROWS = [[0.5, 1.0], [1.5, LARGE], [2.5, 0.0], [0.0, 2.0]]
X = np.random.default_rng(0).normal(size=(20, 2))
WEIGHTS = [1.0, LARGE, *[1.0] * 18]
LABELS = (X[:, 0] > 0).astype(int)
SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
TABLE = {"n_members": 1, "max_epochs": 2, "random_state": 0}
IN_COLUMN = "X has an integer too large for a float in column {}, in row 1: scale it"

CONTAINERS = {
    "a list": (lambda: ROWS, 1),
    "objects": (lambda: np.array(ROWS, dtype=object), 1),
    "negative": (lambda: [[a, -b] for a, b in ROWS], 1),
    "a frame": (
        lambda: pytest.importorskip("pandas").DataFrame(
            {"age": [0.5, 1.5, 2.5, 0.0], "big": np.array([1, LARGE, 0, 2], dtype=object)}
        ),
        "'big'",
    ),
}


def fitted(kind):
    return kind(**SMALL).fit(X, LABELS)


CALLS = {
    "fit": lambda rows: MLPClassifier(**SMALL).fit(rows, [0, 1, 0, 1]),
    "partial_fit": lambda rows: MLPRegressor(**SMALL).partial_fit(rows, [0, 1, 0, 1]),
    "predict": lambda rows: fitted(MLPClassifier).predict(rows),
    "predict_proba": lambda rows: fitted(MLPClassifier).predict_proba(rows),
    "predictor": lambda rows: fitted(MLPRegressor).predictor()(rows),
    "Network.fit": lambda rows: Network([2, 1]).fit(rows, [0, 1, 0, 1], epochs=1),
    "Network.predict": lambda rows: Network([2, 1]).predict(rows),
    "Network.predictor": lambda rows: Network([2, 1]).predictor()(rows),
}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("call", CALLS)
def test_the_column_and_the_row_are_named(call, container):
    make, label = CONTAINERS[container]
    rows = make()
    with pytest.raises(ValueError, match="too large for a float") as raised:
        CALLS[call](rows)
    assert IN_COLUMN.format(label) in str(raised.value)


@pytest.mark.parametrize("kind", [MLPRegressor, TabularRegressor])
def test_targets_are_looked_at_too(kind):
    settings = SMALL if kind is MLPRegressor else TABLE
    with pytest.raises(ValueError, match="y has an integer too large for a float, in row 1"):
        kind(**settings).fit(X, WEIGHTS)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor])
def test_weights_are_looked_at_too(kind):
    settings = TABLE if "Tabular" in kind.__name__ else SMALL
    with pytest.raises(ValueError, match="sample_weight has an integer too large"):
        kind(**settings).fit(X, LABELS, sample_weight=WEIGHTS)


def test_so_are_a_networks_targets_and_weights():
    network = Network([2, 1])
    with pytest.raises(ValueError, match="y has an integer too large for a float in column 0"):
        network.loss(X[:1], [[LARGE]])
    with pytest.raises(ValueError, match="sample_weight has an integer too large"):
        network.fit(X, LABELS, sample_weight=WEIGHTS, epochs=1)


def test_parameters_that_are_given_and_settings_are_looked_at_too():
    network = Network([2, 1])
    with pytest.raises(ValueError, match="too large for a float"):
        network.parameters = [LARGE, 1, 1]
    with pytest.raises(ValueError, match="delta must be a number that a float can hold"):
        Huber(LARGE)


def test_one_row_of_a_predictor_is_looked_at_too():
    with pytest.raises(ValueError, match="X has an integer too large for a float in column 1"):
        fitted(MLPClassifier).predictor()([1.0, LARGE])
