"""Threads that make one call together, and a hold on something shared, which no interrupt can divide.

Python raises KeyboardInterrupt, or what another signal's handler raises, in the main thread between any two steps of
Python code: also inside `threading` and `concurrent.futures`, where a lock may then stay locked for good. Compiled code
is not divided so. Here an interrupt shows only as the error of a call that waits or that runs Python code; it is kept,
and raised when everything is in order.
"""

import os
import sys
from _thread import allocate_lock, start_new_thread

from cbackprop.engine.team cimport TEAM_LARGEST

from cbackprop.engine.run import Barrier

# How often this process was forked from another: in a child the threads of its parent are not.
cdef Py_ssize_t forks = 0

# Threads of this process that make a call together with others, or alone, at this moment.
cdef Py_ssize_t at_work = 0

# Where Python ends, other threads never come to run again: nobody may wait for them. As C's variable it is there to the
# last, when modules have lost their names.
cdef object is_finalizing = sys.is_finalizing

# An interrupt costs one try; an error that is there every time is raised in the end.
cdef int TRIES = 100


def _forked():
    global forks, at_work
    forks += 1
    at_work = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


cdef object lock():
    try:
        return allocate_lock()
    except RuntimeError as error:       # what Python calls it when there is no memory for one
        raise MemoryError(str(error)) from None


cdef class Member:
    """One of the other threads, and what passes between it and the caller."""

    cdef Py_ssize_t thread
    cdef object barrier
    cdef object go          # a lock, released to let the member go on
    cdef object done        # a lock, released by the member when its call has returned, or it leaves
    cdef object call
    cdef object error
    cdef double result
    cdef bint leaves        # is to end
    cdef bint gone          # has ended, though nobody asked it to

    def __cinit__(self, Py_ssize_t thread, barrier):
        self.thread, self.barrier = thread, barrier
        self.go, self.done = lock(), lock()
        self.go.acquire()
        self.done.acquire()


def _serve(Member member):
    """What a member's thread does."""
    try:
        while True:
            member.go.acquire()
            if member.leaves:
                break
            try:
                member.result = member.call(member.barrier, member.thread)
            except BaseException as error:
                member.barrier.abort()
                member.error = error
            member.call = None
            member.done.release()
    except BaseException as error:      # there was no memory, not even to wait
        member.barrier.abort()
        member.error, member.gone = error, True
    member.done.release()


cdef object acquire(lock, barrier, error):
    """Acquire the lock, however often that is interrupted. Returns `error`, or the first interrupt if it is None."""
    while True:
        try:
            lock.acquire()
            return error
        except BaseException as interrupt:
            if barrier is not None:
                barrier.abort()     # nobody waits longer than for what is begun
            if error is None:
                error = interrupt


