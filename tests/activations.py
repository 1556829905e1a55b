"""The activations as mpmath has them, where to look, and how far a number is from the truth."""

from functools import cache

import mpmath
import numpy as np

from cbackprop.engine import run

SLOPE = mpmath.mpf(run.SLOPES["leaky_relu"][1])
SCALE, ALPHA = mpmath.mpf("1.0507009873554804934"), mpmath.mpf("1.6732632423543772848")


def phi(z):
    """The normal distribution, right in its tail, too."""
    return mpmath.erfc(-z / mpmath.sqrt(2)) / 2


def bell(z):
    return mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi)


def logistic(z):
    return 1 / (1 + mpmath.exp(-z))


def gate(z):
    """2 sqrt(2 / pi) (z + 0.044715 z^3)"""
    return 2 * mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3)


def gate_slope(z):
    return 2 * mpmath.sqrt(2 / mpmath.pi) * (1 + 3 * mpmath.mpf("0.044715") * z**2)


def mish_gate(z):
    w = mpmath.exp(z) * (mpmath.exp(z) + 2)
    return w / (w + 2)


def mish_slope(z):
    u = mpmath.exp(z)
    w = u * (u + 2)
    return w / (w + 2) + 4 * z * u * (u + 1) / (w + 2) ** 2


# f and f', with the derivative of the left where there are two.
EXACT = {
    "identity": (lambda z: z, lambda z: mpmath.mpf(1)),
    "logistic": (logistic, lambda z: logistic(z) * logistic(-z)),
    "tanh": (mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
    "relu": (lambda z: max(z, mpmath.mpf(0)), lambda z: mpmath.mpf(z > 0)),
    "leaky_relu": (
        lambda z: z if z > 0 else SLOPE * z,
        lambda z: mpmath.mpf(1) if z > 0 else SLOPE,
    ),
    "elu": (
        lambda z: z if z > 0 else mpmath.expm1(z),
        lambda z: mpmath.mpf(1) if z > 0 else mpmath.exp(z),
    ),
    "selu": (
        lambda z: SCALE * z if z > 0 else SCALE * ALPHA * mpmath.expm1(z),
        lambda z: SCALE if z > 0 else SCALE * ALPHA * mpmath.exp(z),
    ),
    "softplus": (
        lambda z: max(z, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(z))),
        logistic,
    ),
    "silu": (lambda z: z * logistic(z), lambda z: logistic(z) * (1 + z * logistic(-z))),
    "gelu": (lambda z: z * phi(z), lambda z: phi(z) + z * bell(z)),
    "gelu_tanh": (
        lambda z: z * logistic(gate(z)),
        lambda z: logistic(gate(z)) * (1 + z * gate_slope(z) * logistic(-gate(z))),
    ),
    "mish": (lambda z: z * mish_gate(z), mish_slope),
}


# Largest errors in ulp, as engine/vector/smooth.h and vmath.h state them.
BOUNDS = {
    "identity": 0.0, "logistic": 2.5, "tanh": 3.0, "relu": 0.0, "leaky_relu": 1.0, "elu": 1.5,
    "selu": 2.5, "softplus": 2.5, "silu": 4.0, "gelu": 8.0, "gelu_tanh": 4.0, "mish": 4.0,
}  # fmt: skip
# Those of derivatives, where they do not pass through 0 or, made of a, vanish beside 1.
STEEP = {"elu": 1.5, "selu": 2.5, "softplus": 2.5, "silu": 8.0, "gelu": 12.0, "mish": 8.0}


@cache
def points(dtype):
    """Arguments all over, more of them where it is delicate: near 0, and where results end."""
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    lowest = float(np.log(np.float64(info.smallest_subnormal))) - 8.0
    exponents = np.arange(info.minexp - info.nmant, 0)
    tiny = np.ldexp(1.0, exponents) * rng.uniform(1.0, 2.0, exponents.size)
    last = np.sqrt(-2.0 * lowest)
    x = np.concatenate([
        np.linspace(lowest, -lowest, 700),
        np.linspace(-last, last, 700),
        np.linspace(-3.0, 3.0, 700),
        np.linspace(-1.0, 1.0, 200) * 1e-3,
        tiny[::4], -tiny[::4],
        [0.0, -0.0],
    ])  # fmt: skip
    return x.astype(dtype)


@cache
def exact(name, which, dtype):
    """f (0) or f' (1) at the points, in units of the last place; and these, as powers of 2."""
    info = np.finfo(dtype)
    numbers, rests, exponents = [], [], []
    with mpmath.workprec(1500 if dtype == np.float64 else 400):
        for z in points(dtype).tolist():
            value = mpmath.mpf(EXACT[name][which](mpmath.mpf(z)))
            exponent = max(int(mpmath.frexp(value)[1]) - info.nmant - 1, info.minexp - info.nmant)
            in_ulps = mpmath.ldexp(value, -exponent)
            whole = mpmath.nint(in_ulps)
            numbers.append(float(whole))
            rests.append(float(in_ulps - whole))
            exponents.append(exponent)
    return np.array(numbers), np.array(rests), np.array(exponents)


def errors_in_ulp(got, name, which, dtype):
    numbers, rests, exponents = exact(name, which, dtype)
    first = exponents // 2  # 2^exponent itself may be out of range
    in_ulps = np.ldexp(np.ldexp(got.astype(np.float64), -first), first - exponents)
    return np.abs(in_ulps - numbers - rests)
