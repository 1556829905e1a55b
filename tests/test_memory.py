"""What a fit adds to the process's memory, beside the data that it is given."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cbackprop

pytest.importorskip("resource")

# The peak is the process's highest so far, so the data must come last before it is looked at: a
# small fit goes first, which loads what a fit loads, and what it needs for any number of rows.
# Linux counts what the parent had before exec into ru_maxrss, and not into VmHWM.
SCRIPT = """
import pathlib, re, resource, sys, warnings
import numpy as np
from cbackprop import MLPClassifier

def peak():
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

def data(n):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 100), dtype=np.float32), rng.integers(0, 100, n)

warnings.simplefilter("ignore")
model = MLPClassifier(max_iter=2, **eval(sys.argv[2]))
model.fit(*data(5000))
first = peak()
X, y = data(int(sys.argv[1]))
before = peak()
model.fit(X, y)
print(X.nbytes, before - first, peak() - before, len(model.classes_))
"""


def added_share(n: int, settings: dict) -> float:
    """The memory that a fit of n rows adds, as a share of its float32 rows."""
    environment = {**os.environ, "PYTHONPATH": str(Path(cbackprop.__file__).parents[1])}
    command = [sys.executable, "-P", "-c", SCRIPT, str(n), repr(settings)]
    run = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert run.returncode == 0, run.stderr
    size, seen, added, n_classes = map(int, run.stdout.split())
    assert n_classes == 100
    # Else an earlier peak hides what is to be measured.
    assert seen > 0.9 * size
    return added / size


@pytest.mark.parametrize("settings", [{"solver": "adam"}, {"solver": "sgd", "shuffle": False}])
def test_fit_adds_less_than_a_tenth_of_its_data(settings):
    assert added_share(200_000, {"hidden_layer_sizes": (20,), **settings}) < 0.1


@pytest.mark.nightly
def test_fit_of_a_million_rows_adds_less_than_a_tenth_of_its_data():
    assert added_share(1_000_000, {}) < 0.1


PREDICT = """
import os, re, sys, pathlib, tracemalloc, warnings
import numpy as np
from cbackprop import MLPClassifier, Network

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])

kind, n = sys.argv[1], 300_000
rng = np.random.default_rng(0)
warnings.simplefilter("ignore")
few, labels = rng.standard_normal((600, 100), dtype=np.float32), np.arange(600) % 50
model = MLPClassifier((60,), max_iter=1, n_jobs=2).fit(few, labels)
model.predict_proba(few), model.predict(few)
X = rng.standard_normal((n, 100), dtype=np.float32)
first = peak()
tracemalloc.start()
out = getattr(model, kind)(X)
_, traced = tracemalloc.get_traced_memory()
print(X.nbytes, n * 50 * 4, traced, peak() - first)
rows = rng.integers(0, n, 500)
alone = getattr(model, kind)(X[rows])
if kind == "predict":
    assert (out[rows] == alone).mean() > 0.99
else:
    assert np.allclose(out[rows], alone, atol=1e-5)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
@pytest.mark.parametrize("kind", ["predict", "predict_proba"])
def test_prediction_copies_nothing_of_its_rows(kind):
    """The outputs, what becomes of them, and no more than a twentieth of the rows besides."""
    environment = {**os.environ, "PYTHONPATH": str(Path(cbackprop.__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, "-P", "-c", PREDICT, kind],
        env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    size, outputs, traced, added = map(int, run.stdout.split())
    labels = 0 if kind == "predict_proba" else 2 * 8 * outputs // 200
    assert outputs <= traced < outputs + labels + size / 20
    assert added < outputs + labels + size / 20
