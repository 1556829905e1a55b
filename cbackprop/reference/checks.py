"""Do the arguments fit together?  If they do not, a ValueError says what was expected, and got."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from cbackprop.reference.functions import DERIVATIVES, DOMAINS, PAIRS, Array

Arrays: TypeAlias = Sequence[ArrayLike]
Activation: TypeAlias = str | tuple[str, float] | Sequence[Any]


def floats(array: ArrayLike) -> Array:
    array = np.asarray(array)
    return array if array.dtype == np.float32 else array.astype(np.float64, copy=False)


def checked_network(
    weights: Arrays, biases: Arrays, X: ArrayLike, ndim: int
) -> tuple[list[Array], list[Array], Array]:
    """The three as float arrays that fit together; X has ndim dimensions."""
    Ws, bs, X = [floats(W) for W in weights], [floats(b) for b in biases], floats(X)
    if not Ws or len(Ws) != len(bs):
        raise ValueError(f"expected as many weights as biases, got {len(Ws)} and {len(bs)}")
    if X.ndim != ndim or 0 in X.shape:
        expected = "(n, n_features)" if ndim == 2 else "(n_features,)"
        raise ValueError(f"X must have shape {expected} and not be empty, got shape {X.shape}")
    fan_in = X.shape[-1]
    for i, (W, b) in enumerate(zip(Ws, bs, strict=True)):
        if W.ndim != 2 or W.shape[0] != fan_in or W.size == 0:
            raise ValueError(f"weights[{i}] must have shape ({fan_in}, fan_out), got {W.shape}")
        fan_in = W.shape[1]
        if b.shape != (fan_in,):
            raise ValueError(f"biases[{i}] must have shape ({fan_in},), got {b.shape}")
    return Ws, bs, X


def checked_activation_weights(given: Arrays | None, biases: list[Array]) -> list[Array] | None:
    """Those of parametric activations as float arrays, one of every hidden layer; or None."""
    if given is None:
        return None
    own, shapes = [floats(w) for w in given], [b.shape for b in biases[:-1]]
    if [w.shape for w in own] != shapes:
        raise ValueError(
            f"activation_weights must have the shapes {shapes}, got {[w.shape for w in own]}"
        )
    return own


def check_pair(output_activation: str, loss: str) -> None:
    if (output_activation, loss) not in PAIRS:
        raise ValueError(
            f"expected output_activation and loss to be one of {PAIRS}, "
            f"got {(output_activation, loss)}"
        )


def checked_rows(y: ArrayLike, sample_weight: ArrayLike | None, n: int) -> tuple[Array, Array]:
    """Targets and weights w_x (float64) of n rows."""
    y = np.asarray(y)
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if y.shape[:1] != (n,):
        raise ValueError(f"y must have {n} rows as X has, got shape {y.shape}")
    if w.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), got {w.shape}")
    if not w.sum() > 0:
        raise ValueError(f"sample_weight must have a positive sum, got {w.sum()}")
    return y, w


def checked_targets(y: ArrayLike, outputs: Array, loss: str) -> Array:
    """Targets as numbers of the outputs' shape and dtype: a label becomes a row of 0s and a 1."""
    y, rows, k = np.asarray(y), outputs.shape[:-1], outputs.shape[-1]
    if loss == "log_loss":
        if y.shape != rows or y.dtype.kind not in "iu":
            got = f"{y.dtype} of shape {y.shape}"
            raise ValueError(f"y must be integer labels of shape {rows}, got {got}")
        if np.any((y < 0) | (y >= k)):
            raise ValueError(f"labels y must be 0 to {k - 1}, got {y.min()} to {y.max()}")
        return np.asarray(np.eye(k, dtype=outputs.dtype)[y])
    if loss == "quantile" and y.shape == rows:  # the same target for each of several quantiles
        y = np.repeat(y[..., np.newaxis], k, axis=-1)
    if y.shape != outputs.shape and (k, y.shape) != (1, rows):
        raise ValueError(f"y must have shape {outputs.shape}, got {y.shape}")
    y = y.astype(outputs.dtype).reshape(outputs.shape)
    low, high = DOMAINS.get(loss, (-np.inf, np.inf))
    if not np.all((y >= low) & (y <= high)):
        expected = f"[{low:g}, {high}] for {loss!r}"
        raise ValueError(f"y must be in {expected}, got {y.min()} to {y.max()}")
    if loss == "gamma" and not np.all(y > 0):
        raise ValueError(f"y must be positive for 'gamma', got {y.min()}")
    return y


def hidden_activations(activation: Activation, n_hidden: int) -> list[tuple]:
    """The hidden layers' activations, each a name, and its slope if it is given."""
    one = isinstance(activation, str) or (
        isinstance(activation, tuple)
        and len(activation) == 2
        and not isinstance(activation[1], str)
    )
    listed = [activation] * n_hidden if one else list(activation)
    if len(listed) != n_hidden:
        raise ValueError(f"activation must be one, or {n_hidden} of them, got {activation!r}")
    named = [(item,) if isinstance(item, str) else tuple(item) for item in listed]
    for name, *_ in [*named, *([(activation,)] if isinstance(activation, str) else [])]:
        if name not in DERIVATIVES:
            raise ValueError(f"activation must be one of {tuple(DERIVATIVES)}, got {name!r}")
    return named


def check_gradients(parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
    expected, got = [p.shape for p in parameters], [g.shape for g in gradients]
    if expected != got:
        raise ValueError(f"gradients must have shapes {expected}, got {got}")
