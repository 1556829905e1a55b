"""What a training step costs on so many threads, and so how many of them pay, from shapes alone.

A step is modelled, not timed: the same call then works on the same threads every time, and gives
the same bits. The constants were measured on two kinds of processor (benchmarks/README.md); that
of `TRAFFIC` explains what 2 to 16 threads of one of them took for networks of 6,000 to 1,800,000
parameters within a quarter.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from numpy.typing import NDArray

# Seconds, on one core.
MULTIPLICATION = 2.3e-11  # of float32 in a product, an addition with it; a double takes two
STORED = 1e-10  # likewise, of a sparse row's stored value
LOOKED_AT = 1e-9  # a stored value, by a thread that has another part of the gradient
COPIED = 9e-11  # a byte of a factor that a product copies for itself
UNIT = 1.5e-10  # a float32 unit's activation, or its derivative
UPDATED = 5e-11  # a byte that the update reads or writes
STEP = 1e-6  # what a step costs beside all that
# Between cores.
TRAFFIC = 2.5e-10  # a byte that another core has written
MEETING, MEMBER = 3e-6, 1e-6  # a barrier, and each thread that it waits for

COLUMNS = 16  # of a layer: a member of a squad takes no fewer, as engine/regions.pxd has it

SOME_FLOPS = 4e6  # of a step: more than one thread is not thought of below this
WORTH = 1.05  # fewer threads are taken if more would not be faster by this


class Split(NamedTuple):
    """How a step is divided: among how many threads, how many of which share rows."""

    threads: int
    squad_size: int


class Shape(NamedTuple):
    """What the cost of a step is made of."""

    widths: tuple[int, ...]  # of X and of the layers
    batch_size: int
    itemsize: int
    n_states: int  # vectors of the optimizer
    stored: float  # values of a sparse row of X; 0 for a dense X


def shape_of(plan: NDArray, X: Any, itemsize: int, batch_size: int, n_states: int) -> Shape:
    """The shape of a network's step on rows of X."""
    widths = (int(plan["n_in"][0]), *map(int, plan["n_out"]))
    stored = X.nnz / max(1, X.shape[0]) if hasattr(X, "indptr") else 0.0
    return Shape(widths, batch_size, itemsize, n_states, stored)


def traffic_seconds(shape: Shape, split: Split) -> float:
    """What of a step is reading what other cores have written."""
    return seconds(shape, split) - seconds(shape, split, traffic=0.0)


def seconds(shape: Shape, split: Split, *, traffic: float = TRAFFIC) -> float:
    """What a step takes.

    A squad of c among p threads has c / p of the rows; each of its threads makes all columns of a
    layer for some of them, or, where the layer is wide enough, some columns for all of them. So it
    is with the rows of W in the update.
    """
    p, c = split
    m, s = shape.batch_size, shape.itemsize
    others = traffic * (1.0 - 1.0 / p)
    shared = traffic * (1.0 - 1.0 / c)
    rows = m * c / p  # of a squad
    total, meetings, apart = STEP, 0, True
    for index, (n_in, n_out) in enumerate(zip(shape.widths[:-1], shape.widths[1:], strict=True)):
        weights = float(n_in) * n_out * s
        stored = shape.stored if index == 0 else 0.0
        if stored:
            product = stored * m * n_out * STORED * s / 4 / p
            total += 2.0 * product + LOOKED_AT * stored * m
            inputs = 0.0
        else:
            product = MULTIPLICATION * s / 4 * n_in * n_out * m / p
            total += product * (3.0 if index else 2.0)
            inputs = float(n_in) * s
        by_columns = c > 1 and n_out >= COLUMNS * c and not stored
        columns = part = c if by_columns else 1
        # Forward: W, copied and from others; the squad's rows of A.
        total += weights / part * ((0.0 if stored else COPIED) + others)
        if by_columns:
            meetings += 1 + apart
            total += rows * inputs * shared
        apart = not by_columns
        # Backward: W again, other rows of it if there are columns here.
        if index:
            by_rows_of_w = c > 1 and n_in >= COLUMNS * c
            part = c if by_rows_of_w else 1
            total += weights / part * (COPIED + (others if by_rows_of_w else 0.0))
            if by_rows_of_w:
                meetings += 1
                total += rows * n_out * s * shared
        # Gradient: of a block of W, so some columns of A, and of D.
        total += (COPIED + others) * m * n_out * s / columns + others * m * inputs * columns / p
        total += 3.0 * UNIT * s / 4 * m * n_out / p
        total += UPDATED * (3 + 2 * shape.n_states) * weights / p
    if p > 1:
        total += 2.0 * (MEETING + MEMBER * p) + meetings * (MEETING + MEMBER * c)
    return total


def _divisors(n: int) -> Iterable[int]:
    return (c for c in range(1, n + 1) if n % c == 0)


@lru_cache(256)
def split_among(shape: Shape, threads: int) -> Split:
    """The quickest squads of so many threads."""
    return min((Split(threads, c) for c in _divisors(threads)), key=lambda s: seconds(shape, s))


def _counts(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, 16, ... and the largest: nobody tells 13 threads from 12."""
    counts, n = {1, most}, 2
    while n <= most:
        counts |= {n, n * 3 // 2} if n * 3 // 2 <= most else {n}
        n *= 2
    return sorted(counts)


@lru_cache(256)
def threads_that_pay(shape: Shape, most: int) -> int:
    """The fewest threads, `most` at most, that are about as quick as any number of them."""
    taken = {n: seconds(shape, split_among(shape, n)) for n in _counts(most)}
    enough = WORTH * min(taken.values())
    return next(n for n, time in taken.items() if time <= enough)
