"""Are exp, log, logistic, tanh, cosine and sine what they say, with all vector instructions?"""

from functools import cache
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from methods import METHODS
from threadpoolctl import threadpool_limits

from cbackprop import Adam, Network, training
from cbackprop.engine import kernels, run, trial

# Largest errors in ulp, as engine/vector/vmath.h states them.
BOUNDS = {"exp": 1.5, "log": 1.5, "logistic": 2.5, "tanh": 3.0, "cosine": 2.0, "sine": 2.0}
DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "cosine": lambda x: mpmath.cospi(2 * x),
    "sine": lambda x: mpmath.sinpi(2 * x),
}
SIZES = [1, 3, 17, 33, 100]
nan, inf = np.nan, np.inf


def near(*centres, step, n=40):
    """The n next multiples of step on either side of each centre, and the centres."""
    return np.concatenate([centre + step * np.arange(-n, n + 1) for centre in centres])


def powers_of_two(dtype):
    """Every one of them, subnormal ones too."""
    info = np.finfo(dtype)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    return np.ldexp(np.float64(1.0), exponents)


@cache
def points(name, dtype):
    """Arguments all over the function's domain, more of them where it is delicate."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    largest = float(np.log(np.float64(info.max)))
    smallest = float(np.log(np.float64(info.smallest_normal)))
    lowest = smallest - info.nmant * np.log(2.0) - 2.0
    tiny = powers_of_two(dtype)
    tiny = tiny[tiny < 1.0] * rng.uniform(1.0, 2.0, (tiny < 1.0).sum())
    reductions = np.log(2.0) / 2 * np.arange(-41, 42)
    eps = float(info.eps)
    if name == "exp":
        x = [
            np.linspace(lowest, largest, 1500),
            np.linspace(-2.0, 2.0, 500),
            near(*reductions, step=eps, n=3),
            near(largest, smallest, lowest + 2.0, step=largest * eps),
            np.linspace(lowest, smallest, 300),
            -tiny[::4],
            tiny[::4],
        ]
    elif name == "log":
        every = powers_of_two(dtype)
        x = [
            every,
            every * rng.uniform(1.0, 2.0, every.size),
            near(1.0, 0.5, np.sqrt(0.5), np.sqrt(2.0), 2.0, step=eps),
            1.0 + np.concatenate([tiny, -tiny])[::2],
            np.linspace(0.3, 3.0, 1000),
            float(info.smallest_subnormal) * np.arange(1, 200),
            near(float(info.smallest_normal), step=float(info.smallest_subnormal)),
            [float(info.max)],
        ]
    elif name == "logistic":
        x = [
            np.linspace(lowest, -lowest, 1500),
            np.linspace(-3.0, 3.0, 500),
            np.linspace(lowest, smallest, 300),
            near(*reductions, step=eps, n=3),
            near(smallest, step=largest * eps),
            np.concatenate([tiny, -tiny])[::4],
        ]
    elif name in ("cosine", "sine"):
        eighths = np.arange(-41, 42) / 8
        x = [
            np.linspace(-3.0, 3.0, 1500),
            np.linspace(-0.25, 0.25, 500),
            near(*eighths, step=eps, n=3),
            np.linspace(-1000.0, 1000.0, 500),
            1000.0 + near(0.25, step=1000.0 * eps),
            np.concatenate([tiny, -tiny])[::2],
        ]
    else:
        one = 9.1 if dtype == np.float32 else 19.1
        x = [
            np.linspace(-1.1 * one, 1.1 * one, 1500),
            np.linspace(-1.0, 1.0, 500),
            near(*reductions / 2, step=eps, n=3),
            near(one, -one, step=one * eps),
            np.concatenate([tiny, -tiny])[::2],
            powers_of_two(dtype)[-100:],
        ]
    x = np.concatenate(x).astype(dtype)
    return x[np.isfinite(x) & (x > 0)] if name == "log" else x


@cache
def exact(name, dtype):
    """The function at the points as (nearest number, distance from it to the truth in ulp, ulp).

    What is too large for the dtype is taken as the power of two that infinity stands for.
    """
    info = np.finfo(dtype)
    digits, lowest_exponent = info.nmant + 1, info.minexp - info.nmant
    rounded, rest, ulps = [], [], []
    with mpmath.workprec(200):
        top = mpmath.ldexp(1, int(info.maxexp))
        for x in points(name, dtype).tolist():
            value = min(EXACT[name](mpmath.mpf(x)), top)
            exponent = int(mpmath.frexp(value)[1])
            exponent = max(min(exponent, int(info.maxexp)) - digits, lowest_exponent)
            in_ulps = mpmath.ldexp(value, -exponent)
            whole = mpmath.nint(in_ulps)
            rounded.append(float(whole))
            rest.append(float(in_ulps - whole))
            ulps.append(exponent)
    return np.array(rounded), np.array(rest), np.array(ulps)


def errors_in_ulp(name, dtype):
    got = trial.apply_kernel(name, points(name, dtype))
    assert got.dtype == dtype
    rounded, rest, exponents = exact(name, dtype)
    infinite, first = np.isposinf(got), exponents // 2  # 2^exponent itself may be out of range
    numbers = np.where(infinite, 0.0, got.astype(np.float64))
    in_ulps = np.ldexp(np.ldexp(numbers, -first), first - exponents)
    with np.errstate(over="ignore"):  # infinity as the power of two that it stands for
        powers = np.ldexp(1.0, int(np.finfo(dtype).maxexp) - exponents)
    in_ulps[infinite] = powers[infinite]
    return np.abs(in_ulps - rounded - rest)


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", BOUNDS)
def test_error_is_within_the_stated_ulp(name, dtype):
    errors = errors_in_ulp(name, dtype)
    worst = int(np.argmax(errors))
    x = points(name, dtype)[worst]
    assert errors[worst] <= BOUNDS[name], f"{name}({x!r}) is {errors[worst]:.3f} ulp off"


def test_the_judge_of_ulps_sees_an_error_of_one_ulp(monkeypatch):
    dtype = np.dtype(np.float64)
    true = trial.apply_kernel
    monkeypatch.setattr(trial, "apply_kernel", lambda name, x: np.nextafter(true(name, x), inf))
    assert errors_in_ulp("exp", dtype).max() > 1.3


SPECIAL = {
    "exp": ([nan, -inf, -0.0, 0.0, inf, -1e30, 1e30], [nan, 0.0, 1.0, 1.0, inf, 0.0, inf]),
    "log": ([nan, -inf, -1.0, -1e-40, -0.0, 0.0, 1.0, inf], [nan] * 4 + [-inf, -inf, 0.0, inf]),
    "logistic": ([nan, -inf, -0.0, 0.0, inf, -1e30, 1e30], [nan, 0.0, 0.5, 0.5, 1.0, 0.0, 1.0]),
    "tanh": ([nan, -inf, -0.0, 0.0, inf, -1e30, 1e30], [nan, -1.0, -0.0, 0.0, 1.0, -1.0, 1.0]),
    "cosine": ([nan, -inf, -0.0, 0.0, 0.5, 1e30], [nan, nan, 1.0, 1.0, -1.0, 1.0]),
    "sine": ([nan, inf, -0.0, 0.0, 0.25, -0.25, 1e30], [nan, nan, -0.0, 0.0, 1.0, -1.0, 0.0]),
    "relu": ([nan, -inf, -1.0, 0.0, 2.0, inf], [nan, 0.0, 0.0, 0.0, 2.0, inf]),
    "identity": ([nan, -inf, -0.0, 0.5, inf], [nan, -inf, -0.0, 0.5, inf]),
    "leaky_relu": ([nan, -inf, -0.0, 0.0, 2.0, inf], [nan, -inf, -0.0, 0.0, 2.0, inf]),
    "elu": ([nan, -inf, -0.0, 0.0, 2.0, inf, -1e30], [nan, -1.0, -0.0, 0.0, 2.0, inf, -1.0]),
    "softplus": ([nan, -inf, inf, -1e30, 1e30], [nan, 0.0, inf, 0.0, 1e30]),
    "silu": ([nan, -inf, -0.0, 0.0, inf, -1e30, 1e30], [nan, -0.0, -0.0, 0.0, inf, -0.0, 1e30]),
    "gelu": ([nan, -inf, -0.0, 0.0, inf, -1e30, 1e30], [nan, 0.0, -0.0, 0.0, inf, 0.0, 1e30]),
    "gelu_tanh": (
        [nan, -inf, -0.0, 0.0, inf, -1e30, 1e30],
        [nan, -0.0, -0.0, 0.0, inf, -0.0, 1e30],
    ),
    "mish": ([nan, -inf, -0.0, 0.0, inf, -1e30, 1e30], [nan, -0.0, -0.0, 0.0, inf, -0.0, 1e30]),
}


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("name", SPECIAL)
def test_nan_infinities_and_zeros(name, dtype):
    x, expected = (np.array(values, dtype=dtype) for values in SPECIAL[name])
    for copies in (1, 9):  # so that they pass through vectors, and through what is left over
        got = trial.apply_kernel(name, np.tile(x, copies))
        np.testing.assert_array_equal(got, np.tile(expected, copies))
        numbers = ~np.isnan(got)
        np.testing.assert_array_equal(
            np.signbit(got)[numbers], np.signbit(np.tile(expected, copies))[numbers]
        )


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("name", ["exp", "log", "cosine", "sine", *run.ACTIVATIONS])
def test_nan_does_not_spread_to_its_neighbours(name, dtype):
    x = np.linspace(0.5, 2.0, 37, dtype=dtype)
    alone = trial.apply_kernel(name, x)
    x[5] = nan
    spoiled = trial.apply_kernel(name, x)
    assert np.flatnonzero(spoiled != alone).tolist() == [5]


@pytest.mark.usefixtures("instructions")
def test_logistic_of_opposite_arguments_adds_up_to_one(dtype):
    x = np.linspace(0.0, 50.0, 1001, dtype=dtype)
    total = trial.apply_kernel("logistic", x) + trial.apply_kernel("logistic", -x)
    assert np.abs(total - 1.0).max() <= np.finfo(dtype).eps


@pytest.mark.usefixtures("instructions")
def test_tanh_is_odd(dtype):
    x = points("tanh", dtype)
    np.testing.assert_array_equal(trial.apply_kernel("tanh", -x), -trial.apply_kernel("tanh", x))


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("name", ["logistic", "tanh"])
def test_squashing_functions_stay_within_their_limits(name, dtype):
    got = trial.apply_kernel(name, points(name, dtype))
    assert got.min() >= (0.0 if name == "logistic" else -1.0)
    assert got.max() <= 1.0


def test_kernels_leave_their_argument_alone(dtype):
    x = np.linspace(-1.0, 1.0, 19, dtype=dtype)
    before = x.copy()
    trial.apply_kernel("tanh", x)
    np.testing.assert_array_equal(x, before)


# --- all instruction sets compute the same -------------------------------------------------------


def same_with_all_instructions(compute):
    """What `compute` gives is the same, bit by bit, whatever instructions are in use.

    But for matrix products: those of the kernels add with another rounding than BLAS, to which
    all are left here.
    """
    results = []
    kernels.use_products(False)
    with threadpool_limits(1, user_api="blas"):
        for name in kernels.available():
            kernels.use(name)
            results.append([np.asarray(array).tobytes() for array in compute()])
    assert all(one == other for one, other in pairwise(results))


@pytest.mark.usefixtures("restored_instructions")
@pytest.mark.parametrize("name", ["exp", "log", *run.ACTIVATIONS])
def test_elementwise_functions_are_the_same_with_all_instructions(name, dtype):
    x = points(name if name in BOUNDS else "tanh", dtype)
    same_with_all_instructions(lambda: [trial.apply_kernel(name, x)])


@pytest.mark.usefixtures("restored_instructions")
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_left_over_by_vectors_is_computed_alike(name, n, dtype):
    x = points(name, dtype)[:n]
    whole = trial.apply_kernel(name, np.concatenate([x, np.ones(128 - n, dtype)]))[:n]
    np.testing.assert_array_equal(trial.apply_kernel(name, x), whole)
    same_with_all_instructions(lambda: [trial.apply_kernel(name, x)])


@pytest.mark.usefixtures("restored_instructions")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("output_activation", "loss"), run.OUTPUTS)
def test_passes_are_the_same_with_all_instructions(
    output_activation, loss, size, dtype, make_problem
):
    problem = make_problem(
        (3, size, size),
        size,
        activation="logistic",
        output_activation=output_activation,
        loss=loss,
        dtype=dtype,
    )

    def passes():
        inside = problem.network.backprop(problem.X, problem.y, problem.weight)
        return [
            inside.loss,
            *inside.activations,
            *inside.deltas,
            *inside.weight_gradients,
            *inside.bias_gradients,
            problem.network.predict(problem.X),
        ]

    same_with_all_instructions(passes)


@pytest.mark.usefixtures("restored_instructions")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", run.OPTIMIZERS)
def test_training_is_the_same_with_all_instructions(method, size, dtype, make_problem):
    problem = make_problem(
        (7, size, 3), size, output_activation="softmax", loss="log_loss", dtype=dtype
    )

    def train():
        network = problem.network.copy()
        optimizer = METHODS[method][0](0.01)
        losses = list(
            training.epochs(
                network,
                problem.X,
                problem.y,
                optimizer,
                batch_size=10,
                max_epochs=2,
                rng=np.random.RandomState(0),
                sample_weight=problem.weight,
                l2=1e-3,
                l2_batch=1e-2,
            )
        )
        return [losses, network.parameters, optimizer.state]

    same_with_all_instructions(train)


@pytest.mark.usefixtures("restored_instructions")
@pytest.mark.parametrize("size", [1, 3, 17, 33, 256, 300])
@pytest.mark.parametrize("activation", run.ACTIVATIONS)
def test_regularized_training_is_the_same_with_all_instructions(
    activation, size, dtype, make_problem
):
    problem = make_problem((7, size, 3), 23, activation=activation, dtype=dtype)
    given = {"dropout": 0.4, "mask_seed": 2**63, "l1_batch": 0.1, "max_norm": 0.7, "rng": None}

    def train():
        network = problem.network.copy()
        given_data = problem.X, problem.y, METHODS["adam"][0](0.01)
        losses = training.epochs(network, *given_data, batch_size=10, max_epochs=2, **given)
        return [list(losses), network.parameters]

    same_with_all_instructions(train)


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("n", [5, 16, 200_003])
@pytest.mark.parametrize("epsilon", [1e-30, 1e-8])
def test_adam_divides_by_the_correctly_rounded_root_of_whatever_is_there(epsilon, n, dtype):
    """Every kind of number: all exponents, zeros, subnormal, infinite, NaN."""
    rng = np.random.default_rng(n)
    of_bits = np.dtype(f"uint{8 * dtype.itemsize}")
    info = np.finfo(dtype)
    squares = rng.integers(0, np.iinfo(of_bits).max // 2, n, dtype=of_bits).view(dtype)
    special = [0.0, info.smallest_subnormal, info.smallest_normal, info.max, inf]
    squares[: len(special)] = special[:n]
    network = Network([n, 1], dtype=dtype, random_state=0)
    size = network.parameters.size
    task = run.Task(
        network.plan, network.output, network.parameters,
        np.ones((1, n), dtype), y=np.ones((1, 1), dtype),
    )  # fmt: skip
    optimizer = Adam(0.25, beta_1=0.5, beta_2=0.5, epsilon=epsilon)
    gradient = rng.normal(size=size).astype(dtype)
    gradient[: n // 2] = 0.0
    state = np.stack([gradient[::-1], np.resize(squares, size)])
    with np.errstate(all="ignore"):
        mean, square = state * dtype.type(0.5)
        mean = mean + dtype.type(0.5) * gradient
        square = square + dtype.type(0.5) * (gradient * gradient)
        rate = dtype.type(0.25 * np.sqrt(0.5) / 0.5)
        expected = network.parameters - rate * mean / (np.sqrt(square) + dtype.type(epsilon))
    task.step(optimizer._rule(0.0, 0.0), gradient, state, 1.0)
    np.testing.assert_array_equal(state, [mean, square])
    np.testing.assert_array_equal(network.parameters, expected)


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("bad", [nan, inf, -inf])
@pytest.mark.parametrize("at", [0, 31, 4096, 5000])
def test_all_finite_sees_one_bad_number_wherever_it_stands(at, bad, dtype):
    x = np.zeros((3, 1667), dtype=dtype)
    x.flat[at] = bad
    assert not run.all_finite(x)


@pytest.mark.usefixtures("instructions")
def test_all_finite_passes_the_largest_and_the_smallest_numbers(dtype):
    info = np.finfo(dtype)
    x = np.array([info.max, -info.max, info.smallest_subnormal, 0.0, -0.0] * 11, dtype=dtype)
    assert run.all_finite(x)


# --- which instructions --------------------------------------------------------------------------


def test_plain_instructions_are_always_available():
    assert kernels.available()[-1] == "plain"


@pytest.mark.usefixtures("restored_instructions")
def test_use_puts_instructions_to_use():
    for name in kernels.available():
        kernels.use(name)
        assert kernels.in_use() == name


def test_use_returns_what_was_in_use(restored_instructions):
    assert kernels.use("plain") == restored_instructions
    assert kernels.use(restored_instructions) == "plain"


@pytest.mark.usefixtures("restored_instructions")
@pytest.mark.parametrize("name", ["", "AVX2", "sse9", None, 0])
def test_unknown_instructions_are_refused(name):
    with pytest.raises(ValueError, match="plain"):
        kernels.use(name)


def test_refused_instructions_change_nothing(restored_instructions):
    with pytest.raises(ValueError, match="sse9"):
        kernels.use("sse9")
    assert kernels.in_use() == restored_instructions
