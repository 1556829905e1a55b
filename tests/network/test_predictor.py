"""Does a predictor say of one row, or of a few, what the network says, whatever holds the rows?"""

import array
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from cbackprop import Network
from cbackprop.activations import Activation
from cbackprop.engine import kernels, run
from cbackprop.losses import Quantile
from cbackprop.network import Category, Periodic, PiecewiseLinear, Predictor
from cbackprop.running.execution import Execution
from cbackprop.running.sweeps import Sweep

rng = np.random.default_rng(0)
# Around the widths of vectors (4, 8, 16), what stays in registers (4 of them) and blocks of 8 rows.
SIZES = [1, 2, 3, 8, 10, 15, 17, 33, 64, 65, 100]
OUTPUTS = [(activation, loss) for activation, loss in run.OUTPUTS if loss != "quantile"]


@pytest.fixture(params=kernels.available())
def instructions(request):
    """Each set of vector instructions, the plain loops among them."""
    before = kernels.use(request.param)
    yield request.param
    kernels.use(before)


def network(sizes=(4, 7, 3), **options):
    net = Network(sizes, **{"random_state": 0, "activation": "tanh", **options})
    net.parameters = net.parameters + 0.1 * rng.standard_normal(net.parameters.size)
    return net


def assert_says(net, X, assert_close):
    """The answers are the network's in float64; and what `predict` says of a row, a sweep's own."""
    ask = net.predictor()
    exact = net.copy(np.float64).predict(np.concatenate([X, X]).astype(np.float64))[: len(X)]
    assert ask(X).dtype == net.dtype
    assert_close(ask(X), exact)
    assert_array_equal([ask(row) for row in X], ask(X))
    for row in X[:, np.newaxis]:
        sweep = Sweep(net, row, execution=Execution(1))
        assert_array_equal(net.predict(row), sweep.predict())


@pytest.mark.parametrize("n_out", SIZES)
@pytest.mark.usefixtures("instructions")
def test_all_sizes(n_out, dtype, assert_close):
    for n_in in SIZES:
        X = rng.standard_normal((2, n_in)).astype(dtype)
        assert_says(network([n_in, n_out], dtype=dtype), X, assert_close)
        assert_says(network([n_in, n_out, 3], dtype=dtype), X, assert_close)


@pytest.mark.parametrize("parametric", [False, True])
@pytest.mark.parametrize("activation", run.ACTIVATIONS)
@pytest.mark.usefixtures("instructions")
def test_every_activation(activation, parametric, dtype, assert_close):
    net = network(
        [5, 17, 3, 2], activation=activation, parametric_activation=parametric, dtype=dtype
    )
    assert_says(net, rng.standard_normal((3, 5)).astype(dtype), assert_close)


@pytest.mark.parametrize(("activation", "loss"), OUTPUTS)
@pytest.mark.parametrize("k", [1, 2, 9, 70])
@pytest.mark.usefixtures("instructions")
def test_every_output(activation, loss, k, dtype, assert_close):
    net = network([4, 5, k], output_activation=activation, loss=loss, dtype=dtype)
    assert_says(net, rng.standard_normal((3, 4)).astype(dtype), assert_close)


@pytest.mark.parametrize("scaling", [False, True])
@pytest.mark.usefixtures("instructions")
def test_embeddings_and_factors(scaling, dtype, assert_close):
    front = [PiecewiseLinear([0.0, 0.5, 2.0]), Periodic(3, 5), Category(6, 3), None]
    X = np.c_[rng.uniform(-1, 3, (6, 2)), [0, 1, 5, 6, -1, 2.5], rng.normal(size=6)].astype(dtype)
    for embeddings in (front, [None] * 4 if scaling else front[::-1]):
        net = network([4, 9, 2], embeddings=embeddings, input_scaling=scaling, dtype=dtype)
        assert_says(net, X, assert_close)


def test_slopes_and_several_quantiles(assert_close):
    X = rng.standard_normal((3, 4))
    leaky = [Activation("leaky_relu", 0.3), "gelu"]
    assert_says(network([4, 5, 6, 2], activation=leaky), X, assert_close)
    assert_says(network([4, 5, 3], loss=Quantile([0.1, 0.5, 0.9])), X, assert_close)


