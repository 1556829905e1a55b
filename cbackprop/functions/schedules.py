"""Rates that change from step to step, of learning, decay or dropout: factors, by time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cbackprop.files.values import kept_by_fields
from cbackprop.validation.checks import check_integer, check_number

Curve = Callable[[NDArray], NDArray]


class Schedule:
    """A factor for every step of a fit: of the learning rate, the weight decay, or dropout.

    Time t runs from 0 at the first step to 1, which the last step does not quite reach: it is the
    steps made over the steps of the whole fit. Call a schedule with an array of times to see it.

    Parameters
    ----------
    warmup : float, default=0.0
        The share of the fit, in [0, 1), in which the rate rises evenly from 0: the factor is
        ``t / warmup`` times what it is otherwise.
    """

    # Whether its factors depend on how long the whole fit is.
    of_the_whole: ClassVar[bool] = True

    def __init__(self, *, warmup: float = 0.0):
        self.warmup = check_number("warmup", warmup, 0.0, 1.0, open_high=True)

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
        factors = np.asarray(self._curve(t), dtype=np.float64)
        return factors * np.minimum(t / self.warmup, 1.0) if self.warmup else factors

    def factors(self, first: int, last: int, total: int | None) -> NDArray:
        """The factors of some steps of a fit.

        Parameters
        ----------
        first, last : int
            From which step to before which, the first step of the fit being 0.
        total : int or None
            Steps of the whole fit; None where it has no end, as `partial_fit`.

        Returns
        -------
        ndarray of shape (last - first,)
            The factors.

        Raises
        ------
        ValueError
            If the fit has no end and the factors depend on where it is.
        """
        if total is None:
            raise ValueError(
                f"{self!r} is a function of the share of a fit that is done, and partial_fit has "
                "no end: use fit, InverseScaling, or a constant rate"
            )
        return self(np.arange(first, last) / total)

    def _curve(self, t: NDArray) -> NDArray:
        return np.ones_like(t)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *map(str, vars(self).values())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class Constant(Schedule):
    """Always 1, after the warm-up if there is one.

    Parameters
    ----------
    warmup : float, default=0.0
        As for `Schedule`.

    Examples
    --------
    >>> from cbackprop.schedules import Constant
    >>> Constant(warmup=0.5)([0.0, 0.25, 0.5, 0.9]).tolist()
    [0.0, 0.5, 1.0, 1.0]
    """


class InverseScaling(Schedule):
    r""":math:`(1 + \text{steps})^{-\text{power}}`: of the steps made, however long the fit.

    Parameters
    ----------
    power : float, default=0.5
        At least 0.

    Examples
    --------
    >>> from cbackprop.schedules import InverseScaling
    >>> InverseScaling(0.5).factors(0, 4, None).round(3).tolist()
    [1.0, 0.707, 0.577, 0.5]
    """

    of_the_whole = False

    def __init__(self, power: float = 0.5):
        super().__init__()
        self.power = check_number("power", power, 0.0, np.inf, open_high=True)

    def __call__(self, t: Any) -> NDArray:
        """Refused: this schedule counts steps.

        Parameters
        ----------
        t : array-like
            Times.

        Returns
        -------
        ndarray
            Never.

        Raises
        ------
        TypeError
            Always: see `factors`.
        """
        raise TypeError("InverseScaling is a function of steps, not of t: call its factors")

    def factors(self, first: int, last: int, total: int | None) -> NDArray:
        return (1.0 + np.arange(first, last)) ** -self.power

    def __repr__(self) -> str:
        return f"InverseScaling({self.power!r})"


class Exponential(Schedule):
    r"""Smaller by the same share at every step: :math:`\text{end}^t`.

    Parameters
    ----------
    end : float, default=0.01
        The factor at the end, in (0, 1].
    warmup : float, default=0.0
        As for `Schedule`.

    Examples
    --------
    >>> from cbackprop.schedules import Exponential
    >>> Exponential(0.01)([0.0, 0.5, 1.0]).round(12).tolist()
    [1.0, 0.1, 0.01]
    """

    def __init__(self, end: float = 0.01, *, warmup: float = 0.0):
        super().__init__(warmup=warmup)
        self.end = check_number("end", end, 0.0, 1.0, open_low=True)

    def _curve(self, t: NDArray) -> NDArray:
        return np.asarray(self.end**t)


class Steps(Schedule):
    """The rate falls by the same factor at some moments.

    Parameters
    ----------
    at : sequence of float, default=(0.5, 0.75)
        The moments, growing, in (0, 1).
    factor : float, default=0.1
        What each multiplies the rate by, > 0.
    warmup : float, default=0.0
        As for `Schedule`.

    Examples
    --------
    >>> from cbackprop.schedules import Steps
    >>> Steps([0.5, 0.8], factor=0.5)([0.0, 0.5, 0.79, 0.8]).tolist()
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, at: Sequence[float] = (0.5, 0.75), factor: float = 0.1, *, warmup: float = 0.0
    ):
        super().__init__(warmup=warmup)
        self.at = tuple(
            check_number("each of at", moment, 0.0, 1.0, open_low=True, open_high=True)
            for moment in at
        )
        if list(self.at) != sorted(set(self.at)):
            raise ValueError(f"at must grow, got {self.at}")
        self.factor = check_number("factor", factor, 0.0, np.inf, open_low=True, open_high=True)

    def _curve(self, t: NDArray) -> NDArray:
        return np.asarray(self.factor ** np.searchsorted(np.array(self.at), t, side="right"))


