"""Row-major matrix products: small ones by the kernels' own loops, the others over the BLAS that SciPy carries."""

from cython cimport floating
from libc.stdint cimport int64_t

from cbackprop.engine.leaves cimport activate, blas_product, derivative, small_product
from cbackprop.engine.plan cimport ACTIVATION_ROWS, IDENTITY, NOTHING


cdef inline void forward_product(
    Py_ssize_t m, Py_ssize_t n_in, Py_ssize_t n_out, const floating* a, const floating* W, const floating* b,
    int64_t activation, double slope, floating* z, floating* kept,
) noexcept nogil:
    """Z (m, n_out) := f(A W + b), and the derivative kept where f keeps it."""
    cdef int finish = ACTIVATION_ROWS[activation].forward
    if small_product(False, False, m, n_out, n_in, 1.0, a, n_in, W, n_out, 0.0, z, n_out, finish, b):
        if finish == NOTHING:
            activate(activation, z, b, kept, m, n_out, slope)
        return
    blas_product(False, False, m, n_out, n_in, 1.0, a, n_in, W, n_out, 0.0, z, n_out)
    activate(activation, z, b, kept, m, n_out, slope)


cdef inline void plain_product(
    Py_ssize_t m, Py_ssize_t n_in, Py_ssize_t n_out, const floating* a, const floating* W, floating* z,
) noexcept nogil:
    """Z (m, n_out) := A W."""
    if not small_product(False, False, m, n_out, n_in, 1.0, a, n_in, W, n_out, 0.0, z, n_out, NOTHING,
                         <const floating*>NULL):
        blas_product(False, False, m, n_out, n_in, 1.0, a, n_in, W, n_out, 0.0, z, n_out)


cdef inline void backward_product(
    Py_ssize_t m, Py_ssize_t n_in, Py_ssize_t n_out, double scale, const floating* delta, const floating* W,
    int64_t activation, double slope, const floating* made_of, floating* out,
) noexcept nogil:
    """D' (m, n_in) := (scale D W^T) * f'; `made_of` (m, n_in) is A' = f(Z'), or f' itself."""
    cdef int finish = ACTIVATION_ROWS[activation].backward
    if small_product(False, True, m, n_in, n_out, scale, delta, n_out, W, n_out, 0.0, out, n_in, finish, made_of):
        if finish != NOTHING:
            return
    else:
        blas_product(False, True, m, n_in, n_out, scale, delta, n_out, W, n_out, 0.0, out, n_in)
    if activation != IDENTITY:
        derivative(activation, made_of, out, m * n_in, slope)


cdef inline void gradient_product(
    Py_ssize_t n_in, Py_ssize_t n_out, Py_ssize_t m, double scale, const floating* a, Py_ssize_t lda,
    const floating* delta, double keep, floating* out,
) noexcept nogil:
    """G (n_in, n_out) := scale A^T D + keep G."""
    if not small_product(True, False, n_in, n_out, m, scale, a, lda, delta, n_out, keep, out, n_out,
                         NOTHING, <const floating*>NULL):
        blas_product(True, False, n_in, n_out, m, scale, a, lda, delta, n_out, keep, out, n_out)
