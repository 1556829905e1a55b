"""How many threads may work, who holds BLAS to one meanwhile, and the team that trains together."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from multiprocessing.dummy import DummyProcess
from numbers import Integral
from typing import Any, Self

import joblib
from threadpoolctl import ThreadpoolController

from cbackprop.engine import crew, run
from cbackprop.running.cores import cores, quick_cores

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# A thread for every so many operations, where nobody knows better.
FLOPS_PER_THREAD = 4e6

# As many as a team may have: however many the machine has, no more are taken.
MOST_THREADS = run.MOST_THREADS

# Address space that a further thread may take: OpenBLAS's buffer (33 MiB), glibc's heap for a
# thread (64), its stack (8).
PER_THREAD = 112 * 2**20

# What says how many threads BLAS may have, where threadpoolctl does not know the library, the first
# that is set: Apple's Accelerate has the first two, and joblib sets them all for its processes.
THREAD_VARIABLES = ("VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

# While BLAS is held to one thread: its libraries by their files, and the threads each had.
_before: dict[str, tuple[Any, int]] = {}


@cache
def _libraries() -> list:
    """The BLAS libraries loaded in this process: building the controller takes milliseconds."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _blas_of_scipy() -> Any:
    """The library behind scipy.linalg.cython_blas: SciPy's own, or the one that all share."""
    libraries = _libraries()
    own = [library for library in libraries if _is_scipys(library.filepath or "")]
    return (own or libraries or [None])[-1]


def _is_scipys(path: str) -> bool:
    """Whether it is of SciPy's wheel: that has its libraries beside the package, or in it."""
    path = path.replace("\\", "/")
    return "/scipy.libs/" in path or "/scipy/.dylibs/" in path


def _threads_of(library: Any) -> int | None:
    """As many as it is told to have; None if it was not told, or does not say."""
    threads = library.get_num_threads()
    if library.internal_api == "blis" and threads == 1:  # which threadpoolctl also says for -1
        told = getattr(library.dynlib, "bli_thread_get_num_threads", lambda: threads)()
        return None if told == -1 else threads
    return threads if threads and threads > 0 else None


def _threads_of_environment() -> int | None:
    for name in THREAD_VARIABLES:
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdecimal() and int(value) > 0:
            return int(value)
    return None


def allowed_threads() -> int:
    """Threads that SciPy's BLAS is allowed now, or was before a fit in progress held it to one.

    So ``OPENBLAS_NUM_THREADS``, ``threadpool_limits`` and joblib's inner limits all hold here. They
    are never more than there are cores: a BLAS does not know of a container's quota, nor of an
    affinity that came after it. Where BLAS cannot be asked, its variables can.
    """
    library = _blas_of_scipy()
    if library is None:
        threads = _threads_of_environment()
    else:
        with _held.lock:
            _, threads = _before.get(library.filepath) or (library, _threads_of(library))
    return min(threads or MOST_THREADS, cores())


def _set_threads(library: Any, threads: int) -> None:
    """Whichever thread asks: since threadpoolctl 3.8 OpenBLAS obeys one thread until it lets go."""
    let_go = getattr(library, "clear_controlling_thread", None)
    if let_go is not None:
        let_go(force=True)
    library.set_num_threads(threads)
    if let_go is not None:
        let_go(force=True)


def _hold() -> None:
    for library in _libraries():
        threads = _threads_of(library)
        if threads is not None and threads != 1:  # what is not known could not be given back
            _before[library.filepath] = library, threads
            _set_threads(library, 1)


def _let_go() -> None:
    for library, threads in _before.values():
        _set_threads(library, threads)
    _before.clear()


_held = crew.Shared(_hold, _let_go)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_held.forget)


def blas_held_to_one_thread() -> AbstractContextManager[None]:
    """BLAS works in the calling thread only; several may hold it, the last one out lets go."""
    return _held.hold()


