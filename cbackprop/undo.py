"""All or nothing: a fit that fails leaves model, optimizer and random state as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# What scikit-learn's callbacks keep on an estimator while it is fitted, and remove themselves.
NOT_OURS = ("_callback", "_skl_", "_parent_callback")


class _Kept:
    """One object's attributes; of those that are arrays or lists, also what they hold."""

    def __init__(self, thing: Any):
        self.thing = thing
        self.attributes = dict(vars(thing))
        values = self.attributes.values()
        self.arrays = [
            (value, value.copy())
            for value in values
            if isinstance(value, np.ndarray) and value.flags.writeable
        ]
        self.lists = [(value, value.copy()) for value in values if type(value) is list]

    def restore(self) -> None:
        for array, values in self.arrays:
            array[...] = values
        for changed, items in self.lists:
            changed[:] = items
        now = vars(self.thing)
        others = {name: now[name] for name in now if name.startswith(NOT_OURS)}
        now.clear()
        now.update(self.attributes, **others)


@contextmanager
def all_or_nothing(
    *things: Any, random_state: Any = None, error: type[BaseException] = Exception
) -> Iterator[None]:
    """Put everything back where it was if the body of the ``with`` statement fails.

    Views into a network's vector stay views, whatever happens: values are put back in place.

    Parameters
    ----------
    *things
        Estimators, networks, optimizers; None is passed over.
    random_state
        If it is a RandomState, it goes back to where it was, too.
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
