from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import CapsuleType, disjoint_base

from cbackprop.engine.rows import EMBEDDING as EMBEDDING
from cbackprop.engine.rows import LAYER as LAYER

ANSWERS: Mapping[str, int]

@disjoint_base
class RowPredictor:
    n_features_in_: int
    n_outputs_: int
    def __new__(
        cls,
        plan: NDArray[np.void],
        output: int,
        parameters: NDArray[Any],
        *,
        lives: bool = False,
        answer: str = "numbers",
        classes: NDArray[Any] | None = None,
        zeros_matter: bool = False,
        mends: bool = False,
        slopes: ArrayLike | None = None,
        embeddings: NDArray[np.void] | None = None,
        edges: ArrayLike | None = None,
        n_features: int = 0,
        scaling: bool = False,
    ) -> Self: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def capsule(self) -> CapsuleType: ...
    @property
    def ctypes(self) -> tuple[Callable[..., int], int]: ...
    def __call__(self, X: Any) -> Any: ...
    def take(self, X: Any) -> Any: ...
