from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

from cbackprop.engine.rows import (
    ACTIVATIONS,
    EMBEDDING,
    EMBEDDINGS,
    LAYER,
    LOSS_PARAMETERS,
    OPTIMIZERS,
    OUTPUTS,
    RULE,
    SLOPES,
    STATE_VECTORS,
)

__all__ = [
    "ACTIVATIONS",
    "EMBEDDING",
    "EMBEDDINGS",
    "LAYER",
    "LOSS_PARAMETERS",
    "MOST_THREADS",
    "OPTIMIZERS",
    "OUTPUTS",
    "RULE",
    "SLOPES",
    "STATE_VECTORS",
    "Barrier",
    "Task",
    "all_finite",
]

MOST_THREADS: int

@disjoint_base
class Barrier:
    @property
    def size(self) -> int: ...
    @property
    def squad_size(self) -> int: ...
    @property
    def broken(self) -> bool: ...
    @property
    def crowded(self) -> bool: ...
    def __new__(cls, size: int, squad_size: int = 1) -> Self: ...
    def crowd(self, crowded: bool) -> None: ...
    def abort(self) -> None: ...

@disjoint_base
class Task:
    n_rows: int
    n_parameters: int
    n_outputs: int
    n_steps: int
    n_trained: int
    unsound: bool
    workspace: NDArray[Any]
    plan: NDArray[np.void]
    def __new__(
        cls,
        plan: NDArray[np.void],
        output: int,
        parameters: NDArray[Any],
        X: Any,
        *,
        y: NDArray[Any] | None = None,
        sample_weight: NDArray[Any] | None = None,
        rows: NDArray[np.intp] | None = None,
        capacity: int = 256,
        loss_scale: float = 1.0,
        sklearns_loss: bool = False,
        slopes: ArrayLike | None = None,
        loss_parameters: ArrayLike | None = None,
        own_loss: Any = None,
        dropout: ArrayLike | None = None,
        seed: int = 0,
        embeddings: NDArray[np.void] | None = None,
        edges: ArrayLike | None = None,
        n_features: int = 0,
        scaling: bool = False,
    ) -> Self: ...
    def embedded(self, rows: int) -> NDArray[Any]: ...
    def predict(self, out: NDArray[Any], first: int = 0, last: int | None = None) -> None: ...
    def loss(
        self,
        first: int,
        last: int,
        weight: float,
        gradient: NDArray[Any] | None = None,
        masks: tuple[int, int, float] | None = None,
    ) -> float: ...
    def train(
        self,
        rule: NDArray[np.void],
        gradient: NDArray[Any],
        state: NDArray[Any],
        first: int,
        last: int,
        batch_size: int,
        team: Barrier | None = None,
        thread: int = 0,
        counter: Any = None,
        numbers: NDArray[np.float64] | None = None,
        groups: NDArray[np.float64] | None = None,
    ) -> float: ...
    def rehearse(
        self,
        rule: NDArray[np.void],
        gradient: NDArray[Any],
        state: NDArray[Any],
        first: int,
        last: int,
        team: Barrier | None = None,
        thread: int = 0,
    ) -> float: ...
    def move(
        self,
        rule: NDArray[np.void],
        gradient: NDArray[Any],
        state: NDArray[Any],
        first: int,
        last: int,
        team: Barrier | None = None,
        thread: int = 0,
        counter: Any = None,
    ) -> float: ...
    def step(
        self,
        rule: NDArray[np.void],
        gradient: NDArray[Any],
        state: NDArray[Any],
        weight: float,
        team: Barrier | None = None,
        thread: int = 0,
        counter: Any = None,
        numbers: NDArray[np.float64] | None = None,
        groups: NDArray[np.float64] | None = None,
    ) -> float: ...
    def views(self, rows: int) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]: ...

def all_finite(x: NDArray[Any]) -> bool: ...
