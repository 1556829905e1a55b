"""How does a model predict Dask's rows: partition by partition, when they are computed?"""

from __future__ import annotations

from typing import Any

import dask
import numpy as np


def by_partition(model: Any, method: str, X: Any) -> Any:
    """What the model's method says of each partition, as an array or a frame of Dask."""
    held = dask.delayed(model, pure=True)
    if not hasattr(X, "chunks"):
        nothing = _called(X._meta_nonempty, model, method, None).iloc[:0]
        return X.map_partitions(_called, held, method, nothing, meta=nothing)
    X = X.rechunk({1: -1})
    some = getattr(model, method)(np.zeros((1, X.shape[1]), dtype=X.dtype))
    how: dict[str, Any] = {"dtype": some.dtype, "meta": some[:0]}
    if some.ndim == 1:
        how["drop_axis"] = 1
    else:
        how["chunks"] = (X.chunks[0], (some.shape[1],))
    return X.map_blocks(_called, held, method, some[:0], **how)


def _called(part: Any, model: Any, method: str, nothing: Any) -> Any:
    """An array of an array, a series or a frame of a frame; `nothing` of an empty partition."""
    if not part.shape[0]:
        return nothing
    said = getattr(model, method)(part)
    if not hasattr(part, "iloc"):
        return said
    import pandas as pd

    if said.ndim == 1:
        return pd.Series(said, index=part.index)
    columns = getattr(model, "classes_", None) if "proba" in method else None
    return pd.DataFrame(said, index=part.index, columns=columns)
