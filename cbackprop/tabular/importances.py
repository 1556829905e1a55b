"""How much of the members' first layers does each column of the table make up?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cbackprop.network.network import Network

ROWS_AT_ONCE = 4096  # of float32 in float64, for sums


def spreads_of(encoded: Any) -> NDArray[np.float64]:
    """The standard deviation of every encoded column, of an array or a CSR matrix; 0 of one row."""
    n, width = encoded.shape
    center = np.asarray(encoded.mean(axis=0, dtype=np.float64)).ravel()
    squares = np.zeros(width)
    if sparse.issparse(encoded):
        # What is not stored is 0: its distance from the mean is the mean.
        columns, values = encoded.indices, encoded.data.astype(np.float64)
        far = (values - center[columns]) ** 2 - center[columns] ** 2
        squares += np.bincount(columns, far, minlength=width) + n * center**2
    else:
        for first in range(0, n, ROWS_AT_ONCE):
            squares += ((encoded[first : first + ROWS_AT_ONCE] - center) ** 2).sum(axis=0)
    return np.sqrt(np.maximum(squares, 0.0) / n)


def importances_of(
    networks: list[Network], spreads: NDArray, sources: NDArray[np.intp], n_columns: int
) -> NDArray[np.float64]:
    """The share of every column of the table; all 0 where no column differs between rows.

    Parameters
    ----------
    networks : list of Network
    spreads : ndarray of shape (n_encoded,)
        The standard deviation of every encoded column.
    sources : intp array of shape (n_encoded,)
        The column of the table that each comes from.
    n_columns : int
        Columns of the table.

    Returns
    -------
    ndarray of shape (n_columns,)
    """
    total = np.zeros(n_columns)
    for network in networks:
        weights = network.weights[0].astype(np.float64)
        squares = (weights**2).sum(axis=1) * spreads**2
        share = np.sqrt(np.bincount(sources, squares, minlength=n_columns))
        total += share / (share.sum() or 1.0)
    return total / (total.sum() or 1.0)
