"""Do cbackprop, its NumPy reference and scikit-learn end with one model, and how soon?

The answer on real data, the handwritten digits that come with scikit-learn: `cbackprop demo`.
"""

from __future__ import annotations

import platform
import shutil
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from sklearn.utils import shuffle

from cbackprop import MLPClassifier, reference
from cbackprop._version import __version__
from cbackprop.command.info import blas_of_engine, processor

# SGD, since Adam magnifies rounding in long runs that have converged: two right programs part.
BATCH_SIZE, LEARNING_RATE, MOMENTUM, ALPHA = 32, 0.05, 0.9, 1e-4
LARGEST_DIFFERENCE = 1e-6
FITS = 3  # the fastest counts
ALL_FITS_SECONDS = 30.0  # where FITS of everything would take longer, everything is fitted once
LOOP_SECONDS = 10.0  # where the loop over the examples would take longer, it is left out
WARM_UP_BATCHES = 5


class Problem(NamedTuple):
    """The digits, three quarters of them to train on, and a network to train."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any
    hidden: int
    seed: int

    @classmethod
    def digits(cls, hidden: int, seed: int) -> Problem:
        X, y = load_digits(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X / 16, y, stratify=y, random_state=seed)
        return cls(X, y, X_test, y_test, hidden, seed)

    @property
    def layer_sizes(self) -> list[int]:
        return [self.X.shape[1], self.hidden, 10]

    @property
    def batches(self) -> int:
        """Mini-batches of an epoch."""
        return -(-len(self.X) // BATCH_SIZE)

    def first(self, batches: int) -> Problem:
        rows = batches * BATCH_SIZE
        return self._replace(X=self.X[:rows], y=self.y[:rows])


class Program(Protocol):
    """One way to train the network, once; `state` may be asked for by another thread meanwhile."""

    def fit(self) -> None: ...
    def state(self) -> str: ...
    def parameters(self) -> list: ...
    def accuracy(self) -> float: ...


class Estimator:
    """An MLPClassifier, cbackprop's or scikit-learn's."""

    def __init__(self, cls: type, problem: Problem, epochs: int):
        self.problem, self.epochs = problem, epochs
        self.model: Any = cls(
            [problem.hidden],
            solver="sgd",
            alpha=ALPHA,
            batch_size=BATCH_SIZE,
            learning_rate_init=LEARNING_RATE,
            momentum=MOMENTUM,
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=np.inf,
            random_state=problem.seed,
        )

    def fit(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed
            # Both estimators make a warning of Ctrl-C and return.
            warnings.filterwarnings("error", message="Training interrupted")
            try:
                self.model.fit(self.problem.X, self.problem.y)
            except UserWarning as warning:
                if "interrupted" in str(warning):
                    raise KeyboardInterrupt from None
                raise

    def state(self) -> str:
        losses = getattr(self.model, "loss_curve_", [])
        loss = f", loss {losses[-1]:.4f}" if losses else ""
        return f"epoch {len(losses)} of {self.epochs}{loss}"

    def parameters(self) -> list:
        return [*self.model.coefs_, *self.model.intercepts_]

    def accuracy(self) -> float:
        return float(self.model.score(self.problem.X_test, self.problem.y_test))


class Reference:
    """`cbackprop.reference`, from the first parameters and with the shuffles of the estimators."""

    def __init__(self, method: str, problem: Problem, epochs: int):
        self.method, self.problem, self.epochs, self.epoch = method, problem, epochs, 0
        self.rng = np.random.RandomState(problem.seed)
        self.weights, self.biases = [], []
        for fan_in, fan_out in pairwise(problem.layer_sizes):
            bound = np.sqrt(6 / (fan_in + fan_out))
            self.weights.append(self.rng.uniform(-bound, bound, (fan_in, fan_out)))
            self.biases.append(self.rng.uniform(-bound, bound, fan_out))

    def _orders(self) -> Iterator[Any]:
        """The rows' order in every epoch: that of the epoch before, shuffled."""
        order = np.arange(len(self.problem.X))
        while True:
            self.epoch += 1
            order = shuffle(order, random_state=self.rng)
            yield order

    def fit(self) -> None:
        reference.train(
            self.weights,
            self.biases,
            self.problem.X,
            self.problem.y,
            optimizer=reference.SGD(LEARNING_RATE, MOMENTUM, nesterov=True),
            epochs=self.epochs,
            batch_size=BATCH_SIZE,
            permutations=self._orders(),
            activation="relu",
            output_activation="softmax",
            loss="log_loss",
            alpha=ALPHA,
            method=self.method,
        )

    def state(self) -> str:
        return f"epoch {self.epoch} of {self.epochs}"

    def parameters(self) -> list:
        return [*self.weights, *self.biases]

    def accuracy(self) -> float:
        outputs = reference.forward(
            self.weights,
            self.biases,
            self.problem.X_test,
            activation="relu",
            output_activation="softmax",
        )[-1]
        return float((outputs.argmax(axis=1) == self.problem.y_test).mean())


