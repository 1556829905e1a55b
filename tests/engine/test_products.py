"""Are small matrix products right, whatever of vectors, tiles and panels they fill?"""

import ctypes
import mmap
import sys
from itertools import product

import numpy as np
import pytest

from cbackprop.engine import kernels, trial

DTYPES = [np.float32, np.float64]
# Around the widths of vectors (4, 8, 16), tiles (up to 14 rows, 4 vectors) and copied panels (256).
SIZES = [1, 3, 10, 17, 33, 64, 100]
FINISHES = {
    "add": lambda x, other: x + other,
    "add_relu": lambda x, other: np.maximum(x + other, 0.0),
    "times": lambda x, other: x * other,
    "times_logistic_derivative": lambda x, other: x * other * (1.0 - other),
    "times_tanh_derivative": lambda x, other: x * (1.0 - other * other),
    "times_relu_derivative": lambda x, other: np.where(other == 0.0, 0.0, x),
}


@pytest.fixture(params=[name for name in kernels.available() if name != "plain"])
def vectors(request):
    """Each set of vector instructions that has products of its own."""
    before = kernels.use(request.param)
    yield request.param
    kernels.use(before)


def operands(m, n, k, dtype, *, transpose_a=False, transpose_b=False):
    rng = np.random.default_rng([m, n, k])
    a = rng.standard_normal((k, m) if transpose_a else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if transpose_b else (k, n)).astype(dtype)
    return a, b, rng.standard_normal((m, n)).astype(dtype)


def exact(a, b, c, *, transpose_a=False, transpose_b=False, scale=1.0, keep=0.0):
    """The product in float64, and how far rounding may take each of its numbers (Higham, 3.5)."""
    a, b, c = (np.asarray(x, dtype=np.longdouble) for x in (a, b, c))
    a, b = a.T if transpose_a else a, b.T if transpose_b else b
    kept = keep * c if keep else 0.0
    size = abs(scale) * (abs(a) @ abs(b)) + abs(kept)
    return scale * (a @ b) + kept, size * (a.shape[1] + 4)


