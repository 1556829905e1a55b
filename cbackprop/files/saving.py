"""Save estimators, networks and optimizers to a file, and load them again: no pickle, no code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from cbackprop import _version
from cbackprop.estimators import MLPClassifier, MLPRegressor
from cbackprop.files.atomic import PathLike
from cbackprop.files.container import Declared, ModelFileError, Reader, reading, write
from cbackprop.files.values import (
    declared_labels,
    from_json,
    labels_from_json,
    labels_to_json,
    to_json,
)
from cbackprop.functions import activations, losses
from cbackprop.functions.optimizers import SGD, Adam, Optimizer
from cbackprop.network.initializers import INITIALIZERS
from cbackprop.network.network import Network
from cbackprop.training.schedules import Schedule
from cbackprop.validation.checks import check_layer_sizes

ESTIMATORS: dict[str, Any] = {cls.__name__: cls for cls in (MLPClassifier, MLPRegressor)}
OPTIMIZERS: dict[str, Any] = {cls.__name__: cls for cls in (SGD, Adam)}
DTYPES = {"float32": np.float32, "float64": np.float64}
Content = tuple[dict[str, Any], dict[str, NDArray]]


def _number(value: Any) -> bool:
    return type(value) is float


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


def _curve(value: Any) -> bool:
    return isinstance(value, list) and all(map(_number, value))


# What a fit leaves on an estimator besides what follows from its network, and how to tell.
FITTED: dict[str, Callable[[Any], bool]] = {
    "n_iter_": _count,
    "t_": _count,
    "loss_": _number,
    "best_loss_": lambda value: value is None or _number(value),
    "loss_curve_": _curve,
    "validation_scores_": lambda value: value is None or _curve(value),
    "best_validation_score_": lambda value: value is None or _number(value),
    "_no_improvement_count": _count,
    "_loss_before": _number,
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
    "numbers": {
        (output, name) for name in losses.OF_NUMBERS for output in losses.as_loss(name).outputs[:1]
    },
}


def save(model: Any, path: PathLike) -> None:
    """Save an estimator, a network or an optimizer: what its ``save`` method does.

    Raises
    ------
    TypeError
        If it is of another class, a subclass included; if a parameter or a label cannot be kept.
    sklearn.exceptions.NotFittedError
        If it is an estimator that is not fitted.
    OSError
        If the file cannot be written; what was at `path` is then as it was.
    """
    write(path, *content_of(model))


def load(path: PathLike) -> Any:
    """Load what an estimator, a network or an optimizer was saved to, or a checkpoint.

    The model goes on exactly as if it had not been saved: ``partial_fit``, or ``fit`` of a warm
    start, gives the same numbers, bit for bit. From a checkpoint of a fit with early stopping
    comes the model with its best parameters so far.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    MLPClassifier, MLPRegressor, Network, SGD or Adam
        An object of its own: nothing in it refers to the file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ModelFileError
        A ValueError: if the file is damaged, not one of cbackprop's, or of a later format.

    Examples
    --------
    >>> import tempfile, os
    >>> import cbackprop
    >>> net = cbackprop.Network([2, 3, 1], random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.safetensors")
    ...     net.save(path)
    ...     again = cbackprop.load(path)
    >>> again.layer_sizes
    (2, 3, 1)
    >>> bool((again.parameters == net.parameters).all())
    True
    """
    with reading(path) as reader:
        declared = declared_tensors(reader.description)
        reader.declare(declared)
        model = model_from(reader)
        if "fit.best" in declared:
            model.network_.parameters = reader.tensor("fit.best")
        return model


def content_of(model: Any) -> Content:
    """A model's description and tensors."""
    kind = type(model).__name__
    about: dict[str, Any] = {"kind": kind, "cbackprop": _version.__version__}
    tensors: dict[str, NDArray] = {}
    if type(model) is OPTIMIZERS.get(kind):
        add_optimizer(model, about, tensors)
    elif type(model) is Network:
        _add_network(model, about, tensors)
    elif type(model) is ESTIMATORS.get(kind):
        check_is_fitted(model)
        _add_network(model.network_, about, tensors)
        if hasattr(model, "_optimizer"):
            add_optimizer(model._optimizer, about, tensors)
            schedule = model._schedule
            about["schedule"] = [
                to_json(value, "learning_rate")
                for value in (schedule.name, schedule.initial, schedule.power_t)
            ]
        _add_estimator(model, about, tensors)
    else:
        known = [*ESTIMATORS, "Network", *OPTIMIZERS]
        raise TypeError(f"can save objects of exactly the classes {known}, got {type(model)!r}")
    return about, tensors


def declared_tensors(about: dict[str, Any]) -> Declared:
    """Every tensor's dtype and shape, as the description implies them. Allocates nothing."""
    declared: dict[str, tuple[Any, tuple[int, ...]]] = {}
    size, dtype = 0, None
    if "network" in about:
        size, dtype = _size(about["network"]), DTYPES[about["network"]["dtype"]]
        declared["parameters"] = dtype, (size,)
    state = about.get("optimizer", {}).get("state")
    if state is not None:
        vectors, length, its_dtype = state
        if dtype is not None and (length, DTYPES[its_dtype]) != (size, dtype):
            raise ModelFileError("the optimizer's state is not that of the network")
        declared["optimizer.state"] = DTYPES[its_dtype], (vectors, length)
    labels = declared_labels(about["labels"]["classes"]) if "labels" in about else None
    if labels is not None:
        declared["classes"] = labels
    if "fit" in about:
        rows = about["fit"]["n_rows"]
        index = "int32" if rows < 2**31 else "int64"
        for name in ("order", "held_out"):
            if about["fit"][name] is not None:
                declared[f"fit.{name}"] = index, (about["fit"][name],)
        if about["fit"]["best"]:
            declared["fit.best"] = dtype, (size,)
        evaluations = about["fit"].get("evaluations")
        if evaluations is not None:
            declared["fit.start"] = dtype, (size,)
            declared["fit.losses"] = "float64", (evaluations,)
            declared["fit.gradients"] = dtype, (evaluations, size)
    for _, shape in declared.values():
        if not all(map(_count, shape)):
            raise ModelFileError(f"the description implies a tensor of shape {shape}")
    return declared


def model_from(reader: Reader) -> Any:
    """The model that a checked reader describes."""
    about = reader.description
    kind = about["kind"]
    if kind in OPTIMIZERS:
        return optimizer_from(reader)
    network = _network(about["network"], reader)
    if kind == "Network":
        return network
    if kind not in ESTIMATORS:
        raise ModelFileError(f"holds a {kind!r}, which this cbackprop does not know")
    estimator = ESTIMATORS[kind](**_parameters(about["params"], ESTIMATORS[kind]))
    estimator.network_ = network
    estimator.__dict__.update(fitted_from(reader))
    return estimator


# A network.


def _add_network(network: Network, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
    draws = network._initialize
    about["network"] = {
        "layer_sizes": list(network.layer_sizes),
        "activation": activations.to_json(network.activation),
        "output_activation": network.output_activation,
        "loss": losses.to_json(network.loss_function),
        "init": next(name for name, function in INITIALIZERS.items() if function is draws),
        "dtype": network.dtype.name,
    }
    tensors["parameters"] = network.parameters


def _size(about: dict[str, Any]) -> int:
    sizes = check_layer_sizes(about["layer_sizes"])
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))


