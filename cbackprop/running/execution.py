"""How a call works: on how many threads, and together with whom.

Made at the top of a call, and passed down whole.
"""

from __future__ import annotations

from collections.abc import Callable

from cbackprop.running.ranks import ALONE, Alone
from cbackprop.running.threads import (
    FLOPS_PER_THREAD,
    allowed_threads,
    check_n_jobs,
    number_of_threads,
)


class Execution:
    """What a call was told of how to work; nothing below makes one of its own, or does without.

    Parameters
    ----------
    n_jobs : int or None
        Threads: a number of them, -1 for all that BLAS may use, None for as many as pay off.
    ranks : Alone or Ranks
        The processes that make this call together. Those that share cores share them out, unless
        `n_jobs` says how many threads each has.

    Raises
    ------
    TypeError, ValueError
        If `n_jobs` is none of these.
    """

    __slots__ = ("n_jobs", "ranks")

    def __init__(self, n_jobs: int | None, ranks: Alone = ALONE):
        if n_jobs is not None:
            check_n_jobs(n_jobs)
        self.n_jobs, self.ranks = n_jobs, ranks

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
        threads = number_of_threads(self.n_jobs, flops, per_thread=per_thread, pays=pays)
        if self.ranks.neighbours > 1 and self.n_jobs in (None, -1):
            return max(1, min(threads, allowed_threads() // self.ranks.neighbours))
        return threads


AS_MANY_AS_PAY = Execution(None)  # of calls that have no `n_jobs`
