"""How do gradients move parameters? SGD, Adam, AdamW and RMSprop, each a few lines of formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


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
