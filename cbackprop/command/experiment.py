"""What does each step do to a network? An experiment of the playground: settings, steps, numbers.

All numbers are the engine's: a step is `Network.fit` of one mini-batch, what is inside comes from
`Network.backprop`. Several networks may run side by side, from the same weights and in the same
order of rows, to be compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_circles, make_moons

from cbackprop import SGD, Adam, Network, RMSprop
from cbackprop.validation.checks import check_integer, check_number, check_option

MOST_LAYERS, MOST_UNITS, MOST_ROWS, MOST_STEPS = 6, 32, 400, 2000
MOST_POINTS = 400  # of a curve: every second one goes where there are more
GRID = 36  # the plane is asked at so many places a side
REACH = 1.6  # from -REACH to REACH


def _spiral(n: int, rng: np.random.RandomState) -> tuple[NDArray, NDArray]:
    y = np.arange(n) % 2
    t = np.sqrt(rng.uniform(0.02, 1, n))
    angle = np.pi * (2.5 * t + y)
    return 1.5 * t[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)]), y


def _corners(n: int, rng: np.random.RandomState) -> tuple[NDArray, NDArray]:
    X = rng.uniform(-1.4, 1.4, (n, 2))
    return X + 0.1 * np.sign(X), (X[:, 0] * X[:, 1] > 0).astype(int)


def _moons(n: int, rng: np.random.RandomState) -> tuple[NDArray, NDArray]:
    X, y = make_moons(n, random_state=rng)
    return (X - [0.5, 0.25]) * [0.9, 1.2], y


def _circles(n: int, rng: np.random.RandomState) -> tuple[NDArray, NDArray]:
    X, y = make_circles(n, factor=0.5, random_state=rng)
    return 1.3 * X, y


DATA: dict[str, Callable[[int, np.random.RandomState], tuple[NDArray, NDArray]]] = {
    "two moons": _moons,
    "circles": _circles,
    "four corners": _corners,
    "spiral": _spiral,
}
LOSSES: dict[str, dict[str, Any]] = {
    "cross-entropy": {"output_activation": "logistic", "loss": "binary_log_loss"},
    "quadratic": {"output_activation": "logistic", "loss": "squared_error"},
    "softmax": {"output_activation": "softmax", "loss": "log_loss"},
}
OPTIMIZERS: dict[str, Callable[[float], Any]] = {
    "plain": lambda rate: SGD(rate),
    "momentum": lambda rate: SGD(rate, momentum=0.9),
    "Nesterov": lambda rate: SGD(rate, momentum=0.9, nesterov=True),
    "RMSprop": lambda rate: RMSprop(rate),
    "Adam": lambda rate: Adam(rate),
}
ACTIVATIONS = ("logistic", "tanh", "relu", "leaky_relu", "silu", "gelu", "mish", "identity")
COMPARED = ("nothing", "mini-batches", "optimizers", "activations")


@dataclass(frozen=True)
class Settings:
    """What is tried, checked; the names are those of the page's fields."""

    data: str = "two moons"
    rows: int = 200
    noise: float = 0.1
    hidden: tuple[int, ...] = (6, 4)
    activation: str = "tanh"
    loss: str = "cross-entropy"
    optimizer: str = "plain"
    rate: float = 0.3
    batch: int = 10
    compare: str = "nothing"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (
            ("data", DATA),
            ("activation", ACTIVATIONS),
            ("loss", LOSSES),
            ("optimizer", OPTIMIZERS),
            ("compare", COMPARED),
        ):
            check_option(name, getattr(self, name), known)
        if not isinstance(self.hidden, list | tuple) or len(self.hidden) > MOST_LAYERS:
            raise ValueError(f"hidden must be at most {MOST_LAYERS} numbers, got {self.hidden!r}")
        object.__setattr__(self, "hidden", tuple(self.hidden))
        for name, numbers, low, high in (
            ("hidden", self.hidden, 1, MOST_UNITS),
            ("rows", [self.rows], 10, MOST_ROWS),
            ("batch", [self.batch], 1, MOST_ROWS),
            ("seed", [self.seed], 0, 2**32 - 1),
        ):
            for number in numbers:
                check_integer(name, number, at_least=low)
                if number > high:
                    raise ValueError(f"{name} must be at most {high}, got {number}")
        for name, most in (("noise", 1.0), ("rate", 100.0)):
            real = check_number(name, getattr(self, name), 0.0, most, open_low=name == "rate")
            object.__setattr__(self, name, real)

    @classmethod
    def of(cls, given: Any) -> Settings:
        """Those that a request names, the others as they are at first."""
        if not isinstance(given, dict) or not set(given) <= set(cls.__dataclass_fields__):
            raise ValueError(f"settings must be among {sorted(cls.__dataclass_fields__)}")
        return cls(**given)

    def runs(self) -> list[tuple[str, dict[str, Any]]]:
        """What runs side by side: a name, and what of the settings is another for it."""
        match self.compare:
            case "mini-batches":
                sizes = sorted({1, min(self.batch, self.rows), self.rows})
                names = {1: "stochastic: 1 row", self.rows: f"batch: all {self.rows} rows"}
                return [(names.get(n, f"mini-batch: {n} rows"), {"batch": n}) for n in sizes]
            case "optimizers":
                # Adam's steps are as long as its rate, whatever the gradient.
                rates = {"plain": self.rate, "momentum": self.rate, "Adam": self.rate / 10}
                return [
                    (f"{name}, rate {rate:.3g}", {"optimizer": name, "rate": rate})
                    for name, rate in rates.items()
                ]
            case "activations":
                return [(name, {"activation": name}) for name in ("logistic", "tanh", "relu")]
        return [(f"mini-batches of {self.batch}", {})]


