"""Arrays whose dtype says a byte order, this machine's or the other, are what they hold."""

import ctypes
import pickle
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from bad_inputs import unaligned
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from cbackprop import MLPClassifier, MLPRegressor, Network, load
from cbackprop.engine import run

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(3)
X = RNG.normal(size=(30, 4)) * (RNG.random((30, 4)) < 0.8)
LABELS = (X[:, 0] > 0).astype(int)
NUMBERS = X @ np.array([1.0, -0.5, 0.2, 0.1])
SEVERAL = np.column_stack([NUMBERS, -NUMBERS])
WEIGHT = np.arange(1.0, 31.0)
SETTINGS = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0, "batch_size": 7}
SAID, OTHER = ("<", ">") if sys.byteorder == "little" else (">", "<")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with threadpool_limits(1):
        yield


def said(array):
    """The same memory, its dtype with this machine's byte order written into it."""
    return array.view(array.dtype.newbyteorder(SAID))


def swapped(array):
    return array.astype(array.dtype.newbyteorder(OTHER))


ORDERS = {
    "said": said,
    "swapped": swapped,
    "said, unaligned": lambda array: unaligned(said(array)),
    "swapped, unaligned": lambda array: unaligned(swapped(array)),
    "said, Fortran order": lambda array: np.asfortranarray(said(array)),
    "said, every second": lambda array: np.repeat(said(array), 2, axis=0)[::2],
}
orders = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())


def csr_of(order, rows=X, kind=sp.csr_array):
    """A sparse matrix whose three arrays are all of that order."""
    matrix = kind(rows)
    for name in ("data", "indices", "indptr"):
        setattr(matrix, name, order(getattr(matrix, name)))
    return matrix


def frame_of(order, rows=X):
    return pytest.importorskip("pandas").DataFrame(order(rows))


CONTAINERS = {
    "array": lambda order, rows=X: order(rows),
    "CSR": csr_of,
    "CSC": lambda order, rows=X: csr_of(order, rows, sp.csc_array),
    "frame": frame_of,
}
containers = pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS.keys())


def plain(array):
    return array


# --- the estimators ---


@orders
@containers
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_rows_of_any_byte_order_give_the_same_model_and_predictions(solver, container, order):
    ours, same = (MLPRegressor(**SETTINGS, solver=solver) for _ in range(2))
    same.fit(container(plain), NUMBERS)
    ours.fit(container(order), NUMBERS)
    assert_array_equal(ours.network_.parameters, same.network_.parameters)
    assert_array_equal(ours.predict(container(order)), same.predict(container(plain)))


@orders
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(
    ("kind", "y"),
    [
        (MLPClassifier, LABELS),
        (MLPClassifier, np.eye(2)[LABELS]),
        (MLPRegressor, NUMBERS),
        (MLPRegressor, SEVERAL),
    ],
    ids=["labels", "indicator", "numbers", "several"],
)
def test_targets_and_weights_of_any_byte_order_give_the_same_model(kind, y, early_stopping, order):
    ours, same = (kind(**SETTINGS, early_stopping=early_stopping) for _ in range(2))
    same.fit(X, y, sample_weight=WEIGHT)
    ours.fit(order(X), order(y), sample_weight=order(WEIGHT))
    assert_array_equal(ours.network_.parameters, same.network_.parameters)
    assert ours.score(order(X), order(y)) == same.score(X, y)


@orders
@containers
def test_partial_fit_takes_rows_of_any_byte_order(container, order):
    ours, same = (MLPClassifier(**SETTINGS) for _ in range(2))
    for _ in range(2):
        same.partial_fit(container(plain), LABELS, classes=[0, 1])
        ours.partial_fit(container(order), order(LABELS), classes=[0, 1])
    assert_array_equal(ours.network_.parameters, same.network_.parameters)
    assert_array_equal(ours.predict_proba(container(order)), same.predict_proba(container(plain)))


