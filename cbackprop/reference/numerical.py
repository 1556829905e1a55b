"""Is a gradient right?  The judge moves one parameter at a time, and looks what the cost does."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cbackprop.reference.checks import (
    Activation,
    Arrays,
    checked_activation_weights,
    checked_network,
)
from cbackprop.reference.functions import Array
from cbackprop.reference.layers import Masks, cost


def numerical_gradient(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, l1: float = 0.0,
    masks: Masks = None, activation_weights: Arrays | None = None, step: float = 1e-5,
) -> tuple[list[Array], ...]:  # fmt: skip
    r"""Compute the gradient of `cost` by moving one parameter at a time by ``step`` to either side.

    Slow, and wrong where a kink is within a step; but it knows nothing of backpropagation, which
    makes it the judge.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        :math:`W_1, \ldots, W_L` and :math:`b_1, \ldots, b_L`; taken as float64.
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
        What dropout multiplies the hidden layers' activations by, held while parameters move.
    activation_weights : list of L - 1 arrays (units,), optional
        Of parametric activations: with w, a unit's own, :math:`a = z + w (f(z) - z)`.
    step : float, default 1e-5
        How far each parameter is moved.

    Returns
    -------
    nabla_W, nabla_b : lists of L arrays (fan_in, fan_out) and (fan_out,)
        The gradient, float64. With activation weights theirs, L - 1 arrays, is a third list.

    Raises
    ------
    ValueError
        If options, shapes or values do not fit, with what was expected and what was got.

    Examples
    --------
    >>> line = dict(activation="relu", output_activation="identity", loss="squared_error")
    >>> _, nabla_b = numerical_gradient([[[2.0]]], [[1.0]], [[1.0], [2.0]], [1.0, 6.0], **line)
    >>> round(nabla_b[0].item(), 6)
    0.5
    """
    if not step > 0:
        raise ValueError(f"step must be positive, got {step}")
    Ws, bs, X = checked_network(weights, biases, X, ndim=2)
    Ws, bs = [W.astype(np.float64) for W in Ws], [b.astype(np.float64) for b in bs]  # copies
    own = checked_activation_weights(activation_weights, bs)
    own = None if own is None else [w.astype(np.float64) for w in own]

    def slopes(parameter: Array) -> Array:
        nabla = np.empty_like(parameter)
        for index in np.ndindex(parameter.shape):
            here, costs = parameter[index], []
            for there in (here + step, here - step):
                parameter[index] = there
                costs.append(cost(
                    Ws, bs, X, y, activation=activation, output_activation=output_activation,
                    loss=loss, sample_weight=sample_weight, alpha=alpha, l1=l1,
                    loss_parameters=loss_parameters, masks=masks, activation_weights=own,
                ))  # fmt: skip
            parameter[index] = here
            nabla[index] = (costs[0] - costs[1]) / (2 * step)
        return nabla

    nablas = [slopes(W) for W in Ws], [slopes(b) for b in bs]
    return nablas if own is None else (*nablas, [slopes(w) for w in own])
