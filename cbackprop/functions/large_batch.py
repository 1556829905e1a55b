"""The rate of large mini-batches, as several machines make them: scaled, and warmed up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.files.values import kept_by_fields
from cbackprop.functions.schedules import Schedule
from cbackprop.validation.checks import check_number, check_option

POWERS = {"sqrt": 0.5, "linear": 1.0}


class LargeBatch(Schedule):
    """For a mini-batch several times as large as the one that the rate was found with.

    The factor rises evenly from 1 to ``sqrt(times)`` or `times` in the warm-up, and falls then
    along half a cosine to a share of that, or stays.

    Parameters
    ----------
    times : float
        How many times as many rows a mini-batch has, > 0: the number of ranks, if each keeps the
        rows that a mini-batch had on one.
    rule : {'sqrt', 'linear'}, default='sqrt'
        The square root suits Adam and its like; 'linear' plain SGD.
    warmup : float, default=0.05
        The share of the fit, in [0, 1), in which the factor rises.
    floor : float, default=1.0
        What it falls to at the end, in [0, 1], as a share of the largest factor.

    References
    ----------
    Goyal and others (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour",
    arXiv:1706.02677: the linear rule, and the warm-up. Malladi, Lyu, Panigrahi and Arora (2022),
    "On the SDEs and scaling rules for adaptive gradient algorithms", arXiv:2205.10287: the root.

    Examples
    --------
    >>> from cbackprop.schedules import LargeBatch
    >>> LargeBatch(16, warmup=0.5, floor=0.0)([0.0, 0.25, 0.5, 0.75, 1.0]).round(12).tolist()
    [1.0, 2.5, 4.0, 2.0, 0.0]
    >>> float(LargeBatch(16, rule="linear")(1.0))
    16.0
    """

    def __init__(
        self, times: float, *, rule: str = "sqrt", warmup: float = 0.05, floor: float = 1.0
    ):
        super().__init__(warmup=warmup)
        self.times = check_number("times", times, 0.0, np.inf, open_low=True, open_high=True)
        self.rule = check_option("rule", rule, POWERS)
        self.floor = check_number("floor", floor, 0.0, 1.0)

    def __call__(self, t: Any) -> NDArray:
        """The factors at these times.

        Parameters
        ----------
        t : array-like
            Times in [0, 1].

        Returns
        -------
        ndarray of the same shape
            The factors.
        """
        t = np.asarray(t, dtype=np.float64)
        largest = self.times ** POWERS[self.rule]
        since = np.maximum(t - self.warmup, 0.0) / (1.0 - self.warmup)
        after = self.floor + (1.0 - self.floor) * 0.5 * (1.0 + np.cos(np.pi * since))
        risen = np.minimum(t / self.warmup, 1.0) if self.warmup else 1.0
        return np.where(t < self.warmup, 1.0 + (largest - 1.0) * risen, largest * after)

    def __repr__(self) -> str:
        return (
            f"LargeBatch({self.times!r}, rule={self.rule!r}, warmup={self.warmup!r}, "
            f"floor={self.floor!r})"
        )


KINDS = (kept_by_fields(LargeBatch),)
