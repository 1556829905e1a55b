"""How many cores may this process use, and how many of them are quick?"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import joblib

PROCESSORS = Path("/sys/devices")  # of Linux


def _affinity() -> frozenset[int] | None:
    """The processors that the process may run on; None where nobody says."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return frozenset(os.sched_getaffinity(0))


def processors() -> frozenset[int]:
    """The numbers of those that the process may run on."""
    own = _affinity()
    return frozenset(range(os.cpu_count() or 1)) if own is None else own


class _Machine(NamedTuple):
    cores: int
    quick: int | None


@cache
def _machine(affinity: frozenset[int] | None) -> _Machine:
    # joblib also reads the quota of a container, of cgroups v1 and v2, and knows that Windows
    # gives a process no more than 64 processors. That takes 50 microseconds: it is asked once, and
    # again where the affinity has changed.
    most = max(1, joblib.cpu_count())
    quick = _quick(affinity, most)
    return _Machine(most, quick if quick < most else None)


def cores() -> int:
    """Cores that there are for this process: of its affinity, its container's quota, and Python's
    and joblib's own settings (``PYTHON_CPU_COUNT``, ``LOKY_MAX_CPU_COUNT``) the least.
    """
    return _machine(_affinity()).cores


def quick_cores() -> int | None:
    """As many of `cores` as a team is quickest with; None if that is all of them.

    Its threads have equal parts of a step and wait for one another, so that all are as slow as the
    slowest core: where some are slow, fewer but quick ones can be more.
    """
    return _machine(_affinity()).quick


@cache
def _capacities() -> dict[int, float]:
    """What each processor is capable of, where Linux says that they differ; else nothing."""
    try:
        files = PROCESSORS.glob("system/cpu/cpu[0-9]*/cpu_capacity")
        found = {int(file.parent.name[3:]): float(file.read_text()) for file in files}
        performance = PROCESSORS / "cpu_core/cpus"  # of Intel's, beside cpu_atom
        if not found and performance.exists():
            found = dict.fromkeys(range(os.cpu_count() or 1), 0.5)
            found |= dict.fromkeys(_listed(performance.read_text()), 1.0)
    except (OSError, ValueError):
        return {}
    return found if len(set(found.values())) > 1 else {}


def _listed(text: str) -> list[int]:
    """The numbers of a list such as 0-3,8."""
    ranges = [part.split("-") for part in text.split(",") if part.strip()]
    return [i for ends in ranges for i in range(int(ends[0]), int(ends[-1]) + 1)]


@cache
def _performance_cores() -> int | None:
    """Those of an Apple processor; None elsewhere, and where all are the same."""
    if sys.platform != "darwin":
        return None
    try:
        number, size = ctypes.c_int32(0), ctypes.c_size_t(4)
        name = b"hw.perflevel0.logicalcpu"
        ask = ctypes.CDLL(None).sysctlbyname
        failed = ask(name, ctypes.byref(number), ctypes.byref(size), None, ctypes.c_size_t(0))
    except (OSError, AttributeError):
        return None
    return None if failed or number.value < 1 else number.value


def _quick(affinity: frozenset[int] | None, most: int) -> int:
    if (performance := _performance_cores()) is not None:
        return performance
    capacities = _capacities()
    if not capacities or affinity is None:
        return most
    own = sorted((capacities.get(i, 0.0) for i in affinity), reverse=True)
    return max(range(1, len(own) + 1), key=lambda n: n * own[n - 1])
