"""The thread team under ThreadSanitizer: the barrier by itself, then real training.

    python tools/race.py [GAMES]

Needs GCC. A small C program plays games of many threads with the real engine/team.h, broken at
random moments; then the tests of the team run with compiled modules that are instrumented. First
two wrong barriers, whose races must be reported: one without orders of memory, one left out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import common

FLAGS = "-g -fno-omit-frame-pointer -fsanitize=thread"
TESTS = ["tests/test_team.py", "tests/test_steps.py"]
# The orders that make the barrier one; the processors that most people have would not tell.
ORDERS = ["__ATOMIC_ACQ_REL", "__ATOMIC_ACQUIRE", "__ATOMIC_RELEASE"]
NOBODY_WAITS = ("if (team->size == 1) return 1;", "if (team->size >= 1) return 1;")


def driver(folder: Path, *flags: str) -> Path:
    """The C program, built with the team.h of this folder."""
    program = folder / "driver"
    source = common.ROOT / "tools/team_driver.c"
    command = ["gcc", "-O1", *FLAGS.split(), f"-I{folder}", *flags, str(source), "-o", str(program)]
    common.run([*command, "-lpthread"], folder, common.environment_with(), quiet=True)
    return program


def play(program: Path, games: int) -> str:
    """What the program says; without random addresses, which GCC 12's run-time cannot take."""
    command = ["setarch", "-R", str(program), str(games), "1"]
    environment = common.environment_with(TSAN_OPTIONS="halt_on_error=1")
    return common.run(command, program.parent, environment, quiet=True, fails=True)


def barrier(games: int) -> None:
    folder = common.WORK / "race"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    header = folder / "team.h"
    shutil.copy2(common.ROOT / "cbackprop/engine/team.h", header)
    clean = header.read_text(encoding="utf-8")
    reported = 0
    for order in ORDERS:
        common.replace_once(header, order, "__ATOMIC_RELAXED")
        said = play(driver(folder), 200)
        if "data race" not in said:
            raise SystemExit(f"a planted race was not reported: without {order}\n{said}")
        header.write_text(clean, encoding="utf-8")
        reported += 1
    said = play(driver(folder, "-DPLANTED"), 200)
    if "data race" not in said:
        raise SystemExit(f"a planted race was not reported: a wait left out\n{said}")
    common.report("race", "planted races reported", reported + 1)

    said = play(driver(folder), games)
    match = re.search(r"games (\d+) rounds (\d+) broken (\d+) errors 0\n", said)
    if match is None or "ThreadSanitizer" in said:
        raise SystemExit(f"the barrier is wrong:\n{said}")
    for name, value in zip(
        ("games", "rounds of a thread", "games broken"), match.groups(), strict=True
    ):
        common.report("race", name, int(value))


def training() -> None:
    """The tests of the team, in a Python whose every access from our modules is watched."""
    copy = common.copy_source("race-engine")
    common.build(copy, flags=FLAGS, link="-fsanitize=thread", level="-O1")
    said, ours = watched(copy)
    print(said[-1500:])
    if ours:
        raise SystemExit(f"{len(ours)} races in training, the first:\n{ours[0]}")
    common.report("race", "tests of training passed", int(re.findall(r"(\d+) passed", said)[-1]))

    common.replace_once(copy / "cbackprop/engine/team.h", *NOBODY_WAITS)
    common.build(copy, flags=FLAGS, link="-fsanitize=thread", level="-O1")
    said, ours = watched(copy, "-k", "again_and_again")
    if not ours:
        raise SystemExit(f"a planted race was not reported: training without a barrier\n{said}")
    common.report("race", "races reported in training without a barrier", len(ours))


def watched(copy: Path, *options: str) -> tuple[str, list[str]]:
    """What pytest says, and the reports of races that go through our modules."""
    library = subprocess.check_output(["gcc", "-print-file-name=libtsan.so"], text=True).strip()
    environment = common.environment_with(
        PYTHONPATH=str(copy),
        LD_PRELOAD=library,
        OMP_NUM_THREADS="1",
        TSAN_OPTIONS="halt_on_error=0:exitcode=66:die_after_fork=0",
    )
    command = ["setarch", "-R", sys.executable, "-P", "-m", "pytest", "-q", "-s", *TESTS, *options]
    said = common.run(command, copy, environment, fails=True)
    reports = [part for part in said.split("==================") if "cbackprop/engine/" in part]
    return said, reports


if __name__ == "__main__":
    barrier(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    training()
