"""Which units does dropout leave out?  A hash of where each stands says it."""

import numpy as np

from cbackprop.reference.functions import Array

ODD = np.uint64(0x9E3779B97F4A7C15)


def dropout_masks(
    n_units: int, n_rows: int, rate: float, *, seed: int, step: int, layer: int, first_row: int = 0
) -> Array:
    r"""What the activations of a hidden layer are multiplied by in a step.

    A number from 0 to :math:`2^{32}` is made of the seed and where a unit stands, as `splitmix64`
    (Steele, Lea and Flood, 2014) and Wellons' `lowbias32` mix bits; where it is below
    :math:`2^{32}` rate the unit is left out.  No draw depends on another.

    Parameters
    ----------
    n_units, n_rows : int
        Units of the layer, and rows of the mini-batch.
    rate : float
        The share to leave out, in [0, 1).
    seed, step, layer : int
        A number of 64 bits; steps made before; 0 for the first hidden layer.
    first_row : int, default 0
        Where in the mini-batch the first of the rows stands.

    Returns
    -------
    array (n_rows, n_units)
        0 where a unit is left out, else :math:`1 / (1 - \text{rate})`: the mean stays.

    Raises
    ------
    ValueError
        If the rate is out of range.

    References
    ----------
    Srivastava and others (2014), "Dropout: a simple way to prevent neural networks from
    overfitting", Journal of Machine Learning Research 15.

    Examples
    --------
    >>> dropout_masks(5, 2, 0.5, seed=0, step=0, layer=0).tolist()
    [[2.0, 0.0, 0.0, 0.0, 2.0], [0.0, 2.0, 0.0, 2.0, 2.0]]
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must lie in [0, 1), got {rate}")
    key = _nth_key(_nth_key(np.array([seed], np.uint64), step), layer)
    rows = np.arange(first_row, first_row + n_rows, dtype=np.uint64)
    of_rows = _nth_key(key, rows)[:, np.newaxis]
    numbers = _mixed(of_rows, np.arange(n_units, dtype=np.uint32))
    return np.where(numbers < np.uint32(rate * 2**32), 0.0, 1.0 / (1.0 - rate))


def _nth_key(key: Array, n: int | Array) -> Array:
    """The n-th number of `splitmix64`, begun with `key`."""
    x = key + (np.atleast_1d(np.asarray(n, np.uint64)) + np.uint64(1)) * ODD
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _mixed(keys: Array, units: Array) -> Array:
    """32 bits for each key (n_rows, 1) and unit, half of the key before a mixing, half within."""
    low, high = keys.astype(np.uint32), (keys >> np.uint64(32)).astype(np.uint32)
    x: Array = low + units * np.uint32(0x9E3779B9)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = x ^ high
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))
