"""How much compiled work goes between two looks for Ctrl-C: about a twentieth of a second.

The work is estimated from shapes alone, on the slow side, and not timed: sums then run over the
same slices every time, and a run gives the same bits again.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

SECONDS = 0.05  # of a slice, by the estimates below
LAYER_SECONDS = 0.25  # of a block's product with a layer: between two there is a look
BLOCK_ROWS = 256  # rows that go through together: their activations stay in the cache
STEP_SECONDS = 0.4  # of a step that is not divided
UPDATE_SECONDS = 1.1  # of the half of a step in which there is no look, of a large network
FEWEST_ROWS = 16  # of a block, however large the network: fewer would waste the time they save

# What things take on a slow core, in seconds.
MULTIPLICATION = 1e-10  # in a large matrix product, an addition with it
LARGE_MULTIPLICATION = 2.5e-11  # of many rows with a network too large for the cache
NUMBER = 2e-10  # a byte read or written, out of the cache
LARGE_BYTES = 2**23  # of such a network's parameters
UNIT = 5e-9  # the activation of a unit for a row, or its derivative
ROW = 5e-8  # a row looked up
STEP = 4e-6  # calls for a mini-batch or a block
LAYER = 1e-6


def _parameters(plan: NDArray) -> float:
    # Not plan[-1]["biases"]: NumPy crashes there where memory ends.
    return float(plan["biases"][-1]) + float(plan["n_out"][-1])


def flops_per_row(plan: NDArray, X: Any = None) -> float:
    """Multiplications and additions of a forward pass; of a CSR X only what is stored counts."""
    n_parameters = _parameters(plan)
    if hasattr(X, "indptr"):
        absent = 1.0 - X.nnz / max(1.0, float(X.shape[0]) * X.shape[1])
        n_parameters -= absent * X.shape[1] * float(plan["n_out"][0])
    return 2.0 * n_parameters


def _bytes(plan: NDArray, itemsize: int) -> float:
    return itemsize * _parameters(plan)


def _row_seconds(plan: NDArray, X: Any, itemsize: int, passes: float) -> float:
    """One row through the network; forward, backward and gradient are three passes."""
    units = float(plan["n_out"].sum(dtype=float))
    product = 0.5 * MULTIPLICATION * flops_per_row(plan, X)
    return ROW + passes * (product + UNIT * units) + NUMBER * itemsize * float(X.shape[1])


def rows_of_training(plan: NDArray, X: Any, itemsize: int, batch_size: int, n_states: int) -> int:
    """Rows of a slice of training: whole mini-batches, at least one.

    Every step reads the parameters three times and writes them once, and the optimizer's vectors.
    """
    step = STEP + LAYER * len(plan) + NUMBER * (4 + 2 * n_states) * _bytes(plan, itemsize)
    step += batch_size * _row_seconds(plan, X, itemsize, 3.0)
    return batch_size * max(1, int(SECONDS / step))


def is_divided(plan: NDArray, X: Any, itemsize: int, batch_size: int, threads: int) -> bool:
    """Whether the rows of a mini-batch are too much to go through together, by so many threads.

    It costs a small network nothing, and saves memory. A large one's gradient, which every block
    of rows is added to, is itself much to read and write.
    """
    if batch_size <= rows_of_a_block(plan, X):
        return False
    if _bytes(plan, itemsize) < LARGE_BYTES:
        return batch_size * _row_seconds(plan, X, itemsize, 3.0) / threads > STEP_SECONDS
    row = LARGE_MULTIPLICATION * itemsize / 4 * flops_per_row(plan, X)
    return batch_size * row / threads > UPDATE_SECONDS


def rows_of_a_block(plan: NDArray, X: Any) -> int:
    """Rows that go through together in a sweep."""
    products = 2.0 * plan["n_in"].astype(float) * plan["n_out"]
    if hasattr(X, "indptr"):
        products[0] = 2.0 * X.nnz / max(1, X.shape[0]) * plan["n_out"][0]
    rows = LAYER_SECONDS / (LARGE_MULTIPLICATION * products.max())
    return min(BLOCK_ROWS, max(FEWEST_ROWS, int(rows)))


def rows_of_a_sweep(plan: NDArray, X: Any, itemsize: int, block_rows: int, passes: float) -> int:
    """Rows of a slice of a sweep: whole blocks, at least one."""
    block = STEP + LAYER * len(plan) + NUMBER * passes * _bytes(plan, itemsize)
    block += block_rows * _row_seconds(plan, X, itemsize, passes)
    return block_rows * max(1, int(SECONDS / block))
