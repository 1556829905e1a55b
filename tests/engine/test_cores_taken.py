"""Do teams of a process take turns where there are not cores for all?"""

import _thread
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cbackprop.engine import crew
from cbackprop.running import threads

pytestmark = pytest.mark.usefixtures("ends_if_it_hangs")


class Working:
    """A call of a team, which counts the threads that make it, and the most at a time."""

    def __init__(self):
        self.lock, self.now, self.most, self.calls = threading.Lock(), 0, 0, 0

    def __call__(self, barrier, thread):
        with self.lock:
            self.now += 1
            self.calls += 1
            self.most = max(self.most, self.now)
        for _ in range(200):
            os.sched_yield() if hasattr(os, "sched_yield") else None
        with self.lock:
            self.now -= 1
        return 1.0


def team_of(size, cores):
    return crew.Team(size, 1, cores)


@pytest.mark.parametrize("limit", [2, 3, 5])
@pytest.mark.parametrize("sizes", [(2,) * 6, (2, 3) * 3, (5, 2, 2, 3, 2, 4), (9, 2, 2)])
def test_no_more_threads_work_than_there_are_cores(sizes, limit):
    cores, working = crew.Cores(limit), Working()

    def fit(size):
        with team_of(size, cores) as team:
            return sum(team.together(working) for _ in range(20))

    with ThreadPoolExecutor(len(sizes)) as pool:
        assert list(pool.map(fit, sizes)) == [20.0 * size for size in sizes]
    # Who wants more than there are works alone.
    assert working.most <= max(limit, *sizes)
    if max(sizes) <= limit:
        assert working.most <= limit
    assert (cores.taken, cores.n_waiting, working.calls) == (0, 0, 20 * sum(sizes))


def held(cores, size, n_calls=1):
    """A thread whose team has its cores until told to let go."""
    inside, leave = threading.Event(), threading.Event()

    def call(barrier, thread):
        inside.set()
        leave.wait(60)
        return 0.0

    def work():
        with team_of(size, cores) as team:
            team.together(call)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(60)

    def let_go():
        leave.set()
        thread.join(60)

    return let_go


def waits(cores, n=1):
    while cores.n_waiting < n:
        pass


def test_a_team_for_which_there_is_room_does_not_wait():
    cores = crew.Cores(4)
    let_go = held(cores, 2)
    with team_of(2, cores) as team:
        assert team.together(lambda barrier, thread: 1.0) == 2.0
        assert cores.taken == 2
    let_go()
    assert cores.taken == 0


def test_a_team_of_one_never_waits():
    cores = crew.Cores(2)
    let_go = held(cores, 2)
    with team_of(1, cores) as team:
        assert team.together(lambda barrier, thread: 1.0) == 1.0
    let_go()


def test_who_comes_first_is_served_first():
    cores, order = crew.Cores(3), []
    let_go = held(cores, 2)

    def come(size):
        with team_of(size, cores) as team:
            team.together(lambda barrier, thread: order.append(size) or 0.0)

    others = [threading.Thread(target=come, args=(size,)) for size in (3, 2)]
    for n, other in enumerate(others, 1):
        other.start()
        waits(cores, n)
    let_go()
    for other in others:
        other.join(60)
    assert order == [3, 3, 3, 2, 2]


def test_an_error_gives_the_cores_back():
    cores = crew.Cores(2)

    def fails(barrier, thread):
        raise ZeroDivisionError("planted")

    with team_of(2, cores) as team, pytest.raises(ZeroDivisionError, match="planted"):
        team.together(fails)
    assert cores.taken == 0


def test_a_thread_that_cannot_start_gives_the_cores_back(monkeypatch):
    cores = crew.Cores(2)

    def start(*arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(crew, "start_new_thread", start)
    with team_of(2, cores) as team, pytest.raises(RuntimeError, match="can't start"):
        team.together(lambda barrier, thread: 0.0)
    assert cores.taken == 0


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
def test_who_is_interrupted_while_it_waits_has_taken_nothing():
    cores = crew.Cores(2)
    let_go = held(cores, 2)
    main = threading.main_thread().ident

    def interrupt():
        waits(cores)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with team_of(2, cores) as team:
        with pytest.raises(KeyboardInterrupt):
            team.together(lambda barrier, thread: 0.0)
        thread.join(60)
        assert (cores.taken, cores.n_waiting) == (2, 0)
        let_go()
        assert cores.taken == 0
        assert team.together(lambda barrier, thread: 1.0) == 2.0


def test_who_waits_for_one_that_waits_goes_on():
    """A call that makes a call of another team, for which there are no cores while it goes on."""
    cores = crew.Cores(2)

    def inner(barrier, thread):
        return 1.0

    def outer(barrier, thread):
        with team_of(2, cores) as team:
            return team.together(inner)

    with team_of(2, cores) as team:
        assert team.together(outer) == 4.0
    assert cores.taken == 0


def test_a_forked_child_has_all_cores(result_in_child):
    let_go = held(threads._cores, 2)

    def works():
        with threads.Team(2) as team:
            return (threads._cores.taken, team.together(lambda barrier, thread: 1.0)) == (0, 2.0)

    try:
        assert result_in_child(works)
    finally:
        let_go()
    assert threads._cores.taken == 0


def test_threads_that_waited_end_with_their_teams():
    before = _thread._count()
    cores, working = crew.Cores(2), Working()

    def fit(_):
        with team_of(3, cores) as team:
            team.together(working)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fit, range(8)))
    while _thread._count() > before:
        pass
    assert cores.taken == 0
