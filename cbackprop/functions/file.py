"""How does an optimizer stand in a model file: its own, or that of the model it trains?"""

from __future__ import annotations

import inspect
from typing import Any

from numpy.typing import NDArray

from cbackprop.files.container import Declared, ModelFileError, Reader
from cbackprop.files.registry import FLOATS, Description, is_count
from cbackprop.files.values import to_json


class OptimizerDescription(Description):
    """Hyper-parameters, steps made, and the state vectors as the tensor ``optimizer.state``."""

    part = "optimizer"

    def describe(self, model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
        names = inspect.signature(self.cls).parameters
        about["optimizer"] = {
            "kind": self.cls.__name__,
            "params": {name: to_json(getattr(model, name), name) for name in names},
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
        optimizer = self.cls(**self.arguments(about["params"]))
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
