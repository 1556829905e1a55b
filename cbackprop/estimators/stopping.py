"""When does the fit of an estimator stop, and what do its epochs leave: curves, best values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from cbackprop.network import Network
from cbackprop.training.fit import Watch
from cbackprop.training.history import History
from cbackprop.training.record import FitState, Record
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
    "best_iter_": "best_epoch",
    "_no_improvement_count": "no_improvement",
    "_loss_before": "loss_before",
}
# And what it keeps beside them: the curves, and what steps are made by.
CURVES = {"loss_curve_", "validation_scores_", "_other_curves", "_scored_by"}
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


def begin_curves(estimator: Any) -> set[str]:
    """Curves and best values: new ones, or those that a warm start goes on with.

    Returns the names of the curves that this fit takes, besides the loss.
    """
    if not hasattr(estimator, "loss_curve_"):
        estimator.loss_curve_ = []
        estimator.best_loss_ = None
        estimator.validation_scores_ = None
        estimator.best_validation_score_ = None
        estimator._no_improvement_count = 0
    if estimator.early_stopping and estimator.validation_scores_ is None:
        estimator.validation_scores_, estimator.best_validation_score_ = [], -np.inf
    elif estimator.early_stopping and not _is_scored_as_before(estimator):
        estimator.best_validation_score_, estimator._no_improvement_count = -np.inf, 0
    if estimator.early_stopping:
        vars(estimator).pop("_scored_by", None)
        if estimator.scoring is not None:
            estimator._scored_by = estimator.scoring
    if not estimator.early_stopping and estimator.best_loss_ is None:
        estimator.best_loss_ = np.inf
    estimator.n_iter_ = 0
    taken = {"learning_rate", "seconds"}
    if estimator.gradient_norms:
        taken.add("gradient_norms")
    if estimator.early_stopping:
        taken.add("evaluation_score")
        if estimator.scoring == "loss":
            taken.add("evaluation_cost")
    # New lists, so that a fit that fails leaves those of the one before it.
    before = dict(vars(estimator).get("_other_curves", {}))
    before.pop("cost", None)  # of L-BFGS
    if estimator.validation_scores_ and "evaluation_score" not in before:
        before["evaluation_score"] = estimator.validation_scores_
    n_epochs = len(estimator.loss_curve_)
    estimator._other_curves = {
        name: in_line(before.get(name, []), n_epochs)
        for name in sorted({*before, *taken} - {"seconds"})
    }
    return taken


def _is_scored_as_before(estimator: Any) -> bool:
    """Whether the best score is one of those that this fit makes."""
    before, now = vars(estimator).get("_scored_by"), estimator.scoring
    return before is now or (isinstance(now, str) and before == now)


def in_line(curve: list, n_epochs: int) -> list:
    """The curve, with NaN for the epochs before those that it has."""
    return [float("nan")] * (n_epochs - len(curve)) + curve[:n_epochs]


def end_in_line(estimator: Any) -> None:
    """NaN for what was not measured any more of an epoch that was interrupted behind training."""
    n_epochs = len(estimator.loss_curve_)
    for curve in estimator._other_curves.values():
        curve[:] = curve[:n_epochs] + [float("nan")] * (n_epochs - len(curve))


# The seconds of every epoch are none of the model's: two fits that are the same take their own.
_seconds: WeakKeyDictionary[Any, list[float]] = WeakKeyDictionary()


def curves(estimator: Any) -> History:
    """The curves, as callbacks get them: the estimator's own lists, but for the seconds."""
    fitted = vars(estimator)
    history = History(cost=fitted["loss_curve_"]) if "loss_curve_" in fitted else History()
    history.update(fitted.get("_other_curves", {}))
    history["seconds"] = in_line(_seconds.get(estimator, []), history.epochs)
    if fitted.get("validation_scores_") is not None:
        history["evaluation_score"] = estimator.validation_scores_
    return history


def remember_seconds(estimator: Any, history: History) -> None:
    """Of a fit that has ended; they stay as long as the estimator does, and are not saved."""
    _seconds[estimator] = history["seconds"]


