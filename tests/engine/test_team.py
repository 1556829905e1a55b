"""Do threads that train together end together, and is BLAS given back as it was?"""

import _thread
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cbackprop import SGD, Network, training
from cbackprop.engine import crew, run
from cbackprop.running import threads
from cbackprop.running.threads import (
    Team,
    allowed_threads,
    blas_held_to_one_thread,
    number_of_threads,
)

pytestmark = pytest.mark.usefixtures("ends_if_it_hangs")


def wait_until(condition, seconds=20):
    """A thread is counted until a moment after its function has returned."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def blas_threads():
    return [library.get_num_threads() for library in threads._libraries()]


@pytest.fixture
def two_blas_threads():
    """BLAS may use two threads, whatever the machine has."""
    with threadpool_limits(2, user_api="blas"):
        if set(blas_threads()) != {2}:
            pytest.skip("BLAS here cannot be given two threads")
        yield


@pytest.fixture
def steps():
    """A call, as `Team.together` wants it, that trains a small network for many mini-batches."""
    rng = np.random.default_rng(0)
    network = Network([5, 8, 2], random_state=0)
    X, y = rng.normal(size=(600, 5)), rng.normal(size=(600, 2))
    task = run.Task(network.plan, network.output, network.parameters, X, y=y, capacity=6)
    rule = SGD(0.01)._rule(0.0, 0.0)
    state, gradient = np.zeros((0, task.n_parameters)), np.empty(0)

    def call(barrier, thread):
        return task.train(rule, gradient, state, 0, 600, 6, barrier, thread)

    return call


# --- the team ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_every_thread_makes_the_call_once(size):
    with Team(size) as team:
        assert team.together(lambda barrier, thread: 10.0**thread) == sum(
            10.0**thread for thread in range(size)
        )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_team_works_again_and_again(size, steps):
    with Team(size) as team:
        losses = [team.together(steps) for _ in range(5)]
    assert losses[-1] < losses[0]


def test_a_team_of_one_calls_in_the_callers_thread():
    with Team(1) as team:
        seen = []
        team.together(lambda barrier, thread: seen.append(threading.current_thread()) or 0.0)
    assert seen == [threading.current_thread()]


def test_the_caller_is_thread_zero():
    with Team(3) as team:
        seen = {}
        team.together(
            lambda barrier, thread: seen.update({thread: threading.current_thread()}) or 0.0
        )
    assert seen[0] is threading.current_thread()


@pytest.mark.parametrize("size", [2, 3])
def test_threads_end_with_their_team(size):
    before = _thread._count()
    with Team(size) as team:
        team.together(lambda barrier, thread: 0.0)
        assert _thread._count() == before + size - 1
    wait_until(lambda: _thread._count() == before)


@pytest.mark.parametrize("size", [0, -1, 5000])
def test_a_team_of_no_or_too_many_threads_is_refused(size):
    with pytest.raises(ValueError, match=f"between 1 and .* threads, got {size}"):
        Team(size)


@pytest.mark.parametrize("broken", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_error_of_any_thread_is_raised(size, broken):
    def call(barrier, thread):
        if thread == min(broken, size - 1):
            raise ZeroDivisionError("planted")
        return 0.0

    with Team(size) as team, pytest.raises(ZeroDivisionError, match="planted"):
        team.together(call)


@pytest.mark.parametrize("size", [2, 3])
def test_a_worker_that_fails_breaks_the_barrier_for_those_who_wait(size, steps):
    def call(barrier, thread):
        if thread == size - 1:
            raise ZeroDivisionError("planted")
        return steps(barrier, thread)  # waits for all threads after the first mini-batch

    with Team(size) as team, pytest.raises(ZeroDivisionError, match="planted"):
        team.together(call)


@pytest.mark.parametrize("size", [2, 3])
def test_a_caller_that_fails_breaks_the_barrier_for_those_who_wait(size, steps):
    def call(barrier, thread):
        if thread == 0:
            raise KeyboardInterrupt
        return steps(barrier, thread)

    with Team(size) as team, pytest.raises(KeyboardInterrupt):
        team.together(call)


def test_an_input_refused_by_the_engine_is_raised_from_the_team(steps):
    def call(barrier, thread):
        return steps(barrier, thread if thread == 0 else 77)

    with Team(2) as team, pytest.raises(ValueError, match="thread must be between 0 and 1, got 77"):
        team.together(call)


def test_a_thread_that_cannot_start_is_an_error_and_no_wait(steps, monkeypatch):
    start, started = crew.start_new_thread, []

    def one_only(serve, arguments):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(arguments)
        start(serve, arguments)

    monkeypatch.setattr(crew, "start_new_thread", one_only)
    with Team(3) as team, pytest.raises(RuntimeError, match="can't start new thread"):
        team.together(steps)


def test_an_aborted_barrier_holds_nobody(steps):
    barrier = run.Barrier(2)
    barrier.abort()
    steps(barrier, 0)  # returns, although nobody else comes


def test_training_that_fails_in_a_thread_can_be_tried_again(monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 2))

    def train(network):
        optimizer = SGD(0.01)
        return list(
            training.epochs(
                network, X, y, optimizer, batch_size=8, max_epochs=2, rng=None, n_jobs=2
            )
        )

    original = Team.together

    def sabotaged(team, call):
        def failing(barrier, thread):
            if thread == 1:
                raise ZeroDivisionError("planted")
            return call(barrier, thread)

        return original(team, failing)

    monkeypatch.setattr(Team, "together", sabotaged)
    with pytest.raises(ZeroDivisionError, match="planted"):
        train(Network([5, 8, 2], random_state=0))
    monkeypatch.undo()
    losses = train(Network([5, 8, 2], random_state=0))
    assert losses[1] < losses[0]


def test_many_fits_side_by_side_do_not_disturb_each_other():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 2))

    def fit(_):
        network = Network([5, 8, 2], random_state=0)
        for _ in training.epochs(
            network, X, y, SGD(0.01, 0.9), batch_size=8, max_epochs=3,
            rng=np.random.RandomState(0), n_jobs=2,
        ):  # fmt: skip
            pass
        return network.parameters.tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(fit, range(8)))) == 1


@pytest.mark.parametrize("make", [lambda: run.Barrier(2), lambda: Team(2)._barrier])
def test_barriers_cannot_be_pickled(make):
    with pytest.raises(TypeError):
        pickle.dumps(make())


# --- BLAS held to one thread ---------------------------------------------------------------------


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_is_held_to_one_thread_and_given_back():
    before = blas_threads()
    with blas_held_to_one_thread():
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


@pytest.mark.usefixtures("two_blas_threads")
def test_nested_holders_give_back_at_the_end():
    before = blas_threads()
    with blas_held_to_one_thread():
        with blas_held_to_one_thread():
            pass
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


@pytest.mark.usefixtures("two_blas_threads")
def test_an_error_gives_blas_back():
    before = blas_threads()
    with pytest.raises(ZeroDivisionError), blas_held_to_one_thread():
        raise ZeroDivisionError
    assert blas_threads() == before


@pytest.mark.usefixtures("two_blas_threads")
@pytest.mark.parametrize("first_out", [0, 1])
def test_the_last_of_several_holders_gives_back(first_out):
    before = blas_threads()
    inside, leave = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def hold(me):
        with blas_held_to_one_thread():
            inside[me].set()
            leave[me].wait(60)

    holders = [threading.Thread(target=hold, args=(me,)) for me in (0, 1)]
    try:
        for me, holder in enumerate(holders):
            holder.start()
            inside[me].wait(60)
        leave[first_out].set()
        holders[first_out].join(60)
        assert set(blas_threads()) == {1}
    finally:
        for event, holder in zip(leave, holders, strict=True):
            event.set()
            holder.join(60)
    assert blas_threads() == before


@pytest.mark.usefixtures("two_blas_threads")
def test_many_holders_coming_and_going_leave_blas_as_it_was():
    before = blas_threads()

    def come_and_go(_):
        for _ in range(50):
            with blas_held_to_one_thread():
                assert set(blas_threads()) == {1}

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, range(4)))
    assert blas_threads() == before


@pytest.mark.usefixtures("two_blas_threads")
def test_training_leaves_blas_as_it_was():
    before = blas_threads()
    losses = training.epochs(
        Network([2, 3, 1]), np.ones((9, 2)), np.ones((9, 1)), SGD(), batch_size=4, max_epochs=2,
        rng=None,
    )  # fmt: skip
    next(losses)
    between_epochs = blas_threads()
    list(losses)
    assert between_epochs == blas_threads() == before


# --- how many threads ----------------------------------------------------------------------------

MUCH, LITTLE = 1e12, 1e3  # work in a step


@pytest.mark.parametrize("work", [LITTLE, MUCH])
@pytest.mark.parametrize("n_jobs", [1, 2, 5, np.int64(3)])
def test_a_number_of_jobs_is_that_number_of_threads(n_jobs, work):
    with threadpool_limits(1, user_api="blas"):
        assert number_of_threads(n_jobs, work) == n_jobs


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("n_jobs", [None, -1])
def test_by_default_threads_are_what_blas_is_allowed(n_jobs, limit):
    with threadpool_limits(limit, user_api="blas"):
        assert number_of_threads(n_jobs, MUCH) == limit


@pytest.mark.usefixtures("two_blas_threads")
def test_small_steps_are_made_by_one_thread_unless_told_otherwise():
    assert number_of_threads(None, LITTLE) == 1
    assert number_of_threads(-1, LITTLE) == 2


@pytest.mark.usefixtures("two_blas_threads")
def test_a_fit_in_progress_does_not_take_threads_from_the_next():
    with blas_held_to_one_thread():
        assert allowed_threads() == 2


@pytest.mark.parametrize("n_jobs", [0, -2, -(10**9)])
def test_no_or_negative_jobs_are_refused(n_jobs):
    with pytest.raises(ValueError, match=f"n_jobs must be at least 1.*got {n_jobs}"):
        number_of_threads(n_jobs, MUCH)


@pytest.mark.parametrize("n_jobs", [2.0, "2", True, [2]])
def test_jobs_that_are_no_integer_are_refused(n_jobs):
    with pytest.raises(TypeError, match="n_jobs must be an integer"):
        number_of_threads(n_jobs, MUCH)


# --- more threads than cores ---------------------------------------------------------------------


def crowded_teams(*teams):
    """Whether each team, (size, cores), is told that it is crowded: one works inside the other."""
    said = []

    def call(at, barrier, thread):
        if thread == 0:
            said.append(barrier.crowded)
            work(at + 1)
        return 0.0

    def work(at):
        if at < len(teams):
            size, cores = teams[at]
            with crew.Team(size, 1, cores) as team:
                team.together(partial(call, at))

    work(0)
    return said


def test_a_team_of_more_threads_than_cores_is_crowded():
    assert crowded_teams((2, 2)) == [False]
    assert crowded_teams((3, 2)) == [True]


def test_threads_of_all_teams_that_are_at_work_count():
    assert crowded_teams((2, 4), (2, 4), (2, 4)) == [False, False, True]
    assert crowded_teams((1, 2), (2, 2)) == [False, True]


def test_a_team_that_has_ended_counts_no_more_however_it_ended():
    def fail(barrier, thread):
        raise OSError("it fails")

    for size in (1, 3):
        with crew.Team(size, 1, 3) as team, pytest.raises(OSError, match="it fails"):
            team.together(fail)
        assert crowded_teams((3, 3)) == [False]


# --- after a fork --------------------------------------------------------------------------------


def fit_in_two_threads():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 2))
    network = Network([5, 8, 2], random_state=0)
    losses = training.epochs(
        network, X, y, SGD(0.01), batch_size=8, max_epochs=3, rng=None, n_jobs=2
    )
    return list(losses)


@pytest.mark.parametrize("trained_before", [False, True])
def test_training_works_in_a_forked_child(result_in_child, trained_before):
    expected = fit_in_two_threads() if trained_before else None

    def train():
        losses = fit_in_two_threads()
        return losses == (expected or losses)

    assert result_in_child(train)


def test_in_a_forked_child_nobody_of_its_parent_s_is_at_work(result_in_child):
    def call(barrier, thread):
        return float(thread == 0 and result_in_child(lambda: crowded_teams((2, 2)) == [False]))

    with crew.Team(2, 1, 2) as team:
        assert team.together(call) == 1.0


@pytest.mark.usefixtures("two_blas_threads")
def test_a_child_forked_while_a_thread_holds_blas_has_it_back(result_in_child):
    before = blas_threads()
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with blas_held_to_one_thread():
            inside.set()
            leave.wait(60)

    def as_before_and_trains():
        return blas_threads() == before and fit_in_two_threads()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        inside.wait(60)
        assert result_in_child(as_before_and_trains)
    finally:
        leave.set()
        holder.join(60)


@pytest.mark.usefixtures("two_blas_threads")
def test_a_child_forked_by_a_holder_may_leave_and_hold_again(result_in_child):
    with ExitStack() as held:
        held.enter_context(blas_held_to_one_thread())

        def leave_and_hold_again():
            held.close()
            with blas_held_to_one_thread():
                return set(blas_threads()) == {1}

        assert result_in_child(leave_and_hold_again)


@pytest.mark.parametrize("n_jobs", [None, -1])
def test_machines_of_more_cores_than_a_team_may_have_are_no_error(n_jobs, monkeypatch):
    monkeypatch.setattr(threads, "allowed_threads", lambda: 384)
    assert number_of_threads(n_jobs, MUCH) == threads.MOST_THREADS == 256


def test_more_jobs_than_a_team_may_have_are_refused():
    with pytest.raises(ValueError, match=r"n_jobs must be at most 256.*got 257"):
        number_of_threads(257, LITTLE)
