"""How long do many fits at once take: a search in processes, in threads, and in threads of one's own?

    python benchmarks/searches.py [--networks C,D] [--rounds 5] [--fits 8]

"Alone" is one fit after the other on one thread; the ideal is that divided by the cores. Whoever
takes part makes the same fits; what starting its processes costs, a search before the clock starts
has paid. CPU seconds are of all its processes: more of them than alone is what waiting cost.
"""

from __future__ import annotations

import argparse
import os
import random
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import measure
import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from cbackprop import MLPClassifier
from cbackprop.running.cores import cores

NETWORKS = {  # hidden layers, columns, rows, mini-batch, epochs
    "C": ((100,), 50, 10_000, 200, 20),
    "D": ((256, 256, 256), 100, 5_000, 256, 8),
}
FOLDS = 2


def search(name: str, n_fits: int, n_jobs: int | None = None) -> tuple[Any, np.ndarray, np.ndarray]:
    """A search of so many fits, and its data; `n_jobs` is of every fit."""
    hidden, columns, n, batch_size, epochs = NETWORKS[name]
    rng = np.random.default_rng(5)
    X = rng.standard_normal((n, columns)).astype(np.float32)
    y = (X @ rng.normal(size=(columns, 10)) + rng.normal(size=(n, 10))).argmax(axis=1)
    model = MLPClassifier(
        hidden, batch_size=batch_size, max_iter=epochs, tol=0.0, n_iter_no_change=epochs,
        random_state=0, n_jobs=n_jobs,
    )  # fmt: skip
    alphas = np.logspace(-6, -3, n_fits // FOLDS).tolist()
    return GridSearchCV(model, {"alpha": alphas}, cv=FOLDS, refit=False), X, y


def searched(backend: str, n_jobs: int, made: tuple[Any, np.ndarray, np.ndarray]) -> None:
    grid, X, y = made
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        grid.fit(X, y)


def own_threads(n: int, made: tuple[Any, np.ndarray, np.ndarray]) -> None:
    """The same fits in so many threads of one's own, none of which knows of the others."""
    grid, X, y = made
    half = X.shape[0] // FOLDS
    n_fits = FOLDS * len(grid.param_grid["alpha"])

    def fit(_: int) -> None:
        model = clone(grid.estimator).fit(X[:half], y[:half])
        model.score(X[half:], y[half:])

    with ThreadPoolExecutor(n) as pool:
        list(pool.map(fit, range(n_fits)))


def cpu_seconds() -> float:
    """Of this process and of its children that live; without /proc of this process alone."""
    total, me = time.process_time(), str(os.getpid())
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == me:
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def once(work: Callable[[Any], None], small: Any, large: Any) -> tuple[float, float]:
    """Seconds and CPU seconds, after a small search that starts what must be started."""
    work(small)
    cpu, start = cpu_seconds(), time.perf_counter()
    work(large)
    return time.perf_counter() - start, cpu_seconds() - cpu


def contenders(name: str, n_fits: int) -> dict[str, Callable[[], tuple[float, float]]]:
    one, alone = (search(name, FOLDS, 1), search(name, n_fits, 1))
    small, large = search(name, FOLDS), search(name, n_fits)
    n, all_ = cores(), {"n_jobs=-1": -1}
    jobs = {"n_jobs=1": 1} | ({"n_jobs=2": 2} if n > 2 else {}) | all_
    found = {"alone: n_jobs=1 of search and fits": partial(once, _loky(1), one, alone)}
    for said, count in jobs.items():
        found[f"search in processes, {said}"] = partial(once, _loky(count), small, large)
    for said, count in jobs.items():
        threads = partial(searched, "threading", count)
        found[f"search in threads, {said}"] = partial(once, threads, small, large)
    for count in (n, 4 * n):
        threads = partial(own_threads, count)
        found[f"{count} threads of one's own"] = partial(once, threads, small, large)
        said = f"{count} threads of one's own, n_jobs=1 of fits"
        found[said] = partial(once, threads, one, alone)
    return found


def _loky(n_jobs: int) -> Callable[[Any], None]:
    return partial(searched, "loky", n_jobs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fits", type=int, default=8, help="of a search, an even number")
    given = parser.parse_args()
    os.environ["PYTHONWARNINGS"] = "ignore"  # of the processes, too: fits end before they converge
    warnings.simplefilter("ignore")
    print(f"{cores()} cores, {given.fits} fits, medians of {given.rounds} interleaved rounds\n")
    print("| | | s | CPU s | / ideal | CPU / alone |\n|---|---|---:|---:|---:|---:|")
    for name in given.networks.split(","):
        samples = measure.interleave(
            contenders(name, given.fits), given.rounds, 0, random.Random(name)
        )
        seconds = {said: [s.seconds for s in taken] for said, taken in samples.items()}
        cpu = {said: [s.seconds * s.cores for s in taken] for said, taken in samples.items()}
        alone = next(iter(samples))
        for said in samples:
            own = measure.Summary.of(seconds[said]).median, measure.Summary.of(cpu[said]).median
            ideal = cores() * measure.ratio(seconds[said], seconds[alone])
            more = measure.ratio(cpu[said], cpu[alone])
            print(f"| {name} | {said} | {own[0]:.2f} | {own[1]:.2f} | {ideal:.2f} | {more:.2f} |")


if __name__ == "__main__":
    main()
