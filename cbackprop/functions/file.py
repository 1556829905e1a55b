"""How does an optimizer stand in a model file: its own, or that of the model it trains?"""

from __future__ import annotations

import inspect
from typing import Any

from numpy.typing import NDArray

from cbackprop.files.container import Declared, ModelFileError, Reader
from cbackprop.files.registry import FLOATS, Description, is_count
from cbackprop.files.values import from_json, to_json
from cbackprop.functions import large_batch, realmlp, schedules
from cbackprop.functions.groups import Group, Groups, LayerGroups
from cbackprop.functions.schedules import OfTime, Schedule

# Those that a file can hold: a function of one's own it cannot.
KINDS = Schedule, *schedules.KINDS, *realmlp.KINDS, *large_batch.KINDS
SCHEDULES = {kind.__name__: kind for kind in KINDS if kind is not OfTime}
# Left out where they are None: earlier versions read the file, too.
NEW = "schedule", "decay_schedule", "groups"


class OptimizerDescription(Description):
    """Hyper-parameters, steps made, and the state vectors as the tensor ``optimizer.state``."""

    part = "optimizer"

    def describe(self, model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
        params = {
            name: _plain(name, getattr(model, name))
            for name in inspect.signature(self.cls).parameters
        }
        about["optimizer"] = {
            "kind": self.cls.__name__,
            "params": {k: v for k, v in params.items() if k not in NEW or v is not None},
            "n_steps": int(model.n_steps),
            "state": None,
        }
        if model.state is not None:
            _check_state(model)
            about["optimizer"]["state"] = [*model.state.shape, model.state.dtype.name]
            tensors["optimizer.state"] = model.state

    def declare(self, about: dict[str, Any]) -> Declared:
        state = about["optimizer"]["state"]
        if state is None:
            return {}
        vectors, length, dtype = state
        return {"optimizer.state": (FLOATS[dtype], (vectors, length))}

    def make(self, reader: Reader, parameters: str = "parameters") -> Any:
        about = reader.description["optimizer"]
        if about["kind"] != self.cls.__name__:
            raise ModelFileError(f"a {self.cls.__name__} is described as a {about['kind']!r}")
        kept = dict(about["params"])
        made = {name: MAKE[name](kept.pop(name)) for name in NEW if name in kept}
        optimizer = self.cls(**self.arguments(kept), **made)
        if not is_count(about["n_steps"]):
            raise ModelFileError(f"the optimizer cannot have made {about['n_steps']!r} steps")
        optimizer.n_steps = about["n_steps"]
        if about["state"] is not None:
            optimizer.state = reader.tensor("optimizer.state")
            _check_state(optimizer)
        return optimizer


def _check_state(optimizer: Any) -> None:
    if len(optimizer.state) != optimizer.n_vectors:
        raise ModelFileError(
            f"{optimizer!r} needs {optimizer.n_vectors} state vectors, got {len(optimizer.state)}"
        )


def _plain(name: str, value: Any) -> Any:
    """A parameter of an optimizer in JSON's types."""
    if name == "groups" and value is not None:
        return to_json([_plain_groups(some) for some in value], name)
    if isinstance(value, Schedule):
        return _plain_schedule(value)
    return to_json(value, name)


def _plain_groups(groups: tuple[Group, ...]) -> Any:
    """A layer's groups: two as earlier versions know them; of LayerGroups each has its name."""
    plain = [list(group) for group in groups]
    return (
        dict(zip(groups._fields, plain, strict=True)) if isinstance(groups, LayerGroups) else plain
    )


def _plain_schedule(schedule: Schedule) -> dict[str, Any]:
    kind = type(schedule)
    if SCHEDULES.get(kind.__name__) is not kind:
        raise TypeError(
            f"{schedule!r} cannot be saved, as it is made of code: save the optimizer with one of "
            f"{sorted(SCHEDULES)}, or set its schedule to None first and give it back when loaded"
        )
    names = inspect.signature(kind).parameters
    return {
        "kind": kind.__name__,
        "params": {name: to_json(getattr(schedule, name), name) for name in names},
    }


def _schedule(about: Any) -> Schedule | None:
    match about:
        case {"kind": str(kind), "params": dict(params)} if kind in SCHEDULES:
            return SCHEDULES[kind](**{name: from_json(value) for name, value in params.items()})
    raise ModelFileError(f"holds a schedule that this cbackprop does not know: {str(about)[:60]}")


def _some(about: Any) -> tuple[Group, Group] | LayerGroups:
    if isinstance(about, dict):
        return LayerGroups(**{kind: Group(*factors) for kind, factors in about.items()})
    weights, biases = about
    return Group(*weights), Group(*biases)


def _groups(about: Any) -> Groups:
    try:
        return tuple(_some(some) for some in from_json(about))
    except (TypeError, ValueError):
        raise ModelFileError(f"holds groups that are none: {str(about)[:60]}") from None


MAKE = {"schedule": _schedule, "decay_schedule": _schedule, "groups": _groups}
