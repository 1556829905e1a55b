"""The suite under the address and undefined-behaviour sanitizers, and a look for leaks.

    python tools/sanitize.py              # planted faults, leaks, the whole suite
    python tools/sanitize.py --selected   # of the suite only what goes through the compiled code
    python tools/sanitize.py -- -k door   # what stands behind -- goes to pytest

Needs GCC, and an environment in which the tests run. It builds a copy of the source in
build/tools/sanitize; nothing that is installed changes. First a second copy gets three faults: a
read out of bounds, a signed overflow and a leak. Unless all three are reported the command fails,
for then it is not looking.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import common

# CPython asks for -fwrapv, which would hide signed overflow.
FLAGS = (
    "-g -fno-omit-frame-pointer -fno-wrapv -fsanitize=address,undefined,float-cast-overflow "
    "-fno-sanitize-recover=all"
)
TOUR = "tools/tour.py"
SELECTED = [
    "kernels",
    "products",
    "gradients",
    "steps",
    "door",
    "team",
    "network",
    "files",
    "damaged_files",
]

# They measure the process, in which the sanitizer keeps for a while what is freed.
MEASURES = "tests/whole/test_memory.py::test_fit_adds_less_than_a_tenth_of_its_data"

# The door's check of row numbers is taken away: the labels are then read where there are none.
OUT_OF_BOUNDS = ("ranges.pxd", "if row < 0 or row >= n_stored:", "if row < 0:")
READS_OUT_OF_BOUNDS = """
import numpy as np
from cbackprop import Network
from cbackprop.engine import run
network = Network([2, 3])
labels = np.zeros(4, dtype=np.int32)
task = run.Task(network.plan, network.output, network.parameters, np.zeros((4, 2)), y=labels,
                rows=np.array([4]))
task.predict(np.empty((1, 3)))
"""

# The number of rows plus one, where a CSR may say that it has 2**63 - 1.
OVERFLOW = (
    "run.pyx",
    "if indptr.length() - 1 != self.n_stored:",
    "if indptr.length() != self.n_stored + 1:",
)
OVERFLOWS = """
import types
import numpy as np
from cbackprop import Network
from cbackprop.engine import run
network = Network([2, 3])
X = types.SimpleNamespace(data=np.zeros(1), indices=np.zeros(1, dtype=np.int32),
                          indptr=np.zeros(2, dtype=np.int32), shape=(2**63 - 1, 2), nnz=1)
run.Task(network.plan, network.output, network.parameters, X)
"""

# The workspace's count of owners is one too high for ever.
LEAK = (
    "run.pyx",
    "        self.blocks.append(work)\n",
    "        self.blocks.append(work)\n        Py_INCREF(self.workspace)\n",
)
LEAK_IMPORT = (
    "run.pyx",
    "from libc.limits cimport",
    "from cpython.ref cimport Py_INCREF\nfrom libc.limits cimport",
)
# All of them: file of the engine, what stands there, and what is to stand there.
PLANTED = OUT_OF_BOUNDS, OVERFLOW, LEAK, LEAK_IMPORT
LEAKS = OVERFLOWS.replace("2**63 - 1", "1") + "print('tour ended')"


def environment(copy: Path, **options: str) -> dict[str, str]:
    libraries = [
        subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libubsan.so")  # in this order
    ]
    address = {"detect_leaks": "0", "allocator_may_return_null": "1", "abort_on_error": "0"}
    return common.environment_with(
        PYTHONPATH=str(copy),
        PYTHONMALLOC="malloc",  # else small objects lie in large blocks, and nothing is seen
        LD_PRELOAD=" ".join(libraries),
        ASAN_OPTIONS=":".join(f"{k}={v}" for k, v in {**address, **options}.items()),
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
    )


def python(copy: Path, code: str, **options: str) -> str:
    """What a Python says that runs this code with the copy's modules."""
    code = f"import cbackprop; assert cbackprop.__file__.startswith({str(copy)!r})\n{code}"
    command = [sys.executable, "-P", "-c", code]
    return common.run(command, copy, environment(copy, **options), quiet=True, fails=True)


def leaks(copy: Path, code: str) -> list[str]:
    """The leaks whose stack goes through a compiled module of ours; no list of exceptions."""
    said = python(copy, code, detect_leaks="1", fast_unwind_on_malloc="0", exitcode="0")
    if "tour ended" not in said and "LeakSanitizer" not in said:
        raise SystemExit(f"the look for leaks came to no end:\n{said}")
    if "LeakSanitizer has encountered a fatal error" in said:
        raise SystemExit(said)
    blocks = re.split(r"\n(?=(?:Direct|Indirect) leak of )", said)[1:]
    return [block for block in blocks if "cbackprop/engine/" in block]


def compiled(copy: Path) -> Path:
    common.build(copy, flags=FLAGS, link="-fsanitize=address,undefined", level="-O1")
    return copy


def planted_faults_are_reported(clean: Path) -> None:
    copy = common.WORK / "sanitize-planted"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(clean, copy)
    for file, old, new in PLANTED:
        common.replace_once(copy / "cbackprop/engine" / file, old, new)
    compiled(copy)
    expected = {
        "heap-buffer-overflow": READS_OUT_OF_BOUNDS,
        "signed integer overflow": OVERFLOWS,
    }
    for report, code in expected.items():
        said = python(copy, code)
        if report not in said:
            raise SystemExit(f"a planted fault was not reported: {report}\n{said}")
    if not leaks(copy, LEAKS):
        raise SystemExit("a planted fault was not reported: a leak")
    common.report("sanitize", "planted faults reported", len(expected) + 1)


def main(arguments: list[str]) -> None:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options, for_pytest = arguments[:split], arguments[split + 1 :]
    if set(options) - {"--selected"}:
        raise SystemExit(__doc__)
    copy = compiled(common.copy_source("sanitize"))
    planted_faults_are_reported(copy)

    found = leaks(copy, f"import runpy; runpy.run_path({str(copy / TOUR)!r}, run_name='__main__')")
    if found:
        raise SystemExit("memory leaks through the compiled modules:\n" + "\n".join(found))
    common.report("sanitize", "leaks", 0)

    tests = common.tests_named(SELECTED) if "--selected" in options else ["tests"]
    said = common.run(
        [
            "pytest",
            "-q",
            "-s",
            "-p",
            "no:cacheprovider",
            f"--deselect={MEASURES}",
            *tests,
            *for_pytest,
        ],
        copy,
        environment(copy),
        timeout=2 * 3600,
    )
    print(said[-2000:])
    common.report("sanitize", "tests passed", int(re.findall(r"(\d+) passed", said)[-1]))


if __name__ == "__main__":
    main(sys.argv[1:])
