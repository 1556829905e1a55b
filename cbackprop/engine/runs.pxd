"""Numbers of a vector that stand in one piece, or in rows of a block, and what is done with them."""

from cython cimport floating
from libc.math cimport isfinite

from cbackprop.engine.leaves cimport add_scaled, add_signs, clip, sum_of_squares, update
from cbackprop.engine.plan cimport OPTIMIZER_ROWS, Step
from cbackprop.engine.steps cimport Training


cdef struct Run:
    # n numbers from `at`, n from `at` + `step`, and so on, `count` times; none if n is 0.
    Py_ssize_t at
    Py_ssize_t n
    Py_ssize_t count
    Py_ssize_t step


cdef inline Run run_of(Py_ssize_t at, Py_ssize_t n) noexcept nogil:
    """Numbers that stand one behind the other."""
    cdef Run run
    run.at, run.n, run.count, run.step = at, n, 1, n
    return run


cdef inline double squares_of(const floating* x, Py_ssize_t n) noexcept nogil:
    cdef double total = sum_of_squares(x, n)
    cdef Py_ssize_t i
    if not isfinite(total):     # a square may be too large for float32 where its number is not
        total = 0.0
        for i in range(n):
            total += <double>x[i] * <double>x[i]
    return total


cdef inline double squares(const floating* x, Run run) noexcept nogil:
    """The sum of their squares."""
    cdef double total = 0.0
    cdef Py_ssize_t i
    for i in range(run.count):
        total += squares_of(x + run.at + i * run.step, run.n)
    return total


cdef inline void move(const Training* training, Run run, const Step* step, floating* parameters) noexcept nogil:
    """The optimizer's step."""
    cdef floating* gradient = <floating*>training.gradient
    cdef floating* first = <floating*>training.state
    cdef floating* second = first + (
        training.n_parameters if OPTIMIZER_ROWS[training.rule.optimizer].vectors > 1 else 0)
    cdef Py_ssize_t i, at
    for i in range(run.count):
        at = run.at + i * run.step
        update(training.rule, parameters + at, gradient + at, first + at, second + at, run.n, step)


cdef inline void add(double factor, const floating* x, floating* y, Run run) noexcept nogil:
    """y += factor * x"""
    cdef Py_ssize_t i, at
    for i in range(run.count):
        at = run.at + i * run.step
        add_scaled(<floating>factor, x + at, y + at, run.n)


cdef inline void add_sign(double factor, const floating* x, floating* y, Run run) noexcept nogil:
    """y += factor * the sign of x"""
    cdef Py_ssize_t i, at
    for i in range(run.count):
        at = run.at + i * run.step
        add_signs(<floating>factor, x + at, y + at, run.n)


cdef inline void bound(floating* x, Run run, double most) noexcept nogil:
    """None is farther from 0 than `most`."""
    cdef Py_ssize_t i
    for i in range(run.count):
        clip(x + run.at + i * run.step, run.n, most)


cdef inline void multiply(floating* x, Run run, double factor) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(run.count):
        for j in range(run.n):
            x[run.at + i * run.step + j] *= <floating>factor
