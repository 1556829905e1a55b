"""What is the gradient of a network's cost?  Backpropagation, three ways."""

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    floats,
)
from cbackprop.reference.functions import Array, losses_and_deltas
from cbackprop.reference.layers import (
    Masks,
    all_layers,
    penalty,
    slope_of_penalty,
    slopes,
    slopes_by_own,
)


@dataclass(frozen=True, eq=False)
class Gradients:
    r"""A cost, its gradient, and everything met on the way.

    Attributes
    ----------
    loss : float
        The cost C, or the loss :math:`C_x` of one example.
    activations : list of L + 1 arrays (n, units), or (units,) for one example
        First X, last the outputs.
    deltas : list of L arrays (n, units), or (units,) for one example
        Rows :math:`w_x \, \partial C_x / \partial z`: times the example's weight, but not divided
        by the batch.
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        nabla_W and nabla_b, the derivatives of ``loss``.
    activation_weights : list of L - 1 arrays (fan_out,)
        Likewise, of parametric activations; empty without them.

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
    activation_weights: list[Array] = field(default_factory=list)


def backprop_example(
    weights: Arrays, biases: Arrays, x: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    masks: Masks = None, activation_weights: Arrays | None = None,
) -> Gradients:  # fmt: skip
    r"""Compute the gradient of :math:`C_x`, one example's loss: the book's algorithm, in vectors.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        :math:`W_1, \ldots, W_L` and :math:`b_1, \ldots, b_L`.
    x : array (n_features,)
        The example.
    y : int, float or array (n_outputs,)
        Its label, for "softmax", or its target.
    activation, output_activation, loss, loss_parameters : options
        Those that `cbackprop.reference` lists.
    masks : list of L - 1 arrays (units,), optional
        What dropout multiplies the hidden layers' activations by.
    activation_weights : list of L - 1 arrays (units,), optional
        Of parametric activations: with w, a unit's own, :math:`a = z + w (f(z) - z)`.

    Returns
    -------
    Gradients
        Of :math:`C_x`, without an L2 term.

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
    own = checked_activation_weights(activation_weights, biases)
    z, a = all_layers(weights, biases, x, activation, output_activation, masks, own)
    target = checked_targets(y, a[-1], loss)

    C_x, delta = losses_and_deltas(z[-1], target, output_activation, loss, loss_parameters)
    deltas = [delta]  # (BP1)
    before: list[Array] = []  # C_x's derivatives by the hidden layers' activations
    for W, da_dz in zip(weights[:0:-1], slopes(z, activation, masks, own)[::-1], strict=True):
        before.insert(0, W @ deltas[0])
        deltas.insert(0, before[0] * da_dz)  # (BP2), last layer to second
    nabla_b = [delta.copy() for delta in deltas]  # (BP3)
    nabla_W = [np.outer(a_l, delta) for a_l, delta in zip(a[:-1], deltas, strict=True)]  # (BP4)
    rests = [] if own is None else slopes_by_own(z, activation, masks)
    nabla_own = [dC_da * rest for dC_da, rest in zip(before, rests, strict=False)]
    return Gradients(float(C_x), a, deltas, nabla_W, nabla_b, nabla_own)


def backprop_loop(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, l1: float = 0.0,
    masks: Masks = None, activation_weights: Arrays | None = None,
) -> Gradients:  # fmt: skip
    r"""Compute the gradient of the cost of a mini-batch: the book's loop over its examples.

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
    nabla_own = [np.zeros_like(floats(w)) for w in activation_weights or []]
    for i, (x, y_x, w_x) in enumerate(zip(X, y, w.tolist(), strict=True)):
        one = backprop_example(
            weights, biases, x, y_x,
            activation=activation, output_activation=output_activation, loss=loss,
            loss_parameters=loss_parameters, activation_weights=activation_weights,
            masks=None if masks is None else [mask[i] for mask in masks],
        )  # fmt: skip
        total += w_x * one.loss
        activations.append(one.activations)
        deltas.append([w_x * delta for delta in one.deltas])
        nabla_W = [nW + w_x * dnW for nW, dnW in zip(nabla_W, one.weights, strict=True)]
        nabla_b = [nb + w_x * dnb for nb, dnb in zip(nabla_b, one.biases, strict=True)]
        pairs = zip(nabla_own, one.activation_weights, strict=True)
        nabla_own = [n_own + w_x * dn_own for n_own, dn_own in pairs]

    w_sum = float(w.sum())
    return Gradients(
        loss=(total + penalty(weights, alpha, l1)) / w_sum,
        activations=[np.stack(layer) for layer in zip(*activations, strict=True)],
        deltas=[np.stack(layer) for layer in zip(*deltas, strict=True)],
        weights=[
            (nW + slope_of_penalty(W, alpha, l1)) / w_sum
            for nW, W in zip(nabla_W, weights, strict=True)
        ],
        biases=[nb / w_sum for nb in nabla_b],
        activation_weights=[n_own / w_sum for n_own in nabla_own],
    )


def backprop(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, l1: float = 0.0,
    masks: Masks = None, activation_weights: Arrays | None = None,
) -> Gradients:  # fmt: skip
    r"""Compute the gradient of the cost of a mini-batch: the fully matrix-based approach.

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
    own = checked_activation_weights(activation_weights, biases)
    Z, A = all_layers(weights, biases, X, activation, output_activation, masks, own)
    Y = checked_targets(y, A[-1], loss)
    w_sum = float(w.sum())

    # D: the deltas of one layer, a row an example; each is linear in the one after it, so the
    # examples' weights are multiplied in but once.
    losses, D = losses_and_deltas(Z[-1], Y, output_activation, loss, loss_parameters)  # (BP1)
    deltas = [w.astype(D.dtype)[:, np.newaxis] * D]
    before: list[Array] = []  # the cost's derivatives by the hidden layers' activations
    for W, da_dz in zip(weights[:0:-1], slopes(Z, activation, masks, own)[::-1], strict=True):
        before.insert(0, deltas[0] @ W.T)
        deltas.insert(0, before[0] * da_dz)  # (BP2), last layer to second
    nabla_b = [D.sum(axis=0) / w_sum for D in deltas]  # (BP3)
    nabla_W = [
        (A_l.T @ D + slope_of_penalty(W, alpha, l1)) / w_sum  # (BP4)
        for A_l, D, W in zip(A[:-1], deltas, weights, strict=True)
    ]
    rests = [] if own is None else slopes_by_own(Z, activation, masks)
    nabla_own = [
        (dC_dA * rest).sum(axis=0) / w_sum for dC_dA, rest in zip(before, rests, strict=False)
    ]
    total = float(w @ losses) + penalty(weights, alpha, l1)
    return Gradients(total / w_sum, A, deltas, nabla_W, nabla_b, nabla_own)
