"""Train a network, an epoch at every turn: mini-batches, shuffled anew."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.functions.frozen import Trainable, with_frozen
from cbackprop.functions.groups import n_kinds
from cbackprop.functions.optimizers import Optimizer
from cbackprop.functions.schedules import Schedule
from cbackprop.running.cost import SOME_FLOPS, Split, shape_of, split_among, threads_that_pay
from cbackprop.running.execution import Execution
from cbackprop.running.model import Model, calls_python
from cbackprop.running.regularization import NONE, Regularization, check_dropout
from cbackprop.running.slices import flops_per_row, is_divided, rows_of_training
from cbackprop.running.sweeps import Sweep
from cbackprop.running.threads import Team, blas_held_to_one_thread
from cbackprop.training.over_ranks import LocalSteps, OverRanks
from cbackprop.training.undo import Undo
from cbackprop.training.windows import shuffle_rows

# What updating a parameter costs for each of its state vectors, in a matrix product's operations.
UPDATE_FLOPS = 10.0
# Optimizers whose step can be tried before it is made.
REHEARSED = run.OPTIMIZERS["nesterov"], run.OPTIMIZERS["adam"]


def epochs(
    model: Model,
    X: Any,
    y: NDArray,
    optimizer: Optimizer,
    *,
    batch_size: int,
    max_epochs: int,
    rng: np.random.RandomState | None,
    rows: NDArray[np.intp] | None = None,
    order: NDArray[np.intp] | None = None,
    sample_weight: NDArray | None = None,
    l2: float = 0.0,
    l2_batch: float = 0.0,
    l1: float = 0.0,
    l1_batch: float = 0.0,
    max_norm: float | None = None,
    dropout: float | Sequence[float] = 0.0,
    dropout_schedule: Schedule | None = None,
    mask_seed: int = 0,
    loss_scale: float = 1.0,
    sklearns_loss: bool = False,
    n_jobs: int | None = None,
    first_epoch: int = 0,
    total_epochs: int | None = None,
    drop_last: bool = False,
) -> Generator[float, None, None]:
    """Train the network in place, an epoch at every ``next``.

    Parameters
    ----------
    model : Network, or anything with what `Model` asks for
    X : C-contiguous array or CSR matrix of shape (n, n_features), of the network's dtype
    y : int32 labels (n,), or numbers (n, n_outputs)
    optimizer : Optimizer
        Its learning rate may be changed between epochs.
    batch_size : int
        Rows of a mini-batch; the last one of an epoch may be smaller.
    max_epochs : int
    rng : RandomState or None
        Shuffles the rows anew before every epoch, the permutation of the epoch before, with
        the same draws as `sklearn.utils.shuffle`. None: the rows stay in order.
    rows : intp array, optional
        Train on these rows of X only.
    order : intp array, optional
        The same, but shuffled in place: between two epochs it holds the order of the one before,
        from which a later call with it, and with `rng` as it is then, goes on.
    sample_weight : array (n,), optional
    l2, l2_batch : float
        A mini-batch of total weight m decays the weights by ``l2 + l2_batch / m`` times the
        learning rate: the book's lambda / n, and scikit-learn's alpha.
    l1, l1_batch : float
        It draws them to 0 by ``l1 + l1_batch / m`` times the learning rate.
    max_norm : float, optional
        After a step, a unit's incoming weights are shortened to this length.
    dropout : float or list of float
        The share of every hidden layer's units, or of each one's, that a step leaves out.
    dropout_schedule : Schedule, optional
        Factors of these shares, step by step.
    mask_seed : int
        Which ones: a number of 64 bits. Another step of the optimizer leaves out others.
    loss_scale : float
        Reported losses are the mean loss times this, plus the L2 term.
    sklearns_loss : bool
        Report the losses as scikit-learn makes them, which differ next to certainty.
    n_jobs : int or None
        Threads; None for as many as pay off.
    first_epoch, total_epochs : int
        Which epoch of the fit comes first, and how many the whole fit has: for schedules. None:
        the fit has no end, and steps are counted from the optimizer's first.
    drop_last : bool
        Leave out the last mini-batch of an epoch if it would be smaller, unless it is the only one.

    Yields
    ------
    float
        The epoch's loss: the mean over its rows of the losses before each mini-batch's step.
    """
    return passes(
        model,
        X,
        y,
        optimizer,
        batch_size=batch_size,
        max_epochs=max_epochs,
        rng=rng,
        rows=rows,
        order=order,
        sample_weight=sample_weight,
        regularization=Regularization(
            l2=l2,
            l2_batch=l2_batch,
            l1=l1,
            l1_batch=l1_batch,
            dropout=check_dropout(dropout, len(model.plan) - 1),
            dropout_schedule=dropout_schedule,
            max_norm=max_norm,
        ),
        mask_seed=mask_seed,
        loss_scale=loss_scale,
        sklearns_loss=sklearns_loss,
        first_epoch=first_epoch,
        total_epochs=total_epochs,
        drop_last=drop_last,
        execution=Execution(n_jobs),
    )


def passes(
    model: Model,
    X: Any,
    y: NDArray,
    optimizer: Optimizer,
    *,
    batch_size: int,
    max_epochs: int,
    rng: np.random.RandomState | None,
    rows: NDArray[np.intp] | None = None,
    order: NDArray[np.intp] | None = None,
    sample_weight: NDArray | None = None,
    regularization: Regularization = NONE,
    mask_seed: int | None = None,
    loss_scale: float = 1.0,
    sklearns_loss: bool = False,
    execution: Execution,
    first_epoch: int = 0,
    total_epochs: int | None = None,
    undo: Undo | None = None,
    trainable: Trainable | None = None,
    drop_last: bool = False,
    window: int | None = None,
) -> Generator[float, None, None]:
    """What `epochs` does, by a call that was told how to work.

    If `undo` waits with its copies, the one step of the one epoch is left to its end, where that
    can be done; else it is told to make them. Layers that are not `trainable` stay as they are.
    Rows are shuffled within a `window`, if there is one.
    """
    if order is None and (rows is not None or rng is not None):
        order = np.array(np.arange(X.shape[0]) if rows is None else rows, dtype=np.intp)
    ranks, own = execution.ranks, X.shape[0] if order is None else order.size
    sizes = ranks.gather(own)
    n = sum(sizes)
    if drop_last and n > batch_size:
        n -= n % batch_size
    state = optimizer._ready(model.parameters)
    grouped = optimizer.groups is not None or trainable is not None
    kinds, before = (n_kinds(model.plan), _parts_before(model)) if grouped else (2, 0)
    factors = optimizer._factors(len(model.plan), kinds, before)
    factors = with_frozen(factors, trainable, kinds, before)
    data = {
        "y": y,
        "sample_weight": sample_weight,
        "rows": order,
        "loss_scale": loss_scale,
        "sklearns_loss": sklearns_loss,
        **regularization.for_task(mask_seed),
    }
    of_rule = regularization.of_rule
    of_dropout = regularization.dropout_schedule if regularization.dropout else None
    scheduled = optimizer.is_scheduled or of_dropout is not None
    own_batch = -(-batch_size * own // n)  # of a mini-batch, this process's rows
    step_flops = 3.0 * own_batch * flops_per_row(model.plan, X)
    step_flops += UPDATE_FLOPS * state.size
    # A double takes the time of two floats.
    flops = step_flops * model.parameters.itemsize / 4
    shape = partial(shape_of, model.plan, X, state.itemsize, own_batch, state.shape[0])
    threads = execution.threads(
        flops,
        per_thread=SOME_FLOPS / 2,
        pays=lambda most: threads_that_pay(shape(), most),
        alone=calls_python(model),
    )
    clock = _Clock(n, batch_size, first_epoch, total_epochs, optimizer)
    given = model, X, data, optimizer, state, factors, batch_size, threads
    steps: Any
    if ranks.size > 1:
        steps = (OverRanks if ranks.sync_every == 1 else LocalSteps)(*given, ranks, sizes)
    else:
        divided = is_divided(model.plan, X, state.itemsize, batch_size, threads)
        steps = (_Divided if divided else _Whole)(*given, regularization)
    split = split_among(shape(), steps.n_threads) if steps.n_threads > 1 else Split(1, 1)
    with Team(*split) as team:
        for epoch in range(max_epochs):
            if rng is not None and order is not None:
                shuffle_rows(rng, order, window)
            total, trained = 0.0, 0
            with blas_held_to_one_thread():
                steps.epoch_begins()
                if undo is not None and undo.is_waiting:
                    left = None
                    plain = factors is None and not scheduled
                    plain = plain and not regularization.has_l1 and not regularization.max_norm
                    plain = plain and not {"own_loss", "embeddings"} & set(
                        model.function_parameters
                    )
                    if plain and max_epochs == 1 and n <= batch_size:
                        left = steps.rehearse(team, optimizer._rule(**of_rule), n, undo)
                    if left is None:
                        undo.copy()
                    else:
                        total, trained = left, n
                rule = None
                for first in range(trained, n, steps.rows):
                    last = min(n, first + steps.rows)
                    if rule is None:
                        rule = optimizer._rule(**of_rule)
                    else:
                        rule["step"] = optimizer.n_steps
                    numbers = optimizer._numbers(*clock.steps(epoch, first, last), of_dropout)
                    loss, seen = steps.train(team, rule, numbers, first, last)
                    total += loss
                    trained += seen
                total = steps.epoch_ended(total)
            # Mini-batches without weight are not there: they do not thin the loss.
            yield total / max(trained, 1)


def _parts_before(model: Model) -> int:
    """Groups of parameters that stand before the layers: of each column of X, and of factors."""
    told = model.function_parameters
    return len(told["embeddings"]) + told["scaling"] if "embeddings" in told else 0


class _Clock:
    """Where in a fit its steps are."""

    def __init__(self, n_rows, batch_size, first_epoch, total_epochs, optimizer):
        self.batch_size, self.an_epoch = batch_size, -(-n_rows // batch_size)
        self.total = None if total_epochs is None else total_epochs * self.an_epoch
        self.begin = optimizer.n_steps if self.total is None else first_epoch * self.an_epoch

    def steps(self, epoch: int, first: int, last: int) -> tuple[int, int, int | None]:
        """The steps of these rows of an epoch: from the first to before the last, of how many."""
        begin = self.begin + epoch * self.an_epoch
        stop = begin + -(-last // self.batch_size)
        return begin + first // self.batch_size, stop, self.total


class _Steps:
    """What an epoch begins and ends with: nothing, in one process."""

    def epoch_begins(self) -> None:
        pass

    def epoch_ended(self, total: float) -> float:
        return total


class _Whole(_Steps):
    """Slices of whole mini-batches, each trained on in one compiled call."""

    def __init__(self, model, X, data, optimizer, state, factors, batch_size, n_threads, regular):
        self.task = run.Task(
            model.plan, model.output, model.parameters, X, capacity=batch_size,
            **model.function_parameters, **data,
        )  # fmt: skip
        self.optimizer, self.state, self.batch_size = optimizer, state, batch_size
        self.n_threads, self.factors = n_threads, factors
        keeps_gradient = state.shape[0] > 0 or optimizer._clips or regular.has_l1
        keeps_gradient = keeps_gradient or "embeddings" in model.function_parameters
        size = model.parameters.size if keeps_gradient else 0
        self.gradient = np.empty(size, dtype=model.parameters.dtype)
        self.rows = rows_of_training(model.plan, X, state.itemsize, batch_size, state.shape[0])

    def train(
        self, team: Team, rule: NDArray, numbers: NDArray | None, first: int, last: int
    ) -> tuple[float, int]:
        """The sum over mini-batches of their losses times their rows, and the rows trained on."""

        def call(barrier: run.Barrier, thread: int) -> float:
            return self.task.train(
                rule, self.gradient, self.state, first, last, self.batch_size,
                barrier, thread, self.optimizer, numbers, self.factors,
            )  # fmt: skip

        return team.together(call), self.task.n_trained

    def rehearse(self, team: Team, rule: NDArray, n: int, undo: Undo) -> float | None:
        """The loss times its rows of a step on all n rows, which is left to the end.

        None where it would leave parameters that are not finite, or where that cannot be told
        before: the step of plain momentum, and of no momentum, is one with its gradient's sum, and
        clipping takes the gradient for its own.
        """
        if self.optimizer._clips or self.optimizer._code not in REHEARSED:
            return None
        rehearse, move = self.task.rehearse, self.task.move
        arguments = rule, self.gradient, self.state, 0, n

        def make_step() -> None:
            team.together(lambda *member: move(*arguments, *member, self.optimizer))

        loss = team.together(lambda *member: rehearse(*arguments, *member))
        if self.task.unsound:
            return None
        undo.leave_to_the_end(self.optimizer, make_step)
        return loss


class _Divided(_Steps):
    """A mini-batch a slice, so large that its gradient is the sum over blocks of its rows."""

    def __init__(self, model, X, data, optimizer, state, factors, batch_size, n_threads, _):
        self.sweep = Sweep(model, X, execution=Execution(n_threads), **data)
        self.optimizer, self.state, self.rows = optimizer, state, batch_size
        self.n_threads, self.factors = len(self.sweep.tasks), factors
        self.gradient = np.empty_like(model.parameters)

    def train(
        self, team: Team, rule: NDArray, numbers: NDArray | None, first: int, last: int
    ) -> tuple[float, int]:
        """The mini-batch's loss times its rows, and its rows."""
        weight = self.sweep.total_weight(first, last)
        if weight == 0.0:
            return 0.0, 0
        factor = 1.0 if numbers is None else float(numbers[0, 2])
        masks = self.optimizer.n_steps, first, factor
        loss = self.sweep.batch_gradient(self.gradient, first, last, weight, team, masks)

        def call(barrier: run.Barrier, thread: int) -> float:
            return self.sweep.tasks[0].step(
                rule, self.gradient, self.state, weight,
                barrier, thread, self.optimizer, numbers, self.factors,
            )  # fmt: skip

        return (last - first) * (loss + team.together(call)), last - first

    def rehearse(self, team: Team, rule: NDArray, n: int, undo: Undo) -> None:
        """Its step is never left to the end."""
