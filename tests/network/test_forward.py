"""What a forward pass computes on its way: hidden activations and logits, as backprop has them."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from cbackprop import Network
from cbackprop.activations import Activation
from cbackprop.running.execution import Execution

rng = np.random.RandomState(0)
X = rng.normal(size=(300, 5))
NETWORKS = {
    "relu": Network([5, 7, 6, 3], random_state=0),
    "kept derivatives": Network([5, 7, 6, 3], activation=["gelu", "mish"], random_state=0),
    "slopes": Network([5, 7, 3], activation=[Activation("leaky_relu", 0.3)], random_state=0),
    "logistic": Network(
        [5, 4, 2], output_activation="logistic", loss="binary_log_loss", random_state=0
    ),
    "softmax": Network([5, 4, 3], output_activation="softmax", loss="log_loss", random_state=0),
    "exp": Network([5, 4, 1], output_activation="exp", loss="poisson", random_state=0),
    "no hidden layer": Network([5, 2], random_state=0),
    "wide": Network([5, 900, 40, 2], activation="tanh", random_state=0),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 300])
def test_activations_are_those_of_backprop_without_targets(name, dtype, n):
    net = NETWORKS[name].copy(dtype)
    k = net.layer_sizes[-1]
    y = np.zeros(n, int) if net.output_activation == "softmax" else np.zeros((n, k))
    found, inside = net.activations(X[:n]), net.backprop(X[:n], y).activations
    assert [a.shape for a in found] == [(n, units) for units in net.layer_sizes]
    for ours, theirs in zip(found, inside, strict=True):
        assert ours.dtype == dtype
        assert_allclose(ours, theirs, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-7)
    assert_array_equal(found[-1], net.predict(X[:n]))


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_are_what_the_outputs_are_made_of(name):
    net = NETWORKS[name]
    z = net.activations(X)[-2] @ net.weights[-1] + net.biases[-1]
    made = {
        "identity": lambda z: z,
        "logistic": lambda z: 1 / (1 + np.exp(-z)),
        "exp": np.exp,
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
    }
    assert_allclose(net.logits(X), z, rtol=1e-12, atol=1e-12)
    assert_allclose(made[net.output_activation](net.logits(X)), net.predict(X), rtol=1e-12)


def test_activations_of_sparse_rows_are_those_of_dense_ones():
    rows = sparse.random_array((50, 5), density=0.4, random_state=0, format="csr")
    net = NETWORKS["kept derivatives"]
    first, *found = net.activations(rows)
    assert sparse.issparse(first)
    for ours, dense in zip(found, net.activations(rows.toarray())[1:], strict=True):
        assert_allclose(ours, dense, rtol=1e-12, atol=1e-12)


def test_many_rows_on_several_threads_are_those_of_one(assert_close):
    net, rows = Network([20, 300, 40, 2], random_state=0), rng.normal(size=(20000, 20))
    for passed in (partial(Network._hidden, layer=1), partial(Network._hidden, layer=2)):
        one, three = (passed(net, rows, Execution(n)) for n in (1, 3))
        assert_allclose(one, three, rtol=1e-10, atol=1e-12)
    one, three = (net._logits(rows, Execution(n)) for n in (1, 3))
    assert_allclose(one, three, rtol=1e-10, atol=1e-12)
    assert_allclose(one, net.predict(rows), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("method", ["activations", "logits"])
def test_rows_of_another_width_or_not_finite_are_refused(method):
    net = NETWORKS["relu"]
    with pytest.raises(ValueError, match="must have the network's 5 features, got 4"):
        getattr(net, method)(X[:, :4])
    with pytest.raises(ValueError, match="NaN"):
        getattr(net, method)(np.full((2, 5), np.nan))
