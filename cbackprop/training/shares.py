"""Which rows does each rank bring to a mini-batch?

All rows stand in one order in which the ranks' rows alternate as evenly as their numbers allow: row
i of a rank with n rows stands at (i + 1/2) / n. Mini-batches are cut off this order as one process
would cut them, so that each rank brings n / N of every mini-batch, to the nearest row or the next.
Within a mini-batch the rows of rank 0 come first. A process alone that has the rows in this order
makes the same steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

STEPS_AT_ONCE = 4096


def bounds_of_steps(sizes: Sequence[int], batch_size: int) -> NDArray[np.int64]:
    """Where each rank's rows of a step begin, and behind the last step end: (n_steps + 1, n_ranks).

    Examples
    --------
    >>> from cbackprop.training.shares import bounds_of_steps
    >>> bounds_of_steps([6, 3], 4).tolist()
    [[0, 0], [3, 1], [5, 3], [6, 3]]
    """
    n = np.array(sizes, dtype=np.int64)
    total = int(n.sum())
    ends = np.minimum(np.arange(-(-total // batch_size) + 1, dtype=np.int64) * batch_size, total)
    parts = [
        _counts(n, ends[first : first + STEPS_AT_ONCE])
        for first in range(0, len(ends), STEPS_AT_ONCE)
    ]
    return np.concatenate(parts)


def order_of_rows(sizes: Sequence[int], batch_size: int) -> NDArray[np.int64]:
    """Places among all ranks' rows, one rank's behind the other's, in the order of the steps.

    Examples
    --------
    >>> from cbackprop.training.shares import order_of_rows
    >>> order_of_rows([6, 3], 4).tolist()
    [0, 1, 2, 6, 3, 4, 7, 8, 5]
    """
    bounds = bounds_of_steps(sizes, batch_size)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.concatenate(
        [
            np.arange(start + first, start + last)
            for begin, end in pairwise(bounds)
            for start, first, last in zip(starts, begin, end, strict=True)
        ]
    )


def _counts(n: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the first `ends` rows in the order, how many are each rank's (len(ends), n_ranks)."""
    at = np.minimum((ends[:, np.newaxis] / max(1, n.sum()) * n + 0.5).astype(np.int64), n)
    many = np.maximum(n, 1)
    while (off := ends - at.sum(axis=1)).any():
        steps = np.arange(len(ends))
        if (off > 0).any():  # next is the smallest place, of equals the first rank's
            nexts = np.where(at < n, (at + 0.5) / many, np.inf)
            at[steps[off > 0], nexts.argmin(axis=1)[off > 0]] += 1
        if (off < 0).any():
            lasts = np.where(at > 0, (at - 0.5) / many, -np.inf)
            last = len(n) - 1 - lasts[:, ::-1].argmax(axis=1)
            at[steps[off < 0], last[off < 0]] -= 1
    return at
