"""What MLPClassifier and MLPRegressor share: scikit-learn's contract over Network."""

from __future__ import annotations

import warnings
from contextlib import closing
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, _fit_context, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cbackprop import training
from cbackprop.callbacks import (
    CallbackSupportMixin,
    FitState,
    check_callbacks,
    listening,
    not_listening,
)
from cbackprop.checks import engine_rows, warn
from cbackprop.engine import run
from cbackprop.history import History
from cbackprop.network import Network
from cbackprop.optimizers import SGD, Adam, Optimizer
from cbackprop.savable import Savable
from cbackprop.sweeps import Sweep

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
# A loss this many times the one before the first step has blown up.
BLOWN_UP = 1e8


def _hidden_layer_sizes(estimator: MLP) -> list:
    sizes = estimator.hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return sizes


class MLP(Savable, CallbackSupportMixin, BaseEstimator):
    """What the two estimators share."""

    _no_improvement_count: int
    # Callbacks are for the one call of fit: meta-estimators have nothing to route.
    __metadata_request__fit: ClassVar[dict] = {"callbacks": UNUSED}
    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "clip_value": [None, Interval(Real, 0, None, closed="neither")],
        "clip_norm": [None, Interval(Real, 0, None, closed="neither")],
        "n_jobs": [None, Interval(Integral, 1, None, closed="left"), Options(Integral, {-1})],
    }

    # Views into the network's vector, under scikit-learn's names.

    @property
    def coefs_(self) -> list:
        return self._fitted_network("coefs_").weights

    @coefs_.setter
    def coefs_(self, values: Any) -> None:
        self._fitted_network("coefs_").weights = values

    @property
    def intercepts_(self) -> list:
        return self._fitted_network("intercepts_").biases

    @intercepts_.setter
    def intercepts_(self, values: Any) -> None:
        self._fitted_network("intercepts_").biases = values

    def _fitted_network(self, name: str) -> Network:
        try:
            return self.__dict__["network_"]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r} before it is fitted"
            ) from None

    # Fitting.

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, callbacks=None):
        """Fit the model to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. float32 is trained in float32, all else in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or numbers for regression.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        callbacks : list, default=None
            For this fit: objects with the hooks of `cbackprop.callbacks.Callback` (scikit-learn's
            protocol), or functions of the estimator and its `History`, called after every epoch;
            True stops. Callbacks set with `set_callbacks` (scikit-learn 1.9) are called, too.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For data or parameters out of range, and if the parameters end up non-finite.
        """
        callbacks = check_callbacks(callbacks)
        return self._fit(X, y, sample_weight, incremental=False, callbacks=callbacks)

    def _check_solver(self):
        if self.solver not in ("sgd", "adam"):
            raise AttributeError(
                "partial_fit is only available for stochastic"
                f" optimizers. {self.solver} is not stochastic."
            )
        return True

    def _fit(self, X, y, sample_weight, *, incremental, callbacks=()):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        given = {"X": X, "y": y, "metadata": metadata}
        hidden = _hidden_layer_sizes(self)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        first_pass = not hasattr(self, "network_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=first_pass)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        rng = check_random_state(self.random_state)
        if first_pass:
            # SciPy's L-BFGS works in float64 whatever it is given.
            dtype = np.float64 if self.solver == "lbfgs" else X.dtype
            network = self._start(X.shape[1], hidden, y, dtype, rng)
        else:
            network = self.network_.writable()
            if self.solver == "lbfgs":
                network = self.network_ = network.astype(np.float64)
        dtype = network.dtype
        X, y = engine_rows(X, dtype), self._engine_targets(y, dtype)
        if sample_weight is not None:
            sample_weight = np.ascontiguousarray(sample_weight, dtype=dtype)
        if incremental:
            listen = partial(not_listening, self)
        else:
            listen = partial(listening, self, callbacks=callbacks, **given)
        if self.solver == "lbfgs":
            self._fit_lbfgs(network, X, y, sample_weight, listen)
        else:
            data = X, y, sample_weight
            self._fit_stochastic(network, data, rng, first_pass, incremental, listen)
        if not run.all_finite(network.parameters):
            raise ValueError(NOT_FINITE)
        return self

    def _start(self, n_features, hidden, y, dtype, rng) -> Network:
        """A new network and the attributes of a fit that begins."""
        self.n_outputs_ = self._n_outputs(y)
        self.n_layers_ = len(hidden) + 2
        self.out_activation_, loss = self._output()
        self.network_ = Network(
            [n_features, *hidden, self.n_outputs_],
            activation=self.activation,
            output_activation=self.out_activation_,
            loss=loss,
            dtype=dtype,
            random_state=rng,
        )
        self.n_iter_ = 0
        self.t_ = 0
        for name in ("loss_curve_", "validation_scores_", "best_validation_score_", "best_loss_"):
            self.__dict__.pop(name, None)
        return self.network_

    @property
    def _loss_scale(self) -> float:
        """scikit-learn reports the squared error's mean over the outputs, and descends its sum."""
        return 1.0 / self.n_outputs_ if self.network_.loss_name == "squared_error" else 1.0

    def _fit_lbfgs(self, network, X, y, sample_weight, listen):
        state = FitState(history=History(), max_epochs=self.max_iter)
        with listen(state, reconstruction_attributes=self._as_it_is) as listeners:

            def iterated(loss):
                state.epoch += 1
                state.history.record(cost=loss)
                self.loss_ = loss
                listeners.epoch_begins()
                return listeners.epoch_ended()

            result = training.lbfgs(
                network,
                X,
                y,
                sample_weight=sample_weight,
                l2_batch=self.alpha,
                max_iter=self.max_iter,
                max_fun=self.max_fun,
                tol=self.tol,
                verbose=self.verbose is True or self.verbose >= 1,
                n_jobs=self.n_jobs,
                iterated=iterated,
            )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.n_iter_ = _check_optimize_result("lbfgs", result, self.max_iter)
        for warning in caught:
            warn(str(warning.message), warning.category)
        self.loss_ = float(result.fun)
        if self._loss_scale != 1.0:
            self.loss_ += (self._loss_scale - 1.0) * Sweep(
                network,
                X,
                y=y,
                sample_weight=sample_weight,
            ).loss()

    def _new_optimizer(self) -> tuple[Optimizer, training.Schedule]:
        """Both hold until the next fit that is not a partial one, whatever is set meanwhile."""
        clipping = {"clip_value": self.clip_value, "clip_norm": self.clip_norm}
        rate = self.learning_rate_init
        if self.solver == "sgd":
            optimizer: Optimizer = SGD(rate, self.momentum, self.nesterovs_momentum, **clipping)
            return optimizer, training.Schedule(self.learning_rate, rate, self.power_t)
        if self.learning_rate != "constant":
            warn(
                f"learning_rate={self.learning_rate!r} has no effect with solver='adam': schedules "
                "are for solver='sgd'."
            )
        optimizer = Adam(rate, self.beta_1, self.beta_2, self.epsilon, **clipping)
        return optimizer, training.Schedule("constant", rate, self.power_t)

    def _fit_stochastic(self, network, data, rng, first_pass, incremental, listen):
        X, y, _ = data
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer, self._schedule = self._new_optimizer()
        rows, held_out = self._split(X, y, rng)
        if rows is None and self.shuffle:
            rows = np.arange(X.shape[0])
        batch_size = self._batch_size(X.shape[0] if rows is None else rows.size)
        if not incremental or not hasattr(self, "_loss_before"):
            some = np.arange(batch_size) if rows is None else rows[:batch_size]
            self._loss_before = Sweep(network, X, y=y, rows=some).loss()
        self._begin_curves()
        self.n_iter_ = 0
        state = FitState(
            history=self._history(),
            max_epochs=1 if incremental else self.max_iter,
            optimizer=self._optimizer,
            rng=rng if self.shuffle else None,
            order=rows,
            held_out=held_out,
            n_rows=X.shape[0],
            best=network.parameters.copy() if self.early_stopping and first_pass else None,
        )
        with listen(state, reconstruction_attributes=self._as_it_is) as listeners:
            try:
                self._train(network, data, batch_size, state, listeners)
            except KeyboardInterrupt:
                state.interrupted = True
                warn("Training interrupted by user.")
        if not (incremental or state.done or state.interrupted):
            warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
                "reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
            )
        if state.best is not None:
            network.parameters = state.best

    def _train(self, network, data, batch_size, state, listeners):
        """The epochs that are left of a fit."""
        X, y, sample_weight = data
        validation = self._validation(data, state.held_out)
        with closing(
            training.epochs(
                network,
                X,
                y,
                self._optimizer,
                batch_size=batch_size,
                max_epochs=state.epochs_left,
                rng=state.rng,
                order=state.order,
                sample_weight=sample_weight,
                l2_batch=self.alpha,
                loss_scale=self._loss_scale,
                n_jobs=self.n_jobs,
            )
        ) as epochs:
            for _ in range(state.epochs_left):
                listeners.epoch_begins()
                self._record(next(epochs), X.shape[0] if state.order is None else state.order.size)
                state.epoch = self.n_iter_
                if self._diverged(network, keeps_best=state.best is not None):
                    state.done = True
                else:
                    if self._improved(network, validation):
                        state.best = network.parameters.copy()
                    state.done = self._stops()
                # Callbacks are called also where training stops by itself.
                state.done |= listeners.epoch_ended()
                if state.done:
                    break

    def _history(self) -> History:
        """The curves, as callbacks get them."""
        history = History(cost=self.loss_curve_)
        if self.validation_scores_ is not None:
            history["evaluation_score"] = self.validation_scores_
        return history

    def _as_it_is(self) -> dict[str, Any]:
        """What a copy of the estimator needs to predict as if this fit had just ended."""
        best = self._fit_state.best
        network = self.network_.copy()
        if best is not None:
            network.parameters = best
        return {"network_": network}

    def _record(self, loss: float, n_samples: int) -> None:
        self.n_iter_ += 1
        self.t_ += n_samples
        self.loss_ = loss
        self.loss_curve_.append(loss)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {loss:.8f}")

    def _diverged(self, network: Network, *, keeps_best: bool) -> bool:
        """Whether to stop because the parameters are lost; warns, once, of a loss blown up."""
        if not np.isfinite(self.loss_) and not run.all_finite(network.parameters):
            if not keeps_best:
                raise ValueError(f"{NOT_FINITE} {self._where()}")
            warn(
                f"{NOT_FINITE} {self._where()} The best parameters so far are kept.",
                ConvergenceWarning,
            )
            return True
        if not self.loss_ <= BLOWN_UP * max(self._loss_before, 1.0):
            warn(
                f"The loss has blown up from {self._loss_before:.3g}. {self._where()}",
                ConvergenceWarning,
            )
            self._loss_before = np.inf
        return False

    def _stops(self) -> bool:
        """The end of an epoch as the learning rate's schedule sees it: whether to stop."""
        self._schedule.epoch_ended(self._optimizer, self.t_)
        if self._no_improvement_count <= self.n_iter_no_change:
            return False
        what = self._schedule.no_progress(self._optimizer)
        if self.verbose:
            print(f"{self._no_improvement_message()} {what}")
        if what.endswith("Stopping."):
            return True
        self._no_improvement_count = 0
        return False

    def _where(self) -> str:
        return (
            f"Epoch {self.n_iter_}: loss {self.loss_:.3g}, learning rate "
            f"{self._optimizer.learning_rate:.3g}. Try a smaller learning_rate_init, and scaled "
            "inputs."
        )

    def _split(self, X, y, rng):
        """Rows to train on (None for all) and those of early stopping (None without it)."""
        if not self.early_stopping:
            return None, None
        stratify = None
        if is_classifier(self) and self.n_outputs_ == 1:
            # Names, so that an error names what scikit-learn's does.
            stratify = np.array(["False", "True"])[y]
        train, held_out = train_test_split(
            np.arange(X.shape[0]),
            random_state=rng,
            test_size=self.validation_fraction,
            stratify=stratify,
        )
        if held_out.size < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
        return train, held_out

    @staticmethod
    def _validation(data, held_out):
        """Inputs, targets and weights of the rows that early stopping looks at."""
        if held_out is None:
            return None
        X, y, sample_weight = data
        return X[held_out], y[held_out], None if sample_weight is None else sample_weight[held_out]

    def _batch_size(self, n_samples: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
            )
        return int(min(self.batch_size, n_samples))

    def _begin_curves(self) -> None:
        """Curves and best values: new ones, or those that a warm start goes on with."""
        if not hasattr(self, "loss_curve_"):
            self.loss_curve_: list[float] = []
            self.best_loss_: float | None = None
            self.validation_scores_: list[float] | None = None
            self.best_validation_score_: float | None = None
            self._no_improvement_count = 0
        if self.early_stopping and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if not self.early_stopping and self.best_loss_ is None:
            self.best_loss_ = np.inf

    def _improved(self, network, validation) -> bool:
        """Counts epochs without improvement; whether the validation score is the best so far."""
        if validation is None:
            if self.loss_ > self.best_loss_ - self.tol:
                self._no_improvement_count += 1
            else:
                self._no_improvement_count = 0
            if self.loss_ < self.best_loss_:
                self.best_loss_ = self.loss_
            return False
        X, y, weight = validation
        assert self.validation_scores_ is not None
        score = self._validation_score(network._predict(X), y, weight)
        self.validation_scores_.append(score)
        if self.verbose:
            print(f"Validation score: {score:f}")
        if score < self.best_validation_score_ + self.tol:
            self._no_improvement_count += 1
        else:
            self._no_improvement_count = 0
        if score > self.best_validation_score_:
            self.best_validation_score_ = score
            return True
        return False

    def _no_improvement_message(self) -> str:
        what = "Validation score" if self.early_stopping else "Training loss"
        return (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )

    # Predicting.

    def _outputs(self, X):
        """Checked rows through the network: output activations (n, n_outputs)."""
        network = self.__dict__.get("network_")
        if network is not None and "feature_names_in_" not in self.__dict__ and network.takes(X):
            return network._predict(X, self.n_jobs)
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        # As NumPy promotes: float32 rows and parameters stay float32, all else is float64.
        single = np.result_type(X.dtype, self.network_.dtype) == np.float32
        network = self.network_.astype(np.float32 if single else np.float64)
        return network._predict(engine_rows(X, network.dtype), self.n_jobs)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
