"""A tour of the compiled code under valgrind's memcheck: no error with a frame of ours.

    python tools/valgrind.py

Needs valgrind, GCC, and an environment in which the tests run. First a copy with a planted read
out of bounds, which must be reported.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import common
from sanitize import OUT_OF_BOUNDS, READS_OUT_OF_BOUNDS, TOUR

OPTIONS = ["--tool=memcheck", "--num-callers=24", "--keep-debuginfo=yes", "--fair-sched=yes"]


def errors(copy: Path, *command: str) -> tuple[list[str], str]:
    """The errors that valgrind reports in our modules, and all that was said."""
    environment = common.environment_with(
        PYTHONPATH=str(copy), PYTHONMALLOC="malloc", OPENBLAS_CORETYPE="Haswell"
    )
    command = ("valgrind", *OPTIONS, sys.executable, "-P", *command)
    said = common.run(list(command), copy, environment, quiet=True, fails=True)
    reports = re.split(r"\n==\d+== \n", said)
    ours = re.compile(
        r"\((block|run|trial|steps|passes|kernels|shuffle|crew|table|body|team)\.(c|h):\d+\)"
    )
    kinds = ("Invalid ", "Conditional jump", "Use of uninit", "Source and destination")
    return [text for text in reports if ours.search(text) and any(k in text for k in kinds)], said


def main() -> None:
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed")
    copy = common.copy_source("valgrind")
    common.build(copy, flags="-g -DCBACKPROP_PLAIN", level="-O1")
    found, said = errors(copy, str(copy / TOUR))
    if found or "tour ended" not in said:
        raise SystemExit("\n".join(found) or said)
    common.report("valgrind", "errors in the tour", 0)
    file, old, new = OUT_OF_BOUNDS
    common.replace_once(copy / "cbackprop/engine" / file, old, new)
    common.build(copy, flags="-g -DCBACKPROP_PLAIN", level="-O1")
    found, said = errors(copy, "-c", READS_OUT_OF_BOUNDS)
    if not any("Invalid read" in text for text in found):
        raise SystemExit(f"a planted fault was not reported: a read out of bounds\n{said}")
    common.report("valgrind", "planted faults reported", 1)


if __name__ == "__main__":
    main()
