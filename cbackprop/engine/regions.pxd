"""Which rows and columns of a layer a thread makes, and where it waits for the others of its squad."""

from cbackprop.engine.passes cimport Task, has_blend
from cbackprop.engine.team cimport Squad, meet, part


cdef enum:
    COLUMNS = 16        # a thread takes as many, or a multiple: a cache line of float32, or two of float64


cdef enum:
    # What stands of a layer, as far as a thread knows, that its squad has made: everything; all of its own rows, at
    # least; its own columns. Or nothing: the team is broken, and nobody goes on.
    WHOLE
    SOME_ROWS
    SOME_COLUMNS
    BROKEN


cdef struct Region:
    # Rows start ... stop of the blocks, columns low ... high of a layer.
    Py_ssize_t start
    Py_ssize_t stop
    Py_ssize_t low
    Py_ssize_t high


cdef inline Region rows_of_member(const Squad* squad, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """A thread's own rows, when the squad has rows start ... stop of the blocks; no columns."""
    cdef Region region
    region.start = start + part(stop - start, squad.member, squad.size)
    region.stop = start + part(stop - start, squad.member + 1, squad.size)
    region.low = region.high = 0
    return region


cdef inline bint by_columns(const Task* task, const Squad* squad, Py_ssize_t index) noexcept nogil:
    """Whether each thread of a squad makes some columns of A or D of a layer, of all their rows, and not all of some.

    It reads less of W then, and more rows. Sparse rows are gone through once, and few columns fill no vectors. So it
    is with the columns of W in the update.
    """
    return (squad.size > 1 and task.plan[index].n_out >= COLUMNS * squad.size and not has_blend(task, index)
            and (index > 0 or task.index_size == 0))


cdef inline int meet_for(const Task* task, const Squad* squad, Py_ssize_t index, int stands) noexcept nogil:
    """Before a layer is made of the one that stands, waits where that needs others' part of it. How it will stand."""
    if by_columns(task, squad, index):
        return SOME_COLUMNS if stands == WHOLE or meet(squad) else BROKEN
    return SOME_ROWS if stands != SOME_COLUMNS or meet(squad) else BROKEN


cdef inline Py_ssize_t first_column(const Squad* squad, Py_ssize_t n, Py_ssize_t member) noexcept nogil:
    """Where a member's part of n columns begins; behind its last is that of the next one."""
    return n if member == squad.size else COLUMNS * part((n + COLUMNS - 1) // COLUMNS, member, squad.size)


cdef inline Region region_of(
    const Task* task, const Squad* squad, Py_ssize_t index, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """What a thread makes of a layer's A or D, when the squad has rows start ... stop of the blocks."""
    cdef Py_ssize_t n = task.plan[index].n_out
    cdef Region region
    if not by_columns(task, squad, index):
        region = rows_of_member(squad, start, stop)
        region.high = n
        return region
    region.start, region.stop = start, stop
    region.low = first_column(squad, n, squad.member)
    region.high = first_column(squad, n, squad.member + 1)
    return region
