"""How does a network stand in a model file?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.checks import check_layer_sizes
from cbackprop.container import Declared, Reader
from cbackprop.registry import Description

DTYPES = {"float32": np.float32, "float64": np.float64}


class NetworkDescription(Description):
    """Its options, and its vector as the tensor ``parameters``."""

    part = "network"

    def describe(self, model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
        about["network"] = {
            "layer_sizes": list(model.layer_sizes),
            "activation": model.activation,
            "output_activation": model.output_activation,
            "loss": model.loss_name,
            "init": model.init,
            "dtype": model.dtype.name,
        }
        tensors["parameters"] = model.parameters

    def declare(self, about: dict[str, Any]) -> Declared:
        sizes = check_layer_sizes(about["network"]["layer_sizes"])
        size = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
        return {"parameters": (DTYPES[about["network"]["dtype"]], (size,))}

    def make(self, reader: Reader, parameters: str = "parameters") -> Any:
        about = reader.description["network"]
        options = {name: value for name, value in about.items() if name != "dtype"}
        network = object.__new__(self.cls)
        network._configure(**options)
        network._own(reader.tensor(parameters))
        return network
