"""What answers for one row of a table, or a few, in microseconds: a snapshot, for servers."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import _check_feature_names, check_is_fitted

from cbackprop.network.predictor import dimensions, with_names
from cbackprop.validation.checks import check_option
from cbackprop.validation.naming import public

KEPT = "classes_", "n_features_in_", "feature_names_in_"  # of a model that only predicts


@public("cbackprop.tabular")
class TablePredictor:
    """A model of a table as a function of one row, or of a few, in any number of threads.

    `TabularClassifier.predictor` and `TabularRegressor.predictor` make it. It is a snapshot: what
    is done to the model later does not reach it. It says what the model's `method` says: of rows
    (n, n_features), or of a frame, an array for n rows; of one row (n_features,), as an array, a
    list or a tuple, what stands in such an array for it. Rows without names are taken in the order
    of `fit`; numbers, holes among them, in an array of floats are the quickest.

    Attributes
    ----------
    method : str
        The method of the model that it does for.
    n_features_in_ : int
        Columns of the table.
    feature_names_in_ : ndarray of shape (n_features,)
        If the table of `fit` had names.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop.tabular import TabularClassifier
    >>> X = np.array([[i, "red" if i % 2 else "blue"] for i in range(40)], dtype=object)
    >>> clf = TabularClassifier(n_members=2, max_epochs=5, random_state=0).fit(X, X[:, 0] > 20)
    >>> ask = clf.predictor("predict_proba")
    >>> ask([3, "red"]).shape, ask([[3, "red"], [30, "blue"]]).shape
    ((2,), (2, 2))
    """

    def __init__(self, model: Any, method: str = "predict"):
        self.method = method
        self._model = model  # of which nobody else has a part
        self.n_features_in_: int = model.n_features_in_
        if hasattr(model, "feature_names_in_"):
            self.feature_names_in_: NDArray = model.feature_names_in_
        self._make_ready()

    def _make_ready(self) -> None:
        self._members = [network.predictor() for network in self._model.networks_]
        self._n_outputs = self._model._outputs.n_outputs
        self._nameless = copy(self._model.encoder_)  # rows without names are in the order of fit
        vars(self._nameless).pop("feature_names_in_", None)

    def __getstate__(self) -> dict[str, Any]:
        ready = ("_members", "_n_outputs", "_nameless")
        return {name: value for name, value in vars(self).items() if name not in ready}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make_ready()

    def __repr__(self) -> str:
        kind, n = type(self._model).__name__, len(self._members)
        return f"<TablePredictor of a {kind} of {n} members: {self.method}>"

    def __call__(self, X: Any) -> Any:
        alone = not hasattr(X, "columns") and dimensions(X) == 1
        if alone and hasattr(self, "feature_names_in_") and (named := with_names(X)) is not None:
            _check_feature_names(self, named, reset=False)
        if alone:
            X = X[np.newaxis] if isinstance(X, np.ndarray) else [list(X)]
        encoder = self._model.encoder_ if hasattr(X, "columns") else self._nameless
        encoded = encoder._encode(X)
        total = np.zeros((len(encoded), self._n_outputs))
        for member in self._members:
            total += member(encoded)
        model = self._model
        said = model._answer(self.method, model._outputs.said(total / len(self._members)))
        return said[0] if alone else said


class Served:
    """A model of a table that can be asked for one row at a time."""

    def predictor(self, method: str = "predict") -> TablePredictor:
        """The fitted model as a function of one row, or of a few, that answers in microseconds.

        Parameters
        ----------
        method : {'predict', 'predict_proba'}, default='predict'
            What it says: what the method of this name says, to rounding. Of a regressor 'predict'
            alone.

        Returns
        -------
        TablePredictor
            A snapshot: what is done to the estimator later does not reach it. Any number of threads
            may call it at once.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            For another method.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop.tabular import TabularRegressor
        >>> X = np.arange(40.0).reshape(-1, 1)
        >>> reg = TabularRegressor(n_members=2, max_epochs=5, random_state=0).fit(X, X[:, 0])
        >>> ask = reg.predictor()
        >>> bool(np.isclose(ask([12.0]), reg.predict([[12.0]])[0]))
        True
        """
        check_is_fitted(self)
        methods = ("predict", "predict_proba") if is_classifier(self) else ("predict",)
        check_option("method", method, methods)
        fitted: dict[str, Any] = vars(self)
        model: Any = object.__new__(type(self))
        vars(model).update({name: deepcopy(fitted[name]) for name in KEPT if name in fitted})
        model.networks_ = [network.copy() for network in fitted["networks_"]]
        model.encoder_, model._outputs = deepcopy(fitted["encoder_"]), deepcopy(fitted["_outputs"])
        return TablePredictor(model, method)
