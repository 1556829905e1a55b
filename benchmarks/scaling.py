"""How long does a training step take on 1, 2, 4, ... threads, here and in PyTorch and JAX?

    python benchmarks/scaling.py --threads 1,2,4,8,16 --workloads C,D,E,L

A process for every library and number of threads, in rounds, each in a new order; a table of
medians in microseconds. A library that is not installed is left out.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys

import measure
import peers
import workloads

LIBRARIES = ("cbackprop", "PyTorch", "JAX")


class Worker:
    """A library's process for one number of threads."""

    def __init__(self, library: str, threads: int, most: int):
        self.library, self.threads = library, threads
        variables = measure.environment(threads, False)
        given = {"library": library, "threads": threads, "most": most}
        self.process = measure.Worker("steps:Trainer", variables, **given)

    def ready(self, name: str, dtype: str, seconds: float) -> dict[str, float]:
        """The library's forms of a workload, and the epochs that a measurement of each takes."""
        forms = {}
        for form in self.process.call("load", name, dtype):
            try:
                self.process.call("start", form)
                forms[form] = self.process.call("epochs_in", form, seconds)
            except measure.Failed as error:
                print(f"{name}: {self.library} ({form}): {error}".strip(), file=sys.stderr)
        return forms


def medians(
    workers: list[Worker], name: str, given: argparse.Namespace
) -> dict[tuple[str, str], float]:
    """Microseconds of a step by library and threads, "alone" where the library chooses them."""
    contenders, steps = {}, workloads.EVERY[name].steps
    for worker in workers:
        for form, epochs in worker.ready(name, given.dtype, given.seconds).items():
            key = (worker.library, worker.threads, form)
            contenders[key] = _once(worker, form, epochs)
    samples = measure.interleave(contenders, given.rounds, 0, random.Random(name))
    times: dict[tuple[str, str], float] = {}
    for (library, threads, form), taken in samples.items():
        row = "alone" if form == "n_jobs=None" else str(threads)
        time = 1e6 * statistics.median(sample.seconds for sample in taken) / steps
        times[library, row] = min(time, times.get((library, row), float("inf")))
    return times


def _once(worker: Worker, form: str, epochs: float):
    def call() -> tuple[float, float]:
        seconds, cpu = worker.process.call("time", form, epochs)
        return seconds / epochs, cpu / epochs

    return call


def main() -> None:
    cores = os.cpu_count() or 1
    counts = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= cores]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", default=",".join(map(str, counts)))
    parser.add_argument("--workloads", default="C,D,E,L")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a measurement")
    parser.add_argument("--libraries", default=",".join(LIBRARIES))
    given = parser.parse_args()
    threads = [int(n) for n in given.threads.split(",")]
    columns = [*map(str, threads), "alone"]
    installed = [name for name in given.libraries.split(",") if peers.installed(name)]
    print("| | | " + " | ".join(columns) + " |")
    print("|---|---|" + "---:|" * len(columns))
    for name in given.workloads.split(","):
        workers = [Worker(lib, n, max(threads)) for lib in installed for n in threads]
        times = medians(workers, name, given)
        for worker in workers:
            worker.process.close()
        for library in installed:
            cells = [f"{t:,.0f}" if (t := times.get((library, c))) else "" for c in columns]
            print(f"| {workloads.EVERY[name]} | {library} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
