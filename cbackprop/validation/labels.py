"""What does a network take for labels: integers, a column of them, or one-hot rows?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def softmax_labels(y: Any, n_outputs: int) -> NDArray:
    """Labels (n,), read from labels (n,) or (n, 1), or from one-hot rows (n, n_outputs).

    Parameters
    ----------
    y : array-like or sparse matrix
        Integers or booleans; one-hot rows may be floats, too.
    n_outputs : int
        The columns of one-hot rows.

    Raises
    ------
    TypeError
        For labels that are no integers.
    ValueError
        For another shape, a missing label, or rows that are not one-hot.
    """
    if hasattr(y, "tocsr"):
        return _labels_of_sparse(y.tocsr(), n_outputs)
    array = as_column(y)
    if array.ndim == 2 and array.shape[1] == n_outputs:
        return _labels_of_one_hot(array)
    if array.ndim != 1:
        raise ValueError(
            f"y must be labels of shape (n,) or one-hot rows of shape (n, {n_outputs}) for the "
            f"softmax, got shape {array.shape}{_reshaped(array)}"
        )
    if array.dtype.kind == "f" and np.isnan(array).any():
        row = int(np.isnan(array).argmax())
        raise ValueError(f"y contains NaN, in row {row}: leave out rows without a label")
    if array.dtype.kind not in "biu":
        raise TypeError(
            f"y must be integer labels for the softmax, got {array.dtype}: pass "
            "np.unique(y, return_inverse=True)[1], or whole numbers by y.astype(int)"
        )
    return array


def as_column(y: Any) -> NDArray:
    """y as an array, (n,) rather than (n, 1), of integers where a nullable dtype holds them."""
    array = np.asarray(y)
    if array.dtype == object and not isinstance(y, np.ndarray):
        missing = [item is None or bool(item != item) for item in _known(array)]
        if any(missing):
            row = missing.index(True) // max(1, array[0].size if array.ndim == 2 else 1)
            raise ValueError(f"y has no value in row {row}: leave out rows without a label")
        array = np.array(array.tolist())
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _known(array: NDArray) -> list:
    """The objects, pandas' NA, which is not even unequal to itself, as None."""
    return [None if type(item).__name__ == "NAType" else item for item in array.ravel().tolist()]


def _labels_of_one_hot(array: NDArray) -> NDArray:
    if array.dtype.kind in "biuf":
        right = ((array == 0) | (array == 1)).all(axis=1) & (array.sum(axis=1) == 1)
        if right.all():
            return array.argmax(axis=1)
        row = int(right.argmin())
        raise _not_one_hot(f"{array[row].tolist()} in row {row}")
    raise TypeError(f"y must be integer labels or one-hot rows of numbers, got {array.dtype}")


def _labels_of_sparse(y: Any, n_outputs: int) -> NDArray:
    if y.shape[1] != n_outputs:
        raise ValueError(
            f"y must be labels of shape (n,) or one-hot rows of shape (n, {n_outputs}) for the "
            f"softmax, got a sparse matrix of shape {y.shape}"
        )
    y = y.copy()
    y.sum_duplicates()
    y.eliminate_zeros()
    stored = np.diff(y.indptr)
    if (stored != 1).any():
        row = int((stored != 1).argmax())
        raise _not_one_hot(f"{stored[row]} numbers other than 0 in row {row}")
    if (y.data != 1).any():
        row = int((y.data != 1).argmax())
        raise _not_one_hot(f"{y.data[row]} in row {row}")
    return y.indices


def _not_one_hot(got: str) -> ValueError:
    return ValueError(
        "y of two dimensions must be one-hot for the softmax, a single 1 in every row and "
        f"otherwise 0, got {got}: for several classes a row, or probabilities, take "
        "output_activation='logistic' and loss='binary_log_loss'"
    )


def _reshaped(array: NDArray) -> str:
    return f": y.reshape({len(array)}, -1) makes rows" if array.ndim > 2 else ""
