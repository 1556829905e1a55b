"""The optimizers as Python sees them: hyper-parameters, state vectors, numbers of every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cbackprop.checks import check_integer, check_number
from cbackprop.engine import run
from cbackprop.functions.groups import Group, Groups, check_groups, factors_of
from cbackprop.functions.schedules import Curve, Schedule, check_schedule
from cbackprop.naming import named
from cbackprop.optimizer_file import OptimizerDescription
from cbackprop.registry import saved_by
from cbackprop.savable import Savable

EachLayers = Sequence[Group | tuple[Group, Group]]


def _positive(name: str, value: Any) -> float:
    return check_number(name, value, 0.0, float("inf"), open_low=True, open_high=True)


class Optimizer(Savable):
    """What all share: a learning rate, state vectors and the count of steps made.

    Attributes
    ----------
    learning_rate : float
        May be changed between epochs; schedules do.
    state : ndarray of shape (n_vectors, n_parameters) or None
        Velocity (momentum), first and second moments (Adam, AdamW), second moments and velocity
        (RMSprop). None before the first step.
    n_steps : int
        Parameter updates made so far.
    """

    learning_rate: float
    state: np.ndarray | None = None
    n_steps: int = 0
    clip_value: float | None = None
    clip_norm: float | None = None
    schedule: Schedule | None = None
    groups: Groups | None = None

    _last_rate: float | None = None
    _hyper_parameters: ClassVar[tuple[str, ...]] = ()

    def _set_options(self, clip_value: Any, clip_norm: Any, schedule: Any, groups: Any) -> None:
        self.clip_value, self.clip_norm = clip_value, clip_norm
        self.schedule, self.groups = schedule, groups
        self._check_options()

    def _check_options(self) -> None:
        self.schedule = check_schedule(self.schedule)
        self.groups = check_groups(self.groups)
        clip_value, clip_norm = self.clip_value, self.clip_norm
        if clip_value is not None and clip_norm is not None:
            raise ValueError(
                f"clip by value or by norm, not both: got {clip_value=} and {clip_norm=}"
            )
        if clip_value is not None:
            self.clip_value = _positive("clip_value", clip_value)
        if clip_norm is not None:
            self.clip_norm = _positive("clip_norm", clip_norm)

    @property
    def _clips(self) -> bool:
        return self.clip_value is not None or self.clip_norm is not None

    @property
    def last_rate(self) -> float:
        """The learning rate of the last step; `learning_rate`, if no schedule changes it."""
        if self.schedule is None or self._last_rate is None:
            return self.learning_rate
        return self._last_rate

    @property
    def _code(self) -> int:
        raise NotImplementedError

    @property
    def n_vectors(self) -> int:
        """State vectors that a step needs: none, a velocity, or two moments."""
        return run.STATE_VECTORS[self._code]

    def _check(self) -> None:
        """Hyper-parameters in range, also where they were set after the optimizer was made."""
        raise NotImplementedError

    def _ready(self, parameters: np.ndarray) -> np.ndarray:
        """The state vectors for these parameters: those at hand, or zeros at the first step."""
        self._check()
        self._check_options()
        check_integer("n_steps", self.n_steps, at_least=0)
        if self.state is not None and not isinstance(self.state, np.ndarray):
            raise TypeError(f"state must be an array or None, got {type(self.state).__name__}")
        shape = (self.n_vectors, parameters.size)
        if self.state is None:
            self.state = np.zeros(shape, dtype=parameters.dtype)
        elif self.state.shape != shape or self.state.dtype != parameters.dtype:
            raise ValueError(
                f"this optimizer's state has shape {self.state.shape} and dtype "
                f"{self.state.dtype}; the network needs {shape} and {parameters.dtype}"
            )
        elif not self.state.flags.writeable:  # loaded from a memory map
            self.state = self.state.copy()
        return self.state

    def _rule(self, l2: float, l2_batch: float) -> np.ndarray:
        """The step as the engine's struct."""
        # Schedules may have brought it down to 0.
        check_number("learning_rate", self.learning_rate, 0.0, float("inf"), open_high=True)
        rule = np.zeros((), dtype=run.RULE)
        rule["optimizer"] = self._code
        rule["step"] = self.n_steps
        rule["l2"], rule["l2_batch"] = l2, l2_batch
        rule["clip_value"], rule["clip_norm"] = self.clip_value or 0.0, self.clip_norm or 0.0
        for name in ("learning_rate", *self._hyper_parameters):
            rule[name] = getattr(self, name)
        return rule

    def _numbers(self, first: int, last: int, total: int | None) -> NDArray[np.float64] | None:
        """Rate, decay and dropout of these steps of a fit; None without a schedule: the rule's."""
        if self.schedule is None:
            return None
        numbers = np.zeros((last - first, 3))
        numbers[:, 0] = self.learning_rate * self.schedule.factors(first, last, total)
        numbers[:, 1] = self._decay
        self._last_rate = float(numbers[-1, 0])
        return numbers

    @property
    def _decay(self) -> float:
        return 0.0

    def _factors(self, n_layers: int) -> NDArray[np.float64] | None:
        """The groups' factors as the engine takes them."""
        return factors_of(self.groups, n_layers)

    def __repr__(self) -> str:
        names = ["learning_rate", *self._hyper_parameters]
        optional = "clip_value", "clip_norm", "schedule", "groups"
        names += [name for name in optional if getattr(self, name) is not None]
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({arguments})"


