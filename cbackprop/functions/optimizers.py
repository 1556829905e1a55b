"""SGD and Adam as Python sees them: hyper-parameters and state vectors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cbackprop.engine import run
from cbackprop.files.registry import saved_by
from cbackprop.files.savable import Savable
from cbackprop.functions.file import OptimizerDescription
from cbackprop.validation.checks import check_integer, check_number
from cbackprop.validation.naming import named, public


def _positive(name: str, value: Any) -> float:
    return check_number(name, value, 0.0, float("inf"), open_low=True, open_high=True)


class Optimizer(Savable):
    """What SGD and Adam share: a learning rate, state vectors and the count of steps made.

    Attributes
    ----------
    learning_rate : float
        May be changed between epochs; schedules do.
    state : ndarray of shape (n_vectors, n_parameters) or None
        Velocity (momentum), or first and second moments (Adam). None before the first step.
    n_steps : int
        Parameter updates made so far.
    """

    learning_rate: float
    state: np.ndarray | None = None
    n_steps: int = 0
    clip_value: float | None = None
    clip_norm: float | None = None

    _hyper_parameters: ClassVar[tuple[str, ...]] = ()

    def _set_clipping(self, clip_value: float | None, clip_norm: float | None) -> None:
        self.clip_value, self.clip_norm = clip_value, clip_norm
        self._check_clipping()

    def _check_clipping(self) -> None:
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
        self._check_clipping()
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

    def __repr__(self) -> str:
        names = ["learning_rate", *self._hyper_parameters]
        names += [name for name in ("clip_value", "clip_norm") if getattr(self, name) is not None]
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({arguments})"


@public("cbackprop.optimizers")
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

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum
    in deep learning". The formulas are scikit-learn's.

    Examples
    --------
    >>> from cbackprop.functions.optimizers import SGD
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
    ):
        self.learning_rate = _positive("learning_rate", learning_rate)
        self.momentum = momentum
        self.nesterov = bool(nesterov)
        self._check()
        self._set_clipping(clip_value, clip_norm)

    def _check(self) -> None:
        self.momentum = check_number("momentum", self.momentum, 0.0, 1.0)

    @property
    def _code(self) -> int:
        if self.momentum == 0.0:
            return run.OPTIMIZERS["sgd"]
        return run.OPTIMIZERS["nesterov" if self.nesterov else "momentum"]

    def __repr__(self) -> str:
        return super().__repr__()[:-1] + f", nesterov={self.nesterov})"


@public("cbackprop.optimizers")
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

    References
    ----------
    Kingma and Ba (2014), "Adam: A method for stochastic optimization", arXiv:1412.6980; in the
    form of its section 2, last paragraph, as scikit-learn has it.

    Examples
    --------
    >>> from cbackprop.functions.optimizers import Adam
    >>> Adam()
    Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08)
    """

    _hyper_parameters = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ):
        self.learning_rate = _positive("learning_rate", learning_rate)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._check()
        self._set_clipping(clip_value, clip_norm)

    def _check(self) -> None:
        self.beta_1 = check_number("beta_1", self.beta_1, 0.0, 1.0, open_high=True)
        self.beta_2 = check_number("beta_2", self.beta_2, 0.0, 1.0, open_high=True)
        self.epsilon = _positive("epsilon", self.epsilon)

    @property
    def _code(self) -> int:
        return run.OPTIMIZERS["adam"]
