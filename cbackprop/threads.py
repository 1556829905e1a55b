"""How many threads may work, who holds BLAS to one meanwhile, and the team that trains together."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from numbers import Integral
from typing import Any

from threadpoolctl import ThreadpoolController

from cbackprop.engine import run

# Fewer multiplications of floats a step than this do not pay for two barriers (measured, see
# benchmarks).
FLOPS_PER_THREAD = 4e6

_lock = threading.Lock()
_holders = 0  # who holds BLAS to one thread at the moment
_before: list[tuple[Any, int]] = []  # its libraries, and the threads each had


@cache
def _libraries() -> list:
    """The BLAS libraries loaded in this process: building the controller takes milliseconds."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _blas_of_scipy() -> Any:
    """The library behind scipy.linalg.cython_blas: SciPy's own, or the one that all share."""
    libraries = _libraries()
    own = [library for library in libraries if "scipy.libs" in (library.filepath or "")]
    return (own or libraries or [None])[-1]


def allowed_threads() -> int:
    """Threads that SciPy's BLAS is allowed now, or was before a fit in progress held it to one.

    So ``OPENBLAS_NUM_THREADS``, ``threadpool_limits`` and joblib's inner limits all hold here.
    """
    library = _blas_of_scipy()
    if library is None:
        return os.cpu_count() or 1
    with _lock:
        for held, threads in _before:
            if held is library:
                return threads
        return int(library.get_num_threads() or 1)


def _set_threads(library: Any, threads: int) -> None:
    """Whichever thread asks: since threadpoolctl 3.8 OpenBLAS obeys one thread until it lets go."""
    let_go = getattr(library, "clear_controlling_thread", None)
    if let_go is not None:
        let_go(force=True)
    library.set_num_threads(threads)
    if let_go is not None:
        let_go(force=True)


@contextmanager
def blas_held_to_one_thread() -> Iterator[None]:
    """BLAS works in the calling thread only; several may hold it, the last one out lets go."""
    global _holders
    process = os.getpid()
    with _lock:
        if _holders == 0:
            for library in _libraries():
                threads = library.get_num_threads()
                if threads != 1:
                    _before.append((library, threads))
                    _set_threads(library, 1)
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            if os.getpid() == process:  # a forked child has forgotten its parent's holders
                _holders -= 1
            if _holders == 0:
                for library, threads in _before:
                    _set_threads(library, threads)
                _before.clear()


def _forget_holders() -> None:
    """In a forked child no other thread lives that could let go."""
    global _lock, _holders
    _lock = threading.Lock()
    _holders = 0
    for library, threads in _before:
        _set_threads(library, threads)
    _before.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_holders)


def number_of_threads(
    n_jobs: int | None, flops: float, *, per_thread: float = FLOPS_PER_THREAD
) -> int:
    """Threads for steps of so much work: what `n_jobs` says, or as many as pay off.

    Raises
    ------
    TypeError, ValueError
        If `n_jobs` is not None, a positive integer, or -1 for all that BLAS may use.
    """
    if n_jobs is None:
        return max(1, min(allowed_threads(), int(flops / per_thread)))
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"n_jobs must be at least 1, -1 for all threads, or None; got {n_jobs}")
    return allowed_threads() if n_jobs == -1 else int(n_jobs)


class Team:
    """`size` threads, the caller one of them, that make the same call together.

    The others are ordinary Python threads. If one cannot start or fails, the barrier is broken:
    nobody waits for it, and its error is raised here.
    """

    def __init__(self, size: int):
        self.size = size
        self._barrier = run.Team(size)
        self._others = ThreadPoolExecutor(size - 1, "cbackprop") if size > 1 else None

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *error: object) -> None:
        if self._others is not None:
            self._others.shutdown(wait=True)

    def together(self, call: Callable[[run.Team, int], float]) -> float:
        """The sum of ``call(barrier, thread)`` over the threads 0 ... size - 1."""
        if self._others is None:
            return call(self._barrier, 0)

        def guarded(thread: int) -> float:
            try:
                return call(self._barrier, thread)
            except BaseException:
                self._barrier.abort()
                raise

        waiting = []
        try:
            for thread in range(1, self.size):
                waiting.append(self._others.submit(guarded, thread))
            total = guarded(0)
        except BaseException:
            self._barrier.abort()
            raise
        finally:
            errors = [future.exception() for future in waiting]
        for error in errors:
            if error is not None:
                raise error
        return total + sum(future.result() for future in waiting)
