"""The threads that train together: where they wait, and who shares a mini-batch's rows with whom."""


cdef extern from "team.h":
    enum:
        TEAM_LARGEST
    ctypedef struct TeamMeeting:
        pass
    ctypedef struct TeamBarrier:
        double* parts
    void team_begin(TeamBarrier*, long, TeamMeeting*, long) noexcept nogil
    void team_crowd(TeamBarrier*, bint) noexcept nogil
    void team_break(TeamBarrier*) noexcept nogil
    void team_enter(TeamBarrier*) noexcept nogil
    void team_leave(TeamBarrier*) noexcept nogil
    int team_wait(TeamBarrier*) noexcept nogil
    int team_wait_squad(TeamBarrier*, long, long) noexcept nogil


cdef struct Squad:
    # `size` threads that have some rows of the mini-batch in common, and this thread among them. Of a layer each has
    # some of these rows, or some of the columns of all these rows.
    TeamBarrier* team
    Py_ssize_t number               # of the squad in its team
    Py_ssize_t member               # of the thread in its squad
    Py_ssize_t size


cdef inline Squad alone() noexcept nogil:
    """A thread that shares its rows with nobody."""
    cdef Squad squad
    squad.team = NULL
    squad.number = squad.member = 0
    squad.size = 1
    return squad


cdef inline Squad squad_of(TeamBarrier* team, Py_ssize_t thread, Py_ssize_t size) noexcept nogil:
    """That of a thread of a team, in squads of `size`."""
    cdef Squad squad
    squad.team = team
    squad.size = size
    squad.number = thread // size
    squad.member = thread % size
    return squad


cdef inline Py_ssize_t part(Py_ssize_t n, Py_ssize_t thread, Py_ssize_t n_threads) noexcept nogil:
    """Where the thread's part of n things begins; a division costs more than asking whether there is just one."""
    return n * thread if n_threads == 1 else n * thread // n_threads


cdef inline int meet(const Squad* squad) noexcept nogil:
    """Waits for the squad."""
    return squad.size == 1 or team_wait_squad(squad.team, <long>squad.number, <long>squad.size)