@pytest.mark.parametrize("order", [said, swapped], ids=["said", "swapped"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_rows_of_any_byte_order_go_through_a_scaler(solver, order):
    ours, same = (
        make_pipeline(StandardScaler(), MLPClassifier(**SETTINGS, solver=solver)) for _ in range(2)
    )
    same.fit(X, LABELS)
    ours.fit(order(X), LABELS)
    assert_array_equal(ours.predict_proba(order(X)), same.predict_proba(X))


@containers
def test_float32_that_says_its_byte_order_is_trained_in_float32(container):
    single = X.astype(np.float32)
    ours, same = (MLPRegressor(**SETTINGS) for _ in range(2))
    same.fit(container(plain, single), NUMBERS)
    ours.fit(container(said, single), NUMBERS)
    assert ours.network_.dtype == np.float32
    assert_array_equal(ours.network_.parameters, same.network_.parameters)
    assert ours.predict(container(said, single)).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.longdouble, np.float16, bool, np.int8, np.uint16, object])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_rows_of_other_dtypes_are_trained_in_float64(solver, dtype):
    given = np.round(X).astype(dtype)
    ours, same = (MLPRegressor(**SETTINGS, solver=solver) for _ in range(2))
    same.fit(given.astype(np.float64), NUMBERS)
    ours.fit(given, NUMBERS)
    assert_array_equal(ours.network_.parameters, same.network_.parameters)
    assert_array_equal(ours.predict(given), same.predict(given.astype(np.float64)))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_fitted_arrays_have_no_byte_order_written_into_them(kind):
    fitted = kind(**SETTINGS).fit(said(X), LABELS)
    assert {array.dtype.byteorder for array in fitted.coefs_ + fitted.intercepts_} == {"="}
    assert fitted.network_.dtype.byteorder == "="
    assert Network([2, 1], dtype=np.dtype("f4").newbyteorder(SAID)).dtype.byteorder == "="


@pytest.mark.parametrize("order", [said, swapped], ids=["said", "swapped"])
def test_coefficients_of_any_byte_order_can_be_assigned(order):
    ours, same = (MLPRegressor(**SETTINGS).fit(X, NUMBERS) for _ in range(2))
    ours.coefs_ = [order(2 * array) for array in same.coefs_]
    same.coefs_ = [2 * array for array in same.coefs_]
    assert_array_equal(ours.predict(X), same.predict(X))


def test_parameters_that_say_their_byte_order_are_trained_on():
    """As a model would have kept them that was pickled with such an array inside."""
    ours, same = (MLPRegressor(**SETTINGS).fit(X, NUMBERS) for _ in range(2))
    ours.network_._own(said(ours.network_.parameters))
    ours = pickle.loads(pickle.dumps(ours))
    assert_array_equal(ours.predict(X), same.predict(X))
    for model in (ours, same):
        model.partial_fit(X, NUMBERS)
    assert_array_equal(ours.network_.parameters, same.network_.parameters)


@pytest.mark.parametrize("order", [SAID, OTHER], ids=["said", "swapped"])
def test_memory_maps_of_any_byte_order_are_trained_on(order, tmp_path):
    kept = X.astype(X.dtype.newbyteorder(order))
    kept.tofile(tmp_path / "rows")
    rows = np.memmap(tmp_path / "rows", kept.dtype.newbyteorder(order), "r", shape=X.shape)
    np.save(tmp_path / "rows.npy", kept)
    same = MLPRegressor(**SETTINGS).fit(X, NUMBERS)
    for given in (rows, np.load(tmp_path / "rows.npy", mmap_mode="r")):
        ours = MLPRegressor(**SETTINGS).fit(given, NUMBERS)
        assert_array_equal(ours.network_.parameters, same.network_.parameters)
        assert_array_equal(ours.predict(given), same.predict(X))


def test_a_model_trained_on_arrays_that_say_their_order_is_saved_and_loaded(tmp_path):
    fitted = MLPRegressor(**SETTINGS).fit(said(X), said(NUMBERS))
    fitted.save(tmp_path / "model")
    assert_array_equal(load(tmp_path / "model").predict(said(X)), fitted.predict(X))


# --- Network ---


