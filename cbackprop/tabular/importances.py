"""How much of the members' first layers does each column of the table make up?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cbackprop.network.network import Network
from cbackprop.running.sweeps import Sweep
from cbackprop.tabular.members import ALONE

MOST_ROWS = 8192  # that spreads are taken of


def spreads_of(networks: list[Network], encoded: NDArray) -> list[NDArray[np.float64]]:
    """The standard deviations of the numbers that each network's first layer gets."""
    some = np.ascontiguousarray(encoded[:: -(-len(encoded) // MOST_ROWS)])
    spreads = []
    for network in networks:
        inputs = some
        if network.embeddings is not None:
            inputs = Sweep(network, some, execution=ALONE).activations([0])[0]
        # Seen from the first row, so that constants have exactly none.
        spreads.append((inputs.astype(np.float64) - inputs[0]).std(axis=0))
    return spreads


def importances_of(
    networks: list[Network], spreads: list[NDArray], sources: NDArray[np.intp], n_columns: int
) -> NDArray[np.float64]:
    """The share of every column of the table; all 0 where no column differs between rows.

    Parameters
    ----------
    networks : list of Network
    spreads : list of ndarrays
        As of `spreads_of`.
    sources : intp array of shape (n_encoded,)
        The column of the table that each encoded column comes from.
    n_columns : int
        Columns of the table.

    Returns
    -------
    ndarray of shape (n_columns,)
    """
    total = np.zeros(n_columns)
    for network, spread in zip(networks, spreads, strict=True):
        embeddings = network.embeddings or [None] * len(sources)
        widths = [1 if embedding is None else embedding.width for embedding in embeddings]
        weights = network.weights[0].astype(np.float64)
        squares = (weights**2).sum(axis=1) * spread**2
        share = np.sqrt(np.bincount(np.repeat(sources, widths), squares, minlength=n_columns))
        total += share / (share.sum() or 1.0)
    return total / (total.sum() or 1.0)