class Cosine(Schedule):
    """Half a cosine from 1 to `floor`, begun anew at every restart.

    Parameters
    ----------
    floor : float, default=0.0
        The factor at the end, in [0, 1].
    restarts : int, default=0
        How often it begins anew; each time the factor is 1 again.
    growth : float, default=1.0
        How many times as long as the one before each cycle is, > 0.
    warmup : float, default=0.0
        As for `Schedule`.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts",
    arXiv:1608.03983.

    Examples
    --------
    >>> from cbackprop.schedules import Cosine
    >>> Cosine()([0.0, 0.5, 1.0]).round(12).tolist()
    [1.0, 0.5, 0.0]
    >>> Cosine(restarts=1)([0.0, 0.25, 0.5, 0.75]).round(12).tolist()
    [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(
        self,
        floor: float = 0.0,
        *,
        restarts: int = 0,
        growth: float = 1.0,
        warmup: float = 0.0,
    ):
        super().__init__(warmup=warmup)
        self.floor = check_number("floor", floor, 0.0, 1.0)
        self.restarts = check_integer("restarts", restarts, at_least=0)
        self.growth = check_number("growth", growth, 0.0, np.inf, open_low=True, open_high=True)

    def _curve(self, t: NDArray) -> NDArray:
        ends = np.cumsum(self.growth ** np.arange(self.restarts + 1))
        starts = np.concatenate([[0.0], ends[:-1]]) / ends[-1]
        lengths = np.diff([*starts, 1.0])
        cycle = np.clip(np.searchsorted(starts, t, side="right") - 1, 0, self.restarts)
        within = (t - starts[cycle]) / lengths[cycle]
        return np.asarray(self.floor + (1.0 - self.floor) * 0.5 * (1.0 + np.cos(np.pi * within)))


class OneCycle(Schedule):
    """Up to 1 along half a cosine, and down along another, far below where it began.

    Parameters
    ----------
    peak_at : float, default=0.3
        When the factor is 1, in (0, 1).
    start : float, default=0.04
        The factor at first, in (0, 1].
    end : float, default=4e-6
        The factor at the end, in [0, 1].

    References
    ----------
    Smith and Topin (2018), "Super-convergence", arXiv:1708.07120; with cosines, and PyTorch's
    defaults.

    Examples
    --------
    >>> from cbackprop.schedules import OneCycle
    >>> OneCycle(0.5, start=0.2, end=0.0)([0.0, 0.25, 0.5, 0.75, 1.0]).round(12).tolist()
    [0.2, 0.6, 1.0, 0.5, 0.0]
    """

    def __init__(self, peak_at: float = 0.3, *, start: float = 0.04, end: float = 4e-6):
        super().__init__()
        self.peak_at = check_number("peak_at", peak_at, 0.0, 1.0, open_low=True, open_high=True)
        self.start = check_number("start", start, 0.0, 1.0, open_low=True)
        self.end = check_number("end", end, 0.0, 1.0)

    def _curve(self, t: NDArray) -> NDArray:
        up = t / self.peak_at
        down = (t - self.peak_at) / (1.0 - self.peak_at)
        rise = self.start + (1.0 - self.start) * 0.5 * (1.0 - np.cos(np.pi * up))
        fall = self.end + (1.0 - self.end) * 0.5 * (1.0 + np.cos(np.pi * down))
        return np.where(t < self.peak_at, rise, fall)

    def __repr__(self) -> str:
        return f"OneCycle({self.peak_at!r}, start={self.start!r}, end={self.end!r})"


class OfTime(Schedule):
    """Any function of t in [0, 1].

    Parameters
    ----------
    function : callable
        Called with an array of times; returns as many factors, finite and at least 0.
    warmup : float, default=0.0
        As for `Schedule`.

    Examples
    --------
    >>> from cbackprop.schedules import OfTime
    >>> OfTime(lambda t: 1 - t)([0.0, 0.25]).tolist()
    [1.0, 0.75]
    """

    def __init__(self, function: Curve, *, warmup: float = 0.0):
        super().__init__(warmup=warmup)
        if not callable(function):
            raise TypeError(f"a schedule must be a function of t, got {function!r}")
        self.function = function

    def _curve(self, t: NDArray) -> NDArray:
        factors = np.asarray(self.function(t), dtype=np.float64)
        if factors.shape == () and t.shape:
            factors = np.full(t.shape, float(factors))
        if factors.shape != t.shape:
            raise ValueError(
                f"{self!r} was called with an array of shape {t.shape} and must return one of "
                f"that shape, got {factors.shape}"
            )
        if not (np.isfinite(factors).all() and (factors >= 0).all()):
            bad = factors[~(np.isfinite(factors) & (factors >= 0))]
            raise ValueError(f"{self!r} must return finite factors of at least 0, got {bad[0]}")
        return factors


KINDS = Schedule, Constant, InverseScaling, Exponential, Steps, Cosine, OneCycle, OfTime
for _kind in KINDS[:-1]:  # the last is made of code
    kept_by_fields(_kind)


def check_schedule(schedule: Any, name: str = "schedule") -> Schedule | None:
    """A schedule, or None; a function of t becomes one."""
    if schedule is None or isinstance(schedule, Schedule):
        return schedule
    if callable(schedule) and not isinstance(schedule, type):
        return OfTime(schedule)
    raise TypeError(
        f"{name} must be a Schedule, as Cosine(), or a function of t in [0, 1]; got {schedule!r}"
    )
