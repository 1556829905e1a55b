"""What should backpropagation compute?  The answer in plain NumPy, written to be read.

This is the mathematics of the compiled engine, and what the engine is tested against.  Read it
next to chapter 2 of Michael Nielsen, *Neural Networks and Deep Learning* (2015),
http://neuralnetworksanddeeplearning.com/chap2.html: its four equations of backpropagation, (BP1)
to (BP4), are named where they stand.  Nothing is imported but NumPy.

A network is two lists, one entry a layer: ``weights``, arrays (fan_in, fan_out), and ``biases``,
arrays (fan_out,).  Examples are rows, so a layer is ``z = a W + b``; Nielsen's are columns, and
his w is our W transposed.  These options are shared by all functions:

``activation``
    f of the hidden layers: "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu",
    "softplus", "silu", "gelu", "gelu_tanh" or "mish"; ``("leaky_relu", slope)`` for a slope that
    is not 0.01; or a list of these, one for each hidden layer.
``output_activation`` and ``loss``
    One of these pairs, a being the output and y the target; losses are summed over outputs.

    =================== =================== ================================================
    output_activation   loss                C_x, the loss of one example
    =================== =================== ================================================
    "identity"          "squared_error"     (a - y)^2 / 2
    "logistic"          "squared_error"     (a - y)^2 / 2, the book's quadratic cost
    "logistic"          "binary_log_loss"   -(y log a + (1 - y) log(1 - a)), y in [0, 1]
    "softmax"           "log_loss"          -log a[y], y an integer label
    "exp"               "poisson"           y log(y / a) - y + a, y at least 0
    "exp"               "gamma"             log(a / y) + y / a - 1, y positive
    "identity"          "absolute_error"    abs(a - y)
    "identity"          "huber"             (a - y)^2 / 2 up to delta, linear from there on
    "identity"          "log_cosh"          log cosh(a - y)
    "identity"          "quantile"          q (y - a) where a < y, (1 - q) (a - y) elsewhere
    =================== =================== ================================================
``loss_parameters``
    Of the loss, its standard ones by default: the share of label smoothing for the two log losses
    (0), delta for "huber" (1), q for "quantile" (0.5), or one for each output.
``sample_weight`` and ``alpha``
    The weights w_x of the examples, ones by default, and the L2 penalty, which spares the biases:
    the cost is ``C = (sum_x w_x C_x + alpha/2 sum_l ||W_l||^2) / sum_x w_x``.

Everything is computed in float32 if weights, biases and X are, otherwise in float64; losses are
summed in float64.  Losses are made of z, so that they are right where a is 0 or 1 to rounding:
scikit-learn clips a.  "exp" is NumPy's: past z = 709 (88 in float32) it warns and is inf.  What
does not fit, be it options, shapes or values, is named in a ValueError.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cbackprop.reference.functions import (
    ACTIVATIONS,
    DERIVATIVES,
    DOMAINS,
    PAIRS,
    logistic,
    losses_and_deltas,
    softmax,
)

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Gradients",
    "RMSprop",
    "backprop",
    "backprop_example",
    "backprop_loop",
    "cost",
    "forward",
    "logistic",
    "numerical_gradient",
    "softmax",
    "train",
]

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = Sequence[ArrayLike]
Activation: TypeAlias = str | tuple[str, float] | Sequence[Any]


def _l2(weights: list[Array], alpha: float) -> float:
    """Compute alpha/2 sum_l ||W_l||^2."""
    return 0.5 * alpha * sum(float(np.square(W, dtype=np.float64).sum()) for W in weights)


# Checks.


def _floats(array: ArrayLike) -> Array:
    array = np.asarray(array)
    return array if array.dtype == np.float32 else array.astype(np.float64, copy=False)


def _network(
    weights: Arrays, biases: Arrays, X: ArrayLike, ndim: int
) -> tuple[list[Array], list[Array], Array]:
    """The three as float arrays that fit together; X has ndim dimensions."""
    Ws, bs, X = [_floats(W) for W in weights], [_floats(b) for b in biases], _floats(X)
    if not Ws or len(Ws) != len(bs):
        raise ValueError(f"expected as many weights as biases, got {len(Ws)} and {len(bs)}")
    if X.ndim != ndim or 0 in X.shape:
        expected = "(n, n_features)" if ndim == 2 else "(n_features,)"
        raise ValueError(f"X must have shape {expected} and not be empty, got shape {X.shape}")
    fan_in = X.shape[-1]
    for i, (W, b) in enumerate(zip(Ws, bs, strict=True)):
        if W.ndim != 2 or W.shape[0] != fan_in or W.size == 0:
            raise ValueError(f"weights[{i}] must have shape ({fan_in}, fan_out), got {W.shape}")
        fan_in = W.shape[1]
        if b.shape != (fan_in,):
            raise ValueError(f"biases[{i}] must have shape ({fan_in},), got {b.shape}")
    return Ws, bs, X


def _check_pair(output_activation: str, loss: str) -> None:
    if (output_activation, loss) not in PAIRS:
        raise ValueError(
            f"expected output_activation and loss to be one of {PAIRS}, "
            f"got {(output_activation, loss)}"
        )


def _rows(y: ArrayLike, sample_weight: ArrayLike | None, n: int) -> tuple[Array, Array]:
    """Targets and weights w_x (float64) of n rows."""
    y = np.asarray(y)
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if y.shape[:1] != (n,):
        raise ValueError(f"y must have {n} rows as X has, got shape {y.shape}")
    if w.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), got {w.shape}")
    if not w.sum() > 0:
        raise ValueError(f"sample_weight must have a positive sum, got {w.sum()}")
    return y, w


def _targets(y: ArrayLike, outputs: Array, loss: str) -> Array:
    """Targets as numbers of the outputs' shape and dtype: a label becomes a row of 0s and a 1."""
    y, rows, k = np.asarray(y), outputs.shape[:-1], outputs.shape[-1]
    if loss == "log_loss":
        if y.shape != rows or y.dtype.kind not in "iu":
            got = f"{y.dtype} of shape {y.shape}"
            raise ValueError(f"y must be integer labels of shape {rows}, got {got}")
        if np.any((y < 0) | (y >= k)):
            raise ValueError(f"labels y must be 0 to {k - 1}, got {y.min()} to {y.max()}")
        return np.asarray(np.eye(k, dtype=outputs.dtype)[y])
    if loss == "quantile" and y.shape == rows:  # the same target for each of several quantiles
        y = np.repeat(y[..., np.newaxis], k, axis=-1)
    if y.shape != outputs.shape and (k, y.shape) != (1, rows):
        raise ValueError(f"y must have shape {outputs.shape}, got {y.shape}")
    y = y.astype(outputs.dtype).reshape(outputs.shape)
    low, high = DOMAINS.get(loss, (-np.inf, np.inf))
    if not np.all((y >= low) & (y <= high)):
        expected = f"[{low:g}, {high}] for {loss!r}"
        raise ValueError(f"y must be in {expected}, got {y.min()} to {y.max()}")
    if loss == "gamma" and not np.all(y > 0):
        raise ValueError(f"y must be positive for 'gamma', got {y.min()}")
    return y


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
        See the module's docstring.

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
    weights, biases, X = _network(weights, biases, X, ndim=1 if np.ndim(X) == 1 else 2)
    return _forward(weights, biases, X, activation, output_activation)[1]


