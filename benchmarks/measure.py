"""How is time taken?  A process each, interleaved rounds, and a look at who else works."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import random
import statistics
import time
import traceback
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

# Machines for reproducible results pin BLAS to old kernels; a user's machine does not.
PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
QUIET = 0.15  # cores that others may keep busy while a measurement counts as undisturbed


class Sample(NamedTuple):
    """One measurement."""

    seconds: float
    cores: float  # that it kept busy
    elsewhere: float  # cores that other processes kept busy meanwhile; NaN where unknown


class Failed(Exception):
    """What went wrong in a contender's process, as text."""


def environment(threads: int, keep_pins: bool) -> dict[str, str]:
    """Variables of a process that may use so many threads; NPROC is JAX's."""
    variables = {name: value for name, value in os.environ.items() if name not in THREADS}
    if not keep_pins:
        variables = {name: value for name, value in variables.items() if name not in PINS}
    return variables | dict.fromkeys(THREADS, str(threads))


@contextlib.contextmanager
def _environ(variables: dict[str, str]):
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(connection, factory: str, arguments: dict[str, Any]) -> None:
    """The child: builds an object, then calls its methods as asked, until told None."""
    call: Any = None
    while True:
        try:
            if call is None:
                module, name = factory.split(":")
                served = getattr(importlib.import_module(module), name)(**arguments)
                answer = None
            else:
                name, values = call
                answer = getattr(served, name)(*values)
            connection.send((True, answer))
        except Exception:
            connection.send((False, traceback.format_exc()))
        call = connection.recv()
        if call is None:
            return


class Worker:
    """An object that lives in a process of its own, started with its own environment.

    Parameters
    ----------
    factory : str
        ``"module:Class"``.
    variables : dict
        The environment.
    **arguments
        Of the class.
    """

    def __init__(self, factory: str, variables: dict[str, str], **arguments: Any):
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, factory, arguments), daemon=True
        )
        with _environ(variables):
            self._process.start()
        theirs.close()
        self._answer()

    def call(self, method: str, *values: Any) -> Any:
        self._connection.send((method, values))
        return self._answer()

    def _answer(self) -> Any:
        try:
            succeeded, answer = self._connection.recv()
        except EOFError:
            raise Failed("the process died") from None
        if not succeeded:
            raise Failed(answer)
        return answer

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.send(None)
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of a call, and CPU seconds of this process meanwhile."""
    cpu, start = time.process_time(), time.perf_counter()
    work()
    return time.perf_counter() - start, time.process_time() - cpu


def _busy() -> float:
    """CPU seconds that all processes of the machine have used; NaN where there is no such count."""
    try:
        with open("/proc/stat") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return float("nan")
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


def sample(measurement: Callable[[], tuple[float, float]], patience: int = 0) -> Sample:
    """One measurement: the least disturbed of at most 1 + patience.

    `measurement` returns seconds and the CPU seconds that are its own.
    """
    best = None
    for _ in range(1 + patience):
        before, start = _busy(), time.perf_counter()
        seconds, own = measurement()
        wall = time.perf_counter() - start
        elsewhere = max(0.0, (_busy() - before - own) / wall)
        if best is None or elsewhere < best.elsewhere:
            best = Sample(seconds, own / seconds, elsewhere)
        if not best.elsewhere > QUIET:
            break
        time.sleep(0.05)
    return best


def interleave(
    contenders: dict[Hashable, Callable[[], tuple[float, float]]],
    rounds: int,
    patience: int,
    rng: random.Random,
) -> dict[Hashable, list[Sample]]:
    """Every contender once a round, in a new order every round."""
    samples: dict[Hashable, list[Sample]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        rng.shuffle(order)
        for name in order:
            samples[name].append(sample(contenders[name], patience))
    return samples


@dataclass(frozen=True)
class Summary:
    """Of one contender's measurements."""

    median: float
    least: float
    quartiles: tuple[float, float]

    @classmethod
    def of(cls, values: Iterable[float]) -> Summary:
        values = sorted(values)
        if len(values) == 1:
            return cls(values[0], values[0], (values[0], values[0]))
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(middle, values[0], (low, high))


def ratio(values: list[float], to: list[float]) -> float:
    """Median of the rounds' ratios: what slows a whole round down cancels."""
    return statistics.median(a / b for a, b in zip(values, to, strict=True))
