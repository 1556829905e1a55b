"""A large model's partial fit of one mini-batch copies nothing, and is still all or nothing."""

import copy
import tracemalloc
import warnings
from contextlib import suppress

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from cbackprop import MLPClassifier, MLPRegressor
from cbackprop.training import undo

ROWS = 40
RULES = {
    "adam": {"solver": "adam"},
    "adam without decay": {"solver": "adam", "alpha": 0.0},
    "adam, clipped": {"solver": "adam", "clip_norm": 0.1},
    "adam, l1 and max_norm": {"solver": "adam", "l1": 0.1, "max_norm": 0.5},
    "adam with dropout": {"solver": "adam", "dropout": [0.5, 0.2]},
    "nesterov": {"solver": "sgd", "learning_rate": "invscaling"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "sgd": {"solver": "sgd", "momentum": 0.0},
}
SHAPES = {"wide": (20_001, (20, 7)), "deep": (300, (200, 30))}


def rows(shape, layout, dtype, *, scale=1.0):
    n_features, _ = SHAPES[shape]
    density = 0.002 if shape == "wide" else 0.2
    X = scale * sp.random(3 * ROWS, n_features, density, "csr", dtype, random_state=0)
    return X.astype(dtype) if layout == "sparse" else X.astype(dtype).toarray()


def model(kind, shape, **settings):
    return kind(hidden_layer_sizes=SHAPES[shape][1], random_state=0, **settings)


def part(estimator, X, i):
    mine = slice(i * ROWS, (i + 1) * ROWS)
    y = np.arange(ROWS) % 3
    weight = np.arange(ROWS) % 5 if i == 2 else None
    classes = {"classes": np.arange(3)} if isinstance(estimator, MLPClassifier) else {}
    return estimator.partial_fit(X[mine], y, sample_weight=weight, **classes)


def everything(estimator):
    """What a call may change, as values that do not change with it."""
    optimizer = estimator._optimizer
    books = {name: v for name, v in vars(estimator).items() if isinstance(v, list | float | int)}
    state = [] if optimizer.state is None else optimizer.state.copy()
    settings = {name: v for name, v in vars(optimizer).items() if name != "state"}
    return copy.deepcopy((books, settings)), estimator.network_.parameters.copy(), state


def assert_same(estimator, before):
    (books, parameters, state), now = before, everything(estimator)
    assert now[0] == books
    assert_array_equal(now[1], parameters)
    assert_array_equal(now[2], state)


@pytest.fixture
def copied(monkeypatch):
    """The sizes of the large arrays that are copied to be put back."""
    sizes, plain = [], undo._copy

    def noted(array, spare):
        if array.nbytes >= undo.LARGE:
            sizes.append(array.nbytes)
        return plain(array, spare)

    monkeypatch.setattr(undo, "_copy", noted)
    return sizes


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["sparse", "dense"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rule", RULES)
def test_partial_fits_have_the_bits_of_those_that_copy(
    rule, shape, layout, dtype, n_jobs, copied, monkeypatch
):
    if shape == "wide" and layout == "dense" and rule != "adam":
        pytest.skip("slow, and the same as the deep one")
    kind = MLPRegressor if rule == "adam without decay" else MLPClassifier
    X = rows(shape, layout, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine = model(kind, shape, n_jobs=n_jobs, **RULES[rule])
        for i in range(3):
            part(mine, X, i)
        if rule in ("adam", "adam without decay", "adam with dropout", "nesterov", "adaptive"):
            assert copied == []
        monkeypatch.setattr(undo, "PATIENCE", False)
        other = model(kind, shape, n_jobs=n_jobs, **RULES[rule])
        for i in range(3):
            part(other, X, i)
    assert copied != []
    assert_same(mine, everything(other))


@pytest.mark.parametrize("rule", ["adam", "nesterov", "momentum", "sgd", "adam, clipped"])
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("layout", ["sparse", "dense"])
def test_step_that_would_end_in_infinity_leaves_everything_as_it_was(rule, layout, n_jobs):
    X = rows("deep", layout, np.float32)
    estimator = model(MLPRegressor, "deep", n_jobs=n_jobs, **RULES[rule])
    part(estimator, X, 0)
    part(estimator, X, 1)
    estimator._optimizer.learning_rate = 1e39  # more than float32 can hold
    before = everything(estimator)
    with pytest.raises(ValueError, match="non-finite"):
        part(estimator, X, 1)
    assert_same(estimator, before)


@pytest.mark.parametrize("rule", ["adam", "nesterov"])
def test_gradient_that_overflows_leaves_everything_as_it_was(rule):
    estimator = model(MLPRegressor, "deep", **RULES[rule])
    part(estimator, rows("deep", "sparse", np.float32), 0)
    before = everything(estimator)
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="non-finite"):
        part(estimator, rows("deep", "sparse", np.float32, scale=1e25), 1)
    assert_same(estimator, before)


def test_one_moment_that_is_not_finite_leaves_everything_as_it_was():
    X = rows("wide", "sparse", np.float64)
    estimator = model(MLPClassifier, "wide")
    part(estimator, X, 0)
    estimator._optimizer.state[0, -8] = np.nan
    before = everything(estimator)
    with pytest.raises(ValueError, match="non-finite"):
        part(estimator, X, 1)
    assert_same(estimator, before)


def test_books_that_cannot_be_written_leave_everything_as_it_was(monkeypatch):
    X = rows("wide", "sparse", np.float64)
    estimator = model(MLPClassifier, "wide", verbose=True)
    part(estimator, X, 0)
    before = everything(estimator)

    def fails(*_):
        raise OSError("no room")

    monkeypatch.setattr("builtins.print", fails)
    with pytest.raises(OSError, match="no room"):
        part(estimator, X, 1)
    assert_same(estimator, before)


def test_warning_that_is_an_error_leaves_everything_as_it_was():
    X = rows("wide", "sparse", np.float64)
    estimator = model(MLPRegressor, "wide")
    part(estimator, X, 0)
    before = everything(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Warning, match="blown up"):
            part(estimator, X * 1e12, 1)
    assert_same(estimator, before)


@pytest.mark.thread_unsafe(reason="traces the code of the whole process")
def test_interrupt_at_any_moment_leaves_a_whole_step_or_none(interrupted_at):
    X = rows("wide", "sparse", np.float64)
    first = part(model(MLPClassifier, "wide", n_jobs=1), X, 0)
    before = everything(first)
    after = everything(part(copy.deepcopy(first), X, 1))
    for n in range(1, 100_000, 41):
        estimator = copy.deepcopy(first)
        with (
            warnings.catch_warnings(action="ignore"),
            suppress(KeyboardInterrupt),
            interrupted_at(n) as interrupted,
        ):
            part(estimator, X, 1)
        if interrupted.where is None:
            break
        now = everything(estimator)
        made = estimator._optimizer.n_steps == 2
        for mine, whole in zip(now[1:], (after if made else before)[1:], strict=True):
            assert_array_equal(mine, whole, interrupted.where)
        assert len(estimator.loss_curve_) == 1 + made, interrupted.where
    assert n > 41


@pytest.mark.thread_unsafe(reason="traces the memory of the whole process")
@pytest.mark.parametrize("rule", ["adam", "adam, clipped"])
@pytest.mark.parametrize("n_rows", [ROWS, 3 * ROWS])
def test_partial_fits_of_a_wide_model_hold_no_memory_besides_it(rule, n_rows):
    X = sp.random(3 * ROWS, 300_000, 1e-4, "csr", random_state=0)
    y = np.arange(3 * ROWS) % 3
    tracemalloc.start()
    try:
        estimator = MLPClassifier((20,), batch_size=ROWS, random_state=0, **RULES[rule])
        for _ in range(3):
            estimator.partial_fit(X[:n_rows], y[:n_rows], classes=np.arange(3))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    own = estimator.network_.parameters.nbytes + estimator._optimizer.state.nbytes
    assert held < 1.05 * own
