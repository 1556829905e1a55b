"""Which processes train together: the ranks of a communicator, or one process alone?

All that ranks say to each other goes through here, so that no one waits for a rank that has failed.
Between two exchanges of objects (`Ranks.gather`) a number of sums may stand that is known before
(`Ranks.sums`). So a rank that fails knows what the others wait for, takes part in it, and says what
went wrong: then every rank raises that error. Where it cannot know, it ends all processes.
"""

from __future__ import annotations

import builtins
import signal
import sys
import threading
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from socket import gethostname
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop._version import __version__
from cbackprop.running.cores import processors
from cbackprop.running.differences import differences, shown
from cbackprop.validation.checks import check_integer

NEEDED = ("Allreduce", "allgather", "Get_rank", "Get_size", "Abort")
NO_SEED = 2**32
NO_ROWS = (
    "X has no rows, and each rank of a fit must bring some: share them out anew, or "
    "start fewer ranks"
)
# Python's own errors that are made of a message alone.
SIMPLE = ValueError, TypeError, MemoryError, OSError, ArithmeticError, RuntimeError


class Alone:
    """One process: there is nobody to talk to, and nothing is done."""

    rank, size = 0, 1
    neighbours = 1  # processes that share this one's cores, this one among them
    sync_every = 1  # steps after which they come together

    def gather(self, mine: Any, what: str = "") -> list[Any]:
        """What every rank says, in their order; of `what`, in a word, which all ask for."""
        return [mine]

    def total(self, vector: NDArray, number: float = 0.0) -> float:
        """The sum of the ranks' vectors, in the place of this rank's; and that of numbers."""
        return number

    def sum(self, number: float) -> float:
        """The sum of the ranks' numbers."""
        return number

    def first(self, thing: Any) -> Any:
        """What rank 0 has, where unlike processors might differ in the last bit."""
        return thing

    def agree(self, what: Callable[[], Mapping[str, Any]]) -> None:
        """An error on every rank if these are not the same on all, each by its name."""

    def stack(self, rows: NDArray | None) -> Any:
        """The rows of all ranks, those of rank 0 first."""
        return rows

    def generator(self, rng: np.random.RandomState) -> np.random.RandomState:
        """What draws for this rank alone; `rng`, which is the same on all, stays as it is."""
        return rng

    def move_on(self, rng: np.random.RandomState) -> None:
        """Let the next `generator` of `rng` be another one."""

    def seed(self, random_state: Any) -> Any:
        """`random_state`; where that is None, a seed that all ranks have."""
        return random_state

    def same_bits(self, *vectors: NDArray) -> None:
        """Rank 0's numbers on every rank, should they differ."""

    def tell(self, error: BaseException) -> None:
        """Say that this rank has failed, if it is not said yet."""


ALONE = Alone()


