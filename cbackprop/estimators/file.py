"""How does a fitted estimator stand in a model file?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from cbackprop.estimators.options import is_default
from cbackprop.files.container import Declared, ModelFileError, Reader
from cbackprop.files.registry import (
    Description,
    add_optimizer,
    description_named,
    description_of,
    is_count,
    optimizer_from,
)
from cbackprop.files.values import (
    declared_labels,
    from_json,
    labels_from_json,
    labels_to_json,
    to_json,
)
from cbackprop.functions import losses
from cbackprop.network.network import Network
from cbackprop.training.schedules import Schedule


def _number(value: Any) -> bool:
    return type(value) is float


def _curve(value: Any) -> bool:
    return isinstance(value, list) and all(map(_number, value))


def _curve_of_any(item: tuple[Any, Any]) -> bool:
    """A curve by name, of numbers or of lists of them."""
    name, curve = item
    if not (isinstance(name, str) and isinstance(curve, list)):
        return False
    return all(_number(value) or _curve(value) for value in curve)


# What a fit leaves on an estimator besides what follows from its network, and how to tell.
FITTED: dict[str, Callable[[Any], bool]] = {
    "n_iter_": is_count,
    "t_": is_count,
    "loss_": _number,
    "best_loss_": lambda value: value is None or _number(value),
    "loss_curve_": _curve,
    "validation_scores_": lambda value: value is None or _curve(value),
    "best_validation_score_": lambda value: value is None or _number(value),
    "_no_improvement_count": is_count,
    "_loss_before": _number,
    "best_iter_": lambda value: value is None or is_count(value),
    "_other_curves": lambda value: (
        isinstance(value, dict) and all(map(_curve_of_any, value.items()))
    ),
    "_mask_seed": is_count,
    "_scored_by": lambda value: isinstance(value, str),
}
LOSSES = {"loss_", "best_loss_"}
# Parameters left out where they are off: earlier versions read the file, too.
NEW = {
    "label_smoothing": None,
    "quantile": None,
    "scoring": None,
    "gradient_norms": False,
    "ema_decay": None,
    "swa_epochs": None,
    "class_weight": None,
    "trainable": None,
    "new_classes": None,
    "non_crossing": False,
    "dropout": None,
    "l1": None,
    "max_norm": None,
}
# Those that are there or not there together: always, and from the first epoch of sgd or adam on.
TOGETHER = (
    {"n_iter_", "t_"},
    {
        "loss_curve_",
        "best_loss_",
        "validation_scores_",
        "best_validation_score_",
        "_no_improvement_count",
    },
)
# What an estimator's network may have at its end.
OUTPUTS = {
    "multiclass": {("softmax", "log_loss")},
    "binary": {("logistic", "binary_log_loss")},
    "multilabel-indicator": {("logistic", "binary_log_loss")},
    "numbers": {(losses.as_loss(name).outputs[0], name) for name in losses.OF_NUMBERS},
}


class EstimatorDescription(Description):
    """Its parameters, its network, its optimizer, and what the fit has left on it."""

    part = "params"

    def describe(self, model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
        check_is_fitted(model)
        description_of(model.network_).describe(model.network_, about, tensors)
        if hasattr(model, "_optimizer"):
            add_optimizer(model._optimizer, about, tensors)
            schedule = model._schedule
            about["schedule"] = [
                to_json(value, "learning_rate")
                for value in (schedule.name, schedule.initial, schedule.power_t)
            ]
        params = model.get_params(deep=False)
        about["params"] = {
            name: to_json(value, name)
            for name, value in params.items()
            if name not in NEW or not is_default(value, NEW[name])
        }
        fitted = {name: vars(model)[name] for name in FITTED if name in vars(model)}
        if fitted.get("best_iter_") is None:  # earlier versions read the file, too
            fitted.pop("best_iter_", None)
        if not isinstance(fitted.get("_scored_by"), str):  # a function, which is not set any more
            fitted.pop("_scored_by", None)
        about["fitted"] = {name: to_json(value, name) for name, value in fitted.items()}
        about["feature_names"] = None
        if hasattr(model, "feature_names_in_"):
            about["feature_names"] = [str(name) for name in model.feature_names_in_]
        if isinstance(model, ClassifierMixin):
            _add_labels(model, about, tensors)

    def declare(self, about: dict[str, Any]) -> Declared:
        declared = dict(_network().declare(about))
        labels = declared_labels(about["labels"]["classes"]) if "labels" in about else None
        if labels is not None:
            declared["classes"] = labels
        return declared

    def make(self, reader: Reader, parameters: str = "parameters") -> Any:
        estimator = self.cls(**self.arguments(reader.description["params"]))
        estimator.network_ = _network().make(reader, parameters)
        estimator.__dict__.update(self.fitted(reader))
        return estimator

    def fitted(self, reader: Reader) -> dict[str, Any]:
        about = reader.description
        sizes = about["network"]["layer_sizes"]
        values = _scalars_and_curves(about["fitted"])
        values["n_layers_"], values["n_outputs_"] = len(sizes), sizes[-1]
        values["n_features_in_"] = sizes[0]
        values["out_activation_"] = about["network"]["output_activation"]
        names = about["feature_names"]
        if names is not None:
            if len(names) != sizes[0] or not all(isinstance(name, str) for name in names):
                raise ModelFileError(f"expected {sizes[0]} names of features")
            values["feature_names_in_"] = np.array(names, dtype=object)
        if "optimizer" in about:
            values["_optimizer"] = optimizer_from(reader)
            values["_schedule"] = _schedule(*about["schedule"])
        targets = "numbers"
        if issubclass(self.cls, ClassifierMixin):
            values |= _labels(about["labels"], sizes[-1], reader)
            targets = about["labels"]["type"]
        loss = losses.from_json(about["network"]["loss"])
        output = about["network"]["output_activation"], loss.name
        if output not in OUTPUTS[targets]:
            raise ModelFileError(
                f"a network for targets of type {targets!r} cannot end in {output}"
            )
        return values


def _scalars_and_curves(kept: dict[str, Any]) -> dict[str, Any]:
    """What the epochs of a fit have left: counts, losses, scores."""
    values = {name: from_json(value) for name, value in kept.items()}
    values.setdefault("best_iter_", None)
    for name, value in values.items():
        if name not in FITTED or not FITTED[name](value):
            raise ModelFileError(f"the attribute {name!r} cannot be {str(value)[:60]}")
    always, together = TOGETHER
    if not always <= set(values) or len(together & set(values)) not in (0, len(together)):
        raise ModelFileError(f"attributes of a fit are missing, there are {sorted(values)}")
    for name in LOSSES & set(values):  # of scikit-learn's type
        values[name] = np.float64(values[name]) if values[name] is not None else None
    if "loss_curve_" in values:
        values["loss_curve_"] = [np.float64(loss) for loss in values["loss_curve_"]]
    return values


def _network() -> Description:
    return description_named(Network.__name__)


def _schedule(name: Any, initial: Any, power_t: Any) -> Schedule:
    power_t = from_json(power_t)
    numbers = type(initial) is float and type(power_t) in (int, float)
    if name not in ("constant", "invscaling", "adaptive") or not numbers:
        raise ModelFileError(f"a learning rate cannot be {(name, initial, power_t)}")
    return Schedule(name, initial, power_t)


def _add_labels(model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
    binarizer = model._label_binarizer
    classes, tensor = labels_to_json(np.asarray(model.classes_))
    sparse = bool(binarizer.sparse_input_)
    about["labels"] = {"classes": classes, "type": binarizer.y_type_, "sparse": sparse}
    if tensor is not None:
        tensors["classes"] = tensor


def _labels(about: dict[str, Any], n_outputs: int, reader: Reader) -> dict[str, Any]:
    known = about["classes"]
    classes = labels_from_json(known, None if known["dtype"] == "O" else reader.tensor("classes"))
    n_classes, kind = len(classes), about["type"]
    expected = {"multiclass": n_classes, "multilabel-indicator": n_classes, "binary": 1}.get(kind)
    if n_outputs != expected or (kind == "binary" and n_classes not in (1, 2)):
        raise ModelFileError(f"{n_classes} classes of type {kind!r} with {n_outputs} outputs")
    if not (classes[1:] > classes[:-1]).all():
        raise ModelFileError("the classes are not in order")
    binarizer = LabelBinarizer()
    binarizer.classes_, binarizer.y_type_ = classes, kind
    binarizer.sparse_input_ = bool(about["sparse"])
    return {"classes_": classes, "_label_binarizer": binarizer}
