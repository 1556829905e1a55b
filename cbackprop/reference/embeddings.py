"""What do embeddings make of the columns of X, and what is the gradient by what they learn?"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from cbackprop.reference.functions import Array

Learnt = Mapping[str, ArrayLike]


def encoding(x: Array, edges: ArrayLike) -> Array:
    """Compute the share of each piece between two edges that lies below x.

    Parameters
    ----------
    x : array (n,)
        Numbers.
    edges : array (n_edges,)
        Where the pieces meet, rising.

    Returns
    -------
    array (n, n_edges - 1)
        Between 0 and 1, but the first may be below, and the last above: there the lines go on.

    References
    ----------
    Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in tabular deep
    learning", arXiv:2203.05556, section 3.2.

    Examples
    --------
    >>> encoding(np.array([3.0, -1.0]), [0, 1.75, 6, 20]).round(4).tolist()
    [[1.0, 0.2941, 0.0], [-0.5714, 0.0, 0.0]]
    """
    edges = np.asarray(edges, dtype=x.dtype)
    shares = (x[:, np.newaxis] - edges[:-1]) / np.diff(edges)
    low, high = np.zeros(edges.size - 1), np.ones(edges.size - 1)
    low[0], high[-1] = -np.inf, np.inf
    return np.clip(shares, low, high)


def embed(X: ArrayLike, parameters: Sequence[Learnt], edges: Sequence[ArrayLike | None]) -> Array:
    r"""Compute :math:`A_0`, what the first layer gets, from X, column by column.

    Parameters
    ----------
    X : array (n, n_features)
        Examples, a row each.
    parameters : list of dicts, as `cbackprop.Network.embedding_parameters`
        For each column what its embedding learns, by name, and nothing for a number that stays as
        it is; at the end, if there is one more, ``{"scale": (width,)}``.
    edges : list
        For each column the edges of its pieces, or None.

    Returns
    -------
    array (n, width)
        :math:`b + x l + e(x) V` for pieces, e being `encoding`;
        :math:`(\cos(2 \pi x w + c) W^T + b, \; x)` for waves; row x of the table for categories; x
        for the others. All times the scale.

    Examples
    --------
    >>> table = {"table": [[0.0, 0.0], [1.0, 2.0]]}
    >>> embed([[0.5, 1.0]], [{}, table], [None, None]).tolist()
    [[0.5, 1.0, 2.0]]
    """
    return _embed(np.asarray(X, dtype=np.float64), *_split(X, parameters), edges)[0]


def embed_gradient(
    X: ArrayLike,
    parameters: Sequence[Learnt],
    edges: Sequence[ArrayLike | None],
    delta: ArrayLike,
) -> list[dict[str, Array]]:
    """Compute the gradient by what embeddings learn from that by :math:`A_0`.

    Parameters
    ----------
    X : array (n, n_features)
        Examples, a row each.
    parameters, edges : list
        As for `embed`.
    delta : array (n, width)
        The derivative of the cost by every number of :math:`A_0`: :math:`D_1 W_1^T`, divided as the
        cost is.

    Returns
    -------
    list of dicts
        Laid out as `parameters`.

    Examples
    --------
    >>> table = {"table": [[0.0, 0.0], [1.0, 2.0]]}
    >>> nabla = embed_gradient([[0.5, 1.0]], [{}, table], [None, None], [[1.0, 3.0, 4.0]])
    >>> nabla[1]["table"].tolist()
    [[0.0, 0.0], [3.0, 4.0]]
    """
    X, delta = np.asarray(X, dtype=np.float64), np.asarray(delta, dtype=np.float64)
    columns, scale = _split(X, parameters)
    _, made = _embed(X, columns, scale, edges)
    out: list[dict[str, Array]] = []
    begin = 0
    of_made = delta if scale is None else delta * scale
    for x, learnt, edge in zip(X.T, columns, edges, strict=True):
        end = begin + _width(learnt)
        out.append(_gradient(x, learnt, edge, of_made[:, begin:end]))
        begin = end
    if scale is not None:
        out.append({"scale": (delta * made).sum(axis=0)})
    return out


def _split(X: ArrayLike, parameters: Sequence[Learnt]) -> tuple[list[dict], Array | None]:
    arrays = [{k: np.asarray(v, dtype=np.float64) for k, v in p.items()} for p in parameters]
    if len(arrays) == np.shape(X)[1] + 1:
        return arrays[:-1], arrays[-1]["scale"]
    return arrays, None


def _embed(X: Array, columns: list[dict], scale: Array | None, edges) -> tuple[Array, Array]:
    made = np.concatenate(
        [_column(x, learnt, edge) for x, learnt, edge in zip(X.T, columns, edges, strict=True)],
        axis=1,
    )
    return (made if scale is None else made * scale), made


def _width(learnt: dict) -> int:
    if "steps" in learnt:
        return len(learnt["bias"])
    if "frequencies" in learnt:
        return len(learnt["biases"]) + 1
    return learnt["table"].shape[1] if "table" in learnt else 1


def _column(x: Array, learnt: dict, edges: ArrayLike | None) -> Array:
    if "steps" in learnt:
        assert edges is not None
        lines = np.outer(x, learnt["slope"]) + encoding(x, edges) @ learnt["steps"]
        return learnt["bias"] + lines
    if "frequencies" in learnt:
        waves = np.cos(2 * np.pi * np.outer(x, learnt["frequencies"]) + learnt["phases"])
        return np.column_stack([waves @ learnt["weights"].T + learnt["biases"], x])
    if "table" in learnt:
        return learnt["table"][_rows(x, learnt)]
    return x[:, np.newaxis]


def _rows(x: Array, learnt: dict) -> Array:
    """The table's rows: the first for what is no code of it."""
    known = (x >= 0) & (x < len(learnt["table"]))
    return np.where(known, x, 0).astype(int)


def _gradient(x: Array, learnt: dict, edges: ArrayLike | None, D: Array) -> dict[str, Array]:
    if "steps" in learnt:
        assert edges is not None
        return {"bias": D.sum(axis=0), "slope": x @ D, "steps": encoding(x, edges).T @ D}
    if "frequencies" in learnt:
        angles = 2 * np.pi * np.outer(x, learnt["frequencies"]) + learnt["phases"]
        D = D[:, :-1]  # x itself is given
        of_angles = -np.sin(angles) * (D @ learnt["weights"])
        return {
            "frequencies": 2 * np.pi * (x @ of_angles),
            "phases": of_angles.sum(axis=0),
            "weights": D.T @ np.cos(angles),
            "biases": D.sum(axis=0),
        }
    if "table" in learnt:
        table = np.zeros_like(learnt["table"])
        np.add.at(table, _rows(x, learnt), D)
        return {"table": table}
    return {}