PROGRAMS: dict[str, Callable[[Problem, int], Program]] = {
    "cbackprop": lambda *arguments: Estimator(MLPClassifier, *arguments),
    "scikit-learn": lambda *arguments: Estimator(SklearnMLPClassifier, *arguments),
    "reference, matrices": lambda *arguments: Reference("matrix", *arguments),
    "reference, loop": lambda *arguments: Reference("examples", *arguments),
}


# What is seen while it runs.


def _say(text: str, *, indent: str = "") -> None:
    width = max(20, min(79, shutil.get_terminal_size().columns))
    print(textwrap.fill(text, width, subsequent_indent=indent), flush=True)


class Progress:
    """A line that is rewritten while something runs; away from a terminal, nothing.

    The line is written by a thread that looks every tenth of a second: what is timed writes
    nothing itself.
    """

    def __init__(self) -> None:
        self.live = sys.stdout is not None and sys.stdout.isatty()

    @contextmanager
    def watch(self, title: str, state: Callable[[], str]) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=self._rewrite, args=(title, state, done), daemon=True)
        if self.live:
            thread.start()
        try:
            yield
        finally:
            done.set()
            if self.live:
                thread.join()

    def _rewrite(self, title: str, state: Callable[[], str], done: threading.Event) -> None:
        width = shutil.get_terminal_size().columns - 1
        with suppress(OSError):  # the terminal is gone
            while not done.is_set():
                line = f"{title}: {state()}"[:width]
                sys.stdout.write(f"\r{line:<{width}}")
                sys.stdout.flush()
                done.wait(0.1)
            sys.stdout.write(f"\r{'':<{width}}\r")
            sys.stdout.flush()


# The table.


class Row(NamedTuple):
    """What the table says of one program; no difference for cbackprop, the others' measure."""

    name: str
    accuracy: float
    difference: float | None
    seconds: float
    microseconds: float
    speed_up: float

    def cells(self) -> list[str]:
        return [
            self.name,
            f"{100 * self.accuracy:.2f} %",
            "-" if self.difference is None else f"{self.difference:.1e}",
            f"{self.seconds:.3f}",
            f"{self.microseconds:.1f}",
            f"{self.speed_up:.1f}x",
        ]

    @property
    def differs(self) -> bool:
        return self.difference is not None and not self.difference <= LARGEST_DIFFERENCE


HEADINGS = (
    ["", "test", "largest", "", "microseconds", ""],
    ["", "accuracy", "difference", "seconds", "a mini-batch", "speed-up"],
)
WIDTHS = (20, 10, 12, 9, 14, 10)


def _table(rows: Sequence[Row]) -> str:
    """A line a program; a paragraph a program where the terminal is too narrow."""
    if shutil.get_terminal_size().columns < sum(WIDTHS):
        lines = []
        for row in rows:
            for *heading, cell in zip(*HEADINGS, row.cells(), strict=True):
                name = " ".join(heading).strip()
                lines.append(f"  {name:<26}{cell}" if name else cell)
        return "\n".join(lines)
    lines = []
    for name, *cells in (*HEADINGS, *(row.cells() for row in rows)):
        right = "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS[1:], strict=True))
        lines.append(f"{name:<{WIDTHS[0]}}{right}".rstrip())
    return "\n".join(lines)


