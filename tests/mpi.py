"""Run a script by several real processes, under mpiexec."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
SECONDS = 110  # after which a run hangs


def mpiexec():
    """The launcher of the MPI that is installed beside mpi4py, or the first on the path."""
    pytest.importorskip("mpi4py")
    own = Path(sys.executable).parent / "mpiexec"
    found = str(own) if own.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("needs mpiexec: pip install mpich")
    return found


def launch(n, script, *arguments, cwd=None, hosts=None):
    """The finished process of `mpiexec -n` with one of tests/scripts; or of a rank on each host."""
    command = [mpiexec(), "-n", str(n)] if hosts is None else hosts.command(mpiexec())
    command += [sys.executable, "-P", "-m", "mpi4py"]
    command += [str(SCRIPTS / script), *map(str, arguments)]
    # One thread, and with more ranks than cores MPICH lets the others work while it waits.
    few = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}
    environment = {**os.environ, **few, "PYTHONWARNINGS": "ignore"}
    if hosts is not None:
        environment |= hosts.environment
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, env=environment, cwd=cwd
    )


def output(n, script, *arguments, cwd=None):
    """What a run that ends well prints."""
    done = launch(n, script, *arguments, cwd=cwd)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def outputs(n, *scripts):
    """What each of these prints, by its name: all in one launch, as Python takes long to start."""
    said = output(n, "one_after_another.py", *scripts)
    parts = said.split("=== ")[1:]
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}
