"""How do steps along the gradient train a network?  Optimizers, and the loop over mini-batches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from cbackprop.reference.checks import (
    Activation,
    check_gradients,
    checked_network,
    checked_rows,
)
from cbackprop.reference.dropout import dropout_masks
from cbackprop.reference.functions import Array
from cbackprop.reference.network import backprop, backprop_loop


@dataclass
class SGD:
    r"""Stochastic gradient descent, its momentum as scikit-learn has it.

    :math:`v \leftarrow \mu v - \eta g`, then :math:`w \leftarrow w + v`, or with Nesterov's
    momentum :math:`w \leftarrow w + \mu v - \eta g`: mu is the momentum, eta the learning rate.

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
        check_gradients(parameters, gradients)
        self.velocities = self.velocities or [np.zeros_like(p) for p in parameters]
        for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
            v = self.velocities[i] = self.momentum * self.velocities[i] - self.learning_rate * g
            w += self.momentum * v - self.learning_rate * g if self.nesterov else v


@dataclass
class Adam:
    r"""Adam (Kingma and Ba, 2014, arXiv:1412.6980, end of section 2), as scikit-learn has it.

    .. math::

        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        w &\leftarrow w - \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}
            \frac{m}{\sqrt v + \varepsilon}

    in the t-th step, with the learning rate eta: epsilon stands outside the bias correction.

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
        check_gradients(parameters, gradients)
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
    r"""Adam with decoupled decay (Loshchilov and Hutter, 2019, arXiv:1711.05101), as in PyTorch.

    .. math::

        w &\leftarrow (1 - \eta \lambda) w \\
        \hat m &= \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t} \\
        w &\leftarrow w - \eta \frac{\hat m}{\sqrt{\hat v} + \varepsilon}

    with m and v of `Adam`, the learning rate eta and the weight decay lambda: epsilon stands inside
    the bias correction.

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
        check_gradients(parameters, gradients)
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
    r"""RMSprop (Tieleman and Hinton, 2012, lecture 6.5), as in PyTorch.

    :math:`v \leftarrow \rho v + (1 - \rho) g^2`,
    :math:`u \leftarrow \mu u + g / (\sqrt v + \varepsilon)`, then :math:`w \leftarrow w - \eta u`:
    mu is the momentum, eta the learning rate.

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
        check_gradients(parameters, gradients)
        self.vs = self.vs or [np.zeros_like(p) for p in parameters]
        self.us = self.us or [np.zeros_like(p) for p in parameters]
        for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
            v = self.vs[i] = self.rho * self.vs[i] + (1 - self.rho) * g**2
            self.us[i] = self.momentum * self.us[i] + g / (np.sqrt(v) + self.epsilon)
            w -= self.learning_rate * self.us[i]


def _step(
    optimizer: SGD | Adam | RMSprop, parameters: Sequence[Array], gradients: Sequence[Array],
    factors: Sequence[float],
) -> None:  # fmt: skip
    """A step with learning rate and weight decay times these factors."""
    names = ("learning_rate", "weight_decay")
    given = {name: getattr(optimizer, name) for name in names if hasattr(optimizer, name)}
    for name, factor in zip(names, factors, strict=False):
        if name in given:
            setattr(optimizer, name, given[name] * factor)
    optimizer.step(parameters, gradients)
    for name, value in given.items():
        setattr(optimizer, name, value)


def train(
    weights: Sequence[Array], biases: Sequence[Array], X: ArrayLike, y: ArrayLike, *,
    optimizer: SGD | Adam | RMSprop, epochs: int, batch_size: int,
    permutations: Iterable[ArrayLike] | None = None,
    random_state: int | np.random.Generator | None = None,
    activation: Activation, output_activation: str, loss: str,
    loss_parameters: Sequence[float] = (),
    sample_weight: ArrayLike | None = None, alpha: float = 0.0, l1: float = 0.0,
    dropout: float | Sequence[float] = 0.0, mask_seed: int = 0, max_norm: float = np.inf,
    step_factors: ArrayLike | None = None,
    activation_weights: Sequence[Array] | None = None, method: str = "matrix",
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
    activation, output_activation, loss, loss_parameters : options
        Those that `cbackprop.reference` lists.
    sample_weight : array (n,), optional
        With a positive sum.
    alpha, l1 : float, default 0.0
        The penalties, L2 and L1, divided by a mini-batch's weight.
    dropout : float or list of L - 1 floats, default 0.0
        The share of every hidden layer's units, or of each one's, that a step leaves out.
    mask_seed : int, default 0
        Which ones: see `dropout_masks`.
    max_norm : float, default infinity
        After a step a unit's incoming weights, a column, are shortened to this length.
    step_factors : array (n_steps, 3), optional
        What the learning rate, the weight decay and the shares of dropout are multiplied by in
        every step of all epochs.
    activation_weights : list of L - 1 float arrays (fan_out,), optional
        Those of parametric activations, changed in place, too.
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
    own = list(activation_weights or [])
    parameters = [*weights, *biases, *own]
    if not all(isinstance(p, np.ndarray) and p.dtype.kind == "f" for p in parameters):
        raise ValueError("weights and biases must be float arrays, since they change in place")
    X = checked_network(weights, biases, X, ndim=2)[2]
    n = len(X)
    y, w = checked_rows(y, sample_weight, n)
    rng = np.random.default_rng(random_state)
    orders = (rng.permutation(n) for _ in range(epochs)) if permutations is None else permutations
    orders = iter(orders)

    given = np.asarray(dropout, dtype=float)
    rates = (np.full(len(weights) - 1, given) if given.ndim == 0 else given).tolist()
    factors = None if step_factors is None else np.asarray(step_factors, dtype=float)
    n_steps = epochs * -(-n // batch_size)
    if factors is not None and factors.shape != (n_steps, 3):
        raise ValueError(f"step_factors must have shape {(n_steps, 3)}, got {factors.shape}")
    losses, step = [], 0
    for epoch in range(epochs):
        order, total = np.asarray(next(orders, ())), 0.0
        if not np.array_equal(np.sort(order), np.arange(n)):
            raise ValueError(f"permutations must have one of {n} rows for epoch {epoch}: {order}")
        for start in range(0, n, batch_size):
            batch = order[start : start + batch_size]
            now = (1.0, 1.0, 1.0) if factors is None else factors[step].tolist()
            masks = [
                dropout_masks(
                    W.shape[1], len(batch), rate * now[2], seed=mask_seed, step=step, layer=layer
                )
                for layer, (W, rate) in enumerate(zip(weights[:-1], rates, strict=True))
            ]
            nabla = methods[method](
                weights, biases, X[batch], y[batch], sample_weight=w[batch], alpha=alpha, l1=l1,
                activation=activation, output_activation=output_activation, loss=loss,
                loss_parameters=loss_parameters, masks=masks if any(rates) else None,
                activation_weights=activation_weights,
            )  # fmt: skip
            slopes = [*nabla.weights, *nabla.biases, *nabla.activation_weights]
            _step(optimizer, parameters, slopes, now)
            for W in weights:
                length = np.sqrt(np.square(W, dtype=np.float64).sum(axis=0))
                longer = length > max_norm
                W[:, longer] *= max_norm / length[longer]
            total, step = total + nabla.loss * len(batch), step + 1
        losses.append(total / n)
    return losses
