"""From scikit-learn's MLPClassifier and MLPRegressor to ours and back, fitted or not."""

from __future__ import annotations

import inspect
from copy import deepcopy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state

from cbackprop.estimators.given import network_of
from cbackprop.estimators.options import is_default
from cbackprop.functions.losses import Loss, settings_of
from cbackprop.functions.optimizers import SGD, Adam, Optimizer
from cbackprop.network.layout import views
from cbackprop.network.network import Network
from cbackprop.training.schedules import Schedule

# What a fit leaves under the same name on both.
SAME = (
    "classes_",
    "_label_binarizer",
    "n_features_in_",
    "feature_names_in_",
    "n_iter_",
    "t_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "_no_improvement_count",
)
LOSSES = {
    "identity": "squared_error",
    "exp": "poisson",
    "logistic": "binary_log_loss",
    "softmax": "log_loss",
}
# Parameters of ours that change how something is computed, and not what.
MEANS = {"n_jobs"}


class Exchange:
    """An estimator that scikit-learn's can be made of, and that can be made of scikit-learn's."""

    def to_sklearn(self) -> Any:
        """The same model as an estimator of scikit-learn's, fitted if this one is.

        It predicts the same, to rounding, and goes on the same way with ``partial_fit`` or a warm
        start: optimizer, curves and scores come along. Nothing in it refers to this estimator.
        `n_jobs` is dropped; in scikit-learn BLAS decides.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
            With the same parameters and attributes.

        Raises
        ------
        ValueError
            If a parameter has a value that scikit-learn's estimator does not know.
        """
        theirs = _their_class(type(self))
        fitted = vars(self).get("network_")
        params = _their_parameters(self, theirs)
        if fitted is not None:  # what it predicts with, whatever was set since
            params["activation"], hidden = fitted.activation, fitted.layer_sizes[1:-1]
            if tuple(np.atleast_1d(params["hidden_layer_sizes"])) != hidden:
                params["hidden_layer_sizes"] = hidden
        model = theirs(**params)
        try:
            model._validate_params()
        except ValueError as error:
            raise ValueError(f"scikit-learn's {theirs.__name__} cannot be this: {error}") from None
        if fitted is not None:
            model.coefs_, model.intercepts_ = _copies(fitted.weights), _copies(fitted.biases)
            # Also those that early stopping goes back to: the same arrays, as after its own fit.
            model._best_coefs, model._best_intercepts = model.coefs_, model.intercepts_
            model._random_state = check_random_state(model.random_state)
            _copy_attributes(self, model)
            if "_optimizer" in vars(self):
                model._optimizer = _their_optimizer(self, model.coefs_ + model.intercepts_)
        return model

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Self:
        """The same model as scikit-learn's, fitted if that one is.

        It predicts the same, to rounding, and goes on the same way with ``partial_fit`` or a warm
        start: optimizer, curves and scores come along. Nothing in it refers to `estimator`.

        Parameters
        ----------
        estimator : sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
            Whichever this class stands for.

        Returns
        -------
        MLPClassifier or MLPRegressor
            An estimator of this class.

        Raises
        ------
        TypeError
            If it is anything else.
        """
        theirs = _their_class(cls)
        if not isinstance(estimator, theirs):
            raise TypeError(
                f"{cls.__name__}.from_sklearn takes a sklearn.neural_network.{theirs.__name__}, "
                f"got {type(estimator).__name__}: of a pipeline or a search give the estimator "
                "in it"
            )
        known = inspect.signature(cls).parameters
        params = estimator.get_params(deep=False)
        model = cls(**{name: deepcopy(params[name]) for name in params if name in known})
        if hasattr(estimator, "coefs_"):
            _copy_attributes(estimator, model)
            model.best_iter_ = _best_epoch(estimator)  # type: ignore[attr-defined]
            output = estimator.out_activation_
            layers = list(estimator.coefs_), list(estimator.intercepts_)
            network = network_of(*layers, estimator.activation, output, LOSSES[output])
            model.network_ = network  # type: ignore[attr-defined]
            if hasattr(estimator, "_optimizer"):
                ours = _our_optimizer(estimator._optimizer, model.network_)  # type: ignore[attr-defined]
                model._optimizer, model._schedule = ours  # type: ignore[attr-defined]
        return model