def assert_product_is_right(m, n, k, dtype, **how):
    transposed = {name: how[name] for name in ("transpose_a", "transpose_b") if name in how}
    a, b, c = operands(m, n, k, dtype, **transposed)
    wanted, bound = exact(a, b, c, **how)
    # The rows before and behind must stay as they are.
    around = np.full((m + 2, n), 7.0, dtype=dtype)
    around[1:-1] = c if how.get("keep") else np.nan
    made = trial.apply_product(a, b, around[1:-1], **how)
    if made:
        assert np.all(np.abs(around[1:-1] - wanted) <= bound * np.finfo(dtype).eps)
    else:
        np.testing.assert_array_equal(around[1:-1], c if how.get("keep") else np.nan)
    np.testing.assert_array_equal(around[[0, -1]], 7.0)
    return made


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("transpose_a", "transpose_b"), [(False, False), (True, False), (False, True)]
)
@pytest.mark.usefixtures("vectors")
def test_small_products_of_all_sizes(transpose_a, transpose_b, dtype):
    made = 0
    for m, n, k in product(SIZES, repeat=3):
        for scale, keep in [(1.0, 0.0), (-0.3, 0.0), (-0.3, 0.9)]:
            made += assert_product_is_right(
                m, n, k, dtype, scale=scale, keep=keep,
                transpose_a=transpose_a, transpose_b=transpose_b,
            )  # fmt: skip
    assert made > len(SIZES) ** 3  # most are made here


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keep", [0.0, 0.9])
@pytest.mark.parametrize("k", [255, 256, 257, 600])
@pytest.mark.usefixtures("vectors")
def test_long_sums_are_split_without_loss(k, keep, dtype):
    for transpose_b in (False, True):
        made = assert_product_is_right(
            45, 150, k, dtype, scale=0.7, keep=keep, transpose_b=transpose_b
        )
        assert made


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("finish", FINISHES)
@pytest.mark.parametrize("k", [3, 300])
@pytest.mark.usefixtures("vectors")
def test_what_is_done_to_the_sums_at_the_end(k, finish, dtype):
    for m, n, transpose_b in product([1, 5, 40], [1, 2, 3, 4, 6, 9, 16, 40, 100], [False, True]):
        a, b, out = operands(m, n, k, dtype, transpose_b=transpose_b)
        rng = np.random.default_rng(n)
        other = rng.random(n if finish.startswith("add") else (m, n)).astype(dtype)
        other.flat[:: 3 if other.ndim == 2 else n + 1] = 0.0  # where a relu is closed
        x, bound = exact(a, b, out, transpose_b=transpose_b)
        wanted = FINISHES[finish](x, other)
        if trial.apply_product(a, b, out, transpose_b=transpose_b, finish=finish, other=other):
            assert np.all(np.abs(out - wanted) <= (bound + 8) * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.usefixtures("vectors")
def test_few_columns(n, dtype):
    """Scalar products of rows with AVX2, up to 4096 numbers of B; what adds to C is turned."""
    for m, k in product([1, 2, 3, 4, 5, 33], [1, 7, 8, 9, 17, 4096 // n, 4096 // n + 1]):
        for transpose_b in (False, True):
            assert_product_is_right(m, n, k, dtype, transpose_b=transpose_b)
            assert_product_is_right(m, n, k, dtype, transpose_b=transpose_b, scale=-0.3, keep=0.9)
    for m, k in product([9, 33, 100], [1, 7, 200]):
        for keep in (0.0, 0.9, 1.0):
            assert_product_is_right(m, n, k, dtype, transpose_a=True, scale=0.7, keep=keep)


@pytest.mark.parametrize("dtype", DTYPES)
def test_few_columns_are_not_left_to_blas(dtype, restored_instructions):
    if "avx2" not in kernels.available():
        pytest.skip("this processor has no AVX2")
    kernels.use("avx2")
    assert assert_product_is_right(33, 2, 64, dtype)
    assert assert_product_is_right(33, 1, 4096, dtype)
    assert not assert_product_is_right(33, 2, 4096, dtype)
    assert assert_product_is_right(33, 2, 64, dtype, transpose_a=True, keep=1.0)


def before_a_wall(array):
    """A copy that ends where the next page must not be touched."""
    pages = -(-array.nbytes // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    wall, protect = ctypes.c_void_p(start + pages * mmap.PAGESIZE), ctypes.CDLL(None).mprotect
    assert protect(wall, ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    offset = pages * mmap.PAGESIZE - array.nbytes
    copy = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("transpose_a", "transpose_b"), [(False, False), (True, False), (False, True)]
)
@pytest.mark.usefixtures("vectors")
def test_nothing_behind_the_operands_is_touched(transpose_a, transpose_b, dtype):
    how = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    for m, n, k in product([1, 3, 17, 40], [1, 3, 5, 10, 33, 100], [1, 3, 33, 300]):
        a, b, c = (before_a_wall(x) for x in operands(m, n, k, dtype, **how))
        trial.apply_product(a, b, c, **how)
        trial.apply_product(a, b, c, keep=0.5, **how)
        other = before_a_wall(np.ones(n, dtype))
        trial.apply_product(a, b, c, finish="add_relu", other=other, **how)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("n", [3, 40])
def test_nan_and_infinity_stay_in_their_row_and_column(n, dtype):
    a, b, out = operands(20, n, 30, dtype)
    a[3, 5], b[7, 2] = np.nan, np.inf
    if not trial.apply_product(a, b, out, finish="add_relu", other=np.zeros(n, dtype)):
        assert n == 3  # few columns are BLAS's with AVX-512
        return
    spoiled = np.zeros(out.shape, bool)
    spoiled[3], spoiled[:, 2] = True, True
    assert np.isnan(out[3]).all()  # a relu lets NaN through
    assert np.isfinite(out[~spoiled]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("n", [1, 2, 3, 4, 10, 50])
def test_a_number_does_not_depend_on_where_its_tile_begins(n, dtype):
    a, b, whole = operands(37, n, 43, dtype)
    if not trial.apply_product(a, b, whole):
        assert n <= 10  # few columns are BLAS's with AVX-512
        return
    for first, last in [(0, 1), (5, 18), (18, 37)]:
        part = np.empty((last - first, n), dtype)
        assert trial.apply_product(a[first:last], b, part)
        np.testing.assert_array_equal(part, whole[first:last])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.usefixtures("vectors")
def test_large_products_are_left_to_blas(dtype):
    assert not assert_product_is_right(300, 1000, 1000, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 11, 12, 17, 31])
@pytest.mark.parametrize(
    ("transpose_a", "transpose_b"), [(False, False), (True, False), (False, True)]
)
@pytest.mark.usefixtures("vectors")
def test_few_rows_by_a_large_factor(m, transpose_a, transpose_b, dtype):
    assert assert_product_is_right(
        m, 601, 517, dtype, transpose_a=transpose_a, transpose_b=transpose_b
    )


@pytest.mark.usefixtures("restored_instructions")
def test_plain_instructions_leave_all_products_to_blas():
    kernels.use("plain")
    assert not assert_product_is_right(10, 30, 10, np.float32)


@pytest.mark.usefixtures("vectors")
def test_products_can_be_left_to_blas():
    before = kernels.use_products(False)
    try:
        assert not assert_product_is_right(10, 30, 10, np.float32)
    finally:
        kernels.use_products(before)
    assert assert_product_is_right(10, 30, 10, np.float32)


def test_all_ways_to_finish_are_tested():
    assert {"nothing", *FINISHES} == set(trial.FINISHES)


def test_the_door_names_what_does_not_fit():
    a, b, out = operands(3, 4, 5, np.float64)
    with pytest.raises(ValueError, match=r"the shapes do not fit: a \(3, 5\), b \(4, 5\)"):
        trial.apply_product(a, b.T.copy(), out)
    with pytest.raises(ValueError, match="finish must be one of"):
        trial.apply_product(a, b, out, finish="cube")
    with pytest.raises(TypeError, match="b must be an array of float64, got float32"):
        trial.apply_product(a, b.astype(np.float32), out)
