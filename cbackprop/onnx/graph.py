"""How are nodes added to a graph, and activations made of them?"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.functions.activations import by_formula

# What formulas of activations may ask for.
OPERATORS = "Abs", "Erf", "Exp", "Log", "Relu", "Sigmoid", "Sqrt", "Tanh"


class Graph:
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

    def integers(self, *values: int) -> str:
        """A vector of int64: places, or a shape."""
        return self.constant(np.array(values, dtype=np.int64), INT64)

    def columns(self, matrix: str, places: NDArray) -> str:
        """These columns of a matrix."""
        return self.node("Gather", matrix, self.integers(*map(int, places)), axis=1)

    def side_by_side(self, parts: list[str]) -> str:
        """Matrices as one."""
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=1)


# TensorProto's numbers for element types: the package onnx need not be there to read this file.
FLOAT, INT64, STRING, DOUBLE = 1, 7, 8, 11


def activate(
    graph: Graph, name: str, slope: float, z: str, element_type: int, own: NDArray | None = None
) -> str:
    """An activation of z, by operators that onnxruntime has for float64, too.

    Its LeakyRelu, Elu, Selu, Softplus, Gelu and Mish are for float32 alone. A parametric one has
    weights of its `own`: z + own (f(z) - z).
    """
    if name == "softmax":
        return graph.node("Softmax", z, axis=-1)
    if name == "exp":
        return graph.node("Exp", z)
    operators = {kind: partial(Term.of, kind) for kind in OPERATORS}
    before = Term(graph, z, element_type)
    behind: Term = by_formula(name, before, slope, operators)
    if own is None:
        return behind.name
    weights = Term(graph, graph.constant(own, element_type), element_type)
    return (before + weights * (behind - before)).name


class Term:
    """A node of the graph that formulas can be made of."""

    def __init__(self, graph: Graph, name: str, element_type: int):
        self.graph, self.name, self.element_type = graph, name, element_type

    @staticmethod
    def of(kind: str, x: Any) -> Any:
        """An operator of a term; of a number it is a number."""
        if not isinstance(x, Term):
            return getattr(math, kind.lower())(x)
        if kind == "Erf":  # which there is for float32 alone
            erf = x.graph.node("Erf", x.graph.node("Cast", x.name, to=1))
            return Term(x.graph, x.graph.node("Cast", erf, to=x.element_type), x.element_type)
        return x._node(kind, x)

    def _node(self, kind: str, *terms: Any) -> Term:
        names = [term.name if isinstance(term, Term) else self._number(term) for term in terms]
        return Term(self.graph, self.graph.node(kind, *names), self.element_type)

    def _number(self, value: float) -> str:
        return self.graph.constant(np.array([float(value)]), self.element_type)

    def __neg__(self) -> Term:
        return self._node("Neg", self)

    def __add__(self, other: Any) -> Term:
        return self._node("Add", self, other)

    def __radd__(self, other: Any) -> Term:
        return self._node("Add", other, self)

    def __sub__(self, other: Any) -> Term:
        return self._node("Sub", self, other)

    def __rsub__(self, other: Any) -> Term:
        return self._node("Sub", other, self)

    def __mul__(self, other: Any) -> Term:
        return self._node("Mul", self, other)

    def __rmul__(self, other: Any) -> Term:
        return self._node("Mul", other, self)

    def __truediv__(self, other: Any) -> Term:
        return self._node("Div", self, other)

    def __rtruediv__(self, other: Any) -> Term:
        return self._node("Div", other, self)
