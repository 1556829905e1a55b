"""The plan and the vector: where every layer's weights and biases stand, and views of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.validation.arrays import as_numbers


class Views(list):
    """A list of views into the flat vector: assigning an item writes its values into the vector."""

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, Integral):
            raise TypeError(
                f"assign one layer at a time: the index must be an integer, got {index!r}"
            )
        view = self[index]
        values = as_numbers(f"layer {index}", value)
        if values.shape != view.shape:
            raise ValueError(f"layer {index} has the shape {view.shape}, got {values.shape}")
        view[...] = values

    def _fixed(self, *_: Any, **__: Any) -> Any:
        raise TypeError("the network's layers are fixed: assign to one, or to its elements")

    append = extend = insert = pop = remove = clear = _fixed
    reverse = sort = __delitem__ = __iadd__ = __imul__ = _fixed

    def __reduce__(self):
        return list, (list(self),)

    def __deepcopy__(self, memo):
        return [view.copy() for view in self]


def views(plan: NDArray, vector: NDArray) -> tuple[Views, Views]:
    """Weights (fan_in, fan_out) and biases (fan_out,) of every layer, as views into a vector."""
    layers = plan.tolist()
    return (
        Views(vector[first:at].reshape(n_in, n_out) for n_in, n_out, first, at, _ in layers),
        Views(vector[at : at + n_out] for _, n_out, _, at, _ in layers),
    )


def activation_weights(plan: NDArray, vector: NDArray) -> Views:
    """Those of parametric activations, (fan_out,) of every hidden layer; empty without them."""
    starts = [at + n_out for _, n_out, _, at, _ in plan.tolist()]
    ends = plan["weights"][1:].tolist()
    return Views(vector[i:j] for i, j in zip(starts, ends, strict=False) if j > i)


def n_parameters(layer_sizes: Sequence[int], parametric: bool = False) -> int:
    """Weights and biases of these layers, and what parametric activations have."""
    total = sum((n_in + 1) * n_out for n_in, n_out in pairwise(layer_sizes))
    return total + sum(layer_sizes[1:-1]) if parametric else total


def make_plan(
    layer_sizes: Sequence[int],
    activation: str | Sequence[str],
    parametric: bool = False,
    begin: int = 0,
) -> NDArray:
    """One row a layer: units in and out, where its weights and biases start, its activation.

    The activation is that of all hidden layers, or a list of one for each. What a parametric one
    has stands between a hidden layer's biases and the next layer's weights. `begin` numbers of the
    vector stand before the first layer's.
    """
    if begin + n_parameters(layer_sizes, parametric) > 2**60:
        raise ValueError(f"a network of layers {tuple(layer_sizes)} has more than 2**60 parameters")
    plan = np.zeros(len(layer_sizes) - 1, dtype=run.LAYER)
    hidden = [activation] * (len(plan) - 1) if isinstance(activation, str) else list(activation)
    at = begin
    for row, (n_in, n_out), name in zip(
        plan, pairwise(layer_sizes), [*hidden, "identity"], strict=True
    ):
        row["n_in"], row["n_out"], row["activation"] = n_in, n_out, run.ACTIVATIONS[name]
        row["weights"], row["biases"] = at, at + n_in * n_out
        at += (n_in + 1) * n_out + (n_out if parametric else 0)
    plan.flags.writeable = False
    return plan
