"""Do threads that share rows, and divide columns, make the same steps as one thread?"""

from itertools import product

import numpy as np
import pytest

from cbackprop import SGD, Adam, AdamW, RMSprop
from cbackprop.engine import kernels, run
from cbackprop.running.threads import Team

pytestmark = pytest.mark.usefixtures("ends_if_it_hangs")

# Wide and narrow layers beside one another: some have columns for every thread, others have not.
NETWORKS = [(33, 64, 100, 1, 64), (17, 130, 33, 80, 3), (3, 96, 96, 96)]
TEAMS = [(2, 2), (6, 3), (8, 4), (17, 17)]
SEED = 2**63 + 5  # of dropout


@pytest.fixture(params=kernels.available())
def instructions(request):
    before = kernels.use(request.param)
    yield request.param
    kernels.use(before)


def trained(problem, rule, team, *, batch_size, dropout=None, epochs=2, vectors=1, groups=None):
    """Parameters after some epochs, and the losses: by a team of squads."""
    network, dtype = problem.network, problem.X.dtype
    order = np.arange(len(problem.X))[::-1].copy()
    parameters = network.parameters.copy()
    more = {} if dropout is None else {"dropout": np.full(len(network.plan) - 1, dropout)}
    task = run.Task(
        network.plan, network.output, parameters, problem.X, y=problem.y, capacity=batch_size,
        sample_weight=problem.weight, seed=SEED, rows=order, **more,
    )  # fmt: skip
    gradient, state = np.zeros(parameters.size, dtype), np.zeros((vectors, parameters.size), dtype)

    def call(barrier, thread):
        return task.train(
            rule, gradient, state, 0, len(problem.X), batch_size, barrier, thread, groups=groups
        )

    with Team(*team) as threads:
        losses = [threads.together(call) for _ in range(epochs)]
    return parameters, losses


@pytest.fixture
def rule():
    return SGD(1e-4, 0.9)._rule(0.02, 0.1)


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("sizes", NETWORKS)
@pytest.mark.parametrize("dropout", [None, 0.4])
@pytest.mark.usefixtures("instructions")
def test_squads_make_the_steps_of_one_thread(sizes, activation, dropout, dtype, rule, make_problem):
    problem = make_problem(sizes, 23, activation=activation, dtype=dtype)
    bound = 2e-4 if dtype == np.float32 else 1e-11
    for batch_size, team in product((1, 17), TEAMS):
        given = {"batch_size": batch_size, "dropout": dropout}
        expected, losses = trained(problem, rule, (1, 1), **given)
        actual, same_losses = trained(problem, rule, team, **given)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=bound * np.abs(expected).max())
        assert same_losses == pytest.approx(losses, rel=bound)


UPDATES = {
    "sgd": (SGD(1e-2), 0, {"l2": 0.02}),
    "sgd, l1": (SGD(1e-2), 0, {"l1": 0.3}),
    "momentum": (SGD(1e-3, 0.9), 1, {"l2_batch": 0.5}),
    "nesterov": (SGD(1e-3, 0.9, nesterov=True), 1, {"max_norm": 0.4}),
    "clipped": (SGD(1e-3, 0.9, clip_norm=0.1), 1, {"l2": 0.02, "l1": 0.1}),
    "values clipped": (Adam(1e-3, epsilon=1e-2, clip_value=0.01), 2, {"max_norm": 0.4}),
    "adam": (Adam(1e-3, epsilon=1e-2), 2, {"l2": 0.02}),
    "adamw": (AdamW(1e-3, epsilon=1e-2, weight_decay=0.1), 2, {}),
    "rmsprop": (RMSprop(1e-3, epsilon=1e-2), 1, {"l1": 0.1}),
}


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("update", UPDATES)
def test_every_update_of_a_block_is_that_of_one_thread(update, grouped, dtype, make_problem):
    optimizer, vectors, regularization = UPDATES[update]
    rule = optimizer._rule(**{"l2": 0.0, "l2_batch": 0.0, **regularization})
    bound = 2e-4 if dtype == np.float32 else 1e-11
    for sizes in NETWORKS:
        problem = make_problem(sizes, 23, activation="tanh", dtype=dtype)
        groups = None
        if grouped:  # every layer's weights and biases go their own way, and the first one's stay
            n = len(sizes) - 1
            groups = np.linspace(0.5, 2.0, 6 * n).reshape(n, 2, 3)
            groups[0] = 0.0
        given = {"batch_size": 23, "vectors": vectors, "groups": groups}
        expected, losses = trained(problem, rule, (1, 1), **given)
        assert not np.array_equal(expected, problem.network.parameters)
        for team in TEAMS:
            actual, same_losses = trained(problem, rule, team, **given)
            np.testing.assert_allclose(
                actual, expected, rtol=0, atol=bound * np.abs(expected).max()
            )
            assert same_losses == pytest.approx(losses, rel=bound)


@pytest.mark.parametrize("squad_size", [0, -1, 3, 5, 8])
def test_squads_divide_a_team(squad_size):
    with pytest.raises(ValueError, match=f"squads must divide .* 4 threads, got .* {squad_size}"):
        run.Barrier(4, squad_size)


def test_a_squad_that_is_broken_lets_everybody_go(rule, make_problem):
    problem = make_problem(NETWORKS[0], 23)
    network = problem.network
    gradient = np.zeros(network.parameters.size)
    task = run.Task(
        network.plan, network.output, network.parameters, problem.X, y=problem.y, capacity=23
    )

    def call(barrier, thread):
        if thread == 3:
            raise OSError("this one fails")
        return task.train(rule, gradient, gradient[np.newaxis], 0, 23, 23, barrier, thread)

    with Team(4, 2) as team, pytest.raises(OSError, match="this one fails"):
        team.together(call)
