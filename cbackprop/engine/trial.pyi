from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

FINISHES: Mapping[str, int]
FINISHES_OF: Mapping[str, tuple[str, str]]
KEPT: list[str]

def apply_kernel(name: str, x: NDArray[Any], slope: float | None = None) -> NDArray[Any]: ...
def apply_derivative(name: str, z: NDArray[Any], slope: float | None = None) -> NDArray[Any]: ...
def apply_product(
    a: NDArray[Any],
    b: NDArray[Any],
    out: NDArray[Any],
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    scale: float = 1.0,
    keep: float = 0.0,
    finish: str = "nothing",
    other: NDArray[Any] | None = None,
) -> bool: ...
