"""How do a fitted encoder, and an estimator with one, stand in a model file?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from cbackprop.files.container import Declared, ModelFileError, Reader
from cbackprop.files.registry import Description, description_named, description_of, is_count
from cbackprop.files.values import (
    declared_labels,
    from_json,
    labels_from_json,
    labels_to_json,
    to_json,
)
from cbackprop.tabular.outputs import outputs_of
from cbackprop.training.history import History

SCALARS = "best_epoch_", "n_epochs_", "validation_score_"
LATER = "settings_", "_spreads"  # which files of earlier versions have not
KEPT = "center", "scale", "low", "high"  # of targets
VECTORS = [
    "medians_",
    "factors_",
    "has_holes_",
    "is_categorical_",
    "indicator_medians_",
    "indicator_factors_",
]


class EncoderDescription(Description):
    """All of it as JSON: it is small."""

    part = "encoder"

    def describe(self, model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
        check_is_fitted(model)
        params = model.get_params(deep=False)
        about["params"] = {name: to_json(value, name) for name, value in params.items()}
        fitted = {name: getattr(model, name) for name in VECTORS}
        names = getattr(model, "feature_names_in_", None)
        about["encoder"] = {
            "fitted": {name: to_json(value, name) for name, value in fitted.items()},
            "edges": [to_json(edges, "edges_") for edges in model.edges_],
            "categories": [labels_to_json(values)[0] for values in model.categories_],
            "n_features": model.n_features_in_,
            "feature_names": None if names is None else [str(name) for name in names],
        }

    def declare(self, about: dict[str, Any]) -> Declared:
        return {}

    def make(self, reader: Reader, parameters: str = "parameters") -> Any:
        return self.make_of(reader.description)

    def make_of(self, description: dict[str, Any]) -> Any:
        """The encoder that is described so."""
        about = description["encoder"]
        encoder = self.cls(**self.arguments(description["params"]))
        values = {name: from_json(about["fitted"][name]) for name in VECTORS}
        edges = [from_json(one) for one in about["edges"]]
        categories = [labels_from_json(one, None) for one in about["categories"]]
        for name, array in values.items():
            wanted = "bool" if name in ("has_holes_", "is_categorical_") else "float64"
            if not isinstance(array, np.ndarray) or array.dtype != wanted:
                raise ModelFileError(f"{name} of an encoder cannot be {str(array)[:60]}")
        n, names = about["n_features"], about["feature_names"]
        n_numbers = int((~values["is_categorical_"]).sum())
        sizes = [values[name].size for name in ("medians_", "factors_", "has_holes_")]
        if (
            values["is_categorical_"].size != n
            or sizes != [n_numbers] * 3
            or len(categories) != n - n_numbers
            or len(edges) not in (0, n_numbers)
            or not all(isinstance(one, np.ndarray) and one.dtype == "float64" for one in edges)
        ):
            raise ModelFileError(f"an encoder of {n} columns has other parts than it needs")
        vars(encoder).update(values, edges_=edges, categories_=categories, n_features_in_=n)
        if names is not None:
            if len(names) != n or not all(isinstance(name, str) for name in names):
                raise ModelFileError(f"expected {n} names of features")
            encoder.feature_names_in_ = np.array(names, dtype=object)
        if values["indicator_medians_"].size != encoder._n_indicators():
            raise ModelFileError("an encoder has other indicators than its categories need")
        return encoder


class TabularDescription(Description):
    """Its parameters, its encoder, and its members' vectors as one tensor, ``members``."""

    part = "tabular"

    def describe(self, model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
        check_is_fitted(model)
        params = model.get_params(deep=False)
        about["params"] = {name: to_json(value, name) for name, value in params.items()}
        encoder: dict[str, Any] = {}
        description_of(model.encoder_).describe(model.encoder_, encoder, {})
        network: dict[str, Any] = {}
        first = model.networks_[0]
        description_of(first).describe(first, network, {})
        history = {name: c for name, c in model.history_.items() if name != "seconds"}
        outputs = {
            name: to_json(v, name) for name, v in vars(model._outputs).items() if name in KEPT
        }
        about["tabular"] = {
            "encoder": encoder,
            "network": network["network"],
            "n_members": len(model.networks_),
            "outputs": outputs,
            "history": to_json(history, "history_"),
            "fitted": {name: to_json(getattr(model, name), name) for name in SCALARS},
            **{name: to_json(vars(model)[name], name) for name in LATER if name in vars(model)},
        }
        tensors["members"] = np.array([one.parameters for one in model.networks_])
        if hasattr(model, "classes_"):
            classes, tensor = labels_to_json(model.classes_)
            about["tabular"]["classes"] = classes
            if tensor is not None:
                tensors["classes"] = tensor

    def declare(self, about: dict[str, Any]) -> Declared:
        own = about["tabular"]
        (dtype, (size,)), n = _network().declare(own)["parameters"], own["n_members"]
        if not is_count(n) or n < 1:
            raise ModelFileError(f"an estimator cannot have {n!r} members")
        declared: dict[str, Any] = {"members": (dtype, (n, size))}
        labels = declared_labels(own["classes"]) if "classes" in own else None
        if labels is not None:
            declared["classes"] = labels
        if "fit" in own:
            declared |= _of_a_fit(own["fit"], dtype, n, size)
        return declared

    def make(self, reader: Reader, parameters: str = "parameters") -> Any:
        about = reader.description["tabular"]
        model = self.cls(**self.arguments(reader.description["params"]))
        encoder: Any = description_named("TableEncoder")
        model._use(encoder.make_of(about["encoder"]))
        vectors = reader.tensor("members")
        model.networks_ = [_network().make_of(about["network"], np.array(one)) for one in vectors]
        for name in SCALARS:
            setattr(model, name, from_json(about["fitted"][name]))
        vars(model).update({name: from_json(about[name]) for name in LATER if name in about})
        model.history_ = History(from_json(about["history"]))
        network = model.networks_[0]
        if "classes" in about:
            known = about["classes"]
            tensor = None if known["dtype"] == "O" else reader.tensor("classes")
            model.classes_ = labels_from_json(known, tensor)
        model._outputs = outputs_of(network.output_activation, network.loss_function)
        model._outputs.n_outputs = network.layer_sizes[-1]
        vars(model._outputs).update(
            {name: from_json(value) for name, value in about["outputs"].items() if name in KEPT}
        )
        width = len(model.encoder_.get_feature_names_out())
        if network.layer_sizes[0] != width:
            raise ModelFileError(
                f"networks of {network.layer_sizes[0]} inputs for a table of {width} columns"
            )
        return model


def _of_a_fit(fit: dict[str, Any], dtype: Any, n_members: int, size: int) -> Declared:
    """What a checkpoint holds besides the model: see `cbackprop.tabular.checkpoints`."""
    rows = fit["rows"]
    if not isinstance(rows, list) or len(rows) != n_members or not all(map(is_count, rows)):
        raise ModelFileError(f"{n_members} members cannot be trained on {str(rows)[:60]} rows")
    return {
        "fit.members": (dtype, (n_members, size)),
        "fit.optimizers": (dtype, (n_members, fit["n_states"], size)),
        "fit.orders": ("int64", (sum(rows),)),
    }


def _network() -> Any:
    return description_named("Network")
