"""How do the rows of a fit stand in a checkpoint: their order, and those held out, of each rank?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.files.container import ModelFileError, Reader
from cbackprop.files.values import random_state_to_json
from cbackprop.training.record import FitState

KEPT = "order", "held_out"


def kept_rows(state: FitState) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Entries and tensors; of several ranks, which all call this, one's rows behind the other's."""
    rng = None if state.rng is None else random_state_to_json(state.rng, "random_state")
    mine = {"n_rows": state.n_rows, "random_state": rng}
    everyone = state.ranks.gather((mine, state.order, state.held_out), "what a Checkpoint keeps")
    parts = [own for own, _, _ in everyone]
    total = sum(own["n_rows"] for own in parts)
    index = np.int32 if total < 2**31 else np.int64
    fit: dict[str, Any] = {"n_rows": total, "random_state": parts[0]["random_state"]}
    tensors = {}
    for name, *rows in zip(KEPT, *[kept for _, *kept in everyone], strict=True):
        there = [part for part in rows if part is not None]
        fit[name] = sum(part.size for part in there) if there else None
        if there:
            tensors[f"fit.{name}"] = np.concatenate(there).astype(index)
        for own, part in zip(parts, rows, strict=True):
            own[name] = None if part is None else int(part.size)
    if len(parts) > 1:
        fit["ranks"] = parts
    return fit, tensors


def part_of_rank(reader: Reader, state: FitState) -> dict[str, Any]:
    """This process's part of what `kept_rows` has kept: its entries, and rows where they were."""
    fit, rank = reader.description["fit"], state.ranks.rank
    parts = fit.get("ranks") or [fit]
    if len(parts) != state.ranks.size:
        raise ModelFileError(
            f"the checkpoint is of a fit by {_processes(len(parts))}, and this one is by "
            f"{_processes(state.ranks.size)}: go on with as many"
        )
    own = dict(parts[rank])
    if own["n_rows"] != state.n_rows:
        raise ModelFileError(f"expected {state.n_rows} rows, got {own['n_rows']}")
    for name in KEPT:
        before = sum(part[name] or 0 for part in parts[:rank])
        own[name] = _rows(reader, name, own[name], before, state)
    return own


def _processes(n: int) -> str:
    return "one process" if n == 1 else f"{n} ranks"


def _rows(
    reader: Reader, name: str, size: Any, before: int, state: FitState
) -> NDArray[np.intp] | None:
    """The rows trained on or held out: as many as in the fit that begins."""
    now = getattr(state, name)
    if size != (None if now is None else now.size):
        raise ModelFileError(f"{name}: expected {now if now is None else now.size}, got {size}")
    if size is None:
        return None
    rows = reader.tensor(f"fit.{name}")[before : before + size].astype(np.intp)
    if rows.size != size or (size and not 0 <= rows.min() <= rows.max() < state.n_rows):
        raise ModelFileError(f"{name} holds rows that there are not")
    return rows
