"""Do embeddings compute what the reference says, and learn by the right gradient?"""

import pickle

import numpy as np
import pytest
import scipy.sparse

from cbackprop import Network, load, reference
from cbackprop.network import Category, Periodic, PiecewiseLinear
from cbackprop.optimizers import SGD, Adam, AdamW, Group, RMSprop
from cbackprop.running import slices, sweeps

ROWS = [1, 17, 33, 67]
RATE = 0.0002  # at larger ones what rounding leaves grows from step to step
OPTIMIZERS = {
    "sgd": lambda: SGD(0.002),
    "momentum": lambda: SGD(0.002, momentum=0.9),
    "nesterov": lambda: SGD(0.002, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.01),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1),
    "rmsprop": lambda: RMSprop(0.01),
    "clipped": lambda: Adam(0.01, clip_value=0.001),
}


def kinds(width):
    """An embedding of each kind, and a number that stays as it is."""
    return [
        PiecewiseLinear([-1.0, -0.5, 0.0, 0.3, 1.2], width),
        Periodic(width + 1, 7, sigma=1.0),
        Category(5, width),
        None,
        PiecewiseLinear([-2.0, 2.0], width + 1),
    ]


def table(n, seed=0):
    """Numbers inside and outside of the edges, codes known and unknown."""
    rng = np.random.RandomState(seed)
    codes = rng.randint(-1, 8, n)
    return np.column_stack([3 * rng.normal(size=(n, 2)), codes, rng.normal(size=(n, 2))])


def made(width=4, *, scaling=True, dtype=np.float64, hidden=(7, 3), **options):
    network = Network(
        [5, *hidden, 2], activation="tanh", embeddings=kinds(width), input_scaling=scaling,
        dtype=dtype, random_state=0, **options,
    )  # fmt: skip
    rng = np.random.RandomState(1)
    network.parameters = network.parameters + 0.3 * rng.normal(size=network.parameters.size)
    return network


def by_reference(network, X, y, weight=None):
    """The outputs, and the gradient as a vector laid out like the parameters."""
    wide = network.copy(np.float64)
    edges = [getattr(e, "edges", None) for e in network.embeddings or [None] * X.shape[1]]
    learnt = wide.embedding_parameters
    A_0 = reference.embed(X, learnt, edges)
    options = {"activation": "tanh", "output_activation": "identity"}
    nabla = reference.backprop(
        wide.weights, wide.biases, A_0, y, loss="squared_error", sample_weight=weight, **options
    )
    total = len(X) if weight is None else weight.sum()
    before = reference.embed_gradient(X, learnt, edges, nabla.deltas[0] @ wide.weights[0].T / total)
    parts = [values.ravel() for one in before for values in one.values()]
    for W, b in zip(nabla.weights, nabla.biases, strict=True):
        parts += [W.ravel(), b]
    return A_0, nabla.activations[-1], np.concatenate(parts)


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("scaling", [False, True])
@pytest.mark.parametrize("width", [1, 3, 4, 17, 33])
@pytest.mark.parametrize("n", ROWS)
def test_outputs_and_gradient_are_the_references(n, width, scaling, dtype, assert_close):
    network, X = made(width, scaling=scaling, dtype=dtype), table(n).astype(dtype)
    rng = np.random.RandomState(2)
    y, weight = rng.normal(size=(n, 2)).astype(dtype), rng.uniform(0.1, 2.0, n).astype(dtype)
    A_0, outputs, gradient = by_reference(network, X, y, weight)
    assert_close(network.activations(X)[0], A_0.astype(dtype))
    assert_close(network.predict(X), outputs.astype(dtype))
    assert_close(network.gradient(X, y, weight), gradient.astype(dtype))
    inside = network.backprop(X, y, weight)
    assert_close(inside.activations[0], A_0.astype(dtype))
    assert [a.shape[1] for a in inside.activations] == [A_0.shape[1], 7, 3, 2]


@pytest.mark.parametrize("scaling", [False, True])
def test_gradient_is_the_numerical_one(scaling, dtype):
    network, X = made(scaling=scaling, dtype=dtype), table(23)
    assert network.check_gradient(X, np.ones((23, 2))) < (1e-8 if dtype == np.float64 else 1e-5)


