"""Teach skl2onnx our estimators: their layers as ONNX nodes, their outputs as scikit-learn's."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.estimators import MLPClassifier, MLPRegressor
from cbackprop.estimators.targets import places_in_order
from cbackprop.functions.activations import as_activations, by_formula

# What formulas of activations may ask for.
OPERATORS = "Abs", "Erf", "Exp", "Log", "Relu", "Sigmoid", "Sqrt", "Tanh"
# What scikit-learn's classifiers take in skl2onnx.
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [False],  # it asks for this one wherever it looks up the classes
    "raw_scores": [False, True],  # logits in the place of probabilities: calibration takes them
}


def register() -> None:
    """Let skl2onnx convert `MLPClassifier` and `MLPRegressor`, by themselves and in pipelines.

    To be called once in a process, before ``skl2onnx.to_onnx``. The options are those of
    scikit-learn's classifiers: with ``options={"zipmap": False}`` probabilities come as an array,
    without it as a list of mappings from class to float32. Needs the packages of ``pip install
    cbackprop[onnx]``.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    ::

        import cbackprop.onnx
        from skl2onnx import to_onnx

        cbackprop.onnx.register()
        model = to_onnx(pipeline, X[:1].astype("float32"), options={"zipmap": False})
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError("skl2onnx is missing: pip install cbackprop[onnx]") from error
    update_registered_converter(
        MLPClassifier, "CbackpropMLPClassifier", _classifier_shapes, _convert, options=OPTIONS
    )
    update_registered_converter(MLPRegressor, "CbackpropMLPRegressor", _regressor_shapes, _convert)


def _element_type(operator: Any) -> tuple[int, Any]:
    """What to compute in, as ONNX and skl2onnx name it: float64 if that comes in, or float32."""
    from onnx import TensorProto
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    if isinstance(operator.inputs[0].type, DoubleTensorType):
        return TensorProto.DOUBLE, DoubleTensorType
    return TensorProto.FLOAT, FloatTensorType


def _regressor_shapes(operator: Any) -> None:
    _check_is_last(operator)
    _, tensor = _element_type(operator)
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].set_type(tensor([rows, operator.raw_operator.n_outputs_]))


