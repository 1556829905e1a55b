"""Are as many cores counted as there are for this process, on other systems, too?"""

import ctypes
import os
from types import SimpleNamespace

import joblib
import pytest

from cbackprop.running import cores, threads
from cbackprop.running.threads import allowed_threads, blas_held_to_one_thread, number_of_threads

MUCH = 1e12


@pytest.fixture(autouse=True)
def counted_anew():
    """What is found out once is found out anew, before and after."""
    caches = (cores._machine, cores._capacities, cores._performance_cores)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


@pytest.fixture
def machine(monkeypatch):
    """A machine of sixteen cores, of which this process may use all."""
    monkeypatch.setattr(cores, "_affinity", lambda: frozenset(range(16)))
    monkeypatch.setattr(joblib, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)


class Library(SimpleNamespace):
    """A library as threadpoolctl has them."""

    def __init__(self, threads, api="openblas", path="/lib/libblas.so", **more):
        super().__init__(threads=threads, internal_api=api, filepath=path, **more)

    def get_num_threads(self):
        return self.threads

    def set_num_threads(self, threads):
        self.threads = threads


@pytest.fixture
def libraries(monkeypatch):
    """What threadpoolctl finds, to be filled."""
    found = []
    monkeypatch.setattr(threads, "_libraries", lambda: found)
    for name in threads.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return found


# --- how many ------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_an_affinity_that_came_later_is_seen(result_in_child):
    def pinned():
        own = os.sched_getaffinity(0)
        before = cores.cores()
        os.sched_setaffinity(0, {min(own)})
        return before == len(own) and (cores.cores(), number_of_threads(None, MUCH)) == (1, 1)

    if joblib.cpu_count() < len(os.sched_getaffinity(0)):
        pytest.skip("a quota, too")
    assert result_in_child(pinned)


@pytest.mark.usefixtures("machine")
def test_a_containers_quota_is_the_limit_where_blas_sees_all_cores(monkeypatch, libraries):
    libraries.append(Library(16))
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)  # which reads the quota
    assert (cores.cores(), allowed_threads()) == (3, 3)
    assert number_of_threads(None, MUCH) == number_of_threads(-1, MUCH) == 3


def test_joblibs_own_limit_is_obeyed(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert (cores.cores(), number_of_threads(None, MUCH)) == (1, 1)


@pytest.mark.usefixtures("machine")
def test_what_python_is_told_of_cores_is_obeyed(monkeypatch):
    """From Python 3.13 on os.cpu_count, which joblib asks, says what PYTHON_CPU_COUNT says."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(joblib, "cpu_count", lambda: os.cpu_count())
    assert cores.cores() == 4


# --- cores that are not alike --------------------------------------------------------------------


@pytest.fixture
def processors(monkeypatch, tmp_path):
    """Linux's folder of processors, to be filled."""
    monkeypatch.setattr(cores, "PROCESSORS", tmp_path)
    monkeypatch.setattr(cores, "_performance_cores", lambda: None)

    def written(capacities):
        for i, capacity in enumerate(capacities):
            folder = tmp_path / f"system/cpu/cpu{i}"
            folder.mkdir(parents=True)
            (folder / "cpu_capacity").write_text(f"{capacity}\n")

    return written


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("capacities", "quick"),
    [
        ([1024] * 16, None),
        ([1024] * 8 + [400] * 8, 8),  # 8 * 1024 > 16 * 400
        ([1024] * 8 + [800] * 8, None),  # 16 * 800 > 8 * 1024
        ([400] * 12 + [1024] * 4, None),  # 16 * 400 > 4 * 1024
        ([1024] * 2 + [300] * 4 + [900] * 10, 12),
        ([], None),
    ],
)
def test_slow_cores_are_left_out_where_all_would_wait_for_them(capacities, quick, processors):
    processors(capacities)
    assert cores.quick_cores() == quick


@pytest.mark.usefixtures("machine")
def test_what_is_pinned_to_slow_cores_has_them_all(processors, monkeypatch):
    processors([1024] * 8 + [400] * 8)
    monkeypatch.setattr(cores, "_affinity", lambda: frozenset(range(8, 16)))
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    assert cores.quick_cores() is None


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("listed", "quick"), [("0-11\n", 12), ("0-9,12", 11), ("0-1", None)])
def test_intels_performance_cores_are_told_from_the_others(listed, quick, processors, tmp_path):
    (tmp_path / "cpu_core").mkdir()
    (tmp_path / "cpu_core" / "cpus").write_text(listed)
    assert cores.quick_cores() == quick


