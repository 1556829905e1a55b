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


# --- many fits -----------------------------------------------------------------------------------

MANY_FITS = """
import pathlib, re, warnings
from itertools import product
import numpy as np
import scipy.sparse
from cbackprop import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 8)), rng.normal(size=60)
sparse = scipy.sparse.random(60, 8, 0.3, "csr", random_state=0)
kinds = list(product(("sgd", "adam", "lbfgs"), (X, sparse, X.astype(np.float32)), (1, 2),
                     ((MLPClassifier, y > 0), (MLPRegressor, y))))

def fits(n):
    for i in range(n):
        solver, rows, n_jobs, (kind, targets) = kinds[i % len(kinds)]
        more = dict(hidden_layer_sizes=(20,), max_iter=3, batch_size=20)
        model = kind(**more, solver=solver, n_jobs=n_jobs)
        model.fit(rows, targets).predict(rows)

def size():
    return int(re.search(r"VmRSS:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])

fits(200)
before = size()
fits(1000)
print(size() - before)
"""


def said_by(script: str, *arguments: object) -> str:
    """What another Python prints that runs this script."""
    environment = {**os.environ, "PYTHONPATH": str(Path(cbackprop.__file__).parents[1])}
    command = [sys.executable, "-P", "-c", script, *map(str, arguments)]
    run = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_thousand_fits_of_all_kinds_add_less_than_five_megabytes(figure):
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    grown = int(said_by(MANY_FITS))
    figure("KiB that 1,000 fits added", str(grown))
    assert grown < 5000


# --- data larger than what is left ---------------------------------------------------------------

# The file has holes, so it takes no room on the disk, and its pages none in memory that count.
MAPPED = """
import pathlib, re, resource, sys, warnings
import numpy as np
from cbackprop import MLPClassifier, MLPRegressor, Network

kind, path = sys.argv[1], sys.argv[2]
warnings.simplefilter("ignore")
dtype = np.float64 if kind == "lbfgs" else np.float32
n, left = 320 * 2**20 // (1024 * np.dtype(dtype).itemsize), 256 * 2**20
X = np.lib.format.open_memmap(path, "w+", dtype, (n, 1024))
X[::1000] = 1.0
y = (X[:, 0] > 0).astype(int)
common = dict(hidden_layer_sizes=(4,), max_iter=1, random_state=0)
fit = {
    "adam": lambda X, y: MLPClassifier(**common, n_jobs=2).fit(X, y),
    "sgd": lambda X, y: MLPRegressor(**common, solver="sgd", shuffle=False).fit(X, y),
    "early stopping": lambda X, y: MLPClassifier(**common, early_stopping=True).fit(X, y),
    "lbfgs": lambda X, y: MLPClassifier(
        **common, solver="lbfgs", max_fun=2, n_jobs=2).fit(X, y),
    "Network": lambda X, y: Network([1024, 4, 1], dtype=dtype).fit(X, y, epochs=1, batch_size=100),
    "predict": lambda X, y: MLPClassifier(**common).fit(X[:100], np.arange(100) % 2).predict(X),
}[kind]
fit(np.asarray(X[:2000]), np.arange(2000) % 2)
size = int(re.search(r"VmSize:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
resource.setrlimit(resource.RLIMIT_AS, (1024 * size + left, resource.RLIM_INFINITY))
try:
    np.array(X)
except MemoryError:
    fit(X, y)
    print("fitted")
"""


@pytest.mark.parametrize("kind", ["adam", "sgd", "early stopping", "lbfgs", "Network", "predict"])
def test_a_mapped_array_larger_than_the_memory_left_is_never_copied(kind, tmp_path):
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    assert said_by(MAPPED, kind, tmp_path / "X.npy") == "fitted\n"


# --- threads for which no memory is left ----------------------------------------------------------

FEW = """
import pathlib, re, resource, sys
import numpy as np
from cbackprop import Network

# Products too large for loops of our own: BLAS makes them, and takes a buffer for each thread.
X, y = np.ones((2000, 600), dtype=np.float32), np.ones((2000, 600), dtype=np.float32)
network = Network([600, 600, 600], dtype=np.float32, random_state=0)
network.fit(X, y, epochs=1, batch_size=500, n_jobs=1)
size = re.search(r"VmSize:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
resource.setrlimit(resource.RLIMIT_AS, (1024 * int(size) + int(sys.argv[1]) * 2**20, -1))
before = network.parameters.copy()
for n_jobs in (2, None):
    try:
        network.fit(X, y, epochs=1, batch_size=500, n_jobs=n_jobs)
        print("fitted")
    except MemoryError as error:
        print(error, np.array_equal(network.parameters, before))
"""


@pytest.mark.parametrize("left", [70, 95])
def test_threads_without_room_for_what_blas_takes_are_refused_or_not_taken(left):
    """OpenBLAS would ask for its buffer again for ever."""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    refused, fitted = said_by(FEW, left).splitlines()
    assert refused.startswith("2 threads need up to 112 MiB of address space besides the data")
    assert refused.endswith("n_jobs=1 may do True")
    assert fitted == "fitted"


# --- files larger than what is left --------------------------------------------------------------

LARGE_FILE = """
import pathlib, re, resource, sys
import numpy as np
import cbackprop
from cbackprop import Network

path, what = sys.argv[1:]
def limit(left):
    size = re.search(r"VmSize:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
    resource.setrlimit(resource.RLIMIT_AS, (1024 * int(size) + left * 2**20, -1))

large, small = Network([2900, 2900], random_state=0), Network([3, 2], random_state=0)  # 64 MiB
(large if what == "load" else small).save(path)
small.save(path + "-small")
cbackprop.load(path + "-small")
before = pathlib.Path(path).stat()
if what == "load":
    del large
limit(40)
try:
    cbackprop.load(path) if what == "load" else large.save(path)
except MemoryError:
    after = pathlib.Path(path).stat()
    print("as it was", before.st_ino == after.st_ino and before.st_size == after.st_size)
"""


@pytest.mark.parametrize("what", ["save", "load"])
def test_a_file_larger_than_the_memory_left_is_a_memory_error(what, tmp_path):
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    assert said_by(LARGE_FILE, tmp_path / "model", what) == "as it was True\n"
    assert sorted(os.listdir(tmp_path)) == ["model", "model-small"]
