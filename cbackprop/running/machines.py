"""How much of several machines is to be expected, from the network, the mini-batch and the link?

A step costs a node its rows' products, 6 operations a parameter and row, and all of them the
all-reduce of a gradient in float32, 8 bytes a parameter. Both grow with the network: what decides
is the rows that a node has in a step, beside the link.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FLOPS, BYTES = 6.0, 8.0  # a parameter: of a row's three passes, and of both ways of an all-reduce
GIGAFLOPS = 1200.0  # of a node of 16 cores, in float32
MOST_ROWS = 2**40  # of a node
STEP_SECONDS = 20e-6  # of a step besides its products: calls from Python


@dataclass(frozen=True)
class Link:
    """Between nodes: bytes a second that reach a node, and the seconds until the first arrives."""

    bandwidth: float
    latency: float


LINKS = {
    "1GbE": Link(0.117e9, 50e-6),
    "10GbE": Link(1.2e9, 30e-6),
    "25GbE": Link(3e9, 20e-6),
    "100GbE": Link(9.6e9, 10e-6),
    "InfiniBand": Link(24e9, 2e-6),  # HDR
}


def n_parameters(layer_sizes: Sequence[int]) -> int:
    """Weights and biases of a network of these layers.

    Examples
    --------
    >>> from cbackprop.running.machines import n_parameters
    >>> n_parameters([100, 256, 256, 256, 10])
    160010
    """
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(layer_sizes))


def step_seconds(
    nodes: int,
    parameters: int,
    batch_size: int,
    link: Link,
    *,
    gigaflops: float = GIGAFLOPS,
    sync_every: int = 1,
    state_vectors: int = 2,
) -> float:
    """A step of a mini-batch of so many rows of all nodes.

    With `sync_every` more than 1 the parameters and the optimizer's vectors, two of Adam, travel
    after so many steps, in place of every step's gradient.
    """
    rows = math.ceil(batch_size / nodes)
    compute = FLOPS * parameters * rows / (gigaflops * 1e9) + STEP_SECONDS
    if nodes == 1:
        return compute
    vectors = 1 if sync_every == 1 else 1 + state_vectors
    traffic = BYTES * vectors * parameters * (nodes - 1) / nodes / link.bandwidth
    return compute + (traffic + 2.0 * math.ceil(math.log2(nodes)) * link.latency) / sync_every


def efficiency(
    nodes: int, parameters: int, batch_size: int, link: Link, **settings: float
) -> float:
    """The speed of so many nodes, by that of one times their number.

    Examples
    --------
    >>> from cbackprop.running.machines import LINKS, efficiency
    >>> round(efficiency(16, 5_000_000, 32_768, LINKS["InfiniBand"]), 2)
    0.97
    >>> round(efficiency(2, 160_010, 256, LINKS["10GbE"]), 2)
    0.16
    """
    one = step_seconds(1, parameters, batch_size, link, **settings)  # type: ignore[arg-type]
    all_ = step_seconds(nodes, parameters, batch_size, link, **settings)  # type: ignore[arg-type]
    return one / all_ / nodes


def rows_for(
    wanted: float, nodes: int, parameters: int, link: Link, **settings: float
) -> int | None:
    """The smallest mini-batch, of all nodes, that makes this efficiency; None if none does."""
    low, high = nodes, nodes * MOST_ROWS
    if efficiency(nodes, parameters, high, link, **settings) < wanted:
        return None
    while low < high:
        middle = (low + high) // 2
        if efficiency(nodes, parameters, middle, link, **settings) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low