def _their_class(ours: type) -> Any:
    """scikit-learn's class for a class of ours."""
    from sklearn import neural_network  # later, as few programs need it

    classifies = issubclass(ours, ClassifierMixin)
    return neural_network.MLPClassifier if classifies else neural_network.MLPRegressor


def _their_parameters(estimator: Any, theirs: type) -> dict[str, Any]:
    """Those that scikit-learn's class has; the others must be at their defaults."""
    known, ours = (inspect.signature(cls).parameters for cls in (theirs, type(estimator)))
    params = estimator.get_params(deep=False)
    for name in set(params) - set(known) - MEANS:
        default = ours[name].default
        if not is_default(params[name], default):
            raise ValueError(
                f"scikit-learn's {theirs.__name__} has no parameter {name!r}, which is "
                f"{params[name]!r} here: set_params({name}={default!r}) before, if training "
                "may go on without it"
            )
    if isinstance(params.get("loss"), Loss) and not settings_of(params["loss"]):
        params["loss"] = params["loss"].name
    return {name: deepcopy(value) for name, value in params.items() if name in known}


def _copies(arrays: list[NDArray]) -> list[NDArray]:
    return [np.array(array) for array in arrays]


def _copy_attributes(given: Any, taken: Any) -> None:
    there = vars(given)
    vars(taken).update({name: deepcopy(there[name]) for name in SAME if name in there})


def _best_epoch(theirs: Any) -> int | None:
    """That whose parameters early stopping kept; None if it goes back to another fit."""
    scores = getattr(theirs, "validation_scores_", None)
    if not scores or len(scores) != theirs.n_iter_:
        return None
    best = theirs.best_validation_score_
    return scores.index(best) + 1 if best in scores else 0  # where none was a number


def _vector(layers: list[NDArray]) -> NDArray:
    """All weights, then all biases, in the order of the network's vector: W_1, b_1, W_2, ..."""
    half = len(layers) // 2
    pairs = zip(layers[:half], layers[half:], strict=True)
    return np.concatenate([np.ravel(layer) for pair in pairs for layer in pair])


def _layers(network: Network, vector: NDArray) -> list[NDArray]:
    """The reverse of `_vector`: copies."""
    weights, biases = views(network.plan, vector)
    return _copies([*weights, *biases])


# Optimizers.


def _their_optimizer(estimator: Any, parameters: list[NDArray]) -> Any:
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

    ours, schedule = estimator._optimizer, estimator._schedule
    vectors = [] if ours.state is None else list(ours.state)
    states = [_layers(estimator.network_, vector) for vector in vectors]
    if isinstance(ours, SGD):
        theirs = SGDOptimizer(
            parameters,
            schedule.initial,
            schedule.name,
            ours.momentum,
            ours.nesterov,
            schedule.power_t,
        )
        theirs.learning_rate = ours.learning_rate
        if states:
            (theirs.velocities,) = states
        return theirs
    theirs = AdamOptimizer(parameters, schedule.initial, ours.beta_1, ours.beta_2, ours.epsilon)
    theirs.t = t = ours.n_steps
    if states:
        theirs.ms, theirs.vs = states
        theirs.learning_rate *= np.sqrt(1 - ours.beta_2**t) / (1 - ours.beta_1**t)
    return theirs


def _our_optimizer(theirs: Any, network: Network) -> tuple[Optimizer, Schedule]:
    initial = theirs.learning_rate_init
    if hasattr(theirs, "velocities"):
        ours: Optimizer = SGD(theirs.learning_rate, theirs.momentum, theirs.nesterov)
        states = [theirs.velocities]
        schedule = Schedule(theirs.lr_schedule, initial, theirs.power_t)
    else:
        ours = Adam(initial, theirs.beta_1, theirs.beta_2, theirs.epsilon)
        ours.n_steps, states = theirs.t, [theirs.ms, theirs.vs]
        schedule = Schedule("constant", initial, 0.5)
    if ours.n_vectors:
        state = np.stack([_vector(layers) for layers in states])
        ours.state = state.astype(network.dtype, copy=False)
    return ours, schedule
