"""How does TableEncoder become ONNX: scaled numbers, pieces, holes, categories of 0 and 1, codes?

Numbers are scaled in float64, whatever the inputs are: of years, or of what is around 1e9, float32
would leave little behind the median. What comes out is float32, as of `transform`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cbackprop.onnx.columns import Columns
from cbackprop.onnx.graph import DOUBLE, FLOAT, INT64, Graph
from cbackprop.tabular import TableEncoder
from cbackprop.tabular.at_once import numbers_of
from cbackprop.tabular.categories import Spread
from cbackprop.tabular.numbers import FAR
from cbackprop.tabular.table import Column


def encoded(graph: Graph, operator: Any, encoder: TableEncoder) -> str:
    """What `transform` makes of the operator's inputs: (n, n_columns) of float32."""
    columns = Columns(operator, encoder)
    parts = [*_numbers(graph, columns, encoder), *_categories(graph, columns, encoder)]
    if not parts:
        raise ValueError("the encoder makes no columns of its table: there is nothing to export")
    return graph.side_by_side(parts)


def _numbers(graph: Graph, columns: Columns, encoder: TableEncoder) -> list[str]:
    """As `AtOnce` computes them, step by step."""
    values = columns.numbers(graph)
    if values is None:
        return []

    def number(x: Any) -> str:
        return graph.constant(np.atleast_1d(np.asarray(x, dtype=np.float64)), DOUBLE)

    at_once = numbers_of(encoder)
    z = graph.node("Sub", values, number(at_once.centers))
    z = graph.node("Mul", z, number(at_once.factors))
    z = graph.node("Where", graph.node("IsNaN", z), number(0.0), z)
    z = graph.node("Min", graph.node("Max", z, number(-FAR)), number(FAR))
    third = graph.node("Div", z, number(3.0))
    square = graph.node("Add", graph.node("Mul", third, third), number(1.0))
    z = graph.node("Div", z, graph.node("Sqrt", square))
    parts = [z]
    if at_once.sources.size:
        encoded = graph.node("Sub", graph.columns(z, at_once.sources), number(at_once.starts))
        encoded = graph.node("Div", encoded, number(at_once.steps))
        encoded = graph.node("Max", encoded, number(at_once.low))
        parts.append(graph.node("Min", encoded, number(at_once.high)))
    parts = [graph.node("Cast", part, to=FLOAT) for part in parts]
    if at_once.with_holes.size:
        some = values
        if at_once.with_holes.size < at_once.n_columns:
            some = graph.columns(values, at_once.with_holes)
        parts.append(graph.node("Cast", graph.node("IsNaN", some), to=FLOAT))
    return parts


def _categories(graph: Graph, columns: Columns, encoder: TableEncoder) -> list[str]:
    """Columns of 0 and 1 for few values, then codes for many."""
    which = np.flatnonzero(encoder.is_categorical_).tolist()
    few: list[tuple[int, Any]] = []
    many: list[tuple[int, Any]] = []
    for column, known in zip(which, encoder.categories_, strict=True):
        if len(known):  # of what `fit` saw nothing but holes in, nothing is made
            (few if encoder._is_one_hot(known) else many).append((column, known))
    parts = []
    if few:
        codes = graph.side_by_side([columns.codes(graph, *each) for each in few])
        parts.append(_spread(graph, codes, encoder))
    if many:
        codes = graph.side_by_side([columns.codes(graph, *each) for each in many])
        parts.append(graph.node("Cast", codes, to=FLOAT))
    return parts


def _spread(graph: Graph, codes: str, encoder: TableEncoder) -> str:
    """A column for each value: what stands there for its code, for a second one, and else.

    Only the one column of two values has a second one.
    """
    rows: list[tuple[int, int, float, int, float, float]] = []
    for source, block in enumerate(_blocks_of_codes(encoder)):
        if isinstance(block, Spread):
            rows += [(source, i, on, -1, 0.0, 0.0) for i, on in enumerate(block.on.tolist(), 1)]
        else:
            otherwise, *known = block[:, 0].tolist()
            rows.append((source, 1, known[0], 2, known[-1], otherwise))
    sources, first, of_first, second, of_second, otherwise = map(np.array, zip(*rows, strict=True))
    wide = graph.columns(codes, sources)
    out = graph.constant(otherwise, FLOAT)
    for code, value in ((second, of_second), (first, of_first)):
        is_it = graph.node("Equal", wide, graph.constant(code, INT64))
        out = graph.node("Where", is_it, graph.constant(value, FLOAT), out)
    return out


def _blocks_of_codes(encoder: TableEncoder) -> list[Any]:
    """What the encoder makes of the codes 0, 1, 2, ... of each column of few values."""
    every = [
        Column("", True, np.array([None, *known.tolist()], dtype=object))
        for known in encoder.categories_
    ]
    n = sum(1 for known in encoder.categories_ if len(known) and encoder._is_one_hot(known))
    return list(encoder._blocks(every))[:n]
