"""Do first parameters made of the rows have the deviations, and the zeros, that they should?"""

import numpy as np
import pytest
import scipy.sparse

from cbackprop import Network
from cbackprop.network import from_data
from cbackprop.running.execution import Execution

ALONE = Execution(1)


def rows(n=300, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(
        rng.normal(size=n_features), rng.uniform(0.1, 5.0, n_features), (n, n_features)
    )


def test_published_example_is_met():
    X = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0], [2.0, -1.0]])
    W = np.array([[0.5, -1.0], [1.0, 0.25]])
    network = Network([2, 2])
    network.weights, network.biases = [W / np.sqrt(2)], [[0.0, 0.0]]
    deviations = from_data.deviations(network, X, 0, ALONE)
    np.testing.assert_allclose(deviations, [0.53033009, 0.95606616], rtol=0, atol=5e-9)
    expected = [[0.94280904, -1.04595272], [1.88561808, 0.26148818]]
    np.testing.assert_allclose(W / deviations, expected, rtol=0, atol=5e-9)


@pytest.mark.parametrize("parametric", [False, True])
@pytest.mark.parametrize("activation", ["mish", "selu", "relu", "tanh"])
def test_every_unit_has_unit_deviation_and_its_zero_amid_the_data(activation, parametric, dtype):
    X = rows().astype(dtype)
    network = Network(
        [4, 33, 17, 1], activation=activation, parametric_activation=parametric, dtype=dtype
    )
    network.initialize_from(X, random_state=0)
    inputs = network.activations(X)[:-1]
    for A, W, b in zip(inputs, network.weights, network.biases, strict=True):
        z = A.astype(float) @ W.astype(float)
        np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-4 if dtype == np.float32 else 1e-9)
        slack = 1e-5 * np.abs(z).max()
        assert (z.min(axis=0) - slack <= -b).all()
        assert (-b <= z.max(axis=0) + slack).all()
    for own in network.activation_weights:
        np.testing.assert_array_equal(own, 1.0)


def test_biases_are_convex_combinations_of_five_rows():
    X = rows(n_features=2)
    network = Network([2, 200]).initialize_from(X, random_state=3)
    rng = np.random.RandomState(3)
    Network([2, 200]).initialize(rng)
    W = rng.normal(size=(2, 200)) / np.sqrt(2)
    W /= (X @ W).std(axis=0)
    drawn, shares = rng.randint(300, size=(5, 200)), rng.exponential(size=(5, 200))
    z = np.take_along_axis(X @ W, drawn, axis=0)
    expected = -(shares / shares.sum(axis=0) * z).sum(axis=0)
    np.testing.assert_allclose(network.weights[0], W, rtol=1e-10)
    np.testing.assert_allclose(network.biases[0], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("block", [1, 7, 299, 300])
def test_blocks_of_rows_have_the_deviation_of_all(block, monkeypatch, assert_close):
    X = rows() + 100.0
    whole = Network([4, 9, 2], activation="gelu").initialize_from(X, random_state=1)
    monkeypatch.setattr(from_data, "ROWS", block)
    parts = Network([4, 9, 2], activation="gelu").initialize_from(X, random_state=1)
    assert_close(parts.parameters, whole.parameters, 1e-10)


def test_same_seed_gives_the_same_bits_for_any_number_of_threads():
    X = rows(9000, 5)
    made = [
        Network([5, 64, 64, 2]).initialize_from(X, random_state=1, n_jobs=n_jobs).parameters
        for n_jobs in (1, 2, 3)
    ]
    np.testing.assert_array_equal(made[1], made[0])
    np.testing.assert_array_equal(made[2], made[0])


def test_sparse_rows_are_taken_as_dense_ones(assert_close):
    X = rows()
    X[np.abs(X) < 0.5] = 0.0
    dense = Network([4, 9, 2]).initialize_from(X, random_state=1)
    sparse = Network([4, 9, 2]).initialize_from(scipy.sparse.csr_matrix(X), random_state=1)
    assert_close(sparse.parameters, dense.parameters, 1e-10)


CONSTANT = {
    "zeros": np.zeros((50, 4)),
    "the same for all": np.tile([3.0, -0.1, 1e3, 0.7], (50, 1)),
    "one row": rows(1),
    "large": np.full((50, 4), 1e30),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_constant_inputs_leave_weights_as_drawn(name, dtype):
    X = CONSTANT[name].astype(dtype)
    network = Network([4, 9, 3, 2], activation="mish", dtype=dtype)
    network.initialize_from(X, random_state=0)
    assert np.isfinite(network.parameters).all()
    assert all(np.abs(W).max() < 5.0 for W in network.weights)


def test_one_constant_column_among_others_is_no_harm(dtype):
    X = rows()
    X[:, 1] = 0.1
    network = Network([4, 9, 2], dtype=dtype).initialize_from(X, random_state=0)
    np.testing.assert_allclose((X @ network.weights[0]).std(axis=0), 1.0, rtol=1e-4)


@pytest.mark.parametrize("bad", [np.ones((3, 5)), [[np.nan] * 4], np.ones((0, 4)), np.ones(4)])
def test_rows_that_do_not_fit_leave_the_network_as_it_was(bad):
    network = Network([4, 9, 2], random_state=0)
    before = network.parameters.copy()
    with pytest.raises(ValueError, match=r"X|feature|row|NaN|array"):
        network.initialize_from(bad)
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize("scale", [1e-150, 1e-20, 1e20, 1e160, 1e250])
def test_rows_of_any_size_give_units_of_deviation_one(scale):
    network = Network([4, 9, 2], activation="tanh").initialize_from(scale * rows(), random_state=0)
    plain = Network([4, 9, 2], activation="tanh").initialize_from(rows(), random_state=0)
    np.testing.assert_allclose(scale * network.weights[0], plain.weights[0], rtol=1e-9)
    np.testing.assert_allclose(network.biases[0], plain.biases[0], rtol=1e-9)


def test_rows_too_small_for_the_dtype_keep_weights_that_are_finite():
    X = (1e-40 * rows()).astype(np.float32)
    network = Network([4, 9, 2], dtype=np.float32).initialize_from(X, random_state=0)
    assert np.isfinite(network.parameters).all()
