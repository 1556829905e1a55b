"""Averages of a fit's parameters over its epochs: which ones are kept, and what is their mean?"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Kept = tuple[NDArray, ...]  # not changed: an interrupt finds those of one moment


class Averaging(Protocol):
    """A way to average parameters, an epoch at a time."""

    def after(self, kept: Kept, parameters: NDArray) -> Kept:
        """What is kept once an epoch has ended with these parameters."""

    def mean(self, kept: Kept) -> NDArray:
        """The average as it is, of the parameters' dtype."""


class EMA(NamedTuple):
    """The exponential moving average E_t = decay E_{t-1} + (1 - decay) W_t, from E_1 = W_1 on.

    W_t are the parameters after epoch t. In steps of an epoch, n to an epoch, an average that goes
    on at every step with a decay of d falls by ``d ** n``.

    It is computed as W_t + decay (E_{t-1} - W_t): what does not move, of frozen layers, keeps its
    bits.
    """

    decay: float

    def after(self, kept: Kept, parameters: NDArray) -> Kept:
        if not kept:
            return (parameters.copy(),)
        decay = parameters.dtype.type(self.decay)
        return (parameters + decay * (kept[0] - parameters),)

    def mean(self, kept: Kept) -> NDArray:
        return kept[0]


class SWA(NamedTuple):
    """The mean of the parameters after the last epochs, of all if there are fewer.

    Izmailov and others (2018), "Averaging weights leads to wider optima and better
    generalization", arXiv:1803.05407. It is computed from the differences to the first of them:
    what does not move keeps its bits.
    """

    epochs: int

    def after(self, kept: Kept, parameters: NDArray) -> Kept:
        before = kept[len(kept) - self.epochs + 1 :] if len(kept) >= self.epochs else kept
        return (*before, parameters.copy())

    def mean(self, kept: Kept) -> NDArray:
        first = kept[0].astype(np.float64)
        moved = np.mean([parameters - first for parameters in kept], axis=0)
        return (first + moved).astype(kept[0].dtype)
