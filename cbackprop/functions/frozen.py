"""Which layers are trained, and which are frozen: what a step, or L-BFGS, is told of them?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Trainable = tuple[bool, ...]  # of each layer of weights; None where all are trained


def check_trainable(trainable: Any, n_layers: int) -> Trainable | None:
    """A truth value for each layer of weights, at least one of them true; None for all.

    Raises
    ------
    TypeError, ValueError
        If it is anything else.
    """
    if trainable is None:
        return None
    what = f"trainable must have True or False for each of the {n_layers} layers of weights"
    if isinstance(trainable, str | bytes | dict) or not hasattr(trainable, "__iter__"):
        raise TypeError(f"{what}, the hidden layers' and the output's; got {trainable!r}")
    each = list(trainable)
    for value in each:
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{what}, got {value!r} of type {type(value).__name__}")
    if len(each) != n_layers:
        raise ValueError(f"{what}, the hidden layers' and the output's; got {len(each)}: {each}")
    if not any(each):
        raise ValueError(f"trainable must leave a layer to train, got {each}")
    return None if all(each) else tuple(bool(value) for value in each)


def with_frozen(
    factors: NDArray[np.float64] | None,
    trainable: Trainable | None,
    n_kinds: int = 2,
    n_before: int = 0,
) -> NDArray[np.float64] | None:
    """The groups' factors (n_layers + n_before, n_kinds, 3), zeros for layers that are frozen.

    A Group of rate 0 has gradients, moments and a part in the gradient's norm. A factor of
    epsilon that is 0, which no Group can have, tells the engine that there is nothing to do.
    """
    if trainable is None:
        return factors
    n = len(trainable)
    factors = np.ones((n + n_before, n_kinds, 3)) if factors is None else factors.copy()
    factors[:n][~np.array(trainable)] = 0.0
    return factors


def trained_parameters(plan: NDArray, trainable: Trainable | None) -> NDArray[np.intp] | None:
    """Where in the vector the parameters of layers stand that are trained; None for all."""
    if trainable is None:
        return None
    starts = plan["weights"].tolist()
    ends = [*starts[1:], int(plan["biases"][-1] + plan["n_out"][-1])]
    parts = zip(starts, ends, trainable, strict=True)
    taken = [np.arange(start, end) for start, end, taken in parts if taken]
    return np.concatenate([np.arange(starts[0]), *taken])  # what is before the layers, too
