"""What are the inputs of a table's model: which names, and of which types?"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from cbackprop.tabular import TableEncoder

MISSING = "skl2onnx is missing: pip install cbackprop[onnx]"


def initial_types(model: Any) -> list[tuple[str, Any]]:
    """The inputs for ``skl2onnx.to_onnx(model, initial_types=...)``, by what `fit` has seen.

    An input of shape (n, 1) for each column of the table: float64 for numbers, strings for text.
    Categories that are numbers or truth values are float64, too. A table without categories and
    without names is one float64 input of the name X. Of names, skl2onnx keeps letters, digits
    and underscores.

    Parameters
    ----------
    model : TableEncoder, TabularClassifier, TabularRegressor, or Pipeline or search of one
        Fitted. Of a pipeline, the first step must be one of them.

    Returns
    -------
    list of (str, skl2onnx type)
        In the order of the table's columns.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    TypeError
        For other models: skl2onnx guesses their inputs from some rows.
    sklearn.exceptions.NotFittedError
        Before `fit`.

    Examples
    --------
    ::

        types = cbackprop.onnx.initial_types(model)
        exported = to_onnx(model, initial_types=types, options={"zipmap": False})
    """
    try:
        from skl2onnx.common.data_types import DoubleTensorType, StringTensorType
    except ImportError as error:
        raise ImportError(MISSING) from error
    encoder = _encoder_of(model)
    n = encoder.n_features_in_
    if not hasattr(encoder, "feature_names_in_") and not encoder.categories_:
        return [("X", DoubleTensorType([None, n]))]
    kinds = [DoubleTensorType] * n
    for column, known in zip(
        np.flatnonzero(encoder.is_categorical_).tolist(), encoder.categories_, strict=True
    ):
        if all(isinstance(value, str) for value in known):
            kinds[column] = StringTensorType
    return [(label_of(encoder, i), kind([None, 1])) for i, kind in enumerate(kinds)]


def label_of(encoder: TableEncoder, column: int) -> str:
    """A column's name, or x0, x1, ..."""
    names = vars(encoder).get("feature_names_in_")
    return f"x{column}" if names is None else str(names[column])


def _encoder_of(model: Any) -> TableEncoder:
    first = model
    while hasattr(first, "steps") or hasattr(first, "best_estimator_"):
        first = first.steps[0][1] if hasattr(first, "steps") else first.best_estimator_
    encoder = first if isinstance(first, TableEncoder) else getattr(first, "encoder_", None)
    if not isinstance(encoder, TableEncoder):
        check_is_fitted(first)
        raise TypeError(
            "model must be a TableEncoder, TabularClassifier or TabularRegressor, or a pipeline "
            f"that begins with one, got {type(first).__name__}: give to_onnx some rows in place "
            "of types"
        )
    check_is_fitted(encoder)
    return encoder
