"""The learning rate from epoch to epoch, as scikit-learn's three words say."""

from __future__ import annotations

from typing import NamedTuple

from cbackprop.functions.optimizers import Optimizer
from cbackprop.validation.naming import public


class Response(NamedTuple):
    """What a schedule does where there was no improvement for long."""

    stops: bool
    said: str


@public("cbackprop.training")
class Schedule:
    """Constant, invscaling or adaptive."""

    SMALLEST = 1e-6

    def __init__(self, name: str, initial: float, power_t: float):
        self.name, self.initial, self.power_t = name, float(initial), power_t

    def epoch_ended(self, optimizer: Optimizer, samples_seen: int) -> None:
        if self.name == "invscaling":
            optimizer.learning_rate = self.initial / (samples_seen + 1) ** self.power_t

    def no_progress(self, optimizer: Optimizer) -> Response:
        """Stop, or go on with a smaller rate."""
        if self.name != "adaptive":
            return Response(True, "Stopping.")
        if optimizer.learning_rate <= self.SMALLEST:
            return Response(True, "Learning rate too small. Stopping.")
        optimizer.learning_rate /= 5.0
        return Response(False, f"Setting learning rate to {optimizer.learning_rate:f}")
