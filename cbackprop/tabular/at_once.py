"""How are all columns of numbers encoded at once, a single row in microseconds?"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine.encoding import Encoding

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
        pieces = self.sources, self.starts, self.steps, self.low, self.high
        self._encoding = Encoding(centers, factors, *pieces, self.with_holes)

    def into(self, out: NDArray, values: NDArray) -> bool:
        """Encode float64 values (n, n_columns), NaN for holes, into columns (n, width).

        False, with `out` half done, if one of the values is infinite.
        """
        whole = out if out.flags.c_contiguous else np.empty(out.shape, dtype=out.dtype)
        finite = self._encoding.into(whole, values)
        if whole is not out:
            out[...] = whole
        return finite
