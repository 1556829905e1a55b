"""Schedules of the learning rate, of decay and of dropout: for `SGD(schedule=...)` and its like."""

from cbackprop.functions.large_batch import LargeBatch
from cbackprop.functions.realmlp import CosineLog, FlatCosine
from cbackprop.functions.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    OfTime,
    OneCycle,
    Schedule,
    Steps,
)

__all__ = [
    "Constant",
    "Cosine",
    "CosineLog",
    "Exponential",
    "FlatCosine",
    "InverseScaling",
    "LargeBatch",
    "OfTime",
    "OneCycle",
    "Schedule",
    "Steps",
]
