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
from sklearn.utils.validation import column_or_1d

from cbackprop.engine import run
from cbackprop.validation.arrays import LARGEST_LAYER, check_given


def check_option(name: str, value: Any, options: Iterable[str]) -> str:
    """`value` if it is one of the options."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {sorted(options)}, got {value!r}")
    return value


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
    number = float(value)
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
    return checked


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
    X = check_array(X, accept_sparse="csr", dtype=dtype, order="C", input_name="X")
    if X.shape[1] != n_features:
        raise ValueError(f"X must have the network's {n_features} features, got {X.shape[1]}")
    return one_index_type(_aligned(X))


def _aligned(array: Any) -> Any:
    """The array, copied if its items stand at odd addresses, as those of a memory map may."""
    return array if hasattr(array, "indptr") else np.require(array, requirements=["C", "A"])


def engine_rows(X: Any, dtype: np.dtype) -> Any:
    """What the engine takes of validated X: C-ordered rows or CSR, of this dtype."""
    if not hasattr(X, "tocsr"):
        return np.require(X, dtype=dtype, requirements=["C", "A"])
    return one_index_type(X.tocsr().astype(dtype, copy=False))


def one_index_type(X: Any) -> Any:
    """X, its two index arrays of one of the types the engine reads, if it is CSR."""
    if not hasattr(X, "indptr"):
        return X
    if X.indices.dtype == X.indptr.dtype and X.indices.dtype in (np.int32, np.int64):
        return X
    indices, indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return type(X)((X.data, indices, indptr), shape=X.shape)


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
        labels = column_or_1d(y)
        if labels.dtype.kind not in "biu":
            raise TypeError(f"y must be integer labels for the softmax, got {labels.dtype}")
        return _check_labels(labels, X, n_outputs)
    if output_activation == "logistic" and n_outputs > 1 and np.ndim(y) == 1:
        labels = np.asarray(y)
        if labels.dtype.kind in "biu":
            return _check_labels(labels, X, n_outputs)
    values = check_array(y, dtype=dtype, order="C", ensure_2d=False, input_name="y")
    if values.ndim == 1:
        values = values.reshape(-1, 1)
    check_consistent_length(X, values)
    values = loss.spread(values, n_outputs)
    if values.ndim != 2 or values.shape[1] != n_outputs:
        raise ValueError(
            f"y must have the shape (n, {n_outputs}) for {n_outputs} outputs, got {np.shape(y)}"
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


def check_weight(sample_weight: Any, X: Any, dtype: np.dtype) -> NDArray | None:
    """sample_weight as finite numbers (n,), none negative and not all zero."""
    if sample_weight is None:
        return None
    check_given("sample_weight", sample_weight)
    weight = check_array(
        sample_weight, dtype=dtype, ensure_2d=False, order="C", input_name="sample_weight"
    )
    if weight.ndim != 1:
        raise ValueError(f"sample_weight must have 1 dimension, got {weight.ndim}")
    check_consistent_length(X, weight)
    return _aligned(check_sign(weight))


def check_sign(weight: NDArray) -> NDArray:
    """Weights of rows none of which is negative, and not all zero."""
    if weight.min() < 0 or not weight.any():
        raise ValueError(
            "sample_weight must not be negative, nor zero for every row, got "
            f"{weight.min():g} to {weight.max():g}"
        )
    return weight


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn in the name of whoever called into this package.

    That is scikit-learn's wrapper of `fit`, so that filters for scikit-learn's modules, which
    its own examples set, hold here.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("cbackprop"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
