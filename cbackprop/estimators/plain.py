"""What is pickled of a fitted estimator: arrays, lists, dictionaries, numbers and strings alone.

So that skops, mlflow and jsonpickle need to trust, or to know, no class but the estimator's own.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from cbackprop.callbacks.protocol import without_fit
from cbackprop.files.registry import class_named
from cbackprop.training.schedules import Schedule

CLASS = "cbackprop.class"  # under which the name of an object's class stands beside its state
CURVE = "list of float64"


class PlainState:
    """An estimator whose network, optimizer and schedule are pickled as dictionaries."""

    def __getstate__(self) -> dict[str, Any]:
        state = without_fit(dict(super().__getstate__()))  # type: ignore[call-overload]
        return {name: _plain(value) for name, value in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = {name: _object(value) for name, value in state.items()}
        super().__setstate__(state)  # type: ignore[misc]
        # Parameters that an earlier version had not.
        for name, parameter in inspect.signature(type(self)).parameters.items():
            self.__dict__.setdefault(name, parameter.default)


def _class(name: Any) -> Any:
    """A schedule, or what can be saved: a network, an optimizer."""
    return Schedule if name == Schedule.__name__ else class_named(name)


def _plain(value: Any) -> Any:
    if type(value) is list and value and all(type(item) is np.float64 for item in value):
        return {CLASS: CURVE, "values": np.array(value)}  # an array, not a thousand scalars
    name = type(value).__name__
    if type(value) is not _class(name):
        return value
    # object.__getstate__ is None for an object without attributes.
    return {CLASS: name, **(value.__getstate__() or {})}


def _object(value: Any) -> Any:
    if not isinstance(value, dict) or CLASS not in value:
        return value
    state = dict(value)
    if state[CLASS] == CURVE:
        return list(state["values"])
    made = object.__new__(_class(state.pop(CLASS)))
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
    else:
        made.__dict__.update(state)
    return made
