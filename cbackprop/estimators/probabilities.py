"""What does a classifier make of its outputs: classes, probabilities, their logarithms, logits?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cbackprop.estimators.blockwise import answered
from cbackprop.estimators.targets import log_probabilities, without_zeros
from cbackprop.network.network import Network
from cbackprop.running.rows import Rows

# A difference to 1 of fewer of its roundings is off by more than a hundredth.
FEW_DIGITS = 64


class Probabilities:
    """What a classifier makes of its outputs."""

    _outputs: Any
    _targets: ClassVar[Any]
    n_outputs_: int
    out_activation_: str

    def predict(self, X):
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers, with the features of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            The labels, or a multilabel indicator.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If X is not finite or has other features than in `fit`.
        """
        if isinstance(X, Rows):
            return answered(self, X, self.predict)
        outputs = self._outputs(X)
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return self._label_binarizer.inverse_transform(outputs)
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, outputs.shape[0])
        return self.classes_[self._targets.positions(self, outputs)]

    def predict_proba(self, X):
        """Probability of every class: above 0, the smallest number standing for smaller ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers, with the features of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If X is not finite or has other features than in `fit`.
        """
        if isinstance(X, Rows):
            return answered(self, X, self.predict_proba)
        outputs = self._outputs(X)
        probabilities = np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs
        if np.count_nonzero(probabilities) == probabilities.size:
            return probabilities
        logits = self._outputs(X, Network._logits)
        return without_zeros(self.out_activation_, probabilities, logits)

    def predict_log_proba(self, X):
        """Logarithm of `predict_proba`, of the same shape.

        Probabilities too small for a number have it, too: it is computed from their logits, as
        is that of the first of two classes where rounding would be seen in it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers, with the features of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If X is not finite or has other features than in `fit`.
        """
        if isinstance(X, Rows):
            return answered(self, X, self.predict_log_proba)
        probabilities = self.predict_proba(X)
        numbers = np.finfo(probabilities.dtype)
        small = probabilities < numbers.tiny
        if self.n_outputs_ == 1:  # next to 0, 1 - p has few digits left
            small[:, 0] |= probabilities[:, 0] < FEW_DIGITS * numbers.eps
        found = np.log(probabilities, out=probabilities)
        if small.any():
            logits = self._outputs(X, Network._logits)
            found[small] = log_probabilities(self.out_activation_, logits)[small]
        return found

    def decision_function(self, X):
        """Logits: the last layer's z, of which softmax or logistic makes probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers, with the features of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes that of the second, positive where `predict` says so; otherwise in
            the order of `classes_`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If X is not finite or has other features than in `fit`.

        Examples
        --------
        >>> from cbackprop import MLPClassifier
        >>> clf = MLPClassifier.from_weights([[[1.0]]], [[0.0]])
        >>> clf.decision_function([[50.0], [60.0]]), clf.predict_proba([[50.0], [60.0]])[:, 1]
        (array([50., 60.]), array([1., 1.]))
        """
        logits = self._outputs(X, Network._logits)
        return logits[:, 0] if self.n_outputs_ == 1 else logits
