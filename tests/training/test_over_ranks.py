"""Steps of several ranks, seen from one process: what they call, and what they add up."""

import sys

import numpy as np
import pytest

from cbackprop import SGD, Adam, Network
from cbackprop.running.execution import Execution
from cbackprop.running.ranks import Ranks
from cbackprop.running.regularization import Regularization
from cbackprop.running.sweeps import Sweep
from cbackprop.schedules import Cosine
from cbackprop.training import over_ranks
from cbackprop.training.epochs import passes
from cbackprop.training.over_ranks import STEPS_OF_A_SLICE

N, BATCH_SIZE = 4_000, 20


class First:
    """Rank 0 of two, the other of which has no rows: all that is added up is its own."""

    def Get_rank(self):
        return 0

    def Get_size(self):
        return 2

    def allgather(self, thing):
        failure, mine, what = thing
        return [thing, (failure, 0 if isinstance(mine, int | float) else mine, what)]

    def Allreduce(self, mine, total):
        np.copyto(total, mine)

    def Abort(self, code):
        raise SystemExit(code)


def run(ranks, optimizer, batch_size=BATCH_SIZE, hidden=5, threads=1, **given):
    """A network, and its epochs."""
    rng = np.random.RandomState(0)
    X = rng.randn(N, 6)
    network = Network([6, hidden, 1], random_state=0)
    execution = Execution(threads) if ranks is None else Execution(threads, ranks)
    given |= {"batch_size": batch_size, "max_epochs": 3, "rng": None, "total_epochs": 3}
    y = np.sin(X[:, :1])
    return network, passes(network, X, y, optimizer, execution=execution, **given)


@pytest.mark.parametrize(
    "optimizer",
    [lambda: Adam(0.01), lambda: SGD(0.1, momentum=0.9, schedule=Cosine(warmup=0.1))],
    ids=["Adam", "scheduled"],
)
@pytest.mark.parametrize("batch_size", [BATCH_SIZE, 64, N - 1, N])
def test_slices_of_steps_are_the_steps_of_one_process(optimizer, batch_size):
    assert -(-N // BATCH_SIZE) % STEPS_OF_A_SLICE  # the last slice is a shorter one
    made = [run(ranks, optimizer(), batch_size) for ranks in (None, Ranks(First()))]
    losses = [list(epochs) for _, epochs in made]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)
    assert np.abs(made[0][0].parameters - made[1][0].parameters).max() < 1e-12


@pytest.mark.parametrize("dropout", [(), (0.3,)])
@pytest.mark.parametrize("batch_size", [20, 700, N])
def test_a_ranks_threads_make_the_steps_of_one(batch_size, dropout, monkeypatch):
    teams = []

    class Noted(Sweep):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            teams.append(len(self.tasks))

    monkeypatch.setattr(over_ranks, "Sweep", Noted)
    given = {"hidden": 64, "regularization": Regularization(dropout=dropout), "mask_seed": 7}
    made = [
        run(ranks, Adam(0.01), batch_size, threads=threads, **given)
        for ranks, threads in ((None, 1), (Ranks(First()), 1), (Ranks(First()), 2))
    ]
    losses = [list(epochs) for _, epochs in made]
    assert teams == [1, 2]
    for (network, _), curve in zip(made[1:], losses[1:], strict=True):
        np.testing.assert_allclose(curve, losses[0], rtol=1e-11)
        assert np.abs(network.parameters - made[0][0].parameters).max() < 1e-11


def test_a_step_makes_few_calls_from_python(figure):
    _, epochs = run(Ranks(First()), Adam(0.01))
    next(epochs)
    calls = []

    def note(frame, event, argument):
        if event in ("call", "c_call"):
            calls.append(event)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        next(epochs)
    finally:
        sys.setprofile(before)
    a_step = len(calls) / (N / BATCH_SIZE)
    figure("calls from Python of a step with ranks", f"{a_step:.1f}")
    assert a_step < 13
