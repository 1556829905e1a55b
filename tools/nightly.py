"""The long checks, one after another, and their figures in one table at the end.

    python tools/nightly.py [NAME ...]

A check that fails does not keep the others from running; the exit status is 1 if any did.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

PYTHON = sys.executable
CHECKS = {
    "tests": ["pytest", "-q", "-m", "nightly", "-rs"],
    "sanitize": [PYTHON, "tools/sanitize.py"],
    "race": [PYTHON, "tools/race.py", "5000"],
    "valgrind": [PYTHON, "tools/valgrind.py"],
    "mutate": [PYTHON, "tools/mutate.py", "60"],
    "mutate-others": [PYTHON, "tools/mutate.py", "20", "0", "others"],
}
LIMIT = 3 * 3600  # seconds that one check may take


def ended(name: str, figures: Path) -> str:
    """Run a check, its output shown as it comes. Returns how it ended."""
    print(f"=== {name}", flush=True)
    began = time.monotonic()
    environment = {**os.environ, "CBACKPROP_FIGURES": str(figures)}
    try:
        status = subprocess.run(
            CHECKS[name], cwd=common.ROOT, env=environment, check=False, timeout=LIMIT
        ).returncode
    except subprocess.TimeoutExpired:
        return f"no end within {LIMIT} s"
    how = "passed" if status == 0 else f"FAILED with exit status {status}"
    return f"{how}, {time.monotonic() - began:.0f} s"


def main(names: list[str]) -> int:
    unknown = set(names) - set(CHECKS)
    if unknown:
        raise SystemExit(f"there are the checks {', '.join(CHECKS)}; got {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures"
        figures.touch()
        how = {name: ended(name, figures) for name in names or CHECKS}
        rows = [line.split("\t") for line in figures.read_text(encoding="utf-8").splitlines()]
    rows = [(where.removeprefix("tests/"), what, value) for where, what, value in rows]
    rows = [*((name, "check", end) for name, end in how.items()), *rows]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    print("=== figures")
    for where, what, value in rows:
        print(f"{where:{widths[0]}}  {what:{widths[1]}}  {value}")
    return int(any(not end.startswith("passed") for end in how.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
