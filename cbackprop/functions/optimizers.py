"""SGD, Adam, AdamW and RMSprop as Python sees them: hyper-parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cbackprop.engine import run
from cbackprop.files.registry import saved_by
from cbackprop.functions.file import OptimizerDescription
from cbackprop.functions.groups import Group, LayerGroups
from cbackprop.functions.optimizer import Optimizer, positive
from cbackprop.functions.schedules import Curve, Schedule, check_schedule
from cbackprop.validation.checks import check_number
from cbackprop.validation.naming import named, public

__all__ = ["SGD", "Adam", "AdamW", "Group", "LayerGroups", "Optimizer", "RMSprop"]

# What users make: the classes of this file, by their names.
OPTIMIZERS = [name for name in __all__ if name not in ("Group", "LayerGroups", "Optimizer")]

EachLayers = Sequence[Group | tuple[Group, Group] | LayerGroups]


@public("cbackprop.optimizers")
@named
@saved_by(OptimizerDescription)
class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum if asked for.

    Parameters
    ----------
    learning_rate : float, default=0.1
        eta, > 0.
    momentum : float, default=0.0
        mu, in [0, 1]. If > 0: the velocity is :math:`v \leftarrow \mu v - \eta g`, the step
        :math:`w \leftarrow w + v`.
    nesterov : bool, default=False
        Nesterov's momentum: the step is :math:`w \leftarrow w + \mu v - \eta g`, with the new v.
    clip_value : float, optional
        Keep every component of the gradient, its L2 term included, within -clip_value ...
        clip_value.
    clip_norm : float, optional
        Shorten the gradient, over all layers together and its L2 term included, to this length
        if it is longer (Pascanu, Mikolov and Bengio 2013). One of the two at most.
    schedule : Schedule or callable, optional
        Factors of the learning rate, step by step: see `cbackprop.schedules`. A function is one of
        the share of the fit that is done, t in [0, 1).
    groups : sequence of Group, of pairs of them or of LayerGroups, optional
        For each layer, factors for its parameters, or for its weights and for its biases, with
        which a parametric activation goes; `LayerGroups` has factors of its own for that.

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
        schedule: Schedule | Curve | None = None,
        groups: EachLayers | None = None,
    ):
        self.learning_rate = positive("learning_rate", learning_rate)
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
    schedule : Schedule or callable, optional
        Factors of the learning rate, step by step: see `cbackprop.schedules`. A function is one of
        the share of the fit that is done, t in [0, 1).
    groups : sequence of Group, of pairs of them or of LayerGroups, optional
        For each layer, factors for its parameters, or for its weights and for its biases, with
        which a parametric activation goes; `LayerGroups` has factors of its own for that.

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
        self.learning_rate = positive("learning_rate", learning_rate)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._check()
        self._set_options(clip_value, clip_norm, schedule, groups)

    def _check(self) -> None:
        self.beta_1 = check_number("beta_1", self.beta_1, 0.0, 1.0, open_high=True)
        self.beta_2 = check_number("beta_2", self.beta_2, 0.0, 1.0, open_high=True)
        self.epsilon = positive("epsilon", self.epsilon)

    @property
    def _code(self) -> int:
        return run.OPTIMIZERS["adam"]


@public("cbackprop.optimizers")
@named
@saved_by(OptimizerDescription)
class AdamW(Adam):
    r"""Adam with decoupled weight decay: parameters shrink beside the step, not through it.

    :math:`w \leftarrow w - \eta \lambda w`, then Adam's step of a gradient that does not know of
    it. As in PyTorch, epsilon is added inside the bias correction, and biases decay like weights:
    groups can spare them.

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
    decay_schedule : Schedule or callable, optional
        Factors of weight_decay likewise, besides those of the learning rate.
    groups : sequence of Group, of pairs of them or of LayerGroups, optional
        For each layer, factors for its parameters, or for its weights and for its biases, with
        which a parametric activation goes; `LayerGroups` has factors of its own for that.

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

    No decay at the end:

    >>> from cbackprop.schedules import FlatCosine
    >>> AdamW(decay_schedule=FlatCosine()).decay_schedule([0.25, 1.0]).tolist()
    [1.0, 0.0]
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
        decay_schedule: Schedule | Curve | None = None,
        groups: EachLayers | None = None,
    ):
        self.weight_decay = weight_decay
        self.decay_schedule = check_schedule(decay_schedule, "decay_schedule")
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


@public("cbackprop.optimizers")
@named
@saved_by(OptimizerDescription)
class RMSprop(Optimizer):
    r"""Steps scaled by a running mean of the gradient's square.

    :math:`v \leftarrow \rho v + (1 - \rho) g^2`, then
    :math:`w \leftarrow w - \eta g / (\sqrt v + \varepsilon)`; with momentum
    :math:`u \leftarrow \mu u + g / (\sqrt v + \varepsilon)` and :math:`w \leftarrow w - \eta u`.

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
    groups : sequence of Group, of pairs of them or of LayerGroups, optional
        For each layer, factors for its parameters, or for its weights and for its biases, with
        which a parametric activation goes; `LayerGroups` has factors of its own for that.

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
        self.learning_rate = positive("learning_rate", learning_rate)
        self.rho, self.momentum, self.epsilon = rho, momentum, epsilon
        self._check()
        self._set_options(clip_value, clip_norm, schedule, groups)

    def _check(self) -> None:
        self.rho = check_number("rho", self.rho, 0.0, 1.0, open_high=True)
        self.momentum = check_number("momentum", self.momentum, 0.0, 1.0)
        self.epsilon = positive("epsilon", self.epsilon)

    @property
    def _code(self) -> int:
        return run.OPTIMIZERS["rmsprop_momentum" if self.momentum else "rmsprop"]
