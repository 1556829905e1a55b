"""How are all columns of numbers encoded at once, a single row in microseconds?"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from cbackprop.tabular.numbers import FAR

NUMBERS_AT_ONCE = 2**16  # of a block of rows: what is computed on the way stays in the cache

# What was made of an encoder, and of which of its attributes. It is no part of the encoder.
_made: WeakKeyDictionary[Any, tuple[tuple, AtOnce]] = WeakKeyDictionary()


def numbers_of(encoder: Any) -> AtOnce:
    """That of a fitted encoder."""
    known = _made.get(encoder)
    parts = encoder.medians_, encoder.factors_, encoder.has_holes_, encoder.edges_
    if known is None or any(a is not b for a, b in zip(known[0], parts, strict=True)):
        known = _made[encoder] = parts, AtOnce(*parts)
    return known[1]


class AtOnce:
    """Columns side by side: scaled numbers, the pieces of each, and where there are holes.

    Bit for bit what `cbackprop.tabular.numbers` makes of one column after the other.
    """

    def __init__(
        self, centers: NDArray, factors: NDArray, has_holes: NDArray, edges: list[NDArray]
    ):
        self.centers, self.factors = centers, factors
        self.with_holes = np.flatnonzero(has_holes)
        n_pieces = [max(0, each.size - 1) for each in edges]
        self.sources = np.repeat(np.arange(len(n_pieces)), n_pieces)
        some = [each for each in edges if each.size > 1]
        self.starts = np.concatenate([each[:-1] for each in some] or [np.empty(0)])
        self.steps = np.concatenate([np.diff(each) for each in some] or [np.empty(0)])
        self.low, self.high = np.zeros(self.starts.size), np.ones(self.starts.size)
        last = np.cumsum([each.size - 1 for each in some], dtype=np.intp) - 1
        self.high[last] = np.inf
        self.low[np.concatenate([[0], last[:-1] + 1])[: len(some)].astype(np.intp)] = -np.inf
        self.n_columns = centers.size
        self.n_numbers = self.n_columns + self.sources.size
        self.width = self.n_numbers + self.with_holes.size

    def into(self, out: NDArray, values: NDArray) -> None:
        """Encode float64 values (n, n_columns), NaN for holes, into columns (n, width)."""
        step = max(1, NUMBERS_AT_ONCE // max(1, self.width))
        for first in range(0, len(values), step):
            self._block(out[first : first + step], values[first : first + step])

    def _block(self, out: NDArray, values: NDArray) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            z = values - self.centers
            z *= self.factors
        z[np.isnan(z)] = 0.0
        np.minimum(np.maximum(z, -FAR, out=z), FAR, out=z)
        square = z / 3.0
        square *= square
        square += 1.0
        z /= np.sqrt(square, out=square)
        out[:, : self.n_columns] = z
        if self.sources.size:
            encoded = z.take(self.sources, axis=1)
            encoded -= self.starts
            encoded /= self.steps
            np.maximum(encoded, self.low, out=encoded)
            np.minimum(encoded, self.high, out=encoded)
            out[:, self.n_columns : self.n_numbers] = encoded
        if self.with_holes.size:
            out[:, self.n_numbers : self.width] = np.isnan(values[:, self.with_holes])
