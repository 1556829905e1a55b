from typing import Any

SIGNATURE: str

def signature_of(function: Any) -> str | None: ...