def _has_room_for(threads: int) -> bool:
    """Whether the process may map the memory that so many threads take, where that is limited.

    OpenBLAS takes a buffer for every thread that multiplies, at its first product, and where there
    is no memory for it, it asks again for ever.
    """
    if resource is None or resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return True
    try:
        mmap.mmap(-1, (threads - 1) * PER_THREAD, mmap.MAP_PRIVATE, mmap.PROT_READ).close()
    except OSError:
        return False
    return True


def _sharers() -> int:
    """How many there are that share the cores with this thread, itself among them.

    joblib tells its processes by the environment how many threads BLAS may use, but neither its
    threads nor the processes of its backend "multiprocessing". Threads are those of a ThreadPool,
    which starts all at once, and which may be a thread's of another: so the same search always
    finds the same number.
    """
    me: Any = threading.current_thread()
    if me is threading.main_thread():
        in_pool = multiprocessing.current_process().daemon
        return MOST_THREADS if in_pool and _is_joblibs() else 1
    if not isinstance(me, DummyProcess):
        return MOST_THREADS if _is_joblibs() else 1
    pools = [_pool_of(thread) for thread in threading.enumerate()]
    n = 1
    while isinstance(me, DummyProcess):
        n *= max(1, pools.count(_pool_of(me)))
        me = getattr(me, "_parent", None)
    return n


def _pool_of(thread: threading.Thread) -> tuple[Any, Any] | None:
    """What tells a ThreadPool's threads from others: who made it, and its queue of tasks."""
    if not isinstance(thread, DummyProcess):
        return None
    given = getattr(thread, "_args", None)
    return id(getattr(thread, "_parent", None)), id(given[0]) if given else None


def _is_joblibs() -> bool:
    """Whether what runs here is a task of joblib's."""
    backend, _ = joblib.parallel.get_active_backend()
    return bool(getattr(backend, "nesting_level", None))


def check_n_jobs(n_jobs: int | None) -> None:
    """An error if it is not None, -1, or a number of threads that a team may have."""
    if n_jobs is None:
        return
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"n_jobs must be at least 1, -1 for all threads, or None; got {n_jobs}")
    if n_jobs > MOST_THREADS:
        raise ValueError(
            f"n_jobs must be at most {MOST_THREADS}, as many threads as work together here, got "
            f"{n_jobs}; -1 takes as many as there are, up to that"
        )


def number_of_threads(
    n_jobs: int | None,
    flops: float,
    *,
    per_thread: float = FLOPS_PER_THREAD,
    pays: Callable[[int], int] | None = None,
) -> int:
    """Threads for steps of so much work: what `n_jobs` says, or as many as pay off.

    None pays that has less than `per_thread` of it to do. Else `pays`, if given, says how many do,
    of so many at most.

    Raises
    ------
    TypeError, ValueError
        If `n_jobs` is not None, a positive integer, or -1 for all that BLAS may use.
    MemoryError
        If so many threads were asked for, and the process's limit leaves no room for them.
    """
    check_n_jobs(n_jobs)
    if n_jobs is None:
        paying = int(flops / per_thread)
        if paying < 2:
            return 1
        threads = min(allowed_threads() // _sharers(), MOST_THREADS)
        if threads < 2:
            return 1
        threads = min(threads, quick_cores() or threads)
        threads = min(threads, paying) if pays is None else pays(threads)
        while threads > 1 and not _has_room_for(threads):
            threads -= 1
        return threads
    threads = min(allowed_threads(), MOST_THREADS) if n_jobs == -1 else int(n_jobs)
    if threads > 1 and not _has_room_for(threads):
        needed = (threads - 1) * PER_THREAD // 2**20
        raise MemoryError(
            f"{threads} threads need up to {needed} MiB of address space besides the data, and the "
            "process's limit leaves less: n_jobs=1 may do"
        )
    return threads


class Team(crew.Team):
    """`size` threads, the caller one of them, that make the same call together.

    ``team.together(call)`` is the sum of ``call(barrier, thread)`` over the threads. If one cannot
    start or fails, or the caller is interrupted, the barrier is broken: nobody waits at it, and the
    error is raised when all have returned.
    """

    def __new__(cls, size: int, squad_size: int = 1) -> Self:
        return super().__new__(cls, size, squad_size, cores())
