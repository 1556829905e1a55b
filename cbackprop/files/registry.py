"""Which classes can be saved: each says what it keeps in a file, and how it is made again."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cbackprop._version import __version__
from cbackprop.files.container import Declared, ModelFileError, Reader
from cbackprop.files.values import from_json

Cls = TypeVar("Cls", bound=type)
Content = tuple[dict[str, Any], dict[str, NDArray]]
FLOATS: dict[str, Any] = {"float32": np.float32, "float64": np.float64}  # of parameters and states


class Description(ABC):
    """How the objects of one class stand in a file: as JSON and as tensors, by name."""

    part: str  # of a description: where it stands, also beside another class's

    def __init__(self, cls: Any):
        self.cls = cls

    @abstractmethod
    def describe(self, model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
        """Add all that there is to say of the model."""

    @abstractmethod
    def declare(self, about: dict[str, Any]) -> Declared:
        """The dtype and shape of every tensor that a description implies. Allocates nothing."""

    @abstractmethod
    def make(self, reader: Reader, parameters: str = "parameters") -> Any:
        """The model of a checked reader; `parameters` names the tensor that its vector comes from.

        Whatever in a description cannot be is a ModelFileError, or one of the errors that
        `cbackprop.files.container.reading` makes one of.
        """

    def fitted(self, reader: Reader) -> dict[str, Any]:
        """What a fit leaves on the model besides its network's parameters, by attribute."""
        return {}

    def arguments(self, kept: dict[str, Any]) -> dict[str, Any]:
        """Kept parameters as the class takes them."""
        unknown = set(kept) - set(inspect.signature(self.cls).parameters)
        if unknown:
            raise ModelFileError(
                f"{self.cls.__name__} has no parameters {sorted(unknown)} in this cbackprop: the "
                "file is a later version's"
            )
        return {name: from_json(value) for name, value in kept.items()}


_DESCRIPTIONS: dict[str, Description] = {}


def saved_by(how: Callable[[Any], Description]) -> Callable[[Cls], Cls]:
    """A decorator: objects of exactly this class can be saved, under the name of the class."""

    def register(cls: Cls) -> Cls:
        _DESCRIPTIONS[cls.__name__] = how(cls)
        return cls

    return register


def description_of(model: Any) -> Description:
    """That of the model's class; a TypeError for one that cannot be saved, subclasses included."""
    description = _DESCRIPTIONS.get(type(model).__name__)
    if description is None or type(model) is not description.cls:
        raise TypeError(
            f"can save objects of exactly the classes {sorted(_DESCRIPTIONS)}, got {type(model)!r}"
        )
    return description


def description_named(kind: Any) -> Description:
    """That of the class a file names."""
    if kind not in _DESCRIPTIONS:
        raise ModelFileError(f"holds a {kind!r}, which this cbackprop does not know")
    return _DESCRIPTIONS[kind]


def class_named(name: str) -> Any:
    """The class of this name, if it is one that can be saved; otherwise None."""
    return _DESCRIPTIONS[name].cls if name in _DESCRIPTIONS else None


def content_of(model: Any) -> Content:
    """A model's description and tensors."""
    description = description_of(model)
    about: dict[str, Any] = {"kind": type(model).__name__, "cbackprop": __version__}
    tensors: dict[str, NDArray] = {}
    description.describe(model, about, tensors)
    return about, tensors


def declared_tensors(about: dict[str, Any]) -> Declared:
    """Every tensor's dtype and shape: the model's, its optimizer's, those of a fit in progress."""
    declared = dict(description_named(about["kind"]).declare(about))
    if "optimizer" in about:
        for name, (dtype, shape) in _optimizer(about).declare(about).items():
            if (dtype, shape[1:]) != declared.get("parameters", (dtype, shape[1:])):
                raise ModelFileError("the optimizer's state is not that of the network")
            declared[name] = dtype, shape
    if "fit" in about:
        declared |= _of_a_fit(about["fit"], *declared["parameters"])
    for _, shape in declared.values():
        if not all(map(is_count, shape)):
            raise ModelFileError(f"the description implies a tensor of shape {shape}")
    return declared


def _of_a_fit(fit: dict[str, Any], dtype: Any, vector: tuple[int, ...]) -> Declared:
    """What a checkpoint holds besides the model."""
    declared: dict[str, tuple[Any, tuple[int, ...]]] = {}
    index = "int32" if fit["n_rows"] < 2**31 else "int64"
    for name in ("order", "held_out"):
        if fit[name] is not None:
            declared[f"fit.{name}"] = index, (fit[name],)
    averaged = fit.get("averaged", 0)  # of earlier versions: none
    if fit["best"]:
        declared["fit.best"] = dtype, vector
    elif averaged:
        declared["fit.average"] = dtype, vector
    if averaged:
        declared["fit.averaged"] = dtype, (averaged, *vector)
    evaluations = fit.get("evaluations")
    if evaluations is not None:
        declared["fit.start"] = dtype, vector
        declared["fit.losses"] = "float64", (evaluations,)
        # Of earlier versions: of all parameters.
        declared["fit.gradients"] = dtype, (evaluations, fit.get("trained", *vector))
    return declared


def model_from(reader: Reader, parameters: str = "parameters") -> Any:
    """The model that a checked reader describes."""
    return description_named(reader.description["kind"]).make(reader, parameters)


# An optimizer, beside the model that it trains or by itself.


def add_optimizer(optimizer: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
    """Describe the optimizer beside its model."""
    description_of(optimizer).describe(optimizer, about, tensors)


def optimizer_from(reader: Reader) -> Any:
    """The optimizer of a checked reader, at the step it was."""
    return _optimizer(reader.description).make(reader)


def _optimizer(about: dict[str, Any]) -> Description:
    description = description_named(about["optimizer"]["kind"])
    if description.part != "optimizer":
        raise ModelFileError(f"a {description.cls.__name__} is no optimizer")
    return description


def is_count(value: Any) -> bool:
    """Whether a value of a description can be a count or a length."""
    return type(value) is int and 0 <= value < 2**62
