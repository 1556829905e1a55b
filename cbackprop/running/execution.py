"""How a call works: on how many threads. Made at the top of a call, and passed down whole."""

from __future__ import annotations

from collections.abc import Callable

from cbackprop.running.threads import FLOPS_PER_THREAD, check_n_jobs, number_of_threads


class Execution:
    """What a call was told of how to work; nothing below makes one of its own, or does without.

    Parameters
    ----------
    n_jobs : int or None
        Threads: a number of them, -1 for all that BLAS may use, None for as many as pay off.

    Raises
    ------
    TypeError, ValueError
        If `n_jobs` is none of these.
    """

    __slots__ = ("n_jobs",)

    def __init__(self, n_jobs: int | None):
        if n_jobs is not None:
            check_n_jobs(n_jobs)
        self.n_jobs = n_jobs

    def threads(
        self,
        flops: float,
        *,
        per_thread: float = FLOPS_PER_THREAD,
        pays: Callable[[int], int] | None = None,
        alone: bool = False,
    ) -> int:
        """Threads for steps of so much work, as `number_of_threads` finds them if it is left to us.

        `alone`: where a loss in Python is called, by one thread.
        """
        if alone:
            if self.n_jobs not in (None, 1, -1):
                raise ValueError(
                    f"a loss in Python is called by one thread: n_jobs must be 1 or None, got "
                    f"{self.n_jobs}; one in C, a LowLevelCallable, by any number"
                )
            return 1
        return number_of_threads(self.n_jobs, flops, per_thread=per_thread, pays=pays)


AS_MANY_AS_PAY = Execution(None)  # of calls that have no `n_jobs`