def _seconds(program: Program) -> float:
    start = time.perf_counter()
    program.fit()
    return time.perf_counter() - start


def _largest_difference(parameters: list, ours: list) -> float:
    """Largest difference of two lists of arrays, by the largest of `ours`; NaN if there is one."""
    differences = [np.abs(a - b).max() for a, b in zip(parameters, ours, strict=True)]
    return float(np.max(differences) / np.max([np.abs(b).max() for b in ours]))


def _expected_seconds(problem: Problem, epochs: int) -> dict[str, float]:
    """About how long each program will take, from a few mini-batches; the first fit warms up."""
    few = problem.first(WARM_UP_BATCHES)
    factor = epochs * problem.batches / few.batches
    return {
        name: factor * min(_seconds(program(few, 1)) for _ in range(2))
        for name, program in PROGRAMS.items()
    }


def _rows(problem: Problem, epochs: int, fits: int, names: Sequence[str]) -> list[Row]:
    progress = Progress()
    rows: list[Row] = []
    ours: list = []
    for name in names:
        if not progress.live:
            print(f"training: {name}", flush=True)
        times = []
        for fit in range(1, fits + 1):
            program = PROGRAMS[name](problem, epochs)
            with progress.watch(f"{name}, fit {fit} of {fits}", program.state):
                times.append(_seconds(program))
        seconds = min(times)
        ours = ours or program.parameters()
        rows.append(
            Row(
                name,
                accuracy=program.accuracy(),
                difference=_largest_difference(program.parameters(), ours) if rows else None,
                seconds=seconds,
                microseconds=1e6 * seconds / (epochs * problem.batches),
                speed_up=seconds / rows[0].seconds if rows else 1.0,
            )
        )
    return rows


def demo(epochs: int, hidden: int, seed: int) -> int:
    """Train with every program and print the table; return 1 if a model differs, else 0."""
    problem = Problem.digits(hidden, seed)
    network = "-".join(map(str, problem.layer_sizes))
    _say(
        f"Handwritten digits, 8 x 8 pixels: {len(problem.X)} to train on, {len(problem.X_test)} to "
        f"test. Network {network}, relu, float64. SGD with momentum, mini-batches of {BATCH_SIZE}; "
        f"epochs: {epochs}, seed: {seed}."
    )
    print()
    expected = _expected_seconds(problem, epochs)
    too_long = {
        name: expected.pop(name) for name in ("reference, loop",) if expected[name] > LOOP_SECONDS
    }
    fits = FITS if FITS * sum(expected.values()) <= ALL_FITS_SECONDS else 1
    rows = _rows(problem, epochs, fits, list(expected))
    print()
    print(_table(rows), flush=True)
    for name, seconds in too_long.items():
        _say(f"{name}: left out, it would take about {seconds:.0f} seconds.")
    print()
    for row in rows:
        if row.differs:
            _say(
                f"WRONG: {row.name} and cbackprop ended with different models; the largest "
                f"difference is {row.difference:.1e}, allowed is {LARGEST_DIFFERENCE:.0e}. "
                "Please report this with the output of `cbackprop info`."
            )
    wrong = any(row.differs for row in rows)
    if not wrong:
        _say(f"The same model every time: no difference above {LARGEST_DIFFERENCE:.0e}.")
    print()
    for note in (
        "scikit-learn: its MLPClassifier",
        "reference: cbackprop.reference, plain NumPy; all examples of a mini-batch as one matrix, "
        "or in a loop",
        "largest difference: of a weight or bias from cbackprop's, divided by the largest of those",
        f"seconds: of a fit; fastest of {fits}",
        "speed-up: how many times as long as cbackprop it took",
        f"machine: {processor()}; BLAS: {blas_of_engine()}",
        f"versions: cbackprop {__version__}, scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}, Python {platform.python_version()}",
    ):
        _say(note, indent="  ")
    return 1 if wrong else 0
