"""Has training gone wrong: what is to be said of a loss blown up, or a network gone dead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.running.execution import Execution
from cbackprop.running.model import Model
from cbackprop.running.sweeps import Sweep

# A loss this many times the one before the first step has blown up.
BLOWN_UP = 1e8


def blown_up(what: str, loss: float, before: float) -> str:
    """What to say of a loss that is not finite, or far above the one before the first step.

    Nothing, the empty string, if all is well, and where `before` is infinite: it was said.
    """
    if before == math.inf:
        return ""
    if not math.isfinite(loss):
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


ROWS = 200  # looked at when a fit has ended
# Times the loss before the first step, or of a network that knows nothing: where the fit came by,
# as relus may die of themselves, and where it ended, as a few small steps may do no better.
CAME_BY, ENDED = 2.0, 5.0


def lost_at_end(
    model: Model,
    data: tuple,
    before: float,
    losses: Sequence[float],
    execution: Execution,
) -> str:
    """What to say of a fit whose loss shot up, and that left a network good for nothing.

    Its answer is the very same for rows that are not (after too large a step relus are dead for
    every row, others saturated); or its loss is still far above that of a network that knows
    nothing. A part of the rows is looked at, taken from all over the data. Nothing, the empty
    string, if all is well, and where `before` is infinite: it was said.

    Parameters
    ----------
    model : Network
        As the fit has left it.
    data : (X, y, sample_weight)
        As the engine got them.
    before : float
        The loss before the first step.
    losses : list of float
        Of the epochs.
    execution : Execution
        On how many threads.
    """
    X, y, weight = data
    start = max(before, _uninformed(model, y))
    if not losses or max(losses) <= CAME_BY * start:
        return ""
    rows = np.arange(0, X.shape[0], -(-X.shape[0] // ROWS))
    if weight is not None:
        rows = rows[weight[rows] > 0]
    if rows.size < 2:
        return ""
    loss = Sweep(model, X, y=y, rows=rows, sample_weight=weight, execution=execution).loss()
    if loss > ENDED * start:
        return f"Training has ended with a loss of {loss:.3g}, after {before:.3g} before its start."
    outputs = Sweep(model, X, rows=rows, execution=execution).predict()
    if _differ(outputs) or not _differ(y[rows]) or not _differ(X[rows]):
        return ""
    return "Training has ended with a network that gives the same answer for every row."


def _uninformed(model: Any, y: NDArray) -> float:
    """About the loss of a network that knows nothing."""
    n_outputs = int(model.plan["n_out"][-1])
    if model.loss_name == "log_loss":
        return float(np.log(n_outputs))
    if model.loss_name == "binary_log_loss":
        return n_outputs * float(np.log(2))
    return 0.5 * float(np.var(y, axis=0, dtype=np.float64).sum())


def _differ(rows: Any) -> bool:
    """Whether they are not all the same."""
    if hasattr(rows, "indptr"):
        return bool((rows[1:] - rows[:-1]).count_nonzero())
    return bool((rows[1:] != rows[:-1]).any())
