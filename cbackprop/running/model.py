"""What running and training need of a network, which stands above them."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray


class Model(Protocol):
    """A plan, an output code, what the functions are to be told, and one flat vector."""

    @property
    def plan(self) -> NDArray: ...

    @property
    def output(self) -> int: ...

    @property
    def parameters(self) -> NDArray: ...

    @property
    def function_parameters(self) -> dict[str, Any]: ...
