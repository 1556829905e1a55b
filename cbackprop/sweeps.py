"""All rows of some data through a network, a block at a time: predict, loss, gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.plan import Model
from cbackprop.threads import Team, blas_held_to_one_thread, number_of_threads

BLOCK_ROWS = 256  # rows that go through together: their activations stay in the cache
SLICE_FLOPS = 5e8  # work between two looks for Ctrl-C: less than 0.1 s on a slow core
SMALL_FLOPS = 1e5  # BLAS itself stays on one thread below this
SWEEP_FLOPS_PER_THREAD = 4e7  # a sweep starts its threads anew


def flops_per_row(plan: NDArray, X: Any = None) -> float:
    """Multiplications and additions of a forward pass; of a CSR X only what is stored counts."""
    n_parameters = float(plan[-1]["biases"]) + float(plan[-1]["n_out"])
    if hasattr(X, "indptr"):
        absent = 1.0 - X.nnz / max(1.0, float(X.shape[0]) * X.shape[1])
        n_parameters -= absent * X.shape[1] * float(plan[0]["n_out"])
    return 2.0 * n_parameters


class Sweep:
    """One network and all rows of some data, checked once and swept over as often as needed.

    Parameters
    ----------
    model : Network, or anything with its plan, output and parameters
    X, y, sample_weight, rows, loss_scale
        As for `cbackprop.engine.run.Task`.
    block_rows : int, optional
        Rows that go through together.
    n_jobs : int or None
        Threads, each with a range of the rows and buffers of its own.
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
        block_rows: int = BLOCK_ROWS,
        n_jobs: int | None = None,
    ):
        self.n_rows = X.shape[0] if rows is None else rows.size
        self.plan, self.parameters = model.plan, model.parameters
        self.sample_weight = sample_weight
        per_row = flops_per_row(self.plan, X) * (1.0 if y is None else 3.0)
        self.small = self.n_rows * per_row < SMALL_FLOPS
        n_threads = 1
        if not self.small:
            flops = self.n_rows * per_row
            n_threads = number_of_threads(n_jobs, flops, per_thread=SWEEP_FLOPS_PER_THREAD)
            n_threads = max(1, min(n_threads, self.n_rows // block_rows))
            self.slice_rows = max(1, int(SLICE_FLOPS / per_row))
            self.bounds = [self.n_rows * i // n_threads for i in range(n_threads + 1)]
        self.tasks = [
            run.Task(
                self.plan,
                model.output,
                self.parameters,
                X,
                y=y,
                sample_weight=sample_weight,
                rows=rows,
                capacity=max(1, min(block_rows, self.n_rows)),
                loss_scale=loss_scale,
            )
            for _ in range(n_threads)
        ]
        self._weight = self._rows_weight(rows) if y is not None else 0.0

    def _rows_weight(self, rows: NDArray | None) -> float:
        if self.sample_weight is None:
            return float(self.n_rows)
        weights = self.sample_weight if rows is None else self.sample_weight[rows]
        return float(weights.sum(dtype=np.float64))

    def _together(self, work: Callable[[int, int, int], float]) -> float:
        """The sum of ``work(thread, first, last)`` over slices of the rows."""
        if self.small:
            return work(0, 0, self.n_rows)
        stop = False

        def call(_: run.Team, thread: int) -> float:
            nonlocal stop
            total, (begin, end) = 0.0, self.bounds[thread : thread + 2]
            try:
                for first in range(begin, end, self.slice_rows):
                    if stop:
                        break
                    total += work(thread, first, min(end, first + self.slice_rows))
            except BaseException:  # Ctrl-C reaches one thread: the others leave, too
                stop = True
                raise
            return total

        with blas_held_to_one_thread(), Team(len(self.tasks)) as team:
            return team.together(call)

    def predict(self) -> NDArray:
        """Output activations (n_rows, n_outputs)."""
        out = np.empty((self.n_rows, int(self.plan["n_out"][-1])), dtype=self.parameters.dtype)
        tasks = self.tasks

        def work(thread: int, first: int, last: int) -> float:
            tasks[thread].predict(out[first:last], first, last)
            return 0.0

        self._together(work)
        return out

    def loss(self, l2: float = 0.0, l2_batch: float = 0.0) -> float:
        """The mean loss and its L2 term, ``(l2 + l2_batch / weight) / 2 |W|^2``."""
        data_loss = self._together(
            lambda thread, first, last: self.tasks[thread].loss(first, last, self._weight)
        )
        return data_loss + 0.5 * self._decay(l2, l2_batch) * self._squares(l2 or l2_batch)

    def loss_and_gradient(self, gradient: NDArray, l2: float = 0.0, l2_batch: float = 0.0) -> float:
        """`loss`, and its gradient into a vector laid out like the parameters."""
        gradient[...] = 0.0
        parts = [gradient] + [np.zeros_like(gradient) for _ in self.tasks[1:]]
        data_loss = self._together(
            lambda thread, first, last: self.tasks[thread].loss(
                first, last, self._weight, parts[thread]
            )
        )
        for part in parts[1:]:
            gradient += part
        decay = self._decay(l2, l2_batch)
        if decay:
            for begin, end in self._weight_ranges():
                gradient[begin:end] += decay * self.parameters[begin:end]
        return data_loss + 0.5 * decay * self._squares(decay)

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

    def activations_and_deltas(self) -> tuple[list[NDArray], list[NDArray]]:
        """Of every layer, after a sweep whose block held all rows."""
        return self.tasks[0].views(self.n_rows)

    def _decay(self, l2: float, l2_batch: float) -> float:
        return l2 + l2_batch / self._weight if l2_batch else l2

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
