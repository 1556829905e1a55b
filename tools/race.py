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
TESTS = [f"tests/engine/test_{name}.py" for name in ("team", "squads", "steps")]
# A child whose parent had another thread starts one: its number is that thread's, of whom the
# sanitizer still thinks that it is there, and ends the child ("dup thread with used id").
NOT_UNDER_SANITIZERS = "test_a_child_forked_while_a_thread_holds_blas_has_it_back"
# The orders that make the barrier one; the processors that most people have would not tell.
ORDERS = ["__ATOMIC_ACQ_REL", "__ATOMIC_ACQUIRE", "__ATOMIC_RELEASE"]
# Slices long enough that threads meet in them: short ones the GIL lets through one after another.
TRAINING = """
import numpy as np
import scipy.sparse
import cbackprop
from cbackprop import SGD, Adam, Network, training
from cbackprop.running.execution import Execution
rng = np.random.default_rng(0)
X, y = rng.normal(size=(30000, 5)), rng.normal(size=(30000, 2))
sparse = scipy.sparse.random(30000, 5, 0.5, "csr", random_state=0)
for n_jobs, optimizer in enumerate((SGD(), SGD(0.01, 0.9), Adam(clip_norm=0.1), Adam()), 1):
    for rows in (X, sparse):
        network = Network([5, 8, 2], random_state=0)
        network.fit(rows, y, optimizer=optimizer, n_jobs=n_jobs + 1, epochs=1, batch_size=60)
        network._predict(rows, Execution(n_jobs))
        optimizer.state = None
        network.fit(rows, y, optimizer=optimizer, n_jobs=n_jobs + 1, epochs=1, batch_size=60,
                    dropout=0.2, max_norm=0.1, l1=0.1)
        optimizer.state = None
wide = rng.normal(size=(600, 64))
network = Network([64, 256, 256, 2], random_state=0)
steps = training.epochs.__globals__  # in squads, which the model of cost would not take here
for split in ((4, 2), (6, 3), (8, 4)):
    steps["split_among"] = lambda shape, threads, split=split: split
    epochs = training.epochs(network, wide, y[:600], Adam(), batch_size=50, max_epochs=2,
                             rng=np.random.RandomState(0), n_jobs=split[0])
    list(epochs)
print("trained with", cbackprop.__file__)
"""
NOBODY_WAITS = ("if (size == 1) return 1;", "if (size >= 1) return 1;")


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
    """Training and the tests of the team, every access from our modules watched."""
    copy = common.copy_source("race-engine")
    common.build(copy, flags=FLAGS, link="-fsanitize=thread", level="-O1")
    said = without_races(copy, ["-c", TRAINING])
    if f"trained with {copy}" not in said:
        raise SystemExit(f"training came to no end:\n{said}")
    left_out = f"--deselect={TESTS[0]}::{NOT_UNDER_SANITIZERS}"
    said = without_races(copy, ["-m", "pytest", "-q", "-s", *TESTS, left_out])
    print(said[-300:])
    if re.search(r"\d+ (failed|error)", said.splitlines()[-1]):
        raise SystemExit("tests of training failed under the sanitizer")
    common.report("race", "tests of training passed", int(re.findall(r"(\d+) passed", said)[-1]))

    common.replace_once(copy / "cbackprop/engine/team.h", *NOBODY_WAITS)
    common.build(copy, flags=FLAGS, link="-fsanitize=thread", level="-O1")
    said, races = watched(copy, ["-c", TRAINING])
    if not races:
        raise SystemExit(f"a planted race was not reported: training without a barrier\n{said}")
    common.report("race", "races reported in training without a barrier", len(races))


def without_races(copy: Path, arguments: list[str]) -> str:
    said, races = watched(copy, arguments)
    if races:
        raise SystemExit(f"{len(races)} races in training, the first:\n{races[0]}")
    return said


def watched(copy: Path, arguments: list[str]) -> tuple[str, list[str]]:
    """What a Python says with the copy's modules, and the reports of races that go through them."""
    library = subprocess.check_output(["gcc", "-print-file-name=libtsan.so"], text=True).strip()
    environment = common.environment_with(
        PYTHONPATH=str(copy),
        LD_PRELOAD=library,
        TSAN_OPTIONS="halt_on_error=0:exitcode=66:die_after_fork=0",
    )
    command = ["setarch", "-R", sys.executable, "-P", *arguments]
    said = common.run(command, copy, environment, quiet=True, fails=True)
    reports = [part for part in said.split("==================") if "cbackprop/engine/" in part]
    return said, reports


if __name__ == "__main__":
    barrier(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    training()
