"""What do labels and numbers become in the network, and how good are its outputs for them?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import validate_data

from cbackprop.estimators.agreement import agree_on_rows, labels_of_all
from cbackprop.estimators.growing import grow
from cbackprop.estimators.options import loss_of
from cbackprop.functions.losses import BinaryLogLoss, LogLoss, Loss, Quantile
from cbackprop.running.ranks import ALONE, Alone
from cbackprop.validation.checks import in_dtype
from cbackprop.validation.columns import explained


def _checked(estimator: Any, X, y, reset, y_numeric=False):
    """X as scikit-learn validates it, and y (n,) or (n, n_outputs), not (n, 1)."""
    numbers = {"X": X, "y": y} if y_numeric else {"X": X}
    with explained(**numbers):
        X, y = validate_data(
            estimator,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            order="C",
            reset=reset,
            y_numeric=y_numeric,
        )
        if y_numeric and y.dtype.kind in "US":  # which scikit-learn lets through
            y = y.astype(np.float64)
    if not X.dtype.isnative:  # a frame's arrays may come as they were
        X = X.astype(X.dtype.newbyteorder("="))
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y.toarray() if hasattr(y, "toarray") else y, warn=True)
    return X, y


def plain_indicator(y):
    """y, but an object array of two dimensions as the booleans or numbers that it holds."""
    if hasattr(y, "iloc") and y.ndim == 2:  # a frame, whose columns may be objects
        y = y.to_numpy()
    if isinstance(y, np.ndarray) and y.dtype.kind == "O" and y.ndim == 2:
        items = np.array(y.tolist())
        return items if items.dtype.kind in "biuf" else y
    return y


def as_indicator(y):
    """A multilabel indicator, sparse or not, as booleans (n, n_classes): not zero is true."""
    y = y.tocsr() if hasattr(y, "tocsr") else y
    stored = y.data if hasattr(y, "tocsr") else y
    lowest, highest = (stored.min(), stored.max()) if stored.size else (0, 0)
    has_zeros = stored.size < np.prod(y.shape) or not stored.all()
    if lowest < 0 < highest or (lowest != highest and not has_zeros):
        instead = "y != 0" if highest <= 0 else f"y == {highest}"
        raise ValueError(
            "y must be 0 where a row does not have a class, and 1 where it has, got "
            f"{lowest} and {highest}: pass {instead}, for example"
        )
    # Booleans first: where a sparse matrix stores an entry twice, its numbers would be added up.
    some = y.astype(bool)
    return some.toarray() if hasattr(some, "toarray") else some


class Targets(ABC):
    """What an estimator asks of its targets; they keep what they learn in its attributes."""

    @abstractmethod
    def n_outputs(self, estimator: Any, y) -> int:
        """Units of the last layer."""

    @abstractmethod
    def output(self, estimator: Any) -> tuple[str, Loss]:
        """The output's activation, and the loss."""

    @abstractmethod
    def check(
        self,
        estimator: Any,
        X,
        y,
        incremental: bool,
        reset: bool,
        ranks: Alone = ALONE,
        random_state: Any = None,
    ):
        """X and y, checked, and agreed upon with the other ranks.

        `random_state` draws what a model that grows needs.
        """

    @abstractmethod
    def check_more(self, estimator: Any, X, y):
        """Other rows of a model that knows its targets, checked as `check` does."""

    @abstractmethod
    def for_engine(self, y, dtype):
        """Checked y as the engine takes it."""

    @abstractmethod
    def score(self, estimator: Any, outputs, y, weight) -> float:
        """How good outputs are, for early stopping: y as `check` made it."""


