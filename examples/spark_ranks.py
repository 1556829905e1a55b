"""
Train where Spark has the rows
==============================

``python examples/spark_ranks.py`` fits a data frame of Spark, whose partitions stay where they are:
a barrier stage has one task for each of them, which writes its rows to a file and starts a rank
that maps them; the ranks fit as under ``mpiexec``. Needs pyspark 3.5 or later with Java, pandas and
pyarrow, and beside every executor's Python ``pip install "cbackprop[mpi]"``.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

LINE, LAST_LINE = "HYDRA_LAUNCH:", "HYDRA_LAUNCH_END"


def fit_partition(frames):
    """A task: its rows go to a folder, and the rank that takes them is run; the first's model."""
    from pyspark import BarrierTaskContext, SparkFiles

    context = BarrierTaskContext.get()
    folder = Path(tempfile.mkdtemp(prefix="ranks-"))
    rows = np.concatenate([frame.to_numpy() for frame in frames])
    np.save(folder / "X.npy", rows[:, :-1])
    np.save(folder / "y.npy", rows[:, -1])
    script, launcher, commands = SparkFiles.get("spark_ranks.py"), None, []
    if context.partitionId() == 0:
        launcher, commands = launched([info.address for info in context.getTaskInfos()], script)
    # Each of the commands that the launcher wants to be run is for the task of its number.
    own = json.loads(context.allGather(json.dumps(commands))[0])[context.partitionId()]
    try:
        subprocess.run(own, env={**os.environ, "ROWS": str(folder)}, check=True)
        if launcher is not None:
            import pandas as pd

            if launcher.wait():
                raise RuntimeError(f"the ranks ended with {launcher.returncode}")
            yield pd.DataFrame({"model": [(folder / "model").read_bytes()]})
    finally:
        if launcher is not None:
            launcher.terminate()
        shutil.rmtree(folder)


def launched(addresses, script):
    """MPICH's launcher of a rank for each task, and what it wants to be run by whom."""
    programs = Path(sys.executable).parent
    mpiexec = str(programs / "mpiexec") if (programs / "mpiexec").exists() else "mpiexec"
    names = ",".join(f"task{rank}:1" for rank in range(len(addresses)))
    command = [mpiexec, "-launcher", "manual", "-localhost", addresses[0].partition(":")[0]]
    command += ["-hosts", names, "-n", str(len(addresses)), sys.executable, script, "rank"]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    commands = []
    for line in launcher.stdout:
        if line.startswith(LAST_LINE):
            break
        if line.startswith(LINE):
            commands.append(line.removeprefix(LINE).split())
    if len(commands) != len(addresses):
        raise RuntimeError(f"{mpiexec} does not start ranks by others, as MPICH's does")
    return launcher, commands


def rank():
    """What a rank does: the rows of its task, and all the ranks' model."""
    from mpi4py import MPI

    from cbackprop import MLPClassifier

    comm, folder = MPI.COMM_WORLD, Path(os.environ["ROWS"])
    X, y = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in "Xy")
    model = MLPClassifier((64,), batch_size=120, early_stopping=True, random_state=0)
    model.fit(X, y, comm=comm)
    if comm.Get_rank() == 0:
        model.save(folder / "model")


def main(n_tasks=2):
    from pyspark.sql import SparkSession
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    import cbackprop

    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the tasks
    spark = SparkSession.builder.master(f"local[{n_tasks}]").getOrCreate()
    spark.sparkContext.addFile(__file__)
    table = np.column_stack([X_train, y_train]).tolist()
    frame = spark.createDataFrame(table).repartition(n_tasks)
    fitted = frame.mapInPandas(fit_partition, "model binary", barrier=True)
    path = Path(tempfile.mkdtemp()) / "model"
    path.write_bytes(fitted.collect()[0]["model"])
    model = cbackprop.load(path)
    print(
        f"{n_tasks} tasks, {model.n_iter_} epochs, test accuracy {model.score(X_test, y_test):.3f}"
    )
    return model


if __name__ == "__main__":
    if sys.argv[1:] == ["rank"]:
        rank()
    else:
        main()
