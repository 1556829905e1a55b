"""How much longer does `import cbackprop` take than scikit-learn's own module alone?"""

import os
import statistics
import subprocess
import sys

import pytest

THEIRS, OURS = "import sklearn.neural_network", "import cbackprop"


def milliseconds(statement, folder):
    """Of the processor's time, which other work on the machine changes least, in a new Python.

    Modules are there as bytecode after the first call, as they are where pip installed them.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", statement]
    process = subprocess.Popen(command, cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return 1e3 * (usage.ru_utime + usage.ru_stime)


@pytest.mark.nightly
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs a system that counts children's time")
def test_import_takes_15_ms_more_than_scikit_learns_module_at_most(tmp_path, capfd):
    differences = []
    for statement in (THEIRS, OURS):
        milliseconds(statement, tmp_path)
    for _ in range(3):
        pairs = [[milliseconds(s, tmp_path) for s in (THEIRS, OURS)] for _ in range(21)]
        theirs, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
        differences.append(ours - theirs)
        with capfd.disabled():
            print(f"\n{THEIRS} {theirs:.1f} ms, {OURS} {ours:.1f} ms, medians of {len(pairs)}")
        if ours - theirs < 15:
            return
    pytest.fail(f"an import should take less than 15 ms more, got {differences}")
