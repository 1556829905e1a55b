"""Networks trained side by side, a thread each, of which one epoch is kept: the best for all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.functions.optimizers import AdamW, Group
from cbackprop.functions.realmlp import CosineLog
from cbackprop.network.network import Network
from cbackprop.running.execution import Execution
from cbackprop.tabular.embeddings import Embeddings, group_of
from cbackprop.training.divergence import lost
from cbackprop.training.epochs import epochs
from cbackprop.training.history import History
from cbackprop.validation.checks import warn

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
    embeddings: Embeddings | None = None


@dataclass
class Rows:
    """The rows of a fit, encoded, and which of them a member learns from and is judged by."""

    X: Any  # float32: an array, or a CSR matrix
    y: NDArray
    sample_weight: NDArray | None
    train: NDArray[np.intp]
    held_out: NDArray[np.intp]


@dataclass
class Member:
    """A network, its rows, and its epochs, of which `next` trains one."""

    network: Network
    rows: Rows
    run: Generator[float, None, None] = field(repr=False)
    loss: float = 0.0

    def train(self) -> NDArray:
        """One epoch; what it says of the rows held out."""
        self.loss = next(self.run)
        if lost(self.network.parameters):
            raise ValueError(
                "The parameters are no longer finite: try a smaller learning_rate, or look at the "
                "targets for wild values"
            )
        return self.held_out_outputs()

    def held_out_outputs(self) -> NDArray:
        """What it says of the rows held out, which may be none."""
        rows = self.rows.X[self.rows.held_out]
        if not rows.shape[0]:
            return np.empty((0, self.network.layer_sizes[-1]), dtype=np.float32)
        return self.network._predict(rows, ALONE)


def new_member(rows: Rows, n_outputs: int, settings: Settings, seed: int) -> Member:
    """A member before its first epoch."""
    network = Network(
        [rows.X.shape[1], *settings.hidden, n_outputs],
        embeddings=settings.embeddings,
        activation=settings.activation,
        output_activation=settings.output,
        loss=settings.loss,
        init="scaled_normal",
        dtype=np.float32,
        random_state=seed,
    )
    # As if z were x W / sqrt(n_in) and W were trained: the same steps of Adam.
    widths = np.sqrt(network.plan["n_in"]).tolist()
    groups: list[Any] = [(Group(1.0 / w, epsilon=w), Group(0.1, decay=0.0)) for w in widths]
    groups += map(group_of, network.embeddings or ())
    optimizer = AdamW(
        settings.learning_rate,
        beta_2=0.95,
        weight_decay=settings.weight_decay,
        groups=groups,
        schedule=CosineLog(4),
    )
    run = epochs(
        network,
        rows.X,
        rows.y,
        optimizer,
        batch_size=min(settings.batch_size, rows.train.size),
        max_epochs=settings.max_epochs,
        total_epochs=settings.max_epochs,
        rng=np.random.RandomState(seed),
        rows=rows.train,
        sample_weight=rows.sample_weight,
        dropout=settings.dropout if settings.hidden else 0.0,
        mask_seed=seed,
        n_jobs=1,
    )
    return Member(network, rows, run)


def train_together(
    members: list[Member],
    judge: Callable[[list[NDArray]], float] | None,
    max_epochs: int,
    *,
    n_threads: int,
    patient: bool,
    tell: Callable[[int, float | None], None],
) -> tuple[int, History]:
    """Train all members, and leave each as it was after the epoch that was best for all.

    Parameters
    ----------
    members : list of Member
    judge : callable or None
        How good the members' outputs for their held-out rows are, the larger the better; None
        where there are no such rows: the last epoch is kept.
    max_epochs : int
    n_threads : int
        How many members are trained at a time. It changes no bit.
    patient : bool
        Whether all epochs are made, also where none has been better for long.
    tell : callable
        Told of every epoch and its score.

    Returns
    -------
    int, History
        The epoch that was kept, from 1; what every epoch left.
    """
    history, best, best_score, best_epoch = History(), None, -np.inf, 0
    pool = ThreadPoolExecutor(n_threads) if n_threads > 1 else None
    try:
        for epoch in range(1, max_epochs + 1):
            began = perf_counter()
            outputs = list(_together(pool, members))
            seconds = perf_counter() - began
            made: dict[str, float] = {"cost": float(np.mean([m.loss for m in members]))}
            score = None if judge is None else judge(outputs)
            if score is not None:
                made["evaluation_score"] = score
            history.record(**made, seconds=seconds)  # at once: Ctrl-C leaves no half of an epoch
            # The last of equals: it has seen more, at a smaller rate.
            if score is None or score >= best_score:
                best = [m.network.parameters.copy() for m in members]
                best_score, best_epoch = -np.inf if score is None else score, epoch
            tell(epoch, score)
            if not patient and epoch > 2 * best_epoch + 20:
                break
    except KeyboardInterrupt:
        if best is None:
            raise
        warn("Training interrupted by user.")
    finally:
        if pool is not None:  # an epoch that was begun ends by itself, of networks nobody has
            pool.shutdown(wait=False, cancel_futures=True)
    if best is None:
        raise ValueError("no epoch has a score: the scorer gave NaN for each")
    for member, parameters in zip(members, best, strict=True):
        member.network = member.network.copy()
        member.network.parameters = parameters
    return best_epoch, history


def _together(pool: ThreadPoolExecutor | None, members: list[Member]) -> Iterator[NDArray]:
    if pool is None:
        return map(Member.train, members)
    return pool.map(Member.train, members)