def test_a_loss_of_ones_own_is_not_asked():
    net = Network([2, 1], loss=lambda z, y, weight: (z - y, z - y), random_state=0)
    assert_allclose(net.predictor()([1.0, 2.0]), net.predict([[1.0, 2.0]])[0])
    pickle.dumps(network().predictor())


def test_logits(assert_close):
    net = network(output_activation="softmax", loss="log_loss")
    X = rng.standard_normal((3, 4))
    assert_close(net.predictor("logits")(X), net.logits(X))
    assert net.predictor("logits").method == "logits"


@pytest.mark.parametrize("width", [4000, 9000])
def test_rows_too_wide_for_the_stack(width, dtype, assert_close):
    for sizes in ([width, 3], [3, width, 2]):
        X = rng.standard_normal((2, sizes[0])).astype(dtype)
        assert_says(network(sizes, dtype=dtype), X, assert_close)


CONTAINERS = {
    "float64": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "columns first": np.asfortranarray,
    "every second number": lambda X: np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
    "backwards": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "the other byte order": lambda X: X.astype(X.dtype.newbyteorder()),
    "half precision": lambda X: X.astype(np.float16),
    "integers": lambda X: X.astype(np.int64),
    "objects": lambda X: X.astype(object),
    "lists": lambda X: X.tolist(),
    "tuples": lambda X: tuple(map(tuple, X.tolist())),
    "lists of integers": lambda X: X.astype(int).tolist(),
    "lists of scalars": lambda X: [list(row) for row in X.astype(np.float32)],
    "a list of arrays": list,
    "a memoryview": memoryview,
    "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "at odd addresses": lambda X: (
        np.frombuffer(b"." + X.tobytes(), np.uint8)[1:].view(np.float64).reshape(X.shape)
    ),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_rows_of_any_kind(container, dtype):
    X = np.round(4 * rng.standard_normal((3, 4)))
    net = network(dtype=dtype)
    ask, rows = net.predictor(), CONTAINERS[container](X)
    expected = ask(X.astype(dtype))
    assert_array_equal(ask(rows), expected)
    assert ask(rows).dtype == dtype
    if container != "a memoryview":  # which has no rows
        assert_array_equal(ask(rows[1]), expected[1])
        assert ask(rows[1]).shape == (3,)


def test_one_row_of_other_buffers_and_of_frames():
    pandas = pytest.importorskip("pandas")
    ask, row = network().predictor(), [1.0, -2.0, 0.5, 3.0]
    for one in (array.array("d", row), array.array("f", row), pandas.Series(row)):
        assert_array_equal(ask(one), ask(row))
    assert_array_equal(ask(pandas.DataFrame([row])), [ask(row)])


