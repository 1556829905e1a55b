"""Which rows does a member hold out to choose the epoch by: a share of its own, or a fold?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.model_selection import KFold, StratifiedKFold

Part = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows to train on, rows held out
FEWEST = 5  # rows of which some can be held out


def splits(
    estimator: Any,
    targets: NDArray,
    weight: NDArray | None,
    given: bool,
    rng: np.random.RandomState,
) -> list[Part]:
    """One for each member, or for each of `n_folds`; none held out if rows for that are given.

    Rows of weight 0 are trained on by nobody; with folds they are shared out among those held out.
    """
    if weight is None or weight.all():
        return _splits_of(estimator, targets, given, rng)
    rows, others = np.flatnonzero(weight), np.flatnonzero(weight == 0)
    parts = _splits_of(estimator, targets[rows], given, rng)
    if estimator.n_folds is None:
        return [(rows[train], rows[held_out]) for train, held_out in parts]
    return [
        (rows[train], np.concatenate([rows[held_out], others[i :: len(parts)]]))
        for i, (train, held_out) in enumerate(parts)
    ]


def _splits_of(
    estimator: Any, targets: NDArray, given: bool, rng: np.random.RandomState
) -> list[Part]:
    n = len(targets)
    if given or (n < FEWEST and estimator.n_folds is None):
        return [(np.arange(n), np.arange(0))]
    if estimator.n_folds is None:
        n_train = min(n - 1, int(np.ceil((1.0 - estimator.validation_fraction) * n)))
        return _shares(n, n - n_train, estimator.n_members, rng)
    if estimator.n_folds > n:
        raise ValueError(
            f"n_folds must be at most the number of rows that weigh something, {n}, got "
            f"{estimator.n_folds}"
        )
    seed = int(rng.randint(2**31 - 1))
    labels = is_classifier(estimator) and targets.ndim == 1
    stratified = labels and _of_rarest(targets) >= estimator.n_folds
    kind: Any = StratifiedKFold if stratified else KFold
    folds = kind(estimator.n_folds, shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(n), targets))


def _shares(n: int, n_held_out: int, n_members: int, rng: np.random.RandomState) -> list[Part]:
    """Each member holds out rows that no other does, as long as there are enough; then anew."""
    parts: list[Part] = []
    while len(parts) < n_members:
        order, end = rng.permutation(n), n
        while end >= n_held_out and len(parts) < n_members:
            begin = end - n_held_out
            held_out, train = order[begin:end], np.delete(order, slice(begin, end))
            parts.append((np.sort(train), np.sort(held_out)))
            end = begin
    return parts


def _of_rarest(labels: NDArray) -> int:
    """Rows of the rarest class that there is."""
    return int(np.unique(labels, return_counts=True)[1].min())
