"""All rows of some data through a network, a block at a time: predict, loss, gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.running.execution import Execution
from cbackprop.running.model import Model, calls_python
from cbackprop.running.ranks import ALONE, Alone
from cbackprop.running.slices import FEWEST_ROWS, flops_per_row, rows_of_a_block, rows_of_a_sweep
from cbackprop.running.threads import Team, blas_held_to_one_thread

SMALL_FLOPS = 1e5  # of a product: BLAS itself stays on one thread below this
SOME_FLOPS = 1e6  # of a sweep: a matter of microseconds, that nothing need interrupt
SWEEP_FLOPS_PER_THREAD = 4e7  # a sweep starts its threads anew


class Sweep:
    """One network and all rows of some data, checked once and swept over as often as needed.

    Parameters
    ----------
    model : Network, or anything with what `Model` asks for
    X, y, sample_weight, rows, loss_scale, sklearns_loss
        As for `cbackprop.engine.run.Task`.
    dropout, seed : optional
        Likewise; of `batch_gradient` alone.
    block_rows : int, optional
        Rows that go through together; by default as many as suit the cache.
    execution : Execution
        On how many threads, each with a range of the rows and buffers of its own.
    ranks : Alone or Ranks
        Whose rows `loss` and `loss_and_gradient` are of: those of all, which all call.
    """

    def __init__(
        self,
        model: Model,
        X: Any,
        *,
        y: NDArray | None = None,
        sample_weight: NDArray | None = None,
        rows: NDArray | None = None,
        loss_scale: float = 1.0,
        sklearns_loss: bool = False,
        dropout: NDArray[np.float64] | None = None,
        seed: int = 0,
        block_rows: int | None = None,
        execution: Execution,
        ranks: Alone = ALONE,
    ):
        self.ranks = ranks
        self.n_rows = X.shape[0] if rows is None else rows.size
        self.plan, self.parameters = model.plan, model.parameters
        self.sample_weight, self.rows = sample_weight, rows
        passes = 1.0 if y is None else 3.0
        # Of dense rows the vector says it at once, where one row is a matter of microseconds.
        dense = not hasattr(X, "indptr")
        per_row = passes * (2.0 * self.parameters.size if dense else flops_per_row(self.plan, X))
        if block_rows is None:
            few = self.n_rows <= FEWEST_ROWS  # one block, however large the network
            block_rows = self.n_rows if few else rows_of_a_block(self.plan, X)
        self.block_rows = max(1, min(block_rows, self.n_rows))
        self.small, self.slice_rows = self.n_rows * per_row < SMALL_FLOPS, 0
        if not self.small and dense and self.n_rows * per_row < SOME_FLOPS:
            products = map(mul, self.plan["n_in"].tolist(), self.plan["n_out"].tolist())
            self.small = 2.0 * self.n_rows * max(products) < SMALL_FLOPS
        n_threads, alone = 1, y is not None and calls_python(model)
        if alone or not self.small:
            flops = self.n_rows * per_row
            n_threads = execution.threads(flops, per_thread=SWEEP_FLOPS_PER_THREAD, alone=alone)
            n_threads = max(1, min(n_threads, self.n_rows // block_rows))
            self.slice_rows = rows_of_a_sweep(
                self.plan, X, self.parameters.itemsize, self.block_rows, passes
            )
        told: dict[str, Any] = {}  # nothing but the rows, for predictions: one row is microseconds
        if y is not None:
            told = {"y": y, "sample_weight": sample_weight}
            told |= {"loss_scale": loss_scale, "sklearns_loss": sklearns_loss}
        if rows is not None:
            told["rows"] = rows
        if dropout is not None:
            told |= {"dropout": dropout, "seed": seed}
        functions = model.function_parameters
        if functions:
            told |= functions
        self.embeds = "embeddings" in told  # so that A_0 is not X
        given = self.plan, model.output, self.parameters, X
        self.tasks = [run.Task(*given, capacity=self.block_rows, **told) for _ in range(n_threads)]
        self._weight = ranks.sum(self.total_weight(0, self.n_rows)) if y is not None else 0.0

    @property
    def dtype(self) -> np.dtype:
        return self.parameters.dtype

    def total_weight(self, first: int, last: int) -> float:
        """What a mean over these rows divides by."""
        if self.sample_weight is None:
            return float(last - first)
        some = slice(first, last)
        weights = self.sample_weight[some if self.rows is None else self.rows[some]]
        return float(weights.sum(dtype=np.float64))

    def takes_at_once(self, n: int) -> bool:
        """Whether n rows go through in one compiled call, that of one task."""
        return self.small or (len(self.tasks) == 1 and n <= self.slice_rows)

    def _together(
        self,
        work: Callable[[int, int, int], float],
        first: int = 0,
        last: int | None = None,
        team: Team | None = None,
    ) -> float:
        """The sum of ``work(thread, first, last)`` over slices of the rows, all by default."""
        stop = self.n_rows if last is None else last
        if first == stop:  # one of several ranks may have none
            return 0.0
        n = len(self.tasks)
        held = team is not None  # and BLAS with it
        if self.small or (held and self.takes_at_once(stop - first)):
            return work(0, first, stop)
        bounds = [first + (stop - first) * i // n for i in range(n + 1)]

        def call(barrier: run.Barrier, thread: int) -> float:
            total, (begin, end) = 0.0, bounds[thread : thread + 2]
            for first in range(begin, end, self.slice_rows):
                if barrier.broken:  # Ctrl-C reaches one thread: the others leave, too
                    break
                total += work(thread, first, min(end, first + self.slice_rows))
            return total

        with (
            blas_held_to_one_thread(),
            Team(n) if team is None else nullcontext(team) as together,
        ):
            return together.together(call)

    def predict(self) -> NDArray:
        """Output activations (n_rows, n_outputs)."""
        out = np.empty((self.n_rows, self.tasks[0].n_outputs), dtype=self.parameters.dtype)
        tasks = self.tasks

        def work(thread: int, first: int, last: int) -> float:
            tasks[thread].predict(out[first:last], first, last)
            return 0.0

        self._together(work)
        return out

    def activations(self, layers: Iterable[int]) -> list[NDArray]:
        """All rows' activations of these layers: (n_rows, units), each.

        Layers are 1 ... L, and 0 for what embeddings make of X.
        """
        widths, dtype = [int(self.plan["n_in"][0]), *self.plan["n_out"].tolist()], self.dtype
        wanted = {i: np.empty((self.n_rows, widths[i]), dtype=dtype) for i in layers}
        tasks, step = self.tasks, self.block_rows

        def work(thread: int, first: int, last: int) -> float:
            outputs = np.empty((min(step, last - first), widths[-1]), dtype=dtype)
            for start in range(first, last, step):
                stop = min(last, start + step)
                tasks[thread].predict(outputs[: stop - start], start, stop)
                inside, _ = tasks[thread].views(stop - start)
                for layer, all_rows in wanted.items():
                    all_rows[start:stop] = (
                        inside[layer - 1] if layer else tasks[thread].embedded(stop - start)
                    )
            return 0.0

        self._together(work)
        return list(wanted.values())

    def loss(
        self, l2: float = 0.0, l2_batch: float = 0.0, l1: float = 0.0, l1_batch: float = 0.0
    ) -> float:
        """The mean loss and its penalties, as `Regularization` says them."""
        own_loss = self._together(
            lambda thread, first, last: self.tasks[thread].loss(first, last, self._weight)
        )
        data_loss = self.ranks.sum(own_loss)
        data_loss += 0.5 * self._share(l2, l2_batch) * self._squares(l2 or l2_batch)
        return data_loss + self._share(l1, l1_batch) * self._absolutes(l1 or l1_batch)

    def loss_and_gradient(
        self,
        gradient: NDArray,
        l2: float = 0.0,
        l2_batch: float = 0.0,
        l1: float = 0.0,
        l1_batch: float = 0.0,
    ) -> float:
        """`loss`, and its gradient into a vector laid out like the parameters."""
        data_loss = self.batch_gradient(gradient, 0, self.n_rows, self._weight)
        data_loss = self.ranks.total(gradient, data_loss)
        decay, shrinkage = self._share(l2, l2_batch), self._share(l1, l1_batch)
        for begin, end in self._weight_ranges():
            weights = self.parameters[begin:end]
            if decay:
                gradient[begin:end] += decay * weights
            if shrinkage:
                gradient[begin:end] += shrinkage * np.sign(weights)
        data_loss += 0.5 * decay * self._squares(decay)
        return data_loss + shrinkage * self._absolutes(shrinkage)

    def batch_gradient(
        self,
        gradient: NDArray,
        first: int,
        last: int,
        weight: float,
        team: Team | None = None,
        masks: tuple[int, int, float] | None = None,
    ) -> float:
        """The loss of rows first ... last, divided by their total weight, and its gradient.

        `masks` as for `cbackprop.engine.run.Task.loss`.
        """

        def work(thread: int, start: int, stop: int, part: NDArray) -> float:
            return self.tasks[thread].loss(start, stop, weight, part, masks)

        return self._with_gradient(gradient, work, first, last, team)

    def numerical_gradient(self, step: float) -> NDArray:
        """The gradient of `loss`, two-sided: every parameter is moved by ``step max(1, |w|)``."""
        vector = self.parameters
        numerical = np.empty_like(vector)
        for i, value in enumerate(vector.tolist()):
            h = step * max(1.0, abs(value))
            vector[i] = up = value + h
            above = self.loss()
            vector[i] = down = value - h
            numerical[i] = (above - self.loss()) / (up - down)
            vector[i] = value
        return numerical

    def backprop(self, gradient: NDArray) -> tuple[float, list[NDArray], list[NDArray]]:
        """The loss, its gradient into a vector, and all rows' activations and deltas by layer.

        With embeddings the first of the activations is what they make of X.
        """
        widths, dtype = self.plan["n_out"].tolist(), self.dtype
        activations, deltas = (
            [np.empty((self.n_rows, width), dtype=dtype) for width in widths] for _ in range(2)
        )
        if self.embeds:
            activations.insert(0, np.empty((self.n_rows, int(self.plan["n_in"][0])), dtype=dtype))

        def work(thread: int, first: int, last: int, part: NDArray) -> float:
            task, loss = self.tasks[thread], 0.0
            for start in range(first, last, self.block_rows):
                stop = min(last, start + self.block_rows)
                loss += task.loss(start, stop, self._weight, part)
                inside, slopes = task.views(stop - start)
                if self.embeds:
                    inside = [task.embedded(stop - start), *inside]
                for all_rows, block in zip(activations + deltas, inside + slopes, strict=True):
                    all_rows[start:stop] = block
            return loss

        return self._with_gradient(gradient, work), activations, deltas

    def _with_gradient(
        self,
        gradient: NDArray,
        work: Callable[[int, int, int, NDArray], float],
        first: int = 0,
        last: int | None = None,
        team: Team | None = None,
    ) -> float:
        """The sum of ``work(thread, start, stop, part)``, and that of the parts, its gradients."""
        gradient[...] = 0.0
        parts = [gradient] + [np.zeros_like(gradient) for _ in self.tasks[1:]]
        loss = self._together(
            lambda thread, start, stop: work(thread, start, stop, parts[thread]), first, last, team
        )
        for part in parts[1:]:
            gradient += part
        return loss

    def _share(self, coefficient: float, of_batch: float) -> float:
        """What of a penalty falls on these rows."""
        return coefficient + of_batch / self._weight if of_batch else coefficient

    def _weight_ranges(self) -> list[tuple[int, int]]:
        """Where the vector holds weights, which decay, and not biases."""
        starts, ends = self.plan["weights"].tolist(), self.plan["biases"].tolist()
        return list(zip(starts, ends, strict=True))

    def _squares(self, wanted: float) -> float:
        """The sum of the squared weights, if it is wanted."""
        if not wanted:
            return 0.0
        ranges = (self.parameters[begin:end] for begin, end in self._weight_ranges())
        return float(sum(np.dot(weights, weights) for weights in ranges))

    def _absolutes(self, wanted: float) -> float:
        """The sum of the weights' absolute values, if it is wanted."""
        if not wanted:
            return 0.0
        ranges = (self.parameters[begin:end] for begin, end in self._weight_ranges())
        return float(sum(np.abs(weights).sum(dtype=np.float64) for weights in ranges))