cdef class Team:
    """`size` threads, the caller one of them, that make the same call together, `squad_size` of them on the same rows.

    The others are threads of their own, started at the first call and gone when the ``with`` statement ends. If one
    cannot start or fails, or the caller is interrupted, the barrier is broken: nobody waits at it, all have returned
    from the call before the error is raised here, and the team is not used again.

    Where more threads are at work in all teams than there are `cores`, those who wait soon give theirs away.
    """

    cdef readonly Py_ssize_t size
    cdef readonly object _barrier
    cdef Py_ssize_t cores
    cdef list members
    cdef Py_ssize_t born        # what `forks` was when the members were started

    def __cinit__(self, Py_ssize_t size, Py_ssize_t squad_size=1, Py_ssize_t cores=TEAM_LARGEST):
        self.size, self.members, self.born, self.cores = size, [], forks, cores
        self._barrier = Barrier(size, squad_size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        cdef Member member
        cdef object error = None
        members, self.members = self.members, None      # which takes no memory
        if self.born != forks or is_finalizing():
            return      # this is a forked child, where they are not; or Python's end, where they wait for ever
        for member in members or ():
            member.leaves = True
            member.go.release()
        for member in members or ():
            if not member.gone:
                error = acquire(member.done, None, error)
        if error is not None:
            raise error

    def together(self, call):
        """The sum of ``call(barrier, thread)`` over the threads 0 ... size - 1."""
        global at_work
        cdef Py_ssize_t of_process = forks
        at_work += self.size
        try:
            return self._together(call)
        finally:
            if forks == of_process:     # or nobody of the parent's is at work in this child
                at_work -= self.size

    cdef double _together(self, call) except? -1.0:
        cdef Member member
        cdef object error = None
        cdef double total = 0.0
        if self.size == 1:
            return call(self._barrier, 0)
        if is_finalizing():
            raise RuntimeError("Python is ending, where no other thread runs any more: take n_jobs=1")
        self._start()
        self._barrier.crowd(at_work > self.cores)
        for member in self.members:
            member.call = call
            member.go.release()
        try:
            total = call(self._barrier, 0)
        except BaseException as raised:
            self._barrier.abort()
            error = raised
        for member in self.members:
            error = acquire(member.done, self._barrier, error)
        for member in self.members:
            total += member.result
            if error is None:
                error = member.error
            member.error = None
        if error is not None:
            raise error
        return total

    cdef int _start(self) except -1:
        cdef Member member
        if self.born != forks or self.members is None:      # this is a forked child, where they are not, or left once
            self.born, self.members = forks, []
            if self._barrier.broken:
                self._barrier = Barrier(self.size, self._barrier.squad_size)
        while len(self.members) < self.size - 1:
            member = Member(len(self.members) + 1, self._barrier)
            self.members.append(member)
            try:
                start_new_thread(_serve, (member,))
            except BaseException:       # it may run all the same: out of memory, Python had no room for its number
                self.members.pop()
                member.leaves = True
                member.go.release()
                raise
        return 0


cdef object insist(function):
    """Call it until it has run through. Returns what interrupted it, to be raised when all is in order."""
    cdef object interrupt = None
    cdef int _
    for _ in range(TRIES):
        try:
            function()
            break
        except BaseException as error:
            interrupt = error
    return interrupt


cdef class Shared:
    """What is so for as long as anybody holds it: the first holder calls `begin`, the last one `end`.

    Both are called again where they were interrupted: a second call must do no harm.
    """

    cdef readonly object lock       # held while `begin` or `end` runs
    cdef object begin
    cdef object end
    cdef Py_ssize_t holders
    cdef Py_ssize_t forks

    def __cinit__(self, begin, end):
        self.begin, self.end, self.lock = begin, end, allocate_lock()

    def hold(self):
        """A holder, for a ``with`` statement."""
        return Holder(self)

    def forget(self):
        """In a forked child: no other thread lives that could let go."""
        self.lock = allocate_lock()
        self.holders = 0
        self.forks += 1
        self.end()


cdef class Holder:
    cdef Shared shared
    cdef Py_ssize_t forks

    def __cinit__(self, Shared shared):
        self.shared = shared

    def __enter__(self):
        cdef object interrupt = None
        self.shared.lock.acquire()      # interrupted here, nothing has happened
        self.forks = self.shared.forks
        if self.shared.holders == 0:
            interrupt = insist(self.shared.begin)
        if interrupt is None:
            self.shared.holders += 1
        elif self.shared.holders == 0:
            insist(self.shared.end)
        self.shared.lock.release()
        if interrupt is not None:
            raise interrupt

    def __exit__(self, *_):
        cdef object interrupt = acquire(self.shared.lock, None, None)
        if self.forks == self.shared.forks:     # a forked child has forgotten its parent's holders
            self.shared.holders -= 1
            if self.shared.holders == 0:
                error = insist(self.shared.end)
                interrupt = interrupt if error is None else error
        self.shared.lock.release()
        if interrupt is not None:
            raise interrupt
