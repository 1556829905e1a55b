"""What do an estimator's hidden layers make of rows: a transformer's features, and their names?"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from cbackprop.network.network import Network
from cbackprop.validation.checks import check_index


class Features:
    """An estimator that is also a transformer: of rows into a hidden layer's activations."""

    network_: Network

    def transform(self, X, layer=-1):
        """The activations of a hidden layer: the features that the network has learnt.

        In a `Pipeline` before another estimator they are its inputs. `set_output` makes frames of
        them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers, with the features of `fit`.
        layer : int, default=-1
            Which hidden layer, as an index into `hidden_layer_sizes`: 0 for the first, -1 for the
            last. What comes behind it is not computed.

        Returns
        -------
        ndarray of shape (n_samples, units of the layer)
            float32 if both X and the network are, otherwise float64.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If there is no such hidden layer, or if X is not finite or has other features than in
            `fit`.

        See Also
        --------
        Network.activations : All layers at once.

        Examples
        --------
        Features that a network has learnt, for a model of another kind:

        >>> from sklearn.datasets import load_iris
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from cbackprop import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> mlp = MLPClassifier((20, 3), solver="lbfgs", max_iter=1000, random_state=0)
        >>> pipe = make_pipeline(mlp, DecisionTreeClassifier(max_depth=3)).fit(X, y)
        >>> pipe[0].transform(X).shape, pipe[0].transform(X, layer=0).shape, pipe.score(X, y) > 0.9
        ((150, 3), (150, 20), True)
        """
        check_is_fitted(self)
        layer = self._hidden_layer(layer)
        out = self._outputs(X, Network._hidden, layer=layer + 1)  # type: ignore[attr-defined]
        return _wrap_data_with_container("transform", out, X, _Named(self, layer))

    def get_feature_names_out(self, input_features=None, layer=-1):
        """Names of the columns that `transform` makes: the class in small letters and a number.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only held against the names of `fit`'s features.
        layer : int, default=-1
            Which hidden layer, as in `transform`.

        Returns
        -------
        ndarray of str objects, of shape (units of the layer,)
            As ``['mlpclassifier0', 'mlpclassifier1', ...]``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If there is no such hidden layer, or for other names than those of `fit`.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        units = self.network_.layer_sizes[self._hidden_layer(layer) + 1]
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}{i}" for i in range(units)], dtype=object)

    def _hidden_layer(self, layer: Any) -> int:
        """Its index, from 0."""
        sizes = self.network_.layer_sizes[1:-1]
        if not sizes:
            raise ValueError(
                f"this {type(self).__name__} has no hidden layer whose activations could be taken: "
                "hidden_layer_sizes is empty"
            )
        return check_index("layer", layer, len(sizes), f"hidden layers, of {list(sizes)} units")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        if self.solver != "lbfgs":  # type: ignore[attr-defined]
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class HiddenFeatures(Features, TransformerMixin):
    """The two together.

    `transform` stands in a class of its own, where scikit-learn does not wrap it: its wrapper
    would name the columns of every layer as it does those of the last.
    """


class _Named:
    """What scikit-learn asks of an estimator whose output it makes a frame of: that of a layer."""

    def __init__(self, estimator: Any, layer: int):
        self.estimator, self.layer = estimator, layer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.estimator, name)

    def get_feature_names_out(self) -> Any:
        return self.estimator.get_feature_names_out(layer=self.layer)
