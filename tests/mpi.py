"""Run a script by several real processes, under mpiexec."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
SECONDS = 100  # after which a run hangs


def mpiexec():
    """The launcher of the MPI that is installed beside mpi4py, or the first on the path."""
    pytest.importorskip("mpi4py")
    own = Path(sys.executable).parent / "mpiexec"
    found = str(own) if own.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("needs mpiexec: pip install mpich")
    return found


def launch(n, script, *arguments, cwd=None):
    """The finished process of `mpiexec -n` with one of tests/scripts."""
    command = [mpiexec(), "-n", str(n), sys.executable, "-P", "-m", "mpi4py"]
    command += [str(SCRIPTS / script), *map(str, arguments)]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    environment = {**os.environ, **one_thread, "PYTHONPATH": str(SCRIPTS.parent)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, env=environment, cwd=cwd
    )


def output(n, script, *arguments, cwd=None):
    """What a run that ends well prints."""
    done = launch(n, script, *arguments, cwd=cwd)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
