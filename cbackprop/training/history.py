"""What `Network.fit` reports: a list per quantity, an entry per epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.training.better import declared_direction, is_smaller_better
from cbackprop.training.tables import table
from cbackprop.validation.naming import public

EVALUATION = "evaluation_"  # begins the names of what is measured on evaluation data
Metric = Callable[[NDArray, NDArray], float]


def accuracy(y: NDArray, outputs: NDArray) -> float:
    """Share of the rows whose class is right.

    Parameters
    ----------
    y : ndarray
        Labels (n,), or targets (n, k) of which the largest is the class; 0 or 1 for one output.
    outputs : ndarray of shape (n, k)
        The network's outputs: the largest is its class; with one, over one half is class 1.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop.training.history import accuracy
    >>> accuracy(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    0.6666666666666666
    """
    if outputs.ndim != 2:
        raise ValueError(f"outputs must have the shape (n, k), got {outputs.shape}")
    if len(y) != len(outputs):
        raise ValueError(f"y must have as many rows as outputs, {len(outputs)}, got {len(y)}")
    if outputs.shape[1] == 1:
        predicted, actual = outputs[:, 0] > 0.5, np.ravel(y) > 0.5
    else:
        predicted = outputs.argmax(axis=1)
        actual = y if y.ndim == 1 else y.argmax(axis=1)
    return float(np.mean(predicted == actual))


METRICS: dict[str, Metric] = {"accuracy": accuracy}


def check_metrics(metrics: Sequence[str] | Mapping[str, Metric] | str | None) -> dict[str, Metric]:
    """Names or functions as a mapping of functions."""
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        for name, metric in metrics.items():
            if not callable(metric):
                raise TypeError(f"metric {name!r} must be callable, got {metric!r}")
        return dict(metrics)
    if not isinstance(metrics, Iterable):
        raise TypeError(f"metrics must be names, a mapping or None, got {metrics!r}")
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    for name in names:
        if name not in METRICS:
            raise ValueError(f"metrics must be among {sorted(METRICS)} or a mapping, got {name!r}")
    return {name: METRICS[name] for name in names}


def short(value: Any) -> str:
    """A number in four digits, as far as it is one."""
    return f"{value:.4g}" if isinstance(value, float | int | np.number) else str(value)


@public("cbackprop.history")
class History(dict[str, list]):
    """Quantities by name, each a list with an entry per epoch.

    Always: ``cost`` (the mean over the epoch's mini-batches before each one's step, L2 term
    included), ``learning_rate``, and ``seconds`` (the training alone, without the evaluation).
    With evaluation data: ``evaluation_cost`` (without the L2 term) and ``evaluation_accuracy``
    or what other metrics were asked for. If asked for: the metrics on the training data, under
    their own names, and ``gradient_norms`` (a list with the length of each layer's gradient).

    It is a dictionary: ``pandas.DataFrame(history)`` takes it as it is, `to_frame` numbers the
    epochs, and ``dict(history)`` prints all the numbers.

    Examples
    --------
    >>> from cbackprop.training.history import History
    >>> history = History(cost=[0.7, 0.4], evaluation_accuracy=[0.5, 0.9])
    >>> history
    History of 2 epochs: cost 0.7 to 0.4, evaluation_accuracy 0.5 to 0.9
    >>> history.epochs, history.best("evaluation_accuracy"), history.best("cost")
    (2, 0.9, 0.4)
    """

    _smaller: dict[str, bool]

    @classmethod
    def of(cls, metrics: Mapping[str, Metric]) -> History:
        """An empty one, that knows of these metrics which way they are better.

        Parameters
        ----------
        metrics : mapping of names to functions
            A function says so by an attribute ``smaller_is_better``, or by its own name.

        Returns
        -------
        History
            Of no epoch yet.
        """
        history = cls()
        history._smaller = {
            end + name: declared
            for name, metric in metrics.items()
            if (declared := declared_direction(name, metric)) is not None
            for end in ("", EVALUATION)
        }
        return history

    @property
    def epochs(self) -> int:
        """Epochs recorded."""
        return len(self.get("cost", ()))

    def record(self, **quantities: object) -> None:
        """Append one epoch's entries.

        Parameters
        ----------
        **quantities : object
            The entries by name.
        """
        for name, value in quantities.items():
            if name not in self:  # setdefault of a subclass crashes CPython 3.13.0 without memory
                self[name] = []
            self[name].append(value)

    def lengths(self) -> dict[str, int]:
        """Entries of every quantity.

        Returns
        -------
        dict
            The length of each list by name.
        """
        return {name: len(entries) for name, entries in self.items()}

    def cut(self, lengths: Mapping[str, int]) -> None:
        """Forget what came after a record was made.

        Parameters
        ----------
        lengths : mapping
            What `lengths` was then.
        """
        for name, entries in self.items():
            del entries[lengths.get(name, 0) :]

    def best(self, name: str, *, smaller_is_better: bool | None = None) -> float:
        """The best entry: the smallest of a cost or an error, the largest of a score.

        Parameters
        ----------
        name : str
            A quantity, ``evaluation_accuracy`` for one.
        smaller_is_better : bool, optional
            Which is the better one. Without it the metric says so, by an attribute of that name,
            or the name does: costs, losses, errors (rmse, mae, deviance...) are better the
            smaller they are; accuracies, scores (r2, auc, f1...) and what begins with ``neg_`` the
            larger.

        Returns
        -------
        float
            Its best entry; NaN is none.

        Raises
        ------
        KeyError
            If it was not recorded.
        ValueError
            If the name does not say which is better; if there is no number.

        Examples
        --------
        >>> from cbackprop.training.history import History
        >>> History(cost=[1.0], evaluation_rmse=[0.3, 0.2, 0.4]).best("evaluation_rmse")
        0.2
        """
        epoch = self.best_epoch(name, smaller_is_better=smaller_is_better)
        return self[name][epoch - 1]

    def best_epoch(self, name: str, *, smaller_is_better: bool | None = None) -> int:
        """The epoch of the `best` entry, the first one where there are several.

        Parameters
        ----------
        name : str
            A quantity, ``evaluation_accuracy`` for one.
        smaller_is_better : bool, optional
            As for `best`.

        Returns
        -------
        int
            Counted from 1.

        Raises
        ------
        KeyError, ValueError
            As for `best`.

        Examples
        --------
        >>> from cbackprop.training.history import History
        >>> History(evaluation_rmse=[0.3, 0.2, 0.4]).best_epoch("evaluation_rmse")
        2
        """
        if name not in self:
            raise KeyError(f"{name} was not recorded, but {sorted(self)}")
        if smaller_is_better is None:
            smaller_is_better = vars(self).get("_smaller", {}).get(name)
        if smaller_is_better is None:
            smaller_is_better = is_smaller_better(name)
        if smaller_is_better is None:
            raise ValueError(
                f"whether {name} is better the smaller or the larger it is, its name does not say: "
                f"best({name!r}, smaller_is_better=True), or False"
            )
        values = np.array(self[name], dtype=object)
        if values.ndim != 1 or all(value is None or value != value for value in values):
            raise ValueError(f"{name} holds no number an epoch, so none is the best: {values}")
        numbers = values.astype(float)
        return 1 + int(np.nanargmin(numbers) if smaller_is_better else np.nanargmax(numbers))

    def to_frame(self) -> Any:
        """The curves as a pandas DataFrame, a row for each epoch, counted from 1.

        Returns
        -------
        pandas.DataFrame
            A column for each quantity.

        Raises
        ------
        ImportError
            Without pandas.

        Examples
        --------
        >>> from cbackprop.training.history import History
        >>> frame = History(cost=[0.7, 0.4], evaluation_accuracy=[0.5, 0.9]).to_frame()
        >>> list(frame.columns), list(frame.index)
        (['cost', 'evaluation_accuracy'], [1, 2])
        """
        try:
            import pandas as pd  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas") from error
        frame = pd.DataFrame(self)
        frame.index = pd.RangeIndex(1, len(frame) + 1, name="epoch")
        return frame

    def __repr__(self) -> str:
        count = max(map(len, self.values()), default=0)
        curves = [
            f"{name} {short(self[name][0])} to {short(self[name][-1])}" for name in self._shown()
        ]
        what = f"History of {count} epoch{'s' * (count != 1)}"
        return f"{what}: {', '.join(curves)}" if curves else what

    def _repr_html_(self) -> str:
        rows = []
        for name in self._shown():
            smaller = vars(self).get("_smaller", {}).get(name, is_smaller_better(name))
            best = epoch = ""
            if smaller is not None:
                with suppress(ValueError):
                    epoch = str(self.best_epoch(name, smaller_is_better=smaller))
                    best = short(self[name][int(epoch) - 1])
            rows.append((name, short(self[name][0]), short(self[name][-1]), best, epoch))
        count = max(map(len, self.values()), default=0)
        heads = f"{count} epochs", "first", "last", "best", "in epoch"
        return table(heads, rows)

    def _shown(self) -> list[str]:
        """The curves of numbers."""
        return [name for name, curve in self.items() if curve and not np.ndim(curve[0])]
