"""What must ranks that fit an estimator together have alike: parameters, columns, classes?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import unique_labels

from cbackprop.estimators.blockwise import rows_have_y
from cbackprop.running.ranks import NO_ROWS, Alone, ranks_of

FREE = {"verbose", "n_jobs"}  # parameters that may differ
REPEATED = 3  # times a class is said, so that scikit-learn does not take labels for numbers


def as_one(method: Callable) -> Callable:
    """A method that fits: with `comm`, all processes' calls succeed, or all fail.

    Outermost: what only one rank finds wrong is to be told, whoever finds it. `Rows` have a y.
    """

    method = rows_have_y(method)

    @wraps(method)
    def fit(self: Any, *arguments: Any, comm: Any = None, **options: Any) -> Any:
        if comm is None and "sync_every" not in options:
            return method(self, *arguments, **options)
        with ranks_of(comm, options.get("sync_every", 1)) as ranks:
            return method(self, *arguments, comm=ranks, **options)

    return fit


def told_to(
    estimator: Any, given: Any, incremental: bool = False, classes: Any = None
) -> Mapping[str, Any]:
    """What the call of each rank is told, and where its model stands."""
    parameters = estimator.get_params(deep=False)
    there = [name for name, value in given._asdict().items() if value is not None]
    return {
        "the estimator": type(estimator).__name__,
        "the method": "partial_fit" if incremental else "fit",
        **{name: value for name, value in parameters.items() if name not in FREE},
        "what is given": ", ".join(there),
        "classes": classes,
        **_state_of(estimator, incremental),
    }


def check_rows_there(X: Any, ranks: Alone) -> None:
    """An error on every rank if one has no rows: scikit-learn's would not say what to do."""
    if ranks.size > 1 and getattr(X, "shape", (1,))[:1] == (0,):
        raise ValueError(NO_ROWS)


def _state_of(estimator: Any, incremental: bool) -> dict[str, Any]:
    """Of a model that is fitted further."""
    state: dict[str, Any] = {}
    if "network_" in vars(estimator) and (incremental or estimator.warm_start):
        state["the model's content so far"] = estimator.network_.parameters
        state["n_iter_"] = estimator.n_iter_
        optimizer = vars(estimator).get("_optimizer")
        if incremental and optimizer is not None:
            state["the optimizer's state"] = optimizer.state
    return state


def agree_on_rows(estimator: Any, X: Any, y: NDArray, ranks: Alone) -> None:
    """An error on every rank if rows of one cannot stand with another's."""
    ranks.agree(
        lambda: {
            "the number of X's columns": X.shape[1],
            "the dtype of X": str(X.dtype),
            "the names of X's columns": vars(estimator).get("feature_names_in_"),
            "the number of y's columns": y.shape[1] if y.ndim == 2 else None,
            "what y consists of": y.dtype.kind if y.dtype.kind in "OU" else "numbers",
        }
    )


def labels_of_all(y: Any, ranks: Alone) -> Any:
    """What the classes are found in: y; with several ranks, the classes that any of them has."""
    if ranks.size == 1 or y.ndim == 2:
        return y
    parts = ranks.gather(unique_labels(y), "classes")
    return np.repeat(np.unique(np.concatenate(parts)), REPEATED)
