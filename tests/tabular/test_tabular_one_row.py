"""A single row is predicted as among others, by what was made ready for the one before."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tiny_tables import LABELS, NUMBERS, X, both, classifier, regressor

from cbackprop.running.execution import Execution
from cbackprop.tabular.one_row import predict_row


@pytest.mark.parametrize("embedding", ["piecewise", None])
@pytest.mark.parametrize("kind", [0, 1])
def test_a_row_alone_has_the_bits_of_the_networks_own_prediction(kind, embedding):
    model, y = both(embedding=embedding)[kind]
    model.fit(X, y)
    for network in model.networks_:
        for row in model.encoder_.transform(X)[:9, np.newaxis]:
            expected = network._predict(row, Execution(1))
            np.testing.assert_array_equal(predict_row(network, row), expected)


def test_what_is_changed_in_a_network_is_seen():
    model = regressor().fit(X, NUMBERS)
    before = model.predict(X[:1])
    for network in model.networks_:
        network.biases[-1][...] += 0.25
    assert model.predict(X[:1]) > before + 0.1
    assert model.predict(X[:1]) == pytest.approx(model.predict(X)[:1], rel=1e-5)
    for network in model.networks_:
        network.parameters = 0.5 * network.parameters
    assert model.predict(X[:1]) == pytest.approx(model.predict(X)[:1], rel=1e-5)


def test_an_answer_is_not_changed_by_the_next():
    model = classifier().fit(X, LABELS)
    one = model.predict_proba(X[:1])
    kept = one.copy()
    model.predict_proba(X[1:2])
    np.testing.assert_array_equal(one, kept)
    row = model.encoder_.transform(X[:1])
    said = predict_row(model.networks_[0], row)
    kept = said.copy()
    predict_row(model.networks_[0], row + 1)
    np.testing.assert_array_equal(said, kept)


def test_threads_do_not_share_a_row():
    model = classifier().fit(X, LABELS)
    expected = [model.predict_proba(X[i : i + 1]) for i in range(120)]
    with ThreadPoolExecutor(4) as pool:
        again = [*pool.map(lambda i: model.predict_proba(X[i % 120 : i % 120 + 1]), range(1200))]
    for i, said in enumerate(again):
        np.testing.assert_array_equal(said, expected[i % 120])


def test_what_is_ready_is_no_part_of_the_model():
    model = regressor().fit(X, NUMBERS)
    before = {name: set(vars(network)) for name, network in enumerate(model.networks_)}
    size = len(pickle.dumps(model))
    model.predict(X[:1])
    assert {name: set(vars(network)) for name, network in enumerate(model.networks_)} == before
    assert len(pickle.dumps(model)) == size
