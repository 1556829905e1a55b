"""What answers for one row, or a few, at once? A snapshot of a network as a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_feature_names

from cbackprop.engine import run
from cbackprop.engine.predictor import RowPredictor
from cbackprop.network.one_row import told
from cbackprop.validation.checks import check_option, check_rows
from cbackprop.validation.naming import public

PLAIN = run.OUTPUTS["identity", "squared_error"]  # outputs that are z itself


class Answer(NamedTuple):
    """What is said of a network's outputs.

    `kind` is one of `cbackprop.engine.predictor.ANSWERS`; "class" needs the classes. `mend` makes
    what is said of the outputs (n, k), and `mend_zeros` of such as have a 0, and of their logits.
    """

    kind: str = "numbers"
    logits: bool = False
    classes: NDArray | None = None
    mend: Callable[[NDArray], Any] | None = None
    mend_zeros: Callable[[NDArray, NDArray], NDArray] | None = None


@public("cbackprop.network")
class Predictor(RowPredictor):
    """A model as a function of one row, or of a few: a microsecond each, in any number of threads.

    `Network.predictor`, and the method of that name of an estimator, make it. It is a snapshot,
    with weights of its own: what is done to the model later does not reach it. It says what the
    model's `method` says, to rounding, in the network's dtype: of rows (n, n_features) an array for
    n rows, of one row (n_features,) what stands in such an array for it, a label for example.

    Rows are an array, another buffer of floats, or a list: float32 and float64 are taken as they
    are, in any order in memory, anything else is converted first, which takes longer. Names of
    columns, where both the model and the rows have some, must be the same, also those of a series
    that is a row of a frame; rows without names are taken in the order of `fit`. One after the
    other they go through: a thousand rows are quicker in the model's own method.

    For compiled code see `capsule` and `ctypes`, and ``cimport`` `cbackprop.engine.predictor`.

    Attributes
    ----------
    method : str
        The method of the model that it does for.
    n_features_in_ : int
        Numbers of a row.
    n_outputs_ : int
        The network's outputs, which compiled code is given.
    dtype : dtype
        float32 or float64: the network's. Rows of the other dtype are converted.
    feature_names_in_ : ndarray of shape (n_features,)
        If the model was fitted to columns with names.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop import MLPClassifier
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> clf = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, ["no", "no", "yes", "yes"])
    >>> ask = clf.predictor()
    >>> str(ask([2.5])), ask([[0.5], [2.5]]).tolist()
    ('yes', ['no', 'yes'])
    """

    def __new__(
        cls, network: Any, method: str = "predict", answer: Answer | None = None, names: Any = None
    ):
        answer = Answer() if answer is None else answer
        kept = network.copy()
        kept._parameters.flags.writeable = False
        kept._own(kept._parameters)  # views that are read-only, too
        self = super().__new__(
            cls,
            kept.plan,
            PLAIN if answer.logits else kept.output,
            kept._parameters,
            answer=answer.kind,
            classes=answer.classes,
            zeros_matter=answer.mend_zeros is not None,
            mends=answer.mend is not None,
            **told(kept),
        )
        self._network, self.method, self._answer = kept, method, answer
        if names is not None:
            self.feature_names_in_ = names
        return self

    def __init__(self, *args: Any, **settings: Any):
        """All is done: what is called with the same arguments, `__new__`, has checked them."""

    _network: Any
    _answer: Answer
    method: str
    feature_names_in_: NDArray

    def __reduce__(self):
        names = getattr(self, "feature_names_in_", None)
        return type(self), (self._network, self.method, self._answer, names)

    def __copy__(self) -> Predictor:
        return self  # nothing in it changes

    def __deepcopy__(self, memo: Any) -> Predictor:
        return self

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self._network.layer_sizes))
        return f"<Predictor of a {sizes} network: {self.method}, {self.dtype}>"

    def _checked(self, X: Any) -> NDArray:
        if hasattr(X, "tocsr"):
            raise TypeError("a predictor takes dense rows, got a sparse X: pass X.toarray()")
        if hasattr(self, "feature_names_in_") and (named := with_names(X)) is not None:
            _check_feature_names(self, named, reset=False)
        n_dimensions = dimensions(X)
        if n_dimensions == 0:
            raise ValueError(
                f"X must be a row of {self.n_features_in_} numbers, or several rows, got {X!r}"
            )
        if n_dimensions != 1:
            return check_rows(X, self.n_features_in_, self.dtype)
        row = np.asarray(X) if not isinstance(X, np.ndarray) else X
        return check_rows(row.reshape(1, -1), self.n_features_in_, self.dtype)[0]

    def _mended(self, said: NDArray) -> Any:
        assert self._answer.mend is not None
        return self._answer.mend(said)

    def _without_zeros(self, said: NDArray, X: Any) -> NDArray:
        assert self._answer.mend_zeros is not None
        rows = check_rows(np.reshape(X, (-1, self.n_features_in_)), self.n_features_in_, self.dtype)
        better = self._answer.mend_zeros(np.atleast_2d(said), self._network.logits(rows))
        return better.reshape(said.shape)


def dimensions(X: Any) -> int:
    """Of rows, or of one row; 2 of rows of different lengths, which are none."""
    try:
        return np.ndim(X)
    except ValueError:
        return 2


def with_names(X: Any) -> Any:
    """A frame that has the names of rows X, where they have some, else None.

    A row of a frame of pandas is a series, which has them as its index.
    """
    if hasattr(X, "columns"):
        return X
    if not hasattr(X, "to_frame") or getattr(X, "ndim", 0) != 1 or not hasattr(X, "index"):
        return None
    return X.to_frame().T if all(isinstance(label, str) for label in X.index) else None


def predictor_of(network: Any, method: str) -> Predictor:
    """That of a network by itself."""
    check_option("method", method, ("predict", "logits"))
    return Predictor(network, method, Answer(logits=method == "logits"))
