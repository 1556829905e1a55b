"""Schedules of the learning rate, step by step: for `SGD(schedule=...)` and its like."""

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
    "Exponential",
    "InverseScaling",
    "OfTime",
    "OneCycle",
    "Schedule",
    "Steps",
]
