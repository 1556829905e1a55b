"""Where among a model's inputs do the columns of a table stand, and do their types suit it?"""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbackprop.onnx.graph import DOUBLE, FLOAT, INT64, Graph
from cbackprop.onnx.types import label_of
from cbackprop.tabular import TableEncoder
from cbackprop.tabular.table import are_far

REMEDY = "pass to_onnx initial_types=cbackprop.onnx.initial_types(model)"
MERGED = "merged_columns"  # skl2onnx's name for what it makes of a ColumnTransformer's columns
OF_MERGED = (
    "skl2onnx makes one input of the columns that a ColumnTransformer hands on, so give numbers "
    "and text a TableEncoder each, or the whole table one"
)


class Place(NamedTuple):
    """A column of an input."""

    tensor: str
    column: int
    n_columns: int  # of the input
    kind: str  # skl2onnx's for its type

    @property
    def is_text(self) -> bool:
        return self.kind == "StringTensorType"


class Columns:
    """The inputs of an operator as the columns that an encoder was fitted to.

    Inputs of one column each go by their names, where these are the encoder's; all others by
    their places.

    Raises
    ------
    ValueError
        If there are more or fewer columns.
    """

    def __init__(self, operator: Any, encoder: TableEncoder):
        self.encoder = encoder
        is_merged = any(given.raw_name == MERGED for given in operator.inputs)
        self.remedy = OF_MERGED if is_merged else REMEDY
        places: list[Place] = []
        names: list[str] = []
        for given in operator.inputs:
            n = _width(given, encoder.n_features_in_ if len(operator.inputs) == 1 else 1)
            kind = type(given.type).__name__
            places += [Place(given.full_name, i, n, kind) for i in range(n)]
            names += [given.raw_name] * n
        if len(places) != encoder.n_features_in_:
            raise ValueError(
                f"the table has {encoder.n_features_in_} columns, and the inputs have "
                f"{len(places)}: {REMEDY}"
            )
        known = [label_of(encoder, i) for i in range(encoder.n_features_in_)]
        if sorted(names) == sorted(known):
            places = [places[names.index(name)] for name in known]
        self.places = places

    def numbers(self, graph: Graph) -> str | None:
        """All columns of numbers, (n, n_numbers) of float64."""
        which = np.flatnonzero(~self.encoder.is_categorical_).tolist()
        if not which:
            return None
        for column in which:
            if self.places[column].is_text:
                raise TypeError(
                    f"column {label_of(self.encoder, column)!r} is of numbers, and its input "
                    f"of strings: {self.remedy}"
                )
        places = [self.places[column] for column in which]
        parts = [_some(graph, list(group)) for _, group in groupby(places, key=lambda p: p.tensor)]
        if len({place.kind for place in places}) > 1:
            parts = [graph.node("Cast", part, to=DOUBLE) for part in parts]
            return graph.side_by_side(parts)
        return graph.node("Cast", graph.side_by_side(parts), to=DOUBLE)

    def codes(self, graph: Graph, column: int, known: NDArray) -> str:
        """1, 2, ... for the known values of a column of categories, else 0: (n, 1) of int64."""
        place = self.places[column]
        values = _some(graph, [place])
        if place.is_text:
            return self._of_text(graph, column, values, known)
        if any(isinstance(value, str) for value in known):
            raise TypeError(
                f"column {label_of(self.encoder, column)!r} is of text, and its input is a "
                f"{place.kind}: {self.remedy}"
            )
        # As float64, where they are the same numbers. NaN is equal to none.
        values = graph.node("Cast", values, to=DOUBLE)
        floats = known.astype(np.float64)
        if are_far(floats):
            raise ValueError(
                f"column {label_of(self.encoder, column)!r} has categories that are integers from "
                "2**53 on, which float64 does not tell apart: fit the model to them as text"
            )
        listed = graph.constant(floats, DOUBLE)
        is_it = graph.node("Cast", graph.node("Equal", values, listed), to=FLOAT)
        count = graph.constant(np.arange(1.0, len(known) + 1)[:, np.newaxis], FLOAT)
        return graph.node("Cast", graph.node("MatMul", is_it, count), to=INT64)

    def _of_text(self, graph: Graph, column: int, values: str, known: NDArray) -> str:
        if not all(isinstance(value, str | bool | np.bool_) for value in known):
            raise TypeError(
                f"column {label_of(self.encoder, column)!r} has categories that are numbers, and "
                f"its input is of strings: {self.remedy}"
            )
        return graph.node(
            "LabelEncoder", values, op_domain="ai.onnx.ml", op_version=2,
            keys_strings=[str(value) for value in known],  # also 'True', 'False'
            values_int64s=list(range(1, len(known) + 1)), default_int64=0,
        )  # fmt: skip


def _some(graph: Graph, places: list[Place]) -> str:
    """Columns of one input."""
    columns = [place.column for place in places]
    if columns == list(range(places[0].n_columns)):
        return places[0].tensor
    return graph.columns(places[0].tensor, np.array(columns))


def _width(given: Any, otherwise: int) -> int:
    """How many columns an input has; if it does not say so, what else is to be expected."""
    shape = given.type.shape
    return shape[1] if len(shape) > 1 and shape[1] else otherwise
