"""What a network and its training take: options, numbers and data, or an error that says so.

A warning says so, too, in the name of the caller.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn.utils import check_array, check_consistent_length

from cbackprop.engine import run
from cbackprop.validation.arrays import LARGEST_LAYER, check_given
from cbackprop.validation.columns import explained
from cbackprop.validation.labels import as_column, softmax_labels


def check_option(name: str, value: Any, options: Iterable[str]) -> str:
    """`value` if it is one of the options."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {sorted(options)}, got {value!r}")
    return value


def check_bool(name: str, value: Any) -> bool:
    """A truth value.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_number(
    name: str,
    value: Any,
    low: float,
    high: float,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """`value` as a float if it is a number in the interval."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r} of type {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a number that a float can hold, got {value!r}") from None
    above = low < number if open_low else low <= number
    below = number < high if open_high else number <= high
    if not (above and below):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        raise ValueError(f"{name} must lie in {interval}, got {value!r}")
    return number


def check_integer(name: str, value: Any, *, at_least: int) -> int:
    """`value` as an int if it is an integer and not too small."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}")
    if int(value) < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value}")
    return int(value)


def check_index(name: str, value: Any, n: int, what: str) -> int:
    """`value` as an index from 0 into n things: negative ones count from the end."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}")
    index = int(value)
    if not -n <= index < n:
        raise ValueError(
            f"{name} must lie between 0 and {n - 1}, or -1 and {-n} from the end, for the {n} "
            f"{what}; got {index}"
        )
    return index % n


def check_pair(name: str, value: Any) -> tuple[Any, Any]:
    """`value` as rows and targets."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        size = f" of length {len(value)}" if hasattr(value, "__len__") else ""
        raise TypeError(f"{name} must be a pair (X, y), got {type(value).__name__}{size}")
    return value[0], value[1]


def check_dtype(dtype: DTypeLike) -> np.dtype:
    """float32 or float64."""
    try:
        checked = np.dtype(dtype)
    except TypeError:
        checked = np.dtype(object)
    if checked not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    return np.dtype(f"f{checked.itemsize}")  # without a byte order written into it


def check_layer_sizes(layer_sizes: Any) -> tuple[int, ...]:
    """At least two positive integers that BLAS can count."""
    try:
        sizes = tuple(layer_sizes)
    except TypeError:
        raise TypeError(
            f"layer_sizes must be a sequence of integers, got {layer_sizes!r}"
        ) from None
    if len(sizes) < 2:
        raise ValueError(f"layer_sizes needs at least an input and an output size, got {sizes}")
    checked = tuple(check_integer("each of layer_sizes", size, at_least=1) for size in sizes)
    if max(checked) > LARGEST_LAYER:
        raise ValueError(f"each of layer_sizes must be at most {LARGEST_LAYER}, got {max(checked)}")
    return checked


def fits(X: Any, n_features: int, dtype: np.dtype) -> bool:
    """Whether X can go to the engine as it is: a plain array all of whose properties fit.

    What scikit-learn's validation would find is looked at here in a few microseconds: type,
    dtype, C order, dimensions, rows, features, and that every value is finite.
    """
    return (
        type(X) is np.ndarray
        and X.dtype == dtype
        and X.ndim == 2
        and X.shape[0] > 0
        and X.shape[1] == n_features
        and (flags := X.flags).c_contiguous
        and flags.aligned
        and run.all_finite(X)
    )


def check_rows(X: Any, n_features: int, dtype: np.dtype) -> Any:
    """X as finite C-ordered rows or CSR, of this dtype and with as many features."""
    if fits(X, n_features, dtype):
        return X
    check_given("X", X)
    X = _as_numbers("X", X, dtype, accept_sparse="csr")
    if X.shape[1] != n_features:
        raise ValueError(f"X must have the network's {n_features} features, got {X.shape[1]}")
    return one_index_type(X) if hasattr(X, "indptr") else _aligned(X)


def _as_numbers(name: str, value: Any, dtype: np.dtype, **more: Any) -> Any:
    """scikit-learn's validation; an error says where the data are wrong, and NumPy adds nothing."""
    with np.errstate(over="ignore"), explained(as_note=False, **{name: value}):
        return check_array(value, dtype=dtype, order="C", input_name=name, **more)


def _aligned(array: NDArray, dtype: type[np.int64] | None = None) -> NDArray:
    """The array, copied if its items stand at odd addresses, as those of a memory map may."""
    return np.require(array, dtype, ["C", "A"])


def engine_rows(X: Any, dtype: np.dtype) -> Any:
    """What the engine takes of validated X: C-ordered rows or CSR, of this dtype."""
    if not hasattr(X, "tocsr"):
        return in_dtype("X", X, dtype)
    X = X.tocsr()
    with np.errstate(over="ignore"):
        taken = one_index_type(X.astype(dtype, copy=False))
    if X.dtype != dtype:
        _check_still_finite("X", taken.data)
    return taken


def in_dtype(name: str, array: NDArray, dtype: np.dtype) -> NDArray:
    """Finite numbers as the engine takes them: of this dtype, in which they must be finite, too."""
    with np.errstate(over="ignore"):
        taken = np.require(array, dtype=dtype, requirements=["C", "A"])
    if array.dtype != dtype:
        _check_still_finite(name, taken)
    return taken


def _check_still_finite(name: str, taken: NDArray) -> None:
    if not run.all_finite(taken):
        raise ValueError(
            f"{name} must be finite in {taken.dtype}, got a larger number: scale {name}, or train "
            "in float64, which X in float64 asks for"
        )


