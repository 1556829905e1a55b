"""What a fit has written down: the record of its whole epochs, and the fit in progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import get_ident
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cbackprop.functions.optimizers import Optimizer
from cbackprop.functions.schedules import Schedule
from cbackprop.running.ranks import ALONE, Alone
from cbackprop.training.averaging import Averaging
from cbackprop.training.history import History


class Record(NamedTuple):
    """The books of a fit after an epoch. They are not changed: a new record takes their place.

    So whatever comes between two lines, a fit has the books of one moment. The curves, which only
    grow, stand in the history: `lengths` says how far this record goes.

    Attributes
    ----------
    epochs, samples : int
        Epochs that have ended, those of the fit resumed among them; rows trained on in them.
    loss : float or None
        Of the last epoch; None before the first.
    best_loss, best_score : float or None
        The smallest loss, or the largest score of held-out rows; None where not asked for.
    no_improvement : int
        Epochs since the last improvement.
    learning_rate : float
        The next epoch's; with a schedule by step, that of the last step.
    best_epoch : int or None
        The epoch of the best score, from 1; 0 for the start, None where none is kept.
    why : str
        Why training stopped before its last epoch, if it did so by itself.
    loss_before : float
        The loss before the first step; infinity once it is said that the loss has blown up.
    best : array or None
        The best parameters so far, where they are kept.
    averaged : tuple of arrays
        What an average is made of, where parameters are averaged.
    done : bool
        Whether training was stopped before its last epoch: there is nothing to resume.
    lengths : mapping
        Entries of every curve of the history.
    """

    epochs: int = 0
    samples: int = 0
    loss: float | None = None
    best_loss: float | None = None
    best_score: float | None = None
    no_improvement: int = 0
    learning_rate: float = 0.0
    best_epoch: int | None = None
    why: str = ""
    loss_before: float = 0.0
    best: NDArray | None = None
    averaged: tuple[NDArray, ...] = ()
    done: bool = False
    lengths: Mapping[str, int] = MappingProxyType({})


def settings_of_length(
    name: str, epochs: int, optimizer: Optimizer, of_dropout: Schedule | None = None
) -> dict[str, Any]:
    """The epochs of a fit, if a schedule of it depends on them: a resumed one has as many."""
    schedules = optimizer.schedule, optimizer.decay_schedule, of_dropout
    depends = any(schedule is not None and schedule.of_the_whole for schedule in schedules)
    return {name: int(epochs)} if depends else {}


class Keeper(Protocol):
    """How a fit of several networks is kept in a checkpoint, and goes on from there."""

    def check(self, *, resume: bool) -> None:
        """An error for what a file cannot hold; or, if it is to go on from one, cannot go on."""

    def content(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """The model as the fit would end with it now, and the fit in progress."""

    def resume(self, path: str) -> None:
        """Put the fit, which begins, where the file has it."""


@dataclass
class FitState:
    """A fit in progress: what a callback may look at, and what a checkpoint must keep.

    Attributes
    ----------
    history : History
        Of the epochs that have ended.
    max_epochs : int
    optimizer : SGD or Adam, or None for L-BFGS
    rng : RandomState or None
        Draws the shuffles.
    order, held_out : intp arrays or None
        The rows trained on, as the last epoch had them; and those of early stopping.
    n_rows : int
    mask_seed : int or None
        What dropout, if there is any, draws the units by that it leaves out.
    settings : dict
        What must be the same where the fit is resumed, in JSON's types.
    data, evaluation_data : tuples of what the engine gets, or None
        X, y and the weights of the rows; X and y to evaluate, and their weights if they have any.
    origin : dict or None
        What a checkpoint knows the fit by: see `cbackprop.training.origin`.
    start : array or None
        The parameters at the beginning, for L-BFGS.
    evaluations : list of (loss, gradient), or None
        Everything L-BFGS was told, if somebody asks for it: see `cbackprop.training.lbfgs`.
    averaging : EMA, SWA or None
        How parameters are averaged over epochs, if they are.
    record : Record
        The books of the last whole epoch.
    has_end : bool
        Whether this fit is whole: a partial one is a part of one without end.
    thread : int
        The thread that fits.
    interrupted : bool
        Whether the parameters are those of the middle of an epoch.
    whose : str
        Whose epochs they are, where several networks are trained side by side: "4 members".
    keeper : Keeper or None
        What keeps this fit in a checkpoint, where that is not one network's.
    ranks : Alone or Ranks
        Those that make this fit together.
    window : int or None
        Rows that are shuffled together; None: all.
    rows_of_all : int or None
        The rows of an epoch that all ranks have; None: as many as this process.
    """

    history: History
    max_epochs: int
    optimizer: Optimizer | None = None
    rng: np.random.RandomState | None = None
    order: NDArray[np.intp] | None = None
    held_out: NDArray[np.intp] | None = None
    n_rows: int = 0
    mask_seed: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    data: tuple[Any, Any, Any] = (None, None, None)
    evaluation_data: tuple[Any, ...] | None = None
    origin: dict[str, str | None] | None = None
    start: NDArray | None = None
    evaluations: list[tuple[float, NDArray]] | None = None
    averaging: Averaging | None = None
    record: Record = field(default_factory=Record)
    has_end: bool = True
    thread: int = field(default_factory=get_ident)
    interrupted: bool = False
    whose: str = ""
    keeper: Keeper | None = None
    ranks: Alone = ALONE
    window: int | None = None
    rows_of_all: int | None = None

    @property
    def epoch(self) -> int:
        """Epochs that have ended, those of the fit resumed among them."""
        return self.record.epochs

    @property
    def done(self) -> bool:
        """Whether training was stopped before its last epoch."""
        return self.record.done

    @property
    def outcome(self) -> NDArray | None:
        """The parameters that the fit would end with now; None for those that are trained."""
        record = self.record
        if record.best is None and record.averaged and self.averaging is not None:
            return self.averaging.mean(record.averaged)
        return record.best

    @property
    def epochs_left(self) -> int:
        return 0 if self.done else max(0, self.max_epochs - self.epoch)

    @property
    def epoch_rows(self) -> int:
        """Rows of an epoch, those of all ranks."""
        if self.rows_of_all is not None:
            return self.rows_of_all
        return self.n_rows if self.order is None else self.order.size

    def note(self, **changes: Any) -> Record:
        """The record with these changes, and of the curves as they are now."""
        return self.record._replace(lengths=self.history.lengths(), **changes)
