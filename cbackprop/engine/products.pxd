"""Row-major matrix products: small ones by the kernels' own loops, the others over the BLAS that SciPy carries."""

from cython cimport floating
from libc.stdint cimport int64_t, uint64_t

from cbackprop.engine.leaves cimport activate, blas_product, derivative, drop, small_product
from cbackprop.engine.plan cimport ACTIVATION_ROWS, IDENTITY, NOTHING


cdef inline void activate_columns(
    int64_t activation, floating* z, const floating* b, floating* kept, Py_ssize_t m, Py_ssize_t n, Py_ssize_t ld,
    double slope,
) noexcept nogil:
    """`activate`, of the first n columns of rows ld apart."""
    cdef Py_ssize_t i
    if n == ld:
        activate(activation, z, b, kept, m, n, slope)
        return
    for i in range(m):
        activate(activation, z + i * ld, b, kept + i * ld if kept != NULL else <floating*>NULL, 1, n, slope)


cdef inline void derivative_columns(
    int64_t activation, const floating* made_of, floating* delta, Py_ssize_t m, Py_ssize_t n, Py_ssize_t ld,
    double slope,
) noexcept nogil:
    """`derivative`, likewise."""
    cdef Py_ssize_t i
    if n == ld:
        derivative(activation, made_of, delta, m * n, slope)
        return
    for i in range(m):
        derivative(activation, made_of + i * ld, delta + i * ld, n, slope)


cdef inline void drop_columns(
    int64_t activation, bint is_kept, floating* a, floating* slopes, Py_ssize_t m, Py_ssize_t n, Py_ssize_t ld,
    double slope, uint64_t key, Py_ssize_t first, Py_ssize_t column, double rate,
) noexcept nogil:
    """`drop`, likewise."""
    cdef Py_ssize_t i
    if n == ld:
        drop(activation, is_kept, a, slopes, m, n, slope, key, first, column, rate)
        return
    for i in range(m):
        drop(activation, is_kept, a + i * ld, slopes + i * ld if slopes != NULL else <floating*>NULL, 1, n, slope, key,
             first + i, column, rate)


cdef inline void forward_product(
    Py_ssize_t m, Py_ssize_t n_in, Py_ssize_t n, Py_ssize_t ld, const floating* a, const floating* W,
    const floating* b, int64_t activation, double slope, floating* z, floating* kept,
) noexcept nogil:
    """Z (m, n) := f(A W + b), and the derivative kept where f keeps it: n columns of a layer that has ld."""
    cdef int finish = ACTIVATION_ROWS[activation].forward
    if small_product(False, False, m, n, n_in, 1.0, a, n_in, W, ld, 0.0, z, ld, finish, b):
        if finish == NOTHING:
            activate_columns(activation, z, b, kept, m, n, ld, slope)
        return
    blas_product(False, False, m, n, n_in, 1.0, a, n_in, W, ld, 0.0, z, ld)
    activate_columns(activation, z, b, kept, m, n, ld, slope)


cdef inline void plain_product(
    Py_ssize_t m, Py_ssize_t n_in, Py_ssize_t n_out, const floating* a, const floating* W, floating* z,
) noexcept nogil:
    """Z (m, n_out) := A W."""
    if not small_product(False, False, m, n_out, n_in, 1.0, a, n_in, W, n_out, 0.0, z, n_out, NOTHING,
                         <const floating*>NULL):
        blas_product(False, False, m, n_out, n_in, 1.0, a, n_in, W, n_out, 0.0, z, n_out)


cdef inline void backward_product(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t ld, Py_ssize_t n_out, double scale, const floating* delta,
    const floating* W, int64_t activation, double slope, const floating* made_of, floating* out,
) noexcept nogil:
    """D' (m, n) := (scale D W^T) * f': n columns of a layer that has ld, of as many rows of the next one's W.

    `made_of` (m, n) is A' = f(Z'), or f' itself.
    """
    cdef int finish = ACTIVATION_ROWS[activation].backward
    if small_product(False, True, m, n, n_out, scale, delta, n_out, W, n_out, 0.0, out, ld, finish, made_of):
        if finish != NOTHING:
            return
    else:
        blas_product(False, True, m, n, n_out, scale, delta, n_out, W, n_out, 0.0, out, ld)
    if activation != IDENTITY:
        derivative_columns(activation, made_of, out, m, n, ld, slope)


cdef inline void gradient_product(
    Py_ssize_t n_in, Py_ssize_t n, Py_ssize_t ld, Py_ssize_t m, double scale, const floating* a, Py_ssize_t lda,
    const floating* delta, double keep, floating* out,
) noexcept nogil:
    """G (n_in, n) := scale A^T D + keep G: n columns of a layer that has ld."""
    if not small_product(True, False, n_in, n, m, scale, a, lda, delta, ld, keep, out, ld, NOTHING,
                         <const floating*>NULL):
        blas_product(True, False, n_in, n, m, scale, a, lda, delta, ld, keep, out, ld)
