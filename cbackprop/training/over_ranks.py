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


class OverRanks:
    """A mini-batch a slice, to which every rank brings its rows, and which is one to the bit.

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
        self.optimizer, self.state, self.rows = optimizer, state, batch_size
        self.n_threads, self.factors = len(self.sweep.tasks), factors
        self.alone = run.Barrier(1)
        self.ranks = ranks
        bounds = bounds_of_steps(sizes, batch_size)
        self.own = bounds[:, ranks.rank].tolist()
        lengths = np.diff(bounds, axis=0)
        self.lengths = lengths.sum(axis=1)
        # Rows of lower ranks come first in a mini-batch: dropout's numbers are drawn by place.
        self.places = lengths[:, : ranks.rank].sum(axis=1).tolist()
        self.weights = self.lengths.astype(np.float64)
        self.sums = self._make_sums()

    def _make_sums(self) -> Any:
        parameters = self.sweep.parameters
        return self.ranks.sums(parameters.size, parameters.dtype)

    def epoch_begins(self) -> None:
        """What the mini-batches weigh: as many sums follow as weigh something."""
        if self.sweep.sample_weight is not None:
            own = [self.sweep.total_weight(first, last) for first, last in pairwise(self.own)]
            self.weights = np.sum(self.ranks.gather(own), axis=0)
        self.sums.begin(int(np.count_nonzero(self.weights)))

    def train(
        self, team: Team, rule: NDArray, numbers: NDArray | None, first: int, last: int
    ) -> tuple[float, int]:
        """This rank's part of the mini-batch's loss times its rows, and the rows of all."""
        k = first // self.rows
        weight, n = float(self.weights[k]), int(self.lengths[k])
        if weight == 0.0:
            return 0.0, 0
        loss = self._gradient(self.sums.mine, k, weight, team, numbers)
        penalties = self._step(self.sums.add(), weight, team, rule, numbers)
        return n * (loss if self.ranks.rank else loss + penalties), n

    def _gradient(
        self, gradient: NDArray, k: int, weight: float, team: Team, numbers: NDArray | None
    ) -> float:
        """This rank's rows' part of mini-batch k, of which all rows weigh `weight`."""
        begin, end = self.own[k], self.own[k + 1]
        factor = 1.0 if numbers is None else float(numbers[0, 2])
        masks = self.optimizer.n_steps, begin - self.places[k], factor
        return self.sweep.batch_gradient(gradient, begin, end, weight, team, masks)

    def _step(
        self, gradient: NDArray, weight: float, team: Team, rule: NDArray, numbers: NDArray | None
    ) -> float:
        """The penalties before it."""

        def call(barrier: run.Barrier, thread: int) -> float:
            return self.sweep.tasks[0].step(
                rule, gradient, self.state, weight,
                barrier, thread, self.optimizer, numbers, self.factors,
            )  # fmt: skip

        return team.together(call) if self.n_threads > 1 else call(self.alone, 0)

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

    def train(
        self, team: Team, rule: NDArray, numbers: NDArray | None, first: int, last: int
    ) -> tuple[float, int]:
        """This rank's part of the mini-batch's loss times its rows, and the rows of all."""
        k = first // self.rows
        weight, n = float(self.weights[k]), int(self.lengths[k])
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
        return (n * loss * own / weight, n) if weight else (0.0, 0)

    def _take_mean(self) -> None:
        parameters, share = self.sweep.parameters, self.rows_since / self.all_since
        size = parameters.size
        np.multiply(parameters, share, out=self.sums.mine[:size])
        np.multiply(self.state.ravel(), share, out=self.sums.mine[size:])
        mean = self.sums.add()
        parameters[...], self.state[...] = mean[:size], mean[size:].reshape(self.state.shape)
        self.rows_since, self.all_since = 0, 0
