"""What do an estimator's parameters stand for: which loss, which schedule of the learning rate?"""

from __future__ import annotations

from numbers import Real
from typing import Any

from cbackprop.functions.losses import OF_NUMBERS, Custom, Loss, Quantile, as_loss
from cbackprop.functions.schedules import Schedule, check_schedule
from cbackprop.training.averaging import EMA, SWA, Averaging


def loss_of(regressor: Any) -> Loss:
    """That of a regressor's `loss` and `quantile`.

    Raises
    ------
    ValueError
        If it is not one of numbers, or if there is a quantile for another loss.
    """
    loss, quantile = regressor.loss, regressor.quantile
    if quantile is not None:
        if loss != "quantile":
            raise ValueError(
                f"quantile={quantile!r} goes with loss='quantile', got loss={loss!r}: set quantile "
                "to None, or the loss to 'quantile'"
            )
        return Quantile(quantile)
    made = as_loss(loss)
    if regressor.non_crossing and not isinstance(made, Quantile):
        raise ValueError(
            f"non_crossing=True goes with loss='quantile', got loss={loss!r}: set non_crossing to "
            "False"
        )
    if not isinstance(made, Custom) and made.name not in OF_NUMBERS:
        raise ValueError(
            f"loss must be one of {OF_NUMBERS} for numbers, got {loss!r}, which is one of labels: "
            "MLPClassifier takes label_smoothing"
        )
    return made


def is_default(value: Any, default: Any) -> bool:
    """Whether a parameter is at its default; a 0 is as good as None. Arrays and objects are not."""
    off = default is None and isinstance(value, Real) and value == 0
    return off or value is default or (isinstance(value, str | Real) and value == default)


def schedule_of(estimator: Any) -> Schedule | None:
    """That of `learning_rate` by step; None if it is one of scikit-learn's words."""
    rate = estimator.learning_rate
    return None if isinstance(rate, str) else check_schedule(rate, "learning_rate")


def word_of(estimator: Any) -> str:
    """The word of `learning_rate`; a schedule by step leaves nothing to do between epochs."""
    rate = estimator.learning_rate
    return rate if isinstance(rate, str) else "constant"


def averaging_of(estimator: Any) -> Averaging | None:
    """That of `ema_decay` or `swa_epochs`, if one of them is set."""
    decay, epochs = estimator.ema_decay, estimator.swa_epochs
    if decay is not None and epochs is not None:
        raise ValueError(
            f"average parameters by ema_decay or by swa_epochs, not both: got {decay} and {epochs}"
        )
    if decay is not None:
        return EMA(float(decay))
    return None if epochs is None else SWA(int(epochs))