@named
@saved_by(OptimizerDescription)
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

    Parameters
    ----------
    learning_rate : float, default=0.1
        eta, > 0.
    momentum : float, default=0.0
        mu, in [0, 1]. If > 0: the velocity is ``v <- mu v - eta g``, the step ``w <- w + v``.
    nesterov : bool, default=False
        Nesterov's momentum: the step is ``w <- w + mu v - eta g``, with the new v.
    clip_value : float, optional
        Keep every component of the gradient, its L2 term included, within -clip_value ...
        clip_value.
    clip_norm : float, optional
        Shorten the gradient, over all layers together and its L2 term included, to this length
        if it is longer (Pascanu, Mikolov and Bengio 2013). One of the two at most.
    schedule : Schedule or callable, optional
        Factors of the learning rate, step by step: see `cbackprop.schedules`. A function is one of
        the share of the fit that is done, t in [0, 1).
    groups : sequence of Group or of pairs of them, optional
        For each layer, factors for its parameters, or for its weights and for its biases.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum
    in deep learning". The formulas are scikit-learn's.

    Examples
    --------
    >>> from cbackprop.optimizers import SGD
    >>> SGD(learning_rate=3.0)
    SGD(learning_rate=3.0, momentum=0.0, nesterov=False)
    """

    _hyper_parameters = ("momentum",)

    def __init__(
        self,
        learning_rate: float = 0.1,
        momentum: float = 0.0,
        nesterov: bool = False,
        *,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        schedule: Schedule | Curve | None = None,
        groups: EachLayers | None = None,
    ):
        self.learning_rate = _positive("learning_rate", learning_rate)
        self.momentum = momentum
        self.nesterov = bool(nesterov)
        self._check()
        self._set_options(clip_value, clip_norm, schedule, groups)

    def _check(self) -> None:
        self.momentum = check_number("momentum", self.momentum, 0.0, 1.0)

    @property
    def _code(self) -> int:
        if self.momentum == 0.0:
            return run.OPTIMIZERS["sgd"]
        return run.OPTIMIZERS["nesterov" if self.nesterov else "momentum"]

    def __repr__(self) -> str:
        return super().__repr__()[:-1] + f", nesterov={self.nesterov})"


@named
@saved_by(OptimizerDescription)
class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    learning_rate : float, default=0.001
        eta, > 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the two means, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of the second mean, > 0.
    clip_value : float, optional
        Keep every component of the gradient, its L2 term included, within -clip_value ...
        clip_value.
    clip_norm : float, optional
        Shorten the gradient, over all layers together and its L2 term included, to this length
        if it is longer (Pascanu, Mikolov and Bengio 2013). One of the two at most.
    schedule : Schedule or callable, optional
        Factors of the learning rate, step by step: see `cbackprop.schedules`. A function is one of
        the share of the fit that is done, t in [0, 1).
    groups : sequence of Group or of pairs of them, optional
        For each layer, factors for its parameters, or for its weights and for its biases.

    References
    ----------
    Kingma and Ba (2014), "Adam: A method for stochastic optimization", arXiv:1412.6980; in the
    form of its section 2, last paragraph, as scikit-learn has it.

    Examples
    --------
    >>> from cbackprop.optimizers import Adam
    >>> Adam()
    Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08)
    """

    _hyper_parameters: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        schedule: Schedule | Curve | None = None,
        groups: EachLayers | None = None,
    ):
        self.learning_rate = _positive("learning_rate", learning_rate)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._check()
        self._set_options(clip_value, clip_norm, schedule, groups)

    def _check(self) -> None:
        self.beta_1 = check_number("beta_1", self.beta_1, 0.0, 1.0, open_high=True)
        self.beta_2 = check_number("beta_2", self.beta_2, 0.0, 1.0, open_high=True)
        self.epsilon = _positive("epsilon", self.epsilon)

    @property
    def _code(self) -> int:
        return run.OPTIMIZERS["adam"]


