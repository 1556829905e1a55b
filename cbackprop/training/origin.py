"""What is it that goes on: prints of a fit's data and start; whose an optimizer's state is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from numbers import Integral
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np
from numpy.typing import NDArray

from cbackprop.training.record import FitState

BYTES = 16  # of a fingerprint: two by chance the same are not to be feared
PIECE = 2**22  # numbers hashed at a time

# The network that each optimizer has last trained.
_trained: WeakKeyDictionary[Any, ReferenceType] = WeakKeyDictionary()

# What differs, as an error says it, and what it is of.
WORDS = {
    "X": "X",
    "y": "y",
    "sample_weight": "sample_weight",
    "evaluation_data": "evaluation_data",
    "start": "parameters at its start (a network draws the same again by its random_state)",
    "optimizer": "optimizer state at its start",
}


def origin_of(model: Any, state: FitState) -> dict[str, str | None]:
    """Fingerprints of a fit that has not begun: of its data, and of where it starts from.

    The data are those that the engine gets: the content of arrays, frames, lists alike. What the
    fit draws itself is not among it: with the same parameters it is drawn again, and without a
    seed nobody can tell. Hashing a million rows of 100 numbers in float64 takes about a second.
    """
    X, y, sample_weight = state.data
    origin = {
        "X": fingerprint(X),
        "y": fingerprint(y),
        "sample_weight": fingerprint(sample_weight),
        "evaluation_data": fingerprint(*(state.evaluation_data or [None])),
        "start": None,
        "optimizer": None,
    }
    if not hasattr(model, "network_"):  # a network: it and its optimizer are what they are given as
        optimizer = state.optimizer
        assert optimizer is not None
        origin["start"] = fingerprint(model.parameters)
        if optimizer.n_steps:
            origin["optimizer"] = fingerprint(optimizer.state, np.array([optimizer.n_steps]))
    elif model.t_ or model.n_iter_:  # a warm start
        origin["start"] = fingerprint(model.network_.parameters)
    return _of_all(state.ranks.gather(origin, "fingerprints"))


def _of_all(origins: list[dict[str, str | None]]) -> dict[str, str | None]:
    """One origin of all ranks': fingerprints of their fingerprints."""
    if len(origins) == 1:
        return origins[0]
    return {
        name: fingerprint(
            *(np.frombuffer((origin[name] or "").encode(), np.uint8) for origin in origins)
        )
        for name in origins[0]
    }


def seed_of(random_state: Any) -> int | None:
    """What of `random_state` must be the same where a fit is resumed: a seed.

    A generator has gone on in the meantime, and without a seed no two starts are the same.
    """
    return int(random_state) if isinstance(random_state, Integral) else None


def fingerprint(*things: Any) -> str | None:
    """A hash of the content of arrays and CSR matrices; None of nothing."""
    if all(thing is None for thing in things):
        return None
    digest = hashlib.blake2b(digest_size=BYTES)
    for thing in things:
        for array in _arrays(thing):
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            for piece in _pieces(array):
                digest.update(piece)  # type: ignore[arg-type,unused-ignore]
    return digest.hexdigest()


def has_trained(optimizer: Any, network: Any) -> None:
    """Write down whose velocity or moments the optimizer now has."""
    _trained[optimizer] = ref(network)


def comes_from_another(optimizer: Any, network: Any) -> str:
    """What to say of an optimizer with the velocity or the moments of another network, else ""."""
    before = _trained.get(optimizer)
    if optimizer.state is None or before is None or before() is network:
        return ""
    if np.shape(optimizer.state)[1:] != network.parameters.shape:
        return ""  # an error follows
    return (
        f"this {type(optimizer).__name__} has made {optimizer.n_steps} steps with another network, "
        "and goes on with the velocity or the moments of that: give every network an optimizer of "
        "its own"
    )


def _arrays(thing: Any) -> Iterator[NDArray]:
    if thing is None:
        yield np.empty(0)
    elif hasattr(thing, "indptr"):
        yield np.array(thing.shape, dtype=np.int64)
        yield thing.data
        # The same matrix may have indices of 32 or of 64 bits.
        yield thing.indices.astype(np.int64, copy=False)
        yield thing.indptr.astype(np.int64, copy=False)
    else:
        yield np.asarray(thing)


def _pieces(array: NDArray) -> Iterator[NDArray[np.uint8]]:
    """The array's bytes, copied only where they do not lie in one piece."""
    flat = array.ravel()  # a view of what is C-contiguous
    for start in range(0, flat.size, PIECE):
        yield flat[start : start + PIECE].view(np.uint8)


def differences(kept: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of the two fits' origins is not the same, in words."""
    return [words for name, words in WORDS.items() if kept.get(name) != now[name]]
