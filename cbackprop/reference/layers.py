"""What does a network compute, and what does it cost?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cbackprop.reference.checks import (
    Activation,
    Arrays,
    check_pair,
    checked_activation_weights,
    checked_network,
    checked_rows,
    checked_targets,
    hidden_activations,
)
from cbackprop.reference.functions import ACTIVATIONS, DERIVATIVES, PAIRS, Array, losses_and_deltas

# What dropout multiplies the activations of each hidden layer by; None without it.
Masks = Sequence[Array] | None


def forward(
    weights: Arrays, biases: Arrays, X: ArrayLike, *,
    activation: Activation = "relu", output_activation: str = "identity",
    activation_weights: Arrays | None = None,
) -> list[Array]:  # fmt: skip
    r"""Compute the activations of all layers, :math:`A_l = f(A_{l-1} W_l + b_l)`, first to last.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        :math:`W_1, \ldots, W_L` and :math:`b_1, \ldots, b_L`.
    X : array (n, n_features), or (n_features,) for one example
        Examples, a row each.
    activation, output_activation : options
        Those that `cbackprop.reference` lists.
    activation_weights : list of L - 1 arrays (units,), optional
        Of parametric activations: with w, a unit's own, :math:`a = z + w (f(z) - z)`.

    Returns
    -------
    list of L + 1 arrays (n, units), or (units,) for one example
        First X itself, last the outputs.

    Raises
    ------
    ValueError
        If options, shapes or values do not fit, with what was expected and what was got.

    Examples
    --------
    >>> weights, biases = [[[1.0, -1.0]], [[2.0], [3.0]]], [[0.0, 0.0], [0.5]]
    >>> [a.tolist() for a in forward(weights, biases, [[1.0], [-2.0]])]
    [[[1.0], [-2.0]], [[1.0, 0.0], [0.0, 2.0]], [[2.5], [6.5]]]
    """
    outputs = tuple(dict.fromkeys(output for output, _ in PAIRS))
    if output_activation not in outputs:
        raise ValueError(f"output_activation must be one of {outputs}, got {output_activation!r}")
    weights, biases, X = checked_network(weights, biases, X, ndim=1 if np.ndim(X) == 1 else 2)
    own = checked_activation_weights(activation_weights, biases)
    return all_layers(weights, biases, X, activation, output_activation, own=own)[1]


def all_layers(
    weights: list[Array], biases: list[Array], X: Array, activation: Activation,
    output_activation: str, masks: Masks = None, own: list[Array] | None = None,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """The weighted inputs z of all layers, first to last, and the activations, X before them."""
    zs, activations = [], [X]
    hidden = [(f, rest) for f, *rest in hidden_activations(activation, len(weights) - 1)]
    for W, b, (f, rest) in zip(weights, biases, [*hidden, (output_activation, [])], strict=True):
        zs.append(activations[-1] @ W + b)
        activations.append(ACTIVATIONS[f](zs[-1], *rest))
        if own is not None and len(zs) < len(weights):
            activations[-1] = zs[-1] + own[len(zs) - 1] * (activations[-1] - zs[-1])
        if masks is not None and len(zs) < len(weights):
            activations[-1] = _masked(activations[-1], masks[len(zs) - 1])
    return zs, activations


def slopes(
    zs: list[Array], activation: Activation, masks: Masks, own: list[Array] | None
) -> list[Array]:
    """da/dz of the hidden layers, times what their activations were multiplied by."""
    hidden = hidden_activations(activation, len(zs) - 1)
    slopes = [DERIVATIVES[f](z, *rest) for z, (f, *rest) in zip(zs[:-1], hidden, strict=True)]
    if own is not None:
        slopes = [1 + w * (slope - 1) for w, slope in zip(own, slopes, strict=True)]
    return slopes if masks is None else list(map(_masked, slopes, masks))


def slopes_by_own(zs: list[Array], activation: Activation, masks: Masks) -> list[Array]:
    """da/dw = f(z) - z of the hidden layers, times what their activations were multiplied by."""
    hidden = hidden_activations(activation, len(zs) - 1)
    rests = [ACTIVATIONS[f](z, *rest) - z for z, (f, *rest) in zip(zs[:-1], hidden, strict=True)]
    return rests if masks is None else list(map(_masked, rests, masks))


def _masked(numbers: Array, mask: Array) -> Array:
    return numbers * np.asarray(mask, dtype=numbers.dtype)


def cost(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, l1: float = 0.0,
    masks: Masks = None, activation_weights: Arrays | None = None,
) -> float:  # fmt: skip
    r"""Compute C, the number that training makes small.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        :math:`W_1, \ldots, W_L` and :math:`b_1, \ldots, b_L`.
    X : array (n, n_features)
        Examples, a row each.
    y : array (n,) or (n, n_outputs)
        Integer labels (n,) for "softmax"; numbers otherwise, where (n,) is for one output.
    activation, output_activation, loss, loss_parameters : options
        Those that `cbackprop.reference` lists.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha, l1 : float, default 0.0
        The penalties, L2 and L1.
    masks : list of L - 1 arrays (n, units), optional
        What dropout multiplies the hidden layers' activations by: see `dropout_masks`.
    activation_weights : list of L - 1 arrays (units,), optional
        Of parametric activations: with w, a unit's own, :math:`a = z + w (f(z) - z)`.

    Returns
    -------
    float
        The mean of :math:`C_x` over the examples, and the L2 term.

    Raises
    ------
    ValueError
        If options, shapes or values do not fit, with what was expected and what was got.

    Examples
    --------
    >>> line = dict(activation="relu", output_activation="identity", loss="squared_error")
    >>> cost([[[2.0]]], [[1.0]], [[1.0], [2.0]], [1.0, 6.0], **line)  # outputs are 3 and 5
    1.25
    """
    check_pair(output_activation, loss)
    weights, biases, X = checked_network(weights, biases, X, ndim=2)
    y, w = checked_rows(y, sample_weight, len(X))
    own = checked_activation_weights(activation_weights, biases)
    z = all_layers(weights, biases, X, activation, output_activation, masks, own)[0][-1]
    losses, _ = losses_and_deltas(
        z, checked_targets(y, z, loss), output_activation, loss, loss_parameters
    )
    return float((w @ losses + penalty(weights, alpha, l1)) / w.sum())


def penalty(weights: list[Array], alpha: float, l1: float) -> float:
    """Compute alpha/2 sum_l ||W_l||^2 + l1 sum_l |W_l|."""
    squares = sum(float(np.square(W, dtype=np.float64).sum()) for W in weights)
    return 0.5 * alpha * squares + l1 * sum(float(abs(W.astype(np.float64)).sum()) for W in weights)


def slope_of_penalty(W: Array, alpha: float, l1: float) -> Array:
    """Its derivative by W; that of an absolute value at 0 is taken as 0."""
    return alpha * W + l1 * np.sign(W) if l1 else alpha * W
