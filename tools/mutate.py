"""How many small faults in the mathematics do the tests catch?

    python tools/mutate.py [NUMBER [SEED [others]]]

Plants one fault at a time in a copy of the source, in passes, steps and products, the C loops and
the Python loops in turn; compiles what sees it; runs the quick tests, those first that look at
such code, and where these pass the longer ones. A fault that no test notices is listed: it is a
missing test, or a change that means the same. What the compiler makes nothing of, and code that
this processor cannot run, is left out. The draw depends on SEED alone. With `others`, the faults
are in the Python files that have no mathematics.
"""

from __future__ import annotations

import os
import queue
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import common
from faults import Fault, all_faults, drawn

LOOKING = {  # the tests that look first
    "passes, steps, products": ["steps", "gradients", "network", "products", "parity"],
    "C loops": ["kernels", "products", "steps", "gradients", "parity"],
    "Python loops": ["reference", "network", "parity", "estimators", "differences", "steps"],
    "other Python": ["files", "callbacks", "bad_input", "lies", "undo", "estimators"],
}
# What survives all quick tests meets these and then all others, but for those that measure time and
# those that take minutes to see something else.
LONGER = ["parity", "properties", "products", "reference", "slices", "divergence", "checkpoints"]
ELSEWHERE = ["allocations", "examples", "interrupts", "main", "memory", "processes", "repetition"]
TIMED = "tests/running/test_slices.py::test_no_slice_of_mini_batches_takes_long"
LIMIT = 600  # seconds that tests may take: a fault may make one run for ever
SHARE = 0.9  # of the faults must be caught


class Outcome(NamedTuple):
    fault: Fault
    shown: str
    by: str  # "" for a fault that survived
    quickly: bool


def first_failure(copy: Path, *arguments: str) -> str:
    """The first of these tests that fails, or what else went wrong; nothing if all pass."""
    environment = common.environment_with(PYTHONPATH=str(copy))
    environment.pop("CBACKPROP_FIGURES", None)
    command = ["pytest", "-x", "-q", "-p", "no:cacheprovider", f"--basetemp={copy / 'tmp'}"]
    try:
        done = subprocess.run(
            [*command, *arguments],
            cwd=copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {LIMIT} s"
    if done.returncode == 0:
        return ""
    named = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return named[1].removeprefix("tests/") if named else f"exit status {done.returncode}"


def in_order(names: list[str], left_out: Collection[str] = ()) -> list[str]:
    """All test files, these first; each by name, for pytest sorts what a folder names as well."""
    files = (common.ROOT / "tests").rglob("test_*.py")
    others = sorted({file.stem.removeprefix("test_") for file in files} - {*names, *left_out})
    return common.tests_named([*names, *others])


def quick_tests(group: str) -> list[str]:
    return ["-m", "quick", *in_order(LOOKING[group])]


def longer_tests() -> list[str]:
    return ["-m", "not quick and not nightly", f"--deselect={TIMED}", *in_order(LONGER, ELSEWHERE)]


def modules(copy: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((copy / "cbackprop/engine").glob("*.so"))]


def outcome(fault: Fault, clean: Path, copies: queue.Queue[Path]) -> Outcome | None:
    """What became of the fault; None if it does not compile, or to nothing else than before."""
    copy = copies.get()
    try:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(clean, copy)  # with times: only what sees the fault is compiled
        file = copy / fault.file
        text = file.read_text(encoding="utf-8")
        file.write_text(fault.planted(text), encoding="utf-8")
        if file.suffix != ".py":
            try:
                common.compile_changes(copy)
            except SystemExit:
                return None
            if modules(copy) == modules(clean):
                return None
        shown = fault.shown(text)
        if by := first_failure(copy, *quick_tests(fault.group)):
            return Outcome(fault, shown, by, True)
        return Outcome(fault, shown, first_failure(copy, *longer_tests()), False)
    finally:
        copies.put(copy)


def outcomes(faults: list[Fault], number: int, clean: Path, rng: random.Random) -> list[Outcome]:
    """Of that many faults, planted some at once, each in a copy of its own."""
    n_copies = max(1, min(4, len(os.sched_getaffinity(0))))
    copies: queue.Queue[Path] = queue.Queue()
    for index in range(n_copies):
        copies.put(clean.with_name(f"copy-{index}"))
    found: list[Outcome] = []
    left = drawn(faults, rng.shuffle)
    with ThreadPoolExecutor(n_copies) as pool:
        while missing := number - len(found):
            some = [fault for _, fault in zip(range(missing), left, strict=False)]
            if not some:
                break
            for future in as_completed(pool.submit(outcome, one, clean, copies) for one in some):
                if (result := future.result()) is not None:
                    found.append(result)
                    print(f"{result.by or 'SURVIVED'}: {result.shown}", flush=True)
    return found


def main(number: int, seed: int, others: bool) -> None:
    clean = common.copy_source("mutate/clean")
    common.build(clean, level="-O1")
    code = "from cbackprop.engine import kernels; print(*kernels.available())"
    environment = common.environment_with(PYTHONPATH=str(clean))
    available = common.run([sys.executable, "-P", "-c", code], clean, environment, quiet=True)
    if wrong := first_failure(clean, *quick_tests("C loops")):
        raise SystemExit(f"a test fails without any fault: {wrong}")
    shutil.rmtree(clean / "tmp", ignore_errors=True)
    lacking = {"avx512", "avx2"} - set(available.split())
    faults = [x for x in all_faults(clean, lacking) if (x.group == "other Python") == others]
    found = outcomes(faults, number, clean, random.Random(seed))

    survivors = [result for result in found if not result.by]
    print("survivors:", *(f"{one.fault.kind}: {one.shown}" for one in survivors), sep="\n  ")
    common.report("mutate", "possible faults", len(faults))
    for group in LOOKING:
        those = [result for result in found if result.fault.group == group]
        if not those:
            continue
        caught = sum(bool(result.by) for result in those)
        common.report("mutate", f"faults caught in {group}", f"{caught} of {len(those)}")
    common.report("mutate", "faults planted", len(found))
    common.report("mutate", "faults caught", len(found) - len(survivors))
    common.report("mutate", "faults caught by quick tests", sum(one.quickly for one in found))
    if len(found) - len(survivors) < SHARE * len(found):
        raise SystemExit(f"the tests miss more than {1 - SHARE:.0%} of the faults")


if __name__ == "__main__":
    others = sys.argv[-1] == "others"
    numbers = [int(argument) for argument in sys.argv[1 : len(sys.argv) - others]]
    number, seed = numbers + [60, 0][len(numbers) :]
    main(number, seed, others)
