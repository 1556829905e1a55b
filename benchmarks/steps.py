"""How long does a training step take, beside its bare matrix products and beside other libraries?

    python benchmarks/steps.py --workloads A,B --dtype float32

README.md says what is measured and how.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import measure
import numpy as np
import peers
import report
import workloads
from workloads import WORKLOADS, Workload

TOLERANCE = {"float32": 1e-4, "float64": 1e-10}


class Trainer:
    """One library in its process, and the runners of the workload at hand."""

    def __init__(self, library: str, threads: int, most: int):
        self.library, self.threads, self.most = library, threads, most
        self.peer = peers.runner(library)

    def version(self) -> str:
        return self.peer.version

    def load(self, name: str, dtype: str) -> dict[str, str]:
        """Takes up a workload; its forms here, and the row of the table each competes for."""
        self.runners: dict[str, peers.Runner] = {}
        self.peer.forget()
        self.workload = workloads.EVERY[name]
        self.data = workloads.make(self.workload, dtype)
        return self.peer.forms(self.workload, self.threads, self.most)

    def start(self, form: str) -> tuple[np.ndarray, np.ndarray | None]:
        """What the first steps come to, and what they should if only the form knows that."""
        runner = self.peer(self.workload, self.data, form, self.threads)
        runner.first_steps()
        self.runners[form] = runner
        return runner.parameters(), runner.expected() if self.library == "floor" else None

    def epochs_in(self, form: str, seconds: float) -> float:
        """Warms up; epochs of a measurement that lasts so long."""
        runner, part = self.runners[form], 1
        if runner.divisible:
            part = 2.0 / self.workload.steps
            runner.epochs(part)
            once = measure.timed(lambda: runner.epochs(part))[0] / part
            part = min(1.0, max(part, seconds / once))
        else:
            runner.epochs(1)
        once = measure.timed(lambda: runner.epochs(part))[0] / part
        epochs = max(part, seconds / once)
        return epochs if runner.divisible else max(1, round(epochs))

    def time(self, form: str, epochs: float) -> tuple[float, float]:
        runner = self.runners[form]
        runner.reset()
        return measure.timed(lambda: runner.epochs(epochs))


@dataclass
class Contender:
    """A form of a library that takes part in a workload."""

    library: str
    form: str
    threads: str  # what the row of the table says: a number, or auto
    worker: measure.Worker
    difference: float = float("nan")  # relative, from the parameters it should have
    epochs: float = 0

    def __str__(self) -> str:
        return f"{self.library} ({self.form or 'fit'}, threads: {self.threads})"

    def time(self) -> tuple[float, float]:
        return self.worker.call("time", self.form, self.epochs)


@dataclass
class Benchmark:
    """The workers, and how to measure."""

    workers: dict[tuple[str, int], measure.Worker]
    rounds: int
    seconds: float
    patience: int
    problems: list[str]

    def contenders(self, name: str, dtype: str) -> Iterator[Contender]:
        for (library, _), worker in self.workers.items():
            for form, row in worker.call("load", name, dtype).items():
                yield Contender(library, form, row, worker)

    def check(self, workload: Workload, dtype: str) -> list[Contender]:
        """All contenders that compute what they should."""
        right = []
        before, after = workloads.expected(workload)
        for contender in self.contenders(workload.name, dtype):
            try:
                got, wanted = contender.worker.call("start", contender.form)
            except measure.Failed as error:
                self._problem(f"{workload.name} {dtype}: {contender} failed: {_last_line(error)}")
                continue
            wanted = after if wanted is None else wanted
            contender.difference = _distance(got, wanted)
            if contender.difference <= TOLERANCE[dtype]:
                right.append(contender)
            else:
                wrong = f"{contender} is wrong by {contender.difference:.1e}"
                self._problem(f"{workload.name} {dtype}: {wrong}")
        moved = _distance(before, after)
        worst = max((c.difference for c in right), default=float("nan"))
        say(
            f"{workload.name} {dtype}: {len(right)} contenders agree after {workloads.CHECK_STEPS} "
            f"steps to {worst:.1e}; the steps moved the parameters by {moved:.1e}"
        )
        return right

    def measure(self, workload: Workload, dtype: str) -> list[report.Row]:
        ready = []
        for contender in self.check(workload, dtype):
            try:
                contender.epochs = contender.worker.call("epochs_in", contender.form, self.seconds)
                ready.append(contender)
            except measure.Failed as error:
                self._problem(f"{workload.name} {dtype}: {contender} failed: {_last_line(error)}")
        rng = random.Random(f"{workload.name} {dtype}")
        best = self._best_forms(ready, rng)
        samples = measure.interleave(
            {i: contender.time for i, contender in enumerate(best)}, self.rounds, self.patience, rng
        )
        return report.rows_of(
            workload.name,
            dtype,
            [
                report.Measured(
                    c.library,
                    c.form,
                    c.threads,
                    c.difference,
                    [s.seconds / (c.epochs * workload.steps) * 1e6 for s in samples[i]],
                    samples[i],
                )
                for i, c in enumerate(best)
            ],
        )

    def _best_forms(self, contenders: list[Contender], rng: random.Random) -> list[Contender]:
        """The fastest form for every row of the table, found in two rounds of their own."""
        rows: dict[tuple[str, str], list[Contender]] = {}
        for contender in contenders:
            rows.setdefault((contender.library, contender.threads), []).append(contender)
        heats = {
            (row, i): contender.time
            for row, forms in rows.items()
            if len(forms) > 1
            for i, contender in enumerate(forms)
        }
        samples = measure.interleave(heats, 2, self.patience, rng)

        def time_of_step(row, i):
            times = samples.get((row, i), [])
            return min((s.seconds for s in times), default=0.0) / rows[row][i].epochs

        return [
            forms[min(range(len(forms)), key=lambda i, row=row: time_of_step(row, i))]
            for row, forms in rows.items()
        ]

    def _problem(self, text: str) -> None:
        self.problems.append(text)
        say(text)


def _distance(got: np.ndarray, wanted: np.ndarray) -> float:
    """Relative, in the Euclidean norm.

    The largest single difference would not do in float32: where a relu's argument is a rounding
    error away from zero, right results may differ by all that a row contributes to a few weights.
    """
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = sorted({name.split()[0] for name in WORKLOADS})
    parser.add_argument("--workloads", default=",".join(names), help="of %(default)s")
    parser.add_argument("--dtype", default="float32,float64")
    parser.add_argument("--peers", default=",".join(peers.LIBRARIES), help="of %(default)s")
    parser.add_argument("--threads", default="1,2", help="to try, default %(default)s")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.25, help="of a measurement, about")
    parser.add_argument(
        "--patience", type=int, default=3, help="repeats of a measurement that others disturbed"
    )
    parser.add_argument("--quick", action="store_true", help="3 rounds of short measurements")
    parser.add_argument("--check", action="store_true", help="only check that all compute the same")
    parser.add_argument(
        "--keep-pins", action="store_true", help=f"keep {', '.join(measure.PINS)} if they are set"
    )
    parser.add_argument("--out", type=Path, default=report.RESULTS, help="folder")
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md too")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.patience = 3, 0.1, 1
    return options


def _chosen(options: argparse.Namespace) -> tuple[list[Workload], list[str], list[str], list[int]]:
    """Workloads, dtypes, libraries and thread counts asked for; leaves out what is not there."""
    wanted = options.workloads.split(",")
    chosen = [w for name, w in WORKLOADS.items() if name in wanted or name.split()[0] in wanted]
    libraries = {name.lower(): name for name in peers.LIBRARIES}
    unknown = [name for name in options.peers.lower().split(",") if name not in libraries]
    if unknown or not chosen:
        sys.exit(f"unknown: {', '.join(unknown) or options.workloads}")
    asked = [libraries[name] for name in options.peers.lower().split(",")]
    if not peers.installed("cbackprop"):
        sys.exit("cbackprop is not installed: `pip install .`, or put the repository on PYTHONPATH")
    missing = [library for library in asked if not peers.installed(library)]
    if missing:
        say(f"not installed and left out: {', '.join(missing)}")
    most = os.cpu_count() or 1
    threads = sorted({min(int(n), most) for n in options.threads.split(",")})
    return chosen, options.dtype.split(","), [a for a in asked if a not in missing], threads


def main() -> None:
    options = _arguments()
    chosen, dtypes, libraries, threads = _chosen(options)
    if "floor" in libraries:
        import compiled

        compiled.load("floor")
    start = report.load_average()
    workers = {
        (library, n): measure.Worker(
            "steps:Trainer", measure.environment(n, options.keep_pins),
            library=library, threads=n, most=threads[-1],
        )
        for library in libraries
        for n in threads
    }  # fmt: skip
    versions = {library: worker.call("version") for (library, _), worker in workers.items()}
    benchmark = Benchmark(workers, options.rounds, options.seconds, options.patience, [])
    rows: list[report.Row] = []
    try:
        for dtype in dtypes:
            for workload in chosen:
                if options.check:
                    benchmark.check(workload, dtype)
                    continue
                new = benchmark.measure(workload, dtype)
                rows += new
                print(report.details(new), flush=True)
    finally:
        for worker in workers.values():
            worker.close()
    if rows:
        machine = report.machine(versions, options.keep_pins, (start, report.load_average()))
        report.write_steps(options.out, machine, rows, benchmark.problems, options.readme)
    if benchmark.problems:
        sys.exit("\n".join(["there were problems:", *benchmark.problems]))


if __name__ == "__main__":
    main()