def test_lines_are_right_at_the_edges_and_beyond():
    network = Network([1, 1], embeddings=[PiecewiseLinear([0.0, 1.75, 6.0, 20.0, 64.0], 1)])
    learnt = network.embedding_parameters[0]
    learnt["bias"][...], learnt["slope"][...] = 0.5, 0.0
    learnt["steps"][:, 0] = [1.0, 10.0, 100.0, 1000.0]
    x = np.array([[0.0], [3.0], [-1.0], [100.0], [0.75], [64.0], [1.75]])
    # What the paper's package gives as the shares of the pieces, to nine digits.
    shares = [0.0, 1 + 10 * 0.294117647, -0.571428571, 111 + 1000 * 1.818181818, 0.428571429]
    expected = 0.5 + np.array([*shares, 1111.0, 1.0])
    np.testing.assert_allclose(network.activations(x)[0][:, 0], expected, rtol=1e-8)


def test_waves_are_those_of_the_paper():
    network = Network([1, 1], embeddings=[Periodic(4, 2)])
    learnt = network.embedding_parameters[0]
    learnt["frequencies"][...], learnt["phases"][...] = [0.1, -0.2], [0.3, -1.0]
    learnt["weights"][...] = np.transpose([[0.5, -0.25, 1.0], [0.2, 0.4, -0.6]])
    learnt["biases"][...] = [0.1, 0.0, -0.2]
    inside = network.activations([[0.7], [-1.5]])[0]
    expected = [
        [0.408501380521, -0.306232133125, 0.720965646771, 0.7],
        [0.626971558080, 0.053176155341, 0.220619247398, -1.5],
    ]
    np.testing.assert_allclose(inside, expected, atol=5e-12)
    gradient = reference.embed_gradient(
        [[0.7]], network.embedding_parameters, [None], [[1.0, 2.0, 3.0, 4.0]]
    )[0]
    np.testing.assert_allclose(gradient["frequencies"], [-8.895294307374, -3.352098019512])
    np.testing.assert_allclose(gradient["phases"], [-2.022471513251, -0.762147099334])


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_any_number_of_threads_trains_the_same(optimizer, dtype, assert_close):
    X, y = table(67).astype(dtype), np.ones((67, 2), dtype)
    trained = []
    for n_jobs in (1, 2, 3):
        network = made(dtype=dtype)
        network.fit(
            X, y, optimizer=OPTIMIZERS[optimizer](), epochs=3, batch_size=16, random_state=0,
            dropout=0.2, n_jobs=n_jobs,
        )  # fmt: skip
        trained.append(network.parameters.copy())
    assert np.isfinite(trained[0]).all()
    assert_close(trained[1], trained[0])
    assert_close(trained[2], trained[0])


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
@pytest.mark.parametrize("batch_size", [1, 8, 21])
def test_descent_follows_the_reference(optimizer, batch_size, dtype, assert_close):
    """Step by step in NumPy, the last mini-batch smaller."""
    X, rng = table(21).astype(dtype), np.random.RandomState(3)
    y = rng.normal(size=(21, 2)).astype(dtype)
    network, slow = made(dtype=dtype), made()
    momentum = 0.9 if optimizer == "momentum" else 0.0
    network.fit(
        X, y, optimizer=SGD(RATE, momentum=momentum), epochs=2, batch_size=batch_size, shuffle=False
    )
    velocity = np.zeros_like(slow.parameters)
    for _ in range(2):
        for first in range(0, 21, batch_size):
            rows = slice(first, first + batch_size)
            velocity = momentum * velocity - RATE * by_reference(slow, X[rows], y[rows])[2]
            slow.parameters = slow.parameters + velocity
    assert_close(network.parameters, slow.parameters.astype(dtype))


def test_a_mini_batch_in_blocks_is_the_same_step(monkeypatch, assert_close):
    X, y = table(67), np.ones((67, 2))
    whole, blocks = made(), made()
    options = {"epochs": 2, "batch_size": 67, "random_state": 0}
    whole.fit(X, y, optimizer=Adam(0.01), **options)
    for name, value in (("STEP_SECONDS", 0.0), ("BLOCK_ROWS", 5), ("FEWEST_ROWS", 1)):
        monkeypatch.setattr(slices, name, value)
    monkeypatch.setattr(sweeps, "SMALL_FLOPS", 0.0)
    blocks.fit(X, y, optimizer=Adam(0.01), **options)
    assert_close(blocks.parameters, whole.parameters)


def test_groups_have_entries_for_what_stands_before_the_layers():
    network, X, y = made(), table(20), np.ones((20, 2))
    before = network.copy()
    still = Group(rate=0.0)
    groups = [Group()] * 3 + [Group(), still, Group(), Group(), Group(), still]
    network.fit(X, y, optimizer=AdamW(0.01, groups=groups), epochs=1)
    moved = [
        any((new != old).any() for new, old in zip(a.values(), b.values(), strict=True))
        for a, b in zip(network.embedding_parameters, before.embedding_parameters, strict=True)
    ]
    assert moved == [True, False, True, False, True, False]
    with pytest.raises(ValueError, match="3 layers, or 9 with those before them, got 4"):
        network.fit(X, y, optimizer=AdamW(groups=[Group()] * 4))


