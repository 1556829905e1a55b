"""How are columns of numbers scaled, and what is their piecewise-linear encoding?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FAR = 1e100  # scaled numbers beyond are the same: their squares are numbers, too
MOST_EDGES = 65
LIMIT = 3.0  # of scaled numbers
MOST_TIMES = 1024.0  # its length that an outer piece may be gone on with


def center_and_factor(values: NDArray) -> tuple[float, float]:
    """Median, and 1 / (q75 - q25); 2 / (max - min) where that is 0, and 0 for a constant.

    Holes (NaN) are passed over. Holzmueller and others (2024), arXiv:2407.04491, section 3.
    """
    known = values[~np.isnan(values)]
    if known.size == 0:
        return 0.0, 0.0
    # Numbers may be so far apart that their distance is none: that of their quarters is.
    with np.errstate(over="ignore"):
        unit = 1.0 if np.isfinite(known.max() - known.min()) else 0.25
    known = known * unit
    low, center, high = np.quantile(known, [0.25, 0.5, 0.75])
    for distance, times in ((high - low, 1.0), (known.max() - known.min(), 2.0)):
        if distance > 0.0:
            with np.errstate(over="ignore"):
                factor = times / distance * unit
            return float(center / unit), float(factor) if np.isfinite(factor) else 0.0
    return float(center / unit), 0.0


def scaled(values: NDArray, center: float, factor: float) -> NDArray:
    """c((x - center) factor), c(z) = z / sqrt(1 + (z / 3)^2), within (-3, 3); 0 for NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        z = (values - center) * factor
    z = np.clip(np.where(np.isnan(z), 0.0, z), -FAR, FAR)
    return z / np.sqrt(1.0 + (z / 3.0) ** 2)


def edges_of(values: NDArray, most: int = MOST_EDGES) -> NDArray:
    """Edges of a column's pieces: all distinct values if there are few enough.

    Else half of them are quantiles of the rows and half quantiles of the distinct values, so that
    a column whose values are mostly the same has edges where it differs.
    """
    distinct = np.unique(values)
    if distinct.size <= most:
        return _with_room(distinct, most)
    shares = np.linspace(0.0, 1.0, most // 2 + 1)
    edges = np.concatenate([np.quantile(values, shares), np.quantile(distinct, shares)])
    return _with_room(np.unique(edges), most)


def _with_room(edges: NDArray, most: int) -> NDArray:
    """The edges, and an end of what there can be, where the line of a tiny piece would lead there.

    Two numbers that rounding alone tells apart would otherwise say how steep it goes on.
    """
    if edges.size < 2:
        return edges
    (first, *_, last) = np.diff(edges)[[0, -1]] * MOST_TIMES
    below = [-LIMIT] if edges[0] + LIMIT > first else []
    above = [LIMIT] if LIMIT - edges[-1] > last else []
    for _ in range(edges.size + len(below) + len(above) - most):
        inner = np.diff(edges[1:-2])  # without the outer pieces
        edges = np.delete(edges, 2 + int(np.argmin(inner)))
    return np.concatenate([below, edges, above]).astype(edges.dtype, copy=False)


def pieces(values: NDArray, edges: NDArray) -> NDArray:
    """The piecewise-linear encoding (n, number of edges - 1) of values (n,).

    Component t is (x - b_t) / (b_(t+1) - b_t) for edges b, kept in [0, 1]; the first is not kept
    from below, nor the last from above. Gorishniy, Rubachev and Babenko (2022), arXiv:2203.05556.
    """
    if edges.size < 2:
        return np.empty((values.size, 0))
    encoded = (values[:, np.newaxis] - edges[:-1]) / np.diff(edges)
    low = np.zeros(edges.size - 1)
    high = np.ones(edges.size - 1)
    low[0], high[-1] = -np.inf, np.inf
    return np.clip(encoded, low, high)