@pytest.mark.usefixtures("machine")
def test_a_folder_that_says_nonsense_says_nothing(processors):
    processors(["many", 3])
    assert cores.quick_cores() is None


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("answer", "number", "quick"), [(0, 6, 6), (-1, 0, None), (0, 0, None), (0, 16, None)]
)
def test_on_macos_the_performance_cores_count(answer, number, quick, monkeypatch):
    monkeypatch.setattr(cores, "_affinity", lambda: None)
    monkeypatch.setattr(cores.sys, "platform", "darwin")

    def sysctlbyname(name, into, size, new, new_size):
        assert (name, size._obj.value, new) == (b"hw.perflevel0.logicalcpu", 4, None)
        into._obj.value = number
        return answer

    told = SimpleNamespace(sysctlbyname=sysctlbyname)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: told)
    assert cores.quick_cores() == quick


@pytest.mark.usefixtures("machine")
def test_only_a_number_that_is_left_to_us_leaves_slow_cores_out(processors, libraries):
    processors([1024] * 8 + [400] * 8)
    libraries.append(Library(16))
    assert number_of_threads(None, MUCH) == 8
    assert number_of_threads(-1, MUCH) == 16
    assert number_of_threads(12, MUCH) == 12


# --- BLAS that cannot be asked, or not held ------------------------------------------------------


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("variables", "threads"),
    [
        ({}, 16),
        ({"VECLIB_MAXIMUM_THREADS": "2"}, 2),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"VECLIB_MAXIMUM_THREADS": "3", "OMP_NUM_THREADS": "8"}, 3),
        ({"OPENBLAS_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": ""}, 16),
        ({"OMP_NUM_THREADS": "0"}, 16),
        ({"OMP_NUM_THREADS": "many", "OPENBLAS_NUM_THREADS": "6"}, 6),
        ({"OMP_NUM_THREADS": "64"}, 16),
    ],
)
def test_without_a_library_to_ask_its_variables_say(variables, threads, libraries, monkeypatch):
    """As with Apple's Accelerate: in joblib's processes, too, which are told by them."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert libraries == []
    assert allowed_threads() == threads
    with blas_held_to_one_thread():
        assert allowed_threads() == threads


@pytest.mark.usefixtures("machine")
def test_a_library_that_does_not_say_leaves_all_cores_and_is_not_touched(libraries):
    libraries.append(Library(None))
    assert allowed_threads() == 16
    with blas_held_to_one_thread():
        assert libraries[0].threads is None
        assert allowed_threads() == 16
    assert libraries[0].threads is None


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("told", "allowed"), [(-1, 16), (1, 1)])
def test_a_blis_that_was_told_nothing_does_not_hold_us_to_one(told, allowed, libraries):
    dynlib = SimpleNamespace(bli_thread_get_num_threads=lambda: told)
    libraries.append(Library(1, "blis", dynlib=dynlib))  # threadpoolctl says 1 for both
    assert allowed_threads() == allowed


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("api", ["openblas", "mkl", "blis", "flexiblas"])
def test_every_library_that_can_be_held_is_held_and_given_back(api, libraries):
    libraries += [Library(8, api, "/one.so"), Library(4, api, "/other.so")]
    with blas_held_to_one_thread():
        assert [library.threads for library in libraries] == [1, 1]
        assert allowed_threads() == 4
    assert [library.threads for library in libraries] == [8, 4]


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    "path",
    [
        "/site-packages/scipy.libs/libscipy_openblas.so",
        "/site-packages/scipy/.dylibs/libscipy_openblas.dylib",
        "C:\\site-packages\\scipy.libs\\libscipy_openblas.dll",
    ],
)
def test_scipys_own_library_is_the_one_that_is_asked(path, libraries):
    libraries += [
        Library(3, path=path),
        Library(7, path="/site-packages/numpy.libs/libopenblas.so"),
    ]
    assert allowed_threads() == 3