def one_index_type(X: Any) -> Any:
    """X, if it is CSR its three arrays as the engine reads them, the indices of one type."""
    if not hasattr(X, "indptr"):
        return X
    given = [X.data, X.indices, X.indptr]
    one_type = X.indices.dtype == X.indptr.dtype and X.indices.dtype in (np.int32, np.int64)
    wanted = [None, None, None] if one_type else [None, np.int64, np.int64]
    parts = [_aligned(part, dtype) for part, dtype in zip(given, wanted, strict=True)]
    if all(new is old for new, old in zip(parts, given, strict=True)):
        return X
    return type(X)(tuple(parts), shape=X.shape)


class Loss(Protocol):
    """What is asked of a loss about its targets: `cbackprop.functions.losses` has them."""

    @property
    def takes_labels(self) -> bool: ...

    def spread(self, y: NDArray, n_outputs: int) -> NDArray: ...

    def check(self, y: NDArray) -> None: ...


def check_targets(
    y: Any, X: Any, n_outputs: int, output_activation: str, loss: Loss, dtype: np.dtype
) -> NDArray:
    """y as int32 labels (n,) or numbers (n, n_outputs) that the loss is defined for."""
    check_given("y", y)
    if loss.takes_labels:
        return _check_labels(softmax_labels(y, n_outputs), X, n_outputs)
    labels_too = output_activation == "logistic" and n_outputs > 1
    if labels_too and not hasattr(y, "tocsr"):
        labels = as_column(y)
        if labels.ndim == 1 and labels.dtype.kind in "biu":
            return _check_labels(labels, X, n_outputs)
    values = _as_numbers("y", y, dtype, ensure_2d=False)
    if values.ndim == 1:
        values = values.reshape(-1, 1)
    check_consistent_length(X, values)
    values = loss.spread(values, n_outputs)
    if values.ndim != 2 or values.shape[1] != n_outputs:
        more = ", or be integer labels" if labels_too else ""
        raise ValueError(
            f"y must have the shape (n, {n_outputs}) for {n_outputs} outputs{more}, got "
            f"{np.shape(y)}"
        )
    loss.check(values)
    return _aligned(values)


def _check_labels(labels: NDArray, X: Any, n_outputs: int) -> NDArray:
    check_consistent_length(X, labels)
    lowest, highest = labels.min(), labels.max()
    if lowest < 0 or highest >= n_outputs:
        raise ValueError(
            f"labels must lie between 0 and {n_outputs - 1}, got {lowest} to {highest}"
        )
    return _aligned(np.ascontiguousarray(labels, dtype=np.int32))


LEAST_WEIGHT, MOST_WEIGHT = 1e-37, 1e30  # float32 has their inverses, and their products


def check_weight(
    sample_weight: Any, X: Any, dtype: np.dtype, *, elsewhere: bool = False
) -> NDArray | None:
    """sample_weight as finite numbers (n,), none negative and not all zero.

    They may be zero here if there are rows `elsewhere`.
    """
    if sample_weight is None:
        return None
    check_given("sample_weight", sample_weight)
    weight = _as_numbers("sample_weight", sample_weight, dtype, ensure_2d=False)
    if weight.ndim != 1:
        raise ValueError(f"sample_weight must have 1 dimension, got {weight.ndim}")
    check_consistent_length(X, weight)
    return _aligned(check_sign(weight, elsewhere=elsewhere))


def check_sign(weight: NDArray, *, elsewhere: bool = False) -> NDArray:
    """Weights of rows none of which is negative, not all zero, and whose sum is finite.

    In float32 those so small that they have no inverse are nothing beside the others. All may be
    zero if there are rows `elsewhere`.
    """
    single, least = weight.dtype == np.float32, weight.min()
    if elsewhere and not weight.any():
        return weight
    if least < 0 or not weight.any():
        where = " in float32" if single and least == 0 else ""
        raise ValueError(
            "sample_weight must not be negative, nor zero for every row, got "
            f"{least:g} to {weight.max():g}{where}"
        )
    if single and not LEAST_WEIGHT <= weight.max() <= MOST_WEIGHT:
        raise ValueError(
            f"sample_weight in float32 must have its largest between {LEAST_WEIGHT:g} and "
            f"{MOST_WEIGHT:g}, got {weight.max():g}: divide all by their largest"
        )
    with np.errstate(over="ignore"):
        total = weight.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise ValueError(
            f"sample_weight must have a finite sum, got weights up to {weight.max():g}: divide "
            "them by their largest"
        )
    if single and weight[weight > 0].min() < LEAST_WEIGHT:
        return np.where(weight < LEAST_WEIGHT, np.float32(0.0), weight)
    return weight


def check_parts(weight: NDArray | None, rows: NDArray | None, held_out: NDArray | None) -> None:
    """Early stopping's two parts of the rows, neither of which may weigh nothing."""
    if weight is None or rows is None or held_out is None:
        return
    for part, what in ((held_out, "held out for early stopping"), (rows, "left to train on")):
        if not weight[part].any():
            raise ValueError(
                f"sample_weight must not be zero for every row of a part, got zero for all "
                f"{part.size} {what}: leave out rows without weight, or try another "
                "validation_fraction or random_state"
            )


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn in the name of whoever called into this package.

    That is scikit-learn's wrapper of `fit`, so that filters for scikit-learn's modules, which
    its own examples set, hold here.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("cbackprop"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
