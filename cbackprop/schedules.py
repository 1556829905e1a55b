"""Schedules of the learning rate, of decay and of dropout: for `SGD(schedule=...)` and its like."""

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
    "OfTime",
    "OneCycle",
    "Schedule",
    "Steps",
]
