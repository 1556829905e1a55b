"""What does an estimator's predictor say of the network's outputs?"""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from cbackprop.estimators.targets import in_order, places_in_order, without_zeros
from cbackprop.network.network import Network
from cbackprop.network.predictor import Answer, Predictor
from cbackprop.validation.checks import check_option


class Served:
    """An estimator that can be asked for one row at a time."""

    network_: Network

    def predictor(self, method: str = "predict") -> Predictor:
        """The fitted model as a function of one row, or of a few, that answers in a microsecond.

        Parameters
        ----------
        method : {'predict', 'predict_proba', 'decision_function'}, default='predict'
            What it says: what the method of this name says, to rounding, in the network's dtype. Of
            a regressor 'predict' alone.

        Returns
        -------
        Predictor
            A snapshot: what is done to the estimator later does not reach it. Any number of threads
            may call it at once.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            For another method.

        See Also
        --------
        cbackprop.network.Predictor : What rows it takes, and how compiled code calls it.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop import MLPClassifier, MLPRegressor
        >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 2.0, 3.0])
        >>> clf = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, y > 1.5)
        >>> ask = clf.predictor("predict_proba")
        >>> ask(X[0]).shape, bool(np.allclose(ask(X), clf.predict_proba(X)))
        ((2,), True)
        >>> reg = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", random_state=0).fit(X, y)
        >>> round(float(reg.predictor()([1.5])), 1)
        1.5
        """
        check_is_fitted(self)
        answers = _of_classifier if is_classifier(self) else _of_regressor
        methods = ("predict", "predict_proba", "decision_function")
        check_option("method", method, methods if is_classifier(self) else methods[:1])
        names = getattr(self, "feature_names_in_", None)
        return Predictor(self.network_, method, answers(self, method), names)


def _of_classifier(estimator: Any, method: str) -> Answer:
    one = estimator.n_outputs_ == 1
    if method == "decision_function":
        return Answer("number" if one else "numbers", logits=True)
    if method == "predict_proba":
        mend_zeros = partial(without_zeros, estimator.out_activation_)
        return Answer("pair" if one else "numbers", mend_zeros=mend_zeros)
    if estimator._targets.is_multilabel(estimator):
        return Answer(mend=deepcopy(estimator._label_binarizer).inverse_transform)
    return Answer("class", classes=estimator.classes_.copy())


def _of_regressor(estimator: Any, method: str) -> Answer:
    places = places_in_order(estimator.network_.loss_function) if estimator.non_crossing else None
    if places is not None:
        return Answer(mend=partial(in_order, places=places))
    return Answer("number" if estimator.n_outputs_ == 1 else "numbers")
