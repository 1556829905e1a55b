"""When does the fit of an estimator stop, and what do its epochs leave: curves, best values."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from cbackprop.network import Network
from cbackprop.running.execution import Execution
from cbackprop.training.fit import Watch
from cbackprop.training.history import History
from cbackprop.training.record import FitState, Record
from cbackprop.validation.arrays import check_given
from cbackprop.validation.checks import warn

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
# The attributes in which an estimator shows the record of its fit.
SHOWN = {
    "n_iter_": "epochs",
    "t_": "samples",
    "loss_": "loss",
    "best_loss_": "best_loss",
    "best_validation_score_": "best_score",
    "_no_improvement_count": "no_improvement",
    "_loss_before": "loss_before",
}


# And what it keeps beside them: the curves, and what steps are made by.
CURVES = {"loss_curve_", "validation_scores_"}
OPTIMIZER = {"_optimizer", "_schedule", "_loss_before", "_mask_seed"}


def forget(estimator: Any) -> None:
    """What an earlier fit has left, and a new one must not find."""
    for name in {*SHOWN, *CURVES, *OPTIMIZER} - {"loss_"}:
        vars(estimator).pop(name, None)
    estimator.n_iter_ = estimator.t_ = 0


def forget_optimizer(estimator: Any) -> None:
    """For a fit that goes on without it: by L-BFGS."""
    for name in OPTIMIZER:
        vars(estimator).pop(name, None)


def show(estimator: Any, record: Record) -> None:
    """The record as the estimator's attributes, all at once: no interrupt can come between."""
    values = {name: getattr(record, entry) for name, entry in SHOWN.items()}
    if record.loss is None:  # not yet, or that of the fit before
        del values["loss_"]
    vars(estimator).update(values)


def record_of(estimator: Any, state: FitState) -> Record:
    """The record that an estimator's attributes show, as they are at the beginning of a fit."""
    shown = vars(estimator)
    values = {SHOWN[name]: shown[name] for name in SHOWN if name in shown and name != "loss_"}
    rate = 0.0 if state.optimizer is None else state.optimizer.learning_rate
    return state.note(learning_rate=rate, **values)


def begin_curves(estimator: Any) -> None:
    """Curves and best values: new ones, or those that a warm start goes on with."""
    if not hasattr(estimator, "loss_curve_"):
        estimator.loss_curve_ = []
        estimator.best_loss_ = None
        estimator.validation_scores_ = None
        estimator.best_validation_score_ = None
        estimator._no_improvement_count = 0
    if estimator.early_stopping and estimator.validation_scores_ is None:
        estimator.validation_scores_, estimator.best_validation_score_ = [], -np.inf
    if not estimator.early_stopping and estimator.best_loss_ is None:
        estimator.best_loss_ = np.inf
    estimator.n_iter_ = 0


def curves(estimator: Any) -> History:
    """The curves, as callbacks get them: the estimator's own lists."""
    history = History(cost=estimator.loss_curve_)
    if estimator.validation_scores_ is not None:
        history["evaluation_score"] = estimator.validation_scores_
    return history


def split(estimator: Any, X, y, rng):
    """Rows to train on (None for all) and those of early stopping (None without it)."""
    if not estimator.early_stopping:
        return None, None
    stratify = None
    if is_classifier(estimator) and estimator.n_outputs_ == 1:
        # Names, so that an error names what scikit-learn's does.
        stratify = np.array(["False", "True"])[y]
    train, held_out = train_test_split(
        np.arange(X.shape[0]),
        random_state=rng,
        test_size=estimator.validation_fraction,
        stratify=stratify,
    )
    if held_out.size < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    return train, held_out


def held_out_data(data, held_out):
    """Inputs, targets and weights of the rows that early stopping looks at."""
    if held_out is None:
        return None
    X, y, sample_weight = data
    check_given("X", X)  # a callback may have been at it
    return X[held_out], y[held_out], None if sample_weight is None else sample_weight[held_out]


