"""How long does a step take with several ranks, and how much of it is the all-reduce?

    mpiexec -n 2 python benchmarks/ranks.py

D and E as in README.md, in float32 with Adam: all ranks with one thread each, beside rank 0 alone with as many
threads as there are ranks, while the others sleep. B and C: what a step costs besides its products, by calls from
Python, with a communicator that only pretends to have two ranks. Then the steps of 1, 2, 4, 8 and 16 ranks, whose
shares of a mini-batch are computed one rank's and pretended for the others, beside the estimate of `cbackprop plan`.
Each figure is the median of interleaved runs.
"""

import argparse
import statistics
import time

import numpy as np
from mpi4py import MPI

from cbackprop import Adam, Network
from cbackprop.running.execution import Execution
from cbackprop.running.machines import LINKS, n_parameters, step_seconds
from cbackprop.running.ranks import Ranks
from cbackprop.training.epochs import passes

WORKLOADS = {
    "B": ([20, 64, 2], 32, 20_000),
    "C": ([50, 100, 10], 200, 20_000),
    "D": ([100, 256, 256, 256, 10], 256, 20_480),
    "E": ([784, 1024, 1024, 10], 512, 5_120),
}


class Timed(MPI.Intracomm):
    """A communicator that adds up how long its all-reduces take."""

    seconds = 0.0

    def Allreduce(self, mine, total):
        began = time.perf_counter()
        super().Allreduce(mine, total)
        self.seconds += time.perf_counter() - began


class Pretended:
    """One process in the place of several: what the others bring is taken to be the same."""

    def __init__(self, n):
        self.n = n

    def Get_size(self):
        return self.n

    def Get_rank(self):
        return 0

    def allgather(self, thing):
        return [thing] * self.n

    def Allreduce(self, mine, total):
        np.copyto(total, mine)

    def Abort(self, code):
        raise SystemExit(code)


def steps(name, ranks, threads, share=1):
    """A function that makes an epoch, and how many steps that are; `share` as of so many ranks."""
    sizes, batch_size, n = WORKLOADS[name]
    rng = np.random.RandomState(0)
    X = rng.randn(n // share, sizes[0]).astype(np.float32)
    squared = name == "B"
    y = (
        rng.randn(len(X), 2).astype(np.float32)
        if squared
        else rng.randint(0, sizes[-1], len(X)).astype(np.int32)
    )
    kind = {} if squared else {"output_activation": "softmax", "loss": "log_loss"}
    network = Network(sizes, dtype=np.float32, random_state=0, **kind)
    execution = Execution(threads) if ranks is None else Execution(threads, ranks)
    run = passes(
        network,
        X,
        y,
        Adam(1e-4),
        batch_size=batch_size,
        max_epochs=10**6,
        rng=None,
        execution=execution,
    )
    return lambda: next(run), -(-n // batch_size)


def microseconds(epoch, n_steps, repeats):
    epoch()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        epoch()
        taken.append((time.perf_counter() - began) / n_steps * 1e6)
    return statistics.median(taken)


def sleep_until_all(comm):
    """As a barrier, but asleep: waiting in MPI would take a core from rank 0."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(0.01)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--workloads", default="D,E")
    repeats = parser.parse_args().repeats
    names = parser.parse_args().workloads.split(",")
    comm = MPI.COMM_WORLD
    rank, size = comm.Get_rank(), comm.Get_size()

    def say(*line):
        if rank == 0:
            print(*line, flush=True)

    say(f"| | {size} ranks | all-reduce | {size} threads | 1 thread |\n|---|---:|---:|---:|---:|")
    for name in names:
        timed = Timed(comm)
        epoch, n_steps = steps(name, Ranks(timed), 1, size)
        together = microseconds(epoch, n_steps, repeats)
        reduced = timed.seconds / (repeats + 1) / n_steps * 1e6
        alone = {}
        for threads in (size, 1):
            comm.Barrier()
            if rank == 0:
                alone[threads] = microseconds(*steps(name, None, threads), repeats)
            sleep_until_all(comm)
        if rank == 0:
            say(
                f"| {name} | {together:,.0f} | {reduced:,.0f} | {alone[size]:,.0f} | {alone[1]:,.0f} |"
            )
    if rank == 0:
        say("\n| | in one compiled call | from Python |\n|---|---:|---:|")
        for name in ("B", "C"):
            plain = microseconds(*steps(name, None, 1), repeats)
            two = microseconds(*forced(name), repeats)
            say(f"| {name} | {plain:.1f} | {two:.1f} |")
        say("\n| D, a rank's share of | 1 | 2 | 4 | 8 | 16 ranks |\n|---|---:|---:|---:|---:|---:|")
        shares = [
            microseconds(*steps("D", Ranks(Pretended(n)) if n > 1 else None, 1, n), repeats)
            for n in (1, 2, 4, 8, 16)
        ]
        say("| measured | " + " | ".join(f"{share:,.0f}" for share in shares) + " |")
        parameters = n_parameters(WORKLOADS["D"][0])
        speed = 6 * parameters * WORKLOADS["D"][1] / shares[0] / 1e3
        expected = [
            step_seconds(n, parameters, WORKLOADS["D"][1], LINKS["InfiniBand"], gigaflops=speed)
            * 1e6
            for n in (1, 2, 4, 8, 16)
        ]
        say(
            "| estimated, with InfiniBand | " + " | ".join(f"{one:,.0f}" for one in expected) + " |"
        )
    sleep_until_all(comm)


def forced(name):
    """The steps of all rows by a rank that calls each from Python: one of two, the other of which has none."""

    class One(Pretended):
        def allgather(self, thing):
            failure, mine, what = thing
            other = (failure, 0 if isinstance(mine, int) else mine, what)
            return [thing, other]

    return steps(name, Ranks(One(2)), 1)


if __name__ == "__main__":
    main()
