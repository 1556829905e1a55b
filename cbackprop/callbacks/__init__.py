"""Callbacks: who listens to a fit, and two that come with the package."""

from importlib import import_module
from typing import TYPE_CHECKING

from cbackprop.callbacks.protocol import (
    EPOCH,
    HOOKS,
    Callback,
    Context,
    check_callbacks,
    state_of,
)

if TYPE_CHECKING:
    from cbackprop.callbacks.checkpoint import Checkpoint
    from cbackprop.callbacks.progress import Progress
    from cbackprop.training.record import FitState

__all__ = [
    "EPOCH",
    "HOOKS",
    "Callback",
    "Checkpoint",
    "Context",
    "FitState",
    "Progress",
    "check_callbacks",
    "state_of",
]

# Not every program needs them.
_LATER = {"Checkpoint": "callbacks.checkpoint", "Progress": "callbacks.progress"}
_LATER["FitState"] = "training.record"


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"cbackprop.{_LATER[name]}"), name)
