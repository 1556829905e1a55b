"""Spark's tasks start ranks: the example's own part, with processes in the place of tasks."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mpi import mpiexec

import cbackprop

EXAMPLE = Path(__file__).parents[2] / "examples" / "spark_ranks.py"


def test_tasks_that_run_what_the_launcher_says_have_one_model(tmp_path):
    mpiexec()  # skips
    rng = np.random.RandomState(0)
    for task in range(2):
        (tmp_path / str(task)).mkdir()
        rows = rng.randn(200, 3)
        np.save(tmp_path / f"{task}/X.npy", rows)
        np.save(tmp_path / f"{task}/y.npy", (rows[:, 0] > 0) * 1.0)
    made = runpy.run_path(str(EXAMPLE))
    launcher, commands = made["launched"](["127.0.0.1:1", "127.0.0.1:2"], str(EXAMPLE))
    with launcher:
        assert len(commands) == 2
        tasks = [
            subprocess.Popen(command, env={**os.environ, "ROWS": str(tmp_path / str(task))})
            for task, command in enumerate(commands)
        ]
        assert [task.wait() for task in tasks] == [0, 0]
        assert launcher.wait() == 0
    model = cbackprop.load(tmp_path / "0" / "model")
    assert model.score(rows, rows[:, 0] > 0) > 0.8
    assert not (tmp_path / "1" / "model").exists()


def test_a_data_frame_of_spark_is_fitted_where_it_is():
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("needs Java")
    mpiexec()  # skips
    command = [sys.executable, "-P", str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert "2 tasks, " in done.stdout, done.stderr
