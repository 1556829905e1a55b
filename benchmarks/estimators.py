"""How long do the estimators take: a fit with early stopping (G), predictions (H), L-BFGS (I)?

    python benchmarks/estimators.py --parts G,H,I

cbackprop beside scikit-learn: the same estimator, parameters, data and seed. README.md says more.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import os
import random
import statistics
import sys
import warnings
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import measure
import numpy as np
import report

LIBRARIES = {"scikit-learn": "sklearn.neural_network", "cbackprop": "cbackprop"}
PREDICTED_ROWS = (1, 1_000, 100_000)


def classes(n: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """n rows of 50 features in ten classes: a rule that a hidden layer can learn, and noise."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((n, 50))
    scores = np.tanh(X @ rng.normal(size=(50, 30)) / 5) @ rng.normal(size=(30, 10))
    return X.astype(dtype), (scores + rng.normal(size=scores.shape)).argmax(axis=1)


def numbers(n: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """n rows of 20 features and a smooth function of them with noise."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((n, 20))
    y = np.sin(X @ rng.normal(size=(20, 10)) / 3).sum(axis=1) + 0.1 * rng.normal(size=n)
    return X.astype(dtype), y.astype(dtype)


class Estimators:
    """One library's estimators in a process of their own."""

    def __init__(self, library: str):
        module = importlib.import_module(LIBRARIES[library])
        self.Classifier, self.Regressor = module.MLPClassifier, module.MLPRegressor
        self.own_version = importlib.import_module(LIBRARIES[library].split(".")[0]).__version__
        warnings.simplefilter("ignore")
        self.model: Any = None

    def version(self) -> str:
        return self.own_version

    def load(self, part: str, dtype: str) -> None:
        """Data, and for predictions a model fitted to a little of it."""
        if part == "I":
            self.X, self.y = numbers(10_000, dtype)
        else:
            self.X, self.y = classes(100_000, dtype)
        if part == "H":
            few = slice(5_000)
            self.model = self.Classifier(max_iter=5, random_state=0).fit(self.X[few], self.y[few])
        else:
            # What the first fit of a process costs once, it does not cost here.
            self.Classifier(max_iter=1, random_state=0).fit(self.X[:500], self.X[:500, 0] > 0)

    def fit(self, part: str) -> tuple[float, float]:
        """A whole fit: G with early stopping, all else default; I with L-BFGS."""
        if part == "G":
            model = self.Classifier(early_stopping=True, random_state=0)
        else:
            model = self.Regressor(solver="lbfgs", max_iter=100, random_state=0)
        self.model = model
        return measure.timed(lambda: model.fit(self.X, self.y))

    def fitted(self) -> tuple[int, np.ndarray]:
        """Epochs or iterations, and all parameters."""
        own = [*self.model.coefs_, *self.model.intercepts_]
        return self.model.n_iter_, np.concatenate([p.ravel() for p in own]).astype(np.float64)

    def outputs(self) -> np.ndarray:
        return self.model.predict_proba(self.X[:1_000])

    def calls_in(self, method: str, rows: int, seconds: float) -> int:
        self.predict(method, rows, 2)
        return max(1, round(2 * seconds / self.predict(method, rows, 2)[0]))

    def predict(self, method: str, rows: int, calls: int) -> tuple[float, float]:
        X, call = self.X[:rows], getattr(self.model, method)

        def work():
            for _ in range(calls):
                call(X)

        return measure.timed(work)


@dataclass
class Line:
    """One library with so many threads, in one part of the benchmark."""

    what: str
    dtype: str
    library: str
    threads: int
    unit: str  # of the times
    median: float
    least: float
    ahead: float  # of scikit-learn's better number of threads; NaN for scikit-learn
    note: str
    times: list[float] = field(default_factory=list)


Workers = dict[tuple[str, int], measure.Worker]


def lines_of(
    what: str, dtype: str, unit: str, times: dict[tuple[str, int], list[float]], notes: dict
) -> list[Line]:
    theirs = [values for (library, _), values in times.items() if library == "scikit-learn"]
    best = min(theirs, key=statistics.median, default=None)
    lines = []
    for (library, threads), values in times.items():
        summary = measure.Summary.of(values)
        compared = library != "scikit-learn" and best
        ahead = report.ratio(best, values) if compared else float("nan")
        lines.append(
            Line(
                what,
                dtype,
                library,
                threads,
                unit,
                summary.median,
                summary.least,
                ahead,
                notes.get((library, threads), ""),
                values,
            )
        )
    return lines


def fits(part: str, workers: Workers, dtype: str, rounds: int, patience: int) -> list[Line]:
    """G or I: seconds of a fit; notes say epochs, and how far the models are apart."""
    for worker in workers.values():
        worker.call("load", part, dtype)
    samples = measure.interleave(
        {key: partial(worker.call, "fit", part) for key, worker in workers.items()},
        rounds, patience, random.Random(part + dtype),
    )  # fmt: skip
    fitted = {key: worker.call("fitted") for key, worker in workers.items()}
    times = {key: [s.seconds for s in samples[key]] for key in workers}
    theirs = [key for key in workers if key[0] == "scikit-learn"]
    best = min(theirs, key=lambda key: statistics.median(times[key]))
    notes = {}
    for key, (count, parameters) in fitted.items():
        notes[key] = f"{count} {'epochs' if part == 'G' else 'iterations'}"
        if key[0] == "scikit-learn":
            continue
        reference = fitted[best][1]
        apart = np.linalg.norm(parameters - reference) / np.linalg.norm(reference)
        notes[key] += f", parameters {apart:.0e} apart"
        if count != fitted[best][0]:
            each = report.ratio(times[best], times[key]) * count / fitted[best][0]
            notes[key] += (
                f"; {fitted[best][0]} in scikit-learn, ahead for each {report.number(each)}"
            )
    what = {"G": "G: fit, early stopping", "I": "I: fit, L-BFGS"}[part]
    return lines_of(what, dtype, "s", times, notes)


def predictions(workers: Workers, dtype: str, rounds: int, patience: int) -> list[Line]:
    """H: microseconds of a call."""
    for worker in workers.values():
        worker.call("load", "H", dtype)
    outputs = [worker.call("outputs") for worker in workers.values()]
    apart = max(float(np.abs(a - b).max()) for a, b in itertools.combinations(outputs, 2))
    if apart > (1e-3 if dtype == "float32" else 1e-8):
        sys.exit(f"the models are not the same: their probabilities are {apart:.1e} apart")
    lines = []
    for method, rows in itertools.product(("predict", "predict_proba"), PREDICTED_ROWS):
        calls = {key: w.call("calls_in", method, rows, 0.1) for key, w in workers.items()}
        samples = measure.interleave(
            {
                key: partial(worker.call, "predict", method, rows, calls[key])
                for key, worker in workers.items()
            },
            rounds, patience, random.Random(f"{method} {rows} {dtype}"),
        )  # fmt: skip
        times = {key: [s.seconds / calls[key] * 1e6 for s in samples[key]] for key in workers}
        lines += lines_of(f"H: {method}, {rows:,} row{'s' * (rows > 1)}", dtype, "us", times, {})
    return lines


def short_table(lines: list[Line]) -> str:
    """A row for what was measured, a column for each library and number of threads."""
    contenders = list(dict.fromkeys((line.library, line.threads) for line in lines))
    head = ["", "unit", *(f"{library}, {n}" for library, n in contenders)]
    head += ["cbackprop ahead by", "remarks"]
    rows = []
    for what, dtype in dict.fromkeys((line.what, line.dtype) for line in lines):
        own = {(m.library, m.threads): m for m in lines if (m.what, m.dtype) == (what, dtype)}
        # What a user gets who sets nothing: all threads.
        last = [m for (library, _), m in own.items() if library == "cbackprop"][-1:]
        rows.append(
            [
                f"{what}, {dtype}",
                next(iter(own.values())).unit,
                *(report.number(own[key].median) for key in contenders),
                report.number(last[0].ahead) if last else "-",
                last[0].note if last else "",
            ]
        )
    return report.table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="G,H,I")
    parser.add_argument("--dtype", default="float32,float64")
    parser.add_argument("--threads", default="1,2", help="that BLAS and cbackprop may use")
    parser.add_argument("--rounds", type=int, default=7, help="of H; fits have half as many")
    parser.add_argument("--patience", type=int, default=3, help="as in steps.py")
    parser.add_argument("--keep-pins", action="store_true", help="as in steps.py")
    parser.add_argument("--out", type=Path, default=report.RESULTS, help="folder")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md too")
    options = parser.parse_args()
    load, most = report.load_average(), os.cpu_count() or 1
    workers = {
        (library, n): measure.Worker(
            "estimators:Estimators", measure.environment(n, options.keep_pins), library=library
        )
        for library in LIBRARIES
        for n in sorted({min(int(n), most) for n in options.threads.split(",")})
    }
    lines: list[Line] = []
    for part, dtype in itertools.product(options.parts.split(","), options.dtype.split(",")):
        if part == "H":
            lines += predictions(workers, dtype, options.rounds, options.patience)
        else:
            # A fit is long: it is not repeated because others worked meanwhile.
            lines += fits(part, workers, dtype, -(-options.rounds // 2), 0)
        print(f"{part} {dtype} is done", file=sys.stderr)
    versions = {library: worker.call("version") for (library, _), worker in workers.items()}
    for worker in workers.values():
        worker.close()
    machine = report.machine(versions, options.keep_pins, (load, report.load_average()))
    text = f"{report.about(machine)}\n\n{short_table(lines)}"
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "estimators.md").write_text(text + "\n", encoding="utf-8")
    report.write_json(
        options.out / "estimators.json", machine, lines=[asdict(line) for line in lines]
    )
    if options.readme:
        report.into_readme("estimators", text)


if __name__ == "__main__":
    main()
