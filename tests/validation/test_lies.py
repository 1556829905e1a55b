"""Arrays in odd clothes are taken for what they are; arrays that change in mid-fit undo the fit."""

import copy

import numpy as np
import pytest
import scipy.sparse as sp
from bad_inputs import Liar, read_only, unaligned
from numpy.testing import assert_allclose, assert_array_equal
from sameness import same
from threadpoolctl import threadpool_limits

from cbackprop import Adam, MLPClassifier, MLPRegressor, Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(5)
X = RNG.normal(size=(30, 4)) * (RNG.random((30, 4)) < 0.7)
LABELS = (X[:, 0] > 0).astype(int)
NUMBERS = X @ np.array([1.0, -0.5, 0.2, 0.1])
SETTINGS = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0, "batch_size": 7}
threads = pytest.mark.parametrize("n_jobs", [1, 2])


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with threadpool_limits(1):
        yield


# --- what an array is clothed in does not matter ---


def on_disk(array, folder):
    array.tofile(folder / "array")
    return np.memmap(folder / "array", array.dtype, "r", shape=array.shape)


def on_disk_at_an_odd_place(array, folder):
    (folder / "array").write_bytes(b"x" + array.tobytes())
    return np.memmap(folder / "array", array.dtype, "r", offset=1, shape=array.shape)


def turned_and_turned_back(array, _):
    return array[::-1, ::-1].copy()[::-1, ::-1]


DENSE = {
    "memory map, read only": on_disk,
    "memory map at an odd byte": on_disk_at_an_odd_place,
    "unaligned": lambda array, _: unaligned(array),
    "read only": lambda array, _: read_only(array),
    "other byte order": lambda array, _: array.astype(array.dtype.newbyteorder()),
    "unaligned, other byte order": lambda a, _: unaligned(a.astype(a.dtype.newbyteorder())),
    "negative strides": turned_and_turned_back,
    "Fortran order": lambda array, _: np.asfortranarray(array),
    "every third column": lambda array, _: np.repeat(array, 3, axis=1)[:, ::3],
    "transposed": lambda array, _: array.T.copy().T,
    "subclass": lambda array, _: array.view(np.recarray),
    "masked array, nothing masked": lambda array, _: np.ma.masked_array(array, mask=False),
    "something array-like": lambda array, _: Liar(array),
    "objects": lambda array, _: array.astype(object),
    "longdouble": lambda array, _: array.astype(np.longdouble),
    "field of records": lambda a, _: np.stack([a, -a], axis=-1).view([("a", "f8"), ("b", "f8")])[
        "a"
    ][..., 0],
}


def indices_backwards(matrix):
    """The same matrix, the indices of each row in falling order."""
    for first, last in zip(matrix.indptr, matrix.indptr[1:], strict=False):
        matrix.indices[first:last] = matrix.indices[first:last][::-1].copy()
        matrix.data[first:last] = matrix.data[first:last][::-1].copy()
    matrix.has_sorted_indices = False
    return matrix


def halves(matrix):
    """The same matrix, every value in two equal parts."""
    doubled = sp.csr_array(
        (np.repeat(matrix.data / 2, 2), np.repeat(matrix.indices, 2), 2 * matrix.indptr),
        shape=matrix.shape,
    )
    doubled.has_canonical_format = False
    return doubled


def mixed(matrix):
    matrix.indices, matrix.indptr = matrix.indices.astype("i4"), matrix.indptr.astype("i8")
    return matrix


def with_room(matrix):
    """More is stored than is used."""
    matrix.data = np.append(matrix.data, [np.pi] * 3)
    matrix.indices = np.append(matrix.indices, [0, 1, 2]).astype(matrix.indices.dtype)
    return matrix


def all_read_only(matrix):
    for name in ("data", "indices", "indptr"):
        setattr(matrix, name, read_only(getattr(matrix, name)))
    return matrix


SPARSE = {
    "CSR": lambda matrix: matrix,
    "CSR, indices backwards": indices_backwards,
    "CSR, duplicates": halves,
    "CSR, int32 and int64 indices": mixed,
    "CSR with room": with_room,
    "CSR, read only": all_read_only,
    "CSC": lambda matrix: matrix.tocsc(),
    "COO": lambda matrix: matrix.tocoo(),
    "BSR": lambda matrix: matrix.tobsr(blocksize=(2, 2)),
    "LIL": lambda matrix: matrix.tolil(),
    "DOK": lambda matrix: matrix.todok(),
    "DIA": lambda matrix: matrix.todia(),
}


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_fit_and_predict_take_any_array_for_what_it_is(solver, name, tmp_path):
    given = DENSE[name](X, tmp_path)
    plain, clothed = (MLPClassifier(**SETTINGS, solver=solver) for _ in range(2))
    plain.fit(X, LABELS)
    clothed.fit(given, LABELS)
    assert_array_equal(clothed.network_.parameters, plain.network_.parameters)
    assert_array_equal(clothed.predict_proba(given), plain.predict_proba(X))


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_fit_and_predict_take_any_sparse_matrix_for_what_it_is(early_stopping, name):
    given = SPARSE[name](sp.csr_array(X))
    plain, clothed = (MLPRegressor(**SETTINGS, early_stopping=early_stopping) for _ in range(2))
    plain.fit(X, NUMBERS)
    clothed.fit(given, NUMBERS)
    # The sums of a row run in another order: rounding, grown over 12 steps.
    assert_allclose(clothed.network_.parameters, plain.network_.parameters, rtol=1e-9)
    assert_allclose(clothed.predict(given), plain.predict(X), rtol=1e-9)


