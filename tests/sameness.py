"""Are two objects the same in type and in every bit? What tests of files and of errors ask."""

import numpy as np


def same(a, b) -> bool:
    """Whether two values are the same in type and in every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        objects = a.dtype == object
        return a.dtype == b.dtype and (
            a.tolist() == b.tolist() if objects else a.tobytes() == b.tobytes()
        )
    if isinstance(a, np.random.RandomState):
        return str(a.get_state()) == str(b.get_state())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if hasattr(a, "__dict__") and not callable(a):
        return same(a.__getstate__(), b.__getstate__())
    return a == b or (a != a and b != b)
