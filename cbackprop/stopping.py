"""When does the fit of an estimator stop, and what do its epochs leave: curves, best values."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from cbackprop.arrays import check_given
from cbackprop.checks import warn
from cbackprop.divergence import blown_up
from cbackprop.engine import run
from cbackprop.history import History
from cbackprop.network import Network

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
# What the end of an epoch writes down, besides the curves.
BOOKS = ("n_iter_", "t_", "loss_", "best_loss_", "best_validation_score_", "_no_improvement_count")
# Their values, the lengths of the two curves, and the learning rate.
Books = tuple[dict[str, Any], int, int, float]


class Stopping(BaseEstimator):
    """The end of an epoch of SGD or Adam, as an estimator sees it."""

    _loss_before: float
    _no_improvement_count: int

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
        check_given("X", X)  # a callback may have been at it
        return X[held_out], y[held_out], None if sample_weight is None else sample_weight[held_out]

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

    def _history(self) -> History:
        """The curves, as callbacks get them."""
        history = History(cost=self.loss_curve_)
        if self.validation_scores_ is not None:
            history["evaluation_score"] = self.validation_scores_
        return history

    def _record(self, loss: float, n_samples: int) -> None:
        self.n_iter_ += 1
        self.t_ += n_samples
        self.loss_ = np.float64(loss)  # as scikit-learn's
        self.loss_curve_.append(self.loss_)

    def _books(self) -> Books:
        """What the end of an epoch changes, but for the parameters and what only grows."""
        values = {name: vars(self)[name] for name in BOOKS if name in vars(self)}
        scores = self.validation_scores_ or []
        return values, len(self.loss_curve_), len(scores), self._optimizer.learning_rate

    def _go_back_to(self, books: Books) -> None:
        """Forget what an interrupted end of an epoch has written down."""
        values, n_losses, n_scores, self._optimizer.learning_rate = books
        del self.loss_curve_[n_losses:]
        if self.validation_scores_ is not None:
            del self.validation_scores_[n_scores:]
        self.__dict__.update(values)

    def _say(self, message: str) -> None:
        if self.verbose:
            print(message)

    def _diverged(self, network: Network, *, keeps_best: bool) -> bool:
        """Whether to stop because the parameters are lost; warns, once, of a loss blown up.

        The parameters are looked at, too: their loss is that of the next epoch.
        """
        if not run.all_finite(network.parameters):
            if not keeps_best:
                raise ValueError(f"{NOT_FINITE} {self._where()}")
            kept = "The best parameters so far are kept."
            if not self.validation_scores_:
                kept = f"No epoch was better than the start. {kept}"
            warn(f"{NOT_FINITE} {self._where()} {kept}", ConvergenceWarning)
            return True
        if said := blown_up("loss", self.loss_, self._loss_before):
            warn(f"{said} {self._where()}", ConvergenceWarning)
            self._loss_before = np.inf
        return False

    def _where(self) -> str:
        return (
            f"Epoch {len(self.loss_curve_)}: loss {self.loss_:.3g}, learning rate "
            f"{self._optimizer.learning_rate:.3g}. Try a smaller learning_rate_init, and scaled "
            "inputs."
        )

    def _improved(self, network, validation) -> bool:
        """Counts epochs without improvement; whether the validation score is the best so far."""
        if validation is None:
            assert self.best_loss_ is not None
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
        self._say(f"Validation score: {score:f}")
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

    def _stops(self) -> bool:
        """The end of an epoch as the learning rate's schedule sees it: whether to stop."""
        self._schedule.epoch_ended(self._optimizer, self.t_)
        if self._no_improvement_count <= self.n_iter_no_change:
            return False
        what = self._schedule.no_progress(self._optimizer)
        self._say(f"{self._no_improvement_message()} {what}")
        if what.endswith("Stopping."):
            return True
        self._no_improvement_count = 0
        return False
