"""What a thread updates of a layer: a block of its [W; b], or [W; b; w], and where that stands in the vector."""

from cbackprop.engine.passes cimport Share, Task, rows_of
from cbackprop.engine.regions cimport by_columns, first_column
from cbackprop.engine.runs cimport Run, run_of
from cbackprop.engine.steps cimport Training
from cbackprop.engine.team cimport Squad, part, squad_of


cdef inline Run rows_in(
    const Task* task, Py_ssize_t index, Share share, Py_ssize_t low, Py_ssize_t high
) noexcept nogil:
    """Those of a share's rows that lie in low ... high."""
    cdef Py_ssize_t n_out = task.plan[index].n_out
    cdef Run run
    low = low if low > share.low else share.low
    high = high if high < share.high else share.high
    run = run_of(task.plan[index].weights + low * n_out + share.left, share.right - share.left)
    if low >= high:
        run.n = 0
    elif run.n == n_out:
        run.n *= high - low
    else:
        run.count, run.step = high - low, n_out
    return run


cdef inline Run weights_in(const Task* task, Py_ssize_t index, Share share) noexcept nogil:
    """A share's weights."""
    return rows_in(task, index, share, 0, task.plan[index].n_in)


cdef inline Run biases_in(const Task* task, Py_ssize_t index, Share share) noexcept nogil:
    """A share's biases, and what parametric activations have."""
    return rows_in(task, index, share, task.plan[index].n_in, share.high)


cdef inline Run all_in(const Task* task, Py_ssize_t index, Share share) noexcept nogil:
    """All of a share: weights, and right behind them the others."""
    return rows_in(task, index, share, share.low, share.high)


cdef inline Share some_rows(Share share, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    """Rows low ... high of it."""
    share.low, share.high = low, high
    return share


cdef inline Share whole_layer(const Task* task, Py_ssize_t index) noexcept nogil:
    cdef Share share
    share.low, share.high = 0, rows_of(task, index)
    share.left, share.right = 0, task.plan[index].n_out
    return share


cdef inline Share share_of(const Task* task, const Training* training, Py_ssize_t index) noexcept nogil:
    """What this thread has of a layer: some rows, or a squad has them and each of its threads some of the columns.

    So it reads fewer columns of D for its gradient, and more of A: much less, as long as a block is no strip.
    """
    cdef Share share = whole_layer(task, index)
    cdef Py_ssize_t rows = share.high, thread = training.thread, threads = training.n_threads
    cdef Squad squad
    if training.squad_size > 1:
        squad = squad_of(training.team, thread, training.squad_size)
        if by_columns(task, &squad, index):
            share.left = first_column(&squad, share.right, squad.member)
            share.right = first_column(&squad, share.right, squad.member + 1)
            thread, threads = squad.number, threads // squad.size
    return some_rows(share, part(rows, thread, threads), part(rows, thread + 1, threads))


cdef inline Py_ssize_t rows_at_once(
    const Task* task, Share share, Py_ssize_t index, Py_ssize_t m, Py_ssize_t itemsize
) noexcept nogil:
    """Rows of a share whose gradient is still in the first-level cache when the optimizer reads it; 0 for all.

    It pays where all D fits there beside it; and sparse rows are gone through once, not once for every piece.
    """
    cdef Py_ssize_t row = (share.right - share.left) * itemsize, rows
    if m * row > 16384 or index == 0 and task.index_size != 0:
        return 0
    rows = 8192 // row
    return rows - rows % 12 if rows > 12 else 12
