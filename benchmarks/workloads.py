"""What is trained?  The networks, mini-batches and data of the workloads A to F."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

BETA_1, BETA_2 = 0.9, 0.999
# Adam's, the size of its first denominators. With the usual 1e-8 the first steps are as long as the
# learning rate even where a gradient is nothing but rounding errors, and right results differ.
EPSILON = 1e-5
MOMENTUM = 0.9
CHECK_STEPS = 3
STORED_PER_ROW = 40


@dataclass(frozen=True)
class Workload:
    """A network and how it is trained, without L2 term: only some of the peers have one.

    Attributes
    ----------
    name : str
    sizes : tuple of int
        Units of every layer, input and output among them.
    batch : int
        Rows of a mini-batch.
    rows : int
        Rows of an epoch, a multiple of `batch`.
    activation : {"logistic", "relu"}
        Of the hidden layers.
    output : {"softmax", "squared_error"}
        Softmax with log loss, or identity with half the squared error summed over the outputs.
    optimizer : {"sgd", "momentum", "adam"}
    learning_rate : float
    sparse : bool
        X is CSR with `STORED_PER_ROW` values stored in every row.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    rows: int
    activation: str = "relu"
    output: str = "softmax"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    sparse: bool = False

    @property
    def steps(self) -> int:
        """Mini-batches of an epoch."""
        return self.rows // self.batch

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(fan_in, fan_out) of every layer."""
        return list(zip(self.sizes[:-1], self.sizes[1:], strict=True))

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, {self.batch}, {self.optimizer}"


A = Workload("A", (784, 30, 10), 10, 20_000, "logistic", optimizer="sgd", learning_rate=0.1)
WORKLOADS = {
    workload.name: workload
    for workload in (
        A,
        replace(A, name="A momentum", optimizer="momentum", learning_rate=0.01),
        Workload("B", (20, 64, 2), 32, 20_000, output="squared_error"),
        Workload("C", (50, 100, 10), 200, 20_000),
        Workload("D", (100, 256, 256, 256, 10), 256, 20_480),
        Workload("E", (784, 1024, 1024, 10), 512, 10_240),
        Workload("F", (20_000, 64, 10), 256, 20_480, sparse=True),
    )
}

# Too large for a round of all libraries; scaling.py and shares.py have it.
EVERY = WORKLOADS | {"L": Workload("L", (784, 4096, 4096, 10), 1024, 4096)}


class Data(NamedTuple):
    """One dtype throughout; labels are int32."""

    X: Any  # (rows, sizes[0]): an array, or CSR
    y: np.ndarray  # labels (rows,), or numbers (rows, sizes[-1])
    weights: list[np.ndarray]  # (fan_in, fan_out), Glorot's uniform
    biases: list[np.ndarray]  # (fan_out,)


def make(workload: Workload, dtype: str) -> Data:
    """Inputs N(0, 1), targets by a linear rule with noise: there is something to learn."""
    rng = np.random.default_rng(17)
    n, n_in, n_out = workload.rows, workload.sizes[0], workload.sizes[-1]
    if workload.sparse:
        columns = _columns(rng, n, n_in)
        X = scipy.sparse.csr_matrix(
            (
                (rng.random(columns.size) + 0.5).astype(np.float32),
                columns.ravel().astype(np.int32),
                np.arange(0, columns.size + 1, STORED_PER_ROW, dtype=np.int32),
            ),
            shape=(n, n_in),
        )
    else:
        X = rng.standard_normal((n, n_in), dtype=np.float32).astype(np.float64)
    scores = X @ rng.normal(size=(n_in, n_out))
    scores += scores.std() * rng.normal(size=scores.shape)
    if workload.output == "softmax":
        y = scores.argmax(axis=1).astype(np.int32)
        y[:n_out] = np.arange(n_out)  # scikit-learn wants every class in the rows of the check
    else:
        y = scores.astype(np.float32).astype(dtype)
    weights, biases = [], []
    for fan_in, fan_out in workload.layers:
        bound = np.sqrt(6.0 / (fan_in + fan_out))
        # Every value fits float32, so that both dtypes start from the same point.
        weights.append(rng.uniform(-bound, bound, (fan_in, fan_out)).astype(np.float32))
        biases.append(rng.uniform(-bound, bound, fan_out).astype(np.float32))
    return Data(
        X.astype(dtype),
        y,
        [W.astype(dtype) for W in weights],
        [b.astype(dtype) for b in biases],
    )


def _columns(rng: np.random.Generator, n: int, n_in: int) -> np.ndarray:
    """(n, STORED_PER_ROW) different columns in every row: one from each of as many equal ranges."""
    width = n_in // STORED_PER_ROW
    return rng.integers(0, width, (n, STORED_PER_ROW)) + np.arange(STORED_PER_ROW) * width


def flat(weights: list, biases: list) -> np.ndarray:
    """All parameters behind one another, W then b for every layer, as float64."""
    return np.concatenate(
        [
            np.asarray(p, dtype=np.float64).ravel()
            for W, b in zip(weights, biases, strict=True)
            for p in (W, b)
        ]
    )


def expected(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Parameters before and after CHECK_STEPS mini-batches, by the plain NumPy reference."""
    from cbackprop import reference

    data, rows = make(workload, "float64"), CHECK_STEPS * workload.batch
    before = flat(data.weights, data.biases)
    optimizers = {
        "sgd": lambda: reference.SGD(workload.learning_rate),
        "momentum": lambda: reference.SGD(workload.learning_rate, MOMENTUM),
        "adam": lambda: reference.Adam(workload.learning_rate, BETA_1, BETA_2, EPSILON),
    }
    output = {
        "softmax": {"output_activation": "softmax", "loss": "log_loss"},
        "squared_error": {"output_activation": "identity", "loss": "squared_error"},
    }
    reference.train(
        data.weights,
        data.biases,
        data.X[:rows].toarray() if workload.sparse else data.X[:rows],
        data.y[:rows],
        optimizer=optimizers[workload.optimizer](),
        epochs=1,
        batch_size=workload.batch,
        permutations=[np.arange(rows)],
        activation=workload.activation,
        **output[workload.output],
    )
    return before, flat(data.weights, data.biases)
