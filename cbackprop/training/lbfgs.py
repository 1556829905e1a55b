"""Train a network by SciPy's L-BFGS, over all rows at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
import scipy.optimize
from numpy.typing import NDArray

from cbackprop.functions.frozen import Trainable, trained_parameters
from cbackprop.running.execution import Execution
from cbackprop.running.model import Model
from cbackprop.running.sweeps import Sweep
from cbackprop.running.threads import blas_held_to_one_thread

# From SciPy 1.15 on L-BFGS no longer prints its progress.
SCIPY_PRINTS = tuple(int(part) for part in scipy.__version__.split(".")[:2]) < (1, 15)


class _Stopped(Exception):
    """Ends SciPy's L-BFGS, in all versions of it."""


def lbfgs(
    model: Model,
    X: Any,
    y: NDArray,
    *,
    sample_weight: NDArray | None = None,
    l2_batch: float = 0.0,
    sklearns_loss: bool = False,
    max_iter: int = 200,
    max_fun: int = 15000,
    tol: float = 1e-4,
    verbose: bool = False,
    trainable: Trainable | None = None,
    execution: Execution,
    iterated: Callable[[float], bool] = lambda loss: False,
    evaluations: list[tuple[float, NDArray]] | None = None,
) -> scipy.optimize.OptimizeResult:
    """Minimise the loss over all rows, plus ``l2_batch / (2 n) |W|^2``, with SciPy's L-BFGS.

    The network is trained in place: SciPy works on a copy of its vector, in float64. The result
    is SciPy's; its ``fun`` is the loss minimised, that whose gradient is followed. After every
    iteration ``iterated(loss)`` is called, with the network as it is then; True stops. After an
    error or an interrupt the network is as the last iteration left it.

    SciPy keeps what it knows of the loss's curvature to itself. But all it knows comes from the
    losses and gradients that it was given: `evaluations` are those of an earlier run from the same
    parameters, which are given again instead of computed, so that this run goes the same way to
    where that one was. New ones are appended.

    Layers that are not `trainable` stay as they are: SciPy does not see them.
    """
    vector = model.parameters
    accepted = vector.copy()
    ranks = execution.ranks
    sweep = Sweep(
        model,
        X,
        y=y,
        sample_weight=sample_weight,
        sklearns_loss=sklearns_loss,
        execution=execution,
        ranks=ranks,
    )

    trained: Any = trained_parameters(model.plan, trainable)
    if trained is None:
        trained = slice(None)
    loss, iterations = 0.0, 0
    known = list(evaluations or ())[::-1]

    def loss_and_gradient(point: NDArray) -> tuple[float, NDArray]:
        nonlocal loss
        vector[trained] = point = ranks.first(point)
        if known:
            loss, gradient = known.pop()
            return loss, gradient.copy()
        gradient = np.empty_like(vector)
        loss = sweep.loss_and_gradient(gradient, l2_batch=l2_batch)
        gradient = gradient[trained]
        if evaluations is not None:
            evaluations.append((loss, gradient.copy()))
        return loss, gradient

    def iteration_ended(point: NDArray) -> None:
        # The point was the last to be evaluated: the line search ends where it accepts.
        nonlocal iterations
        iterations += 1
        vector[trained] = accepted[trained] = point
        if iterated(loss):
            raise _Stopped

    options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol}
    if verbose and SCIPY_PRINTS:
        options["iprint"] = 1
    try:
        with blas_held_to_one_thread():  # SciPy's own sums, too, are short
            result = scipy.optimize.minimize(
                loss_and_gradient,
                vector[trained].copy(),
                method="L-BFGS-B",
                jac=True,
                options=options,
                callback=iteration_ended,
            )
    except _Stopped:
        return scipy.optimize.OptimizeResult(
            x=vector[trained].copy(),
            fun=loss,
            nit=iterations,
            status=0,
            success=True,
            message="STOPPED",
        )
    except BaseException:
        vector[...] = accepted  # and not a point that the line search tries
        raise
    vector[trained] = result.x
    return result
