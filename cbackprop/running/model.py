"""What running and training need of a network, which stands above them."""

from __future__ import annotations

from typing import Protocol

from numpy.typing import NDArray


class Model(Protocol):
    """A plan, an output code and one flat vector."""

    @property
    def plan(self) -> NDArray: ...

    @property
    def output(self) -> int: ...

    @property
    def parameters(self) -> NDArray: ...
