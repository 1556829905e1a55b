"""What is a block of rows, and how do many become one array that is mapped from a file?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.validation.arrays import check_given

FLOATS = np.dtype(np.float32), np.dtype(np.float64)
MOST_INDICES = 2**31 - 1  # that SciPy counts in 32 bits
INDICES_AT_ONCE = 2**20
NOTHING = (
    "there are no rows: blocks gave none. A generator gives its blocks once; a list, or an object "
    "with __iter__, as often as it is asked"
)


class Mapped(NamedTuple):
    """Rows as `fit` takes them, and how many of them it may shuffle together."""

    X: Any
    y: Any
    sample_weight: Any
    window: int | None = None


class Block(NamedTuple):
    """One block as it was given, but for X, which is an array or CSR."""

    X: Any
    rest: list[NDArray]  # y, and perhaps weights
    names: tuple[str, ...] | None  # of the columns of a frame


def checked(block: Any, i: int) -> Block:
    """X, y and perhaps weights, with as many rows.

    Raises
    ------
    TypeError, ValueError
        That name the block.
    """
    if not isinstance(block, tuple | list) or len(block) not in (2, 3):
        raise TypeError(f"block {i} must be (X, y) or (X, y, sample_weight), got {block!r:.60}")
    X, *rest = block
    names = _names(X)
    X, *rest = _matrix(X, i), *map(np.asarray, rest)
    sizes = [part.shape[0] if part.ndim else None for part in (X, *rest)]
    if len(set(sizes)) > 1:
        raise ValueError(f"block {i} has {sizes} rows of X, y, weights")
    if rest[0].dtype.kind == "f":
        _check_finite(rest[0], f"y of block {i}")
    if len(rest) > 1:
        if rest[1].ndim != 1 or rest[1].dtype.kind not in "biuf":
            raise ValueError(
                f"sample_weight of block {i} must be numbers of shape (n,), got {rest[1].dtype} of "
                f"shape {rest[1].shape}"
            )
        _check_finite(rest[1], f"sample_weight of block {i}")
    return Block(X, rest, names)


def _names(X: Any) -> tuple[str, ...] | None:
    columns = getattr(X, "columns", None)
    return None if columns is None else tuple(map(str, columns))


def _matrix(X: Any, i: int) -> Any:
    """Rows of numbers: an array, or CSR of what is sparse."""
    if hasattr(X, "tocsr"):
        check_given(f"X of block {i}", X)
        X = X.tocsr()
    else:
        X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise ValueError(
            f"X of block {i} must be numbers of shape (n, n_features), got {X.dtype} of "
            f"shape {X.shape}"
        )
    return X


def _check_finite(array: NDArray, what: str) -> None:
    taken = array if array.dtype in FLOATS else array.astype(np.float64)
    if not run.all_finite(np.require(taken, requirements=["C", "A"])):
        raise ValueError(f"{what} contains NaN or infinity")


class _First:
    """What the first block is, which all others must be like."""

    def __init__(self, block: Block):
        self.n_columns, self.names = block.X.shape[1], block.names
        self.is_sparse = hasattr(block.X, "tocsr")
        self.dtype = block.X.dtype if block.X.dtype in FLOATS else np.dtype(np.float64)
        self.weighs = len(block.rest) > 1
        self.targets = block.rest[0].shape[1:]
        self.is_text = _is_text(block.rest[0])

    def check(self, block: Block, i: int) -> None:
        X, rest, names = block
        weights = f"{', with weights' * self.weighs}", f"{', with weights' * (len(rest) > 1)}"
        if X.shape[1] != self.n_columns or (len(rest) > 1) != self.weighs:
            raise ValueError(
                f"all blocks must be as the first, of {self.n_columns} columns{weights[0]}: "
                f"block {i} has {X.shape[1]} columns{weights[1]}"
            )
        if hasattr(X, "tocsr") != self.is_sparse:
            kinds = ("sparse", "dense") if self.is_sparse else ("dense", "sparse")
            raise TypeError(f"all blocks must be {kinds[0]}, as the first: block {i} is {kinds[1]}")
        if None not in (names, self.names) and names != self.names:
            pairs = zip(self.names or (), names or (), strict=True)
            at, (own, other) = next((at, p) for at, p in enumerate(pairs) if p[0] != p[1])
            raise ValueError(
                f"all blocks must have the columns of the first, in its order: column {at} of "
                f"block {i} is {other!r}, and not {own!r}"
            )
        if rest[0].shape[1:] != self.targets:
            raise ValueError(
                f"y must have shape (n{''.join(f', {n}' for n in self.targets)}) as in the first "
                f"block: that of block {i} has {rest[0].shape}"
            )
        if None not in (_is_text(rest[0]), self.is_text) and _is_text(rest[0]) != self.is_text:
            kinds = ("text", "numbers") if self.is_text else ("numbers", "text")
            raise ValueError(
                f"y must be {kinds[0]}, as in the first block: that of block {i} is {kinds[1]}"
            )


def _is_text(y: NDArray) -> bool | None:
    """None where it may be both: NumPy would make text of numbers behind text."""
    return None if y.dtype.kind == "O" else y.dtype.kind in "US"


def written(blocks: Iterable[Sequence[Any]], folder: Path) -> Mapped:
    """All blocks behind each other: the rows in files, mapped; the targets in memory."""
    targets: list[list[NDArray]] = []
    first: _First | None = None
    rows: _Dense | _Sparse | None = None
    try:
        for i, given in enumerate(blocks):
            block = checked(given, i)
            if first is None or rows is None:
                first = _First(block)
                rows = (_Sparse if first.is_sparse else _Dense)(folder, first)
            first.check(block, i)
            rows.add(block.X, f"X of block {i}")
            targets.append([np.array(part) for part in block.rest])
    finally:
        if rows is not None:
            rows.close()
    if rows is None or not rows.n:
        raise ValueError(NOTHING)
    joined = [np.concatenate(parts) for parts in zip(*targets, strict=True)]
    return Mapped(rows.mapped(), joined[0], joined[1] if len(joined) > 1 else None)


class _Dense:
    """Rows in a file."""

    def __init__(self, folder: Path, first: _First):
        self.path, self.dtype, self.columns, self.n = folder / "X", first.dtype, first.n_columns, 0
        self.file = self.path.open("wb")

    def add(self, X: NDArray, what: str) -> None:
        _in_dtype(X, self.dtype, what).tofile(self.file)
        self.n += len(X)

    def close(self) -> None:
        self.file.close()

    def mapped(self) -> NDArray:
        return np.memmap(self.path, self.dtype, "r", shape=(self.n, self.columns))


class _Sparse:
    """CSR: its values and their columns in two files."""

    def __init__(self, folder: Path, first: _First):
        self.dtype, self.columns, self.n, self.stored = first.dtype, first.n_columns, 0, 0
        self.values, self.indices = folder / "values", folder / "indices"
        self.files = self.values.open("wb"), self.indices.open("wb")
        self.ends = [np.zeros(1, dtype=np.int64)]

    def add(self, X: Any, what: str) -> None:
        end = int(X.indptr[-1])  # its arrays may be longer
        _in_dtype(X.data[:end], self.dtype, what).tofile(self.files[0])
        np.ascontiguousarray(X.indices[:end], dtype=np.int32).tofile(self.files[1])
        self.ends.append(X.indptr[1:].astype(np.int64) + self.stored)
        self.n, self.stored = self.n + X.shape[0], self.stored + end

    def close(self) -> None:
        for file in self.files:
            file.close()

    def mapped(self) -> Any:
        from scipy.sparse import csr_matrix

        index: np.dtype = np.dtype(np.int32)
        if self.stored > MOST_INDICES:  # SciPy would copy those of 32 bits into memory
            index = np.dtype(np.int64)
            self.indices = _widened(self.indices, self.stored)
        ends = np.concatenate(self.ends).astype(index)
        values = _map(self.values, self.dtype, self.stored)
        columns = _map(self.indices, index, self.stored)
        return csr_matrix((values, columns, ends), shape=(self.n, self.columns), copy=False)


def _in_dtype(numbers: NDArray, dtype: np.dtype, what: str) -> NDArray:
    """Finite numbers of this dtype, behind each other."""
    with np.errstate(over="ignore"):
        taken = np.require(numbers, dtype, ["C", "A"])
    if not run.all_finite(taken):
        finite = numbers.dtype not in FLOATS or bool(np.isfinite(numbers).all())
        larger = f" in {dtype}, the first block's: a larger number" if finite else ""
        raise ValueError(f"{what} contains NaN or infinity{larger}")
    return taken


def _map(path: Path, dtype: np.dtype, size: int) -> NDArray:
    """A file of no bytes cannot be mapped."""
    return np.memmap(path, dtype, "r", shape=(size,)) if size else np.empty(0, dtype)


def _widened(path: Path, size: int) -> Path:
    """The same numbers in 64 bits."""
    wide, given = path.with_name("wide"), _map(path, np.dtype(np.int32), size)
    with wide.open("wb") as file:
        for first in range(0, size, INDICES_AT_ONCE):
            given[first : first + INDICES_AT_ONCE].astype(np.int64).tofile(file)
    return wide


def answers(
    blocks: Iterable[Any], answer: Callable[[Any], NDArray], *, targets: bool = False
) -> tuple[NDArray, list[NDArray]]:
    """What is answered to every block's X, one behind the other; with `targets` y and weights, too.

    A block of no rows is not asked about. An error of `answer` has a note that names the block.
    """
    parts, rest = [], []
    for i, block in enumerate(blocks):
        X = block[0] if isinstance(block, tuple | list) else block
        if targets:
            rest.append(checked(block, i).rest)
        if getattr(X, "shape", (1,))[:1] == (0,):
            continue
        try:
            parts.append(answer(X))
        except (ValueError, TypeError) as error:
            error.add_note(f"This is about block {i} of the Rows.")
            raise
    if not parts:
        raise ValueError(NOTHING)
    return np.concatenate(parts), [np.concatenate(part) for part in zip(*rest, strict=True)]