class Ranks(Alone):
    """The ranks of a communicator, such as mpi4py's.

    Parameters
    ----------
    comm : object
        With `Allreduce` (of arrays), `allgather` (of objects), `Get_rank`, `Get_size` and `Abort`.
    sync_every : int
        After how many steps of their own they come together; 1: every step is of all.

    Raises
    ------
    TypeError
        If it has not all of these.
    """

    def __init__(self, comm: Any, sync_every: int = 1):
        missing = [name for name in NEEDED if not callable(getattr(comm, name, None))]
        if missing:
            raise TypeError(
                "comm must be a communicator, as mpi4py's MPI.COMM_WORLD, with the methods "
                f"{', '.join(NEEDED)}: {comm!r} has no {', '.join(missing)}"
            )
        self.comm, self.rank, self.size = comm, int(comm.Get_rank()), int(comm.Get_size())
        self.sync_every = sync_every
        self._sums: Sums | None = None  # which the others wait with, if not with an object
        self._inside = False  # a collective call that may have happened, or not
        self._told: BaseException | None = None
        self._interrupted = False

    # What is said.

    def gather(self, mine: Any, what: str = "") -> list[Any]:
        if self._interrupted:
            raise KeyboardInterrupt
        everyone = self._exchange(None, mine, what)
        ways = [{"the next thing to exchange": way} for _, _, way in everyone]
        if said := differences(ways):
            raise self._known_to_all(RuntimeError(f"the ranks have gone different ways: {said}"))
        return [said for _, said, _ in everyone]

    def _exchange(self, failure: tuple[str, str] | None, mine: Any, what: str = "") -> list[Any]:
        """Everybody's failure and what else they say; an error if one has failed."""
        self._inside = True
        everyone = self.comm.allgather((failure, mine, what))
        self._inside = False
        failed = [(rank, one) for rank, (one, _, _) in enumerate(everyone) if one is not None]
        if failed and failure is None:
            raise self._known_to_all(_error_of(*failed[0]))
        return everyone

    def _known_to_all(self, error: BaseException) -> BaseException:
        self._told = error
        return error

    def total(self, vector: NDArray, number: float = 0.0) -> float:
        sums = self.sums(vector.size, vector.dtype)
        numbers = sums.begin(1, number)
        sums.mine[...] = vector
        vector[...] = sums.add()
        return sum(numbers)

    def sums(self, size: int, dtype: Any) -> Sums:
        """Vectors of this size that are added up again and again."""
        return Sums(self, size, dtype)

    def sum(self, number: float) -> float:
        return sum(self.gather(number, "a sum"))

    def first(self, thing: Any) -> Any:
        return self.gather(thing if self.rank == 0 else None, "rank 0's")[0]

    def agree(self, what: Callable[[], Mapping[str, Any]]) -> None:
        mine = {name: shown(value) for name, value in what().items()}
        everyone = self.gather(mine, "what they were told")
        if said := differences(everyone):
            raise self._known_to_all(
                ValueError(f"the ranks that train together must be told the same, but {said}")
            )

    def stack(self, rows: NDArray | None) -> Any:
        parts = [part for part in self.gather(rows, "rows") if part is not None]
        return np.concatenate(parts) if parts else None

    def generator(self, rng: np.random.RandomState) -> np.random.RandomState:
        same = np.random.RandomState()
        same.set_state(rng.get_state())
        return np.random.RandomState([*same.randint(NO_SEED, size=4, dtype=np.uint32), self.rank])

    def move_on(self, rng: np.random.RandomState) -> None:
        rng.randint(NO_SEED, dtype=np.uint32)

    def seed(self, random_state: Any) -> Any:
        if random_state is not None:
            return random_state
        return self.first(int(np.random.RandomState().randint(2**31)))

    def same_bits(self, *vectors: NDArray) -> None:
        prints = self.gather([zlib.crc32(vector.tobytes()) for vector in vectors], "bits")
        for vector, *of_ranks in zip(vectors, *prints, strict=True):
            if len(set(of_ranks)) > 1:
                vector[...] = self.first(vector)

    # Where one fails.

    def tell(self, error: BaseException) -> None:
        if error is self._told:
            return
        self._interrupted = False
        try:
            if self._inside:
                raise RuntimeError("in the middle of an exchange")
            if self._sums is not None:
                self._sums.give_up()
            self._exchange((type(error).__name__, str(error)), None)
        except BaseException:
            print(f"Rank {self.rank} of {self.size} has failed:", file=sys.stderr)
            traceback.print_exception(error)
            sys.stderr.flush()
            self.comm.Abort(1)
            raise
        self._told = error

    @contextmanager
    def _as_one(self) -> Iterator[Ranks]:
        """All succeed, or all fail: whatever happens here, the others hear of it."""
        with self._interrupts_noted():
            try:
                self._meet()
                yield self
                self.gather(
                    None, "the end"
                )  # until here, one that has ended well can be told of others
            except BaseException as error:
                self.tell(error)
                raise

    def _meet(self) -> None:
        """Versions, for one, must be the same; who has the same cores shares them."""
        versions = {"cbackprop": __version__, "numpy": np.__version__}
        mine = {**versions, "sync_every": self.sync_every}, gethostname(), processors()
        everyone = self.gather(mine, "versions")
        if said := differences([same for same, _, _ in everyone]):
            raise self._known_to_all(RuntimeError(f"the ranks must have the same: {said}"))
        self.neighbours = sum(
            host == mine[1] and not mine[2].isdisjoint(theirs) for _, host, theirs in everyone
        )

    @contextmanager
    def _interrupts_noted(self) -> Iterator[None]:
        """Ctrl-C is noted until it can be said; a second one is raised at once."""
        ours = threading.current_thread() is threading.main_thread()
        ours = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if not ours:
            yield
            return

        def note(number: int, frame: Any) -> None:
            if self._interrupted:
                signal.default_int_handler(number, frame)
            self._interrupted = True

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._interrupted:  # when all was said
            raise KeyboardInterrupt


