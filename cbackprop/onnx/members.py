"""How do networks side by side become ONNX: a front of embeddings, layers, the outputs' mean?

One batched product serves a layer of all members, so that the graph is as small for many as for
one. All is float32, as the networks are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.functions.activations import as_activations
from cbackprop.network.embeddings import Category, Embedding, Periodic, PiecewiseLinear
from cbackprop.network.network import Network
from cbackprop.onnx.graph import DOUBLE, FLOAT, INT64, Graph, activate

Learnt = list[dict[str, NDArray]]  # of each column


def mean_of_members(graph: Graph, networks: list[Network], rows: str) -> str:
    """The mean of the networks' outputs (n, n_outputs), in float64, of float32 rows."""
    first = networks[0]
    hidden = as_activations(first.activation, len(first.layer_sizes) - 2)
    names = [*((f.name, f.parameter) for f in hidden), (first.output_activation, 0.0)]
    own = list(zip(*(network.activation_weights for network in networks), strict=True))
    activated = ""
    for layer, (name, slope) in enumerate(names):
        weights = np.stack([network.weights[layer] for network in networks])
        biases = np.stack([network.biases[layer] for network in networks])[:, np.newaxis]
        if layer == 0:
            products = _first_products(graph, networks, rows, weights)
        else:
            products = [graph.node("MatMul", activated, graph.constant(weights, FLOAT))]
        z = graph.node("Sum", *products, graph.constant(biases, FLOAT))
        mine = np.stack(own[layer])[:, np.newaxis] if layer < len(own) else None
        activated = activate(graph, name, slope, z, FLOAT, mine)
    outputs = graph.node("Cast", activated, to=DOUBLE)
    total = graph.node("ReduceSum", outputs, graph.integers(0), keepdims=0, op_version=13)
    return graph.node("Div", total, graph.constant(np.array([float(len(networks))]), DOUBLE))


def _first_products(
    graph: Graph, networks: list[Network], rows: str, weights: NDArray
) -> list[str]:
    """What the first layer's z is the sum of: a product for each kind of column."""
    first = networks[0]
    embeddings = first.embeddings or (None,) * first.layer_sizes[0]
    learnt = [network.embedding_parameters or [{}] * len(embeddings) for network in networks]
    if first.input_scaling:
        factors = np.stack([of_one[-1]["scale"] for of_one in learnt])
        weights = weights * factors[..., np.newaxis].astype(np.float64)
    widths = [1 if embedding is None else embedding.width for embedding in embeddings]
    starts = np.cumsum([0, *widths])
    products = []
    for columns in _alike(embeddings):
        made = _embedded(graph, rows, columns, embeddings, learnt)
        of_these = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in columns])
        products.append(graph.node("MatMul", made, graph.constant(weights[:, of_these], FLOAT)))
    return products


def _alike(embeddings: tuple[Embedding | None, ...]) -> list[list[int]]:
    """The columns whose embeddings can be computed together."""
    groups: dict[Any, list[int]] = {}
    for column, embedding in enumerate(embeddings):
        size = embedding.frequencies if isinstance(embedding, Periodic) else 0
        key = None if embedding is None else (embedding.kind, embedding.width, size)
        groups.setdefault(key, []).append(column)
    return list(groups.values())


def _embedded(
    graph: Graph,
    rows: str,
    columns: list[int],
    embeddings: tuple[Embedding | None, ...],
    learnt: list[Learnt],
) -> str:
    """What the first layers get of some columns: (members, n, width), or (n, width) for all."""
    x = rows
    if len(columns) < len(embeddings):
        x = graph.columns(rows, np.array(columns))
    some = [embeddings[column] for column in columns]
    of_some = [[of_one[column] for column in columns] for of_one in learnt]
    if some[0] is None:
        return x
    if isinstance(some[0], Category):
        return _from_tables(graph, x, of_some)
    # (columns, n, 1): each column is a batch of its own, broadcast over the members.
    turned = graph.node("Transpose", x, perm=[1, 0])
    x = graph.node("Reshape", turned, graph.integers(len(columns), -1, 1))
    if isinstance(some[0], Periodic):
        return _waves(graph, x, of_some)
    return _lines(graph, x, [e.edges for e in some if isinstance(e, PiecewiseLinear)], of_some)


def _stacked(learnt: list[Learnt], name: str) -> NDArray:
    """(members, columns, ...)."""
    return np.array([[of_column[name] for of_column in of_one] for of_one in learnt])


