"""What do activations and losses compute? Formulas of z, each with its derivative beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def logistic(z: Array) -> Array:
    """Return :math:`1 / (1 + e^{-z})` of every element, without overflow.

    Parameters
    ----------
    z : array of floats
        Of any shape.

    Returns
    -------
    array of the same shape
        From 0 to 1.

    Examples
    --------
    >>> logistic(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    e = np.exp(-np.abs(z))  # in [0, 1], whatever the sign of z
    return np.asarray(np.where(z >= 0, 1, e) / (1 + e))


def softmax(z: Array) -> Array:
    r"""Return :math:`e^{z_j} / \sum_k e^{z_k}` along the last axis, without overflow.

    Parameters
    ----------
    z : array (..., k)
        Weighted inputs.

    Returns
    -------
    array of the same shape
        Sums to 1 along the last axis.

    Examples
    --------
    >>> softmax(np.array([0.0, 1000.0, 1000.0])).tolist()
    [0.0, 0.5, 0.5]
    """
    e = np.exp(z - z.max(axis=-1, keepdims=True))  # the shift cancels in the quotient
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


# Helpers, of the dtype that they are given.


def _phi(z: Array) -> Array:
    """The normal distribution, right in its tail, too."""
    tail = np.vectorize(lambda x: math.erfc(-x / math.sqrt(2)) / 2, otypes=[np.float64])
    return np.asarray(tail(z), dtype=z.dtype)


def _bell(z: Array) -> Array:
    """The normal distribution's density."""
    return np.asarray(np.exp(-z * z / 2) / math.sqrt(2 * math.pi), dtype=z.dtype)


def _gate(z: Array) -> Array:
    """2 sqrt(2 / pi) (z + 0.044715 z^3), of which gelu_tanh takes the logistic function."""
    return np.asarray(2 * math.sqrt(2 / math.pi) * (z + 0.044715 * z**3), dtype=z.dtype)


def _gate_slope(z: Array) -> Array:
    return np.asarray(2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z**2), dtype=z.dtype)


def softplus(z: Array) -> Array:
    """log(1 + e^z)"""
    return np.asarray(np.logaddexp(np.zeros_like(z), z))


def _below(z: Array) -> Array:
    """z where it is negative, and 0: what e^z cannot overflow with."""
    return np.minimum(z, 0)


# f(z) and f'(z) of the hidden layers' activations; `slope` is leaky_relu's. Where there is a kink,
# f' is that of its left.

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
HIDDEN: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (logistic, lambda z: logistic(z) * (1 - logistic(z))),
    "tanh": (np.tanh, lambda z: (1 - np.tanh(z)) * (1 + np.tanh(z))),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    "leaky_relu": (
        lambda z, slope=0.01: np.where(z > 0, z, z * z.dtype.type(slope)),
        lambda z, slope=0.01: np.where(z > 0, 1, z.dtype.type(slope)).astype(z.dtype),
    ),
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(_below(z))),
        lambda z: np.exp(_below(z)),
    ),
    "selu": (
        lambda z: (
            SELU_SCALE * np.where(z > 0, z, z.dtype.type(SELU_ALPHA) * np.expm1(_below(z)))
        ).astype(z.dtype),
        lambda z: (SELU_SCALE * np.where(z > 0, 1, SELU_ALPHA * np.exp(_below(z)))).astype(z.dtype),
    ),
    "softplus": (softplus, logistic),
    "silu": (
        lambda z: z * logistic(z),
        lambda z: logistic(z) * (1 + z * logistic(-z)),
    ),
    "gelu": (lambda z: z * _phi(z), lambda z: _phi(z) + z * _bell(z)),
    "gelu_tanh": (
        lambda z: z * logistic(_gate(z)),
        lambda z: logistic(_gate(z)) * (1 + z * _gate_slope(z) * logistic(-_gate(z))),
    ),
    "mish": (
        lambda z: z * np.tanh(softplus(z)),
        lambda z: np.tanh(softplus(z)) + z * logistic(z) * (1 - np.tanh(softplus(z)) ** 2),
    ),
}
ACTIVATIONS: dict[str, Callable[..., Array]] = {
    **{name: f for name, (f, _) in HIDDEN.items()},
    "softmax": softmax,
    "exp": np.exp,
}
DERIVATIVES: dict[str, Callable[..., Array]] = {name: slope for name, (_, slope) in HIDDEN.items()}


# Losses of z and targets y, both (..., n_outputs): C_x of every output, and its derivative by z,
# which is (BP1) delta^L = nabla_a C * f'(z^L): but for the quadratic cost, f' cancels against the
# loss's own derivative, and a - y is all that is left (chapter 3).


