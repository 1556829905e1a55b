"""Which units dropout leaves out of a mini-batch: by its step's key."""

from libc.stdint cimport uint64_t

from cbackprop.engine.passes cimport Masks, Task


cdef extern from "keys.h":
    uint64_t nth_key(uint64_t key, uint64_t n) noexcept nogil


cdef inline Masks masks_of(const Task* task, Py_ssize_t step, double factor, Py_ssize_t row) noexcept nogil:
    """Those of the step after `step` others, of rates times `factor`; the blocks begin with row `row` of its rows."""
    cdef Masks masks
    masks.key = nth_key(task.seed, <uint64_t>step)
    masks.factor = factor
    masks.row = row
    return masks
