"""Can compiled code ask a predictor, without the GIL and from several threads?"""

import ctypes
import gc
import subprocess
import sys
import textwrap
import weakref
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import LowLevelCallable

import cbackprop
from cbackprop import MLPClassifier, Network
from cbackprop.network import PiecewiseLinear

rng = np.random.default_rng(0)
C_NAMES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


def network(dtype, n_in=5):
    front = [PiecewiseLinear([0.0, 1.0]), *[None] * (n_in - 1)]
    return Network([n_in, 9, 3], embeddings=front, activation="mish", dtype=dtype, random_state=0)


def called(function, model, X, k, n=None):
    """The outputs that the function in C gives, and what it returns."""
    out = np.full((len(X), k), 7.0, dtype=X.dtype)
    fate = function(model, X.ctypes.data, len(X) if n is None else n, out.ctypes.data)
    return out, fate


def of_capsule(capsule, dtype):
    """The function behind a capsule, by its documented name, and its context."""
    name = f"int (const void *, const {C_NAMES[dtype]} *, ptrdiff_t, {C_NAMES[dtype]} *)".encode()
    api = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = api.PyCapsule_GetContext.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    api.PyCapsule_GetContext.argtypes = [ctypes.py_object]
    types = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p]
    function = ctypes.CFUNCTYPE(*types)(api.PyCapsule_GetPointer(capsule, name))
    return function, api.PyCapsule_GetContext(capsule)


def test_the_capsules_function_gives_the_outputs(dtype):
    ask = network(dtype).predictor()
    X = rng.standard_normal((6, 5)).astype(dtype)
    for function, model in (of_capsule(ask.capsule, dtype), ask.ctypes):
        out, fate = called(function, model, X, 3)
        assert fate == 0
        assert_array_equal(out, ask(X))


def test_a_capsule_keeps_its_predictor_and_no_longer(dtype):
    ask = network(dtype).predictor()
    X = rng.standard_normal((2, 5)).astype(dtype)
    expected, capsule, alive = ask(X), ask.capsule, weakref.ref(ask)
    function, model = of_capsule(capsule, dtype)
    del ask
    gc.collect()
    assert_array_equal(called(function, model, X, 3)[0], expected)
    assert alive() is not None
    del capsule
    gc.collect()
    assert alive() is None


def test_a_row_that_is_not_finite_ends_it(dtype):
    ask = network(dtype).predictor()
    X = rng.standard_normal((4, 5)).astype(dtype)
    expected = ask(X)
    X[2, 3] = np.nan
    out, fate = called(*ask.ctypes, X, 3)
    assert fate == 1
    assert_array_equal(out[:2], expected[:2])
    assert_array_equal(out[2:], 7.0)


def test_no_rows_are_no_work(dtype):
    out, fate = called(*network(dtype).predictor().ctypes, np.ones((1, 5), dtype), 3, n=0)
    assert fate == 0
    assert_array_equal(out, 7.0)


def test_c_gets_the_outputs_whatever_python_is_told():
    X = rng.standard_normal((60, 4))
    clf = MLPClassifier((5,), max_iter=3, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        clf.fit(X, rng.integers(0, 3, 60))
    out, _ = called(*clf.predictor().ctypes, X, 3)
    assert_array_equal(out, clf.predictor("predict_proba")(X))
    out, _ = called(*clf.predictor("decision_function").ctypes, X, 3)
    assert_array_equal(out, clf.predictor("decision_function")(X))


def test_scipy_takes_the_capsule_for_a_low_level_callable():
    ask = network(np.float64).predictor()
    assert LowLevelCallable(ask.capsule).signature.startswith("int (const void *, const double *")


def test_threads_call_it_at_once(dtype):
    ask = network(dtype).predictor()
    X = rng.standard_normal((500, 5)).astype(dtype)
    expected = ask(X)
    with ThreadPoolExecutor(4) as pool:  # ctypes lets the GIL go
        for out, fate in pool.map(lambda _: called(*ask.ctypes, X, 3), range(40)):
            assert fate == 0
            assert_array_equal(out, expected)


MODULE = """
    # cython: language_level=3
    from cbackprop.engine.predictor cimport RowPredictor

    def told(RowPredictor ask, float[:, ::1] X, float[:, ::1] out):
        cdef int fate
        with nogil:
            fate = ask.outputs(&X[0, 0], X.shape[0], &out[0, 0])
        return fate
"""
SETUP = """
    from Cython.Build import cythonize
    from setuptools import Extension, setup

    setup(name="one", ext_modules=cythonize([Extension("one", ["one.pyx"])], quiet=True))
"""
CALLER = """
    from concurrent.futures import ThreadPoolExecutor
    import numpy as np
    from cbackprop import Network
    from one import told

    ask = Network([4, 8, 2], dtype=np.float32, random_state=0).predictor()
    X = np.random.default_rng(0).standard_normal((1000, 4)).astype(np.float32)

    def asked(_):
        out = np.empty((1000, 2), np.float32)
        return told(ask, X, out), (out == ask(X)).all()

    with ThreadPoolExecutor(3) as pool:
        print(set(pool.map(asked, range(30))) == {(0, True)})
"""


@pytest.mark.skipif(
    find_spec("Cython") is None or find_spec("setuptools") is None,
    reason="needs Cython and setuptools",
)
def test_a_cython_module_cimports_it_and_calls_it_without_the_gil(tmp_path):
    if not Path(cbackprop.__file__).with_name("engine").joinpath("predictor.pxd").exists():
        pytest.fail("the package comes without predictor.pxd")
    for name, text in (("one.pyx", MODULE), ("setup.py", SETUP), ("caller.py", CALLER)):
        (tmp_path / name).write_text(textwrap.dedent(text), encoding="utf-8")
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    made = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    run = [sys.executable, "caller.py"]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.stdout.strip(), result.returncode) == ("True", 0), result.stderr