def test_without_groups_of_their_own_they_move_as_fast_as_the_layers():
    X, y = table(20), np.ones((20, 2))
    one, other = made(), made()
    one.fit(X, y, optimizer=Adam(0.01), epochs=1, random_state=0)
    other.fit(X, y, optimizer=Adam(0.01, groups=[Group()] * 3), epochs=1, random_state=0)
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_frozen_layers_leave_them_free():
    network, X, y = made(), table(20), np.ones((20, 2))
    before = network.copy()
    network.fit(X, y, epochs=2, trainable=[False, False, True])
    np.testing.assert_array_equal(network.weights[0], before.weights[0])
    assert (network.embedding_parameters[0]["bias"] != before.embedding_parameters[0]["bias"]).any()


def test_files_pickles_and_copies_keep_them(tmp_path, dtype):
    network, X = made(dtype=dtype), table(9)
    network.save(tmp_path / "network")
    again = [load(tmp_path / "network"), pickle.loads(pickle.dumps(network)), network.copy()]
    for one in again:
        assert repr(one.embeddings) == repr(network.embeddings)
        assert one.input_scaling
        np.testing.assert_array_equal(one.predict(X), network.predict(X))
        np.testing.assert_array_equal(one.logits(X), network.predict(X))


def test_a_seed_draws_the_same_again_and_others_as_without():
    network = Network([5, 3, 1], embeddings=kinds(4), random_state=7)
    again = network.copy().initialize(7)
    np.testing.assert_array_equal(network.parameters, again.parameters)
    lines = network.embedding_parameters[0]
    assert not lines["steps"].any()  # linear at first
    assert np.abs(lines["slope"]).max() <= 0.5


def test_factors_alone_scale_the_columns():
    network = Network([3, 1], input_scaling=True, random_state=0)
    network.embedding_parameters[-1]["scale"][...] = [2.0, 3.0, 0.0]
    X = np.array([[1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(network.activations(X)[0], [[2.0, 3.0, 0.0]])
    assert network.check_gradient(X, [[1.0]]) < 1e-8  # with a factor of 0, too


def test_a_list_of_nothing_is_a_network_without():
    one, other = (Network([2, 3, 1], embeddings=e, random_state=0) for e in ([None, None], None))
    np.testing.assert_array_equal(one.parameters, other.parameters)
    assert one.embeddings is None


def test_summary_says_what_there_is():
    text = str(made().summary())
    assert "2 piecewise, 1 periodic, 1 category, 1 as they are, scaled" in text
    assert f"{made().parameters.size:,}" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embeddings": [None]}, "2, the first of layer_sizes; got 1"),
        ({"embeddings": "piecewise"}, "a list with an entry for each column of X"),
        ({"embeddings": [None, 3]}, "got 3 for column 1"),
        ({"input_scaling": 1}, "input_scaling must be True or False, got 1"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Network([2, 1], **arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PiecewiseLinear([1.0]), r"at least two numbers in a row, got shape \(1,\)"),
        (lambda: PiecewiseLinear([0.0, 0.0]), "edges must be finite and rise"),
        (lambda: PiecewiseLinear([1.0, 1.0 + 1e-12]), "rounded to float32"),
        (lambda: PiecewiseLinear([0.0, np.inf]), "finite"),
        (lambda: PiecewiseLinear([-3e38, 3e38]), "further off than float32"),
        (lambda: PiecewiseLinear([-1e308, 1e308]), "further off than float32"),
        (lambda: PiecewiseLinear([0, 1], 0), "width must be at least 1, got 0"),
        (lambda: Periodic(1), "width must be at least 2, got 1"),
        (lambda: Periodic(sigma=0.0), "sigma must lie in"),
        (lambda: Periodic(frequencies=0), "frequencies must be at least 1"),
        (lambda: Category(0), "n_values must be at least 1"),
        (lambda: Category(2**24 + 1), r"at most 2\*\*24"),
        (lambda: Category(True), "n_values must be an integer"),
    ],
)
def test_an_embedding_that_cannot_be_is_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_sparse_x_is_refused_with_what_to_do():
    with pytest.raises(TypeError, match=r"dense rows, got a sparse X: pass X.toarray"):
        made().predict(scipy.sparse.csr_array(table(3)))
