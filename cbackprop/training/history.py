"""What `Network.fit` reports: a list per quantity, an entry per epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

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


class History(dict[str, list]):
    """Quantities by name, each a list with an entry per epoch.

    Always: ``cost`` (the mean over the epoch's mini-batches before each one's step, L2 term
    included), ``learning_rate``, and ``seconds`` (the training alone, without the evaluation).
    With evaluation data: ``evaluation_cost`` (without the L2 term) and ``evaluation_accuracy``
    or what other metrics were asked for. If asked for: the metrics on the training data, under
    their own names, and ``gradient_norms`` (a list with the length of each layer's gradient).

    Examples
    --------
    >>> from cbackprop.training.history import History
    >>> history = History(cost=[0.7, 0.4], evaluation_accuracy=[0.5, 0.9])
    >>> history.epochs, history.best("evaluation_accuracy")
    (2, 0.9)
    """

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

    def best(self, name: str) -> float:
        """The best entry: the smallest of a cost, the largest of anything else.

        Parameters
        ----------
        name : str
            A quantity, ``evaluation_accuracy`` for one.

        Returns
        -------
        float
            Its best entry.

        Raises
        ------
        KeyError
            If it was not recorded.
        """
        return min(self[name]) if name.endswith("cost") else max(self[name])
