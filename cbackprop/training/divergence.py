"""Has training gone wrong: what is to be said of a loss that is not finite, or blown up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run

# A loss this many times the one before the first step has blown up.
BLOWN_UP = 1e8


def blown_up(what: str, loss: float, before: float) -> str:
    """What to say of a loss that is not finite, or far above the one before the first step.

    Nothing, the empty string, if all is well, and where `before` is infinite: it was said.
    """
    if before == np.inf:
        return ""
    if not np.isfinite(loss):
        return f"The {what} is not finite."
    if loss > BLOWN_UP * max(before, 1.0):
        return f"The {what} has blown up from {before:.3g}."
    return ""


def finite(loss: float) -> float:
    """The loss before the first step; 0 if it is not finite to begin with."""
    return loss if np.isfinite(loss) else 0.0


def lost(parameters: NDArray) -> bool:
    """Whether any parameter is no longer finite."""
    return not run.all_finite(parameters)
