"""Where do rows come from that are more than the memory holds: blocks, one after the other?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.running.blocks import FLOATS, Mapped, answers, written
from cbackprop.validation.checks import check_integer
from cbackprop.validation.naming import public

WINDOW_BYTES = 2**28  # of the rows that are shuffled together, where nobody says how many


@public("cbackprop")
class Rows:
    """Rows and their targets, block by block: `fit` takes them in place of X and y.

    The blocks are read once, written to a temporary file in the precision of the fit, and mapped
    from there, so that the memory holds one block, the targets, and what the system keeps of
    the file. Every epoch takes stretches of the file in another order, and shuffles the rows
    within a window of some of them.

    `partial_fit` takes them, too. `predict` and its kin answer to one block after the other, and
    give all answers; `score` needs the targets of the blocks besides.

    Parameters
    ----------
    blocks : iterable of (X, y) or (X, y, sample_weight)
        Arrays of numbers, data frames, or sparse matrices, all of the same columns. float32 in the
        first block is trained in float32, all else in float64. For predictions X alone will do.
    window : int, default=None
        Rows that are shuffled together, at least 1; None: as many as take 256 MiB.
    folder : str or path-like, default=None
        Where the temporary file is; None: in the system's folder for such.

    Raises
    ------
    TypeError, ValueError
        By ``fit``: if a block is none, or does not go with the first.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop import MLPRegressor, Rows
    >>> def blocks():
    ...     for seed in range(4):
    ...         X = np.random.RandomState(seed).randn(50, 3)
    ...         yield X, X.sum(axis=1)
    >>> model = MLPRegressor(hidden_layer_sizes=(8,), max_iter=100, random_state=0)
    >>> bool(model.fit(Rows(blocks()), None).score(np.eye(3), np.ones(3)) <= 1)
    True
    """

    def __init__(
        self,
        blocks: Iterable[Sequence[Any]],
        *,
        window: int | None = None,
        folder: str | os.PathLike[str] | None = None,
    ):
        if not hasattr(blocks, "__iter__"):
            raise TypeError(
                f"blocks must be an iterable of (X, y), got {type(blocks).__name__}: a generator, "
                "a list, an object with __iter__"
            )
        if window is not None:
            check_integer("window", window, at_least=1)
        self.blocks, self.window, self.folder = blocks, window, folder

    @classmethod
    def from_npy(
        cls, X: Any, y: Any = None, sample_weight: Any = None, *, window: int | None = None
    ) -> Rows:
        """Of files of `numpy.save`, or of lists of such files, which are mapped and not read.

        Parameters
        ----------
        X, y : str or path-like, or lists of these
            Files with as many rows each. For predictions X alone will do.
        sample_weight : str or path-like, or list of these, default=None
            Likewise.
        window : int, default=None
            As for `Rows`.

        Returns
        -------
        Rows
            The rows of all files. One file of X is mapped as it is, and not copied.
        """
        columns = [_paths(part) for part in (X, y, sample_weight) if part is not None]
        if len({len(paths) for paths in columns}) > 1:
            raise ValueError(
                f"X, y and sample_weight must be as many files, got {[len(p) for p in columns]}"
            )
        return cls(_Maps(columns), window=window)

    @classmethod
    def from_parquet(
        cls,
        paths: Any,
        target: str | Sequence[str] = (),
        *,
        columns: Sequence[str] | None = None,
        sample_weight: str | None = None,
        window: int | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> Rows:
        """Of Parquet files, which are read by row group. Needs pyarrow.

        Parameters
        ----------
        paths : str or path-like, or list of these
            The files.
        target : str or list of str, default=()
            The column of y, or its columns. For predictions there may be none.
        columns : list of str, default=None
            Those of X; None: all others of the first file. Numbers.
        sample_weight : str, default=None
            The column of the rows' weights.
        window, folder : optional
            As for `Rows`.

        Returns
        -------
        Rows
            The rows of all files.
        """
        targets = [target] if isinstance(target, str) else list(target)
        files = _Parquet(_paths(paths), columns, targets, sample_weight)
        return cls(files, window=window, folder=folder)

    @contextmanager
    def _mapped(self) -> Iterator[Mapped]:
        """The rows in one array each; the file goes when the block of ``with`` ends."""
        if isinstance(self.blocks, _Maps) and (whole := self.blocks.as_it_is()):
            yield self._with_window(whole)
            return
        with tempfile.TemporaryDirectory(
            prefix="cbackprop-", dir=self.folder, ignore_cleanup_errors=True
        ) as folder:
            rows = written(self.blocks, Path(folder))
            yield self._with_window(rows)
            del rows

    def _with_window(self, rows: Mapped) -> Mapped:
        X = rows.X
        size = X.nbytes if hasattr(X, "nbytes") else X.data.nbytes + X.indices.nbytes
        row = max(1, size // X.shape[0])
        return rows._replace(window=self.window or max(1, WINDOW_BYTES // row))

    def _each(self, answer: Callable[[Any], NDArray]) -> NDArray:
        """What is answered to the X of every block, one behind the other."""
        return answers(self.blocks, answer)[0]

    def _judged(
        self, answer: Callable[[Any], NDArray], *given: Any
    ) -> tuple[NDArray, NDArray, NDArray | None]:
        """The same, with y and the weights; nothing is `given` besides."""
        _check_alone(*given)
        said, (y, *weights) = answers(self.blocks, answer, targets=True)
        return said, y, weights[0] if weights else None


class _Maps:
    """Blocks of .npy files."""

    def __init__(self, columns: list[list[str]]):
        self.columns = columns

    def __iter__(self) -> Iterator[list[NDArray]]:
        for paths in zip(*self.columns, strict=True):
            yield [np.load(path, mmap_mode="r") for path in paths]

    def as_it_is(self) -> Mapped | None:
        """One file, if the engine can read it where it is."""
        if len(self.columns[0]) > 1 or len(self.columns) < 2:
            return None
        X, y, *weight = next(iter(self))
        plain = X.dtype in FLOATS and X.ndim == 2 and X.flags.c_contiguous
        return Mapped(X, np.array(y), np.array(weight[0]) if weight else None) if plain else None


class _Parquet:
    """Blocks of Parquet files: their row groups."""

    def __init__(self, paths: list[str], columns: Any, targets: list[str], weight: str | None):
        self.paths, self.targets, self.weight = paths, targets, weight
        self.columns = None if columns is None else list(columns)

    def __iter__(self) -> Iterator[list[NDArray]]:
        from pyarrow.parquet import ParquetFile

        own = [self.weight] if self.weight else []
        columns = self.columns
        for path in self.paths:
            with ParquetFile(path) as file:
                names = file.schema_arrow.names
                if columns is None:
                    columns = [name for name in names if name not in {*self.targets, *own}]
                wanted = [*columns, *self.targets, *own]
                if missing := [name for name in wanted if name not in names]:
                    raise ValueError(f"{path} has no column {missing[0]!r}, but {names}")
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=wanted)
                    said = f"{path}, row group {group}"
                    X = np.stack([_numbers(table, name, said) for name in columns], axis=1)
                    y = [table[name].to_numpy(zero_copy_only=False) for name in self.targets]
                    yield [X, *([np.stack(y, axis=1)] if len(y) > 1 else y)] + [
                        _numbers(table, name, said) for name in own
                    ]


def _numbers(table: Any, name: str, where: str) -> NDArray:
    column = table[name].to_numpy(zero_copy_only=False)
    if column.dtype.kind not in "biuf":
        raise ValueError(f"column {name!r} must hold numbers, got {table[name].type} in {where}")
    return column


def _paths(given: Any) -> list[str]:
    several = isinstance(given, list | tuple)
    return [os.fspath(path) for path in (given if several else [given])]


def mapped(X: Any, y: Any, sample_weight: Any) -> AbstractContextManager[Mapped]:
    """What `fit` was given: as it is, or the arrays of `Rows`."""
    if not isinstance(X, Rows):
        return nullcontext(Mapped(X, y, sample_weight))
    _check_alone(y, sample_weight)
    return X._mapped()


def _check_alone(y: Any, sample_weight: Any) -> None:
    if y is not None or sample_weight is not None:
        raise ValueError("Rows have targets and weights of their own: y must be None")
