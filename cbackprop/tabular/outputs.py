"""What do targets become in the networks, and what do the networks' outputs say?"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cbackprop.functions.losses import BinaryLogLoss, LogLoss, Loss


class Outputs(Protocol):
    """How targets are learnt."""

    output: str
    loss: Loss
    n_outputs: int

    def learnt(self, y: NDArray) -> NDArray:
        """Targets as the engine takes them."""

    def said(self, outputs: NDArray) -> NDArray:
        """The mean of the members' outputs on the targets' own scale."""


class Classes:
    """Labels: a softmax, of two classes, too."""

    output = "softmax"

    def __init__(self, n_classes: int, smoothing: float):
        self.n_outputs = max(2, n_classes)  # one class has one that never comes beside it
        self.loss: Loss = LogLoss(smoothing)

    def learnt(self, y: NDArray) -> NDArray:
        return np.ascontiguousarray(y, dtype=np.int32)

    def said(self, outputs: NDArray) -> NDArray:
        return outputs


class Indicators:
    """Several labels a row: logistic outputs."""

    output = "logistic"

    def __init__(self, n_labels: int, smoothing: float):
        self.n_outputs = n_labels
        self.loss: Loss = BinaryLogLoss(smoothing)

    def learnt(self, y: NDArray) -> NDArray:
        return np.ascontiguousarray(y, dtype=np.float32)

    def said(self, outputs: NDArray) -> NDArray:
        return outputs


class Numbers:
    """Numbers, each column on a scale of its own: 0 and 1 are its mean and deviation, or, of what
    is never negative, 1 is its mean. Predictions stay in the range that was seen, if it `clips`.
    """

    def __init__(self, loss: Loss, y: NDArray, *, clips: bool = True):
        self.loss, self.output = loss, loss.outputs[0]
        self.n_outputs = loss.n_outputs(y.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            self.center, self.scale = y.mean(axis=0), y.std(axis=0)
        if self.output == "exp":
            self.center, self.scale = np.zeros(y.shape[1]), self.center
        if not np.isfinite(self.scale).all():
            raise ValueError("y is so large that its deviation is no number: divide it")
        self.scale = np.where(self.scale > 0.0, self.scale, 1.0)
        self.low, self.high = y.min(axis=0), y.max(axis=0)
        if not clips:
            self.low, self.high = np.full_like(self.low, -np.inf), np.full_like(self.high, np.inf)

    def learnt(self, y: NDArray) -> NDArray:
        scaled = ((y - self.center) / self.scale).astype(np.float32)
        return np.ascontiguousarray(self.loss.spread(scaled, self.n_outputs))

    def said(self, outputs: NDArray) -> NDArray:
        return np.clip(outputs * self.scale + self.center, self.low, self.high)


def outputs_of(output: str, loss: Loss) -> Any:
    """Those of a fitted network, without what they know of its targets."""
    kind = {"softmax": Classes, "logistic": Indicators}.get(output, Numbers)
    made = object.__new__(kind)
    vars(made).update(output=output, loss=loss)
    return made


def means_of_folds(said: list[NDArray], n_members: int) -> NDArray:
    """The mean over each fold's members, fold after fold."""
    folds = [said[i : i + n_members] for i in range(0, len(said), n_members)]
    return np.concatenate([np.mean(fold, axis=0, dtype=np.float64) for fold in folds])
