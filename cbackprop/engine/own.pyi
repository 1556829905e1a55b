from typing import Any, Self

from typing_extensions import disjoint_base

SIGNATURE: str

def signature_of(function: Any) -> str | None: ...

@disjoint_base
class UsersLoss:
    error: BaseException | None
    def __new__(cls, function: Any, capacity: int, k: int) -> Self: ...
    def losses(self, m: int, weighted: bool) -> float: ...
