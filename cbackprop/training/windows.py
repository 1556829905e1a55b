"""How are rows shuffled that are read from a file: in stretches, of which some are mixed?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine.shuffle import shuffle

STRETCHES = 16  # in a window


def shuffle_rows(
    rng: np.random.RandomState, order: NDArray[np.intp], window: int | None = None
) -> None:
    """Shuffle in place: all rows, or within windows that are made of stretches of the file.

    What fits into one window is shuffled as if there were none.
    """
    if window is None or order.size <= window:
        # The swaps that sklearn.utils.shuffle makes, on the order before.
        shuffle(rng, order)
        return
    order.sort()  # as the rows lie
    length = max(1, window // STRETCHES)
    starts = np.arange(0, order.size, length)
    shuffle(rng, starts)
    mixed = np.concatenate([order[start : start + length] for start in starts])
    for first in range(0, order.size, window):
        shuffle(rng, mixed[first : first + window])
    order[...] = mixed
