"""What a Backprop holds, at a glance: shapes and lengths, instead of all its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.training.tables import table

LISTS = ("activations", "deltas", "weight_gradients", "bias_gradients")


def text(inside: Any) -> str:
    """The loss, and the shapes of the arrays in each list."""
    shapes = [f"{name} {[a.shape for a in getattr(inside, name)]}" for name in LISTS]
    return f"Backprop with loss {inside.loss:.4g}, {', '.join(shapes)}"


def html(inside: Any) -> str:
    """A table of shapes, and of the gradients' lengths, a line for each layer."""
    rows: list[tuple[str, ...]] = [("0", _shape(inside.activations[0]), "", "", "")]
    each = zip(*(getattr(inside, name)[-len(inside.deltas) :] for name in LISTS), strict=True)
    for layer, (activations, deltas, weights, biases) in enumerate(each, start=1):
        gradients = (f"{_shape(g)} of length {np.linalg.norm(g):.4g}" for g in (weights, biases))
        rows.append((str(layer), _shape(activations), _shape(deltas), *gradients))
    rows.append(("loss", f"{inside.loss:.4g}", "", "", ""))
    return table(("layer", *(name.replace("_", " ") for name in LISTS)), rows)


def _shape(array: NDArray) -> str:
    return str(array.shape)
