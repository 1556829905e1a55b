"""What do scikit-learn's classifiers give in ONNX: labels, and probabilities of which type?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbackprop.onnx.graph import DOUBLE, FLOAT, INT64, STRING, Graph


class Classes(NamedTuple):
    """What the columns of probabilities stand for."""

    n_columns: int
    labels: NDArray | None  # as `labels_of` gives them; None for a multilabel indicator


def labels_of(classes: Any) -> NDArray:
    """The classes as ONNX can hold them: int64 or strings."""
    classes = np.asarray(classes)
    if classes.dtype.kind == "U" or all(isinstance(label, str) for label in classes.tolist()):
        return classes.astype(str)
    if classes.dtype.kind in "biuf" and (classes == classes.astype(np.int64)).all():
        return classes.astype(np.int64)
    raise TypeError(f"ONNX holds classes that are integers or strings, got {classes!r}")


def set_shapes(operator: Any, classes: Classes, element_type: int) -> None:
    """Tell skl2onnx the types of a classifier's two outputs."""
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    rows = operator.inputs[0].get_first_dimension()
    if classes.labels is None:
        operator.outputs[0].set_type(Int64TensorType([rows, classes.n_columns]))
    else:
        kind = StringTensorType if classes.labels.dtype.kind == "U" else Int64TensorType
        operator.outputs[0].set_type(kind([rows]))
    is_double = element_type == DOUBLE and not _goes_by_name(operator)
    tensor = DoubleTensorType if is_double else FloatTensorType
    operator.outputs[1].set_type(tensor([rows, classes.n_columns]))


def add_classes(
    graph: Graph,
    operator: Any,
    classes: Classes,
    scores: str,
    of: int,
    element_type: int,
    threshold: float = 0.5,
) -> None:
    """The operator's outputs, from a column of probabilities (or logits) for each class.

    The scores are `of` one element type, and are given as another; labels are of the former.
    """
    into_labels, into_probabilities = (output.full_name for output in operator.outputs[:2])
    given_as = FLOAT if _goes_by_name(operator) else element_type
    graph.node("Cast", scores, into=into_probabilities, to=given_as)
    if classes.labels is None:
        chosen = graph.node("Greater", scores, graph.constant(np.full(1, threshold), of))
        graph.node("Cast", chosen, into=into_labels, to=INT64)
        return
    labels = classes.labels
    if len(labels) == 1:  # whatever the probability is
        labels = np.repeat(labels, 2)
    if labels.dtype.kind == "U":
        encoded = np.array([label.encode() for label in labels.tolist()], dtype=object)
        names = graph.constant(encoded, STRING)
    else:
        names = graph.constant(labels, INT64)
    index = graph.node("ArgMax", scores, axis=1, keepdims=0)
    graph.node("Gather", names, index, into=into_labels, axis=0)


def _goes_by_name(operator: Any) -> bool:
    """Whether ZipMap takes the probabilities, to give them by class: it knows float32 alone."""
    name = operator.outputs[1].full_name
    return any(
        other.type == "SklearnZipMap" and name in (given.full_name for given in other.inputs)
        for other in operator.scope_inst.operators.values()
    )