@named
@saved_by(OptimizerDescription)
class AdamW(Adam):
    """Adam with decoupled weight decay: parameters shrink beside the step, not through it.

    ``w <- w - eta lambda w``, then Adam's step of a gradient that does not know of it. As in
    PyTorch, epsilon is added inside the bias correction, and biases decay like weights: groups
    can spare them.

    Parameters
    ----------
    learning_rate : float, default=0.001
        eta, > 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the two means, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of the second mean, > 0.
    weight_decay : float, default=0.01
        lambda, at least 0.
    clip_value : float, optional
        Keep every component of the gradient, its L2 term included, within -clip_value ...
        clip_value.
    clip_norm : float, optional
        Shorten the gradient, over all layers together and its L2 term included, to this length
        if it is longer (Pascanu, Mikolov and Bengio 2013). One of the two at most.
    schedule : Schedule or callable, optional
        Factors of the learning rate, and so of the decay, step by step: see
        `cbackprop.schedules`. A function is one of the share of the fit that is done, t in [0, 1).
    groups : sequence of Group or of pairs of them, optional
        For each layer, factors for its parameters, or for its weights and for its biases.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization", arXiv:1711.05101; in
    the form that PyTorch has it.

    Examples
    --------
    >>> from cbackprop.optimizers import AdamW
    >>> from cbackprop.schedules import Cosine
    >>> AdamW(weight_decay=0.02).weight_decay
    0.02
    >>> AdamW(0.01, schedule=Cosine(warmup=0.1)).schedule([0.05, 0.1]).round(3).tolist()
    [0.497, 0.976]
    """

    _hyper_parameters = (*Adam._hyper_parameters, "weight_decay")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        weight_decay: float = 0.01,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        schedule: Schedule | Curve | None = None,
        groups: EachLayers | None = None,
    ):
        self.weight_decay = weight_decay
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            clip_value=clip_value,
            clip_norm=clip_norm,
            schedule=schedule,
            groups=groups,
        )

    def _check(self) -> None:
        super()._check()
        inf = float("inf")
        self.weight_decay = check_number(
            "weight_decay", self.weight_decay, 0.0, inf, open_high=True
        )

    @property
    def _decay(self) -> float:
        return self.weight_decay

    @property
    def _code(self) -> int:
        return run.OPTIMIZERS["adamw"]


@named
@saved_by(OptimizerDescription)
class RMSprop(Optimizer):
    """Steps scaled by a running mean of the gradient's square.

    ``v <- rho v + (1 - rho) g^2``, then ``w <- w - eta g / (sqrt(v) + epsilon)``; with momentum
    ``u <- mu u + g / (sqrt(v) + epsilon)`` and ``w <- w - eta u``.

    Parameters
    ----------
    learning_rate : float, default=0.01
        eta, > 0.
    rho : float, default=0.99
        Decay rate of the mean, in [0, 1).
    momentum : float, default=0.0
        mu, in [0, 1].
    epsilon : float, default=1e-8
        Added to the root of the mean, > 0.
    clip_value : float, optional
        Keep every component of the gradient, its L2 term included, within -clip_value ...
        clip_value.
    clip_norm : float, optional
        Shorten the gradient, over all layers together and its L2 term included, to this length
        if it is longer (Pascanu, Mikolov and Bengio 2013). One of the two at most.
    schedule : Schedule or callable, optional
        Factors of the learning rate, step by step: see `cbackprop.schedules`. A function is one of
        the share of the fit that is done, t in [0, 1).
    groups : sequence of Group or of pairs of them, optional
        For each layer, factors for its parameters, or for its weights and for its biases.

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5: RMSprop", Neural Networks for Machine Learning,
    Coursera. The formulas and defaults are PyTorch's.

    Examples
    --------
    >>> from cbackprop.optimizers import RMSprop
    >>> RMSprop(momentum=0.9)
    RMSprop(learning_rate=0.01, rho=0.99, momentum=0.9, epsilon=1e-08)
    """

    _hyper_parameters = ("rho", "momentum", "epsilon")

    def __init__(
        self,
        learning_rate: float = 0.01,
        rho: float = 0.99,
        momentum: float = 0.0,
        epsilon: float = 1e-8,
        *,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        schedule: Schedule | Curve | None = None,
        groups: EachLayers | None = None,
    ):
        self.learning_rate = _positive("learning_rate", learning_rate)
        self.rho, self.momentum, self.epsilon = rho, momentum, epsilon
        self._check()
        self._set_options(clip_value, clip_norm, schedule, groups)

    def _check(self) -> None:
        self.rho = check_number("rho", self.rho, 0.0, 1.0, open_high=True)
        self.momentum = check_number("momentum", self.momentum, 0.0, 1.0)
        self.epsilon = _positive("epsilon", self.epsilon)

    @property
    def _code(self) -> int:
        return run.OPTIMIZERS["rmsprop_momentum" if self.momentum else "rmsprop"]
