"""Multilayer perceptrons for NumPy arrays, trained in compiled code."""

import sys as _sys
from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

from cbackprop import files as _files
from cbackprop._version import __version__
from cbackprop.estimators import MLPClassifier, MLPRegressor
from cbackprop.functions.optimizers import SGD, Adam, AdamW, RMSprop
from cbackprop.network import Backprop, Network
from cbackprop.running.rows import Rows
from cbackprop.training.history import History

if _TYPE_CHECKING:
    from cbackprop.callbacks.checkpoint import Checkpoint
    from cbackprop.callbacks.progress import Progress
    from cbackprop.files.saving import load

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Backprop",
    "Checkpoint",
    "History",
    "MLPClassifier",
    "MLPRegressor",
    "Network",
    "Progress",
    "RMSprop",
    "Rows",
    "__version__",
    "load",
]

# Imported at their first use, as not every program needs them.
_LATER = {"Checkpoint": "callbacks", "Progress": "callbacks", "load": "files.saving"}


_MODULES_LATER = ("dask", "presets", "tabular")
# Where the error of model files was once, and is still found.
_sys.modules[f"{__name__}.container"] = _files


def __getattr__(name: str) -> object:
    if name in _MODULES_LATER:
        return _import_module(f"cbackprop.{name}")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_import_module(f"cbackprop.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
