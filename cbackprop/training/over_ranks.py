"""How do several ranks make a step together: each its rows' gradient, and all the sum's step?

Or, where the link is slow, each its own steps, and all the average of where these lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.running.execution import Execution
from cbackprop.running.sweeps import Sweep
from cbackprop.running.threads import Team
from cbackprop.training.shares import bounds_of_steps
from cbackprop.training.undo import Undo

STEPS_OF_A_SLICE = 64  # what is set up for each slice is small beside so many


class OverRanks:
    """Slices of mini-batches, to which every rank brings its rows, and which are one to the bit.

    Parameters
    ----------
    model, X, data, optimizer, state, factors, batch_size, n_threads
        As in `cbackprop.training.epochs`: the rows are this rank's, `batch_size` is of all.
    ranks : Ranks
    sizes : list of int
        Rows of every rank.
    """

    def __init__(
        self,
        model: Any,
        X: Any,
        data: dict[str, Any],
        optimizer: Any,
        state: NDArray,
        factors: Any,
        batch_size: int,
        n_threads: int,
        ranks: Any,
        sizes: Sequence[int],
    ):
        self.sweep = Sweep(model, X, execution=Execution(n_threads), **data)
        self.optimizer, self.state, self.batch_size = optimizer, state, batch_size
        self.rows = batch_size * STEPS_OF_A_SLICE
        self.n_threads, self.factors = len(self.sweep.tasks), factors
        self.task, self.alone = self.sweep.tasks[0], run.Barrier(1)
        self.drops_out = "dropout" in data
        self.ranks = ranks
        bounds = bounds_of_steps(sizes, batch_size)
        self.own = bounds[:, ranks.rank].tolist()
        lengths = np.diff(bounds, axis=0)
        # Rows of lower ranks come first in a mini-batch: dropout's numbers are drawn by place.
        self.places = lengths[:, : ranks.rank].sum(axis=1).tolist()
        self.at_once = self.sweep.takes_at_once(int(lengths[:, ranks.rank].max(initial=0)))
        self.lengths = lengths.sum(axis=1).tolist()
        self.weights = [float(n) for n in self.lengths]
        self.sums = self._make_sums()

    def _make_sums(self) -> Any:
        parameters = self.sweep.parameters
        return self.ranks.sums(parameters.size, parameters.dtype)

    def epoch_begins(self) -> None:
        """What the mini-batches weigh: as many sums follow as weigh something."""
        if self.sweep.sample_weight is not None:
            own = [self.sweep.total_weight(first, last) for first, last in pairwise(self.own)]
            self.weights = np.sum(self.ranks.gather(own), axis=0).tolist()
        self.sums.begin(sum(weight != 0.0 for weight in self.weights))

    def train(
        self, team: Team, rule: NDArray, numbers: NDArray | None, first: int, last: int
    ) -> tuple[float, int]:
        """This rank's part of the mini-batches' losses times their rows, and the rows of all."""
        total, trained, step = 0.0, 0, rule["step"]
        begin, end = first // self.batch_size, -(-last // self.batch_size)
        for k in range(begin, end):
            step[...] = self.optimizer.n_steps
            of_step = None if numbers is None else numbers[k - begin : k - begin + 1]
            if (weight := self.weights[k]) or self.ranks.sync_every > 1:
                total += self._turn(k, weight, team, rule, of_step)
            trained += self.lengths[k] if weight else 0
        return total, trained

    def _turn(
        self, k: int, weight: float, team: Team, rule: NDArray, numbers: NDArray | None
    ) -> float:
        """This rank's part of the loss of mini-batch k, of which all rows weigh `weight`."""
        loss = self._gradient(self.sums.mine, k, weight, team, numbers)
        penalties = self._step(self.sums.add(), weight, team, rule, numbers)
        return self.lengths[k] * (loss if self.ranks.rank else loss + penalties)

    def _gradient(
        self, gradient: NDArray, k: int, weight: float, team: Team, numbers: NDArray | None
    ) -> float:
        """This rank's rows' part of mini-batch k."""
        begin, end, masks = self.own[k], self.own[k + 1], None
        if self.drops_out:
            factor = 1.0 if numbers is None else float(numbers[0, 2])
            masks = self.optimizer.n_steps, begin - self.places[k], factor
        if not self.at_once:
            return self.sweep.batch_gradient(gradient, begin, end, weight, team, masks)
        gradient.fill(0.0)
        return self.task.loss(begin, end, weight, gradient, masks) if end > begin else 0.0

    def _step(
        self, gradient: NDArray, weight: float, team: Team, rule: NDArray, numbers: NDArray | None
    ) -> float:
        """The penalties before it."""

        def call(barrier: run.Barrier, thread: int) -> float:
            return self.task.step(
                rule, gradient, self.state, weight,
                barrier, thread, self.optimizer, numbers, self.factors,
            )  # fmt: skip

        return call(self.alone, 0) if self.n_threads == 1 else team.together(call)

    def epoch_ended(self, total: float) -> float:
        """The sum over all ranks, which from here on have the same numbers to the bit."""
        self.ranks.same_bits(self.sweep.parameters, self.state)
        return self.ranks.sum(total)

    def rehearse(self, team: Team, rule: NDArray, n: int, undo: Undo) -> None:
        """Its step is never left to the end."""


class LocalSteps(OverRanks):
    """Every rank makes steps of its own rows; after every few of them, all take the mean.

    That of the parameters and of the optimizer's state, weighted by the rows that each has trained
    on since the last one; so that at the end of an epoch, and wherever else anybody looks, all are
    the same. Stich (2019), "Local SGD converges fast and communicates little", arXiv:1805.09767.
    """

    def _make_sums(self) -> Any:
        parameters = self.sweep.parameters
        self.gradient = np.empty_like(parameters)
        self.rows_since, self.all_since = 0, 0
        return self.ranks.sums(parameters.size + self.state.size, parameters.dtype)

    def epoch_begins(self) -> None:
        """What the mini-batches weigh: as many means follow as there are turns."""
        super().epoch_begins()
        self.sums.left = -(-len(self.lengths) // self.ranks.sync_every)

    def _turn(
        self, k: int, weight: float, team: Team, rule: NDArray, numbers: NDArray | None
    ) -> float:
        """This rank's part of the loss of mini-batch k, by a step of its own."""
        n = self.lengths[k]
        begin, end = self.own[k], self.own[k + 1]
        own = self.sweep.total_weight(begin, end) if end > begin else 0.0
        loss = 0.0
        if own > 0.0:
            loss = self._gradient(self.gradient, k, own, team, numbers)
            loss += self._step(self.gradient, weight, team, rule, numbers)
        elif weight > 0.0:
            self.optimizer.n_steps += 1  # as the others do
        self.rows_since, self.all_since = self.rows_since + end - begin, self.all_since + n
        if (k + 1) % self.ranks.sync_every == 0 or k + 1 == len(self.lengths):
            self._take_mean()
        return n * loss * own / weight if weight else 0.0

    def _take_mean(self) -> None:
        parameters, share = self.sweep.parameters, self.rows_since / self.all_since
        size = parameters.size
        np.multiply(parameters, share, out=self.sums.mine[:size])
        np.multiply(self.state.ravel(), share, out=self.sums.mine[size:])
        mean = self.sums.add()
        parameters[...], self.state[...] = mean[:size], mean[size:].reshape(self.state.shape)
        self.rows_since, self.all_since = 0, 0
