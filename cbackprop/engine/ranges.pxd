"""Every index that the loops will follow for a range of rows, checked."""

from libc.stdint cimport int64_t

from cbackprop.engine.passes cimport Task, index_at


cdef inline int check_rows(
    const Task* task, Py_ssize_t first, Py_ssize_t last, Py_ssize_t n_rows, Py_ssize_t n_stored, Py_ssize_t n_values,
    int64_t n_labels
) except -1:
    cdef Py_ssize_t i, row, bad = -1
    cdef int64_t at, start, stop, column
    if not 0 <= first < last <= n_rows:
        raise ValueError(f"rows {first} to {last} asked for, of {n_rows}; at least one is needed")
    with nogil:
        for i in range(first, last):
            row = task.rows[i] if task.rows != NULL else i
            if row < 0 or row >= n_stored:
                bad = 0
                break
            if task.labels != NULL and not 0 <= task.labels[row] < n_labels:
                bad = 1
                break
            if task.index_size == 0:
                continue
            start = index_at(task.indptr, task.index_size, row)
            stop = index_at(task.indptr, task.index_size, row + 1)
            if start < 0 or stop < start or stop > n_values:
                bad = 2
                break
            for at in range(start, stop):
                column = index_at(task.indices, task.index_size, at)
                if column < 0 or column >= task.plan[0].n_in:
                    bad = 3
                    break
            if bad >= 0:
                break
    if bad == 0:
        raise IndexError(f"rows must lie between 0 and {n_stored - 1}, got {row} at {i}")
    if bad == 1:
        raise ValueError(
            f"labels must lie between 0 and {n_labels - 1}, got {task.labels[row]} in row {row}")
    if bad == 2:
        raise ValueError(
            f"X.indptr must grow from 0 to at most {n_values}, got {start} and {stop} at row {row}")
    if bad == 3:
        raise ValueError(
            f"X.indices must lie between 0 and {task.plan[0].n_in - 1}, got {column} in row {row}")
    return 0
