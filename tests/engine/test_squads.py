"""Do threads that share rows, and divide columns, make the same steps as one thread?"""

from functools import partial
from itertools import product

import numpy as np
import pytest

from cbackprop import SGD
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


def trained(problem, rule, team, *, batch_size, dropout=None, epochs=2):
    """Parameters after some epochs of SGD with momentum, and the losses: by a team of squads."""
    network, dtype = problem.network, problem.X.dtype
    order = np.arange(len(problem.X))[::-1].copy()
    parameters = network.parameters.copy()
    more = {} if dropout is None else {"dropout": np.full(len(network.plan) - 1, dropout)}
    task = run.Task(
        network.plan, network.output, parameters, problem.X, y=problem.y, capacity=batch_size,
        sample_weight=problem.weight, seed=SEED, rows=order, **more,
    )  # fmt: skip
    gradient, state = np.zeros(parameters.size, dtype), np.zeros((1, parameters.size), dtype)
    call = partial(task.train, rule, gradient, state, 0, len(problem.X), batch_size)
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
