"""What several test files share: the one table of tolerances, networks with data, guards."""

import dis
import faulthandler
import functools
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from drawn import targets
from quick import pytest_collection_modifyitems, pytest_ignore_collect  # noqa: F401

import cbackprop
from cbackprop import Network, reference
from cbackprop.engine import kernels, run
from cbackprop.running.execution import Execution
from cbackprop.running.sweeps import Sweep

# How closely two ways of computing the same must agree, relative to the largest element: the
# rounding of a few hundred additions in each dtype.
TOLERANCES = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-12}

FIGURE = "figure "
PACKAGE = str(Path(cbackprop.__file__).parent)


@pytest.fixture
def figure(record_property):
    """Report a figure at the end of the run, as in `figure("kills in mid-write", 200)`.

    Numbers of the same name and the same file are added up; of texts, the last one is shown.
    """

    def report(name, value):
        record_property(FIGURE + name, value)

    return report


def pytest_terminal_summary(terminalreporter):
    """The figures of all tests, also added to the file that $CBACKPROP_FIGURES names, if any."""
    figures = {}
    for report in (r for reports in terminalreporter.stats.values() for r in reports):
        if getattr(report, "when", None) == "call":
            for name, value in report.user_properties:
                if name.startswith(FIGURE):
                    key = report.nodeid.partition("::")[0], name.removeprefix(FIGURE)
                    adds = key in figures and not isinstance(value, str)
                    figures[key] = figures[key] + value if adds else value
    if not figures:
        return
    terminalreporter.section("figures")
    for (file, name), value in sorted(figures.items()):
        terminalreporter.write_line(f"{file}: {name}: {value}")
    if path := os.environ.get("CBACKPROP_FIGURES"):
        with Path(path).open("a", encoding="utf-8") as out:
            out.writelines(f"{file}\t{name}\t{value}\n" for (file, name), value in figures.items())


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def tolerance(dtype):
    return TOLERANCES[dtype]


@pytest.fixture
def assert_close():
    """Compare (lists of) arrays: |actual - expected| <= tolerance max(1, |expected|), the largest.

    The tolerance is the table's for the actual array's dtype unless another one is given.
    """

    def check(actual, expected, tolerance=None):
        if isinstance(expected, list | tuple):
            assert len(actual) == len(expected)
            for one, other in zip(actual, expected, strict=True):
                check(one, other, tolerance)
            return
        actual, expected = np.asarray(actual), np.asarray(expected)
        assert actual.shape == expected.shape
        bound = TOLERANCES[actual.dtype] if tolerance is None else tolerance
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=bound * scale)

    return check


@pytest.fixture(params=kernels.available())
def instructions(request):
    """Each set of vector instructions in turn; afterwards the one that was in use before."""
    before = kernels.use(request.param)
    yield request.param
    kernels.use(before)


@pytest.fixture
def restored_instructions():
    """Whatever the test puts to use, afterwards the instructions are those from before."""
    before = kernels.in_use()
    yield before
    kernels.use(before)
    kernels.use_products(True)


@pytest.fixture
def ends_if_it_hangs(capfd, request):
    """Where a test hangs, even in compiled code, the process says where and ends."""
    with capfd.disabled():
        stderr = os.dup(2)
    seconds = 900 if request.node.get_closest_marker("nightly") else 120
    faulthandler.dump_traceback_later(seconds, exit=True, file=stderr)
    yield
    faulthandler.cancel_dump_traceback_later()
    os.close(stderr)


