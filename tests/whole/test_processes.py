"""Many threads and processes: each fit gives the bits that it gives alone, and nothing crashes."""

import os
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

import cbackprop
from cbackprop import Adam, MLPClassifier, MLPRegressor, Network
from cbackprop.callbacks import Callback
from cbackprop.engine import crew
from cbackprop.running import threads

pytestmark = [
    pytest.mark.usefixtures("ends_if_it_hangs"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
rng = np.random.default_rng(0)
X = rng.normal(size=(400, 7))
X32 = X.astype(np.float32)
LABELS, NUMBERS = np.digitize(X[:, 0], [-0.5, 0.5]), X[:, :2] @ [[1.0, 2.0], [0.5, -1.0]]

IN_PARALLEL = ["network", "gradients", "steps", "kernels", "reference", "door", "files"]
IN_PARALLEL += ["damaged_files", "estimators"]
HAS_TASKS = os.path.isdir("/proc/self/task")
FITS = [
    (MLPClassifier((8,), max_iter=6, random_state=0), X, LABELS),
    (MLPClassifier((8,), max_iter=6, random_state=1, n_jobs=2), X32, LABELS),
    (MLPClassifier((8,), max_iter=6, random_state=2, early_stopping=True), X, LABELS),
    (MLPClassifier((8,), max_iter=6, random_state=3, solver="lbfgs", n_jobs=2), X, LABELS),
    (MLPRegressor("squared_error", (8, 9), max_iter=6, random_state=4, n_jobs=3), X, NUMBERS),
    (MLPRegressor("squared_error", (8,), solver="sgd", max_iter=6, random_state=5), X32, NUMBERS),
    (MLPRegressor(hidden_layer_sizes=(), random_state=6, clip_norm=0.5, n_jobs=2), X, NUMBERS),
    (MLPClassifier((300,), max_iter=6, random_state=7, batch_size=400), X, LABELS),
]  # fmt: skip


def parameters_of(fit):
    estimator, rows, targets = fit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(estimator).fit(rows, targets).network_.parameters


def side_by_side(*calls):
    """Call all at the same time, each in a thread of its own. Their results, or errors."""
    barrier = threading.Barrier(len(calls))

    def start(call):
        barrier.wait(30)
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(start, calls))


# --- threads of the user's own -------------------------------------------------------------------


def test_eight_threads_fit_what_they_fit_one_after_the_other():
    expected = [parameters_of(fit) for fit in FITS]
    with warnings.catch_warnings():  # its filters are the process's: set once, around all threads
        warnings.simplefilter("ignore")
        for _ in range(3):
            models = side_by_side(*(lambda f=f: clone(f[0]).fit(f[1], f[2]) for f in FITS))
            for model, alone in zip(models, expected, strict=True):
                assert_array_equal(model.network_.parameters, alone)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_eight_threads_predict_with_one_estimator(n_jobs):
    estimator = MLPClassifier((50, 40), max_iter=2, random_state=0, n_jobs=n_jobs).fit(X, LABELS)
    rows = rng.normal(size=(30_000, 7))
    expected = estimator.predict_proba(rows)
    for outputs in side_by_side(*[lambda: estimator.predict_proba(rows)] * 8):
        assert_array_equal(outputs, expected)


@pytest.mark.parametrize("rows", [X, X32, X[:, :3], X32[:200]], ids=["same", "32", "narrow", "few"])
@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_two_fits_of_one_estimator_at_once_do_not_crash(solver, warm_start, rows):
    """What comes out is not defined; that the next fit is right, is."""
    estimator = MLPClassifier(
        (8,), solver=solver, max_iter=15, n_jobs=2, warm_start=warm_start, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(5):
            for result in side_by_side(
                lambda: estimator.fit(X, LABELS),
                lambda: estimator.fit(rows, LABELS[: len(rows)]),
                lambda: estimator.predict(X),
            ):
                assert result is estimator or isinstance(result, Exception | np.ndarray)
        expected = clone(estimator).fit(X, LABELS)
        assert_array_equal(
            estimator.set_params(warm_start=False).fit(X, LABELS).network_.parameters,
            expected.network_.parameters,
        )


def test_a_network_may_be_shared_by_threads_that_train_it_and_look_at_it():
    network, optimizer = Network([7, 8, 2], random_state=0), Adam()
    stop = threading.Event()

    def train(seed):
        for _ in range(5):
            network.fit(X, NUMBERS, optimizer=optimizer, epochs=3, random_state=seed, n_jobs=2)

    def look():
        while not stop.is_set():
            assert network.predict(X).shape == NUMBERS.shape
            network.backprop(X, NUMBERS)
            network.copy()

    def train_and_stop():
        try:
            train(0)
        finally:
            stop.set()

    for result in side_by_side(train_and_stop, lambda: train(1), look):
        if isinstance(result, Exception):
            raise result
    assert np.isfinite(network.loss(X, NUMBERS))


def test_views_may_be_written_while_another_thread_trains():
    estimator = MLPRegressor("squared_error", (8,), max_iter=300, tol=0.0, n_jobs=2)
    estimator.partial_fit(X, NUMBERS).set_params(warm_start=True)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for view in (*estimator.coefs_, *estimator.intercepts_):
                view[...] = 0.1
            estimator.coefs_ = [np.full_like(view, 0.1) for view in estimator.coefs_]

    def train():
        try:
            estimator.fit(X, NUMBERS)
        finally:
            stop.set()

    for result in side_by_side(train, write):
        if isinstance(result, Exception):
            raise result
    assert np.isfinite(estimator.predict(X)).all()


@pytest.mark.nightly
def test_the_suite_passes_with_each_test_in_four_threads_at_once(tmp_path, figure):
    """Those of its files that look at one thing at a time; some tests say why they cannot."""
    pytest.importorskip("pytest_run_parallel")
    here = Path(__file__).parents[1]
    command = [sys.executable, "-P", "-m", "pytest", "-q", "--parallel-threads=4"]
    result = subprocess.run(
        [*command, "-p", "no:cacheprovider", *(here / f"test_{name}.py" for name in IN_PARALLEL)],
        env={**os.environ, "PYTHONPATH": str(Path(cbackprop.__file__).parents[1])},
        cwd=here.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-5000:]
    figure("tests in four threads at once", result.stdout.strip().splitlines()[-1])


# --- forks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("which", range(len(FITS)))
def test_a_forked_child_fits_what_its_parent_fits(result_in_child, which, before):
    expected = parameters_of(FITS[which]) if before else None

    def fits():
        found = parameters_of(FITS[which])
        return expected is None or (found == expected).all()

    assert result_in_child(fits)
    if expected is not None:
        assert_array_equal(parameters_of(FITS[which]), expected)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_child_forked_within_a_fit_goes_on_with_it(n_jobs):
    """The team's other threads are not in the child: it starts its own."""
    expected = parameters_of((MLPClassifier((8,), max_iter=6, random_state=0), X, LABELS))
    if n_jobs == 2:
        two = MLPClassifier((8,), max_iter=6, random_state=0, n_jobs=2)
        expected = parameters_of((two, X, LABELS))
    parent, children = os.getpid(), []

    class Forks(Callback):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and context.task_id == 2 and os.getpid() == parent:
                children.append(os.fork())
                if children[-1] == 0:
                    signal.alarm(30)

    right = False
    estimator = MLPClassifier((8,), max_iter=6, random_state=0, n_jobs=n_jobs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(X, LABELS, callbacks=[Forks()])
        right = (estimator.network_.parameters == expected).all()
    finally:
        if os.getpid() != parent:
            os._exit(0 if right else 1)
    assert right
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0


# --- joblib --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib_fits_what_is_fitted_one_after_the_other(backend):
    fits = [fit for fit in FITS if fit[0].n_jobs is not None or fit[0].hidden_layer_sizes != (300,)]
    expected = [parameters_of(fit) for fit in fits]
    with joblib.parallel_config(backend, n_jobs=2), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = joblib.Parallel()(
            joblib.delayed(estimator.__class__.fit)(clone(estimator), rows, targets)
            for estimator, rows, targets in fits
        )
    for estimator, parameters in zip(found, expected, strict=True):
        assert_array_equal(estimator.network_.parameters, parameters)


def test_searches_in_processes_share_the_processors(run_script):
    fit, blas = map(int, run_script("search.py").split())
    assert max(fit, blas) <= max(1, joblib.cpu_count() // 2)


@pytest.mark.parametrize("backend", ["threading", None])
def test_searches_in_threads_do_not_start_threads_within_them(backend, monkeypatch):
    """joblib's two threads, and none of ours: n_jobs=None there is one thread a fit.

    Counted as they start, and where Linux lists them among all threads that Python does not know:
    so it would also see another way of starting one, and BLAS's own.
    """
    start, started, unknown = crew.start_new_thread, [], []
    together = threads.Team.together

    def starting(*arguments):
        started.append(arguments)
        return start(*arguments)

    def unknown_threads():
        return len(os.listdir("/proc/self/task")) - threading.active_count()

    def counting(team, call):
        def counted(barrier, thread):
            unknown.append(unknown_threads())
            return call(barrier, thread)

        return together(team, counted if HAS_TASKS else call)

    monkeypatch.setattr(crew, "start_new_thread", starting)
    monkeypatch.setattr(threads.Team, "together", counting)
    rows = rng.normal(size=(3000, 60)).astype(np.float32)
    targets = (rows[:, 0] > 0).astype(int)
    large = MLPClassifier((300, 200), batch_size=500, max_iter=3, random_state=0)
    with threadpool_limits(2, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if threads.allowed_threads() != 2:
            pytest.skip("BLAS here cannot be given two threads")
        rows.T @ rows  # so that BLAS has its threads
        before = unknown_threads() if HAS_TASKS else 0
        if backend is None:
            large.fit(rows, targets)
        else:
            with joblib.parallel_config(backend, n_jobs=2):
                GridSearchCV(large, {"alpha": [0.1, 0.2]}, cv=2, refit=False).fit(rows, targets)
    # Outside of joblib the same fit starts its second thread: the test would see one.
    assert bool(started) == (backend is None)
    if HAS_TASKS:
        assert max(unknown) - before == (backend is None)
