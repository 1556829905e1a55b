"""What scikit-learn's validation lets through: lying index arrays, masks, dates, huge shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.validation.columns import check_no_dates

LARGEST_LAYER = 2**31 - 2
# Arrays of fewer bytes are copied without asking first whether there is room.
COPIED_FREELY = 2**30


def check_given(name: str, value: Any, *, numbers: bool = True) -> None:
    """Refuse what would be misread, or followed out of bounds, before anybody converts it.

    Parameters
    ----------
    name : str
        What errors call it: "X", "y".
    value : anything
        Data as a user gave them. What is no array and no sparse matrix is looked at for dates only.
    numbers : bool, default=True
        Whether dates and records are refused.

    Raises
    ------
    TypeError, ValueError, MemoryError
    """
    if numbers:
        check_no_dates(name, value)
    if hasattr(value, "tocsr"):
        check_sparse(name, value)
        return
    if not isinstance(value, np.ndarray):
        return
    if numbers and value.dtype.kind == "V":
        raise TypeError(f"{name} must be numbers, got {value.dtype}")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        masked = int(np.ma.count_masked(value))
        raise ValueError(f"{name} must have no masked values, got {masked}: fill or drop them")
    if value.ndim == 2 and value.shape[1] > LARGEST_LAYER:
        raise ValueError(f"{name} must have at most {LARGEST_LAYER} features, got {value.shape[1]}")
    if value.nbytes > COPIED_FREELY and not value.flags.c_contiguous:
        np.empty(value.shape, dtype=np.float32)  # an error now, not after reading all of it


def check_sparse(name: str, X: Any) -> None:
    """Every index of a sparse matrix: its conversions follow them without a look."""
    kind = getattr(X, "format", None)
    if kind == "coo" and len(X.shape) == 2:
        for index, size, what in ((X.row, X.shape[0], "rows"), (X.col, X.shape[1], "columns")):
            _check_bounds(f"{name}'s {what}", index, size)
    elif kind in ("csr", "csc", "bsr") and len(X.shape) == 2:
        block = X.blocksize if kind == "bsr" else (1, 1)
        major, minor = X.shape[0] // block[0], X.shape[1] // block[1]
        if kind == "csc":
            major, minor = minor, major
        last = _check_indptr(name, X, major, "column" if kind == "csc" else "row")
        _check_bounds(f"{name}.indices", X.indices[:last], minor)


def _check_indptr(name: str, X: Any, major: int, what: str) -> int:
    """The number of indices in use."""
    indptr, stored = X.indptr, min(len(X.indices), len(X.data))
    if indptr.shape != (major + 1,):
        raise ValueError(
            f"{name}.indptr must have {major + 1} elements for {major} {what}s, "
            f"got {' x '.join(map(str, indptr.shape))}"
        )
    starts, stops = indptr[:-1], indptr[1:]
    bad = (starts < 0) | (stops < starts) | (stops > stored)
    if bad.any():
        at = int(bad.argmax())
        raise ValueError(
            f"{name}.indptr must grow from 0 to at most {stored}, got {starts[at]} and "
            f"{stops[at]} at {what} {at}"
        )
    return int(indptr[-1])


def _check_bounds(what: str, index: NDArray, size: int) -> None:
    if index.size and (index.min() < 0 or index.max() >= size):
        at = int(((index < 0) | (index >= size)).argmax())
        raise ValueError(f"{what} must lie between 0 and {size - 1}, got {index[at]} at {at}")


def as_numbers(name: str, value: Any) -> NDArray:
    """The values as an array of real numbers, to be copied into parameters."""
    array = np.asarray(value)
    if array.dtype.kind == "O":
        if any(item is None for item in array.flat):
            raise TypeError(f"{name} must be numbers, got None among them")
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be numbers, got objects: {error}") from None
        except OverflowError:
            raise ValueError(f"{name} has an integer too large for a float: scale it") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be numbers, got {array.dtype}")
    return array