class Stopping(Watch):
    """The end of an epoch of SGD or Adam, as an estimator sees it.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    network : Network
    state : FitState
    execution : Execution
        On how many threads the held-out rows are predicted.
    validation : tuple or None
        Inputs, targets and weights of the held-out rows.
    """

    advice = "Try a smaller learning_rate_init, and scaled inputs."

    def __init__(
        self,
        estimator: Any,
        network: Network,
        state: FitState,
        execution: Execution,
        validation: tuple[Any, Any, Any] | None,
    ):
        super().__init__(network, state)
        self.estimator, self.network = estimator, network
        self.execution, self.validation = execution, validation

    def trained(self, loss: float, seconds: float) -> Record:
        state, loss = self.state, np.float64(loss)  # scikit-learn's scalars are NumPy's
        assert state.optimizer is not None
        state.history.record(cost=loss)
        record = state.note(
            epochs=state.epoch + 1,
            samples=state.record.samples + state.epoch_rows,
            loss=loss,
            learning_rate=state.optimizer.last_rate,
        )
        show(self.estimator, record)
        return record

    def judged(self) -> Record:
        state = self.state
        self._say(f"Iteration {state.epoch}, loss = {state.record.loss:.8f}")
        if self.check_lost():
            return state.note(done=True, why=NOT_FINITE)
        changes: dict[str, Any] = {"loss_before": self.loss_before()}
        changes |= self._by_loss() if self.validation is None else self._by_score()
        changes |= self._stops(changes["no_improvement"])
        record = state.note(**changes)
        show(self.estimator, record)
        return record

    def give_up(self) -> None:
        if self.state.best is None:
            raise ValueError(f"{NOT_FINITE} {self.where()}")
        kept = "The best parameters so far are kept."
        if not self.estimator.validation_scores_:
            kept = f"No epoch was better than the start. {kept}"
        warn(f"{NOT_FINITE} {self.where()} {kept}", ConvergenceWarning)

    def _say(self, message: str) -> None:
        if self.estimator.verbose:
            print(message)

    def _by_loss(self) -> dict[str, Any]:
        """Whether the loss has improved."""
        record = self.state.record
        assert record.loss is not None
        assert record.best_loss is not None
        worse = record.loss > record.best_loss - self.estimator.tol
        changes: dict[str, Any] = {"no_improvement": record.no_improvement + 1 if worse else 0}
        if record.loss < record.best_loss:
            changes["best_loss"] = record.loss
        return changes

    def _by_score(self) -> dict[str, Any]:
        """Whether the held-out rows' score has improved: then the parameters are kept."""
        assert self.validation is not None
        record, (X, y, weight) = self.state.record, self.validation
        outputs = self.network._predict(X, self.execution)
        score = self.estimator._targets.score(self.estimator, outputs, y, weight)
        self.state.history.record(evaluation_score=score)
        self._say(f"Validation score: {score:f}")
        worse = score < record.best_score + self.estimator.tol
        changes: dict[str, Any] = {"no_improvement": record.no_improvement + 1 if worse else 0}
        if score > record.best_score:
            best = self.network.parameters.copy()
            changes |= {"best_score": score, "best": best, "best_epoch": record.epochs}
        return changes

    def _stops(self, no_improvement: int) -> dict[str, Any]:
        """The end of an epoch as the learning rate's schedule sees it: whether to stop."""
        estimator, optimizer = self.estimator, self.state.optimizer
        assert optimizer is not None
        schedule = estimator._schedule
        changes: dict[str, Any] = {}
        schedule.epoch_ended(optimizer, self.state.record.samples)
        if no_improvement > estimator.n_iter_no_change:
            response = schedule.no_progress(optimizer)
            message = self._no_improvement_message()
            self._say(f"{message} {response.said}")
            changes = {"done": True, "why": message} if response.stops else {"no_improvement": 0}
        return {**changes, "learning_rate": optimizer.last_rate}

    def _no_improvement_message(self) -> str:
        what = "Validation score" if self.validation is not None else "Training loss"
        return (
            f"{what} did not improve more than tol={self.estimator.tol:f} for "
            f"{self.estimator.n_iter_no_change} consecutive epochs."
        )
