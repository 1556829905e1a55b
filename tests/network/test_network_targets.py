"""What a network takes for targets: labels in any container, columns of them, and one-hot rows."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_limits

from cbackprop import Network
from cbackprop.engine import run

RNG = np.random.default_rng(9)
X = RNG.normal(size=(12, 4))
LABELS = np.arange(12) % 3
ONE_HOT = np.eye(3)[LABELS]
TWO = LABELS > 0


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with threadpool_limits(1):
        yield


def softmax(n=3, dtype=np.float64):
    return Network(
        [4, n], output_activation="softmax", loss="log_loss", dtype=dtype, random_state=0
    )


def logistic(n=3, loss="binary_log_loss"):
    return Network([4, n], output_activation="logistic", loss=loss, random_state=0)


def pandas(dtype):
    def make(y):
        if "pyarrow" in dtype:
            pytest.importorskip("pyarrow")
        return pytest.importorskip("pandas").Series(y).astype(dtype)

    return make


def frame(dtype=None):
    def make(y):
        made = pytest.importorskip("pandas").DataFrame(y)
        return made if dtype is None else made.astype(dtype)

    return make


def polars(y):
    return pytest.importorskip("polars").Series(y)


def polars_frame(y):
    return pytest.importorskip("polars").DataFrame(y)


def arrow(y):
    return pytest.importorskip("pyarrow").array(y)


VECTORS = {
    "list": list,
    "int8": lambda y: y.astype(np.int8),
    "uint64": lambda y: y.astype(np.uint64),
    "column": lambda y: y.reshape(-1, 1),
    "column of a list": lambda y: y.reshape(-1, 1).tolist(),
    "Series": pandas("int64"),
    "Series of Int64": pandas("Int64"),
    "Series of UInt8": pandas("UInt8"),
    "Series of Arrow's": pandas("int64[pyarrow]"),
    "Series of objects": pandas("object"),
    "Series of categories": pandas("category"),
    "frame": frame(),
    "frame of Int64": frame("Int64"),
    "Polars": polars,
    "Polars' frame": lambda y: polars_frame(y.reshape(-1, 1)),
    "Arrow": arrow,
}
vectors = pytest.mark.parametrize("given", VECTORS.values(), ids=VECTORS.keys())
ROWS = {
    "floats": lambda y: y,
    "integers": lambda y: y.astype(int),
    "booleans": lambda y: y.astype(bool),
    "lists": lambda y: y.tolist(),
    "Fortran order": np.asfortranarray,
    "frame": frame(),
    "frame of booleans": frame(bool),
    "frame of boolean": frame("boolean"),
    "frame of Int64": frame("Int64"),
    "Polars' frame": polars_frame,
    "CSR": sp.csr_array,
    "CSC": sp.csc_matrix,
    "COO": sp.coo_matrix,
    "LIL": sp.lil_array,
    "CSR with a zero": lambda y: sp.csr_array(
        (np.append(1.0, np.append(0.0, np.ones(11))), _columns_and_one(y), _starts_and_one(y)),
        shape=y.shape,
    ),
}
rows = pytest.mark.parametrize("given", ROWS.values(), ids=ROWS.keys())


def _columns_and_one(y):
    columns = y.argmax(axis=1)
    return np.append([columns[0], (columns[0] + 1) % 3], columns[1:])


def _starts_and_one(y):
    return np.append(0, np.arange(2, 14))


# --- softmax ---


@vectors
def test_softmax_takes_labels_in_any_container(given):
    net = softmax()
    assert net.loss(X, given(LABELS)) == net.loss(X, LABELS)
    assert_array_equal(net.gradient(X, given(LABELS)), net.gradient(X, LABELS))


@rows
def test_softmax_takes_one_hot_rows_for_labels(given):
    net = softmax()
    assert net.loss(X, given(ONE_HOT)) == net.loss(X, LABELS)
    assert_array_equal(net.gradient(X, given(ONE_HOT)), net.gradient(X, LABELS))


@pytest.mark.parametrize("given", [pandas("boolean"), pandas("bool"), pandas("bool[pyarrow]")])
def test_softmax_takes_booleans_of_pandas_for_labels(given):
    net = softmax(2)
    assert net.loss(X, given(TWO)) == net.loss(X, TWO) == net.loss(X, TWO.astype(int))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_is_fitted_to_one_hot_rows_as_to_labels(dtype):
    histories, networks = [], [softmax(dtype=dtype) for _ in range(2)]
    for net, y in zip(networks, (LABELS, ONE_HOT), strict=True):
        histories.append(
            net.fit(X, y, evaluation_data=(X, y), epochs=3, random_state=0, training_metrics=True)
        )
    assert_array_equal(networks[0].parameters, networks[1].parameters)
    for name in ("cost", "accuracy", "evaluation_accuracy", "evaluation_cost"):
        assert histories[0][name] == histories[1][name]


def test_sparse_targets_stay_as_they_were():
    given = sp.csr_array(ONE_HOT)
    given.data, given.indices, given.indptr = (
        np.append(given.data, 0.0),
        np.append(given.indices, (LABELS[-1] + 1) % 3),
        np.append(given.indptr[:-1], given.indptr[-1] + 1),
    )
    assert softmax().loss(X, given) == softmax().loss(X, LABELS)
    assert given.nnz == 13


def test_one_class_has_one_label():
    net = softmax(1)
    assert net.loss(X, np.zeros(12, int)) == net.loss(X, np.zeros((12, 1), int))
    with pytest.raises(ValueError, match="between 0 and 0, got 1 to 1"):
        net.loss(X, np.ones((12, 1), int))


MISSING = {
    "Int64": lambda: pandas("Int64")([1, None] * 6),
    "boolean": lambda: pandas("boolean")([True, None] * 6),
    "Arrow's": lambda: pandas("int64[pyarrow]")([1, None] * 6),
    "objects": lambda: pandas("object")([1, None] * 6),
    "floats": lambda: pandas("float64")([1, np.nan] * 6),
    "Polars": lambda: polars([1, None] * 6),
    "Arrow": lambda: arrow([1, None] * 6),
    "list": lambda: [1, None] * 6,
}


@pytest.mark.parametrize("make", MISSING.values(), ids=MISSING.keys())
def test_labels_that_are_missing_are_refused_with_their_row(make):
    with pytest.raises(ValueError, match=r"y (contains NaN, in|has no value in) row 1: leave out"):
        softmax().fit(X, make())


def test_text_for_labels_is_refused_with_what_to_do():
    for y in (list("abcabcabcabc"), pandas("object")(list("abcabcabcabc"))):
        with pytest.raises(
            TypeError, match=r"integer labels .*np.unique\(y, return_inverse=True\)"
        ):
            softmax().fit(X, y)


# --- logistic outputs ---


@vectors
@pytest.mark.parametrize("loss", ["binary_log_loss", "squared_error"])
def test_several_logistic_outputs_take_labels_in_any_container(loss, given):
    net = logistic(loss=loss)
    assert net.loss(X, given(LABELS)) == net.loss(X, LABELS) == net.loss(X, ONE_HOT)


@pytest.mark.parametrize("given", [pandas("boolean"), pandas("Int64"), np.asarray, frame("Int64")])
def test_one_logistic_output_takes_zeros_and_ones_in_any_container(given):
    net = logistic(1)
    assert net.loss(X, given(TWO.astype(int))) == net.loss(X, TWO.astype(float))


def test_probabilities_are_targets_of_logistic_outputs():
    y = RNG.random((12, 3))
    net = logistic()
    outputs = net.predict(X)
    expected = -(y * np.log(outputs) + (1 - y) * np.log(1 - outputs)).sum(axis=1).mean()
    assert net.loss(X, y) == pytest.approx(expected)


@pytest.mark.parametrize("y", [2 * ONE_HOT - 1, 255 * ONE_HOT, ONE_HOT + 1e-6, -ONE_HOT])
def test_targets_that_are_no_probabilities_are_refused(y):
    for call in ("loss", "gradient", "backprop", "fit"):
        with pytest.raises(ValueError, match="y must lie between 0 and 1 for the binary log loss"):
            getattr(logistic(), call)(X, y)


# --- images ---

IMAGES = RNG.normal(size=(12, 2, 2))


@pytest.mark.parametrize("call", ["predict", "loss", "fit"])
@pytest.mark.parametrize("images", [IMAGES, IMAGES.tolist()], ids=["array", "lists"])
def test_images_are_refused_with_how_to_reshape_them(images, call):
    rest = () if call == "predict" else (LABELS,)
    words = r"X has the shape \(12, 2, 2\): X.reshape\(12, -1\) makes every image a row"
    with pytest.raises(ValueError, match=words) as raised:
        getattr(softmax(), call)(images, *rest)
    assert "dim 3" in str(raised.value)
    assert softmax().predict(IMAGES.reshape(12, -1)).shape == (12, 3)


def test_columns_of_the_book_are_refused_with_how_to_reshape_them():
    """Its readers give every image, and every one-hot target, as a column."""
    with pytest.raises(ValueError, match=r"X.reshape\(12, -1\)"):
        softmax().fit(X.reshape(12, 4, 1), LABELS)
    for net in (softmax(), logistic()):
        with pytest.raises(ValueError, match=r"y.reshape\(12, -1\)"):
            net.fit(X, ONE_HOT.reshape(12, 3, 1))


def test_the_engine_is_given_labels_of_its_own_type():
    for given in (LABELS, ONE_HOT, sp.csr_array(ONE_HOT)):
        net = softmax()
        labels = net._check_y(given, X)
        assert labels.dtype == np.int32
        assert run.Task(net.plan, net.output, net.parameters, X, y=labels).n_rows == 12
