"""How is a fitted estimator made of weights that are given, without a fit?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import LabelBinarizer

from cbackprop.estimators.stopping import begin_curves
from cbackprop.network.network import Network
from cbackprop.validation.arrays import as_numbers

Layers = list[NDArray]


class ClassifierOfWeights:
    """A classifier that can be made of given weights."""

    @classmethod
    def from_weights(
        cls,
        coefs: Sequence[ArrayLike],
        intercepts: Sequence[ArrayLike],
        classes: ArrayLike | None = None,
        *,
        multilabel: bool = False,
        **parameters: Any,
    ) -> Self:
        """A fitted classifier of these weights and biases, which are copied.

        It predicts, goes on with `partial_fit`, and with ``warm_start=True`` `fit` begins from the
        weights: of another model, or of a `Network`, as
        ``from_weights(net.weights, net.biases, activation=net.activation)``.

        Parameters
        ----------
        coefs : list of array-like of shape (fan_in, fan_out)
            Weights, layer by layer. All float32, biases too, make a network in float32; otherwise
            it is float64.
        intercepts : list of array-like of shape (fan_out,)
            Biases, likewise.
        classes : array-like of shape (n_classes,), optional
            In the order of the outputs; 0, 1, ... without it. Two classes have one output, the
            logit of the second. `classes_` is in order, and the last layer's columns with it.
        multilabel : bool, default=False
            Whether every output says by itself whether a row has its label. `classes_` are then
            0, 1, ..., as after `fit`.
        **parameters
            Of the constructor, as activation, solver, warm_start; `hidden_layer_sizes` follows
            from the weights.

        Returns
        -------
        MLPClassifier
            As after a fit of no epochs.

        Raises
        ------
        ValueError, TypeError
            If the shapes do not go together, or the classes do not go with the outputs.

        Examples
        --------
        >>> from cbackprop import MLPClassifier
        >>> clf = MLPClassifier.from_weights([[[1.0], [-1.0]]], [[0.0]], ["no", "yes"])
        >>> clf.predict([[2.0, 1.0], [1.0, 2.0]]).tolist()
        ['yes', 'no']
        """
        weights, biases = _layers(coefs, intercepts)
        estimator = _with_parameters(cls, weights, parameters)
        found, binarizer = _classes(classes, weights[-1].shape[1], multilabel)
        if not multilabel:
            weights[-1], biases[-1] = _in_order(found, weights[-1], biases[-1])
        estimator.classes_, estimator._label_binarizer = binarizer.classes_, binarizer
        return _fitted(estimator, weights, biases)


class RegressorOfWeights:
    """A regressor that can be made of given weights."""

    @classmethod
    def from_weights(
        cls,
        coefs: Sequence[ArrayLike],
        intercepts: Sequence[ArrayLike],
        **parameters: Any,
    ) -> Self:
        """A fitted regressor of these weights and biases, which are copied.

        It predicts, goes on with `partial_fit`, and with ``warm_start=True`` `fit` begins from the
        weights: of another model, or of a `Network`, as
        ``from_weights(net.weights, net.biases, activation=net.activation)``.

        Parameters
        ----------
        coefs : list of array-like of shape (fan_in, fan_out)
            Weights, layer by layer. All float32, biases too, make a network in float32; otherwise
            it is float64.
        intercepts : list of array-like of shape (fan_out,)
            Biases, likewise.
        **parameters
            Of the constructor, as loss, activation, warm_start; `hidden_layer_sizes` follows from
            the weights.

        Returns
        -------
        MLPRegressor
            As after a fit of no epochs.

        Raises
        ------
        ValueError, TypeError
            If the shapes do not go together, or the outputs not with the loss.

        Examples
        --------
        >>> from cbackprop import MLPRegressor
        >>> MLPRegressor.from_weights([[[1.0], [2.0]]], [[0.5]]).predict([[1.0, 1.0]])
        array([3.5])
        """
        weights, biases = _layers(coefs, intercepts)
        return _fitted(_with_parameters(cls, weights, parameters), weights, biases)


def _layers(coefs: Any, intercepts: Any) -> tuple[Layers, Layers]:
    """Weights and biases as arrays whose shapes go together."""
    for name, given in (("coefs", coefs), ("intercepts", intercepts)):
        if isinstance(given, str) or not hasattr(given, "__len__"):
            raise TypeError(f"{name} must be a list with an array for each layer, got {given!r}")
    if len(coefs) != len(intercepts) or len(coefs) == 0:
        raise ValueError(
            "coefs and intercepts must have an array for each layer, at least one, got "
            f"{len(coefs)} and {len(intercepts)}"
        )
    weights = [_finite(f"coefs[{i}]", array, 2) for i, array in enumerate(coefs)]
    biases = [_finite(f"intercepts[{i}]", array, 1) for i, array in enumerate(intercepts)]
    for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
        if i and len(W) != weights[i - 1].shape[1]:
            raise ValueError(
                f"coefs[{i}] must have {weights[i - 1].shape[1]} rows, one for each column of "
                f"coefs[{i - 1}], got shape {W.shape}"
            )
        if b.shape != W.shape[1:]:
            raise ValueError(
                f"intercepts[{i}] must have shape {W.shape[1:]}, a bias for each column of "
                f"coefs[{i}], got {b.shape}"
            )
    return weights, biases


def _finite(name: str, value: Any, ndim: int) -> NDArray:
    try:
        array = as_numbers(name, value)
    except ValueError as error:  # of rows of unequal lengths
        raise ValueError(f"{name} must be an array of {ndim} dimensions: {error}") from None
    if array.ndim != ndim or array.size == 0:
        shape = "(fan_in, fan_out)" if ndim == 2 else "(fan_out,)"
        raise ValueError(f"{name} must have shape {shape}, none of it 0, got {array.shape}")
    if array.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array


def _with_parameters(cls: Any, weights: Layers, parameters: dict[str, Any]) -> Any:
    """An estimator with these parameters, checked, and the weights' hidden_layer_sizes."""
    hidden = tuple(W.shape[1] for W in weights[:-1])
    given = parameters.setdefault("hidden_layer_sizes", hidden)
    if tuple(np.atleast_1d(given)) != hidden:
        raise ValueError(
            f"hidden_layer_sizes must be {hidden}, as the weights have it, or be left out; got "
            f"{given!r}"
        )
    estimator = cls(**parameters)
    estimator._validate_params()
    return estimator


