"""How do MLPClassifier and MLPRegressor become ONNX: their layers, and what is made of outputs?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from cbackprop.estimators import MLPRegressor
from cbackprop.estimators.targets import places_in_order
from cbackprop.functions.activations import as_activations
from cbackprop.onnx.classes import Classes, add_classes, labels_of, set_shapes
from cbackprop.onnx.graph import DOUBLE, FLOAT, Graph, activate


def _element_type(operator: Any) -> tuple[int, Any]:
    """What to compute in, as ONNX and skl2onnx name it: float64 if that comes in, or float32."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    if any(isinstance(given.type, DoubleTensorType) for given in operator.inputs):
        return DOUBLE, DoubleTensorType
    return FLOAT, FloatTensorType


def regressor_shapes(operator: Any) -> None:
    """Tell skl2onnx what comes out."""
    check_is_fitted(operator.raw_operator)
    _check_is_last(operator)
    _, tensor = _element_type(operator)
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].set_type(tensor([rows, operator.raw_operator.n_outputs_]))


def classifier_shapes(operator: Any) -> None:
    """Tell skl2onnx what comes out."""
    check_is_fitted(operator.raw_operator)
    _check_is_last(operator)
    set_shapes(operator, _classes(operator.raw_operator), _element_type(operator)[0])


def _classes(model: Any) -> Classes:
    is_multilabel = model._label_binarizer.y_type_ == "multilabel-indicator"
    labels = None if is_multilabel else labels_of(model.classes_)
    return Classes(model.n_outputs_ + _is_binary(model), labels)


def _is_binary(model: Any) -> bool:
    """Whether one output stands for two classes, or for one."""
    return model._label_binarizer.y_type_ == "binary"


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The estimator's layers, then what it makes of their outputs."""
    model, graph = operator.raw_operator, Graph(scope, container)
    element_type, _ = _element_type(operator)
    # Of a frame, each column is an input.
    inputs = [graph.node("Cast", each.full_name, to=element_type) for each in operator.inputs]
    activated = graph.side_by_side(inputs)
    hidden = as_activations(model.network_.activation, model.n_layers_ - 2)
    names = [*((f.name, f.parameter) for f in hidden), (model.out_activation_, 0.0)]
    parametric = iter(model.network_.activation_weights)  # of hidden layers, if they have any
    for weights, biases, (name, slope) in zip(model.coefs_, model.intercepts_, names, strict=True):
        product = graph.node("MatMul", activated, graph.constant(weights, element_type))
        z = graph.node("Add", product, graph.constant(biases, element_type))
        activated = activate(graph, name, slope, z, element_type, next(parametric, None))
    if isinstance(model, MLPRegressor):
        places = places_in_order(model.network_.loss_function) if model.non_crossing else None
        if places is not None:
            activated = _rearranged(graph, activated, places)
        graph.node("Identity", activated, into=operator.outputs[0].full_name)
        return
    raw_scores = _raw_scores(model, scope)
    scores = z if raw_scores else activated
    if _is_binary(model):
        both = graph.constant(np.full(1, 0.0 if raw_scores else 1.0), element_type)
        scores = graph.node("Concat", graph.node("Sub", both, scores), scores, axis=1)
    threshold = 0.0 if raw_scores else 0.5
    add_classes(graph, operator, _classes(model), scores, element_type, element_type, threshold)


def _rearranged(graph: Graph, outputs: str, places: NDArray) -> str:
    """The outputs of quantiles, each in the place of its quantile."""
    count = graph.integers(len(places))
    names = [graph.scope.get_unique_variable_name(name) for name in ("values", "indices")]
    graph.container.add_node(
        "TopK", [outputs, count], names, name=graph.scope.get_unique_operator_name("TopK"),
        axis=1, largest=0, sorted=1, op_version=11,
    )  # fmt: skip
    return graph.columns(names[0], places)


def _raw_scores(model: Any, scope: Any) -> bool:
    return bool(scope.get_options(model, {"raw_scores": False}, fail=False)["raw_scores"])


def _check_is_last(operator: Any) -> None:
    """An error where a pipeline goes on with hidden features: predictions would be handed on."""
    names = {output.full_name for output in operator.outputs}
    for other in operator.scope_inst.operators.values():
        after = other.raw_operator
        if other is operator or after is None or isinstance(after, type(operator.raw_operator)):
            continue
        taken = names & {given.full_name for given in other.inputs}
        wanted = getattr(after, "n_features_in_", operator.raw_operator.n_outputs_)
        if len(taken) > 1 or (taken and wanted != operator.raw_operator.n_outputs_):
            kind = type(operator.raw_operator).__name__
            raise NotImplementedError(
                f"skl2onnx hands on what {kind} predicts, and not the hidden features that "
                f"{type(after).__name__} was fitted to: {kind} must be a pipeline's last step there"
            )
