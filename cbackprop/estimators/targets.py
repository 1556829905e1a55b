"""What do labels and numbers become in the network, and how good are its outputs for them?"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import validate_data

from cbackprop.estimators.base import MLP
from cbackprop.functions.losses import as_loss


def _checked(estimator: MLP, X, y, reset, **more):
    """X as scikit-learn validates it, and y (n,) or (n, n_outputs), not (n, 1)."""
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=["csr", "csc"],
        multi_output=True,
        dtype=(np.float64, np.float32),
        order="C",
        reset=reset,
        **more,
    )
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return X, y


class Labels(MLP):
    """Targets that are classes: their positions in `classes_`, or indicators of several."""

    def _n_outputs(self, y) -> int:
        if y.ndim == 2:
            return y.shape[1]
        return len(self.classes_) if self._label_binarizer.y_type_ == "multiclass" else 1

    def _output(self) -> tuple[str, str]:
        if self._label_binarizer.y_type_ == "multiclass":
            return "softmax", "log_loss"
        return "logistic", "binary_log_loss"

    def _validate_input(self, X, y, incremental, reset):
        """Checked X, and y as labels' positions in classes_ (n,) or an indicator (n, n_classes)."""
        X, y = _checked(self, X, y, reset)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            classes = unique_labels(y)
            given, known = set(classes.tolist()), set(self.classes_.tolist())
            if self.warm_start:
                if given != known:
                    raise ValueError(
                        "warm_start can only be used where `y` has the same "
                        "classes as in the previous call to fit. Previously "
                        f"got {self.classes_}, `y` has {classes}"
                    )
            elif not given <= known:
                raise ValueError(
                    "`y` has classes not in `self.classes_`. "
                    f"`self.classes_` has {self.classes_}. 'y' has {classes}."
                )
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return X, self._label_binarizer.transform(y)
        return X, np.searchsorted(self.classes_, y)

    def _engine_targets(self, y, dtype):
        return np.ascontiguousarray(y, dtype=np.int32 if y.ndim == 1 else dtype)

    def _positions(self, outputs):
        """Output activations as positions in classes_ (n,), or as an indicator (n, n_classes)."""
        if self.out_activation_ == "softmax":
            return outputs.argmax(axis=1)
        if len(self.classes_) == 1 and outputs.shape[1] == 1:
            return np.zeros(outputs.shape[0], dtype=np.intp)  # there is no other
        chosen = outputs > 0.5
        return chosen if self.n_outputs_ > 1 else chosen[:, 0].astype(np.intp)

    def _validation_score(self, outputs, y, weight) -> float:
        """Accuracy; a multilabel row counts only if all its labels are right."""
        right = self._positions(outputs) == y
        return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weight))


class Numbers(MLP):
    """Targets that are numbers, one or several a row."""

    def _n_outputs(self, y) -> int:
        return 1 if y.ndim == 1 else y.shape[1]

    def _output(self) -> tuple[str, str]:
        return as_loss(self.loss).outputs[0], self.loss

    def _validate_input(self, X, y, incremental, reset):
        """Checked X, and y (n,) or (n, n_outputs)."""
        X, y = _checked(self, X, y, reset, y_numeric=True)
        as_loss(self.loss).check(y)
        return X, y

    def _engine_targets(self, y, dtype):
        y = np.ascontiguousarray(y, dtype=dtype)
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _validation_score(self, outputs, y, weight) -> float:
        """R squared; NaN for outputs that are not finite."""
        if not np.isfinite(outputs).all():
            return np.nan
        return r2_score(y, outputs, sample_weight=weight)