@pytest.fixture
def run_script():
    """Run a script of the folder `scripts` in a process of its own; what it printed."""

    def run(script, *arguments, seconds=500):
        environment = {**os.environ, "PYTHONPATH": str(Path(cbackprop.__file__).parents[1])}
        result = subprocess.run(
            [
                sys.executable,
                "-P",
                Path(__file__).parent / "scripts" / script,
                *map(str, arguments),
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


@pytest.fixture
def result_in_child():
    """Whether compute() is true in a forked child; False too if it raises or hangs."""
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")

    def result(compute):
        with warnings.catch_warnings():
            # Python 3.12 warns of a fork in a process with threads: that is what is tested.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            signal.alarm(30)  # its default action ends the process even where it waits in C
            right = False
            try:
                right = bool(compute())
            finally:
                os._exit(0 if right else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    return result


@functools.cache
def looks(code):
    """Where Python looks for signals: when a call has returned, and when a loop goes round."""
    after_calls, last = set(), ""
    for instruction in dis.get_instructions(code):
        if last.startswith("CALL") or instruction.opname == "JUMP_BACKWARD":
            after_calls.add(instruction.offset)
        last = instruction.opname
    return after_calls


class InterruptedAt:
    """Raises KeyboardInterrupt where Python looks for signals the n-th time in the package's code.

    For a ``with`` statement; `where` is the place, None if the code was done before.
    """

    def __init__(self, n):
        self.n, self.looks, self.where = n, 0, None

    def __enter__(self):
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def _trace(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        begins = event == "call"  # where Python looks, too
        if begins or (event == "opcode" and frame.f_lasti in looks(frame.f_code)):
            self.looks += 1
            if self.looks == self.n:
                self.where = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self._trace


@pytest.fixture
def interrupted_at():
    return InterruptedAt


def _targets(rng, n, k, loss, dtype):
    y = targets(rng, n, k, loss, dtype)
    return y.astype(np.int32) if y.ndim == 1 else y  # as the engine takes labels


KINKS = {"relu", "leaky_relu", "selu"}  # at z = 0
KINKED_LOSSES = {"absolute_error", "quantile"}  # at z = y


def _distance_from_kink(network, X, y, options):
    """Smallest distance of a unit's z from a kink of its activation, or of the loss."""
    names = network._names_of_activations()[:-1]
    how = {key: options[key] for key in ("activation", "output_activation")}
    activations = reference.forward(network.weights, network.biases, X, **how)
    zs = [a @ W + b for a, W, b in zip(activations, network.weights, network.biases, strict=False)]
    distances = [np.abs(z).min() for z, name in zip(zs, names, strict=False) if name in KINKS]
    if options["loss"] in KINKED_LOSSES:
        distances.append(np.abs(zs[-1] - y).min())
    return float(min(distances, default=np.inf))


@pytest.fixture
def make_problem():
    """A network of small parameters with n rows for it, none close to a kink.

    Called with a network's arguments, gives `network`, `X`, `y`, `weight` (some of it zero) and
    `options`, what the reference wants to know. Data has the dtype and the layout of the engine.
    """

    def make(
        sizes,
        n,
        *,
        activation="tanh",
        output_activation="identity",
        loss="squared_error",
        dtype=np.float64,
        seed=0,
    ):
        rng = np.random.default_rng(seed)
        network = Network(
            sizes,
            activation=activation,
            output_activation=output_activation,
            loss=loss,
            dtype=dtype,
            random_state=seed,
        )
        name = network.loss_name
        options = {"activation": activation, "output_activation": output_activation, "loss": name}
        if network.loss_function.parameters:
            options["loss_parameters"] = network.loss_function.parameters
        for _ in range(1000):
            for W, b in zip(network.weights, network.biases, strict=True):
                W[...] = rng.normal(0.0, W.shape[0] ** -0.5, W.shape)
                b[...] = rng.normal(0.0, 0.5, b.shape)
            X = rng.normal(size=(n, sizes[0])).astype(dtype)
            y = _targets(rng, n, sizes[-1], name, dtype)
            if _distance_from_kink(network, X, y, options) > 1e-4:
                break
        else:
            raise RuntimeError("no problem whose units all stay away from a kink")
        weight = rng.integers(0, 4, n).astype(dtype) / 2
        weight[0] = 1.0
        return SimpleNamespace(
            network=network,
            X=X,
            y=y,
            weight=weight,
            options=options,
        )

    return make


@pytest.fixture
def make_task():
    """The engine's task for a problem of `make_problem`."""

    def make(problem, *, X=None, weighted=False, **more):
        network = problem.network
        return run.Task(
            network.plan,
            network.output,
            network.parameters,
            problem.X if X is None else X,
            y=problem.y,
            sample_weight=problem.weight if weighted else None,
            **network.function_parameters,
            **more,
        )

    return make


@pytest.fixture
def make_sweep():
    """The same for all rows, in blocks."""

    def make(problem, *, X=None, weighted=False, n_jobs=None, **more):
        return Sweep(
            problem.network,
            problem.X if X is None else X,
            y=problem.y,
            sample_weight=problem.weight if weighted else None,
            execution=Execution(n_jobs),
            **more,
        )

    return make
