"""Which rows has each worker, and how do they get to the rank beside it?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask
import numpy as np
from distributed import wait

Futures = list[Any]
NAMES = "X", "y", "sample_weight"


def is_collection(data: Any) -> bool:
    """Whether it is one of Dask's arrays, data frames or series."""
    return bool(dask.is_dask_collection(data)) and hasattr(data, "to_delayed")


def partitions(client: Any, *data: Any) -> Futures:
    """The rows as futures of (X, y, sample_weight), which are computed where they lie.

    Raises
    ------
    TypeError, ValueError
        If they are no collections of Dask, or not divided alike.
    """
    for name, part in zip(NAMES, data, strict=True):
        if part is not None and not is_collection(part):
            raise TypeError(
                f"{name} must be a dask array or data frame, got {type(part).__name__}: fit takes "
                "what lies on the workers, and the class without Dask takes the rest"
            )
    X, *others = data
    X = X.rechunk({1: -1}) if hasattr(X, "rechunk") else X
    columns = [_delayed(X), *(_delayed(_divided_as(X, other)) for other in others)]
    n = len(columns[0] or [])
    for name, column in zip(NAMES, columns, strict=True):
        if column is not None and len(column) != n:
            raise ValueError(
                f"{name} must be divided as X is, into {n} partitions, got {len(column)}"
            )
    filled = [[None] * n if column is None else column for column in columns]
    together = dask.delayed(lambda *parts: parts, pure=False)
    futures = client.compute([together(*parts) for parts in zip(*filled, strict=True)])
    wait(futures)
    for future in futures:
        if future.status == "error":
            future.result()
    return list(futures)


def _divided_as(X: Any, other: Any) -> Any:
    """An array whose rows are in chunks as those of X, if both say how many rows these have."""
    if other is None or not (hasattr(X, "chunks") and hasattr(other, "chunks")):
        return other
    known = not np.isnan([*X.chunks[0], *other.chunks[0]]).any()
    if not known:
        return other
    if sum(X.chunks[0]) != sum(other.chunks[0]):
        raise ValueError(
            f"X has {sum(X.chunks[0])} rows, and y or sample_weight {sum(other.chunks[0])}"
        )
    return other.rechunk({0: X.chunks[0], **{axis: -1 for axis in range(1, other.ndim)}})


def _delayed(data: Any) -> list[Any] | None:
    return None if data is None else list(np.ravel(data.to_delayed()))


def places(client: Any, futures: Futures) -> dict[str, Futures]:
    """The partitions of each worker that has some, in their order; of copies, one counts.

    Those without rows are left out, unless there are no others: a filter may leave a worker none.
    """
    held, sizes = client.who_has(futures), client.gather(client.map(_n_rows, futures, pure=False))
    rows: dict[str, Futures] = {}
    for future in [f for f, n in zip(futures, sizes, strict=True) if n] or futures:
        workers = sorted(held[future.key])
        if not workers:
            raise RuntimeError(f"the partition {future.key} is on no worker any more: fit again")
        rows.setdefault(min(workers, key=lambda one: len(rows.get(one, []))), []).append(future)
    return dict(sorted(rows.items()))


def _n_rows(parts: tuple[Any, ...]) -> int:
    return int(parts[0].shape[0])


def stacked(parts: Sequence[Any]) -> Any:
    """One behind the other: arrays, sparse matrices, or pandas' frames and series."""
    there = [part for part in parts if part.shape[0]] or list(parts[:1])
    if len(there) == 1:
        return there[0]
    if isinstance(there[0], np.ndarray):
        return np.concatenate(there)
    if hasattr(there[0], "tocsr"):
        from scipy.sparse import vstack

        return vstack(there, format="csr")
    from dask.dataframe.dispatch import concat

    return concat(there)