def _classifier_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import (
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    _check_is_last(operator)
    model, (_, tensor) = operator.raw_operator, _element_type(operator)
    rows = operator.inputs[0].get_first_dimension()
    if _is_multilabel(model):
        operator.outputs[0].set_type(Int64TensorType([rows, model.n_outputs_]))
    else:
        labels = StringTensorType if _labels(model).dtype.kind == "U" else Int64TensorType
        operator.outputs[0].set_type(labels([rows]))
    columns = model.n_outputs_ + _is_binary(model)
    if _goes_by_name(operator):
        tensor = FloatTensorType
    operator.outputs[1].set_type(tensor([rows, columns]))


def _goes_by_name(operator: Any) -> bool:
    """Whether ZipMap takes the probabilities, to give them by class: it knows float32 alone."""
    name = operator.outputs[1].full_name
    return any(
        other.type == "SklearnZipMap" and name in (given.full_name for given in other.inputs)
        for other in operator.scope_inst.operators.values()
    )


def _is_multilabel(model: Any) -> bool:
    return model._label_binarizer.y_type_ == "multilabel-indicator"


def _is_binary(model: Any) -> bool:
    """Whether one output stands for two classes, or for one."""
    return model._label_binarizer.y_type_ == "binary"


def _labels(model: Any) -> NDArray:
    """The classes as ONNX can hold them: int64 or strings."""
    classes = np.asarray(model.classes_)
    if classes.dtype.kind == "U" or all(isinstance(label, str) for label in classes.tolist()):
        return classes.astype(str)
    if classes.dtype.kind in "biuf" and (classes == classes.astype(np.int64)).all():
        return classes.astype(np.int64)
    raise TypeError(f"ONNX holds classes that are integers or strings, got {classes!r}")


class _Graph:
    """Adds nodes, with names of their own."""

    def __init__(self, scope: Any, container: Any):
        self.scope, self.container = scope, container

    def node(self, kind: str, *inputs: str, into: str | None = None, **attributes: Any) -> str:
        """A node; the name of its output, which is made up unless it is given."""
        output = into or self.scope.get_unique_variable_name(kind.lower())
        name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(kind, list(inputs), output, name=name, **attributes)
        return output

    def constant(self, values: NDArray, element_type: int) -> str:
        name = self.scope.get_unique_variable_name("constant")
        self.container.add_initializer(name, element_type, list(values.shape), values.ravel())
        return name


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """The estimator's layers, then what it makes of their outputs."""
    model, graph = operator.raw_operator, _Graph(scope, container)
    element_type, _ = _element_type(operator)
    activated = graph.node("Cast", operator.inputs[0].full_name, to=element_type)
    hidden = as_activations(model.network_.activation, model.n_layers_ - 2)
    names = [*((f.name, f.parameter) for f in hidden), (model.out_activation_, 0.0)]
    parametric = iter(model.network_.activation_weights)  # of hidden layers, if they have any
    for weights, biases, (name, slope) in zip(model.coefs_, model.intercepts_, names, strict=True):
        product = graph.node("MatMul", activated, graph.constant(weights, element_type))
        z = graph.node("Add", product, graph.constant(biases, element_type))
        activated = _activate(graph, name, slope, z, element_type)
        if (own := next(parametric, None)) is not None:
            before, behind = (_Term(graph, term, element_type) for term in (z, activated))
            activated = (
                before
                + _Term(graph, graph.constant(own, element_type), element_type) * (behind - before)
            ).name
    if _raw_scores(model, scope):
        _add_classes(graph, model, operator, z, element_type, raw_scores=True)
    elif isinstance(model, MLPRegressor):
        places = places_in_order(model.network_.loss_function) if model.non_crossing else None
        if places is not None:
            activated = _rearranged(graph, activated, places)
        graph.node("Identity", activated, into=operator.outputs[0].full_name)
    else:
        _add_classes(graph, model, operator, activated, element_type)


def _activate(graph: _Graph, name: str, slope: float, z: str, element_type: int) -> str:
    """An activation of z, by operators that onnxruntime has for float64, too.

    Its LeakyRelu, Elu, Selu, Softplus, Gelu and Mish are for float32 alone.
    """
    if name == "softmax":
        return graph.node("Softmax", z, axis=1)
    if name == "exp":
        return graph.node("Exp", z)
    operators = {kind: partial(_Term.of, kind) for kind in OPERATORS}
    activated: _Term = by_formula(name, _Term(graph, z, element_type), slope, operators)
    return activated.name


class _Term:
    """A node of the graph that formulas can be made of."""

    def __init__(self, graph: _Graph, name: str, element_type: int):
        self.graph, self.name, self.element_type = graph, name, element_type

    @staticmethod
    def of(kind: str, x: Any) -> Any:
        """An operator of a term; of a number it is a number."""
        if not isinstance(x, _Term):
            return getattr(math, kind.lower())(x)
        if kind == "Erf":  # which there is for float32 alone
            erf = x.graph.node("Erf", x.graph.node("Cast", x.name, to=1))
            return _Term(x.graph, x.graph.node("Cast", erf, to=x.element_type), x.element_type)
        return x._node(kind, x)

    def _node(self, kind: str, *terms: Any) -> _Term:
        names = [term.name if isinstance(term, _Term) else self._number(term) for term in terms]
        return _Term(self.graph, self.graph.node(kind, *names), self.element_type)

    def _number(self, value: float) -> str:
        return self.graph.constant(np.array([float(value)]), self.element_type)

    def __neg__(self) -> _Term:
        return self._node("Neg", self)

    def __add__(self, other: Any) -> _Term:
        return self._node("Add", self, other)

    def __radd__(self, other: Any) -> _Term:
        return self._node("Add", other, self)

    def __sub__(self, other: Any) -> _Term:
        return self._node("Sub", self, other)

    def __rsub__(self, other: Any) -> _Term:
        return self._node("Sub", other, self)

    def __mul__(self, other: Any) -> _Term:
        return self._node("Mul", self, other)

    def __rmul__(self, other: Any) -> _Term:
        return self._node("Mul", other, self)

    def __truediv__(self, other: Any) -> _Term:
        return self._node("Div", self, other)

    def __rtruediv__(self, other: Any) -> _Term:
        return self._node("Div", other, self)


def _rearranged(graph: _Graph, outputs: str, places: NDArray) -> str:
    """The outputs of quantiles, each in the place of its quantile."""
    from onnx import TensorProto

    count = graph.constant(np.array([len(places)]), TensorProto.INT64)
    names = [graph.scope.get_unique_variable_name(name) for name in ("values", "indices")]
    graph.container.add_node(
        "TopK", [outputs, count], names, name=graph.scope.get_unique_operator_name("TopK"),
        axis=1, largest=0, sorted=1, op_version=11,
    )  # fmt: skip
    return graph.node("Gather", names[0], graph.constant(places, TensorProto.INT64), axis=1)


def _raw_scores(model: Any, scope: Any) -> bool:
    if isinstance(model, MLPRegressor):
        return False
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


def _add_classes(
    graph: _Graph, model: Any, operator: Any, outputs: str, element_type: int, raw_scores=False
) -> None:
    """Probabilities, or logits, and labels, from the network's outputs."""
    from onnx import TensorProto

    into_labels, into_probabilities = (output.full_name for output in operator.outputs[:2])
    if _is_binary(model):
        both = graph.constant(np.full(1, 0.0 if raw_scores else 1.0), element_type)
        outputs = graph.node("Concat", graph.node("Sub", both, outputs), outputs, axis=1)
    if _goes_by_name(operator):
        graph.node("Cast", outputs, into=into_probabilities, to=TensorProto.FLOAT)
    else:
        graph.node("Identity", outputs, into=into_probabilities)
    if _is_multilabel(model):
        half = graph.constant(np.full(1, 0.0 if raw_scores else 0.5), element_type)
        chosen = graph.node("Greater", outputs, half)
        graph.node("Cast", chosen, into=into_labels, to=TensorProto.INT64)
        return
    labels = _labels(model)
    if len(labels) == 1:  # whatever the probability is
        labels = np.repeat(labels, 2)
    if labels.dtype.kind == "U":
        encoded = np.array([label.encode() for label in labels.tolist()], dtype=object)
        classes = graph.constant(encoded, TensorProto.STRING)
    else:
        classes = graph.constant(labels, TensorProto.INT64)
    index = graph.node("ArgMax", outputs, axis=1, keepdims=0)
    graph.node("Gather", classes, index, into=into_labels, axis=0)