def _network(about: dict[str, Any], reader: Reader) -> Network:
    declared = {name: value for name, value in about.items() if name != "dtype"}
    declared["activation"] = activations.from_json(about["activation"])
    declared["loss"] = losses.from_json(about["loss"])
    network = object.__new__(Network)
    network._configure(**declared)
    network._own(reader.tensor("parameters"))
    return network


# An optimizer.


def add_optimizer(optimizer: Optimizer, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
    kind = type(optimizer).__name__
    if type(optimizer) is not OPTIMIZERS.get(kind):
        raise TypeError(f"can save the optimizers {sorted(OPTIMIZERS)}, got {optimizer!r}")
    names = inspect.signature(type(optimizer)).parameters
    about["optimizer"] = {
        "kind": kind,
        "params": {name: to_json(getattr(optimizer, name), name) for name in names},
        "n_steps": int(optimizer.n_steps),
        "state": None,
    }
    if optimizer.state is not None:
        _check_state(optimizer)
        about["optimizer"]["state"] = [*optimizer.state.shape, optimizer.state.dtype.name]
        tensors["optimizer.state"] = optimizer.state


def optimizer_from(reader: Reader) -> Optimizer:
    """The optimizer of a model file, at the step it was."""
    about = reader.description["optimizer"]
    if about["kind"] not in OPTIMIZERS:
        raise ModelFileError(f"holds a {about['kind']!r}, which this cbackprop does not know")
    cls = OPTIMIZERS[about["kind"]]
    optimizer = cls(**_parameters(about["params"], cls))
    if not _count(about["n_steps"]):
        raise ModelFileError(f"the optimizer cannot have made {about['n_steps']!r} steps")
    optimizer.n_steps = about["n_steps"]
    if about["state"] is not None:
        optimizer.state = reader.tensor("optimizer.state")
        _check_state(optimizer)
    return optimizer


def _check_state(optimizer: Optimizer) -> None:
    assert optimizer.state is not None
    if len(optimizer.state) != optimizer.n_vectors:
        raise ModelFileError(
            f"{optimizer!r} needs {optimizer.n_vectors} state vectors, got {len(optimizer.state)}"
        )


# An estimator.


def _schedule(name: Any, initial: Any, power_t: Any) -> Schedule:
    power_t = from_json(power_t)
    numbers = type(initial) is float and type(power_t) in (int, float)
    if name not in ("constant", "invscaling", "adaptive") or not numbers:
        raise ModelFileError(f"a learning rate cannot be {(name, initial, power_t)}")
    return Schedule(name, initial, power_t)


def _add_estimator(model: Any, about: dict[str, Any], tensors: dict[str, NDArray]) -> None:
    params = model.get_params(deep=False)
    about["params"] = {name: to_json(value, name) for name, value in params.items()}
    fitted = {name: vars(model)[name] for name in FITTED if name in vars(model)}
    about["fitted"] = {name: to_json(value, name) for name, value in fitted.items()}
    about["feature_names"] = None
    if hasattr(model, "feature_names_in_"):
        about["feature_names"] = [str(name) for name in model.feature_names_in_]
    if isinstance(model, MLPClassifier):
        binarizer = model._label_binarizer
        classes, tensor = labels_to_json(np.asarray(model.classes_))
        sparse = bool(binarizer.sparse_input_)
        about["labels"] = {"classes": classes, "type": binarizer.y_type_, "sparse": sparse}
        if tensor is not None:
            tensors["classes"] = tensor


def _parameters(about: dict[str, Any], cls: type) -> dict[str, Any]:
    unknown = set(about) - set(inspect.signature(cls).parameters)
    if unknown:
        raise ModelFileError(
            f"{cls.__name__} has no parameters {sorted(unknown)} in this cbackprop: the file is a "
            "later version's"
        )
    return {name: from_json(value) for name, value in about.items()}


def fitted_from(reader: Reader) -> dict[str, Any]:
    """The attributes that a fit leaves on an estimator, but for its network."""
    about = reader.description
    sizes = about["network"]["layer_sizes"]
    values: dict[str, Any] = {name: from_json(value) for name, value in about["fitted"].items()}
    for name, value in values.items():
        if name not in FITTED or not FITTED[name](value):
            raise ModelFileError(f"the attribute {name!r} cannot be {str(value)[:60]}")
    if not TOGETHER[0] <= set(values) or len(TOGETHER[1] & set(values)) not in (
        0,
        len(TOGETHER[1]),
    ):
        raise ModelFileError(f"attributes of a fit are missing, there are {sorted(values)}")
    for name in ("loss_", "best_loss_"):  # NumPy's scalars, as a fit leaves them
        if values.get(name) is not None:
            values[name] = np.float64(values[name])
    if "loss_curve_" in values:
        values["loss_curve_"] = [np.float64(loss) for loss in values["loss_curve_"]]
    values["n_layers_"], values["n_features_in_"], values["n_outputs_"] = (
        len(sizes),
        sizes[0],
        sizes[-1],
    )
    values["out_activation_"] = about["network"]["output_activation"]
    names = about["feature_names"]
    if names is not None:
        if len(names) != sizes[0] or not all(isinstance(name, str) for name in names):
            raise ModelFileError(f"expected {sizes[0]} names of features")
        values["feature_names_in_"] = np.array(names, dtype=object)
    if "optimizer" in about:
        values["_optimizer"] = optimizer_from(reader)
        values["_schedule"] = _schedule(*about["schedule"])
    if about["kind"] == "MLPClassifier":
        values |= _labels(about["labels"], sizes[-1], reader)
        targets = about["labels"]["type"]
    else:
        targets = "numbers"
    loss = losses.from_json(about["network"]["loss"])
    output = about["network"]["output_activation"], loss.name
    if output not in OUTPUTS[targets]:
        raise ModelFileError(f"a network for targets of type {targets!r} cannot end in {output}")
    return values


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
