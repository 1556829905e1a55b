"""What is a task: a table read from a file, its folds, and how a prediction is scored.

`NAME.csv` or `NAME.csv.gz`: UTF-8, a header line, an empty field is a missing value, a column with
anything but numbers is a category. The column `target` is predicted: text is classes, two different
numbers are classes too, more are a regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

SUFFIXES = (".csv.gz", ".csv")
LEAST = 1e-7  # probability that the log loss goes by: of float32, as some libraries predict it


@dataclass(frozen=True)
class Task:
    """A table and what is to be predicted of it."""

    name: str
    X: pd.DataFrame  # numbers, and columns of dtype category
    y: np.ndarray
    kind: str  # "binary", "multiclass" or "regression"

    @property
    def categories(self) -> list[str]:
        return list(self.X.select_dtypes("category").columns)

    @property
    def numbers(self) -> list[str]:
        return list(self.X.select_dtypes("number").columns)


def names(folder: Path) -> list[str]:
    """The tasks of a folder, in order of the alphabet."""
    found = {f.name.removesuffix(s) for s in SUFFIXES for f in folder.glob(f"*{s}")}
    return sorted(found)


def load(folder: Path, name: str, target: str = "target") -> Task:
    path = next((p for s in SUFFIXES if (p := folder / f"{name}{s}").exists()), None)
    if path is None:
        known = ", ".join(names(folder)) or "none"
        raise FileNotFoundError(f"{folder} has no table {name!r}; there are: {known}")
    # Only an empty field is missing: "No", "None" or "NA" in the text stay what they are.
    X = pd.read_csv(path, keep_default_na=False, na_values=[""], low_memory=False)
    if target not in X:
        raise ValueError(f"{path.name} has no column {target!r}, which --target names")
    y = X.pop(target)
    if y.isna().any():
        raise ValueError(f"{path.name}: no {target} in row {int(y.isna().argmax())}")
    for column in X.columns:
        if not _is_numeric(X[column]):
            X[column] = X[column].astype("category")
    if not _is_numeric(y):
        labels = y.to_numpy(dtype=object).astype(str)
        return Task(name, X, labels, "binary" if len(set(labels)) == 2 else "multiclass")
    if y.nunique() == 2:
        return Task(name, X, y.to_numpy(), "binary")
    return Task(name, X, y.to_numpy(dtype=np.float64), "regression")


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def fold(task: Task, i: int, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows of fold i of k, in order; stratified by class.

    RandomState's stream is frozen: they are the same everywhere.
    """
    order = np.random.RandomState(0).permutation(len(task.y))
    if task.kind != "regression":
        order = order[np.argsort(np.unique(task.y, return_inverse=True)[1][order], kind="stable")]
    number = np.empty(len(order), dtype=int)
    number[order] = np.arange(len(order)) % k
    return np.flatnonzero(number != i), np.flatnonzero(number == i)


def scores(y: np.ndarray, said: np.ndarray, classes: np.ndarray | None) -> dict[str, float]:
    """Of numbers that were predicted, or of probabilities for `classes`.

    The error is RMSE over standard deviation of the rows scored, or the share of wrong labels.
    """
    if classes is None:
        return {"error": float(np.sqrt(np.mean((said - y) ** 2)) / np.std(y))}
    every = np.unique(np.r_[classes, y])
    p = np.zeros((len(y), len(every)))
    p[:, np.searchsorted(every, classes)] = said
    number = np.searchsorted(every, y)
    right = np.clip(p[np.arange(len(y)), number], LEAST, 1)
    # Each class against the rest; with two, both say the same.
    areas = [roc_auc_score(number == c, p[:, c]) for c in np.unique(number)]
    return {
        "error": float(np.mean(p.argmax(axis=1) != number)),
        "log_loss": float(-np.log(right).mean()),
        "auc": float(np.mean(areas)),
    }
