"""How a property is written: a function of drawn problems; and how close is the same.

Tolerances. Layers have at most 33 units, batches 33 rows and networks 3 layers, so that a number
is the end of at most 3 chained sums of 33 products, and a gradient of twice as many: their rounding
is some 200 eps of the largest number, 5e-14 and 2e-5. Weights are drawn as Glorot has it and inputs
are normal, so that no activation, exp included, stretches this by more than about ten. What is the
same sum in the same order must be the same in every bit.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cbackprop import Network, reference
from cbackprop.engine import run

SIZES = (1, 3, 17, 33)
TOLERANCES = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-12}
PROPERTIES = {}


def holds(**drawn):
    """Register a property: a function of these things drawn."""

    def register(function):
        PROPERTIES[function.__name__] = (function, drawn)
        return function

    return register


def try_examples(name, examples, folder) -> int:
    """Try a property on so many examples, the same ones every time; how many were tried."""
    function, drawn = PROPERTIES[name]
    tried = 0

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(**drawn)
    def check(**arguments):
        nonlocal tried
        if "folder" in function.__code__.co_varnames:
            arguments["folder"] = folder
        function(**arguments)
        tried += 1

    check()
    return tried


@dataclass(frozen=True)
class Problem:
    """A network, rows for it, targets, and weights of the rows: what a few small numbers say."""

    sizes: tuple[int, ...]
    n: int
    activation: str
    output: tuple[str, str]
    dtype: str
    seed: int

    @cached_property
    def network(self) -> Network:
        output_activation, loss = self.output
        return Network(
            self.sizes,
            activation=self.activation,
            output_activation=output_activation,
            loss=loss,
            dtype=self.dtype,
            random_state=self.seed,
        )

    @cached_property
    def rng(self):
        return np.random.default_rng(self.seed)

    @cached_property
    def X(self):
        """Rows at which no unit stands so close to a kink that rounding may pass it."""
        X = np.random.default_rng(self.seed).normal(size=(self.n, self.sizes[0]))
        X = X.astype(self.dtype)
        if self.activation in ("relu", "leaky_relu", "selu") and len(self.sizes) > 2:
            network = self.network
            layers = reference.forward(
                network.weights, network.biases, X, activation=self.activation
            )
            pairs = zip(layers[:-2], network.weights, network.biases, strict=False)
            assume(min(np.abs(a @ W + b).min() for a, W, b in pairs) > 1e-5)
        return X

    @cached_property
    def y(self):
        rng, shape = np.random.default_rng(self.seed + 1), (self.n, self.sizes[-1])
        loss = self.output[1]
        if loss == "log_loss":
            return rng.integers(0, shape[1], self.n)
        if loss == "binary_log_loss":
            return rng.integers(0, 2, shape).astype(self.dtype)
        if loss == "poisson":
            return rng.poisson(1.0, shape).astype(self.dtype)
        if loss == "gamma":
            return (0.1 + rng.gamma(2.0, size=shape)).astype(self.dtype)
        return rng.normal(size=shape).astype(self.dtype)

    @cached_property
    def weight(self):
        """0.5, 1, 1.5, or 0 for some rows, never for all."""
        weight = np.random.default_rng(self.seed + 2).integers(0, 4, self.n) / 2
        weight[0] = 1.0
        return weight.astype(self.dtype)

    @property
    def kind(self) -> dict[str, Any]:
        return {
            "activation": self.activation,
            "output_activation": self.output[0],
            "loss": self.output[1],
        }

    def but(self, **changes):
        return replace(self, **changes)

    def close(self, actual, expected, factor=1.0):
        """As close as rounding, to the largest number."""
        actual, expected = np.asarray(actual, float), np.asarray(expected, float)
        assert actual.shape == expected.shape
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        bound = factor * TOLERANCES[np.dtype(self.dtype)] * scale
        assert np.abs(actual - expected).max(initial=0.0) <= bound


def problems(
    *, sizes=SIZES, rows=SIZES, hidden=(0, 2), dtypes=("float32", "float64"), outputs=None
):
    size = st.sampled_from(sizes)
    return st.builds(
        lambda n_in, between, n_out, **more: Problem((n_in, *between, n_out), **more),
        size,
        st.lists(size, min_size=hidden[0], max_size=hidden[1]),
        size,
        n=st.sampled_from(rows),
        activation=st.sampled_from(sorted(run.ACTIVATIONS)),
        output=st.sampled_from(sorted(run.OUTPUTS if outputs is None else outputs)),
        dtype=st.sampled_from(dtypes),
        seed=st.integers(0, 2**20),
    )


def bits(array) -> tuple:
    array = np.ascontiguousarray(array)
    return array.dtype.str, array.shape, array.tobytes()
