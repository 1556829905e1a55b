"""How do TableEncoder, TabularClassifier and TabularRegressor become ONNX as a whole?"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from cbackprop.onnx.classes import Classes, add_classes, labels_of, set_shapes
from cbackprop.onnx.encoder import encoded
from cbackprop.onnx.graph import DOUBLE, FLOAT, Graph
from cbackprop.onnx.members import mean_of_members
from cbackprop.tabular.outputs import Indicators

ENCODER = "CbackpropTableEncoder"
OLDEST = 13  # opset


def _element_type(operator: Any) -> tuple[int, Any]:
    """What to give, as ONNX and skl2onnx name it: float64 if an input is, or float32."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    if any(isinstance(given.type, DoubleTensorType) for given in operator.inputs):
        return DOUBLE, DoubleTensorType
    return FLOAT, FloatTensorType


def parse_encoder(scope: Any, model: Any, inputs: list, custom_parsers: Any = None) -> list:
    """Declare what comes out: float32, though it be float64 that comes in."""
    from skl2onnx.common.data_types import FloatTensorType

    operator = scope.declare_local_operator(ENCODER, model)
    operator.inputs = inputs
    operator.outputs.append(scope.declare_local_variable("variable", FloatTensorType()))
    return operator.outputs


def encoder_shapes(operator: Any) -> None:
    """Tell skl2onnx what comes out: float32, as of `transform`."""
    from skl2onnx.common.data_types import FloatTensorType

    rows = operator.inputs[0].get_first_dimension()
    width = operator.raw_operator.sources_.size
    operator.outputs[0].set_type(FloatTensorType([rows, width]))


def regressor_shapes(operator: Any) -> None:
    """Tell skl2onnx what comes out."""
    check_is_fitted(operator.raw_operator)
    _, tensor = _element_type(operator)
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].set_type(tensor([rows, operator.raw_operator._outputs.n_outputs]))


def classifier_shapes(operator: Any) -> None:
    """Tell skl2onnx what comes out."""
    check_is_fitted(operator.raw_operator)
    set_shapes(operator, _classes(operator.raw_operator), _element_type(operator)[0])


def _classes(model: Any) -> Classes:
    is_multilabel = isinstance(model._outputs, Indicators)
    return Classes(len(model.classes_), None if is_multilabel else labels_of(model.classes_))


def convert_encoder(scope: Any, operator: Any, container: Any) -> None:
    """The table as numbers."""
    graph = _graph(scope, container)
    table = encoded(graph, operator, operator.raw_operator)
    graph.node("Identity", table, into=operator.outputs[0].full_name)


def convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    """The members' mean, on the targets' scale and within their range."""
    graph, outputs = _graph(scope, container), operator.raw_operator._outputs
    said = _said(graph, operator)
    for kind, values in (
        ("Mul", outputs.scale),
        ("Add", outputs.center),
        ("Max", outputs.low),
        ("Min", outputs.high),
    ):
        said = graph.node(kind, said, graph.constant(np.asarray(values), DOUBLE))
    graph.node("Cast", said, into=operator.outputs[0].full_name, to=_element_type(operator)[0])


def convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """The members' mean probabilities, and labels."""
    graph, classes = _graph(scope, container), _classes(operator.raw_operator)
    said = _said(graph, operator)
    if classes.n_columns == 1 and classes.labels is not None:  # the other one never comes
        said = graph.columns(said, np.array([0]))
        said = graph.node("Max", said, graph.constant(np.ones(1), DOUBLE))
    add_classes(graph, operator, classes, said, DOUBLE, _element_type(operator)[0])


def _said(graph: Graph, operator: Any) -> str:
    model = operator.raw_operator
    table = encoded(graph, operator, model.encoder_)
    return mean_of_members(graph, model.networks_, table)


def _graph(scope: Any, container: Any) -> Graph:
    if container.target_opset < OLDEST:
        raise ValueError(
            f"a table's model needs opset {OLDEST}, got target_opset={container.target_opset}"
        )
    return Graph(scope, container)
