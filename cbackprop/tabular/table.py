"""What are the columns of a table: numbers or categories, and as which arrays?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing, check_array

from cbackprop.running.rows import Rows
from cbackprop.validation.columns import check_no_dates, is_missing

TEXT_AMONG_NUMBERS = (
    "make it one of them: pd.to_numeric(column, errors='coerce') makes holes of what is no number, "
    "column.astype(str) makes text of all"
)


class Column(NamedTuple):
    """A column: floats with NaN for holes, or objects with None for holes."""

    label: Any  # its name; or its number, where columns have none
    is_category: bool
    values: NDArray
    whole: NDArray | None = None  # the integers themselves, where floats do not tell them apart

    def of(self, rows: NDArray[np.intp]) -> Column:
        """The column of these rows."""
        whole = None if self.whole is None else self.whole[rows]
        return self._replace(values=self.values[rows], whole=whole)

    def items(self) -> NDArray:
        """Its values as objects, None for holes."""
        if self.is_category:
            return self.values
        objects = (self.values if self.whole is None else self.whole).astype(object)
        objects[np.isnan(self.values)] = None
        return objects


def as_table(X: Any) -> Any:
    """A frame as it is, anything else as an array of two dimensions; checked, but for its items.

    A list of rows is an array of objects: its numbers stay numbers beside text.

    Raises
    ------
    TypeError
        For dates, with the column's name, for sparse matrices, and for `Rows`.
    ValueError
        For what has not two dimensions, or no rows, or two columns of one name.
    """
    if isinstance(X, Rows):
        raise TypeError(
            "X must be a table that the memory holds, got Rows: these are for MLPClassifier, "
            "MLPRegressor and Network"
        )
    check_no_dates("X", X)
    if not _is_frame(X):
        given = np.array(X, dtype=object) if isinstance(X, list | tuple) else _unmasked(X)
        return check_array(given, dtype=None, ensure_all_finite=False)
    labels = _labels(X)
    if twice := [label for label, n in Counter(labels).items() if n > 1]:
        raise ValueError(f"X has more than one column {twice[0]!r}: give each a name of its own")
    for what, n in (("feature", len(labels)), ("sample", len(X))):
        if n == 0:
            raise ValueError(f"0 {what}(s) (shape={X.shape}) while a minimum of 1 is required.")
    return X


def _unmasked(X: Any) -> Any:
    """What is masked becomes a hole: what lies below is no value."""
    if not (isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X)):
        return X
    values = np.array(X.data, dtype=X.dtype if X.dtype.kind == "f" else object)
    values[np.ma.getmaskarray(X)] = None  # NaN among floats
    return values


def rows_of(table: Any, rows: NDArray[np.intp]) -> Any:
    """These rows of a table as `as_table` leaves it."""
    return _safe_indexing(table, rows)


def columns_of(X: Any) -> list[Column]:
    """The columns of a frame or an array of two dimensions, categories and numbers by their dtypes.

    Raises
    ------
    TypeError, ValueError
        As `as_table`, and for text among numbers, with the column's name.
    """
    table = as_table(X)
    if _is_frame(table):
        return _of_frame(table)
    return [column_of(label, table[:, label]) for label in range(table.shape[1])]


class Stacked(NamedTuple):
    """A table, and perhaps another one below it: of any kinds that `columns_of` takes."""

    upper: Any
    lower: Any | None

    def columns(self, rows: NDArray[np.intp]) -> list[Column]:
        """The columns of both, of these rows."""
        columns = columns_of(self.upper)
        if self.lower is not None:
            columns = list(map(_below, columns, columns_of(self.lower)))
        return [column.of(rows) for column in columns]


def _below(upper: Column, lower: Column) -> Column:
    """One column of two; a category if one of them is, whose dtype says so or what it holds."""
    if _is_bare(upper) or _is_bare(lower):
        upper, lower = _as_its_like(upper, lower), _as_its_like(lower, upper)
    if upper.is_category or lower.is_category:
        upper, lower = as_category(upper), as_category(lower)
    whole = None
    if upper.whole is not None or lower.whole is not None:
        whole = np.concatenate([upper.items(), lower.items()])
    return upper._replace(values=np.concatenate([upper.values, lower.values]), whole=whole)


@contextmanager
def naming_what_to_do(known: NDArray | None, columns: list[Column]) -> Iterator[None]:
    """What scikit-learn says of other columns than those of `fit`, and what can be done."""
    try:
        yield
    except ValueError as error:
        names = [] if known is None else known.tolist()
        labels = [column.label for column in columns]
        more = [label for label in labels if label not in names]
        absent = [name for name in names if name not in labels]
        if absent:
            remedy = f"add the column {absent[0]!r}, of missing values where nothing is known"
        elif more:
            remedy = f"leave out the column {more[0]!r}: X[model.feature_names_in_]"
        else:
            at = next(i for i, label in enumerate(labels) if label != names[i])
            was = f"column {at} is {labels[at]!r} and was {names[at]!r}"
            remedy = f"{was}: put them in order, X[model.feature_names_in_]"
        raise ValueError(f"{error}\n{remedy}") from None


def _labels(frame: Any) -> list:
    return list(getattr(frame, "column_names", frame.columns))


def _is_frame(X: Any) -> bool:
    # The class is asked first: pandas makes its dtypes anew for each who asks.
    return hasattr(X, "columns") and any(
        hasattr(one, name) for one in (type(X), X) for name in ("dtypes", "schema")
    )


def _of_frame(X: Any) -> list[Column]:
    try:
        import narwhals.stable.v2 as nw
    except ImportError as error:
        raise ImportError('data frames need narwhals: pip install "cbackprop[tables]"') from error
    labels, plain = _labels(X), _plain_numbers(X)
    if len(plain) == len(labels):
        return [Column(label, False, *plain[i]) for i, label in enumerate(labels)]
    others = X if not plain else X.iloc[:, [i for i in range(len(labels)) if i not in plain]]
    frame = nw.from_native(others, eager_only=True)
    others = frame.iter_columns()
    columns = []
    for i, label in enumerate(labels):
        if i in plain:
            columns.append(Column(label, False, *plain[i]))
            continue
        series = next(others)
        if series.dtype.is_numeric():
            columns.append(_of_numbers(label, series, nw.Float64))
        else:
            objects = np.empty(len(frame), dtype=object)
            objects[:] = series.to_list()
            text = isinstance(series.dtype, nw.String | nw.Categorical | nw.Enum | nw.Boolean)
            column = column_of(label, objects)
            columns.append(as_category(column) if text else column)
    return columns


def _of_numbers(label: Any, series: Any, floats: Any) -> Column:
    """A column of a narwhals series of numbers."""
    try:
        values = np.asarray(series.cast(floats).to_numpy(), dtype=np.float64)
    except ValueError:  # Arrow casts no integer that would be rounded
        if not series.dtype.is_integer():
            raise
    else:
        if not (series.dtype.is_integer() and are_far(values)):
            return Column(label, False, values)
    whole = np.array(series.to_list(), dtype=object)
    whole[holes(whole)] = None
    return Column(label, False, whole.astype(np.float64), whole)


def _plain_numbers(X: Any) -> dict[int, tuple[NDArray, NDArray | None]]:
    """The columns of a pandas frame that are NumPy's numbers, by their place: all at once.

    As `Column` has them: floats, and whole numbers where these are needed.
    """
    if not hasattr(X, "iloc"):
        return {}
    kinds = [dtype.kind if isinstance(dtype, np.dtype) else "" for dtype in X.dtypes.tolist()]
    at = [i for i, kind in enumerate(kinds) if kind and kind in "iuf"]
    some = X if len(at) == len(kinds) else X.iloc[:, at]
    values = some.to_numpy(dtype=np.float64) if at else np.empty((0, 0))
    far = are_far(values)
    return {
        place: (
            values[:, i],
            X.iloc[:, place].to_numpy()
            if far and kinds[place] != "f" and are_far(values[:, i])
            else None,
        )
        for i, place in enumerate(at)
    }


def column_of(label: Any, values: NDArray) -> Column:
    """A column of an array, by its dtype; of objects, by what they are."""
    if values.dtype.kind in "iuf":
        floats = np.asarray(values, dtype=np.float64)  # a view, if it is of them: nobody writes
        is_whole = values.dtype.kind != "f" and are_far(floats)
        return Column(label, False, floats, values if is_whole else None)
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: column {label!r} has {values.dtype}")
    objects = values.astype(object)  # a copy
    objects[holes(objects)] = None
    kinds = {_kind(item) for item in objects.tolist() if item is not None}
    if kinds <= {"number"}:
        try:
            floats = np.array(objects, dtype=np.float64)
        except OverflowError:
            raise ValueError(
                f"column {label!r} has an integer too large for a float: divide it, or make text "
                "of it"
            ) from None
        return Column(label, False, floats, objects if are_far(floats) else None)
    if len(kinds) > 1 or "other" in kinds:
        shown = {
            kind: next(x for x in objects if x is not None and _kind(x) == kind) for kind in kinds
        }
        some = " and ".join(repr(shown[kind]) for kind in sorted(shown))
        raise TypeError(
            f"column {label!r} must hold numbers or text, got {some}: {TEXT_AMONG_NUMBERS}"
        )
    return Column(label, True, objects)


def are_far(floats: NDArray) -> bool:
    """Whether some are so far from 0 that integers there may be the same float."""
    return bool((np.abs(floats) >= 2.0**53).any())


def _kind(item: Any) -> str:
    if isinstance(item, bool | np.bool_):
        return "truth"
    if isinstance(item, Real):
        return "number"
    return "text" if isinstance(item, str) else "other"


def holes(objects: NDArray) -> NDArray[np.bool_]:
    """Which items are missing: None, NaN and what else pandas has for it."""
    return np.array(
        [is_missing(x) or (isinstance(x, Real) and x != x) for x in objects], dtype=bool
    )


def as_category(column: Column) -> Column:
    """The column as categories, also if it holds numbers."""
    return column if column.is_category else Column(column.label, True, column.items())


def _is_bare(column: Column) -> bool:
    """Whether it is of text or the like by its dtype alone, as pandas has it: all are holes."""
    return column.is_category and _first(column.values) is None


def _as_its_like(column: Column, other: Column) -> Column:
    """Holes of the kind that the other column is of."""
    if other.is_category or not _is_bare(column):
        return column
    return Column(column.label, False, np.full(len(column.values), np.nan))


def finite(column: Column) -> Column:
    """A column of numbers without infinities."""
    bad = np.isinf(column.values)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"column {column.label!r} has infinity in row {row}: replace it, by NaN for example"
        )
    return column


def as_numbers(column: Column) -> Column:
    """A column that was of numbers in `fit`; holes alone have no kind, whatever their dtype."""
    if _is_bare(column):
        return Column(column.label, False, np.full(len(column.values), np.nan))
    if column.is_category:
        item = _first(column.values)
        raise ValueError(
            f"column {column.label!r} had numbers in fit, and now holds {item!r}: fit anew, or "
            "convert it"
        )
    return finite(column)


def of_same_kind(column: Column, known: NDArray) -> Column:
    """A column of categories that are text, or are not, as those of `fit` were."""
    item = _first(column.values)
    if item is not None and len(known) and isinstance(item, str) != isinstance(known[0], str):
        had = "numbers" if isinstance(item, str) else "text"
        raise ValueError(
            f"column {column.label!r} had categories in fit that are {had}, as {known[0]!r}, and "
            f"now holds {item!r}: fit anew, or convert it"
        )
    return column


def _first(objects: NDArray) -> Any:
    """The first that is no hole; else None."""
    return next((item for item in objects if item is not None), None)


def chosen(given: Any, labels: Sequence[Any]) -> NDArray[np.bool_]:
    """The columns that `categorical_features` names: as a mask, by number or by name.

    Raises
    ------
    ValueError, TypeError
    """
    listed = np.asarray(given)
    n = len(labels)
    if listed.ndim != 1:
        raise ValueError(f"categorical_features must be a list, got {given!r}")
    if listed.size and all(isinstance(entry, bool) for entry in listed.tolist()):
        if listed.size != n:
            raise ValueError(
                f"categorical_features must have an entry for each of the {n} columns, got "
                f"{listed.size}"
            )
        return listed.astype(bool)
    mask = np.zeros(n, dtype=bool)
    for entry in listed.tolist():
        if isinstance(entry, str) and entry in labels:
            mask[list(labels).index(entry)] = True
        elif isinstance(entry, int) and not isinstance(entry, bool) and 0 <= entry < n:
            mask[entry] = True
        else:
            raise ValueError(
                f"categorical_features names {entry!r}, and the columns are {list(labels)[:20]}"
            )
    return mask
