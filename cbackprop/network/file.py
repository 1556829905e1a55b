"""How does a network stand in a model file?"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from cbackprop.files.container import Declared, Reader
from cbackprop.files.registry import FLOATS, Description
from cbackprop.files.values import from_json, to_json
from cbackprop.functions import activations, losses
from cbackprop.network.embeddings import make_front
from cbackprop.network.layout import n_parameters
from cbackprop.validation.checks import check_bool, check_layer_sizes


class NetworkDescription(Description):
    """Its options, and its vector as the tensor ``parameters``."""

    part = "network"

    def describe(self, model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
        about["network"] = {
            "layer_sizes": list(model.layer_sizes),
            "activation": activations.to_json(model.activation),
            "output_activation": model.output_activation,
            "loss": losses.to_json(model.loss_function),
            "init": model.init,
            "dtype": model.dtype.name,
        }
        if model.front is not None:
            for name in ("embeddings", "input_scaling"):
                about["network"][name] = to_json(getattr(model, name), name)
        if model.parametric_activation:  # else left out: earlier versions read the file, too
            about["network"]["parametric_activation"] = True
        tensors["parameters"] = model.parameters

    def declare(self, about: dict[str, Any]) -> Declared:
        sizes = check_layer_sizes(about["network"]["layer_sizes"])
        front = make_front(*_front(about["network"]), sizes[0])
        before = 0 if front is None else front.n_parameters
        sizes = sizes if front is None else (front.width, *sizes[1:])
        parametric = about["network"].get("parametric_activation", False)
        size = before + n_parameters(sizes, check_bool("parametric_activation", parametric))
        return {"parameters": (FLOATS[about["network"]["dtype"]], (size,))}

    def make(self, reader: Reader, parameters: str = "parameters") -> Any:
        return self.make_of(reader.description["network"], reader.tensor(parameters))

    def make_of(self, about: dict[str, Any], vector: NDArray) -> Any:
        """The network that is described so, with this vector."""
        options = {name: value for name, value in about.items() if name != "dtype"}
        options["activation"] = activations.from_json(about["activation"])
        options["loss"] = losses.from_json(about["loss"])
        options["embeddings"], options["input_scaling"] = _front(about)
        network = object.__new__(self.cls)
        network._configure(**options)
        network._own(vector)
        return network


def _front(about: dict[str, Any]) -> tuple[Any, Any]:
    """Embeddings and scaling, which networks without them say nothing of."""
    return from_json(about.get("embeddings")), from_json(about.get("input_scaling", False))
