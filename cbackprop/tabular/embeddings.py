"""What do the networks' first layers see of each column that the encoder makes?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cbackprop.network.embeddings import Category, Embedding, Periodic, PiecewiseLinear
from cbackprop.tabular.encoder import TableEncoder
from cbackprop.tabular.numbers import edges_of

WIDTH = 4  # numbers for a column of numbers
CATEGORY_WIDTH = 8

Embeddings = tuple[Embedding | None, ...]


def embeddings_for(
    encoder: TableEncoder,
    encoded: NDArray[np.float32],
    rows: NDArray[np.intp],
    kind: str | None,
) -> Embeddings:
    """An embedding for each column, where numbers and codes want one.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted, with ``numbers="scaled"``.
    encoded : ndarray of shape (n_samples, n_columns)
        What it makes of the table.
    rows : ndarray of int
        Those that are trained on.
    kind : {'piecewise', 'periodic'} or None
        What numbers get.
    """
    out: list[Embedding | None] = [None] * encoded.shape[1]
    for column in range(len(encoder.medians_)):
        out[column] = _of_numbers(encoded[rows, column], kind)
    many = encoder.embedded_sizes()
    for column, n_known in enumerate(many, start=encoded.shape[1] - len(many)):
        out[column] = Category(n_known + 1, CATEGORY_WIDTH)
    return tuple(out)


def _of_numbers(values: NDArray[np.float32], kind: str | None) -> Embedding | None:
    if kind == "periodic":
        return Periodic(WIDTH)
    edges = edges_of(values) if kind == "piecewise" else np.empty(0)
    return PiecewiseLinear(np.unique(edges.astype(np.float32)), WIDTH) if edges.size > 1 else None