class Sums:
    """A vector of each rank, and their sum: `begin` says how often, and then `add` makes it.

    Behind the vector's numbers stands one more, which is not 0 if a rank has failed. With mpi4py
    the sum takes the place of `mine`, which saves a copy; with others it has its own.
    """

    def __init__(self, ranks: Ranks, size: int, dtype: Any):
        self.ranks, self.left = ranks, 0
        self._given = self._sum = np.zeros(size + 1, dtype)
        self._allreduce, self._mine = ranks.comm.Allreduce, _in_place(ranks.comm)
        if self._mine is None:
            self._mine, self._sum = self._given, np.zeros(size + 1, dtype)
        self.mine, self.sum = self._given[:-1], self._sum[:-1]

    def begin(self, times: int, said: Any = None) -> list[Any]:
        """What every rank says; behind that stand so many sums."""
        everyone = self.ranks.gather(said, f"{times} sums of {self._sum.size}")
        self.left = times
        self.ranks._sums = self if times else None
        return everyone

    def add(self) -> NDArray:
        """The sum of all ranks' `mine`, which is `sum`."""
        if self.ranks._interrupted:
            raise KeyboardInterrupt
        if self._reduced():
            self.ranks._exchange(None, None)
        return self.sum

    def give_up(self) -> None:
        """Let the others' sum fail."""
        self.mine[...], self._given[-1] = 0.0, 1.0
        self._reduced()

    def _reduced(self) -> bool:
        """Whether a rank has failed."""
        ranks = self.ranks
        ranks._inside = True
        self._allreduce(self._mine, self._sum)
        ranks._inside = False
        self.left -= 1
        failed = bool(self._sum[-1])
        if failed or not self.left:
            ranks._sums = None
        return failed


def _in_place(comm: Any) -> Any:
    """What mpi4py takes for the first array where the sum takes its place; None of others."""
    of_mpi4py = (kind.__module__ for kind in type(comm).__mro__ if "mpi4py" in kind.__module__)
    return next((getattr(sys.modules[name], "IN_PLACE", None) for name in of_mpi4py), None)


def _error_of(rank: int, failure: tuple[str, str]) -> BaseException:
    """What a rank raises for another one's error."""
    kind, message = failure
    if kind == "KeyboardInterrupt":
        return KeyboardInterrupt(message)
    return error_named(kind, message, f"on rank {rank}: ")


def error_named(kind: str, message: str, where: str = "") -> BaseException:
    """Another process's error: of the same type, if that is Python's own."""
    known = getattr(builtins, kind, None)
    if isinstance(known, type) and issubclass(known, SIMPLE) and "Unicode" not in kind:
        return known(f"{where}{message}")
    return RuntimeError(f"{where}{kind}: {message}")


def ranks_of(comm: Any, sync_every: Any = 1) -> AbstractContextManager[Any]:
    """Those of a communicator, whose work here is of one piece; without one, a process alone."""
    if comm is None and sync_every == 1:
        return nullcontext(ALONE)
    check_integer("sync_every", sync_every, at_least=1)
    if comm is None:
        raise ValueError(f"sync_every={sync_every} goes with comm, and there is none")
    if isinstance(comm, Alone):
        return nullcontext(comm)
    ranks = Ranks(comm, int(sync_every))
    return nullcontext(ALONE) if ranks.size == 1 else ranks._as_one()
