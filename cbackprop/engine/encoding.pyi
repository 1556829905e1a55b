from typing import Self

from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

@disjoint_base
class Encoding:
    def __new__(
        cls,
        centers: ArrayLike,
        factors: ArrayLike,
        sources: ArrayLike,
        starts: ArrayLike,
        steps: ArrayLike,
        low: ArrayLike,
        high: ArrayLike,
        with_holes: ArrayLike,
    ) -> Self: ...
    def into(self, out: NDArray, values: NDArray) -> bool: ...