@pytest.mark.parametrize("shape", [(0, 8), (0, 0)], ids=["one_row", "one_number"])
def test_rows_of_zero_strides_are_rows(shape):
    row = np.lib.stride_tricks.as_strided(X[:1].copy(), (30, 4), shape)
    one, other = (MLPRegressor(**SETTINGS).fit(rows, NUMBERS) for rows in (row, row.copy()))
    assert_array_equal(one.network_.parameters, other.network_.parameters)


# --- what changes in mid-fit ---


def label_out_of_range(X, y, weight):
    y[3] = 7


def negative_label(X, y, weight):
    y[0] = -1


def rows_become_nan(X, y, weight):
    X[...] = np.nan


def weights_become_nan(X, y, weight):
    weight[...] = np.nan


def array_shrinks(X, y, weight):
    weight.resize(3, refcheck=False)


def indices_leave(X, y, weight):
    X.indices[...] = 99


def indices_turn_negative(X, y, weight):
    X.indices[5] = -1


def indptr_falls(X, y, weight):
    X.indptr[5] = 0


def indptr_leaves(X, y, weight):
    X.indptr[-1] = 10**6


BOTH = {
    label_out_of_range: (ValueError, "labels must lie between 0 and 1, got 7 in row 3"),
    negative_label: (ValueError, "labels must lie between 0 and 1, got -1 in row 0"),
    weights_become_nan: (ValueError, r"no longer finite\. Epoch 2"),
    array_shrinks: (ValueError, "sample_weight must stay as it was given.* resized since, to"),
}
DENSE_CHANGES = {**BOTH, rows_become_nan: (ValueError, r"no longer finite\. Epoch 2")}
SPARSE_CHANGES = {
    **BOTH,
    indices_leave: (ValueError, "X.indices must lie between 0 and 3, got 99 in row"),
    indices_turn_negative: (ValueError, "X.indices must lie between 0 and 3, got -1 in row"),
    indptr_falls: (ValueError, r"X.indptr must grow from 0 to at most \d+, got"),
    indptr_leaves: (ValueError, r"X.indptr must grow from 0 to at most \d+, got \d+ and 1000000"),
}


@threads
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *(("dense", change) for change in DENSE_CHANGES),
        *(("sparse", change) for change in SPARSE_CHANGES),
    ],
)
def test_data_that_a_callback_changes_undo_the_fit(kind, change, n_jobs, dtype):
    """The arrays fit as they are, so that the engine works on the user's own memory."""
    rows = X.astype(dtype) if kind == "dense" else sp.csr_array(X.astype(dtype))
    labels, weight = LABELS.astype(np.int32), np.ones(30, dtype)
    error, words = (DENSE_CHANGES if kind == "dense" else SPARSE_CHANGES)[change]
    network = Network(
        [4, 5, 2], output_activation="softmax", loss="log_loss", dtype=dtype, random_state=0
    )
    adam, rng = Adam(0.01), np.random.RandomState(0)
    network.fit(rows, labels, optimizer=adam, epochs=1, random_state=rng)
    before = copy.deepcopy([network, adam, rng])
    with pytest.raises(error, match=words):
        network.fit(
            rows,
            labels,
            sample_weight=weight,
            optimizer=adam,
            epochs=3,
            random_state=rng,
            callbacks=[lambda model, history: change(rows, labels, weight)],
            n_jobs=n_jobs,
        )
    assert same([network, adam, rng], before)


@threads
@pytest.mark.parametrize("change", [indices_leave, indptr_falls, indptr_leaves])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_estimator_is_as_it_was_after_its_rows_changed(early_stopping, change, n_jobs):
    rows = sp.csr_array(X)
    estimator = MLPRegressor(**SETTINGS, early_stopping=early_stopping, n_jobs=n_jobs)
    before = copy.deepcopy(vars(estimator))
    with pytest.raises(ValueError, match=r"X\.ind(ices|ptr) must"):
        estimator.fit(rows, NUMBERS, callbacks=[lambda *_: change(rows, None, None)])
    assert same(vars(estimator), before)


@threads
def test_matrix_whose_arrays_are_replaced_in_mid_fit_is_trained_on_as_it_was(n_jobs):
    def shrink(model, history):
        rows.data, rows.indices, rows.indptr = rows.data[:2], rows.indices[:2], rows.indptr[:3]
        rows.resize(2, 4)

    rows, plain = sp.csr_array(X), sp.csr_array(X)
    fitted = []
    for given, callbacks in ((plain, []), (rows, [shrink])):
        network = Network([4, 5, 1], random_state=0)
        network.fit(given, NUMBERS, epochs=3, random_state=0, callbacks=callbacks, n_jobs=n_jobs)
        fitted.append(network.parameters)
    assert rows.shape == (2, 4)
    assert_array_equal(*fitted)


@threads
def test_parameters_that_a_callback_spoils_undo_the_fit(n_jobs):
    def spoil(model, history):
        model.parameters[3] = np.inf

    network = Network([4, 5, 1], random_state=0)
    before = network.parameters.copy()
    with pytest.raises(ValueError, match=r"no longer finite\. Epoch 2: cost"):
        network.fit(X, NUMBERS, epochs=3, callbacks=[spoil], n_jobs=n_jobs)
    assert_array_equal(network.parameters, before)
