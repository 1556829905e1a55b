"""Run several scripts in the processes of one launch. argv: each, its arguments behind commas."""

import runpy
import sys
from pathlib import Path

from mpi4py import MPI

for given in sys.argv[1:]:
    script, *arguments = given.split(",")
    MPI.COMM_WORLD.Barrier()
    if MPI.COMM_WORLD.Get_rank() == 0:
        print(f"=== {Path(script).name}", flush=True)
    sys.argv = [script, *arguments]
    runpy.run_path(str(Path(__file__).parent / script), run_name="__main__")