@dataclass
class Run:
    """A network in training: it knows where it is in its epoch, and what has been seen of it."""

    name: str
    network: Network
    optimizer: Any
    batch: int
    order: np.random.RandomState
    rows: NDArray
    at: int = 0
    epoch: int = 0
    steps: int = 0
    said: str = ""
    lost: bool = False
    curve: list[dict[str, Any]] = field(default_factory=list)

    def steps_to(self, epoch: int) -> int:
        """Mini-batches that are left until so many epochs are made."""
        return (epoch - self.epoch) * -(-len(self.rows) // self.batch) - -(-self.at // self.batch)

    def train(self, X: NDArray, y: NDArray, steps: int) -> None:
        """So many mini-batches, over the ends of epochs if need be."""
        while steps > 0 and not self.lost:
            if self.at == 0:
                self.order.shuffle(self.rows)
            left = -(-(len(X) - self.at) // self.batch)
            made = min(steps, left)
            rows = self.rows[self.at : self.at + made * self.batch]
            self._fit(X[rows], y[rows])
            steps, self.steps, self.at = steps - made, self.steps + made, self.at + len(rows)
            if self.at >= len(X):
                self.at, self.epoch = 0, self.epoch + 1

    def _fit(self, X: NDArray, y: NDArray) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self.network.fit(
                    X, y, optimizer=self.optimizer, epochs=1, batch_size=self.batch,
                    shuffle=False, metrics=None, n_jobs=1,
                )  # fmt: skip
            except ValueError as error:  # no longer finite: the network is as it was before
                self.said, self.lost = str(error), True
        if caught and not self.lost:
            self.said = str(caught[-1].message)

    def look(self, X: NDArray, y: NDArray) -> None:
        """Note loss, accuracy and the length of each layer's gradient, over all rows."""
        inside = self.network.backprop(X, y)
        outputs = inside.activations[-1]
        named = outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > 0.5
        self.curve.append(
            {
                "epoch": self.epoch + self.at / len(X),
                "loss": _finite(inside.loss),
                "accuracy": float(np.mean(named == y)),
                "norms": [_finite(np.linalg.norm(g)) for g in inside.weight_gradients],
            }
        )
        if len(self.curve) > MOST_POINTS:
            del self.curve[1:-1:2]


class Experiment:
    """Some networks, the rows they are trained on, and what the page draws of them."""

    def __init__(self, settings: Settings):
        self.settings = settings
        rng = np.random.RandomState(settings.seed)
        X, self.y = DATA[settings.data](settings.rows, rng)
        self.X = X + settings.noise * rng.normal(size=X.shape)
        line = np.linspace(-REACH, REACH, GRID)
        self.plane = np.column_stack([a.ravel() for a in np.meshgrid(line, line[::-1])])
        self.runs = [self._run(name, changes) for name, changes in settings.runs()]
        self.look()

    def _run(self, name: str, changes: dict[str, Any]) -> Run:
        now = Settings(**{**vars(self.settings), **changes})
        network = Network(
            [2, *now.hidden, 2 if now.loss == "softmax" else 1],
            activation=now.activation,
            init="scaled_normal" if now.activation == "logistic" else "glorot_uniform",
            random_state=now.seed,
            **LOSSES[now.loss],
        )
        optimizer = OPTIMIZERS[now.optimizer](now.rate)
        order = np.random.RandomState(now.seed)
        return Run(name, network, optimizer, min(now.batch, now.rows), order, np.arange(now.rows))

    def look(self) -> None:
        for run in self.runs:
            run.look(self.X, self.y)

    def step(self, steps: int, unit: str = "steps") -> None:
        """So many mini-batches of each, or epochs, at whose end all are as far as each other."""
        check_option("unit", unit, ("steps", "epochs"))
        check_integer("steps", steps, at_least=1)
        numbers = [steps] * len(self.runs)
        if unit == "epochs":
            goal = max(run.epoch + (run.at > 0) for run in self.runs)
            goal = max(goal, min(run.epoch for run in self.runs) + steps)
            numbers = [run.steps_to(goal) for run in self.runs]
        if max(numbers) > MOST_STEPS:
            raise ValueError(f"at most {MOST_STEPS} mini-batches at a time, got {max(numbers)}")
        for run, number in zip(self.runs, numbers, strict=True):
            run.train(self.X, self.y, number)
        self.look()

    def seen(self, example: int = 0) -> dict[str, Any]:
        """All that the page draws, as JSON has it."""
        check_integer("example", example, at_least=0)
        if example >= len(self.X):
            raise ValueError(f"example must be at most {len(self.X) - 1}, got {example}")
        return {
            "settings": {**vars(self.settings), "hidden": list(self.settings.hidden)},
            "points": [
                [*map(float, x), int(label)] for x, label in zip(self.X, self.y, strict=True)
            ],
            "reach": REACH,
            "example": example,
            "runs": [self._shown(run, example) for run in self.runs],
        }

    def _shown(self, run: Run, example: int) -> dict[str, Any]:
        inside = run.network.backprop(self.X[[example]], self.y[[example]])
        plane = run.network.predict(self.plane)[:, -1]  # how sure it is of class 1
        return {
            "name": run.name,
            "epoch": run.epoch,
            "steps": run.steps,
            "said": run.said,
            "lost": run.lost,
            "curve": run.curve,
            "plane": np.rint(255 * np.nan_to_num(plane, nan=0.5)).reshape(GRID, GRID).tolist(),
            "activations": [_finite(a[0]) for a in inside.activations],
            "deltas": [_finite(d[0]) for d in inside.deltas],
            "weights": [_finite(W) for W in run.network.weights],
            "gradients": [_finite(g) for g in inside.weight_gradients],
        }


def _finite(numbers: Any) -> Any:
    """As JSON has numbers: infinity is a large one, NaN is 0."""
    return np.nan_to_num(np.asarray(numbers, dtype=float), posinf=1e300, neginf=-1e300).tolist()
