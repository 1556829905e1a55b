"""How does the fit of an estimator go: epochs of SGD or Adam, or SciPy's L-BFGS."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.optimize import _check_optimize_result

from cbackprop import training
from cbackprop.callbacks import FitState
from cbackprop.checks import warn
from cbackprop.divergence import finite
from cbackprop.engine import run
from cbackprop.history import History
from cbackprop.optimizers import SGD, Adam, Optimizer
from cbackprop.stopping import NOT_FINITE, Stopping
from cbackprop.sweeps import Sweep


class Descent(Stopping):
    """A fit by the solver asked for, of a network and data that are ready."""

    def _prepare_stochastic(self, network, data, rng, first_pass, incremental):
        """The size of a mini-batch, and the fit as it begins."""
        X, y, _ = data
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer, self._schedule = self._new_optimizer()
        rows, held_out = self._split(X, y, rng)
        if rows is None and self.shuffle:
            rows = np.arange(X.shape[0])
        batch_size = self._batch_size(X.shape[0] if rows is None else rows.size)
        if not incremental or not hasattr(self, "_loss_before"):
            some = np.arange(batch_size) if rows is None else rows[:batch_size]
            self._loss_before = finite(Sweep(network, X, y=y, rows=some).loss())
        self._begin_curves()
        self.n_iter_ = 0
        return batch_size, FitState(
            history=self._history(),
            max_epochs=1 if incremental else self.max_iter,
            optimizer=self._optimizer,
            rng=rng if self.shuffle else None,
            order=rows,
            held_out=held_out,
            n_rows=X.shape[0],
            best=network.parameters.copy() if self.early_stopping and first_pass else None,
        )

    def _fit_stochastic(self, network, data, batch_size, state, incremental, listen):
        try:
            with listen(state, reconstruction_attributes=self._as_it_is) as listeners:
                whole_epochs = [self._books()]
                try:
                    self._train(network, data, batch_size, state, listeners, whole_epochs)
                except KeyboardInterrupt:
                    state.interrupted = True
                    self._go_back_to(whole_epochs[0])
                    warn("Training interrupted by user.")
        finally:
            self.__dict__.pop("_fit_state", None)
            if state.best is not None:
                network.parameters = state.best
        if not (incremental or state.done or state.interrupted):
            warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
                "reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
            )

    def _train(self, network, data, batch_size, state, listeners, whole_epochs):
        """The epochs that are left of a fit; `whole_epochs[0]` are the books of those completed.

        An interrupt may come between any two lines. What belongs together is assigned in one
        statement, in which none can.
        """
        X, y, sample_weight = data
        validation = self._validation(data, state.held_out)
        epochs = training.epochs(
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
        try:
            for _ in range(state.epochs_left):
                listeners.epoch_begins()
                self._record(next(epochs), X.shape[0] if state.order is None else state.order.size)
                whole_epochs[0] = self._books()  # trained; what is said and judged of it may fail
                self._say(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
                best, done = state.best, True
                if not self._diverged(network, keeps_best=best is not None):
                    if self._improved(network, validation):
                        best = network.parameters.copy()
                    done = self._stops()
                books = self._books()
                state.best, state.done, state.epoch = best, done, self.n_iter_
                whole_epochs[0] = books
                # Callbacks are called also where training stops by itself.
                state.done |= listeners.epoch_ended()
                if state.done:
                    break
        finally:
            epochs.close()

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

    def _batch_size(self, n_samples: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
            )
        return int(min(self.batch_size, n_samples))

    def _fit_lbfgs(self, network, data, listen):
        X, y, sample_weight = data
        state = FitState(
            history=History(),
            max_epochs=self.max_iter,
            n_rows=X.shape[0],
            start=network.parameters.copy(),
        )
        with listen(state, reconstruction_attributes=self._as_it_is) as listeners:
            self.n_iter_ = again = state.epoch  # a resumed fit's: told of already

            def iterated(loss):
                nonlocal again
                if again:
                    again -= 1
                    return not again and state.done
                self.n_iter_ = state.epoch = state.epoch + 1
                state.history.record(cost=loss)
                self.loss_, self.n_iter_ = np.float64(loss), state.epoch
                listeners.epoch_begins()
                state.done = listeners.epoch_ended()
                return state.done

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
                evaluations=state.evaluations,
            )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.n_iter_ = _check_optimize_result("lbfgs", result, self.max_iter)
        for warning in caught:
            warn(str(warning.message), warning.category)
        self.loss_ = np.float64(result.fun)
        if not np.isfinite(self.loss_):
            where = f"Iteration {self.n_iter_}: loss {self.loss_:.3g}. Try scaled inputs."
            if not run.all_finite(network.parameters):
                raise ValueError(f"{NOT_FINITE} {where}")
            warn(f"The loss is not finite. {where}", ConvergenceWarning)
        if self._loss_scale != 1.0:
            self.loss_ += (self._loss_scale - 1.0) * Sweep(
                network,
                X,
                y=y,
                sample_weight=sample_weight,
            ).loss()

    @property
    def _loss_scale(self) -> float:
        """scikit-learn reports the squared error's mean over the outputs, and descends its sum."""
        return 1.0 / self.n_outputs_ if self.network_.loss_name == "squared_error" else 1.0

    def _as_it_is(self) -> dict[str, Any]:
        """What a copy of the estimator needs to predict as if this fit had just ended."""
        best = self._fit_state.best
        network = self.network_.copy()
        if best is not None:
            network.parameters = best
        return {"network_": network}
