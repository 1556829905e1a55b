"""The schedules of RealMLP: a rate that rises and falls in cycles, dropout and decay that end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cbackprop.files.values import kept_by_fields
from cbackprop.functions.schedules import Schedule
from cbackprop.validation.checks import check_integer, check_number


class CosineLog(Schedule):
    r"""Up from 0 to 1 and down again in cycles, each twice as long as the one before.

    :math:`\frac12 [1 - \cos(2 \pi \log_2(1 + (2^c - 1) t))]`, c being the cycles: the
    published coslog4 has four. The first step is made at a factor of 0, the last ones next to it.

    Parameters
    ----------
    cycles : int, default=4
        How many, at least 1.
    warmup : float, default=0.0
        As for `Schedule`.

    References
    ----------
    Holzmueller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", arXiv:2407.04491.

    Examples
    --------
    >>> from cbackprop.schedules import CosineLog
    >>> CosineLog()([0.0, 1 / 30, 1 / 15, 0.1, 0.2, 1.0]).round(6).tolist()
    [0.0, 0.930431, 0.0, 0.718355, 0.0, 0.0]
    """

    def __init__(self, cycles: int = 4, *, warmup: float = 0.0):
        super().__init__(warmup=warmup)
        self.cycles = check_integer("cycles", cycles, at_least=1)

    def _curve(self, t: NDArray) -> NDArray:
        cycle = np.log2(1.0 + (2.0**self.cycles - 1.0) * t)
        return np.asarray((1.0 - np.cos(2.0 * np.pi * cycle)) / 2.0)


class FlatCosine(Schedule):
    """1 at first, then down to 0 along half a cosine: for dropout and weight decay.

    Parameters
    ----------
    flat : float, default=0.5
        The share of the fit in which the factor is 1, in [0, 1).
    warmup : float, default=0.0
        As for `Schedule`.

    References
    ----------
    Holzmueller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", arXiv:2407.04491: its flat_cos.

    Examples
    --------
    >>> from cbackprop.schedules import FlatCosine
    >>> FlatCosine()([0.0, 0.5, 0.75, 1.0]).round(12).tolist()
    [1.0, 1.0, 0.5, 0.0]
    """

    def __init__(self, flat: float = 0.5, *, warmup: float = 0.0):
        super().__init__(warmup=warmup)
        self.flat = check_number("flat", flat, 0.0, 1.0, open_high=True)

    def _curve(self, t: NDArray) -> NDArray:
        down = (np.maximum(t, self.flat) - self.flat) / (1.0 - self.flat)
        return np.asarray(0.5 * (1.0 + np.cos(np.pi * down)))


KINDS = CosineLog, FlatCosine
for _kind in KINDS:
    kept_by_fields(_kind)
