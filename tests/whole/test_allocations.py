"""A call whose n-th allocation is refused ends in MemoryError, and the next one is as ever."""

import os
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

import cbackprop

FOLDER = Path(__file__).parents[1] / "memory"
# What Python and NumPy raise at some of their own places, instead of MemoryError.
FOREIGN = re.compile(
    r"SystemError: .*(without (exception set|setting an exception)|with an exception set)"
    r"|RuntimeError: can't allocate (read )?lock"
    r"|RuntimeError: can't start new thread"
    r"|TypeError: .*os.PathLike.*, not \w+Path"
)
# Where our compiled code would be to blame for one of them: in it, and in a line that calls it. Any
# other line of ours called a function of Python's or NumPy's. The crew asks Python for its locks.
OF_OURS = re.compile(
    rf"\(in (cbackprop|{re.escape(str(Path(cbackprop.__file__).parent))})/"
    r"(engine/(?!crew)|[^:]*: .*\b(run|kernels|crew|task|shuffle)\b[.(])"
)
STEPS = {  # of the scenarios in walk.py: how far apart the allocations are, of those tried always
    "fit classifier, adam": 0,
    "fit classifier, early stopping": 0,
    "fit regressor, sgd, sparse, 2 threads": 101,
    "fit regressor, lbfgs": 0,
    "partial_fit": 0,
    "predict": 3,
    "predict, 2 threads": 11,
    "Network.fit, momentum": 0,
    "Network.fit, adam, 3 threads": 37,
    "save": 29,
    "load": 0,
    "team": 1,
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A process's environment in which walk.py can refuse allocations."""
    if not (sys.platform == "linux" and os.confstr("CS_GNU_LIBC_VERSION")):
        pytest.skip("needs Linux with glibc")
    library = tmp_path_factory.mktemp("refuse") / "refuse.so"
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    command = [compiler, "-O2", "-shared", "-fPIC", str(FOLDER / "refuse.c"), "-o", str(library)]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip(f"needs a C compiler, and there is no {compiler}")
    before = os.environ.get("LD_PRELOAD", "")
    if "asan" in before or "tsan" in before:
        pytest.skip("the sanitizer's allocator is in the way")
    return {
        **os.environ,
        "LD_PRELOAD": str(library),
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(Path(cbackprop.__file__).parents[1]),
    }


def walk(name, environment, step, seconds):
    """What came of every `step`-th allocation; behind one that ends the process it goes on."""
    first, outcomes = 1, {}
    while True:
        run = subprocess.run(
            [
                sys.executable,
                "-P",
                str(FOLDER / "walk.py"),
                name,
                *map(str, (first, step, seconds)),
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 120,
        )
        for line in run.stdout.splitlines():
            number, _, outcome = line.partition(" ")
            if number.isdecimal():
                outcomes[int(number)] = outcome
        if run.returncode == 0:
            del outcomes[max(outcomes)]
            return outcomes, "out of time" not in run.stdout
        assert outcomes, run.stderr
        last = max(outcomes)
        outcomes[last] = f"the process ended ({run.returncode}): {run.stderr[-3000:]}"
        assert len([outcome for outcome in outcomes.values() if "the process" in outcome]) < 300
        first = last + step


def check(name, environment, figure, step, seconds):
    outcomes, whole = walk(name, environment, step, seconds)
    kinds = Counter()
    wrong = {}
    for n, outcome in outcomes.items():
        if outcome in ("MemoryError", "completed", "left alone"):
            kinds[outcome] += 1
        elif FOREIGN.match(outcome) and ", but" not in outcome and not OF_OURS.search(outcome):
            kinds["errors of Python's or NumPy's own"] += 1
        else:
            wrong[n] = outcome
    assert not wrong
    assert kinds["MemoryError"] > 10
    figure("allocations refused", len(outcomes))
    for kind, number in kinds.items():
        figure(f"of them: {kind}", number)
    return whole


@pytest.mark.parametrize("name", [name for name, step in STEPS.items() if step])
def test_some_refused_allocations_are_memory_errors_and_leave_nothing(name, environment, figure):
    check(name, environment, figure, STEPS[name], 60)


@pytest.mark.nightly
@pytest.mark.parametrize("name", STEPS)
def test_every_refused_allocation_is_a_memory_error_and_leaves_nothing(name, environment, figure):
    assert check(name, environment, figure, 1, 900)
