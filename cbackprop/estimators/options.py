"""What do an estimator's parameters stand for: which loss, schedule of the rate, regularization?"""

from __future__ import annotations

from numbers import Real
from typing import Any

from cbackprop.functions.losses import OF_NUMBERS, Custom, Loss, Quantile, as_loss
from cbackprop.functions.schedules import Schedule, check_schedule
from cbackprop.running.regularization import Regularization, check_dropout
from cbackprop.training.averaging import EMA, SWA, Averaging

# What L-BFGS cannot have, and why.
WITHOUT_LBFGS = {
    "dropout": "its line searches compare losses, which would be of other units every time",
    "l1": "it takes the loss to be smooth, which an absolute value is not at 0",
    "max_norm": "it moves all parameters along a line, and knows of no bounds",
}


def loss_of(regressor: Any) -> Loss:
    """That of a regressor's `loss` and `quantile`; see `loss_of_numbers`."""
    made = loss_of_numbers(regressor.loss, regressor.quantile)
    if regressor.non_crossing and not isinstance(made, Quantile):
        raise ValueError(
            f"non_crossing=True goes with loss='quantile', got loss={regressor.loss!r}: set "
            "non_crossing to False"
        )
    return made


def loss_of_numbers(loss: Any, quantile: Any) -> Loss:
    """That of a `loss` and a `quantile` as regressors have them.

    Raises
    ------
    ValueError
        If it is not one of numbers, or if there is a quantile for another loss.
    """
    if quantile is not None:
        if loss != "quantile":
            raise ValueError(
                f"quantile={quantile!r} goes with loss='quantile', got loss={loss!r}: set quantile "
                "to None, or the loss to 'quantile'"
            )
        return Quantile(quantile)
    made = as_loss(loss)
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


def regularization_of(estimator: Any, n_hidden: int) -> Regularization:
    """That of a network with so many hidden layers.

    Raises
    ------
    TypeError, ValueError
        If a value is out of range, or L-BFGS cannot have it.
    """
    made = Regularization(
        l2_batch=estimator.alpha,
        l1_batch=estimator.l1 or 0.0,
        dropout=check_dropout(estimator.dropout, n_hidden),
        max_norm=estimator.max_norm,
    )
    if estimator.solver == "lbfgs":
        is_on = {"dropout": made.dropout, "l1": made.has_l1, "max_norm": made.max_norm}
        for name, why in WITHOUT_LBFGS.items():
            if is_on[name]:
                raise ValueError(
                    f"{name}={getattr(estimator, name)!r} goes with solver='sgd' or 'adam', got "
                    f"solver='lbfgs': {why}"
                )
    return made
