"""Targets that a loss is defined for, drawn as the loss's class says."""

import numpy as np

from cbackprop.functions.losses import LOSSES


def targets(rng, n, k, loss, dtype=np.float64):
    """Labels (n,), or numbers (n, k)."""
    kind = LOSSES[loss]
    if kind.takes_labels:
        return rng.integers(0, k, n)
    if kind.highest < np.inf:
        return rng.integers(0, 2, (n, k)).astype(dtype)
    if kind.above_lowest:
        return (0.1 + rng.gamma(2.0, size=(n, k))).astype(dtype)
    if kind.lowest > -np.inf:
        return rng.poisson(1.0, (n, k)).astype(dtype)
    return rng.normal(size=(n, k)).astype(dtype)
