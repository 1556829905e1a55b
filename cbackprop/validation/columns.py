"""Which column of some data is no column of numbers: one of dates, of text, with NaN?

Frames of pandas and Polars, Arrow's tables, arrays, lists and sparse matrices: columns are named as
their owner names them, by number if they have no names.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

# How NumPy, pandas, Polars and Arrow begin the names of dates, times of day and spans of time.
DATE_NAMES = ("date", "time", "duration", "period", "month")
DATE_TYPES = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
)
NUMBER_TYPES = {bool, int, float, np.bool_, np.int32, np.int64, np.float32, np.float64}
AS_NUMBERS = (
    "turn dates into numbers first, into days for example: "
    "(dates - dates.min()) / np.timedelta64(1, 'D')"
)
ENCODE = (
    "encode it as numbers first, for example with OrdinalEncoder or OneHotEncoder in a "
    "ColumnTransformer"
)
CLASSES = "turn it into numbers, or take a classifier if it names classes"
FILL = "fill it, or leave out the row"
TOO_LARGE = "{} has no infinity, but numbers too large for float32: scale it, or train in float64"
TOO_LARGE_INTEGER = "the data have an integer too large for a float: scale them"
MOST = int(np.finfo(np.float64).max)
# What NumPy, pandas and scikit-learn say of what cannot become a number.
NOT_CONVERTED = ("convert", "dtype='numeric'", "float() argument")
ROWS_OF = {"X": "image", "y": "target"}
ROWS_AT_ONCE = 4096


def check_no_dates(name: str, value: Any) -> None:
    """TypeError if some of the values are dates or spans of time: NumPy takes them for numbers.

    Or if there are no values yet, as in a lazy frame of Polars.

    Parameters
    ----------
    name : str
        What errors call it: "X", "y".
    value : anything
        Data as a user gave them.
    """
    if isinstance(value, list | tuple):
        if _of_numbers(value):
            return
        try:
            value = np.asarray(value)
        except Exception:  # whoever needs an array of it will say why there is none
            return
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O" and value.ndim <= 2:
            _check_no_date_objects(name, value)
        elif value.dtype.kind in "mM":
            raise _dates(name, value.dtype, "")
        return
    if callable(getattr(value, "collect", None)) and not hasattr(value, "__len__"):
        raise TypeError(
            f"{name} must be numbers, got a {type(value).__name__}, which is yet to be computed: "
            f"pass {name}.collect()"
        )
    dtypes = _dtypes(value)
    for dtype in dict.fromkeys(dtypes):
        if _of_dates(dtype):
            raise _dates(name, dtype, _where(_labels(value)[dtypes.index(dtype)]))
        if _of_objects(dtype):
            labels = _labels(value)
            for at in (i for i, other in enumerate(dtypes) if _of_objects(other)):
                column = np.asarray(_column(value, at), dtype=object)
                _check_no_date_objects(name, column, labels[at])


def _of_numbers(value: list | tuple) -> bool:
    """Whether a list, or a list of lists, is of plain numbers: known without an array of it."""
    kinds = set(map(type, value))
    if kinds <= {list, tuple}:
        kinds = set(map(type, chain.from_iterable(value)))
    return kinds <= NUMBER_TYPES


def _check_no_date_objects(name: str, objects: NDArray, label: Any = None) -> None:
    if not any(issubclass(kind, DATE_TYPES) for kind in set(map(type, objects.flat))):
        return
    at, item = next(
        (at, item) for at, item in np.ndenumerate(objects) if isinstance(item, DATE_TYPES)
    )
    label = at[1] if objects.ndim == 2 else label
    raise _dates(name, f"{type(item).__name__} objects", _where(label))


def _dates(name: str, got: Any, where: str) -> TypeError:
    return TypeError(f"{name} must be numbers, got {got}{where}: {AS_NUMBERS}")


def _where(label: Any) -> str:
    return "" if label is None else f" in column {label!r}"


def _dtypes(value: Any) -> list:
    """The dtypes of a frame's or a table's columns; that of a series, which is one."""
    if hasattr(value, "column_names") and hasattr(value, "schema"):  # Arrow's
        return [field.type for field in value.schema]
    if hasattr(value, "columns") and hasattr(value, "__array__"):
        dtypes = getattr(value, "dtypes", ())  # which pandas makes anew each time
        return dtypes.tolist() if hasattr(dtypes, "tolist") else list(dtypes)
    return [getattr(value, "dtype", getattr(value, "type", None))]


def _labels(value: Any) -> list:
    """The names of those columns; None for one without."""
    if hasattr(value, "columns"):
        return list(value.column_names if hasattr(value, "column_names") else value.columns)
    name = getattr(value, "name", None)
    return [name if isinstance(name, str) and name else None]


def _of_dates(dtype: Any) -> bool:
    """Whether a dtype of whatever library is one of dates, or of categories that are dates."""
    inner = getattr(getattr(dtype, "categories", None), "dtype", dtype)
    return str(inner).lower().removeprefix("sparse[").startswith(DATE_NAMES)


def _of_objects(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def _column(value: Any, at: int) -> Any:
    if hasattr(value, "iloc"):
        return value.iloc[:, at] if value.ndim == 2 else value
    for method in ("to_series", "column"):  # Polars' frames, Arrow's tables
        if hasattr(value, "columns") and hasattr(value, method):
            return getattr(value, method)(at)
    return value


# --- after the fact: which column an error is about -------------------------------------------


@contextmanager
def explained(*, as_note: bool = True, **data: Any) -> Iterator[None]:
    """Errors of scikit-learn's validation say where in the data they come from, and what to do.

    An integer too large for a float, which Python refuses in words of its own, is a ValueError.

    Parameters
    ----------
    as_note : bool, default=True
        Whether all that is said, but of text among numbers, is a note below the error's own
        words, which are scikit-learn's: its tests, and others', compare them.
    **data : array-likes
        What is validated, under the names that errors call it by.
    """
    try:
        yield
    except OverflowError:
        where = [_too_large(name, value) for name, value in data.items()]
        raise ValueError(next(filter(None, where), TOO_LARGE_INTEGER)) from None
    except (ValueError, TypeError) as error:
        words = str(error)
        try:
            said, in_its_words = _said(words, data)
        except Exception:  # data that cannot be looked at twice
            said, in_its_words = "", False
        if said and as_note and not in_its_words:
            error.add_note(said)
        elif said:
            error.args = (f"{words}\n{said}",)
        raise


def _said(words: str, data: dict[str, Any]) -> tuple[str, bool]:
    """What is said of an error with these words, and whether in its words, not in a note."""
    for name, value in data.items():
        if f"{name} contains NaN" in words or f"{name} contains infinity" in words:
            return _not_finite(name, value) or TOO_LARGE.format(name), False
        if "Found array with dim" in words and name in ROWS_OF and np.ndim(value) > 2:
            shape = np.shape(value)
            rows = f"{name}.reshape({shape[0]}, -1) makes every {ROWS_OF[name]} a row"
            return f"{name} has the shape {shape}: {rows}", False
        if any(part in words for part in NOT_CONVERTED):
            said, in_its_words = _no_number(name, value)
            if said:
                return said, in_its_words
    return "", False


def _labelled(value: Any) -> tuple[list | None, Callable[[int], Any], int]:
    """Names of the columns or None, what gives a column, and how many there are; 0 for a vector."""
    is_frame = hasattr(value, "columns")
    if isinstance(value, np.ndarray) or not (is_frame or hasattr(value, "dtype")):
        array = value if isinstance(value, np.ndarray) else np.asarray(value, dtype=object)
        if array.ndim == 2:
            return None, lambda at: array[:, at], array.shape[1]
        return None, lambda at: array, 0
    labels = _labels(value)
    return labels, lambda at: _column(value, at), len(labels) if is_frame else 0


def _no_number(name: str, value: Any) -> tuple[str, bool]:
    """Where the first item stands that is no number, and whether to say it in the error's words.

    That is for text among numbers, or in columns with names: where all of an array is text, there
    is no column to tell from the others.
    """
    labels, column, n_columns = _labelled(value)
    bad = [at for at in range(max(1, n_columns)) if not _converts(column(at))]
    if not bad:
        return "", False
    row, item = next(
        (row, item)
        for row, item in enumerate(np.asarray(column(bad[0]), dtype=object).tolist())
        if not _is_number(item)
    )
    is_text = isinstance(item, str | bytes)
    kind = "text" if is_text else "no number"
    where = _where(labels[bad[0]] if labels else bad[0] if n_columns else None)
    advice = FILL if is_missing(item) else ENCODE if name == "X" else CLASSES
    said = f"{name} has {kind}{where}, {item!r} in row {row}: {advice}"
    return said, is_text and (labels is not None or len(bad) != n_columns)


def _too_large(name: str, value: Any) -> str:
    """Where the first integer stands that no float can hold."""
    labels, column, n_columns = _labelled(value)
    for at in range(max(1, n_columns)):
        for row, item in enumerate(np.asarray(column(at), dtype=object).tolist()):
            if isinstance(item, int) and abs(item) > MOST:
                where = _where(labels[at] if labels else at if n_columns else None)
                return f"{name} has an integer too large for a float{where}, in row {row}: scale it"
    return ""


def _converts(items: Any) -> bool:
    try:
        np.asarray(items, dtype=np.float64)
    except (ValueError, TypeError):
        return False
    return True


def _is_number(item: Any) -> bool:
    try:
        float(item)
    except (ValueError, TypeError):
        return False
    return True


def is_missing(item: Any) -> bool:
    """Whether an object stands for nothing, in Python or in pandas; NaN is a number."""
    return item is None or type(item).__name__ in ("NAType", "NaTType")


def _not_finite(name: str, value: Any) -> str:
    """Where the first NaN or infinity stands."""
    if hasattr(value, "tocoo"):
        coo = value.tocoo()
        at = int(np.flatnonzero(~np.isfinite(coo.data))[0])
        return _cell(name, coo.data[at], int(coo.row[at]), int(coo.col[at]))
    named = _labels(value) if hasattr(value, "columns") else None
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    for first in range(0, len(array), ROWS_AT_ONCE):
        some = _as_floats(array[first : first + ROWS_AT_ONCE])
        bad = np.argwhere(~np.isfinite(some))
        if len(bad):
            row, *column = bad[0].tolist()
            label = (named[column[0]] if named else column[0]) if column else None
            return _cell(name, some[tuple(bad[0])], first + row, label)
    return ""


def _as_floats(array: NDArray) -> NDArray:
    if array.dtype.kind != "O":
        return array.astype(np.float64)
    items = [np.nan if is_missing(item) else float(item) for item in array.flat]
    return np.array(items).reshape(array.shape)


def _cell(name: str, item: Any, row: int, label: Any) -> str:
    what = "NaN" if np.isnan(item) else "infinity"
    return f"{name} has {what}{_where(label)}, in row {row}: {FILL}"
