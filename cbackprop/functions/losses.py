"""The losses: what y they are defined for, their parameters, and the outputs they go with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.files.values import kept_by_fields
from cbackprop.functions.custom import Custom
from cbackprop.functions.loss import Loss
from cbackprop.validation.checks import check_number, check_option


def _share(name: str, value: Any) -> float:
    return check_number(name, value, 0.0, 1.0, open_high=True)


@kept_by_fields
@dataclass(frozen=True)
class SquaredError(Loss):
    r"""Half the squared distance, :math:`\frac12 (a - y)^2`, summed over the outputs."""

    name = "squared_error"
    title = "squared error"


@kept_by_fields
@dataclass(frozen=True)
class AbsoluteError(Loss):
    r"""The distance, :math:`\lvert a - y \rvert`, summed: its minimum is the median."""

    name = "absolute_error"
    title = "absolute error"


@kept_by_fields
@dataclass(frozen=True)
class Huber(Loss):
    r"""Half the squared distance up to `delta`, linear from there on (Huber, 1964).

    .. math::

        \begin{cases}
            \frac12 d^2 & \text{if } \lvert d \rvert \le \delta \\
            \delta \left(\lvert d \rvert - \frac12 \delta\right) & \text{otherwise}
        \end{cases}
        \qquad d = a - y

    Parameters
    ----------
    delta : float, default=1.0
        > 0.
    """

    delta: float = 1.0
    name = "huber"
    title = "Huber loss"

    def __post_init__(self) -> None:
        delta = check_number("delta", self.delta, 0.0, np.inf, open_low=True, open_high=True)
        object.__setattr__(self, "delta", delta)

    @property
    def parameters(self) -> tuple[float, ...]:
        """(delta,)"""
        return (self.delta,)


@kept_by_fields
@dataclass(frozen=True)
class LogCosh(Loss):
    r"""A smooth absolute error, :math:`\log \cosh(a - y)`, summed over the outputs."""

    name = "log_cosh"
    title = "log-cosh loss"


@kept_by_fields
@dataclass(frozen=True)
class Quantile(Loss):
    """The pinball loss of one quantile or several, each of which has an output.

    :math:`q (y - a)` where :math:`a < y`, :math:`(1 - q)(a - y)` elsewhere.

    Parameters
    ----------
    quantiles : float or sequence of float, default=0.5
        Between 0 and 1. One goes with any number of outputs; several, with as many outputs and a
        y of one column.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop import Network
    >>> from cbackprop.losses import Quantile
    >>> net = Network([1, 3], loss=Quantile([0.05, 0.5, 0.95]), random_state=0)
    >>> net.predict([[1.0], [2.0]]).shape, net.loss([[1.0], [2.0]], [3.0, 4.0]) > 0
    ((2, 3), True)
    """

    quantiles: float | tuple[float, ...] = 0.5
    name = "quantile"
    title = "quantile loss"

    def __post_init__(self) -> None:
        several = np.ndim(self.quantiles) == 1
        listed = list(self.quantiles) if several else [self.quantiles]  # type: ignore[arg-type]
        if not listed:
            raise ValueError("quantiles must be one number or several, got none")
        checked = tuple(
            check_number("quantiles", q, 0.0, 1.0, open_low=True, open_high=True) for q in listed
        )
        object.__setattr__(self, "quantiles", checked if several else checked[0])

    @property
    def parameters(self) -> tuple[float, ...]:
        """The quantiles."""
        quantiles = self.quantiles
        return quantiles if isinstance(quantiles, tuple) else (quantiles,)

    def engine_parameters(self, n_outputs: int) -> NDArray:
        """A quantile for each output."""
        if len(self.parameters) not in (1, n_outputs):
            raise ValueError(
                f"{len(self.parameters)} quantiles need as many outputs, got {n_outputs}"
            )
        return np.array(np.broadcast_to(self.parameters, n_outputs))

    def n_outputs(self, columns: int) -> int:
        """One for each quantile, or one quantile for each column."""
        if len(self.parameters) > 1 and columns > 1:
            raise ValueError(
                f"y must have one column for {len(self.parameters)} quantiles, got {columns}"
            )
        return max(columns, len(self.parameters))

    def spread(self, y: NDArray, n_outputs: int) -> NDArray:
        """The same target for each of several quantiles."""
        if len(self.parameters) > 1 and y.shape[1] == 1:
            return np.repeat(y, n_outputs, axis=1)
        return y


@kept_by_fields
@dataclass(frozen=True)
class Poisson(Loss):
    r"""Half the Poisson deviance, :math:`y \log(y / a) - y + a`, of outputs :math:`a = e^z`."""

    name = "poisson"
    title = "Poisson loss"
    lowest = 0.0


@kept_by_fields
@dataclass(frozen=True)
class Gamma(Loss):
    r"""Half the gamma deviance, :math:`\log(a / y) + y / a - 1`, of outputs :math:`a = e^z`."""

    name = "gamma"
    title = "gamma loss"
    lowest = 0.0
    above_lowest = True


@kept_by_fields
@dataclass(frozen=True)
class BinaryLogLoss(Loss):
    r"""The log loss of logistic outputs, summed over them: the book's cross-entropy.

    :math:`-[y \log a + (1 - y) \log(1 - a)]`.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1): targets y become :math:`(1 - s) y + s / 2`, s being this share.
    """

    label_smoothing: float = 0.0
    name = "binary_log_loss"
    title = "binary log loss"
    lowest = 0.0
    highest = 1.0
    advice = ": take y != 0 or y > 0, whichever tells what is on from what is off"

    def __post_init__(self) -> None:
        object.__setattr__(self, "label_smoothing", _share("label_smoothing", self.label_smoothing))

    @property
    def parameters(self) -> tuple[float, ...]:
        """(label_smoothing,)"""
        return (self.label_smoothing,)


@kept_by_fields
@dataclass(frozen=True)
class LogLoss(Loss):
    r"""The log loss of the softmax, :math:`-\log a_y` of the label y.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1): the label's class gets ``1 - label_smoothing`` instead of 1, and each of the k
        classes ``label_smoothing / k`` more (Szegedy and others, 2016).
    """

    label_smoothing: float = 0.0
    name = "log_loss"
    title = "log loss"
    takes_labels = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "label_smoothing", _share("label_smoothing", self.label_smoothing))

    @property
    def parameters(self) -> tuple[float, ...]:
        """(label_smoothing,)"""
        return (self.label_smoothing,)


# Those that a name stands for: a loss of the user's has none.
LOSSES: dict[str, type[Loss]] = {
    kind.name: kind for kind in Loss.__subclasses__() if kind is not Custom
}
# Those of numbers without bound or positive ones: a regressor's.
OF_NUMBERS = [name for name, kind in LOSSES.items() if not kind.takes_labels and kind.highest > 1]


def as_loss(loss: Any) -> Loss:
    """The loss that is meant: itself, the one of this name, or the function's.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise TypeError(f"loss must be an object, as {loss.__name__}(), got the class {loss!r}")
    if callable(loss) or isinstance(loss, tuple):
        return Custom(loss)
    return LOSSES[check_option("loss", loss, LOSSES)]()


def settings_of(loss: Loss) -> dict[str, Any]:
    """The arguments that make it again, none if all are standard: numbers, and lists of them."""
    known = fields(loss)  # type: ignore[arg-type]
    values = {field.name: getattr(loss, field.name) for field in known}
    if values == {field.name: field.default for field in known}:
        return {}
    return {name: list(value) if type(value) is tuple else value for name, value in values.items()}


def made_of(name: str, settings: dict[str, Any]) -> Loss:
    """The loss of this name that has these settings."""
    return Custom(**settings) if name == Custom.name else LOSSES[name](**settings)


def to_json(loss: Loss) -> Any:
    """A loss in JSON's types, for a file: its name, and parameters that are not standard."""
    if isinstance(loss, Custom):
        raise TypeError(
            f"the loss {loss!r} cannot be saved, as it is made of code: pickle keeps a model whose "
            "function can be imported"
        )
    settings = settings_of(loss)
    return {"name": loss.name, **settings} if settings else loss.name


def from_json(about: Any) -> Loss:
    """What `to_json` was given."""
    if isinstance(about, dict):
        parameters = {key: value for key, value in about.items() if key != "name"}
        return LOSSES[check_option("loss", about.get("name"), LOSSES)](**parameters)
    return as_loss(about)
