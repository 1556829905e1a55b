"""All or nothing: a fit that fails leaves model, optimizer and random state as they were."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

# What scikit-learn's callbacks keep on an estimator while it is fitted, and remove themselves.
NOT_OURS = ("_callback", "_skl_", "_parent_callback")
CHANGEABLE = np.ndarray, list  # what is put back in place, for others may see it

# The memory of large copies, from one short fit of an object to its next: fresh memory costs more
# than what is copied into it. It goes with the object, and is no part of it: not in its pickles,
# copies and files. Who takes it has it alone, so that a second thread finds none.
_spare: WeakKeyDictionary[Any, list[NDArray]] = WeakKeyDictionary()
LARGE = 1 << 17  # bytes; the memory of smaller ones is at hand without us


class _Kept:
    """One object's attributes; of those that are arrays or lists, also what they hold."""

    def __init__(self, thing: Any):
        self.thing = thing
        self.attributes = dict(vars(thing))
        held = [v for v in self.attributes.values() if isinstance(v, CHANGEABLE)]
        arrays = [v for v in held if isinstance(v, np.ndarray) and v.flags.writeable]
        self.is_large = any([array.nbytes >= LARGE for array in arrays])
        if self.is_large and isinstance(thing, Hashable):
            spare = _spare.pop(thing, [])
            self.arrays = [(array, _copy(array, spare)) for array in arrays]
        else:
            self.arrays = [(array, array.copy()) for array in arrays]
        self.lists = [(value, value.copy()) for value in held if type(value) is list]

    def restore(self) -> None:
        for array, values in self.arrays:
            array[...] = values
        for changed, items in self.lists:
            changed[:] = items
        now = vars(self.thing)
        others = {name: now[name] for name in now if name.startswith(NOT_OURS)}
        now.clear()
        now.update(self.attributes, **others)

    def hand_on(self) -> None:
        """Keep the memory of the copies, which are of no use any more, for the next call."""
        if self.is_large and isinstance(self.thing, Hashable):
            with suppress(MemoryError):
                _spare[self.thing] = [copy for _, copy in self.arrays if copy.nbytes >= LARGE]


def _copy(array: NDArray, spare: list[NDArray]) -> NDArray:
    """A copy, in memory taken out of `spare` if any is of this shape."""
    for i, memory in enumerate(spare):
        if (memory.shape, memory.dtype) == (array.shape, array.dtype):
            np.copyto(memory, array)
            return spare.pop(i)
    return array.copy()


@contextmanager
def all_or_nothing(
    *things: Any,
    random_state: Any = None,
    short: bool = False,
    error: type[BaseException] = Exception,
) -> Iterator[None]:
    """Put everything back where it was if the body of the ``with`` statement fails.

    Views into a network's vector stay views, whatever happens: values are put back in place.

    Parameters
    ----------
    *things
        Estimators, networks, optimizers; None is passed over.
    random_state
        If it is a RandomState, it goes back to where it was, too.
    short : bool, default=False
        Whether the body takes no more than an epoch. As many such may follow, the memory of large
        copies is kept for the next one, as long as the object lives.
    error : exception class, default=Exception
        What counts as a failure.
    """
    kept = [_Kept(thing) for thing in things if thing is not None]
    generator = random_state if isinstance(random_state, np.random.RandomState) else None
    state: Any = None if generator is None else generator.get_state(legacy=False)
    try:
        yield
    except error:
        for one in kept:
            one.restore()
        if generator is not None:
            generator.set_state(state)
        raise
    finally:
        if short:
            for one in kept:
                one.hand_on()