BAD = {
    "too few numbers": ([1.0, 2.0], "4 features, got 2"),
    "too many columns": (np.zeros((2, 5)), "4 features, got 5"),
    "NaN": ([1.0, 2.0, np.nan, 3.0], "X has NaN in column 2, in row 0"),
    "infinity in a row behind": (np.array([[0.0] * 4, [0, np.inf, 0, 0]]), "column 1, in row 1"),
    "text": (["a", "b", "c", "d"], "X has text"),
    "a number": (3.0, "a row of 4 numbers, or several rows, got 3.0"),
    "nothing": (None, "a row of 4 numbers, or several rows, got None"),
    "no rows": (np.zeros((0, 4)), "0 sample"),
    "no numbers": ([], "0 feature"),
    "three dimensions": (np.zeros((1, 1, 4)), "dim 3"),
    "uneven lists": ([[1.0] * 4, [1.0]], "inhomogeneous"),
    "complex numbers": (np.zeros(4, complex), "Complex data"),
    "dates": (np.zeros(4, "M8[s]"), "datetime64"),
    "masked": (np.ma.masked_array(np.zeros(4), [1, 0, 0, 0]), "no masked values"),
    "sparse": (sparse.csr_array(np.ones((1, 4))), "X.toarray()"),
    "an integer beyond all floats": ([10**400, 0, 0, 0], "too large|large"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_rows_are_refused_with_what_was_got(what):
    X, message = BAD[what]
    with pytest.raises((ValueError, TypeError, OverflowError), match="(?s)" + message) as raised:
        network().predictor()(X)
    if what not in ("dates", "masked", "an integer beyond all floats"):
        assert message.replace("\\", "") in str(raised.value)


def test_numbers_too_large_for_float32_are_refused():
    ask = network(dtype=np.float32).predictor()
    for X in ([1e300, 0.0, 0.0, 0.0], np.full((2, 4), 1e300)):
        with pytest.raises(ValueError, match="too large for float32"):
            ask(X)


def test_another_method_is_refused():
    with pytest.raises(ValueError, match=r"method must be one of \['logits', 'predict'\]"):
        network().predictor("predict_proba")


def test_it_is_a_snapshot():
    net = network()
    ask, row = net.predictor(), [1.0, 2.0, 3.0, 4.0]
    before = ask(row)
    net.biases[-1][...] += 1.0
    net.initialize(3)
    assert_array_equal(ask(row), before)
    assert not np.allclose(net.predict([row])[0], before)
    with pytest.raises(ValueError, match="read-only"):
        ask._network.weights[0][...] = 0.0


def test_an_answer_is_not_changed_by_the_next():
    ask = network().predictor()
    one = ask([1.0, 2.0, 3.0, 4.0])
    kept = one.copy()
    ask([4.0, 3.0, 2.0, 1.0])
    assert_array_equal(one, kept)


def test_pickles_and_copies_say_the_same(dtype):
    net = network(dtype=dtype, embeddings=[PiecewiseLinear([0.0, 1.0]), None, None, None])
    X = rng.standard_normal((5, 4))
    for ask in (net.predictor(), net.predictor("logits")):
        for again in (pickle.loads(pickle.dumps(ask)), copy.copy(ask), copy.deepcopy(ask)):
            assert_array_equal(again(X), ask(X))
            assert (again.method, again.dtype) == (ask.method, dtype)


def test_what_it_shows():
    ask = network(dtype=np.float32).predictor()
    assert isinstance(ask, Predictor)
    assert (ask.n_features_in_, ask.n_outputs_, ask.dtype) == (4, 3, np.float32)
    assert repr(ask) == "<Predictor of a 4-7-3 network: predict, float32>"


@pytest.mark.parametrize("hidden", [[5], [400, 400]])
def test_threads_do_not_touch_each_others_rows(hidden):
    net = network([6, *hidden, 3], embeddings=[PiecewiseLinear([0.0, 1.0]), *[None] * 5])
    ask, X = net.predictor(), rng.standard_normal((60, 6))
    expected = [(ask(row), net.predict(row[np.newaxis])) for row in X]
    with ThreadPoolExecutor(4) as pool:
        again = [*pool.map(lambda i: (ask(X[i % 60]), net.predict(X[i % 60, None])), range(1200))]
    for i, both in enumerate(again):
        for said, alone in zip(both, expected[i % 60], strict=True):
            assert_array_equal(said, alone)


# What `predict` makes ready for one row, and keeps.


def test_what_is_changed_in_a_network_is_seen_by_its_next_prediction(assert_close):
    net = network([3, 4, 2], embeddings=[PiecewiseLinear([0.0, 1.0, 2.0]), Periodic(), None])
    row = np.array([[0.5, 1.0, -1.0]])
    changes = [
        lambda: net.predict(row),
        lambda: net.biases[-1].__iadd__(0.5),
        lambda: setattr(net, "parameters", 0.5 * net.parameters),
        lambda: net.initialize(4),
        lambda: net.fit(rng.standard_normal((20, 3)), np.zeros((20, 2)), epochs=1, random_state=0),
    ]
    for change in changes:
        change()
        assert_close(net.predict(row), net.predict(np.r_[row, row])[:1])


def test_nothing_is_left_in_a_network_that_has_predicted_a_row():
    net = network()
    before, size = set(vars(net)), len(pickle.dumps(net))
    net.predict(np.ones((1, 4)))
    assert (set(vars(net)), len(pickle.dumps(net))) == (before, size)


def test_parameters_that_were_resized_behind_its_back_are_refused():
    net = Network([2, 1], random_state=0)
    net.predict(np.ones((1, 2)))
    net._parameters.resize(2000, refcheck=False)
    with pytest.raises(ValueError, match="it has been resized since"):
        net.predict(np.ones((1, 2)))
