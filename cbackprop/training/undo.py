"""All or nothing: a fit that fails leaves model, optimizer and random state as they were."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
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
SPARED = 1 << 25  # bytes of an object's copies; what is larger would be missed elsewhere
PATIENCE = True  # whether copies may wait; tests compare with what is done without


class _Kept:
    """One object's attributes; of those that are arrays or lists, also what they hold.

    The arrays are copied by `copy`.
    """

    def __init__(self, thing: Any):
        self.thing = thing
        self.attributes = dict(vars(thing))
        held = [v for v in self.attributes.values() if isinstance(v, CHANGEABLE)]
        self.writable = [v for v in held if isinstance(v, np.ndarray) and v.flags.writeable]
        self.is_large = any([array.nbytes >= LARGE for array in self.writable])
        self.arrays: list[tuple[NDArray, NDArray]] = []
        self.lists = [(value, value.copy()) for value in held if type(value) is list]

    def copy(self) -> None:
        spare: list[NDArray] = []
        if self.is_large and isinstance(self.thing, Hashable):
            spare = _spare.pop(self.thing, [])
        self.arrays = [(array, _copy(array, spare)) for array in self.writable]

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
        copies = [copy for _, copy in self.arrays if copy.nbytes >= LARGE]
        if copies and isinstance(self.thing, Hashable):
            with suppress(MemoryError):
                if sum([copy.nbytes for copy in copies]) <= SPARED:
                    _spare[self.thing] = copies


def _copy(array: NDArray, spare: list[NDArray]) -> NDArray:
    """A copy, in memory taken out of `spare` if any is of this shape."""
    for i, memory in enumerate(spare):
        if (memory.shape, memory.dtype) == (array.shape, array.dtype):
            np.copyto(memory, array)
            return spare.pop(i)
    return array.copy()


class Undo:
    """What a fit found, to be put back if it fails.

    Arrays are copied before anything changes them. Where they are large, a patient fit says when:
    a step that is known to succeed can be left to its end, and needs no copies.
    """

    def __init__(self, things: list[Any], *, patient: bool):
        self.kept = [_Kept(thing) for thing in things]
        self.is_waiting = PATIENCE and patient and any([one.is_large for one in self.kept])
        self._step: Callable[[], Any] | None = None
        self._optimizer: Any = None
        self._n_steps = 0
        if not self.is_waiting:
            self.copy()

    def copy(self) -> None:
        """From now on, arrays may be changed in any way."""
        for one in self.kept:
            one.copy()
        self.is_waiting = False

    def leave_to_the_end(self, optimizer: Any, step: Callable[[], Any]) -> None:
        """Make the optimizer's step in `finish`. It is made as a whole, or it has not begun."""
        self._step, self._optimizer, self._n_steps = step, optimizer, optimizer.n_steps

    @property
    def is_due(self) -> bool:
        """Whether there is a step to be made yet."""
        return self._step is not None and self._optimizer.n_steps == self._n_steps

    def finish(self) -> None:
        """Make the step, if one was left: to be called when nothing else can fail any more."""
        if self._step is not None:
            self._step()

    def restore(self) -> bool:
        """Put everything back; unless a signal's handler has raised an error when all was done."""
        if self._step is not None and not self.is_due:
            return False
        for one in self.kept:
            one.restore()
        return True


@contextmanager
def all_or_nothing(
    *things: Any,
    random_state: Any = None,
    short: bool = False,
    patient: bool = False,
    error: type[BaseException] = Exception,
) -> Iterator[Undo]:
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
        copies is kept for the next one, as long as the object lives, up to `SPARED` bytes.
    patient : bool, default=False
        Whether the body calls `Undo.copy` before it changes an array in any other way than by
        `Undo.finish`.
    error : exception class, default=Exception
        What counts as a failure.

    Yields
    ------
    Undo
    """
    undo = Undo([thing for thing in things if thing is not None], patient=patient)
    generator = random_state if isinstance(random_state, np.random.RandomState) else None
    state: Any = None if generator is None else generator.get_state(legacy=False)
    try:
        yield undo
    except error:
        if undo.restore() and generator is not None:
            generator.set_state(state)
        raise
    finally:
        if short:
            for one in undo.kept:
                one.hand_on()
