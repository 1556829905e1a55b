"""Which rows are held out to choose the epoch by: a share of them, or fold after fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.model_selection import KFold, StratifiedKFold

Part = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows to train on, rows held out
FEWEST = 5  # rows of which some can be held out


def splits(estimator: Any, targets: NDArray, given: bool, rng: np.random.RandomState) -> list[Part]:
    """One, or one for each of `n_folds`; with nothing held out if rows for that are given."""
    n = len(targets)
    if given or n < FEWEST:
        return [(np.arange(n), np.arange(0))]
    if estimator.n_folds is None:
        order = rng.permutation(n)
        n_train = min(n - 1, int(np.ceil((1.0 - estimator.validation_fraction) * n)))
        return [(np.sort(order[:n_train]), np.sort(order[n_train:]))]
    if estimator.n_folds > n:
        raise ValueError(
            f"n_folds must be at most the number of rows, {n}, got {estimator.n_folds}"
        )
    seed = int(rng.randint(2**31 - 1))
    labels = is_classifier(estimator) and targets.ndim == 1
    stratified = labels and np.bincount(targets).min() >= estimator.n_folds
    kind: Any = StratifiedKFold if stratified else KFold
    folds = kind(estimator.n_folds, shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(n), targets))