def _from_tables(graph: Graph, x: str, learnt: list[Learnt]) -> str:
    """The codes' rows of the tables, which stand below one another."""
    tables = np.stack(
        [np.concatenate([of_column["table"] for of_column in of_one]) for of_one in learnt]
    )
    sizes = [len(of_column["table"]) for of_column in learnt[0]]
    codes = graph.node("Cast", x, to=INT64)
    places = graph.node("Add", codes, graph.integers(*np.cumsum([0, *sizes[:-1]]).tolist()))
    found = graph.node("Gather", graph.constant(tables, FLOAT), places, axis=1)
    width = len(sizes) * tables.shape[-1]
    return graph.node("Reshape", found, graph.integers(len(learnt), -1, width))


def _lines(graph: Graph, x: str, edges: list[NDArray], learnt: list[Learnt]) -> str:
    """What the embedding is at the first edge, and the share of each piece times its rise.

    As in the engine, the rises are differences of float32: far outside they are multiplied.
    """
    most = max(each.size for each in edges) - 1
    shape = len(edges), 1, most
    starts, steps = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    low, high = np.zeros(shape, np.float32), np.zeros(shape, np.float32)  # of what is not there: 0
    width = learnt[0][0]["bias"].size
    begin = np.empty((len(learnt), len(edges), 1, width), np.float32)
    rises = np.zeros((len(learnt), len(edges), most, width), np.float32)
    for column, each in enumerate(edges):
        n, rounded = each.size - 1, each.astype(np.float32)
        starts[column, 0, :n], steps[column, 0, :n] = rounded[:-1], np.diff(rounded)
        high[column, 0, :n] = 1.0
        low[column, 0, 0], high[column, 0, n - 1] = -np.inf, np.inf
        for member, of_one in enumerate(learnt):
            nodes = _nodes(rounded, **of_one[column])
            begin[member, column], rises[member, column, :n] = nodes[0], np.diff(nodes, axis=0)
    constants = [graph.constant(values, FLOAT) for values in (starts, steps, low, high)]
    shares = graph.node("Div", graph.node("Sub", x, constants[0]), constants[1])
    kept = graph.node("Min", graph.node("Max", shares, constants[2]), constants[3])
    above = graph.node("MatMul", kept, graph.constant(rises, FLOAT))
    made = graph.node("Add", above, graph.constant(begin, FLOAT))
    return _by_rows(graph, made, len(learnt), len(edges) * width)


def _nodes(edges: NDArray, bias: NDArray, slope: NDArray, steps: NDArray) -> NDArray:
    """The embedding (n_edges, width) at the edges."""
    sums = np.cumsum(np.concatenate([bias[np.newaxis], steps], dtype=np.float64), axis=0)
    return (sums + np.outer(edges, slope.astype(np.float64))).astype(np.float32)


def _waves(graph: Graph, x: str, learnt: list[Learnt]) -> str:
    """(h W + b, x), h = cos(2 pi x w + c). Whole turns are left out before the cosine."""
    in_turns = _stacked(learnt, "frequencies")[:, :, np.newaxis]
    shifts = _stacked(learnt, "phases")[:, :, np.newaxis].astype(np.float64) / (2.0 * np.pi)
    weights = np.swapaxes(_stacked(learnt, "weights"), 2, 3)
    biases = _stacked(learnt, "biases")[:, :, np.newaxis]
    with_x = [(0, 0)] * 3 + [(0, 1)]  # a last column, for x itself
    weights, biases = np.pad(weights, with_x), np.pad(biases, with_x)
    width = weights.shape[-1]
    turns = graph.node("Mul", x, graph.constant(in_turns, FLOAT))
    turns = graph.node("Add", turns, graph.constant(shifts, FLOAT))
    turns = graph.node("Sub", turns, graph.node("Round", turns))
    angles = graph.node("Mul", turns, graph.constant(np.array([2.0 * np.pi]), FLOAT))
    waves = graph.node("MatMul", graph.node("Cos", angles), graph.constant(weights, FLOAT))
    itself = graph.node("Mul", x, graph.constant(np.eye(width)[-1], FLOAT))
    made = graph.node("Sum", waves, graph.constant(biases, FLOAT), itself)
    return _by_rows(graph, made, len(learnt), weights.shape[1] * width)


def _by_rows(graph: Graph, made: str, n_members: int, width: int) -> str:
    """(members, columns, n, each's width) as (members, n, width)."""
    rows = graph.node("Transpose", made, perm=[0, 2, 1, 3])
    return graph.node("Reshape", rows, graph.integers(n_members, -1, width))
