"""How much faster would a step be on p cores? Told on one, whose threads take turns.

    python benchmarks/shares.py --threads 1,2,4,8,16 --workloads C,D,E

The engine is built once more, into the user's cache folder, with a barrier (relay.h) at which the
threads of a team run one after the other, so that each has the core for itself, with warm caches.
Of what a thread does between two barriers the median over the steps counts: a core of its own would
not have this one's other work. A step takes as long as its slowest shares, one after the other, and
its barriers. What this cannot show is that on other cores they read what other cores
have written: `cbackprop.running.cost` has an estimate of that, which is in the column "with
traffic". Linux, with a C compiler.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parent
EVERYBODY = -1  # who is met, as relay.h writes it
BUILT_FROM = ("cbackprop", "setup.py", "pyproject.toml", "README.md")


def _sources() -> list[Path]:
    kinds = (".pyx", ".pxd", ".h", ".c", ".def", ".py")
    return sorted(path for path in (ROOT / "cbackprop").rglob("*") if path.suffix in kinds)


def built() -> Path:
    """The folder of the package whose teams take turns; built if the sources have changed."""
    digest = hashlib.sha256(sys.version.encode())
    for path in [HERE / "relay.h", ROOT / "setup.py", *_sources()]:
        digest.update(path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "cbackprop-benchmarks" / f"relay-{digest.hexdigest()[:16]}"
    if folder.exists():
        return folder
    print("building the engine with barriers that take turns", file=sys.stderr)
    work = folder.with_name(f"{folder.name}.{os.getpid()}")
    work.mkdir(parents=True)
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        more = {"ignore": shutil.ignore_patterns("*.so", "__pycache__")}
        copy(ROOT / name, work / name, **(more if copy is shutil.copytree else {}))
    flags = f"{os.environ.get('CFLAGS', '')} -DTEAM_RELAY='\"{HERE / 'relay.h'}\"'"
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=work, env={**os.environ, "CFLAGS": flags}, check=True, stdout=sys.stderr,
    )  # fmt: skip
    work.rename(folder)
    return folder


def take_turns(name: str, dtype: str, threads: int, squad: int, seconds: float) -> None:
    """Trains, in a process that has the built package on its path; the barriers' log is written."""
    import time

    import peers.cbackprop as peer
    import workloads

    from cbackprop import training
    from cbackprop.running import cost

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    steps = training.epochs.__globals__
    steps["is_divided"] = lambda *_: False
    if squad:
        steps["split_among"] = lambda _, n: cost.Split(n, squad)
    workload = workloads.EVERY[name]
    runner = peer.Peer(workload, workloads.make(workload, dtype), f"n_jobs={threads}", threads)
    begin, epochs = time.perf_counter(), 0
    while epochs < 2 or time.perf_counter() - begin < seconds:
        runner.epochs(1)
        epochs += 1
    print(epochs * workload.steps)


def measured(
    name: str, dtype: str, threads: int, squad: int, seconds: float, where: Path
) -> tuple[float, float, int]:
    """Microseconds of the slowest shares of a step, of all of them; how often squads wait."""
    with tempfile.NamedTemporaryFile() as log:
        given = ["--turns", name, dtype, str(threads), str(squad), str(seconds)]
        variables = {**os.environ, "CBACKPROP_RELAY": log.name, "PYTHONPATH": str(where)}
        said = subprocess.run(
            [sys.executable, str(HERE / "shares.py"), *given],
            env=variables, check=True, capture_output=True, text=True,
        )  # fmt: skip
        lines = np.fromfile(log.name).reshape(-1, threads, 2)
    meetings = round(len(lines) / int(said.stdout))  # of a step
    steps = lines.reshape(-1, meetings, threads, 2)[1:]
    turns, met = np.median(steps[..., 0], axis=0), steps[0, ..., 1]
    clocks = np.zeros(threads)
    for took, whom in zip(turns, met, strict=True):
        clocks += took
        for squad_number in np.unique(whom):
            clocks[whom == squad_number] = clocks[whom == squad_number].max()
    return float(clocks.max()), float(turns.sum()), int((met[:, 0] != EVERYBODY).sum())


def main() -> None:
    if sys.argv[1:2] == ["--turns"]:
        name, dtype, threads, squad, seconds = sys.argv[2:]
        take_turns(name, dtype, int(threads), int(squad), float(seconds))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", default="1,2,4,8,16")
    parser.add_argument("--workloads", default="C,D,E")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--squads", default="0", help="threads that share rows; 0: as a fit has it")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a measurement")
    given = parser.parse_args()
    import workloads

    from cbackprop.running import cost

    where = built()
    print("| | threads | squads of | us | barriers | times faster | with traffic | all work |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in given.workloads.split(","):
        workload = workloads.EVERY[name]
        itemsize = np.dtype(given.dtype).itemsize
        states = {"sgd": 0, "momentum": 1, "adam": 2}[workload.optimizer]
        shape = cost.Shape(workload.sizes, workload.batch, itemsize, states, 0.0)
        alone = None
        for threads in map(int, given.threads.split(",")):
            for squad in map(int, given.squads.split(",")):
                split = cost.Split(threads, squad) if squad else cost.split_among(shape, threads)
                if threads % split.squad_size:
                    continue
                slowest, work, waits = measured(
                    name, given.dtype, threads, squad, given.seconds, where
                )
                alone = alone or slowest
                barriers = 0.0
                if threads > 1:
                    barriers = 2e6 * (cost.MEETING + cost.MEMBER * threads)
                    barriers += 1e6 * waits * (cost.MEETING + cost.MEMBER * split.squad_size)
                traffic = 1e6 * cost.traffic_seconds(shape, split)
                print(
                    f"| {name} | {threads} | {split.squad_size} | {slowest:,.0f} | {barriers:.0f} "
                    f"| {alone / (slowest + barriers):.2f} "
                    f"| {alone / (slowest + barriers + traffic):.2f} | {work / alone:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
