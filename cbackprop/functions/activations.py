"""The activations of hidden layers: names, and the parameter that one of them has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cbackprop.engine import run
from cbackprop.files.values import kept_by_fields
from cbackprop.validation.checks import check_number


@kept_by_fields
@dataclass(frozen=True)
class Activation:
    """An activation whose parameter is not the standard one; for all others a name will do.

    Parameters
    ----------
    name : str
        One with a parameter: 'leaky_relu'.
    slope : float, optional
        Its parameter, > 0: leaky_relu is z where z > 0 and ``slope * z`` elsewhere, 0.01 by
        default.

    Examples
    --------
    >>> from cbackprop import Network
    >>> from cbackprop.functions.activations import Activation
    >>> net = Network([2, 3, 3, 1], activation=["tanh", Activation("leaky_relu", 0.2)])
    >>> net.activation
    ('tanh', Activation(name='leaky_relu', slope=0.2))
    """

    name: str
    slope: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in run.ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {sorted(run.ACTIVATIONS)}, got {self.name!r}"
            )
        if self.slope is None:
            return
        if self.name not in run.SLOPES:
            raise ValueError(f"{self.name!r} has no slope, got {self.slope!r}")
        slope = check_number("slope", self.slope, 0.0, float("inf"), open_low=True, open_high=True)
        object.__setattr__(self, "slope", slope)

    @property
    def code(self) -> int:
        """The engine's."""
        return run.ACTIVATIONS[self.name]

    @property
    def parameter(self) -> float:
        """What the engine is given: the slope, or 0 where there is none."""
        if self.slope is not None:
            return self.slope
        return run.SLOPES[self.name][1] if self.name in run.SLOPES else 0.0


def as_activations(activation: Any, n_hidden: int) -> list[Activation]:
    """One activation for each hidden layer: the same for all, or as many as they are in a list.

    Raises
    ------
    ValueError
        If a name is unknown, or there are more or fewer than hidden layers.
    """
    if isinstance(activation, str | Activation) or not _is_list(activation):
        return [_one(activation)] * n_hidden
    listed = [_one(item) for item in activation]
    if len(listed) != n_hidden:
        raise ValueError(
            f"activation must be one for all hidden layers, or a list of one for each of the "
            f"{n_hidden}, got {len(listed)}: {[item.name for item in listed]}"
        )
    return listed


def kept(activation: Any) -> Any:
    """What a network keeps of the argument: a name, an `Activation`, or a tuple of them."""
    return tuple(activation) if _is_list(activation) else activation


def to_json(activation: Any) -> Any:
    """The argument in JSON's types, for a file."""
    if isinstance(activation, Activation):
        return {"name": activation.name, "slope": activation.slope}
    return [to_json(item) for item in activation] if _is_list(activation) else activation


def from_json(about: Any) -> Any:
    """What `to_json` was given."""
    if isinstance(about, dict):
        return Activation(**about)
    return tuple(from_json(item) for item in about) if isinstance(about, list) else about


def _is_list(value: Any) -> bool:
    listed = isinstance(value, Sequence) or (hasattr(value, "__iter__") and hasattr(value, "ndim"))
    return listed and not isinstance(value, str)


def _one(value: Any) -> Activation:
    return value if isinstance(value, Activation) else Activation(value)
