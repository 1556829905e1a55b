"""How do categories become numbers: which are known, and what stands for the others?"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.tabular.table import Column


def known_values(column: Column, most: int | None = None) -> NDArray:
    """The distinct values of a column of categories in order, holes left out.

    The `most` frequent of them; among those that are there equally often, the first in order.
    """
    times = Counter(column.values.tolist())
    times.pop(None, None)
    present = sorted(times)
    if most is not None and len(present) > most:
        present = sorted(sorted(present, key=lambda value: -times[value])[:most])
    values = np.empty(len(present), dtype=object)
    values[:] = present
    return values


def codes_of(column: Column, known: NDArray) -> NDArray[np.intp]:
    """1, 2, ... for the known values; 0 for holes and for what is not known."""
    code: dict[Any, int] = {value: i for i, value in enumerate(known.tolist(), start=1)}
    return np.array([code.get(item, 0) for item in column.values.tolist()], dtype=np.intp)


def one_hot(codes: NDArray, n_values: int) -> NDArray:
    """A column of 0 and 1 for each value; one of +1 and -1 for two values, 0 for neither.

    One value: +1, and -1 where it is not.
    """
    if n_values == 1:
        return np.where(codes == 1, 1.0, -1.0)[:, np.newaxis]
    if n_values == 2:
        return np.choose(codes, [0.0, 1.0, -1.0])[:, np.newaxis]
    return (codes[:, np.newaxis] == np.arange(1, n_values + 1)).astype(np.float64)


def n_columns(n_values: int) -> int:
    """Columns that `one_hot` makes."""
    return 1 if n_values == 2 else n_values