def history_of(estimator: Any) -> History:
    """The curves, all of the same length: NaN stands for epochs that were not measured so."""
    history, others = curves(estimator), vars(estimator).get("_other_curves", {})
    if "cost" in others:  # of L-BFGS, which made none of the epochs before it
        history.pop("evaluation_score", None)
    history.update(others)  # with scores in line
    return History({name: in_line(list(curve), history.epochs) for name, curve in history.items()})


class Stopping(Watch):
    """The end of an epoch of SGD or Adam, as an estimator sees it.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    network : Network
    state : FitState
    taken : set of str
        The curves that this fit takes, besides the loss.
    norms : callable
        The lengths of each layer's gradient, where they are asked for.
    """

    advice = "Try a smaller learning_rate_init, and scaled inputs."

    def __init__(
        self,
        estimator: Any,
        network: Network,
        state: FitState,
        taken: set[str],
        norms: Callable[[], list[float]],
    ):
        super().__init__(network, state)
        self.estimator, self.taken, self.norms = estimator, taken, norms
        # Curves of an earlier fit that this one does not take.
        self.passed_over = estimator._other_curves.keys() - taken - {"evaluation_score"}
        # What is judged, and may be kept: the network that is trained, or one with its average.
        self.candidate = network if state.averaging is None else network.copy()
        self.judge: Callable[[], float] | None = None  # how good it is for held-out rows

    @property
    def _speaks(self) -> bool:
        """Of several ranks, the first."""
        return bool(self.estimator.verbose) and self.state.ranks.rank == 0

    def trained(self, loss: float, seconds: float) -> Record:
        state, loss = self.state, np.float64(loss)  # scikit-learn's scalars are NumPy's
        assert state.optimizer is not None
        rate = state.optimizer.last_rate
        state.history.record(cost=loss, learning_rate=rate, seconds=seconds)
        changes: dict[str, Any] = {}
        if state.averaging is not None:
            parameters = self.model.parameters
            changes["averaged"] = state.averaging.after(state.record.averaged, parameters)
        return state.note(
            epochs=state.epoch + 1,
            samples=state.record.samples + state.epoch_rows,
            loss=loss,
            learning_rate=rate,
            **changes,
        )

    def judged(self) -> Record:
        state = self.state
        if self._speaks:  # the text takes longer than all the rest
            print(f"Iteration {state.epoch}, loss = {state.record.loss:.8f}")
        if self.check_lost():
            show(self.estimator, state.record)
            return state.note(done=True, why=NOT_FINITE)
        changes: dict[str, Any] = {"loss_before": self.loss_before()}
        changes |= self._by_loss() if self.judge is None else self._by_score()
        changes |= self._stops(changes["no_improvement"])
        if "gradient_norms" in self.taken:
            state.history.record(gradient_norms=self.norms())
        in_line, scores = self.estimator._other_curves, self.estimator.validation_scores_
        if "evaluation_score" in in_line:
            in_line["evaluation_score"].append(scores[-1] if self.judge else float("nan"))
        for name in self.passed_over:
            in_line[name].append(float("nan"))
        record = state.note(**changes)
        show(self.estimator, record)
        return record

    def give_up(self) -> None:
        if self.state.record.best is None:  # an average is lost, too
            raise ValueError(f"{NOT_FINITE} {self.where()}")
        kept = "The best parameters so far are kept."
        if not self.estimator.validation_scores_:
            kept = f"No epoch was better than the start. {kept}"
        warn(f"{NOT_FINITE} {self.where()} {kept}", ConvergenceWarning)

    def _say(self, message: str) -> None:
        if self._speaks:
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
        assert self.judge is not None
        state, record = self.state, self.state.record
        if state.averaging is not None:
            self.candidate.parameters = state.averaging.mean(record.averaged)
        score = self.judge()
        state.history.record(evaluation_score=score)
        if "evaluation_cost" in self.taken:
            state.history.record(evaluation_cost=-score)
        self._say(f"Validation score: {score:f}")
        assert record.best_score is not None
        worse = not score >= record.best_score + self.estimator.tol  # also if it is NaN
        changes: dict[str, Any] = {"no_improvement": record.no_improvement + 1 if worse else 0}
        if score > record.best_score:
            best = self.candidate.parameters.copy()
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
        what = "Validation score" if self.judge is not None else "Training loss"
        return (
            f"{what} did not improve more than tol={self.estimator.tol:f} for "
            f"{self.estimator.n_iter_no_change} consecutive epochs."
        )
