"""How do categories become numbers: which are known, and what stands for the others?"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

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


class Spread(NamedTuple):
    """Columns that are 0 but where a row has their value: the codes, and what stands there."""

    codes: NDArray[np.intp]
    on: NDArray[np.float32]

    def into(self, out: NDArray) -> None:
        """Write it into columns of zeros (n, values)."""
        rows = np.flatnonzero(self.codes)
        at = self.codes[rows] - 1
        out[rows, at] = self.on[at]

    def as_csr(self) -> sparse.csr_array:
        there = self.codes > 0
        at = self.codes[there] - 1
        starts = np.concatenate([[0], np.cumsum(there)])
        return sparse.csr_array((self.on[at], at, starts), shape=(len(there), len(self.on)))


def indicators(codes: NDArray, n_values: int) -> NDArray:
    """One column (n, 1), of one value or two: +1 for the first, -1 for the second, 0 for neither.

    Where there is one value, -1 is what is not it.
    """
    values = [-1.0, 1.0] if n_values == 1 else [0.0, 1.0, -1.0]
    return np.take(values, codes)[:, np.newaxis]


def factor_of(n_ones: int, n: int) -> float:
    """1 / (q75 - q25) of n_ones ones and else zeros; 2 where that is nothing, 0 for a constant."""
    low, high = (np.clip(q * (n - 1) - (n - n_ones - 1), 0.0, 1.0) for q in (0.25, 0.75))
    if high > low:
        return float(1.0 / (high - low))
    return 2.0 if 0 < n_ones < n else 0.0


def n_columns(n_values: int) -> int:
    """Columns of a category: one for each value, but one for two."""
    return 1 if n_values == 2 else n_values
