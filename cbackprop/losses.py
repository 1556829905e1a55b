"""Losses with parameters, and of your own: for `Network` and `MLPRegressor`."""

from cbackprop.functions.custom import Custom
from cbackprop.functions.loss import Loss
from cbackprop.functions.losses import (
    AbsoluteError,
    BinaryLogLoss,
    Gamma,
    Huber,
    LogCosh,
    LogLoss,
    Poisson,
    Quantile,
    SquaredError,
)

__all__ = [
    "AbsoluteError",
    "BinaryLogLoss",
    "Custom",
    "Gamma",
    "Huber",
    "LogCosh",
    "LogLoss",
    "Loss",
    "Poisson",
    "Quantile",
    "SquaredError",
]
