"""Networks trained side by side, a thread each, of which one epoch is kept: the best for all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.functions.optimizers import AdamW
from cbackprop.network.from_data import initialize_from
from cbackprop.network.network import Network
from cbackprop.running.execution import Execution
from cbackprop.running.ranks import Alone
from cbackprop.tabular.embeddings import Embeddings
from cbackprop.tabular.recipes import Recipe
from cbackprop.training.divergence import lost
from cbackprop.training.epochs import epochs
from cbackprop.training.fit import Told
from cbackprop.training.record import FitState

ALONE = Execution(1)  # of a member: its own thread


@dataclass
class Settings:
    """How a member is trained."""

    hidden: tuple[int, ...]
    activation: str
    output: str
    loss: Any
    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float
    recipe: Recipe
    embeddings: Embeddings | None = None


@dataclass
class Rows:
    """The rows of a fit, encoded, and which of them a member learns from and is judged by."""

    X: NDArray[np.float32]
    y: NDArray
    sample_weight: NDArray | None
    train: NDArray[np.intp]
    held_out: NDArray[np.intp]


@dataclass
class Member:
    """A network, its rows, and all that its next epoch begins with, for `train`."""

    network: Network
    rows: Rows
    optimizer: AdamW
    settings: Settings
    seed: int  # of what dropout leaves out
    rng: np.random.RandomState  # draws the shuffles
    order: NDArray[np.intp]  # of the rows, as the last epoch had them
    epoch: int = 0  # the last one
    loss: float = 0.0
    run: Generator[float, None, None] | None = field(default=None, repr=False)

    def train(self) -> NDArray:
        """One epoch; what it says of the rows held out."""
        if self.run is None:
            self.run = self._epochs()
        self.loss = next(self.run)
        self.epoch += 1
        if lost(self.network.parameters):
            raise ValueError(
                "The parameters are no longer finite: try a smaller learning_rate, or look at the "
                "targets for wild values"
            )
        return self.held_out_outputs()

    def _epochs(self) -> Generator[float, None, None]:
        """Those that are left: each leaves the order and the generator for the next."""
        settings = self.settings
        return epochs(
            self.network,
            self.rows.X,
            self.rows.y,
            self.optimizer,
            batch_size=min(settings.batch_size, self.order.size),
            max_epochs=settings.max_epochs - self.epoch,
            first_epoch=self.epoch,
            total_epochs=settings.max_epochs,
            rng=self.rng,
            order=self.order,
            sample_weight=self.rows.sample_weight,
            dropout=settings.dropout if settings.hidden else 0.0,
            dropout_schedule=settings.recipe.fade,
            drop_last=settings.recipe.drop_last,
            mask_seed=self.seed,
            n_jobs=1,
        )

    def held_out_outputs(self) -> NDArray:
        """What it says of the rows held out, which may be none."""
        rows = self.rows.X[self.rows.held_out]
        if not rows.shape[0]:
            return np.empty((0, self.network.layer_sizes[-1]), dtype=np.float32)
        return self.network._predict(rows, ALONE)


def new_member(rows: Rows, n_outputs: int, settings: Settings, seed: int) -> Member:
    """A member before its first epoch."""
    recipe = settings.recipe
    network = Network(
        [rows.X.shape[1], *settings.hidden, n_outputs],
        embeddings=settings.embeddings,
        input_scaling=recipe.scaling,
        activation=settings.activation,
        parametric_activation=recipe.parametric and bool(settings.hidden),
        output_activation=settings.output,
        loss=settings.loss,
        init="scaled_normal",
        dtype=np.float32,
        random_state=seed,
    )
    if recipe.last_is_zero:
        network.weights[-1][...], network.biases[-1][...] = 0.0, 0.0
    if recipe.from_data:
        initialize_from(network, rows.X[rows.train], np.random.RandomState(seed), ALONE)
    optimizer = recipe.optimizer_for(
        network, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
    )
    rng, order = np.random.RandomState(seed), np.array(rows.train, dtype=np.intp)
    return Member(network, rows, optimizer, settings, seed, rng, order)


def train_together(
    members: list[Member],
    judge: Callable[[list[NDArray]], float] | None,
    state: FitState,
    told: Told,
    *,
    n_threads: int,
    patient: bool,
    note: Callable[[], None],
) -> None:
    """Train all members, and leave each as it was after the epoch that was best for all.

    An interrupt ends it with the best so far, and `state` says so.

    Parameters
    ----------
    members : list of Member
    judge : callable or None
        How good the members' outputs for their held-out rows are, the larger the better; None
        where there are no such rows: the last epoch is kept.
    state : FitState
        The fit; its record says which epoch is kept, and its history what every epoch left.
    told : Told
        The callbacks.
    n_threads : int
        How many members are trained at a time. It changes no bit. Of several ranks each trains
        some of the members.
    patient : bool
        Whether all epochs are made, also where none has been better for long.
    note : callable
        Called after every epoch, before the callbacks: what they may look at.
    """
    ranks = state.ranks
    own = members[ranks.rank :: ranks.size]
    n_threads = min(n_threads, len(own))
    pool = ThreadPoolExecutor(n_threads) if n_threads > 1 else None
    try:
        for _ in range(state.epochs_left):
            told.epoch_begins()
            began = perf_counter()
            outputs = shared(members, ranks, list(_together(pool, own)))
            seconds = perf_counter() - began
            score = None if judge is None else ranks.first(judge(outputs))
            _write_down(members, state, seconds, score)
            record = state.record
            if not patient and state.epoch > 2 * (record.best_epoch or 0) + 20:
                state.record = state.note(done=True, why="score no better for long")
            note()
            if any(ranks.gather(told.epoch_ended(), "whether a callback stops")):
                state.record = state.note(done=True)
            if state.done:
                break
    except KeyboardInterrupt as interrupt:
        ranks.tell(interrupt)
        if state.record.best is None:
            raise
        state.interrupted = True
        state.history.cut(state.record.lengths)
    finally:
        if pool is not None:  # an epoch that was begun ends by itself, of networks nobody has
            pool.shutdown(wait=False, cancel_futures=True)
    if state.record.best is None:
        raise ValueError("no epoch has a score: the scorer gave NaN for each")
    for member, parameters in zip(members, state.record.best, strict=True):
        member.network = member.network.copy()
        member.network.parameters = parameters
    note()


def shared(
    members: list[Member], ranks: Alone, outputs: list[NDArray], *, whole: bool = False
) -> list[NDArray]:
    """The outputs of all members; every rank has then what the others have trained.

    That is a member's loss and parameters, or, if it is to be `whole`, all that its next epoch
    begins with.
    """
    if ranks.size == 1:
        return outputs
    names = ["optimizer", "rng", "order"] * whole + ["loss", "epoch"]
    own = members[ranks.rank :: ranks.size]
    mine = [({n: getattr(m, n) for n in names}, m.network.parameters) for m in own]
    everyone = ranks.gather((mine, outputs), "members")
    all_outputs: list[Any] = [None] * len(members)
    for rank, (theirs, said) in enumerate(everyone):
        all_outputs[rank :: ranks.size] = said or theirs
        if rank != ranks.rank:
            for member, (has, vector) in zip(members[rank :: ranks.size], theirs, strict=True):
                vars(member).update(has)
                member.network.parameters = vector
    return all_outputs


def _write_down(
    members: list[Member], state: FitState, seconds: float, score: float | None
) -> None:
    """The books of an epoch."""
    made: dict[str, float] = {"cost": float(np.mean([m.loss for m in members]))}
    if score is not None:
        made["evaluation_score"] = score
    state.history.record(**made, seconds=seconds)
    record = state.record
    new: dict[str, Any] = {
        "epochs": record.epochs + 1,
        "samples": record.samples + members[0].order.size,
        "loss": made["cost"],
    }
    # The last of equals: it has seen more, at a smaller rate.
    if score is None or score >= (-np.inf if record.best_score is None else record.best_score):
        best = np.array([member.network.parameters for member in members])
        new |= {"best": best, "best_score": score, "best_epoch": record.epochs + 1}
    state.record = state.note(**new)


def _together(pool: ThreadPoolExecutor | None, members: list[Member]) -> Iterator[NDArray]:
    if pool is None:
        return map(Member.train, members)
    return pool.map(Member.train, members)
