"""What a display asks for: axes of matplotlib's, an attribute of a fitted estimator."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def axes(ax: Any) -> Any:
    """The axes to draw on: those given, or those of a new figure."""
    try:
        pyplot = import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError(
            'the displays of cbackprop.plots need matplotlib: pip install "cbackprop[plots]"'
        ) from error
    return pyplot.subplots(layout="constrained")[1] if ax is None else ax


def attribute(estimator: Any, name: str, where: str) -> Any:
    """The attribute, or an error that says how to fit so that there is one."""
    value = getattr(estimator, name, None)
    if value is None:
        raise ValueError(f"{estimator!r} has no {name}: {where}")
    return value
