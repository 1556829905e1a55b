"""Refuse the n-th allocation of a call, for one n after another, and say what came of each.

    python walk.py SCENARIO FIRST STEP SECONDS

runs with the library made of refuse.c preloaded and PYTHONMALLOC=malloc. It writes a line a try:
the number, then what happened. A test reads them: see test_allocations.py.
"""

import ctypes
import faulthandler
import os
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse

import cbackprop
from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network
from cbackprop.running import threads

LEFT_ALONE = "left alone"  # see refuse.c
refuser = ctypes.CDLL(None)
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5))
LABELS = rng.integers(0, 3, 40)
NUMBERS = rng.normal(size=(40, 2))
SPARSE = scipy.sparse.random(40, 5, 0.4, "csr", random_state=0)
COMMON = {"hidden_layer_sizes": (6,), "max_iter": 2, "batch_size": 16, "random_state": 0}
folder = Path(tempfile.mkdtemp())
file = folder / "model"


def bits(model):
    return (model if isinstance(model, Network) else model.network_).parameters.tobytes()


class Fit:
    def __init__(self, model, rows, targets):
        self.model, self.rows, self.targets = model, rows, targets

    def prepare(self):
        return type(self.model)(**self.model.get_params())

    def call(self, model):
        return bits(model.fit(self.rows, self.targets))


class PartialFit(Fit):
    def prepare(self):
        model = super().prepare()
        return model.partial_fit(self.rows, self.targets, classes=np.unique(self.targets))

    def call(self, model):
        return bits(model.partial_fit(self.rows, self.targets))


class Predict(Fit):
    def prepare(self):
        if not hasattr(self.model, "network_"):
            self.model.fit(self.rows, self.targets)
        return self.model

    def call(self, model):
        return model.predict(self.rows).tobytes()


class NetworkFit:
    def __init__(self, optimizer, **more):
        self.optimizer, self.more = optimizer, more

    def prepare(self):
        return Network([5, 6, 2], random_state=0)

    def call(self, network):
        network.fit(
            X, NUMBERS, optimizer=self.optimizer(), epochs=2, random_state=0,
            evaluation_data=(X, NUMBERS), **self.more,
        )  # fmt: skip
        return bits(network)


class Save:
    """Over another file: it is the old one or the new one afterwards."""

    old = b"the file before"
    model = MLPClassifier(**COMMON)

    def prepare(self):
        file.write_bytes(self.old)
        return self.model if hasattr(self.model, "network_") else self.model.fit(X, LABELS)

    def call(self, model):
        model.save(file)
        return file.read_bytes()

    def left_behind(self, failed):
        if os.listdir(folder) != [file.name]:
            return f"left {os.listdir(folder)}"
        if failed and file.read_bytes() not in (self.old, self.expected):
            return "the file is neither the old one nor the new one"
        return None


class Load:
    def prepare(self):
        if not file.exists():
            MLPClassifier(**COMMON).fit(X, LABELS).save(file)

    def call(self, _):
        return bits(cbackprop.load(file))


class TeamStart:
    def prepare(self):
        return None

    def call(self, _):
        with threads.Team(3) as team:
            return team.together(lambda barrier, thread: 10.0**thread)


SCENARIOS = {
    "fit classifier, adam": Fit(MLPClassifier(**COMMON), X, LABELS),
    "fit classifier, early stopping": Fit(
        MLPClassifier(**COMMON, early_stopping=True), X.astype(np.float32), LABELS
    ),
    "fit classifier, dropout, max_norm": Fit(
        MLPClassifier(**COMMON, dropout=0.5, max_norm=1.0), X, LABELS
    ),
    "fit regressor, sgd, sparse, 2 threads": Fit(
        MLPRegressor(**COMMON, solver="sgd", n_jobs=2), SPARSE, NUMBERS
    ),
    "fit regressor, lbfgs": Fit(MLPRegressor(**COMMON, solver="lbfgs"), X, NUMBERS),
    "partial_fit": PartialFit(MLPClassifier(**COMMON), X, LABELS),
    "predict": Predict(MLPClassifier(**COMMON), X, LABELS),
    "predict, 2 threads": Predict(
        MLPRegressor(hidden_layer_sizes=(50, 50), max_iter=1, n_jobs=2),
        rng.normal(size=(900, 5)),
        np.ones(900),
    ),
    "Network.fit, momentum": NetworkFit(lambda: SGD(0.1, 0.9)),
    "Network.fit, adam, 3 threads": NetworkFit(lambda: Adam(clip_norm=1.0), n_jobs=3),
    "save": Save(),
    "load": Load(),
    "team": TeamStart(),
}


def outcome(scenario, expected, n):
    """What came of a call whose n-th allocation was refused; None where there is no n-th."""
    given = scenario.prepare()
    result = error = None
    try:
        refuser.refuse_from(n, 1)
        result = scenario.call(given)
    except BaseException as raised:
        error = raised
    if refuser.refuse_no_more() == 0:
        return LEFT_ALONE if refuser.allocations_left_alone() else None
    said = "completed" if error is None else type(error).__name__
    if error is None and result != expected:
        said += ", with other bits"
    if error is not None and not isinstance(error, MemoryError):
        frame = traceback.extract_tb(error.__traceback__)[-1]
        said += f": {error} (in {frame.filename}: {frame.line})"
    del error, given
    return said


def count_threads():
    return len(os.listdir("/proc/self/task"))


def keeps_threads():
    """Whether there are more than before, and for long: one that is done may still be ending."""
    deadline = time.monotonic() + 5
    while count_threads() > n_threads and time.monotonic() < deadline:
        os.sched_yield()
    return count_threads() > n_threads


def afterwards(scenario, expected, failed):
    """What is not as it was."""
    wrong = []
    if keeps_threads():
        wrong.append(f"{count_threads()} threads, and not {n_threads}")
    if [library.get_num_threads() for library in threads._libraries()] != blas_threads:
        wrong.append("BLAS has other threads")
    if threads._before:
        wrong.append("BLAS is still held")
    left = getattr(scenario, "left_behind", lambda failed: None)(failed)
    if left:
        wrong.append(left)
    if scenario.call(scenario.prepare()) != expected:
        wrong.append("the next call gives other bits")
    return wrong


def main(name, first, step, seconds):
    warnings.simplefilter("ignore")
    scenario = SCENARIOS[name]
    for _ in range(3):  # what is loaded or kept at first use is, now
        expected = scenario.call(scenario.prepare())
    scenario.expected = expected
    refuser.spare(sys.version_info >= (3, 12), np.__version__.startswith("1."))
    global n_threads
    faulthandler.dump_traceback_later(30, exit=True)  # a thread, too
    n_threads = min(count_threads() for _ in range(10_000))
    deadline = time.monotonic() + seconds
    n = first
    while time.monotonic() < deadline:
        print(n, end=" ", flush=True)
        faulthandler.dump_traceback_later(30, exit=True)
        said = outcome(scenario, expected, n)
        if said is None:
            print("the end", flush=True)
            return
        failed = said not in ("completed", LEFT_ALONE)
        wrong = afterwards(scenario, expected, failed)
        print(", but ".join([said, *wrong]).replace("\n", " "), flush=True)
        n += step
    print("out of time", flush=True)


if __name__ == "__main__":
    blas_threads = [library.get_num_threads() for library in threads._libraries()]
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
