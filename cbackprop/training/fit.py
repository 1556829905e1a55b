"""The one loop of a fit: epochs, what is written down after each, who is told, when it stops."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from cbackprop.running.execution import Execution
from cbackprop.running.model import Model
from cbackprop.running.regularization import Regularization
from cbackprop.running.sweeps import Sweep
from cbackprop.training.divergence import blown_up, lost
from cbackprop.training.epochs import passes
from cbackprop.training.record import FitState, Record
from cbackprop.training.undo import Undo
from cbackprop.validation.checks import warn


class Told(Protocol):
    """Who is told of a fit's epochs: the callbacks."""

    def epoch_begins(self) -> None: ...

    def epoch_ended(self) -> bool: ...


class Watch:
    """What happens after an epoch of a fit; estimators and networks have their own.

    Parameters
    ----------
    model : Model
        What is trained.
    state : FitState
        The fit.
    """

    what = "loss"  # what messages call it
    advice = "Try a smaller learning rate, and scaled inputs."
    is_safe = False  # whether the parameters are known to be finite

    def __init__(self, model: Model, state: FitState):
        self.model, self.state = model, state

    def trained(self, loss: float, seconds: float) -> Record:
        """The books of an epoch as soon as it is trained."""
        raise NotImplementedError

    def judged(self) -> Record:
        """The books once the epoch is measured and judged: whether it was the best, or the last."""
        return self.state.record

    def where(self) -> str:
        record, epoch = self.state.record, len(self.state.history["cost"])
        return (
            f"Epoch {epoch}: {self.what} {record.loss:.3g}, learning rate "
            f"{record.learning_rate:.3g}. {self.advice}"
        )

    def check_lost(self) -> bool:
        """Whether the parameters are lost, but better ones are kept; an error if none are.

        The parameters are looked at, not the loss: theirs is that of the next epoch.
        """
        if self.is_safe or not lost(self.model.parameters):
            return False
        self.give_up()
        return True

    def give_up(self) -> None:
        """The parameters are lost."""
        raise ValueError(f"The parameters are no longer finite. {self.where()}")

    def loss_before(self) -> float:
        """What losses are compared with from now on; warns, once, of one that has blown up."""
        record = self.state.record
        assert record.loss is not None
        if said := blown_up(self.what, record.loss, record.loss_before):
            warn(f"{said} {self.where()}", ConvergenceWarning)
            return float("inf")
        return record.loss_before


def lengths_of_gradients(
    model: Model,
    data: tuple[Any, Any, Any],
    execution: Execution,
    regularization: Regularization,
    rows: NDArray[np.intp] | None = None,
) -> list[float]:
    """The length of each layer's gradient over all rows, or these; that of penalties included."""
    X, y, weight = data
    gradient = np.empty_like(model.parameters)
    sweep = Sweep(
        model,
        X,
        y=y,
        sample_weight=weight,
        rows=rows,
        execution=execution,
        ranks=execution.ranks,
    )
    sweep.loss_and_gradient(gradient, **regularization.penalties)
    starts = [*model.plan["weights"].tolist(), gradient.size]
    return [float(np.linalg.norm(gradient[i:j])) for i, j in pairwise(starts)]


def run_epochs(
    model: Model,
    data: tuple[Any, Any, Any],
    state: FitState,
    watch: Watch,
    told: Told,
    *,
    execution: Execution,
    undo: Undo | None = None,
    **settings: Any,
) -> None:
    """Train the epochs that are left of a fit.

    An interrupt may come between any two lines: the books of an epoch are therefore assigned as a
    whole, once when it is trained, for what is measured and judged of it may fail, and once then.

    Parameters
    ----------
    model : Model
    data : X, y and sample_weight, as the engine takes them
    state : FitState
        Its record is the last whole epoch's, whatever happens.
    watch : Watch
    told : Told
        Told of every epoch, also of one after which training stops by itself.
    execution : Execution
    undo : Undo, optional
        If it waits with its copies, the one step may be made last, when it cannot fail any more.
    **settings
        Those of `passes` that say what a step is: batch_size, regularization, trainable,
        loss_scale.
    """
    X, y, sample_weight = data
    assert state.optimizer is not None
    run = passes(
        model,
        X,
        y,
        state.optimizer,
        max_epochs=state.epochs_left,
        first_epoch=state.epoch,
        total_epochs=state.max_epochs if state.has_end else None,
        rng=state.rng,
        order=state.order,
        sample_weight=sample_weight,
        mask_seed=state.mask_seed,
        window=state.window,
        execution=execution,
        undo=undo,
        **settings,
    )
    begun = state.record
    try:
        for _ in range(state.epochs_left):
            told.epoch_begins()
            began = perf_counter()
            loss = next(run)
            watch.is_safe = undo is not None and undo.is_due
            state.record = watch.trained(loss, perf_counter() - began)
            state.record = watch.judged()
            if any(execution.ranks.gather(told.epoch_ended(), "whether a callback stops")):
                state.record = state.note(done=True)
            execution.ranks.same_bits(model.parameters)  # whatever one rank's callbacks do
            if undo is not None:
                undo.finish()
            if state.done:
                break
    except KeyboardInterrupt:
        if undo is not None and undo.is_due:
            state.record = begun  # of a step that was not made there are no books
        raise
    finally:
        run.close()
