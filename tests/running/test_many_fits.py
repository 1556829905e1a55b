"""How many threads has each of many fits at once, in processes, in threads and in threads' threads?

Threads are counted, nothing is timed. What is wanted: all together have as many as there are cores.
"""

import warnings
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier

from cbackprop import MLPClassifier
from cbackprop.running import threads
from cbackprop.running.threads import number_of_threads
from cbackprop.tabular import TabularClassifier

pytestmark = [
    pytest.mark.usefixtures("ends_if_it_hangs"),
    pytest.mark.thread_unsafe(reason="counts threads, which are the process's"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
MUCH = 1e12  # operations of a step
CORES = 16
rng = np.random.default_rng(0)
X = rng.normal(size=(1200, 60)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
LARGE = MLPClassifier((300, 200), batch_size=400, max_iter=2, random_state=0)  # two threads pay


@pytest.fixture
def machine(monkeypatch):
    """A machine of sixteen cores, all of which BLAS may use."""
    monkeypatch.setattr(threads, "allowed_threads", lambda: CORES)


def in_parallel(n_jobs, backend, task=number_of_threads, n=6):
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        return joblib.Parallel()(joblib.delayed(task)(None, MUCH) for _ in range(n))


def inner(n_jobs, flops):
    """What the fits of a task have that divides its own work among two more threads."""
    return tuple(in_parallel(2, "threading", n=2))


# --- threads -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("n_jobs", "each"), [(1, 16), (2, 8), (3, 5), (5, 3), (8, 2), (9, 1), (16, 1), (40, 1)]
)
def test_joblibs_threads_divide_the_cores(n_jobs, each):
    assert in_parallel(n_jobs, "threading") == [each] * 6


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("n_jobs", "each"), [(2, 4), (4, 2), (8, 1)])
def test_threads_of_joblibs_threads_divide_their_share(n_jobs, each):
    assert in_parallel(n_jobs, "threading", inner) == [(each, each)] * 6


@pytest.mark.usefixtures("machine")
def test_when_joblib_has_ended_a_fit_has_all_cores_again():
    in_parallel(8, "threading")
    assert number_of_threads(None, MUCH) == CORES


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("size", [1, 2, 8])
def test_the_threads_of_a_thread_pool_divide_the_cores(size):
    with ThreadPool(size) as pool:
        found = pool.starmap(number_of_threads, [(None, MUCH)] * 9)
    assert found == [CORES // size] * 9


@pytest.mark.usefixtures("machine")
def test_another_pool_that_lives_takes_nothing_away():
    with ThreadPool(8) as other, ThreadPool(2) as pool:
        found = pool.starmap(number_of_threads, [(None, MUCH)] * 6)
        assert found == [CORES // 2] * 6
        assert other.apply(number_of_threads, (None, MUCH)) == CORES // 8


@pytest.mark.usefixtures("machine")
def test_a_thread_of_ones_own_has_all_cores():
    """A service's fit in the background, say."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(number_of_threads, None, MUCH).result() == CORES


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("n_jobs", [1, 3, -1])
def test_what_an_estimator_is_told_is_obeyed_in_threads(n_jobs):
    with ThreadPool(4) as pool:
        found = pool.starmap(number_of_threads, [(n_jobs, MUCH)] * 4)
    assert found == [CORES if n_jobs == -1 else n_jobs] * 4


# --- processes -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
@pytest.mark.usefixtures("machine")  # which forked processes have, too
def test_processes_that_joblib_tells_nothing_have_a_thread_each():
    assert set(in_parallel(2, "multiprocessing")) == {1}


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_processes_divide_the_cores(n_jobs, run_script):
    if n_jobs == 1:
        fit, blas = map(int, run_script("search.py", "1").split())
        assert fit == max(1, min(blas, joblib.cpu_count()))
        return
    fit, blas = map(int, run_script("search.py", str(n_jobs)).split())
    jobs = joblib.cpu_count() if n_jobs == -1 else n_jobs
    assert max(fit, blas) <= max(1, joblib.cpu_count() // jobs)


# --- what fits really take -----------------------------------------------------------------------


@pytest.fixture
def sizes(monkeypatch):
    """The sizes of the teams that work, where BLAS may use two cores."""
    taken, together = set(), threads.Team.together

    def noting(team, call):
        taken.add(team.size)
        return together(team, call)

    monkeypatch.setattr(threads, "allowed_threads", lambda: 2)
    monkeypatch.setattr(threads.Team, "together", noting)
    return taken


def fit_large(n_jobs=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LARGE.__class__(**LARGE.get_params()).set_params(n_jobs=n_jobs).fit(X, Y)


def test_a_fit_alone_has_both_cores(sizes):
    fit_large()
    assert max(sizes) == 2


@pytest.mark.parametrize("n", [2, 5])
def test_fits_in_threads_of_ones_own_give_the_bits_that_they_give_alone(n, sizes):
    """Each has the threads that it has alone, which do not depend on who else works."""
    alone = fit_large()
    with ThreadPoolExecutor(n) as pool:
        models = list(pool.map(lambda _: fit_large(), range(n)))
    assert max(sizes) == 2
    for model in models:
        assert_array_equal(model.network_.parameters, alone.network_.parameters)


@pytest.mark.parametrize("n_jobs", [2, -1])
@pytest.mark.parametrize(
    "search",
    [
        lambda n: GridSearchCV(LARGE, {"alpha": [0.1, 0.2]}, cv=2, refit=False, n_jobs=n),
        lambda n: BaggingClassifier(LARGE, n_estimators=3, n_jobs=n, random_state=0),
        lambda n: MultiOutputClassifier(LARGE, n_jobs=n),
    ],
    ids=["search", "bagging", "outputs"],
)
def test_searches_and_ensembles_in_threads_keep_to_the_cores(search, n_jobs, sizes):
    jobs = 2 if n_jobs == 2 else joblib.cpu_count()
    y = np.stack([Y, 1 - Y], axis=1) if "Output" in type(search(1)).__name__ else Y
    with joblib.parallel_config("threading"):
        search(n_jobs).fit(X, y)
    assert max(sizes) == max(1, 2 // jobs)


def test_an_ensemble_within_a_search_has_no_threads_of_ours(sizes):
    bagging = BaggingClassifier(LARGE, n_estimators=2, n_jobs=2, random_state=0)
    with joblib.parallel_config("threading", n_jobs=2):
        cross_val_score(bagging, X, Y, cv=2)
    assert sizes == {1}


def test_a_search_of_one_job_leaves_both_cores_to_each_fit(sizes):
    with joblib.parallel_config("threading", n_jobs=1):
        cross_val_score(LARGE, X, Y, cv=2)
    assert max(sizes) == 2


@pytest.mark.parametrize(("jobs", "at_once"), [(1, 2), (2, 1)])
def test_the_members_of_a_table_are_trained_by_the_threads_of_their_share(
    jobs, at_once, monkeypatch, sizes
):
    """Members are networks of their own, a thread each."""
    pools = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, size):
            pools.append(size)
            super().__init__(size)

    monkeypatch.setattr("cbackprop.tabular.members.ThreadPoolExecutor", Pool)
    table = TabularClassifier(n_members=2, max_epochs=2, random_state=0)
    with joblib.parallel_config("threading", n_jobs=jobs):
        cross_val_score(table, X[:200, :4], Y[:200], cv=2)
    assert pools == ([at_once] * 2 if at_once > 1 else [])
    assert sizes <= {1}
