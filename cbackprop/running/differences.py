"""What is not the same on all ranks: in words, with the ranks that have it?"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
LONGEST = 60  # of a value that is shown


def shown(value: Any) -> str:
    """A value in words that are the same in every process if the value is."""
    if isinstance(value, np.random.RandomState):
        _, key, place, *_ = value.get_state()
        return f"a generator in state {_checksum(key)}-{place}"
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"an array {value.shape} with the checksum {_checksum(value)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {shown(value[key])}" for key in value) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return ADDRESS.sub("", repr(value))


def checksum_of(*things: Any) -> str:
    """What is the same in every process if these are, and hardly otherwise."""
    return f"{zlib.crc32(shown(things).encode()):08x}"


def _checksum(array: Any) -> str:
    content = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
    return f"{zlib.crc32(content):08x}"


def differences(everyone: Sequence[Mapping[str, Any]]) -> str:
    """What is not the same in all of these, one of each rank; the empty string if all is.

    Examples
    --------
    >>> from cbackprop.running.differences import differences
    >>> differences([{"alpha": 0.1}, {"alpha": 0.5}, {"alpha": 0.1}])
    'alpha is 0.1 on ranks 0 and 2, 0.5 on rank 1'
    """
    said = []
    for name in dict.fromkeys(name for one in everyone for name in one):
        ranks_with: dict[str, list[int]] = {}
        for rank, one in enumerate(everyone):
            ranks_with.setdefault(str(one.get(name)), []).append(rank)
        if len(ranks_with) > 1:
            parts = [f"{_short(value)} on {_ranks(at)}" for value, at in ranks_with.items()]
            said.append(f"{name} is {', '.join(parts)}")
    return "; ".join(said)


def _short(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 3]}..."


def _ranks(ranks: list[int]) -> str:
    if len(ranks) == 1:
        return f"rank {ranks[0]}"
    if len(ranks) > 4:
        return f"ranks {ranks[0]}, {ranks[1]} and {len(ranks) - 2} more"
    return f"ranks {', '.join(map(str, ranks[:-1]))} and {ranks[-1]}"
