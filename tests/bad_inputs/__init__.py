"""Bad input: what a case is, and arrays that no one should have to expect.

The cases stand in the modules beside this one, by the door through which they come: `estimators`,
`network`, `door` (the engine's own), `others` (optimizers, callbacks, files). `table` is all of
them; ../test_bad_input.py tries them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Bad:
    """One case: what is made, what is asked of it, the error, and what its message says."""

    name: str
    make: Callable[[], Any]
    call: Callable[[Any], Any]
    error: type[BaseException] | tuple[type[BaseException], ...]
    words: str

    def __str__(self) -> str:
        return self.name


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    """The same array, one byte off where its items should be."""
    memory = np.zeros(array.nbytes + 1, dtype=np.uint8)[1:]
    moved = memory.view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def changed(array, value, at=(3, 1)):
    """A copy with one element changed."""
    copy = array.copy()
    copy[at] = value
    return copy


class Liar:
    """Something array-like whose `__array__` gives each of these in turn, the last for ever."""

    def __init__(self, *answers):
        self.answers = answers
        self.asked = 0

    def __array__(self, dtype=None, copy=None):
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return np.array(answer, dtype=dtype)


class Shrinking(Liar):
    """A liar that says how long it is, too: as long as its first answer."""

    def __len__(self):
        return len(self.answers[0])

    @property
    def shape(self):
        return np.shape(self.answers[0])
