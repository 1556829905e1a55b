"""How a layer's first weights and biases are drawn: always in float64, weights before biases."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def _glorot_uniform(rng, fan_in: int, fan_out: int, activation: str):
    """Weights, then biases, U(-b, b) with b = sqrt(6 / (fan_in + fan_out)); 2 for the logistic."""
    bound = math.sqrt(
        (2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out)
    )  # not a NumPy scalar: -bound crashes where memory ends
    return rng.uniform(-bound, bound, (fan_in, fan_out)), rng.uniform(-bound, bound, fan_out)


def _normal(rng, fan_in: int, fan_out: int, activation: str):
    """N(0, 1), weights and biases: the book's first, "large" initialiser."""
    return rng.normal(size=(fan_in, fan_out)), rng.normal(size=fan_out)


def _scaled_normal(rng, fan_in: int, fan_out: int, activation: str):
    """Weights N(0, 1/fan_in), biases N(0, 1): the book's default from chapter 3 on."""
    return rng.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in), rng.normal(size=fan_out)


INITIALIZERS: dict[str, Callable] = {
    "glorot_uniform": _glorot_uniform,
    "normal": _normal,
    "scaled_normal": _scaled_normal,
}
