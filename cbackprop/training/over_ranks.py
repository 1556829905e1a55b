"""How do several ranks make a step together: each its rows' gradient, and all the sum's step?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.running.execution import Execution
from cbackprop.running.ranks import Alone
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
        self.ranks: Alone = ranks
        bounds = bounds_of_steps(sizes, batch_size)
        self.own = bounds[:, ranks.rank].tolist()
        lengths = np.diff(bounds, axis=0)
        self.lengths = lengths.sum(axis=1)
        # Rows of lower ranks come first in a mini-batch: dropout's numbers are drawn by place.
        self.places = lengths[:, : ranks.rank].sum(axis=1).tolist()
        self.sums = ranks.sums(model.parameters.size, model.parameters.dtype)
        self.weights = self.lengths.astype(np.float64)

    def epoch_begins(self) -> None:
        """What the mini-batches weigh: as many sums follow as weigh something."""
        own, some = None, int(np.count_nonzero(self.weights))
        if self.sweep.sample_weight is not None:
            pairs = zip(self.own[:-1], self.own[1:], strict=True)
            own = np.array([self.sweep.total_weight(first, last) for first, last in pairs])
            self.weights = np.sum(self.ranks.gather(own), axis=0)
            some = int(np.count_nonzero(self.weights))
        self.sums.begin(some)

    def train(
        self, team: Team, rule: NDArray, numbers: NDArray | None, first: int, last: int
    ) -> tuple[float, int]:
        """This rank's part of the mini-batch's loss times its rows, and the rows of all."""
        k = first // self.rows
        weight, n = float(self.weights[k]), int(self.lengths[k])
        if weight == 0.0:
            return 0.0, 0
        begin, end = self.own[k], self.own[k + 1]
        factor = 1.0 if numbers is None else float(numbers[0, 2])
        masks = self.optimizer.n_steps, begin - self.places[k], factor
        loss = self.sweep.batch_gradient(self.sums.mine, begin, end, weight, team, masks)
        gradient = self.sums.add()

        def call(barrier: run.Barrier, thread: int) -> float:
            return self.sweep.tasks[0].step(
                rule, gradient, self.state, weight,
                barrier, thread, self.optimizer, numbers, self.factors,
            )  # fmt: skip

        penalties = team.together(call)
        return n * (loss if self.ranks.rank else loss + penalties), n

    def epoch_ended(self, total: float) -> float:
        """The sum over all ranks, which from here on have the same numbers to the bit."""
        self.ranks.same_bits(self.sweep.parameters, self.state)
        return self.ranks.sum(total)

    def rehearse(self, team: Team, rule: NDArray, n: int, undo: Undo) -> None:
        """Its step is never left to the end."""