@orders
@containers
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_takes_any_byte_order(dtype, container, order):
    rows = X.astype(dtype)
    losses, networks, outputs = [], [], []
    for given in (plain, order):
        net = Network(
            [4, 5, 2], output_activation="softmax", loss="log_loss", dtype=dtype, random_state=0
        )
        net.fit(
            container(given, rows),
            given(LABELS),
            sample_weight=given(WEIGHT),
            evaluation_data=(container(given, rows), given(LABELS)),
            epochs=2,
            random_state=0,
        )
        losses.append(net.loss(container(given, rows), given(LABELS), given(WEIGHT)))
        networks.append(net)
        outputs.append(net.predict(container(given, rows)))
    assert_array_equal(networks[1].parameters, networks[0].parameters)
    assert losses[1] == losses[0]
    assert_array_equal(*outputs)


@orders
def test_a_network_takes_numbers_of_any_byte_order(order):
    net = Network([4, 3, 2], random_state=0)
    inside = net.backprop(order(X), order(SEVERAL), order(WEIGHT))
    assert inside.loss == net.backprop(X, SEVERAL, WEIGHT).loss
    assert_array_equal(net.gradient(order(X), order(SEVERAL)), net.gradient(X, SEVERAL))
    net.parameters = order(2 * net.parameters)
    assert_allclose(net.check_gradient(order(X), order(SEVERAL)), 0, atol=1e-6)


# --- the engine's door: every way to write a format ---


def task(**changes):
    net = Network([4, 2], output_activation="softmax", loss="log_loss", random_state=0)
    given = {"X": X, "y": LABELS.astype(np.int32), "rows": np.arange(20), **changes}
    return run.Task(net.plan, net.output, net.parameters, **given)


@pytest.mark.parametrize("name", ["X", "y", "rows", "sample_weight"])
def test_the_engine_takes_arrays_that_say_this_machines_order(name):
    given = {"X": X, "y": LABELS.astype(np.int32), "rows": np.arange(20), "sample_weight": WEIGHT}
    expected = task(**given).loss(0, 20, 1.0)
    given[name] = said(given[name])
    assert task(**given).loss(0, 20, 1.0) == expected


@pytest.mark.parametrize("name", ["X", "y", "rows", "sample_weight"])
def test_the_engine_refuses_the_other_byte_order_and_odd_addresses(name):
    given = {"X": X, "y": LABELS.astype(np.int32), "rows": np.arange(20), "sample_weight": WEIGHT}
    with pytest.raises(
        TypeError, match=f"{name} must be an array of .*got items of format '{OTHER}"
    ):
        task(**{**given, name: swapped(given[name])})
    for order in (plain, said):
        with pytest.raises(ValueError, match=f"{name} must be an aligned array"):
            task(**{**given, name: unaligned(order(given[name]))})


INTEGERS = [code for code in "ilqnp" if np.dtype(code).itemsize == np.dtype(np.intp).itemsize]


@pytest.mark.parametrize("code", INTEGERS)
@pytest.mark.parametrize("mark", ["=", SAID])
def test_rows_are_taken_whatever_letter_their_dtype_has(code, mark):
    dtype = np.dtype(code).newbyteorder(mark)
    assert task(rows=np.arange(5).astype(dtype)).n_rows == 5


def test_other_peoples_buffers_are_taken_by_their_format():
    doubles = (ctypes.c_double * 3)(1.0, 2.0, np.inf)  # whose format says the byte order
    assert memoryview(doubles).format == f"{SAID}d"
    assert not run.all_finite(memoryview(doubles))
    assert run.all_finite(memoryview(bytearray(16)).cast("d"))
    assert run.all_finite(memoryview(bytearray(16)).cast("@f"))


@pytest.mark.parametrize("dtype", [np.float16, np.uint8, np.uint64, bool, complex, "S8", "f8,f8"])
def test_what_is_no_float_is_refused_by_its_format(dtype):
    with pytest.raises(TypeError, match="x must be an array of float32 or float64, got"):
        run.all_finite(np.zeros(3, dtype))


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="a long double is a double here")
def test_a_long_double_of_its_own_size_is_refused():
    with pytest.raises(TypeError, match="got items of format 'g'"):
        run.all_finite(np.zeros(3, np.longdouble))
