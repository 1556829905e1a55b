"""How are an estimator's members trained: told to callbacks, and once more on all rows?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.callbacks.protocol import listening
from cbackprop.running.ranks import Alone
from cbackprop.tabular.checkpoints import MembersKeeper
from cbackprop.tabular.members import Member, Rows, Settings, new_member, train_together
from cbackprop.tabular.outputs import Outputs
from cbackprop.tabular.progress import shown
from cbackprop.training.history import History
from cbackprop.training.record import FitState
from cbackprop.validation.checks import warn


def train_members(
    estimator: Any,
    members: list[Member],
    judge: Callable[[list[NDArray]], float] | None,
    callbacks: list,
    *,
    n_threads: int,
    ranks: Alone,
    **given: Any,
) -> FitState:
    """Train the members; whatever a callback looks at, the estimator is as the last epoch left it.

    At the end it has the networks of the epoch that was best.

    Parameters
    ----------
    estimator : TabularClassifier or TabularRegressor
    members : list of Member
    judge : callable or None
        As for `train_together`.
    callbacks : list
        Checked ones.
    n_threads : int
    ranks : Alone or Ranks
        Who divides the members among themselves.
    **given
        What scikit-learn's callbacks are told: X, y, metadata.

    Returns
    -------
    FitState
    """
    state = _fit_of(members, ranks)
    state.keeper = MembersKeeper(estimator, members, state)

    def note() -> None:
        """What the estimator says of its fit."""
        scores = state.history.get("evaluation_score")
        best = state.record.best_epoch or 0
        estimator.networks_ = [member.network for member in members]
        estimator.best_epoch_, estimator.n_epochs_ = best, state.history.epochs
        estimator.validation_score_ = scores[best - 1] if scores and best else None

    estimator.history_ = state.history
    note()
    told = {**given, "reconstruction_attributes": lambda: _as_it_is(members)}
    heard = [*callbacks, *shown(estimator.verbose, ranks)]
    with listening(estimator, state, heard, **told) as listeners:
        train_together(
            members,
            judge,
            state,
            listeners,
            n_threads=n_threads,
            patient=not estimator.early_stopping,
            note=note,
        )
    if state.interrupted:
        warn("Training interrupted by user.")
    return state


def train_again(
    estimator: Any,
    rows: Rows,
    outputs: Outputs,
    settings: Settings,
    rng: np.random.RandomState,
    *,
    n_threads: int,
    ranks: Alone,
) -> list[Member] | None:
    """Members trained on all these rows to the epoch that was best; None after Ctrl-C.

    The rates go their way as in the fit that chose it, which was `settings.max_epochs` long.
    """
    members = [
        new_member(rows, outputs.n_outputs, settings, int(rng.randint(2**31 - 1)))
        for _ in range(estimator.n_members)
    ]
    state = _fit_of(members, ranks, refit=True)
    state.max_epochs = estimator.best_epoch_
    # Of a stand-in: the estimator keeps what it has until all is done.
    stand_in = type(estimator)(n_members=estimator.n_members)
    try:
        with listening(stand_in, state, shown(estimator.verbose, ranks)) as listeners:
            train_together(
                members,
                None,
                state,
                listeners,
                n_threads=n_threads,
                patient=True,
                note=lambda: None,
            )
    except KeyboardInterrupt as interrupt:  # in the first epoch
        ranks.tell(interrupt)
        state.interrupted = True
    if state.interrupted:
        warn(
            "Training interrupted by user. The members are not trained again on all rows: they are "
            "those of the first fit."
        )
        return None
    return members


def _fit_of(members: list[Member], ranks: Alone, *, refit: bool = False) -> FitState:
    """A fit that begins."""
    first = members[0]
    what = f"{len(members)} member{'s' * (len(members) > 1)}"
    return FitState(
        history=History(),
        max_epochs=first.settings.max_epochs,
        optimizer=first.optimizer,
        n_rows=first.order.size,
        mask_seed=first.seed,
        ranks=ranks,
        whose=f"{what} on all rows" if refit else what,
    )


def _as_it_is(members: list[Member]) -> dict[str, Any]:
    """What makes a copy of the estimator one that goes its own way."""
    return {"networks_": [member.network.copy() for member in members]}
