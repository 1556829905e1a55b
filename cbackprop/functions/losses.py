"""The losses: what y they are defined for, their parameters, and the outputs they go with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.files.values import kept_by_fields
from cbackprop.validation.checks import check_number, check_option


class Loss:
    """What all losses share. Their formulas stand in `cbackprop.reference`.

    Attributes
    ----------
    name : str
        What ``loss=`` calls it, and `cbackprop.reference`.
    title : str
        What messages call it.
    lowest, highest : float
        The interval that y must lie in.
    above_lowest : bool
        Whether y must not be `lowest` itself.
    takes_labels : bool
        Whether y must be labels.
    advice : str
        What to do about a y out of the interval, as a message ends.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    lowest: ClassVar[float] = -np.inf
    highest: ClassVar[float] = np.inf
    above_lowest: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    @property
    def outputs(self) -> list[str]:
        """Activations of the output that go with it, its own first."""
        return [output for output, loss in run.OUTPUTS if loss == self.name]

    def code(self, output_activation: str) -> int:
        """The engine's code of the loss with this output.

        Raises
        ------
        ValueError
            If they do not go together.
        """
        check_option("output_activation", output_activation, {output for output, _ in run.OUTPUTS})
        if (output_activation, self.name) not in run.OUTPUTS:
            allowed = ", ".join(f"{output} with {name}" for output, name in run.OUTPUTS)
            raise ValueError(
                f"the output activation {output_activation!r} does not go with the loss "
                f"{self.name!r}; these do: {allowed}"
            )
        return run.OUTPUTS[output_activation, self.name]

    @property
    def parameters(self) -> tuple[float, ...]:
        """The loss's parameters, as `cbackprop.reference` takes them; () if it has none."""
        return ()

    def engine_parameters(self, n_outputs: int) -> NDArray | None:
        """The parameters as the engine takes them, or None.

        Raises
        ------
        ValueError
            If they are not for so many outputs.
        """
        return np.array(self.parameters) if self.parameters else None

    def n_outputs(self, columns: int) -> int:
        """Outputs of a network for targets of so many columns."""
        return columns

    def spread(self, y: NDArray, n_outputs: int) -> NDArray:
        """Targets (n, n_outputs), of targets (n, columns) as they are given."""
        return y

    def check(self, y: NDArray) -> None:
        """An error for a y that the loss is not defined for.

        Raises
        ------
        ValueError
            With what was expected, and what was got.
        """
        low, high = y.min(), y.max()
        below = low <= self.lowest if self.above_lowest else low < self.lowest
        if not below and high <= self.highest:
            return
        if self.highest < np.inf:
            raise ValueError(
                f"y must lie between {self.lowest:g} and {self.highest:g} for the {self.title}, "
                f"got {low} to {high}{self.advice}"
            )
        wanted = "be positive" if self.above_lowest else "not be negative"
        raise ValueError(f"y must {wanted} for the {self.title}, got {low}")


def _share(name: str, value: Any) -> float:
    return check_number(name, value, 0.0, 1.0, open_high=True)


@kept_by_fields
@dataclass(frozen=True)
class SquaredError(Loss):
    """Half the squared distance, summed over the outputs."""

    name = "squared_error"
    title = "squared error"


@kept_by_fields
@dataclass(frozen=True)
class AbsoluteError(Loss):
    """The distance, summed over the outputs: its minimum is the median."""

    name = "absolute_error"
    title = "absolute error"


@kept_by_fields
@dataclass(frozen=True)
class Huber(Loss):
    """Half the squared distance up to `delta`, linear from there on (Huber, 1964).

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
    """The logarithm of the hyperbolic cosine of the distance: a smooth absolute error."""

    name = "log_cosh"
    title = "log-cosh loss"


@kept_by_fields
@dataclass(frozen=True)
class Quantile(Loss):
    """The pinball loss of one quantile or several, each of which has an output.

    Parameters
    ----------
    quantiles : float or sequence of float, default=0.5
        Between 0 and 1. One goes with any number of outputs; several, with as many outputs and a
        y of one column.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop import Network
    >>> from cbackprop.functions.losses import Quantile
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
    """Half the Poisson deviance, of exponential outputs."""

    name = "poisson"
    title = "Poisson loss"
    lowest = 0.0


@kept_by_fields
@dataclass(frozen=True)
class Gamma(Loss):
    """Half the gamma deviance, of exponential outputs."""

    name = "gamma"
    title = "gamma loss"
    lowest = 0.0
    above_lowest = True


@kept_by_fields
@dataclass(frozen=True)
class BinaryLogLoss(Loss):
    """The log loss of logistic outputs, summed over them: the book's cross-entropy.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1): targets y become ``(1 - label_smoothing) y + label_smoothing / 2``.
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
    """The log loss of the softmax.

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


KINDS: Sequence[type[Loss]] = (
    *(SquaredError, AbsoluteError, Huber, LogCosh, Quantile, Poisson, Gamma),
    *(BinaryLogLoss, LogLoss),
)
LOSSES: dict[str, type[Loss]] = {kind.name: kind for kind in KINDS}
# Those of numbers without bound or positive ones: a regressor's.
OF_NUMBERS = [name for name, kind in LOSSES.items() if not kind.takes_labels and kind.highest > 1]


def as_loss(loss: Any) -> Loss:
    """The loss that is meant: itself, or the one of this name with its standard parameters.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    return loss if isinstance(loss, Loss) else LOSSES[check_option("loss", loss, LOSSES)]()


def settings_of(loss: Loss) -> dict[str, Any]:
    """The arguments that make it again, none if all are standard: numbers, and lists of them."""
    if loss == type(loss)():
        return {}
    values = {field.name: getattr(loss, field.name) for field in fields(loss)}  # type: ignore[arg-type]
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def to_json(loss: Loss) -> Any:
    """A loss in JSON's types, for a file: its name, and parameters that are not standard."""
    settings = settings_of(loss)
    return {"name": loss.name, **settings} if settings else loss.name


def from_json(about: Any) -> Loss:
    """What `to_json` was given."""
    if isinstance(about, dict):
        parameters = {key: value for key, value in about.items() if key != "name"}
        return LOSSES[check_option("loss", about.get("name"), LOSSES)](**parameters)
    return as_loss(about)
