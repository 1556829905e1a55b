"""What a display asks for: axes of matplotlib's, an attribute of a fitted estimator."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NoReturn

from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

# Where meta-estimators keep the one they have fitted: searches, transformed targets, thresholds.
INSIDE = ("best_estimator_", "regressor_", "estimator_")


def axes(ax: Any) -> Any:
    """The axes to draw on: those given, or those of a new figure."""
    try:
        pyplot = import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError(
            'the displays of cbackprop.plots need matplotlib: pip install "cbackprop[plots]"'
        ) from error
    return pyplot.subplots(layout="constrained")[1] if ax is None else ax


def perceptron(estimator: Any) -> Any:
    """The fitted MLPClassifier or MLPRegressor: itself, last in a pipeline, best of a search.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        A ValueError: if it is not fitted.
    TypeError
        If there is none.
    """
    model = estimator
    while not hasattr(model, "hidden_layer_sizes"):
        inside = next((name for name in INSIDE if name in getattr(model, "__dict__", {})), None)
        if isinstance(model, Pipeline):
            model = model.steps[-1][1]
        elif inside is not None:
            model = getattr(model, inside)
        else:
            _refuse(estimator, model)
    return model


def attribute(estimator: Any, name: str, where: str) -> Any:
    """The perceptron's attribute, or an error that says how to fit so that there is one."""
    model = perceptron(estimator)
    value = getattr(model, name, None)
    if value is None:
        kind = _described(estimator, model)
        if not hasattr(model, "coefs_"):
            raise NotFittedError(f"{kind} is not fitted, so it has no {name}: {where}")
        raise ValueError(f"{kind} has no {name}: {where}")
    return value


def _refuse(estimator: Any, model: Any) -> NoReturn:
    """Say why there is no perceptron in what was given; `model` is how far the search came."""
    kind = _described(estimator, model)
    params = model.get_params().values() if hasattr(model, "get_params") else ()
    if any(hasattr(value, "hidden_layer_sizes") for value in params):  # there will be one
        if getattr(model, "refit", True) is False:
            raise ValueError(f"{kind} keeps no best estimator: search with refit=True")
        if not _is_fitted(model):
            raise NotFittedError(f"{kind} is not fitted: fit it first")
    hint = ""
    if hasattr(estimator, "layer_sizes"):
        hint = ": of a network draw from_network, or from_history of what its fit has returned"
    elif hasattr(estimator, "keys"):
        hint = ": of a history draw from_history"
    raise TypeError(
        "expected a fitted MLPClassifier or MLPRegressor, cbackprop's or scikit-learn's, by "
        f"itself, as the last step of a pipeline or in a search, got {kind}{hint}"
    )


def _is_fitted(model: Any) -> bool:
    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError):
        return False
    return True


def _described(estimator: Any, model: Any) -> str:
    name, outer = type(model).__name__, type(estimator).__name__
    return f"this {name}" if model is estimator else f"the {name} in this {outer}"