def _smoothed(y: Array, share: float, k: int) -> Array:
    """Targets of which a share is spread over k outcomes."""
    return np.asarray(y * (1 - y.dtype.type(share)) + y.dtype.type(share / k))


def _quadratic(z: Array, y: Array) -> tuple[Array, Array]:
    """(a - y)^2 / 2, a = z"""
    return (z - y) ** 2 / 2, z - y


def _quadratic_of_logistic(z: Array, y: Array) -> tuple[Array, Array]:
    """(a - y)^2 / 2, a = logistic(z): the one loss here whose f' stays"""
    a = logistic(z)
    return (a - y) ** 2 / 2, (a - y) * a * (1 - a)


def _binary_log_loss(z: Array, y: Array, label_smoothing: float = 0.0) -> tuple[Array, Array]:
    """-(y log a + (1 - y) log(1 - a)), a = logistic(z): log(1 + e^z) - y z"""
    y = _smoothed(y, label_smoothing, 2)
    return softplus(z) - y * z, logistic(z) - y


def _log_loss(z: Array, y: Array, label_smoothing: float = 0.0) -> tuple[Array, Array]:
    """-sum y log a, a = softmax(z): y is 1 at the label and 0 elsewhere, before it is smoothed."""
    y = _smoothed(y, label_smoothing, z.shape[-1])
    shifted = z - z.max(axis=-1, keepdims=True)
    log_a = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return np.where(y == 0, 0, -y * log_a), softmax(z) - y


def _poisson(z: Array, y: Array) -> tuple[Array, Array]:
    """y log(y / a) - y + a, a = e^z; the first term is 0 where y is"""
    a = np.exp(z)
    return np.where(y > 0, y * (np.log(np.where(y > 0, y, 1)) - z), 0) - y + a, a - y


def _gamma(z: Array, y: Array) -> tuple[Array, Array]:
    """log(a / y) + y / a - 1, a = e^z"""
    return z - np.log(y) + (y * np.exp(-z) - 1), 1 - y * np.exp(-z)


def _absolute_error(z: Array, y: Array) -> tuple[Array, Array]:
    """abs(z - y), which has no slope on its kink"""
    return np.abs(z - y), np.sign(z - y)


def _huber(z: Array, y: Array, delta: float = 1.0) -> tuple[Array, Array]:
    """Half the squared distance up to delta, and from there on as steep as there."""
    d, delta = np.abs(z - y), z.dtype.type(delta)
    return np.where(d > delta, delta * (d - delta / 2), d**2 / 2), np.clip(z - y, -delta, delta)


def _log_cosh(z: Array, y: Array) -> tuple[Array, Array]:
    """log cosh(z - y), which is -log(1 - tanh^2) / 2, and d + log(1 + e^-2d) - log 2"""
    d = np.abs(z - y)
    near = -np.log1p(-(np.tanh(np.minimum(d, 1)) ** 2)) / 2
    far = d + np.log1p(np.exp(-2 * d)) - z.dtype.type(math.log(2))
    return np.where(d < 1, near, far), np.tanh(z - y)


def _quantile(z: Array, y: Array, *quantiles: float) -> tuple[Array, Array]:
    """q (y - z) under y, (1 - q) (z - y) over it: one q for all outputs, or one for each."""
    q = np.array(quantiles or (0.5,), dtype=z.dtype)
    terms = np.where(z < y, q * (y - z), (1 - q) * (z - y))
    return terms, np.where(z < y, -q, np.where(z > y, 1 - q, 0)).astype(z.dtype)


LOSSES: dict[tuple[str, str], Callable[..., tuple[Array, Array]]] = {
    ("identity", "squared_error"): _quadratic,
    ("logistic", "squared_error"): _quadratic_of_logistic,
    ("logistic", "binary_log_loss"): _binary_log_loss,
    ("softmax", "log_loss"): _log_loss,
    ("exp", "poisson"): _poisson,
    ("exp", "gamma"): _gamma,
    ("identity", "absolute_error"): _absolute_error,
    ("identity", "huber"): _huber,
    ("identity", "log_cosh"): _log_cosh,
    ("identity", "quantile"): _quantile,
}
PAIRS = tuple(LOSSES)
# Where y must lie; gamma's must not be 0.
DOMAINS = {"binary_log_loss": (0.0, 1.0), "poisson": (0.0, np.inf), "gamma": (0.0, np.inf)}


def losses_and_deltas(
    z: Array, y: Array, output_activation: str, loss: str, parameters: Sequence[float]
) -> tuple[Array, Array]:
    """C_x of every example (...), summed in float64, and delta^L (..., n_outputs)."""
    terms, delta = LOSSES[output_activation, loss](z, y, *parameters)
    return np.asarray(terms.sum(axis=-1, dtype=np.float64)), np.asarray(delta)