class Labels(Targets):
    """Targets that are classes: their positions in `classes_`, or indicators of several."""

    def n_outputs(self, estimator, y) -> int:
        if y.ndim == 2:
            return y.shape[1]
        return len(estimator.classes_) if estimator._label_binarizer.y_type_ == "multiclass" else 1

    def output(self, estimator) -> tuple[str, Loss]:
        smoothing = estimator.label_smoothing or 0.0
        if estimator._label_binarizer.y_type_ == "multiclass":
            return "softmax", LogLoss(smoothing)
        return "logistic", BinaryLogLoss(smoothing)

    def check(self, estimator, X, y, incremental, reset, ranks=ALONE, random_state=None):
        """Checked X, and y as labels' positions in classes_ (n,) or an indicator (n, n_classes)."""
        X, y = _checked(estimator, X, y, reset)
        y = plain_indicator(y)
        agree_on_rows(estimator, X, y, ranks)
        labels = labels_of_all(y, ranks)
        if not hasattr(estimator, "classes_") or (not estimator.warm_start and not incremental):
            estimator._label_binarizer = LabelBinarizer().fit(labels)
            estimator.classes_ = estimator._label_binarizer.classes_
        else:
            self._check_kind(estimator, y)
            classes = unique_labels(labels)
            given, known = set(classes.tolist()), set(estimator.classes_.tolist())
            one_of_several = self.is_multilabel(estimator) and y.ndim == 1
            if incremental and estimator.new_classes == "add" and not one_of_several:
                grow(estimator, classes, random_state)
            elif estimator.warm_start:
                if given != known:
                    raise ValueError(
                        "warm_start can only be used where `y` has the same "
                        "classes as in the previous call to fit. Previously "
                        f"got {estimator.classes_}, `y` has {classes}"
                    )
            elif not given <= known:
                raise ValueError(
                    "`y` has classes not in `self.classes_`. "
                    f"`self.classes_` has {estimator.classes_}. 'y' has {classes}."
                )
        return X, self._positions(estimator, y)

    def _positions(self, estimator, y):
        if self.is_multilabel(estimator):
            return self._indicator(estimator, y)
        return np.searchsorted(estimator.classes_, y)

    def check_more(self, estimator, X, y):
        """Checked X, and y as `check` has it: labels that the model knows."""
        X, y = _checked(estimator, X, y, reset=False)
        y = plain_indicator(y)
        self._check_kind(estimator, y)
        unknown = set(unique_labels(y).tolist()) - set(estimator.classes_.tolist())
        if unknown and not (self.is_multilabel(estimator) and y.ndim == 2):
            raise ValueError(
                f"y_val has labels that y has not: {sorted(unknown, key=str)}; y has "
                f"{estimator.classes_}"
            )
        return X, self._positions(estimator, y)

    def is_multilabel(self, estimator) -> bool:
        return estimator._label_binarizer.y_type_.startswith("multilabel")

    def _check_kind(self, estimator, y) -> None:
        """y of a fit that goes on: labels where the model knows labels."""
        if not self.is_multilabel(estimator) and y.ndim == 2:
            raise ValueError(
                "y must be labels of shape (n,), as those that the model knows, got an indicator "
                f"of shape {y.shape}: if its rows have one 1 each, pass "
                "model.classes_[y.argmax(axis=1)]"
            )

    def _indicator(self, estimator, y):
        """y for a multilabel model: an indicator, or labels, each of them its row's only one."""
        if y.ndim == 1:
            return y[:, np.newaxis] == estimator.classes_
        if y.shape[1] != len(estimator.classes_):
            raise ValueError(
                f"y must be an indicator of shape (n, {len(estimator.classes_)}), as the one that "
                f"the model knows, got shape {y.shape}: a column a class, 1 where a row has it, "
                "otherwise 0"
            )
        return as_indicator(y)

    def true(self, estimator, y):
        """y as scores compare it with predictions: an indicator is read as `fit` reads it."""
        if not self.is_multilabel(estimator) or np.ndim(y) == 1:
            return y
        given = y if hasattr(y, "tocsr") else np.asarray(y)
        return self._indicator(estimator, plain_indicator(given))

    def for_engine(self, y, dtype):
        return np.ascontiguousarray(y, dtype=np.int32 if y.ndim == 1 else dtype)

    def positions(self, estimator, outputs):
        """Output activations as positions in classes_ (n,), or as an indicator (n, n_classes)."""
        if estimator.out_activation_ == "softmax":
            return outputs.argmax(axis=1)
        if len(estimator.classes_) == 1 and outputs.shape[1] == 1:
            return np.zeros(outputs.shape[0], dtype=np.intp)  # there is no other
        chosen = outputs > 0.5
        return chosen if estimator.n_outputs_ > 1 else chosen[:, 0].astype(np.intp)

    def score(self, estimator, outputs, y, weight) -> float:
        """Accuracy; a multilabel row counts only if all its labels are right."""
        right = self.positions(estimator, outputs) == y
        return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weight))


