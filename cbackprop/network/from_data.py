"""How are a network's first parameters made to suit the rows that it will be trained on?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.network.forward import beginning
from cbackprop.running.execution import Execution
from cbackprop.running.sweeps import Sweep

ROWS = 4096  # that are gone through together: a layer's z of all would take too much memory
SMALL = 2.0**-600  # times a float64 it has a square
POINTS = 5  # rows that a unit's bias is made of


def initialize_from(network: Any, X: Any, rng: np.random.RandomState, execution: Execution) -> None:
    """Weights and biases, layer by layer, of checked rows: see `Network.initialize_from`."""
    for layer, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        n_in, n_out = W.shape
        W[...], b[...] = rng.normal(size=(n_in, n_out)) / np.sqrt(n_in), 0.0
        W /= deviations(network, X, layer, execution)
        rows = rng.randint(X.shape[0], size=(POINTS, n_out))
        shares = rng.exponential(size=(POINTS, n_out))
        z = at_rows(network, X, layer, rows, execution)
        b[...] = -np.sum(shares / shares.sum(axis=0) * z, axis=0)


def deviations(network: Any, X: Any, layer: int, execution: Execution) -> NDArray[np.float64]:
    """The standard deviation, over the rows, of each unit's z; 1 where it is the same for all.

    The same up to rounding: a constant column would otherwise become anything. And up to what has
    an inverse in the network's dtype.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = _mean_and_deviation(network, X, layer, execution, 1.0)
    if not np.isfinite(deviation).all():  # squares too large for a float64
        of_small = _mean_and_deviation(network, X, layer, execution, SMALL)
        mean, deviation = (each / SMALL for each in of_small)
    about = np.finfo(network.dtype)
    least = np.maximum(100 * about.eps * np.abs(mean), 1000 * about.tiny)
    return np.where(deviation > least, deviation, 1.0)


def _mean_and_deviation(
    network: Any, X: Any, layer: int, execution: Execution, scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each unit's z, times the scale."""
    n, mean, squares = 0, np.zeros(1), np.zeros(1)
    for first in range(0, X.shape[0], ROWS):
        z = scale * _z(network, X[first : first + ROWS], layer, execution)
        more, of_block = len(z), z.mean(axis=0)
        apart = of_block - mean
        squares = squares + ((z - of_block) ** 2).sum(axis=0) + apart**2 * (n * more / (n + more))
        mean, n = mean + apart * (more / (n + more)), n + more
    return mean, np.sqrt(squares / n)


def at_rows(
    network: Any, X: Any, layer: int, rows: NDArray[np.intp], execution: Execution
) -> NDArray[np.float64]:
    """For every unit its z at the rows of its column: (the rows of each, units)."""
    places, where = np.unique(rows, return_inverse=True)
    z = _z(network, X[places], layer, execution)
    return z[where.reshape(rows.shape), np.arange(rows.shape[1])]


def _z(network: Any, X: Any, layer: int, execution: Execution) -> NDArray[np.float64]:
    sweep = Sweep(beginning(network, layer + 1), X, execution=execution)
    return sweep.predict().astype(np.float64)
