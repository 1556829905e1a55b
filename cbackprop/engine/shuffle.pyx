"""NumPy's legacy shuffle, drawn straight from the bit generator: the same draws and swaps, a third of the time."""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport UINT32_MAX, uint32_t, uint64_t

import numpy as np


# numpy/random/bitgen.h, a documented part of NumPy's C interface
cdef struct BitGenerator:
    void* state
    uint64_t (*next_uint64)(void*) noexcept nogil
    uint32_t (*next_uint32)(void*) noexcept nogil
    double (*next_double)(void*) noexcept nogil
    uint64_t (*next_raw)(void*) noexcept nogil


cdef void swap_down(BitGenerator* bits, Py_ssize_t* order, Py_ssize_t n) noexcept nogil:
    """Fisher and Yates from the top. A draw over i is thrown away: the swap is then i with itself, so that the
    processor has no branch to guess."""
    cdef Py_ssize_t i = n - 1, j, kept
    cdef uint64_t mask, value, accepted
    while i > 0:
        mask = <uint64_t>i
        mask |= mask >> 1
        mask |= mask >> 2
        mask |= mask >> 4
        mask |= mask >> 8
        mask |= mask >> 16
        mask |= mask >> 32
        # The mask is the same until i is the power of two below.
        while <uint64_t>i > mask >> 1:
            if i <= UINT32_MAX:
                value = bits.next_uint32(bits.state) & mask
            else:
                value = bits.next_uint64(bits.state) & mask
            accepted = value <= <uint64_t>i
            j = <Py_ssize_t>(accepted * value + (1 - accepted) * <uint64_t>i)
            kept = order[j]
            order[j] = order[i]
            order[i] = kept
            i -= <Py_ssize_t>accepted


def shuffle(rng, order):
    """Shuffle an intp array in place, as ``rng.shuffle(order)`` does, and leave `rng` as that leaves it.

    Parameters
    ----------
    rng : numpy.random.RandomState
    order : C-contiguous, writable intp array (n,)
    """
    cdef Py_buffer view
    cdef BitGenerator* bits
    if type(rng) is not np.random.RandomState or order.dtype != np.intp or order.ndim != 1:
        rng.shuffle(order)
        return
    generator = rng._bit_generator
    bits = <BitGenerator*>PyCapsule_GetPointer(generator.capsule, "BitGenerator")
    PyObject_GetBuffer(order, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE)
    try:
        with generator.lock, nogil:
            swap_down(bits, <Py_ssize_t*>view.buf, view.shape[0])
    finally:
        PyBuffer_Release(&view)