class Numbers(Targets):
    """Targets that are numbers, one or several a row."""

    def n_outputs(self, estimator, y) -> int:
        return loss_of(estimator).n_outputs(1 if y.ndim == 1 else y.shape[1])

    def output(self, estimator) -> tuple[str, Loss]:
        loss = loss_of(estimator)
        return loss.outputs[0], loss

    def check(self, estimator, X, y, incremental, reset, ranks=ALONE, random_state=None):
        """Checked X, and y (n,) or (n, n_outputs)."""
        X, y = self._checked_numbers(estimator, X, y, reset)
        agree_on_rows(estimator, X, y, ranks)
        return X, y

    def check_more(self, estimator, X, y):
        return self._checked_numbers(estimator, X, y, reset=False)

    def _checked_numbers(self, estimator, X, y, reset):
        X, y = _checked(estimator, X, y, reset, y_numeric=True)
        y = y.toarray() if hasattr(y, "toarray") else y
        loss = loss_of(estimator)
        loss.check(y)
        loss.n_outputs(1 if y.ndim == 1 else y.shape[1])
        return X, y

    def for_engine(self, y, dtype):
        y = in_dtype("y", y, dtype)
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def arranged(self, estimator, outputs):
        """Outputs as they are predicted: those of several quantiles in order, if that is asked."""
        if not estimator.non_crossing:
            return outputs
        places = places_in_order(estimator.network_.loss_function)
        return outputs if places is None else in_order(outputs, places)

    def score(self, estimator, outputs, y, weight) -> float:
        """R squared, or D squared of several quantiles; NaN for outputs that are not finite."""
        if not np.isfinite(outputs).all():
            return np.nan
        quantiles = several_quantiles(estimator.network_.loss_function)
        if quantiles:
            outputs = self.arranged(estimator, outputs)
            return d2_of_quantiles(y[:, 0] if y.ndim == 2 else y, outputs, quantiles, weight)
        return r2_score(y, outputs, sample_weight=weight)


def log_probabilities(activation: str, logits: NDArray) -> NDArray:
    """Logarithms of the probabilities (n, n_classes), of the last layer's z."""
    if activation == "softmax":
        return log_softmax(logits, axis=1)
    if logits.shape[1] > 1:
        return log_expit(logits)
    return np.hstack([log_expit(-logits), log_expit(logits)])


def without_zeros(activation: str, probabilities: NDArray, logits: NDArray) -> NDArray:
    """Where one has rounded to 0, what the logits say, but at least the smallest number."""
    zero = probabilities == 0
    smallest = np.nextafter(probabilities.dtype.type(0), probabilities.dtype.type(1))
    better = np.exp(log_probabilities(activation, logits))
    probabilities[zero] = np.maximum(better[zero], smallest)
    return probabilities


def several_quantiles(loss: Loss) -> tuple[float, ...]:
    """Those of a loss that has an output for each; () of any other."""
    several = isinstance(loss, Quantile) and len(loss.parameters) > 1
    return loss.parameters if several else ()


def places_in_order(loss: Loss) -> NDArray[np.intp] | None:
    """For each of several quantiles, which it is from below; None of any other loss."""
    quantiles = several_quantiles(loss)
    return np.argsort(np.argsort(quantiles, kind="stable")) if quantiles else None


def in_order(outputs: NDArray, places: NDArray[np.intp]) -> NDArray:
    """Every row's outputs sorted, and put where they belong: the smallest where `places` is 0."""
    return np.sort(outputs, axis=1)[:, places]


def d2_of_quantiles(y, outputs, quantiles, weight) -> float:
    """The share of the pinball loss that is explained, the mean over the quantiles."""
    pairs = zip(quantiles, outputs.T, strict=True)
    scores = [d2_pinball_score(y, q_hat, alpha=q, sample_weight=weight) for q, q_hat in pairs]
    return float(np.mean(scores))
