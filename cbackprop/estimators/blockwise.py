"""How does an estimator answer to `Rows`: block by block, and what are its scores of them?"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.running.rows import Rows


def rows_have_y(method: Callable) -> Callable:
    """A method of X and y that needs no y of `Rows`: its signature stays scikit-learn's."""

    @wraps(method)
    def called(self: Any, *arguments: Any, **options: Any) -> Any:
        X = arguments[0] if arguments else options.get("X")
        if len(arguments) < 2 and isinstance(X, Rows):
            options.setdefault("y", None)
        return method(self, *arguments, **options)

    return called


def answered(estimator: Any, rows: Rows, answer: Callable[[Any], NDArray]) -> NDArray:
    """What a method of the estimator says of all blocks, one behind the other."""
    return rows._each(_by_its_names(estimator, answer))


def with_truth(
    estimator: Any, X: Any, y: Any, sample_weight: Any
) -> tuple[NDArray, Any, NDArray | None]:
    """The predictions, and what they are compared with: of `Rows`, their own."""
    if isinstance(X, Rows):
        return X._judged(_by_its_names(estimator, estimator.predict), y, sample_weight)
    return estimator.predict(X), y, sample_weight


def _by_its_names(estimator: Any, answer: Callable[[Any], NDArray]) -> Callable[[Any], NDArray]:
    """Frames as arrays, as `fit` takes those of Rows, if the estimator knows no names."""
    if "feature_names_in_" in vars(estimator):
        return answer
    return lambda X: answer(np.asarray(X) if hasattr(X, "columns") else X)