def _forward(
    weights: list[Array], biases: list[Array], X: Array, activation: Activation,
    output_activation: str,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """The weighted inputs z of all layers, first to last, and the activations, X before them."""
    zs, activations = [], [X]
    hidden = [(f, rest) for f, *rest in _hidden(activation, len(weights) - 1)]
    for W, b, (f, rest) in zip(weights, biases, [*hidden, (output_activation, [])], strict=True):
        zs.append(activations[-1] @ W + b)
        activations.append(ACTIVATIONS[f](zs[-1], *rest))
    return zs, activations


def _hidden(activation: Activation, n_hidden: int) -> list[tuple]:
    """The hidden layers' activations, each a name, and its slope if it is given."""
    one = isinstance(activation, str) or (
        isinstance(activation, tuple)
        and len(activation) == 2
        and not isinstance(activation[1], str)
    )
    listed = [activation] * n_hidden if one else list(activation)
    if len(listed) != n_hidden:
        raise ValueError(f"activation must be one, or {n_hidden} of them, got {activation!r}")
    named = [(item,) if isinstance(item, str) else tuple(item) for item in listed]
    for name, *_ in [*named, *([(activation,)] if isinstance(activation, str) else [])]:
        if name not in DERIVATIVES:
            raise ValueError(f"activation must be one of {tuple(DERIVATIVES)}, got {name!r}")
    return named


def _slopes(zs: list[Array], activation: Activation) -> list[Array]:
    """f'(z) of the hidden layers."""
    hidden = _hidden(activation, len(zs) - 1)
    return [DERIVATIVES[f](z, *rest) for z, (f, *rest) in zip(zs[:-1], hidden, strict=True)]


def cost(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0,
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
        See the module's docstring.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha : float, default 0.0
        The L2 penalty.

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
    _check_pair(output_activation, loss)
    weights, biases, X = _network(weights, biases, X, ndim=2)
    y, w = _rows(y, sample_weight, len(X))
    z = _forward(weights, biases, X, activation, output_activation)[0][-1]
    losses, _ = losses_and_deltas(z, _targets(y, z, loss), output_activation, loss, loss_parameters)
    return float((w @ losses + _l2(weights, alpha)) / w.sum())


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
        See the module's docstring.

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
    _check_pair(output_activation, loss)
    weights, biases, x = _network(weights, biases, x, ndim=1)
    z, a = _forward(weights, biases, x, activation, output_activation)
    target = _targets(y, a[-1], loss)

    C_x, delta = losses_and_deltas(z[-1], target, output_activation, loss, loss_parameters)
    deltas = [delta]  # (BP1)
    for W, slopes in zip(weights[:0:-1], _slopes(z, activation)[::-1], strict=True):
        deltas.insert(0, (W @ deltas[0]) * slopes)  # (BP2), last layer to second
    nabla_b = [delta.copy() for delta in deltas]  # (BP3)
    nabla_W = [np.outer(a_l, delta) for a_l, delta in zip(a[:-1], deltas, strict=True)]  # (BP4)
    return Gradients(float(C_x), a, deltas, nabla_W, nabla_b)


def backprop_loop(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0,
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
        See the module's docstring.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha : float, default 0.0
        The L2 penalty.

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
    weights, biases, X = _network(weights, biases, X, ndim=2)
    y, w = _rows(y, sample_weight, len(X))
    total, activations, deltas = 0.0, [], []
    nabla_W = [np.zeros_like(W) for W in weights]
    nabla_b = [np.zeros_like(b) for b in biases]
    for x, y_x, w_x in zip(X, y, w.tolist(), strict=True):
        one = backprop_example(
            weights, biases, x, y_x,
            activation=activation, output_activation=output_activation, loss=loss,
            loss_parameters=loss_parameters,
        )  # fmt: skip
        total += w_x * one.loss
        activations.append(one.activations)
        deltas.append([w_x * delta for delta in one.deltas])
        nabla_W = [nW + w_x * dnW for nW, dnW in zip(nabla_W, one.weights, strict=True)]
        nabla_b = [nb + w_x * dnb for nb, dnb in zip(nabla_b, one.biases, strict=True)]

    w_sum = float(w.sum())
    return Gradients(
        loss=(total + _l2(weights, alpha)) / w_sum,
        activations=[np.stack(layer) for layer in zip(*activations, strict=True)],
        deltas=[np.stack(layer) for layer in zip(*deltas, strict=True)],
        weights=[(nW + alpha * W) / w_sum for nW, W in zip(nabla_W, weights, strict=True)],
        biases=[nb / w_sum for nb in nabla_b],
    )


def backprop(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0,
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
        See the module's docstring.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha : float, default 0.0
        The L2 penalty.

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
    _check_pair(output_activation, loss)
    weights, biases, X = _network(weights, biases, X, ndim=2)
    y, w = _rows(y, sample_weight, len(X))
    Z, A = _forward(weights, biases, X, activation, output_activation)
    Y = _targets(y, A[-1], loss)
    w_sum = float(w.sum())

    # D: the deltas of one layer, a row an example; each is linear in the one after it, so the
    # examples' weights are multiplied in but once.
    losses, D = losses_and_deltas(Z[-1], Y, output_activation, loss, loss_parameters)  # (BP1)
    deltas = [w.astype(D.dtype)[:, np.newaxis] * D]
    for W, slopes in zip(weights[:0:-1], _slopes(Z, activation)[::-1], strict=True):
        deltas.insert(0, (deltas[0] @ W.T) * slopes)  # (BP2), last layer to second
    nabla_b = [D.sum(axis=0) / w_sum for D in deltas]  # (BP3)
    nabla_W = [
        (A_l.T @ D + alpha * W) / w_sum  # (BP4)
        for A_l, D, W in zip(A[:-1], deltas, weights, strict=True)
    ]
    total = float(w @ losses) + _l2(weights, alpha)
    return Gradients(total / w_sum, A, deltas, nabla_W, nabla_b)


def numerical_gradient(
    weights: Arrays, biases: Arrays, X: ArrayLike, y: ArrayLike, *, activation: Activation,
    output_activation: str, loss: str, loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, step: float = 1e-5,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """Compute the gradient of `cost` by moving one parameter at a time by ``step`` to either side.

    Slow, and wrong where a kink is within a step; but it knows nothing of backpropagation, which
    makes it the judge.

    Parameters
    ----------
    weights, biases : lists of L arrays (fan_in, fan_out) and (fan_out,)
        W_1 ... W_L and b_1 ... b_L; taken as float64.
    X : array (n, n_features)
        Examples, a row each.
    y : array (n,) or (n, n_outputs)
        Integer labels (n,) for "softmax"; numbers otherwise, where (n,) is for one output.
    activation, output_activation, loss, loss_parameters : str, or as said there
        See the module's docstring.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha : float, default 0.0
        The L2 penalty.
    step : float, default 1e-5
        How far each parameter is moved.

    Returns
    -------
    nabla_W, nabla_b : lists of L arrays (fan_in, fan_out) and (fan_out,)
        The gradient, float64.

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
    Ws, bs, X = _network(weights, biases, X, ndim=2)
    Ws, bs = [W.astype(np.float64) for W in Ws], [b.astype(np.float64) for b in bs]  # copies

    def slopes(parameter: Array) -> Array:
        nabla = np.empty_like(parameter)
        for index in np.ndindex(parameter.shape):
            here, costs = parameter[index], []
            for there in (here + step, here - step):
                parameter[index] = there
                costs.append(cost(
                    Ws, bs, X, y, activation=activation, output_activation=output_activation,
                    loss=loss, sample_weight=sample_weight, alpha=alpha,
                    loss_parameters=loss_parameters,
                ))  # fmt: skip
            parameter[index] = here
            nabla[index] = (costs[0] - costs[1]) / (2 * step)
        return nabla

    return [slopes(W) for W in Ws], [slopes(b) for b in bs]


# Optimizers, and training.


def _check_gradients(parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
    expected, got = [p.shape for p in parameters], [g.shape for g in gradients]
    if expected != got:
        raise ValueError(f"gradients must have shapes {expected}, got {got}")


@dataclass
class SGD:
    """Stochastic gradient descent, its momentum as scikit-learn has it.

    ``v <- momentum v - learning_rate g``, then ``w <- w + v``, or with Nesterov's momentum
    ``w <- w + momentum v - learning_rate g``.

    Parameters
    ----------
    learning_rate : float, default 0.1
        eta, > 0.
    momentum : float, default 0.0
        mu, in [0, 1].
    nesterov : bool, default False
        Whether the momentum is Nesterov's.

    Examples
    --------
    >>> w, sgd = np.array([1.0]), SGD(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     sgd.step([w], [np.array([1.0])])
    >>> w.tolist()  # 1 - 0.5 - 0.75
    [-0.25]
    """

    learning_rate: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False
    velocities: list[Array] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and 0 <= self.momentum <= 1):
            raise ValueError(f"learning_rate must be positive and momentum in [0, 1], got {self}")

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
        """Change a list of arrays in place, by gradients of the same shapes.

        Parameters
        ----------
        parameters, gradients : sequences of arrays
            As many of the one as of the other.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        _check_gradients(parameters, gradients)
        self.velocities = self.velocities or [np.zeros_like(p) for p in parameters]
        for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
            v = self.velocities[i] = self.momentum * self.velocities[i] - self.learning_rate * g
            w += self.momentum * v - self.learning_rate * g if self.nesterov else v


@dataclass
class Adam:
    """Adam (Kingma and Ba, 2014, arXiv:1412.6980, end of section 2), as scikit-learn has it.

    ``m <- beta_1 m + (1 - beta_1) g``, ``v <- beta_2 v + (1 - beta_2) g^2``, and in the t-th step
    ``w <- w - learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)``: epsilon
    stands outside the bias correction.

    Parameters
    ----------
    learning_rate : float, default 0.001
        > 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay rates of m and v, in [0, 1).
    epsilon : float, default 1e-8
        > 0.

    Examples
    --------
    >>> w = np.array([1.0, 1.0])
    >>> Adam(learning_rate=0.25).step([w], [np.array([100.0, -0.01])])
    >>> w.round(3).tolist()  # whatever the gradient's size, the first step is the learning rate
    [0.75, 1.25]
    """

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    t: int = field(default=0, init=False, repr=False)
    ms: list[Array] = field(default_factory=list, init=False, repr=False)
    vs: list[Array] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        betas_fit = 0 <= self.beta_1 < 1 and 0 <= self.beta_2 < 1
        if not (self.learning_rate > 0 and self.epsilon > 0 and betas_fit):
            raise ValueError(f"learning_rate, epsilon must be > 0, betas in [0, 1), got {self}")

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
        """Change a list of arrays in place, by gradients of the same shapes.

        Parameters
        ----------
        parameters, gradients : sequences of arrays
            As many of the one as of the other.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        _check_gradients(parameters, gradients)
        self.ms = self.ms or [np.zeros_like(p) for p in parameters]
        self.vs = self.vs or [np.zeros_like(p) for p in parameters]
        self.t += 1
        rate = self.learning_rate * (1 - self.beta_2**self.t) ** 0.5 / (1 - self.beta_1**self.t)
        for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
            m = self.ms[i] = self.beta_1 * self.ms[i] + (1 - self.beta_1) * g
            v = self.vs[i] = self.beta_2 * self.vs[i] + (1 - self.beta_2) * g**2
            w -= rate * m / (np.sqrt(v) + self.epsilon)


@dataclass
class AdamW(Adam):
    """Adam with decoupled decay (Loshchilov and Hutter, 2019, arXiv:1711.05101), as in PyTorch.

    ``w <- (1 - learning_rate weight_decay) w``, then with m and v of `Adam`
    ``w <- w - learning_rate m^ / (sqrt(v^) + epsilon)``, where ``m^ = m / (1 - beta_1^t)`` and
    ``v^ = v / (1 - beta_2^t)``: epsilon stands inside the bias correction.

    Parameters
    ----------
    learning_rate : float, default 0.001
        > 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay rates of m and v, in [0, 1).
    epsilon : float, default 1e-8
        > 0.
    weight_decay : float, default 0.01
        At least 0.

    Examples
    --------
    >>> w = np.array([1.0])
    >>> AdamW(learning_rate=0.25, weight_decay=0.5).step([w], [np.array([100.0])])
    >>> w.round(6).tolist()  # 1 - 0.25 * 0.5 - 0.25
    [0.625]
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be at least 0, got {self}")

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
        """Change a list of arrays in place, by gradients of the same shapes.

        Parameters
        ----------
        parameters, gradients : sequences of arrays
            As many of the one as of the other.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        _check_gradients(parameters, gradients)
        self.ms = self.ms or [np.zeros_like(p) for p in parameters]
        self.vs = self.vs or [np.zeros_like(p) for p in parameters]
        self.t += 1
        for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
            m = self.ms[i] = self.beta_1 * self.ms[i] + (1 - self.beta_1) * g
            v = self.vs[i] = self.beta_2 * self.vs[i] + (1 - self.beta_2) * g**2
            m_hat, v_hat = m / (1 - self.beta_1**self.t), v / (1 - self.beta_2**self.t)
            w *= 1 - self.learning_rate * self.weight_decay
            w -= self.learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)


@dataclass
class RMSprop:
    """RMSprop (Tieleman and Hinton, 2012, lecture 6.5), as in PyTorch.

    ``v <- rho v + (1 - rho) g^2``, ``u <- momentum u + g / (sqrt(v) + epsilon)``, then
    ``w <- w - learning_rate u``.

    Parameters
    ----------
    learning_rate : float, default 0.01
        > 0.
    rho : float, default 0.99
        Decay rate of v, in [0, 1).
    momentum : float, default 0.0
        In [0, 1].
    epsilon : float, default 1e-8
        > 0.

    Examples
    --------
    >>> w = np.array([1.0, 1.0])
    >>> RMSprop(learning_rate=0.25, rho=0.75).step([w], [np.array([100.0, -0.01])])
    >>> w.round(3).tolist()  # whatever the gradient's size: 0.25 / sqrt(1 - rho)
    [0.5, 1.5]
    """

    learning_rate: float = 0.01
    rho: float = 0.99
    momentum: float = 0.0
    epsilon: float = 1e-8
    vs: list[Array] = field(default_factory=list, init=False, repr=False)
    us: list[Array] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and self.epsilon > 0):
            raise ValueError(f"learning_rate and epsilon must be > 0, got {self}")
        if not (0 <= self.rho < 1 and 0 <= self.momentum <= 1):
            raise ValueError(f"rho must be in [0, 1) and momentum in [0, 1], got {self}")

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
        """Change a list of arrays in place, by gradients of the same shapes.

        Parameters
        ----------
        parameters, gradients : sequences of arrays
            As many of the one as of the other.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        _check_gradients(parameters, gradients)
        self.vs = self.vs or [np.zeros_like(p) for p in parameters]
        self.us = self.us or [np.zeros_like(p) for p in parameters]
        for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
            v = self.vs[i] = self.rho * self.vs[i] + (1 - self.rho) * g**2
            self.us[i] = self.momentum * self.us[i] + g / (np.sqrt(v) + self.epsilon)
            w -= self.learning_rate * self.us[i]


def train(
    weights: Sequence[Array], biases: Sequence[Array], X: ArrayLike, y: ArrayLike, *,
    optimizer: SGD | Adam | RMSprop, epochs: int, batch_size: int,
    permutations: Iterable[ArrayLike] | None = None,
    random_state: int | np.random.Generator | None = None,
    activation: Activation, output_activation: str, loss: str,
    loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, method: str = "matrix",
) -> list[float]:  # fmt: skip
    """Train by mini-batches; weights and biases, which must be float arrays, change in place.

    Parameters
    ----------
    weights, biases : lists of L float arrays (fan_in, fan_out) and (fan_out,)
        Changed in place.
    X : array (n, n_features)
        Examples, a row each.
    y : array (n,) or (n, n_outputs)
        As for `backprop`.
    optimizer : SGD, Adam, AdamW or RMSprop
        It keeps its velocities or moments.
    epochs, batch_size : int
        At least 1.  The last mini-batch of an epoch may be smaller.
    permutations : iterable of arrays (n,), optional
        The order of the rows in each epoch, to repeat the shuffles of another run.
    random_state : int or Generator, optional
        Draws the orders with `numpy.random.default_rng` where permutations are not given.
    activation, output_activation, loss, loss_parameters : str, or as said there
        See the module's docstring.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha : float, default 0.0
        The L2 penalty, divided by a mini-batch's weight.
    method : {"matrix", "examples"}
        `backprop` or `backprop_loop`.

    Returns
    -------
    list of float, one an epoch
        Mean over the rows of the cost of their mini-batch, as it was before its step.

    Raises
    ------
    ValueError
        If options, shapes or values do not fit, with what was expected and what was got.

    References
    ----------
    Nielsen's book, chapter 1: stochastic gradient descent.

    Examples
    --------
    >>> weights, biases, X = [np.zeros((1, 1))], [np.zeros(1)], [[0.0], [1.0], [2.0]]
    >>> losses = train(weights, biases, X, [1.0, 3.0, 5.0], random_state=0,
    ...                optimizer=SGD(0.3), epochs=200, batch_size=2, activation="relu",
    ...                output_activation="identity", loss="squared_error")
    >>> weights[0].round(6).tolist(), biases[0].round(6).tolist()  # y = 2 x + 1
    ([[2.0]], [1.0])
    """
    methods = {"matrix": backprop, "examples": backprop_loop}
    if method not in methods:
        raise ValueError(f"method must be one of {tuple(methods)}, got {method!r}")
    for name, size in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {size!r}")
    parameters = [*weights, *biases]
    if not all(isinstance(p, np.ndarray) and p.dtype.kind == "f" for p in parameters):
        raise ValueError("weights and biases must be float arrays, since they change in place")
    X = _network(weights, biases, X, ndim=2)[2]
    n = len(X)
    y, w = _rows(y, sample_weight, n)
    rng = np.random.default_rng(random_state)
    orders = (rng.permutation(n) for _ in range(epochs)) if permutations is None else permutations
    orders = iter(orders)

    losses = []
    for epoch in range(epochs):
        order, total = np.asarray(next(orders, ())), 0.0
        if not np.array_equal(np.sort(order), np.arange(n)):
            raise ValueError(f"permutations must have one of {n} rows for epoch {epoch}: {order}")
        for start in range(0, n, batch_size):
            batch = order[start : start + batch_size]
            nabla = methods[method](
                weights, biases, X[batch], y[batch], sample_weight=w[batch], alpha=alpha,
                activation=activation, output_activation=output_activation, loss=loss,
                loss_parameters=loss_parameters,
            )  # fmt: skip
            optimizer.step(parameters, [*nabla.weights, *nabla.biases])
            total += nabla.loss * len(batch)
        losses.append(total / n)
    return losses
