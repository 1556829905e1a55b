"""What does a network compute, and what is the gradient of its cost?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cbackprop.reference.checks import (
    Activation,
    Arrays,
    check_pair,
    checked_network,
    checked_rows,
    checked_targets,
    hidden_activations,
)
from cbackprop.reference.functions import ACTIVATIONS, DERIVATIVES, PAIRS, Array, losses_and_deltas

# What dropout multiplies the activations of each hidden layer by; None without it.
Masks = Sequence[Array] | None

# Forward, and the cost.


def forward(
    weights: Arrays, biases: Arrays, X: ArrayLike, *,
    activation: Activation = "relu", output_activation: str = "identity",
) -> list[Array]:  # fmt: skip
    """Compute the activations of all layers, a = f(a W + b), first to last.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        W_1 ... W_L and b_1 ... b_L.
    X : array (n, n_features), or (n_features,) for one example
        Examples, a row each.
    activation, output_activation : str, or as said there
        See `cbackprop.reference`.

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
    return _forward(weights, biases, X, activation, output_activation)[1]


def _forward(
    weights: list[Array], biases: list[Array], X: Array, activation: Activation,
    output_activation: str, masks: Masks = None,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """The weighted inputs z of all layers, first to last, and the activations, X before them."""
    zs, activations = [], [X]
    hidden = [(f, rest) for f, *rest in hidden_activations(activation, len(weights) - 1)]
    for W, b, (f, rest) in zip(weights, biases, [*hidden, (output_activation, [])], strict=True):
        zs.append(activations[-1] @ W + b)
        activations.append(ACTIVATIONS[f](zs[-1], *rest))
        if masks is not None and len(zs) < len(weights):
            activations[-1] = _masked(activations[-1], masks[len(zs) - 1])
    return zs, activations


def _slopes(zs: list[Array], activation: Activation, masks: Masks) -> list[Array]:
    """f'(z) of the hidden layers, times what their activations were multiplied by."""
    hidden = hidden_activations(activation, len(zs) - 1)
    slopes = [DERIVATIVES[f](z, *rest) for z, (f, *rest) in zip(zs[:-1], hidden, strict=True)]
    return slopes if masks is None else list(map(_masked, slopes, masks))


def _masked(numbers: Array, mask: Array) -> Array:
    return numbers * np.asarray(mask, dtype=numbers.dtype)


def cost(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, l1: float = 0.0,
    masks: Masks = None,
) -> float:  # fmt: skip
    """Compute C, the number that training makes small.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        W_1 ... W_L and b_1 ... b_L.
    X : array (n, n_features)
        Examples, a row each.
    y : array (n,) or (n, n_outputs)
        Integer labels (n,) for "softmax"; numbers otherwise, where (n,) is for one output.
    activation, output_activation, loss, loss_parameters : str, or as said there
        See `cbackprop.reference`.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha, l1 : float, default 0.0
        The penalties, L2 and L1.
    masks : list of L - 1 arrays (n, units), optional
        What dropout multiplies the hidden layers' activations by: see `dropout_masks`.

    Returns
    -------
    float
        The mean of C_x over the examples, and the L2 term.

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
    z = _forward(weights, biases, X, activation, output_activation, masks)[0][-1]
    losses, _ = losses_and_deltas(
        z, checked_targets(y, z, loss), output_activation, loss, loss_parameters
    )
    return float((w @ losses + _penalty(weights, alpha, l1)) / w.sum())


def _penalty(weights: list[Array], alpha: float, l1: float) -> float:
    """Compute alpha/2 sum_l ||W_l||^2 + l1 sum_l |W_l|."""
    squares = sum(float(np.square(W, dtype=np.float64).sum()) for W in weights)
    return 0.5 * alpha * squares + l1 * sum(float(abs(W.astype(np.float64)).sum()) for W in weights)


def _slope_of_penalty(W: Array, alpha: float, l1: float) -> Array:
    """Its derivative by W; that of an absolute value at 0 is taken as 0."""
    return alpha * W + l1 * np.sign(W) if l1 else alpha * W


# Backpropagation, three ways.


@dataclass(frozen=True, eq=False)
class Gradients:
    """A cost, its gradient, and everything met on the way.

    Attributes
    ----------
    loss : float
        The cost C, or the loss C_x of one example.
    activations : list of L + 1 arrays (n, units), or (units,) for one example
        First X, last the outputs.
    deltas : list of L arrays (n, units), or (units,) for one example
        Rows ``w_x dC_x/dz``: times the example's weight, but not divided by the batch.
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        nabla_W and nabla_b, the derivatives of ``loss``.

    Examples
    --------
    >>> line = dict(activation="relu", output_activation="identity", loss="squared_error")
    >>> nabla = backprop([[[2.0]]], [[1.0]], [[1.0], [2.0]], [1.0, 6.0], **line)
    >>> nabla.loss, nabla.activations[-1].tolist()
    (1.25, [[3.0], [5.0]])
    """

    loss: float
    activations: list[Array]
    deltas: list[Array]
    weights: list[Array]
    biases: list[Array]


def backprop_example(
    weights: Arrays, biases: Arrays, x: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    masks: Masks = None,
) -> Gradients:  # fmt: skip
    """Compute the gradient of C_x, the loss of one example: the book's algorithm, in vectors.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        W_1 ... W_L and b_1 ... b_L.
    x : array (n_features,)
        The example.
    y : int, float or array (n_outputs,)
        Its label, for "softmax", or its target.
    activation, output_activation, loss, loss_parameters : str, or as said there
        See `cbackprop.reference`.
    masks : list of L - 1 arrays (units,), optional
        What dropout multiplies the hidden layers' activations by.

    Returns
    -------
    Gradients
        Of C_x, without an L2 term.

    Raises
    ------
    ValueError
        If options, shapes or values do not fit, with what was expected and what was got.

    References
    ----------
    Nielsen's book, chapter 2, "The backpropagation algorithm".

    Examples
    --------
    >>> classify = dict(activation="relu", output_activation="softmax", loss="log_loss")
    >>> nabla = backprop_example([np.zeros((1, 4))], [np.zeros(4)], [2.0], 3, **classify)
    >>> nabla.biases[0].tolist(), nabla.weights[0].tolist()
    ([0.25, 0.25, 0.25, -0.75], [[0.5, 0.5, 0.5, -1.5]])
    """
    check_pair(output_activation, loss)
    weights, biases, x = checked_network(weights, biases, x, ndim=1)
    z, a = _forward(weights, biases, x, activation, output_activation, masks)
    target = checked_targets(y, a[-1], loss)

    C_x, delta = losses_and_deltas(z[-1], target, output_activation, loss, loss_parameters)
    deltas = [delta]  # (BP1)
    for W, slopes in zip(weights[:0:-1], _slopes(z, activation, masks)[::-1], strict=True):
        deltas.insert(0, (W @ deltas[0]) * slopes)  # (BP2), last layer to second
    nabla_b = [delta.copy() for delta in deltas]  # (BP3)
    nabla_W = [np.outer(a_l, delta) for a_l, delta in zip(a[:-1], deltas, strict=True)]  # (BP4)
    return Gradients(float(C_x), a, deltas, nabla_W, nabla_b)


def backprop_loop(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, l1: float = 0.0,
    masks: Masks = None,
) -> Gradients:  # fmt: skip
    """Compute the gradient of the cost of a mini-batch: the book's loop over its examples.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        W_1 ... W_L and b_1 ... b_L.
    X : array (n, n_features)
        Examples, a row each.
    y : array (n,) or (n, n_outputs)
        Integer labels (n,) for "softmax"; numbers otherwise, where (n,) is for one output.
    activation, output_activation, loss, loss_parameters : str, or as said there
        See `cbackprop.reference`.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha, l1 : float, default 0.0
        The penalties, L2 and L1.
    masks : list of L - 1 arrays (n, units), optional
        What dropout multiplies the hidden layers' activations by: see `dropout_masks`.

    Returns
    -------
    Gradients
        Those of `backprop`; only rounding differs.

    Raises
    ------
    ValueError
        If options, shapes or values do not fit, with what was expected and what was got.

    References
    ----------
    Nielsen's book, chapter 2, "The code for backpropagation": its ``update_mini_batch``.

    Examples
    --------
    >>> line = dict(activation="relu", output_activation="identity", loss="squared_error")
    >>> nabla = backprop_loop([[[2.0]]], [[1.0]], [[1.0], [2.0]], [1.0, 6.0], **line)
    >>> nabla.weights[0].tolist(), nabla.biases[0].tolist()
    ([[0.0]], [0.5])
    """
    weights, biases, X = checked_network(weights, biases, X, ndim=2)
    y, w = checked_rows(y, sample_weight, len(X))
    total, activations, deltas = 0.0, [], []
    nabla_W = [np.zeros_like(W) for W in weights]
    nabla_b = [np.zeros_like(b) for b in biases]
    for i, (x, y_x, w_x) in enumerate(zip(X, y, w.tolist(), strict=True)):
        one = backprop_example(
            weights, biases, x, y_x,
            activation=activation, output_activation=output_activation, loss=loss,
            loss_parameters=loss_parameters,
            masks=None if masks is None else [mask[i] for mask in masks],
        )  # fmt: skip
        total += w_x * one.loss
        activations.append(one.activations)
        deltas.append([w_x * delta for delta in one.deltas])
        nabla_W = [nW + w_x * dnW for nW, dnW in zip(nabla_W, one.weights, strict=True)]
        nabla_b = [nb + w_x * dnb for nb, dnb in zip(nabla_b, one.biases, strict=True)]

    w_sum = float(w.sum())
    return Gradients(
        loss=(total + _penalty(weights, alpha, l1)) / w_sum,
        activations=[np.stack(layer) for layer in zip(*activations, strict=True)],
        deltas=[np.stack(layer) for layer in zip(*deltas, strict=True)],
        weights=[
            (nW + _slope_of_penalty(W, alpha, l1)) / w_sum
            for nW, W in zip(nabla_W, weights, strict=True)
        ],
        biases=[nb / w_sum for nb in nabla_b],
    )


def backprop(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, l1: float = 0.0,
    masks: Masks = None,
) -> Gradients:  # fmt: skip
    """Compute the gradient of the cost of a mini-batch: the fully matrix-based approach.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        W_1 ... W_L and b_1 ... b_L.
    X : array (n, n_features)
        Examples, a row each.
    y : array (n,) or (n, n_outputs)
        Integer labels (n,) for "softmax"; numbers otherwise, where (n,) is for one output.
    activation, output_activation, loss, loss_parameters : str, or as said there
        See `cbackprop.reference`.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha, l1 : float, default 0.0
        The penalties, L2 and L1.
    masks : list of L - 1 arrays (n, units), optional
        What dropout multiplies the hidden layers' activations by: see `dropout_masks`.

    Returns
    -------
    Gradients
        Of the cost C.

    Raises
    ------
    ValueError
        If options, shapes or values do not fit, with what was expected and what was got.

    References
    ----------
    Nielsen's book, chapter 2, its last problem: a "fully matrix-based approach".

    Examples
    --------
    >>> line = dict(activation="relu", output_activation="identity", loss="squared_error")
    >>> nabla = backprop([[[2.0]]], [[1.0]], [[1.0], [2.0]], [1.0, 6.0], **line)
    >>> nabla.deltas[0].tolist(), nabla.weights[0].tolist(), nabla.biases[0].tolist()
    ([[2.0], [-1.0]], [[0.0]], [0.5])
    """
    check_pair(output_activation, loss)
    weights, biases, X = checked_network(weights, biases, X, ndim=2)
    y, w = checked_rows(y, sample_weight, len(X))
    Z, A = _forward(weights, biases, X, activation, output_activation, masks)
    Y = checked_targets(y, A[-1], loss)
    w_sum = float(w.sum())

    # D: the deltas of one layer, a row an example; each is linear in the one after it, so the
    # examples' weights are multiplied in but once.
    losses, D = losses_and_deltas(Z[-1], Y, output_activation, loss, loss_parameters)  # (BP1)
    deltas = [w.astype(D.dtype)[:, np.newaxis] * D]
    for W, slopes in zip(weights[:0:-1], _slopes(Z, activation, masks)[::-1], strict=True):
        deltas.insert(0, (deltas[0] @ W.T) * slopes)  # (BP2), last layer to second
    nabla_b = [D.sum(axis=0) / w_sum for D in deltas]  # (BP3)
    nabla_W = [
        (A_l.T @ D + _slope_of_penalty(W, alpha, l1)) / w_sum  # (BP4)
        for A_l, D, W in zip(A[:-1], deltas, weights, strict=True)
    ]
    total = float(w @ losses) + _penalty(weights, alpha, l1)
    return Gradients(total / w_sum, A, deltas, nabla_W, nabla_b)