def _classes(classes: Any, n_outputs: int, multilabel: bool) -> tuple[NDArray, LabelBinarizer]:
    """The classes as they are given, and what knows them in order."""
    if multilabel:
        labels = np.arange(n_outputs)
        if classes is not None and not np.array_equal(np.asarray(classes), labels):
            raise ValueError(
                f"classes of a multilabel model must be None, or 0 to {n_outputs - 1}, got "
                f"{classes!r}: its labels are columns of y"
            )
        if n_outputs < 2:
            raise ValueError("a multilabel model must have at least 2 outputs, got 1")
        return labels, LabelBinarizer().fit(np.array([labels == 0, labels != 0], dtype=int))
    n_classes = 2 if n_outputs == 1 else n_outputs
    found = np.arange(n_classes) if classes is None else np.asarray(classes)
    if found.ndim != 1:
        raise ValueError(f"classes must have shape (n_classes,), got {found.shape}")
    if len(np.unique(found)) != len(found):
        raise ValueError(f"classes must differ from each other, got {found.tolist()}")
    if n_outputs == 2:
        raise ValueError(
            "two classes have one output, the logit of the second, got two: of a softmax over two, "
            "pass coefs[-1][:, 1:] - coefs[-1][:, :1], and of intercepts[-1] likewise; or "
            "multilabel=True"
        )
    if len(found) != n_classes and not (n_outputs == 1 and len(found) == 1):
        expected = "2 classes for 1 output" if n_outputs == 1 else f"{n_outputs} classes"
        raise ValueError(
            f"the last layer has {n_outputs} outputs, which needs {expected}, got {len(found)}: "
            f"{found.tolist()}"
        )
    return found, LabelBinarizer().fit(found)


def _in_order(classes: NDArray, weights: NDArray, biases: NDArray) -> tuple[NDArray, NDArray]:
    """The last layer for the classes in order; of two, the logit of the other has another sign."""
    order = np.argsort(classes)
    if (order[1:] > order[:-1]).all():
        return weights, biases
    if weights.shape[1] == 1:
        return -weights, -biases
    return weights[:, order], biases[order]


def _fitted(estimator: Any, weights: Layers, biases: Layers) -> Any:
    """What a fit of no epochs leaves, with these weights."""
    activation, loss = estimator._targets.output(estimator)
    n_outputs = weights[-1].shape[1]
    estimator.network_ = network_of(weights, biases, estimator.activation, activation, loss)
    estimator.n_features_in_ = len(weights[0])
    estimator.n_layers_, estimator.n_outputs_ = len(weights) + 1, n_outputs
    estimator.out_activation_ = activation
    estimator.n_iter_ = estimator.t_ = 0
    estimator.best_iter_ = None
    if estimator.solver != "lbfgs":
        begin_curves(estimator)
    return estimator


def network_of(weights: Layers, biases: Layers, activation: Any, output: str, loss: Any) -> Network:
    """A network with copies of these: float32 if all of them are."""
    single = np.result_type(*weights, *biases) == np.float32
    sizes = [len(weights[0]), *(len(b) for b in biases)]
    network = object.__new__(Network)
    network._configure(sizes, activation, output, loss, "glorot_uniform")
    size = int(network.plan["biases"][-1]) + sizes[-1]
    network._own(np.empty(size, dtype=np.float32 if single else np.float64))
    network.weights, network.biases = weights, biases
    return network
