"""How does a fitted encoder stand in a model file?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from cbackprop.files.container import Declared, ModelFileError, Reader
from cbackprop.files.registry import Description
from cbackprop.files.values import from_json, labels_from_json, labels_to_json, to_json

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
        about = reader.description["encoder"]
        encoder = self.cls(**self.arguments(reader.description["params"]))
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
