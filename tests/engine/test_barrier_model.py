"""The barrier of engine/team.h as a model, all of whose interleavings are walked through.

An atomic operation of `team_wait` is a step here; any thread may make the next one, and anybody may
break the team between two. Memory is sequentially consistent in the model: that the C says enough
about order is for ThreadSanitizer to find (tools/race.py).
"""

from collections import deque
from typing import NamedTuple

import pytest

BEGINS, ARRIVES, RESETS, PUBLISHES, LOOKS, WAITS, OUT = range(7)  # where in team_wait a thread is


class Thread(NamedTuple):
    at: int = BEGINS
    wait: int = 0  # which of its calls of team_wait
    generation: int = 0  # the one that it found
    passed: int = 0  # calls that returned 1


class State(NamedTuple):
    threads: tuple[Thread, ...]
    arrived: int = 0
    generation: int = 0
    broken: bool = False


class Barrier:
    """team.h's."""

    waits = 3  # calls of team_wait that each thread makes

    def returns(self, thread, value):
        """A thread that is refused leaves for good, as training does."""
        if value:
            thread = thread._replace(passed=thread.passed + 1)
        done = not value or thread.wait + 1 == self.waits
        return thread._replace(at=OUT if done else BEGINS, wait=thread.wait + 1)

    def steps(self, state, i):
        """The states that one atomic operation of thread i leads to; none where it has to wait."""
        thread = state.threads[i]

        def then(thread, **more):
            return state._replace(
                threads=(*state.threads[:i], thread, *state.threads[i + 1 :]), **more
            )

        if thread.at == BEGINS:
            yield then(thread._replace(at=ARRIVES, generation=state.generation))
        elif thread.at == ARRIVES:
            last = state.arrived + 1 == len(state.threads)
            yield then(thread._replace(at=RESETS if last else WAITS), arrived=state.arrived + 1)
        elif thread.at == RESETS:
            yield then(thread._replace(at=PUBLISHES), arrived=0)
        elif thread.at == PUBLISHES:
            yield then(thread._replace(at=LOOKS), generation=thread.generation + 1)
        elif thread.at == LOOKS:
            yield then(self.returns(thread, not state.broken))
        elif thread.at == WAITS:
            if state.generation != thread.generation:
                yield then(self.returns(thread, True))
            if state.broken:
                yield then(self.returns(thread, False))


class NobodyLooksForABreak(Barrier):
    def steps(self, state, i):
        waits = state.threads[i].at == WAITS
        return super().steps(state._replace(broken=False) if waits else state, i)


class PublishesFirst(Barrier):
    """The count is reset when others may be counted for the next time already."""

    def steps(self, state, i):
        for after in super().steps(state, i):
            at = state.threads[i].at
            if at == ARRIVES and after.threads[i].at == RESETS:
                yield self._moved(after, i, PUBLISHES)
            elif at == PUBLISHES:
                yield self._moved(after, i, RESETS)
            elif at == RESETS:
                yield self._moved(after, i, LOOKS)
            else:
                yield after

    def _moved(self, state, i, at):
        threads = list(state.threads)
        threads[i] = threads[i]._replace(at=at)
        return state._replace(threads=tuple(threads))


class CountsToOneLess(Barrier):
    def steps(self, state, i):
        for after in super().steps(state, i):
            if state.threads[i].at == ARRIVES and after.arrived == len(state.threads) - 1:
                threads = list(after.threads)
                threads[i] = threads[i]._replace(at=RESETS)
                after = after._replace(threads=tuple(threads))
            yield after


def fault_of(state):
    """What must not be, in this state."""
    for thread in state.threads:
        for other in state.threads:
            behind = other.wait + (other.at > ARRIVES) if other.at != OUT else other.wait
            if behind < thread.passed:
                return f"passed wait {thread.passed} before all had arrived there"
    return None


def explore(barrier, size, breaks):
    """How many states there are, and the first fault found.

    Where nobody can make a step, somebody is left waiting: whether or not the team is broken.
    """
    todo = deque([State((Thread(),) * size)])
    seen = set(todo)
    while todo:
        state = todo.popleft()
        after = [step for i in range(size) for step in barrier.steps(state, i)]
        if not after and any(thread.at != OUT for thread in state.threads):
            return len(seen), "somebody waits for good"
        if breaks and not state.broken:
            after.append(state._replace(broken=True))
        for new in after:
            if new not in seen:
                if fault := fault_of(new):
                    return len(seen), fault
                seen.add(new)
                todo.append(new)
    return len(seen), None


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_nobody_waits_for_good_and_nobody_passes_early(size, breaks, figure):
    states, fault = explore(Barrier(), size, breaks)
    assert fault is None
    figure("states of the barrier", states)


@pytest.mark.parametrize(
    ("barrier", "fault"),
    [
        (NobodyLooksForABreak(), "waits for good"),
        (PublishesFirst(), "waits for good"),
        (CountsToOneLess(), "before all had arrived"),
    ],
)
def test_a_wrong_barrier_is_found(barrier, fault):
    assert fault in explore(barrier, 3, breaks=True)[1]
