"""What a thread updates of a layer: some rows of its [W; b], or [W; b; w], one behind the other in the vector."""

from cbackprop.engine.passes cimport Task, rows_of
from cbackprop.engine.steps cimport Training
from cbackprop.engine.team cimport part


cdef struct Share:
    # Rows low ... high of a layer's [W; b]. Its weights are `weights` numbers from `at` of the vector; `biases` is
    # n_out where the row of the biases is among them, more by n_out where that of a parametric activation is, and
    # else 0.
    Py_ssize_t low
    Py_ssize_t high
    Py_ssize_t at
    Py_ssize_t weights
    Py_ssize_t biases


cdef inline Share share_of_rows(const Task* task, Py_ssize_t index, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    cdef Share share
    cdef Py_ssize_t n_in = task.plan[index].n_in, n_out = task.plan[index].n_out
    share.low = low
    share.high = high
    share.at = task.plan[index].weights + low * n_out
    share.weights = ((high if high < n_in else n_in) - low) * n_out if low < n_in else 0
    share.biases = (high - (low if low > n_in else n_in)) * n_out if high > n_in else 0
    return share


cdef inline Share share_of(const Task* task, const Training* training, Py_ssize_t index) noexcept nogil:
    """What this thread has of a layer."""
    cdef Py_ssize_t rows = rows_of(task, index)
    return share_of_rows(task, index, part(rows, training.thread, training.n_threads),
                         part(rows, training.thread + 1, training.n_threads))


cdef inline Py_ssize_t rows_at_once(
    const Task* task, const Training* training, Py_ssize_t index, Py_ssize_t m, Py_ssize_t itemsize
) noexcept nogil:
    """Rows of [W; b] whose gradient is still in the first-level cache when the optimizer reads it; 0 for all.

    It pays where all D fits there beside it; and sparse rows are gone through once, not once for every piece.
    """
    cdef Py_ssize_t row = task.plan[index].n_out * itemsize, rows
    if m * row > 16384 or index == 0 and task.index_size != 0:
        return 0
    rows = 8192 // row
    return rows - rows % 12 if rows > 12 else 12
